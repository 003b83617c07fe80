/* rule_tail_latency.c -- some requests take far longer than the typical one, and one part of them is why.
 *
 * Principle: compare slow requests with typical ones part by part (statements, waits, functions' own time);
 * the part that is longer in nearly all slow ones is the cause, whatever its kind.
 *
 * Evidence: at least 20 sampled requests, of which three or more, at most two fifths, take twice the median
 * and 5 ms more; one part accounts for half of what they take more in two thirds of them. Runs last.
 *
 * Silent: where other findings explain half of a slow request already; slow requests at the beginning only
 * (warming up, find.c); nothing that they have in common (a busy machine or another thread that computes,
 * whose time is taken off, is nobody's line, nor is a full collection now and then); a wait of all requests,
 * or a statement that is asked as often and brings as many rows in all, that is not ten times as long in
 * these (how fast the other side answers changes).
 *
 * Saving: what the part takes beyond its typical time, in the slow requests; priced at p95. low = 0.
 */
#include <string.h>
#include "base/show.h"
#include "find/compare.h"
#include "find/find_int.h"

#define MIN_SAMPLES 20u
#define MIN_SLOW    3u
#define MIN_FACTOR  2u
#define MIN_MORE_NS 5000000u
#define SHARE       0.5
#define USUAL       10u /* times that a wait of all requests must be longer in slow ones */
#define MAX_PARTS   512u

struct part {
    enum hp_moved_kind kind;
    uint32_t id, site; /* statement, or kind of wait, or symbol */
    uint32_t line;
};

struct table {
    struct part parts[MAX_PARTS];
    uint32_t count;
    uint64_t *ns;       /* [part × requests + request] */
    uint64_t *size;     /* the same, of statements: executions and rows */
    uint64_t *usual_ns; /* [part] */
    uint64_t *quiet_ns; /* [request] what it takes where the machine and other threads leave it alone */
    uint64_t *more_ns;  /* [request] beyond the median and what is explained; 0: not slow */
    uint64_t *room;     /* [request] */
};

static void add(struct table *table, uint32_t requests, uint32_t request, struct part part, uint64_t ns,
                uint64_t size)
{
    uint32_t k = 0;
    while (k < table->count && !(table->parts[k].kind == part.kind && table->parts[k].id == part.id &&
                                 table->parts[k].site == part.site)) {
        k++;
    }
    if (k == MAX_PARTS) {
        return;
    }
    if (k == table->count) {
        table->parts[table->count++] = part;
    }
    table->ns[(size_t)k * requests + request] += ns;
    table->size[(size_t)k * requests + request] += size;
}

static void add_events(const struct hp__find *f, struct table *table, uint32_t i)
{
    const struct hp__view *view = &f->views[i];
    const struct hp_record *record = view->sample->record;
    uint32_t n = f->c->sample_count;
    for (uint32_t k = 0; k < record->stmt_count; k++) {
        const struct hp_stmt *stmt = &record->stmts[k];
        if (stmt->lane == 0 && hp__view_free_stmt(view, k)) {
            uint64_t ns = stmt->exec_ns + stmt->fetch_ns;
            add(table, n, i,
                (struct part){HP_MOVED_STATEMENT, stmt->statement, stmt->site_sym, stmt->site_line},
                ns > view->aside_ns[k] ? ns - view->aside_ns[k] : 0,
                1 + (stmt->rows != HP_ABSENT ? stmt->rows : 0));
        }
    }
    for (uint32_t k = 0; k < record->wait_count; k++) {
        const struct hp_wait *wait = &record->waits[k];
        if (wait->lane == 0 && wait->kind != HP_WAIT_DB && wait->kind != HP_WAIT_GIL && wait->site_sym != 0) {
            add(table, n, i, (struct part){HP_MOVED_WAIT, wait->kind, wait->site_sym, wait->site_line},
                wait->ns, 0);
        }
    }
}

