/* plan_sums.c -- see plan_sums.h. */
#include "find/plan_sums.h"

#define MOST_ROW_NS 5000.0

/* No condition stands in the way of an index, and nothing is sorted or cut off on the way. */
static bool is_plain(const struct hp_query *query)
{
    for (uint32_t i = 0; i < query->scope_count; i++) {
        const struct hp_query_scope *scope = &query->scopes[i];
        if (scope->either || (i > 0 && (scope->ordered || scope->limited))) {
            return false;
        }
    }
    for (uint32_t i = 0; i < query->term_count; i++) {
        if (query->terms[i].op == HP_QUERY_OTHER) {
            return false;
        }
    }
    return query->scope_count != 0 && query->scopes[0].sums;
}

bool hp_plan_sums(const struct hp_plan *plan, const struct hp_query *query, double took_ns)
{
    double rows = 0;
    if (!is_plain(query)) {
        return false;
    }
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct hp_plan_node *node = &plan->nodes[i];
        bool whole = node->access == HP_PLAN_SCAN || node->access == HP_PLAN_INDEX_SCAN;
        if ((node->flags & HP_PLAN_AUTO_INDEX) || (whole && (node->flags & HP_PLAN_REPEATED))) {
            return false;
        }
        const struct hp_plan_table *table =
            node->access != HP_PLAN_NO_TABLE ? hp_plan_table(plan, node->table) : NULL;
        rows += table != NULL && table->rows > 0 ? table->rows : 0;
    }
    return took_ns <= rows * MOST_ROW_NS;
}
