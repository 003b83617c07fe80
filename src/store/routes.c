/* routes.c -- what a scope holds altogether: completeness, newest revision, sums and quantiles by route,
 * source lines.
 *
 * Quantiles are exact, by sorting all durations of a route. Where there are more rows than scan.h keeps, they
 * come from sketches (totals.h), within 1 %; a brush, of which no total is kept, is estimated from the rows
 * that are kept.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/rank.h"
#include "store/filter.h"
#include "store/ranked.h"

#define PROCESS_CAP (1u << 20) /* processes of one question */

hp_err hp_store_newest_revision(struct hp_store *store, const struct hp_scope *scope, struct hp_str *revision,
                                struct hp_errinfo *info)
{
    struct hp__filter filter;
    struct hp__stamp stamp;
    struct hp__newest newest = {0};
    hp_err err = hp__filter_init(&filter, store, scope, 0, &stamp, info);
    if (err == HP_OK) {
        err = hp__filter_newest(&filter, &newest, info);
    }
    if (err == HP_OK) {
        *revision = hp_dict_string(store->dict, newest.revision);
    }
    hp__filter_fini(&filter);
    return err;
}

/* ---- completeness ---- */

static bool count_row(void *ctx, const struct hp_narrow_row *row)
{
    struct hp_complete *out = ctx;
    out->recorded++;
    out->own_ns += (double)row->own_ns;
    return true;
}

static hp_err count_totals(struct hp__filter *filter, struct hp_complete *out, struct hp_errinfo *info)
{
    const struct hp__totals *totals = &filter->store->scan->totals;
    for (uint32_t i = 0; i < totals->count; i++) {
        const struct hp__total *total = &totals->list[i];
        if (hp__filter_wants(filter, total->route, total->revision)) {
            out->recorded += total->requests;
            out->own_ns += (double)total->own_ns;
        }
    }
    return filter->err == HP_OK ? HP_OK : hp__read_no_memory(info);
}

hp_err hp_store_complete(struct hp_store *store, const struct hp_scope *scope, struct hp_complete *out,
                         struct hp_errinfo *info)
{
    struct hp__filter filter;
    struct hp__stamp stamp;
    struct hp_complete sum = {.each = 1};
    struct hp__losses losses = {0};
    hp_err err = hp__filter_init(&filter, store, scope, 0, &stamp, info);
    if (err == HP_OK && hp__filter_has_totals(&filter)) {
        err = count_totals(&filter, &sum, info);
    } else if (err == HP_OK) {
        sum.each = (uint64_t)store->scan->keep_mask + 1;
        err = hp__filter_rows(&filter, true, count_row, &sum, info);
        sum.recorded *= sum.each;
        sum.own_ns *= (double)sum.each;
    }
    if (err == HP_OK) {
        struct hp_str revision =
            filter.by_revision ? hp_dict_string(store->dict, filter.revision) : hp_str_make(NULL, 0);
        err = store->ops->losses(store, scope->from_ns, hp__scope_to(scope), revision, &losses, info);
    }
    if (err == HP_OK) {
        sum.sampled_out = losses.sampled_out;
        sum.dropped_ring = losses.dropped_ring;
        sum.dropped_tree = losses.dropped_tree;
        sum.dropped_store = losses.dropped_store;
        sum.dropped_memory = losses.dropped_memory;
        sum.lost = losses.lost;
        sum.errors = losses.errors;
        sum.waits = losses.waits;
        sum.wait_ns = losses.wait_ns;
        sum.evicted_requests = losses.evicted_requests;
        sum.evicted_detail = losses.evicted_detail;
        sum.dropped = sum.dropped_ring + sum.dropped_store + sum.dropped_memory;
        sum.requests = sum.recorded + sum.sampled_out + sum.dropped + sum.lost;
        *out = sum;
    }
    hp__filter_fini(&filter);
    return err;
}

/* ---- routes ---- */

struct route_sum {
    struct hp_route_row row;
    uint64_t cpu_requests;
    size_t first, filled;     /* its stretch of durations */
    struct hp_sketch *sketch; /* instead of durations */
};

struct route_sums {
    struct route_sum *list; /* by route id */
    uint32_t count;
    struct hp__filter *filter;
    struct hp__ranked *durations;
    uint64_t each; /* for so many rows each one counts */
    hp_err err;
};

static struct route_sum *sum_of(struct route_sums *sums, uint32_t route)
{
    if (route >= sums->count) {
        uint32_t count = hp_dict_route_count(sums->filter->store->dict);
        count = count > route ? count : route + 1;
        struct route_sum *list = hp_realloc(sums->list, count * sizeof *list);
        if (list == NULL) {
            sums->err = HP_ENOMEM;
            return NULL;
        }
        memset(list + sums->count, 0, (count - sums->count) * sizeof *list);
        sums->list = list;
        sums->count = count;
    }
    return &sums->list[route];
}

