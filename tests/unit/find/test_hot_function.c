/* test_hot_function.c -- which function is the cause of a request that computes, and which is none. */
#include "records_work.h"

#include "sweep_oom.h"

static void view_behind_a_decorator_is_the_view_and_the_decorator_is_not(void **state)
{
    (void)state;
    static const struct {
        double wrapper_ms, view_ms;
        unsigned findings;
    } cases[] = {{0.1, 30, 0}, {30, 5, 1}};
    for (size_t k = 0; k < 2; k++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/x");
        set.view = rec_sym(&set, "app/auth.py", "signed.<locals>.wrapper", 4, REC_APP);
        for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
            struct rec *rec = rec_begin(&set);
            uint32_t wrapper = rec_node(rec, HP_NODE_ROOT, set.view, 0, 1, cases[k].wrapper_ms);
            rec_node(rec, wrapper, rec_sym(&set, "app/auth.py", "check", 30, REC_APP), 6, 1, 0.1);
            rec_node(rec, wrapper, rec_sym(&set, "app/views.py", "view", 12, REC_APP), 8, 1,
                     cases[k].view_ms);
            rec_work_end(&set, rec, cases[k].wrapper_ms + cases[k].view_ms);
        }
        struct hp_find_result r = rec_find(&set);
        assert_int_equal(r.findings.count, cases[k].findings);
        if (r.findings.count != 0) {
            assert_int_equal(r.findings.list[0].site_sym, set.view);
        }
        rec_set_fini(&set);
    }
}

static struct hp_str source_of(void *ctx, struct hp_str file)
{
    (void)file;
    return hp_str_from0(ctx);
}

static void one_pass_that_goes_through_a_list_again_is_hot_where_another_is_not(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "A = [n for n in many()]\n\ndef count(got):\n    return sum(1 for one in got if one in A)\n",
        "A = {n for n in many()}\n\ndef count(got):\n    return sum(1 for one in got if one in A)\n",
        "\n\ndef count(got):\n    return [sum(got[: at + 1]) for at in range(len(got))]\n"};
    for (size_t k = 0; k < 3; k++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/x");
        uint32_t count = rec_sym(&set, "app/count.py", "count", 3, REC_APP);
        for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
            struct rec *rec = rec_begin(&set);
            rec_node(rec, rec_work_page(&set, rec), count, 12, 1, 9);
            rec_work_end(&set, rec, 9);
        }
        struct hp_case c = rec_case(&set);
        struct hp_find_result r;
        char text[128];
        memcpy(text, sources[k], strlen(sources[k]) + 1);
        c.source = source_of;
        c.source_ctx = text;
        assert_int_equal(hp_find_run(&c, &set.arena, &r), HP_OK);
        assert_int_equal(r.findings.count, k != 1);
        if (k != 1) {
            const struct hp_finding *finding = &r.findings.list[0];
            assert_int_equal(finding->kind, HP_FIND_hot_function);
            assert_int_equal(finding->subject_sym, count);
            assert_non_null(strstr(finding->advice.p, k == 0 ? "the list A" : "the beginning of got"));
            assert_int_equal(finding->site_sym, count); /* not where the page calls it */
            assert_int_equal(finding->site_line, 4);
        }
        rec_set_fini(&set);
    }
}

#define PAGE(key)                                                                                            \
    "\n\n\n\n\n\n\n\n\ndef page():\n    card = request.args['card']\n    return key(" key ")\n\n"
#define KEY(does) "def key(card):\n    return " does "\n"

