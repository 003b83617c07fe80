/* test_template_hot.c -- templates made of parts: which of them is the cause, and what is too little to be
 * one. */
#include "records.h"

#define REQUESTS 6

struct parts {
    uint64_t rows, tags;   /* a row is included so many times, and runs a macro so many times in all */
    double row_ms, tag_ms; /* all of them */
    double load_ms;        /* the engine's work to include the rows */
    double rest_ms;        /* of the request */
    bool held_up;          /* half of the time no processor is free */
};

static uint32_t template(struct rec_set *set, const char *file, const char *name, uint8_t flags)
{
    struct hp_symbol symbol = {.file = hp_str_from0(file),
                               .name = hp_str_from0(name),
                               .line = 1,
                               .kind = HP_SYM_TEMPLATE,
                               .flags = flags};
    uint32_t id;
    assert_int_equal(hp_dict_add_symbol(set->dict, &symbol, &id), HP_OK);
    return id;
}

/* page ── render ── list.html ──line 4─┬─ new_context
 *                                      └─ row.html ──line 2── macros.html: tag
 */
static struct hp_find_result run(struct rec_set *set, struct parts p)
{
    struct hp_find_result result;
    rec_set_init(set, "GET", "/list");
    for (int i = 0; i < REQUESTS; i++) {
        struct rec *rec = rec_begin(set);
        uint32_t wsgi = rec_node(rec, HP_NODE_ROOT,
                                 rec_sym(set, "flask/app.py", "wsgi_app", 1, REC_FRAMEWORK), 0, 1, p.rest_ms);
        uint32_t view = rec_node(rec, wsgi, set->view, 5, 1, 0.1);
        uint32_t list =
            rec_node(rec, view, template(set, "templates/list.html", "root", HP_SYM_APP), 12, 1, 0.2);
        rec_node(rec, list, rec_sym(set, "jinja2/environment.py", "Template.new_context", 1, REC_FRAMEWORK),
                 4, p.rows, p.load_ms);
        uint32_t row =
            rec_node(rec, list, template(set, "templates/row.html", "root", HP_SYM_APP), 4, p.rows, p.row_ms);
        rec_node(rec, row, template(set, "templates/macros.html", "tag", HP_SYM_APP), 2, p.tags, p.tag_ms);
        rec->record.req.bytes_out = 2000;
        double wall_ms = p.rest_ms + 0.3 + p.load_ms + p.row_ms + p.tag_ms;
        rec->record.lanes[0].runqueue_ns = p.held_up ? rec_ns(wall_ms / 2) : 0;
        rec_end(set, rec, wall_ms, wall_ms / (p.held_up ? 2 : 1));
    }
    result = rec_find(set);
    return result;
}

static struct hp_str source_of(void *ctx, struct hp_str file)
{
    (void)ctx;
    return hp_str_eq(file, HP_STR("templates/macros.html")) ? HP_STR("{% macro tag(words) %}{% endmacro %}")
           : hp_str_eq(file, HP_STR("templates/list.html"))
               ? HP_STR("\n\n{% for one in all %}\n{{ one }} {{ tag(words) }}\n{% endfor %}")
               : HP_STR("{% for one in all %}\n{{ tag(one) }}\n{% endfor %}");
}

/* A macro of 100 values, run 20 times from line 4 of list.html, or line 2 of other.html. */
static void a_macro_that_is_given_the_same_each_time_is_drawn_once(void **state)
{
    (void)state;
    for (int other = 0; other < 2; other++) {
        struct rec_set set;
        struct hp_find_result result;
        rec_set_init(&set, "GET", "/list");
        for (int i = 0; i < REQUESTS; i++) {
            struct rec *rec = rec_begin(&set);
            uint32_t wsgi = rec_node(rec, HP_NODE_ROOT,
                                     rec_sym(&set, "flask/app.py", "wsgi_app", 1, REC_FRAMEWORK), 0, 1, 5);
            uint32_t view = rec_node(rec, wsgi, set.view, 5, 1, 0.1);
            const char *file = other ? "templates/other.html" : "templates/list.html";
            uint32_t list = rec_node(rec, view, template(&set, file, "root", HP_SYM_APP), 12, 1, 0.2);
            uint32_t call =
                rec_node(rec, list, rec_sym(&set, "jinja2/runtime.py", "Context.call", 1, REC_FRAMEWORK),
                         other ? 2 : 4, 20, 0.1);
            uint32_t macro =
                rec_node(rec, call, template(&set, "templates/macros.html", "macro", HP_SYM_APP), 1, 20, 5);
            rec_node(rec, macro, rec_sym(&set, "markupsafe/__init__.py", "escape", 1, REC_LIB), 1, 2000, 1);
            rec->record.req.bytes_out = 20000;
            rec_end(&set, rec, 11.4, 11.4);
        }
        struct hp_case c = rec_case(&set);
        c.source = source_of;
        assert_int_equal(hp_find_run(&c, &set.arena, &result), HP_OK);
        assert_int_equal(result.findings.count, other ? 0 : 1);
        if (!other) {
            assert_int_equal(result.findings.list[0].kind, HP_FIND_template_hot);
            double saved_ms = (double)result.findings.list[0].median_ns / 1e6;
            assert_true(saved_ms > 6 * 0.95 - 0.05 && saved_ms < 6 * 0.95 + 0.05);
        }
        rec_set_fini(&set);
    }
}

