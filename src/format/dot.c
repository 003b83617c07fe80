/* dot.c -- see dot.h.
 *
 * Nodes are made from functions (several a node where cycles are joined), then marked: reached from the
 * roots, reaching the leaves, above the threshold. Only then is anything written.
 */
#include "format/dot.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NAME_MAX_CHARS 1000

struct node {
    uint64_t calls;
    double self, total;
    uint32_t function; /* the first of its functions */
    uint32_t members;
    bool shown;
};

struct edge {
    uint32_t from, to; /* nodes */
    uint64_t calls;
    double total;
};

struct dot {
    const struct hp_profile *profile;
    struct hp_dot_options options;
    struct node *nodes;
    struct edge *edges;
    uint32_t *node_of; /* by function */
    uint32_t count, edge_count;
    double whole, self; /* what shares refer to */
    double most_self;
    struct hp_buf *out;
};

static double share(double part, double whole)
{
    double ratio = whole == 0 ? 1 : part / whole;
    return ratio < 0 ? 0 : ratio > 1 ? 1 : ratio;
}

/* ---- names ---- */

/* "module:line:function", as gprof2dot names functions of a `.prof`. */
static void put_name(struct hp_buf *out, const struct hp_profile *profile, uint32_t function, bool strip)
{
    struct hp_symbol symbol = hp_dict_symbol(profile->dict, profile->graph.functions[function].sym);
    struct hp_str base = symbol.file;
    if (strip || (base.n == 0 && profile->shape == HP_PROFILE_TREE)) {
        hp_buf_put_text(out, symbol.name.n != 0 ? symbol.name : HP_STR("(no name)"));
        return;
    }
    for (size_t i = base.n; i > 0; i--) {
        if (base.p[i - 1] == '/') {
            base = hp_str_make(base.p + i, base.n - i);
            break;
        }
    }
    for (size_t i = base.n; i > 1; i--) {
        if (base.p[i - 1] == '.') {
            base.n = i - 1;
            break;
        }
    }
    hp_buf_put_text(out, base);
    hp_buf_printf(out, ":%" PRIu32 ":", symbol.line);
    hp_buf_put_text(out, symbol.name);
}

/* How many of the first bytes stand in quotes as they are. */
static size_t plain_run(struct hp_str text)
{
    size_t n = 0;
    while (n < text.n && text.p[n] >= 0x20 && text.p[n] < 0x7f && text.p[n] != '"' && text.p[n] != '\\') {
        n++;
    }
    return n;
}

/* The first character: what is not UTF-8 and controls are replaced. Returns its bytes. */
static size_t put_special(struct hp_buf *out, struct hp_str text)
{
    size_t n = hp_utf8_len(text);
    unsigned char c = (unsigned char)text.p[0];
    if (c == '"' || c == '\\') {
        hp_buf_put_u8(out, '\\');
    }
    if (n == 0) {
        hp_buf_put_text(out, HP_STR("\xEF\xBF\xBD"));
    } else if (c < 0x20) {
        hp_buf_put_u8(out, ' ');
    } else {
        hp_buf_put(out, text.p, n);
    }
    return n == 0 ? 1 : n;
}

/* Inside quotes. A very long name is cut. */
static void put_quoted(struct hp_buf *out, struct hp_str text)
{
    for (size_t chars = 0; text.n != 0; chars++) {
        size_t n = plain_run(text), left = NAME_MAX_CHARS - chars;
        if (left == 0) {
            hp_buf_put_text(out, HP_STR("…"));
            return;
        }
        if (n != 0) {
            n = n < left ? n : left;
            hp_buf_put(out, text.p, n);
            chars += n - 1;
        } else {
            n = put_special(out, text);
        }
        text = hp_str_make(text.p + n, text.n - n);
    }
}

/* ---- cycles ---- */

struct tarjan {
    uint32_t *starts, *targets; /* callees of function f: targets[starts[f]] … */
    uint32_t *order, *low, *next, *stack, *path;
    bool *on_stack;
};

