/* test_missing_index.c -- the rule fires with a plan that scans much for little, and not otherwise; and what
 * slow_query takes from a plan. */
#include "records_page.h"

#include "find/find.h"
#include "find/plan.h"
#include "sweep_oom.h"

static struct hp_plan plan;
static struct hp_case_plan kept;

/* A kept plan of the page's statement: reads all of `rows` rows by name, which has `distinct` values. */
static struct hp_case with_plan(struct rec_set *set, struct hp_arena *arena, double rows, double distinct,
                                const char *indexes)
{
    struct hp_case c = rec_case(set);
    char text[600];
    snprintf(text, sizeof text,
             "{\"engine\":\"sqlite\",\"nodes\":[{\"operation\":\"SCAN\",\"alias\":\"settings\",\"table\":"
             "\"settings\",\"access\":\"scan\",\"scanned\":%.0f}],\"tables\":[{\"name\":\"settings\","
             "\"rows\":%.0f,"
             "\"columns\":[{\"name\":\"name\",\"type\":\"TEXT\",\"distinct\":%.0f}],\"indexes\":[%s]}]}",
             rows, rows, distinct, indexes);
    if (hp_plan_read(hp_str_from0(text), arena, &plan, NULL) == HP_OK) {
        kept = (struct hp_case_plan){rec_sql(set, REC_SETTING, HP_ENGINE_SQLITE), &plan};
        c.plans = &kept;
        c.plan_count = 1;
    }
    return c;
}

static void make(struct rec_set *set, double query_ms)
{
    rec_set_init(set, "GET", "/settings");
    for (unsigned i = 0; i < 10; i++) {
        rec_add_page(set, (struct rec_page){.queries = 1,
                                            .query_ms = query_ms + 0.01 * i,
                                            .around_ms = 1,
                                            .view_ms = 20,
                                            .cpu_share = 1});
    }
}

static struct hp_find_result run(struct rec_set *set, const struct hp_case *c)
{
    struct hp_find_result result;
    assert_int_equal(hp_find_run(c, &set->arena, &result), HP_OK);
    return result;
}

static void a_scan_for_few_rows_is_a_missing_index_and_not_a_slow_query(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, 80);
    struct hp_case c = with_plan(&set, &set.arena, 50000, 50000, "");
    struct hp_find_result r = run(&set, &c);
    assert_int_equal(r.findings.count, 1);
    const struct hp_finding *finding = &r.findings.list[0];
    assert_int_equal(finding->kind, HP_FIND_missing_index);
    assert_true(strstr(finding->advice.p, "CREATE INDEX settings_name ON settings (name)") ==
                finding->advice.p);
    double saving = (double)finding->median_ns / 1e6;
    assert_true(saving > 77 && saving < 80.2);
    assert_true(finding->low90_ns > 30000000u && finding->low90_ns < finding->median_ns);
    assert_true(finding->high90_ns >= finding->median_ns);
    rec_set_fini(&set);
}

/* As answer.c has it: the plan lies in memory that the next route uses again. */
static void what_it_says_outlives_the_plan(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_arena plans;
    hp_arena_init(&plans, 1 << 20);
    make(&set, 80);
    struct hp_case c = with_plan(&set, &plans, 50000, 50000, "");
    struct hp_find_result r = run(&set, &c);
    hp_arena_reset(&plans);
    memset(hp_arena_alloc(&plans, 30000, 1), 'x', 30000);
    const struct hp_finding *finding = &r.findings.list[0];
    uint32_t texts = 0;
    for (uint32_t i = 0; i < finding->evidence_count; i++) {
        const struct hp_evidence *evidence = &finding->evidence[i];
        bool is_table = strcmp(evidence->key, "table") == 0;
        texts += evidence->is_text;
        assert_true(!is_table || (evidence->text.n == 8 && memcmp(evidence->text.p, "settings", 8) == 0));
        assert_true(!evidence->is_text || memchr(evidence->text.p, 'x', 4) == NULL);
    }
    assert_int_equal(texts, 4);
    hp_arena_fini(&plans);
    rec_set_fini(&set);
}

static struct hp_str evidence_of(const struct hp_finding *finding, const char *key)
{
    for (uint32_t i = 0; i < finding->evidence_count; i++) {
        if (strcmp(finding->evidence[i].key, key) == 0) {
            return finding->evidence[i].text;
        }
    }
    return HP_STR("");
}

