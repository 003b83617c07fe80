/* test_store_sums.c -- sums over requests, on every back end: routes, merged trees, statements; whole minutes
 * and the edges of a range. */
#include "base/clock.h"
#include "world.h"

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

/* A brush knows no rollup: of many requests some are read, and each counts for those it stands for. */
static void statements_of_a_brush_are_estimated_from_some(void **state)
{
    struct world *world = *state;
    struct hp_scope scope = {.min_ns = 1};
    struct hp_portion portion = {.most = 50};
    struct statements all = {.count = 0};
    unsigned inside;
    uint64_t executions = 0;
    (void)put_traced(world, 200, 0, UINT64_MAX, &inside);
    ok(world, hp_store_some_statements(world->r, &scope, &portion, keep_statement, &all, &world->info));
    assert_int_equal(portion.of, 200);
    assert_in_range(portion.read, 1, 50);
    assert_int_equal(all.count, 6);
    for (unsigned i = 0; i < all.count; i++) {
        unsigned number = 99;
        struct hp_str text = hp_dict_statement(hp_store_dict(world->r), all.rows[i].statement).text;
        assert_int_equal(sscanf(text.p, "SELECT * FROM t%u", &number), 1);
        assert_int_equal(all.rows[i].total_ns, all.rows[i].executions * (129000 + number));
        executions += all.rows[i].executions;
    }
    assert_int_equal(executions % (3 * portion.read), 0);
    assert_in_range(executions, 600 / 2, 600 * 2);
    portion.most = 200;
    all.count = 0;
    ok(world, hp_store_some_statements(world->r, &scope, &portion, keep_statement, &all, &world->info));
    assert_int_equal(portion.read, 200);
    assert_int_equal(all.rows[0].executions, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(routes_have_exact_sums_and_quantiles),
        BOTH(absent_cpu_and_errors_are_told),
        BOTH(merged_trees_equal_the_sum_of_all),
        BOTH(merged_trees_of_a_range_take_its_edges_from_rows),
        BOTH(merged_trees_can_be_calibrated),
        BOTH(statements_are_summed_by_place),
        BOTH(statements_of_a_brush_are_estimated_from_some),
    };
    hp_clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
