/* mostly.c -- see mostly.h. In each sampled request down the heaviest calls, as long as they are half of it;
 * then the deepest of the lines that most of the requests' time agrees on.
 *
 *     (request) ── dispatch ── page ──line 8──▶ scatter ── …       page, line 8, which calls scatter
 */
#include "find/mostly.h"

#include "find/find_int.h"

#define MOST_PLACES 256u

struct place {
    uint32_t sym, line, callee, depth;
    uint64_t ns;       /* at the line */
    uint64_t whole_ns; /* of the requests that spend half of it there */
};

struct places {
    struct place list[MOST_PLACES];
    uint32_t count;
};

static uint32_t heaviest_child(const struct hp_tree *tree, uint32_t node)
{
    uint32_t best = HP_NODE_NONE;
    for (uint32_t i = tree->nodes[node].first_child; i != HP_NODE_NONE; i = tree->nodes[i].next_sibling) {
        bool calls = tree->nodes[i].kind != HP_NODE_LANE && tree->nodes[i].kind != HP_NODE_GC;
        if (calls && (best == HP_NODE_NONE || tree->nodes[i].total > tree->nodes[best].total)) {
            best = i;
        }
    }
    return best;
}

static uint64_t line_ns(const struct hp_tree *tree, uint32_t node, uint32_t line)
{
    uint64_t ns = 0;
    for (uint32_t i = tree->nodes[node].first_child; i != HP_NODE_NONE; i = tree->nodes[i].next_sibling) {
        ns += tree->nodes[i].line == line && tree->nodes[i].kind != HP_NODE_LANE ? tree->nodes[i].total : 0;
    }
    return ns;
}

static void add(struct places *places, const struct place *place)
{
    struct place *list = places->list;
    uint32_t i = 0;
    while (i < places->count && (list[i].sym != place->sym || list[i].line != place->line)) {
        i++;
    }
    if (i == places->count && i < MOST_PLACES) {
        list[places->count++] = (struct place){place->sym, place->line, place->callee, place->depth, 0, 0};
    }
    if (i < places->count) {
        list[i].ns += place->ns;
        list[i].whole_ns += place->whole_ns;
        list[i].depth = place->depth > list[i].depth ? place->depth : list[i].depth;
    }
}

/* The lines of one request. */
static void walk(const struct hp_dict *dict, const struct hp_tree *tree, uint64_t whole_ns,
                 struct places *places)
{
    uint32_t depth = 1;
    for (uint32_t node = HP_NODE_ROOT; node != HP_NODE_NONE; depth++) {
        const struct hp_node *here = &tree->nodes[node];
        struct hp_symbol symbol = hp_dict_symbol(dict, here->sym);
        bool is_app = (symbol.flags & HP_SYM_APP) != 0;
        uint32_t child = heaviest_child(tree, node);
        if (is_app && here->self >= whole_ns / 2) {
            struct place place = {here->sym, symbol.line, 0, depth, here->self, whole_ns};
            add(places, &place);
            break;
        }
        if (child == HP_NODE_NONE) {
            break;
        }
        const struct hp_node *call = &tree->nodes[child];
        struct place place = {here->sym, call->line, call->sym, depth, line_ns(tree, node, call->line),
                              whole_ns};
        if (is_app && place.line != 0 && place.ns >= whole_ns / 2) {
            add(places, &place);
        }
        node = call->total >= whole_ns / 2 ? child : HP_NODE_NONE;
    }
}

hp_err hp__mostly_find(const struct hp_case *c, struct hp_arena *arena, struct hp_mostly *mostly)
{
    uint64_t all_ns = 0;
    uint32_t depth = 0;
    struct places *places = hp__zeroed(arena, 1, sizeof *places);
    *mostly = (struct hp_mostly){.share = 0};
    if (places == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < c->sample_count; i++) {
        const struct hp_sample *sample = &c->samples[i];
        const struct hp_tree *tree = sample->tree != NULL ? sample->tree : sample->estimate;
        if (tree != NULL && sample->duration_ns != 0) {
            walk(c->dict, tree, sample->duration_ns, places);
        }
        all_ns += sample->duration_ns;
    }
    for (uint32_t i = 0; i < places->count; i++) {
        const struct place *place = &places->list[i];
        double share = (double)place->ns / (double)place->whole_ns;
        if (place->whole_ns > all_ns / 2 && place->depth > depth) {
            depth = place->depth;
            *mostly = (struct hp_mostly){place->sym, place->line, place->callee, share < 1 ? share : 1};
        }
    }
    return HP_OK;
}
