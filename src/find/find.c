/* find.c -- run the rules on one route, judge what they offer, take overlaps apart, price everything
 * together.
 *
 *     rule ──offer──▶ seen often enough? saves enough? ──▶ list ──▶ sort ──▶ marginal savings ──▶ after all
 *
 * Overlaps: going down the ranking, a finding's saving in a request is at most what it still saves once those
 * above it are fixed (its marginal saving). So the savings of one route never add up to more than the route,
 * while causes on different stretches keep theirs, and a cause that lies within another falls under the
 * threshold and goes.
 *
 * Median and interval: a finding seen in at least half of the sampled requests is priced at the median
 * request. One seen in fewer is a tail cause: it is priced as the change of the sample's 95th percentile, and
 * only where its requests are spread over the recording (what only the first requests do is warming up).
 */
#include "find/find.h"

#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "find/compare.h"
#include "find/find_int.h"
#include "find/mostly.h"

#define MIN_SHARE          0.02     /* of the route */
#define MIN_SAVING_NS      1000000u /* or … */
#define MIN_RECORDED_SHARE 0.01     /* … of all recorded time */
#define LEVEL              0.90
#define RESAMPLES          500u
#define TAIL_RESAMPLES     400u
#define TAIL_MIN_SEEN      3u
#define SAME_MEDIAN        1.25

static uint64_t *scratch_u64(struct hp_arena *arena, size_t n)
{
    return hp_arena_alloc(arena, n * sizeof(uint64_t) + 1, _Alignof(uint64_t));
}

static struct hp_compare_side sorted_copy(const uint64_t *values, uint32_t n, uint64_t *into)
{
    memcpy(into, values, n * sizeof *into);
    hp_compare_sort(into, n);
    return (struct hp_compare_side){into, n};
}

static uint64_t as_ns(double ns)
{
    return ns > 0 ? (uint64_t)(ns + 0.5) : 0;
}

static uint64_t median_of(const uint64_t *values, uint32_t n, uint64_t *scratch)
{
    return as_ns(hp_compare_quantile(sorted_copy(values, n, scratch), 0.5));
}

/* Change of the 95th percentile over requests picked[0 … n). */
static double tail_change(const struct hp__find *f, const uint64_t *saving_ns, const uint32_t *picked,
                          uint64_t *now, uint64_t *without)
{
    uint32_t n = f->c->sample_count;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t duration = f->c->samples[picked[i]].duration_ns, saving = saving_ns[picked[i]];
        now[i] = duration;
        without[i] = duration > saving ? duration - saving : 0;
    }
    hp_compare_sort(now, n);
    hp_compare_sort(without, n);
    return hp_compare_quantile((struct hp_compare_side){now, n}, 0.95) -
           hp_compare_quantile((struct hp_compare_side){without, n}, 0.95);
}

/* Interval of a tail cause: requests are drawn together with their savings. */
static hp_err tail_interval(const struct hp__find *f, struct hp_finding *finding, uint32_t *picked,
                            uint64_t *now, uint64_t *without)
{
    uint32_t n = f->c->sample_count;
    uint64_t *draws = scratch_u64(f->arena, TAIL_RESAMPLES);
    if (draws == NULL) {
        return HP_ENOMEM;
    }
    struct hp_rng rng;
    hp_rng_seed(&rng, finding->id);
    for (uint32_t r = 0; r < TAIL_RESAMPLES; r++) {
        for (uint32_t i = 0; i < n; i++) {
            picked[i] = (uint32_t)hp_rng_below(&rng, n);
        }
        draws[r] = as_ns(tail_change(f, finding->saving_ns, picked, now, without));
    }
    hp_compare_sort(draws, TAIL_RESAMPLES);
    finding->low90_ns = draws[TAIL_RESAMPLES / 20];
    finding->high90_ns = draws[TAIL_RESAMPLES - 1 - TAIL_RESAMPLES / 20];
    return HP_OK;
}

static hp_err tail_stats(const struct hp__find *f, struct hp_finding *finding, bool with_interval)
{
    uint32_t n = f->c->sample_count;
    uint64_t *now = scratch_u64(f->arena, n), *without = scratch_u64(f->arena, n);
    uint32_t *picked = hp_arena_alloc(f->arena, n * sizeof *picked + 1, _Alignof(uint32_t));
    if (now == NULL || without == NULL || picked == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        picked[i] = i;
    }
    finding->median_ns = as_ns(tail_change(f, finding->saving_ns, picked, now, without));
    return with_interval ? tail_interval(f, finding, picked, now, without) : HP_OK;
}

