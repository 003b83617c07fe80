/* test_answer.c -- the report from a store: ranking, sentence, JSON, states; and a comparison of two
 * stretches. */
#include "records_page.h"
#include "records_work.h"

#include "answer/answer.h"
#include "answer/change.h"
#include "store/store.h"
#include "sweep_oom.h"

static struct hp_store *open_store(void)
{
    struct hp_store_config config = {.path = NULL, .mode = HP_STORE_WRITE};
    struct hp_store *store;
    struct hp_errinfo info;
    assert_int_equal(hp_store_open(&config, &store, &info), HP_OK);
    return store;
}

static void put(struct hp_store *store, struct rec_set *set)
{
    struct hp_errinfo info = {0};
    struct hp_process process = {.pid = 7,
                                 .start_ns = 1,
                                 .interpreter = HP_STR("3.12"),
                                 .command = HP_STR("flask"),
                                 .revision = HP_STR("r1"),
                                 .host = HP_STR("here"),
                                 .started = set->count,
                                 .finished = set->count,
                                 .pushed = set->count,
                                 .stored = set->count};
    assert_int_equal(hp_store_begin(store, &info), HP_OK);
    assert_int_equal(hp_store_put_process(store, &process, &info), HP_OK);
    assert_int_equal(
        hp_store_put_source(store, HP_STR("app/profiles.py"),
                            HP_STR("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n    row = find(name)\n"),
                            &info),
        HP_OK);
    for (uint32_t i = 0; i < set->count; i++) {
        struct hp_buf buf;
        hp_buf_init(&buf, (size_t)1 << 20);
        rec_encode(set, i, &buf);
        hp_err err = hp_store_put(store, hp_buf_str(&buf), set->dict, &info);
        if (err != HP_OK) {
            fail_msg("%s", info.text);
        }
        hp_buf_fini(&buf);
    }
    assert_int_equal(hp_store_commit(store, &info), HP_OK);
}

static const struct rec_page slow_page = {.threads = 10,
                                          .thread_ms = 400,
                                          .queries = 40,
                                          .query_ms = 4,
                                          .around_ms = 1,
                                          .view_ms = 4,
                                          .cpu_share = 1};

/* Twelve slow requests and then `after` fast ones of `fast`. */
static uint64_t fill(struct rec_set *set, struct rec_page fast, unsigned after)
{
    uint64_t boundary = 0;
    rec_set_init(set, "GET", "/settings");
    for (unsigned i = 0; i < 12 + after; i++) {
        struct rec_page page = i < 12 ? slow_page : fast;
        page.view_ms += 0.1 * (i % 4);
        rec_add_page(set, page);
        if (i == 12) {
            boundary = set->requests[i].record.req.start_wall_ns;
        }
    }
    return boundary;
}

static bool has(const struct hp_buf *buf, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= buf->len; i++) {
        if (memcmp(buf->data + i, text, n) == 0) {
            return true;
        }
    }
    return false;
}

static void assert_has(const struct hp_buf *buf, const char *text)
{
    if (!has(buf, text)) {
        fail_msg("not there: %s\nin: %.*s", text, (int)buf->len, (const char *)buf->data);
    }
}

static struct hp_answer load(struct hp_store *store, struct hp_arena *arena, struct hp_scope scope)
{
    struct hp_answer_options options = {.scope = scope, .keep_states = true, .now_ns = 5};
    struct hp_answer answer;
    struct hp_errinfo info = {0};
    if (hp_answer_load(store, &options, arena, &answer, &info) != HP_OK) {
        fail_msg("%s", info.text);
    }
    return answer;
}

