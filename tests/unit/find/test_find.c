/* test_find.c -- each rule where it must fire and where it must be silent, on requests built in memory. */
#include "records_page.h"

#include "find/find.h"
#include "model/fingerprint.h"
#include "sweep_oom.h"

static void make(struct rec_set *set, struct rec_page p, unsigned requests)
{
    rec_set_init(set, "GET", "/settings");
    for (unsigned i = 0; i < requests; i++) {
        struct rec_page varied = p;
        varied.view_ms += 0.05 * (i % 5);
        rec_add_page(set, varied);
    }
}

static void query_per_item_is_priced_with_the_library_around_it(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, (struct rec_page){.queries = 40, .query_ms = 2, .around_ms = 1, .view_ms = 2, .cpu_share = 1},
         12);
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 1);
    const struct hp_finding *finding = &r.findings.list[0];
    assert_int_equal(finding->kind, HP_FIND_n_plus_one);
    assert_string_equal(finding->title.p, "the same SELECT on settings 40 times");
    assert_int_equal(finding->site_line, 15);
    assert_near(rec_ms(finding->median_ns), 39 * (2 + 1), 0.01);
    assert_true(finding->low90_ns < finding->median_ns && finding->high90_ns > finding->median_ns);
    assert_near(rec_ms(r.after_all_ns), rec_ms(r.now_ns) - rec_ms(finding->median_ns), 0.02);
    rec_set_fini(&set);
}

static void a_commit_for_each_row_that_it_writes_is_one_cause(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/made");
    uint32_t sql = rec_sql(&set, "INSERT INTO sample (code) VALUES (?)", HP_ENGINE_SQLITE), journal;
    uint32_t commit = rec_sym(&set, "sqlalchemy/orm/session.py", "Session.commit", 1900, REC_LIB);
    uint32_t sync = rec_sym(&set, "sqlalchemy/engine/default.py", "do_commit", 950, REC_LIB);
    assert_int_equal(hp_dict_add_string(set.dict, HP_STR("/data/shop.db-wal"), &journal), HP_OK);
    for (unsigned r = 0; r < 8; r++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 5, 1, 1);
        uint32_t flush = rec_node(rec, view, commit, 15, 10, 10 * 0.5);
        uint32_t waits = rec_node(rec, flush, sync, 1910, 10, 10 * 4);
        for (unsigned i = 0; i < 10; i++) {
            rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                                .node = flush,
                                                .site_sym = set.view,
                                                .site_line = 15,
                                                .t0 = 1 + 4.5 * i,
                                                .exec = 0.4,
                                                .params = i + 1});
            rec_add_span(&set, rec,
                         (struct rec_span){.kind = HP_WAIT_DISK,
                                           .node = waits,
                                           .peer = journal,
                                           .site_sym = set.view,
                                           .site_line = 15,
                                           .t0 = 1.5 + 4.5 * i,
                                           .t1 = 5.4 + 4.5 * i});
        }
        rec_end(&set, rec, 47, 6);
    }
    struct hp_find_result result = rec_find(&set);
    assert_int_equal(result.findings.count, 1);
    assert_int_equal(result.findings.list[0].kind, HP_FIND_n_plus_one);
    assert_near(rec_ms(result.findings.list[0].median_ns), 9 * 4.5, 0.5);
    rec_set_fini(&set);
}

struct maker {
    const char *file, *name;
    uint32_t line;
    unsigned calls;
    bool asks_application;
};

/* What a query per item of 2 ms, run at line 15, saves with 0.5 ms of another call of that function in it. */
static double saving_with(struct maker maker)
{
    struct rec_set set;
    rec_set_init(&set, "GET", "/made");
    uint32_t sql = rec_sql(&set, REC_SETTING, HP_ENGINE_SQLITE);
    uint32_t runs = rec_sym(&set, "sqlalchemy/orm/query.py", "Query.first", 2795, REC_LIB);
    uint32_t makes = rec_sym(&set, maker.file, maker.name, 100, REC_LIB);
    uint32_t own = rec_sym(&set, "app/models.py", "Setting.named", 7, REC_APP);
    for (unsigned r = 0; r < 8; r++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 5, 1, 15);
        uint32_t made = rec_node(rec, view, makes, maker.line, maker.calls, 0.5 * 20);
        if (maker.asks_application) {
            rec_node(rec, made, own, 101, maker.calls, 0);
        }
        uint32_t run = rec_node(rec, view, runs, 15, 20, 2 * 20);
        for (unsigned i = 0; i < 20; i++) {
            rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                                .node = run,
                                                .site_sym = set.view,
                                                .site_line = 15,
                                                .t0 = 16 + 2.5 * i,
                                                .exec = 2,
                                                .params = i + 1,
                                                .rows = 1});
        }
        rec_end(&set, rec, 66, 66);
    }
    struct hp_find_result r = rec_find(&set);
    assert_true(r.findings.count != 0);
    assert_int_equal(r.findings.list[0].kind, HP_FIND_n_plus_one);
    double saving = rec_ms(r.findings.list[0].median_ns);
    rec_set_fini(&set);
    return saving;
}

