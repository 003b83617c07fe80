/* sqlite_open.c -- making the folder and the schema, and telling our file from others.
 *
 * Cold start by many processes at once: each finds an empty file, switches it to WAL and migrates within
 * BEGIN IMMEDIATE, where it looks at the version again; one does the work and the others find it done. SQLite
 * answers BUSY at once while another process switches the journal mode, hence the loop around it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/sqlite_int.h"

#define FOLDER_MAX 4096
#define RETRY_NS   3000000

/* File systems on which locks or shared memory do not hold between processes; overlay is fine within one
 * host. */
static const struct {
    uint32_t type;
    const char *name;
} network[] = {
    {0x6969, "NFS"},    {0x517B, "SMB"},     {0xFE534D42, "SMB"},  {0xFF534D42, "CIFS"}, {0x65735546, "FUSE"},
    {0x01021997, "9p"}, {0x5346414F, "AFS"}, {0x73757245, "Coda"}, {0x00C36400, "Ceph"},
};

static hp_err refuse_network(const char *path, const char *folder, struct hp_errinfo *info)
{
    struct statfs fs;
    if (statfs(folder, &fs) != 0) {
        return HP_OK; /* opening will say what is wrong */
    }
    for (size_t i = 0; i < sizeof network / sizeof *network; i++) {
        if ((uint32_t)fs.f_type == network[i].type) {
            return hp_err_set(
                info, HP_EUNSUPPORTED, 0,
                "%s is on a network file system (%s), where a store breaks: choose a local --store", path,
                network[i].name);
        }
    }
    return HP_OK;
}

static void write_gitignore(const char *folder)
{
    char name[FOLDER_MAX + 16];
    snprintf(name, sizeof name, "%s/.gitignore", folder);
    int fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0) {
        /* Without it the folder only shows up in git. */
        ssize_t wrote = write(fd, "*\n", 2);
        (void)wrote;
        close(fd);
    }
}

static hp_err folder_failed(const char *path, const char *folder, struct hp_errinfo *info)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return hp_err_set(info, HP_ENOTFOUND, 0, "cannot create %s: the folder above %s does not exist", path,
                          folder);
    case EROFS:
        return hp_err_set(info, HP_EREADONLY, 0,
                          "cannot create folder %s: read-only file system; choose another --store", folder);
    case ENOSPC:
    case EDQUOT:
        return hp_err_set(info, HP_ENOSPC, 0,
                          "no space left for folder %s: free some, or choose another --store", folder);
    default:
        return hp_err_set(info, HP_EPERM, 0, "cannot create folder %s: %s", folder, strerror(errno));
    }
}

hp_err hp__sqlite_folder(const char *path, struct hp_errinfo *info)
{
    char folder[FOLDER_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    if (n >= sizeof folder) {
        return hp_err_set(info, HP_EINVAL, 0, "the path of the store is too long");
    }
    memcpy(folder, slash == NULL ? "." : path, n);
    folder[n] = '\0';
    const char *name = strrchr(folder, '/');
    bool made = mkdir(folder, 0700) == 0;
    if (!made && errno != EEXIST) {
        return folder_failed(path, folder, info);
    }
    if (made || strcmp(name != NULL ? name + 1 : folder, ".hotplate") == 0) {
        write_gitignore(folder);
    }
    return refuse_network(path, folder, info);
}

/* ---- schema ---- */

struct identity {
    uint64_t application, version, objects;
};

static hp_err identify(struct hp_sqlite *s, struct identity *id, struct hp_errinfo *info)
{
    hp_err err = hp__sqlite_number(s, "PRAGMA application_id", &id->application, info);
    if (err == HP_OK) {
        err = hp__sqlite_number(s, "PRAGMA user_version", &id->version, info);
    }
    if (err == HP_OK) {
        err = hp__sqlite_number(s, "SELECT count(*) FROM sqlite_master", &id->objects, info);
    }
    if (err != HP_OK) {
        return err;
    }
    bool fresh = id->application == 0 && id->version == 0 && id->objects == 0;
    if (id->application != HP_SQLITE_APPLICATION_ID && !fresh) {
        return hp_err_set(info, HP_EFOREIGN, 0, "%s is a database of another program: choose another --store",
                          s->path);
    }
    if (id->version > HP_SCHEMA_VERSION) {
        return hp_err_set(info, HP_EVERSION, 0,
                          "%s was written by a newer Hotplate (schema %u, this one knows %u): upgrade, or "
                          "choose another --store",
                          s->path, (unsigned)id->version, (unsigned)HP_SCHEMA_VERSION);
    }
    return HP_OK;
}

static hp_err become_wal(struct hp_sqlite *s, struct hp_errinfo *info)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);
    rc = rc == SQLITE_OK ? sqlite3_step(stmt) : rc;
    bool wal = rc == SQLITE_ROW && hp_str_eq(hp__sqlite_text(stmt, 0), HP_STR("wal"));
    hp_err err = HP_OK;
    if (rc != SQLITE_ROW) {
        err = hp__sqlite_fail(s, rc, info);
    } else if (!wal) {
        err = hp_err_set(info, HP_EUNSUPPORTED, 0,
                         "%s cannot be shared between processes on this file system: choose another --store",
                         s->path);
    }
    sqlite3_finalize(stmt);
    return err;
}

