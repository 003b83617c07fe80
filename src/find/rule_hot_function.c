/* rule_hot_function.c -- an application function that computes for a large part of the request.
 *
 * Principle: its exclusive time (own code, and library and C functions that it calls) that is neither
 * waiting, nor SQL, nor another application function, nor framework dispatch.
 *
 * Evidence: a call tree; exclusive wall time that the request's CPU time can account for, ≥ 10 % of the
 * route and ≥ 5 ms, or ≥ 30 % and ≥ 2 ms where it is called less than ten times or takes as long as five
 * lines (6 us) each time (a short request has always some function with a tenth of it, and does a little
 * with each of many things). A function that runs once and computes in its own lines (calls of a library
 * that are as short as a line, 1.2 us, are its own) goes over what it was given once, which is what it is
 * for: it must take 14 ms, unless its source shows that it goes through a list for each thing (searched.h),
 * which is then the line where none of its lines is known by what was recorded;
 * so must one that is called for each of many things and is as short as a line in their loop (1.2 us with
 * the loop), or computes in its own lines for less than 30 %.
 * Of the view, whose own work is what the page is for, a library's Python functions count that it calls ten
 * times or more, and generators that give it ten items: ≥ 30 % of the route and ≥ 5 ms.
 * All of it is processor time: what other programs held the request up makes no function hot.
 *
 * One cause, one finding: a function written inside another one that calls it (a key, a generator) is that
 * one's; and the loop over a function, which its only caller has for up to 1 µs a call, belongs to the
 * function that is called.
 *
 * Silent: the smaller rest of a function of which another finding tells what it computes; what a client
 * library computes for calls to other services, 1 ms each; the view's own lines (below its decorators and the
 * framework's classes, view.c), also the generator in it that its response streams; one call of C code that
 * the view makes once of what the request brings (purpose.c: a key that is derived); framework; templates (a
 * kind of their own); below the library call that runs a statement, starts or joins threads (SQL and thread
 * rules own those); what a process's first request imports; the stdlib's and extension's waiting primitives
 * (socket, ssl, select, threading, subprocess …); functions whose time is waiting.
 *
 * Where waits were recorded they are known by node and place, and taken out of the function that waits; its
 * CPU is then its time, at most the request's.
 *
 * Without them, waiting that no frame shows (time.sleep inside the function, where C functions are not
 * traced): the request's wall time without known waits is D, its CPU without in-process SQL is C. When the
 * process serves K requests at once, up to C × K of D is computing (the others hold the GIL); the rest U = D
 * − C × K is unseen waiting and may all lie in this function. So CPU vouches for min(W − U, C × W / D) of its
 * wall time W. Without a CPU time of the request nothing is claimed beyond W.
 *
 * From samples (struct hp_sample.estimate): the same with times that have an error, and the processor time is
 * the samples' own; it must be hot at the lower end, and low and high are wider.
 *
 * Saving: predicted = high = its exclusive time as if gone (at most C × K), low = half of it, and nothing of
 * a process's first request, which may load what later ones use.
 */
#include <string.h>
#include "base/show.h"
#include "find/find_int.h"
#include "find/searched.h"

#define MIN_SHARE  0.10
#define MIN_NS     5000000u
#define BIG_SHARE  0.30
#define BIG_NS     2000000u
#define ONCE_NS    14000000u /* of a function that goes over something once */
#define LOOK_SHARE 0.005     /* nodes below that are not looked at */
#define LOOP_NS    1000u     /* what a loop takes for each call in it … */
#define LOOP_CALLS 10u       /* … of which it makes that many, at least … */
#define LOOP_MOST  2u /* … and at most so many times what is called; else it does things of its own */
#define CLIENT_NS                                                                                            \
    1000000u /* what a client library may compute for one call to another service: it is part of that call   \
              */
#define LINE_NS       1200u /* a call with its loop that takes no longer might as well be written there */
#define MOMENT_LINES  5u
#define MAX_FUNCTIONS 512u

struct work {            /* one request */
    uint64_t *exclusive; /* per node: self of what it owns and nothing else explains */
    uint64_t *busy;      /* of an estimate, likewise: processor time */
    uint64_t *library;   /* of it in library code that it calls, calls as short as a line left out */
    uint64_t *repeated;  /* of that in functions that it calls over and over … */
    uint64_t *repeats;   /* … and how often it calls them */
    uint32_t *sym;     /* per node that owns: the function that it counts for, its own or the one around it */
    uint64_t waits_ns; /* known waiting of the main lane, in-process SQL too */
    uint64_t embedded_ns; /* of it in-process SQL, which is CPU */
};

/* What a first request imports, bodies of modules too, is no computing of a function: later ones find it
 * loaded. */
static void mark_imports(const struct hp__view *view, const struct hp_dict *dict, uint8_t *explained)
{
    const struct hp_tree *tree = view->sample->tree;
    memset(view->inside, 0, tree->count);
    for (uint32_t i = 1; view->first && i < tree->count; i++) {
        struct hp_symbol sym = hp_dict_symbol(dict, tree->nodes[i].sym);
        bool below = view->inside[tree->nodes[i].parent] && tree->nodes[i].kind != HP_NODE_LANE;
        view->inside[i] = below || hp__bound_imports.is_boundary(&sym);
        explained[i] |= view->inside[i];
    }
}

