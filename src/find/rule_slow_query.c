/* rule_slow_query.c -- a statement whose single executions are expensive.
 *
 * Principle: a round trip that takes far longer than the others of the same application spends its time in
 * the database (a scan, a sort, a lock) or in carrying rows. The rule says that it is slow and what its
 * ceiling is; why, only its plan may tell, which is quoted where one is kept: rows that are skipped are read,
 * too.
 *
 * Evidence: exec + fetch (without waiting for the GIL and log handlers; of an executemany that of one row) at
 * the median ≥ 10 ms, or ≥ 3 ms and half of the route, and ≥ 10 × the cheapest tenth of the route's other
 * executions, or ≥ 50 ms (30 ms where its plan reads 10,000 rows or more from end to end); executions that
 * other findings explain do not count. The times are those of a machine with a processor free
 * (hp__speed_slowness): where we waited for one, a database in the process or on the same machine waited as
 * well. Where a route runs little else there is nothing to compare with; then it takes a plan by which a
 * statement that only skips rows (OFFSET) reads 1,000 or more and gives at most 5 % of them; or, of 10 ms,
 * one that reads 10,000 or more, sorts them or drops duplicates, gives at most 5 % of them, and does not add
 * them up; or one that reads a table of 1,000 rows or more from end to end again for each row that it gives,
 * 10,000 together. Also one that reads 1,000 rows or more from end to end for at most 5 % of them although
 * there is an index on the column that it compares, whose values tell rows apart: it cannot be used as the
 * value is given, or (of 10 ms) as the column stands in a function. Also one that sorts 1,000 rows or more by
 * chance for a few of them.
 *
 * Silent: transaction control and DDL; what adds up rows that its plan has to read (plan_sums.h), under 50
 * ms, unless it counts what another statement of the route shows a page of; time that the rows themselves
 * account for (many rows carried at the route's usual cost a row); whatever saves too little (find.c).
 *
 * Saving: down to the typical round trip of that engine on this route (median of its executions below 10 ms,
 * at least 0.3 ms) plus the rows. low: 0, since nothing here proves that it can be faster.
 */
#include <string.h>
#include "base/show.h"
#include "find/compare.h"
#include "find/find_int.h"
#include "find/plan_advice.h"
#include "find/plan_sums.h"

#define SLOW_NS       10000000u
#define MOST_OF_NS    3000000u /* … where it is half of the route */
#define VERY_SLOW_NS  50000000u
#define SLOW_SCAN_NS  30000000u /* of one whose plan reads very many rows from end to end */
#define SLOW_FACTOR   10.0
#define FLOOR_NS      300000u
#define MOST_TABLES   4u
#define SLOWNESS_UNIT 1000.0
#define MOST_STRETCHED                                                                                       \
    2.0 /* the server may have had the other processor, and who computes little is a poor clock */
#define MANY_ROWS   10000.0
#define LEAST_GIVEN 2.0 /* rows; one may be a count of all */

struct candidate {
    struct hp__key key;
    struct hp_statement statement;
    struct hp_finding finding;
    struct hp__places places;
    struct hp__spread executions, each_ns, rows, values; /* values: a hash of them, a request */
    uint64_t floor_ns;
    double row_ns;
    double passed;          /* rows that it reads before those that it gives; 0: not known to */
    bool of_page;           /* counts the rows that another statement shows a page of */
    struct hp_str unserved; /* a column whose index does not serve; empty: none */
    bool within;            /* … as it stands in a function */
    bool shuffles;          /* a large table, for a few rows by chance */
};

/* What an execution takes of the database. */
static uint64_t sql_ns(const struct hp__view *view, uint32_t i)
{
    const struct hp_stmt *stmt = &view->sample->record->stmts[i];
    uint64_t exec_ns = stmt->exec_ns > view->aside_ns[i] ? stmt->exec_ns - view->aside_ns[i] : 0;
    return exec_ns + stmt->fetch_ns;
}

/* Sorted exec + fetch of all executions of the route that `wanted` accepts. */
typedef bool (*wanted_fn)(const struct hp__view *view, uint32_t i, const struct candidate *cand);

static bool is_other(const struct hp__view *view, uint32_t i, const struct candidate *cand)
{
    return view->sample->record->stmts[i].statement != cand->key.statement;
}

