/* test_slow_external.c -- calls that the source says need not be made, here or each time. */
#include <stdio.h>

#include "records.h"

#include "find/find.h"

static struct hp_str source_of(void *ctx, struct hp_str file)
{
    return hp_str_eq(file, HP_STR("app/views.py")) ? hp_str_from0(ctx) : HP_STR("");
}

static uint32_t reads_at = 31; /* the line that waits for the answer */
static double takes = 38;      /* ms, of the call */
static double answered = 38;   /* ms from its begin until the first read ends; the rest arrives while the
                                  application does something else */

static double elsewhere = 50; /* ms */
static double before = 0;     /* ms of before_request; 0: no phases are known */

static uint32_t then = 0; /* server that is asked for 16 ms afterwards; 0: none */

#define MORE_READS 40

static void add_read(struct rec_set *set, struct rec *rec, uint32_t node, uint32_t sym, double t0, double t1)
{
    rec_add_span(set, rec,
                 (struct rec_span){.kind = t0 > 1 ? HP_WAIT_RECV : HP_WAIT_SEND,
                                   .group = 1,
                                   .protocol = HP_PROTOCOL_HTTP,
                                   .peer = 7,
                                   .node = node,
                                   .site_sym = sym,
                                   .site_line = t0 > 1 ? reads_at : 31,
                                   .t0 = t0,
                                   .t1 = t1,
                                   .bytes = 2000});
}

/* page, at line 31 and 11 after another, calls fetch() at line 22, which calls Client.get; more time is
 * spent elsewhere. */
static struct hp_find_result find(struct rec_set *set, const char *fetch, const char *above, const char *page)
{
    static char text[1024];
    struct hp_find_result result;
    rec_set_init(set, "GET", "/x");
    (void)snprintf(
        text, sizeof text,
        "\n\n\n\n\n\n\n\n\ndef page(x):\n    %s\n\n\n\n\n\n\n\n\n\ndef above(x):\n    %s\n\n\n\n\n\n\n\ndef "
        "fetch(path):\n    %s\n",
        page, above, fetch);
    uint32_t up = rec_sym(set, "app/views.py", "above", 21, REC_APP);
    uint32_t helper = rec_sym(set, "app/views.py", "fetch", 30, REC_APP);
    uint32_t get = rec_sym(set, "client.py", "Client.get", 5, REC_LIB);
    for (int r = 0; r < 10; r++) {
        struct rec *rec = rec_begin(set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set->view, 4, 1, 0.1);
        uint32_t node = rec_node(rec, rec_node(rec, view, up, 11, 1, 0.1), helper, 22, 1, 0.1);
        node = rec_node(rec, node, get, 31, 1, takes);
        add_read(set, rec, node, helper, 1, 1.1);
        add_read(set, rec, node, helper, 1.1, 1 + answered);
        for (int i = 1; i <= MORE_READS && answered < takes; i++) {
            double t = 1 + answered + (takes - answered) * i / MORE_READS;
            add_read(set, rec, node, helper, t - 0.01, t);
        }
        if (then != 0) {
            rec_add_span(set, rec,
                         (struct rec_span){.kind = HP_WAIT_SEND,
                                           .group = 2,
                                           .protocol = HP_PROTOCOL_HTTP,
                                           .peer = then,
                                           .node = view,
                                           .site_sym = set->view,
                                           .site_line = 12,
                                           .t0 = takes + 2,
                                           .t1 = takes + 3,
                                           .bytes = 2000});
            rec_add_span(set, rec,
                         (struct rec_span){.kind = HP_WAIT_RECV,
                                           .group = 2,
                                           .protocol = HP_PROTOCOL_HTTP,
                                           .peer = then,
                                           .node = view,
                                           .site_sym = set->view,
                                           .site_line = 12,
                                           .t0 = takes + 3,
                                           .t1 = takes + 18,
                                           .bytes = 2000});
        }
        if (before > 0) {
            uint64_t *phase_ns = rec->record.req.phase_ns;
            memset(phase_ns, 0, sizeof rec->record.req.phase_ns);
            phase_ns[HP_PHASE_BEFORE] = rec_ns(before);
            phase_ns[HP_PHASE_VIEW] = rec_ns(takes + elsewhere + 1 - before);
        }
        rec_end(set, rec, takes + elsewhere + 1, elsewhere);
    }
    struct hp_case c = rec_case(set);
    c.source = source_of;
    c.source_ctx = text;
    assert_int_equal(hp_find_run(&c, &set->arena, &result), HP_OK);
    return result;
}

