/* writer.c -- the writer's life: its thread, working without one, waiting for it, exit and fork. What a batch
 * does is in batch.c.
 *
 * The lock that matters is store_lock: held for each batch, and across fork. Producers never take it; they
 * move the ring's head and then look whether the writer is asleep. Where a thread of the application has to
 * wait all the same (a fork, a flush, a step without the thread), that is counted.
 */
#include "capture/writer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "capture/plain.h"
#include "capture/writer_int.h"

#define BATCH_RECORDS 1000u
#define BATCH_NS      (20 * HP_MS)
#define STEP_RECORDS  64u /* without a thread */
#define STEP_NS       (2 * HP_MS)
#define STEP_EVERY_NS (200 * HP_MS)
#define ROUND_NS      (100 * HP_MS)
#define FORK_WAIT_NS  (50 * HP_MS)
#define FIRST_LOOK_NS (5 * HP_MS)
#define NAP_NS        200000u
#define SOURCES_MAX   8192u
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define STACK_BYTES ((size_t)2 << 20)
#else
#define STACK_BYTES ((size_t)256 << 10)
#endif

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
    writer->ops = config->ops != NULL ? config->ops : &hp__writer_store_ops;
    writer->dict = config->dict;
    writer->max_store_bytes = config->max_store_bytes;
    writer->max_age_ns = config->max_age_ns;
    writer->no_threads = config->no_threads;
    writer->should_fail = config->should_fail;
    writer->fail_ctx = config->fail_ctx;
    writer->take_sampled = config->take_sampled;
    writer->sampled_ctx = config->sampled_ctx;
    writer->take_setting = config->take_setting;
    writer->setting_ctx = config->setting_ctx;
    writer->store_path = dup0(config->store_path);
    writer->folder = folder_of(config->store_path);
    writer->interpreter = dup0(config->interpreter);
    writer->command = dup0(config->command);
    writer->revision = dup0(config->revision);
    writer->seed = hp_clock_mono_ns() ^ (uint64_t)getpid() << 32;
    gethostname(writer->host, sizeof writer->host - 1);
    sem_init(&writer->wake, 0, 0);
    sem_init(&writer->looked, 0, 0);
    pthread_mutex_init(&writer->store_lock, NULL);
    pthread_mutex_init(&writer->list_lock, NULL);
    hp_buf_init(&writer->encoded, HP_PLAIN_ENCODED_BYTES);
    if (writer->store_path == NULL || writer->folder == NULL || writer->interpreter == NULL ||
        writer->command == NULL || writer->revision == NULL ||
        !hp_buf_reserve(&writer->encoded, HP_PLAIN_ENCODED_BYTES)) {
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
    hp_buf_fini(&writer->encoded);
    hp_free(writer->store_path);
    hp_free(writer->folder);
    hp_free(writer->interpreter);
    hp_free(writer->command);
    hp_free(writer->revision);
    pthread_mutex_destroy(&writer->store_lock);
    pthread_mutex_destroy(&writer->list_lock);
    sem_destroy(&writer->wake);
    sem_destroy(&writer->looked);
    hp_free(writer);
}

bool hp_writer_running(const struct hp_writer *writer)
{
    return atomic_load(&writer->thread_state) == THREAD_RUNS;
}

/* --- the thread --- */

static void nap(uint64_t ns)
{
    struct timespec time = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    nanosleep(&time, NULL);
}

static void wait_for(sem_t *sem, uint64_t ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t sum = (uint64_t)until.tv_nsec + ns;
    until.tv_sec += (time_t)(sum / 1000000000u);
    until.tv_nsec = (long)(sum % 1000000000u);
    while (sem_clockwait(sem, CLOCK_MONOTONIC, &until) != 0 && errno == EINTR) {
    }
}

