/* writer.c -- see writer.h.
 *
 * What happens on failure, by what failed:
 *
 *     busy (another process commits)     try again in 5–25 ms; a line of trouble after 2 s
 *     one record (format, cap)           that record is counted in dropped_store and skipped, the batch is done again
 *     anything else                      close, a line of trouble, try again after 250 ms, 1 s, 5 s, 5 s …
 *
 * The page says what is being committed (hp_ring_committing) before it is, so that a process killed inside the commit is accounted for exactly: its
 * successor asks the store whether the last request of the batch arrived.
 */
#include "capture/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"

#define MS                ((uint64_t)1000000)
#define BATCH_RECORDS     1000u
#define BATCH_NS          (20 * MS)
#define STEP_RECORDS      64u /* without a thread */
#define STEP_NS           (2 * MS)
#define STEP_EVERY_NS     (200 * MS)
#define ROUND_NS          (100 * MS)
#define IDLE_NS           (1000 * MS)
#define TIDY_NS           (1000 * MS)
#define ADOPT_NS          (30000 * MS)
#define BUSY_TROUBLE_NS   (2000 * MS)
#define STORE_BUSY_MS     40u
#define STEP_BUSY_MS      2u
#define FORK_WAIT_NS      (50 * MS)
#define NAP_NS            (200000u)
#define SOURCES_MAX       8192u
#define SOURCE_MAX_BYTES  ((size_t)1 << 20)
#define SOURCES_MAX_BYTES ((size_t)64 << 20)
#define SOURCES_A_BATCH   8u
#define TROUBLE_BYTES     256u
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define STACK_BYTES ((size_t)2 << 20)
#else
#define STACK_BYTES ((size_t)256 << 10)
#endif

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
    bool no_threads;

    /* the thread */
    pthread_t thread;
    sem_t wake;
    _Atomic int thread_state;
    _Atomic bool asleep, hurry, stop, pause;
    _Atomic uint64_t stop_at_ns;
    bool tried_thread; /* under the GIL */

    /* under store_lock */
    pthread_mutex_t store_lock;
    struct hp_store *store;
    struct hp_ring *ring;
    _Atomic uint64_t *count;
    uint64_t next_try_ns, busy_since_ns, last_tidy_ns, last_adopt_ns, last_step_ns, last_work_ns;
    uint64_t put_sum;  /* of the counters when the process row was last written */
    uint32_t failures; /* in a row */
    bool registered;   /* this store handle knows the process */
    bool stop_seen;
    _Atomic uint32_t sources_done; /* stored ones are [0, done) */
    size_t source_bytes;
    bool off;        /* forked while the store was in use */
    bool final_done; /* the final counters are in the store */
    uint64_t seed;   /* of the jitter */
    char host[65];
    uint8_t *text; /* of one source; owned */

    /* under list_lock, held for moments only */
    pthread_mutex_t list_lock;
    struct source *sources; /* owned; kept for life, since a child stores them again */
    uint32_t source_count, source_capacity;
    char trouble[TROUBLE_BYTES];
    bool fork_locked, fork_listed; /* between prepare and parent or child */
};

/* --- the store's own functions --- */

static bool store_has(struct hp_store *store, uint64_t request_id)
{
    struct hp_arena arena;
    struct hp_record record;
    struct hp_errinfo info;
    hp_arena_init(&arena, (size_t)64 << 20);
    hp_err err = hp_store_request(store, request_id, &arena, &record, &info);
    hp_arena_fini(&arena);
    return err == HP_OK;
}

static const struct hp_writer_ops store_ops = {
    .open = hp_store_open,
    .close = hp_store_close,
    .begin = hp_store_begin,
    .put_process = hp_store_put_process,
    .put = hp_store_put,
    .put_source = hp_store_put_source,
    .commit = hp_store_commit,
    .rollback = hp_store_rollback,
    .tidy = hp_store_tidy,
    .put_lost = hp_store_put_lost,
    .has = store_has,
};

/* --- life --- */

static char *dup0(const char *text)
{
    return hp_str0_dup(text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return hp_str0_dup(".", 1);
    }
    return hp_str0_dup(path, slash > path ? (size_t)(slash - path) : 1);
}

