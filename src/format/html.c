/* html.c -- see html.h.
 *
 * Functions are numbered as they are first met, strings as they are first used. A tree's kept nodes are
 * listed once in preorder with depth and function; each column then is one walk over that list.
 */
#include "format/html.h"

#include <string.h>

#include "asset/asset.h"
#include "base/intern.h"
#include "base/json.h"
#include "base/mem.h"
#include "format/framename.h"
#include "format/onepage.h"

#define PAYLOAD_MAX_BYTES ((size_t)1 << 30)
#define NONE              UINT32_MAX
#define EXACT_ITEMS       20000u /* nodes or pairs up to which every digit is kept */
#define FINE_ENOUGH       UINT64_C(1000000000)

struct function {
    uint32_t name, file, path, line, marks;
};

/* A kept node. */
struct kept {
    uint32_t node, parent, depth, fn; /* parent: position in the list */
    uint64_t self;                    /* with what was cut below it */
};

struct writer {
    const struct hp_profile *profile;
    struct hp_html_options options;
    struct hp_intern *strings;
    struct function *functions;
    uint32_t function_count, function_capacity;
    uint32_t *fn_of_sym;                     /* by symbol */
    uint32_t fn_of_kind[HP_NODE_KIND_COUNT]; /* of nodes without a symbol */
    struct kept *kept;
    uint32_t kept_count;
    uint32_t *position;       /* by node: of itself or of the kept node that took it in */
    uint32_t *starts, *edges; /* pairs: edges of callee f are edges[starts[f]] … edges[starts[f + 1] - 1] */
    uint64_t cut, resolution; /* resolution: values are written as multiples of it */
    struct hp_buf *out;
};

/* ---- functions ---- */

static hp_err add_function(struct writer *w, const struct hp_symbol *symbol, struct hp_str name, uint32_t *fn)
{
    bool app = symbol->flags & HP_SYM_APP;
    struct function function = {.line = symbol->line, .marks = symbol->kind | (app ? 16u : 0u)};
    struct hp_str path = app ? symbol->path : HP_STR("");
    hp_err err = hp_intern_add(w->strings, name, &function.name);
    err = err != HP_OK ? err : hp_intern_add(w->strings, symbol->file, &function.file);
    err = err != HP_OK ? err : hp_intern_add(w->strings, path, &function.path);
    if (err != HP_OK) {
        return err;
    }
    if (w->function_count == w->function_capacity) {
        uint32_t capacity = w->function_capacity == 0 ? 256 : w->function_capacity * 2;
        struct function *grown = hp_realloc(w->functions, capacity * sizeof *grown);
        if (grown == NULL) {
            return HP_ENOMEM;
        }
        w->functions = grown;
        w->function_capacity = capacity;
    }
    *fn = w->function_count;
    w->functions[w->function_count++] = function;
    return HP_OK;
}

/* What stands for a node without a symbol. */
static struct hp_str name_of_kind(const struct writer *w, uint8_t kind, bool root)
{
    if (root) {
        return w->options.format != NULL ? HP_STR("all") : HP_STR("(request)");
    }
    switch (kind) {
    case HP_NODE_LANE:
        return HP_STR("thread");
    case HP_NODE_OVERFLOW:
        return HP_STR("(beyond the limit of nodes)");
    case HP_NODE_GC:
        return HP_STR("(garbage collection)");
    default:
        return HP_STR("(no name)");
    }
}

static hp_err function_of_node(struct writer *w, const struct hp_node *node, bool root, uint32_t *fn)
{
    struct hp_symbol symbol = hp_dict_symbol(w->profile->dict, node->sym);
    bool named = symbol.name.n != 0;
    uint32_t *known = named ? &w->fn_of_sym[node->sym] : &w->fn_of_kind[node->kind];
    if (*known != NONE && !root) {
        *fn = *known;
        return HP_OK;
    }
    if (!named) {
        symbol.kind = HP_SYM_ROOT;
    }
    hp_err err = add_function(w, &symbol, named ? symbol.name : name_of_kind(w, node->kind, root), fn);
    if (err == HP_OK && !root) {
        *known = *fn;
    }
    return err;
}

