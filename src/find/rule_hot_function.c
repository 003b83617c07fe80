/* rule_hot_function.c -- an application function that computes for a large part of the request.
 *
 * Principle: its exclusive time (own code, and library and C functions that it calls) that is neither waiting, nor SQL, nor another
 * application function, nor framework dispatch.
 *
 * Evidence: a call tree; exclusive wall time that the request's CPU time can account for, ≥ 10 % of the route and ≥ 5 ms, or ≥ 30 % and ≥ 2 ms (a
 * short request has always some function with a tenth of it).
 *
 * Silent: the smaller rest of a function of which another finding tells what it computes; what a client library computes for calls to other services, 1 ms each; the view itself (below its decorators and the framework's classes, view.c), also the generator in it that its response streams; framework; templates (a kind of their own); below the library call that runs a statement, starts or joins threads (SQL and
 * thread rules own those); the stdlib's and extension's waiting primitives (socket, ssl, select, threading, subprocess …); functions whose
 * time is waiting.
 *
 * Where waits were recorded they are known by node and place, and taken out of the function that waits; its CPU is then its time, at most the request's.
 *
 * Without them, waiting that no frame shows (time.sleep inside the function, where C functions are not traced): the request's wall time without known waits is D,
 * its CPU without in-process SQL is C. When the process serves K requests at once, up to C × K of D is computing (the others hold the GIL); the rest
 * U = D − C × K is unseen waiting and may all lie in this function. So CPU vouches for min(W − U, C × W / D) of its wall time W. Without a CPU time of
 * the request nothing is claimed beyond W.
 *
 * From samples (struct hp_sample.estimate): the same with times that have an error, and the processor time is the samples' own; it must be hot at the lower end, and low and high are wider.
 *
 * Saving: predicted = high = its exclusive time as if gone (at most C × K), low = half of it.
 */
#include <string.h>
#include "base/show.h"
#include "find/find_int.h"

#define MIN_SHARE  0.10
#define MIN_NS     5000000u
#define BIG_SHARE  0.30
#define BIG_NS     2000000u
#define LOOK_SHARE 0.005 /* nodes below that are not looked at */
#define CLIENT_NS                                                                                            \
    1000000u /* what a client library may compute for one call to another service: it is part of that call */
#define MAX_FUNCTIONS 512u

struct work {             /* one request */
    uint64_t *exclusive;  /* per node: self of what it owns and nothing else explains */
    uint64_t *busy;       /* of an estimate, likewise: processor time */
    uint64_t waits_ns;    /* known waiting of the main lane, in-process SQL too */
    uint64_t embedded_ns; /* of it in-process SQL, which is CPU */
};

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
            (void)hp__build_of(view, dict, owner); /* objects made in another call than the statement's */
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
}

static void take_off(uint64_t *from, uint64_t amount)
{
    *from = *from > amount ? *from - amount : 0;
}

static bool knows_waits(const struct hp_record *record)
{
    return record->lane_count != 0 && record->lanes[0].wait_busy_ns != HP_ABSENT;
}

/* Waits of the function itself and of libraries that it calls, less those that are counted otherwise: of statements, of functions whose own time is waiting.
 * Collections too, where a finding explains them. */
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

/* SQL, joins and waits directly under the function (no library frame in between), which `explained` cannot show. */
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

static hp_err work_out(const struct hp__view *view, const struct hp_dict *dict, struct hp_arena *arena,
                       struct work *work)
{
    const struct hp_tree *tree = view->sample->tree;
    uint8_t *explained = hp_arena_alloc(arena, tree->count, 1);
    uint8_t *beside =
        hp_arena_alloc(arena, tree->count, 1); /* under a LANE node: runs beside the main lane */
    work->exclusive = hp_arena_alloc(arena, tree->count * sizeof *work->exclusive, _Alignof(uint64_t));
    work->waits_ns = work->embedded_ns = 0;
    work->busy = hp__zeroed(arena, tree->count, sizeof *work->busy);
    if (explained == NULL || beside == NULL || work->exclusive == NULL || work->busy == NULL) {
        return HP_ENOMEM;
    }
    memset(work->exclusive, 0, tree->count * sizeof *work->exclusive);
    mark_explained(view, dict, explained);
    beside[HP_NODE_ROOT] = 0;
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        beside[i] = node->kind == HP_NODE_LANE || beside[node->parent];
        if (!hp_tree_live(tree, i) || node->self == 0) {
            continue;
        }
        unsigned facts = hp__facts_of(view->facts, node->sym);
        bool waits = (facts & HP__FACT_WAITING) != 0;
        if (waits && !beside[i] && !explained[i]) {
            work->waits_ns += node->self;
        }
        bool counts = !waits && !explained[i] && node->kind == HP_NODE_CALL && !(facts & HP__FACT_TEMPLATE) &&
                      !beside[i];
        if (counts && view->owner[i] != HP_NODE_NONE) {
            work->exclusive[view->owner[i]] += node->self;
            work->busy[view->owner[i]] += node->cpu_ns;
        }
    }
    subtract_direct(view, explained, work);
    add_known_waits(view, dict, work);
    return HP_OK;
}

