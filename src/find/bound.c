/* bound.c -- time below library calls of one purpose: importing, compiling expressions, serialising, looking
 * attributes up.
 *
 *     view ── helper ── dumps ── encode ── default (application)      site: helper, at the line that calls dumps
 *                        └──── boundary: all below it counts ────┘
 *
 * The topmost node whose symbol the rule names is the boundary; its time is everything below it in the same
 * lane, application code that the library calls back and collections included, less SQL, waits and what
 * earlier findings explain. It belongs to the nearest application function above, also through a framework
 * (jsonify); with none above, to the view.
 *
 * What the response needs of it (product_ns) is given to the calls nearest to the response first: made by the
 * view or by the framework. Only the spine counts (spine.c): what runs beside it is on the critical path only
 * at times.
 */
#include <string.h>
#include "find/find_int.h"

#define LEAST_SAVED_NS 200000u /* a request; whoever mends less than this wastes time */
#define LEAST_REPEATED 10u     /* calls of a function that runs in a loop */
#define MAX_SITES      64u
#define NONE           UINT32_MAX
#define WORK_BYTES     ((size_t)512 << 20)

struct names { /* of each symbol, asked when a tree has it */
    const struct hp_dict *dict;
    const struct hp__bound_rule *rule;
    uint8_t *known; /* [symbol_count] enum known */
    struct hp_str
        told; /* the package of which orm_overhead tells: reading its objects goes with making them */
};

enum known { NOT_ASKED = 0, OTHER, BOUNDARY, AROUND, USE };

struct request {        /* one sampled request */
    uint32_t *top;      /* [tree->count] boundary above or at the node; NONE */
    uint64_t *ns;       /* [tree->count] time of the boundary, at its top */
    uint64_t *own_ns;   /* likewise: of it application code */
    uint32_t *site_of;  /* [tree->count] index of the site, at tops; NONE */
    uint64_t *alone_ns; /* [tree->count] self of application nodes, library below included; boundaries not */
};

struct bound {
    const struct hp__bound_rule *rule;
    struct names names;
    struct hp_arena *arena; /* dies with the rule's run: trees may be large */
    uint32_t sites[MAX_SITES];
    uint32_t site_count;
    struct request *requests;
    struct hp__bound_part *parts; /* [request × MAX_SITES + site] */
};

bool hp__bound_in(struct hp_str file, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct hp_str name = hp_str_from0(names[i]);
        if (hp_str_starts(file, name) && file.n > name.n &&
            (file.p[name.n] == '/' ||
             hp_str_eq(hp_str_make(file.p + name.n, file.n - name.n), HP_STR(".py")))) {
            return true;
        }
    }
    return false;
}

void hp__bound_take(struct hp__view *view, uint32_t node)
{
    const struct hp_tree *tree = view->sample->tree;
    uint8_t *inside = view->inside;
    memset(inside, 0, tree->count);
    inside[node] = 1;
    for (uint32_t i = node; i < tree->count; i++) {
        const struct hp_node *below = &tree->nodes[i];
        if (i == node || (inside[below->parent] && below->kind != HP_NODE_LANE)) {
            inside[i] = 1;
            view->node_taken[i] = 1;
        }
    }
}

hp_err hp__bound_price(struct hp__find *f, struct hp_finding *finding, uint32_t i, uint64_t ns,
                       uint64_t low_ns, uint64_t high_ns)
{
    struct hp__cut cut = {0}, low = {0}, high = {0};
    const struct hp__view *view = &f->views[i];
    hp_err err = hp__spine_cut(view, f->arena, &cut, ns);
    err = err == HP_OK ? hp__spine_cut(view, f->arena, &low, low_ns) : err;
    err = err == HP_OK ? hp__spine_cut(view, f->arena, &high, high_ns) : err;
    return err == HP_OK ? hp__finding_price(f, finding, i, &cut, &low, &high) : err;
}

static hp_err names_init(struct names *names, const struct hp_dict *dict, const struct hp__bound_rule *rule,
                         struct hp_arena *arena)
{
    *names =
        (struct names){.dict = dict, .rule = rule, .known = hp__zeroed(arena, hp_dict_symbol_count(dict), 1)};
    return names->known != NULL ? HP_OK : HP_ENOMEM;
}