static void without_its_evidence_a_slow_query_stays_one_and_quotes_the_plan(void **state)
{
    static const struct {
        double rows, distinct;
        const char *indexes;
    } cases[] = {{500, 500, ""},                                                     /* a small table */
                 {50000, 5, ""},                                                     /* few values */
                 {50000, 50000, "{\"name\":\"i\",\"columns\":[\"name\",\"age\"]}"}}; /* it is there */
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rec_set set;
        make(&set, 80);
        struct hp_case c = with_plan(&set, &set.arena, cases[i].rows, cases[i].distinct, cases[i].indexes);
        struct hp_find_result r = run(&set, &c);
        assert_int_equal(r.findings.count, 1);
        assert_int_equal(r.findings.list[0].kind, HP_FIND_slow_query);
        const char *quoted =
            cases[i].rows < 1000 ? "settings: scan (500 rows)" : "settings: scan (50,000 rows)";
        assert_true(hp_str_eq(evidence_of(&r.findings.list[0], "plan"), hp_str_from0(quoted)));
        c.plan_count = 0;
        r = run(&set, &c);
        assert_int_equal(r.findings.list[0].kind, HP_FIND_slow_query);
        assert_int_equal(evidence_of(&r.findings.list[0], "plan").n, 0);
        rec_set_fini(&set);
    }
}

struct listing { /* a route that runs this statement alone, 9 ms or more, and the plan's nodes */
    const char *text, *nodes;
    uint64_t rows;
    double more_ms;
};

static const char one_table[] = "[{\"operation\":\"scan\",\"table\":\"visit\",\"access\":\"index "
                                "scan\",\"index\":\"PRIMARY\",\"scanned\":57525}]";

static uint32_t slow_queries(struct listing listing)
{
    struct rec_set set;
    char text[600];
    uint32_t n = 0;
    rec_set_init(&set, "GET", "/visits");
    uint32_t sql = rec_sql(&set, listing.text, HP_ENGINE_MARIADB);
    for (unsigned i = 0; i < 10; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 5, 1, 10);
        rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                            .node = view,
                                            .site_sym = set.view,
                                            .site_line = 12,
                                            .t0 = 1,
                                            .exec = 9 + listing.more_ms + 0.01 * i,
                                            .rows = listing.rows,
                                            .params = i + 1});
        rec_end(&set, rec, 11 + listing.more_ms, 2);
    }
    struct hp_case c = rec_case(&set);
    snprintf(text, sizeof text,
             "{\"engine\":\"mariadb\",\"nodes\":%s,\"tables\":[{\"name\":\"visit\",\"rows\":57525,"
             "\"columns\":[],\"indexes\":[]}]}",
             listing.nodes);
    assert_int_equal(hp_plan_read(hp_str_from0(text), &set.arena, &plan, NULL), HP_OK);
    kept = (struct hp_case_plan){sql, &plan};
    c.plans = &kept;
    c.plan_count = 1;
    struct hp_find_result r = run(&set, &c);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        const struct hp_finding *finding = &r.findings.list[i];
        if (finding->kind == HP_FIND_slow_query) {
            n++;
            bool skips = listing.more_ms == 0;
            const char *says = strstr(listing.text, "RAND") != NULL ? "by chance"
                               : skips                              ? "57,500 rows"
                                       : "rarely changes"; /* other values each time */
            assert_non_null(strstr(finding->advice.p, says));
            double saving_ms = (double)finding->median_ns / 1e6 - listing.more_ms;
            assert_true(saving_ms > 8.6 && saving_ms < 8.8); /* down to 0.3 ms */
        }
    }
    rec_set_fini(&set);
    return n;
}

static void rows_that_are_skipped_are_read_too(void **state)
{
    (void)state;
    assert_int_equal(
        slow_queries((struct listing){"SELECT id, path FROM visit ORDER BY id LIMIT ?, ?", one_table, 25, 0}),
        1);
    assert_int_equal(slow_queries((struct listing){"SELECT id, path FROM visit ORDER BY id LIMIT ? OFFSET ?",
                                                   one_table, 25, 0}),
                     1);
}

