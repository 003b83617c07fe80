/* test_store_contract.c -- what every back end must do, run unchanged over SQLite and memory, and then both side by side.
 *
 * The SQLite run writes with one handle and reads with another; in memory one handle does both.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "make_record.h"
#include "store/store.h"
#include "sweep_oom.h"

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

static void ok(struct world *world, hp_err err)
{
    if (err != HP_OK) {
        fail_msg("%s: %s", hp_err_name(err), world->info.text);
    }
}

static const struct hp_process process = {
    .boot_id = "boot", .pid = 42, .start_ns = T0, .revision = {"rev1", 4}, .host = {"h", 1}};

static void make_world(struct world *world, bool sqlite, uint64_t max_age_ns)
{
    memset(world, 0, sizeof *world);
    make_init(&world->m, "rev1", 0);
    hp_arena_init(&world->arena, (size_t)256 << 20);
    struct hp_store_config config = {.mode = HP_STORE_WRITE, .max_age_ns = max_age_ns};
    config.max_age_ns = max_age_ns != 0 ? max_age_ns : UINT64_MAX / 4;
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

static void end_world(struct world *world)
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

static int set_up_memory(void **state)
{
    *state = hp_malloc(sizeof(struct world));
    make_world(*state, false, 0);
    return 0;
}

static int set_up_sqlite(void **state)
{
    *state = hp_malloc(sizeof(struct world));
    make_world(*state, true, 0);
    return 0;
}

static int tear_down(void **state)
{
    end_world(*state);
    hp_free(*state);
    return 0;
}

/* ---- writing in a line ---- */

static void put(struct world *world, struct hp_str record)
{
    ok(world, hp_store_put(world->w, record, world->m.dict, &world->info));
}

static void put_bare(struct world *world, uint64_t id, uint64_t start_ns, uint64_t ms, unsigned route)
{
    put(world, make_bare(&world->m, id, start_ns, ms * MS, route));
}

static void begin(struct world *world)
{
    ok(world, hp_store_begin(world->w, &world->info));
}

static void commit(struct world *world)
{
    ok(world, hp_store_commit(world->w, &world->info));
}

/* ---- reading into lists ---- */

struct routes {
    struct hp_route_row rows[8];
    unsigned count;
};

static bool keep_route(void *ctx, const struct hp_route_row *row)
{
    struct routes *routes = ctx;
    assert_true(routes->count < 8);
    routes->rows[routes->count++] = *row;
    return true;
}

static struct routes read_routes(struct world *world, const struct hp_scope *scope)
{
    struct routes routes = {.count = 0};
    ok(world, hp_store_routes(world->r, scope, keep_route, &routes, &world->info));
    return routes;
}

