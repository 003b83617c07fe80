/* test_rules_cpu.c -- library calls of one purpose, templates and collections: where each must fire, where
 * not, and what it saves. */
#include "records_work.h"

#include "find/own.h"
#include "sweep_oom.h"

/* ---- library calls of one purpose ---- */

struct call { /* of a library by app/work.py: work, line 31 */
    const char *file, *name, *below_file, *below_name;
    uint64_t calls, bytes_out;
    uint32_t flags;                               /* of the request */
    double self_ms, below_ms, caller_ms, back_ms; /* back: in the application's code that is called back */
    unsigned from; /* the first request that has it; the ones before have nothing */
    unsigned only; /* not 0: only so many */
};

static void add_call(struct rec_set *set, struct call c)
{
    struct rec *rec = rec_begin(set);
    uint32_t view = rec_work_page(set, rec);
    uint32_t work = rec_work_app(set, rec, view, "work", 12, 1, c.caller_ms);
    double beyond = c.caller_ms;
    unsigned i = set->count - 1;
    if (i >= c.from && (c.only == 0 || i < c.from + c.only)) {
        uint32_t entry = rec_work_lib(set, rec, work, c.file, c.name, 31, c.calls, c.self_ms);
        uint32_t below = c.below_file != NULL ? rec_work_lib(set, rec, entry, c.below_file, c.below_name, 9,
                                                             c.calls, c.below_ms)
                                              : entry;
        rec_work_app(set, rec, below, "back", 3, c.calls, c.back_ms);
        beyond += c.self_ms + c.below_ms + c.back_ms;
    }
    rec->record.req.bytes_out = c.bytes_out;
    rec->record.req.flags = c.flags;
    rec_work_end(set, rec, beyond);
}

static void make_calls(struct rec_set *set, struct call c)
{
    rec_set_init(set, "GET", "/work");
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        add_call(set, c);
    }
}

/* json ── loads, of 41 ms, in a request that had a processor for less. */
static void call_that_other_programs_held_up_computes_no_longer_than_the_request(void **state)
{
    (void)state;
    for (unsigned busy = 0; busy <= 1; busy++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/work");
        add_call(&set, (struct call){.file = "json/__init__.py", .name = "loads", .calls = 4, .self_ms = 41});
        set.requests[0].record.req.cpu_ns = busy ? HP_ABSENT : rec_ns(8);
        struct hp_find_result r = rec_find(&set);
        assert_int_equal(r.findings.count, 1);
        assert_int_equal(r.findings.list[0].kind, HP_FIND_serialization_hot);
        assert_near(rec_ms(r.findings.list[0].median_ns), busy ? 41 : 8, 0.02);
        rec_set_fini(&set);
    }
}

static void expressions_compiled_in_each_request_cost_all_of_it(void **state)
{
    (void)state;
    struct rec_set set;
    make_calls(&set, (struct call){.file = "re/__init__.py",
                                   .name = "_compile",
                                   .below_file = "re/_compiler.py",
                                   .below_name = "compile",
                                   .calls = 300,
                                   .self_ms = 2,
                                   .below_ms = 20,
                                   .caller_ms = 1});
    const struct hp_finding *finding = rec_only(&set, HP_FIND_regex_compile);
    assert_near(rec_ms(finding->median_ns), 22, 0.02);
    assert_int_equal(finding->site_line, 31);
    rec_set_fini(&set);
}

/* work ── sub ── compile: `calls` patterns, each for one substitution. */
static double saving_of_patterns(uint64_t calls, double sub_ms)
{
    struct rec_set set;
    rec_set_init(&set, "GET", "/work");
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t work = rec_work_app(&set, rec, rec_work_page(&set, rec), "work", 12, 1, 1);
        uint32_t sub = rec_work_lib(&set, rec, work, "re/__init__.py", "sub", 31, calls, sub_ms);
        uint32_t lookup = rec_work_lib(&set, rec, sub, "re/__init__.py", "_compile", 186, calls, 2);
        rec_work_lib(&set, rec, lookup, "re/_compiler.py", "compile", 294, calls, 18);
        rec_work_end(&set, rec, 21 + sub_ms);
    }
    struct hp_find_result r = rec_find(&set);
    assert_int_not_equal(r.findings.count, 0);
    double saving = 0;
    for (uint32_t i = 0; i < r.findings.count; i++) {
        bool regex = r.findings.list[i].kind == HP_FIND_regex_compile;
        saving = regex ? rec_ms(r.findings.list[i].median_ns) : saving;
    }
    rec_set_fini(&set);
    return saving;
}

