/* sqlite_write.c -- one batch: begin, process, records, commit.
 *
 * A record becomes a row of `request`, and of `detail` if it has more than a few bytes beside its columns.
 * Its ids are replaced by rows; its tree's values are stored as they came, its shape once per content.
 * Numbers of rows are given out here: begin asks for the highest, under the write lock.
 */
#include <sqlite3.h>
#include <string.h>

#include "base/clock.h"
#include "store/sqlite_int.h"

#define INLINE_BYTES 120u /* a detail up to this size lies in the request's row */

/* ---- begin and end ---- */

static hp_err begin_checks(struct hp_sqlite *s, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_MAX_ROW, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    err = hp__sqlite_next(s, stmt, &row, info);
    s->next_row = row ? (uint64_t)sqlite3_column_int64(stmt, 0) + 1 : 1;
    sqlite3_reset(stmt);
    return err == HP_OK ? hp__sqlite_check_shapes(s, info) : err;
}

hp_err hp__sqlite_begin(struct hp_store *store, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    hp_err err = hp__sqlite_exec(s, "BEGIN IMMEDIATE", info);
    if (err != HP_OK) {
        return err;
    }
    s->tx_err = HP_OK;
    s->map_err = HP_OK;
    s->block_open = false;
    err = begin_checks(s, info);
    if (err != HP_OK) {
        hp__sqlite_undo(s);
    }
    return err;
}

static hp_err close_block(struct hp_sqlite *s, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    if (!s->block_open) {
        return HP_OK;
    }
    hp_err err = hp__sqlite_prepare(s, HP_SQL_SET_BLOCK, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)s->block);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)s->block_first_ns);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)s->block_last_ns);
    s->block_open = false;
    return hp__sqlite_run(s, stmt, info);
}

hp_err hp__sqlite_commit(struct hp_store *store, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    if (s->tx_err != HP_OK) {
        return hp_err_set(info, s->tx_err, 0, "an earlier write to %s failed (%s): the batch is undone",
                          s->path, hp_err_text(s->tx_err));
    }
    hp_err err = close_block(s, info);
    if (err == HP_OK) {
        err = hp__sqlite_flush(s, false, info);
    }
    return err == HP_OK ? hp__sqlite_exec(s, "COMMIT", info) : err;
}

void hp__sqlite_rollback(struct hp_store *store)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    hp__sqlite_undo(s);
    hp__sqlite_words_forget(s);
    hp__tallies_clear(&s->tallies);
    s->process_row = 0;
    s->block_open = false;
    s->tx_err = HP_OK;
}

/* ---- process ---- */

struct process_row { /* what is there already */
    uint64_t row, sampled_out, dropped_ring, dropped_tree, dropped_store, dropped_memory, lost, last_ns,
        errors, waits, wait_ns;
};

static hp_err find_process(struct hp_sqlite *s, const struct hp_process *p, struct process_row *out,
                           struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    *out = (struct process_row){0};
    hp_err err = hp__sqlite_prepare(s, HP_SQL_FIND_PROCESS, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_blob(stmt, 1, p->boot_id, sizeof p->boot_id, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, p->pid);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)p->start_ns);
    err = hp__sqlite_next(s, stmt, &found, info);
    if (found) {
        uint64_t *const fields[] = {&out->row,          &out->sampled_out,   &out->dropped_ring,
                                    &out->dropped_tree, &out->dropped_store, &out->dropped_memory,
                                    &out->lost,         &out->last_ns,       &out->errors,
                                    &out->waits,        &out->wait_ns};
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
            *fields[i] = (uint64_t)sqlite3_column_int64(stmt, (int)i);
        }
        sqlite3_reset(stmt);
    }
    return err;
}

