/* merge.c -- merged call trees and statements: whole minutes from rollups, the rest from rows.
 *
 *     scope     |  edge  | minute | minute | stale  | minute |  edge  |
 *     from         rows    rollup   rollup    rows    rollup    rows
 *
 * A minute is stale when its rollups do not cover all its requests: the writer flushes trees about once a
 * second, a killed one not at all, and has caps. It is then taken from rows, unless the caps of the store
 * have taken their detail.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/filter.h"

#define TREE_NODES (1u << 20) /* cap of one tree read back */
#define GROUP_CAP  (1u << 20) /* statements × places of one question */
#define STALE_CAP  (1u << 16)

#define MASK_BITS_MOST 32u

/* ---- whole minutes from rollups, the rest from rows ---- */

struct parts {
    struct hp__filter *filter;
    uint64_t from_minute, to_minute; /* of rollups; nothing if equal */
    uint64_t detail_from_ns;
    struct hp_map stale; /* minutes within that must come from rows */
    hp_narrow_fn fn;
    void *ctx;
};

static hp_err find_stale(void *ctx, const struct hp__rollup *rollup)
{
    struct parts *parts = ctx;
    if (rollup->covered == rollup->requests || rollup->minute * HP_MINUTE_NS < parts->detail_from_ns ||
        !hp__filter_wants(parts->filter, rollup->route, rollup->revision)) {
        return parts->filter->err;
    }
    return hp_map_put(&parts->stale, rollup->minute, 1);
}

static hp_err parts_init(struct parts *parts, struct hp__filter *filter, const struct hp__stamp *stamp,
                         struct hp_errinfo *info)
{
    struct hp_store *store = filter->store;
    *parts = (struct parts){.filter = filter, .detail_from_ns = stamp->detail_from_ns};
    hp_map_init(&parts->stale, STALE_CAP);
    if (store->ops->rollups == NULL || hp__scope_is_brushed(filter->scope)) {
        return HP_OK;
    }
    hp__whole_minutes(filter->scope->from_ns, hp__scope_to(filter->scope), &parts->from_minute,
                      &parts->to_minute);
    return store->ops->rollups(store, parts->from_minute, parts->to_minute, false, find_stale, parts, info);
}

static bool from_rollup(const struct parts *parts, uint64_t minute)
{
    uint32_t stale;
    return minute >= parts->from_minute && minute < parts->to_minute &&
           !hp_map_get(&parts->stale, minute, &stale);
}

static bool pass_part(void *ctx, const struct hp_narrow_row *row)
{
    struct parts *parts = ctx;
    return from_rollup(parts, row->start_ns / HP_MINUTE_NS) || parts->fn(parts->ctx, row);
}

/* The rows that no rollup answers for; `sampled`: some will do. */
static hp_err each_part_row(struct parts *parts, bool sampled, hp_narrow_fn fn, void *ctx,
                            struct hp_errinfo *info)
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
    return hp__filter_rows(parts->filter, sampled, pass_part, parts, info);
}

/* ---- merged tree: what is level `sample` has trees of samples, all others exact ones ---- */

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
    struct hp__filter *filter = merge->parts.filter;
    if (!from_rollup(&merge->parts, rollup->minute) ||
        (rollup->level == HP_LEVEL_SAMPLE) != filter->scope->sampled ||
        !hp__filter_wants(filter, rollup->route, rollup->revision)) {
        return filter->err;
    }
    return filter->store->ops->rollup_trees(filter->store, rollup->id, merge_rollup_tree, merge, merge->info);
}

