/* sqlite_tidy.c -- the caps: what is too old or too much goes, oldest first, in steps of some milliseconds.
 *
 *     over the size:  details → rows (1,024 at a time) → rollups (a minute at a time)
 *     over the age:   rows and their details after max_age, rollups after 400 days
 *
 * A step is one transaction; between steps other writers get their turn. Deleting begins at nine tenths of
 * the cap and goes on to eight. Freed pages are used again; when more than an eighth of the file is free, or
 * the file is near the cap, they are given back (incremental vacuum). The newest block of rows and the last
 * two minutes of rollups always stay.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "store/sqlite_int.h"

#define STEP_NS      8000000u   /* a step ends at the first slice that crosses this */
#define CALL_NS      400000000u /* all steps of one call */
#define SLICE        32         /* details at a time */
#define VACUUM_PAGES 128u
#define PATH_BYTES   4096

struct space {
    uint64_t used_bytes, file_bytes, free_pages, pages;
};

/* Of the database's path with `end` behind it; 0: no such file. */
static uint64_t file_bytes(const struct hp_sqlite *s, const char *end)
{
    char name[PATH_BYTES];
    struct stat status;
    bool there =
        snprintf(name, sizeof name, "%s%s", s->path, end) < (int)sizeof name && stat(name, &status) == 0;
    return there ? (uint64_t)status.st_size : 0;
}

static hp_err measure(struct hp_sqlite *s, struct space *space, struct hp_errinfo *info)
{
    hp_err err = hp__sqlite_number(s, "PRAGMA page_count", &space->pages, info);
    if (err == HP_OK) {
        err = hp__sqlite_number(s, "PRAGMA freelist_count", &space->free_pages, info);
    }
    uint64_t wal_bytes = file_bytes(s, "-wal") + file_bytes(s, "-shm");
    /* A journal that a long reader keeps from shrinking must not cost all the rows. */
    wal_bytes = wal_bytes < s->base.caps.max_bytes / 4 ? wal_bytes : s->base.caps.max_bytes / 4;
    space->file_bytes = space->pages * s->page_bytes + wal_bytes;
    space->used_bytes = (space->pages - space->free_pages) * s->page_bytes + wal_bytes;
    return err;
}

/* Rollups outlive the rows that they sum up. */
static uint64_t rollup_keep_ns(const struct hp_sqlite *s)
{
    return s->base.caps.max_age_ns > HP_ROLLUP_KEEP_NS ? s->base.caps.max_age_ns : HP_ROLLUP_KEEP_NS;
}

/* ---- details ---- */

struct slice {
    uint64_t first, last;
    uint32_t shapes[SLICE];
    int rows, shape_count;
};

static hp_err read_slice(struct hp_sqlite *s, struct slice *slice, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    bool more = true;
    *slice = (struct slice){0};
    hp_err err = hp__sqlite_prepare(s, HP_SQL_DETAIL_SLICE, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int(stmt, 1, SLICE);
    while (err == HP_OK && more) {
        err = hp__sqlite_next(s, stmt, &more, info);
        if (err != HP_OK || !more) {
            break;
        }
        uint32_t shape = (uint32_t)sqlite3_column_int64(stmt, 1);
        slice->last = (uint64_t)sqlite3_column_int64(stmt, 0);
        slice->first = slice->rows++ == 0 ? slice->last : slice->first;
        bool known = shape == 0;
        for (int i = 0; i < slice->shape_count && !known; i++) {
            known = slice->shapes[i] == shape;
        }
        if (!known && slice->shape_count < SLICE) {
            slice->shapes[slice->shape_count++] = shape;
        }
    }
    return err;
}

static hp_err run_with(struct hp_sqlite *s, enum hp__sql sql, uint64_t value, uint64_t *changed,
                       struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    hp_err err = hp__sqlite_prepare(s, sql, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)value);
    err = hp__sqlite_run(s, stmt, info);
    *changed = err == HP_OK ? (uint64_t)sqlite3_changes(s->db) : 0;
    return err;
}

