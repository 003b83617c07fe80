/* sqlite_read.c -- what the questions ask: rows of a stretch of time, one record, rollups, losses.
 *
 * There is no index on time: `block` says for every 1,024 rows from when to when they are, which bounds the
 * numbers of rows to look at. Nothing here calls out to the user while a statement of the same kind runs.
 */
#include <sqlite3.h>
#include <string.h>

#include "base/mem.h"
#include "store/sqlite_int.h"

#define DETAIL_MAGIC 0xC8 /* docs/formats/record.md */

hp_err hp__sqlite_read_begin(struct hp_store *store, struct hp_errinfo *info)
{
    hp__sqlite_of(store)->shape_read = 0; /* another process may have deleted it, and used its number again */
    return hp__sqlite_exec(hp__sqlite_of(store), "BEGIN", info);
}

void hp__sqlite_read_end(struct hp_store *store)
{
    hp__sqlite_undo(hp__sqlite_of(store));
}

static uint64_t column_u64(sqlite3_stmt *stmt, int column)
{
    return (uint64_t)sqlite3_column_int64(stmt, column);
}

static uint64_t optional_u64(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? HP_ABSENT : column_u64(stmt, column);
}

static hp_err damaged(struct hp_sqlite *s, struct hp_errinfo *info)
{
    return hp__sqlite_fail(s, SQLITE_CORRUPT, info);
}

/* ---- rows ---- */

hp_err hp__sqlite_stamp(struct hp_store *store, struct hp__stamp *out, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    hp_err err = hp__sqlite_counter(s, "generation", &out->generation, info);
    if (err == HP_OK) {
        err = hp__sqlite_counter(s, "detail_from", &out->detail_from, info);
    }
    if (err == HP_OK) {
        err = hp__sqlite_counter(s, "detail_from_ns", &out->detail_from_ns, info);
    }
    if (err == HP_OK) {
        err = hp__sqlite_prepare(s, HP_SQL_MAX_ROW, &stmt, info);
    }
    if (err == HP_OK) {
        err = hp__sqlite_next(s, stmt, &row, info);
        out->last_row = row ? column_u64(stmt, 0) : 0;
        sqlite3_reset(stmt);
    }
    return err;
}

hp_err hp__sqlite_extent(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, struct hp__extent *out,
                         struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_BLOCK_RANGE, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)from_ns);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)to_ns);
    err = hp__sqlite_next(s, stmt, &row, info);
    *out = (struct hp__extent){0};
    if (row) {
        *out = (struct hp__extent){.first_row = column_u64(stmt, 0),
                                   .last_row = column_u64(stmt, 1),
                                   .rows = column_u64(stmt, 2),
                                   .first_ns = column_u64(stmt, 3)};
    }
    sqlite3_reset(stmt);
    return err;
}

static void read_row(struct hp_sqlite *s, sqlite3_stmt *stmt, struct hp_narrow_row *row)
{
    uint64_t wall_ns = column_u64(stmt, 2);
    uint64_t own_ns = column_u64(stmt, 3);
    *row = (struct hp_narrow_row){.row = column_u64(stmt, 0),
                                  .start_ns = column_u64(stmt, 1),
                                  .duration_ns = wall_ns > own_ns ? wall_ns - own_ns : 0,
                                  .own_ns = own_ns,
                                  .cpu_ns = optional_u64(stmt, 4),
                                  .process = (uint32_t)column_u64(stmt, 5),
                                  .route = hp__sqlite_route_of_row(s, (uint32_t)column_u64(stmt, 6)),
                                  .revision = hp__sqlite_string_of_row(s, (uint32_t)column_u64(stmt, 7)),
                                  .status = (uint16_t)sqlite3_column_int(stmt, 8),
                                  .flags = (uint32_t)column_u64(stmt, 9),
                                  .level = (uint8_t)sqlite3_column_int(stmt, 10),
                                  .statements = (uint32_t)column_u64(stmt, 11),
                                  .sql_ns = column_u64(stmt, 12),
                                  .detailed = sqlite3_column_int(stmt, 13) != 0};
}

