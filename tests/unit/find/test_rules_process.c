/* test_rules_process.c -- what shows over the requests of a process: memory that is kept, first requests,
 * slow ones. */
#include "records_work.h"

#include "sweep_oom.h"

static void make_kept_by(unsigned threads, struct rec_set *set, const int64_t *blocks, unsigned n,
                         uint64_t rss_bytes)
{
    rec_set_init(set, "GET", "/keep");
    for (unsigned i = 0; i < n; i++) {
        struct rec *rec = rec_begin(set);
        rec_work_page(set, rec);
        for (unsigned k = 0; k < threads; k++) {
            (void)rec_add_lane(
                rec, (struct rec_lane){
                         .kind = HP_LANE_THREAD, .site_sym = set->view, .site_line = 9, .end = 0.01});
        }
        rec->record.req.alloc_bytes = 1000000;
        rec->record.req.alloc_blocks = 10000; /* 100 bytes each */
        rec->record.req.kept_blocks = blocks[i];
        rec->record.req.rss_growth_bytes = rss_bytes;
        rec_work_end(set, rec, 0);
    }
}

static void make_kept(struct rec_set *set, const int64_t *blocks, unsigned n, uint64_t rss_bytes)
{
    make_kept_by(0, set, blocks, n, rss_bytes);
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
    const struct hp_finding *finding = rec_only(&set, HP_FIND_memory_growth);
    assert_near((double)finding->saving_bytes, 200100, 0.01);
    assert_int_equal(finding->median_ns, 0);
    assert_false(finding->unsure);
    rec_set_fini(&set);
    make_kept_by(4, &set, blocks, 30, 150000); /* what threads hold goes when they end */
    rec_silent(&set);
    make_kept(&set, blocks, 30, 0); /* free lists that a collection elsewhere empties, or a leak in a process
                                       that was larger before */
    assert_true(rec_only(&set, HP_FIND_memory_growth)->unsure);
    rec_set_fini(&set);
    blocks[20] = blocks[21] = blocks[22] = 800; /* leaks are all alike */
    make_kept(&set, blocks, 30, 0);
    rec_silent(&set);
    for (unsigned i = 0; i < 30; i++) { /* what one keeps, the collector gives back in another */
        blocks[i] = i % 6 == 5 ? -10000 : 2000;
    }
    make_kept(&set, blocks, 30, 150000);
    rec_silent(&set);
    for (unsigned i = 0; i < 30; i++) { /* a cache that fills */
        blocks[i] = i < 16 ? 2000 : 3;
    }
    make_kept(&set, blocks, 30, 150000);
    rec_silent(&set);
}

/* Each request looks for a module, whose code runs where it is found; the first `raise` of four raise the peak. */
static uint32_t growth_beside_imports(bool found, unsigned raise, uint64_t *bytes)
{
    struct rec_set set;
    rec_set_init(&set, "GET", "/keep");
    for (unsigned i = 0; i < 30; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t view = rec_work_page(&set, rec);
        uint32_t import =
            rec_work_lib(&set, rec, view, "<frozen importlib._bootstrap>", "_find_and_load", 12, 1, 9);
        if (found) {
            rec_node(rec, import, rec_sym(&set, "app/recipe.py", "<module>", 1, REC_APP), 0, 1, 1);
        }
        rec->record.req.alloc_bytes = 1000000;
        rec->record.req.alloc_blocks = 10000;
        rec->record.req.kept_blocks = 700; /* 70 kB, or less: some of it is given back after the request */
        rec->record.req.rss_growth_bytes = i % 4 < raise ? 150000 * (1 + i % 2) : 0;
        rec_work_end(&set, rec, 9 + found);
    }
    struct hp_find_result r = rec_find(&set);
    uint32_t growth = 0, imports = 0;
    for (uint32_t i = 0; i < r.findings.count; i++) {
        const struct hp_finding *finding = &r.findings.list[i];
        imports += finding->kind == HP_FIND_import_in_request;
        if (finding->kind == HP_FIND_memory_growth) {
            growth++;
            *bytes = finding->unsure ? finding->saving_bytes : 0;
        }
    }
    assert_int_equal(imports, 1);
    rec_set_fini(&set);
    return growth;
}

static void beside_imports_that_fail_the_peak_tells(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    assert_int_equal(growth_beside_imports(false, 4, &bytes), 1);
    assert_in_range(bytes, 150000, 300000);
    assert_int_equal(growth_beside_imports(false, 3, &bytes), 0); /* because of others */
    assert_int_equal(growth_beside_imports(true, 4, &bytes), 0);  /* modules, until they are collected */
}

