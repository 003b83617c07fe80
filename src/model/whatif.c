/* whatif.c -- the replay of a request over its lanes.
 *
 * Each lane is cut at its events into points; between two points it either works or waits for another lane:
 *
 *     main    START ──── SPAWN ───── WAIT ············· WAKE ──── END
 *                          └─▶ START ──────────── END ──▶┘            (another lane)
 *
 * A point has one rule: its new time is the later of its `prev` (the point before it in its lane; for START
 * the SPAWN in the parent) and its `dep` (the point in another lane that it waited for), plus the time that
 * passed from the later of the two in the original. Where a lane works there is no dep, and what was removed
 * from that stretch comes off. With nothing removed every point is where it was, and every step is monotonic,
 * so nothing ever gets later than it was.
 *
 * Points are evaluated in a topological order that is made once; records are not trusted to be free of
 * contradictions, so times are clamped into their lanes, and if waits form a circle, those become fixed
 * delays.
 */
#include "model/whatif.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define NONE UINT32_MAX
/* A join that returns while its thread's end is not written yet, for it lacks the GIL, is no timeout. */
#define JOIN_LATE_NS 10000000u

enum point_kind { START, SPAWN, NOTIFY, YIELD, WAIT, WAKE, END };

struct point {
    uint64_t t;
    uint32_t lane;
    uint32_t sequence;  /* order of points at the same time */
    uint32_t ref;       /* SPAWN, YIELD: the child, the task that begins; NOTIFY, WAIT, WAKE: the wait */
    uint32_t prev, dep; /* points; NONE */
    uint8_t kind, rank;
};

struct wait {
    uint64_t t0, t1;
    uint32_t lane, other; /* other: NONE for a fixed delay */
    uint32_t notify;      /* its NOTIFY point, NONE: the other's END */
    bool at_end;          /* waited for the end of the other */
    uint8_t kind;
};

struct lane_ends {
    uint64_t start, end, spawn;
    uint32_t parent, first, last; /* points */
    uint32_t spawn_point,
        before;           /* before: the item that ran on the same worker, or the task that held the loop */
    uint32_t yield_point; /* in that task; NONE: its end */
};

struct hp__replay {
    struct lane_ends *lanes;
    struct point *points;
    struct wait *waits;
    uint32_t *order;  /* points, topologically */
    uint64_t *value;  /* new time of each point */
    uint64_t *remove; /* ns to take out of the stretch that ends at each point */
    uint32_t lane_count, point_count, wait_count;
};

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t clamp(uint64_t t, uint64_t low, uint64_t high)
{
    return t < low ? low : t > high ? high : t;
}

static void *alloc(struct hp_arena *arena, size_t n, size_t size)
{
    void *p = hp_arena_alloc(arena, n * size, _Alignof(uint64_t));
    if (p != NULL) {
        memset(p, 0, n * size);
    }
    return p;
}

/* ---- lanes ---- */

/* Times of the lanes, free of contradictions: a lane starts after its spawn, which lies in its parent. */
static void read_lanes(struct hp__replay *r, const struct hp_record *record)
{
    r->lanes[0] = (struct lane_ends){
        .end = record->req.wall_ns, .spawn_point = NONE, .before = NONE, .yield_point = NONE};
    for (uint32_t i = 1; i < r->lane_count; i++) {
        const struct hp_lane *lane = &record->lanes[i];
        struct lane_ends *out = &r->lanes[i];
        out->parent = lane->parent < i ? lane->parent : 0;
        const struct lane_ends *up = &r->lanes[out->parent];
        uint64_t spawn = lane->spawn_ns < lane->start_ns ? lane->spawn_ns : lane->start_ns;
        out->spawn = clamp(spawn, up->start, up->end);
        out->start = later(lane->start_ns, out->spawn);
        out->end = later(lane->end_ns, out->start);
        out->before = out->yield_point = NONE;
    }
}

struct item { /* an executor's item or a task, for sorting */
    uint64_t key;
    uint32_t parent, lane;
};

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a;
    const struct item *y = b;
    if (x->parent != y->parent) {
        return x->parent < y->parent ? -1 : 1;
    }
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return x->lane < y->lane ? -1 : x->lane > y->lane;
}

