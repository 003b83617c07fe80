/* rule_template_hot.c -- a template that costs more than the values it shows.
 *
 * Principle: putting a value into a page costs a known amount. What a template takes beyond that is loops
 * over things that are not shown, filters, including a part for each item (a context is built each time), or
 * compiling the same source in every request, or a macro that is given the same each time. A part (an
 * include, a macro) that another template runs over and over, each time for a moment, is that template's
 * work: one cause, at the line that repeats it.
 *
 * Evidence: with a call tree the self time of a template's code with the engine's functions below it, and how
 * many values it escaped; of parts included 40 times and more (a page that somebody reads has fewer items)
 * the engine's work for each inclusion, of fewer it is needed. Without a tree the notes' self times. Less
 * waits, and SQL with the library around it; functions of the application that an expression calls are not
 * the template's.
 *
 * A macro that runs ten times and more from one line is drawn once where the template's source says that
 * nothing it is given changes from one time to the next (drawn.h): all but one time goes, and of what the
 * page shows one time's values count.
 *
 * Templates that are looked up 20 times and more in a request, and cost a tenth of it that way (a loader asks
 * the disk whether each is still what it was), are another cause, at the line that asks.
 *
 * Silent: a page that shows what it renders (a report of 3,700 values, 215 kB); templates compiled once, and
 * whatever else only the first request of a process does; less than a tenth of the route.
 *
 * Saving (usual costs by hp__speed_slowness where processors were short): time less the larger of 3.5 µs a
 * value (10 of a translation, 20 of a url_for) and 60 ns a byte of the response (shared out over its
 * templates); inclusions per item entirely. A page that needs more than 21 ms of it is longer than anybody
 * reads at once: in pages, or kept as it is, nearly all goes. Without a tree 150 ns a byte. low = 0.4, high =
 * all. Compiling in each request goes entirely.
 */
#include <string.h>
#include "base/show.h"
#include "find/drawn.h"
#include "find/find_int.h"

#define VALUE_NS      3500u
#define LINK_NS       20000u /* an address by its endpoint */
#define TEXT_NS       10000u /* a translation */
#define BYTE_NS       60u
#define BYTE_NS_NOTE  150u      /* values are not known */
#define LONG_NS       21000000u /* what a page that is too long would need … */
#define LONG_TAKES_NS 6000000u  /* … and takes, at the least */
#define LEAST_NS      200000u
#define MANY          40u
#define REPEATED      10u     /* times that a part runs for each time of what it is part of … */
#define PART_NS       200000u /* … and takes at most, each time */
#define MIN_SHARE     0.10
#define LOW_SHARE     0.40
#define MAX_SITES     64u
#define LEAST_LOOKUPS 20u
#define NONE          UINT32_MAX

struct part { /* one template's code in one request */
    uint64_t ns, load_ns, values, links, texts, loads, saved_ns;
    uint64_t few_ns;  /* the engine's work to include what a page is made of */
    uint64_t same_ns; /* of ns what draws the same again */
};

struct drawn { /* what the source says of the calls at a line of one template's code of another's */
    uint32_t caller, line, macro;
    bool same;
};

struct table {
    uint32_t sites[MAX_SITES];
    uint32_t count;
    struct part *parts; /* [request × MAX_SITES + site] */
    uint32_t **owner;   /* [request]: of each node the template node that it works for, NONE */
    uint32_t **again; /* [request]: of each node the macro that draws the same each time and that it is below
                           or is, 0: none */
    struct drawn drawn[MAX_SITES];
    uint32_t drawn_count;
};

static uint32_t site_index(struct table *table, uint32_t sym)
{
    uint32_t k = 0;
    while (k < table->count && table->sites[k] != sym) {
        k++;
    }
    if (k == table->count && k < MAX_SITES) {
        table->sites[table->count++] = sym;
    }
    return k < MAX_SITES ? k : NONE;
}

static bool is_repeated(const struct hp_node *part, const struct hp_node *whole, double slow)
{
    return part->calls >= REPEATED * whole->calls &&
           (double)part->total <= PART_NS * slow * (double)part->calls;
}

/* What the engine makes of `for x in list if condition`, and of a recursive loop: a function inside that of
 * the template, and no part that somebody wrote. */
static bool is_loop(const struct hp_dict *dict, uint32_t sym, uint32_t above)
{
    struct hp_str name = hp__words_last(hp_dict_symbol(dict, sym).name);
    return (hp_str_starts(name, HP_STR("t_")) || hp_str_eq(name, HP_STR("loop"))) &&
           hp__facts_part_of(dict, sym, above);
}