static void report_ranks_by_cost_and_says_it_in_a_sentence(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_arena arena;
    struct hp_buf json, text;
    struct hp_store *store = open_store();
    hp_arena_init(&arena, (size_t)512 << 20);
    hp_buf_init(&json, (size_t)1 << 20);
    hp_buf_init(&text, (size_t)1 << 20);
    fill(&set, slow_page, 0);
    put(store, &set);
    struct hp_answer answer = load(store, &arena, (struct hp_scope){.newest_revision = true});
    assert_int_equal(answer.finding_count, 2);
    assert_int_equal(answer.findings[0].finding.kind, HP_FIND_thread_churn);
    assert_int_equal(answer.findings[1].finding.kind, HP_FIND_n_plus_one);
    assert_int_equal(answer.findings[0].requests, 12);
    assert_int_equal(answer.findings[0].example_count, 5);
    assert_int_equal(hp_answer_json(&answer, true, &json), HP_OK);
    assert_has(&json, "\"kind\": \"n_plus_one\"");
    assert_has(&json, "\"revision\": \"r1\"");
    assert_has(&json, "\"state\": \"new\"");
    assert_has(&json, "row = find(name)");
    assert_has(&json, "\"not_checked\": []");
    hp_answer_text(&answer, 100, &text);
    assert_int_equal(text.err, HP_OK);
    assert_has(&text, "10 threads, one per item, app/history.py:25;");
    assert_has(&text, "the same SELECT on settings 40 times,");
    assert_has(&text, "fixing both: about");
    assert_has(&text, "after fixing 1 and 2 about");
    struct hp_answer again = load(store, &arena, (struct hp_scope){.newest_revision = true});
    assert_int_equal(again.findings[0].state, HP_STATE_OPEN);
    hp_buf_fini(&json);
    hp_buf_fini(&text);
    hp_arena_fini(&arena);
    rec_set_fini(&set);
    assert_int_equal(hp_store_close(store), HP_OK);
}

/* 30 of 32 ms in one call of a library: nothing to mend that a rule would know. */
static void slow_route_without_a_finding_is_told_by_its_line(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_arena arena;
    struct hp_buf text;
    struct hp_store *store = open_store();
    hp_arena_init(&arena, (size_t)64 << 20);
    hp_buf_init(&text, (size_t)1 << 20);
    rec_set_init(&set, "GET", "/chart");
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        (void)rec_work_lib(&set, rec, rec_work_page(&set, rec), "plot/core.py", "scatter", 12, 1, 30);
        rec_work_end(&set, rec, 30);
    }
    put(store, &set);
    struct hp_answer answer = load(store, &arena, (struct hp_scope){.newest_revision = true});
    assert_int_equal(answer.finding_count, 0);
    hp_answer_text(&answer, 200, &text);
    assert_has(&text, "No finding in 1 route: nothing of the kinds checked is worth fixing.\n");
    assert_has(&text,
               "What is left (no cause of the kinds checked above 2 %)\n  GET /chart 31.2 ms: 96 % is at "
               "app/views.py:12 in page, which calls scatter\n");
    hp_buf_fini(&text);
    hp_arena_fini(&arena);
    rec_set_fini(&set);
    assert_int_equal(hp_store_close(store), HP_OK);
}

static void empty_store_gives_an_empty_report(void **state)
{
    (void)state;
    struct hp_arena arena;
    struct hp_buf json;
    struct hp_store *store = open_store();
    hp_arena_init(&arena, (size_t)64 << 20);
    hp_buf_init(&json, (size_t)1 << 20);
    struct hp_answer answer = load(store, &arena, (struct hp_scope){0});
    assert_int_equal(hp_answer_json(&answer, false, &json), HP_OK);
    assert_has(&json, "\"findings\":[]");
    hp_buf_fini(&json);
    hp_arena_fini(&arena);
    assert_int_equal(hp_store_close(store), HP_OK);
}

struct compared {
    struct rec_set set;
    struct hp_arena arena;
    struct hp_store *store;
    struct hp_change change;
};

/* `status`: of the answers after. */
static void compare_answering(struct compared *c, struct rec_page fast, unsigned after, uint16_t status)
{
    struct hp_errinfo info = {0};
    c->store = open_store();
    hp_arena_init(&c->arena, (size_t)512 << 20);
    uint64_t boundary = fill(&c->set, fast, after);
    for (uint32_t i = 0; i < c->set.count; i++) {
        struct hp_request *request = &c->set.requests[i].record.req;
        request->status = request->start_wall_ns < boundary ? 200 : status;
    }
    put(c->store, &c->set);
    struct hp_change_options options = {.before = {.to_ns = boundary},
                                        .after = {.from_ns = boundary},
                                        .before_name = HP_STR("before"),
                                        .after_name = HP_STR("after"),
                                        .keep_states = true,
                                        .now_ns = 9};
    if (hp_change_load(c->store, &options, &c->arena, &c->change, &info) != HP_OK) {
        fail_msg("%s", info.text);
    }
}

static void compare(struct compared *c, struct rec_page fast, unsigned after)
{
    compare_answering(c, fast, after, 200);
}

