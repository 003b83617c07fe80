/* rule_n_plus_one.c -- one statement executed again and again in one request from one line, each time with
 * other parameters.
 *
 * Principle: n round trips that ask for n rows one by one can be one round trip that carries the same rows.
 *
 * Evidence: n ≥ 3 executions of one statement from one application line in one request, not in lanes that a
 * thread per item explains; where parameters can be compared, at least half of them differ (else it is
 * duplicate_query). An executemany is as many executions as it has rows where its driver sends them one by
 * one: psycopg2's does, MySQL's do where there are two waits or more for the server a row. (psycopg 3 waits
 * as often, but for none of the answers.)
 *
 * Silent: different statements in a loop; the same parameters again; reading page by page (LIMIT with ten
 * rows and more a time: each page needs the one before), and by lists of keys or rows that are cut into
 * portions (fifty rows and more a time); transaction control; whatever saves too little (find.c).
 *
 * Saving: (n − 1) / n of what the executions cost, taken out of their lanes where they ran. An execution
 * costs exec + fetch + the library around it: the total of the library calls that the application's
 * expression made for it, less SQL (view.c). One execution stays whole, also when each is slow by itself: a
 * scan for many keys is one scan. What the same rows cost stays too: the least fetch time per row seen on the
 * route, or where row counts differ the slope of time over rows (of SQLite at most 1 µs); and of the library
 * time what making their objects takes: predicted keeps 5 µs a row (by hp__speed_slowness where processors
 * were short), at most 30 %; low keeps three times as much, high nothing.
 */
#include <string.h>
#include "find/find_int.h"
#include "base/show.h"
#include "find/compare.h"
#include "model/fingerprint.h"

#define MIN_EXECUTIONS 3u
#define OBJECT_NS      5000.0
#define OBJECTS_MOST   0.30 /* of the library's time */
#define STAYS_LOW      3.0
#define FILE_ROW_NS    1000.0
#define PAGE_ROWS      10u
#define PORTION_ROWS   50u
#define LINES          32u
#define WAITS_A_ROW    2u /* to send, and for the answer */

struct candidate {
    struct hp__key key;
    struct hp_statement statement;
    struct hp_finding finding;
    struct hp__places places;
    struct hp__spread executions, distinct, each_ns, around_ns, rows;
    bool orm, many;
};

/* How often an execution sends its statement to the server. */
static uint64_t sendings(const struct hp__view *view, uint32_t stmt)
{
    const struct hp_stmt *s = &view->sample->record->stmts[stmt];
    enum hp_engine engine = (enum hp_engine)hp_dict_statement(view->facts->dict, s->statement).engine;
    bool by_waits = engine == HP_ENGINE_MYSQL || engine == HP_ENGINE_MARIADB;
    uint64_t rows = s->many_count, waits = 0;
    if (rows > 1 && (s->flags & HP_STMT_EACH)) {
        return rows;
    }
    for (uint32_t i = 0; rows > 1 && by_waits && i < view->item_count; i++) {
        const struct hp__wait_item *item = &view->items[i];
        waits += item->statement == stmt + 1 && item->span.kind == HP_WAIT_DB ? item->count : 0;
    }
    return waits != 0 && waits >= rows * WAITS_A_ROW ? rows : 1;
}

static uint64_t all_sendings(const struct hp__view *view, const uint32_t *at, uint32_t n)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < n; i++) {
        all += sendings(view, at[i]);
    }
    return all;
}

/* Keep only executions whose line sends at least three here. A function with more lines than the table: the
 * rest is not kept. */
static uint32_t keep_repeated_lines(const struct hp__view *view, uint32_t *at, uint32_t n)
{
    const struct hp_record *record = view->sample->record;
    uint64_t count[LINES];
    uint32_t line[LINES], lines = 0, kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = 0;
        while (k < lines && line[k] != record->stmts[at[i]].site_line) {
            k++;
        }
        if (k == lines && lines < LINES) {
            line[lines] = record->stmts[at[i]].site_line;
            count[lines++] = 0;
        }
        if (k < lines) {
            count[k] += sendings(view, at[i]);
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = 0;
        while (k < lines && line[k] != record->stmts[at[i]].site_line) {
            k++;
        }
        if (k < lines && count[k] >= MIN_EXECUTIONS) {
            at[kept++] = at[i];
        }
    }
    return kept;
}

