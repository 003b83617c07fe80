/* test_buf.c -- the growing buffer: encodings, cap, sticky error, detach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "sweep_oom.h"

static void assert_bytes(struct hp_buf *buf, const void *bytes, size_t n)
{
    assert_int_equal(buf->err, HP_OK);
    assert_int_equal(buf->len, n);
    assert_memory_equal(buf->data, bytes, n);
    hp_buf_reset(buf);
}

static void numbers_are_little_endian(void **state)
{
    (void)state;
    struct hp_buf buf;
    hp_buf_init(&buf, 1000);
    hp_buf_put_u8(&buf, 0xAB);
    hp_buf_put_u16le(&buf, 0x0102);
    hp_buf_put_u32le(&buf, 0x01020304);
    hp_buf_put_u64le(&buf, 0x0102030405060708u);
    assert_bytes(&buf, "\xAB\x02\x01\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x01", 15);
    hp_buf_fini(&buf);
}

static void varints_are_leb128(void **state)
{
    (void)state;
    struct hp_buf buf;
    hp_buf_init(&buf, 1000);
    hp_buf_put_varint(&buf, 0);
    hp_buf_put_varint(&buf, 127);
    hp_buf_put_varint(&buf, 128);
    hp_buf_put_varint(&buf, 624485);
    assert_bytes(&buf, "\x00\x7F\x80\x01\xE5\x8E\x26", 7);
    hp_buf_put_varint(&buf, UINT64_MAX);
    assert_bytes(&buf, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10);
    hp_buf_put_svarint(&buf, 0);
    hp_buf_put_svarint(&buf, -1);
    hp_buf_put_svarint(&buf, 1);
    hp_buf_put_svarint(&buf, -65);
    assert_bytes(&buf, "\x00\x01\x02\x81\x01", 5);
    hp_buf_put_svarint(&buf, INT64_MIN);
    assert_bytes(&buf, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10);
    hp_buf_fini(&buf);
}

static void text_and_formats(void **state)
{
    (void)state;
    struct hp_buf buf;
    hp_buf_init(&buf, 1000);
    hp_buf_put_str(&buf, HP_STR("abc"));
    hp_buf_put_str(&buf, hp_str_make(NULL, 0));
    hp_buf_printf(&buf, "%d-%s", 42, "x");
    assert_bytes(&buf,
                 "\x03"
                 "abc\x00"
                 "42-x",
                 9);
    char longer[301];
    memset(longer, 'y', 300);
    longer[300] = '\0';
    hp_buf_printf(&buf, "%s", longer);
    assert_bytes(&buf, longer, 300);
    hp_buf_fini(&buf);
}

static void cap_is_exact_and_sticky(void **state)
{
    (void)state;
    struct hp_buf buf;
    hp_buf_init(&buf, 10);
    hp_buf_put(&buf, "0123456789", 10);
    assert_int_equal(buf.err, HP_OK);
    hp_buf_put_u8(&buf, 'x');
    assert_int_equal(buf.err, HP_EFULL);
    assert_int_equal(buf.len, 10);
    hp_buf_reset(&buf);
    hp_buf_put(&buf, "01234567", 8);
    hp_buf_put_str(&buf, HP_STR("ab")); /* 3 bytes: none of it */
    hp_buf_put_u8(&buf, 'x');
    hp_buf_put_varint(&buf, 1);
    hp_buf_printf(&buf, "y");
    assert_int_equal(buf.err, HP_EFULL);
    assert_int_equal(buf.len, 8);
    assert_false(hp_buf_reserve(&buf, 1));
    size_t n = 99;
    assert_null(hp_buf_detach(&buf, &n));
    assert_int_equal(n, 0);
    hp_buf_reset(&buf);
    assert_false(hp_buf_reserve(&buf, SIZE_MAX));
    hp_buf_fini(&buf);
}

static void patch_fills_in_a_length(void **state)
{
    (void)state;
    struct hp_buf buf;
    hp_buf_init(&buf, 100);
    hp_buf_put_u8(&buf, 1);
    hp_buf_put_u32le(&buf, 0);
    hp_buf_patch_u32le(&buf, 1, 0x0A0B0C0D);
    assert_bytes(&buf, "\x01\x0D\x0C\x0B\x0A", 5);
    hp_buf_fini(&buf);
}

static void detach_hands_the_bytes_over(void **state)
{
    (void)state;
    struct hp_buf buf;
    hp_buf_init(&buf, 100);
    hp_buf_put(&buf, "abc", 3);
    size_t n = 0;
    uint8_t *bytes = hp_buf_detach(&buf, &n);
    assert_int_equal(n, 3);
    assert_memory_equal(bytes, "abc", 3);
    assert_null(buf.data);
    hp_buf_put(&buf, "d", 1);
    assert_bytes(&buf, "d", 1);
    hp_free(bytes);
    hp_buf_fini(&buf);
}

static void no_allocation_once_reserved(void **state)
{
    (void)state;
    struct hp_buf buf;
    hp_buf_init(&buf, 1000);
    assert_true(hp_buf_reserve(&buf, 500));
    hp_mem_forbid(true);
    for (unsigned i = 0; i < 50; i++) {
        hp_buf_put_varint(&buf, UINT64_MAX >> i);
    }
    hp_mem_forbid(false);
    hp_buf_fini(&buf);
}

static void use_buf(void *arg)
{
    (void)arg;
    struct hp_buf buf;
    hp_buf_init(&buf, 100000);
    for (unsigned i = 0; i < 2000; i++) {
        hp_buf_put_varint(&buf, i * 7919u);
    }
    hp_buf_printf(&buf, "%0200d", 1);
    assert_true(buf.err == HP_OK || buf.err == HP_ENOMEM);
    size_t n;
    hp_free(hp_buf_detach(&buf, &n));
    hp_buf_fini(&buf);
}

static void survives_out_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_buf, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_little_endian),
        cmocka_unit_test(varints_are_leb128),
        cmocka_unit_test(text_and_formats),
        cmocka_unit_test(cap_is_exact_and_sticky),
        cmocka_unit_test(patch_fills_in_a_length),
        cmocka_unit_test(detach_hands_the_bytes_over),
        cmocka_unit_test(no_allocation_once_reserved),
        cmocka_unit_test(survives_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
