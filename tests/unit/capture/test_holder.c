/* test_holder.c -- who had a lock that was waited for: a lock as the interpreter's is, and semaphores. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "capture/wait.h"
#include "fake_requests.h"

#define PIECE_MS 5

/* As ceval_gil.c has it. */
static struct gil {
    int locked;
    pthread_cond_t released;
    pthread_mutex_t mutex;
} gil = {.released = PTHREAD_COND_INITIALIZER, .mutex = PTHREAD_MUTEX_INITIALIZER};

static __thread uint32_t here; /* the thread's "state" is the number of its place */

static void *thread_here(void)
{
    return here != 0 ? &here : NULL;
}

static uint32_t site(void *thread)
{
    return *(uint32_t *)thread;
}

static struct hp_cap_place place(uint32_t number)
{
    return (struct hp_cap_place){sym("holds"), number, 0};
}

static uint32_t name(uint64_t thread)
{
    return thread == (uint64_t)pthread_self() ? 0 : hp_cap_string(cap, span("worker"));
}

static int setup_hooked(void **state)
{
    static const struct hp_waits_config config = {
        .site = site, .place = place, .thread = thread_here, .name = name};
    hp_waits_gil(&gil, sizeof gil, &gil.released, &gil.locked);
    return setup(state) == 0 && hp_waits_start(&config) == HP_OK ? 0 : -1;
}

static int teardown_hooked(void **state)
{
    hp_waits_thread(NULL, NULL);
    hp_waits_gil(NULL, 0, NULL, NULL);
    return hp_waits_stop() == HP_OK ? teardown(state) : -1;
}

static void nap_ms(long ms)
{
    struct timespec time = {0, ms * 1000000};
    while (nanosleep(&time, &time) != 0) {
    }
}

static void take_gil(void)
{
    pthread_mutex_lock(&gil.mutex);
    while (gil.locked) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += PIECE_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&gil.released, &gil.mutex, &until);
    }
    gil.locked = 1;
    pthread_mutex_unlock(&gil.mutex);
}

/* Returns when. */
static uint64_t drop_gil(bool to_nobody)
{
    pthread_mutex_lock(&gil.mutex);
    gil.locked = !to_nobody;
    uint64_t now_ns = hp_clock_mono_ns();
    pthread_cond_signal(&gil.released);
    pthread_mutex_unlock(&gil.mutex);
    return now_ns;
}

struct turn { /* of one that has it, at a place */
    uint32_t place;
    long ms;
    bool last;
    uint64_t until_ns;        /* out: when it gave it up */
    struct hp_cap_lane *lane; /* it works for; NULL: none */
};

static void *hold(void *arg)
{
    struct turn *turns = arg;
    bool done = false;
    for (int i = 0; !done; i++) {
        here = turns[i].place;
        hp_waits_thread(turns[i].lane, &here);
        nap_ms(turns[i].ms);
        done = turns[i].last;
        turns[i].until_ns = drop_gil(done);
    }
    hp_waits_thread(NULL, NULL);
    return NULL;
}

/* This thread wants the GIL while another has it for these turns; the record is `last` then. */
static void wait_for(struct turn *turns)
{
    pthread_t thread;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    gil.locked = 1;
    here = 7;
    hp_waits_thread(hp_cap_request_lane(request), &here);
    assert_int_equal(pthread_create(&thread, NULL, hold, turns), 0);
    take_gil();
    hp_waits_thread(NULL, NULL);
    hp_cap_request_finish(request);
    (void)drop_gil(true);
    pthread_join(thread, NULL);
    load_last();
}

static uint64_t ns_of_holders(void)
{
    uint64_t ns = 0;
    for (uint32_t i = 0; i < last.holder_count; i++) {
        ns += last.holders[i].ns;
    }
    return ns;
}

static void all_pieces_of_a_wait_are_his_who_gives_the_lock_up_at_last(void **state)
{
    (void)state;
    struct turn turns[] = {{.place = 31, .ms = 8 * PIECE_MS, .last = true}};
    wait_for(turns);
    assert_in_range(last.req.gil_ns, 2 * PIECE_MS * 1000000, 2000000000);
    assert_int_equal(last.holder_count, 1);
    assert_int_equal(last.holders[0].site_line, 31);
    assert_int_equal(last.holders[0].kind, HP_WAIT_GIL);
    assert_int_equal(last.holders[0].request, 0);
    assert_true(hp_str_eq(hp_dict_string(cap->dict, last.holders[0].thread), HP_STR("worker")));
    assert_in_range(last.holders[0].ns, last.req.gil_ns * 95 / 100, last.req.gil_ns * 105 / 100);
    assert_true(last.span_count >= 2);
    for (uint32_t i = 0; i < last.span_count; i++) {
        assert_int_equal(last.spans[i].holder, 1);
    }
}

