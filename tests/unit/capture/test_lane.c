/* test_lane.c -- the shadow stacks: golden trees of plain calls, generators, exceptions, missed events,
 * threads and deep stacks. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_requests.h"

/* The stored tree as text: name calls[+resumes][!exceptions], children in brackets. Checks that its total is
 * the wall time. */
static const char *stored_tree(void)
{
    static char text[4096];
    load_last();
    struct hp_reader shape, values;
    struct hp_tree *tree = hp_tree_new(cap->dict, HP_TREE_CAP);
    assert_non_null(tree);
    hp_reader_init(&shape, last.shape.p, last.shape.n);
    hp_reader_init(&values, last.values.p, last.values.n);
    assert_int_equal(hp_tree_decode(tree, shape, values, NULL, UINT32_MAX), HP_OK);
    assert_int_equal(tree->nodes[HP_NODE_ROOT].total, last.req.wall_ns);
    size_t n = 0;
    uint32_t depth = 0;
    for (uint32_t id = HP_NODE_ROOT; id != HP_NODE_NONE; id = hp_tree_next(tree, id)) {
        const struct hp_node *node = &tree->nodes[id];
        uint32_t level = 0;
        for (uint32_t up = node->parent; up != HP_NODE_NONE; up = tree->nodes[up].parent) {
            level++;
        }
        for (; depth > level; depth--) {
            n += (size_t)snprintf(text + n, sizeof text - n, ")");
        }
        n += (size_t)snprintf(text + n, sizeof text - n, "%s", level > depth ? "(" : n != 0 ? " " : "");
        depth = level;
        struct hp_str name = hp_dict_symbol(cap->dict, node->sym).name;
        n += (size_t)snprintf(text + n, sizeof text - n, "%.*s%s %d", (int)name.n,
                              name.p != NULL ? name.p : "", node->kind == HP_NODE_LANE ? "*" : "",
                              (int)node->calls);
        if (node->resumes != 0) {
            n += (size_t)snprintf(text + n, sizeof text - n, "+%d", (int)node->resumes);
        }
        if (node->exceptions != 0) {
            n += (size_t)snprintf(text + n, sizeof text - n, "!%d", (int)node->exceptions);
        }
    }
    for (; depth > 0; depth--) {
        n += (size_t)snprintf(text + n, sizeof text - n, ")");
    }
    hp_tree_free(tree);
    return text;
}

/* Siblings stand in the order of their hashes. */
static void one_of(const char *first, const char *second)
{
    const char *text = stored_tree();
    assert_string_equal(text, strcmp(text, second) == 0 ? second : first);
}

static void call(struct hp_cap_lane *lane, const char *name, int frame)
{
    if (hp_cap_enter(lane, sym(name), 10, &frames[frame], false)) {
        hp_cap_line(lane, 3);
    }
}

static void leave(struct hp_cap_lane *lane, int frame)
{
    hp_cap_leave(lane, &frames[frame], false);
}

static void calls_nest(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    assert_ptr_equal(hp_cap_top(lane), &frames[0]);
    call(lane, "view", 1);
    for (int i = 0; i < 3; i++) {
        call(lane, "item", 2);
        call(lane, "part", 3);
        leave(lane, 3);
        leave(lane, 2);
    }
    call(lane, "rest", 2);
    assert_ptr_equal(hp_cap_top(lane), &frames[2]);
    leave(lane, 2);
    leave(lane, 1);
    hp_cap_request_finish(request);
    one_of("* 1(view 1(item 3(part 3) rest 1))", "* 1(view 1(rest 1 item 3(part 3)))");
}

static void recursion_is_a_node_a_level(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    for (int i = 1; i < 4; i++) {
        call(lane, "fib", i);
    }
    for (int i = 3; i > 0; i--) {
        leave(lane, i);
    }
    hp_cap_request_finish(request);
    assert_string_equal(stored_tree(), "* 1(fib 1(fib 1(fib 1)))");
}

static void a_generator_is_called_once_and_resumed(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    call(lane, "view", 1);
    call(lane, "numbers", 2);
    leave(lane, 2); /* yield */
    for (int i = 0; i < 2; i++) {
        hp_cap_enter(lane, sym("numbers"), 10, &frames[2], true);
        hp_cap_leave(lane, &frames[2], i == 1);
    }
    leave(lane, 1);
    hp_cap_request_finish(request);
    assert_string_equal(stored_tree(), "* 1(view 1(numbers 1+2!1))");
}

static void an_exception_unwinds_what_it_passes(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    call(lane, "view", 1);
    call(lane, "inner", 2);
    hp_cap_leave(lane, &frames[2], true);
    hp_cap_leave(lane, &frames[1], true);
    hp_cap_request_finish(request);
    assert_string_equal(stored_tree(), "* 1(view 1!1(inner 1!1))");
}