static void what_makes_a_statement_goes_with_it(void **state)
{
    (void)state;
    const char *orm = "sqlalchemy/orm/session.py";
    double bare = saving_with((struct maker){"json/encoder.py", "dumps", 15, 20, false});
    assert_near(saving_with((struct maker){orm, "Session.query", 15, 20, false}), bare + 19 * 0.5, 0.02);
    assert_near(saving_with((struct maker){orm, "Session.query", 12, 20, false}), bare + 19 * 0.5, 0.02);
    struct maker others[] = {{orm, "Session.add", 12, 60, false},
                             {orm, "Session.expunge", 15, 60, false},
                             {orm, "Session.query", 17, 20, false},
                             {orm, "Session.query", 5, 20, false},
                             {orm, "Session.query", 15, 20, true}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_near(saving_with(others[i]), bare, 0.02);
    }
}

#define BY_KIND "SELECT name FROM part WHERE kind = ?"

/* 20 queries of 0.05 ms through 0.2 ms of an ORM each. */
static double saving_of_objects(unsigned rows)
{
    struct rec_set set;
    rec_set_init(&set, "GET", "/related");
    uint32_t sql = rec_sql(&set, BY_KIND, HP_ENGINE_SQLITE);
    uint32_t runs = rec_sym(&set, "sqlalchemy/orm/query.py", "Query.all", 2795, REC_LIB);
    for (unsigned r = 0; r < 8; r++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 5, 1, 2);
        uint32_t run = rec_node(rec, view, runs, 15, 20, 0.25 * 20);
        for (unsigned i = 0; i < 20; i++) {
            rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                                .node = run,
                                                .site_sym = set.view,
                                                .site_line = 15,
                                                .t0 = 1 + 0.25 * i,
                                                .exec = 0.05,
                                                .params = i + 1,
                                                .rows = rows});
        }
        rec_end(&set, rec, 7, 7);
    }
    struct hp_find_result r = rec_find(&set);
    assert_true(r.findings.count != 0); /* and what the rows themselves cost, of many */
    assert_int_equal(r.findings.list[0].kind, HP_FIND_n_plus_one);
    double saving = rec_ms(r.findings.list[0].median_ns);
    rec_set_fini(&set);
    return saving;
}

static void objects_have_to_be_made_all_the_same(void **state)
{
    (void)state;
    assert_near(saving_of_objects(1), 19 * (0.25 - 0.005), 0.01);
    assert_near(saving_of_objects(8), 19 * (0.25 - 0.040), 0.01);
    assert_near(saving_of_objects(20), 19 * (0.25 - 0.060), 0.01); /* at most 30 % of the library's time */
}

/* A serialiser that is called once loads something for each of 30 items, 0.2 ms of the ORM's time each, and
 * takes 40 ms for itself; below the view's line, or of a decorator below the framework. */