/* The figures that decide, and for those that stay the interval (which costs more than all the rest). */
static hp_err stats(const struct hp__find *f, struct hp_finding *finding, bool with_interval)
{
    uint32_t n = f->c->sample_count;
    double sum = 0;
    if (finding->fixed_figures) {
        return HP_OK;
    }
    for (uint32_t i = 0; i < n; i++) {
        sum += (double)finding->saving_ns[i];
    }
    finding->mean_ns = as_ns(sum / n);
    if (finding->tail) {
        return tail_stats(f, finding, with_interval);
    }
    uint64_t *scratch = scratch_u64(f->arena, n);
    if (scratch == NULL) {
        return HP_ENOMEM;
    }
    finding->median_ns = median_of(finding->saving_ns, n, scratch);
    if (with_interval) {
        finding->low90_ns = as_ns(
            hp_compare_interval(sorted_copy(finding->low_ns, n, scratch), 0.5, LEVEL, RESAMPLES, finding->id)
                .low);
        finding->high90_ns = as_ns(
            hp_compare_interval(sorted_copy(finding->high_ns, n, scratch), 0.5, LEVEL, RESAMPLES, finding->id)
                .high);
    }
    return HP_OK;
}

static bool is_worth_it(const struct hp__find *f, const struct hp_finding *finding)
{
    if (finding->fixed_figures) {
        return finding->saving_bytes != 0 || finding->median_ns >= MIN_SAVING_NS;
    }
    double base = (double)(finding->tail ? f->p95_ns : f->median_ns);
    if ((double)finding->median_ns < MIN_SHARE * base || finding->median_ns == 0) {
        return false;
    }
    double all = (double)finding->mean_ns * (double)f->c->requests;
    return finding->median_ns >= MIN_SAVING_NS ||
           (f->c->recorded_ns != 0 && all >= MIN_RECORDED_SHARE * (double)f->c->recorded_ns);
}

/* At least two of the requests that show it began after half of those that do not. */
static bool is_spread(const struct hp__find *f, const struct hp_finding *finding)
{
    uint32_t n = f->c->sample_count, late = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t others = 0, earlier = 0;
        for (uint32_t j = 0; finding->saving_ns[i] != 0 && j < n; j++) {
            if (finding->saving_ns[j] == 0) {
                others++;
                earlier +=
                    f->c->samples[j].record->req.start_wall_ns < f->c->samples[i].record->req.start_wall_ns;
            }
        }
        late += others != 0 && earlier * 2 >= others;
    }
    return late >= 2;
}

hp_err hp__find_offer(struct hp__find *f, struct hp_finding *finding, bool may_tail, bool *kept)
{
    struct hp_findings *out = f->out;
    *kept = false;
    if (finding->seen == 0) {
        return HP_OK;
    }
    finding->tail = finding->tail || finding->seen * 2 < f->c->sample_count;
    if (finding->tail && !finding->fixed_figures &&
        (!may_tail || finding->seen < TAIL_MIN_SEEN || !is_spread(f, finding))) {
        return HP_OK;
    }
    hp__finding_identify(f, finding);
    hp_err err = stats(f, finding, false);
    if (err != HP_OK || !is_worth_it(f, finding)) {
        return err;
    }
    if (out->count == out->capacity) {
        uint32_t capacity = out->capacity == 0 ? 8 : out->capacity * 2;
        struct hp_finding *list =
            hp_arena_alloc(out->arena, capacity * sizeof *list, _Alignof(struct hp_finding));
        if (list == NULL) {
            return HP_ENOMEM;
        }
        if (out->count != 0) {
            memcpy(list, out->list, out->count * sizeof *list);
        }
        out->list = list;
        out->capacity = capacity;
    }
    out->list[out->count++] = *finding;
    *kept = true;
    return HP_OK;
}

static int by_rank(const void *a, const void *b)
{
    const struct hp_finding *x = a, *y = b;
    uint64_t xs = x->tail ? x->mean_ns : x->median_ns, ys = y->tail ? y->mean_ns : y->median_ns;
    if (xs != ys) {
        return xs < ys ? 1 : -1;
    }
    return (x->id > y->id) - (x->id < y->id);
}

