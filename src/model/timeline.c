/* timeline.c -- see timeline.h. A sweep: all beginnings and ends of a lane in order of time, and how many of
 * each state are open. */
#include "model/timeline.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

struct bound { /* a state begins or ends in a lane */
    uint64_t t;
    uint32_t lane;
    uint8_t state;
    bool begins;
};

struct bounds {
    struct bound *items;
    uint32_t count;
};

static int compare(const void *a, const void *b)
{
    const struct bound *x = a, *y = b;
    if (x->lane != y->lane) {
        return x->lane < y->lane ? -1 : 1;
    }
    if (x->t != y->t) {
        return x->t < y->t ? -1 : 1;
    }
    return x->begins - y->begins; /* ends first; empty ones are left out */
}

static uint64_t lane_end(const struct hp_record *record, uint32_t lane)
{
    return lane == 0 ? record->req.wall_ns : record->lanes[lane].end_ns;
}

static uint64_t lane_start(const struct hp_record *record, uint32_t lane)
{
    return lane == 0 ? 0 : record->lanes[lane].start_ns;
}

/* Add what a lane did from t0 to t1, cut to its life. */
static void add(struct bounds *bounds, const struct hp_record *record, uint32_t lane, unsigned state,
                uint64_t t0, uint64_t t1)
{
    uint64_t start = lane_start(record, lane), end = lane_end(record, lane);
    t0 = t0 < start ? start : t0;
    t1 = t1 > end ? end : t1;
    if (t0 < t1 && state < HP_TIMELINE_STATES) {
        bounds->items[bounds->count++] = (struct bound){t0, lane, (uint8_t)state, true};
        bounds->items[bounds->count++] = (struct bound){t1, lane, (uint8_t)state, false};
    }
}

static void collect(struct bounds *bounds, const struct hp_record *record, uint32_t lane_count)
{
    for (uint32_t i = 0; i < lane_count; i++) {
        add(bounds, record, i, HP_TIMELINE_RUN, 0, UINT64_MAX);
    }
    for (uint32_t i = 0; i < record->edge_count; i++) {
        const struct hp_edge *edge = &record->edges[i];
        if ((edge->kind == HP_EDGE_JOIN || edge->kind == HP_EDGE_RESULT || edge->kind == HP_EDGE_WAKE) &&
            edge->lane < lane_count) {
            add(bounds, record, edge->lane, HP_TIMELINE_JOIN, edge->t0_ns, edge->t1_ns);
        }
    }
    for (uint32_t i = 0; i < record->span_count; i++) {
        const struct hp_span *span = &record->spans[i];
        if (span->lane < lane_count && span->kind < HP_WAIT_KINDS) {
            add(bounds, record, span->lane, HP_TIMELINE_WAIT + span->kind, span->t0_ns, span->t1_ns);
        }
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        if (stmt->lane < lane_count) {
            add(bounds, record, stmt->lane, HP_TIMELINE_SQL, stmt->t0_ns, stmt->t0_ns + stmt->exec_ns);
        }
    }
    for (uint32_t i = 0; i < record->notes.count[HP_NOTE_GC]; i++) {
        const struct hp_gc *gc = &record->notes.gcs[i];
        if (gc->lane < lane_count) {
            add(bounds, record, gc->lane, HP_TIMELINE_GC, gc->t0_ns, gc->t1_ns);
        }
    }
}

/* The state that explains most of those that are open. Of several waits the one that was named first. */
static uint8_t strongest(const uint32_t *open)
{
    static const uint8_t before[] = {HP_TIMELINE_GC, HP_TIMELINE_SQL};
    for (size_t i = 0; i < sizeof before; i++) {
        if (open[before[i]] != 0) {
            return before[i];
        }
    }
    uint8_t plain = open[HP_TIMELINE_JOIN] != 0 ? HP_TIMELINE_JOIN : HP_TIMELINE_RUN;
    for (unsigned state = HP_TIMELINE_WAIT; state < HP_TIMELINE_SQL; state++) {
        bool is_means = state == HP_TIMELINE_WAIT + HP_WAIT_LOCK || state == HP_TIMELINE_WAIT + HP_WAIT_POLL;
        if (open[state] != 0 && !(is_means && plain == HP_TIMELINE_JOIN)) {
            return (uint8_t)state;
        }
    }
    return plain;
}

