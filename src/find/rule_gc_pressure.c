/* rule_gc_pressure.c -- the garbage collector takes a noticeable part of a request.
 *
 * Principle: collections are set off by allocating objects that refer to others, and each full one looks at
 * all that the process keeps. A request that makes many, or that asks for collections, pays for the whole
 * heap.
 *
 * Evidence: the request's gc_ns (all collections of its threads, from level monitor on), less those that
 * other findings explain, of at least a fifth of it.
 *
 * Silent: below that; in fewer than half of the requests (a full collection now and then is nobody's in
 * particular); in a process's first request alone, which makes what later ones find, unless it is asked for;
 * collections inside what an earlier finding takes out (building objects of an ORM makes the garbage: one
 * cause), or in the function that it tells of.
 *
 * Saving: predicted 90 %, also of a gc.collect() of the application (only full collections, one or two: all
 * of it); low 30 %: fewer collections only move the pauses out of some requests.
 */
#include "base/show.h"
#include "find/find_int.h"

#define MIN_SHARE 0.20
#define SAVES     0.90
#define SAVES_LOW 0.30

struct pauses {
    uint64_t ns, full_ns, collected;
    uint32_t count, full;
};

/* Whether a finding tells of what a function has a library make: a collection that this sets off may run only
 * when the library has returned. */
static bool is_told(const struct hp__find *f, uint32_t sym)
{
    const uint32_t making = 1u << HP_FIND_serialization_hot | 1u << HP_FIND_orm_overhead |
                            1u << HP_FIND_regex_compile | 1u << HP_FIND_import_in_request;
    for (uint32_t i = 0; i < f->out->count; i++) {
        const struct hp_finding *other = &f->out->list[i];
        if ((making >> other->kind & 1) != 0 && other->site_sym == sym) {
            return true;
        }
    }
    return false;
}

/* The application's function that sets a collection off, and the line of its call where it is a library's
 * (else 0); 0: not known. */
static uint32_t maker_of(const struct hp__view *view, const struct hp_gc *gc, uint32_t *line)
{
    const struct hp_tree *tree = view->sample->tree;
    *line = 0;
    if (tree == NULL || gc->node >= tree->count) {
        return 0;
    }
    uint32_t node = view->app[gc->node] ? gc->node : hp__view_caller(view, gc->node, line);
    return node != HP_NODE_NONE ? tree->nodes[node].sym : 0;
}

/* Collections of the request that nothing explains yet. */
static struct pauses pauses_of(const struct hp__find *f, const struct hp__view *view)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    struct pauses p = {0};
    uint64_t gone = 0;
    if (view->gc_taken) {
        return p;
    }
    for (uint32_t i = 0; i < record->notes.count[HP_NOTE_GC]; i++) {
        const struct hp_gc *gc = &record->notes.gcs[i];
        uint64_t ns = gc->t1_ns > gc->t0_ns ? gc->t1_ns - gc->t0_ns : 0;
        bool taken = tree != NULL && gc->node < tree->count && view->node_taken[gc->node];
        uint32_t line, sym = maker_of(view, gc, &line);
        taken = taken || (sym != 0 && is_told(f, sym));
        if (taken || gc->lane != 0) {
            gone += ns;
            continue;
        }
        p.count++;
        p.collected += gc->collected;
        p.full += gc->generation == 2;
        p.full_ns += gc->generation == 2 ? ns : 0;
    }
    uint64_t all = record->req.gc_ns != HP_ABSENT ? record->req.gc_ns : 0;
    p.count += record->req.dropped_notes[HP_NOTE_GC];
    p.ns = all > gone ? all - gone : 0;
    return p;
}

static bool is_asked_for(const struct pauses *p)
{
    return p->full != 0 && p->full <= 2 && p->count <= p->full + 2 && p->full_ns * 10 >= p->ns * 9;
}

/* Where a line sets the collector off: `makers` are the functions, `places` the lines to edit. */
static void add_places(const struct hp__find *f, const struct hp__view *view, struct hp__places *places,
                       struct hp__places *makers)
{
    const struct hp_record *record = view->sample->record;
    uint32_t view_sym = view->view_sym;
    for (uint32_t i = 0; i < record->notes.count[HP_NOTE_GC]; i++) {
        const struct hp_gc *gc = &record->notes.gcs[i];
        uint32_t line, maker = maker_of(view, gc, &line), sym = maker != 0 ? maker : view_sym;
        struct hp__spot spot = {.sym = sym, .line = line};
        if (line == 0 && !hp__place_call_of(f, view, sym, &spot)) {
            spot.line = hp_dict_symbol(f->c->dict, sym).line;
        }
        hp__places_add(places, spot.sym, spot.line, 0, gc->t1_ns - gc->t0_ns);
        hp__places_add(makers, sym, 0, 0, gc->t1_ns - gc->t0_ns);
    }
}

