/* sqlite_note.c -- what is noted beside the requests: labels, finding states, settings, source texts. */
#include <sqlite3.h>
#include <string.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/sqlite_int.h"

#define SOURCE_MAX ((size_t)4 << 20) /* a longer file is not kept */
#define PACK_LEVEL 6

/* ---- labels ---- */

hp_err hp__sqlite_label_begin(struct hp_store *store, struct hp_str name, uint64_t from_ns,
                              struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_ADD_LABEL, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    hp__sqlite_bind_text(stmt, 1, name);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)from_ns);
    return hp__sqlite_run(s, stmt, info);
}

hp_err hp__sqlite_label_end(struct hp_store *store, struct hp_str name, uint64_t to_ns,
                            struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_END_LABEL, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    hp__sqlite_bind_text(stmt, 1, name);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)to_ns);
    err = hp__sqlite_run(s, stmt, info);
    if (err == HP_OK && sqlite3_changes(s->db) == 0) {
        err = hp_err_set(info, HP_ENOTFOUND, 0, "no open label \"%.*s\"", (int)name.n, name.p);
    }
    return err;
}

hp_err hp__sqlite_label(struct hp_store *store, struct hp_str name, uint32_t nth, struct hp_label *label,
                        struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_GET_LABEL, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    hp__sqlite_bind_text(stmt, 1, name);
    sqlite3_bind_int64(stmt, 2, nth);
    err = hp__sqlite_next(s, stmt, &found, info);
    if (found) {
        label->from_ns = (uint64_t)sqlite3_column_int64(stmt, 0);
        label->to_ns = (uint64_t)sqlite3_column_int64(stmt, 1);
        sqlite3_reset(stmt);
    }
    return err == HP_OK && !found ? HP_ENOTFOUND : err;
}

hp_err hp__sqlite_labels(struct hp_store *store, uint32_t most, hp_label_fn fn, void *ctx,
                         struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool more = false;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_LABELS, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, most);
    do {
        err = hp__sqlite_next(s, stmt, &more, info);
        if (more) {
            struct hp_label label = {.name = hp__sqlite_text(stmt, 0),
                                     .from_ns = (uint64_t)sqlite3_column_int64(stmt, 1),
                                     .to_ns = (uint64_t)sqlite3_column_int64(stmt, 2)};
            more = fn(ctx, &label);
        }
    } while (err == HP_OK && more);
    sqlite3_reset(stmt);
    return err;
}

/* ---- finding states and settings ---- */

/* From a row of get_finding or findings; texts are SQLite's until the next step. */
static struct hp_finding_state read_finding(sqlite3_stmt *stmt)
{
    return (struct hp_finding_state){
        .state = (uint8_t)sqlite3_column_int(stmt, 0),
        .muted = sqlite3_column_int(stmt, 1) != 0,
        .first_ns = (uint64_t)sqlite3_column_int64(stmt, 2),
        .last_ns = (uint64_t)sqlite3_column_int64(stmt, 3),
        .reason = hp__sqlite_text(stmt, 4),
        .kind = hp__sqlite_text(stmt, 5),
        .route = hp__sqlite_text(stmt, 6),
        .file = hp__sqlite_text(stmt, 7),
        .line = (uint32_t)sqlite3_column_int64(stmt, 8),
        .function = hp__sqlite_text(stmt, 9),
        .title = hp__sqlite_text(stmt, 10),
        .predicted_ns = (uint64_t)sqlite3_column_int64(stmt, 11),
        .fixed_ns = (uint64_t)sqlite3_column_int64(stmt, 12),
        .has_measured = sqlite3_column_type(stmt, 13) != SQLITE_NULL,
        .measured_ns = sqlite3_column_int64(stmt, 13),
        .low_ns = sqlite3_column_int64(stmt, 14),
        .high_ns = sqlite3_column_int64(stmt, 15),
        .id = (uint64_t)sqlite3_column_int64(stmt, 16),
    };
}

hp_err hp__sqlite_get_finding(struct hp_store *store, uint64_t id, struct hp_finding_state *out,
                              struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_GET_FINDING, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)id);
    err = hp__sqlite_next(s, stmt, &found, info);
    if (err != HP_OK || !found) {
        return err != HP_OK ? err : hp_err_set(info, HP_ENOTFOUND, 0, "no such finding");
    }
    struct hp_finding_state state = read_finding(stmt);
    err = hp__store_keep_finding(store, &state, out);
    sqlite3_reset(stmt);
    return err;
}

