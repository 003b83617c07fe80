/* test_str.c -- borrowed text and UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

static void comparison_is_by_bytes(void **state)
{
    (void)state;
    assert_true(hp_str_eq(HP_STR("abc"), hp_str_make("abcd", 3)));
    assert_false(hp_str_eq(HP_STR("abc"), HP_STR("abd")));
    assert_true(hp_str_eq(hp_str_make(NULL, 0), HP_STR("")));
    assert_true(hp_str_cmp(HP_STR("a"), HP_STR("ab")) < 0);
    assert_true(hp_str_cmp(HP_STR("b"), HP_STR("ab")) > 0);
    assert_true(hp_str_cmp(HP_STR("\xFF"), HP_STR("a")) > 0);
    assert_int_equal(hp_str_cmp(hp_str_make(NULL, 0), HP_STR("")), 0);
    assert_int_equal(hp_str_from0(NULL).n, 0);
}

static void starts_ends_and_find(void **state)
{
    (void)state;
    assert_true(hp_str_starts(HP_STR("settings.py"), HP_STR("set")));
    assert_false(hp_str_starts(HP_STR("se"), HP_STR("set")));
    assert_true(hp_str_ends(HP_STR("settings.py"), HP_STR(".py")));
    assert_false(hp_str_ends(HP_STR("py"), HP_STR(".py")));
    assert_true(hp_str_starts(hp_str_make(NULL, 0), HP_STR("")));
    assert_int_equal(hp_str_find_char(HP_STR("a:b"), ':'), 1);
    assert_int_equal(hp_str_find_char(HP_STR("ab"), ':'), 2);
    assert_int_equal(hp_str_find_char(hp_str_make(NULL, 0), ':'), 0);
    assert_int_equal(hp_str_word_length(HP_STR("_a1.b")), 3);
    assert_int_equal(hp_str_word_length(HP_STR("\xc3\xa9t\xc3\xa9")), 5);
    assert_int_equal(hp_str_word_length(HP_STR("-a")), 0);
    const struct hp_str text = HP_STR("tags, tag=tag_of(tag)");
    assert_int_equal(hp_str_find_word(text, 0, HP_STR("tag")), 6);
    assert_int_equal(hp_str_find_word(text, 7, HP_STR("tag")), 17);
    assert_int_equal(hp_str_find_word(text, 18, HP_STR("tag")), text.n);
    assert_int_equal(hp_str_find_word(text, 0, HP_STR("=")), 9);
    assert_int_equal(hp_str_find_word(text, 0, HP_STR("")), text.n);
    assert_true(hp_str_eq(hp_str_from(text, 17), HP_STR("tag)")));
    assert_int_equal(hp_str_from(text, 99).n, 0);
}

static void utf8_is_judged_as_unicode_does(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "plain", "\xC2\x80", "\xE2\x82\xAC", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {
        "\x80",                 /* stray continuation */
        "\xC0\xAF",             /* overlong */
        "\xE0\x80\xAF",         /* overlong */
        "\xF0\x80\x80\xAF",     /* overlong */
        "\xED\xA0\x80",         /* surrogate */
        "\xF4\x90\x80\x80",     /* above U+10FFFF */
        "\xF8\x88\x80\x80\x80", /* five bytes */
        "\xE2\x82",             /* cut short */
        "\xE2\x82x",
        "a\xFF",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(hp_utf8_valid(hp_str_from0(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(hp_utf8_valid(hp_str_from0(bad[i])));
    }
}

static void cut_never_splits_a_character(void **state)
{
    (void)state;
    struct hp_str text = HP_STR("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z");
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t max = 0; max < sizeof want / sizeof want[0]; max++) {
        struct hp_str got = hp_utf8_cut(text, max);
        assert_int_equal(got.n, want[max]);
        assert_ptr_equal(got.p, text.p);
        assert_true(hp_utf8_valid(got));
    }
}

static void cut_of_other_bytes_is_exact(void **state)
{
    (void)state;
    struct hp_str text = HP_STR("\x80\x80\xFF\xE2\x82x\x80");
    for (size_t max = 0; max <= text.n; max++) {
        assert_int_equal(hp_utf8_cut(text, max).n, max);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparison_is_by_bytes),         cmocka_unit_test(starts_ends_and_find),
        cmocka_unit_test(utf8_is_judged_as_unicode_does), cmocka_unit_test(cut_never_splits_a_character),
        cmocka_unit_test(cut_of_other_bytes_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
