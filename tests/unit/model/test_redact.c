/* test_redact.c -- which names hide their value, and words as somebody types them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/redact.h"

static void our_words_hide_whatever_was_added(void **state)
{
    (void)state;
    struct hp_redact none = {.count = 0};
    assert_true(hp_redact_hits(NULL, HP_STR("X-Api-Key")));
    assert_true(hp_redact_hits(&none, HP_STR("user_password")));
    assert_false(hp_redact_hits(&none, HP_STR("page")));
    assert_false(hp_redact_hits(NULL, HP_STR("")));
}

static void words_that_were_added_hide_too(void **state)
{
    (void)state;
    struct hp_redact redact;
    assert_int_equal(hp_redact_read(&redact, HP_STR(" phone, IBAN\r\n\nX-Real-Ip\t"), NULL), HP_OK);
    assert_int_equal(redact.count, 3);
    assert_true(hp_redact_hits(&redact, HP_STR("home_Phone_2")));
    assert_true(hp_redact_hits(&redact, HP_STR("iban")));
    assert_true(hp_redact_hits(&redact, HP_STR("x-real-ip")));
    assert_true(hp_redact_hits(&redact, HP_STR("token")));
    assert_false(hp_redact_hits(&redact, HP_STR("real")));
    assert_int_equal(hp_redact_read(&redact, HP_STR(""), NULL), HP_OK);
    assert_false(hp_redact_hits(&redact, HP_STR("phone")));
}

static void what_is_no_word_is_refused_and_those_before_it_hold(void **state)
{
    (void)state;
    static const char *const wrong[] = {"phone x", "phone a*b", "phone \xc3\xa4\xc3\xa4",
                                        "phone a0123456789012345678901234567890123456789"};
    struct hp_redact redact;
    struct hp_errinfo info;
    char many[HP_REDACT_MOST * 3 + 2];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(hp_redact_read(&redact, hp_str_from0(wrong[i]), &info), HP_EINVAL);
        assert_non_null(strstr(info.text, "letters"));
        assert_true(hp_redact_hits(&redact, HP_STR("phone")));
    }
    memset(many, 'a', sizeof many);
    for (size_t i = 2; i < sizeof many; i += 3) {
        many[i] = ' ';
    }
    assert_int_equal(hp_redact_read(&redact, hp_str_make(many, sizeof many - 2), &info), HP_OK);
    assert_int_equal(hp_redact_read(&redact, hp_str_make(many, sizeof many), &info), HP_EINVAL);
    assert_int_equal(redact.count, HP_REDACT_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_words_hide_whatever_was_added),
        cmocka_unit_test(words_that_were_added_hide_too),
        cmocka_unit_test(what_is_no_word_is_refused_and_those_before_it_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
