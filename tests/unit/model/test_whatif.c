/* test_whatif.c -- replays of constructed timelines, in milliseconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/whatif.h"
#include "sweep_oom.h"

#define MS   1000000u
#define MOST 100

struct timeline {
    struct hp_record record;
    struct hp_lane lanes[MOST];
    struct hp_edge edges[MOST];
    struct hp_arena arena;
};

static void begin(struct timeline *t, uint64_t wall_ms)
{
    memset(t, 0, sizeof *t);
    t->record.req.wall_ns = wall_ms * MS;
    t->record.lanes = t->lanes;
    t->record.edges = t->edges;
    t->record.lane_count = 1;
    t->lanes[0].end_ns = wall_ms * MS;
    hp_arena_init(&t->arena, 1 << 24);
}

static void end(struct timeline *t)
{
    hp_arena_fini(&t->arena);
}

static uint32_t lane(struct timeline *t, uint32_t parent, uint8_t kind, uint64_t spawn, uint64_t start,
                     uint64_t end_ms)
{
    uint32_t i = t->record.lane_count++;
    t->lanes[i] = (struct hp_lane){.parent = parent,
                                   .kind = kind,
                                   .spawn_ns = spawn * MS,
                                   .start_ns = start * MS,
                                   .end_ns = end_ms * MS};
    return i;
}

static void edge(struct timeline *t, uint8_t kind, uint32_t who, uint32_t other, uint64_t t0, uint64_t t1)
{
    t->edges[t->record.edge_count++] =
        (struct hp_edge){.lane = who, .other = other, .t0_ns = t0 * MS, .t1_ns = t1 * MS, .kind = kind};
}

static struct hp_whatif start(struct timeline *t)
{
    struct hp_whatif what;
    assert_int_equal(hp_whatif_init(&what, &t->record, &t->arena), HP_OK);
    assert_int_equal(hp_whatif_duration_ns(&what), t->record.req.wall_ns - t->record.req.own_ns);
    return what;
}

static void take(struct hp_whatif *what, uint32_t from, uint64_t at, uint64_t amount)
{
    assert_int_equal(hp_whatif_remove(what, from, at * MS, amount * MS), HP_OK);
}

static uint64_t left(struct hp_whatif *what)
{
    return hp_whatif_duration_ns(what) / MS;
}

static void work_on_the_main_lane_is_saved_in_full(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 100);
    t.record.req.own_ns = 10 * MS;
    struct hp_whatif what = start(&t);
    take(&what, 0, 20, 30);
    assert_int_equal(left(&what), 60);
    take(&what, 0, 95, 40); /* more than there is behind the point */
    assert_int_equal(left(&what), 20);
    take(&what, 0, 0, 1000);
    assert_int_equal(left(&what), 0);
    take(&what, 7, 0, 1000); /* no such lane */
    assert_int_equal(left(&what), 0);
    end(&t);
}

/* Main starts forty threads of 100 ms at once and joins them all. */
static void forty_threads(struct timeline *t)
{
    begin(t, 120);
    for (uint32_t i = 0; i < 40; i++) {
        (void)lane(t, 0, HP_LANE_THREAD, 10, 10, 110);
    }
    edge(t, HP_EDGE_JOIN, 0, 1, 10, 110);
    for (uint32_t i = 2; i <= 40; i++) {
        edge(t, HP_EDGE_JOIN, 0, i, 110, 110);
    }
}

static void one_of_forty_parallel_threads_saves_nothing(void **state)
{
    (void)state;
    struct timeline t;
    forty_threads(&t);
    struct hp_whatif what = start(&t);
    take(&what, 17, 20, 90);
    assert_int_equal(left(&what), 120);
    hp_whatif_remove_lane(&what, 1); /* the one that the first join waited for */
    assert_int_equal(left(&what), 120);
    end(&t);
}

static void the_same_work_of_all_threads_is_saved_once(void **state)
{
    (void)state;
    struct timeline t;
    forty_threads(&t);
    struct hp_whatif what = start(&t);
    for (uint32_t i = 1; i <= 40; i++) {
        take(&what, i, 50, 60);
    }
    assert_int_equal(left(&what), 60);
    take(&what, 3, 50, 40);
    assert_int_equal(left(&what), 60);
    end(&t);
}

