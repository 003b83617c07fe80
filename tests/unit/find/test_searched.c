/* test_searched.c -- lists that a function goes through for each of many things, from source alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "find/searched.h"
#include "sweep_oom.h"

#define LONG "WORDS = [start + end for start in 'abc' for end in 'def']\n\n\n"

/* The line of the function at `first_line` that looks through a list; 0: none. */
static uint32_t line_of(const char *source, uint32_t first_line, const char *name)
{
    struct hp_arena arena;
    struct hp__searched searched;
    hp_arena_init(&arena, (size_t)1 << 20);
    assert_int_equal(hp__searched_read(hp_str_from0(source), first_line, &arena, &searched), HP_OK);
    assert_true(searched.line == 0 || hp_str_eq(searched.name, hp_str_from0(name)));
    hp_arena_fini(&arena);
    return searched.line;
}

static void a_list_in_a_loop_or_a_comprehension_is_searched(void **state)
{
    (void)state;
    assert_int_equal(
        line_of(LONG "def f(got):\n    return sum(1 for one in got if one in WORDS)\n", 4, "WORDS"), 5);
    assert_int_equal(line_of(LONG "def f(got):\n    return [one not in WORDS for one in got]\n", 4, "WORDS"),
                     5);
    assert_int_equal(
        line_of(LONG "def f(got):\n    for one in got:\n        if one in WORDS:\n            stop()\n", 4,
                "WORDS"),
        6);
    assert_int_equal(
        line_of("def f(got):\n    seen: list[str] = []\n    for one in got:\n        if one not in seen:\n"
                "            seen.append(one)\n",
                1, "seen"),
        4);
    assert_int_equal(line_of("class A:\n    def __init__(self):\n        self.known = list(load())\n"
                             "    def f(self, got):\n        return [g for g in got if g in self.known]\n",
                             4, "self.known"),
                     5);
}

static void what_goes_with_itself_is_told(void **state)
{
    (void)state;
    assert_int_equal(
        line_of("def f(got):\n    for a, b in combinations(got, 2):\n        n += a == b\n", 1, "got"), 2);
    assert_int_equal(line_of("def f(got):\n    return [x for x in itertools.permutations(got)]\n", 1, "got"),
                     2);
    assert_int_equal(line_of("def f(got):\n    for a in got:\n        if a:\n            for b in got:\n     "
                             "           g(a, b)\n",
                             1, "got"),
                     4);
    assert_int_equal(line_of("def f(got):\n    return any(a in b for a in got for b in got)\n", 1, "got"), 2);
    assert_int_equal(
        line_of("def f(got):\n    for a in got:\n        n += sum(a > b for b in got)\n", 1, "got"), 3);
    static const char *const silent[] = {
        "def f(got):\n    return sum(a for a in got) + max(b for b in got)\n",
        "def f(got):\n    for a in got:\n        g(a)\n    for b in got:\n        g(b)\n",
        "def f(got):\n    if any(a for a in got):\n        for b in got:\n            g(b)\n",
        "def f(got):\n    for a in got:\n        for b in a.parts:\n            g(b)\n",
        "def f(got, more):\n    return [(a, b) for a in got for b in more]\n",
        "def f(got):\n    for a in got[1:]:\n        for b in got[:1]:\n            g(a, b)\n",
        "def f(got):\n    for a in combinations(g(got), 2):\n        h(a)\n",
    };
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        assert_int_equal(line_of(silent[i], 1, ""), 0);
    }
}

static void what_may_be_a_set_or_is_looked_at_once_is_not(void **state)
{
    (void)state;
    assert_int_equal(line_of(LONG "def f(one):\n    return one in WORDS\n", 4, ""), 0);
    assert_int_equal(line_of(LONG "def f(got):\n    return [one for one in WORDS]\n", 4, ""), 0);
    assert_int_equal(line_of(LONG "def f(got, WORDS):\n    return [g for g in got if g in WORDS]\n", 4, ""),
                     0);
    assert_int_equal(
        line_of("WORDS = {1, 2}\n\ndef f(got):\n    return [g for g in got if g in WORDS]\n", 3, ""), 0);
    assert_int_equal(
        line_of(LONG "WORDS = set(WORDS)\ndef f(got):\n    return [g for g in got if g in WORDS]\n", 5, ""),
        0);
    assert_int_equal(
        line_of("FEW = ['a', 'b']\n\ndef f(got):\n    return [g for g in got if g in FEW]\n", 3, ""), 0);
    assert_int_equal(line_of("def f(got):\n    return [g for g in got if g in names()]\n", 1, ""), 0);
    assert_int_equal(line_of("", 1, ""), 0);
}

static void a_beginning_that_is_longer_each_time_is_gone_through(void **state)
{
    (void)state;
    assert_int_equal(line_of("def f(got):\n    return [sum(got[: at + 1]) for at in range(9)]\n", 1, "got"),
                     2);
    assert_int_equal(line_of("def f(got):\n    for at, one in enumerate(got):\n        if one:\n"
                             "            yield one, sum(got[:at])\n",
                             1, "got"),
                     4);
    assert_int_equal(line_of("def f(got):\n    for one in got:\n        pass\n    return got[:one]\n", 1, ""),
                     0);
    assert_int_equal(line_of("def f(got):\n    return [one[:2] for one in got]\n", 1, ""), 0);
    assert_int_equal(line_of("def f(got):\n    return [same(got[at:]) for at in range(9)]\n", 1, ""), 0);
    assert_int_equal(line_of("def f(got, at):\n    return [got[at] for at in range(9)]\n", 1, ""), 0);
    assert_int_equal(line_of("def f(got, n):\n    for one in got[:n]:\n        use(one)\n", 1, ""), 0);
}

static void read_one(void *arg)
{
    (void)arg;
    struct hp_arena arena;
    struct hp__searched searched;
    hp_arena_init(&arena, (size_t)1 << 20);
    hp_err err = hp__searched_read(HP_STR(LONG "def f(g):\n    return [x in WORDS for x in g]\n"), 4, &arena,
                                   &searched);
    assert_true(err == HP_ENOMEM || searched.line != 0);
    hp_arena_fini(&arena);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    hp_sweep_oom(read_one, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_in_a_loop_or_a_comprehension_is_searched),
        cmocka_unit_test(what_goes_with_itself_is_told),
        cmocka_unit_test(what_may_be_a_set_or_is_looked_at_once_is_not),
        cmocka_unit_test(a_beginning_that_is_longer_each_time_is_gone_through),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
