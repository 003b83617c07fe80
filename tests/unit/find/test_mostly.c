/* test_mostly.c -- the line of the application at which most of a route's time goes, whatever it is. */
#include "find/mostly.h"
#include "records_work.h"
#include "sweep_oom.h"

/* root ── wsgi ── page ──line 12── draw ──┬─line 31── scatter ── …      `at_31` ms
 *                                         └─line 33── layout  ── …      `at_33` ms
 * and `own` ms of draw's own, `idle` ms of the page's. */
static void request(struct rec_set *set, double at_31, double at_33, double own, double idle)
{
    struct rec *rec = rec_begin(set);
    uint32_t page = rec_work_page(set, rec);
    uint32_t draw = rec_work_app(set, rec, page, "draw", 12, 1, own);
    uint32_t scatter = rec_work_lib(set, rec, draw, "plot/express.py", "scatter", 31, 1, at_31 / 2);
    (void)rec_work_lib(set, rec, scatter, "plot/core.py", "make", 7, 40, at_31 / 2);
    (void)rec_work_lib(set, rec, draw, "plot/core.py", "layout", 33, 1, at_33);
    (void)rec_work_lib(set, rec, page, "plot/core.py", "idle", 13, 1, idle);
    rec_work_end(set, rec, at_31 + at_33 + own + idle);
}

static struct hp_mostly mostly_of(struct rec_set *set)
{
    return rec_find(set).mostly;
}

static void assert_is(struct rec_set *set, const char *function, uint32_t line, const char *callee,
                      double share)
{
    struct hp_mostly mostly = mostly_of(set);
    assert_true(mostly.share > share - 0.02 && mostly.share < share + 0.02);
    assert_int_equal(mostly.line, line);
    assert_true(hp_str_eq(hp_dict_symbol(set->dict, mostly.sym).name, hp_str_from0(function)));
    assert_true(hp_str_eq(hp_dict_symbol(set->dict, mostly.callee).name, hp_str_from0(callee)));
}

static void it_is_the_deepest_line_that_most_requests_share(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/chart");
    for (unsigned i = 0; i < 10; i++) { /* two take most of theirs at another line of the same function */
        request(&set, i < 8 ? 40 : 2, i < 8 ? 2 : 40, 1, 1);
    }
    assert_is(&set, "draw", 31, "scatter", 40 / 45.2);
    rec_set_fini(&set);
    rec_set_init(&set, "GET", "/chart");
    for (unsigned i = 0; i < 10; i++) { /* half of them each: they have the line above in common */
        request(&set, i % 2 != 0 ? 40 : 2, i % 2 != 0 ? 2 : 40, 1, 1);
    }
    assert_is(&set, "page", 12, "draw", 43 / 45.2);
    rec_set_fini(&set);
}

static void what_a_function_computes_itself_is_told_at_its_first_line(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/chart");
    request(&set, 2, 2, 40, 1);
    assert_is(&set, "draw", 20, "", 40 / 46.2);
    rec_set_fini(&set);
}

static void without_half_of_the_time_there_is_none(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/chart");
    request(&set, 10, 10, 5, 28); /* of draw none has half */
    assert_is(&set, "page", 13, "idle", 28 / 54.2);
    rec_set_fini(&set);
    rec_set_init(&set, "GET", "/chart");
    struct rec *rec = rec_begin(&set); /* most of it waits for something that no call shows */
    uint32_t page = rec_work_page(&set, rec);
    (void)rec_work_app(&set, rec, page, "draw", 12, 1, 20);
    rec_end(&set, rec, 60, 21);
    assert_true(mostly_of(&set).share <= 0);
    set.samples[0].tree = NULL;
    assert_true(mostly_of(&set).share <= 0);
    rec_set_fini(&set);
}

static void find_it(void *arg)
{
    struct hp_case c = rec_case(arg);
    struct hp_mostly mostly;
    struct hp_arena arena;
    hp_arena_init(&arena, (size_t)1 << 20);
    hp_err err = hp__mostly_find(&c, &arena, &mostly);
    assert_true(err == HP_ENOMEM || mostly.line == 31);
    hp_arena_fini(&arena);
}

static void it_survives_without_memory(void **state)
{
    (void)state;
    struct rec_set set;
    rec_set_init(&set, "GET", "/chart");
    request(&set, 40, 2, 1, 1);
    hp_sweep_oom(find_it, &set);
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_deepest_line_that_most_requests_share),
        cmocka_unit_test(what_a_function_computes_itself_is_told_at_its_first_line),
        cmocka_unit_test(without_half_of_the_time_there_is_none),
        cmocka_unit_test(it_survives_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
