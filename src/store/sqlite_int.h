/* sqlite_int.h -- the SQLite back end's handle and what its files share; private to src/store/sqlite*.c.
 *
 *     sqlite.c          open, close, errors, statements    sqlite_read.c    rows, details, rollups, losses
 *     sqlite_open.c     folder, schema, whose file it is
 *     sqlite_write.c    process, request, commit           sqlite_tidy.c    caps
 *     sqlite_words.c    ids of writer and reader           sqlite_note.c    labels, findings, settings, sources
 *     sqlite_rollup.c   tallies to rows                sqlite_fork.c    SQLite's own mutexes across fork
 *     sqlite_find.c     the row of a request id
 *
 * Two translations of ids, never mixed: writing goes from the writer's dictionary to rows (arrays, one load a
 * word), reading from rows to the handle's own dictionary (maps). A rollback forgets everything that writing
 * has learned, since ids that were interned since begin are gone.
 */
#ifndef HP_SQLITE_INT_H
#define HP_SQLITE_INT_H

#include "base/map.h"
#include "store/sqlite_sql.h"
#include "store/store_int.h"
#include "store/tally.h"

#define HP_SQLITE_APPLICATION_ID 0x48504C54 /* "HPLT" */
#define HP_SHAPES_KNOWN          65536u
#define HP_ROW_BLOCK_BITS        10
#define HP_DETAIL_HEAD_BYTES     5 /* length and magic of an encoded detail, which `request.extra` leaves out */

struct sqlite3;
struct sqlite3_stmt;

struct hp__ids { /* local id to row; 0: not yet known */
    uint32_t *rows;
    uint32_t count;
};

struct hp_sqlite {
    struct hp_store base;
    struct sqlite3 *db;
    struct sqlite3_stmt *stmts[HP_SQL_COUNT];
    char *path;
    uint32_t busy_ms;
    uint32_t page_bytes;
    uint64_t journal_bytes; /* that the journal may stay as long as */
    bool immutable;
    uint64_t deadline_ns; /* of CLOCK_MONOTONIC; 0: none */

    /* writing: words */
    const struct hp_dict *from; /* the writer's dictionary */
    struct hp__ids symbols, statements, routes, strings;
    struct hp_map string_rows; /* hash to row */
    struct hp_map shapes;      /* hash of a shape in the writer's ids to row */
    struct hp_map sources;     /* hash of file and text: stored already */
    uint64_t shape_generation;
    hp_err map_err; /* of the mapping callbacks */
    struct hp_errinfo *map_info;

    /* writing: the transaction */
    struct hp_arena arena;
    struct hp_buf bytes, shape_bytes;
    uint64_t next_row, block, block_first_ns, block_last_ns;
    bool block_open;
    hp_err tx_err;             /* sticky until commit or rollback */
    struct hp_process process; /* identity only */
    bool process_named;
    uint64_t process_row; /* 0: not known */
    struct hp__tallies tallies;
    uint64_t newest_minute;

    /* reading: rows to the handle's dictionary */
    struct hp_map read_symbols, read_statements, read_routes, read_strings;
    uint64_t shape_read; /* row whose shape `shape_bytes` holds in the dictionary's ids; 0: none. For one
                            question */
    char *source_text;
    size_t source_bytes;
    uint64_t source_id;
};

static inline struct hp_sqlite *hp__sqlite_of(struct hp_store *store)
{
    return (struct hp_sqlite *)(void *)store;
}

/* --- sqlite.c --- */

/* Turn the connection's last failure into an error and one line that names the file and what to do. */
hp_err hp__sqlite_fail(struct hp_sqlite *s, int rc, struct hp_errinfo *info);
/* The statement of a query, ready to be bound. */
HP_CHECK hp_err hp__sqlite_prepare(struct hp_sqlite *s, enum hp__sql sql, struct sqlite3_stmt **stmt,
                                   struct hp_errinfo *info);
/* Run a statement that returns nothing, and make it ready again. */
HP_CHECK hp_err hp__sqlite_run(struct hp_sqlite *s, struct sqlite3_stmt *stmt, struct hp_errinfo *info);
/* The next row; at the end, and after a failure, `*row` is false and the statement is ready again. */
HP_CHECK hp_err hp__sqlite_next(struct hp_sqlite *s, struct sqlite3_stmt *stmt, bool *row,
                                struct hp_errinfo *info);
HP_CHECK hp_err hp__sqlite_exec(struct hp_sqlite *s, const char *sql, struct hp_errinfo *info);
/* Values of a row: texts and blobs are borrowed until the statement moves on. */
struct hp_str hp__sqlite_text(struct sqlite3_stmt *stmt, int column);
struct hp_str hp__sqlite_blob(struct sqlite3_stmt *stmt, int column);
void hp__sqlite_bind_text(struct sqlite3_stmt *stmt, int at, struct hp_str text);
void hp__sqlite_bind_blob(struct sqlite3_stmt *stmt, int at, struct hp_str bytes);
/* One number of a query without parameters, or of table `counter`; 0 if there is no row. */
HP_CHECK hp_err hp__sqlite_number(struct hp_sqlite *s, const char *sql, uint64_t *value,
                                  struct hp_errinfo *info);