static struct hp_find_result find_marshalling(struct rec_set *set, unsigned loads, bool decorated)
{
    rec_set_init(set, "GET", "/list");
    uint32_t sql = rec_sql(set, BY_KIND, HP_ENGINE_SQLITE);
    uint32_t wsgi = rec_sym(set, "flask/app.py", "Flask.wsgi_app", 1, REC_FRAMEWORK);
    uint32_t wrapper = rec_sym(set, "marshal/deco.py", "marshal_with.<locals>.wrapper", 9, REC_LIB);
    uint32_t dump = rec_sym(set, "marshal/schema.py", "dump", 20, REC_LIB);
    uint32_t field = rec_sym(set, "marshal/fields.py", "get", 30, REC_LIB);
    uint32_t load = rec_sym(set, "orm/lazy.py", "load", 40, REC_LIB);
    for (unsigned r = 0; r < 8; r++) {
        struct rec *rec = rec_begin(set);
        uint32_t above = rec_node(rec, HP_NODE_ROOT, wsgi, 1, 1, 0.1);
        above = rec_node(rec, above, decorated ? wrapper : set->view, 5, 1, 0.1);
        if (decorated) {
            (void)rec_node(rec, above, set->view, 10, 1, 0.5);
        }
        above = rec_node(rec, rec_node(rec, above, dump, 15, 1, 40), field, 21, 600, 0.1);
        above = rec_node(rec, above, load, 31, loads, loads * (0.2 + 0.05));
        for (unsigned i = 0; i < loads; i++) {
            rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                                .node = above,
                                                .site_sym = set->view,
                                                .site_line = 15,
                                                .t0 = 2 + 0.3 * i,
                                                .exec = 0.05,
                                                .params = i + 1,
                                                .rows = 1});
        }
        rec_end(set, rec, 41 + loads * 0.25, 41 + loads * 0.25);
    }
    return rec_find(set);
}

static void a_serialiser_is_not_what_its_queries_cost(void **state)
{
    (void)state;
    for (int decorated = 0; decorated < 2; decorated++) {
        struct rec_set set;
        struct hp_find_result r = find_marshalling(&set, 30, decorated == 1);
        assert_int_equal(r.findings.count, 1);
        assert_int_equal(r.findings.list[0].kind, HP_FIND_n_plus_one);
        assert_near(rec_ms(r.findings.list[0].median_ns), 29 * (0.25 - 0.005), 0.1);
        rec_set_fini(&set);
    }
}

static void writes_of_one_kind_are_put_together_by_their_kind(void **state)
{
    (void)state;
    static const struct {
        const char *text, *advice;
        enum hp_sql_verb verb;
    } cases[] = {
        {"UPDATE item SET n = ? WHERE id = ?", "one UPDATE for all of them (WHERE id IN", HP_SQL_VERB_UPDATE},
        {"delete from item where id = ?", "one DELETE for all of them (WHERE id IN", HP_SQL_VERB_DELETE},
        {"INSERT INTO item (n) VALUES (?)", "one INSERT with many rows", HP_SQL_VERB_INSERT}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct rec_set set;
        rec_set_init(&set, "POST", "/items");
        struct hp_statement statement = {
            .text = hp_str_from0(cases[k].text), .engine = HP_ENGINE_SQLITE, .verb = (uint8_t)cases[k].verb};
        uint32_t sql;
        assert_int_equal(hp_dict_add_statement(set.dict, &statement, &sql), HP_OK);
        for (unsigned r = 0; r < 8; r++) {
            struct rec *rec = rec_begin(&set);
            uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 5, 1, 15);
            for (unsigned i = 0; i < 30; i++) {
                rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                                    .node = view,
                                                    .site_sym = set.view,
                                                    .site_line = 15,
                                                    .t0 = 1 + 0.42 * i,
                                                    .exec = 0.4,
                                                    .params = i + 1});
            }
            rec_end(&set, rec, 15, 15);
        }
        const struct hp_find_result r = rec_find(&set);
        assert_int_equal(r.findings.count, 1);
        assert_non_null(strstr(r.findings.list[0].advice.p, cases[k].advice));
        rec_set_fini(&set);
    }
}

/* 30 queries of 0.4 ms, nearly all of it while rows are fetched: of an engine in the process that is the
 * search for them. */
static uint64_t saving_of_fetching(enum hp_engine engine, const char *text, unsigned rows)
{
    struct rec_set set;
    rec_set_init(&set, "GET", "/nested");
    uint32_t sql = rec_sql(&set, text, engine);
    for (unsigned r = 0; r < 8; r++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 5, 1, 15);
        for (unsigned i = 0; i < 30; i++) {
            rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                                .node = view,
                                                .site_sym = set.view,
                                                .site_line = 15,
                                                .t0 = 1 + 0.42 * i,
                                                .exec = 0.01,
                                                .fetch = 0.39,
                                                .params = i + 1,
                                                .rows = rows});
        }
        rec_end(&set, rec, 15, 15);
    }
    struct hp_find_result r = rec_find(&set);
    uint64_t ns = 0;
    for (uint32_t i = 0; i < r.findings.count; i++) {
        ns = r.findings.list[i].kind == HP_FIND_n_plus_one ? r.findings.list[i].median_ns : ns;
    }
    rec_set_fini(&set);
    return ns;
}

