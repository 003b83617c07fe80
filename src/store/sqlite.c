/* sqlite.c -- the SQLite back end: open and close a handle, run statements, name failures. Layout:
 * docs/formats/store.md.
 *
 * The connection is this handle's alone: no shared cache, no mutex, no global state, so that a process may
 * close it before a fork and open another afterwards. In the user's process the page cache stays at 1 MB and
 * nothing is mapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/sqlite_int.h"

#define BUF_MAX         HP_STORE_RECORD_BYTES
#define URI_MAX         4096
#define WAL_PAGES       1000u
#define WAL_LEAST       64u
#define PAGE_BYTES      4096u
#define STEPS_UNWATCHED 4000 /* between two looks at the deadline: well under a millisecond */

/* ---- failures ---- */

static hp_err io_failed(struct hp_sqlite *s, struct hp_errinfo *info)
{
    int system = s->db != NULL ? sqlite3_system_errno(s->db) : errno;
    if (system == ENOSPC || system == EDQUOT || system == EFBIG) {
        return hp_err_set(info, HP_ENOSPC, 0,
                          "no space left for %s: free some, or choose another place with --store", s->path);
    }
    return hp_err_set(info, HP_EIO, 0, "cannot read or write %s: %s", s->path,
                      system != 0 ? strerror(system) : "input/output error");
}

hp_err hp__sqlite_fail(struct hp_sqlite *s, int rc, struct hp_errinfo *info)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return hp_err_set(info, HP_EBUSY, 0,
                          "%s is locked by another process: try again, or see who holds it (fuser %s)",
                          s->path, s->path);
    case SQLITE_FULL:
        return hp_err_set(info, HP_ENOSPC, 0,
                          "no space left for %s: free some, or choose another place with --store", s->path);
    case SQLITE_READONLY:
        return hp_err_set(info, HP_EREADONLY, 0,
                          "%s is read-only: make it and its folder writable, or choose another --store",
                          s->path);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return hp_err_set(info, HP_EPERM, 0, "cannot open %s: check who may read and write it and its folder",
                          s->path);
    case SQLITE_CORRUPT:
        return hp_err_set(info, HP_ECORRUPT, 0,
                          "%s is damaged: move it away, a new one is made (sqlite3 FILE .recover saves rows)",
                          s->path);
    case SQLITE_NOTADB:
        return hp_err_set(info, HP_EFOREIGN, 0, "%s is not a Hotplate store: choose another --store",
                          s->path);
    case SQLITE_INTERRUPT:
        return hp_err_set(info, HP_ETIMEOUT, 0, "the question took too long: ask for a shorter time");
    case SQLITE_NOMEM:
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory while using %s", s->path);
    case SQLITE_IOERR:
        return io_failed(s, info);
    default:
        return hp_err_set(info, HP_EIO, 0, "%s: %s", s->path,
                          s->db != NULL ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
    }
}

/* ---- statements ---- */

hp_err hp__sqlite_prepare(struct hp_sqlite *s, enum hp__sql sql, struct sqlite3_stmt **stmt,
                          struct hp_errinfo *info)
{
    if (s->stmts[sql] == NULL) {
        int rc =
            sqlite3_prepare_v3(s->db, hp__sql_text[sql], -1, SQLITE_PREPARE_PERSISTENT, &s->stmts[sql], NULL);
        if (rc != SQLITE_OK) {
            return hp__sqlite_fail(s, rc, info);
        }
    }
    *stmt = s->stmts[sql];
    return HP_OK;
}

hp_err hp__sqlite_run(struct hp_sqlite *s, struct sqlite3_stmt *stmt, struct hp_errinfo *info)
{
    int rc = sqlite3_step(stmt);
    hp_err err = rc == SQLITE_DONE || rc == SQLITE_ROW ? HP_OK : hp__sqlite_fail(s, rc, info);
    sqlite3_reset(stmt);
    return err;
}

hp_err hp__sqlite_next(struct hp_sqlite *s, struct sqlite3_stmt *stmt, bool *row, struct hp_errinfo *info)
{
    int rc = sqlite3_step(stmt);
    *row = rc == SQLITE_ROW;
    if (*row) {
        return HP_OK;
    }
    hp_err err = rc == SQLITE_DONE ? HP_OK : hp__sqlite_fail(s, rc, info);
    sqlite3_reset(stmt);
    return err;
}

hp_err hp__sqlite_exec(struct hp_sqlite *s, const char *sql, struct hp_errinfo *info)
{
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? HP_OK : hp__sqlite_fail(s, rc, info);
}

struct hp_str hp__sqlite_text(struct sqlite3_stmt *stmt, int column)
{
    const char *p = (const char *)sqlite3_column_text(stmt, column);
    return hp_str_make(p, p != NULL ? (size_t)sqlite3_column_bytes(stmt, column) : 0);
}

