/* plan_advice.h -- what is wrong with a plan, in sentences, and the index that would help.
 *
 * An index is proposed only where it is plain that it serves: a table of 1,000 rows or more is read as a
 * whole (or indexed for this one execution) for at most 5 % of them, by columns that are compared as they
 * are. Silent for: small tables; few different values; LOWER(x), LIKE and other expressions; OR; a text
 * compared with a number (implicit cast); an index that begins with such a column already, which the engine
 * has not taken; a LIMIT that ends the scan early.
 *
 * How many rows stay is worked out from (first that is known): the rows that executions returned, where every
 * condition is the index's; PostgreSQL's own estimate; the number of different values of the columns.
 */
#ifndef HP_PLAN_ADVICE_H
#define HP_PLAN_ADVICE_H

#include "base/arena.h"
#include "find/plan.h"
#include "find/plan_query.h"

#define HP_PLAN_MIN_ROWS      1000.0
#define HP_PLAN_MAX_SHARE     0.05
#define HP_PLAN_INDEX_COLUMNS 4u
#define HP_PLAN_MAX_ADVICE    16u

struct hp_plan_advice {
    uint32_t node;
    struct hp_str text;  /* what is wrong, a sentence without a full stop */
    struct hp_str index; /* CREATE INDEX …; empty: nothing to create */
    struct hp_str table, columns[HP_PLAN_INDEX_COLUMNS];
    uint32_t column_count;
    double scanned, wanted; /* with an index: rows that one execution reads in this node now, and with it */
};
struct hp_plan_advices {
    struct hp_plan_advice list[HP_PLAN_MAX_ADVICE];
    uint32_t count;
};

/* Put the names of the tables into nodes that have an alias only, and the tables' sizes into scans without
 * one. */
void hp_plan_resolve(struct hp_plan *plan, const struct hp_query *query);

/* Judge a resolved plan. `returned`: rows that an execution gives (negative: not known). Texts from `arena`.
 * Fails: HP_ENOMEM. Threads: any. */
HP_CHECK hp_err hp_plan_advise(const struct hp_plan *plan, const struct hp_query *query, double returned,
                               struct hp_arena *arena, struct hp_plan_advices *out);

/* The column with an index that an execution's one row of 20 or less is looked for by, which the plan reads
 * the whole table for all the same: the value is not of the column's kind, or of another collation, or
 * (*within) the column stands in a function. Empty: there is none. Of a resolved plan; borrowed from it.
 * Pure. Threads: any. */
struct hp_str hp_plan_unserved(const struct hp_plan *plan, const struct hp_query *query, double returned,
                               bool *within);

#endif
