/* test_guard.c -- reads of memory that is there, is not, and goes away; what becomes of faults that are not
 * ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/guard.h"

#define PAGE 4096u

static uint8_t *pages; /* one that can be read, one that cannot */

static int setup(void **state)
{
    (void)state;
    pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(pages, 'x', PAGE);
    return mprotect(pages + PAGE, PAGE, PROT_NONE);
}

static int teardown(void **state)
{
    (void)state;
    return munmap(pages, 2 * PAGE);
}

/* How a child ends that does this; it starts without cmocka's handlers, and with ours. */
static int status_of(void (*what)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        hp_guard_place();
        alarm(10);
        what();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void must(bool fine, int line)
{
    if (!fine) {
        fprintf(stderr, "test_guard.c:%d\n", line);
        _exit(1);
    }
}
#define MUST(condition) must((condition), __LINE__)

static void read_one_way(enum hp_guard_way way)
{
    char a[8] = "", b[200][4], edge[16];
    uint32_t done = 99;
    struct hp_peek_span spans[200];
    spans[0] = (struct hp_peek_span){(uint64_t)(uintptr_t)pages, a, 4};
    MUST(hp_guard_read(&way, spans, 1, &done) == HP_OK && done == 1 && strcmp(a, "xxxx") == 0);
    for (int i = 0; i < 200; i++) {
        spans[i] = (struct hp_peek_span){(uint64_t)(uintptr_t)pages + (i == 150 ? PAGE : 0), b[i], 4};
    }
    MUST(hp_guard_read(&way, spans, 200, &done) == HP_ERANGE && done == 150);
    MUST(memcmp(b[149], "xxxx", 4) == 0);
    spans[0] = (struct hp_peek_span){(uint64_t)(uintptr_t)pages + PAGE - 8, edge, sizeof edge};
    MUST(hp_guard_read(&way, spans, 1, &done) == HP_ERANGE && done == 0);
    spans[0] = (struct hp_peek_span){64, a, 4};
    MUST(hp_guard_read(&way, spans, 1, &done) == HP_ERANGE);
    MUST(hp_guard_read(&way, spans, 0, &done) == HP_OK);
}

static void read_all_ways(void)
{
    read_one_way(HP_GUARD_SYSCALL);
#if defined(__x86_64__)
    MUST(hp_guard_way() == HP_GUARD_DIRECT);
    read_one_way(HP_GUARD_DIRECT);
#endif
}

static void memory_is_read_as_far_as_it_is_there(void **state)
{
    (void)state;
    assert_int_equal(status_of(read_all_ways), 0);
}

static void fault_often(void)
{
    enum hp_guard_way way = hp_guard_way();
    uint64_t before = hp_guard_faults();
    uint32_t done;
    char byte;
    struct hp_peek_span span = {(uint64_t)(uintptr_t)pages + PAGE, &byte, 1};
    for (int i = 0; i < 1000; i++) {
        MUST(hp_guard_read(&way, &span, 1, &done) == HP_ERANGE);
    }
    MUST(hp_guard_faults() - before == (way == HP_GUARD_DIRECT ? 1000 : 0));
    MUST(hp_guard_way() == way);
}

static void faults_are_counted_and_leave_the_handler_in_place(void **state)
{
    (void)state;
    assert_int_equal(status_of(fault_often), 0);
}

static void somebody(int number)
{
    (void)number;
    _exit(7);
}

static void touch(void)
{
    *(volatile uint8_t *)(pages + PAGE) = 1;
}

static void touch_under_somebody(void)
{
    signal(SIGSEGV, somebody);
    MUST(hp_guard_way() == HP_GUARD_SYSCALL);
    touch();
}

static void be_told(void)
{
    kill(getpid(), SIGSEGV);
    pause();
}

static void a_fault_that_is_not_ours_ends_as_without_us(void **state)
{
    (void)state;
    int status = status_of(touch);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    status = status_of(be_told);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void who_comes_after_us_stays_on_top(void **state)
{
    (void)state;
    int status = status_of(touch_under_somebody);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_read_as_far_as_it_is_there),
        cmocka_unit_test(faults_are_counted_and_leave_the_handler_in_place),
        cmocka_unit_test(a_fault_that_is_not_ours_ends_as_without_us),
        cmocka_unit_test(who_comes_after_us_stays_on_top),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