static enum known known_of(const struct names *names, uint32_t id)
{
    if (names->known[id] == NOT_ASKED) {
        struct hp_symbol sym = hp_dict_symbol(names->dict, id);
        bool around = names->rule->is_around != NULL && names->rule->is_around(&sym);
        bool told = names->told.n != 0 && hp_str_eq(hp__build_package(sym.file), names->told);
        bool begins = names->rule->is_boundary(&sym) && !(told && names->rule->callers_too);
        bool uses = names->rule->is_use != NULL && names->rule->is_use(&sym);
        names->known[id] = begins ? BOUNDARY : around ? AROUND : uses ? USE : OTHER;
    }
    return (enum known)names->known[id];
}

static hp_err request_room(const struct hp_tree *tree, struct hp_arena *arena, struct request *request)
{
    request->top = hp__zeroed(arena, tree->count, sizeof *request->top);
    request->ns = hp__zeroed(arena, tree->count, sizeof *request->ns);
    request->own_ns = hp__zeroed(arena, tree->count, sizeof *request->own_ns);
    request->site_of = hp__zeroed(arena, tree->count, sizeof *request->site_of);
    request->alone_ns = hp__zeroed(arena, tree->count, sizeof *request->alone_ns);
    bool fine = request->top != NULL && request->ns != NULL && request->own_ns != NULL &&
                request->site_of != NULL && request->alone_ns != NULL;
    return fine ? HP_OK : HP_ENOMEM;
}

static void take_off(uint64_t *from, uint64_t amount)
{
    *from = *from > amount ? *from - amount : 0;
}

/* SQL and waits that happen below a boundary are not its time. */
static void subtract_outside(const struct hp__view *view, struct request *request)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        uint32_t node = record->stmts[i].node;
        if (node < tree->count && request->top[node] != NONE && !view->node_taken[node]) {
            take_off(&request->ns[request->top[node]], record->stmts[i].exec_ns + record->stmts[i].fetch_ns);
        }
    }
    for (uint32_t i = 0; i < record->wait_count; i++) {
        uint32_t node = record->waits[i].node;
        if (record->waits[i].kind != HP_WAIT_DB && node < tree->count && request->top[node] != NONE &&
            !view->node_taken[node]) {
            take_off(&request->ns[request->top[node]], record->waits[i].ns);
        }
    }
}

/* Whether a call that uses what comes of a boundary belongs to it: one of many, and mostly that. */
static bool is_for_it(const struct hp_node *use, const struct hp_node *below)
{
    return use->calls >= LEAST_REPEATED && use->total <= 2 * below->total;
}

/* Nodes that may begin a boundary: those named by the rule, and those around them that are called at most
 * twice as often. */
static void mark_starts(const struct hp_tree *tree, const struct names *names, uint8_t *starts)
{
    for (uint32_t i = tree->count; i-- > 1;) {
        const struct hp_node *node = &tree->nodes[i];
        enum known known = known_of(names, node->sym);
        const struct hp_node *above = &tree->nodes[node->parent];
        starts[i] = known == BOUNDARY || ((known == AROUND || known == USE) && starts[i]);
        if (starts[i] && above->calls <= 2 * node->calls &&
            (known_of(names, above->sym) != USE || is_for_it(above, node))) {
            starts[node->parent] = 1; /* stays only if it is one of those around */
        }
    }
}

/* A decorator of such a library around the view calls it as well: only what it calls besides is a boundary. */
static void leave_around_view(const struct hp__view *view, uint8_t *starts)
{
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 1; i < tree->count; i++) {
        for (uint32_t at = i; tree->nodes[i].sym == view->view_sym && at != HP_NODE_ROOT;
             at = tree->nodes[at].parent) {
            starts[at] = 0;
        }
    }
}

/* Executions below each node that earlier findings do away with. */
static void count_gone(const struct hp__view *view, uint32_t *below)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        uint32_t node = record->stmts[i].node;
        for (; view->stmt_taken[i] && node < tree->count && node != HP_NODE_ROOT;
             node = tree->nodes[node].parent) {
            below[node]++;
        }
    }
}