static hp_err prepare_functions(struct writer *w)
{
    uint32_t id, count = hp_dict_symbol_count(w->profile->dict);
    w->strings = hp_intern_new(1u << 24, PAYLOAD_MAX_BYTES);
    w->fn_of_sym = hp_malloc((size_t)(count + 1) * sizeof *w->fn_of_sym);
    if (w->strings == NULL || w->fn_of_sym == NULL) {
        return HP_ENOMEM;
    }
    memset(w->fn_of_sym, 0xff, (size_t)(count + 1) * sizeof *w->fn_of_sym);
    memset(w->fn_of_kind, 0xff, sizeof w->fn_of_kind);
    return hp_intern_add(w->strings, HP_STR(""), &id); /* the empty text is string 0 */
}

/* ---- resolution ---- */

/* A large profile is written in parts of a billionth of the whole or finer: powers of ten of the unit. */
static void choose_resolution(struct writer *w, uint64_t total, uint32_t items)
{
    for (w->resolution = 1; items > EXACT_ITEMS && total / w->resolution > FINE_ENOUGH;) {
        w->resolution *= 10;
    }
}

static uint64_t resolved(const struct writer *w, uint64_t value)
{
    return w->resolution == 1 ? value : value / w->resolution + (value % w->resolution >= w->resolution / 2);
}

/* ---- choosing nodes ---- */

/* The heaviest total at or below each node: a light node may have started a long thread. Ids of parents are
 * lower. */
static uint64_t *weights(const struct hp_tree *tree)
{
    uint64_t *weight = hp_calloc(tree->count, sizeof *weight);
    for (uint32_t i = tree->count; weight != NULL && i-- > 0;) {
        const struct hp_node *node = &tree->nodes[i];
        if (!hp_tree_live(tree, i)) {
            continue;
        }
        weight[i] = node->total > weight[i] ? node->total : weight[i];
        if (i != HP_NODE_ROOT && weight[i] > weight[node->parent]) {
            weight[node->parent] = weight[i];
        }
    }
    return weight;
}

static uint32_t count_above(const struct hp_tree *tree, const uint64_t *weight, uint64_t least)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < tree->count; i++) {
        count += hp_tree_live(tree, i) && (i == HP_NODE_ROOT || weight[i] >= least);
    }
    return count;
}

static hp_err choose_nodes(struct writer *w)
{
    const struct hp_tree *tree = w->profile->tree;
    uint64_t least = 0, *weight = weights(tree);
    hp_err err = HP_ENOMEM;
    if (weight == NULL) {
        goto done;
    }
    uint32_t all = count_above(tree, weight, 0), count = all;
    for (least = 0; count > w->options.max_nodes; count = count_above(tree, weight, least)) {
        least = least == 0 ? weight[HP_NODE_ROOT] / 100000000 + 1 : least * 2;
    }
    w->cut = all - count;
    w->kept = hp_calloc(count, sizeof *w->kept);
    w->position = hp_calloc(tree->count, sizeof *w->position);
    if (w->kept == NULL || w->position == NULL) {
        goto done;
    }
    err = HP_OK;
    for (uint32_t i = HP_NODE_ROOT; err == HP_OK && i != HP_NODE_NONE; i = hp_tree_next(tree, i)) {
        const struct hp_node *node = &tree->nodes[i];
        uint32_t up = i == HP_NODE_ROOT ? 0 : w->position[node->parent];
        if (i != HP_NODE_ROOT && weight[i] < least) {
            w->position[i] = up;
            w->kept[up].self += node->kind == HP_NODE_LANE ? 0 : node->self;
            continue;
        }
        struct kept *kept = &w->kept[w->kept_count];
        *kept = (struct kept){.node = i, .parent = up, .self = node->self};
        kept->depth = i == HP_NODE_ROOT ? 0 : w->kept[up].depth + 1;
        w->position[i] = w->kept_count++;
        err = function_of_node(w, node, i == HP_NODE_ROOT, &kept->fn);
    }
    choose_resolution(w, tree->nodes[HP_NODE_ROOT].total, count);
done:
    hp_free(weight);
    return err;
}

/* ---- parts ---- */

static const char *unit_name(enum hp_profile_unit unit)
{
    static const char *const names[] = {[HP_UNIT_TIME] = "time",
                                        [HP_UNIT_SAMPLES] = "samples",
                                        [HP_UNIT_BYTES] = "bytes",
                                        [HP_UNIT_COUNT] = "count"};
    return names[unit];
}

