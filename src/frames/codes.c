/* codes.c -- see codes.h. */
#include "frames/codes.h"

#include "base/hash.h"
#include "base/mem.h"

#define ARENA_MAX_BYTES ((size_t)128 << 20)
#define NAME_CHARS      1024u
#define PATH_CHARS      4096u
#define TABLE_BYTES     (1u << 20)
#define SPANS_A_READ    512u
#define SITES           8192u /* power of two; 256 KiB */

#include "frames/linetable.h"

void hp_codes_init(struct hp_codes *codes, struct hp_dict *dict, struct hp_codes_place place)
{
    *codes = (struct hp_codes){.dict = dict, .place = place, .round = 1};
    hp_map_init(&codes->by_address, HP_CODES_MAX);
    hp_arena_init(&codes->arena, ARENA_MAX_BYTES);
}

void hp_codes_fini(struct hp_codes *codes)
{
    hp_map_fini(&codes->by_address);
    hp_arena_fini(&codes->arena);
    hp_free(codes->entries);
    hp_free(codes->heads);
    hp_free(codes->spans);
    hp_free(codes->wanted);
    hp_free(codes->sites);
    codes->entries = NULL;
    codes->heads = NULL;
    codes->spans = NULL;
    codes->wanted = NULL;
    codes->sites = NULL;
}

void hp_codes_watch(struct hp_codes *codes, const struct hp_codes_gone *gone)
{
    codes->gone = gone;
    for (uint32_t i = 0; i < codes->count; i++) {
        codes->entries[i].stamp = 0;
    }
    hp_free(codes->sites);
    codes->sites = NULL;
}

void hp_codes_round(struct hp_codes *codes)
{
    codes->round++;
}

static void forget(struct hp_codes *codes)
{
    codes->forgotten += codes->count;
    codes->count = 0;
    hp_map_clear(&codes->by_address);
    hp_arena_reset(&codes->arena);
}

/* ---- a code object that is new ---- */

static hp_err add_symbol(struct hp_codes *codes, struct hp_str name, struct hp_str path, uint32_t line,
                         uint32_t *sym)
{
    struct hp_symbol symbol = {.name = name, .path = path, .file = path, .line = line, .kind = HP_SYM_PYTHON};
    if (codes->place.place != NULL && !codes->place.place(codes->place.ctx, &symbol)) {
        return HP_ECORRUPT;
    }
    if (hp_str_eq(symbol.file, symbol.path)) {
        symbol.path = (struct hp_str){0};
    }
    hp_err err = hp_dict_add_symbol(codes->dict, &symbol, sym);
    if (err == HP_EFULL) {
        *sym = 0; /* a dictionary that is full names no more */
        err = HP_OK;
    }
    return err;
}

/* Whether what lies at the address is still the code whose names were read: it may have been freed
 * meanwhile. */
static hp_err check_again(const struct hp_layout *layout, const struct hp_peek *peek, uint64_t address,
                          const struct hp_code *code)
{
    uint8_t bytes[HP_LAYOUT_CODE_BYTES];
    struct hp_code now;
    hp_err err = hp_peek_at(peek, address, bytes, layout->code_start);
    err = err == HP_OK ? hp_code_parse(layout, bytes, &now) : err;
    err = err == HP_OK && !hp_code_same(&now, code) ? HP_ECORRUPT : err;
    return err == HP_ERANGE ? HP_ECORRUPT : err;
}

static hp_err read_code(struct hp_codes *codes, const struct hp_layout *layout, const struct hp_peek *peek,
                        uint64_t address, struct hp_codes_entry *entry)
{
    struct hp_buf name, path, table;
    hp_buf_init(&name, 4 * NAME_CHARS);
    hp_buf_init(&path, 4 * PATH_CHARS);
    hp_buf_init(&table, TABLE_BYTES);
    hp_err err = hp_code_bytes(layout, peek, entry->code.linetable, TABLE_BYTES, &table);
    if (err == HP_EFULL) { /* a line table of more than a megabyte: lines of that code are not told */
        hp_buf_reset(&table);
        err = HP_OK;
    }
    if (err == HP_OK) {
        char *copy = hp_arena_dup(&codes->arena, table.data, table.len);
        entry->linetable = hp_str_make(copy, copy != NULL ? table.len : 0);
    }
    bool known = codes->place.known != NULL && err == HP_OK &&
                 codes->place.known(codes->place.ctx, address, &entry->sym);
    if (err == HP_OK && !known) {
        err = hp_code_text(layout, peek, entry->code.qualname, NAME_CHARS, &name);
        err = err == HP_OK ? hp_code_text(layout, peek, entry->code.filename, PATH_CHARS, &path) : err;
    }
    err = err == HP_OK ? check_again(layout, peek, address, &entry->code) : err;
    if (err == HP_OK && !known) {
        err = add_symbol(codes, hp_buf_str(&name), hp_buf_str(&path), entry->code.firstline, &entry->sym);
    }
    if (err == HP_OK) {
        entry->lined = hp_dict_symbol(codes->dict, entry->sym).kind != HP_SYM_TEMPLATE;
    }
    hp_buf_fini(&table);
    hp_buf_fini(&path);
    hp_buf_fini(&name);
    return err;
}

