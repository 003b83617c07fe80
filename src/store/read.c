/* read.c -- the questions of store.h, worked out of rows, details and rollups that a back end hands over.
 *
 * Two sources:
 *
 *     rows      exact; kept in memory for the range of time asked last (scan.h), or streamed when there are too many
 *     rollups   per minute; for merged trees and statements of whole minutes, and for routes of very many rows
 *
 * A minute whose rollup does not cover all its requests yet (the writer flushes trees about once a second, and a killed
 * one not at all) is taken from rows, unless the caps have already taken its detail.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/store_int.h"

#define TREE_NODES (1u << 20) /* cap of one tree read back */
#define GROUP_CAP  (1u << 20) /* statements × places of one question */
#define STALE_CAP  (1u << 16)

static hp_err no_memory(struct hp_errinfo *info)
{
    return hp_err_set(info, HP_ENOMEM, 0, "out of memory while reading the store");
}

static uint64_t scope_to(const struct hp_scope *scope)
{
    return scope->to_ns != 0 ? scope->to_ns : (uint64_t)INT64_MAX;
}

/* ---- rows of a scope ---- */

static hp_err load(struct hp_store *store, const struct hp_scope *scope, struct hp__stamp *stamp,
                   struct hp_errinfo *info)
{
    struct hp__scan *scan = &store->scan;
    uint64_t to_ns = scope_to(scope);
    hp_err err = store->ops->stamp(store, stamp, info);
    if (err != HP_OK) {
        return err;
    }
    bool same = scan->loaded && scan->from_ns == scope->from_ns && scan->to_ns == to_ns &&
                scan->generation == stamp->generation && scan->last_row <= stamp->last_row;
    if (same && scan->last_row == stamp->last_row) {
        return HP_OK;
    }
    if (!same) {
        hp__scan_clear(scan);
    }
    scan->loaded = false;
    err = store->ops->scan(store, scope->from_ns, to_ns, scan->last_row, hp__scan_add, scan, info);
    if (err == HP_OK && scan->err != HP_OK) {
        err = no_memory(info);
    }
    if (err != HP_OK) {
        hp__scan_clear(scan);
        return err;
    }
    scan->loaded = true;
    scan->from_ns = scope->from_ns;
    scan->to_ns = to_ns;
    scan->generation = stamp->generation;
    scan->last_row = stamp->last_row;
    return HP_OK;
}

/* Which rows of the range are in scope. */
struct filter {
    struct hp_store *store;
    const struct hp_scope *scope;
    uint8_t *routes; /* by route id: 0 not looked at, 1 in, 2 out */
    uint32_t route_count;
    uint32_t route, revision; /* exact ids; 0: any */
    bool by_revision;
    hp__row_fn fn;
    void *ctx;
    hp_err err;
};

/* "GET /x", the rule alone, or the endpoint. */
static bool route_is(const struct hp_dict *dict, uint32_t id, struct hp_str text)
{
    struct hp_route route = hp_dict_route(dict, id);
    size_t m = route.method.n;
    if (hp_str_eq(text, route.rule) || (route.endpoint.n != 0 && hp_str_eq(text, route.endpoint))) {
        return true;
    }
    return m != 0 && text.n == m + 1 + route.rule.n && memcmp(text.p, route.method.p, m) == 0 &&
           text.p[m] == ' ' && hp_str_eq(hp_str_make(text.p + m + 1, route.rule.n), route.rule);
}

static bool wants_route(struct filter *filter, uint32_t id)
{
    if (filter->route != 0 && id != filter->route) {
        return false;
    }
    if (filter->scope->route.n == 0) {
        return true;
    }
    if (id >= filter->route_count) {
        uint32_t count = hp_dict_route_count(filter->store->dict);
        count = count > id ? count : id + 1;
        uint8_t *routes = hp_realloc(filter->routes, count);
        if (routes == NULL) {
            filter->err = HP_ENOMEM;
            return false;
        }
        memset(routes + filter->route_count, 0, count - filter->route_count);
        filter->routes = routes;
        filter->route_count = count;
    }
    if (filter->routes[id] == 0) {
        filter->routes[id] = route_is(filter->store->dict, id, filter->scope->route) ? 1 : 2;
    }
    return filter->routes[id] == 1;
}

static bool wants(struct filter *filter, uint32_t route, uint32_t revision)
{
    return (!filter->by_revision || revision == filter->revision) && wants_route(filter, route);
}

static bool filtered(void *ctx, const struct hp__row *row)
{
    struct filter *filter = ctx;
    if (!wants(filter, row->route, row->revision)) {
        return filter->err == HP_OK;
    }
    return filter->fn(filter->ctx, row);
}

