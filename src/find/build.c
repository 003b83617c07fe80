/* build.c -- what a library does for the statements of one application function, beside the database.
 *
 *     load_items ─┬─ scalars ── … ── do_execute (SQL)        both calls belong together: the second has no statement
 *                 └─ ScalarResult.all ── … (objects)         below it, but is of a package that ran one
 *
 * An ORM runs the statement in one call and builds the objects in another, or while the result is iterated.
 * So all calls of the function into the packages between it and its statements are taken together. Code of
 * the application below them is not in it, nor are calls that only write: what a bulk insert does with its
 * rows builds no objects. What turns objects into text and loads more of them on the way (a serialiser, what a
 * template draws) builds none either: of its calls only those into the packages nearer to the statement count.
 */
#include <string.h>
#include "find/find_int.h"

#define MAX_PACKAGES 4u

enum { OUT, IN, WRITES }; /* of view->inside */

struct packages {
    struct hp_str list[MAX_PACKAGES];
    uint32_t count;
};

struct hp_str hp__build_package(struct hp_str file)
{
    return hp_str_make(file.p, hp_str_find_char(file, '/'));
}

static bool has_package(const struct packages *packages, struct hp_str file)
{
    struct hp_str own = hp__build_package(file);
    for (uint32_t i = 0; i < packages->count; i++) {
        if (own.n != 0 && hp_str_eq(packages->list[i], own)) {
            return true;
        }
    }
    return false;
}

static void add_packages(const struct hp__view *view, const struct hp_dict *dict, uint32_t node,
                         uint32_t owner, struct packages *packages)
{
    const struct hp_tree *tree = view->sample->tree;
    bool draws = (hp__facts_of(view->facts, tree->nodes[owner].sym) & HP__FACT_TEMPLATE) != 0;
    struct hp_str nearest = {"", 0};
    for (uint32_t at = node; at != owner && view->owner[at] == owner; at = tree->nodes[at].parent) {
        struct hp_symbol sym = hp_dict_symbol(dict, tree->nodes[at].sym);
        struct hp_str file = sym.file;
        nearest = nearest.n == 0 ? hp__build_package(file) : nearest;
        if (hp__bound_serialisers.is_boundary(&sym) ||
            (draws && !hp_str_eq(hp__build_package(file), nearest))) {
            return;
        }
        if (file.n != 0 && !view->app[at] && packages->count < MAX_PACKAGES && !has_package(packages, file)) {
            packages->list[packages->count++] = hp__build_package(file);
        }
    }
}

/* `all`: also what a finding explains. */
static bool is_of(const struct hp__view *view, uint32_t stmt, uint32_t owner, bool all)
{
    uint32_t node = view->sample->record->stmts[stmt].node;
    return node < view->sample->tree->count && view->owner[node] == owner && node != owner &&
           (all || (!view->node_taken[node] && hp__view_free_stmt(view, stmt)));
}

static bool gives_rows(const struct hp__view *view, const struct hp_dict *dict, uint32_t stmt)
{
    struct hp_statement statement = hp_dict_statement(dict, view->sample->record->stmts[stmt].statement);
    return hp__words_gives(&statement);
}

/* The function's calls that run statements, none of which gives rows. */
static void mark_writes(const struct hp__view *view, const struct hp_dict *dict, uint32_t owner, bool all)
{
    const struct hp_record *record = view->sample->record;
    for (int gives = 0; gives < 2; gives++) {
        for (uint32_t i = 0; i < record->stmt_count; i++) {
            uint32_t entry =
                is_of(view, i, owner, all) ? hp__view_entry_of(view, record->stmts[i].node) : HP_NODE_NONE;
            if (entry != HP_NODE_NONE && gives_rows(view, dict, i) == (gives == 1)) {
                view->inside[entry] = gives == 1 ? OUT : WRITES;
            }
        }
    }
}

static uint8_t inside_of(const struct hp__view *view, const struct hp_dict *dict,
                         const struct packages *packages, uint32_t i)
{
    const struct hp_node *node = &view->sample->tree->nodes[i];
    if (view->inside[i] == WRITES || view->inside[node->parent] == WRITES) {
        return WRITES;
    }
    bool in = view->inside[node->parent] == IN || has_package(packages, hp_dict_symbol(dict, node->sym).file);
    return in ? IN : OUT;
}

uint64_t hp__build_database_ns(const struct hp__view *view, uint32_t stmt)
{
    const struct hp_stmt *s = &view->sample->record->stmts[stmt];
    uint64_t ns = 0;
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct hp__wait_item *item = &view->items[i];
        ns += item->statement == stmt + 1 && item->span.kind == HP_WAIT_DB ? item->ns : 0;
    }
    return ns != 0 && ns < s->exec_ns + s->fetch_ns ? ns : s->exec_ns + s->fetch_ns;
}

struct hp__build hp__build_of(const struct hp__view *view, const struct hp_dict *dict, uint32_t owner,
                              bool all)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    struct hp__build build = {0};
    struct packages packages = {.count = 0};
    uint64_t most = 0, sql_ns = 0;
    memset(view->inside, OUT, tree->count);
    mark_writes(view, dict, owner, all);
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        if (!is_of(view, i, owner, all)) {
            continue;
        }
        add_packages(view, dict, stmt->node, owner, &packages);
        if (gives_rows(view, dict, i)) {
            uint64_t rows = stmt->rows != HP_ABSENT ? stmt->rows : 0;
            build.stmt = build.statements == 0 || rows > most ? i : build.stmt;
            most = rows > most ? rows : most;
            build.database_ns += hp__build_database_ns(view, i);
            build.rows += rows;
            build.statements++;
        }
    }
    for (uint32_t i = owner + 1; packages.count != 0 && i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        bool mine = view->owner[i] == owner && !view->app[i] && node->kind != HP_NODE_LANE;
        view->inside[i] = mine ? inside_of(view, dict, &packages, i) : OUT;
        build.ns += view->inside[i] == IN && !view->node_taken[i] ? node->self : 0;
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        bool below = is_of(view, i, owner, all) && view->inside[record->stmts[i].node] == IN;
        sql_ns += below ? record->stmts[i].exec_ns + record->stmts[i].fetch_ns : 0;
    }
    build.ns = build.ns > sql_ns ? build.ns - sql_ns : 0;
    return build;
}

static uint32_t owner_of(const struct hp__view *view, uint32_t stmt)
{
    uint32_t node = view->sample->record->stmts[stmt].node;
    return view->owner != NULL && node < view->sample->tree->count ? view->owner[node] : HP_NODE_NONE;
}

uint32_t hp__build_owner(const struct hp__view *view, uint32_t stmt)
{
    uint32_t owner = owner_of(view, stmt);
    for (uint32_t i = stmt; i-- > 0 && owner != HP_NODE_NONE;) { /* the one before is the likeliest */
        if (owner_of(view, i) == owner) {
            return HP_NODE_NONE;
        }
    }
    return owner;
}

void hp__build_take(struct hp__view *view)
{
    for (uint32_t i = 0; i < view->sample->tree->count; i++) {
        view->node_taken[i] |= view->inside[i] == IN;
    }
}
