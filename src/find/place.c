/* place.c -- the line to edit, where that is not the innermost application line: the loop that calls a helper
 * once an item, the caller of a helper that runs whatever it is given, the call of a function that is slow by
 * itself.
 *
 *     page ──for item in items: load(item)──▶ load ──▶ rows(sql, id) ──▶ cursor.execute          40 times
 *      ▲ the line to edit                     40 calls   40 calls
 *
 * A loop that calls what its items are given to do (a serialiser's, over fields) is not the place: nothing in
 * it names the callee. There the line stands that calls what the loop does not know, unless a function
 * further up names it, as one does whose callee a decorator wraps. Likewise of a library that calls what was
 * registered with it over and over (a schema's resolvers).
 *
 * A decorator's wrapper calls what it was given, too: the line is the one that calls what is decorated.
 *
 * Where the same is asked each time (`repeats`) the outer one of two loops is not the place: nothing of it has
 * to be collected first, and what can be kept stands in the inner one.
 *
 * All of it needs a call tree; without one the innermost application line stands.
 */
#include "find/find_int.h"

#define MOST_FRAMES 32u

bool hp__place_caller(const struct hp__view *view, uint32_t node, struct hp__spot *spot)
{
    const struct hp_tree *tree = view->sample->tree;
    uint32_t at = tree != NULL && node < tree->count ? view->owner[node] : HP_NODE_NONE;
    if (at == HP_NODE_NONE || at == HP_NODE_ROOT) {
        return false;
    }
    uint32_t up = tree->nodes[at].parent, owner = view->owner[up];
    uint32_t entry = hp__view_entry_of(view, up);
    uint32_t line = tree->nodes[entry != HP_NODE_NONE ? entry : at].line;
    if (owner == HP_NODE_NONE || line == 0) {
        return false; /* the framework calls it */
    }
    *spot = (struct hp__spot){.sym = tree->nodes[owner].sym,
                              .line = line,
                              .via = entry != HP_NODE_NONE ? tree->nodes[entry].sym : 0,
                              .node = owner};
    return true;
}

static uint64_t calls_of(const struct hp__view *view, uint32_t sym)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t calls = 0;
    for (uint32_t i = 1; i < tree->count; i++) {
        calls += tree->nodes[i].sym == sym && view->owner[i] == i ? tree->nodes[i].calls : 0;
    }
    return calls;
}

/* Whether another statement than this one runs below the same line of the application. */
static bool leads_elsewhere(const struct hp__view *view, const struct hp__spot *line, uint32_t statement)
{
    const struct hp_record *record = view->sample->record;
    for (uint32_t k = 0; k < record->stmt_count; k++) {
        struct hp__spot above = {.node = record->stmts[k].node};
        for (uint32_t i = 0; i < MOST_FRAMES && record->stmts[k].statement != statement; i++) {
            if (!hp__place_caller(view, above.node, &above)) {
                break;
            }
            if (above.sym == line->sym && above.line == line->line) {
                return true;
            }
        }
    }
    return false;
}

/* Whether a library below the line calls the function `at` over and over. */
static bool is_library_loop(const struct hp__view *view, uint32_t at)
{
    const struct hp_tree *tree = view->sample->tree;
    uint32_t entry = hp__view_entry_of(view, tree->nodes[at].parent);
    return entry != HP_NODE_NONE && tree->nodes[entry].calls * 2 < tree->nodes[at].calls;
}

/* Up from a line at which something happens `times` in the request, past functions that are called about once
 * for each (so the loop is the place; not a function that is called more often: it does other things as well)
 * and, if `helper`, past the function itself and those that only pass on what they are given. `repeats`: the
 * same happens each time, so a function that is called less often is where it begins to. */
