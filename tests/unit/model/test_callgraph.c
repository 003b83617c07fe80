/* test_callgraph.c -- functions and pairs: order, sums, merging as Stats.add does, folding a tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "made_profile.h"
#include "model/callgraph.h"
#include "sweep_oom.h"

static uint32_t function(struct hp_callgraph *graph, uint32_t sym, double self)
{
    uint32_t index = 0;
    assert_int_equal(hp_callgraph_function(graph, sym, &index), HP_OK);
    graph->functions[index].self += self;
    return index;
}

static void listed_functions_keep_their_order_before_the_others(void **state)
{
    (void)state;
    struct hp_callgraph graph;
    hp_callgraph_init(&graph, 1);
    uint32_t caller = function(&graph, 30, 0), second = function(&graph, 20, 2),
             first = function(&graph, 10, 1);
    assert_int_equal(hp_callgraph_list(&graph, first), HP_OK);
    assert_int_equal(hp_callgraph_list(&graph, second), HP_OK);
    assert_int_equal(hp_callgraph_list(&graph, first), HP_OK);
    struct hp_callgraph_edge edge = {.caller = caller, .callee = second, .calls = 7};
    assert_int_equal(hp_callgraph_edge(&graph, &edge), HP_OK);
    assert_int_equal(hp_callgraph_finish(&graph), HP_OK);
    assert_int_equal(graph.listed_count, 2);
    static const uint32_t syms[] = {10, 20, 30};
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(graph.functions[i].sym, syms[i]);
    }
    assert_int_equal(graph.edges[0].caller, 2);
    assert_int_equal(graph.edges[0].callee, 1);
    /* found again at its new place, also after the order changed */
    assert_int_equal(function(&graph, 30, 0), 2);
    hp_callgraph_fini(&graph);
}

static void edges_of_one_pair_add_up_and_stand_by_callee(void **state)
{
    (void)state;
    struct hp_callgraph graph;
    hp_callgraph_init(&graph, 1);
    uint32_t a = function(&graph, 1, 0), b = function(&graph, 2, 0);
    assert_int_equal(hp_callgraph_list(&graph, a), HP_OK);
    assert_int_equal(hp_callgraph_list(&graph, b), HP_OK);
    const struct hp_callgraph_edge edges[] = {{.caller = a, .callee = b, .calls = 1, .bare = true},
                                              {.caller = b, .callee = a, .calls = 2, .self = 0.5},
                                              {.caller = a, .callee = b, .calls = 3, .total = 0.25}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hp_callgraph_edge(&graph, &edges[i]), HP_OK);
    }
    assert_int_equal(hp_callgraph_finish(&graph), HP_OK);
    assert_int_equal(graph.edge_count, 2);
    assert_int_equal(graph.edges[0].callee, a);
    assert_int_equal(graph.edges[1].calls, 4);
    assert_true(graph.edges[1].total == 0.25);
    assert_false(graph.edges[1].bare);
    hp_callgraph_fini(&graph);
}

static void an_edge_that_was_appended_is_found_when_its_pair_comes_again(void **state)
{
    (void)state;
    struct hp_callgraph graph;
    hp_callgraph_init(&graph, 1);
    uint32_t a = function(&graph, 1, 0), b = function(&graph, 2, 0);
    struct hp_callgraph_edge edge = {.caller = a, .callee = b, .calls = 5};
    assert_int_equal(hp_callgraph_append(&graph, &edge), HP_OK);
    assert_int_equal(hp_callgraph_edge(&graph, &edge), HP_OK);
    assert_int_equal(graph.edge_count, 1);
    assert_int_equal(graph.edges[0].calls, 10);
    hp_callgraph_fini(&graph);
}

/* Two functions that become one symbol are added up: what strip_dirs needs. Units are scaled. */
static void merging_maps_symbols_and_scales_units(void **state)
{
    (void)state;
    struct hp_callgraph seconds, ns;
    hp_callgraph_init(&seconds, 1);
    hp_callgraph_init(&ns, 1e9);
    uint32_t known = function(&seconds, 1, 2.0);
    assert_int_equal(hp_callgraph_list(&seconds, known), HP_OK);
    for (uint32_t sym = 1; sym <= 3; sym++) {
        uint32_t index = function(&ns, sym, 1e9);
        assert_int_equal(hp_callgraph_list(&ns, index), HP_OK);
    }
    struct hp_callgraph_edge edge = {.caller = 0, .callee = 2, .calls = 1, .total = 5e8};
    assert_int_equal(hp_callgraph_edge(&ns, &edge), HP_OK);
    ns.outside = 3e9;
    static const uint32_t map[] = {0, 1, 1, 9};
    assert_int_equal(hp_callgraph_merge(&seconds, &ns, map), HP_OK);
    assert_int_equal(hp_callgraph_finish(&seconds), HP_OK);
    assert_int_equal(seconds.listed_count, 2);
    assert_true(seconds.functions[0].self == 4.0);
    assert_int_equal(seconds.functions[1].sym, 9);
    assert_true(seconds.edges[0].total == 0.5);
    assert_true(seconds.outside == 3.0);
    hp_callgraph_fini(&ns);
    hp_callgraph_fini(&seconds);
}

static void folding_a_tree_counts_recursion_once(void **state)
{
    (void)state;
    struct hp_profile *profile = made_profile();
    assert_int_equal(hp_profile_graph(profile), HP_OK);
    assert_true(made_function(profile, 'a')->total == 33);
    assert_true(made_function(profile, 'a')->self == 3);
    assert_true(made_function(profile, 'b')->total == 70);
    struct hp_callgraph_sums sums = hp_callgraph_sum(&profile->graph);
    assert_true(sums.self == 73);
    assert_true(sums.most == 73);
    hp_profile_free(profile);
}

static void fold_once(void *arg)
{
    (void)arg;
    struct hp_profile *profile = made_profile();
    if (profile != NULL && hp_profile_graph(profile) == HP_OK) {
        assert_int_equal(profile->graph.count, 3);
    }
    hp_profile_free(profile);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(fold_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listed_functions_keep_their_order_before_the_others),
        cmocka_unit_test(edges_of_one_pair_add_up_and_stand_by_callee),
        cmocka_unit_test(an_edge_that_was_appended_is_found_when_its_pair_comes_again),
        cmocka_unit_test(merging_maps_symbols_and_scales_units),
        cmocka_unit_test(folding_a_tree_counts_recursion_once),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
