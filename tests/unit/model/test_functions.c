/* test_functions.c -- folding per function, with recursion as cProfile counts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/functions.h"
#include "sweep_oom.h"

static uint32_t add(struct hp_tree *tree, uint32_t parent, uint32_t sym, enum hp_node_kind kind,
                    uint64_t calls, uint64_t self)
{
    uint32_t id = hp_tree_child_at_line(tree, parent, sym, 1, kind);
    tree->nodes[id].calls += calls;
    tree->nodes[id].self += self;
    return id;
}

static const struct hp_function *function(const struct hp_functions *f, uint32_t sym)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->list[i].sym == sym) {
            return &f->list[i];
        }
    }
    fail_msg("function %u is not there", sym);
    return NULL;
}

static const struct hp_function_pair *pair(const struct hp_functions *f, uint32_t caller, uint32_t callee)
{
    for (uint32_t i = 0; i < f->pair_count; i++) {
        if (f->list[f->pairs[i].caller].sym == caller && f->list[f->pairs[i].callee].sym == callee) {
            return &f->pairs[i];
        }
    }
    return NULL;
}

/* main ─ f(1) ─ f(2) ─ f(3): one primitive call, the total once. */
static void recursion_counts_its_total_once(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 100);
    tree->nodes[HP_NODE_ROOT].self = 5;
    uint32_t main_node = add(tree, HP_NODE_ROOT, 1, HP_NODE_CALL, 1, 10);
    uint32_t f1 = add(tree, main_node, 2, HP_NODE_CALL, 1, 100);
    uint32_t f2 = add(tree, f1, 2, HP_NODE_CALL, 3, 200);
    (void)add(tree, f2, 2, HP_NODE_CALL, 4, 400);
    tree->nodes[f2].resumes = 2;
    tree->nodes[f2].exceptions = 1;
    hp_tree_total(tree);
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    struct hp_functions f;
    assert_int_equal(hp_functions_fold(tree, &arena, &f), HP_OK);
    assert_int_equal(f.count, 2);
    assert_int_equal(f.outside_ns, 5);
    assert_int_equal(f.total_ns, 715);
    assert_int_equal(function(&f, 2)->calls, 8);
    assert_int_equal(function(&f, 2)->resumes, 2);
    assert_int_equal(function(&f, 2)->exceptions, 1);
    assert_int_equal(function(&f, 2)->primitive, 1);
    assert_int_equal(function(&f, 2)->self_ns, 700);
    assert_int_equal(function(&f, 2)->total_ns, 700);
    assert_int_equal(function(&f, 1)->total_ns, 710);
    /* The pair f → f is outermost at the second level. */
    assert_int_equal(pair(&f, 2, 2)->calls, 7);
    assert_int_equal(pair(&f, 2, 2)->primitive, 5);
    assert_int_equal(pair(&f, 2, 2)->total_ns, 600);
    assert_int_equal(pair(&f, 2, 2)->self_ns, 600);
    assert_int_equal(pair(&f, 1, 2)->calls, 1);
    assert_int_equal(pair(&f, 1, 2)->total_ns, 700);
    assert_int_equal(f.pair_count, 2);
    hp_arena_fini(&arena);
    hp_tree_free(tree);
}

/* a ─ b ─ a ─ b and, beside it, b: mutual recursion. */
static void mutual_recursion_and_two_callers(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 100);
    uint32_t a = add(tree, HP_NODE_ROOT, 1, HP_NODE_CALL, 1, 1);
    uint32_t b = add(tree, a, 2, HP_NODE_CALL, 1, 10);
    uint32_t a2 = add(tree, b, 1, HP_NODE_CALL, 1, 100);
    (void)add(tree, a2, 2, HP_NODE_CALL, 1, 1000);
    uint32_t c = add(tree, HP_NODE_ROOT, 3, HP_NODE_CALL, 1, 10000);
    (void)add(tree, c, 2, HP_NODE_CALL, 1, 100000);
    hp_tree_total(tree);
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    struct hp_functions f;
    assert_int_equal(hp_functions_fold(tree, &arena, &f), HP_OK);
    assert_int_equal(function(&f, 1)->primitive, 1);
    assert_int_equal(function(&f, 1)->total_ns, 1111);
    assert_int_equal(function(&f, 2)->calls, 3);
    assert_int_equal(function(&f, 2)->primitive, 2);
    assert_int_equal(function(&f, 2)->total_ns, 1110 + 100000);
    assert_int_equal(pair(&f, 1, 2)->calls, 2);
    assert_int_equal(pair(&f, 1, 2)->primitive, 1);
    assert_int_equal(pair(&f, 1, 2)->total_ns, 1110);
    assert_int_equal(pair(&f, 3, 2)->total_ns, 100000);
    assert_int_equal(pair(&f, 2, 1)->total_ns, 1100);
    hp_arena_fini(&arena);
    hp_tree_free(tree);
}

