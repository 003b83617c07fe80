/* rule_connection_churn.c -- a new connection for each call, instead of one that is kept; also what tls_churn
 * and dns_repeat share.
 *
 * Principle: a connection is set up by a name look-up, a connect, a handshake and a login. Kept in a session
 * or a pool it costs that once. These are one cause: the kind is named after the part that costs most in the
 * function (over all requests).
 *
 * Evidence: calls that open a connection, at least 1 ms of setup a request. Either two or more to one peer in
 * a request, or one in each request (at least three recorded): a pool would have kept it. The setup is a
 * stretch of time, so what the library computes between its parts (loading certificates) is in it. A
 * database's login counts up to the first statement on it; connecting.c says what else belongs to it, and
 * that connections to one database are one finding, wherever the request opens them.
 *
 * Silent: a connection that only the first requests make; connections of a kept session; where the calls
 * themselves cost more than their setup and another rule explains the calls (hp__rule_connection_rest looks
 * at what is left).
 *
 * Saving: none is left, of making and closing a client for each connection neither (client.c), as the advice
 * keeps connections for all requests. low: one to each peer stays, where they cannot live longer than the
 * request.
 */
#include <string.h>
#include "base/show.h"
#include "find/find_int.h"

#define LEAST_NS         1000000u
#define LEAST_LOOK_UP_NS 20000u
#define MIN_REQUESTS     3u
#define CHATTY_READS     100u /* of one call: a kept connection does not make them fewer */
#define SETUP_KINDS      (HP__WAIT(DNS) | HP__WAIT(CONNECT) | HP__WAIT(TLS))

/* One that failed could not have been kept. */
static uint64_t setup_ns(const struct hp__call *call)
{
    return call->failed ? 0 : call->setup_ns;
}

static uint64_t call_ns(const struct hp__call *call)
{
    uint64_t ns = call->t1_ns > call->t0_ns ? call->t1_ns - call->t0_ns : 0;
    return ns > setup_ns(call) ? ns : setup_ns(call);
}

/* What goes when the connection is kept. */
static uint64_t gone_ns(const struct hp__call *call)
{
    return setup_ns(call) + (setup_ns(call) != 0 ? call->client_ns : 0);
}

enum part { CONNECT, TLS, DNS, PARTS };

/* What each part costs; the library's work in between is the handshake's where there is one. */
static void add_parts(const struct hp__call *call, uint64_t parts[PARTS])
{
    uint64_t rest = setup_ns(call);
    uint64_t dns = call->dns_ns < rest ? call->dns_ns : rest;
    rest -= dns;
    uint64_t connect = call->connect_ns + call->login_ns;
    connect = call->tls_ns == 0 || connect > rest ? rest : connect;
    parts[DNS] += dns;
    parts[CONNECT] += connect;
    parts[TLS] += rest - connect;
}

/* By itself; what is known at once (an address in figures, a cache in the process) is none. */
static bool is_look_up(const struct hp__wait_item *item)
{
    return item->span.kind == HP_WAIT_DNS && item->call == 0 && item->ns >= LEAST_LOOK_UP_NS * item->count;
}

static enum hp_finding_kind kind_of(const uint64_t parts[PARTS])
{
    if (parts[DNS] >= parts[CONNECT] && parts[DNS] >= parts[TLS]) {
        return HP_FIND_dns_repeat;
    }
    return parts[TLS] > parts[CONNECT] ? HP_FIND_tls_churn : HP_FIND_connection_churn;
}

/* Kind and dominance, over all requests. sum[0 … 2]: parts, sum[3]: the calls as a whole. */
static bool begin(struct hp__io *io, bool only_dominant)
{
    for (uint32_t i = 0; i < io->f->c->sample_count; i++) {
        const struct hp__view *view = &io->f->views[i];
        uint32_t n = hp__waits_pick_calls(view, io->site_sym, io->calls);
        for (uint32_t k = 0; k < n; k++) {
            const struct hp__call *call = &view->calls[io->calls[k]];
            add_parts(call, io->sum);
            io->sum[PARTS] += call->db ? setup_ns(call) : call_ns(call);
        }
        n = hp__waits_pick(view, HP__WAIT(DNS), io->site_sym, io->at);
        for (uint32_t k = 0; k < n; k++) {
            io->sum[DNS] += is_look_up(&view->items[io->at[k]]) ? view->items[io->at[k]].ns : 0;
        }
    }
    uint64_t setups = io->sum[CONNECT] + io->sum[TLS] + io->sum[DNS];
    return setups != 0 && kind_of(io->sum) == io->kind->kind &&
           (!only_dominant || setups * 2 >= io->sum[PARTS]);
}

static bool begin_dominant(struct hp__io *io)
{
    return begin(io, true);
}

static bool begin_any(struct hp__io *io)
{
    return begin(io, false);
}