/* Nodes on or below a library call that runs SQL, starts or joins lanes; never into another owner. */
static void mark_explained(const struct hp__view *view, const struct hp_dict *dict, uint8_t *explained)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    memcpy(explained, view->node_taken, tree->count);
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        uint32_t entry = hp__view_entry_of(view, record->stmts[i].node);
        if (entry != HP_NODE_NONE) {
            explained[entry] = 1;
        }
        uint32_t owner = hp__build_owner(view, i);
        if (owner != HP_NODE_NONE) {
            /* objects made in another call than the statement's */
            (void)hp__build_of(view, dict, owner, true);
            for (uint32_t k = owner; k < tree->count; k++) {
                explained[k] |= view->inside[k];
            }
        }
    }
    for (uint32_t i = 0; i < record->lane_count; i++) {
        uint32_t entry = i > 0 ? hp__view_entry_of(view, record->lanes[i].parent_node) : HP_NODE_NONE;
        if (entry != HP_NODE_NONE) {
            explained[entry] = 1;
        }
    }
    for (uint32_t i = 0; i < record->edge_count; i++) {
        uint32_t entry = hp__view_entry_of(view, record->edges[i].node);
        if (entry != HP_NODE_NONE) {
            explained[entry] = 1;
        }
    }
    for (uint32_t i = 1; i < tree->count; i++) {
        uint32_t parent = tree->nodes[i].parent;
        if (explained[parent] && view->owner[i] == view->owner[parent] &&
            tree->nodes[i].kind != HP_NODE_LANE) {
            explained[i] = 1;
        }
    }
    mark_imports(view, dict, explained);
}

static void take_off(uint64_t *from, uint64_t amount)
{
    *from = *from > amount ? *from - amount : 0;
}

static bool knows_waits(const struct hp_record *record)
{
    return record->lane_count != 0 && record->lanes[0].wait_busy_ns != HP_ABSENT;
}

/* Waits of the function itself and of libraries that it calls, less those that are counted otherwise: of
 * statements, of functions whose own time is waiting. Collections too, where a finding explains them. */
static void subtract_waits(const struct hp__view *view, const uint8_t *explained, struct work *work)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 0; i < record->wait_count; i++) {
        uint32_t node = record->waits[i].node;
        if (record->waits[i].kind != HP_WAIT_DB && node < tree->count && view->owner[node] != HP_NODE_NONE &&
            !explained[node] && !(hp__facts_of(view->facts, tree->nodes[node].sym) & HP__FACT_WAITING)) {
            take_off(&work->exclusive[view->owner[node]], record->waits[i].ns);
        }
    }
    for (uint32_t i = 0; view->gc_taken && i < record->notes.count[HP_NOTE_GC]; i++) {
        const struct hp_gc *gc = &record->notes.gcs[i];
        if (gc->node < tree->count && tree->nodes[gc->node].kind != HP_NODE_GC &&
            view->owner[gc->node] != HP_NODE_NONE && !explained[gc->node] && gc->t1_ns > gc->t0_ns) {
            take_off(&work->exclusive[view->owner[gc->node]], gc->t1_ns - gc->t0_ns);
        }
    }
}

/* SQL, joins and waits directly under the function (no library frame in between), which `explained` cannot
 * show. */
static void subtract_direct(const struct hp__view *view, const uint8_t *explained, struct work *work)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        uint32_t node = record->stmts[i].node;
        if (node < tree->count && view->owner[node] != HP_NODE_NONE && !explained[node]) {
            take_off(&work->exclusive[view->owner[node]],
                     record->stmts[i].exec_ns + record->stmts[i].fetch_ns);
        }
    }
    for (uint32_t i = 0; i < record->edge_count; i++) {
        const struct hp_edge *edge = &record->edges[i];
        if (edge->node < tree->count && view->owner[edge->node] != HP_NODE_NONE && !explained[edge->node] &&
            edge->t1_ns > edge->t0_ns) {
            take_off(&work->exclusive[view->owner[edge->node]], edge->t1_ns - edge->t0_ns);
        }
    }
    subtract_waits(view, explained, work);
}

/* Waiting of the main lane that events tell: joins and SQL (waiting functions are added by work_out). */
static void add_known_waits(const struct hp__view *view, const struct hp_dict *dict, struct work *work)
{
    const struct hp_record *record = view->sample->record;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        if (record->stmts[i].lane == 0) {
            uint64_t sql = record->stmts[i].exec_ns + record->stmts[i].fetch_ns;
            work->waits_ns += sql;
            work->embedded_ns +=
                hp_dict_statement(dict, record->stmts[i].statement).engine == HP_ENGINE_SQLITE ? sql : 0;
        }
    }
    for (uint32_t i = 0; i < record->edge_count; i++) {
        const struct hp_edge *edge = &record->edges[i];
        if (edge->lane == 0 && edge->t1_ns > edge->t0_ns &&
            (edge->kind == HP_EDGE_JOIN || edge->kind == HP_EDGE_RESULT)) {
            work->waits_ns += edge->t1_ns - edge->t0_ns;
        }
    }
}

/* A function written inside the one that calls it, through a library or not, counts for that one; what is
 * inside the view is beside its own work. */
