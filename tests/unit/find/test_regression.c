/* test_regression.c -- what became slower with a revision: named by function and line where it did, silent on
 * noise, drift, renames and one revision alone. */
#include "records.h"

#include <math.h>
#include <stdio.h>

#include "base/rng.h"
#include "find/find.h"
#include "sweep_oom.h"

#define SIDE 14u /* requests of each revision */

struct shape {                /* of one revision; times in ms */
    double compute, base;     /* the helper's own, and the view's */
    double sql, sleep, speed; /* a statement of the helper, a sleep of the view; speed 0: usual */
    unsigned queries;         /* statements of the helper, in a loop; 0: one if `sql` */
    uint32_t def_line;        /* of the helper; 0: 20 */
    const char *helper;       /* its name; NULL: total */
    double waiting;           /* share of the wall time in which no processor was free */
    bool after_a_while;       /* its last third computes at this speed only */
    unsigned parts; /* calls that the helper makes of a function of 0.1 ms, and that of one of 0.05 */
};

static double noise(struct hp_rng *rng, double ms)
{
    return ms * (1 + 0.03 * hp_rng_double(rng));
}

/* helper ── part ── crumb, once each part. */
static double add_parts(struct rec_set *set, struct rec *rec, const struct shape *shape, uint32_t helper,
                        struct hp_rng *rng)
{
    double part_ms = noise(rng, 0.1 * shape->parts), crumb_ms = noise(rng, 0.05 * shape->parts);
    if (shape->parts == 0) {
        return 0;
    }
    uint32_t part =
        rec_node(rec, helper, rec_sym(set, "app/work.py", "part", 40, REC_APP), 22, shape->parts, part_ms);
    rec_node(rec, part, rec_sym(set, "app/work.py", "crumb", 50, REC_APP), 42, shape->parts, crumb_ms);
    return part_ms + crumb_ms;
}

static double add_statements(struct rec_set *set, struct rec *rec, const struct shape *shape, uint32_t helper,
                             uint32_t node, struct hp_rng *rng)
{
    unsigned n = shape->queries != 0 ? shape->queries : shape->sql > 0;
    double at = 3, all = 0;
    for (unsigned i = 0; i < n; i++) {
        double ms = noise(rng, shape->sql);
        rec_add_stmt(rec, (struct rec_stmt){
                              .statement = rec_sql(set, "SELECT a FROM b WHERE c = ?", HP_ENGINE_POSTGRESQL),
                              .node = node,
                              .site_sym = helper,
                              .site_line = 24,
                              .params = i + 1,
                              .rows = 1,
                              .t0 = at,
                              .exec = ms});
        at += ms;
        all += ms;
    }
    return all;
}

/* The time of everything so far is stretched: other programs had the processors. */
static void add_waiting(struct rec *rec, const struct shape *shape, double *wall)
{
    double stretch = 1 / (1 - shape->waiting);
    for (uint32_t i = 0; i < rec->tree->count; i++) {
        rec->tree->nodes[i].self = (uint64_t)((double)rec->tree->nodes[i].self * stretch);
    }
    rec->record.req.cpu_ns = rec_ns(*wall);
    rec->record.lanes[0].runqueue_ns = rec_ns(*wall * (stretch - 1));
    *wall *= stretch;
}

/* wsgi and 30 functions of libraries (whose times say how fast a request was) ── view ── helper, called at
 * line 14 of the view. */