static const struct hp_route_row *route_named(struct world *world, const struct routes *routes,
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

struct ids {
    uint64_t ids[4096];
    unsigned count, limit;
};

static bool keep_request(void *ctx, const struct hp_request_row *row)
{
    struct ids *ids = ctx;
    ids->ids[ids->count++] = row->req.id;
    return true;
}

static bool keep_record(void *ctx, const struct hp_record *record)
{
    struct ids *ids = ctx;
    ids->ids[ids->count++] = record->req.id;
    return ids->limit == 0 || ids->count < ids->limit;
}

static uint32_t route_id(struct world *world, const char *rule)
{
    struct hp_scope all = {0};
    struct routes routes = read_routes(world, &all);
    const struct hp_route_row *row = route_named(world, &routes, rule);
    assert_non_null(row);
    return row->route;
}

static uint64_t requests_in(struct world *world, const struct hp_scope *scope)
{
    struct hp_complete complete;
    ok(world, hp_store_complete(world->r, scope, &complete, &world->info));
    return complete.recorded;
}

/* ---- records come back ---- */

static struct hp_record decode(struct world *world, struct hp_str bytes)
{
    struct hp_record record;
    struct hp_reader in;
    char *copy = hp_arena_dup(&world->arena, bytes.p, bytes.n);
    hp_reader_init(&in, copy, bytes.n);
    ok(world, hp_record_decode(&in, &world->arena, &record));
    return record;
}

static void same_text(struct hp_str a, struct hp_str b)
{
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
}

static void same_facts(struct world *world, const struct hp_record *a, const struct hp_record *b)
{
    const struct hp_dict *from = world->m.dict;
    const struct hp_dict *to = hp_store_dict(world->r);
    struct hp_request x = a->req;
    struct hp_request y = b->req;
    same_text(hp_dict_route(from, x.route).rule, hp_dict_route(to, y.route).rule);
    same_text(hp_dict_string(from, x.revision), hp_dict_string(to, y.revision));
    same_text(hp_dict_string(from, x.exception_type), hp_dict_string(to, y.exception_type));
    same_text(hp_dict_symbol(from, x.view_sym).name, hp_dict_symbol(to, y.view_sym).name);
    x.route = y.route, x.revision = y.revision, x.exception_type = y.exception_type, x.view_sym = y.view_sym;
    assert_memory_equal(&x, &y, sizeof x);
}

static void same_tree(struct world *world, const struct hp_record *a, const struct hp_record *b)
{
    struct hp_tree *x = hp_tree_new(world->m.dict, 1u << 16);
    struct hp_tree *y = hp_tree_new(hp_store_dict(world->r), 1u << 16);
    struct hp_reader shape, values;
    hp_reader_init(&shape, a->shape.p, a->shape.n);
    hp_reader_init(&values, a->values.p, a->values.n);
    ok(world, hp_tree_decode(x, shape, values, NULL, UINT32_MAX));
    hp_reader_init(&shape, b->shape.p, b->shape.n);
    hp_reader_init(&values, b->values.p, b->values.n);
    ok(world, hp_tree_decode(y, shape, values, NULL, UINT32_MAX));
    assert_int_equal(x->count, y->count);
    for (uint32_t i = 0; i < x->count; i++) {
        assert_int_equal(x->nodes[i].self, y->nodes[i].self);
        assert_int_equal(x->nodes[i].calls, y->nodes[i].calls);
        assert_int_equal(x->nodes[i].parent, y->nodes[i].parent);
        assert_int_equal(x->nodes[i].line, y->nodes[i].line);
        same_text(hp_dict_symbol(x->dict, x->nodes[i].sym).name,
                  hp_dict_symbol(y->dict, y->nodes[i].sym).name);
    }
    hp_tree_free(x);
    hp_tree_free(y);
}

static void a_full_request_comes_back_whole(void **state)
{
    struct world *world = *state;
    struct hp_str bytes = make_full(&world->m, 0xABCD, T0, 9 * MS, 0, 20, 200, 1);
    struct hp_record sent = decode(world, bytes);
    struct hp_record got;
    begin(world);
    put(world, bytes);
    commit(world);
    ok(world, hp_store_request(world->r, 0xABCD, &world->arena, &got, &world->info));
    same_facts(world, &sent, &got);
    same_tree(world, &sent, &got);
    assert_int_equal(got.lane_count, 1);
    assert_int_equal(got.stmt_count, sent.stmt_count);
    assert_int_equal(got.group_count, sent.group_count);
    for (uint32_t i = 0; i < got.stmt_count; i++) {
        assert_int_equal(got.stmts[i].exec_ns, sent.stmts[i].exec_ns);
        assert_int_equal(got.stmts[i].node, sent.stmts[i].node);
        same_text(hp_dict_statement(world->m.dict, sent.stmts[i].statement).text,
                  hp_dict_statement(hp_store_dict(world->r), got.stmts[i].statement).text);
        same_text(hp_dict_symbol(world->m.dict, sent.stmts[i].site_sym).name,
                  hp_dict_symbol(hp_store_dict(world->r), got.stmts[i].site_sym).name);
    }
    assert_int_equal(hp_store_request(world->r, 1, &world->arena, &got, &world->info), HP_ENOTFOUND);
}

static void a_bare_request_comes_back_with_its_lane(void **state)
{
    struct world *world = *state;
    struct hp_str bytes = make_bare(&world->m, 7, T0, 3 * MS, 1);
    struct hp_record sent = decode(world, bytes);
    struct hp_record got;
    begin(world);
    put(world, bytes);
    commit(world);
    ok(world, hp_store_request(world->r, 7, &world->arena, &got, &world->info));
    same_facts(world, &sent, &got);
    assert_int_equal(got.lane_count, 1);
    assert_memory_equal(got.lanes, sent.lanes, sizeof *got.lanes);
    assert_int_equal(got.shape.n, 0);
}

static void threads_and_waits_come_back(void **state)
{
    struct world *world = *state;
    struct hp_lane lanes[2] = {{.end_ns = 5 * MS, .cpu_ns = MS},
                               {.start_ns = MS,
                                .end_ns = 4 * MS,
                                .cpu_ns = HP_ABSENT,
                                .spawn_ns = MS / 2,
                                .site_sym = world->m.symbols[5],
                                .site_line = 31,
                                .kind = HP_LANE_THREAD}};
    struct hp_edge edge = {
        .t0_ns = 2 * MS, .t1_ns = 4 * MS, .other = 1, .site_sym = world->m.symbols[6], .kind = HP_EDGE_JOIN};
    struct hp_record record = {.req = make_request(&world->m, 9, T0, 5 * MS, 0),
                               .lanes = lanes,
                               .edges = &edge,
                               .lane_count = 2,
                               .edge_count = 1};
    record.req.exception_type = world->m.type;
    record.req.flags = HP_REQ_EXCEPTION;
    record.req.status = 500;
    record.req.trace_id[0] = 5;
    struct hp_str bytes = make_encode(&world->m, &record);
    struct hp_record sent = decode(world, bytes);
    struct hp_record got;
    begin(world);
    put(world, bytes);
    commit(world);
    ok(world, hp_store_request(world->r, 9, &world->arena, &got, &world->info));
    same_facts(world, &sent, &got);
    assert_int_equal(got.lane_count, 2);
    assert_int_equal(got.lanes[1].spawn_ns, MS / 2);
    same_text(hp_dict_symbol(hp_store_dict(world->r), got.lanes[1].site_sym).name, HP_STR("function_5"));
    same_text(hp_dict_symbol(hp_store_dict(world->r), got.edges[0].site_sym).name, HP_STR("function_6"));
    assert_int_equal(got.edges[0].other, 1);
}

static void a_damaged_record_is_refused_and_the_batch_goes_on(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    begin(world);
    put_bare(world, 1, T0, 3, 0);
    assert_int_equal(hp_store_put(world->w, HP_STR("\3\0\0\0\1\2\3"), world->m.dict, &world->info),
                     HP_EFORMAT);
    assert_int_equal(hp_store_put(world->w, HP_STR(""), world->m.dict, &world->info), HP_EFORMAT);
    put_bare(world, 2, T0, 3, 0);
    commit(world);
    assert_int_equal(requests_in(world, &all), 2);
}

static void two_processes_share_their_words(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct hp_record a, b;
    begin(world);
    put(world, make_full(&world->m, 1, T0, 9 * MS, 0, 3, 100, 1));
    commit(world);
    /* The second has other ids for the same words. */
    make_fini(&world->m);
    make_init(&world->m, "rev1", 17);
    begin(world);
    put(world, make_full(&world->m, 2, T0, 9 * MS, 0, 3, 100, 1));
    commit(world);
    struct routes routes = read_routes(world, &all);
    assert_int_equal(routes.count, 1);
    assert_int_equal(routes.rows[0].requests, 2);
    ok(world, hp_store_request(world->r, 1, &world->arena, &a, &world->info));
    ok(world, hp_store_request(world->r, 2, &world->arena, &b, &world->info));
    same_text(a.shape, b.shape);
    assert_int_equal(a.stmts[2].statement, b.stmts[2].statement);
}

/* ---- scopes ---- */

static void routes_have_exact_sums_and_quantiles(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    begin(world);
    for (unsigned i = 0; i < 101; i++) {
        put_bare(world, i, T0 + i, 1 + (i * 37) % 101, 0);
    }
    put_bare(world, 500, T0, 7, 1);
    commit(world);
    struct routes routes = read_routes(world, &all);
    assert_int_equal(routes.count, 2);
    const struct hp_route_row *row = route_named(world, &routes, "/settings");
    assert_non_null(row);
    assert_int_equal(row->requests, 101);
    assert_int_equal(row->errors, 0);
    assert_int_equal(row->total_ns, 101 * 51 * MS - 101 * 1200);
    assert_int_equal(row->cpu_ns, 101 * 51 * MS / 2);
    assert_int_equal(row->own_ns, 101 * 1200);
    assert_int_equal(row->p50_ns, 51 * MS - 1200);
    assert_int_equal(row->p90_ns, 91 * MS - 1200);
    assert_int_equal(row->p95_ns, 96 * MS - 1200);
    assert_int_equal(row->p99_ns, 100 * MS - 1200);
    assert_int_equal(row->statements, 0);
}

static void absent_cpu_and_errors_are_told(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct hp_record record = {.req = make_request(&world->m, 1, T0, 5 * MS, 0)};
    record.req.cpu_ns = HP_ABSENT;
    record.req.status = 503;
    begin(world);
    put(world, make_encode(&world->m, &record));
    record.req.status = 404;
    put(world, make_encode(&world->m, &record));
    commit(world);
    struct routes routes = read_routes(world, &all);
    assert_true(routes.rows[0].cpu_ns == HP_ABSENT);
    assert_int_equal(routes.rows[0].errors, 1);
}

static void a_route_is_named_three_ways(void **state)
{
    struct world *world = *state;
    const char *const names[] = {"GET /settings", "/settings", "shop.settings"};
    begin(world);
    put_bare(world, 1, T0, 3, 0);
    put_bare(world, 2, T0, 3, 0);
    put_bare(world, 3, T0, 3, 1);
    commit(world);
    for (unsigned i = 0; i < 3; i++) {
        struct hp_scope scope = {.route = hp_str_from0(names[i])};
        assert_int_equal(requests_in(world, &scope), 2);
    }
    struct hp_scope other = {.route = HP_STR("POST /settings")};
    assert_int_equal(requests_in(world, &other), 0);
    struct hp_scope nothing = {.route = HP_STR("GET /setting")};
    assert_int_equal(requests_in(world, &nothing), 0);
}

static void a_range_of_time_is_half_open(void **state)
{
    struct world *world = *state;
    begin(world);
    for (unsigned i = 0; i < 3000; i++) {
        put_bare(world, i, T0 + i * MS, 3, 0);
    }
    commit(world);
    struct hp_scope scope = {.from_ns = T0 + 1000 * MS, .to_ns = T0 + 2000 * MS};
    assert_int_equal(requests_in(world, &scope), 1000);
    scope.to_ns = scope.from_ns + 1;
    assert_int_equal(requests_in(world, &scope), 1);
    scope = (struct hp_scope){.from_ns = T0 + 2500 * MS};
    assert_int_equal(requests_in(world, &scope), 500);
    scope = (struct hp_scope){.to_ns = T0};
    assert_int_equal(requests_in(world, &scope), 0);
}

static void the_newest_revision_is_that_of_the_newest_request(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct hp_str revision = HP_STR("untouched");
    ok(world, hp_store_newest_revision(world->r, &all, &revision, &world->info));
    assert_int_equal(revision.n, 0);
    begin(world);
    put_bare(world, 1, T0 + 100, 3, 0);
    put_bare(world, 2, T0 + 200, 3, 0);
    commit(world);
    make_fini(&world->m);
    make_init(&world->m, "rev2", 3);
    begin(world);
    put_bare(world, 3, T0 + 150, 3, 0);
    commit(world);
    ok(world, hp_store_newest_revision(world->r, &all, &revision, &world->info));
    same_text(revision, HP_STR("rev1"));
    struct hp_scope newest = {.newest_revision = true};
    assert_int_equal(requests_in(world, &newest), 2);
    struct hp_scope rev2 = {.revision = HP_STR("rev2")};
    assert_int_equal(requests_in(world, &rev2), 1);
    struct hp_scope none = {.revision = HP_STR("rev3")};
    assert_int_equal(requests_in(world, &none), 0);
    struct hp_scope early = {.from_ns = T0 + 120, .to_ns = T0 + 180, .newest_revision = true};
    assert_int_equal(requests_in(world, &early), 1);
}

static void what_was_written_since_is_seen(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    for (unsigned i = 1; i <= 5; i++) {
        begin(world);
        put_bare(world, i, T0 + i, 3, i % 3);
        commit(world);
        assert_int_equal(requests_in(world, &all), i);
    }
}

/* ---- order ---- */

static void requests_come_newest_or_slowest_first(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct ids newest = {.count = 0}, slowest = {.count = 0}, none = {.count = 0};
    begin(world);
    for (unsigned i = 0; i < 200; i++) {
        put_bare(world, i, T0 + (i * 73) % 200, 1 + (i * 31) % 200, 0);
    }
    commit(world);
    ok(world, hp_store_requests(world->r, &all, HP_SORT_NEWEST, 10, keep_request, &newest, &world->info));
    ok(world, hp_store_requests(world->r, &all, HP_SORT_SLOWEST, 10, keep_request, &slowest, &world->info));
    ok(world, hp_store_requests(world->r, &all, HP_SORT_SLOWEST, 0, keep_request, &none, &world->info));
    assert_int_equal(newest.count, 10);
    assert_int_equal(slowest.count, 10);
    assert_int_equal(none.count, 0);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal((newest.ids[i] * 73) % 200, 199 - i);
        assert_int_equal((slowest.ids[i] * 31) % 200, 199 - i);
    }
}