struct hp_writer *hp_writer_new(const struct hp_writer_config *config)
{
    struct hp_writer *writer = hp_calloc(1, sizeof *writer);
    if (writer == NULL) {
        return NULL;
    }
    writer->ops = config->ops != NULL ? config->ops : &store_ops;
    writer->dict = config->dict;
    writer->max_store_bytes = config->max_store_bytes;
    writer->max_age_ns = config->max_age_ns;
    writer->no_threads = config->no_threads;
    writer->should_fail = config->should_fail;
    writer->fail_ctx = config->fail_ctx;
    writer->store_path = dup0(config->store_path);
    writer->folder = folder_of(config->store_path);
    writer->interpreter = dup0(config->interpreter);
    writer->command = dup0(config->command);
    writer->revision = dup0(config->revision);
    writer->seed = hp_clock_mono_ns() ^ (uint64_t)getpid() << 32;
    gethostname(writer->host, sizeof writer->host - 1);
    sem_init(&writer->wake, 0, 0);
    pthread_mutex_init(&writer->store_lock, NULL);
    pthread_mutex_init(&writer->list_lock, NULL);
    if (writer->store_path == NULL || writer->folder == NULL || writer->interpreter == NULL ||
        writer->command == NULL || writer->revision == NULL) {
        hp_writer_free(writer);
        return NULL;
    }
    return writer;
}

void hp_writer_free(struct hp_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    hp_assert(!hp_writer_running(writer));
    for (uint32_t i = 0; i < writer->source_count; i++) {
        hp_free(writer->sources[i].file);
        hp_free(writer->sources[i].path);
    }
    hp_free(writer->sources);
    hp_free(writer->text);
    hp_free(writer->store_path);
    hp_free(writer->folder);
    hp_free(writer->interpreter);
    hp_free(writer->command);
    hp_free(writer->revision);
    pthread_mutex_destroy(&writer->store_lock);
    pthread_mutex_destroy(&writer->list_lock);
    sem_destroy(&writer->wake);
    hp_free(writer);
}

void hp_writer_attach(struct hp_writer *writer, struct hp_ring *ring)
{
    writer->ring = ring;
    writer->count = hp_ring_counters(ring);
}

bool hp_writer_running(const struct hp_writer *writer)
{
    return atomic_load(&writer->thread_state) == THREAD_RUNS;
}

/* --- trouble --- */

static void set_trouble(struct hp_writer *writer, const char *text)
{
    pthread_mutex_lock(&writer->list_lock);
    snprintf(writer->trouble, sizeof writer->trouble, "%s", text);
    pthread_mutex_unlock(&writer->list_lock);
}

void hp_writer_trouble(struct hp_writer *writer, char *out, size_t n)
{
    pthread_mutex_lock(&writer->list_lock);
    snprintf(out, n, "%s", writer->trouble);
    pthread_mutex_unlock(&writer->list_lock);
}

static uint64_t jitter_ns(struct hp_writer *writer, uint64_t most_ns)
{
    writer->seed = writer->seed * 6364136223846793005u + 1442695040888963407u;
    return (writer->seed >> 33) % most_ns;
}

/* Note a failure of the store and when to try again. */
static void failed(struct hp_writer *writer, hp_err err, const struct hp_errinfo *info)
{
    static const uint64_t backoff_ns[] = {250 * MS, 1000 * MS, 5000 * MS};
    uint64_t now = hp_clock_mono_ns();
    char text[TROUBLE_BYTES];
    snprintf(text, sizeof text, "%s", info->text[0] != '\0' ? info->text : hp_err_text(err));
    if (err == HP_EBUSY) {
        writer->busy_since_ns = writer->busy_since_ns != 0 ? writer->busy_since_ns : now;
        writer->next_try_ns = now + 5 * MS + jitter_ns(writer, 20 * MS);
        if (now - writer->busy_since_ns > BUSY_TROUBLE_NS) {
            set_trouble(writer, text);
        }
        return;
    }
    uint32_t step = writer->failures < 2 ? writer->failures : 2;
    writer->failures++;
    writer->next_try_ns = now + (atomic_load(&writer->stop) ? 50 * MS : backoff_ns[step]);
    if (writer->store != NULL && err != HP_ENOMEM) {
        (void)writer->ops->close(writer->store); /* its failure adds nothing to the one we have */
        writer->store = NULL;
        writer->registered = false;
    }
    set_trouble(writer, text);
}