/* Delete shapes that nothing refers to any more, and let writers know. */
static hp_err delete_shapes(struct hp_sqlite *s, const uint32_t *shapes, int count, struct hp_errinfo *info)
{
    uint64_t gone = 0;
    hp_err err = HP_OK;
    for (int i = 0; err == HP_OK && i < count; i++) {
        uint64_t changed = 0;
        err = run_with(s, HP_SQL_DELETE_SHAPE, shapes[i], &changed, info);
        gone += changed;
    }
    return err == HP_OK && gone != 0 ? hp__sqlite_counter_add(s, "shape_generation", 1, info) : err;
}

static hp_err start_of(struct hp_sqlite *s, uint64_t row, uint64_t *start_ns, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_GET_REQUEST, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)row);
    err = hp__sqlite_next(s, stmt, &found, info);
    *start_ns = found ? (uint64_t)sqlite3_column_int64(stmt, 2) : 0;
    sqlite3_reset(stmt);
    return err;
}

/* Rows up to `last` have lost their detail. */
static hp_err note_detail_gone(struct hp_sqlite *s, uint64_t last, uint64_t count, struct hp_errinfo *info)
{
    uint64_t start_ns = 0;
    uint64_t before_ns = 0;
    hp_err err = start_of(s, last, &start_ns, info);
    if (err == HP_OK) {
        err = hp__sqlite_counter(s, "detail_from_ns", &before_ns, info);
    }
    if (err == HP_OK && start_ns > before_ns) {
        err = hp__sqlite_counter_set(s, "detail_from_ns", start_ns, info);
    }
    if (err == HP_OK) {
        err = hp__sqlite_counter_set(s, "detail_from", last + 1, info);
    }
    return err == HP_OK ? hp__sqlite_counter_add(s, "evicted_detail", count, info) : err;
}

static hp_err drop_details(struct hp_sqlite *s, bool *did, struct hp_errinfo *info)
{
    struct slice slice;
    uint64_t changed = 0;
    hp_err err = read_slice(s, &slice, info);
    if (err != HP_OK || slice.rows == 0) {
        return err;
    }
    err = run_with(s, HP_SQL_DELETE_DETAIL, slice.last, &changed, info);
    if (err == HP_OK) {
        err = delete_shapes(s, slice.shapes, slice.shape_count, info);
    }
    *did = true;
    return err == HP_OK ? note_detail_gone(s, slice.last, changed, info) : err;
}

/* ---- rows ---- */

struct block {
    uint64_t id, last_ns, newest;
    bool found;
};

static hp_err oldest_block(struct hp_sqlite *s, struct block *block, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    *block = (struct block){0};
    hp_err err = hp__sqlite_prepare(s, HP_SQL_OLDEST_BLOCK, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    err = hp__sqlite_next(s, stmt, &block->found, info);
    if (block->found) {
        block->id = (uint64_t)sqlite3_column_int64(stmt, 0);
        block->last_ns = (uint64_t)sqlite3_column_int64(stmt, 2);
        block->newest = (uint64_t)sqlite3_column_int64(stmt, 3);
        sqlite3_reset(stmt);
    }
    return err;
}

/* Delete a block's details, some at a time, then its rows. */
static hp_err drop_block(struct hp_sqlite *s, const struct block *block, bool *did, struct hp_errinfo *info)
{
    uint64_t last = (block->id << HP_ROW_BLOCK_BITS) + (1u << HP_ROW_BLOCK_BITS) - 1;
    uint64_t changed = 0;
    struct slice slice;
    if (block->id == block->newest) {
        return HP_OK;
    }
    *did = true;
    hp_err err = read_slice(s, &slice, info);
    if (err == HP_OK && slice.rows != 0 && slice.first <= last) {
        bool detail = false;
        return drop_details(s, &detail, info);
    }
    if (err == HP_OK) {
        err = run_with(s, HP_SQL_DELETE_REQUESTS, last, &changed, info);
    }
    if (err == HP_OK) {
        err = hp__sqlite_counter_add(s, "evicted_requests", changed, info);
    }
    if (err == HP_OK) {
        err = run_with(s, HP_SQL_DELETE_BLOCK, block->id, &changed, info);
    }
    if (err == HP_OK) {
        err = run_with(s, HP_SQL_DELETE_BLOCK_IDS, block->id, &changed, info);
    }
    return err == HP_OK ? hp__sqlite_counter_add(s, "generation", 1, info) : err;
}

/* ---- rollups ---- */

static hp_err oldest_minute(struct hp_sqlite *s, uint64_t *minute, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_OLDEST_ROLLUP, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    err = hp__sqlite_next(s, stmt, &row, info);
    *minute = row && sqlite3_column_type(stmt, 0) != SQLITE_NULL ? (uint64_t)sqlite3_column_int64(stmt, 0)
                                                                 : UINT64_MAX;
    sqlite3_reset(stmt);
    return err;
}

static hp_err shapes_of_minute(struct hp_sqlite *s, uint64_t minute, uint32_t *shapes, int most, int *count,
                               struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    bool more = true;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_SHAPES_OF_MINUTE, &stmt, info);
    *count = 0;
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)minute);
    while (err == HP_OK && more && *count < most) {
        err = hp__sqlite_next(s, stmt, &more, info);
        if (err == HP_OK && more) {
            shapes[(*count)++] = (uint32_t)sqlite3_column_int64(stmt, 0);
        }
    }
    sqlite3_reset(stmt);
    return err;
}