static bool sum_row(void *ctx, const struct hp_narrow_row *row)
{
    struct route_sums *sums = ctx;
    struct route_sum *sum = sum_of(sums, row->route);
    if (sum == NULL) {
        return false;
    }
    sum->row.requests++;
    sum->row.errors += hp_store_failed(row->status, row->flags);
    sum->row.total_ns += row->duration_ns;
    sum->row.own_ns += row->own_ns;
    sum->row.statements += row->statements;
    if (row->cpu_ns != HP_ABSENT) {
        sum->row.cpu_ns += row->cpu_ns;
        sum->cpu_requests++;
    }
    return true;
}

static bool put_duration(void *ctx, const struct hp_narrow_row *row)
{
    struct route_sums *sums = ctx;
    struct route_sum *sum = &sums->list[row->route];
    sums->durations[sum->first + sum->filled++] = (struct hp__ranked){row->duration_ns, row->row};
    return true;
}

static uint64_t quantile(const struct hp__ranked *sorted, size_t count, double q)
{
    return count == 0 ? 0 : sorted[hp_rank(q, count)].key;
}

/* Exact quantiles: durations grouped by route, each group sorted. */
static hp_err rank_durations(struct route_sums *sums, struct hp_errinfo *info)
{
    size_t total = 0;
    for (uint32_t i = 0; i < sums->count; i++) {
        sums->list[i].first = total;
        total += sums->list[i].row.requests;
    }
    sums->durations = hp_malloc(total * sizeof *sums->durations);
    if (sums->durations == NULL) {
        return hp__read_no_memory(info);
    }
    hp_err err = hp__filter_rows(sums->filter, true, put_duration, sums, info);
    for (uint32_t i = 0; err == HP_OK && i < sums->count; i++) {
        struct route_sum *sum = &sums->list[i];
        struct hp__ranked *sorted = sums->durations + sum->first;
        if (hp__ranked_sort(sorted, sum->filled) != HP_OK) {
            return hp__read_no_memory(info);
        }
        sum->row.p50_ns = quantile(sorted, sum->filled, 0.5);
        sum->row.p90_ns = quantile(sorted, sum->filled, 0.9);
        sum->row.p95_ns = quantile(sorted, sum->filled, 0.95);
        sum->row.p99_ns = quantile(sorted, sum->filled, 0.99);
    }
    return err;
}

static void weigh(struct route_sums *sums)
{
    for (uint32_t i = 0; i < sums->count; i++) {
        struct hp_route_row *row = &sums->list[i].row;
        row->requests *= sums->each;
        row->errors *= sums->each;
        row->total_ns *= sums->each;
        row->own_ns *= sums->each;
        row->cpu_ns *= sums->each;
        row->statements *= sums->each;
    }
}

static hp_err sum_rows(struct route_sums *sums, struct hp_errinfo *info)
{
    sums->each = (uint64_t)sums->filter->store->scan->keep_mask + 1;
    hp_err err = hp__filter_rows(sums->filter, true, sum_row, sums, info);
    if (err == HP_OK && sums->err == HP_OK) {
        err = rank_durations(sums, info);
        weigh(sums);
    }
    return err;
}

static bool add_total(struct route_sums *sums, const struct hp__total *total)
{
    struct route_sum *sum = sum_of(sums, total->route);
    if (sum != NULL && sum->sketch == NULL) {
        sum->sketch = hp_sketch_new();
        sums->err = sum->sketch == NULL ? HP_ENOMEM : sums->err;
    }
    if (sums->err != HP_OK) {
        return false;
    }
    sum->row.requests += total->requests;
    sum->row.errors += total->errors;
    sum->row.total_ns += total->total_ns;
    sum->row.own_ns += total->own_ns;
    sum->row.statements += total->statements;
    sum->row.cpu_ns += total->cpu_ns;
    sum->cpu_requests += total->cpu_requests;
    hp_sketch_merge(sum->sketch, total->sketch);
    return true;
}

