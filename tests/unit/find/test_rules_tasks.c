/* test_rules_tasks.c -- what tasks do instead of awaiting, waits for what does not come, and for what only
 * some requests do. */
#include <errno.h>

#include "records.h"

#include "find/own.h"
#include "sweep_oom.h"

#define REQUESTS 6

typedef void (*make_fn)(struct rec_set *set, struct rec *rec);

static void make(struct rec_set *set, make_fn fn, double wall_ms)
{
    rec_set_init(set, "GET", "/x");
    for (int i = 0; i < REQUESTS; i++) {
        struct rec *rec = rec_begin(set);
        fn(set, rec);
        rec_end(set, rec, wall_ms, 1);
        set->samples[set->count - 1].tree = NULL; /* of level monitor */
    }
}

static void expect(make_fn fn, double wall_ms, enum hp_finding_kind kind, double saving_ms, double low_ms)
{
    struct rec_set set;
    struct hp_find_result result;
    struct hp_own_key key;
    uint64_t own_ns[REC_MAX];
    make(&set, fn, wall_ms);
    struct hp_case c = rec_case(&set);
    assert_int_equal(hp_find_run(&c, &set.arena, &result), HP_OK);
    assert_int_equal(result.findings.count, 1);
    const struct hp_finding *finding = &result.findings.list[0];
    assert_string_equal(hp_find_kind_name(finding->kind), hp_find_kind_name(kind));
    assert_int_equal(finding->site_line, 9);
    assert_int_equal(finding->median_ns, rec_ns(saving_ms));
    assert_int_equal(finding->low90_ns, rec_ns(low_ms));
    assert_int_equal(hp_own_describe(&c, finding, &set.arena, &key), HP_OK);
    assert_int_equal(hp_own_measure(&c, &key, false, own_ns), HP_OK);
    assert_true(own_ns[0] >= finding->median_ns); /* what a comparison measures holds what was promised */
    rec_set_fini(&set);
}

static void expect_silence(make_fn fn, double wall_ms)
{
    struct rec_set set;
    struct hp_find_result result;
    make(&set, fn, wall_ms);
    result = rec_find(&set);
    assert_int_equal(result.findings.count, 0);
    rec_set_fini(&set);
}

static void wait_for(struct rec_set *set, struct rec *rec, uint32_t lane, double t0, double t1,
                     uint32_t error)
{
    rec_add_span(set, rec,
                 (struct rec_span){.kind = HP_WAIT_LOCK,
                                   .lane = lane,
                                   .site_sym = set->view,
                                   .site_line = 9,
                                   .error = error,
                                   .t0 = t0,
                                   .t1 = t1});
}

/* ---- events ---- */

static void nobody_sets_the_event(struct rec_set *set, struct rec *rec)
{
    wait_for(set, rec, 0, 1, 21, ETIMEDOUT);
    rec_add_edge(rec, HP_EDGE_WAKE, 0, HP_NODE_NONE, 1, 21); /* Condition.wait tells by whom */
}

static void the_event_is_set(struct rec_set *set, struct rec *rec)
{
    wait_for(set, rec, 0, 1, 21, 0);
    rec_add_edge(rec, HP_EDGE_WAKE, 0, HP_NODE_NONE, 1, 21);
}

static void a_thread_is_joined_for_a_while(struct rec_set *set, struct rec *rec)
{
    uint32_t lane = rec_add_lane(
        rec,
        (struct rec_lane){
            .kind = HP_LANE_POOL, .site_sym = set->view, .site_line = 4, .spawn = 1, .start = 1, .end = 29});
    wait_for(set, rec, 0, 1, 21, ETIMEDOUT);
    rec_add_edge(rec, HP_EDGE_RESULT, 0, lane, 1, 21);
}

static void an_event_that_nobody_sets_is_a_sleep(void **state)
{
    (void)state;
    expect(nobody_sets_the_event, 30, HP_FIND_sleep, 20, 20);
    expect_silence(the_event_is_set, 30);
    expect_silence(a_thread_is_joined_for_a_while, 30);
}

/* ---- tasks ---- */

/* Tasks of one loop, each of which holds it for 20 ms, one after the other; returns the first. */
static uint32_t tasks(struct rec_set *set, struct rec *rec, int count)
{
    uint32_t first = rec->record.lane_count;
    for (int i = 0; i < count; i++) {
        (void)rec_add_lane(rec, (struct rec_lane){.kind = HP_LANE_TASK,
                                                  .site_sym = set->view,
                                                  .site_line = 5,
                                                  .spawn = 1,
                                                  .start = 1 + i * 20.0,
                                                  .end = 21 + i * 20.0});
    }
    rec_add_edge(rec, HP_EDGE_RESULT, 0, first + (uint32_t)count - 1, 1, 1 + count * 20.0);
    return first;
}

