/* view.c -- one sampled request prepared for the rules: who owns each node, and what one execution costs
 * around its SQL.
 *
 * Owner: the nearest application node above a node (itself included). Library code belongs to the application
 * function that called it; framework dispatch belongs to nobody; comprehensions belong to the function that
 * holds them (on 3.11 they are code objects of their own). A library's template below no application code
 * stands for it: an application may put one of its own in its place, and there is no nearer line.
 *
 * Time around a statement: from the execution's node up to its owner lies the library that the application's
 * line called (Query.first … do_execute). The entry is the first node on that way, from the owner down, that
 * is not called much more often than statements ran below it: an attribute look-up called a thousand times
 * with forty lazy loads in it is passed, the loader inside is the entry; so is a serialiser called once that
 * runs one statement forty times. Where no application line is above (a decorator that marshals what a view
 * returns), repeated statements have an entry, too. What its total has beside SQL is
 * shared evenly by the executions below it, since an ORM may run several under one entry. A helper of the
 * application that is called once for each execution and does little else is the entry (widen). What makes
 * the statement before it is run (query(), filter()) has an entry of its own in the tree, and belongs to it
 * (find_makers).
 *
 * Node ids of a decoded tree are positions: parents come before children, so one pass up or down needs no
 * recursion.
 */
#include <string.h>
#include "find/find_int.h"

#define WIDEN_LEVELS 4u
#define CHAIN_LINES  8u      /* that an expression may have */
#define WIDEN_NS     20000.0 /* a call */
#define ENCODED_HOLDS                                                                                        \
    32u /* times a compressed body may hold its own length: of rows that are much alike gzip makes a         \
           twentieth */

void *hp__zeroed(struct hp_arena *arena, size_t count, size_t size)
{
    void *p = hp_arena_alloc(arena, count * size + 1, 8);
    if (p != NULL) {
        memset(p, 0, count * size + 1);
    }
    return p;
}

/* Whether code of the application is above each node in its lane; a middleware around Flask only passes the
 * request on. */
static void find_covered(struct hp__view *view, uint8_t *covered)
{
    const struct hp_tree *tree = view->sample->tree;
    covered[HP_NODE_ROOT] = 0;
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct hp_node *above = &tree->nodes[tree->nodes[i].parent];
        unsigned facts = hp__facts_of(view->facts, above->sym);
        bool begins = (facts & HP__FACT_FRAMEWORK) &&
                      hp_str_eq(hp_dict_symbol(view->facts->dict, above->sym).name, HP_STR("Flask.wsgi_app"));
        covered[i] = above->kind != HP_NODE_LANE && !begins &&
                     (covered[tree->nodes[i].parent] || (facts & HP__FACT_APP));
    }
}

static void find_owners(struct hp__view *view)
{
    const struct hp_tree *tree = view->sample->tree;
    const uint8_t *covered = view->inside;
    find_covered(view, view->inside);
    for (uint32_t i = 0; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        unsigned facts = hp__facts_of(view->facts, node->sym);
        uint32_t above = i == HP_NODE_ROOT ? HP_NODE_NONE : view->owner[node->parent];
        if (node->kind == HP_NODE_LANE) {
            view->owner[i] = HP_NODE_NONE;
        } else if (node->kind == HP_NODE_OVERFLOW) {
            view->owner[i] = above;
        } else if ((facts & HP__FACT_APP) || ((facts & HP__FACT_TEMPLATE) && !covered[i])) {
            view->app[i] = 1;
            bool folded =
                (facts & HP__FACT_COMPREHENSION) && above != HP_NODE_NONE && view->app[node->parent];
            view->owner[i] = folded ? above : i;
        } else {
            /* The engine below a template's code works for the template; other frameworks dispatch. */
            bool for_template = above != HP_NODE_NONE &&
                                (hp__facts_of(view->facts, tree->nodes[above].sym) & HP__FACT_TEMPLATE);
            view->owner[i] = (facts & HP__FACT_FRAMEWORK) && !for_template ? HP_NODE_NONE : above;
        }
    }
}

uint64_t hp__view_body_bytes(const struct hp_record *record)
{
    uint64_t bytes = record->req.bytes_out;
    return bytes != HP_ABSENT && (record->req.flags & HP_REQ_ENCODED) ? bytes * ENCODED_HOLDS : bytes;
}