static void tarjan_fini(struct tarjan *t)
{
    hp_free(t->starts);
    hp_free(t->targets);
    hp_free(t->order);
    hp_free(t->low);
    hp_free(t->next);
    hp_free(t->stack);
    hp_free(t->path);
    hp_free(t->on_stack);
}

static hp_err tarjan_init(struct tarjan *t, const struct hp_callgraph *graph)
{
    size_t n = (size_t)graph->count + 2;
    *t = (struct tarjan){.starts = hp_calloc(n, sizeof(uint32_t)),
                         .targets = hp_calloc((size_t)graph->edge_count + 1, sizeof(uint32_t)),
                         .order = hp_calloc(n, sizeof(uint32_t)),
                         .low = hp_calloc(n, sizeof(uint32_t)),
                         .next = hp_calloc(n, sizeof(uint32_t)),
                         .stack = hp_calloc(n, sizeof(uint32_t)),
                         .path = hp_calloc(n, sizeof(uint32_t)),
                         .on_stack = hp_calloc(n, sizeof(bool))};
    if (t->starts == NULL || t->targets == NULL || t->order == NULL || t->low == NULL || t->next == NULL ||
        t->stack == NULL || t->path == NULL || t->on_stack == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        t->starts[graph->edges[i].caller + 2]++;
    }
    for (uint32_t i = 0; i < graph->count; i++) {
        t->starts[i + 1] += t->starts[i];
    }
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        t->targets[t->starts[graph->edges[i].caller + 1]++] = graph->edges[i].callee;
    }
    return HP_OK;
}

/* Tarjan's strongly connected components from one function, with a path of its own instead of recursion.
 * `component[f]` gets the root of f's component. */
static void connect(struct tarjan *t, uint32_t first, uint32_t *count, uint32_t *component)
{
    uint32_t depth = 0, used = 0;
    t->path[depth++] = first;
    while (depth != 0) {
        uint32_t f = t->path[depth - 1];
        if (t->order[f] == 0) {
            t->order[f] = t->low[f] = ++*count;
            t->next[f] = t->starts[f];
            t->stack[used++] = f;
            t->on_stack[f] = true;
        }
        bool deeper = false;
        while (t->next[f] < t->starts[f + 1] && !deeper) {
            uint32_t to = t->targets[t->next[f]];
            if (t->order[to] == 0) {
                t->path[depth++] = to;
                deeper = true;
            } else {
                uint32_t low = t->on_stack[to] ? t->low[to] : t->low[f];
                t->low[f] = low < t->low[f] ? low : t->low[f];
                t->next[f]++;
            }
        }
        if (deeper) {
            continue;
        }
        if (t->low[f] == t->order[f]) {
            uint32_t member;
            do {
                member = t->stack[--used];
                t->on_stack[member] = false;
                component[member] = f;
            } while (member != f);
        }
        depth--;
    }
}

static hp_err find_components(const struct hp_callgraph *graph, uint32_t *component)
{
    struct tarjan t;
    uint32_t count = 0;
    hp_err err = tarjan_init(&t, graph);
    for (uint32_t i = 0; i < graph->count && err == HP_OK; i++) {
        if (t.order[i] == 0) {
            connect(&t, i, &count, component);
        }
    }
    tarjan_fini(&t);
    return err;
}

/* ---- nodes and edges ---- */

static void add_function(struct dot *dot, uint32_t function, uint32_t node)
{
    const struct hp_callgraph_function *from = &dot->profile->graph.functions[function];
    struct node *into = &dot->nodes[node];
    double self = from->self / dot->profile->graph.per_unit;
    double total = from->total / dot->profile->graph.per_unit;
    dot->node_of[function] = node;
    into->function = into->members == 0 ? function : into->function;
    into->members++;
    into->calls += from->calls;
    into->self += self;
    into->total =
        total > into->total ? total : into->total; /* a cycle: the member that was entered from outside */
    dot->self += self;
    dot->whole = total > dot->whole ? total : dot->whole;
}