/* f starts a thread that runs f: no recursion, no caller. */
static void lane_starts_with_an_empty_stack(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 100);
    uint32_t f1 = add(tree, HP_NODE_ROOT, 1, HP_NODE_CALL, 1, 10);
    uint32_t lane = add(tree, f1, 9, HP_NODE_LANE, 40, 7);
    uint32_t f2 = add(tree, lane, 1, HP_NODE_CALL, 40, 100);
    (void)add(tree, f2, 2, HP_NODE_CALL, 40, 1000);
    uint32_t inner = add(tree, f2, 9, HP_NODE_LANE, 1, 1);
    (void)add(tree, inner, 2, HP_NODE_CALL, 1, 5);
    (void)add(tree, HP_NODE_ROOT, 3, HP_NODE_CALL, 1, 10000);
    hp_tree_total(tree);
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    struct hp_functions f;
    assert_int_equal(hp_functions_fold(tree, &arena, &f), HP_OK);
    assert_int_equal(f.count, 3);
    assert_int_equal(function(&f, 1)->calls, 41);
    assert_int_equal(function(&f, 1)->primitive, 41);
    assert_int_equal(function(&f, 1)->total_ns, 10 + 1100);
    assert_int_equal(function(&f, 2)->total_ns, 1005);
    assert_null(pair(&f, 1, 1));
    assert_int_equal(pair(&f, 1, 2)->calls, 40);
    assert_int_equal(f.pair_count, 1);
    assert_int_equal(f.outside_ns, 8);
    assert_int_equal(f.total_ns, 10010);
    hp_arena_fini(&arena);
    hp_tree_free(tree);
}

static void stale_nodes_do_not_count_and_deep_trees_do(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 200000);
    (void)add(tree, HP_NODE_ROOT, 7, HP_NODE_CALL, 1, 1);
    hp_tree_begin(tree);
    uint32_t at = HP_NODE_ROOT;
    for (int i = 0; i < 100000; i++) {
        at = add(tree, at, 1 + (uint32_t)i % 2, HP_NODE_CALL, 1, 1);
    }
    hp_tree_total(tree);
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    struct hp_functions f;
    assert_int_equal(hp_functions_fold(tree, &arena, &f), HP_OK);
    assert_int_equal(f.count, 2);
    assert_int_equal(function(&f, 1)->total_ns, 100000);
    assert_int_equal(function(&f, 2)->total_ns, 99999);
    assert_int_equal(function(&f, 2)->primitive, 1);
    hp_arena_fini(&arena);
    hp_tree_free(tree);
}

static void empty_tree_has_no_functions(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 10);
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    struct hp_functions f;
    assert_int_equal(hp_functions_fold(tree, &arena, &f), HP_OK);
    assert_int_equal(f.count + f.pair_count, 0);
    hp_arena_fini(&arena);
    hp_tree_free(tree);
}

static void use_functions(void *arg)
{
    (void)arg;
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    struct hp_tree *tree = hp_tree_new(NULL, 1000);
    if (tree != NULL) {
        for (uint32_t i = 0; i < 40; i++) {
            (void)add(tree, add(tree, HP_NODE_ROOT, 1 + i % 7, HP_NODE_CALL, 1, 1), 1 + i, HP_NODE_CALL, 1,
                      1);
        }
        struct hp_functions f;
        hp_err err = hp_functions_fold(tree, &arena, &f);
        assert_true(err == HP_OK || err == HP_ENOMEM);
    }
    hp_tree_free(tree);
    hp_arena_fini(&arena);
}

static void survives_no_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_functions, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recursion_counts_its_total_once),
        cmocka_unit_test(mutual_recursion_and_two_callers),
        cmocka_unit_test(lane_starts_with_an_empty_stack),
        cmocka_unit_test(stale_nodes_do_not_count_and_deep_trees_do),
        cmocka_unit_test(empty_tree_has_no_functions),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
