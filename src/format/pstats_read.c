/* pstats_read.c -- reading `.prof` files; see pstats.h.
 *
 * The shape is known, so nothing is built but rows: a key is three scalars, a value five, callers are keys
 * with a count or tuples of four.
 */
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "format/marshal.h"
#include "format/pstats.h"

/* ---- rows ---- */

/* A key whose texts are shared is known by where these stand: most keys come again as callers. One that is
 * shared as a whole needs none of this (by_ref). */
struct known {
    const char *file, *name;
    uint32_t line, index;
};

struct rows {
    struct hp_marshal m;
    struct hp_profile *profile;
    struct hp_map by_place; /* hash of a known key to its number */
    struct known *known;
    uint32_t known_count, known_capacity;
    uint32_t *by_ref; /* function + 1 of a key that is an object of that reference; 0 not known */
    uint32_t ref_capacity;
    bool fresh;    /* the profile was empty: every pair is new */
    bool no_pairs; /* callers are stepped over */
};

/* The function of a key that is a reference to one read before; steps over it. */
static bool find_by_ref(struct rows *rows, uint32_t *index)
{
    struct hp_marshal *m = &rows->m;
    if (m->err != HP_OK || m->size - m->at < 5 || (m->data[m->at] & ~HP_MARSHAL_REF) != 'r') {
        return false;
    }
    const uint8_t *p = m->data + m->at + 1;
    uint32_t ref = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    if (ref >= rows->ref_capacity || rows->by_ref[ref] == 0) {
        return false;
    }
    *index = rows->by_ref[ref] - 1;
    m->at += 5;
    return true;
}

static hp_err remember_ref(struct rows *rows, uint32_t ref, uint32_t index)
{
    if (ref >= rows->ref_capacity) {
        uint32_t wanted = ref < 512 ? 1024 : ref * 2;
        uint32_t *bigger = hp_realloc(rows->by_ref, wanted * sizeof *bigger);
        if (bigger == NULL) {
            return HP_ENOMEM;
        }
        memset(bigger + rows->ref_capacity, 0, (wanted - rows->ref_capacity) * sizeof *bigger);
        rows->by_ref = bigger;
        rows->ref_capacity = wanted;
    }
    rows->by_ref[ref] = index + 1;
    return HP_OK;
}

static hp_err remember_key(struct rows *rows, uint64_t hash, struct known key)
{
    if (rows->known_count == rows->known_capacity) {
        uint32_t wanted = rows->known_capacity == 0 ? 256 : rows->known_capacity * 2;
        struct known *bigger = hp_realloc(rows->known, wanted * sizeof *bigger);
        if (bigger == NULL) {
            return HP_ENOMEM;
        }
        rows->known = bigger;
        rows->known_capacity = wanted;
    }
    hp_err err = hp_map_put(&rows->by_place, hash, rows->known_count);
    if (err == HP_OK) {
        rows->known[rows->known_count++] = key;
    }
    return err;
}

/* The function of a key, made if new. `shared`: its texts may be met again. */
static hp_err find_function(struct rows *rows, const struct hp_marshal_scalar *file, uint32_t line,
                            const struct hp_marshal_scalar *name, bool shared, uint32_t *index)
{
    struct known key = {file->text.p, name->text.p, line, 0};
    uint64_t hash = hp_hash_mix(hp_hash_mix((uintptr_t)key.file, (uintptr_t)key.name), line);
    uint32_t number, sym = 0;
    bool taken = shared && hp_map_get(&rows->by_place, hash, &number);
    if (taken) {
        const struct known *known = &rows->known[number];
        if (known->file == key.file && known->name == key.name && known->line == line) {
            *index = known->index;
            return HP_OK;
        }
    }
    hp_err err = hp_profile_symbol(rows->profile, file->text, name->text, line, &sym);
    err = err != HP_OK ? err : hp_callgraph_function(&rows->profile->graph, sym, index);
    key.index = *index;
    return err != HP_OK || !shared || taken ? err : remember_key(rows, hash, key);
}

/* A tuple's size; `*back` as in read_type, to be given to leave_tuple. */
static uint32_t enter_tuple(struct hp_marshal *m, size_t *back, bool *again)
{
    size_t start = m->at;
    uint8_t type = hp_marshal_type(m, back);
    *again = m->again;
    m->again = m->again || *back != 0;
    if (m->err == HP_OK && type != '(' && type != ')') {
        hp_marshal_fail(m, HP_EFORMAT, start, "not a tuple");
    }
    return m->err != HP_OK ? 0 : type == '(' ? hp_marshal_u32(m) : (uint32_t)hp_marshal_u8(m);
}

static void leave_tuple(struct hp_marshal *m, size_t back, bool again)
{
    m->again = again;
    if (back != 0) {
        m->at = back;
    }
}

