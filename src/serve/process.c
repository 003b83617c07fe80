/* process.c -- what the recording processes used, minute by minute. */
#include <string.h>

#include "format/member.h"
#include "serve/question.h"

#define WORKERS_MOST 256u
#define POINTS_MOST  240u
#define GAUGES_MOST  (1u << 20)

struct gauges {
    struct hp_gauge *list; /* the arena's, oldest first */
    size_t count, capacity;
    struct hp_arena *arena;
    hp_err err;
};

static bool keep(void *ctx, const struct hp_gauge *gauge)
{
    struct gauges *all = ctx;
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

struct worker {
    uint32_t pid;
    uint64_t start_ns;
    size_t points;
};

static uint32_t collect(const struct gauges *all, struct worker list[WORKERS_MOST])
{
    uint32_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        const struct hp_gauge *gauge = &all->list[i];
        uint32_t at = 0;
        while (at < count && (list[at].pid != gauge->pid || list[at].start_ns != gauge->start_ns)) {
            at++;
        }
        if (at == WORKERS_MOST) {
            continue;
        }
        if (at == count) {
            list[count++] = (struct worker){.pid = gauge->pid, .start_ns = gauge->start_ns};
        }
        list[at].points++;
    }
    return count;
}

static void put_point(struct hp_json *json, const struct hp_gauge *gauge, const struct hp_gauge *before)
{
    hp_json_object_begin(json);
    hp_member_moment(json, "at", gauge->at_ns);
    hp_json_kv_u64(json, "rss_bytes", gauge->rss_bytes);
    hp_json_kv_u64(json, "peak_rss_bytes", gauge->peak_rss_bytes);
    if (before != NULL && gauge->at_ns > before->at_ns && gauge->cpu_ns >= before->cpu_ns) {
        hp_json_kv_double(json, "cpu_share",
                          (double)(gauge->cpu_ns - before->cpu_ns) / (double)(gauge->at_ns - before->at_ns));
    }
    hp_json_kv_u64(json, "threads", gauge->threads);
    hp_json_kv_u64(json, "fds", gauge->fds);
    hp_json_object_end(json);
}

/* The worker's points, every so many-th where there are too many, the last one always. */
static void put_points(struct hp_json *json, const struct gauges *all, const struct worker *worker)
{
    const struct hp_gauge *before = NULL;
    size_t each = (worker->points + POINTS_MOST - 1) / POINTS_MOST, nth = 0;
    hp_json_key(json, "points");
    hp_json_array_begin(json);
    for (size_t i = 0; i < all->count; i++) {
        const struct hp_gauge *gauge = &all->list[i];
        if (gauge->pid != worker->pid || gauge->start_ns != worker->start_ns) {
            continue;
        }
        nth++;
        if (nth % each == 0 || nth == worker->points) {
            put_point(json, gauge, before);
            before = gauge;
        }
    }
    hp_json_array_end(json);
}

hp_err hp__answer_process(struct hp_question *question)
{
    struct hp_json *json = question->json;
    struct gauges all = {.arena = question->arena};
    struct worker workers[WORKERS_MOST];
    hp_err err = hp_store_gauges(question->store, question->scope.from_ns, question->scope.to_ns, keep, &all,
                                 question->info);
    if (err == HP_OK && all.err != HP_OK) {
        err = hp_question_no_memory(question);
    }
    if (err != HP_OK) {
        return err;
    }
    uint32_t count = collect(&all, workers);
    hp_question_put_range(question, 0, 0);
    hp_json_key(json, "workers");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < count; i++) {
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "pid", workers[i].pid);
        hp_member_moment(json, "start", workers[i].start_ns);
        put_points(json, &all, &workers[i]);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    return HP_OK;
}