/* Every row of the scope, oldest number first: from memory, or streamed when memory holds only some. `sampled`: some will do. */
static hp_err each_row(struct filter *filter, bool sampled, hp__row_fn fn, void *ctx, struct hp_errinfo *info)
{
    struct hp_store *store = filter->store;
    hp_err err = HP_OK;
    filter->fn = fn;
    filter->ctx = ctx;
    if (store->scan.keep_mask != 0 && !sampled) {
        err = store->ops->scan(store, filter->scope->from_ns, scope_to(filter->scope), 0, filtered, filter,
                               info);
    } else {
        for (size_t i = 0; i < store->scan.count && filtered(filter, &store->scan.rows[i]); i++) {
        }
    }
    if (err == HP_OK && filter->err != HP_OK) {
        err = no_memory(info);
    }
    return err;
}

struct newest {
    uint64_t start_ns, row;
    uint32_t revision;
};

static bool keep_newest(void *ctx, const struct hp__row *row)
{
    struct newest *newest = ctx;
    if (newest->row == 0 || row->start_ns >= newest->start_ns) {
        *newest = (struct newest){row->start_ns, row->row, row->revision};
    }
    return true;
}

/* Begin a question: snapshot, rows in memory, filter. Owes filter_fini whatever the result. */
static hp_err filter_init(struct filter *filter, struct hp_store *store, const struct hp_scope *scope,
                          uint32_t route, struct hp__stamp *stamp, struct hp_errinfo *info)
{
    *filter = (struct filter){.store = NULL, .scope = scope, .route = route};
    hp_err err = hp__store_ask(store, info);
    if (err != HP_OK) {
        return err;
    }
    filter->store = store;
    err = load(store, scope, stamp, info);
    if (err != HP_OK) {
        return err;
    }
    if (scope->revision.n != 0) {
        filter->by_revision = true;
        err = hp_dict_add_string(store->dict, scope->revision, &filter->revision);
        return err == HP_OK ? err : no_memory(info);
    }
    if (scope->newest_revision) {
        struct newest newest = {0};
        err = each_row(filter, false, keep_newest, &newest, info);
        filter->by_revision = newest.row != 0;
        filter->revision = newest.revision;
    }
    return err;
}

static void filter_fini(struct filter *filter)
{
    hp_free(filter->routes);
    if (filter->store != NULL) {
        hp__store_answered(filter->store);
    }
}

hp_err hp_store_newest_revision(struct hp_store *store, const struct hp_scope *scope, struct hp_str *revision,
                                struct hp_errinfo *info)
{
    struct filter filter;
    struct hp__stamp stamp;
    struct newest newest = {0};
    hp_err err = filter_init(&filter, store, scope, 0, &stamp, info);
    if (err == HP_OK) {
        err = each_row(&filter, false, keep_newest, &newest, info);
    }
    if (err == HP_OK) {
        *revision = hp_dict_string(store->dict, newest.revision);
    }
    filter_fini(&filter);
    return err;
}

/* ---- completeness ---- */

static bool count_row(void *ctx, const struct hp__row *row)
{
    struct hp_complete *out = ctx;
    out->recorded++;
    out->own_ns += (double)row->own_ns;
    return true;
}

hp_err hp_store_complete(struct hp_store *store, const struct hp_scope *scope, struct hp_complete *out,
                         struct hp_errinfo *info)
{
    struct filter filter;
    struct hp__stamp stamp;
    struct hp_complete sum = {0};
    struct hp__losses losses = {0};
    hp_err err = filter_init(&filter, store, scope, 0, &stamp, info);
    if (err == HP_OK) {
        err = each_row(&filter, false, count_row, &sum, info);
    }
    if (err == HP_OK) {
        struct hp_str revision =
            filter.by_revision ? hp_dict_string(store->dict, filter.revision) : hp_str_make(NULL, 0);
        err = store->ops->losses(store, scope->from_ns, scope_to(scope), revision, &losses, info);
    }
    if (err == HP_OK) {
        sum.sampled_out = losses.sampled_out;
        sum.dropped_ring = losses.dropped_ring;
        sum.dropped_tree = losses.dropped_tree;
        sum.dropped_store = losses.dropped_store;
        sum.dropped_memory = losses.dropped_memory;
        sum.lost = losses.lost;
        sum.evicted_requests = losses.evicted_requests;
        sum.evicted_detail = losses.evicted_detail;
        sum.dropped = sum.dropped_ring + sum.dropped_store + sum.dropped_memory;
        sum.requests = sum.recorded + sum.sampled_out + sum.dropped + sum.lost;
        *out = sum;
    }
    filter_fini(&filter);
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
    struct filter *filter;
    uint64_t *durations;
    uint64_t from_minute, to_minute; /* whole minutes taken from rollups */
    bool sketched;
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
    struct route_sum *sum = &sums->list[route];
    if (sums->sketched && sum->sketch == NULL) {
        sum->sketch = hp_sketch_new();
        sums->err = sum->sketch == NULL ? HP_ENOMEM : sums->err;
    }
    return sums->err == HP_OK ? sum : NULL;
}