static struct hp__spot climb(const struct hp__find *f, const struct hp__view *view, struct hp__spot from,
                             uint64_t times, bool helper, bool repeats, uint32_t statement)
{
    const struct hp_tree *tree = view->sample->tree;
    struct hp__spot spot = from, above, below = from;
    uint32_t unnamed =
        0; /* the function in which `below` is, if nobody from its caller up to `spot` names it */
    bool by_library = false;
    for (uint32_t i = 0; i < MOST_FRAMES && tree != NULL && spot.node < tree->count; i++) {
        uint32_t owner = view->owner[spot.node];
        if (owner == HP_NODE_NONE) {
            break;
        }
        uint64_t calls = tree->nodes[owner].calls;
        uint64_t least = repeats ? times : (times + 1) / 2;
        bool once_each = times >= 2 && calls >= 2 && calls >= least && calls <= times * 2;
        bool passes_on = helper && calls >= times; /* else it loops itself */
        if ((!once_each && !passes_on) || !hp__place_caller(view, spot.node, &above)) {
            break;
        }
        if (!passes_on && tree->nodes[above.node].calls > times * 2) {
            break;
        }
        helper = helper && calls_of(view, above.sym) > times && leads_elsewhere(view, &above, statement);
        if (unnamed != 0 && hp__named_calls(f, above.sym, unnamed)) {
            unnamed = 0;
        } else if (unnamed == 0 && (above.via == 0 || is_library_loop(view, owner)) &&
                   !hp__named_calls(f, above.sym, tree->nodes[owner].sym)) {
            unnamed = tree->nodes[owner].sym;
            by_library = above.via != 0;
            below = spot;
        }
        spot = above;
    }
    return unnamed != 0 && (by_library || spot.sym != view->view_sym) ? below : spot;
}

/* What a decorator makes: a function written inside another one, or an object that is called. */
static bool may_wrap(const struct hp__view *view, uint32_t sym)
{
    struct hp_str name = hp_dict_symbol(view->facts->dict, sym).name;
    return hp__words_holds(name, HP_STR("<locals>.")) || hp_str_ends(name, HP_STR(".__call__"));
}

/* From the line of a decorator that calls what it was given to the line that calls what is decorated. */
static struct hp__spot past_wrappers(const struct hp__find *f, const struct hp__view *view, uint32_t sym,
                                     struct hp__spot spot)
{
    struct hp__spot above = spot;
    while (may_wrap(view, above.sym) && !hp__named_calls(f, above.sym, sym)) {
        if (!hp__place_caller(view, above.node, &above)) {
            return spot;
        }
    }
    return above.sym == spot.sym || hp__named_calls(f, above.sym, sym) ? above : spot;
}

bool hp__place_call_of(const struct hp__find *f, const struct hp__view *view, uint32_t sym,
                       struct hp__spot *spot)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t most = 0;
    bool found = false;
    for (uint32_t i = 1; tree != NULL && i < tree->count; i++) {
        struct hp__spot here;
        if (tree->nodes[i].sym == sym && view->owner[i] == i && (!found || tree->nodes[i].total > most) &&
            hp__place_caller(view, i, &here) && here.sym != sym) {
            most = tree->nodes[i].total;
            *spot = here;
            found = true;
        }
    }
    if (found) {
        *spot = past_wrappers(f, view, sym, *spot);
    }
    return found;
}

/* The line at which most samples of the function's own code were, if that is half of `all` at least; 0:
 * none. */
static uint32_t sampled_line(const struct hp__view *view, uint32_t sym, uint64_t all)
{
    const struct hp_tree *tree = view->sample->tree;
    struct hp_leaves lines;
    uint32_t head = 0, line = 0;
    uint64_t most = 0;
    hp_leaves_init(&lines, HP_LEAF_LINES);
    for (uint32_t i = 1; i < tree->count; i++) {
        bool own = tree->nodes[i].sym == sym && view->owner[i] == i;
        for (uint32_t at = own ? tree->nodes[i].leaf : 0; at != 0; at = tree->leaves.list[at - 1].next) {
            const struct hp_leaf *leaf = &tree->leaves.list[at - 1];
            hp_leaves_add(&lines, &head, leaf->line, leaf->self, leaf->samples);
        }
    }
    for (uint32_t i = 0; i < lines.count; i++) {
        line = lines.list[i].self > most ? lines.list[i].line : line;
        most = lines.list[i].self > most ? lines.list[i].self : most;
    }
    hp_leaves_fini(&lines);
    return most * 2 >= all ? line : 0;
}

bool hp__place_repeated(const struct hp__view *view, uint32_t sym, uint64_t least, struct hp__spot *spot)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t most = 0;
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        uint32_t owner = view->owner[i];
        bool called = owner != HP_NODE_NONE && !view->app[i] && view->app[node->parent] &&
                      !view->node_taken[i] && node->line != 0 && hp__view_times(node) >= least &&
                      hp__facts_part_of(view->facts->dict, tree->nodes[owner].sym, sym);
        if (called && node->total > most) {
            most = node->total;
            *spot = (struct hp__spot){.sym = sym, .line = node->line, .node = owner};
        }
    }
    return most != 0;
}

