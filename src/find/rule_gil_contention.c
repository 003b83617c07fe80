/* rule_gil_contention.c -- the request is ready to run, but another thread of the process computes.
 *
 * Principle: one thread of a process runs Python at a time. Threads that compute make all requests of the
 * process wait, whatever those do.
 *
 * Evidence: waits for the GIL on the main lane, 15 % of the route and 3 ms or more. Where processors were
 * short, who has the GIL waits for one, and everybody for the GIL: what is waited counts by how far that was
 * held up, which the request's own lanes tell if it is one of them and ended, else by hp__speed_slowness.
 * Not where a function of the application gave the GIL up as soon as it was asked for, at the end of the
 * interpreter's interval: only who runs does that (a server's own thread gives it up as soon as it runs, too,
 * to wait for the next request). A lack of processors on the main lane may be the other thread's doing. No
 * function of the request is to blame: the finding is where those were that had the GIL, for a third of the
 * time or more: the loop, if the source shows one; at the view where that is not known. Lanes of the request
 * itself have a tree: who gives the GIL up to read a file, and computes somewhere else, is told there.
 *
 * Silent: the short waits that any two threads cause; lanes that thread_churn explains; whatever saves too
 * little (find.c).
 *
 * Saving: all of the waiting; low: 0, since the cause is outside of the request.
 */
#include <errno.h>

#include "base/show.h"
#include "find/find_int.h"
#include "find/pytext.h"

#define LEAST_NS  3000000u
#define SHARE     0.15
#define PIECES_NS 200000u /* between two pieces of one wait */
#define AT_ONCE   0.1     /* of the interval before */

static hp_err sites(struct hp__find *f, uint32_t **list, uint32_t *count)
{
    *list = hp_arena_alloc(f->arena, sizeof **list, _Alignof(uint32_t));
    if (*list == NULL) {
        return HP_ENOMEM;
    }
    **list = f->views[0].view_sym;
    *count = **list != 0;
    return HP_OK;
}

/* Whether this is an interval that passed, and the GIL was then given up at once. */
static bool was_computed(const struct hp__view *view, uint32_t i)
{
    const struct hp__wait_item *item = &view->items[i], *next = item + 1;
    if (item->span.error != ETIMEDOUT || i + 1 == view->item_count || next->span.lane != item->span.lane) {
        return false;
    }
    bool goes_on = next->span.kind == HP_WAIT_GIL && next->span.t0_ns >= item->span.t1_ns &&
                   next->span.t0_ns - item->span.t1_ns < PIECES_NS;
    return goes_on && next->span.error == 0 && (double)next->ns <= AT_ONCE * (double)item->ns;
}

/* By how much the lane that computes most was held up; 0: not known. */
static double slowness_beside(const struct hp_record *record)
{
    const struct hp_lane *most = NULL;
    for (uint32_t i = 1; i < record->lane_count; i++) {
        const struct hp_lane *lane = &record->lanes[i];
        bool known = lane->cpu_ns != HP_ABSENT && lane->cpu_ns != 0 && lane->runqueue_ns != HP_ABSENT;
        most = known && (most == NULL || lane->cpu_ns > most->cpu_ns) ? lane : most;
    }
    return most != NULL ? 1 + (double)most->runqueue_ns / (double)most->cpu_ns : 0;
}

/* What the picked waits would have been if who had the GIL had always had a processor. */
static double alone_ns_of(const struct hp__view *view, const uint32_t *at, uint32_t n)
{
    const struct hp_record *record = view->sample->record;
    double main_slow = hp__speed_slowness(view->sample), lane_slow = slowness_beside(record), sum = 0;
    for (uint32_t k = 0; k < n; k++) {
        const struct hp__wait_item *item = &view->items[at[k]];
        const struct hp_holder *holder =
            item->span.holder != 0 ? &record->holders[item->span.holder - 1] : NULL;
        bool own = holder != NULL && lane_slow > 0 && holder->request == record->req.id;
        bool computed = holder != NULL && holder->site_sym != 0 && was_computed(view, at[k]);
        double slow = computed ? 1 : own ? lane_slow : main_slow;
        sum += (double)item->ns / slow;
    }
    return sum;
}

static uint32_t pick(struct hp__io *io, const struct hp__view *view)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct hp__wait_item *item = &view->items[i];
        if (item->span.kind == HP_WAIT_GIL && item->span.lane == 0 && hp__waits_free(view, i)) {
            io->at[n++] = i;
            io->count += item->count;
            io->ns += item->ns;
        }
    }
    double alone_ns = alone_ns_of(view, io->at, n);
    bool much = alone_ns >= SHARE * (double)view->sample->duration_ns && alone_ns >= LEAST_NS;
    io->count = much ? io->count : 0;
    return much ? n : 0;
}

static hp_err cut(struct hp__io *io, const struct hp__view *view, uint32_t n,
                  struct hp__cut cuts[HP__CUT_BOUNDS])
{
    io->has_low = true;
    return hp__waits_cut(io->f->arena, view, io->at, n, 1, &cuts[HP__CUT]);
}

/* Whether lanes of the requests themselves had the GIL for half of the time or more. */
static bool own_lanes_had_it(const struct hp__find *f)
{
    uint64_t own_ns = 0, all_ns = 0;
    for (uint32_t r = 0; r < f->c->sample_count; r++) {
        const struct hp_record *record = f->c->samples[r].record;
        for (uint32_t i = 0; i < record->holder_count; i++) {
            const struct hp_holder *holder = &record->holders[i];
            uint64_t ns = holder->kind == HP_WAIT_GIL && holder->lane == 0 ? holder->ns : 0;
            all_ns += ns;
            own_ns += holder->request == record->req.id ? ns : 0;
        }
    }
    return own_ns != 0 && own_ns * 2 >= all_ns;
}