static void what_is_looked_for_sorted_or_counted_is_not_skipped(void **state)
{
    static const char sorted[] = "[{\"operation\":\"filesort\",\"sort\":true},{\"operation\":"
                                 "\"scan\",\"table\":\"visit\",\"access\":\"scan\",\"scanned\":57525}]";
    (void)state;
    const struct listing silent[] = {
        {"SELECT id, path FROM visit ORDER BY id LIMIT ?", one_table, 25, 0},
        {"SELECT id FROM visit WHERE path = ? ORDER BY id LIMIT ? OFFSET ?", one_table, 25, 0},
        {"SELECT path, count(*) FROM visit GROUP BY path LIMIT ?, ?", one_table, 25, 0},
        {"SELECT count(*) FROM visit LIMIT ? OFFSET ?", one_table, 1, 0},
        {"SELECT id, path FROM visit ORDER BY id LIMIT ?, ?", one_table, 40000, 0},
        {"SELECT id, path FROM visit ORDER BY path LIMIT ?, ?", sorted, 25, 0}};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        assert_int_equal(slow_queries(silent[i]), 0);
    }
}

static void rows_that_are_all_sorted_for_a_few_of_them_are_too_many(void **state)
{
    static const char sorted[] = "[{\"operation\":\"filesort\",\"sort\":true},{\"operation\":"
                                 "\"scan\",\"table\":\"visit\",\"access\":\"scan\",\"scanned\":57525}]";
    static const char newest[] = "SELECT DISTINCT ON (path) path, at FROM visit ORDER BY path, at DESC";
    (void)state;
    assert_int_equal(slow_queries((struct listing){newest, sorted, 150, 6}), 1);
    assert_int_equal(slow_queries((struct listing){newest, one_table, 150, 6}), 1);
    assert_int_equal(
        slow_queries((struct listing){"SELECT path FROM visit WHERE a = b ORDER BY at", sorted, 150, 6}), 1);
    /* By chance from less on: no index has that order. */
    assert_int_equal(
        slow_queries((struct listing){"SELECT path FROM visit ORDER BY RAND() LIMIT ?", sorted, 25, 0}), 1);
    const struct listing silent[] = {
        {newest, sorted, 150, 0},
        {newest, sorted, 40000, 6},
        {"SELECT path FROM visit WHERE a = b", one_table, 150, 6},
        {"SELECT path, count(*) FROM visit GROUP BY path ORDER BY path", sorted, 150, 6},
        {"SELECT path, count(*) FROM visit WHERE year(at) = ? GROUP BY path ORDER BY path", sorted, 150, 6}};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        assert_int_equal(slow_queries(silent[i]), 0);
    }
}

/* Beside a look-up of 0.5 ms a statement of 16 ms that adds something up. */
struct sum {
    const char *text, *nodes;
    double rows; /* of the table */
    const char *page;
};

static const char all_visits[] =
    "[{\"operation\":\"scan\",\"table\":\"visit\",\"access\":\"scan\",\"scanned\":30000}]";

static struct hp_str slow_sum(struct rec_set *set, struct sum sum)
{
    char text[700];
    rec_set_init(set, "GET", "/months");
    uint32_t sql = rec_sql(set, sum.text, HP_ENGINE_MARIADB);
    uint32_t other =
        rec_sql(set, sum.page != NULL ? sum.page : "SELECT name FROM street WHERE id = ?", HP_ENGINE_MARIADB);
    for (unsigned i = 0; i < 10; i++) {
        struct rec *rec = rec_begin(set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set->view, 5, 1, 18);
        struct rec_stmt one = {.statement = sql,
                               .node = view,
                               .site_sym = set->view,
                               .site_line = 12,
                               .t0 = 1,
                               .exec = 16,
                               .rows = 24,
                               .params = 3};
        rec_add_stmt(rec, one);
        one.statement = other;
        one.t0 = 17.1;
        one.exec = 0.5;
        rec_add_stmt(rec, one);
        rec_end(set, rec, 19, 2);
    }
    struct hp_case c = rec_case(set);
    snprintf(
        text, sizeof text,
        "{\"engine\":\"mariadb\",\"nodes\":%s,\"tables\":[{\"name\":\"visit\",\"rows\":%.0f,\"columns\":[]"
        ",\"indexes\":[]}]}",
        sum.nodes, sum.rows);
    assert_int_equal(hp_plan_read(hp_str_from0(text), &set->arena, &plan, NULL), HP_OK);
    kept = (struct hp_case_plan){sql, &plan};
    c.plans = &kept;
    c.plan_count = 1;
    struct hp_find_result r = run(set, &c);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        if (r.findings.list[i].kind == HP_FIND_slow_query) {
            return r.findings.list[i].advice;
        }
    }
    return HP_STR("");
}

