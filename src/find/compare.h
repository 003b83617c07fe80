/* compare.h -- medians and other quantiles with bootstrap intervals, of one stretch of requests and between
 * two.
 *
 * Why: latencies have heavy tails, so intervals come from the data, not from a normal law. A resample's k-th
 * smallest of n values drawn with replacement is sorted[floor(n × U)] with U the k-th smallest of n uniform
 * numbers, which is Beta(k, n − k + 1) distributed. So one resample costs one Beta draw instead of n draws
 * and a sort, and 100,000 requests a side cost what eight do; the result has exactly the distribution of the
 * plain bootstrap (Efron 1979; order statistics: David and Nagaraja 2003, section 2.1).
 *
 * Everything is seeded: the same data give the same interval. All functions: Threads: any. Fails: never.
 */
#ifndef HP_COMPARE_H
#define HP_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HP_COMPARE_RESAMPLES 2000u /* at most, and what a comparison uses */
#define HP_COMPARE_ENOUGH    8u    /* requests a side below which a route's change is "not enough data" */

struct hp_compare_side {
    const uint64_t *sorted;
    size_t n;
}; /* ascending; borrowed */
struct hp_interval {
    double value, low, high;
};

/* Sort in place, ascending. */
void hp_compare_sort(uint64_t *values, size_t n);

/* The quantile as used everywhere here: the mean of the two middle values for 0.5, else the nearest rank. 0
 * without values. */
double hp_compare_quantile(struct hp_compare_side side, double q);

/* The quantile with its `level` interval (0.9, 0.95) from 100 … HP_COMPARE_RESAMPLES resamples. Without
 * values all zero. */
struct hp_interval hp_compare_interval(struct hp_compare_side side, double q, double level,
                                       uint32_t resamples, uint64_t seed);

/* after − before of the quantile with its `level` interval. Either side empty: all zero. */
struct hp_interval hp_compare_difference(struct hp_compare_side before, struct hp_compare_side after,
                                         double q, double level, uint64_t seed);

/* Whether a difference may be called a change: enough requests on both sides and an interval without 0. */
bool hp_compare_changed(struct hp_compare_side before, struct hp_compare_side after,
                        struct hp_interval difference);

#endif
