/* test_spine.c -- asynchronous views: what they compute is the request's time, and where a plain function
 * blocks them. */
#include "records.h"

#define REQUESTS 6

/* A view in a task of a pool thread's loop, which the main lane waits for; returns the node of the view. */
static uint32_t begin_async(struct rec_set *set, struct rec *rec, double end)
{
    uint32_t wait = rec_node(rec, HP_NODE_ROOT,
                             rec_sym(set, "asgiref/sync.py", "AsyncToSync.__call__", 1, REC_LIB), 0, 1, 0);
    uint32_t thread = rec_lane_node(rec, wait);
    uint32_t loop =
        rec_node(rec, thread, rec_sym(set, "asyncio/base_events.py", "run", 1, REC_LIB), 0, 1, 0.1);
    uint32_t task = rec_lane_node(rec, loop);
    uint32_t pool =
        rec_add_lane(rec, (struct rec_lane){.kind = HP_LANE_POOL, .node = wait, .start = 1, .end = end});
    uint32_t view = rec_add_lane(
        rec, (struct rec_lane){.kind = HP_LANE_TASK, .node = loop, .start = 1.5, .end = end - 0.5});
    rec->record.lanes[view].parent = pool;
    rec->record.lanes[view].cpu_ns = rec_ns(end - 2);
    rec->record.lanes[pool].cpu_ns = rec->record.lanes[0].cpu_ns = rec_ns(0.1);
    rec->record.lanes[0].wait_busy_ns = 0;
    rec_add_edge(rec, HP_EDGE_RESULT, pool, view, 1.5, end - 0.5);
    rec_add_edge(rec, HP_EDGE_RESULT, 0, pool, 1, end);
    return rec_node(rec, task, set->view, 0, 1, 1);
}

static struct hp_find_result find(struct rec_set *set)
{
    struct hp_find_result result;
    result = rec_find(set);
    return result;
}

static void what_an_asynchronous_view_computes_is_found_and_priced(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/x");
    for (int i = 0; i < REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = begin_async(&set, rec, 31);
        rec_node(rec, view, rec_sym(&set, "app/work.py", "fare", 20, REC_APP), 14, 400, 25);
        rec_end(&set, rec, 32, 0.1);
    }
    struct hp_find_result result = find(&set);
    assert_int_equal(result.findings.count, 1);
    const struct hp_finding *finding = &result.findings.list[0];
    assert_int_equal(finding->kind, HP_FIND_hot_function);
    assert_int_equal(finding->median_ns, rec_ns(25));
    assert_int_equal(finding->site_line, 14);
    rec_set_fini(&set);
}

/* Another thread of as long a life that nobody waits for. */
static void what_runs_beside_the_request_is_not(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/x");
    for (int i = 0; i < REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = begin_async(&set, rec, 31);
        rec->record.edge_count = 0;
        rec_node(rec, view, rec_sym(&set, "app/work.py", "fare", 20, REC_APP), 14, 400, 25);
        rec_end(&set, rec, 32, 0.1);
    }
    assert_int_equal(find(&set).findings.count, 0);
    rec_set_fini(&set);
}

static void a_coroutine_is_told_where_it_calls_what_blocks(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/x");
    uint32_t seats = rec_sym(&set, "app/work.py", "seats", 30, REC_APP | HP_SYM_COROUTINE);
    uint32_t get = rec_sym(&set, "app/work.py", "get", 20, REC_APP);
    for (int i = 0; i < REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = begin_async(&set, rec, 31);
        uint32_t node = rec_node(rec, rec_node(rec, view, seats, 14, 2, 0.1), get, 34, 2, 24);
        for (int k = 0; k < 2; k++) {
            rec_add_span(&set, rec,
                         (struct rec_span){.kind = HP_WAIT_RECV,
                                           .lane = 2,
                                           .node = node,
                                           .site_sym = get,
                                           .site_line = 22,
                                           .t0 = 3 + k * 12.0,
                                           .t1 = 15 + k * 12.0});
        }
        rec_end(&set, rec, 32, 0.1);
    }
    struct hp_find_result result = find(&set);
    assert_int_equal(result.findings.count, 1);
    const struct hp_finding *finding = &result.findings.list[0];
    assert_int_equal(finding->kind, HP_FIND_blocking_in_async);
    assert_int_equal(finding->site_sym, seats);
    assert_int_equal(finding->site_line, 34);
    assert_int_equal(finding->subject_sym, get);
    assert_int_equal(finding->median_ns, rec_ns(12));
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_asynchronous_view_computes_is_found_and_priced),
        cmocka_unit_test(what_runs_beside_the_request_is_not),
        cmocka_unit_test(a_coroutine_is_told_where_it_calls_what_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
