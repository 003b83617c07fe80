/* test_waits.c -- waits of a request joined to calls, scaled to their totals, and freed of what others
 * explain. */
#include "records.h"

#include "find/find_int.h"
#include "sweep_oom.h"

static uint32_t string(struct rec_set *set, const char *text)
{
    uint32_t id;
    assert_int_equal(hp_dict_add_string(set->dict, hp_str_from0(text), &id), HP_OK);
    return id;
}

static struct hp__view view_of(struct rec_set *set, uint32_t i, struct hp__facts *facts)
{
    struct hp__view view;
    assert_int_equal(hp__facts_init(facts, set->dict, &set->arena), HP_OK);
    assert_int_equal(hp__view_init(&view, &set->samples[i], facts, &set->arena), HP_OK);
    return view;
}

/* look-up, connect, handshake, send, two receives; all at one line */
static void add_call(struct rec_set *set, struct rec *rec, uint32_t group, uint32_t peer, double t)
{
    static const struct {
        enum hp_wait_kind kind;
        double from, to;
        uint64_t bytes;
    } parts[] = {{HP_WAIT_DNS, 0, 5, 0},       {HP_WAIT_CONNECT, 5, 6, 0},    {HP_WAIT_TLS, 7, 10, 0},
                 {HP_WAIT_SEND, 10, 10.5, 90}, {HP_WAIT_RECV, 10.5, 20, 400}, {HP_WAIT_RECV, 20, 21, 100}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        rec_add_span(set, rec,
                     (struct rec_span){.kind = parts[i].kind,
                                       .group = group,
                                       .peer = parts[i].kind == HP_WAIT_DNS ? string(set, "api") : peer,
                                       .site_sym = set->view,
                                       .site_line = 12,
                                       .t0 = t + parts[i].from,
                                       .t1 = t + parts[i].to,
                                       .bytes = parts[i].bytes});
    }
}

static void waits_of_one_group_are_one_call(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp__facts facts;
    uint32_t at[16];
    rec_set_init(&set, "GET", "/x");
    struct rec *rec = rec_begin(&set);
    uint32_t peer = string(&set, "10.0.0.1:443");
    add_call(&set, rec, 1, peer, 1);
    add_call(&set, rec, 2, peer, 31);
    rec_end(&set, rec, 60, 5);
    struct hp__view view = view_of(&set, 0, &facts);
    assert_int_equal(view.call_count, 2);
    const struct hp__call *call = &view.calls[1];
    assert_int_equal(call->peer, peer);
    assert_int_equal(call->name, string(&set, "api"));
    assert_int_equal(call->setup0_ns, rec_ns(31));
    assert_int_equal(call->setup1_ns, rec_ns(41));
    assert_int_equal(call->t1_ns, rec_ns(52));
    assert_int_equal(call->reads, 2);
    assert_true(call->answers && !call->db);
    assert_int_equal(hp__waits_of_call(&view, 1, false, at), 6);
    assert_int_equal(hp__waits_of_call(&view, 1, true, at), 3);
    assert_int_equal(hp__waits_take(&view, at, 3, &set.arena), HP_OK);
    assert_false(hp__waits_free_call(&view, 1));
    assert_true(hp__waits_free_call(&view, 0));
    rec_set_fini(&set);
}

static void waits_of_statements_joins_and_the_client_are_not_free(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp__facts facts;
    uint32_t at[16];
    rec_set_init(&set, "GET", "/x");
    struct rec *rec = rec_begin(&set);
    rec_add_stmt(rec, (struct rec_stmt){.statement = rec_sql(&set, "SELECT a", HP_ENGINE_MYSQL),
                                        .site_sym = set.view,
                                        .t0 = 5,
                                        .exec = 10});
    uint32_t lane = rec_add_lane(
        rec, (struct rec_lane){.kind = HP_LANE_THREAD, .spawn = 20, .spawn_cost = 1, .start = 21, .end = 40});
    rec_add_join(rec, lane, 0, 22, 40);
    static const struct {
        enum hp_wait_kind kind;
        uint32_t group;
        double t0, t1;
    } waits[] = {{HP_WAIT_RECV, 3, 1, 2}, /* the request's body */
                 {HP_WAIT_DB, 0, 6, 14},        {HP_WAIT_LOCK, 0, 8, 9},
                 {HP_WAIT_LOCK, 0, 20.2, 20.9}, /* the thread's start */
                 {HP_WAIT_LOCK, 0, 22, 40},     {HP_WAIT_SLEEP, 0, 41, 45}};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        rec_add_span(&set, rec,
                     (struct rec_span){.kind = waits[i].kind,
                                       .group = waits[i].group,
                                       .site_sym = set.view,
                                       .t0 = waits[i].t0,
                                       .t1 = waits[i].t1});
    }
    rec_end(&set, rec, 50, 5);
    struct hp__view view = view_of(&set, 0, &facts);
    uint32_t n = hp__waits_pick(&view, ~0u, set.view, at);
    assert_int_equal(n, 1);
    assert_int_equal(hp__waits_ns(&view, at, n), rec_ns(4));
    rec_set_fini(&set);
}

