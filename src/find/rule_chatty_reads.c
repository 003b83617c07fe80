/* rule_chatty_reads.c -- very many tiny reads of one connection.
 *
 * Principle: each read is a call into the system (and through TLS, and past the GIL) however few bytes it
 * brings; a buffer reads many bytes at once. The same for a conversation of tiny questions and answers, each
 * of which waits for the other side.
 *
 * Evidence: a hundred reads or more in a request at one function, on average 256 bytes or less each; either
 * eight or more in one turn of the conversation, or a conversation whose protocol is not one of calls (HTTP,
 * Redis: those are sequential_io's).
 *
 * With a tree also: five hundred calls or more of a library's read (recv, readinto, readline) below a
 * function that receives from a network, 32 bytes or less each, a hundred or more of one answer: the socket
 * is buffered, but each piece is still a call through all layers of the library.
 *
 * Silent: the first read of an answer, which waits for the other side; large reads; reads inside statements,
 * and a database's other talk with its driver, which nobody reads in larger pieces (a commit, BEGIN, COPY);
 * the pieces in which a client reads each of many answers (the calls are the cause); whatever saves too
 * little (find.c).
 *
 * Saving: the tiny reads and what the loop around them takes (gaps under 50 µs); all but the longest. low:
 * only reads that found their bytes there already (under 100 µs), since the others may wait for the other
 * side anyway. Of pieces from a buffer: the library's time; low: half of it.
 */
#include "base/show.h"
#include "find/find_int.h"

#define LEAST_READS  100u
#define TINY_BYTES   256u
#define LEAST_PIECES 500u
#define PIECE_BYTES  32u
#define TURN_READS   8u
#define TURN_PIECES  100u
#define GAP_NS       50000u
#define READY_NS     100000u
#define LEAST_NS     500000u

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

/* ---- pieces of a buffer ---- */

static bool is_read(struct hp_str name)
{
    const struct hp_str names[] = {HP_STR("read"), HP_STR("recv"), HP_STR("readinto"), HP_STR("readline")};
    size_t at = name.n;
    while (at > 0 && name.p[at - 1] != '.') {
        at--;
    }
    struct hp_str last = hp_str_make(name.p + at, name.n - at);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (hp_str_eq(last, names[i])) {
            return true;
        }
    }
    return false;
}

/* The library call that the application's line made for it; HP_NODE_NONE where another reading node or a lane
 * comes first. */
static uint32_t entry_of(const struct hp__io *io, const struct hp__view *view, uint32_t node)
{
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t at = node; at != HP_NODE_ROOT && tree->nodes[at].kind != HP_NODE_LANE;) {
        uint32_t parent = tree->nodes[at].parent;
        if (view->app[parent]) {
            uint32_t owner = view->owner[parent];
            return owner != HP_NODE_NONE && tree->nodes[owner].sym == io->site_sym ? at : HP_NODE_NONE;
        }
        if (tree->nodes[parent].calls >= LEAST_PIECES &&
            is_read(hp_dict_symbol(io->f->c->dict, tree->nodes[parent].sym).name)) {
            return HP_NODE_NONE;
        }
        at = parent;
    }
    return HP_NODE_NONE;
}

/* The entry above a topmost reading node of the function with many calls; HP_NODE_NONE: node `i` is none. */
static uint32_t entry_of_pieces(const struct hp__io *io, const struct hp__view *view, uint32_t i)
{
    const struct hp_node *node = &view->sample->tree->nodes[i];
    if (view->app[i] || view->node_taken[i] || node->calls < LEAST_PIECES ||
        !is_read(hp_dict_symbol(io->f->c->dict, node->sym).name)) {
        return HP_NODE_NONE;
    }
    return entry_of(io, view, i);
}