static void a_leave_closes_what_was_missed_above_it(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    call(lane, "view", 1);
    call(lane, "a", 2);
    call(lane, "b", 3);
    leave(lane, 9); /* of something never entered */
    assert_ptr_equal(hp_cap_top(lane), &frames[3]);
    leave(lane, 2); /* b's was missed */
    assert_ptr_equal(hp_cap_top(lane), &frames[1]);
    assert_int_equal(lane->mismatched, 2);
    leave(lane, 0); /* the bottom stays */
    call(lane, "c", 2);
    leave(lane, 2);
    hp_cap_request_finish(request); /* view is still open */
    one_of("* 1(view 1(a 1(b 1) c 1))", "* 1(view 1(c 1 a 1(b 1)))");
}

static void unwinding_stops_at_the_frame_or_does_nothing(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    call(lane, "view", 1);
    call(lane, "a", 2);
    call(lane, "b", 3);
    assert_false(hp_cap_unwind_to(lane, &frames[9]));
    assert_ptr_equal(hp_cap_top(lane), &frames[3]);
    assert_true(hp_cap_unwind_to(lane, &frames[1]));
    assert_ptr_equal(hp_cap_top(lane), &frames[1]);
    assert_true(hp_cap_unwind_to(lane, &frames[0]));
    assert_ptr_equal(hp_cap_top(lane), &frames[0]);
    hp_cap_lane_root_frame(lane, &frames[5]);
    assert_ptr_equal(hp_cap_top(lane), &frames[5]);
    hp_cap_request_finish(request);
    assert_string_equal(stored_tree(), "* 1(view 1(a 1(b 1)))");
}

static void threads_of_one_place_share_a_lane_node(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    struct hp_cap_lane *threads[3];
    struct hp_cap_place place = {sym("view"), 31, 0};
    call(lane, "view", 1);
    for (int i = 0; i < 3; i++) {
        threads[i] = hp_cap_lane_spawn(lane, HP_LANE_THREAD, place);
        hp_cap_lane_spawned(threads[i]);
    }
    for (int i = 0; i < 3; i++) {
        hp_cap_lane_begin(threads[i], &frames[4]);
        call(threads[i], "fetch", 5);
    }
    uint64_t t0 = hp_cap_ticks();
    for (int i = 0; i < 3; i++) {
        leave(threads[i], 5);
        hp_cap_lane_end(threads[i]);
        hp_cap_edge(lane, HP_EDGE_JOIN, threads[i], t0, place);
        hp_cap_lane_unref(threads[i]);
    }
    leave(lane, 1);
    hp_cap_request_finish(request);
    assert_string_equal(stored_tree(), "* 1(view 1(thread* 3(fetch 3)))");
    assert_int_equal(last.lane_count, 4);
    assert_int_equal(last.edge_count, 3);
    for (uint32_t i = 1; i < 4; i++) {
        const struct hp_lane *thread = &last.lanes[i];
        assert_int_equal(thread->kind, HP_LANE_THREAD);
        assert_int_equal(thread->parent, 0);
        assert_int_equal(thread->parent_node, 1);
        assert_int_equal(thread->site_line, 31);
        assert_true(thread->spawn_ns <= thread->start_ns && thread->start_ns <= thread->end_ns);
        assert_true(thread->end_ns <= last.req.wall_ns);
        assert_int_equal(thread->flags & HP_LANE_OPEN, 0);
        assert_int_equal(last.edges[i - 1].other, i);
        assert_true(last.edges[i - 1].t0_ns <= last.edges[i - 1].t1_ns);
    }
}

static void a_lane_that_outlives_its_request_is_dead(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    struct hp_cap_place place = {0};
    struct hp_cap_lane *thread = hp_cap_lane_spawn(lane, HP_LANE_THREAD, place);
    struct hp_cap_lane *late = hp_cap_lane_spawn(lane, HP_LANE_POOL, place);
    hp_cap_lane_begin(thread, &frames[4]);
    call(thread, "work", 5);
    hp_cap_request_finish(request);
    assert_false(hp_cap_lane_alive(thread));
    assert_int_equal(hp_cap_lane_level(thread), -1);
    assert_null(hp_cap_lane_request(thread));
    assert_null(hp_cap_top(thread));
    request = begin(HP_LEVEL_TRACE); /* takes the same context */
    call(thread, "more", 6);
    leave(thread, 6);
    leave(thread, 5);
    assert_null(hp_cap_lane_spawn(thread, HP_LANE_THREAD, place));
    hp_cap_edge(thread, HP_EDGE_JOIN, late, 0, place);
    hp_cap_lane_end(thread);
    hp_cap_lane_begin(late, &frames[1]);
    hp_cap_lane_end(late);
    hp_cap_lane_unref(thread);
    hp_cap_lane_unref(late);
    hp_cap_request_finish(request);
    assert_string_equal(stored_tree(), "* 1");
    assert_int_equal(last.lane_count, 1);
    assert_int_equal(counts().lanes_live, 0);
}

