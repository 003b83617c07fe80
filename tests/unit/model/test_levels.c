/* test_levels.c -- rules about levels: what is one, which holds for a route, and what is wrong with a
 * line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/levels.h"
#include "model/record.h"

static struct hp_levels levels;

static uint32_t add(struct hp_dict *dict, const char *method, const char *rule)
{
    struct hp_route route = {.method = hp_str_from0(method), .rule = hp_str_from0(rule)};
    uint32_t id = 0;
    assert_int_equal(hp_dict_add_route(dict, &route, &id), HP_OK);
    return id;
}

static void take(const char *text)
{
    assert_int_equal(hp_levels_read(&levels, hp_str_from0(text), NULL), HP_OK);
}

static int level_of(const struct hp_dict *dict, uint32_t route)
{
    const struct hp_level_rule *rule = hp_levels_find(&levels, dict, route);
    return rule != NULL ? rule->level : -1;
}

static void the_first_rule_that_fits_holds(void **state)
{
    (void)state;
    struct hp_dict *dict = hp_dict_new();
    uint32_t health = add(dict, "GET", "/health"), save = add(dict, "POST", "/health"),
             report = add(dict, "GET", "/reports/<int:id>/pages"), other = add(dict, "GET", "/");
    take("count GET /health\n\n  monitor /reports/*/pages over 500ms \r\nsample /health\n");
    assert_int_equal(levels.count, 3);
    for (int again = 0; again < 2; again++) { /* looked for, then remembered */
        assert_int_equal(level_of(dict, health), HP_LEVEL_COUNT);
        assert_int_equal(level_of(dict, save), HP_LEVEL_SAMPLE);
        assert_int_equal(level_of(dict, report), HP_LEVEL_MONITOR);
        assert_int_equal(hp_levels_find(&levels, dict, report)->over_ns, 500000000u);
        assert_int_equal(level_of(dict, other), -1);
    }
    take("trace * over 2s");
    assert_int_equal(level_of(dict, other), HP_LEVEL_TRACE);
    assert_int_equal(hp_levels_find(&levels, dict, other)->over_ns, 2000000000u);
    take("");
    assert_int_equal(level_of(dict, health), -1);
    hp_dict_free(dict);
}

static void stars_stand_for_any_text(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *rule;
        bool fits;
    } cases[] = {{"/a", "/a", true},         {"/a", "/ab", false},      {"/a*", "/a", true},
                 {"/*b*c", "/xbybzc", true}, {"/*b*c", "/xbyb", false}, {"*", "/", true},
                 {"/a*a", "/a", false},      {"/**", "/x", true},       {"/a*b", "/aXbX", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hp_dict *dict = hp_dict_new();
        char text[40] = "count ";
        strncat(text, cases[i].pattern, sizeof text - 8);
        take(text);
        assert_int_equal(level_of(dict, add(dict, "GET", cases[i].rule)), cases[i].fits ? 0 : -1);
        hp_dict_free(dict);
    }
}

static void routes_beyond_the_remembered_ones_have_rules_too(void **state)
{
    (void)state;
    struct hp_dict *dict = hp_dict_new();
    char rule[24] = "/0";
    uint32_t id = 0;
    take("count /1099");
    for (int i = 0; i < 1100; i++) {
        rule[1] = (char)('0' + i / 1000);
        rule[2] = (char)('0' + i / 100 % 10);
        rule[3] = (char)('0' + i / 10 % 10);
        rule[4] = (char)('0' + i % 10);
        id = add(dict, "GET", rule);
    }
    assert_true(id >= HP_LEVELS_KNOWN);
    assert_int_equal(level_of(dict, id), HP_LEVEL_COUNT);
    hp_dict_free(dict);
}

static void a_wrong_line_is_named_and_leaves_no_rule(void **state)
{
    (void)state;
    static const char *const wrong[] = {"deep /x",
                                        "count",
                                        "count x",
                                        "count GET",
                                        "count GET x",
                                        "count /x over",
                                        "count /x over 5",
                                        "count /x over 0ms",
                                        "count /x below 5ms",
                                        "count /x over 5ms more",
                                        "count /x /y"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[64] = "count /good\n";
        struct hp_errinfo info = {0};
        strncat(text, wrong[i], sizeof text - 16);
        assert_int_equal(hp_levels_read(&levels, hp_str_from0(text), &info), HP_EINVAL);
        assert_int_equal(info.position, 2);
        assert_int_equal(levels.count, 0);
    }
}

static void too_many_are_refused(void **state)
{
    (void)state;
    char text[HP_LEVELS_BYTES + 1];
    struct hp_errinfo info = {0};
    size_t n = 0;
    for (uint32_t i = 0; i <= HP_LEVELS_MOST; i++) {
        memcpy(text + n, "count /x\n", 9);
        n += 9;
    }
    assert_int_equal(hp_levels_read(&levels, hp_str_make(text, n - 9), &info), HP_OK);
    assert_int_equal(hp_levels_read(&levels, hp_str_make(text, n), &info), HP_EINVAL);
    memset(text, ' ', sizeof text);
    assert_int_equal(hp_levels_read(&levels, hp_str_make(text, sizeof text), &info), HP_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_fits_holds),
        cmocka_unit_test(stars_stand_for_any_text),
        cmocka_unit_test(routes_beyond_the_remembered_ones_have_rules_too),
        cmocka_unit_test(a_wrong_line_is_named_and_leaves_no_rule),
        cmocka_unit_test(too_many_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
