/* rule_thread_churn.c -- a thread per item, or a pool of threads made in the request.
 *
 * Principle: threads started in a request for each of its items are paid every time, and mostly the calls
 * that they spread are not needed there: what is gone is the starting, the joining, and the wait for the
 * slowest. The same holds for an executor made in the request.
 *
 * Evidence: n ≥ 3 lanes of kind thread, or of pool items of which some run on threads that this request
 * started, begun at one application line; in at least half of the sampled requests.
 *
 * Silent: a pool that lives on (its threads belong to no request, or to the first ones only); lanes at one
 * line that run different functions (calls that are parallel already, each for its own purpose); one or two
 * threads; greenlets and tasks; whatever saves too little (find.c).
 *
 * Calls that are side by side already: where a few lanes mostly wait for something outside (another service,
 * a disk, a database), they do what threads are for. Then only starting them is waste, and only that is
 * priced. One for each of many items is a crowd, a pool's too.
 *
 * Saving: predicted = high = none of these calls here: a replay without the lanes, their start and join, and
 * without the rest of the library calls (Thread, start, join, submit, shutdown) that the application's
 * function made for them. low = a reused pool: only what starting threads cost. A query per item inside a
 * thread per item is this one cause; its statement is named in the evidence.
 */
#include <string.h>
#include "base/show.h"
#include "find/find_int.h"

#define MIN_LANES 3u
#define MAX_SITES 64u
#define LINES     16u
#define FEW       8u /* that are no crowd */

static bool is_started_thread(const struct hp_lane *lane)
{
    return lane->kind == HP_LANE_THREAD || lane->kind == HP_LANE_POOL;
}

/* Mark the lanes that `site_sym` started at lines with at least three, of which one is a new thread. Returns
 * how many. */
static uint32_t pick(const struct hp__view *view, uint32_t site_sym, bool *lanes)
{
    const struct hp_record *record = view->sample->record;
    uint32_t line[LINES], count[LINES], fresh[LINES], lines = 0, picked = 0;
    memset(lanes, 0, record->lane_count * sizeof *lanes);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < record->lane_count; i++) {
            const struct hp_lane *lane = &record->lanes[i];
            if (!is_started_thread(lane) || lane->site_sym != site_sym || view->lane_taken[i]) {
                continue;
            }
            uint32_t k = 0;
            while (k < lines && line[k] != lane->site_line) {
                k++;
            }
            if (pass == 1) {
                lanes[i] = k < lines && count[k] >= MIN_LANES && fresh[k] > 0;
                picked += lanes[i];
                continue;
            }
            if (k == lines && lines < LINES) {
                line[lines] = lane->site_line;
                count[lines] = fresh[lines] = 0;
                lines++;
            }
            if (k < lines) {
                count[k]++;
                fresh[k] += lane->kind == HP_LANE_THREAD || (lane->flags & HP_LANE_NEW_EXECUTOR);
            }
        }
    }
    return picked;
}

/* Different application functions that the lanes below `parent_node` run: the first application node on each
 * way down. */
static uint32_t count_targets(const struct hp__view *view, uint32_t parent_node)
{
    const struct hp_tree *tree = view->sample->tree;
    uint32_t seen[8], count = 0;
    for (uint32_t i = 1; i < tree->count && count < 8; i++) {
        if (!view->app[i] || !hp_tree_live(tree, i)) {
            continue;
        }
        uint32_t at = tree->nodes[i].parent;
        while (at != HP_NODE_ROOT && !view->app[at] && tree->nodes[at].kind != HP_NODE_LANE) {
            at = tree->nodes[at].parent;
        }
        if (at == HP_NODE_ROOT || tree->nodes[at].kind != HP_NODE_LANE ||
            tree->nodes[at].parent != parent_node) {
            continue;
        }
        uint32_t k = 0;
        while (k < count && seen[k] != tree->nodes[i].sym) {
            k++;
        }
        if (k == count) {
            seen[count++] = tree->nodes[i].sym;
        }
    }
    return count;
}

static bool is_per_item(const struct hp__view *view, const bool *lanes, uint32_t n)
{
    const struct hp_record *record = view->sample->record;
    if (view->sample->tree == NULL) {
        return true;
    }
    for (uint32_t i = 0; i < record->lane_count; i++) {
        if (lanes[i]) {
            uint32_t targets = count_targets(view, record->lanes[i].parent_node);
            return targets < 2 || targets * 2 < n;
        }
    }
    return false;
}

