/* rule_slow_external.c -- one outgoing call that dominates the request.
 *
 * Principle: the request waits for somebody else's service. Nothing in the application makes that faster, so:
 * not here, or not again.
 *
 * Evidence: calls at one function (not a database's) of 30 ms or more that are half of the request (10 ms of
 * those before the view: what is asked whatever the page is, is not what it shows), or 100 ms and a fifth of
 * it; and at least twice the calls of any other function, unless they take 150 ms. Also calls
 * of 10 ms or more, a fifth of the request together, of which the source says that the answer is not used, or
 * that the same is asked each time (asks.h; of 20 ms, as such an answer may have to be fresh, unless two
 * other calls or more need it: a token), here or in the functions that hand it up; or a HEAD (whether there
 * is something) before another call to the same server, which tells that as well. Waits from the first byte
 * sent to the last received, without what the application does between two reads, or until a connect failed.
 *
 * Silent: what only some requests do (tail_latency tells of it); calls that sequential_io or connection_churn
 * explains; two calls of like length that need each other (a token, then the query); reading the request's
 * own body; whatever saves too little (find.c).
 *
 * Saving: the calls as if gone, which a background job or a cache gives; low: 0, as the response may need the
 * answer fresh.
 */
#include "base/show.h"
#include "find/asks.h"
#include "find/depends.h"
#include "find/find_int.h"

#define HALF_NS    30000000u
#define FIFTH_NS   100000000u
#define ALONE_NS   150000000u
#define TOLD_NS    10000000u /* where the source says that it need not be, or before the view */
#define MOST_LINES 64u
#define MANY_NEED  2u /* of one a token and its query cannot be told from any two steps */
#define CALL_KINDS (HP__WAIT(CONNECT) | HP__WAIT(SEND) | HP__WAIT(RECV))

static uint64_t call_ns(const struct hp__call *call)
{
    if (call->failed) { /* between its attempts it may have slept */
        return call->dns_ns + call->connect_ns;
    }
    if (call->db || call->t1_ns <= call->t0_ns) {
        return 0;
    }
    uint64_t ns = call->t1_ns - call->t0_ns;
    uint64_t other_ns = call->read1_ns - call->t0_ns + call->more_ns; /* what the other side takes */
    return call->read1_ns > call->t0_ns && other_ns < ns ? other_ns : ns;
}

/* Whether it is over before the view can have begun: a before_request, or middleware. */
static bool is_before(const struct hp__view *view, const struct hp__call *call)
{
    const struct hp_request *req = &view->sample->record->req;
    const uint64_t *phase_ns = req->phase_ns;
    return call->lane == 0 && req->view_sym != 0 && phase_ns[0] != HP_ABSENT &&
           call_ns(call) <= phase_ns[HP_PHASE_BEFORE] &&
           call->t1_ns <= phase_ns[HP_PHASE_OUTER] + phase_ns[HP_PHASE_BEFORE];
}

/* ---- what the source says ---- */

struct needed { /* lines whose answers other calls of the function may need */
    struct {
        uint32_t sym, line;
        bool shared;
    } list[MOST_LINES];
    uint32_t count;
    hp_err err;
};

static hp_err learn(struct hp__io *io)
{
    io->own = hp__zeroed(io->f->arena, 1, sizeof(struct needed));
    return io->own != NULL ? HP_OK : HP_ENOMEM;
}

/* The line of a function from which a call is made; 0: it is made elsewhere. */
static uint32_t line_in(const struct hp__view *view, const struct hp__call *call, uint32_t sym)
{
    uint32_t callee, at = call->site_sym, line = call->site_line,
                     node = hp__needless_maker(view, call, &callee);
    for (uint32_t i = 0; i < HP__NEEDLESS_ABOVE && at != sym; i++) {
        node = node != HP_NODE_NONE ? hp__view_caller(view, node, &line) : HP_NODE_NONE;
        if (node == HP_NODE_NONE) {
            return 0;
        }
        at = view->sample->tree->nodes[node].sym;
    }
    return at == sym ? line : 0;
}

/* Where the answer of a call ends up that is asked for at `asked`: there, or above functions that hand it
 * up. */
