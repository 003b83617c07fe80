/* workers.h -- what the recording processes used, minute by minute: for the dashboard's Process page and
 * `hotplate workers`. */
#ifndef HP_WORKERS_H
#define HP_WORKERS_H

#include "base/arena.h"
#include "base/json.h"
#include "store/store.h"

#define HP_WORKERS_MOST 256u

struct hp_worker {
    struct hp_gauge first, last; /* of its points in the range */
    size_t points;
};

struct hp_workers {
    struct hp_gauge *list; /* the arena's, oldest first */
    size_t count, capacity;
    struct hp_worker workers[HP_WORKERS_MOST]; /* by their first point; what is beyond is left out */
    uint32_t worker_count;
    struct hp_arena *arena; /* borrowed */
    hp_err err;
};

/* All points of [from, to). `all` is filled in; what it holds is the arena's. Fails: HP_ENOMEM, or as the
 * store. */
HP_CHECK hp_err hp_workers_load(struct hp_workers *all, struct hp_store *store, uint64_t from_ns,
                                uint64_t to_ns, struct hp_arena *arena, struct hp_errinfo *info);

/* Processor time between a worker's first and last point as a share of a core; negative: it has one point
 * only. */
double hp_workers_cpu_share(const struct hp_gauge *before, const struct hp_gauge *after);

/* Workers that began when another one of the range was seen for the last time already: restarts, as a server
 * makes them. */
uint32_t hp_workers_restarts(const struct hp_workers *all);

/* The members "restarts" and "workers" into an open object; at most about `most` points a worker, its last
 * one always. */
void hp_workers_json(const struct hp_workers *all, size_t most, struct hp_json *json);

#endif
