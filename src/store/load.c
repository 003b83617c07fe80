/* load.c -- see load.h. Reading costs about the same however many rows a range has:
 *
 *     up to HP_SCAN_CAP rows    all of them, one by one
 *     more                      a selection of at most half as many, run by run; and for the sums of all
 *                                   |  edge  | minute | minute | … | minute |  edge  |
 *                                      rows    rollup   rollup       rollup    rows
 *     ROLLUPS_MOST and more     the selection alone: sums are estimated from it (totals.partial)
 *
 * Rows that were committed since are added one by one, to both.
 *
 * Rollups outlive rows: minutes before the oldest row are left out. So sums are of the rows that are there,
 * but for what started in a later minute than that and was stored so early that the caps have taken it.
 */
#include "store/load.h"

#define ROLLUPS_MOST 65536u /* some tenths of a second */

hp_err hp__read_no_memory(struct hp_errinfo *info)
{
    return hp_err_set(info, HP_ENOMEM, 0, "out of memory while reading the store");
}

uint64_t hp__scope_to(const struct hp_scope *scope)
{
    return scope->to_ns != 0 ? scope->to_ns : (uint64_t)INT64_MAX;
}

void hp__whole_minutes(uint64_t from_ns, uint64_t to_ns, uint64_t *from, uint64_t *to)
{
    *from = from_ns / HP_MINUTE_NS + (from_ns % HP_MINUTE_NS != 0);
    *to = to_ns / HP_MINUTE_NS;
    *to = *to > *from ? *to : *from;
}

/* ---- sums ---- */

struct summing {
    struct hp__totals *totals;
    uint32_t left; /* rollups yet */
};

static hp_err add_rollup(void *ctx, const struct hp__rollup *rollup)
{
    struct summing *summing = ctx;
    if (summing->left == 0 || summing->totals->partial) {
        return HP_EFULL;
    }
    summing->left--;
    hp__totals_add_rollup(summing->totals, rollup);
    return HP_OK;
}

static bool add_row(void *ctx, const struct hp_narrow_row *row)
{
    struct hp__totals *totals = ctx;
    hp__totals_add(totals, row);
    return !totals->partial;
}

static hp_err sum_minutes(struct hp_store *store, struct hp__totals *totals, uint64_t from, uint64_t to,
                          struct hp_errinfo *info)
{
    struct summing summing = {totals, ROLLUPS_MOST};
    hp_err err = store->ops->rollups(store, from, to, true, add_rollup, &summing, info);
    totals->partial = totals->partial || err == HP_EFULL;
    return err == HP_EFULL ? HP_OK : err;
}

/* What all rows of a scan's range are together. */
static hp_err sum(struct hp_store *store, struct hp__scan *scan, const struct hp__extent *extent,
                  struct hp_errinfo *info)
{
    struct hp__totals *totals = &scan->totals;
    uint64_t from_ns = extent->first_ns > scan->from_ns ? extent->first_ns : scan->from_ns;
    uint64_t from, to;
    hp__whole_minutes(from_ns, scan->to_ns, &from, &to);
    uint64_t early_ns = from * HP_MINUTE_NS < scan->to_ns ? from * HP_MINUTE_NS : scan->to_ns;
    uint64_t late_ns = to * HP_MINUTE_NS > early_ns ? to * HP_MINUTE_NS : early_ns;
    hp_err err = sum_minutes(store, totals, from, to, info);
    if (err == HP_OK && !totals->partial) {
        err = store->ops->scan(store, from_ns, early_ns, 0, 0, add_row, totals, info);
    }
    if (err == HP_OK && !totals->partial) {
        err = store->ops->scan(store, late_ns, scan->to_ns, 0, 0, add_row, totals, info);
    }
    return err;
}

/* ---- rows ---- */