static void threads_that_would_not_exist_cost_nothing(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 130);
    for (uint32_t i = 0; i < 5; i++) { /* each start takes 2 ms of the main lane */
        uint32_t id = lane(&t, 0, HP_LANE_THREAD, 10 + 2 * i, 12 + 2 * i, 110 + 2 * i);
        t.lanes[id].spawn_cost_ns = 2 * MS;
    }
    for (uint32_t i = 1; i <= 5; i++) {
        edge(&t, HP_EDGE_JOIN, 0, i, i == 1 ? 20 : 108 + 2 * i, 109 + 2 * i);
    }
    struct hp_whatif what = start(&t);
    for (uint32_t i = 1; i <= 5; i++) {
        hp_whatif_remove_lane(&what, i);
    }
    assert_int_equal(left(&what), 130 - 5 * 2 - (91 + 4));
    end(&t);
}

static void thread_after_thread_is_saved_thread_by_thread(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 110);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t id = lane(&t, 0, HP_LANE_THREAD, 10 + 25 * i, 11 + 25 * i, 30 + 25 * i);
        edge(&t, HP_EDGE_JOIN, 0, id, 12 + 25 * i, 31 + 25 * i);
    }
    struct hp_whatif what = start(&t);
    take(&what, 2, 40, 10);
    assert_int_equal(left(&what), 100);
    take(&what, 3, 0, 10);
    assert_int_equal(left(&what), 90);
    hp_whatif_remove_lane(&what, 4); /* its join costs nothing, its start was not measured */
    assert_int_equal(left(&what), 90 - 19);
    end(&t);
}

static void work_beside_a_thread_is_saved_only_until_the_thread_decides(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 100); /* main works 10–90, the thread 10–60; the join at 90 takes no time */
    (void)lane(&t, 0, HP_LANE_THREAD, 10, 10, 60);
    edge(&t, HP_EDGE_JOIN, 0, 1, 90, 90);
    struct hp_whatif what = start(&t);
    take(&what, 0, 20, 20);
    assert_int_equal(left(&what), 80);
    take(&what, 0, 40, 40);
    assert_int_equal(left(&what), 70); /* waits for the thread till 60 */
    take(&what, 1, 10, 50);
    assert_int_equal(left(&what), 40);
    end(&t);
}

static void thread_without_join_delays_nobody(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 100);
    uint32_t open = lane(&t, 0, HP_LANE_THREAD, 10, 12, 100);
    t.lanes[open].flags = HP_LANE_OPEN;
    struct hp_whatif what = start(&t);
    take(&what, open, 20, 80);
    assert_int_equal(left(&what), 100);
    hp_whatif_remove_lane(&what, open);
    assert_int_equal(left(&what), 100);
    take(&what, 0, 0, 60);
    assert_int_equal(left(&what), 40);
    end(&t);
}

static void threads_that_start_threads(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 100);
    uint32_t a = lane(&t, 0, HP_LANE_THREAD, 10, 10, 90);
    uint32_t b = lane(&t, a, HP_LANE_THREAD, 30, 30, 80);
    edge(&t, HP_EDGE_JOIN, a, b, 30, 80);
    edge(&t, HP_EDGE_JOIN, 0, a, 10, 90);
    struct hp_whatif what = start(&t);
    take(&what, b, 40, 20);
    assert_int_equal(left(&what), 80);
    take(&what, a, 10, 20);
    assert_int_equal(left(&what), 60);
    take(&what, 0, 0, 5);
    assert_int_equal(left(&what), 55);
    what = start(&t);
    hp_whatif_remove_lane(&what, a); /* and b with it */
    assert_true(what.lane_gone[b]);
    assert_int_equal(left(&what), 20);
    end(&t);
}

static void joins_in_any_order(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 100);
    (void)lane(&t, 0, HP_LANE_THREAD, 10, 10, 40);
    (void)lane(&t, 0, HP_LANE_THREAD, 10, 10, 90);
    edge(&t, HP_EDGE_JOIN, 0, 1, 90, 90);
    edge(&t, HP_EDGE_JOIN, 0, 2, 10, 90);
    struct hp_whatif what = start(&t);
    take(&what, 2, 10, 70);
    assert_int_equal(left(&what), 50); /* now the other one is longer */
    take(&what, 1, 10, 30);
    assert_int_equal(left(&what), 30);
    end(&t);
}

