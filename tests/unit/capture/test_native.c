/* test_native.c -- a look-up on a thread that a library starts belongs to who started it, and to nobody
 * else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdbool.h>

#include "base/clock.h"
#include "capture/native.h"
#include "capture/peer.h"
#include "sweep_oom.h"

static _Atomic bool begun, told;
static pthread_t library;

static void *look_up(void *host)
{
    errno = ENOENT;
    uint64_t number = hp__native_look_up(host);
    begun = true;
    while (!told) {
        sched_yield();
    }
    hp__native_found(number);
    return errno == ENOENT ? host : NULL;
}

/* Look the host up on another thread, until `end` is told. */
static void begin(const char *host)
{
    begun = told = false;
    assert_int_equal(hp__native_start(pthread_create, &library, NULL, look_up, (void *)(uintptr_t)host), 0);
    while (!begun) {
        sched_yield();
    }
}

static void end(const char *host)
{
    void *result = NULL;
    told = true;
    assert_int_equal(pthread_join(library, &result), 0);
    assert_ptr_equal(result, host);
}

static void most_of_a_wait_was_the_look_up(void **state)
{
    (void)state;
    const char *host = "one.example";
    uint64_t before = hp_clock_ticks();
    assert_int_equal(hp__native_waited(before, before + 1), 0);
    begin(host);
    uint64_t t0 = hp_clock_ticks(), t1 = t0 + 1000000;
    assert_true(hp_str_eq(hp__peer_text(hp__native_waited(t0, t1)), HP_STR("one.example")));
    assert_int_equal(hp__native_waited(before - 3 * (t1 - before), t1), 0); /* a small part of that */
    end(host);
    assert_int_not_equal(hp__native_waited(t0, t0 + 100), 0);
    t0 = hp_clock_ticks();
    assert_int_equal(hp__native_waited(t0, t0 + 1000), 0); /* it is over */
}

static void *ask(void *t0)
{
    return hp__native_waited(*(uint64_t *)t0, *(uint64_t *)t0 + 1000) != 0 ? t0 : NULL;
}

static void another_thread_did_not_wait_for_it(void **state)
{
    (void)state;
    const char *host = "two.example";
    pthread_t thread;
    begin(host);
    void *found = &thread;
    uint64_t t0 = hp_clock_ticks();
    assert_int_equal(pthread_create(&thread, NULL, ask, &t0), 0);
    assert_int_equal(pthread_join(thread, &found), 0);
    assert_null(found);
    assert_int_not_equal(hp__native_waited(t0, t0 + 1000), 0);
    end(host);
}

static void what_the_ring_pushes_out_is_forgotten(void **state)
{
    (void)state;
    const char *host = "first.example";
    begin(host);
    uint64_t t0 = hp_clock_ticks(), t1 = t0 + 1;
    end(host);
    assert_int_not_equal(hp__native_waited(t0, t1), 0);
    for (int i = 0; i < 64; i++) {
        begin(host);
        end(host);
    }
    assert_int_equal(hp__native_waited(t0, t1), 0);
}

static void a_thread_that_nobody_started_belongs_to_nobody(void **state)
{
    (void)state;
    assert_int_equal(hp__native_look_up("three.example"), 0);
    assert_int_equal(hp__native_look_up(NULL), 0);
    hp__native_found(0);
}

static void *nothing(void *arg)
{
    return arg;
}

static void start_once(void *arg)
{
    pthread_t thread;
    (void)arg;
    assert_int_equal(hp__native_start(pthread_create, &thread, NULL, nothing, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static int refuse(pthread_t *thread, const pthread_attr_t *attr, void *(*function)(void *), void *arg)
{
    (void)thread;
    (void)attr;
    (void)function;
    (void)arg;
    return EAGAIN;
}

static void a_thread_starts_without_memory_for_it_and_what_fails_keeps_none(void **state)
{
    (void)state;
    hp_sweep_oom(start_once, NULL);
    assert_int_equal(hp__native_start(refuse, NULL, NULL, nothing, NULL), EAGAIN);
}

int main(void)
{
    hp_clock_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_of_a_wait_was_the_look_up),
        cmocka_unit_test(another_thread_did_not_wait_for_it),
        cmocka_unit_test(what_the_ring_pushes_out_is_forgotten),
        cmocka_unit_test(a_thread_that_nobody_started_belongs_to_nobody),
        cmocka_unit_test(a_thread_starts_without_memory_for_it_and_what_fails_keeps_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
