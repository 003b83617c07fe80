/* capture.c -- the process's capture: open, close, counts, fork, exit, faults on purpose. Contracts:
 * hotplate/ext/capture.h.
 *
 * Opening touches no file: the ring's page is made by the first request, the writer's thread by the first
 * push, the store by the writer. So a process that serves nothing (a reloader's parent, a command) leaves
 * nothing behind, and a child of fork starts afresh in the same way.
 *
 * All open captures are in one list for the three handlers that have no argument: pthread_atfork's and
 * atexit's.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/cpu.h"
#include "base/hash.h"
#include "capture/capture_int.h"
#include "capture/wait.h"

#define EXIT_FLUSH_MS 2000u
#define RING_DEFAULT  ((size_t)8 << 20)

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct hp_cap *registry; /* borrowed */
static pthread_once_t handlers_once = PTHREAD_ONCE_INIT;

/* ---- random ---- */

static void fill_random(void *out, size_t n)
{
    if (getrandom(out, n, GRND_NONBLOCK) == (ssize_t)n) {
        return;
    }
    uint64_t seed = hp_hash_mix(hp_clock_wall_ns(), (uint64_t)getpid()); /* very early in a boot */
    for (size_t i = 0; i < n; i++) {
        seed = hp_hash_mix(seed, hp_clock_mono_ns() + i);
        ((uint8_t *)out)[i] = (uint8_t)seed;
    }
}

/* ---- the ring ---- */

void hp__cap_want_ring(struct hp_cap *cap)
{
    if (__builtin_expect(cap->ring != NULL, 1) || cap->writer == NULL) {
        return;
    }
    if (hp_ring_open(cap->folder, cap->ring_bytes, &cap->ring) != HP_OK) {
        return; /* the request counts as dropped for memory; the next one tries again */
    }
    _Atomic uint64_t *counts = hp_ring_counters(cap->ring);
    for (int i = 0; i < HP_RING_COUNTER_COUNT; i++) {
        atomic_store(&counts[i], atomic_load(&cap->early[i]));
    }
    cap->counts = counts;
    hp_writer_attach(cap->writer, cap->ring);
}

/* ---- fork ---- */

static void before_fork(void)
{
    pthread_mutex_lock(&registry_lock);
    for (struct hp_cap *cap = registry; cap != NULL; cap = cap->next_open) {
        hp__sampling_fork_prepare(cap->sampling);
        if (cap->writer != NULL) {
            hp_writer_fork_prepare(cap->writer);
        }
    }
    uint64_t waited_ns = hp_store_fork_begin();
    if (waited_ns != 0 && registry != NULL) {
        hp__cap_waited(registry, waited_ns);
    }
}

static void after_fork_in_parent(void)
{
    hp_store_fork_end();
    for (struct hp_cap *cap = registry; cap != NULL; cap = cap->next_open) {
        if (cap->writer != NULL) {
            hp_writer_fork_parent(cap->writer);
        }
        hp__sampling_fork_parent(cap->sampling);
    }
    pthread_mutex_unlock(&registry_lock);
}

static void start_afresh(struct hp_cap *cap)
{
    hp__sampling_fork_child(cap->sampling);
    if (cap->writer != NULL) {
        hp_writer_fork_child(cap->writer);
    }
    for (int i = 0; i < HP_RING_COUNTER_COUNT; i++) {
        atomic_store(&cap->early[i], 0);
    }
    cap->counts = cap->early;
    hp_ring_close(cap->ring);
    cap->ring = NULL;
    for (struct hp_cap_request *request = cap->live_requests; request != NULL; request = request->next) {
        hp__cap_request_disown(request);
    }
    fill_random(&cap->id_base, sizeof cap->id_base);
    cap->id_count = cap->seq = 0;
    cap->peak_rss_bytes = 0;
    cap->shut = false;
}

static void after_fork_in_child(void)
{
    hp_store_fork_end();
    hp__wait_fork_child();
    for (struct hp_cap *cap = registry; cap != NULL; cap = cap->next_open) {
        start_afresh(cap);
    }
    pthread_mutex_unlock(&registry_lock); /* by the thread that locked it before the fork */
}

/* ---- exit ---- */

/* Stop recording: write what there is, at most so long. What comes after is counted as dropped. */
static void shut(struct hp_cap *cap, uint32_t timeout_ms)
{
    (void)hp__sampling_stop(cap->sampling,
                            timeout_ms); /* if not: it reads what others do, and is not waited for */
    if (cap->shut || cap->writer == NULL) {
        return;
    }
    cap->shut = true;
    if (hp_writer_stop(cap->writer, timeout_ms) && cap->ring != NULL) {
        hp_ring_unlink(cap->ring);
    }
}

/* When the interpreter ends without calling us. Nothing is freed: other threads may still run. */
static void at_exit(void)
{
    pthread_mutex_lock(&registry_lock);
    struct hp_cap *cap = registry;
    pthread_mutex_unlock(&registry_lock);
    for (; cap != NULL; cap = cap->next_open) {
        shut(cap, EXIT_FLUSH_MS);
    }
}