uint32_t hp__view_entry_of(const struct hp__view *view, uint32_t node)
{
    const struct hp_tree *tree = view->sample->tree;
    if (tree == NULL || node >= tree->count || view->owner[node] == HP_NODE_NONE) {
        return HP_NODE_NONE;
    }
    uint32_t entry = HP_NODE_NONE;
    for (uint32_t at = node; !view->app[at]; at = tree->nodes[at].parent) {
        entry = at;
    }
    return entry;
}

uint32_t hp__view_caller(const struct hp__view *view, uint32_t node, uint32_t *line)
{
    const struct hp_tree *tree = view->sample->tree;
    while (node != HP_NODE_ROOT && tree->nodes[node].kind != HP_NODE_LANE) {
        uint32_t parent = tree->nodes[node].parent;
        if (view->app[parent]) {
            *line = tree->nodes[node].line;
            return parent;
        }
        node = parent;
    }
    return HP_NODE_NONE;
}

/* The function that the route's author means by its view. What the framework calls may be a decorator's
 * wrapper (a function inside a function), or a library's (login_required, View.as_view): then it is the
 * application function below that bears the endpoint's name; below a library's else the costliest one that it
 * calls, if that does most of its work (a library's own view may call a __str__). */
static uint32_t find_view(const struct hp__view *view)
{
    const struct hp_tree *tree = view->sample->tree;
    const struct hp_record *record = view->sample->record;
    const struct hp_dict *dict = view->facts->dict;
    uint32_t outer = record->req.view_sym, best = 0;
    uint64_t most = 0, all = 0;
    struct hp_symbol sym = hp_dict_symbol(dict, outer);
    struct hp_str endpoint = hp__words_last(hp_dict_route(dict, record->req.route).endpoint);
    bool library = !(sym.flags & HP_SYM_APP);
    if (outer == 0 || (!library && !hp__words_holds(sym.name, HP_STR(".<locals>.")))) {
        return outer;
    }
    uint8_t *way = view->inside; /* on the way from the outer function: library, and wrappers */
    memset(way, 0, tree->count);
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        if (node->sym == outer || (way[node->parent] && !view->app[i])) {
            way[i] = node->kind == HP_NODE_CALL;
            all += node->sym == outer ? node->total : 0;
            continue;
        }
        if (!way[node->parent] || node->kind != HP_NODE_CALL) {
            continue;
        }
        struct hp_symbol own = hp_dict_symbol(dict, node->sym);
        way[i] = hp__words_holds(own.name, HP_STR(".<locals>."));
        if (endpoint.n != 0 && hp_str_eq(hp__words_last(own.name), endpoint)) {
            return node->sym;
        }
        bool template = (hp__facts_of(view->facts, node->sym) & HP__FACT_TEMPLATE) != 0;
        if (library && !template && !way[i] && node->total >= most) {
            most = node->total;
            best = node->sym;
        }
    }
    return best != 0 && most * 2 >= all ? best : outer;
}

struct below { /* per node: statements run in its subtree */
    uint64_t count, ns;
};

static double stmts_per_recorded(const struct hp_record *record)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < record->group_count; i++) {
        all += record->groups[i].count;
    }
    return record->stmt_count != 0 && all > record->stmt_count ? (double)all / record->stmt_count : 1.0;
}

static void count_below(const struct hp__view *view, struct below *below)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        if (stmt->node < tree->count) {
            below[stmt->node].count++;
            below[stmt->node].ns += stmt->exec_ns + stmt->fetch_ns;
        }
    }
    for (uint32_t i = tree->count; i-- > 1;) {
        if (tree->nodes[i].kind != HP_NODE_LANE) {
            below[tree->nodes[i].parent].count += below[i].count;
            below[tree->nodes[i].parent].ns += below[i].ns;
        }
    }
}

/* Called at most a quarter more often than statements ran in it. */
static bool is_per_execution(const struct hp_node *node, uint64_t executions)
{
    return node->calls <= executions + executions / 4 + 1;
}

/* The call of the application nearest to the node's owner; where the framework's dispatch is above, that of
 * the library nearest to it. */
static uint32_t top_of(const struct hp__view *view, uint32_t node)
{
    const struct hp_tree *tree = view->sample->tree;
    uint32_t top = hp__view_entry_of(view, node);
    for (uint32_t at = node; at < tree->count && at != HP_NODE_ROOT && view->owner[at] == HP_NODE_NONE;
         at = tree->nodes[at].parent) {
        if (tree->nodes[at].kind == HP_NODE_LANE ||
            (hp__facts_of(view->facts, tree->nodes[at].sym) & HP__FACT_FRAMEWORK)) {
            break;
        }
        top = at;
    }
    return top;
}

