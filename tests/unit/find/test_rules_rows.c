/* test_rules_rows.c -- rows that are fetched and the objects made of them: when they are the cause. */
#include "records_work.h"

#include "sweep_oom.h"

struct load {
    double exec_ms, fetch_ms, build_ms, loop_ms;
    uint64_t rows, bytes_out;
    const char *text;
    uint64_t look_ups; /* of attributes of the objects, in another function, 0.15 us each */
    bool gc;           /* half of the building is a collection */
    double
        wait_ms; /* not 0: a server's driver waits so long of the execution, else it is the database itself */
    uint32_t flags; /* of the request */
};

/* page ── load ─┬─ Query.all ── do_execute (SQL)
 *               └─ Result.scalars (objects) ── GC
 */
static void add_load(struct rec_set *set, struct load l)
{
    struct rec *rec = rec_begin(set);
    uint32_t view = rec_work_page(set, rec);
    uint32_t load_sym = rec_sym(set, "app/work.py", "load", 20, REC_APP);
    uint32_t load = rec_node(rec, view, load_sym, 12, 1, l.loop_ms);
    uint32_t all = rec_work_lib(set, rec, load, "sqlalchemy/orm/query.py", "Query.all", 33, 1, 0.1);
    uint32_t exec = rec_work_lib(set, rec, all, "sqlalchemy/engine/default.py", "do_execute", 9, 1,
                                 l.exec_ms + l.fetch_ms);
    if (l.look_ups != 0) {
        uint32_t write = rec_work_app(set, rec, view, "write", 13, 1, 1.5);
        (void)rec_work_lib(set, rec, write, "sqlalchemy/orm/attributes.py", "InstrumentedAttribute.__get__",
                           36, l.look_ups, (double)l.look_ups * 0.00015);
    }
    double build = l.gc ? l.build_ms / 2 : l.build_ms;
    uint32_t scalars =
        rec_work_lib(set, rec, load, "sqlalchemy/engine/result.py", "Result.scalars", 34, 1, build);
    rec_add_stmt(rec, (struct rec_stmt){.statement = rec_sql(set, l.text, HP_ENGINE_SQLITE),
                                        .node = exec,
                                        .site_sym = load_sym,
                                        .site_line = 33,
                                        .t0 = 1.5,
                                        .exec = l.exec_ms,
                                        .fetch = l.fetch_ms,
                                        .rows = l.rows,
                                        .params = 7});
    rec->record.stmts[0].via_sym = rec->tree->nodes[all].sym;
    if (l.wait_ms > 0) {
        rec_add_span(
            set, rec,
            (struct rec_span){.kind = HP_WAIT_DB, .node = exec, .peer = 7, .t0 = 1.5, .t1 = 1.5 + l.wait_ms});
    }
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
    rec->record.req.flags = l.flags;
    rec_work_end(set, rec,
                 0.1 + l.exec_ms + l.fetch_ms + l.build_ms + l.loop_ms + (double)l.look_ups * 0.00015);
}

static void make_loads(struct rec_set *set, struct load l)
{
    rec_set_init(set, "GET", "/items");
    l.text = l.text != NULL ? l.text : "SELECT item.id, item.name FROM item";
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
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
    const struct hp_finding *finding = rec_only(&set, HP_FIND_orm_overhead);
    assert_near(rec_ms(finding->median_ns), (40.1 - 0.5) * 0.85, 0.02);
    assert_int_equal(finding->site_line, 33);
    assert_true(finding->low90_ns < finding->median_ns && finding->median_ns < finding->high90_ns);
    rec_set_fini(&set);
}

/* load, or a template, ─┬─ Query.all ── do_execute        600 rows, 8 ms of objects
 *                       └─ render ── Query.one ── do_execute    20 ms of text, one object more
 */