static void worked(struct hp_writer *writer)
{
    if (writer->failures != 0 || writer->busy_since_ns != 0) {
        writer->failures = 0;
        writer->busy_since_ns = 0;
        set_trouble(writer, "");
    }
    writer->next_try_ns = 0;
}

/* --- orphans --- */

struct adoption {
    struct hp_store *store;
    const struct hp_writer_ops *ops;
};

static hp_err adopt(void *ctx, const struct hp_ring_orphan *orphan)
{
    struct adoption *adoption = ctx;
    struct hp_ring_orphan settled = *orphan;
    struct hp_errinfo info;
    if (orphan->commit_id != 0 && orphan->commit_end > orphan->count[HP_RING_STORED] &&
        adoption->ops->has(adoption->store, orphan->commit_id)) {
        settled.count[HP_RING_STORED] = orphan->commit_end;
    }
    uint64_t lost = hp_ring_lost(&settled);
    if (settled.count[HP_RING_STARTED] == 0) {
        return HP_OK;
    }
    return adoption->ops->put_lost(adoption->store, orphan->owner.boot_id, orphan->owner.pid,
                                   orphan->owner.start_ns, lost, &info);
}

hp_err hp_writer_adopt(const char *folder, struct hp_store *store, const struct hp_writer_ops *ops,
                       uint32_t *adopted)
{
    struct adoption adoption = {store, ops != NULL ? ops : &store_ops};
    return hp_ring_adopt(folder, adopt, &adoption, adopted);
}

/* --- one batch; store_lock is held --- */

struct batch {
    uint32_t records_max;
    uint64_t deadline_ns;
    bool final; /* also write the last counters */
    /* what becomes of the writer's state once it is committed */
    uint64_t cursor, last_id;
    uint32_t records, sources_done;
    size_t source_bytes;
};

static hp_err open_store(struct hp_writer *writer, struct hp_errinfo *info)
{
    if (writer->store != NULL) {
        return HP_OK;
    }
    struct hp_store_config config = {
        .path = writer->store_path,
        .mode = HP_STORE_WRITE,
        .max_bytes = writer->max_store_bytes,
        .max_age_ns = writer->max_age_ns,
        .busy_ms = hp_writer_running(writer) ? STORE_BUSY_MS : STEP_BUSY_MS,
    };
    return writer->ops->open(&config, &writer->store, info);
}

/* A failure that lies in the record, not in the store. */
static bool is_of_record(hp_err err)
{
    return err == HP_EFORMAT || err == HP_EINVAL || err == HP_EFULL || err == HP_ERANGE ||
           err == HP_EVERSION || err == HP_EUNSUPPORTED;
}

/* Read a source file: NULL if it is none. */
static struct hp_str read_source(struct hp_writer *writer, const char *path, size_t used_bytes)
{
    struct hp_str none = {NULL, 0};
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return none;
    }
    size_t n = 0;
    bool fine = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size >= 0 &&
                (uint64_t)status.st_size <= SOURCE_MAX_BYTES &&
                used_bytes + (size_t)status.st_size <= SOURCES_MAX_BYTES;
    if (fine && writer->text == NULL) {
        writer->text = hp_malloc(SOURCE_MAX_BYTES);
    }
    while (fine && writer->text != NULL && n < SOURCE_MAX_BYTES) {
        ssize_t got = read(fd, writer->text + n, SOURCE_MAX_BYTES - n);
        if (got <= 0) {
            break;
        }
        n += (size_t)got;
    }
    close(fd);
    return fine && writer->text != NULL ? hp_str_make((const char *)writer->text, n) : none;
}

static bool has_sources(struct hp_writer *writer)
{
    pthread_mutex_lock(&writer->list_lock);
    bool more = writer->sources_done < writer->source_count;
    pthread_mutex_unlock(&writer->list_lock);
    return more;
}

