/* test_capture_notes.c -- what hooks note about a request: sums, caps and dropped counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "capture/capture_int.h"
#include "sweep_oom.h"

static struct hp_cap *cap;

static int open_cap(void **state)
{
    (void)state;
    struct hp_cap_config config = {0};
    return hp_cap_open(&config, &cap) == HP_OK ? 0 : -1;
}

static int close_cap(void **state)
{
    (void)state;
    hp_cap_close(cap, 0);
    return 0;
}

static struct hp_cap_request *begin(int level)
{
    struct hp_cap_request *request = hp_cap_request_begin(cap, level, 0, true, NULL, hp_cap_ticks());
    assert_non_null(request);
    return request;
}

static void spin(uint64_t ns)
{
    for (uint64_t t0 = hp_cap_ticks(); hp_cap_ns(hp_cap_ticks() - t0) < ns;) {
    }
}

static void the_longest_pauses_stay_and_all_are_in_the_sum(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    for (int i = 0; i < 100; i++) {
        hp_cap_gc_begin(lane);
        if (i == 90) {
            spin(2000000);
        }
        hp_cap_gc_end(lane, i == 90 ? 2 : 0, 5, 0, NULL);
    }
    hp_cap_gc_end(lane, 2, 0, 0, NULL); /* without a begin */
    hp__cap_request_freeze(request);
    assert_int_equal(request->notes.count[HP_NOTE_GC], HP_GC_CAP);
    assert_int_equal(request->facts.dropped_notes[HP_NOTE_GC], 100 - HP_GC_CAP);
    uint64_t longest = 0, sum = 0;
    for (uint32_t i = 0; i < HP_GC_CAP; i++) {
        const struct hp_gc *gc = &request->notes.gcs[i];
        longest = gc->t1_ns - gc->t0_ns > longest ? gc->t1_ns - gc->t0_ns : longest;
        sum += gc->t1_ns - gc->t0_ns;
    }
    assert_true(longest >= 2000000);
    assert_true(request->facts.gc_ns + HP_GC_CAP >= sum && request->facts.gc_ns <= request->facts.wall_ns);
    hp_cap_request_finish(request);
}

static void template_selfs_add_up_to_totals(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    bool fresh;
    uint32_t page = hp_cap_template(lane, HP_TEMPLATE_WHOLE, 10, 1, &fresh);
    assert_true(fresh && page != 0);
    uint32_t outside = hp_cap_template_enter(lane, page);
    spin(100000);
    for (int i = 0; i < 3; i++) {
        uint32_t row = hp_cap_template(lane, HP_TEMPLATE_BLOCK, 11, 2, &fresh);
        assert_true(fresh == (i == 0));
        uint32_t before = hp_cap_template_enter(lane, row);
        spin(100000);
        hp_cap_template_leave(lane, before);
    }
    hp_cap_template_leave(lane, outside);
    hp_cap_template_leave(lane, 99); /* a foreign number */
    (void)hp_cap_template_enter(lane, 77);
    hp__cap_request_freeze(request);
    const struct hp_template *rows = request->notes.templates;
    assert_int_equal(request->notes.count[HP_NOTE_TEMPLATE], 2);
    assert_true(rows[0].parent == HP_NODE_NONE && rows[1].parent == 0 && rows[1].count == 3);
    assert_true(rows[1].self_ns >= 299000 && rows[0].self_ns >= 99000);
    assert_int_equal(rows[0].total_ns, rows[0].self_ns + rows[1].total_ns);
    assert_true(rows[0].total_ns <= request->facts.wall_ns);
    hp_cap_request_finish(request);
}

static void lists_are_capped_and_what_is_refused_is_counted(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    struct hp_cap_frame frames[100];
    bool fresh;
    for (uint32_t i = 0; i < 100; i++) {
        frames[i] = (struct hp_cap_frame){i, i};
    }
    for (uint32_t i = 1; i <= 1000; i++) {
        struct hp_cap_exception seen = {.group = i, .type = 1, .frames = frames, .frame_count = 100};
        hp_cap_log(lane, 20, 1, i, (struct hp_cap_place){0, 0, 0}, hp_cap_ticks());
        hp_cap_exception(lane, &seen);
        (void)hp_cap_template(lane, 0, i, 0, &fresh);
        hp_cap_request_fact(request, 0, i, i);
    }
    const uint32_t caps[HP_NOTE_COUNT] = {0, HP_TEMPLATE_CAP, HP_LOG_CAP, HP_EXCEPTION_CAP, HP_FACT_CAP};
    for (int i = 1; i < HP_NOTE_COUNT; i++) {
        assert_int_equal(request->notes.count[i], caps[i]);
        assert_int_equal(request->facts.dropped_notes[i], 1000 - caps[i]);
    }
    const struct hp_exception *last = &request->notes.exceptions[HP_EXCEPTION_CAP - 1];
    assert_int_equal(last->frame_count, HP_FRAME_CAP);
    assert_int_equal(last->frames[HP_FRAME_CAP - 1].sym, 99); /* the innermost */
    hp_cap_request_finish(request);
}

static void the_same_exception_counts_once_and_its_worst_end_stays(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    struct hp_cap_exception seen = {.identity = lane, .group = 5, .end = HP_EXCEPTION_LOGGED};
    hp_cap_exception(lane, &seen);
    seen.end = HP_EXCEPTION_UNHANDLED;
    hp_cap_exception(lane, &seen);
    seen.identity = &seen;
    seen.end = HP_EXCEPTION_HANDLED;
    hp_cap_exception(lane, &seen);
    assert_int_equal(request->notes.count[HP_NOTE_EXCEPTION], 1);
    assert_int_equal(request->notes.exceptions[0].count, 2);
    assert_int_equal(request->notes.exceptions[0].end, HP_EXCEPTION_UNHANDLED);
    hp_cap_request_finish(request);
}