HP_CHECK hp_err hp__sqlite_counter(struct hp_sqlite *s, const char *name, uint64_t *value,
                                   struct hp_errinfo *info);
HP_CHECK hp_err hp__sqlite_counter_set(struct hp_sqlite *s, const char *name, uint64_t value,
                                       struct hp_errinfo *info);
HP_CHECK hp_err hp__sqlite_counter_add(struct hp_sqlite *s, const char *name, uint64_t more,
                                       struct hp_errinfo *info);
/* Undo a transaction, if one is open. */
void hp__sqlite_undo(struct hp_sqlite *s);

/* --- sqlite_open.c --- */
HP_CHECK hp_err hp__sqlite_folder(const char *path, struct hp_errinfo *info);
HP_CHECK hp_err hp__sqlite_setup(struct hp_sqlite *s, struct hp_errinfo *info);
HP_CHECK hp_err hp__sqlite_check_read(struct hp_sqlite *s, struct hp_errinfo *info);

/* --- sqlite_words.c --- */
void hp__sqlite_words_init(struct hp_sqlite *s);
void hp__sqlite_words_fini(struct hp_sqlite *s);
/* Forget what writing has learned of ids. */
void hp__sqlite_words_forget(struct hp_sqlite *s);
HP_CHECK hp_err hp__sqlite_string_row(struct hp_sqlite *s, struct hp_str text, uint32_t *row,
                                      struct hp_errinfo *info);
/* The row of a string if it is there, else 0; for readers. */
HP_CHECK hp_err hp__sqlite_find_string(struct hp_sqlite *s, struct hp_str text, uint64_t *row,
                                       struct hp_errinfo *info);
/* Replace the writer's ids by rows, or rows by ids of the handle's dictionary. Look at s->map_err
 * afterwards. */
extern const struct hp_id_maps hp__sqlite_to_rows, hp__sqlite_to_dict;
uint32_t hp__sqlite_row_of_symbol(void *s, uint32_t id);
uint32_t hp__sqlite_symbol_of_row(void *s, uint32_t row);
uint32_t hp__sqlite_statement_of_row(void *s, uint32_t row);
uint32_t hp__sqlite_route_of_row(void *s, uint32_t row);
uint32_t hp__sqlite_string_of_row(void *s, uint32_t row);
/* Row of a tree's shape given in the writer's ids. Hot: one hash once known. */
HP_CHECK hp_err hp__sqlite_shape_row(struct hp_sqlite *s, struct hp_str shape, uint32_t *row,
                                     struct hp_errinfo *info);
/* A stored shape in ids of the handle's dictionary, from `arena`. */
HP_CHECK hp_err hp__sqlite_shape(struct hp_sqlite *s, uint64_t row, struct hp_arena *arena,
                                 struct hp_str *shape, struct hp_errinfo *info);

/* --- sqlite_rollup.c --- */
/* Write tallies that changed; their big parts where a second has passed, the minute is over, or `all`. Within
 * a transaction. */
HP_CHECK hp_err hp__sqlite_flush(struct hp_sqlite *s, bool all, struct hp_errinfo *info);
/* Write the tally that rested longest and drop it: there is room for another. Within a transaction. */
HP_CHECK hp_err hp__sqlite_flush_oldest(struct hp_sqlite *s, struct hp_errinfo *info);
/* Whether big parts wait to be written. */
bool hp__sqlite_flush_due(const struct hp_sqlite *s);
/* Within a transaction: drop what relies on shapes that somebody has deleted since. */
HP_CHECK hp_err hp__sqlite_check_shapes(struct hp_sqlite *s, struct hp_errinfo *info);

/* --- sqlite_find.c --- */
/* Write which requests a full block holds. Within a transaction. */
HP_CHECK hp_err hp__sqlite_note_ids(struct hp_sqlite *s, uint64_t block, struct hp_errinfo *info);

/* --- operations, by file --- */
hp_err hp__sqlite_begin(struct hp_store *store, struct hp_errinfo *info);
hp_err hp__sqlite_put_process(struct hp_store *store, const struct hp_process *process,
                              struct hp_errinfo *info);
hp_err hp__sqlite_put(struct hp_store *store, struct hp_str encoded, const struct hp_dict *dict,
                      struct hp_errinfo *info);
hp_err hp__sqlite_commit(struct hp_store *store, struct hp_errinfo *info);
void hp__sqlite_rollback(struct hp_store *store);
hp_err hp__sqlite_put_lost(struct hp_store *store, const uint8_t boot_id[16], uint32_t pid, uint64_t start_ns,
                           uint64_t lost, struct hp_errinfo *info);
/* The only lane of a request that started none and waited for nothing follows from its columns and is not
 * stored. */
