/* own.h -- the time that a finding's cause takes on the critical path, measured the same way before and after
 * an edit.
 *
 * Why: "what did the fix save" must not be read off the route, which changes for other reasons too, nor off
 * the finding, which is gone once it is fixed. So the cause is described by what survives the edit, and what
 * the request would take without all of it is compared:
 *
 *     n_plus_one, duplicate_query, slow_query   all executions of the same verb on the same table, wherever they run now, with the library
 *                                               around them (so the batch query that replaced the loop counts)
 *                                               of duplicate_query also what functions make of each answer but the first (made.c)
 *     thread_churn                              all threads and pool items that the same function starts, or one that started none before
 *     unbounded_result, orm_overhead            the same executions, with all that the library does for the functions that run them
 *     hot_function                              the exclusive time of the same function
 *     kinds of waits                            their waits, calls or setups (own_waits.c) in the same function, or in one that had none before
 *     import_in_request, regex_compile, …       all time of the route's requests below such calls, whoever makes them
 *     template_hot                              all templates' own time, and compiling them
 *     gc_pressure                               all collections
 *     tail_latency                              all that the same function does itself, in its statements and waits
 *     cold_start                                the first request's duration
 *     memory_growth                             none: it is gone or it is not
 *
 * Statements of the family that the edit did not touch are in both and cancel out.
 */
#ifndef HP_OWN_H
#define HP_OWN_H

#include "find/find.h"

struct hp_own_key {
    enum hp_finding_kind kind;
    struct hp_str file, function, verb, table; /* borrowed from the dictionary */
    const uint64_t
        *old_sites; /* hashes of the functions that started lanes before; for waits: that had some */
    uint32_t old_site_count;
};

/* Describe the cause of `finding`, found in `before`. Memory from `arena`. HP_ENOMEM. */
HP_CHECK hp_err hp_own_describe(const struct hp_case *before, const struct hp_finding *finding,
                                struct hp_arena *arena, struct hp_own_key *key);

/* Its time in each sampled request of `c` into ns[sample_count]. `is_after`: functions that started no lanes
 * before count too. HP_ENOMEM. Threads: any. */
HP_CHECK hp_err hp_own_measure(const struct hp_case *c, const struct hp_own_key *key, bool is_after,
                               uint64_t *ns);

#endif
