/* test_rules_cpu.c -- causes that the call tree, CPU, notes and rows tell: where each must fire, where not, and what it saves. */
#include "records.h"

#include <stdio.h>

#include "find/find.h"
#include "find/own.h"
#include "sweep_oom.h"

#define REQUESTS 10u

static struct hp_find_result run(struct rec_set *set)
{
    struct hp_case c = rec_case(set);
    struct hp_find_result result;
    assert_int_equal(hp_find_run(&c, &set->arena, &result), HP_OK);
    return result;
}

static void assert_near(double got, double want, double tolerance)
{
    if (got < want * (1 - tolerance) || got > want * (1 + tolerance)) {
        fail_msg("got %g, want %g within %g", got, want, tolerance);
    }
}

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static void assert_silent(struct rec_set *set)
{
    struct hp_find_result r = run(set);
    if (r.findings.count != 0) {
        fail_msg("%s: %.*s", hp_find_kind_name(r.findings.list[0].kind), (int)r.findings.list[0].title.n,
                 r.findings.list[0].title.p);
    }
    rec_set_fini(set);
}

/* The one finding there is; the caller ends the set. */
static const struct hp_finding *only(struct rec_set *set, enum hp_finding_kind kind)
{
    struct hp_find_result r = run(set);
    assert_int_equal(r.findings.count, 1);
    assert_string_equal(hp_find_kind_name(r.findings.list[0].kind), hp_find_kind_name(kind));
    return &r.findings.list[0];
}

/* root ── wsgi ── page; the view takes 1 ms itself. */
static uint32_t page(struct rec_set *set, struct rec *rec)
{
    uint32_t wsgi =
        rec_node(rec, HP_NODE_ROOT, rec_sym(set, "flask/app.py", "wsgi_app", 1, REC_FRAMEWORK), 0, 1, 0.2);
    return rec_node(rec, wsgi, set->view, 5, 1, 1);
}

static void end(struct rec_set *set, struct rec *rec, double ms_beyond)
{
    double wall = 1.2 + ms_beyond + 0.01 * (set->count % 5);
    rec_end(set, rec, wall, wall);
}

static uint32_t lib(struct rec_set *set, struct rec *rec, uint32_t parent, const char *file, const char *name,
                    uint32_t line, uint64_t calls, double self_ms)
{
    return rec_node(rec, parent, rec_sym(set, file, name, 100, REC_LIB), line, calls, self_ms);
}

static uint32_t app(struct rec_set *set, struct rec *rec, uint32_t parent, const char *name, uint32_t line,
                    uint64_t calls, double self_ms)
{
    return rec_node(rec, parent, rec_sym(set, "app/work.py", name, 20, REC_APP), line, calls, self_ms);
}

/* ---- library calls of one purpose ---- */

struct call { /* of a library by app/work.py: work, line 31 */
    const char *file, *name, *below_file, *below_name;
    uint64_t calls, bytes_out;
    double self_ms, below_ms, caller_ms, back_ms; /* back: in the application's code that is called back */
    unsigned from; /* the first request that has it; the ones before have nothing */
    unsigned only; /* not 0: only so many */
};

static void add_call(struct rec_set *set, struct call c)
{
    struct rec *rec = rec_begin(set);
    uint32_t view = page(set, rec);
    uint32_t work = app(set, rec, view, "work", 12, 1, c.caller_ms);
    double beyond = c.caller_ms;
    unsigned i = set->count - 1;
    if (i >= c.from && (c.only == 0 || i < c.from + c.only)) {
        uint32_t entry = lib(set, rec, work, c.file, c.name, 31, c.calls, c.self_ms);
        uint32_t below = c.below_file != NULL
                             ? lib(set, rec, entry, c.below_file, c.below_name, 9, c.calls, c.below_ms)
                             : entry;
        app(set, rec, below, "back", 3, c.calls, c.back_ms);
        beyond += c.self_ms + c.below_ms + c.back_ms;
    }
    rec->record.req.bytes_out = c.bytes_out;
    end(set, rec, beyond);
}

