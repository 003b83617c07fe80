/* rule_regression.c -- the route became slower with a revision (or between two labels), and one function of
 * the application is where.
 *
 * Principle: compare the same route's requests before and now, thing by thing (functions, statements, waits;
 * moved.c), at the same speed of the machine. What takes longer beyond noise is summed up by the application
 * function that it belongs to; where that one is called more often than before, by the function that calls it
 * more often.
 *
 * Evidence: HP_COMPARE_ENOUGH sampled requests a side; the route's median grew and its 95 % interval says so,
 * and it did in each third of both stretches; what the function's things take more is no noise either (rank
 * sums, false discoveries held at 5 %) and a tenth of the route.
 *
 * Silent: one revision alone; what other findings explain already (they know how it is done otherwise); time
 * in which no processor was free; a machine that is slower as a whole (moved.h: drift), or for a while; work
 * that moved to another function, or to one of another name: what is gone is set against what is new, and all
 * findings together are at most the route's growth.
 *
 * Saving: what it takes more than before, at the speed of now. low and high: the 95 % interval of that.
 */
#include "base/show.h"
#include "find/find_int.h"
#include "find/steady.h"

#define MIN_SHARE                                                                                            \
    0.1 /* of the route before: where code and data lie in memory alone makes a process a tenth slower than  \
           another */
#define MAX_CAUSES  16u
#define MAX_MEMBERS 8u
#define MOST_FRAMES 32u
#define MORE_OFTEN  1.2 /* calls a request, now ÷ before, from which on it is the caller that changed */
#define GONE        0.1 /* of its time before or now from which on a thing is gone, or new */

struct cause { /* an application function */
    uint32_t subject;
    struct hp_finding place;    /* of its largest part: site, line, via */
    const struct hp_moved *top; /* its largest part */
    double before_ns, now_ns, more_ns, low_ns, high_ns;
    uint32_t members[MAX_MEMBERS],
        member_count; /* functions that compute more: the subject, or what it calls more often */
};

struct growth { /* being looked at */
    struct cause causes[MAX_CAUSES];
    uint32_t cause_count;
    double drift, before_ns, route_ns, gone_ns; /* route: its growth at the speed of before */
    uint32_t *stmts, *waits;                    /* room for those of any request */
};

/* ---- whose it is ---- */

/* Time of a function below the application's functions, and by whose line. Returns what other findings left
 * of it, of `*all_ns`. */
static uint64_t add_function(const struct hp__view *view, uint32_t sym, struct hp__places *subjects,
                             struct hp__places *places, uint64_t *all_ns)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t left = 0;
    for (uint32_t i = 1; tree != NULL && i < tree->count; i++) {
        uint32_t owner = view->owner[i];
        if (tree->nodes[i].sym != sym || owner == HP_NODE_NONE) {
            continue;
        }
        uint64_t ns = tree->nodes[i].self;
        uint32_t entry = hp__view_entry_of(view, i), subject = tree->nodes[owner].sym;
        *all_ns += ns;
        left += view->node_taken[i] ? 0 : ns;
        hp__places_add(subjects, subject, 0, 0, ns);
        hp__places_add(places, subject, entry != HP_NODE_NONE ? tree->nodes[entry].line : 0, 0, ns);
    }
    return left;
}

static uint64_t add_statement(const struct hp__find *f, const struct hp__view *view, uint32_t statement,
                              uint32_t *at, struct hp__places *subjects, struct hp__places *places,
                              uint64_t *all_ns)
{
    const struct hp_record *record = view->sample->record;
    uint32_t n = hp__group_pick(view, (struct hp__key){statement, HP__ANY_SITE}, at);
    uint64_t left = 0;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        *all_ns += record->stmts[i].statement == statement ? hp__view_cost_ns(view, i) : 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t ns = hp__view_cost_ns(view, at[i]);
        hp__places_add(subjects, record->stmts[at[i]].site_sym, 0, 0, ns);
        left += ns;
    }
    hp__place_stmts(f, view, at, n, places, NULL);
    return left;
}

