/* mergedtree.h -- the call trees of a selection as one: exact ones, or those of samples, or what samplers saw
 * outside of requests.
 *
 * Exact trees and sampled ones are never added up: a sampled self time is a weight, not a measurement. Whole
 * minutes come from the store's rollups, so a day of a continuous profile is read as a few hundred trees.
 */
#ifndef HP_MERGEDTREE_H
#define HP_MERGEDTREE_H

#include "store/store.h"

enum hp_merged_of {
    HP_MERGED_LARGER, /* of the two below the one that more requests have */
    HP_MERGED_EXACT,
    HP_MERGED_SAMPLES,
    HP_MERGED_OUTSIDE /* samples that belong to no request: stretches of processes that begin in the range, of
                         all routes */
};

struct hp_mergedtree {
    struct hp_tree *tree; /* owned, with totals; NULL: nothing there */
    uint64_t requests;    /* with a tree; 0: none, or outside */
    bool sampled;
};

/* Merge the trees of `scope` into one of at most `most_nodes`; `scope->sampled` is ignored,
 * `scope->calibrated` obeyed. A tree, if there is one, is the caller's to free. Fails: as hp_store_merged and
 * hp_store_sampled, HP_ENOMEM; then `out` is untouched. Threads: owner of the handle. */
HP_CHECK hp_err hp_mergedtree_load(struct hp_store *store, const struct hp_scope *scope, enum hp_merged_of of,
                                   uint32_t most_nodes, struct hp_mergedtree *out, struct hp_errinfo *info);

#endif
