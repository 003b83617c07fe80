/* change.c -- load both stretches and compare them; see change.h. */
#include "answer/change.h"

#include <stdlib.h>
#include <string.h>
#include "answer/keeps.h"
#include "answer/machine.h"
#include "answer/sampled.h"
#include "base/mem.h"
#include "find/own.h"
#include "find/steady.h"

#define MOST_ROUTES    30u
#define FEW_REQUESTS   60u /* sampled a side, at least … */
#define MOST_REQUESTS  HP_SAMPLED_MOST
#define IN_ALL         1000.0 /* … shared out by total time */
#define LEVEL          0.95
#define FIXED_SHARE    0.5 /* measured of predicted from which on it is fixed */
#define MIN_SAMPLES    3u
#define MIN_FOR_MEMORY 12u /* as many as the rule wants */
#define BEHIND_SHARE   0.5 /* own time before ÷ after from which on a finding is no new cost */

struct durations {
    uint64_t *list;
    size_t count, capacity;
    uint64_t failed, sum_ns;
    hp_err err;
};

static bool add_duration(void *ctx, uint64_t start_wall_ns, uint64_t duration_ns, uint32_t flags,
                         uint16_t status)
{
    struct durations *d = ctx;
    (void)start_wall_ns;
    if (d->count == d->capacity) {
        size_t capacity = d->capacity == 0 ? 256 : d->capacity * 2;
        uint64_t *list = hp_realloc(d->list, capacity * sizeof *list);
        if (list == NULL) {
            d->err = HP_ENOMEM;
            return false;
        }
        d->list = list;
        d->capacity = capacity;
    }
    d->list[d->count++] = duration_ns;
    d->sum_ns += duration_ns;
    d->failed += status >= 500 || (flags & HP_REQ_EXCEPTION);
    return true;
}

struct pair { /* a route's rows on both sides; requests 0: not there */
    struct hp_route_row before, after;
    uint32_t route;
};

struct pairs {
    struct pair *list;
    uint32_t count, capacity;
    bool is_after;
    struct hp_arena *arena;
    hp_err err;
    struct hp_sites sites;
    struct hp_machine machine;
};

static struct pair *pair_of(struct pairs *pairs, uint32_t route)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (pairs->list[i].route == route) {
            return &pairs->list[i];
        }
    }
    if (pairs->count == pairs->capacity) {
        uint32_t capacity = pairs->capacity == 0 ? 64 : pairs->capacity * 2;
        struct pair *list = hp_arena_alloc(pairs->arena, capacity * sizeof *list, _Alignof(struct pair));
        if (list == NULL) {
            return NULL;
        }
        if (pairs->count != 0) {
            memcpy(list, pairs->list, pairs->count * sizeof *list);
        }
        pairs->list = list;
        pairs->capacity = capacity;
    }
    struct pair *pair = &pairs->list[pairs->count++];
    memset(pair, 0, sizeof *pair);
    pair->route = route;
    return pair;
}

static bool add_row(void *ctx, const struct hp_route_row *row)
{
    struct pairs *pairs = ctx;
    struct pair *pair = pair_of(pairs, row->route);
    if (pair == NULL) {
        pairs->err = HP_ENOMEM;
        return false;
    }
    if (pairs->is_after) {
        pair->after = *row;
    } else {
        pair->before = *row;
    }
    return true;
}

static int by_total(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    uint64_t xs = x->before.total_ns + x->after.total_ns, ys = y->before.total_ns + y->after.total_ns;
    if (xs != ys) {
        return xs < ys ? 1 : -1;
    }
    return (x->route > y->route) - (x->route < y->route);
}

static struct hp_compare_side side_of(struct durations *d)
{
    hp_compare_sort(d->list, d->count);
    return (struct hp_compare_side){d->list, d->count};
}

static double per_request(uint64_t total, uint64_t requests)
{
    return requests != 0 ? (double)total / (double)requests : 0;
}

static const double quantiles[] = {0.5, 0.9, 0.95, 0.99}; /* HP_GATE_P50 … */