static void a_wait_is_cut_where_the_lock_goes_from_hand_to_hand(void **state)
{
    (void)state;
    struct turn turns[] = {{.place = 31, .ms = 20}, {.place = 32, .ms = 40, .last = true}};
    wait_for(turns);
    assert_int_equal(last.holder_count, 2);
    uint64_t second_ns = turns[1].until_ns - turns[0].until_ns; /* by the fixture's clock */
    assert_true(last.holders[0].site_line == 31 && last.holders[1].site_line == 32);
    assert_in_range(last.holders[1].ns, second_ns / 2, second_ns + 2000000000);
    assert_true(last.holders[1].ns > last.holders[0].ns);
    assert_in_range(ns_of_holders(), last.req.gil_ns * 95 / 100, last.req.gil_ns * 105 / 100);
}

static void a_request_that_had_it_is_named_with_its_route(void **state)
{
    (void)state;
    struct hp_cap_request *other = begin(HP_LEVEL_MONITOR);
    uint32_t route = hp_cap_route(cap, span("GET"), span("/burn"), span("burn"));
    hp_cap_request_route(other, route, 0);
    struct turn turns[] = {{.place = 31, .ms = 12, .last = true, .lane = hp_cap_request_lane(other)}};
    wait_for(turns);
    assert_int_equal(last.holder_count, 1);
    assert_true(last.holders[0].request == hp_cap_request_id(other));
    assert_int_equal(last.holders[0].route, route);
    assert_int_equal(last.holders[0].thread, 0);
    hp_cap_request_finish(other);
}

static void more_holders_than_there_is_room_for_leave_the_sum_of_waits_complete(void **state)
{
    (void)state;
    static struct turn turns[100];
    for (uint32_t i = 0; i < 100; i++) {
        turns[i] = (struct turn){.place = i + 1, .ms = 1, .last = i == 99};
    }
    wait_for(turns);
    assert_in_range(last.holder_count, 10, 72);
    assert_in_range(last.req.gil_ns, 90000000, 2000000000);
    for (uint32_t i = 0; i < last.span_count; i++) {
        assert_true(last.spans[i].holder <= last.holder_count);
    }
}

static sem_t semaphore;

static void *post_later(void *arg)
{
    here = *(uint32_t *)arg;
    nap_ms(30);
    sem_post(&semaphore);
    return NULL;
}

static void who_posts_a_semaphore_had_it_and_who_was_not_waited_for_is_not_told(void **state)
{
    (void)state;
    pthread_t thread;
    uint32_t line = 44;
    struct timespec past = {1, 0};
    sem_init(&semaphore, 0, 0);
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    here = 7;
    hp_waits_thread(hp_cap_request_lane(request), &here);
    sem_post(&semaphore);
    assert_int_equal(sem_wait(&semaphore), 0); /* posted before anybody waited */
    assert_int_equal(pthread_create(&thread, NULL, post_later, &line), 0);
    assert_int_equal(sem_wait(&semaphore), 0);
    assert_int_equal(sem_timedwait(&semaphore, &past), -1);
    hp_waits_thread(NULL, NULL);
    pthread_join(thread, NULL);
    hp_cap_request_finish(request);
    load_last();
    sem_destroy(&semaphore);
    assert_int_equal(last.holder_count, 1);
    assert_int_equal(last.holders[0].site_line, 44);
    assert_int_equal(last.holders[0].kind, HP_WAIT_LOCK);
    assert_in_range(last.holders[0].ns, 1000000, 2000000000);
    assert_int_equal(last.span_count, 3);
    assert_int_equal(last.spans[0].holder, 0);
    assert_int_equal(last.spans[1].holder, 1);
    assert_int_equal(last.spans[2].holder, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_pieces_of_a_wait_are_his_who_gives_the_lock_up_at_last,
                                        setup_hooked, teardown_hooked),
        cmocka_unit_test_setup_teardown(a_wait_is_cut_where_the_lock_goes_from_hand_to_hand, setup_hooked,
                                        teardown_hooked),
        cmocka_unit_test_setup_teardown(a_request_that_had_it_is_named_with_its_route, setup_hooked,
                                        teardown_hooked),
        cmocka_unit_test_setup_teardown(more_holders_than_there_is_room_for_leave_the_sum_of_waits_complete,
                                        setup_hooked, teardown_hooked),
        cmocka_unit_test_setup_teardown(who_posts_a_semaphore_had_it_and_who_was_not_waited_for_is_not_told,
                                        setup_hooked, teardown_hooked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
