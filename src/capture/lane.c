/* lane.c -- lanes and the exact tracer: a shadow stack per lane over the request's one tree.
 *
 * A lane keeps one tick, `last`: until there all of its time is booked. Entering books the time since then on
 * the caller, leaving on the callee:
 *
 *     enter:  look up the node … read the clock, self[caller] += now - last, last = now       (our work: the caller's)
 *     leave:  read the clock, self[callee] += now - last, last = now … pop                    (our work: the caller's)
 *
 * So each event reads the clock once, and the selfs of a lane add up to its time exactly, whatever events
 * were missed. Beyond HP_DEPTH_CAP entries calls are counted and ignored, and their time stays with the
 * deepest entry.
 */
#include <string.h>

#include "base/assert.h"
#include "base/cpu.h"
#include "capture/capture_int.h"
#include "capture/wait.h"

#define FIRST_DEPTH 64u

/* ---- objects ---- */

struct hp_cap_lane *hp__cap_lane_take(struct hp_cap *cap)
{
    struct hp_cap_lane *lane = cap->idle_lanes;
    if (hp__cap_fails(cap, HP_FAIL_ALLOC)) {
        return NULL;
    }
    if (lane != NULL) {
        cap->idle_lanes = lane->next_idle;
        cap->idle_lane_count--;
    } else {
        lane = hp_malloc(sizeof *lane);
        if (lane == NULL) {
            return NULL;
        }
        lane->stack = hp_malloc(FIRST_DEPTH * sizeof *lane->stack);
        lane->capacity = FIRST_DEPTH;
        if (lane->stack == NULL) {
            hp_free(lane);
            return NULL;
        }
    }
    *lane = (struct hp_cap_lane){.stack = lane->stack,
                                 .capacity = lane->capacity,
                                 .cap = cap,
                                 .refs = 1,
                                 .runqueue_start_ns = HP_ABSENT};
    cap->live_lane_count++;
    return lane;
}

void hp__cap_lane_free(struct hp_cap_lane *lane)
{
    hp_free(lane->stack);
    hp_free(lane);
}

static void give_back(struct hp_cap_lane *lane)
{
    struct hp_cap *cap = lane->cap;
    hp__wait_end(lane);
    cap->live_lane_count--;
    if (cap->closed || cap->idle_lane_count >= HP_POOL_LANES || lane->capacity > HP_STACK_KEEP) {
        hp__cap_lane_free(lane);
        hp__cap_release(cap);
        return;
    }
    lane->next_idle = cap->idle_lanes;
    cap->idle_lanes = lane;
    cap->idle_lane_count++;
}

bool hp__cap_lane_enlist(struct hp_cap_request *request, struct hp_cap_lane *lane, int kind)
{
    struct hp_cap *cap = request->cap;
    uint32_t capacity = request->lane_capacity;
    struct hp_lane *lanes =
        hp__cap_room(cap, request->lanes, request->lane_count, &capacity, HP_LANE_CAP, sizeof *lanes);
    if (lanes == NULL) {
        return false;
    }
    request->lanes = lanes;
    if (capacity != request->lane_capacity || request->objects == NULL) {
        struct hp_cap_lane **objects = hp_realloc(request->objects, capacity * sizeof(struct hp_cap_lane *));
        if (objects == NULL) {
            return false; /* lanes is larger than lane_capacity says; the next attempt grows it again */
        }
        request->objects = objects;
        request->lane_capacity = capacity;
    }
    lane->request = request;
    lane->index = request->lane_count++;
    request->objects[lane->index] = lane;
    request->lanes[lane->index] = (struct hp_lane){
        .cpu_ns = HP_ABSENT, .runqueue_ns = HP_ABSENT, .wait_busy_ns = HP_ABSENT, .kind = (uint8_t)kind};
    return true;
}

void hp__cap_lane_bottom(struct hp_cap_lane *lane, uint32_t node, const void *frame, uint64_t now)
{
    lane->stack[0] = (struct hp_stack_entry){frame, node};
    lane->depth = 1;
    lane->last = now;
    lane->slow = !hp_clock_is_tsc() || lane->cap->node_allocs;
    lane->begun = true;
    lane->thread = pthread_self();
    hp__slot_moved(lane);
}

__attribute__((noinline)) void hp__cap_lane_book(struct hp_cap_lane *lane, uint64_t now)
{
    struct hp_node *node = &lane->tree->nodes[lane->stack[lane->depth - 1].node];
    node->self += now - lane->last;
    lane->last = now;
    if (lane->cap->node_allocs) {
        node->alloc_bytes += hp_cap_alloc.bytes - lane->alloc_mark.bytes;
        node->alloc_blocks += hp_cap_alloc.blocks - lane->alloc_mark.blocks;
        lane->alloc_mark = hp_cap_alloc;
    }
}