static uint64_t add_wait(const struct hp__view *view, const struct hp_moved *moved, uint32_t *at,
                         struct hp__places *subjects, struct hp__places *places, uint64_t *all_ns)
{
    uint32_t n = hp__waits_pick(view, 1u << moved->wait, moved->sym, at);
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct hp__wait_item *item = &view->items[i];
        *all_ns += item->span.site_sym == moved->sym && item->span.kind == moved->wait ? item->ns : 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct hp_span *span = &view->items[at[i]].span;
        hp__places_add(places, span->site_sym, span->site_line, span->via_sym, view->items[at[i]].ns);
    }
    uint64_t left = hp__waits_ns(view, at, n);
    hp__places_add(subjects, moved->sym, 0, 0, left);
    return left;
}

/* The function and the line of a thing; false: nobody's, or another finding has most of it. */
static bool find_place(const struct hp__find *f, const struct growth *growth, const struct hp_moved *moved,
                       uint32_t *subject, struct hp_finding *place)
{
    struct hp__places subjects = {.count = 0}, places = {.count = 0};
    uint64_t all_ns = 0, left_ns = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp__view *view = &f->views[i];
        switch (moved->kind) {
        case HP_MOVED_FUNCTION:
            left_ns += add_function(view, moved->sym, &subjects, &places, &all_ns);
            break;
        case HP_MOVED_STATEMENT:
            left_ns += add_statement(f, view, moved->statement, growth->stmts, &subjects, &places, &all_ns);
            break;
        default:
            left_ns += add_wait(view, moved, growth->waits, &subjects, &places, &all_ns);
        }
    }
    if (left_ns == 0 || left_ns * 2 < all_ns) {
        return false;
    }
    hp__places_choose(&subjects, place);
    *subject = place->site_sym;
    hp__places_choose(&places, place);
    return *subject != 0;
}

/* Calls of a function in a request, on average; 0: none, or trees without calls. */
static double calls_of(const struct hp_case *c, uint32_t sym)
{
    uint64_t calls = 0, trees = 0;
    for (uint32_t i = 0; i < c->sample_count; i++) {
        const struct hp_tree *tree = c->samples[i].tree;
        trees += tree != NULL;
        for (uint32_t k = 1; tree != NULL && k < tree->count; k++) {
            calls += tree->nodes[k].sym == sym ? tree->nodes[k].calls : 0;
        }
    }
    return trees != 0 ? (double)calls / (double)trees : 0;
}

/* The costliest call of a function by another of the application, in any request. False: the framework calls
 * it. */
static bool find_call(const struct hp__find *f, uint32_t sym, struct hp__spot *spot)
{
    uint64_t most_ns = 0;
    bool found = false;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        struct hp__spot here;
        uint64_t ns = f->c->samples[i].duration_ns;
        if (ns >= most_ns && hp__place_call_of(f, &f->views[i], sym, &here)) {
            *spot = here;
            most_ns = ns;
            found = true;
        }
    }
    return found;
}

/* Whose change it is: a function that is called more often than before has not changed by that, the one that
 * calls it more often has. What is new is the change of the function that it was written for, if that is new
 * too. */
static uint32_t find_origin(const struct hp__find *f, uint32_t subject, struct hp_finding *place)
{
    for (uint32_t i = 0; i < MOST_FRAMES; i++) {
        struct hp__spot spot;
        double before = calls_of(f->c->before, subject);
        bool is_new = before <= 0;
        if ((!is_new && calls_of(f->c, subject) < MORE_OFTEN * before) || !find_call(f, subject, &spot) ||
            (is_new && calls_of(f->c->before, spot.sym) > 0)) {
            break;
        }
        subject = spot.sym;
        place->site_sym = spot.sym;
        place->site_line = spot.line;
        place->via_sym = spot.via;
    }
    return subject;
}

static void add_member(struct cause *cause, uint32_t sym)
{
    for (uint32_t i = 0; i < cause->member_count; i++) {
        if (cause->members[i] == sym) {
            return;
        }
    }
    if (cause->member_count < MAX_MEMBERS) {
        cause->members[cause->member_count++] = sym;
    }
}

static bool is_member(const struct cause *cause, uint32_t sym)
{
    bool found = false;
    for (uint32_t i = 0; i < cause->member_count && !found; i++) {
        found = cause->members[i] == sym;
    }
    return found;
}

