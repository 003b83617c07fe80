/* cmd_top.c -- `hotplate top [INPUT]`: functions with self time, total time and calls, counted as cProfile
 * counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/show.h"
#include "cli/command.h"
#include "cli/leaflines.h"
#include "cli/load.h"
#include "cli/output.h"
#include "cli/quantity.h"
#include "cli/ranking.h"
#include "cli/table.h"
#include "format/framename.h"

#define WORDS_MAX 64

static const char help[] = "hotplate top [INPUT [RESTRICTION...]] [--sort KEY,...] [--limit N] [options]\n"
                           "\n"
                           "Functions of INPUT, added up. Recursion counts its total once; calls are starts\n"
                           "and resumes, as cProfile counts. 25 unless --limit says more.\n"
                           "  RESTRICTION   as in pstats: 20 (so many), .1 (that share), or a regular\n"
                           "                expression over file:line(name); one after the other\n"
                           "  --sort KEY    self, total, calls, pcalls, file, line, name, nfl, stdname\n"
                           "  --reverse     the other way round; --raw: our own cost not taken out\n"
                           "  --strip-dirs  files without their folders, as pstats' strip_dirs\n"
                           "  --callers     who called each function; --callees: whom it called\n"
                           "INPUT: a profile, a store, req:ID, route:'GET /x', label:L, process: (what no\n"
                           "request did, at level sample), or the bare word.\n";

enum { AROUND_NONE, AROUND_CALLERS, AROUND_CALLEES };

struct top {
    struct hp_reading reading;
    const char *sort;
    bool raw, reverse, callers, callees, strip;
    uint64_t limit;
    bool limited;
};

struct show {
    const struct hp_profile *profile;
    const struct hp_callgraph *graph;
    struct hp_ranking ranking;
    uint32_t *starts, *edges; /* edges of function f: edges[starts[f]] … edges[starts[f + 1]] */
    int around;
    uint64_t samples;           /* that the tree is of; 0: it is exact, or the source does not say */
    bool counted;               /* calls are known */
    struct hp_leaf_line *lines; /* of samples; owned */
    size_t line_count;
    struct hp_buf *out;
};

/* ---- callers and callees ---- */

static uint32_t end_of(const struct show *show, const struct hp_callgraph_edge *edge)
{
    return show->around == AROUND_CALLERS ? edge->callee : edge->caller;
}

static uint32_t other_end(const struct show *show, const struct hp_callgraph_edge *edge)
{
    return show->around == AROUND_CALLERS ? edge->caller : edge->callee;
}

static hp_err index_edges(struct show *show)
{
    const struct hp_callgraph *graph = show->graph;
    if (show->around == AROUND_NONE) {
        return HP_OK;
    }
    show->starts = hp_calloc((size_t)graph->count + 2, sizeof *show->starts);
    show->edges = hp_calloc((size_t)graph->edge_count + 1, sizeof *show->edges);
    if (show->starts == NULL || show->edges == NULL) {
        return HP_ENOMEM;
    }
    uint32_t *next = show->starts + 1; /* while filling, next[f] is where f's next edge goes */
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        show->starts[end_of(show, &graph->edges[i]) + 2]++;
    }
    for (uint32_t i = 0; i < graph->count; i++) {
        show->starts[i + 1] += show->starts[i];
    }
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        show->edges[next[end_of(show, &graph->edges[i])]++] = i;
    }
    return HP_OK;
}

/* Where the samples of a function's own time were. */
static const struct hp_leaf_line *lines_of(const struct show *show, uint32_t function, size_t *count)
{
    return hp_leaf_find(show->lines, show->line_count, show->graph->functions[function].sym, count);
}

/* ---- JSON ---- */

static void put_json_value(struct hp_json *json, const struct show *show, const char *seconds,
                           const char *other, double value)
{
    hp_json_kv_exact(json, show->profile->unit == HP_UNIT_TIME ? seconds : other,
                     value / show->graph->per_unit);
}

static void put_json_place(struct hp_json *json, const struct show *show, uint32_t function)
{
    struct hp_symbol symbol = hp_dict_symbol(show->profile->dict, show->graph->functions[function].sym);
    hp_json_kv_str(json, "file", symbol.file.n == 0 && show->profile->own_names ? HP_STR("~") : symbol.file);
    hp_json_kv_u64(json, "line", symbol.line);
    hp_json_kv_str(json, "function", hp_framename_shown(&symbol, false));
}