static hp_err make_nodes(struct dot *dot)
{
    const struct hp_callgraph *graph = &dot->profile->graph;
    uint32_t *component = hp_malloc(((size_t)graph->count + 1) * sizeof *component);
    hp_err err = component == NULL ? HP_ENOMEM : HP_OK;
    for (uint32_t i = 0; i < graph->count && err == HP_OK; i++) {
        component[i] = i;
        dot->node_of[i] = UINT32_MAX;
    }
    if (err == HP_OK && dot->options.join_cycles) {
        err = find_components(graph, component);
    }
    for (uint32_t i = 0; i < graph->count && err == HP_OK; i++) {
        uint32_t root = component[i];
        if (dot->node_of[root] == UINT32_MAX) {
            dot->node_of[root] = dot->count++;
        }
        add_function(dot, i, dot->node_of[root]);
    }
    hp_free(component);
    dot->whole = dot->self > dot->whole ? dot->self : dot->whole;
    for (uint32_t i = 0; i < dot->count && err == HP_OK; i++) {
        dot->most_self = dot->nodes[i].self > dot->most_self ? dot->nodes[i].self : dot->most_self;
    }
    return err;
}

/* One pass of a radix sort: a stable counting sort by one end. `at` has room for the nodes and one more. */
static void sort_pass(const struct dot *dot, const struct edge *edges, struct edge *sorted, uint32_t *at,
                      bool by_from)
{
    memset(at, 0, ((size_t)dot->count + 1) * sizeof *at);
    for (uint32_t i = 0; i < dot->edge_count; i++) {
        at[(by_from ? edges[i].from : edges[i].to) + 1]++;
    }
    for (uint32_t i = 1; i <= dot->count; i++) {
        at[i] += at[i - 1];
    }
    for (uint32_t i = 0; i < dot->edge_count; i++) {
        sorted[at[by_from ? edges[i].from : edges[i].to]++] = edges[i];
    }
}

/* By `from`, then by `to`. Linear, where a comparing sort took a quarter of the whole command. */
static hp_err sort_edges(struct dot *dot)
{
    struct edge *other = hp_malloc(((size_t)dot->edge_count + 1) * sizeof *other);
    uint32_t *at = hp_malloc(((size_t)dot->count + 1) * sizeof *at);
    hp_err err = other == NULL || at == NULL ? HP_ENOMEM : HP_OK;
    if (err == HP_OK) {
        sort_pass(dot, dot->edges, other, at, false);
        sort_pass(dot, other, dot->edges, at, true);
    }
    hp_free(at);
    hp_free(other);
    return err;
}

/* Edges of one pair of nodes become one; they stand together. */
static void join_edges(struct dot *dot)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < dot->edge_count; i++) {
        const struct edge *edge = &dot->edges[i];
        struct edge *last = kept == 0 ? NULL : &dot->edges[kept - 1];
        if (last != NULL && last->from == edge->from && last->to == edge->to) {
            last->calls += edge->calls;
            last->total += edge->total;
        } else {
            dot->edges[kept++] = *edge;
        }
    }
    dot->edge_count = kept;
}

/* A caller of which only the calls are known gets that share of the callee's total. */
static hp_err make_edges(struct dot *dot)
{
    const struct hp_callgraph *graph = &dot->profile->graph;
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        const struct hp_callgraph_edge *from = &graph->edges[i];
        const struct hp_callgraph_function *callee = &graph->functions[from->callee];
        struct edge edge = {dot->node_of[from->caller], dot->node_of[from->callee],
                            from->bare ? from->calls : from->primitive, from->total / graph->per_unit};
        if (from->bare) {
            edge.total = share((double)from->calls, (double)callee->calls) * callee->total / graph->per_unit;
        }
        if (edge.from != edge.to || !dot->options.join_cycles) {
            dot->edges[dot->edge_count++] = edge;
        }
    }
    hp_err err = sort_edges(dot);
    if (err == HP_OK) {
        join_edges(dot);
    }
    return err;
}

