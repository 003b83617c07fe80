/* sqlite_words.c -- words and shapes: interned once per store by content hash, and translated both ways.
 *
 * Writing: `ids.rows[local id]` is the row, 0 if not asked yet; then the hash is looked up and, as the write
 * lock is held, inserted if new. Reading: a map from row to the id in the handle's dictionary, filled word by
 * word. A shape's bytes hold symbol ids; its content hash is taken after they are rows, so that all processes
 * share it. A handle knows shapes by the hash of their bytes in its own ids, so the hot path hashes once and
 * translates nothing.
 */
#include <sqlite3.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/sqlite_int.h"

#define KNOWN_MAX  ((size_t)1 << 22)
#define LOCAL_STEP 256u

enum word { WORD_STRING, WORD_SYMBOL, WORD_STATEMENT, WORD_ROUTE };

void hp__sqlite_words_init(struct hp_sqlite *s)
{
    hp_map_init(&s->string_rows, KNOWN_MAX);
    hp_map_init(&s->shapes, HP_SHAPES_KNOWN);
    hp_map_init(&s->sources, HP_SHAPES_KNOWN);
    hp_map_init(&s->read_symbols, KNOWN_MAX);
    hp_map_init(&s->read_statements, KNOWN_MAX);
    hp_map_init(&s->read_routes, KNOWN_MAX);
    hp_map_init(&s->read_strings, KNOWN_MAX);
}

static void forget_ids(struct hp__ids *ids)
{
    if (ids->rows != NULL) {
        memset(ids->rows, 0, ids->count * sizeof *ids->rows);
    }
}

void hp__sqlite_words_forget(struct hp_sqlite *s)
{
    forget_ids(&s->symbols);
    forget_ids(&s->statements);
    forget_ids(&s->routes);
    forget_ids(&s->strings);
    hp_map_clear(&s->string_rows);
    hp_map_clear(&s->shapes);
    hp_map_clear(&s->sources);
}

void hp__sqlite_words_fini(struct hp_sqlite *s)
{
    hp_free(s->symbols.rows);
    hp_free(s->statements.rows);
    hp_free(s->routes.rows);
    hp_free(s->strings.rows);
    hp_map_fini(&s->string_rows);
    hp_map_fini(&s->shapes);
    hp_map_fini(&s->sources);
    hp_map_fini(&s->read_symbols);
    hp_map_fini(&s->read_statements);
    hp_map_fini(&s->read_routes);
    hp_map_fini(&s->read_strings);
}

/* ---- writing ---- */

/* The row of a hash, 0 if there is none. */
static hp_err find_row(struct hp_sqlite *s, enum hp__sql sql, uint64_t hash, uint32_t *row,
                       struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    hp_err err = hp__sqlite_prepare(s, sql, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)hash);
    err = hp__sqlite_next(s, stmt, &found, info);
    *row = found ? (uint32_t)sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return err;
}

static hp_err added(struct hp_sqlite *s, sqlite3_stmt *stmt, uint32_t *row, struct hp_errinfo *info)
{
    hp_err err = hp__sqlite_run(s, stmt, info);
    if (err == HP_OK) {
        *row = (uint32_t)sqlite3_last_insert_rowid(s->db);
    }
    return err;
}

hp_err hp__sqlite_string_row(struct hp_sqlite *s, struct hp_str text, uint32_t *row, struct hp_errinfo *info)
{
    uint64_t hash = hp_hash64(text.p, text.n, WORD_STRING);
    uint32_t found = 0;
    if (hp_map_get(&s->string_rows, hash, row)) {
        return HP_OK;
    }
    hp_err err = find_row(s, HP_SQL_FIND_STRING, hash, &found, info);
    if (err == HP_OK && found == 0) {
        sqlite3_stmt *stmt = NULL;
        err = hp__sqlite_prepare(s, HP_SQL_ADD_STRING, &stmt, info);
        if (err != HP_OK) {
            return err;
        }
        sqlite3_bind_int64(stmt, 1, (sqlite3_int64)hash);
        hp__sqlite_bind_text(stmt, 2, text);
        err = added(s, stmt, &found, info);
    }
    if (err != HP_OK) {
        return err;
    }
    /* Not remembered without memory or at the cap: it is then looked up again. */
    (void)!hp_map_put(&s->string_rows, hash, found);
    *row = found;
    return HP_OK;
}

hp_err hp__sqlite_find_string(struct hp_sqlite *s, struct hp_str text, uint64_t *row, struct hp_errinfo *info)
{
    uint32_t found = 0;
    hp_err err = find_row(s, HP_SQL_FIND_STRING, hp_hash64(text.p, text.n, WORD_STRING), &found, info);
    *row = found;
    return err;
}