static void make_calls(struct rec_set *set, struct call c)
{
    rec_set_init(set, "GET", "/work");
    for (unsigned i = 0; i < REQUESTS; i++) {
        add_call(set, c);
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
    const struct hp_finding *finding = only(&set, HP_FIND_regex_compile);
    assert_near(ms(finding->median_ns), 22, 0.02);
    assert_int_equal(finding->site_line, 31);
    rec_set_fini(&set);
}

static void expressions_kept_or_compiled_once_are_silent(void **state)
{
    (void)state;
    struct rec_set set;
    make_calls(&set,
               (struct call){.file = "re/__init__.py", .name = "_compile", .calls = 300, .self_ms = 0.2});
    assert_silent(&set);
    make_calls(&set, (struct call){
                         .file = "re/_compiler.py", .name = "compile", .calls = 3, .self_ms = 20, .only = 1});
    assert_silent(&set);
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
    assert_near(ms(only(&set, HP_FIND_import_in_request)->median_ns), 10, 0.02);
    rec_set_fini(&set);
    c.only = 1;
    make_calls(&set, c);
    assert_silent(&set);
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
    const struct hp_finding *finding = only(&set, HP_FIND_serialization_hot);
    assert_near(ms(finding->median_ns), 20, 0.02);
    assert_true(finding->low90_ns < finding->median_ns);
    rec_set_fini(&set);
    c.bytes_out = 450000; /* 44 ns a byte: as fast as it gets */
    make_calls(&set, c);
    assert_silent(&set);
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
    assert_near(ms(only(&set, HP_FIND_serialization_hot)->median_ns), 20, 0.02);
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
    const struct hp_finding *finding = only(&set, HP_FIND_serialization_hot);
    assert_near(ms(finding->median_ns), 15, 0.02); /* 25 less 10 for the response */
    rec_set_fini(&set);
}

static void attribute_lookups_by_the_thousand_are_found(void **state)
{
    (void)state;
    struct rec_set set;
    struct call c = {
        .file = "box/box.py", .name = "Box.__getattr__", .calls = 20000, .self_ms = 14, .caller_ms = 4};
    make_calls(&set, c);
    const struct hp_finding *finding = only(&set, HP_FIND_attribute_lookup_hot);
    assert_near(ms(finding->median_ns), 14, 0.02);
    rec_set_fini(&set);
    c.calls = 900;
    make_calls(&set, c);
    assert_int_equal(only(&set, HP_FIND_hot_function)->site_line,
                     31); /* few, dear calls: the function itself */
    rec_set_fini(&set);
    c.calls = 20000;
    c.self_ms = 0.1;
    c.caller_ms = 0.2;
    make_calls(&set, c);
    assert_silent(&set);
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
    only(&set, HP_FIND_regex_compile);
    rec_set_fini(&set);
    c.caller_ms = 60; /* the larger part is a cause of its own */
    make_calls(&set, c);
    struct hp_find_result r = run(&set);
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
    assert_near(ms(only(&set, HP_FIND_hot_function)->median_ns), 50, 0.02);
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
    uint32_t view = page(set, rec);
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
    lib(set, rec, root, "markupsafe/__init__.py", "escape", 5, r.values, r.escape_ms);
    if (r.filter_ms > 0) {
        app(set, rec, root, "money", 3, r.loads, r.filter_ms);
    }
    rec->record.req.bytes_out = r.bytes_out;
    end(set, rec, 0.1 + r.root_ms + r.load_ms + r.escape_ms + r.filter_ms);
}

static void make_renders(struct rec_set *set, struct render r)
{
    rec_set_init(set, "GET", "/list");
    for (unsigned i = 0; i < REQUESTS; i++) {
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
    const struct hp_finding *finding = only(&set, HP_FIND_template_hot);
    assert_near(ms(finding->median_ns), 12, 0.02);
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
    struct hp_find_result r = run(&set);
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
    assert_near(ms(only(&set, HP_FIND_template_hot)->median_ns), 30.1 - 0.35, 0.02);
    rec_set_fini(&set);
    make_renders(&set, (struct render){
                           .root_ms = 4, .escape_ms = 1.5, .loads = 1, .values = 1600, .bytes_out = 90000});
    assert_silent(&set);
}

static void page_that_is_longer_than_anybody_reads_is_found_whole(void **state)
{
    (void)state;
    struct rec_set set;
    make_renders(&set, (struct render){
                           .root_ms = 25, .escape_ms = 8, .loads = 1, .values = 12000, .bytes_out = 200000});
    assert_near(ms(only(&set, HP_FIND_template_hot)->median_ns), 33, 0.02);
    rec_set_fini(&set);
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
    const struct hp_finding *finding = only(&set, HP_FIND_template_hot);
    assert_near(ms(finding->median_ns), 29.7, 0.02);
    assert_int_equal(hp_dict_symbol(set.dict, finding->site_sym).kind, HP_SYM_TEMPLATE);
    rec_set_fini(&set);
}

/* ---- rows and objects ---- */

struct load {
    double exec_ms, fetch_ms, build_ms, loop_ms;
    uint64_t rows, bytes_out;
    const char *text;
    bool gc; /* half of the building is a collection */
};

/* page ── load ─┬─ Query.all ── do_execute (SQL)
 *               └─ Result.scalars (objects) ── GC */
static void add_load(struct rec_set *set, struct load l)
{
    struct rec *rec = rec_begin(set);
    uint32_t view = page(set, rec);
    uint32_t load_sym = rec_sym(set, "app/work.py", "load", 20, REC_APP);
    uint32_t load = rec_node(rec, view, load_sym, 12, 1, l.loop_ms);
    uint32_t all = lib(set, rec, load, "sqlalchemy/orm/query.py", "Query.all", 33, 1, 0.1);
    uint32_t exec =
        lib(set, rec, all, "sqlalchemy/engine/default.py", "do_execute", 9, 1, l.exec_ms + l.fetch_ms);
    double build = l.gc ? l.build_ms / 2 : l.build_ms;
    uint32_t scalars = lib(set, rec, load, "sqlalchemy/engine/result.py", "Result.scalars", 34, 1, build);
    rec_add_stmt(rec, (struct rec_stmt){.statement = rec_sql(set, l.text, HP_ENGINE_SQLITE),
                                        .node = exec,
                                        .site_sym = load_sym,
                                        .site_line = 33,
                                        .t0 = 1.5,
                                        .exec = l.exec_ms,
                                        .fetch = l.fetch_ms,
                                        .rows = l.rows,
                                        .params = 7});
    if (l.gc) {
        uint32_t gc = hp_tree_child_at_line(rec->tree, scalars, 0, 0, HP_NODE_GC);
        rec->tree->nodes[gc].self = rec_ns(l.build_ms / 2);
        rec->record.req.gc_ns = rec_ns(l.build_ms / 2);
        rec->record.notes.gcs = rec_zeroed(set, sizeof *rec->record.notes.gcs);
        rec->record.notes.count[HP_NOTE_GC] = 1;
        rec->record.notes.gcs[0] = (struct hp_gc){
            .t0_ns = rec_ns(2), .t1_ns = rec_ns(2 + l.build_ms / 2), .node = gc, .generation = 1};
    }
    rec->record.req.bytes_out = l.bytes_out;
    end(set, rec, 0.1 + l.exec_ms + l.fetch_ms + l.build_ms + l.loop_ms);
}

static void make_loads(struct rec_set *set, struct load l)
{
    rec_set_init(set, "GET", "/items");
    l.text = l.text != NULL ? l.text : "SELECT item.id, item.name FROM item";
    for (unsigned i = 0; i < REQUESTS; i++) {
        add_load(set, l);
    }
}

static void objects_that_cost_more_than_their_rows_are_found_with_their_garbage(void **state)
{
    (void)state;
    struct rec_set set;
    make_loads(&set, (struct load){.exec_ms = 1,
                                   .fetch_ms = 5,
                                   .build_ms = 40,
                                   .loop_ms = 2,
                                   .rows = 3000,
                                   .bytes_out = 100000,
                                   .gc = true});
    const struct hp_finding *finding = only(&set, HP_FIND_orm_overhead);
    assert_near(ms(finding->median_ns), (40.1 - 0.5) * 0.85, 0.02);
    assert_int_equal(finding->site_line, 33);
    assert_true(finding->low90_ns < finding->median_ns && finding->median_ns < finding->high90_ns);
    rec_set_fini(&set);
}

static void few_rows_and_slow_databases_are_no_matter_of_objects(void **state)
{
    (void)state;
    struct rec_set set;
    make_loads(&set,
               (struct load){.exec_ms = 1, .fetch_ms = 0.1, .build_ms = 4, .rows = 20, .bytes_out = 3000});
    struct hp_find_result r = run(&set);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        assert_int_not_equal(r.findings.list[i].kind, HP_FIND_orm_overhead);
    }
    rec_set_fini(&set);
    make_loads(&set,
               (struct load){.exec_ms = 4, .fetch_ms = 5, .build_ms = 9, .rows = 800, .bytes_out = 90000});
    r = run(&set);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        assert_int_not_equal(r.findings.list[i].kind, HP_FIND_orm_overhead);
    }
    rec_set_fini(&set);
    make_loads(&set, (struct load){/* plain rows */
                                   .exec_ms = 0.5,
                                   .fetch_ms = 0.5,
                                   .build_ms = 4.5,
                                   .rows = 2000,
                                   .bytes_out = 90000});
    r = run(&set);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        assert_int_not_equal(r.findings.list[i].kind, HP_FIND_orm_overhead);
    }
    rec_set_fini(&set);
}