/* Find for each item the one that ran before it on the same worker. Items in order of their starts take the
 * worker that became free last: ends are pushed in their order on a stack of free workers. */
static hp_err chain_items(struct hp__replay *r, const struct hp_record *record, struct hp_arena *arena)
{
    struct item *starts = alloc(arena, r->lane_count, sizeof *starts);
    struct item *ends = alloc(arena, r->lane_count, sizeof *ends);
    uint32_t *stack = alloc(arena, r->lane_count, sizeof *stack);
    bool *started = alloc(arena, r->lane_count, sizeof *started);
    if (starts == NULL || ends == NULL || stack == NULL || started == NULL) {
        return HP_ENOMEM;
    }
    uint32_t count = 0;
    for (uint32_t i = 1; i < r->lane_count; i++) {
        if (record->lanes[i].kind == HP_LANE_POOL) {
            starts[count] = (struct item){r->lanes[i].start, r->lanes[i].parent, i};
            ends[count++] = (struct item){r->lanes[i].end, r->lanes[i].parent, i};
        }
    }
    qsort(starts, count, sizeof *starts, compare_items);
    qsort(ends, count, sizeof *ends, compare_items);
    uint32_t next = 0;
    uint32_t free_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct lane_ends *item = &r->lanes[starts[i].lane];
        if (i > 0 && starts[i].parent != starts[i - 1].parent) {
            free_count = 0;
            next = i; /* both arrays have the same parents at the same places */
        }
        while (next < count && ends[next].parent == starts[i].parent && ends[next].key <= item->start &&
               started[ends[next].lane]) {
            stack[free_count++] = ends[next++].lane;
        }
        started[starts[i].lane] = true;
        if (free_count > 0) {
            uint32_t before = stack[--free_count];
            item->before = r->lanes[before].end > item->spawn ? before : NONE;
        }
    }
    return HP_OK;
}

/* Tasks of one parent begin in the order in which they were spawned, each when the one before lets go of the
 * event loop: at its end or at its first await, which is when the next one begins. Before the first of them
 * it is the parent that has to let go, if that is a task. */
static hp_err chain_tasks(struct hp__replay *r, const struct hp_record *record, struct hp_arena *arena)
{
    struct item *starts = alloc(arena, r->lane_count, sizeof *starts);
    if (starts == NULL) {
        return HP_ENOMEM;
    }
    uint32_t count = 0;
    for (uint32_t i = 1; i < r->lane_count; i++) {
        if (record->lanes[i].kind == HP_LANE_TASK) {
            starts[count++] = (struct item){r->lanes[i].start, r->lanes[i].parent, i};
        }
    }
    qsort(starts, count, sizeof *starts, compare_items);
    for (uint32_t i = 0; i < count; i++) {
        struct lane_ends *task = &r->lanes[starts[i].lane];
        bool waited = i > 0 && starts[i].parent == starts[i - 1].parent && starts[i - 1].key >= task->spawn;
        bool of_task = record->lanes[task->parent].kind == HP_LANE_TASK;
        task->before = waited ? starts[i - 1].lane : of_task ? task->parent : NONE;
    }
    return HP_OK;
}

/* ---- waits ---- */

static int compare_waits(const void *a, const void *b)
{
    const struct wait *x = a;
    const struct wait *y = b;
    if (x->lane != y->lane) {
        return x->lane < y->lane ? -1 : 1;
    }
    if (x->t0 != y->t0) {
        return x->t0 < y->t0 ? -1 : 1;
    }
    return x->t1 > y->t1 ? -1 : x->t1 < y->t1; /* the outer one first */
}

/* Whether the end of the wait was up to the other lane, and whether to its end. */
static void judge_wait(const struct hp__replay *r, struct wait *wait, uint8_t kind)
{
    if (wait->other >= r->lane_count || wait->other == wait->lane || r->lanes[wait->other].start > wait->t1) {
        wait->other = NONE;
        return;
    }
    uint64_t end = r->lanes[wait->other].end;
    if (kind == HP_EDGE_JOIN && end > wait->t1 && end - wait->t1 > JOIN_LATE_NS) {
        wait->other = NONE; /* a timeout */
    }
    wait->at_end = end <= wait->t1;
}

