/* gecko.c -- see gecko.h. A function is a frame at its first line, a path a stack of those. Where samples of
 * a path were at a line, that is a frame of its own, and a stack whose prefix is that of the path: rows
 * behind the others in both tables.
 */
#include "format/gecko.h"

#include "base/json.h"
#include "base/mem.h"
#include "format/framename.h"
#include "format/tracks.h"

#define VERSION   28 /* of the unprocessed format that this one stands for */
#define PROCESSED 47

enum category { CATEGORY_OTHER, CATEGORY_APPLICATION, CATEGORY_LIBRARY };

struct gecko {
    const struct hp_profile *profile;
    struct hp_tracks tracks;
    struct hp_json json;
    uint32_t *stack_of; /* [nodes]: its stack + 1 in the thread that is being written; 0: not yet */
    uint32_t *func_of;  /* [symbols], likewise */
    uint32_t *nodes;    /* [nodes]: of the thread's stacks */
    uint32_t *funcs;    /* [symbols]: of the thread's functions; the frame of a function has its number */
    struct at *lines;   /* [leaves]: of the thread's stacks at a line */
    uint32_t node_count, func_count, line_count, symbols;
};

struct at {
    uint32_t node, line;
};

/* A walk over the values of a track, those of nodes line by line. */
struct walk {
    uint64_t cursor, rest, value;
    uint32_t node, leaf, line, stack; /* stack: its number + 1, 0 none */
    uint32_t lines;                   /* how many of its stacks at a line have been met */
};

static bool next_value(const struct gecko *g, uint32_t track, struct walk *walk)
{
    const struct hp_tree *tree = g->profile->tree;
    while (!hp_leaves_next(&tree->leaves, &walk->leaf, &walk->rest, &walk->line, &walk->value)) {
        if (!hp_tracks_next(&g->tracks, track, &walk->cursor, &walk->node, &walk->rest)) {
            return false;
        }
        walk->leaf = g->tracks.samples ? 0 : tree->nodes[walk->node].leaf;
    }
    walk->stack = g->stack_of[walk->node];
    if (walk->line != 0 && walk->stack != 0) {
        walk->stack = g->node_count + ++walk->lines;
    }
    return true;
}

/* Number the stacks and functions of one thread, parents first. */
static void number(struct gecko *g, uint32_t track)
{
    struct walk walk = {0};
    uint32_t count;
    for (uint32_t i = 0; i < g->node_count; i++) {
        g->stack_of[g->nodes[i]] = 0;
    }
    for (uint32_t i = 0; i < g->func_count; i++) {
        g->func_of[g->funcs[i]] = 0;
    }
    g->node_count = g->func_count = g->line_count = 0;
    while (next_value(g, track, &walk)) {
        const uint32_t *path = hp_tracks_path(&g->tracks, walk.node, &count);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t sym = g->profile->tree->nodes[path[i]].sym;
            if (g->stack_of[path[i]] != 0) {
                continue;
            }
            g->nodes[g->node_count] = path[i];
            g->stack_of[path[i]] = ++g->node_count;
            if (g->func_of[sym] == 0) {
                g->funcs[g->func_count] = sym;
                g->func_of[sym] = ++g->func_count;
            }
        }
        if (walk.line != 0 && count != 0) {
            g->lines[g->line_count++] = (struct at){walk.node, walk.line};
        }
    }
}

static struct hp_symbol function(const struct gecko *g, uint32_t func)
{
    return hp_dict_symbol(g->profile->dict, g->funcs[func]);
}

/* The node whose path a stack is. */
static uint32_t node_of(const struct gecko *g, uint32_t stack)
{
    return stack < g->node_count ? g->nodes[stack] : g->lines[stack - g->node_count].node;
}

static uint32_t func_of_node(const struct gecko *g, uint32_t node)
{
    return g->func_of[g->profile->tree->nodes[node].sym] - 1;
}

static uint32_t func_of_frame(const struct gecko *g, uint32_t frame)
{
    return frame < g->func_count ? frame : func_of_node(g, g->lines[frame - g->func_count].node);
}

/* ---- columns ---- */