static void texts_that_were_given_leave_room_for_others(void **state)
{
    (void)state;
    char text[32];
    uint32_t last = 0;
    for (int i = 0; i < 2 * (int)HP_GIVEN_CAP; i++) {
        struct hp_span8 span = {text, (size_t)snprintf(text, sizeof text, "given %d", i)};
        last = hp_cap_text(cap, span, HP_TEXT_GIVEN);
    }
    assert_string_equal(hp_dict_string(cap->dict, last).p, "<other>");
    last = hp_cap_text(cap, (struct hp_span8){"went away", 9}, HP_TEXT_FOLDED);
    assert_string_equal(hp_dict_string(cap->dict, last).p, "went away");
}

static void a_request_has_no_owner_but_its_own(void **state)
{
    (void)state;
    int owner;
    struct hp_cap_request *request = begin(HP_LEVEL_MONITOR);
    assert_null(hp_cap_request_owner(request));
    hp_cap_request_set_owner(request, &owner);
    assert_ptr_equal(hp_cap_request_owner(request), &owner);
    hp_cap_request_finish(request);
    struct hp_cap_request *next = begin(HP_LEVEL_MONITOR);
    assert_ptr_equal(next, request); /* from the pool */
    assert_null(hp_cap_request_owner(next));
    hp_cap_request_finish(next);
}

static void count_level_and_dead_lanes_take_no_notes(void **state)
{
    (void)state;
    struct hp_cap_request *request = begin(HP_LEVEL_COUNT);
    struct hp_cap_lane *lane = hp_cap_request_lane(request);
    bool fresh;
    hp_cap_lane_ref(lane);
    hp_cap_gc_begin(lane);
    hp_cap_gc_end(lane, 2, 0, 0, NULL);
    assert_int_equal(hp_cap_template(lane, 0, 1, 1, &fresh), 0);
    hp_cap_log(lane, 20, 1, 1, (struct hp_cap_place){0, 0, 0}, hp_cap_ticks());
    hp_cap_alloc_begin(lane);
    hp_cap_alloc_end(lane);
    assert_true(request->facts.gc_ns == HP_ABSENT && request->facts.alloc_bytes == HP_ABSENT);
    hp_cap_request_finish(request);
    hp_cap_gc_begin(lane);
    hp_cap_template_leave(lane, hp_cap_template_enter(lane, 1));
    hp_cap_alloc_end(lane);
    hp_cap_lane_unref(lane);
}

static void different_texts_are_bounded(void **state)
{
    (void)state;
    char text[32];
    uint32_t other = hp_cap_string(cap, (struct hp_span8){"<other>", 7}), last = 0;
    for (int i = 0; i < 5000; i++) {
        int n = snprintf(text, sizeof text, "word%c%c%c", 'a' + i % 26, 'a' + i / 26 % 26, 'a' + i / 676);
        last = hp_cap_text(cap, (struct hp_span8){text, (size_t)n}, HP_TEXT_LITERAL);
    }
    assert_int_equal(last, other);
    assert_int_not_equal(hp_cap_text(cap, (struct hp_span8){"wordaaa", 7}, HP_TEXT_FOLDED), other);
}

static void use(void *arg)
{
    (void)arg;
    struct hp_cap *own = NULL;
    struct hp_cap_config config = {0};
    if (hp_cap_open(&config, &own) != HP_OK) {
        return;
    }
    struct hp_cap_request *request = hp_cap_request_begin(own, HP_LEVEL_TRACE, 0, true, NULL, hp_cap_ticks());
    if (request != NULL) {
        struct hp_cap_lane *lane = hp_cap_request_lane(request);
        struct hp_cap_frame frame = {1, 2};
        struct hp_cap_exception seen = {.group = 5, .frames = &frame, .frame_count = 1};
        bool fresh;
        hp_cap_gc_begin(lane);
        hp_cap_gc_end(lane, 1, 0, 0, NULL);
        hp_cap_template_leave(lane, hp_cap_template_enter(lane, hp_cap_template(lane, 0, 1, 1, &fresh)));
        hp_cap_log(lane, 20, 1, hp_cap_text(own, (struct hp_span8){"text", 4}, HP_TEXT_FOLDED),
                   (struct hp_cap_place){0, 0, 0}, hp_cap_ticks());
        hp_cap_exception(lane, &seen);
        hp_cap_request_fact(request, 0, 1, 1);
        hp_cap_request_finish(request);
    }
    hp_cap_close(own, 0);
}

static void survives_no_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_longest_pauses_stay_and_all_are_in_the_sum, open_cap, close_cap),
        cmocka_unit_test_setup_teardown(template_selfs_add_up_to_totals, open_cap, close_cap),
        cmocka_unit_test_setup_teardown(lists_are_capped_and_what_is_refused_is_counted, open_cap, close_cap),
        cmocka_unit_test_setup_teardown(the_same_exception_counts_once_and_its_worst_end_stays, open_cap,
                                        close_cap),
        cmocka_unit_test_setup_teardown(count_level_and_dead_lanes_take_no_notes, open_cap, close_cap),
        cmocka_unit_test_setup_teardown(different_texts_are_bounded, open_cap, close_cap),
        cmocka_unit_test_setup_teardown(texts_that_were_given_leave_room_for_others, open_cap, close_cap),
        cmocka_unit_test_setup_teardown(a_request_has_no_owner_but_its_own, open_cap, close_cap),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