static void add_request(struct rec_set *set, const struct shape *shape, struct hp_rng *rng)
{
    double speed = shape->speed > 0 ? shape->speed : 1, wall = 0, ms;
    struct rec *rec = rec_begin(set);
    uint32_t wsgi =
        rec_node(rec, HP_NODE_ROOT, rec_sym(set, "flask/app.py", "wsgi_app", 1, REC_FRAMEWORK), 0, 1, 0.01);
    for (uint32_t i = 0; i < 30; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "step_%u", i);
        wall += ms = noise(rng, 0.05) * speed;
        rec_node(rec, wsgi, rec_sym(set, "werkzeug/routing.py", name, 5 + i, REC_FRAMEWORK), 3, 1, ms);
    }
    wall += ms = noise(rng, shape->base) * speed;
    uint32_t view = rec_node(rec, wsgi, set->view, 5, 1, ms);
    uint32_t helper = rec_sym(set, "app/work.py", shape->helper != NULL ? shape->helper : "total",
                              shape->def_line != 0 ? shape->def_line : 20, REC_APP);
    double compute = noise(rng, shape->compute) * speed;
    uint32_t node = rec_node(rec, view, helper, 14, 1, compute);
    wall += compute + add_parts(set, rec, shape, node, rng);
    double sql = add_statements(set, rec, shape, helper, node, rng);
    rec->tree->nodes[node].self += rec_ns(sql);
    wall += sql;
    if (shape->sleep > 0) {
        double slept = noise(rng, shape->sleep);
        rec->tree->nodes[view].self += rec_ns(slept);
        rec_add_span(set, rec,
                     (struct rec_span){.kind = HP_WAIT_RECV,
                                       .node = view,
                                       .site_sym = set->view,
                                       .site_line = 16,
                                       .t0 = wall,
                                       .t1 = wall + slept});
        wall += slept;
    }
    rec->record.lanes[0].wait_busy_ns = 0;
    if (shape->waiting > 0) {
        add_waiting(rec, shape, &wall);
    }
    rec_end(set, rec, wall, wall);
}

struct two {
    struct rec_set set;
    struct hp_case before, now;
};

static void make(struct two *two, struct shape before, struct shape now)
{
    struct hp_rng rng;
    rec_set_init(&two->set, "GET", "/page");
    hp_rng_seed(&rng, 7);
    for (unsigned i = 0; i < 2 * SIDE; i++) {
        struct shape shape = i < SIDE ? before : now;
        if (shape.after_a_while && i % SIDE < SIDE * 2 / 3) {
            shape.compute = before.compute;
        }
        add_request(&two->set, &shape, &rng);
    }
    two->before = two->now = rec_case(&two->set);
    two->before.sample_count = two->now.sample_count = SIDE;
    two->before.requests = two->now.requests = SIDE;
    two->now.samples += SIDE;
    two->now.before = &two->before;
    two->now.before_name = HP_STR("revision r1");
}

static struct hp_find_result run(struct two *two)
{
    struct hp_find_result result;
    assert_int_equal(hp_find_run(&two->now, &two->set.arena, &result), HP_OK);
    return result;
}

static const struct hp_finding *find(const struct hp_find_result *result, enum hp_finding_kind kind)
{
    for (uint32_t i = 0; i < result->findings.count; i++) {
        if (result->findings.list[i].kind == kind) {
            return &result->findings.list[i];
        }
    }
    return NULL;
}

/* The one finding there is; the caller ends the set. */
static const struct hp_finding *only(struct two *two, enum hp_finding_kind kind, double saving_ms)
{
    struct hp_find_result r = run(two);
    assert_int_equal(r.findings.count, 1);
    const struct hp_finding *finding = &r.findings.list[0];
    assert_string_equal(hp_find_kind_name(finding->kind), hp_find_kind_name(kind));
    double ms = (double)finding->median_ns / 1e6;
    if (fabs(ms - saving_ms) > 0.1 * saving_ms) {
        fail_msg("saves %g, should %g", ms, saving_ms);
    }
    return finding;
}

static void no_regression(struct two *two)
{
    struct hp_find_result r = run(two);
    const struct hp_finding *finding = find(&r, HP_FIND_regression);
    if (finding != NULL) {
        fail_msg("%.*s", (int)finding->title.n, finding->title.p);
    }
    rec_set_fini(&two->set);
}

static void a_function_that_computes_longer_is_named_instead_of_being_hot(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 0.5, .base = 3}, (struct shape){.compute = 8, .base = 3});
    const struct hp_finding *finding = only(&two, HP_FIND_regression, 7.5);
    assert_int_equal(finding->site_sym,
                     two.set.view); /* where it is called, as for any function that computes */
    assert_int_equal(finding->site_line, 14);
    assert_true(hp_str_starts(finding->title, HP_STR("total takes 7.")));
    assert_true(hp_str_ends(finding->title, HP_STR("more than in revision r1")));
    assert_true(finding->low90_ns > 0 && finding->low90_ns <= finding->median_ns);
    assert_true(finding->high90_ns >= finding->median_ns);
    rec_set_fini(&two.set);
}