static hp_err add_functions(struct hp__find *f, struct hp_arena *arena, struct table *table, uint32_t i)
{
    const struct hp__view *view = &f->views[i];
    const struct hp_tree *tree = view->sample->tree;
    uint64_t *own = NULL;
    double slow = hp__speed_slowness(view->sample);
    hp_err err = tree != NULL ? hp__hot_function_nodes(view, f->c->dict, arena, &own) : HP_OK;
    for (uint32_t k = 1; err == HP_OK && tree != NULL && k < tree->count; k++) {
        if (own[k] * 100 > view->sample->duration_ns) {
            uint32_t sym = tree->nodes[k].sym;
            add(table, f->c->sample_count, i, (struct part){HP_MOVED_FUNCTION, sym, sym, 0},
                (uint64_t)((double)own[k] / slow), 0);
        }
    }
    return err;
}

/* What other findings would save of the request. */
static uint64_t explained_ns(const struct hp__find *f, uint32_t request)
{
    uint64_t ns = 0;
    for (uint32_t k = 0; k < f->out->count; k++) {
        ns += f->out->list[k].saving_ns[request];
    }
    return ns;
}

/* Neither ready without a processor nor waiting for another thread's turn of Python: both hit whatever runs
 * at that moment. */
static uint64_t quiet_ns(const struct hp_sample *sample)
{
    uint64_t ns = hp__speed_quiet_ns(sample), away = 0;
    const struct hp_record *record = sample->record;
    for (uint32_t i = 0; i < record->wait_count; i++) {
        const struct hp_wait *wait = &record->waits[i];
        away += wait->kind == HP_WAIT_GIL && wait->lane == 0 ? wait->ns : 0;
    }
    return ns > away ? ns - away : 0;
}

static uint32_t find_slow(const struct hp__find *f, struct table *table)
{
    uint32_t n = f->c->sample_count, slow = 0, all = 0;
    for (uint32_t i = 0; i < n; i++) {
        table->quiet_ns[i] = quiet_ns(&f->c->samples[i]);
    }
    memcpy(table->room, table->quiet_ns, n * sizeof *table->room);
    hp_compare_sort(table->room, n);
    uint64_t median = (uint64_t)hp_compare_quantile((struct hp_compare_side){table->room, n}, 0.5);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t ns = table->quiet_ns[i];
        if (ns >= MIN_FACTOR * median && ns >= median + MIN_MORE_NS) {
            uint64_t more = ns - median;
            all++;
            table->more_ns[i] = explained_ns(f, i) * 2 < more ? more : 0;
            slow += table->more_ns[i] != 0;
        }
    }
    return all * 5 <= n * 2 ? slow : 0;
}

static void find_usual(const struct hp__find *f, struct table *table)
{
    uint32_t n = f->c->sample_count;
    for (uint32_t k = 0; k < table->count; k++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (table->more_ns[i] == 0) {
                table->room[count++] = table->ns[(size_t)k * n + i];
            }
        }
        hp_compare_sort(table->room, count);
        table->usual_ns[k] = (uint64_t)hp_compare_quantile((struct hp_compare_side){table->room, count}, 0.5);
    }
}

/* What a part takes beyond its typical time even if all of the time without a processor fell into it. That of
 * functions is without it already. */
static uint64_t beyond_ns(const struct hp__find *f, const struct table *table, uint32_t part,
                          uint32_t request)
{
    const struct hp_sample *sample = &f->c->samples[request];
    uint64_t ns = table->ns[(size_t)part * f->c->sample_count + request], usual = table->usual_ns[part];
    if (table->parts[part].kind != HP_MOVED_FUNCTION) {
        usual += sample->duration_ns - hp__speed_quiet_ns(sample);
    }
    return ns > usual ? ns - usual : 0;
}

/* The application's function in a request's tree that the part is in; HP_NODE_NONE: not known. */
static uint32_t node_of(const struct hp__view *view, const struct part *part)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    uint32_t found = HP_NODE_NONE, line;
    uint64_t most = 0;
    for (uint32_t i = 1; part->kind == HP_MOVED_FUNCTION && i < tree->count; i++) {
        if (tree->nodes[i].sym == part->id && tree->nodes[i].total >= most) {
            found = i;
            most = tree->nodes[i].total;
        }
    }
    for (uint32_t i = 0; part->kind == HP_MOVED_STATEMENT && i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        found = stmt->statement == part->id && stmt->site_sym == part->site ? stmt->node : found;
    }
    for (uint32_t i = 0; part->kind == HP_MOVED_WAIT && i < record->wait_count; i++) {
        const struct hp_wait *wait = &record->waits[i];
        if (wait->kind == part->id && wait->site_sym == part->site && wait->ns >= most) {
            found = wait->node;
            most = wait->ns;
        }
    }
    return found >= tree->count || view->app[found] ? found : hp__view_caller(view, found, &line);
}