struct narrow {
    uint64_t rows[8], durations[8];
    unsigned count;
};

static bool keep_narrow(void *ctx, const struct hp_narrow_row *row)
{
    struct narrow *narrow = ctx;
    narrow->rows[narrow->count] = row->row;
    narrow->durations[narrow->count++] = row->duration_ns;
    return narrow->count < 8;
}

static unsigned count_rows(struct world *world, const struct hp_scope *scope)
{
    struct narrow narrow = {.count = 0};
    ok(world, hp_store_rows(world->r, scope, keep_narrow, &narrow, &world->info));
    return narrow.count;
}

static void a_brush_takes_durations_within_it(void **state)
{
    struct world *world = *state;
    struct hp_scope scope = {0};
    struct narrow narrow = {.count = 0};
    begin(world);
    for (unsigned i = 1; i <= 4; i++) {
        put_bare(world, i, T0 + i, 10 * i, 0);
    }
    commit(world);
    assert_int_equal(count_rows(world, &scope), 4);
    scope.min_ns = 15 * MS;
    scope.max_ns = 35 * MS;
    ok(world, hp_store_rows(world->r, &scope, keep_narrow, &narrow, &world->info));
    assert_int_equal(narrow.count, 2);
    scope.min_ns = narrow.durations[0]; /* within */
    scope.max_ns = narrow.durations[1]; /* not within */
    assert_int_equal(count_rows(world, &scope), 1);
    struct hp_request_row row;
    struct hp_record record;
    ok(world, hp_store_row(world->r, narrow.rows[1], &row, &world->info));
    assert_int_equal(row.req.id, 3);
    ok(world, hp_store_row_record(world->r, narrow.rows[0], &world->arena, &record, &world->info));
    assert_int_equal(record.req.id, 2);
    uint64_t found = 0;
    ok(world, hp_store_find(world->r, 3, &found, &world->info));
    assert_int_equal(found, narrow.rows[1]);
    assert_int_equal(hp_store_find(world->r, 99, &found, &world->info), HP_ENOTFOUND);
    scope = (struct hp_scope){.levels = 1u << HP_LEVEL_TRACE};
    assert_int_equal(count_rows(world, &scope), 0);
}

static void a_part_of_the_range_is_answered_from_memory(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0}, part = {.from_ns = T0 + 2, .to_ns = T0 + 4};
    begin(world);
    for (unsigned i = 1; i <= 4; i++) {
        put_bare(world, i, T0 + i, 10 * i, 0);
    }
    commit(world);
    assert_int_equal(count_rows(world, &all), 4);
    assert_int_equal(count_rows(world, &part), 2);
    begin(world);
    put_bare(world, 5, T0 + 3, 10, 0);
    put_bare(world, 6, T0 + 9, 10, 0);
    commit(world);
    assert_int_equal(count_rows(world, &part), 3);
    assert_int_equal(count_rows(world, &all), 6);
}

static void a_sample_is_spread_over_durations_and_repeats(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct ids a = {.count = 0}, b = {.count = 0}, few = {.limit = 2};
    begin(world);
    for (unsigned i = 0; i < 100; i++) {
        put(world, make_full(&world->m, i, T0 + i, (10 + (i * 37) % 100) * MS, 0, 1, 20, 1));
        put_bare(world, 1000 + i, T0 + i, 500, 0); /* without detail */
    }
    commit(world);
    uint32_t route = route_id(world, "/settings");
    ok(world, hp_store_sample(world->r, &all, route, 10, &world->arena, keep_record, &a, &world->info));
    ok(world, hp_store_sample(world->r, &all, route, 10, &world->arena, keep_record, &b, &world->info));
    ok(world, hp_store_sample(world->r, &all, route, 10, &world->arena, keep_record, &few, &world->info));
    assert_int_equal(a.count, 10);
    assert_int_equal(few.count, 2);
    assert_memory_equal(a.ids, b.ids, sizeof *a.ids * 10);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal((a.ids[i] * 37) % 100, 5 + 10 * i);
    }
    struct ids all_of = {.count = 0};
    ok(world,
       hp_store_sample(world->r, &all, route, 1000, &world->arena, keep_record, &all_of, &world->info));
    assert_int_equal(all_of.count, 100);
}

static void a_sample_is_not_of_those_alone_that_hold_much(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct ids a = {.count = 0};
    begin(world);
    for (unsigned i = 0; i < 20; i++) {
        put_bare(world, i, T0 + i, 10 * MS, 0);
    }
    struct hp_template parts[8]; /* beyond what fits beside the facts */
    memset(parts, 0, sizeof parts);
    struct hp_lane lane = {.cpu_ns = 1, .runqueue_ns = HP_ABSENT, .wait_busy_ns = HP_ABSENT};
    for (unsigned i = 0; i < 8; i++) {
        parts[i] = (struct hp_template){
            .t0_ns = i * MS, .total_ns = 90 * MS, .self_ns = 80 * MS + i, .count = 7 * MS};
    }
    struct hp_record slow = {
        .req = make_request(&world->m, 77, T0 + 30, 900 * MS, 0), .lanes = &lane, .lane_count = 1};
    slow.notes.templates = parts;
    slow.notes.count[HP_NOTE_TEMPLATE] = 8;
    put(world, make_encode(&world->m, &slow));
    commit(world);
    ok(world, hp_store_sample(world->r, &all, route_id(world, "/settings"), 21, &world->arena, keep_record,
                              &a, &world->info));
    assert_int_equal(a.count, 21);
}

