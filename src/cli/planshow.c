/* planshow.c -- see planshow.h. */
#include "cli/planshow.h"

#include "answer/explained.h"
#include "base/show.h"
#include "cli/output.h"
#include "cli/table.h"
#include "model/record.h"

#define FILTER_CUT 100
#define MOST_DEPTH 40

static uint64_t as_count(double value)
{
    return value < 0 ? HP_ABSENT : (uint64_t)(value + 0.5);
}

static int depth_of(const struct hp_plan *plan, uint32_t at)
{
    int depth = 0;
    while (plan->nodes[at].parent != HP_PLAN_NONE && depth < MOST_DEPTH) {
        at = plan->nodes[at].parent;
        depth++;
    }
    return depth;
}

static void put_name(struct hp_buf *cell, const struct hp_plan *plan, uint32_t at)
{
    const struct hp_plan_node *node = &plan->nodes[at];
    hp_buf_printf(cell, "%*s", 2 * depth_of(plan, at), "");
    hp_output_text(cell, node->operation);
    if (node->table.n != 0) {
        hp_buf_put_u8(cell, ' ');
        hp_output_text(cell, node->table);
        if (node->alias.n != 0 && !hp_str_eq(node->alias, node->table)) {
            hp_buf_put_u8(cell, ' ');
            hp_output_text(cell, node->alias);
        }
    }
}

static void put_remarks(struct hp_buf *cell, const struct hp_plan_node *node)
{
    const char *comma = "";
    if (node->access != HP_PLAN_NO_TABLE) {
        hp_buf_printf(cell, "%s",
                      node->access == HP_PLAN_SCAN ? "whole table" : hp_plan_access_name(node->access));
        comma = ", ";
    }
    if (node->flags & HP_PLAN_AUTO_INDEX) {
        hp_buf_printf(cell, "%sindexed for this execution", comma);
        comma = ", ";
    }
    if (node->flags & HP_PLAN_REPEATED) {
        hp_buf_printf(cell, "%srepeated", comma);
        comma = ", ";
    }
    if (node->filter.n != 0) {
        struct hp_str cut = hp_utf8_cut(node->filter, FILTER_CUT);
        hp_buf_printf(cell, "%swhere ", comma);
        hp_output_text(cell, cut);
        hp_buf_put_text(cell, cut.n < node->filter.n ? HP_STR("…") : HP_STR(""));
    }
}

static void put_cost(struct hp_table *table, double cost)
{
    struct hp_buf cell;
    hp_buf_init(&cell, 64);
    if (cost < 0) {
        hp_buf_put_u8(&cell, '-');
    } else {
        hp_buf_printf(&cell, "%.2f", cost);
    }
    hp_table_cell(table, hp_buf_str(&cell));
    hp_buf_fini(&cell);
}

static hp_err put_tree(const struct hp_plan *plan, struct hp_buf *out)
{
    static const struct hp_table_column columns[] = {{"operation", true},  {"index", true},
                                                     {"rows read", false}, {"rows out", false},
                                                     {"cost", false},      {"how", true}};
    struct hp_table table;
    struct hp_buf cell;
    hp_buf_init(&cell, 1 << 16);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct hp_plan_node *node = &plan->nodes[i];
        hp_buf_reset(&cell);
        put_name(&cell, plan, i);
        hp_table_cell(&table, hp_buf_str(&cell));
        hp_table_cell(&table, node->index.n != 0 ? node->index : HP_STR("-"));
        hp_table_count(&table, as_count(node->scanned_actual >= 0 ? node->scanned_actual : node->scanned));
        hp_table_count(&table, as_count(node->out_actual >= 0 ? node->out_actual : node->out));
        put_cost(&table, node->cost);
        hp_buf_reset(&cell);
        put_remarks(&cell, node);
        hp_table_cell(&table, hp_buf_str(&cell));
    }
    hp_err err = hp_table_put(&table, out);
    hp_table_fini(&table);
    hp_buf_fini(&cell);
    return err;
}

static void put_advice(const struct hp_plan_advice *advice, struct hp_buf *out)
{
    char share[HP_SHOW_BYTES];
    hp_buf_put_text(out, HP_STR("- "));
    hp_output_text(out, advice->text);
    hp_buf_put_text(out, HP_STR("\n"));
    if (advice->index.n != 0) {
        hp_buf_put_text(out, HP_STR("  "));
        hp_output_paint(out, HP_PAINT_GREEN, advice->index);
        hp_buf_printf(out, "\n  leaves about %s of the rows to read\n",
                      hp_show_percent(share, advice->wanted / advice->scanned));
    }
}

hp_err hp_planshow_text(const struct hp_planshow *show, struct hp_buf *out)
{
    const struct hp_plan *plan = show->plan;
    char moment[24];
    hp_output_text(out, show->statement);
    hp_buf_printf(out, "\n%s ", hp_plan_engine_name(plan->engine));
    hp_output_text(out, plan->version);
    if (show->at_ns != 0) {
        hp_buf_printf(out, ", kept since %s", hp_output_moment(moment, show->at_ns));
    }
    hp_buf_put_text(out, plan->analyzed ? HP_STR(", it was run: rows as they were") : HP_STR(", estimates"));
    hp_buf_put_text(out,
                    plan->examples ? HP_STR(", example values stand for its parameters\n") : HP_STR("\n"));
    if (plan->actual_ms >= 0) {
        hp_buf_printf(out, "took %.2f ms\n", plan->actual_ms);
    }
    hp_buf_put_text(out, HP_STR("\n"));
    hp_err err = put_tree(plan, out);
    hp_buf_put_text(out, show->advices->count != 0 ? HP_STR("\n") : HP_STR(""));
    for (uint32_t i = 0; i < show->advices->count; i++) {
        put_advice(&show->advices->list[i], out);
    }
    return err == HP_OK ? out->err : err;
}

int hp_planshow_json(const struct hp_planshow *show, struct hp_buf *out)
{
    struct hp_json json;
    hp_json_init(&json, out, true);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_json_kv_str(&json, "statement", show->statement);
    hp_err err = hp_explained_put(&json, show->plan, show->advices);
    hp_json_object_end(&json);
    return err == HP_OK ? hp_output_json_end(&json, out) : hp_output_error(err, NULL);
}