/* Calls that open a connection, moved to the front of io->calls. */
static uint32_t pick_opening(struct hp__io *io, const struct hp__view *view)
{
    uint32_t n = hp__waits_pick_calls(view, io->site_sym, io->calls), kept = 0;
    for (uint32_t k = 0; k < n; k++) {
        if (setup_ns(&view->calls[io->calls[k]]) != 0) {
            io->calls[kept++] = io->calls[k];
        }
    }
    return kept;
}

static bool same_server(const struct hp__call *a, const struct hp__call *b)
{
    return a->peer == b->peer || (a->name != 0 && a->name == b->name);
}

static uint32_t count_alike(const struct hp__io *io, const struct hp__view *view, uint32_t calls, uint32_t k)
{
    uint32_t alike = 0;
    for (uint32_t j = 0; j < calls; j++) {
        alike += same_server(&view->calls[io->calls[j]], &view->calls[io->calls[k]]);
    }
    return alike;
}

/* Look-ups of this name in this function that no connect followed. */
static uint32_t count_look_ups(const struct hp__io *io, const struct hp__view *view, uint32_t name)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct hp__wait_item *item = &view->items[i];
        n += is_look_up(item) && item->span.site_sym == io->site_sym && item->span.peer == name;
    }
    return n;
}

static uint32_t pick_setups(struct hp__io *io, const struct hp__view *view, bool setup_only)
{
    uint32_t calls = pick_opening(io, view), n = 0;
    /* The first request of a process has nothing to keep yet; one connection in it says nothing. */
    bool cold = view->sample->record->req.seq <= 1 || io->f->c->sample_count < MIN_REQUESTS;
    for (uint32_t k = 0; k < calls; k++) {
        bool cheap =
            io->kind->kind == HP_FIND_dns_repeat && view->calls[io->calls[k]].dns_ns < LEAST_LOOK_UP_NS;
        if (!cheap && (!cold || count_alike(io, view, calls, k) > 1)) {
            io->count++;
            io->ns += gone_ns(&view->calls[io->calls[k]]);
            bool chatty = view->calls[io->calls[k]].reads >= CHATTY_READS;
            n += hp__waits_of_call(view, io->calls[k], setup_only || chatty, io->at + n);
        }
    }
    uint32_t items = view->item_count;
    for (uint32_t i = 0; i < items && io->kind->kind == HP_FIND_dns_repeat; i++) {
        const struct hp__wait_item *item = &view->items[i];
        if (is_look_up(item) && item->span.site_sym == io->site_sym && hp__waits_free(view, i) &&
            (!cold || count_look_ups(io, view, item->span.peer) > 1)) {
            io->count++;
            io->ns += item->ns;
            io->at[n++] = i;
        }
    }
    return n;
}

static uint32_t pick_whole(struct hp__io *io, const struct hp__view *view)
{
    return pick_setups(io, view, false);
}

static uint32_t pick_setup(struct hp__io *io, const struct hp__view *view)
{
    return pick_setups(io, view, true);
}

/* One setup and its lower bound; it is one of `alike` to its server. */
static hp_err cut_setup(struct hp__io *io, uint32_t lane, uint64_t at_ns, uint64_t ns, uint32_t alike,
                        struct hp__cut cuts[HP__CUT_BOUNDS])
{
    struct hp_arena *arena = io->f->arena;
    uint64_t but_one = alike > 1 ? ns - ns / alike : 0;
    hp_err err = hp__cut_add(arena, &cuts[HP__CUT], lane, at_ns, ns);
    return err == HP_OK ? hp__cut_add(arena, &cuts[HP__CUT_LOW], lane, at_ns, but_one) : err;
}

static hp_err cut(struct hp__io *io, const struct hp__view *view, uint32_t n,
                  struct hp__cut cuts[HP__CUT_BOUNDS])
{
    hp_err err = HP_OK;
    uint32_t calls = pick_opening(io, view);
    io->has_low = true;
    for (uint32_t k = 0; k < calls && err == HP_OK; k++) {
        const struct hp__call *call = &view->calls[io->calls[k]];
        bool picked = false;
        for (uint32_t i = 0; i < n && !picked; i++) {
            picked = view->items[io->at[i]].call == io->calls[k] + 1;
        }
        if (picked) {
            err = cut_setup(io, call->lane, call->setup0_ns, gone_ns(call), count_alike(io, view, calls, k),
                            cuts);
        }
    }
    for (uint32_t i = 0; i < n && err == HP_OK; i++) {
        const struct hp__wait_item *item = &view->items[io->at[i]];
        if (is_look_up(item)) {
            err = cut_setup(io, item->span.lane, item->span.t0_ns, item->ns,
                            count_look_ups(io, view, item->span.peer), cuts);
        }
    }
    return err;
}

