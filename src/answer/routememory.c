/* routememory.c -- see routememory.h. */
#include "answer/routememory.h"

#include <stdlib.h>

#define REQUESTS_MOST 96u
#define ROUTES_MOST   64u
#define LITTLE_BYTES  32768000.0 /* by 1,000 requests: any route leaves that, to be given back */
#define MADE_OF_IT    0.10       /* by which what is given back may differ from what one route leaves, … */
#define NOT_MADE      0.25 /* … and by which it must differ from what another leaves that it is none of */
#define SCRATCH_BYTES ((size_t)256 << 20)

struct left {
    uint64_t start_ns, rss_bytes; /* HP_ABSENT */
    double bytes, blocks;
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
    left->blocks = (double)record->req.kept_blocks;
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
            sum.kept_blocks += left->blocks;
            sum.kept_requests++;
        }
        if (left->rss_bytes != HP_ABSENT) {
            sum.rss_growth_bytes += (double)left->rss_bytes;
            sum.rss_requests++;
        }
    }
    sum.kept_bytes *= sum.kept_requests != 0 ? 1000.0 / sum.kept_requests : 0;
    sum.kept_blocks *= sum.kept_requests != 0 ? 1000.0 / sum.kept_requests : 0;
    sum.rss_growth_bytes *= sum.rss_requests != 0 ? 1000.0 / sum.rss_requests : 0;
    *out = sum;
    return HP_OK;
}

struct routes {
    uint32_t count;
    struct {
        uint32_t route;
        uint64_t requests;
    } list[ROUTES_MOST];
};

static bool add_route(void *ctx, const struct hp_route_row *row)
{
    struct routes *routes = ctx;
    routes->list[routes->count].route = row->route;
    routes->list[routes->count++].requests = row->requests;
    return routes->count < ROUTES_MOST;
}

static double share_between(double a, double b)
{
    double more = a > b ? a : b;
    return more > 0 ? (more - (a > b ? b : a)) / more : 0;
}

/* What is given back, and what leaves so much: bytes are by the mean block of who leaves or gives back, but
 * blocks are counted. */
struct balance {
    double bytes, blocks, own_blocks;
    double much[ROUTES_MOST]; /* blocks that the requests of other routes leave which leave much */
    uint32_t much_count;
};

static double given_back(const struct balance *balance)
{
    bool other = false;
    for (uint32_t i = 0; i < balance->much_count; i++) {
        other = other || share_between(balance->much[i], balance->blocks) <= MADE_OF_IT;
    }
    bool mine = !other || share_between(balance->own_blocks, balance->blocks) < NOT_MADE;
    return mine && balance->bytes > 0 ? balance->bytes : 0;
}

hp_err hp_route_memory_given_back(struct hp_store *store, const struct hp_scope *scope, uint32_t route,
                                  double *bytes, struct hp_errinfo *info)
{
    struct routes routes = {.count = 0};
    struct balance balance = {.much_count = 0};
    struct hp_arena scratch;
    hp_arena_init(&scratch, SCRATCH_BYTES);
    hp_err err = hp_store_routes(store, scope, add_route, &routes, info);
    for (uint32_t i = 0; i < routes.count && err == HP_OK; i++) {
        struct hp_route_memory memory = {0};
        err = hp_route_memory_load(store, scope, routes.list[i].route, &scratch, &memory, info);
        double thousands = (double)routes.list[i].requests / 1000;
        if (routes.list[i].route == route) {
            balance.own_blocks = memory.kept_blocks * thousands;
        } else if (memory.kept_bytes < LITTLE_BYTES) {
            balance.bytes -= memory.kept_bytes * thousands;
            balance.blocks -= memory.kept_blocks * thousands;
        } else {
            balance.much[balance.much_count++] = memory.kept_blocks * thousands;
        }
    }
    hp_arena_fini(&scratch);
    if (err == HP_OK) {
        *bytes = given_back(&balance);
    }
    return err;
}