/* Of each node of the main lane the template code that it works for: itself, what repeats it, or the engine
 * and other libraries below. */
static void find_owners(const struct hp__view *view, uint32_t *owner)
{
    const struct hp_tree *tree = view->sample->tree;
    double slow = hp__speed_slowness(view->sample);
    owner[HP_NODE_ROOT] = NONE;
    for (uint32_t i = 1; i < tree->count; i++) {
        unsigned facts = hp__facts_of(view->facts, tree->nodes[i].sym);
        bool away =
            tree->nodes[i].kind == HP_NODE_LANE || ((facts & HP__FACT_APP) && !(facts & HP__FACT_TEMPLATE));
        uint32_t above = owner[tree->nodes[i].parent];
        bool begins =
            (facts & HP__FACT_TEMPLATE) &&
            (above == NONE || (!is_repeated(&tree->nodes[i], &tree->nodes[above], slow) &&
                               !is_loop(view->facts->dict, tree->nodes[i].sym, tree->nodes[above].sym)));
        owner[i] = away ? NONE : begins ? i : above;
    }
}

static bool reads_same(const struct hp__find *f, struct table *table, struct drawn drawn)
{
    uint32_t k = 0;
    while (k < table->drawn_count &&
           (table->drawn[k].caller != drawn.caller || table->drawn[k].line != drawn.line ||
            table->drawn[k].macro != drawn.macro)) {
        k++;
    }
    if (k == MAX_SITES || f->c->source == NULL) {
        return false;
    }
    if (k == table->drawn_count) {
        struct hp_symbol macro = hp_dict_symbol(f->c->dict, drawn.macro);
        struct hp_symbol caller = hp_dict_symbol(f->c->dict, drawn.caller);
        struct hp_str name = hp__drawn_macro(f->c->source(f->c->source_ctx, macro.file), macro.line);
        name = hp__textf(f->arena, "%.*s", (int)name.n, name.p); /* the next source may take its place */
        drawn.same = hp__drawn_same(f->c->source(f->c->source_ctx, caller.file), drawn.line, name);
        table->drawn[table->drawn_count++] = drawn;
    }
    return table->drawn[k].same;
}

/* Whether a node is a macro that a template draws again and again, the same each time. */
static bool is_drawn_again(const struct hp__find *f, const struct hp__view *view, uint32_t i,
                           struct table *table)
{
    const struct hp_tree *tree = view->sample->tree;
    uint32_t at = i, above = tree->nodes[i].parent;
    if (!(hp__facts_of(view->facts, tree->nodes[i].sym) & HP__FACT_TEMPLATE) ||
        tree->nodes[i].calls < REPEATED) {
        return false;
    }
    while (above != HP_NODE_ROOT && !view->app[above]) {
        at = above;
        above = tree->nodes[at].parent;
    }
    bool drawn = (hp__facts_of(view->facts, tree->nodes[above].sym) & HP__FACT_TEMPLATE) != 0;
    return drawn && reads_same(f, table,
                               (struct drawn){.caller = tree->nodes[above].sym,
                                              .line = tree->nodes[at].line,
                                              .macro = tree->nodes[i].sym});
}

static void find_again(const struct hp__find *f, const struct hp__view *view, struct table *table,
                       uint32_t *again)
{
    const struct hp_tree *tree = view->sample->tree;
    again[HP_NODE_ROOT] = 0;
    for (uint32_t i = 1; i < tree->count; i++) {
        uint32_t above = tree->nodes[i].kind != HP_NODE_LANE ? again[tree->nodes[i].parent] : 0;
        again[i] = above == 0 && is_drawn_again(f, view, i, table) ? i : above;
    }
}

/* Of so much below a node what is left where it is drawn once. */
static uint64_t drawn_once(const struct hp_tree *tree, uint32_t again, uint64_t amount)
{
    return again != 0 ? amount / tree->nodes[again].calls : amount;
}

