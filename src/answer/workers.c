/* workers.c -- see workers.h. */
#include "answer/workers.h"

#include <string.h>

#define GAUGES_MOST (1u << 20)

static bool keep(void *ctx, const struct hp_gauge *gauge)
{
    struct hp_workers *all = ctx;
    if (all->count == all->capacity) {
        size_t capacity = all->capacity == 0 ? 256 : all->capacity * 2;
        struct hp_gauge *list = capacity > GAUGES_MOST ? NULL
                                                       : hp_arena_alloc(all->arena, capacity * sizeof *list,
                                                                        _Alignof(struct hp_gauge));
        if (list == NULL) {
            all->err = HP_ENOMEM;
            return false;
        }
        if (all->count != 0) {
            memcpy(list, all->list, all->count * sizeof *list);
        }
        all->list = list;
        all->capacity = capacity;
    }
    all->list[all->count++] = *gauge;
    return true;
}

static bool is_of(const struct hp_gauge *gauge, const struct hp_worker *worker)
{
    return gauge->pid == worker->last.pid && gauge->start_ns == worker->last.start_ns;
}

static void collect(struct hp_workers *all)
{
    for (size_t i = 0; i < all->count; i++) {
        uint32_t at = 0;
        while (at < all->worker_count && !is_of(&all->list[i], &all->workers[at])) {
            at++;
        }
        if (at == HP_WORKERS_MOST) {
            continue;
        }
        if (at == all->worker_count) {
            all->workers[all->worker_count++] = (struct hp_worker){.first = all->list[i]};
        }
        all->workers[at].last = all->list[i];
        all->workers[at].points++;
    }
}

hp_err hp_workers_load(struct hp_workers *all, struct hp_store *store, uint64_t from_ns, uint64_t to_ns,
                       struct hp_arena *arena, struct hp_errinfo *info)
{
    all->list = NULL;
    all->count = all->capacity = 0;
    all->worker_count = 0;
    all->arena = arena;
    all->err = HP_OK;
    hp_err err = hp_store_gauges(store, from_ns, to_ns, keep, all, info);
    if (err == HP_OK && all->err != HP_OK) {
        err = hp_err_set(info, all->err, 0, "out of memory while reading what processes used");
    }
    if (err == HP_OK) {
        collect(all);
    }
    return err;
}

double hp_workers_cpu_share(const struct hp_gauge *before, const struct hp_gauge *after)
{
    return after->at_ns > before->at_ns && after->cpu_ns >= before->cpu_ns
               ? (double)(after->cpu_ns - before->cpu_ns) / (double)(after->at_ns - before->at_ns)
               : -1;
}

uint32_t hp_workers_restarts(const struct hp_workers *all)
{
    uint32_t restarts = 0;
    for (uint32_t i = 0; i < all->worker_count; i++) {
        bool follows = false;
        for (uint32_t k = 0; k < all->worker_count && !follows; k++) {
            follows = all->workers[k].last.at_ns < all->workers[i].first.start_ns;
        }
        restarts += follows;
    }
    return restarts;
}

static void put_moment(struct hp_json *json, const char *key, uint64_t wall_ns)
{
    hp_json_kv_u64(json, key, wall_ns / 1000000u);
}

static void put_point(struct hp_json *json, const struct hp_gauge *gauge, const struct hp_gauge *before)
{
    hp_json_object_begin(json);
    put_moment(json, "at", gauge->at_ns);
    hp_json_kv_u64(json, "rss_bytes", gauge->rss_bytes);
    hp_json_kv_u64(json, "peak_rss_bytes", gauge->peak_rss_bytes);
    double share = before != NULL ? hp_workers_cpu_share(before, gauge) : -1;
    if (share >= 0) {
        hp_json_kv_double(json, "cpu_share", share);
    }
    hp_json_kv_u64(json, "threads", gauge->threads);
    hp_json_kv_u64(json, "fds", gauge->fds);
    hp_json_object_end(json);
}

/* The worker's points, every so many-th where there are too many. */
static void put_points(struct hp_json *json, const struct hp_workers *all, const struct hp_worker *worker,
                       size_t most)
{
    const struct hp_gauge *before = NULL;
    size_t each = (worker->points + most - 1) / most, nth = 0;
    hp_json_key(json, "points");
    hp_json_array_begin(json);
    for (size_t i = 0; i < all->count; i++) {
        if (!is_of(&all->list[i], worker)) {
            continue;
        }
        nth++;
        if (nth % each == 0 || nth == worker->points) {
            put_point(json, &all->list[i], before);
            before = &all->list[i];
        }
    }
    hp_json_array_end(json);
}

void hp_workers_json(const struct hp_workers *all, size_t most, struct hp_json *json)
{
    hp_json_kv_u64(json, "restarts", hp_workers_restarts(all));
    hp_json_key(json, "workers");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < all->worker_count; i++) {
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "pid", all->workers[i].last.pid);
        put_moment(json, "start", all->workers[i].last.start_ns);
        put_points(json, all, &all->workers[i], most);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}
