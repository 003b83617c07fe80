/* sandwich.c -- see sandwich.h.
 *
 * One walk over the tree, parents before children: a node of the function that is in none of the function yet
 * begins the callees anew and adds its path upward to the callers; what is below it goes where its parent
 * went.
 */
#include "model/sandwich.h"

#include "base/mem.h"

#define NODES_MAX ((uint32_t)1 << 26)

static struct hp_tree *new_half(const struct hp_profile *profile, uint32_t sym)
{
    struct hp_tree *tree = hp_tree_new(profile->dict, NODES_MAX);
    if (tree != NULL) {
        tree->nodes[HP_NODE_ROOT].sym = sym;
        tree->nodes[HP_NODE_ROOT].kind = HP_NODE_CALL;
    }
    return tree;
}

static uint32_t child_of(struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t line,
                         enum hp_node_kind kind, uint64_t self)
{
    uint32_t node = hp_tree_child_at_line(tree, parent, sym, line, kind);
    tree->nodes[node].self += self;
    return node;
}

/* Up from where the function was entered to its lane; lines of calls play no part, for they are the other way
 * round. */
static void add_callers(struct hp_tree *callers, const struct hp_tree *tree, uint32_t entered)
{
    uint32_t at = HP_NODE_ROOT, up = tree->nodes[entered].parent;
    while (up != tree->nodes[up].lane) {
        at = child_of(callers, at, tree->nodes[up].sym, 0, HP_NODE_CALL, 0);
        up = tree->nodes[up].parent;
    }
    callers->nodes[at].self += tree->nodes[entered].total;
}

static hp_err add_tree(struct hp_sandwich *sandwich, const struct hp_tree *tree, uint32_t sym)
{
    struct hp_tree *callees = sandwich->callees;
    uint32_t *goes_to = hp_malloc((size_t)tree->count * sizeof *goes_to);
    bool found = false;
    if (goes_to == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(tree, i)) {
        const struct hp_node *node = &tree->nodes[i];
        uint32_t above =
            i == HP_NODE_ROOT || node->kind == HP_NODE_LANE ? HP_NODE_NONE : goes_to[node->parent];
        goes_to[i] = above;
        if (above != HP_NODE_NONE) {
            goes_to[i] =
                child_of(callees, above, node->sym, node->line, (enum hp_node_kind)node->kind, node->self);
        } else if (node->sym == sym && node->lane != i) {
            found = true;
            goes_to[i] = HP_NODE_ROOT;
            callees->nodes[HP_NODE_ROOT].self += node->self;
            add_callers(sandwich->callers, tree, i);
        }
        if (goes_to[i] != HP_NODE_NONE) {
            callees->nodes[goes_to[i]].calls += node->calls;
        }
    }
    hp_free(goes_to);
    return found ? HP_OK : HP_ENOTFOUND;
}

/* A pair's value in the unit of a tree. */
static uint64_t whole_of(const struct hp_profile *profile, double value)
{
    double whole = value * (profile->unit == HP_UNIT_TIME ? 1e9 : 1) / profile->graph.per_unit + 0.5;
    return !(whole > 0) ? 0 : whole < 9.2e18 ? (uint64_t)whole : UINT64_C(9200000000000000000);
}

/* One level below the root: totals are as the pair has them, not sums. */
static uint64_t add_pair(struct hp_tree *half, const struct hp_profile *profile, uint32_t function,
                         const struct hp_callgraph_edge *edge)
{
    uint64_t total = whole_of(profile, edge->total);
    uint32_t sym = profile->graph.functions[function].sym;
    uint32_t node = child_of(half, HP_NODE_ROOT, sym, 0, HP_NODE_CALL, whole_of(profile, edge->self));
    half->nodes[node].calls += edge->calls;
    half->nodes[node].total += total;
    return total;
}

static void set_root(struct hp_tree *half, const struct hp_profile *profile,
                     const struct hp_callgraph_function *function, uint64_t children)
{
    struct hp_node *root = &half->nodes[HP_NODE_ROOT];
    root->self = whole_of(profile, function->self);
    root->calls = function->calls;
    root->total = whole_of(profile, function->total);
    root->total = root->total > children ? root->total : children;
}

static hp_err add_pairs(struct hp_sandwich *sandwich, const struct hp_profile *profile, uint32_t sym)
{
    const struct hp_callgraph *graph = &profile->graph;
    uint32_t function = 0;
    uint64_t above = 0, below = 0;
    while (function < graph->count && graph->functions[function].sym != sym) {
        function++;
    }
    if (function == graph->count) {
        return HP_ENOTFOUND;
    }
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        const struct hp_callgraph_edge *edge = &graph->edges[i];
        if (edge->caller == function && edge->callee != function) {
            below += add_pair(sandwich->callees, profile, edge->callee, edge);
        } else if (edge->callee == function && edge->caller != function) {
            above += add_pair(sandwich->callers, profile, edge->caller, edge);
        }
    }
    set_root(sandwich->callees, profile, &graph->functions[function], below > above ? below : above);
    set_root(sandwich->callers, profile, &graph->functions[function], below > above ? below : above);
    return HP_OK;
}

hp_err hp_sandwich_init(struct hp_sandwich *sandwich, const struct hp_profile *profile, uint32_t sym)
{
    sandwich->callers = new_half(profile, sym);
    sandwich->callees = new_half(profile, sym);
    if (sandwich->callers == NULL || sandwich->callees == NULL) {
        return HP_ENOMEM;
    }
    hp_err err = HP_OK;
    if (profile->shape == HP_PROFILE_TREE) {
        err = add_tree(sandwich, profile->tree, sym);
        hp_tree_total(sandwich->callers);
        hp_tree_total(sandwich->callees);
    } else {
        err = add_pairs(sandwich, profile, sym);
    }
    if (err == HP_OK && (sandwich->callers->overflow_count != 0 || sandwich->callees->overflow_count != 0)) {
        err = HP_ENOMEM; /* NODES_MAX is more than any profile's tree */
    }
    return err;
}

void hp_sandwich_fini(struct hp_sandwich *sandwich)
{
    hp_tree_free(sandwich->callers);
    hp_tree_free(sandwich->callees);
    *sandwich = (struct hp_sandwich){0};
}
