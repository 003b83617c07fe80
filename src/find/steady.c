/* steady.c -- see steady.h. */
#include "find/steady.h"

#include <stdlib.h>
#include "find/find_int.h"

#define LEVEL 0.95
#define PARTS 3u /* of a stretch, one after the other */

struct side {
    const struct hp_case *c;
    struct timed {
        uint64_t start_ns, ns;
    } * timed;       /* in the order of time */
    uint64_t *own;   /* ascending */
    uint64_t *as_is; /* durations, ascending */
    uint64_t *room;
};

static uint64_t own_ns(const struct hp_sample *sample, double drift)
{
    const struct hp_request *req = &sample->record->req;
    double quiet = (double)hp__speed_quiet_ns(sample), cpu = quiet;
    if (req->cpu_ns != HP_ABSENT) {
        cpu = req->cpu_ns > req->own_ns ? (double)(req->cpu_ns - req->own_ns) : 0;
        cpu = cpu < quiet ? cpu : quiet;
    }
    return (uint64_t)(quiet - cpu + cpu / drift);
}

static int by_start(const void *a, const void *b)
{
    const struct timed *x = a, *y = b;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static hp_err fill(struct side *side, const struct hp_case *c, double drift, struct hp_arena *arena)
{
    uint32_t n = c->sample_count;
    side->c = c;
    side->timed = hp__zeroed(arena, n, sizeof *side->timed);
    side->own = hp__zeroed(arena, n, sizeof *side->own);
    side->as_is = hp__zeroed(arena, n, sizeof *side->as_is);
    side->room = hp__zeroed(arena, n, sizeof *side->room);
    if (side->timed == NULL || side->own == NULL || side->as_is == NULL || side->room == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        side->own[i] = own_ns(&c->samples[i], drift);
        side->as_is[i] = c->samples[i].duration_ns;
        side->timed[i] = (struct timed){c->samples[i].record->req.start_wall_ns, side->own[i]};
    }
    if (n > 1) {
        qsort(side->timed, n, sizeof *side->timed, by_start);
    }
    hp_compare_sort(side->own, n);
    hp_compare_sort(side->as_is, n);
    return HP_OK;
}

/* Whether the median of each part of the stretch is above `ns`, or below. */
static bool lies_throughout(const struct side *side, double ns, bool above)
{
    uint32_t n = side->c->sample_count;
    for (uint32_t part = 0; part < PARTS; part++) {
        uint32_t first = n * part / PARTS, end = n * (part + 1) / PARTS;
        for (uint32_t i = first; i < end; i++) {
            side->room[i - first] = side->timed[i].ns;
        }
        hp_compare_sort(side->room, end - first);
        double median = hp_compare_quantile((struct hp_compare_side){side->room, end - first}, 0.5);
        if ((median > ns) != above) {
            return false;
        }
    }
    return true;
}

hp_err hp_steady_compare(const struct hp_case *before, const struct hp_case *after, double drift,
                         double quantile, struct hp_arena *arena, struct hp_steady *out)
{
    struct side old, new;
    hp_err err = fill(&old, before, 1, arena);
    if (err == HP_OK) {
        err = fill(&new, after, drift, arena);
    }
    if (err != HP_OK) {
        return err;
    }
    struct hp_compare_side was = {old.own, before->sample_count}, is = {new.own, after->sample_count};
    out->own = hp_compare_difference(was, is, quantile, LEVEL, after->route + 29u);
    out->before_ns = hp_compare_quantile(was, quantile);
    out->all_ns = hp_compare_quantile((struct hp_compare_side){new.as_is, after->sample_count}, quantile) -
                  hp_compare_quantile((struct hp_compare_side){old.as_is, before->sample_count}, quantile);
    out->changed = hp_compare_changed(was, is, out->own);
    double middle = out->before_ns + out->own.value / 2;
    bool grew = out->own.value > 0;
    out->throughout =
        out->changed && lies_throughout(&old, middle, !grew) && lies_throughout(&new, middle, grew);
    return HP_OK;
}