static hp_err drop_minute(struct hp_sqlite *s, uint64_t minute, bool *did, struct hp_errinfo *info)
{
    uint32_t shapes[256];
    int count;
    uint64_t changed;
    *did = true;
    hp_err err = shapes_of_minute(s, minute, shapes, 256, &count, info);
    if (err == HP_OK) {
        err = run_with(s, HP_SQL_DELETE_TREES_OF_MINUTE, minute, &changed, info);
    }
    if (err == HP_OK) {
        err = run_with(s, HP_SQL_DELETE_BLOBS_OF_MINUTE, minute, &changed, info);
    }
    if (err == HP_OK) {
        err = run_with(s, HP_SQL_DELETE_ROLLUPS_OF_MINUTE, minute, &changed, info);
    }
    return err == HP_OK ? delete_shapes(s, shapes, count, info) : err;
}

/* ---- steps ---- */

/* Drop the oldest thing of the kind whose turn it is; *did says whether there was one. */
static hp_err drop_for_size(struct hp_sqlite *s, uint64_t now_ns, bool *did, struct hp_errinfo *info)
{
    struct block block;
    struct space space = {0};
    uint64_t minute;
    hp_err err = measure(s, &space, info);
    if (err != HP_OK || space.used_bytes <= s->base.caps.max_bytes / 10 * 8) {
        return err;
    }
    err = drop_details(s, did, info);
    if (err == HP_OK && !*did) {
        err = oldest_block(s, &block, info);
        if (err == HP_OK && block.found) {
            err = drop_block(s, &block, did, info);
        }
    }
    if (err == HP_OK && !*did) {
        err = oldest_minute(s, &minute, info);
        if (err == HP_OK && minute != UINT64_MAX && minute + 2 < now_ns / HP_MINUTE_NS) {
            err = drop_minute(s, minute, did, info);
        }
    }
    return err;
}

static hp_err drop_for_age(struct hp_sqlite *s, uint64_t now_ns, bool *did, struct hp_errinfo *info)
{
    struct block block;
    uint64_t minute;
    hp_err err = oldest_block(s, &block, info);
    if (err == HP_OK && block.found && block.last_ns + s->base.caps.max_age_ns < now_ns) {
        err = drop_block(s, &block, did, info);
    }
    if (err == HP_OK && !*did) {
        err = oldest_minute(s, &minute, info);
        if (err == HP_OK && minute != UINT64_MAX && minute * HP_MINUTE_NS + rollup_keep_ns(s) < now_ns) {
            err = drop_minute(s, minute, did, info);
        }
    }
    return err;
}

typedef hp_err (*drop_fn)(struct hp_sqlite *s, uint64_t now_ns, bool *did, struct hp_errinfo *info);

