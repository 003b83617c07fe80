/* test_html.c -- the page of a profile: what is in its payload, what is escaped, what is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "asset/asset.h"
#include "base/mem.h"
#include "base/reader.h"
#include "format/html.h"
#include "sample_tree.h"
#include "sweep_oom.h"

static bool has(const struct hp_buf *out, const char *text)
{
    return memmem(out->data, out->len, text, strlen(text)) != NULL;
}

static size_t occurrences(const struct hp_buf *out, const char *text)
{
    size_t count = 0, n = strlen(text);
    const uint8_t *end = out->data + out->len;
    for (const uint8_t *p = out->data; (p = memmem(p, (size_t)(end - p), text, n)) != NULL; p += n) {
        count++;
    }
    return count;
}

/* The sample as a profile; what is borrowed from the sample is given back by drop. */
static struct hp_profile *sample_profile(struct sample *sample)
{
    struct hp_profile *profile = NULL;
    return sample_init(sample) && hp_profile_from_tree(sample->tree, sample->dict, &profile) == HP_OK
               ? profile
               : NULL;
}

/* ---- reading a payload back ---- */

struct payload {
    struct hp_reader reader;
    uint64_t strings, functions, nodes;
};

static uint64_t number(struct payload *payload)
{
    return hp_reader_varint(&payload->reader);
}

static void skip_column(struct payload *payload, uint64_t count)
{
    while (count-- > 0) {
        number(payload);
    }
}

/* Up to the columns of the tree. */
static void read_front(struct payload *payload, struct hp_str bytes)
{
    uint64_t text = 0;
    *payload = (struct payload){0};
    hp_reader_init(&payload->reader, bytes.p, bytes.n);
    assert_true(hp_str_starts(bytes, HP_STR("HPPG\x01")));
    struct hp_str meta;
    hp_reader_skip(&payload->reader, 5);
    assert_true(hp_reader_str(&payload->reader, &meta));
    payload->strings = number(payload);
    for (uint64_t i = 0; i < payload->strings; i++) {
        text += number(payload);
    }
    hp_reader_skip(&payload->reader, text);
    payload->functions = number(payload);
    skip_column(payload, 5 * payload->functions);
}

static void reads_back_node_by_node(void **state)
{
    (void)state;
    struct sample sample;
    struct payload payload;
    struct hp_buf out;
    uint64_t calls = 0, self = 0;
    hp_buf_init(&out, 1 << 20);
    struct hp_profile *profile = sample_profile(&sample);
    assert_non_null(profile);
    assert_int_equal(hp_html_payload(profile, NULL, &out), HP_OK);
    read_front(&payload, hp_buf_str(&out));
    assert_int_equal(payload.functions, 10);
    payload.nodes = number(&payload);
    assert_int_equal(payload.nodes, 11);
    skip_column(&payload, 4 * payload.nodes);
    for (uint64_t i = 0; i < payload.nodes; i++) {
        calls += number(&payload);
    }
    for (uint64_t i = 0; i < payload.nodes; i++) {
        self += number(&payload);
    }
    assert_int_equal(calls, 2 + 2 + 2 + 10 + 4 + 1 + 3 + 5 + 3 + 1 + 40 + 40);
    assert_int_equal(self, 500400 + UINT64_C(1000) *
                                        (1000 + 3000 + 200 + 300 + 100 + 400 + 50 + 700 + 20 + 4000000));
    assert_int_equal(number(&payload), 0); /* no samples in order */
    assert_int_equal(hp_reader_left(&payload.reader), 0);
    hp_profile_free(profile);
    sample_fini(&sample);
    hp_buf_fini(&out);
}

static void adds_small_nodes_up_into_their_callers(void **state)
{
    (void)state;
    struct sample sample;
    struct payload payload;
    struct hp_buf out;
    uint64_t self = 0;
    hp_buf_init(&out, 1 << 20);
    struct hp_profile *profile = sample_profile(&sample);
    assert_non_null(profile);
    struct hp_html_options options = {.max_nodes = 6};
    assert_int_equal(hp_html_payload(profile, &options, &out), HP_OK);
    assert_true(has(&out, "\"cut\":5"));
    read_front(&payload, hp_buf_str(&out));
    payload.nodes = number(&payload);
    assert_int_equal(payload.nodes, 6);
    skip_column(&payload, 5 * payload.nodes);
    for (uint64_t i = 0; i < payload.nodes; i++) {
        self += number(&payload);
    }
    assert_int_equal(self, 500400 + UINT64_C(1000) *
                                        (1000 + 3000 + 200 + 300 + 100 + 400 + 50 + 700 + 20 + 4000000));
    hp_profile_free(profile);
    sample_fini(&sample);
    hp_buf_fini(&out);
}

