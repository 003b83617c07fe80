/* change.h -- two stretches compared: did the fix save what was predicted?
 *
 *     route     all requests of both stretches: median (and p50 … p99 for gates) with bootstrap intervals; noise is never called a
 *               change, and neither is what the machine did (find/steady.h)
 *     finding   the change of its cause's own time on the critical path (find/own.h), over the sampled requests
 *
 *     in before, not in after, saved ≥ half of predicted, interval above 0,    fixed
 *     and most answers have the status that they had
 *     in before otherwise                                                     open
 *     in after only, and its cause's own time was there before                 open (it stood behind a larger one)
 *     in after only, was fixed once (the store's state table)                  returned
 *     in after only                                                            new
 *
 *     moved     functions, statements and waits whose time changed (find/moved.h), at the speed of before
 *
 * Under 8 requests a side a route has "not enough data"; a finding needs 3 a side to be called fixed.
 */
#ifndef HP_CHANGE_H
#define HP_CHANGE_H

#include "answer/gate.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "find/compare.h"
#include "find/find.h"
#include "find/moved.h"
#include "store/store.h"

struct hp_change_options {
    struct hp_scope before, after;
    struct hp_str before_name, after_name; /* as the user wrote them */
    bool keep_states; /* fixed, open, returned go to the store's state table, if it can be written */
    uint64_t now_ns;
    uint32_t most_routes, most_requests; /* 0: 30 of each side, and 60 to 200 by the share of the route */
};

struct hp_change_route {
    uint32_t route;
    struct hp_str name;
    uint64_t requests_before, requests_after;
    double before_ns, after_ns;    /* medians; meaningful if there are requests on that side */
    struct hp_interval difference; /* after − before, 95 % */
    bool enough, changed;          /* changed: beyond noise, and not the machine's */
    bool machine; /* the median changed, and most of that is time without a processor or a machine of another
                     speed */
    struct hp_gate_route gate;
    struct hp_change_moved *moved; /* functions, statements and waits that changed, the largest first */
    uint32_t moved_count;
    bool moved_enough; /* sampled requests with detail on both sides to say so */
    double drift;      /* after ÷ before of what everything takes alike; 1 where it is not known */
    uint16_t status_before, status_after; /* of most sampled requests; 0: of most there is none */
};

/* The route answers something else than before (errors, a page to log in): its times say nothing of a fix. */
static inline bool hp_change_other_answers(const struct hp_change_route *route)
{
    return route->status_before != 0 && route->status_after != 0 &&
           route->status_before != route->status_after;
}

struct hp_change_moved {
    struct hp_moved moved;
    struct hp_str file, function, statement; /* of a wait: the function that waited */
    uint32_t line;                           /* where the function begins */
    bool application;
};

struct hp_change_finding {
    struct hp_finding finding; /* its per-request arrays must not be used any more */
    uint32_t route;            /* index in routes */
    uint8_t state;             /* enum hp_state */
    struct hp_str file, function;
    uint32_t line;
    bool behind;                 /* in after only, but no new cost: its own time was there before */
    bool has_measured;           /* both sides have sampled requests, and it was in before */
    struct hp_interval measured; /* ns saved, 95 % */
};

struct hp_change {
    struct hp_change_options options;
    struct hp_change_route *routes;     /* by total time over both sides */
    struct hp_change_finding *findings; /* those of before by predicted saving, then those of after only */
    uint32_t route_count, finding_count, new_count; /* new or returned */
};

/* Compare. Everything comes from `arena` or is borrowed from the store handle. Fails: as the store says,
 * HP_ENOMEM. Threads: owner of the handle. */
HP_CHECK hp_err hp_change_load(struct hp_store *store, const struct hp_change_options *options,
                               struct hp_arena *arena, struct hp_change *change, struct hp_errinfo *info);

/* `compare --json` (CONTRACTS, JSON) at the end of `out`. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_change_json(const struct hp_change *change, bool pretty, struct hp_buf *out);

/* The same but the schema, as members of an object that the caller has begun. */
void hp_change_json_members(struct hp_json *json, const struct hp_change *change);

/* The comparison for people. Errors stick in `out`. */
void hp_change_text(const struct hp_change *change, struct hp_buf *out);

/* Whether a gate fails; the reasons, a line each, go to `why` (may be NULL). */
bool hp_change_fails(const struct hp_change *change, const struct hp_gate *gate, struct hp_buf *why);

#endif