static void read_waits(struct hp__replay *r, const struct hp_record *record)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < record->edge_count; i++) {
        const struct hp_edge *edge = &record->edges[i];
        bool is_wait =
            edge->kind == HP_EDGE_JOIN || edge->kind == HP_EDGE_RESULT || edge->kind == HP_EDGE_WAKE;
        if (is_wait && edge->lane < r->lane_count) {
            const struct lane_ends *lane = &r->lanes[edge->lane];
            uint64_t t0 = clamp(edge->t0_ns, lane->start, lane->end);
            r->waits[count++] = (struct wait){.t0 = t0,
                                              .t1 = clamp(edge->t1_ns, t0, lane->end),
                                              .lane = edge->lane,
                                              .other = edge->other,
                                              .notify = NONE,
                                              .kind = edge->kind};
        }
    }
    if (count > 1) {
        qsort(r->waits, count, sizeof *r->waits, compare_waits);
    }
    /* A wait inside another is part of it. */
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct wait wait = r->waits[i];
        if (kept > 0 && r->waits[kept - 1].lane == wait.lane && wait.t0 < r->waits[kept - 1].t1) {
            if (wait.t1 <= r->waits[kept - 1].t1) {
                continue;
            }
            wait.t0 = r->waits[kept - 1].t1;
        }
        judge_wait(r, &wait, wait.kind);
        r->waits[kept++] = wait;
    }
    r->wait_count = kept;
}

/* ---- points ---- */

static void add_point(struct hp__replay *r, uint64_t t, uint32_t lane, enum point_kind kind, uint8_t rank,
                      uint32_t ref)
{
    uint32_t i = r->point_count++;
    r->points[i] = (struct point){.t = t,
                                  .lane = lane,
                                  .sequence = i,
                                  .ref = ref,
                                  .prev = NONE,
                                  .dep = NONE,
                                  .kind = (uint8_t)kind,
                                  .rank = rank};
}

static int compare_points(const void *a, const void *b)
{
    const struct point *x = a;
    const struct point *y = b;
    if (x->lane != y->lane) {
        return x->lane < y->lane ? -1 : 1;
    }
    if (x->t != y->t) {
        return x->t < y->t ? -1 : 1;
    }
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    return x->sequence < y->sequence ? -1 : 1;
}

/* At one time: the start, ends of waits, what takes no time, beginnings of waits, the end. */
static void make_points(struct hp__replay *r)
{
    for (uint32_t i = 0; i < r->lane_count; i++) {
        add_point(r, r->lanes[i].start, i, START, 0, 0);
        add_point(r, r->lanes[i].end, i, END, 4, 0);
        if (i > 0) {
            add_point(r, r->lanes[i].spawn, r->lanes[i].parent, SPAWN, 2, i);
        }
        uint32_t before = r->lanes[i].before;
        if (before != NONE && r->lanes[before].end > r->lanes[i].start) {
            add_point(r, r->lanes[i].start, before, YIELD, 2, i);
        }
    }
    for (uint32_t i = 0; i < r->wait_count; i++) {
        const struct wait *wait = &r->waits[i];
        bool empty = wait->t0 == wait->t1;
        add_point(r, wait->t0, wait->lane, WAIT, empty ? 2 : 3, i);
        add_point(r, wait->t1, wait->lane, WAKE, empty ? 2 : 1, i);
        if (wait->other != NONE && !wait->at_end) {
            add_point(r, wait->t1, wait->other, NOTIFY, 2, i);
        }
    }
    qsort(r->points, r->point_count, sizeof *r->points, compare_points);
}

/* Chain each lane's points; one inside a wait moves to the wait's beginning. */
static void link_lanes(struct hp__replay *r)
{
    uint64_t wait_until = 0;
    for (uint32_t i = 0; i < r->point_count; i++) {
        struct point *p = &r->points[i];
        struct lane_ends *lane = &r->lanes[p->lane];
        if (p->kind == START) {
            lane->first = i;
            wait_until = 0;
        } else {
            p->prev = i - 1;
        }
        lane->last = i;
        if (p->kind == WAIT) {
            wait_until = r->waits[p->ref].t1;
        } else if (p->t < wait_until && p->kind != START) {
            p->t = r->points[i - 1].t;
        }
        if (p->kind == SPAWN) {
            r->lanes[p->ref].spawn_point = i;
        } else if (p->kind == YIELD) {
            r->lanes[p->ref].yield_point = i;
        } else if (p->kind == NOTIFY) {
            r->waits[p->ref].notify = i;
        }
    }
}

