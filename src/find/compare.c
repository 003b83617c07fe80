/* compare.c -- see compare.h. Gamma draws: Marsaglia and Tsang, "A simple method for generating gamma
 * variables" (ACM TOMS 2000). */
#include "find/compare.h"

#include <math.h>
#include <stdlib.h>
#include "base/assert.h"
#include "base/rank.h"
#include "base/rng.h"

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int by_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void hp_compare_sort(uint64_t *values, size_t n)
{
    if (n > 1) {
        qsort(values, n, sizeof *values, by_value);
    }
}

/* Rank (from 1) of the lower of the one or two order statistics that make the quantile. */
static size_t rank_of(size_t n, double q, bool *pair)
{
    *pair = fabs(q - 0.5) < 1e-9 && n % 2 == 0;
    if (*pair) {
        return n / 2;
    }
    return (size_t)hp_rank(q, n) + 1;
}

double hp_compare_quantile(struct hp_compare_side side, double q)
{
    if (side.n == 0) {
        return 0;
    }
    bool pair;
    size_t k = rank_of(side.n, q, &pair);
    double lower = (double)side.sorted[k - 1];
    return pair ? (lower + (double)side.sorted[k]) / 2 : lower;
}

static double open_uniform(struct hp_rng *rng)
{
    return hp_rng_double(rng) + 0x1p-54;
}

static double normal(struct hp_rng *rng)
{
    for (;;) {
        double x = 2 * hp_rng_double(rng) - 1, y = 2 * hp_rng_double(rng) - 1;
        double r = x * x + y * y;
        if (r > 0 && r < 1) {
            return x * sqrt(-2 * log(r) / r);
        }
    }
}

static double gamma_draw(struct hp_rng *rng, double shape)
{
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = normal(rng), v = 1 + c * x;
        if (v > 0) {
            v = v * v * v;
            if (log(open_uniform(rng)) < 0.5 * x * x + d - d * v + d * log(v)) {
                return d * v;
            }
        }
    }
}

static double value_at(struct hp_compare_side side, double u)
{
    size_t i = (size_t)(u * (double)side.n);
    return (double)side.sorted[i < side.n ? i : side.n - 1];
}

/* The quantile of one resample of the side's values. */
static double resample(struct hp_rng *rng, struct hp_compare_side side, double q)
{
    bool pair;
    size_t k = rank_of(side.n, q, &pair);
    double a = gamma_draw(rng, (double)k), b = gamma_draw(rng, (double)(side.n - k + 1));
    double u = a / (a + b);
    if (!pair) {
        return value_at(side, u);
    }
    /* The next order statistic: the least of the n − k numbers that are left above u. */
    double next = u + (1 - u) * (1 - pow(open_uniform(rng), 1 / (double)(side.n - k)));
    return (value_at(side, u) + value_at(side, next)) / 2;
}

static void bounds(double *draws, size_t n, double level, struct hp_interval *out)
{
    qsort(draws, n, sizeof *draws, by_double);
    size_t cut = (size_t)((1 - level) / 2 * (double)n);
    out->low = draws[cut];
    out->high = draws[n - 1 - cut];
}

struct hp_interval hp_compare_interval(struct hp_compare_side side, double q, double level,
                                       uint32_t resamples, uint64_t seed)
{
    hp_assert(level > 0 && level < 1 && resamples >= 100 && resamples <= HP_COMPARE_RESAMPLES);
    struct hp_interval out = {0, 0, 0};
    if (side.n == 0) {
        return out;
    }
    double draws[HP_COMPARE_RESAMPLES];
    struct hp_rng rng;
    hp_rng_seed(&rng, seed);
    size_t n = 0;
    do {
        draws[n++] = resample(&rng, side, q);
    } while (n < resamples);
    out.value = hp_compare_quantile(side, q);
    bounds(draws, n, level, &out);
    return out;
}

struct hp_interval hp_compare_difference(struct hp_compare_side before, struct hp_compare_side after,
                                         double q, double level, uint64_t seed)
{
    hp_assert(level > 0 && level < 1);
    struct hp_interval out = {0, 0, 0};
    if (before.n == 0 || after.n == 0) {
        return out;
    }
    double draws[HP_COMPARE_RESAMPLES];
    struct hp_rng rng;
    hp_rng_seed(&rng, seed);
    for (size_t i = 0; i < HP_COMPARE_RESAMPLES; i++) {
        double old = resample(&rng, before, q);
        draws[i] = resample(&rng, after, q) - old;
    }
    out.value = hp_compare_quantile(after, q) - hp_compare_quantile(before, q);
    bounds(draws, HP_COMPARE_RESAMPLES, level, &out);
    return out;
}

bool hp_compare_changed(struct hp_compare_side before, struct hp_compare_side after,
                        struct hp_interval difference)
{
    bool enough = before.n >= HP_COMPARE_ENOUGH && after.n >= HP_COMPARE_ENOUGH;
    return enough && (difference.low > 0 || difference.high < 0);
}