static void compared_fini(struct compared *c)
{
    hp_arena_fini(&c->arena);
    rec_set_fini(&c->set);
    assert_int_equal(hp_store_close(c->store), HP_OK);
}

static double ratio(const struct hp_change_finding *f)
{
    return f->measured.value / (double)f->finding.median_ns;
}

static void nothing_is_fixed_where_other_answers_come(void **state)
{
    (void)state;
    for (int failing = 0; failing < 2; failing++) {
        struct compared c;
        struct hp_buf text, json;
        compare_answering(&c, (struct rec_page){.view_ms = 4, .cpu_share = 1}, 20, failing ? 500 : 200);
        hp_buf_init(&text, (size_t)1 << 20);
        hp_buf_init(&json, (size_t)1 << 20);
        hp_change_text(&c.change, &text);
        assert_int_equal(hp_change_json(&c.change, true, &json), HP_OK);
        assert_int_equal(c.change.findings[0].state, failing ? HP_STATE_OPEN : HP_STATE_FIXED);
        assert_int_equal(has(&text, "it answered 200 before and answers 500"), failing);
        assert_int_equal(has(&json, "\"status_after\": 500"), failing);
        hp_buf_fini(&json);
        hp_buf_fini(&text);
        compared_fini(&c);
    }
}

static void both_fixed_are_measured_as_predicted(void **state)
{
    (void)state;
    struct compared c;
    struct hp_buf out;
    /* one query for all, with its rows */
    compare(&c, (struct rec_page){.queries = 1, .query_ms = 5, .around_ms = 4, .view_ms = 4, .cpu_share = 1},
            20);
    assert_int_equal(c.change.finding_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(c.change.findings[i].state, HP_STATE_FIXED);
        assert_true(ratio(&c.change.findings[i]) > 0.9 && ratio(&c.change.findings[i]) < 1.1);
        assert_true(c.change.findings[i].measured.low > 0);
    }
    assert_true(c.change.routes[0].changed);
    hp_buf_init(&out, (size_t)1 << 20);
    assert_int_equal(hp_change_json(&c.change, true, &out), HP_OK);
    assert_has(&out, "\"state\": \"fixed\"");
    hp_buf_reset(&out);
    hp_change_text(&c.change, &out);
    assert_has(&out, "times faster");
    hp_buf_fini(&out);
    /* a report about the time before the repair leaves it fixed */
    struct hp_scope before = {.to_ns = c.change.options.before.to_ns};
    struct hp_finding_state fixed = {
        .id = c.change.findings[0].finding.id, .state = HP_STATE_FIXED, .last_ns = before.to_ns};
    struct hp_errinfo info;
    assert_int_equal(hp_store_set_finding(c.store, &fixed, &info), HP_OK);
    struct hp_answer answer = load(c.store, &c.arena, before);
    assert_int_equal(answer.findings[0].state, HP_STATE_FIXED);
    /* what is found in a request after the repair has returned */
    fixed.last_ns = 9;
    assert_int_equal(hp_store_set_finding(c.store, &fixed, &info), HP_OK);
    answer = load(c.store, &c.arena, before);
    assert_int_equal(answer.findings[0].state, HP_STATE_RETURNED);
    compared_fini(&c);
}

static void one_fixed_leaves_the_other_open_at_about_zero(void **state)
{
    (void)state;
    struct compared c;
    struct rec_page half = slow_page;
    half.threads = 0;
    compare(&c, half, 20);
    assert_int_equal(c.change.finding_count, 2);
    assert_int_equal(c.change.findings[0].finding.kind, HP_FIND_thread_churn);
    assert_int_equal(c.change.findings[0].state, HP_STATE_FIXED);
    assert_int_equal(c.change.findings[1].state, HP_STATE_OPEN);
    assert_true(ratio(&c.change.findings[1]) < 0.02 && ratio(&c.change.findings[1]) > -0.02);
    compared_fini(&c);
}

static void new_cause_is_new_and_trips_the_gate(void **state)
{
    (void)state;
    struct compared c;
    struct hp_gate gate;
    struct rec_page worse = slow_page;
    worse.hot_ms = 300;
    compare(&c, worse, 20);
    assert_int_equal(c.change.finding_count, 3);
    assert_int_equal(c.change.findings[2].finding.kind, HP_FIND_hot_function);
    assert_int_equal(c.change.findings[2].state, HP_STATE_NEW);
    assert_int_equal(hp_gate_parse(HP_STR("new-finding"), &gate, NULL), HP_OK);
    assert_true(hp_change_fails(&c.change, &gate, NULL));
    assert_int_equal(hp_gate_parse(HP_STR("p95>10%"), &gate, NULL), HP_OK);
    assert_true(hp_change_fails(&c.change, &gate, NULL));
    compared_fini(&c);
}

