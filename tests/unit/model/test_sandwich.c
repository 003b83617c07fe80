/* test_sandwich.c -- callers and callees of one function: exact along stacks, one level of pairs, recursion
 * once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "made_profile.h"
#include "model/sandwich.h"
#include "sweep_oom.h"

static void each_side_has_the_functions_own_paths(void **state)
{
    (void)state;
    struct hp_profile *profile = made_profile();
    struct hp_sandwich sandwich;
    assert_int_equal(hp_sandwich_init(&sandwich, profile, made_sym(profile, 'b')), HP_OK);
    assert_int_equal(sandwich.callees->nodes[HP_NODE_ROOT].total, 70);
    assert_int_equal(sandwich.callees->count, 1);
    assert_int_equal(sandwich.callers->nodes[HP_NODE_ROOT].total, 70);
    assert_int_equal(made_total(profile, sandwich.callers, "m"), 40);
    assert_int_equal(made_total(profile, sandwich.callers, "a"), 30);
    assert_int_equal(made_total(profile, sandwich.callers, "am"), 10);
    assert_int_equal(made_total(profile, sandwich.callers, "aam"), 20);
    hp_sandwich_fini(&sandwich);
    hp_profile_free(profile);
}

static void a_recursive_function_holds_its_time_once(void **state)
{
    (void)state;
    struct hp_profile *profile = made_profile();
    struct hp_sandwich sandwich;
    assert_int_equal(hp_sandwich_init(&sandwich, profile, made_sym(profile, 'a')), HP_OK);
    assert_int_equal(sandwich.callees->nodes[HP_NODE_ROOT].total, 33);
    assert_int_equal(sandwich.callees->nodes[HP_NODE_ROOT].self, 3);
    assert_int_equal(made_total(profile, sandwich.callees, "a"), 20);
    assert_int_equal(made_total(profile, sandwich.callees, "ab"), 20);
    assert_int_equal(made_total(profile, sandwich.callees, "b"), 10);
    assert_int_equal(made_total(profile, sandwich.callers, "m"), 33);
    assert_int_equal(made_total(profile, sandwich.callers, "a"), 0);
    hp_sandwich_fini(&sandwich);
    hp_profile_free(profile);
}

/* What a thread does runs beside the function that started it: it is in neither half. */
static void a_thread_ends_both_sides(void **state)
{
    (void)state;
    struct hp_profile *profile = made_profile();
    struct hp_tree *tree = profile->tree;
    uint32_t lane = hp_tree_child_at_line(tree, made_node(profile, tree, "ma"), 0, 0, HP_NODE_LANE);
    uint32_t inner = hp_tree_child_at_line(tree, lane, made_sym(profile, 'b'), 0, HP_NODE_CALL);
    struct hp_sandwich sandwich;
    tree->nodes[inner].self = 500;
    hp_tree_total(tree);
    assert_int_equal(hp_sandwich_init(&sandwich, profile, made_sym(profile, 'a')), HP_OK);
    assert_int_equal(sandwich.callees->nodes[HP_NODE_ROOT].total, 33);
    hp_sandwich_fini(&sandwich);
    assert_int_equal(hp_sandwich_init(&sandwich, profile, made_sym(profile, 'b')), HP_OK);
    assert_int_equal(sandwich.callers->nodes[HP_NODE_ROOT].total, 570);
    assert_int_equal(sandwich.callers->nodes[HP_NODE_ROOT].self, 500);
    hp_sandwich_fini(&sandwich);
    hp_profile_free(profile);
}

static struct hp_profile *made_pairs(void)
{
    struct hp_profile *profile = hp_profile_new(HP_PROFILE_PAIRS, 1 << 20);
    uint32_t m, f, g;
    profile->unit = HP_UNIT_TIME;
    profile->counts_calls = true;
    struct hp_callgraph *graph = &profile->graph;
    assert_int_equal(hp_callgraph_function(graph, made_sym(profile, 'm'), &m), HP_OK);
    assert_int_equal(hp_callgraph_function(graph, made_sym(profile, 'f'), &f), HP_OK);
    assert_int_equal(hp_callgraph_function(graph, made_sym(profile, 'g'), &g), HP_OK);
    graph->functions[f].calls = 4;
    graph->functions[f].self = 1.5;
    graph->functions[f].total = 5;
    const struct hp_callgraph_edge edges[] = {{.caller = m, .callee = f, .calls = 3, .self = 1, .total = 4},
                                              {.caller = f, .callee = f, .calls = 1, .self = 0.5, .total = 1},
                                              {.caller = f, .callee = g, .calls = 9, .self = 2, .total = 3.5},
                                              {.caller = m, .callee = g, .calls = 1, .self = 7, .total = 7}};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        assert_int_equal(hp_callgraph_edge(graph, &edges[i]), HP_OK);
    }
    assert_int_equal(hp_profile_finish(profile), HP_OK);
    return profile;
}

static void pairs_give_one_level_and_no_more(void **state)
{
    (void)state;
    struct hp_profile *profile = made_pairs();
    struct hp_sandwich sandwich;
    assert_int_equal(hp_sandwich_init(&sandwich, profile, made_sym(profile, 'f')), HP_OK);
    assert_int_equal(sandwich.callees->nodes[HP_NODE_ROOT].total, 5000000000);
    assert_int_equal(sandwich.callees->nodes[HP_NODE_ROOT].self, 1500000000);
    assert_int_equal(sandwich.callees->count, 2);
    assert_int_equal(sandwich.callers->count, 2);
    assert_int_equal(made_total(profile, sandwich.callees, "g"), 3500000000);
    assert_int_equal(sandwich.callees->nodes[made_node(profile, sandwich.callees, "g")].self, 2000000000);
    assert_int_equal(sandwich.callees->nodes[made_node(profile, sandwich.callees, "g")].calls, 9);
    assert_int_equal(made_total(profile, sandwich.callers, "m"), 4000000000);
    hp_sandwich_fini(&sandwich);
    hp_profile_free(profile);
}

static void a_function_that_is_nowhere_is_an_error(void **state)
{
    (void)state;
    struct hp_profile *profiles[] = {made_profile(), made_pairs()};
    for (size_t i = 0; i < 2; i++) {
        struct hp_sandwich sandwich;
        assert_int_equal(hp_sandwich_init(&sandwich, profiles[i], made_sym(profiles[i], 'z')), HP_ENOTFOUND);
        hp_sandwich_fini(&sandwich);
        hp_profile_free(profiles[i]);
    }
}

static void make_once(void *arg)
{
    (void)arg;
    struct hp_profile *profile = made_profile();
    if (profile != NULL) {
        struct hp_sandwich sandwich;
        if (hp_sandwich_init(&sandwich, profile, made_sym(profile, 'b')) == HP_OK) {
            assert_int_equal(sandwich.callers->nodes[HP_NODE_ROOT].total, 70);
        }
        hp_sandwich_fini(&sandwich);
    }
    hp_profile_free(profile);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(make_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_side_has_the_functions_own_paths),
        cmocka_unit_test(a_recursive_function_holds_its_time_once),
        cmocka_unit_test(a_thread_ends_both_sides),
        cmocka_unit_test(pairs_give_one_level_and_no_more),
        cmocka_unit_test(a_function_that_is_nowhere_is_an_error),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
