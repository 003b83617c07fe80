/* fake_store.h -- a store in memory shared with child processes, whose failures a test asks for.
 *
 * It keeps the ids of the requests, the encoded bytes of the last ones, and the last process row. What is put
 * shows only after commit.
 */
#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "capture/writer.h"

#define FAKE_IDS   400000u
#define FAKE_KEPT  4u
#define FAKE_BYTES (1u << 20)

struct fake_store {
    _Atomic uint32_t stored; /* ids[0 … stored) are committed */
    _Atomic uint64_t ids[FAKE_IDS];
    _Atomic uint32_t opens /* for writing */, looks /* for reading */, closes, commits, sources, tidies;
    _Atomic uint64_t lost, lost_calls;
    /* what fails */
    _Atomic int open_err, put_err, commit_err;
    _Atomic uint64_t refuse_id; /* put of this one: HP_EFORMAT */
    _Atomic uint32_t look_sleep_us, put_sleep_us,
        commit_sleep_us /* after the data is safe, before commit returns */;
    struct hp_process process;
    char kept[FAKE_KEPT][FAKE_BYTES];
    uint32_t kept_bytes[FAKE_KEPT], kept_count;
    char last_source[256];
    char levels[64]; /* the setting; empty: there is none */
};

static struct fake_store *fake;

/* This process's: handles that are open, and the batch. */
static _Atomic uint32_t fake_open_now;
static uint64_t fake_batch[4096];
static uint32_t fake_batch_count;
static struct hp_process fake_batch_process;

static void fake_nap(uint32_t us)
{
    if (us != 0) {
        struct timespec time = {us / 1000000, (long)(us % 1000000) * 1000};
        nanosleep(&time, NULL);
    }
}

static hp_err fake_open(const struct hp_store_config *config, struct hp_store **store,
                        struct hp_errinfo *info)
{
    if (fake->open_err != HP_OK) {
        return hp_err_set(info, (hp_err)fake->open_err, 0, "the fake store does not open");
    }
    if (config->mode == HP_STORE_READ) {
        fake_nap(fake->look_sleep_us);
        fake->looks++;
    } else {
        fake->opens++;
    }
    fake_open_now++;
    *store = (struct hp_store *)(void *)fake;
    return HP_OK;
}

static hp_err fake_close(struct hp_store *store)
{
    (void)store;
    fake->closes++;
    fake_open_now--;
    return HP_OK;
}

static hp_err fake_begin(struct hp_store *store, struct hp_errinfo *info)
{
    (void)store;
    (void)info;
    fake_batch_count = 0;
    return HP_OK;
}

static hp_err fake_put_process(struct hp_store *store, const struct hp_process *process,
                               struct hp_errinfo *info)
{
    (void)store;
    (void)info;
    fake_batch_process = *process;
    return HP_OK;
}

static hp_err fake_put(struct hp_store *store, struct hp_str encoded, const struct hp_dict *dict,
                       struct hp_errinfo *info)
{
    (void)store;
    (void)dict;
    fake_nap(fake->put_sleep_us);
    struct hp_arena arena;
    struct hp_record record;
    struct hp_reader in;
    hp_arena_init(&arena, (size_t)64 << 20);
    hp_reader_init(&in, encoded.p, encoded.n);
    hp_err err = hp_record_decode(&in, &arena, &record);
    uint64_t id = record.req.id;
    hp_arena_fini(&arena);
    if (err != HP_OK || id == fake->refuse_id) {
        return hp_err_set(info, HP_EFORMAT, 0, "the fake store refuses this record");
    }
    if (fake->put_err != HP_OK) {
        return hp_err_set(info, (hp_err)fake->put_err, 0, "the fake store takes nothing");
    }
    fake_batch[fake_batch_count++] = id;
    if (encoded.n <= FAKE_BYTES) {
        uint32_t slot = fake->kept_count++ % FAKE_KEPT;
        memcpy(fake->kept[slot], encoded.p, encoded.n);
        fake->kept_bytes[slot] = (uint32_t)encoded.n;
    }
    return HP_OK;
}

