/* test_clock.c -- ticks against the system's clocks, over refinements, threads and the fallback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* Must run first: the clock is chosen once a process. */
static void environment_forces_the_fallback(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        setenv("HOTPLATE_CLOCK", "monotonic", 1);
        hp_clock_init();
        uint64_t ticks = hp_clock_ticks();
        bool right = !hp_clock_is_tsc() && hp_clock_mono_ns_at(ticks) == ticks &&
                     hp_clock_ns_of_ticks(123) == 123 && apart(ticks, hp_clock_mono_ns()) < 1000000000u;
        _exit(right ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void spans_agree_with_the_system(void **state)
{
    (void)state;
    hp_clock_init();
    hp_clock_init();
    print_message("clock: %s\n", hp_clock_is_tsc() ? "tsc" : "monotonic");
    uint64_t ticks = hp_clock_ticks(), ns = hp_clock_mono_ns();
    usleep(50000);
    uint64_t span = hp_clock_ns_of_ticks(hp_clock_ticks() - ticks);
    uint64_t want = hp_clock_mono_ns() - ns;
    /* Both pairs are read one after the other; being preempted in between is worth some slack. */
    assert_true(apart(span, want) < 5000000);
    assert_int_equal(hp_clock_ns_of_ticks(0), 0);
}

static void *check_order(void *arg)
{
    (void)arg;
    struct hp_rng rng;
    hp_rng_seed(&rng, 1);
    uint64_t wrong = 0, best = UINT64_MAX;
    uint64_t early_ticks = hp_clock_ticks(), early_ns = hp_clock_mono_ns_at(early_ticks);
    uint64_t last_ticks = early_ticks, last_ns = early_ns;
    uint64_t end = hp_clock_mono_ns() + 700000000u;
    for (uint64_t i = 0; hp_clock_mono_ns() < end; i++) {
        uint64_t ticks = hp_clock_ticks();
        uint64_t before = hp_clock_mono_ns();
        uint64_t ns = hp_clock_mono_ns_at(ticks);
        wrong += ns < last_ns;
        /* A moment between two converted ones, converted late, lies between them too. */
        uint64_t middle = early_ticks + (ticks - early_ticks) / 2;
        uint64_t middle_ns = hp_clock_mono_ns_at(middle);
        wrong += middle_ns < early_ns || middle_ns > ns;
        /* What was converted before stays as it was. */
        wrong += hp_clock_mono_ns_at(last_ticks) != last_ns;
        best = apart(ns, before) < best ? apart(ns, before) : best;
        if (hp_rng_below(&rng, 1000) == 0) {
            early_ticks = ticks;
            early_ns = ns;
        }
        last_ticks = ticks;
        last_ns = ns;
    }
    wrong += best > 50000;
    return (void *)(uintptr_t)wrong;
}

static void time_never_runs_backwards_over_refinements(void **state)
{
    (void)state;
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, check_order, NULL), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

static void absolute_time_stays_near_the_system(void **state)
{
    (void)state;
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        uint64_t ticks = hp_clock_ticks();
        uint64_t difference = apart(hp_clock_mono_ns(), hp_clock_mono_ns_at(ticks));
        best = difference < best ? difference : best;
    }
    print_message("clock: %llu ns from CLOCK_MONOTONIC\n", (unsigned long long)best);
    assert_true(best < 20000);
}

static void hot_functions_do_not_allocate(void **state)
{
    (void)state;
    hp_mem_forbid(true);
    (void)hp_clock_mono_ns_at(hp_clock_ticks());
    hp_clock_refine();
    (void)hp_clock_wall_ns();
    hp_mem_forbid(false);
}

static void other_clocks_make_sense(void **state)
{
    (void)state;
    assert_true(apart(hp_clock_wall_ns() / 1000000000u, (uint64_t)time(NULL)) <= 1);
    uint64_t cpu = hp_clock_thread_cpu_ns(), wall = hp_clock_mono_ns();
    volatile uint64_t sink = 0;
    while (hp_clock_mono_ns() - wall < 20000000u) {
        sink = sink + 1;
    }
    uint64_t used = hp_clock_thread_cpu_ns() - cpu;
    assert_true(used > 0 && used <= hp_clock_mono_ns() - wall);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(environment_forces_the_fallback),
        cmocka_unit_test(spans_agree_with_the_system),
        cmocka_unit_test(time_never_runs_backwards_over_refinements),
        cmocka_unit_test(absolute_time_stays_near_the_system),
        cmocka_unit_test(hot_functions_do_not_allocate),
        cmocka_unit_test(other_clocks_make_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