struct hp_str hp__sqlite_blob(struct sqlite3_stmt *stmt, int column)
{
    const char *p = sqlite3_column_blob(stmt, column);
    return hp_str_make(p, p != NULL ? (size_t)sqlite3_column_bytes(stmt, column) : 0);
}

/* Binding fails only without memory or beyond a gigabyte; the parameter is then NULL and NOT NULL refuses the
 * row. */
void hp__sqlite_bind_text(struct sqlite3_stmt *stmt, int at, struct hp_str text)
{
    (void)sqlite3_bind_text64(stmt, at, text.p != NULL ? text.p : "", text.n, SQLITE_STATIC, SQLITE_UTF8);
}

void hp__sqlite_bind_blob(struct sqlite3_stmt *stmt, int at, struct hp_str bytes)
{
    (void)sqlite3_bind_blob64(stmt, at, bytes.p != NULL ? bytes.p : "", bytes.n, SQLITE_STATIC);
}

hp_err hp__sqlite_number(struct hp_sqlite *s, const char *sql, uint64_t *value, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    if (rc == SQLITE_ROW) {
        *value = (uint64_t)sqlite3_column_int64(stmt, 0);
    } else if (rc == SQLITE_DONE) {
        *value = 0;
    }
    hp_err err = rc == SQLITE_ROW || rc == SQLITE_DONE ? HP_OK : hp__sqlite_fail(s, rc, info);
    sqlite3_finalize(stmt);
    return err;
}

hp_err hp__sqlite_counter(struct hp_sqlite *s, const char *name, uint64_t *value, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    hp_err err = hp__sqlite_prepare(s, HP_SQL_GET_COUNTER, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    hp__sqlite_bind_text(stmt, 1, hp_str_from0(name));
    err = hp__sqlite_next(s, stmt, &row, info);
    *value = row ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return err;
}

static hp_err write_counter(struct hp_sqlite *s, enum hp__sql sql, const char *name, uint64_t value,
                            struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    hp_err err = hp__sqlite_prepare(s, sql, &stmt, info);
    if (err != HP_OK) {
        return err;
    }
    hp__sqlite_bind_text(stmt, 1, hp_str_from0(name));
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)value);
    return hp__sqlite_run(s, stmt, info);
}

hp_err hp__sqlite_counter_set(struct hp_sqlite *s, const char *name, uint64_t value, struct hp_errinfo *info)
{
    return write_counter(s, HP_SQL_SET_COUNTER, name, value, info);
}

hp_err hp__sqlite_counter_add(struct hp_sqlite *s, const char *name, uint64_t more, struct hp_errinfo *info)
{
    return write_counter(s, HP_SQL_ADD_COUNTER, name, more, info);
}

void hp__sqlite_undo(struct hp_sqlite *s)
{
    /* A full disk may have rolled back already. */
    if (!sqlite3_get_autocommit(s->db)) {
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

void hp__sqlite_limit_pages(struct hp_store *store, uint32_t pages)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %u", pages != 0 ? pages : 4294967294u);
    (void)sqlite3_exec(hp__sqlite_of(store)->db, sql, NULL, NULL, NULL);
}

uint64_t hp__sqlite_step_count(const struct hp_store *store)
{
    const struct hp_sqlite *s = (const struct hp_sqlite *)(const void *)store;
    uint64_t count = 0;
    for (int i = 0; i < HP_SQL_COUNT; i++) {
        if (s->stmts[i] != NULL) {
            count += (uint64_t)sqlite3_stmt_status(s->stmts[i], SQLITE_STMTSTATUS_VM_STEP, 0);
        }
    }
    return count;
}

/* ---- deadline ---- */

static int is_late(void *ctx)
{
    const struct hp_sqlite *s = ctx;
    return hp_clock_mono_ns() >= s->deadline_ns;
}

static void set_deadline(struct hp_store *store, uint64_t mono_ns)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    s->deadline_ns = mono_ns;
    sqlite3_progress_handler(s->db, STEPS_UNWATCHED, mono_ns != 0 ? is_late : NULL, s);
}

/* ---- close ---- */

static void free_handle(struct hp_sqlite *s)
{
    for (int i = 0; i < HP_SQL_COUNT; i++) {
        sqlite3_finalize(s->stmts[i]);
    }
    sqlite3_close(s->db);
    hp__sqlite_words_fini(s);
    hp__tallies_fini(&s->tallies);
    hp_arena_fini(&s->arena);
    hp_buf_fini(&s->bytes);
    hp_buf_fini(&s->shape_bytes);
    hp_free(s->source_text);
    hp_free(s->path);
    hp_free(s);
}

