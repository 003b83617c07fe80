/* test_compare.c -- intervals cover what they claim, and noise is not a change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>

#include "base/rng.h"
#include "find/compare.h"

static struct hp_compare_side draw_heavy(struct hp_rng *rng, uint64_t *into, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++) {
        double u = hp_rng_double(rng) + 1e-12;
        into[i] = (uint64_t)(1e6 * scale * (1 + 0.2 * pow(u, -0.5))); /* Pareto tail over a floor */
    }
    hp_compare_sort(into, n);
    return (struct hp_compare_side){into, n};
}

static void quantile_is_mean_of_middle_or_nearest_rank(void **state)
{
    (void)state;
    uint64_t even[] = {1, 2, 4, 10}, odd[] = {1, 5, 9};
    assert_true(hp_compare_quantile((struct hp_compare_side){even, 4}, 0.5) == 3);
    assert_true(hp_compare_quantile((struct hp_compare_side){odd, 3}, 0.5) == 5);
    assert_true(hp_compare_quantile((struct hp_compare_side){even, 4}, 0.95) == 10);
    assert_true(hp_compare_quantile((struct hp_compare_side){even, 0}, 0.5) == 0);
}

static void same_seed_gives_same_interval(void **state)
{
    (void)state;
    struct hp_rng rng;
    uint64_t values[40];
    hp_rng_seed(&rng, 1);
    struct hp_compare_side side = draw_heavy(&rng, values, 40, 1);
    struct hp_interval a = hp_compare_interval(side, 0.5, 0.9, HP_COMPARE_RESAMPLES, 7),
                       b = hp_compare_interval(side, 0.5, 0.9, HP_COMPARE_RESAMPLES, 7);
    assert_true(a.low == b.low && a.high == b.high && a.value == b.value);
    assert_true(a.low <= a.value && a.value <= a.high && a.low < a.high);
}

/* The Beta draw must have the distribution of plain resampling: compare the interval with one made the slow
 * way. */
static void interval_equals_plain_bootstrap(void **state)
{
    (void)state;
    struct hp_rng rng;
    uint64_t values[31], picked[31], medians[4000];
    hp_rng_seed(&rng, 3);
    struct hp_compare_side side = draw_heavy(&rng, values, 31, 1);
    for (size_t r = 0; r < 4000; r++) {
        for (size_t i = 0; i < 31; i++) {
            picked[i] = values[hp_rng_below(&rng, 31)];
        }
        hp_compare_sort(picked, 31);
        medians[r] = picked[15];
    }
    hp_compare_sort(medians, 4000);
    struct hp_interval fast = hp_compare_interval(side, 0.5, 0.9, HP_COMPARE_RESAMPLES, 11);
    double low = (double)medians[200], high = (double)medians[3799];
    assert_true(fabs(fast.low - low) < 0.02 * low && fabs(fast.high - high) < 0.04 * high);
}

static unsigned count_changes(double after_scale, size_t n, unsigned runs)
{
    struct hp_rng rng;
    uint64_t before[200], after[200];
    unsigned changes = 0;
    hp_rng_seed(&rng, 42);
    for (unsigned r = 0; r < runs; r++) {
        struct hp_compare_side a = draw_heavy(&rng, before, n, 1),
                               b = draw_heavy(&rng, after, n, after_scale);
        changes += hp_compare_changed(a, b, hp_compare_difference(a, b, 0.5, 0.95, r));
    }
    return changes;
}

static void noise_is_rarely_called_a_change(void **state)
{
    (void)state;
    assert_true(count_changes(1.0, 100, 200) <= 14); /* 5 % of 200 and some luck */
    assert_true(count_changes(1.0, 10, 200) <= 18);
}

static void a_real_change_is_found(void **state)
{
    (void)state;
    assert_true(count_changes(1.05, 200, 50) >= 48);
}

static void fewer_than_eight_requests_are_not_enough(void **state)
{
    (void)state;
    uint64_t a[] = {10, 11, 12, 13, 14, 15, 16}, b[] = {90, 91, 92, 93, 94, 95, 96, 97, 98};
    struct hp_compare_side before = {a, 7}, after = {b, 9};
    struct hp_interval d = hp_compare_difference(before, after, 0.5, 0.95, 1);
    assert_true(d.low > 0);
    assert_false(hp_compare_changed(before, after, d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantile_is_mean_of_middle_or_nearest_rank),
        cmocka_unit_test(same_seed_gives_same_interval),
        cmocka_unit_test(interval_equals_plain_bootstrap),
        cmocka_unit_test(noise_is_rarely_called_a_change),
        cmocka_unit_test(a_real_change_is_found),
        cmocka_unit_test(fewer_than_eight_requests_are_not_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
