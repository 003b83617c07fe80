/* rule_blocking_in_async.c -- a coroutine that blocks: nothing else of its event loop runs meanwhile.
 *
 * Principle: what awaits lets the other tasks of the loop run; a blocking call does not. Tasks that block one
 * after another take the sum of their times, tasks that await take the longest.
 *
 * Evidence: blocking waits (sleep, look-up, connect, handshake, send, receive, lock, disk, subprocess) of 1
 * ms or more inside of tasks, by function. Where other tasks of the loop have something to do meanwhile also
 * statements of drivers that do not await, and waits for threads (a future's result, a join). Sockets that a
 * loop watches are read when they are ready, which takes microseconds.
 *
 * Silent: await asyncio.sleep, asynchronous clients and drivers, work handed to threads (asyncio.to_thread,
 * run_in_executor); a statement or a thread that the only task of its loop waits for (a plain view does the
 * same; what is wrong with the statement is its own finding); what only some requests show (a busy machine
 * stretches calls that do not wait); whatever saves too little (find.c).
 *
 * Saving: with two waits or more: all but the longest, as if they ran side by side, and low = 0, as they may
 * need each other. A single wait: as if it were not there, low = 0, since awaiting it helps only what else
 * the loop has to do; where that is known, at most as long as the rest of the request takes.
 */
#include <errno.h>
#include "base/show.h"
#include "find/find_int.h"

#define LONG_NS    1000000u
#define LEAST_NS   1000000u
#define MOST_ABOVE 32u /* functions between the coroutine and the one that blocks */
#define BLOCKING                                                                                             \
    (HP__WAIT(SLEEP) | HP__WAIT(DNS) | HP__WAIT(CONNECT) | HP__WAIT(TLS) | HP__WAIT(SEND) | HP__WAIT(RECV) | \
     HP__WAIT(LOCK) | HP__WAIT(DISK) | HP__WAIT(SUBPROCESS) | HP__WAITS_IN_TASK)

static bool is_in_task(const struct hp_record *record, uint32_t lane)
{
    return lane < record->lane_count && record->lanes[lane].kind == HP_LANE_TASK;
}

/* Of a call that the task awaits. */
static bool is_awaited(const struct hp__view *view, const struct hp__wait_item *item)
{
    return item->call != 0 && view->calls[item->call - 1].awaits;
}

static uint32_t pick(struct hp__io *io, const struct hp__view *view)
{
    uint32_t all = hp__waits_pick(view, BLOCKING, io->site_sym, io->at), n = 0;
    for (uint32_t i = 0; i < all; i++) {
        const struct hp__wait_item *item = &view->items[io->at[i]];
        bool at_once = item->span.error == EINPROGRESS || item->span.error == EAGAIN; /* it did not wait */
        if (is_in_task(view->sample->record, item->span.lane) && item->ns >= LONG_NS * item->count &&
            !at_once && !is_awaited(view, item)) {
            io->at[n++] = io->at[i];
            io->ns += item->ns;
            io->count += item->count;
        }
    }
    return n;
}

/* The part of a single wait that the rest of the request can run beside. */
static double beside(const struct hp__view *view, const struct hp__wait_item *item)
{
    uint64_t all_ns = view->sample->duration_ns, rest_ns = all_ns > item->ns ? all_ns - item->ns : 0;
    bool others_known = HP__WAITS_IN_TASK >> item->span.kind & 1;
    return others_known && rest_ns < item->ns ? (double)rest_ns / (double)item->ns : 1;
}

static bool is_coroutine(const struct hp__view *view, uint32_t sym)
{
    return (hp_dict_symbol(view->facts->dict, sym).flags & HP_SYM_COROUTINE) != 0;
}

/* Where a coroutine calls the plain function that blocks: awaiting is written there. */
static bool place(const struct hp__view *view, const struct hp__wait_item *item, struct hp__spot *spot)
{
    const struct hp_tree *tree = view->sample->tree;
    struct hp__spot above = {.node = item->span.node};
    if (tree == NULL || above.node >= tree->count || is_coroutine(view, item->span.site_sym)) {
        return false;
    }
    while (above.node != HP_NODE_ROOT && tree->nodes[above.node].sym != item->span.site_sym) {
        above.node = tree->nodes[above.node].parent; /* past the client's library */
    }
    for (unsigned i = 0; i < MOST_ABOVE && hp__place_caller(view, above.node, &above); i++) {
        if (is_coroutine(view, above.sym)) {
            *spot = above;
            return true;
        }
    }
    return false;
}

static hp_err cut(struct hp__io *io, const struct hp__view *view, uint32_t n,
                  struct hp__cut cuts[HP__CUT_BOUNDS])
{
    hp_err err = HP_OK;
    uint32_t longest = 0;
    io->has_low = true;
    for (uint32_t i = 1; i < n; i++) {
        longest = view->items[io->at[i]].ns > view->items[io->at[longest]].ns ? i : longest;
    }
    for (uint32_t i = 0; i < n && err == HP_OK; i++) {
        if (i != longest || n == 1) {
            double share = n == 1 ? beside(view, &view->items[io->at[i]]) : 1;
            err = hp__waits_cut(io->f->arena, view, &io->at[i], 1, share, &cuts[HP__CUT]);
        }
    }
    return err;
}

static bool describe(struct hp__io *io, uint64_t count, uint64_t ns)
{
    char n[HP_SHOW_BYTES], time[HP_SHOW_BYTES];
    hp_show_count(n, count);
    hp_show_ns(time, ns);
    io->finding.title = count > 1
                            ? hp__textf(io->f->arena, "blocks its event loop %s times, %s in all", n, time)
                            : hp__textf(io->f->arena, "blocks its event loop for %s", time);
    io->finding.advice = hp__textf(
        io->f->arena, "Do not do it here: leave the call to a background job if the response does not need "
                      "it. Do it together: await "
                      "it (await asyncio.sleep(...), httpx.AsyncClient, an asynchronous driver; for what has "
                      "no such form await "
                      "asyncio.to_thread(fn, ...)), and where calls are independent of each other run them "
                      "side by side: await "
                      "asyncio.gather(*calls). Whether they are cannot be seen from outside, so the lower "
                      "bound of the saving is "
                      "0. If nothing in the view awaits, a plain def view does the same with less.");
    hp__io_evidence(io, "blocking_waits", count, ns);
    return true;
}

hp_err hp__rule_blocking_in_async(struct hp__find *f)
{
    static const struct hp__io_kind kind = {.kind = HP_FIND_blocking_in_async,
                                            .kinds = BLOCKING,
                                            .least_ns = LEAST_NS,
                                            .pick = pick,
                                            .cut = cut,
                                            .describe = describe,
                                            .place = place};
    return hp__io_run(f, &kind);
}