static bool has_edge_times(const struct hp_profile *profile)
{
    for (uint32_t e = 0; profile->shape == HP_PROFILE_PAIRS && e < profile->graph.edge_count; e++) {
        if (profile->graph.edges[e].bare) {
            return false;
        }
    }
    return true;
}

static hp_err put_meta(struct writer *w)
{
    const struct hp_profile *profile = w->profile;
    struct hp_json json;
    struct hp_buf text;
    hp_buf_init(&text, 1 << 20);
    hp_json_init(&json, &text, false);
    hp_json_object_begin(&json);
    hp_json_kv_str(&json, "title", w->options.title);
    hp_json_kv_cstr(&json, "unit", unit_name(profile->unit));
    hp_json_kv_cstr(&json, "shape", profile->shape == HP_PROFILE_TREE ? "tree" : "pairs");
    hp_json_kv_cstr(&json, "format", w->options.format != NULL ? w->options.format : "");
    hp_json_kv_bool(&json, "sampled", profile->sampled);
    hp_json_kv_bool(&json, "callsKnown", profile->counts_calls);
    hp_json_kv_bool(&json, "edgeTimes", has_edge_times(profile));
    hp_json_kv_u64(&json, "requests", profile->requests);
    hp_json_kv_u64(&json, "samplesDropped", profile->samples_dropped);
    hp_json_kv_u64(&json, "cut", w->cut);
    hp_json_kv_u64(&json, "resolution", w->resolution);
    hp_json_kv_cstr(&json, "version", HP_VERSION_TEXT);
    hp_json_object_end(&json);
    hp_err err = hp_json_finish(&json);
    if (err == HP_OK) {
        hp_buf_put_str(w->out, hp_buf_str(&text));
    }
    hp_buf_fini(&text);
    return err;
}

static void put_functions(struct writer *w)
{
    uint32_t strings = hp_intern_count(w->strings), n = w->function_count;
    const struct function *f = w->functions;
    hp_buf_put_varint(w->out, strings);
    for (uint32_t i = 0; i < strings; i++) {
        hp_buf_put_varint(w->out, hp_intern_get(w->strings, i).n);
    }
    for (uint32_t i = 0; i < strings; i++) {
        hp_buf_put_text(w->out, hp_intern_get(w->strings, i));
    }
    hp_buf_put_varint(w->out, n);
    for (uint32_t i = 0; i < n; i++) {
        hp_buf_put_varint(w->out, f[i].name);
    }
    for (uint32_t i = 0; i < n; i++) {
        hp_buf_put_varint(w->out, f[i].file);
    }
    for (uint32_t i = 0; i < n; i++) {
        hp_buf_put_varint(w->out, f[i].path);
    }
    for (uint32_t i = 0; i < n; i++) {
        hp_buf_put_varint(w->out, f[i].line);
    }
    for (uint32_t i = 0; i < n; i++) {
        hp_buf_put_varint(w->out, f[i].marks);
    }
}

/* Samples next to each other in one place are one. Too many of them, or none in order: no time order. */
static hp_err put_samples(struct writer *w)
{
    const struct hp_profile *profile = w->profile;
    struct hp_buf values;
    uint32_t count = 0, last = NONE, before = 0;
    for (size_t i = 0; profile->ordered && i < profile->sample_count; i++) {
        uint32_t at = w->position[profile->samples[i].node];
        count += at != last;
        last = at;
    }
    if (count == 0 || count > w->options.max_samples) {
        hp_buf_put_varint(w->out, 0);
        return HP_OK;
    }
    hp_buf_init(&values, PAYLOAD_MAX_BYTES);
    hp_buf_put_varint(w->out, count);
    for (size_t i = 0; i < profile->sample_count;) {
        uint32_t at = w->position[profile->samples[i].node];
        uint64_t value = 0;
        for (; i < profile->sample_count && w->position[profile->samples[i].node] == at; i++) {
            value += profile->samples[i].value;
        }
        hp_buf_put_svarint(w->out, (int64_t)at - (int64_t)before);
        hp_buf_put_varint(&values, resolved(w, value));
        before = at;
    }
    hp_err err = values.err;
    hp_buf_put_text(w->out, hp_buf_str(&values));
    hp_buf_fini(&values);
    return err;
}

