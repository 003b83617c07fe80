/* before.h -- what a report is set against: the revision before, or the label recorded before. */
#ifndef HP_BEFORE_H
#define HP_BEFORE_H

#include "base/arena.h"
#include "store/store.h"

struct hp_before {
    struct hp_scope scope; /* of the same range and route */
    struct hp_str name;    /* "revision 1a2b3c4", "label before"; empty: there is none */
};

/* What was recorded before `scope`: with a label the stretch that ended last before it began, else the
 * revision of the last request that began before the first one of `revision` (empty: none is looked for).
 * Texts from `arena`. Fails: as the store says, HP_ENOMEM. Threads: owner of the handle. */
HP_CHECK hp_err hp_before_find(struct hp_store *store, const struct hp_scope *scope, struct hp_str revision,
                               struct hp_str label, struct hp_arena *arena, struct hp_before *before,
                               struct hp_errinfo *info);

#endif
