/* own.c -- see own.h. */
#include "find/own.h"

#include <string.h>
#include "base/hash.h"
#include "find/find_int.h"

#define MAX_SITES 64u

static uint64_t site_hash(const struct hp_dict *dict, uint32_t sym)
{
    struct hp_symbol symbol = hp_dict_symbol(dict, sym);
    return hp_hash64(symbol.name.p, symbol.name.n, hp_hash64(symbol.file.p, symbol.file.n, 0));
}

static bool is_started(const struct hp_lane *lane)
{
    return lane->kind == HP_LANE_THREAD || lane->kind == HP_LANE_POOL;
}

static bool has_site(const uint64_t *sites, uint32_t count, uint64_t hash)
{
    for (uint32_t i = 0; i < count; i++) {
        if (sites[i] == hash) {
            return true;
        }
    }
    return false;
}

struct old_sites { /* being collected */
    const struct hp_dict *dict;
    uint64_t *list;
    uint32_t count;
};

static hp_err add_old_site(void *ctx, uint32_t site_sym, uint32_t lane, uint64_t at_ns, uint64_t ns)
{
    struct old_sites *old = ctx;
    (void)lane, (void)at_ns, (void)ns;
    uint64_t hash = site_hash(old->dict, site_sym);
    if (old->count < MAX_SITES && !has_site(old->list, old->count, hash)) {
        old->list[old->count++] = hash;
    }
    return HP_OK;
}

/* Functions that had waits of this kind before. */
static hp_err find_old_sites(const struct hp_case *before, enum hp_finding_kind kind, struct old_sites *old)
{
    struct hp_arena words, prepared;
    struct hp__facts facts;
    struct hp__view view;
    hp_arena_init(&words, (size_t)64 << 20);
    hp_arena_init(&prepared, (size_t)256 << 20);
    hp_err err = hp__facts_init(&facts, before->dict, &words);
    for (uint32_t i = 0; i < before->sample_count && err == HP_OK; i++) {
        hp_arena_reset(&prepared);
        err = hp__view_init(&view, &before->samples[i], &facts, &prepared);
        err = err == HP_OK ? hp__own_waits(&view, kind, add_old_site, old) : err;
    }
    hp_arena_fini(&words);
    hp_arena_fini(&prepared);
    return err;
}

hp_err hp_own_describe(const struct hp_case *before, const struct hp_finding *finding, struct hp_arena *arena,
                       struct hp_own_key *key)
{
    struct hp_symbol site = hp_dict_symbol(before->dict, hp__finding_subject(finding));
    struct hp_str text = hp_dict_statement(before->dict, finding->statement).text;
    uint64_t *sites = hp_arena_alloc(arena, MAX_SITES * sizeof *sites, _Alignof(uint64_t));
    if (sites == NULL) {
        return HP_ENOMEM;
    }
    *key = (struct hp_own_key){.kind = finding->kind,
                               .file = site.file,
                               .function = site.name,
                               .verb = hp__words_verb(text),
                               .table = hp__words_table(text),
                               .old_sites = sites};
    if (hp__own_of_waits(finding->kind)) {
        struct old_sites old = {before->dict, sites, 0};
        hp_err err = find_old_sites(before, finding->kind, &old);
        key->old_site_count = old.count;
        return err;
    }
    for (uint32_t i = 0; i < before->sample_count; i++) {
        const struct hp_record *record = before->samples[i].record;
        for (uint32_t k = 0; k < record->lane_count && key->old_site_count < MAX_SITES; k++) {
            uint64_t hash = site_hash(before->dict, record->lanes[k].site_sym);
            if (is_started(&record->lanes[k]) && !has_site(sites, key->old_site_count, hash)) {
                sites[key->old_site_count++] = hash;
            }
        }
    }
    return HP_OK;
}

/* Where objects are the cause they are counted by function (build.c): they may be made in another call than
 * the statement. */