void hp__cap_lane_stop(struct hp_cap_lane *lane, uint64_t now)
{
    hp__cap_notes_stop(lane, now);
    if (lane->tree != NULL) {
        hp__cap_lane_book(lane, now);
        lane->tree = NULL;
    }
}

/* ---- life of a lane ---- */

static void lost(struct hp_cap_request *request)
{
    request->facts.dropped_lanes++;
    request->facts.flags |= HP_REQ_TRUNCATED;
}

struct hp_cap_lane *hp_cap_lane_spawn(struct hp_cap_lane *parent, int kind, struct hp_cap_place place)
{
    struct hp_cap_request *request = parent->request;
    if (request == NULL || request->facts.level < HP_LEVEL_MONITOR) {
        return NULL;
    }
    struct hp_cap_lane *lane = hp__cap_lane_take(request->cap);
    if (lane == NULL || !hp__cap_lane_enlist(request, lane, kind)) {
        lost(request);
        if (lane != NULL) {
            give_back(lane);
        }
        return NULL;
    }
    struct hp_lane *record = &request->lanes[lane->index];
    const struct hp_lane *up = &request->lanes[parent->index];
    if (kind == HP_LANE_TASK && place.site_sym == 0 && place.via_sym == 0) {
        /* The loop's own thread: who had it run is who started the task. */
        place = (struct hp_cap_place){up->site_sym, up->site_line, up->via_sym};
    }
    record->parent = parent->index;
    record->parent_node = hp__cap_lane_node(parent);
    record->site_sym = place.site_sym;
    record->site_line = place.site_line;
    record->via_sym = place.via_sym;
    record->spawn_ns = hp_clock_ticks();
    return lane;
}

struct hp_cap_place hp_cap_lane_place(const struct hp_cap_lane *lane)
{
    struct hp_cap_place place = {0};
    if (lane->request != NULL) {
        const struct hp_lane *record = &lane->request->lanes[lane->index];
        place = (struct hp_cap_place){record->site_sym, record->site_line, record->via_sym};
    }
    return place;
}

void hp_cap_lane_spawned(struct hp_cap_lane *lane)
{
    if (lane->request != NULL) {
        struct hp_lane *record = &lane->request->lanes[lane->index];
        record->spawn_cost_ns = hp_clock_ticks() - record->spawn_ns;
    }
}

uint64_t hp__cap_lane_clocks(struct hp_cap_lane *lane)
{
    struct hp_cap_request *request = lane->request;
    lane->runqueue_start_ns = HP_ABSENT;
    if (request->facts.level < HP_LEVEL_MONITOR) {
        return hp_clock_ticks();
    }
    hp__wait_refill();
    hp__wait_begin(lane);
    if (request->facts.level >= HP_LEVEL_SAMPLE) {
        lane->runqueue_start_ns = hp__runqueue_ns();
    }
    uint64_t now;
    lane->cpu_start_ns = hp_cpu_ns(&now);
    return now;
}

void hp__cap_lane_reckon(struct hp_cap_lane *lane)
{
    struct hp_lane *record = &lane->request->lanes[lane->index];
    if (lane->begun && lane->runqueue_start_ns != HP_ABSENT && pthread_equal(lane->thread, pthread_self())) {
        uint64_t now_ns = hp__runqueue_ns();
        if (now_ns != HP_ABSENT && now_ns >= lane->runqueue_start_ns) {
            uint64_t before = record->runqueue_ns != HP_ABSENT ? record->runqueue_ns : 0;
            record->runqueue_ns = before + (now_ns - lane->runqueue_start_ns);
        }
        lane->runqueue_start_ns = HP_ABSENT;
    }
    hp__wait_end(lane);
}

void hp_cap_lane_begin(struct hp_cap_lane *lane, const void *frame)
{
    struct hp_cap_request *request = lane->request;
    if (request == NULL || lane->begun) {
        return;
    }
    struct hp_lane *record = &request->lanes[lane->index];
    (void)hp__cap_lane_clocks(lane);
    uint32_t node = HP_NODE_ROOT;
    if ((request->facts.level >= HP_LEVEL_TRACE || request->flight) && request->tree != NULL) {
        bool fresh;
        lane->tree = request->tree;
        uint32_t sym = request->cap->root_syms[record->kind < HP_LANE_KINDS ? record->kind : 0];
        node = hp_tree_child(lane->tree, record->parent_node, sym, 0, HP_NODE_LANE, &fresh);
        lane->tree->nodes[node].calls++;
    }
    record->start_ns = hp_clock_ticks(); /* the tree is ready, too */
    hp__cap_lane_bottom(lane, node, frame, record->start_ns);
}