/* Put the next few sources. */
static hp_err put_sources(struct hp_writer *writer, struct batch *batch, struct hp_errinfo *info)
{
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < SOURCES_A_BATCH && err == HP_OK; i++) {
        struct source source = {NULL, NULL};
        pthread_mutex_lock(&writer->list_lock);
        if (batch->sources_done < writer->source_count) {
            source = writer->sources[batch->sources_done]; /* the texts stay for life, only the array moves */
        }
        pthread_mutex_unlock(&writer->list_lock);
        if (source.file == NULL) {
            break;
        }
        struct hp_str text = read_source(writer, source.path, batch->source_bytes);
        if (text.p != NULL) {
            err = writer->ops->put_source(writer->store, hp_str_from0(source.file), text, info);
            err = is_of_record(err) ? HP_OK : err;
            batch->source_bytes += text.n;
        }
        batch->sources_done++;
    }
    return err;
}

static uint64_t get(const struct hp_writer *writer, enum hp_ring_counter counter)
{
    return atomic_load_explicit(&writer->count[counter], memory_order_relaxed);
}

/* Changes whenever a counter that the process row shows does. */
static uint64_t sum_of_counters(const struct hp_writer *writer)
{
    uint64_t sum = 0;
    for (int i = 0; i < HP_RING_WRITER_CPU_NS; i++) {
        sum += i == HP_RING_STORED ? 0 : get(writer, (enum hp_ring_counter)i);
    }
    return sum;
}

static hp_err put_process(struct hp_writer *writer, uint64_t stored, bool final, struct hp_errinfo *info)
{
    const struct hp_ring_identity *owner = hp_ring_owner(writer->ring);
    struct hp_process process = {
        .pid = owner->pid,
        .start_ns = owner->start_ns,
        .interpreter = hp_str_from0(writer->interpreter),
        .command = hp_str_from0(writer->command),
        .revision = hp_str_from0(writer->revision),
        .host = hp_str_from0(writer->host),
        .started = get(writer, HP_RING_STARTED),
        .finished = get(writer, HP_RING_FINISHED),
        .pushed = get(writer, HP_RING_PUSHED),
        .stored = stored,
        .sampled_out = get(writer, HP_RING_SAMPLED_OUT),
        .dropped_ring = get(writer, HP_RING_DROPPED_RING),
        .dropped_tree = get(writer, HP_RING_DROPPED_TREE),
        .dropped_store = get(writer, HP_RING_DROPPED_STORE),
        .dropped_memory = get(writer, HP_RING_DROPPED_MEMORY),
        .own_ns = get(writer, HP_RING_OWN_NS),
        .errors = get(writer, HP_RING_ERRORS),
    };
    memcpy(process.boot_id, owner->boot_id, sizeof process.boot_id);
    if (final) { /* requests that never came to their end */
        uint64_t known = stored + process.sampled_out + process.dropped_ring + process.dropped_store +
                         process.dropped_memory;
        process.lost = process.started > known ? process.started - known : 0;
    }
    return writer->ops->put_process(writer->store, &process, info);
}

/* Hand the ring's records to the store. One that the store refuses is marked dead and HP_ERANGE returned: do the batch again. */
static hp_err put_records(struct hp_writer *writer, struct batch *batch, struct hp_errinfo *info)
{
    struct hp_ring_record record;
    while (batch->records < batch->records_max && hp_ring_peek(writer->ring, &batch->cursor, &record)) {
        hp_err err = writer->ops->put(writer->store, record.bytes, writer->dict, info);
        if (is_of_record(err)) {
            hp_ring_discard(writer->ring, &record);
            atomic_fetch_add_explicit(&writer->count[HP_RING_DROPPED_STORE], 1, memory_order_relaxed);
            return HP_ERANGE;
        }
        if (err != HP_OK) {
            return err;
        }
        batch->records++;
        batch->last_id = record.id;
        if (atomic_load(&writer->pause) || hp_clock_mono_ns() >= batch->deadline_ns) {
            break;
        }
    }
    return HP_OK;
}