static bool is_fast_here(const struct hp__view *view, uint32_t i, const struct candidate *cand)
{
    uint32_t statement = view->sample->record->stmts[i].statement;
    return statement != cand->key.statement && sql_ns(view, i) < SLOW_NS &&
           hp_dict_statement(view->facts->dict, statement).engine == cand->statement.engine;
}

static bool is_own(const struct hp__view *view, uint32_t i, const struct candidate *cand)
{
    const struct hp_stmt *stmt = &view->sample->record->stmts[i];
    return stmt->statement == cand->key.statement && stmt->site_sym == cand->key.site_sym &&
           hp__view_free_stmt(view, i);
}

static struct hp_compare_side collect(const struct hp__find *f, const struct candidate *cand,
                                      wanted_fn wanted, uint64_t *into)
{
    size_t n = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_record *record = f->c->samples[i].record;
        for (uint32_t k = 0; k < record->stmt_count; k++) {
            if (wanted(&f->views[i], k, cand)) {
                uint32_t many = record->stmts[k].many_count;
                into[n++] = sql_ns(&f->views[i], k) / (many != 0 ? many : 1);
            }
        }
    }
    hp_compare_sort(into, n);
    return (struct hp_compare_side){into, n};
}

/* The most rows that an execution gives. */
static double most_given(const struct hp__find *f, const struct candidate *cand, uint32_t *at)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        uint32_t n = hp__group_pick(&f->views[i], cand->key, at);
        const struct hp_stmt *stmt = n != 0 ? &f->c->samples[i].record->stmts[at[0]] : NULL;
        bool more = stmt != NULL && stmt->rows != HP_ABSENT && stmt->rows > rows;
        rows = more ? stmt->rows : rows;
    }
    return (double)rows;
}

/* By its plan: what it reads of the one table that it reads in the order that is asked for. */
static double passed_rows(const struct hp__find *f, const struct candidate *cand, uint32_t *at)
{
    const struct hp_plan *plan = hp__group_plan(f, cand->key.statement);
    double scanned = 0;
    uint32_t tables = 0;
    for (uint32_t i = 0; plan != NULL && i < plan->count; i++) {
        const struct hp_plan_node *node = &plan->nodes[i];
        bool reads = node->access != HP_PLAN_NO_TABLE;
        if (node->flags & (HP_PLAN_SORT | HP_PLAN_TEMPORARY)) {
            return 0;
        }
        tables += reads;
        scanned = reads ? node->scanned : scanned;
    }
    double rows = tables == 1 ? most_given(f, cand, at) : 0;
    bool few = rows >= LEAST_GIVEN && rows <= scanned * HP_PLAN_MAX_SHARE && scanned >= HP_PLAN_MIN_ROWS;
    return few && hp__words_skips(cand->statement.text) ? scanned - rows : 0;
}

/* By its plan: rows of tables or indexes that it reads from end to end; 0: none, or not known. */
static double scanned_rows(const struct hp__find *f, const struct candidate *cand)
{
    const struct hp_plan *plan = hp__group_plan(f, cand->key.statement);
    double scanned = 0;
    for (uint32_t i = 0; plan != NULL && i < plan->count; i++) {
        bool whole = plan->nodes[i].access == HP_PLAN_SCAN || plan->nodes[i].access == HP_PLAN_INDEX_SCAN;
        scanned += whole && plan->nodes[i].scanned > 0 ? plan->nodes[i].scanned : 0;
    }
    return scanned;
}

/* By its plan: reads very many rows, sorts them or drops those that are alike, and gives a few; nothing is
 * added up. */
static bool sorts_for_few(struct hp__find *f, const struct candidate *cand, uint32_t *at)
{
    const struct hp_plan *plan = hp__group_plan(f, cand->key.statement);
    struct hp_query query;
    double scanned = scanned_rows(f, cand);
    bool sorts = hp__words_distinct(cand->statement.text);
    if (plan == NULL ||
        hp_query_read(cand->statement.text, (enum hp_engine)plan->engine, f->arena, &query) != HP_OK ||
        query.scope_count == 0 || query.scopes[0].sums) {
        return false;
    }
    for (uint32_t i = 0; i < plan->count; i++) {
        sorts = sorts || (plan->nodes[i].flags & HP_PLAN_SORT) != 0;
    }
    double rows = sorts ? most_given(f, cand, at) : 0;
    return rows >= LEAST_GIVEN && scanned >= MANY_ROWS && rows <= scanned * HP_PLAN_MAX_SHARE;
}

