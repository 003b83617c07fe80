/* rule_subprocess.c -- the request starts another program and waits for it.
 *
 * Principle: a program starts, loads and ends for each request; a library in the process, or a worker that
 * stays, does not.
 *
 * Evidence: waits for child processes at one function, with the pipes polled for them at the same lines. With
 * a tree the whole library call is known: the total of the calls into the module that waits or below which a
 * program is started, made from the application's lines. Reading a pipe is no wait that probes see: where the
 * function does so itself (os.popen, Popen.stdout), it is what of its own time the thread neither ran nor
 * waited for what is known.
 *
 * Silent: programs that nobody waits for; whatever saves too little (find.c).
 *
 * Saving: all of it; low: half, where a library does the same work in the process.
 */
#include <string.h>
#include "base/show.h"
#include "find/find_int.h"

#define LEAST_NS 1000000u

/* Nodes of libraries below which a program is started. */
static void mark_starts(const struct hp__view *view, const struct hp_dict *dict)
{
    const struct hp_tree *tree = view->sample->tree;
    memset(view->inside, 0, tree->count);
    for (uint32_t i = tree->count; i-- > 1;) {
        struct hp_str file = hp_dict_symbol(dict, tree->nodes[i].sym).file;
        view->inside[i] |= !view->app[i] && hp_str_eq(file, HP_STR("subprocess.py"));
        view->inside[tree->nodes[i].parent] |= view->inside[i] && !view->app[i];
    }
}

/* Of the function's own time what nobody knows of: the thread neither ran nor waited in a way that shows. */
static uint64_t unknown_ns(const struct hp__io *io, const struct hp__view *view)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    const struct hp_lane *lane = record->lane_count != 0 ? &record->lanes[0] : NULL;
    if (lane == NULL || lane->runqueue_ns == HP_ABSENT || lane->wait_busy_ns == HP_ABSENT ||
        record->req.cpu_ns == HP_ABSENT) {
        return 0;
    }
    uint64_t known_ns = record->req.cpu_ns + lane->runqueue_ns, own_ns = 0;
    for (uint32_t i = 0; i < record->wait_count; i++) {
        known_ns += record->waits[i].lane == 0 ? record->waits[i].ns : 0;
    }
    for (uint32_t i = 1; i < tree->count; i++) {
        own_ns += tree->nodes[i].sym == io->site_sym ? tree->nodes[i].self : 0;
    }
    uint64_t all_ns = view->sample->duration_ns + lane->wait_busy_ns;
    uint64_t left_ns = all_ns > known_ns ? all_ns - known_ns : 0;
    return left_ns < own_ns ? left_ns : own_ns;
}

/* What the function's own lines call of the module that holds the waits, or of one that starts programs: its
 * total. */
static uint64_t library_ns(const struct hp__io *io, const struct hp__view *view, uint32_t n)
{
    const struct hp_tree *tree = view->sample->tree;
    const struct hp_dict *dict = io->f->c->dict;
    uint64_t ns = 0;
    if (tree == NULL || n == 0) {
        return 0;
    }
    uint32_t entry = HP_NODE_NONE;
    for (uint32_t i = 0; i < n && entry == HP_NODE_NONE; i++) {
        entry = hp__view_entry_of(view, view->items[io->at[i]].span.node);
    }
    struct hp_str file =
        entry != HP_NODE_NONE ? hp_dict_symbol(dict, tree->nodes[entry].sym).file : (struct hp_str){NULL, 0};
    mark_starts(view, dict);
    for (uint32_t i = 1; i < tree->count; i++) {
        uint32_t parent = tree->nodes[i].parent;
        bool waits = file.n != 0 && hp_str_eq(hp_dict_symbol(dict, tree->nodes[i].sym).file, file);
        if (!view->app[i] && view->app[parent] && tree->nodes[parent].sym == io->site_sym &&
            (waits || view->inside[i])) {
            ns += tree->nodes[i].total;
        }
    }
    return ns;
}

static bool has_line(const struct hp__view *view, const uint32_t *at, uint32_t n, const struct hp_span *span)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct hp_span *child = &view->items[at[i]].span;
        if (child->site_line == span->site_line && child->lane == span->lane) {
            return true;
        }
    }
    return false;
}

static uint32_t pick(struct hp__io *io, const struct hp__view *view)
{
    uint32_t n = hp__waits_pick(view, HP__WAIT(SUBPROCESS), io->site_sym, io->at), children = n;
    for (uint32_t i = 0; i < view->item_count && children != 0; i++) {
        const struct hp__wait_item *item = &view->items[i];
        if (item->span.kind == HP_WAIT_POLL && item->span.site_sym == io->site_sym &&
            hp__waits_free(view, i) && has_line(view, io->at, children, &item->span)) {
            io->at[n++] = i;
        }
    }
    uint64_t waits = hp__waits_ns(view, io->at, n), library = library_ns(io, view, n);
    io->ns = waits > library ? waits : library;
    io->ns += view->sample->tree != NULL && n != 0 ? unknown_ns(io, view) : 0;
    for (uint32_t i = 0; i < children; i++) {
        io->count += view->items[io->at[i]].count;
    }
    return n;
}

static hp_err cut(struct hp__io *io, const struct hp__view *view, uint32_t n,
                  struct hp__cut cuts[HP__CUT_BOUNDS])
{
    const struct hp_span *first = &view->items[io->at[0]].span;
    (void)n;
    io->has_low = true;
    hp_err err = hp__cut_add(io->f->arena, &cuts[HP__CUT], first->lane, first->t0_ns, io->ns);
    return err == HP_OK ? hp__cut_add(io->f->arena, &cuts[HP__CUT_LOW], first->lane, first->t0_ns, io->ns / 2)
                        : err;
}

static bool describe(struct hp__io *io, uint64_t count, uint64_t ns)
{
    char time[HP_SHOW_BYTES];
    hp_show_ns(time, ns);
    io->finding.title = hp__textf(io->f->arena, "waits %s for other programs", time);
    io->finding.advice = hp__textf(
        io->f->arena,
        "Do not do it here: run the program in a background job if the response does not need what it "
        "prints. Do it "
        "once: keep its output while its input stays the same. Do it together: one run for all items. Do it "
        "faster: a library in the process does the same without starting a program (shutil, zlib, Pillow, "
        "pygit2 ...), or a worker that stays and takes one item after the other.");
    hp__finding_number(&io->finding, "waits", (double)count);
    hp__finding_number(&io->finding, "total_ms", (double)ns / 1e6);
    return true;
}

static hp_err take(struct hp__io *io, struct hp__view *view)
{
    for (uint32_t i = 0; i < view->item_count; i++) {
        if (view->items[i].span.kind == HP_WAIT_SUBPROCESS && view->items[i].span.site_sym == io->site_sym) {
            hp__view_take_node(view, hp__view_entry_of(view, view->items[i].span.node));
        }
    }
    return HP_OK;
}

hp_err hp__rule_subprocess(struct hp__find *f)
{
    static const struct hp__io_kind kind = {.kind = HP_FIND_subprocess,
                                            .kinds = HP__WAIT(SUBPROCESS),
                                            .least_ns = LEAST_NS,
                                            .may_tail = true,
                                            .pick = pick,
                                            .cut = cut,
                                            .describe = describe,
                                            .take = take};
    return hp__io_run(f, &kind);
}