/* Same module, or the same package below the top: threading.py; concurrent/futures/thread.py and _base.py. */
static bool is_same_module(struct hp_str a, struct hp_str b)
{
    size_t slash = a.n;
    while (slash > 0 && a.p[slash - 1] != '/') {
        slash--;
    }
    if (slash == 0) {
        return hp_str_eq(a, b);
    }
    return b.n > slash && memcmp(a.p, b.p, slash) == 0 &&
           hp_str_find_char(hp_str_make(b.p + slash, b.n - slash), '/') == b.n - slash;
}

/* Mark the library calls that start and join the lanes, and their siblings of the same module (the
 * constructor, shutdown). */
static void mark_calls(const struct hp__view *view, const struct hp_dict *dict, const bool *lanes,
                       uint8_t *marked)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    uint32_t last = HP_NODE_NONE;
    for (uint32_t i = 0; i < record->lane_count; i++) {
        if (!lanes[i] || record->lanes[i].parent_node == last) {
            continue;
        }
        last = record->lanes[i].parent_node;
        uint32_t entry = hp__view_entry_of(view, last);
        if (entry == HP_NODE_NONE) {
            continue;
        }
        marked[entry] = 1;
        struct hp_str file = hp_dict_symbol(dict, tree->nodes[entry].sym).file;
        for (uint32_t k = 1; k < tree->count; k++) {
            bool sibling =
                view->owner[k] == view->owner[entry] && !view->app[k] && view->app[tree->nodes[k].parent];
            if (sibling && tree->nodes[k].kind != HP_NODE_LANE &&
                is_same_module(file, hp_dict_symbol(dict, tree->nodes[k].sym).file)) {
                marked[k] = 1;
            }
        }
    }
    for (uint32_t i = 0; i < record->edge_count; i++) {
        const struct hp_edge *edge = &record->edges[i];
        bool waits = edge->kind == HP_EDGE_JOIN || edge->kind == HP_EDGE_RESULT;
        if (waits && edge->other < record->lane_count && lanes[edge->other]) {
            uint32_t entry = hp__view_entry_of(view, edge->node);
            if (entry != HP_NODE_NONE) {
                marked[entry] = 1;
            }
        }
    }
}

struct parent_part { /* what the lanes cost the lane that started them */
    uint64_t first_ns, spawn_ns, wait_ns;
    bool is;
};

static struct parent_part part_of(const struct hp_record *record, const bool *lanes, uint32_t parent)
{
    struct parent_part part = {.first_ns = UINT64_MAX};
    for (uint32_t i = 0; i < record->lane_count; i++) {
        if (lanes[i] && record->lanes[i].parent == parent) {
            part.is = true;
            part.spawn_ns += record->lanes[i].spawn_cost_ns;
            part.first_ns =
                record->lanes[i].spawn_ns < part.first_ns ? record->lanes[i].spawn_ns : part.first_ns;
        }
    }
    for (uint32_t i = 0; i < record->edge_count; i++) {
        const struct hp_edge *edge = &record->edges[i];
        bool waits = edge->kind == HP_EDGE_JOIN || edge->kind == HP_EDGE_RESULT;
        if (waits && edge->lane == parent && edge->other < record->lane_count && lanes[edge->other]) {
            part.wait_ns += edge->t1_ns > edge->t0_ns ? edge->t1_ns - edge->t0_ns : 0;
        }
    }
    return part;
}

/* Library time of the marked calls beside what the lanes and edges account for. */
static uint64_t rest_ns(const struct hp__view *view, const struct hp_dict *dict, struct hp_arena *arena,
                        const bool *lanes, struct parent_part part)
{
    const struct hp_tree *tree = view->sample->tree;
    if (tree == NULL) {
        return 0;
    }
    uint8_t *marked = hp_arena_alloc(arena, tree->count, 1);
    if (marked == NULL) {
        return 0;
    }
    memset(marked, 0, tree->count);
    mark_calls(view, dict, lanes, marked);
    uint64_t total = 0, known = part.spawn_ns + part.wait_ns;
    for (uint32_t i = 1; i < tree->count; i++) {
        total += marked[i] ? tree->nodes[i].total : 0;
    }
    return total > known ? total - known : 0;
}

static bool any_pool(const struct hp_record *record, const bool *lanes)
{
    for (uint32_t i = 0; i < record->lane_count; i++) {
        if (lanes[i] && record->lanes[i].kind == HP_LANE_POOL) {
            return true;
        }
    }
    return false;
}

/* Whether a wait is for something that computes elsewhere. */
static bool is_outside(uint8_t kind)
{
    return kind != HP_WAIT_LOCK && kind != HP_WAIT_GIL && kind != HP_WAIT_QUEUE && kind != HP_WAIT_AWAIT &&
           kind != HP_WAIT_LOOP;
}

