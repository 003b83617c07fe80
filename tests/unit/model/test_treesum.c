/* test_treesum.c -- sums of encoded values agree with merged trees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/tree.h"
#include "model/treesum.h"
#include "sweep_oom.h"

/* A tree of 200 nodes that has the same shape for every seed. */
static void build(struct hp_tree *tree, uint64_t seed)
{
    struct hp_rng shape, values;
    hp_rng_seed(&shape, 1);
    hp_rng_seed(&values, seed);
    tree->nodes[HP_NODE_ROOT].self = seed;
    uint32_t node = HP_NODE_ROOT;
    for (int i = 0; i < 200; i++) {
        uint32_t line = 1 + (uint32_t)hp_rng_below(&shape, 9);
        node = hp_rng_below(&shape, 4) == 0 ? HP_NODE_ROOT : node;
        node = hp_tree_child_at_line(tree, node, 0, line, HP_NODE_CALL);
        tree->nodes[node].calls += 1 + hp_rng_below(&values, 300);
        tree->nodes[node].self += hp_rng_below(&values, 100000);
        tree->nodes[node].resumes += hp_rng_below(&values, 3);
        tree->nodes[node].exceptions += (uint32_t)hp_rng_below(&values, 2);
        tree->nodes[node].cpu_ns += hp_rng_below(&values, 2);
        if (hp_rng_below(&values, 3) == 0) {
            hp_tree_add_sample(tree, node, (uint32_t)hp_rng_below(&values, 9), hp_rng_below(&values, 500), 0);
        }
    }
}

static void sums_equal_the_merged_tree(void **state)
{
    (void)state;
    struct hp_tree *merged = hp_tree_new(NULL, 1000);
    struct hp_treesum sum;
    struct hp_buf shape, values;
    hp_treesum_init(&sum, 1000);
    hp_buf_init(&shape, 1 << 20);
    hp_buf_init(&values, 1 << 20);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct hp_tree *tree = hp_tree_new(NULL, 1000);
        build(tree, seed);
        hp_buf_reset(&shape);
        hp_buf_reset(&values);
        assert_int_equal(hp_tree_encode(tree, NULL, &shape, &values, NULL), HP_OK);
        struct hp_reader in;
        hp_reader_init(&in, values.data, values.len);
        assert_int_equal(hp_treesum_add(&sum, in), HP_OK);
        assert_int_equal(hp_tree_merge(merged, tree, NULL), HP_OK);
        hp_tree_free(tree);
    }
    hp_buf_reset(&shape);
    hp_buf_reset(&values);
    assert_int_equal(hp_tree_encode(merged, NULL, &shape, &values, NULL), HP_OK);
    struct hp_buf got;
    hp_buf_init(&got, 1 << 20);
    hp_treesum_encode(&sum, &got);
    assert_int_equal(got.len, values.len);
    assert_memory_equal(got.data, values.data, values.len);
    hp_buf_fini(&got);
    hp_buf_fini(&shape);
    hp_buf_fini(&values);
    hp_treesum_fini(&sum);
    hp_tree_free(merged);
}

static hp_err add(struct hp_treesum *sum, const char *bytes, size_t n)
{
    struct hp_reader in;
    hp_reader_init(&in, bytes, n);
    return hp_treesum_add(sum, in);
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    struct hp_treesum sum;
    hp_treesum_init(&sum, 2);
    assert_int_equal(add(&sum, "", 0), HP_EFORMAT);
    assert_int_equal(add(&sum, "\2\5\2", 3), HP_EFORMAT);           /* cut short */
    assert_int_equal(add(&sum, "\3\x80\1\5", 4), HP_EFORMAT);       /* an unknown extra */
    assert_int_equal(add(&sum, "\3\x40\1\0\1\1\5", 7), HP_EFORMAT); /* a line that is none */
    assert_int_equal(add(&sum, "\2\5\2\5\2\5", 6), HP_EFULL);
    assert_int_equal(add(&sum, "\2\5\2\5", 4), HP_OK);
    assert_int_equal(add(&sum, "\2\5", 2), HP_EFORMAT);
    assert_int_equal(add(&sum, "\2\5\2\5\2\5", 6), HP_EFORMAT);
    hp_treesum_fini(&sum);
}

static void oom(void *arg)
{
    (void)arg;
    struct hp_treesum sum;
    hp_treesum_init(&sum, 1000);
    hp_err err = add(&sum, "\2\5\3\1\1\5", 6);
    assert_true(err == HP_OK || err == HP_ENOMEM);
    hp_treesum_fini(&sum);
}

static void survives_no_memory(void **state)
{
    (void)state;
    hp_sweep_oom(oom, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_equal_the_merged_tree),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