/* ---- choosing ---- */

static bool edge_shown(const struct dot *dot, const struct edge *edge)
{
    return dot->nodes[edge->from].shown && dot->nodes[edge->to].shown &&
           share(edge->total, dot->whole) >= dot->options.min_edge;
}

/* Unmark what no node of the glob reaches (forward), or what reaches none, within the depth: breadth first by
 * rounds over the edges. */
static hp_err keep_reached(struct dot *dot, const char *glob, bool forward)
{
    hp_err err = HP_OK;
    struct hp_buf name;
    bool *reached = hp_calloc((size_t)dot->count + 1, sizeof *reached);
    bool *now = hp_calloc((size_t)dot->count + 1, sizeof *now);
    uint32_t found = 0;
    hp_buf_init(&name, (size_t)1 << 20);
    if (reached == NULL || now == NULL) {
        err = HP_ENOMEM;
        goto done;
    }
    for (uint32_t i = 0; i < dot->count; i++) {
        hp_buf_reset(&name);
        put_name(&name, dot->profile, dot->nodes[i].function, false);
        hp_buf_put_u8(&name, '\0');
        reached[i] =
            dot->nodes[i].shown && name.err == HP_OK && fnmatch(glob, (const char *)name.data, 0) == 0;
        found += reached[i];
    }
    err = found == 0 ? HP_ENOTFOUND : HP_OK;
    for (int64_t step = 0; found != 0 && (dot->options.depth < 0 || step < dot->options.depth); step++) {
        found = 0;
        for (uint32_t i = 0; i < dot->edge_count; i++) {
            uint32_t from = forward ? dot->edges[i].from : dot->edges[i].to;
            uint32_t to = forward ? dot->edges[i].to : dot->edges[i].from;
            if (edge_shown(dot, &dot->edges[i]) && reached[from] && !reached[to] && !now[to]) {
                now[to] = true;
                found++;
            }
        }
        for (uint32_t i = 0; i < dot->count; i++) {
            reached[i] = reached[i] || now[i];
            now[i] = false;
        }
    }
    for (uint32_t i = 0; i < dot->count; i++) {
        dot->nodes[i].shown = dot->nodes[i].shown && reached[i];
    }
done:
    hp_buf_fini(&name);
    hp_free(now);
    hp_free(reached);
    return err;
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x > y ? -1 : x < y;
}

/* Where more nodes pass than wanted, the threshold becomes the share of the first one beyond, and a hair
 * more. */
static hp_err raise_threshold(struct dot *dot)
{
    uint32_t passing = 0;
    double *shares = hp_malloc(((size_t)dot->count + 1) * sizeof *shares);
    if (shares == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < dot->count; i++) {
        if (dot->nodes[i].shown) {
            shares[passing++] = share(dot->nodes[i].total, dot->whole);
        }
    }
    qsort(shares, passing, sizeof *shares, descending);
    double asked = dot->options.min_node;
    dot->options.min_node = nextafter(shares[dot->options.max_nodes], 2);
    if (asked > 0) {
        dot->options.min_edge *= dot->options.min_node / asked;
    }
    hp_free(shares);
    return HP_OK;
}

/* Mark what is above the thresholds and within reach. */
static hp_err mark(struct dot *dot, uint32_t *shown)
{
    hp_err err = HP_OK;
    *shown = 0;
    for (uint32_t i = 0; i < dot->count; i++) {
        dot->nodes[i].shown = share(dot->nodes[i].total, dot->whole) >= dot->options.min_node;
    }
    if (dot->options.root != NULL) {
        err = keep_reached(dot, dot->options.root, true);
    }
    if (err == HP_OK && dot->options.leaf != NULL) {
        err = keep_reached(dot, dot->options.leaf, false);
    }
    for (uint32_t i = 0; i < dot->count && err == HP_OK; i++) {
        *shown += dot->nodes[i].shown;
    }
    return err;
}

