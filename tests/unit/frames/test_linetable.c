/* test_linetable.c -- lines of instructions, against what CPython 3.12 itself says of a function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frames/linetable.h"

/* A function with a comprehension, calls over several lines and an exception table; its co_linetable and, a
 * code unit each, co_lines. */
static const char table[] = "\x80\x00\xf0\x06\x00\x13\x14\xf6\x03\x01\x09\x15\xd8\x0d\x0e\xf2\x03\x00\x0a\x0b"
                            "\xf0\x00\x01\x09\x15\x80\x41\xf0"
                            "\x00\x01\x09\x15\xf0\x06\x00\x0e\x0f\xf2\x00\x02\x05\x0d\x88\x01\xdc\x08\x09\x88"
                            "\x21\xd8\x0a\x0b\xf5\x03\x01\x09"
                            "\x0d\xf0\x03\x02\x05\x0d\xf0\x06\x00\x0d\x0e\xd8\x0c\x0d\x8f\x43\x89\x43\x90\x01"
                            "\xd8\x10\x11\xf3\x03\x01\x0d\x13"
                            "\xf1\x03\x02\x0d\x13\xf0\x00\x02\x05\x14\xf9\xf2\x0d\x01\x09\x15";
static const uint32_t lines[] = {1,  4,  3,  3,  3,  3,  3,  3,  3,  4,  3,  3,  3,  3,  3,  3,
                                 6,  6,  6,  6,  6,  7,  7,  7,  7,  7,  7,  8,  7,  7,  7,  7,
                                 7,  7,  6,  9,  10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
                                 11, 10, 10, 10, 10, 9,  9,  9,  0,  0,  3,  3,  3};

static struct hp_str whole(void)
{
    return hp_str_make(table, sizeof table - 1);
}

static void lines_are_those_of_the_interpreter(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(hp_linetable_line(whole(), 1, (int64_t)i), lines[i]);
    }
}

static void before_the_first_unit_it_is_the_first_line_and_behind_the_last_none(void **state)
{
    (void)state;
    assert_int_equal(hp_linetable_line(whole(), 1, -1), 1);
    assert_int_equal(hp_linetable_line(whole(), 1, sizeof lines / sizeof lines[0]), 0);
    assert_int_equal(hp_linetable_line(hp_str_make(NULL, 0), 7, 0), 0);
}

static void a_table_that_is_cut_or_garbled_gives_no_line_beyond_the_cut(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof table - 1; n++) {
        for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
            uint32_t line = hp_linetable_line(hp_str_make(table, n), 1, (int64_t)i);
            assert_true(line == 0 || line == lines[i]);
        }
    }
    assert_int_equal(hp_linetable_line(HP_STR("\x00\x00"), 1, 0), 0); /* no entry begins so */
    assert_int_equal(hp_linetable_line(HP_STR("\xe8\x7f\x7f\x7f\x7f\x7f\x7f\x7f"), 1, 0),
                     0);                                              /* a varint without end */
    assert_int_equal(hp_linetable_line(HP_STR("\xe8\x09"), 1, 0), 0); /* line -3 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_those_of_the_interpreter),
        cmocka_unit_test(before_the_first_unit_it_is_the_first_line_and_behind_the_last_none),
        cmocka_unit_test(a_table_that_is_cut_or_garbled_gives_no_line_beyond_the_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