/* Hand out the rows from `first` to `last`; `*more`: nobody has had enough. */
static hp_err hand_rows(struct hp_sqlite *s, sqlite3_stmt *stmt, uint64_t first, uint64_t last,
                        hp_narrow_fn fn, void *ctx, bool *more, struct hp_errinfo *info)
{
    hp_err err = HP_OK;
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)first);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)last);
    while (*more) {
        struct hp_narrow_row row;
        bool found = false;
        err = hp__sqlite_next(s, stmt, &found, info);
        if (err != HP_OK || !found) {
            break;
        }
        read_row(s, stmt, &row);
        err = s->map_err;
        *more = err == HP_OK && fn(ctx, &row);
    }
    sqlite3_reset(stmt);
    return err;
}

/* A selection consists of runs, each one step down the table: what is left out is not looked at. */
static hp_err hand_runs(struct hp_sqlite *s, sqlite3_stmt *stmt, uint64_t first, uint64_t last, uint32_t mask,
                        hp_narrow_fn fn, void *ctx, struct hp_errinfo *info)
{
    hp_err err = HP_OK;
    bool more = true;
    for (uint64_t row = first; row <= last && err == HP_OK && more; row = (row | HP_SCAN_RUN) + 1) {
        if (hp__scan_keeps(mask, row)) {
            uint64_t end = (row | HP_SCAN_RUN) < last ? row | HP_SCAN_RUN : last;
            err = hand_rows(s, stmt, row, end, fn, ctx, &more, info);
        }
    }
    return err;
}

hp_err hp__sqlite_scan(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, uint64_t after,
                       uint32_t mask, hp_narrow_fn fn, void *ctx, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    struct hp__extent extent;
    bool more = true;
    hp_err err = hp__sqlite_extent(store, from_ns, to_ns, &extent, info);
    if (err == HP_OK) {
        err = hp__sqlite_prepare(s, HP_SQL_SCAN, &stmt, info);
    }
    if (err != HP_OK) {
        return err;
    }
    uint64_t first = extent.first_row > after ? extent.first_row : after + 1;
    s->map_err = HP_OK;
    s->map_info = info;
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)from_ns);
    sqlite3_bind_int64(stmt, 4, (sqlite3_int64)to_ns);
    return mask == 0 ? hand_rows(s, stmt, first, extent.last_row, fn, ctx, &more, info)
                     : hand_runs(s, stmt, first, extent.last_row, mask, fn, ctx, info);
}

hp_err hp__sqlite_alike(struct hp_store *store, uint64_t like, uint64_t first, uint64_t last, hp_narrow_fn fn,
                        void *ctx, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool more = true;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_ALIKE, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    s->map_err = HP_OK;
    s->map_info = info;
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)like);
    return hand_rows(s, stmt, first, last, fn, ctx, &more, info);
}

/* ---- one record ---- */

static hp_err dup_blob(sqlite3_stmt *stmt, int column, struct hp_arena *arena, struct hp_str *out)
{
    struct hp_str blob = hp__sqlite_blob(stmt, column);
    char *copy = hp_arena_dup(arena, blob.p, blob.n);
    *out = hp_str_make(copy, blob.n);
    return copy != NULL || blob.n == 0 ? HP_OK : HP_ENOMEM;
}

