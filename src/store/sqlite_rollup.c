/* sqlite_rollup.c -- from tallies to the tables rollup, rollup_blob and rollup_tree.
 *
 * Counts go out with every commit, sketch, statements and trees once a second and key. `covered` says how
 * many requests the written parts hold; readers take a minute from single requests as long as it is behind
 * `requests`. Each tally has rows of its own, so that nothing is ever read back to be added to.
 */
#include <sqlite3.h>

#include "base/clock.h"
#include "store/sqlite_int.h"

#define FLUSH_NS 1000000000u

static hp_err add_rollup(struct hp_sqlite *s, struct hp__tally *tally, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    uint64_t process;
    hp_err err = hp__sqlite_process_row(s, &process, info);
    if (err == HP_OK) {
        err = hp__sqlite_prepare(s, HP_SQL_ADD_ROLLUP, &stmt, info);
    }
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)tally->key.minute);
    sqlite3_bind_int64(stmt, 2, tally->key.route);
    sqlite3_bind_int64(stmt, 3, tally->key.revision);
    sqlite3_bind_int(stmt, 4, tally->key.level);
    sqlite3_bind_int64(stmt, 5, (sqlite3_int64)process);
    err = hp__sqlite_run(s, stmt, info);
    if (err == HP_OK) {
        tally->rollup = (uint64_t)sqlite3_last_insert_rowid(s->db);
    }
    return err;
}

static hp_err write_counts(struct hp_sqlite *s, struct hp__tally *tally, uint64_t covered,
                           struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    hp_err err = tally->rollup == 0 ? add_rollup(s, tally, info) : HP_OK;
    if (err == HP_OK) {
        err = hp__sqlite_prepare(s, HP_SQL_SET_ROLLUP, &stmt, info);
    }
    if (err != HP_OK) {
        return err;
    }
    const uint64_t numbers[] = {
        tally->rollup,       tally->requests, tally->errors,     tally->total_ns, tally->cpu_ns,
        tally->cpu_requests, tally->own_ns,   tally->statements, tally->sql_ns,   covered};
    for (int i = 0; i < (int)(sizeof numbers / sizeof *numbers); i++) {
        sqlite3_bind_int64(stmt, 1 + i, (sqlite3_int64)numbers[i]);
    }
    return hp__sqlite_run(s, stmt, info);
}

static hp_err write_blobs(struct hp_sqlite *s, const struct hp__tally *tally, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_SET_ROLLUP_BLOB, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    hp_buf_reset(&s->bytes);
    hp_buf_reset(&s->shape_bytes);
    s->shape_read = 0;
    hp_sketch_encode(tally->sketch, &s->bytes);
    hp__tally_encode_rows(tally, &s->shape_bytes);
    if (s->bytes.err != HP_OK || s->shape_bytes.err != HP_OK) {
        return s->bytes.err != HP_OK ? s->bytes.err : s->shape_bytes.err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)tally->rollup);
    hp__sqlite_bind_blob(stmt, 2, hp_buf_str(&s->bytes));
    hp__sqlite_bind_blob(stmt, 3, hp_buf_str(&s->shape_bytes));
    return hp__sqlite_run(s, stmt, info);
}

static hp_err write_tree(struct hp_sqlite *s, uint64_t rollup, struct hp__tally_tree *tree,
                         struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_SET_ROLLUP_TREE, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    hp_buf_reset(&s->bytes);
    hp_treesum_encode(&tree->sum, &s->bytes);
    if (s->bytes.err != HP_OK) {
        return s->bytes.err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)rollup);
    sqlite3_bind_int64(stmt, 2, tree->shape);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)tree->requests);
    sqlite3_bind_int64(stmt, 4, tree->inner_ps);
    sqlite3_bind_int64(stmt, 5, tree->outer_ps);
    hp__sqlite_bind_blob(stmt, 6, hp_buf_str(&s->bytes));
    err = hp__sqlite_run(s, stmt, info);
    tree->dirty = err != HP_OK;
    return err;
}

