/* rule_sequential_io.c -- outgoing calls one after another that might be one call, or side by side.
 *
 * Principle: n calls in sequence take the sum of their times, side by side their longest, and one call for
 * all items one.
 *
 * Evidence: in one lane, at one function, calls that do not overlap: two or more from one and the same call
 * path (a loop, with a tree), or three or more at one line, or three or more at the lines of the function
 * that take 10 ms together (at lines of their own they often need each other). The calls' own time, from
 * look-up or first byte sent to the last received.
 *
 * Silent: calls that need each other's answers, as far as the source says it (depends.h); two calls at two
 * lines (the second mostly needs the first: a token, then the query); calls with sleeps in between, unless each
 * is for one of many things; calls that overlap or run in lanes of their own; databases (their statements have
 * rules of their own); what a connection's setup dominates (connection_churn); a long call that asks the same
 * each time, if the others are a sequence without it (slow_external); whatever saves too little (find.c).
 *
 * Saving: all but the longest chain of calls that need each other, in their lane; without a source all but
 * the longest call. That nothing else is between them cannot be seen: the advice says "if", and low is 0.
 */
#include "base/show.h"
#include "find/asks.h"
#include "find/depends.h"
#include "find/find_int.h"

#define MAX_SITES   256u
#define LEAST_LINES 3u
#define LEAST_LOOP  2u
#define LEAST_NS    1000000u
#define LINES_NS    10000000u
#define CALL_KINDS  (HP__WAIT(DNS) | HP__WAIT(CONNECT) | HP__WAIT(TLS) | HP__WAIT(SEND) | HP__WAIT(RECV))

struct learned { /* of a function's lines that make calls */
    struct hp__depends depends;
    uint64_t items; /* bit i: line i asks for a thing of the loop that it is in */
};

static uint64_t call_ns(const struct hp__call *call)
{
    return call->t1_ns - call->t0_ns;
}

static bool is_outgoing(const struct hp__call *call)
{
    return call->answers && !call->db && call->t1_ns > call->t0_ns;
}

/* ---- calls that need each other ---- */

static uint32_t find_line(const struct hp__depends *depends, uint32_t line)
{
    uint32_t i = 0;
    while (i < depends->count && depends->lines[i] != line) {
        i++;
    }
    return i;
}

/* The lines of all calls at the function, and once for all requests what they need of each other. */
static hp_err learn(struct hp__io *io)
{
    const struct hp_case *c = io->f->c;
    struct learned *learned = hp__zeroed(io->f->arena, 1, sizeof *learned);
    if (learned == NULL) {
        return HP_ENOMEM;
    }
    struct hp__depends *depends = &learned->depends;
    io->own = learned;
    for (uint32_t r = 0; r < c->sample_count; r++) {
        const struct hp__view *view = &io->f->views[r];
        for (uint32_t i = 0; i < view->call_count; i++) {
            const struct hp__call *call = &view->calls[i];
            bool is_here = call->loop_sym == io->site_sym && is_outgoing(call);
            if (is_here && depends->count < HP__DEPENDS_LINES &&
                find_line(depends, call->loop_line) == depends->count) {
                depends->lines[depends->count++] = call->loop_line;
            }
        }
    }
    struct hp_symbol symbol = hp_dict_symbol(c->dict, io->site_sym);
    struct hp_str source = c->source != NULL ? c->source(c->source_ctx, symbol.file) : HP_STR("");
    hp_arena_reset(io->f->scratch);
    hp_err err = hp__depends_read(source, symbol.line, io->f->scratch, depends);
    for (uint32_t i = 0; i < depends->count && err == HP_OK; i++) {
        bool item = false;
        err = hp__asks_item(source, symbol.line, depends->lines[i], io->f->scratch, &item);
        learned->items |= item ? 1ULL << i : 0;
    }
    return err;
}

/* Drop calls that, each way, every other one needs or is needed by. */
static uint32_t keep_independent(struct hp__io *io, const struct hp__view *view, uint32_t n)
{
    const struct hp__depends *depends = &((const struct learned *)io->own)->depends;
    uint64_t here = 0, again = 0, bound[HP__DEPENDS_LINES + 1] = {0};
    uint32_t kept = 0;
    for (uint32_t k = 0; k < n; k++) {
        uint64_t bit = 1ULL << find_line(depends, view->calls[io->calls[k]].loop_line);
        again |= here & bit;
        here |= bit;
    }
    for (uint32_t i = 0; i < depends->count; i++) {
        for (uint32_t j = 0; j < depends->count; j++) {
            bool needs = (depends->needs[i] >> j & 1u) != 0;
            bound[i] |= needs ? 1ULL << j : 0;
            bound[j] |= needs ? 1ULL << i : 0;
        }
    }
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = find_line(depends, view->calls[io->calls[k]].loop_line);
        uint64_t others = (here & ~(1ULL << i)) | (again & 1ULL << i);
        if ((others & ~bound[i]) != 0) {
            io->calls[kept++] = io->calls[k];
        }
    }
    return kept;
}

