/* totals.h -- what all rows of a scan are together, by route and revision: counts, sums, a latency sketch.
 *
 * Why: a scan with more rows than memory keeps hands every row over once. What a report says of all of them
 * is added up on the way, so that it is there without a second pass, and rows that come later are added to
 * it.
 *
 * Cap: HP_TOTALS_MOST pairs of at most 20 KB; beyond, or without memory, the totals are `partial`, and who
 * needs all rows streams them. Threads: owner only.
 */
#ifndef HP_TOTALS_H
#define HP_TOTALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "model/sketch.h"
#include "store/store.h"

struct hp__rollup; /* store_int.h */

#define HP_TOTALS_MOST 4096u

struct hp__total {
    uint32_t route, revision; /* of the handle's dictionary */
    uint64_t requests, errors, total_ns, own_ns, cpu_ns, cpu_requests, statements;
    struct hp_sketch *sketch; /* owned; of durations */
};

struct hp__totals {
    struct hp__total *list; /* owned */
    uint32_t count, capacity;
    struct hp_map index;
    bool partial; /* some rows are missing: of no use */
};

/* Nothing added. Never allocates. Owns: finish with hp__totals_fini. */
void hp__totals_init(struct hp__totals *totals);
void hp__totals_fini(struct hp__totals *totals);

/* Forget everything. */
void hp__totals_clear(struct hp__totals *totals);

/* Add a row. Fails: never; without room the totals are partial from then on. */
void hp__totals_add(struct hp__totals *totals, const struct hp_narrow_row *row);

/* Add what a rollup says. Of requests that its sketch does not hold yet only their number is known: the mean
 * of all stands for them. As hp__totals_add otherwise. */
void hp__totals_add_rollup(struct hp__totals *totals, const struct hp__rollup *rollup);

#endif
