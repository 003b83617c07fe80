/* test_request.c -- requests: what each level records, exact sums, no allocation when warm, lack of memory,
 * statements and groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "fake_requests.h"
#include "sweep_oom.h"

static const struct hp_cap_place nowhere = {0, 0, 0};

static void spin_us(uint64_t us)
{
    uint64_t t0 = hp_clock_mono_ns();
    while (hp_clock_mono_ns() - t0 < us * 1000) {
    }
}

static uint32_t select_one(void)
{
    return hp_cap_statement(cap, span("SELECT 1"), HP_ENGINE_SQLITE, NULL);
}

/* The wall clock is not read for each. */
static void each_tells_when_it_began(void **state)
{
    (void)state;
    uint64_t until = hp_clock_mono_ns() + 4000000u;
    do {
        uint64_t before_ns = hp_clock_wall_ns();
        struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
        uint64_t after_ns = hp_clock_wall_ns();
        hp_cap_request_finish(request);
        load_last();
        assert_true(last.req.start_wall_ns + 20000u >= before_ns);
        assert_true(last.req.start_wall_ns <= after_ns + 1000000u);
        spin_us(50);
    } while (hp_clock_mono_ns() < until);
}

static void facts_arrive(void **state)
{
    (void)state;
    uint64_t trace[2] = {5, 6};
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    uint64_t id = hp_cap_request_id(request);
    hp_cap_request_route(request, hp_cap_route(cap, span("GET"), span("/x"), span("x")), 9);
    hp_cap_request_status(request, 404);
    hp_cap_request_bytes(request, 10, -1);
    hp_cap_request_bytes(request, -1, 20);
    hp_cap_request_bytes(request, -1, 30);
    hp_cap_request_first_byte(request);
    hp_cap_request_flag(request, HP_REQ_STREAMED);
    hp_cap_request_level_reason(request, HP_LEVEL_TRACE, HP_REASON_BUDGET);
    hp_cap_request_exception(request, hp_cap_string(cap, span("ValueError")), 77);
    hp_cap_request_queue(request, 123);
    hp_cap_request_trace(request, trace, 8);
    hp_cap_request_finish(request);
    load_last();
    assert_true(last.req.id == id && id != 0);
    assert_int_equal(last.req.seq, 1);
    assert_true(hp_str_eq(hp_dict_route(cap->dict, last.req.route).rule, HP_STR("/x")));
    assert_int_equal(last.req.view_sym, 9);
    assert_int_equal(last.req.status, 404);
    assert_int_equal(last.req.bytes_in, 10);
    assert_int_equal(last.req.bytes_out, 50);
    assert_true(last.req.first_byte_ns <= last.req.wall_ns);
    assert_int_equal(last.req.flags & ~(uint32_t)HP_REQ_NEW_THREAD, HP_REQ_STREAMED | HP_REQ_EXCEPTION);
    assert_int_equal(last.req.level_asked, HP_LEVEL_TRACE);
    assert_int_equal(last.req.level_reason, HP_REASON_BUDGET);
    assert_int_equal(last.req.exception_group, 77);
    assert_int_equal(last.req.queue_ns, 123);
    assert_true(last.req.trace_id[1] == 6 && last.req.parent_span == 8);
    assert_true(hp_str_eq(hp_dict_string(cap->dict, last.req.revision), HP_STR("abc")));
    assert_true(last.req.cpu_ns <= last.req.wall_ns);
    assert_true(last.req.own_ns > 0 && last.req.own_ns <= last.req.wall_ns);
    assert_int_equal(last.req.weight, 1);
}

