/* capture_int.h -- what capture's files share: the process's capture, requests and lanes. Contracts:
 * hotplate/ext/capture.h.
 *
 *     hp_cap ──▶ live requests (list)         pools: idle requests, idle lanes
 *                  └─ facts, arrays of the record (in ticks until the end), tree
 *                       └─ objects[i]: lane i while somebody refers to it
 *
 * The interpreter's lock (GIL) serialises all of this; only counters, the dictionary, the ring and the writer
 * are used beyond it. A lane knows whether its request is alive by `request`: finish sets it to NULL in every
 * lane, so the context can go back to the pool at once, whatever threads still hold.
 */
#ifndef HP_CAPTURE_INT_H
#define HP_CAPTURE_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "capture/budget.h"
#include "capture/flight.h"
#include "capture/ring.h"
#include "capture/sampler.h"
#include "capture/writer.h"
#include "hotplate/ext/capture.h"
#include "model/dict.h"
#include "model/levels.h"
#include "model/redact.h"
#include "model/record.h"
#include "model/tree.h"

#define HP_LANE_CAP       2000u
#define HP_EDGE_CAP       8000u
#define HP_DEPTH_CAP      1048576u
#define HP_TREE_CAP       65536u
#define HP_TREE_HOLD      1024u  /* of them for what does not fit below application functions */
#define HP_TREE_KEEP      12288u /* nodes; a larger tree is cleared at the end of its request */
#define HP_POOL_REQUESTS  256u
#define HP_POOL_LANES     1024u
#define HP_STACK_KEEP     4096u /* entries that a pooled lane keeps */
#define HP_GROUP_SLOTS    1024u /* power of two, twice the cap of groups */
#define HP_SQL_NOT_KEPT   UINT32_MAX
#define HP_SQL_SUPPRESSED (UINT32_MAX - 1)
#define HP_SQL_OVERLAP    0x100u /* flag of hp_cap_sql_begin, not stored */
#define HP_LANE_KINDS     5
#define HP_TEXT_CAP       4096u /* different folded texts a process: beyond, they are one */
#define HP_GIVEN_CAP      1024u /* of them those that somebody who asks may choose */

_Static_assert(HP_GROUP_SLOTS >= 2 * HP_GROUP_CAP, "at most half full");

enum hp_fail_point { HP_FAIL_ALLOC, HP_FAIL_RING, HP_FAIL_STORE, HP_FAIL_CALLBACK, HP_FAIL_COUNT };

struct hp_cap {
    struct hp_dict *dict;     /* owned */
    struct hp_writer *writer; /* owned; NULL: nothing is stored */
    struct hp_ring *ring;     /* owned; NULL until the first request of the process */
    _Atomic uint64_t *counts; /* by enum hp_ring_counter: `early`, then the ring's page */
    _Atomic uint64_t early[HP_RING_COUNTER_COUNT];
    char *folder; /* of the store, owned; NULL with writer */
    size_t ring_bytes;

    struct hp_cap_request *idle_requests, *live_requests; /* owned */
    struct hp_cap_lane *idle_lanes;                       /* owned */
    uint32_t idle_request_count, idle_lane_count, live_request_count, live_lane_count;
    uint64_t tree_bytes;

    uint64_t id_base, id_count, seq;
    uint8_t hash_key[16];
    uint32_t revision; /* string id */
    uint32_t root_syms[HP_LANE_KINDS], gc_sym;
    uint32_t call_inner_ps, call_outer_ps;
    uint64_t request_cost_ns, sql_cost_ns, note_cost_ns; /* our own, measured at open */
    struct hp_flight *flight;                            /* owned; NULL: no flight recorder */
    _Atomic(struct hp_sampling *) sampling;              /* owned; NULL: level sample has no trees */
    struct hp_budget *budget;                            /* owned; NULL: no limit */
    struct hp_levels *levels;                            /* owned, under the GIL; NULL: no rules came yet */
    _Atomic(struct hp_levels *) new_levels;              /* owned: from the writer, not obeyed yet */
    struct hp_redact *redact;                            /* as `levels`: words that were added */
    _Atomic(struct hp_redact *) new_redact;
    uint64_t slow_ns; /* requests that take less keep no detail; 0: all do */

