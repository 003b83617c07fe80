/* writer.h -- from the ring to the store: a native thread without the GIL that batches, retries and accounts.
 *
 *     application threads ──push──▶ ring ──▶ begin, put…, put_process, commit ──▶ consume
 *                                                (any failure: roll back, the ring is the buffer, try again later)
 *
 * It wakes every 100 ms while there is work, else when a push finds it asleep. A batch is at most 1,000
 * records or 20 ms. `store_lock` is held for every use of the store and is what fork takes: with it held the
 * store is closed, both sides reopen it when they next need it (SQLite's connections do not survive a fork).
 * Whoever waits for it gives up in time.
 *
 * Where no thread can be started, hp_writer_after_push and hp_writer_stop write from the application's
 * thread: at most 64 records and about 2 ms at a time. Records are dropped only when the ring is full (by the
 * producer) or when a store refuses one record for good (dropped_store).
 *
 * Whenever one of the application's threads waits for the store, its lock or the list's (the first look at
 * settings, such a step, a flush that is not the last, a fork while the store is open), it counts in
 * HP_RING_WAITS and _WAIT_NS. The process's end does not.
 */
#ifndef HP_WRITER_H
#define HP_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "capture/ring.h"
#include "hotplate/err.h"
#include "model/dict.h"
#include "store/store.h"

struct hp_writer; /* opaque */

/* What the writer needs of a store; as the functions of store.h. `has`: whether a request of that id is
 * stored. */
struct hp_writer_ops {
    hp_err (*open)(const struct hp_store_config *config, struct hp_store **store, struct hp_errinfo *info);
    hp_err (*close)(struct hp_store *store);
    hp_err (*begin)(struct hp_store *store, struct hp_errinfo *info);
    hp_err (*put_process)(struct hp_store *store, const struct hp_process *process, struct hp_errinfo *info);
    hp_err (*put)(struct hp_store *store, struct hp_str encoded, const struct hp_dict *dict,
                  struct hp_errinfo *info);
    hp_err (*put_source)(struct hp_store *store, struct hp_str file, struct hp_str text,
                         struct hp_errinfo *info);
    hp_err (*put_gauge)(struct hp_store *store, const struct hp_gauge *gauge,
                        struct hp_errinfo *info); /* NULL: none are written */
    hp_err (*put_sampled)(struct hp_store *store, const struct hp_sampled_row *row,
                          const struct hp_dict *dict, struct hp_errinfo *info); /* NULL: none are written */
    hp_err (*commit)(struct hp_store *store, struct hp_errinfo *info);
    void (*rollback)(struct hp_store *store);
    hp_err (*tidy)(struct hp_store *store, struct hp_errinfo *info);
    hp_err (*put_lost)(struct hp_store *store, const uint8_t boot_id[16], uint32_t pid, uint64_t start_ns,
                       uint64_t lost, struct hp_errinfo *info);
    bool (*has)(struct hp_store *store, uint64_t request_id);
    hp_err (*get_setting)(struct hp_store *store, struct hp_str key, struct hp_str *value,
                          struct hp_errinfo *info); /* NULL: there are none */
};

struct hp_writer_config { /* text is copied */
    const char *store_path;
    uint64_t max_store_bytes, max_age_ns;
    bool no_threads;
    const char *interpreter, *command, *revision; /* may be NULL */
    const struct hp_dict *dict;                   /* borrowed for life: whose ids the records hold */
    const struct hp_writer_ops *ops;              /* NULL: store.h; borrowed */
    /* What the sampler saw since the last call, asked about once a minute and at the end; texts stay until
     * the next call. NULL: there is none. */
    bool (*take_sampled)(void *ctx, struct hp_sampled_row *row);
    void *sampled_ctx;
    /* The text of the setting HP_LEVELS_KEY or HP_REDACT_KEY, when it has changed: looked at once a second
     * while the store is open. NULL: nobody obeys them. */
    void (*take_setting)(void *ctx, struct hp_str key, struct hp_str text);
    void *setting_ctx;
    bool (*should_fail)(void *ctx); /* fault injection: asked before each batch; may be NULL */
    void *fail_ctx;
};

/* Make a writer; nothing is started, opened or locked. Owns: the caller, hp_writer_free. Fails: NULL. */
struct hp_writer *hp_writer_new(const struct hp_writer_config *config) HP_CHECK;
/* Stopped or never started ones only; NULL does nothing. */
void hp_writer_free(struct hp_writer *writer);

/* The ring to drain; borrowed. Before a process's first request: starts the thread and has the settings of a
 * store that is there handed on (none is made), for which it waits 5 ms at most; where no thread can be, it
 * looks itself. Threads: any that holds the GIL. */
void hp_writer_attach(struct hp_writer *writer, struct hp_ring *ring);

/* After each push: wakes the thread if need be, and writes itself where there is none. Threads: any that
 * holds the GIL. Hot: yes. */
void hp_writer_after_push(struct hp_writer *writer);

/* Wait until all that is in the ring now is stored or counted. False: time ran out, or it is the `last` flush
 * and the store fails for a reason that lasts. Threads: any. */
bool hp_writer_flush(struct hp_writer *writer, uint32_t timeout_ms, bool last);

/* Flush, store the final counters, close the store, end the thread; at most about timeout_ms. True: all is
 * accounted for in the store, the ring's file may go. False: not so; if then hp_writer_running, the thread
 * still hangs in the store and nothing it uses may be freed. */
bool hp_writer_stop(struct hp_writer *writer, uint32_t timeout_ms);
bool hp_writer_running(const struct hp_writer *writer);

/* Queue a source file, to be read and stored by the writer: 1 MiB a file, 64 MiB and 8,192 files in all; more
 * is ignored. Threads: any. */
void hp_writer_source(struct hp_writer *writer, struct hp_str file, struct hp_str path);

/* Copy the line about the store's trouble, empty if none. Threads: any. */
void hp_writer_trouble(struct hp_writer *writer, char *out, size_t n);

/* Around fork, in the forking thread: prepare waits at most 50 ms for the store and closes it; the child has
 * no thread, no ring (attach a new one) and, if the store could not be closed, never opens one (what it
 * pushes is counted as dropped). */
void hp_writer_fork_prepare(struct hp_writer *writer);
void hp_writer_fork_parent(struct hp_writer *writer);
void hp_writer_fork_child(struct hp_writer *writer);

/* Account for the processes of `folder` that are gone: their losses go to the store, their files away. Also
 * for the CLI, with a store opened for writing. ops NULL: store.h. */
HP_CHECK hp_err hp_writer_adopt(const char *folder, struct hp_store *store, const struct hp_writer_ops *ops,
                                uint32_t *adopted);

#endif