static void attribute(const struct hp__view *view, const struct hp_dict *dict, uint32_t i, uint32_t *sym)
{
    uint32_t own = view->sample->tree->nodes[i].sym;
    uint32_t above = view->owner[view->sample->tree->nodes[i].parent];
    uint32_t around = above != HP_NODE_NONE ? sym[above] : own;
    bool inside = around != own && around != view->view_sym && hp__facts_part_of(dict, own, around);
    sym[i] = inside ? around : own;
}

static hp_err work_room(const struct hp_tree *tree, struct hp_arena *arena, struct work *work)
{
    work->exclusive = hp__zeroed(arena, tree->count, sizeof *work->exclusive);
    work->busy = hp__zeroed(arena, tree->count, sizeof *work->busy);
    work->library = hp__zeroed(arena, tree->count, sizeof *work->library);
    work->repeated = hp__zeroed(arena, tree->count, sizeof *work->repeated);
    work->repeats = hp__zeroed(arena, tree->count, sizeof *work->repeats);
    work->sym = hp__zeroed(arena, tree->count, sizeof *work->sym);
    bool fine = work->exclusive != NULL && work->busy != NULL && work->library != NULL &&
                work->repeated != NULL && work->repeats != NULL && work->sym != NULL;
    return fine ? HP_OK : HP_ENOMEM;
}

/* Nodes of libraries that are as short as a line of the function that calls them over and over, with all
 * below. */
static hp_err mark_lines(const struct hp__view *view, struct hp_arena *arena, uint8_t **lines)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    uint64_t *waited_ns = hp__zeroed(arena, tree->count, sizeof *waited_ns);
    *lines = hp__zeroed(arena, tree->count, 1);
    if (waited_ns == NULL || *lines == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < record->wait_count; i++) {
        if (record->waits[i].node < tree->count) {
            waited_ns[record->waits[i].node] += record->waits[i].ns;
        }
    }
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        bool entry = !view->app[i] && view->owner[i] == node->parent;
        uint64_t times = hp__view_times(node);
        bool brief = times >= LOOP_CALLS && node->total <= LINE_NS * times + waited_ns[i];
        (*lines)[i] = entry ? brief : !view->app[i] && (*lines)[node->parent];
    }
    return HP_OK;
}

/* Nodes of libraries that a function calls over and over, with all below. Serialisers have a kind of their
 * own. */
static void mark_repeated(const struct hp__view *view, const struct hp_dict *dict, uint8_t *repeated)
{
    const struct hp_tree *tree = view->sample->tree;
    memset(repeated, 0, tree->count);
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        if (view->app[i] || view->owner[i] == HP_NODE_NONE) {
            continue;
        }
        struct hp_symbol sym = hp_dict_symbol(dict, node->sym);
        bool often = hp__view_times(node) >= LOOP_CALLS * tree->nodes[view->owner[i]].calls;
        repeated[i] = view->app[node->parent] ? often && sym.kind == HP_SYM_PYTHON : repeated[node->parent];
        repeated[i] = repeated[i] && !hp__bound_serialisers.is_boundary(&sym);
    }
}

static hp_err work_out(const struct hp__view *view, const struct hp_dict *dict, struct hp_arena *arena,
                       struct work *work)
{
    const struct hp_tree *tree = view->sample->tree;
    uint8_t *explained = hp_arena_alloc(arena, tree->count, 1);
    work->waits_ns = work->embedded_ns = 0;
    if (work_room(tree, arena, work) != HP_OK || explained == NULL) {
        return HP_ENOMEM;
    }
    uint8_t *lines, *repeated = hp_arena_alloc(arena, tree->count, 1);
    if (repeated == NULL || mark_lines(view, arena, &lines) != HP_OK) {
        return HP_ENOMEM;
    }
    mark_repeated(view, dict, repeated);
    mark_explained(view, dict, explained);
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        if (view->owner[i] == i) {
            attribute(view, dict, i, work->sym);
        }
        if (!hp_tree_live(tree, i) || node->self == 0) {
            continue;
        }
        unsigned facts = hp__facts_of(view->facts, node->sym);
        bool waits = (facts & HP__FACT_WAITING) != 0;
        if (waits && !view->beside[i] && !explained[i]) {
            work->waits_ns += node->self;
        }
        bool calls = node->kind == HP_NODE_CALL || node->kind == HP_NODE_OVERFLOW;
        bool counts = !waits && !explained[i] && calls && !(facts & HP__FACT_TEMPLATE) && !view->beside[i];
        if (counts && view->owner[i] != HP_NODE_NONE) {
            work->exclusive[view->owner[i]] += node->self;
            work->busy[view->owner[i]] += node->cpu_ns;
            work->library[view->owner[i]] += view->app[i] || lines[i] ? 0 : node->self;
            bool again = repeated[i] && !lines[i];
            work->repeated[view->owner[i]] += again ? node->self : 0;
            work->repeats[view->owner[i]] += again && view->app[node->parent] ? hp__view_times(node) : 0;
        }
    }
    subtract_direct(view, explained, work);
    add_known_waits(view, dict, work);
    return HP_OK;
}

struct part {
    uint64_t wall_ns, cpu_ns, calls, busy_ns, library_ns;
    bool of_view; /* only what the view calls over and over */
};

