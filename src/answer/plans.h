/* plans.h -- the kept plans of the statements that a route's sampled requests ran, for the rules. */
#ifndef HP_PLANS_H
#define HP_PLANS_H

#include "base/arena.h"
#include "find/find.h"
#include "store/store.h"

/* Put them into `c`; memory from `arena`. Of executions below 1 ms nobody asks, and of no more than 256
 * statements. A plan that cannot be read counts as none. Fails: as hp_store_get_plan but for HP_ENOTFOUND,
 * HP_ENOMEM. Threads: owner of the handle. */
HP_CHECK hp_err hp_plans_load(struct hp_case *c, struct hp_store *store, struct hp_arena *arena,
                              struct hp_errinfo *info);

#endif
