/* functions.c -- folding a tree per function.
 *
 * One walk in preorder with a counter of activations for each function and each pair: a node counts as
 * primitive when its counter was 0 on the way in. The subtree of a LANE is walked on its own later, so that
 * its stack starts empty; the walk comes by it in the same order again, by the parents' chain, without
 * recursion.
 */
#include "model/functions.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"

struct fold {
    const struct hp_tree *tree;
    struct hp_map syms, pairs_by_key;
    struct hp_function *list;
    struct hp_function_pair *pairs;
    uint32_t *active, *pair_active;  /* activations on the current path */
    uint32_t *function_of, *pair_of; /* per node; HP_NODE_NONE */
    uint32_t *lanes;                 /* LANE nodes yet to walk */
    uint32_t count, pair_count, lane_count;
    uint64_t outside_ns;
};

static hp_err fold_init(struct fold *fold, const struct hp_tree *tree)
{
    size_t n = tree->count;
    *fold = (struct fold){.tree = tree};
    hp_map_init(&fold->syms, n);
    hp_map_init(&fold->pairs_by_key, n);
    fold->list = hp_malloc(n * sizeof *fold->list);
    fold->pairs = hp_malloc(n * sizeof *fold->pairs);
    fold->active = hp_calloc(n, sizeof *fold->active);
    fold->pair_active = hp_calloc(n, sizeof *fold->pair_active);
    fold->function_of = hp_malloc(n * sizeof *fold->function_of);
    fold->pair_of = hp_malloc(n * sizeof *fold->pair_of);
    fold->lanes = hp_malloc(n * sizeof *fold->lanes);
    bool fine = fold->list != NULL && fold->pairs != NULL && fold->active != NULL &&
                fold->pair_active != NULL && fold->function_of != NULL && fold->pair_of != NULL &&
                fold->lanes != NULL;
    return fine ? HP_OK : HP_ENOMEM;
}

static void fold_fini(struct fold *fold)
{
    hp_map_fini(&fold->syms);
    hp_map_fini(&fold->pairs_by_key);
    hp_free(fold->list);
    hp_free(fold->pairs);
    hp_free(fold->active);
    hp_free(fold->pair_active);
    hp_free(fold->function_of);
    hp_free(fold->pair_of);
    hp_free(fold->lanes);
}

static hp_err function_index(struct fold *fold, uint32_t sym, uint32_t *index)
{
    if (hp_map_get(&fold->syms, sym, index)) {
        return HP_OK;
    }
    hp_err err = hp_map_put(&fold->syms, sym, fold->count);
    if (err == HP_OK) {
        *index = fold->count++;
        fold->list[*index] = (struct hp_function){.sym = sym};
    }
    return err;
}

static hp_err pair_index(struct fold *fold, uint32_t caller, uint32_t callee, uint32_t *index)
{
    uint64_t key = (uint64_t)caller << 32 | callee;
    if (hp_map_get(&fold->pairs_by_key, key, index)) {
        return HP_OK;
    }
    hp_err err = hp_map_put(&fold->pairs_by_key, key, fold->pair_count);
    if (err == HP_OK) {
        *index = fold->pair_count++;
        fold->pairs[*index] = (struct hp_function_pair){.caller = caller, .callee = callee};
    }
    return err;
}