static void matching_goes_with_a_pattern_that_is_used_once(void **state)
{
    (void)state;
    assert_near(saving_of_patterns(300, 9), 29, 0.02);
    assert_near(saving_of_patterns(2, 9), 20, 0.02);    /* two passes over a text */
    assert_near(saving_of_patterns(300, 30), 20, 0.02); /* matching is what takes long */
}

static void expressions_kept_or_compiled_once_are_silent(void **state)
{
    (void)state;
    struct rec_set set;
    make_calls(&set,
               (struct call){.file = "re/__init__.py", .name = "_compile", .calls = 300, .self_ms = 0.2});
    rec_silent(&set);
    make_calls(&set, (struct call){
                         .file = "re/_compiler.py", .name = "compile", .calls = 3, .self_ms = 20, .only = 1});
    rec_silent(&set);
}

static void imports_in_each_request_are_found_with_the_modules_own_code(void **state)
{
    (void)state;
    struct rec_set set;
    struct call c = {.file = "<frozen importlib._bootstrap>",
                     .name = "_find_and_load",
                     .calls = 1,
                     .self_ms = 6,
                     .back_ms = 4};
    make_calls(&set, c);
    assert_near(rec_ms(rec_only(&set, HP_FIND_import_in_request)->median_ns), 10, 0.02);
    rec_set_fini(&set);
    c.only = 1;
    make_calls(&set, c);
    rec_silent(&set);
}

static void imports_of_each_process_when_it_begins_are_silent(void **state)
{
    (void)state;
    struct rec_set set;
    struct call c = {
        .file = "<frozen importlib._bootstrap>", .name = "_find_and_load", .calls = 1, .self_ms = 1.9};
    for (unsigned processes = 2; processes <= 4; processes += 2) {
        rec_set_init(&set, "GET", "/work");
        for (unsigned i = 0; i < 4; i++) {
            add_call(&set, c);
            set.requests[i].record.req.process = 1 + i % processes;
        }
        if (processes == 2) {
            (void)rec_only(&set, HP_FIND_import_in_request); /* each has it twice */
            rec_set_fini(&set);
        } else {
            rec_silent(&set);
        }
    }
}

static void copies_by_way_of_text_are_found_and_the_response_itself_is_not(void **state)
{
    (void)state;
    struct rec_set set;
    struct call c = {.file = "json/__init__.py",
                     .name = "dumps",
                     .below_file = "json/encoder.py",
                     .below_name = "JSONEncoder.iterencode",
                     .calls = 4,
                     .self_ms = 0.1,
                     .below_ms = 20,
                     .bytes_out = 200};
    make_calls(&set, c);
    const struct hp_finding *finding = rec_only(&set, HP_FIND_serialization_hot);
    assert_near(rec_ms(finding->median_ns), 20, 0.02);
    assert_true(finding->low90_ns < finding->median_ns);
    rec_set_fini(&set);
    c.bytes_out = 450000; /* 44 ns a byte: as fast as it gets */
    make_calls(&set, c);
    rec_silent(&set);
    c.bytes_out = 22500; /* the same, compressed */
    c.flags = HP_REQ_ENCODED;
    make_calls(&set, c);
    rec_silent(&set);
}

/* A serialiser's decorator around the view, which computes for 30 ms: 20 ms after it are the serialiser's. */
static void expect_after_view(bool of_package)
{
    struct rec_set set;
    rec_set_init(&set, "GET", "/x");
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t wsgi = rec_node(rec, HP_NODE_ROOT,
                                 rec_sym(&set, "flask/app.py", "wsgi_app", 1, REC_FRAMEWORK), 0, 1, 0.2);
        uint32_t wrapper =
            rec_work_lib(&set, rec, wsgi, of_package ? "marshmallow/around.py" : "flask_restful/__init__.py",
                         "dumped.<locals>.wrapper", 0, 1, 0.1);
        uint32_t page = rec_node(rec, wrapper, set.view, 5, 1, 1);
        rec_work_lib(&set, rec, page, "numbers/crunch.py", "crunch", 12, 1, 30);
        rec_work_lib(&set, rec, wrapper, of_package ? "marshmallow/schema.py" : "flask_restful/__init__.py",
                     of_package ? "Schema.dump" : "marshal", 9, 1, 20);
        rec->record.req.bytes_out = 200;
        rec_work_end(&set, rec, 50.1);
    }
    const struct hp_finding *finding = rec_only(&set, HP_FIND_serialization_hot);
    assert_near(rec_ms(finding->median_ns), 20, 0.2);
    rec_set_fini(&set);
}

