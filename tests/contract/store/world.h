/* world.h -- a store of one back end with one process in it, as the contract's tests use it.
 *
 * SQLite is written through one handle and read through another; in memory one handle does both. Any failure
 * is the test's.
 */
#ifndef HP_TEST_WORLD_H
#define HP_TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "make_record.h"
#include "store/store.h"

#define MINUTE UINT64_C(60000000000)
#define T0     (UINT64_C(28333333) * MINUTE) /* a whole minute in 2023 */
#define MS     UINT64_C(1000000)

struct world {
    struct hp_store *w, *r;
    struct make m;
    char dir[64], path[96];
    struct hp_arena arena;
    struct hp_errinfo info;
};

static inline void ok(struct world *world, hp_err err)
{
    if (err != HP_OK) {
        fail_msg("%s: %s", hp_err_name(err), world->info.text);
    }
}

static const struct hp_process process = {
    .boot_id = "boot", .pid = 42, .start_ns = T0, .revision = {"rev1", 4}, .host = {"h", 1}};

static inline void make_world(struct world *world, bool sqlite, uint64_t max_age_ns)
{
    memset(world, 0, sizeof *world);
    make_init(&world->m, "rev1", 0);
    hp_arena_init(&world->arena, (size_t)256 << 20);
    struct hp_store_config config = {.mode = HP_STORE_WRITE,
                                     .max_age_ns = max_age_ns != 0 ? max_age_ns : UINT64_MAX / 4};
    if (sqlite) {
        snprintf(world->dir, sizeof world->dir, "/tmp/hp-contract-XXXXXX");
        assert_non_null(mkdtemp(world->dir));
        snprintf(world->path, sizeof world->path, "%s/s.db", world->dir);
        config.path = world->path;
    }
    ok(world, hp_store_open(&config, &world->w, &world->info));
    world->r = world->w;
    if (sqlite) {
        config.mode = HP_STORE_READ;
        ok(world, hp_store_open(&config, &world->r, &world->info));
    }
    ok(world, hp_store_begin(world->w, &world->info));
    ok(world, hp_store_put_process(world->w, &process, &world->info));
    ok(world, hp_store_commit(world->w, &world->info));
}

static inline void end_world(struct world *world)
{
    char command[128];
    if (world->r != world->w) {
        assert_int_equal(hp_store_close(world->r), HP_OK);
    }
    assert_int_equal(hp_store_close(world->w), HP_OK);
    hp_arena_fini(&world->arena);
    make_fini(&world->m);
    if (world->dir[0] != '\0') {
        snprintf(command, sizeof command, "rm -rf %s", world->dir);
        assert_int_equal(system(command), 0);
    }
}

static inline int set_up_memory(void **state)
{
    *state = hp_malloc(sizeof(struct world));
    make_world(*state, false, 0);
    return 0;
}

static inline int set_up_sqlite(void **state)
{
    *state = hp_malloc(sizeof(struct world));
    make_world(*state, true, 0);
    return 0;
}

static inline int tear_down(void **state)
{
    end_world(*state);
    hp_free(*state);
    return 0;
}

/* A test over both back ends, each time in a world of its own. */
#define BOTH(test)                                                                                           \
    {"memory: " #test, test, set_up_memory, tear_down, NULL},                                                \
    {                                                                                                        \
        "sqlite: " #test, test, set_up_sqlite, tear_down, NULL                                               \
    }

/* ---- writing in a line ---- */

static inline void put(struct world *world, struct hp_str record)
{
    ok(world, hp_store_put(world->w, record, world->m.dict, &world->info));
}

static inline void put_bare(struct world *world, uint64_t id, uint64_t start_ns, uint64_t ms, unsigned route)
{
    put(world, make_bare(&world->m, id, start_ns, ms * MS, route));
}

static inline void begin(struct world *world)
{
    ok(world, hp_store_begin(world->w, &world->info));
}

static inline void commit(struct world *world)
{
    ok(world, hp_store_commit(world->w, &world->info));
}

/* ---- reading into lists ---- */

struct routes {
    struct hp_route_row rows[8];
    unsigned count;
};

static inline bool keep_route(void *ctx, const struct hp_route_row *row)
{
    struct routes *routes = ctx;
    assert_true(routes->count < 8);
    routes->rows[routes->count++] = *row;
    return true;
}

static inline struct routes read_routes(struct world *world, const struct hp_scope *scope)
{
    struct routes routes = {.count = 0};
    ok(world, hp_store_routes(world->r, scope, keep_route, &routes, &world->info));
    return routes;
}

static inline const struct hp_route_row *route_named(struct world *world, const struct routes *routes,
                                                     const char *rule)
{
    for (unsigned i = 0; i < routes->count; i++) {
        struct hp_route route = hp_dict_route(hp_store_dict(world->r), routes->rows[i].route);
        if (hp_str_eq(route.rule, hp_str_from0(rule))) {
            return &routes->rows[i];
        }
    }
    return NULL;
}

static inline uint32_t route_id(struct world *world, const char *rule)
{
    struct hp_scope all = {0};
    struct routes routes = read_routes(world, &all);
    const struct hp_route_row *row = route_named(world, &routes, rule);
    assert_non_null(row);
    return row->route;
}

struct ids {
    uint64_t ids[4096];
    unsigned count, limit;
};

static inline bool keep_request(void *ctx, const struct hp_request_row *row)
{
    struct ids *ids = ctx;
    ids->ids[ids->count++] = row->req.id;
    return true;
}

static inline bool keep_record(void *ctx, const struct hp_record *record)
{
    struct ids *ids = ctx;
    ids->ids[ids->count++] = record->req.id;
    return ids->limit == 0 || ids->count < ids->limit;
}

static inline uint64_t requests_in(struct world *world, const struct hp_scope *scope)
{
    struct hp_complete complete;
    ok(world, hp_store_complete(world->r, scope, &complete, &world->info));
    return complete.recorded;
}

struct statements {
    struct hp_statement_row rows[64];
    unsigned count;
};

static inline bool keep_statement(void *ctx, const struct hp_statement_row *row)
{
    struct statements *all = ctx;
    assert_true(all->count < 64);
    all->rows[all->count++] = *row;
    return true;
}

struct totals {
    uint64_t calls, self;
};

static inline struct totals totals_of(const struct hp_tree *tree)
{
    struct totals totals = {0};
    for (uint32_t i = 0; i < tree->count; i++) {
        totals.calls += tree->nodes[i].calls;
        totals.self += tree->nodes[i].self;
    }
    return totals;
}

static inline struct totals merged(struct world *world, const struct hp_scope *scope, uint32_t route,
                                   uint64_t *requests, uint32_t *nodes)
{
    struct hp_tree *tree = hp_tree_new(hp_store_dict(world->r), 1u << 18);
    ok(world, hp_store_merged(world->r, scope, route, tree, requests, &world->info));
    struct totals totals = totals_of(tree);
    *nodes = tree->count;
    assert_null(hp__tree_check(tree));
    hp_tree_free(tree);
    return totals;
}

static inline void same_text(struct hp_str a, struct hp_str b)
{
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
}

#endif
