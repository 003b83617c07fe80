/* sampled.c -- see sampled.h. */
#include "answer/sampled.h"

#include <string.h>
#include "answer/plans.h"
#include "base/reader.h"

#define MAX_NODES      (1u << 18)
#define LEARN_REQUESTS 3u

struct loading {
    struct hp_sampled *sampled;
    uint32_t most;
    hp_err err;
};

/* Decode the tree of `record` and take the tracer's cost out. NULL with HP_OK: it has none, or it cannot be
 * read. */
static hp_err decode_tree(struct hp_sampled *sampled, const struct hp_record *record, struct hp_tree **out)
{
    struct hp_reader shape, values;
    uint32_t i = sampled->c.sample_count;
    *out = NULL;
    if (record->shape.n == 0 || record->values.n == 0 || (record->req.flags & HP_REQ_SAMPLED) != 0) {
        return HP_OK;
    }
    if (sampled->pool[i] == NULL) {
        sampled->pool[i] = hp_tree_new(sampled->c.dict, MAX_NODES);
    }
    struct hp_tree *tree = sampled->pool[i];
    if (tree == NULL) {
        return HP_ENOMEM;
    }
    hp_reader_init(&shape, record->shape.p, record->shape.n);
    hp_reader_init(&values, record->values.p, record->values.n);
    hp_err err = hp_tree_decode(tree, shape, values, NULL, hp_dict_symbol_count(sampled->c.dict));
    if (err != HP_OK) {
        return err == HP_ENOMEM ? err : HP_OK;
    }
    hp_tree_calibrate(tree, record->req.call_inner_ps / 1000.0, record->req.call_outer_ps / 1000.0);
    *out = tree;
    return HP_OK;
}

static bool add_record(void *ctx, const struct hp_record *record)
{
    struct loading *loading = ctx;
    struct hp_sampled *s = loading->sampled;
    uint32_t i = s->c.sample_count;
    if (i == loading->most) {
        return false;
    }
    s->records[i] = *record;
    loading->err = decode_tree(s, record, &s->trees[i]);
    if (loading->err != HP_OK) {
        return false;
    }
    uint64_t wall = record->req.wall_ns, own = record->req.own_ns;
    s->samples[i] = (struct hp_sample){&s->records[i], s->trees[i], wall > own ? wall - own : 0, NULL};
    bool estimate = (record->req.flags & (HP_REQ_SAMPLED | HP_REQ_SAMPLED_GIL)) == HP_REQ_SAMPLED;
    uint8_t level = estimate || record->req.level != HP_LEVEL_SAMPLE ? record->req.level : HP_LEVEL_MONITOR;
    s->estimated += estimate;
    s->lowest_level = level < s->lowest_level ? level : s->lowest_level;
    s->c.sample_count = i + 1;
    return true;
}

/* ---- estimates ---- */

/* A request's part of the merged tree: as one of its duration has on average. */
static hp_err estimate_one(struct hp_sampled *sampled, uint32_t i, double factor)
{
    if (sampled->pool[i] == NULL) {
        sampled->pool[i] = hp_tree_new(sampled->c.dict, MAX_NODES);
    }
    struct hp_tree *tree = sampled->pool[i];
    if (tree == NULL) {
        return HP_ENOMEM;
    }
    hp_tree_clear(tree);
    hp_err err = hp_tree_merge(tree, sampled->merged, NULL);
    hp_tree_scale(tree, factor);
    sampled->samples[i].estimate = tree;
    return err;
}

/* One request has a few samples only: what all requests of the route say together is told of each, by its
 * duration. */
static hp_err estimate(struct hp_sampled *sampled, struct hp_store *store, const struct hp_scope *scope,
                       struct hp_errinfo *info)
{
    struct hp_scope all = *scope;
    uint64_t requests = 0;
    all.sampled = true;
    if (sampled->merged == NULL) {
        sampled->merged = hp_tree_new(sampled->c.dict, MAX_NODES);
    }
    if (sampled->merged == NULL) {
        return HP_ENOMEM;
    }
    hp_tree_clear(sampled->merged);
    hp_err err = hp_store_merged(store, &all, sampled->c.route, sampled->merged, &requests, info);
    double mean_ns = sampled->c.requests != 0 ? (double)sampled->c.total_ns / (double)sampled->c.requests : 0;
    sampled->c.estimate_samples = err == HP_OK ? hp_tree_samples(sampled->merged) : 0;
    if (requests == 0 || mean_ns <= 0 || sampled->c.estimate_samples == 0) {
        return err;
    }
    for (uint32_t i = 0; i < sampled->c.sample_count && err == HP_OK; i++) {
        if ((sampled->records[i].req.flags & HP_REQ_SAMPLED) != 0) {
            err = estimate_one(sampled, i,
                               (double)sampled->samples[i].duration_ns / mean_ns / (double)requests);
        }
    }
    return err;
}