static void rows_that_the_response_cannot_hold_are_not_needed(void **state)
{
    (void)state;
    struct rec_set set;
    struct load l = {
        .exec_ms = 1, .fetch_ms = 8, .build_ms = 30, .loop_ms = 3, .rows = 6000, .bytes_out = 11};
    make_loads(&set, l);
    const struct hp_finding *finding = only(&set, HP_FIND_unbounded_result);
    assert_near(ms(finding->median_ns), (8 + 30.1 + 3) * 0.95, 0.02);
    rec_set_fini(&set);
    l.build_ms = 3;
    l.bytes_out = 300000;
    make_loads(&set, l); /* a page that shows its rows */
    assert_silent(&set);
    l.bytes_out = 11;
    l.text = "SELECT item.id, item.name FROM item LIMIT ?";
    make_loads(&set, l);
    assert_silent(&set);
}

static void rows_without_a_tree_cost_their_fetch(void **state)
{
    (void)state;
    struct rec_set set;
    make_loads(&set,
               (struct load){.exec_ms = 1, .fetch_ms = 8, .build_ms = 3, .rows = 6000, .bytes_out = 11});
    for (uint32_t i = 0; i < set.count; i++) {
        set.samples[i].tree = NULL;
    }
    assert_near(ms(only(&set, HP_FIND_unbounded_result)->median_ns), 8 * 0.95, 0.02);
    rec_set_fini(&set);
}

