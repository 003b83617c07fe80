/* test_connection_files.c -- a database in a file that is opened for each question; and what goes with the
 * question that another finding does away with. */
#include "records.h"

#include <stdio.h>

#include "find/find.h"
#include "sweep_oom.h"

#define REQUESTS 8u

struct desk { /* a request that asks `count` things through helper() */
    uint32_t count;
    double open_ms, first_ms, view_ms;
    bool one_connection, other_engine, same_statement;
    double pragma_ms;  /* not 0: each connection is told something first, which takes so long */
    uint64_t look_ups; /* for each question, in a helper of their own */
};

static void ask(struct rec_set *set, struct rec *rec, const struct desk *desk, uint32_t helper, uint32_t node,
                uint32_t i, double at)
{
    char text[64];
    (void)snprintf(text, sizeof text, "SELECT max(c%u) FROM t", desk->same_statement ? 0 : i);
    rec_add_stmt(
        rec, (struct rec_stmt){.statement = rec_sql(
                                   set, text, desk->other_engine ? HP_ENGINE_POSTGRESQL : HP_ENGINE_SQLITE),
                               .node = node,
                               .site_sym = helper,
                               .site_line = 21,
                               .t0 = at + desk->open_ms,
                               .exec = desk->first_ms,
                               .params = i + 1,
                               .rows = 1});
    uint32_t conn = desk->one_connection ? 1 : i + 1;
    rec->record.stmts[rec->record.stmt_count - 1].conn = conn;
    if (desk->pragma_ms > 0) {
        rec_add_stmt(
            rec, (struct rec_stmt){.statement = rec_sql(set, "PRAGMA foreign_keys = ON", HP_ENGINE_SQLITE),
                                   .node = node,
                                   .site_sym = helper,
                                   .site_line = 20,
                                   .t0 = at,
                                   .exec = desk->pragma_ms});
        rec->record.stmts[rec->record.stmt_count - 1].conn = conn;
        struct hp_stmt pragma = rec->record.stmts[rec->record.stmt_count - 1];
        rec->record.stmts[rec->record.stmt_count - 1] = rec->record.stmts[rec->record.stmt_count - 2];
        rec->record.stmts[rec->record.stmt_count - 2] = pragma;
    }
    if (!desk->one_connection || i == 0) {
        rec->record.steps[rec->record.step_count++] = (struct hp_step){.t0_ns = rec_ns(at),
                                                                       .ns = rec_ns(desk->open_ms),
                                                                       .conn = conn,
                                                                       .site_sym = helper,
                                                                       .site_line = 20,
                                                                       .kind = HP_DB_CONNECT};
    }
}

static void make(struct rec_set *set, struct desk desk)
{
    rec_set_init(set, "GET", "/desk");
    uint32_t helper = rec_sym(set, "app/desk.py", "answer", 19, REC_APP);
    for (uint32_t r = 0; r < REQUESTS; r++) {
        struct rec *rec = rec_begin(set);
        double at = 1, each = desk.open_ms + desk.first_ms + 0.01 * r;
        rec->record.steps = rec_zeroed(set, desk.count * sizeof *rec->record.steps);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set->view, 5, 1, desk.view_ms);
        uint32_t node = rec_node(rec, view, helper, 14, desk.count, each * desk.count);
        for (uint32_t i = 0; i < desk.count; i++, at += each) {
            ask(set, rec, &desk, helper, node, i, at);
        }
        if (desk.look_ups != 0) {
            uint32_t which = rec_sym(set, "app/desk.py", "which", 30, REC_APP);
            uint32_t proxy = rec_sym(set, "werkzeug/local.py", "LocalProxy.__getattr__", 300, REC_LIB);
            uint32_t below = rec_node(rec, node, which, 20, desk.count, 0.1);
            rec_node(rec, below, proxy, 31, desk.count * desk.look_ups, 4);
            at += 4.1;
        }
        rec_end(set, rec, desk.view_ms + at, desk.view_ms + at);
    }
}

static uint32_t count_kind(struct rec_set *set, enum hp_finding_kind kind, const struct hp_finding **found)
{
    struct hp_find_result result;
    struct hp_case c = rec_case(set);
    uint32_t n = 0;
    assert_int_equal(hp_find_run(&c, &set->arena, &result), HP_OK);
    for (uint32_t i = 0; i < result.findings.count; i++) {
        if (result.findings.list[i].kind == kind) {
            n++;
            *found = &result.findings.list[i];
        }
    }
    return n;
}

static void a_file_opened_for_each_question_is_told_at_the_line_that_opens(void **state)
{
    (void)state;
    struct rec_set set;
    const struct hp_finding *finding = NULL;
    make(&set, (struct desk){.count = 30, .open_ms = 0.05, .first_ms = 0.35, .view_ms = 4});
    assert_int_equal(count_kind(&set, HP_FIND_connection_churn, &finding), 1);
    assert_int_equal(finding->site_line, 20);
    assert_true(finding->median_ns > 11000000 && finding->median_ns < 12000000); /* 29 × 0.4 ms */
    assert_true(finding->low90_ns < finding->median_ns);
    rec_set_fini(&set);
}

