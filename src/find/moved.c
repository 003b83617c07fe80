/* moved.c -- see moved.h.
 *
 *     samples ──collect──▶ things × requests ──speed of each request──▶ normalised ──rank sums──▶ p ──Benjamini–Hochberg──▶ changed
 */
#include "find/moved.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/rng.h"
#include "find/find_int.h"

#define JUDGED_SHARE 0.002 /* of the route's time: smaller things are not looked at */
#define MOVED_SHARE                                                                                          \
    0.005 /* of the route's time: caches and branch predictors move every small function by less */
#define STEADY_SHARE  0.0001 /* … and do not say how fast a request was */
#define STEADY_SEEN   0.8    /* of the requests of each side */
#define STEADY_LEAST  20u
#define AS_OFTEN      0.1  /* difference of calls a request that steady things may have */
#define TRIM          0.05 /* from each end */
#define FALSE_RATE    0.05
#define LEVEL         0.95
#define RESAMPLES     400u
#define LANES_BETWEEN 64u
#define STEPS_DOWN    3u

/* ---- small statistics ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double sorted_median(const double *sorted, uint32_t n)
{
    return n == 0 ? 0 : n % 2 != 0 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static double sorted_trimmed(const double *sorted, uint32_t n)
{
    uint32_t cut = (uint32_t)(TRIM * n);
    double sum = 0;
    for (uint32_t i = cut; i < n - cut; i++) {
        sum += sorted[i];
    }
    return n > 2 * cut ? sum / (n - 2 * cut) : 0;
}

static double trimmed_mean(const double *values, uint32_t n, double *room)
{
    memcpy(room, values, n * sizeof *room);
    qsort(room, n, sizeof *room, by_value);
    return sorted_trimmed(room, n);
}

struct ranked {
    double value;
    uint32_t side;
};

static int by_ranked(const void *a, const void *b)
{
    return by_value(&((const struct ranked *)a)->value, &((const struct ranked *)b)->value);
}

/* Two-sided p of the rank sum of side 0, by the normal law with ties and continuity corrected. Sorts. */
static double rank_sum_p(struct ranked *all, uint32_t n0, uint32_t n1)
{
    uint32_t n = n0 + n1;
    double sum = 0, ties = 0, size = n;
    qsort(all, n, sizeof *all, by_ranked);
    for (uint32_t i = 0; i < n;) {
        uint32_t end = i + 1;
        while (end < n && all[end].value <= all[i].value) {
            end++;
        }
        double same = end - i, rank = (double)i + (same + 1) / 2;
        ties += same * same * same - same;
        for (; i < end; i++) {
            sum += all[i].side == 0 ? rank : 0;
        }
    }
    double u = sum - n0 * (n0 + 1.0) / 2, mean = (double)n0 * n1 / 2;
    double variance = (double)n0 * n1 / 12 * (size + 1 - ties / (size * (size - 1)));
    double away = fabs(u - mean) - 0.5;
    return variance <= 0 || away <= 0 ? 1 : erfc(away / sqrt(2 * variance));
}

/* ---- the tests ---- */

struct sides {
    const double *values[2]; /* thing × n */
    uint32_t n[2], things;
    const bool *as_often; /* [things], or NULL */
    double *speed[2];     /* [n]: of each request, 1 is usual; larger is slower */
    double *usual;        /* [things]: trimmed mean over both sides */
    double all;           /* their sum */
    double *room;         /* max(n[0] + n[1], things) × 2 */
    struct ranked *ranked;
};

static double *doubles(struct hp_arena *arena, size_t n)
{
    return hp_arena_alloc(arena, n * sizeof(double) + 1, _Alignof(double));
}

static const double *row(const struct sides *s, int side, uint32_t thing)
{
    return s->values[side] + (size_t)thing * s->n[side];
}

static hp_err prepare(struct sides *s, struct hp_arena *arena)
{
    size_t most = (size_t)s->n[0] + s->n[1];
    most = 2 * (most > s->things ? most : s->things);
    s->speed[0] = doubles(arena, s->n[0]);
    s->speed[1] = doubles(arena, s->n[1]);
    s->usual = doubles(arena, s->things);
    s->room = doubles(arena, most);
    s->ranked = hp_arena_alloc(arena, most * sizeof *s->ranked + 1, _Alignof(struct ranked));
    return s->speed[0] != NULL && s->speed[1] != NULL && s->usual != NULL && s->room != NULL &&
                   s->ranked != NULL
               ? HP_OK
               : HP_ENOMEM;
}