static void count_level_has_wall_and_nothing_dear(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_COUNT);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    assert_int_equal(hp_cap_request_phase(request, HP_PHASE_VIEW), HP_PHASE_OUTER);
    assert_null(hp_cap_lane_spawn(lane, HP_LANE_THREAD, nowhere));
    uint32_t number = hp_cap_sql_begin(lane, select_one(), nowhere, 0, 0, 0, 0, 0);
    hp_cap_sql_end(lane, number, 1, false);
    assert_false(hp_cap_enter(lane, 1, 1, &frames[1], false));
    hp_cap_leave(lane, &frames[1], false);
    spin_us(50);
    hp_cap_request_finish(request);
    load_last();
    assert_true(last.req.wall_ns >= 50000);
    assert_true(last.req.cpu_ns == HP_ABSENT && last.req.phase_ns[0] == HP_ABSENT);
    assert_int_equal(last.lane_count + last.stmt_count + last.group_count, 0);
    assert_int_equal(last.shape.n, 0);
}

static void monitor_level_has_no_tree(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    assert_false(hp_cap_enter(lane, 1, 1, &frames[1], false));
    hp_cap_leave(lane, &frames[1], false);
    assert_null(hp_cap_top(lane));
    hp_cap_request_finish(request);
    load_last();
    assert_int_equal(last.shape.n, 0);
    assert_int_equal(last.lane_count, 1);
}

static void phases_add_up_to_the_wall_time(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
        int outer = hp_cap_request_phase(request, HP_PHASE_VIEW);
        spin_us(30);
        int view = hp_cap_request_phase(request, HP_PHASE_TEMPLATE);
        assert_int_equal(view, HP_PHASE_VIEW);
        spin_us(20);
        hp_cap_request_phase(request, view);
        hp_cap_request_phase(request, outer);
        hp_cap_request_phase(request, HP_PHASE_BODY);
        hp_cap_request_finish(request);
        load_last();
        uint64_t sum = 0;
        for (int i = 0; i < HP_PHASE_COUNT; i++) {
            sum += last.req.phase_ns[i];
        }
        assert_int_equal(sum, last.req.wall_ns);
        assert_true(last.req.phase_ns[HP_PHASE_VIEW] >= 29000 &&
                    last.req.phase_ns[HP_PHASE_TEMPLATE] >= 19000);
    }
}

static void shared_threads_have_no_cpu_time(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    hp_cap_request_flag(request, HP_REQ_SHARED_CPU);
    hp_cap_request_finish(request);
    load_last();
    assert_true(last.req.cpu_ns == HP_ABSENT);
}

/* A request of a route that runs into deep() for 300 us and executes something. */
static void run_deep(const char *rule)
{
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    hp_cap_request_route(request, hp_cap_route(cap, span("GET"), span(rule), span("x")), 0);
    (void)hp_cap_request_allow(request);
    (void)hp_cap_enter(lane, sym("deep"), 1, &frames[1], false);
    uint32_t number = hp_cap_sql_begin(lane, select_one(), nowhere, 0, 0, 0, 0, 0);
    hp_cap_sql_end(lane, number, 1, false);
    spin_us(300);
    hp_cap_leave(lane, &frames[1], false);
    hp_cap_request_finish(request);
    load_last();
}

static void a_rule_lowers_the_level_of_its_route(void **state)
{
    (void)state;
    hp__cap_setting_take(cap, HP_STR(HP_LEVELS_KEY),
                         HP_STR("monitor GET /m\ncount /c\nsample /s\ntrace /brief over 10s"));
    run_deep("/m");
    assert_int_equal(last.req.level, HP_LEVEL_MONITOR);
    assert_int_equal(last.req.level_asked, HP_LEVEL_TRACE);
    assert_int_equal(last.req.level_reason, HP_REASON_ROUTE);
    assert_true(last.shape.n == 0 && last.stmt_count == 1);
    run_deep("/c");
    assert_int_equal(last.req.level, HP_LEVEL_COUNT);
    assert_int_equal(last.stmt_count + last.group_count, 0);
    run_deep("/s"); /* nobody samples here */
    assert_int_equal(last.req.level, HP_LEVEL_MONITOR);
    run_deep("/other");
    assert_int_equal(last.req.level, HP_LEVEL_TRACE);
    assert_int_equal(last.req.level_reason, HP_REASON_ASKED);
    assert_true(last.shape.n != 0);
    run_deep("/brief");
    assert_true(last.req.level == HP_LEVEL_TRACE && last.shape.n == 0 && last.stmt_count == 0);
    hp__cap_setting_take(cap, HP_STR(HP_LEVELS_KEY), HP_STR("trace /brief over 1ms"));
    hp__cap_setting_take(cap, HP_STR(HP_LEVELS_KEY), HP_STR("")); /* the last word holds */
    run_deep("/brief");
    assert_true(last.shape.n != 0);
}