/* What is called once for an execution that an earlier finding does away with goes with it: nothing in it
 * begins a boundary. */
static hp_err leave_gone(const struct hp__view *view, struct hp_arena *arena, uint8_t *starts)
{
    const struct hp_tree *tree = view->sample->tree;
    const struct hp_record *record = view->sample->record;
    uint32_t *below = hp__zeroed(arena, tree->count, sizeof *below);
    uint8_t *gone = hp__zeroed(arena, tree->count, 1);
    uint64_t all = 0;
    if (below == NULL || gone == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < record->group_count; i++) {
        all += record->groups[i].count;
    }
    double scale = all > record->stmt_count && record->stmt_count != 0 ? (double)all / record->stmt_count : 1;
    count_gone(view, below);
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        bool per_statement = node->calls >= LEAST_REPEATED && below[i] * scale * 2 >= (double)node->calls;
        gone[i] = per_statement || gone[node->parent];
        starts[i] = gone[i] ? 0 : starts[i];
    }
    return HP_OK;
}

/* What the library of a statement does with its rows and parameters (a driver that parses JSON columns) is
 * the statement's. */
static void leave_builds(const struct hp__view *view, const struct hp_dict *dict, uint8_t *starts)
{
    for (uint32_t i = 0; i < view->sample->record->stmt_count; i++) {
        uint32_t owner = hp__build_owner(view, i);
        if (owner != HP_NODE_NONE) {
            (void)hp__build_of(view, dict, owner, true);
            for (uint32_t k = owner; k < view->sample->tree->count; k++) {
                starts[k] = view->inside[k] ? 0 : starts[k];
            }
        }
    }
}

static void add_node(const struct hp__view *view, const uint8_t *starts, struct request *request, uint32_t i)
{
    const struct hp_tree *tree = view->sample->tree;
    const struct hp_node *node = &tree->nodes[i];
    uint32_t above = request->top[node->parent];
    bool lane = node->kind == HP_NODE_LANE, beside = view->beside[i];
    request->top[i] = lane ? NONE : above != NONE ? above : starts[i] && !beside ? i : NONE;
    if (view->node_taken[i] || beside || lane) {
        return;
    }
    if (request->top[i] != NONE) {
        request->ns[request->top[i]] += node->self;
        request->own_ns[request->top[i]] += view->app[i] && request->top[i] != i ? node->self : 0;
    } else if (view->owner[i] != HP_NODE_NONE) {
        request->alone_ns[view->owner[i]] += node->self;
    }
}

/* What calling a boundary costs whoever calls it moves from the caller's own time to the boundary's. */
static void add_calls(const struct hp__view *view, uint64_t call_ns, struct request *request)
{
    const struct hp_tree *tree = view->sample->tree;
    double each_ns = (double)call_ns * hp__speed_slowness(view->sample);
    for (uint32_t i = 1; call_ns != 0 && i < tree->count; i++) {
        uint32_t caller = view->owner[tree->nodes[i].parent];
        if (request->top[i] != i || request->ns[i] == 0 || caller == HP_NODE_NONE) {
            continue;
        }
        uint64_t ns = (uint64_t)(each_ns * (double)tree->nodes[i].calls), most = request->alone_ns[caller];
        ns = ns < most ? ns : most;
        request->ns[i] += ns;
        request->alone_ns[caller] -= ns;
    }
}

/* One call computes no longer than the thread that served the request had a processor: what is beyond was
 * held up by other programs. */
static void limit_to_cpu(const struct hp__view *view, struct request *request)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t cpu_ns = view->sample->record->req.cpu_ns;
    for (uint32_t i = 1; cpu_ns != HP_ABSENT && view->sample->estimate == NULL && i < tree->count; i++) {
        if (tree->nodes[i].lane == HP_NODE_ROOT && request->ns[i] > cpu_ns) {
            request->ns[i] = cpu_ns;
            request->own_ns[i] = request->own_ns[i] < cpu_ns ? request->own_ns[i] : cpu_ns;
        }
    }
}