static void adding_up_rows_that_have_to_be_read_is_no_slow_query(void **state)
{
    (void)state;
    static const char looked_up[] = "[{\"operation\":\"scan\",\"table\":\"visit\",\"access\":\"scan\","
                                    "\"scanned\":30000,\"repeated\":true}]";
    static const char months[] = "SELECT month, sum(n) FROM visit WHERE day BETWEEN ? AND ? GROUP BY month";
    const struct {
        struct sum sum;
        bool told;
    } cases[] = {
        {{months, all_visits, 30000, NULL}, false},
        {{"SELECT count(*) FROM visit WHERE kind = ?", all_visits, 30000, NULL}, false},
        {{"SELECT avg(n) FROM (SELECT n FROM visit) AS v", all_visits, 30000, NULL}, false},
        {{months, all_visits, 900, NULL}, true}, /* 900 rows do not take as long */
        {{months, looked_up, 30000, NULL}, true},
        {{"SELECT month, n FROM visit WHERE day BETWEEN ? AND ?", all_visits, 30000, NULL}, true},
        {{"SELECT max(n) FROM visit", all_visits, 30000, NULL}, true},
        {{"SELECT sum(n) FROM visit WHERE year(day) = ?", all_visits, 30000, NULL}, true},
        {{"SELECT sum(n) FROM visit WHERE a = ? OR b = ?", all_visits, 30000, NULL}, true},
        {{"SELECT id, (SELECT count(*) FROM visit) FROM visit", all_visits, 30000, NULL}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rec_set set;
        struct hp_str advice = slow_sum(&set, cases[i].sum);
        assert_int_equal(advice.n != 0, cases[i].told);
        assert_true(advice.n == 0 || strstr(advice.p, "10 of the 10 requests") != NULL);
        rec_set_fini(&set);
    }
}

static void a_long_scan_need_not_be_compared_with_others(void **state)
{
    static const char by_year[] = "SELECT path, sum(n) FROM visit WHERE year(at) = ? GROUP BY path";
    (void)state;
    assert_int_equal(slow_queries((struct listing){by_year, one_table, 150, 26}), 1);
    const struct listing silent[] = {{by_year, one_table, 150, 15},
                                     {"SELECT path, sum(n) FROM visit GROUP BY path", one_table, 150, 26}};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        assert_int_equal(slow_queries(silent[i]), 0);
    }
}

