/* share.h -- the extension's door for lanes that share a thread: greenlets, tasks of an event loop, and
 * whoever runs the loop.
 *
 * A lane runs until hp_cap_lane_out and again from hp_cap_lane_in. In between its time is told by
 * hp_cap_lane_waited:
 *
 *     ── runs ──┤ out                                in ├── runs ──
 *               └── not ready: kind ──┴ ready: `loop` ──┘
 *
 * Processor and run-queue time are counted only while it runs, so what others do on the thread is not its
 * own. Call with the GIL, on the thread that runs the lane. Nothing here fails; what cannot be kept is
 * counted in the record.
 */
#ifndef HP_EXT_SHARE_H
#define HP_EXT_SHARE_H

#include "hotplate/ext/capture.h"

/* This thread's clocks at one moment; a switch reads them once for both lanes. */
struct hp_cap_clock {
    uint64_t ticks, cpu_ns, runqueue_ns; /* the last one is not always wanted */
};

/* Read the clocks for a switch from one lane to another; either may be NULL. About 1 µs. */
void hp_cap_clock_read(const struct hp_cap_lane *from, const struct hp_cap_lane *to,
                       struct hp_cap_clock *clock);

/* The lane stops running, or runs again. Nothing happens to one that is dead, has not begun, has ended or is
 * there already. */
void hp_cap_lane_out(struct hp_cap_lane *lane, const struct hp_cap_clock *clock);
void hp_cap_lane_in(struct hp_cap_lane *lane, const struct hp_cap_clock *clock);
/* Whether it is out, and since when (ticks); 0: it is not. */
uint64_t hp_cap_lane_away_since(const struct hp_cap_lane *lane);

/* The lane waited from t0 and was ready at `ready`, but others ran until t1 (ticks). kind as enum
 * hp_wait_kind. `span`: one to show over time, else it counts in the totals only. */
struct hp_cap_away {
    uint64_t t0, ready, t1;
    int kind;
    bool span;
    struct hp_cap_place place;
};
void hp_cap_lane_waited(struct hp_cap_lane *lane, const struct hp_cap_away *away);

/* A lane by number, to be kept after it is gone. */
struct hp_cap_lane_id {
    uint64_t request; /* 0: none */
    uint32_t lane;
    bool ended;
};
struct hp_cap_lane_id hp_cap_lane_id(const struct hp_cap_lane *lane); /* NULL or dead: none */
/* The lane of the same request that ran last while this one was out, and until when (ticks). Ask before
 * hp_cap_lane_in. */
struct hp_cap_lane_id hp_cap_lane_ran_last(const struct hp_cap_lane *lane, uint64_t *until);
/* As hp_cap_edge; `other` counts only if it is of the same request. */
void hp_cap_edge_from(struct hp_cap_lane *lane, int kind, const struct hp_cap_lane_id *other,
                      uint64_t t0_ticks, struct hp_cap_place place);
/* What woke a lane that waited since t0: `by`, and if that had ended, so did maybe other children of the
 * lane, which it joins one after the other. */
void hp_cap_lane_woken(struct hp_cap_lane *lane, const struct hp_cap_lane_id *by, uint64_t t0_ticks,
                       struct hp_cap_place place);
/* Whether they are two lanes of one request. */
bool hp_cap_lane_is_sibling(const struct hp_cap_lane *lane, const struct hp_cap_lane_id *other);

/* Ticks, `ns` earlier than `ticks`. */
uint64_t hp_cap_ticks_before(uint64_t ticks, uint64_t ns);

/* A moment of a lane from which a child may be started later: a greenlet is made long before it is known to
 * be a lane of its own. */
struct hp_cap_moment {
    struct hp_cap_lane *lane; /* one reference */
    uint64_t ticks;
    uint32_t node;
    struct hp_cap_place place;
};
/* Take one now; hp_cap_moment_drop gives its reference back. */
struct hp_cap_moment hp_cap_moment_of(struct hp_cap_lane *lane, struct hp_cap_place place);
void hp_cap_moment_drop(struct hp_cap_moment *moment);
/* As hp_cap_lane_spawn, as of then. */
struct hp_cap_lane *hp_cap_lane_spawn_from(const struct hp_cap_moment *moment, int kind);

#endif
