/* test_show.c -- values for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/show.h"

static char out[HP_SHOW_BYTES];

static void times_have_three_digits_and_a_unit(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *want;
    } cases[] = {
        {0, "0 ns"},
        {812, "812 ns"},
        {999, "999 ns"},
        {1000, "1.00 µs"},
        {4310, "4.31 µs"},
        {9994, "9.99 µs"},
        {9995, "10.0 µs"},
        {99949, "99.9 µs"},
        {99950, "100 µs"},
        {999499, "999 µs"},
        {999500, "1.00 ms"},
        {95200000, "95.2 ms"},
        {2210000000, "2.21 s"},
        {59949999999, "59.9 s"},
        {59950000000, "1.0 min"},
        {204000000000, "3.4 min"},
        {3596999999999, "59.9 min"},
        {3597000000000, "1.0 h"},
        {5400000000000, "1.5 h"},
        {172800000000000, "2.0 d"},
        {UINT64_MAX, "213504 d"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(hp_show_ns(out, cases[i].ns), cases[i].want);
    }
}

static void differences_have_a_sign(void **state)
{
    (void)state;
    assert_string_equal(hp_show_ns_signed(out, -95200000), "-95.2 ms");
    assert_string_equal(hp_show_ns_signed(out, 5), "5 ns");
    assert_string_equal(hp_show_ns_signed(out, INT64_MIN), "-106752 d");
}

static void counts_are_grouped(void **state)
{
    (void)state;
    assert_string_equal(hp_show_count(out, 0), "0");
    assert_string_equal(hp_show_count(out, 999), "999");
    assert_string_equal(hp_show_count(out, 1000), "1,000");
    assert_string_equal(hp_show_count(out, 1234567), "1,234,567");
    assert_string_equal(hp_show_count(out, 999999999999999999u), "999,999,999,999,999,999");
    assert_string_equal(hp_show_count(out, UINT64_MAX), "18446744073709551615");
}

static void sizes_are_decimal(void **state)
{
    (void)state;
    assert_string_equal(hp_show_bytes(out, 0), "0 B");
    assert_string_equal(hp_show_bytes(out, 812), "812 B");
    assert_string_equal(hp_show_bytes(out, 4310), "4.31 kB");
    assert_string_equal(hp_show_bytes(out, 1000000000), "1.00 GB");
    assert_string_equal(hp_show_bytes(out, UINT64_MAX), "18446744 TB");
}

static void shares_are_short(void **state)
{
    (void)state;
    static const struct {
        double share;
        const char *want;
    } cases[] = {
        {0, "0 %"},         {1, "100 %"},
        {0.61, "61 %"},     {0.043, "4.3 %"},
        {0.0052, "0.52 %"}, {0.01, "1.0 %"},
        {0.00999, "1.0 %"}, {0.0995, "10 %"},
        {0.0994, "9.9 %"},  {0.00001, "<0.01 %"},
        {-0.043, "-4.3 %"}, {12.5, "1250 %"},
        {(double)NAN, "?"}, {(double)INFINITY, "?"},
        {1e300, "?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(hp_show_percent(out, cases[i].share), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_have_three_digits_and_a_unit),
        cmocka_unit_test(differences_have_a_sign),
        cmocka_unit_test(counts_are_grouped),
        cmocka_unit_test(sizes_are_decimal),
        cmocka_unit_test(shares_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