static hp_err cut_family(const struct hp__view *view, const struct hp_case *c, const struct hp_own_key *key,
                         struct hp_arena *arena, struct hp__cut *cut)
{
    const struct hp_record *record = view->sample->record;
    uint32_t last = 0;
    bool member = false;
    bool has_objects = key->kind == HP_FIND_orm_overhead || key->kind == HP_FIND_unbounded_result;
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < record->stmt_count && err == HP_OK; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        if (i == 0 || stmt->statement != last) {
            struct hp_str text = hp_dict_statement(c->dict, stmt->statement).text;
            member =
                hp_str_eq(hp__words_verb(text), key->verb) && hp_str_eq(hp__words_table(text), key->table);
            last = stmt->statement;
        }
        if (member) {
            err = hp__cut_add(arena, cut, stmt->lane, stmt->t0_ns,
                              has_objects ? stmt->exec_ns + stmt->fetch_ns : hp__view_cost_ns(view, i));
        }
        if (err == HP_OK && member && has_objects && hp__build_owner(view, i) != HP_NODE_NONE) {
            err = hp__cut_add(arena, cut, stmt->lane, stmt->t0_ns,
                              hp__build_of(view, c->dict, view->owner[stmt->node], false).ns);
        }
    }
    return err;
}

/* Beside cut_family: what is made of the answers of a statement that repeats, each time but once. */
static hp_err cut_made(const struct hp__view *view, const struct hp_case *c, const struct hp_own_key *key,
                       struct hp_arena *arena, struct hp__cut *cut)
{
    const struct hp_record *record = view->sample->record;
    uint32_t *at = hp_arena_alloc(arena, record->stmt_count * sizeof *at + 1, _Alignof(uint32_t));
    uint32_t n = 0;
    hp_err err = at != NULL ? HP_OK : HP_ENOMEM;
    for (uint32_t i = 0; i < record->stmt_count && err == HP_OK; i++) {
        struct hp_str text = hp_dict_statement(c->dict, record->stmts[i].statement).text;
        if (hp_str_eq(hp__words_verb(text), key->verb) && hp_str_eq(hp__words_table(text), key->table)) {
            at[n++] = i;
        }
    }
    struct hp__made made = {.each_ns = 0};
    err = err == HP_OK && n > 1 ? hp__made_of(c, view, at, n, arena, &made) : err;
    for (uint32_t k = 1; k < n && err == HP_OK && made.each_ns != 0; k++) {
        const struct hp_stmt *stmt = &record->stmts[at[k]];
        double scale = hp__view_scale(view, at[k], n);
        err = hp__cut_add(arena, cut, stmt->lane, stmt->t0_ns, (uint64_t)((double)made.each_ns * scale));
    }
    return err;
}

static hp_err cut_lanes(const struct hp__view *view, const struct hp_case *c, const struct hp_own_key *key,
                        bool is_after, struct hp_arena *arena, struct hp__cut *cut)
{
    const struct hp_record *record = view->sample->record;
    struct hp__cut pool = {0};
    bool *lanes = hp_arena_alloc(arena, record->lane_count + 1, 1);
    if (lanes == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < record->lane_count; i++) {
        struct hp_symbol site = hp_dict_symbol(c->dict, record->lanes[i].site_sym);
        bool own = hp_str_eq(site.file, key->file) && hp_str_eq(site.name, key->function);
        bool fresh = is_after && !has_site(key->old_sites, key->old_site_count,
                                           site_hash(c->dict, record->lanes[i].site_sym));
        lanes[i] = is_started(&record->lanes[i]) && (own || fresh);
    }
    return hp__thread_churn_cut(view, c->dict, arena, lanes, cut, &pool);
}

struct waits_cut { /* being collected */
    const struct hp_case *c;
    const struct hp_own_key *key;
    struct hp_arena *arena;
    struct hp__cut *cut;
    bool is_after;
};

static hp_err add_wait(void *ctx, uint32_t site_sym, uint32_t lane, uint64_t at_ns, uint64_t ns)
{
    const struct waits_cut *to = ctx;
    const struct hp_own_key *key = to->key;
    struct hp_symbol site = hp_dict_symbol(to->c->dict, site_sym);
    bool own = hp_str_eq(site.file, key->file) && hp_str_eq(site.name, key->function);
    bool fresh =
        to->is_after && !has_site(key->old_sites, key->old_site_count, site_hash(to->c->dict, site_sym));
    return own || fresh ? hp__cut_add(to->arena, to->cut, lane, at_ns, ns) : HP_OK;
}

