/* routememory.h -- what the requests of a route leave behind, by 1,000 of them. */
#ifndef HP_ROUTEMEMORY_H
#define HP_ROUTEMEMORY_H

#include "store/store.h"

struct hp_route_memory {
    /* By 1,000 requests; of what is negative memory was given back. */
    double kept_bytes, kept_blocks, rss_growth_bytes;
    uint32_t kept_requests, rss_requests; /* that these are means of; 0: not recorded */
};

/* From requests of the route with detail, spread over its durations, without the earliest third (modules and
 * caches). `scratch` is reset. Fails: HP_ENOMEM, or as the store. */
HP_CHECK hp_err hp_route_memory_load(struct hp_store *store, const struct hp_scope *scope, uint32_t route,
                                     struct hp_arena *scratch, struct hp_route_memory *out,
                                     struct hp_errinfo *info);

/* What the requests of all other routes give back beyond what they take and what those leave that leave
 * little, added up: of what this route's leave so much may be free lists of the interpreter, which a
 * collection empties, or rings of garbage. Nothing where it is just what one other route leaves. Fails: as
 * above. */
HP_CHECK hp_err hp_route_memory_given_back(struct hp_store *store, const struct hp_scope *scope,
                                           uint32_t route, double *bytes, struct hp_errinfo *info);

#endif
