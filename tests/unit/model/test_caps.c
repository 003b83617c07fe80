/* test_caps.c -- sizes and ages as somebody types them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/caps.h"

static void sizes_and_ages_are_read(void **state)
{
    (void)state;
    struct hp_errinfo info;
    uint64_t value = 0;
    assert_int_equal(hp_caps_read_size(HP_STR("20MB"), &value, &info), HP_OK);
    assert_true(value == 20000000);
    assert_int_equal(hp_caps_read_size(HP_STR("2GB"), &value, &info), HP_OK);
    assert_true(value == UINT64_C(2000000000));
    assert_int_equal(hp_caps_read_age(HP_STR("12h"), &value, &info), HP_OK);
    assert_true(value == UINT64_C(43200000000000));
    assert_int_equal(hp_caps_read_age(HP_STR("7d"), &value, &info), HP_OK);
    assert_true(value == UINT64_C(604800000000000));
    assert_int_equal(hp_caps_read_size(HP_STR(""), &value, &info), HP_OK);
    assert_true(value == UINT64_MAX);
}

static void what_is_none_is_refused_and_says_what_it_should_be(void **state)
{
    (void)state;
    static const char *const sizes[] = {"x",    "9MB",  "20",           "20 MB", "MB",
                                        "20mb", "-1GB", "9999999999GB", "1GBx"};
    static const char *const ages[] = {"x", "0h", "7", "7 d", "d", "1w", "999999999d"};
    struct hp_errinfo info;
    uint64_t value = 5;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(hp_caps_read_size(hp_str_from0(sizes[i]), &value, &info), HP_EINVAL);
        assert_non_null(strstr(info.text, "500MB"));
    }
    for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
        assert_int_equal(hp_caps_read_age(hp_str_from0(ages[i]), &value, &info), HP_EINVAL);
        assert_non_null(strstr(info.text, "7d"));
    }
    assert_true(value == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_ages_are_read),
        cmocka_unit_test(what_is_none_is_refused_and_says_what_it_should_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