/* All symbols of this name (an edit above it moves its line, which makes another symbol). */
static uint64_t function_ns(const struct hp__view *view, const struct hp_case *c,
                            const struct hp_own_key *key, double concurrency)
{
    const struct hp_tree *tree = view->sample->tree;
    uint32_t done[4], count = 0;
    uint64_t ns = 0, cpu_ns;
    for (uint32_t i = 1; tree != NULL && i < tree->count && count < 4; i++) {
        if (view->owner[i] != i) {
            continue;
        }
        struct hp_symbol sym = hp_dict_symbol(c->dict, tree->nodes[i].sym);
        uint32_t k = 0;
        while (k < count && done[k] != tree->nodes[i].sym) {
            k++;
        }
        if (k == count && hp_str_eq(sym.file, key->file) && hp_str_eq(sym.name, key->function)) {
            done[count++] = tree->nodes[i].sym;
            ns += hp__hot_function_ns(view, c->dict, tree->nodes[i].sym, concurrency, &cpu_ns);
        }
    }
    return ns;
}

static const struct hp__bound_rule *bound_of(enum hp_finding_kind kind)
{
    switch (kind) {
    case HP_FIND_import_in_request:
        return &hp__bound_imports;
    case HP_FIND_regex_compile:
        return &hp__bound_regexes;
    case HP_FIND_serialization_hot:
        return &hp__bound_serialisers;
    case HP_FIND_attribute_lookup_hot:
        return &hp__bound_lookups;
    default:
        return NULL;
    }
}

static bool is_site(const struct hp_case *c, const struct hp_own_key *key, uint32_t sym)
{
    struct hp_symbol site = hp_dict_symbol(c->dict, sym);
    return sym != 0 && hp_str_eq(site.file, key->file) && hp_str_eq(site.name, key->function);
}

/* All that the same function does on the main lane: computing, waits, statements. */
static uint64_t place_ns(const struct hp__view *view, const struct hp_case *c, const struct hp_own_key *key)
{
    const struct hp_record *record = view->sample->record;
    uint64_t ns = view->owner != NULL ? function_ns(view, c, key, hp__concurrency(c)) : 0;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        ns += stmt->lane == 0 && is_site(c, key, stmt->site_sym) ? stmt->exec_ns + stmt->fetch_ns : 0;
    }
    for (uint32_t i = 0; i < record->wait_count; i++) {
        const struct hp_wait *wait = &record->waits[i];
        bool counts = wait->lane == 0 && wait->kind != HP_WAIT_DB;
        ns += counts && is_site(c, key, wait->site_sym) ? wait->ns : 0;
    }
    return ns;
}

/* Of first requests alone: the same figure for all, so that medians compare. */
static void spread_first(const struct hp_case *c, uint64_t *ns)
{
    uint64_t longest = 0;
    for (uint32_t i = 0; i < c->sample_count; i++) {
        uint64_t own = c->samples[i].duration_ns;
        longest = own > longest && hp__case_first(c, i) ? own : longest;
    }
    for (uint32_t i = 0; i < c->sample_count; i++) {
        ns[i] = longest;
    }
}

