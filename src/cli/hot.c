/* hot.c -- see hot.h. */
#include "cli/hot.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/show.h"
#include "cli/leaflines.h"
#include "cli/table.h"
#include "format/framename.h"
#include "model/functions.h"

#define ARENA_BYTES ((size_t)1 << 30)
#define NAME_COLUMN 38u /* where the name starts, about */

static int compare_self(const void *a, const void *b)
{
    const struct hp_function *x = a, *y = b;
    if (x->self_ns != y->self_ns) {
        return x->self_ns > y->self_ns ? -1 : 1;
    }
    return x->total_ns > y->total_ns   ? -1
           : x->total_ns < y->total_ns ? 1
                                       : (x->sym > y->sym) - (x->sym < y->sym);
}

static int compare_total(const void *a, const void *b)
{
    const struct hp_function *x = a, *y = b;
    if (x->total_ns != y->total_ns) {
        return x->total_ns > y->total_ns ? -1 : 1;
    }
    return compare_self(a, b);
}

static void put_share(struct hp_table *table, uint64_t part, uint64_t whole, uint64_t samples)
{
    char text[HP_SHOW_BYTES], cell[2 * HP_SHOW_BYTES];
    double share = whole == 0 ? 0 : (double)part / (double)whole;
    double error = hp_tree_share_error(share, samples);
    snprintf(cell, sizeof cell, "%s ± %.1f", hp_show_percent(text, share), 100 * error);
    hp_table_cell(table, hp_str_from0(cell));
}

static struct hp_str cut_name(struct hp_str name, uint32_t width)
{
    return width == 0 ? name : hp_utf8_cut(name, width > NAME_COLUMN + 20 ? width - NAME_COLUMN : 20);
}

hp_err hp_hot_put(const struct hp_tree *tree, const struct hp_dict *dict,
                  const struct hp_hot_options *options, struct hp_buf *out)
{
    static const struct hp_table_column columns[] = {
        {"self", false}, {"share", false}, {"total", false}, {"share", false}, {"function", true}};
    struct hp_arena arena;
    struct hp_functions functions;
    struct hp_table table;
    struct hp_buf name;
    struct hp_leaf_line *lines = NULL;
    size_t line_count = 0;
    uint64_t samples = hp_tree_samples(tree), whole = tree->nodes[HP_NODE_ROOT].total;
    hp_arena_init(&arena, ARENA_BYTES);
    hp_buf_init(&name, 1 << 16);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    hp_err err = hp_functions_fold(tree, &arena, &functions);
    err = err == HP_OK ? hp_leaf_fold(tree, &lines, &line_count) : err;
    if (err != HP_OK) {
        goto done;
    }
    if (functions.count != 0) {
        qsort(functions.list, functions.count, sizeof *functions.list,
              options->by_total ? compare_total : compare_self);
    }
    for (uint32_t i = 0; i < functions.count && i < options->limit; i++) {
        const struct hp_function *function = &functions.list[i];
        struct hp_symbol symbol = hp_dict_symbol(dict, function->sym);
        hp_table_ns(&table, function->self_ns);
        put_share(&table, function->self_ns, whole, samples);
        hp_table_ns(&table, function->total_ns);
        put_share(&table, function->total_ns, whole, samples);
        hp_buf_reset(&name);
        hp_framename_put(&name, &symbol, false);
        size_t count;
        const struct hp_leaf_line *first = hp_leaf_find(lines, line_count, function->sym, &count);
        hp_leaflines_put(first, count, function->self_ns, &name);
        hp_table_cell(&table, cut_name(hp_buf_str(&name), options->width));
    }
    err = hp_table_put(&table, out);
done:
    hp_table_fini(&table);
    hp_free(lines);
    hp_buf_fini(&name);
    hp_arena_fini(&arena);
    return err;
}
