/* filter.c -- see filter.h. */
#include "store/filter.h"

#include <string.h>

#include "base/mem.h"

#define LAST_ROWS 8192u

/* Whether the text begins with this word, and what is left of it behind the word and a blank. */
static bool skip(struct hp_str *text, struct hp_str word)
{
    if (!hp_str_starts(*text, word) || (text->n > word.n && text->p[word.n] != ' ')) {
        return false;
    }
    size_t used = word.n + (text->n > word.n);
    *text = hp_str_make(text->p + used, text->n - used);
    return true;
}

/* "GET /x", "GET /x shop.page", the rule alone, or the endpoint. */
static bool route_is(const struct hp_dict *dict, uint32_t id, struct hp_str text)
{
    struct hp_route route = hp_dict_route(dict, id);
    if (hp_str_eq(text, route.rule) || (route.endpoint.n != 0 && hp_str_eq(text, route.endpoint))) {
        return true;
    }
    return route.method.n != 0 && skip(&text, route.method) && skip(&text, route.rule) &&
           (text.n == 0 || hp_str_eq(text, route.endpoint));
}

static bool wants_route(struct hp__filter *filter, uint32_t id)
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

bool hp__filter_wants(struct hp__filter *filter, uint32_t route, uint32_t revision)
{
    return (!filter->by_revision || revision == filter->revision) && wants_route(filter, route);
}

bool hp__scope_is_brushed(const struct hp_scope *scope)
{
    return scope->min_ns != 0 || scope->max_ns != 0 || scope->levels != 0;
}

static bool in_range(const struct hp_scope *scope, const struct hp_narrow_row *row)
{
    return row->start_ns >= scope->from_ns && (scope->to_ns == 0 || row->start_ns < scope->to_ns) &&
           row->duration_ns >= scope->min_ns && (scope->max_ns == 0 || row->duration_ns < scope->max_ns) &&
           (scope->levels == 0 || (scope->levels & (1u << row->level)) != 0);
}

bool hp__filter_takes(struct hp__filter *filter, const struct hp_narrow_row *row)
{
    return in_range(filter->scope, row) && hp__filter_wants(filter, row->route, row->revision);
}

static bool filtered(void *ctx, const struct hp_narrow_row *row)
{
    struct hp__filter *filter = ctx;
    return hp__filter_takes(filter, row) ? filter->fn(filter->ctx, row) : filter->err == HP_OK;
}

hp_err hp__filter_rows_after(struct hp__filter *filter, uint64_t after, hp_narrow_fn fn, void *ctx,
                             struct hp_errinfo *info)
{
    filter->fn = fn;
    filter->ctx = ctx;
    hp_err err = filter->store->ops->scan(filter->store, filter->scope->from_ns, hp__scope_to(filter->scope),
                                          after, 0, filtered, filter, info);
    return err == HP_OK && filter->err != HP_OK ? hp__read_no_memory(info) : err;
}

/* Of the rows in memory those of one route. */
static hp_err walk_route(struct hp__filter *filter)
{
    struct hp__scan *scan = filter->store->scan;
    const uint32_t *places;
    size_t count;
    hp_err err = hp__scan_route(scan, filter->route, &places, &count);
    for (size_t i = 0; err == HP_OK && i < count && filtered(filter, &scan->rows[places[i]]); i++) {
    }
    return err;
}

/* Every row of the scope, oldest number first: from memory, or streamed when memory holds only some.
 * `sampled`: some will do. */
hp_err hp__filter_rows(struct hp__filter *filter, bool sampled, hp_narrow_fn fn, void *ctx,
                       struct hp_errinfo *info)
{
    struct hp_store *store = filter->store;
    hp_err err = HP_OK;
    filter->fn = fn;
    filter->ctx = ctx;
    if (store->scan->keep_mask != 0 && !sampled) {
        err = store->ops->scan(store, filter->scope->from_ns, hp__scope_to(filter->scope), 0, 0, filtered,
                               filter, info);
    } else if (filter->route != 0) {
        filter->err = walk_route(filter);
    } else {
        for (size_t i = 0; i < store->scan->count && filtered(filter, &store->scan->rows[i]); i++) {
        }
    }
    if (err == HP_OK && filter->err != HP_OK) {
        err = hp__read_no_memory(info);
    }
    return err;
}

bool hp__filter_has_totals(const struct hp__filter *filter)
{
    const struct hp__scan *scan = filter->store->scan;
    return scan->keep_mask != 0 && !scan->totals.partial && !hp__scope_is_brushed(filter->scope);
}

/* Number of the row below the newest `most` of the scope's range. */
static hp_err below_newest(struct hp__filter *filter, uint64_t most, uint64_t *row, struct hp_errinfo *info)
{
    struct hp__extent extent;
    hp_err err = filter->store->ops->extent(filter->store, filter->scope->from_ns,
                                            hp__scope_to(filter->scope), &extent, info);
    if (err == HP_OK) {
        *row = extent.last_row > most ? extent.last_row - most : 0;
    }
    return err;
}

hp_err hp__filter_newest_rows(struct hp__filter *filter, uint64_t most, hp_narrow_fn fn, void *ctx,
                              struct hp_errinfo *info)
{
    uint64_t below = 0;
    if (filter->store->scan->keep_mask == 0) {
        return hp__filter_rows(filter, false, fn, ctx, info);
    }
    hp_err err = below_newest(filter, most, &below, info);
    return err == HP_OK ? hp__filter_rows_after(filter, below, fn, ctx, info) : err;
}

static bool keep_newest(void *ctx, const struct hp_narrow_row *row)
{
    struct hp__newest *newest = ctx;
    if (newest->row == 0 || row->start_ns >= newest->start_ns) {
        *newest = (struct hp__newest){row->start_ns, row->row, row->revision};
    }
    return true;
}

/* Of a range with too many rows for memory: among the last thousands that were stored, which began seconds
 * apart; else of the selection. */
hp_err hp__filter_newest(struct hp__filter *filter, struct hp__newest *newest, struct hp_errinfo *info)
{
    hp_err err = hp__filter_newest_rows(filter, LAST_ROWS, keep_newest, newest, info);
    return err == HP_OK && newest->row == 0 ? hp__filter_rows(filter, true, keep_newest, newest, info) : err;
}

/* Begin a question: snapshot, rows in memory, filter. Owes filter_fini whatever the result. */
hp_err hp__filter_init(struct hp__filter *filter, struct hp_store *store, const struct hp_scope *scope,
                       uint32_t route, struct hp__stamp *stamp, struct hp_errinfo *info)
{
    *filter = (struct hp__filter){.store = NULL, .scope = scope, .route = route};
    hp_err err = hp__store_ask(store, info);
    if (err != HP_OK) {
        return err;
    }
    filter->store = store;
    err = hp__load_rows(store, scope, stamp, info);
    if (err != HP_OK) {
        return err;
    }
    if (scope->revision.n != 0) {
        filter->by_revision = true;
        err = hp_dict_add_string(store->dict, scope->revision, &filter->revision);
        return err == HP_OK ? err : hp__read_no_memory(info);
    }
    if (scope->newest_revision) {
        struct hp__newest newest = {0};
        err = hp__filter_newest(filter, &newest, info);
        filter->by_revision = newest.row != 0;
        filter->revision = newest.revision;
    }
    return err;
}

void hp__filter_fini(struct hp__filter *filter)
{
    hp_free(filter->routes);
    if (filter->store != NULL) {
        hp__store_answered(filter->store);
    }
}
