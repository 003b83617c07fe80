/* sqlite_sampled.c -- stretches of a process's sampler: what it saw outside of requests. Contract:
 * store.h. */
#include <sqlite3.h>

#include "store/sqlite_int.h"

#define NUMBERS 10

static hp_err forget(struct hp_sqlite *s, uint64_t now_ns, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_DELETE_SAMPLED, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(
        stmt, 1, (sqlite3_int64)(now_ns > s->base.caps.max_age_ns ? now_ns - s->base.caps.max_age_ns : 0));
    return hp__sqlite_run(s, stmt, info);
}

/* The shape in `shape_bytes`, its symbols as rows. */
static hp_err map_shape(struct hp_sqlite *s, struct hp_str shape, struct hp_errinfo *info)
{
    struct hp_reader in;
    hp_reader_init(&in, shape.p, shape.n);
    hp_buf_reset(&s->shape_bytes);
    s->shape_read = 0;
    s->map_info = info;
    hp_err err = hp_tree_map_shape(in, hp__sqlite_row_of_symbol, s, &s->shape_bytes);
    return s->map_err != HP_OK ? s->map_err : err;
}

static hp_err put(struct hp_sqlite *s, const struct hp_sampled_row *row, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    uint64_t process;
    hp_err err = hp__sqlite_process_row(s, &process, info);
    err = err == HP_OK ? hp__sqlite_prepare(s, HP_SQL_ADD_SAMPLED, &stmt, info) : err;
    if (err != HP_OK) {
        return err;
    }
    const uint64_t numbers[NUMBERS] = {process,   row->from_ns, row->to_ns,  row->sweeps,  row->samples,
                                       row->torn, row->late,    row->cpu_ns, row->rate_hz, row->mode};
    for (int i = 0; i < NUMBERS; i++) {
        sqlite3_bind_int64(stmt, 1 + i, (sqlite3_int64)numbers[i]);
    }
    hp__sqlite_bind_blob(stmt, NUMBERS + 1, hp_buf_str(&s->shape_bytes));
    hp__sqlite_bind_blob(stmt, NUMBERS + 2, row->values);
    err = hp__sqlite_run(s, stmt, info);
    sqlite3_clear_bindings(stmt);
    return err == HP_OK ? forget(s, row->to_ns, info) : err;
}

hp_err hp__sqlite_put_sampled(struct hp_store *store, const struct hp_sampled_row *row,
                              const struct hp_dict *dict, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    if (s->tx_err != HP_OK) {
        return hp_err_set(info, s->tx_err, 0, "an earlier write to %s failed: roll back", s->path);
    }
    if (s->from != dict) {
        hp__sqlite_words_forget(s);
        s->from = dict;
    }
    hp_err err = map_shape(s, row->shape, info);
    if (err == HP_EFORMAT || err == HP_EVERSION) {
        return hp_err_set(info, err, 0, "a call tree is damaged: %s",
                          hp_err_text(err)); /* nothing was written */
    }
    err = err == HP_OK ? put(s, row, info) : err;
    s->tx_err = err;
    return err;
}

/* Hand out the row that the statement stands at. */
static hp_err give(struct hp_sqlite *s, sqlite3_stmt *stmt, hp_sampled_fn fn, void *ctx, bool *more)
{
    struct hp_sampled_row row = {.pid = (uint32_t)sqlite3_column_int64(stmt, 0),
                                 .from_ns = (uint64_t)sqlite3_column_int64(stmt, 1),
                                 .to_ns = (uint64_t)sqlite3_column_int64(stmt, 2),
                                 .sweeps = (uint64_t)sqlite3_column_int64(stmt, 3),
                                 .samples = (uint64_t)sqlite3_column_int64(stmt, 4),
                                 .torn = (uint64_t)sqlite3_column_int64(stmt, 5),
                                 .late = (uint64_t)sqlite3_column_int64(stmt, 6),
                                 .cpu_ns = (uint64_t)sqlite3_column_int64(stmt, 7),
                                 .rate_hz = (uint32_t)sqlite3_column_int64(stmt, 8),
                                 .mode = (uint8_t)sqlite3_column_int64(stmt, 9),
                                 .values = hp__sqlite_blob(stmt, 11)};
    struct hp_str shape = hp__sqlite_blob(stmt, 10);
    struct hp_reader in;
    hp_reader_init(&in, shape.p, shape.n);
    hp_buf_reset(&s->shape_bytes);
    s->shape_read = 0;
    hp_err err = hp_tree_map_shape(in, hp__sqlite_symbol_of_row, s, &s->shape_bytes);
    if (err == HP_OK) {
        row.shape = hp_buf_str(&s->shape_bytes);
        *more = fn(ctx, &row);
    }
    return err;
}

hp_err hp__sqlite_sampled(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_sampled_fn fn,
                          void *ctx, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool more = true;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_SAMPLED, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)from_ns);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)to_ns);
    s->map_info = info;
    while (err == HP_OK && more) {
        err = hp__sqlite_next(s, stmt, &more, info);
        if (err == HP_OK && more) {
            err = give(s, stmt, fn, ctx, &more);
            err = err == HP_OK ? s->map_err : err;
        }
    }
    sqlite3_reset(stmt);
    return err == HP_EFORMAT || err == HP_EVERSION
               ? hp_err_set(info, HP_ECORRUPT, 0, "the store holds a damaged call tree")
               : err;
}