/* The columns of a row; `*extra` is its small detail. */
static hp_err read_columns(struct hp_sqlite *s, uint64_t row, struct hp_arena *arena,
                           struct hp_request_row *out, struct hp_str *extra, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_GET_REQUEST, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)row);
    err = hp__sqlite_next(s, stmt, &found, info);
    if (err != HP_OK || !found) {
        return err != HP_OK ? err
                            : hp_err_set(info, HP_ENOTFOUND, 0, "the request is no longer in the store");
    }
    *out = (struct hp_request_row){
        .row = row, .statements = column_u64(stmt, 12), .sql_ns = column_u64(stmt, 13)};
    out->req = (struct hp_request){.id = column_u64(stmt, 0),
                                   .seq = column_u64(stmt, 1),
                                   .start_wall_ns = column_u64(stmt, 2),
                                   .wall_ns = column_u64(stmt, 3),
                                   .own_ns = column_u64(stmt, 4),
                                   .cpu_ns = optional_u64(stmt, 5),
                                   .route = (uint32_t)column_u64(stmt, 6),
                                   .revision = (uint32_t)column_u64(stmt, 7),
                                   .status = (uint16_t)sqlite3_column_int(stmt, 8),
                                   .flags = (uint32_t)column_u64(stmt, 9),
                                   .level = (uint8_t)sqlite3_column_int(stmt, 10),
                                   .weight = (uint32_t)column_u64(stmt, 11),
                                   .bytes_out = optional_u64(stmt, 14),
                                   .exception_type = (uint32_t)column_u64(stmt, 15),
                                   .process = (uint32_t)column_u64(stmt, 17)};
    err = dup_blob(stmt, 16, arena, extra);
    sqlite3_reset(stmt);
    return err;
}

static hp_err read_detail(struct hp_sqlite *s, uint64_t row, struct hp_arena *arena, struct hp_str *events,
                          struct hp_str *values, uint64_t *shape, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_GET_DETAIL, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)row);
    err = hp__sqlite_next(s, stmt, &found, info);
    if (err != HP_OK || !found) {
        return err;
    }
    *shape = column_u64(stmt, 0);
    err = dup_blob(stmt, 1, arena, events);
    if (err == HP_OK) {
        err = dup_blob(stmt, 2, arena, values);
    }
    sqlite3_reset(stmt);
    return err;
}

/* An encoded detail as record.h reads it, from what `request.extra` keeps of it; of an evicted one nothing is
 * left but the version. */
static hp_err complete_extra(struct hp_str extra, struct hp_arena *arena, struct hp_str *events)
{
    static const char evicted[] = {1};
    extra = extra.n != 0 ? extra : hp_str_make(evicted, 1);
    uint8_t *bytes = hp_arena_alloc(arena, extra.n + HP_DETAIL_HEAD_BYTES, 1);
    if (bytes == NULL) {
        return HP_ENOMEM;
    }
    uint32_t length = (uint32_t)extra.n + 1;
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(length >> (8 * i));
    }
    bytes[4] = DETAIL_MAGIC;
    memcpy(bytes + HP_DETAIL_HEAD_BYTES, extra.p, extra.n);
    *events = hp_str_make((const char *)bytes, extra.n + HP_DETAIL_HEAD_BYTES);
    return HP_OK;
}

static hp_err imply_lane(struct hp_arena *arena, struct hp_record *record)
{
    if (record->lane_count != 0 || record->req.level < HP_LEVEL_MONITOR) {
        return HP_OK;
    }
    struct hp_lane *lane = hp_arena_alloc(arena, sizeof *lane, _Alignof(struct hp_lane));
    if (lane == NULL) {
        return HP_ENOMEM;
    }
    *lane = hp__sqlite_implied_lane(&record->req);
    record->lanes = lane;
    record->lane_count = 1;
    return HP_OK;
}