/* line 0: nothing is told. */
static void expect(const char *fetch, const char *above, const char *page, uint32_t line, const char *reason)
{
    struct rec_set set;
    struct hp_find_result r = find(&set, fetch, above, page);
    uint32_t told = 0;
    for (uint32_t i = 0; i < r.findings.count; i++) {
        const struct hp_finding *finding = &r.findings.list[i];
        if (finding->kind == HP_FIND_slow_external) {
            told++;
            assert_int_equal(finding->site_line, line);
            assert_true(reason != NULL && strstr(finding->advice.p, reason) != NULL);
        }
    }
    assert_int_equal(told, line != 0);
    rec_set_fini(&set);
}

static const char helper[] = "return client.get('GET', HOST + path).text";

static void an_answer_that_nobody_uses_is_told_where_it_is_dropped(void **state)
{
    (void)state;
    static const char reason[] = "does not use the answer";
    takes = answered = 18;
    expect("client.get(HOST + path)", "return fetch(x)", "return above(x)", 31, reason);
    expect(helper, "fetch(f'/mail/{x}')", "above(x)", 22, reason);
    expect(helper, "return fetch(x)", "above(x)", 11, reason);
    expect(helper, "g.user = fetch(x)", "above(x)", 0, NULL);
    expect(helper, "return fetch(x)", "return above(x)", 0, NULL);
    takes = answered = 38;
}

static void the_same_question_each_time_is_told_where_it_is_put(void **state)
{
    (void)state;
    static const char reason[] = "asks the same each time";
    expect("y = client.get(HOST + '/rates')", "return fetch(x)", "return above(x)", 31, reason);
    expect(helper, "return fetch('/token')[:4]", "key = above(x)", 22, reason);
    expect(helper, "y = fetch(x)", "y = above('/token')", 11, reason);
    expect(helper, "y = fetch(g.path)", "y = above('/token')", 0, NULL);
    expect("y = client.get(g.host + path)", "y = fetch('/token')", "y = above(1)", 0, NULL);
    expect("y = client.get()", "y = fetch()", "y = above()", 0, NULL);
    takes = answered = 18; /* such an answer may have to be fresh */
    expect("y = client.get(HOST + '/rates')", "return fetch(x)", "return above(x)", 0, NULL);
    takes = answered = 22;
    expect("y = client.get(HOST + '/rates')", "return fetch(x)", "return above(x)", 31, reason);
    takes = answered = 38;
}

static void what_is_asked_before_the_view_is_not_what_the_page_shows(void **state)
{
    (void)state;
    takes = answered = 22;
    elsewhere = 5;
    expect(helper, "return fetch(x)", "return above(x)", 0, NULL);
    before = 24;
    expect(helper, "return fetch(x)", "return above(x)", 31, "before the view runs");
    before = 2; /* the call is the view's */
    expect(helper, "return fetch(x)", "return above(x)", 0, NULL);
    before = 24;
    elsewhere = 30; /* it is not half of the request */
    expect(helper, "return fetch(x)", "return above(x)", 0, NULL);
    before = 0;
    elsewhere = 50;
    takes = answered = 38;
}

static void what_the_application_does_between_two_reads_is_not_the_other_side(void **state)
{
    (void)state;
    answered = 9;
    expect("y = client.get(HOST + '/rates')", "return fetch(x)", "return above(x)", 0, NULL);
    answered = 37;
    expect("y = client.get(HOST + '/rates')", "return fetch(x)", "return above(x)", 31, "asks the same");
    answered = takes;
}