/* Whether a statement is asked more often, or brings more, in slow requests than in usual ones: by half or
 * more on average. */
static bool is_larger(const struct hp__find *f, const struct table *table, uint32_t part)
{
    uint64_t size[2] = {0, 0}, count[2] = {0, 0};
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        bool slow = table->more_ns[i] != 0;
        size[slow] += table->size[(size_t)part * f->c->sample_count + i];
        count[slow]++;
    }
    return size[1] * count[0] * 2 >= size[0] * count[1] * 3;
}

/* By the way on which the longest wait is, where that is known: functions that all requests call for other
 * things say nothing. */
static bool all_run(const struct hp__find *f, const struct table *table, uint32_t part)
{
    uint32_t longest = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        bool longer = beyond_ns(f, table, part, i) > beyond_ns(f, table, part, longest);
        longest = table->more_ns[i] != 0 && (table->more_ns[longest] == 0 || longer) ? i : longest;
    }
    const struct hp__view *view = &f->views[longest];
    uint32_t node = view->sample->tree != NULL ? node_of(view, &table->parts[part]) : HP_NODE_NONE;
    return node == HP_NODE_NONE || hp__place_runs(f, table->more_ns, view, node);
}

/* Whether usual requests wait for the part, too, and about as long: how fast the other side answers
 * changes. */
static bool is_usual(const struct hp__find *f, const struct table *table, uint32_t part, uint64_t slow_ns)
{
    enum hp_moved_kind kind = table->parts[part].kind;
    if (kind == HP_MOVED_FUNCTION || table->usual_ns[part] * USUAL <= slow_ns) {
        return false;
    }
    return kind == HP_MOVED_STATEMENT ? !is_larger(f, table, part) : all_run(f, table, part);
}

/* The part that accounts for the slow requests; MAX_PARTS: none does. */
static uint32_t choose(const struct hp__find *f, const struct table *table, uint32_t slow)
{
    uint32_t best = MAX_PARTS, n = f->c->sample_count;
    uint64_t most = 0;
    for (uint32_t k = 0; k < table->count; k++) {
        uint32_t count = 0;
        uint64_t sum = 0;
        for (uint32_t i = 0; i < n; i++) {
            uint64_t beyond = table->more_ns[i] != 0 ? beyond_ns(f, table, k, i) : 0;
            count += beyond != 0 && (double)beyond >= SHARE * (double)table->more_ns[i];
            sum += beyond;
        }
        if (count >= MIN_SLOW && count * 3 >= slow * 2 && sum > most && !is_usual(f, table, k, sum / slow)) {
            most = sum;
            best = k;
        }
    }
    return best;
}

static void describe(struct hp__find *f, struct hp_finding *finding, const struct part *part,
                     uint64_t usual_ns, uint64_t slow_ns, uint32_t slow)
{
    struct hp_str name = hp__finding_part(f, part->kind, part->id);
    char more[HP_SHOW_BYTES], usual[HP_SHOW_BYTES];
    hp_show_ns(more, slow_ns);
    hp_show_ns(usual, usual_ns);
    finding->title = hp__textf(f->arena, "slow requests spend %s more in %.*s", more, (int)name.n, name.p);
    finding->advice = hp__textf(
        f->arena,
        "Typical requests take %s for it. Look at the example requests for what they share (an input, an "
        "expired cache entry, a full page instead of a part). Do not do it "
        "here: work that comes due now and then belongs into a background job, not into the request that "
        "happens to find it. Do it once: renew a cache "
        "ahead of its end, by one request alone. Do it faster: bound it by input (pages, limits, a timeout).",
        usual);
    hp__finding_text(finding, "part", name);
    hp__finding_number(finding, "slow_requests", slow);
    hp__finding_number(finding, "usual_ms", (double)usual_ns / 1e6);
    hp__finding_number(finding, "slow_more_ms", (double)slow_ns / 1e6);
}