static void install_handlers(void)
{
    (void)pthread_atfork(before_fork, after_fork_in_parent,
                         after_fork_in_child); /* without memory: forks are then as without us */
    (void)atexit(at_exit);
}

/* ---- open and close ---- */

static void free_all(struct hp_cap *cap)
{
    while (cap->idle_requests != NULL) {
        struct hp_cap_request *request = cap->idle_requests;
        cap->idle_requests = request->next;
        hp__cap_request_free(request);
    }
    while (cap->idle_lanes != NULL) {
        struct hp_cap_lane *lane = cap->idle_lanes;
        cap->idle_lanes = lane->next_idle;
        hp__cap_lane_free(lane);
    }
    hp_writer_free(cap->writer);
    hp_ring_close(cap->ring);
    hp_dict_free(cap->dict);
    hp_map_fini(&cap->texts);
    hp_buf_fini(&cap->shape);
    hp_buf_fini(&cap->values);
    hp_buf_fini(&cap->encoded);
    hp_free(cap->numbers);
    hp__sampling_free(cap->sampling);
    hp_free(cap->budget);
    hp_free(cap->levels);
    hp_free(atomic_load(&cap->new_levels));
    hp_free(cap->redact);
    hp_free(atomic_load(&cap->new_redact));
    hp_flight_free(cap->flight);
    hp_free(cap->folder);
    hp_free(cap);
}

void hp__cap_release(struct hp_cap *cap)
{
    if (cap->closed && cap->live_request_count == 0 && cap->live_lane_count == 0 &&
        (cap->writer == NULL || !hp_writer_running(cap->writer)) && !hp__sampling_running(cap->sampling)) {
        free_all(cap);
    }
}

static hp_err add_words(struct hp_cap *cap, const char *revision)
{
    static const char *const names[HP_LANE_KINDS] = {"main", "thread", "pool", "greenlet", "task"};
    hp_err err = HP_OK;
    for (int i = 0; i < HP_LANE_KINDS && err == HP_OK; i++) {
        struct hp_symbol symbol = {.name = hp_str_from0(names[i]), .kind = HP_SYM_ROOT};
        err = hp_dict_add_symbol(cap->dict, &symbol, &cap->root_syms[i]);
    }
    if (err == HP_OK) {
        struct hp_symbol symbol = {.name = HP_STR("garbage collection"), .kind = HP_SYM_ROOT};
        err = hp_dict_add_symbol(cap->dict, &symbol, &cap->gc_sym);
    }
    if (err == HP_OK && revision != NULL && revision[0] != '\0') {
        err = hp_dict_add_string(cap->dict, hp_str_from0(revision), &cap->revision);
    }
    return err;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? hp_str0_dup(".", 1) : hp_str0_dup(path, slash > path ? (size_t)(slash - path) : 1);
}

static bool fails_store(void *ctx)
{
    return hp__cap_fails(ctx, HP_FAIL_STORE);
}

static hp_err open_writer(struct hp_cap *cap, const struct hp_cap_config *config,
                          const struct hp_writer_ops *ops)
{
    struct hp_writer_config writer = {
        .store_path = config->store_path,
        .max_store_bytes = config->max_store_bytes,
        .max_age_ns = config->max_age_ns,
        .no_threads = config->no_threads,
        .interpreter = config->interpreter,
        .command = config->command,
        .revision = config->revision,
        .dict = cap->dict,
        .take_sampled = hp__sampling_take,
        .sampled_ctx = cap,
        .take_setting = hp__cap_setting_take,
        .setting_ctx = cap,
        .ops = ops,
        .should_fail = fails_store,
        .fail_ctx = cap,
    };
    cap->folder = folder_of(config->store_path);
    cap->writer = hp_writer_new(&writer);
    return cap->folder != NULL && cap->writer != NULL ? HP_OK : HP_ENOMEM;
}

hp_err hp__cap_open_with(const struct hp_cap_config *config, const struct hp_writer_ops *ops,
                         struct hp_cap **out)
{
    if (config->store_path != NULL && config->store_path[0] == '\0') {
        return HP_EINVAL;
    }
    hp_err err = HP_ENOMEM;
    hp_clock_init();
    hp_cpu_init();
    struct hp_cap *cap = hp_calloc(1, sizeof *cap);
    if (cap == NULL) {
        return HP_ENOMEM;
    }
    cap->counts = cap->early;
    cap->slow_ns = config->slow_ns;
    cap->ring_bytes = config->ring_bytes != 0 ? config->ring_bytes : RING_DEFAULT;
    hp_map_init(&cap->texts, HP_TEXT_CAP);
    hp_buf_init(&cap->shape, cap->ring_bytes);
    hp_buf_init(&cap->values, cap->ring_bytes);
    hp_buf_init(&cap->encoded, cap->ring_bytes);
    fill_random(&cap->id_base, sizeof cap->id_base);
    fill_random(cap->hash_key, sizeof cap->hash_key);
    cap->dict = hp_dict_new();
    if (cap->dict == NULL) {
        goto done;
    }
    if (config->budget > 0) {
        cap->budget = hp_calloc(1, sizeof *cap->budget);
        if (cap->budget == NULL) {
            goto done;
        }
        cap->budget->share = config->budget;
    }
    err = add_words(cap, config->revision);
    if (err == HP_OK && config->store_path != NULL) {
        err = open_writer(cap, config, ops);
    }
    if (err != HP_OK) {
        goto done;
    }
    hp__cap_calibrate(cap);
    pthread_once(&handlers_once, install_handlers);
    pthread_mutex_lock(&registry_lock);
    cap->next_open = registry;
    registry = cap;
    pthread_mutex_unlock(&registry_lock);
    *out = cap;
    cap = NULL;
done:
    if (cap != NULL) {
        free_all(cap);
    }
    return err;
}