static void a_serialisers_decorator_is_not_the_view_below_it(void **state)
{
    (void)state;
    expect_after_view(true);
    expect_after_view(false);
}

static void encoder_in_python_is_held_to_what_one_in_c_needs(void **state)
{
    (void)state;
    for (int pieces = 0; pieces <= 1; pieces++) {
        struct rec_set set;
        make_calls(&set, (struct call){.file = "json/__init__.py",
                                       .name = "dumps",
                                       .below_file = "json/encoder.py",
                                       .below_name = "_make_iterencode.<locals>._iterencode",
                                       .calls = 1,
                                       .below_ms = 20,
                                       .bytes_out = 390000});
        for (uint32_t i = 0; i < set.count; i++) {
            struct hp_tree *tree = set.requests[i].tree;
            tree->nodes[tree->count - 2].resumes = pieces ? 30000 : 3; /* what it calls back comes after */
        }
        if (pieces) {
            const struct hp_finding *finding = rec_only(&set, HP_FIND_serialization_hot);
            assert_near(rec_ms(finding->median_ns), 20 - 390000 * 20e-6, 0.02);
            rec_set_fini(&set);
        } else {
            rec_silent(&set); /* 51 ns a byte */
        }
    }
}

static void rows_that_are_read_as_fast_as_can_be_are_silent(void **state)
{
    (void)state;
    static const struct {
        uint64_t calls;
        double ms;
        bool told;
    } cases[] = {{1500, 2, false}, {1500, 4, true}, {12000, 16, true}, {2, 2, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rec_set set;
        make_calls(&set, (struct call){.file = "csv.py",
                                       .name = "DictReader.__next__",
                                       .calls = cases[i].calls,
                                       .self_ms = cases[i].ms,
                                       .caller_ms = 1,
                                       .bytes_out = 200});
        struct hp_find_result r = rec_find(&set);
        bool told = false;
        for (uint32_t k = 0; k < r.findings.count; k++) {
            told = told || r.findings.list[k].kind == HP_FIND_serialization_hot;
        }
        assert_int_equal(told, cases[i].told);
        rec_set_fini(&set);
    }
}

static void reading_is_not_called_writing(void **state)
{
    (void)state;
    static const struct {
        const char *file, *name, *title, *advice;
    } cases[] = {{"yaml/__init__.py", "safe_load", "parsing takes 20.0 ms", "keep what was read"},
                 {"yaml/__init__.py", "safe_dump", "serialising takes 20.0 ms", "keep the encoded text"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rec_set set;
        make_calls(&set,
                   (struct call){.file = cases[i].file, .name = cases[i].name, .calls = 1, .self_ms = 20});
        const struct hp_finding *finding = rec_only(&set, HP_FIND_serialization_hot);
        assert_string_equal(finding->title.p, cases[i].title);
        assert_non_null(strstr(finding->advice.p, cases[i].advice));
        rec_set_fini(&set);
    }
}

static void response_that_is_longer_than_anybody_reads_is_found_whole(void **state)
{
    (void)state;
    struct rec_set set;
    make_calls(&set, (struct call){.file = "json/encoder.py",
                                   .name = "JSONEncoder.iterencode",
                                   .calls = 1,
                                   .self_ms = 20,
                                   .bytes_out = 1000000});
    assert_near(rec_ms(rec_only(&set, HP_FIND_serialization_hot)->median_ns), 20, 0.02);
    rec_set_fini(&set);
}

static void converter_of_the_application_counts_with_the_encoder(void **state)
{
    (void)state;
    struct rec_set set;
    make_calls(&set, (struct call){.file = "json/encoder.py",
                                   .name = "JSONEncoder.iterencode",
                                   .calls = 1,
                                   .self_ms = 10,
                                   .back_ms = 15,
                                   .bytes_out = 200000});
    const struct hp_finding *finding = rec_only(&set, HP_FIND_serialization_hot);
    assert_near(rec_ms(finding->median_ns), 15, 0.02); /* 25 less 10 for the response */
    rec_set_fini(&set);
}

static void attribute_lookups_by_the_thousand_are_found(void **state)
{
    (void)state;
    struct rec_set set;
    struct call c = {
        .file = "box/box.py", .name = "Box.__getattr__", .calls = 20000, .self_ms = 14, .caller_ms = 4};
    make_calls(&set, c);
    const struct hp_finding *finding = rec_only(&set, HP_FIND_attribute_lookup_hot);
    assert_near(rec_ms(finding->median_ns), 14 + 20000 * 90e-6, 0.02);
    rec_set_fini(&set);
    c.calls = 900;
    make_calls(&set, c);
    assert_int_equal(rec_only(&set, HP_FIND_hot_function)->site_line,
                     31); /* few, dear calls: the function itself */
    rec_set_fini(&set);
    c.calls = 1000;
    c.self_ms = 0.02;
    c.caller_ms = 0.2;
    make_calls(&set, c);
    rec_silent(&set);
}

static void what_a_lookup_costs_its_caller_is_the_lookups(void **state)
{
    (void)state;
    struct rec_set set;
    struct call c = {
        .file = "box/box.py", .name = "Box.__getattr__", .calls = 60000, .self_ms = 1.8, .caller_ms = 17};
    make_calls(&set, c);
    assert_near(rec_ms(rec_only(&set, HP_FIND_attribute_lookup_hot)->median_ns), 1.8 + 60000 * 90e-6, 0.02);
    rec_set_fini(&set);
}

static void files_that_are_opened_by_the_dozen_are_found_with_reading_them(void **state)
{
    (void)state;
    struct rec_set set;
    struct call c = {.file = "pathlib.py", .name = "Path.open", .calls = 500, .self_ms = 6, .caller_ms = 3};
    make_calls(&set, c);
    const struct hp_finding *finding = rec_only(&set, HP_FIND_disk_io);
    assert_near(rec_ms(finding->median_ns), 9.3, 0.05);
    assert_int_equal(finding->site_line, 31);
    assert_true(finding->low90_ns < finding->median_ns);
    rec_set_fini(&set);
    c.calls = 4;
    c.self_ms = 1;
    make_calls(&set, c);
    rec_silent(&set);
    c.calls = 30;
    c.self_ms = 0.3;
    make_calls(&set, c);
    rec_silent(&set);
    c = (struct call){.file = "importlib/metadata/__init__.py", /* which does more than to open them */
                      .name = "entry_points",
                      .below_file = "pathlib.py",
                      .below_name = "Path.read_text",
                      .calls = 300,
                      .self_ms = 7,
                      .below_ms = 6};
    make_calls(&set, c);
    assert_int_equal(rec_only(&set, HP_FIND_hot_function)->site_line, 31);
    rec_set_fini(&set);
    c = (struct call){.file = "pathlib.py", .name = "Path.open", .self_ms = 0.3, .caller_ms = 3};
    c.file = "app/docs.py"; /* a method of that name of somebody else */
    c.calls = 500;
    make_calls(&set, c);
    rec_silent(&set);
}

static void a_program_is_started_and_its_pipe_read(void **state)
{
    (void)state;
    for (int busy = 0; busy < 2; busy++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/work");
        uint32_t sym = rec_sym(&set, "app/work.py", "system", 20, REC_APP);
        for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
            struct rec *rec = rec_begin(&set);
            uint32_t page = rec_work_page(&set, rec);
            rec_work_lib(&set, rec, page, "parser.py", "parse", 12, 1, 3);
            uint32_t system = rec_work_app(&set, rec, page, "system", 31, 1, 4);
            uint32_t popen = rec_work_lib(&set, rec, system, "<frozen os>", "popen", 41, 1, 0.1);
            rec_work_lib(&set, rec, popen, "subprocess.py", "Popen.__init__", 42, 1, 1.9);
            rec_add_span(&set, rec,
                         (struct rec_span){.kind = HP_WAIT_SUBPROCESS,
                                           .node = system,
                                           .site_sym = sym,
                                           .site_line = 41,
                                           .t0 = 8,
                                           .t1 = 9.2});
            rec->record.lanes[0].runqueue_ns = rec->record.lanes[0].wait_busy_ns = 0;
            double wall = 1.2 + 3 + 4 + 2; /* of it the waiting for the program's end 1.2 */
            rec_end(&set, rec, wall, busy != 0 ? wall - 1.2 : wall - 1.2 - 2.8);
        }
        assert_near(rec_ms(rec_only(&set, HP_FIND_subprocess)->median_ns), busy != 0 ? 2 : 4.8, 0.05);
        rec_set_fini(&set);
    }
}

/* The view reads so much of a file in `ms`, beside 12 ms of work. */
static void make_reads(struct rec_set *set, double ms, uint64_t bytes)
{
    rec_set_init(set, "GET", "/work");
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        struct rec *rec = rec_begin(set);
        uint32_t work = rec_work_app(set, rec, rec_work_page(set, rec), "well", 31, 1, ms);
        rec_add_span(set, rec,
                     (struct rec_span){.kind = HP_WAIT_DISK,
                                       .node = work,
                                       .site_sym = rec_sym(set, "app/work.py", "well", 20, REC_APP),
                                       .site_line = 41,
                                       .bytes = bytes,
                                       .t0 = 1.5,
                                       .t1 = 1.5 + ms});
        (void)rec_work_lib(set, rec, work, "parser.py", "parse", 44, 1, 12);
        rec_work_end(set, rec, 12 + ms);
    }
}

