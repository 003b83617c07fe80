/* treediff.c -- see treediff.h.
 *
 * Both trees are walked in preorder; a path is known by a hash of its parent's and its own symbol, so that no
 * tree has to be searched. Where call lines made two nodes of one path, their totals are added up.
 */
#include "model/treediff.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

/* The line of a function moves with edits above it: only file, name and kind say which one it is. */
static uint64_t path_hash(const struct hp_profile *profile, uint32_t node, const uint64_t *hashes)
{
    const struct hp_node *at = &profile->tree->nodes[node];
    struct hp_symbol symbol = hp_dict_symbol(profile->dict, at->sym);
    uint64_t own = hp_hash64(symbol.name.p, symbol.name.n,
                             hp_hash64(symbol.file.p, symbol.file.n, (uint64_t)symbol.kind << 8 | at->kind));
    return node == HP_NODE_ROOT ? 1 : hp_hash_mix(hashes[at->parent], own);
}

static hp_err sum_paths(const struct hp_profile *profile, uint64_t *hashes, uint64_t *sums,
                        struct hp_map *map)
{
    hp_err err = HP_OK;
    uint32_t count = 0;
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE && err == HP_OK; i = hp_tree_next(profile->tree, i)) {
        uint32_t index;
        hashes[i] = path_hash(profile, i, hashes);
        if (!hp_map_get(map, hashes[i], &index)) {
            index = count++;
            sums[index] = 0;
            err = hp_map_put(map, hashes[i], index);
        }
        sums[index] += profile->tree->nodes[i].total;
    }
    return err;
}

/* Several nodes of one path share what it was before by what they are now. */
static void share_out(const struct hp_profile *after, const uint64_t *hashes, const struct hp_map *then_map,
                      const uint64_t *then, const struct hp_map *now_map, const uint64_t *now,
                      uint64_t *totals)
{
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(after->tree, i)) {
        uint32_t was, is;
        uint64_t own = after->tree->nodes[i].total;
        totals[i] = 0;
        if (hp_map_get(then_map, hashes[i], &was) && hp_map_get(now_map, hashes[i], &is)) {
            totals[i] =
                own == now[is] ? then[was] : (uint64_t)((double)then[was] * ((double)own / (double)now[is]));
        }
    }
}

hp_err hp_treediff_before(const struct hp_profile *after, const struct hp_profile *before, uint64_t *totals)
{
    struct hp_map then_map, now_map;
    hp_err err = HP_ENOMEM;
    uint32_t most = after->tree->count > before->tree->count ? after->tree->count : before->tree->count;
    uint64_t *hashes = hp_malloc((size_t)most * sizeof *hashes);
    uint64_t *then = hp_malloc((size_t)before->tree->count * sizeof *then);
    uint64_t *now = hp_malloc((size_t)after->tree->count * sizeof *now);
    hp_map_init(&then_map, most);
    hp_map_init(&now_map, most);
    if (hashes == NULL || then == NULL || now == NULL) {
        goto done;
    }
    err = sum_paths(before, hashes, then, &then_map);
    err = err != HP_OK ? err : sum_paths(after, hashes, now, &now_map);
    if (err == HP_OK) {
        share_out(after, hashes, &then_map, then, &now_map, now, totals);
    }
done:
    hp_map_fini(&now_map);
    hp_map_fini(&then_map);
    hp_free(now);
    hp_free(then);
    hp_free(hashes);
    return err;
}
