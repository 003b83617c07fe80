/* test_edit_place.c -- the line to edit: the loop, the caller of a helper, the call of a slow function. */
#include "records.h"

#include <stdio.h>

#include "find/find.h"
#include "find/sites.h"

struct words {
    uint32_t wsgi, load, rows, execute, compute;
};

static struct words begin(struct rec_set *set)
{
    rec_set_init(set, "GET", "/page");
    return (struct words){rec_sym(set, "flask/app.py", "wsgi_app", 1, REC_FRAMEWORK),
                          rec_sym(set, "app/items.py", "load", 20, REC_APP),
                          rec_sym(set, "app/db.py", "rows", 30, REC_APP),
                          rec_sym(set, "lib/driver.py", "execute", 5, REC_LIB),
                          rec_sym(set, "app/math.py", "compute", 50, REC_APP)};
}

static const struct hp_finding *only(struct rec_set *set, struct hp_find_result *result)
{
    struct hp_case c = rec_case(set);
    assert_int_equal(hp_find_run(&c, &set->arena, result), HP_OK);
    assert_int_equal(result->findings.count, 1);
    return &result->findings.list[0];
}

static void assert_place(const struct rec_set *set, const struct hp_finding *finding, const char *name,
                         uint32_t line)
{
    struct hp_str got = hp_dict_symbol(set->dict, finding->site_sym).name;
    assert_int_equal(got.n, strlen(name));
    assert_memory_equal(got.p, name, got.n);
    assert_int_equal(finding->site_line, line);
}

/* page, line 12, calls load() 40 times; that calls rows() at line 22, which executes at line 31. load()
 * computes for so long in all. */
static void add_loop(struct rec_set *set, struct words w, uint32_t sql, double load_ms)
{
    struct rec *rec = rec_begin(set);
    uint32_t wsgi = rec_node(rec, HP_NODE_ROOT, w.wsgi, 0, 1, 1);
    uint32_t view = rec_node(rec, wsgi, set->view, 4, 1, 2);
    uint32_t load = rec_node(rec, view, w.load, 12, 40, load_ms);
    uint32_t rows = rec_node(rec, load, w.rows, 22, 40, 0.1);
    uint32_t execute = rec_node(rec, rows, w.execute, 31, 40, 80);
    for (int k = 0; k < 40; k++) {
        rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                            .node = execute,
                                            .site_sym = w.rows,
                                            .site_line = 31,
                                            .t0 = 3 + 2 * k,
                                            .exec = 1.9,
                                            .rows = 1,
                                            .params = 100u + (uint64_t)k});
    }
    rec_end(set, rec, 84 + load_ms, 80 + load_ms);
}

static void a_query_per_item_is_where_the_loop_is(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result result;
    struct words w = begin(&set);
    uint32_t sql = rec_sql(&set, "SELECT a FROM item WHERE id = ?", HP_ENGINE_SQLITE);
    for (int r = 0; r < 10; r++) {
        add_loop(&set, w, sql, 0.1);
    }
    const struct hp_finding *finding = only(&set, &result);
    assert_int_equal(finding->kind, HP_FIND_n_plus_one);
    assert_place(&set, finding, "page", 12);
    rec_set_fini(&set);
}

static struct hp_str source_of(void *ctx, struct hp_str file)
{
    return hp_str_eq(file, HP_STR("app/items.py")) ? hp_str_from0(ctx) : HP_STR("");
}

/* page, line 12, calls every() once, which calls one() 40 times at line 2, which calls rating() at line 5,
 * which executes at line 8. */