static hp_err close_handle(struct hp_store *store)
{
    struct hp_sqlite *s = hp__sqlite_of(store);
    hp_err err = HP_OK;
    if (s->tallies.count != 0) {
        err = hp__sqlite_exec(s, "BEGIN IMMEDIATE", NULL);
        if (err == HP_OK) {
            err = hp__sqlite_check_shapes(s, NULL);
        }
        if (err == HP_OK) {
            err = hp__sqlite_flush(s, true, NULL);
        }
        if (err == HP_OK) {
            err = hp__sqlite_exec(s, "COMMIT", NULL);
        }
        hp__sqlite_undo(s);
    }
    free_handle(s);
    return err;
}

/* ---- open ---- */

static const struct hp_store_ops ops = {
    .close = close_handle,
    .begin = hp__sqlite_begin,
    .put_process = hp__sqlite_put_process,
    .put = hp__sqlite_put,
    .put_source = hp__sqlite_put_source,
    .put_gauge = hp__sqlite_put_gauge,
    .put_sampled = hp__sqlite_put_sampled,
    .sampled = hp__sqlite_sampled,
    .gauges = hp__sqlite_gauges,
    .unseen = hp__sqlite_unseen,
    .commit = hp__sqlite_commit,
    .rollback = hp__sqlite_rollback,
    .tidy = hp__sqlite_tidy,
    .put_lost = hp__sqlite_put_lost,
    .label_begin = hp__sqlite_label_begin,
    .label_end = hp__sqlite_label_end,
    .label = hp__sqlite_label,
    .labels = hp__sqlite_labels,
    .deadline = set_deadline,
    .get_finding = hp__sqlite_get_finding,
    .findings = hp__sqlite_findings,
    .set_finding = hp__sqlite_set_finding,
    .get_setting = hp__sqlite_get_setting,
    .set_setting = hp__sqlite_set_setting,
    .get_plan = hp__sqlite_get_plan,
    .set_plan = hp__sqlite_set_plan,
    .read_begin = hp__sqlite_read_begin,
    .read_end = hp__sqlite_read_end,
    .stamp = hp__sqlite_stamp,
    .extent = hp__sqlite_extent,
    .scan = hp__sqlite_scan,
    .alike = hp__sqlite_alike,
    .find = hp__sqlite_find,
    .request = hp__sqlite_request,
    .record = hp__sqlite_record,
    .losses = hp__sqlite_losses,
    .rollups = hp__sqlite_rollups,
    .rollup_trees = hp__sqlite_rollup_trees,
    .source = hp__sqlite_source,
};

static hp_err connect(struct hp_sqlite *s, const char *name, int flags, struct hp_errinfo *info)
{
    int rc = sqlite3_open_v2(name, &s->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
    if (rc != SQLITE_OK) {
        hp_err err = hp__sqlite_fail(s, rc, info);
        sqlite3_close(s->db);
        s->db = NULL;
        return err;
    }
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, (int)s->busy_ms);
    return HP_OK;
}

static hp_err tune(struct hp_sqlite *s, enum hp_store_mode mode, struct hp_errinfo *info)
{
    char sql[256];
    /* The journal counts towards the cap, so a small store gets a small one. */
    uint64_t wal_pages = s->base.caps.max_bytes / PAGE_BYTES / 16;
    wal_pages = wal_pages > WAL_PAGES ? WAL_PAGES : wal_pages < WAL_LEAST ? WAL_LEAST : wal_pages;
    s->journal_bytes = wal_pages * PAGE_BYTES * 2;
    snprintf(sql, sizeof sql,
             "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -%d; PRAGMA mmap_size = 0; PRAGMA temp_store "
             "= MEMORY;"
             "PRAGMA wal_autocheckpoint = %u; PRAGMA journal_size_limit = %u",
             mode == HP_STORE_WRITE ? 1024 : 4096, (unsigned)wal_pages, (unsigned)s->journal_bytes);
    hp_err err = hp__sqlite_exec(s, sql, info);
    uint64_t page_bytes = PAGE_BYTES;
    if (err == HP_OK) {
        err = hp__sqlite_number(s, "PRAGMA page_size", &page_bytes, info);
    }
    s->page_bytes = (uint32_t)page_bytes;
    return err;
}

