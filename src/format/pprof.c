/* pprof.c -- writing; see pprof.h. A location and a function a symbol, both with its id; a sampled function
 * has a further location for each line that its samples were at. Strings are interned as they come. */
#include "format/pprof.h"

#include <stdlib.h>

#include "base/intern.h"
#include "base/mem.h"
#include "format/framename.h"
#include "format/gunzip.h"
#include "model/leaf.h"

#define MESSAGE_MAX ((size_t)2 << 30)

/* The location of a symbol at a line of its samples; line 0: the symbol's own. */
static uint64_t location_id(uint32_t sym, uint32_t line)
{
    return (uint64_t)line << 32 | ((uint64_t)sym + 1);
}

struct writing {
    const struct hp_profile *profile;
    struct hp_intern *strings;
    struct hp_buf plain, part, inner;
    hp_err err;
};

static uint32_t string_id(struct writing *w, struct hp_str text)
{
    uint32_t id = 0;
    hp_err err = hp_intern_add(w->strings, text, &id);
    w->err = w->err != HP_OK ? w->err : err;
    return id;
}

static void put_number(struct hp_buf *out, uint32_t field, uint64_t value)
{
    if (value != 0) {
        hp_buf_put_varint(out, field << 3);
        hp_buf_put_varint(out, value);
    }
}

static void put_bytes(struct hp_buf *out, uint32_t field, struct hp_str bytes)
{
    hp_buf_put_varint(out, field << 3 | 2);
    hp_buf_put_str(out, bytes);
}

static void put_type(struct writing *w)
{
    static const char *const names[][2] = {
        {"time", "nanoseconds"}, {"samples", "count"}, {"space", "bytes"}, {"events", "count"}};
    hp_buf_reset(&w->part);
    put_number(&w->part, 1, string_id(w, hp_str_from0(names[w->profile->unit][0])));
    put_number(&w->part, 2, string_id(w, hp_str_from0(names[w->profile->unit][1])));
    put_bytes(&w->plain, 1, hp_buf_str(&w->part));
}

static void put_location(struct writing *w, uint64_t id, uint32_t sym, uint32_t line)
{
    hp_buf_reset(&w->inner);
    put_number(&w->inner, 1, (uint64_t)sym + 1);
    put_number(&w->inner, 2, line);
    hp_buf_reset(&w->part);
    put_number(&w->part, 1, id);
    put_bytes(&w->part, 4, hp_buf_str(&w->inner));
    put_bytes(&w->plain, 4, hp_buf_str(&w->part));
}

static void put_symbol(struct writing *w, uint32_t id, bool root)
{
    struct hp_symbol symbol = hp_dict_symbol(w->profile->dict, id);
    uint32_t name = string_id(w, hp_framename_shown(&symbol, root));
    hp_buf_reset(&w->part); /* the function */
    put_number(&w->part, 1, (uint64_t)id + 1);
    put_number(&w->part, 2, name);
    put_number(&w->part, 3, name);
    put_number(&w->part, 4, string_id(w, w->profile->own_names ? hp_framename_path(&symbol) : symbol.file));
    put_number(&w->part, 5, symbol.line);
    put_bytes(&w->plain, 5, hp_buf_str(&w->part));
    put_location(w, location_id(id, 0), id, symbol.line);
}

/* The labels that pprof_read.c put together. */
static void put_labels(struct writing *w, struct hp_str labels)
{
    while (labels.n != 0) {
        size_t n = hp_str_find_char(labels, '\0');
        struct hp_str key = hp_str_make(labels.p, n);
        if (n + 2 > labels.n) {
            return;
        }
        labels = hp_str_make(labels.p + n + 1, labels.n - n - 1);
        n = hp_str_find_char(labels, '\0');
        struct hp_str value = hp_str_make(labels.p + 1, n == 0 ? 0 : n - 1);
        hp_buf_reset(&w->inner);
        put_number(&w->inner, 1, string_id(w, key));
        if (labels.p[0] == 's') {
            put_number(&w->inner, 2, string_id(w, value));
        } else {
            size_t blank = hp_str_find_char(value, ' ');
            put_number(&w->inner, 3, (uint64_t)strtoll(value.p, NULL, 10)); /* a NUL follows */
            if (blank + 1 < value.n) {
                put_number(&w->inner, 4, string_id(w, hp_str_make(value.p + blank + 1, value.n - blank - 1)));
            }
        }
        put_bytes(&w->part, 3, hp_buf_str(&w->inner));
        n += n < labels.n;
        labels = hp_str_make(labels.p + n, labels.n - n);
    }
}

/* A thread of a file, which is no frame. */
static bool is_thread(const struct hp_profile *profile, uint32_t node)
{
    const struct hp_node *at = &profile->tree->nodes[node];
    return at->kind != HP_NODE_LANE && hp_dict_symbol(profile->dict, at->sym).kind == HP_SYM_ROOT;
}

static void put_thread(struct writing *w, struct hp_str name)
{
    hp_buf_reset(&w->inner);
    put_number(&w->inner, 1, string_id(w, HP_STR("thread")));
    put_number(&w->inner, 2, string_id(w, name));
    put_bytes(&w->part, 3, hp_buf_str(&w->inner));
}

