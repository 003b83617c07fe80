/* rule_log_io.c -- time in log handlers.
 *
 * Principle: a handler that writes through to a disk or a network makes the request wait for it; a queue with
 * a listener thread does not.
 *
 * Evidence: time in handlers of the records of one function (notes), which holds the waits of the handlers at
 * that line. Needs no tree; with one the calls that log are known as a whole, making the records too.
 *
 * Silent: few records by handlers that neither wait nor take more than making a record does (a queue is what
 * is advised); whatever saves too little (find.c). Disk and network waits elsewhere in the function.
 *
 * Saving: the handlers' time, with a tree that of the calls that log: as if these records were not made. low:
 * half of it (putting a record into a queue costs something, too).
 */
#include "base/show.h"
#include "find/find_int.h"

#define MAX_SITES 64u
#define LEAST_NS  500000u
#define CHEAP_NS  50000u /* a record */
#define MANY      200u

static hp_err sites(struct hp__find *f, uint32_t **list, uint32_t *count)
{
    uint32_t n = 0;
    *list = hp_arena_alloc(f->arena, MAX_SITES * sizeof **list, _Alignof(uint32_t));
    if (*list == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_notes *notes = &f->c->samples[i].record->notes;
        for (uint32_t k = 0; k < notes->count[HP_NOTE_LOG]; k++) {
            uint32_t j = 0;
            while (j < n && (*list)[j] != notes->logs[k].site_sym) {
                j++;
            }
            if (j == n && n < MAX_SITES && notes->logs[k].site_sym != 0) {
                (*list)[n++] = notes->logs[k].site_sym;
            }
        }
    }
    *count = n;
    return HP_OK;
}

static bool is_free(const struct hp__io *io, const struct hp__view *view, const struct hp_log *log)
{
    return log->site_sym == io->site_sym &&
           (log->lane >= view->sample->record->lane_count || !view->lane_taken[log->lane]);
}

/* Whether other records than these are logged at the same line of the main lane. */
static bool is_shared(const struct hp_notes *notes, const struct hp_log *log)
{
    uint32_t alike = 0;
    for (uint32_t i = 0; i < notes->count[HP_NOTE_LOG]; i++) {
        const struct hp_log *other = &notes->logs[i];
        alike += other->site_sym == log->site_sym && other->site_line == log->site_line && other->lane == 0;
    }
    return alike != 1 || log->lane != 0;
}

uint64_t hp__log_ns(const struct hp__view *view, const struct hp_log *log)
{
    static const char *const modules[] = {"logging"};
    const struct hp_tree *tree = view->sample->tree;
    uint64_t ns = 0;
    bool known = tree != NULL && !is_shared(&view->sample->record->notes, log);
    for (uint32_t i = 1; known && i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        bool call = node->line == log->site_line && tree->nodes[node->parent].sym == log->site_sym;
        if (call && node->lane == HP_NODE_ROOT && !view->app[i] && hp_tree_live(tree, i) &&
            hp__bound_in(hp_dict_symbol(view->facts->dict, node->sym).file, modules, 1)) {
            ns += node->total;
        }
    }
    return ns > log->total_ns ? ns : log->total_ns;
}

static bool at_line(const struct hp_log *log, const struct hp_span *span)
{
    return log->site_sym == span->site_sym && log->site_line == span->site_line;
}

/* With a tree: whether the wait lies below a call from the line that logs. */
static bool is_below(const struct hp__view *view, const struct hp_log *log, uint32_t node)
{
    const struct hp_tree *tree = view->sample->tree;
    while (node < tree->count && node != HP_NODE_ROOT) {
        uint32_t parent = tree->nodes[node].parent;
        if (tree->nodes[node].line == log->site_line && tree->nodes[parent].sym == log->site_sym) {
            return true;
        }
        node = parent;
    }
    return false;
}

/* Without a tree: a handler of the application waits at a line of its own; those waits come a whole number to
 * a record, and fit into its time. */
static bool fits(const struct hp__view *view, const struct hp_log *log, const struct hp_span *span)
{
    uint64_t ns = 0, count = 0;
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct hp__wait_item *item = &view->items[i];
        bool same = item->span.kind == span->kind && item->span.site_sym == span->site_sym &&
                    item->span.site_line == span->site_line && item->span.lane == log->lane;
        ns += same ? item->ns : 0;
        count += same ? item->count : 0;
        if (same && !item->is_rest && item->span.t0_ns < log->t0_ns) {
            return false;
        }
    }
    return log->count != 0 && count % log->count == 0 && ns <= log->total_ns && ns * 2 >= log->total_ns;
}