/* One value of a column, by row; most do not need the row. */
typedef void (*column_fn)(struct gecko *g, uint32_t row);

static void put_zero(struct gecko *g, uint32_t row)
{
    (void)row;
    hp_json_u64(&g->json, 0);
}

static void put_minus_one(struct gecko *g, uint32_t row)
{
    (void)row;
    hp_json_i64(&g->json, -1);
}

static void put_null(struct gecko *g, uint32_t row)
{
    (void)row;
    hp_json_null(&g->json);
}

static void put_false(struct gecko *g, uint32_t row)
{
    (void)row;
    hp_json_bool(&g->json, false);
}

static enum category category_of(const struct hp_symbol *symbol)
{
    return symbol->file.n == 0          ? CATEGORY_OTHER
           : symbol->flags & HP_SYM_APP ? CATEGORY_APPLICATION
                                        : CATEGORY_LIBRARY;
}

static void put_frame_function(struct gecko *g, uint32_t row)
{
    hp_json_u64(&g->json, func_of_frame(g, row));
}

static void put_frame_category(struct gecko *g, uint32_t row)
{
    struct hp_symbol symbol = function(g, func_of_frame(g, row));
    hp_json_u64(&g->json, category_of(&symbol));
}

static void put_function_line(struct gecko *g, uint32_t row)
{
    struct hp_symbol symbol = function(g, row);
    if (symbol.line != 0) {
        hp_json_u64(&g->json, symbol.line);
    } else {
        hp_json_null(&g->json);
    }
}

static void put_frame_line(struct gecko *g, uint32_t row)
{
    if (row < g->func_count) {
        put_function_line(g, row);
    } else {
        hp_json_u64(&g->json, g->lines[row - g->func_count].line);
    }
}

/* Strings: name and file of function n are 2n and 2n + 1. */
static void put_function_name(struct gecko *g, uint32_t row)
{
    hp_json_u64(&g->json, 2 * (uint64_t)row);
}

static void put_function_file(struct gecko *g, uint32_t row)
{
    struct hp_symbol symbol = function(g, row);
    if (symbol.file.n != 0) {
        hp_json_u64(&g->json, 2 * (uint64_t)row + 1);
    } else {
        hp_json_null(&g->json);
    }
}

static void put_stack_frame(struct gecko *g, uint32_t row)
{
    bool plain = row < g->node_count;
    hp_json_u64(&g->json, plain ? func_of_node(g, g->nodes[row]) : g->func_count + row - g->node_count);
}

static void put_stack_prefix(struct gecko *g, uint32_t row)
{
    uint32_t parent = g->profile->tree->nodes[node_of(g, row)].parent;
    if (parent != HP_NODE_NONE && g->stack_of[parent] != 0) {
        hp_json_u64(&g->json, g->stack_of[parent] - 1);
    } else {
        hp_json_null(&g->json);
    }
}

static void put_stack_category(struct gecko *g, uint32_t row)
{
    struct hp_symbol symbol = function(g, func_of_node(g, node_of(g, row)));
    hp_json_u64(&g->json, category_of(&symbol));
}

struct column {
    const char *name;
    column_fn put; /* NULL: ends the table */
};

static void put_table(struct gecko *g, const char *name, const struct column *columns, uint32_t rows)
{
    hp_json_key(&g->json, name);
    hp_json_object_begin(&g->json);
    for (; columns->put != NULL; columns++) {
        hp_json_key(&g->json, columns->name);
        hp_json_array_begin(&g->json);
        for (uint32_t row = 0; row < rows; row++) {
            columns->put(g, row);
        }
        hp_json_array_end(&g->json);
    }
    hp_json_kv_u64(&g->json, "length", rows);
    hp_json_object_end(&g->json);
}

/* clang-format off */
static const struct column stacks[] = {
    {"frame", put_stack_frame}, {"prefix", put_stack_prefix}, {"category", put_stack_category},
    {"subcategory", put_zero}, {"", NULL}};
static const struct column frames[] = {
    {"address", put_minus_one}, {"inlineDepth", put_zero}, {"category", put_frame_category},
    {"subcategory", put_zero}, {"func", put_frame_function}, {"nativeSymbol", put_null}, {"innerWindowID", put_zero},
    {"implementation", put_null}, {"line", put_frame_line}, {"column", put_null}, {"", NULL}};