static void what_has_no_span_comes_from_the_totals(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp__facts facts;
    uint32_t at[16];
    rec_set_init(&set, "GET", "/x");
    struct rec *rec = rec_begin(&set);
    for (int i = 0; i < 4; i++) {
        rec_add_span(
            &set, rec,
            (struct rec_span){.kind = HP_WAIT_RECV, .peer = 7, .site_sym = set.view, .t0 = i, .t1 = i + 0.5});
    }
    rec_add_span(&set, rec, (struct rec_span){.kind = HP_WAIT_SLEEP, .site_sym = set.view, .t0 = 5, .t1 = 8});
    rec->record.span_count = 4;
    rec->record.waits[0].count = 400;
    rec->record.waits[0].ns = rec_ns(200);
    rec->record.lanes[0].lost_spans = 397;
    rec_end(&set, rec, 300, 5);
    struct hp__view view = view_of(&set, 0, &facts);
    uint32_t n = hp__waits_pick(&view, HP__WAIT(RECV), set.view, at);
    assert_int_equal(n, 4);
    assert_int_equal(hp__waits_ns(&view, at, n), rec_ns(200));
    assert_int_equal(view.items[at[0]].count, 100);
    n = hp__waits_pick(&view, HP__WAIT(SLEEP), set.view, at);
    assert_int_equal(n, 1);
    assert_true(view.items[at[0]].is_rest);
    assert_int_equal(hp__waits_ns(&view, at, n), rec_ns(3));
    rec_set_fini(&set);
}

static void a_databases_login_is_part_of_its_connection(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp__facts facts;
    rec_set_init(&set, "GET", "/x");
    struct rec *rec = rec_begin(&set);
    static const struct {
        enum hp_wait_kind kind;
        uint32_t group;
        double t0, t1;
    } waits[] = {{HP_WAIT_CONNECT, 1, 1, 2}, {HP_WAIT_RECV, 1, 2, 4}, {HP_WAIT_SEND, 2, 4, 5},
                 {HP_WAIT_RECV, 2, 5, 9},    {HP_WAIT_DB, 3, 10, 20}, {HP_WAIT_SEND, 4, 30, 31}};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        rec_add_span(&set, rec,
                     (struct rec_span){.kind = waits[i].kind,
                                       .group = waits[i].group,
                                       .peer = 3,
                                       .protocol = HP_PROTOCOL_MYSQL,
                                       .site_sym = set.view,
                                       .t0 = waits[i].t0,
                                       .t1 = waits[i].t1,
                                       .bytes = 20});
    }
    rec_add_stmt(rec, (struct rec_stmt){.statement = rec_sql(&set, "SELECT a", HP_ENGINE_MYSQL),
                                        .site_sym = set.view,
                                        .t0 = 9.5,
                                        .exec = 11});
    rec_end(&set, rec, 40, 5);
    struct hp__view view = view_of(&set, 0, &facts);
    assert_true(view.calls[0].db);
    assert_int_equal(view.calls[0].setup1_ns, rec_ns(9));
    assert_int_equal(view.calls[0].login_ns, rec_ns(7));
    rec_set_fini(&set);
}

static void waits_of_a_lane_without_own_code_are_at_the_line_that_started_it(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp__facts facts;
    uint32_t at[4];
    rec_set_init(&set, "GET", "/x");
    struct rec *rec = rec_begin(&set);
    uint32_t lane = rec_add_lane(
        rec,
        (struct rec_lane){.kind = HP_LANE_POOL, .site_sym = set.view, .site_line = 44, .start = 1, .end = 9});
    rec_add_span(&set, rec, (struct rec_span){.kind = HP_WAIT_SLEEP, .lane = lane, .t0 = 2, .t1 = 8});
    rec_end(&set, rec, 10, 1);
    struct hp__view view = view_of(&set, 0, &facts);
    assert_int_equal(hp__waits_pick(&view, HP__WAIT(SLEEP), set.view, at), 1);
    assert_int_equal(view.items[at[0]].span.site_line, 44);
    view.lane_taken[lane] = true;
    assert_int_equal(hp__waits_pick(&view, HP__WAIT(SLEEP), set.view, at), 0);
    rec_set_fini(&set);
}

static void sweep(void *arg)
{
    struct rec_set *set = arg;
    struct hp__facts facts;
    struct hp__view view;
    struct hp_arena arena;
    uint32_t at[16];
    hp_arena_init(&arena, (size_t)16 << 20);
    hp_err err = hp__facts_init(&facts, set->dict, &arena);
    if (err == HP_OK) {
        err = hp__view_init(&view, &set->samples[0], &facts, &arena);
    }
    if (err == HP_OK) {
        uint32_t n = hp__waits_pick(&view, ~0u, set->view, at);
        err = hp__waits_take(&view, at, n, &arena);
    }
    assert_true(err == HP_OK || err == HP_ENOMEM);
    hp_arena_fini(&arena);
}

static void out_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/x");
    struct rec *rec = rec_begin(&set);
    add_call(&set, rec, 1, 5, 1);
    rec_add_stmt(rec, (struct rec_stmt){.statement = rec_sql(&set, "SELECT a", HP_ENGINE_MYSQL), .t0 = 30});
    rec->record.lanes[0].lost_spans = 2;
    rec_end(&set, rec, 60, 5);
    hp_sweep_oom(sweep, &set);
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_of_one_group_are_one_call),
        cmocka_unit_test(waits_of_statements_joins_and_the_client_are_not_free),
        cmocka_unit_test(what_has_no_span_comes_from_the_totals),
        cmocka_unit_test(a_databases_login_is_part_of_its_connection),
        cmocka_unit_test(waits_of_a_lane_without_own_code_are_at_the_line_that_started_it),
        cmocka_unit_test(out_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