static bool merge_row(void *ctx, const struct hp_narrow_row *row)
{
    struct merge *merge = ctx;
    struct hp_store *store = merge->parts.filter->store;
    struct hp_record record;
    if (!row->detailed || (row->level == HP_LEVEL_SAMPLE) != merge->parts.filter->scope->sampled) {
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
    struct hp__filter filter;
    struct hp__stamp stamp = {0};
    struct merge merge = {.into = into, .info = info};
    hp_arena_init(&merge.arena, HP_STORE_RECORD_BYTES);
    hp_err err = hp__filter_init(&filter, store, scope, route, &stamp, info);
    if (err != HP_OK) {
        goto done;
    }
    merge.scratch = hp_tree_new(store->dict, TREE_NODES);
    err = merge.scratch != NULL ? parts_init(&merge.parts, &filter, &stamp, info) : HP_ENOMEM;
    if (err == HP_OK && store->ops->rollups != NULL) {
        err = store->ops->rollups(store, merge.parts.from_minute, merge.parts.to_minute, false, merge_rollup,
                                  &merge, info);
    }
    if (err == HP_OK) {
        err = each_part_row(&merge.parts, false, merge_row, &merge, info);
    }
    err = err == HP_OK ? merge.err : err;
    if (err == HP_OK) {
        hp_tree_total(into);
        *requests = merge.requests;
    } else if (err == HP_ENOMEM) {
        err = hp__read_no_memory(info);
    }
done:
    hp_map_fini(&merge.parts.stale);
    hp_tree_free(merge.scratch);
    hp_arena_fini(&merge.arena);
    hp__filter_fini(&filter);
    return err;
}

/* ---- statements ---- */

struct statements {
    struct parts parts;
    struct hp_statement_row *list;
    uint32_t count, capacity;
    struct hp_map index; /* hash of the key to place in the list */
    struct hp_arena arena;
    struct hp_portion *portion;    /* NULL: every row is read */
    uint64_t with[MASK_BITS_MOST]; /* rows that the selections of 0, 1, 2 … bits hold */
    uint32_t mask;                 /* of the selection that is read; each row counts for mask + 1 */
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
    struct hp__filter *filter = all->parts.filter;
    if (!from_rollup(&all->parts, rollup->minute) ||
        !hp__filter_wants(filter, rollup->route, rollup->revision)) {
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

static bool add_row_statements(void *ctx, const struct hp_narrow_row *source)
{
    struct statements *all = ctx;
    struct hp_store *store = all->parts.filter->store;
    struct hp_record record;
    uint64_t each = (uint64_t)all->mask + 1;
    if (source->statements == 0 || !hp__scan_keeps(all->mask, source->row)) {
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
        row->executions += group->count * each;
        row->requests += each;
        row->total_ns += (group->exec_ns + group->fetch_ns) * each;
        row->fetch_ns += group->fetch_ns * each;
        row->max_ns = group->max_ns > row->max_ns ? group->max_ns : row->max_ns;
        row->rows += group->rows != HP_ABSENT ? group->rows * each : 0;
        row->errors += group->errors * each;
    }
    return all->err == HP_OK;
}

static bool count_selections(void *ctx, const struct hp_narrow_row *source)
{
    struct statements *all = ctx;
    for (unsigned bits = 0; bits < MASK_BITS_MOST && source->statements != 0; bits++) {
        if (!hp__scan_keeps((uint32_t)((UINT64_C(1) << bits) - 1), source->row)) {
            break;
        }
        all->with[bits]++;
    }
    return true;
}

/* The largest selection that is small enough: at least the one whose rows are in memory. */
static hp_err choose_selection(struct statements *all)
{
    struct hp_portion *portion = all->portion;
    uint32_t known = all->parts.filter->store->scan->keep_mask;
    unsigned bits = 0;
    hp_err err = each_part_row(&all->parts, true, count_selections, all, all->info);
    while (bits + 1 < MASK_BITS_MOST &&
           ((UINT64_C(1) << bits) - 1 < known || all->with[bits] > portion->most)) {
        bits++;
    }
    all->mask = (uint32_t)((UINT64_C(1) << bits) - 1);
    portion->read = all->with[bits];
    portion->of = all->with[0] * ((uint64_t)known + 1);
    return err;
}

static hp_err add_rows(struct statements *all)
{
    hp_err err = all->portion != NULL ? choose_selection(all) : HP_OK;
    return err == HP_OK ? each_part_row(&all->parts, all->portion != NULL, add_row_statements, all, all->info)
                        : err;
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

static hp_err read_statements(struct hp_store *store, const struct hp_scope *scope,
                              struct hp_portion *portion, hp_statement_fn fn, void *ctx,
                              struct hp_errinfo *info)
{
    struct hp__filter filter;
    struct hp__stamp stamp = {0};
    struct statements all = {.portion = portion, .info = info};
    hp_map_init(&all.index, GROUP_CAP);
    hp_arena_init(&all.arena, HP_STORE_RECORD_BYTES);
    hp_err err = hp__filter_init(&filter, store, scope, 0, &stamp, info);
    if (err == HP_OK) {
        err = parts_init(&all.parts, &filter, &stamp, info);
    }
    if (err == HP_OK && store->ops->rollups != NULL) {
        err = store->ops->rollups(store, all.parts.from_minute, all.parts.to_minute, true,
                                  add_rollup_statements, &all, info);
    }
    if (err == HP_OK) {
        err = add_rows(&all);
    }
    err = err == HP_OK ? all.err : err;
    if (err == HP_ENOMEM || err == HP_EFULL) {
        err = hp__read_no_memory(info);
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
    hp__filter_fini(&filter);
    return err;
}

hp_err hp_store_statements(struct hp_store *store, const struct hp_scope *scope, hp_statement_fn fn,
                           void *ctx, struct hp_errinfo *info)
{
    return read_statements(store, scope, NULL, fn, ctx, info);
}

hp_err hp_store_some_statements(struct hp_store *store, const struct hp_scope *scope,
                                struct hp_portion *portion, hp_statement_fn fn, void *ctx,
                                struct hp_errinfo *info)
{
    portion->read = portion->of = 0;
    return read_statements(store, scope, portion, fn, ctx, info);
}