/* page ── key, line 12, at once or 5 times; or a guard before page calls it; or key ── digest, of a library. */
static void one_call_that_the_request_is_for_is_no_hot_function(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        uint64_t calls;
        bool guard, library, found;
    } cases[] = {{PAGE("card") KEY("scrypt(card)"), 1, false, false, false},
                 {PAGE("card") KEY("scrypt(card)"), 1, false, true, false},
                 {PAGE("card") KEY("scrypt(card)"), 5, false, false, true},
                 {PAGE("card") KEY("scrypt(card)"), 1, true, false, true},
                 {PAGE("report()") KEY("scrypt(card)"), 1, false, false, true},
                 {PAGE("card") KEY("[scrypt(one) for one in card]"), 1, false, false, true}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/x");
        uint32_t key = rec_sym(&set, "app/views.py", "key", 14, REC_APP);
        uint32_t guard = rec_sym(&set, "app/guard.py", "guard", 3, REC_APP);
        uint32_t digest = rec_sym(&set, "lib/security.py", "digest", 3, REC_LIB);
        for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
            struct rec *rec = rec_begin(&set);
            uint32_t page = rec_work_page(&set, rec);
            uint32_t above = cases[k].guard ? rec_node(rec, HP_NODE_ROOT, guard, 4, 1, 0.1) : page;
            uint32_t node = rec_node(rec, above, key, 12, cases[k].calls, cases[k].library ? 0.1 : 30);
            if (cases[k].library) {
                rec_node(rec, node, digest, 15, 1, 30);
            }
            rec_work_end(&set, rec, 30.2);
        }
        struct hp_case c = rec_case(&set);
        struct hp_find_result r;
        char text[256];
        memcpy(text, cases[k].source, strlen(cases[k].source) + 1);
        c.source = source_of;
        c.source_ctx = text;
        assert_int_equal(hp_find_run(&c, &set.arena, &r), HP_OK);
        assert_int_equal(r.findings.count, cases[k].found);
        rec_set_fini(&set);
    }
}

/* page ── timed.<locals>.wrapper ── digest; the last source has page call what it was given, too. */
static void line_of_a_decorated_function_is_the_one_that_calls_it(void **state)
{
    (void)state;
    static const struct {
        const char *source, *caller;
        uint32_t line;
    } cases[] = {
        {"def timed(fn):\n    def wrapper(*args):\n        return fn(*args)\n    return wrapper\n\n"
         "def shown():\n    return digest(1)\n",
         "shown", 7},
        {"def timed(fn):\n    def wrapper(*args):\n        return digest(*args)\n    return wrapper\n\n"
         "def shown():\n    return digest(1)\n",
         "timed.<locals>.wrapper", 3},
        {"def timed(fn):\n    def wrapper(*args):\n        return fn(*args)\n    return wrapper\n\n"
         "def shown():\n    return call(1)\n",
         "timed.<locals>.wrapper", 3}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/x");
        uint32_t shown = rec_sym(&set, "app/work.py", "shown", 6, REC_APP);
        uint32_t wrapper = rec_sym(&set, "app/work.py", "timed.<locals>.wrapper", 2, REC_APP);
        uint32_t digest = rec_sym(&set, "app/work.py", "digest", 20, REC_APP);
        for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
            struct rec *rec = rec_begin(&set);
            uint32_t above = rec_node(rec, rec_work_page(&set, rec), shown, 12, 1, 0.1);
            rec_node(rec, rec_node(rec, above, wrapper, 7, 5, 0.1), digest, 3, 5, 30);
            rec_work_end(&set, rec, 30.2);
        }
        struct hp_case c = rec_case(&set);
        struct hp_find_result r;
        char text[256];
        memcpy(text, cases[k].source, strlen(cases[k].source) + 1);
        c.source = source_of;
        c.source_ctx = text;
        assert_int_equal(hp_find_run(&c, &set.arena, &r), HP_OK);
        assert_int_equal(r.findings.count, 1);
        assert_int_equal(r.findings.list[0].subject_sym, digest);
        assert_string_equal(hp_dict_symbol(set.dict, r.findings.list[0].site_sym).name.p, cases[k].caller);
        assert_int_equal(r.findings.list[0].site_line, cases[k].line);
        rec_set_fini(&set);
    }
}