/* The stack leaf first, at `line` if that is not 0; the root is a frame only where it stands for a request, a
 * thread becomes a label. */
static void put_sample(struct writing *w, uint32_t node, uint32_t line, uint64_t value, uint32_t label)
{
    const struct hp_node *nodes = w->profile->tree->nodes;
    struct hp_str thread = HP_STR("");
    hp_buf_reset(&w->inner);
    for (uint32_t i = node; i != HP_NODE_ROOT; i = nodes[i].parent) {
        if (is_thread(w->profile, i)) {
            thread = hp_dict_symbol(w->profile->dict, nodes[i].sym).name;
            continue;
        }
        hp_buf_put_varint(&w->inner, location_id(nodes[i].sym, i == node ? line : 0));
    }
    if (w->profile->requests != 0 || node == HP_NODE_ROOT) {
        hp_buf_put_varint(&w->inner, location_id(nodes[HP_NODE_ROOT].sym, node == HP_NODE_ROOT ? line : 0));
    }
    hp_buf_reset(&w->part);
    put_bytes(&w->part, 1, hp_buf_str(&w->inner));
    hp_buf_reset(&w->inner);
    hp_buf_put_varint(&w->inner, value);
    put_bytes(&w->part, 2, hp_buf_str(&w->inner));
    if (thread.n != 0) {
        put_thread(w, thread);
    }
    if (label != 0) {
        put_labels(w, hp_dict_string(w->profile->dict, label));
    }
    put_bytes(&w->plain, 2, hp_buf_str(&w->part));
}

/* A node's own value: at each line that is known, and the rest. */
static void put_own(struct writing *w, uint32_t node)
{
    const struct hp_tree *tree = w->profile->tree;
    uint64_t rest = tree->nodes[node].self, value;
    uint32_t at = tree->nodes[node].leaf, line;
    while (hp_leaves_next(&tree->leaves, &at, &rest, &line, &value)) {
        put_sample(w, node, line, value, 0);
    }
}

/* The line of a sample if it is among its node's, which have locations. */
static uint32_t line_of(const struct hp_tree *tree, const struct hp_profile_sample *sample)
{
    uint32_t at = tree->nodes[sample->node].leaf;
    while (at != 0 && tree->leaves.list[at - 1].line != sample->line) {
        at = tree->leaves.list[at - 1].next;
    }
    return at != 0 ? sample->line : 0;
}

static void put_samples(struct writing *w)
{
    const struct hp_profile *profile = w->profile;
    if (profile->sample_count != 0 && profile->samples_dropped == 0) {
        for (size_t i = 0; i < profile->sample_count; i++) {
            const struct hp_profile_sample *sample = &profile->samples[i];
            put_sample(w, sample->node, line_of(profile->tree, sample), sample->value, sample->label);
        }
        return;
    }
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(profile->tree, i)) {
        put_own(w, i);
    }
}

/* The locations of lines, each once. */
static hp_err put_lines(struct writing *w)
{
    struct hp_leaf_line *lines = NULL;
    size_t count = 0;
    hp_err err = hp_leaf_fold(w->profile->tree, &lines, &count);
    for (size_t i = 0; err == HP_OK && i < count; i++) {
        put_location(w, location_id(lines[i].sym, lines[i].line), lines[i].sym, lines[i].line);
    }
    hp_free(lines);
    return err;
}

static hp_err put_document(struct writing *w, uint8_t *used)
{
    const struct hp_tree *tree = w->profile->tree;
    (void)string_id(w, HP_STR("")); /* number 0 */
    put_type(w);
    put_samples(w);
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(tree, i)) {
        if (!used[tree->nodes[i].sym] && !is_thread(w->profile, i)) {
            used[tree->nodes[i].sym] = 1;
            put_symbol(w, tree->nodes[i].sym, i == HP_NODE_ROOT);
        }
    }
    hp_err err = put_lines(w);
    w->err = w->err != HP_OK ? w->err : err;
    for (uint32_t i = 0; i < hp_intern_count(w->strings); i++) {
        put_bytes(&w->plain, 6, hp_intern_get(w->strings, i));
    }
    return w->err != HP_OK         ? w->err
           : w->part.err != HP_OK  ? w->part.err
           : w->inner.err != HP_OK ? w->inner.err
                                   : w->plain.err;
}

hp_err hp_pprof_write(const struct hp_profile *profile, struct hp_buf *out)
{
    struct writing w = {.profile = profile};
    hp_buf_init(&w.plain, MESSAGE_MAX);
    hp_buf_init(&w.part, MESSAGE_MAX);
    hp_buf_init(&w.inner, MESSAGE_MAX);
    w.strings = hp_intern_new((uint32_t)1 << 22, (size_t)1 << 30);
    uint8_t *used = hp_calloc(hp_dict_symbol_count(profile->dict), 1);
    hp_err err = w.strings == NULL || used == NULL ? HP_ENOMEM : put_document(&w, used);
    err = err != HP_OK ? err : hp_gunzip_pack(hp_buf_str(&w.plain), out);
    hp_free(used);
    hp_intern_free(w.strings);
    hp_buf_fini(&w.inner);
    hp_buf_fini(&w.part);
    hp_buf_fini(&w.plain);
    return err;
}