hp_err hp__sqlite_findings(struct hp_store *store, hp_finding_fn fn, void *ctx, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool found = true;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_FINDINGS, &stmt, info);
    while (err == HP_OK && found) {
        err = hp__sqlite_next(s, stmt, &found, info);
        if (err == HP_OK && found) {
            struct hp_finding_state state = read_finding(stmt);
            if (!fn(ctx, &state)) {
                sqlite3_reset(stmt);
                break;
            }
        }
    }
    return err;
}

hp_err hp__sqlite_set_finding(struct hp_store *store, const struct hp_finding_state *state,
                              struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_SET_FINDING, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)state->id);
    sqlite3_bind_int(stmt, 2, state->state);
    sqlite3_bind_int(stmt, 3, state->muted);
    sqlite3_bind_int64(stmt, 4, (sqlite3_int64)state->first_ns);
    sqlite3_bind_int64(stmt, 5, (sqlite3_int64)state->last_ns);
    hp__sqlite_bind_text(stmt, 6, state->reason);
    hp__sqlite_bind_text(stmt, 7, state->kind);
    hp__sqlite_bind_text(stmt, 8, state->route);
    hp__sqlite_bind_text(stmt, 9, state->file);
    sqlite3_bind_int64(stmt, 10, state->line);
    hp__sqlite_bind_text(stmt, 11, state->function);
    hp__sqlite_bind_text(stmt, 12, state->title);
    sqlite3_bind_int64(stmt, 13, (sqlite3_int64)state->predicted_ns);
    sqlite3_bind_int64(stmt, 14, (sqlite3_int64)state->fixed_ns);
    const int64_t measured[] = {state->measured_ns, state->low_ns, state->high_ns};
    for (int i = 0; i < 3; i++) {
        if (state->has_measured) {
            sqlite3_bind_int64(stmt, 15 + i, measured[i]);
        } else {
            sqlite3_bind_null(stmt, 15 + i);
        }
    }
    return hp__sqlite_run(s, stmt, info);
}

hp_err hp__sqlite_get_setting(struct hp_store *store, struct hp_str key, struct hp_str *value,
                              struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_GET_SETTING, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    hp__sqlite_bind_text(stmt, 1, key);
    err = hp__sqlite_next(s, stmt, &found, info);
    if (err != HP_OK || !found) {
        return err != HP_OK ? err
                            : hp_err_set(info, HP_ENOTFOUND, 0, "no setting \"%.*s\"", (int)key.n, key.p);
    }
    err = hp__store_keep(store, HP_KEPT_VALUE, hp__sqlite_text(stmt, 0), value);
    sqlite3_reset(stmt);
    return err;
}

hp_err hp__sqlite_set_setting(struct hp_store *store, struct hp_str key, struct hp_str value,
                              struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_SET_SETTING, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    hp__sqlite_bind_text(stmt, 1, key);
    hp__sqlite_bind_text(stmt, 2, value);
    return hp__sqlite_run(s, stmt, info);
}

/* ---- plans ---- */

hp_err hp__sqlite_get_plan(struct hp_store *store, uint64_t id, uint64_t *at_ns, struct hp_str *text,
                           struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_GET_PLAN, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)id);
    err = hp__sqlite_next(s, stmt, &found, info);
    if (err != HP_OK || !found) {
        return err != HP_OK ? err : hp_err_set(info, HP_ENOTFOUND, 0, "no plan of this statement");
    }
    *at_ns = (uint64_t)sqlite3_column_int64(stmt, 0);
    err = hp__store_keep(store, HP_KEPT_PLAN, hp__sqlite_text(stmt, 1), text);
    sqlite3_reset(stmt);
    return err;
}

hp_err hp__sqlite_set_plan(struct hp_store *store, uint64_t id, uint64_t at_ns, struct hp_str text,
                           struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_SET_PLAN, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)id);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)at_ns);
    hp__sqlite_bind_text(stmt, 3, text);
    return hp__sqlite_run(s, stmt, info);
}

/* ---- gauges ---- */

static hp_err forget_gauges(struct hp_sqlite *s, uint64_t now_ns, struct hp_errinfo *info)
{
    uint64_t keep_ns =
        s->base.caps.max_age_ns > HP_ROLLUP_KEEP_NS ? s->base.caps.max_age_ns : HP_ROLLUP_KEEP_NS;
    sqlite3_stmt *stmt = NULL;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_DELETE_GAUGES, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)(now_ns > keep_ns ? (now_ns - keep_ns) / HP_MINUTE_NS : 0));
    return hp__sqlite_run(s, stmt, info);
}

