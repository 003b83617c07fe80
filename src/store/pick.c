/* pick.c -- single requests: by id, the newest or slowest, a sample spread over durations, durations.
 *
 * What is handed to callbacks is picked first and then read, so a callback may ask the store itself.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "store/filter.h"
#include "store/ranked.h"

/* ---- single requests ---- */

/* The `limit` first rows of an order: a heap whose root is the last of them. */
struct top {
    struct hp_narrow_row *heap;
    size_t count, limit, capacity;
    enum hp_request_sort sort;
    hp_err err;
};

/* Whether `a` comes before `b` in what is handed out. */
static bool comes_first(enum hp_request_sort sort, const struct hp_narrow_row *a,
                        const struct hp_narrow_row *b)
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
        struct hp_narrow_row held = top->heap[at];
        top->heap[at] = top->heap[last];
        top->heap[last] = held;
        at = last;
    }
}

static void rise(struct top *top, size_t at)
{
    while (at != 0 && comes_first(top->sort, &top->heap[(at - 1) / 2], &top->heap[at])) {
        struct hp_narrow_row held = top->heap[at];
        top->heap[at] = top->heap[(at - 1) / 2];
        top->heap[(at - 1) / 2] = held;
        at = (at - 1) / 2;
    }
}

static bool offer(void *ctx, const struct hp_narrow_row *row)
{
    struct top *top = ctx;
    if (top->count < top->limit) {
        if (top->count == top->capacity) {
            size_t capacity = top->capacity == 0 ? 64 : top->capacity * 2;
            struct hp_narrow_row *heap = hp_realloc(top->heap, capacity * sizeof *heap);
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
        struct hp_narrow_row held = top->heap[0];
        top->heap[0] = top->heap[--top->count];
        top->heap[top->count] = held;
        sink(top, 0);
    }
    top->count = count;
}

hp_err hp_store_requests(struct hp_store *store, const struct hp_scope *scope, enum hp_request_sort sort,
                         uint32_t limit, hp_request_fn fn, void *ctx, struct hp_errinfo *info)
{
    struct hp__filter filter;
    struct hp__stamp stamp;
    struct top top = {.sort = sort, .limit = limit};
    hp_err err = hp__filter_init(&filter, store, scope, 0, &stamp, info);
    if (err == HP_OK) {
        err = hp__filter_rows(&filter, false, offer, &top, info);
    }
    if (err == HP_OK && top.err != HP_OK) {
        err = hp__read_no_memory(info);
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
    hp__filter_fini(&filter);
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

hp_err hp_store_rows(struct hp_store *store, const struct hp_scope *scope, hp_narrow_fn fn, void *ctx,
                     struct hp_errinfo *info)
{
    struct hp__filter filter;
    struct hp__stamp stamp;
    hp_err err = hp__filter_init(&filter, store, scope, 0, &stamp, info);
    if (err == HP_OK) {
        err = hp__filter_rows(&filter, false, fn, ctx, info);
    }
    hp__filter_fini(&filter);
    return err;
}

hp_err hp_store_some_rows(struct hp_store *store, const struct hp_scope *scope, hp_narrow_fn fn, void *ctx,
                          uint64_t *each, struct hp_errinfo *info)
{
    struct hp__filter filter;
    struct hp__stamp stamp;
    hp_err err = hp__filter_init(&filter, store, scope, 0, &stamp, info);
    if (err == HP_OK) {
        err = hp__filter_rows(&filter, true, fn, ctx, info);
        *each = (uint64_t)store->scan->keep_mask + 1;
    }
    hp__filter_fini(&filter);
    return err;
}

hp_err hp_store_newest_rows(struct hp_store *store, const struct hp_scope *scope, uint64_t most,
                            hp_narrow_fn fn, void *ctx, struct hp_errinfo *info)
{
    struct hp__filter filter;
    struct hp__stamp stamp;
    hp_err err = hp__filter_init(&filter, store, scope, 0, &stamp, info);
    if (err == HP_OK) {
        err = hp__filter_newest_rows(&filter, most, fn, ctx, info);
    }
    hp__filter_fini(&filter);
    return err;
}

struct alike {
    uint64_t last; /* number of the last row that is wanted */
    uint32_t route, revision;
    hp_narrow_fn fn;
    void *ctx;
};

static bool hand_alike(void *ctx, const struct hp_narrow_row *row)
{
    struct alike *alike = ctx;
    if (row->row > alike->last) {
        return false;
    }
    bool other = row->route != alike->route || row->revision != alike->revision;
    return other || alike->fn(alike->ctx, row);
}

/* Those whose numbers are at most `most` from the row's; `*among`: how many numbers of rows these are, of any
 * route. */
static hp_err read_alike(struct hp_store *store, uint64_t row, uint64_t most, struct alike *alike,
                         const struct hp__stamp *stamp, uint64_t *among, struct hp_errinfo *info)
{
    struct hp__extent extent;
    uint64_t first = row > most ? row - most : 1;
    hp_err err = store->ops->extent(store, 0, INT64_MAX, &extent, info);
    if (err != HP_OK) {
        return err;
    }
    uint64_t oldest = extent.first_row > 1 ? extent.first_row : 1;
    first = first > oldest ? first : oldest;
    alike->last = row + most < stamp->last_row ? row + most : stamp->last_row;
    *among = first == oldest && alike->last == stamp->last_row ? 0 : alike->last - first + 1;
    if (store->ops->alike != NULL) {
        return store->ops->alike(store, row, first, alike->last, hand_alike, alike, info);
    }
    return store->ops->scan(store, 0, INT64_MAX, first - 1, 0, hand_alike, alike, info);
}

hp_err hp_store_rows_alike(struct hp_store *store, uint64_t row, uint64_t most, hp_narrow_fn fn, void *ctx,
                           uint64_t *among, struct hp_errinfo *info)
{
    struct hp_scope everything = {0};
    struct hp__stamp stamp = {0};
    struct hp_request_row like;
    hp_err err = hp__store_ask(store, info);
    if (err != HP_OK) {
        return err;
    }
    err = store->ops->stamp(store, &stamp, info);
    if (err == HP_OK) {
        err = store->ops->request(store, row, &like, info);
    }
    struct alike alike = {.last = UINT64_MAX, .fn = fn, .ctx = ctx};
    if (err == HP_OK) {
        alike.route = like.req.route;
        alike.revision = like.req.revision;
    }
    if (err == HP_OK && hp__load_has_all(store, &stamp)) {
        *among = 0;
        err = hp_store_rows(store, &everything, hand_alike, &alike, info);
    } else if (err == HP_OK) {
        err = read_alike(store, row, most, &alike, &stamp, among, info);
    }
    hp__store_answered(store);
    return err;
}

hp_err hp_store_last_row(struct hp_store *store, uint64_t *row, struct hp_errinfo *info)
{
    struct hp__stamp stamp = {0};
    hp_err err = hp__store_ask(store, info);
    if (err == HP_OK) {
        err = store->ops->stamp(store, &stamp, info);
        *row = stamp.last_row;
        hp__store_answered(store);
    }
    return err;
}

hp_err hp_store_row(struct hp_store *store, uint64_t row, struct hp_request_row *out, struct hp_errinfo *info)
{
    hp_err err = hp__store_ask(store, info);
    if (err == HP_OK) {
        err = store->ops->request(store, row, out, info);
        hp__store_answered(store);
    }
    return err;
}

hp_err hp_store_row_record(struct hp_store *store, uint64_t row, struct hp_arena *arena,
                           struct hp_record *record, struct hp_errinfo *info)
{
    hp_err err = hp__store_ask(store, info);
    if (err == HP_OK) {
        err = store->ops->record(store, row, arena, record, info);
        hp__store_answered(store);
    }
    return err;
}

hp_err hp_store_find(struct hp_store *store, uint64_t request_id, uint64_t *row, struct hp_errinfo *info)
{
    hp_err err = hp__store_ask(store, info);
    if (err == HP_OK) {
        err = store->ops->find(store, request_id, row, info);
        hp__store_answered(store);
    }
    return err;
}

/* ---- samples and durations ---- */

struct picks {
    struct hp__ranked *list; /* by duration */
    size_t count, capacity;
    uint64_t detail_from;
    bool whole; /* only rows whose detail has not been evicted */
    uint8_t least_level;
    uint64_t by_level[HP_LEVEL_TRACE + 1]; /* whole rows */
    hp_err err;
};

static bool is_whole(const struct picks *picks, const struct hp_narrow_row *row)
{
    return !row->detailed || row->row >= picks->detail_from;
}

static bool count_level(void *ctx, const struct hp_narrow_row *row)
{
    struct picks *picks = ctx;
    picks->by_level[row->level <= HP_LEVEL_TRACE ? row->level : HP_LEVEL_TRACE] += is_whole(picks, row);
    return true;
}

/* The highest level that a quarter of the rows have, or as many as are wanted: rules see more there. Not by
 * what a row holds: only the slow ones may hold a pause or a tree, and a sample of those would not be one of
 * the route. */
static uint8_t choose_level(const struct picks *picks, uint32_t most)
{
    uint64_t all = 0, above = 0;
    for (int level = 0; level <= HP_LEVEL_TRACE; level++) {
        all += picks->by_level[level];
    }
    int level = HP_LEVEL_TRACE;
    for (; level > 0; level--) {
        above += picks->by_level[level];
        if (above != 0 && (above >= most || above * 4 >= all)) {
            break;
        }
    }
    return (uint8_t)level;
}

static bool pick(void *ctx, const struct hp_narrow_row *row)
{
    struct picks *picks = ctx;
    if (picks->whole && (row->level < picks->least_level || !is_whole(picks, row))) {
        return true;
    }
    if (picks->count == picks->capacity) {
        size_t capacity = picks->capacity == 0 ? 256 : picks->capacity * 2;
        struct hp__ranked *list = hp_realloc(picks->list, capacity * sizeof *list);
        if (list == NULL) {
            picks->err = HP_ENOMEM;
            return false;
        }
        picks->list = list;
        picks->capacity = capacity;
    }
    picks->list[picks->count++] = (struct hp__ranked){row->duration_ns, row->row};
    return true;
}

/* Rows with all that was recorded of them, or where there are none (evicted) all. */
static hp_err pick_rows(struct hp__filter *filter, uint32_t most, struct picks *picks,
                        struct hp_errinfo *info)
{
    picks->whole = true;
    hp_err err = hp__filter_rows(filter, true, count_level, picks, info);
    picks->least_level = choose_level(picks, most);
    if (err == HP_OK) {
        err = hp__filter_rows(filter, true, pick, picks, info);
    }
    if (err == HP_OK && picks->err == HP_OK && picks->count == 0) {
        picks->whole = false;
        err = hp__filter_rows(filter, true, pick, picks, info);
    }
    /* Rows come by number, so that equal durations stay in that order. */
    if (err == HP_OK && (picks->err != HP_OK || hp__ranked_sort(picks->list, picks->count) != HP_OK)) {
        err = hp__read_no_memory(info);
    }
    return err;
}

hp_err hp_store_sample(struct hp_store *store, const struct hp_scope *scope, uint32_t route, uint32_t most,
                       struct hp_arena *arena, hp_record_fn fn, void *ctx, struct hp_errinfo *info)
{
    struct hp__filter filter;
    struct hp__stamp stamp = {0};
    struct picks picks = {0};
    hp_err err = hp__filter_init(&filter, store, scope, route, &stamp, info);
    if (err == HP_OK) {
        picks.detail_from = stamp.detail_from;
        err = pick_rows(&filter, most, &picks, info);
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
    hp__filter_fini(&filter);
    return err;
}

static bool add_lowered(void *ctx, const struct hp_narrow_row *row)
{
    struct hp_lowered *sum = ctx;
    bool lowered = (row->flags & HP_REQ_LOWERED) != 0;
    sum->requests++;
    sum->lowered += lowered;
    sum->level = lowered && row->level < sum->level ? row->level : sum->level;
    return true;
}

hp_err hp_store_lowered(struct hp_store *store, const struct hp_scope *scope, uint32_t route,
                        struct hp_lowered *out, struct hp_errinfo *info)
{
    struct hp__filter filter;
    struct hp__stamp stamp = {0};
    struct hp_lowered sum = {.level = HP_LEVEL_TRACE};
    hp_err err = hp__filter_init(&filter, store, scope, route, &stamp, info);
    if (err == HP_OK) {
        err = hp__filter_rows(&filter, true, add_lowered, &sum, info);
    }
    if (err == HP_OK) {
        *out = sum;
    }
    hp__filter_fini(&filter);
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

static bool note(void *ctx, const struct hp_narrow_row *row)
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
    struct hp__filter filter;
    struct hp__stamp stamp;
    struct moments all = {0};
    hp_err err = hp__filter_init(&filter, store, scope, route, &stamp, info);
    if (err == HP_OK) {
        err = hp__filter_rows(&filter, true, note, &all, info);
    }
    if (err == HP_OK && all.err != HP_OK) {
        err = hp__read_no_memory(info);
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
    hp__filter_fini(&filter);
    return err;
}