static hp_err make_entry(struct hp_codes *codes, uint64_t address, uint32_t *index)
{
    if (codes->count == HP_CODES_MAX ||
        hp_arena_used_bytes(&codes->arena) > ARENA_MAX_BYTES - 2 * TABLE_BYTES) {
        return HP_EFULL;
    }
    if (codes->count == codes->capacity) {
        uint32_t capacity = codes->capacity == 0 ? 256 : codes->capacity * 2;
        struct hp_codes_entry *entries = hp_realloc(codes->entries, capacity * sizeof *entries);
        if (entries == NULL) {
            return HP_ENOMEM;
        }
        codes->entries = entries;
        codes->capacity = capacity;
    }
    hp_err err = hp_map_put(&codes->by_address, address, codes->count);
    if (err == HP_OK) {
        *index = codes->count++;
        codes->entries[*index] = (struct hp_codes_entry){.last_unit = -2};
    }
    return err;
}

/* Take in the head that was read of a code object. */
static hp_err take_head(struct hp_codes *codes, const struct hp_layout *layout, const struct hp_peek *peek,
                        uint64_t address, const uint8_t *bytes)
{
    struct hp_code code;
    uint32_t index;
    hp_err err = hp_code_parse(layout, bytes, &code);
    if (err != HP_OK) {
        return err;
    }
    if (!hp_map_get(&codes->by_address, address, &index)) {
        err = make_entry(codes, address, &index);
        if (err != HP_OK) {
            return err;
        }
    } else if (hp_code_same(&codes->entries[index].code, &code)) {
        codes->entries[index].round = codes->round;
        return HP_OK;
    }
    struct hp_codes_entry entry = {.code = code, .last_unit = -2};
    err = read_code(codes, layout, peek, address, &entry);
    if (err == HP_OK) {
        entry.round = codes->round;
        codes->entries[index] = entry;
    } else {
        codes->entries[index].code =
            (struct hp_code){0}; /* equals none that is read: the next look reads again */
    }
    return err;
}

/* ---- a stack ---- */

static bool is_current(const struct hp_codes *codes, uint64_t address, uint32_t *index)
{
    return hp_map_get(&codes->by_address, address, index) && codes->entries[*index].round == codes->round;
}

static hp_err make_room(struct hp_codes *codes, uint32_t count)
{
    if (count <= codes->wanted_capacity) {
        return HP_OK;
    }
    uint8_t *heads = hp_realloc(codes->heads, (size_t)count * HP_LAYOUT_CODE_BYTES);
    codes->heads = heads != NULL ? heads : codes->heads;
    struct hp_peek_span *spans = hp_realloc(codes->spans, count * sizeof *spans);
    codes->spans = spans != NULL ? spans : codes->spans;
    uint64_t *wanted = hp_realloc(codes->wanted, count * sizeof *wanted);
    codes->wanted = wanted != NULL ? wanted : codes->wanted;
    if (heads == NULL || spans == NULL || wanted == NULL) {
        return HP_ENOMEM;
    }
    codes->wanted_capacity = count;
    return HP_OK;
}

/* Compare the heads of the codes on the stack that were not compared in this round. */
static hp_err refresh(struct hp_codes *codes, const struct hp_layout *layout, const struct hp_peek *peek,
                      const struct hp_walk_frame *frames, uint32_t count)
{
    uint32_t index, wanted = 0;
    hp_err err = make_room(codes, count);
    for (uint32_t i = 0; err == HP_OK && i < count; i++) {
        bool again = wanted != 0 && codes->wanted[wanted - 1] == frames[i].code; /* recursion */
        if (!again && !is_current(codes, frames[i].code, &index)) {
            codes->spans[wanted] = (struct hp_peek_span){
                frames[i].code, codes->heads + (size_t)wanted * HP_LAYOUT_CODE_BYTES, layout->code_start};
            codes->wanted[wanted++] = frames[i].code;
        }
    }
    for (uint32_t from = 0; err == HP_OK && from < wanted; from += SPANS_A_READ) {
        uint32_t left = wanted - from, done;
        err = peek->read(peek->ctx, codes->spans + from, left < SPANS_A_READ ? left : SPANS_A_READ, &done);
        err = err == HP_ERANGE ? HP_ECORRUPT : err;
    }
    for (uint32_t i = 0; err == HP_OK && i < wanted; i++) {
        err =
            take_head(codes, layout, peek, codes->wanted[i], codes->heads + (size_t)i * HP_LAYOUT_CODE_BYTES);
    }
    return err;
}