static void a_line_that_only_connects_or_sends_says_nothing_of_the_answer(void **state)
{
    (void)state;
    reads_at = 32;
    expect("writer.get(HOST + path)", "return fetch(x)", "return above(x)", 0, NULL);
    expect("peer = client.get(HOST, PORT)", "return fetch(x)", "return above(x)", 0, NULL);
    reads_at = 31;
    expect("peer = client.get(HOST, PORT)", "return fetch(x)", "return above(x)", 31, "asks the same");
}

static void whether_it_is_there_the_answer_itself_says(void **state)
{
    (void)state;
    static const char look[] = "found = client.get('HEAD', HOST + path)";
    takes = answered = 20;
    expect(look, "return fetch(x)", "return above(x)", 0, NULL);
    then = 9; /* somebody else */
    expect(look, "return fetch(x)", "return above(x)", 0, NULL);
    then = 7;
    expect(look, "return fetch(x)", "return above(x)", 31, "asks whether there is something");
    expect("found = client.get('GET', HOST + path)", "return fetch(x)", "return above(x)", 0, NULL);
    then = 0;
    takes = answered = 38;
}

/* Lines 11 to 13 of page ask for 12 ms each, by ask() at line 4; returns the line that slow_external tells
 * of, 0: none. */
static uint32_t told_of_three(const char *second, const char *third)
{
    static char text[400];
    struct rec_set set;
    struct hp_find_result r;
    uint32_t line = 0;
    (void)snprintf(
        text, sizeof text,
        "\n\ndef ask(path):\n    return client.get(HOST + path)\n\n\n\n\n\ndef page(x):\n"
        "    key = ask('/token')\n    a = ask(f'/a/{%s}')\n    b = ask(f'/b/{%s}')\n    return a, b\n",
        second, third);
    rec_set_init(&set, "GET", "/x");
    uint32_t ask = rec_sym(&set, "app/views.py", "ask", 3, REC_APP);
    uint32_t get = rec_sym(&set, "client.py", "Client.get", 5, REC_LIB);
    for (int r0 = 0; r0 < 10; r0++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 4, 1, 0.1);
        for (uint32_t k = 0; k < 3; k++) {
            uint32_t node = rec_node(rec, rec_node(rec, view, ask, 11 + k, 1, 0.1), get, 4, 1, 12);
            for (int step = 0; step < 2; step++) {
                double t0 = 1.0 + 13.0 * k + step;
                rec_add_span(&set, rec,
                             (struct rec_span){.kind = step == 0 ? HP_WAIT_SEND : HP_WAIT_RECV,
                                               .group = k + 1,
                                               .protocol = HP_PROTOCOL_HTTP,
                                               .peer = 7,
                                               .node = node,
                                               .site_sym = ask,
                                               .site_line = 4,
                                               .t0 = t0,
                                               .t1 = t0 + (step == 0 ? 1 : 11),
                                               .bytes = 2000});
            }
        }
        rec_end(&set, rec, 42, 4);
    }
    struct hp_case c = rec_case(&set);
    c.source = source_of;
    c.source_ctx = text;
    assert_int_equal(hp_find_run(&c, &set.arena, &r), HP_OK);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        if (r.findings.list[i].kind == HP_FIND_slow_external) {
            line = r.findings.list[i].site_line;
        }
    }
    rec_set_fini(&set);
    return line;
}

static void what_several_others_need_is_asked_for_once(void **state)
{
    (void)state;
    assert_int_equal(told_of_three("key", "key"), 11);
    assert_int_equal(told_of_three("key", "x"), 0);
    assert_int_equal(told_of_three("x", "x"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_nobody_uses_is_told_where_it_is_dropped),
        cmocka_unit_test(the_same_question_each_time_is_told_where_it_is_put),
        cmocka_unit_test(what_is_asked_before_the_view_is_not_what_the_page_shows),
        cmocka_unit_test(what_the_application_does_between_two_reads_is_not_the_other_side),
        cmocka_unit_test(a_line_that_only_connects_or_sends_says_nothing_of_the_answer),
        cmocka_unit_test(what_several_others_need_is_asked_for_once),
        cmocka_unit_test(whether_it_is_there_the_answer_itself_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
