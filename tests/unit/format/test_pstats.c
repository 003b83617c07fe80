/* test_pstats.c -- the bytes of a .prof file; tests/py reads them back with every CPython. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/pstats.h"
#include "sample_tree.h"
#include "sweep_oom.h"

static void writes_the_golden_file(void **state)
{
    (void)state;
    struct sample sample;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    assert_true(sample_init(&sample));
    assert_int_equal(hp_pstats_write(sample.tree, sample.dict, &out), HP_OK);
    assert_true(sample_is_golden("sample.prof", hp_buf_str(&out)));
    hp_buf_fini(&out);
    sample_fini(&sample);
}

static void writes_an_empty_dictionary_for_an_empty_tree(void **state)
{
    (void)state;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    struct hp_dict *dict = hp_dict_new();
    struct hp_tree *tree = hp_tree_new(dict, 10);
    hp_tree_total(tree);
    assert_int_equal(hp_pstats_write(tree, dict, &out), HP_OK);
    assert_true(hp_str_eq(hp_buf_str(&out), HP_STR("{0")));
    hp_tree_free(tree);
    hp_dict_free(dict);
    hp_buf_fini(&out);
}

static void refuses_a_buffer_that_is_too_small(void **state)
{
    (void)state;
    struct sample sample;
    struct hp_buf out;
    hp_buf_init(&out, 100);
    assert_true(sample_init(&sample));
    assert_int_equal(hp_pstats_write(sample.tree, sample.dict, &out), HP_EFULL);
    hp_buf_fini(&out);
    sample_fini(&sample);
}

/* 2^31 calls do not fit marshal's int: a long of 15-bit digits. */
static void writes_large_counts_as_long(void **state)
{
    (void)state;
    struct sample sample;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    assert_true(sample_init(&sample));
    struct hp_tree *tree = hp_tree_new(sample.dict, 10);
    sample_node(tree, HP_NODE_ROOT, 1, 1, HP_NODE_CALL, (uint64_t)1 << 31, 1);
    hp_tree_total(tree);
    assert_int_equal(hp_pstats_write(tree, sample.dict, &out), HP_OK);
    static const char digits[] = "l\3\0\0\0\0\0\0\0\2\0";
    assert_non_null(memmem(out.data, out.len, digits, sizeof digits - 1));
    hp_tree_free(tree);
    hp_buf_fini(&out);
    sample_fini(&sample);
}

static void write_once(void *arg)
{
    (void)arg;
    struct sample sample = {0};
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    if (sample_init(&sample) && hp_pstats_write(sample.tree, sample.dict, &out) == HP_OK) {
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
        cmocka_unit_test(writes_an_empty_dictionary_for_an_empty_tree),
        cmocka_unit_test(refuses_a_buffer_that_is_too_small),
        cmocka_unit_test(writes_large_counts_as_long),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
