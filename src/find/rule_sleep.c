/* rule_sleep.c -- the request sleeps.
 *
 * Principle: time.sleep and its kin (select and poll for nothing) do no work; a request that waits for
 * something should wait for that, or not at all. A sleep in a library's retry loop counts at the
 * application's line.
 *
 * Silent: sleeps of nothing; what blocking_in_async explains; whatever saves too little (find.c). Seen in a
 * few requests only: a tail.
 *
 * Saving: all of it. low: 0 where the request also makes other waits at that function (it polls for
 * something, and some of the time would still pass).
 */
#include "base/show.h"
#include "find/find_int.h"

#define LEAST_NS 500000u
#define OTHERS                                                                                               \
    (HP__WAIT(SEND) | HP__WAIT(RECV) | HP__WAIT(CONNECT) | HP__WAIT(POLL) | HP__WAIT(DISK) |                 \
     HP__WAIT(SUBPROCESS) | HP__WAIT(LOCK))

static uint32_t pick(struct hp__io *io, const struct hp__view *view)
{
    uint32_t n = hp__waits_pick(view, HP__WAIT(SLEEP), io->site_sym, io->at);
    io->ns = hp__waits_ns(view, io->at, n);
    for (uint32_t i = 0; i < n; i++) {
        io->count += view->items[io->at[i]].count;
    }
    return n;
}

/* Something else is waited for between the first and the last sleep. */
static bool polls(struct hp__io *io, const struct hp__view *view, uint32_t n)
{
    uint64_t first = view->items[io->at[0]].span.t0_ns, last = view->items[io->at[n - 1]].span.t1_ns;
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct hp_span *span = &view->items[i].span;
        if (span->site_sym == io->site_sym && (OTHERS >> span->kind & 1) && span->t0_ns >= first &&
            span->t1_ns <= last) {
            return true;
        }
    }
    return false;
}

static hp_err cut(struct hp__io *io, const struct hp__view *view, uint32_t n,
                  struct hp__cut cuts[HP__CUT_BOUNDS])
{
    bool waits = n > 1 && polls(io, view, n);
    io->has_low = true;
    hp_err err = hp__waits_cut(io->f->arena, view, io->at, n, 1, &cuts[HP__CUT]);
    return err == HP_OK && !waits ? hp__waits_cut(io->f->arena, view, io->at, n, 1, &cuts[HP__CUT_LOW]) : err;
}

static bool describe(struct hp__io *io, uint64_t count, uint64_t ns)
{
    char n[HP_SHOW_BYTES], time[HP_SHOW_BYTES];
    hp_show_count(n, count);
    hp_show_ns(time, ns);
    io->finding.title = count > 1 ? hp__textf(io->f->arena, "sleeps %s times, %s in all", n, time)
                                  : hp__textf(io->f->arena, "sleeps for %s", time);
    io->finding.advice = hp__textf(
        io->f->arena,
        "Do not do it here: a request should not sleep. If it waits for a result, answer at once (202 and a "
        "place to "
        "ask again) and let a background job wait; if it retries, give up earlier or retry in the job; if it "
        "slows callers down on purpose, let the server in front do that (rate limit). If it must wait for "
        "another "
        "thread, wait for that (threading.Event, queue.Queue) instead of looking again and again.");
    hp__io_evidence(io, "sleeps", count, ns);
    return true;
}

hp_err hp__rule_sleep(struct hp__find *f)
{
    static const struct hp__io_kind kind = {.kind = HP_FIND_sleep,
                                            .kinds = HP__WAIT(SLEEP),
                                            .least_ns = LEAST_NS,
                                            .may_tail = true,
                                            .pick = pick,
                                            .cut = cut,
                                            .describe = describe};
    return hp__io_run(f, &kind);
}
