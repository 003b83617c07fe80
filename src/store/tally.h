/* tally.h -- rollups in the making: per (minute, route, revision, level) counts, sketch, statements and
 * merged trees.
 *
 * Why: a rollup's big parts (trees) are written about once a second, not with every batch. Until then they
 * are added up here, by number arithmetic alone: values of a known shape are added node by node
 * (model/treesum.h).
 *
 * Caps: HP_TALLY_KEYS keys of about 20 KB (then the owner writes the one out that rested longest),
 * HP_TALLY_SHAPES shapes and HP_TALLY_STATEMENTS statements a key, HP_TALLY_BYTES for trees altogether. A
 * request that does not fit is counted in `requests` but not in `covered`, which tells readers to take that
 * minute from single requests. All ids are rows of the store. Threads: owner only.
 */
#ifndef HP_TALLY_H
#define HP_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/map.h"
#include "hotplate/err.h"
#include "model/record.h"
#include "model/sketch.h"
#include "model/treesum.h"
#include "store/store.h"

#define HP_TALLY_KEYS       256u
#define HP_TALLY_SHAPES     32u
#define HP_TALLY_STATEMENTS 1024u
#define HP_TALLY_BYTES      ((size_t)4 << 20)
#define HP_TALLY_NODES      (1u << 17)

struct hp__tally_key {
    uint64_t minute;
    uint32_t route, revision;
    uint8_t level;
};

struct hp__tally_tree {
    uint64_t requests;
    uint32_t shape, inner_ps, outer_ps;
    bool dirty;
    struct hp_treesum sum;
};

struct hp__tally {
    struct hp__tally_key key;
    uint64_t used;       /* when it was last asked for, by hp__tallies.asked */
    uint64_t rollup;     /* row of the store; 0: none yet */
    uint64_t flushed_ns; /* monotonic; of the last write of the big parts */
    uint64_t requests, errors, total_ns, cpu_ns, cpu_requests, own_ns, statements, sql_ns;
    uint64_t covered;         /* requests whose statements and tree are in here */
    uint64_t flushed_covered; /* of them in the big parts written last */
    bool dirty, big_dirty;
    struct hp_sketch *sketch;
    struct hp_statement_row *rows;
    uint32_t row_count, row_capacity;
    struct hp_map row_index;
    struct hp__tally_tree *trees[HP_TALLY_SHAPES];
    uint32_t tree_count;
};

struct hp__tallies {
    struct hp__tally *list[HP_TALLY_KEYS];
    uint64_t hashes[HP_TALLY_KEYS]; /* of their keys: what is looked through */
    uint64_t asked;                 /* how often */
    uint32_t count;
    size_t tree_bytes;
};

/* Nothing tallied. Never allocates. Owns: finish with hp__tallies_fini. */
void hp__tallies_init(struct hp__tallies *all);
void hp__tallies_fini(struct hp__tallies *all);

/* Forget one (by its place; the last one takes it) or all. */
void hp__tallies_drop(struct hp__tallies *all, uint32_t at);
void hp__tallies_clear(struct hp__tallies *all);

/* Forget the tree of a shape that the store has deleted. */
void hp__tallies_drop_shape(struct hp__tallies *all, uint32_t shape);

/* The tally of a key, made if new. Borrowed. HP_EFULL: write one out and drop it first. HP_ENOMEM. */
HP_CHECK hp_err hp__tallies_get(struct hp__tallies *all, const struct hp__tally_key *key,
                                struct hp__tally **tally);

/* Place of the one that was not asked for the longest; there must be one. */
uint32_t hp__tallies_oldest(const struct hp__tallies *all);

/* Add a request, its ids already rows of the store; `shape` 0: no tree. Hot: no allocation once the shape and
 * the statements are known. Fails: never; without memory the request is not covered. */
void hp__tally_add(struct hp__tallies *all, struct hp__tally *tally, const struct hp_record *record,
                   uint32_t shape);

/* Statement rows as bytes and back (docs/formats/store.md). decode: HP_EFORMAT, HP_ENOMEM; `*rows` is the
 * caller's to hp_free. */
void hp__tally_encode_rows(const struct hp__tally *tally, struct hp_buf *out);
HP_CHECK hp_err hp__tally_decode_rows(struct hp_str bytes, struct hp_statement_row **rows, size_t *count);

#endif