static hp_err symbol_row(struct hp_sqlite *s, uint32_t id, uint32_t *row, struct hp_errinfo *info)
{
    struct hp_symbol symbol = hp_dict_symbol(s->from, id);
    uint64_t hash = hp_hash_mix(hp_dict_symbol_hash(s->from, id), symbol.flags);
    uint32_t file;
    uint32_t path;
    sqlite3_stmt *stmt = NULL;
    hp_err err = find_row(s, HP_SQL_FIND_SYMBOL, hash, row, info);
    if (err != HP_OK || *row != 0) {
        return err;
    }
    err = hp__sqlite_string_row(s, symbol.file, &file, info);
    if (err == HP_OK) {
        err = hp__sqlite_string_row(s, symbol.path, &path, info);
    }
    if (err == HP_OK) {
        err = hp__sqlite_prepare(s, HP_SQL_ADD_SYMBOL, &stmt, info);
    }
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)hash);
    sqlite3_bind_int64(stmt, 2, file);
    sqlite3_bind_int64(stmt, 3, path);
    hp__sqlite_bind_text(stmt, 4, symbol.name);
    sqlite3_bind_int64(stmt, 5, symbol.line);
    sqlite3_bind_int(stmt, 6, symbol.kind);
    sqlite3_bind_int(stmt, 7, symbol.flags);
    return added(s, stmt, row, info);
}

static hp_err statement_row(struct hp_sqlite *s, uint32_t id, uint32_t *row, struct hp_errinfo *info)
{
    struct hp_statement statement = hp_dict_statement(s->from, id);
    uint64_t seed = (uint64_t)statement.engine << 16 | (uint64_t)statement.verb << 8 | WORD_STATEMENT;
    uint64_t hash = hp_hash64(statement.text.p, statement.text.n, seed);
    sqlite3_stmt *stmt = NULL;
    hp_err err = find_row(s, HP_SQL_FIND_STATEMENT, hash, row, info);
    if (err != HP_OK || *row != 0) {
        return err;
    }
    err = hp__sqlite_prepare(s, HP_SQL_ADD_STATEMENT, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)hash);
    sqlite3_bind_int(stmt, 2, statement.engine);
    sqlite3_bind_int(stmt, 3, statement.verb);
    hp__sqlite_bind_text(stmt, 4, statement.text);
    return added(s, stmt, row, info);
}

static hp_err route_row(struct hp_sqlite *s, uint32_t id, uint32_t *row, struct hp_errinfo *info)
{
    struct hp_route route = hp_dict_route(s->from, id);
    uint64_t hash = hp_hash64(route.method.p, route.method.n, WORD_ROUTE);
    hash = hp_hash64(route.rule.p, route.rule.n, hash);
    hash = hp_hash64(route.endpoint.p, route.endpoint.n, hash);
    sqlite3_stmt *stmt = NULL;
    hp_err err = find_row(s, HP_SQL_FIND_ROUTE, hash, row, info);
    if (err != HP_OK || *row != 0) {
        return err;
    }
    err = hp__sqlite_prepare(s, HP_SQL_ADD_ROUTE, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)hash);
    hp__sqlite_bind_text(stmt, 2, route.method);
    hp__sqlite_bind_text(stmt, 3, route.rule);
    hp__sqlite_bind_text(stmt, 4, route.endpoint);
    return added(s, stmt, row, info);
}

static hp_err string_row(struct hp_sqlite *s, uint32_t id, uint32_t *row, struct hp_errinfo *info)
{
    return hp__sqlite_string_row(s, hp_dict_string(s->from, id), row, info);
}

typedef hp_err (*row_fn)(struct hp_sqlite *s, uint32_t id, uint32_t *row, struct hp_errinfo *info);

/* The path of row_of for a word seen first. */
static uint32_t learn_row(struct hp_sqlite *s, struct hp__ids *ids, uint32_t id, uint32_t known, row_fn find)
{
    uint32_t row = 0;
    if (id >= known || s->map_err != HP_OK) {
        return 0; /* not a word of this dictionary: the record is damaged, only the name is lost */
    }
    if (id >= ids->count) {
        uint32_t count = known + LOCAL_STEP;
        uint32_t *rows = hp_realloc(ids->rows, count * sizeof *rows);
        if (rows == NULL) {
            s->map_err = HP_ENOMEM;
            return 0;
        }
        memset(rows + ids->count, 0, (count - ids->count) * sizeof *rows);
        ids->rows = rows;
        ids->count = count;
    }
    s->map_err = find(s, id, &row, s->map_info);
    ids->rows[id] = row;
    return row;
}

