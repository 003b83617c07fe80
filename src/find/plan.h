/* plan.h -- one model of an execution plan for every engine, and what is read into it.
 *
 * A plan is asked for by a child process (python/hotplate/explain.py, with the application's driver) and
 * comes back as one JSON document:
 *
 *     {"engine": "postgresql", "version": "15.8", "plan": <as the engine says it>, "tables": [facts about the tables and columns]}
 *
 * plan.c reads that frame, plan_<engine>.c the engine's own part, into nodes: parents first, one operation
 * each. What is kept in the store is the model as JSON ("nodes" instead of "plan"), which the same reader
 * understands. No value of a statement is in it: conditions are folded as statements are (fingerprint.h) when
 * they are read.
 *
 *     Nested loop                         operation   as the engine calls it, without values
 *     ├─ SCAN student s    filter …       access      how a table's rows are found
 *     └─ SEARCH klass k    index PRIMARY  scanned/out rows read and passed on, by the engine's estimate; *_actual if it ran
 */
#ifndef HP_PLAN_H
#define HP_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/jsonread.h"
#include "base/str.h"
#include "hotplate/err.h"
#include "model/dict.h"

#define HP_PLAN_MAX_NODES  2048u
#define HP_PLAN_MAX_TABLES 64u
#define HP_PLAN_MAX_NAMES  256u /* columns and indexes of a table */
#define HP_PLAN_MAX_BYTES  ((size_t)4 << 20)
#define HP_PLAN_NONE       UINT32_MAX

enum hp_plan_access {
    HP_PLAN_NO_TABLE,
    HP_PLAN_SCAN,       /* every row of the table */
    HP_PLAN_INDEX_SCAN, /* every entry of an index */
    HP_PLAN_INDEX,      /* a part of an index */
    HP_PLAN_LOOKUP,     /* at most one row by a key */
    HP_PLAN_ACCESS_COUNT
};
enum hp_plan_flag {
    HP_PLAN_SORT = 1,
    HP_PLAN_TEMPORARY = 2, /* results are kept aside */
    HP_PLAN_REPEATED = 4,  /* runs once a row of something above or before it */
    HP_PLAN_AUTO_INDEX = 8 /* the engine builds an index for this one execution */
};

struct hp_plan_node { /* texts are empty, numbers negative where the engine says nothing */
    uint32_t parent;  /* HP_PLAN_NONE: top */
    struct hp_str operation, table, alias, index, filter;
    uint8_t access, flags;
    double scanned, out, cost, loops;
    double scanned_actual, out_actual;
};

struct hp_plan_column {
    struct hp_str name, type;
    double distinct; /* values, estimated; negative: not known */
    bool cast;       /* compared with a value of another kind, so that no index on it serves */
};
struct hp_plan_index {
    struct hp_str name;
    struct hp_str columns[8]; /* the first ones; empty: an expression */
    uint32_t column_count;
    bool unique, partial;
};
struct hp_plan_table {
    struct hp_str name;
    double rows; /* negative: not known */
    struct hp_plan_column *columns;
    struct hp_plan_index *indexes;
    uint32_t column_count, index_count;
};

struct hp_plan {
    uint8_t engine; /* enum hp_engine */
    struct hp_str version;
    bool examples;         /* example values stood for the parameters */
    bool analyzed;         /* the statement was run */
    double actual_ms;      /* if so; negative: not known */
    struct hp_str why_not; /* no plan: the reason, in words; the rest is empty then */
    struct hp_plan_node *nodes;
    struct hp_plan_table *tables;
    uint32_t count, table_count;
};

/* Read a child's answer or a stored plan. Everything is copied into `arena`. Fails: HP_EFORMAT with a line
 * and the place in `info`, HP_EFULL (more nodes or tables than the caps), HP_ENOMEM. Threads: any. */
HP_CHECK hp_err hp_plan_read(struct hp_str document, struct hp_arena *arena, struct hp_plan *out,
                             struct hp_errinfo *info);

/* Append the model as JSON, as it is stored and as `hotplate explain --json` shows it. Fails by the buffer's
 * error. */
HP_CHECK hp_err hp_plan_put(const struct hp_plan *plan, struct hp_buf *out);

/* "sqlite", "mysql", "mariadb", "postgresql"; HP_ENGINE_UNKNOWN for any other text. */
enum hp_engine hp_plan_engine(struct hp_str name);
const char *hp_plan_engine_name(uint8_t engine);
const char *hp_plan_access_name(uint8_t access);

/* The table's facts by its name, without regard to case; NULL: there are none. Borrowed from the plan. */
const struct hp_plan_table *hp_plan_table(const struct hp_plan *plan, struct hp_str name);
const struct hp_plan_column *hp_plan_column(const struct hp_plan_table *table, struct hp_str name);

#endif