hp_err hp_cap_flight(struct hp_cap *cap, uint64_t slow_ns)
{
    if (cap->flight == NULL) {
        cap->flight = hp_flight_new(slow_ns);
    }
    return cap->flight != NULL ? HP_OK : HP_ENOMEM;
}

hp_err hp_cap_open(const struct hp_cap_config *config, struct hp_cap **cap)
{
    return hp__cap_open_with(config, NULL, cap);
}

void hp_cap_close(struct hp_cap *cap, uint32_t timeout_ms)
{
    if (cap == NULL) {
        return;
    }
    shut(cap, timeout_ms);
    pthread_mutex_lock(&registry_lock);
    for (struct hp_cap **at = &registry; *at != NULL; at = &(*at)->next_open) {
        if (*at == cap) {
            *at = cap->next_open;
            break;
        }
    }
    pthread_mutex_unlock(&registry_lock);
    cap->closed = true;
    hp__cap_release(cap);
}

bool hp_cap_flush(struct hp_cap *cap, uint32_t timeout_ms)
{
    return cap->writer == NULL || cap->shut || hp_writer_flush(cap->writer, timeout_ms, false);
}

bool hp_cap_flush_last(struct hp_cap *cap, uint32_t timeout_ms)
{
    return cap->writer == NULL || cap->shut || hp_writer_flush(cap->writer, timeout_ms, true);
}

/* ---- counts ---- */

void hp_cap_counts(struct hp_cap *cap, struct hp_cap_counts *out)
{
    uint64_t count[HP_RING_COUNTER_COUNT];
    for (int i = 0; i < HP_RING_COUNTER_COUNT; i++) {
        count[i] = atomic_load_explicit(&cap->counts[i], memory_order_relaxed);
    }
    *out = (struct hp_cap_counts){
        .started = count[HP_RING_STARTED],
        .finished = count[HP_RING_FINISHED],
        .pushed = count[HP_RING_PUSHED],
        .stored = count[HP_RING_STORED],
        .sampled_out = count[HP_RING_SAMPLED_OUT],
        .dropped_ring = count[HP_RING_DROPPED_RING],
        .dropped_tree = count[HP_RING_DROPPED_TREE],
        .dropped_store = count[HP_RING_DROPPED_STORE],
        .dropped_memory = count[HP_RING_DROPPED_MEMORY],
        .errors = count[HP_RING_ERRORS],
        .waits = count[HP_RING_WAITS],
        .wait_ns = count[HP_RING_WAIT_NS],
        .own_ns = count[HP_RING_OWN_NS],
        .writer_cpu_ns = count[HP_RING_WRITER_CPU_NS],
        .lanes_live = cap->live_lane_count,
        .requests_live = cap->live_request_count,
        .tree_bytes = cap->tree_bytes,
    };
}

void hp_cap_trouble(struct hp_cap *cap, char *out, size_t n)
{
    if (cap->writer != NULL) {
        hp_writer_trouble(cap->writer, out, n);
    } else if (n > 0) {
        out[0] = '\0';
    }
}

void hp_cap_error(struct hp_cap *cap)
{
    hp__cap_count(cap, HP_RING_ERRORS, 1);
}

void hp_cap_sampled_out(struct hp_cap *cap)
{
    hp__cap_want_ring(cap);
    hp__cap_count_own(cap, HP_RING_STARTED, 1);
    hp__cap_count(cap, HP_RING_SAMPLED_OUT, 1);
}

/* ---- faults on purpose ---- */

static int point_of(const char *name)
{
    static const char *const names[HP_FAIL_COUNT] = {"alloc", "ring", "store", "callback"};
    for (int i = 0; i < HP_FAIL_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

bool hp__cap_fails_slow(struct hp_cap *cap, enum hp_fail_point point)
{
    uint64_t left = atomic_load(&cap->fail_at[point]);
    while (left != 0) {
        if (atomic_compare_exchange_weak(&cap->fail_at[point], &left, left - 1)) {
            return left == 1;
        }
    }
    return false;
}

void hp_cap_fail_at(struct hp_cap *cap, const char *point, uint64_t n)
{
    int index = point_of(point);
    if (index >= 0) {
        atomic_store(&cap->fail_at[index], n);
    }
}

bool hp_cap_callback_fails(struct hp_cap *cap)
{
    return hp__cap_fails(cap, HP_FAIL_CALLBACK);
}

void hp_cap_bytes_free(uint8_t *data)
{
    hp_free(data);
}
