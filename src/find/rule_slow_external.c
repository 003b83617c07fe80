/* rule_slow_external.c -- one outgoing call that dominates the request.
 *
 * Principle: the request waits for somebody else's service. Nothing in the application makes that faster, so: not here, or not again.
 *
 * Evidence: calls at one function (not a database's) of 30 ms or more that are half of the request, or 100 ms and a fifth of it; and at least twice the calls
 * of any other function, unless they take 150 ms. Waits from the first byte sent to the last received, or until a connect failed.
 *
 * Silent: calls that sequential_io or connection_churn explains; two calls of like length that need each other (a token, then the query); reading
 * the request's own body; whatever saves too little (find.c).
 *
 * Saving: the calls as if gone, which a background job or a cache gives; low: 0, as the response may need the answer fresh.
 */
#include "base/show.h"
#include "find/find_int.h"

#define HALF_NS    30000000u
#define FIFTH_NS   100000000u
#define ALONE_NS   150000000u
#define CALL_KINDS (HP__WAIT(CONNECT) | HP__WAIT(SEND) | HP__WAIT(RECV))

static uint64_t call_ns(const struct hp__call *call)
{
    if (call->failed) { /* between its attempts it may have slept */
        return call->dns_ns + call->connect_ns;
    }
    return !call->db && call->t1_ns > call->t0_ns ? call->t1_ns - call->t0_ns : 0;
}

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

static uint32_t pick(struct hp__io *io, const struct hp__view *view)
{
    uint32_t calls = hp__waits_pick_calls(view, io->site_sym, io->calls), n = 0;
    uint64_t longest = 0;
    for (uint32_t k = 0; k < calls; k++) {
        uint64_t ns = call_ns(&view->calls[io->calls[k]]);
        longest = ns > longest ? ns : longest;
    }
    bool alone = longest >= ALONE_NS || longest >= 2 * rival_ns(io, view, longest);
    if (longest < HALF_NS || !alone) {
        return 0;
    }
    for (uint32_t k = 0; k < calls; k++) {
        const struct hp__call *call = &view->calls[io->calls[k]];
        if (call_ns(call) * 2 >= longest) {
            io->calls[io->count++] = io->calls[k];
            io->ns += call_ns(call);
            n += hp__waits_of_call(view, io->calls[io->count - 1], false, io->at + n);
        }
    }
    uint64_t of_ns = view->sample->duration_ns;
    bool dominates = io->ns * 2 >= of_ns || (io->ns >= FIFTH_NS && io->ns * 5 >= of_ns);
    io->count = dominates ? io->count : 0;
    return dominates ? n : 0;
}

static hp_err cut(struct hp__io *io, const struct hp__view *view, uint32_t n,
                  struct hp__cut cuts[HP__CUT_BOUNDS])
{
    hp_err err = HP_OK;
    (void)n;
    io->has_low = true;
    for (uint32_t k = 0; k < io->count && err == HP_OK; k++) {
        const struct hp__call *call = &view->calls[io->calls[k]];
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
    io->finding.advice =
        hp__textf(io->f->arena,
                  "Do not do it here: if the response does not use the answer, make the call in a background "
                  "job (rq, celery, "
                  "or an executor at module level). Do it once: keep the answer while it is good (cachelib, "
                  "redis, functools.lru_cache with a key of its time), and refresh it beside the requests. "
                  "Do it together: "
                  "start it first and do the rest of the work meanwhile (future = pool.submit(...); ...; "
                  "future.result()). In "
                  "any case set a timeout (requests.get(url, timeout=2)), so that a slow day of the other "
                  "side is not yours.");
    hp__io_evidence(io, "calls", count, ns);
    return true;
}

hp_err hp__rule_slow_external(struct hp__find *f)
{
    static const struct hp__io_kind kind = {.kind = HP_FIND_slow_external,
                                            .kinds = CALL_KINDS,
                                            .least_ns = HALF_NS,
                                            .may_tail = true,
                                            .pick = pick,
                                            .cut = cut,
                                            .describe = describe};
    return hp__io_run(f, &kind);
}