struct hp_lane hp__sqlite_implied_lane(const struct hp_request *req);
bool hp__sqlite_lane_implied(const struct hp_record *record);
/* The row of the writing process, made if need be. Within a transaction. */
HP_CHECK hp_err hp__sqlite_process_row(struct hp_sqlite *s, uint64_t *row, struct hp_errinfo *info);

hp_err hp__sqlite_tidy(struct hp_store *store, struct hp_errinfo *info);

hp_err hp__sqlite_put_sampled(struct hp_store *store, const struct hp_sampled_row *row,
                              const struct hp_dict *dict, struct hp_errinfo *info);
hp_err hp__sqlite_sampled(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_sampled_fn fn,
                          void *ctx, struct hp_errinfo *info);
hp_err hp__sqlite_put_gauge(struct hp_store *store, const struct hp_gauge *gauge, struct hp_errinfo *info);
hp_err hp__sqlite_gauges(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_gauge_fn fn, void *ctx,
                         struct hp_errinfo *info);
hp_err hp__sqlite_unseen(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, hp_unseen_fn fn, void *ctx,
                         struct hp_errinfo *info);
hp_err hp__sqlite_put_source(struct hp_store *store, struct hp_str file, struct hp_str text,
                             struct hp_errinfo *info);
hp_err hp__sqlite_source(struct hp_store *store, struct hp_str file,
                         bool (*wanted)(void *ctx, uint32_t process), void *ctx, struct hp_str *text,
                         struct hp_errinfo *info);
hp_err hp__sqlite_label_begin(struct hp_store *store, struct hp_str name, uint64_t from_ns,
                              struct hp_errinfo *info);
hp_err hp__sqlite_label_end(struct hp_store *store, struct hp_str name, uint64_t to_ns,
                            struct hp_errinfo *info);
hp_err hp__sqlite_label(struct hp_store *store, struct hp_str name, uint32_t nth, struct hp_label *label,
                        struct hp_errinfo *info);
hp_err hp__sqlite_labels(struct hp_store *store, uint32_t most, hp_label_fn fn, void *ctx,
                         struct hp_errinfo *info);
hp_err hp__sqlite_get_finding(struct hp_store *store, uint64_t id, struct hp_finding_state *out,
                              struct hp_errinfo *info);
hp_err hp__sqlite_findings(struct hp_store *store, hp_finding_fn fn, void *ctx, struct hp_errinfo *info);
hp_err hp__sqlite_set_finding(struct hp_store *store, const struct hp_finding_state *state,
                              struct hp_errinfo *info);
hp_err hp__sqlite_get_setting(struct hp_store *store, struct hp_str key, struct hp_str *value,
                              struct hp_errinfo *info);
hp_err hp__sqlite_get_plan(struct hp_store *store, uint64_t id, uint64_t *at_ns, struct hp_str *text,
                           struct hp_errinfo *info);
hp_err hp__sqlite_set_plan(struct hp_store *store, uint64_t id, uint64_t at_ns, struct hp_str text,
                           struct hp_errinfo *info);
hp_err hp__sqlite_set_setting(struct hp_store *store, struct hp_str key, struct hp_str value,
                              struct hp_errinfo *info);

hp_err hp__sqlite_read_begin(struct hp_store *store, struct hp_errinfo *info);
void hp__sqlite_read_end(struct hp_store *store);
hp_err hp__sqlite_stamp(struct hp_store *store, struct hp__stamp *out, struct hp_errinfo *info);
hp_err hp__sqlite_extent(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, struct hp__extent *out,
                         struct hp_errinfo *info);
hp_err hp__sqlite_scan(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, uint64_t after,
                       uint32_t mask, hp_narrow_fn fn, void *ctx, struct hp_errinfo *info);
hp_err hp__sqlite_alike(struct hp_store *store, uint64_t like, uint64_t first, uint64_t last, hp_narrow_fn fn,
                        void *ctx, struct hp_errinfo *info);
hp_err hp__sqlite_find(struct hp_store *store, uint64_t request_id, uint64_t *row, struct hp_errinfo *info);
hp_err hp__sqlite_request(struct hp_store *store, uint64_t row, struct hp_request_row *out,
                          struct hp_errinfo *info);
hp_err hp__sqlite_record(struct hp_store *store, uint64_t row, struct hp_arena *arena,
                         struct hp_record *record, struct hp_errinfo *info);
hp_err hp__sqlite_losses(struct hp_store *store, uint64_t from_ns, uint64_t to_ns, struct hp_str revision,
                         struct hp__losses *out, struct hp_errinfo *info);
hp_err hp__sqlite_rollups(struct hp_store *store, uint64_t from_minute, uint64_t to_minute, bool parts,
                          hp__rollup_fn fn, void *ctx, struct hp_errinfo *info);
hp_err hp__sqlite_rollup_trees(struct hp_store *store, uint64_t rollup, hp__rollup_tree_fn fn, void *ctx,
                               struct hp_errinfo *info);

#endif