static uint64_t objects_beside_text(const char *renders, bool drawn)
{
    struct rec_set set;
    rec_set_init(&set, "GET", "/items");
    uint32_t sql = rec_sql(&set, "SELECT item.id, item.name FROM item", HP_ENGINE_SQLITE);
    struct hp_symbol template = {.file = HP_STR("templates/items.html"),
                                 .name = HP_STR("root"),
                                 .line = 1,
                                 .kind = HP_SYM_TEMPLATE,
                                 .flags = HP_SYM_APP};
    uint32_t owner_sym = rec_sym(&set, "app/work.py", "load", 20, REC_APP);
    if (drawn) {
        assert_int_equal(hp_dict_add_symbol(set.dict, &template, &owner_sym), HP_OK);
    }
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t owner = rec_node(rec, rec_work_page(&set, rec), owner_sym, 12, 1, 0.1);
        uint32_t render = rec_work_lib(&set, rec, owner, renders, "render", 34, 1, 20);
        for (unsigned k = 0; k < 2; k++) {
            uint32_t query = rec_work_lib(&set, rec, k == 0 ? owner : render, "sqlalchemy/orm/query.py",
                                          k == 0 ? "Query.all" : "Query.one", 33, 1, k == 0 ? 8 : 0.1);
            uint32_t node =
                rec_work_lib(&set, rec, query, "sqlalchemy/engine/default.py", "do_execute", 9, 1, 0.2);
            rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                                .node = node,
                                                .site_sym = owner_sym,
                                                .site_line = 33,
                                                .t0 = 1.5 + 10 * k,
                                                .exec = 0.2,
                                                .rows = k == 0 ? 600 : 1,
                                                .params = k + 1});
        }
        rec->record.req.bytes_out = 100000;
        rec_work_end(&set, rec, 28.6);
    }
    struct hp_find_result r = rec_find(&set);
    uint64_t ns = 0;
    for (uint32_t i = 0; i < r.findings.count; i++) {
        ns = r.findings.list[i].kind == HP_FIND_orm_overhead ? r.findings.list[i].median_ns : ns;
    }
    rec_set_fini(&set);
    return ns;
}

static void what_makes_text_of_objects_builds_none(void **state)
{
    (void)state;
    assert_near(rec_ms(objects_beside_text("marshmallow/schema.py", false)), (8.1 - 1) * 0.85, 0.1);
    assert_near(rec_ms(objects_beside_text("wtforms/fields.py", true)), (8.1 - 1) * 0.85, 0.1);
    assert_true(objects_beside_text("dataset/table.py", false) > rec_ns(20)); /* a layer over the other one */
}

static void columns_that_nobody_reads_need_not_be_carried(void **state)
{
    (void)state;
    struct rec_set set;
    struct load l = {
        .exec_ms = 1, .fetch_ms = 5, .build_ms = 20, .loop_ms = 2, .rows = 1500, .bytes_out = 100000};
    l.text = "SELECT item.id, item.name, max(item.a, item.b), item.c, item.d FROM item";
    l.look_ups = 3000; /* two of five columns */
    make_loads(&set, l);
    assert_near(rec_ms(rec_only(&set, HP_FIND_orm_overhead)->median_ns), (20.1 - 0.5) * 0.85 + 0.6 * 5, 0.01);
    rec_set_fini(&set);
    l.look_ups = 7500;
    make_loads(&set, l);
    assert_near(rec_ms(rec_only(&set, HP_FIND_orm_overhead)->median_ns), (20.1 - 0.5) * 0.85, 0.01);
    rec_set_fini(&set);
}

static void objects_that_are_usually_dear_count_where_they_were_made_fast(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/items");
    for (unsigned i = 0; i < 10; i++) {
        struct load l = {.exec_ms = 1, .fetch_ms = 1, .loop_ms = 2, .rows = 3000, .bytes_out = 100000};
        l.build_ms = i % 5 < 3 ? 12 : 8; /* of which 9 ms would be plain rows' */
        l.text = "SELECT item.id, item.name FROM item";
        add_load(&set, l);
    }
    const struct hp_finding *finding = rec_only(&set, HP_FIND_orm_overhead);
    assert_int_equal(finding->seen, 10);
    assert_false(finding->tail);
    rec_set_fini(&set);
}

static void the_statement_whose_rows_they_are_made_of_is_the_same_cause(void **state)
{
    (void)state;
    struct rec_set set;
    make_loads(
        &set,
        (struct load){
            .exec_ms = 52, .fetch_ms = 5, .build_ms = 160, .loop_ms = 2, .rows = 3000, .bytes_out = 100000});
    const struct hp_finding *finding = rec_only(&set, HP_FIND_orm_overhead);
    assert_near(rec_ms(finding->median_ns), (160.1 - 0.5) * 0.85, 0.02);
    rec_set_fini(&set);
}

