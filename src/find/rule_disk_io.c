/* rule_disk_io.c -- the request waits for a disk to have its data.
 *
 * Principle: fsync waits for the device, each time. Data that must be safe before the answer can be synced once; other data need no sync.
 *
 * Evidence: disk waits at a function, outside of statements (a database's commit is SQL) and of log handlers.
 *
 * Silent: reading and writing files without a sync: those calls are not recorded as waits. Whatever saves too little (find.c).
 *
 * Saving: without any sync; low: all become one.
 */
#include "base/show.h"
#include "find/find_int.h"

#define LEAST_NS 500000u

static uint32_t pick(struct hp__io *io, const struct hp__view *view)
{
    uint32_t n = hp__waits_pick(view, HP__WAIT(DISK), io->site_sym, io->at);
    io->ns = hp__waits_ns(view, io->at, n);
    for (uint32_t i = 0; i < n; i++) {
        io->count += view->items[io->at[i]].count;
    }
    return n;
}

static hp_err cut(struct hp__io *io, const struct hp__view *view, uint32_t n,
                  struct hp__cut cuts[HP__CUT_BOUNDS])
{
    double share = io->count != 0 ? 1 - 1 / (double)io->count : 0;
    io->has_low = true;
    hp_err err = hp__waits_cut(io->f->arena, view, io->at, n, 1, &cuts[HP__CUT]);
    return err == HP_OK ? hp__waits_cut(io->f->arena, view, io->at, n, share, &cuts[HP__CUT_LOW]) : err;
}

static bool describe(struct hp__io *io, uint64_t count, uint64_t ns)
{
    char n[HP_SHOW_BYTES], time[HP_SHOW_BYTES];
    hp_show_count(n, count);
    hp_show_ns(time, ns);
    io->finding.title =
        hp__textf(io->f->arena, "waits %s for the disk in %s sync%s", time, n, count == 1 ? "" : "s");
    io->finding.advice = hp__textf(
        io->f->arena,
        "Do not do it here: write the file in a background job if the response does not need it, and leave "
        "os.fsync out where a crash may lose the last seconds. Do it together: write everything, then sync "
        "once "
        "at the end instead of once an item. Do it faster: a temporary file on a faster device, renamed when "
        "complete.");
    hp__io_evidence(io, "syncs", count, ns);
    return true;
}

hp_err hp__rule_disk_io(struct hp__find *f)
{
    static const struct hp__io_kind kind = {.kind = HP_FIND_disk_io,
                                            .kinds = HP__WAIT(DISK),
                                            .least_ns = LEAST_NS,
                                            .may_tail = true,
                                            .pick = pick,
                                            .cut = cut,
                                            .describe = describe};
    return hp__io_run(f, &kind);
}