static void open_lanes_end_with_the_request(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    struct hp_cap_place place = {0};
    struct hp_cap_lane *running = hp_cap_lane_spawn(lane, HP_LANE_THREAD, place);
    struct hp_cap_lane *waiting = hp_cap_lane_spawn(lane, HP_LANE_GREENLET, place);
    struct hp_cap_lane *forgotten = hp_cap_lane_spawn(lane, HP_LANE_TASK, place);
    hp_cap_lane_begin(running, &frames[4]);
    call(running, "work", 5);
    hp_cap_lane_begin(forgotten, &frames[4]);
    hp_cap_lane_unref(forgotten); /* ends here */
    hp_cap_request_finish(request);
    hp_cap_lane_unref(running);
    hp_cap_lane_unref(waiting);
    load_last();
    assert_int_equal(last.lane_count, 4);
    assert_int_equal(last.lanes[1].flags & HP_LANE_OPEN, HP_LANE_OPEN);
    assert_int_equal(last.lanes[1].end_ns, last.req.wall_ns);
    assert_int_equal(last.lanes[2].flags & HP_LANE_OPEN, HP_LANE_OPEN);
    assert_int_equal(last.lanes[2].start_ns, last.req.wall_ns);
    assert_int_equal(last.lanes[3].flags & HP_LANE_OPEN, 0);
}

static void *run_thread(void *arg)
{
    struct hp_cap_lane *lane = arg;
    hp_cap_lane_begin(lane, &frames[4]);
    uint64_t t0 = hp_clock_thread_cpu_ns();
    while (hp_clock_thread_cpu_ns() - t0 < 2000000) {
    }
    hp_cap_lane_end(lane);
    return NULL;
}

static void a_thread_has_its_own_cpu_time(void **state)
{
    (void)state;
    pthread_t thread;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    struct hp_cap_lane *lane =
        hp_cap_lane_spawn(hp_cap_request_lane(request), HP_LANE_THREAD, (struct hp_cap_place){0});
    assert_int_equal(pthread_create(&thread, NULL, run_thread, lane), 0);
    pthread_join(thread, NULL);
    hp_cap_lane_unref(lane);
    hp_cap_request_finish(request);
    load_last();
    assert_true(last.lanes[1].cpu_ns >= 2000000 && last.lanes[1].cpu_ns < 1000000000);
    assert_true(last.lanes[1].end_ns - last.lanes[1].start_ns >= last.lanes[1].cpu_ns);
}

static void lanes_beyond_the_cap_are_counted(void **state)
{
    (void)state;
    static struct hp_cap_lane *lanes[HP_LANE_CAP + 5];
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    uint32_t made = 1;
    for (uint32_t i = 0; i < HP_LANE_CAP + 5; i++) {
        lanes[i] = hp_cap_lane_spawn(hp_cap_request_lane(request), HP_LANE_THREAD, (struct hp_cap_place){0});
        made += lanes[i] != NULL;
    }
    for (uint32_t i = 0; i < HP_EDGE_CAP + 3; i++) {
        hp_cap_edge(hp_cap_request_lane(request), HP_EDGE_WAKE, NULL, 0, (struct hp_cap_place){0});
    }
    hp_cap_request_finish(request);
    for (uint32_t i = 0; i < HP_LANE_CAP + 5; i++) {
        if (lanes[i] != NULL) {
            hp_cap_lane_unref(lanes[i]);
        }
    }
    assert_int_equal(made, HP_LANE_CAP);
    load_last();
    assert_int_equal(last.lane_count, HP_LANE_CAP);
    assert_int_equal(last.edge_count, HP_EDGE_CAP);
    assert_int_equal(last.req.dropped_lanes, 6 + 3);
    assert_int_equal(last.req.flags & HP_REQ_TRUNCATED, HP_REQ_TRUNCATED);
}

static void depth_beyond_the_cap_is_ignored_and_comes_back(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_TRACE);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    uint32_t fib = sym("fib");
    const char *base = NULL;
    for (uintptr_t i = 1; i < HP_DEPTH_CAP + 10; i++) {
        hp_cap_enter(lane, fib, 1, base + i * 16, false);
    }
    assert_int_equal(lane->depth, HP_DEPTH_CAP);
    assert_int_equal(lane->ignored, 10);
    for (uintptr_t i = HP_DEPTH_CAP + 9; i > 0; i--) {
        hp_cap_leave(lane, base + i * 16, false);
    }
    assert_int_equal(lane->depth, 1);
    assert_int_equal(lane->ignored, 0);
    assert_int_equal(lane->mismatched, 0);
    hp_cap_request_finish(request);
    load_last();
    assert_true(last.req.dropped_nodes >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_nest, setup, teardown),
        cmocka_unit_test_setup_teardown(recursion_is_a_node_a_level, setup, teardown),
        cmocka_unit_test_setup_teardown(a_generator_is_called_once_and_resumed, setup, teardown),
        cmocka_unit_test_setup_teardown(an_exception_unwinds_what_it_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_leave_closes_what_was_missed_above_it, setup, teardown),
        cmocka_unit_test_setup_teardown(unwinding_stops_at_the_frame_or_does_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_of_one_place_share_a_lane_node, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lane_that_outlives_its_request_is_dead, setup, teardown),
        cmocka_unit_test_setup_teardown(open_lanes_end_with_the_request, setup, teardown),
        cmocka_unit_test_setup_teardown(a_thread_has_its_own_cpu_time, setup, teardown),
        cmocka_unit_test_setup_teardown(lanes_beyond_the_cap_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(depth_beyond_the_cap_is_ignored_and_comes_back, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