static hp_err look_at(const struct hp__view *view, const struct names *names, struct hp_arena *arena,
                      struct request *request)
{
    const struct hp_tree *tree = view->sample->tree;
    hp_err err = request_room(tree, arena, request);
    uint8_t *starts = hp__zeroed(arena, tree->count, 1);
    if (err != HP_OK || starts == NULL) {
        return HP_ENOMEM;
    }
    mark_starts(tree, names, starts);
    leave_around_view(view, starts);
    for (uint32_t i = 1; names->rule->direct && i < tree->count; i++) {
        starts[i] = starts[i] && view->app[tree->nodes[i].parent];
    }
    if (names->rule->callers_too) {
        err = leave_gone(view, arena, starts);
    }
    if (names->rule->not_rows) {
        leave_builds(view, names->dict, starts);
    }
    request->top[HP_NODE_ROOT] = NONE;
    for (uint32_t i = 1; i < tree->count; i++) {
        request->site_of[i] = NONE;
        if (hp_tree_live(tree, i)) {
            add_node(view, starts, request, i);
        } else {
            request->top[i] = NONE;
        }
    }
    subtract_outside(view, request);
    add_calls(view, names->rule->call_ns, request);
    if (!names->rule->reads) {
        limit_to_cpu(view, request);
    }
    return err;
}

hp_err hp__bound_total(const struct hp__view *view, const struct hp_dict *dict,
                       const struct hp__bound_rule *rule, struct hp_arena *arena, uint64_t *ns)
{
    struct request request;
    struct names names;
    uint64_t sum = 0;
    if (view->sample->tree == NULL) {
        *ns = 0;
        return HP_OK;
    }
    hp_err err = names_init(&names, dict, rule, arena);
    err = err == HP_OK ? look_at(view, &names, arena, &request) : err;
    for (uint32_t i = 1; err == HP_OK && i < view->sample->tree->count; i++) {
        sum += request.ns[i];
    }
    if (err == HP_OK) {
        *ns = sum;
    }
    return err;
}

static uint32_t site_index(struct bound *bound, uint32_t sym)
{
    uint32_t k = 0;
    while (k < bound->site_count && bound->sites[k] != sym) {
        k++;
    }
    if (k == bound->site_count) {
        if (k == MAX_SITES) {
            return NONE;
        }
        bound->sites[bound->site_count++] = sym;
    }
    return k;
}

/* Whether the view or the framework made the call: it is near the response. */
static bool is_near(const struct hp__view *view, uint32_t caller)
{
    return caller == HP_NODE_NONE || view->sample->tree->nodes[caller].sym == view->view_sym;
}

static void fill_parts(const struct hp__find *f, struct bound *bound, uint32_t r)
{
    const struct hp__view *view = &f->views[r];
    struct request *request = &bound->requests[r];
    struct hp__bound_part *parts = &bound->parts[(size_t)r * MAX_SITES];
    const struct hp_tree *tree = view->sample->tree;
    uint64_t needed = bound->rule->product_ns != NULL ? bound->rule->product_ns(view) : 0;
    for (int near = 1; near >= 0; near--) {
        for (uint32_t i = 1; i < tree->count; i++) {
            uint32_t line, caller = request->top[i] == i ? hp__view_caller(view, i, &line) : 0;
            if (request->top[i] != i || request->ns[i] == 0 || is_near(view, caller) != (near == 1)) {
                continue;
            }
            uint32_t sym = caller != HP_NODE_NONE ? tree->nodes[caller].sym : view->view_sym;
            uint32_t k = site_index(bound, sym);
            struct hp_symbol own = hp_dict_symbol(f->c->dict, tree->nodes[i].sym);
            bool input = bound->rule->is_input != NULL && bound->rule->is_input(&own);
            uint64_t keeps = request->ns[i] < needed ? request->ns[i] : needed;
            request->site_of[i] = k;
            if (k != NONE) {
                needed -= keeps;
                parts[k].ns += request->ns[i];
                parts[k].input_ns += input ? request->ns[i] : 0;
                parts[k].saved_ns += request->ns[i] - keeps;
                parts[k].own_ns += request->own_ns[i];
                parts[k].calls += tree->nodes[i].calls;
            }
        }
    }
    for (uint32_t i = 1; i < tree->count; i++) {
        for (uint32_t k = 0; k < bound->site_count && request->alone_ns[i] != 0; k++) {
            parts[k].caller_ns += bound->sites[k] == tree->nodes[i].sym ? request->alone_ns[i] : 0;
        }
    }
    for (uint32_t k = 0; bound->rule->caller_goes && k < bound->site_count; k++) {
        uint64_t most = parts[k].saved_ns;
        parts[k].saved_ns += parts[k].caller_ns < most ? parts[k].caller_ns : most;
    }
}