/* The part's line, or above functions that the usual requests do not run the line from which only the slow
 * ones go on. */
static struct hp__spot find_spot(const struct hp__find *f, const struct table *table, const struct part *part,
                                 uint32_t request)
{
    const struct hp__view *view = &f->views[request];
    uint32_t line = part->line != 0 ? part->line : hp_dict_symbol(f->c->dict, part->site).line;
    uint32_t node = view->sample->tree != NULL ? node_of(view, part) : HP_NODE_NONE;
    struct hp__spot spot = part->kind == HP_MOVED_FUNCTION
                               ? hp__place_function(f, view, part->id)
                               : (struct hp__spot){.sym = part->site, .line = line};
    return hp__place_turn(f, table->more_ns, request, node, spot);
}

static hp_err price(struct hp__find *f, struct table *table, uint32_t k)
{
    struct hp_finding finding;
    struct hp__spread beyond;
    const struct part *part = &table->parts[k];
    struct hp__places places = {.count = 0};
    uint32_t n = f->c->sample_count;
    bool kept;
    hp_err err = hp__finding_init(f, &finding, HP_FIND_tail_latency);
    err = err == HP_OK ? hp__spread_init(f, &beyond) : err;
    for (uint32_t i = 0; i < n && err == HP_OK; i++) {
        uint64_t ns = table->more_ns[i] != 0 ? beyond_ns(f, table, k, i) : 0;
        if (ns != 0) {
            struct hp__spot spot = find_spot(f, table, part, i);
            hp__places_add(&places, spot.sym, spot.line, 0, ns);
            finding.seen++;
            hp__spread_add(&beyond, ns);
            err = hp__bound_price(f, &finding, i, ns, 0, ns);
        }
    }
    if (err != HP_OK || finding.seen == 0) {
        return err;
    }
    finding.subject_sym = part->site;
    hp__places_choose(&places, &finding);
    finding.statement = part->kind == HP_MOVED_STATEMENT ? part->id : 0;
    finding.tail = true;
    describe(f, &finding, part, table->usual_ns[k], hp__spread_median(&beyond), finding.seen);
    return hp__find_offer(f, &finding, true, &kept);
}

static hp_err run(struct hp__find *f, struct hp_arena *arena)
{
    uint32_t n = f->c->sample_count;
    struct table *table = hp__zeroed(arena, 1, sizeof *table);
    if (table == NULL) {
        return HP_ENOMEM;
    }
    table->more_ns = hp__zeroed(arena, n, sizeof *table->more_ns);
    table->room = hp__zeroed(arena, n, sizeof *table->room);
    table->quiet_ns = hp__zeroed(arena, n, sizeof *table->quiet_ns);
    table->usual_ns = hp__zeroed(arena, MAX_PARTS, sizeof *table->usual_ns);
    table->ns = hp__zeroed(arena, (size_t)MAX_PARTS * n, sizeof *table->ns);
    table->size = hp__zeroed(arena, (size_t)MAX_PARTS * n, sizeof *table->size);
    if (table->more_ns == NULL || table->size == NULL || table->room == NULL || table->quiet_ns == NULL ||
        table->usual_ns == NULL || table->ns == NULL) {
        return HP_ENOMEM;
    }
    uint32_t slow = find_slow(f, table);
    hp_err err = HP_OK;
    for (uint32_t i = 0; slow >= MIN_SLOW && i < n && err == HP_OK; i++) {
        add_events(f, table, i);
        err = add_functions(f, arena, table, i);
    }
    if (err != HP_OK || slow < MIN_SLOW) {
        return err;
    }
    find_usual(f, table);
    uint32_t k = choose(f, table, slow);
    return k != MAX_PARTS ? price(f, table, k) : HP_OK;
}

hp_err hp__rule_tail_latency(struct hp__find *f)
{
    struct hp_arena arena;
    if (f->c->sample_count < MIN_SAMPLES) {
        return HP_OK;
    }
    hp_arena_init(&arena, (size_t)512 << 20);
    hp_err err = run(f, &arena);
    hp_arena_fini(&arena);
    return err;
}
