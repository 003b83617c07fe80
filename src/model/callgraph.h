/* callgraph.h -- functions and who called whom: all that a `.prof` file holds, and what a call tree folds to.
 *
 * Why: cProfile keeps pairs of caller and callee, no paths; top, graph, merge and diff need no more than
 * that. Values are doubles, because a
 * `.prof` holds doubles and its sums must come out as pstats makes them; `per_unit` turns them into what is
 * shown (a tree's nanoseconds stay whole numbers until then).
 *
 * Functions keep the order in which they were listed, edges stand together by callee, callers in the order
 * they came. A function that was only named as a caller is there, unlisted, behind all others.
 */
#ifndef HP_CALLGRAPH_H
#define HP_CALLGRAPH_H

#include <stdbool.h>
#include <stdint.h>
#include "base/map.h"
#include "hotplate/err.h"
#include "model/dict.h"
#include "model/tree.h"

struct hp_callgraph_function {
    uint32_t sym;
    bool listed;
    uint64_t calls, primitive; /* 0 where the source counts none */
    double self, total;
};

struct hp_callgraph_edge {
    uint32_t caller, callee; /* indices of functions */
    uint64_t calls, primitive;
    double self, total;
    bool bare; /* only `calls` is known: the pure-Python profiler */
};

struct hp_callgraph {
    struct hp_callgraph_function *functions;
    struct hp_callgraph_edge *edges;
    uint32_t count, capacity, edge_count, edge_capacity, listed_count;
    uint32_t *order; /* while adding: functions in the order they were listed */
    uint32_t order_capacity;
    uint32_t *by_sym; /* index + 1 of a symbol's function; 0 none */
    uint32_t sym_capacity;
    struct hp_map by_pair;
    bool moved;      /* functions were put in order: by_sym is corrected when one is next looked up */
    bool unmapped;   /* edges were appended: by_pair is made when a pair is next looked up */
    double per_unit; /* value ÷ this = seconds, samples or bytes */
    double outside;  /* own time of threads and of what is no function */
};

/* An empty graph. Never fails. Owns: hp_callgraph_fini, also after failures. */
void hp_callgraph_init(struct hp_callgraph *graph, double per_unit);
void hp_callgraph_fini(struct hp_callgraph *graph);

/* The function of a symbol, made if new. The pointer is borrowed until the next one is made. HP_ENOMEM,
 * HP_EFULL (2^24). */
HP_CHECK hp_err hp_callgraph_function(struct hp_callgraph *graph, uint32_t sym, uint32_t *index);

/* Make a function listed: from here it has its place in the order. HP_ENOMEM. */
HP_CHECK hp_err hp_callgraph_list(struct hp_callgraph *graph, uint32_t index);

/* Add to the edge of a pair, made if new; `add` names both. HP_ENOMEM, HP_EFULL (2^26). */
HP_CHECK hp_err hp_callgraph_edge(struct hp_callgraph *graph, const struct hp_callgraph_edge *add);

/* Add an edge whose pair is known to be new: cheaper. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_callgraph_append(struct hp_callgraph *graph, const struct hp_callgraph_edge *add);

/* Put functions and edges in their final order. Adding may go on afterwards. HP_ENOMEM. */
HP_CHECK hp_err hp_callgraph_finish(struct hp_callgraph *graph);

/* Fold a tree whose totals are up to date into an empty graph of nanoseconds or counts. Threads and lanes are
 * no functions. HP_ENOMEM. */
HP_CHECK hp_err hp_callgraph_fold(struct hp_callgraph *graph, const struct hp_tree *tree,
                                  const struct hp_dict *dict);

/* Add `from` to `into` as pstats' Stats.add does: known functions grow, new ones go to the end.
 * `sym_map[from's symbol] = into's`, NULL: the same. Two functions may map to one symbol. Finish `into` when
 * all is merged. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_callgraph_merge(struct hp_callgraph *into, const struct hp_callgraph *from,
                                   const uint32_t *sym_map);

/* Sums over all listed functions, in their order (so that doubles add up as pstats adds them). */
struct hp_callgraph_sums {
    uint64_t calls, primitive;
    double self, most; /* most: the largest total of a function */
};
struct hp_callgraph_sums hp_callgraph_sum(const struct hp_callgraph *graph);

#endif
