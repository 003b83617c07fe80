/* moved.h -- what moved between two stretches of one route: functions, statements and waits, told from noise
 * and from drift.
 *
 *     thing       a function's own time (without statements and waits), a statement, a wait of one kind at one place. A function is its file and
 *                 name: an edit above it changes nothing. What is there on both sides has the newer side's symbol
 *     drift       what makes everything slower alike (a busy machine, a newer interpreter): each request is measured against
 *                 its own speed, the median over its steady things of time ÷ usual time. Steady is what nearly all requests of both sides do, and as
 *                 often: one query in place of forty runs the library's functions once each. What the other routes say of the same stretches bounds it
 *                 (a loop that got longer makes what runs after it slower too, as it empties the caches): the nearer to 1 counts
 *     waiting     for a processor is nobody's time: functions, and statements of an engine in the process, are taken without it
 *     changed     rank-sum test on the times so normalised (Mann and Whitney 1947; with ties), false discoveries held at
 *                 5 % over all things of the route (Benjamini and Hochberg 1995), and at least 0.5 % of the route
 *
 * With under 20 steady things no drift is taken out. All functions: Threads: any.
 */
#ifndef HP_MOVED_H
#define HP_MOVED_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "find/compare.h"
#include "find/find.h"

struct hp_moved_test {
    double before_ns, after_ns;    /* trimmed means a request, as measured */
    struct hp_interval difference; /* after − before at the speed of before, 95 %; only of what changed */
    double p;
    bool judged;  /* large enough to be looked at */
    bool changed; /* no noise */
};

/* Test every row of two matrices of nanoseconds: before[thing × n_before + request], after alike. `tests` has
 * room for `things`; `as_often[things]`: what both sides do as often a request, so that its time tells of
 * their speed (NULL: all). `others_drift` as in hp_case; `drift` (may be NULL) is after ÷ before of the
 * requests' speed, 1 where it is not known. Seeded: the same data give the same answer. HP_ENOMEM. */
HP_CHECK hp_err hp_moved_test(const double *before, uint32_t n_before, const double *after, uint32_t n_after,
                              uint32_t things, const bool *as_often, double others_drift,
                              struct hp_arena *scratch, struct hp_moved_test *tests, double *drift);

enum hp_moved_kind { HP_MOVED_FUNCTION, HP_MOVED_STATEMENT, HP_MOVED_WAIT };
const char *hp_moved_kind_name(enum hp_moved_kind kind); /* "function" */

struct hp_moved {
    enum hp_moved_kind kind;
    uint32_t sym;       /* function; place of a wait */
    uint32_t statement; /* of a statement */
    uint8_t wait;       /* enum hp_wait_kind */
    struct hp_moved_test test;
};

/* What changed between the samples of two cases of one route (same dictionary), the largest change first,
 * from `arena`. `enough`: at least HP_COMPARE_ENOUGH sampled requests a side; else nothing is said.
 * HP_ENOMEM. */
HP_CHECK hp_err hp_moved_find(const struct hp_case *before, const struct hp_case *after,
                              struct hp_arena *arena, struct hp_moved **list, uint32_t *count, bool *enough,
                              double *drift);

#endif