static hp_err write_big(struct hp_sqlite *s, struct hp__tally *tally, uint64_t now_ns,
                        struct hp_errinfo *info)
{
    hp_err err = write_blobs(s, tally, info);
    for (uint32_t i = 0; err == HP_OK && i < tally->tree_count; i++) {
        if (tally->trees[i]->dirty) {
            err = write_tree(s, tally->rollup, tally->trees[i], info);
        }
    }
    if (err == HP_OK) {
        tally->flushed_ns = now_ns;
        tally->flushed_covered = tally->covered;
        tally->big_dirty = false;
    }
    return err;
}

/* Counts, and with `big` the rest. */
static hp_err write_tally(struct hp_sqlite *s, struct hp__tally *tally, bool big, uint64_t now_ns,
                          struct hp_errinfo *info)
{
    hp_err err = big && tally->rollup == 0 ? add_rollup(s, tally, info) : HP_OK;
    if (err == HP_OK && big) {
        err = write_big(s, tally, now_ns, info);
    }
    if (err == HP_OK && (big || tally->dirty)) {
        err = write_counts(s, tally, tally->flushed_covered, info);
    }
    tally->dirty = tally->dirty && err != HP_OK;
    return err;
}

hp_err hp__sqlite_flush_oldest(struct hp_sqlite *s, struct hp_errinfo *info)
{
    uint32_t at = hp__tallies_oldest(&s->tallies);
    struct hp__tally *tally = s->tallies.list[at];
    hp_err err = write_tally(s, tally, tally->big_dirty, hp_clock_mono_ns(), info);
    if (err == HP_OK) {
        hp__tallies_drop(&s->tallies, at);
    }
    return err;
}

hp_err hp__sqlite_flush(struct hp_sqlite *s, bool all, struct hp_errinfo *info)
{
    uint64_t now_ns = hp_clock_mono_ns();
    hp_err err = HP_OK;
    for (uint32_t i = 0; err == HP_OK && i < s->tallies.count; i++) {
        struct hp__tally *tally = s->tallies.list[i];
        bool over = tally->key.minute < s->newest_minute;
        bool big = tally->big_dirty && (all || over || now_ns - tally->flushed_ns >= FLUSH_NS);
        err = write_tally(s, tally, big, now_ns, info);
        if (err == HP_OK && over) {
            hp__tallies_drop(&s->tallies, i--);
        }
    }
    return err;
}

bool hp__sqlite_flush_due(const struct hp_sqlite *s)
{
    uint64_t now_ns = hp_clock_mono_ns();
    for (uint32_t i = 0; i < s->tallies.count; i++) {
        if (s->tallies.list[i]->big_dirty && now_ns - s->tallies.list[i]->flushed_ns >= FLUSH_NS) {
            return true;
        }
    }
    return false;
}

static hp_err has_shape(struct hp_sqlite *s, uint32_t shape, bool *there, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_HAS_SHAPE, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, shape);
    err = hp__sqlite_next(s, stmt, there, info);
    sqlite3_reset(stmt);
    return err;
}

/* Drop the trees of one tally whose shape is gone. */
static hp_err check_tally(struct hp_sqlite *s, struct hp__tally *tally, struct hp_errinfo *info)
{
    for (uint32_t i = 0; i < tally->tree_count;) {
        bool there = false;
        hp_err err = has_shape(s, tally->trees[i]->shape, &there, info);
        if (err != HP_OK) {
            return err;
        }
        if (there) {
            i++;
        } else {
            hp__tallies_drop_shape(&s->tallies, tally->trees[i]->shape);
        }
    }
    return HP_OK;
}

hp_err hp__sqlite_check_shapes(struct hp_sqlite *s, struct hp_errinfo *info)
{
    uint64_t generation = 0;
    hp_err err = hp__sqlite_counter(s, "shape_generation", &generation, info);
    if (err != HP_OK || generation == s->shape_generation) {
        return err;
    }
    hp_map_clear(&s->shapes);
    for (uint32_t i = 0; err == HP_OK && i < s->tallies.count; i++) {
        err = check_tally(s, s->tallies.list[i], info);
    }
    if (err == HP_OK) {
        s->shape_generation = generation;
    }
    return err;
}
