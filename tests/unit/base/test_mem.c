/* test_mem.c -- the heap's hooks: failing, forbidding, counting; hp_assert; the sweep itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "sweep_oom.h"

static void live_count_follows_blocks(void **state)
{
    (void)state;
    int64_t before = hp_mem_live_count();
    void *a = hp_malloc(0);
    void *b = hp_calloc(3, 7);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(hp_mem_live_count(), before + 2);
    a = hp_realloc(a, 100);
    assert_int_equal(hp_mem_live_count(), before + 2);
    hp_free(a);
    hp_free(b);
    hp_free(NULL);
    assert_int_equal(hp_mem_live_count(), before);
}

static void calloc_zeroes_and_refuses_overflow(void **state)
{
    (void)state;
    static const uint8_t zeroes[64];
    uint8_t *p = hp_calloc(8, 8);
    assert_memory_equal(p, zeroes, 64);
    hp_free(p);
    volatile size_t huge = SIZE_MAX / 2;
    assert_null(hp_calloc(huge, 3));
}

static void copies_are_equal_and_terminated(void **state)
{
    (void)state;
    char *text = hp_str0_dup("abcdef", 3);
    assert_string_equal(text, "abc");
    char *bytes = hp_memdup("xyz", 3);
    assert_memory_equal(bytes, "xyz", 3);
    char *empty = hp_str0_dup(NULL, 0);
    assert_string_equal(empty, "");
    hp_free(text);
    hp_free(bytes);
    hp_free(empty);
}

static void the_nth_allocation_fails_once(void **state)
{
    (void)state;
    hp_mem_fail_after(2);
    void *a = hp_malloc(1);
    void *b = hp_malloc(1);
    assert_true(hp_mem_fail_fired());
    void *c = hp_malloc(1);
    hp_mem_fail_after(-1);
    assert_false(hp_mem_fail_fired());
    assert_non_null(a);
    assert_null(b);
    assert_non_null(c);
    hp_free(a);
    hp_free(c);
}

static void failed_realloc_keeps_the_block(void **state)
{
    (void)state;
    char *a = hp_str0_dup("keep", 4);
    hp_mem_fail_after(1);
    assert_null(hp_realloc(a, 1000));
    hp_mem_fail_after(-1);
    assert_string_equal(a, "keep");
    hp_free(a);
}

/* Runs `body` in a child without core dump or noise; the signal it died of, 0 if none. */
static int signal_of_child(void (*body)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        if (freopen("/dev/null", "w", stderr) == NULL) {
            _exit(3);
        }
        body();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void allocate_while_forbidden(void)
{
    hp_mem_forbid(true);
    hp_free(hp_malloc(1));
}

static void break_a_precondition(void)
{
    volatile int one = 1;
    hp_assert(one == 2);
    (void)one;
}

static void forbidden_allocation_is_caught(void **state)
{
    (void)state;
#if defined(HP_ASSERT) && HP_ASSERT
    assert_int_equal(signal_of_child(allocate_while_forbidden), SIGABRT);
#else
    uint64_t before = hp_mem_forbidden_count();
    assert_int_equal(signal_of_child(allocate_while_forbidden), 0);
    allocate_while_forbidden();
    assert_int_equal(hp_mem_forbidden_count(), before + 1);
#endif
    hp_mem_forbid(false);
    hp_free(hp_malloc(1));
}

static void assertion_aborts_only_where_it_is_on(void **state)
{
    (void)state;
#if defined(HP_ASSERT) && HP_ASSERT
    assert_int_equal(signal_of_child(break_a_precondition), SIGABRT);
#else
    assert_int_equal(signal_of_child(break_a_precondition), 0);
#endif
}

static void allocate_three(void *arg)
{
    int *runs = arg;
    (*runs)++;
    for (int i = 0; i < 3; i++) {
        hp_free(hp_malloc(8));
    }
}

static void sweep_fails_each_allocation_in_turn(void **state)
{
    (void)state;
    int runs = 0;
    hp_sweep_oom(allocate_three, &runs);
    assert_int_equal(runs, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_count_follows_blocks),
        cmocka_unit_test(calloc_zeroes_and_refuses_overflow),
        cmocka_unit_test(copies_are_equal_and_terminated),
        cmocka_unit_test(the_nth_allocation_fails_once),
        cmocka_unit_test(failed_realloc_keeps_the_block),
        cmocka_unit_test(forbidden_allocation_is_caught),
        cmocka_unit_test(assertion_aborts_only_where_it_is_on),
        cmocka_unit_test(sweep_fails_each_allocation_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