static void expect_place(const struct rec_set *set, const struct hp_finding *finding, const char *file,
                         uint32_t line)
{
    struct hp_str got = hp_dict_symbol(set->dict, finding->site_sym).file;
    assert_int_equal(finding->kind, HP_FIND_template_hot);
    assert_true(hp_str_eq(got, hp_str_from0(file)));
    assert_int_equal(finding->site_line, line);
}

static void parts_that_are_run_over_and_over_are_one_cause_where_they_repeat(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result r =
        run(&set,
            (struct parts){.rows = 300, .tags = 600, .row_ms = 9, .tag_ms = 12, .load_ms = 6, .rest_ms = 3});
    assert_int_equal(r.findings.count, 1);
    expect_place(&set, &r.findings.list[0], "templates/list.html", 4);
    double saved_ms = (double)r.findings.list[0].median_ns / 1e6;
    assert_true(saved_ms > 27 && saved_ms < 27.2); /* 2 kB need a tenth of a millisecond */
    rec_set_fini(&set);
}

static void a_part_is_not_long_because_the_machine_is_busy(void **state)
{
    (void)state;
    for (int held_up = 0; held_up < 2; held_up++) {
        struct rec_set set;
        struct hp_find_result r =
            run(&set, (struct parts){.rows = 300, .row_ms = 90, .rest_ms = 3, .held_up = held_up != 0});
        assert_int_equal(r.findings.count, 1);
        expect_place(&set, &r.findings.list[0], held_up ? "templates/list.html" : "templates/row.html",
                     held_up ? 4 : 1);
        rec_set_fini(&set);
    }
}

static void part_that_takes_long_each_time_is_a_cause_by_itself(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result r =
        run(&set,
            (struct parts){.rows = 12, .tags = 12, .row_ms = 1, .tag_ms = 40, .load_ms = 0.2, .rest_ms = 3});
    assert_int_equal(r.findings.count, 1);
    expect_place(&set, &r.findings.list[0], "templates/macros.html", 1);
    rec_set_fini(&set);
}

static void as_many_parts_as_a_page_has_items_are_silent(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result r = run(
        &set,
        (struct parts){.rows = 25, .tags = 25, .row_ms = 0.05, .tag_ms = 0.05, .load_ms = 1.4, .rest_ms = 3});
    assert_int_equal(r.findings.count, 0);
    rec_set_fini(&set);
}

static void filter_of_a_loop_is_the_templates(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result result;
    rec_set_init(&set, "GET", "/list");
    for (int i = 0; i < REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t wsgi =
            rec_node(rec, HP_NODE_ROOT, rec_sym(&set, "flask/app.py", "wsgi_app", 1, REC_FRAMEWORK), 0, 1, 2);
        uint32_t view = rec_node(rec, wsgi, set.view, 5, 1, 0.1);
        uint32_t list =
            rec_node(rec, view, template(&set, "templates/list.html", "root", HP_SYM_APP), 12, 1, 0.2);
        rec_node(rec, list, rec_sym(&set, "jinja2/filters.py", "do_sort", 1, REC_FRAMEWORK), 9, 48, 20);
        rec_node(rec, list, template(&set, "templates/list.html", "root.<locals>.t_5", HP_SYM_APP), 9, 48,
                 30);
        rec->record.req.bytes_out = 2000;
        rec_end(&set, rec, 52.3, 52);
    }
    result = rec_find(&set);
    assert_int_equal(result.findings.count, 1);
    expect_place(&set, &result.findings.list[0], "templates/list.html", 9);
    assert_true(result.findings.list[0].median_ns > 49000000);
    rec_set_fini(&set);
}

