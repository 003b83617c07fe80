/* profile.h -- one profile, whatever file or store it came from: what all readers fill and all writers and
 * views take.
 *
 * Why: formats differ in what they know, and a view must not pretend to more. So the shape says it:
 *
 *     TREE    stacks: every path has its own value; `tree`
 *     PAIRS   only functions and pairs of caller and callee (pstats, callgrind); `graph`
 *
 * A tree's values are whole numbers of its unit (nanoseconds, samples, bytes). Threads of a file are nodes
 * below the root whose symbol is of kind HP_SYM_ROOT. `samples` are the values one by one: in time order if
 * `ordered` says so (what no frame was on the stack for is at the thread's node), and with labels where the
 * format has them; they add up to the tree's own values.
 *
 * Bounded: nodes and samples together stay below the budget of the source. Beyond it
 * nodes are refused (HP_EFULL) and samples dropped: then `ordered` is false and `samples_dropped` counts
 * them.
 */
#ifndef HP_PROFILE_H
#define HP_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/show.h"
#include "base/str.h"
#include "hotplate/err.h"
#include "model/callgraph.h"
#include "model/dict.h"
#include "model/tree.h"

/* What a reader reads, and how many bytes the profile may take for nodes and samples. */
struct hp_profile_source {
    struct hp_str bytes;
    size_t budget_bytes;
    bool no_pairs; /* nobody asks for callers: a reader of PAIRS may leave them out, and functions that are
                      only named as one */
    void (*passed)(void *ctx,
                   size_t bytes); /* NULL, or called now and then: so many will not be read any more */
    void *ctx;
};

enum hp_profile_shape { HP_PROFILE_TREE, HP_PROFILE_PAIRS };
enum hp_profile_unit { HP_UNIT_TIME, HP_UNIT_SAMPLES, HP_UNIT_BYTES, HP_UNIT_COUNT };

struct hp_profile_sample {
    uint32_t node;
    uint32_t line;  /* of its own that it was at; 0: not known */
    uint32_t label; /* string of the dictionary: "key\0value\0" pairs; 0 none */
    uint64_t value;
};

struct hp_profile {
    enum hp_profile_shape shape;
    enum hp_profile_unit unit;
    bool ordered;      /* `samples` are in time order, thread by thread */
    bool counts_calls; /* calls are known */
    bool own_names;    /* qualified names of our own capture, else names as the file has them */
    bool sampled;      /* values come from samples, also where they are times */
    uint64_t requests; /* of a store: how many are added up; else 0 */
    uint64_t sum;      /* of what hp_profile_add took */
    uint64_t clamped;  /* values that were cut: negative ones to 0, others so that no total passes 64 bits */
    struct hp_dict *dict; /* owned */
    struct hp_tree *tree; /* owned; NULL for PAIRS */
    struct hp_callgraph graph;
    struct hp_profile_sample *samples;
    size_t sample_count, sample_capacity, samples_max;
    uint64_t samples_dropped;
};

/* An empty profile of a shape. NULL: no memory. Owns: hp_profile_free. */
struct hp_profile *hp_profile_new(enum hp_profile_shape shape, size_t budget_bytes);
void hp_profile_free(struct hp_profile *profile);

/* Where what a package manager installed begins in a file's path: behind the first ".../site-packages/" or
 * ".../dist-packages/"; 0: neither is in it. Threads: any. */
size_t hp_profile_installed(struct hp_str file);

/* Intern a frame as a file names it: library or application is told by its path. Fails: HP_ENOMEM,
 * HP_EFULL. */
HP_CHECK hp_err hp_profile_symbol(struct hp_profile *profile, struct hp_str file, struct hp_str name,
                                  uint32_t line, uint32_t *sym);
HP_CHECK hp_err hp_profile_thread(struct hp_profile *profile, struct hp_str name, uint32_t *sym);

/* The child of a node for a symbol, made if new. Fails: HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_profile_child(struct hp_profile *profile, uint32_t parent, uint32_t sym, uint32_t *node);

/* Add a value to a node, and to the samples if `keep`; less of it where all values together would pass 64
 * bits. HP_ENOMEM. */
HP_CHECK hp_err hp_profile_add(struct hp_profile *profile, uint32_t node, uint64_t value, bool keep);
/* The same of a sample that is kept whole; its line is one of the node's, too. */
HP_CHECK hp_err hp_profile_add_sample(struct hp_profile *profile, const struct hp_profile_sample *sample);

/* Totals of a TREE, order of PAIRS. Call when all is read or merged. HP_ENOMEM. */
HP_CHECK hp_err hp_profile_finish(struct hp_profile *profile);

/* A copy of a tree with its words in a dictionary of its own. `per request` values stay sums. HP_ENOMEM,
 * HP_EFULL. */
HP_CHECK hp_err hp_profile_from_tree(const struct hp_tree *tree, const struct hp_dict *dict,
                                     struct hp_profile **profile);

/* The callgraph: the profile's own, or folded from the tree on the first call. HP_ENOMEM. */
HP_CHECK hp_err hp_profile_graph(struct hp_profile *profile);

/* Take the folders out of the graph's file names; functions that then look alike become one, as pstats'
 * strip_dirs makes them. The graph is made and is the old one after a failure. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_profile_strip_dirs(struct hp_profile *profile);

/* Add `from` into `into`. A tree with pairs added to it becomes pairs. Samples are not kept; finish when all
 * is merged. HP_EINVAL: the units differ. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_profile_merge(struct hp_profile *into, struct hp_profile *from);

/* Whether there is nothing in it. */
bool hp_profile_is_empty(const struct hp_profile *profile);

/* A tree's value for people: "4.31 ms", "1,234", "4.31 kB". Returns `out`. */
char *hp_profile_show(char out[HP_SHOW_BYTES], enum hp_profile_unit unit, uint64_t value);

/* "s", "samples", "bytes", "counts". */
const char *hp_profile_unit_name(enum hp_profile_unit unit);

#endif