static void put_piece(struct hp_timeline *timeline, uint32_t lane, uint8_t state, uint64_t t0, uint64_t t1)
{
    struct hp_timeline_lane *line = &timeline->lanes[lane];
    struct hp_timeline_piece *last = line->count != 0 ? &timeline->pieces[timeline->piece_count - 1] : NULL;
    if (last != NULL && last->state == state && last->t1_ns == t0) {
        last->t1_ns = t1;
        return;
    }
    hp_assert(timeline->pieces != NULL); /* room for all bounds is made before the sweep */
    if (line->count == 0) {
        line->first = timeline->piece_count;
    }
    line->count++;
    timeline->pieces[timeline->piece_count++] = (struct hp_timeline_piece){t0, t1, lane, state};
}

static void sweep(struct hp_timeline *timeline, const struct bounds *bounds)
{
    uint32_t open[HP_TIMELINE_STATES] = {0};
    for (uint32_t i = 0; i < bounds->count; i++) {
        const struct bound *bound = &bounds->items[i];
        if (i > 0 && bound[-1].lane == bound->lane && bound[-1].t < bound->t) {
            put_piece(timeline, bound->lane, strongest(open), bound[-1].t, bound->t);
        }
        open[bound->state] += bound->begins ? 1u : UINT32_MAX;
    }
}

static void sum_up(struct hp_timeline *timeline, const struct hp_record *record)
{
    for (uint32_t i = 0; i < record->wait_count; i++) {
        const struct hp_wait *wait = &record->waits[i];
        if (wait->lane < timeline->lane_count && wait->kind < HP_WAIT_KINDS) {
            timeline->lanes[wait->lane].wait_ns[wait->kind] += wait->ns;
        }
    }
    for (uint32_t i = 0; i < timeline->critical_count; i++) {
        const struct hp_critical *stretch = &timeline->critical[i];
        timeline->lanes[stretch->lane].critical_ns += stretch->t1_ns - stretch->t0_ns;
    }
}

static void *alloc(struct hp_arena *arena, size_t n, size_t size)
{
    void *p = hp_arena_alloc(arena, n * size, _Alignof(uint64_t));
    if (p != NULL) {
        memset(p, 0, n * size);
    }
    return p;
}

hp_err hp_timeline_init(struct hp_timeline *timeline, const struct hp_record *record, struct hp_arena *arena)
{
    struct hp_timeline made = {.lane_count = record->lane_count != 0 ? record->lane_count : 1};
    size_t most = 2 * ((size_t)made.lane_count + record->edge_count + record->span_count +
                       record->stmt_count + record->notes.count[HP_NOTE_GC]);
    if (most > UINT32_MAX) {
        return HP_ENOMEM;
    }
    struct bounds bounds = {alloc(arena, most, sizeof *bounds.items), 0};
    made.pieces = alloc(arena, most, sizeof *made.pieces);
    made.lanes = alloc(arena, made.lane_count, sizeof *made.lanes);
    if (bounds.items == NULL || made.pieces == NULL || made.lanes == NULL) {
        return HP_ENOMEM;
    }
    hp_err err = hp_whatif_critical(record, arena, &made.critical, &made.critical_count);
    if (err != HP_OK) {
        return err;
    }
    collect(&bounds, record, made.lane_count);
    if (bounds.count != 0) {
        qsort(bounds.items, bounds.count, sizeof *bounds.items, compare);
    }
    sweep(&made, &bounds);
    sum_up(&made, record);
    *timeline = made;
    return HP_OK;
}

const char *hp_timeline_state_name(unsigned state)
{
    switch (state) {
    case HP_TIMELINE_RUN:
        return "run";
    case HP_TIMELINE_JOIN:
        return "other lane";
    case HP_TIMELINE_SQL:
        return "sql";
    case HP_TIMELINE_GC:
        return "gc";
    default:
        return hp_record_wait_name(state >= HP_TIMELINE_WAIT && state < HP_TIMELINE_SQL
                                       ? (uint8_t)(state - HP_TIMELINE_WAIT)
                                       : UINT8_MAX);
    }
}

const char *hp_timeline_lane_kind(uint8_t kind)
{
    static const char *const kinds[] = {"main", "thread", "pool", "greenlet", "task"};
    return kind < sizeof kinds / sizeof kinds[0] ? kinds[kind] : "unknown";
}