static hp_err write_batch(struct hp_writer *writer, struct batch *batch, struct hp_errinfo *info)
{
    uint64_t stored = get(writer, HP_RING_STORED);
    uint64_t sum = sum_of_counters(writer);
    hp_err err = writer->ops->begin(writer->store, info);
    if (err != HP_OK) {
        return err;
    }
    if (!writer->registered) { /* the store ties records and sources to the process */
        err = put_process(writer, stored, false, info);
    }
    if (err == HP_OK) {
        err = put_records(writer, batch, info);
    }
    if (err == HP_OK) {
        err = put_sources(writer, batch, info);
    }
    if (err == HP_OK) {
        err = put_process(writer, stored + batch->records, batch->final, info);
    }
    if (err == HP_OK) {
        hp_ring_committing(writer->ring, stored + batch->records, batch->last_id);
        err = writer->ops->commit(writer->store, info);
    }
    if (err != HP_OK) {
        hp_ring_committing(writer->ring, 0, 0);
        writer->ops->rollback(writer->store);
        return err;
    }
    atomic_store_explicit(&writer->count[HP_RING_STORED], stored + batch->records, memory_order_relaxed);
    hp_ring_committing(writer->ring, 0, 0);
    hp_ring_consume(writer->ring, batch->cursor);
    writer->sources_done = batch->sources_done;
    writer->source_bytes = batch->source_bytes;
    writer->registered = true;
    writer->put_sum = sum;
    return HP_OK;
}

static void tidy(struct hp_writer *writer, uint64_t now)
{
    struct hp_errinfo info;
    if (now - writer->last_tidy_ns >= TIDY_NS) {
        writer->last_tidy_ns = now;
        (void)writer->ops->tidy(
            writer->store,
            &info); /* caps are tried again a second later; a real trouble shows in the next batch */
    }
    if (writer->last_adopt_ns == 0 || now - writer->last_adopt_ns >= ADOPT_NS) {
        writer->last_adopt_ns = now;
        hp_err err = hp_writer_adopt(writer->folder, writer->store, writer->ops, NULL);
        (void)err; /* what fails is left for the next time */
    }
}

/* Count what is in the ring as dropped: this process must not open the store. */
static void drop_all(struct hp_writer *writer)
{
    struct hp_ring_record record;
    uint64_t cursor = hp_ring_tail(writer->ring), dropped = 0;
    while (hp_ring_peek(writer->ring, &cursor, &record)) {
        dropped++;
    }
    hp_ring_consume(writer->ring, cursor);
    atomic_fetch_add_explicit(&writer->count[HP_RING_DROPPED_STORE], dropped, memory_order_relaxed);
}

static bool is_waiting(const struct hp_writer *writer)
{
    return hp_ring_head(writer->ring) != hp_ring_tail(writer->ring);
}

/* Whether a batch would get something out of the ring; not so if all that waits is a record that is still being copied in. */
static bool is_readable(const struct hp_writer *writer)
{
    struct hp_ring_record record;
    uint64_t tail = hp_ring_tail(writer->ring), cursor = tail;
    return hp_ring_peek(writer->ring, &cursor, &record) || cursor != tail;
}