/* Four workers, forty items of 10 ms, all submitted at 10; ten rounds. */
static void pool(struct timeline *t)
{
    begin(t, 120);
    for (uint32_t i = 0; i < 40; i++) {
        uint64_t at = 10 + (i / 4) * 10;
        (void)lane(t, 0, HP_LANE_POOL, 10, at, at + 10);
    }
    for (uint32_t i = 1; i <= 40; i++) {
        edge(t, HP_EDGE_RESULT, 0, i, i == 1 ? 10 : 10 + ((i - 2) / 4 + 1) * 10, 10 + ((i - 1) / 4 + 1) * 10);
    }
}

static void items_of_a_pool_wait_for_a_worker(void **state)
{
    (void)state;
    struct timeline t;
    pool(&t);
    struct hp_whatif what = start(&t);
    for (uint32_t i = 1; i <= 40; i++) {
        take(&what, i, 0, 5);
    }
    assert_int_equal(left(&what), 70); /* half of 100 */
    what = start(&t);
    take(&what, 40, 100, 10); /* the other three of the last round still run */
    assert_int_equal(left(&what), 120);
    for (uint32_t i = 37; i < 40; i++) {
        take(&what, i, 100, 10);
    }
    assert_int_equal(left(&what), 110);
    for (uint32_t i = 1; i <= 40; i++) {
        hp_whatif_remove_lane(&what, i);
    }
    assert_int_equal(left(&what), 20);
    end(&t);
}

static void item_that_found_a_free_worker_keeps_its_delay_only(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 100);
    (void)lane(&t, 0, HP_LANE_POOL, 0, 0, 10);
    uint32_t second = lane(&t, 0, HP_LANE_POOL, 50, 52, 92);
    edge(&t, HP_EDGE_RESULT, 0, second, 50, 92);
    struct hp_whatif what = start(&t);
    take(&what, 1, 0, 10);
    assert_int_equal(left(&what), 100);
    take(&what, 0, 0, 50);
    assert_int_equal(left(&what), 50);
    end(&t);
}

static void task_waits_for_one_that_held_the_loop(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 90);
    for (uint32_t i = 0; i < 4; i++) {
        (void)lane(&t, 0, HP_LANE_TASK, 5, 5 + i * 20, 25 + i * 20);
    }
    edge(&t, HP_EDGE_WAKE, 0, 4, 5, 85);
    struct hp_whatif what = start(&t);
    for (uint32_t i = 1; i < 4; i++) {
        take(&what, i, 0, 20);
    }
    assert_int_equal(left(&what), 30);
    end(&t);
}

static void task_begins_when_the_one_before_awaits(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 60);
    for (uint32_t i = 0; i < 4; i++) { /* each blocks for 10, then awaits something for 5 */
        (void)lane(&t, 0, HP_LANE_TASK, 5, 5 + i * 10, 50 + i);
    }
    edge(&t, HP_EDGE_WAKE, 0, 4, 5, 53);
    struct hp_whatif what = start(&t);
    for (uint32_t i = 1; i < 4; i++) {
        take(&what, i, 0, 10);
    }
    assert_int_equal(left(&what), 30);
    end(&t);
}

static void task_begins_when_the_task_that_made_it_awaits(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 60);
    uint32_t view = lane(&t, 0, HP_LANE_TASK, 0, 0, 60); /* makes two tasks, blocks for 25, awaits both */
    uint32_t one = lane(&t, view, HP_LANE_TASK, 2, 28, 55);
    uint32_t two = lane(&t, view, HP_LANE_TASK, 3, 29, 54);
    edge(&t, HP_EDGE_RESULT, view, one, 28, 55);
    edge(&t, HP_EDGE_RESULT, view, two, 55, 55);
    edge(&t, HP_EDGE_WAKE, 0, view, 0, 60);
    struct hp_whatif what = start(&t);
    take(&what, view, 3, 25);
    assert_int_equal(left(&what), 35);
    end(&t);
}

