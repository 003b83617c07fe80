/* test_waitsjson.c -- where a request's time went adds up, whatever was measured of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/waitsjson.h"

static struct hp_waitsjson_time sum_of(uint64_t cpu_ns, uint64_t runqueue_ns, uint64_t wait_ns,
                                       uint64_t busy_ns)
{
    struct hp_wait wait = {.kind = HP_WAIT_RECV, .ns = wait_ns};
    struct hp_lane lane = {.wait_busy_ns = busy_ns};
    struct hp_record record = {.waits = &wait, .wait_count = 1, .lanes = &lane, .lane_count = 1};
    record.req.wall_ns = 80;
    record.req.cpu_ns = cpu_ns;
    record.req.runqueue_ns = runqueue_ns;
    return hp_waitsjson_sum(&record);
}

static void time_that_is_in_two_sums_is_at_least_what_they_have_beyond_wall(void **state)
{
    (void)state;
    struct hp_waitsjson_time time = sum_of(20, 10, 40, 5);
    assert_true(time.known);
    assert_int_equal(time.busy_ns, 5);
    assert_int_equal(time.left_ns, 15);
    time = sum_of(28, 48, 52, 16);
    assert_int_equal(time.busy_ns, 48);
    assert_int_equal(time.left_ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_that_is_in_two_sums_is_at_least_what_they_have_beyond_wall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