/* By its plan: reads a large table from end to end again for each row that it gives (a correlated subquery, a
 * join without an index). */
static bool reads_again(const struct hp__find *f, const struct candidate *cand, uint32_t *at)
{
    const struct hp_plan *plan = hp__group_plan(f, cand->key.statement);
    double most = 0;
    for (uint32_t i = 0; plan != NULL && i < plan->count; i++) {
        const struct hp_plan_node *node = &plan->nodes[i];
        bool whole = node->access == HP_PLAN_SCAN || node->access == HP_PLAN_INDEX_SCAN;
        bool again = whole && (node->flags & HP_PLAN_REPEATED) && node->scanned >= HP_PLAN_MIN_ROWS;
        most = again && node->scanned > most ? node->scanned : most;
    }
    return most > 0 && most * most_given(f, cand, at) >= MANY_ROWS;
}

static bool is_local(struct hp_str peer)
{
    const struct hp_str starts[] = {HP_STR("127."), HP_STR("[::1]"), HP_STR("unix:")};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (peer.n >= starts[i].n && memcmp(peer.p, starts[i].p, starts[i].n) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the request waits for a server elsewhere in an execution of the key. */
static bool is_remote(const struct hp__view *view, struct hp__key key)
{
    for (uint32_t i = 0; i < view->item_count; i++) {
        const struct hp__wait_item *item = &view->items[i];
        bool own = item->statement != 0 && item->span.kind == HP_WAIT_DB && item->span.peer != 0 &&
                   view->sample->record->stmts[item->statement - 1].statement == key.statement;
        if (own && !is_local(hp_dict_string(view->facts->dict, item->span.peer))) {
            return true;
        }
    }
    return false;
}

/* By how much a shortage of processors stretched the statement: the median of the requests that run it; `at`,
 * `room`: scratch. */
static double stretched(const struct hp__find *f, const struct candidate *cand, uint32_t *at, uint64_t *room)
{
    size_t n = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        if (hp__group_pick(&f->views[i], cand->key, at) == 0) {
            continue;
        }
        if (is_remote(&f->views[i], cand->key)) {
            return 1;
        }
        room[n++] = (uint64_t)(hp__speed_slowness(&f->c->samples[i]) * SLOWNESS_UNIT);
    }
    hp_compare_sort(room, n);
    double median = n != 0 ? hp_compare_quantile((struct hp_compare_side){room, n}, 0.5) / SLOWNESS_UNIT : 1;
    return median > MOST_STRETCHED ? MOST_STRETCHED : median;
}

/* Whether it counts what another statement of the route shows a page of: the same table by the same
 * conditions, and with a LIMIT. */
static bool counts_for_page(const struct hp__find *f, const struct candidate *cand)
{
    struct hp_str table = hp__words_table(cand->statement.text);
    struct hp_str where = hp__words_where(cand->statement.text);
    bool counts = table.n != 0 && hp__words_counts(cand->statement.text);
    for (uint32_t i = 0; counts && i < f->c->sample_count; i++) {
        const struct hp_record *record = f->c->samples[i].record;
        for (uint32_t k = 0; k < record->stmt_count; k++) {
            struct hp_str text = hp_dict_statement(f->c->dict, record->stmts[k].statement).text;
            if (hp__words_pages(text) && hp_str_eq(hp__words_table(text), table) &&
                (where.n != 0 ? hp__words_holds(text, where) : hp__words_where(text).n == 0)) {
                return true;
            }
        }
    }
    return false;
}

/* Whether it only adds up what it has to read: then it is no wonder that it takes longer than statements
 * which look something up. */
static bool adds_up(struct hp__find *f, const struct candidate *cand, double took_ns)
{
    const struct hp_plan *plan = hp__group_plan(f, cand->key.statement);
    struct hp_query query;
    return plan != NULL &&
           hp_query_read(cand->statement.text, (enum hp_engine)plan->engine, f->arena, &query) == HP_OK &&
           hp_plan_sums(plan, &query, took_ns);
}

/* By its plan: the column that is compared, if its index is there and does not serve. */
static struct hp_str unserved(struct hp__find *f, struct candidate *cand, uint32_t *at)
{
    const struct hp_plan *plan = hp__group_plan(f, cand->key.statement);
    struct hp_query query;
    if (plan == NULL ||
        hp_query_read(cand->statement.text, (enum hp_engine)plan->engine, f->arena, &query) != HP_OK) {
        return (struct hp_str){NULL, 0};
    }
    return hp_plan_unserved(plan, &query, most_given(f, cand, at), &cand->within);
}

static bool is_slow(struct hp__find *f, struct candidate *cand, uint32_t *at, uint64_t *room)
{
    cand->unserved = unserved(f, cand, at);
    double slow = cand->unserved.n != 0 ? 1 : stretched(f, cand, at, room); /* the plan says enough */
    double median = hp_compare_quantile(collect(f, cand, is_own, room), 0.5);
    if (median < SLOW_NS * slow && (median < MOST_OF_NS * slow || median * 2 < (double)f->median_ns)) {
        return false;
    }
    double cheap = hp_compare_quantile(collect(f, cand, is_other, room), 0.1);
    double fast = hp_compare_quantile(collect(f, cand, is_fast_here, room), 0.5);
    cand->floor_ns = fast > FLOOR_NS ? (uint64_t)fast : FLOOR_NS;
    cand->passed = passed_rows(f, cand, at);
    cand->of_page = counts_for_page(f, cand);
    cand->shuffles = hp__words_shuffles(cand->statement.text) && scanned_rows(f, cand) >= HP_PLAN_MIN_ROWS;
    bool sums = adds_up(f, cand, median);
    bool unlike = cheap > 0 && median >= SLOW_FACTOR * cheap;
    bool known = cand->unserved.n != 0 && (median >= SLOW_NS || !cand->within);
    if (median >= VERY_SLOW_NS * slow || cand->passed > 0 || known) {
        return true;
    }
    if ((unlike && (cand->of_page || !sums)) ||
        (median >= SLOW_SCAN_NS * slow && !sums && scanned_rows(f, cand) >= MANY_ROWS)) {
        return true;
    }
    return cand->shuffles ||
           (median >= SLOW_NS * slow && (sorts_for_few(f, cand, at) || reads_again(f, cand, at)));
}

static hp_err price_request(struct hp__find *f, struct candidate *cand, uint32_t i, const uint32_t *at,
                            uint32_t n)
{
    const struct hp_record *record = f->c->samples[i].record;
    struct hp__cut cut = {0}, nothing = {0};
    uint64_t ns = 0, rows = 0;
    hp_err err = HP_OK;
    for (uint32_t k = 0; k < n && err == HP_OK; k++) {
        const struct hp_stmt *stmt = &record->stmts[at[k]];
        uint64_t own_rows = stmt->rows != HP_ABSENT ? stmt->rows : 0;
        double stays = (double)cand->floor_ns + (double)own_rows * cand->row_ns;
        double goes = (double)sql_ns(&f->views[i], at[k]) - stays;
        ns += sql_ns(&f->views[i], at[k]);
        rows += own_rows;
        if (goes > 0) {
            err = hp__cut_add(f->arena, &cut, stmt->lane, stmt->t0_ns, (uint64_t)goes);
        }
    }
    hp__place_stmts(f, &f->views[i], at, n, &cand->places, NULL);
    hp__spread_add(&cand->executions, n);
    hp__spread_add(&cand->each_ns, ns / n);
    hp__spread_add(&cand->rows, rows / n);
    if (record->stmts[at[0]].param_hash != 0) {
        hp__spread_add(&cand->values, record->stmts[at[0]].param_hash);
    }
    cand->finding.seen++;
    return err == HP_OK ? hp__finding_price(f, &cand->finding, i, &cut, &nothing, NULL) : err;
}

/* "papers: scan (300,000 rows), sort"; empty without a plan. */
static struct hp_str plan_words(struct hp__find *f, const struct hp_plan *plan)
{
    struct hp_str words = {NULL, 0};
    unsigned flags = 0;
    uint32_t told = 0;
    for (uint32_t i = 0; plan != NULL && i < plan->count; i++) {
        const struct hp_plan_node *node = &plan->nodes[i];
        char rows[HP_SHOW_BYTES];
        flags |= node->flags;
        if (node->access == HP_PLAN_NO_TABLE || node->table.n == 0 || told == MOST_TABLES) {
            continue;
        }
        told++;
        hp_show_count(rows, node->scanned > 0 ? (uint64_t)node->scanned : 0);
        words = hp__textf(f->arena, "%.*s%s%.*s: %s%s%.*s%s%s%s", (int)words.n, words.p,
                          words.n != 0 ? ", " : "", (int)node->table.n, node->table.p,
                          hp_plan_access_name(node->access), node->index.n != 0 ? " " : "",
                          (int)node->index.n, node->index.p, node->scanned > 0 ? " (" : "",
                          node->scanned > 0 ? rows : "", node->scanned > 0 ? " rows)" : "");
    }
    return words.n != 0 ? hp__textf(f->arena, "%.*s%s%s", (int)words.n, words.p,
                                    flags & HP_PLAN_TEMPORARY ? ", kept aside" : "",
                                    flags & HP_PLAN_SORT ? ", sort" : "")
                        : words;
}

static struct hp_str advise_skip(struct hp__find *f, struct candidate *cand)
{
    char passed[HP_SHOW_BYTES], rows[HP_SHOW_BYTES];
    hp_show_count(passed, (uint64_t)cand->passed);
    hp_show_count(rows, hp__spread_median(&cand->rows));
    return hp__textf(
        f->arena,
        "Do it faster: OFFSET has the database read about %s rows and drop them before the %s that it gives. "
        "Begin where the page before ended, by the key that the rows are sorted by (WHERE key > :last ORDER "
        "BY key LIMIT n): that costs the same on every page.",
        passed, rows);
}

static struct hp_str advise_kind(struct hp__find *f, const struct candidate *cand)
{
    if (cand->within) {
        return hp__textf(
            f->arena,
            "Do it faster: there is an index on %.*s, but the column stands in a function, so that each row "
            "of the "
            "table is read and given to it. Compare the column as it is (a range of dates, a value that is "
            "written as the column has it), or create an index on the expression.",
            (int)cand->unserved.n, cand->unserved.p);
    }
    return hp__textf(
        f->arena,
        "Do it faster: there is an index on %.*s, but the whole table is read. The value that it is compared "
        "with is not of its kind (a number for a text, another collation), so that each row is converted "
        "first: give it as the column has it (str(value)).",
        (int)cand->unserved.n, cand->unserved.p);
}

static struct hp_str advise_chance(struct hp__find *f)
{
    return hp__textf(
        f->arena,
        "Do it faster: to sort by chance, the database reads all rows and gives each a number before it "
        "keeps "
        "a few. Choose the keys first, which are cheap to have (a random number between the least and the "
        "largest key: WHERE id >= :start ORDER BY id LIMIT n; or random.sample of keys that are kept), and "
        "fetch those rows. Do it once: what is chosen may stay for a while.");
}

static struct hp_str advise_count(struct hp__find *f)
{
    return hp__textf(
        f->arena,
        "Do not do it here: it counts all rows that another statement shows a page of. Whether there is a "
        "next page one row more than the page has tells (LIMIT n + 1). Else do it once: keep the count "
        "for a while; what people see of it need not be exact. The lower bound of the saving is 0.");
}

/* Requests that ask it with the values that most of them ask it with. */
static uint32_t count_alike(struct candidate *cand)
{
    uint32_t most = 0, run = 0;
    if (cand->values.count != 0) {
        (void)hp__spread_median(&cand->values); /* sorts */
    }
    for (uint32_t i = 0; i < cand->values.count; i++) {
        run = i > 0 && cand->values.list[i] == cand->values.list[i - 1] ? run + 1 : 1;
        most = run > most ? run : most;
    }
    return most;
}

static struct hp_str advise_look(struct hp__find *f, struct candidate *cand, bool planned)
{
    uint32_t alike = count_alike(cand);
    char floor[HP_SHOW_BYTES];
    struct hp_str keep =
        alike > 1 && alike * 2 >= cand->finding.seen
            ? hp__textf(f->arena,
                        "Do it once: %u of the %u requests looked at ask it with the same values; keep its "
                        "result as long as it may be old.",
                        (unsigned)alike, (unsigned)cand->finding.seen)
            : HP_STR("Do it once: keep its result if it rarely changes.");
    return hp__textf(
        f->arena,
        "Do not do it here if the response does not need it. %.*s Else do it faster: look at its plan "
        "(EXPLAIN) for a full scan or a sort without index, and at how many rows and "
        "columns it carries. A usual round trip here "
        "takes %s; how near it can come %s, so the lower "
        "bound of the saving is 0.",
        (int)keep.n, keep.p, hp_show_ns(floor, cand->floor_ns),
        planned ? "its plan does not tell" : "is not known without the plan");
}

static void describe(struct hp__find *f, struct candidate *cand)
{
    struct hp_finding *finding = &cand->finding;
    struct hp_str verb = hp__words_verb(cand->statement.text), table = hp__words_table(cand->statement.text);
    struct hp_str plan = plan_words(f, hp__group_plan(f, cand->key.statement));
    uint64_t each_ns = hp__spread_median(&cand->each_ns);
    char time[HP_SHOW_BYTES];
    hp_show_ns(time, each_ns);
    finding->title = table.n != 0 ? hp__textf(f->arena, "one %.*s on %.*s takes %s", (int)verb.n, verb.p,
                                              (int)table.n, table.p, time)
                                  : hp__textf(f->arena, "one %.*s takes %s", (int)verb.n, verb.p, time);
    finding->advice = cand->passed > 0        ? advise_skip(f, cand)
                      : cand->of_page         ? advise_count(f)
                      : cand->unserved.n != 0 ? advise_kind(f, cand)
                      : cand->shuffles        ? advise_chance(f)
                                              : advise_look(f, cand, plan.n != 0);
    hp__finding_text(finding, "statement", cand->statement.text);
    hp__finding_number(finding, "executions", (double)hp__spread_median(&cand->executions));
    hp__finding_number(finding, "each_ms", (double)each_ns / 1e6);
    hp__finding_number(finding, "usual_round_trip_ms", (double)cand->floor_ns / 1e6);
    hp__finding_number(finding, "rows", (double)hp__spread_median(&cand->rows));
    hp__finding_text(finding, "plan", plan);
}

static hp_err start(struct hp__find *f, struct candidate *cand)
{
    cand->row_ns = hp__group_row_ns(f);
    hp_err err = hp__finding_init(f, &cand->finding, HP_FIND_slow_query);
    struct hp__spread *spreads[] = {&cand->executions, &cand->each_ns, &cand->rows, &cand->values};
    for (size_t i = 0; i < sizeof spreads / sizeof *spreads && err == HP_OK; i++) {
        err = hp__spread_init(f, spreads[i]);
    }
    return err == HP_OK ? hp__finding_claim(f, &cand->finding, cand->key.statement) : err;
}

static hp_err try_key(struct hp__find *f, struct hp__key key, uint32_t *at, uint64_t *room)
{
    struct candidate cand;
    memset(&cand, 0, sizeof cand);
    cand.key = key;
    cand.statement = hp_dict_statement(f->c->dict, key.statement);
    if (!is_slow(f, &cand, at, room)) {
        return HP_OK;
    }
    hp_err err = start(f, &cand);
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

hp_err hp__rule_slow_query(struct hp__find *f)
{
    struct hp__key *keys;
    uint32_t count;
    size_t all = 1;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        all += f->c->samples[i].record->stmt_count;
    }
    uint32_t *at = hp__group_room(f);
    uint64_t *room = hp_arena_alloc(f->arena, all * sizeof *room, _Alignof(uint64_t));
    if (at == NULL || room == NULL) {
        return HP_ENOMEM;
    }
    hp_err err = hp__group_keys(f, true, &keys, &count);
    for (uint32_t i = 0; i < count && err == HP_OK; i++) {
        struct hp_statement statement = hp_dict_statement(f->c->dict, keys[i].statement);
        if (hp__words_reads(&statement) || hp__words_writes(&statement)) {
            err = try_key(f, keys[i], at, room);
        }
    }
    return err;
}