static void what_the_budget_lowers_below_a_rule_counts_as_lowered(void **state)
{
    (void)state;
    uint32_t route = hp_cap_route(cap, span("GET"), span("/dear"), span("x"));
    uint64_t now = hp_clock_mono_ns() - UINT64_C(8000000000);
    hp__cap_setting_take(cap, HP_STR(HP_LEVELS_KEY), HP_STR("monitor /dear"));
    run_deep("/dear");
    assert_false(last.req.flags & HP_REQ_LOWERED);
    cap->budget = hp_calloc(1, sizeof *cap->budget);
    cap->budget->share = 0.03;
    for (int i = 0; i < 8; i++) { /* seconds in which every level costs more than the share */
        int level = hp_budget_level(cap->budget, route, HP_LEVEL_MONITOR, now);
        hp_budget_note(cap->budget, route, level, 3000, 20000, now);
        now += 1000000000u;
    }
    run_deep("/dear");
    assert_int_equal(last.req.level, HP_LEVEL_COUNT);
    assert_int_equal(last.req.level_reason, HP_REASON_ROUTE);
    assert_true(last.req.flags & HP_REQ_LOWERED);
}

static void ids_differ(void **state)
{
    (void)state;
    static uint64_t ids[1000];
    for (int i = 0; i < 1000; i++) {
        struct hp_cap_request *request = begin(HP_LEVEL_COUNT);
        ids[i] = hp_cap_request_id(request);
        hp_cap_request_finish(request);
        for (int k = 0; k < i; k++) {
            assert_true(ids[k] != ids[i]);
        }
    }
    assert_int_equal(counts().started, 1000);
}

static void kept_requests_are_not_pushed(void **state)
{
    (void)state;
    struct hp_cap_request *request =
        hp_cap_request_begin(cap, HP_LEVEL_TRACE, 0, true, &frames[0], hp_cap_ticks());
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    hp_cap_enter(lane, sym("view"), 1, &frames[1], false);
    spin_us(20);
    const struct hp_tree *tree = hp__cap_request_tree(request);
    assert_non_null(tree);
    assert_null(hp__tree_check(tree));
    assert_true(tree->nodes[HP_NODE_ROOT].total >= 20000);
    assert_false(hp_cap_enter(lane, 1, 1, &frames[2], false));
    hp_cap_request_finish(request);
    assert_int_equal(counts().started + counts().pushed, 0);
    assert_int_equal(counts().requests_live, 0);
}

/* --- SQL --- */