static void a_file_that_is_read_whole_each_time_is_found(void **state)
{
    (void)state;
    struct rec_set set;
    make_reads(&set, 5, 29u << 20);
    struct hp_find_result r = rec_find(&set);
    const struct hp_finding *finding = &r.findings.list[0];
    for (uint32_t i = 0; i < r.findings.count && finding->kind != HP_FIND_disk_io; i++) {
        finding = &r.findings.list[i];
    }
    assert_int_equal(finding->kind, HP_FIND_disk_io);
    assert_string_equal(finding->title.p, "reads a whole file, which takes 5.00 ms");
    assert_near(rec_ms(finding->median_ns), 5, 0.02);
    assert_int_equal(finding->low90_ns, 0);
    assert_int_equal(finding->site_line, 41);
    rec_set_fini(&set);
    make_reads(&set, 2, 1u << 20); /* a seventh, but little */
    r = rec_find(&set);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        assert_int_not_equal(r.findings.list[i].kind, HP_FIND_disk_io);
    }
    rec_set_fini(&set);
}

static void listing_files_is_part_of_opening_them(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/work");
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_work_page(&set, rec);
        uint32_t all = rec_work_app(&set, rec, view, "all", 12, 1, 5.2);
        uint32_t one = rec_work_app(&set, rec, all, "one", 31, 500, 2);
        rec_work_lib(&set, rec, one, "pathlib.py", "Path.read_text", 41, 500, 6);
        rec_work_end(&set, rec, 13.2);
    }
    assert_int_equal(rec_only(&set, HP_FIND_disk_io)->site_line, 41);
    rec_set_fini(&set);
}