/* What the request's CPU time vouches for of `wall_ns`, by the reasoning in the head comment. */
static void vouch(const struct hp__view *view, const struct work *work, double concurrency, struct part *part)
{
    const struct hp_request *req = &view->sample->record->req;
    if (view->sample->estimate != NULL) { /* samples know when their thread was on a processor */
        part->cpu_ns = part->busy_ns < part->wall_ns ? part->busy_ns : part->wall_ns;
        return;
    }
    if (req->cpu_ns == HP_ABSENT) {
        part->cpu_ns = part->wall_ns;
        return;
    }
    double wall = (double)part->wall_ns;
    if (knows_waits(view->sample->record)) {
        uint64_t cpu_ns = hp__spine_cpu_ns(view);
        double most = (double)cpu_ns * concurrency;
        part->wall_ns = wall > most ? (uint64_t)most : part->wall_ns;
        uint64_t own_ns = (uint64_t)(wall / hp__speed_slowness(view->sample));
        part->cpu_ns = own_ns < cpu_ns ? own_ns : cpu_ns;
        return;
    }
    double rest = (double)view->sample->duration_ns - (double)work->waits_ns;
    double cpu = (double)req->cpu_ns - (double)work->embedded_ns;
    cpu = cpu > 0 ? cpu : 0;
    double unseen = rest - cpu * concurrency;
    double sure = unseen > 0 ? wall - unseen : wall;
    double share = rest > 0 && cpu < rest ? cpu * wall / rest : wall;
    double vouched = sure < share ? sure : share;
    part->cpu_ns = vouched > 0 ? (uint64_t)vouched : 0;
    double most = cpu * concurrency;
    if (wall > most) {
        part->wall_ns = (uint64_t)most;
    }
}

/* Whether a node begins a function's part of the tree: it is what the nodes below it count for. */
static bool owns(const struct hp__view *view, uint32_t i)
{
    return view->owner[i] == i && hp_tree_live(view->sample->tree, i);
}

/* The view, or the body that it streams: a function written inside the view that the framework runs, not the
 * application. */
static bool is_view(const struct hp__view *view, const struct hp_dict *dict, uint32_t i)
{
    const struct hp_node *node = &view->sample->tree->nodes[i];
    uint32_t view_sym = view->view_sym;
    if (node->sym == view_sym || view->owner[node->parent] != HP_NODE_NONE) {
        return node->sym == view_sym;
    }
    return view_sym != 0 && hp__facts_part_of(dict, node->sym, view_sym);
}

/* What the rule looks at of a node that owns. */
static uint64_t node_ns(const struct hp__view *view, const struct hp_dict *dict, const struct work *work,
                        uint32_t i)
{
    bool less = is_view(view, dict, i) && work->repeated[i] < work->exclusive[i];
    return less ? work->repeated[i] : work->exclusive[i];
}

static void add_node(const struct hp__view *view, const struct hp_dict *dict, const struct work *work,
                     uint32_t i, struct part *part)
{
    part->of_view = part->of_view || is_view(view, dict, i);
    part->wall_ns += node_ns(view, dict, work, i);
    part->busy_ns += work->busy[i];
    part->library_ns += work->library[i];
    const struct hp_node *node = &view->sample->tree->nodes[i];
    uint64_t calls = part->of_view ? work->repeats[i] : node->calls;
    part->calls += node->sym == work->sym[i] ? calls : 0;
}

uint64_t hp__hot_function_ns(const struct hp__view *view, const struct hp_dict *dict, uint32_t sym,
                             double concurrency, uint64_t *cpu_ns)
{
    struct hp_arena scratch;
    struct work work;
    struct part part = {0};
    if (view->sample->tree == NULL) {
        *cpu_ns = 0;
        return 0;
    }
    hp_arena_init(&scratch, (size_t)256 << 20);
    if (work_out(view, dict, &scratch, &work) == HP_OK) {
        for (uint32_t i = 1; i < view->sample->tree->count; i++) {
            if (owns(view, i) && work.sym[i] == sym) {
                add_node(view, dict, &work, i, &part);
            }
        }
        vouch(view, &work, concurrency, &part);
    }
    hp_arena_fini(&scratch);
    *cpu_ns = part.cpu_ns;
    return part.wall_ns;
}

hp_err hp__hot_function_nodes(const struct hp__view *view, const struct hp_dict *dict, struct hp_arena *arena,
                              uint64_t **exclusive)
{
    struct work work;
    hp_err err = work_out(view, dict, arena, &work);
    if (err == HP_OK) {
        *exclusive = work.exclusive;
    }
    return err;
}

/* Requests served at once on average, over the time that the sample spans. */
double hp__concurrency(const struct hp_case *c)
{
    uint64_t first = UINT64_MAX, last = 0;
    for (uint32_t i = 0; i < c->sample_count; i++) {
        const struct hp_request *req = &c->samples[i].record->req;
        uint64_t end = req->start_wall_ns + req->wall_ns;
        first = req->start_wall_ns < first ? req->start_wall_ns : first;
        last = end > last ? end : last;
    }
    double k = last > first ? (double)c->recorded_ns / (double)(last - first) : 1;
    return k > 1 ? k : 1;
}

/* By how much a time in a request of `of_ns` may be wrong, 95 %, because it comes from samples; 0 where it
 * does not. */
static double error_ns(const struct hp_case *c, uint64_t of_ns, uint64_t ns)
{
    double share = of_ns != 0 ? (double)ns / (double)of_ns : 0;
    return c->estimate_samples != 0 ? hp_tree_share_error(share, c->estimate_samples) * (double)of_ns : 0;
}