static const struct column funcs[] = {
    {"name", put_function_name}, {"isJS", put_false}, {"relevantForJS", put_false},
    {"resource", put_minus_one}, {"fileName", put_function_file}, {"lineNumber", put_function_line},
    {"columnNumber", put_null}, {"", NULL}};
static const struct column resources[] = {
    {"lib", put_null}, {"name", put_null}, {"host", put_null}, {"type", put_null}, {"", NULL}};
static const struct column native_symbols[] = {
    {"libIndex", put_null}, {"address", put_null}, {"name", put_null}, {"functionSize", put_null}, {"", NULL}};
static const struct column markers[] = {
    {"data", put_null}, {"name", put_null}, {"startTime", put_null}, {"endTime", put_null},
    {"phase", put_null}, {"category", put_null}, {"", NULL}};
/* clang-format on */

/* ---- samples ---- */

/* In the viewer's units: milliseconds of time, bytes, else counts. */
static double shown(const struct gecko *g, uint64_t value)
{
    return g->profile->unit == HP_UNIT_TIME ? (double)value / 1e6 : (double)value;
}

static void put_samples(struct gecko *g, uint32_t track)
{
    uint64_t sum = 0, count = 0;
    struct walk walk;
    hp_json_key(&g->json, "samples");
    hp_json_object_begin(&g->json);
    hp_json_kv_cstr(&g->json, "weightType",
                    g->profile->unit == HP_UNIT_TIME    ? "tracing-ms"
                    : g->profile->unit == HP_UNIT_BYTES ? "bytes"
                                                        : "samples");
    hp_json_key(&g->json, "stack");
    hp_json_array_begin(&g->json);
    for (walk = (struct walk){0}; next_value(g, track, &walk);) {
        if (walk.stack != 0) {
            hp_json_u64(&g->json, walk.stack - 1);
        } else {
            hp_json_null(&g->json); /* the thread's own time: no frame */
        }
    }
    hp_json_array_end(&g->json);
    hp_json_key(&g->json, "time");
    hp_json_array_begin(&g->json);
    for (walk = (struct walk){0}; next_value(g, track, &walk); sum += walk.value, count++) {
        hp_json_double(&g->json, shown(g, sum));
    }
    hp_json_array_end(&g->json);
    hp_json_key(&g->json, "weight");
    hp_json_array_begin(&g->json);
    for (walk = (struct walk){0}; next_value(g, track, &walk);) {
        hp_json_exact(&g->json, shown(g, walk.value));
    }
    hp_json_array_end(&g->json);
    hp_json_kv_u64(&g->json, "length", count);
    hp_json_object_end(&g->json);
}

static void put_strings(struct gecko *g)
{
    hp_json_key(&g->json, "stringArray");
    hp_json_array_begin(&g->json);
    for (uint32_t i = 0; i < g->func_count; i++) {
        struct hp_symbol symbol = function(g, i);
        hp_json_str(&g->json, hp_framename_shown(&symbol, false));
        hp_json_str(&g->json, g->profile->own_names ? hp_framename_path(&symbol) : symbol.file);
    }
    hp_json_array_end(&g->json);
}

static void put_thread(struct gecko *g, uint32_t track, bool first)
{
    struct hp_buf name;
    hp_buf_init(&name, (size_t)1 << 20);
    hp_tracks_put_name(&g->tracks, track, &name);
    number(g, track);
    hp_json_object_begin(&g->json);
    hp_json_kv_str(&g->json, "name", hp_buf_str(&name));
    hp_json_kv_cstr(&g->json, "processType", "default");
    hp_json_kv_bool(&g->json, "isMainThread", first);
    hp_json_kv_cstr(&g->json, "pid", "1");
    hp_json_kv_u64(&g->json, "tid", track + 1u);
    hp_json_kv_u64(&g->json, "registerTime", 0);
    hp_json_kv_null(&g->json, "unregisterTime");
    hp_json_kv_u64(&g->json, "processStartupTime", 0);
    hp_json_kv_null(&g->json, "processShutdownTime");
    hp_json_key(&g->json, "pausedRanges");
    hp_json_array_begin(&g->json);
    hp_json_array_end(&g->json);
    put_samples(g, track);
    put_table(g, "markers", markers, 0);
    put_table(g, "stackTable", stacks, g->node_count + g->line_count);
    put_table(g, "frameTable", frames, g->func_count + g->line_count);
    put_table(g, "funcTable", funcs, g->func_count);
    put_table(g, "resourceTable", resources, 0);
    put_table(g, "nativeSymbols", native_symbols, 0);
    put_strings(g);
    hp_json_object_end(&g->json);
    hp_buf_fini(&name);
}