/* One transaction of drops. */
static hp_err step(struct hp_sqlite *s, drop_fn drop, uint64_t now_ns, bool *did, struct hp_errinfo *info)
{
    uint64_t until_ns = hp_clock_mono_ns() + STEP_NS;
    bool more = true;
    *did = false;
    hp_err err = hp__sqlite_exec(s, "BEGIN IMMEDIATE", info);
    while (err == HP_OK && more && hp_clock_mono_ns() < until_ns) {
        more = false;
        err = drop(s, now_ns, &more, info);
        *did = *did || more;
    }
    if (err == HP_OK) {
        err = hp__sqlite_exec(s, "COMMIT", info);
    }
    hp__sqlite_undo(s);
    return err;
}

/* The journal that the drops made, where it is longer than it may stay: SQLite itself cuts it only when
 * somebody writes again. Waits for nobody, and a failure is none: a reader that needs it keeps it. */
static void cut_journal(struct hp_sqlite *s)
{
    if (file_bytes(s, "-wal") > s->journal_bytes) {
        sqlite3_busy_timeout(s->db, 0);
        (void)sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        sqlite3_busy_timeout(s->db, (int)s->busy_ms);
    }
}

static hp_err give_back(struct hp_sqlite *s, uint64_t until_ns, struct hp_errinfo *info)
{
    char sql[64];
    struct space space = {0};
    hp_err err = measure(s, &space, info);
    snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%u)", VACUUM_PAGES);
    while (err == HP_OK && space.free_pages > 0 &&
           (space.file_bytes > s->base.caps.max_bytes / 20 * 19 ||
            (space.free_pages > VACUUM_PAGES && space.free_pages > space.pages / 8)) &&
           hp_clock_mono_ns() < until_ns) {
        err = hp__sqlite_exec(s, sql, info);
        if (err == HP_OK) {
            err = measure(s, &space, info);
        }
    }
    return err;
}

static hp_err flush_due(struct hp_sqlite *s, struct hp_errinfo *info)
{
    if (!hp__sqlite_flush_due(s)) {
        return HP_OK;
    }
    hp_err err = hp__sqlite_exec(s, "BEGIN IMMEDIATE", info);
    if (err == HP_OK) {
        err = hp__sqlite_check_shapes(s, info);
    }
    if (err == HP_OK) {
        err = hp__sqlite_flush(s, false, info);
    }
    if (err == HP_OK) {
        err = hp__sqlite_exec(s, "COMMIT", info);
    }
    if (err != HP_OK) {
        hp__sqlite_rollback(&s->base);
    }
    return err;
}

hp_err hp__sqlite_tidy(struct hp_store *store, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    uint64_t now_ns = hp_clock_wall_ns();
    uint64_t until_ns = hp_clock_mono_ns() + CALL_NS;
    struct space space = {0};
    bool more = true;
    hp_err err = flush_due(s, info);
    if (err == HP_OK && s->page_bytes != 0) {
        struct block block;
        uint64_t minute = UINT64_MAX;
        err = oldest_block(s, &block, info);
        if (err == HP_OK) {
            err = oldest_minute(s, &minute, info);
        }
        more =
            (block.found && block.id != block.newest && block.last_ns + s->base.caps.max_age_ns < now_ns) ||
            (minute != UINT64_MAX && minute * HP_MINUTE_NS + rollup_keep_ns(s) < now_ns);
    }
    while (err == HP_OK && more && hp_clock_mono_ns() < until_ns) {
        err = step(s, drop_for_age, now_ns, &more, info);
    }
    if (err == HP_OK) {
        err = measure(s, &space, info);
    }
    more = err == HP_OK && space.used_bytes > s->base.caps.max_bytes / 10 * 9;
    while (err == HP_OK && more && hp_clock_mono_ns() < until_ns) {
        err = step(s, drop_for_size, now_ns, &more, info);
    }
    if (err == HP_OK) {
        err = give_back(s, until_ns, info);
    }
    if (err == HP_OK) {
        cut_journal(s);
    }
    return err;
}
