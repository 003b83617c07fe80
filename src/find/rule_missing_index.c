/* rule_missing_index.c -- a statement that reads a whole table for a few of its rows.
 *
 * Principle: what a scan takes beyond the round trip and the rows it gives is spent on rows that nobody
 * wants; with an index on the columns that are compared only the wanted ones are read.
 *
 * Evidence: a plan of this statement is kept (hotplate explain, or the background while developing), a node
 * of it reads a whole table, and plan_advice.h finds an index that plainly serves: 1,000 rows or more, at
 * most 5 % of them wanted.
 *
 * Silent: without a plan (slow_query then says that the statement is slow); wherever plan_advice.h is: small
 * tables, few values, expressions, LIKE, OR, casts, an index that is there, ORDER BY with LIMIT; executions
 * that other findings explain; whatever saves too little (find.c).
 *
 * Saving: of one execution, beyond the usual round trip and what its rows cost to carry, the part that this
 * scan has of the rows that the plan reads, but for the look-up: the wanted rows, each 4 times as dear as one
 * of the scan (not in sequence). low: 15 times as dear and half as much of the rest; high: all of the scan's
 * part.
 */
#include <string.h>
#include "base/show.h"
#include "find/find_int.h"
#include "find/plan_advice.h"

#define RANDOM_READ      4.0
#define RANDOM_READ_HIGH 15.0
#define LOOKUP_NS        50000.0
#define MOST_FLOOR_NS    1000000u
#define MOST_ROW_NS      5000.0 /* SQLite scans while rows are fetched: the time between them is not theirs */

struct candidate {
    struct hp__key key;
    struct hp_statement statement;
    const struct hp_plan *plan;
    struct hp_plan_advices advices;
    const struct hp_plan_advice *advice;
    struct hp_finding finding;
    struct hp__places places;
    struct hp__spread executions, each_ns, rows;
    uint64_t floor_ns;
    double row_ns, part; /* part: of the rows read, this scan's */
};

/* Rows that an execution gives at the median; negative: not known. */
static hp_err returned_rows(struct hp__find *f, struct hp__key key, uint32_t *at, double *returned)
{
    struct hp__spread rows;
    hp_err err = hp__spread_init(f, &rows);
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        uint32_t n = hp__group_pick(&f->views[i], key, at);
        const struct hp_stmt *stmt = n != 0 ? &f->c->samples[i].record->stmts[at[0]] : NULL;
        if (stmt != NULL && stmt->rows != HP_ABSENT) {
            hp__spread_add(&rows, stmt->rows);
        }
    }
    *returned = err == HP_OK && rows.count != 0 ? (double)hp__spread_median(&rows) : -1;
    return err;
}

/* The cheapest execution on that engine in the samples: a round trip. */
static uint64_t round_trip(const struct hp__find *f, uint8_t engine)
{
    uint64_t least = MOST_FLOOR_NS;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_record *record = f->c->samples[i].record;
        for (uint32_t k = 0; k < record->stmt_count; k++) {
            uint64_t ns = record->stmts[k].exec_ns;
            bool same = hp_dict_statement(f->c->dict, record->stmts[k].statement).engine == engine;
            least = same && ns != 0 && ns < least ? ns : least;
        }
    }
    return least;
}

/* The scan with an index to create that reads the most rows, and its part of all rows that are read. */
static void choose_advice(struct candidate *cand)
{
    double all = 0;
    for (uint32_t i = 0; i < cand->plan->count; i++) {
        const struct hp_plan_node *node = &cand->plan->nodes[i];
        all += node->access != HP_PLAN_NO_TABLE && node->scanned > 0 ? node->scanned : 0;
    }
    for (uint32_t i = 0; i < cand->advices.count; i++) {
        const struct hp_plan_advice *advice = &cand->advices.list[i];
        if (advice->index.n != 0 && (cand->advice == NULL || advice->scanned > cand->advice->scanned)) {
            cand->advice = advice;
        }
    }
    if (cand->advice != NULL) {
        bool again = cand->plan->nodes[cand->advice->node].flags & HP_PLAN_REPEATED;
        cand->part = again || all <= cand->advice->scanned ? 1 : cand->advice->scanned / all;
    }
}

static double goes_ns(const struct candidate *cand, const struct hp_stmt *stmt, double dear, double keep)
{
    double rows = stmt->rows != HP_ABSENT ? (double)stmt->rows : 0;
    double spent = (double)(stmt->exec_ns + stmt->fetch_ns) - (double)cand->floor_ns - rows * cand->row_ns;
    double left = dear * cand->advice->wanted / cand->advice->scanned;
    double goes = spent * cand->part * keep * (left < 1 ? 1 - left : 0) - LOOKUP_NS;
    return goes > 0 ? goes : 0;
}

static hp_err price_request(struct hp__find *f, struct candidate *cand, uint32_t i, const uint32_t *at,
                            uint32_t n)
{
    static const struct {
        double dear, keep;
    } bounds[3] = {{RANDOM_READ, 1}, {RANDOM_READ_HIGH, 0.5}, {1, 1}};
    const struct hp_record *record = f->c->samples[i].record;
    struct hp__cut cuts[3] = {{0}};
    uint64_t ns = 0, rows = 0;
    hp_err err = HP_OK;
    for (uint32_t k = 0; k < n && err == HP_OK; k++) {
        const struct hp_stmt *stmt = &record->stmts[at[k]];
        ns += stmt->exec_ns + stmt->fetch_ns;
        rows += stmt->rows != HP_ABSENT ? stmt->rows : 0;
        for (int b = 0; b < 3 && err == HP_OK; b++) {
            double goes = goes_ns(cand, stmt, bounds[b].dear, bounds[b].keep);
            err = hp__cut_add(f->arena, &cuts[b], stmt->lane, stmt->t0_ns, (uint64_t)goes);
        }
    }
    hp__place_stmts(f, &f->views[i], at, n, &cand->places, NULL);
    hp__spread_add(&cand->executions, n);
    hp__spread_add(&cand->each_ns, ns / n);
    hp__spread_add(&cand->rows, rows / n);
    cand->finding.seen++;
    return err == HP_OK ? hp__finding_price(f, &cand->finding, i, &cuts[0], &cuts[1], &cuts[2]) : err;
}