static void measure(struct sides *s, struct hp_moved_test *tests)
{
    for (uint32_t t = 0; t < s->things; t++) {
        tests[t] = (struct hp_moved_test){.p = 1};
        tests[t].before_ns = trimmed_mean(row(s, 0, t), s->n[0], s->room);
        tests[t].after_ns = trimmed_mean(row(s, 1, t), s->n[1], s->room);
        s->usual[t] = (tests[t].before_ns + tests[t].after_ns) / 2;
        s->all += s->usual[t];
    }
}

static bool is_steady(const struct sides *s, uint32_t thing)
{
    if (s->as_often != NULL && !s->as_often[thing]) {
        return false;
    }
    for (int side = 0; side < 2; side++) {
        uint32_t seen = 0;
        for (uint32_t i = 0; i < s->n[side]; i++) {
            seen += row(s, side, thing)[i] > 0;
        }
        if (seen < STEADY_SEEN * s->n[side]) {
            return false;
        }
    }
    return s->usual[thing] >= STEADY_SHARE * s->all;
}

/* Of two witnesses of how much slower everything is the one that says less; 1 where one says faster. `others`
 * 0: there is one witness. */
static double agreed(double own, double others)
{
    if (others <= 0) {
        return own;
    }
    if ((own > 1) != (others > 1)) {
        return 1;
    }
    return (own < others) == (own > 1) ? own : others;
}

/* Fill speed[]; all 1 where too few things are steady. Returns after ÷ before. */
static double find_speeds(struct sides *s, double others, uint32_t *steady)
{
    uint32_t count = 0;
    double median[2];
    for (uint32_t t = 0; t < s->things; t++) {
        if (is_steady(s, t)) {
            steady[count++] = t;
        }
    }
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < s->n[side]; i++) {
            for (uint32_t k = 0; k < count; k++) {
                s->room[k] = row(s, side, steady[k])[i] / s->usual[steady[k]];
            }
            qsort(s->room, count, sizeof *s->room, by_value);
            double speed = count >= STEADY_LEAST ? sorted_median(s->room, count) : 1;
            s->speed[side][i] = speed > 0 ? speed : 1;
        }
        memcpy(s->room, s->speed[side], s->n[side] * sizeof *s->room);
        qsort(s->room, s->n[side], sizeof *s->room, by_value);
        median[side] = sorted_median(s->room, s->n[side]);
    }
    double drift = agreed(median[1] / median[0], others);
    for (int side = 0; side < 2; side++) { /* at the speed of before */
        for (uint32_t i = 0; i < s->n[side]; i++) {
            s->speed[side][i] *= (side == 1 ? drift : 1) / median[side];
        }
    }
    return drift;
}

static double p_of(struct sides *s, uint32_t thing)
{
    uint32_t at = 0;
    for (uint32_t side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < s->n[side]; i++) {
            s->ranked[at++] = (struct ranked){row(s, (int)side, thing)[i] / s->speed[side][i], side};
        }
    }
    return rank_sum_p(s->ranked, s->n[0], s->n[1]);
}

/* Trimmed mean of one side's normalised times; with `rng` of a resample of its requests. */
static double normal_mean(const struct sides *s, int side, uint32_t thing, struct hp_rng *rng)
{
    for (uint32_t i = 0; i < s->n[side]; i++) {
        uint32_t from = rng != NULL ? (uint32_t)hp_rng_below(rng, s->n[side]) : i;
        s->room[i] = row(s, side, thing)[from] / s->speed[side][from];
    }
    qsort(s->room, s->n[side], sizeof *s->room, by_value);
    return sorted_trimmed(s->room, s->n[side]);
}

static struct hp_interval difference(const struct sides *s, uint32_t thing)
{
    double draws[RESAMPLES];
    struct hp_rng rng;
    hp_rng_seed(&rng, thing + 1u);
    for (uint32_t i = 0; i < RESAMPLES; i++) {
        draws[i] = normal_mean(s, 1, thing, &rng) - normal_mean(s, 0, thing, &rng);
    }
    qsort(draws, RESAMPLES, sizeof *draws, by_value);
    size_t cut = (size_t)((1 - LEVEL) / 2 * RESAMPLES);
    return (struct hp_interval){normal_mean(s, 1, thing, NULL) - normal_mean(s, 0, thing, NULL), draws[cut],
                                draws[RESAMPLES - 1 - cut]};
}

