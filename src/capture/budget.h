/* budget.h -- how deep each route may be captured so that our own cost stays under a share of its CPU time.
 *
 * Why a route and not the process: a page of 2 s can bear a tree where one of 200 µs cannot. The share is own
 * cost ÷ the processor time of the application's own work (wall where no CPU time is known): it bounds the
 * slowdown of a request, and our part of a core at any load.
 *
 *     over the budget in a window ──▶ one level down, at once          trace ▶ sample ▶ monitor ▶ count
 *     the level above would fit   ──▶ one level up after STAY_NS, else a trial after a back-off that doubles
 *
 * Windows are of WINDOW_NS and at least one request, so a route leaves trace for count within 5 s when it has
 * a request a second. Times are monotonic nanoseconds. Threads: the caller serialises (the GIL). Fails:
 * never; beyond the table's cap a route goes by the process's own entry (route 0).
 */
#ifndef HP_BUDGET_H
#define HP_BUDGET_H

#include <stdint.h>

#define HP_BUDGET_ROUTES    1024u
#define HP_BUDGET_WINDOW_NS 1000000000u
#define HP_BUDGET_STAY_NS   10000000000u

struct hp_budget_route {
    uint32_t route; /* 0: free, or the process's */
    uint8_t level;  /* allowed now; HP_BUDGET_ANY: no limit */
    uint8_t used;   /* that the window's requests had */
    uint32_t requests;
    uint64_t window_ns, changed_ns, wait_ns; /* begin of the window; last change; until the next trial */
    double own_ns, base_ns;                  /* sums of the window */
    double mean_ns[4]; /* own cost of a request at each level when last seen; 0 unknown */
};
#define HP_BUDGET_ANY 3u

struct hp_budget {
    double share; /* 0: off */
    struct hp_budget_route all, routes[HP_BUDGET_ROUTES];
};

/* The level at which to capture a request of `route` when `asked` is wanted; may start a trial of the next
 * level up. Hot: a probe of the table. */
int hp_budget_level(struct hp_budget *budget, uint32_t route, int asked, uint64_t now_ns);

/* A request of `route` ended: captured at `level`, our cost `own_ns`, the application's own time `base_ns`
 * (both of one request). */
void hp_budget_note(struct hp_budget *budget, uint32_t route, int level, uint64_t own_ns, uint64_t base_ns,
                    uint64_t now_ns);

#endif
