/* test_share.c -- lanes that share a thread: processor time and waits of each, who ran last, lanes started
 * from an earlier moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_requests.h"
#include "hotplate/ext/share.h"

static const struct hp_cap_place nowhere = {0, 0, 0};

static void burn_ms(uint64_t ms)
{
    uint64_t t0 = hp_clock_thread_cpu_ns();
    while (hp_clock_thread_cpu_ns() - t0 < ms * 1000000) {
    }
}

static struct hp_cap_lane *child(struct hp_cap_lane *parent, int kind)
{
    struct hp_cap_lane *lane = hp_cap_lane_spawn(parent, kind, nowhere);
    assert_non_null(lane);
    return lane;
}

static struct hp_cap_clock change_over(struct hp_cap_lane *from, struct hp_cap_lane *to)
{
    struct hp_cap_clock clock;
    hp_cap_clock_read(from, to, &clock);
    hp_cap_lane_out(from, &clock);
    hp_cap_lane_in(to, &clock);
    return clock;
}

static void each_lane_has_the_time_that_it_ran(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_SAMPLE);
    struct hp_cap_lane *main = hp_cap_request_lane(request), *lane = child(main, HP_LANE_GREENLET);
    struct hp_cap_clock clock;
    burn_ms(2);
    hp_cap_clock_read(main, lane, &clock);
    hp_cap_lane_out(main, &clock);
    hp_cap_lane_begin(lane, NULL);
    burn_ms(5);
    change_over(lane, main);
    burn_ms(2);
    change_over(main, lane);
    burn_ms(5);
    hp_cap_clock_read(lane, main, &clock);
    hp_cap_lane_out(lane, &clock);
    hp_cap_lane_end(lane);
    hp_cap_lane_in(main, &clock);
    hp_cap_lane_unref(lane);
    hp_cap_request_finish(request);
    load_last();
    assert_in_range(last.req.cpu_ns, 4000000, 5000000);
    assert_in_range(last.lanes[1].cpu_ns, 10000000, 11000000);
    assert_true(last.lanes[1].runqueue_ns != HP_ABSENT);
    assert_true(last.req.cpu_ns + last.req.runqueue_ns <= last.req.wall_ns);
}

static uint64_t total(uint32_t lane, int kind)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < last.wait_count; i++) {
        sum += last.waits[i].lane == lane && last.waits[i].kind == kind ? last.waits[i].ns : 0;
    }
    return sum;
}

static void waiting_and_being_ready_are_apart(void **state)
{
    (void)state;
    struct hp_cap_place place = {sym("view"), 31, 0};
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    struct hp_cap_lane *main = hp_cap_request_lane(request);
    for (int i = 0; i < 3; i++) {
        struct hp_cap_clock clock;
        hp_cap_clock_read(main, NULL, &clock);
        hp_cap_lane_out(main, &clock);
        assert_true(hp_cap_lane_away_since(main) == clock.ticks);
        uint64_t t0 = clock.ticks;
        burn_ms(4); /* another one's */
        hp_cap_clock_read(NULL, main, &clock);
        struct hp_cap_away away = {.t0 = t0,
                                   .ready = hp_cap_ticks_before(clock.ticks, 1000000),
                                   .t1 = clock.ticks,
                                   .kind = HP_WAIT_SLEEP,
                                   .span = true,
                                   .place = place};
        hp_cap_lane_in(main, &clock);
        assert_int_equal(hp_cap_lane_away_since(main), 0);
        hp_cap_lane_waited(main, &away);
    }
    /* Ready before it gave way: a wait of no length, and all of it the loop's. */
    uint64_t now = hp_cap_ticks();
    struct hp_cap_away early = {.t0 = now, .ready = now - 1, .t1 = now, .kind = HP_WAIT_AWAIT};
    hp_cap_lane_waited(main, &early);
    hp_cap_request_finish(request);
    load_last();
    assert_int_equal(last.wait_count, 3);
    assert_int_equal(last.waits[0].kind, HP_WAIT_SLEEP);
    assert_int_equal(last.waits[0].count, 3);
    assert_int_equal(last.waits[0].site_line, 31);
    assert_int_equal(last.waits[1].kind, HP_WAIT_LOOP);
    assert_in_range(total(0, HP_WAIT_LOOP), 2999900, 3000100);
    assert_true(total(0, HP_WAIT_SLEEP) >= 9000000 - 100);
    assert_int_equal(last.waits[2].count, 1);
    assert_int_equal(last.waits[2].ns, 0);
    assert_int_equal(last.span_count, 6);
    assert_true(last.spans[0].t1_ns == last.spans[1].t0_ns);
    assert_true(last.req.cpu_ns < 3000000);
    assert_true(last.lanes[0].await_ns + 100 >= total(0, HP_WAIT_SLEEP));
}