/* How many different parameter sets; executions that cannot be compared count as different. */
static uint32_t count_distinct(const struct hp_record *record, const uint32_t *at, uint32_t n,
                               uint64_t *scratch)
{
    uint32_t known = 0, distinct = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (record->stmts[at[i]].param_hash != 0) {
            scratch[known++] = record->stmts[at[i]].param_hash;
        }
    }
    hp_compare_sort(scratch, known);
    for (uint32_t i = 0; i < known; i++) {
        distinct += i == 0 || scratch[i] != scratch[i - 1];
    }
    return distinct + (n - known);
}

static bool reads_pages(const struct hp__view *view, const uint32_t *at, uint32_t n, struct hp_str text)
{
    const struct hp_record *record = view->sample->record;
    uint64_t rows = 0, all = all_sendings(view, at, n);
    for (uint32_t i = 0; i < n; i++) {
        rows += record->stmts[at[i]].rows != HP_ABSENT ? record->stmts[at[i]].rows : 0;
    }
    return (rows >= all * PAGE_ROWS && hp__words_pages(text)) ||
           (rows >= all * PORTION_ROWS && hp__words_holds(text, HP_STR("(?+)")));
}

/* The executions of this request that the rule is about, in `at`; 0: it does not show here. */
static uint32_t pick(const struct hp__view *view, const struct candidate *cand, uint32_t *at,
                     uint64_t *scratch, uint32_t *distinct)
{
    const struct hp_record *record = view->sample->record;
    uint32_t n = hp__group_pick(view, cand->key, at);
    n = keep_repeated_lines(view, at, n);
    if (n == 0 || reads_pages(view, at, n, cand->statement.text)) {
        return 0;
    }
    *distinct = count_distinct(record, at, n, scratch);
    return *distinct * 2 >= n ? n : 0;
}

static uint64_t rows_of(const struct hp_stmt *stmt)
{
    return stmt->rows != HP_ABSENT ? stmt->rows : 1;
}

/* An engine in the process looks for rows while they are fetched: what it takes beyond this a row is looking,
 * not carrying. */
static double carried_ns(const struct hp__find *f, struct hp__key key, double row_ns)
{
    bool in_process = hp_dict_statement(f->c->dict, key.statement).engine == HP_ENGINE_SQLITE;
    return in_process && row_ns > FILE_ROW_NS ? FILE_ROW_NS : row_ns;
}

/* Time over rows by least squares where the key's executions differ in rows, else the route's least fetch per
 * row. */
static double row_cost_ns(const struct hp__find *f, struct hp__key key, uint32_t *at)
{
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        uint32_t count = hp__group_pick(&f->views[i], key, at);
        for (uint32_t k = 0; k < count; k++) {
            const struct hp_stmt *stmt = &f->c->samples[i].record->stmts[at[k]];
            double rows = (double)rows_of(stmt), ns = (double)(stmt->exec_ns + stmt->fetch_ns);
            n += 1, x += rows, y += ns, xx += rows * rows, xy += rows * ns;
        }
    }
    double spread = n * xx - x * x;
    if (n == 0 || spread < n * n) { /* less than one row of standard deviation */
        return carried_ns(f, key, hp__group_row_ns(f));
    }
    double slope = (n * xy - x * y) / spread;
    double most = x > 0 ? y / x : 0;
    return carried_ns(f, key, slope < 0 ? 0 : slope > most ? most : slope);
}

static hp_err cut_executions(struct hp__find *f, const struct hp__view *view, const uint32_t *at, uint32_t n,
                             double row_ns, double object_ns, struct hp__cut *cut)
{
    const struct hp_record *record = view->sample->record;
    double scale = hp__view_scale(view, at[0], n);
    double share = 1 - 1 / ((double)all_sendings(view, at, n) * scale);
    for (uint32_t i = 0; i < n; i++) {
        const struct hp_stmt *stmt = &record->stmts[at[i]];
        double rows = (double)rows_of(stmt), most = (double)view->around_ns[at[i]] * OBJECTS_MOST;
        double stays = rows * row_ns + (rows * object_ns < most ? rows * object_ns : most);
        double goes = share * scale * ((double)hp__view_cost_ns(view, at[i]) - stays);
        if (goes > 0) {
            hp_err err = hp__cut_add(f->arena, cut, stmt->lane, stmt->t0_ns, (uint64_t)goes);
            if (err != HP_OK) {
                return err;
            }
        }
    }
    return HP_OK;
}