/* Write one batch if there is something to write and it is time. True: more waits, and writing works. */
static bool work(struct hp_writer *writer, uint32_t records_max, uint64_t time_ns)
{
    uint64_t now = hp_clock_mono_ns();
    struct hp_errinfo info = {HP_OK, 0, ""};
    if (writer->ring == NULL) {
        return false;
    }
    if (writer->off) {
        drop_all(writer);
        return false;
    }
    bool stop = atomic_load(&writer->stop);
    if (stop && !writer->stop_seen) {
        writer->stop_seen = true;
        writer->next_try_ns = 0;
    }
    bool waits = is_readable(writer) || has_sources(writer);
    bool last = stop && !writer->final_done && !waits;
    bool stale = sum_of_counters(writer) != writer->put_sum && now - writer->last_work_ns >= IDLE_NS;
    if (now < writer->next_try_ns || (!waits && !stale && !last)) {
        return false;
    }
    struct batch batch = {.records_max = records_max, .deadline_ns = now + time_ns, .final = last};
    batch.cursor = hp_ring_tail(writer->ring);
    batch.sources_done = writer->sources_done;
    batch.source_bytes = writer->source_bytes;
    hp_err err = writer->should_fail != NULL && writer->should_fail(writer->fail_ctx)
                     ? hp_err_set(&info, HP_EIO, 0, "the store failed on purpose (fault injection)")
                     : open_store(writer, &info);
    if (err == HP_OK) {
        err = write_batch(writer, &batch, &info);
    }
    writer->last_work_ns = now;
    if (err == HP_ERANGE) { /* one record less: again at once */
        return true;
    }
    if (err != HP_OK) {
        failed(writer, err, &info);
        return false;
    }
    worked(writer);
    writer->final_done = last;
    if (!stop) {
        tidy(writer, hp_clock_mono_ns());
    }
    return is_readable(writer) || has_sources(writer) || (stop && !last);
}

static void close_store(struct hp_writer *writer)
{
    if (writer->store != NULL) {
        (void)writer->ops->close(writer->store); /* all is committed, there is nobody to tell */
        writer->store = NULL;
        writer->registered = false;
    }
}

/* --- the thread --- */

static void nap(uint64_t ns)
{
    struct timespec time = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    nanosleep(&time, NULL);
}

/* Wait to be woken, or so long. */
static void wait_wake(struct hp_writer *writer, uint64_t ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t sum = (uint64_t)until.tv_nsec + ns;
    until.tv_sec += (time_t)(sum / 1000000000u);
    until.tv_nsec = (long)(sum % 1000000000u);
    while (sem_clockwait(&writer->wake, CLOCK_MONOTONIC, &until) != 0 && errno == EINTR) {
    }
    while (sem_trywait(&writer->wake) == 0) { /* several posts are one */
    }
}

static bool must_hurry(struct hp_writer *writer)
{
    return atomic_load(&writer->hurry) || atomic_load(&writer->stop);
}

static bool nearly_full(const struct hp_writer *writer)
{
    return hp_ring_head(writer->ring) - hp_ring_tail(writer->ring) > hp_ring_bytes(writer->ring) / 4;
}

/* Between batches. Sleeps for long only when there is nothing; `asleep` is set before head is looked at, and a producer
 * moves head before it looks at `asleep`, so one of the two sees the other. */
static void rest(struct hp_writer *writer)
{
    if (must_hurry(writer)) {
        atomic_store(&writer->hurry, false);
        wait_wake(writer, 2 * MS); /* reached only when the store is in trouble, or nothing is left */
        return;
    }
    if (!is_waiting(writer)) {
        atomic_store(&writer->asleep, true);
        if (!is_waiting(writer)) {
            wait_wake(writer, IDLE_NS);
        }
        atomic_store(&writer->asleep, false);
    }
    if (!must_hurry(writer) && !atomic_load(&writer->pause) && is_waiting(writer) && !nearly_full(writer)) {
        wait_wake(writer, ROUND_NS);
    }
}

static void *run(void *arg)
{
    struct hp_writer *writer = arg;
    prctl(PR_SET_NAME, "hotplate", 0, 0, 0);
    for (;;) {
        pthread_mutex_lock(&writer->store_lock);
        bool more = work(writer, BATCH_RECORDS, BATCH_NS);
        if (atomic_load(&writer->stop) &&
            (writer->final_done || writer->off || hp_clock_mono_ns() >= atomic_load(&writer->stop_at_ns))) {
            close_store(writer);
            pthread_mutex_unlock(&writer->store_lock);
            break;
        }
        pthread_mutex_unlock(&writer->store_lock);
        hp_clock_refine();
        atomic_store_explicit(&writer->count[HP_RING_WRITER_CPU_NS], hp_clock_thread_cpu_ns(),
                              memory_order_relaxed);
        while (atomic_load(&writer->pause)) {
            nap(NAP_NS);
        }
        if (!more) {
            rest(writer);
        }
    }
    atomic_store(&writer->thread_state, THREAD_ENDED);
    return NULL;
}