static void what_a_connection_is_told_before_its_first_question_is_not_all(void **state)
{
    (void)state;
    struct rec_set set;
    const struct hp_finding *finding = NULL;
    make(&set,
         (struct desk){.count = 30, .open_ms = 0.05, .first_ms = 0.35, .view_ms = 4, .pragma_ms = 0.01});
    assert_int_equal(count_kind(&set, HP_FIND_connection_churn, &finding), 1);
    assert_true(finding->median_ns > 11000000);
    rec_set_fini(&set);
}

static void openings_that_cost_more_than_the_questions_are_the_cause_also_of_the_same_question(void **state)
{
    (void)state;
    struct rec_set set;
    const struct hp_finding *finding = NULL;
    struct desk desk = {.count = 8, .open_ms = 0.9, .first_ms = 0.4, .view_ms = 4, .same_statement = true};
    make(&set, desk);
    assert_int_equal(count_kind(&set, HP_FIND_connection_churn, &finding), 1);
    assert_true(finding->median_ns > 9000000 && finding->median_ns < 9200000); /* 7 × 1.3 ms */
    assert_int_equal(count_kind(&set, HP_FIND_n_plus_one, &finding), 0);
    rec_set_fini(&set);
    desk.open_ms = 0.3;
    make(&set, desk);
    assert_int_equal(count_kind(&set, HP_FIND_connection_churn, &finding), 0);
    assert_int_equal(count_kind(&set, HP_FIND_n_plus_one, &finding), 1);
    rec_set_fini(&set);
}

static void slow_questions_are_not_put_down_to_the_opening(void **state)
{
    (void)state;
    struct rec_set set;
    const struct hp_finding *finding = NULL;
    make(&set, (struct desk){.count = 4, .open_ms = 0.05, .first_ms = 60, .view_ms = 4});
    if (count_kind(&set, HP_FIND_connection_churn, &finding) != 0) {
        assert_true(finding->median_ns <= 3200000); /* 3 × 1.05 ms */
    }
    rec_set_fini(&set);
}

static void nobody_opens_again_and_again(struct desk desk)
{
    struct rec_set set;
    const struct hp_finding *finding = NULL;
    make(&set, desk);
    assert_int_equal(count_kind(&set, HP_FIND_connection_churn, &finding), 0);
    rec_set_fini(&set);
}

static void one_connection_a_request_or_two_are_a_usual_way_to_work(void **state)
{
    (void)state;
    nobody_opens_again_and_again(
        (struct desk){.count = 30, .open_ms = 0.05, .first_ms = 0.35, .view_ms = 4, .one_connection = true});
    nobody_opens_again_and_again((struct desk){.count = 2, .open_ms = 0.7, .first_ms = 0.7, .view_ms = 4});
    nobody_opens_again_and_again(
        (struct desk){.count = 30, .open_ms = 0.05, .first_ms = 0.35, .view_ms = 4, .other_engine = true});
}

static void with_the_same_statement_again_and_again_that_is_the_cause(void **state)
{
    (void)state;
    nobody_opens_again_and_again(
        (struct desk){.count = 30, .open_ms = 0.05, .first_ms = 0.35, .view_ms = 4, .same_statement = true});
}

static void look_ups_for_a_question_go_with_it(void **state)
{
    (void)state;
    struct rec_set set;
    const struct hp_finding *finding = NULL;
    struct desk desk = {.count = 400,
                        .open_ms = 0,
                        .first_ms = 0.02,
                        .view_ms = 2,
                        .one_connection = true,
                        .same_statement = true,
                        .look_ups = 4};
    make(&set, desk);
    assert_int_equal(count_kind(&set, HP_FIND_n_plus_one, &finding), 1);
    assert_int_equal(count_kind(&set, HP_FIND_attribute_lookup_hot, &finding), 0);
    rec_set_fini(&set);
    desk.same_statement = false; /* nobody does away with different questions */
    make(&set, desk);
    assert_int_equal(count_kind(&set, HP_FIND_n_plus_one, &finding), 0);
    assert_int_equal(count_kind(&set, HP_FIND_attribute_lookup_hot, &finding), 1);
    rec_set_fini(&set);
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, (struct desk){.count = 30, .open_ms = 0.05, .first_ms = 0.35, .view_ms = 4});
    hp_sweep_oom(rec_find_all, &set);
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_opened_for_each_question_is_told_at_the_line_that_opens),
        cmocka_unit_test(what_a_connection_is_told_before_its_first_question_is_not_all),
        cmocka_unit_test(openings_that_cost_more_than_the_questions_are_the_cause_also_of_the_same_question),
        cmocka_unit_test(slow_questions_are_not_put_down_to_the_opening),
        cmocka_unit_test(one_connection_a_request_or_two_are_a_usual_way_to_work),
        cmocka_unit_test(with_the_same_statement_again_and_again_that_is_the_cause),
        cmocka_unit_test(look_ups_for_a_question_go_with_it),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