/* From the statement up, the last that fits is the highest. A call below which one statement runs over and
 * over does other things as well (a serialiser that loads what it comes upon). */
static uint32_t entry_of_stmt(const struct hp__view *view, const struct below *below, const uint32_t *same,
                              uint32_t node, double scale)
{
    const struct hp_tree *tree = view->sample->tree;
    uint32_t top = top_of(view, node), best = HP_NODE_NONE;
    for (uint32_t at = node; top != HP_NODE_NONE; at = tree->nodes[at].parent) {
        const struct hp_node *call = &tree->nodes[at];
        bool is_each = is_per_execution(call, (uint64_t)((double)below[at].count * scale)) &&
                       (double)call->calls * 2 >= (double)same[at] * scale;
        if (is_each && (call->calls >= 2 || view->owner[at] != HP_NODE_NONE)) {
            best = at;
        }
        if (at == top) {
            break;
        }
    }
    return best;
}

/* Executions of the statement that `first` is the first of, in the subtree of each node; again with -1 to
 * forget them. */
static void count_same(const struct hp__view *view, uint32_t first, int by, uint32_t *same)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = first; i < record->stmt_count; i++) {
        uint32_t at = record->stmts[i].node;
        bool is_same = record->stmts[i].statement == record->stmts[first].statement && at < tree->count;
        for (; is_same && at != HP_NODE_ROOT; at = tree->nodes[at].parent) {
            same[at] += (uint32_t)by;
        }
    }
}

static hp_err fill_entries(struct hp__view *view, const struct below *below, double scale,
                           struct hp_arena *arena)
{
    const struct hp_record *record = view->sample->record;
    uint32_t *same = hp__zeroed(arena, view->sample->tree->count, sizeof *same);
    uint8_t *done = hp__zeroed(arena, record->stmt_count, 1);
    if (same == NULL || done == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t first = 0; first < record->stmt_count; first++) {
        if (done[first]) {
            continue;
        }
        count_same(view, first, 1, same);
        for (uint32_t i = first; i < record->stmt_count; i++) {
            if (record->stmts[i].statement == record->stmts[first].statement) {
                view->entry[i] = entry_of_stmt(view, below, same, record->stmts[i].node, scale);
                done[i] = 1;
            }
        }
        count_same(view, first, -1, same);
    }
    return HP_OK;
}

/* A function of the application that is called once for each execution and does little else is part of it:
 * building the query, taking the row apart. What it may have of its own where the library is not seen
 * (drivers in C): as much as the SQL, or a trifle. */
static uint32_t widen(const struct hp__view *view, const struct below *below, uint32_t entry, uint32_t node,
                      double scale)
{
    const struct hp_tree *tree = view->sample->tree;
    struct hp__spot caller;
    uint32_t at = node < tree->count ? view->owner[node] : HP_NODE_NONE;
    for (uint32_t level = 0; level < WIDEN_LEVELS && at != HP_NODE_NONE && view->app[at]; level++) {
        const struct hp_node *function = &tree->nodes[at];
        double executions = (double)below[at].count * scale, sql = (double)below[at].ns * scale;
        double inside = entry != HP_NODE_NONE ? (double)tree->nodes[entry].total : sql;
        double own = (double)function->total - inside;
        double may =
            inside > WIDEN_NS * (double)function->calls ? inside : WIDEN_NS * (double)function->calls;
        if (function->calls < 2 || (double)function->calls * 2 < executions ||
            !is_per_execution(function, (uint64_t)executions) || own > may ||
            !hp__place_caller(view, at, &caller)) {
            break;
        }
        entry = at;
        at = caller.node;
    }
    return entry;
}

/* Whether call `i` of the application makes what entry `run` runs: of the same package, in the same function
 * and expression, no more often. */
static bool makes(const struct hp__view *view, uint32_t i, uint32_t run)
{
    const struct hp_tree *tree = view->sample->tree;
    const struct hp_dict *dict = view->facts->dict;
    const struct hp_node *maker = &tree->nodes[i], *runner = &tree->nodes[run];
    bool one_line = maker->line == runner->line && is_per_execution(maker, runner->calls);
    bool one_chain = maker->line < runner->line && runner->line - maker->line <= CHAIN_LINES &&
                     maker->calls == runner->calls;
    struct hp_str package = hp__build_package(hp_dict_symbol(dict, runner->sym).file);
    return maker->parent == runner->parent && (one_line || one_chain) && package.n != 0 &&
           hp_str_eq(package, hp__build_package(hp_dict_symbol(dict, maker->sym).file));
}