/* The record of a row but its tree; `*values` and `*shape_row` say where that is. */
static hp_err read_record(struct hp_sqlite *s, uint64_t row, struct hp_arena *arena,
                          struct hp_request_row *columns, struct hp_record *record, struct hp_str *values,
                          uint64_t *shape_row, struct hp_errinfo *info)
{
    struct hp_str events = {0};
    struct hp_str extra = {0};
    struct hp_reader in;
    hp_err err = read_columns(s, row, arena, columns, &extra, info);
    if (err == HP_OK && extra.n == 0) {
        err = read_detail(s, row, arena, &events, values, shape_row, info);
    }
    if (err == HP_OK && events.n == 0) {
        err = complete_extra(extra, arena, &events);
    }
    if (err != HP_OK) {
        return err;
    }
    *record = (struct hp_record){.req = columns->req};
    hp_reader_init(&in, events.p, events.n);
    err = hp_record_decode_detail(&in, arena, record);
    if (err == HP_OK) {
        err = imply_lane(arena, record);
    }
    if (err != HP_OK) {
        return err == HP_ENOMEM ? err : damaged(s, info);
    }
    struct hp_id_maps maps = hp__sqlite_to_dict;
    maps.ctx = s;
    s->map_err = HP_OK;
    s->map_info = info;
    hp_record_map(record, &maps);
    columns->req = record->req;
    return s->map_err;
}

hp_err hp__sqlite_request(struct hp_store *store, uint64_t row, struct hp_request_row *out,
                          struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    struct hp_record record;
    struct hp_str values = {0};
    uint64_t shape = 0;
    hp_arena_reset(&s->arena);
    return read_record(s, row, &s->arena, out, &record, &values, &shape, info);
}

hp_err hp__sqlite_record(struct hp_store *store, uint64_t row, struct hp_arena *arena,
                         struct hp_record *record, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    struct hp_request_row columns = {0};
    struct hp_record found;
    struct hp_str values = {0};
    uint64_t shape = 0;
    hp_err err = read_record(s, row, arena, &columns, &found, &values, &shape, info);
    if (err == HP_OK && shape != 0) {
        err = hp__sqlite_shape(s, shape, arena, &found.shape, info);
        found.values = found.shape.n != 0 ? values : hp_str_make(NULL, 0);
    }
    if (err == HP_ENOMEM) {
        err = hp_err_set(info, err, 0, "out of memory while reading %s", s->path);
    }
    if (err == HP_OK) {
        *record = found;
    }
    return err;
}

/* ---- losses ---- */

hp_err hp__sqlite_losses(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, struct hp_str revision,
                         struct hp__losses *out, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    uint64_t revision_row = 0;
    hp_err err = HP_OK;
    if (revision.n != 0) {
        err = hp__sqlite_find_string(s, revision, &revision_row, info);
        revision_row = revision_row != 0 ? revision_row : UINT32_MAX; /* of no process */
    }
    if (err == HP_OK) {
        err = hp__sqlite_prepare(s, HP_SQL_LOSSES, &stmt, info);
    }
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)(from_ns / HP_MINUTE_NS));
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)((to_ns - 1) / HP_MINUTE_NS));
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)revision_row);
    err = hp__sqlite_next(s, stmt, &found, info);
    if (found) {
        out->sampled_out = column_u64(stmt, 0);
        out->dropped_ring = column_u64(stmt, 1);
        out->dropped_tree = column_u64(stmt, 2);
        out->dropped_store = column_u64(stmt, 3);
        out->dropped_memory = column_u64(stmt, 4);
        out->lost = column_u64(stmt, 5);
        out->errors = column_u64(stmt, 6);
        out->waits = column_u64(stmt, 7);
        out->wait_ns = column_u64(stmt, 8);
        sqlite3_reset(stmt);
    }
    if (err == HP_OK) {
        err = hp__sqlite_counter(s, "evicted_requests", &out->evicted_requests, info);
    }
    return err == HP_OK ? hp__sqlite_counter(s, "evicted_detail", &out->evicted_detail, info) : err;
}

/* ---- rollups ---- */

/* Decode the statement rows of a rollup into ids of the handle's dictionary. */
static hp_err read_statements(struct hp_sqlite *s, struct hp_str bytes, struct hp_statement_row **rows,
                              size_t *count, struct hp_errinfo *info)
{
    *rows = NULL;
    *count = 0;
    if (bytes.n == 0) {
        return HP_OK;
    }
    hp_err err = hp__tally_decode_rows(bytes, rows, count);
    for (size_t i = 0; err == HP_OK && i < *count; i++) {
        (*rows)[i].statement = hp__sqlite_statement_of_row(s, (*rows)[i].statement);
        (*rows)[i].site_sym = hp__sqlite_symbol_of_row(s, (*rows)[i].site_sym);
        err = s->map_err;
    }
    if (err != HP_OK) {
        hp_free(*rows);
        *rows = NULL;
    }
    return err == HP_EFORMAT ? damaged(s, info) : err;
}