static void fill_route(struct hp_change_route *route, const struct pair *pair, struct durations *before,
                       struct durations *after)
{
    struct hp_compare_side old = side_of(before), new = side_of(after);
    route->requests_before = pair->before.requests;
    route->requests_after = pair->after.requests;
    route->before_ns = hp_compare_quantile(old, 0.5);
    route->after_ns = hp_compare_quantile(new, 0.5);
    route->enough = old.n >= HP_COMPARE_ENOUGH && new.n >= HP_COMPARE_ENOUGH;
    for (int i = 0; i < 4; i++) {
        struct hp_interval d = hp_compare_difference(old, new, quantiles[i], LEVEL, route->route + 17u);
        bool changed = hp_compare_changed(old, new, d);
        route->gate.values[HP_GATE_P50 + i] = (struct hp_gate_value){
            hp_compare_quantile(old, quantiles[i]), hp_compare_quantile(new, quantiles[i]), changed};
        if (i == 0) {
            route->difference = d;
            route->changed = changed;
        }
    }
    bool both = old.n != 0 && new.n != 0;
    route->gate.name = route->name;
    route->gate.values[HP_GATE_MEAN] = (struct hp_gate_value){
        per_request(before->sum_ns, old.n), per_request(after->sum_ns, new.n), route->changed};
    route->gate.values[HP_GATE_SQL] =
        (struct hp_gate_value){per_request(pair->before.statements, pair->before.requests),
                               per_request(pair->after.statements, pair->after.requests), both};
    route->gate.values[HP_GATE_ERRORS] = (struct hp_gate_value){
        per_request(before->failed, old.n), per_request(after->failed, new.n), route->enough};
}

static hp_err load_route(struct hp_store *store, const struct hp_change_options *options,
                         const struct pair *pair, struct hp_arena *arena, struct hp_change_route *route,
                         struct hp_errinfo *info)
{
    struct durations before = {0}, after = {0};
    route->route = pair->route;
    route->name = hp_sampled_route_name(hp_store_dict(store), pair->route, arena);
    hp_err err = hp_store_durations(store, &options->before, pair->route, add_duration, &before, info);
    if (err == HP_OK) {
        err = hp_store_durations(store, &options->after, pair->route, add_duration, &after, info);
    }
    if (err == HP_OK && (before.err != HP_OK || after.err != HP_OK)) {
        err = hp_err_set(info, HP_ENOMEM, 0, "out of memory while comparing");
    }
    if (err == HP_OK) {
        fill_route(route, pair, &before, &after);
    }
    hp_free(before.list);
    hp_free(after.list);
    return err;
}

struct both { /* one route, both sides: sampled requests and what the rules found */
    struct hp_sampled before, after;
    struct hp_find_result found_before, found_after;
    uint64_t *own_before, *own_after;
};

static const struct hp_finding *find_id(const struct hp_find_result *result, uint64_t id)
{
    for (uint32_t i = 0; i < result->findings.count; i++) {
        if (result->findings.list[i].id == id) {
            return &result->findings.list[i];
        }
    }
    return NULL;
}

/* Own times of the finding's cause on both sides, each sorted. */
static hp_err measure(const struct both *both, const struct hp_finding *finding, struct hp_arena *arena,
                      struct hp_compare_side *before, struct hp_compare_side *after)
{
    struct hp_own_key key;
    hp_err err = hp_own_describe(&both->before.c, finding, arena, &key);
    if (err == HP_OK) {
        err = hp_own_measure(&both->before.c, &key, false, both->own_before);
    }
    if (err == HP_OK) {
        err = hp_own_measure(&both->after.c, &key, true, both->own_after);
    }
    if (err == HP_OK) {
        hp_compare_sort(both->own_before, both->before.c.sample_count);
        hp_compare_sort(both->own_after, both->after.c.sample_count);
        *before = (struct hp_compare_side){both->own_before, both->before.c.sample_count};
        *after = (struct hp_compare_side){both->own_after, both->after.c.sample_count};
    }
    return err;
}