hp_err hp__sqlite_put_gauge(struct hp_store *store, const struct hp_gauge *gauge, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    const uint64_t values[7] = {gauge->at_ns / HP_MINUTE_NS,
                                gauge->at_ns,
                                gauge->rss_bytes,
                                gauge->peak_rss_bytes,
                                gauge->cpu_ns,
                                gauge->threads,
                                gauge->fds};
    sqlite3_stmt *stmt = NULL;
    uint64_t process;
    hp_err err = hp__sqlite_process_row(s, &process, info);
    if (err == HP_OK) {
        err = hp__sqlite_prepare(s, HP_SQL_SET_GAUGE, &stmt, info);
    }
    if (err == HP_OK) {
        sqlite3_bind_int64(stmt, 1, (sqlite3_int64)process);
        for (int i = 0; i < 7; i++) {
            sqlite3_bind_int64(stmt, 2 + i, (sqlite3_int64)values[i]);
        }
        err = hp__sqlite_run(s, stmt, info);
    }
    if (err == HP_OK) {
        err = forget_gauges(s, gauge->at_ns, info);
    }
    if (err != HP_OK) {
        s->tx_err = s->tx_err == HP_OK ? err : s->tx_err;
    }
    return err;
}

hp_err hp__sqlite_gauges(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_gauge_fn fn, void *ctx,
                         struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool more = true;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_GAUGES, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)from_ns);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)to_ns);
    while (err == HP_OK && more) {
        err = hp__sqlite_next(s, stmt, &more, info);
        if (err == HP_OK && more) {
            struct hp_gauge gauge = {.pid = (uint32_t)sqlite3_column_int64(stmt, 0),
                                     .start_ns = (uint64_t)sqlite3_column_int64(stmt, 1),
                                     .at_ns = (uint64_t)sqlite3_column_int64(stmt, 2),
                                     .rss_bytes = (uint64_t)sqlite3_column_int64(stmt, 3),
                                     .peak_rss_bytes = (uint64_t)sqlite3_column_int64(stmt, 4),
                                     .cpu_ns = (uint64_t)sqlite3_column_int64(stmt, 5),
                                     .threads = (uint32_t)sqlite3_column_int64(stmt, 6),
                                     .fds = (uint32_t)sqlite3_column_int64(stmt, 7)};
            more = fn(ctx, &gauge);
        }
    }
    sqlite3_reset(stmt);
    return err;
}

hp_err hp__sqlite_unseen(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_unseen_fn fn, void *ctx,
                         struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    bool more = true;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_UNSEEN, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)from_ns);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)to_ns);
    while (err == HP_OK && more) {
        err = hp__sqlite_next(s, stmt, &more, info);
        if (err == HP_OK && more) {
            struct hp_process_unseen process = {.pid = (uint32_t)sqlite3_column_int64(stmt, 0),
                                                .start_ns = (uint64_t)sqlite3_column_int64(stmt, 1),
                                                .text =
                                                    hp_str_make((const char *)sqlite3_column_text(stmt, 2),
                                                                (size_t)sqlite3_column_bytes(stmt, 2))};
            more = fn(ctx, &process);
        }
    }
    sqlite3_reset(stmt);
    return err;
}

/* ---- sources ---- */

static hp_err add_packed(struct hp_sqlite *s, uint64_t hash, struct hp_str text, uint64_t *row,
                         struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    uLongf n = compressBound((uLong)text.n);
    uint8_t *packed = hp_malloc(n);
    if (packed == NULL || compress2(packed, &n, (const Bytef *)text.p, (uLong)text.n, PACK_LEVEL) != Z_OK) {
        hp_free(packed);
        return HP_ENOMEM;
    }
    hp_err err = hp__sqlite_prepare(s, HP_SQL_ADD_SOURCE, &stmt, info);
    if (err == HP_OK) {
        sqlite3_bind_int64(stmt, 1, (sqlite3_int64)hash);
        sqlite3_bind_int64(stmt, 2, (sqlite3_int64)text.n);
        hp__sqlite_bind_blob(stmt, 3, hp_str_make((const char *)packed, n));
        err = hp__sqlite_run(s, stmt, info);
        sqlite3_clear_bindings(stmt);
        *row = (uint64_t)sqlite3_last_insert_rowid(s->db);
    }
    hp_free(packed);
    return err;
}