static void a_sample_without_details_takes_any_request(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct ids a = {.count = 0};
    begin(world);
    put_bare(world, 1, T0, 3, 0);
    commit(world);
    ok(world, hp_store_sample(world->r, &all, route_id(world, "/settings"), 10, &world->arena, keep_record,
                              &a, &world->info));
    assert_int_equal(a.count, 1);
}

struct moments {
    uint64_t starts[64], durations[64];
    unsigned count;
};

static bool keep_duration(void *ctx, uint64_t start_ns, uint64_t duration_ns, uint32_t flags, uint16_t status)
{
    struct moments *m = ctx;
    assert_int_equal(status, 200);
    assert_int_equal(flags, 0);
    m->starts[m->count] = start_ns;
    m->durations[m->count++] = duration_ns;
    return true;
}

static void durations_come_oldest_first(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct moments m = {.count = 0};
    begin(world);
    for (unsigned i = 0; i < 50; i++) {
        put_bare(world, i, T0 + (i * 13) % 50, 1 + i, 0);
        put_bare(world, 100 + i, T0, 1, 1);
    }
    commit(world);
    ok(world,
       hp_store_durations(world->r, &all, route_id(world, "/settings"), keep_duration, &m, &world->info));
    assert_int_equal(m.count, 50);
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(m.starts[i], T0 + i);
        assert_int_equal((m.durations[i] / MS * 13) % 50, i);
    }
}

/* ---- merged ---- */

struct totals {
    uint64_t calls, self;
};

static struct totals totals_of(const struct hp_tree *tree)
{
    struct totals totals = {0};
    for (uint32_t i = 0; i < tree->count; i++) {
        totals.calls += tree->nodes[i].calls;
        totals.self += tree->nodes[i].self;
    }
    return totals;
}