static void sort_findings(struct hp_findings *out)
{
    if (out->count > 1) {
        qsort(out->list, out->count, sizeof *out->list, by_rank);
    }
}

static struct hp__cut cut_of(const struct hp_finding *finding, uint32_t i)
{
    return (struct hp__cut){finding->removals[i], finding->removal_count[i], finding->removal_count[i],
                            finding->lanes_gone[i]};
}

/* Limit the savings of `finding` to what it adds to `fixed`, the cuts of those above it. */
static hp_err limit_to_marginal(struct hp__find *f, struct hp_finding *finding, const struct hp__cut *fixed,
                                struct hp_arena *scratch, struct hp_arena *temporary)
{
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_sample *sample = &f->c->samples[i];
        struct hp__cut own = cut_of(finding, i), both = {0};
        uint64_t with = 0, without = 0;
        hp_arena_reset(temporary);
        hp_err err = hp__cut_merge(temporary, &both, &fixed[i], sample->record);
        if (err == HP_OK) {
            err = hp__cut_merge(temporary, &both, &own, sample->record);
        }
        if (err == HP_OK) {
            err = hp__cut_price(sample, &both, scratch, &with);
        }
        if (err == HP_OK) {
            err = hp__cut_price(sample, &fixed[i], scratch, &without);
        }
        if (err != HP_OK) {
            return err;
        }
        uint64_t marginal = with > without ? with - without : 0;
        uint64_t *saving = &finding->saving_ns[i], *low = &finding->low_ns[i], *high = &finding->high_ns[i];
        *saving = *saving < marginal ? *saving : marginal;
        *low = *low < *saving ? *low : *saving;
        *high = *high < marginal ? *high : *saving > marginal ? *saving : marginal;
    }
    return HP_OK;
}

/* Walk down the ranking; what falls below the thresholds goes. `fixed`: all cuts together at the end. */
static hp_err take_apart(struct hp__find *f, struct hp__cut *fixed, struct hp_arena *scratch,
                         struct hp_arena *temporary)
{
    struct hp_findings *out = f->out;
    uint32_t kept = 0;
    for (uint32_t k = 0; k < out->count; k++) {
        struct hp_finding finding = out->list[k];
        hp_err err = k > 0 ? limit_to_marginal(f, &finding, fixed, scratch, temporary) : HP_OK;
        if (err == HP_OK) {
            err = stats(f, &finding, true);
        }
        if (err != HP_OK) {
            return err;
        }
        if (!is_worth_it(f, &finding)) {
            continue;
        }
        for (uint32_t i = 0; i < f->c->sample_count; i++) {
            struct hp__cut own = cut_of(&finding, i);
            err = hp__cut_merge(f->arena, &fixed[i], &own, f->c->samples[i].record);
            if (err != HP_OK) {
                return err;
            }
        }
        out->list[kept++] = finding;
    }
    out->count = kept;
    return HP_OK;
}

static hp_err price_all(struct hp__find *f, const struct hp__cut *fixed, struct hp_arena *scratch,
                        struct hp_find_result *out)
{
    uint32_t n = f->c->sample_count;
    uint64_t *left = scratch_u64(f->arena, n);
    if (left == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t saving = 0;
        hp_err err = hp__cut_price(&f->c->samples[i], &fixed[i], scratch, &saving);
        if (err != HP_OK) {
            return err;
        }
        left[i] = f->c->samples[i].duration_ns - saving;
    }
    hp_compare_sort(left, n);
    struct hp_interval after =
        hp_compare_interval((struct hp_compare_side){left, n}, 0.5, LEVEL, RESAMPLES, f->c->route + 1u);
    out->after_all_ns = as_ns(after.value);
    out->after_low_ns = as_ns(after.low);
    out->after_high_ns = as_ns(after.high);
    return HP_OK;
}

/* Savings of one request never exceed it, but their medians may stem from different requests: shrink them to
 * the route. */
static void keep_within_route(struct hp_findings *findings, uint64_t route_ns)
{
    double sum = 0;
    for (uint32_t i = 0; i < findings->count; i++) {
        sum += findings->list[i].tail ? 0 : (double)findings->list[i].median_ns;
    }
    if (sum <= (double)route_ns) {
        return;
    }
    for (uint32_t i = 0; i < findings->count; i++) {
        struct hp_finding *finding = &findings->list[i];
        if (!finding->tail) {
            finding->median_ns = (uint64_t)((double)finding->median_ns * ((double)route_ns / sum));
            finding->low90_ns =
                finding->low90_ns < finding->median_ns ? finding->low90_ns : finding->median_ns;
        }
    }
}