static void results(struct rec_set *set, struct rec *rec, int count)
{
    uint32_t first = tasks(set, rec, count);
    for (uint32_t i = 0; i < (uint32_t)count; i++) {
        double t0 = 1 + i * 20.0;
        uint32_t item = rec_add_lane(rec, (struct rec_lane){.kind = HP_LANE_POOL,
                                                            .site_sym = set->view,
                                                            .site_line = 4,
                                                            .spawn = t0,
                                                            .start = t0,
                                                            .end = t0 + 20});
        rec->record.lanes[item].parent = first + i;
        wait_for(set, rec, first + i, t0, t0 + 20, 0);
        rec_add_edge(rec, HP_EDGE_RESULT, first + i, item, t0, t0 + 20);
    }
}

static void tasks_wait_for_threads(struct rec_set *set, struct rec *rec)
{
    results(set, rec, 3);
}

static void the_only_task_waits_for_a_thread(struct rec_set *set, struct rec *rec)
{
    results(set, rec, 1);
}

/* The first task asks a database, the others do something else. */
static void query(struct rec_set *set, struct rec *rec, int count)
{
    uint32_t sql = rec_sql(set, "SELECT count(*) FROM b WHERE c = ?", HP_ENGINE_POSTGRESQL);
    uint32_t first = tasks(set, rec, count);
    rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                        .lane = first,
                                        .site_sym = set->view,
                                        .site_line = 9,
                                        .t0 = 1,
                                        .exec = 20,
                                        .rows = 1});
}

static void one_of_two_tasks_queries(struct rec_set *set, struct rec *rec)
{
    query(set, rec, 2);
}

static void the_only_task_queries(struct rec_set *set, struct rec *rec)
{
    query(set, rec, 1);
}

static void a_driver_awaits(struct rec_set *set, struct rec *rec)
{
    query(set, rec, 2);
    rec_add_span(
        set, rec,
        (struct rec_span){
            .kind = HP_WAIT_AWAIT, .lane = 1, .site_sym = set->view, .site_line = 9, .t0 = 2, .t1 = 20});
}

static void tasks_that_keep_others_from_running(void **state)
{
    (void)state;
    expect(tasks_wait_for_threads, 62, HP_FIND_blocking_in_async, 40, 0);
    expect_silence(the_only_task_waits_for_a_thread, 400);
    expect(one_of_two_tasks_queries, 42, HP_FIND_blocking_in_async, 20, 0);
    expect(one_of_two_tasks_queries, 32, HP_FIND_blocking_in_async, 12, 0); /* the rest is no longer */
    expect_silence(the_only_task_queries, 400);
    expect_silence(a_driver_awaits, 400);
}

/* ---- connections of tasks ---- */

/* Two tasks connect and await that for 17 ms each, of which a third one sleeps so many. */
static uint32_t churns(double slept_ms)
{
    static const struct {
        uint8_t kind;
        double from, to;
        uint64_t bytes;
    } steps[] = {{HP_WAIT_CONNECT, 0, 0.1, 0},
                 {HP_WAIT_AWAIT, 0.1, 16.9, 0},
                 {HP_WAIT_SEND, 17, 17.1, 200},
                 {HP_WAIT_RECV, 17.1, 18, 200}};
    struct rec_set set;
    uint32_t told = 0;
    rec_set_init(&set, "GET", "/x");
    for (int i = 0; i < REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t first = tasks(&set, rec, 3);
        for (size_t s = 0; s < 2 * sizeof steps / sizeof *steps; s++) {
            uint32_t k = s >= sizeof steps / sizeof *steps,
                     at = (uint32_t)(s % (sizeof steps / sizeof *steps));
            rec_add_span(&set, rec,
                         (struct rec_span){.kind = steps[at].kind,
                                           .lane = first + k,
                                           .group = k + 1,
                                           .protocol = HP_PROTOCOL_HTTP,
                                           .peer = 7,
                                           .site_sym = set.view,
                                           .site_line = 9,
                                           .bytes = steps[at].bytes,
                                           .t0 = 1 + 20.0 * k + steps[at].from,
                                           .t1 = 1 + 20.0 * k + steps[at].to});
        }
        for (uint32_t k = 0; k < 2; k++) {
            double t = 1.5 + 20.0 * k;
            rec_add_span(
                &set, rec,
                (struct rec_span){.kind = HP_WAIT_SLEEP, .lane = first + 2, .t0 = t, .t1 = t + slept_ms});
        }
        rec_end(&set, rec, 62, 1);
        set.samples[set.count - 1].tree = NULL;
    }
    struct hp_find_result r = rec_find(&set);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        told += r.findings.list[i].kind == HP_FIND_connection_churn;
    }
    rec_set_fini(&set);
    return told;
}