    struct hp_map texts;          /* hash of a folded text → string id */
    uint32_t given_count;         /* of them those of HP_TEXT_GIVEN */
    uint64_t wall_ns, wall_ticks; /* the wall clock when it was last read, and when that was */
    uint64_t peak_rss_bytes,
        peak_rss_ticks;       /* of the process when last looked, 0: not yet; and when that was */
    bool allocs, node_allocs; /* the allocation hook runs; and nodes are to know */

    struct hp_buf shape, values, encoded; /* scratch of finish */
    uint32_t *numbers;                    /* owned, scratch: tree node → position */
    uint32_t number_capacity;

    _Atomic uint64_t fail_at[HP_FAIL_COUNT]; /* 0: off; counts down */
    bool closed, shut;                       /* hp_cap_close came; the writer has stopped */
    struct hp_cap *next_open;                /* registry for fork and exit */
};

struct hp_wait_book; /* wait.c */

struct hp_stack_entry {
    const void *frame;
    uint32_t node;
};

struct hp_cap_lane {
    /* what one traced call touches */
    struct hp_tree *tree; /* borrowed from the request; NULL: not traced, dead, not begun or ended */
    struct hp_stack_entry *stack;
    uint32_t depth, capacity; /* the bottom entry is the lane's root */
    uint64_t last;            /* tick until which all time is accounted for */
    bool slow;                /* no usual path: another clock, or nodes count allocations */

    struct hp_cap *cap;             /* counted in live_lane_count */
    struct hp_cap_request *request; /* NULL: dead */
    struct hp_cap_lane *next_idle;
    uint64_t ignored, mismatched;      /* calls beyond the cap of depth; missed or foreign leaves */
    uint64_t cpu_start_ns, cpu_sum_ns; /* see share.c */
    uint64_t away_since, away_ticks;   /* since when it is out, 0: it runs; how long it was before */
    uint32_t last_totals[2]; /* waits of the request: where its last one is, not of LOOP and of it */
    pthread_t thread;
    uint32_t refs, index;
    bool begun, ended;

    struct hp_cap_alloc alloc_base,
        alloc_mark;          /* of the thread when the lane came; when a node was last told */
    uint64_t gc_t0, gc_self; /* ticks: of the running collection, 0 none; self of gc_node when it began */
    uint32_t gc_node;
    uint32_t template_row; /* 1 + index of the template that runs; 0 none */
    uint64_t template_last;
    /* waits, see wait.h */
    _Atomic uint32_t wait_state;
    uint32_t waits_lost;
    const struct hp_wait_thread
        *_Atomic between; /* borrowed: whose waits are this lane's though it stands still; NULL: nobody's */
    struct hp_wait_book *waits; /* NULL: none yet */
    uint64_t runqueue_start_ns; /* HP_ABSENT: not recorded */

    /* the execution of SQL that is open */
    bool in_sql;
    uint32_t sql_number, sql_group; /* group: index, or HP_NODE_NONE when it could not be kept */
    uint64_t sql_t0;
};

struct hp_cap_request {
    struct hp_cap *cap;
    struct hp_cap_request *next, *before; /* live: both; idle: next */
    struct hp_request facts;
    uint64_t start, end; /* ticks */
    uint64_t first_byte;
    uint64_t slow_ns; /* as the capture's, or by its route's rule */
    pthread_t thread;
    uint64_t phase_ticks[HP_PHASE_COUNT], phase_since;
    int phase;
    void *owner;   /* borrowed: the caller's */
    bool insisted; /* its level is not to be lowered */
    bool keep, dead /* begun in the process that forked this one */, frozen;
    bool flight;                /* the tree is the flight recorder's */
    bool tree_used, tree_lost;  /* the record has a tree; it should have had one */
    uint64_t tree_bytes;        /* as counted in the capture */
    struct hp_samples *samples; /* the sampler's; NULL: none */
    struct hp_tree *tree;       /* owned, kept in the pool; used at level trace only */