static void expect_line(char *source, const char *function, uint32_t line)
{
    struct rec_set set;
    struct hp_find_result result;
    struct words w = begin(&set);
    uint32_t sql = rec_sql(&set, "SELECT a FROM item WHERE id = ?", HP_ENGINE_SQLITE);
    uint32_t every = rec_sym(&set, "app/items.py", "every", 1, REC_APP);
    uint32_t one = rec_sym(&set, "app/items.py", "one", 4, REC_APP);
    uint32_t rating = rec_sym(&set, "app/items.py", "Item.rating", 7, REC_APP);
    for (int r = 0; r < 10; r++) {
        struct rec *rec = rec_begin(&set);
        uint32_t wsgi = rec_node(rec, HP_NODE_ROOT, w.wsgi, 0, 1, 1);
        uint32_t node = rec_node(rec, rec_node(rec, wsgi, set.view, 4, 1, 2), every, 12, 1, 0.1);
        node = rec_node(rec, rec_node(rec, node, one, 2, 40, 0.1), rating, 5, 40, 0.1);
        node = rec_node(rec, node, w.execute, 8, 40, 80);
        for (int k = 0; k < 40; k++) {
            rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                                .node = node,
                                                .site_sym = rating,
                                                .site_line = 8,
                                                .t0 = 3 + 2 * k,
                                                .exec = 1.9,
                                                .rows = 1,
                                                .params = 100u + (uint64_t)k});
        }
        rec_end(&set, rec, 84, 80);
    }
    struct hp_case c = rec_case(&set);
    c.source = source_of;
    c.source_ctx = source;
    assert_int_equal(hp_find_run(&c, &set.arena, &result), HP_OK);
    assert_int_equal(result.findings.count, 1);
    assert_place(&set, &result.findings.list[0], function, line);
    rec_set_fini(&set);
}

#define EVERY(loop) "def every(items):\n    return [" loop " for item in items]\n\n"
#define ONE(body)   "def one(self, item):\n    return " body "\n\n"
#define RATING      "def rating(self):\n    return execute(self.id)\n"

static void a_loop_that_calls_what_it_is_given_is_not_the_place(void **state)
{
    (void)state;
    char named[] = EVERY("one(item)") ONE("rating(item.id)") RATING;
    char given[] = EVERY("one(item)") ONE("[getattr(item, name) for name in self.names]") RATING;
    char wrapped[] = EVERY("rating(item)") ONE("self.wrapped(item)") RATING;
    expect_line(named, "every", 2);
    expect_line(given, "Item.rating", 8);
    expect_line(wrapped, "every", 2); /* one() is what a decorator put around rating() */
    char none[] = "";
    expect_line(none, "every", 2);
}

static struct hp_str source_of_page(void *ctx, struct hp_str file)
{
    return hp_str_eq(file, HP_STR("app/views.py")) ? hp_str_from0(ctx) : HP_STR("");
}

/* page, line 12, calls a library that calls Item.rating() 40 times, which executes at line 8. */
static void expect_line_of_callback(char *source, const char *function, uint32_t line)
{
    struct rec_set set;
    struct hp_find_result result;
    struct words w = begin(&set);
    uint32_t sql = rec_sql(&set, "SELECT a FROM item WHERE id = ?", HP_ENGINE_SQLITE);
    uint32_t run = rec_sym(&set, "graph/schema.py", "Schema.run", 1, REC_LIB);
    uint32_t resolve = rec_sym(&set, "graph/schema.py", "resolve", 9, REC_LIB);
    uint32_t rating = rec_sym(&set, "app/items.py", "Item.rating", 7, REC_APP);
    for (int r = 0; r < 10; r++) {
        struct rec *rec = rec_begin(&set);
        uint32_t wsgi = rec_node(rec, HP_NODE_ROOT, w.wsgi, 0, 1, 1);
        uint32_t node = rec_node(rec, rec_node(rec, wsgi, set.view, 4, 1, 2), run, 12, 1, 0.1);
        node = rec_node(rec, rec_node(rec, node, resolve, 3, 40, 0.1), rating, 11, 40, 0.1);
        node = rec_node(rec, node, w.execute, 8, 40, 80);
        for (int k = 0; k < 40; k++) {
            rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                                .node = node,
                                                .site_sym = rating,
                                                .site_line = 8,
                                                .t0 = 3 + 2 * k,
                                                .exec = 1.9,
                                                .rows = 1,
                                                .params = 100u + (uint64_t)k});
        }
        rec_end(&set, rec, 84, 80);
    }
    struct hp_case c = rec_case(&set);
    c.source = source_of_page;
    c.source_ctx = source;
    assert_int_equal(hp_find_run(&c, &set.arena, &result), HP_OK);
    assert_int_equal(result.findings.count, 1);
    assert_place(&set, &result.findings.list[0], function, line);
    rec_set_fini(&set);
}

static void a_library_that_calls_what_it_was_given_elsewhere_is_not_the_place(void **state)
{
    (void)state;
    char lines[] = "\n\n\n\n\n\n\n\n\n";
    char text[200], named[200];
    (void)snprintf(text, sizeof text, "%sdef page():\n    query = text()\n    return schema.run(query)\n",
                   lines);
    (void)snprintf(named, sizeof named,
                   "%sdef page():\n    items = every()\n    return run(Item.rating, items)\n", lines);
    expect_line_of_callback(text, "Item.rating", 8);
    expect_line_of_callback(named, "page", 12);
}