/* The functions that compute in lanes beside the requests' own, and under them the lines of their calls. */
static void look_beside(const struct hp__find *f, struct hp__places *functions, struct hp__places *calls)
{
    functions->count = calls->count = 0;
    for (uint32_t r = 0; r < f->c->sample_count; r++) {
        const struct hp__view *view = &f->views[r];
        const struct hp_tree *tree = view->sample->tree;
        for (uint32_t i = 1; tree != NULL && i < tree->count; i++) {
            const struct hp_node *node = &tree->nodes[i];
            if (view->beside[i] && view->app[i]) {
                hp__places_add(functions, node->sym, 0, 0, node->self);
            }
            if (view->beside[i] && view->app[node->parent]) {
                hp__places_add(calls, tree->nodes[node->parent].sym, node->line, 0, node->total);
            }
        }
    }
}

static uint64_t ns_at(const struct hp__places *places, uint32_t sym, uint32_t *line)
{
    uint64_t ns = 0, most_ns = 0;
    for (uint32_t i = 0; i < places->count; i++) {
        if (places->list[i].sym == sym) {
            ns += places->list[i].ns;
            *line = places->list[i].ns > most_ns ? places->list[i].line : *line;
            most_ns = places->list[i].ns > most_ns ? places->list[i].ns : most_ns;
        }
    }
    return ns;
}

/* Move the finding from where the GIL is given up to the function that computes twice as long and more. */
static bool place_beside(const struct hp__io *io, struct hp_finding *finding)
{
    struct hp__places functions, calls;
    struct hp_finding most = {.site_sym = 0};
    uint32_t line = 0;
    look_beside(io->f, &functions, &calls);
    hp__places_choose(&functions, &most);
    uint64_t here_ns = ns_at(&functions, finding->site_sym, &line);
    uint64_t there_ns = ns_at(&functions, most.site_sym, &line);
    if (most.site_sym == 0 || here_ns * 2 > there_ns) {
        return false;
    }
    line = 0;
    (void)(ns_at(&io->holders, most.site_sym, &line) != 0 || ns_at(&calls, most.site_sym, &line) != 0);
    finding->site_sym = most.site_sym;
    finding->site_line = line != 0 ? line : hp_dict_symbol(io->f->c->dict, most.site_sym).line;
    return true;
}

/* A thread that computes gives the GIL away where a loop turns, at its last line: the loop is the place. */
static uint32_t loop_line(const struct hp__io *io, uint32_t sym, uint32_t line)
{
    const struct hp_case *c = io->f->c;
    struct hp_symbol symbol = hp_dict_symbol(c->dict, sym);
    struct hp_str source = c->source != NULL ? c->source(c->source_ctx, symbol.file) : HP_STR("");
    uint32_t loop = hp__py_loop(source, symbol.line, line);
    return loop != 0 ? loop : line;
}

static const char beside[] = "Do not do it here: the request has a thread compute beside it, and waits for "
                             "the GIL that this thread has. "
                             "Leave it out, or move it to a process of its own: a job queue, or "
                             "ProcessPoolExecutor at module level. Do "
                             "it once: keep what it computes as long as it may be old. Somebody may need it, "
                             "so the lower bound of the "
                             "saving is 0.";
static const char elsewhere[] =
    "Do not do it here: look for what computes meanwhile (hot functions of other routes, background threads) "
    "and move it to a process of its own: a job queue, or ProcessPoolExecutor at module level. Do it "
    "together: "
    "serve with more processes and fewer threads (gunicorn --workers 4 --threads 2). The cause lies outside "
    "of "
    "this request, so the lower bound of the saving is 0.";

static bool describe(struct hp__io *io, uint64_t count, uint64_t ns)
{
    char time[HP_SHOW_BYTES];
    hp_show_ns(time, ns);
    io->finding.site_sym = io->site_sym;
    io->finding.site_line = hp_dict_symbol(io->f->c->dict, io->site_sym).line;
    io->finding.via_sym = 0;
    struct hp_str holder = hp__io_holder(io);
    io->finding.subject_sym = io->site_sym;
    bool own = own_lanes_had_it(io->f);
    if (hp__io_holder_place(io, &io->finding)) {
        if (own && place_beside(io, &io->finding)) {
            struct hp_str place =
                hp__place(io->f->arena, io->f->c->dict, io->finding.site_sym, io->finding.site_line);
            struct hp_str name = hp_dict_symbol(io->f->c->dict, io->finding.site_sym).name;
            holder =
                hp__textf(io->f->arena, ", mostly for %.*s %.*s", (int)place.n, place.p, (int)name.n, name.p);
        }
        io->finding.site_line = loop_line(io, io->finding.site_sym, io->finding.site_line);
    }
    io->finding.title =
        hp__textf(io->f->arena, "waits %s for other threads that compute%.*s", time, (int)holder.n, holder.p);
    io->finding.advice = hp_str_from0(own ? beside : elsewhere);
    hp__io_evidence(io, "waits", count, ns);
    return true;
}

hp_err hp__rule_gil_contention(struct hp__find *f)
{
    static const struct hp__io_kind kind = {.kind = HP_FIND_gil_contention,
                                            .kinds = HP__WAIT(GIL),
                                            .least_ns = LEAST_NS,
                                            .sites = sites,
                                            .pick = pick,
                                            .cut = cut,
                                            .describe = describe};
    return hp__io_run(f, &kind);
}