static uint8_t state_of_old(const struct hp_change_finding *finding, bool still_found, bool enough)
{
    double predicted = (double)finding->finding.median_ns;
    if (finding->finding.saving_bytes != 0) { /* not a matter of time */
        return !still_found && enough ? HP_STATE_FIXED : HP_STATE_OPEN;
    }
    bool saved = finding->has_measured && finding->measured.value >= FIXED_SHARE * predicted &&
                 finding->measured.low > 0;
    return !still_found && enough && saved ? HP_STATE_FIXED : HP_STATE_OPEN;
}

/* What the ledger shows of it: as predicted before the repair, and what the repair saved. */
static void note_facts(const struct hp_change *change, const struct hp_change_finding *finding,
                       struct hp_finding_state *kept)
{
    kept->kind = hp_str_from0(hp_find_kind_name(finding->finding.kind));
    kept->route = change->routes[finding->route].name;
    kept->file = finding->file;
    kept->line = finding->line;
    kept->function = finding->function;
    kept->title = finding->finding.title;
    kept->predicted_ns = finding->finding.median_ns;
    if (finding->has_measured) { /* else what an earlier comparison measured stays */
        kept->has_measured = true;
        kept->measured_ns = (int64_t)finding->measured.value;
        kept->low_ns = (int64_t)finding->measured.low;
        kept->high_ns = (int64_t)finding->measured.high;
    }
    if (finding->state == HP_STATE_FIXED) {
        kept->fixed_ns = change->options.now_ns;
    }
}

static hp_err keep_state(struct hp_store *store, const struct hp_change *change,
                         struct hp_change_finding *finding, bool only_after, struct hp_errinfo *info)
{
    const struct hp_change_options *options = &change->options;
    struct hp_finding_state kept;
    hp_err err = hp_store_get_finding(store, finding->finding.id, &kept, info);
    if (err != HP_OK && err != HP_ENOTFOUND) {
        return err;
    }
    if (err == HP_ENOTFOUND) {
        kept = (struct hp_finding_state){.id = finding->finding.id, .first_ns = options->now_ns};
    } else if (only_after && finding->state != HP_STATE_OPEN &&
               (kept.state == HP_STATE_FIXED || kept.state == HP_STATE_RETURNED)) {
        finding->state = HP_STATE_RETURNED;
    }
    kept.state = finding->state;
    kept.last_ns = options->now_ns;
    note_facts(change, finding, &kept);
    if (options->keep_states) {
        struct hp_errinfo ignored;
        (void)!hp_store_set_finding(
            store, &kept, &ignored); /* a comparison of a store that cannot be written is still one */
    }
    return HP_OK;
}

static void place(const struct both *both, const struct hp_finding *from, uint32_t route,
                  struct hp_change_finding *finding)
{
    struct hp_symbol site = hp_dict_symbol(both->before.c.dict, from->site_sym);
    memset(finding, 0, sizeof *finding);
    finding->finding = *from;
    finding->route = route;
    finding->file = site.file;
    finding->function = site.name;
    finding->line = from->site_line;
}

/* The status that more than half of the sampled requests have; 0: none. */
static uint16_t usual_status(const struct hp_case *c)
{
    uint16_t status = 0;
    uint32_t lead = 0, count = 0;
    for (uint32_t i = 0; i < c->sample_count; i++) {
        uint16_t own = c->samples[i].record->req.status;
        status = lead == 0 ? own : status;
        lead = own == status ? lead + 1 : lead - 1;
    }
    for (uint32_t i = 0; i < c->sample_count; i++) {
        count += c->samples[i].record->req.status == status;
    }
    return count * 2 > c->sample_count ? status : 0;
}