static void note_request(const struct hp__find *f, struct candidate *cand, const struct hp__view *view,
                         const uint32_t *at, uint32_t n, uint32_t distinct)
{
    const struct hp_record *record = view->sample->record;
    uint64_t ns = 0, around = 0, rows = 0, all = all_sendings(view, at, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct hp_stmt *stmt = &record->stmts[at[i]];
        ns += stmt->exec_ns + stmt->fetch_ns;
        around += view->around_ns[at[i]];
        rows += rows_of(stmt);
        cand->orm |= (stmt->flags & HP_STMT_ORM) != 0;
    }
    hp__place_stmts(f, view, at, n, &cand->places, NULL);
    cand->many |= all > n;
    double scale = hp__view_scale(view, at[0], n);
    hp__spread_add(&cand->executions, (uint64_t)((double)all * scale + 0.5));
    hp__spread_add(&cand->distinct, distinct + all - n);
    hp__spread_add(&cand->each_ns, ns / all);
    hp__spread_add(&cand->around_ns, around / all);
    hp__spread_add(&cand->rows, rows);
    cand->finding.seen++;
}

static struct hp_str batch_advice(struct hp__find *f, const struct candidate *cand, const char *each)
{
    struct hp_str key = hp__words_key(cand->statement.text);
    bool postgresql = cand->statement.engine == HP_ENGINE_POSTGRESQL;
    if (cand->many) {
        return hp__textf(
            f->arena,
            "Do it together: this executemany sends a statement for each row and waits for its answer before "
            "the next. Send "
            "many rows in one (%s).",
            postgresql
                ? "psycopg2.extras.execute_values with INSERT ... VALUES %s or UPDATE ... FROM (VALUES %s), "
                  "executemany of psycopg 3; of SQLAlchemy executemany_mode='values_plus_batch'"
                : "an INSERT with many rows, an UPDATE that joins a list of values");
    }
    bool deletes = cand->statement.verb == HP_SQL_VERB_DELETE;
    if (deletes || cand->statement.verb == HP_SQL_VERB_UPDATE) {
        return hp__textf(
            f->arena,
            "Do it together: one %s for all of them (WHERE %.*s IN (...), or the condition that they "
            "were chosen by)%s",
            deletes ? "DELETE" : "UPDATE", key.n != 0 ? (int)key.n : 3, key.n != 0 ? key.p : "key",
            deletes     ? "."
            : cand->orm ? "; where each gets other values, session.execute(update(Model), rows)."
                        : "; where each gets other values, a CASE over the key or a join with them.");
    }
    if (hp__words_writes(&cand->statement)) {
        return hp__textf(
            f->arena, "Do it together: collect the rows and send them in one statement (%s).",
            cand->orm ? "session.execute(insert(Model), rows)"
            : postgresql
                ? "execute_values of psycopg2.extras, executemany of psycopg 3, or one INSERT with many rows"
                : "executemany, or one INSERT with many rows");
    }
    if (cand->orm) {
        return hp__textf(f->arena,
                         "Do it together: collect the keys before the loop, load all rows with one query "
                         "(.where(Model.%.*s.in_(keys)); for a relationship "
                         "options(selectinload(Parent.children)) on the first query), and look them up in a "
                         "dict inside the loop.%s",
                         key.n != 0 ? (int)key.n : 3, key.n != 0 ? key.p : "key", each);
    }
    struct hp_str how = key.n != 0
                            ? hp__textf(f->arena, "with WHERE %.*s IN (...)", (int)key.n, key.p)
                            : HP_STR("for all of them (WHERE ... IN (...), or GROUP BY, over what differs)");
    return hp__textf(f->arena,
                     "Do it together: collect the keys before the loop, run one query %.*s, and look the "
                     "rows up in a dict inside the loop.%s",
                     (int)how.n, how.p, each);
}

static void describe(struct hp__find *f, struct candidate *cand)
{
    struct hp_finding *finding = &cand->finding;
    struct hp_str verb = hp__words_verb(cand->statement.text), table = hp__words_table(cand->statement.text);
    uint64_t n = hp__spread_median(&cand->executions), each_ns = hp__spread_median(&cand->each_ns);
    char time[HP_SHOW_BYTES], count[HP_SHOW_BYTES];
    hp_show_count(count, n);
    finding->title = table.n != 0 ? hp__textf(f->arena, "the same %.*s on %.*s %s times", (int)verb.n, verb.p,
                                              (int)table.n, table.p, count)
                                  : hp__textf(f->arena, "the same %.*s %s times", (int)verb.n, verb.p, count);
    struct hp_str each =
        each_ns >= 10000000u
            ? hp__textf(
                  f->arena,
                  " Do it faster: one execution takes %s by itself, so look at its plan (EXPLAIN) as well.",
                  hp_show_ns(time, each_ns))
            : (struct hp_str){"", 0};
    struct hp_str together = batch_advice(f, cand, each.p != NULL ? each.p : "");
    finding->advice = hp__textf(
        f->arena,
        "Do not do it here: leave out the query for items whose result the response does not use. %.*s",
        (int)together.n, together.p != NULL ? together.p : "");
    hp__finding_text(finding, "statement", cand->statement.text);
    hp__finding_number(finding, "executions", (double)n);
    hp__finding_number(finding, "different_parameters", (double)hp__spread_median(&cand->distinct));
    hp__finding_number(finding, "rows", (double)hp__spread_median(&cand->rows));
    hp__finding_number(finding, "each_ms", (double)each_ns / 1e6);
    hp__finding_number(finding, "library_around_each_ms", (double)hp__spread_median(&cand->around_ns) / 1e6);
}

