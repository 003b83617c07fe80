/* plan_int.h -- what the readers of engines' plans share: making nodes, and a walk over nested JSON without
 * recursion. */
#ifndef HP_PLAN_INT_H
#define HP_PLAN_INT_H

#include "find/plan.h"
#include "model/fingerprint.h"

#define HP__PLAN_DEPTH 96u

struct hp__plan_build {
    struct hp_arena *arena;
    struct hp_plan *plan;
    uint32_t capacity;
    struct hp_buf fold; /* scratch for conditions; its owner ends it */
    hp_err err;
};

/* A new node below `parent`, all unknown; its number, HP_PLAN_NONE after an error (kept in build->err). */
uint32_t hp__plan_node(struct hp__plan_build *build, uint32_t parent);
/* A copy in the arena; empty without memory (build->err). */
struct hp_str hp__plan_text(struct hp__plan_build *build, struct hp_str text);
/* The same with values folded, in the plan's dialect. */
struct hp_str hp__plan_folded(struct hp__plan_build *build, struct hp_str text);
/* Same letters without regard to ASCII case. */
bool hp__plan_same(struct hp_str a, struct hp_str b);
bool hp__plan_is(struct hp_str text, const char *word);
/* Whether `part` is in `text`; `*at`: where (may be NULL). */
bool hp__plan_has(struct hp_str text, const char *part, size_t *at);

struct hp__plan_member {
    struct hp_str key, inside;
    enum hp_json_token token;
    struct hp_str text; /* of a text or number */
    double number;      /* of a number, and of a text that is one; else 0 */
};

/* How an engine's JSON becomes nodes: which objects are nodes, and what their members say. */
struct hp__plan_shape {
    /* The object under this key (of an array: the array's key) is a node. */
    bool (*is_node)(struct hp_str key);
    /* A member of a node's object, or of a plain object inside of it (`inside`: the key of that one, else
     * empty): text, number, true, false; elements of arrays one by one. `node` is HP_PLAN_NONE outside of all
     * nodes. */
    void (*member)(struct hp__plan_build *build, uint32_t node, const struct hp__plan_member *member);
    /* The node's object begins under this key (may be NULL). */
    void (*begin)(struct hp__plan_build *build, uint32_t node, struct hp_str key);
};

/* Walk the value whose first token was read last. */
void hp__plan_walk(struct hp__plan_build *build, struct hp_jsonread *json,
                   const struct hp__plan_shape *shape);

/* One a engine; the value's first token was read last. Errors: in build->err, or the reader's. */
void hp__plan_sqlite(struct hp__plan_build *build, struct hp_jsonread *json);
void hp__plan_mariadb(struct hp__plan_build *build, struct hp_jsonread *json);
void hp__plan_mysql(struct hp__plan_build *build, struct hp_jsonread *json);
void hp__plan_postgresql(struct hp__plan_build *build, struct hp_jsonread *json);
/* What MariaDB and MySQL 8 have in common; also of those nodes that have a table before them in the same
 * block: read once a row of that one. */
bool hp__plan_my_is_node(struct hp_str key);
void hp__plan_my_begin(struct hp__plan_build *build, uint32_t node, struct hp_str key);
void hp__plan_my_member(struct hp__plan_build *build, uint32_t node, const struct hp__plan_member *member);
void hp__plan_my_finish(struct hp__plan_build *build);

#endif
