/* pstats.c -- see pstats.h.
 *
 * Functions of the model become rows: one a key. Pairs are sorted by row of callee and caller, so that one walk writes each row with
 * its callers behind it.
 */
#include "format/pstats.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "format/framename.h"
#include "model/functions.h"

#define ARENA_BYTES ((size_t)1 << 30)

struct row {
    struct hp_str path, name;
    uint32_t line;
    uint64_t calls, primitive, self_ns, total_ns;
};

struct pair {
    uint32_t callee, caller; /* rows */
    uint64_t calls, primitive, self_ns, total_ns;
};

struct work {
    struct hp_functions functions;
    uint32_t *row_of; /* by index of function */
    struct row *rows;
    struct pair *pairs;
    uint32_t row_count, pair_count;
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

static void put_seconds(struct hp_buf *out, uint64_t ns)
{
    double seconds = (double)ns / 1e9;
    uint64_t bits;
    memcpy(&bits, &seconds, sizeof bits);
    hp_buf_put_u8(out, 'g');
    hp_buf_put_u64le(out, bits);
}

/* Text with U+FFFD for what is not UTF-8. */
static void put_unicode(struct hp_buf *out, struct hp_str text)
{
    hp_buf_put_u8(out, 'u');
    size_t at = out->len;
    hp_buf_put_u32le(out, 0);
    while (text.n != 0) {
        size_t n = hp_utf8_len(text);
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

static bool same_key(const struct row *a, const struct row *b)
{
    return a->line == b->line && hp_str_eq(a->name, b->name) && hp_str_eq(a->path, b->path);
}

/* The row for a key, a new one if there is none yet; probing keeps equal hashes of different keys apart. */
static hp_err find_row(struct work *work, struct hp_map *map, const struct row *key, uint32_t *row)
{
    uint64_t hash = hp_hash64(key->name.p, key->name.n, hp_hash64(key->path.p, key->path.n, key->line));
    for (;; hash++) {
        if (!hp_map_get(map, hash, row)) {
            *row = work->row_count++;
            work->rows[*row] = *key;
            return hp_map_put(map, hash, *row);
        }
        if (same_key(&work->rows[*row], key)) {
            return HP_OK;
        }
    }
}

static hp_err make_rows(struct work *work, const struct hp_dict *dict)
{
    struct hp_map map;
    hp_err err = HP_OK;
    hp_map_init(&map, (size_t)work->functions.count + 1);
    for (uint32_t i = 0; err == HP_OK && i < work->functions.count; i++) {
        const struct hp_function *function = &work->functions.list[i];
        struct hp_symbol symbol = hp_dict_symbol(dict, function->sym);
        bool c = symbol.kind == HP_SYM_C || symbol.file.n == 0;
        struct row key = {.path = c ? HP_STR("~") : hp_framename_path(&symbol),
                          .name = function->sym == 0 ? HP_STR("<overflow>") : hp_framename_plain(&symbol),
                          .line = c ? 0 : symbol.line};
        err = find_row(work, &map, &key, &work->row_of[i]);
        struct row *row = &work->rows[work->row_of[i]];
        row->calls += function->calls + function->resumes;
        row->primitive += function->primitive;
        row->self_ns += function->self_ns;
        row->total_ns += function->total_ns;
    }
    hp_map_fini(&map);
    return err;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->callee != y->callee) {
        return x->callee < y->callee ? -1 : 1;
    }
    return x->caller < y->caller ? -1 : x->caller > y->caller;
}

static void make_pairs(struct work *work)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < work->functions.pair_count; i++) {
        const struct hp_function_pair *pair = &work->functions.pairs[i];
        work->pairs[i] = (struct pair){.callee = work->row_of[pair->callee],
                                       .caller = work->row_of[pair->caller],
                                       .calls = pair->calls + pair->resumes,
                                       .primitive = pair->primitive,
                                       .self_ns = pair->self_ns,
                                       .total_ns = pair->total_ns};
    }
    if (work->functions.pair_count != 0) {
        qsort(work->pairs, work->functions.pair_count, sizeof *work->pairs, compare_pairs);
    }
    for (uint32_t i = 0; i < work->functions.pair_count; i++) {
        struct pair *last = kept == 0 ? NULL : &work->pairs[kept - 1];
        struct pair *pair = &work->pairs[i];
        if (last != NULL && compare_pairs(last, pair) == 0) {
            last->calls += pair->calls;
            last->primitive += pair->primitive;
            last->self_ns += pair->self_ns;
            last->total_ns += pair->total_ns;
        } else {
            work->pairs[kept++] = *pair;
        }
    }
    work->pair_count = kept;
}

static void put_rows(const struct work *work, struct hp_buf *out)
{
    const struct pair *pair = work->pairs, *end = work->pairs + work->pair_count;
    hp_buf_put_u8(out, '{');
    for (uint32_t i = 0; i < work->row_count; i++) {
        const struct row *row = &work->rows[i];
        put_key(out, row);
        put_tuple(out, 5);
        put_int(out, row->primitive);
        put_int(out, row->calls);
        put_seconds(out, row->self_ns);
        put_seconds(out, row->total_ns);
        hp_buf_put_u8(out, '{');
        for (; pair < end && pair->callee == i; pair++) {
            put_key(out, &work->rows[pair->caller]);
            put_tuple(out, 4);
            put_int(out, pair->calls);
            put_int(out, pair->primitive);
            put_seconds(out, pair->self_ns);
            put_seconds(out, pair->total_ns);
        }
        hp_buf_put_u8(out, '0');
    }
    hp_buf_put_u8(out, '0');
}

hp_err hp_pstats_write(const struct hp_tree *tree, const struct hp_dict *dict, struct hp_buf *out)
{
    struct work work = {0};
    struct hp_arena arena;
    hp_arena_init(&arena, ARENA_BYTES);
    hp_err err = hp_functions_fold(tree, &arena, &work.functions);
    if (err != HP_OK) {
        goto done;
    }
    work.row_of = hp_calloc((size_t)work.functions.count + 1, sizeof *work.row_of);
    work.rows = hp_calloc((size_t)work.functions.count + 1, sizeof *work.rows);
    work.pairs = hp_calloc((size_t)work.functions.pair_count + 1, sizeof *work.pairs);
    err = work.row_of == NULL || work.rows == NULL || work.pairs == NULL ? HP_ENOMEM : make_rows(&work, dict);
    if (err != HP_OK) {
        goto done;
    }
    make_pairs(&work);
    put_rows(&work, out);
    err = out->err;
done:
    hp_free(work.pairs);
    hp_free(work.rows);
    hp_free(work.row_of);
    hp_arena_fini(&arena);
    return err;
}