static void what_another_task_sleeps_is_no_part_of_a_connection(void **state)
{
    (void)state;
    assert_int_equal(churns(0.1), 1);
    assert_int_equal(churns(16.4), 0);
}

/* A pool's worker is nobody's lane; that it runs is waited for in the library. */
static void a_thread_that_is_started_is_no_lock(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result result;
    rec_set_init(&set, "GET", "/x");
    for (int i = 0; i < REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 0, 1, 9);
        uint32_t start =
            rec_node(rec, view, rec_sym(&set, "threading.py", "Thread.start", 990, REC_LIB), 9, 1, 0.1);
        uint32_t wait =
            rec_node(rec, start, rec_sym(&set, "threading.py", "Event.wait", 600, REC_LIB), 994, 1, 20);
        wait_for(&set, rec, 0, 5, 25, 0);
        rec->record.spans[0].node = rec->record.waits[0].node = wait;
        rec_end(&set, rec, 30, 9);
    }
    result = rec_find(&set);
    assert_int_equal(result.findings.count, 0);
    rec_set_fini(&set);
}

/* fetch() asks `calls` times by way of a library that computes for 7 ms in all. */
static uint32_t findings_of_client(uint32_t calls)
{
    struct rec_set set;
    struct hp_find_result result;
    rec_set_init(&set, "GET", "/x");
    uint32_t fetch = rec_sym(&set, "app/fetch.py", "fetch", 3, REC_APP);
    for (int i = 0; i < REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 0, 1, 10);
        uint32_t own = rec_node(rec, view, fetch, 9, 1, 0.1);
        uint32_t get = rec_node(rec, own, rec_sym(&set, "client/api.py", "get", 5, REC_LIB), 4, 8, 7);
        for (uint32_t k = 0; k < calls; k++) {
            struct rec_span wait = {.kind = HP_WAIT_SEND,
                                    .group = k + 1,
                                    .protocol = HP_PROTOCOL_HTTP,
                                    .peer = 7,
                                    .node = get,
                                    .site_sym = fetch,
                                    .site_line = 4,
                                    .t0 = 1 + 0.2 * k,
                                    .t1 = 1.01 + 0.2 * k,
                                    .bytes = 90};
            rec_add_span(&set, rec, wait);
            wait.kind = HP_WAIT_RECV;
            wait.t0 = wait.t1;
            wait.t1 += 0.1;
            rec_add_span(&set, rec, wait);
        }
        rec_end(&set, rec, 18, 18);
    }
    result = rec_find(&set);
    uint32_t hot = 0;
    for (uint32_t i = 0; i < result.findings.count; i++) {
        hot += result.findings.list[i].kind == HP_FIND_hot_function;
    }
    rec_set_fini(&set);
    return hot;
}

static void what_a_client_library_computes_for_its_calls_is_no_hot_function(void **state)
{
    (void)state;
    assert_int_equal(findings_of_client(0), 1);
    assert_int_equal(findings_of_client(8), 0); /* a millisecond each */
}

/* Event loops are rings: the collector has not come by yet. The locals of a thread go with it. */
static void memory_of_requests_with_tasks_or_threads_of_their_own_is_unsure(void **state)
{
    (void)state;
    for (uint32_t with = 0; with < 3; with++) {
        struct rec_set set;
        struct hp_find_result result;
        rec_set_init(&set, "GET", "/x");
        for (int i = 0; i < 30; i++) {
            struct rec *rec = rec_begin(&set);
            rec->record.req.alloc_bytes = 1000000;
            rec->record.req.alloc_blocks = 10000;
            rec->record.req.kept_blocks = 2000;
            rec->record.req.rss_growth_bytes = 150000;
            if (with == 1) {
                (void)tasks(&set, rec, 1);
            }
            rec->record.req.flags |= with == 2 ? HP_REQ_NEW_THREAD : 0;
            rec_end(&set, rec, 30, 1);
            set.samples[set.count - 1].tree = NULL;
        }
        result = rec_find(&set);
        assert_int_equal(result.findings.count, 1);
        assert_int_equal(result.findings.list[0].kind, HP_FIND_memory_growth);
        assert_int_equal(result.findings.list[0].unsure, with != 0);
        rec_set_fini(&set);
    }
}

static void out_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, tasks_wait_for_threads, 62);
    hp_sweep_oom(rec_find_all, &set);
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_that_nobody_sets_is_a_sleep),
        cmocka_unit_test(tasks_that_keep_others_from_running),
        cmocka_unit_test(what_another_task_sleeps_is_no_part_of_a_connection),
        cmocka_unit_test(a_thread_that_is_started_is_no_lock),
        cmocka_unit_test(what_a_client_library_computes_for_its_calls_is_no_hot_function),
        cmocka_unit_test(memory_of_requests_with_tasks_or_threads_of_their_own_is_unsure),
        cmocka_unit_test(out_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