/* Whether the rows in memory answer for [from, to). A selection holds too few of a part. */
static bool covers(const struct hp__scan *scan, uint64_t from_ns, uint64_t to_ns)
{
    bool same = scan->from_ns == from_ns && scan->to_ns == to_ns;
    bool wider = scan->from_ns <= from_ns && scan->to_ns >= to_ns && scan->keep_mask == 0;
    return scan->loaded && (same || wider);
}

bool hp__load_has_all(const struct hp_store *store, const struct hp__stamp *stamp)
{
    for (size_t i = 0; i < HP_SCANS; i++) {
        const struct hp__scan *scan = &store->scans[i];
        if (scan->keep_mask == 0 && scan->generation == stamp->generation && covers(scan, 0, INT64_MAX)) {
            return true;
        }
    }
    return false;
}

/* The rows in memory that answer, else those to give up: not the last ones that were asked for, so that a
 * question about a part (one request's source) does not cost the next one the whole. */
static struct hp__scan *choose(struct hp_store *store, uint64_t from_ns, uint64_t to_ns)
{
    for (size_t i = 0; i < HP_SCANS; i++) {
        if (covers(&store->scans[i], from_ns, to_ns)) {
            return &store->scans[i];
        }
    }
    return store->scan == &store->scans[0] ? &store->scans[1] : &store->scans[0];
}

static uint32_t mask_for(uint64_t rows, size_t cap)
{
    uint32_t mask = 0;
    while (rows / ((uint64_t)mask + 1) > cap && mask != UINT32_MAX) {
        mask = mask * 2 + 1;
    }
    return mask;
}

static hp_err read_selection(struct hp_store *store, struct hp__scan *scan, const struct hp__extent *extent,
                             struct hp_errinfo *info)
{
    scan->keep_mask = mask_for(extent->rows, scan->cap / 2); /* leaves room for what comes */
    hp_err err = sum(store, scan, extent, info);
    return err == HP_OK ? store->ops->scan(store, scan->from_ns, scan->to_ns, 0, scan->keep_mask,
                                           hp__scan_select, scan, info)
                        : err;
}

/* Those that are not in memory yet. */
static hp_err read_rows(struct hp_store *store, struct hp__scan *scan, const struct hp__stamp *stamp,
                        struct hp_errinfo *info)
{
    struct hp__extent extent = {0};
    bool catch_up = scan->last_row != 0 && stamp->last_row - scan->last_row <= scan->cap;
    hp_err err = HP_OK;
    if (!catch_up && store->ops->rollups != NULL) {
        err = store->ops->extent(store, scan->from_ns, scan->to_ns, &extent, info);
    }
    if (err == HP_OK && extent.rows > scan->cap) {
        hp__scan_clear(scan);
        err = read_selection(store, scan, &extent, info);
    } else if (err == HP_OK) {
        err =
            store->ops->scan(store, scan->from_ns, scan->to_ns, scan->last_row, 0, hp__scan_add, scan, info);
    }
    return err == HP_OK && scan->err != HP_OK ? hp__read_no_memory(info) : err;
}

hp_err hp__load_rows(struct hp_store *store, const struct hp_scope *scope, struct hp__stamp *stamp,
                     struct hp_errinfo *info)
{
    uint64_t to_ns = hp__scope_to(scope);
    struct hp__scan *scan = choose(store, scope->from_ns, to_ns);
    store->scan = scan;
    hp_err err = store->ops->stamp(store, stamp, info);
    if (err != HP_OK) {
        return err;
    }
    if (!covers(scan, scope->from_ns, to_ns) || scan->generation != stamp->generation ||
        scan->last_row > stamp->last_row) {
        hp__scan_clear(scan);
        scan->from_ns = scope->from_ns;
        scan->to_ns = to_ns;
    } else if (scan->last_row == stamp->last_row) {
        return HP_OK;
    }
    scan->loaded = false;
    err = read_rows(store, scan, stamp, info);
    if (err != HP_OK) {
        hp__scan_clear(scan);
        return err;
    }
    scan->loaded = true;
    scan->generation = stamp->generation;
    scan->last_row = stamp->last_row;
    return HP_OK;
}
