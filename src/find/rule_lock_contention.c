/* rule_lock_contention.c -- requests queue for a lock.
 *
 * Principle: what a lock guards runs one at a time in the whole process; while another thread holds it, the
 * request does nothing.
 *
 * Evidence: lock waits at one function. Not joins, results, thread starts, events and conditions: there the
 * request waits for work, not for a lock (edges account for those).
 *
 * Silent: functions that start threads themselves; a lock that is free when it is asked for; imports;
 * whatever saves too little (find.c). Seen in a few requests only: a tail.
 *
 * Saving: all of the waiting; low: 0, since what the lock guards may have to run one at a time.
 */
#include "base/show.h"
#include "find/find_int.h"

#define LEAST_NS 500000u

/* The function starts threads itself: what it waits for are they (the end of a pool's with block joins its
 * workers). */
static bool starts_threads(const struct hp__io *io, const struct hp_record *record)
{
    for (uint32_t i = 1; i < record->lane_count; i++) {
        const struct hp_lane *lane = &record->lanes[i];
        if (lane->site_sym == io->site_sym &&
            (lane->kind == HP_LANE_THREAD || (lane->flags & HP_LANE_NEW_EXECUTOR))) {
            return true;
        }
    }
    return false;
}

static uint32_t pick(struct hp__io *io, const struct hp__view *view)
{
    if (starts_threads(io, view->sample->record)) {
        return 0;
    }
    uint32_t n = hp__waits_pick(view, HP__WAIT(LOCK), io->site_sym, io->at);
    io->ns = hp__waits_ns(view, io->at, n);
    for (uint32_t i = 0; i < n; i++) {
        io->count += view->items[io->at[i]].count;
    }
    return n;
}

static hp_err cut(struct hp__io *io, const struct hp__view *view, uint32_t n,
                  struct hp__cut cuts[HP__CUT_BOUNDS])
{
    io->has_low = true;
    return hp__waits_cut(io->f->arena, view, io->at, n, 1, &cuts[HP__CUT]);
}

static bool describe(struct hp__io *io, uint64_t count, uint64_t ns)
{
    char time[HP_SHOW_BYTES];
    hp_show_ns(time, ns);
    struct hp_str holder = hp__io_holder(io);
    io->finding.title = hp__textf(io->f->arena, "waits %s for a lock%.*s", time, (int)holder.n, holder.p);
    io->finding.advice = hp__textf(
        io->f->arena,
        "Do not do it here: move slow work (queries, calls, files, sleeping) out of the with lock: block, in "
        "this "
        "function and in whatever else takes the lock; only the change of the shared value belongs inside. "
        "Do it once: "
        "compute beside the lock, then swap the finished value in under it. Do it faster: a lock for each "
        "key or object instead of one for all. What it guards may have to run one at a time, so the lower "
        "bound "
        "of the saving is 0.");
    hp__io_evidence(io, "waits", count, ns);
    return true;
}

hp_err hp__rule_lock_contention(struct hp__find *f)
{
    static const struct hp__io_kind kind = {.kind = HP_FIND_lock_contention,
                                            .kinds = HP__WAIT(LOCK),
                                            .least_ns = LEAST_NS,
                                            .may_tail = true,
                                            .pick = pick,
                                            .cut = cut,
                                            .describe = describe};
    return hp__io_run(f, &kind);
}
