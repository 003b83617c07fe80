/* answer.c -- load, find, rank, keep states; see answer.h. */
#include "answer/answer.h"

#include <stdlib.h>
#include <string.h>
#include "answer/before.h"
#include "answer/keeps.h"
#include "answer/machine.h"
#include "answer/sampled.h"
#include "answer/sentence.h"

#define MOST_ROUTES    30u
#define MOST_REQUESTS  60u
#define TAIL_NS        5000000u
#define FEW_REQUESTS   24u   /* at least, unless the caller asks for fewer */
#define SAMPLED_IN_ALL 360.0 /* shared out by total time: many routes must not make a report slow */
#define SCRATCH_BYTES  ((size_t)1 << 30)

const char *hp_answer_level(uint8_t level)
{
    static const char *const names[] = {"count", "monitor", "sample", "trace"};
    return level < sizeof names / sizeof *names ? names[level] : "trace";
}

const char *hp_answer_state_name(uint8_t state)
{
    static const char *const names[] = {"new", "open", "fixed", "returned"};
    return state < sizeof names / sizeof *names ? names[state] : "new";
}

struct routes {
    struct hp_route_row *list;
    uint32_t count, capacity;
    struct hp_arena *arena;
    hp_err err;
};

static bool add_route(void *ctx, const struct hp_route_row *row)
{
    struct routes *routes = ctx;
    if (routes->count == routes->capacity) {
        uint32_t capacity = routes->capacity == 0 ? 64 : routes->capacity * 2;
        struct hp_route_row *list =
            hp_arena_alloc(routes->arena, capacity * sizeof *list, _Alignof(struct hp_route_row));
        if (list == NULL) {
            routes->err = HP_ENOMEM;
            return false;
        }
        if (routes->count != 0) {
            memcpy(list, routes->list, routes->count * sizeof *list);
        }
        routes->list = list;
        routes->capacity = capacity;
    }
    routes->list[routes->count++] = *row;
    return true;
}

static int by_total(const void *a, const void *b)
{
    const struct hp_route_row *x = a, *y = b;
    if (x->total_ns != y->total_ns) {
        return x->total_ns < y->total_ns ? 1 : -1;
    }
    return (x->route > y->route) - (x->route < y->route);
}

static bool add_time(void *ctx, const struct hp_route_row *row)
{
    *(uint64_t *)ctx += row->total_ns;
    return true;
}

static hp_err load_recorded(struct hp_store *store, struct hp_answer *answer, struct hp_errinfo *info)
{
    struct hp_scope all = answer->options.scope;
    answer->recorded_ns = answer->total_ns;
    if (all.route.n == 0 && all.min_ns == 0 && all.max_ns == 0) {
        return HP_OK;
    }
    all.route = (struct hp_str){NULL, 0};
    all.min_ns = all.max_ns = 0;
    answer->recorded_ns = 0;
    return hp_store_routes(store, &all, add_time, &answer->recorded_ns, info);
}

static hp_err load_routes(struct hp_store *store, struct hp_arena *arena, struct hp_answer *answer,
                          struct hp_errinfo *info)
{
    struct routes routes = {.arena = arena};
    hp_err err = hp_store_routes(store, &answer->options.scope, add_route, &routes, info);
    if (err != HP_OK || routes.err != HP_OK) {
        return err != HP_OK ? err : hp_err_set(info, routes.err, 0, "out of memory while loading routes");
    }
    if (routes.count > 1) {
        qsort(routes.list, routes.count, sizeof *routes.list, by_total);
    }
    size_t bytes = routes.count * sizeof *answer->routes;
    answer->routes = hp_arena_alloc(arena, bytes + 1, _Alignof(struct hp_answer_route));
    if (answer->routes == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory while loading routes");
    }
    memset(answer->routes, 0, bytes);
    answer->route_count = routes.count;
    for (uint32_t i = 0; i < routes.count; i++) {
        struct hp_answer_route *route = &answer->routes[i];
        route->row = routes.list[i];
        route->name = hp_sampled_route_name(answer->dict, route->row.route, arena);
        route->now_ns = route->after_all_ns = route->low_ns = route->high_ns = route->row.p50_ns;
        answer->requests += route->row.requests;
        answer->total_ns += route->row.total_ns;
        answer->own_ns += route->row.own_ns;
    }
    return load_recorded(store, answer, info);
}