/* What the calls take at the least, side by side as far as none needs another: the longest chain of them. */
static uint64_t chain_ns(const struct hp__io *io, const struct hp__view *view)
{
    const struct hp__depends *depends = &((const struct learned *)io->own)->depends;
    uint64_t until[HP__DEPENDS_LINES + 1] = {0}, longest = 0;
    for (uint32_t k = 0; k < io->count; k++) {
        const struct hp__call *call = &view->calls[io->calls[k]];
        uint32_t i = find_line(depends, call->loop_line);
        uint64_t before = 0;
        for (uint32_t j = 0; i < depends->count && j < depends->count; j++) {
            bool needs = (depends->needs[i] >> j & 1u) != 0;
            before = needs && until[j] > before ? until[j] : before;
        }
        until[i] = before + call_ns(call) > until[i] ? before + call_ns(call) : until[i];
        longest = until[i] > longest ? until[i] : longest;
    }
    return longest;
}

/* Functions where calls are repeated. */
static hp_err sites(struct hp__find *f, uint32_t **list, uint32_t *count)
{
    uint32_t n = 0;
    *list = hp_arena_alloc(f->arena, MAX_SITES * sizeof **list, _Alignof(uint32_t));
    if (*list == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        for (uint32_t k = 0; k < f->views[i].call_count; k++) {
            uint32_t sym = f->views[i].calls[k].loop_sym, j = 0;
            while (j < n && (*list)[j] != sym) {
                j++;
            }
            if (j == n && n < MAX_SITES && sym != 0) {
                (*list)[n++] = sym;
            }
        }
    }
    *count = n;
    return HP_OK;
}

/* Calls of one lane in io->calls[from … ) that do not overlap with one before. Returns how many. */
static uint32_t pick_lane(const struct hp__io *io, const struct hp__view *view, uint32_t lane, uint32_t all,
                          uint32_t *into)
{
    uint32_t n = 0;
    uint64_t until_ns = 0;
    for (uint32_t k = 0; k < all; k++) {
        const struct hp__call *call = &view->calls[io->calls[k]];
        if (call->lane == lane && is_outgoing(call) && call->t0_ns >= until_ns) {
            into[n++] = io->calls[k];
            until_ns = call->t1_ns;
        }
    }
    return n;
}

/* A loop, or enough calls to be worth a look. */
static bool is_sequence(const struct hp__view *view, const uint32_t *calls, uint32_t n)
{
    if (n >= LEAST_LINES) {
        return true;
    }
    return n == LEAST_LOOP && view->sample->tree != NULL &&
           view->calls[calls[0]].node == view->calls[calls[1]].node &&
           view->calls[calls[0]].loop_line == view->calls[calls[1]].loop_line;
}

/* It sleeps between the calls, and not because of each of many things: it asks again and again for one, so that
 * no call can come earlier. */
static bool sleeps_between(const struct hp__io *io, const struct hp__view *view, const uint32_t *calls,
                           uint32_t n)
{
    const struct learned *learned = io->own;
    bool items = true;
    for (uint32_t k = 0; k < n; k++) {
        items =
            items && (learned->items >> find_line(&learned->depends, view->calls[calls[k]].loop_line) & 1);
    }
    if (items) {
        return false;
    }
    const struct hp__call *first = &view->calls[calls[0]], *last = &view->calls[calls[n - 1]];
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct hp_span *span = &view->items[i].span;
        if (span->kind == HP_WAIT_SLEEP && span->lane == first->lane && view->items[i].ns >= LEAST_NS &&
            span->t0_ns >= first->t1_ns && span->t1_ns <= last->t0_ns) {
            return true;
        }
    }
    return false;
}

/* The calls of the lane with the longest sequence, in io->calls. */
static uint32_t pick_calls(struct hp__io *io, const struct hp__view *view)
{
    uint32_t all = 0, best = 0, best_lane = 0;
    uint64_t best_ns = 0;
    uint32_t *lane_calls = io->at; /* room for all waits is room for all calls */
    for (uint32_t i = 0; i < view->call_count; i++) {
        if (view->calls[i].loop_sym == io->site_sym && hp__waits_free_call(view, i)) {
            io->calls[all++] = i;
        }
    }
    for (uint32_t k = 0; k < all; k++) {
        uint32_t lane = view->calls[io->calls[k]].lane;
        if (k > 0 && view->calls[io->calls[k - 1]].lane == lane) {
            continue;
        }
        uint32_t n = pick_lane(io, view, lane, all, lane_calls);
        uint64_t ns = 0;
        for (uint32_t i = 0; i < n; i++) {
            ns += call_ns(&view->calls[lane_calls[i]]);
        }
        if (is_sequence(view, lane_calls, n) && ns > best_ns) {
            best = n;
            best_ns = ns;
            best_lane = lane;
        }
    }
    if (best == 0) {
        return 0;
    }
    best = pick_lane(io, view, best_lane, all, lane_calls);
    if (sleeps_between(io, view, lane_calls, best)) {
        return 0;
    }
    for (uint32_t i = 0; i < best; i++) {
        io->calls[i] = lane_calls[i];
    }
    return best;
}