static void add_thing(const struct hp__find *f, struct growth *growth, const struct hp_moved *moved)
{
    struct hp_finding place = {.kind = HP_FIND_regression};
    uint32_t own, k = 0;
    if (!find_place(f, growth, moved, &own, &place)) {
        return;
    }
    uint32_t subject = find_origin(f, own, &place);
    while (k < growth->cause_count && growth->causes[k].subject != subject) {
        k++;
    }
    if (k == MAX_CAUSES) {
        return;
    }
    struct cause *cause = &growth->causes[k];
    if (k == growth->cause_count) { /* things come by size: this is its largest */
        growth->cause_count++;
        *cause = (struct cause){.subject = subject, .place = place, .top = moved};
    }
    if (moved->kind == HP_MOVED_FUNCTION) {
        add_member(cause, own);
    }
    cause->before_ns += moved->test.before_ns;
    cause->now_ns += moved->test.after_ns;
    cause->more_ns += moved->test.difference.value;
    cause->low_ns += moved->test.difference.low;
    cause->high_ns += moved->test.difference.high;
}

/* ---- how much of it is growth ---- */

/* Growth of the route's median that is its own. `*grown`: beyond noise, and throughout both stretches. */
static hp_err has_grown(struct hp__find *f, struct growth *growth, struct hp_arena *arena, bool *grown)
{
    struct hp_steady steady;
    hp_err err =
        hp_steady_compare(f->c->before, f->c, growth->drift > 1 ? growth->drift : 1, 0.5, arena, &steady);
    if (err == HP_OK) {
        growth->route_ns = steady.own.value;
        growth->before_ns = steady.before_ns;
        *grown = steady.throughout && steady.own.value >= MIN_SHARE * steady.before_ns;
    }
    return err;
}

/* What is left of a cause once what is gone is set against what is new, and all against the route's
 * growth. */
static double limit(struct growth *growth, const struct cause *cause)
{
    double more = cause->more_ns;
    if (cause->before_ns <= GONE * cause->now_ns) {
        double moved_here = growth->gone_ns < more ? growth->gone_ns : more;
        growth->gone_ns -= moved_here;
        more -= moved_here;
    }
    more = more < growth->route_ns ? more : growth->route_ns;
    growth->route_ns -= more;
    return more;
}

/* ---- the finding ---- */

static void describe(struct hp__find *f, struct hp_finding *finding, const struct cause *cause, double more)
{
    const struct hp_moved *top = cause->top;
    bool of_function = top->kind == HP_MOVED_FUNCTION;
    uint32_t id = top->kind == HP_MOVED_STATEMENT ? top->statement : of_function ? cause->subject : top->wait;
    struct hp_str name = hp__finding_part(f, top->kind, id), since = f->c->before_name;
    struct hp_str file = hp_dict_symbol(f->c->dict, cause->subject).file;
    char time[HP_SHOW_BYTES], was[HP_SHOW_BYTES];
    hp_show_ns(time, (uint64_t)more);
    hp_show_ns(was, (uint64_t)cause->before_ns);
    finding->title = hp__textf(f->arena, "%.*s takes %s more than in %.*s", (int)name.n, name.p, time,
                               (int)since.n, since.p);
    finding->advice = hp__textf(f->arena,
                                "It took %s in %.*s. Look at what changed in %.*s since then, and in what it "
                                "calls. Do not do it here: if the "
                                "new work is not for this response, load it on demand or do it in a "
                                "background job. Do it once: keep the "
                                "result while its inputs stay the same. Do it faster: do it the way it was "
                                "done before, or with the same "
                                "cost. `hotplate compare` of both shows all that moved.",
                                was, (int)since.n, since.p, (int)file.n, file.p);
    hp__finding_text(finding, "since", since);
    hp__finding_text(finding, "part", hp_str_from0(hp_moved_kind_name(top->kind)));
    hp__finding_number(finding, "before_ms", cause->before_ns / 1e6);
    hp__finding_number(finding, "now_ms", cause->now_ns / 1e6);
}

/* Leave nothing of it to rules that would tell of it without knowing that it is new. */
static hp_err take(struct hp__find *f, const struct cause *cause, uint32_t *waits)
{
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        struct hp__view *view = &f->views[i];
        const struct hp_tree *tree = view->sample->tree;
        const struct hp_record *record = view->sample->record;
        for (uint32_t k = 0; k < record->stmt_count; k++) {
            if (record->stmts[k].site_sym == cause->subject && hp__view_free_stmt(view, k)) {
                hp__view_take_stmt(view, k);
            }
        }
        for (uint32_t k = 1; tree != NULL && k < tree->count; k++) {
            if (view->owner[k] == k && is_member(cause, tree->nodes[k].sym)) {
                hp__view_take_node(view, k);
            }
        }
        uint32_t n = hp__waits_pick(view, (1u << HP_WAIT_KINDS) - 1, cause->subject, waits);
        err = hp__waits_take(view, waits, n, f->arena);
    }
    return err;
}

