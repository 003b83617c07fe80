/* test_tail_latency.c -- what slow requests share, and what only happened to them. */
#include "records_work.h"

static void part_that_slow_requests_share_is_the_tail(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/tail");
    for (unsigned i = 0; i < 40; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_work_page(&set, rec);
        rec_work_app(&set, rec, view, "usual", 12, 1, 5);
        if (i % 7 == 3) {
            rec_work_app(&set, rec, view, "renew", 13, 1, 80);
        }
        rec_work_end(&set, rec, i % 7 == 3 ? 85 : 5);
    }
    const struct hp_finding *finding = NULL;
    struct hp_find_result r = rec_find(&set);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        finding = r.findings.list[i].kind == HP_FIND_tail_latency ? &r.findings.list[i] : finding;
    }
    assert_non_null(finding);
    assert_true(finding->tail);
    assert_near(rec_ms(finding->median_ns), 80, 0.05);
    assert_int_equal(finding->subject_sym, rec_sym(&set, "app/work.py", "renew", 20, REC_APP));
    assert_int_equal(finding->site_line, 13); /* the call of it */
    rec_set_fini(&set);
    rec_set_init(&set, "GET", "/tail");
    for (unsigned i = 0; i < 40; i++) { /* a busy machine: nothing in particular */
        struct rec *rec = rec_begin(&set);
        rec_work_page(&set, rec);
        rec_work_end(&set, rec, i % 7 == 3 ? 85 : 5);
    }
    rec_silent(&set);
}

/* Each seventh request goes on from line 13 of the view to flush(), which asks a neighbour by way of a
 * helper. */
static void a_call_of_some_requests_is_a_tail_from_where_they_go_on(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result result;
    rec_set_init(&set, "GET", "/x");
    uint32_t ask = rec_sym(&set, "app/ask.py", "ask", 3, REC_APP);
    for (int i = 0; i < 28; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 0, 1, 2);
        if (i % 7 == 3) {
            uint32_t flush =
                rec_node(rec, view, rec_sym(&set, "app/sales.py", "flush", 30, REC_APP), 13, 1, 0.1);
            uint32_t node =
                rec_node(rec, rec_node(rec, flush, ask, 31, 1, 0.1),
                         rec_sym(&set, "http/client.py", "getresponse", 9, REC_FRAMEWORK), 4, 1, 45);
            rec_add_span(&set, rec,
                         (struct rec_span){.kind = HP_WAIT_RECV,
                                           .node = node,
                                           .peer = 7,
                                           .site_sym = ask,
                                           .site_line = 4,
                                           .t0 = 1,
                                           .t1 = 46});
        }
        rec_end(&set, rec, i % 7 == 3 ? 48 : 2, 2);
    }
    result = rec_find(&set);
    assert_int_equal(result.findings.count, 1);
    assert_int_equal(result.findings.list[0].kind, HP_FIND_tail_latency);
    assert_int_equal(result.findings.list[0].site_sym, set.view);
    assert_int_equal(result.findings.list[0].site_line, 13);
    rec_set_fini(&set);
}

/* Each request asks, and each fourth waits longer for the answer. */
static void an_answer_that_takes_longer_at_times_is_nobodys_tail(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result result;
    rec_set_init(&set, "GET", "/x");
    for (int i = 0; i < 28; i++) {
        struct rec *rec = rec_begin(&set);
        double answer = i % 4 == 3 ? 36 : 6;
        rec_add_span(&set, rec,
                     (struct rec_span){.kind = HP_WAIT_RECV,
                                       .peer = 7,
                                       .site_sym = set.view,
                                       .site_line = 4,
                                       .t0 = 1,
                                       .t1 = 1 + answer});
        rec_end(&set, rec, 2 + answer, 2);
        set.samples[set.count - 1].tree = NULL;
    }
    result = rec_find(&set);
    assert_int_equal(result.findings.count, 0);
    rec_set_fini(&set);
}

