/* rule_cold_start.c -- the first request of a process does work that could have been done when it started.
 *
 * Principle: what the first request loads, imports or builds for all that follow belongs into the start of
 * the process, where nobody waits.
 *
 * Evidence: a call tree; the earliest sampled request (of several processes one each: the same number in its
 * process) takes five times the others' median and 150 ms more (30 ms where three processes or more show it,
 * 10 ms where then also three fifths of that are lines of the application or a module that a line of it
 * imports), and of that at least three fifths are imports, or computing and sleeping below one application
 * function that the others do not run (or in that function itself). A first one needs three others beside it,
 * or one where three processes or more show it.
 *
 * Silent: several slow requests of one process (a cache that fills by key); a first request that was answered
 * otherwise than all others (another status, or a body twice or half as long: it asked for something else),
 * unless it imports; what waits for a server of a database or a peer (a cache that is filled from there), or
 * asks an embedded database for one key after the other (a cache that is filled by key); the warming up of
 * libraries and of the framework (compiling templates, mapping classes) below functions that run always.
 *
 * Saving: what the first request takes more, of that request: figures are of first requests alone, and rank
 * by one request a process.
 */
#include <string.h>
#include "base/show.h"
#include "find/compare.h"
#include "find/find_int.h"

#define MIN_FACTOR    5u
#define MIN_MORE_NS   150000000u
#define SEVERAL_NS    30000000u /* … where several processes show it … */
#define OWN_NS        10000000u /* … all of it work of the application's own lines: no library warms up */
#define MIN_PROCESSES 3u
#define MIN_SAMPLES   6u
#define SHARE         0.6
#define MANY_KEYS     16u  /* that are looked up by a statement each */
#define ALIKE_BYTES   256u /* bodies of one page may differ so much, or twofold */

struct cold {
    uint64_t least_ns; /* OWN_NS or SEVERAL_NS */
    uint64_t *more_ns; /* [request] what a first one takes beyond the usual; 0: it is none */
    uint32_t count;    /* of first ones */
    uint64_t usual_ns;
};

/* Whether these are the first requests of their processes. Of a process of which only later ones are in the
 * sample the first is not known: it may be a usual one. */
static bool are_first(const struct hp__find *f, const struct cold *cold)
{
    uint32_t usual = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        bool is_cold = cold->more_ns[i] != 0;
        if (is_cold && !f->views[i].first) {
            return false;
        }
        usual += f->views[i].first && !is_cold;
    }
    return usual == 0 || (f->c->sample_count < f->c->requests && usual <= cold->count);
}

static bool find_cold(const struct hp__find *f, struct cold *cold, uint64_t *room)
{
    uint32_t n = f->c->sample_count;
    for (uint32_t i = 0; i < n; i++) {
        room[i] = f->c->samples[i].duration_ns;
    }
    hp_compare_sort(room, n);
    uint64_t median = (uint64_t)hp_compare_quantile((struct hp_compare_side){room, n}, 0.5);
    cold->count = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t ns = f->c->samples[i].duration_ns;
        uint64_t quiet_ns = hp__speed_quiet_ns(&f->c->samples[i]);
        ns = cold->least_ns == OWN_NS && quiet_ns < ns ? quiet_ns : ns; /* what held it up is no work */
        bool is_cold = ns >= MIN_FACTOR * median && ns >= median + cold->least_ns;
        cold->more_ns[i] = is_cold ? ns - median : 0;
        cold->count += is_cold;
    }
    cold->usual_ns = median;
    bool several = cold->count >= MIN_PROCESSES;
    bool much = several || (cold->least_ns == SEVERAL_NS && room[n - 1] >= median + MIN_MORE_NS);
    uint32_t others = several ? 1 : 3; /* for each: several firsts and nothing else are hardly chance */
    return cold->count != 0 && much && n - cold->count >= MIN_SAMPLES &&
           cold->count * others <= n - cold->count && are_first(f, cold);
}

/* Whether one of the usual requests was answered as this one was. What is computed only for other parameters
 * is no cold start. */
