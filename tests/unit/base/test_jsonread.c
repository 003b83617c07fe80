/* test_jsonread.c -- JSON token by token: values, escapes, bookmarks, and what is not JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/jsonread.h"

static struct hp_buf scratch;

static int begin(void **state)
{
    (void)state;
    hp_buf_init(&scratch, 1 << 16);
    return 0;
}

static int end(void **state)
{
    (void)state;
    hp_buf_fini(&scratch);
    return 0;
}

static struct hp_jsonread of(const char *text)
{
    struct hp_jsonread json;
    hp_jsonread_init(&json, hp_str_from0(text), &scratch);
    return json;
}

static void reads_members_and_elements_in_order(void **state)
{
    (void)state;
    struct hp_jsonread json = of(" {\"a\" : [1, -2.5e1, true, null], \"b\": {}, \"c\": \"x\"} ");
    struct hp_str key, text;
    double number = 0;
    assert_int_equal(hp_jsonread_next(&json), HP_JSON_OBJECT);
    assert_true(hp_jsonread_member(&json, &key));
    assert_true(hp_str_eq(key, HP_STR("a")));
    assert_int_equal(hp_jsonread_next(&json), HP_JSON_ARRAY);
    assert_true(hp_jsonread_element(&json));
    assert_true(hp_jsonread_double(&json) == 1);
    assert_true(hp_jsonread_number(&json, &number));
    assert_true(number == -25);
    assert_true(hp_jsonread_element(&json));
    assert_int_equal(json.token, HP_JSON_TRUE);
    assert_false(hp_jsonread_number(&json, &number)); /* null: no number, and no error */
    assert_false(hp_jsonread_element(&json));
    assert_true(hp_jsonread_member(&json, &key));
    hp_jsonread_skip(&json);
    assert_true(hp_jsonread_member(&json, &key));
    assert_true(hp_jsonread_text(&json, &text));
    assert_true(hp_str_eq(text, HP_STR("x")));
    assert_false(hp_jsonread_member(&json, &key));
    assert_int_equal(hp_jsonread_next(&json), HP_JSON_END);
    assert_int_equal(json.err, HP_OK);
}

static void unescapes_texts(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } cases[] = {{"\"\"", ""},
                 {"\"a\\n\\t\\\"\\\\\\/\"", "a\n\t\"\\/"},
                 {"\"\\u00e9\"", "\xC3\xA9"},
                 {"\"\\ud83d\\ude00!\"", "\xF0\x9F\x98\x80!"},
                 {"\"\\ud83d\"", "\xEF\xBF\xBD"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hp_jsonread json = of(cases[i].json);
        struct hp_str text;
        assert_true(hp_jsonread_text(&json, &text));
        assert_true(hp_str_eq(text, hp_str_from0(cases[i].text)));
    }
}

static void a_copy_is_a_bookmark(void **state)
{
    (void)state;
    struct hp_jsonread json = of("[[1,[2]],3]");
    double number = 0;
    assert_int_equal(hp_jsonread_next(&json), HP_JSON_ARRAY);
    struct hp_jsonread mark = json;
    hp_jsonread_skip(&json);
    assert_true(hp_jsonread_number(&json, &number));
    assert_true(number == 3);
    json = mark;
    assert_true(hp_jsonread_element(&json));
    assert_int_equal(json.token, HP_JSON_ARRAY);
    assert_true(hp_jsonread_number(&json, &number));
    assert_true(number == 1);
    hp_jsonread_next(&json);
    hp_jsonread_leave(&json);
    assert_false(hp_jsonread_element(&json));
    assert_true(hp_jsonread_element(&json));
    assert_int_equal(json.err, HP_OK);
}

static void what_is_not_json_is_an_error_that_stays(void **state)
{
    (void)state;
    static const char *const cases[] = {"",      "{",     "[1",    "[1,]",      "{\"a\"}", "{\"a\":}",
                                        "{a:1}", "[1 2]", "\"abc", "\"\\q\"",   "\"\\u12", "tru",
                                        "-",     "1.",    "[1}",   "{\"a\":1]", "[,1]",    "01"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hp_jsonread json = of(cases[i]);
        hp_jsonread_skip(&json);
        if (json.err != HP_EFORMAT) {
            fail_msg("taken as JSON: %s", cases[i]);
        }
        assert_non_null(json.why);
        assert_true(json.error_at <= strlen(cases[i]));
        assert_int_equal(hp_jsonread_next(&json), HP_JSON_END);
    }
}

static void a_value_of_another_kind_is_an_error(void **state)
{
    (void)state;
    struct hp_jsonread json = of("\"1\"");
    double number;
    assert_false(hp_jsonread_number(&json, &number));
    assert_int_equal(json.err, HP_EFORMAT);
    hp_jsonread_fail(&json, HP_EFULL, "later");
    assert_int_equal(json.err, HP_EFORMAT);
}

static void nesting_is_capped(void **state)
{
    (void)state;
    char text[HP_JSONREAD_DEPTH + 2];
    memset(text, '[', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct hp_jsonread json = of(text);
    hp_jsonread_skip(&json);
    assert_int_equal(json.err, HP_EFORMAT);
    assert_true(json.error_at >= HP_JSONREAD_DEPTH - 1);
}

static void a_text_longer_than_the_scratch_is_refused(void **state)
{
    (void)state;
    static char text[(1 << 16) + 100];
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "\"\\n", 3);
    text[sizeof text - 2] = '"';
    struct hp_jsonread json = of(text);
    struct hp_str value;
    assert_false(hp_jsonread_text(&json, &value));
    assert_int_not_equal(json.err, HP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_members_and_elements_in_order),
        cmocka_unit_test(unescapes_texts),
        cmocka_unit_test(a_copy_is_a_bookmark),
        cmocka_unit_test(what_is_not_json_is_an_error_that_stays),
        cmocka_unit_test(a_value_of_another_kind_is_an_error),
        cmocka_unit_test(nesting_is_capped),
        cmocka_unit_test(a_text_longer_than_the_scratch_is_refused),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