static struct totals merged(struct world *world, const struct hp_scope *scope, uint32_t route,
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

/* Put traced requests, a second apart, and add up what they hold within [from, to). */
static struct totals put_traced(struct world *world, unsigned count, uint64_t from_ns, uint64_t to_ns,
                                unsigned *inside)
{
    struct totals want = {0};
    *inside = 0;
    for (unsigned i = 0; i < count; i++) {
        if (i % 20 == 0) {
            begin(world);
        }
        uint64_t start = T0 + i * 1000 * MS;
        put(world, make_full(&world->m, i, start, (9 + i % 5) * MS, i % 2, 3, 120, i % 2));
        if (start >= from_ns && start < to_ns) {
            struct totals one = totals_of(world->m.tree);
            want.calls += one.calls;
            want.self += one.self;
            ++*inside;
        }
        if (i % 20 == 19 || i + 1 == count) {
            commit(world);
        }
    }
    return want;
}

static void merged_trees_equal_the_sum_of_all(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    unsigned inside;
    uint64_t requests;
    uint32_t nodes;
    struct totals want = put_traced(world, 200, 0, UINT64_MAX, &inside);
    struct totals got = merged(world, &all, 0, &requests, &nodes);
    assert_int_equal(requests, 200);
    assert_int_equal(got.calls, want.calls);
    assert_int_equal(got.self, want.self);
    assert_true(nodes >= 200 && nodes <= 240);
    struct totals half = merged(world, &all, route_id(world, "/settings"), &requests, &nodes);
    assert_int_equal(requests, 100);
    assert_int_equal(nodes, 120);
    assert_true(half.calls < want.calls && half.calls > 0);
}

static void merged_trees_of_a_range_take_its_edges_from_rows(void **state)
{
    struct world *world = *state;
    struct hp_scope scope = {.from_ns = T0 + 30 * 1000 * MS, .to_ns = T0 + 170 * 1000 * MS};
    unsigned inside;
    uint64_t requests;
    uint32_t nodes;
    struct totals want = put_traced(world, 200, scope.from_ns, scope.to_ns, &inside);
    struct totals got = merged(world, &scope, 0, &requests, &nodes);
    assert_int_equal(inside, 140);
    assert_int_equal(requests, inside);
    assert_int_equal(got.calls, want.calls);
    assert_int_equal(got.self, want.self);
    struct hp_scope second = {.from_ns = T0 + 10 * 1000 * MS, .to_ns = T0 + 11 * 1000 * MS};
    (void)merged(world, &second, 0, &requests, &nodes);
    assert_int_equal(requests, 1);
}

static void merged_trees_can_be_calibrated(void **state)
{
    struct world *world = *state;
    struct hp_scope raw = {0};
    struct hp_scope clean = {.calibrated = true};
    unsigned inside;
    uint64_t requests;
    uint32_t nodes;
    (void)put_traced(world, 20, 0, UINT64_MAX, &inside);
    struct totals with = merged(world, &raw, 0, &requests, &nodes);
    struct totals without = merged(world, &clean, 0, &requests, &nodes);
    assert_int_equal(with.calls, without.calls);
    assert_true(without.self < with.self);
}

struct statements {
    struct hp_statement_row rows[64];
    unsigned count;
};

static bool keep_statement(void *ctx, const struct hp_statement_row *row)
{
    struct statements *all = ctx;
    assert_true(all->count < 64);
    all->rows[all->count++] = *row;
    return true;
}

static void statements_are_summed_by_place(void **state)
{
    struct world *world = *state;
    struct hp_scope scope = {.from_ns = T0 + 30 * 1000 * MS, .to_ns = T0 + 170 * 1000 * MS};
    struct statements all = {.count = 0};
    unsigned inside;
    (void)put_traced(world, 200, scope.from_ns, scope.to_ns, &inside);
    ok(world, hp_store_statements(world->r, &scope, keep_statement, &all, &world->info));
    assert_int_equal(all.count, 6); /* three on each of two routes */
    uint64_t executions = 0;
    for (unsigned i = 0; i < all.count; i++) {
        const struct hp_statement_row *row = &all.rows[i];
        struct hp_str text = hp_dict_statement(hp_store_dict(world->r), row->statement).text;
        unsigned number = 99;
        assert_int_equal(sscanf(text.p, "SELECT * FROM t%u", &number), 1);
        assert_int_equal(row->requests, 70);
        assert_int_equal(row->executions, 70);
        assert_int_equal(row->max_ns, 129000 + number);
        assert_int_equal(row->total_ns, 70 * (129000 + number));
        assert_int_equal(row->fetch_ns, 70 * 9000);
        assert_int_equal(row->rows, 210);
        assert_int_equal(row->site_line, 42);
        executions += row->executions;
    }
    assert_int_equal(executions, 3 * inside);
    struct hp_scope one = {.route = HP_STR("/settings")};
    all.count = 0;
    ok(world, hp_store_statements(world->r, &one, keep_statement, &all, &world->info));
    assert_int_equal(all.count, 3);
    assert_int_equal(all.rows[0].executions, 100);
}

/* ---- transactions ---- */

static void a_rollback_undoes_rows_words_and_counters(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct hp_complete complete;
    struct hp_process more = process;
    more.dropped_ring = 5;
    begin(world);
    put(world, make_full(&world->m, 1, T0, 9 * MS, 0, 3, 100, 1));
    ok(world, hp_store_put_process(world->w, &more, &world->info));
    ok(world, hp_store_put_source(world->w, HP_STR("a.py"), HP_STR("x\n"), &world->info));
    hp_store_rollback(world->w);
    ok(world, hp_store_complete(world->r, &all, &complete, &world->info));
    assert_int_equal(complete.requests, 0);
    /* The same again: every id that was interned in vain is asked for anew. */
    begin(world);
    put(world, make_full(&world->m, 2, T0, 9 * MS, 0, 3, 100, 1));
    ok(world, hp_store_put_process(world->w, &more, &world->info));
    commit(world);
    struct hp_record got;
    uint64_t requests;
    uint32_t nodes;
    ok(world, hp_store_request(world->r, 2, &world->arena, &got, &world->info));
    same_text(hp_dict_symbol(hp_store_dict(world->r), got.stmts[0].site_sym).name, HP_STR("function_3"));
    assert_int_equal(hp_store_request(world->r, 1, &world->arena, &got, &world->info), HP_ENOTFOUND);
    ok(world, hp_store_complete(world->r, &all, &complete, &world->info));
    assert_int_equal(complete.dropped_ring, 5);
    assert_int_equal(complete.requests, 6);
    (void)merged(world, &all, 0, &requests, &nodes);
    assert_int_equal(requests, 1);
    assert_int_equal(nodes, 100);
}

static void steps_out_of_order_are_refused(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct hp_complete complete;
    assert_int_equal(hp_store_commit(world->w, &world->info), HP_ESTATE);
    assert_int_equal(hp_store_put_process(world->w, &process, &world->info), HP_ESTATE);
    begin(world);
    assert_int_equal(hp_store_begin(world->w, &world->info), HP_ESTATE);
    assert_int_equal(hp_store_tidy(world->w, &world->info), HP_ESTATE);
    assert_int_equal(hp_store_complete(world->w, &all, &complete, &world->info), HP_ESTATE);
    hp_store_rollback(world->w);
    hp_store_rollback(world->w);
    if (world->r != world->w) {
        assert_int_equal(hp_store_begin(world->r, &world->info), HP_EREADONLY);
    }
}

/* ---- completeness ---- */

struct seen_gauges {
    struct hp_gauge all[8];
    int count, most;
};

static bool see_gauge(void *ctx, const struct hp_gauge *gauge)
{
    struct seen_gauges *seen = ctx;
    seen->all[seen->count++] = *gauge;
    return seen->count < seen->most;
}

static void a_process_has_one_gauge_a_minute(void **state)
{
    struct world *world = *state;
    struct seen_gauges seen = {.most = 8};
    struct hp_gauge gauge = {
        .at_ns = T0, .rss_bytes = 100, .peak_rss_bytes = 120, .cpu_ns = 7, .threads = 3, .fds = 20};
    begin(world);
    ok(world, hp_store_put_gauge(world->w, &gauge, &world->info));
    gauge.at_ns += MINUTE;
    ok(world, hp_store_put_gauge(world->w, &gauge, &world->info));
    gauge.rss_bytes = 200;
    ok(world, hp_store_put_gauge(world->w, &gauge, &world->info));
    commit(world);
    begin(world);
    gauge.at_ns += MINUTE;
    ok(world, hp_store_put_gauge(world->w, &gauge, &world->info));
    hp_store_rollback(world->w);
    ok(world, hp_store_gauges(world->r, 0, 0, see_gauge, &seen, &world->info));
    assert_int_equal(seen.count, 2);
    assert_true(seen.all[0].rss_bytes == 100 && seen.all[0].threads == 3 && seen.all[0].fds == 20);
    assert_true(seen.all[0].peak_rss_bytes == 120 && seen.all[0].cpu_ns == 7 && seen.all[0].at_ns == T0);
    assert_true(seen.all[0].pid == process.pid && seen.all[0].start_ns == process.start_ns);
    assert_int_equal(seen.all[1].rss_bytes, 200);
    seen = (struct seen_gauges){.most = 1};
    ok(world, hp_store_gauges(world->r, 0, 0, see_gauge, &seen, &world->info));
    assert_int_equal(seen.count, 1);
    seen = (struct seen_gauges){.most = 8};
    ok(world, hp_store_gauges(world->r, T0 + 1, T0 + MINUTE, see_gauge, &seen, &world->info));
    assert_int_equal(seen.count, 0);
}

struct seen_sampled {
    struct hp_tree *tree;
    const struct hp_dict *dict;
    uint64_t samples, from_ns;
    int count;
};

static bool see_sampled(void *ctx, const struct hp_sampled_row *row)
{
    struct seen_sampled *seen = ctx;
    struct hp_reader shape, values;
    hp_reader_init(&shape, row->shape.p, row->shape.n);
    hp_reader_init(&values, row->values.p, row->values.n);
    assert_int_equal(hp_tree_decode(seen->tree, shape, values, NULL, hp_dict_symbol_count(seen->dict)),
                     HP_OK);
    assert_int_equal(row->pid, process.pid);
    assert_int_equal(row->rate_hz, 100);
    seen->samples += row->samples;
    seen->from_ns = row->from_ns;
    seen->count++;
    return true;
}

static void stretches_of_samples_come_back_with_their_trees(void **state)
{
    struct world *world = *state;
    uint32_t sym;
    struct hp_buf shape, values;
    struct hp_dict *dict = hp_dict_new();
    struct hp_tree *tree = hp_tree_new(dict, 16);
    const struct hp_symbol worker = {.file = HP_STR("w.py"), .name = HP_STR("worker")};
    assert_int_equal(hp_dict_add_symbol(dict, &worker, &sym), HP_OK);
    uint32_t node = hp_tree_child_at_line(tree, HP_NODE_ROOT, sym, 7, HP_NODE_CALL);
    tree->nodes[node].self = 5000, tree->nodes[node].samples = 3;
    hp_buf_init(&shape, 4096), hp_buf_init(&values, 4096);
    assert_int_equal(hp_tree_encode(tree, NULL, &shape, &values, NULL), HP_OK);
    struct hp_sampled_row row = {.from_ns = T0,
                                 .to_ns = T0 + MINUTE,
                                 .sweeps = 10,
                                 .samples = 3,
                                 .rate_hz = 100,
                                 .shape = hp_buf_str(&shape),
                                 .values = hp_buf_str(&values)};
    begin(world);
    ok(world, hp_store_put_sampled(world->w, &row, dict, &world->info));
    commit(world);
    begin(world);
    row.from_ns += MINUTE;
    ok(world, hp_store_put_sampled(world->w, &row, dict, &world->info));
    hp_store_rollback(world->w);
    struct seen_sampled seen = {.dict = hp_store_dict(world->r)};
    seen.tree = hp_tree_new(seen.dict, 16);
    ok(world, hp_store_sampled(world->r, 0, 0, see_sampled, &seen, &world->info));
    assert_int_equal(seen.count, 1);
    assert_true(seen.samples == 3 && seen.from_ns == T0);
    const struct hp_node *read = &seen.tree->nodes[1];
    assert_true(read->self == 5000 && read->samples == 3 && read->line == 7 && read->calls == 0);
    assert_true(hp_str_eq(hp_dict_symbol(seen.dict, read->sym).name, HP_STR("worker")));
    ok(world, hp_store_sampled(world->r, T0 + 1, 0, see_sampled, &seen, &world->info));
    assert_int_equal(seen.count, 1);
    hp_tree_free(seen.tree);
    hp_tree_free(tree);
    hp_buf_fini(&shape);
    hp_buf_fini(&values);
    hp_dict_free(dict);
}

static void what_is_missing_is_counted(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct hp_complete c;
    struct hp_process p = process;
    p.dropped_ring = 2, p.dropped_tree = 3, p.dropped_store = 4, p.dropped_memory = 1, p.sampled_out = 10,
    p.errors = 5;
    begin(world);
    put_bare(world, 1, T0, 3, 0);
    put_bare(world, 2, T0, 3, 0);
    ok(world, hp_store_put_process(world->w, &p, &world->info));
    ok(world, hp_store_put_process(world->w, &p, &world->info)); /* counters, not increments */
    commit(world);
    ok(world, hp_store_put_lost(world->w, process.boot_id, process.pid, process.start_ns, 6, &world->info));
    ok(world, hp_store_put_lost(world->w, process.boot_id, process.pid, process.start_ns, 6, &world->info));
    ok(world, hp_store_put_lost(world->w, (const uint8_t *)"never registered", 7, 7, 1, &world->info));
    ok(world, hp_store_complete(world->r, &all, &c, &world->info));
    assert_int_equal(c.recorded, 2);
    assert_int_equal(c.sampled_out, 10);
    assert_int_equal(c.dropped_ring, 2);
    assert_int_equal(c.dropped_tree, 3);
    assert_int_equal(c.dropped, 7);
    assert_int_equal(c.lost, 7);
    assert_int_equal(c.errors, 5);
    assert_int_equal(c.requests, 2 + 10 + 7 + 7);
    assert_true(c.own_ns == 2400);
    struct hp_scope past = {.to_ns = T0 + MINUTE};
    ok(world, hp_store_complete(world->r, &past, &c, &world->info));
    assert_int_equal(c.requests, 2); /* the losses were told now, not then */
    struct hp_scope other = {.revision = HP_STR("rev9")};
    ok(world, hp_store_complete(world->r, &other, &c, &world->info));
    assert_int_equal(c.requests, 0);
}

static void what_is_too_old_goes_and_is_counted(bool sqlite)
{
    struct world world;
    struct hp_scope all = {0};
    struct hp_complete c;
    uint64_t now = hp_clock_wall_ns();
    make_world(&world, sqlite, 3600 * 1000 * MS);
    begin(&world);
    for (unsigned i = 0; i < 3000; i++) {
        put(&world, make_full(&world.m, i, now - 7200 * 1000 * MS + i, 9 * MS, 0, 1, 20, 1));
    }
    for (unsigned i = 0; i < 3000; i++) {
        put(&world, make_full(&world.m, 5000 + i, now - 10 * 1000 * MS, 9 * MS, 0, 1, 20, 1));
    }
    commit(&world);
    for (int i = 0; i < 20; i++) {
        ok(&world, hp_store_tidy(world.w, &world.info));
    }
    ok(&world, hp_store_complete(world.r, &all, &c, &world.info));
    assert_true(c.recorded >= 3000 && c.recorded < 3000 + 1024);
    assert_int_equal(c.recorded + c.evicted_requests, 6000);
    assert_true(c.evicted_detail >= c.evicted_requests);
    struct ids newest = {.count = 0};
    ok(&world, hp_store_requests(world.r, &all, HP_SORT_NEWEST, 5, keep_request, &newest, &world.info));
    assert_int_equal(newest.count, 5);
    assert_true(newest.ids[0] >= 5000);
    end_world(&world);
}

static void old_rows_go(void **state)
{
    struct world *world = *state;
    what_is_too_old_goes_and_is_counted(world->r != world->w);
}

/* ---- notes ---- */

static void the_newest_stretch_of_a_label_wins(void **state)
{
    struct world *world = *state;
    struct hp_label label;
    ok(world, hp_store_label_begin(world->w, HP_STR("before"), 100, &world->info));
    ok(world, hp_store_label_end(world->w, HP_STR("before"), 200, &world->info));
    ok(world, hp_store_label_begin(world->w, HP_STR("before"), 300, &world->info));
    ok(world, hp_store_label(world->r, HP_STR("before"), &label, &world->info));
    assert_int_equal(label.from_ns, 300);
    assert_int_equal(label.to_ns, 0);
    ok(world, hp_store_label_end(world->w, HP_STR("before"), 400, &world->info));
    ok(world, hp_store_label(world->r, HP_STR("before"), &label, &world->info));
    assert_int_equal(label.to_ns, 400);
    ok(world, hp_store_label(world->r, HP_STR("before~1"), &label, &world->info));
    assert_int_equal(label.from_ns, 100);
    assert_int_equal(label.to_ns, 200);
    same_text(label.name, HP_STR("before~1"));
    assert_int_equal(hp_store_label(world->r, HP_STR("before~2"), &label, &world->info), HP_ENOTFOUND);
    assert_int_equal(hp_store_label(world->r, HP_STR("after"), &label, &world->info), HP_ENOTFOUND);
    assert_string_equal(world->info.text, "no label \"after\"");
    assert_int_equal(hp_store_label_end(world->w, HP_STR("before"), 500, &world->info), HP_ENOTFOUND);
    assert_int_equal(hp_store_label_begin(world->w, HP_STR(""), 1, &world->info), HP_EINVAL);
}

static bool keep_name(void *ctx, const struct hp_label *label)
{
    char *names = ctx;
    strncat(names, label->name.p, label->name.n);
    strcat(names, label->to_ns == 0 ? "* " : " ");
    return true;
}

static void labels_are_listed_newest_first(void **state)
{
    struct world *world = *state;
    char names[64] = "", one[64] = "";
    ok(world, hp_store_label_begin(world->w, HP_STR("before"), 100, &world->info));
    ok(world, hp_store_label_end(world->w, HP_STR("before"), 200, &world->info));
    ok(world, hp_store_label_begin(world->w, HP_STR("after"), 300, &world->info));
    ok(world, hp_store_labels(world->r, 10, keep_name, names, &world->info));
    assert_string_equal(names, "after* before ");
    ok(world, hp_store_labels(world->r, 1, keep_name, one, &world->info));
    assert_string_equal(one, "after* ");
}

static void the_newest_plan_of_a_statement_is_kept(void **state)
{
    struct world *world = *state;
    struct hp_statement mysql = {HP_STR("SELECT ?"), HP_ENGINE_MYSQL, 0};
    struct hp_statement mariadb = {HP_STR("SELECT ?"), HP_ENGINE_MARIADB, 0};
    struct hp_statement sqlite = {HP_STR("SELECT ?"), HP_ENGINE_SQLITE, 0};
    struct hp_str text;
    uint64_t at_ns, id = hp_store_plan_id(&mysql);
    assert_true(id == hp_store_plan_id(&mariadb) && id != hp_store_plan_id(&sqlite));
    assert_int_equal(hp_store_get_plan(world->r, id, &at_ns, &text, &world->info), HP_ENOTFOUND);
    ok(world, hp_store_set_plan(world->w, id, 1, HP_STR("{}"), &world->info));
    ok(world, hp_store_set_plan(world->w, id, 2, HP_STR("{\"nodes\":[]}"), &world->info));
    ok(world, hp_store_get_plan(world->r, id, &at_ns, &text, &world->info));
    assert_int_equal(at_ns, 2);
    assert_true(hp_str_eq(text, HP_STR("{\"nodes\":[]}")));
    assert_int_equal(hp_store_get_plan(world->r, id + 1, &at_ns, &text, &world->info), HP_ENOTFOUND);
}

static void findings_and_settings_are_kept(void **state)
{
    struct world *world = *state;
    struct hp_finding_state got;
    struct hp_str value;
    struct hp_finding_state finding = {.id = UINT64_MAX - 1,
                                       .state = HP_STATE_OPEN,
                                       .muted = true,
                                       .first_ns = 5,
                                       .last_ns = 9,
                                       .reason = HP_STR("known, waits for the new API"),
                                       .kind = HP_STR("n_plus_one"),
                                       .title = HP_STR("the same SELECT 40 times"),
                                       .line = 31,
                                       .predicted_ns = 62000000};
    assert_int_equal(hp_store_get_finding(world->r, finding.id, &got, &world->info), HP_ENOTFOUND);
    ok(world, hp_store_set_finding(world->w, &finding, &world->info));
    finding.state = HP_STATE_FIXED;
    ok(world, hp_store_set_finding(world->w, &finding, &world->info));
    ok(world, hp_store_get_finding(world->r, finding.id, &got, &world->info));
    assert_int_equal(got.state, HP_STATE_FIXED);
    assert_true(got.muted);
    assert_int_equal(got.last_ns, 9);
    same_text(got.reason, finding.reason);
    same_text(got.kind, finding.kind);
    same_text(got.title, finding.title);
    same_text(got.route, HP_STR(""));
    assert_int_equal(got.line, 31);
    assert_int_equal(got.predicted_ns, 62000000);
    assert_false(got.has_measured);
    assert_int_equal(hp_store_get_setting(world->r, HP_STR("level"), &value, &world->info), HP_ENOTFOUND);
    ok(world, hp_store_set_setting(world->w, HP_STR("level"), HP_STR("trace"), &world->info));
    ok(world, hp_store_set_setting(world->w, HP_STR("level"), HP_STR("monitor"), &world->info));
    ok(world, hp_store_get_setting(world->r, HP_STR("level"), &value, &world->info));
    same_text(value, HP_STR("monitor"));
}

struct seen_findings {
    uint64_t ids[4];
    struct hp_finding_state last;
    uint32_t count, most;
};

static bool see_finding(void *ctx, const struct hp_finding_state *finding)
{
    struct seen_findings *seen = ctx;
    seen->ids[seen->count++] = finding->id;
    seen->last = *finding;
    return seen->count < seen->most;
}

static void findings_are_listed_last_seen_first_with_what_was_measured(void **state)
{
    struct world *world = *state;
    struct seen_findings seen = {.most = 4};
    ok(world, hp_store_findings(world->r, see_finding, &seen, &world->info));
    assert_int_equal(seen.count, 0);
    for (uint64_t id = 1; id <= 3; id++) {
        struct hp_finding_state finding = {.id = id, .last_ns = 10 * id, .reason = HP_STR("")};
        finding.has_measured = id == 1;
        finding.measured_ns = -7;
        finding.low_ns = -9;
        finding.high_ns = 5;
        finding.fixed_ns = 3;
        ok(world, hp_store_set_finding(world->w, &finding, &world->info));
    }
    ok(world, hp_store_findings(world->r, see_finding, &seen, &world->info));
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.ids[0], 3);
    assert_int_equal(seen.ids[2], 1);
    assert_true(seen.last.has_measured);
    assert_int_equal(seen.last.measured_ns, -7);
    assert_int_equal(seen.last.low_ns, -9);
    assert_int_equal(seen.last.high_ns, 5);
    assert_int_equal(seen.last.fixed_ns, 3);
    seen = (struct seen_findings){.most = 1};
    ok(world, hp_store_findings(world->r, see_finding, &seen, &world->info));
    assert_int_equal(seen.count, 1);
}