static bool create_thread(struct hp_writer *writer, size_t stack_bytes)
{
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) {
        return false;
    }
    if (stack_bytes != 0) {
        (void)pthread_attr_setstacksize(&attr, stack_bytes); /* then it is the default */
    }
    bool made = pthread_create(&writer->thread, &attr, run, writer) == 0;
    pthread_attr_destroy(&attr);
    return made;
}

static void start(struct hp_writer *writer)
{
    sigset_t all, before;
    writer->tried_thread = true;
    if (writer->no_threads || writer->off) {
        return;
    }
    atomic_store(&writer->thread_state, THREAD_RUNS);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all,
                    &before); /* the application's signals go to the application's threads */
    /* Large static thread-local storage counts as stack and can make 256 KiB too small. */
    bool made = create_thread(writer, STACK_BYTES) || create_thread(writer, 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!made) {
        atomic_store(&writer->thread_state, THREAD_NONE);
    }
}

/* --- without the thread --- */

/* One short batch in this thread; false: nothing more could be written now. */
static bool step(struct hp_writer *writer, uint32_t records_max, uint64_t time_ns)
{
    if (pthread_mutex_trylock(&writer->store_lock) != 0) {
        return false;
    }
    bool more = work(writer, records_max, time_ns);
    hp_clock_refine();
    pthread_mutex_unlock(&writer->store_lock);
    return more;
}

void hp_writer_after_push(struct hp_writer *writer)
{
    if (!writer->tried_thread) {
        start(writer);
    }
    if (hp_writer_running(writer)) {
        if ((atomic_load(&writer->asleep) && atomic_exchange(&writer->asleep, false)) ||
            (nearly_full(writer) && !atomic_exchange(&writer->hurry, true))) {
            sem_post(&writer->wake);
        }
        return;
    }
    if (atomic_load(&writer->stop)) {
        return;
    }
    uint64_t now = hp_clock_mono_ns();
    if (nearly_full(writer) || now - writer->last_step_ns >= STEP_EVERY_NS) {
        writer->last_step_ns = now;
        step(writer, STEP_RECORDS, STEP_NS);
    }
}

/* --- waiting for it --- */

bool hp_writer_flush(struct hp_writer *writer, uint32_t timeout_ms)
{
    uint64_t deadline_ns = hp_clock_mono_ns() + timeout_ms * MS;
    if (writer->ring == NULL) {
        return true;
    }
    uint64_t until = hp_ring_head(writer->ring);
    while (hp_ring_tail(writer->ring) < until ||
           (has_sources(writer) && writer->tried_thread && !writer->off)) {
        if (hp_clock_mono_ns() >= deadline_ns) {
            return false;
        }
        if (hp_writer_running(writer)) {
            atomic_store(&writer->hurry, true);
            sem_post(&writer->wake);
            nap(NAP_NS);
        } else if (!step(writer, BATCH_RECORDS, BATCH_NS)) {
            nap(NAP_NS);
        }
    }
    return true;
}

bool hp_writer_stop(struct hp_writer *writer, uint32_t timeout_ms)
{
    uint64_t deadline_ns = hp_clock_mono_ns() + timeout_ms * MS;
    if (writer->ring == NULL) {
        return true;
    }
    atomic_store(&writer->stop_at_ns, deadline_ns);
    atomic_store(&writer->stop, true);
    if (atomic_load(&writer->thread_state) == THREAD_NONE) {
        while (!writer->final_done && hp_clock_mono_ns() < deadline_ns) {
            if (!step(writer, BATCH_RECORDS, BATCH_NS) && !writer->final_done) {
                if (writer->off) {
                    break;
                }
                nap(NAP_NS);
            }
        }
        if (pthread_mutex_trylock(&writer->store_lock) == 0) {
            close_store(writer);
            pthread_mutex_unlock(&writer->store_lock);
        }
        return writer->final_done;
    }
    sem_post(&writer->wake);
    while (atomic_load(&writer->thread_state) == THREAD_RUNS && hp_clock_mono_ns() < deadline_ns + 20 * MS) {
        nap(NAP_NS);
    }
    if (atomic_load(&writer->thread_state) == THREAD_RUNS) {
        return false; /* it hangs in the store: leave it, and its memory, to the kernel */
    }
    pthread_join(writer->thread, NULL);
    atomic_store(&writer->thread_state, THREAD_NONE);
    return writer->final_done;
}