/* Calls below which neither statements nor code of the application run. */
static void find_plain(const struct hp__view *view, const struct below *below, uint8_t *plain)
{
    const struct hp_tree *tree = view->sample->tree;
    memset(plain, 1, tree->count);
    for (uint32_t i = tree->count; i-- > 1;) {
        bool own = view->app[i] || tree->nodes[i].kind != HP_NODE_CALL || below[i].count != 0;
        plain[i] = plain[i] && !own;
        plain[tree->nodes[i].parent] &= plain[i];
    }
}

/* The executions' entries that are a call of the application's line get what makes their statements. */
static hp_err find_makers(struct hp__view *view, const struct below *below, double scale,
                          struct hp_arena *arena)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    uint64_t *made_ns = hp__zeroed(arena, tree->count, sizeof *made_ns);
    uint32_t *runners = hp__zeroed(arena, record->stmt_count, sizeof *runners), count = 0;
    view->runner = hp__zeroed(arena, tree->count, sizeof *view->runner);
    if (made_ns == NULL || runners == NULL || view->runner == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        uint32_t entry = view->entry[i];
        bool is_call = entry != HP_NODE_NONE && !view->app[entry] && view->app[tree->nodes[entry].parent];
        if (is_call && view->runner[entry] == 0) {
            view->runner[entry] = entry;
            runners[count++] = entry;
        }
    }
    find_plain(view, below, view->inside);
    for (uint32_t i = 1; count != 0 && i < tree->count; i++) {
        if (!view->inside[i] || !view->app[tree->nodes[i].parent]) {
            continue;
        }
        uint32_t nearest = 0;
        for (uint32_t k = 0; k < count; k++) {
            bool nearer = nearest == 0 || tree->nodes[runners[k]].line < tree->nodes[nearest].line;
            nearest = nearer && makes(view, i, runners[k]) ? runners[k] : nearest;
        }
        view->runner[i] = nearest;
        made_ns[nearest] += tree->nodes[i].total;
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        uint32_t entry = view->entry[i];
        if (entry != HP_NODE_NONE && view->runner[entry] == entry) {
            view->around_ns[i] += (uint64_t)((double)made_ns[entry] / ((double)below[entry].count * scale));
        }
    }
    return HP_OK;
}

static hp_err find_entries(struct hp__view *view, struct hp_arena *arena)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    struct below *below = hp__zeroed(arena, tree->count, sizeof *below);
    if (below == NULL) {
        return HP_ENOMEM;
    }
    double scale = stmts_per_recorded(record);
    count_below(view, below);
    hp_err err = fill_entries(view, below, scale, arena);
    for (uint32_t i = 0; err == HP_OK && i < record->stmt_count; i++) {
        uint32_t entry = widen(view, below, view->entry[i], record->stmts[i].node, scale);
        view->entry[i] = entry;
        if (entry == HP_NODE_NONE) {
            continue;
        }
        double sql = (double)below[entry].ns * scale;
        double around = (double)tree->nodes[entry].total - sql;
        view->around_ns[i] = around > 0 ? (uint64_t)(around / ((double)below[entry].count * scale)) : 0;
    }
    return err == HP_OK ? find_makers(view, below, scale, arena) : err;
}

bool hp__case_first(const struct hp_case *c, uint32_t i)
{
    const struct hp_request *own = &c->samples[i].record->req;
    for (uint32_t k = 0; k < c->sample_count; k++) {
        const struct hp_request *other = &c->samples[k].record->req;
        if (other->process == own->process && other->seq < own->seq) {
            return false;
        }
    }
    return true;
}

