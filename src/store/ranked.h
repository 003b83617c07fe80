/* ranked.h -- rows by a number: what quantiles and samples sort, once a report, for every request there is.
 *
 * Why not qsort: a hundred thousand comparisons by callback are a seventh of a report. Durations of a route
 * share their upper bytes, so a radix sort passes over the list two to four times.
 */
#ifndef HP_RANKED_H
#define HP_RANKED_H

#include <stddef.h>
#include <stdint.h>

#include "hotplate/err.h"

struct hp__ranked {
    uint64_t key, row;
};

/* Sort by key, ascending; equal keys stay in the order they came in. Needs as much memory again while it
 * runs. Fails: HP_ENOMEM, the list as it was.   Threads: any. */
HP_CHECK hp_err hp__ranked_sort(struct hp__ranked *list, size_t count);

#endif
