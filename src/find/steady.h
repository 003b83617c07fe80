/* steady.h -- how much of a route's change is its own: without waiting for a processor, computing at the
 * speed of before.
 *
 *     request ──▶ duration − time in which no processor was free ──▶ its CPU part ÷ drift ──▶ quantile of each side ──▶ difference
 *
 * All functions: Threads: any.
 */
#ifndef HP_STEADY_H
#define HP_STEADY_H

#include "base/arena.h"
#include "find/compare.h"
#include "find/find.h"

struct hp_steady {
    struct hp_interval own; /* after − before of the quantile, 95 % */
    double before_ns;       /* the quantile before, without waiting for a processor */
    double all_ns;          /* after − before as measured */
    bool changed;           /* `own` is beyond noise */
    bool throughout; /* and, of a median, so in each third of both stretches: what lasts for a while only is
                        no work of the code */
};

/* Compare the sampled requests of both sides; `drift` as hp_moved_find says. Seeded. HP_ENOMEM. */
HP_CHECK hp_err hp_steady_compare(const struct hp_case *before, const struct hp_case *after, double drift,
                                  double quantile, struct hp_arena *arena, struct hp_steady *out);

/* Whether most of what was measured is the machine's and not the route's. */
static inline bool hp_steady_is_machine(const struct hp_steady *steady)
{
    return steady->all_ns > 0 ? steady->own.value * 2 < steady->all_ns
                              : steady->own.value * 2 > steady->all_ns;
}

#endif