void hp_cap_lane_end(struct hp_cap_lane *lane)
{
    struct hp_cap_request *request = lane->request;
    if (request == NULL || !lane->begun || lane->ended) {
        return;
    }
    uint64_t now = hp_clock_ticks();
    struct hp_lane *record = &request->lanes[lane->index];
    hp__cap_lane_stop(lane, now);
    record->end_ns = now;
    lane->ended = true;
    if (lane->away_since != 0 || pthread_equal(lane->thread, pthread_self())) {
        record->cpu_ns = hp__share_cpu_ns(lane, now);
    }
    hp__cap_lane_reckon(lane);
    hp__share_settle(lane, now);
}

void hp_cap_lane_root_frame(struct hp_cap_lane *lane, const void *frame)
{
    if (lane->depth != 0) {
        lane->stack[0].frame = frame;
        hp__slot_moved(lane);
    }
}

void hp_cap_lane_ref(struct hp_cap_lane *lane)
{
    lane->refs++;
}

/* Nobody refers to it any more. */
static __attribute__((noinline)) void let_go(struct hp_cap_lane *lane)
{
    if (lane->request != NULL) { /* nobody can end it any more */
        hp_cap_lane_end(lane);
        lane->request->objects[lane->index] = NULL;
    }
    give_back(lane);
}

void hp_cap_lane_unref(struct hp_cap_lane *lane)
{
    hp_assert(lane->refs > 0);
    if (--lane->refs == 0) {
        let_go(lane);
    }
}

bool hp_cap_lane_alive(const struct hp_cap_lane *lane)
{
    return lane->request != NULL;
}

int hp_cap_lane_level(const struct hp_cap_lane *lane)
{
    return lane->request != NULL ? lane->request->facts.level : -1;
}

bool hp_cap_lane_flight(const struct hp_cap_lane *lane)
{
    return lane->request != NULL && lane->request->flight;
}

struct hp_cap_request *hp_cap_lane_request(struct hp_cap_lane *lane)
{
    return lane->request;
}

void hp_cap_lane_flag(struct hp_cap_lane *lane, int flags)
{
    if (lane->request != NULL) {
        lane->request->lanes[lane->index].flags |= (uint8_t)flags;
    }
}

void hp__cap_edge(struct hp_cap_lane *lane, int kind, uint32_t other, uint64_t t0_ticks, uint64_t t1_ticks,
                  struct hp_cap_place place)
{
    struct hp_cap_request *request = lane->request;
    if (request == NULL || request->facts.level < HP_LEVEL_MONITOR) {
        return;
    }
    struct hp_edge *edges = hp__cap_room(request->cap, request->edges, request->edge_count,
                                         &request->edge_capacity, HP_EDGE_CAP, sizeof *edges);
    if (edges == NULL) {
        lost(request);
        return;
    }
    request->edges = edges;
    edges[request->edge_count++] = (struct hp_edge){
        .t0_ns = t0_ticks,
        .t1_ns = t1_ticks,
        .lane = lane->index,
        .other = other,
        .node = hp__cap_lane_node(lane),
        .site_sym = place.site_sym,
        .site_line = place.site_line,
        .kind = (uint8_t)kind,
    };
}

void hp_cap_edge(struct hp_cap_lane *lane, int kind, struct hp_cap_lane *other, uint64_t t0_ticks,
                 struct hp_cap_place place)
{
    bool known = other != NULL && other->request != NULL && other->request == lane->request;
    hp__cap_edge(lane, kind, known ? other->index : HP_NODE_NONE, t0_ticks, hp_clock_ticks(), place);
}

/* ---- the tracer ---- */

/* The clock where it was asked whether it is this one (lane->slow). */
static inline uint64_t tsc(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_ia32_rdtsc();
#else
    return hp_clock_ticks();
#endif
}

static bool grow(struct hp_cap_lane *lane)
{
    struct hp_stack_entry *stack = NULL;
    if (lane->capacity < HP_DEPTH_CAP && !hp__cap_fails(lane->cap, HP_FAIL_ALLOC)) {
        stack = hp_realloc(lane->stack, (size_t)lane->capacity * 2 * sizeof *stack);
    }
    if (stack == NULL) {
        lane->ignored++;
        if (lane->request != NULL) {
            lane->request->facts.dropped_nodes++;
            lane->request->facts.flags |= HP_REQ_TRUNCATED;
        }
        return false;
    }
    lane->stack = stack;
    lane->capacity *= 2;
    return true;
}