static void nothing_of_a_profile_is_markup(void **state)
{
    (void)state;
    struct sample sample;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    struct hp_profile *profile = sample_profile(&sample);
    assert_non_null(profile);
    uint32_t sym, node;
    struct hp_str evil = HP_STR("</script><script>alert(1)</script>");
    assert_int_equal(hp_profile_symbol(profile, evil, evil, 1, &sym), HP_OK);
    assert_int_equal(hp_profile_child(profile, HP_NODE_ROOT, sym, &node), HP_OK);
    assert_int_equal(hp_profile_add(profile, node, 1000, false), HP_OK);
    assert_int_equal(hp_profile_finish(profile), HP_OK);
    struct hp_html_options options = {.title = HP_STR("<a>&</title>\x01\xff")};
    assert_int_equal(hp_html_write(profile, &options, &out), HP_OK);
    assert_true(has(&out, "<title>&lt;a>&amp;&lt;/title>\xEF\xBF\xBD\xEF\xBF\xBD</title>"));
    assert_int_equal(occurrences(&out, "</script>"), 2);
    assert_int_equal(occurrences(&out, "<script"), 2);
    assert_false(has(&out, "alert"));
    hp_profile_free(profile);
    sample_fini(&sample);
    hp_buf_fini(&out);
}

static void the_built_page_has_its_marks_once_and_a_strict_policy(void **state)
{
    (void)state;
    struct hp_str page = hp_asset_page();
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    hp_buf_put_text(&out, page);
    assert_int_equal(occurrences(&out, "<!--hotplate:title-->"), 1);
    assert_int_equal(occurrences(&out, "<!--hotplate:payload-->"), 1);
    assert_true(has(&out, "default-src 'none'; script-src 'sha256-"));
    assert_false(has(&out, "unsafe"));
    assert_false(has(&out, "https://"));
    hp_buf_fini(&out);
}

static void samples_in_one_place_are_one(void **state)
{
    (void)state;
    struct hp_buf out;
    struct payload payload;
    uint32_t f, g, at_f, at_g;
    hp_buf_init(&out, 1 << 20);
    struct hp_profile *profile = hp_profile_new(HP_PROFILE_TREE, 1 << 20);
    assert_non_null(profile);
    assert_int_equal(hp_profile_symbol(profile, HP_STR("m.py"), HP_STR("f"), 1, &f), HP_OK);
    assert_int_equal(hp_profile_symbol(profile, HP_STR("m.py"), HP_STR("g"), 5, &g), HP_OK);
    assert_int_equal(hp_profile_child(profile, HP_NODE_ROOT, f, &at_f), HP_OK);
    assert_int_equal(hp_profile_child(profile, at_f, g, &at_g), HP_OK);
    const struct {
        uint32_t node;
        uint64_t value;
    } samples[] = {{at_g, 1}, {at_g, 2}, {at_f, 4}, {at_g, 8}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(hp_profile_add(profile, samples[i].node, samples[i].value, true), HP_OK);
    }
    profile->ordered = true;
    assert_int_equal(hp_profile_finish(profile), HP_OK);
    assert_int_equal(hp_html_payload(profile, NULL, &out), HP_OK);
    read_front(&payload, hp_buf_str(&out));
    assert_int_equal(number(&payload), 3);
    skip_column(&payload, 6 * 3);
    assert_int_equal(number(&payload), 3);
    skip_column(&payload, 3);
    const uint64_t values[] = {3, 4, 8};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(number(&payload), values[i]);
    }
    hp_profile_free(profile);
    hp_buf_fini(&out);
}

static void write_once(void *arg)
{
    (void)arg;
    struct sample sample = {0};
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    struct hp_profile *profile = sample_profile(&sample);
    if (profile != NULL && hp_html_write(profile, NULL, &out) == HP_OK) {
        assert_true(has(&out, "</html>"));
    }
    hp_profile_free(profile);
    hp_buf_fini(&out);
    sample_fini(&sample);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(write_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_node_by_node),
        cmocka_unit_test(adds_small_nodes_up_into_their_callers),
        cmocka_unit_test(nothing_of_a_profile_is_markup),
        cmocka_unit_test(the_built_page_has_its_marks_once_and_a_strict_policy),
        cmocka_unit_test(samples_in_one_place_are_one),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
