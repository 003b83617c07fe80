/* treesum.h -- the values of many call trees of one shape, added up node by node.
 *
 * Why: a rollup holds the merged tree of a minute. Requests of one route nearly always share the shape, so
 * merging is adding two numbers a node, straight from the encoded values: no tree is decoded, no node looked
 * up.
 */
#ifndef HP_TREESUM_H
#define HP_TREESUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/reader.h"
#include "hotplate/err.h"
#include "model/leaf.h"

#define HP_TREESUM_EXTRAS 6 /* resumes, exceptions, cpu_ns, alloc_bytes, alloc_blocks, samples */

struct hp_treesum_extra {
    uint64_t sums[HP_TREESUM_EXTRAS];
    uint32_t leaf; /* head of its lines */
};

struct hp_treesum {
    uint64_t (*nodes)[2];            /* calls and self time */
    struct hp_treesum_extra *extras; /* NULL until a node has one */
    struct hp_leaves leaves;
    uint32_t count, capacity, max_nodes;
};

/* Nothing summed yet; at most `max_nodes` nodes. Never allocates. Owns: finish with hp_treesum_fini. */
void hp_treesum_init(struct hp_treesum *sum, uint32_t max_nodes);
void hp_treesum_fini(struct hp_treesum *sum);

/* Add one request's encoded values (hp_tree_encode). The first ones say how many nodes there are.
 * Fails: HP_EFORMAT (also: another number of nodes), HP_EFULL, HP_ENOMEM; the sum is then half done and of no
 * use. Input is not trusted. Threads: owner only. */
hp_err hp_treesum_add(struct hp_treesum *sum, struct hp_reader values) HP_CHECK;

/* Append the sums in the layout of values. Fails: as buf.h, by the error that sticks in `out`. */
void hp_treesum_encode(const struct hp_treesum *sum, struct hp_buf *out);

/* Bytes held. */
size_t hp_treesum_bytes(const struct hp_treesum *sum);

#endif
