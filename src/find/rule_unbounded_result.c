/* rule_unbounded_result.c -- a SELECT without limit brings far more rows than the response can hold.
 *
 * Principle: what the application counts, sums, sorts or filters row by row, the database does where the rows
 * are, and sends the result.
 *
 * Evidence: a SELECT without LIMIT, OFFSET or FETCH, from one application line, with 500 rows or more in a
 * request, of which the response cannot even name each (a number as long as theirs, something that sets it
 * apart, and a character of its own; a compressed response is taken for as long as it may have been);
 * carrying them (fetch, objects, the loop over them) costs a tenth of the request or more. Rows are counted
 * at every level, the objects and the loop need a call tree.
 *
 * Silent: a page that shows its rows (a list, a report, an export); a statement that names its rows (IN of as
 * many); responses whose size is not known; few rows; what saves too little (find.c).
 *
 * Saving: what carrying the rows takes: fetch, what a server's driver computes while it executes (most read
 * all rows then), library time around the statement, the function's own loop (at most 1 µs a row) and
 * application functions that it calls for each row. predicted 95 %; what the database takes stays. low =
 * half: some rows may be needed; high = all.
 */
#include "base/show.h"
#include "find/find_int.h"

#define MIN_ROWS  500u
#define MIN_SHARE 0.10
#define LOOP_NS   1000u
#define SAVES     0.95
#define SAVES_LOW 0.50

struct candidate {
    struct hp__key key;
    struct hp_finding finding;
    struct hp__places places;
    struct hp__spread rows, bytes, carried;
};

static uint64_t rows_of(const struct hp_record *record, const uint32_t *at, uint32_t n)
{
    uint64_t rows = 0;
    for (uint32_t k = 0; k < n; k++) {
        const struct hp_stmt *stmt = &record->stmts[at[k]];
        rows += stmt->rows != HP_ABSENT && stmt->rows > stmt->in_count ? stmt->rows : 0;
    }
    return rows;
}

static uint64_t digits_of(uint64_t n)
{
    uint64_t digits = 1;
    while (n >= 10) {
        n /= 10;
        digits++;
    }
    return digits;
}

static bool is_unbounded(const struct hp_record *record, uint64_t rows)
{
    uint64_t bytes = hp__view_body_bytes(record);
    return rows >= MIN_ROWS && bytes != HP_ABSENT && bytes / rows < digits_of(rows) + 2;
}

/* Of a driver in C: its time is the function's own. */
static uint64_t direct_sql_ns(const struct hp_record *record, uint32_t node)
{
    uint64_t ns = 0;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        ns += record->stmts[i].node == node ? record->stmts[i].exec_ns + record->stmts[i].fetch_ns : 0;
    }
    return ns;
}

/* What the function does for each row itself: its loop, and functions of the application called once a
 * row. */
static uint64_t loop_ns(struct hp__view *view, uint32_t owner, uint64_t rows, bool take)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t own = tree->nodes[owner].self, sql = direct_sql_ns(view->sample->record, owner);
    uint64_t most = rows * LOOP_NS;
    own = own > sql ? own - sql : 0;
    uint64_t ns = own < most ? own : most;
    if (take) {
        view->node_taken[owner] = 1;
    }
    for (uint32_t i = owner + 1; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        bool below =
            node->parent == owner || (view->owner[node->parent] == owner && !view->app[node->parent]);
        if (below && view->app[i] && !view->node_taken[i] && node->calls * 2 >= rows) {
            ns += node->total;
            if (take) {
                hp__bound_take(view, i);
            }
        }
    }
    return ns;
}

/* Beside fetch: objects and loops, of the function that ran the statement. */
static uint64_t around_ns(const struct hp__find *f, struct hp__view *view, uint32_t stmt, uint64_t rows,
                          bool take)
{
    const struct hp_tree *tree = view->sample->tree;
    uint32_t node = view->sample->record->stmts[stmt].node;
    uint32_t owner = tree != NULL && node < tree->count ? view->owner[node] : HP_NODE_NONE;
    if (owner == HP_NODE_NONE || view->node_taken[node]) {
        return 0;
    }
    uint64_t ns = 0;
    if (owner != node) {
        ns = hp__build_of(view, f->c->dict, owner, false).ns;
        if (take) {
            hp__build_take(view);
        }
    }
    return ns + loop_ns(view, owner, rows, take);
}

/* Of exec and fetch: what is not the database's. */
static uint64_t reading_ns(const struct hp__view *view, uint32_t stmt)
{
    const struct hp_stmt *s = &view->sample->record->stmts[stmt];
    uint64_t ns = s->exec_ns + s->fetch_ns - hp__build_database_ns(view, stmt);
    return ns > s->fetch_ns ? ns : s->fetch_ns;
}