static bool shows(const struct hp_sample *sample, uint32_t subject)
{
    const struct hp_record *record = sample->record;
    bool found = false;
    for (uint32_t i = 1; sample->tree != NULL && i < sample->tree->count && !found; i++) {
        found = sample->tree->nodes[i].sym == subject;
    }
    for (uint32_t i = 0; i < record->stmt_count && !found; i++) {
        found = record->stmts[i].site_sym == subject;
    }
    for (uint32_t i = 0; i < record->wait_count && !found; i++) {
        found = record->waits[i].site_sym == subject;
    }
    return found;
}

/* The line of a function that computes more by itself: as seen in its longest request. */
static void place_function(const struct hp__find *f, const struct cause *cause, struct hp_finding *finding)
{
    const struct hp__view *longest = NULL;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_sample *sample = f->views[i].sample;
        if (sample->tree != NULL && shows(sample, cause->subject) &&
            (longest == NULL || sample->duration_ns > longest->sample->duration_ns)) {
            longest = &f->views[i];
        }
    }
    if (longest != NULL) {
        struct hp__spot spot = hp__place_function(f, longest, cause->subject);
        finding->site_sym = spot.sym;
        finding->site_line = spot.line;
    }
}

static hp_err try_cause(struct hp__find *f, struct growth *growth, const struct cause *cause)
{
    struct hp_finding finding;
    double more = limit(growth, cause);
    bool kept = false;
    if (more <= 0 || more < MIN_SHARE * growth->before_ns) {
        return HP_OK;
    }
    more *= growth->drift;
    double low = cause->low_ns * growth->drift, high = cause->high_ns * growth->drift;
    low = low < more ? low : more;
    hp_err err = hp__finding_init(f, &finding, HP_FIND_regression);
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        if (shows(&f->c->samples[i], cause->subject)) {
            finding.seen++;
            err = hp__bound_price(f, &finding, i, (uint64_t)more, (uint64_t)low,
                                  (uint64_t)(high > more ? high : more));
        }
    }
    if (err != HP_OK) {
        return err;
    }
    finding.site_sym = cause->place.site_sym;
    finding.site_line = cause->place.site_line;
    finding.via_sym = cause->place.via_sym;
    finding.subject_sym = cause->subject;
    finding.statement = cause->top->kind == HP_MOVED_STATEMENT ? cause->top->statement : 0;
    if (finding.site_line == 0) {
        place_function(f, cause, &finding);
    }
    describe(f, &finding, cause, more);
    err = hp__find_offer(f, &finding, false, &kept);
    /* What it took before is no regression: if that is most of it, other rules may look at it too. */
    return err == HP_OK && kept && more * 2 >= cause->now_ns ? take(f, cause, growth->waits) : err;
}

static hp_err run(struct hp__find *f, struct growth *growth, struct hp_arena *arena)
{
    struct hp_moved *list;
    uint32_t count;
    bool enough, grown = false;
    hp_err err = hp_moved_find(f->c->before, f->c, arena, &list, &count, &enough, &growth->drift);
    err = err == HP_OK && enough ? has_grown(f, growth, arena, &grown) : err;
    if (err != HP_OK || !grown) {
        return err;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct hp_moved_test *test = &list[i].test;
        if (test->difference.low > 0) {
            add_thing(f, growth, &list[i]);
        } else if (test->after_ns <= GONE * test->before_ns) {
            growth->gone_ns -= test->difference.value;
        }
    }
    for (uint32_t k = 0; k < growth->cause_count && err == HP_OK; k++) {
        err = try_cause(f, growth, &growth->causes[k]);
    }
    return err;
}

hp_err hp__rule_regression(struct hp__find *f)
{
    struct hp_arena arena;
    if (f->c->before == NULL) {
        return HP_OK;
    }
    struct growth growth = {.stmts = hp__group_room(f), .waits = hp__waits_room(f)};
    if (growth.stmts == NULL || growth.waits == NULL) {
        return HP_ENOMEM;
    }
    hp_arena_init(&arena, (size_t)64 << 20);
    hp_err err = run(f, &growth, &arena);
    hp_arena_fini(&arena);
    return err;
}