static void few_rows_and_slow_databases_are_no_matter_of_objects(void **state)
{
    (void)state;
    struct rec_set set;
    make_loads(&set,
               (struct load){.exec_ms = 1, .fetch_ms = 0.1, .build_ms = 4, .rows = 20, .bytes_out = 3000});
    struct hp_find_result r = rec_find(&set);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        assert_int_not_equal(r.findings.list[i].kind, HP_FIND_orm_overhead);
    }
    rec_set_fini(&set);
    make_loads(&set,
               (struct load){.exec_ms = 4, .fetch_ms = 5, .build_ms = 9, .rows = 800, .bytes_out = 90000});
    r = rec_find(&set);
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
    r = rec_find(&set);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        assert_int_not_equal(r.findings.list[i].kind, HP_FIND_orm_overhead);
    }
    rec_set_fini(&set);
}

static void a_drivers_work_for_the_rows_is_not_the_databases(void **state)
{
    (void)state;
    struct rec_set set;
    struct load l = {.exec_ms = 22, .build_ms = 9, .loop_ms = 2, .rows = 1500, .bytes_out = 90000};
    l.wait_ms = 1.5;
    make_loads(&set, l);
    assert_near(rec_ms(rec_only(&set, HP_FIND_orm_overhead)->median_ns), (9.1 - 0.5) * 0.85, 0.02);
    rec_set_fini(&set);
    l.wait_ms = 21;
    make_loads(&set, l);
    struct hp_find_result r = rec_find(&set);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        assert_int_not_equal(r.findings.list[i].kind, HP_FIND_orm_overhead);
    }
    rec_set_fini(&set);
}

static void what_a_bulk_insert_does_with_its_rows_builds_no_objects(void **state)
{
    (void)state;
    struct rec_set set;
    struct load l = {.exec_ms = 2, .build_ms = 12, .loop_ms = 2, .rows = 1500, .bytes_out = 90000};
    l.text = "INSERT INTO item (name) VALUES (?+)";
    make_loads(&set, l);
    struct hp_find_result r = rec_find(&set);
    for (uint32_t i = 0; i < r.findings.count; i++) {
        assert_int_not_equal(r.findings.list[i].kind, HP_FIND_orm_overhead);
    }
    rec_set_fini(&set);
    l.text = "INSERT INTO item (name) VALUES (?+) RETURNING id";
    make_loads(&set, l);
    (void)rec_only(&set, HP_FIND_orm_overhead);
    rec_set_fini(&set);
}

static void rows_that_the_response_cannot_hold_are_not_needed(void **state)
{
    (void)state;
    struct rec_set set;
    struct load l = {
        .exec_ms = 1, .fetch_ms = 8, .build_ms = 30, .loop_ms = 3, .rows = 6000, .bytes_out = 11};
    make_loads(&set, l);
    const struct hp_finding *finding = rec_only(&set, HP_FIND_unbounded_result);
    assert_near(rec_ms(finding->median_ns), (8 + 30.1 + 3) * 0.95, 0.02);
    rec_set_fini(&set);
    l.build_ms = 3;
    l.bytes_out = 300000;
    make_loads(&set, l); /* a page that shows its rows */
    rec_silent(&set);
    l.bytes_out = 15000; /* the same, compressed */
    l.flags = HP_REQ_ENCODED;
    make_loads(&set, l);
    rec_silent(&set);
    l.flags = 0;
    l.bytes_out = 11;
    l.text = "SELECT item.id, item.name FROM item LIMIT ?";
    make_loads(&set, l);
    rec_silent(&set);
}

/* A server's driver that has read all rows when it has executed: it waits for 4 ms of 24. */
static void rows_that_a_driver_reads_while_it_executes_are_carried(void **state)
{
    (void)state;
    struct rec_set set;
    struct load l = {.exec_ms = 24, .rows = 6000, .bytes_out = 11, .wait_ms = 4};
    make_loads(&set, l);
    assert_near(rec_ms(rec_only(&set, HP_FIND_unbounded_result)->median_ns), 20 * 0.95, 0.02);
    rec_set_fini(&set);
    l.wait_ms = 23.5;
    make_loads(&set, l);
    rec_silent(&set);
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
    assert_near(rec_ms(rec_only(&set, HP_FIND_unbounded_result)->median_ns), 8 * 0.95, 0.02);
    rec_set_fini(&set);
}