static void rows_of_an_engine_in_the_process_are_cheap_to_carry(void **state)
{
    (void)state;
    assert_near(rec_ms(saving_of_fetching(HP_ENGINE_SQLITE, BY_KIND, 40)), 29 * (0.4 - 40 * 0.001), 0.03);
    assert_true(saving_of_fetching(HP_ENGINE_MYSQL, BY_KIND, 40) <
                1000000); /* the rows have to come all the same */
}

static void a_list_of_keys_in_portions_is_together_already(void **state)
{
    (void)state;
    const char *by_list = "SELECT name FROM part WHERE id IN (?+)";
    assert_int_equal(saving_of_fetching(HP_ENGINE_SQLITE, by_list, 200), 0);
    assert_true(saving_of_fetching(HP_ENGINE_SQLITE, by_list, 3) > 0); /* the few of each item */
}

static void query_per_item_without_tree_saves_only_sql(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set,
         (struct rec_page){
             .queries = 40, .query_ms = 2, .around_ms = 1, .view_ms = 2, .no_tree = true, .cpu_share = 1},
         8);
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 1);
    assert_near(rec_ms(r.findings.list[0].median_ns), 78, 0.01);
    rec_set_fini(&set);
}

static void same_parameters_are_a_duplicate_not_a_query_per_item(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, (struct rec_page){.repeats = 5, .query_ms = 2, .around_ms = 1, .view_ms = 3, .cpu_share = 1},
         10);
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 1);
    assert_int_equal(r.findings.list[0].kind, HP_FIND_duplicate_query);
    assert_near(rec_ms(r.findings.list[0].median_ns), 12, 0.01);
    rec_set_fini(&set);
}

static void two_distinct_or_cheap_queries_are_silent(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, (struct rec_page){.queries = 2, .query_ms = 2, .around_ms = 1, .view_ms = 3, .cpu_share = 1},
         10);
    assert_int_equal(rec_find(&set).findings.count, 0);
    rec_set_fini(&set);
    make(&set,
         (struct rec_page){.queries = 5, .query_ms = 0.02, .around_ms = 0.01, .view_ms = 20, .cpu_share = 1},
         10);
    assert_int_equal(rec_find(&set).findings.count, 0);
    rec_set_fini(&set);
}

static void thread_per_item_is_priced_over_the_critical_path(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, (struct rec_page){.threads = 40, .thread_ms = 100, .view_ms = 5, .cpu_share = 1}, 10);
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 1);
    const struct hp_finding *finding = &r.findings.list[0];
    assert_int_equal(finding->kind, HP_FIND_thread_churn);
    assert_string_equal(finding->title.p, "40 threads, one per item");
    assert_int_equal(finding->site_line, 25);
    assert_near(rec_ms(finding->median_ns), 40 * 0.2 + 100, 0.02); /* not 40 × 100 */
    assert_true(rec_ms(finding->low90_ns) < 12);                   /* a reused pool saves the starts only */
    rec_set_fini(&set);
}

static void query_inside_a_thread_per_item_is_one_cause(void **state)
{
    (void)state;
    struct rec_set set;
    make(
        &set,
        (struct rec_page){.threads = 20, .thread_ms = 60, .query_inside = true, .view_ms = 5, .cpu_share = 1},
        10);
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 1);
    assert_int_equal(r.findings.list[0].kind, HP_FIND_thread_churn);
    bool named = false;
    for (uint32_t i = 0; i < r.findings.list[0].evidence_count; i++) {
        named |= strcmp(r.findings.list[0].evidence[i].key, "statement") == 0;
    }
    assert_true(named);
    rec_set_fini(&set);
}

static void executor_per_request_fires_and_a_reused_one_does_not(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set,
         (struct rec_page){.threads = 12,
                           .thread_ms = 40,
                           .pool = HP_LANE_POOL,
                           .pool_flags = HP_LANE_NEW_EXECUTOR,
                           .view_ms = 5,
                           .cpu_share = 1},
         10);
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 1);
    assert_int_equal(r.findings.list[0].kind, HP_FIND_thread_churn);
    rec_set_fini(&set);
    make(
        &set,
        (struct rec_page){.threads = 12, .thread_ms = 40, .pool = HP_LANE_POOL, .view_ms = 5, .cpu_share = 1},
        10);
    assert_int_equal(rec_find(&set).findings.count, 0);
    rec_set_fini(&set);
}