/* 34 blocks are left by each request: too few to tell. */
static void make_large(struct rec_set *set, uint64_t asked_bytes, uint64_t rss_bytes, unsigned until,
                       unsigned each, unsigned block_bytes)
{
    rec_set_init(set, "GET", "/frames");
    for (unsigned i = 0; i < 30; i++) {
        struct rec *rec = rec_begin(set);
        rec_work_page(set, rec);
        rec->record.req.alloc_bytes = asked_bytes;
        rec->record.req.alloc_blocks = asked_bytes / block_bytes;
        rec->record.req.kept_blocks = 34;
        rec->record.req.rss_growth_bytes = i < until && i % each == 0 ? each * rss_bytes : 0;
        rec_work_end(set, rec, 0);
    }
}

static void few_large_blocks_are_told_by_the_peak_that_rises_with_what_is_asked_for(void **state)
{
    (void)state;
    struct rec_set set;
    make_large(&set, 205000, 170000, 30, 1, 600);
    const struct hp_finding *finding = rec_only(&set, HP_FIND_memory_growth);
    assert_near((double)finding->saving_bytes, 170000, 0.01);
    assert_true(finding->unsure); /* the source must have the line */
    rec_set_fini(&set);
    make_large(&set, 5000000, 170000, 30, 1, 600); /* it reaches the peak because others keep */
    rec_silent(&set);
    make_large(&set, 205000, 170000, 14, 1, 600); /* a cache that is full */
    rec_silent(&set);
    make_large(&set, 205000, 170000, 30, 3, 600); /* others' pages that are counted now and then */
    rec_silent(&set);
    make_large(&set, 205000, 170000, 30, 1, 100); /* of small blocks more would be left */
    rec_silent(&set);
}

static void add_started(struct rec_set *set, double load_ms, double always_ms, uint32_t process, uint64_t seq)
{
    struct rec *rec = rec_begin(set);
    uint32_t view = rec_work_page(set, rec);
    rec_work_app(set, rec, view, "always", 12, 1, always_ms);
    if (load_ms > 0) {
        rec_work_app(set, rec, view, "load_model", 13, 1, load_ms);
    }
    rec->record.req.process = process;
    rec->record.req.seq = seq;
    rec_work_end(set, rec, load_ms + always_ms);
}

static void first_request_that_loads_is_told_with_its_own_figures(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/cold");
    for (unsigned i = 0; i < 20; i++) { /* of two processes, of which one served something else before */
        add_started(&set, i % 10 == 0 ? 400 : 0, 0.1, 1 + i / 10, 3 + 40 * (i / 10) + 2 * (i % 10));
    }
    const struct hp_finding *finding = rec_only(&set, HP_FIND_cold_start);
    assert_near(rec_ms(finding->median_ns), 400, 0.02);
    assert_true(finding->tail && finding->fixed_figures && finding->mean_ns < finding->median_ns / 9);
    assert_int_equal(finding->subject_sym, rec_sym(&set, "app/work.py", "load_model", 20, REC_APP));
    assert_int_equal(finding->site_sym,
                     set.view); /* the call of it: it has no library call that is most of it */
    assert_int_equal(finding->site_line, 13);
    rec_set_fini(&set);
}

static void first_request_that_asked_for_something_else_is_no_cold_start(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        uint16_t status;
        bool cold;
    } first[] = {{14000, 200, true}, {20000, 200, true}, {5000, 200, false}, {14000, 404, false}};
    for (size_t k = 0; k < sizeof first / sizeof *first; k++) {
        struct rec_set set;
        rec_set_init(&set, "GET", "/sheet");
        for (unsigned i = 0; i < 20; i++) {
            add_started(&set, i == 0 ? 400 : 0, 0.1, 1, 3 + i);
            set.requests[i].record.req.bytes_out = i == 0 ? first[k].bytes : 14000 + i;
            set.requests[i].record.req.status = i == 0 ? first[k].status : 200;
        }
        if (first[k].cold) {
            (void)rec_only(&set, HP_FIND_cold_start);
            rec_set_fini(&set);
        } else {
            rec_silent(&set);
        }
    }
}

