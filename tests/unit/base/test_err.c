/* test_err.c -- names, texts and cutting of errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/str.h"
#include "hotplate/err.h"

static void every_code_has_a_name_and_a_text(void **state)
{
    (void)state;
    assert_int_equal(HP_OK, 0);
    assert_string_equal(hp_err_name(HP_OK), "HP_OK");
    assert_string_equal(hp_err_name(HP_ETIMEOUT), "HP_ETIMEOUT");
    assert_string_equal(hp_err_text(HP_EFULL), "a cap was reached");
    for (int code = 0; code < HP_ERR_COUNT; code++) {
        assert_true(strlen(hp_err_name((hp_err)code)) > 3);
        assert_true(strlen(hp_err_text((hp_err)code)) > 3);
    }
}

static void unknown_codes_have_a_name_too(void **state)
{
    (void)state;
    assert_non_null(hp_err_name((hp_err)9999));
    assert_non_null(hp_err_text((hp_err)9999));
}

static void set_fills_and_returns_the_code(void **state)
{
    (void)state;
    struct hp_errinfo info;
    assert_int_equal(hp_err_set(&info, HP_EFORMAT, 17, "bad %s at %d", "key", 3), HP_EFORMAT);
    assert_int_equal(info.code, HP_EFORMAT);
    assert_int_equal(info.position, 17);
    assert_string_equal(info.text, "bad key at 3");
    assert_int_equal(hp_err_set(NULL, HP_EIO, 0, "x"), HP_EIO);
}

static void long_text_is_cut_at_a_character(void **state)
{
    (void)state;
    char text[400];
    /* Shifting by one byte at a time puts every byte of a three-byte character on the cut. */
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3) {
            memcpy(text + i, "\xE2\x82\xAC", 4);
        }
        struct hp_errinfo info;
        (void)hp_err_set(&info, HP_EIO, 0, "%s", text);
        struct hp_str got = hp_str_from0(info.text);
        assert_true(hp_utf8_valid(got));
        assert_in_range(got.n, sizeof info.text - 4, sizeof info.text - 1);
        assert_memory_equal(got.p, text, got.n);
    }
}

static void text_stays_one_line(void **state)
{
    (void)state;
    struct hp_errinfo info;
    (void)hp_err_set(&info, HP_EIO, 0, "a\nb\r\nc");
    assert_null(strpbrk(info.text, "\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_name_and_a_text),
        cmocka_unit_test(unknown_codes_have_a_name_too),
        cmocka_unit_test(set_fills_and_returns_the_code),
        cmocka_unit_test(long_text_is_cut_at_a_character),
        cmocka_unit_test(text_stays_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
