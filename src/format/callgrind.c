/* callgrind.c -- writing; see callgrind.h. Functions with their calls behind them; names in full the first
 * time, by number from then on. */
#include "format/callgrind.h"

#include <inttypes.h>

#include "base/mem.h"
#include "format/framename.h"
#include "model/leaf.h"

struct writing {
    const struct hp_profile *profile;
    uint32_t *starts, *edges;   /* calls of function f: edges[starts[f]] … edges[starts[f + 1]] */
    uint8_t *named;             /* a function's names were written */
    struct hp_leaf_line *lines; /* where in the functions samples were */
    size_t line_count;
    struct hp_buf *out;
};

static uint64_t cost_of(const struct hp_profile *profile, double value)
{
    double cost = value / profile->graph.per_unit * (profile->unit == HP_UNIT_TIME ? 1e9 : 1);
    return cost <= 0 ? 0 : cost >= 1.8e19 ? UINT64_MAX : (uint64_t)(cost + 0.5);
}

/* A line of text: names have no line ends. */
static void put_clean(struct hp_buf *out, struct hp_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        hp_buf_put_u8(out, (unsigned char)text.p[i] < 0x20 ? ' ' : (uint8_t)text.p[i]);
    }
}

static void put_names(struct writing *w, uint32_t f, const char *file_key, const char *name_key)
{
    struct hp_symbol symbol = hp_dict_symbol(w->profile->dict, w->profile->graph.functions[f].sym);
    hp_buf_printf(w->out, "%s=(%" PRIu32 ")", file_key, f + 1);
    if (!w->named[f]) {
        hp_buf_put_text(w->out, HP_STR(" "));
        put_clean(w->out, symbol.file.n != 0 ? symbol.file : HP_STR("???"));
    }
    hp_buf_printf(w->out, "\n%s=(%" PRIu32 ")", name_key, f + 1);
    if (!w->named[f]) {
        hp_buf_put_text(w->out, HP_STR(" "));
        put_clean(w->out, hp_framename_shown(&symbol, false));
        if (symbol.line != 0 && symbol.name.n != 0 &&
            symbol.name.p[0] == '<') { /* lambdas of a file stay apart */
            hp_buf_printf(w->out, ":%" PRIu32, symbol.line);
        }
    }
    hp_buf_put_text(w->out, HP_STR("\n"));
    w->named[f] = 1;
}

/* A function's own cost: at each line that is known, the rest at its first. */
static void put_own(struct writing *w, uint32_t f, uint32_t line)
{
    const struct hp_callgraph_function *function = &w->profile->graph.functions[f];
    uint64_t rest = cost_of(w->profile, function->self);
    size_t count = 0;
    const struct hp_leaf_line *at = hp_leaf_find(w->lines, w->line_count, function->sym, &count);
    for (size_t i = 0; at != NULL && i < count; i++) {
        uint64_t cost = at[i].self < rest ? at[i].self : rest;
        hp_buf_printf(w->out, "%" PRIu32 " %" PRIu64 "\n", at[i].line, cost);
        rest -= cost;
    }
    if (rest != 0 || count == 0) {
        hp_buf_printf(w->out, "%" PRIu32 " %" PRIu64 "\n", line, rest);
    }
}

static void put_function(struct writing *w, uint32_t f)
{
    const struct hp_callgraph *graph = &w->profile->graph;
    uint32_t line = hp_dict_symbol(w->profile->dict, graph->functions[f].sym).line;
    put_names(w, f, "fl", "fn");
    put_own(w, f, line);
    for (uint32_t i = w->starts[f]; i < w->starts[f + 1]; i++) {
        const struct hp_callgraph_edge *edge = &graph->edges[w->edges[i]];
        uint32_t callee_line = hp_dict_symbol(w->profile->dict, graph->functions[edge->callee].sym).line;
        double total = edge->total;
        if (edge->bare && graph->functions[edge->callee].calls != 0) {
            total = graph->functions[edge->callee].total * (double)edge->calls /
                    (double)graph->functions[edge->callee].calls;
        }
        put_names(w, edge->callee, "cfi", "cfn");
        hp_buf_printf(w->out, "calls=%" PRIu64 " %" PRIu32 "\n%" PRIu32 " %" PRIu64 "\n", edge->calls,
                      callee_line, line, cost_of(w->profile, total));
    }
    hp_buf_put_text(w->out, HP_STR("\n"));
}

static hp_err index_edges(struct writing *w)
{
    const struct hp_callgraph *graph = &w->profile->graph;
    w->starts = hp_calloc((size_t)graph->count + 2, sizeof *w->starts);
    w->edges = hp_calloc((size_t)graph->edge_count + 1, sizeof *w->edges);
    w->named = hp_calloc((size_t)graph->count + 1, 1);
    if (w->starts == NULL || w->edges == NULL || w->named == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        w->starts[graph->edges[i].caller + 2]++;
    }
    for (uint32_t i = 0; i < graph->count; i++) {
        w->starts[i + 1] += w->starts[i];
    }
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        w->edges[w->starts[graph->edges[i].caller + 1]++] = i;
    }
    return HP_OK;
}

hp_err hp_callgrind_write(const struct hp_profile *profile, struct hp_buf *out)
{
    static const char *const events[] = {"ns", "samples", "bytes", "events"};
    struct writing w = {.profile = profile, .out = out};
    struct hp_callgraph_sums sums = hp_callgraph_sum(&profile->graph);
    hp_err err = index_edges(&w);
    if (err == HP_OK && profile->tree != NULL) {
        err = hp_leaf_fold(profile->tree, &w.lines, &w.line_count);
    }
    if (err == HP_OK) {
        hp_buf_printf(out, "# callgrind format\nversion: 1\ncreator: hotplate\npositions: line\nevents: %s\n",
                      events[profile->unit]);
        hp_buf_printf(out, "summary: %" PRIu64 "\n\n", cost_of(profile, sums.self));
        for (uint32_t i = 0; i < profile->graph.count; i++) {
            put_function(&w, i);
        }
        err = out->err;
    }
    hp_free(w.lines);
    hp_free(w.named);
    hp_free(w.edges);
    hp_free(w.starts);
    return err;
}