static void describe(struct hp__find *f, struct hp_finding *finding, uint64_t ns, uint64_t count, bool asked)
{
    char time[HP_SHOW_BYTES], times[HP_SHOW_BYTES];
    hp_show_ns(time, ns);
    hp_show_count(times, count);
    finding->title = count > 1 ? hp__textf(f->arena, "garbage collection takes %s in %s runs", time, times)
                               : hp__textf(f->arena, "a garbage collection takes %s", time);
    finding->advice =
        hp__textf(f->arena, asked ? "Do not do it here: the full collection at this place is most likely "
                                    "asked for (gc.collect()); leave it out, the collector runs by itself. "
                                    "Else do it once: gc.freeze() after the application has started takes "
                                    "what it keeps out of every collection."
                                  : "Do not do it here: make fewer objects that live together (stream the "
                                    "items, tuples instead of dicts of lists, columns instead of entities). "
                                    "Do it once: gc.freeze() after the application has started takes what it "
                                    "keeps out of every collection. Do it faster: "
                                    "raise the threshold at start (gc.set_threshold(50_000, 20, 50)), so "
                                    "that a request sets off fewer.");
    hp__finding_number(finding, "gc_ms", (double)ns / 1e6);
    hp__finding_number(finding, "collections", (double)count);
}

static hp_err price(struct hp__find *f, uint32_t i, const struct pauses *p, struct hp_finding *finding)
{
    bool asked = is_asked_for(p);
    double ns = (double)p->ns;
    finding->seen++;
    return hp__bound_price(f, finding, i, (uint64_t)(asked ? ns : ns * SAVES), (uint64_t)(ns * SAVES_LOW),
                           p->ns);
}

/* A function that takes less itself than the collections that it sets off is one cause with them (its own
 * time has the short ones in it). */
static void take_maker(struct hp__view *view, uint32_t sym)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t own = 0, gc_ns = view->sample->record->req.gc_ns;
    for (uint32_t i = 1; tree != NULL && i < tree->count; i++) {
        own += tree->nodes[i].sym == sym ? tree->nodes[i].self : 0;
    }
    for (uint32_t i = 1; tree != NULL && i < tree->count && gc_ns != HP_ABSENT && own < 2 * gc_ns; i++) {
        view->node_taken[i] |= tree->nodes[i].sym == sym;
    }
}

hp_err hp__rule_gc_pressure(struct hp__find *f)
{
    struct hp_finding finding;
    struct hp__places places = {.count = 0}, makers = {.count = 0};
    struct hp__spread ns, count;
    uint32_t asked = 0;
    bool kept = false, again = false;
    hp_err err = hp__finding_init(f, &finding, HP_FIND_gc_pressure);
    err = err == HP_OK ? hp__spread_init(f, &ns) : err;
    err = err == HP_OK ? hp__spread_init(f, &count) : err;
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        struct pauses p = pauses_of(f, &f->views[i]);
        if (p.ns == 0 || (double)p.ns < MIN_SHARE * (double)f->c->samples[i].duration_ns) {
            continue;
        }
        hp__spread_add(&ns, p.ns);
        hp__spread_add(&count, p.count);
        asked += is_asked_for(&p);
        again = again || !f->views[i].first;
        add_places(f, &f->views[i], &places, &makers);
        err = price(f, i, &p, &finding);
    }
    if (err != HP_OK || finding.seen == 0 || (!again && asked == 0)) {
        return err;
    }
    hp__places_choose(&makers, &finding);
    finding.subject_sym = finding.site_sym;
    hp__places_choose(&places, &finding);
    describe(f, &finding, hp__spread_median(&ns), hp__spread_median(&count), asked * 2 > finding.seen);
    err = hp__find_offer(f, &finding, false, &kept);
    for (uint32_t i = 0; kept && i < f->c->sample_count; i++) {
        f->views[i].gc_taken = true;
        take_maker(&f->views[i], finding.subject_sym);
    }
    return err;
}