static hp_err migrate(struct hp_sqlite *s, struct hp_errinfo *info)
{
    char sql[128];
    struct identity id;
    hp_err err = hp__sqlite_exec(s, "BEGIN IMMEDIATE", info);
    if (err == HP_OK) {
        err = identify(s, &id, info);
    }
    for (uint64_t version = err == HP_OK ? id.version : HP_SCHEMA_VERSION;
         err == HP_OK && version < HP_SCHEMA_VERSION; version++) {
        err = hp__sqlite_exec(s, hp__migration_text[version], info);
    }
    if (err == HP_OK) {
        snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
                 HP_SQLITE_APPLICATION_ID, HP_SCHEMA_VERSION);
        err = hp__sqlite_exec(s, sql, info);
    }
    hp__sqlite_undo(s);
    return err;
}

/* Within one snapshot, so that another process's migration is seen wholly or not at all. */
static hp_err identify_at_once(struct hp_sqlite *s, struct identity *id, struct hp_errinfo *info)
{
    hp_err err = hp__sqlite_exec(s, "BEGIN", info);
    if (err == HP_OK) {
        err = identify(s, id, info);
    }
    hp__sqlite_undo(s);
    return err;
}

static hp_err setup_once(struct hp_sqlite *s, struct hp_errinfo *info)
{
    struct identity id;
    hp_err err = identify_at_once(s, &id, info);
    if (err != HP_OK || id.version == HP_SCHEMA_VERSION) {
        return err;
    }
    if (id.version == 0) {
        err = hp__sqlite_exec(s, "PRAGMA auto_vacuum = INCREMENTAL", info);
        if (err == HP_OK) {
            err = become_wal(s, info);
        }
    }
    return err == HP_OK ? migrate(s, info) : err;
}

hp_err hp__sqlite_setup(struct hp_sqlite *s, struct hp_errinfo *info)
{
    uint64_t until_ns = hp_clock_mono_ns() + (uint64_t)s->busy_ms * 1000000u;
    for (;;) {
        hp_err err = setup_once(s, info);
        if (err != HP_EBUSY || hp_clock_mono_ns() >= until_ns) {
            return err;
        }
        struct timespec pause = {0, RETRY_NS + (long)(getpid() % 7) * 300000};
        nanosleep(&pause, NULL);
    }
}

hp_err hp__sqlite_check_read(struct hp_sqlite *s, struct hp_errinfo *info)
{
    struct identity id = {0};
    hp_err err = identify_at_once(s, &id, info);
    if (err == HP_OK && id.version == 0) {
        err = hp_err_set(info, HP_ENOTFOUND, 0,
                         "%s is empty: record something first (hotplate run -- COMMAND)", s->path);
    } else if (err == HP_OK && id.version < HP_SCHEMA_VERSION) {
        err = hp_err_set(info, HP_EVERSION, 0,
                         "%s is of an older schema: record once with this version to bring it up to date",
                         s->path);
    }
    return err;
}
