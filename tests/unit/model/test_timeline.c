/* test_timeline.c -- pieces of a lane's time: no gaps, no overlaps, the strongest state wins; the critical
 * path of constructed requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/timeline.h"
#include "sweep_oom.h"

#define MS   1000000u
#define MOST 400

struct fixture {
    struct hp_record record;
    struct hp_lane lanes[MOST];
    struct hp_edge edges[MOST];
    struct hp_span spans[MOST];
    struct hp_wait waits[MOST];
    struct hp_stmt stmts[MOST];
    struct hp_gc gcs[4];
    struct hp_arena arena;
};

static struct fixture *begin(uint64_t wall_ms)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    f.record.req.wall_ns = wall_ms * MS;
    f.record.lanes = f.lanes;
    f.record.edges = f.edges;
    f.record.spans = f.spans;
    f.record.waits = f.waits;
    f.record.stmts = f.stmts;
    f.record.notes.gcs = f.gcs;
    f.record.lane_count = 1;
    hp_arena_init(&f.arena, 1 << 24);
    return &f;
}

static uint32_t lane(struct fixture *f, uint32_t parent, uint64_t start, uint64_t end_ms)
{
    f->lanes[f->record.lane_count] = (struct hp_lane){
        .parent = parent, .spawn_ns = start * MS, .start_ns = start * MS, .end_ns = end_ms * MS};
    return f->record.lane_count++;
}

static void wait_span(struct fixture *f, uint32_t who, uint8_t kind, uint64_t t0, uint64_t t1)
{
    f->spans[f->record.span_count++] =
        (struct hp_span){.lane = who, .kind = kind, .t0_ns = t0 * MS, .t1_ns = t1 * MS};
}

static void join(struct fixture *f, uint32_t who, uint32_t other, uint64_t t0, uint64_t t1)
{
    f->edges[f->record.edge_count++] = (struct hp_edge){
        .lane = who, .other = other, .t0_ns = t0 * MS, .t1_ns = t1 * MS, .kind = HP_EDGE_JOIN};
}

static struct hp_timeline made(struct fixture *f)
{
    struct hp_timeline timeline;
    assert_int_equal(hp_timeline_init(&timeline, &f->record, &f->arena), HP_OK);
    return timeline;
}

static void piece_is(const struct hp_timeline *t, uint32_t i, unsigned state, uint64_t t0, uint64_t t1)
{
    assert_int_equal(t->pieces[i].state, state);
    assert_int_equal(t->pieces[i].t0_ns, t0 * MS);
    assert_int_equal(t->pieces[i].t1_ns, t1 * MS);
}

static void the_state_that_explains_most_wins(void **state)
{
    (void)state;
    struct fixture *f = begin(100);
    (void)lane(f, 0, 10, 60);
    wait_span(f, 0, HP_WAIT_LOCK, 20, 60); /* how one waits for a lane */
    join(f, 0, 1, 20, 60);
    wait_span(f, 0, HP_WAIT_SLEEP, 70, 90);
    f->stmts[f->record.stmt_count++] = (struct hp_stmt){.lane = 1, .t0_ns = 20 * MS, .exec_ns = 20 * MS};
    wait_span(f, 1, HP_WAIT_RECV, 25, 35);
    f->gcs[f->record.notes.count[HP_NOTE_GC]++] =
        (struct hp_gc){.lane = 1, .t0_ns = 30 * MS, .t1_ns = 50 * MS};
    wait_span(f, 1, HP_WAIT_POLL, 55, 200); /* longer than its lane */
    struct hp_timeline t = made(f);
    assert_int_equal(t.piece_count, 10);
    piece_is(&t, 0, HP_TIMELINE_RUN, 0, 20);
    piece_is(&t, 1, HP_TIMELINE_JOIN, 20, 60);
    piece_is(&t, 2, HP_TIMELINE_RUN, 60, 70);
    piece_is(&t, 3, HP_TIMELINE_WAIT + HP_WAIT_SLEEP, 70, 90);
    piece_is(&t, 4, HP_TIMELINE_RUN, 90, 100);
    piece_is(&t, 5, HP_TIMELINE_RUN, 10, 20);
    piece_is(&t, 6, HP_TIMELINE_SQL, 20, 30);
    piece_is(&t, 7, HP_TIMELINE_GC, 30, 50);
    piece_is(&t, 8, HP_TIMELINE_RUN, 50, 55);
    piece_is(&t, 9, HP_TIMELINE_WAIT + HP_WAIT_POLL, 55, 60);
    assert_int_equal(t.lanes[1].first, 5);
    assert_int_equal(t.lanes[1].count, 5);
    hp_arena_fini(&f->arena);
}