static hp_err make(struct hp__find *f, const struct hp__bound_rule *rule, struct bound *bound)
{
    uint32_t n = f->c->sample_count;
    bound->rule = rule;
    bound->requests = hp__zeroed(bound->arena, n, sizeof *bound->requests);
    bound->parts = hp__zeroed(bound->arena, (size_t)n * MAX_SITES, sizeof *bound->parts);
    if (bound->requests == NULL || bound->parts == NULL) {
        return HP_ENOMEM;
    }
    hp_err err = names_init(&bound->names, f->c->dict, rule, bound->arena);
    for (uint32_t i = 0; i < f->out->count; i++) {
        const struct hp_finding *other = &f->out->list[i];
        if (other->kind == HP_FIND_orm_overhead && other->via_sym != 0) {
            bound->names.told = hp__build_package(hp_dict_symbol(f->c->dict, other->via_sym).file);
        }
    }
    for (uint32_t i = 0; i < n && err == HP_OK; i++) {
        if (f->c->samples[i].tree != NULL) {
            err = look_at(&f->views[i], &bound->names, bound->arena, &bound->requests[i]);
            if (err == HP_OK) {
                fill_parts(f, bound, i);
            }
        }
    }
    return err;
}

static void add_places(const struct hp__find *f, const struct bound *bound, uint32_t site, uint32_t r,
                       struct hp__places *places)
{
    const struct hp__view *view = &f->views[r];
    const struct request *request = &bound->requests[r];
    for (uint32_t i = 1; i < view->sample->tree->count; i++) {
        if (request->site_of[i] == site && request->top[i] == i) {
            uint32_t line = 0;
            if (hp__view_caller(view, i, &line) == HP_NODE_NONE || line == 0) {
                line = hp_dict_symbol(f->c->dict, bound->sites[site]).line;
            }
            hp__places_add(places, bound->sites[site], line, 0, request->ns[i]);
        }
    }
}

/* Many things one by one, each in no time, and not too many of them. */
static bool is_pass(const struct hp__bound_rule *rule, const struct hp__bound_part *part, double slow)
{
    return part->calls >= LEAST_REPEATED && (double)part->ns <= slow * (double)rule->pass_ns &&
           (double)part->ns <= slow * (double)(rule->line_ns * part->calls);
}

static bool shows(const struct hp__view *view, const struct hp__bound_rule *rule,
                  const struct hp__bound_part *part)
{
    return !is_pass(rule, part, hp__speed_slowness(view->sample)) && part->saved_ns != 0 &&
           part->calls >= rule->min_calls &&
           (rule->max_each_ns == 0 || part->ns / part->calls <= rule->max_each_ns) &&
           (!rule->callers_too || part->ns * 3 >= part->caller_ns);
}

static void take(struct hp__find *f, const struct bound *bound, uint32_t site)
{
    for (uint32_t r = 0; r < f->c->sample_count; r++) {
        struct hp__view *view = &f->views[r];
        const struct hp_tree *tree = view->sample->tree;
        for (uint32_t i = 1; tree != NULL && i < tree->count; i++) {
            if (bound->requests[r].site_of[i] == site && bound->requests[r].top[i] == i) {
                hp__bound_take(view, i);
            }
            if (bound->rule->callers_too && tree->nodes[i].sym == bound->sites[site]) {
                view->node_taken[i] = 1;
            }
        }
    }
}

struct medians {
    struct hp__spread ns, own, saved, calls, input;
    uint32_t again; /* requests that are not the first of their process */
};

