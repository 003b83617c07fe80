/* dict.c -- four tables of encoded entries over base/intern.h.
 *
 * An entry is its fields as bytes, so equal content is equal bytes and gets the same id. Lengths are varints,
 * the last text takes the rest:
 *
 *     symbol     hash u64 | flags u8 | path n,bytes | kind u8 | line varint | file n,bytes | name …
 *     statement  engine u8 | verb u8 | text …
 *     route      method n,bytes | rule n,bytes | endpoint n,bytes
 *     string     the bytes
 *
 * The hash covers what stands behind the path, so that it is the same wherever the program is installed. Each
 * table holds the empty entry as id 0; no other entry but the empty string is empty.
 */
#include "model/dict.h"

#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/intern.h"
#include "base/mem.h"
#include "base/reader.h"

#define CAP_COUNT   ((uint32_t)1 << 20)
#define CAP_BYTES   ((size_t)256 << 20)
#define STACK_BYTES 1024
#define FIXED_BYTES (sizeof(uint64_t) + 2 + 4 * HP_VARINT_MAX_BYTES)

struct hp_dict {
    struct hp_intern *symbols, *statements, *routes, *strings;
};

/* An entry being written: on the stack while small. */
struct entry {
    uint8_t *p, *start;
    uint8_t stack[STACK_BYTES];
};

static hp_err entry_begin(struct entry *entry, size_t text_bytes)
{
    if (text_bytes > CAP_BYTES) {
        return HP_EFULL;
    }
    size_t size = FIXED_BYTES + text_bytes;
    entry->start = size <= sizeof entry->stack ? entry->stack : hp_malloc(size);
    entry->p = entry->start;
    return entry->start != NULL ? HP_OK : HP_ENOMEM;
}

static void entry_text(struct entry *entry, struct hp_str text)
{
    if (text.n != 0) {
        memcpy(entry->p, text.p, text.n);
        entry->p += text.n;
    }
}

static void entry_varint(struct entry *entry, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        *entry->p++ = (uint8_t)(value | 0x80);
    }
    *entry->p++ = (uint8_t)value;
}

static void entry_str(struct entry *entry, struct hp_str text)
{
    entry_varint(entry, text.n);
    entry_text(entry, text);
}

static struct hp_str entry_bytes(const struct entry *entry)
{
    return hp_str_make((const char *)entry->start, (size_t)(entry->p - entry->start));
}

static void entry_end(struct entry *entry)
{
    if (entry->start != entry->stack) {
        hp_free(entry->start);
    }
}

static hp_err entry_add(struct entry *entry, struct hp_intern *table, uint32_t *id)
{
    hp_err err = hp_intern_add(table, entry_bytes(entry), id);
    entry_end(entry);
    return err;
}

static struct hp_intern *table_new(void)
{
    struct hp_intern *table = hp_intern_new(CAP_COUNT, CAP_BYTES);
    uint32_t id = 0;
    if (table != NULL && hp_intern_add(table, HP_STR(""), &id) != HP_OK) {
        hp_intern_free(table);
        table = NULL;
    }
    return table;
}

struct hp_dict *hp_dict_new(void)
{
    struct hp_dict *dict = hp_calloc(1, sizeof *dict);
    if (dict == NULL) {
        return NULL;
    }
    dict->symbols = table_new();
    dict->statements = table_new();
    dict->routes = table_new();
    dict->strings = table_new();
    if (dict->symbols == NULL || dict->statements == NULL || dict->routes == NULL || dict->strings == NULL) {
        hp_dict_free(dict);
        return NULL;
    }
    return dict;
}

void hp_dict_free(struct hp_dict *dict)
{
    if (dict == NULL) {
        return;
    }
    hp_intern_free(dict->symbols);
    hp_intern_free(dict->statements);
    hp_intern_free(dict->routes);
    hp_intern_free(dict->strings);
    hp_free(dict);
}

hp_err hp_dict_add_symbol(struct hp_dict *dict, const struct hp_symbol *symbol, uint32_t *id)
{
    struct entry entry;
    hp_err err = entry_begin(&entry, symbol->file.n + symbol->name.n + symbol->path.n);
    if (err != HP_OK) {
        return err;
    }
    entry.p += sizeof(uint64_t);
    *entry.p++ = symbol->flags;
    entry_str(&entry, symbol->path);
    const uint8_t *content = entry.p;
    *entry.p++ = symbol->kind;
    entry_varint(&entry, symbol->line);
    entry_str(&entry, symbol->file);
    entry_text(&entry, symbol->name);
    uint64_t hash = hp_hash64(content, (size_t)(entry.p - content), 0);
    hash = hash != 0 ? hash : 1;
    for (unsigned i = 0; i < sizeof hash; i++) {
        entry.start[i] = (uint8_t)(hash >> (8 * i));
    }
    uint64_t whole = hp_hash_mix(hash, symbol->flags ^ hp_hash64(symbol->path.p, symbol->path.n, 0));
    err = hp_intern_add_hashed(dict->symbols, entry_bytes(&entry), whole, id);
    entry_end(&entry);
    return err;
}