static void a_source_line_is_that_of_the_runs_in_scope(void **state)
{
    struct world *world = *state;
    struct hp_process later = process;
    struct hp_scope before = {.to_ns = T0 + 1000}, all = {0}, none = {.from_ns = T0 + MINUTE};
    struct hp_str text;
    later.pid = 43;
    begin(world);
    put_bare(world, 1, T0, 3, 0);
    ok(world,
       hp_store_put_source(world->w, HP_STR("shop/views.py"), HP_STR("one\r\nold two\nthree"), &world->info));
    commit(world);
    begin(world);
    ok(world, hp_store_put_process(world->w, &later, &world->info));
    put_bare(world, 2, T0 + 5000, 3, 0);
    ok(world,
       hp_store_put_source(world->w, HP_STR("shop/views.py"), HP_STR("one\nnew two\nthree"), &world->info));
    commit(world);
    ok(world, hp_store_source_line(world->r, &before, HP_STR("shop/views.py"), 2, &text, &world->info));
    same_text(text, HP_STR("old two"));
    ok(world, hp_store_source_line(world->r, &before, HP_STR("shop/views.py"), 1, &text, &world->info));
    same_text(text, HP_STR("one"));
    ok(world, hp_store_source_line(world->r, &all, HP_STR("shop/views.py"), 2, &text, &world->info));
    same_text(text, HP_STR("new two"));
    ok(world, hp_store_source_line(world->r, &all, HP_STR("shop/views.py"), 3, &text, &world->info));
    same_text(text, HP_STR("three"));
    ok(world, hp_store_source_line(world->r, &all, HP_STR("shop/views.py"), 4, &text, &world->info));
    assert_int_equal(text.n, 0);
    ok(world, hp_store_source_line(world->r, &none, HP_STR("shop/views.py"), 1, &text, &world->info));
    assert_int_equal(text.n, 0);
    ok(world, hp_store_source_line(world->r, &all, HP_STR("other.py"), 1, &text, &world->info));
    assert_int_equal(text.n, 0);
}

