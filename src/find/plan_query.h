/* plan_query.h -- what a SELECT compares with what: enough of its text to know which index would serve which
 * table of the plan.
 *
 * Not a parser of SQL: tokens, the SELECTs in them by parentheses, the tables behind FROM and JOIN, and the
 * conditions that all have to hold (joined by AND). What it does not understand yields no term, so that
 * silence is the worst it does. Works on written and on folded text.
 */
#ifndef HP_PLAN_QUERY_H
#define HP_PLAN_QUERY_H

#include "base/arena.h"
#include "base/str.h"
#include "find/plan.h"

#define HP_QUERY_NONE UINT32_MAX

enum hp_query_op { HP_QUERY_EQUAL, HP_QUERY_IN, HP_QUERY_RANGE, HP_QUERY_OTHER };

struct hp_query_term { /* column OP constant, column = column, or something that no index serves (OTHER;
                          column may be empty) */
    uint32_t scope;
    struct hp_str alias, column;             /* unquoted; alias empty where it is not written */
    struct hp_str other_alias, other_column; /* of a comparison with another column */
    struct hp_str within; /* the column in a function that has to equal a constant; then `column` is empty */
    uint8_t op;
    bool number;          /* compared with a number that is written in the text */
    uint32_t values;      /* of IN: how many are written; a folded list counts 3 */
    uint32_t first, last; /* tokens, last excluded */
};
struct hp_query_source {
    uint32_t scope;
    struct hp_str table, alias; /* unquoted, without schema; table empty: a subquery. alias: the table's name
                                   where there is none */
};
struct hp_query_scope { /* one SELECT */
    uint32_t parent;
    bool either; /* an OR among its conditions: they yield no terms */
    bool limited, ordered, grouped;
    bool sums; /* gives what all its rows come to: GROUP BY, or a count, sum or mean of them first */
};
enum hp_query_hole_kind { HP_QUERY_HOLE_VALUE, HP_QUERY_HOLE_LIMIT, HP_QUERY_HOLE_PATTERN };
struct hp_query_hole { /* a placeholder, or a ? of folded text */
    size_t start, end;
    uint32_t term; /* that it stands in; HP_QUERY_NONE */
    uint8_t kind;
};

struct hp_query {
    struct hp_query_scope *scopes;
    struct hp_query_source *sources;
    struct hp_query_term *terms;
    struct hp_query_hole *holes;
    uint32_t scope_count, source_count, term_count, hole_count;
};

/* Read `text` as `engine` would. Texts are borrowed from it, arrays are from `arena`. Beyond 8,192 tokens, 64
 * SELECTs, 128 tables, 256 conditions or 1,024 placeholders nothing more is seen. Fails: HP_ENOMEM. Threads:
 * any. */
HP_CHECK hp_err hp_query_read(struct hp_str text, enum hp_engine engine, struct hp_arena *arena,
                              struct hp_query *out);

/* The one source that a plan calls `alias`; HP_QUERY_NONE: none, or several. */
uint32_t hp_query_source(const struct hp_query *query, struct hp_str alias);

/* The source whose column a term compares, by its alias, or by the columns that `plan` knows of the scope's
 * tables; HP_QUERY_NONE: not known. `other`: the other side of it. */
uint32_t hp_query_owner(const struct hp_query *query, const struct hp_plan *plan,
                        const struct hp_query_term *term, bool other);

#endif