/* ---- collections ---- */

static void add_garbage(struct rec_set *set, double own_ms, double gc_ms, unsigned count, uint8_t generation)
{
    struct rec *rec = rec_begin(set);
    uint32_t build = app(set, rec, page(set, rec), "build", 12, 1, own_ms);
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
    end(set, rec, own_ms + gc_ms);
}

static void make_garbage(struct rec_set *set, double own_ms, double gc_ms, unsigned count, uint8_t generation)
{
    rec_set_init(set, "GET", "/build");
    for (unsigned i = 0; i < REQUESTS; i++) {
        add_garbage(set, own_ms, gc_ms, count, generation);
    }
}

static void collections_are_one_cause_with_the_function_that_makes_the_garbage(void **state)
{
    (void)state;
    struct rec_set set;
    make_garbage(&set, 20, 40, 20, 1);
    const struct hp_finding *finding = only(&set, HP_FIND_gc_pressure);
    assert_near(ms(finding->median_ns), 36, 0.02);
    assert_int_equal(finding->site_line, 25);
    rec_set_fini(&set);
}

static void collection_that_is_asked_for_goes_entirely(void **state)
{
    (void)state;
    struct rec_set set;
    make_garbage(&set, 0.1, 20, 1, 2);
    const struct hp_finding *finding = only(&set, HP_FIND_gc_pressure);
    assert_near(ms(finding->median_ns), 20, 0.02);
    assert_non_null(strstr(finding->advice.p, "gc.collect()"));
    rec_set_fini(&set);
}

