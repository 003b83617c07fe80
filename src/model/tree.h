/* tree.h -- the exact call tree (calling-context tree, Ammons, Ball, Larus, PLDI 1997).
 *
 * One node per path of (symbol, call site). All lanes of a request share one tree: a thread hangs as a LANE
 * node under the node that started it, and forty threads started at one place share that node. Time under a
 * LANE node runs beside its parent and is not part of the parent's total.
 *
 *   0 root ── 1 wsgi_app ── 2 settings ─┬─ 3 get_max (line 31)
 *                                       └─ 4 LANE thread ── 5 fetch
 *
 * While capturing, a tree lives on from request to request: hp_tree_begin starts a new epoch, nodes of older
 * epochs count as absent until touched. So a warm request allocates nothing and resolves no line. Encoding
 * puts siblings in the order of (symbol content hash, site, kind), hence two processes encode the same
 * request shape to the same bytes.
 *
 * Times are in the unit that the owner puts in: clock ticks while capturing (converted when encoded),
 * nanoseconds after decoding. A parent's id is always lower than its children's.
 *
 * Bounded: beyond max_nodes a new path goes to the OVERFLOW node under the nearest application function above
 * it (as many as hp_tree_hold says), else to that under the LANE node (or root) that it belongs to; a new
 * lane to one shared LANE node under the root; room for these is held back, so that no time changes lanes
 * while the sum of self times over a lane stays exact. A call below an overflow node is the overflow node
 * again. All are counted. Recursion needs nothing special here (each level is a node); hp_functions
 * (functions.h) folds it.
 */
#ifndef HP_TREE_H
#define HP_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/assert.h"
#include "base/buf.h"
#include "base/reader.h"
#include "hotplate/err.h"
#include "model/dict.h"
#include "model/leaf.h"

/* Stored in files: only add. */
enum hp_node_kind {
    HP_NODE_CALL = 0,
    HP_NODE_LANE = 1,
    HP_NODE_OVERFLOW = 2,
    HP_NODE_TEMPLATE = 3,
    HP_NODE_GC = 4,
    HP_NODE_KIND_COUNT
};

#define HP_NODE_ROOT 0u
#define HP_NODE_NONE UINT32_MAX

/* What one call touches stands in the first 48 bytes: one cache line, as malloc aligns by 16. */
struct hp_node {
    uint32_t last_child, successor; /* guesses of the next look-up; 0 none */
    uint32_t sym;
    uint32_t site; /* capture: instruction offset of the call in the parent; readers: the line */
    uint32_t epoch;
    uint8_t kind;                               /* enum hp_node_kind */
    uint8_t unsorted;                           /* its children are in no order yet */
    uint64_t calls;                             /* starts */
    uint64_t self;                              /* exclusive */
    uint64_t resumes;                           /* re-entries of generators and coroutines */
    uint32_t parent, first_child, next_sibling; /* HP_NODE_NONE ends */
    uint32_t line;                              /* of the call in the parent's code, 0 unknown */
    uint32_t lane;                              /* nearest LANE node or root, itself included */
    uint32_t exceptions;
    uint64_t total;                                      /* inclusive without LANE children */
    uint64_t cpu_ns, alloc_bytes, alloc_blocks, samples; /* room for later issues; 0 = not recorded */
    uint32_t leaf;    /* head of its lines in `leaves`, of samples whose innermost frame it was */
    uint32_t beyond;  /* OVERFLOW node of calls that have no room here; 0 not known */
    uint32_t room[2]; /* 128 bytes make the index a shift */
};
_Static_assert(sizeof(struct hp_node) == 128, "the hot path counts on it");