static hp_err add_old(struct hp_store *store, struct hp_arena *arena, struct hp_change *change,
                      uint32_t route, const struct both *both, struct hp_errinfo *info)
{
    uint32_t fewest = both->before.c.sample_count < both->after.c.sample_count ? both->before.c.sample_count
                                                                               : both->after.c.sample_count;
    for (uint32_t i = 0; i < both->found_before.findings.count; i++) {
        struct hp_change_finding *finding = &change->findings[change->finding_count];
        struct hp_compare_side before, after;
        place(both, &both->found_before.findings.list[i], route, finding);
        hp_err err = measure(both, &finding->finding, arena, &before, &after);
        if (err != HP_OK) {
            return hp_err_set(info, err, 0, "out of memory while measuring");
        }
        finding->has_measured = fewest != 0;
        /* saved = before − after: what the second side has more than the first. */
        finding->measured = hp_compare_difference(after, before, finding->finding.tail ? 0.95 : 0.5, LEVEL,
                                                  finding->finding.id);
        finding->state =
            state_of_old(finding, find_id(&both->found_after, finding->finding.id) != NULL,
                         !hp_change_other_answers(&change->routes[route]) &&
                             fewest >= (finding->finding.saving_bytes != 0 ? MIN_FOR_MEMORY : MIN_SAMPLES));
        err = keep_state(store, change, finding, false, info);
        if (err != HP_OK) {
            return err;
        }
        change->finding_count++;
    }
    return HP_OK;
}

static hp_err add_new(struct hp_store *store, struct hp_arena *arena, struct hp_change *change,
                      uint32_t route, const struct both *both, struct hp_errinfo *info)
{
    for (uint32_t i = 0; i < both->found_after.findings.count; i++) {
        const struct hp_finding *from = &both->found_after.findings.list[i];
        if (find_id(&both->found_before, from->id) != NULL) {
            continue;
        }
        struct hp_change_finding *finding = &change->findings[change->finding_count];
        struct hp_compare_side before, after;
        place(both, from, route, finding);
        hp_err err = measure(both, from, arena, &before, &after);
        if (err != HP_OK) {
            return hp_err_set(info, err, 0, "out of memory while measuring");
        }
        double old = hp_compare_quantile(before, 0.5), new = hp_compare_quantile(after, 0.5);
        finding->behind = old > 0 && old >= BEHIND_SHARE * new;
        finding->state = finding->behind ? HP_STATE_OPEN : HP_STATE_NEW;
        err = keep_state(store, change, finding, true, info);
        if (err != HP_OK) {
            return err;
        }
        change->new_count += finding->state != HP_STATE_OPEN;
        change->finding_count++;
    }
    return HP_OK;
}

static hp_err room_for(struct hp_change *change, uint32_t more, struct hp_arena *arena)
{
    struct hp_change_finding *list = hp_arena_alloc(arena, (change->finding_count + more) * sizeof *list + 1,
                                                    _Alignof(struct hp_change_finding));
    if (list == NULL) {
        return HP_ENOMEM;
    }
    if (change->finding_count != 0) {
        memcpy(list, change->findings, change->finding_count * sizeof *list);
    }
    change->findings = list;
    return HP_OK;
}

/* How many requests of each side to look into. */
static uint32_t due_requests(const struct hp_change_options *options, const struct pair *pair,
                             const uint64_t recorded_ns[2])
{
    double all = (double)(recorded_ns[0] + recorded_ns[1]);
    double share = all > 0 ? (double)(pair->before.total_ns + pair->after.total_ns) / all : 1;
    uint32_t due = (uint32_t)(IN_ALL / 2 * share), most = options->most_requests;
    most = most != 0 && most < MOST_REQUESTS ? most : MOST_REQUESTS;
    due = due > FEW_REQUESTS ? due : FEW_REQUESTS;
    return due < most ? due : most;
}

static void place_moved(const struct hp_dict *dict, const struct hp_moved *from,
                        struct hp_change_moved *moved)
{
    struct hp_symbol sym = hp_dict_symbol(dict, from->sym);
    *moved = (struct hp_change_moved){.moved = *from};
    if (from->kind == HP_MOVED_STATEMENT) {
        moved->statement = hp_dict_statement(dict, from->statement).text;
        return;
    }
    moved->file = sym.file;
    moved->function = sym.name;
    moved->line = sym.line;
    moved->application = (sym.flags & HP_SYM_APP) != 0;
}

static hp_err add_moved(const struct both *both, struct hp_arena *arena, struct hp_change_route *route)
{
    struct hp_moved *list;
    uint32_t count;
    hp_err err = hp_moved_find(&both->before.c, &both->after.c, arena, &list, &count, &route->moved_enough,
                               &route->drift);
    route->moved = err == HP_OK ? hp_arena_alloc(arena, count * sizeof *route->moved + 1,
                                                 _Alignof(struct hp_change_moved))
                                : NULL;
    if (err != HP_OK || route->moved == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        place_moved(both->before.c.dict, &list[i], &route->moved[i]);
    }
    route->moved_count = count;
    return HP_OK;
}