    struct hp_cap_lane *
        *objects; /* owned array; [i] borrowed: the lane object i, NULL once freed; [0] holds a reference */
    struct hp_lane *lanes; /* owned, like all below; times in ticks until frozen */
    struct hp_edge *edges;
    struct hp_stmt *stmts;
    uint16_t *stmt_groups;
    struct hp_group *groups;
    struct hp_wait *waits;
    struct hp_span *spans;
    struct hp_holder *holders;
    struct hp_step *steps; /* times in ticks until frozen, as the others */
    uint16_t *group_slots; /* 1 + group index; 0 free */
    uint32_t lane_count, lane_capacity, edge_count, edge_capacity, stmt_count, stmt_capacity, group_count,
        group_capacity, wait_count, wait_capacity, span_count, span_capacity, holder_count, holder_capacity,
        step_count, step_capacity;
    uint64_t sql_ticks, sql_fetch_ns;
    uint32_t sql_count;
    uint32_t ran_last; /* lane that was switched out last, see share.c */
    uint64_t ran_until;

    struct hp_notes notes; /* lists owned */
    uint32_t note_capacity[HP_NOTE_COUNT];
    uint32_t note_events;       /* for our own cost */
    uint32_t *template_sites;   /* owned: part of the rows' keys */
    struct hp_frame *frames;    /* owned: HP_FRAME_CAP an exception */
    const void *last_exception; /* identity only */
};

/* ---- capture.c ---- */
static inline void hp__cap_count(struct hp_cap *cap, enum hp_ring_counter counter, uint64_t n)
{
    atomic_fetch_add_explicit(&cap->counts[counter], n, memory_order_relaxed);
}
/* A thread of the application waited so long for what the store's side held. */
static inline void hp__cap_waited(struct hp_cap *cap, uint64_t ns)
{
    hp__cap_count(cap, HP_RING_WAITS, 1);
    hp__cap_count(cap, HP_RING_WAIT_NS, ns);
}
/* hp__cap_count of a counter that only holders of the GIL raise: no locked instruction. */
static inline void hp__cap_count_own(struct hp_cap *cap, enum hp_ring_counter counter, uint64_t n)
{
    uint64_t before = atomic_load_explicit(&cap->counts[counter], memory_order_relaxed);
    atomic_store_explicit(&cap->counts[counter], before + n, memory_order_relaxed);
}
bool hp__cap_fails_slow(struct hp_cap *cap, enum hp_fail_point point) __attribute__((cold));
/* Whether this call of the point is to fail (hp_cap_fail_at). */
static inline bool hp__cap_fails(struct hp_cap *cap, enum hp_fail_point point)
{
    return __builtin_expect(atomic_load_explicit(&cap->fail_at[point], memory_order_relaxed) != 0, 0) &&
           hp__cap_fails_slow(cap, point);
}
/* hp_cap_open with another store, for tests. */
HP_CHECK hp_err hp__cap_open_with(const struct hp_cap_config *config, const struct hp_writer_ops *ops,
                                  struct hp_cap **out);
/* Make the process's ring if it has none yet. */
void hp__cap_want_ring(struct hp_cap *cap);
/* Free a closed capture once nobody refers to it any more. */
void hp__cap_release(struct hp_cap *cap);

/* ---- request.c ---- */
/* `array` with room for `count` + 1 elements of `size`, at most `cap`; NULL (the old one stays): no memory or
 * at the cap. */
void *hp__cap_room(struct hp_cap *capture, void *array, uint32_t count, uint32_t *capacity, uint32_t cap,
                   size_t size);
/* Give a request back to the pool (or free it) and let go of its lanes. */
void hp__cap_request_recycle(struct hp_cap_request *request);
void hp__cap_request_free(struct hp_cap_request *request);
/* In a fork's child: what was running runs on in the parent. */
void hp__cap_request_disown(struct hp_cap_request *request);
/* Measure request_cost_ns and sql_cost_ns. */
void hp__cap_calibrate(struct hp_cap *cap);

