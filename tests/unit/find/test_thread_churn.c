/* test_thread_churn.c -- threads that a request starts: a crowd of them is told, calls that wait side by side
 * are not. */
#include "records.h"

#include "find/find.h"

#define REQUESTS 8u

struct crowd {
    uint32_t count;
    enum hp_lane_kind kind;
    double each_ms, waits_ms; /* of a lane: its time, and what of it is waiting for an answer */
};

static uint32_t count_findings(struct crowd crowd, uint64_t *saving_ns)
{
    struct rec_set set;
    struct hp_find_result result;
    rec_set_init(&set, "GET", "/all");
    uint32_t fetch = rec_sym(&set, "app/api.py", "fetch", 30, REC_APP);
    for (uint32_t r = 0; r < REQUESTS; r++) {
        struct rec *rec = rec_begin(&set);
        double at = 1, end = 1 + crowd.each_ms + 0.3 * crowd.count + 0.01 * r;
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 5, 1, 2);
        uint32_t start = rec_node(rec, view, rec_sym(&set, "threading.py", "Thread.start", 9, REC_LIB), 12,
                                  crowd.count, 0.3 * crowd.count);
        uint32_t side = rec_lane_node(rec, start);
        rec_node(rec, side, fetch, 0, crowd.count, crowd.each_ms * crowd.count);
        uint32_t join = rec_node(rec, view, rec_sym(&set, "threading.py", "Thread.join", 19, REC_LIB), 14,
                                 crowd.count, end - 1 - 0.3 * crowd.count);
        for (uint32_t i = 0; i < crowd.count; i++, at += 0.3) {
            uint32_t lane = rec_add_lane(
                rec, (struct rec_lane){.kind = crowd.kind,
                                       .flags = crowd.kind == HP_LANE_POOL ? HP_LANE_NEW_EXECUTOR : 0,
                                       .node = start,
                                       .site_sym = set.view,
                                       .site_line = 12,
                                       .spawn = at,
                                       .spawn_cost = 0.3,
                                       .start = at + 0.2,
                                       .end = at + 0.2 + crowd.each_ms});
            rec_add_span(&set, rec,
                         (struct rec_span){.kind = HP_WAIT_RECV,
                                           .lane = lane,
                                           .node = side,
                                           .site_sym = fetch,
                                           .site_line = 31,
                                           .t0 = at + 0.3,
                                           .t1 = at + 0.3 + crowd.waits_ms});
            rec_add_join(rec, lane, join, i == 0 ? 1 + 0.3 * crowd.count : end, end);
        }
        rec_end(&set, rec, end + 1, end + 1);
    }
    result = rec_find(&set);
    uint32_t n = 0;
    for (uint32_t i = 0; i < result.findings.count; i++) {
        if (result.findings.list[i].kind == HP_FIND_thread_churn) {
            *saving_ns = result.findings.list[i].median_ns;
            n++;
        }
    }
    rec_set_fini(&set);
    return n;
}

static void a_crowd_is_told_with_all_that_it_does_in_a_pool_too(void **state)
{
    (void)state;
    static const struct crowd crowds[] = {
        {.count = 40, .kind = HP_LANE_THREAD, .each_ms = 60, .waits_ms = 55},
        {.count = 30, .kind = HP_LANE_POOL, .each_ms = 60, .waits_ms = 55}};
    for (size_t i = 0; i < 2; i++) {
        uint64_t saving_ns = 0;
        assert_int_equal(count_findings(crowds[i], &saving_ns), 1);
        assert_true(saving_ns > 60000000);
    }
}

static void threads_that_compute_are_told_whoever_starts_them(void **state)
{
    (void)state;
    uint64_t saving_ns = 0;
    assert_int_equal(
        count_findings((struct crowd){.count = 6, .kind = HP_LANE_POOL, .each_ms = 60, .waits_ms = 5},
                       &saving_ns),
        1);
    assert_true(saving_ns > 50000000);
}

/* Only starting them is waste; at most 2 ms here. */
static void calls_that_wait_side_by_side_are_no_waste(void **state)
{
    (void)state;
    static const struct crowd crowds[] = {
        {.count = 6, .kind = HP_LANE_POOL, .each_ms = 60, .waits_ms = 55},
        {.count = 4, .kind = HP_LANE_THREAD, .each_ms = 60, .waits_ms = 55}};
    for (size_t i = 0; i < 2; i++) {
        uint64_t saving_ns = 0;
        (void)count_findings(crowds[i], &saving_ns);
        assert_true(saving_ns <= 2000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crowd_is_told_with_all_that_it_does_in_a_pool_too),
        cmocka_unit_test(threads_that_compute_are_told_whoever_starts_them),
        cmocka_unit_test(calls_that_wait_side_by_side_are_no_waste),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
