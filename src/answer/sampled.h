/* sampled.h -- one route's sampled requests, decoded and ready for the rules. */
#ifndef HP_SAMPLED_H
#define HP_SAMPLED_H

#include "base/arena.h"
#include "find/find.h"
#include "find/sites.h"
#include "store/store.h"

#define HP_SAMPLED_MOST 200u

struct hp_sampled_sources { /* where the case has its sources from */
    struct hp_store *store;
    const struct hp_scope *scope;
};

struct hp_sampled {
    struct hp_case
        c; /* samples, dictionary and sources are set; borrowed from here, the store handle and the scope */
    struct hp_sampled_sources sources;
    struct hp_record *records;
    struct hp_tree **trees; /* NULL entries where the level has none */
    struct hp_sample *samples;
    struct hp_tree *pool[HP_SAMPLED_MOST]; /* trees made so far; the next load uses them again */
    struct hp_tree *merged;                /* of all requests with samples; likewise */
    uint32_t estimated;                    /* sampled requests whose tree is of samples */
    uint8_t lowest_level;                  /* enum hp_level of the sampled requests */
};

/* Load up to `most` (≤ HP_SAMPLED_MOST) requests of `row`'s route into a zeroed or used `sampled`; what was
 * loaded before is gone. `recorded_ns`: of all routes in scope. Arrays from `arena`, trees on the heap until
 * _fini, also after a failure. Fails: as hp_store_sample, HP_ENOMEM. A tree that cannot be read counts as
 * none. Threads: owner of the handle. */
HP_CHECK hp_err hp_sampled_load(struct hp_sampled *sampled, struct hp_store *store,
                                const struct hp_scope *scope, const struct hp_route_row *row,
                                uint64_t recorded_ns, uint32_t most, struct hp_arena *arena,
                                struct hp_errinfo *info);

/* Learn from a few requests of a route which lines run statements; for all routes before the first is looked
 * into. `scratch` is reset, the list grows in `arena`. Fails: as hp_store_sample, HP_ENOMEM. Threads: owner
 * of the handle. */
HP_CHECK hp_err hp_sampled_sites(struct hp_sites *sites, struct hp_store *store, const struct hp_scope *scope,
                                 uint32_t route, struct hp_arena *arena, struct hp_arena *scratch,
                                 struct hp_errinfo *info);

/* Free the trees. A zeroed one is fine. */
void hp_sampled_fini(struct hp_sampled *sampled);

/* "GET /settings"; from `arena`, empty without memory. */
struct hp_str hp_sampled_route_name(const struct hp_dict *dict, uint32_t route, struct hp_arena *arena);

#endif
