/* test_cpu.c -- processor time by few system calls is what the system says, over sleeps, threads and
 * forks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"

static uint64_t ask(void)
{
    uint64_t now, before = hp_clock_ticks(), ns = hp_cpu_ns(&now);
    assert_true(now >= before && now <= hp_clock_ticks());
    return ns;
}

static int set_up(void **state)
{
    (void)state;
    hp_cpu_init();
    hp_cpu_init();
    print_message("processor time: %s\n", hp_cpu_is_cheap() ? "by rseq" : "by system calls");
    return 0;
}

/* Work until the system says that this thread has used so much. */
static void work(uint64_t ns)
{
    uint64_t begin = hp_clock_thread_cpu_ns();
    while (hp_clock_thread_cpu_ns() - begin < ns) {
    }
}

static void it_follows_the_system(void **state)
{
    (void)state;
    uint64_t begin = hp_clock_mono_ns(), first = ask(), before = first;
    for (int i = 0; i < 200000; i++) {
        uint64_t low = hp_clock_thread_cpu_ns(), ns = ask();
        assert_true(ns >= before);
        assert_true(ns + HP_CPU_STRETCH_NS >= low);
        assert_true(ns - first <= hp_clock_mono_ns() - begin + HP_CPU_STRETCH_NS);
        before = ns;
    }
}

/* Whatever a hypervisor took meanwhile. */
static void what_is_used_is_told_between_any_two_readings(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++) {
        uint64_t before = ask();
        work(100000);
        assert_true(ask() - before >= 100000 - 50000);
    }
}

/* Asked for without system calls in between, which look after themselves what the thread has used. */
static void it_follows_the_system_between_readings(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        uint64_t begin = hp_clock_mono_ns(), first = ask(), last = first;
        for (int j = 0; j < 2000; j++) {
            uint64_t ns = j % 2 != 0 ? ask() : hp_cpu_ns_at(hp_clock_ticks());
            assert_true(ns >= last);
            last = ns;
        }
        assert_true(last - first <= hp_clock_mono_ns() - begin + HP_CPU_STRETCH_NS);
    }
}

/* Each sleep is shorter than a stretch, so only a switch that is seen keeps it out. */
static void sleep_is_no_processor_time(void **state)
{
    (void)state;
    uint64_t told = 0, used = 0;
    for (int i = 0; i < 20; i++) {
        work(2000000);
        uint64_t begin = hp_clock_thread_cpu_ns(), before = ask();
        nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
        told += hp_cpu_ns_at(hp_clock_ticks()) - before;
        used += hp_clock_thread_cpu_ns() - begin;
    }
    assert_true(told <= used + 20 * 300000 / 4);
}

static void *of_a_new_thread(void *told)
{
    *(uint64_t *)told = ask();
    return NULL;
}

static void threads_have_their_own(void **state)
{
    (void)state;
    work(50000000);
    uint64_t ours = ask(), theirs = UINT64_MAX;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, of_a_new_thread, &theirs), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(theirs < ours);
}

static void a_child_begins_anew(void **state)
{
    (void)state;
    work(50000000);
    uint64_t ours = ask();
    pid_t pid = fork();
    if (pid == 0) {
        uint64_t first = ask();
        work(2000000);
        uint64_t then = ask();
        _exit(first < ours && then >= first + 1000000 ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_follows_the_system),
        cmocka_unit_test(what_is_used_is_told_between_any_two_readings),
        cmocka_unit_test(it_follows_the_system_between_readings),
        cmocka_unit_test(sleep_is_no_processor_time),
        cmocka_unit_test(threads_have_their_own),
        cmocka_unit_test(a_child_begins_anew),
    };
    return cmocka_run_group_tests_name("cpu", tests, set_up, NULL);
}