static void describe(struct hp__find *f, struct candidate *cand)
{
    struct hp_finding *finding = &cand->finding;
    const struct hp_plan_advice *advice = cand->advice;
    char scanned[HP_SHOW_BYTES], wanted[HP_SHOW_BYTES], time[HP_SHOW_BYTES];
    uint64_t each_ns = hp__spread_median(&cand->each_ns);
    hp_show_count(scanned, (uint64_t)(advice->scanned + 0.5));
    hp_show_count(wanted, (uint64_t)(advice->wanted + 0.5));
    finding->title = hp__textf(f->arena, "one SELECT reads all %s rows of %.*s for about %s", scanned,
                               (int)advice->table.n, advice->table.p, wanted);
    finding->advice =
        hp__textf(f->arena,
                  "%.*s. Its plan (%s%s) reads the whole table each time, %s an execution; the index leaves "
                  "about %s rows to "
                  "read. It costs space and a little on every write. hotplate explain shows the plan.",
                  (int)advice->index.n, advice->index.p, hp_plan_engine_name(cand->plan->engine),
                  cand->plan->examples ? ", with example values" : "", hp_show_ns(time, each_ns), wanted);
    hp__finding_text(finding, "statement", cand->statement.text);
    /* The plan goes with the route's sample, findings stay. */
    hp__finding_text(finding, "index", hp__textf(f->arena, "%.*s", (int)advice->index.n, advice->index.p));
    hp__finding_text(finding, "table", hp__textf(f->arena, "%.*s", (int)advice->table.n, advice->table.p));
    hp__finding_text(finding, "plan", hp__textf(f->arena, "%.*s", (int)advice->text.n, advice->text.p));
    hp__finding_number(finding, "rows_now", advice->scanned);
    hp__finding_number(finding, "rows_then", advice->wanted);
    hp__finding_number(finding, "executions", (double)hp__spread_median(&cand->executions));
    hp__finding_number(finding, "each_ms", (double)each_ns / 1e6);
    hp__finding_number(finding, "rows", (double)hp__spread_median(&cand->rows));
}

static hp_err advise(struct hp__find *f, struct candidate *cand, uint32_t *at)
{
    struct hp_query query;
    double returned;
    hp_err err = returned_rows(f, cand->key, at, &returned);
    if (err == HP_OK) {
        err = hp_query_read(cand->statement.text, (enum hp_engine)cand->plan->engine, f->arena, &query);
    }
    if (err == HP_OK) {
        err = hp_plan_advise(cand->plan, &query, returned, f->arena, &cand->advices);
    }
    if (err == HP_OK) {
        choose_advice(cand);
    }
    return err;
}

static hp_err start(struct hp__find *f, struct candidate *cand)
{
    double row_ns = hp__group_row_ns(f);
    cand->row_ns = row_ns < MOST_ROW_NS ? row_ns : MOST_ROW_NS;
    cand->floor_ns = round_trip(f, cand->statement.engine);
    hp_err err = hp__finding_init(f, &cand->finding, HP_FIND_missing_index);
    struct hp__spread *spreads[] = {&cand->executions, &cand->each_ns, &cand->rows};
    for (size_t i = 0; i < sizeof spreads / sizeof *spreads && err == HP_OK; i++) {
        err = hp__spread_init(f, spreads[i]);
    }
    return err == HP_OK ? hp__finding_claim(f, &cand->finding, cand->key.statement) : err;
}

static hp_err try_key(struct hp__find *f, struct hp__key key, const struct hp_plan *plan, uint32_t *at)
{
    struct candidate cand;
    memset(&cand, 0, sizeof cand);
    cand.key = key;
    cand.plan = plan;
    cand.statement = hp_dict_statement(f->c->dict, key.statement);
    hp_err err = advise(f, &cand, at);
    if (err != HP_OK || cand.advice == NULL) {
        return err;
    }
    err = start(f, &cand);
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        uint32_t n = hp__group_pick(&f->views[i], key, at);
        if (n != 0) {
            err = price_request(f, &cand, i, at, n);
        }
    }
    if (err != HP_OK || cand.finding.seen == 0) {
        return err;
    }
    hp__group_place(&cand.places, cand.key, &cand.finding);
    describe(f, &cand);
    return hp__group_offer(f, &cand.finding, key, at);
}

hp_err hp__rule_missing_index(struct hp__find *f)
{
    struct hp__key *keys;
    uint32_t count;
    if (f->c->plan_count == 0) {
        return HP_OK;
    }
    uint32_t *at = hp__group_room(f);
    if (at == NULL) {
        return HP_ENOMEM;
    }
    hp_err err = hp__group_keys(f, true, &keys, &count);
    for (uint32_t i = 0; i < count && err == HP_OK; i++) {
        struct hp_statement statement = hp_dict_statement(f->c->dict, keys[i].statement);
        const struct hp_plan *plan = hp__group_plan(f, keys[i].statement);
        if (plan != NULL && hp__words_reads(&statement)) {
            err = try_key(f, keys[i], plan, at);
        }
    }
    return err;
}