static void statements_and_groups_are_recorded(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    struct hp_cap_place place = {sym("view"), 12, 0};
    uint32_t in_count = 0;
    uint32_t text = hp_cap_statement(cap, span("select * from t where id in (1, 2, 3) and name = 'x'"),
                                     HP_ENGINE_SQLITE, &in_count);
    assert_int_equal(in_count, 3);
    assert_true(hp_str_eq(hp_dict_statement(cap->dict, text).text,
                          HP_STR("select * from t where id in (?+) and name = ?")));
    hp_cap_enter(lane, sym("view"), 1, &frames[1], false);
    uint64_t wall, sql_ns;
    uint32_t sql_count;
    for (int i = 0; i < 3; i++) {
        uint32_t number = hp_cap_sql_begin(lane, text, place, 4, 99, 0, in_count, HP_STMT_ORM);
        assert_true(hp_cap_sql_inside(lane));
        uint32_t inner = hp_cap_sql_begin(lane, text, place, 4, 99, 0, in_count, 0);
        hp_cap_sql_end(lane, inner, 5, false);
        spin_us(10);
        hp_cap_sql_end(lane, number, i, i == 2);
        hp_cap_sql_fetch(lane, number, 1000, 2);
        assert_false(hp_cap_sql_inside(lane));
    }
    hp_cap_request_so_far(request, &wall, &sql_ns, &sql_count);
    assert_int_equal(sql_count, 3);
    assert_true(sql_ns >= 33000 && sql_ns <= wall + 3000);
    hp_cap_leave(lane, &frames[1], false);
    hp_cap_request_finish(request);
    load_last();
    assert_int_equal(last.stmt_count, 3);
    assert_int_equal(last.group_count, 1);
    assert_int_equal(last.groups[0].count, 3);
    assert_int_equal(last.groups[0].errors, 1);
    assert_int_equal(last.groups[0].rows, 3 + 6);
    assert_int_equal(last.groups[0].fetch_ns, 3000);
    assert_true(last.groups[0].exec_ns >= 30000 && last.groups[0].max_ns < last.groups[0].exec_ns + 1000);
    assert_true(last.groups[0].max_ns >= last.groups[0].exec_ns / 3 + 1000); /* with its rows */
    assert_int_equal(last.stmts[1].rows, 3);
    assert_int_equal(last.stmts[1].node, 1);
    assert_int_equal(last.stmts[1].flags, HP_STMT_ORM);
    assert_int_equal(last.stmts[2].flags, HP_STMT_ORM | HP_STMT_ERROR);
    assert_true(last.stmts[0].t0_ns + last.stmts[0].exec_ns <= last.stmts[1].t0_ns);
    assert_int_equal(last.stmts[0].param_hash, 99);
}

static uint64_t nap(void)
{
    uint64_t t0 = hp_cap_ticks(), now;
    do {
        now = hp_cap_ticks();
    } while (hp_cap_ns(now - t0) < 2000000);
    return t0;
}

static void steps_of_connections_nest_and_a_base_methods_is_the_same_step(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    uint64_t pool = nap(), outer = nap(), inner = nap();
    hp_cap_sql_step(lane, HP_DB_CONNECT, 0, inner, nowhere);
    hp_cap_sql_step(lane, HP_DB_CONNECT, 7, outer, nowhere);
    hp_cap_sql_step(lane, HP_DB_POOL, 7, pool, nowhere);
    uint64_t ping = nap();
    hp_cap_sql_step(lane, HP_DB_PING, 7, ping, nowhere);
    hp_cap_request_finish(request);
    load_last();
    assert_int_equal(last.step_count, 3);
    assert_true(last.steps[0].kind == HP_DB_CONNECT && last.steps[0].conn == 7);
    assert_true(last.steps[1].kind == HP_DB_POOL && last.steps[2].kind == HP_DB_PING);
    assert_true(last.steps[0].ns >= 4000000 && last.steps[1].ns >= 2000000 && last.steps[2].ns >= 2000000);
    uint64_t sum_ns = last.steps[0].ns + last.steps[1].ns + last.steps[2].ns;
    assert_true(sum_ns <= last.req.wall_ns);
    assert_true(last.steps[2].t0_ns >= last.steps[1].t0_ns + last.steps[1].ns + last.steps[0].ns);
    request = begin(HP_LEVEL_COUNT);
    hp_cap_sql_step(hp_cap_request_lane(request), HP_DB_PING, 7, hp_cap_ticks(), nowhere);
    hp_cap_request_finish(request);
    load_last();
    assert_int_equal(last.step_count, 0);
}

static void beyond_the_cap_steps_are_left_out(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    for (uint32_t i = 0; i < HP_STEP_CAP + 5; i++) {
        hp_cap_sql_step(hp_cap_request_lane(request), HP_DB_PING, 1, hp_cap_ticks(),
                        (struct hp_cap_place){0});
    }
    hp_cap_request_finish(request);
    load_last();
    assert_int_equal(last.step_count, HP_STEP_CAP);
    assert_true(last.req.flags & HP_REQ_TRUNCATED);
}