static void put_json_around(struct hp_json *json, const struct show *show, uint32_t function)
{
    hp_json_key(json, show->around == AROUND_CALLERS ? "callers" : "callees");
    hp_json_array_begin(json);
    for (uint32_t i = show->starts[function]; i < show->starts[function + 1]; i++) {
        const struct hp_callgraph_edge *edge = &show->graph->edges[show->edges[i]];
        hp_json_object_begin(json);
        put_json_place(json, show, other_end(show, edge));
        if (show->counted) {
            hp_json_kv_u64(json, "calls", edge->calls);
        }
        if (!edge->bare) {
            if (show->counted) {
                hp_json_kv_u64(json, "primitive_calls", edge->primitive);
            }
            put_json_value(json, show, "self_s", "self", edge->self);
            put_json_value(json, show, "total_s", "total", edge->total);
        }
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static int put_json(const struct show *show)
{
    struct hp_json json;
    struct hp_callgraph_sums sums = hp_callgraph_sum(show->graph);
    hp_json_init(&json, show->out, true);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    if (show->profile->requests != 0) {
        hp_json_kv_u64(&json, "requests", show->profile->requests);
    }
    hp_json_kv_cstr(&json, "unit", hp_profile_unit_name(show->profile->unit));
    if (show->samples != 0) { /* calls are not known: absent */
        hp_json_kv_bool(&json, "sampled", true);
        hp_json_kv_u64(&json, "samples", show->samples);
    } else if (show->counted) {
        hp_json_kv_u64(&json, "total_calls", sums.calls);
        hp_json_kv_u64(&json, "primitive_calls", sums.primitive);
    }
    put_json_value(&json, show, "total_time_s", "total", sums.self);
    hp_json_key(&json, "functions");
    hp_json_array_begin(&json);
    for (uint32_t i = 0; i < show->ranking.count; i++) {
        const struct hp_callgraph_function *function = &show->graph->functions[show->ranking.list[i]];
        hp_json_object_begin(&json);
        put_json_place(&json, show, show->ranking.list[i]);
        if (show->samples != 0) {
            double share = sums.self == 0 ? 0 : function->self / sums.self;
            hp_json_kv_double(&json, "self_share", share);
            hp_json_kv_double(&json, "self_share_error", hp_tree_share_error(share, show->samples));
        } else if (show->counted) {
            hp_json_kv_u64(&json, "calls", function->calls);
            hp_json_kv_u64(&json, "primitive_calls", function->primitive);
        }
        put_json_value(&json, show, "self_s", "self", function->self);
        put_json_value(&json, show, "total_s", "total", function->total);
        size_t lines;
        const struct hp_leaf_line *first = lines_of(show, show->ranking.list[i], &lines);
        hp_leaflines_json(first, lines, show->profile->unit, &json);
        if (show->around != AROUND_NONE) {
            put_json_around(&json, show, show->ranking.list[i]);
        }
        hp_json_object_end(&json);
    }
    hp_json_array_end(&json);
    hp_json_object_end(&json);
    return hp_output_json_end(&json, show->out);
}

/* ---- text ---- */

static void put_value_cell(struct hp_table *table, struct hp_buf *text, const struct show *show, double value)
{
    hp_buf_reset(text);
    hp_load_put_value(text, show->profile, value / show->graph->per_unit);
    hp_table_cell(table, hp_buf_str(text));
}

static void put_calls_cell(struct hp_table *table, struct hp_buf *text, uint64_t calls, uint64_t primitive,
                           bool known)
{
    char shown[HP_SHOW_BYTES];
    hp_buf_reset(text);
    hp_buf_put_text(text, known ? hp_str_from0(hp_show_count(shown, calls)) : HP_STR("-"));
    if (known && primitive != calls) {
        hp_buf_printf(text, "/%s", hp_show_count(shown, primitive));
    }
    hp_table_cell(table, hp_buf_str(text));
}

static void put_share_cell(struct hp_table *table, const struct show *show, double share)
{
    char text[HP_SHOW_BYTES], cell[2 * HP_SHOW_BYTES];
    if (show->samples == 0) {
        hp_table_share(table, share);
        return;
    }
    snprintf(cell, sizeof cell, "%s ± %.1f", hp_show_percent(text, share),
             100 * hp_tree_share_error(share, show->samples));
    hp_table_cell(table, hp_str_from0(cell));
}

static void put_name_cell(struct hp_table *table, struct hp_buf *text, const struct show *show,
                          uint32_t function, const char *before)
{
    struct hp_symbol symbol = hp_dict_symbol(show->profile->dict, show->graph->functions[function].sym);
    hp_buf_reset(text);
    hp_buf_put_text(text, hp_str_from0(before));
    hp_framename_put(text, &symbol, false);
    if (*before == '\0') {
        size_t lines;
        const struct hp_leaf_line *first = lines_of(show, function, &lines);
        hp_leaflines_put(first, lines, (uint64_t)show->graph->functions[function].self, text);
    }
    hp_table_cell(table, hp_buf_str(text));
}

static void put_around(struct hp_table *table, struct hp_buf *text, const struct show *show,
                       uint32_t function)
{
    const char *arrow = show->around == AROUND_CALLERS ? "  <- " : "  -> ";
    for (uint32_t i = show->starts[function]; i < show->starts[function + 1]; i++) {
        const struct hp_callgraph_edge *edge = &show->graph->edges[show->edges[i]];
        if (edge->bare) {
            hp_table_cell(table, HP_STR("-"));
            hp_table_cell(table, HP_STR(""));
            hp_table_cell(table, HP_STR("-"));
        } else {
            put_value_cell(table, text, show, edge->self);
            hp_table_cell(table, HP_STR(""));
            put_value_cell(table, text, show, edge->total);
        }
        hp_table_cell(table, HP_STR(""));
        put_calls_cell(table, text, edge->calls, edge->bare ? edge->calls : edge->primitive,
                       show->profile->counts_calls);
        put_name_cell(table, text, show, other_end(show, edge), arrow);
    }
}

static hp_err put_text(const struct show *show, uint32_t left_out)
{
    static const struct hp_table_column columns[] = {{"self", false},  {"share", false},
                                                     {"total", false}, {"per call", false},
                                                     {"calls", false}, {"function", true}};
    struct hp_table table;
    struct hp_buf text;
    double whole = hp_callgraph_sum(show->graph).self;
    hp_buf_init(&text, 1 << 20);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < show->ranking.count; i++) {
        uint32_t index = show->ranking.list[i];
        const struct hp_callgraph_function *function = &show->graph->functions[index];
        put_value_cell(&table, &text, show, function->self);
        put_share_cell(&table, show, whole == 0 ? 0 : function->self / whole);
        put_value_cell(&table, &text, show, function->total);
        if (function->primitive != 0) {
            put_value_cell(&table, &text, show, function->total / (double)function->primitive);
        } else {
            hp_table_cell(&table, HP_STR("-"));
        }
        put_calls_cell(&table, &text, function->calls, function->primitive, show->profile->counts_calls);
        put_name_cell(&table, &text, show, index, "");
        if (show->around != AROUND_NONE) {
            put_around(&table, &text, show, index);
        }
    }
    hp_err err = hp_table_put(&table, show->out);
    if (left_out != 0) {
        hp_buf_printf(show->out, "… and %u more (--limit)\n", left_out);
    }
    hp_table_fini(&table);
    hp_buf_fini(&text);
    return err;
}

/* "all routes: 3 requests", "x.prof: 12,345 calls (12,000 primitive) in 1.20 s". */
static void put_title(const struct show *show, const struct hp_loaded *loaded)
{
    char shown[HP_SHOW_BYTES];
    struct hp_callgraph_sums sums = hp_callgraph_sum(show->graph);
    hp_buf_put_text(show->out, hp_buf_str(&loaded->title));
    hp_load_put_size(show->out, show->profile);
    if (show->profile->requests == 0) {
        hp_buf_put_text(show->out, HP_STR(": "));
        if (show->profile->counts_calls) {
            hp_buf_printf(show->out, "%s calls", hp_show_count(shown, sums.calls));
            if (sums.primitive != sums.calls) {
                hp_buf_printf(show->out, " (%s primitive)", hp_show_count(shown, sums.primitive));
            }
            hp_buf_put_text(show->out, HP_STR(" in "));
        }
        hp_load_put_value(show->out, show->profile, sums.self / show->graph->per_unit);
        if (show->profile->unit == HP_UNIT_SAMPLES || show->profile->unit == HP_UNIT_COUNT) {
            hp_buf_printf(show->out, " %s", hp_profile_unit_name(show->profile->unit));
        }
    }
    hp_buf_put_text(show->out, HP_STR("\n"));
}

/* ---- the command ---- */

static hp_err choose(const struct top *top, struct show *show, uint32_t *left_out, struct hp_errinfo *info)
{
    const struct hp_reading *reading = &top->reading;
    uint64_t limit = top->limited ? top->limit : reading->json || reading->word_count > 1 ? UINT32_MAX : 25;
    bool whole = reading->word_count > 1; /* restrictions look at all of them */
    hp_err err = hp_ranking_init(&show->ranking, show->graph, show->profile->dict, top->sort, top->reverse,
                                 whole ? UINT32_MAX : (uint32_t)limit, info);
    for (int i = 1; i < reading->word_count && err == HP_OK; i++) {
        err = hp_ranking_restrict(&show->ranking, show->graph, show->profile->dict, reading->words[i], info);
    }
    uint32_t all = whole ? show->ranking.count : show->graph->listed_count;
    if (err == HP_OK && all > limit) {
        *left_out = all - (uint32_t)limit;
        show->ranking.count = (uint32_t)limit;
    }
    return err != HP_OK ? err : index_edges(show);
}

static int run(struct top *top, struct hp_buf *out)
{
    struct hp_errinfo info = {0};
    struct hp_loaded loaded;
    struct show show = {.out = out};
    uint32_t left_out = 0;
    const char *word = top->reading.word_count != 0 ? top->reading.words[0] : NULL;
    int status = hp_load_begin(&top->reading, "top", word, top->raw, &loaded);
    if (status >= 0) {
        goto done;
    }
    hp_err err = HP_OK;
    show.profile = loaded.profile;
    show.graph = &loaded.profile->graph;
    show.around = top->callers ? AROUND_CALLERS : top->callees ? AROUND_CALLEES : AROUND_NONE;
    if (show.profile->sampled && show.profile->tree != NULL) {
        show.samples = hp_tree_samples(show.profile->tree);
        err = hp_leaf_fold(show.profile->tree, &show.lines, &show.line_count);
    }
    show.counted = show.samples == 0 && show.profile->counts_calls;
    err = err == HP_OK ? hp_profile_graph(loaded.profile) : err;
    err = err != HP_OK || !top->strip ? err : hp_profile_strip_dirs(loaded.profile);
    err = err != HP_OK ? err : choose(top, &show, &left_out, &info);
    if (err == HP_OK && top->reading.json) {
        status = put_json(&show);
        goto done;
    }
    if (err == HP_OK) {
        put_title(&show, &loaded);
        err = put_text(&show, left_out);
    }
    status = err == HP_OK ? HP_EXIT_OK : hp_output_error(err, &info);
done:
    hp_free(show.edges);
    hp_free(show.starts);
    hp_free(show.lines);
    hp_ranking_fini(&show.ranking);
    hp_load_end(&loaded);
    return status;
}

int hp_cmd_top(int argc, char **argv, struct hp_buf *out)
{
    struct top top = {.sort = "self"};
    const char *limit = NULL;
    const struct hp_args_option options[] = {
        {"--sort", NULL, HP_ARGS_TEXT, &top.sort},       {"--limit", NULL, HP_ARGS_TEXT, &limit},
        {"--reverse", NULL, HP_ARGS_FLAG, &top.reverse}, {"--callers", NULL, HP_ARGS_FLAG, &top.callers},
        {"--callees", NULL, HP_ARGS_FLAG, &top.callees}, {"--raw", NULL, HP_ARGS_FLAG, &top.raw},
        {"--strip-dirs", NULL, HP_ARGS_FLAG, &top.strip}};
    const struct hp_reading_command command = {
        .name = "top", .help = help, .options = options, .option_count = 7, .most = WORDS_MAX};
    struct hp_errinfo info = {0};
    int status = hp_reading_parse(&top.reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    int restrictions = top.reading.word_count > 1 ? top.reading.word_count - 1 : 0;
    if (hp_ranking_check(top.sort, top.reading.words + 1, restrictions, &info) != HP_OK) {
        return hp_output_usage("top", "%s", info.text);
    }
    if (limit != NULL && !hp_quantity_count(limit, UINT32_MAX, &top.limit)) {
        return hp_output_usage("top", "--limit %s: not a number", limit);
    }
    if (top.callers && top.callees) {
        return hp_output_usage("top", "--callers or --callees, not both");
    }
    top.limited = limit != NULL;
    top.reading.no_pairs = !top.callers && !top.callees;
    status = run(&top, out);
    hp_reading_end(&top.reading);
    return status;
}
