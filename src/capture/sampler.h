/* sampler.h -- the sampler inside the process: between its thread and the requests. Door of the extension:
 * hotplate/ext/sampler.h.
 *
 *     application thread                          sampler's thread (no GIL)
 *     slot {state, lane's samples, root frame} ◀── looks up by thread state
 *     hp_samples {id, tree} ◀──── tree_lock ─────  adds stacks while the id is the slot's
 *
 * slot.c keeps the slots, sampler.c the thread and the trees. `tree_lock` is held for one insertion, a
 * microsecond; who cannot have it within some milliseconds goes without (counted as lost). `step_lock` is
 * held over one look at all threads and is what fork takes. A hp_samples lives as long as the sampling does,
 * so a stale pointer to one does no harm: its id is another one.
 */
#ifndef HP_SAMPLER_CAPTURE_H
#define HP_SAMPLER_CAPTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "hotplate/ext/sampler.h"
#include "model/tree.h"
#include "store/store.h"

struct hp_cap;
struct hp_cap_lane;
struct hp_cap_request;
struct hp_sampling; /* opaque: of one capture */

/* Of one request. */
struct hp_samples {
    struct hp_samples *next; /* in the pool */
    struct hp_tree *tree;    /* owned; in ns; the sampler's while `id` is set */
    uint64_t id;             /* of the request, 0: closed */
    uint64_t count;          /* stacks in the tree */
};

/* ---- slot.c ---- */

#define HP_SLOTS 4096u /* threads beyond belong to the process */

/* What a thread runs now. */
struct hp_slot_view {
    struct hp_samples *samples; /* NULL: no request at level sample */
    uint64_t id;                /* of that request */
    uint64_t root; /* frame that called the request: it and those around it are not its own; 0: all are */
    uint32_t lane_kind, turn;
    uint32_t waits; /* waits for locks that began and ended */
};

/* Whether the thread was inside a wait for a lock, so it did not run: the same wait while `waits` is the
 * same. */
static inline bool hp__slot_waits(const struct hp_slot_view *view)
{
    return (view->waits & 1) != 0;
}

/* Whether anything is to be published. */
void hp__slots_open(bool open);
/* The view of a thread, all 0 if it has no slot; false: it is changing right now. Threads: any. */
bool hp__slot_look(uint64_t thread, struct hp_slot_view *view);
/* The lane that this thread runs has changed: its level, root frame or samples. Hot: a thread-local look
 * unless it is sampled. */
void hp__slot_moved(const struct hp_cap_lane *lane);
/* This thread begins, or has ended, to wait for a lock. Threads: any. Hot: yes. */
void hp__slot_wait(bool begins);
/* Have the processor fetch what hp__slot_look will look at. Hot: yes. */
void hp__slot_expect(uint64_t thread);
/* In a fork's child: there is one thread only. */
void hp__slots_forget(void);

/* ---- sampler.c ---- */

/* A request begins or is lowered to level sample: its samples. Nothing without sampling or memory. With the
 * GIL. */
void hp__sampling_begin(struct hp_cap_request *request);
/* No more samples for it: the tree is the caller's to read until _recycle. False: it has none. */
bool hp__sampling_end(struct hp_cap_request *request);
/* Give them back; also where there are none. */
void hp__sampling_recycle(struct hp_cap_request *request);
/* Estimated cost of the request's samples, on the sampler's thread. */
uint64_t hp__sampling_cost_ns(const struct hp_cap_request *request);
/* enum hp_request_flags that say how the tree came about. */
uint32_t hp__sampling_flags(const struct hp_sampling *sampling);

/* What was sampled since the last call, with the tree of what belongs to no request (for
 * hp_writer_config.take_sampled; ctx is the capture). */
bool hp__sampling_take(void *ctx, struct hp_sampled_row *row);

void hp__sampling_fork_prepare(struct hp_sampling *sampling);
void hp__sampling_fork_parent(struct hp_sampling *sampling);
void hp__sampling_fork_child(struct hp_sampling *sampling);
/* Stop the thread, waiting at most so long. False: it still runs, nothing may be freed. NULL is fine in all
 * of these. */
bool hp__sampling_stop(struct hp_sampling *sampling, uint32_t timeout_ms);
bool hp__sampling_running(const struct hp_sampling *sampling);
void hp__sampling_free(struct hp_sampling *sampling);

#endif