static void put_empty(struct hp_json *json, const char *key)
{
    hp_json_key(json, key);
    hp_json_array_begin(json);
    hp_json_array_end(json);
}

static void put_meta(struct hp_json *json)
{
    static const struct {
        const char *name, *color;
    } categories[] = {{"Other", "grey"}, {"Application", "blue"}, {"Library", "yellow"}};
    hp_json_key(json, "meta");
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "interval", 1);
    hp_json_kv_u64(json, "startTime", 0);
    hp_json_kv_u64(json, "processType", 0);
    hp_json_kv_cstr(json, "product", "Python");
    hp_json_kv_cstr(json, "importedFrom", "hotplate");
    hp_json_kv_u64(json, "stackwalk", 1);
    hp_json_kv_u64(json, "version", VERSION);
    hp_json_kv_u64(json, "preprocessedProfileVersion", PROCESSED);
    hp_json_kv_bool(json, "symbolicated", true);
    hp_json_key(json, "categories");
    hp_json_array_begin(json);
    for (size_t i = 0; i < sizeof categories / sizeof categories[0]; i++) {
        hp_json_object_begin(json);
        hp_json_kv_cstr(json, "name", categories[i].name);
        hp_json_kv_cstr(json, "color", categories[i].color);
        hp_json_key(json, "subcategories");
        hp_json_array_begin(json);
        hp_json_cstr(json, "Other");
        hp_json_array_end(json);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    put_empty(json, "markerSchema");
    hp_json_object_end(json);
}

static void put_document(struct gecko *g)
{
    bool first = true;
    hp_json_object_begin(&g->json);
    put_meta(&g->json);
    put_empty(&g->json, "libs");
    put_empty(&g->json, "pages");
    hp_json_key(&g->json, "threads");
    hp_json_array_begin(&g->json);
    for (uint32_t i = 0; i < g->tracks.count; i++) {
        if (hp_tracks_has_values(&g->tracks, i)) {
            put_thread(g, i, first);
            first = false;
        }
    }
    hp_json_array_end(&g->json);
    hp_json_object_end(&g->json);
}

hp_err hp_gecko_write(const struct hp_profile *profile, struct hp_buf *out)
{
    struct gecko g = {.profile = profile, .symbols = hp_dict_symbol_count(profile->dict)};
    uint32_t nodes = profile->tree->count;
    hp_err err = hp_tracks_init(&g.tracks, profile);
    g.stack_of = hp_calloc(nodes, sizeof *g.stack_of);
    g.nodes = hp_calloc(nodes, sizeof *g.nodes);
    g.func_of = hp_calloc(g.symbols, sizeof *g.func_of);
    g.funcs = hp_calloc(g.symbols, sizeof *g.funcs);
    g.lines = hp_calloc((size_t)profile->tree->leaves.count + 1, sizeof *g.lines);
    if (g.lines == NULL || g.stack_of == NULL || g.nodes == NULL || g.func_of == NULL || g.funcs == NULL) {
        err = HP_ENOMEM;
    }
    if (err == HP_OK) {
        hp_json_init(&g.json, out, false);
        put_document(&g);
        err = hp_json_finish(&g.json);
    }
    hp_tracks_fini(&g.tracks);
    hp_free(g.stack_of);
    hp_free(g.nodes);
    hp_free(g.lines);
    hp_free(g.func_of);
    hp_free(g.funcs);
    return err;
}