/* Ids of the slowest sampled requests that show it, slowest first. */
static void choose_examples(const struct hp_case *c, struct hp_answer_finding *finding)
{
    uint64_t taken_ns[5] = {0};
    for (uint32_t i = 0; i < c->sample_count; i++) {
        if (finding->finding.saving_ns[i] == 0) {
            continue;
        }
        uint32_t at = finding->example_count < 5 ? finding->example_count++ : 5;
        uint64_t ns = c->samples[i].duration_ns;
        while (at > 0 && taken_ns[at - 1] < ns) {
            if (at < 5) {
                taken_ns[at] = taken_ns[at - 1];
                finding->examples[at] = finding->examples[at - 1];
            }
            at--;
        }
        if (at < 5) {
            taken_ns[at] = ns;
            finding->examples[at] = c->samples[i].record->req.id;
        }
    }
}

static void describe(const struct hp_case *c, const struct hp_answer_route *route,
                     struct hp_answer_finding *finding)
{
    const struct hp_finding *f = &finding->finding;
    struct hp_symbol site = hp_dict_symbol(c->dict, f->site_sym), via = hp_dict_symbol(c->dict, f->via_sym);
    uint64_t base_ns = f->tail ? route->row.p95_ns : route->now_ns;
    finding->file = site.file;
    finding->function = site.name;
    finding->line = f->site_line;
    finding->via = via.name.n != 0 ? via.name : via.file;
    finding->share = base_ns != 0 ? (double)f->median_ns / (double)base_ns : 0;
    finding->share = finding->share > 1 ? 1 : finding->share;
    finding->requests = (uint64_t)((double)route->row.requests * f->seen / c->sample_count + 0.5);
    finding->weight_ns = (double)(f->tail ? f->mean_ns : f->median_ns) * (double)route->row.requests;
    choose_examples(c, finding);
}

/* When the newest sampled request began that shows it. */
static uint64_t newest_ns(const struct hp_case *c, const struct hp_finding *finding)
{
    uint64_t newest = 0;
    for (uint32_t i = 0; i < c->sample_count; i++) {
        uint64_t start_ns = c->samples[i].record->req.start_wall_ns;
        newest = finding->saving_ns[i] != 0 && start_ns > newest ? start_ns : newest;
    }
    return newest;
}

/* The state to show, and to keep, of a finding that a request of `seen_ns` shows. `*muted`: leave it out. A
 * report about the time before a repair does not call it back. */
static hp_err keep_state(struct hp_store *store, const struct hp_answer *answer,
                         struct hp_answer_finding *finding, uint64_t seen_ns, bool *muted,
                         struct hp_errinfo *info)
{
    const struct hp_answer_options *options = &answer->options;
    uint64_t id = finding->finding.id;
    struct hp_finding_state kept = {.id = id, .first_ns = options->now_ns};
    hp_err err = hp_store_get_finding(store, id, &kept, info);
    if (err != HP_OK && err != HP_ENOTFOUND) {
        return err;
    }
    bool known = err == HP_OK;
    *muted = known && kept.muted;
    if (!known) {
        kept = (struct hp_finding_state){.id = id, .first_ns = options->now_ns, .state = HP_STATE_NEW};
    } else if (kept.state == HP_STATE_FIXED && seen_ns <= kept.last_ns) {
        finding->state = HP_STATE_FIXED;
        return HP_OK;
    } else if (kept.state == HP_STATE_FIXED) {
        kept.state = HP_STATE_RETURNED;
    } else if (kept.state == HP_STATE_NEW) {
        kept.state = HP_STATE_OPEN;
    }
    finding->state = kept.state;
    kept.last_ns = options->now_ns;
    kept.kind = hp_str_from0(hp_find_kind_name(finding->finding.kind));
    kept.route = answer->routes[finding->route].name;
    kept.file = finding->file;
    kept.line = finding->line;
    kept.function = finding->function;
    kept.title = finding->finding.title;
    kept.predicted_ns = finding->finding.median_ns;
    if (options->keep_states) {
        struct hp_errinfo ignored;
        (void)!hp_store_set_finding(
            store, &kept, &ignored); /* a report from a store that cannot be written is still a report */
    }
    return HP_OK;
}