/* The largest p that Benjamini and Hochberg still accept; 0: none. */
static double accepted_p(const struct hp_moved_test *tests, uint32_t things, double *room)
{
    uint32_t judged = 0;
    for (uint32_t t = 0; t < things; t++) {
        if (tests[t].judged) {
            room[judged++] = tests[t].p;
        }
    }
    qsort(room, judged, sizeof *room, by_value);
    for (uint32_t k = judged; k > 0; k--) {
        if (room[k - 1] <= FALSE_RATE * k / judged) {
            return room[k - 1];
        }
    }
    return 0;
}

hp_err hp_moved_test(const double *before, uint32_t n_before, const double *after, uint32_t n_after,
                     uint32_t things, const bool *as_often, double others_drift, struct hp_arena *scratch,
                     struct hp_moved_test *tests, double *drift)
{
    struct sides s = {
        .values = {before, after}, .n = {n_before, n_after}, .things = things, .as_often = as_often};
    uint32_t *steady = hp_arena_alloc(scratch, things * sizeof *steady + 1, _Alignof(uint32_t));
    hp_err err = steady != NULL ? prepare(&s, scratch) : HP_ENOMEM;
    if (err != HP_OK) {
        return err;
    }
    measure(&s, tests);
    double ratio = n_before != 0 && n_after != 0 ? find_speeds(&s, others_drift, steady) : 1;
    for (uint32_t t = 0; t < things && n_before != 0 && n_after != 0; t++) {
        tests[t].judged = s.usual[t] > 0 && s.usual[t] >= JUDGED_SHARE * s.all;
        tests[t].p = tests[t].judged ? p_of(&s, t) : 1;
    }
    double accepted = accepted_p(tests, things, s.room);
    for (uint32_t t = 0; t < things; t++) {
        if (tests[t].judged && tests[t].p <= accepted &&
            fabs(normal_mean(&s, 1, t, NULL) - normal_mean(&s, 0, t, NULL)) >= MOVED_SHARE * s.all) {
            tests[t].difference = difference(&s, t);
            tests[t].changed = tests[t].difference.low > 0 || tests[t].difference.high < 0;
        }
    }
    if (drift != NULL) {
        *drift = ratio;
    }
    return HP_OK;
}

/* ---- from samples to a matrix ---- */

const char *hp_moved_kind_name(enum hp_moved_kind kind)
{
    static const char *const names[] = {"function", "statement", "wait"};
    return names[kind];
}

struct collection {
    const struct hp_dict *dict;
    uint32_t *function, *statement, *wait; /* index + 1 of the thing; wait: [sym × HP_WAIT_KINDS + kind] */
    uint32_t
        *same; /* [symbols] the first symbol of that file and name: an edit above moves a function's line */
    uint32_t symbols, statements;
    struct hp_moved *things;
    uint32_t count, capacity;
    struct hp_arena *arena;
    double *values; /* where add() adds; thing × n */
    double *calls;  /* likewise, of the whole side */
    uint32_t n, at; /* requests of the side, the one that is read */
    uint64_t *own;  /* [nodes] of one tree */
    uint32_t own_room;
    bool counting; /* first pass: things are only named */
    bool failed;
};

static void add(struct collection *c, uint32_t *slot, struct hp_moved thing, double ns, double calls)
{
    if (!c->counting) {
        c->values[(size_t)(*slot - 1) * c->n + c->at] += ns;
        c->calls[*slot - 1] += calls;
        return;
    }
    if (*slot != 0) {
        hp_assert(*slot <= c->count && c->things != NULL);
        c->things[*slot - 1] = thing; /* as it is on the newer side */
        return;
    }
    if (c->count == c->capacity) {
        uint32_t capacity = c->capacity != 0 ? c->capacity * 2 : 256;
        struct hp_moved *things =
            hp_arena_alloc(c->arena, capacity * sizeof *things, _Alignof(struct hp_moved));
        if (things == NULL) {
            c->failed = true;
            return;
        }
        if (c->count != 0) {
            memcpy(things, c->things, c->count * sizeof *things);
        }
        c->things = things;
        c->capacity = capacity;
    }
    c->things[c->count++] = thing;
    *slot = c->count;
}

