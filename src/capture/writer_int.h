/* writer_int.h -- the writer's state, shared by writer.c (thread, exit, fork) and batch.c (what a batch
 * does). */
#ifndef HP_WRITER_INT_H
#define HP_WRITER_INT_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "capture/writer.h"

#define HP_MS            ((uint64_t)1000000)
#define HP_IDLE_NS       (1000 * HP_MS)
#define HP_TROUBLE_BYTES 256u
#define HP_WATCHED       2u /* settings */

enum thread_state { THREAD_NONE, THREAD_RUNS, THREAD_ENDED };

struct source {
    char *file, *path; /* owned */
};

struct hp_writer {
    /* set at the start, then only read */
    const struct hp_writer_ops *ops;
    const struct hp_dict *dict;
    char *store_path, *folder, *interpreter, *command, *revision; /* owned */
    uint64_t max_store_bytes, max_age_ns;
    bool (*should_fail)(void *ctx);
    void *fail_ctx;
    bool (*take_sampled)(void *ctx, struct hp_sampled_row *row);
    void *sampled_ctx;
    void (*take_setting)(void *ctx, struct hp_str key, struct hp_str text);
    void *setting_ctx;
    bool no_threads;

    /* the thread */
    pthread_t thread;
    sem_t wake;
    sem_t looked; /* posted once: hp__writer_look_first is over */
    _Atomic int thread_state;
    _Atomic bool asleep, hurry, stop, pause;
    _Atomic uint64_t stop_at_ns;

    /* under store_lock */
    pthread_mutex_t store_lock;
    struct hp_store *store;
    struct hp_ring *ring;
    _Atomic uint64_t *count;
    uint64_t next_try_ns, busy_since_ns, last_tidy_ns, last_adopt_ns, last_gauge_ns, last_step_ns,
        last_work_ns, last_settings_ns;
    uint64_t setting_hashes[HP_WATCHED]; /* of each setting's text when it was last handed on; 0: empty */
    char unseen[HP_UNSEEN_BYTES];        /* waits that cannot be seen, as last told */
    uint64_t put_sum;                    /* of the counters when the process row was last written */
    uint64_t told;                       /* requests that it names as sampled out or dropped */
    uint32_t failures;                   /* in a row */
    _Atomic bool hopeless;               /* the last attempt failed for a reason that lasts */
    bool registered;                     /* this store handle knows the process */
    bool stop_seen;
    _Atomic uint32_t sources_done; /* stored ones are [0, done) */
    size_t source_bytes;
    struct hp_sampled_row sampled; /* taken and not stored yet, if has_sampled */
    bool has_sampled;
    bool off;        /* forked while the store was in use */
    bool final_done; /* the final counters are in the store */
    uint64_t seed;   /* of the jitter */
    char host[65];
    uint8_t *text;         /* of one source; owned */
    struct hp_buf encoded; /* scratch: a record that was not; its memory is there from the start, so that no
                              fork finds it half moved */

    /* under list_lock, held for moments only */
    pthread_mutex_t list_lock;
    struct source *sources; /* owned; kept for life, since a child stores them again */
    uint32_t source_count, source_capacity;
    char trouble[HP_TROUBLE_BYTES];
    bool fork_locked, fork_listed; /* between prepare and parent or child */
};

/* hp_store_* as operations. */
extern const struct hp_writer_ops hp__writer_store_ops;

/* Write one batch if there is something to write and it is time. True: more waits, and writing works.
 * store_lock is held. */
bool hp__writer_work(struct hp_writer *writer, uint32_t records_max, uint64_t time_ns);

/* Hand on what was set at the dashboard, if there is a store: through a reading handle, as the first batch,
 * which makes one, comes after the first request. store_lock is held. */
void hp__writer_look_first(struct hp_writer *writer);

/* Close the store if it is open. store_lock is held. */
void hp__writer_close_store(struct hp_writer *writer);

/* Whether sources wait. Takes list_lock. */
bool hp__writer_has_sources(struct hp_writer *writer);

/* Whether the ring holds anything, be it still being copied in. */
static inline bool hp__writer_is_waiting(const struct hp_writer *writer)
{
    return hp_ring_head(writer->ring) != hp_ring_tail(writer->ring);
}

#endif
