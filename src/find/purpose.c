/* purpose.c -- computing that a request is for: one call of C code with what the request brings.
 *
 *     login ──card_secret(request.args["card"])──▶ card_secret ──▶ hashlib.scrypt       a key, derived dearly as it should be
 *
 * The view, or what it calls, runs the function once and gives it what the request brings; the function has no
 * loop, and nearly all of its time is in one call without Python below it. Nothing of that is repeated, in the
 * request or in the source, so there is nothing to leave out but the request. What is done in a guard before
 * the view is another matter: each request pays it, whatever it is for.
 */
#include "find/find_int.h"
#include "find/given.h"

#define MOST_FRAMES 32u
#define NEARLY_ALL  0.9

/* The only node of a function that is called once; HP_NODE_NONE: there is none, or several. */
static uint32_t only_node(const struct hp__view *view, uint32_t sym)
{
    const struct hp_tree *tree = view->sample->tree;
    uint32_t found = HP_NODE_NONE;
    for (uint32_t i = 1; i < tree->count; i++) {
        if (tree->nodes[i].sym == sym && view->owner[i] == i && hp_tree_live(tree, i)) {
            if (found != HP_NODE_NONE || tree->nodes[i].calls != 1) {
                return HP_NODE_NONE;
            }
            found = i;
        }
    }
    return found;
}

/* Whether one call, of the function itself or of a library below it, has nearly all of its time. */
static bool is_one_call(const struct hp_case *c, const struct hp__view *view, uint32_t node)
{
    const struct hp_tree *tree = view->sample->tree;
    double least = NEARLY_ALL * (double)tree->nodes[node].total;
    uint32_t last = node;
    for (uint32_t i = node + 1; i < tree->count; i++) {
        const struct hp_node *below = &tree->nodes[i];
        bool only = below->parent == last && !view->app[i] && below->calls == 1;
        last = only && (double)below->total >= least ? i : last;
    }
    if ((double)tree->nodes[last].self < least) {
        return false;
    }
    struct hp_symbol sym = hp_dict_symbol(c->dict, tree->nodes[node].sym);
    return last != node || hp__given_plain(c->source(c->source_ctx, sym.file), sym.line);
}

/* The line of the view from which a node is reached by functions that are each called once; 0: it is not. */
static uint32_t line_of_view(const struct hp__view *view, uint32_t node, uint32_t *callee)
{
    const struct hp_tree *tree = view->sample->tree;
    uint32_t line = 0;
    for (uint32_t i = 0; i < MOST_FRAMES && tree->nodes[node].calls == 1; i++) {
        uint32_t caller = hp__view_caller(view, node, &line);
        if (caller == HP_NODE_NONE) {
            return 0;
        }
        if (tree->nodes[caller].sym == view->view_sym) {
            *callee = tree->nodes[node].sym;
            return line;
        }
        node = caller;
    }
    return 0;
}

bool hp__purpose_is(const struct hp_case *c, const struct hp__view *view, uint32_t sym)
{
    uint32_t node = view->sample->tree != NULL && view->view_sym != 0 && c->source != NULL
                        ? only_node(view, sym)
                        : HP_NODE_NONE;
    uint32_t called = 0, line = node != HP_NODE_NONE ? line_of_view(view, node, &called) : 0;
    if (line == 0 || !is_one_call(c, view, node)) {
        return false;
    }
    struct hp_symbol own = hp_dict_symbol(c->dict, view->view_sym);
    struct hp_str callee = hp__words_last(hp_dict_symbol(c->dict, called).name);
    return hp__given_request(c->source(c->source_ctx, own.file), own.line, line, callee);
}