static void helper_of_a_librarys_own_view_is_not_the_view(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/x");
    set.view = rec_sym(&set, "admin/views.py", "List.page", 4, REC_LIB);
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set.view, 0, 1, 4);
        rec_node(rec, view, rec_sym(&set, "app/models.py", "Group.__str__", 10, REC_APP), 6, 100, 0.1);
        rec_node(rec, view, rec_sym(&set, "proxies/local.py", "Proxy.__getattr__", 30, REC_LIB), 8, 9000, 12);
        rec_work_end(&set, rec, 16.1);
    }
    assert_int_equal(rec_only(&set, HP_FIND_attribute_lookup_hot)->site_sym, set.view);
    rec_set_fini(&set);
}

static void what_the_first_request_does_is_not_the_place_of_a_hot_function(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/x");
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t check = rec_work_app(&set, rec, rec_work_page(&set, rec), "check", 12, 1, 0.1);
        double first_ms = i == 0 ? 600 : 0;
        rec_node(rec, check, rec_sym(&set, "schemas/load.py", "load", 1, REC_LIB), 31, 1, first_ms);
        rec_node(rec, check, rec_sym(&set, "schemas/check.py", "check", 1, REC_LIB), 35, 1, 20);
        rec_work_end(&set, rec, 21.1 + first_ms);
    }
    assert_int_equal(rec_only(&set, HP_FIND_hot_function)->site_line, 35);
    rec_set_fini(&set);
}

static void what_the_only_request_imports_is_no_hot_function(void **state)
{
    (void)state;
    for (unsigned requests = 1; requests <= 2; requests++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/help");
        for (unsigned i = 0; i < requests; i++) {
            struct rec *rec = rec_begin(&set);
            uint32_t load = rec_work_app(&set, rec, rec_work_page(&set, rec), "load", 12, 1, 0.1);
            uint32_t find = rec_work_lib(&set, rec, load, "<frozen importlib._bootstrap>", "_find_and_load",
                                         31, 1, i == 0 ? 2 : 0);
            uint32_t module = rec_work_app(&set, rec, find, "<module>", 0, 1, i == 0 ? 90 : 0);
            rec_work_app(&set, rec, module, "table", 3, 1, i == 0 ? 50 : 0);
            rec_work_app(&set, rec, load, "show", 32, 100, 40);
            rec_work_end(&set, rec, i == 0 ? 182.1 : 40.1);
        }
        const struct hp_finding *finding = rec_only(&set, HP_FIND_hot_function);
        assert_int_equal(finding->subject_sym, rec_sym(&set, "app/work.py", "show", 20, REC_APP));
        rec_set_fini(&set);
    }
}

static void calls_beyond_the_cap_are_part_of_the_function_that_they_are_below(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/query");
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t run = rec_work_app(&set, rec, rec_work_page(&set, rec), "run", 12, 1, 1);
        rec_work_lib(&set, rec, run, "parser/parse.py", "parse", 31, 1, 20);
        uint32_t beyond = rec_node(rec, run, 0, 0, 50000, 70);
        rec->tree->nodes[beyond].kind = HP_NODE_OVERFLOW;
        rec_work_end(&set, rec, 91);
    }
    const struct hp_finding *finding = rec_only(&set, HP_FIND_hot_function);
    assert_near(rec_ms(finding->median_ns), 91, 0.02);
    assert_int_equal(finding->site_line, 31);
    rec_set_fini(&set);
}

static void objects_of_rows_that_are_asked_for_one_by_one_are_no_hot_function(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/x");
    uint32_t sql = rec_sql(&set, "SELECT title FROM track WHERE album = ?", HP_ENGINE_SQLITE);
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t child = rec_work_app(&set, rec, rec_work_page(&set, rec), "as_child", 12, 20, 0.1);
        uint32_t run =
            rec_node(rec, child, rec_sym(&set, "orm/query.py", "Query.execute", 1, REC_LIB), 31, 20, 10);
        rec_node(rec, child, rec_sym(&set, "orm/cursor.py", "Rows.next", 1, REC_LIB), 31, 160, 12);
        for (unsigned k = 0; k < 20; k++) {
            rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                                .node = run,
                                                .site_sym = rec->tree->nodes[child].sym,
                                                .site_line = 31,
                                                .t0 = 1 + k,
                                                .exec = 0.1,
                                                .params = k + 1,
                                                .rows = 8});
        }
        rec_work_end(&set, rec, 23.1);
    }
    assert_int_equal(rec_only(&set, HP_FIND_n_plus_one)->kind, HP_FIND_n_plus_one);
    rec_set_fini(&set);
}

