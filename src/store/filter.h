/* filter.h -- a scope at work: which rows a question is about, handed out one by one.
 *
 * Why: every question begins alike (snapshot, rows in memory, route and revision) and ends alike. Private to
 * src/store; the questions are in routes.c, pick.c and merge.c.
 */
#ifndef HP_FILTER_H
#define HP_FILTER_H

#include "store/load.h"

struct hp__filter {
    struct hp_store *store;       /* NULL until the question has begun */
    const struct hp_scope *scope; /* borrowed */
    uint8_t *routes;              /* owned; by route id: 0 not looked at, 1 in, 2 out */
    uint32_t route_count;
    uint32_t route, revision; /* exact ids; route 0: any */
    bool by_revision;
    hp_narrow_fn fn; /* of the pass that runs */
    void *ctx;
    hp_err err; /* sticky: no memory */
};

/* Begin a question: snapshot, rows of the range in memory, route and revision. `route` 0: as the scope says.
 * Owes hp__filter_fini whatever the result. Fails as reading does, with `info`. */
HP_CHECK hp_err hp__filter_init(struct hp__filter *filter, struct hp_store *store,
                                const struct hp_scope *scope, uint32_t route, struct hp__stamp *stamp,
                                struct hp_errinfo *info);
void hp__filter_fini(struct hp__filter *filter);

/* Every row in scope, oldest number first: from memory, or streamed when memory holds only some of them;
 * `sampled`: some will do. `fn` must not ask the store. */
HP_CHECK hp_err hp__filter_rows(struct hp__filter *filter, bool sampled, hp_narrow_fn fn, void *ctx,
                                struct hp_errinfo *info);

/* Of the newest `most` numbers of the range those in scope; of few rows all. */
HP_CHECK hp_err hp__filter_newest_rows(struct hp__filter *filter, uint64_t most, hp_narrow_fn fn, void *ctx,
                                       struct hp_errinfo *info);

/* Whether what is asked is known without each row: memory holds some of them only, and what all are
 * together. */
bool hp__filter_has_totals(const struct hp__filter *filter);

/* Those whose number is above `after`, read from the back end. */
HP_CHECK hp_err hp__filter_rows_after(struct hp__filter *filter, uint64_t after, hp_narrow_fn fn, void *ctx,
                                      struct hp_errinfo *info);

/* Whether a row is in scope. False with filter->err without memory. */
bool hp__filter_takes(struct hp__filter *filter, const struct hp_narrow_row *row);

/* Whether a route and a revision (ids of the handle's dictionary) are in scope. False with filter->err
 * without memory. */
bool hp__filter_wants(struct hp__filter *filter, uint32_t route, uint32_t revision);

/* The row that started last; row 0: none. `newest` is zero before. */
struct hp__newest {
    uint64_t start_ns, row;
    uint32_t revision;
};
HP_CHECK hp_err hp__filter_newest(struct hp__filter *filter, struct hp__newest *newest,
                                  struct hp_errinfo *info);

/* Whether it asks for durations or levels, which only rows know exactly. */
bool hp__scope_is_brushed(const struct hp_scope *scope);

#endif