/* It builds the query, say: without the query it is not called. */
static void a_helper_that_only_asks_is_part_of_the_query(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result result;
    struct words w = begin(&set);
    uint32_t sql = rec_sql(&set, "SELECT a FROM item WHERE id = ?", HP_ENGINE_SQLITE);
    for (int r = 0; r < 10; r++) {
        add_loop(&set, w, sql, 40);
    }
    const struct hp_finding *finding = only(&set, &result); /* and load() is not hot beside it */
    assert_int_equal(finding->kind, HP_FIND_n_plus_one);
    assert_true(finding->median_ns > rec_ns(105) && finding->median_ns < rec_ns(120));
    rec_set_fini(&set);
}

/* 120 ms of its own beside 80 of SQL: that is no asking. */
static void a_helper_that_computes_stays_a_cause_of_its_own(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result result;
    struct words w = begin(&set);
    uint32_t sql = rec_sql(&set, "SELECT a FROM item WHERE id = ?", HP_ENGINE_SQLITE);
    for (int r = 0; r < 10; r++) {
        add_loop(&set, w, sql, 120);
    }
    result = rec_find(&set);
    assert_int_equal(result.findings.count, 2);
    assert_int_equal(result.findings.list[0].kind, HP_FIND_hot_function);
    assert_int_equal(result.findings.list[1].kind, HP_FIND_n_plus_one);
    assert_true(result.findings.list[1].median_ns < rec_ns(85));
    rec_set_fini(&set);
}

/* rows() runs two statements for two callers; the slow one is asked for by load(), line 22. */
static void a_slow_query_of_a_helper_is_where_the_helper_is_called(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result result;
    struct words w = begin(&set);
    uint32_t slow = rec_sql(&set, "SELECT a FROM item WHERE b = ?", HP_ENGINE_SQLITE);
    uint32_t fast = rec_sql(&set, "SELECT c FROM shop WHERE id = ?", HP_ENGINE_SQLITE);
    for (int r = 0; r < 10; r++) {
        struct rec *rec = rec_begin(&set);
        uint32_t wsgi = rec_node(rec, HP_NODE_ROOT, w.wsgi, 0, 1, 1);
        uint32_t view = rec_node(rec, wsgi, set.view, 4, 1, 2);
        uint32_t load = rec_node(rec, view, w.load, 12, 1, 0.1);
        uint32_t rows = rec_node(rec, load, w.rows, 22, 1, 0.1);
        uint32_t execute = rec_node(rec, rows, w.execute, 31, 1, 80);
        uint32_t other = rec_node(rec, rec_node(rec, view, w.rows, 14, 1, 0.1), w.execute, 31, 1, 1);
        rec_add_stmt(rec, (struct rec_stmt){.statement = slow,
                                            .node = execute,
                                            .site_sym = w.rows,
                                            .site_line = 31,
                                            .t0 = 3,
                                            .exec = 79,
                                            .rows = 1});
        rec_add_stmt(rec, (struct rec_stmt){.statement = fast,
                                            .node = other,
                                            .site_sym = w.rows,
                                            .site_line = 31,
                                            .t0 = 83,
                                            .exec = 0.5,
                                            .rows = 1});
        rec_end(&set, rec, 86, 80);
    }
    const struct hp_finding *finding = only(&set, &result);
    assert_int_equal(finding->kind, HP_FIND_slow_query);
    assert_place(&set, finding, "load", 22);
    rec_set_fini(&set);
}

/* page() asks at two lines through ask(), which calls rows(); both pass on what they are given. A decorator
 * calls page(). */