static hp_err open_write(struct hp_sqlite *s, struct hp_errinfo *info)
{
    hp_err err = hp__sqlite_folder(s->path, info);
    if (err != HP_OK) {
        return err;
    }
    /* Only a file that this call makes is closed again here: closing any other would drop SQLite's locks in
     * this process. */
    int fd = open(s->path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    } else if (errno == ENOSPC || errno == EDQUOT) {
        return hp_err_set(info, HP_ENOSPC, 0,
                          "no space left for %s: free some, or choose another place with --store", s->path);
    } else if (errno == EROFS) {
        return hp_err_set(info, HP_EREADONLY, 0, "%s is on a read-only file system: choose another --store",
                          s->path);
    } else if (errno != EEXIST) {
        return hp_err_set(info, errno == ENOENT ? HP_ENOTFOUND : HP_EPERM, 0, "cannot create %s: %s", s->path,
                          strerror(errno));
    }
    err = connect(s, s->path, SQLITE_OPEN_READWRITE, info);
    if (err == HP_OK && sqlite3_db_readonly(s->db, "main") == 1) {
        err = hp__sqlite_fail(s, SQLITE_READONLY, info);
    }
    if (err == HP_OK) {
        err = hp__sqlite_setup(s, info);
    }
    return err == HP_OK ? tune(s, HP_STORE_WRITE, info) : err;
}

/* "file:" and the path with what a URI gives a meaning escaped. */
static bool uri_of(const char *path, char uri[URI_MAX])
{
    size_t n = (size_t)snprintf(uri, URI_MAX, "file:");
    for (const char *p = path; *p != '\0'; p++) {
        if (n + 32 > URI_MAX) {
            return false;
        }
        bool plain = *p != '%' && *p != '?' && *p != '#' && (unsigned char)*p > ' ';
        n += (size_t)snprintf(uri + n, 4, plain ? "%c" : "%%%02X", (unsigned char)*p);
    }
    snprintf(uri + n, URI_MAX - n, "?immutable=1");
    return true;
}

/* Without write permission in the folder SQLite cannot make the journal's index. If there is no journal,
 * nobody has written since the last checkpoint and the file may be read as it stands. */
static hp_err open_immutable(struct hp_sqlite *s, struct hp_errinfo *info)
{
    char name[URI_MAX];
    struct stat wal;
    int n = snprintf(name, sizeof name, "%s-wal", s->path);
    if (n < 0 || (size_t)n >= sizeof name || (stat(name, &wal) == 0 && wal.st_size != 0) ||
        !uri_of(s->path, name)) {
        return hp_err_set(info, HP_EPERM, 0,
                          "%s has unfinished changes (-wal) and its folder is not writable: run as its owner",
                          s->path);
    }
    sqlite3_close(s->db);
    s->db = NULL;
    s->immutable = true;
    hp_err err = connect(s, name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, info);
    return err == HP_OK ? hp__sqlite_check_read(s, info) : err;
}

static hp_err open_read(struct hp_sqlite *s, struct hp_errinfo *info)
{
    struct stat file;
    if (stat(s->path, &file) != 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? hp_err_set(info, HP_ENOTFOUND, 0,
                                "no store at %s: record something first (hotplate run -- COMMAND)", s->path)
                   : hp_err_set(info, HP_EPERM, 0, "cannot open %s: %s", s->path, strerror(errno));
    }
    if (!S_ISREG(file.st_mode)) {
        return hp_err_set(info, HP_EFOREIGN, 0, "%s is not a file: choose another --store", s->path);
    }
    if (access(s->path, R_OK) != 0) {
        return hp_err_set(info, HP_EPERM, 0, "cannot read %s: %s", s->path, strerror(errno));
    }
    hp_err err = connect(s, s->path, SQLITE_OPEN_READONLY, info);
    if (err == HP_OK) {
        err = hp__sqlite_check_read(s, info);
        if (err == HP_EPERM || err == HP_EREADONLY) {
            err = open_immutable(s, info);
        }
    }
    return err == HP_OK ? tune(s, HP_STORE_READ, info) : err;
}

hp_err hp__sqlite_open(const struct hp_store_config *config, struct hp_store **store, struct hp_errinfo *info)
{
    struct hp_sqlite *s = hp_calloc(1, sizeof *s);
    if (s == NULL) {
        return HP_ENOMEM;
    }
    s->base.ops = &ops;
    s->base.caps = (struct hp_caps){config->max_bytes, config->max_age_ns};
    s->busy_ms = config->busy_ms;
    hp__sqlite_words_init(s);
    hp__tallies_init(&s->tallies);
    hp_arena_init(&s->arena, HP_STORE_RECORD_BYTES);
    hp_buf_init(&s->bytes, BUF_MAX);
    hp_buf_init(&s->shape_bytes, BUF_MAX);
    s->path = hp_str0_dup(config->path, strlen(config->path));
    hp_err err = s->path == NULL
                     ? HP_ENOMEM
                     : (config->mode == HP_STORE_WRITE ? open_write(s, info) : open_read(s, info));
    if (err != HP_OK) {
        free_handle(s);
        return err;
    }
    *store = &s->base;
    return HP_OK;
}
