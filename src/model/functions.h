/* functions.h -- a call tree folded per function: what top, pstats and the rules look at.
 *
 * Why: a tree has a node a path; people ask for functions. Recursion is counted as cProfile does it: a
 * function's total grows only with its outermost activation, and only that call is primitive. The same holds
 * for each pair of caller and callee on its own. cProfile counts a resumed generator as a call: its ncalls is
 * calls + resumes here, its primitive calls primitive.
 *
 * A lane begins a new stack: functions on the stack of whoever started a thread are neither its callers nor
 * recursion. LANE nodes are no functions; their own time is `outside_ns`. Nodes without a symbol (overflow,
 * full dictionary) are one function with sym 0.
 */
#ifndef HP_FUNCTIONS_H
#define HP_FUNCTIONS_H

#include <stdint.h>
#include "base/arena.h"
#include "hotplate/err.h"
#include "model/tree.h"

struct hp_function {
    uint32_t sym;
    uint64_t calls, resumes;
    uint64_t primitive; /* calls and resumes that are not recursive */
    uint64_t exceptions;
    uint64_t self_ns, total_ns; /* in the unit of the tree */
};

struct hp_function_pair {    /* what `callee` did when `caller` called it; callees of a lane itself have no
                                caller and no pair */
    uint32_t caller, callee; /* indices into list, not symbols */
    uint64_t calls, resumes, primitive;
    uint64_t self_ns, total_ns;
};

struct hp_functions {
    struct hp_function *list; /* in the order of the tree, each symbol once */
    struct hp_function_pair *pairs;
    uint32_t count, pair_count;
    uint64_t outside_ns; /* self time of the LANE nodes and root */
    uint64_t total_ns;   /* of the root's lane */
};

/* Fold the live nodes of `tree`, whose totals are up to date. Linear in the tree's size. Arrays come from
 * `arena`. HP_ENOMEM; `out` is then untouched. Threads: any while nobody writes the tree. */
HP_CHECK hp_err hp_functions_fold(const struct hp_tree *tree, struct hp_arena *arena,
                                  struct hp_functions *out);

#endif