/* How often a function calls a library's one. */
static uint64_t times_called(const struct hp__view *view, uint32_t caller, uint32_t called)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t times = 0;
    for (uint32_t k = 1; k < tree->count; k++) {
        uint32_t owner = tree->nodes[k].sym == called ? view->owner[k] : HP_NODE_NONE;
        bool by_it = owner != HP_NODE_NONE && tree->nodes[owner].sym == caller;
        times += by_it && view->app[tree->nodes[k].parent] ? hp__view_times(&tree->nodes[k]) : 0;
    }
    return times;
}

/* " of strptime" for the library's function that a view calls over and over and that takes most; `all`: how
 * often it calls such functions. */
static struct hp_str called_by(struct hp__find *f, uint32_t view_sym, uint64_t all)
{
    uint64_t most = 0, times = 0;
    uint32_t name = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_tree *tree = f->c->samples[i].tree;
        for (uint32_t k = 1; tree != NULL && k < tree->count; k++) {
            const struct hp_node *node = &tree->nodes[k];
            uint32_t owner = f->views[i].owner[k];
            if (owner != HP_NODE_NONE && tree->nodes[owner].sym == view_sym && !f->views[i].app[k] &&
                f->views[i].app[node->parent] && hp__view_times(node) >= LOOP_CALLS && node->total > most) {
                most = node->total;
                name = node->sym;
                times = times_called(&f->views[i], view_sym, name);
            }
        }
    }
    struct hp_symbol sym = hp_dict_symbol(f->c->dict, name);
    const char *others = times + times / 4 < all ? " and others" : "";
    return name != 0 ? hp__textf(f->arena, " of %.*s%s", (int)sym.name.n, sym.name.p, others) : HP_STR("");
}

static hp_err describe(struct hp__find *f, struct hp_finding *finding, struct hp__spread *calls,
                       struct hp__spread *wall, bool first_only, const struct hp__searched *searched)
{
    uint64_t n = hp__spread_median(calls), ns = hp__spread_median(wall);
    struct hp_symbol sym = hp_dict_symbol(f->c->dict, hp__finding_subject(finding));
    char count[HP_SHOW_BYTES], time[HP_SHOW_BYTES], each[HP_SHOW_BYTES];
    hp_show_count(count, n);
    hp_show_ns(time, ns);
    hp_show_ns(each, n != 0 ? ns / n : ns);
    struct hp_str of =
        finding->subject_sym == f->views[0].view_sym ? called_by(f, finding->subject_sym, n) : HP_STR("");
    finding->title = n > 1 ? hp__textf(f->arena, "%.*s computes for %s in %s calls%.*s", (int)sym.name.n,
                                       sym.name.p, time, count, (int)of.n, of.p)
                           : hp__textf(f->arena, "%.*s computes for %s", (int)sym.name.n, sym.name.p, time);
    finding->advice =
        n > 1 ? hp__textf(f->arena,
                          "Do not do it here if the response does not need it. Do it once: if the same "
                          "inputs come again, keep the result (functools.cache, or a "
                          "dict for the request); lift what does not change out of the loop. Do it faster: "
                          "%s a call adds up over %s calls, so look for "
                          "repeated conversions and for work that one pass over all items could do.",
                          each, count)
              : hp__textf(
                    f->arena,
                    "Do not do it here if the response does not need it (a background job, or on demand). Do "
                    "it once: keep the result while its "
                    "inputs stay the same. Do it faster: look at its inner loop, at the algorithm first.");
    if (searched->line != 0) {
        finding->advice = hp__textf(
            f->arena,
            searched->how == HP__SEARCHED_PAIRS
                ? "%.*s Line %u takes each of %.*s with each: a dict of lists by what both must have "
                  "in common leaves those that can match, or the next few once they are sorted."
            : searched->how == HP__SEARCHED_GROWS
                ? "%.*s Line %u goes over the beginning of %.*s again for each item: carry what it "
                  "makes of it along (itertools.accumulate)."
                : "%.*s Line %u looks through the list %.*s for each item: a set finds it at once.",
            (int)finding->advice.n, finding->advice.p, searched->line, (int)searched->name.n,
            searched->name.p);
    }
    if (first_only) {
        finding->advice = hp__textf(f->arena,
                                    "Only the first request of a process has been seen: if this loads or "
                                    "fills what later ones use, it is no cost of theirs. Ask once more. %.*s",
                                    (int)finding->advice.n, finding->advice.p);
    }
    if (f->c->estimate_samples == 0 || n != 0) {
        hp__finding_number(finding, "calls", (double)n);
    } else {
        hp__finding_number(finding, "samples", (double)f->c->estimate_samples);
        hp__finding_number(finding, "plus_minus_ms", error_ns(f->c, f->median_ns, ns) / 1e6);
    }
    hp__finding_number(finding, "exclusive_ms", (double)ns / 1e6);
    return HP_OK;
}

/* Functions worth a look, and what each has in each request. One pass over a tree fills a row: trees have
 * thousands of nodes, so a pass for each function would make a report slow. */
struct table {
    uint32_t syms[MAX_FUNCTIONS];
    uint32_t count;
    uint32_t *slot; /* by symbol: 1 + its index in `syms`; 0: not in it */
    uint32_t slot_count;
    uint32_t *caller;   /* [count] 1 + the index of the only function that calls it; 0: none, or several */
    struct part *parts; /* [request × count + function] */
    uint64_t whole_ns;  /* what shares are of */
};
#define CALLER_UNKNOWN UINT32_MAX