/* The waits of the handlers: at the lines that log, or in the application's own handlers. */
static uint32_t pick(struct hp__io *io, const struct hp__view *view)
{
    const struct hp_notes *notes = &view->sample->record->notes;
    uint32_t all, n = 0;
    for (uint32_t k = 0; k < notes->count[HP_NOTE_LOG]; k++) {
        io->count += is_free(io, view, &notes->logs[k]) ? notes->logs[k].count : 0;
        io->ns += is_free(io, view, &notes->logs[k]) ? hp__log_ns(view, &notes->logs[k]) : 0;
    }
    all = io->count != 0 ? hp__waits_pick(view, ~0u, HP__ANY_SITE, io->at) : 0;
    for (uint32_t i = 0; i < all; i++) {
        const struct hp_span *span = &view->items[io->at[i]].span;
        for (uint32_t k = 0; k < notes->count[HP_NOTE_LOG]; k++) {
            const struct hp_log *log = &notes->logs[k];
            bool own = at_line(log, span) ||
                       (view->sample->tree != NULL ? is_below(view, log, span->node) : fits(view, log, span));
            if (own && is_free(io, view, log)) {
                io->sum[0] += view->items[io->at[i]].ns;
                io->at[n++] = io->at[i];
                break;
            }
        }
    }
    return n;
}

static hp_err cut(struct hp__io *io, const struct hp__view *view, uint32_t n,
                  struct hp__cut cuts[HP__CUT_BOUNDS])
{
    const struct hp_notes *notes = &view->sample->record->notes;
    struct hp_arena *arena = io->f->arena;
    hp_err err = HP_OK;
    (void)n;
    io->has_low = true;
    for (uint32_t k = 0; k < notes->count[HP_NOTE_LOG] && err == HP_OK; k++) {
        const struct hp_log *log = &notes->logs[k];
        if (!is_free(io, view, log)) {
            continue;
        }
        uint64_t ns = hp__log_ns(view, log);
        hp__places_add(&io->places, log->site_sym, log->site_line, 0, ns);
        err = hp__cut_add(arena, &cuts[HP__CUT], log->lane, log->t0_ns, ns);
        err = err == HP_OK ? hp__cut_add(arena, &cuts[HP__CUT_LOW], log->lane, log->t0_ns, ns / 2) : err;
    }
    return err;
}

static bool describe(struct hp__io *io, uint64_t count, uint64_t ns)
{
    char n[HP_SHOW_BYTES], time[HP_SHOW_BYTES];
    bool waits = io->sum[0] >= io->finding.seen * ns / 4;
    if (!waits && count < MANY && ns < CHEAP_NS * count) {
        return false;
    }
    hp_show_count(n, count);
    hp_show_ns(time, ns);
    io->finding.title =
        hp__textf(io->f->arena, "%s spent on %s log record%s", time, n, count == 1 ? "" : "s");
    io->finding.advice =
        hp__textf(io->f->arena,
                  "Do not do it here: log less in a loop (one record with the sum, or a higher level). Do it "
                  "together: hand "
                  "the records to a thread: logging.handlers.QueueHandler(queue) as the only handler, and a "
                  "QueueListener(queue, the_slow_handler) started once. Do it faster: do not sync or flush "
                  "each record, and "
                  "keep the handler's file or connection open.");
    hp__io_evidence(io, "records", count, ns);
    return true;
}

/* Where there is a tree: the calls from the lines that log are explained, handlers of the application too,
 * for the rules that look at computing. */
static hp_err take(struct hp__io *io, struct hp__view *view)
{
    const struct hp_tree *tree = view->sample->tree;
    const struct hp_notes *notes = &view->sample->record->notes;
    for (uint32_t i = 1; tree != NULL && i < tree->count; i++) {
        if (view->app[i] || !view->app[tree->nodes[i].parent] ||
            tree->nodes[tree->nodes[i].parent].sym != io->site_sym) {
            continue;
        }
        for (uint32_t k = 0; k < notes->count[HP_NOTE_LOG]; k++) {
            if (notes->logs[k].site_sym == io->site_sym && notes->logs[k].site_line == tree->nodes[i].line) {
                view->node_taken[i] = 2;
            }
        }
    }
    for (uint32_t i = 1; tree != NULL && i < tree->count; i++) {
        if (view->node_taken[tree->nodes[i].parent] == 2) {
            view->node_taken[i] = 2;
        }
    }
    return HP_OK;
}

hp_err hp__rule_log_io(struct hp__find *f)
{
    static const struct hp__io_kind kind = {.kind = HP_FIND_log_io,
                                            .least_ns = LEAST_NS,
                                            .may_tail = true,
                                            .sites = sites,
                                            .pick = pick,
                                            .cut = cut,
                                            .describe = describe,
                                            .take = take};
    return hp__io_run(f, &kind);
}
