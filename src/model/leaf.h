/* leaf.h -- the lines that the innermost frames of a sampled tree were at: for one node many (line, time,
 * samples).
 *
 *     node ─ head ─▶ line 12, 40 ms ─▶ line 14, 310 ms        a chain in one array, ascending; heads are the owner's, 0 is none
 *
 * What a node's lines add up to is at most its own self time and samples; the rest was at no line that is
 * known. Bounded: beyond `max` entries, or HP_LEAF_LINES of one chain, or without memory, a line is not told.
 */
#ifndef HP_LEAF_H
#define HP_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/reader.h"
#include "hotplate/err.h"

struct hp_tree;

#define HP_LEAF_LINES 255u

struct hp_leaf {
    uint32_t line, next; /* next: its index + 1, 0 ends */
    uint64_t self, samples;
};

struct hp_leaves {
    struct hp_leaf *list;
    uint32_t count, capacity, max;
};

/* Empty, at most `max` entries. Never allocates. Owns: finish with hp_leaves_fini. */
void hp_leaves_init(struct hp_leaves *leaves, uint32_t max);
void hp_leaves_fini(struct hp_leaves *leaves);

/* Forget all chains; the owner forgets the heads. */
static inline void hp_leaves_reset(struct hp_leaves *leaves)
{
    leaves->count = 0;
}

/* Add to the line's entry of the chain that *head begins. Line 0 is none. Fails: never, see the head of the
 * file. */
void hp_leaves_add(struct hp_leaves *leaves, uint32_t *head, uint32_t line, uint64_t self, uint64_t samples);

/* A chain as bytes (docs/formats/record.md, "lines"), and back: added to the chain of *head. HP_EFORMAT:
 * untrusted input that does not fit. */
void hp_leaves_put(const struct hp_leaves *leaves, uint32_t head, struct hp_buf *out);
HP_CHECK hp_err hp_leaves_get(struct hp_leaves *leaves, uint32_t *head, struct hp_reader *in);

/* Walk what is a node's own: its value at each line that is known, then the rest at line 0. Start with *at
 * its head and *rest its value; false at the end. */
bool hp_leaves_next(const struct hp_leaves *leaves, uint32_t *at, uint64_t *rest, uint32_t *line,
                    uint64_t *value);

/* ---- of a tree, function by function ---- */

struct hp_leaf_line {
    uint32_t sym, line;
    uint64_t self, samples;
};

/* All lines of the live nodes, added up by function and line; those of a function stand together, the one
 * with most time first. Owns: hp_free(*lines). HP_ENOMEM. */
HP_CHECK hp_err hp_leaf_fold(const struct hp_tree *tree, struct hp_leaf_line **lines, size_t *count);

/* The lines of one node with most time, at most `most`, longest first. Returns how many. */
size_t hp_leaf_top(const struct hp_tree *tree, uint32_t node, struct hp_leaf_line *out, size_t most);

/* The lines of one function in what hp_leaf_fold made; NULL: none. */
const struct hp_leaf_line *hp_leaf_find(const struct hp_leaf_line *lines, size_t count, uint32_t sym,
                                        size_t *found);

#endif
