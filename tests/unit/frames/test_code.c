/* test_code.c -- code objects, their texts and the place of an instruction, over a made-up memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "frames/code.h"
#include "image.h"
#include "sweep_oom.h"

static struct image image;

static void expect_text(uint64_t address, uint32_t max, const char *expected)
{
    struct hp_buf out;
    hp_buf_init(&out, 1 << 16);
    assert_int_equal(hp_code_text(&image.layout, &image.peek, address, max, &out), HP_OK);
    assert_true(hp_str_eq(hp_buf_str(&out), hp_str_from0(expected)));
    hp_buf_fini(&out);
}

static void texts_of_every_width_become_utf8(void **state)
{
    (void)state;
    const uint8_t latin[] = {'a', 0xE9};
    const uint16_t two[] = {0x20AC, 0xD800, 'x'};
    const uint32_t four[] = {0x1F600, 'y', 0x110000};
    for (unsigned minor = 11; minor <= 12; minor++) {
        image_init(&image, minor);
        expect_text(image_ascii(&image, "view.<locals>.f"), 100, "view.<locals>.f");
        expect_text(image_ascii(&image, ""), 100, "");
        expect_text(image_ascii(&image, "abcdef"), 3, "abc");
        expect_text(image_text(&image, latin, 2, 1, false), 100, "a\xC3\xA9");
        expect_text(image_text(&image, two, 3, 2, false), 100, "\xE2\x82\xAC\xEF\xBF\xBDx");
        expect_text(image_text(&image, four, 3, 4, false), 100, "\xF0\x9F\x98\x80y\xEF\xBF\xBD");
    }
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 16);
    image_init(&image, 12);
    uint64_t text = image_ascii(&image, "abc");
    image_put_u32(&image, text + image.layout.text_state, 0); /* not compact */
    assert_int_equal(hp_code_text(&image.layout, &image.peek, text, 100, &out), HP_ECORRUPT);
    text = image_text(&image, "abc", 1, 3, false); /* no such width */
    assert_int_equal(hp_code_text(&image.layout, &image.peek, text, 100, &out), HP_ECORRUPT);
    text = image_ascii(&image, "abc");
    image_put_u64(&image, text + image.layout.text_length, UINT64_MAX);
    assert_int_equal(hp_code_text(&image.layout, &image.peek, text, 100, &out), HP_ECORRUPT);
    assert_int_equal(hp_code_text(&image.layout, &image.peek, 8, 100, &out), HP_ECORRUPT);
    assert_int_equal(out.len, 0);
    hp_buf_fini(&out);
}

static void bytes_are_capped(void **state)
{
    (void)state;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 16);
    image_init(&image, 12);
    uint64_t bytes = image_bytes_object(&image, "12345", 5);
    assert_int_equal(hp_code_bytes(&image.layout, &image.peek, bytes, 4, &out), HP_EFULL);
    assert_int_equal(hp_code_bytes(&image.layout, &image.peek, bytes, 5, &out), HP_OK);
    assert_memory_equal(out.data, "12345", 5);
    image_put_u64(&image, bytes + image.layout.object_size, UINT64_MAX);
    assert_int_equal(hp_code_bytes(&image.layout, &image.peek, bytes, 5, &out), HP_ECORRUPT);
    hp_buf_fini(&out);
}

static hp_err parse(uint64_t address, struct hp_code *code)
{
    uint8_t head[HP_LAYOUT_CODE_BYTES];
    assert_int_equal(hp_peek_at(&image.peek, address, head, image.layout.code_start), HP_OK);
    return hp_code_parse(&image.layout, head, code);
}

static void another_code_at_the_same_address_is_not_the_same(void **state)
{
    (void)state;
    struct hp_code before, after;
    image_init(&image, 12);
    uint64_t code = image_code(&image, "f", "a.py", 10, NULL);
    assert_int_equal(parse(code, &before), HP_OK);
    assert_int_equal(parse(code, &after), HP_OK);
    assert_true(hp_code_same(&before, &after));
    image_put_u32(&image, code + image.layout.code_firstline, 11);
    assert_int_equal(parse(code, &after), HP_OK);
    assert_false(hp_code_same(&before, &after));
}

static void an_object_of_another_type_is_no_code(void **state)
{
    (void)state;
    struct hp_code code;
    image_init(&image, 12);
    uint64_t address = image_code(&image, "f", "a.py", 10, NULL);
    image.layout.code_type = IMAGE_BASE;
    assert_int_equal(parse(address, &code), HP_OK);
    image.layout.code_type = IMAGE_BASE + 16;
    assert_int_equal(parse(address, &code), HP_ECORRUPT);
    image.layout.code_type = 0;
    image_put_u64(&image, address + image.layout.object_size, 0);
    assert_int_equal(parse(address, &code), HP_ECORRUPT);
}

static void instructions_lie_within_the_code(void **state)
{
    (void)state;
    struct hp_code code;
    int64_t unit = 0;
    image_init(&image, 12);
    uint64_t address = image_code(&image, "f", "a.py", 10, NULL), start = address + image.layout.code_start;
    assert_int_equal(parse(address, &code), HP_OK);
    assert_int_equal(hp_code_unit(&image.layout, &image.peek, &code, address, start + 198, 0, &unit), HP_OK);
    assert_int_equal(unit, 99);
    assert_int_equal(hp_code_unit(&image.layout, &image.peek, &code, address, start - 2, 0, &unit), HP_OK);
    assert_int_equal(unit, -1);
    const uint64_t bad[] = {start + 200, start - 4, start + 1, 0, UINT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(hp_code_unit(&image.layout, &image.peek, &code, address, bad[i], 0, &unit),
                         HP_ECORRUPT);
    }
}

static void use_text(void *arg)
{
    (void)arg;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 16);
    image_init(&image, 12);
    hp_err err = hp_code_text(&image.layout, &image.peek, image_ascii(&image, "abc"), 100, &out);
    assert_true(err == HP_OK || err == HP_ENOMEM);
    hp_buf_fini(&out);
}

static void survives_out_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_text, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_every_width_become_utf8),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(bytes_are_capped),
        cmocka_unit_test(another_code_at_the_same_address_is_not_the_same),
        cmocka_unit_test(an_object_of_another_type_is_no_code),
        cmocka_unit_test(instructions_lie_within_the_code),
        cmocka_unit_test(survives_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