static void hot_function_of_a_first_request_alone_may_be_warming_up(void **state)
{
    (void)state;
    for (unsigned requests = 1; requests <= REC_WORK_REQUESTS; requests += REC_WORK_REQUESTS - 1) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/x");
        for (unsigned i = 0; i < requests; i++) {
            struct rec *rec = rec_begin(&set);
            rec_work_app(&set, rec, rec_work_page(&set, rec), "load", 12, 1, 40);
            rec_work_end(&set, rec, 41);
        }
        const struct hp_finding *finding = rec_only(&set, HP_FIND_hot_function);
        assert_int_equal(hp_str_starts(finding->advice, HP_STR("Only the first request")), requests == 1);
        assert_int_equal(finding->low90_ns == 0, requests == 1);
        rec_set_fini(&set);
    }
}

static void function_with_what_is_written_inside_it_is_one_cause(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/x");
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t work = rec_work_app(&set, rec, rec_work_page(&set, rec), "work", 12, 1, 15);
        uint32_t sort = rec_work_lib(&set, rec, work, "bisect.py", "insort", 31, 1, 0.1);
        rec_work_app(&set, rec, sort, "work.<locals>.<lambda>", 9, 900, 14);
        rec_work_end(&set, rec, 29.1);
    }
    const struct hp_finding *finding = rec_only(&set, HP_FIND_hot_function);
    assert_near(rec_ms(finding->median_ns), 29.1, 0.02);
    assert_string_equal(hp_dict_symbol(set.dict, finding->subject_sym).name.p, "work");
    rec_set_fini(&set);
}

/* The view ── work ── same, over and over. */
static struct hp_find_result find_loop(struct rec_set *set, double loop_ms, uint64_t calls, double each_ms)
{
    rec_set_init(set, "GET", "/x");
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        struct rec *rec = rec_begin(set);
        uint32_t work = rec_work_app(set, rec, rec_work_page(set, rec), "work", 12, 1, loop_ms);
        rec_work_app(set, rec, work, "same", 22, calls, each_ms);
        rec_work_end(set, rec, loop_ms + each_ms);
    }
    return rec_find(set);
}

static void loop_is_one_cause_with_the_function_that_it_calls(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_find_result r = find_loop(&set, 15, 20000, 14);
    assert_int_equal(r.findings.count, 1);
    assert_near(rec_ms(r.findings.list[0].median_ns), 29, 0.02);
    assert_int_equal(r.findings.list[0].site_line, 22);
    rec_set_fini(&set);
    r = find_loop(&set, 15, 1000, 14); /* it does more than to call */
    assert_int_equal(r.findings.count, 2);
    rec_set_fini(&set);
    r = find_loop(&set, 45, 50000, 14);
    assert_int_equal(r.findings.count, 2);
    rec_set_fini(&set);
}

