/* test_gauges.c -- what the process uses is what the kernel says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/gauges.h"

static void figures_are_this_process_s(void **state)
{
    (void)state;
    struct hp_gauge before, after;
    int fds[2];
    assert_true(hp_gauges_read(&before));
    assert_int_equal(pipe(fds), 0);
    assert_true(hp_gauges_read(&after));
    assert_int_equal(after.fds, before.fds + 2);
    assert_int_equal(after.threads, 1);
    assert_true(after.rss_bytes > 500000 && after.rss_bytes <= after.peak_rss_bytes);
    assert_true(after.cpu_ns >= before.cpu_ns && after.at_ns >= before.at_ns);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures_are_this_process_s)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