/* Whether the lanes wait side by side for something outside: a few, and most of their time. */
static bool are_side_by_side(const struct hp_record *record, const bool *lanes, uint32_t n)
{
    uint64_t all_ns = 0, outside_ns = 0;
    for (uint32_t i = 0; i < record->lane_count; i++) {
        const struct hp_lane *lane = &record->lanes[i];
        if (lanes[i]) {
            all_ns += lane->end_ns > lane->start_ns ? lane->end_ns - lane->start_ns : 0;
        }
    }
    for (uint32_t i = 0; i < record->wait_count; i++) {
        const struct hp_wait *wait = &record->waits[i];
        outside_ns +=
            wait->lane < record->lane_count && lanes[wait->lane] && is_outside(wait->kind) ? wait->ns : 0;
    }
    return n <= FEW && outside_ns * 2 >= all_ns;
}

hp_err hp__thread_churn_cut(const struct hp__view *view, const struct hp_dict *dict, struct hp_arena *arena,
                            const bool *lanes, struct hp__cut *all, struct hp__cut *pool)
{
    const struct hp_record *record = view->sample->record;
    bool counted =
        false; /* the tree is shared by all lanes: its rest belongs to the first lane that starts some */
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < record->lane_count && err == HP_OK; i++) {
        if (lanes[i]) {
            err = hp__cut_lane(arena, all, record, i);
            if (err == HP_OK) {
                err = hp__cut_add(arena, pool, record->lanes[i].parent, record->lanes[i].spawn_ns,
                                  record->lanes[i].spawn_cost_ns);
            }
        }
    }
    for (uint32_t parent = 0; parent < record->lane_count && err == HP_OK && !counted; parent++) {
        struct parent_part part = part_of(record, lanes, parent);
        if (!part.is || lanes[parent]) {
            continue;
        }
        uint64_t rest = rest_ns(view, dict, arena, lanes, part);
        err = hp__cut_add(arena, all, parent, part.first_ns, rest);
        /* In a pool's calls the rest may hold the wait of a shutdown, which a reused pool would have
         * elsewhere. */
        if (err == HP_OK && !any_pool(record, lanes)) {
            err = hp__cut_add(arena, pool, parent, part.first_ns, rest);
        }
        counted = true;
    }
    return err;
}

struct candidate {
    uint32_t site_sym;
    struct hp_finding finding;
    struct hp__places places;
    struct hp__spread lanes, spawn_ns, each_ns, statements;
    uint32_t statement, pooled;
};

static void note_request(struct candidate *cand, const struct hp__view *view, const bool *lanes, uint32_t n)
{
    const struct hp_record *record = view->sample->record;
    uint64_t spawn_ns = 0, each_ns = 0, statements = 0;
    for (uint32_t i = 0; i < record->lane_count; i++) {
        const struct hp_lane *lane = &record->lanes[i];
        if (lanes[i]) {
            uint64_t ns = lane->end_ns > lane->start_ns ? lane->end_ns - lane->start_ns : 0;
            spawn_ns += lane->spawn_cost_ns;
            each_ns += ns;
            hp__places_add(&cand->places, lane->site_sym, lane->site_line, lane->via_sym,
                           ns + lane->spawn_cost_ns);
            cand->pooled += lane->kind == HP_LANE_POOL;
        }
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        uint32_t lane = record->stmts[i].lane;
        if (lane < record->lane_count && lanes[lane]) {
            statements++;
            cand->statement = record->stmts[i].statement;
        }
    }
    hp__spread_add(&cand->lanes, n);
    hp__spread_add(&cand->spawn_ns, spawn_ns);
    hp__spread_add(&cand->each_ns, each_ns / n);
    hp__spread_add(&cand->statements, statements);
    cand->finding.seen++;
}

static void describe(struct hp__find *f, struct candidate *cand, uint64_t pool_ns)
{
    struct hp_finding *finding = &cand->finding;
    uint64_t n = hp__spread_median(&cand->lanes), statements = hp__spread_median(&cand->statements);
    char count[HP_SHOW_BYTES], reuse[HP_SHOW_BYTES];
    hp_show_count(count, n);
    hp_show_ns(reuse, pool_ns);
    finding->title = cand->pooled != 0
                         ? hp__textf(f->arena, "a thread pool made per request for %s items", count)
                         : hp__textf(f->arena, "%s threads, one per item", count);
    const char *together = statements * 2 >= n ? "one query for all items instead of one in each thread"
                                               : "one call for all items, if the other side offers one";
    finding->advice = hp__textf(f->arena,
                                "Do not do it here: load the values when somebody asks for them, or in a "
                                "background job if the response does not need them. Do it "
                                "once: keep results that rarely change. Do it together: %s. If the calls "
                                "must stay: one ThreadPoolExecutor at module level "
                                "shared by all requests; that alone saves about %s.",
                                together, reuse);
    hp__finding_number(finding, "threads", (double)n);
    hp__finding_number(finding, "each_ms", (double)hp__spread_median(&cand->each_ns) / 1e6);
    hp__finding_number(finding, "start_ms", (double)hp__spread_median(&cand->spawn_ns) / 1e6);
    hp__finding_number(finding, "reused_pool_saves_ms", (double)pool_ns / 1e6);
    if (statements != 0) {
        hp__finding_number(finding, "statements_inside", (double)statements);
        hp__finding_text(finding, "statement", hp_dict_statement(f->c->dict, cand->statement).text);
    }
}