static void one_pass_over_what_is_given_is_no_hot_function(void **state)
{
    (void)state;
    static const struct {
        uint64_t calls, library_calls;
        double own_ms, library_ms, view_ms;
        bool told;
    } cases[] = {{1, 1, 9, 0, 0, false},
                 {1, 1, 9, 2, 0, false},
                 {1, 1, 16, 0, 0, true},
                 {1, 1, 1, 9, 0, true},
                 {2, 1, 9, 0, 0, true},
                 /* as short as a line of the loop */
                 {9000, 1, 9, 0, 0, false},
                 {9000, 1, 16, 0, 0, true},
                 {2000, 1, 9, 0, 0, true},
                 /* a library's function that is as short as a line */
                 {1, 9000, 1, 9, 0, false},
                 {1, 9000, 4, 12, 0, true},
                 /* something with each of many things, for a moment, or for a smaller part of the request */
                 {900, 1, 3.5, 0, 0, false},
                 {450, 1, 4.4, 0, 0, true},
                 {3, 1, 3.5, 0, 0, true},
                 {240, 1, 9, 0, 30, false},
                 {240, 1, 16, 0, 50, true},
                 {240, 240, 1, 8, 30, true}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/x");
        for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
            struct rec *rec = rec_begin(&set);
            uint32_t page = rec_work_page(&set, rec);
            uint32_t work = rec_work_app(&set, rec, page, "work", 12, cases[k].calls, cases[k].own_ms);
            rec_work_lib(&set, rec, work, "statistics.py", "fmean", 31, cases[k].library_calls,
                         cases[k].library_ms);
            rec_work_lib(&set, rec, page, "statistics.py", "stdev", 14, 1, cases[k].view_ms);
            rec_work_end(&set, rec, cases[k].own_ms + cases[k].library_ms + cases[k].view_ms);
        }
        assert_int_equal(rec_find(&set).findings.count, cases[k].told);
        rec_set_fini(&set);
    }
}

static void what_a_view_calls_over_and_over_is_not_its_own_work(void **state)
{
    (void)state;
    static const struct {
        uint64_t calls;
        double library_ms, own_ms;
        bool told;
        uint64_t items; /* that a generator gives */
        unsigned others;
    } cases[] = {{2500, 11, 1, true, 0, 0},   {2500, 11, 1, true, 0, 1000},
                 {3, 11, 1, false, 0, 0},                                  /* once for the page */
                 {1, 11, 1, true, 2500, 0},   {2500, 11, 30, false, 0, 0}, /* a smaller part of it */
                 {2500, 4, 1, false, 0, 0},   {10000, 11, 1, false, 0, 0}, /* as short as a line */
                 {1, 11, 1, false, 10000, 0}, {2500, 0, 12, false, 0, 0}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/x");
        for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
            struct rec *rec = rec_begin(&set);
            uint32_t page = rec_work_page(&set, rec);
            uint32_t called = rec_work_lib(&set, rec, page, "_strptime.py", "_strptime_datetime", 14,
                                           cases[k].calls, cases[k].library_ms);
            double others_ms = cases[k].others * 0.002;
            rec->tree->nodes[called].resumes = cases[k].items;
            rec_work_lib(&set, rec, page, "decimal.py", "getcontext", 13, 1, others_ms * 10);
            rec_work_lib(&set, rec, page, "decimal.py", "quantize", 14, cases[k].others, others_ms);
            rec->tree->nodes[page].self += rec_ns(cases[k].own_ms);
            rec_work_end(&set, rec, cases[k].library_ms + cases[k].own_ms + others_ms * 11);
        }
        struct hp_find_result r = rec_find(&set);
        assert_int_equal(r.findings.count, cases[k].told);
        if (cases[k].told) {
            assert_int_equal(r.findings.list[0].site_line, 14);
            assert_near(rec_ms(r.findings.list[0].median_ns), cases[k].library_ms + cases[k].others * 0.002,
                        0.1);
            assert_string_equal(r.findings.list[0].title.p + strlen("page computes for 11.0 ms in "),
                                cases[k].others != 0 ? "3,500 calls of _strptime_datetime and others"
                                                     : "2,500 calls of _strptime_datetime");
        }
        rec_set_fini(&set);
    }
}