static void pick_pieces(struct hp__io *io, const struct hp__view *view)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t bytes = 0, waits_ns = 0, calls = 0, ns = 0, inner = 0, turns = 0;
    uint32_t call = UINT32_MAX;
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct hp__wait_item *item = &view->items[i];
        bool is_inner = item->span.kind == HP_WAIT_RECV && item->span.site_sym != io->site_sym &&
                        hp__facts_part_of(io->f->c->dict, item->span.site_sym, io->site_sym);
        inner += is_inner ? item->count : 0;
        if (item->span.kind == HP_WAIT_RECV && item->span.site_sym == io->site_sym &&
            item->span.protocol !=
                HP_PROTOCOL_REDIS) { /* its clients read answers, nobody reads pieces of one */
            bytes += item->span.bytes;
            waits_ns += item->ns;
            turns += item->call != call;
            call = item->call;
        }
    }
    uint32_t last = HP_NODE_NONE;
    bool buffered =
        bytes != 0 && inner < LEAST_READS; /* else what is written inside the function reads itself */
    for (uint32_t i = 1; tree != NULL && buffered && i < tree->count; i++) {
        uint32_t entry = entry_of_pieces(io, view, i);
        if (entry != HP_NODE_NONE) {
            calls += tree->nodes[i].calls;
            ns += entry != last ? tree->nodes[entry].total : 0;
            last = entry;
            hp__places_add(&io->places, io->site_sym, tree->nodes[entry].line, 0, tree->nodes[entry].total);
        }
    }
    if (calls != 0 && calls >= TURN_PIECES * turns && bytes <= PIECE_BYTES * calls) {
        io->mode = 1;
        io->count = calls;
        io->ns = ns > waits_ns ? ns - waits_ns : 0;
    }
}

static hp_err cut_pieces(struct hp__io *io, const struct hp__view *view, struct hp__cut cuts[HP__CUT_BOUNDS])
{
    const struct hp_span *first = NULL;
    for (uint32_t i = 0; i < view->item_count && first == NULL; i++) {
        const struct hp_span *span = &view->items[i].span;
        first = span->kind == HP_WAIT_RECV && span->site_sym == io->site_sym ? span : NULL;
    }
    uint32_t lane = first != NULL ? first->lane : 0;
    uint64_t at_ns = first != NULL ? first->t1_ns : 0;
    io->has_low = true;
    hp_err err = hp__cut_add(io->f->arena, &cuts[HP__CUT], lane, at_ns, io->ns);
    return err == HP_OK ? hp__cut_add(io->f->arena, &cuts[HP__CUT_LOW], lane, at_ns, io->ns / 2) : err;
}

static hp_err take(struct hp__io *io, struct hp__view *view)
{
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 1; io->mode != 0 && tree != NULL && i < tree->count; i++) {
        uint32_t entry = entry_of_pieces(io, view, i);
        if (entry != HP_NODE_NONE) {
            hp__view_take_node(view, entry);
        }
    }
    return HP_OK;
}

/* ---- reads of a socket ---- */

/* Reads and, between them, tiny sends. */
static uint32_t pick(struct hp__io *io, const struct hp__view *view)
{
    io->mode = 0;
    uint32_t all = hp__waits_pick(view, HP__WAIT(RECV), io->site_sym, io->at), n = 0;
    uint64_t longest = 0;
    for (uint32_t i = 0; i < all; i++) {
        const struct hp__wait_item *item = &view->items[io->at[i]];
        if (is_tiny(item) && !item->of_database) {
            io->count += item->count;
            io->ns += item->ns;
            longest = item->ns / item->count > longest ? item->ns / item->count : longest;
            io->at[n++] = io->at[i];
        }
    }
    if (io->count < LEAST_READS || !is_conversation(view, io->at, n)) {
        io->count = io->ns = 0;
        pick_pieces(io, view);
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
    if (io->mode != 0) {
        return cut_pieces(io, view, cuts);
    }
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
                                            .describe = describe,
                                            .take = take};
    return hp__io_run(f, &kind);
}