static hp_err add_findings(struct hp_store *store, struct hp_arena *arena, struct hp_answer *answer,
                           uint32_t route_index, const struct hp_case *c, const struct hp_find_result *result,
                           struct hp_errinfo *info)
{
    struct hp_answer_route *route = &answer->routes[route_index];
    uint32_t count = answer->finding_count + result->findings.count;
    struct hp_answer_finding *list =
        hp_arena_alloc(arena, count * sizeof *list + 1, _Alignof(struct hp_answer_finding));
    if (list == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory while collecting findings");
    }
    if (answer->finding_count != 0) {
        memcpy(list, answer->findings, answer->finding_count * sizeof *list);
    }
    answer->findings = list;
    for (uint32_t i = 0; i < result->findings.count; i++) {
        struct hp_answer_finding *finding = &list[answer->finding_count];
        bool muted;
        memset(finding, 0, sizeof *finding);
        finding->finding = result->findings.list[i];
        finding->route = route_index;
        describe(c, route, finding);
        hp_err err = keep_state(store, answer, finding, newest_ns(c, &finding->finding), &muted, info);
        if (err != HP_OK) {
            return err;
        }
        if (muted) {
            answer->muted_count++;
            continue;
        }
        struct hp_str source;
        if (hp_store_source_line(store, &answer->options.scope, finding->file, finding->line, &source,
                                 info) == HP_OK &&
            source.n != 0) {
            char *copy = hp_arena_dup(arena, source.p, source.n);
            finding->source = copy != NULL ? hp_str_make(copy, source.n) : (struct hp_str){NULL, 0};
        }
        answer->finding_count++;
    }
    return HP_OK;
}

struct sides {
    struct hp_sampled now, then;
    struct hp_before before; /* what `then` is of; name empty: nothing is known */
    struct routes rows;      /* of it */
    struct hp_machine machine;
    struct hp_sites sites;
};

static hp_err load_before(struct hp_store *store, const struct hp_answer *answer, struct hp_arena *arena,
                          struct sides *sides, struct hp_errinfo *info)
{
    hp_err err = hp_before_find(store, &answer->options.scope, answer->revision, answer->options.label, arena,
                                &sides->before, info);
    if (err == HP_OK && sides->before.name.n != 0) {
        sides->rows.arena = arena;
        err = hp_store_routes(store, &sides->before.scope, add_route, &sides->rows, info);
        if (err == HP_OK && sides->rows.err != HP_OK) {
            err = hp_err_set(info, sides->rows.err, 0, "out of memory while loading routes");
        }
        if (err == HP_OK) {
            err = hp_machine_load(store, &sides->before.scope, &answer->options.scope, &sides->machine, info);
        }
    }
    return err;
}

/* The route as it was before, if it was faster then: else there is nothing to explain, and no detail to
 * load. */
static const struct hp_route_row *faster_before(const struct sides *sides, const struct hp_route_row *now)
{
    for (uint32_t i = 0; i < sides->rows.count; i++) {
        if (sides->rows.list[i].route == now->route) {
            return sides->rows.list[i].p50_ns < now->p50_ns ? &sides->rows.list[i] : NULL;
        }
    }
    return NULL;
}

/* Whether some requests take so much longer than the usual one that those alone are worth a look: few would
 * show too few of them. */
