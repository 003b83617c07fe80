/* test_collapsed.c -- one line a path; the numbers add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/collapsed.h"
#include "sample_tree.h"
#include "sweep_oom.h"

static void writes_the_golden_file(void **state)
{
    (void)state;
    struct sample sample;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    assert_true(sample_init(&sample));
    assert_int_equal(hp_collapsed_write(sample.tree, sample.dict, NULL, &out), HP_OK);
    assert_true(sample_is_golden("sample.collapsed", hp_buf_str(&out)));
    hp_buf_fini(&out);
    sample_fini(&sample);
}

/* The sum of the last words of all lines. */
static uint64_t sum_of(struct hp_str text)
{
    uint64_t sum = 0;
    while (text.n != 0) {
        size_t end = hp_str_find_char(text, '\n'), at = end;
        while (at > 0 && text.p[at - 1] != ' ') {
            at--;
        }
        sum += strtoull(text.p + at, NULL, 10);
        text = hp_str_make(text.p + end + 1, text.n - end - 1);
    }
    return sum;
}

/* 0.4 µs each are 400 µs together, not 0. */
static void rounding_errors_do_not_add_up(void **state)
{
    (void)state;
    struct sample sample;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    assert_true(sample_init(&sample));
    struct hp_tree *tree = hp_tree_new(NULL, 2000);
    for (uint32_t i = 1; i <= 1000; i++) {
        uint32_t node = hp_tree_child_at_line(tree, HP_NODE_ROOT, 1, i, HP_NODE_CALL);
        tree->nodes[node].self = 400;
    }
    assert_int_equal(hp_collapsed_write(tree, sample.dict, NULL, &out), HP_OK);
    assert_int_equal(sum_of(hp_buf_str(&out)), 400);
    hp_tree_free(tree);
    hp_buf_fini(&out);
    sample_fini(&sample);
}

static void counts_calls_when_asked(void **state)
{
    (void)state;
    struct sample sample;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    assert_true(sample_init(&sample));
    struct hp_collapsed_options options = {.calls = true};
    assert_int_equal(hp_collapsed_write(sample.tree, sample.dict, &options, &out), HP_OK);
    assert_int_equal(sum_of(hp_buf_str(&out)), 2 + 2 + 2 + 10 + 4 + 1 + 3 + 3 + 1 + 40 + 40);
    hp_buf_fini(&out);
    sample_fini(&sample);
}

static void write_once(void *arg)
{
    (void)arg;
    struct sample sample = {0};
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    if (sample_init(&sample) && hp_collapsed_write(sample.tree, sample.dict, NULL, &out) == HP_OK) {
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
        cmocka_unit_test(rounding_errors_do_not_add_up),
        cmocka_unit_test(counts_calls_when_asked),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