static hp_err fake_put_source(struct hp_store *store, struct hp_str file, struct hp_str text,
                              struct hp_errinfo *info)
{
    (void)store;
    (void)text;
    (void)info;
    snprintf(fake->last_source, sizeof fake->last_source, "%.*s", (int)file.n, file.p);
    fake->sources++;
    return HP_OK;
}

static hp_err fake_commit(struct hp_store *store, struct hp_errinfo *info)
{
    (void)store;
    if (fake->commit_err != HP_OK) {
        return hp_err_set(info, (hp_err)fake->commit_err, 0, "the fake store does not commit");
    }
    uint32_t at = atomic_fetch_add(&fake->stored, fake_batch_count);
    for (uint32_t i = 0; i < fake_batch_count && at + i < FAKE_IDS; i++) {
        fake->ids[at + i] = fake_batch[i];
    }
    fake->process = fake_batch_process;
    fake->commits++;
    fake_nap(fake->commit_sleep_us);
    return HP_OK;
}

static void fake_rollback(struct hp_store *store)
{
    (void)store;
    fake_batch_count = 0;
}

static hp_err fake_tidy(struct hp_store *store, struct hp_errinfo *info)
{
    (void)store;
    (void)info;
    fake->tidies++;
    return HP_OK;
}

static hp_err fake_put_lost(struct hp_store *store, const uint8_t boot_id[16], uint32_t pid,
                            uint64_t start_ns, uint64_t lost, struct hp_errinfo *info)
{
    (void)store;
    (void)boot_id;
    (void)pid;
    (void)start_ns;
    (void)info;
    fake->lost += lost;
    fake->lost_calls++;
    return HP_OK;
}

static bool fake_has(struct hp_store *store, uint64_t id)
{
    (void)store;
    uint32_t stored = fake->stored;
    for (uint32_t i = 0; i < stored && i < FAKE_IDS; i++) {
        if (fake->ids[i] == id) {
            return true;
        }
    }
    return false;
}

static hp_err fake_get_setting(struct hp_store *store, struct hp_str key, struct hp_str *value,
                               struct hp_errinfo *info)
{
    (void)store;
    (void)info;
    *value = hp_str_from0(fake->levels);
    return value->n != 0 && hp_str_eq(key, HP_STR("levels")) ? HP_OK : HP_ENOTFOUND;
}

static const struct hp_writer_ops fake_ops = {
    .open = fake_open,
    .close = fake_close,
    .begin = fake_begin,
    .put_process = fake_put_process,
    .put = fake_put,
    .put_source = fake_put_source,
    .commit = fake_commit,
    .rollback = fake_rollback,
    .tidy = fake_tidy,
    .put_lost = fake_put_lost,
    .has = fake_has,
    .get_setting = fake_get_setting,
};

/* An empty fake, shared with the children of forks. */
static inline void fake_reset(void)
{
    if (fake != NULL) {
        munmap(fake, sizeof *fake);
    }
    fake = mmap(NULL, sizeof *fake, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (fake == MAP_FAILED) {
        abort();
    }
}

/* A folder for one test and the path of a store in it. */
static char fake_folder[64], fake_path[96];

static inline void fake_make_folder(void)
{
    snprintf(fake_folder, sizeof fake_folder, "/tmp/hp-capture-XXXXXX");
    if (mkdtemp(fake_folder) == NULL) {
        abort();
    }
    snprintf(fake_path, sizeof fake_path, "%s/hotplate.db", fake_folder);
}

static inline int fake_count_files(const char *pattern)
{
    char command[256];
    int count = 0;
    snprintf(command, sizeof command, "ls %s/%s 2>/dev/null | wc -l", fake_folder, pattern);
    FILE *pipe = popen(command, "r");
    if (pipe == NULL || fscanf(pipe, "%d", &count) != 1) {
        abort();
    }
    pclose(pipe);
    return count;
}

static inline void fake_remove_folder(void)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", fake_folder);
    if (system(command) != 0) {
        abort();
    }
}

#endif