static void a_lane_that_is_out_at_the_end_waited_until_then(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    struct hp_cap_lane *main = hp_cap_request_lane(request), *lane = child(main, HP_LANE_TASK);
    struct hp_cap_clock clock;
    hp_cap_lane_begin(lane, NULL);
    burn_ms(1);
    hp_cap_clock_read(lane, NULL, &clock);
    hp_cap_lane_out(lane, &clock);
    burn_ms(3);
    hp_cap_request_finish(request);
    hp_cap_lane_unref(lane);
    load_last();
    assert_int_equal(last.lanes[1].flags & HP_LANE_OPEN, HP_LANE_OPEN);
    assert_in_range(last.lanes[1].cpu_ns, 1000000, 2000000);
    assert_true(total(1, HP_WAIT_AWAIT) >= 3000000);
    assert_int_equal(total(0, HP_WAIT_AWAIT), 0);
}

static void who_ran_last_is_of_the_same_request(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR), *foreign = begin(HP_LEVEL_MONITOR);
    struct hp_cap_lane *main = hp_cap_request_lane(request), *lane = child(main, HP_LANE_GREENLET);
    struct hp_cap_clock clock;
    uint64_t until = 0;
    assert_int_equal(hp_cap_lane_ran_last(main, &until).request, 0); /* it is not out */
    hp_cap_clock_read(main, lane, &clock);
    hp_cap_lane_out(main, &clock);
    assert_int_equal(hp_cap_lane_ran_last(main, &until).request, 0);
    hp_cap_lane_begin(lane, NULL);
    clock = change_over(lane, NULL);
    struct hp_cap_lane_id by = hp_cap_lane_ran_last(main, &until);
    assert_true(by.request == hp_cap_request_id(request) && by.lane == 1 && !by.ended);
    assert_true(until == clock.ticks);
    assert_true(hp_cap_lane_is_sibling(main, &by));
    assert_false(hp_cap_lane_is_sibling(lane, &by));
    assert_false(hp_cap_lane_is_sibling(hp_cap_request_lane(foreign), &by));
    hp_cap_lane_end(lane);
    assert_true(hp_cap_lane_ran_last(main, &until).ended);
    hp_cap_edge_from(main, HP_EDGE_JOIN, &by, hp_cap_ticks(), nowhere);
    struct hp_cap_lane_id of_another = hp_cap_lane_id(hp_cap_request_lane(foreign));
    hp_cap_edge_from(main, HP_EDGE_WAKE, &of_another, hp_cap_ticks(), nowhere);
    hp_cap_lane_unref(lane);
    hp_cap_request_finish(foreign);
    assert_int_equal(hp_cap_lane_id(NULL).request, 0);
    hp_cap_request_finish(request);
    load_last();
    assert_int_equal(last.edge_count, 2);
    assert_int_equal(last.edges[0].other, 1);
    assert_int_equal(last.edges[1].other, HP_NODE_NONE);
}

static void children_that_ended_together_are_joined_one_after_the_other(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    struct hp_cap_lane *main = hp_cap_request_lane(request);
    struct hp_cap_lane *lanes[70];
    struct hp_cap_clock clock;
    uint64_t until = 0;
    hp_cap_clock_read(main, NULL, &clock);
    hp_cap_lane_out(main, &clock);
    for (int i = 0; i < 70; i++) {
        lanes[i] = child(main, HP_LANE_GREENLET);
        hp_cap_lane_begin(lanes[i], NULL);
    }
    for (int i = 69; i >= 0; i--) { /* the first one last */
        change_over(lanes[i], NULL);
        hp_cap_lane_end(lanes[i]);
        hp_cap_lane_unref(lanes[i]);
    }
    struct hp_cap_lane_id by = hp_cap_lane_ran_last(main, &until);
    hp_cap_lane_woken(main, &by, clock.ticks, nowhere);
    hp_cap_request_finish(request);
    load_last();
    assert_int_equal(last.edge_count, 64);
    for (uint32_t i = 0; i < 64; i++) {
        assert_int_equal(last.edges[i].other, 64 - i);
        assert_true(i == 0 || last.edges[i].t0_ns == last.edges[i - 1].t1_ns);
        assert_true(last.edges[i].t1_ns >= last.lanes[64 - i].end_ns);
    }
}