/* Of what changed: what was the machine's is no change of the route. */
static hp_err leave_out_machine(const struct both *both, struct hp_arena *scratch,
                                struct hp_change_route *route)
{
    hp_err err = HP_OK;
    for (int i = 0; i < 4 && err == HP_OK && route->moved_enough; i++) {
        struct hp_gate_value *value = &route->gate.values[HP_GATE_P50 + i];
        struct hp_steady steady;
        err =
            hp_steady_compare(&both->before.c, &both->after.c, route->drift, quantiles[i], scratch, &steady);
        if (err != HP_OK || !value->changed || !hp_steady_is_machine(&steady)) {
            continue;
        }
        value->changed = false;
        if (i == 0) {
            route->changed = route->gate.values[HP_GATE_MEAN].changed = false;
            route->machine = true;
        }
    }
    return err;
}

static hp_err find_causes(struct hp_store *store, const struct hp_scope *scope, const struct hp_case *c,
                          struct hp_arena *arena, struct hp_find_result *found, struct hp_errinfo *info)
{
    hp_err err = hp_find_run(c, arena, found);
    return err == HP_OK ? hp_keeps_settle(store, scope, c, &found->findings, info)
                        : hp_err_set(info, err, 0, "out of memory while looking for causes");
}

static hp_err look_into(struct hp_store *store, struct hp_arena *arena, struct hp_arena *scratch,
                        struct hp_change *change, const struct pairs *pairs, uint32_t route,
                        const uint64_t recorded_ns[2], struct hp_errinfo *info)
{
    const struct hp_change_options *options = &change->options;
    const struct pair *pair = &pairs->list[route];
    uint32_t most = due_requests(options, pair, recorded_ns);
    struct both both;
    struct hp_route_row old = pair->before, new = pair->after;
    memset(&both, 0, sizeof both);
    hp_arena_reset(scratch);
    old.route = new.route = pair->route;
    hp_err err =
        hp_sampled_load(&both.before, store, &options->before, &old, recorded_ns[0], most, scratch, info);
    if (err == HP_OK) {
        err = hp_sampled_load(&both.after, store, &options->after, &new, recorded_ns[1], most, scratch, info);
    }
    if (err != HP_OK) {
        goto done;
    }
    both.before.c.sites = both.after.c.sites = &pairs->sites;
    both.after.c.others_drift = hp_machine_others(&pairs->machine, pair->route);
    both.own_before = hp_arena_alloc(scratch, most * sizeof(uint64_t) + 1, _Alignof(uint64_t));
    both.own_after = hp_arena_alloc(scratch, most * sizeof(uint64_t) + 1, _Alignof(uint64_t));
    err = both.own_before != NULL && both.own_after != NULL ? HP_OK : HP_ENOMEM;
    if (err != HP_OK) {
        err = hp_err_set(info, err, 0, "out of memory while comparing");
        goto done;
    }
    err = find_causes(store, &options->before, &both.before.c, arena, &both.found_before, info);
    if (err == HP_OK) {
        err = find_causes(store, &options->after, &both.after.c, arena, &both.found_after, info);
    }
    if (err != HP_OK) {
        goto done;
    }
    change->routes[route].status_before = usual_status(&both.before.c);
    change->routes[route].status_after = usual_status(&both.after.c);
    err = add_moved(&both, arena, &change->routes[route]);
    if (err == HP_OK) {
        err = leave_out_machine(&both, scratch, &change->routes[route]);
    }
    if (err == HP_OK) {
        err = room_for(change, both.found_before.findings.count + both.found_after.findings.count, arena);
    }
    if (err != HP_OK) {
        err = hp_err_set(info, err, 0, "out of memory while comparing");
        goto done;
    }
    err = add_old(store, arena, change, route, &both, info);
    if (err == HP_OK) {
        err = add_new(store, arena, change, route, &both, info);
    }
done:
    hp_sampled_fini(&both.before);
    hp_sampled_fini(&both.after);
    return err;
}

