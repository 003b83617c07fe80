/* test_moved.c -- what moved: found when planted, silent on noise and on drift. Recordings are synthetic and
 * seeded. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "find/moved.h"
#include "records.h"
#include "sweep_oom.h"

#define THINGS     2000u
#define REQUESTS   200u
#define PLANTED    7u
#define PLANTED_NS 16000.0 /* 10,000 × the sum of 1 ÷ (t + 3) is about 63,000 */
#define TIMES      200u

static double gauss(struct hp_rng *rng)
{
    double u = hp_rng_double(rng) + 0x1p-54, v = hp_rng_double(rng);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* One side: each thing has its usual time (few are large, one is a fifth of all), each request its speed
 * (heavy tail, and 10 % slower by the end), each measurement 6 % of its own and now and then a spike. */
static void fill(struct hp_rng *rng, double *values, double planted)
{
    for (uint32_t r = 0; r < REQUESTS; r++) {
        double speed = exp(0.15 * gauss(rng)) * (1 + 0.1 * r / REQUESTS);
        speed *= hp_rng_below(rng, 20) == 0 ? 1 + 4 * hp_rng_double(rng) : 1;
        for (uint32_t t = 0; t < THINGS; t++) {
            double usual = t == PLANTED ? PLANTED_NS * planted : 10000.0 / (t + 3);
            double spike = hp_rng_below(rng, 100) == 0 ? 3 : 1;
            values[(size_t)t * REQUESTS + r] = usual * speed * exp(0.06 * gauss(rng)) * spike;
        }
    }
}

static void a_planted_twentieth_is_found_and_noise_is_not(void **state)
{
    (void)state;
    double *before = malloc(sizeof(double) * THINGS * REQUESTS),
           *after = malloc(sizeof(double) * THINGS * REQUESTS);
    struct hp_moved_test *tests = malloc(sizeof *tests * THINGS);
    struct hp_arena arena;
    struct hp_rng rng;
    uint32_t times = getenv("HP_BENCH") != NULL ? TIMES : 10, found = 0, recordings_with_false = 0,
             covered = 0, judged = 0;
    hp_arena_init(&arena, (size_t)1 << 28);
    /* At the median speed of before, spikes trimmed. */
    const double true_ns = 0.05 * PLANTED_NS * 1.05;
    hp_rng_seed(&rng, 11);
    for (uint32_t i = 0; i < times; i++) {
        double drift;
        uint32_t wrong = 0;
        fill(&rng, before, 1);
        fill(&rng, after, 1.05);
        hp_arena_reset(&arena);
        assert_int_equal(
            hp_moved_test(before, REQUESTS, after, REQUESTS, THINGS, NULL, 0, &arena, tests, &drift), HP_OK);
        for (uint32_t t = 0; t < THINGS; t++) {
            wrong += t != PLANTED && tests[t].changed;
        }
        found += tests[PLANTED].changed;
        recordings_with_false += wrong != 0;
        assert_true(drift > 0.9 && drift < 1.1);
        judged += tests[50].judged;
        covered += tests[PLANTED].difference.low < true_ns && tests[PLANTED].difference.high > true_ns;
    }
    if (times == TIMES) {
        print_message("planted 5 %% found in %u of %u, false discoveries in %u\n", found, times,
                      recordings_with_false);
    }
    assert_true(found * 100 >= times * 95);
    assert_true(recordings_with_false * 100 <= times * 5);
    assert_int_equal(judged, times); /* or there was nothing that could be wrong */
    assert_true(covered * 100 >= times * 80);
    hp_arena_fini(&arena);
    free(before);
    free(after);
    free(tests);
}

static void drift_between_the_sides_is_no_change_of_any_thing(void **state)
{
    (void)state;
    enum { FEW = 60, THESE = 40 };
    double before[FEW * THESE], after[FEW * THESE], drift;
    struct hp_moved_test tests[FEW];
    struct hp_arena arena;
    struct hp_rng rng;
    hp_arena_init(&arena, (size_t)1 << 24);
    hp_rng_seed(&rng, 5);
    for (uint32_t i = 0; i < FEW * THESE; i++) {
        before[i] = 100 * exp(0.05 * gauss(&rng));
        after[i] = 110 * exp(0.05 * gauss(&rng));
    }
    assert_int_equal(hp_moved_test(before, THESE, after, THESE, FEW, NULL, 0, &arena, tests, &drift), HP_OK);
    for (uint32_t t = 0; t < FEW; t++) {
        assert_false(tests[t].changed);
    }
    assert_true(drift > 1.08 && drift < 1.12);
    hp_arena_fini(&arena);
}

static void the_same_numbers_on_both_sides_are_no_change(void **state)
{
    (void)state;
    double same[20], drift;
    struct hp_moved_test test[2];
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    for (uint32_t i = 0; i < 20; i++) {
        same[i] = i < 10 ? 5 : 0;
    }
    assert_int_equal(hp_moved_test(same, 10, same, 10, 2, NULL, 0, &arena, test, &drift), HP_OK);
    assert_false(test[0].changed || test[1].changed);
    assert_true(test[0].p >= 1 && test[1].p >= 1);
    assert_int_equal(hp_moved_test(same, 0, same, 10, 2, NULL, 0, &arena, test, NULL), HP_OK);
    assert_false(test[0].changed || test[1].changed);
    hp_arena_fini(&arena);
}

/* A view with a helper, a statement in the helper, and a sleep: 12 requests a side in one set (one
 * dictionary). */
static void make_sides(struct rec_set *set, struct hp_case *before, struct hp_case *after)
{
    struct hp_rng rng;
    rec_set_init(set, "GET", "/page");
    hp_rng_seed(&rng, 3);
    uint32_t helper = rec_sym(set, "app/rates.py", "convert", 7, REC_APP);
    uint32_t sql = rec_sql(set, "SELECT a FROM b WHERE c = ?", HP_ENGINE_SQLITE);
    for (uint32_t i = 0; i < 24; i++) {
        bool is_after = i >= 12;
        double noise = 0.05 * hp_rng_double(&rng), sql_ms = is_after ? 6 + noise : 3 + noise;
        struct rec *rec = rec_begin(set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set->view, 0, 1, 10 + noise + (is_after ? 2 : 0));
        uint32_t node = rec_node(rec, view, helper, 12, 4, 5 + noise + sql_ms);
        rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                            .node = node,
                                            .site_sym = helper,
                                            .site_line = 9,
                                            .t0 = 11,
                                            .exec = sql_ms});
        if (is_after) {
            rec_add_span(set, rec,
                         (struct rec_span){.kind = HP_WAIT_SLEEP,
                                           .node = view,
                                           .site_sym = set->view,
                                           .site_line = 13,
                                           .t0 = 20,
                                           .t1 = 22});
        }
        /* Within the execution: it is the statement's. */
        rec_add_span(set, rec,
                     (struct rec_span){.kind = HP_WAIT_RECV,
                                       .node = node,
                                       .site_sym = helper,
                                       .site_line = 9,
                                       .t0 = 11.5,
                                       .t1 = is_after ? 14 : 12});
        rec_end(set, rec, 30, -1);
    }
    *before = *after = rec_case(set);
    before->sample_count = after->sample_count = 12;
    after->samples += 12;
}