static hp_err put_tree(struct writer *w)
{
    const struct hp_node *nodes = w->profile->tree->nodes;
    const struct kept *k = w->kept;
    uint32_t n = w->kept_count;
    hp_buf_put_varint(w->out, n);
    for (uint32_t i = 0; i < n; i++) {
        hp_buf_put_varint(w->out, i == 0 ? 0 : k[i - 1].depth + 1 - k[i].depth);
    }
    for (uint32_t i = 0; i < n; i++) {
        hp_buf_put_varint(w->out, k[i].fn);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t line = nodes[k[i].node].line, from = w->functions[k[k[i].parent].fn].line;
        hp_buf_put_svarint(w->out, line == 0 ? 0 : (int64_t)line - (int64_t)from);
    }
    for (uint32_t i = 0; i < n; i++) {
        hp_buf_put_varint(w->out, nodes[k[i].node].kind);
    }
    for (uint32_t i = 0; i < n; i++) {
        hp_buf_put_varint(w->out, nodes[k[i].node].calls + nodes[k[i].node].resumes);
    }
    for (uint32_t i = 0; i < n; i++) {
        hp_buf_put_varint(w->out, resolved(w, k[i].self));
    }
    return put_samples(w);
}

/* ---- pairs ---- */

static uint64_t whole(const struct writer *w, double value)
{
    double scaled = value / w->profile->graph.per_unit * (w->profile->unit == HP_UNIT_TIME ? 1e9 : 1);
    return scaled > 0 && scaled < 9e18 ? (uint64_t)(scaled + 0.5) : 0;
}

static hp_err sort_edges(struct writer *w)
{
    const struct hp_callgraph *graph = &w->profile->graph;
    w->starts = hp_calloc((size_t)graph->count + 2, sizeof *w->starts);
    w->edges = hp_calloc((size_t)graph->edge_count + 1, sizeof *w->edges);
    if (w->starts == NULL || w->edges == NULL) {
        return HP_ENOMEM;
    }
    uint32_t *next = w->starts + 1; /* while filling: where the next edge of each callee goes */
    for (uint32_t e = 0; e < graph->edge_count; e++) {
        w->starts[graph->edges[e].callee + 2]++;
    }
    for (uint32_t f = 0; f < graph->count; f++) {
        w->starts[f + 1] += w->starts[f];
    }
    for (uint32_t e = 0; e < graph->edge_count; e++) {
        w->edges[next[graph->edges[e].callee]++] = e;
    }
    return HP_OK;
}

static hp_err choose_pairs(struct writer *w)
{
    const struct hp_callgraph *graph = &w->profile->graph;
    hp_err err = sort_edges(w);
    for (uint32_t f = 0; err == HP_OK && f < graph->count; f++) {
        struct hp_symbol symbol = hp_dict_symbol(w->profile->dict, graph->functions[f].sym);
        uint32_t fn;
        err = add_function(w, &symbol, hp_framename_shown(&symbol, false), &fn);
    }
    choose_resolution(w, whole(w, hp_callgraph_sum(graph).self), graph->edge_count);
    return err;
}

enum column { CALLS, PRIMITIVE, SELF, TOTAL, COLUMNS };

static uint64_t of_function(const struct writer *w, uint32_t f, enum column column)
{
    const struct hp_callgraph_function *function = &w->profile->graph.functions[f];
    switch (column) {
    case CALLS:
        return function->calls;
    case PRIMITIVE:
        return function->primitive;
    case SELF:
        return resolved(w, whole(w, function->self));
    default:
        return resolved(w, whole(w, function->total));
    }
}

static uint64_t of_edge(const struct writer *w, uint32_t e, enum column column)
{
    const struct hp_callgraph_edge *edge = &w->profile->graph.edges[e];
    switch (column) {
    case CALLS:
        return edge->calls;
    case PRIMITIVE:
        return edge->primitive;
    case SELF:
        return edge->bare ? 0 : resolved(w, whole(w, edge->self));
    default:
        return edge->bare ? 0 : resolved(w, whole(w, edge->total));
    }
}

/* What column `c` is written as the difference from: calls for primitive calls, own time for the total of
 * what calls nothing. */