static hp_err find_or_add_process(struct hp_sqlite *s, const struct hp_process *p, struct process_row *out,
                                  struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    hp_err err = find_process(s, p, out, info);
    if (err != HP_OK || out->row != 0) {
        return err;
    }
    err = hp__sqlite_prepare(s, HP_SQL_ADD_PROCESS, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    out->last_ns = hp_clock_wall_ns();
    sqlite3_bind_blob(stmt, 1, p->boot_id, sizeof p->boot_id, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, p->pid);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)p->start_ns);
    sqlite3_bind_int64(stmt, 4, (sqlite3_int64)out->last_ns);
    err = hp__sqlite_run(s, stmt, info);
    out->row = (uint64_t)sqlite3_last_insert_rowid(s->db);
    return err;
}

static uint64_t grown(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

enum { LOSS_COUNT = 9 }; /* sampled_out, dropped_ring, _tree, _store, _memory, lost, errors, waits, wait_ns */

/* Add to the losses of a minute; nothing if all are 0. */
static hp_err add_loss(struct hp_sqlite *s, uint64_t process, uint64_t at_ns, const uint64_t more[LOSS_COUNT],
                       struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    uint64_t any = 0;
    for (int i = 0; i < LOSS_COUNT; i++) {
        any |= more[i];
    }
    if (any == 0) {
        return HP_OK;
    }
    hp_err err = hp__sqlite_prepare(s, HP_SQL_ADD_LOSS, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)process);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)(at_ns / HP_MINUTE_NS));
    for (int i = 0; i < LOSS_COUNT; i++) {
        sqlite3_bind_int64(stmt, 3 + i, (sqlite3_int64)more[i]);
    }
    return hp__sqlite_run(s, stmt, info);
}

static hp_err set_process(struct hp_sqlite *s, uint64_t row, uint64_t now_ns, const struct hp_process *p,
                          struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    uint32_t revision;
    hp_err err = hp__sqlite_string_row(s, p->revision, &revision, info);
    if (err == HP_OK) {
        err = hp__sqlite_prepare(s, HP_SQL_SET_PROCESS, &stmt, info);
    }
    if (err != HP_OK) {
        return err;
    }
    const uint64_t numbers[] = {p->started,        p->finished,     p->pushed,       p->stored,
                                p->sampled_out,    p->dropped_ring, p->dropped_tree, p->dropped_store,
                                p->dropped_memory, p->own_ns,       p->errors,       p->waits,
                                p->wait_ns};
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)row);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)now_ns);
    hp__sqlite_bind_text(stmt, 3, p->interpreter);
    hp__sqlite_bind_text(stmt, 4, p->command);
    sqlite3_bind_int64(stmt, 5, revision);
    hp__sqlite_bind_text(stmt, 6, p->host);
    for (int i = 0; i < (int)(sizeof numbers / sizeof *numbers); i++) {
        sqlite3_bind_int64(stmt, 7 + i, (sqlite3_int64)numbers[i]);
    }
    hp__sqlite_bind_text(stmt, 20, hp_utf8_cut(p->unseen, HP_UNSEEN_BYTES));
    return hp__sqlite_run(s, stmt, info);
}

/* A failed statement of a transaction spoils it. */
static hp_err spoil(struct hp_sqlite *s, hp_err err)
{
    s->tx_err = s->tx_err == HP_OK ? err : s->tx_err;
    return err;
}

hp_err hp__sqlite_put_process(struct hp_store *store, const struct hp_process *process,
                              struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    struct process_row old = {0};
    hp_err err = find_or_add_process(s, process, &old, info);
    uint64_t now_ns = hp_clock_wall_ns();
    if (err == HP_OK) {
        const uint64_t more[LOSS_COUNT] = {grown(process->sampled_out, old.sampled_out),
                                           grown(process->dropped_ring, old.dropped_ring),
                                           grown(process->dropped_tree, old.dropped_tree),
                                           grown(process->dropped_store, old.dropped_store),
                                           grown(process->dropped_memory, old.dropped_memory),
                                           0,
                                           grown(process->errors, old.errors),
                                           grown(process->waits, old.waits),
                                           grown(process->wait_ns, old.wait_ns)};
        err = add_loss(s, old.row, now_ns, more, info);
    }
    if (err == HP_OK) {
        err = set_process(s, old.row, now_ns, process, info);
    }
    if (err != HP_OK) {
        return spoil(s, err);
    }
    memcpy(s->process.boot_id, process->boot_id, sizeof s->process.boot_id);
    s->process.pid = process->pid;
    s->process.start_ns = process->start_ns;
    s->process_named = true;
    s->process_row = old.row;
    return HP_OK;
}