struct hp__spot hp__place_function(const struct hp__find *f, const struct hp__view *view, uint32_t sym)
{
    const struct hp_tree *tree = view->sample->tree;
    struct hp__spot spot = {.sym = sym}, caller;
    uint64_t most = 0, all = 0;
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        uint32_t owner = view->owner[i];
        if (owner == HP_NODE_NONE || view->node_taken[i] || node->kind == HP_NODE_OVERFLOW ||
            !hp__facts_part_of(view->facts->dict, tree->nodes[owner].sym, sym)) {
            continue;
        }
        all += node->self;
        if (!view->app[i] && node->parent == owner && node->total > most && node->line != 0) {
            most = node->total;
            spot.line = node->line;
        }
    }
    if (most * 2 >= all && spot.line != 0) {
        return spot;
    }
    spot.line = sampled_line(view, sym, all);
    if (spot.line != 0) {
        return spot;
    }
    spot.line = hp_dict_symbol(view->facts->dict, sym).line;
    return hp__place_call_of(f, view, sym, &caller) ? caller : spot;
}

/* ---- statements ---- */

/* Whether two nodes are of one function that the same functions of the application have called. */
static bool is_same_way(const struct hp__view *a, uint32_t at_a, const struct hp__view *b, uint32_t at_b)
{
    uint32_t line;
    while (at_a != HP_NODE_NONE && at_b != HP_NODE_NONE &&
           a->sample->tree->nodes[at_a].sym == b->sample->tree->nodes[at_b].sym) {
        at_a = hp__view_caller(a, at_a, &line);
        at_b = hp__view_caller(b, at_b, &line);
    }
    return at_a == HP_NODE_NONE && at_b == HP_NODE_NONE;
}

bool hp__place_runs(const struct hp__find *f, const uint64_t *odd, const struct hp__view *view, uint32_t node)
{
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_tree *tree = f->c->samples[i].tree;
        for (uint32_t k = 1; odd[i] == 0 && tree != NULL && k < tree->count; k++) {
            if (is_same_way(view, node, &f->views[i], k)) {
                return true;
            }
        }
    }
    return false;
}

struct hp__spot hp__place_turn(const struct hp__find *f, const uint64_t *odd, uint32_t request, uint32_t node,
                               struct hp__spot spot)
{
    const struct hp__view *view = &f->views[request];
    const struct hp_tree *tree = view->sample->tree;
    struct hp__spot above;
    bool known = tree != NULL && node < tree->count && tree->nodes[node].sym != 0;
    while (known && !hp__place_runs(f, odd, view, node) && hp__place_caller(view, node, &above)) {
        spot = above;
        node = above.node;
    }
    return spot;
}

/* Whether a line runs whatever it is given: different statements, here or on other routes. */
static bool is_helper(const struct hp__find *f, const struct hp_stmt *stmt)
{
    return hp_sites_shared(&f->sites, stmt->site_sym, stmt->site_line, stmt->statement) ||
           (f->c->sites != NULL &&
            hp_sites_shared(f->c->sites, stmt->site_sym, stmt->site_line, stmt->statement));
}

void hp__place_stmts(const struct hp__find *f, const struct hp__view *view, const uint32_t *at, uint32_t n,
                     struct hp__places *places, struct hp__places *runs)
{
    const struct hp_record *record = view->sample->record;
    bool helper = n != 0 && view->sample->tree != NULL && is_helper(f, &record->stmts[at[0]]);
    for (uint32_t from = 0, to; from < n; from = to) { /* runs of one node: most often there is one */
        const struct hp_stmt *stmt = &record->stmts[at[from]];
        uint64_t ns = 0;
        for (to = from; to < n && record->stmts[at[to]].node == stmt->node &&
                        record->stmts[at[to]].site_line == stmt->site_line;
             to++) {
            ns += hp__view_cost_ns(view, at[to]);
        }
        uint64_t times = 0;
        for (uint32_t k = 0; k < n; k++) {
            times += record->stmts[at[k]].node == stmt->node;
        }
        struct hp__spot run = {stmt->site_sym, stmt->site_line, stmt->via_sym, stmt->node};
        times = (uint64_t)((double)times * hp__view_scale(view, at[from], n) + 0.5);
        struct hp__spot spot = climb(f, view, run, times, helper, runs != NULL, stmt->statement);
        hp__places_add(places, spot.sym, spot.line, spot.via, ns);
        if (runs != NULL) {
            run = helper ? climb(f, view, run, 1, true, true, stmt->statement) : run;
            hp__places_add(runs, run.sym, run.line, run.via, ns);
        }
    }
}