static const char *how_to_keep(const struct hp__io *io)
{
    bool db = false;
    for (uint32_t i = 0; i < io->f->c->sample_count && !db; i++) {
        const struct hp__view *view = &io->f->views[i];
        for (uint32_t k = 0; k < view->call_count && !db; k++) {
            db = view->calls[k].db && view->calls[k].site_sym == io->site_sym;
        }
    }
    return db ? "one pool at module level (SQLAlchemy's engine has one: create_engine(...) once, not "
                "poolclass="
                "NullPool; or the driver's own pool), and take a connection from it for the request"
              : "one session at module level (session = requests.Session(), or httpx.Client(), urllib3."
                "PoolManager()) and session.get(...) in place of requests.get(...), so that the connection "
                "stays "
                "open";
}

static bool describe(struct hp__io *io, uint64_t count, uint64_t ns)
{
    struct hp_arena *arena = io->f->arena;
    struct hp_finding *finding = &io->finding;
    struct hp_str to = hp__io_to(io);
    char n[HP_SHOW_BYTES], each[HP_SHOW_BYTES];
    hp_show_count(n, count);
    hp_show_ns(each, count != 0 ? ns / count : ns);
    switch (finding->kind) {
    case HP_FIND_dns_repeat:
        finding->title = count > 1 ? hp__textf(arena, "%s name look-ups in a request, %s each", n, each)
                                   : hp__textf(arena, "a name look-up of %s in each request", each);
        finding->advice = hp__textf(
            arena,
            "Do not do it here if the answer is not needed. Do it once: keep the address for its time to "
            "live, or "
            "keep what needs it: %s. Do it faster: a caching resolver on this machine (systemd-resolved, "
            "nscd, dnsmasq), a name that the first search domain finds, or an address in the configuration.",
            how_to_keep(io));
        break;
    case HP_FIND_tls_churn:
        finding->title = count > 1
                             ? hp__textf(arena, "%s TLS handshakes%.*s in a request", n, (int)to.n, to.p)
                             : hp__textf(arena, "a TLS handshake%.*s in each request", (int)to.n, to.p);
        finding->advice =
            hp__textf(arena,
                      "Do it once: %s. Do it together: where the session cannot live that long, one for all "
                      "calls of the "
                      "request. A connection costs %s here, certificates and handshake included.",
                      how_to_keep(io), each);
        break;
    default:
        finding->title = count > 1
                             ? hp__textf(arena, "%s new connections%.*s in a request", n, (int)to.n, to.p)
                             : hp__textf(arena, "a new connection%.*s in each request", (int)to.n, to.p);
        finding->advice = hp__textf(
            arena,
            "Do it once: %s. Do it together: where that is not possible, one connection for all calls "
            "of the request. Opening one costs %s here.",
            how_to_keep(io), each);
        break;
    }
    hp__io_evidence(io, "connections", count, ns);
    hp__finding_number(finding, "each_ms", count != 0 ? (double)ns / (double)count / 1e6 : 0);
    return true;
}

/* Making the pools that these connections came from is explained with them. */
static hp_err take_pools(struct hp__io *io, struct hp__view *view)
{
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 0; tree != NULL && i < tree->count; i++) {
        uint32_t entry = hp__connecting_makes_pool(view, i) ? hp__view_entry_of(view, i) : HP_NODE_NONE;
        if (entry != HP_NODE_NONE && tree->nodes[view->owner[i]].sym == io->site_sym) {
            hp__view_take_node(view, entry);
        }
    }
    return HP_OK;
}

static struct hp__io_kind kind(enum hp_finding_kind which, bool rest)
{
    return (struct hp__io_kind){.kind = which,
                                .kinds = SETUP_KINDS,
                                .least_ns = LEAST_NS,
                                .begin = rest ? begin_any : begin_dominant,
                                .pick = rest ? pick_setup : pick_whole,
                                .cut = cut,
                                .describe = describe,
                                .take = take_pools};
}

hp_err hp__churn_run(struct hp__find *f, enum hp_finding_kind which)
{
    const struct hp__io_kind dominant = kind(which, false);
    return hp__io_run(f, &dominant);
}

hp_err hp__rule_connection_churn(struct hp__find *f)
{
    return hp__churn_run(f, HP_FIND_connection_churn);
}

hp_err hp__rule_connection_rest(struct hp__find *f)
{
    static const enum hp_finding_kind all[] = {HP_FIND_connection_churn, HP_FIND_tls_churn,
                                               HP_FIND_dns_repeat};
    hp_err err = HP_OK;
    for (size_t i = 0; i < sizeof all / sizeof *all && err == HP_OK; i++) {
        const struct hp__io_kind rest = kind(all[i], true);
        err = hp__io_run(f, &rest);
    }
    return err;
}
