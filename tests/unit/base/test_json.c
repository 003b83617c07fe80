/* test_json.c -- the JSON writer: layout, escapes, numbers, misuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "sweep_oom.h"

static struct hp_buf buf;
static struct hp_json json;

static void begin(bool pretty)
{
    hp_buf_fini(&buf);
    hp_buf_init(&buf, 1 << 16);
    hp_json_init(&json, &buf, pretty);
}

static void assert_text(const char *want)
{
    assert_int_equal(hp_json_finish(&json), HP_OK);
    hp_buf_put_u8(&buf, 0);
    assert_string_equal((const char *)buf.data, want);
    hp_buf_fini(&buf);
}

static void write_sample(void)
{
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_json_key(&json, "routes");
    hp_json_array_begin(&json);
    hp_json_i64(&json, -5);
    hp_json_object_begin(&json);
    hp_json_object_end(&json);
    hp_json_array_begin(&json);
    hp_json_array_end(&json);
    hp_json_null(&json);
    hp_json_array_end(&json);
    hp_json_kv_bool(&json, "ok", true);
    hp_json_kv_cstr(&json, "via", NULL);
    hp_json_kv_str(&json, "file", HP_STR("a.py"));
    hp_json_key(&json, "raw");
    hp_json_raw(&json, HP_STR("[1]"));
    hp_json_object_end(&json);
}

static void compact_and_pretty(void **state)
{
    (void)state;
    begin(false);
    write_sample();
    assert_text(
        "{\"schema\":1,\"routes\":[-5,{},[],null],\"ok\":true,\"via\":null,\"file\":\"a.py\",\"raw\":[1]}");
    begin(true);
    write_sample();
    assert_text(
        "{\n  \"schema\": 1,\n  \"routes\": [\n    -5,\n    {},\n    [],\n    null\n  ],\n  \"ok\": true,\n"
        "  \"via\": null,\n  \"file\": \"a.py\",\n  \"raw\": [1]\n}");
}

static void text_is_escaped(void **state)
{
    (void)state;
    begin(false);
    hp_json_str(&json, HP_STR("a\"b\\c\n\r\t\x01\x1F\x7F/\xE2\x82\xAC"));
    assert_text("\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\\u007f/\xE2\x82\xAC\"");
    begin(false);
    hp_json_str(&json, hp_str_make("a\0b", 3));
    assert_text("\"a\\u0000b\"");
    begin(false);
    hp_json_str(&json, hp_str_make(NULL, 0));
    assert_text("\"\"");
}

static void other_bytes_become_replacement_characters(void **state)
{
    (void)state;
    begin(false);
    hp_json_str(&json, HP_STR("a\xFF"
                              "b\xE2\x82"));
    assert_text("\"a\xEF\xBF\xBD"
                "b\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *want;
    } cases[] = {
        {0, "0"},
        {0.5, "0.5"},
        {1.0 / 3, "0.333333"},
        {95.2, "95.2"},
        {-1234567, "-1.23457e+06"},
        {1e-9, "1e-09"},
        {(double)NAN, "null"},
        {-(double)INFINITY, "null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(false);
        hp_json_double(&json, cases[i].value);
        assert_text(cases[i].want);
    }
    begin(false);
    hp_json_u64(&json, UINT64_MAX);
    assert_text("18446744073709551615");
    begin(false);
    hp_json_i64(&json, INT64_MIN);
    assert_text("-9223372036854775808");
}

static void locale_does_not_matter(void **state)
{
    (void)state;
    const char *names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    bool found = false;
    for (size_t i = 0; i < 3 && !found; i++) {
        found = setlocale(LC_ALL, names[i]) != NULL;
    }
    begin(false);
    hp_json_double(&json, 0.5);
    assert_text("0.5");
    setlocale(LC_ALL, "C");
    if (!found) {
        print_message("json: no locale with a decimal comma here\n");
    }
}

static void misuse_sticks(void **state)
{
    (void)state;
    begin(false);
    hp_json_object_begin(&json);
    hp_json_u64(&json, 1); /* no key */
    hp_json_object_end(&json);
    assert_int_equal(hp_json_finish(&json), HP_ESTATE);
    begin(false);
    hp_json_array_begin(&json);
    hp_json_key(&json, "k"); /* a key in an array */
    assert_int_equal(hp_json_finish(&json), HP_ESTATE);
    begin(false);
    hp_json_array_begin(&json);
    hp_json_object_end(&json); /* the wrong end */
    assert_int_equal(hp_json_finish(&json), HP_ESTATE);
    begin(false);
    hp_json_object_begin(&json);
    hp_json_key(&json, "k");
    hp_json_object_end(&json); /* a key without value */
    assert_int_equal(hp_json_finish(&json), HP_ESTATE);
    begin(false);
    hp_json_u64(&json, 1);
    hp_json_u64(&json, 2); /* two top-level values */
    assert_int_equal(hp_json_finish(&json), HP_ESTATE);
    begin(false);
    hp_json_array_end(&json);
    assert_int_equal(hp_json_finish(&json), HP_ESTATE);
    begin(false);
    hp_json_array_begin(&json); /* left open */
    assert_int_equal(hp_json_finish(&json), HP_ESTATE);
    begin(false);
    assert_int_equal(hp_json_finish(&json), HP_ESTATE);
    hp_buf_fini(&buf);
}

static void nesting_is_capped(void **state)
{
    (void)state;
    begin(false);
    for (int i = 0; i < HP_JSON_MAX_DEPTH; i++) {
        hp_json_array_begin(&json);
    }
    for (int i = 0; i < HP_JSON_MAX_DEPTH; i++) {
        hp_json_array_end(&json);
    }
    assert_int_equal(hp_json_finish(&json), HP_OK);
    begin(true);
    for (int i = 0; i < HP_JSON_MAX_DEPTH + 1; i++) {
        hp_json_object_begin(&json);
        hp_json_key(&json, "k");
    }
    assert_int_equal(hp_json_finish(&json), HP_EFULL);
    hp_buf_fini(&buf);
}

static void full_buffer_is_reported(void **state)
{
    (void)state;
    hp_buf_fini(&buf);
    hp_buf_init(&buf, 10);
    hp_json_init(&json, &buf, false);
    hp_json_str(&json, HP_STR("longer than ten bytes"));
    assert_int_equal(hp_json_finish(&json), HP_EFULL);
    hp_buf_fini(&buf);
}

static void use_json(void *arg)
{
    (void)arg;
    begin(true);
    write_sample();
    hp_err err = hp_json_finish(&json);
    assert_true(err == HP_OK || err == HP_ENOMEM);
    hp_buf_fini(&buf);
}

static void survives_out_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_json, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compact_and_pretty),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(other_bytes_become_replacement_characters),
        cmocka_unit_test(numbers),
        cmocka_unit_test(locale_does_not_matter),
        cmocka_unit_test(misuse_sticks),
        cmocka_unit_test(nesting_is_capped),
        cmocka_unit_test(full_buffer_is_reported),
        cmocka_unit_test(survives_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
