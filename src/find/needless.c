/* needless.c -- outgoing calls that need not be made each time, by what the source says of them. */
#include "find/asks.h"
#include "find/find_int.h"

#define MOST_LINES 64u
#define CALL_KINDS (HP__WAIT(CONNECT) | HP__WAIT(SEND) | HP__WAIT(RECV))

struct hp__needless { /* lines of the source, as far as they have been asked for */
    struct {
        uint32_t sym, line, callee; /* a symbol */
        unsigned asks;
    } list[MOST_LINES];
    uint32_t count;
};

unsigned hp__needless_asks(struct hp__find *f, uint32_t sym, uint32_t line, uint32_t callee)
{
    const struct hp_case *c = f->c;
    struct hp__needless *lines = f->needless;
    if (lines == NULL) {
        lines = f->needless = hp__zeroed(f->arena, 1, sizeof *lines);
    }
    if (lines == NULL) {
        f->needless_err = HP_ENOMEM;
        return 0;
    }
    uint32_t i = 0;
    while (i < lines->count &&
           (lines->list[i].sym != sym || lines->list[i].line != line || lines->list[i].callee != callee)) {
        i++;
    }
    if (i < lines->count) {
        return lines->list[i].asks;
    }
    if (c->source == NULL || lines->count == MOST_LINES) {
        return 0;
    }
    struct hp_symbol symbol = hp_dict_symbol(c->dict, sym);
    struct hp_str name = callee != 0 ? hp__words_last(hp_dict_symbol(c->dict, callee).name) : HP_STR("");
    lines->list[i].sym = sym;
    lines->list[i].line = line;
    lines->list[i].callee = callee;
    lines->list[i].asks = 0;
    lines->count++;
    hp_arena_reset(f->scratch);
    hp_err err = hp__asks_read(c->source(c->source_ctx, symbol.file), symbol.line, line, name, f->scratch,
                               &lines->list[i].asks);
    f->needless_err = err != HP_OK ? err : f->needless_err;
    return lines->list[i].asks;
}

uint32_t hp__needless_maker(const struct hp__view *view, const struct hp__call *call, uint32_t *callee)
{
    const struct hp_tree *tree = view->sample->tree;
    uint32_t at = call->node;
    *callee = call->via_sym;
    if (tree == NULL || at >= tree->count) {
        return HP_NODE_NONE;
    }
    while (!view->app[at] && at != HP_NODE_ROOT && tree->nodes[at].kind != HP_NODE_LANE) {
        *callee = tree->nodes[at].sym;
        at = tree->nodes[at].parent;
    }
    return view->app[at] ? at : HP_NODE_NONE;
}

/* Whether one line does all of a call: of several one connects or sends, and another one asks or reads the
 * answer. */
static bool is_one_line(const struct hp__view *view, const struct hp__call *call)
{
    uint32_t number = (uint32_t)(call - view->calls) + 1;
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct hp_span *span = &view->items[i].span;
        bool is_elsewhere = span->site_sym != call->site_sym || span->site_line != call->site_line;
        if (view->items[i].call == number && is_elsewhere && (CALL_KINDS >> span->kind & 1) != 0) {
            return false;
        }
    }
    return true;
}

/* Whether the same server is asked something else once a call has its answer. */
static bool is_followed(const struct hp__view *view, const struct hp__call *call)
{
    for (uint32_t i = 0; i < view->call_count; i++) {
        const struct hp__call *other = &view->calls[i];
        if (other->peer == call->peer && other->peer != 0 && other->lane == call->lane && other->answers &&
            other->t0_ns >= call->t1_ns) {
            return true;
        }
    }
    return false;
}

unsigned hp__needless_why(struct hp__find *f, const struct hp__view *view, const struct hp__call *call,
                          struct hp__spot *spot)
{
    struct hp__spot here = {.sym = call->site_sym, .line = call->site_line, .via = call->via_sym};
    uint32_t callee, node = hp__needless_maker(view, call, &callee);
    unsigned may = HP__ASKS_UNUSED | HP__ASKS_SAME;
    *spot = here;
    for (uint32_t i = 0; i < HP__NEEDLESS_ABOVE && may != 0; i++) {
        unsigned asks = hp__needless_asks(f, here.sym, here.line, callee);
        if (i == 0 && (asks & HP__ASKS_HEAD) != 0 && is_followed(view, call)) {
            return HP__ASKS_HEAD;
        }
        asks &= i == 0 && !is_one_line(view, call) ? ~(unsigned)(HP__ASKS_UNUSED | HP__ASKS_SAME) : ~0u;
        if ((asks & may) != 0) {
            *spot = here;
            return asks & may;
        }
        may &= ((asks & HP__ASKS_RETURN) != 0 ? HP__ASKS_UNUSED : 0u) |
               ((asks & HP__ASKS_GIVEN) != 0 ? HP__ASKS_SAME : 0u);
        callee = here.sym;
        node = node != HP_NODE_NONE ? hp__view_caller(view, node, &here.line) : HP_NODE_NONE;
        if (node == HP_NODE_NONE) {
            break;
        }
        here.sym = view->sample->tree->nodes[node].sym;
        here.via = 0;
    }
    return 0;
}