static hp_err price_request(struct hp__find *f, struct candidate *cand, uint32_t i, const uint32_t *at,
                            uint32_t n, uint64_t rows)
{
    struct hp__view *view = &f->views[i];
    const struct hp_record *record = view->sample->record;
    struct hp__cut cut = {0}, low = {0}, high = {0};
    uint64_t carried = 0;
    hp_err err = HP_OK;
    for (uint32_t k = 0; k < n && err == HP_OK; k++) {
        const struct hp_stmt *stmt = &record->stmts[at[k]];
        uint64_t around = k == 0 || record->stmts[at[k - 1]].node != stmt->node
                              ? around_ns(f, view, at[k], rows, false)
                              : 0;
        uint64_t carries = reading_ns(view, at[k]) + around;
        double ns = (double)carries;
        carried += carries;
        err = hp__cut_add(f->arena, &cut, stmt->lane, stmt->t0_ns, (uint64_t)(ns * SAVES));
        err = err == HP_OK ? hp__cut_add(f->arena, &low, stmt->lane, stmt->t0_ns, (uint64_t)(ns * SAVES_LOW))
                           : err;
        err = err == HP_OK ? hp__cut_add(f->arena, &high, stmt->lane, stmt->t0_ns, (uint64_t)ns) : err;
    }
    hp__place_stmts(f, view, at, n, &cand->places, NULL);
    if (err != HP_OK || (double)carried < MIN_SHARE * (double)view->sample->duration_ns) {
        return err;
    }
    hp__spread_add(&cand->rows, rows);
    hp__spread_add(&cand->bytes, record->req.bytes_out);
    hp__spread_add(&cand->carried, carried);
    cand->finding.seen++;
    return hp__finding_price(f, &cand->finding, i, &cut, &low, &high);
}

static void describe(struct hp__find *f, struct candidate *cand)
{
    struct hp_finding *finding = &cand->finding;
    struct hp_str text = hp_dict_statement(f->c->dict, cand->key.statement).text;
    struct hp_str table = hp__words_table(text);
    uint64_t rows = hp__spread_median(&cand->rows), bytes = hp__spread_median(&cand->bytes);
    char count[HP_SHOW_BYTES], size[HP_SHOW_BYTES];
    hp_show_count(count, rows);
    hp_show_bytes(size, bytes);
    finding->title = hp__textf(f->arena, "%s rows%s%.*s fetched for a response of %s", count,
                               table.n != 0 ? " of " : "", (int)table.n, table.n != 0 ? table.p : "", size);
    finding->advice =
        hp__textf(f->arena, "Do not do it here: let the database count, sum, filter or sort, and send what "
                            "the response shows: SELECT count(*) or sum(column) … "
                            "WHERE …, ORDER BY … LIMIT n for the first few, EXISTS for a yes or no (of an "
                            "ORM: select(func.count()).where(…), .limit(n)). Where all rows "
                            "are needed but not at once, read them page by page by key.");
    hp__finding_text(finding, "statement", text);
    hp__finding_number(finding, "rows", (double)rows);
    hp__finding_number(finding, "response_bytes", (double)bytes);
    hp__finding_number(finding, "carrying_ms", (double)hp__spread_median(&cand->carried) / 1e6);
}

static void take(struct hp__find *f, const struct candidate *cand, uint32_t *at)
{
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        struct hp__view *view = &f->views[i];
        uint32_t n = hp__group_pick(view, cand->key, at);
        uint64_t rows = rows_of(view->sample->record, at, n);
        for (uint32_t k = 0; k < n && is_unbounded(view->sample->record, rows); k++) {
            (void)around_ns(f, view, at[k], rows, true);
            view->stmt_taken[at[k]] = 1;
            view->gc_taken |= view->sample->tree == NULL; /* of the objects, most likely */
        }
    }
}

static hp_err try_key(struct hp__find *f, struct hp__key key, uint32_t *at)
{
    struct candidate cand = {.key = key};
    bool kept = false;
    hp_err err = hp__finding_init(f, &cand.finding, HP_FIND_unbounded_result);
    err = err == HP_OK ? hp__spread_init(f, &cand.rows) : err;
    err = err == HP_OK ? hp__spread_init(f, &cand.bytes) : err;
    err = err == HP_OK ? hp__spread_init(f, &cand.carried) : err;
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        uint32_t n = hp__group_pick(&f->views[i], key, at);
        uint64_t rows = rows_of(f->c->samples[i].record, at, n);
        if (n != 0 && is_unbounded(f->c->samples[i].record, rows)) {
            err = price_request(f, &cand, i, at, n, rows);
        }
    }
    if (err != HP_OK || cand.finding.seen == 0) {
        return err;
    }
    hp__group_place(&cand.places, cand.key, &cand.finding);
    err = hp__finding_claim(f, &cand.finding, key.statement);
    describe(f, &cand);
    err = err == HP_OK ? hp__find_offer(f, &cand.finding, true, &kept) : err;
    if (kept) {
        take(f, &cand, at);
    }
    return err;
}

/* Whether some request holds that many rows of it: most statements need no closer look. */
static bool has_rows(const struct hp__find *f, struct hp__key key, uint32_t *at)
{
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        uint32_t n = hp__group_pick(&f->views[i], key, at);
        if (is_unbounded(f->c->samples[i].record, rows_of(f->c->samples[i].record, at, n))) {
            return true;
        }
    }
    return false;
}

hp_err hp__rule_unbounded_result(struct hp__find *f)
{
    struct hp__key *keys;
    uint32_t count;
    uint32_t *at = hp__group_room(f);
    hp_err err = at != NULL ? hp__group_keys(f, true, &keys, &count) : HP_ENOMEM;
    for (uint32_t i = 0; err == HP_OK && i < count; i++) {
        struct hp_statement statement = hp_dict_statement(f->c->dict, keys[i].statement);
        if (hp__words_reads(&statement) && !hp__words_pages(statement.text) && has_rows(f, keys[i], at)) {
            err = try_key(f, keys[i], at);
        }
    }
    return err;
}