/* A function's name. The pure-Python profiler has the code object it was told to run in one place. */
static struct hp_marshal_scalar read_name(struct hp_marshal *m)
{
    struct hp_marshal_scalar name = {.kind = HP_MARSHAL_TEXT};
    if (m->err == HP_OK && m->at < m->size && (m->data[m->at] & ~HP_MARSHAL_REF) == 'c') {
        name.text = hp_marshal_code(m);
        return name;
    }
    return hp_marshal_scalar(m);
}

/* A key as the index of its function; `*marker`: it is the note of CPython 3.15's sampling profiler
 * instead. */
static uint32_t read_key(struct rows *rows, bool *marker)
{
    struct hp_marshal *m = &rows->m;
    size_t back, start = m->at;
    bool again;
    uint32_t index = 0, ref = m->refs.count;
    *marker = false;
    if (find_by_ref(rows, &index)) {
        return index;
    }
    uint32_t n = enter_tuple(m, &back, &again);
    if (m->err == HP_OK && n == 1) {
        struct hp_marshal_scalar word = hp_marshal_scalar(m);
        *marker = word.kind == HP_MARSHAL_TEXT && hp_str_eq(word.text, HP_STR("__sampled__"));
    }
    if (m->err == HP_OK && n != 3 && !*marker) {
        hp_marshal_fail(m, HP_EFORMAT, start, "a key that is not (file, line, function)");
    }
    if (m->err == HP_OK && n == 3) {
        struct hp_marshal_scalar file = hp_marshal_scalar(m), line = hp_marshal_scalar(m),
                                 name = read_name(m);
        if (m->err == HP_OK && (file.kind != HP_MARSHAL_TEXT || name.kind != HP_MARSHAL_TEXT ||
                                line.kind != HP_MARSHAL_WHOLE || line.negative || line.whole > UINT32_MAX)) {
            hp_marshal_fail(m, HP_EFORMAT, start, "a key that is not (file, line, function)");
        }
        bool comes_again = m->err == HP_OK && !rows->no_pairs; /* as a caller */
        bool whole = comes_again && back == 0 && !again && (m->data[start] & HP_MARSHAL_REF) != 0;
        bool shared = comes_again && !whole && file.shared && name.shared;
        hp_err err = m->err != HP_OK
                         ? m->err
                         : find_function(rows, &file, (uint32_t)line.whole, &name, shared, &index);
        if (err == HP_OK && whole) {
            err = remember_ref(rows, ref, index); /* the tuple's own number is the first that it took */
        }
        if (err != HP_OK && m->err == HP_OK) {
            hp_marshal_fail(m, err, start, err == HP_EFULL ? "more functions than fit" : "out of memory");
        }
    }
    leave_tuple(m, back, again);
    return index;
}

/* Step over the key of a caller. One that is a reference was read where that leads. */
static void skip_key(struct hp_marshal *m)
{
    size_t back, start = m->at;
    bool again;
    if (hp_marshal_skip_reference(m)) {
        return;
    }
    uint32_t n = enter_tuple(m, &back, &again);
    if (m->err == HP_OK && n != 3) {
        hp_marshal_fail(m, HP_EFORMAT, start, "a key that is not (file, line, function)");
    }
    if (m->err == HP_OK) {
        (void)hp_marshal_scalar(m);
        (void)hp_marshal_scalar(m);
        (void)read_name(m);
    }
    leave_tuple(m, back, again);
}

/* The value of a caller: a count, or tuples of four one behind the other (old versions of Stats.add made
 * these). */
static void read_edge(struct hp_marshal *m, struct hp_callgraph_edge *edge)
{
    size_t back, start = m->at;
    bool again;
    uint8_t type = hp_marshal_need(m, 1) ? (uint8_t)(m->data[m->at] & ~HP_MARSHAL_REF) : 0;
    if (type == 'r' && hp_marshal_need(m, 5)) { /* what it leads to decides */
        uint8_t led = hp_marshal_type(m, &back);
        m->at = start;
        type = led;
    }
    if (m->err == HP_OK && type != '(' && type != ')') {
        edge->calls = hp_marshal_count(m);
        edge->bare = true;
        return;
    }
    uint32_t n = enter_tuple(m, &back, &again);
    if (m->err == HP_OK && (n == 0 || n % 4 != 0)) {
        hp_marshal_fail(m, HP_EFORMAT, start, "a caller without its four numbers");
    }
    for (uint32_t i = 0; i < n && m->err == HP_OK; i += 4) {
        edge->calls += hp_marshal_count(m);
        edge->primitive += hp_marshal_count(m);
        edge->self += hp_marshal_time(m);
        edge->total += hp_marshal_time(m);
    }
    leave_tuple(m, back, again);
}

/* Whether a dictionary goes on; steps over its end. */
static bool dict_goes_on(struct hp_marshal *m)
{
    if (!hp_marshal_need(m, 1)) {
        return false;
    }
    if (m->data[m->at] == '0') {
        m->at++;
        return false;
    }
    return true;
}

static void enter_dict(struct hp_marshal *m)
{
    size_t back, start = m->at;
    uint8_t type = hp_marshal_type(m, &back);
    if (m->err == HP_OK && (type != '{' || back != 0)) {
        hp_marshal_fail(m, HP_EFORMAT, start, "not a dictionary");
    }
}