static uint32_t line_of(struct hp_codes_entry *entry, int64_t unit)
{
    if (!entry->lined) {
        return 0;
    }
    if (entry->last_unit != unit) {
        uint32_t line = hp_linetable_line(entry->linetable, entry->code.firstline, unit);
        entry->last_unit = unit;
        entry->last_line = line != 0 ? line : entry->code.firstline;
    }
    return entry->last_line;
}

/* refresh, after forgetting all if there is no more room. */
static hp_err refresh_all(struct hp_codes *codes, const struct hp_layout *layout, const struct hp_peek *peek,
                          const struct hp_walk_frame *frames, uint32_t count)
{
    hp_err err = refresh(codes, layout, peek, frames, count);
    if (err == HP_EFULL) {
        forget(codes);
        err = refresh(codes, layout, peek, frames, count);
    }
    return err;
}

hp_err hp_codes_resolve(struct hp_codes *codes, const struct hp_layout *layout, const struct hp_peek *peek,
                        const struct hp_walk_frame *frames, uint32_t count, struct hp_codes_frame *out,
                        uint32_t *out_count)
{
    uint32_t found = 0;
    hp_err err = refresh_all(codes, layout, peek, frames, count);
    for (uint32_t i = 0; err == HP_OK && i < count; i++) {
        uint32_t index;
        int64_t unit;
        if (!is_current(codes, frames[i].code, &index)) {
            return HP_ECORRUPT;
        }
        struct hp_codes_entry *entry = &codes->entries[index];
        err =
            hp_code_unit(layout, peek, &entry->code, frames[i].code, frames[i].instr, frames[i].tlbc, &unit);
        if (err == HP_OK && !hp_code_is_internal(&entry->code)) {
            out[found++] = (struct hp_codes_frame){.sym = entry->sym, .line = line_of(entry, unit)};
        }
    }
    if (err == HP_OK) {
        *out_count = found;
    }
    return err;
}

/* ---- a place met before ---- */

static hp_err read_stamp(const struct hp_codes *codes, const struct hp_layout *layout,
                         const struct hp_peek *peek, uint64_t code, uint64_t *stamp)
{
    uint64_t words[HP_CODE_STAMP_WORDS] = {0};
    struct hp_peek_span spans[HP_CODE_STAMP_WORDS];
    uint32_t count = hp_codes_stamp_spans(codes, layout, code, words, spans), done;
    hp_err err = count != 0 ? peek->read(peek->ctx, spans, count, &done) : HP_OK;
    *stamp = hp_codes_stamp(codes, layout, code, words);
    return err == HP_ERANGE ? HP_ECORRUPT : err;
}

/* The code object that had this stamp, read if need be. */
static hp_err entry_of(struct hp_codes *codes, const struct hp_layout *layout, const struct hp_peek *peek,
                       const struct hp_codes_site *site, struct hp_codes_entry **entry)
{
    uint32_t index;
    uint64_t after;
    if (hp_map_get(&codes->by_address, site->code, &index) && codes->entries[index].stamp == site->stamp) {
        *entry = &codes->entries[index];
        return HP_OK;
    }
    struct hp_walk_frame frame = {.code = site->code};
    hp_codes_round(codes);
    hp_err err = refresh_all(codes, layout, peek, &frame, 1);
    err = err == HP_OK ? read_stamp(codes, layout, peek, site->code, &after) : err;
    if (err != HP_OK || after != site->stamp || !hp_map_get(&codes->by_address, site->code, &index)) {
        return err != HP_OK ? err : HP_ECORRUPT;
    }
    *entry = &codes->entries[index];
    (*entry)->stamp = after;
    return HP_OK;
}

static struct hp_codes_site *site_of(const struct hp_codes *codes, uint64_t code, uint64_t instr)
{
    return &codes->sites[hp_hash_mix(code, instr) % SITES];
}

void hp_codes_expect(const struct hp_codes *codes, uint64_t code, uint64_t instr)
{
    if (codes->sites != NULL) {
        __builtin_prefetch(site_of(codes, code, instr));
    }
}

hp_err hp_codes_at(struct hp_codes *codes, const struct hp_layout *layout, const struct hp_peek *peek,
                   struct hp_codes_site *site)
{
    struct hp_codes_entry *entry;
    int64_t unit;
    if (codes->sites == NULL) {
        codes->sites = hp_calloc(SITES, sizeof *codes->sites);
        if (codes->sites == NULL) {
            return HP_ENOMEM;
        }
    }
    struct hp_codes_site *known = site_of(codes, site->code, site->instr);
    if (known->code == site->code && known->instr == site->instr && known->stamp == site->stamp) {
        *site = *known;
        return HP_OK;
    }
    hp_err err = entry_of(codes, layout, peek, site, &entry);
    err = err == HP_OK ? hp_code_unit(layout, peek, &entry->code, site->code, site->instr, 0, &unit) : err;
    if (err == HP_OK) {
        site->sym = entry->sym;
        site->line = line_of(entry, unit) & INT32_MAX;
        site->internal = hp_code_is_internal(&entry->code);
        *known = *site;
    }
    return err;
}