static void sums_are_of_the_totals(void **state)
{
    (void)state;
    struct fixture *f = begin(100);
    f->waits[f->record.wait_count++] = (struct hp_wait){.kind = HP_WAIT_AWAIT, .ns = 5, .count = 1};
    f->waits[f->record.wait_count++] = (struct hp_wait){.kind = HP_WAIT_AWAIT, .ns = 7, .count = 2};
    f->waits[f->record.wait_count++] = (struct hp_wait){.kind = 200, .ns = 7, .count = 2};
    struct hp_timeline t = made(f);
    assert_int_equal(t.lanes[0].wait_ns[HP_WAIT_AWAIT], 12);
    hp_arena_fini(&f->arena);
}

static void a_record_without_lanes_has_a_main_one(void **state)
{
    (void)state;
    struct fixture *f = begin(10);
    f->record.lane_count = 0;
    struct hp_timeline t = made(f);
    assert_int_equal(t.lane_count, 1);
    assert_int_equal(t.piece_count, 1);
    piece_is(&t, 0, HP_TIMELINE_RUN, 0, 10);
    assert_int_equal(t.critical_count, 1);
    assert_int_equal(t.lanes[0].critical_ns, 10 * MS);
    hp_arena_fini(&f->arena);
}

/* Two hundred threads, one a millisecond; the longest ends at 150 ms, all are joined in order. */
static void the_critical_path_goes_through_the_longest_of_two_hundred(void **state)
{
    (void)state;
    struct fixture *f = begin(170);
    for (uint32_t i = 1; i <= 200; i++) {
        (void)lane(f, 0, 10, i == 77 ? 150 : 20 + i % 50);
    }
    uint64_t now = 15;
    for (uint32_t i = 1; i <= 200; i++) {
        uint64_t end = f->lanes[i].end_ns / MS;
        join(f, 0, i, now, end > now ? end : now);
        now = end > now ? end : now;
    }
    struct hp_timeline t = made(f);
    assert_int_equal(t.critical_count, 3);
    assert_int_equal(t.critical[0].lane, 0);
    assert_int_equal(t.critical[0].t1_ns, 10 * MS);
    assert_int_equal(t.critical[1].lane, 77);
    assert_int_equal(t.critical[1].t1_ns, 150 * MS);
    assert_int_equal(t.critical[2].lane, 0);
    assert_int_equal(t.critical[2].t1_ns, 170 * MS);
    assert_int_equal(t.lanes[77].critical_ns, 140 * MS);
    hp_arena_fini(&f->arena);
}

/* Main → task 1 → (2, 3) gathered, 3 the longer → 4 on a worker. */
static void the_critical_path_descends_through_several_lanes(void **state)
{
    (void)state;
    struct fixture *f = begin(100);
    uint32_t view = lane(f, 0, 5, 95), brief = lane(f, view, 10, 30), slow = lane(f, view, 10, 60),
             worker = lane(f, view, 62, 90);
    (void)brief;
    join(f, 0, view, 6, 95);
    join(f, view, slow, 11, 60);
    join(f, view, worker, 63, 90);
    struct hp_timeline t = made(f);
    const struct hp_critical want[] = {
        {0, 5 * MS, 0},           {5 * MS, 10 * MS, view},    {10 * MS, 60 * MS, slow},
        {60 * MS, 62 * MS, view}, {62 * MS, 90 * MS, worker}, {90 * MS, 95 * MS, view},
        {95 * MS, 100 * MS, 0}};
    assert_int_equal(t.critical_count, sizeof want / sizeof want[0]);
    for (uint32_t i = 0; i < t.critical_count; i++) {
        assert_int_equal(t.critical[i].lane, want[i].lane);
        assert_int_equal(t.critical[i].t0_ns, want[i].t0_ns);
        assert_int_equal(t.critical[i].t1_ns, want[i].t1_ns);
    }
    hp_arena_fini(&f->arena);
}