static void small_or_rare_collections_are_silent(void **state)
{
    (void)state;
    struct rec_set set;
    make_garbage(&set, 4, 0.3, 3, 0);
    assert_int_equal(only(&set, HP_FIND_hot_function)->kind, HP_FIND_hot_function);
    rec_set_fini(&set);
    make_garbage(&set, 20, 4, 20, 1); /* a sixth */
    assert_int_equal(only(&set, HP_FIND_hot_function)->kind, HP_FIND_hot_function);
    rec_set_fini(&set);
    rec_set_init(&set, "GET", "/build");
    for (unsigned i = 0; i < 20; i++) {
        add_garbage(&set, 0.1, i % 4 == 0 ? 20 : 0, i % 4 == 0, 2);
    }
    assert_silent(&set);
}

/* ---- hot functions ---- */

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
        for (unsigned i = 0; i < REQUESTS; i++) {
            struct rec *rec = rec_begin(&set);
            uint32_t wrapper = rec_node(rec, HP_NODE_ROOT, set.view, 0, 1, cases[k].wrapper_ms);
            rec_node(rec, wrapper, rec_sym(&set, "app/auth.py", "check", 30, REC_APP), 6, 1, 0.1);
            rec_node(rec, wrapper, rec_sym(&set, "app/views.py", "view", 12, REC_APP), 8, 1,
                     cases[k].view_ms);
            end(&set, rec, cases[k].wrapper_ms + cases[k].view_ms);
        }
        struct hp_find_result r = run(&set);
        assert_int_equal(r.findings.count, cases[k].findings);
        if (r.findings.count != 0) {
            assert_int_equal(r.findings.list[0].site_sym, set.view);
        }
        rec_set_fini(&set);
    }
}

static void recorded_waits_say_that_a_function_does_not_compute(void **state)
{
    (void)state;
    for (int sleeps = 0; sleeps < 2; sleeps++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/x");
        for (unsigned i = 0; i < REQUESTS; i++) {
            struct rec *rec = rec_begin(&set);
            uint32_t view = page(&set, rec);
            uint32_t idle = app(&set, rec, view, "idle", 12, 1, 40);
            app(&set, rec, view, "busy", 13, 1, 40);
            rec->record.lanes[0].wait_busy_ns = 0;
            rec->record.waits = rec_zeroed(&set, sizeof *rec->record.waits);
            rec->record.waits[0] = (struct hp_wait){
                .count = 1, .ns = rec_ns(39.9), .node = idle, .kind = HP_WAIT_RECV, .max_ns = rec_ns(39.9)};
            rec->record.wait_count = sleeps != 0;
            end(&set, rec, 80);
            rec->record.req.cpu_ns = rec_ns(81.2 - (sleeps != 0 ? 39.9 : 0));
        }
        struct hp_find_result r = run(&set);
        unsigned hot = 0;
        for (uint32_t i = 0; i < r.findings.count; i++) {
            hot += r.findings.list[i].kind == HP_FIND_hot_function;
        }
        assert_int_equal(hot, sleeps != 0 ? 1 : 2);
        rec_set_fini(&set);
    }
}

/* ---- memory, first requests, slow requests ---- */

static void make_kept(struct rec_set *set, const int64_t *blocks, unsigned n, uint64_t rss_bytes)
{
    rec_set_init(set, "GET", "/keep");
    for (unsigned i = 0; i < n; i++) {
        struct rec *rec = rec_begin(set);
        page(set, rec);
        rec->record.req.alloc_bytes = 1000000;
        rec->record.req.alloc_blocks = 10000; /* 100 bytes each */
        rec->record.req.kept_blocks = blocks[i];
        rec->record.req.rss_growth_bytes = rss_bytes;
        end(set, rec, 0);
    }
}

static void memory_that_each_request_keeps_is_told_in_bytes(void **state)
{
    (void)state;
    struct rec_set set;
    int64_t blocks[30];
    for (unsigned i = 0; i < 30; i++) {
        blocks[i] = i == 0 ? 90000 : 2000 + (i % 3);
    }
    make_kept(&set, blocks, 30, 150000);
    const struct hp_finding *finding = only(&set, HP_FIND_memory_growth);
    assert_near((double)finding->saving_bytes, 200100, 0.01);
    assert_int_equal(finding->median_ns, 0);
    rec_set_fini(&set);
    make_kept(&set, blocks, 30, 0); /* free lists that a collection elsewhere empties */
    assert_silent(&set);
    for (unsigned i = 0; i < 30; i++) { /* what one keeps, the collector gives back in another */
        blocks[i] = i % 6 == 5 ? -10000 : 2000;
    }
    make_kept(&set, blocks, 30, 150000);
    assert_silent(&set);
    for (unsigned i = 0; i < 30; i++) { /* a cache that fills */
        blocks[i] = i < 16 ? 2000 : 3;
    }
    make_kept(&set, blocks, 30, 150000);
    assert_silent(&set);
}

