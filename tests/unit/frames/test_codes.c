/* test_codes.c -- code objects kept by address: read once, noticed when they change, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "image.h"
#include "frames/codes.h"
#include "sweep_oom.h"

static struct image image;

static struct hp_walk_frame at(uint64_t code, int64_t unit)
{
    return (struct hp_walk_frame){.code = code,
                                  .instr = code + image.layout.code_start + (uint64_t)(unit * 2)};
}

static void names_and_lines_are_told_and_read_once(void **state)
{
    (void)state;
    struct hp_codes codes;
    struct hp_dict *dict = hp_dict_new();
    struct hp_codes_frame out[2];
    uint32_t count;
    image_init(&image, 12);
    uint64_t outer = image_code(&image, "outer", "/srv/app.py", 10, "\x87\x41\xdf\x41\x41");
    uint64_t inner = image_code(&image, "C.inner", "/srv/app.py", 30, NULL);
    struct hp_walk_frame frames[] = {at(inner, 3), at(outer, 9)};
    hp_codes_init(&codes, dict, (struct hp_codes_place){0});
    assert_int_equal(hp_codes_resolve(&codes, &image.layout, &image.peek, frames, 2, out, &count), HP_OK);
    assert_true(hp_str_eq(hp_dict_symbol(dict, out[0].sym).name, HP_STR("C.inner")));
    assert_true(hp_str_eq(hp_dict_symbol(dict, out[1].sym).file, HP_STR("/srv/app.py")));
    assert_int_equal(hp_dict_symbol(dict, out[1].sym).line, 10);
    assert_int_equal(out[1].line, 11); /* the second entry: one line on */
    assert_int_equal(out[0].line, 30); /* no table: the first line */
    uint32_t reads = image.reads;
    assert_int_equal(hp_codes_resolve(&codes, &image.layout, &image.peek, frames, 2, out, &count), HP_OK);
    assert_int_equal(image.reads, reads);
    hp_codes_round(&codes);
    assert_int_equal(hp_codes_resolve(&codes, &image.layout, &image.peek, frames, 2, out, &count), HP_OK);
    assert_int_equal(image.reads, reads + 1);
    hp_codes_fini(&codes);
    hp_dict_free(dict);
}

static void a_code_that_took_the_place_of_another_is_read_anew(void **state)
{
    (void)state;
    struct hp_codes codes;
    struct hp_dict *dict = hp_dict_new();
    struct hp_codes_frame out;
    uint32_t count;
    image_init(&image, 12);
    uint64_t code = image_code(&image, "before", "a.py", 10, NULL);
    struct hp_walk_frame frame = at(code, 1);
    hp_codes_init(&codes, dict, (struct hp_codes_place){0});
    assert_int_equal(hp_codes_resolve(&codes, &image.layout, &image.peek, &frame, 1, &out, &count), HP_OK);
    image_put_u64(&image, code + image.layout.code_qualname, image_ascii(&image, "after"));
    hp_codes_round(&codes);
    assert_int_equal(hp_codes_resolve(&codes, &image.layout, &image.peek, &frame, 1, &out, &count), HP_OK);
    assert_true(hp_str_eq(hp_dict_symbol(dict, out.sym).name, HP_STR("after")));
    image_put_u64(&image, code + image.layout.code_qualname, 8); /* half overwritten */
    hp_codes_round(&codes);
    assert_int_equal(hp_codes_resolve(&codes, &image.layout, &image.peek, &frame, 1, &out, &count),
                     HP_ECORRUPT);
    image_put_u64(&image, code + image.layout.code_qualname, image_ascii(&image, "again"));
    assert_int_equal(hp_codes_resolve(&codes, &image.layout, &image.peek, &frame, 1, &out, &count), HP_OK);
    assert_true(hp_str_eq(hp_dict_symbol(dict, out.sym).name, HP_STR("again")));
    hp_codes_fini(&codes);
    hp_dict_free(dict);
}

static void an_instruction_outside_of_the_code_is_torn(void **state)
{
    (void)state;
    struct hp_codes codes;
    struct hp_dict *dict = hp_dict_new();
    struct hp_codes_frame out;
    uint32_t count;
    image_init(&image, 12);
    uint64_t code = image_code(&image, "f", "a.py", 10, NULL);
    struct hp_walk_frame frame = at(code, 100);
    hp_codes_init(&codes, dict, (struct hp_codes_place){0});
    assert_int_equal(hp_codes_resolve(&codes, &image.layout, &image.peek, &frame, 1, &out, &count),
                     HP_ECORRUPT);
    frame = at(IMAGE_BASE + IMAGE_BYTES, 0);
    assert_int_equal(hp_codes_resolve(&codes, &image.layout, &image.peek, &frame, 1, &out, &count),
                     HP_ECORRUPT);
    hp_codes_fini(&codes);
    hp_dict_free(dict);
}

static void frames_of_the_interpreters_own_code_are_left_out(void **state)
{
    (void)state;
    struct hp_codes codes;
    struct hp_dict *dict = hp_dict_new();
    struct hp_codes_frame out[2];
    uint32_t count;
    image_init(&image, 12);
    uint64_t code = image_code(&image, "__init__", "__init__", 0, NULL);
    uint64_t name = image_get_u64(&image, code + image.layout.code_name);
    image_put_u64(&image, code + image.layout.code_filename, name);
    image_put_u64(&image, code + image.layout.object_size, 6);
    struct hp_walk_frame frames[] = {at(code, 1), at(image_code(&image, "C.__init__", "a.py", 3, NULL), 1)};
    hp_codes_init(&codes, dict, (struct hp_codes_place){0});
    assert_int_equal(hp_codes_resolve(&codes, &image.layout, &image.peek, frames, 2, out, &count), HP_OK);
    assert_int_equal(count, 1);
    assert_int_equal(hp_dict_symbol(dict, out[0].sym).line, 3);
    hp_codes_fini(&codes);
    hp_dict_free(dict);
}

static void use_codes(void *arg)
{
    (void)arg;
    struct hp_codes codes;
    struct hp_codes_frame out[2];
    uint32_t count;
    struct hp_dict *dict = hp_dict_new();
    if (dict == NULL) {
        return;
    }
    image_init(&image, 12);
    struct hp_walk_frame frames[] = {at(image_code(&image, "f", "a.py", 10, "\x87\x41"), 3),
                                     at(image_code(&image, "g", "a.py", 20, NULL), 4)};
    hp_codes_init(&codes, dict, (struct hp_codes_place){0});
    for (int i = 0; i < 2; i++) { /* a failure leaves nothing behind that keeps the next try from success */
        hp_err err = hp_codes_resolve(&codes, &image.layout, &image.peek, frames, 2, out, &count);
        assert_true(err == HP_OK || err == HP_ENOMEM);
        assert_true(i == 0 || err == HP_OK);
    }
    hp_codes_fini(&codes);
    hp_dict_free(dict);
}

static void survives_out_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_codes, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_lines_are_told_and_read_once),
        cmocka_unit_test(a_code_that_took_the_place_of_another_is_read_anew),
        cmocka_unit_test(an_instruction_outside_of_the_code_is_torn),
        cmocka_unit_test(frames_of_the_interpreters_own_code_are_left_out),
        cmocka_unit_test(survives_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