uint32_t hp__sqlite_row_of_symbol(void *ctx, uint32_t id)
{
    struct hp_sqlite *s = ctx;
    uint32_t row = id < s->symbols.count ? s->symbols.rows[id] : 0;
    return row != 0 ? row : learn_row(s, &s->symbols, id, hp_dict_symbol_count(s->from), symbol_row);
}

static uint32_t row_of_statement(void *ctx, uint32_t id)
{
    struct hp_sqlite *s = ctx;
    uint32_t row = id < s->statements.count ? s->statements.rows[id] : 0;
    return row != 0 ? row : learn_row(s, &s->statements, id, hp_dict_statement_count(s->from), statement_row);
}

static uint32_t row_of_route(void *ctx, uint32_t id)
{
    struct hp_sqlite *s = ctx;
    uint32_t row = id < s->routes.count ? s->routes.rows[id] : 0;
    return row != 0 ? row : learn_row(s, &s->routes, id, hp_dict_route_count(s->from), route_row);
}

static uint32_t row_of_string(void *ctx, uint32_t id)
{
    struct hp_sqlite *s = ctx;
    uint32_t row = id < s->strings.count ? s->strings.rows[id] : 0;
    return row != 0 ? row : learn_row(s, &s->strings, id, hp_dict_string_count(s->from), string_row);
}

/* ctx is not constant, so each use copies this and sets it. */
const struct hp_id_maps hp__sqlite_to_rows = {NULL, hp__sqlite_row_of_symbol, row_of_statement, row_of_route,
                                              row_of_string};

hp_err hp__sqlite_shape_row(struct hp_sqlite *s, struct hp_str shape, uint32_t *row, struct hp_errinfo *info)
{
    uint64_t local = hp_hash64(shape.p, shape.n, 0);
    struct hp_reader in;
    uint32_t found = 0;
    if (hp_map_get(&s->shapes, local, row)) {
        return HP_OK;
    }
    hp_reader_init(&in, shape.p, shape.n);
    hp_buf_reset(&s->shape_bytes);
    s->shape_read = 0;
    s->map_info = info;
    hp_err err = hp_tree_map_shape(in, hp__sqlite_row_of_symbol, s, &s->shape_bytes);
    if (err != HP_OK || s->map_err != HP_OK) {
        return s->map_err != HP_OK ? s->map_err : err;
    }
    uint64_t hash = hp_hash64(s->shape_bytes.data, s->shape_bytes.len, 0);
    err = find_row(s, HP_SQL_FIND_SHAPE, hash, &found, info);
    if (err == HP_OK && found == 0) {
        sqlite3_stmt *stmt = NULL;
        err = hp__sqlite_prepare(s, HP_SQL_ADD_SHAPE, &stmt, info);
        if (err != HP_OK) {
            return err;
        }
        sqlite3_bind_int64(stmt, 1, (sqlite3_int64)hash);
        hp__sqlite_bind_blob(stmt, 2, hp_buf_str(&s->shape_bytes));
        err = added(s, stmt, &found, info);
    }
    if (err != HP_OK) {
        return err;
    }
    if (hp_map_put(&s->shapes, local, found) == HP_EFULL) {
        hp_map_clear(&s->shapes);
    }
    *row = found;
    return HP_OK;
}

/* ---- reading ---- */

typedef hp_err (*load_fn)(struct hp_sqlite *s, sqlite3_stmt *stmt, uint32_t *id);

/* The id of a row in the handle's dictionary: known, or loaded and interned now. 0 when it cannot be had. */
static uint32_t learn_id(struct hp_sqlite *s, struct hp_map *known, enum hp__sql sql, uint32_t row,
                         load_fn load)
{
    sqlite3_stmt *stmt = NULL;
    uint32_t id = 0;
    bool found = false;
    if (s->map_err != HP_OK || row == 0) {
        return 0;
    }
    s->map_err = hp__sqlite_prepare(s, sql, &stmt, s->map_info);
    if (s->map_err != HP_OK) {
        return 0;
    }
    sqlite3_bind_int64(stmt, 1, row);
    s->map_err = hp__sqlite_next(s, stmt, &found, s->map_info);
    hp_err err = found ? load(s, stmt, &id) : HP_OK;
    sqlite3_reset(stmt);
    if (err == HP_ENOMEM) {
        s->map_err = err;
    } else if (err == HP_OK && s->map_err == HP_OK && hp_map_put(known, row, id) == HP_ENOMEM) {
        s->map_err = HP_ENOMEM;
    }
    return err == HP_OK ? id : 0;
}

static hp_err load_symbol(struct hp_sqlite *s, sqlite3_stmt *stmt, uint32_t *id)
{
    struct hp_symbol symbol = {.file = hp__sqlite_text(stmt, 0),
                               .path = hp__sqlite_text(stmt, 1),
                               .name = hp__sqlite_text(stmt, 2),
                               .line = (uint32_t)sqlite3_column_int64(stmt, 3),
                               .kind = (uint8_t)sqlite3_column_int(stmt, 4),
                               .flags = (uint8_t)sqlite3_column_int(stmt, 5)};
    return hp_dict_add_symbol(s->base.dict, &symbol, id);
}

