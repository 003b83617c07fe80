/* pstats.c -- writing; see pstats.h.
 *
 * Functions of the graph become rows: one a key. Edges stand together by callee already; where two functions
 * share a key, the graph is first regrouped so that each row is one function.
 */
#include "format/pstats.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "format/framename.h"

struct row {
    struct hp_str path, name;
    uint32_t line;
};

struct work {
    const struct hp_callgraph *graph;
    struct hp_callgraph joined; /* of functions that share a key; unused (no functions) where none do */
    struct row *rows;           /* by function of `graph` */
    uint32_t *row_of;           /* the first function with the same key */
    bool shared;
};

/* ---- marshal ---- */

static void put_int(struct hp_buf *out, uint64_t value)
{
    if (value <= INT32_MAX) {
        hp_buf_put_u8(out, 'i');
        hp_buf_put_u32le(out, (uint32_t)value);
        return;
    }
    uint32_t digits = 0;
    for (uint64_t left = value; left != 0; left >>= 15) {
        digits++;
    }
    hp_buf_put_u8(out, 'l'); /* a long: digits of 15 bits */
    hp_buf_put_u32le(out, digits);
    for (; value != 0; value >>= 15) {
        hp_buf_put_u16le(out, (uint16_t)(value & 0x7FFF));
    }
}

static void put_seconds(struct hp_buf *out, double seconds)
{
    uint64_t bits;
    memcpy(&bits, &seconds, sizeof bits);
    hp_buf_put_u8(out, 'g');
    hp_buf_put_u64le(out, bits);
}

/* Length of a surrogate as marshal writes one (a file name that was not UTF-8); 0 if it is none. */
static size_t surrogate_len(struct hp_str text)
{
    return text.n >= 3 && (unsigned char)text.p[0] == 0xED && ((unsigned char)text.p[1] & 0xE0) == 0xA0 &&
                   ((unsigned char)text.p[2] & 0xC0) == 0x80
               ? 3
               : 0;
}

/* Text with U+FFFD for what is not UTF-8. */
static void put_unicode(struct hp_buf *out, struct hp_str text)
{
    hp_buf_put_u8(out, 'u');
    size_t at = out->len;
    hp_buf_put_u32le(out, 0);
    while (text.n != 0) {
        size_t n = hp_utf8_len(text);
        n = n == 0 ? surrogate_len(text) : n;
        if (n == 0) {
            hp_buf_put_text(out, HP_STR("\xEF\xBF\xBD"));
            n = 1;
        } else {
            hp_buf_put(out, text.p, n);
        }
        text = hp_str_make(text.p + n, text.n - n);
    }
    if (out->err == HP_OK) {
        hp_buf_patch_u32le(out, at, (uint32_t)(out->len - at - 4));
    }
}

static void put_tuple(struct hp_buf *out, uint32_t size)
{
    hp_buf_put_u8(out, '(');
    hp_buf_put_u32le(out, size);
}

static void put_key(struct hp_buf *out, const struct row *row)
{
    put_tuple(out, 3);
    put_unicode(out, row->path);
    put_int(out, row->line);
    put_unicode(out, row->name);
}

/* ---- rows ---- */

static struct row make_row(const struct hp_dict *dict, uint32_t sym, bool own_names)
{
    struct hp_symbol symbol = hp_dict_symbol(dict, sym);
    if (!own_names) {
        return (struct row){.path = symbol.file, .name = symbol.name, .line = symbol.line};
    }
    bool c = symbol.kind == HP_SYM_C || symbol.file.n == 0;
    return (struct row){.path = c ? HP_STR("~") : hp_framename_path(&symbol),
                        .name = sym == 0 ? HP_STR("<overflow>") : hp_framename_plain(&symbol),
                        .line = c ? 0 : symbol.line};
}

static bool same_key(const struct row *a, const struct row *b)
{
    return a->line == b->line && hp_str_eq(a->name, b->name) && hp_str_eq(a->path, b->path);
}

/* Find for each function the first one with its key; probing keeps equal hashes of different keys apart. */
static hp_err find_shared(struct work *work)
{
    struct hp_map map;
    hp_err err = HP_OK;
    hp_map_init(&map, (size_t)work->graph->count + 1);
    for (uint32_t i = 0; err == HP_OK && i < work->graph->count; i++) {
        const struct row *key = &work->rows[i];
        uint64_t hash = hp_hash64(key->name.p, key->name.n, hp_hash64(key->path.p, key->path.n, key->line));
        uint32_t first;
        work->row_of[i] = UINT32_MAX;
        for (; err == HP_OK && work->row_of[i] == UINT32_MAX; hash++) {
            if (!hp_map_get(&map, hash, &first)) {
                work->row_of[i] = i;
                err = hp_map_put(&map, hash, i);
            } else if (same_key(&work->rows[first], key)) {
                work->row_of[i] = first;
                work->shared = true;
            }
        }
    }
    hp_map_fini(&map);
    return err;
}

