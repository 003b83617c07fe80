/* test_scan.c -- rows kept in memory, and thinning at the cap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/scan.h"
#include "sweep_oom.h"

static void fill(struct hp__scan *scan, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        struct hp_narrow_row row = {.row = i, .duration_ns = i};
        assert_true(hp__scan_add(scan, &row));
    }
}

static void below_the_cap_every_row_is_kept(void **state)
{
    (void)state;
    struct hp__scan scan;
    hp__scan_init(&scan, 5000);
    fill(&scan, 1, 5000);
    assert_int_equal(scan.count, 5000);
    assert_int_equal(scan.keep_mask, 0);
    for (uint64_t i = 0; i < 5000; i++) {
        assert_int_equal(scan.rows[i].row, i + 1);
    }
    hp__scan_fini(&scan);
}

static void above_the_cap_rows_are_thinned_evenly(void **state)
{
    (void)state;
    struct hp__scan scan;
    hp__scan_init(&scan, 4096);
    fill(&scan, 1, 100000);
    assert_true(scan.keep_mask != 0);
    assert_true(scan.count > 1000 && scan.count <= 4096);
    uint64_t sum = 0;
    for (size_t i = 0; i < scan.count; i++) {
        sum += scan.rows[i].row;
        assert_true(i == 0 || scan.rows[i].row > scan.rows[i - 1].row);
    }
    double mean = (double)sum / (double)scan.count;
    assert_true(mean > 46000 && mean < 54000);
    hp__scan_fini(&scan);
}

static void what_is_kept_does_not_depend_on_the_order_of_loading(void **state)
{
    (void)state;
    struct hp__scan once, twice;
    hp__scan_init(&once, 1000);
    hp__scan_init(&twice, 1000);
    fill(&once, 1, 20000);
    fill(&twice, 1, 7000);
    fill(&twice, 7001, 13000);
    assert_int_equal(once.count, twice.count);
    assert_memory_equal(once.rows, twice.rows, once.count * sizeof *once.rows);
    hp__scan_clear(&once);
    assert_int_equal(once.keep_mask, 0);
    fill(&once, 1, 10);
    assert_int_equal(once.count, 10);
    hp__scan_fini(&once);
    hp__scan_fini(&twice);
}

static void rows_of_a_route_are_found_without_the_others(void **state)
{
    (void)state;
    struct hp__scan scan;
    const uint32_t *places;
    size_t count;
    hp__scan_init(&scan, 5000);
    assert_int_equal(hp__scan_route(&scan, 3, &places, &count), HP_OK);
    assert_int_equal(count, 0);
    for (uint64_t i = 0; i < 90; i++) {
        struct hp_narrow_row row = {.row = i, .route = 1 + (uint32_t)(i * i) % 7};
        assert_true(hp__scan_add(&scan, &row));
        if (i == 40) {
            assert_int_equal(hp__scan_route(&scan, 5, &places, &count), HP_OK);
            assert_int_equal(count, 12); /* 2, 9 … 37 and 5, 12 … 40: their squares leave 4 */
        }
    }
    size_t all = 0;
    for (uint32_t route = 0; route < 12; route++) {
        assert_int_equal(hp__scan_route(&scan, route, &places, &count), HP_OK);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(scan.rows[places[i]].route, route);
            assert_true(i == 0 || places[i] > places[i - 1]);
        }
        all += count;
    }
    assert_int_equal(all, 90);
    hp__scan_clear(&scan);
    assert_int_equal(hp__scan_route(&scan, 5, &places, &count), HP_OK);
    assert_int_equal(count, 0);
    hp__scan_fini(&scan);
}

static void oom(void *arg)
{
    (void)arg;
    struct hp__scan scan;
    const uint32_t *places;
    size_t count = 0;
    hp__scan_init(&scan, 5000);
    struct hp_narrow_row row = {.row = 1, .route = 9};
    for (int i = 0; i < 3000 && hp__scan_add(&scan, &row); i++) {
    }
    assert_true(scan.err == HP_ENOMEM || scan.count == 3000);
    assert_true(hp__scan_route(&scan, 9, &places, &count) == HP_ENOMEM || count == scan.count);
    hp__scan_fini(&scan);
}

static void survives_no_memory(void **state)
{
    (void)state;
    hp_sweep_oom(oom, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_the_cap_every_row_is_kept),
        cmocka_unit_test(above_the_cap_rows_are_thinned_evenly),
        cmocka_unit_test(what_is_kept_does_not_depend_on_the_order_of_loading),
        cmocka_unit_test(rows_of_a_route_are_found_without_the_others),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