static void few_requests_are_not_enough_data(void **state)
{
    (void)state;
    struct compared c;
    struct hp_buf out;
    compare(&c, (struct rec_page){.view_ms = 4, .cpu_share = 1}, 5);
    assert_false(c.change.routes[0].enough);
    assert_false(c.change.routes[0].changed);
    hp_buf_init(&out, (size_t)1 << 20);
    hp_change_text(&c.change, &out);
    assert_has(&out, "not enough data");
    hp_buf_fini(&out);
    compared_fini(&c);
}

static void sweep_load(void *arg)
{
    struct hp_store *store = arg;
    struct hp_answer_options options = {.now_ns = 5};
    struct hp_answer answer;
    struct hp_arena arena;
    struct hp_errinfo info;
    hp_arena_init(&arena, (size_t)512 << 20);
    hp_err err = hp_answer_load(store, &options, &arena, &answer, &info);
    assert_true(err == HP_OK || err == HP_ENOMEM);
    hp_arena_fini(&arena);
}

static void out_of_memory_while_loading_leaves_nothing_behind(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_store *store = open_store();
    rec_set_init(&set, "GET", "/settings");
    for (int i = 0; i < 2; i++) {
        rec_add_page(
            &set,
            (struct rec_page){
                .threads = 3, .thread_ms = 30, .queries = 4, .query_ms = 4, .view_ms = 1, .cpu_share = 1});
    }
    put(store, &set);
    sweep_load(store); /* the handle's own words and caches are there from now on */
    hp_sweep_oom(sweep_load, store);
    rec_set_fini(&set);
    assert_int_equal(hp_store_close(store), HP_OK);
}

static uint32_t count_text(const struct hp_buf *buf, const char *text)
{
    size_t length = strlen(text);
    uint32_t n = 0;
    for (size_t i = 0; i + length <= buf->len; i++) {
        n += memcmp(buf->data + i, text, length) == 0;
    }
    return n;
}

/* 0.6 ms of a request: too little beside a route that takes most of all time, however narrow the question. */
static void what_is_too_little_in_all_is_so_in_one_route(void **state)
{
    (void)state;
    struct rec_page page = {.queries = 4, .query_ms = 0.1, .around_ms = 0.1, .view_ms = 4, .cpu_share = 1};
    struct hp_scope one = {.newest_revision = true, .route = HP_STR("GET /little")};
    for (unsigned beside = 0; beside < 2; beside++) {
        struct rec_set slow, little;
        struct hp_arena arena;
        struct hp_store *store = open_store();
        hp_arena_init(&arena, (size_t)512 << 20);
        fill(&slow, slow_page, 0);
        rec_set_init(&little, "GET", "/little");
        for (unsigned i = 0; i < 12; i++) {
            rec_add_page(&little, page);
        }
        put(store, &little);
        if (beside != 0) {
            put(store, &slow);
        }
        assert_int_equal(load(store, &arena, one).finding_count, beside == 0 ? 1 : 0);
        hp_arena_fini(&arena);
        rec_set_fini(&slow);
        rec_set_fini(&little);
        assert_int_equal(hp_store_close(store), HP_OK);
    }
}