/* Each seventh request is 14 ms slower, `in_ms` in the statement: for `gil_ms` of it another thread computes,
 * for `away_ms` there is no processor. */
static void add_statements(struct rec_set *set, double in_ms, double gil_ms, double away_ms)
{
    rec_set_init(set, "GET", "/x");
    uint32_t sql = rec_sql(set, "SELECT name FROM posts WHERE id < ?", HP_ENGINE_SQLITE);
    for (int i = 0; i < 35; i++) {
        struct rec *rec = rec_begin(set);
        bool slow = i % 7 == 3;
        double takes = slow ? 0.5 + in_ms : 0.5;
        rec_add_stmt(
            rec,
            (struct rec_stmt){
                .statement = sql, .site_sym = set->view, .site_line = 12, .t0 = 1, .exec = takes, .rows = 3});
        if (slow && gil_ms > 0) {
            rec_add_span(set, rec,
                         (struct rec_span){.kind = HP_WAIT_GIL,
                                           .site_sym = set->view,
                                           .site_line = 12,
                                           .t0 = 1.2,
                                           .t1 = 1.2 + gil_ms});
        }
        rec->record.lanes[0].runqueue_ns = rec_ns(slow ? away_ms : 0);
        rec_end(set, rec, slow ? 16.5 : 2.5, slow ? 16.5 - gil_ms - away_ms : 2.5);
        set->samples[set->count - 1].tree = NULL;
    }
}

static void a_statement_that_waits_for_other_threads_or_a_processor_is_no_tail(void **state)
{
    (void)state;
    struct rec_set set;
    add_statements(&set, 14, 0, 0);
    const struct hp_finding *finding = rec_only(&set, HP_FIND_tail_latency);
    assert_near(rec_ms(finding->median_ns), 14, 0.05);
    assert_int_equal(finding->site_line, 12);
    rec_set_fini(&set);
    add_statements(&set, 14, 0, 8);
    assert_near(rec_ms(rec_only(&set, HP_FIND_tail_latency)->median_ns), 6, 0.05);
    rec_set_fini(&set);
    add_statements(&set, 14, 9.5, 0); /* what is left, 4.5 ms, is nothing */
    rec_silent(&set);
    add_statements(&set, 9, 0, 8); /* most of it may have been the lack of a processor */
    rec_silent(&set);
}

/* Each seventh request waits 40 ms instead of 8 for a server's answer, of so many rows. */
static void add_answers(struct rec_set *set, uint64_t rows)
{
    rec_set_init(set, "GET", "/x");
    uint32_t sql = rec_sql(set, "SELECT name FROM posts WHERE id < ?", HP_ENGINE_POSTGRESQL);
    for (int i = 0; i < 35; i++) {
        struct rec *rec = rec_begin(set);
        double takes = i % 7 == 3 ? 40 : 8;
        rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                            .site_sym = set->view,
                                            .site_line = 12,
                                            .t0 = 1,
                                            .exec = takes,
                                            .rows = i % 7 == 3 ? rows : 30});
        rec_end(set, rec, 2 + takes, 2);
        set->samples[set->count - 1].tree = NULL;
    }
}

static void a_statement_that_brings_as_much_as_ever_is_no_tail(void **state)
{
    (void)state;
    struct rec_set set;
    add_answers(&set, 60);
    assert_near(rec_ms(rec_only(&set, HP_FIND_tail_latency)->median_ns), 32, 0.05);
    rec_set_fini(&set);
    add_answers(&set, 33);
    rec_silent(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(part_that_slow_requests_share_is_the_tail),
        cmocka_unit_test(a_call_of_some_requests_is_a_tail_from_where_they_go_on),
        cmocka_unit_test(an_answer_that_takes_longer_at_times_is_nobodys_tail),
        cmocka_unit_test(a_statement_that_waits_for_other_threads_or_a_processor_is_no_tail),
        cmocka_unit_test(a_statement_that_brings_as_much_as_ever_is_no_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