/* From one line each time, or long enough to ask whether each needs the one before. */
static bool is_worth_asking(const struct hp__io *io, const struct hp__view *view, uint32_t calls)
{
    uint64_t ns = 0;
    bool one_line = true;
    for (uint32_t k = 0; k < calls; k++) {
        ns += call_ns(&view->calls[io->calls[k]]);
        one_line = one_line && view->calls[io->calls[k]].loop_line == view->calls[io->calls[0]].loop_line;
    }
    return one_line || ns >= LINES_NS;
}

/* A long call that asks the same each time is slow_external's, where the others are a sequence without it. */
static uint32_t leave_needless(struct hp__io *io, const struct hp__view *view, uint32_t calls)
{
    uint32_t *others = io->at, n = 0;
    struct hp__spot spot;
    for (uint32_t k = 0; k < calls; k++) {
        const struct hp__call *call = &view->calls[io->calls[k]];
        bool is_long =
            call_ns(call) >= HP__NEEDLESS_SAME_NS && call_ns(call) * 5 >= view->sample->duration_ns;
        if (!is_long || hp__needless_why(io->f, view, call, &spot) != HP__ASKS_SAME) {
            others[n++] = io->calls[k];
        }
    }
    if (n == calls || !is_sequence(view, others, n)) {
        return calls;
    }
    for (uint32_t k = 0; k < n; k++) {
        io->calls[k] = others[k];
    }
    return n;
}

static uint32_t pick(struct hp__io *io, const struct hp__view *view)
{
    uint32_t calls = pick_calls(io, view), n = 0;
    calls = leave_needless(io, view, calls);
    calls = keep_independent(io, view, calls);
    calls = is_worth_asking(io, view, calls) ? calls : 0;
    for (uint32_t k = 0; k < calls; k++) {
        io->ns += call_ns(&view->calls[io->calls[k]]);
        io->sum[0] += view->calls[io->calls[k]].protocol == HP_PROTOCOL_REDIS;
        n += hp__waits_of_call(view, io->calls[k], false, io->at + n);
    }
    io->count = calls;
    return n;
}

static hp_err cut(struct hp__io *io, const struct hp__view *view, uint32_t n,
                  struct hp__cut cuts[HP__CUT_BOUNDS])
{
    hp_err err = io->f->needless_err;
    double left = io->ns != 0 ? (double)chain_ns(io, view) / (double)io->ns : 1;
    (void)n;
    io->has_low = true;
    for (uint32_t k = 0; k < io->count && err == HP_OK; k++) {
        const struct hp__call *call = &view->calls[io->calls[k]];
        hp__places_add(&io->places, call->loop_sym, call->loop_line,
                       call->loop_sym == call->site_sym ? call->via_sym : 0, call_ns(call));
        err = hp__io_cut_call(io, call, (uint64_t)((double)call_ns(call) * (1 - left)), &cuts[HP__CUT]);
    }
    return err;
}

static bool describe(struct hp__io *io, uint64_t count, uint64_t ns)
{
    const struct hp__depends *depends = &((const struct learned *)io->own)->depends;
    struct hp_str to = hp__io_to(io);
    char n[HP_SHOW_BYTES], time[HP_SHOW_BYTES];
    hp_show_count(n, count);
    hp_show_ns(time, ns);
    io->finding.title =
        hp__textf(io->f->arena, "%s calls%.*s one after another, %s in all", n, (int)to.n, to.p, time);
    const char *sketch =
        io->sum[0] != 0
            ? "Do it together: one round trip for all keys (mget(keys), or a pipeline: with "
              "client.pipeline() as p: ...; p.execute())."
            : "Do it together: one call for all items, if the other side offers one; else, if the calls "
              "are independent of each other, side by side: one ThreadPoolExecutor at module level, "
              "list(pool.map(fetch, items)), which then takes as long as the longest of them.";
    io->finding.advice = hp__textf(io->f->arena,
                                   "Do not do it here: leave out calls whose answer the response does not "
                                   "use. Do it once: keep answers that "
                                   "rarely change. %s %s, so the lower bound of the saving is 0.",
                                   sketch,
                                   depends->known && depends->count > 1
                                       ? "The source does not use one's answer for another one, but whether "
                                         "their order matters cannot be seen from outside"
                                       : "Whether they are independent cannot be seen from outside");
    hp__io_evidence(io, "calls", count, ns);
    hp__finding_number(&io->finding, "each_ms", count != 0 ? (double)ns / (double)count / 1e6 : 0);
    return true;
}

hp_err hp__rule_sequential_io(struct hp__find *f)
{
    static const struct hp__io_kind kind = {.kind = HP_FIND_sequential_io,
                                            .kinds = CALL_KINDS,
                                            .least_ns = LEAST_NS,
                                            .may_tail = true,
                                            .sites = sites,
                                            .learn = learn,
                                            .pick = pick,
                                            .cut = cut,
                                            .describe = describe};
    return hp__io_run(f, &kind);
}