static void what_only_first_requests_run_is_told_at_the_line_that_leads_to_it(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/cold");
    for (unsigned i = 0; i < 20; i++) {
        struct rec *rec = rec_begin(&set);
        uint32_t always = rec_work_app(&set, rec, rec_work_page(&set, rec), "always", 12, 1, 0.1);
        if (i == 0) { /* a property that is made when it is first looked at */
            uint32_t made = rec_work_app(&set, rec, always, "make", 31, 1, 0.1);
            rec_work_app(&set, rec, rec_work_app(&set, rec, made, "load", 41, 1, 0.1), "parse", 51, 1, 400);
        }
        rec->record.req.seq = 3 + i;
        rec_work_end(&set, rec, i == 0 ? 400.3 : 0.1);
    }
    const struct hp_finding *finding = rec_only(&set, HP_FIND_cold_start);
    assert_int_equal(finding->subject_sym, rec_sym(&set, "app/work.py", "parse", 20, REC_APP));
    assert_int_equal(finding->site_sym, rec_sym(&set, "app/work.py", "always", 20, REC_APP));
    assert_int_equal(finding->site_line, 31);
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
            add_started(&set, first ? 50 : 0, 0.1, i / (40 / processes), 3 + i % (40 / processes));
        }
        if (processes == 2) {
            rec_silent(&set);
            continue;
        }
        assert_near(rec_ms(rec_only(&set, HP_FIND_cold_start)->median_ns), 50, 0.03);
        rec_set_fini(&set);
    }
}

/* Three processes, whose first requests do in `ms` what later ones do not; `entry`: below a call of the
 * library. */
static void make_little(struct rec_set *set, double ms, bool entry, const char *file, const char *name,
                        unsigned flags)
{
    rec_set_init(set, "GET", "/cold");
    for (unsigned i = 0; i < 63; i++) {
        struct rec *rec = rec_begin(set);
        uint32_t always = rec_work_app(set, rec, rec_work_page(set, rec), "always", 12, 1, 0.1);
        if (i % 21 == 0) {
            uint32_t made = rec_work_app(set, rec, always, "made", 13, 1, 0.1);
            made = entry ? rec_work_lib(set, rec, made, "shapes/make.py", "make", 14, 1, 0.1) : made;
            rec_node(rec, made, rec_sym(set, file, name, 20, flags), 15, 1, ms);
        }
        bool held_up = i == 30; /* by other programs */
        rec->record.req.process = i / 21;
        rec->record.req.seq = 3 + i % 21;
        rec->record.lanes[0].runqueue_ns = held_up ? rec_ns(25) : 0;
        rec_work_end(set, rec, i % 21 == 0 ? ms + (entry ? 0.3 : 0.2) : held_up ? 25.1 : 0.1);
    }
}

static void little_that_each_process_does_at_first_is_told_of_own_lines_alone(void **state)
{
    (void)state;
    static const char frozen[] = "<frozen importlib._bootstrap>";
    struct rec_set set;
    make_little(&set, 20, false, "app/index.py", "build", REC_APP);
    assert_near(rec_ms(rec_only(&set, HP_FIND_cold_start)->median_ns), 20, 0.05);
    rec_set_fini(&set);
    make_little(&set, 15, false, frozen, "_find_and_load", REC_LIB); /* by a line of the application */
    assert_near(rec_ms(rec_only(&set, HP_FIND_cold_start)->median_ns), 15, 0.05);
    rec_set_fini(&set);
    make_little(&set, 20, false, "shapes/mapper.py", "configure", REC_LIB);
    rec_silent(&set);
    make_little(&set, 15, true, frozen, "_find_and_load", REC_LIB); /* by the library */
    rec_silent(&set);
    make_little(&set, 7, false, "app/index.py", "build", REC_APP);
    rec_silent(&set);
}

/* Of each process three or four requests were seen. */
static void firsts_of_several_processes_need_few_others(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) { /* in the second round one of the others imports, too */
        struct rec_set set;
        rec_set_init(&set, "GET", "/cold");
        for (unsigned i = 0; i < 12; i++) {
            struct rec *rec = rec_begin(&set);
            uint32_t always = rec_work_app(&set, rec, rec_work_page(&set, rec), "always", 12, 1, 0.1);
            bool imports = i % 3 == 0 || (more != 0 && i == 5);
            if (imports) {
                rec_node(rec, always,
                         rec_sym(&set, "<frozen importlib._bootstrap>", "_find_and_load", 20, REC_LIB), 15, 1,
                         400);
            }
            rec->record.req.process = i / 3;
            rec->record.req.seq = 3 + i % 3;
            rec_work_end(&set, rec, imports ? 400.2 : 0.1);
        }
        if (more == 0) {
            assert_near(rec_ms(rec_only(&set, HP_FIND_cold_start)->median_ns), 400, 0.03);
            rec_set_fini(&set);
        } else {
            rec_silent(&set);
        }
    }
}

