/* test_profile.c -- the profile that all readers fill: caps, merging of shapes and units, folders taken
 * out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "made_profile.h"
#include "sweep_oom.h"

static void files_of_libraries_are_no_application(void **state)
{
    (void)state;
    struct hp_profile *profile = hp_profile_new(HP_PROFILE_TREE, 1 << 20);
    static const struct {
        const char *file;
        uint8_t kind, flags;
    } cases[] = {{"/srv/shop/views.py", HP_SYM_PYTHON, HP_SYM_APP},
                 {"/venv/lib/python3.12/site-packages/flask/app.py", HP_SYM_PYTHON, 0},
                 {"<frozen importlib>", HP_SYM_PYTHON, 0},
                 {"<built-in>", HP_SYM_C, 0},
                 {"~", HP_SYM_C, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t sym;
        assert_int_equal(hp_profile_symbol(profile, hp_str_from0(cases[i].file), HP_STR("f"), 1, &sym),
                         HP_OK);
        assert_int_equal(hp_dict_symbol(profile->dict, sym).kind, cases[i].kind);
        assert_int_equal(hp_dict_symbol(profile->dict, sym).flags, cases[i].flags);
    }
    hp_profile_free(profile);
}

static void samples_beyond_the_budget_are_counted_and_end_the_order(void **state)
{
    (void)state;
    struct hp_profile *profile = hp_profile_new(HP_PROFILE_TREE, 64 << 10);
    profile->ordered = true;
    uint64_t added = 0;
    while (profile->samples_dropped < 5) {
        assert_int_equal(hp_profile_add(profile, HP_NODE_ROOT, 1, true), HP_OK);
        added++;
        assert_true(added < 1000000);
    }
    assert_false(profile->ordered);
    assert_int_equal(profile->sample_count + profile->samples_dropped, added);
    assert_int_equal(profile->tree->nodes[HP_NODE_ROOT].self, added);
    hp_profile_free(profile);
}

static void nodes_beyond_the_budget_are_refused(void **state)
{
    (void)state;
    struct hp_profile *profile = hp_profile_new(HP_PROFILE_TREE, 64 << 10);
    uint32_t node = HP_NODE_ROOT, sym = made_sym(profile, 'f'), count = 0;
    hp_err err = HP_OK;
    while (err == HP_OK) {
        err = hp_profile_child(profile, node, sym, &node);
        assert_true(++count < 1000000);
    }
    assert_int_equal(err, HP_EFULL);
    hp_profile_free(profile);
}

static void values_stop_at_the_largest_number(void **state)
{
    (void)state;
    struct hp_profile *profile = hp_profile_new(HP_PROFILE_TREE, 1 << 20);
    assert_int_equal(hp_profile_add(profile, HP_NODE_ROOT, UINT64_MAX - 1, false), HP_OK);
    assert_int_equal(hp_profile_add(profile, HP_NODE_ROOT, 5, false), HP_OK);
    assert_true(profile->tree->nodes[HP_NODE_ROOT].self == UINT64_MAX);
    hp_profile_free(profile);
}

static void totals_of_largest_values_do_not_wrap(void **state)
{
    (void)state;
    struct hp_profile *profile = hp_profile_new(HP_PROFILE_TREE, 1 << 20);
    uint32_t f, g;
    assert_int_equal(hp_profile_child(profile, HP_NODE_ROOT, made_sym(profile, 'f'), &f), HP_OK);
    assert_int_equal(hp_profile_child(profile, HP_NODE_ROOT, made_sym(profile, 'g'), &g), HP_OK);
    assert_int_equal(hp_profile_add(profile, f, UINT64_MAX - 5, true), HP_OK);
    assert_int_equal(hp_profile_add(profile, g, 7, true), HP_OK);
    assert_int_equal(hp_profile_finish(profile), HP_OK);
    assert_true(profile->tree->nodes[HP_NODE_ROOT].total == UINT64_MAX);
    assert_int_equal(profile->tree->nodes[g].total, 5);
    assert_int_equal(profile->samples[1].value, 5);
    assert_int_equal(profile->clamped, 1);
    hp_profile_free(profile);
}

static void trees_merge_path_by_path(void **state)
{
    (void)state;
    struct hp_profile *into = made_profile(), *from = made_profile();
    assert_true(made_path(from, "mc", 7));
    assert_int_equal(hp_profile_finish(from), HP_OK);
    assert_int_equal(hp_profile_merge(into, from), HP_OK);
    assert_int_equal(hp_profile_finish(into), HP_OK);
    assert_int_equal(into->shape, HP_PROFILE_TREE);
    assert_int_equal(made_total(into, into->tree, "m"), 153);
    assert_int_equal(made_total(into, into->tree, "maa"), 40);
    assert_int_equal(made_total(into, into->tree, "mc"), 7);
    hp_profile_free(from);
    hp_profile_free(into);
}

static void a_tree_with_pairs_added_becomes_pairs(void **state)
{
    (void)state;
    struct hp_profile *tree = made_profile(), *pairs = hp_profile_new(HP_PROFILE_PAIRS, 1 << 20);
    uint32_t index;
    pairs->unit = HP_UNIT_SAMPLES;
    assert_int_equal(hp_callgraph_function(&pairs->graph, made_sym(pairs, 'b'), &index), HP_OK);
    assert_int_equal(hp_callgraph_list(&pairs->graph, index), HP_OK);
    pairs->graph.functions[index].self = pairs->graph.functions[index].total = 5;
    assert_int_equal(hp_profile_finish(pairs), HP_OK);
    assert_int_equal(hp_profile_merge(tree, pairs), HP_OK);
    assert_int_equal(hp_profile_finish(tree), HP_OK);
    assert_int_equal(tree->shape, HP_PROFILE_PAIRS);
    assert_null(tree->tree);
    assert_true(made_function(tree, 'b')->self == 75);
    hp_profile_free(pairs);
    hp_profile_free(tree);
}

static void other_units_are_not_added(void **state)
{
    (void)state;
    struct hp_profile *into = made_profile(), *from = made_profile();
    from->unit = HP_UNIT_BYTES;
    assert_int_equal(hp_profile_merge(into, from), HP_EINVAL);
    hp_profile_free(from);
    hp_profile_free(into);
}

static void without_folders_functions_that_look_alike_are_one(void **state)
{
    (void)state;
    struct hp_profile *profile = hp_profile_new(HP_PROFILE_PAIRS, 1 << 20);
    static const char *const files[] = {"/one/x.py", "/two/x.py", "y.py"};
    for (size_t i = 0; i < 3; i++) {
        uint32_t sym, index;
        assert_int_equal(hp_profile_symbol(profile, hp_str_from0(files[i]), HP_STR("f"), 4, &sym), HP_OK);
        assert_int_equal(hp_callgraph_function(&profile->graph, sym, &index), HP_OK);
        assert_int_equal(hp_callgraph_list(&profile->graph, index), HP_OK);
        profile->graph.functions[index].calls = 1;
    }
    struct hp_callgraph_edge edge = {.caller = 2, .callee = 1, .calls = 3};
    assert_int_equal(hp_callgraph_edge(&profile->graph, &edge), HP_OK);
    assert_int_equal(hp_profile_finish(profile), HP_OK);
    assert_int_equal(hp_profile_strip_dirs(profile), HP_OK);
    assert_int_equal(profile->graph.listed_count, 2);
    assert_int_equal(profile->graph.functions[0].calls, 2);
    assert_true(
        hp_str_eq(hp_dict_symbol(profile->dict, profile->graph.functions[0].sym).file, HP_STR("x.py")));
    assert_int_equal(profile->graph.edges[0].callee, 0);
    assert_int_equal(profile->graph.edges[0].caller, 1);
    hp_profile_free(profile);
}

static void strip_once(void *arg)
{
    (void)arg;
    struct hp_profile *profile = made_profile();
    if (profile != NULL && hp_profile_graph(profile) == HP_OK) {
        hp_err err = hp_profile_strip_dirs(profile);
        assert_true(err == HP_OK || err == HP_ENOMEM);
        assert_int_equal(profile->graph.count, 3);
    }
    hp_profile_free(profile);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(strip_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_libraries_are_no_application),
        cmocka_unit_test(samples_beyond_the_budget_are_counted_and_end_the_order),
        cmocka_unit_test(nodes_beyond_the_budget_are_refused),
        cmocka_unit_test(values_stop_at_the_largest_number),
        cmocka_unit_test(totals_of_largest_values_do_not_wrap),
        cmocka_unit_test(trees_merge_path_by_path),
        cmocka_unit_test(a_tree_with_pairs_added_becomes_pairs),
        cmocka_unit_test(other_units_are_not_added),
        cmocka_unit_test(without_folders_functions_that_look_alike_are_one),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