static void a_lane_can_start_from_an_earlier_moment(void **state)
{
    (void)state;
    struct hp_cap_place place = {sym("view"), 12, 0};
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *main = hp_cap_request_lane(request);
    (void)hp_cap_enter(main, sym("spawns"), 1, &frames[1], false);
    struct hp_cap_moment moment = hp_cap_moment_of(main, place);
    hp_cap_leave(main, &frames[1], false);
    burn_ms(1);
    struct hp_cap_lane *lane = hp_cap_lane_spawn_from(&moment, HP_LANE_GREENLET);
    assert_non_null(lane);
    hp_cap_lane_begin(lane, NULL);
    hp_cap_lane_end(lane);
    hp_cap_lane_unref(lane);
    hp_cap_request_finish(request);
    assert_null(hp_cap_lane_spawn_from(&moment, HP_LANE_GREENLET)); /* its request is over */
    hp_cap_moment_drop(&moment);
    hp_cap_moment_drop(&moment);
    load_last();
    assert_int_equal(last.lanes[1].site_line, 12);
    assert_int_equal(last.lanes[1].parent_node, 1);
    assert_true(last.lanes[1].start_ns >= last.lanes[1].spawn_ns + 1000000);
    assert_int_equal(counts().lanes_live, 0);
}

static void nothing_happens_to_lanes_that_do_not_run(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_COUNT);
    struct hp_cap_lane *main = hp_cap_request_lane(request);
    struct hp_cap_clock clock;
    hp_cap_clock_read(main, NULL, &clock);
    assert_true(clock.runqueue_ns == HP_ABSENT);
    hp_cap_lane_out(main, &clock); /* nothing is recorded at this level */
    assert_int_equal(hp_cap_lane_away_since(main), 0);
    hp_cap_lane_ref(main);
    hp_cap_request_finish(request);
    hp_cap_lane_out(main, &clock);
    hp_cap_lane_in(main, &clock);
    hp_cap_lane_waited(main, &(struct hp_cap_away){.t1 = 1, .ready = 1});
    hp_cap_lane_out(NULL, &clock);
    hp_cap_lane_in(NULL, &clock);
    hp_cap_lane_unref(main);
}

static void lack_of_memory_loses_waits_only(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 8; n++) {
        struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
        struct hp_cap_lane *main = hp_cap_request_lane(request);
        hp_cap_fail_at(cap, "alloc", n);
        for (uint32_t i = 0; i < 40; i++) {
            uint64_t now = hp_cap_ticks();
            struct hp_cap_away away = {.t0 = now - 100, .ready = now - 50, .t1 = now, .span = true};
            away.place.site_line = i;
            hp_cap_lane_waited(main, &away);
        }
        hp_cap_fail_at(cap, "alloc", 0);
        hp_cap_request_finish(request);
        load_last();
        assert_true(last.wait_count <= 80);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_lane_has_the_time_that_it_ran, setup, teardown),
        cmocka_unit_test_setup_teardown(waiting_and_being_ready_are_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lane_that_is_out_at_the_end_waited_until_then, setup, teardown),
        cmocka_unit_test_setup_teardown(who_ran_last_is_of_the_same_request, setup, teardown),
        cmocka_unit_test_setup_teardown(children_that_ended_together_are_joined_one_after_the_other, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_lane_can_start_from_an_earlier_moment, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_happens_to_lanes_that_do_not_run, setup, teardown),
        cmocka_unit_test_setup_teardown(lack_of_memory_loses_waits_only, setup, teardown),
    };
    return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