static void reading_objects_goes_with_making_them(void **state)
{
    (void)state;
    struct rec_set set;
    make_loads(&set, (struct load){.exec_ms = 1,
                                   .fetch_ms = 5,
                                   .build_ms = 40,
                                   .loop_ms = 6,
                                   .look_ups = 12000,
                                   .rows = 3000,
                                   .bytes_out = 100000});
    (void)rec_only(&set, HP_FIND_orm_overhead);
    rec_set_fini(&set);
}

/* page ── load ─┬─ Cursor.execute (SQL)
 *               ├─ Cursor.fetchall ── loads      `by_driver`
 *               └─ loads                         else
 */
static void make_json_columns(struct rec_set *set, bool by_driver)
{
    rec_set_init(set, "GET", "/items");
    for (unsigned i = 0; i < REC_WORK_REQUESTS; i++) {
        struct rec *rec = rec_begin(set);
        uint32_t view = rec_work_page(set, rec);
        uint32_t load = rec_work_app(set, rec, view, "load", 12, 1, 0.5);
        uint32_t exec = rec_work_lib(set, rec, load, "psycopg/cursor.py", "Cursor.execute", 33, 1, 2);
        uint32_t fetch = rec_work_lib(set, rec, load, "psycopg/cursor.py", "Cursor.fetchall", 34, 1, 0.2);
        uint32_t loader =
            rec_work_lib(set, rec, fetch, "psycopg/types/json.py", "_JsonLoader.load", 9, 320, 0.2);
        (void)rec_work_lib(set, rec, by_driver ? loader : load, "json/__init__.py", "loads", 35, 320, 7);
        rec_add_stmt(
            rec, (struct rec_stmt){.statement = rec_sql(set, "SELECT id, papers FROM dossier WHERE id > ?",
                                                        HP_ENGINE_POSTGRESQL),
                                   .node = exec,
                                   .site_line = 33,
                                   .t0 = 1.5,
                                   .exec = 2,
                                   .rows = 320,
                                   .params = 7});
        rec->record.req.bytes_out = 12000;
        rec_work_end(set, rec, 9.9);
    }
}

static void columns_that_a_driver_parses_are_the_statements(void **state)
{
    (void)state;
    struct rec_set set;
    make_json_columns(&set, false);
    (void)rec_only(&set, HP_FIND_serialization_hot);
    rec_set_fini(&set);
    make_json_columns(&set, true);
    rec_silent(&set);
}

static void out_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/all");
    for (unsigned i = 0; i < 3; i++) {
        add_load(&set,
                 (struct load){
                     .fetch_ms = 9, .build_ms = 90, .rows = 900, .bytes_out = 9, .text = "SELECT a FROM b"});
    }
    hp_sweep_oom(rec_find_all, &set);
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_that_cost_more_than_their_rows_are_found_with_their_garbage),
        cmocka_unit_test(what_makes_text_of_objects_builds_none),
        cmocka_unit_test(columns_that_nobody_reads_need_not_be_carried),
        cmocka_unit_test(objects_that_are_usually_dear_count_where_they_were_made_fast),
        cmocka_unit_test(the_statement_whose_rows_they_are_made_of_is_the_same_cause),
        cmocka_unit_test(few_rows_and_slow_databases_are_no_matter_of_objects),
        cmocka_unit_test(a_drivers_work_for_the_rows_is_not_the_databases),
        cmocka_unit_test(what_a_bulk_insert_does_with_its_rows_builds_no_objects),
        cmocka_unit_test(rows_that_the_response_cannot_hold_are_not_needed),
        cmocka_unit_test(rows_that_a_driver_reads_while_it_executes_are_carried),
        cmocka_unit_test(rows_without_a_tree_cost_their_fetch),
        cmocka_unit_test(reading_objects_goes_with_making_them),
        cmocka_unit_test(columns_that_a_driver_parses_are_the_statements),
        cmocka_unit_test(out_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