static struct hp__spot receiver_of(struct hp__io *io, const struct hp__view *view,
                                   const struct hp__call *call, const struct hp__spot *asked)
{
    struct hp__spot here = {.sym = call->site_sym, .line = call->site_line};
    uint32_t callee, node = hp__needless_maker(view, call, &callee);
    bool reached = false;
    for (uint32_t i = 0; i < HP__NEEDLESS_ABOVE; i++) {
        reached = reached || (here.sym == asked->sym && here.line == asked->line);
        if (reached && (hp__needless_asks(io->f, here.sym, here.line, callee) & HP__ASKS_RETURN) == 0) {
            break;
        }
        callee = here.sym;
        node = node != HP_NODE_NONE ? hp__view_caller(view, node, &here.line) : HP_NODE_NONE;
        if (node == HP_NODE_NONE) {
            break;
        }
        here.sym = view->sample->tree->nodes[node].sym;
    }
    return here;
}

static uint32_t count_needing(struct hp__io *io, const struct hp__view *view, const struct hp__spot *spot)
{
    const struct hp_case *c = io->f->c;
    struct hp__depends depends = {.lines = {spot->line}, .count = 1};
    struct hp_symbol symbol = hp_dict_symbol(c->dict, spot->sym);
    uint32_t n = 0;
    for (uint32_t i = 0; i < view->call_count && depends.count < HP__DEPENDS_LINES; i++) {
        uint32_t line = call_ns(&view->calls[i]) != 0 ? line_in(view, &view->calls[i], spot->sym) : 0, k = 0;
        while (k < depends.count && depends.lines[k] != line) {
            k++;
        }
        if (line != 0 && k == depends.count) {
            depends.lines[depends.count++] = line;
        }
    }
    hp_arena_reset(io->f->scratch);
    hp_err err = c->source == NULL ? HP_OK
                                   : hp__depends_read(c->source(c->source_ctx, symbol.file), symbol.line,
                                                      io->f->scratch, &depends);
    ((struct needed *)io->own)->err = err != HP_OK ? err : ((struct needed *)io->own)->err;
    for (uint32_t k = 1; k < depends.count; k++) {
        n += depends.needs[k] & 1u;
    }
    return n;
}

/* Whether several other calls need what a call answers where its answer ends up: then it is a token or the
 * like. */
static bool is_shared(struct hp__io *io, const struct hp__view *view, const struct hp__call *call,
                      const struct hp__spot *asked)
{
    struct needed *needed = io->own;
    struct hp__spot spot = receiver_of(io, view, call, asked);
    uint32_t i = 0;
    while (i < needed->count && (needed->list[i].sym != spot.sym || needed->list[i].line != spot.line)) {
        i++;
    }
    if (i == MOST_LINES) {
        return false;
    }
    if (i == needed->count) {
        needed->list[i].sym = spot.sym;
        needed->list[i].line = spot.line;
        needed->list[i].shared = count_needing(io, view, &spot) >= MANY_NEED;
        needed->count++;
    }
    return needed->list[i].shared;
}

/* ---- calls ---- */

/* The longest call of another function, taken or not. */
static uint64_t rival_ns(const struct hp__io *io, const struct hp__view *view, uint64_t own_longest_ns)
{
    uint64_t most = 0;
    uint32_t own = 0;
    for (uint32_t i = 0; i < view->call_count; i++) {
        const struct hp__call *call = &view->calls[i];
        /* In this function the second call counts as a rival, too: a token, then the query. */
        bool is_own = call->site_sym == io->site_sym && call_ns(call) == own_longest_ns && own++ == 0;
        most = !is_own && call_ns(call) > most ? call_ns(call) : most;
    }
    return most;
}

/* Of io->calls those that dominate the request. */
static uint32_t keep_dominant(struct hp__io *io, const struct hp__view *view, uint32_t calls)
{
    uint32_t kept = 0;
    uint64_t longest = 0, of_ns = view->sample->duration_ns, ns = 0;
    bool before = true;
    for (uint32_t k = 0; k < calls; k++) {
        const struct hp__call *call = &view->calls[io->calls[k]];
        longest = call_ns(call) > longest ? call_ns(call) : longest;
        before = before && is_before(view, call);
    }
    bool alone = longest >= ALONE_NS || longest >= 2 * rival_ns(io, view, longest);
    if (longest < (before ? TOLD_NS : HALF_NS) || !alone) {
        return 0;
    }
    for (uint32_t k = 0; k < calls; k++) {
        uint64_t one = call_ns(&view->calls[io->calls[k]]);
        if (one * 2 >= longest) {
            io->calls[kept++] = io->calls[k];
            ns += one;
        }
    }
    return ns * 2 >= of_ns || (ns >= FIFTH_NS && ns * 5 >= of_ns) ? kept : 0;
}