static void the_smaller_rest_of_a_function_that_is_told_is_not_told_again(void **state)
{
    (void)state;
    struct rec_set set;
    struct call c = {.file = "re/__init__.py",
                     .name = "compile",
                     .below_file = "re/_compiler.py",
                     .below_name = "compile",
                     .calls = 500,
                     .self_ms = 1,
                     .below_ms = 40,
                     .caller_ms = 20};
    make_calls(&set, c);
    rec_only(&set, HP_FIND_regex_compile);
    rec_set_fini(&set);
    c.caller_ms = 60; /* the larger part is a cause of its own */
    make_calls(&set, c);
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 2);
    assert_int_equal(r.findings.list[0].kind, HP_FIND_hot_function);
    rec_set_fini(&set);
}

static void lookups_of_a_function_that_does_more_itself_are_its_own(void **state)
{
    (void)state;
    struct rec_set set;
    make_calls(
        &set,
        (struct call){
            .file = "box/box.py", .name = "Box.__getattr__", .calls = 20000, .self_ms = 10, .caller_ms = 40});
    assert_near(rec_ms(rec_only(&set, HP_FIND_hot_function)->median_ns), 50, 0.02);
    rec_set_fini(&set);
}

/* ---- templates ---- */

struct render {
    double root_ms, load_ms, escape_ms,
        filter_ms; /* filter: a function of the application, called at line 3 */
    uint64_t loads, values, bytes_out;
};

static void add_render(struct rec_set *set, struct render r)
{
    struct rec *rec = rec_begin(set);
    uint32_t view = rec_work_page(set, rec);
    uint32_t flask = rec_node(
        rec, view, rec_sym(set, "flask/templating.py", "render_template", 1, REC_FRAMEWORK), 12, 1, 0.1);
    struct hp_symbol symbol = {.file = HP_STR("templates/list.html"),
                               .name = HP_STR("root"),
                               .line = 1,
                               .kind = HP_SYM_TEMPLATE,
                               .flags = HP_SYM_APP};
    uint32_t id;
    assert_int_equal(hp_dict_add_symbol(set->dict, &symbol, &id), HP_OK);
    uint32_t root = rec_node(rec, flask, id, 0, 1, r.root_ms);
    rec_node(rec, root, rec_sym(set, "jinja2/environment.py", "Template.new_context", 1, REC_FRAMEWORK), 4,
             r.loads, r.load_ms);
    rec_work_lib(set, rec, root, "markupsafe/__init__.py", "escape", 5, r.values, r.escape_ms);
    if (r.filter_ms > 0) {
        rec_work_app(set, rec, root, "money", 3, r.loads, r.filter_ms);
    }
    rec->record.req.bytes_out = r.bytes_out;
    rec_work_end(set, rec, 0.1 + r.root_ms + r.load_ms + r.escape_ms + r.filter_ms);
}

