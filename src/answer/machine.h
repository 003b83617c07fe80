/* machine.h -- how much slower computing was in one stretch than in an earlier one, as the other routes tell.
 *
 * Why: a route that is compared with itself cannot tell code that became slower from a machine that did.
 * Routes that ran in both stretches, in turn with it, can: where the machine is slower they all compute
 * longer. Measured by processor time, which waiting for a processor is no part of.
 */
#ifndef HP_MACHINE_H
#define HP_MACHINE_H

#include "base/arena.h"
#include "store/store.h"

#define HP_MACHINE_ROUTES 64u /* looked at; those beyond are no witnesses */

struct hp_machine {
    struct {
        uint32_t route;
        double ratio; /* median processor time of now ÷ before */
    } list[HP_MACHINE_ROUTES];
    uint32_t count;
};

/* Measure the routes that have HP_COMPARE_ENOUGH requests in both scopes, whatever route the scopes name.
 * Fails: as the store says, HP_ENOMEM. Threads: owner of the handle. */
HP_CHECK hp_err hp_machine_load(struct hp_store *store, const struct hp_scope *before,
                                const struct hp_scope *now, struct hp_machine *out, struct hp_errinfo *info);

/* The median over all routes but this one; 0: there is no other. */
double hp_machine_others(const struct hp_machine *machine, uint32_t route);

#endif