static bool sum_row(void *ctx, const struct hp__row *row)
{
    struct route_sums *sums = ctx;
    uint64_t minute = row->start_ns / HP_MINUTE_NS;
    if (sums->sketched && minute >= sums->from_minute && minute < sums->to_minute) {
        return true;
    }
    struct route_sum *sum = sum_of(sums, row->route);
    if (sum == NULL) {
        return false;
    }
    sum->row.requests++;
    sum->row.errors += hp__row_failed(row->status, row->flags);
    sum->row.total_ns += row->duration_ns;
    sum->row.own_ns += row->own_ns;
    sum->row.statements += row->statements;
    if (row->cpu_ns != HP_ABSENT) {
        sum->row.cpu_ns += row->cpu_ns;
        sum->cpu_requests++;
    }
    if (sums->sketched) {
        hp_sketch_add(sum->sketch, row->duration_ns);
    }
    return true;
}

static bool put_duration(void *ctx, const struct hp__row *row)
{
    struct route_sums *sums = ctx;
    struct route_sum *sum = &sums->list[row->route];
    sums->durations[sum->first + sum->filled++] = row->duration_ns;
    return true;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t quantile(const uint64_t *sorted, size_t count, double q)
{
    return count == 0 ? 0 : sorted[(size_t)(q * (double)(count - 1))];
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
        return no_memory(info);
    }
    hp_err err = each_row(sums->filter, false, put_duration, sums, info);
    for (uint32_t i = 0; err == HP_OK && i < sums->count; i++) {
        struct route_sum *sum = &sums->list[i];
        uint64_t *sorted = sums->durations + sum->first;
        qsort(sorted, sum->filled, sizeof *sorted, by_value);
        sum->row.p50_ns = quantile(sorted, sum->filled, 0.5);
        sum->row.p90_ns = quantile(sorted, sum->filled, 0.9);
        sum->row.p95_ns = quantile(sorted, sum->filled, 0.95);
        sum->row.p99_ns = quantile(sorted, sum->filled, 0.99);
    }
    return err;
}

static hp_err sum_rollup(void *ctx, const struct hp__rollup *rollup)
{
    struct route_sums *sums = ctx;
    if (!wants(sums->filter, rollup->route, rollup->revision)) {
        return sums->filter->err;
    }
    struct route_sum *sum = sum_of(sums, rollup->route);
    if (sum == NULL) {
        return sums->err;
    }
    sum->row.requests += rollup->requests;
    sum->row.errors += rollup->errors;
    sum->row.total_ns += rollup->total_ns;
    sum->row.own_ns += rollup->own_ns;
    sum->row.statements += rollup->statements;
    sum->row.cpu_ns += rollup->cpu_ns;
    sum->cpu_requests += rollup->cpu_requests;
    struct hp_reader in;
    hp_reader_init(&in, rollup->sketch.p, rollup->sketch.n);
    return rollup->sketch.n != 0 ? hp_sketch_decode(&in, sum->sketch) : HP_OK;
}

/* The minutes that lie wholly in scope. */
static void whole_minutes(const struct hp_scope *scope, uint64_t *from, uint64_t *to)
{
    *from = scope->from_ns / HP_MINUTE_NS + (scope->from_ns % HP_MINUTE_NS != 0);
    *to = scope_to(scope) / HP_MINUTE_NS;
    *to = *to > *from ? *to : *from;
}

static hp_err sketch_routes(struct route_sums *sums, struct hp_errinfo *info)
{
    struct hp_store *store = sums->filter->store;
    whole_minutes(sums->filter->scope, &sums->from_minute, &sums->to_minute);
    sums->sketched = true;
    hp_err err = store->ops->rollups(store, sums->from_minute, sums->to_minute, sum_rollup, sums, info);
    struct hp_scope edge = *sums->filter->scope;
    const struct hp_scope *whole = sums->filter->scope;
    sums->filter->scope = &edge;
    if (err == HP_OK && whole->from_ns % HP_MINUTE_NS != 0) {
        edge.to_ns = sums->from_minute * HP_MINUTE_NS;
        edge.to_ns = edge.to_ns < scope_to(whole) ? edge.to_ns : scope_to(whole);
        err = each_row(sums->filter, false, sum_row, sums, info);
    }
    if (err == HP_OK && whole->to_ns % HP_MINUTE_NS != 0) {
        edge.from_ns = sums->to_minute * HP_MINUTE_NS;
        edge.to_ns = whole->to_ns;
        err = each_row(sums->filter, false, sum_row, sums, info);
    }
    sums->filter->scope = whole;
    for (uint32_t i = 0; i < sums->count; i++) {
        struct route_sum *sum = &sums->list[i];
        if (sum->sketch != NULL) {
            sum->row.p50_ns = hp_sketch_quantile(sum->sketch, 0.5);
            sum->row.p90_ns = hp_sketch_quantile(sum->sketch, 0.9);
            sum->row.p95_ns = hp_sketch_quantile(sum->sketch, 0.95);
            sum->row.p99_ns = hp_sketch_quantile(sum->sketch, 0.99);
        }
    }
    return err;
}

