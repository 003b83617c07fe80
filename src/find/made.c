/* made.c -- what a function of the application does each time with what a statement gives.
 *
 *     total ──for line in lines──▶ cents ──▶ active ─┬─▶ rows ──▶ execute       48 times the same
 *                                                    └─ [Promotion(*row) for row in rows]
 *
 * Once the answer of a statement is kept, so is what a function makes of it that is called as often as the
 * statement runs, wherever it runs, and that does nothing else: no other statement, no thread, and nothing
 * that what it is given decides beside the call (given.h). From the statement up as far as that holds; the
 * view is none of these.
 */
#include <string.h>
#include "find/find_int.h"
#include "find/given.h"

#define MOST_LEVELS 6u
#define LEAST_CALLS 0.9 /* an execution */
#define MOST_CALLS  1.1

struct level {
    const struct hp_case *c;
    const struct hp__view *view;
    const uint32_t *at;
    uint32_t n;
    double runs;     /* executions, also those beyond the cap */
    uint32_t *inner; /* [n] node of each execution that the function around it calls; HP_NODE_NONE: itself */
    uint8_t *below;  /* [tree->count] below the function */
};

/* The node that owns what runs the execution one level up; HP_NODE_NONE: there is none. */
static uint32_t function_of(const struct level *level, uint32_t k)
{
    const struct hp_tree *tree = level->view->sample->tree;
    uint32_t inner = level->inner[k];
    uint32_t node = inner != HP_NODE_NONE ? tree->nodes[inner].parent
                                          : level->view->sample->record->stmts[level->at[k]].node;
    return node < tree->count ? level->view->owner[node] : HP_NODE_NONE;
}

static void mark_below(const struct level *level, uint32_t sym, uint64_t *calls)
{
    const struct hp__view *view = level->view;
    const struct hp_tree *tree = view->sample->tree;
    *calls = 0;
    for (uint32_t i = 0; i < tree->count; i++) {
        bool begins = view->owner[i] == i && tree->nodes[i].sym == sym;
        *calls += begins ? tree->nodes[i].calls : 0;
        level->below[i] = begins || (i != HP_NODE_ROOT && level->below[tree->nodes[i].parent]);
    }
}

/* Whether the function runs nothing but these executions. */
static bool runs_only(const struct level *level)
{
    const struct hp_record *record = level->view->sample->record;
    uint32_t count = level->view->sample->tree->count, inside = 0;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        inside += record->stmts[i].node < count && level->below[record->stmts[i].node];
    }
    for (uint32_t i = 1; i < record->lane_count; i++) {
        uint32_t node = record->lanes[i].parent_node;
        if (node < count && level->below[node]) {
            return false;
        }
    }
    for (uint32_t k = 0; k < level->n; k++) {
        uint32_t node = record->stmts[level->at[k]].node;
        if (node >= count || !level->below[node]) {
            return false;
        }
    }
    return inside == level->n;
}

/* What the function calls on the way to an execution, and in which line. */
static uint32_t call_line(const struct level *level, uint32_t k, struct hp_str *callee)
{
    const struct hp__view *view = level->view;
    const struct hp_tree *tree = view->sample->tree;
    const struct hp_stmt *stmt = &view->sample->record->stmts[level->at[k]];
    uint32_t node = level->inner[k] != HP_NODE_NONE ? level->inner[k] : stmt->node;
    *callee = HP_STR("");
    if (level->inner[k] == HP_NODE_NONE && view->app[node]) {
        return stmt->site_line;
    }
    while (!view->app[tree->nodes[node].parent]) {
        node = tree->nodes[node].parent;
    }
    *callee = hp__words_last(hp_dict_symbol(level->c->dict, tree->nodes[node].sym).name);
    return tree->nodes[node].line;
}