hp_err hp_dict_add_statement(struct hp_dict *dict, const struct hp_statement *statement, uint32_t *id)
{
    struct entry entry;
    hp_err err = entry_begin(&entry, statement->text.n);
    if (err != HP_OK) {
        return err;
    }
    *entry.p++ = statement->engine;
    *entry.p++ = statement->verb;
    entry_text(&entry, statement->text);
    return entry_add(&entry, dict->statements, id);
}

hp_err hp_dict_add_route(struct hp_dict *dict, const struct hp_route *route, uint32_t *id)
{
    struct entry entry;
    hp_err err = entry_begin(&entry, route->method.n + route->rule.n + route->endpoint.n);
    if (err != HP_OK) {
        return err;
    }
    entry_str(&entry, route->method);
    entry_str(&entry, route->rule);
    entry_str(&entry, route->endpoint);
    return entry_add(&entry, dict->routes, id);
}

hp_err hp_dict_add_string(struct hp_dict *dict, struct hp_str text, uint32_t *id)
{
    return hp_intern_add(dict->strings, text, id);
}

static struct hp_reader open_entry(const struct hp_intern *table, uint32_t id)
{
    struct hp_str bytes = hp_intern_get(table, id);
    struct hp_reader reader;
    hp_reader_init(&reader, bytes.p, bytes.n);
    return reader;
}

static struct hp_str rest_of(const struct hp_reader *reader)
{
    return hp_str_make((const char *)reader->p, hp_reader_left(reader));
}

struct hp_symbol hp_dict_symbol(const struct hp_dict *dict, uint32_t id)
{
    struct hp_symbol symbol = {.file = HP_STR(""), .name = HP_STR(""), .path = HP_STR("")};
    struct hp_reader reader = open_entry(dict->symbols, id);
    if (hp_reader_left(&reader) == 0) {
        return symbol;
    }
    hp_reader_skip(&reader, sizeof(uint64_t));
    symbol.flags = hp_reader_u8(&reader);
    (void)hp_reader_str(&reader, &symbol.path);
    symbol.kind = hp_reader_u8(&reader);
    symbol.line = (uint32_t)hp_reader_varint(&reader);
    (void)hp_reader_str(&reader, &symbol.file);
    symbol.name = rest_of(&reader);
    return symbol;
}

struct hp_statement hp_dict_statement(const struct hp_dict *dict, uint32_t id)
{
    struct hp_statement statement = {.text = HP_STR("")};
    struct hp_reader reader = open_entry(dict->statements, id);
    if (hp_reader_left(&reader) != 0) {
        statement.engine = hp_reader_u8(&reader);
        statement.verb = hp_reader_u8(&reader);
        statement.text = rest_of(&reader);
    }
    return statement;
}

struct hp_route hp_dict_route(const struct hp_dict *dict, uint32_t id)
{
    struct hp_route route = {HP_STR(""), HP_STR(""), HP_STR("")};
    struct hp_reader reader = open_entry(dict->routes, id);
    if (hp_reader_left(&reader) != 0) {
        (void)hp_reader_str(&reader, &route.method);
        (void)hp_reader_str(&reader, &route.rule);
        (void)hp_reader_str(&reader, &route.endpoint);
    }
    return route;
}

bool hp_dict_route_needs_endpoint(const struct hp_dict *dict, uint32_t id)
{
    struct hp_route route = hp_dict_route(dict, id);
    for (uint32_t i = 1; i < hp_dict_route_count(dict) && route.endpoint.n != 0; i++) {
        struct hp_route other = hp_dict_route(dict, i);
        if (i != id && hp_str_eq(other.rule, route.rule) && hp_str_eq(other.method, route.method)) {
            return true;
        }
    }
    return false;
}

struct hp_str hp_dict_string(const struct hp_dict *dict, uint32_t id)
{
    return hp_intern_get(dict->strings, id);
}

uint64_t hp_dict_symbol_hash(const struct hp_dict *dict, uint32_t id)
{
    struct hp_reader reader = open_entry(dict->symbols, id);
    return hp_reader_left(&reader) == 0 ? 0 : hp_reader_u64le(&reader);
}

uint32_t hp_dict_symbol_count(const struct hp_dict *dict)
{
    return hp_intern_count(dict->symbols);
}

uint32_t hp_dict_statement_count(const struct hp_dict *dict)
{
    return hp_intern_count(dict->statements);
}

uint32_t hp_dict_route_count(const struct hp_dict *dict)
{
    return hp_intern_count(dict->routes);
}

uint32_t hp_dict_string_count(const struct hp_dict *dict)
{
    return hp_intern_count(dict->strings);
}

void hp_dict_fork_hold(struct hp_dict *dict)
{
    hp_intern_fork_hold(dict->symbols);
    hp_intern_fork_hold(dict->statements);
    hp_intern_fork_hold(dict->routes);
    hp_intern_fork_hold(dict->strings);
}

void hp_dict_fork_release(struct hp_dict *dict)
{
    hp_intern_fork_release(dict->strings);
    hp_intern_fork_release(dict->routes);
    hp_intern_fork_release(dict->statements);
    hp_intern_fork_release(dict->symbols);
}