static hp_err choose(struct dot *dot, struct hp_dot_result *result)
{
    hp_err err = mark(dot, &result->nodes);
    result->all_nodes = result->nodes;
    if (err == HP_OK && dot->options.max_nodes != 0 && result->nodes > dot->options.max_nodes) {
        err = raise_threshold(dot);
        err = err != HP_OK ? err : mark(dot, &result->nodes);
    }
    return err;
}

/* ---- writing ---- */

/* Dark blue over red: hue falls from 240 degrees to 0, so the share can be read from afar. */
static void put_colour(struct hp_buf *out, double weight)
{
    double hue = (1 - weight) * 4, light = 0.25 + weight * 0.25, saturation = 0.8 + weight * 0.2;
    double chroma = 2 * light * saturation, low = light - chroma / 2;
    double second = chroma * (1 - fabs(fmod(hue, 2) - 1));
    double rgb[3] = {0, 0, 0};
    unsigned sector = (unsigned)hue;
    rgb[sector == 0 || sector == 5 ? 0 : sector < 3 ? 1 : 2] = chroma;
    rgb[sector == 0 || sector == 3 ? 1 : sector == 1 || sector == 4 ? 0 : 2] = second;
    hp_buf_printf(out, "\"#%02x%02x%02x\"", (unsigned)((rgb[0] + low) * 255 + 0.5),
                  (unsigned)((rgb[1] + low) * 255 + 0.5), (unsigned)((rgb[2] + low) * 255 + 0.5));
}

/* "12.34%", without the locale's decimal point. */
static void put_percent(struct hp_buf *out, double part)
{
    uint64_t hundredths = (uint64_t)(part * 10000 + 0.5);
    hp_buf_printf(out, "%" PRIu64 ".%02u%%", hundredths / 100, (unsigned)(hundredths % 100));
}

/* Hundredths as "1.25". */
static void put_hundredths(struct hp_buf *out, const char *key, double value)
{
    uint64_t hundredths = (uint64_t)(value * 100 + 0.5);
    hp_buf_printf(out, ", %s=\"%" PRIu64 ".%02u\"", key, hundredths / 100, (unsigned)(hundredths % 100));
}

static void put_node(struct dot *dot, uint32_t i, struct hp_buf *name)
{
    const struct node *node = &dot->nodes[i];
    struct hp_buf *out = dot->out;
    double total = share(node->total, dot->whole), self = share(node->self, dot->self);
    double weight = dot->options.by_self ? share(node->self, dot->most_self) : total;
    struct hp_symbol symbol =
        hp_dict_symbol(dot->profile->dict, dot->profile->graph.functions[node->function].sym);
    hp_buf_printf(out, "\t%" PRIu32 " [color=", i);
    put_colour(out, weight);
    hp_buf_put_text(out, HP_STR(", fontcolor=\"#ffffff\", fontsize=\"10.00\", label=\""));
    hp_buf_reset(name);
    put_name(name, dot->profile, node->function, dot->options.strip);
    put_quoted(out, hp_buf_str(name));
    if (node->members > 1) {
        hp_buf_printf(out, " and %" PRIu32 " more in a cycle", node->members - 1);
    }
    hp_buf_put_text(out, HP_STR("\\n"));
    put_percent(out, total);
    hp_buf_put_text(out, HP_STR("\\n("));
    put_percent(out, self);
    hp_buf_put_text(out, HP_STR(")"));
    if (dot->profile->counts_calls) {
        hp_buf_printf(out, "\\n%" PRIu64 "×", node->calls);
    }
    hp_buf_put_text(out, HP_STR("\", tooltip=\""));
    put_quoted(out, symbol.file);
    hp_buf_put_text(out, HP_STR("\"];\n"));
}

