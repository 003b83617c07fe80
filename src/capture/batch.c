/* batch.c -- one batch of the writer: out of the ring, into the store, accounted for. See writer.h.
 *
 * What happens on failure, by what failed:
 *
 *     busy (another process commits)     try again in 5–25 ms; a line of trouble after 2 s
 *     one record (format, cap)           that record is counted in dropped_store and skipped, the batch is done again
 *     anything else                      close, a line of trouble, try again after 250 ms, 1 s, 5 s, 5 s …
 *
 * The page says what is being committed (hp_ring_committing) before it is, so that a process killed inside
 * the commit is accounted for exactly: its successor asks the store whether the last request of the batch
 * arrived.
 */
#include "capture/writer_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "capture/gauges.h"
#include "capture/got.h"
#include "capture/plain.h"
#include "model/levels.h"
#include "model/redact.h"

#define TIDY_NS           (1000 * HP_MS)
#define SETTINGS_NS       (900 * HP_MS) /* less than an idle writer sleeps */
#define ADOPT_NS          (30000 * HP_MS)
#define BUSY_TROUBLE_NS   (2000 * HP_MS)
#define STORE_BUSY_MS     40u
#define STEP_BUSY_MS      2u
#define SOURCE_MAX_BYTES  ((size_t)1 << 20)
#define SOURCES_MAX_BYTES ((size_t)64 << 20)
#define SOURCES_A_BATCH   8u

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

const struct hp_writer_ops hp__writer_store_ops = {
    .open = hp_store_open,
    .close = hp_store_close,
    .begin = hp_store_begin,
    .put_process = hp_store_put_process,
    .put = hp_store_put,
    .put_source = hp_store_put_source,
    .put_gauge = hp_store_put_gauge,
    .put_sampled = hp_store_put_sampled,
    .commit = hp_store_commit,
    .rollback = hp_store_rollback,
    .tidy = hp_store_tidy,
    .put_lost = hp_store_put_lost,
    .has = store_has,
    .get_setting = hp_store_get_setting,
};

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

/* Whether another attempt within a process's last seconds is in vain: somebody has to mend the file or its
 * folder first. */
static bool is_lasting(hp_err err)
{
    return err == HP_EFOREIGN || err == HP_EVERSION || err == HP_ECORRUPT || err == HP_EREADONLY ||
           err == HP_EPERM || err == HP_ENOTFOUND || err == HP_EUNSUPPORTED;
}

/* Note a failure of the store and when to try again. */
static void failed(struct hp_writer *writer, hp_err err, const struct hp_errinfo *info)
{
    static const uint64_t backoff_ns[] = {250 * HP_MS, 1000 * HP_MS, 5000 * HP_MS};
    uint64_t now = hp_clock_mono_ns();
    char text[HP_TROUBLE_BYTES];
    snprintf(text, sizeof text, "%s", info->text[0] != '\0' ? info->text : hp_err_text(err));
    if (err == HP_EBUSY) {
        writer->busy_since_ns = writer->busy_since_ns != 0 ? writer->busy_since_ns : now;
        writer->next_try_ns = now + 5 * HP_MS + jitter_ns(writer, 20 * HP_MS);
        if (now - writer->busy_since_ns > BUSY_TROUBLE_NS) {
            set_trouble(writer, text);
        }
        return;
    }
    uint32_t step = writer->failures < 2 ? writer->failures : 2;
    writer->failures++;
    atomic_store(&writer->hopeless, is_lasting(err));
    writer->next_try_ns = now + (atomic_load(&writer->stop) ? 50 * HP_MS : backoff_ns[step]);
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
        atomic_store(&writer->hopeless, false);
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
    if (orphan->commit_id != 0 && adoption->ops->has(adoption->store, orphan->commit_id)) {
        hp_ring_settle(&settled);
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
    struct adoption adoption = {store, ops != NULL ? ops : &hp__writer_store_ops};
    return hp_ring_adopt(folder, adopt, &adoption, adopted);
}

/* --- one batch; store_lock is held --- */

struct batch {
    uint32_t records_max;
    uint64_t deadline_ns;
    bool final; /* also write the last counters */
    bool gauge; /* and what the process uses */
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

bool hp__writer_has_sources(struct hp_writer *writer)
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
    uint64_t sum = get(writer, HP_RING_WAITS);
    for (int i = 0; i < HP_RING_WRITER_CPU_NS; i++) {
        sum += i == HP_RING_STORED ? 0 : get(writer, (enum hp_ring_counter)i);
    }
    return sum;
}

/* Write the row of this process; `*told` is how many requests it names as sampled out or dropped. */
static hp_err put_process(struct hp_writer *writer, uint64_t stored, uint64_t *told, struct hp_errinfo *info)
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
        .waits = get(writer, HP_RING_WAITS),
        .wait_ns = get(writer, HP_RING_WAIT_NS),
    };
    (void)hp_got_unseen(writer->unseen, sizeof writer->unseen); /* if not, it is told the next time */
    process.unseen = hp_str_from0(writer->unseen);
    memcpy(process.boot_id, owner->boot_id, sizeof process.boot_id);
    *told = process.sampled_out + process.dropped_ring + process.dropped_store + process.dropped_memory;
    return writer->ops->put_process(writer->store, &process, info);
}