static hp_err add_request(struct hp__find *f, const struct bound *bound, uint32_t site, uint32_t r,
                          struct hp_finding *finding, struct medians *medians)
{
    const struct hp__bound_part *part = &bound->parts[(size_t)r * MAX_SITES + site];
    medians->again += !f->views[r].first;
    double low = (double)part->saved_ns * bound->rule->low_share;
    hp__spread_add(&medians->ns, part->ns);
    hp__spread_add(&medians->own, part->own_ns);
    hp__spread_add(&medians->saved, part->saved_ns);
    hp__spread_add(&medians->calls, part->calls);
    hp__spread_add(&medians->input, part->input_ns);
    finding->seen++;
    return hp__bound_price(f, finding, r, part->saved_ns, (uint64_t)low, part->ns);
}

/* What the response needs is nobody's fault: no later rule is to tell of it. */
static void take_needed(struct hp__find *f, const struct bound *bound, uint32_t site)
{
    for (uint32_t r = 0; r < f->c->sample_count; r++) {
        struct hp__view *view = &f->views[r];
        const struct hp__bound_part *part = &bound->parts[(size_t)r * MAX_SITES + site];
        for (uint32_t i = 1; part->saved_ns * 2 < part->ns && i < view->sample->tree->count; i++) {
            if (bound->requests[r].site_of[i] == site && bound->requests[r].top[i] == i) {
                hp__bound_take(view, i);
            }
        }
    }
}

/* What the route takes once the findings so far are fixed; at least a fifth of it, as their savings may
 * overlap. */
static double left_ns(const struct hp__find *f)
{
    double all = (double)f->median_ns, left = all;
    for (uint32_t i = 0; i < f->out->count; i++) {
        const struct hp_finding *finding = &f->out->list[i];
        left -= finding->tail || finding->fixed_figures ? 0 : (double)finding->median_ns;
    }
    return left > all / 5 ? left : all / 5;
}

static hp_err try_site(struct hp__find *f, const struct bound *bound, uint32_t site, bool *kept)
{
    struct hp_finding finding;
    struct hp__places places = {.count = 0};
    struct medians medians = {.again = 0};
    hp_err err = hp__finding_init(f, &finding, bound->rule->kind);
    struct hp__spread *spreads[] = {&medians.ns, &medians.own, &medians.saved, &medians.calls,
                                    &medians.input};
    for (size_t i = 0; i < sizeof spreads / sizeof *spreads && err == HP_OK; i++) {
        err = hp__spread_init(f, spreads[i]);
    }
    for (uint32_t r = 0; r < f->c->sample_count && err == HP_OK; r++) {
        if (shows(&f->views[r], bound->rule, &bound->parts[(size_t)r * MAX_SITES + site])) {
            add_places(f, bound, site, r, &places);
            err = add_request(f, bound, site, r, &finding, &medians);
        }
    }
    if (err != HP_OK || finding.seen == 0) {
        return err;
    }
    struct hp__bound_part part = {
        .ns = hp__spread_median(&medians.ns),
        .own_ns = hp__spread_median(&medians.own),
        .saved_ns = hp__spread_median(&medians.saved),
        .input_ns = hp__spread_median(&medians.input),
        .calls = hp__spread_median(&medians.calls),
    };
    if ((double)part.saved_ns < bound->rule->min_share * left_ns(f) || part.saved_ns < LEAST_SAVED_NS ||
        (bound->rule->warms_up && medians.again == 0)) {
        return HP_OK;
    }
    hp__places_choose(&places, &finding);
    bound->rule->describe(f, &finding, &part);
    return hp__find_offer(f, &finding, false, kept);
}

hp_err hp__bound_run(struct hp__find *f, const struct hp__bound_rule *rule)
{
    struct hp_arena arena;
    hp_arena_init(&arena, WORK_BYTES);
    struct bound *bound = hp__zeroed(&arena, 1, sizeof *bound);
    hp_err err = HP_ENOMEM;
    if (bound != NULL) {
        bound->arena = &arena;
        err = make(f, rule, bound);
    }
    for (uint32_t k = 0; err == HP_OK && k < bound->site_count; k++) {
        bool kept = false;
        err = try_site(f, bound, k, &kept);
        if (kept) {
            take(f, bound, k);
        } else if (err == HP_OK) {
            take_needed(f, bound, k);
        }
    }
    hp_arena_fini(&arena);
    return err;
}
