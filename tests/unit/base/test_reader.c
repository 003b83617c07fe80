/* test_reader.c -- bounded reading: round trips, and input that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/reader.h"
#include "base/rng.h"
#include "sweep_oom.h"

static void reads_what_was_written(void **state)
{
    (void)state;
    struct hp_rng rng;
    hp_rng_seed(&rng, hp_test_seed("reader", 5));
    struct hp_buf buf;
    hp_buf_init(&buf, 1 << 20);
    enum { N = 3000 };
    static uint64_t values[N];
    for (unsigned i = 0; i < N; i++) {
        values[i] = hp_rng_u64(&rng) >> hp_rng_below(&rng, 64);
        hp_buf_put_varint(&buf, values[i]);
        hp_buf_put_svarint(&buf, (int64_t)values[i]);
        hp_buf_put_u8(&buf, (uint8_t)values[i]);
        hp_buf_put_u16le(&buf, (uint16_t)values[i]);
        hp_buf_put_u32le(&buf, (uint32_t)values[i]);
        hp_buf_put_u64le(&buf, values[i]);
        hp_buf_put_str(&buf, hp_str_make((const char *)&values[i], i % 9));
    }
    struct hp_reader reader;
    hp_reader_init(&reader, buf.data, buf.len);
    for (unsigned i = 0; i < N; i++) {
        struct hp_str text;
        assert_true(hp_reader_varint(&reader) == values[i]);
        assert_true(hp_reader_svarint(&reader) == (int64_t)values[i]);
        assert_int_equal(hp_reader_u8(&reader), (uint8_t)values[i]);
        assert_int_equal(hp_reader_u16le(&reader), (uint16_t)values[i]);
        assert_int_equal(hp_reader_u32le(&reader), (uint32_t)values[i]);
        assert_true(hp_reader_u64le(&reader) == values[i]);
        assert_true(hp_reader_str(&reader, &text));
        assert_true(hp_str_eq(text, hp_str_make((const char *)&values[i], i % 9)));
    }
    assert_false(reader.bad);
    assert_int_equal(hp_reader_left(&reader), 0);
    hp_buf_fini(&buf);
}

static void bad_stays_bad_and_reads_nothing(void **state)
{
    (void)state;
    struct hp_reader reader;
    struct hp_str text;
    hp_reader_init(&reader, "\x01\x02\x03", 3);
    assert_int_equal(hp_reader_u32le(&reader), 0);
    assert_true(reader.bad);
    assert_int_equal(hp_reader_u8(&reader), 0);
    assert_int_equal(hp_reader_varint(&reader), 0);
    assert_int_equal(hp_reader_svarint(&reader), 0);
    assert_false(hp_reader_str(&reader, &text));
    assert_int_equal(text.n, 0);
    assert_int_equal(hp_reader_left(&reader), 0);
}

static void varints_that_do_not_fit_are_bad(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        bool bad;
    } cases[] = {
        {"", 0, true},
        {"\x80", 1, true},
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10, false},
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 10, true},
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, true},
        {"\x80\x00", 2, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hp_reader reader;
        hp_reader_init(&reader, cases[i].bytes, cases[i].n);
        (void)hp_reader_varint(&reader);
        assert_int_equal(reader.bad, cases[i].bad);
    }
}

static void lengths_that_lie_are_bad(void **state)
{
    (void)state;
    struct hp_reader reader, inner;
    struct hp_str text;
    hp_reader_init(&reader,
                   "\x05"
                   "abc",
                   4);
    assert_false(hp_reader_str(&reader, &text));
    assert_true(reader.bad);
    hp_reader_init(&reader,
                   "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"
                   "abc",
                   13);
    assert_false(hp_reader_str(&reader, &text));
    hp_reader_init(&reader, "abc", 3);
    hp_reader_skip(&reader, SIZE_MAX);
    assert_true(reader.bad);
    hp_reader_init(&reader, "abc", 3);
    hp_reader_sub(&reader, 4, &inner);
    assert_true(reader.bad);
    assert_true(inner.bad);
}

static void sub_reader_ends_where_it_should(void **state)
{
    (void)state;
    struct hp_reader reader, inner;
    hp_reader_init(&reader, "abcdef", 6);
    hp_reader_skip(&reader, 1);
    hp_reader_sub(&reader, 2, &inner);
    assert_int_equal(hp_reader_u8(&inner), 'b');
    assert_int_equal(hp_reader_u8(&inner), 'c');
    assert_int_equal(hp_reader_u8(&inner), 0);
    assert_true(inner.bad);
    assert_int_equal(hp_reader_u8(&reader), 'd');
    assert_false(reader.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written),          cmocka_unit_test(bad_stays_bad_and_reads_nothing),
        cmocka_unit_test(varints_that_do_not_fit_are_bad), cmocka_unit_test(lengths_that_lie_are_bad),
        cmocka_unit_test(sub_reader_ends_where_it_should),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
