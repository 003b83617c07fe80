/* scan.h -- the rows of a scope in memory: what a report asks again and again, read once.
 *
 * Why: routes, durations, samples and the newest revision are all simple passes over narrow rows. The handle
 * keeps the rows of the last two ranges of time; rows that were committed since are appended, an eviction
 * reads them anew. 72 bytes a row. A question about one route walks that route's rows only: places of rows by
 * route are kept beside them, 4 bytes a row.
 *
 * Cap: HP_SCAN_CAP rows. Of a range with more there is a selection, which at first fills at most half of
 * that: of half of the runs of 16 rows, chosen by a hash of their number, or of half of those, as often as
 * needed. So every row has the same chance, the same data give the same rows, and a run that is not selected
 * need not be read (load.c). `totals` then says what all rows are together; who needs each of them streams
 * them (filter.c).
 */
#ifndef HP_SCAN_H
#define HP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hotplate/err.h"
#include "store/store.h"
#include "store/totals.h"

#define HP_SCAN_CAP 262144u
#define HP_SCANS    2u  /* ranges that a handle keeps */
#define HP_SCAN_RUN 15u /* bits of a number within its run */

struct hp__scan {
    struct hp_narrow_row *rows; /* owned, ascending by number */
    size_t count, capacity, cap;
    uint32_t keep_mask;       /* rows whose hash has none of these bits are kept; not 0: thinned */
    struct hp__totals totals; /* of all rows, once it is thinned */
    bool loaded;
    uint64_t from_ns, to_ns, generation, last_row;
    uint32_t *order;      /* owned: places in `rows` by route, then ascending */
    uint32_t *starts;     /* owned: where each route begins in `order`, and one more */
    uint32_t route_count; /* ids below it have a start */
    bool ordered;         /* `order` and `starts` are of `rows` as they are */
    hp_err err;           /* sticky while rows are added */
};

/* An empty scan of at most `cap` rows. Never allocates. Owns: finish with hp__scan_fini. Threads: owner
 * only. */
void hp__scan_init(struct hp__scan *scan, size_t cap);
void hp__scan_fini(struct hp__scan *scan);

/* Whether a selection has a row: of `mask` 2^n - 1 one in 2^n, every selection within those of smaller
 * masks. */
bool hp__scan_keeps(uint32_t mask, uint64_t row);

/* Forget all rows, keep the memory. */
void hp__scan_clear(struct hp__scan *scan);

/* Add a row (an hp_narrow_fn; ctx is the scan). False, with `err` set, without memory. */
bool hp__scan_add(void *scan, const struct hp_narrow_row *row);

/* The same, but to the rows only: somebody else fills `totals`. */
bool hp__scan_select(void *scan, const struct hp_narrow_row *row);

/* Places in `rows` of a route's rows, ascending: `*places` is borrowed until the next row is added.
 * HP_ENOMEM. */
HP_CHECK hp_err hp__scan_route(struct hp__scan *scan, uint32_t route, const uint32_t **places, size_t *count);

#endif