static uint32_t slot_of(const struct table *table, uint32_t sym)
{
    return sym < table->slot_count ? table->slot[sym] : 0;
}

/* Functions with a node that is worth a look in this request. */
static void collect(const struct hp__view *view, const struct hp_dict *dict, const struct work *work,
                    struct table *table)
{
    const struct hp_tree *tree = view->sample->tree;
    double least = LOOK_SHARE * (double)view->sample->duration_ns + 1;
    for (uint32_t i = 1; i < tree->count && table->count < MAX_FUNCTIONS; i++) {
        uint32_t sym = work->sym[i];
        bool template = (hp__facts_of(view->facts, sym) & HP__FACT_TEMPLATE) != 0;
        if (view->owner[i] != i || template || (double)node_ns(view, dict, work, i) < least) {
            continue;
        }
        if (sym < table->slot_count && table->slot[sym] == 0) {
            table->syms[table->count++] = sym;
            table->slot[sym] = table->count;
        }
    }
}

/* Which function of the table calls the one that node `i` counts for, as long as it is the only one. */
static void note_caller(const struct hp__view *view, const struct work *work, uint32_t i,
                        const struct table *table)
{
    uint32_t slot = slot_of(table, work->sym[i]);
    uint32_t above = view->owner[view->sample->tree->nodes[i].parent];
    uint32_t caller = above != HP_NODE_NONE ? slot_of(table, work->sym[above]) : 0;
    uint32_t *known = &table->caller[slot - 1];
    if (caller != slot) { /* else it is a part of it, or calls itself */
        *known = *known == CALLER_UNKNOWN || *known == caller ? caller : 0;
    }
}

/* The loop over a function goes to it. */
static void give_loop(const struct table *table, struct part *parts, uint32_t k)
{
    uint32_t caller = table->caller[k];
    struct part *called = &parts[k];
    struct part *loop = caller != 0 && caller != CALLER_UNKNOWN ? &parts[caller - 1] : NULL;
    if (loop != NULL && !loop->of_view && called->calls >= LOOP_CALLS * loop->calls &&
        loop->wall_ns <= LOOP_NS * called->calls && loop->wall_ns <= LOOP_MOST * called->wall_ns) {
        called->wall_ns += loop->wall_ns;
        called->busy_ns += loop->busy_ns;
        loop->wall_ns = loop->busy_ns = 0;
    }
}

static void fill_parts(const struct hp__view *view, const struct hp_dict *dict, const struct work *work,
                       const struct table *table, struct part *parts)
{
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 1; i < tree->count; i++) {
        uint32_t slot = owns(view, i) ? slot_of(table, work->sym[i]) : 0;
        if (slot != 0) {
            add_node(view, dict, work, i, &parts[slot - 1]);
            note_caller(view, work, i, table);
        }
    }
}

static void finish_parts(const struct hp__view *view, const struct work *work, double concurrency,
                         const struct table *table, struct part *parts)
{
    for (uint32_t k = 0; k < table->count; k++) {
        give_loop(table, parts, k);
    }
    for (uint32_t k = 0; k < table->count; k++) {
        vouch(view, work, concurrency, &parts[k]);
    }
    for (uint32_t i = 0; i < view->call_count; i++) {
        uint32_t slot = slot_of(table, view->calls[i].site_sym);
        if (slot != 0) {
            take_off(&parts[slot - 1].wall_ns, CLIENT_NS);
            take_off(&parts[slot - 1].cpu_ns, CLIENT_NS);
        }
    }
}

/* Without a tree a request's parts stay zero. */
static hp_err make_table(struct hp__find *f, struct table *table)
{
    uint32_t n = f->c->sample_count;
    double concurrency = hp__concurrency(f->c);
    struct work *works = hp_arena_alloc(f->arena, n * sizeof *works + 1, _Alignof(struct work));
    table->count = 0;
    table->slot_count = hp_dict_symbol_count(f->c->dict);
    table->slot = hp__zeroed(f->arena, table->slot_count, sizeof *table->slot);
    hp_err err = works != NULL && table->slot != NULL ? HP_OK : HP_ENOMEM;
    for (uint32_t i = 0; i < n && err == HP_OK; i++) {
        if (f->c->samples[i].tree != NULL) {
            err = work_out(&f->views[i], f->c->dict, f->arena, &works[i]);
            if (err == HP_OK) {
                collect(&f->views[i], f->c->dict, &works[i], table);
            }
        }
    }
    if (err != HP_OK) {
        return err;
    }
    table->parts = hp__zeroed(f->arena, (size_t)n * table->count, sizeof *table->parts);
    table->caller = hp_arena_alloc(f->arena, table->count * sizeof *table->caller + 1, _Alignof(uint32_t));
    if (table->parts == NULL || table->caller == NULL) {
        return HP_ENOMEM;
    }
    memset(table->caller, 0xff, table->count * sizeof *table->caller);
    for (uint32_t i = 0; i < n && table->count != 0; i++) {
        if (f->c->samples[i].tree != NULL) {
            fill_parts(&f->views[i], f->c->dict, &works[i], table, &table->parts[(size_t)i * table->count]);
        }
    }
    for (uint32_t i = 0; i < n && table->count != 0; i++) {
        if (f->c->samples[i].tree != NULL) {
            finish_parts(&f->views[i], &works[i], concurrency, table,
                         &table->parts[(size_t)i * table->count]);
        }
    }
    return HP_OK;
}