/* --- sources --- */

void hp_writer_source(struct hp_writer *writer, struct hp_str file, struct hp_str path)
{
    struct source source = {hp_str0_dup(file.p, file.n), hp_str0_dup(path.p, path.n)};
    pthread_mutex_lock(&writer->list_lock);
    if (writer->source_count == writer->source_capacity && writer->source_count < SOURCES_MAX) {
        uint32_t capacity = writer->source_capacity != 0 ? writer->source_capacity * 2 : 64;
        struct source *grown = hp_realloc(writer->sources, capacity * sizeof *grown);
        if (grown != NULL) {
            writer->sources = grown;
            writer->source_capacity = capacity;
        }
    }
    if (source.file != NULL && source.path != NULL && writer->source_count < writer->source_capacity) {
        writer->sources[writer->source_count++] = source;
        source = (struct source){NULL, NULL};
    }
    pthread_mutex_unlock(&writer->list_lock);
    hp_free(source.file);
    hp_free(source.path);
}

/* --- fork --- */

static bool lock_within(pthread_mutex_t *mutex, uint64_t ns)
{
    uint64_t deadline_ns = hp_clock_mono_ns() + ns;
    while (pthread_mutex_trylock(mutex) != 0) {
        if (hp_clock_mono_ns() >= deadline_ns) {
            return false;
        }
        nap(NAP_NS);
    }
    return true;
}

void hp_writer_fork_prepare(struct hp_writer *writer)
{
    atomic_store(&writer->pause, true); /* ends a batch early */
    writer->fork_locked = lock_within(&writer->store_lock, FORK_WAIT_NS);
    if (writer->fork_locked) {
        close_store(writer);
    }
    writer->fork_listed = lock_within(&writer->list_lock, FORK_WAIT_NS);
}

void hp_writer_fork_parent(struct hp_writer *writer)
{
    if (writer->fork_listed) {
        pthread_mutex_unlock(&writer->list_lock);
    }
    if (writer->fork_locked) {
        pthread_mutex_unlock(&writer->store_lock);
    }
    atomic_store(&writer->pause, false);
}

void hp_writer_fork_child(struct hp_writer *writer)
{
    if (!writer
             ->fork_locked) { /* a connection was in use: its copy here must not be touched, nor the file opened anew */
        writer->off = true;
        writer->store = NULL;
    }
    /* This thread is the one that locked, so it may unlock; what another thread held nobody can. */
    if (writer->fork_locked) {
        pthread_mutex_unlock(&writer->store_lock);
    } else {
        pthread_mutex_init(&writer->store_lock, NULL);
    }
    if (writer->fork_listed) {
        pthread_mutex_unlock(&writer->list_lock);
    } else {
        pthread_mutex_init(&writer->list_lock, NULL);
    }
    sem_init(&writer->wake, 0, 0);
    if (!writer->fork_listed) { /* torn, perhaps: start a new list and let the old one be */
        writer->sources = NULL;
        writer->source_count = writer->source_capacity = 0;
    }
    snprintf(writer->trouble, sizeof writer->trouble, "%s",
             writer->off ? "not recording here: this process was forked while the store was being written"
                         : "");
    atomic_store(&writer->thread_state, THREAD_NONE);
    atomic_store(&writer->asleep, false);
    atomic_store(&writer->hurry, false);
    atomic_store(&writer->stop, false);
    atomic_store(&writer->pause, false);
    writer->tried_thread = false;
    writer->ring = NULL;
    writer->count = NULL;
    writer->next_try_ns = writer->busy_since_ns = writer->last_adopt_ns = writer->put_sum = 0;
    writer->failures = 0;
    writer->sources_done = 0;
    writer->source_bytes = 0;
    writer->final_done = writer->registered = writer->stop_seen = false;
    writer->seed ^= (uint64_t)getpid() << 32;
}