struct hp_tree {
    struct hp_node *nodes;
    uint32_t count, capacity, max_nodes, epoch;
    uint32_t overflow_node;     /* of the root's lane, HP_NODE_NONE until needed */
    uint32_t overflow_lane;     /* LANE node that lanes beyond the cap share, HP_NODE_NONE until needed */
    uint64_t overflow_count;    /* calls that went to overflow nodes in this epoch */
    const struct hp_dict *dict; /* borrowed: whose symbols; NULL: siblings are ordered by id */
    uint32_t *slots;            /* hash of (parent, sym, site, kind) to node; 0 is free */
    uint32_t slot_mask;
    uint32_t hashed;                     /* nodes below this are in `slots` */
    uint32_t lane_count, overflow_nodes; /* LANE nodes; OVERFLOW nodes right below them */
    uint32_t held_nodes, held_most;      /* OVERFLOW nodes below application functions; hp_tree_hold */
    bool unsorted;                       /* some node's children are */
    struct hp_leaves leaves;             /* of the nodes of this epoch */
};

/* A tree with its root (kind LANE, symbol 0). max_nodes: 4 at least. NULL: no memory. Owns: nothing but
 * itself. */
struct hp_tree *hp_tree_new(const struct hp_dict *dict, uint32_t max_nodes);
void hp_tree_free(struct hp_tree *tree);
/* Hold back so many of max_nodes, less than half, for OVERFLOW nodes below application functions: what has no
 * room keeps the function that it was for. Precondition: the tree has a dictionary, and is empty. */
void hp_tree_hold(struct hp_tree *tree, uint32_t nodes);

/* Forget all nodes but the root (keeps memory). / New epoch: all counters read as zero from here. Hot: begin
 * yes. */
void hp_tree_clear(struct hp_tree *tree);
void hp_tree_begin(struct hp_tree *tree);

/* The path of hp_tree_child when the guesses fail; call hp_tree_child instead. */
uint32_t hp__tree_child_slow(struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t site,
                             enum hp_node_kind kind, bool *fresh);

/* The same child if it is live and is the one that is likely next: a caller does what it did before, calls
 * the same callee again or the one that came next the last time. Else HP_NODE_NONE, which says nothing. Hot:
 * yes. */
static inline uint32_t hp_tree_guess(struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t site,
                                     enum hp_node_kind kind)
{
    hp_assert(parent < tree->count && tree->nodes[parent].epoch == tree->epoch);
    struct hp_node *up = &tree->nodes[parent];
    uint32_t guess = up->last_child;
    const struct hp_node *node = &tree->nodes[guess];
    if (node->sym != sym || node->site != site || node->epoch != tree->epoch || node->kind != kind) {
        guess = node->successor;
        node = &tree->nodes[guess];
        if (__builtin_expect(node->sym != sym || node->site != site || node->epoch != tree->epoch ||
                                 node->kind != kind,
                             0)) {
            return HP_NODE_NONE;
        }
        up->last_child = guess;
    }
    return guess;
}

/* The child of `parent` (a live node) for (sym, site, kind), touched in this epoch; made if there is none.
 * `*fresh` tells that it was made just now and wants its line: hp_tree_set_line. Never fails: at the cap or
 * without memory it is an overflow node (or the parent itself when even that cannot be had). May move
 * tree->nodes. Hot: yes when the node exists. Threads: owner only (or GIL). */
static inline uint32_t hp_tree_child(struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t site,
                                     enum hp_node_kind kind, bool *fresh)
{
    uint32_t guess = hp_tree_guess(tree, parent, sym, site, kind);
    if (__builtin_expect(guess == HP_NODE_NONE, 0)) {
        return hp__tree_child_slow(tree, parent, sym, site, kind, fresh);
    }
    *fresh = false;
    return guess;
}

void hp_tree_set_line(struct hp_tree *tree, uint32_t node, uint32_t line);

/* The same for readers, where line is known and is the key (site = line). */
uint32_t hp_tree_child_at_line(struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t line,
                               enum hp_node_kind kind);

/* Whether a node belongs to the current epoch. Root always does. */
bool hp_tree_live(const struct hp_tree *tree, uint32_t node);

