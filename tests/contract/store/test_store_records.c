/* test_store_records.c -- what every back end must do with a record: it comes back whole, or its batch is as
 * if it had never been. */
#include "base/clock.h"
#include "world.h"

static struct hp_record decode(struct world *world, struct hp_str bytes)
{
    struct hp_record record;
    struct hp_reader in;
    char *copy = hp_arena_dup(&world->arena, bytes.p, bytes.n);
    hp_reader_init(&in, copy, bytes.n);
    ok(world, hp_record_decode(&in, &world->arena, &record));
    return record;
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
    assert_true(y.process != 0); /* the store gives it */
    x.process = y.process;
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
    struct hp_process other = process;
    begin(world);
    put(world, make_full(&world->m, 1, T0, 9 * MS, 0, 3, 100, 1));
    commit(world);
    /* The second has other ids for the same words. */
    make_fini(&world->m);
    make_init(&world->m, "rev1", 17);
    begin(world);
    other.pid++;
    ok(world, hp_store_put_process(world->w, &other, &world->info));
    put(world, make_full(&world->m, 2, T0, 9 * MS, 0, 3, 100, 1));
    commit(world);
    struct routes routes = read_routes(world, &all);
    assert_int_equal(routes.count, 1);
    assert_int_equal(routes.rows[0].requests, 2);
    ok(world, hp_store_request(world->r, 1, &world->arena, &a, &world->info));
    ok(world, hp_store_request(world->r, 2, &world->arena, &b, &world->info));
    same_text(a.shape, b.shape);
    assert_int_not_equal(a.req.process, b.req.process);
    assert_int_equal(a.stmts[2].statement, b.stmts[2].statement);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_full_request_comes_back_whole), BOTH(a_bare_request_comes_back_with_its_lane),
        BOTH(threads_and_waits_come_back),     BOTH(a_damaged_record_is_refused_and_the_batch_goes_on),
        BOTH(two_processes_share_their_words), BOTH(a_rollback_undoes_rows_words_and_counters),
        BOTH(steps_out_of_order_are_refused),
    };
    hp_clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
