/* test_lines.c -- the lines that samples were at are written for the Firefox Profiler, and a pprof file keeps
 * them through reading and writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/gecko.h"
#include "format/gunzip.h"
#include "format/pprof.h"
#include "model/profile.h"
#include "sample_tree.h"
#include "sweep_oom.h"

/* main() of two lines calls work(), sampled with a label at two of its lines and twice at none; NULL: no
 * memory. */
static struct hp_profile *sampled(void)
{
    uint32_t main_sym, work_sym, main_node, work_node, label;
    struct hp_profile *profile = hp_profile_new(HP_PROFILE_TREE, 1 << 20);
    hp_err err = profile == NULL ? HP_ENOMEM : HP_OK;
    struct hp_str text = hp_str_make("job\0sa\0", 7);
    err = err != HP_OK ? err : hp_profile_symbol(profile, HP_STR("app.py"), HP_STR("main"), 3, &main_sym);
    err = err != HP_OK ? err : hp_profile_symbol(profile, HP_STR("app.py"), HP_STR("work"), 10, &work_sym);
    err = err != HP_OK ? err : hp_profile_child(profile, HP_NODE_ROOT, main_sym, &main_node);
    err = err != HP_OK ? err : hp_profile_child(profile, main_node, work_sym, &work_node);
    err = err != HP_OK ? err : hp_dict_add_string(profile->dict, text, &label);
    if (err == HP_OK) {
        const struct hp_profile_sample samples[] = {{work_node, 12, label, 5000000},
                                                    {main_node, 4, 0, 1000000},
                                                    {work_node, 14, 0, 7000000},
                                                    {work_node, 12, 0, 2000000},
                                                    {work_node, 0, 0, 500000}};
        for (size_t i = 0; i < sizeof samples / sizeof samples[0] && err == HP_OK; i++) {
            err = hp_profile_add_sample(profile, &samples[i]);
        }
    }
    err = err != HP_OK ? err : hp_profile_finish(profile);
    if (err != HP_OK) {
        hp_profile_free(profile);
        return NULL;
    }
    return profile;
}

static void a_line_is_a_frame_of_its_own_for_the_firefox_profiler(void **state)
{
    (void)state;
    struct hp_buf out;
    struct hp_profile *profile = sampled();
    hp_buf_init(&out, 1 << 20);
    assert_non_null(profile);
    assert_int_equal(hp_gecko_write(profile, &out), HP_OK);
    assert_true(sample_is_golden("lines.gecko.json", hp_buf_str(&out)));
    hp_buf_fini(&out);
    hp_profile_free(profile);
}

static struct hp_profile *written_and_read(const struct hp_profile *profile)
{
    struct hp_buf packed, plain;
    struct hp_profile *read = NULL;
    struct hp_errinfo info;
    hp_buf_init(&packed, 1 << 20);
    hp_buf_init(&plain, 1 << 20);
    assert_int_equal(hp_pprof_write(profile, &packed), HP_OK);
    assert_int_equal(hp_gunzip_append(hp_buf_str(&packed), &plain, &info), HP_OK);
    struct hp_profile_source source = {.bytes = hp_buf_str(&plain), .budget_bytes = 1 << 22};
    assert_int_equal(hp_pprof_read(&source, &read, &info), HP_OK);
    hp_buf_fini(&plain);
    hp_buf_fini(&packed);
    return read;
}

static void a_pprof_file_written_again_keeps_lines_beside_labels(void **state)
{
    (void)state;
    struct hp_profile *profile = sampled(), *once = written_and_read(profile),
                      *again = written_and_read(once);
    struct hp_leaf_line lines[4];
    const struct hp_node *nodes = again->tree->nodes;
    assert_int_equal(again->sample_count, 5);
    const struct hp_profile_sample *first = &again->samples[0];
    assert_int_equal(hp_leaf_top(again->tree, first->node, lines, 4), 2);
    assert_true(lines[0].line == 12 && lines[0].self == 7000000);
    assert_true(lines[1].line == 14 && lines[1].self == 7000000);
    assert_int_equal(nodes[first->node].self, 14500000);
    assert_int_equal(hp_leaf_top(again->tree, nodes[first->node].parent, lines, 4), 1);
    assert_true(lines[0].line == 4);
    assert_true(hp_str_eq(hp_dict_string(again->dict, first->label), hp_str_make("job\0sa\0", 7)));
    hp_profile_free(again);
    hp_profile_free(once);
    hp_profile_free(profile);
}

static void write_once(void *arg)
{
    (void)arg;
    struct hp_buf out;
    struct hp_profile *profile = sampled();
    hp_buf_init(&out, 1 << 20);
    if (profile != NULL && hp_gecko_write(profile, &out) == HP_OK) {
        assert_int_not_equal(out.len, 0);
    }
    hp_buf_fini(&out);
    hp_profile_free(profile);
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    hp_sweep_oom(write_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_frame_of_its_own_for_the_firefox_profiler),
        cmocka_unit_test(a_pprof_file_written_again_keeps_lines_beside_labels),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