/* The median of what all findings save may be of other requests than those of what each saves: fixing all is
 * said to save no more than they do. */
static void promise_no_more_than_parts(struct hp_find_result *out)
{
    uint64_t now = out->now_ns, all = now > out->after_all_ns ? now - out->after_all_ns : 0;
    uint64_t parts = 0;
    for (uint32_t i = 0; i < out->findings.count; i++) {
        const struct hp_finding *finding = &out->findings.list[i];
        if (!finding->fixed_figures) {
            parts += finding->tail ? finding->mean_ns : finding->median_ns;
        }
    }
    all = all < parts ? all : parts;
    out->after_all_ns = now - all;
    out->after_low_ns = out->after_low_ns < now - all ? out->after_low_ns : now - all;
    out->after_high_ns = out->after_high_ns > now - all ? out->after_high_ns : now - all;
}

typedef hp_err (*rule_fn)(struct hp__find *f);

/* The right cause claims its time first. What takes others' time along: threads with the calls in them, log
 * handlers with their disk, the setup of connections (part of the library time around a statement); then
 * statements, what should not be done at all before what could be done faster; then waits; what computes, the
 * cause before its effects (building objects before the garbage they make) and the special before the
 * general. Last those that know no more than that something takes long, and before them the one that knows
 * since when. */
static const rule_fn rules[] = {
    hp__rule_thread_churn,
    hp__rule_log_io,
    hp__rule_connection_churn,
    hp__rule_tls_churn,
    hp__rule_dns_repeat,
    hp__rule_connection_opens,
    hp__rule_n_plus_one,
    hp__rule_duplicate_query,
    hp__rule_missing_index,
    hp__rule_unbounded_result,
    hp__rule_orm_overhead,
    hp__rule_chatty_reads,
    hp__rule_blocking_in_async,
    hp__rule_sequential_io,
    hp__rule_connection_rest,
    hp__rule_connection_files,
    hp__rule_sleep,
    hp__rule_subprocess,
    hp__rule_disk_io,
    hp__rule_disk_files,
    hp__rule_lock_contention,
    hp__rule_gil_contention,
    hp__rule_import_in_request,
    hp__rule_regex_compile,
    hp__rule_serialization_hot,
    hp__rule_template_hot,
    hp__rule_attribute_lookup_hot,
    hp__rule_gc_pressure,
    hp__rule_regression,
    hp__rule_slow_query,
    hp__rule_slow_external,
    hp__rule_hot_function,
    hp__rule_memory_growth,
    hp__rule_cold_start,
    hp__rule_tail_latency,
};

/* Whether the median of all requests is that of the sample, whose savings are compared with it. It is not
 * where it lies between two kinds of requests, half of them fast and half slow: that of all is then one or
 * the other's, by chance. */
static bool is_about(uint64_t sample_ns, uint64_t all_ns)
{
    uint64_t less = sample_ns < all_ns ? sample_ns : all_ns, more = sample_ns < all_ns ? all_ns : sample_ns;
    return (double)more <= SAME_MEDIAN * (double)less;
}

static hp_err prepare(struct hp__find *f)
{
    const struct hp_case *c = f->c;
    uint64_t *durations = scratch_u64(f->arena, c->sample_count);
    f->views = hp_arena_alloc(f->arena, c->sample_count * sizeof *f->views, _Alignof(struct hp__view));
    if (f->views == NULL || durations == NULL) {
        return HP_ENOMEM;
    }
    hp_err err = hp__facts_init(&f->facts, c->dict, f->arena);
    err = err == HP_OK ? hp__named_init(f) : err;
    if (err != HP_OK) {
        return err;
    }
    for (uint32_t i = 0; i < c->sample_count; i++) {
        err = hp__view_init(&f->views[i], &c->samples[i], &f->facts, f->arena);
        err = err == HP_OK ? hp_sites_add(&f->sites, c->dict, c->samples[i].record, f->arena) : err;
        if (err != HP_OK) {
            return err;
        }
        f->views[i].first = hp__case_first(c, i);
        durations[i] = c->samples[i].duration_ns;
    }
    hp_compare_sort(durations, c->sample_count);
    struct hp_compare_side side = {durations, c->sample_count};
    bool whole = c->sample_count >= c->requests; /* exact figures, the same that a comparison shows */
    f->median_ns = as_ns(hp_compare_quantile(side, 0.5));
    if (!whole && is_about(f->median_ns, c->median_ns)) {
        f->median_ns = c->median_ns;
    }
    f->p95_ns = c->p95_ns != 0 && !whole ? c->p95_ns : as_ns(hp_compare_quantile(side, 0.95));
    return HP_OK;
}

