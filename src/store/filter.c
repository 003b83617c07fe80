/* filter.c -- see filter.h. */
#include "store/filter.h"

#include <string.h>

#include "base/mem.h"

hp_err hp__read_no_memory(struct hp_errinfo *info)
{
    return hp_err_set(info, HP_ENOMEM, 0, "out of memory while reading the store");
}

uint64_t hp__scope_to(const struct hp_scope *scope)
{
    return scope->to_ns != 0 ? scope->to_ns : (uint64_t)INT64_MAX;
}

/* ---- rows of a scope ---- */

/* Whether the rows in memory answer for [from, to). A thinned selection holds too few of a part. */
static bool covers(const struct hp__scan *scan, uint64_t from_ns, uint64_t to_ns)
{
    bool same = scan->from_ns == from_ns && scan->to_ns == to_ns;
    bool wider = scan->from_ns <= from_ns && scan->to_ns >= to_ns && scan->keep_mask == 0;
    return scan->loaded && (same || wider);
}

/* The rows in memory that answer, else those to give up: not the last ones that were asked for, so that a question about a part (one request's source) does not
 * cost the next one the whole. */
static struct hp__scan *choose(struct hp_store *store, uint64_t from_ns, uint64_t to_ns)
{
    for (size_t i = 0; i < HP_SCANS; i++) {
        if (covers(&store->scans[i], from_ns, to_ns)) {
            return &store->scans[i];
        }
    }
    return store->scan == &store->scans[0] ? &store->scans[1] : &store->scans[0];
}

static hp_err load(struct hp_store *store, const struct hp_scope *scope, struct hp__stamp *stamp,
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
    err = store->ops->scan(store, scan->from_ns, scan->to_ns, scan->last_row, hp__scan_add, scan, info);
    if (err == HP_OK && scan->err != HP_OK) {
        err = hp__read_no_memory(info);
    }
    if (err != HP_OK) {
        hp__scan_clear(scan);
        return err;
    }
    scan->loaded = true;
    scan->generation = stamp->generation;
    scan->last_row = stamp->last_row;
    return HP_OK;
}

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
                                          after, filtered, filter, info);
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

/* Every row of the scope, oldest number first: from memory, or streamed when memory holds only some. `sampled`: some will do. */
hp_err hp__filter_rows(struct hp__filter *filter, bool sampled, hp_narrow_fn fn, void *ctx,
                       struct hp_errinfo *info)
{
    struct hp_store *store = filter->store;
    hp_err err = HP_OK;
    filter->fn = fn;
    filter->ctx = ctx;
    if (store->scan->keep_mask != 0 && !sampled) {
        err = store->ops->scan(store, filter->scope->from_ns, hp__scope_to(filter->scope), 0, filtered,
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

uint64_t hp__filter_each(const struct hp__filter *filter)
{
    return hp__scope_is_brushed(filter->scope) ? (uint64_t)filter->store->scan->keep_mask + 1 : 1;
}

bool hp__newest_keep(void *ctx, const struct hp_narrow_row *row)
{
    struct hp__newest *newest = ctx;
    if (newest->row == 0 || row->start_ns >= newest->start_ns) {
        *newest = (struct hp__newest){row->start_ns, row->row, row->revision};
    }
    return true;
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
    err = load(store, scope, stamp, info);
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
        err = hp__filter_rows(filter, false, hp__newest_keep, &newest, info);
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

/* The minutes that lie wholly in scope. */
void hp__scope_minutes(const struct hp_scope *scope, uint64_t *from, uint64_t *to)
{
    *from = scope->from_ns / HP_MINUTE_NS + (scope->from_ns % HP_MINUTE_NS != 0);
    *to = hp__scope_to(scope) / HP_MINUTE_NS;
    *to = *to > *from ? *to : *from;
}