hp_err hp_store_routes(struct hp_store *store, const struct hp_scope *scope, hp_route_fn fn, void *ctx,
                       struct hp_errinfo *info)
{
    struct filter filter;
    struct hp__stamp stamp;
    struct route_sums sums = {.filter = &filter};
    hp_err err = filter_init(&filter, store, scope, 0, &stamp, info);
    if (err != HP_OK) {
        goto done;
    }
    if (store->scan.keep_mask != 0 && store->ops->rollups != NULL) {
        err = sketch_routes(&sums, info);
    } else {
        err = each_row(&filter, false, sum_row, &sums, info);
        if (err == HP_OK && sums.err == HP_OK) {
            err = rank_durations(&sums, info);
        }
    }
    if (err == HP_OK && sums.err != HP_OK) {
        err = no_memory(info);
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
    filter_fini(&filter);
    return err;
}

/* ---- single requests ---- */

/* The `limit` first rows of an order: a heap whose root is the last of them. */
struct top {
    struct hp__row *heap;
    size_t count, limit, capacity;
    enum hp_request_sort sort;
    hp_err err;
};

/* Whether `a` comes before `b` in what is handed out. */
static bool comes_first(enum hp_request_sort sort, const struct hp__row *a, const struct hp__row *b)
{
    uint64_t x = sort == HP_SORT_NEWEST ? a->start_ns : a->duration_ns;
    uint64_t y = sort == HP_SORT_NEWEST ? b->start_ns : b->duration_ns;
    return x != y ? x > y : a->row > b->row;
}

static void sink(struct top *top, size_t at)
{
    for (;;) {
        size_t last = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < top->count; child++) {
            if (comes_first(top->sort, &top->heap[last], &top->heap[child])) {
                last = child;
            }
        }
        if (last == at) {
            return;
        }
        struct hp__row held = top->heap[at];
        top->heap[at] = top->heap[last];
        top->heap[last] = held;
        at = last;
    }
}

static void rise(struct top *top, size_t at)
{
    while (at != 0 && comes_first(top->sort, &top->heap[(at - 1) / 2], &top->heap[at])) {
        struct hp__row held = top->heap[at];
        top->heap[at] = top->heap[(at - 1) / 2];
        top->heap[(at - 1) / 2] = held;
        at = (at - 1) / 2;
    }
}

static bool offer(void *ctx, const struct hp__row *row)
{
    struct top *top = ctx;
    if (top->count < top->limit) {
        if (top->count == top->capacity) {
            size_t capacity = top->capacity == 0 ? 64 : top->capacity * 2;
            struct hp__row *heap = hp_realloc(top->heap, capacity * sizeof *heap);
            if (heap == NULL) {
                top->err = HP_ENOMEM;
                return false;
            }
            top->heap = heap;
            top->capacity = capacity;
        }
        top->heap[top->count] = *row;
        rise(top, top->count++);
    } else if (top->count != 0 && comes_first(top->sort, row, &top->heap[0])) {
        top->heap[0] = *row;
        sink(top, 0);
    }
    return true;
}

/* Sort the heap in place: the last one goes to the end, again and again. */
static void sort_top(struct top *top)
{
    size_t count = top->count;
    while (top->count > 1) {
        struct hp__row held = top->heap[0];
        top->heap[0] = top->heap[--top->count];
        top->heap[top->count] = held;
        sink(top, 0);
    }
    top->count = count;
}

hp_err hp_store_requests(struct hp_store *store, const struct hp_scope *scope, enum hp_request_sort sort,
                         uint32_t limit, hp_request_fn fn, void *ctx, struct hp_errinfo *info)
{
    struct filter filter;
    struct hp__stamp stamp;
    struct top top = {.sort = sort, .limit = limit};
    hp_err err = filter_init(&filter, store, scope, 0, &stamp, info);
    if (err == HP_OK) {
        err = each_row(&filter, false, offer, &top, info);
    }
    if (err == HP_OK && top.err != HP_OK) {
        err = no_memory(info);
    }
    sort_top(&top);
    for (size_t i = 0; err == HP_OK && i < top.count; i++) {
        struct hp_request_row row;
        err = store->ops->request(store, top.heap[i].row, &row, info);
        if (err == HP_OK && !fn(ctx, &row)) {
            break;
        }
    }
    hp_free(top.heap);
    filter_fini(&filter);
    return err;
}