struct part {
    uint64_t wall_ns, cpu_ns, calls, busy_ns;
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
        double most = (double)req->cpu_ns * concurrency;
        part->wall_ns = wall > most ? (uint64_t)most : part->wall_ns;
        part->cpu_ns = part->wall_ns < req->cpu_ns ? part->wall_ns : req->cpu_ns;
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

static void add_node(const struct hp__view *view, const struct work *work, uint32_t i, struct part *part)
{
    part->wall_ns += work->exclusive[i];
    part->busy_ns += work->busy[i];
    part->calls += view->sample->tree->nodes[i].calls;
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
            if (view->sample->tree->nodes[i].sym == sym && owns(view, i)) {
                add_node(view, &work, i, &part);
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

/* By how much a time in a request of `of_ns` may be wrong, 95 %, because it comes from samples; 0 where it does not. */
static double error_ns(const struct hp_case *c, uint64_t of_ns, uint64_t ns)
{
    double share = of_ns != 0 ? (double)ns / (double)of_ns : 0;
    return c->estimate_samples != 0 ? hp_tree_share_error(share, c->estimate_samples) * (double)of_ns : 0;
}

static hp_err describe(struct hp__find *f, struct hp_finding *finding, struct hp__spread *calls,
                       struct hp__spread *wall)
{
    uint64_t n = hp__spread_median(calls), ns = hp__spread_median(wall);
    struct hp_symbol sym = hp_dict_symbol(f->c->dict, hp__finding_subject(finding));
    char count[HP_SHOW_BYTES], time[HP_SHOW_BYTES], each[HP_SHOW_BYTES];
    hp_show_count(count, n);
    hp_show_ns(time, ns);
    hp_show_ns(each, n != 0 ? ns / n : ns);
    finding->title = n > 1 ? hp__textf(f->arena, "%.*s computes for %s in %s calls", (int)sym.name.n,
                                       sym.name.p, time, count)
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
    if (f->c->estimate_samples == 0 || n != 0) {
        hp__finding_number(finding, "calls", (double)n);
    } else {
        hp__finding_number(finding, "samples", (double)f->c->estimate_samples);
        hp__finding_number(finding, "plus_minus_ms", error_ns(f->c, f->median_ns, ns) / 1e6);
    }
    hp__finding_number(finding, "exclusive_ms", (double)ns / 1e6);
    return HP_OK;
}

/* Functions worth a look, and what each has in each request. One pass over a tree fills a row: trees have thousands of nodes,
 * so a pass for each function would make a report slow. */
struct table {
    uint32_t syms[MAX_FUNCTIONS];
    uint32_t count;
    uint32_t *slot; /* by symbol: 1 + its index in `syms`; 0: not in it */
    uint32_t slot_count;
    struct part *parts; /* [request × count + function] */
};

static uint32_t slot_of(const struct table *table, uint32_t sym)
{
    return sym < table->slot_count ? table->slot[sym] : 0;
}

/* The view, or the body that it streams: a function written inside the view that the framework runs, not the application. */
static bool is_view(const struct hp__view *view, const struct hp_dict *dict, uint32_t i)
{
    const struct hp_node *node = &view->sample->tree->nodes[i];
    uint32_t view_sym = view->view_sym;
    if (node->sym == view_sym || view->owner[node->parent] != HP_NODE_NONE) {
        return node->sym == view_sym;
    }
    struct hp_symbol own = hp_dict_symbol(dict, node->sym), outer = hp_dict_symbol(dict, view_sym);
    if (outer.name.n == 0 || !hp_str_eq(own.file, outer.file) || !hp_str_starts(own.name, outer.name)) {
        return false;
    }
    struct hp_str inside = {own.name.p + outer.name.n, own.name.n - outer.name.n};
    return hp_str_starts(inside, HP_STR(".<locals>."));
}

/* Functions with a node that is worth a look in this request. */
static void collect(const struct hp__view *view, const struct hp_dict *dict, const struct work *work,
                    struct table *table)
{
    const struct hp_tree *tree = view->sample->tree;
    double least = LOOK_SHARE * (double)view->sample->duration_ns + 1;
    for (uint32_t i = 1; i < tree->count && table->count < MAX_FUNCTIONS; i++) {
        uint32_t sym = tree->nodes[i].sym;
        bool template = (hp__facts_of(view->facts, sym) & HP__FACT_TEMPLATE) != 0;
        if (view->owner[i] != i || template || (double)work->exclusive[i] < least || is_view(view, dict, i)) {
            continue;
        }
        if (sym < table->slot_count && table->slot[sym] == 0) {
            table->syms[table->count++] = sym;
            table->slot[sym] = table->count;
        }
    }
}

static void fill_parts(const struct hp__view *view, const struct work *work, double concurrency,
                       const struct table *table, struct part *parts)
{
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 1; i < tree->count; i++) {
        uint32_t slot = slot_of(table, tree->nodes[i].sym);
        if (slot != 0 && owns(view, i)) {
            add_node(view, work, i, &parts[slot - 1]);
        }
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
    if (table->parts == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < n && table->count != 0; i++) {
        if (f->c->samples[i].tree != NULL) {
            fill_parts(&f->views[i], &works[i], concurrency, table, &table->parts[(size_t)i * table->count]);
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
    /* The exact moment does not matter on the main lane: what follows moves earlier by the same amount. */
    uint64_t at_ns = f->c->samples[i].record->req.wall_ns / 2;
    hp_err err = hp__cut_add(f->arena, &cut, 0, at_ns, part->wall_ns);
    if (err == HP_OK) {
        err = hp__cut_add(f->arena, &low, 0, at_ns, least / 2);
    }
    if (err == HP_OK && error > 0) {
        err = hp__cut_add(f->arena, &high, 0, at_ns, part->wall_ns + (uint64_t)error);
    }
    return err == HP_OK ? hp__finding_price(f, finding, i, &cut, &low, error > 0 ? &high : NULL) : err;
}

static bool is_hot(uint64_t ns, uint64_t of_ns)
{
    double share = of_ns != 0 ? (double)ns / (double)of_ns : 0;
    return (share >= MIN_SHARE && ns >= MIN_NS) || (share >= BIG_SHARE && ns >= BIG_NS);
}

/* Whether a finding tells already what this function mostly computes: what is left of it is smaller and beside that. */
static bool is_told(const struct hp__find *f, uint32_t sym, uint64_t ns)
{
    const uint32_t computing = 1u << HP_FIND_regex_compile | 1u << HP_FIND_serialization_hot |
                               1u << HP_FIND_chatty_reads | 1u << HP_FIND_attribute_lookup_hot |
                               1u << HP_FIND_import_in_request;
    for (uint32_t i = 0; i < f->out->count; i++) {
        const struct hp_finding *other = &f->out->list[i];
        if ((computing >> other->kind & 1) != 0 && other->site_sym == sym && other->median_ns >= ns) {
            return true;
        }
    }
    return false;
}

static hp_err try_function(struct hp__find *f, const struct table *table, uint32_t k)
{
    uint32_t sym = table->syms[k];
    struct hp_finding finding;
    struct hp__spread calls, wall, vouched;
    bool kept;
    uint32_t widest = 0;
    uint64_t most = 0;
    hp_err err = hp__finding_init(f, &finding, HP_FIND_hot_function);
    err = err == HP_OK ? hp__spread_init(f, &calls) : err;
    err = err == HP_OK ? hp__spread_init(f, &wall) : err;
    err = err == HP_OK ? hp__spread_init(f, &vouched) : err;
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        struct part part = table->parts[(size_t)i * table->count + k];
        double error = f->c->samples[i].estimate != NULL
                           ? error_ns(f->c, f->c->samples[i].duration_ns, part.cpu_ns)
                           : 0; /* hot also at the lower end */
        if ((double)part.cpu_ns <= error ||
            !is_hot(part.cpu_ns - (uint64_t)error, f->c->samples[i].duration_ns)) {
            continue;
        }
        hp__spread_add(&calls, part.calls);
        hp__spread_add(&wall, part.wall_ns);
        hp__spread_add(&vouched, part.cpu_ns);
        finding.seen++;
        widest = part.wall_ns > most ? i : widest;
        most = part.wall_ns > most ? part.wall_ns : most;
        err = price_function(f, &finding, i, &part);
    }
    uint64_t hot_ns = err == HP_OK ? hp__spread_median(&vouched) : 0;
    if (err != HP_OK || finding.seen == 0 || !is_hot(hot_ns, f->median_ns) || is_told(f, sym, hot_ns)) {
        return err;
    }
    struct hp__spot spot = hp__place_function(&f->views[widest], sym);
    finding.site_sym = spot.sym;
    finding.site_line = spot.line;
    finding.subject_sym = sym;
    err = describe(f, &finding, &calls, &wall);
    return err == HP_OK ? hp__find_offer(f, &finding, false, &kept) : err;
}

hp_err hp__rule_hot_function(struct hp__find *f)
{
    struct table *table = hp_arena_alloc(f->arena, sizeof *table, _Alignof(struct table));
    hp_err err = table != NULL ? make_table(f, table) : HP_ENOMEM;
    for (uint32_t k = 0; err == HP_OK && k < table->count; k++) {
        err = try_function(f, table, k);
    }
    return err;
}