static void pool_that_warms_up_in_the_first_requests_is_silent(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/settings");
    for (unsigned i = 0; i < 12; i++) {
        rec_add_page(&set, (struct rec_page){.threads = 8,
                                             .thread_ms = 40,
                                             .pool = HP_LANE_POOL,
                                             .pool_flags = i < 2 ? HP_LANE_NEW_EXECUTOR : 0,
                                             .view_ms = 5,
                                             .cpu_share = 1});
    }
    assert_int_equal(rec_find(&set).findings.count, 0);
    rec_set_fini(&set);
}

static void different_calls_in_parallel_are_silent(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, (struct rec_page){.threads = 4, .targets = 4, .thread_ms = 40, .view_ms = 5, .cpu_share = 1},
         10);
    assert_int_equal(rec_find(&set).findings.count, 0);
    rec_set_fini(&set);
}

static void both_causes_are_ranked_and_do_not_add_up_beyond_the_route(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set,
         (struct rec_page){.threads = 40,
                           .thread_ms = 1250,
                           .queries = 40,
                           .query_ms = 18,
                           .around_ms = 1,
                           .view_ms = 10,
                           .cpu_share = 1},
         12);
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 2);
    assert_int_equal(r.findings.list[0].kind, HP_FIND_thread_churn);
    assert_int_equal(r.findings.list[1].kind, HP_FIND_n_plus_one);
    uint64_t sum = r.findings.list[0].median_ns + r.findings.list[1].median_ns;
    assert_true(sum < r.now_ns);
    assert_near(rec_ms(r.after_all_ns), rec_ms(r.now_ns - sum), 0.05);
    rec_set_fini(&set);
}

static void medians_of_different_requests_do_not_add_up_beyond_the_route(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/settings");
    for (unsigned i = 0; i < 12;
         i++) { /* when one cause is dear the other is cheap, but for a few where both are */
        struct rec_page p = {.threads = 40, .queries = 40, .view_ms = 2, .cpu_share = 1};
        p.thread_ms = i % 4 < 3 ? 1000 : 100;
        p.query_ms = i % 4 > 0 ? 25 : 2.5;
        rec_add_page(&set, p);
    }
    for (unsigned i = 0; i < 7; i++) {
        rec_add_page(&set, (struct rec_page){.threads = 40,
                                             .queries = 40,
                                             .view_ms = 2,
                                             .cpu_share = 1,
                                             .thread_ms = i % 2 != 0 ? 100 : 1000,
                                             .query_ms = i % 2 != 0 ? 25 : 2.5});
    }
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 2);
    uint64_t sum = r.findings.list[0].median_ns + r.findings.list[1].median_ns;
    assert_true(sum <= r.now_ns);
    for (unsigned i = 0; i < 2; i++) {
        const struct hp_finding *finding = &r.findings.list[i];
        assert_true(finding->low90_ns <= finding->median_ns && finding->median_ns <= finding->high90_ns);
    }
    rec_set_fini(&set);
}

/* Half of a route's requests repeat a query, the other half, several times as slow, start threads. By chance
 * its median is one of either half. */
static void fixing_all_promises_no_more_than_its_parts_where_requests_differ(void **state)
{
    static const double medians_ms[] = {0, 130, 1060}; /* 0: as the sample's, between the two */
    (void)state;
    for (size_t k = 0; k < sizeof medians_ms / sizeof medians_ms[0]; k++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/settings");
        for (unsigned i = 0; i < 24; i++) {
            struct rec_page repeats = {
                .queries = 40, .query_ms = 2, .around_ms = 1, .view_ms = 10, .cpu_share = 1};
            struct rec_page starts = {.threads = 40, .thread_ms = 1000, .view_ms = 60, .cpu_share = 1};
            rec_add_page(&set, i % 2 == 0 ? repeats : starts);
        }
        struct hp_case c = rec_case(&set);
        struct hp_find_result r;
        c.requests = medians_ms[k] > 0 ? 1000 : c.requests;
        c.median_ns = rec_ns(medians_ms[k]);
        assert_int_equal(hp_find_run(&c, &set.arena, &r), HP_OK);
        assert_int_equal(r.findings.count, 2);
        uint64_t parts = r.findings.list[0].median_ns + r.findings.list[1].median_ns;
        assert_true(r.after_all_ns < r.now_ns && r.now_ns - r.after_all_ns <= parts);
        assert_near(rec_ms(r.now_ns - r.after_all_ns), rec_ms(parts), 0.02);
        assert_near(rec_ms(r.now_ns), (130 + 1060) / 2.0, 0.02);
        assert_near(rec_ms(parts), (120 + 1000) / 2.0, 0.05);
        assert_true(r.after_low_ns <= r.after_all_ns && r.after_all_ns <= r.after_high_ns);
        rec_set_fini(&set);
    }
}