static hp_err sum_totals(struct route_sums *sums, struct hp_errinfo *info)
{
    const struct hp__totals *totals = &sums->filter->store->scan->totals;
    for (uint32_t i = 0; i < totals->count; i++) {
        const struct hp__total *total = &totals->list[i];
        if (hp__filter_wants(sums->filter, total->route, total->revision) && !add_total(sums, total)) {
            break;
        }
    }
    for (uint32_t i = 0; i < sums->count; i++) {
        struct route_sum *sum = &sums->list[i];
        if (sum->sketch != NULL) {
            sum->row.p50_ns = hp_sketch_quantile(sum->sketch, 0.5);
            sum->row.p90_ns = hp_sketch_quantile(sum->sketch, 0.9);
            sum->row.p95_ns = hp_sketch_quantile(sum->sketch, 0.95);
            sum->row.p99_ns = hp_sketch_quantile(sum->sketch, 0.99);
        }
    }
    return sums->filter->err == HP_OK ? HP_OK : hp__read_no_memory(info);
}

hp_err hp_store_routes(struct hp_store *store, const struct hp_scope *scope, hp_route_fn fn, void *ctx,
                       struct hp_errinfo *info)
{
    struct hp__filter filter;
    struct hp__stamp stamp;
    struct route_sums sums = {.filter = &filter};
    hp_err err = hp__filter_init(&filter, store, scope, 0, &stamp, info);
    if (err != HP_OK) {
        goto done;
    }
    if (hp__filter_has_totals(&filter)) {
        err = sum_totals(&sums, info);
    } else {
        err = sum_rows(&sums, info);
    }
    if (err == HP_OK && sums.err != HP_OK) {
        err = hp__read_no_memory(info);
    }
    for (uint32_t i = 0; err == HP_OK && i < sums.count; i++) {
        struct route_sum *sum = &sums.list[i];
        sum->row.route = i;
        sum->row.cpu_ns = sum->cpu_requests != 0 ? sum->row.cpu_ns : HP_ABSENT;
        if (sum->row.requests != 0 && !fn(ctx, &sum->row)) {
            break;
        }
    }
done:
    for (uint32_t i = 0; i < sums.count; i++) {
        hp_sketch_free(sums.list[i].sketch);
    }
    hp_free(sums.durations);
    hp_free(sums.list);
    hp__filter_fini(&filter);
    return err;
}

/* ---- source lines ---- */

/* Processes that recorded requests in scope, found by walking the rows in memory from the newest backwards,
 * as far as somebody asks. */
struct processes {
    struct hp__filter *filter;
    struct hp_map seen;
    size_t left; /* rows to look at yet */
    hp_err err;
};

static bool was_seen(void *ctx, uint32_t process)
{
    struct processes *all = ctx;
    uint32_t one;
    bool seen = hp_map_get(&all->seen, process, &one);
    while (!seen && all->left != 0 && all->err == HP_OK) {
        const struct hp_narrow_row *row = &all->filter->store->scan->rows[--all->left];
        if (hp__filter_takes(all->filter, row)) {
            all->err = hp_map_put(&all->seen, row->process, 1);
            seen = row->process == process;
        } else {
            all->err = all->filter->err;
        }
    }
    return seen && all->err == HP_OK;
}

/* Line `number` from 1, without its end; empty beyond the last. */
static struct hp_str cut_line(struct hp_str text, uint32_t number)
{
    for (uint32_t i = 1; text.n != 0; i++) {
        size_t end = hp_str_find_char(text, '\n');
        if (i == number) {
            size_t n = end != 0 && text.p[end - 1] == '\r' ? end - 1 : end;
            return hp_str_make(text.p, n);
        }
        size_t step = end < text.n ? end + 1 : end;
        text = hp_str_make(text.p + step, text.n - step);
    }
    return hp_str_make(NULL, 0);
}

hp_err hp_store_source(struct hp_store *store, const struct hp_scope *scope, struct hp_str file,
                       struct hp_str *text, struct hp_errinfo *info)
{
    struct hp__filter filter;
    struct hp__stamp stamp;
    struct processes processes = {.filter = &filter};
    struct hp_str whole = {0};
    hp_map_init(&processes.seen, PROCESS_CAP);
    hp_err err = hp__filter_init(&filter, store, scope, 0, &stamp, info);
    if (err == HP_OK) {
        processes.left = store->scan->count;
        err = store->ops->source(store, file, was_seen, &processes, &whole, info);
    }
    if (err == HP_OK && processes.err != HP_OK) {
        err = hp__read_no_memory(info);
    }
    if (err == HP_OK) {
        *text = whole;
    }
    hp_map_fini(&processes.seen);
    hp__filter_fini(&filter);
    return err;
}

hp_err hp_store_source_line(struct hp_store *store, const struct hp_scope *scope, struct hp_str file,
                            uint32_t line, struct hp_str *text, struct hp_errinfo *info)
{
    struct hp_str whole = {0};
    hp_err err = hp_store_source(store, scope, file, &whole, info);
    if (err == HP_OK) {
        *text = cut_line(whole, line);
    }
    return err;
}