/* Of io->calls those that the source gives a reason against, if they are a fifth of the request. */
static uint32_t keep_needless(struct hp__io *io, const struct hp__view *view, uint32_t calls)
{
    uint32_t kept = 0;
    uint64_t ns = 0;
    struct hp__spot spot;
    for (uint32_t k = 0; k < calls; k++) {
        const struct hp__call *call = &view->calls[io->calls[k]];
        unsigned reason = call_ns(call) >= TOLD_NS ? hp__needless_why(io->f, view, call, &spot) : 0;
        bool counts = reason != HP__ASKS_SAME || call_ns(call) >= HP__NEEDLESS_SAME_NS ||
                      is_shared(io, view, call, &spot);
        if (reason != 0 && counts) {
            io->calls[kept++] = io->calls[k];
            ns += call_ns(call);
        }
    }
    return ns * 5 >= view->sample->duration_ns ? kept : 0;
}

static uint32_t pick(struct hp__io *io, const struct hp__view *view)
{
    uint32_t n = 0, calls = hp__waits_pick_calls(view, io->site_sym, io->calls);
    uint32_t kept = keep_dominant(io, view, calls);
    if (kept == 0) {
        calls = hp__waits_pick_calls(view, io->site_sym, io->calls);
        kept = keep_needless(io, view, calls);
    }
    for (uint32_t k = 0; k < kept; k++) {
        io->ns += call_ns(&view->calls[io->calls[k]]);
        n += hp__waits_of_call(view, io->calls[k], false, io->at + n);
    }
    io->count = kept;
    return n;
}

static hp_err cut(struct hp__io *io, const struct hp__view *view, uint32_t n,
                  struct hp__cut cuts[HP__CUT_BOUNDS])
{
    const struct needed *needed = io->own;
    hp_err err = needed->err != HP_OK ? needed->err : io->f->needless_err;
    struct hp__spot spot;
    (void)n;
    io->has_low = true;
    for (uint32_t k = 0; k < io->count && err == HP_OK; k++) {
        const struct hp__call *call = &view->calls[io->calls[k]];
        io->sum[0] |= hp__needless_why(io->f, view, call, &spot);
        io->sum[1] += is_before(view, call) ? 0 : 1;
        hp__places_add(&io->places, spot.sym, spot.line, spot.via, call_ns(call));
        err = hp__io_cut_call(io, call, call_ns(call), &cuts[HP__CUT]);
    }
    return err;
}

static bool describe(struct hp__io *io, uint64_t count, uint64_t ns)
{
    struct hp_str to = hp__io_to(io);
    char n[HP_SHOW_BYTES], time[HP_SHOW_BYTES];
    hp_show_count(n, count);
    hp_show_ns(time, ns);
    io->finding.title = count > 1 ? hp__textf(io->f->arena, "%s calls%.*s take %s", n, (int)to.n, to.p, time)
                                  : hp__textf(io->f->arena, "one call%.*s takes %s", (int)to.n, to.p, time);
    const char *reason =
        (io->sum[0] & HP__ASKS_HEAD) != 0
            ? "It asks whether there is something (HEAD) before it asks for it: the status of the second "
              "answer says so, too. "
        : (io->sum[0] & HP__ASKS_UNUSED) != 0 ? "The source does not use the answer. "
        : (io->sum[0] & HP__ASKS_SAME) != 0   ? "The source asks the same each time, whatever the request. "
        : io->sum[1] == 0 ? "It is made before the view runs, whatever the view is asked for. "
                          : "";
    io->finding.advice = hp__textf(
        io->f->arena,
        "%sDo not do it here: if the response does not use the answer, make the call in a background "
        "job (rq, celery, "
        "or an executor at module level). Do it once: keep the answer while it is good (cachelib, "
        "redis, functools.lru_cache with a key of its time), and refresh it beside the requests. "
        "Do it together: "
        "start it first and do the rest of the work meanwhile (future = pool.submit(...); ...; "
        "future.result()). In "
        "any case set a timeout (requests.get(url, timeout=2)), so that a slow day of the other "
        "side is not yours.",
        reason);
    hp__io_evidence(io, "calls", count, ns);
    return true;
}

static hp_err sites(struct hp__find *f, uint32_t **list, uint32_t *count)
{
    return hp__waits_sites(f, CALL_KINDS, list, count);
}

hp_err hp__rule_slow_external(struct hp__find *f)
{
    static const struct hp__io_kind kind = {.kind = HP_FIND_slow_external,
                                            .kinds = CALL_KINDS,
                                            .least_ns = TOLD_NS,
                                            .sites = sites,
                                            .learn = learn,
                                            .pick = pick,
                                            .cut = cut,
                                            .describe = describe};
    return hp__io_run(f, &kind);
}