/* The lanes below gone ones are gone too. */
static void take_lanes(struct hp__view *view, const bool *lanes)
{
    const struct hp_record *record = view->sample->record;
    for (uint32_t i = 1; i < record->lane_count; i++) {
        uint32_t parent = record->lanes[i].parent;
        if (lanes[i] || (parent < i && view->lane_taken[parent])) {
            view->lane_taken[i] = true;
        }
    }
}

static hp_err take(struct hp__find *f, const struct candidate *cand, bool *lanes)
{
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        struct hp__view *view = &f->views[i];
        const struct hp_tree *tree = view->sample->tree;
        if (pick(view, cand->site_sym, lanes) == 0) {
            continue;
        }
        if (tree != NULL) {
            uint8_t *marked = hp_arena_alloc(f->arena, tree->count, 1);
            if (marked == NULL) {
                return HP_ENOMEM;
            }
            memset(marked, 0, tree->count);
            mark_calls(view, f->c->dict, lanes, marked);
            for (uint32_t k = 1; k < tree->count; k++) {
                if (marked[k]) {
                    hp__view_take_node(view, k);
                }
            }
        }
        take_lanes(view, lanes);
    }
    return HP_OK;
}

static hp_err start(struct hp__find *f, struct candidate *cand, uint32_t site_sym)
{
    memset(cand, 0, sizeof *cand);
    cand->site_sym = site_sym;
    hp_err err = hp__finding_init(f, &cand->finding, HP_FIND_thread_churn);
    struct hp__spread *spreads[] = {&cand->lanes, &cand->spawn_ns, &cand->each_ns, &cand->statements};
    for (size_t i = 0; i < sizeof spreads / sizeof *spreads && err == HP_OK; i++) {
        err = hp__spread_init(f, spreads[i]);
    }
    return err;
}

static hp_err try_site(struct hp__find *f, uint32_t site_sym, bool *lanes)
{
    struct candidate cand;
    struct hp__spread pool_saves;
    bool kept = false;
    hp_err err = start(f, &cand, site_sym);
    if (err == HP_OK) {
        err = hp__spread_init(f, &pool_saves);
    }
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        struct hp__view *view = &f->views[i];
        uint32_t n = pick(view, site_sym, lanes);
        if (n == 0 || !is_per_item(view, lanes, n)) {
            continue;
        }
        struct hp__cut all = {0}, pool = {0};
        note_request(&cand, view, lanes, n);
        err = hp__thread_churn_cut(view, f->c->dict, f->arena, lanes, &all, &pool);
        if (err == HP_OK) {
            bool needed = are_side_by_side(view->sample->record, lanes, n);
            err = hp__finding_price(f, &cand.finding, i, needed ? &pool : &all, &pool, NULL);
            hp__spread_add(&pool_saves, cand.finding.low_ns[i]);
        }
    }
    if (err != HP_OK || cand.finding.seen == 0) {
        return err;
    }
    hp__places_choose(&cand.places, &cand.finding);
    describe(f, &cand, hp__spread_median(&pool_saves));
    err = hp__find_offer(f, &cand.finding, false, &kept);
    return err == HP_OK && kept ? take(f, &cand, lanes) : err;
}

hp_err hp__rule_thread_churn(struct hp__find *f)
{
    uint32_t sites[MAX_SITES], count = 0, most = 1;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_record *record = f->c->samples[i].record;
        most = record->lane_count > most ? record->lane_count : most;
        for (uint32_t k = 0; k < record->lane_count; k++) {
            uint32_t at = 0;
            while (at < count && sites[at] != record->lanes[k].site_sym) {
                at++;
            }
            if (is_started_thread(&record->lanes[k]) && at == count && count < MAX_SITES) {
                sites[count++] = record->lanes[k].site_sym;
            }
        }
    }
    bool *lanes = hp_arena_alloc(f->arena, most * sizeof *lanes, 1);
    hp_err err = lanes != NULL ? HP_OK : HP_ENOMEM;
    for (uint32_t i = 0; i < count && err == HP_OK; i++) {
        err = try_site(f, sites[i], lanes);
    }
    return err;
}