/* A cheap statement of 0.2 ms, then one of `exec` for `many` rows, of which a logger is told for `log`
 * meanwhile. */
static uint32_t findings_of_slow(double exec, uint32_t many, double log, double wall)
{
    struct rec_set set;
    rec_set_init(&set, "GET", "/slow");
    uint32_t cheap = rec_sql(&set, "SELECT 1", HP_ENGINE_SQLITE);
    uint32_t sql = rec_sql(&set, "INSERT INTO part VALUES (?)", HP_ENGINE_SQLITE);
    for (unsigned r = 0; r < 8; r++) {
        struct rec *rec = rec_begin(&set);
        struct hp_notes *notes = &rec->record.notes;
        rec_add_stmt(rec,
                     (struct rec_stmt){.statement = cheap, .site_sym = set.view, .t0 = 0.5, .exec = 0.2});
        rec_add_stmt(rec,
                     (struct rec_stmt){
                         .statement = sql, .site_sym = set.view, .site_line = 15, .t0 = 1, .exec = exec});
        rec->record.stmts[1].many_count = many;
        notes->logs = rec_zeroed(&set, sizeof *notes->logs);
        notes->logs[0] = (struct hp_log){.t0_ns = rec_ns(1.1), .count = 1, .total_ns = rec_ns(log)};
        notes->count[HP_NOTE_LOG] = log > 0;
        rec_end(&set, rec, wall, 1);
        set.samples[r].tree = NULL;
    }
    uint32_t count = rec_find(&set).findings.count;
    rec_set_fini(&set);
    return count;
}

static void slow_is_what_the_database_takes_for_one_row_where_that_matters(void **state)
{
    (void)state;
    assert_int_equal(findings_of_slow(4, 0, 0, 6), 1);  /* half of the route */
    assert_int_equal(findings_of_slow(4, 0, 0, 40), 0); /* not */
    assert_int_equal(findings_of_slow(12, 0, 0, 40), 1);
    assert_int_equal(findings_of_slow(12, 400, 0, 40), 0); /* 400 rows of 30 µs */
    assert_int_equal(findings_of_slow(12, 0, 11, 40), 0);  /* a logger of no place, which is nobody's */
}

/* A statement of 15 ms at the server `peer`, in requests that compute for 2 ms and wait as long `stretch` - 1
 * times for a processor. */
static uint32_t findings_of_stretched(const char *peer, double stretch)
{
    struct rec_set set;
    uint32_t server;
    rec_set_init(&set, "GET", "/busy");
    uint32_t sql = rec_sql(&set, "SELECT a FROM b", HP_ENGINE_POSTGRESQL);
    assert_int_equal(hp_dict_add_string(set.dict, hp_str_from0(peer), &server), HP_OK);
    for (unsigned r = 0; r < 8; r++) {
        struct rec *rec = rec_begin(&set);
        rec_add_stmt(rec,
                     (struct rec_stmt){.statement = rec_sql(&set, "SELECT c FROM d", HP_ENGINE_POSTGRESQL),
                                       .site_sym = set.view,
                                       .exec = 0.2});
        rec_add_stmt(rec, (struct rec_stmt){
                              .statement = sql, .site_sym = set.view, .site_line = 15, .t0 = 1, .exec = 15});
        rec_add_span(&set, rec, (struct rec_span){.kind = HP_WAIT_DB, .peer = server, .t0 = 1, .t1 = 16});
        rec_end(&set, rec, 40, 2);
        rec->record.lanes[0].runqueue_ns = rec_ns(2 * (stretch - 1));
        set.samples[r].tree = NULL;
    }
    uint32_t count = rec_find(&set).findings.count;
    rec_set_fini(&set);
    return count;
}

