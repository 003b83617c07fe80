/* client.c -- making and closing the clients that connections are opened for.
 *
 *     ask ─┬─ Session.__init__                                              made for this connection
 *          ├─ Session.get ── Pool.urlopen ─┬─ Connection.__init__           made for it, too
 *          │                               └─ Connection.connect            the way to the connection
 *          └─ Session.__exit__ ── Connection.close                          closed because nobody keeps it
 *
 * A library's classes with a method on the way from the application's line to a connect are the connection's
 * client. What makes and closes objects of theirs for the same function, about once for each connection that
 * it opens, goes when the connection is kept; so does what another function that opens none makes for it, or
 * has closed because it is the last to let go. Where another call of the application's line makes them (a
 * factory that reads what the client is to know), all of that call makes the client.
 */
#include <string.h>
#include "find/find_int.h"

#define MOST_CLASSES 32u
#define MOST_EACH    4u /* objects of a class for one connection */

struct way {                                /* from a function of the application to its connect */
    struct hp_symbol classes[MOST_CLASSES]; /* their names are those of the classes */
    uint32_t count;
};

static size_t class_end(struct hp_str name)
{
    size_t at = name.n;
    while (at > 0 && name.p[at - 1] != '.') {
        at--;
    }
    return at > 0 ? at - 1 : 0;
}

/* The function of the application that opens a connection by this call, through whatever library (the
 * standard one is framework at times); HP_NODE_NONE: it opens none, or nobody knows. */
static uint32_t opener(const struct hp__view *view, uint32_t i)
{
    const struct hp__call *call = &view->calls[i];
    uint32_t line, caller = HP_NODE_NONE;
    if (!call->db && !call->failed && call->setup_ns != 0 && call->node < view->sample->tree->count &&
        !view->app[call->node]) {
        caller = hp__view_caller(view, call->node, &line);
    }
    return caller != HP_NODE_NONE ? view->owner[caller] : HP_NODE_NONE;
}

static bool is_of(const struct way *way, const struct hp_symbol *sym)
{
    struct hp_str class = hp_str_make(sym->name.p, class_end(sym->name));
    for (uint32_t i = 0; i < way->count; i++) {
        if (hp_str_eq(way->classes[i].name, class) && hp_str_eq(way->classes[i].file, sym->file)) {
            return true;
        }
    }
    return false;
}

/* In view->inside: on the way, making a client, library code, the call of the application's line that has a
 * client made. */
enum { ON = 1, MAKES = 2, BELOW = 4, FACTORY = 8 };

static void add_way(const struct hp__view *view, uint32_t node, struct way *way)
{
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t at = node; !view->app[at]; at = tree->nodes[at].parent) {
        struct hp_symbol sym = hp_dict_symbol(view->facts->dict, tree->nodes[at].sym);
        bool method = class_end(sym.name) != 0 && way->count < MOST_CLASSES && !is_of(way, &sym);
        view->inside[at] = ON;
        if (method) {
            sym.name.n = class_end(sym.name);
            way->classes[way->count++] = sym;
        }
    }
}

static bool makes_or_closes(struct hp_str name)
{
    static const char *const methods[] = {".__init__", ".__exit__", ".__aexit__", ".close", ".aclose"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (hp_str_ends(name, hp_str_from0(methods[i]))) {
            return true;
        }
    }
    return false;
}

/* Whether another function opens connections, too: what it makes is its own. */
static bool opens(const struct hp__view *view, uint32_t owner)
{
    for (uint32_t i = 0; i < view->call_count; i++) {
        if (opener(view, i) == owner) {
            return true;
        }
    }
    return false;
}

static bool is_each(const struct hp_node *node, uint32_t opened)
{
    return node->calls * 4 >= 3u * opened && node->calls <= (uint64_t)MOST_EACH * opened;
}

static uint32_t call_of_line(const struct hp__view *view, uint32_t node)
{
    while (node != HP_NODE_ROOT && !view->app[view->sample->tree->nodes[node].parent]) {
        node = view->sample->tree->nodes[node].parent;
    }
    return node;
}

static void mark_factories(const struct hp__view *view, uint32_t owner, const struct way *way,
                           uint32_t opened)
{
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        struct hp_symbol sym = hp_dict_symbol(view->facts->dict, node->sym);
        bool made = view->owner[i] == owner && !view->app[i] && node->lane == tree->nodes[owner].lane &&
                    hp_str_ends(sym.name, HP_STR(".__init__")) && is_each(node, opened) && is_of(way, &sym);
        uint32_t call = made ? call_of_line(view, i) : HP_NODE_ROOT;
        if (call != HP_NODE_ROOT && !(view->inside[call] & ON) && is_each(&tree->nodes[call], opened)) {
            view->inside[call] |= FACTORY;
        }
    }
}

/* All of it for one function's `opened` connections. */
static uint64_t client_ns(const struct hp__view *view, uint32_t owner, const struct way *way, uint32_t opened)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t ns = 0;
    mark_factories(view, owner, way, opened);
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        uint8_t above = view->inside[node->parent];
        bool called = view->app[node->parent] || (above & BELOW) != 0;
        if (!called || view->app[i] || node->kind == HP_NODE_LANE || node->lane != tree->nodes[owner].lane) {
            continue;
        }
        struct hp_symbol sym = hp_dict_symbol(view->facts->dict, node->sym);
        bool makes = (view->inside[i] & FACTORY) ||
                     (!(view->inside[i] & ON) && is_each(node, opened) && makes_or_closes(sym.name) &&
                      is_of(way, &sym) && (view->owner[i] == owner || !opens(view, view->owner[i])));
        ns += makes && !(above & MAKES) ? node->total : 0;
        view->inside[i] |= (uint8_t)(BELOW | (makes ? MAKES : above & MAKES));
    }
    return ns;
}

/* Whether an earlier call of the same function opens a connection, too. */
static bool is_later(const struct hp__view *view, uint32_t i, uint32_t owner)
{
    for (uint32_t k = 0; k < i; k++) {
        if (opener(view, k) == owner) {
            return true;
        }
    }
    return false;
}

void hp__client_find(struct hp__view *view)
{
    for (uint32_t i = 0; i < view->call_count; i++) {
        struct way way = {.count = 0};
        uint32_t opened = 1, owner = opener(view, i);
        if (owner == HP_NODE_NONE || is_later(view, i, owner)) {
            continue;
        }
        memset(view->inside, 0, view->sample->tree->count);
        add_way(view, view->calls[i].node, &way);
        for (uint32_t k = i + 1; k < view->call_count; k++) {
            if (opener(view, k) == owner) {
                add_way(view, view->calls[k].node, &way);
                opened++;
            }
        }
        uint64_t each_ns = client_ns(view, owner, &way, opened) / opened;
        for (uint32_t k = i; k < view->call_count; k++) {
            if (opener(view, k) == owner) {
                view->calls[k].client_ns = each_ns;
            }
        }
    }
}