static void beyond_the_cap_statements_count_in_their_groups(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    for (uint32_t i = 0; i < HP_STMT_CAP + 50; i++) {
        uint32_t number = hp_cap_sql_begin(lane, 1, (struct hp_cap_place){1, 1, 0}, 0, 0, 0, 0, 0);
        hp_cap_sql_end(lane, number, 1, false);
        hp_cap_sql_fetch(lane, number, 10, 0);
    }
    hp_cap_request_finish(request);
    load_last();
    assert_int_equal(last.stmt_count, HP_STMT_CAP);
    assert_int_equal(last.groups[0].count, HP_STMT_CAP + 50);
    assert_int_equal(last.groups[0].fetch_ns, 10 * (HP_STMT_CAP + 50));
    assert_int_equal(last.req.dropped_stmts, 50);
    assert_int_equal(last.req.flags & HP_REQ_TRUNCATED, HP_REQ_TRUNCATED);
}

static void beyond_the_cap_groups_share_one(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    for (uint32_t i = 0; i < HP_GROUP_CAP + 100; i++) {
        uint32_t number = hp_cap_sql_begin(lane, 1, (struct hp_cap_place){1, i, 0}, 0, 0, 0, 0, 0);
        hp_cap_sql_end(lane, number, 1, false);
    }
    hp_cap_request_finish(request);
    load_last();
    uint64_t count = 0;
    for (uint32_t i = 0; i < last.group_count; i++) {
        count += last.groups[i].count;
    }
    assert_int_equal(last.group_count, HP_GROUP_CAP);
    assert_int_equal(count, HP_GROUP_CAP + 100);
    assert_int_equal(last.groups[HP_GROUP_CAP - 1].statement, 0);
}

static void parameter_hashes_are_keyed_and_never_zero(void **state)
{
    (void)state;
    struct hp_cap_hash a, b, c;
    hp_cap_hash_begin(cap, &a);
    hp_cap_hash_feed(&a, "ab", 2);
    hp_cap_hash_feed(&a, "c", 1);
    hp_cap_hash_begin(cap, &b);
    hp_cap_hash_feed(&b, "abc", 3);
    uint64_t value = hp_cap_hash_end(&a);
    assert_true(value == hp_cap_hash_end(&b) && value != 0);
    cap->hash_key[0] ^= 1;
    hp_cap_hash_begin(cap, &c);
    hp_cap_hash_feed(&c, "abc", 3);
    assert_true(value != hp_cap_hash_end(&c));
}

/* --- memory --- */

/* A request of every kind of event. */
static bool everything(int level, int threads)
{
    static uint32_t view, query;
    view = view != 0 ? view : sym("view");
    query = query != 0 ? query : select_one();
    struct hp_cap_place place = {view, 12, 0};
    struct hp_cap_request *request = begin(level);
    if (request == NULL) {
        return false;
    }
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    for (int i = 1; i < 100; i++) {
        hp_cap_enter(lane, view, 1, &frames[0] + i, false);
    }
    for (int i = 0; i < threads; i++) {
        struct hp_cap_lane *child = hp_cap_lane_spawn(lane, HP_LANE_THREAD, place);
        if (child != NULL) {
            hp_cap_lane_begin(child, &frames[9]);
            hp_cap_enter(child, view, 1, &frames[10], false);
            hp_cap_leave(child, &frames[10], false);
            hp_cap_lane_end(child);
            hp_cap_edge(lane, HP_EDGE_JOIN, child, 0, place);
            hp_cap_lane_unref(child);
        }
    }
    for (int i = 0; i < 20; i++) {
        uint32_t number = hp_cap_sql_begin(lane, query, place, 0, 0, 0, 0, 0);
        hp_cap_sql_end(lane, number, 1, false);
        hp_cap_sql_fetch(lane, number, 5, 1);
    }
    for (int i = 99; i > 0; i--) {
        hp_cap_leave(lane, &frames[0] + i, false);
    }
    hp_cap_request_finish(request);
    return true;
}