static uint64_t expected(const struct writer *w, uint32_t f, uint32_t e, enum column c, uint64_t left)
{
    bool leaf = of_function(w, f, SELF) == of_function(w, f, TOTAL);
    return c == PRIMITIVE ? of_edge(w, e, CALLS) : c == TOTAL && leaf ? of_edge(w, e, SELF) : left;
}

static void put_edge_values(struct writer *w, enum column c)
{
    for (uint32_t f = 0; f < w->profile->graph.count; f++) {
        uint64_t left = of_function(w, f, c);
        for (uint32_t i = w->starts[f]; i < w->starts[f + 1]; i++) {
            uint64_t value = of_edge(w, w->edges[i], c);
            hp_buf_put_svarint(w->out, (int64_t)expected(w, f, w->edges[i], c, left) - (int64_t)value);
            left = value < left ? left - value : 0;
        }
    }
}

static void put_callers(struct writer *w, uint32_t f)
{
    uint32_t before = 0;
    for (uint32_t i = w->starts[f]; i < w->starts[f + 1]; i++) {
        uint32_t caller = w->profile->graph.edges[w->edges[i]].caller;
        hp_buf_put_svarint(w->out, (int64_t)caller - (int64_t)before);
        before = caller;
    }
}

static void put_pairs(struct writer *w)
{
    const struct hp_callgraph *graph = &w->profile->graph;
    hp_buf_put_varint(w->out, graph->listed_count);
    for (enum column c = CALLS; c < COLUMNS; c++) {
        for (uint32_t f = 0; f < graph->count; f++) {
            uint64_t from = c == PRIMITIVE ? of_function(w, f, CALLS)
                            : c == TOTAL   ? of_function(w, f, SELF)
                                           : 0;
            hp_buf_put_svarint(w->out, (int64_t)of_function(w, f, c) - (int64_t)from);
        }
    }
    for (uint32_t f = 0; f < graph->count; f++) {
        hp_buf_put_varint(w->out, w->starts[f + 1] - w->starts[f]);
    }
    for (uint32_t f = 0; f < graph->count; f++) {
        put_callers(w, f);
    }
    for (enum column c = CALLS; c < COLUMNS; c++) {
        put_edge_values(w, c);
    }
}

/* ---- the whole ---- */

hp_err hp_html_payload(const struct hp_profile *profile, const struct hp_html_options *options,
                       struct hp_buf *out)
{
    struct writer w = {.profile = profile, .out = out};
    w.options = options != NULL ? *options : (struct hp_html_options){0};
    w.options.max_nodes = w.options.max_nodes != 0 ? w.options.max_nodes : HP_HTML_NODES_MAX;
    w.options.max_samples = w.options.max_samples != 0 ? w.options.max_samples : HP_HTML_SAMPLES_MAX;
    hp_err err = prepare_functions(&w);
    if (err == HP_OK) {
        err = profile->shape == HP_PROFILE_TREE ? choose_nodes(&w) : choose_pairs(&w);
    }
    if (err != HP_OK) {
        goto done;
    }
    hp_buf_put_text(out, HP_STR("HPPG\x01"));
    err = put_meta(&w);
    if (err != HP_OK) {
        goto done;
    }
    put_functions(&w);
    if (profile->shape == HP_PROFILE_TREE) {
        err = put_tree(&w);
    } else {
        put_pairs(&w);
    }
    err = err != HP_OK ? err : out->err;
done:
    hp_free(w.starts);
    hp_free(w.edges);
    hp_free(w.kept);
    hp_free(w.position);
    hp_free(w.functions);
    hp_free(w.fn_of_sym);
    hp_intern_free(w.strings);
    return err;
}

hp_err hp_html_write(const struct hp_profile *profile, const struct hp_html_options *options,
                     struct hp_buf *out)
{
    struct hp_str title = options != NULL ? options->title : (struct hp_str){NULL, 0};
    struct hp_buf payload;
    hp_buf_init(&payload, PAYLOAD_MAX_BYTES);
    hp_err err = hp_html_payload(profile, options, &payload);
    if (err == HP_OK) {
        err = hp_onepage_write(hp_asset_page(), title, hp_buf_str(&payload), out);
    }
    hp_buf_fini(&payload);
    return err;
}