static bool has_tail(const struct hp_route_row *row)
{
    return row->p95_ns > 2 * row->p50_ns && row->p95_ns - row->p50_ns > TAIL_NS;
}

static hp_err look_into(struct hp_store *store, struct hp_arena *arena, struct hp_arena *scratch,
                        struct sides *sides, struct hp_answer *answer, uint32_t i, struct hp_errinfo *info)
{
    struct hp_sampled *sampled = &sides->now;
    struct hp_answer_route *route = &answer->routes[i];
    uint32_t most = answer->options.most_requests != 0 ? answer->options.most_requests : MOST_REQUESTS;
    struct hp_find_result result;
    double share = answer->total_ns != 0 ? (double)route->row.total_ns / (double)answer->total_ns : 1;
    uint32_t due = (uint32_t)(SAMPLED_IN_ALL * share);
    due = due > FEW_REQUESTS ? due : FEW_REQUESTS;
    due = has_tail(&route->row) ? most : due;
    most = most < due ? most : due;
    hp_arena_reset(scratch);
    hp_err err = hp_sampled_load(sampled, store, &answer->options.scope, &route->row, answer->recorded_ns,
                                 most, scratch, info);
    if (err != HP_OK) {
        return err;
    }
    route->looked_into = sampled->c.sample_count != 0;
    route->lowest_level = sampled->lowest_level;
    struct hp_lowered lowered = {0};
    err = hp_store_lowered(store, &answer->options.scope, route->row.route, &lowered, info);
    if (err != HP_OK) {
        return err;
    }
    route->lowered = lowered.requests != 0 ? (double)lowered.lowered / (double)lowered.requests : 0;
    route->lowered_to = lowered.level;
    const struct hp_route_row *before = faster_before(sides, &route->row);
    if (before != NULL) {
        err = hp_sampled_load(&sides->then, store, &sides->before.scope, before, 0, most, scratch, info);
        if (err != HP_OK) {
            return err;
        }
        sampled->c.before = &sides->then.c;
        sampled->c.before_name = sides->before.name;
        sampled->c.others_drift = hp_machine_others(&sides->machine, route->row.route);
    }
    sampled->c.sites = &sides->sites;
    err = hp_find_run(&sampled->c, arena, &result);
    if (err != HP_OK) {
        return hp_err_set(info, err, 0, "out of memory while looking for causes");
    }
    route->mostly = result.mostly;
    err = hp_keeps_settle(store, &answer->options.scope, &sampled->c, &result.findings, info);
    if (err == HP_OK && result.findings.count != 0) {
        route->now_ns = result.now_ns;
        route->after_all_ns = result.after_all_ns;
        route->low_ns = result.after_low_ns;
        route->high_ns = result.after_high_ns;
        err = add_findings(store, arena, answer, i, &sampled->c, &result, info);
    }
    return err;
}

static int by_weight(const void *a, const void *b)
{
    const struct hp_answer_finding *x = a, *y = b;
    if (x->weight_ns != y->weight_ns) {
        return x->weight_ns < y->weight_ns ? 1 : -1;
    }
    return (x->finding.id > y->finding.id) - (x->finding.id < y->finding.id);
}

/* Whether the same edit mends both: one cause that two routes show. */
static bool is_same_cause(const struct hp_answer_finding *a, const struct hp_answer_finding *b)
{
    return a->finding.kind == b->finding.kind && a->route != b->route && a->line != 0 && a->line == b->line &&
           hp_str_eq(a->file, b->file) && hp_str_eq(a->function, b->function) &&
           a->finding.statement == b->finding.statement;
}

static uint32_t first_of_cause(const struct hp_answer *answer, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++) {
        if (answer->findings[k].same == 0 && is_same_cause(&answer->findings[k], &answer->findings[i])) {
            return answer->findings[k].rank;
        }
    }
    return 0;
}