static void make_renders(struct rec_set *set, struct render r)
{
    rec_set_init(set, "GET", "/list");
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        add_render(set, r);
    }
}

static void part_included_for_each_item_costs_the_engines_work(void **state)
{
    (void)state;
    struct rec_set set;
    make_renders(&set, (struct render){.root_ms = 1,
                                       .load_ms = 12,
                                       .escape_ms = 0.3,
                                       .loads = 1000,
                                       .values = 1000,
                                       .bytes_out = 20000});
    const struct hp_finding *finding = rec_only(&set, HP_FIND_template_hot);
    assert_near(rec_ms(finding->median_ns), 12, 0.02);
    assert_int_equal(finding->site_line, 4);
    rec_set_fini(&set);
}

static void line_of_a_template_is_the_engines_not_that_of_a_function_it_calls(void **state)
{
    (void)state;
    struct rec_set set;
    make_renders(&set, (struct render){.root_ms = 1,
                                       .load_ms = 12,
                                       .escape_ms = 0.3,
                                       .filter_ms = 30,
                                       .loads = 1000,
                                       .values = 1000,
                                       .bytes_out = 20000});
    struct hp_find_result r = rec_find(&set);
    assert_int_equal(r.findings.count, 2);
    assert_int_equal(r.findings.list[0].kind, HP_FIND_hot_function);
    assert_int_equal(r.findings.list[0].site_line, 3);
    assert_int_equal(r.findings.list[1].kind, HP_FIND_template_hot);
    assert_int_equal(r.findings.list[1].site_line, 4);
    rec_set_fini(&set);
}

static void loop_over_what_is_not_shown_is_found_and_a_long_report_is_not(void **state)
{
    (void)state;
    struct rec_set set;
    make_renders(
        &set, (struct render){.root_ms = 30, .escape_ms = 0.1, .loads = 1, .values = 100, .bytes_out = 2000});
    assert_near(rec_ms(rec_only(&set, HP_FIND_template_hot)->median_ns), 30.1 - 0.35, 0.02);
    rec_set_fini(&set);
    make_renders(&set, (struct render){
                           .root_ms = 4, .escape_ms = 1.5, .loads = 1, .values = 1600, .bytes_out = 90000});
    rec_silent(&set);
}

static void page_that_is_longer_than_anybody_reads_is_found_whole(void **state)
{
    (void)state;
    struct rec_set set;
    make_renders(&set, (struct render){
                           .root_ms = 25, .escape_ms = 8, .loads = 1, .values = 12000, .bytes_out = 200000});
    assert_near(rec_ms(rec_only(&set, HP_FIND_template_hot)->median_ns), 33, 0.02);
    rec_set_fini(&set);
    make_renders(
        &set, (struct render){.root_ms = 5, .escape_ms = 5, .loads = 1, .values = 4500, .bytes_out = 200000});
    rec_silent(&set); /* a long table, as fast as it gets */
}

static void template_notes_do_without_a_tree(void **state)
{
    (void)state;
    struct rec_set set;
    make_renders(&set, (struct render){.root_ms = 30, .loads = 1, .bytes_out = 2000});
    for (uint32_t i = 0; i < set.count; i++) {
        struct hp_notes *notes = &set.requests[i].record.notes;
        notes->templates = rec_zeroed(&set, sizeof *notes->templates);
        notes->count[HP_NOTE_TEMPLATE] = 1;
        notes->templates[0] = (struct hp_template){.self_ns = rec_ns(30),
                                                   .total_ns = rec_ns(30),
                                                   .count = 1,
                                                   .sym = set.requests[i].tree->nodes[4].sym};
        set.samples[i].tree = NULL;
    }
    const struct hp_finding *finding = rec_only(&set, HP_FIND_template_hot);
    assert_near(rec_ms(finding->median_ns), 29.7, 0.02);
    assert_int_equal(hp_dict_symbol(set.dict, finding->site_sym).kind, HP_SYM_TEMPLATE);
    rec_set_fini(&set);
}

/* ---- collections ---- */