static void time_in_which_other_programs_ran_makes_no_function_hot(void **state)
{
    (void)state;
    static const struct {
        uint64_t calls;
        double work_ms, runqueue_ms, wall_ms, cpu_ms;
        bool told;
    } cases[] = {{50, 6, 0, 16, 12, true}, {50, 6, 24, 40, 12, false}, {1, 47, 32, 48, 16, true}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/x");
        for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
            struct rec *rec = rec_begin(&set);
            rec_work_app(&set, rec, rec_work_page(&set, rec), "work", 12, cases[k].calls, cases[k].work_ms);
            rec->record.lanes[0].wait_busy_ns = 0;
            rec->record.lanes[0].runqueue_ns = rec_ns(cases[k].runqueue_ms);
            rec_end(&set, rec, cases[k].wall_ms, cases[k].cpu_ms);
        }
        assert_int_equal(rec_find(&set).findings.count, cases[k].told);
        rec_set_fini(&set);
    }
}

static void recorded_waits_say_that_a_function_does_not_compute(void **state)
{
    (void)state;
    for (int sleeps = 0; sleeps < 2; sleeps++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/x");
        for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
            struct rec *rec = rec_begin(&set);
            uint32_t view = rec_work_page(&set, rec);
            uint32_t idle = rec_work_app(&set, rec, view, "idle", 12, 1, 40);
            rec_work_app(&set, rec, view, "busy", 13, 1, 40);
            rec->record.lanes[0].wait_busy_ns = 0;
            rec->record.waits = rec_zeroed(&set, sizeof *rec->record.waits);
            rec->record.waits[0] = (struct hp_wait){
                .count = 1, .ns = rec_ns(39.9), .node = idle, .kind = HP_WAIT_RECV, .max_ns = rec_ns(39.9)};
            rec->record.wait_count = sleeps != 0;
            rec_work_end(&set, rec, 80);
            rec->record.req.cpu_ns = rec_ns(81.2 - (sleeps != 0 ? 39.9 : 0));
        }
        struct hp_find_result r = rec_find(&set);
        unsigned hot = 0;
        for (uint32_t i = 0; i < r.findings.count; i++) {
            hot += r.findings.list[i].kind == HP_FIND_hot_function;
        }
        assert_int_equal(hot, sleeps != 0 ? 1 : 2);
        rec_set_fini(&set);
    }
}

static void out_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/all");
    for (unsigned i = 0; i < 3; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t loop = rec_work_app(&set, rec, rec_work_page(&set, rec), "each", 30, 1, 4);
        rec_work_app(&set, rec, loop, "one", 21, 5000, 9);
        rec_work_end(&set, rec, 13);
    }
    hp_sweep_oom(rec_find_all, &set);
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(view_behind_a_decorator_is_the_view_and_the_decorator_is_not),
        cmocka_unit_test(one_pass_that_goes_through_a_list_again_is_hot_where_another_is_not),
        cmocka_unit_test(one_call_that_the_request_is_for_is_no_hot_function),
        cmocka_unit_test(line_of_a_decorated_function_is_the_one_that_calls_it),
        cmocka_unit_test(helper_of_a_librarys_own_view_is_not_the_view),
        cmocka_unit_test(what_the_first_request_does_is_not_the_place_of_a_hot_function),
        cmocka_unit_test(what_the_only_request_imports_is_no_hot_function),
        cmocka_unit_test(calls_beyond_the_cap_are_part_of_the_function_that_they_are_below),
        cmocka_unit_test(objects_of_rows_that_are_asked_for_one_by_one_are_no_hot_function),
        cmocka_unit_test(hot_function_of_a_first_request_alone_may_be_warming_up),
        cmocka_unit_test(function_with_what_is_written_inside_it_is_one_cause),
        cmocka_unit_test(loop_is_one_cause_with_the_function_that_it_calls),
        cmocka_unit_test(one_pass_over_what_is_given_is_no_hot_function),
        cmocka_unit_test(what_a_view_calls_over_and_over_is_not_its_own_work),
        cmocka_unit_test(time_in_which_other_programs_ran_makes_no_function_hot),
        cmocka_unit_test(recorded_waits_say_that_a_function_does_not_compute),
        cmocka_unit_test(out_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