/* Depth first, parents before children, only live nodes, no recursion: start with HP_NODE_ROOT; HP_NODE_NONE
 * at the end. Siblings come in the order of the encoding if the tree was decoded or encoded and nothing was
 * added since. */
uint32_t hp_tree_next(const struct hp_tree *tree, uint32_t node);

/* Add every live node of `from` into `into` (other dictionaries: `sym_map[from id] = into id`, NULL for the
 * same). Nodes are matched by line. Totals add up too; after an overflow (overflow_count) or without totals
 * in `from`: hp_tree_total. HP_ENOMEM: nothing was added. */
HP_CHECK hp_err hp_tree_merge(struct hp_tree *into, const struct hp_tree *from, const uint32_t *sym_map);

/* Encode as two strings: the shape (structure, symbols, lines, kinds) and the values (calls, resumes,
 * exceptions, self time). Requests of one route nearly always share the shape, so a store keeps it once.
 * `ns_of` converts the tree's time unit (NULL: ns already); it must be monotonic and is applied to running
 * sums, so that rounding errors do not add up. `number_of` (may be NULL; array of tree->count) receives each
 * node's position in the encoding, HP_NODE_NONE when not live. Puts siblings in order first. Hot: no
 * allocation while the buffers have room. HP_EFULL, HP_ENOMEM. Layout: docs/formats/record.md. */
HP_CHECK hp_err hp_tree_encode(struct hp_tree *tree, uint64_t (*ns_of)(uint64_t), struct hp_buf *shape,
                               struct hp_buf *values, uint32_t *number_of);

/* Decode into an empty tree (cleared first). Node ids then equal positions in the encoding; totals are
 * computed. Input is untrusted: HP_EFORMAT, HP_EVERSION, HP_EFULL (more than max_nodes), HP_ENOMEM; the tree
 * is then cleared. sym_map as in merge (NULL: the same ids), sym_count its length (ids beyond:
 * HP_EFORMAT). */
HP_CHECK hp_err hp_tree_decode(struct hp_tree *tree, struct hp_reader shape, struct hp_reader values,
                               const uint32_t *sym_map, uint32_t sym_count);

/* Rewrite a shape for another dictionary, structure untouched: the same nodes at the same positions with the
 * symbols that `map` gives (0: unknown). HP_EFORMAT, HP_EVERSION, HP_EFULL, HP_ENOMEM. */
HP_CHECK hp_err hp_tree_map_shape(struct hp_reader shape, uint32_t (*map)(void *ctx, uint32_t sym), void *ctx,
                                  struct hp_buf *out);

/* Recompute totals from selfs (LANE children apart). */
void hp_tree_total(struct hp_tree *tree);

/* Take the tracer's own cost out: each call and resume carries `inner_ns` in its own self time and `outer_ns`
 * in its parent's. Clamped at 0; recomputes totals. Only CALL, TEMPLATE and OVERFLOW nodes are calls. Returns
 * the ns taken out of the root's lane. */
uint64_t hp_tree_calibrate(struct hp_tree *tree, double inner_ns, double outer_ns);

/* One more sample, whose innermost frame is the node's function at `line` (0: not known). Hot: no (may
 * allocate). */
void hp_tree_add_sample(struct hp_tree *tree, uint32_t node, uint32_t line, uint64_t self_ns,
                        uint64_t cpu_ns);

/* All times of a sampled tree times `factor`; totals are computed anew. */
void hp_tree_scale(struct hp_tree *tree, double factor);

/* Samples that the live nodes are made of; 0: the tree is exact, or has none. */
uint64_t hp_tree_samples(const struct hp_tree *tree);

/* Half the width of the 95 % interval of a share that `samples` samples give; 1 without samples. */
double hp_tree_share_error(double share, uint64_t samples);

/* Check of all invariants, for tests; NULL if fine, else what is wrong. */
const char *hp__tree_check(const struct hp_tree *tree);

#endif
