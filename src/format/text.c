/* text.c -- see text.h. */
#include "format/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "format/framename.h"

#define CELL_BYTES 48

static int by_own_value(const void *a, const void *b)
{
    const struct hp_callgraph_function *x = *(const struct hp_callgraph_function *const *)a,
                                       *y = *(const struct hp_callgraph_function *const *)b;
    if (x->self != y->self) {
        return x->self > y->self ? -1 : 1;
    }
    return x < y ? -1 : x > y;
}

/* Seconds with six decimals, without the locale's decimal point; other units are whole. */
static void put_value(struct hp_buf *out, const struct hp_profile *profile, double value)
{
    char cell[CELL_BYTES];
    double shown = value / profile->graph.per_unit;
    if (profile->unit == HP_UNIT_TIME) {
        uint64_t micros = shown > 0 && shown < 1e12 ? (uint64_t)(shown * 1e6 + 0.5) : 0;
        snprintf(cell, sizeof cell, "%" PRIu64 ".%06u", micros / 1000000, (unsigned)(micros % 1000000));
    } else {
        snprintf(cell, sizeof cell, "%" PRIu64, shown > 0 && shown < 1e18 ? (uint64_t)(shown + 0.5) : 0);
    }
    hp_buf_printf(out, "%14s ", cell);
}

static void put_calls(struct hp_buf *out, const struct hp_callgraph_function *function)
{
    char cell[CELL_BYTES];
    int n = snprintf(cell, sizeof cell, "%" PRIu64, function->calls);
    if (function->primitive != function->calls) {
        snprintf(cell + n, sizeof cell - (size_t)n, "/%" PRIu64, function->primitive);
    }
    hp_buf_printf(out, "%12s ", cell);
}

static void put_row(struct hp_buf *out, const struct hp_profile *profile,
                    const struct hp_callgraph_function *function)
{
    struct hp_symbol symbol = hp_dict_symbol(profile->dict, function->sym);
    if (profile->counts_calls) {
        put_calls(out, function);
    }
    put_value(out, profile, function->self);
    put_value(out, profile, function->total);
    hp_framename_put_pstats(out, &symbol);
    hp_buf_put_text(out, HP_STR("\n"));
}

static void put_head(struct hp_buf *out, const struct hp_profile *profile)
{
    struct hp_callgraph_sums sums = hp_callgraph_sum(&profile->graph);
    if (profile->counts_calls) {
        hp_buf_printf(out, "%" PRIu64 " function calls", sums.calls);
        if (sums.primitive != sums.calls) {
            hp_buf_printf(out, " (%" PRIu64 " primitive calls)", sums.primitive);
        }
        hp_buf_put_text(out, HP_STR(" in"));
    }
    put_value(out, profile, sums.self);
    hp_buf_printf(out, "%s\n\n%s%14s %14s %s\n",
                  profile->unit == HP_UNIT_TIME ? "seconds" : hp_profile_unit_name(profile->unit),
                  profile->counts_calls ? "       calls " : "", "self", "total", "file:line(function)");
}

hp_err hp_text_write(const struct hp_profile *profile, struct hp_buf *out)
{
    const struct hp_callgraph *graph = &profile->graph;
    const struct hp_callgraph_function **order =
        hp_malloc(((size_t)graph->listed_count + 1) * sizeof(const struct hp_callgraph_function *));
    if (order == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < graph->listed_count; i++) {
        order[i] = &graph->functions[i];
    }
    qsort(order, graph->listed_count, sizeof(const struct hp_callgraph_function *), by_own_value);
    put_head(out, profile);
    for (uint32_t i = 0; i < graph->listed_count; i++) {
        put_row(out, profile, order[i]);
    }
    hp_free(order);
    return out->err;
}
