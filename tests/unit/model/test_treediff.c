/* test_treediff.c -- what each path was before: by names, not lines; shared out where lines made two of
 * one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "made_profile.h"
#include "model/treediff.h"
#include "sweep_oom.h"

static void each_path_knows_what_it_was(void **state)
{
    (void)state;
    struct hp_profile *before = made_profile(), *after = made_profile();
    uint64_t totals[32];
    assert_true(made_path(after, "mab", 100));
    assert_true(made_path(after, "mx", 1));
    assert_int_equal(hp_profile_finish(after), HP_OK);
    assert_true(after->tree->count <= 32);
    assert_int_equal(hp_treediff_before(after, before, totals), HP_OK);
    assert_int_equal(totals[HP_NODE_ROOT], 73);
    assert_int_equal(totals[made_node(after, after->tree, "mab")], 10);
    assert_int_equal(totals[made_node(after, after->tree, "maab")], 20);
    assert_int_equal(totals[made_node(after, after->tree, "mb")], 40);
    assert_int_equal(totals[made_node(after, after->tree, "mx")], 0);
    hp_profile_free(after);
    hp_profile_free(before);
}

/* The same call from two lines is two nodes now; together they were one before. */
static void two_call_lines_share_what_their_path_was(void **state)
{
    (void)state;
    struct hp_profile *before = made_profile(), *after = made_profile();
    uint64_t totals[32];
    uint32_t m = made_node(after, after->tree, "m"), b = made_node(after, after->tree, "mb");
    uint32_t twin = hp_tree_child_at_line(after->tree, m, after->tree->nodes[b].sym, 99, HP_NODE_CALL);
    after->tree->nodes[twin].self = 120;
    assert_int_equal(hp_profile_finish(after), HP_OK);
    assert_int_equal(hp_treediff_before(after, before, totals), HP_OK);
    assert_int_equal(totals[b], 10);
    assert_int_equal(totals[twin], 30);
    hp_profile_free(after);
    hp_profile_free(before);
}

static void a_function_that_moved_within_its_file_is_the_same(void **state)
{
    (void)state;
    struct hp_profile *sides[2];
    uint64_t totals[8];
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t sym, node;
        sides[i] = hp_profile_new(HP_PROFILE_TREE, 1 << 20);
        assert_int_equal(hp_profile_symbol(sides[i], HP_STR("m.py"), HP_STR("f"), 10 + i, &sym), HP_OK);
        assert_int_equal(hp_profile_child(sides[i], HP_NODE_ROOT, sym, &node), HP_OK);
        assert_int_equal(hp_profile_add(sides[i], node, 5 + i, false), HP_OK);
        assert_int_equal(hp_profile_finish(sides[i]), HP_OK);
    }
    assert_int_equal(hp_treediff_before(sides[1], sides[0], totals), HP_OK);
    assert_int_equal(totals[1], 5);
    hp_profile_free(sides[0]);
    hp_profile_free(sides[1]);
}

static void compare_once(void *arg)
{
    (void)arg;
    struct hp_profile *before = made_profile(), *after = made_profile();
    uint64_t totals[32];
    if (before != NULL && after != NULL && hp_treediff_before(after, before, totals) == HP_OK) {
        assert_int_equal(totals[HP_NODE_ROOT], 73);
    }
    hp_profile_free(after);
    hp_profile_free(before);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(compare_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_knows_what_it_was),
        cmocka_unit_test(two_call_lines_share_what_their_path_was),
        cmocka_unit_test(a_function_that_moved_within_its_file_is_the_same),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