static void functions_statements_and_waits_are_told_apart(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_case before, after;
    struct hp_moved *list;
    uint32_t count;
    bool enough;
    double drift;
    make_sides(&set, &before, &after);
    assert_int_equal(hp_moved_find(&before, &after, &set.arena, &list, &count, &enough, &drift), HP_OK);
    assert_true(enough);
    assert_int_equal(count,
                     2); /* the view's own 2 ms more are the sleep, and the helper's are the statement */
    assert_int_equal(list[0].kind, HP_MOVED_STATEMENT);
    assert_true(fabs(list[0].test.difference.value - 3e6) < 2e5);
    assert_int_equal(list[1].kind, HP_MOVED_WAIT);
    assert_int_equal(list[1].wait, HP_WAIT_SLEEP);
    assert_int_equal(list[1].sym, set.view);
    assert_true(list[1].test.difference.low > 1.9e6 && list[1].test.difference.high < 2.1e6);
    before.sample_count = HP_COMPARE_ENOUGH - 1;
    assert_int_equal(hp_moved_find(&before, &after, &set.arena, &list, &count, &enough, &drift), HP_OK);
    assert_true(!enough && count == 0);
    rec_set_fini(&set);
}

/* What a framework does once a request, and a database's library once a query: forty queries before, one
 * after. */