static hp_err price_function(struct hp__find *f, struct hp_finding *finding, uint32_t i,
                             const struct part *part)
{
    struct hp__cut cut = {0}, low = {0}, high = {0};
    const struct hp_sample *sample = &f->c->samples[i];
    double error = sample->estimate == sample->tree ? error_ns(f->c, sample->duration_ns, part->wall_ns) : 0;
    uint64_t least = (double)part->wall_ns > error ? part->wall_ns - (uint64_t)error : 0;
    const struct hp__view *view = &f->views[i];
    hp_err err = hp__spine_cut(view, f->arena, &cut, part->wall_ns);
    if (err == HP_OK) {
        err = hp__spine_cut(view, f->arena, &low, view->first ? 0 : least / 2);
    }
    if (err == HP_OK && error > 0) {
        err = hp__spine_cut(view, f->arena, &high, part->wall_ns + (uint64_t)error);
    }
    return err == HP_OK ? hp__finding_price(f, finding, i, &cut, &low, error > 0 ? &high : NULL) : err;
}

/* Whether the function ran once, and computed in its own lines; or is no more than a line of the loop that
 * calls it; or is what a request that mostly does something else does with each of many things. Of samples
 * nobody knows. */
static bool is_pass(const struct part *part, double share)
{
    uint64_t busy_ns = part->cpu_ns < part->wall_ns ? part->cpu_ns : part->wall_ns;
    bool many = part->calls >= LOOP_CALLS, own = part->library_ns * 2 < part->wall_ns;
    if (part->of_view) {
        return false;
    }
    return (many && busy_ns <= LINE_NS * part->calls) ||
           (own && (part->calls == 1 || (many && share < BIG_SHARE)));
}

/* What it must take at the least to be hot; `passes`: as far as its calls tell, see is_pass. */
static uint64_t least_ns(const struct part *part, double share, bool passes)
{
    if (share < (part->of_view ? BIG_SHARE : MIN_SHARE)) {
        return UINT64_MAX;
    }
    if (passes) {
        return ONCE_NS;
    }
    uint64_t busy_ns = part->cpu_ns < part->wall_ns ? part->cpu_ns : part->wall_ns;
    bool moments = part->calls >= LOOP_CALLS && busy_ns < MOMENT_LINES * LINE_NS * part->calls;
    return share >= BIG_SHARE && !moments && !part->of_view ? BIG_NS : MIN_NS;
}

/* What a share of processor time is of: samples tell what was running when, trees what other programs held
 * up. */
static uint64_t whole_ns(const struct hp_sample *sample)
{
    return sample->estimate != NULL ? sample->duration_ns : hp__speed_quiet_ns(sample);
}

static double share_of(uint64_t ns, uint64_t of_ns)
{
    return of_ns != 0 ? (double)ns / (double)of_ns : 0;
}

/* `*least`: what it must take; it is a pass unless the function goes through a list again (`searches`). */
static bool is_hot_in(const struct hp__find *f, uint32_t i, const struct part *part, bool searches,
                      uint64_t *least)
{
    const struct hp_sample *sample = &f->c->samples[i];
    double error = sample->estimate != NULL ? error_ns(f->c, sample->duration_ns, part->cpu_ns)
                                            : 0; /* hot also at the lower end */
    uint64_t ns = (double)part->cpu_ns > error ? part->cpu_ns - (uint64_t)error : 0;
    double share = share_of(ns, whole_ns(sample));
    *least = least_ns(part, share, !searches && is_pass(part, share));
    return ns != 0 && ns >= *least;
}

/* The list that the function goes through for each of many things, where it is hot by any measure in some
 * request. */
static hp_err find_searched(struct hp__find *f, const struct table *table, uint32_t k,
                            struct hp__searched *searched)
{
    struct hp_symbol sym = hp_dict_symbol(f->c->dict, table->syms[k]);
    bool hot = false;
    *searched = (struct hp__searched){.line = 0};
    for (uint32_t i = 0; i < f->c->sample_count && !hot && f->c->source != NULL; i++) {
        uint64_t least;
        hot = is_hot_in(f, i, &table->parts[(size_t)i * table->count + k], true, &least);
    }
    return hot ? hp__searched_read(f->c->source(f->c->source_ctx, sym.file), sym.line, f->arena, searched)
               : HP_OK;
}

/* Of the route's median request. */
static hp_err find_whole(struct hp__find *f, uint64_t *ns)
{
    struct hp__spread whole;
    hp_err err = hp__spread_init(f, &whole);
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        hp__spread_add(&whole, whole_ns(&f->c->samples[i]));
    }
    *ns = err == HP_OK ? hp__spread_median(&whole) : 0;
    return err;
}

/* Whether a function calls another one over and over: listing files is part of what is done with each. */
static bool calls_it(const struct hp__find *f, uint32_t sym, uint32_t called)
{
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp__view *view = &f->views[i];
        const struct hp_tree *tree = view->sample->tree;
        for (uint32_t k = 1; tree != NULL && k < tree->count; k++) {
            uint32_t line, caller = tree->nodes[k].sym == called && tree->nodes[k].calls >= LOOP_CALLS
                                        ? hp__view_caller(view, k, &line)
                                        : HP_NODE_NONE;
            if (caller != HP_NODE_NONE && tree->nodes[caller].sym == sym) {
                return true;
            }
        }
    }
    return false;
}