static void take(struct hp__find *f, const struct candidate *cand, uint32_t *at, uint64_t *scratch)
{
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        uint32_t distinct, n = pick(&f->views[i], cand, at, scratch, &distinct);
        for (uint32_t k = 0; k < n; k++) {
            hp__view_take_stmt(&f->views[i], at[k]);
        }
    }
}

static hp_err start(struct hp__find *f, struct candidate *cand, struct hp__key key)
{
    memset(cand, 0, sizeof *cand);
    cand->key = key;
    cand->statement = hp_dict_statement(f->c->dict, key.statement);
    hp_err err = hp__finding_init(f, &cand->finding, HP_FIND_n_plus_one);
    struct hp__spread *spreads[] = {&cand->executions, &cand->distinct, &cand->each_ns, &cand->around_ns,
                                    &cand->rows};
    for (size_t i = 0; i < sizeof spreads / sizeof *spreads && err == HP_OK; i++) {
        err = hp__spread_init(f, spreads[i]);
    }
    cand->finding.statement = key.statement;
    return err;
}

static hp_err price_request(struct hp__find *f, struct candidate *cand, uint32_t i, const uint32_t *at,
                            uint32_t n, double row_ns)
{
    const struct hp__view *view = &f->views[i];
    struct hp__cut cut = {0}, low = {0}, high = {0};
    double object_ns = OBJECT_NS * hp__speed_slowness(view->sample);
    hp_err err = cut_executions(f, view, at, n, row_ns, object_ns, &cut);
    if (err == HP_OK) {
        err = cut_executions(f, view, at, n, row_ns * STAYS_LOW, object_ns * STAYS_LOW, &low);
    }
    if (err == HP_OK) {
        err = cut_executions(f, view, at, n, 0, 0, &high);
    }
    return err == HP_OK ? hp__finding_price(f, &cand->finding, i, &cut, &low, &high) : err;
}

static bool repeats_somewhere(const struct hp__find *f, struct hp__key key, uint32_t *at)
{
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        uint32_t n = hp__group_pick(&f->views[i], key, at);
        if (all_sendings(&f->views[i], at, n) >= MIN_EXECUTIONS) {
            return true;
        }
    }
    return false;
}

static hp_err try_key(struct hp__find *f, struct hp__key key, uint32_t *at, uint64_t *scratch)
{
    struct candidate cand;
    bool kept = false;
    hp_err err = start(f, &cand, key);
    double row_ns = err == HP_OK ? row_cost_ns(f, key, at) : 0;
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        uint32_t distinct, n = pick(&f->views[i], &cand, at, scratch, &distinct);
        if (n != 0) {
            note_request(f, &cand, &f->views[i], at, n, distinct);
            err = price_request(f, &cand, i, at, n, row_ns);
        }
    }
    if (err != HP_OK || cand.finding.seen == 0) {
        return err;
    }
    hp__group_place(&cand.places, cand.key, &cand.finding);
    describe(f, &cand);
    err = hp__finding_claim(f, &cand.finding, key.statement);
    err = err == HP_OK ? hp__find_offer(f, &cand.finding, true, &kept) : err;
    if (kept) {
        take(f, &cand, at, scratch);
    }
    return err;
}

hp_err hp__rule_n_plus_one(struct hp__find *f)
{
    struct hp__key *keys;
    uint32_t count;
    uint32_t *at = hp__group_room(f);
    uint64_t *scratch = hp_arena_alloc(f->arena, hp__group_most(f) * sizeof *scratch, _Alignof(uint64_t));
    if (at == NULL || scratch == NULL) {
        return HP_ENOMEM;
    }
    hp_err err = hp__group_keys(f, true, &keys, &count);
    for (uint32_t i = 0; i < count && err == HP_OK; i++) {
        struct hp_statement statement = hp_dict_statement(f->c->dict, keys[i].statement);
        bool data = hp__words_reads(&statement) || hp__words_writes(&statement);
        if (data && repeats_somewhere(f, keys[i], at)) {
            err = try_key(f, keys[i], at, scratch);
        }
    }
    return err;
}
