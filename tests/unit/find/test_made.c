/* test_made.c -- what is made of a statement's answer each time goes with it. */
#include "records.h"

#define ACTIVE(made)                                                                                         \
    "def active(self, day):\n    rows = self.store.rows(SQL, day)\n    return [" made " for row in "         \
    "rows]\n\n"
#define CENTS "def cents(self, line):\n    shares = self.active(40)\n    return line.cents * max(shares)\n"
#define TIMES 40

struct page {
    char *source;        /* NULL: none */
    bool another, waits; /* active() runs another statement, too; or reads a file */
    uint32_t calls;      /* of active(); 0: as often as the statement runs */
};

/* page, line 12, calls cents() 40 times, which calls active() at line 6; that calls rows() at line 2, which
 * executes (20 ms in all), and makes objects (30 ms) at line 3. cents() computes for 1 ms. */
static void add_page(struct rec_set *set, struct page page)
{
    uint32_t sql = rec_sql(set, "SELECT a FROM share WHERE day = ?", HP_ENGINE_SQLITE);
    uint32_t other = rec_sql(set, "SELECT b FROM day", HP_ENGINE_SQLITE);
    uint32_t cents_sym = rec_sym(set, "app/shop.py", "Pricing.cents", 5, REC_APP);
    uint32_t active_sym = rec_sym(set, "app/shop.py", "Pricing.active", 1, REC_APP);
    uint32_t rows_sym = rec_sym(set, "app/db.py", "rows", 30, REC_APP);
    struct rec *rec = rec_begin(set);
    uint32_t view = rec_node(rec, HP_NODE_ROOT, set->view, 4, 1, 1);
    uint32_t cents = rec_node(rec, view, cents_sym, 12, TIMES, 1);
    uint32_t active = rec_node(rec, cents, active_sym, 6, page.calls != 0 ? page.calls : TIMES, 0.1);
    uint32_t rows = rec_node(rec, active, rows_sym, 2, TIMES, 0.1);
    uint32_t execute =
        rec_node(rec, rows, rec_sym(set, "lib/driver.py", "execute", 5, REC_LIB), 31, TIMES, 20);
    (void)rec_node(rec, active, rec_sym(set, "lib/objects.py", "make", 8, REC_LIB), 3, 10000, 30);
    for (int k = 0; k < TIMES; k++) {
        rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                            .node = execute,
                                            .site_sym = rows_sym,
                                            .site_line = 31,
                                            .t0 = 2 + 0.9 * k,
                                            .exec = 0.5,
                                            .rows = 250,
                                            .params = 7});
    }
    if (page.another) {
        rec_add_stmt(rec, (struct rec_stmt){.statement = other, .node = active, .t0 = 1, .exec = 0.01});
    }
    if (page.waits) {
        rec_add_span(set, rec, (struct rec_span){.kind = HP_WAIT_DISK, .node = active, .t0 = 40, .t1 = 50});
    }
    rec_end(set, rec, 56, 54);
}

static struct hp_str source_of(void *ctx, struct hp_str file)
{
    return ctx != NULL && hp_str_eq(file, HP_STR("app/shop.py")) ? hp_str_from0(ctx) : HP_STR("");
}

static struct hp_find_result find_in(struct rec_set *set, struct page page, struct hp_case *c)
{
    struct hp_find_result result;
    rec_set_init(set, "GET", "/page");
    for (int r = 0; r < 10; r++) {
        add_page(set, page);
    }
    *c = rec_case(set);
    c->source = source_of;
    c->source_ctx = page.source;
    assert_int_equal(hp_find_run(c, &set->arena, &result), HP_OK);
    return result;
}

static double saving_of(struct page page, bool hot)
{
    struct rec_set set;
    struct hp_case c;
    struct hp_find_result result = find_in(&set, page, &c);
    double ms = 0;
    bool found = false;
    for (uint32_t i = 0; i < result.findings.count; i++) {
        const struct hp_finding *finding = &result.findings.list[i];
        ms = finding->kind == HP_FIND_duplicate_query ? (double)finding->median_ns / 1e6 : ms;
        found = found || finding->kind == HP_FIND_hot_function;
    }
    assert_int_equal(found, hot);
    rec_set_fini(&set);
    return ms;
}

#define ALONE  ((TIMES - 1) * (20.0 + 0.1) / TIMES)
#define BEYOND ((TIMES - 1) * (30.0 + 0.1) / TIMES)
static char plain[] = ACTIVE("Share(*row)") CENTS, for_day[] = ACTIVE("Share(*row, day)") CENTS;

static void near(double a, double b)
{
    assert_true(a > b - 0.05 && a < b + 0.05);
}

static void what_a_function_makes_of_the_rows_goes_with_the_repeats(void **state)
{
    (void)state;
    near(saving_of((struct page){.source = plain}, false), ALONE + BEYOND);
}

static void what_needs_something_else_as_well_stays(void **state)
{
    (void)state;
    near(saving_of((struct page){.source = for_day}, true), ALONE);
    near(saving_of((struct page){.source = NULL}, true), ALONE);
}

static void what_does_something_else_as_well_stays(void **state)
{
    (void)state;
    near(saving_of((struct page){.source = plain, .another = true}, true), ALONE);
    near(saving_of((struct page){.source = plain, .calls = 10}, true), ALONE);
}

static void what_it_waits_for_is_told_by_itself(void **state)
{
    (void)state;
    double without = saving_of((struct page){.source = plain, .waits = true}, false);
    near(without, ALONE + BEYOND - (TIMES - 1) * 10.0 / TIMES);
}

static void compare_measures_the_same(void **state)
{
    (void)state;
    struct rec_set set;
    struct hp_case c;
    struct hp_own_key key;
    uint64_t ns[REC_MAX];
    struct hp_find_result result = find_in(&set, (struct page){.source = plain}, &c);
    assert_int_equal(result.findings.count, 1);
    assert_int_equal(hp_own_describe(&c, &result.findings.list[0], &set.arena, &key), HP_OK);
    assert_int_equal(hp_own_measure(&c, &key, false, ns), HP_OK);
    near((double)ns[0] / 1e6, 20.1 + BEYOND);
    rec_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_function_makes_of_the_rows_goes_with_the_repeats),
        cmocka_unit_test(what_needs_something_else_as_well_stays),
        cmocka_unit_test(what_does_something_else_as_well_stays),
        cmocka_unit_test(what_it_waits_for_is_told_by_itself),
        cmocka_unit_test(compare_measures_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