hp_err hp__sqlite_process_row(struct hp_sqlite *s, uint64_t *row, struct hp_errinfo *info)
{
    if (s->process_row == 0 && s->process_named) {
        /* It was registered in a transaction that was undone. */
        struct process_row found;
        hp_err err = find_or_add_process(s, &s->process, &found, info);
        if (err != HP_OK) {
            return err;
        }
        s->process_row = found.row;
    }
    *row = s->process_row;
    return HP_OK;
}

hp_err hp__sqlite_put_lost(struct hp_store *store, const uint8_t boot_id[16], uint32_t pid, uint64_t start_ns,
                           uint64_t lost, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    struct hp_process gone = {.pid = pid, .start_ns = start_ns};
    struct process_row old = {0};
    sqlite3_stmt *stmt = NULL;
    memcpy(gone.boot_id, boot_id, sizeof gone.boot_id);
    hp_err err = hp__sqlite_exec(s, "BEGIN IMMEDIATE", info);
    if (err == HP_OK) {
        err = find_or_add_process(s, &gone, &old, info);
    }
    if (err == HP_OK && lost > old.lost) {
        /* Two processes may find the same ring file: the figure is the same, and counts once. */
        const uint64_t more[LOSS_COUNT] = {0, 0, 0, 0, 0, lost - old.lost};
        err = add_loss(s, old.row, old.last_ns, more, info);
        if (err == HP_OK) {
            err = hp__sqlite_prepare(s, HP_SQL_SET_LOST, &stmt, info);
        }
        if (err == HP_OK) {
            sqlite3_bind_int64(stmt, 1, (sqlite3_int64)old.row);
            sqlite3_bind_int64(stmt, 2, (sqlite3_int64)lost);
            err = hp__sqlite_run(s, stmt, info);
        }
    }
    if (err == HP_OK) {
        err = hp__sqlite_exec(s, "COMMIT", info);
    }
    hp__sqlite_undo(s);
    return err;
}

/* ---- records ---- */

static void bind_optional(sqlite3_stmt *stmt, int at, uint64_t value)
{
    if (value == HP_ABSENT) {
        sqlite3_bind_null(stmt, at);
    } else {
        sqlite3_bind_int64(stmt, at, (sqlite3_int64)value);
    }
}

static hp_err insert_request(struct hp_sqlite *s, const struct hp_record *record, uint64_t process,
                             bool detailed, struct hp_errinfo *info)
{
    const struct hp_request *req = &record->req;
    sqlite3_stmt *stmt = NULL;
    uint64_t statements;
    uint64_t sql_ns;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_ADD_REQUEST, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    hp__record_sql(record, &statements, &sql_ns);
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)s->next_row);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)req->id);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)req->start_wall_ns);
    sqlite3_bind_int64(stmt, 4, (sqlite3_int64)req->wall_ns);
    sqlite3_bind_int64(stmt, 5, (sqlite3_int64)req->own_ns);
    bind_optional(stmt, 6, req->cpu_ns);
    sqlite3_bind_int64(stmt, 7, (sqlite3_int64)process);
    sqlite3_bind_int64(stmt, 8, (sqlite3_int64)req->seq);
    sqlite3_bind_int64(stmt, 9, req->route);
    sqlite3_bind_int64(stmt, 10, req->revision);
    sqlite3_bind_int(stmt, 11, req->status);
    sqlite3_bind_int64(stmt, 12, req->flags);
    sqlite3_bind_int(stmt, 13, req->level);
    sqlite3_bind_int64(stmt, 14, req->weight);
    sqlite3_bind_int64(stmt, 15, (sqlite3_int64)statements);
    sqlite3_bind_int64(stmt, 16, (sqlite3_int64)sql_ns);
    bind_optional(stmt, 17, req->bytes_out);
    sqlite3_bind_int64(stmt, 18, req->exception_type);
    sqlite3_bind_int(stmt, 19, detailed);
    if (detailed) {
        sqlite3_bind_null(stmt, 20);
    } else {
        struct hp_str bytes = hp_buf_str(&s->bytes);
        hp__sqlite_bind_blob(stmt, 20,
                             hp_str_make(bytes.p + HP_DETAIL_HEAD_BYTES, bytes.n - HP_DETAIL_HEAD_BYTES));
    }
    return hp__sqlite_run(s, stmt, info);
}