static void a_busy_machine_makes_no_slow_queries(void **state)
{
    (void)state;
    assert_int_equal(findings_of_stretched("127.0.0.1:5432", 1), 1);
    assert_int_equal(findings_of_stretched("127.0.0.1:5432", 2), 0);
    assert_int_equal(findings_of_stretched("unix:/run/db.sock", 2), 0);
    assert_int_equal(findings_of_stretched("10.0.0.7:5432", 2), 1); /* elsewhere */
}

static void slow_query_has_no_proven_lower_bound(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, (struct rec_page){.queries = 1, .query_ms = 80, .around_ms = 1, .view_ms = 20, .cpu_share = 1},
         10);
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 1);
    assert_int_equal(r.findings.list[0].kind, HP_FIND_slow_query);
    assert_int_equal(r.findings.list[0].low90_ns, 0);
    assert_near(rec_ms(r.findings.list[0].median_ns), 79.7, 0.01);
    rec_set_fini(&set);
}

static void computing_function_is_hot_and_the_view_is_not(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, (struct rec_page){.hot_ms = 60, .view_ms = 20, .cpu_share = 1}, 10);
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 1);
    assert_int_equal(r.findings.list[0].kind, HP_FIND_hot_function);
    assert_near(rec_ms(r.findings.list[0].median_ns), 60, 0.02);
    rec_set_fini(&set);
    make(&set, (struct rec_page){.view_ms = 60, .cpu_share = 1}, 10);
    assert_int_equal(rec_find(&set).findings.count, 0);
    rec_set_fini(&set);
}

/* root ── wsgi ── page; root ── Response.__next__ ── `name`, which computes for 60 of 70 ms */
static void add_streamed(struct rec_set *set, const char *name)
{
    struct rec *rec = rec_begin(set);
    uint32_t wsgi =
        rec_node(rec, HP_NODE_ROOT, rec_sym(set, "flask/app.py", "wsgi_app", 1, REC_FRAMEWORK), 0, 1, 5);
    uint32_t body =
        rec_node(rec, HP_NODE_ROOT,
                 rec_sym(set, "werkzeug/wsgi.py", "ClosingIterator.__next__", 1, REC_FRAMEWORK), 0, 5, 1);
    rec_node(rec, wsgi, set->view, 5, 1, 4);
    rec_node(rec, body, rec_sym(set, "app/views.py", name, 12, REC_APP), 0, 1, 60);
    rec_end(set, rec, 70, 70);
}

static void body_that_the_view_streams_is_the_view(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t findings;
    } cases[] = {{"page.<locals>.lines", 0}, {"pages.<locals>.lines", 1}, {"lines", 1}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/export");
        for (unsigned i = 0; i < 10; i++) {
            add_streamed(&set, cases[k].name);
        }
        assert_int_equal(rec_find(&set).findings.count, cases[k].findings);
        rec_set_fini(&set);
    }
}

static void waiting_function_is_not_hot(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, (struct rec_page){.hot_ms = 60, .view_ms = 5, .cpu_share = 0.08}, 10);
    assert_int_equal(rec_find(&set).findings.count, 0);
    rec_set_fini(&set);
}

static void orm_work_of_a_claimed_query_is_not_hot(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set,
         (struct rec_page){.queries = 40, .query_ms = 0.5, .around_ms = 3, .view_ms = 2, .cpu_share = 1}, 10);
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 1);
    assert_int_equal(r.findings.list[0].kind, HP_FIND_n_plus_one);
    rec_set_fini(&set);
}

static void rare_cause_over_the_recording_is_priced_at_p95(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/settings");
    for (unsigned i = 0; i < 40; i++) {
        rec_add_page(
            &set,
            (struct rec_page){
                .queries = i % 8 == 7 ? 40 : 0, .query_ms = 2, .around_ms = 1, .view_ms = 5, .cpu_share = 1});
    }
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 1);
    assert_true(r.findings.list[0].tail);
    assert_near(rec_ms(r.findings.list[0].median_ns), 117, 0.03);
    rec_set_fini(&set);
}

static void warming_a_cache_in_the_first_requests_is_silent(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/settings");
    for (unsigned i = 0; i < 40; i++) {
        rec_add_page(
            &set,
            (struct rec_page){
                .queries = i < 4 ? 40 : 0, .query_ms = 2, .around_ms = 1, .view_ms = 5, .cpu_share = 1});
    }
    assert_int_equal(rec_find(&set).findings.count, 0);
    rec_set_fini(&set);
}

