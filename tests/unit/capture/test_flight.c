/* test_flight.c -- of which requests the flight recorder keeps the tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/flight.h"

#define MS 1000000u

static bool ends(struct hp_flight *flight, uint32_t route, uint64_t wall_ns, int status)
{
    struct hp_request facts = {.route = route, .wall_ns = wall_ns, .status = (uint16_t)status};
    return hp_flight_keep(flight, &facts);
}

static void fixed_time_keeps_what_takes_as_long(void **state)
{
    (void)state;
    struct hp_flight *flight = hp_flight_new(100 * MS);
    assert_false(ends(flight, 1, 99 * MS, 200));
    assert_true(ends(flight, 1, 100 * MS, 200));
    assert_true(ends(flight, 1, 1 * MS, 500));
    hp_flight_free(flight);
}

static void without_a_time_the_slowest_hundredth_is_kept(void **state)
{
    (void)state;
    struct hp_flight *flight = hp_flight_new(0);
    unsigned kept = 0;
    for (unsigned i = 0; i < 10000; i++) {
        kept += ends(flight, 7, (10 + i * 7919 % 1000) * (uint64_t)MS, 200);
    }
    assert_in_range(kept, 60, 160);
    assert_true(ends(flight, 7, 5000 * (uint64_t)MS, 200));
    assert_false(ends(flight, 7, 10 * MS, 200));
    hp_flight_free(flight);
}

static void first_requests_of_a_route_are_not_slow(void **state)
{
    (void)state;
    struct hp_flight *flight = hp_flight_new(0);
    for (unsigned i = 0; i < 10; i++) {
        assert_false(ends(flight, 3, (1000 - i) * (uint64_t)MS, 200));
    }
    assert_true(ends(flight, 3, 5000 * (uint64_t)MS, 200));
    hp_flight_free(flight);
}

static void failed_request_is_kept_of_any_route(void **state)
{
    (void)state;
    struct hp_flight *flight = hp_flight_new(0);
    for (uint32_t route = 0; route < 3 * HP_FLIGHT_ROUTES; route++) {
        assert_true(ends(flight, route, MS, 503));
    }
    struct hp_request raised = {.route = 9, .status = 200, .flags = HP_REQ_EXCEPTION};
    assert_true(hp_flight_keep(flight, &raised));
    hp_flight_free(flight);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_time_keeps_what_takes_as_long),
        cmocka_unit_test(without_a_time_the_slowest_hundredth_is_kept),
        cmocka_unit_test(first_requests_of_a_route_are_not_slow),
        cmocka_unit_test(failed_request_is_kept_of_any_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
