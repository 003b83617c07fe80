/* plan_mariadb.c -- MariaDB's EXPLAIN FORMAT=JSON and ANALYZE FORMAT=JSON (10.x, 11.x), and what MySQL's
 * first JSON form shares with them.
 *
 * Objects under "table" are accesses; those under "filesort", "query_block", "temporary_table" … are the
 * operations around them. There may be several "table" members in one object. Tables are named by their alias
 * only. "rows" is what one access reads, "filtered" the per cent of it that passes.
 */
#include "find/plan_int.h"

static const char *const operations[] = {"query_block",
                                         "filesort",
                                         "temporary_table",
                                         "table",
                                         "union_result",
                                         "block-nl-join",
                                         "materialized",
                                         "duplicates_removal",
                                         "window_functions_computation",
                                         "expression_cache",
                                         "ordering_operation",
                                         "grouping_operation",
                                         "materialized_from_subquery",
                                         "buffer_result"};

bool hp__plan_my_is_node(struct hp_str key)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (hp_str_eq(key, hp_str_from0(operations[i]))) {
            return true;
        }
    }
    return false;
}

void hp__plan_my_begin(struct hp__plan_build *build, uint32_t at, struct hp_str key)
{
    struct hp_plan_node *node = &build->plan->nodes[at];
    char name[48];
    size_t n = key.n < sizeof name ? key.n : sizeof name;
    for (size_t i = 0; i < n; i++) {
        name[i] = (char)(key.p[i] == '_' ? ' ' : key.p[i]);
    }
    node->operation = hp__plan_text(build, hp_str_make(name, n));
    node->flags |= hp__plan_is(key, "filesort") ? HP_PLAN_SORT : 0;
    node->flags |= hp__plan_is(key, "temporary_table") ? HP_PLAN_TEMPORARY : 0;
}

static uint8_t access_of(struct hp_str type)
{
    static const char *const lookups[] = {"const", "system", "eq_ref"};
    if (hp__plan_is(type, "ALL")) {
        return HP_PLAN_SCAN;
    }
    if (hp__plan_is(type, "index")) {
        return HP_PLAN_INDEX_SCAN;
    }
    for (size_t i = 0; i < sizeof lookups / sizeof *lookups; i++) {
        if (hp__plan_is(type, lookups[i])) {
            return HP_PLAN_LOOKUP;
        }
    }
    return HP_PLAN_INDEX;
}

static void set_text(struct hp__plan_build *build, struct hp_plan_node *node,
                     const struct hp__plan_member *member)
{
    if (hp__plan_is(member->key, "table_name")) {
        node->alias = hp__plan_text(build, member->text);
    } else if (hp__plan_is(member->key, "access_type")) {
        node->access = access_of(member->text);
    } else if (hp__plan_is(member->key, "key")) {
        node->index = hp__plan_text(build, member->text);
    } else if (hp__plan_is(member->key, "attached_condition")) {
        node->filter = hp__plan_folded(build, member->text);
    }
}

static void set_number(struct hp_plan_node *node, const struct hp__plan_member *member)
{
    if (hp__plan_is(member->key, "rows") || hp__plan_is(member->key, "rows_examined_per_scan")) {
        node->scanned = member->number;
    } else if (hp__plan_is(member->key, "filtered") && node->scanned >= 0) {
        node->out = node->scanned * member->number / 100;
    } else if (hp__plan_is(member->key, "r_rows")) {
        node->scanned_actual = member->number;
    } else if (hp__plan_is(member->key, "r_filtered") && node->scanned_actual >= 0) {
        node->out_actual = node->scanned_actual * member->number / 100;
    } else if (hp__plan_is(member->key, "r_loops")) {
        node->loops = member->number;
    } else if (hp__plan_is(member->key, "cost") || hp__plan_is(member->key, "prefix_cost") ||
               hp__plan_is(member->key, "query_cost")) {
        node->cost = member->number;
    }
}

static void set_flag(struct hp_plan_node *node, struct hp_str key)
{
    node->flags |= hp__plan_is(key, "using_filesort") ? HP_PLAN_SORT : 0;
    node->flags |= hp__plan_is(key, "using_temporary_table") ? HP_PLAN_TEMPORARY : 0;
}

void hp__plan_my_member(struct hp__plan_build *build, uint32_t at, const struct hp__plan_member *member)
{
    if (at == HP_PLAN_NONE) {
        return;
    }
    struct hp_plan_node *node = &build->plan->nodes[at];
    bool costs = hp__plan_is(member->inside, "cost_info");
    if (member->inside.n != 0 && !costs) {
        return;
    }
    if (member->token == HP_JSON_TRUE) {
        set_flag(node, member->key);
    } else if (member->token == HP_JSON_TEXT && !costs) {
        set_text(build, node, member);
    }
    if (member->token == HP_JSON_NUMBER || member->token == HP_JSON_TEXT) {
        set_number(node, member);
    }
    if (hp__plan_is(member->key, "r_total_time_ms") && node->parent == HP_PLAN_NONE) {
        build->plan->actual_ms = member->number;
    }
}

static uint32_t block_of(const struct hp_plan *plan, uint32_t at)
{
    while (plan->nodes[at].parent != HP_PLAN_NONE && !hp__plan_is(plan->nodes[at].operation, "query block")) {
        at = plan->nodes[at].parent;
    }
    return at;
}

void hp__plan_my_finish(struct hp__plan_build *build)
{
    struct hp_plan *plan = build->plan;
    uint32_t last = HP_PLAN_NONE; /* block of the table before */
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->nodes[i].access == HP_PLAN_NO_TABLE) {
            continue;
        }
        uint32_t block = block_of(plan, i);
        if (block == last) {
            plan->nodes[i].flags |= HP_PLAN_REPEATED;
        }
        last = block;
    }
}

void hp__plan_mariadb(struct hp__plan_build *build, struct hp_jsonread *json)
{
    static const struct hp__plan_shape shape = {hp__plan_my_is_node, hp__plan_my_member, hp__plan_my_begin};
    hp__plan_walk(build, json, &shape);
    hp__plan_my_finish(build);
}