static void an_empty_store_answers_with_nothing(void **state)
{
    struct world *world = *state;
    struct hp_scope all = {0};
    struct hp_complete c;
    struct ids ids = {.count = 0};
    uint64_t requests = 9;
    uint32_t nodes;
    assert_int_equal(read_routes(world, &all).count, 0);
    ok(world, hp_store_complete(world->r, &all, &c, &world->info));
    assert_int_equal(c.requests, 0);
    ok(world, hp_store_requests(world->r, &all, HP_SORT_NEWEST, 5, keep_request, &ids, &world->info));
    ok(world, hp_store_sample(world->r, &all, 1, 5, &world->arena, keep_record, &ids, &world->info));
    assert_int_equal(ids.count, 0);
    (void)merged(world, &all, 0, &requests, &nodes);
    assert_int_equal(requests, 0);
    assert_int_equal(hp_store_close(NULL), HP_OK);
}

/* Questions within the callback of another. */
struct nested {
    struct world *world;
    unsigned records;
};

static bool ask_within(void *ctx, const struct hp_route_row *row)
{
    struct nested *nested = ctx;
    struct hp_scope other = {.from_ns = T0 + 50};
    struct ids ids = {.count = 0};
    ok(nested->world, hp_store_sample(nested->world->r, &other, row->route, 100, &nested->world->arena,
                                      keep_record, &ids, &nested->world->info));
    nested->records += ids.count;
    return true;
}

static void questions_may_be_asked_within_callbacks(void **state)
{
    struct world *world = *state;
    struct nested nested = {world, 0};
    struct hp_scope all = {0};
    begin(world);
    for (unsigned i = 0; i < 100; i++) {
        put(world, make_full(&world->m, i, T0 + i, 9 * MS, i % 2, 1, 20, 1));
    }
    commit(world);
    ok(world, hp_store_routes(world->r, &all, ask_within, &nested, &world->info));
    assert_int_equal(nested.records, 50);
}

/* ---- both side by side ---- */

static void put_random(struct world *world, struct hp_rng *rng, unsigned count, uint64_t *id)
{
    begin(world);
    for (unsigned i = 0; i < count; i++) {
        uint64_t start = T0 + hp_rng_below(rng, 240) * 1000 * MS;
        uint64_t wall = (1 + hp_rng_below(rng, 300)) * MS;
        unsigned route = (unsigned)hp_rng_below(rng, 4);
        if (hp_rng_below(rng, 3) == 0) {
            put(world, make_bare(&world->m, ++*id, start, wall, route));
        } else {
            uint32_t statements = (uint32_t)hp_rng_below(rng, 6);
            put(world, make_full(&world->m, ++*id, start, wall, route, statements, 40,
                                 (uint32_t)hp_rng_below(rng, 60)));
        }
    }
    if (hp_rng_below(rng, 5) == 0) {
        hp_store_rollback(world->w);
    } else {
        commit(world);
    }
}