hp_err hp_store_request(struct hp_store *store, uint64_t request_id, struct hp_arena *arena,
                        struct hp_record *record, struct hp_errinfo *info)
{
    uint64_t row = 0;
    hp_err err = hp__store_ask(store, info);
    if (err != HP_OK) {
        return err;
    }
    err = store->ops->find(store, request_id, &row, info);
    if (err == HP_OK) {
        err = store->ops->record(store, row, arena, record, info);
    }
    hp__store_answered(store);
    return err;
}

/* ---- samples and durations ---- */

struct picked {
    uint64_t duration_ns, row;
};

struct picks {
    struct picked *list;
    size_t count, capacity;
    uint64_t detail_from;
    bool detailed; /* only rows with a detail of their own */
    hp_err err;
};

static bool pick(void *ctx, const struct hp__row *row)
{
    struct picks *picks = ctx;
    if (picks->detailed && !(row->detailed && row->row >= picks->detail_from)) {
        return true;
    }
    if (picks->count == picks->capacity) {
        size_t capacity = picks->capacity == 0 ? 256 : picks->capacity * 2;
        struct picked *list = hp_realloc(picks->list, capacity * sizeof *list);
        if (list == NULL) {
            picks->err = HP_ENOMEM;
            return false;
        }
        picks->list = list;
        picks->capacity = capacity;
    }
    picks->list[picks->count++] = (struct picked){row->duration_ns, row->row};
    return true;
}