/* Whether a wait lies in an execution of its lane: that is the statement's time. */
static bool in_statement(const struct hp_record *record, const struct hp_span *span)
{
    uint32_t low = 0, high = record->stmt_count;
    while (low < high) { /* the first that began later */
        uint32_t middle = low + (high - low) / 2;
        if (record->stmts[middle].t0_ns <= span->t0_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (uint32_t back = 0; low > 0 && back < LANES_BETWEEN; back++) {
        const struct hp_stmt *stmt = &record->stmts[--low];
        if (stmt->lane == span->lane) {
            return span->t0_ns < stmt->t0_ns + stmt->exec_ns + stmt->fetch_ns;
        }
    }
    return false;
}

/* The time of a statement or wait is no function's: off the node where it was noted, and where that has less,
 * off the library function below it that holds most (SQLAlchemy tells of a statement before it calls the
 * function that executes it). */
static void take_from(const struct collection *c, const struct hp_tree *tree, uint32_t node, uint64_t ns)
{
    for (uint32_t step = 0; step < STEPS_DOWN && tree != NULL && node < tree->count && ns != 0; step++) {
        uint64_t taken = c->own[node] < ns ? c->own[node] : ns;
        c->own[node] -= taken;
        ns -= taken;
        uint32_t most = HP_NODE_NONE;
        for (uint32_t i = tree->nodes[node].first_child; i != HP_NODE_NONE; i = tree->nodes[i].next_sibling) {
            if (most == HP_NODE_NONE || c->own[i] > c->own[most]) {
                most = i;
            }
        }
        node = most;
    }
}

static bool own_room(struct collection *c, const struct hp_tree *tree)
{
    if (c->own_room < tree->count) {
        c->own = hp_arena_alloc(c->arena, tree->count * sizeof *c->own, _Alignof(uint64_t));
        c->own_room = c->own != NULL ? tree->count : 0;
    }
    for (uint32_t i = 0; c->own != NULL && i < tree->count; i++) {
        c->own[i] = tree->nodes[i].self;
    }
    c->failed = c->failed || c->own == NULL;
    return c->own != NULL;
}

static void collect_functions(struct collection *c, const struct hp_tree *tree, double slow)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        if ((node->kind == HP_NODE_CALL || node->kind == HP_NODE_TEMPLATE) && node->sym != 0 &&
            node->sym < c->symbols) {
            add(c, &c->function[c->same[node->sym]],
                (struct hp_moved){.kind = HP_MOVED_FUNCTION, .sym = node->sym}, (double)c->own[i] / slow,
                (double)node->calls);
        }
    }
}

/* The engine computes on the request's own thread. */
static bool in_process(const struct collection *c, uint32_t statement)
{
    return hp_dict_statement(c->dict, statement).engine == HP_ENGINE_SQLITE;
}

static void collect(struct collection *c, const struct hp_sample *sample)
{
    const struct hp_record *record = sample->record;
    const struct hp_tree *tree = sample->tree;
    double slow = hp__speed_slowness(sample);
    if (tree != NULL && !own_room(c, tree)) {
        return;
    }
    for (uint32_t i = 0; i < record->group_count; i++) {
        const struct hp_group *group = &record->groups[i];
        if (group->statement < c->statements) {
            add(c, &c->statement[group->statement],
                (struct hp_moved){.kind = HP_MOVED_STATEMENT, .statement = group->statement},
                (double)(group->exec_ns + group->fetch_ns) / (in_process(c, group->statement) ? slow : 1),
                (double)group->count);
        }
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        take_from(c, tree, record->stmts[i].node, record->stmts[i].exec_ns + record->stmts[i].fetch_ns);
    }
    for (uint32_t i = 0; i < record->span_count; i++) {
        const struct hp_span *span = &record->spans[i];
        uint64_t ns = span->t1_ns > span->t0_ns ? span->t1_ns - span->t0_ns : 0;
        if (span->kind < HP_WAIT_KINDS && span->site_sym < c->symbols && !in_statement(record, span)) {
            take_from(c, tree, span->node, ns);
            add(c, &c->wait[(size_t)c->same[span->site_sym] * HP_WAIT_KINDS + span->kind],
                (struct hp_moved){.kind = HP_MOVED_WAIT, .sym = span->site_sym, .wait = span->kind},
                (double)ns, 1);
        }
    }
    if (tree != NULL) {
        collect_functions(c, tree, slow);
    }
}

static uint32_t *slots(struct hp_arena *arena, size_t n)
{
    uint32_t *list = hp_arena_alloc(arena, n * sizeof *list + 1, _Alignof(uint32_t));
    if (list != NULL) {
        memset(list, 0, n * sizeof *list);
    }
    return list;
}

static hp_err find_same(struct collection *c, const struct hp_dict *dict)
{
    struct hp_map first;
    hp_err err = HP_OK;
    c->same = slots(c->arena, c->symbols);
    if (c->same == NULL) {
        return HP_ENOMEM;
    }
    hp_map_init(&first, c->symbols);
    for (uint32_t i = 0; i < c->symbols && err == HP_OK; i++) {
        struct hp_symbol sym = hp_dict_symbol(dict, i);
        uint64_t key = hp_hash64(sym.name.p, sym.name.n, hp_hash64(sym.file.p, sym.file.n, 0));
        if (!hp_map_get(&first, key, &c->same[i])) {
            c->same[i] = i;
            err = hp_map_put(&first, key, i);
        }
    }
    hp_map_fini(&first);
    return err;
}