static void helpers_of_helpers_are_passed_and_the_view_is_not(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result result;
    struct words w = begin(&set);
    uint32_t ask = rec_sym(&set, "app/db.py", "ask", 40, REC_APP);
    uint32_t wrapper = rec_sym(&set, "app/auth.py", "wrapper", 8, REC_APP);
    uint32_t sql[] = {rec_sql(&set, "SELECT a FROM item WHERE b = ?", HP_ENGINE_SQLITE),
                      rec_sql(&set, "SELECT c FROM shop WHERE id = ?", HP_ENGINE_SQLITE)};
    for (int r = 0; r < 10; r++) {
        struct rec *rec = rec_begin(&set);
        uint32_t around = rec_node(rec, rec_node(rec, HP_NODE_ROOT, w.wsgi, 0, 1, 1), wrapper, 4, 1, 0.1);
        uint32_t view = rec_node(rec, around, set.view, 9, 1, 2);
        for (uint32_t k = 0; k < 2;
             k++) { /* the slow one at line 14, as both in the second half of the requests */
            uint32_t rows =
                rec_node(rec, rec_node(rec, view, ask, r < 5 ? 14 + k : 14, 1, 0.1), w.rows, 41, 1, 0.1);
            rec_add_stmt(rec,
                         (struct rec_stmt){.statement = sql[k],
                                           .node = rec_node(rec, rows, w.execute, 31, 1, k == 0 ? 80 : 1),
                                           .site_sym = w.rows,
                                           .site_line = 31,
                                           .t0 = 4 + 82 * k,
                                           .exec = k == 0 ? 79 : 0.5,
                                           .rows = 1});
        }
        rec_end(&set, rec, 87, 80);
    }
    const struct hp_finding *finding = only(&set, &result);
    assert_int_equal(finding->kind, HP_FIND_slow_query);
    assert_place(&set, finding, "page", 14);
    rec_set_fini(&set);
}

/* Here rows() runs one statement alone; that it is a helper only other routes show. */
static void a_helper_of_all_routes_is_passed_and_the_finding_stays_the_same(void **state)
{
    (void)state;
    struct rec_set set;
    struct words w = begin(&set);
    struct hp_sites sites = {0};
    uint64_t id = 0;
    uint32_t slow = rec_sql(&set, "SELECT a FROM item WHERE b = ?", HP_ENGINE_SQLITE);
    uint32_t statements[] = {slow, rec_sql(&set, "SELECT c FROM shop WHERE id = ?", HP_ENGINE_SQLITE)};
    for (int r = 0; r < 10; r++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_node(rec, rec_node(rec, HP_NODE_ROOT, w.wsgi, 0, 1, 1), set.view, 4, 1, 2);
        uint32_t rows = rec_node(rec, view, w.rows, 14, 1, 0.1);
        rec_add_stmt(rec, (struct rec_stmt){.statement = slow,
                                            .node = rec_node(rec, rows, w.execute, 31, 1, 80),
                                            .site_sym = w.rows,
                                            .site_line = 31,
                                            .t0 = 3,
                                            .exec = 79,
                                            .rows = 1});
        rec_end(&set, rec, 84, 80);
    }
    for (int known = 0; known < 2;
         known++) { /* statements of rows() on other routes: this one alone, and another */
        struct hp_case c = rec_case(&set);
        struct hp_find_result result;
        struct hp_group group = {.statement = statements[known], .site_sym = w.rows, .site_line = 31};
        struct hp_record other = {.groups = &group, .group_count = 1};
        assert_int_equal(hp_sites_add(&sites, set.dict, &other, &set.arena), HP_OK);
        c.sites = &sites;
        assert_int_equal(hp_find_run(&c, &set.arena, &result), HP_OK);
        assert_int_equal(result.findings.count, 1);
        assert_place(&set, &result.findings.list[0], known ? "page" : "rows", known ? 14 : 31);
        assert_true(id == 0 || id == result.findings.list[0].id);
        id = result.findings.list[0].id;
    }
    rec_set_fini(&set);
}

/* page asks for the same `in_loop` times by a loop at line 12 and `apart` times from lines of its own; rows()
 * executes at line 31. */
static void add_repeats(struct rec_set *set, struct words w, uint32_t sql, int in_loop, int apart)
{
    struct rec *rec = rec_begin(set);
    uint32_t view = rec_node(rec, rec_node(rec, HP_NODE_ROOT, w.wsgi, 0, 1, 1), set->view, 4, 1, 2);
    for (int k = 0; k < in_loop + apart; k++) {
        bool loops = k < in_loop;
        uint32_t rows = rec_node(rec, view, w.rows, loops ? 12 : 40 + (uint32_t)k, 1, 0.1);
        rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                            .node = rec_node(rec, rows, w.execute, 31, 1, 2),
                                            .site_sym = w.rows,
                                            .site_line = 31,
                                            .t0 = 3 + 2 * k,
                                            .exec = 1.9,
                                            .rows = 1,
                                            .params = 7});
    }
    rec_end(set, rec, 4 + 2.1 * (in_loop + apart), 4);
}

