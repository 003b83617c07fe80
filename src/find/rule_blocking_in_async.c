/* rule_blocking_in_async.c -- a coroutine that blocks: nothing else of its event loop runs meanwhile.
 *
 * Principle: what awaits lets the other tasks of the loop run; a blocking call does not. Tasks that block one after another take the sum of their
 * times, tasks that await take the longest.
 *
 * Evidence: blocking waits (sleep, look-up, connect, handshake, send, receive, lock, disk, subprocess) of 1 ms or more inside of tasks, by function. Statements
 * have rules of their own. Sockets that a loop watches are read when they are ready, which takes microseconds.
 *
 * Silent: await asyncio.sleep, asynchronous clients, work handed to threads (asyncio.to_thread, run_in_executor); what only some requests show (a busy machine stretches calls that do not wait); whatever saves too little (find.c).
 *
 * Saving: with two waits or more: all but the longest, as if they ran side by side, and low = 0, as they may need each other. A single wait: as if it were
 * not there, low = 0, since awaiting it helps only what else the loop has to do.
 */
#include <errno.h>
#include "base/show.h"
#include "find/find_int.h"

#define LONG_NS  1000000u
#define LEAST_NS 1000000u
#define BLOCKING                                                                                             \
    (HP__WAIT(SLEEP) | HP__WAIT(DNS) | HP__WAIT(CONNECT) | HP__WAIT(TLS) | HP__WAIT(SEND) | HP__WAIT(RECV) | \
     HP__WAIT(LOCK) | HP__WAIT(DISK) | HP__WAIT(SUBPROCESS))

static bool is_in_task(const struct hp_record *record, uint32_t lane)
{
    return lane < record->lane_count && record->lanes[lane].kind == HP_LANE_TASK;
}

static uint32_t pick(struct hp__io *io, const struct hp__view *view)
{
    uint32_t all = hp__waits_pick(view, BLOCKING, io->site_sym, io->at), n = 0;
    for (uint32_t i = 0; i < all; i++) {
        const struct hp__wait_item *item = &view->items[io->at[i]];
        bool at_once = item->span.error == EINPROGRESS || item->span.error == EAGAIN; /* it did not wait */
        if (is_in_task(view->sample->record, item->span.lane) && item->ns >= LONG_NS * item->count &&
            !at_once) {
            io->at[n++] = io->at[i];
            io->ns += item->ns;
            io->count += item->count;
        }
    }
    return n;
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
            err = hp__waits_cut(io->f->arena, view, &io->at[i], 1, 1, &cuts[HP__CUT]);
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
                                            .describe = describe};
    return hp__io_run(f, &kind);
}
