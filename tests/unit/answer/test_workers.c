/* test_workers.c -- points of processes as workers: which are restarts, and what they used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "answer/workers.h"

#define T0     (1000 * UINT64_C(1000000000))
#define MINUTE (60 * UINT64_C(1000000000))

static struct hp_workers gauges;

static void look(struct hp_store *store, uint32_t pid, uint64_t start_ns, uint64_t at_ns, uint64_t cpu_ns)
{
    struct hp_errinfo info;
    const struct hp_process process = {.pid = pid, .start_ns = start_ns};
    const struct hp_gauge gauge = {.at_ns = at_ns, .rss_bytes = 5000, .cpu_ns = cpu_ns, .threads = 2};
    assert_int_equal(hp_store_begin(store, &info), HP_OK);
    assert_int_equal(hp_store_put_process(store, &process, &info), HP_OK);
    assert_int_equal(hp_store_put_gauge(store, &gauge, &info), HP_OK);
    assert_int_equal(hp_store_commit(store, &info), HP_OK);
}

static void a_worker_that_follows_one_that_was_seen_last_is_a_restart(void **state)
{
    (void)state;
    struct hp_store *store = NULL;
    struct hp_errinfo info;
    struct hp_arena arena;
    const struct hp_store_config config = {.mode = HP_STORE_WRITE};
    hp_arena_init(&arena, 1 << 20);
    assert_int_equal(hp_store_open(&config, &store, &info), HP_OK);
    look(store, 10, T0, T0 + MINUTE, 1000);
    look(store, 11, T0, T0 + MINUTE, 1000);
    look(store, 10, T0, T0 + 2 * MINUTE, 1000 + MINUTE / 4);
    look(store, 12, T0 + MINUTE + 5, T0 + 3 * MINUTE, 7);
    assert_int_equal(hp_workers_load(&gauges, store, 0, 0, &arena, &info), HP_OK);
    assert_int_equal(gauges.worker_count, 3);
    assert_int_equal(hp_workers_restarts(&gauges), 1); /* 12 for 11 */
    const struct hp_worker *first = &gauges.workers[0];
    assert_true(first->points == 2 && first->last.pid == 10 && first->first.cpu_ns == 1000);
    assert_true(hp_workers_cpu_share(&first->first, &first->last) == 0.25);
    assert_true(hp_workers_cpu_share(&first->last, &first->last) < 0);
    assert_int_equal(hp_workers_load(&gauges, store, T0 + 3 * MINUTE, 0, &arena, &info), HP_OK);
    assert_int_equal(gauges.worker_count, 1);
    assert_int_equal(hp_workers_restarts(&gauges), 0);
    assert_int_equal(hp_store_close(store), HP_OK);
    hp_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_that_follows_one_that_was_seen_last_is_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