static struct hp_str find_source(void *ctx, struct hp_str file)
{
    const struct hp_sampled_sources *sources = ctx;
    struct hp_str text = HP_STR("");
    hp_err err = hp_store_source(sources->store, sources->scope, file, &text, NULL);
    return err == HP_OK ? text : HP_STR("");
}

hp_err hp_sampled_load(struct hp_sampled *sampled, struct hp_store *store, const struct hp_scope *scope,
                       const struct hp_route_row *row, uint64_t recorded_ns, uint32_t most,
                       struct hp_arena *arena, struct hp_errinfo *info)
{
    most = most < HP_SAMPLED_MOST ? most : HP_SAMPLED_MOST;
    memset(&sampled->c, 0, sizeof sampled->c);
    sampled->records = hp_arena_alloc(arena, most * sizeof *sampled->records + 1, _Alignof(struct hp_record));
    sampled->trees = hp_arena_alloc(arena, most * sizeof *sampled->trees + 1, _Alignof(struct hp_tree *));
    sampled->samples = hp_arena_alloc(arena, most * sizeof *sampled->samples + 1, _Alignof(struct hp_sample));
    if (sampled->records == NULL || sampled->trees == NULL || sampled->samples == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory while loading requests");
    }
    sampled->lowest_level = HP_LEVEL_TRACE;
    sampled->estimated = 0;
    sampled->sources = (struct hp_sampled_sources){store, scope};
    sampled->c = (struct hp_case){.dict = hp_store_dict(store),
                                  .route = row->route,
                                  .requests = row->requests,
                                  .total_ns = row->total_ns,
                                  .median_ns = row->p50_ns,
                                  .p95_ns = row->p95_ns,
                                  .recorded_ns = recorded_ns,
                                  .samples = sampled->samples,
                                  .source = find_source,
                                  .source_ctx = &sampled->sources};
    struct loading loading = {sampled, most, HP_OK};
    hp_err err = hp_store_sample(store, scope, row->route, most, arena, add_record, &loading, info);
    if (err == HP_OK && loading.err != HP_OK) {
        err = hp_err_set(info, loading.err, 0, "out of memory while loading requests");
    }
    if (err == HP_OK && sampled->estimated != 0) {
        err = estimate(sampled, store, scope, info);
        if (err == HP_ENOMEM) {
            err = hp_err_set(info, err, 0, "out of memory while loading requests");
        }
    }
    return err == HP_OK ? hp_plans_load(&sampled->c, store, arena, info) : err;
}

struct learning {
    struct hp_sites *sites;
    const struct hp_dict *dict;
    struct hp_arena *arena;
    hp_err err;
};

static bool learn_record(void *ctx, const struct hp_record *record)
{
    struct learning *learning = ctx;
    learning->err = hp_sites_add(learning->sites, learning->dict, record, learning->arena);
    return learning->err == HP_OK;
}

hp_err hp_sampled_sites(struct hp_sites *sites, struct hp_store *store, const struct hp_scope *scope,
                        uint32_t route, struct hp_arena *arena, struct hp_arena *scratch,
                        struct hp_errinfo *info)
{
    struct learning learning = {sites, hp_store_dict(store), arena, HP_OK};
    hp_arena_reset(scratch);
    hp_err err = hp_store_sample(store, scope, route, LEARN_REQUESTS, scratch, learn_record, &learning, info);
    return err == HP_OK && learning.err != HP_OK
               ? hp_err_set(info, learning.err, 0, "out of memory while loading requests")
               : err;
}

void hp_sampled_fini(struct hp_sampled *sampled)
{
    for (uint32_t i = 0; i < HP_SAMPLED_MOST; i++) {
        hp_tree_free(sampled->pool[i]);
    }
    hp_tree_free(sampled->merged);
    memset(sampled, 0, sizeof *sampled);
}

struct hp_str hp_sampled_route_name(const struct hp_dict *dict, uint32_t id, struct hp_arena *arena)
{
    struct hp_route route = hp_dict_route(dict, id);
    size_t n = route.method.n + (route.method.n != 0) + route.rule.n;
    char *p = hp_arena_alloc(arena, n + 1, 1);
    if (p == NULL) {
        return (struct hp_str){NULL, 0};
    }
    size_t at = route.method.n;
    if (at != 0) {
        memcpy(p, route.method.p, at);
        p[at++] = ' ';
    }
    if (route.rule.n != 0) {
        memcpy(p + at, route.rule.p, route.rule.n);
    }
    p[n] = '\0';
    return hp_str_make(p, n);
}