static void an_index_that_the_value_does_not_fit_is_told(void **state)
{
    static const struct {
        double rows, distinct;
        const char *indexes;
        bool told;
    } cases[] = {{40000, 40000, "{\"name\":\"i\",\"columns\":[\"name\"]}", true},
                 {40000, 40000, "{\"name\":\"i\",\"columns\":[\"age\",\"name\"]}", false},
                 {40000, 5, "{\"name\":\"i\",\"columns\":[\"name\"]}", false},
                 {500, 500, "{\"name\":\"i\",\"columns\":[\"name\"]}", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/settings");
        for (unsigned k = 0; k < 10; k++) {
            rec_add_page(&set, (struct rec_page){.queries = 1, .query_ms = 5, .view_ms = 1, .cpu_share = 1});
            struct hp_record *record = &set.requests[k].record; /* half of it no processor was free */
            record->lanes[0].runqueue_ns = record->req.cpu_ns;
        }
        struct hp_case c = with_plan(&set, &set.arena, cases[i].rows, cases[i].distinct, cases[i].indexes);
        struct hp_find_result r = run(&set, &c);
        unsigned told = 0;
        for (uint32_t k = 0; k < r.findings.count; k++) {
            const struct hp_finding *finding = &r.findings.list[k];
            told += finding->kind == HP_FIND_slow_query &&
                    strstr(finding->advice.p, "there is an index on name") != NULL;
        }
        assert_int_equal(told, cases[i].told);
        rec_set_fini(&set);
    }
}

static void a_table_that_is_read_again_for_each_row_is_no_way_to_find_it(void **state)
{
    (void)state;
    static const char places[] = "SELECT p.id, (SELECT count(*) FROM visit o WHERE o.n > p.n) FROM visit p "
                                 "WHERE p.street BETWEEN ? AND ?";
    static const char again[] = "[{\"operation\":\"range\",\"table\":\"visit\",\"alias\":\"p\",\"access\":"
                                "\"index\",\"index\":\"street\"},{\"operation\":\"scan\",\"table\":\"visit\","
                                "\"alias\":\"o\",\"access\":\"scan\",\"scanned\":2500,\"repeated\":true}]";
    static const char once[] = "[{\"operation\":\"scan\",\"table\":\"visit\",\"alias\":\"p\",\"access\":"
                               "\"scan\",\"scanned\":2500}]";
    static const char small[] = "[{\"operation\":\"scan\",\"table\":\"visit\",\"alias\":\"o\",\"access\":"
                                "\"scan\",\"scanned\":200,\"repeated\":true}]";
    assert_int_equal(slow_queries((struct listing){places, again, 150, 5}), 1);
    assert_int_equal(slow_queries((struct listing){places, again, 2, 5}), 0);
    assert_int_equal(slow_queries((struct listing){places, once, 150, 5}), 0);
    assert_int_equal(slow_queries((struct listing){places, small, 150, 5}), 0);
}

static void a_count_of_what_a_page_is_shown_of_need_not_be_made(void **state)
{
    (void)state;
    static const char count[] = "SELECT count(*) FROM (SELECT visit.n FROM visit WHERE visit.kind = ?) AS v";
    struct rec_set set;
    struct hp_str advice = slow_sum(
        &set,
        (struct sum){count, all_visits, 30000,
                     "SELECT visit.id, visit.n FROM visit WHERE visit.kind = ? ORDER BY visit.id LIMIT ?"});
    assert_true(advice.n != 0 && strstr(advice.p, "LIMIT n + 1") != NULL);
    rec_set_fini(&set);
    advice = slow_sum(
        &set,
        (struct sum){count, all_visits, 30000,
                     "SELECT visit.id, visit.n FROM visit WHERE visit.owner = ? ORDER BY visit.id LIMIT ?"});
    assert_int_equal(advice.n, 0);
    rec_set_fini(&set);
}

static void what_costs_nothing_is_not_told(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, 0.2);
    struct hp_case c = with_plan(&set, &set.arena, 50000, 50000, "");
    assert_int_equal(run(&set, &c).findings.count, 0);
    rec_set_fini(&set);
}

static void run_without_memory(void *arg)
{
    struct rec_set *set = arg;
    struct hp_arena arena;
    struct hp_find_result result;
    hp_arena_init(&arena, (size_t)64 << 20);
    struct hp_case c = with_plan(set, &arena, 50000, 50000, "");
    (void)!hp_find_run(&c, &arena, &result);
    hp_arena_fini(&arena);
}

static void without_memory_it_fails_cleanly(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, 80);
    (void)rec_sql(&set, REC_SETTING, HP_ENGINE_SQLITE);
    hp_sweep_oom(run_without_memory, &set);
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scan_for_few_rows_is_a_missing_index_and_not_a_slow_query),
        cmocka_unit_test(what_it_says_outlives_the_plan),
        cmocka_unit_test(without_its_evidence_a_slow_query_stays_one_and_quotes_the_plan),
        cmocka_unit_test(rows_that_are_skipped_are_read_too),
        cmocka_unit_test(what_is_looked_for_sorted_or_counted_is_not_skipped),
        cmocka_unit_test(rows_that_are_all_sorted_for_a_few_of_them_are_too_many),
        cmocka_unit_test(adding_up_rows_that_have_to_be_read_is_no_slow_query),
        cmocka_unit_test(a_long_scan_need_not_be_compared_with_others),
        cmocka_unit_test(an_index_that_the_value_does_not_fit_is_told),
        cmocka_unit_test(a_table_that_is_read_again_for_each_row_is_no_way_to_find_it),
        cmocka_unit_test(a_count_of_what_a_page_is_shown_of_need_not_be_made),
        cmocka_unit_test(what_costs_nothing_is_not_told),
        cmocka_unit_test(without_memory_it_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