/* Wait to be woken, or so long. */
static void wait_wake(struct hp_writer *writer, uint64_t ns)
{
    wait_for(&writer->wake, ns);
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

/* Between batches. Sleeps for long only when there is nothing; `asleep` is set before head is looked at, and
 * a producer moves head before it looks at `asleep`, so one of the two sees the other. */
static void rest(struct hp_writer *writer)
{
    if (must_hurry(writer)) {
        atomic_store(&writer->hurry, false);
        wait_wake(writer, 2 * HP_MS); /* reached only when the store is in trouble, or nothing is left */
        return;
    }
    if (!hp__writer_is_waiting(writer)) {
        atomic_store(&writer->asleep, true);
        if (!hp__writer_is_waiting(writer)) {
            wait_wake(writer, HP_IDLE_NS);
        }
        atomic_store(&writer->asleep, false);
    }
    if (!must_hurry(writer) && !atomic_load(&writer->pause) && hp__writer_is_waiting(writer) &&
        !nearly_full(writer)) {
        wait_wake(writer, ROUND_NS);
    }
}

static void *run(void *arg)
{
    struct hp_writer *writer = arg;
    prctl(PR_SET_NAME, "hotplate", 0, 0, 0);
    pthread_mutex_lock(&writer->store_lock);
    hp__writer_look_first(writer);
    pthread_mutex_unlock(&writer->store_lock);
    sem_post(&writer->looked);
    for (;;) {
        pthread_mutex_lock(&writer->store_lock);
        bool more = hp__writer_work(writer, BATCH_RECORDS, BATCH_NS);
        if (atomic_load(&writer->stop) &&
            (writer->final_done || writer->off || (writer->stop_seen && atomic_load(&writer->hopeless)) ||
             hp_clock_mono_ns() >= atomic_load(&writer->stop_at_ns))) {
            hp__writer_close_store(writer);
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

/* --- waits of the application's threads --- */

static void count_wait(struct hp_writer *writer, uint64_t from_ns)
{
    if (writer->count != NULL) {
        atomic_fetch_add_explicit(&writer->count[HP_RING_WAITS], 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&writer->count[HP_RING_WAIT_NS], hp_clock_mono_ns() - from_ns,
                                  memory_order_relaxed);
    }
}

/* In a thread of the application. */
static void lock_list(struct hp_writer *writer)
{
    if (pthread_mutex_trylock(&writer->list_lock) != 0) {
        uint64_t from_ns = hp_clock_mono_ns();
        pthread_mutex_lock(&writer->list_lock);
        count_wait(writer, from_ns);
    }
}

/* --- the start --- */

void hp_writer_attach(struct hp_writer *writer, struct hp_ring *ring)
{
    writer->ring = ring;
    writer->count = hp_ring_counters(ring);
    start(writer);
    uint64_t from_ns = hp_clock_mono_ns();
    if (hp_writer_running(writer)) {
        wait_for(&writer->looked, FIRST_LOOK_NS);
    } else if (pthread_mutex_trylock(&writer->store_lock) == 0) {
        hp__writer_look_first(writer);
        pthread_mutex_unlock(&writer->store_lock);
    }
    count_wait(writer, from_ns);
}

/* --- without the thread --- */

/* One short batch in this thread; false: nothing more could be written now. */
static bool step(struct hp_writer *writer, uint32_t records_max, uint64_t time_ns)
{
    if (pthread_mutex_trylock(&writer->store_lock) != 0) {
        return false;
    }
    bool more = hp__writer_work(writer, records_max, time_ns);
    hp_clock_refine();
    pthread_mutex_unlock(&writer->store_lock);
    return more;
}

/* Without a thread of its own it is whoever pushes. */
static __attribute__((noinline)) void step_here(struct hp_writer *writer)
{
    if (atomic_load(&writer->stop)) {
        return;
    }
    uint64_t now = hp_clock_mono_ns();
    if (nearly_full(writer) || now - writer->last_step_ns >= STEP_EVERY_NS) {
        writer->last_step_ns = now;
        step(writer, STEP_RECORDS, STEP_NS);
        count_wait(writer, now);
    }
}

void hp_writer_after_push(struct hp_writer *writer)
{
    if (hp_writer_running(writer)) {
        if ((atomic_load(&writer->asleep) && atomic_exchange(&writer->asleep, false)) ||
            (nearly_full(writer) && !atomic_exchange(&writer->hurry, true))) {
            sem_post(&writer->wake);
        }
    } else {
        step_here(writer);
    }
}

/* --- waiting for it --- */

static bool is_flushed(struct hp_writer *writer, uint64_t until)
{
    return hp_ring_tail(writer->ring) >= until && (!hp__writer_has_sources(writer) || writer->off);
}

static bool flush_until(struct hp_writer *writer, uint64_t until, uint64_t deadline_ns, bool last)
{
    while (!is_flushed(writer, until)) {
        if (hp_clock_mono_ns() >= deadline_ns || (last && atomic_load(&writer->hopeless))) {
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

bool hp_writer_flush(struct hp_writer *writer, uint32_t timeout_ms, bool last)
{
    uint64_t from_ns = hp_clock_mono_ns();
    uint64_t until = writer->ring != NULL ? hp_ring_head(writer->ring) : 0;
    if (writer->ring == NULL || is_flushed(writer, until)) {
        return true;
    }
    bool flushed = flush_until(writer, until, from_ns + timeout_ms * HP_MS, last);
    if (!last) {
        count_wait(writer, from_ns);
    }
    return flushed;
}

bool hp_writer_stop(struct hp_writer *writer, uint32_t timeout_ms)
{
    uint64_t deadline_ns = hp_clock_mono_ns() + timeout_ms * HP_MS;
    if (writer->ring == NULL) {
        return true;
    }
    atomic_store(&writer->stop_at_ns, deadline_ns);
    atomic_store(&writer->stop, true);
    if (atomic_load(&writer->thread_state) == THREAD_NONE) {
        while (!writer->final_done && hp_clock_mono_ns() < deadline_ns) {
            if (!step(writer, BATCH_RECORDS, BATCH_NS) && !writer->final_done) {
                if (writer->off || (writer->stop_seen && atomic_load(&writer->hopeless))) {
                    break;
                }
                nap(NAP_NS);
            }
        }
        if (pthread_mutex_trylock(&writer->store_lock) == 0) {
            hp__writer_close_store(writer);
            pthread_mutex_unlock(&writer->store_lock);
        }
        return writer->final_done;
    }
    sem_post(&writer->wake);
    while (atomic_load(&writer->thread_state) == THREAD_RUNS &&
           hp_clock_mono_ns() < deadline_ns + 20 * HP_MS) {
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
    lock_list(writer);
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
    uint64_t from_ns = hp_clock_mono_ns();
    atomic_store(&writer->pause, true); /* ends a batch early */
    bool at_once = pthread_mutex_trylock(&writer->store_lock) == 0;
    bool waits = !at_once || writer->store != NULL;
    writer->fork_locked = at_once || lock_within(&writer->store_lock, FORK_WAIT_NS);
    if (writer->fork_locked) {
        hp__writer_close_store(writer);
    }
    writer->fork_listed = lock_within(&writer->list_lock, FORK_WAIT_NS);
    if (waits) {
        count_wait(writer, from_ns);
    }
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
    if (!writer->fork_locked) { /* a connection was in use: its copy here must not be touched, nor the file
                                   opened anew */
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
    sem_init(&writer->looked, 0, 0);
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
    writer->ring = NULL;
    writer->count = NULL;
    writer->next_try_ns = writer->busy_since_ns = writer->last_adopt_ns = writer->last_gauge_ns =
        writer->put_sum = writer->told = 0;
    writer->failures = 0;
    atomic_store(&writer->hopeless, false);
    writer->sources_done = 0;
    writer->has_sampled = false;
    writer->source_bytes = 0;
    writer->final_done = writer->registered = writer->stop_seen = false;
    writer->seed ^= (uint64_t)getpid() << 32;
}