static void a_warm_request_allocates_nothing(void **state)
{
    (void)state;
    for (int level = HP_LEVEL_COUNT; level <= HP_LEVEL_TRACE; level++) {
        for (int i = 0; i < 3; i++) {
            assert_true(everything(level, 5));
        }
        hp_mem_forbid(true); /* aborts where something is allocated */
        for (int i = 0; i < 100; i++) {
            everything(level, 5);
        }
        hp_mem_forbid(false);
    }
    assert_int_equal(hp_mem_forbidden_count(), 0);
}

static void open_and_request(void *arg)
{
    (void)arg;
    struct hp_cap *outer = cap;
    if (open_capture(65536, true) == HP_OK) {
        everything(HP_LEVEL_TRACE, 12);
        everything(HP_LEVEL_MONITOR, 1);
        struct hp_cap_counts seen = counts();
        assert_int_equal(seen.started, 2);
        assert_true(hp_cap_flush(cap, 1000));
        seen = counts();
        assert_int_equal(seen.stored + seen.dropped_memory + seen.dropped_ring + seen.dropped_store,
                         seen.started);
        hp_cap_close(cap, 1000);
    }
    cap = outer;
}

static void requests_survive_lack_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(open_and_request, NULL);
}

static void faults_on_purpose_are_counted(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 8; n++) {
        hp_cap_fail_at(cap, "alloc", n);
        everything(HP_LEVEL_TRACE, 2);
    }
    hp_cap_fail_at(cap, "alloc", 0);
    hp_cap_fail_at(cap, "ring", 1);
    everything(HP_LEVEL_MONITOR, 0);
    hp_cap_fail_at(cap, "ring", 1);
    everything(HP_LEVEL_TRACE, 0);
    hp_cap_fail_at(cap, "callback", 2);
    assert_false(hp_cap_callback_fails(cap));
    assert_true(hp_cap_callback_fails(cap));
    assert_false(hp_cap_callback_fails(cap));
    hp_cap_fail_at(cap, "nonsense", 1);
    assert_false(hp_cap_callback_fails(cap));
    assert_true(hp_cap_flush(cap, 2000));
    struct hp_cap_counts seen = counts();
    assert_int_equal(seen.started, 9);
    assert_true(seen.dropped_memory >= 1);
    assert_int_equal(seen.dropped_ring, 1);
    assert_true(seen.dropped_tree >= 1); /* the ring twice full for one, and perhaps no memory for another */
    assert_int_equal(seen.stored + seen.dropped_memory + seen.dropped_ring, seen.started);
}

static void a_large_tree_is_not_kept(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    uint32_t view = sym("view");
    for (uint32_t i = 0; i < 70000; i++) {
        hp_cap_enter(lane, view, i, &frames[1], false);
        hp_cap_leave(lane, &frames[1], false);
    }
    hp_cap_request_finish(request);
    assert_int_equal(counts().tree_bytes, 0);
    load_last();
    assert_true(last.req.dropped_nodes > 4000);
    everything(HP_LEVEL_TRACE, 0);
    assert_true(counts().tree_bytes > 0 && counts().tree_bytes < 1000000);
}

static void lanes_may_be_let_go_after_close(void **state)
{
    (void)state;
    int64_t blocks = hp_mem_live_count();
    struct hp_cap *outer = cap;
    assert_int_equal(open_capture(0, false), HP_OK);
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    hp_cap_lane_ref(lane);
    struct hp_cap_request *late = begin(HP_LEVEL_MONITOR);
    hp_cap_request_finish(request);
    hp_cap_close(cap, 1000);
    hp_cap_lane_unref(lane);
    hp_cap_request_finish(late);
    cap = outer;
    assert_int_equal(hp_mem_live_count(), blocks);
}