/* Causes that are an amount of the main lane's time by themselves. `*known`: whether this one is. */
static hp_err plain_ns(const struct hp__view *view, const struct hp_case *c, const struct hp_own_key *key,
                       struct hp_arena *arena, uint64_t *ns, bool *known)
{
    const struct hp__bound_rule *rule = bound_of(key->kind);
    uint64_t gc_ns = view->sample->record->req.gc_ns, compile_ns = 0, lookups_ns = 0;
    *known = true;
    if (rule != NULL) {
        return hp__bound_total(view, c->dict, rule, arena, ns);
    }
    switch (key->kind) {
    case HP_FIND_hot_function:
        *ns = function_ns(view, c, key, hp__concurrency(c));
        return HP_OK;
    case HP_FIND_tail_latency:
    case HP_FIND_regression:
        *ns = place_ns(view, c, key);
        return HP_OK;
    case HP_FIND_memory_growth: /* no time */
    case HP_FIND_cold_start:    /* of the first request alone: spread_first */
        *ns = 0;
        return HP_OK;
    case HP_FIND_gc_pressure:
        *ns = gc_ns != HP_ABSENT ? gc_ns : 0;
        return HP_OK;
    case HP_FIND_template_hot: {
        hp_err err = hp__template_hot_ns(view, arena, ns);
        err = err == HP_OK ? hp__bound_total(view, c->dict, &hp__bound_compiled_templates, arena, &compile_ns)
                           : err;
        *ns += err == HP_OK ? compile_ns : 0;
        if (err == HP_OK && hp_str_ends(key->file, HP_STR(".py"))) {
            err = hp__bound_total(view, c->dict, &hp__bound_template_lookups, arena, &lookups_ns);
            *ns += err == HP_OK ? lookups_ns : 0;
        }
        return err;
    }
    default:
        *known = false;
        return HP_OK;
    }
}

/* Files that are opened and read without a wait. */
static hp_err add_files(const struct hp__view *view, const struct hp_case *c, struct hp_arena *arena,
                        uint64_t *ns)
{
    uint64_t files_ns = 0;
    hp_err err = hp__bound_total(view, c->dict, &hp__bound_files, arena, &files_ns);
    *ns += err == HP_OK ? files_ns : 0;
    return err;
}

static hp_err measure_one(const struct hp_case *c, const struct hp__facts *facts, uint32_t i,
                          const struct hp_own_key *key, bool is_after, struct hp_arena *arena,
                          struct hp_arena *scratch, uint64_t *ns)
{
    struct hp__view view;
    struct hp__cut cut = {0};
    struct hp_sample sample = c->samples[i];
    if (key->kind == HP_FIND_hot_function && sample.tree == NULL) {
        sample.tree = sample.estimate;
    }
    hp_err err = hp__view_init(&view, &sample, facts, arena);
    if (err != HP_OK) {
        return err;
    }
    bool known;
    err = plain_ns(&view, c, key, arena, ns, &known);
    if (err != HP_OK || known) {
        return err;
    }
    if (hp__own_of_waits(key->kind)) {
        struct waits_cut to = {c, key, arena, &cut, is_after};
        err = hp__own_waits(&view, key->kind, add_wait, &to);
        err = err == HP_OK ? hp__cut_price(&c->samples[i], &cut, scratch, ns) : err;
        return err == HP_OK && key->kind == HP_FIND_disk_io ? add_files(&view, c, arena, ns) : err;
    }
    err = key->kind == HP_FIND_thread_churn ? cut_lanes(&view, c, key, is_after, arena, &cut)
                                            : cut_family(&view, c, key, arena, &cut);
    if (err == HP_OK && key->kind == HP_FIND_duplicate_query) {
        err = cut_made(&view, c, key, arena, &cut);
    }
    return err == HP_OK ? hp__cut_price(&c->samples[i], &cut, scratch, ns) : err;
}

hp_err hp_own_measure(const struct hp_case *c, const struct hp_own_key *key, bool is_after, uint64_t *ns)
{
    struct hp_arena words, prepared, scratch;
    struct hp__facts facts;
    hp_arena_init(&words, (size_t)64 << 20);
    hp_arena_init(&prepared, (size_t)256 << 20);
    hp_arena_init(&scratch, (size_t)64 << 20);
    hp_err err = hp__facts_init(&facts, c->dict, &words);
    for (uint32_t i = 0; i < c->sample_count && err == HP_OK; i++) {
        hp_arena_reset(&prepared);
        err = measure_one(c, &facts, i, key, is_after, &prepared, &scratch, &ns[i]);
    }
    if (err == HP_OK && key->kind == HP_FIND_cold_start) {
        spread_first(c, ns);
    }
    hp_arena_fini(&words);
    hp_arena_fini(&prepared);
    hp_arena_fini(&scratch);
    return err;
}