static hp_err load_statement(struct hp_sqlite *s, sqlite3_stmt *stmt, uint32_t *id)
{
    struct hp_statement statement = {.engine = (uint8_t)sqlite3_column_int(stmt, 0),
                                     .verb = (uint8_t)sqlite3_column_int(stmt, 1),
                                     .text = hp__sqlite_text(stmt, 2)};
    return hp_dict_add_statement(s->base.dict, &statement, id);
}

static hp_err load_route(struct hp_sqlite *s, sqlite3_stmt *stmt, uint32_t *id)
{
    struct hp_route route = {.method = hp__sqlite_text(stmt, 0),
                             .rule = hp__sqlite_text(stmt, 1),
                             .endpoint = hp__sqlite_text(stmt, 2)};
    return hp_dict_add_route(s->base.dict, &route, id);
}

static hp_err load_string(struct hp_sqlite *s, sqlite3_stmt *stmt, uint32_t *id)
{
    return hp_dict_add_string(s->base.dict, hp__sqlite_text(stmt, 0), id);
}

uint32_t hp__sqlite_symbol_of_row(void *ctx, uint32_t row)
{
    struct hp_sqlite *s = ctx;
    uint32_t id;
    return hp_map_get(&s->read_symbols, row, &id)
               ? id
               : learn_id(s, &s->read_symbols, HP_SQL_GET_SYMBOL, row, load_symbol);
}

uint32_t hp__sqlite_statement_of_row(void *ctx, uint32_t row)
{
    struct hp_sqlite *s = ctx;
    uint32_t id;
    return hp_map_get(&s->read_statements, row, &id)
               ? id
               : learn_id(s, &s->read_statements, HP_SQL_GET_STATEMENT, row, load_statement);
}

uint32_t hp__sqlite_route_of_row(void *ctx, uint32_t row)
{
    struct hp_sqlite *s = ctx;
    uint32_t id;
    return hp_map_get(&s->read_routes, row, &id)
               ? id
               : learn_id(s, &s->read_routes, HP_SQL_GET_ROUTE, row, load_route);
}

uint32_t hp__sqlite_string_of_row(void *ctx, uint32_t row)
{
    struct hp_sqlite *s = ctx;
    uint32_t id;
    return hp_map_get(&s->read_strings, row, &id)
               ? id
               : learn_id(s, &s->read_strings, HP_SQL_GET_STRING, row, load_string);
}

const struct hp_id_maps hp__sqlite_to_dict = {NULL, hp__sqlite_symbol_of_row, hp__sqlite_statement_of_row,
                                              hp__sqlite_route_of_row, hp__sqlite_string_of_row};

/* Put the shape of a row into `shape_bytes`, in ids of the handle's dictionary; `*found` false: it is
 * gone. */
static hp_err read_shape(struct hp_sqlite *s, uint64_t row, bool *found, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_GET_SHAPE, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)row);
    err = hp__sqlite_next(s, stmt, found, info);
    if (err != HP_OK || !*found) {
        return err;
    }
    struct hp_reader in;
    struct hp_str bytes = hp__sqlite_blob(stmt, 0);
    hp_reader_init(&in, bytes.p, bytes.n);
    hp_buf_reset(&s->shape_bytes);
    s->map_err = HP_OK;
    s->map_info = info;
    err = hp_tree_map_shape(in, hp__sqlite_symbol_of_row, s, &s->shape_bytes);
    sqlite3_reset(stmt);
    err = s->map_err != HP_OK ? s->map_err : err;
    return err == HP_EFORMAT || err == HP_EVERSION ? hp__sqlite_fail(s, SQLITE_CORRUPT, info) : err;
}

/* Requests of one route mostly have one shape: what was read last is kept. */
hp_err hp__sqlite_shape(struct hp_sqlite *s, uint64_t row, struct hp_arena *arena, struct hp_str *shape,
                        struct hp_errinfo *info)
{
    if (s->shape_read != row) {
        bool found = false;
        s->shape_read = 0;
        hp_err err = read_shape(s, row, &found, info);
        if (err != HP_OK || !found) {
            *shape = hp_str_make(NULL, 0); /* evicted by another process between two questions */
            return err;
        }
        s->shape_read = row;
    }
    char *copy = hp_arena_dup(arena, s->shape_bytes.data, s->shape_bytes.len);
    *shape = hp_str_make(copy, s->shape_bytes.len);
    return copy == NULL ? HP_ENOMEM : HP_OK;
}