static double *zeros(struct hp_arena *arena, size_t n)
{
    double *list = doubles(arena, n);
    if (list != NULL) {
        memset(list, 0, n * sizeof *list);
    }
    return list;
}

static double *collect_side(struct collection *c, const struct hp_case *side)
{
    if (!c->counting) {
        c->values = zeros(c->arena, (size_t)c->count * side->sample_count);
        c->calls = zeros(c->arena, c->count);
        if (c->values == NULL || c->calls == NULL) {
            c->failed = true;
            return NULL;
        }
    }
    c->n = side->sample_count;
    for (c->at = 0; c->at < c->n && !c->failed; c->at++) {
        collect(c, &side->samples[c->at]);
    }
    return c->values;
}

/* Of each thing whether requests of both sides do it as often. NULL: no memory. */
static bool *find_as_often(const struct collection *c, const double *before, uint32_t n_before,
                           const double *after, uint32_t n_after)
{
    bool *list = hp_arena_alloc(c->arena, c->count * sizeof *list + 1, _Alignof(bool));
    for (uint32_t t = 0; t < c->count && list != NULL; t++) {
        double old = before[t] / n_before, new = after[t] / n_after;
        list[t] = fabs(new - old) <= AS_OFTEN * (old > new ? old : new);
    }
    return list;
}

static int by_change(const void *a, const void *b)
{
    const struct hp_moved *x = a, *y = b;
    double one = fabs(x->test.difference.value), other = fabs(y->test.difference.value);
    return by_value(&other, &one);
}

static hp_err keep_changed(const struct collection *c, const struct hp_moved_test *tests,
                           struct hp_arena *arena, struct hp_moved **list, uint32_t *count)
{
    struct hp_moved *kept = hp_arena_alloc(arena, c->count * sizeof *kept + 1, _Alignof(struct hp_moved));
    if (kept == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        if (tests[i].changed) {
            kept[*count] = c->things[i];
            kept[(*count)++].test = tests[i];
        }
    }
    if (*count > 1) {
        qsort(kept, *count, sizeof *kept, by_change);
    }
    *list = kept;
    return HP_OK;
}

hp_err hp_moved_find(const struct hp_case *before, const struct hp_case *after, struct hp_arena *arena,
                     struct hp_moved **list, uint32_t *count, bool *enough, double *drift)
{
    struct hp_arena scratch;
    struct collection c = {.dict = before->dict, .arena = &scratch, .counting = true};
    *list = NULL;
    *count = 0;
    *drift = 1;
    *enough = before->sample_count >= HP_COMPARE_ENOUGH && after->sample_count >= HP_COMPARE_ENOUGH;
    if (!*enough) {
        return HP_OK;
    }
    hp_arena_init(&scratch, (size_t)1 << 30);
    c.symbols = hp_dict_symbol_count(before->dict);
    c.statements = hp_dict_statement_count(before->dict);
    c.function = slots(&scratch, c.symbols);
    c.statement = slots(&scratch, c.statements);
    c.wait = slots(&scratch, (size_t)c.symbols * HP_WAIT_KINDS);
    hp_err err = c.function != NULL && c.statement != NULL && c.wait != NULL ? HP_OK : HP_ENOMEM;
    err = err == HP_OK ? find_same(&c, before->dict) : err;
    if (err == HP_OK) {
        (void)collect_side(&c, before);
        (void)collect_side(&c, after);
        c.counting = false;
        const double *old = collect_side(&c, before), *old_calls = c.calls;
        const double *new = c.failed ? NULL : collect_side(&c, after);
        struct hp_moved_test *tests =
            hp_arena_alloc(&scratch, c.count * sizeof *tests + 1, _Alignof(struct hp_moved_test));
        const bool *as_often =
            c.failed ? NULL
                     : find_as_often(&c, old_calls, before->sample_count, c.calls, after->sample_count);
        err = as_often == NULL || tests == NULL
                  ? HP_ENOMEM
                  : hp_moved_test(old, before->sample_count, new, after->sample_count, c.count, as_often,
                                  after->others_drift, &scratch, tests, drift);
        if (err == HP_OK) {
            err = keep_changed(&c, tests, arena, list, count);
        }
    }
    hp_arena_fini(&scratch);
    return err;
}
