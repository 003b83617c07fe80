/* whatif.h -- what a request would have taken without something: replay over its lanes.
 *
 * Why: a saving is a counterfactual, not a share. Removing 1.3 s from one of forty parallel threads saves
 * nothing when another one is as long. The replay walks the main lane in time order: work moves earlier by
 * what was removed before it; a join waits only until the (shortened) other lane ends; a lane starts when its
 * (shifted) spawn happens.
 *
 * Removals are amounts at points of a lane, so callers need not know exact intervals: an amount takes what
 * the lane does from that point on, then what it did before, and never more than the lane has; time in which
 * the lane waits for another lane is not its own to remove, a fixed delay is by an amount at it.
 *
 * What one lane waits for in another: its start for the spawn (plus the delay that was seen), an executor's
 * item also for the item that ran before it on the same worker (the one that ended last before it began, of
 * the same parent, if it was still running when the item was submitted), a task for the first await (or the
 * end) of the task that began before it on the same loop, or of its parent, JOIN and RESULT for the other's
 * end, WAKE for the point where the other notified. A wait that ended before the other lane did (a timeout)
 * or for an unknown lane is a fixed delay. A lane that nobody joins delays nobody.
 */
#ifndef HP_WHATIF_H
#define HP_WHATIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "model/record.h"

struct hp_removal {
    uint32_t lane;
    uint64_t at_ns; /* where in the lane (relative to the request's start) */
    uint64_t amount_ns;
};

struct hp_whatif { /* scratch for one record; borrowed record */
    const struct hp_record *record;
    struct hp_removal *removals;
    uint32_t count, capacity;
    bool *lane_gone; /* lanes that would not exist at all (their spawn and join cost nothing either) */
    struct hp_arena *arena;
    struct hp__replay *replay; /* the lanes cut at their events */
};

/* Start with nothing removed; memory from `arena`. HP_ENOMEM. */
HP_CHECK hp_err hp_whatif_init(struct hp_whatif *what, const struct hp_record *record,
                               struct hp_arena *arena);
/* Take `amount_ns` out of a lane at a time. HP_ENOMEM. */
HP_CHECK hp_err hp_whatif_remove(struct hp_whatif *what, uint32_t lane, uint64_t at_ns, uint64_t amount_ns);
/* Take a lane out altogether, with the lanes below it. */
void hp_whatif_remove_lane(struct hp_whatif *what, uint32_t lane);
/* The request's duration (wall − own) with all removals applied. Never above the original, and equal to it
 * when nothing was removed. Linear in lanes, edges and removals. */
uint64_t hp_whatif_duration_ns(struct hp_whatif *what);
/* The part of the critical path that lies in `lane` (original record, nothing removed): for shares. Over all
 * lanes it adds up to the main lane's time; the delay before a lane starts is the lane's. 0 without
 * memory. */
uint64_t hp_whatif_lane_critical_ns(const struct hp_record *record, uint32_t lane, struct hp_arena *arena);

/* The critical path of the original record itself: stretches in order of time that touch each other, from the
 * request's start to its end; neighbours are of different lanes. Memory from `arena`. HP_ENOMEM. */
struct hp_critical {
    uint64_t t0_ns, t1_ns;
    uint32_t lane;
};
HP_CHECK hp_err hp_whatif_critical(const struct hp_record *record, struct hp_arena *arena,
                                   struct hp_critical **path, uint32_t *count);

#endif
