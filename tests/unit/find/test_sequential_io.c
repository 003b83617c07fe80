/* test_sequential_io.c -- calls at lines of one function, told by what its source says of them. */
#include <stdio.h>

#include "records.h"

#include "find/find.h"

struct ask {
    uint32_t line; /* 0: no more */
    double length;
};

static struct hp_str source_of(void *ctx, struct hp_str file)
{
    assert_true(hp_str_eq(file, HP_STR("app/views.py")));
    return hp_str_from0(ctx);
}

/* The page's calls, one after another, and the findings; `source`: of the page, whose first line is 10. NULL:
 * not known. */
static double pause = 0; /* between two calls, ms */

static struct hp_find_result find(struct rec_set *set, const char *source, const struct ask *asks)
{
    static const char lines_above[] = "\n\n\n\n\n\n\n\n\n";
    static char text[1024];
    struct hp_find_result result;
    rec_set_init(set, "GET", "/x");
    for (int r = 0; r < 10; r++) {
        struct rec *rec = rec_begin(set);
        double t = 1;
        for (uint32_t k = 0; asks[k].line != 0; t += asks[k++].length + pause) {
            if (k > 0 && pause > 0) {
                rec_add_span(set, rec,
                             (struct rec_span){.kind = HP_WAIT_SLEEP,
                                               .site_sym = set->view,
                                               .site_line = asks[k].line,
                                               .t0 = t - pause,
                                               .t1 = t});
            }
            for (uint32_t kind = HP_WAIT_SEND; kind <= HP_WAIT_RECV; kind++) {
                bool last = kind == HP_WAIT_RECV;
                rec_add_span(set, rec,
                             (struct rec_span){.kind = kind,
                                               .group = k + 1,
                                               .protocol = HP_PROTOCOL_HTTP,
                                               .peer = 7,
                                               .site_sym = set->view,
                                               .site_line = asks[k].line,
                                               .t0 = last ? t + 0.1 : t,
                                               .t1 = last ? t + asks[k].length : t + 0.1,
                                               .bytes = 200});
            }
        }
        rec_end(set, rec, t + 2, 2);
        set->samples[set->count - 1].tree = NULL;
    }
    struct hp_case c = rec_case(set);
    (void)snprintf(text, sizeof text, "%s%s", lines_above, source != NULL ? source : "");
    c.source = source != NULL ? source_of : NULL;
    c.source_ctx = text;
    assert_int_equal(hp_find_run(&c, &set->arena, &result), HP_OK);
    return result;
}

/* line 0: nothing is told. */
static void expect(const char *source, const struct ask *asks, uint32_t line, double saving_ms)
{
    struct rec_set set;
    struct hp_find_result r = find(&set, source, asks);
    assert_int_equal(r.findings.count, line != 0);
    if (line != 0) {
        double got = (double)r.findings.list[0].median_ns / 1e6;
        assert_int_equal(r.findings.list[0].kind, HP_FIND_sequential_io);
        assert_int_equal(r.findings.list[0].site_line, line);
        assert_true(got > saving_ms - 0.1 && got < saving_ms + 0.1);
    }
    rec_set_fini(&set);
}

static const struct ask three[] = {{11, 20}, {12, 20}, {13, 25}, {0, 0}};

static void each_needs_the_one_before(void **state)
{
    (void)state;
    static const char source[] = "def page(x):\n"
                                 "    a = ask('/a', x)\n"
                                 "    b = ask('/b', a)\n"
                                 "    return ask('/c', b)\n";
    expect(source, three, 0, 0);
    expect(NULL, three, 13, 40); /* as far as one knows */
}

static void none_needs_another(void **state)
{
    (void)state;
    static const char source[] = "def page(x):\n"
                                 "    a = ask('/a', x)\n"
                                 "    b = ask('/b')\n"
                                 "    return a, b, ask('/c')\n";
    expect(source, three, 13, 40);
}

static void what_all_need_is_not_one_of_them(void **state)
{
    (void)state;
    static const char source[] = "def page(x):\n"
                                 "    key = ask('/key', x)[:4]\n"
                                 "    price = ask('/price', key)\n"
                                 "    due = ask(f'/due/{key}')\n"
                                 "    return price, due\n";
    expect(source, (const struct ask[]){{11, 28}, {12, 20}, {13, 25}, {0, 0}}, 13, 20);
}