static hp_err rank(struct hp_arena *arena, struct hp_answer *answer, struct hp_errinfo *info)
{
    if (answer->finding_count > 1) {
        qsort(answer->findings, answer->finding_count, sizeof *answer->findings, by_weight);
    }
    answer->by_route =
        hp_arena_alloc(arena, answer->finding_count * sizeof *answer->by_route + 1, _Alignof(uint32_t));
    if (answer->by_route == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory while ranking");
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < answer->finding_count; i++) {
        answer->findings[i].rank = i + 1;
        answer->findings[i].same = first_of_cause(answer, i);
    }
    for (uint32_t r = 0; r < answer->route_count; r++) {
        struct hp_answer_route *route = &answer->routes[r];
        route->first = at;
        for (uint32_t i = 0; i < answer->finding_count; i++) {
            if (answer->findings[i].route == r) {
                answer->by_route[at++] = i;
            }
        }
        route->count = at - route->first;
        route->sentence = hp_sentence_route(answer, route, arena);
    }
    return HP_OK;
}

static bool add_sampler(void *ctx, const struct hp_sampled_row *row)
{
    struct hp_answer *answer = ctx;
    struct hp_sampled_row *sum = &answer->sampler;
    sum->sweeps += row->sweeps;
    sum->samples += row->samples;
    sum->torn += row->torn;
    sum->late += row->late;
    sum->cpu_ns += row->cpu_ns;
    sum->rate_hz = row->rate_hz > sum->rate_hz ? row->rate_hz : sum->rate_hz;
    answer->sampler_ns += row->to_ns > row->from_ns ? row->to_ns - row->from_ns : 0;
    return true;
}

hp_err hp_answer_load(struct hp_store *store, const struct hp_answer_options *options, struct hp_arena *arena,
                      struct hp_answer *out, struct hp_errinfo *info)
{
    struct hp_answer answer = {.options = *options,
                               .dict = hp_store_dict(store),
                               .from_ns = options->scope.from_ns,
                               .to_ns = options->scope.to_ns};
    struct hp_arena scratch;
    struct sides sides;
    memset(&sides, 0, sizeof sides);
    hp_arena_init(&scratch, SCRATCH_BYTES);
    uint32_t most = options->most_routes != 0 ? options->most_routes : MOST_ROUTES;
    answer.revision = options->scope.revision;
    hp_err err = HP_OK;
    if (options->scope.newest_revision) {
        err = hp_store_newest_revision(store, &options->scope, &answer.revision, info);
    }
    if (err == HP_OK && answer.revision.n != 0) { /* borrowed from the handle: keep it over the next calls */
        char *copy = hp_arena_dup(arena, answer.revision.p, answer.revision.n);
        answer.revision = copy != NULL ? hp_str_make(copy, answer.revision.n) : (struct hp_str){NULL, 0};
    }
    if (err == HP_OK) {
        err = hp_store_complete(store, &options->scope, &answer.complete, info);
    }
    if (err == HP_OK) {
        err =
            hp_unseen_load(&answer.unseen, store, options->scope.from_ns, options->scope.to_ns, arena, info);
    }
    if (err == HP_OK) {
        err =
            hp_store_sampled(store, options->scope.from_ns, options->scope.to_ns, add_sampler, &answer, info);
    }
    if (err == HP_OK) {
        err = load_routes(store, arena, &answer, info);
    }
    if (err == HP_OK) {
        err = load_before(store, &answer, arena, &sides, info);
    }
    most = answer.route_count < most ? answer.route_count : most;
    for (uint32_t i = 0; i < most && err == HP_OK; i++) {
        err = hp_sampled_sites(&sides.sites, store, &options->scope, answer.routes[i].row.route, arena,
                               &scratch, info);
    }
    for (uint32_t i = 0; i < most && err == HP_OK; i++) {
        err = look_into(store, arena, &scratch, &sides, &answer, i, info);
    }
    if (err == HP_OK) {
        err = rank(arena, &answer, info);
    }
    hp_sampled_fini(&sides.now);
    hp_sampled_fini(&sides.then);
    hp_arena_fini(&scratch);
    if (err == HP_OK) {
        *out = answer;
    }
    return err;
}
