/* test_flamesvg.c -- the SVG flame graph: golden bytes, escapes, lanes of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/flamesvg.h"
#include "sample_tree.h"
#include "sweep_oom.h"

static bool has(const struct hp_buf *out, const char *text)
{
    return memmem(out->data, out->len, text, strlen(text)) != NULL;
}

static void writes_the_golden_file(void **state)
{
    (void)state;
    struct sample sample;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    assert_true(sample_init(&sample));
    struct hp_flamesvg_options options = {.title = HP_STR("GET /settings"), .requests = 2};
    assert_int_equal(hp_flamesvg_write(sample.tree, sample.dict, &options, &out), HP_OK);
    assert_true(sample_is_golden("sample.svg", hp_buf_str(&out)));
    hp_buf_fini(&out);
    sample_fini(&sample);
}

static void escapes_markup_and_bad_bytes(void **state)
{
    (void)state;
    struct sample sample;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    assert_true(sample_init(&sample));
    struct hp_flamesvg_options options = {.title = HP_STR("GET /<a>&\"\x01\xff")};
    assert_int_equal(hp_flamesvg_write(sample.tree, sample.dict, &options, &out), HP_OK);
    assert_true(has(&out, "GET /&lt;a&gt;&amp;&quot;\xEF\xBF\xBD\xEF\xBF\xBD"));
    assert_true(has(&out, "templates/a&amp;b.html"));
    assert_false(has(&out, "<script"));
    hp_buf_fini(&out);
    sample_fini(&sample);
}

static void draws_a_lane_as_a_flame_of_its_own(void **state)
{
    (void)state;
    struct sample sample;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    assert_true(sample_init(&sample));
    assert_int_equal(hp_flamesvg_write(sample.tree, sample.dict, NULL, &out), HP_OK);
    assert_true(
        has(&out, "in parallel: thread, started by settings (shop/views.py:20), 40×, 4.00 s together"));
    hp_buf_fini(&out);
    sample_fini(&sample);
}

static void leaves_out_what_is_too_small(void **state)
{
    (void)state;
    struct sample sample;
    struct hp_buf all, large;
    hp_buf_init(&all, 1 << 20);
    hp_buf_init(&large, 1 << 20);
    assert_true(sample_init(&sample));
    struct hp_flamesvg_options options = {.min_share = 0.5};
    assert_int_equal(hp_flamesvg_write(sample.tree, sample.dict, NULL, &all), HP_OK);
    assert_int_equal(hp_flamesvg_write(sample.tree, sample.dict, &options, &large), HP_OK);
    assert_true(has(&all, "builtins.len"));
    assert_false(has(&large, "builtins.len"));
    hp_buf_fini(&all);
    hp_buf_fini(&large);
    sample_fini(&sample);
}

static size_t count_of(const struct hp_buf *out, const char *text)
{
    size_t found = 0, n = strlen(text);
    for (const uint8_t *at = out->data, *end = at + out->len;
         (at = memmem(at, (size_t)(end - at), text, n)) != NULL; at += n) {
        found++;
    }
    return found;
}

/* A disc for the request and one for its thread; what is called stands in rings around the middle. */
static void a_sunburst_has_a_ring_a_level(void **state)
{
    (void)state;
    struct sample sample;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    assert_true(sample_init(&sample));
    struct hp_flamesvg_options options = {.layout = HP_FLAMESVG_SUNBURST, .width = 400, .min_share = 1e-9};
    assert_int_equal(hp_flamesvg_write(sample.tree, sample.dict, &options, &out), HP_OK);
    assert_int_equal(count_of(&out, "<circle"), 2);
    assert_int_equal(count_of(&out, "<path d="), sample.tree->count - 2);
    assert_int_equal(count_of(&out, "<title>"), sample.tree->count);
    /* the only child of the thread takes all of its ring, from the top round to the top */
    assert_true(
        has(&out, "<title>fetch (shop/history.py:31)\n4.00 s, 100 % (self 4.00 s), 40 calls</title>"));
    assert_false(has(&out, "nan"));
    hp_buf_fini(&out);
    sample_fini(&sample);
}

static void a_sandwich_shares_the_row_of_its_function(void **state)
{
    (void)state;
    struct hp_profile *profile = hp_profile_new(HP_PROFILE_TREE, 1 << 20);
    uint32_t above, middle, below, node;
    struct hp_sandwich sandwich;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    profile->unit = HP_UNIT_SAMPLES;
    assert_int_equal(hp_profile_symbol(profile, HP_STR("m.py"), HP_STR("above"), 1, &above), HP_OK);
    assert_int_equal(hp_profile_symbol(profile, HP_STR("m.py"), HP_STR("middle"), 2, &middle), HP_OK);
    assert_int_equal(hp_profile_symbol(profile, HP_STR("m.py"), HP_STR("below"), 3, &below), HP_OK);
    assert_int_equal(hp_profile_child(profile, HP_NODE_ROOT, above, &node), HP_OK);
    assert_int_equal(hp_profile_child(profile, node, middle, &node), HP_OK);
    assert_int_equal(hp_profile_add(profile, node, 4, false), HP_OK);
    assert_int_equal(hp_profile_child(profile, node, below, &node), HP_OK);
    assert_int_equal(hp_profile_add(profile, node, 12, false), HP_OK);
    assert_int_equal(hp_profile_finish(profile), HP_OK);
    assert_int_equal(hp_sandwich_init(&sandwich, profile, middle), HP_OK);
    const struct hp_flamesvg_options options = {.unit = HP_UNIT_SAMPLES, .file = true, .width = 1020};
    assert_int_equal(hp_flamesvg_write_sandwich(&sandwich, profile->dict, &options, &out), HP_OK);
    assert_int_equal(count_of(&out, "<title>"), 3);
    assert_true(
        has(&out, "<title>above (m.py:1)\n16, 100 %</title><rect x=\"10.00\" y=\"44\" width=\"1000.00\""));
    assert_true(has(&out, "<title>middle (m.py:2)\n16, 100 % (self 4)</title><rect x=\"10.00\" y=\"61\""));
    assert_true(
        has(&out,
            "<title>below (m.py:3)\n12, 75 % (self 12)</title><rect x=\"10.00\" y=\"78\" width=\"750.00\""));
    hp_buf_fini(&out);
    hp_sandwich_fini(&sandwich);
    hp_profile_free(profile);
}

static void draws_an_empty_tree(void **state)
{
    (void)state;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    struct hp_dict *dict = hp_dict_new();
    struct hp_tree *tree = hp_tree_new(dict, 10);
    hp_tree_total(tree);
    assert_int_equal(hp_flamesvg_write(tree, dict, NULL, &out), HP_OK);
    assert_true(has(&out, "</svg>"));
    hp_tree_free(tree);
    hp_dict_free(dict);
    hp_buf_fini(&out);
}

static void write_once(void *arg)
{
    (void)arg;
    struct sample sample = {0};
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    if (sample_init(&sample) && hp_flamesvg_write(sample.tree, sample.dict, NULL, &out) == HP_OK) {
        assert_int_not_equal(out.len, 0);
    }
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
        cmocka_unit_test(writes_the_golden_file),
        cmocka_unit_test(escapes_markup_and_bad_bytes),
        cmocka_unit_test(draws_a_lane_as_a_flame_of_its_own),
        cmocka_unit_test(leaves_out_what_is_too_small),
        cmocka_unit_test(a_sunburst_has_a_ring_a_level),
        cmocka_unit_test(a_sandwich_shares_the_row_of_its_function),
        cmocka_unit_test(draws_an_empty_tree),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