/* Enter when the guess of the node fails, the stack is full or the clock is slow. */
static __attribute__((noinline)) bool enter_slow(struct hp_cap_lane *lane, uint32_t sym, uint32_t site,
                                                 const void *frame, bool resume)
{
    if (lane->depth == lane->capacity && !grow(lane)) {
        return false;
    }
    struct hp_tree *tree = lane->tree;
    struct hp_stack_entry *top = &lane->stack[lane->depth - 1];
    bool fresh = false;
    uint32_t id = hp_tree_child(tree, top->node, sym, site, HP_NODE_CALL, &fresh);
    struct hp_node *node = &tree->nodes[id];
    node->calls += !resume;
    node->resumes += resume;
    hp__cap_lane_book(lane, hp_clock_ticks());
    top[1] = (struct hp_stack_entry){frame, id};
    lane->depth++;
    return fresh;
}

/* The usual path calls nothing, so that it needs no stack frame of its own; the rest is in enter_slow. */
bool hp_cap_enter(struct hp_cap_lane *lane, uint32_t sym, uint32_t site, const void *frame, bool resume)
{
    struct hp_tree *tree = lane->tree;
    if (__builtin_expect(tree == NULL, 0)) {
        return false;
    }
    uint32_t depth = lane->depth;
    if (__builtin_expect(depth == lane->capacity || resume || lane->slow, 0)) {
        return enter_slow(lane, sym, site, frame, resume);
    }
    struct hp_stack_entry *top = &lane->stack[depth - 1];
    uint32_t caller = top->node;
    uint32_t id = hp_tree_guess(tree, caller, sym, site, HP_NODE_CALL);
    if (__builtin_expect(id == HP_NODE_NONE, 0)) {
        return enter_slow(lane, sym, site, frame, resume);
    }
    struct hp_node *nodes = tree->nodes;
    nodes[id].calls++;
    top[1].frame = frame;
    top[1].node = id;
    lane->depth = depth + 1;
    uint64_t now = tsc();
    nodes[caller].self += now - lane->last;
    lane->last = now;
    return false;
}

void hp_cap_line(struct hp_cap_lane *lane, uint32_t line)
{
    if (lane->tree != NULL && lane->depth > 1) {
        hp_tree_set_line(lane->tree, lane->stack[lane->depth - 1].node, line);
    }
}

/* Index of the entry of `frame` above the bottom; 0: none. */
static uint32_t find_entry(const struct hp_cap_lane *lane, const void *frame)
{
    for (uint32_t i = lane->depth - 1; i > 0; i--) {
        if (lane->stack[i].frame == frame) {
            return i;
        }
    }
    return 0;
}

/* The leave of an activation that is not on top, or with a slow clock. */
static __attribute__((noinline)) void leave_slow(struct hp_cap_lane *lane, const void *frame, bool raised)
{
    uint64_t now = hp_clock_ticks();
    bool on_top = lane->depth > 1 && lane->stack[lane->depth - 1].frame == frame;
    if (!on_top && lane->ignored > 0 && lane->depth == lane->capacity) { /* of a call that was ignored */
        lane->ignored--;
        return;
    }
    lane->ignored = 0;
    lane->mismatched += !on_top;
    uint32_t index = find_entry(lane, frame);
    if (index == 0) {
        return;
    }
    hp__cap_lane_book(lane, now); /* on the deepest one: when the others ended is not known */
    lane->depth = index;
    lane->tree->nodes[lane->stack[index].node].exceptions += raised;
}

void hp_cap_leave(struct hp_cap_lane *lane, const void *frame, bool raised)
{
    struct hp_tree *tree = lane->tree;
    if (__builtin_expect(tree == NULL, 0)) {
        return;
    }
    uint32_t depth = lane->depth - 1;
    struct hp_stack_entry *top = &lane->stack[depth];
    if (__builtin_expect(top->frame != frame || depth == 0 || lane->slow, 0)) {
        leave_slow(lane, frame, raised);
        return;
    }
    uint64_t now = tsc();
    struct hp_node *node = &tree->nodes[top->node];
    node->self += now - lane->last;
    node->exceptions += raised;
    lane->last = now;
    lane->depth = depth;
}

const void *hp_cap_top(const struct hp_cap_lane *lane)
{
    return lane->tree != NULL ? lane->stack[lane->depth - 1].frame : NULL;
}

bool hp_cap_unwind_to(struct hp_cap_lane *lane, const void *frame)
{
    if (lane->tree == NULL) {
        return false;
    }
    uint32_t index = find_entry(lane, frame);
    if (index == 0 && lane->stack[0].frame != frame) {
        return false;
    }
    if (index != lane->depth - 1) {
        hp__cap_lane_book(lane, hp_clock_ticks());
        lane->mismatched += lane->depth - 1 - index;
        lane->depth = index + 1;
    }
    return true;
}

void hp_cap_set_call_cost(struct hp_cap *cap, uint32_t inner_ps, uint32_t outer_ps)
{
    cap->call_inner_ps = inner_ps;
    cap->call_outer_ps = outer_ps;
}