static void add_started(struct rec_set *set, double load_ms, double always_ms, uint64_t seq)
{
    struct rec *rec = rec_begin(set);
    uint32_t view = page(set, rec);
    app(set, rec, view, "always", 12, 1, always_ms);
    if (load_ms > 0) {
        app(set, rec, view, "load_model", 13, 1, load_ms);
    }
    rec->record.req.seq = seq;
    end(set, rec, load_ms + always_ms);
}

static void first_request_that_loads_is_told_with_its_own_figures(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/cold");
    for (unsigned i = 0; i < 20; i++) { /* of two processes */
        add_started(&set, i % 10 == 0 ? 400 : 0, 0.1, 3 + 2 * (i % 10));
    }
    const struct hp_finding *finding = only(&set, HP_FIND_cold_start);
    assert_near(ms(finding->median_ns), 400, 0.02);
    assert_true(finding->tail && finding->fixed_figures && finding->mean_ns < finding->median_ns / 9);
    assert_int_equal(finding->subject_sym, rec_sym(&set, "app/work.py", "load_model", 20, REC_APP));
    assert_int_equal(finding->site_sym,
                     set.view); /* the call of it: it has no library call that is most of it */
    assert_int_equal(finding->site_line, 13);
    rec_set_fini(&set);
}

static void first_requests_of_several_processes_may_take_less(void **state)
{
    (void)state;
    struct rec_set set;
    for (unsigned processes = 2; processes <= 4; processes += 2) {
        rec_set_init(&set, "GET", "/cold");
        for (unsigned i = 0; i < 40; i++) {
            bool first = i % (40 / processes) == 0;
            add_started(&set, first ? 50 : 0, 0.1, 3 + i % (40 / processes));
        }
        if (processes == 2) {
            assert_silent(&set);
            continue;
        }
        assert_near(ms(only(&set, HP_FIND_cold_start)->median_ns), 50, 0.03);
        rec_set_fini(&set);
    }
}

static void caches_and_libraries_that_warm_up_are_no_cold_start(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/cold");
    for (unsigned i = 0; i < 20; i++) { /* four keys of one process */
        add_started(&set, i < 4 ? 400 : 0, 0.1, 3 + i);
    }
    assert_silent(&set);
    rec_set_init(&set, "GET", "/cold");
    for (unsigned i = 0; i < 20; i++) { /* a library below a function that always runs */
        struct rec *rec = rec_begin(&set);
        uint32_t work = app(&set, rec, page(&set, rec), "always", 12, 1, 0.1);
        lib(&set, rec, work, "sqlalchemy/orm/mapper.py", "configure", 14, 1, i == 0 ? 300 : 0);
        end(&set, rec, i == 0 ? 300.1 : 0.1);
    }
    assert_silent(&set);
}

static void part_that_slow_requests_share_is_the_tail(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/tail");
    for (unsigned i = 0; i < 40; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = page(&set, rec);
        app(&set, rec, view, "usual", 12, 1, 5);
        if (i % 7 == 3) {
            app(&set, rec, view, "renew", 13, 1, 80);
        }
        end(&set, rec, i % 7 == 3 ? 85 : 5);
    }
    const struct hp_finding *finding = NULL;
    struct hp_find_result r = run(&set);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        finding = r.findings.list[i].kind == HP_FIND_tail_latency ? &r.findings.list[i] : finding;
    }
    assert_non_null(finding);
    assert_true(finding->tail);
    assert_near(ms(finding->median_ns), 80, 0.05);
    assert_int_equal(finding->subject_sym, rec_sym(&set, "app/work.py", "renew", 20, REC_APP));
    assert_int_equal(finding->site_line, 13); /* the call of it */
    rec_set_fini(&set);
    rec_set_init(&set, "GET", "/tail");
    for (unsigned i = 0; i < 40; i++) { /* a busy machine: nothing in particular */
        struct rec *rec = rec_begin(&set);
        page(&set, rec);
        end(&set, rec, i % 7 == 3 ? 85 : 5);
    }
    assert_silent(&set);
}