static void repeats_are_where_they_loop_or_where_all_of_them_run(void **state)
{
    (void)state;
    for (int scattered = 0; scattered < 2; scattered++) {
        struct rec_set set;
        struct hp_find_result result;
        struct words w = begin(&set);
        uint32_t sql = rec_sql(&set, "SELECT a FROM item WHERE id = ?", HP_ENGINE_SQLITE);
        for (int r = 0; r < 10; r++) {
            add_repeats(&set, w, sql, scattered ? 4 : 9, scattered ? 4 : 1);
        }
        const struct hp_finding *finding = only(&set, &result);
        assert_int_equal(finding->kind, HP_FIND_duplicate_query);
        assert_place(&set, finding, scattered ? "rows" : "page", scattered ? 31 : 12);
        rec_set_fini(&set);
    }
}

/* page shows 30 items with 5 fields each by show(), which for one of them calls load() at line 52; that asks
 * the same each time. */
static void repeats_below_what_does_other_things_too_stay_below_it(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result result;
    struct words w = begin(&set);
    uint32_t sql = rec_sql(&set, "SELECT a FROM item WHERE id = ?", HP_ENGINE_SQLITE);
    uint32_t show = rec_sym(&set, "app/fields.py", "show", 50, REC_APP);
    for (int r = 0; r < 10; r++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_node(rec, rec_node(rec, HP_NODE_ROOT, w.wsgi, 0, 1, 1), set.view, 4, 1, 2);
        uint32_t load = rec_node(rec, rec_node(rec, view, show, 12, 150, 1), w.load, 52, 30, 0.1);
        uint32_t rows = rec_node(rec, load, w.rows, 22, 30, 0.1);
        uint32_t execute = rec_node(rec, rows, w.execute, 31, 30, 60);
        for (int k = 0; k < 30; k++) {
            rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                                .node = execute,
                                                .site_sym = w.rows,
                                                .site_line = 31,
                                                .t0 = 4 + 2 * k,
                                                .exec = 1.9,
                                                .rows = 1,
                                                .params = 7});
        }
        rec_end(&set, rec, 65, 65);
    }
    const struct hp_finding *finding = only(&set, &result);
    assert_int_equal(finding->kind, HP_FIND_duplicate_query);
    assert_place(&set, finding, "load", 22);
    rec_set_fini(&set);
}

/* page shows 30 items by show() at line 12, which for each calls load() twice in a loop at line 52. */
static void add_inner_loops(struct rec_set *set, struct words w, uint32_t sql, uint32_t show, bool same)
{
    struct rec *rec = rec_begin(set);
    uint32_t view = rec_node(rec, rec_node(rec, HP_NODE_ROOT, w.wsgi, 0, 1, 1), set->view, 4, 1, 2);
    uint32_t load = rec_node(rec, rec_node(rec, view, show, 12, 30, 1), w.load, 52, 60, 0.1);
    uint32_t execute = rec_node(rec, load, w.execute, 22, 60, 60);
    for (int k = 0; k < 60; k++) {
        rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                            .node = execute,
                                            .site_sym = w.load,
                                            .site_line = 22,
                                            .t0 = 4 + k,
                                            .exec = 0.9,
                                            .rows = 1,
                                            .params = same ? 7 : 7 + (uint64_t)k});
    }
    rec_end(set, rec, 65, 65);
}

static void repeats_are_in_the_inner_loop_and_queries_per_item_in_the_outer_one(void **state)
{
    (void)state;
    for (int same = 0; same < 2; same++) {
        struct rec_set set;
        struct hp_find_result result;
        struct words w = begin(&set);
        uint32_t sql = rec_sql(&set, "SELECT a FROM item WHERE id = ?", HP_ENGINE_SQLITE);
        uint32_t show = rec_sym(&set, "app/fields.py", "show", 50, REC_APP);
        for (int r = 0; r < 10; r++) {
            add_inner_loops(&set, w, sql, show, same);
        }
        const struct hp_finding *finding = only(&set, &result);
        assert_int_equal(finding->kind, same ? HP_FIND_duplicate_query : HP_FIND_n_plus_one);
        assert_place(&set, finding, same ? "show" : "page", same ? 52 : 12);
        rec_set_fini(&set);
    }
}

