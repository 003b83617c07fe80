/* rule_disk_io.c -- the request waits for a disk to have its data, or reads whole files.
 *
 * Principle: fsync waits for the device, each time. Data that must be safe before the answer can be synced
 * once; other data need no sync.
 *
 * Evidence: disk waits at a function, outside of statements and of log handlers. A commit of SQLite has to
 * sync; three or more of them in a request could be one. So could three syncs; of one or two, which is what
 * data that must be safe takes, only 5 ms are worth asking whether they must be. A file that is read whole
 * (256 kB or more at once) has to be copied also where it is in memory: 3 ms and a tenth of the request.
 *
 * Silent: what only some requests do (tail_latency tells of it); one or two commits; reading in smaller
 * pieces and writing without a sync: those calls are not recorded as waits. Whatever saves too little
 * (find.c).
 *
 * Saving: without any sync; of commits one stays. low: all become one. Of reading: all; low: 0, since the
 * response may need all of it.
 */
#include "base/show.h"
#include "find/find_int.h"

#define LEAST_NS      500000u
#define LEAST_COMMITS 3u
#define LEAST_SYNCS   3u
#define FEW_SYNCS_NS  5000000u
#define LEAST_READ_NS 3000000u
#define READ_SHARE    0.1

enum mode { SYNCS, COMMITS, READS };

static struct hp_str peer_of(const struct hp__io *io, const struct hp__wait_item *item)
{
    return hp_dict_string(io->f->c->dict, item->span.peer);
}

/* Name of the database file, if this is its journal: what SQLite syncs for a commit. */
static struct hp_str database_of(struct hp_str journal)
{
    const struct hp_str ends[] = {HP_STR("-journal"), HP_STR("-wal")};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (hp_str_ends(journal, ends[i])) {
            return hp_str_make(journal.p, journal.n - ends[i].n);
        }
    }
    return (struct hp_str){NULL, 0};
}

/* A commit syncs the journal, the file and the folder that they are in. */
static bool is_of_commit(struct hp_str peer, struct hp_str database)
{
    return hp_str_eq(peer, database) || hp_str_eq(database_of(peer), database) ||
           (hp_str_starts(database, peer) && database.n > peer.n && database.p[peer.n] == '/');
}

/* Commits of the database: each syncs its file or its log once. */
static uint64_t count_commits(const struct hp__io *io, const struct hp__view *view, uint32_t n,
                              struct hp_str database)
{
    uint64_t of_file = 0, of_log = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct hp__wait_item *item = &view->items[io->at[i]];
        struct hp_str peer = peer_of(io, item);
        of_file += hp_str_eq(peer, database) ? item->count : 0;
        of_log += hp_str_ends(peer, HP_STR("-wal")) ? item->count : 0;
    }
    return of_file > of_log ? of_file : of_log;
}

/* What was read, if nothing was synced and it is much; else 0. */
static uint32_t pick_reads(struct hp__io *io, const struct hp__view *view, uint32_t n)
{
    uint64_t ns = hp__waits_ns(view, io->at, n), bytes = 0, count = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct hp__wait_item *item = &view->items[io->at[i]];
        bytes += item->span.bytes;
        count += item->count;
    }
    if (bytes == 0 || ns < LEAST_READ_NS || (double)ns < READ_SHARE * (double)view->sample->duration_ns) {
        return 0;
    }
    io->mode = READS;
    io->ns += ns;
    io->count += count;
    return n;
}

/* What was synced, without what was read; how many. */
static uint32_t leave_syncs(const struct hp__io *io, const struct hp__view *view, uint32_t n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (view->items[io->at[i]].span.bytes == 0) {
            io->at[kept++] = io->at[i];
        }
    }
    return kept;
}

static uint32_t pick(struct hp__io *io, const struct hp__view *view)
{
    uint32_t all = hp__waits_pick(view, HP__WAIT(DISK), io->site_sym, io->at), kept = 0;
    uint32_t n = leave_syncs(io, view, all);
    if (n == 0) {
        return all != 0 ? pick_reads(io, view, all) : 0;
    }
    struct hp_str database = {NULL, 0};
    for (uint32_t i = 0; i < n && database.n == 0; i++) {
        database = database_of(peer_of(io, &view->items[io->at[i]]));
    }
    uint64_t commits = database.n != 0 ? count_commits(io, view, n, database) : 0;
    io->mode = commits >= LEAST_COMMITS ? COMMITS : SYNCS;
    for (uint32_t i = 0; i < n; i++) {
        const struct hp__wait_item *item = &view->items[io->at[i]];
        bool of_commit = database.n != 0 && is_of_commit(peer_of(io, item), database);
        if (!of_commit || io->mode == COMMITS) {
            io->count += of_commit ? 0 : item->count;
            io->ns += item->ns;
            io->at[kept++] = io->at[i];
        }
    }
    io->count += io->mode == COMMITS ? commits : 0;
    return kept;
}

static hp_err cut(struct hp__io *io, const struct hp__view *view, uint32_t n,
                  struct hp__cut cuts[HP__CUT_BOUNDS])
{
    double share = io->count != 0 ? 1 - 1 / (double)io->count : 0;
    io->has_low = true;
    hp_err err =
        hp__waits_cut(io->f->arena, view, io->at, n, io->mode == COMMITS ? share : 1, &cuts[HP__CUT]);
    bool low = err == HP_OK && io->mode != READS;
    return low ? hp__waits_cut(io->f->arena, view, io->at, n, share, &cuts[HP__CUT_LOW]) : err;
}

static bool describe_reads(struct hp__io *io, uint64_t count, uint64_t ns)
{
    char n[HP_SHOW_BYTES], time[HP_SHOW_BYTES];
    hp_show_count(n, count);
    hp_show_ns(time, ns);
    io->finding.title =
        count > 1 ? hp__textf(io->f->arena, "reads whole files, which takes %s in %s reads", time, n)
                  : hp__textf(io->f->arena, "reads a whole file, which takes %s", time);
    io->finding.advice = hp__textf(
        io->f->arena,
        "Do not do it here: read only the part that the response needs (seek, mmap), or let the server send "
        "the "
        "file (send_file). Do it once: keep what is needed of it by its name and time of change (os.stat is "
        "a "
        "small part of reading). The response may need all of it, so the lower bound of the saving is 0.");
    hp__io_evidence(io, "reads", count, ns);
    return true;
}

static bool describe(struct hp__io *io, uint64_t count, uint64_t ns)
{
    char n[HP_SHOW_BYTES], time[HP_SHOW_BYTES];
    hp_show_count(n, count);
    hp_show_ns(time, ns);
    if (io->mode == READS) {
        return describe_reads(io, count, ns);
    }
    if (io->mode == SYNCS && count < LEAST_SYNCS && ns < FEW_SYNCS_NS) {
        return false;
    }
    io->finding.title =
        hp__textf(io->f->arena, "waits %s for the disk in %s sync%s", time, n, count == 1 ? "" : "s");
    if (io->mode == COMMITS) {
        io->finding.title = hp__textf(io->f->arena, "waits %s for the disk in %s commits", time, n);
        io->finding.advice = hp__textf(
            io->f->arena, "Do it together: one transaction for all rows: commit once after the loop instead "
                          "of once an item. Do "
                          "it faster: PRAGMA journal_mode=WAL with synchronous=NORMAL syncs less often.");
        hp__io_evidence(io, "commits", count, ns);
        return true;
    }
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
                                            .pick = pick,
                                            .cut = cut,
                                            .describe = describe};
    return hp__io_run(f, &kind);
}