/* ---- proof and memory ---- */

static void own_time_is_what_the_fix_takes_away(void **state)
{
    (void)state;
    struct rec_set before;
    struct hp_own_key key;
    uint64_t ns[REC_MAX];
    struct call c = {.file = "re/_compiler.py", .name = "compile", .calls = 300, .self_ms = 20};
    make_calls(&before, c);
    struct hp_case old = rec_case(&before);
    struct hp_find_result r = run(&before);
    assert_int_equal(r.findings.count, 1);
    assert_int_equal(hp_own_describe(&old, &r.findings.list[0], &before.arena, &key), HP_OK);
    assert_int_equal(hp_own_measure(&old, &key, false, ns), HP_OK);
    assert_near(ms(ns[0]), 20, 0.02);
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
        add_load(&set,
                 (struct load){
                     .fetch_ms = 9, .build_ms = 90, .rows = 900, .bytes_out = 9, .text = "SELECT a FROM b"});
        add_garbage(&set, 9, 40, 3, 1);
    }
    hp_sweep_oom(rec_find_all, &set);
    rec_set_fini(&set);
    rec_set_init(&set, "GET", "/cold");
    for (unsigned i = 0; i < 12; i++) {
        add_started(&set, i == 0 ? 900 : 0, i % 4 == 1 ? 90 : 1, 3 + i);
        set.requests[i].record.req.alloc_bytes = set.requests[i].record.req.alloc_blocks = 9000;
        set.requests[i].record.req.kept_blocks = 6000;
        set.requests[i].record.req.rss_growth_bytes = 6000;
    }
    hp_sweep_oom(rec_find_all, &set);
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_compiled_in_each_request_cost_all_of_it),
        cmocka_unit_test(expressions_kept_or_compiled_once_are_silent),
        cmocka_unit_test(imports_in_each_request_are_found_with_the_modules_own_code),
        cmocka_unit_test(copies_by_way_of_text_are_found_and_the_response_itself_is_not),
        cmocka_unit_test(response_that_is_longer_than_anybody_reads_is_found_whole),
        cmocka_unit_test(converter_of_the_application_counts_with_the_encoder),
        cmocka_unit_test(attribute_lookups_by_the_thousand_are_found),
        cmocka_unit_test(the_smaller_rest_of_a_function_that_is_told_is_not_told_again),
        cmocka_unit_test(lookups_of_a_function_that_does_more_itself_are_its_own),
        cmocka_unit_test(part_included_for_each_item_costs_the_engines_work),
        cmocka_unit_test(line_of_a_template_is_the_engines_not_that_of_a_function_it_calls),
        cmocka_unit_test(loop_over_what_is_not_shown_is_found_and_a_long_report_is_not),
        cmocka_unit_test(page_that_is_longer_than_anybody_reads_is_found_whole),
        cmocka_unit_test(template_notes_do_without_a_tree),
        cmocka_unit_test(objects_that_cost_more_than_their_rows_are_found_with_their_garbage),
        cmocka_unit_test(few_rows_and_slow_databases_are_no_matter_of_objects),
        cmocka_unit_test(rows_that_the_response_cannot_hold_are_not_needed),
        cmocka_unit_test(rows_without_a_tree_cost_their_fetch),
        cmocka_unit_test(collections_are_one_cause_with_the_function_that_makes_the_garbage),
        cmocka_unit_test(collection_that_is_asked_for_goes_entirely),
        cmocka_unit_test(small_or_rare_collections_are_silent),
        cmocka_unit_test(view_behind_a_decorator_is_the_view_and_the_decorator_is_not),
        cmocka_unit_test(recorded_waits_say_that_a_function_does_not_compute),
        cmocka_unit_test(memory_that_each_request_keeps_is_told_in_bytes),
        cmocka_unit_test(first_request_that_loads_is_told_with_its_own_figures),
        cmocka_unit_test(first_requests_of_several_processes_may_take_less),
        cmocka_unit_test(caches_and_libraries_that_warm_up_are_no_cold_start),
        cmocka_unit_test(part_that_slow_requests_share_is_the_tail),
        cmocka_unit_test(own_time_is_what_the_fix_takes_away),
        cmocka_unit_test(out_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
