/* test_budget.c -- the level of a route follows what capturing it costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture/budget.h"

#define SECOND 1000000000u

static struct hp_budget budget;
static uint64_t now;

static int setup(void **state)
{
    (void)state;
    memset(&budget, 0, sizeof budget);
    budget.share = 0.03;
    now = 5 * (uint64_t)SECOND;
    return 0;
}

/* `seconds` of ten requests a second that take `base_us` of CPU; own cost by level in µs. Returns the level
 * of the last one. */
static int drive(uint32_t route, unsigned seconds, uint64_t base_us, const uint64_t own_us[4])
{
    int level = 0;
    for (unsigned i = 0; i < seconds * 10; i++) {
        level = hp_budget_level(&budget, route, 3, now);
        hp_budget_note(&budget, route, level, own_us[level] * 1000, base_us * 1000, now + SECOND / 20);
        now += SECOND / 10;
    }
    return level;
}

static const uint64_t costs[4] = {1, 3, 40, 900};

static void without_a_budget_the_asked_level_holds(void **state)
{
    (void)state;
    budget.share = 0;
    assert_int_equal(drive(7, 10, 100, costs), 3);
}

static void route_that_can_bear_it_stays_traced(void **state)
{
    (void)state;
    assert_int_equal(drive(7, 30, 100000, costs), 3);
}

static void level_goes_down_step_by_step_until_it_fits(void **state)
{
    (void)state;
    assert_int_equal(drive(7, 2, 5000, costs), 2);    /* 900 of 5,000 µs, then 40: fits */
    assert_int_equal(drive(8, 5, 1000, costs), 1);    /* 40 of 1,000 does not */
    assert_int_equal(drive(9, 5, 20, costs), 0);      /* within 5 s to the lowest */
    assert_int_equal(drive(10, 1, 100000, costs), 3); /* others are not touched */
}

static void slow_traffic_comes_down_within_five_requests(void **state)
{
    (void)state;
    int level = 3;
    for (unsigned i = 0; i < 7; i++) {
        level = hp_budget_level(&budget, 4, 3, now);
        hp_budget_note(&budget, 4, level, costs[level] * 1000, 20000, now);
        now += SECOND;
    }
    assert_int_equal(level, 0);
}

static void level_comes_back_when_requests_are_long_again(void **state)
{
    (void)state;
    assert_int_equal(drive(7, 3, 5000, costs), 2);
    assert_int_equal(drive(7, 12, 100000, costs), 3);
    assert_int_equal(drive(7, 60, 100000, costs), 3);
}

static void trials_become_rare_where_the_level_above_never_fits(void **state)
{
    (void)state;
    unsigned dear = 0;
    drive(7, 5, 5000, costs);
    for (unsigned i = 0; i < 600; i++) {
        dear += drive(7, 1, 5000, costs) == 3;
    }
    assert_in_range(dear, 1, 12);
}

static void asked_for_less_is_given_less(void **state)
{
    (void)state;
    assert_int_equal(hp_budget_level(&budget, 7, 1, now), 1);
}

static void more_routes_than_the_table_holds_share_one_entry(void **state)
{
    (void)state;
    for (uint32_t route = 1; route < 4 * HP_BUDGET_ROUTES; route++) {
        int level = hp_budget_level(&budget, route, 3, now);
        hp_budget_note(&budget, route, level, 1000, 1000000, now);
    }
    assert_int_equal(hp_budget_level(&budget, 4 * HP_BUDGET_ROUTES + 5, 3, now), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_budget_the_asked_level_holds, setup),
        cmocka_unit_test_setup(route_that_can_bear_it_stays_traced, setup),
        cmocka_unit_test_setup(level_goes_down_step_by_step_until_it_fits, setup),
        cmocka_unit_test_setup(slow_traffic_comes_down_within_five_requests, setup),
        cmocka_unit_test_setup(level_comes_back_when_requests_are_long_again, setup),
        cmocka_unit_test_setup(trials_become_rare_where_the_level_above_never_fits, setup),
        cmocka_unit_test_setup(asked_for_less_is_given_less, setup),
        cmocka_unit_test_setup(more_routes_than_the_table_holds_share_one_entry, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