static void link_deps(struct hp__replay *r)
{
    for (uint32_t i = 0; i < r->point_count; i++) {
        struct point *p = &r->points[i];
        if (p->kind == START && p->lane != 0) {
            const struct lane_ends *lane = &r->lanes[p->lane];
            p->prev = lane->spawn_point;
            p->dep = lane->yield_point != NONE ? lane->yield_point
                     : lane->before != NONE    ? r->lanes[lane->before].last
                                               : NONE;
        } else if (p->kind == WAKE && r->waits[p->ref].other != NONE) {
            const struct wait *wait = &r->waits[p->ref];
            p->dep = wait->at_end ? r->lanes[wait->other].last : wait->notify;
        }
    }
}

/* Topological order by what each point still waits for: bit 0 its prev, bit 1 its dep. Edge 2 i + k leads to
 * point i. */
struct open_points {
    uint32_t *head, *next; /* edges that leave a point */
    uint8_t *missing;
    uint32_t count; /* points in the order so far */
};

static void arrived(struct hp__replay *r, struct open_points *open, uint32_t to, uint8_t bit)
{
    if (open->missing[to] & bit) {
        open->missing[to] = (uint8_t)(open->missing[to] & ~bit);
        if (open->missing[to] == 0) {
            r->order[open->count++] = to;
        }
    }
}

static hp_err sort_points(struct hp__replay *r, struct hp_arena *arena)
{
    uint32_t n = r->point_count;
    struct open_points open = {alloc(arena, n, sizeof *open.head),
                               alloc(arena, (size_t)n * 2, sizeof *open.next),
                               alloc(arena, n, sizeof *open.missing), 0};
    if (open.head == NULL || open.next == NULL || open.missing == NULL) {
        return HP_ENOMEM;
    }
    memset(open.head, 0xff, n * sizeof *open.head);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t from[2] = {r->points[i].prev, r->points[i].dep};
        for (uint32_t k = 0; k < 2; k++) {
            if (from[k] != NONE) {
                open.next[2 * i + k] = open.head[from[k]];
                open.head[from[k]] = 2 * i + k;
                open.missing[i] |= (uint8_t)(1u << k);
            }
        }
        if (open.missing[i] == 0) {
            r->order[open.count++] = i;
        }
    }
    for (uint32_t done = 0; done < n;) {
        for (; done < open.count; done++) {
            for (uint32_t e = open.head[r->order[done]]; e != NONE; e = open.next[e]) {
                arrived(r, &open, e / 2, (uint8_t)(1u << (e & 1)));
            }
        }
        /* A circle, at most once: prevs alone make none. */
        for (uint32_t i = 0; done < n && i < n; i++) {
            if (open.missing[i] & 2) {
                r->points[i].dep = NONE;
                arrived(r, &open, i, 2);
            }
        }
    }
    return HP_OK;
}

static hp_err replay_init(struct hp__replay *r, const struct hp_record *record, struct hp_arena *arena)
{
    *r = (struct hp__replay){.lane_count = record->lane_count != 0 ? record->lane_count : 1};
    size_t most = (size_t)r->lane_count * 4 + (size_t)record->edge_count * 3;
    if (most > UINT32_MAX / 2) {
        return HP_ENOMEM;
    }
    r->lanes = alloc(arena, r->lane_count, sizeof *r->lanes);
    r->waits = alloc(arena, (size_t)record->edge_count + 1, sizeof *r->waits);
    r->points = alloc(arena, most, sizeof *r->points);
    r->order = alloc(arena, most, sizeof *r->order);
    r->value = alloc(arena, most, sizeof *r->value);
    r->remove = alloc(arena, most, sizeof *r->remove);
    if (r->lanes == NULL || r->waits == NULL || r->points == NULL || r->order == NULL || r->value == NULL ||
        r->remove == NULL) {
        return HP_ENOMEM;
    }
    read_lanes(r, record);
    hp_err err = chain_items(r, record, arena);
    err = err == HP_OK ? chain_tasks(r, record, arena) : err;
    if (err != HP_OK) {
        return err;
    }
    read_waits(r, record);
    make_points(r);
    link_lanes(r);
    link_deps(r);
    return sort_points(r, arena);
}