static void add_garbage(struct rec_set *set, double own_ms, double gc_ms, unsigned count, uint8_t generation)
{
    struct rec *rec = rec_begin(set);
    uint32_t build = rec_work_app(set, rec, rec_work_page(set, rec), "build", 12, 1, own_ms);
    struct hp_notes *notes = &rec->record.notes;
    notes->gcs = rec_zeroed(set, (count + 1) * sizeof *notes->gcs);
    notes->count[HP_NOTE_GC] = count;
    for (unsigned i = 0; i < count; i++) {
        uint32_t gc = hp_tree_child_at_line(rec->tree, build, 0, 25, HP_NODE_GC);
        rec->tree->nodes[gc].self += rec_ns(gc_ms / count);
        notes->gcs[i] = (struct hp_gc){.t0_ns = rec_ns(2 * i),
                                       .t1_ns = rec_ns(2 * i + gc_ms / count),
                                       .node = gc,
                                       .generation = generation};
    }
    rec->record.req.gc_ns = rec_ns(gc_ms);
    rec_work_end(set, rec, own_ms + gc_ms);
}

static void make_garbage(struct rec_set *set, double own_ms, double gc_ms, unsigned count, uint8_t generation)
{
    rec_set_init(set, "GET", "/build");
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        add_garbage(set, own_ms, gc_ms, count, generation);
    }
}

static void collections_are_one_cause_with_the_function_that_makes_the_garbage(void **state)
{
    (void)state;
    struct rec_set set;
    make_garbage(&set, 20, 40, 20, 1);
    const struct hp_finding *finding = rec_only(&set, HP_FIND_gc_pressure);
    assert_near(rec_ms(finding->median_ns), 36, 0.02);
    assert_int_equal(finding->site_line, 25);
    rec_set_fini(&set);
}

static void collection_that_is_asked_for_goes_entirely(void **state)
{
    (void)state;
    struct rec_set set;
    make_garbage(&set, 0.1, 20, 1, 2);
    const struct hp_finding *finding = rec_only(&set, HP_FIND_gc_pressure);
    assert_near(rec_ms(finding->median_ns), 20, 0.02);
    assert_non_null(strstr(finding->advice.p, "gc.collect()"));
    rec_set_fini(&set);
}

static void collections_of_a_first_request_alone_are_no_finding(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/build");
    add_garbage(&set, 3, 4, 4, 1);
    rec_silent(&set);
    rec_set_init(&set, "GET", "/build");
    add_garbage(&set, 3, 4, 1, 2); /* asked for */
    (void)rec_only(&set, HP_FIND_gc_pressure);
    rec_set_fini(&set);
}

/* work ── pickle.loads; the collection that it sets off runs when it has returned. */
static void collection_after_what_a_finding_tells_of_is_part_of_it(void **state)
{
    (void)state;
    struct rec_set set;
    make_calls(&set,
               (struct call){.file = "pickle.py", .name = "loads", .calls = 1, .self_ms = 8, .caller_ms = 1});
    for (unsigned i = 0; i < set.count; i++) {
        struct rec *rec = &set.requests[i];
        struct hp_notes *notes = &rec->record.notes;
        uint32_t work = 0;
        for (uint32_t k = 1; k < rec->tree->count; k++) {
            struct hp_symbol sym = hp_dict_symbol(set.dict, rec->tree->nodes[k].sym);
            work = hp_str_eq(sym.name, HP_STR("work")) ? k : work;
        }
        uint32_t gc = hp_tree_child_at_line(rec->tree, work, 0, 31, HP_NODE_GC);
        rec->tree->nodes[gc].self += rec_ns(4);
        notes->gcs = rec_zeroed(&set, sizeof *notes->gcs);
        notes->count[HP_NOTE_GC] = 1;
        notes->gcs[0] = (struct hp_gc){.t0_ns = rec_ns(9), .t1_ns = rec_ns(13), .node = gc, .generation = 2};
        rec->record.req.gc_ns = rec_ns(4);
    }
    assert_near(rec_ms(rec_only(&set, HP_FIND_serialization_hot)->median_ns), 8, 0.02);
    rec_set_fini(&set);
}

static void small_or_rare_collections_are_silent(void **state)
{
    (void)state;
    struct rec_set set;
    make_garbage(&set, 20, 1.5, 3, 0);
    assert_int_equal(rec_only(&set, HP_FIND_hot_function)->kind, HP_FIND_hot_function);
    rec_set_fini(&set);
    make_garbage(&set, 20, 4, 20, 1); /* a sixth */
    assert_int_equal(rec_only(&set, HP_FIND_hot_function)->kind, HP_FIND_hot_function);
    rec_set_fini(&set);
    rec_set_init(&set, "GET", "/build");
    for (unsigned i = 0; i < 20; i++) {
        add_garbage(&set, 0.1, i % 4 == 0 ? 20 : 0, i % 4 == 0, 2);
    }
    rec_silent(&set);
}