static void skip_callers(struct hp_marshal *m)
{
    struct hp_callgraph_edge edge = {0};
    enter_dict(m);
    while (m->err == HP_OK && dict_goes_on(m)) {
        skip_key(m);
        read_edge(m, &edge);
    }
}

static void read_callers(struct rows *rows, uint32_t callee)
{
    struct hp_marshal *m = &rows->m;
    enter_dict(m);
    while (m->err == HP_OK && dict_goes_on(m)) {
        bool marker;
        size_t start = m->at;
        struct hp_callgraph_edge edge = {.callee = callee, .caller = read_key(rows, &marker)};
        if (m->err == HP_OK && marker) {
            hp_marshal_fail(m, HP_EFORMAT, start, "a key that is not (file, line, function)");
        }
        if (m->err == HP_OK) {
            read_edge(m, &edge);
        }
        hp_err err = m->err != HP_OK ? m->err
                     : rows->fresh   ? hp_callgraph_append(&rows->profile->graph, &edge)
                                     : hp_callgraph_edge(&rows->profile->graph, &edge);
        if (err != HP_OK) {
            hp_marshal_fail(m, err, start, err == HP_EFULL ? "more callers than fit" : "out of memory");
        }
    }
}

static void read_row(struct rows *rows)
{
    struct hp_marshal *m = &rows->m;
    struct hp_callgraph *graph = &rows->profile->graph;
    bool marker, again;
    size_t back, start;
    uint32_t index = read_key(rows, &marker);
    if (m->err != HP_OK || marker) {
        rows->profile->sampled = rows->profile->sampled || marker;
        if (m->err == HP_OK) {
            (void)hp_marshal_scalar(m);
        }
        return;
    }
    start = m->at;
    uint32_t n = enter_tuple(m, &back, &again);
    if (m->err == HP_OK && (n != 5 || back != 0)) {
        hp_marshal_fail(m, HP_EFORMAT, start, "a function without its five values");
    }
    struct hp_callgraph_function row = {0};
    row.primitive = hp_marshal_count(m);
    row.calls = hp_marshal_count(m);
    row.self = hp_marshal_time(m);
    row.total = hp_marshal_time(m);
    hp_err err = m->err != HP_OK ? m->err : hp_callgraph_list(graph, index);
    if (err != HP_OK) {
        hp_marshal_fail(m, err, start, "out of memory");
        return;
    }
    struct hp_callgraph_function *function = &graph->functions[index];
    function->primitive += row.primitive;
    function->calls += row.calls;
    function->self += row.self;
    function->total += row.total;
    if (rows->no_pairs) {
        skip_callers(m);
    } else {
        read_callers(rows, index);
    }
}

bool hp_pstats_is(struct hp_str bytes)
{
    return bytes.n >= 2 && ((unsigned char)bytes.p[0] & ~HP_MARSHAL_REF) == '{' &&
           (bytes.p[1] == '0' || bytes.p[1] == 'r' || ((unsigned char)bytes.p[1] & ~HP_MARSHAL_REF) == '(' ||
            ((unsigned char)bytes.p[1] & ~HP_MARSHAL_REF) == ')');
}

static hp_err add(struct hp_str bytes, bool no_pairs, struct hp_profile *profile, struct hp_errinfo *info)
{
    struct rows rows = {.m = {.data = (const uint8_t *)bytes.p, .size = bytes.n, .info = info},
                        .profile = profile,
                        .fresh = profile->graph.count == 0,
                        .no_pairs = no_pairs};
    struct hp_marshal *m = &rows.m;
    if (bytes.n > UINT32_MAX) {
        return hp_err_set(info, HP_EFULL, 0, "larger than 4 GiB");
    }
    hp_map_init(&rows.by_place, UINT32_MAX / 2);
    enter_dict(m);
    while (m->err == HP_OK && dict_goes_on(m)) {
        read_row(&rows);
    }
    hp_map_fini(&rows.by_place);
    hp_free(rows.known);
    hp_free(rows.by_ref);
    hp_free(m->refs.items);
    hp_free(m->strings.items);
    return m->err;
}

hp_err hp_pstats_add(struct hp_str bytes, struct hp_profile *profile, struct hp_errinfo *info)
{
    return add(bytes, false, profile, info);
}

hp_err hp_pstats_read(const struct hp_profile_source *source, struct hp_profile **profile,
                      struct hp_errinfo *info)
{
    struct hp_profile *made = hp_profile_new(HP_PROFILE_PAIRS, source->budget_bytes);
    if (made == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory");
    }
    made->unit = HP_UNIT_TIME;
    made->counts_calls = true;
    hp_err err = add(source->bytes, source->no_pairs, made, info);
    if (err == HP_OK && hp_profile_finish(made) != HP_OK) {
        err = hp_err_set(info, HP_ENOMEM, 0, "out of memory");
    }
    if (err != HP_OK) {
        hp_profile_free(made);
        return err;
    }
    *profile = made;
    return HP_OK;
}