static void one_cause_on_two_routes_is_told_once_with_both(void **state)
{
    (void)state;
    struct rec_set set, other;
    struct hp_arena arena;
    struct hp_buf json, text;
    struct hp_store *store = open_store();
    hp_arena_init(&arena, (size_t)512 << 20);
    hp_buf_init(&json, (size_t)1 << 20);
    hp_buf_init(&text, (size_t)1 << 20);
    fill(&set, slow_page, 0);
    put(store, &set);
    rec_set_init(&other, "GET", "/again");
    for (int i = 0; i < 12; i++) {
        struct rec_page page = slow_page;
        page.threads = 0;
        rec_add_page(&other, page);
    }
    put(store, &other);
    struct hp_answer answer = load(store, &arena, (struct hp_scope){.newest_revision = true});
    assert_int_equal(answer.finding_count, 3);
    uint32_t first = 0, second = 0;
    for (uint32_t i = 0; i < 3; i++) {
        const struct hp_answer_finding *finding = &answer.findings[i];
        if (finding->finding.kind == HP_FIND_n_plus_one) {
            *(first == 0 ? &first : &second) = finding->rank;
            assert_int_equal(finding->same, second != 0 ? first : 0);
        } else {
            assert_int_equal(finding->same, 0);
        }
    }
    assert_true(second != 0);
    assert_int_equal(hp_answer_json(&answer, true, &json), HP_OK);
    assert_int_equal(count_text(&json, "\"same_as\": \""), 1);
    assert_int_equal(count_text(&json, "\"kind\": \"n_plus_one\""), 2);
    hp_answer_text(&answer, 100, &text);
    assert_int_equal(count_text(&text, "[n_plus_one, "), 1);
    assert_int_equal(count_text(&text, "   the same on GET /"), 1);
    hp_buf_fini(&json);
    hp_buf_fini(&text);
    hp_arena_fini(&arena);
    rec_set_fini(&set);
    rec_set_fini(&other);
    assert_int_equal(hp_store_close(store), HP_OK);
}

/* Each request leaves so many blocks of 100 bytes; the process grows meanwhile. */
static void put_keeping(struct hp_store *store, const char *rule, int64_t blocks)
{
    struct rec_set set;
    rec_set_init(&set, "GET", rule);
    for (int i = 0; i < 30; i++) {
        rec_add_page(&set, (struct rec_page){.view_ms = 2, .cpu_share = 1});
        struct hp_request *req = &set.requests[i].record.req;
        req->alloc_bytes = 1000000;
        req->alloc_blocks = 10000;
        req->kept_blocks = blocks;
        req->rss_growth_bytes = blocks > 0 ? 60000 : 0;
    }
    put(store, &set);
    rec_set_fini(&set);
}

static void what_other_routes_give_back_is_not_lost(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct hp_arena arena;
        struct hp_store *store = open_store();
        hp_arena_init(&arena, (size_t)512 << 20);
        put_keeping(store, "/sums", 600);
        put_keeping(store, "/collecting", i == 0 ? 0 : i == 1 ? -300 : -700);
        put_keeping(store, "/little", i == 3 ? 200 : 0); /* of what is given back that comes first */
        struct hp_answer answer = load(store, &arena, (struct hp_scope){.newest_revision = true});
        assert_int_equal(answer.finding_count, i != 2);
        assert_true(i == 2 || answer.findings[0].finding.kind == HP_FIND_memory_growth);
        hp_arena_fini(&arena);
        assert_int_equal(hp_store_close(store), HP_OK);
    }
}

static void what_a_route_leaves_for_another_to_collect_is_not_a_third_ones(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct hp_arena arena;
        struct hp_store *store = open_store();
        hp_arena_init(&arena, (size_t)512 << 20);
        put_keeping(store, "/drafts", 400);
        put_keeping(store, "/loading", i == 0 ? 800 : 1200);
        put_keeping(store, "/collecting", -800);
        struct hp_answer answer = load(store, &arena, (struct hp_scope){.newest_revision = true});
        assert_int_equal(answer.finding_count, 1);
        struct hp_str route = answer.routes[answer.findings[0].route].name;
        assert_true(hp_str_eq(route, i == 0 ? HP_STR("GET /drafts") : HP_STR("GET /loading")));
        hp_arena_fini(&arena);
        assert_int_equal(hp_store_close(store), HP_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_ranks_by_cost_and_says_it_in_a_sentence),
        cmocka_unit_test(slow_route_without_a_finding_is_told_by_its_line),
        cmocka_unit_test(empty_store_gives_an_empty_report),
        cmocka_unit_test(nothing_is_fixed_where_other_answers_come),
        cmocka_unit_test(both_fixed_are_measured_as_predicted),
        cmocka_unit_test(one_fixed_leaves_the_other_open_at_about_zero),
        cmocka_unit_test(new_cause_is_new_and_trips_the_gate),
        cmocka_unit_test(few_requests_are_not_enough_data),
        cmocka_unit_test(what_is_too_little_in_all_is_so_in_one_route),
        cmocka_unit_test(one_cause_on_two_routes_is_told_once_with_both),
        cmocka_unit_test(what_other_routes_give_back_is_not_lost),
        cmocka_unit_test(what_a_route_leaves_for_another_to_collect_is_not_a_third_ones),
        cmocka_unit_test(out_of_memory_while_loading_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