/* ---- removing ---- */

/* How long the lane works before a point; 0 where it waits. */
static uint64_t work_before(const struct hp__replay *r, uint32_t i)
{
    const struct point *p = &r->points[i];
    return p->kind == START || p->kind == WAKE ? 0 : p->t - r->points[i - 1].t;
}

/* The first point of the lane behind `at`, or its last. */
static uint32_t stretch_at(const struct hp__replay *r, uint32_t lane, uint64_t at)
{
    uint32_t low = r->lanes[lane].first + 1;
    uint32_t high = r->lanes[lane].last;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (r->points[middle].t > at) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return high;
}

static void want(struct hp__replay *r, uint32_t lane, uint64_t at, uint64_t amount)
{
    uint64_t *remove = &r->remove[stretch_at(r, lane, at)];
    *remove = amount > UINT64_MAX - *remove ? UINT64_MAX : *remove + amount;
}

/* How long nothing else than time passes before a point: a wait for no lane that is known. */
static uint64_t delay_before(const struct hp__replay *r, uint32_t i)
{
    const struct point *p = &r->points[i];
    return p->kind == WAKE && r->waits[p->ref].other == NONE ? p->t - r->points[i - 1].t : 0;
}

/* Let what a stretch does not have be taken from those behind it, then from those before it; from a delay
 * only what is meant to be. */
static void spread(struct hp__replay *r, uint32_t lane)
{
    uint64_t carry = 0;
    for (uint32_t i = r->lanes[lane].first + 1; i <= r->lanes[lane].last; i++) {
        uint64_t work = work_before(r, i), delay = delay_before(r, i);
        uint64_t of_delay = r->remove[i] < delay ? r->remove[i] : delay, wanted = r->remove[i] - of_delay;
        uint64_t all = wanted > UINT64_MAX - carry ? UINT64_MAX : wanted + carry;
        uint64_t of_work = all < work ? all : work;
        r->remove[i] = of_delay + of_work;
        carry = all - of_work;
    }
    for (uint32_t i = r->lanes[lane].last; i > r->lanes[lane].first && carry > 0; i--) {
        uint64_t work = work_before(r, i), more = work > r->remove[i] ? work - r->remove[i] : 0;
        more = more < carry ? more : carry;
        r->remove[i] += more;
        carry -= more;
    }
}

/* ---- replaying ---- */

static uint64_t new_time(const struct hp__replay *r, uint32_t i, const bool *gone)
{
    const struct point *p = &r->points[i];
    if (p->prev == NONE) {
        return p->t;
    }
    uint64_t value = r->value[p->prev];
    uint64_t from = r->points[p->prev].t;
    bool skipped = p->kind == WAKE && r->waits[p->ref].other != NONE && gone[r->waits[p->ref].other];
    if ((gone[p->lane] && p->kind != START) || skipped) {
        return value;
    }
    if (p->dep != NONE) {
        value = later(value, r->value[p->dep]);
        from = later(from, r->points[p->dep].t);
    }
    return value + (p->t - from) - r->remove[i];
}

hp_err hp_whatif_init(struct hp_whatif *what, const struct hp_record *record, struct hp_arena *arena)
{
    struct hp__replay *replay = alloc(arena, 1, sizeof *replay);
    uint32_t lane_count = record->lane_count != 0 ? record->lane_count : 1;
    bool *gone = alloc(arena, lane_count, sizeof *gone);
    if (replay == NULL || gone == NULL) {
        return HP_ENOMEM;
    }
    hp_err err = replay_init(replay, record, arena);
    if (err != HP_OK) {
        return err;
    }
    *what = (struct hp_whatif){.record = record, .lane_gone = gone, .arena = arena, .replay = replay};
    return HP_OK;
}

