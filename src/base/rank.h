/* rank.h -- which of n sorted values is the quantile: the nearest rank, the same wherever a quantile is
 * shown. */
#ifndef HP_RANK_H
#define HP_RANK_H

#include <math.h>
#include <stdint.h>

/* ceil(q × n) - 1, from 0: of three values the 0.95 is the largest. 0 for n = 0; q outside 0..1 is the nearer
 * end, NaN 0. */
static inline uint64_t hp_rank(double q, uint64_t n)
{
    if (n == 0 || !(q > 0)) {
        return 0;
    }
    double above = ceil(q * (double)n * (1 - 1e-12)); /* 0.07 × 100 is a little more than 7 */
    return q >= 1 || above >= (double)n ? n - 1 : (uint64_t)above - 1;
}

#endif