static int by_duration(const void *a, const void *b)
{
    const struct picked *x = a;
    const struct picked *y = b;
    if (x->duration_ns != y->duration_ns) {
        return x->duration_ns < y->duration_ns ? -1 : 1;
    }
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Rows with detail, or where there are none (monitor level without SQL, or evicted) all. */
static hp_err pick_rows(struct filter *filter, struct picks *picks, struct hp_errinfo *info)
{
    picks->detailed = true;
    hp_err err = each_row(filter, true, pick, picks, info);
    if (err == HP_OK && picks->err == HP_OK && picks->count == 0) {
        picks->detailed = false;
        err = each_row(filter, true, pick, picks, info);
    }
    if (err == HP_OK && picks->err != HP_OK) {
        err = no_memory(info);
    }
    if (err == HP_OK && picks->count != 0) {
        qsort(picks->list, picks->count, sizeof *picks->list, by_duration);
    }
    return err;
}

hp_err hp_store_sample(struct hp_store *store, const struct hp_scope *scope, uint32_t route, uint32_t most,
                       struct hp_arena *arena, hp_record_fn fn, void *ctx, struct hp_errinfo *info)
{
    struct filter filter;
    struct hp__stamp stamp = {0};
    struct picks picks = {0};
    hp_err err = filter_init(&filter, store, scope, route, &stamp, info);
    if (err == HP_OK) {
        picks.detail_from = stamp.detail_from;
        err = pick_rows(&filter, &picks, info);
    }
    size_t strata = picks.count < most ? picks.count : most;
    for (size_t i = 0; err == HP_OK && i < strata; i++) {
        /* The middle of each stratum of ranks. */
        size_t rank = (size_t)(((uint64_t)2 * i + 1) * picks.count / ((uint64_t)2 * strata));
        struct hp_record record;
        err = store->ops->record(store, picks.list[rank].row, arena, &record, info);
        if (err == HP_OK && !fn(ctx, &record)) {
            break;
        }
    }
    hp_free(picks.list);
    filter_fini(&filter);
    return err;
}

struct moment {
    uint64_t start_ns, row, duration_ns;
    uint32_t flags;
    uint16_t status;
};

struct moments {
    struct moment *list;
    size_t count, capacity;
    hp_err err;
};

static bool note(void *ctx, const struct hp__row *row)
{
    struct moments *all = ctx;
    if (all->count == all->capacity) {
        size_t capacity = all->capacity == 0 ? 256 : all->capacity * 2;
        struct moment *list = hp_realloc(all->list, capacity * sizeof *list);
        if (list == NULL) {
            all->err = HP_ENOMEM;
            return false;
        }
        all->list = list;
        all->capacity = capacity;
    }
    all->list[all->count++] =
        (struct moment){row->start_ns, row->row, row->duration_ns, row->flags, row->status};
    return true;
}

static int by_start(const void *a, const void *b)
{
    const struct moment *x = a;
    const struct moment *y = b;
    if (x->start_ns != y->start_ns) {
        return x->start_ns < y->start_ns ? -1 : 1;
    }
    return x->row < y->row ? -1 : x->row > y->row;
}

hp_err hp_store_durations(struct hp_store *store, const struct hp_scope *scope, uint32_t route,
                          hp_duration_fn fn, void *ctx, struct hp_errinfo *info)
{
    struct filter filter;
    struct hp__stamp stamp;
    struct moments all = {0};
    hp_err err = filter_init(&filter, store, scope, route, &stamp, info);
    if (err == HP_OK) {
        err = each_row(&filter, false, note, &all, info);
    }
    if (err == HP_OK && all.err != HP_OK) {
        err = no_memory(info);
    }
    if (err == HP_OK && all.count != 0) {
        qsort(all.list, all.count, sizeof *all.list, by_start);
    }
    for (size_t i = 0; err == HP_OK && i < all.count; i++) {
        const struct moment *m = &all.list[i];
        if (!fn(ctx, m->start_ns, m->duration_ns, m->flags, m->status)) {
            break;
        }
    }
    hp_free(all.list);
    filter_fini(&filter);
    return err;
}

/* ---- whole minutes from rollups, the rest from rows ---- */

struct parts {
    struct filter *filter;
    uint64_t from_minute, to_minute; /* of rollups; nothing if equal */
    uint64_t detail_from_ns;
    struct hp_map stale; /* minutes within that must come from rows */
    hp__row_fn fn;
    void *ctx;
};

static hp_err find_stale(void *ctx, const struct hp__rollup *rollup)
{
    struct parts *parts = ctx;
    if (rollup->covered == rollup->requests || rollup->minute * HP_MINUTE_NS < parts->detail_from_ns ||
        !wants(parts->filter, rollup->route, rollup->revision)) {
        return parts->filter->err;
    }
    return hp_map_put(&parts->stale, rollup->minute, 1);
}

static hp_err parts_init(struct parts *parts, struct filter *filter, const struct hp__stamp *stamp,
                         struct hp_errinfo *info)
{
    struct hp_store *store = filter->store;
    *parts = (struct parts){.filter = filter, .detail_from_ns = stamp->detail_from_ns};
    hp_map_init(&parts->stale, STALE_CAP);
    if (store->ops->rollups == NULL) {
        return HP_OK;
    }
    whole_minutes(filter->scope, &parts->from_minute, &parts->to_minute);
    return store->ops->rollups(store, parts->from_minute, parts->to_minute, find_stale, parts, info);
}

static bool from_rollup(const struct parts *parts, uint64_t minute)
{
    uint32_t stale;
    return minute >= parts->from_minute && minute < parts->to_minute &&
           !hp_map_get(&parts->stale, minute, &stale);
}

static bool pass_part(void *ctx, const struct hp__row *row)
{
    struct parts *parts = ctx;
    return from_rollup(parts, row->start_ns / HP_MINUTE_NS) || parts->fn(parts->ctx, row);
}

/* The rows that no rollup answers for. */
static hp_err each_part_row(struct parts *parts, hp__row_fn fn, void *ctx, struct hp_errinfo *info)
{
    const struct hp_scope *scope = parts->filter->scope;
    bool none = parts->to_minute > parts->from_minute && hp_map_count(&parts->stale) == 0 &&
                scope->from_ns % HP_MINUTE_NS == 0 && (scope->to_ns == 0 || scope->to_ns % HP_MINUTE_NS == 0);
    if (none) {
        return HP_OK;
    }
    /* each_row uses the filter's own fn and ctx, so the parts stand in between. */
    parts->fn = fn;
    parts->ctx = ctx;
    return each_row(parts->filter, false, pass_part, parts, info);
}

/* ---- merged tree ---- */

struct merge {
    struct parts parts;
    struct hp_tree *into, *scratch;
    struct hp_arena arena;
    uint64_t requests;
    hp_err err;
    struct hp_errinfo *info;
};

static hp_err merge_tree(struct merge *merge, struct hp_str shape, struct hp_str values, double inner_ns,
                         double outer_ns)
{
    struct hp_reader s, v;
    hp_reader_init(&s, shape.p, shape.n);
    hp_reader_init(&v, values.p, values.n);
    hp_err err =
        hp_tree_decode(merge->scratch, s, v, NULL, hp_dict_symbol_count(merge->parts.filter->store->dict));
    if (err != HP_OK) {
        return hp_err_set(merge->info, HP_ECORRUPT, 0, "the store holds a damaged call tree");
    }
    if (merge->parts.filter->scope->calibrated) {
        (void)hp_tree_calibrate(merge->scratch, inner_ns, outer_ns);
    }
    return hp_tree_merge(merge->into, merge->scratch, NULL);
}

static hp_err merge_rollup_tree(void *ctx, const struct hp__rollup_tree *tree)
{
    struct merge *merge = ctx;
    merge->requests += tree->requests;
    return merge_tree(merge, tree->shape, tree->values, (double)tree->inner_ps / 1000.0,
                      (double)tree->outer_ps / 1000.0);
}

static hp_err merge_rollup(void *ctx, const struct hp__rollup *rollup)
{
    struct merge *merge = ctx;
    struct filter *filter = merge->parts.filter;
    if (!from_rollup(&merge->parts, rollup->minute) || !wants(filter, rollup->route, rollup->revision)) {
        return filter->err;
    }
    return filter->store->ops->rollup_trees(filter->store, rollup->id, merge_rollup_tree, merge, merge->info);
}

static bool merge_row(void *ctx, const struct hp__row *row)
{
    struct merge *merge = ctx;
    struct hp_store *store = merge->parts.filter->store;
    struct hp_record record;
    if (!row->detailed) {
        return true;
    }
    hp_arena_reset(&merge->arena);
    merge->err = store->ops->record(store, row->row, &merge->arena, &record, merge->info);
    if (merge->err == HP_OK && record.shape.n != 0) {
        merge->requests++;
        merge->err = merge_tree(merge, record.shape, record.values, (double)record.req.call_inner_ps / 1000.0,
                                (double)record.req.call_outer_ps / 1000.0);
    }
    return merge->err == HP_OK;
}

hp_err hp_store_merged(struct hp_store *store, const struct hp_scope *scope, uint32_t route,
                       struct hp_tree *into, uint64_t *requests, struct hp_errinfo *info)
{
    struct filter filter;
    struct hp__stamp stamp = {0};
    struct merge merge = {.into = into, .info = info};
    hp_arena_init(&merge.arena, HP_STORE_RECORD_BYTES);
    hp_err err = filter_init(&filter, store, scope, route, &stamp, info);
    if (err != HP_OK) {
        goto done;
    }
    merge.scratch = hp_tree_new(store->dict, TREE_NODES);
    err = merge.scratch != NULL ? parts_init(&merge.parts, &filter, &stamp, info) : HP_ENOMEM;
    if (err == HP_OK && store->ops->rollups != NULL) {
        err = store->ops->rollups(store, merge.parts.from_minute, merge.parts.to_minute, merge_rollup, &merge,
                                  info);
    }
    if (err == HP_OK) {
        err = each_part_row(&merge.parts, merge_row, &merge, info);
    }
    err = err == HP_OK ? merge.err : err;
    if (err == HP_OK) {
        hp_tree_total(into);
        *requests = merge.requests;
    } else if (err == HP_ENOMEM) {
        err = no_memory(info);
    }
done:
    hp_map_fini(&merge.parts.stale);
    hp_tree_free(merge.scratch);
    hp_arena_fini(&merge.arena);
    filter_fini(&filter);
    return err;
}

/* ---- statements ---- */

struct statements {
    struct parts parts;
    struct hp_statement_row *list;
    uint32_t count, capacity;
    struct hp_map index; /* hash of the key to place in the list */
    struct hp_arena arena;
    hp_err err;
    struct hp_errinfo *info;
};

/* The entry of a key. NULL, with `err` set, without memory or at the cap. */
static struct hp_statement_row *statement_of(struct statements *all, uint32_t route, uint32_t statement,
                                             uint32_t site_sym, uint32_t site_line)
{
    uint64_t key = hp_hash_mix((uint64_t)route << 32 | statement, (uint64_t)site_sym << 32 | site_line);
    uint32_t at;
    if (hp_map_get(&all->index, key, &at)) {
        return &all->list[at];
    }
    if (all->count == all->capacity) {
        uint32_t capacity = all->capacity == 0 ? 64 : all->capacity * 2;
        struct hp_statement_row *list = hp_realloc(all->list, capacity * sizeof *list);
        if (list == NULL) {
            all->err = HP_ENOMEM;
            return NULL;
        }
        all->list = list;
        all->capacity = capacity;
    }
    all->err = hp_map_put(&all->index, key, all->count);
    if (all->err != HP_OK) {
        return NULL;
    }
    struct hp_statement_row *row = &all->list[all->count++];
    *row = (struct hp_statement_row){
        .route = route, .statement = statement, .site_sym = site_sym, .site_line = site_line};
    return row;
}

static hp_err add_rollup_statements(void *ctx, const struct hp__rollup *rollup)
{
    struct statements *all = ctx;
    struct filter *filter = all->parts.filter;
    if (!from_rollup(&all->parts, rollup->minute) || !wants(filter, rollup->route, rollup->revision)) {
        return filter->err;
    }
    for (size_t i = 0; i < rollup->statement_row_count; i++) {
        const struct hp_statement_row *from = &rollup->statement_rows[i];
        struct hp_statement_row *row =
            statement_of(all, rollup->route, from->statement, from->site_sym, from->site_line);
        if (row == NULL) {
            return all->err;
        }
        row->executions += from->executions;
        row->requests += from->requests;
        row->total_ns += from->total_ns;
        row->fetch_ns += from->fetch_ns;
        row->max_ns = from->max_ns > row->max_ns ? from->max_ns : row->max_ns;
        row->rows += from->rows;
        row->errors += from->errors;
    }
    return HP_OK;
}

static bool add_row_statements(void *ctx, const struct hp__row *source)
{
    struct statements *all = ctx;
    struct hp_store *store = all->parts.filter->store;
    struct hp_record record;
    if (source->statements == 0) {
        return true;
    }
    hp_arena_reset(&all->arena);
    all->err = store->ops->record(store, source->row, &all->arena, &record, all->info);
    for (uint32_t i = 0; all->err == HP_OK && i < record.group_count; i++) {
        const struct hp_group *group = &record.groups[i];
        struct hp_statement_row *row =
            statement_of(all, source->route, group->statement, group->site_sym, group->site_line);
        if (row == NULL) {
            break;
        }
        row->executions += group->count;
        row->requests++;
        row->total_ns += group->exec_ns + group->fetch_ns;
        row->fetch_ns += group->fetch_ns;
        row->max_ns = group->max_ns > row->max_ns ? group->max_ns : row->max_ns;
        row->rows += group->rows != HP_ABSENT ? group->rows : 0;
        row->errors += group->errors;
    }
    return all->err == HP_OK;
}

static int by_total(const void *a, const void *b)
{
    const struct hp_statement_row *x = a;
    const struct hp_statement_row *y = b;
    if (x->total_ns != y->total_ns) {
        return x->total_ns > y->total_ns ? -1 : 1;
    }
    if (x->statement != y->statement) {
        return x->statement < y->statement ? -1 : 1;
    }
    return x->site_line < y->site_line ? -1 : x->site_line > y->site_line;
}

hp_err hp_store_statements(struct hp_store *store, const struct hp_scope *scope, hp_statement_fn fn,
                           void *ctx, struct hp_errinfo *info)
{
    struct filter filter;
    struct hp__stamp stamp = {0};
    struct statements all = {.info = info};
    hp_map_init(&all.index, GROUP_CAP);
    hp_arena_init(&all.arena, HP_STORE_RECORD_BYTES);
    hp_err err = filter_init(&filter, store, scope, 0, &stamp, info);
    if (err == HP_OK) {
        err = parts_init(&all.parts, &filter, &stamp, info);
    }
    if (err == HP_OK && store->ops->rollups != NULL) {
        err = store->ops->rollups(store, all.parts.from_minute, all.parts.to_minute, add_rollup_statements,
                                  &all, info);
    }
    if (err == HP_OK) {
        err = each_part_row(&all.parts, add_row_statements, &all, info);
    }
    err = err == HP_OK ? all.err : err;
    if (err == HP_ENOMEM || err == HP_EFULL) {
        err = no_memory(info);
    }
    if (err == HP_OK && all.count != 0) {
        qsort(all.list, all.count, sizeof *all.list, by_total);
    }
    for (uint32_t i = 0; err == HP_OK && i < all.count; i++) {
        if (!fn(ctx, &all.list[i])) {
            break;
        }
    }
    hp_free(all.list);
    hp_map_fini(&all.index);
    hp_map_fini(&all.parts.stale);
    hp_arena_fini(&all.arena);
    filter_fini(&filter);
    return err;
}

/* ---- source lines ---- */

struct processes {
    struct hp_map seen;
    uint32_t last;
    hp_err err;
};

static bool see_process(void *ctx, const struct hp__row *row)
{
    struct processes *all = ctx;
    if (row->process != all->last) {
        all->err = hp_map_put(&all->seen, row->process, 1);
        all->last = row->process;
    }
    return all->err == HP_OK;
}

static bool was_seen(void *ctx, uint32_t process)
{
    struct processes *all = ctx;
    uint32_t one;
    return hp_map_get(&all->seen, process, &one);
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

hp_err hp_store_source_line(struct hp_store *store, const struct hp_scope *scope, struct hp_str file,
                            uint32_t line, struct hp_str *text, struct hp_errinfo *info)
{
    struct filter filter;
    struct hp__stamp stamp;
    struct processes processes = {.last = UINT32_MAX};
    struct hp_str whole = {0};
    hp_map_init(&processes.seen, GROUP_CAP);
    hp_err err = filter_init(&filter, store, scope, 0, &stamp, info);
    if (err == HP_OK) {
        err = each_row(&filter, true, see_process, &processes, info);
    }
    if (err == HP_OK && processes.err != HP_OK) {
        err = no_memory(info);
    }
    if (err == HP_OK) {
        err = store->ops->source(store, file, was_seen, &processes, &whole, info);
    }
    if (err == HP_OK) {
        *text = cut_line(whole, line);
    }
    hp_map_fini(&processes.seen);
    filter_fini(&filter);
    return err;
}