static void put_edge(struct dot *dot, const struct edge *edge)
{
    struct hp_buf *out = dot->out;
    double part = share(edge->total, dot->whole), width = part * 4 < 0.5 ? 0.5 : part * 4;
    hp_buf_printf(out, "\t%" PRIu32 " -> %" PRIu32 " [color=", edge->from, edge->to);
    put_colour(out, part);
    hp_buf_put_text(out, HP_STR(", fontcolor="));
    put_colour(out, part);
    hp_buf_put_text(out, HP_STR(", fontsize=\"10.00\", label=\""));
    put_percent(out, part);
    if (dot->profile->counts_calls) {
        hp_buf_printf(out, "\\n%" PRIu64 "×", edge->calls);
    }
    hp_buf_put_text(out, HP_STR("\""));
    put_hundredths(out, "arrowsize", sqrt(width) / 2);
    put_hundredths(out, "labeldistance", width);
    put_hundredths(out, "penwidth", width);
    hp_buf_put_text(out, HP_STR("];\n"));
}

static void put_document(struct dot *dot, struct hp_dot_result *result)
{
    struct hp_buf name;
    const struct edge *edge = dot->edges, *end = dot->edges + dot->edge_count;
    hp_buf_init(&name, (size_t)1 << 20);
    hp_buf_put_text(
        dot->out,
        HP_STR("digraph {\n\ttooltip=\" \"\n"
               "\tgraph [fontname=Arial, nodesep=\"0.125\", ranksep=\"0.25\"];\n"
               "\tnode [fontcolor=white, fontname=Arial, height=0, shape=box, style=filled, width=0];\n"
               "\tedge [fontname=Arial];\n"));
    for (uint32_t i = 0; i < dot->count; i++) {
        if (dot->nodes[i].shown) {
            put_node(dot, i, &name);
        }
        for (; edge < end && edge->from == i; edge++) {
            if (edge_shown(dot, edge)) {
                put_edge(dot, edge);
                result->edges++;
            }
        }
    }
    hp_buf_put_text(dot->out, HP_STR("}\n"));
    hp_buf_fini(&name);
}

hp_err hp_dot_write(const struct hp_profile *profile, const struct hp_dot_options *options,
                    struct hp_buf *out, struct hp_dot_result *result)
{
    struct dot dot = {.profile = profile, .options = *options, .out = out};
    struct hp_dot_result made = {0};
    hp_err err = HP_ENOMEM;
    dot.options.min_node = options->min_node < 0 ? 0.005 : options->min_node;
    dot.options.min_edge = options->min_edge < 0 ? 0.001 : options->min_edge;
    dot.nodes = hp_calloc((size_t)profile->graph.count + 1, sizeof *dot.nodes);
    dot.edges = hp_calloc((size_t)profile->graph.edge_count + 1, sizeof *dot.edges);
    dot.node_of = hp_calloc((size_t)profile->graph.count + 1, sizeof *dot.node_of);
    if (dot.nodes == NULL || dot.edges == NULL || dot.node_of == NULL) {
        goto done;
    }
    err = make_nodes(&dot);
    if (err != HP_OK) {
        goto done;
    }
    err = make_edges(&dot);
    err = err != HP_OK ? err : choose(&dot, &made);
    if (err != HP_OK) {
        goto done;
    }
    put_document(&dot, &made);
    made.min_node = dot.options.min_node;
    made.min_edge = dot.options.min_edge;
    err = out->err;
    if (err == HP_OK && result != NULL) {
        *result = made;
    }
done:
    hp_free(dot.node_of);
    hp_free(dot.edges);
    hp_free(dot.nodes);
    return err;
}

hp_err hp_dot_write_profile(const struct hp_profile *profile, struct hp_buf *out)
{
    const struct hp_dot_options options = {.min_node = -1, .min_edge = -1, .depth = -1};
    return hp_dot_write(profile, &options, out, NULL);
}