/* Whether a finding tells already what this function mostly computes: what is left of it is smaller and
 * beside that. Opening, writing and renaming the files that it waits for may take twice as long as the
 * waiting. */
static bool is_told(const struct hp__find *f, uint32_t sym, uint64_t ns)
{
    const uint32_t computing = 1u << HP_FIND_regex_compile | 1u << HP_FIND_serialization_hot |
                               1u << HP_FIND_chatty_reads | 1u << HP_FIND_attribute_lookup_hot |
                               1u << HP_FIND_import_in_request;
    for (uint32_t i = 0; i < f->out->count; i++) {
        const struct hp_finding *other = &f->out->list[i];
        bool of_files = other->kind == HP_FIND_disk_io;
        uint64_t told_ns = of_files ? 2 * other->median_ns : other->median_ns;
        bool here = hp__facts_part_of(f->c->dict, other->site_sym, sym) ||
                    (of_files && calls_it(f, sym, hp__finding_subject(other)));
        if ((of_files || (computing >> other->kind & 1) != 0) && here && told_ns >= ns) {
            return true;
        }
    }
    return false;
}

/* Whether each request that runs the function is there for it. */
static bool is_purpose(const struct hp__find *f, const struct table *table, uint32_t k)
{
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        bool runs = table->parts[(size_t)i * table->count + k].wall_ns != 0;
        if (runs && !hp__purpose_is(f->c, &f->views[i], table->syms[k])) {
            return false;
        }
    }
    return true;
}

/* Where most requests say; one that was held up, and the first of a process, which imports and fills caches,
 * have no larger voice. */
static void choose_place(const struct hp__find *f, const struct table *table, uint32_t k, uint64_t usual_ns,
                         struct hp_finding *finding)
{
    struct hp__places places = {.count = 0};
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        uint64_t ns = table->parts[(size_t)i * table->count + k].wall_ns;
        if (ns != 0) {
            struct hp__spot spot = {0};
            bool of_view = table->parts[(size_t)i * table->count + k].of_view;
            if (!of_view || !hp__place_repeated(&f->views[i], table->syms[k], LOOP_CALLS, &spot)) {
                spot = hp__place_function(f, &f->views[i], table->syms[k]);
            }
            uint64_t most = f->views[i].first ? 1 : 2 * usual_ns;
            hp__places_add(&places, spot.sym, spot.line, 0, ns < most ? ns : most);
        }
    }
    hp__places_choose(&places, finding);
}

static hp_err try_function(struct hp__find *f, const struct table *table, uint32_t k)
{
    uint32_t sym = table->syms[k];
    struct hp_finding finding;
    struct hp__spread calls, wall, vouched, leasts;
    struct hp__searched searched;
    bool kept, again = false;
    hp_err err = hp__finding_init(f, &finding, HP_FIND_hot_function);
    err = err == HP_OK ? find_searched(f, table, k, &searched) : err;
    err = err == HP_OK ? hp__spread_init(f, &calls) : err;
    err = err == HP_OK ? hp__spread_init(f, &wall) : err;
    err = err == HP_OK ? hp__spread_init(f, &vouched) : err;
    err = err == HP_OK ? hp__spread_init(f, &leasts) : err;
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        struct part part = table->parts[(size_t)i * table->count + k];
        uint64_t least;
        if (!is_hot_in(f, i, &part, searched.line != 0, &least)) {
            continue;
        }
        hp__spread_add(&leasts, least);
        hp__spread_add(&calls, part.calls);
        hp__spread_add(&wall, part.wall_ns);
        hp__spread_add(&vouched, part.cpu_ns);
        finding.seen++;
        again = again || !f->views[i].first;
        err = price_function(f, &finding, i, &part);
    }
    uint64_t hot_ns = err == HP_OK ? hp__spread_median(&vouched) : 0;
    if (err != HP_OK || finding.seen == 0 || hot_ns < hp__spread_median(&leasts) ||
        share_of(hot_ns, table->whole_ns) < MIN_SHARE || is_told(f, sym, hot_ns) || is_purpose(f, table, k)) {
        return err;
    }
    choose_place(f, table, k, hp__spread_median(&wall), &finding);
    if (searched.line != 0 && finding.site_sym != sym) { /* the call of it: no line of its own is known */
        finding.site_sym = sym;
        finding.site_line = searched.line;
        finding.via_sym = 0;
    }
    finding.subject_sym = sym;
    err = describe(f, &finding, &calls, &wall, !again, &searched);
    return err == HP_OK ? hp__find_offer(f, &finding, false, &kept) : err;
}

hp_err hp__rule_hot_function(struct hp__find *f)
{
    struct table *table = hp_arena_alloc(f->arena, sizeof *table, _Alignof(struct table));
    hp_err err = table != NULL ? make_table(f, table) : HP_ENOMEM;
    err = err == HP_OK ? find_whole(f, &table->whole_ns) : err;
    for (uint32_t k = 0; err == HP_OK && k < table->count; k++) {
        err = try_function(f, table, k);
    }
    return err;
}
