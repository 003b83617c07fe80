/* connecting.c -- what belongs to connecting to a database beside the waits for it: statements that set the
 * connection up, and the pool that is made for it.
 *
 *     rates ─── Session.scalars ── step "connect" ─┬─ connect, login                 waits of the call (waits.c)
 *       │                                          └─ SELECT @@sql_mode, SET NAMES   statements of the connection, nobody's repeats
 *       └── database ── create_engine                                                where a pool is made for each connection, the line to edit
 *
 * One process needs one pool for a server, so connections to it from several functions of a request are told
 * as one: at the line that makes the pools if there is one for each connection, else at the function that
 * opens most of them.
 */
#include "find/find_int.h"

/* Steps inside of it are not in its own time. */
static uint64_t end_of(const struct hp_record *record, const struct hp_step *step)
{
    uint64_t end = step->t0_ns + step->ns;
    for (uint32_t i = 0; i < record->step_count; i++) {
        const struct hp_step *other = &record->steps[i];
        bool inside = other != step && other->lane == step->lane && other->kind != HP_DB_POOL &&
                      other->t0_ns >= step->t0_ns && other->t0_ns < end;
        end += inside ? other->ns : 0;
    }
    return end;
}

uint64_t hp__connecting_until(const struct hp_record *record, uint32_t lane, uint64_t at_ns)
{
    for (uint32_t i = 0; i < record->step_count; i++) {
        const struct hp_step *step = &record->steps[i];
        bool before = step->kind == HP_DB_CONNECT && step->lane == lane && step->t0_ns <= at_ns;
        uint64_t end = before ? end_of(record, step) : 0;
        if (end > at_ns) {
            return end;
        }
    }
    return 0;
}

void hp__connecting_take(struct hp__view *view)
{
    const struct hp_record *record = view->sample->record;
    for (uint32_t i = 0; record->step_count != 0 && i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        /* By its middle: our own cost is taken out of begin and end of both, in unlike parts. */
        view->stmt_taken[i] = hp__connecting_until(record, stmt->lane, stmt->t0_ns + stmt->exec_ns / 2) != 0;
    }
}

/* ---- the line to edit ---- */

bool hp__connecting_makes_pool(const struct hp__view *view, uint32_t node)
{
    struct hp_symbol sym = hp_dict_symbol(view->facts->dict, view->sample->tree->nodes[node].sym);
    return hp_str_eq(sym.name, HP_STR("create_engine")) &&
           hp_str_eq(sym.file, HP_STR("sqlalchemy/engine/create.py"));
}

/* The line of the application that makes most pools; `*count` and `*ns`: all of them. */
static struct hp__spot find_maker(const struct hp__view *view, uint64_t *count, uint64_t *ns)
{
    const struct hp_tree *tree = view->sample->tree;
    struct hp__spot maker = {0};
    uint64_t most = 0;
    *count = *ns = 0;
    for (uint32_t i = 0; tree != NULL && i < tree->count; i++) {
        uint32_t entry = hp__connecting_makes_pool(view, i) ? hp__view_entry_of(view, i) : HP_NODE_NONE;
        if (entry == HP_NODE_NONE) {
            continue;
        }
        *count += tree->nodes[i].calls;
        *ns += tree->nodes[entry].total;
        if (tree->nodes[i].calls > most) {
            most = tree->nodes[i].calls;
            maker = (struct hp__spot){.sym = tree->nodes[view->owner[i]].sym,
                                      .line = tree->nodes[entry].line,
                                      .via = tree->nodes[entry].sym};
        }
    }
    return maker;
}

static bool opens(const struct hp__call *call)
{
    return call->db && !call->failed && call->setup_ns != 0 && call->site_sym != 0;
}

static uint32_t count_opens(const struct hp__view *view, uint32_t peer, uint32_t site_sym)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < view->call_count; i++) {
        const struct hp__call *call = &view->calls[i];
        n += opens(call) && (peer == 0 || call->peer == peer) &&
             (site_sym == HP__ANY_SITE || call->site_sym == site_sym);
    }
    return n;
}

/* Of the functions that open connections to this server the one that opens most, the first of them if several
 * do; where it opens the first. */
static struct hp__spot find_opener(const struct hp__view *view, uint32_t peer)
{
    struct hp__spot opener = {0};
    uint32_t most = 0;
    for (uint32_t i = 0; i < view->call_count; i++) {
        const struct hp__call *call = &view->calls[i];
        uint32_t n = opens(call) && call->peer == peer ? count_opens(view, peer, call->site_sym) : 0;
        if (n > most) {
            most = n;
            opener = (struct hp__spot){.sym = call->site_sym, .line = call->site_line, .via = call->via_sym};
        }
    }
    return opener;
}

static void move(struct hp__view *view, uint32_t at, const struct hp__spot *to)
{
    struct hp__call *call = &view->calls[at];
    call->site_sym = to->sym;
    call->site_line = to->line;
    call->via_sym = to->via;
    for (uint32_t i = call->first_item; i < view->item_count; i++) {
        struct hp__wait_item *item = &view->items[i];
        if (item->call == at + 1) {
            item->span.site_sym = to->sym;
            item->span.site_line = to->line;
            item->span.via_sym = to->via;
        }
    }
}

void hp__connecting_place(struct hp__view *view)
{
    uint64_t made, made_ns;
    uint32_t opened = count_opens(view, 0, HP__ANY_SITE);
    if (opened == 0) {
        return;
    }
    struct hp__spot maker = find_maker(view, &made, &made_ns);
    bool each = maker.sym != 0 && made >= opened;
    for (uint32_t i = 0; i < view->call_count; i++) {
        struct hp__call *call = &view->calls[i];
        if (!opens(call)) {
            continue;
        }
        struct hp__spot to = each ? maker : find_opener(view, call->peer);
        call->setup_ns += each ? made_ns / opened : 0;
        if (to.sym != call->site_sym || each) {
            move(view, i, &to);
        }
    }
}