static hp_err hand_rollup(struct hp_sqlite *s, sqlite3_stmt *stmt, bool parts, hp__rollup_fn fn, void *ctx,
                          struct hp_errinfo *info)
{
    struct hp_statement_row *rows = NULL;
    struct hp__rollup rollup = {.id = column_u64(stmt, 0),
                                .minute = column_u64(stmt, 1),
                                .route = hp__sqlite_route_of_row(s, (uint32_t)column_u64(stmt, 2)),
                                .revision = hp__sqlite_string_of_row(s, (uint32_t)column_u64(stmt, 3)),
                                .level = (uint8_t)sqlite3_column_int(stmt, 4),
                                .requests = column_u64(stmt, 5),
                                .errors = column_u64(stmt, 6),
                                .total_ns = column_u64(stmt, 7),
                                .cpu_ns = column_u64(stmt, 8),
                                .cpu_requests = column_u64(stmt, 9),
                                .own_ns = column_u64(stmt, 10),
                                .statements = column_u64(stmt, 11),
                                .covered = column_u64(stmt, 12)};
    hp_err err = s->map_err;
    if (err == HP_OK && parts) {
        rollup.sketch = hp__sqlite_blob(stmt, 13);
        err = read_statements(s, hp__sqlite_blob(stmt, 14), &rows, &rollup.statement_row_count, info);
    }
    if (err == HP_OK) {
        rollup.statement_rows = rows;
        err = fn(ctx, &rollup);
        hp_free(rows);
    }
    return err == HP_ECORRUPT || err == HP_EFORMAT ? damaged(s, info) : err;
}

hp_err hp__sqlite_rollups(struct hp_store *store, uint64_t from_minute, uint64_t to_minute, bool parts,
                          hp__rollup_fn fn, void *ctx, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool more = true;
    hp_err err = hp__sqlite_prepare(s, parts ? HP_SQL_ROLLUPS : HP_SQL_ROLLUP_COUNTS, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    s->map_err = HP_OK;
    s->map_info = info;
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)from_minute);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)to_minute);
    while (err == HP_OK && more) {
        err = hp__sqlite_next(s, stmt, &more, info);
        if (err == HP_OK && more) {
            err = hand_rollup(s, stmt, parts, fn, ctx, info);
        }
    }
    sqlite3_reset(stmt);
    return err;
}

static hp_err hand_tree(struct hp_sqlite *s, sqlite3_stmt *stmt, hp__rollup_tree_fn fn, void *ctx,
                        struct hp_errinfo *info)
{
    struct hp__rollup_tree tree = {.requests = column_u64(stmt, 1),
                                   .inner_ps = (uint32_t)column_u64(stmt, 2),
                                   .outer_ps = (uint32_t)column_u64(stmt, 3),
                                   .values = hp__sqlite_blob(stmt, 4)};
    hp_arena_reset(&s->arena);
    hp_err err = hp__sqlite_shape(s, column_u64(stmt, 0), &s->arena, &tree.shape, info);
    return err == HP_OK && tree.shape.n != 0 ? fn(ctx, &tree) : err;
}

hp_err hp__sqlite_rollup_trees(struct hp_store *store, uint64_t rollup, hp__rollup_tree_fn fn, void *ctx,
                               struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool more = true;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_ROLLUP_TREES, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)rollup);
    while (err == HP_OK && more) {
        err = hp__sqlite_next(s, stmt, &more, info);
        if (err == HP_OK && more) {
            err = hand_tree(s, stmt, fn, ctx, info);
        }
    }
    sqlite3_reset(stmt);
    return err;
}