static void two_chains_take_as_long_as_the_longer(void **state)
{
    (void)state;
    static const char source[] = "def page(x):\n"
                                 "    a = ask('/a', x)\n"
                                 "    b = ask('/b', a)\n"
                                 "    c = ask('/c')\n"
                                 "    d = ask('/d', c)\n"
                                 "    return b, d\n";
    expect(source, (const struct ask[]){{11, 20}, {12, 20}, {13, 10}, {14, 26}, {0, 0}}, 14, 36);
}

static void a_loop_that_follows_a_cursor_is_no_sequence(void **state)
{
    (void)state;
    static const struct ask pages[] = {{12, 20}, {12, 20}, {12, 20}, {0, 0}};
    expect("def page(x):\n"
           "    while url:\n"
           "        url = ask(url).next\n",
           pages, 0, 0);
    expect("def page(x):\n"
           "    for url in urls:\n"
           "        found.append(ask(url))\n",
           pages, 12, 40);
}

static void what_is_asked_alike_each_time_is_another_cause_beside_a_sequence(void **state)
{
    (void)state;
    static const char source[] = "def page(x):\n"
                                 "    rate = ask('/rates')\n"
                                 "    a = ask('/a', x)\n"
                                 "    b = ask('/b', x)\n"
                                 "    return rate, a, b, ask('/c', x)\n";
    struct rec_set set;
    struct hp_find_result r =
        find(&set, source, (const struct ask[]){{11, 28}, {12, 11}, {13, 11}, {14, 12}, {0, 0}});
    assert_int_equal(r.findings.count, 2);
    assert_int_equal(r.findings.list[0].kind, HP_FIND_slow_external);
    assert_int_equal(r.findings.list[0].site_line, 11);
    assert_int_equal(r.findings.list[1].kind, HP_FIND_sequential_io);
    assert_int_equal(r.findings.list[1].site_line, 14);
    double got = (double)r.findings.list[1].median_ns / 1e6;
    assert_true(got > 21.9 && got < 22.1);
    rec_set_fini(&set);
    /* Without it there is none: all of them are one. */
    expect(source, (const struct ask[]){{11, 28}, {12, 20}, {14, 21}, {0, 0}}, 11, 41);
}

/* How much of three calls in a loop with sleeps in between is told to be sequential, ms. */
static double told_with_sleeps(const char *source)
{
    struct rec_set set;
    double told = 0;
    pause = 6;
    struct hp_find_result r = find(&set, source, (const struct ask[]){{12, 20}, {12, 20}, {12, 20}, {0, 0}});
    pause = 0;
    for (uint32_t i = 0; i < r.findings.count; i++) {
        if (r.findings.list[i].kind == HP_FIND_sequential_io) {
            told = (double)r.findings.list[i].median_ns / 1e6;
        }
    }
    rec_set_fini(&set);
    return told;
}

static void sleeps_between_tries_keep_them_apart_and_between_things_they_do_not(void **state)
{
    (void)state;
    double things = told_with_sleeps("def page(x):\n"
                                     "    for each in places:\n"
                                     "        found.append(ask(each))\n"
                                     "        sleep(0.006)\n");
    assert_true(things > 39.9 && things < 40.1);
    assert_true(told_with_sleeps("def page(x):\n"
                                 "    for turn in range(3):\n"
                                 "        found = ask(x)\n"
                                 "        sleep(0.006)\n") == 0);
    assert_true(told_with_sleeps(NULL) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_needs_the_one_before),
        cmocka_unit_test(none_needs_another),
        cmocka_unit_test(what_all_need_is_not_one_of_them),
        cmocka_unit_test(two_chains_take_as_long_as_the_longer),
        cmocka_unit_test(a_loop_that_follows_a_cursor_is_no_sequence),
        cmocka_unit_test(sleeps_between_tries_keep_them_apart_and_between_things_they_do_not),
        cmocka_unit_test(what_is_asked_alike_each_time_is_another_cause_beside_a_sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