/* At the end: requests that never came to theirs are lost, and the store is to know. */
static hp_err put_lost(struct hp_writer *writer, struct hp_errinfo *info)
{
    const struct hp_ring_identity *owner = hp_ring_owner(writer->ring);
    uint64_t known = get(writer, HP_RING_STORED) + writer->told;
    uint64_t started = get(writer, HP_RING_STARTED);
    return started <= known ? HP_OK
                            : writer->ops->put_lost(writer->store, owner->boot_id, owner->pid,
                                                    owner->start_ns, started - known, info);
}

static hp_err put_record(struct hp_writer *writer, struct hp_str bytes, struct hp_errinfo *info)
{
    if (hp_plain_is(bytes)) {
        hp_buf_reset(&writer->encoded);
        hp_err err = hp_plain_encode(bytes, &writer->encoded);
        if (err != HP_OK) {
            return hp_err_set(info, err, 0, "%s", hp_err_text(err));
        }
        bytes = hp_buf_str(&writer->encoded);
    }
    return writer->ops->put(writer->store, bytes, writer->dict, info);
}

/* Hand the ring's records to the store. One that the store refuses is marked dead and HP_ERANGE returned: do
 * the batch again. */
static hp_err put_records(struct hp_writer *writer, struct batch *batch, struct hp_errinfo *info)
{
    struct hp_ring_record record;
    while (batch->records < batch->records_max && hp_ring_peek(writer->ring, &batch->cursor, &record)) {
        hp_err err = put_record(writer, record.bytes, info);
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

/* What the sampler saw since the last time; kept until it is stored. */
static hp_err put_sampled(struct hp_writer *writer, struct hp_errinfo *info)
{
    if (writer->take_sampled == NULL || writer->ops->put_sampled == NULL) {
        return HP_OK;
    }
    writer->has_sampled = writer->has_sampled || writer->take_sampled(writer->sampled_ctx, &writer->sampled);
    hp_err err = writer->has_sampled
                     ? writer->ops->put_sampled(writer->store, &writer->sampled, writer->dict, info)
                     : HP_OK;
    return is_of_record(err) ? HP_OK : err;
}

static hp_err write_batch(struct hp_writer *writer, struct batch *batch, struct hp_errinfo *info)
{
    uint64_t stored = get(writer, HP_RING_STORED), told = 0;
    uint64_t sum = sum_of_counters(writer);
    hp_err err = writer->ops->begin(writer->store, info);
    if (err != HP_OK) {
        return err;
    }
    if (!writer->registered) { /* the store ties records and sources to the process */
        err = put_process(writer, stored, &told, info);
    }
    if (err == HP_OK) {
        err = put_records(writer, batch, info);
    }
    if (err == HP_OK) {
        err = put_sources(writer, batch, info);
    }
    if (err == HP_OK) {
        err = put_process(writer, stored + batch->records, &told, info);
    }
    struct hp_gauge gauge;
    if (err == HP_OK && batch->gauge && hp_gauges_read(&gauge)) {
        err = writer->ops->put_gauge(writer->store, &gauge, info);
    }
    if (err == HP_OK && (batch->gauge || batch->final)) {
        err = put_sampled(writer, info);
    }
    if (err == HP_OK) {
        hp_ring_committing(writer->ring, stored + batch->records, told, batch->last_id);
        err = writer->ops->commit(writer->store, info);
    }
    if (err != HP_OK) {
        hp_ring_committed(writer->ring, stored, writer->told);
        writer->ops->rollback(writer->store);
        return err;
    }
    hp_ring_committed(writer->ring, stored + batch->records, told);
    hp_ring_consume(writer->ring, batch->cursor);
    writer->told = told;
    writer->has_sampled = writer->has_sampled && !batch->gauge && !batch->final;
    writer->sources_done = batch->sources_done;
    writer->source_bytes = batch->source_bytes;
    writer->registered = true;
    writer->put_sum = sum;
    return batch->final ? put_lost(writer, info) : HP_OK;
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

static void look_at_setting(struct hp_writer *writer, struct hp_store *store, struct hp_str key,
                            uint64_t *seen)
{
    struct hp_str text = {NULL, 0};
    struct hp_errinfo info;
    hp_err err = writer->ops->get_setting(store, key, &text, &info);
    uint64_t hash = err == HP_OK && text.n != 0 ? hp_hash64(text.p, text.n, 1) : 0;
    if ((err == HP_OK || err == HP_ENOTFOUND) && hash != *seen) {
        *seen = hash;
        writer->take_setting(writer->setting_ctx, key, text);
    }
}

/* Hand on what was set at the dashboard when it has changed. */
static void look_through(struct hp_writer *writer, struct hp_store *store)
{
    static const char *const watched[HP_WATCHED] = {HP_LEVELS_KEY, HP_REDACT_KEY};
    for (size_t i = 0; i < HP_WATCHED; i++) {
        look_at_setting(writer, store, hp_str_from0(watched[i]), &writer->setting_hashes[i]);
    }
}

static bool has_settings(const struct hp_writer *writer)
{
    return writer->take_setting != NULL && writer->ops->get_setting != NULL;
}

/* What fails is tried again in a second. */
static void look_at_settings(struct hp_writer *writer, uint64_t now)
{
    if (writer->store != NULL && has_settings(writer) && now - writer->last_settings_ns >= SETTINGS_NS) {
        writer->last_settings_ns = now;
        look_through(writer, writer->store);
    }
}

void hp__writer_look_first(struct hp_writer *writer)
{
    struct hp_store_config config = {
        .path = writer->store_path, .mode = HP_STORE_READ, .busy_ms = STEP_BUSY_MS};
    struct hp_store *store = NULL;
    struct hp_errinfo info;
    if (writer->off || !has_settings(writer) || writer->ops->open(&config, &store, &info) != HP_OK) {
        return; /* what is wrong with it shows in the first batch */
    }
    look_through(writer, store);
    (void)writer->ops->close(store); /* nothing was written */
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

/* Whether a batch would get something out of the ring; not so if all that waits is a record that is still
 * being copied in. */
static bool is_readable(const struct hp_writer *writer)
{
    struct hp_ring_record record;
    uint64_t tail = hp_ring_tail(writer->ring), cursor = tail;
    return hp_ring_peek(writer->ring, &cursor, &record) || cursor != tail;
}

/* Write one batch if there is something to write and it is time. True: more waits, and writing works. */
bool hp__writer_work(struct hp_writer *writer, uint32_t records_max, uint64_t time_ns)
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
    look_at_settings(writer, now);
    bool stop = atomic_load(&writer->stop);
    if (stop && !writer->stop_seen) {
        writer->stop_seen = true;
        writer->next_try_ns = 0;
        atomic_store(&writer->hopeless, false); /* one more attempt */
    }
    bool waits = is_readable(writer) || hp__writer_has_sources(writer);
    bool last = stop && !writer->final_done && !waits;
    bool stale = sum_of_counters(writer) != writer->put_sum && now - writer->last_work_ns >= HP_IDLE_NS;
    /* Not where an application's thread does the writing. */
    bool gauge = writer->ops->put_gauge != NULL && hp_writer_running(writer) &&
                 (writer->last_gauge_ns == 0 || now - writer->last_gauge_ns >= HP_GAUGE_EVERY_NS);
    if (now < writer->next_try_ns || (!waits && !stale && !last && !gauge)) {
        return false;
    }
    struct batch batch = {
        .records_max = records_max, .deadline_ns = now + time_ns, .final = last, .gauge = gauge};
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
    writer->last_gauge_ns = gauge ? now : writer->last_gauge_ns;
    writer->final_done = last;
    look_at_settings(writer, now); /* the store was opened just now, perhaps */
    if (!stop) {
        tidy(writer, hp_clock_mono_ns());
    }
    return is_readable(writer) || hp__writer_has_sources(writer) || (stop && !last);
}

void hp__writer_close_store(struct hp_writer *writer)
{
    if (writer->store != NULL) {
        (void)writer->ops->close(writer->store); /* all is committed, there is nobody to tell */
        writer->store = NULL;
        writer->registered = false;
    }
}