static hp_err insert_detail(struct hp_sqlite *s, const struct hp_record *record, uint32_t shape,
                            struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_ADD_DETAIL, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)s->next_row);
    hp__sqlite_bind_blob(stmt, 3, hp_buf_str(&s->bytes));
    if (shape != 0) {
        sqlite3_bind_int64(stmt, 2, shape);
        hp__sqlite_bind_blob(stmt, 4, record->values);
    } else {
        sqlite3_bind_null(stmt, 2);
        sqlite3_bind_null(stmt, 4);
    }
    return hp__sqlite_run(s, stmt, info);
}

static hp_err note_block(struct hp_sqlite *s, uint64_t start_ns, struct hp_errinfo *info)
{
    uint64_t block = s->next_row >> HP_ROW_BLOCK_BITS;
    if (s->block_open && s->block != block) {
        hp_err err = close_block(s, info);
        if (err != HP_OK) {
            return err;
        }
    }
    if (!s->block_open) {
        if (s->next_row == block << HP_ROW_BLOCK_BITS && block != 0) {
            hp_err err = hp__sqlite_note_ids(s, block - 1, info);
            if (err != HP_OK) {
                return err;
            }
        }
        s->block_open = true;
        s->block = block;
        s->block_first_ns = s->block_last_ns = start_ns;
    }
    s->block_first_ns = start_ns < s->block_first_ns ? start_ns : s->block_first_ns;
    s->block_last_ns = start_ns > s->block_last_ns ? start_ns : s->block_last_ns;
    return HP_OK;
}

static hp_err tally(struct hp_sqlite *s, const struct hp_record *record, uint32_t shape,
                    struct hp_errinfo *info)
{
    const struct hp_request *req = &record->req;
    struct hp__tally_key key = {req->start_wall_ns / HP_MINUTE_NS, req->route, req->revision, req->level};
    struct hp__tally *tally;
    hp_err err = hp__tallies_get(&s->tallies, &key, &tally);
    if (err == HP_EFULL) {
        err = hp__sqlite_flush_oldest(s, info);
        err = err == HP_OK ? hp__tallies_get(&s->tallies, &key, &tally) : err;
    }
    if (err != HP_OK) {
        return err;
    }
    hp__tally_add(&s->tallies, tally, record, shape);
    s->newest_minute = key.minute > s->newest_minute ? key.minute : s->newest_minute;
    return HP_OK;
}

/* Replace the record's ids by rows. Its tree is left alone when its shape is damaged. */
static hp_err translate(struct hp_sqlite *s, struct hp_record *record, uint32_t *shape,
                        struct hp_errinfo *info)
{
    struct hp_id_maps maps = hp__sqlite_to_rows;
    maps.ctx = s;
    s->map_info = info;
    hp_record_map(record, &maps);
    *shape = 0;
    if (s->map_err == HP_OK && record->shape.n != 0 && record->values.n != 0) {
        hp_err err = hp__sqlite_shape_row(s, record->shape, shape, info);
        if (err != HP_OK && err != HP_EFORMAT && err != HP_EVERSION) {
            return err;
        }
    }
    return s->map_err;
}