/* Whether the function that owns `owner` follows from the call that leads to the first execution. */
static bool follows(const struct level *level, uint32_t owner)
{
    const struct hp_case *c = level->c;
    struct hp_symbol sym = hp_dict_symbol(c->dict, level->view->sample->tree->nodes[owner].sym);
    struct hp_str callee;
    uint32_t line = call_line(level, 0, &callee);
    if (c->source == NULL || line == 0 || hp__words_holds(sym.name, HP_STR("<"))) {
        return false; /* a function inside another one has that one's names */
    }
    return hp__given_only(c->source(c->source_ctx, sym.file), sym.line, line, callee);
}

/* Go up to the function that calls what runs each execution. False: that is not one and the same, or it does
 * something else as well. */
static bool go_up(struct level *level)
{
    const struct hp__view *view = level->view;
    const struct hp_tree *tree = view->sample->tree;
    uint32_t owner = function_of(level, 0);
    uint64_t calls;
    if (owner == HP_NODE_NONE || tree->nodes[owner].sym == view->view_sym) {
        return false;
    }
    uint32_t sym = tree->nodes[owner].sym;
    for (uint32_t k = 1; k < level->n; k++) {
        uint32_t other = function_of(level, k);
        if (other == HP_NODE_NONE || tree->nodes[other].sym != sym) {
            return false;
        }
    }
    mark_below(level, sym, &calls);
    bool as_often = (double)calls >= LEAST_CALLS * level->runs && (double)calls <= MOST_CALLS * level->runs;
    if (!as_often || !runs_only(level) || !follows(level, owner)) {
        return false;
    }
    for (uint32_t k = 0; k < level->n; k++) {
        level->inner[k] = function_of(level, k);
    }
    return true;
}

/* The functions' time beside what the executions cost. */
static uint64_t time_beside(const struct level *level)
{
    const struct hp__view *view = level->view;
    const struct hp_tree *tree = view->sample->tree;
    double ns = 0, known = 0;
    for (uint32_t i = 1; i < tree->count; i++) {
        bool own = level->below[i] && hp_tree_live(tree, i) && tree->nodes[i].kind != HP_NODE_LANE;
        ns += own && !view->node_taken[i] ? (double)tree->nodes[i].self : 0;
    }
    for (uint32_t i = 0; i < view->item_count; i++) { /* other rules tell what it waits for */
        uint32_t node = view->items[i].span.node;
        bool beside = view->items[i].statement == 0 && node < tree->count && level->below[node];
        known += beside ? (double)view->items[i].ns : 0;
    }
    for (uint32_t k = 0; k < level->n; k++) {
        known += (double)hp__view_cost_ns(view, level->at[k]) * level->runs / level->n;
    }
    return ns > known ? (uint64_t)(ns - known) : 0;
}

hp_err hp__made_of(const struct hp_case *c, const struct hp__view *view, const uint32_t *at, uint32_t n,
                   struct hp_arena *arena, struct hp__made *made)
{
    const struct hp_tree *tree = view->sample->tree;
    *made = (struct hp__made){.each_ns = 0};
    if (tree == NULL || n < 2) {
        return HP_OK;
    }
    struct level level = {.c = c,
                          .view = view,
                          .at = at,
                          .n = n,
                          .runs = n * hp__view_scale(view, at[0], n),
                          .inner = hp_arena_alloc(arena, n * sizeof *level.inner, _Alignof(uint32_t)),
                          .below = hp__zeroed(arena, tree->count, 1)};
    made->below = hp__zeroed(arena, tree->count, 1);
    if (level.inner == NULL || level.below == NULL || made->below == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t k = 0; k < n; k++) {
        level.inner[k] = view->entry[at[k]];
    }
    for (uint32_t i = 0; i < MOST_LEVELS && go_up(&level); i++) {
        made->each_ns = (uint64_t)((double)time_beside(&level) / level.runs);
        memcpy(made->below, level.below, tree->count);
    }
    return HP_OK;
}

void hp__made_take(struct hp__view *view, const struct hp__made *made)
{
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 1; made->below != NULL && i < tree->count; i++) {
        view->node_taken[i] |= made->below[i] && tree->nodes[i].kind != HP_NODE_LANE;
    }
}