static void make_repaired(struct rec_set *set, struct hp_case *before, struct hp_case *after)
{
    enum { ONCE = 24, LIBRARY = 40, QUERIES = 40 };
    uint32_t once[ONCE], library[LIBRARY];
    char name[32];
    struct hp_rng rng;
    rec_set_init(set, "GET", "/page");
    hp_rng_seed(&rng, 4);
    for (uint32_t k = 0; k < ONCE; k++) {
        snprintf(name, sizeof name, "step_%u", k);
        once[k] = rec_sym(set, "flask/app.py", name, 10 + k, 0);
    }
    for (uint32_t k = 0; k < LIBRARY; k++) {
        snprintf(name, sizeof name, "execute_%u", k);
        library[k] = rec_sym(set, "sqlalchemy/engine.py", name, 10 + k, 0);
    }
    for (uint32_t i = 0; i < 24; i++) {
        uint32_t queries = i < 12 ? QUERIES : 1;
        struct rec *rec = rec_begin(set);
        uint32_t view = rec_node(rec, HP_NODE_ROOT, set->view, 0, 1, 1);
        for (uint32_t k = 0; k < ONCE; k++) {
            (void)rec_node(rec, HP_NODE_ROOT, once[k], 0, 1, 0.1 * (1 + 0.05 * hp_rng_double(&rng)));
        }
        for (uint32_t k = 0; k < LIBRARY; k++) {
            (void)rec_node(rec, view, library[k], 12, queries,
                           0.02 * queries * (1 + 0.05 * hp_rng_double(&rng)));
        }
        rec_end(set, rec, i < 12 ? 40 : 5, -1);
    }
    *before = *after = rec_case(set);
    before->sample_count = after->sample_count = 12;
    after->samples += 12;
}

static void functions_that_are_called_less_often_do_not_say_that_the_machine_is_faster(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_case before, after;
    struct hp_moved *list;
    uint32_t count;
    bool enough;
    double drift;
    make_repaired(&set, &before, &after);
    assert_int_equal(hp_moved_find(&before, &after, &set.arena, &list, &count, &enough, &drift), HP_OK);
    assert_true(enough);
    assert_true(drift > 0.95 && drift < 1.05);
    assert_int_equal(count, 40);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(fabs(list[i].test.difference.value + 39 * 0.02e6) < 0.1e6);
    }
    rec_set_fini(&set);
}

static void find_once(void *ctx)
{
    struct hp_case *sides = ctx;
    struct hp_arena arena;
    struct hp_moved *list;
    uint32_t count;
    bool enough;
    double drift;
    hp_arena_init(&arena, (size_t)1 << 24);
    (void)!hp_moved_find(&sides[0], &sides[1], &arena, &list, &count, &enough, &drift);
    hp_arena_fini(&arena);
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_case sides[2];
    make_sides(&set, &sides[0], &sides[1]);
    hp_sweep_oom(find_once, sides);
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_planted_twentieth_is_found_and_noise_is_not),
        cmocka_unit_test(drift_between_the_sides_is_no_change_of_any_thing),
        cmocka_unit_test(the_same_numbers_on_both_sides_are_no_change),
        cmocka_unit_test(functions_statements_and_waits_are_told_apart),
        cmocka_unit_test(functions_that_are_called_less_often_do_not_say_that_the_machine_is_faster),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