static void id_survives_an_edit_that_moves_the_line(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, (struct rec_page){.queries = 10, .query_ms = 2, .view_ms = 2, .cpu_share = 1}, 5);
    uint64_t id = rec_find(&set).findings.list[0].id;
    for (uint32_t i = 0; i < set.count; i++) {
        for (uint32_t k = 0; k < set.requests[i].record.stmt_count; k++) {
            set.requests[i].record.stmts[k].site_line = 99;
        }
    }
    assert_true(rec_find(&set).findings.list[0].id == id);
    rec_set_fini(&set);
}

static void reading_page_by_page_is_silent(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set, (struct rec_page){.queries = 10, .query_ms = 2, .view_ms = 2, .cpu_share = 1}, 5);
    for (uint32_t i = 0; i < set.count; i++) {
        for (uint32_t k = 0; k < set.requests[i].record.stmt_count; k++) {
            set.requests[i].record.stmts[k].rows = 100;
        }
    }
    assert_int_equal(rec_find(&set).findings.count, 0);
    rec_set_fini(&set);
}

static void no_samples_give_no_findings(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/x");
    assert_int_equal(rec_find(&set).findings.count, 0);
    rec_set_fini(&set);
}

static void out_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    struct rec_set set;
    make(&set,
         (struct rec_page){.threads = 4,
                           .thread_ms = 50,
                           .queries = 5,
                           .query_ms = 3,
                           .around_ms = 1,
                           .hot_ms = 20,
                           .view_ms = 1,
                           .cpu_share = 1},
         3);
    hp_sweep_oom(rec_find_all, &set);
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query_per_item_is_priced_with_the_library_around_it),
        cmocka_unit_test(a_commit_for_each_row_that_it_writes_is_one_cause),
        cmocka_unit_test(what_makes_a_statement_goes_with_it),
        cmocka_unit_test(objects_have_to_be_made_all_the_same),
        cmocka_unit_test(a_serialiser_is_not_what_its_queries_cost),
        cmocka_unit_test(writes_of_one_kind_are_put_together_by_their_kind),
        cmocka_unit_test(rows_of_an_engine_in_the_process_are_cheap_to_carry),
        cmocka_unit_test(a_list_of_keys_in_portions_is_together_already),
        cmocka_unit_test(query_per_item_without_tree_saves_only_sql),
        cmocka_unit_test(same_parameters_are_a_duplicate_not_a_query_per_item),
        cmocka_unit_test(two_distinct_or_cheap_queries_are_silent),
        cmocka_unit_test(thread_per_item_is_priced_over_the_critical_path),
        cmocka_unit_test(query_inside_a_thread_per_item_is_one_cause),
        cmocka_unit_test(executor_per_request_fires_and_a_reused_one_does_not),
        cmocka_unit_test(pool_that_warms_up_in_the_first_requests_is_silent),
        cmocka_unit_test(different_calls_in_parallel_are_silent),
        cmocka_unit_test(both_causes_are_ranked_and_do_not_add_up_beyond_the_route),
        cmocka_unit_test(medians_of_different_requests_do_not_add_up_beyond_the_route),
        cmocka_unit_test(fixing_all_promises_no_more_than_its_parts_where_requests_differ),
        cmocka_unit_test(slow_is_what_the_database_takes_for_one_row_where_that_matters),
        cmocka_unit_test(a_busy_machine_makes_no_slow_queries),
        cmocka_unit_test(slow_query_has_no_proven_lower_bound),
        cmocka_unit_test(computing_function_is_hot_and_the_view_is_not),
        cmocka_unit_test(body_that_the_view_streams_is_the_view),
        cmocka_unit_test(waiting_function_is_not_hot),
        cmocka_unit_test(orm_work_of_a_claimed_query_is_not_hot),
        cmocka_unit_test(rare_cause_over_the_recording_is_priced_at_p95),
        cmocka_unit_test(warming_a_cache_in_the_first_requests_is_silent),
        cmocka_unit_test(id_survives_an_edit_that_moves_the_line),
        cmocka_unit_test(reading_page_by_page_is_silent),
        cmocka_unit_test(no_samples_give_no_findings),
        cmocka_unit_test(out_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