/* The first request builds an index in 400 ms, of which a statement of that engine, run so often, takes 250. */
static void make_index(struct rec_set *set, enum hp_engine engine, unsigned runs)
{
    rec_set_init(set, "GET", "/cold");
    uint32_t sql = rec_sql(set, "SELECT name FROM guest", engine);
    for (unsigned i = 0; i < 20; i++) {
        struct rec *rec = rec_begin(set);
        uint32_t view = rec_work_page(set, rec);
        rec_work_app(set, rec, view, "always", 12, 1, 0.1);
        if (i == 0) {
            uint32_t build = rec_work_app(set, rec, view, "build", 13, 1, 400);
            for (unsigned k = 0; k < runs; k++) {
                rec_add_stmt(rec,
                             (struct rec_stmt){.statement = sql,
                                               .node = build,
                                               .site_sym = rec_sym(set, "app/work.py", "build", 20, REC_APP),
                                               .site_line = 23,
                                               .t0 = 2 + 250.0 * k / runs,
                                               .exec = 1.0 / runs,
                                               .fetch = 249.0 / runs,
                                               .rows = 30000 / runs,
                                               .params = k + 1});
            }
        }
        rec->record.req.seq = 3 + i;
        rec_work_end(set, rec, i == 0 ? 400.1 : 0.1);
    }
}

static void reading_an_embedded_database_is_work_of_the_first_request(void **state)
{
    (void)state;
    struct rec_set set;
    make_index(&set, HP_ENGINE_SQLITE, 1);
    assert_int_equal(rec_only(&set, HP_FIND_cold_start)->site_line, 13);
    rec_set_fini(&set);
    make_index(&set, HP_ENGINE_POSTGRESQL, 1); /* a cache that is filled from a server */
    rec_silent(&set);
    make_index(&set, HP_ENGINE_SQLITE, 40); /* one that is filled key by key */
    rec_silent(&set);
}

static void caches_and_libraries_that_warm_up_are_no_cold_start(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/cold");
    for (unsigned i = 0; i < 20; i++) { /* four keys of one process */
        add_started(&set, i < 4 ? 400 : 0, 0.1, 1, 3 + i);
    }
    rec_silent(&set);
    rec_set_init(&set, "GET", "/cold");
    for (unsigned i = 0; i < 20; i++) { /* a library below a function that always runs */
        struct rec *rec = rec_begin(&set);
        uint32_t work = rec_work_app(&set, rec, rec_work_page(&set, rec), "always", 12, 1, 0.1);
        rec_work_lib(&set, rec, work, "sqlalchemy/orm/mapper.py", "configure", 14, 1, i == 0 ? 300 : 0);
        rec_work_end(&set, rec, i == 0 ? 300.1 : 0.1);
    }
    rec_silent(&set);
}

static void out_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/all");
    for (unsigned i = 0; i < 12; i++) {
        add_started(&set, i == 0 ? 900 : 0, i % 4 == 1 ? 90 : 1, 1, 3 + i);
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
        cmocka_unit_test(memory_that_each_request_keeps_is_told_in_bytes),
        cmocka_unit_test(first_request_that_loads_is_told_with_its_own_figures),
        cmocka_unit_test(what_only_first_requests_run_is_told_at_the_line_that_leads_to_it),
        cmocka_unit_test(first_requests_of_several_processes_may_take_less),
        cmocka_unit_test(reading_an_embedded_database_is_work_of_the_first_request),
        cmocka_unit_test(beside_imports_that_fail_the_peak_tells),
        cmocka_unit_test(few_large_blocks_are_told_by_the_peak_that_rises_with_what_is_asked_for),
        cmocka_unit_test(little_that_each_process_does_at_first_is_told_of_own_lines_alone),
        cmocka_unit_test(first_request_that_asked_for_something_else_is_no_cold_start),
        cmocka_unit_test(firsts_of_several_processes_need_few_others),
        cmocka_unit_test(caches_and_libraries_that_warm_up_are_no_cold_start),
        cmocka_unit_test(out_of_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