static bool is_answered_alike(const struct hp__find *f, const struct cold *cold, uint32_t request)
{
    const struct hp_request *own = &f->c->samples[request].record->req;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_request *other = &f->c->samples[i].record->req;
        uint64_t a = own->bytes_out, b = other->bytes_out;
        bool alike =
            a == HP_ABSENT || b == HP_ABSENT || (a <= 2 * b + ALIKE_BYTES && b <= 2 * a + ALIKE_BYTES);
        if (cold->more_ns[i] == 0 && alike && other->status == own->status) {
            return true;
        }
    }
    return false;
}

/* Executions of a statement below the node that view->inside marks. */
static uint32_t count_runs(const struct hp__view *view, uint32_t statement)
{
    const struct hp_record *record = view->sample->record;
    uint32_t n = 0;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        n += stmt->statement == statement && stmt->node < view->sample->tree->count &&
             view->inside[stmt->node];
    }
    return n;
}

/* Waits for somebody else below the node: statements, unless their engine is in the process and they are no
 * look-ups of one key after the other, and all but sleeping. */
static uint64_t outside_ns(const struct hp__view *view, const struct hp_dict *dict, uint32_t node)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    uint64_t ns = 0;
    memset(view->inside, 0, tree->count);
    view->inside[node] = 1;
    for (uint32_t i = node + 1; i < tree->count; i++) {
        view->inside[i] = view->inside[tree->nodes[i].parent] && tree->nodes[i].kind != HP_NODE_LANE;
    }
    uint32_t statement = UINT32_MAX, runs = 0; /* of the one before */
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        bool below = stmt->node < tree->count && view->inside[stmt->node];
        bool inside = hp_dict_statement(dict, stmt->statement).engine == HP_ENGINE_SQLITE;
        if (below && inside) {
            runs = stmt->statement == statement ? runs : count_runs(view, stmt->statement);
            statement = stmt->statement;
            ns += runs >= MANY_KEYS ? hp__view_cost_ns(view, i) : 0;
        } else if (below) {
            ns += stmt->exec_ns + stmt->fetch_ns;
        }
    }
    for (uint32_t i = 0; i < record->wait_count; i++) {
        const struct hp_wait *wait = &record->waits[i];
        bool counts = wait->kind != HP_WAIT_DB && wait->kind != HP_WAIT_SLEEP && wait->lane == 0;
        ns += counts && wait->node < tree->count && view->inside[wait->node] ? wait->ns : 0;
    }
    return ns;
}

/* A function's own time, with comprehensions in it. */
static uint64_t own_ns(const struct hp__view *view, uint32_t node)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t ns = 0;
    for (uint32_t i = node; i < tree->count; i++) {
        ns += view->app[i] && view->owner[i] == node ? tree->nodes[i].self : 0;
    }
    return ns;
}

/* Of the application's own lines below a node, those of functions that it calls included. Right after
 * outside_ns. */
static uint64_t lines_ns(const struct hp__view *view)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t ns = 0;
    for (uint32_t i = 0; i < tree->count; i++) {
        ns += view->inside[i] && view->app[i] ? tree->nodes[i].self : 0;
    }
    return ns;
}

struct part {
    uint32_t node; /* HP_NODE_NONE: nothing that the application could do earlier */
    uint64_t ns;
    uint64_t import_ns;
};

/* The innermost application function that holds most of what the request takes more. */
static hp_err find_part(struct hp__find *f, const struct cold *cold, uint32_t request, struct part *part)
{
    const struct hp__view *view = &f->views[request];
    const struct hp_tree *tree = view->sample->tree;
    double more = (double)cold->more_ns[request];
    *part = (struct part){.node = HP_NODE_NONE};
    struct hp__bound_rule rule = hp__bound_imports;
    rule.direct = cold->least_ns == OWN_NS;
    hp_err err = hp__bound_total(view, f->c->dict, &rule, f->arena, &part->import_ns);
    bool imports = (double)part->import_ns >= SHARE * more;
    for (uint32_t i = 1; err == HP_OK && tree != NULL && i < tree->count; i++) {
        if (!view->app[i] || (double)tree->nodes[i].total < SHARE * more) {
            continue;
        }
        uint64_t outside = outside_ns(view, f->c->dict, i);
        uint64_t ns = tree->nodes[i].total > outside ? tree->nodes[i].total - outside : 0;
        bool own = cold->least_ns != OWN_NS || imports || (double)lines_ns(view) >= SHARE * more;
        bool alone = (double)own_ns(view, i) >= SHARE * more || !hp__place_runs(f, cold->more_ns, view, i);
        bool module = hp_str_eq(hp_dict_symbol(f->c->dict, tree->nodes[i].sym).name, HP_STR("<module>"));
        if ((double)ns >= SHARE * more && own && (alone || imports) && !(module && imports)) {
            part->node = i;
            part->ns = ns;
        }
    }
    return err;
}