static void what_is_called_more_often_is_told_where_it_is_called_more_often(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 0.5, .base = 3, .parts = 4},
         (struct shape){.compute = 0.5, .base = 3, .parts = 60});
    const struct hp_finding *finding = only(&two, HP_FIND_regression, 8.4);
    assert_true(hp_str_eq(hp_dict_symbol(two.now.dict, finding->site_sym).name, HP_STR("total")));
    assert_int_equal(finding->site_line, 22);
    assert_true(hp_str_starts(finding->title, HP_STR("total takes 8.")));
    rec_set_fini(&two.set);
}

static void new_functions_of_one_another_are_one_regression(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 0.5, .base = 3},
         (struct shape){.helper = "checked", .compute = 3, .base = 3, .parts = 60});
    const struct hp_finding *finding = only(&two, HP_FIND_regression, 11.5);
    assert_true(hp_str_starts(finding->title, HP_STR("checked takes ")));
    assert_int_equal(finding->site_line, 22);
    rec_set_fini(&two.set);
}

static void a_statement_that_takes_longer_is_named_at_its_line(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.sql = 1, .base = 3}, (struct shape){.sql = 30, .base = 3});
    const struct hp_finding *finding = only(&two, HP_FIND_regression, 29);
    assert_int_equal(finding->site_line, 24);
    assert_true(hp_str_starts(finding->title, HP_STR("the statement on b")));
    rec_set_fini(&two.set);
}

static void a_wait_that_is_new_is_named_also_in_the_view(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 0.5, .base = 3},
         (struct shape){.compute = 0.5, .base = 3, .sleep = 40});
    const struct hp_finding *finding = only(&two, HP_FIND_regression, 40);
    assert_int_equal(finding->site_sym, two.set.view);
    assert_int_equal(finding->site_line, 16);
    rec_set_fini(&two.set);
}

static void what_was_hot_before_and_grew_a_little_stays_the_hot_functions(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 20, .base = 3}, (struct shape){.compute = 26, .base = 3});
    struct hp_find_result r = run(&two);
    assert_non_null(find(&r, HP_FIND_hot_function));
    rec_set_fini(&two.set);
}

static void one_revision_alone_has_none(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 0.5, .base = 3}, (struct shape){.compute = 8, .base = 3});
    two.now.before = NULL;
    no_regression(&two);
}

static void too_few_requests_of_the_revision_before_say_nothing(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 0.5, .base = 3}, (struct shape){.compute = 8, .base = 3});
    two.before.sample_count = 7;
    no_regression(&two);
}

static void noise_is_no_regression(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 8, .base = 3}, (struct shape){.compute = 8, .base = 3});
    no_regression(&two);
}

static void a_machine_that_is_slower_as_a_whole_is_no_regression(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 8, .base = 3},
         (struct shape){.compute = 8, .base = 3, .speed = 1.6});
    no_regression(&two);
}

static void waiting_for_a_processor_is_no_regression(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 8, .base = 3, .waiting = 0.01},
         (struct shape){.compute = 8, .base = 3, .waiting = 0.5});
    no_regression(&two);
    make(&two, (struct shape){.compute = 8, .base = 3, .waiting = 0.01},
         (struct shape){.compute = 24, .base = 3, .waiting = 0.5});
    struct hp_find_result r = run(&two);
    assert_non_null(find(&r, HP_FIND_regression));
    rec_set_fini(&two.set);
}

/* Everything takes 1.3 times what it took, by the route itself; the other routes say whether the machine does
 * that, or this route's own longer loop. */
static void what_the_other_routes_do_not_share_is_not_the_machines(void **state)
{
    (void)state;
    struct two two;
    const struct shape before = {.compute = 8, .base = 3},
                       now = {.compute = 8 * 1.25, .base = 3, .speed = 1.3};
    make(&two, before, now);
    two.now.others_drift = 1.02;
    struct hp_find_result r = run(&two);
    assert_non_null(find(&r, HP_FIND_regression));
    rec_set_fini(&two.set);
    make(&two, before, (struct shape){.compute = 8, .base = 3, .speed = 1.3});
    two.now.others_drift = 1.35;
    no_regression(&two);
}