hp_err hp__view_init(struct hp__view *view, const struct hp_sample *sample, const struct hp__facts *facts,
                     struct hp_arena *arena)
{
    const struct hp_record *record = sample->record;
    memset(view, 0, sizeof *view);
    view->sample = sample;
    view->facts = facts;
    view->view_sym = record->req.view_sym;
    view->entry = hp_arena_alloc(arena, record->stmt_count * sizeof *view->entry + 1, _Alignof(uint32_t));
    view->around_ns = hp__zeroed(arena, record->stmt_count, sizeof *view->around_ns);
    view->stmt_taken = hp__zeroed(arena, record->stmt_count, 1);
    view->lane_taken = hp__zeroed(arena, record->lane_count, sizeof *view->lane_taken);
    if (view->entry == NULL || view->around_ns == NULL || view->stmt_taken == NULL ||
        view->lane_taken == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        view->entry[i] = HP_NODE_NONE;
    }
    hp__connecting_take(view);
    hp_err err = hp__waits_init(view, arena);
    err = err == HP_OK ? hp__spine_find(view, arena) : err;
    if (err == HP_OK && sample->tree == NULL) {
        hp__connecting_place(view);
    }
    if (err != HP_OK || sample->tree == NULL) {
        return err;
    }
    view->owner = hp__zeroed(arena, sample->tree->count, sizeof *view->owner);
    view->app = hp__zeroed(arena, sample->tree->count, 1);
    view->node_taken = hp__zeroed(arena, sample->tree->count, 1);
    view->inside = hp__zeroed(arena, sample->tree->count, 1);
    if (view->owner == NULL || view->app == NULL || view->node_taken == NULL || view->inside == NULL) {
        return HP_ENOMEM;
    }
    find_owners(view);
    view->view_sym = find_view(view);
    err = hp__waits_widen(view, arena);
    if (err != HP_OK) {
        return err;
    }
    hp__connecting_place(view);
    hp__client_find(view);
    return find_entries(view, arena);
}

uint64_t hp__view_cost_ns(const struct hp__view *view, uint32_t stmt)
{
    const struct hp_stmt *s = &view->sample->record->stmts[stmt];
    return s->exec_ns + s->fetch_ns + view->around_ns[stmt];
}

bool hp__view_free_stmt(const struct hp__view *view, uint32_t stmt)
{
    uint32_t lane = view->sample->record->stmts[stmt].lane;
    return !view->stmt_taken[stmt] && (lane >= view->sample->record->lane_count || !view->lane_taken[lane]);
}

double hp__view_scale(const struct hp__view *view, uint32_t stmt, uint32_t recorded)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_stmt *s = &record->stmts[stmt];
    uint64_t all = 0;
    if (record->stmt_count < HP_STMT_CAP || recorded == 0) {
        return 1.0;
    }
    for (uint32_t i = 0; i < record->group_count; i++) {
        if (record->groups[i].statement == s->statement && record->groups[i].site_sym == s->site_sym) {
            all += record->groups[i].count;
        }
    }
    return all > recorded ? (double)all / recorded : 1.0;
}

void hp__view_take_node(struct hp__view *view, uint32_t node)
{
    const struct hp_tree *tree = view->sample->tree;
    if (tree == NULL || node >= tree->count || view->node_taken[node]) {
        return;
    }
    uint32_t owner = view->owner[node];
    view->node_taken[node] = 1;
    for (uint32_t i = node + 1; i < tree->count; i++) {
        const struct hp_node *below = &tree->nodes[i];
        if (below->kind != HP_NODE_LANE && view->node_taken[below->parent] && view->owner[i] == owner) {
            view->node_taken[i] = 1;
        }
    }
}

/* What a library call that runs a statement waits for the disk: it commits as well. */
static void take_syncs(struct hp__view *view, uint32_t entry)
{
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 0; i < view->item_count; i++) {
        uint32_t at = view->items[i].span.node;
        while (at < tree->count && at > entry) {
            at = tree->nodes[at].parent;
        }
        view->items[i].taken |= at == entry && view->items[i].span.kind == HP_WAIT_DISK;
    }
}

void hp__view_take_stmt(struct hp__view *view, uint32_t stmt)
{
    const struct hp_tree *tree = view->sample->tree;
    uint32_t entry = view->entry[stmt], at = view->sample->record->stmts[stmt].node;
    view->stmt_taken[stmt] = 1;
    bool is_first = tree != NULL && entry != HP_NODE_NONE && !view->node_taken[entry];
    if (is_first) {
        take_syncs(view, entry);
    }
    for (uint32_t i = 1; is_first && i < tree->count; i++) {
        if (view->runner[i] == entry) {
            hp__view_take_node(view, i);
        }
    }
    hp__view_take_node(view, entry);
    while (tree != NULL && entry != HP_NODE_NONE && at < tree->count && at > entry) {
        hp__view_take_node(view, at);
        at = tree->nodes[at].parent;
    }
}