/* A setting has come (hp_writer_config.take_setting). Of levels, what is no rule is none. Called by the
 * writer. */
void hp__cap_setting_take(void *cap, struct hp_str key, struct hp_str text);

/* A request ended: what the budget learns from it. */
void hp__cap_budget_note(struct hp_cap_request *request);

/* ---- finish.c ---- */
/* End the request: time stops, lanes are closed and die, ticks become nanoseconds, costs are known. Only
 * once, then nothing. */
void hp__cap_request_freeze(struct hp_cap_request *request);
/* For the drop-in's pstats: freeze, and the tree in nanoseconds with totals; NULL below level trace. Borrowed
 * until finish. */
const struct hp_tree *hp__cap_request_tree(struct hp_cap_request *request);

/* ---- notes.c ---- */
void hp__cap_notes_reset(struct hp_cap_request *request);
void hp__cap_notes_free(struct hp_cap_request *request);
/* Book the time of the template that runs on a lane up to `now` and end it. */
void hp__cap_notes_stop(struct hp_cap_lane *lane, uint64_t now);
/* Ticks → ns, totals; after all lanes are stopped. */
void hp__cap_notes_freeze(struct hp_cap_request *request);
/* Node ids → positions, as number_nodes. */
void hp__cap_notes_number(struct hp_cap_request *request, const uint32_t *numbers);
/* The peak of the process's memory: what a request adds to it. Outside of its measured time. */
void hp__cap_memory_begin(struct hp_cap *cap, uint64_t now);
void hp__cap_memory_end(struct hp_cap_request *request);

/* ---- share.c ---- */
/* Processor time of a lane until `now`, ticks that were just read; call on its thread, unless it is out. */
uint64_t hp__share_cpu_ns(const struct hp_cap_lane *lane, uint64_t now);
/* A lane has ended at this tick: the clocks are read one after the other, so no more run queue than there is
 * time for. */
void hp__share_settle(struct hp_cap_lane *lane, uint64_t end);
/* The request ends: a lane that is out waited until now. */
void hp__share_close(struct hp_cap_lane *lane, uint64_t end);

/* ---- inspect.c ---- */
/* The bytes of a record of the ring, which is to be there still: kept if hp_inspect_keep asked for it. */
void hp__inspect_offer(struct hp_str bytes);

/* ---- lane.c ---- */
struct hp_cap_lane *hp__cap_lane_take(struct hp_cap *cap);
void hp__cap_lane_free(struct hp_cap_lane *lane);
/* Record a lane of `request` for this object; false: cap or memory. */
bool hp__cap_lane_enlist(struct hp_cap_request *request, struct hp_cap_lane *lane, int kind);
/* hp_cap_edge with the other lane's number, HP_NODE_NONE: not known. */
void hp__cap_edge(struct hp_cap_lane *lane, int kind, uint32_t other, uint64_t t0_ticks, uint64_t t1_ticks,
                  struct hp_cap_place place);
/* Set the bottom of the stack. */
void hp__cap_lane_bottom(struct hp_cap_lane *lane, uint32_t node, const void *frame, uint64_t now);
/* Book the time since the last event on the node on top. The lane is traced. */
void hp__cap_lane_book(struct hp_cap_lane *lane, uint64_t now);
/* Start a lane's clocks: the slow ones of its thread, its waits, and at last its own, which says when. */
uint64_t hp__cap_lane_clocks(struct hp_cap_lane *lane);
/* After it has stopped, on its thread: waits to the request, time in the run queue to its record. */
void hp__cap_lane_reckon(struct hp_cap_lane *lane);
/* Account the time up to `now` and stop tracing. */
void hp__cap_lane_stop(struct hp_cap_lane *lane, uint64_t now);
static inline uint32_t hp__cap_lane_node(const struct hp_cap_lane *lane)
{
    return lane->tree != NULL ? lane->stack[lane->depth - 1].node : HP_NODE_ROOT;
}

#endif