struct hp_lane hp__sqlite_implied_lane(const struct hp_request *req)
{
    return (struct hp_lane){.end_ns = req->wall_ns,
                            .cpu_ns = req->cpu_ns,
                            .runqueue_ns = req->runqueue_ns,
                            .wait_busy_ns = req->gil_ns != HP_ABSENT ? 0 : HP_ABSENT}; /* as without a wait */
}

bool hp__sqlite_lane_implied(const struct hp_record *record)
{
    if (record->lane_count != 1 || record->req.level < HP_LEVEL_MONITOR) {
        return false;
    }
    const struct hp_lane *lane = &record->lanes[0];
    struct hp_lane plain = hp__sqlite_implied_lane(&record->req);
    return lane->start_ns == 0 && lane->end_ns == plain.end_ns && lane->cpu_ns == plain.cpu_ns &&
           lane->await_ns == 0 && lane->spawn_ns == 0 && lane->spawn_cost_ns == 0 && lane->parent == 0 &&
           lane->parent_node == 0 && lane->site_sym == 0 && lane->site_line == 0 && lane->via_sym == 0 &&
           lane->kind == HP_LANE_MAIN && lane->flags == 0 && lane->runqueue_ns == plain.runqueue_ns &&
           lane->wait_busy_ns == plain.wait_busy_ns && lane->lost_spans == 0;
}

static hp_err write_record(struct hp_sqlite *s, struct hp_record *record, struct hp_errinfo *info)
{
    uint32_t shape;
    uint64_t process;
    hp_err err = hp__sqlite_process_row(s, &process, info);
    if (err == HP_OK) {
        err = translate(s, record, &shape, info);
    }
    if (err != HP_OK) {
        return err;
    }
    struct hp_record kept = *record;
    kept.lane_count = hp__sqlite_lane_implied(record) ? 0 : kept.lane_count;
    hp_buf_reset(&s->bytes);
    err = hp_record_encode_detail(&kept, &s->bytes);
    if (err != HP_OK) {
        return err;
    }
    bool detailed = shape != 0 || s->bytes.len > INLINE_BYTES;
    err = insert_request(s, record, process, detailed, info);
    if (err == HP_OK && detailed) {
        err = insert_detail(s, record, shape, info);
    }
    if (err == HP_OK) {
        err = note_block(s, record->req.start_wall_ns, info);
    }
    if (err == HP_OK) {
        err = tally(s, record, shape, info);
    }
    s->next_row += err == HP_OK;
    return err;
}

hp_err hp__sqlite_put(struct hp_store *store, struct hp_str encoded, const struct hp_dict *dict,
                      struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    struct hp_record record;
    struct hp_reader in;
    if (s->tx_err != HP_OK) {
        return hp_err_set(info, s->tx_err, 0, "an earlier write to %s failed: roll back", s->path);
    }
    if (s->from != dict) {
        hp__sqlite_words_forget(s);
        s->from = dict;
    }
    hp_arena_reset(&s->arena);
    hp_reader_init(&in, encoded.p, encoded.n);
    hp_err err = hp_record_decode(&in, &s->arena, &record);
    if (err == HP_OK && (record.req.start_wall_ns > INT64_MAX || record.req.wall_ns > INT64_MAX)) {
        err = HP_EFORMAT;
    }
    if (err != HP_OK) {
        /* Nothing was written: the batch goes on without it. */
        return hp_err_set(info, err, 0, "a record is damaged: %s", hp_err_text(err));
    }
    err = write_record(s, &record, info);
    if (err == HP_ENOMEM || err == HP_EFULL) {
        err = hp_err_set(info, err, 0, "out of memory while writing to %s", s->path);
    }
    return err == HP_OK ? HP_OK : spoil(s, err);
}
