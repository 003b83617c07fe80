/* test_missing_index.c -- the rule fires with a plan that scans much for little, and not otherwise; and what slow_query takes from a plan. */
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

struct listing { /* a route that runs this statement alone, 9 ms, and the plan's nodes */
    const char *text, *nodes;
    uint64_t rows;
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
                                            .exec = 9 + 0.01 * i,
                                            .rows = listing.rows,
                                            .params = i + 1});
        rec_end(&set, rec, 11, 2);
    }
    struct hp_case c = rec_case(&set);
    snprintf(text, sizeof text, "{\"engine\":\"mariadb\",\"nodes\":%s,\"tables\":[]}", listing.nodes);
    assert_int_equal(hp_plan_read(hp_str_from0(text), &set.arena, &plan, NULL), HP_OK);
    kept = (struct hp_case_plan){sql, &plan};
    c.plans = &kept;
    c.plan_count = 1;
    struct hp_find_result r = run(&set, &c);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        const struct hp_finding *finding = &r.findings.list[i];
        if (finding->kind == HP_FIND_slow_query) {
            n++;
            assert_non_null(strstr(finding->advice.p, "57,500 rows"));
            assert_true(finding->median_ns > 8600000 && finding->median_ns < 8800000); /* down to 0.3 ms */
        }
    }
    rec_set_fini(&set);
    return n;
}

static void rows_that_are_skipped_are_read_too(void **state)
{
    (void)state;
    assert_int_equal(
        slow_queries((struct listing){"SELECT id, path FROM visit ORDER BY id LIMIT ?, ?", one_table, 25}),
        1);
    assert_int_equal(slow_queries((struct listing){"SELECT id, path FROM visit ORDER BY id LIMIT ? OFFSET ?",
                                                   one_table, 25}),
                     1);
}

static void what_is_looked_for_sorted_or_counted_is_not_skipped(void **state)
{
    static const char sorted[] = "[{\"operation\":\"filesort\",\"sort\":true},{\"operation\":"
                                 "\"scan\",\"table\":\"visit\",\"access\":\"scan\",\"scanned\":57525}]";
    (void)state;
    const struct listing silent[] = {
        {"SELECT id, path FROM visit ORDER BY id LIMIT ?", one_table, 25},
        {"SELECT id FROM visit WHERE path = ? ORDER BY id LIMIT ? OFFSET ?", one_table, 25},
        {"SELECT path, count(*) FROM visit GROUP BY path LIMIT ?, ?", one_table, 25},
        {"SELECT count(*) FROM visit LIMIT ? OFFSET ?", one_table, 1},
        {"SELECT id, path FROM visit ORDER BY id LIMIT ?, ?", one_table, 40000},
        {"SELECT id, path FROM visit ORDER BY path LIMIT ?, ?", sorted, 25}};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        assert_int_equal(slow_queries(silent[i]), 0);
    }
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
        cmocka_unit_test(what_costs_nothing_is_not_told),
        cmocka_unit_test(without_memory_it_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