hp_err hp_whatif_remove(struct hp_whatif *what, uint32_t lane, uint64_t at_ns, uint64_t amount_ns)
{
    if (lane >= what->replay->lane_count || amount_ns == 0) {
        return HP_OK;
    }
    if (what->count == what->capacity) {
        uint32_t capacity = what->capacity == 0 ? 16 : what->capacity * 2;
        struct hp_removal *removals = alloc(what->arena, capacity, sizeof *removals);
        if (removals == NULL) {
            return HP_ENOMEM;
        }
        if (what->count != 0) {
            memcpy(removals, what->removals, what->count * sizeof *removals);
        }
        what->removals = removals;
        what->capacity = capacity;
    }
    what->removals[what->count++] = (struct hp_removal){lane, at_ns, amount_ns};
    return HP_OK;
}

void hp_whatif_remove_lane(struct hp_whatif *what, uint32_t lane)
{
    const struct hp__replay *r = what->replay;
    if (lane == 0 || lane >= r->lane_count) {
        return;
    }
    what->lane_gone[lane] = true;
    for (uint32_t i = lane + 1; i < r->lane_count; i++) {
        what->lane_gone[i] = what->lane_gone[i] || what->lane_gone[r->lanes[i].parent];
    }
}

uint64_t hp_whatif_duration_ns(struct hp_whatif *what)
{
    struct hp__replay *r = what->replay;
    const struct hp_record *record = what->record;
    memset(r->remove, 0, r->point_count * sizeof *r->remove);
    for (uint32_t i = 0; i < what->count; i++) {
        want(r, what->removals[i].lane, what->removals[i].at_ns, what->removals[i].amount_ns);
    }
    for (uint32_t i = 1; i < r->lane_count; i++) {
        if (what->lane_gone[i]) {
            want(r, r->lanes[i].parent, r->lanes[i].spawn, record->lanes[i].spawn_cost_ns);
        }
    }
    for (uint32_t i = 0; i < r->lane_count; i++) {
        spread(r, i);
    }
    for (uint32_t i = 0; i < r->point_count; i++) {
        r->value[r->order[i]] = new_time(r, r->order[i], what->lane_gone);
    }
    const struct hp_request *req = &record->req;
    uint64_t end = r->value[r->lanes[0].last];
    hp_assert(end <= req->wall_ns);
    uint64_t saved = req->wall_ns - end;
    uint64_t duration = req->wall_ns > req->own_ns ? req->wall_ns - req->own_ns : 0;
    return duration > saved ? duration - saved : 0;
}

/* The point that a point had to wait for. */
static uint32_t critical_before(const struct hp__replay *r, uint32_t i)
{
    const struct point *p = &r->points[i];
    return p->dep != NONE && r->points[p->dep].t > r->points[p->prev].t ? p->dep : p->prev;
}

uint64_t hp_whatif_lane_critical_ns(const struct hp_record *record, uint32_t lane, struct hp_arena *arena)
{
    struct hp__replay r;
    if (replay_init(&r, record, arena) != HP_OK) {
        return 0;
    }
    /* From the end backwards along what each point had to wait for. */
    uint64_t sum = 0;
    uint32_t i = r.lanes[0].last;
    while (r.points[i].prev != NONE) {
        uint32_t from = critical_before(&r, i);
        sum += r.points[i].lane == lane ? r.points[i].t - r.points[from].t : 0;
        i = from;
    }
    return sum;
}

hp_err hp_whatif_critical(const struct hp_record *record, struct hp_arena *arena, struct hp_critical **path,
                          uint32_t *count)
{
    struct hp__replay r;
    hp_err err = replay_init(&r, record, arena);
    if (err != HP_OK) {
        return err;
    }
    struct hp_critical *all = alloc(arena, r.point_count, sizeof *all);
    if (all == NULL) {
        return HP_ENOMEM;
    }
    /* Backwards, so it is filled from the end. */
    uint32_t at = r.point_count;
    uint32_t i = r.lanes[0].last;
    while (r.points[i].prev != NONE) {
        uint32_t from = critical_before(&r, i);
        if (r.points[from].t < r.points[i].t) {
            if (at < r.point_count && all[at].lane == r.points[i].lane) {
                all[at].t0_ns = r.points[from].t;
            } else {
                all[--at] = (struct hp_critical){r.points[from].t, r.points[i].t, r.points[i].lane};
            }
        }
        i = from;
    }
    *path = all + at;
    *count = r.point_count - at;
    return HP_OK;
}
