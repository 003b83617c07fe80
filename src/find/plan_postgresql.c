/* plan_postgresql.c -- PostgreSQL's EXPLAIN (FORMAT JSON), 9.x to 18: [{"Plan": {"Node Type": …, "Plans":
 * [{…}]}}].
 *
 * How many rows a sequential scan reads is not in the plan (the size of the table is, plan.c puts it there);
 * "Plan Rows" is what the node passes on.
 */
#include "find/plan_int.h"

static bool is_node(struct hp_str key)
{
    return hp__plan_is(key, "Plan") || hp__plan_is(key, "Plans");
}

static void set_type(struct hp__plan_build *build, struct hp_plan_node *node, struct hp_str type)
{
    node->operation = hp__plan_text(build, type);
    if (hp__plan_is(type, "Seq Scan") || hp__plan_is(type, "Sample Scan") ||
        hp__plan_is(type, "Foreign Scan")) {
        node->access = HP_PLAN_SCAN;
    } else if (hp__plan_is(type, "Index Scan") || hp__plan_is(type, "Index Only Scan")) {
        node->access = HP_PLAN_INDEX_SCAN; /* until an "Index Cond" is seen */
    } else if (hp__plan_is(type, "Bitmap Heap Scan") || hp__plan_is(type, "Bitmap Index Scan") ||
               hp__plan_is(type, "Tid Scan") || hp__plan_is(type, "Tid Range Scan")) {
        node->access = HP_PLAN_INDEX;
    } else if (hp__plan_is(type, "Sort") || hp__plan_is(type, "Incremental Sort")) {
        node->flags |= HP_PLAN_SORT;
    } else if (hp__plan_is(type, "Materialize")) {
        node->flags |= HP_PLAN_TEMPORARY;
    }
}

static bool is_kept(struct hp_str type)
{
    return hp__plan_is(type, "Materialize") || hp__plan_is(type, "Hash") || hp__plan_is(type, "Memoize");
}

/* The inner side of a nested loop and a correlated subquery run again and again, and so does what is below
 * them unless it is kept. */
static void set_relation(struct hp__plan_build *build, struct hp_plan_node *node, struct hp_str relation)
{
    if (node->parent == HP_PLAN_NONE) {
        return;
    }
    const struct hp_plan_node *parent = &build->plan->nodes[node->parent];
    bool inner = hp__plan_is(relation, "Inner") && hp__plan_is(parent->operation, "Nested Loop");
    bool below = (parent->flags & HP_PLAN_REPEATED) && !is_kept(parent->operation);
    if (hp__plan_is(relation, "InitPlan")) {
        return;
    }
    if (inner || below || hp__plan_is(relation, "SubPlan")) {
        node->flags |= HP_PLAN_REPEATED;
    }
}

static void set_text(struct hp__plan_build *build, struct hp_plan_node *node,
                     const struct hp__plan_member *member)
{
    if (hp__plan_is(member->key, "Node Type")) {
        set_type(build, node, member->text);
    } else if (hp__plan_is(member->key, "Parent Relationship")) {
        set_relation(build, node, member->text);
    } else if (hp__plan_is(member->key, "Relation Name")) {
        node->table = hp__plan_text(build, member->text);
    } else if (hp__plan_is(member->key, "Alias")) {
        node->alias = hp__plan_text(build, member->text);
    } else if (hp__plan_is(member->key, "Index Name")) {
        node->index = hp__plan_text(build, member->text);
    } else if (hp__plan_is(member->key, "Index Cond")) {
        node->access = node->access == HP_PLAN_INDEX_SCAN ? HP_PLAN_INDEX : node->access;
    } else if (hp__plan_is(member->key, "Filter") || hp__plan_is(member->key, "Join Filter")) {
        node->filter = hp__plan_folded(build, member->text);
    }
}

static void set_number(struct hp_plan_node *node, const struct hp__plan_member *member)
{
    if (hp__plan_is(member->key, "Plan Rows")) {
        node->out = member->number;
    } else if (hp__plan_is(member->key, "Total Cost")) {
        node->cost = member->number;
    } else if (hp__plan_is(member->key, "Actual Rows")) {
        node->out_actual = member->number;
    } else if (hp__plan_is(member->key, "Actual Loops")) {
        node->loops = member->number;
    } else if (hp__plan_is(member->key, "Rows Removed by Filter") && node->out_actual >= 0) {
        node->scanned_actual = node->out_actual + member->number;
    }
}

static void member(struct hp__plan_build *build, uint32_t at, const struct hp__plan_member *member)
{
    if (at == HP_PLAN_NONE) {
        if (hp__plan_is(member->key, "Execution Time") && member->token == HP_JSON_NUMBER) {
            build->plan->actual_ms = member->number;
        }
    } else if (member->inside.n == 0 && member->token == HP_JSON_TEXT) {
        set_text(build, &build->plan->nodes[at], member);
    } else if (member->inside.n == 0 && member->token == HP_JSON_NUMBER) {
        set_number(&build->plan->nodes[at], member);
    }
}

void hp__plan_postgresql(struct hp__plan_build *build, struct hp_jsonread *json)
{
    static const struct hp__plan_shape shape = {is_node, member, NULL};
    hp__plan_walk(build, json, &shape);
}