enum below { PAGE, MIDDLEWARE, NOBODY };

/* A page that a library's view renders from its own template, which asks `times` times through a filter: 0.05
 * ms of SQL and 1 ms of library each. Below: what of the application is around it. */
static struct hp_find_result run_library(struct rec_set *set, enum below below, unsigned times,
                                         unsigned requests)
{
    struct hp_find_result result;
    rec_set_init(set, "GET", "/list");
    uint32_t sql = rec_sql(set, "SELECT count(*) FROM permission WHERE name = ?", HP_ENGINE_SQLITE);
    uint32_t around = rec_sym(set, "app/proxy.py", "Proxy.__call__", 10, REC_APP);
    uint32_t wsgi = rec_sym(set, "flask/app.py", "Flask.wsgi_app", 1, REC_FRAMEWORK);
    uint32_t view = rec_sym(set, "admin/views.py", "List.page", 1, REC_LIB);
    uint32_t filter = rec_sym(set, "admin/filters.py", "visible", 1, REC_LIB);
    uint32_t menu = template(set, "templates/admin/menu.html", "root", 0);
    for (unsigned r = 0; r < requests; r++) {
        struct rec *rec = rec_begin(set);
        rec->record.req.view_sym = view;
        uint32_t at = HP_NODE_ROOT;
        at = below == MIDDLEWARE ? rec_node(rec, at, around, 0, 1, 0.1) : at;
        at = rec_node(rec, at, wsgi, 12, 1, 1);
        at = below == PAGE ? rec_node(rec, at, set->view, 5, 1, 0.1) : at;
        at = rec_node(rec, at, view, 5, 1, 0.2);
        at = rec_node(rec, at, rec_sym(set, "flask/templating.py", "render_template", 1, REC_FRAMEWORK), 5, 1,
                      0.1);
        at = rec_node(rec, at, menu, 5, 1, 0.1);
        at = rec_node(rec, at, filter, 26, times, 1.05 * times);
        for (unsigned i = 0; i < times; i++) {
            rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                                .node = at,
                                                .site_sym = menu,
                                                .site_line = 26,
                                                .t0 = 2 + 1.05 * i,
                                                .exec = 0.05,
                                                .params = i + 1,
                                                .rows = 1});
        }
        rec->record.req.bytes_out = 2000;
        rec_end(set, rec, 1.5 + 1.05 * times, 2);
    }
    result = rec_find(set);
    return result;
}

static void template_of_a_library_stands_for_the_application_that_is_not_there(void **state)
{
    (void)state;
    for (int below = MIDDLEWARE; below <= NOBODY; below++) {
        struct rec_set set;
        struct hp_find_result r = run_library(&set, (enum below)below, 10, REQUESTS);
        assert_int_equal(r.findings.count, 1);
        assert_int_equal(r.findings.list[0].kind, HP_FIND_n_plus_one);
        assert_int_equal(r.findings.list[0].site_line, 26);
        double saved_ms = (double)r.findings.list[0].median_ns / 1e6;
        assert_true(saved_ms > 9 && saved_ms < 9.5); /* nine times the library around each, and the SQL */
        rec_set_fini(&set);
    }
}

static void what_a_query_costs_is_not_the_templates(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result r = run_library(&set, NOBODY, 2, REQUESTS);
    assert_int_equal(r.findings.count, 0);
    rec_set_fini(&set);
}

/* A page of 15 ms whose template takes 4 ms, with so many links and translated texts. */
static uint32_t findings_of(unsigned links, unsigned texts)
{
    struct rec_set set;
    struct hp_find_result r;
    rec_set_init(&set, "GET", "/list");
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 5, 1, 11);
        uint32_t list =
            rec_node(rec, view, template(&set, "templates/list.html", "root", HP_SYM_APP), 12, 1, 1);
        uint32_t call =
            rec_node(rec, list, rec_sym(&set, "jinja2/runtime.py", "Context.call", 1, REC_FRAMEWORK), 3,
                     links + texts + 1, 1);
        rec_node(rec, call, rec_sym(&set, "flask/app.py", "Flask.url_for", 1, REC_FRAMEWORK), 4, links, 1);
        rec_node(rec, call,
                 rec_sym(&set, "jinja2/ext.py", "_make_new_gettext.<locals>.gettext", 1, REC_FRAMEWORK), 5,
                 texts, 1);
        rec->record.req.bytes_out = 2000;
        rec_end(&set, rec, 15, 15);
    }
    struct hp_case c = rec_case(&set);
    assert_int_equal(hp_find_run(&c, &set.arena, &r), HP_OK);
    rec_set_fini(&set);
    return r.findings.count;
}