static void what_became_slower_only_after_a_while_is_no_regression(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 8, .base = 3},
         (struct shape){.compute = 30, .base = 3, .after_a_while = true});
    no_regression(&two);
    make(&two, (struct shape){.compute = 8, .base = 3}, (struct shape){.compute = 30, .base = 3});
    struct hp_find_result r = run(&two);
    assert_non_null(find(&r, HP_FIND_regression));
    rec_set_fini(&two.set);
}

static void what_became_faster_is_no_regression(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 8, .base = 3}, (struct shape){.compute = 2, .base = 3});
    no_regression(&two);
}

static void a_renamed_or_moved_function_is_no_regression(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 8, .base = 3},
         (struct shape){.compute = 8, .base = 3, .helper = "sum_up"});
    no_regression(&two);
    make(&two, (struct shape){.compute = 8, .base = 3},
         (struct shape){.compute = 8, .base = 3, .def_line = 33});
    no_regression(&two);
}

static void beside_a_renamed_function_only_what_is_slower_counts(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 8, .base = 3},
         (struct shape){.compute = 8, .base = 9, .helper = "sum_up"});
    struct hp_find_result r = run(&two);
    const struct hp_finding *finding = find(&r, HP_FIND_regression);
    assert_non_null(finding);
    assert_int_equal(finding->subject_sym, two.set.view);
    assert_true(finding->median_ns > 5400000 && finding->median_ns < 6600000);
    rec_set_fini(&two.set);
}

static void a_function_below_an_edit_is_the_same_function(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 0.5, .base = 3},
         (struct shape){.compute = 8, .base = 3, .def_line = 33});
    only(&two, HP_FIND_regression, 7.5);
    rec_set_fini(&two.set);
}

static void new_queries_in_a_loop_stay_the_loops(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.sql = 1, .base = 3}, (struct shape){.sql = 1, .queries = 40, .base = 3});
    struct hp_find_result r = run(&two);
    assert_non_null(find(&r, HP_FIND_n_plus_one));
    no_regression(&two);
}

static void run_once(void *ctx)
{
    struct two *two = ctx;
    struct hp_arena arena;
    struct hp_find_result result;
    hp_arena_init(&arena, (size_t)256 << 20);
    hp_err err = hp_find_run(&two->now, &arena, &result);
    assert_true(err == HP_OK || err == HP_ENOMEM);
    hp_arena_fini(&arena);
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    struct two two;
    make(&two, (struct shape){.compute = 0.5, .base = 3}, (struct shape){.compute = 8, .base = 3});
    hp_sweep_oom(run_once, &two);
    rec_set_fini(&two.set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_that_computes_longer_is_named_instead_of_being_hot),
        cmocka_unit_test(what_is_called_more_often_is_told_where_it_is_called_more_often),
        cmocka_unit_test(new_functions_of_one_another_are_one_regression),
        cmocka_unit_test(a_statement_that_takes_longer_is_named_at_its_line),
        cmocka_unit_test(a_wait_that_is_new_is_named_also_in_the_view),
        cmocka_unit_test(what_was_hot_before_and_grew_a_little_stays_the_hot_functions),
        cmocka_unit_test(one_revision_alone_has_none),
        cmocka_unit_test(too_few_requests_of_the_revision_before_say_nothing),
        cmocka_unit_test(noise_is_no_regression),
        cmocka_unit_test(a_machine_that_is_slower_as_a_whole_is_no_regression),
        cmocka_unit_test(waiting_for_a_processor_is_no_regression),
        cmocka_unit_test(what_the_other_routes_do_not_share_is_not_the_machines),
        cmocka_unit_test(what_became_slower_only_after_a_while_is_no_regression),
        cmocka_unit_test(what_became_faster_is_no_regression),
        cmocka_unit_test(a_renamed_or_moved_function_is_no_regression),
        cmocka_unit_test(beside_a_renamed_function_only_what_is_slower_counts),
        cmocka_unit_test(a_function_below_an_edit_is_the_same_function),
        cmocka_unit_test(new_queries_in_a_loop_stay_the_loops),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