static void nothing_is_stored_without_a_store(void **state)
{
    (void)state;
    struct hp_cap *outer = cap;
    struct hp_cap_config config = {.store_path = NULL};
    assert_int_equal(hp_cap_open(&config, &cap), HP_OK);
    assert_true(everything(HP_LEVEL_TRACE, 2));
    assert_int_equal(counts().finished, 1);
    assert_int_equal(counts().pushed, 0);
    assert_true(hp_cap_flush(cap, 0));
    hp_cap_close(cap, 0);
    config.store_path = "";
    assert_int_equal(hp_cap_open(&config, &cap), HP_EINVAL);
    cap = outer;
}

static void fill(struct hp_cap_request *request)
{
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    struct hp_cap_frame chain[100];
    for (uint32_t i = 0; i < 100; i++) {
        chain[i] = (struct hp_cap_frame){i * 1000, i * 1000};
    }
    for (uint32_t i = 1; i <= 100; i++) {
        struct hp_cap_exception seen = {.group = i, .type = 1, .frames = chain, .frame_count = 100};
        hp_cap_exception(lane, &seen);
    }
}

/* Its pages become resident once: no application keeps that. */
static void the_ring_that_is_written_for_the_first_time_is_no_growth(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* what is freed stays resident for a while */
#endif
    uint64_t growth = 0, written = 0;
    for (unsigned i = 0; i < 400 && written < 3000000; i++) {
        struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
        fill(request);
        spin_us(1100);
        hp__cap_request_freeze(request);
        growth += i < 10 ? 0 : request->facts.rss_growth_bytes; /* the first ones fill pools of ours */
        hp_cap_request_finish(request);
        written = hp_ring_head(cap->ring);
    }
    assert_true(written >= 1000000);
    if (growth >= written / 4) {
        fail_msg("grew by %lu of %lu bytes written", (unsigned long)growth, (unsigned long)written);
    }
}

static void a_short_request_is_measured_where_it_asks_for_much_memory(void **state)
{
    (void)state;
    for (uint64_t asked = 1000; asked <= 200000; asked += 199000) {
        struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
        request->facts.alloc_bytes = asked;
        hp__cap_request_freeze(request);
        bool known = request->facts.rss_growth_bytes != HP_ABSENT;
        assert_true(known == (asked == 200000 || request->facts.wall_ns >= 1000000));
        hp_cap_request_finish(request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: later the process's peak lies above what it is about */
        cmocka_unit_test_setup_teardown(the_ring_that_is_written_for_the_first_time_is_no_growth, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_short_request_is_measured_where_it_asks_for_much_memory, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(facts_arrive, setup, teardown),
        cmocka_unit_test_setup_teardown(each_tells_when_it_began, setup, teardown),
        cmocka_unit_test_setup_teardown(count_level_has_wall_and_nothing_dear, setup, teardown),
        cmocka_unit_test_setup_teardown(monitor_level_has_no_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(phases_add_up_to_the_wall_time, setup, teardown),
        cmocka_unit_test_setup_teardown(shared_threads_have_no_cpu_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rule_lowers_the_level_of_its_route, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_budget_lowers_below_a_rule_counts_as_lowered, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(ids_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(kept_requests_are_not_pushed, setup, teardown),
        cmocka_unit_test_setup_teardown(statements_and_groups_are_recorded, setup, teardown),
        cmocka_unit_test_setup_teardown(steps_of_connections_nest_and_a_base_methods_is_the_same_step, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(beyond_the_cap_steps_are_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(beyond_the_cap_statements_count_in_their_groups, setup, teardown),
        cmocka_unit_test_setup_teardown(beyond_the_cap_groups_share_one, setup, teardown),
        cmocka_unit_test_setup_teardown(parameter_hashes_are_keyed_and_never_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(a_warm_request_allocates_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_survive_lack_of_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(faults_on_purpose_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_tree_is_not_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(lanes_may_be_let_go_after_close, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_stored_without_a_store, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