/* Whatever a record says, pieces fill each lane exactly, and the path the request. */
static void random_records_are_covered_without_gaps(void **state)
{
    (void)state;
    struct hp_rng rng;
    hp_rng_seed(&rng, 7);
    for (int round = 0; round < 300; round++) {
        struct fixture *f = begin(1 + hp_rng_below(&rng, 100));
        for (uint64_t i = hp_rng_below(&rng, 20); i > 0; i--) {
            uint64_t start = hp_rng_below(&rng, 100);
            (void)lane(f, (uint32_t)hp_rng_below(&rng, f->record.lane_count), start,
                       start + hp_rng_below(&rng, 50));
        }
        for (int i = 0; i < 30; i++) {
            uint32_t who = (uint32_t)hp_rng_below(&rng, f->record.lane_count);
            uint64_t t0 = hp_rng_below(&rng, 120);
            wait_span(f, who, (uint8_t)hp_rng_below(&rng, 20), t0, hp_rng_below(&rng, 150));
            join(f, who, (uint32_t)hp_rng_below(&rng, f->record.lane_count + 3), t0,
                 t0 + hp_rng_below(&rng, 40));
        }
        struct hp_timeline t = made(f);
        for (uint32_t i = 0; i < t.lane_count; i++) {
            uint64_t start = i == 0 ? 0 : f->lanes[i].start_ns;
            uint64_t end = i == 0 ? f->record.req.wall_ns : f->lanes[i].end_ns;
            for (uint32_t k = t.lanes[i].first; k < t.lanes[i].first + t.lanes[i].count; k++) {
                assert_int_equal(t.pieces[k].lane, i);
                assert_int_equal(t.pieces[k].t0_ns, start);
                assert_true(t.pieces[k].t1_ns > start);
                start = t.pieces[k].t1_ns;
            }
            assert_int_equal(start, end > start ? end : start);
        }
        uint64_t at = 0;
        for (uint32_t i = 0; i < t.critical_count; i++) {
            assert_int_equal(t.critical[i].t0_ns, at);
            at = t.critical[i].t1_ns;
        }
        assert_int_equal(at, f->record.req.wall_ns);
        hp_arena_fini(&f->arena);
    }
}

static void states_have_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HP_TIMELINE_STATES; i++) {
        assert_string_not_equal(hp_timeline_state_name(i), "unknown");
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(hp_timeline_state_name(i), hp_timeline_state_name(k));
        }
    }
    assert_string_equal(hp_timeline_state_name(HP_TIMELINE_WAIT + HP_WAIT_LOOP), "loop");
    assert_string_equal(hp_timeline_state_name(HP_TIMELINE_STATES), "unknown");
    assert_string_equal(hp_timeline_lane_kind(HP_LANE_TASK), "task");
    assert_string_equal(hp_timeline_lane_kind(99), "unknown");
}

static void once(void *ctx)
{
    struct fixture *f = ctx;
    struct hp_timeline timeline;
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 24);
    hp_err err = hp_timeline_init(&timeline, &f->record, &arena);
    assert_true(err == HP_OK || err == HP_ENOMEM);
    assert_true(err != HP_OK || timeline.piece_count == 4);
    hp_arena_fini(&arena);
}

static void lack_of_memory_is_told(void **state)
{
    (void)state;
    struct fixture *f = begin(100);
    (void)lane(f, 0, 10, 60);
    join(f, 0, 1, 20, 60);
    hp_sweep_oom(once, f);
    hp_arena_fini(&f->arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_that_explains_most_wins),
        cmocka_unit_test(sums_are_of_the_totals),
        cmocka_unit_test(a_record_without_lanes_has_a_main_one),
        cmocka_unit_test(the_critical_path_goes_through_the_longest_of_two_hundred),
        cmocka_unit_test(the_critical_path_descends_through_several_lanes),
        cmocka_unit_test(random_records_are_covered_without_gaps),
        cmocka_unit_test(states_have_names),
        cmocka_unit_test(lack_of_memory_is_told),
    };
    return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
