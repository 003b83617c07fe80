/* routememory.c -- see routememory.h. */
#include "answer/routememory.h"

#include <stdlib.h>

#define REQUESTS_MOST 96u
#define ROUTES_MOST   64u
#define LITTLE_BYTES  32768000.0 /* by 1,000 requests: any route leaves that, to be given back */
#define SCRATCH_BYTES ((size_t)256 << 20)

struct left {
    uint64_t start_ns, rss_bytes; /* HP_ABSENT */
    double bytes;
    bool counted;
};

struct lefts {
    struct left list[REQUESTS_MOST];
    uint32_t count;
};

static bool add(void *ctx, const struct hp_record *record)
{
    struct lefts *lefts = ctx;
    struct left *left = &lefts->list[lefts->count++];
    left->start_ns = record->req.start_wall_ns;
    left->rss_bytes = record->req.rss_growth_bytes;
    left->counted = hp_record_kept_bytes(&record->req, &left->bytes);
    return lefts->count < REQUESTS_MOST;
}

static int compare(const void *a, const void *b)
{
    const struct left *x = a, *y = b;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

hp_err hp_route_memory_load(struct hp_store *store, const struct hp_scope *scope, uint32_t route,
                            struct hp_arena *scratch, struct hp_route_memory *out, struct hp_errinfo *info)
{
    struct lefts lefts = {.count = 0};
    struct hp_route_memory sum = {0};
    hp_arena_reset(scratch);
    hp_err err = hp_store_sample(store, scope, route, REQUESTS_MOST, scratch, add, &lefts, info);
    if (err != HP_OK) {
        return err;
    }
    qsort(lefts.list, lefts.count, sizeof *lefts.list, compare);
    for (uint32_t i = lefts.count / 3; i < lefts.count; i++) {
        const struct left *left = &lefts.list[i];
        if (left->counted) {
            sum.kept_bytes += left->bytes;
            sum.kept_requests++;
        }
        if (left->rss_bytes != HP_ABSENT) {
            sum.rss_growth_bytes += (double)left->rss_bytes;
            sum.rss_requests++;
        }
    }
    sum.kept_bytes *= sum.kept_requests != 0 ? 1000.0 / sum.kept_requests : 0;
    sum.rss_growth_bytes *= sum.rss_requests != 0 ? 1000.0 / sum.rss_requests : 0;
    *out = sum;
    return HP_OK;
}

struct others {
    uint32_t except, count;
    struct {
        uint32_t route;
        uint64_t requests;
    } list[ROUTES_MOST];
};

static bool add_other(void *ctx, const struct hp_route_row *row)
{
    struct others *others = ctx;
    if (row->route != others->except) {
        others->list[others->count].route = row->route;
        others->list[others->count++].requests = row->requests;
    }
    return others->count < ROUTES_MOST;
}

hp_err hp_route_memory_given_back(struct hp_store *store, const struct hp_scope *scope, uint32_t route,
                                  double *bytes, struct hp_errinfo *info)
{
    struct others others = {.except = route};
    struct hp_arena scratch;
    double sum = 0;
    hp_arena_init(&scratch, SCRATCH_BYTES);
    hp_err err = hp_store_routes(store, scope, add_other, &others, info);
    for (uint32_t i = 0; i < others.count && err == HP_OK; i++) {
        struct hp_route_memory memory;
        err = hp_route_memory_load(store, scope, others.list[i].route, &scratch, &memory, info);
        if (err == HP_OK && memory.kept_bytes < LITTLE_BYTES) {
            sum -= memory.kept_bytes / 1000 * (double)others.list[i].requests;
        }
    }
    hp_arena_fini(&scratch);
    if (err == HP_OK) {
        *bytes = sum > 0 ? sum : 0;
    }
    return err;
}
