/* build.c -- what a library does for the statements of one application function, beside the database.
 *
 *     load_items ─┬─ scalars ── … ── do_execute (SQL)        both calls belong together: the second has no statement
 *                 └─ ScalarResult.all ── … (objects)         below it, but is of a package that ran one
 *
 * An ORM runs the statement in one call and builds the objects in another, or while the result is iterated. So all calls of the function into the packages
 * between it and its statements are taken together. Code of the application below them is not in it.
 */
#include <string.h>
#include "find/find_int.h"

#define MAX_PACKAGES 4u

struct packages {
    struct hp_str list[MAX_PACKAGES];
    uint32_t count;
};

/* "sqlalchemy" of "sqlalchemy/orm/query.py", "peewee.py" of itself. */
static struct hp_str package_of(struct hp_str file)
{
    return hp_str_make(file.p, hp_str_find_char(file, '/'));
}

static bool has_package(const struct packages *packages, struct hp_str file)
{
    struct hp_str own = package_of(file);
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
    for (uint32_t at = node; at != owner && view->owner[at] == owner; at = tree->nodes[at].parent) {
        struct hp_str file = hp_dict_symbol(dict, tree->nodes[at].sym).file;
        if (file.n != 0 && !view->app[at] && packages->count < MAX_PACKAGES && !has_package(packages, file)) {
            packages->list[packages->count++] = package_of(file);
        }
    }
}

static bool is_of(const struct hp__view *view, uint32_t stmt, uint32_t owner)
{
    uint32_t node = view->sample->record->stmts[stmt].node;
    return node < view->sample->tree->count && view->owner[node] == owner && node != owner &&
           !view->node_taken[node] && hp__view_free_stmt(view, stmt);
}

struct hp__build hp__build_of(const struct hp__view *view, const struct hp_dict *dict, uint32_t owner)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    struct hp__build build = {0};
    struct packages packages = {.count = 0};
    memset(view->inside, 0, tree->count);
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        if (is_of(view, i, owner)) {
            add_packages(view, dict, record->stmts[i].node, owner, &packages);
            build.sql_ns += record->stmts[i].exec_ns + record->stmts[i].fetch_ns;
            build.fetch_ns += record->stmts[i].fetch_ns;
            build.rows += record->stmts[i].rows != HP_ABSENT ? record->stmts[i].rows : 0;
            build.statements++;
        }
    }
    for (uint32_t i = owner + 1; packages.count != 0 && i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        bool mine = view->owner[i] == owner && !view->app[i] && node->kind != HP_NODE_LANE;
        view->inside[i] = mine && (view->inside[node->parent] ||
                                   has_package(&packages, hp_dict_symbol(dict, node->sym).file));
        build.ns += view->inside[i] && !view->node_taken[i] ? node->self : 0;
    }
    build.ns = build.ns > build.sql_ns ? build.ns - build.sql_ns : 0;
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
        view->node_taken[i] |= view->inside[i];
    }
}