static void links_and_translations_that_a_page_shows_are_needed(void **state)
{
    (void)state;
    assert_int_equal(findings_of(0, 0), 1);
    assert_int_equal(findings_of(140, 0), 0);
    assert_int_equal(findings_of(0, 280), 0);
    assert_int_equal(findings_of(30, 30), 1);
}

static void what_the_first_request_alone_takes_is_silent(void **state)
{
    (void)state;
    for (unsigned requests = 1; requests <= 2; requests++) {
        struct rec_set set;
        struct hp_find_result r;
        rec_set_init(&set, "GET", "/list");
        for (unsigned i = 0; i < requests; i++) {
            struct rec *rec = rec_begin(&set);
            uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 5, 1, 0.1);
            rec_node(rec, view, template(&set, "templates/list.html", "root", HP_SYM_APP), 12, 1, 30);
            rec->record.req.bytes_out = 2000;
            rec_end(&set, rec, 31, 30);
        }
        struct hp_case c = rec_case(&set);
        assert_int_equal(hp_find_run(&c, &set.arena, &r), HP_OK);
        assert_int_equal(r.findings.count, requests - 1);
        rec_set_fini(&set);
    }
}

/* page ── parts ── get_template ── _load_template ── uptodate, so many times */
static struct hp_find_result look_up(struct rec_set *set, uint64_t times, double each_us, double rest_ms)
{
    rec_set_init(set, "GET", "/list");
    double ms = (double)times * each_us / 1e3;
    for (int i = 0; i < REQUESTS; i++) {
        struct rec *rec = rec_begin(set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set->view, 5, 1, 0.1);
        uint32_t parts =
            rec_node(rec, view, rec_sym(set, "app/parts.py", "parts", 8, REC_APP), 12, 1, rest_ms);
        uint32_t at = rec_node(rec, parts,
                               rec_sym(set, "jinja2/environment.py", "Environment.get_template", 1, REC_LIB),
                               14, times, 0.1);
        at =
            rec_node(rec, at, rec_sym(set, "jinja2/environment.py", "Environment._load_template", 2, REC_LIB),
                     3, times, ms / 4);
        rec_node(
            rec, at,
            rec_sym(set, "jinja2/loaders.py", "FileSystemLoader.get_source.<locals>.uptodate", 3, REC_LIB), 4,
            times, ms * 3 / 4);
        rec->record.req.bytes_out = 2000;
        rec_end(set, rec, 0.2 + rest_ms + ms, 0.2 + rest_ms + ms);
    }
    return rec_find(set);
}

static void templates_that_are_looked_up_again_and_again_are_told_where_they_are_asked_for(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result r = look_up(&set, 300, 20, 4);
    assert_int_equal(r.findings.count, 1);
    expect_place(&set, &r.findings.list[0], "app/parts.py", 14);
    assert_true(r.findings.list[0].median_ns > 5900000u && r.findings.list[0].median_ns < 6100000u);
    rec_set_fini(&set);
    for (int i = 0; i < 2; i++) { /* few of them; a small part of the page */
        r = look_up(&set, i == 0 ? 5 : 60, i == 0 ? 300 : 20, i == 0 ? 2 : 30);
        for (uint32_t k = 0; k < r.findings.count; k++) {
            assert_int_not_equal(r.findings.list[k].kind, HP_FIND_template_hot);
        }
        rec_set_fini(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_macro_that_is_given_the_same_each_time_is_drawn_once),
        cmocka_unit_test(parts_that_are_run_over_and_over_are_one_cause_where_they_repeat),
        cmocka_unit_test(a_part_is_not_long_because_the_machine_is_busy),
        cmocka_unit_test(part_that_takes_long_each_time_is_a_cause_by_itself),
        cmocka_unit_test(filter_of_a_loop_is_the_templates),
        cmocka_unit_test(as_many_parts_as_a_page_has_items_are_silent),
        cmocka_unit_test(template_of_a_library_stands_for_the_application_that_is_not_there),
        cmocka_unit_test(what_a_query_costs_is_not_the_templates),
        cmocka_unit_test(links_and_translations_that_a_page_shows_are_needed),
        cmocka_unit_test(what_the_first_request_alone_takes_is_silent),
        cmocka_unit_test(templates_that_are_looked_up_again_and_again_are_told_where_they_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
