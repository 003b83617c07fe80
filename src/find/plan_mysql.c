/* plan_mysql.c -- MySQL's EXPLAIN FORMAT=JSON in both its forms: up to 8.x (as MariaDB's, see
 * plan_mariadb.c), and version 2, the default of 9.x:
 * {"query_plan": {"operation": "Table scan on s", "access_type": "table", "inputs": [{…}]}}.
 *
 * Version 2 writes values into its operations' names; what follows the first colon, parenthesis, "on",
 * "using" or "over" is left out. A filter is a node of its own there: its condition and rows are moved to the
 * access below it, as the other engines have them.
 */
#include "find/plan_int.h"

static bool is_node(struct hp_str key)
{
    return hp__plan_is(key, "query_plan") || hp_str_starts(key, HP_STR("inputs")) || hp__plan_my_is_node(key);
}

static void begin(struct hp__plan_build *build, uint32_t at, struct hp_str key)
{
    if (hp__plan_my_is_node(key)) {
        hp__plan_my_begin(build, at, key);
    }
}

static void set_operation(struct hp__plan_build *build, struct hp_plan_node *node, struct hp_str text)
{
    static const char *const ends[] = {":", " (", " over ", " on ", " using "};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t at;
        if (hp__plan_has(text, ends[i], &at)) {
            text.n = at;
        }
    }
    node->operation = hp__plan_text(build, text);
    if (node->access == HP_PLAN_INDEX && hp_str_starts(text, HP_STR("Single-row"))) {
        node->access = HP_PLAN_LOOKUP;
    }
}

static void set_access(struct hp_plan_node *node, struct hp_str type)
{
    if (hp__plan_is(type, "table")) {
        node->access = HP_PLAN_SCAN;
    } else if (hp__plan_is(type, "index")) {
        bool single = hp_str_starts(node->operation, HP_STR("Single-row"));
        node->access = single ? HP_PLAN_LOOKUP : HP_PLAN_INDEX;
    } else if (hp__plan_is(type, "rows_fetched_before_execution")) {
        node->access = HP_PLAN_LOOKUP;
    } else if (hp__plan_is(type, "sort")) {
        node->flags |= HP_PLAN_SORT;
    } else if (hp__plan_is(type, "materialize") || hp__plan_is(type, "temp_table_aggregate")) {
        node->flags |= HP_PLAN_TEMPORARY;
    }
}

static void set_text(struct hp__plan_build *build, struct hp_plan_node *node,
                     const struct hp__plan_member *member)
{
    if (hp__plan_is(member->key, "operation")) {
        set_operation(build, node, member->text);
    } else if (hp__plan_is(member->key, "access_type")) {
        set_access(node, member->text);
    } else if (hp__plan_is(member->key, "index_access_type")) {
        node->access = hp__plan_is(member->text, "index_scan") ? HP_PLAN_INDEX_SCAN : node->access;
    } else if (hp__plan_is(member->key, "table_name")) {
        node->table = hp__plan_text(build, member->text);
    } else if (hp__plan_is(member->key, "alias")) {
        node->alias = hp__plan_text(build, member->text);
    } else if (hp__plan_is(member->key, "index_name")) {
        node->index = hp__plan_text(build, member->text);
    } else if (hp__plan_is(member->key, "condition")) {
        node->filter = hp__plan_folded(build, member->text);
    }
}

static void set_number(struct hp__plan_build *build, struct hp_plan_node *node,
                       const struct hp__plan_member *member)
{
    if (hp__plan_is(member->key, "estimated_rows")) {
        node->out = member->number;
    } else if (hp__plan_is(member->key, "estimated_total_cost")) {
        node->cost = member->number;
    } else if (hp__plan_is(member->key, "actual_rows")) {
        node->out_actual = member->number;
    } else if (hp__plan_is(member->key, "actual_loops")) {
        node->loops = member->number;
    } else if (hp__plan_is(member->key, "actual_last_row_ms") && node->parent == HP_PLAN_NONE) {
        build->plan->actual_ms = member->number;
    }
}

/* Nodes of version 2 have an operation of their own to begin with; those of version 1 have got theirs from
 * their key. */
static bool is_first_form(const struct hp_plan_node *node)
{
    return hp__plan_is(node->operation, "table") || hp__plan_is(node->operation, "query block") ||
           hp_str_ends(node->operation, HP_STR("operation")) ||
           hp__plan_is(node->operation, "duplicates removal");
}

static void member(struct hp__plan_build *build, uint32_t at, const struct hp__plan_member *member)
{
    if (at == HP_PLAN_NONE) {
        return;
    }
    struct hp_plan_node *node = &build->plan->nodes[at];
    if (is_first_form(node)) {
        hp__plan_my_member(build, at, member);
    } else if (member->inside.n == 0 && member->token == HP_JSON_TEXT) {
        set_text(build, node, member);
    } else if (member->inside.n == 0 && member->token == HP_JSON_NUMBER) {
        set_number(build, node, member);
    } else if (member->token == HP_JSON_TRUE && hp__plan_is(member->key, "dependent")) {
        node->flags |= HP_PLAN_REPEATED;
    }
}

/* Not the first input of a nested loop: looked into once a row of the first. */
static bool is_inner(const struct hp_plan *plan, uint32_t at)
{
    uint32_t parent = plan->nodes[at].parent;
    return parent != HP_PLAN_NONE && at != parent + 1 &&
           hp_str_starts(plan->nodes[parent].operation, HP_STR("Nested loop"));
}

static void finish_second_form(struct hp_plan *plan)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        struct hp_plan_node *node = &plan->nodes[i];
        struct hp_plan_node *parent = node->parent == HP_PLAN_NONE ? NULL : &plan->nodes[node->parent];
        if (is_inner(plan, i) || (parent != NULL && (parent->flags & HP_PLAN_REPEATED))) {
            node->flags |= HP_PLAN_REPEATED;
        }
        if (node->access == HP_PLAN_NO_TABLE) {
            continue;
        }
        node->scanned = node->out;
        node->scanned_actual = node->out_actual;
        if (parent != NULL && hp__plan_is(parent->operation, "Filter") && node->filter.n == 0) {
            node->filter = parent->filter;
            node->out = parent->out;
            node->out_actual = parent->out_actual;
        }
    }
}

void hp__plan_mysql(struct hp__plan_build *build, struct hp_jsonread *json)
{
    static const struct hp__plan_shape shape = {is_node, member, begin};
    hp__plan_walk(build, json, &shape);
    bool first = build->plan->count != 0 && is_first_form(&build->plan->nodes[0]);
    if (first) {
        hp__plan_my_finish(build);
    } else {
        finish_second_form(build->plan);
    }
}