static void result_is_there_before_the_lane_is_written_off(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 100);
    uint32_t item = lane(&t, 0, HP_LANE_POOL, 10, 10, 83); /* the waiter goes on at 80 */
    edge(&t, HP_EDGE_RESULT, 0, item, 10, 80);
    struct hp_whatif what = start(&t);
    take(&what, item, 20, 40);
    assert_int_equal(left(&what), 60);
    end(&t);
}

static void join_with_a_timeout_is_a_fixed_delay(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 100);
    uint32_t slow = lane(&t, 0, HP_LANE_THREAD, 10, 10, 100);
    edge(&t, HP_EDGE_JOIN, 0, slow, 10, 50);
    struct hp_whatif what = start(&t);
    take(&what, slow, 10, 90);
    assert_int_equal(left(&what), 100);
    end(&t);
}

static void delay_goes_by_what_is_taken_out_at_it(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 100);
    edge(&t, HP_EDGE_WAKE, 0, HP_NODE_NONE, 20, 60); /* nobody woke it */
    struct hp_whatif what = start(&t);
    take(&what, 0, 20, 30);
    assert_int_equal(left(&what), 70);
    take(&what, 0, 20, 30); /* more than the delay: of the work behind it */
    assert_int_equal(left(&what), 40);
    end(&t);
    begin(&t, 100);
    edge(&t, HP_EDGE_WAKE, 0, HP_NODE_NONE, 20, 60);
    what = start(&t);
    take(&what, 0, 70, 1000);
    assert_int_equal(left(&what), 40);
    end(&t);
}

static void woken_lane_waits_for_what_the_other_did_until_then(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 100);
    uint32_t other = lane(&t, 0, HP_LANE_THREAD, 10, 10, 100);
    edge(&t, HP_EDGE_WAKE, 0, other, 20, 70);
    edge(&t, HP_EDGE_WAKE, 0, HP_NODE_NONE, 80, 90);
    struct hp_whatif what = start(&t);
    take(&what, other, 80, 15); /* after the notification */
    assert_int_equal(left(&what), 100);
    take(&what, other, 30, 20);
    assert_int_equal(left(&what), 80);
    take(&what, other, 10, 1000);
    assert_int_equal(left(&what), 50); /* 10 + 10 + 10 to the second wait, its 10, 10 more */
    hp_whatif_remove_lane(&what, other);
    assert_int_equal(left(&what), 50);
    end(&t);
}

static void wait_inside_a_wait_counts_once(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 100);
    uint32_t item = lane(&t, 0, HP_LANE_POOL, 10, 10, 80);
    edge(&t, HP_EDGE_WAKE, 0, HP_NODE_NONE, 20, 80);
    edge(&t, HP_EDGE_RESULT, 0, item, 10, 80);
    struct hp_whatif what = start(&t);
    take(&what, item, 20, 70);
    assert_int_equal(left(&what), 30);
    end(&t);
}

static void critical_parts_add_up_to_the_wall_time(void **state)
{
    (void)state;
    struct timeline t;
    begin(&t, 100);
    (void)lane(&t, 0, HP_LANE_THREAD, 10, 15, 40);
    (void)lane(&t, 0, HP_LANE_THREAD, 12, 20, 90);
    edge(&t, HP_EDGE_JOIN, 0, 1, 14, 42);
    edge(&t, HP_EDGE_JOIN, 0, 2, 43, 92);
    assert_int_equal(hp_whatif_lane_critical_ns(&t.record, 2, &t.arena), 78 * MS);
    assert_int_equal(hp_whatif_lane_critical_ns(&t.record, 1, &t.arena), 0);
    assert_int_equal(hp_whatif_lane_critical_ns(&t.record, 0, &t.arena), 22 * MS);
    t.record.lane_count = t.record.edge_count = 0; /* a record without lanes is its main lane */
    assert_int_equal(hp_whatif_lane_critical_ns(&t.record, 0, &t.arena), 100 * MS);
    struct hp_whatif what = start(&t);
    take(&what, 0, 0, 30);
    assert_int_equal(left(&what), 70);
    end(&t);
}

