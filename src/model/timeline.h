/* timeline.h -- what each lane of a request did when: pieces of one state each, and the critical path across
 * them.
 *
 * A record says it in several lists: waits as spans, statements, waits for other lanes as edges. Here they
 * become one line a lane, without gaps or overlaps from the lane's start to its end. Where several say
 * something, the one that explains most wins:
 *
 *     GC  >  SQL  >  a wait's kind  >  waiting for another lane  >  a lock or a poll, which is how one waits for a lane  >  running
 *
 * "Running" is what is left: on a processor, waiting for one, or waiting where nothing could be seen. What
 * each lane needed of processor and run queue is known as sums only.
 */
#ifndef HP_TIMELINE_H
#define HP_TIMELINE_H

#include <stdint.h>
#include "base/arena.h"
#include "model/record.h"
#include "model/whatif.h"

/* Waits are HP_TIMELINE_WAIT + enum hp_wait_kind. */
enum hp_timeline_state {
    HP_TIMELINE_RUN = 0,
    HP_TIMELINE_JOIN,
    HP_TIMELINE_WAIT,
    HP_TIMELINE_SQL = HP_TIMELINE_WAIT + HP_WAIT_KINDS,
    HP_TIMELINE_GC,
    HP_TIMELINE_STATES
};

struct hp_timeline_piece {
    uint64_t t0_ns, t1_ns;
    uint32_t lane;
    uint8_t state;
};

struct hp_timeline_lane {
    uint64_t wait_ns[HP_WAIT_KINDS]; /* sums of the record: complete, also where spans were too many */
    uint64_t critical_ns;
    uint32_t first, count; /* pieces */
};

struct hp_timeline {                  /* borrows nothing; all of it is the arena's */
    struct hp_timeline_piece *pieces; /* by lane, then time */
    struct hp_timeline_lane *lanes;
    struct hp_critical *critical;
    uint32_t piece_count, lane_count, critical_count;
};

/* Make it of a record: at least one lane, the main one. HP_ENOMEM. */
HP_CHECK hp_err hp_timeline_init(struct hp_timeline *timeline, const struct hp_record *record,
                                 struct hp_arena *arena);

/* "run", "other lane", "sql", "gc", or the wait's kind as CONTRACTS names it. */
const char *hp_timeline_state_name(unsigned state);
/* "main", "thread", "pool", "greenlet", "task". */
const char *hp_timeline_lane_kind(uint8_t kind);

#endif