static void same_answers(struct world *a, struct world *b, const struct hp_scope *scope)
{
    struct routes x = read_routes(a, scope), y = read_routes(b, scope);
    assert_int_equal(x.count, y.count);
    for (unsigned i = 0; i < x.count; i++) {
        struct hp_str rule = hp_dict_route(hp_store_dict(a->r), x.rows[i].route).rule;
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)rule.n, rule.p);
        struct hp_route_row other = *route_named(b, &y, name);
        uint32_t here = x.rows[i].route, there = other.route;
        struct ids s = {.count = 0}, t = {.count = 0};
        uint64_t n, m;
        uint32_t p, q;
        other.route = here;
        assert_memory_equal(&x.rows[i], &other, sizeof other);
        ok(a, hp_store_sample(a->r, scope, here, 7, &a->arena, keep_record, &s, &a->info));
        ok(b, hp_store_sample(b->r, scope, there, 7, &b->arena, keep_record, &t, &b->info));
        assert_int_equal(s.count, t.count);
        assert_memory_equal(s.ids, t.ids, s.count * sizeof *s.ids);
        struct totals u = merged(a, scope, here, &n, &p);
        struct totals v = merged(b, scope, there, &m, &q);
        assert_int_equal(n, m);
        assert_int_equal(p, q);
        assert_memory_equal(&u, &v, sizeof u);
    }
    struct statements u = {.count = 0}, v = {.count = 0};
    ok(a, hp_store_statements(a->r, scope, keep_statement, &u, &a->info));
    ok(b, hp_store_statements(b->r, scope, keep_statement, &v, &b->info));
    assert_int_equal(u.count, v.count);
    for (unsigned i = 0; i < u.count; i++) {
        assert_int_equal(u.rows[i].total_ns, v.rows[i].total_ns);
        assert_int_equal(u.rows[i].requests, v.rows[i].requests);
    }
}

static void back_ends_agree(void **state)
{
    (void)state;
    struct world a, b;
    struct hp_rng rng, scopes;
    uint64_t seed = hp_test_seed("back_ends_agree", 20240607);
    uint64_t id_a = 0, id_b = 0;
    make_world(&a, false, 0);
    make_world(&b, true, 0);
    hp_rng_seed(&scopes, seed + 1);
    for (unsigned round = 0; round < 25; round++) {
        hp_rng_seed(&rng, seed * 1000 + round);
        put_random(&a, &rng, 40, &id_a);
        hp_rng_seed(&rng, seed * 1000 + round);
        put_random(&b, &rng, 40, &id_b);
        struct hp_scope scope = {.from_ns = T0 + hp_rng_below(&scopes, 120) * 1000 * MS};
        scope.to_ns =
            hp_rng_below(&scopes, 2) != 0 ? scope.from_ns + hp_rng_below(&scopes, 200) * 1000 * MS + 1 : 0;
        scope.from_ns = hp_rng_below(&scopes, 3) == 0 ? 0 : scope.from_ns;
        same_answers(&a, &b, &scope);
        hp_arena_reset(&a.arena);
        hp_arena_reset(&b.arena);
    }
    end_world(&a);
    end_world(&b);
}

/* ---- no memory ---- */

static void write_and_read(void *arg)
{
    bool sqlite = *(bool *)arg;
    char path[] = "/tmp/hp-oom-XXXXXX";
    char file[64];
    struct hp_store_config config = {.mode = HP_STORE_WRITE};
    struct hp_store *store = NULL;
    struct hp_errinfo info;
    struct hp_scope all = {0};
    struct routes routes = {.count = 0};
    struct statements statements = {.count = 0};
    static struct make m; /* made before allocations fail */
    if (m.dict == NULL) {
        make_init(&m, "rev1", 0);
    }
    if (sqlite) {
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        close(fd);
        config.path = path;
    }
    hp_err err = hp_store_open(&config, &store, &info);
    if (err == HP_OK) {
        err = hp_store_begin(store, &info);
    }
    if (err == HP_OK) {
        err = hp_store_put_process(store, &process, &info);
    }
    static char bytes[65536];
    static size_t n;
    if (err == HP_OK) {
        err = hp_store_put(store, hp_str_make(bytes, n), m.dict, &info);
    }
    if (err == HP_OK) {
        err = hp_store_put_source(store, HP_STR("a.py"), HP_STR("a\nb\n"), &info);
    }
    if (err == HP_OK) {
        err = hp_store_commit(store, &info);
    }
    if (err == HP_OK) {
        err = hp_store_routes(store, &all, keep_route, &routes, &info);
    }
    if (err == HP_OK) {
        err = hp_store_statements(store, &all, keep_statement, &statements, &info);
    }
    assert_true(err == HP_OK || err == HP_ENOMEM || n == 0);
    hp_err closed = hp_store_close(store);
    assert_true(closed == HP_OK || closed == HP_ENOMEM);
    if (sqlite) {
        unlink(path);
        snprintf(file, sizeof file, "%s-wal", path);
        unlink(file);
        snprintf(file, sizeof file, "%s-shm", path);
        unlink(file);
    }
    if (n == 0) {
        struct hp_str record = make_full(&m, 1, T0, 9 * MS, 0, 2, 30, 1);
        memcpy(bytes, record.p, record.n);
        n = record.n;
    }
}

static void running_out_of_memory_is_survived(void **state)
{
    struct world *world = *state;
    bool sqlite = world->r != world->w;
    write_and_read(&sqlite); /* makes the record */
    hp_sweep_oom(write_and_read, &sqlite);
}

#define BOTH(test)                                                                                           \
    {"memory: " #test, test, set_up_memory, tear_down, NULL},                                                \
    {                                                                                                        \
        "sqlite: " #test, test, set_up_sqlite, tear_down, NULL                                               \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_full_request_comes_back_whole),
        BOTH(a_bare_request_comes_back_with_its_lane),
        BOTH(threads_and_waits_come_back),
        BOTH(a_damaged_record_is_refused_and_the_batch_goes_on),
        BOTH(two_processes_share_their_words),
        BOTH(routes_have_exact_sums_and_quantiles),
        BOTH(absent_cpu_and_errors_are_told),
        BOTH(a_route_is_named_three_ways),
        BOTH(a_range_of_time_is_half_open),
        BOTH(the_newest_revision_is_that_of_the_newest_request),
        BOTH(what_was_written_since_is_seen),
        BOTH(requests_come_newest_or_slowest_first),
        BOTH(a_sample_is_spread_over_durations_and_repeats),
        BOTH(a_sample_is_not_of_those_alone_that_hold_much),
        BOTH(a_sample_without_details_takes_any_request),
        BOTH(durations_come_oldest_first),
        BOTH(merged_trees_equal_the_sum_of_all),
        BOTH(merged_trees_of_a_range_take_its_edges_from_rows),
        BOTH(merged_trees_can_be_calibrated),
        BOTH(statements_are_summed_by_place),
        BOTH(a_rollback_undoes_rows_words_and_counters),
        BOTH(steps_out_of_order_are_refused),
        BOTH(a_process_has_one_gauge_a_minute),
        BOTH(stretches_of_samples_come_back_with_their_trees),
        BOTH(what_is_missing_is_counted),
        BOTH(old_rows_go),
        BOTH(the_newest_stretch_of_a_label_wins),
        BOTH(labels_are_listed_newest_first),
        BOTH(a_brush_takes_durations_within_it),
        BOTH(a_part_of_the_range_is_answered_from_memory),
        BOTH(findings_and_settings_are_kept),
        BOTH(findings_are_listed_last_seen_first_with_what_was_measured),
        BOTH(the_newest_plan_of_a_statement_is_kept),
        BOTH(a_source_line_is_that_of_the_runs_in_scope),
        BOTH(an_empty_store_answers_with_nothing),
        BOTH(questions_may_be_asked_within_callbacks),
        BOTH(running_out_of_memory_is_survived),
        cmocka_unit_test(back_ends_agree),
    };
    hp_clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