/* Whatever the record says: nothing removed is the original, and more removed is never longer. */
static void contradictory_records_never_get_longer(void **state)
{
    (void)state;
    struct hp_rng rng;
    hp_rng_seed(&rng, hp_test_seed("whatif", 7));
    for (int run = 0; run < 3000; run++) {
        struct timeline t;
        begin(&t, 1 + hp_rng_below(&rng, 30));
        uint32_t lanes = (uint32_t)hp_rng_below(&rng, 10);
        for (uint32_t i = 0; i < lanes; i++) {
            (void)lane(&t, (uint32_t)hp_rng_below(&rng, 12), (uint8_t)(1 + hp_rng_below(&rng, 3)),
                       hp_rng_below(&rng, 40), hp_rng_below(&rng, 40), hp_rng_below(&rng, 40));
        }
        uint64_t edges = hp_rng_below(&rng, 20);
        for (uint64_t i = 0; i < edges; i++) {
            edge(&t, (uint8_t)hp_rng_below(&rng, 6), (uint32_t)hp_rng_below(&rng, 12),
                 (uint32_t)hp_rng_below(&rng, 12), hp_rng_below(&rng, 40), hp_rng_below(&rng, 40));
        }
        struct hp_whatif what = start(&t);
        uint64_t before = t.record.req.wall_ns;
        for (int i = 0; i < 12; i++) {
            uint32_t from = (uint32_t)hp_rng_below(&rng, 12);
            if (hp_rng_below(&rng, 4) == 0) {
                hp_whatif_remove_lane(&what, from);
            } else {
                take(&what, from, hp_rng_below(&rng, 50), hp_rng_below(&rng, 20));
            }
            uint64_t now = hp_whatif_duration_ns(&what);
            assert_true(now <= before);
            before = now;
        }
        uint64_t sum = 0;
        for (uint32_t i = 0; i < t.record.lane_count; i++) {
            sum += hp_whatif_lane_critical_ns(&t.record, i, &t.arena);
        }
        assert_int_equal(sum, t.record.req.wall_ns);
        end(&t);
    }
}

static void use_whatif(void *arg)
{
    (void)arg;
    struct timeline t;
    pool(&t);
    hp_arena_fini(&t.arena);
    hp_arena_init(&t.arena, 1 << 24);
    struct hp_whatif what;
    hp_err err = hp_whatif_init(&what, &t.record, &t.arena);
    for (uint32_t i = 0; err == HP_OK && i < 400; i++) {
        err = hp_whatif_remove(&what, i % 41, i * 1000, 1000);
    }
    assert_true(err == HP_OK || err == HP_ENOMEM);
    uint64_t critical = hp_whatif_lane_critical_ns(&t.record, 0, &t.arena);
    assert_true(critical == 0 || critical == 20 * MS);
    end(&t);
}

static void survives_no_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_whatif, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_on_the_main_lane_is_saved_in_full),
        cmocka_unit_test(one_of_forty_parallel_threads_saves_nothing),
        cmocka_unit_test(the_same_work_of_all_threads_is_saved_once),
        cmocka_unit_test(threads_that_would_not_exist_cost_nothing),
        cmocka_unit_test(thread_after_thread_is_saved_thread_by_thread),
        cmocka_unit_test(work_beside_a_thread_is_saved_only_until_the_thread_decides),
        cmocka_unit_test(thread_without_join_delays_nobody),
        cmocka_unit_test(threads_that_start_threads),
        cmocka_unit_test(joins_in_any_order),
        cmocka_unit_test(items_of_a_pool_wait_for_a_worker),
        cmocka_unit_test(task_waits_for_one_that_held_the_loop),
        cmocka_unit_test(task_begins_when_the_one_before_awaits),
        cmocka_unit_test(task_begins_when_the_task_that_made_it_awaits),
        cmocka_unit_test(item_that_found_a_free_worker_keeps_its_delay_only),
        cmocka_unit_test(result_is_there_before_the_lane_is_written_off),
        cmocka_unit_test(join_with_a_timeout_is_a_fixed_delay),
        cmocka_unit_test(delay_goes_by_what_is_taken_out_at_it),
        cmocka_unit_test(woken_lane_waits_for_what_the_other_did_until_then),
        cmocka_unit_test(wait_inside_a_wait_counts_once),
        cmocka_unit_test(critical_parts_add_up_to_the_wall_time),
        cmocka_unit_test(contradictory_records_never_get_longer),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
