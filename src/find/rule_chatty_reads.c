/* rule_chatty_reads.c -- very many tiny reads of one connection.
 *
 * Principle: each read is a call into the system (and through TLS, and past the GIL) however few bytes it brings; a buffer reads many bytes at
 * once. The same for a conversation of tiny questions and answers, each of which waits for the other side.
 *
 * Evidence: a hundred reads or more in a request at one function, on average 256 bytes or less each; either eight or more in one turn of the
 * conversation, or a conversation whose protocol is not one of calls (HTTP, Redis: those are sequential_io's).
 *
 * Silent: the first read of an answer, which waits for the other side; large reads; reads inside statements; whatever saves too little (find.c).
 *
 * Saving: the tiny reads and what the loop around them takes (gaps under 50 µs); all but the longest. low: only reads that found their bytes there
 * already (under 100 µs), since the others may wait for the other side anyway.
 */
#include "base/show.h"
#include "find/find_int.h"

#define LEAST_READS 100u
#define TINY_BYTES  256u
#define TURN_READS  8u
#define GAP_NS      50000u
#define READY_NS    100000u
#define LEAST_NS    500000u

static bool is_tiny(const struct hp__wait_item *item)
{
    return item->span.bytes <= TINY_BYTES * item->count;
}

/* Whether the reads are many in a turn, or the turns are not calls. */
static bool is_conversation(const struct hp__view *view, const uint32_t *at, uint32_t n)
{
    uint64_t reads = 0, turns = 0, known = 0;
    uint32_t last = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        const struct hp__wait_item *item = &view->items[at[i]];
        reads += item->count;
        turns += item->call != last;
        known += item->call != last &&
                 (item->span.protocol == HP_PROTOCOL_HTTP || item->span.protocol == HP_PROTOCOL_REDIS);
        last = item->call;
    }
    return reads >= turns * TURN_READS || known == 0;
}

/* Reads and, between them, tiny sends. */
static uint32_t pick(struct hp__io *io, const struct hp__view *view)
{
    uint32_t all = hp__waits_pick(view, HP__WAIT(RECV), io->site_sym, io->at), n = 0;
    uint64_t longest = 0;
    for (uint32_t i = 0; i < all; i++) {
        const struct hp__wait_item *item = &view->items[io->at[i]];
        if (is_tiny(item)) {
            io->count += item->count;
            io->ns += item->ns;
            longest = item->ns / item->count > longest ? item->ns / item->count : longest;
            io->at[n++] = io->at[i];
        }
    }
    if (io->count < LEAST_READS || !is_conversation(view, io->at, n)) {
        io->count = 0;
        return 0;
    }
    io->ns -= longest < io->ns ? longest : io->ns;
    return n;
}

/* What the loop takes from this read to the next. */
static uint64_t gap_ns(const struct hp__view *view, const uint32_t *at, uint32_t i, uint32_t n)
{
    const struct hp__wait_item *item = &view->items[at[i]];
    if (i + 1 == n || item->is_rest) {
        return 0;
    }
    const struct hp_span *next = &view->items[at[i + 1]].span;
    uint64_t gap = next->lane == item->span.lane && next->t0_ns > item->span.t1_ns
                       ? next->t0_ns - item->span.t1_ns
                       : GAP_NS;
    return gap < GAP_NS ? gap * item->count : 0;
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
        const struct hp__wait_item *item = &view->items[io->at[i]];
        uint64_t gap = gap_ns(view, io->at, i, n);
        uint64_t ns = item->ns + gap;
        ns = i == longest ? ns - ns / item->count : ns;
        err = hp__cut_add(io->f->arena, &cuts[HP__CUT], item->span.lane, item->span.t0_ns, ns);
        bool ready = item->ns < READY_NS * item->count;
        if (err == HP_OK && ready) {
            err = hp__cut_add(io->f->arena, &cuts[HP__CUT_LOW], item->span.lane, item->span.t0_ns, ns);
        }
    }
    return err;
}

static bool describe(struct hp__io *io, uint64_t count, uint64_t ns)
{
    char n[HP_SHOW_BYTES], each[HP_SHOW_BYTES];
    hp_show_count(n, count);
    hp_show_ns(each, count != 0 ? ns / count : ns);
    io->finding.title = hp__textf(io->f->arena, "%s reads of a few bytes each", n);
    io->finding.advice = hp__textf(io->f->arena,
                                   "Do not do it here if the response does not need these bytes. Do it "
                                   "together: read large pieces and cut "
                                   "them up in memory (sock.makefile('rb') or a buffer of 64 kB in place of "
                                   "recv(1); response.content or "
                                   "iter_content(65536) in place of tiny pieces), and where it is question "
                                   "and answer, ask for all items in "
                                   "one message. One read costs %s here.",
                                   each);
    hp__io_evidence(io, "reads", count, ns);
    return true;
}

hp_err hp__rule_chatty_reads(struct hp__find *f)
{
    static const struct hp__io_kind kind = {.kind = HP_FIND_chatty_reads,
                                            .kinds = HP__WAIT(RECV),
                                            .least_ns = LEAST_NS,
                                            .may_tail = true,
                                            .pick = pick,
                                            .cut = cut,
                                            .describe = describe};
    return hp__io_run(f, &kind);
}