static void describe(struct hp__find *f, struct hp_finding *finding, const struct cold *cold,
                     const struct part *part)
{
    struct hp_symbol sym = hp_dict_symbol(f->c->dict, finding->subject_sym);
    char more[HP_SHOW_BYTES], usual[HP_SHOW_BYTES];
    bool imports = part->import_ns * 2 >= part->ns;
    hp_show_ns(more, finding->median_ns);
    hp_show_ns(usual, cold->usual_ns);
    finding->title = imports ? hp__textf(f->arena, "the first request of a process imports for %s", more)
                             : hp__textf(f->arena, "the first request of a process takes %s more, in %.*s",
                                         more, (int)sym.name.n, sym.name.p);
    finding->advice =
        hp__textf(f->arena,
                  "Do it once, before the first request: %s when the application starts (at module level, in "
                  "create_app, or in the server's post_fork hook), "
                  "with preload in the server where memory can be shared. The requests after it take %s.",
                  imports ? "import" : "build or load it", usual);
    hp__finding_number(finding, "first_ms", (double)(finding->median_ns + cold->usual_ns) / 1e6);
    hp__finding_number(finding, "usual_ms", (double)cold->usual_ns / 1e6);
    hp__finding_number(finding, "import_ms", (double)part->import_ns / 1e6);
}

/* Figures of first requests alone. */
static void set_figures(struct hp__find *f, struct hp_finding *finding, const struct cold *cold,
                        uint64_t *room)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        if (cold->more_ns[i] != 0) {
            room[n++] = finding->saving_ns[i];
        }
    }
    hp_compare_sort(room, n);
    finding->median_ns = (uint64_t)hp_compare_quantile((struct hp_compare_side){room, n}, 0.5);
    finding->low90_ns = room[0] / 2;
    finding->high90_ns = room[n - 1];
    finding->mean_ns = finding->median_ns * n / (f->c->requests != 0 ? f->c->requests : 1);
    finding->fixed_figures = finding->tail = true;
}

static hp_err look_for(struct hp__find *f, uint64_t least_ns, bool *kept)
{
    struct cold cold = {.least_ns = least_ns};
    struct hp_finding finding;
    struct part part, last = {.node = HP_NODE_NONE};
    uint64_t *room = hp__zeroed(f->arena, f->c->sample_count, sizeof *room);
    cold.more_ns = hp__zeroed(f->arena, f->c->sample_count, sizeof *cold.more_ns);
    if (room == NULL || cold.more_ns == NULL) {
        return HP_ENOMEM;
    }
    if (!find_cold(f, &cold, room)) {
        return HP_OK;
    }
    hp_err err = hp__finding_init(f, &finding, HP_FIND_cold_start);
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        if (cold.more_ns[i] == 0) {
            continue;
        }
        err = find_part(f, &cold, i, &part);
        bool imports = part.import_ns * 2 >= part.ns;
        if (err != HP_OK || part.node == HP_NODE_NONE || (!imports && !is_answered_alike(f, &cold, i))) {
            return err;
        }
        uint64_t more = cold.more_ns[i], ns = part.ns < more ? part.ns : more;
        last = part;
        finding.subject_sym = f->c->samples[i].tree->nodes[part.node].sym;
        struct hp__spot spot = hp__place_turn(f, cold.more_ns, i, part.node,
                                              hp__place_function(f, &f->views[i], finding.subject_sym));
        finding.site_sym = spot.sym;
        finding.site_line = spot.line;
        finding.seen++;
        err = hp__bound_price(f, &finding, i, ns, ns / 2, ns);
    }
    if (err != HP_OK) {
        return err;
    }
    set_figures(f, &finding, &cold, room);
    describe(f, &finding, &cold, &last);
    return hp__find_offer(f, &finding, true, kept);
}

hp_err hp__rule_cold_start(struct hp__find *f)
{
    bool kept = false;
    hp_err err = look_for(f, SEVERAL_NS, &kept);
    return err == HP_OK && !kept ? look_for(f, OWN_NS, &kept) : err;
}
