/* explained.h -- the plan that is kept of a statement, and what there is to say about one: `hotplate explain`
 * and the dashboard show the same. */
#ifndef HP_EXPLAINED_H
#define HP_EXPLAINED_H

#include "base/json.h"
#include "find/plan_advice.h"
#include "store/store.h"

struct hp_explained { /* texts from the arena */
    struct hp_plan plan;
    struct hp_query query; /* of the statement's text */
    uint64_t at_ns;        /* wall: when the plan was made */
};

/* The newest plan of a statement; all from `arena`. HP_ENOTFOUND: none is kept; else as hp_store_get_plan,
 * HP_EFORMAT, HP_ENOMEM. Threads: owner of the handle. */
HP_CHECK hp_err hp_explained_recall(struct hp_store *store, const struct hp_statement *statement,
                                    struct hp_arena *arena, struct hp_explained *out,
                                    struct hp_errinfo *info);

/* Members `plan` and `advice` (docs/formats/cli.md). HP_EFULL, HP_ENOMEM. Threads: any. */
HP_CHECK hp_err hp_explained_put(struct hp_json *json, const struct hp_plan *plan,
                                 const struct hp_plan_advices *advices);

/* Members about the kept plan: `at` (ms since 1970), `plan` and `advice`, or `why_not` where the database was
 * asked in vain; none if no plan is kept. `returned`: rows that an execution gives (negative: not known).
 * Fails as hp_explained_recall but for HP_ENOTFOUND. */
HP_CHECK hp_err hp_explained_put_kept(struct hp_json *json, struct hp_store *store,
                                      const struct hp_statement *statement, double returned,
                                      struct hp_arena *arena, struct hp_errinfo *info);

#endif
