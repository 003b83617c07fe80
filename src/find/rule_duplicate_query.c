/* rule_duplicate_query.c -- one statement executed again in one request with the same parameters.
 *
 * Principle: what was read once in a request need not be read again in it.
 *
 * Evidence: k ≥ 2 executions of one reading statement with the same keyed parameter hash in one request, from
 * any place; the place reported is the costliest, a loop (of loops in loops the innermost) if three quarters
 * are in it; where the repeats come from here and there it is what runs them all. An execution counts as a repeat only if no statement that
 * writes the same table ran since the one before.
 *
 * Silent: parameters that cannot be compared; reads with a write of their table in between (a count before
 * and after an insert); what n_plus_one or thread_churn explains; whatever saves too little (find.c: two
 * look-ups that are half the request are a finding, many cheap ones are none).
 *
 * Saving: each repeat as a whole, exec + fetch + the library around it (the result is kept, objects too), and
 * what functions of the application that do nothing else make of it each time (made.c). low: SQL only.
 */
#include <stdlib.h>
#include <string.h>
#include "base/show.h"
#include "find/find_int.h"

#define LOOP_SHARE 0.75

struct candidate {
    struct hp__key key;
    struct hp_statement statement;
    struct hp_str table;
    struct hp_finding finding;
    struct hp__places places, runs;
    struct hp__spread executions, repeats, each_ns;
    struct hp__made *made; /* [sample_count] */
};

/* Whether a statement that writes `table` began between the two executions. */
static bool written_between(const struct hp__find *f, const struct hp_record *record, struct hp_str table,
                            uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        if (stmt->t0_ns < record->stmts[from].t0_ns || stmt->t0_ns > record->stmts[to].t0_ns) {
            continue;
        }
        struct hp_statement statement = hp_dict_statement(f->c->dict, stmt->statement);
        if (hp__words_writes(&statement) &&
            (table.n == 0 || hp_str_eq(hp__words_table(statement.text), table))) {
            return true;
        }
    }
    return false;
}

/* Whether any execution of the request writes `table`; so that the usual request needs no look between each
 * pair. */
static bool is_written(const struct hp__find *f, const struct hp_record *record, struct hp_str table)
{
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        if (i > 0 && record->stmts[i].statement == record->stmts[i - 1].statement) {
            continue;
        }
        struct hp_statement statement = hp_dict_statement(f->c->dict, record->stmts[i].statement);
        if (hp__words_writes(&statement) &&
            (table.n == 0 || hp_str_eq(hp__words_table(statement.text), table))) {
            return true;
        }
    }
    return false;
}

/* The repeats among the key's executions: those with an earlier one of the same parameters and no write
 * since. In `repeats`. */
static uint32_t pick_repeats(const struct hp__find *f, uint32_t i, const struct candidate *cand, uint32_t *at,
                             uint32_t *repeats, uint32_t *all)
{
    const struct hp_record *record = f->c->samples[i].record;
    uint32_t n = hp__group_pick(&f->views[i], cand->key, at), found = 0;
    bool written = n > 1 && is_written(f, record, cand->table);
    for (uint32_t k = 1; k < n; k++) {
        for (uint32_t j = k;
             j-- > 0;) { /* the latest one before with the same parameters: near in all usual cases */
            uint64_t hash = record->stmts[at[k]].param_hash;
            if (hash != 0 && record->stmts[at[j]].param_hash == hash) {
                if (!written || !written_between(f, record, cand->table, at[j], at[k])) {
                    repeats[found++] = at[k];
                }
                break;
            }
        }
    }
    *all = n;
    return found;
}

/* `at`: all of the key's executions. */
static hp_err price_request(struct hp__find *f, struct candidate *cand, uint32_t i, const uint32_t *at,
                            uint32_t all, const uint32_t *repeats, uint32_t n)
{
    const struct hp__view *view = &f->views[i];
    const struct hp_record *record = view->sample->record;
    struct hp__cut cut = {0}, low = {0};
    struct hp__made *made = &cand->made[i];
    double scale = hp__view_scale(view, repeats[0], all);
    uint64_t ns = 0;
    hp_err err = hp__made_of(f->c, view, at, all, f->arena, made);
    for (uint32_t k = 0; k < n && err == HP_OK; k++) {
        const struct hp_stmt *stmt = &record->stmts[repeats[k]];
        uint64_t cost_ns = hp__view_cost_ns(view, repeats[k]) + made->each_ns;
        double sql = (double)(stmt->exec_ns + stmt->fetch_ns) * scale;
        ns += cost_ns;
        err = hp__cut_add(f->arena, &cut, stmt->lane, stmt->t0_ns, (uint64_t)((double)cost_ns * scale));
        if (err == HP_OK) {
            err = hp__cut_add(f->arena, &low, stmt->lane, stmt->t0_ns, (uint64_t)sql);
        }
    }
    hp__place_stmts(f, view, repeats, n, &cand->places, &cand->runs);
    hp__spread_add(&cand->executions, (uint64_t)(all * scale + 0.5));
    hp__spread_add(&cand->repeats, (uint64_t)(n * scale + 0.5));
    hp__spread_add(&cand->each_ns, ns / n);
    cand->finding.seen++;
    return err == HP_OK ? hp__finding_price(f, &cand->finding, i, &cut, &low, NULL) : err;
}

