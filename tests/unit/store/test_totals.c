/* test_totals.c -- rows added up by route and revision, and the cap on pairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/scan.h"
#include "sweep_oom.h"

static struct hp_narrow_row row_of(uint64_t number, uint32_t route, uint32_t revision)
{
    return (struct hp_narrow_row){.row = number,
                                  .route = route,
                                  .revision = revision,
                                  .duration_ns = number,
                                  .own_ns = 3,
                                  .cpu_ns = number % 2 == 0 ? HP_ABSENT : 5,
                                  .statements = 2,
                                  .status = number % 10 == 0 ? 500 : 200};
}

static void pairs_of_route_and_revision_add_up(void **state)
{
    (void)state;
    struct hp__totals totals;
    hp__totals_init(&totals);
    for (uint64_t i = 1; i <= 100; i++) {
        struct hp_narrow_row row = row_of(i, 7, i <= 60 ? 1 : 2);
        hp__totals_add(&totals, &row);
    }
    assert_int_equal(totals.count, 2);
    const struct hp__total *first = &totals.list[0], *second = &totals.list[1];
    assert_int_equal(first->route, 7);
    assert_int_equal(first->revision, 1);
    assert_int_equal(first->requests, 60);
    assert_int_equal(first->errors, 6);
    assert_int_equal(first->total_ns, 60 * 61 / 2);
    assert_int_equal(first->own_ns, 180);
    assert_int_equal(first->cpu_ns, 150);
    assert_int_equal(first->cpu_requests, 30);
    assert_int_equal(first->statements, 120);
    assert_int_equal(second->requests, 40);
    assert_int_equal(hp_sketch_quantile(second->sketch, 1), 100);
    assert_false(totals.partial);
    hp__totals_fini(&totals);
}

static void beyond_the_cap_totals_are_partial(void **state)
{
    (void)state;
    struct hp__totals totals;
    hp__totals_init(&totals);
    for (uint32_t i = 0; i < HP_TOTALS_MOST; i++) {
        struct hp_narrow_row row = row_of(i + 1, i, 1);
        hp__totals_add(&totals, &row);
    }
    assert_false(totals.partial);
    struct hp_narrow_row other = row_of(9999, 3, 2);
    hp__totals_add(&totals, &other);
    assert_true(totals.partial);
    assert_int_equal(totals.count, HP_TOTALS_MOST);
    hp__totals_clear(&totals);
    assert_false(totals.partial);
    assert_int_equal(totals.count, 0);
    hp__totals_add(&totals, &other);
    assert_int_equal(totals.count, 1);
    hp__totals_fini(&totals);
}

static void a_thinned_scan_knows_what_all_rows_are_together(void **state)
{
    (void)state;
    struct hp__scan scan;
    hp__scan_init(&scan, 1000);
    for (uint64_t i = 1; i <= 1000; i++) {
        struct hp_narrow_row row = row_of(i, 1, 1);
        assert_true(hp__scan_add(&scan, &row));
    }
    assert_int_equal(scan.totals.count, 0); /* memory has them all */
    for (uint64_t i = 1001; i <= 20000; i++) {
        struct hp_narrow_row row = row_of(i, 1, 1);
        assert_true(hp__scan_add(&scan, &row));
    }
    assert_int_equal(scan.totals.list[0].requests, 20000);
    assert_int_equal(scan.totals.list[0].total_ns, UINT64_C(20000) * 20001 / 2);
    hp__scan_clear(&scan);
    assert_int_equal(scan.totals.count, 0);
    hp__scan_fini(&scan);
}

static void oom(void *arg)
{
    (void)arg;
    struct hp__totals totals;
    hp__totals_init(&totals);
    for (uint32_t i = 0; i < 40; i++) {
        struct hp_narrow_row row = row_of(i, i, 1);
        hp__totals_add(&totals, &row);
    }
    assert_true(totals.partial || totals.count == 40);
    hp__totals_fini(&totals);
}

static void survives_no_memory(void **state)
{
    (void)state;
    hp_sweep_oom(oom, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_of_route_and_revision_add_up),
        cmocka_unit_test(beyond_the_cap_totals_are_partial),
        cmocka_unit_test(a_thinned_scan_knows_what_all_rows_are_together),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