static void own_time_is_what_the_fix_takes_away(void **state)
{
    (void)state;
    struct rec_set before;
    struct hp_own_key key;
    uint64_t ns[REC_MAX];
    struct call c = {.file = "re/_compiler.py", .name = "compile", .calls = 300, .self_ms = 20};
    make_calls(&before, c);
    struct hp_case old = rec_case(&before);
    struct hp_find_result r = rec_find(&before);
    assert_int_equal(r.findings.count, 1);
    assert_int_equal(hp_own_describe(&old, &r.findings.list[0], &before.arena, &key), HP_OK);
    assert_int_equal(hp_own_measure(&old, &key, false, ns), HP_OK);
    assert_near(rec_ms(ns[0]), 20, 0.02);
    struct rec_set after;
    c.self_ms = 0;
    make_calls(&after, c);
    struct hp_case new = rec_case(&after);
    assert_int_equal(hp_own_measure(&new, &key, true, ns), HP_OK);
    assert_int_equal(ns[0], 0);
    rec_set_fini(&after);
    rec_set_fini(&before);
}

static void out_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/all");
    for (unsigned i = 0; i < 3; i++) {
        add_call(&set, (struct call){.file = "re/_compiler.py", .name = "compile", .calls = 9, .self_ms = 9});
        add_call(&set, (struct call){.file = "json/__init__.py", .name = "dumps", .calls = 9, .self_ms = 9});
        add_render(&set, (struct render){.root_ms = 30, .loads = 1, .bytes_out = 2000});
        add_garbage(&set, 9, 40, 3, 1);
    }
    hp_sweep_oom(rec_find_all, &set);
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(call_that_other_programs_held_up_computes_no_longer_than_the_request),
        cmocka_unit_test(expressions_compiled_in_each_request_cost_all_of_it),
        cmocka_unit_test(matching_goes_with_a_pattern_that_is_used_once),
        cmocka_unit_test(expressions_kept_or_compiled_once_are_silent),
        cmocka_unit_test(imports_in_each_request_are_found_with_the_modules_own_code),
        cmocka_unit_test(imports_of_each_process_when_it_begins_are_silent),
        cmocka_unit_test(copies_by_way_of_text_are_found_and_the_response_itself_is_not),
        cmocka_unit_test(a_serialisers_decorator_is_not_the_view_below_it),
        cmocka_unit_test(encoder_in_python_is_held_to_what_one_in_c_needs),
        cmocka_unit_test(rows_that_are_read_as_fast_as_can_be_are_silent),
        cmocka_unit_test(reading_is_not_called_writing),
        cmocka_unit_test(response_that_is_longer_than_anybody_reads_is_found_whole),
        cmocka_unit_test(converter_of_the_application_counts_with_the_encoder),
        cmocka_unit_test(attribute_lookups_by_the_thousand_are_found),
        cmocka_unit_test(what_a_lookup_costs_its_caller_is_the_lookups),
        cmocka_unit_test(a_program_is_started_and_its_pipe_read),
        cmocka_unit_test(files_that_are_opened_by_the_dozen_are_found_with_reading_them),
        cmocka_unit_test(a_file_that_is_read_whole_each_time_is_found),
        cmocka_unit_test(listing_files_is_part_of_opening_them),
        cmocka_unit_test(the_smaller_rest_of_a_function_that_is_told_is_not_told_again),
        cmocka_unit_test(lookups_of_a_function_that_does_more_itself_are_its_own),
        cmocka_unit_test(part_included_for_each_item_costs_the_engines_work),
        cmocka_unit_test(line_of_a_template_is_the_engines_not_that_of_a_function_it_calls),
        cmocka_unit_test(loop_over_what_is_not_shown_is_found_and_a_long_report_is_not),
        cmocka_unit_test(page_that_is_longer_than_anybody_reads_is_found_whole),
        cmocka_unit_test(template_notes_do_without_a_tree),
        cmocka_unit_test(collections_are_one_cause_with_the_function_that_makes_the_garbage),
        cmocka_unit_test(collection_that_is_asked_for_goes_entirely),
        cmocka_unit_test(collections_of_a_first_request_alone_are_no_finding),
        cmocka_unit_test(collection_after_what_a_finding_tells_of_is_part_of_it),
        cmocka_unit_test(small_or_rare_collections_are_silent),
        cmocka_unit_test(own_time_is_what_the_fix_takes_away),
        cmocka_unit_test(out_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