/* Add up functions with one key. Their symbols are numbered by function for the while. */
static hp_err join(struct work *work)
{
    uint32_t *map = hp_calloc((size_t)work->graph->count + 1, sizeof *map);
    hp_err err = map == NULL ? HP_ENOMEM : HP_OK;
    hp_callgraph_init(&work->joined, work->graph->per_unit);
    for (uint32_t i = 0; err == HP_OK && i < work->graph->count; i++) {
        const struct hp_callgraph_function *function = &work->graph->functions[i];
        uint32_t index;
        err = hp_callgraph_function(&work->joined, work->row_of[i], &index);
        err = err == HP_OK && function->listed ? hp_callgraph_list(&work->joined, index) : err;
        if (err == HP_OK) {
            struct hp_callgraph_function *into = &work->joined.functions[index];
            map[i] = index;
            into->calls += function->calls;
            into->primitive += function->primitive;
            into->self += function->self;
            into->total += function->total;
        }
    }
    for (uint32_t i = 0; err == HP_OK && i < work->graph->edge_count; i++) {
        struct hp_callgraph_edge edge = work->graph->edges[i];
        edge.caller = map[edge.caller];
        edge.callee = map[edge.callee];
        err = hp_callgraph_edge(&work->joined, &edge);
    }
    hp_free(map);
    err = err != HP_OK ? err : hp_callgraph_finish(&work->joined);
    for (uint32_t i = 0; err == HP_OK && i < work->joined.count; i++) {
        work->rows[i] = work->rows[work->joined.functions[i].sym]; /* a row moves down only */
    }
    work->graph = &work->joined;
    return err;
}

static void put_rows(const struct work *work, struct hp_buf *out)
{
    const struct hp_callgraph *graph = work->graph;
    uint32_t next = 0;
    hp_buf_put_u8(out, '{');
    for (uint32_t i = 0; i < graph->listed_count; i++) {
        const struct hp_callgraph_function *function = &graph->functions[i];
        put_key(out, &work->rows[i]);
        put_tuple(out, 5);
        put_int(out, function->primitive);
        put_int(out, function->calls);
        put_seconds(out, function->self / graph->per_unit);
        put_seconds(out, function->total / graph->per_unit);
        hp_buf_put_u8(out, '{');
        for (; next < graph->edge_count && graph->edges[next].callee == i; next++) {
            const struct hp_callgraph_edge *edge = &graph->edges[next];
            put_key(out, &work->rows[edge->caller]);
            if (edge->bare) {
                put_int(out, edge->calls);
                continue;
            }
            put_tuple(out, 4);
            put_int(out, edge->calls);
            put_int(out, edge->primitive);
            put_seconds(out, edge->self / graph->per_unit);
            put_seconds(out, edge->total / graph->per_unit);
        }
        hp_buf_put_u8(out, '0');
    }
    hp_buf_put_u8(out, '0');
}

static hp_err write_graph(const struct hp_callgraph *graph, const struct hp_dict *dict, bool own_names,
                          struct hp_buf *out)
{
    struct work work = {.graph = graph};
    work.row_of = hp_calloc((size_t)graph->count + 1, sizeof *work.row_of);
    work.rows = hp_calloc((size_t)graph->count + 1, sizeof *work.rows);
    hp_err err = work.row_of == NULL || work.rows == NULL ? HP_ENOMEM : HP_OK;
    for (uint32_t i = 0; err == HP_OK && i < graph->count; i++) {
        work.rows[i] = make_row(dict, graph->functions[i].sym, own_names);
    }
    err = err != HP_OK ? err : find_shared(&work);
    err = err == HP_OK && work.shared ? join(&work) : err;
    if (err == HP_OK) {
        put_rows(&work, out);
        err = out->err;
    }
    hp_callgraph_fini(&work.joined);
    hp_free(work.rows);
    hp_free(work.row_of);
    return err;
}

hp_err hp_pstats_write(const struct hp_tree *tree, const struct hp_dict *dict, struct hp_buf *out)
{
    struct hp_callgraph graph;
    hp_callgraph_init(&graph, 1e9);
    hp_err err = hp_callgraph_fold(&graph, tree, dict);
    err = err != HP_OK ? err : write_graph(&graph, dict, true, out);
    hp_callgraph_fini(&graph);
    return err;
}

hp_err hp_pstats_write_profile(const struct hp_profile *profile, struct hp_buf *out)
{
    return write_graph(&profile->graph, profile->dict, profile->own_names, out);
}