static void a_slow_function_is_where_it_is_called(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result result;
    struct words w = begin(&set);
    for (int r = 0; r < 10; r++) {
        struct rec *rec = rec_begin(&set);
        uint32_t wsgi = rec_node(rec, HP_NODE_ROOT, w.wsgi, 0, 1, 1);
        uint32_t view = rec_node(rec, wsgi, set.view, 4, 1, 5);
        rec_node(rec, view, w.compute, 17, 3, 60);
        rec_end(&set, rec, 66, 66);
    }
    const struct hp_finding *finding = only(&set, &result);
    assert_int_equal(finding->kind, HP_FIND_hot_function);
    assert_place(&set, finding, "page", 17);
    assert_int_equal(finding->subject_sym, w.compute);
    assert_string_equal(finding->title.p, "compute computes for 60.0 ms in 3 calls");
    rec_set_fini(&set);
}

/* A call of ask() for `length` ms from `line` of the node `above`. */
static void add_ask(struct rec_set *set, struct rec *rec, uint32_t above, uint32_t line, double t0,
                    double length)
{
    uint32_t ask = rec_sym(set, "app/db.py", "ask", 50, REC_APP);
    uint32_t node = rec_node(rec, rec_node(rec, above, ask, line, 1, 0.1),
                             rec_sym(set, "client.py", "request", 5, REC_LIB), 51, 1, length);
    for (uint32_t kind = HP_WAIT_SEND; kind <= HP_WAIT_RECV; kind++) {
        bool last = kind == HP_WAIT_RECV;
        rec_add_span(set, rec,
                     (struct rec_span){.kind = kind,
                                       .group = line,
                                       .protocol = HP_PROTOCOL_HTTP,
                                       .peer = 7,
                                       .node = node,
                                       .site_sym = ask,
                                       .site_line = 51,
                                       .t0 = last ? t0 + 0.1 : t0,
                                       .t1 = last ? t0 + length : t0 + 0.1,
                                       .bytes = 500});
    }
}

/* page asks at line 16; before it, now and then, latest() at line 12 has renew() ask at line 22. All ask
 * through one helper. */
static void what_only_slow_requests_ask_is_where_they_turn_off_not_in_the_helper_of_all(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result result;
    (void)begin(&set);
    for (int r = 0; r < 40; r++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 4, 1, 1);
        uint32_t latest = rec_node(rec, view, rec_sym(&set, "app/db.py", "latest", 20, REC_APP), 12, 1, 0.1);
        double more = r % 8 == 5 ? 80 : 0;
        if (more > 0) {
            uint32_t renew =
                rec_node(rec, latest, rec_sym(&set, "app/db.py", "renew", 30, REC_APP), 22, 1, 0.1);
            add_ask(&set, rec, renew, 31, 1, more);
        }
        add_ask(&set, rec, view, 16, 2 + more, 5);
        rec_end(&set, rec, 8 + more, 2);
    }
    const struct hp_finding *finding = only(&set, &result);
    assert_int_equal(finding->kind, HP_FIND_tail_latency);
    assert_place(&set, finding, "latest", 22);
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_per_item_is_where_the_loop_is),
        cmocka_unit_test(a_loop_that_calls_what_it_is_given_is_not_the_place),
        cmocka_unit_test(a_library_that_calls_what_it_was_given_elsewhere_is_not_the_place),
        cmocka_unit_test(a_helper_that_only_asks_is_part_of_the_query),
        cmocka_unit_test(a_helper_that_computes_stays_a_cause_of_its_own),
        cmocka_unit_test(a_slow_query_of_a_helper_is_where_the_helper_is_called),
        cmocka_unit_test(helpers_of_helpers_are_passed_and_the_view_is_not),
        cmocka_unit_test(a_helper_of_all_routes_is_passed_and_the_finding_stays_the_same),
        cmocka_unit_test(repeats_are_where_they_loop_or_where_all_of_them_run),
        cmocka_unit_test(repeats_below_what_does_other_things_too_stay_below_it),
        cmocka_unit_test(repeats_are_in_the_inner_loop_and_queries_per_item_in_the_outer_one),
        cmocka_unit_test(a_slow_function_is_where_it_is_called),
        cmocka_unit_test(what_only_slow_requests_ask_is_where_they_turn_off_not_in_the_helper_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