static void describe(struct hp__find *f, struct candidate *cand)
{
    struct hp_finding *finding = &cand->finding;
    struct hp_str verb = hp__words_verb(cand->statement.text);
    uint64_t n = hp__spread_median(&cand->executions), repeats = hp__spread_median(&cand->repeats);
    char count[HP_SHOW_BYTES];
    hp_show_count(count, repeats + 1);
    finding->title =
        cand->table.n != 0
            ? hp__textf(f->arena, "the same %.*s on %.*s with the same values %s times", (int)verb.n, verb.p,
                        (int)cand->table.n, cand->table.p, count)
            : hp__textf(f->arena, "the same %.*s with the same values %s times", (int)verb.n, verb.p, count);
    struct hp_str others =
        repeats == 1 ? HP_STR("place") : hp__textf(f->arena, "%llu places", (unsigned long long)repeats);
    finding->advice =
        hp__textf(f->arena,
                  "Do it once: read it at the first need, keep the result for the rest of the "
                  "request (a variable passed on, or "
                  "flask.g where the places are far apart), and use it in the other %.*s. If it "
                  "rarely changes, keep it between requests too, with an age limit.",
                  (int)others.n, others.p);
    hp__finding_text(finding, "statement", cand->statement.text);
    hp__finding_number(finding, "executions", (double)n);
    hp__finding_number(finding, "repeats", (double)repeats);
    hp__finding_number(finding, "each_ms", (double)hp__spread_median(&cand->each_ns) / 1e6);
    hp__finding_number(finding, "places", (double)cand->places.count);
}

static hp_err start(struct hp__find *f, struct candidate *cand, struct hp__key key)
{
    memset(cand, 0, sizeof *cand);
    cand->key = key;
    cand->statement = hp_dict_statement(f->c->dict, key.statement);
    cand->table = hp__words_table(cand->statement.text);
    hp_err err = hp__finding_init(f, &cand->finding, HP_FIND_duplicate_query);
    cand->made = hp__zeroed(f->arena, f->c->sample_count, sizeof *cand->made);
    err = err == HP_OK && cand->made == NULL ? HP_ENOMEM : err;
    struct hp__spread *spreads[] = {&cand->executions, &cand->repeats, &cand->each_ns};
    for (size_t i = 0; i < sizeof spreads / sizeof *spreads && err == HP_OK; i++) {
        err = hp__spread_init(f, spreads[i]);
    }
    return err == HP_OK ? hp__finding_claim(f, &cand->finding, key.statement) : err;
}

static hp_err try_key(struct hp__find *f, struct hp__key key, uint32_t *at, uint32_t *repeats)
{
    struct candidate cand;
    uint32_t all;
    bool kept = false;
    hp_err err = start(f, &cand, key);
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        uint32_t n = pick_repeats(f, i, &cand, at, repeats, &all);
        if (n != 0) {
            err = price_request(f, &cand, i, at, all, repeats, n);
        }
    }
    if (err != HP_OK || cand.finding.seen == 0) {
        return err;
    }
    bool is_loop = hp__places_share(&cand.places) >= LOOP_SHARE;
    hp__group_place(is_loop ? &cand.places : &cand.runs, cand.key, &cand.finding);
    describe(f, &cand);
    err = hp__find_offer(f, &cand.finding, true, &kept);
    for (uint32_t i = 0; kept && i < f->c->sample_count; i++) {
        uint32_t n = pick_repeats(f, i, &cand, at, repeats, &all);
        for (uint32_t k = 0; k < n; k++) {
            hp__view_take_stmt(&f->views[i], repeats[k]);
        }
        hp__made_take(&f->views[i], &cand.made[i]);
    }
    return err;
}

hp_err hp__rule_duplicate_query(struct hp__find *f)
{
    struct hp__key *keys;
    uint32_t count;
    uint32_t *at = hp__group_room(f), *repeats = hp__group_room(f);
    if (at == NULL || repeats == NULL) {
        return HP_ENOMEM;
    }
    hp_err err = hp__group_keys(f, false, &keys, &count);
    for (uint32_t i = 0; i < count && err == HP_OK; i++) {
        struct hp_statement statement = hp_dict_statement(f->c->dict, keys[i].statement);
        if (hp__words_reads(&statement)) {
            err = try_key(f, keys[i], at, repeats);
        }
    }
    return err;
}