static int by_state(const void *a, const void *b)
{
    const struct hp_change_finding *x = a, *y = b;
    bool xn = !x->has_measured, yn = !y->has_measured;
    if (xn != yn) {
        return xn ? 1 : -1;
    }
    if (x->finding.median_ns != y->finding.median_ns) {
        return x->finding.median_ns < y->finding.median_ns ? 1 : -1;
    }
    return (x->finding.id > y->finding.id) - (x->finding.id < y->finding.id);
}

static hp_err load_pairs(struct hp_store *store, const struct hp_change_options *options, struct pairs *pairs,
                         struct hp_errinfo *info)
{
    hp_err err = hp_store_routes(store, &options->before, add_row, pairs, info);
    pairs->is_after = true;
    if (err == HP_OK) {
        err = hp_store_routes(store, &options->after, add_row, pairs, info);
    }
    if (err == HP_OK && pairs->err != HP_OK) {
        err = hp_err_set(info, pairs->err, 0, "out of memory while loading routes");
    }
    if (err == HP_OK && pairs->count > 1) {
        qsort(pairs->list, pairs->count, sizeof *pairs->list, by_total);
    }
    return err;
}

static hp_err learn_sites(struct hp_store *store, const struct hp_change_options *options,
                          struct pairs *pairs, uint32_t most, struct hp_arena *scratch,
                          struct hp_errinfo *info)
{
    const struct hp_scope *scopes[2] = {&options->before, &options->after};
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < 2 * pairs->count && i < 2 * most && err == HP_OK; i++) {
        err = hp_sampled_sites(&pairs->sites, store, scopes[i % 2], pairs->list[i / 2].route, pairs->arena,
                               scratch, info);
    }
    return err;
}

hp_err hp_change_load(struct hp_store *store, const struct hp_change_options *options, struct hp_arena *arena,
                      struct hp_change *out, struct hp_errinfo *info)
{
    struct hp_change change = {.options = *options};
    struct pairs pairs = {.arena = arena};
    struct hp_arena scratch;
    uint64_t recorded_ns[2] = {0, 0};
    uint32_t most = options->most_routes != 0 ? options->most_routes : MOST_ROUTES;
    hp_arena_init(&scratch, (size_t)1 << 30);
    hp_err err = load_pairs(store, options, &pairs, info);
    if (err == HP_OK) {
        err = hp_machine_load(store, &options->before, &options->after, &pairs.machine, info);
    }
    if (err != HP_OK) {
        goto done;
    }
    change.routes =
        hp_arena_alloc(arena, pairs.count * sizeof *change.routes + 1, _Alignof(struct hp_change_route));
    if (change.routes == NULL) {
        err = hp_err_set(info, HP_ENOMEM, 0, "out of memory while loading routes");
        goto done;
    }
    memset(change.routes, 0, pairs.count * sizeof *change.routes);
    for (uint32_t i = 0; i < pairs.count; i++) {
        recorded_ns[0] += pairs.list[i].before.total_ns;
        recorded_ns[1] += pairs.list[i].after.total_ns;
    }
    err = learn_sites(store, options, &pairs, most, &scratch, info);
    for (uint32_t i = 0; i < pairs.count && err == HP_OK; i++) {
        err = load_route(store, options, &pairs.list[i], arena, &change.routes[i], info);
        change.route_count = i + 1;
        if (err == HP_OK && i < most) {
            err = look_into(store, arena, &scratch, &change, &pairs, i, recorded_ns, info);
        }
    }
    if (err == HP_OK && change.finding_count > 1) {
        qsort(change.findings, change.finding_count, sizeof *change.findings, by_state);
    }
done:
    hp_arena_fini(&scratch);
    if (err == HP_OK) {
        *out = change;
    }
    return err;
}

bool hp_change_fails(const struct hp_change *change, const struct hp_gate *gate, struct hp_buf *why)
{
    bool fails = hp_gate_findings_fail(gate, change->new_count, why);
    for (uint32_t i = 0; i < change->route_count; i++) {
        fails |= hp_gate_route_fails(gate, &change->routes[i].gate, why);
    }
    return fails;
}