/* Requests of which there are estimates only: the one rule that goes by time alone looks at them as if they
 * were trees, and knows it. */
static hp_err run_estimated(const struct hp__find *f)
{
    const struct hp_case *c = f->c;
    size_t bytes = c->sample_count * sizeof *c->samples;
    struct hp_sample *samples = hp_arena_alloc(f->arena, bytes, _Alignof(struct hp_sample));
    struct hp__view *views =
        hp_arena_alloc(f->arena, c->sample_count * sizeof *views, _Alignof(struct hp__view));
    if (samples == NULL || views == NULL) {
        return HP_ENOMEM;
    }
    struct hp_case estimated = *c;
    struct hp__find again = *f;
    hp_err err = HP_OK;
    estimated.samples = samples;
    again.c = &estimated;
    again.views = views;
    for (uint32_t i = 0; i < c->sample_count && err == HP_OK; i++) {
        samples[i] = c->samples[i];
        samples[i].tree = samples[i].estimate;
        err = hp__view_init(&views[i], &samples[i], &f->facts, f->arena);
        if (f->views[i].lane_taken != NULL) { /* what other rules have claimed stays theirs */
            views[i].lane_taken = f->views[i].lane_taken;
            views[i].stmt_taken = f->views[i].stmt_taken;
        }
    }
    return err == HP_OK ? hp__rule_hot_function(&again) : err;
}

/* Whether there is no exact tree, but estimates. */
static bool is_estimated(const struct hp_case *c)
{
    bool exact = false;
    for (uint32_t i = 0; i < c->sample_count; i++) {
        exact = exact || c->samples[i].tree != NULL;
    }
    return !exact && c->estimate_samples != 0;
}

hp_err hp_find_run(const struct hp_case *c, struct hp_arena *arena, struct hp_find_result *out)
{
    struct hp_find_result result = {.findings = {.arena = arena}};
    struct hp__find f = {.c = c, .arena = arena, .out = &result.findings};
    struct hp_arena scratch, temporary;
    hp_err err = HP_OK;
    hp_arena_init(&scratch, (size_t)64 << 20);
    f.scratch = &scratch;
    hp_arena_init(&temporary, (size_t)64 << 20);
    result.now_ns = result.after_all_ns = result.after_low_ns = result.after_high_ns = c->median_ns;
    if (c->sample_count == 0) {
        goto done;
    }
    err = prepare(&f);
    if (err == HP_OK) {
        err = hp__mostly_find(c, arena, &result.mostly);
    }
    for (size_t i = 0; i < sizeof rules / sizeof *rules && err == HP_OK; i++) {
        err = rules[i](&f);
    }
    if (err == HP_OK && is_estimated(c)) {
        err = run_estimated(&f);
    }
    if (err != HP_OK) {
        goto done;
    }
    result.now_ns = f.median_ns;
    size_t bytes = c->sample_count * sizeof(struct hp__cut);
    struct hp__cut *fixed = hp_arena_alloc(arena, bytes, _Alignof(struct hp__cut));
    if (fixed == NULL) {
        err = HP_ENOMEM;
        goto done;
    }
    memset(fixed, 0, bytes);
    sort_findings(&result.findings);
    err = take_apart(&f, fixed, &scratch, &temporary);
    if (err == HP_OK) {
        err = price_all(&f, fixed, &scratch, &result);
    }
    if (err == HP_OK) {
        keep_within_route(&result.findings, result.now_ns);
        promise_no_more_than_parts(&result);
        sort_findings(&result.findings);
    }
done:
    hp_arena_fini(&scratch);
    hp_arena_fini(&temporary);
    if (err == HP_OK) {
        *out = result;
    }
    return err;
}