/* Count a node on the way in. */
static hp_err enter(struct fold *fold, uint32_t id)
{
    const struct hp_node *node = &fold->tree->nodes[id];
    uint32_t index = 0;
    hp_err err = function_index(fold, node->sym, &index);
    if (err != HP_OK) {
        return err;
    }
    struct hp_function *function = &fold->list[index];
    bool outermost = fold->active[index]++ == 0;
    function->calls += node->calls;
    function->resumes += node->resumes;
    function->exceptions += node->exceptions;
    function->self_ns += node->self;
    function->primitive += outermost ? node->calls + node->resumes : 0;
    function->total_ns += outermost ? node->total : 0;
    fold->function_of[id] = index;
    fold->pair_of[id] = HP_NODE_NONE;
    uint32_t caller = fold->function_of[node->parent];
    if (caller == HP_NODE_NONE) {
        return HP_OK;
    }
    uint32_t at = 0;
    err = pair_index(fold, caller, index, &at);
    if (err != HP_OK) {
        return err;
    }
    struct hp_function_pair *pair = &fold->pairs[at];
    outermost = fold->pair_active[at]++ == 0;
    pair->calls += node->calls;
    pair->resumes += node->resumes;
    pair->self_ns += node->self;
    pair->primitive += outermost ? node->calls + node->resumes : 0;
    pair->total_ns += outermost ? node->total : 0;
    fold->pair_of[id] = at;
    return HP_OK;
}

static void leave(struct fold *fold, uint32_t id)
{
    fold->active[fold->function_of[id]]--;
    if (fold->pair_of[id] != HP_NODE_NONE) {
        fold->pair_active[fold->pair_of[id]]--;
    }
}

/* The first live function in a list of siblings; lanes are put aside. */
static uint32_t first_function(struct fold *fold, uint32_t id)
{
    const struct hp_tree *tree = fold->tree;
    for (; id != HP_NODE_NONE; id = tree->nodes[id].next_sibling) {
        if (hp_tree_live(tree, id)) {
            if (tree->nodes[id].kind != HP_NODE_LANE) {
                break;
            }
            fold->lanes[fold->lane_count++] = id;
        }
    }
    return id;
}

/* Walk one lane's subtree. */
static hp_err walk(struct fold *fold, uint32_t lane)
{
    const struct hp_node *nodes = fold->tree->nodes;
    fold->function_of[lane] = HP_NODE_NONE;
    fold->outside_ns += nodes[lane].self;
    uint32_t parent = lane;
    uint32_t id = first_function(fold, nodes[lane].first_child);
    while (id != HP_NODE_NONE || parent != lane) {
        if (id != HP_NODE_NONE) {
            hp_err err = enter(fold, id);
            if (err != HP_OK) {
                return err;
            }
            parent = id;
            id = first_function(fold, nodes[id].first_child);
        } else {
            leave(fold, parent);
            id = first_function(fold, nodes[parent].next_sibling);
            parent = nodes[parent].parent;
        }
    }
    return HP_OK;
}

/* Hand the result over in arrays of the right size. */
static hp_err finish(const struct fold *fold, struct hp_arena *arena, struct hp_functions *out)
{
    size_t list_bytes = fold->count * sizeof *fold->list;
    size_t pair_bytes = fold->pair_count * sizeof *fold->pairs;
    struct hp_function *list = hp_arena_alloc(arena, list_bytes, _Alignof(struct hp_function));
    struct hp_function_pair *pairs = hp_arena_alloc(arena, pair_bytes, _Alignof(struct hp_function_pair));
    if (list == NULL || pairs == NULL) {
        return HP_ENOMEM;
    }
    memcpy(list, fold->list, list_bytes);
    memcpy(pairs, fold->pairs, pair_bytes);
    *out = (struct hp_functions){.list = list,
                                 .pairs = pairs,
                                 .count = fold->count,
                                 .pair_count = fold->pair_count,
                                 .outside_ns = fold->outside_ns,
                                 .total_ns = fold->tree->nodes[HP_NODE_ROOT].total};
    return HP_OK;
}

hp_err hp_functions_fold(const struct hp_tree *tree, struct hp_arena *arena, struct hp_functions *out)
{
    struct fold fold;
    hp_err err = fold_init(&fold, tree);
    if (err != HP_OK) {
        goto done;
    }
    fold.lanes[fold.lane_count++] = HP_NODE_ROOT;
    for (uint32_t i = 0; i < fold.lane_count && err == HP_OK; i++) {
        err = walk(&fold, fold.lanes[i]);
    }
    if (err == HP_OK) {
        err = finish(&fold, arena, out);
    }
done:
    fold_fini(&fold);
    return err;
}