static hp_err source_row(struct hp_sqlite *s, struct hp_str text, uint64_t *row, struct hp_errinfo *info)
{
    uint64_t hash = hp_hash64(text.p, text.n, 0);
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_FIND_SOURCE, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)hash);
    err = hp__sqlite_next(s, stmt, &found, info);
    if (found) {
        *row = (uint64_t)sqlite3_column_int64(stmt, 0);
        sqlite3_reset(stmt);
        return HP_OK;
    }
    return err == HP_OK ? add_packed(s, hash, text, row, info) : err;
}

static hp_err tie_source(struct hp_sqlite *s, uint32_t file, uint64_t source, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    uint64_t process;
    hp_err err = hp__sqlite_process_row(s, &process, info);
    if (err == HP_OK) {
        err = hp__sqlite_prepare(s, HP_SQL_ADD_SOURCE_OF, &stmt, info);
    }
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)process);
    sqlite3_bind_int64(stmt, 2, file);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)source);
    sqlite3_bind_int64(stmt, 4, (sqlite3_int64)hp_clock_wall_ns());
    return hp__sqlite_run(s, stmt, info);
}

hp_err hp__sqlite_put_source(struct hp_store *store, struct hp_str file, struct hp_str text,
                             struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    uint64_t key = hp_hash64(text.p, text.n, hp_hash64(file.p, file.n, 0));
    uint32_t file_row;
    uint32_t known;
    uint64_t source = 0;
    if (text.n > SOURCE_MAX || hp_map_get(&s->sources, key, &known)) {
        return HP_OK;
    }
    hp_err err = hp__sqlite_string_row(s, file, &file_row, info);
    if (err == HP_OK) {
        err = source_row(s, text, &source, info);
    }
    if (err == HP_OK) {
        err = tie_source(s, file_row, source, info);
    }
    if (err != HP_OK) {
        s->tx_err = s->tx_err == HP_OK ? err : s->tx_err;
        return err;
    }
    (void)!hp_map_put(&s->sources, key, 1);
    return HP_OK;
}

/* Unpack a source into the handle. */
static hp_err load_source(struct hp_sqlite *s, uint64_t id, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    if (s->source_text != NULL && s->source_id == id) {
        return HP_OK;
    }
    hp_err err = hp__sqlite_prepare(s, HP_SQL_GET_SOURCE, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)id);
    err = hp__sqlite_next(s, stmt, &found, info);
    if (err != HP_OK || !found) {
        return err != HP_OK ? err : hp__sqlite_fail(s, SQLITE_CORRUPT, info);
    }
    uint64_t length = (uint64_t)sqlite3_column_int64(stmt, 0);
    struct hp_str packed = hp__sqlite_blob(stmt, 1);
    char *text = length <= SOURCE_MAX ? hp_malloc((size_t)length) : NULL;
    uLongf n = (uLongf)length;
    if (text == NULL) {
        err = length <= SOURCE_MAX ? HP_ENOMEM : hp__sqlite_fail(s, SQLITE_CORRUPT, info);
    } else if (uncompress((Bytef *)text, &n, (const Bytef *)packed.p, (uLong)packed.n) != Z_OK ||
               n != length) {
        err = hp__sqlite_fail(s, SQLITE_CORRUPT, info);
    }
    sqlite3_reset(stmt);
    if (err != HP_OK) {
        hp_free(text);
        return err;
    }
    hp_free(s->source_text);
    s->source_text = text;
    s->source_bytes = (size_t)length;
    s->source_id = id;
    return HP_OK;
}

hp_err hp__sqlite_source(struct hp_store *store, struct hp_str file,
                         bool (*wanted)(void *ctx, uint32_t process), void *ctx, struct hp_str *text,
                         struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    sqlite3_stmt *stmt = NULL;
    uint64_t file_row = 0;
    uint64_t source = 0;
    bool more = true;
    hp_err err = hp__sqlite_find_string(s, file, &file_row, info);
    if (err == HP_OK) {
        err = hp__sqlite_prepare(s, HP_SQL_SOURCES_OF, &stmt, info);
    }
    if (err != HP_OK) {
        return err;
    }
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)file_row);
    while (err == HP_OK && more && source == 0) {
        err = hp__sqlite_next(s, stmt, &more, info);
        if (err == HP_OK && more && wanted(ctx, (uint32_t)sqlite3_column_int64(stmt, 0))) {
            source = (uint64_t)sqlite3_column_int64(stmt, 1);
        }
    }
    sqlite3_reset(stmt);
    if (err == HP_OK && source != 0) {
        err = load_source(s, source, info);
    }
    if (err == HP_OK) {
        *text = source != 0 ? hp_str_make(s->source_text, s->source_bytes) : hp_str_make(NULL, 0);
    }
    return err;
}
