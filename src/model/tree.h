/* tree.h -- the exact call tree (calling-context tree, Ammons, Ball, Larus, PLDI 1997).
 *
 * One node per path of (symbol, call site). All lanes of a request share one tree: a thread hangs as a LANE node under
 * the node that started it, and forty threads started at one place share that node. Time under a LANE node runs
 * beside its parent and is not part of the parent's total.
 *
 *   0 root ── 1 wsgi_app ── 2 settings ─┬─ 3 get_max (line 31)
 *                                       └─ 4 LANE thread ── 5 fetch
 *
 * While capturing, a tree lives on from request to request: hp_tree_begin starts a new epoch, nodes of older epochs
 * count as absent until touched. So a warm request allocates nothing and resolves no line. Siblings are kept sorted by
 * (symbol content hash, line, site), hence two processes encode the same request shape to the same bytes.
 *
 * Times are in the unit that the owner puts in: clock ticks while capturing (converted when encoded), nanoseconds
 * after decoding. Bounded: beyond max_nodes a new path goes to one overflow node under the root's child list, counted.
 * Recursion needs nothing special here (each level is a node); hp_functions (functions.h) folds it.
 */
#ifndef HP_TREE_H
#define HP_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/reader.h"
#include "hotplate/err.h"
#include "model/dict.h"

enum hp_node_kind { HP_NODE_CALL = 0, HP_NODE_LANE = 1, HP_NODE_OVERFLOW = 2, HP_NODE_TEMPLATE = 3, HP_NODE_GC = 4 };

#define HP_NODE_ROOT 0u
#define HP_NODE_NONE UINT32_MAX

struct hp_node {
    uint32_t parent, first_child, next_sibling; /* HP_NODE_NONE ends */
    uint32_t last_child, successor;             /* guess of the next look-up */
    uint32_t sym, line;                         /* line: of the call in the parent's code, 0 unknown */
    uint32_t site;                              /* capture only: instruction offset of the call in the parent */
    uint32_t epoch;
    uint8_t kind;
    uint32_t exceptions;
    uint64_t calls, resumes;                    /* starts; re-entries of generators and coroutines */
    uint64_t self, total;                       /* exclusive; inclusive without LANE children */
    uint64_t cpu_ns, alloc_bytes, alloc_blocks, samples; /* room for later issues; 0 = not recorded */
};

struct hp_tree {
    struct hp_node *nodes;
    uint32_t count, capacity, max_nodes, epoch;
    uint32_t overflow_node;   /* HP_NODE_NONE until needed */
    uint64_t overflow_count;  /* calls that went there in this epoch */
    const struct hp_dict *dict; /* borrowed: whose symbols */
    uint32_t *slots;          /* hash of (parent, sym, site) */
    uint32_t slot_mask;
};

/* A tree with its root (kind LANE, symbol 0). max_nodes ≥ 2. NULL: no memory. Owns: nothing but itself. */
struct hp_tree *hp_tree_new(const struct hp_dict *dict, uint32_t max_nodes);
void hp_tree_free(struct hp_tree *tree);

/* Forget all nodes but the root (keeps memory). / New epoch: all counters read as zero from here. Hot: begin yes. */
void hp_tree_clear(struct hp_tree *tree);
void hp_tree_begin(struct hp_tree *tree);

/* The child of `parent` for (sym, site, kind), touched in this epoch; made if there is none. `*fresh` tells that it was
 * made just now and wants its line: hp_tree_set_line. Never fails: at the cap or without memory it is the overflow node
 * (or the parent itself when even that cannot be had). Hot: yes when the node exists. Threads: owner only (or GIL). */
uint32_t hp_tree_child(struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t site, enum hp_node_kind kind, bool *fresh);
void hp_tree_set_line(struct hp_tree *tree, uint32_t node, uint32_t line);

/* The same for readers, where line is known and is the key (site = line). */
uint32_t hp_tree_child_at_line(struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t line, enum hp_node_kind kind);

/* Whether a node belongs to the current epoch. Root always does. */
bool hp_tree_live(const struct hp_tree *tree, uint32_t node);

/* Depth first, parents before children, only live nodes, no recursion: start with HP_NODE_ROOT; HP_NODE_NONE at the end. */
uint32_t hp_tree_next(const struct hp_tree *tree, uint32_t node);

/* Add every live node of `from` into `into` (other dictionaries: `sym_map[from id] = into id`, NULL for the same). */
HP_CHECK hp_err hp_tree_merge(struct hp_tree *into, const struct hp_tree *from, const uint32_t *sym_map);

/* Encode as two strings: the shape (structure, symbols, lines, kinds) and the values (calls, resumes, exceptions, self time). Requests of
 * one route nearly always share the shape, so a store keeps it once. `ns_of` converts the tree's time unit (NULL: ns already).
 * `number_of` (may be NULL; array of tree->count) receives each node's position in the encoding, HP_NODE_NONE when not live.
 * Layout: docs/formats/record.md. */
HP_CHECK hp_err hp_tree_encode(const struct hp_tree *tree, uint64_t (*ns_of)(uint64_t), struct hp_buf *shape, struct hp_buf *values,
                               uint32_t *number_of);

/* Decode into an empty tree (cleared first). Node ids then equal positions in the encoding; totals are computed. Input is untrusted:
 * HP_EFORMAT, HP_EFULL; the tree is then cleared. sym_map as in merge, sym_count its length (ids beyond: HP_EFORMAT). */
HP_CHECK hp_err hp_tree_decode(struct hp_tree *tree, struct hp_reader shape, struct hp_reader values, const uint32_t *sym_map,
                               uint32_t sym_count);

/* Recompute totals from selfs (LANE children apart). */
void hp_tree_total(struct hp_tree *tree);

/* Take the tracer's own cost out: each call and resume carries `inner_ns` in its own self time and `outer_ns` in its parent's. Clamped at 0; recomputes
 * totals. Returns the ns taken out of the root's lane. */
uint64_t hp_tree_calibrate(struct hp_tree *tree, double inner_ns, double outer_ns);

/* Check of all invariants, for tests; NULL if fine, else what is wrong. */
const char *hp__tree_check(const struct hp_tree *tree);

#endif