/* The engine's work to include or import a part. */
static bool is_load(const struct hp_symbol *sym)
{
    static const char *const names[] = {"Environment.get_template",           "Environment.select_template",
                                        "Environment.get_or_select_template", "Template.new_context",
                                        "Template._get_default_module",       "Template.make_module"};
    if (!hp_str_eq(sym->file, HP_STR("jinja2/environment.py"))) {
        return false;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (hp_str_eq(sym->name, hp_str_from0(names[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_escape(const struct hp_symbol *sym)
{
    return hp_str_starts(sym->file, HP_STR("markupsafe/")) && hp_str_eq(sym->name, HP_STR("escape"));
}

static bool is_link(const struct hp_symbol *sym)
{
    return hp_str_eq(sym->file, HP_STR("flask/app.py")) && hp_str_eq(sym->name, HP_STR("Flask.url_for"));
}

static bool is_translation(const struct hp_symbol *sym)
{
    return hp_str_eq(sym->file, HP_STR("jinja2/ext.py")) && hp_str_starts(sym->name, HP_STR("_make_new_"));
}

static uint64_t free_self(const struct hp__view *view, uint32_t i)
{
    return view->node_taken[i] || !hp_tree_live(view->sample->tree, i) ? 0
                                                                       : view->sample->tree->nodes[i].self;
}

static void add_loads(const struct hp__view *view, const struct hp_dict *dict, const uint32_t *owner,
                      const uint32_t *again, uint32_t at, struct part *part)
{
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = at + 1; i < tree->count; i++) {
        if (tree->nodes[i].parent != at || owner[i] != owner[at]) {
            continue;
        }
        struct hp_symbol sym = hp_dict_symbol(dict, tree->nodes[i].sym);
        if (is_escape(&sym)) {
            part->values += drawn_once(tree, again[i], tree->nodes[i].calls);
        } else if (is_load(&sym) && tree->nodes[i].calls >= MANY) {
            part->load_ns += tree->nodes[i].total;
            part->loads = part->loads > tree->nodes[i].calls ? part->loads : tree->nodes[i].calls;
        } else if (is_load(&sym)) {
            part->few_ns += tree->nodes[i].total;
        }
    }
}

static void take_off(uint64_t *from, uint64_t amount)
{
    *from = *from > amount ? *from - amount : 0;
}

static void subtract(const struct hp__view *view, const uint32_t *owner, uint32_t node, uint64_t ns,
                     struct table *table, struct part *parts)
{
    const struct hp_tree *tree = view->sample->tree;
    if (node < tree->count && owner[node] != NONE && !view->node_taken[node]) {
        uint32_t k = site_index(table, tree->nodes[owner[node]].sym);
        if (k != NONE) {
            take_off(&parts[k].ns, ns);
        }
    }
}

static void add_tree(const struct hp__find *f, struct table *table, uint32_t r)
{
    const struct hp__view *view = &f->views[r];
    const struct hp_tree *tree = view->sample->tree;
    const struct hp_record *record = view->sample->record;
    const uint32_t *owner = table->owner[r], *again = table->again[r];
    struct part *parts = &table->parts[(size_t)r * MAX_SITES];
    for (uint32_t i = 1; i < tree->count; i++) {
        uint32_t k = owner[i] != NONE ? site_index(table, tree->nodes[owner[i]].sym) : NONE;
        if (k == NONE) {
            continue;
        }
        struct hp_symbol sym = hp_dict_symbol(f->c->dict, tree->nodes[i].sym);
        uint64_t self = free_self(view, i), calls = drawn_once(tree, again[i], tree->nodes[i].calls);
        parts[k].ns += self;
        parts[k].same_ns += self - drawn_once(tree, again[i], self);
        parts[k].links += is_link(&sym) ? calls : 0;
        parts[k].texts += is_translation(&sym) ? calls : 0;
        if (hp__facts_of(view->facts, tree->nodes[i].sym) & HP__FACT_TEMPLATE) {
            add_loads(view, f->c->dict, owner, again, i, &parts[k]);
        }
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        subtract(view, owner, record->stmts[i].node, hp__view_cost_ns(view, i), table, parts);
    }
    for (uint32_t i = 0; i < record->wait_count; i++) {
        if (record->waits[i].kind != HP_WAIT_DB) {
            subtract(view, owner, record->waits[i].node, record->waits[i].ns, table, parts);
        }
    }
}

static void add_notes(const struct hp__find *f, struct table *table, uint32_t r)
{
    const struct hp_record *record = f->c->samples[r].record;
    struct part *parts = &table->parts[(size_t)r * MAX_SITES];
    for (uint32_t i = 0; i < record->notes.count[HP_NOTE_TEMPLATE]; i++) {
        const struct hp_template *template = &record->notes.templates[i];
        uint32_t k = template->lane == 0 ? site_index(table, template->sym) : NONE;
        uint64_t sql = 0;
        for (uint32_t s = 0; s < record->stmt_count; s++) {
            sql += record->stmts[s].site_sym == template->sym
                       ? record->stmts[s].exec_ns + record->stmts[s].fetch_ns
                       : 0;
        }
        if (k != NONE && template->self_ns > sql) {
            parts[k].ns += template->self_ns - sql;
            parts[k].loads = template->count > parts[k].loads ? template->count : parts[k].loads;
        }
    }
}

/* What each template could do without, by what the response holds. */
static void judge(const struct hp__view *view, const struct table *table, struct part *parts)
{
    uint64_t all = 0, bytes = view->sample->record->req.bytes_out;
    double slow = hp__speed_slowness(view->sample);
    double byte_ns = slow * (view->sample->tree != NULL ? BYTE_NS : BYTE_NS_NOTE);
    for (uint32_t k = 0; k < table->count; k++) {
        parts[k].load_ns = parts[k].load_ns < parts[k].ns ? parts[k].load_ns : parts[k].ns;
        all += parts[k].ns - parts[k].load_ns;
    }
    for (uint32_t k = 0; k < table->count && all != 0; k++) {
        uint64_t most = parts[k].ns - parts[k].load_ns;
        parts[k].same_ns = parts[k].same_ns < most ? parts[k].same_ns : most;
        double rest = (double)(most - parts[k].same_ns);
        double shown = bytes != HP_ABSENT ? (double)bytes * byte_ns * rest / (double)all : rest;
        double values =
            (double)(parts[k].values * VALUE_NS + parts[k].links * LINK_NS + parts[k].texts * TEXT_NS) * slow;
        double needed = (shown > values ? shown : values) + (double)parts[k].few_ns;
        needed = needed > LONG_NS * slow && rest > LONG_TAKES_NS ? 0 : needed;
        parts[k].saved_ns =
            parts[k].load_ns + parts[k].same_ns + (rest > needed ? (uint64_t)(rest - needed) : 0);
    }
}

/* The line at which the engine does most for the template, functions of the application that it calls there
 * left out; else where the part begins. */
static uint32_t line_of(const struct hp__find *f, const struct table *table, uint32_t site)
{
    struct hp__places places = {.count = 0};
    struct hp_finding place = {.site_line = 0};
    for (uint32_t r = 0; r < f->c->sample_count; r++) {
        const struct hp_tree *tree = f->c->samples[r].tree;
        for (uint32_t i = 1; tree != NULL && i < tree->count; i++) {
            uint32_t owner = table->owner[r][i], entry = i;
            if (owner == NONE || owner == i || tree->nodes[owner].sym != table->sites[site]) {
                continue;
            }
            while (tree->nodes[entry].parent != owner) {
                entry = tree->nodes[entry].parent;
            }
            if (tree->nodes[entry].line != 0) {
                hp__places_add(&places, table->sites[site], tree->nodes[entry].line, 0,
                               free_self(&f->views[r], i));
            }
        }
    }
    hp__places_choose(&places, &place);
    return place.site_line != 0 ? place.site_line : hp_dict_symbol(f->c->dict, table->sites[site]).line;
}

struct medians {
    struct hp__spread ns, load, values, loads, same;
    uint32_t again; /* requests that are not the first of their process */
};

static void describe(struct hp__find *f, struct hp_finding *finding, struct medians *medians)
{
    struct hp_symbol sym = hp_dict_symbol(f->c->dict, finding->site_sym);
    uint64_t ns = hp__spread_median(&medians->ns), load = hp__spread_median(&medians->load);
    uint64_t loads = hp__spread_median(&medians->loads), values = hp__spread_median(&medians->values);
    char time[HP_SHOW_BYTES], count[HP_SHOW_BYTES];
    hp_show_ns(time, ns);
    hp_show_count(count, loads);
    bool includes = load * 3 >= ns, same = hp__spread_median(&medians->same) * 2 >= ns;
    finding->title = includes
                         ? hp__textf(f->arena, "%.*s includes a part %s times, %s", (int)sym.file.n,
                                     sym.file.p, count, time)
                         : hp__textf(f->arena, "%.*s takes %s to render", (int)sym.file.n, sym.file.p, time);
    finding->advice = hp__textf(
        f->arena,
        "Do not do it here: render fewer items (pages), and filter, sort and count in the view or "
        "the database, not in loops of the template. Do it "
        "once: keep a fragment that rarely changes (cache.memoize, or a string made at start). %s",
        same       ? "Do it once: the macro is given the same each time: {% set drawn = name(values) %} "
                     "before the loop, {{ drawn }} in it."
        : includes ? "Do it together: a macro imported once, or the part's lines in the loop itself, "
                     "instead of an include "
                     "for each item: every include builds a context."
                   : "Do it faster: look a value up once ({% set %}) outside of the loop, and build "
                     "what takes computing in Python.");
    hp__finding_number(finding, "template_ms", (double)ns / 1e6);
    hp__finding_number(finding, "including_ms", (double)load / 1e6);
    hp__finding_number(finding, "values", (double)values);
    if (same) {
        hp__finding_number(finding, "same_again_ms", (double)hp__spread_median(&medians->same) / 1e6);
    }
}

static hp_err add_request(struct hp__find *f, const struct part *part, uint32_t r, struct hp_finding *finding,
                          struct medians *medians)
{
    hp__spread_add(&medians->ns, part->ns);
    hp__spread_add(&medians->load, part->load_ns);
    hp__spread_add(&medians->values, part->values);
    hp__spread_add(&medians->loads, part->loads);
    hp__spread_add(&medians->same, part->same_ns);
    medians->again += !f->views[r].first;
    finding->seen++;
    return hp__bound_price(f, finding, r, part->saved_ns, (uint64_t)((double)part->saved_ns * LOW_SHARE),
                           part->ns);
}

static void take(struct hp__find *f, const struct table *table, uint32_t site)
{
    for (uint32_t r = 0; r < f->c->sample_count; r++) {
        const struct hp_tree *tree = f->c->samples[r].tree;
        for (uint32_t i = 1; tree != NULL && i < tree->count; i++) {
            uint32_t owner = table->owner[r][i];
            if (owner != NONE && tree->nodes[owner].sym == table->sites[site]) {
                f->views[r].node_taken[i] = 1;
            }
        }
    }
}

static hp_err try_site(struct hp__find *f, const struct table *table, uint32_t site)
{
    struct hp_finding finding;
    struct medians medians = {.again = 0};
    bool kept = false;
    hp_err err = hp__finding_init(f, &finding, HP_FIND_template_hot);
    struct hp__spread *spreads[] = {&medians.ns, &medians.load, &medians.values, &medians.loads,
                                    &medians.same};
    for (size_t i = 0; i < sizeof spreads / sizeof *spreads && err == HP_OK; i++) {
        err = hp__spread_init(f, spreads[i]);
    }
    for (uint32_t r = 0; r < f->c->sample_count && err == HP_OK; r++) {
        const struct part *part = &table->parts[(size_t)r * MAX_SITES + site];
        if ((double)part->saved_ns >= MIN_SHARE * (double)f->c->samples[r].duration_ns &&
            (double)part->saved_ns >= LEAST_NS * hp__speed_slowness(&f->c->samples[r])) {
            err = add_request(f, part, r, &finding, &medians);
        }
    }
    if (err != HP_OK || medians.again == 0) {
        return err;
    }
    finding.site_sym = table->sites[site];
    finding.site_line = line_of(f, table, site);
    describe(f, &finding, &medians);
    err = hp__find_offer(f, &finding, false, &kept);
    if (kept) {
        take(f, table, site);
    }
    return err;
}

static hp_err make(struct hp__find *f, struct hp_arena *arena, struct table *table)
{
    uint32_t n = f->c->sample_count;
    table->parts = hp__zeroed(arena, (size_t)n * MAX_SITES, sizeof *table->parts);
    table->owner = hp__zeroed(arena, n, sizeof *table->owner);
    table->again = hp__zeroed(arena, n, sizeof *table->again);
    if (table->parts == NULL || table->owner == NULL || table->again == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t r = 0; r < n; r++) {
        const struct hp_tree *tree = f->c->samples[r].tree;
        if (tree == NULL) {
            add_notes(f, table, r);
        } else {
            table->owner[r] = hp_arena_alloc(arena, tree->count * sizeof(uint32_t), _Alignof(uint32_t));
            table->again[r] = hp_arena_alloc(arena, tree->count * sizeof(uint32_t), _Alignof(uint32_t));
            if (table->owner[r] == NULL || table->again[r] == NULL) {
                return HP_ENOMEM;
            }
            find_owners(&f->views[r], table->owner[r]);
            find_again(f, &f->views[r], table, table->again[r]);
            add_tree(f, table, r);
        }
        judge(&f->views[r], table, &table->parts[(size_t)r * MAX_SITES]);
    }
    return HP_OK;
}

hp_err hp__template_hot_ns(const struct hp__view *view, struct hp_arena *arena, uint64_t *ns)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t sum = 0;
    const struct hp_notes *notes = &view->sample->record->notes;
    for (uint32_t i = 0; tree == NULL && i < notes->count[HP_NOTE_TEMPLATE]; i++) {
        sum += notes->templates[i].self_ns;
    }
    if (tree != NULL) {
        uint32_t *owner = hp_arena_alloc(arena, tree->count * sizeof *owner, _Alignof(uint32_t));
        if (owner == NULL) {
            return HP_ENOMEM;
        }
        find_owners(view, owner);
        for (uint32_t i = 1; i < tree->count; i++) {
            sum += owner[i] != NONE ? free_self(view, i) : 0;
        }
    }
    *ns = sum;
    return HP_OK;
}

/* ---- compiling a template's source in every request ---- */

static bool is_compile(const struct hp_symbol *sym)
{
    return hp_str_eq(sym->file, HP_STR("jinja2/environment.py")) &&
           hp_str_eq(sym->name, HP_STR("Environment.compile"));
}

static void describe_compile(struct hp__find *f, struct hp_finding *finding,
                             const struct hp__bound_part *part)
{
    char time[HP_SHOW_BYTES], count[HP_SHOW_BYTES];
    hp_show_ns(time, part->ns);
    hp_show_count(count, part->calls);
    finding->title = hp__textf(f->arena, "compiling templates takes %s in every request", time);
    finding->advice =
        hp__textf(f->arena, "Do it once: put the source into a file and use render_template (compiled "
                            "templates are kept), or make the template at module level "
                            "(TEMPLATE = app.jinja_env.from_string(source)) and render that. "
                            "render_template_string and from_string compile each time they are called.");
    hp__finding_number(finding, "templates", (double)part->calls);
    hp__finding_number(finding, "compile_ms", (double)part->ns / 1e6);
}

const struct hp__bound_rule hp__bound_compiled_templates = {.kind = HP_FIND_template_hot,
                                                            .warms_up = true,
                                                            .is_boundary = is_compile,
                                                            .min_share = 0.03,
                                                            .low_share = 0.95,
                                                            .describe = describe_compile};

/* ---- looking templates up ---- */

static bool is_lookup(const struct hp_symbol *sym)
{
    return hp_str_eq(sym->file, HP_STR("jinja2/environment.py")) &&
           hp_str_eq(sym->name, HP_STR("Environment._load_template"));
}

static void describe_lookups(struct hp__find *f, struct hp_finding *finding,
                             const struct hp__bound_part *part)
{
    char time[HP_SHOW_BYTES], count[HP_SHOW_BYTES];
    hp_show_ns(time, part->ns);
    hp_show_count(count, part->calls);
    finding->title = hp__textf(f->arena, "%s look-ups of templates take %s", count, time);
    finding->advice = hp__textf(
        f->arena, "Do not do it here: outside of development nobody needs to look at each template's file in "
                  "each request (app.config['TEMPLATES_AUTO_RELOAD'] = False, "
                  "Environment(auto_reload=False)). Do it once: keep the templates "
                  "(PART = env.get_template(name) when the application starts), with a cache that holds "
                  "all of them (cache_size), and a loader that keeps what it has found. Do it together: "
                  "one template with macros instead of a file for each part.");
    hp__finding_number(finding, "look_ups", (double)part->calls);
    hp__finding_number(finding, "look_up_ms", (double)part->ns / 1e6);
}

const struct hp__bound_rule hp__bound_template_lookups = {.kind = HP_FIND_template_hot,
                                                          .warms_up = true,
                                                          .is_boundary = is_lookup,
                                                          .min_share = MIN_SHARE,
                                                          .low_share = LOW_SHARE,
                                                          .min_calls = LEAST_LOOKUPS,
                                                          .describe = describe_lookups};

hp_err hp__rule_template_hot(struct hp__find *f)
{
    struct hp_arena arena;
    struct table *table = hp__zeroed(f->arena, 1, sizeof *table);
    hp_err err = table != NULL ? hp__bound_run(f, &hp__bound_compiled_templates) : HP_ENOMEM;
    hp_arena_init(&arena, (size_t)512 << 20);
    err = err == HP_OK ? make(f, &arena, table) : err;
    for (uint32_t k = 0; err == HP_OK && k < table->count; k++) {
        err = try_site(f, table, k);
    }
    hp_arena_fini(&arena);
    return err == HP_OK ? hp__bound_run(f, &hp__bound_template_lookups) : err;
}
