/* rule_orm_overhead.c -- building objects from rows costs far more than fetching the rows.
 *
 * Principle: an entity costs ten times a plain row (identity map, state, instrumentation, collections of the
 * garbage it makes). Where many are built and only read, columns do.
 *
 * Evidence: a call tree; an application function whose statements bring 500 rows or more, and library time
 * around them (all calls into the packages that ran them, build.c) of at least twice what the database takes
 * (exec + fetch, but of a server's driver only the waiting: taking rows apart in Python is work for the rows,
 * too) and 15 % of the request, and of 3 µs a row beyond 0.5 ms a statement (by hp__speed_slowness where
 * processors were short).
 *
 * Silent: what writes; plain rows; few rows (the library's fixed cost a statement is another matter);
 * statements that a query per item, a repeat or an unbounded result explains; databases slower than the
 * building.
 *
 * Saving: the library time less 0.5 ms a statement (compiling and the session stay): predicted 85 % of it,
 * which is what columns save, and of taking the rows apart (fetch, of a server's driver all that it computes)
 * the share of the columns that nobody reads; low 40 % (entities are needed for some of it), high all.
 */
#include "base/show.h"
#include "find/find_int.h"

#define MIN_ROWS      500u /* fewer are what a page is made of */
#define MIN_FACTOR    2u
#define MIN_SHARE     0.15
#define FIXED_NS      500000u /* a statement: compiling it, the session */
#define ROW_NS        3000u   /* a row: a plain one takes less also on a slow machine, an entity more */
#define SAVES         0.85
#define SAVES_LOW     0.40
#define MAX_FUNCTIONS 64u

struct candidate {
    uint32_t sym;
    struct hp_finding finding;
    struct hp__places places;
    struct hp__spread build, database, rows;
    uint32_t statement;
};

struct sum {
    struct hp__build build;
    uint32_t stmt; /* one of them */
};

/* All nodes of the function in one request; with `take`, marked as explained. */
static struct sum sum_of(const struct hp__find *f, struct hp__view *view, uint32_t sym, bool take)
{
    const struct hp_tree *tree = view->sample->tree;
    struct sum sum = {.stmt = UINT32_MAX};
    for (uint32_t i = 0; i < view->sample->record->stmt_count; i++) {
        uint32_t owner = hp__build_owner(view, i);
        if (owner == HP_NODE_NONE || tree->nodes[owner].sym != sym) {
            continue;
        }
        struct hp__build one = hp__build_of(view, f->c->dict, owner, false);
        sum.build.ns += one.ns;
        sum.build.database_ns += one.database_ns;
        sum.build.rows += one.rows;
        sum.build.statements += one.statements;
        sum.stmt = one.statements != 0 ? one.stmt : sum.stmt;
        if (take) {
            hp__build_take(view);
        }
    }
    return sum;
}

static bool has_rows(const struct sum *sum)
{
    return sum->stmt != UINT32_MAX && sum->build.rows >= MIN_ROWS;
}

static bool is_overhead(const struct hp__view *view, const struct hp__build *build)
{
    double slow = hp__speed_slowness(view->sample);
    double beyond = (double)build->ns - (double)(build->statements * FIXED_NS) * slow;
    return build->rows >= MIN_ROWS && build->ns >= MIN_FACTOR * build->database_ns &&
           (double)build->ns >= MIN_SHARE * (double)view->sample->duration_ns &&
           beyond >= (double)(build->rows * ROW_NS) * slow;
}

static void describe(struct hp__find *f, struct candidate *cand)
{
    struct hp_finding *finding = &cand->finding;
    struct hp_statement statement = hp_dict_statement(f->c->dict, cand->statement);
    struct hp_str table = hp__words_table(statement.text);
    uint64_t build_ns = hp__spread_median(&cand->build), database_ns = hp__spread_median(&cand->database);
    uint64_t rows = hp__spread_median(&cand->rows);
    char time[HP_SHOW_BYTES], database[HP_SHOW_BYTES], count[HP_SHOW_BYTES];
    hp_show_ns(time, build_ns);
    hp_show_ns(database, database_ns);
    hp_show_count(count, rows);
    finding->title = hp__textf(f->arena, "building objects from %s rows%s%.*s takes %s", count,
                               table.n != 0 ? " of " : "", (int)table.n, table.n != 0 ? table.p : "", time);
    finding->advice = hp__textf(
        f->arena,
        "Do not do it here: ask for fewer rows (WHERE, LIMIT) if the response does not use all. Do it "
        "faster: the database takes %s of it; "
        "select the columns that are used instead of entities (session.execute(select(Model.id, Model.name)) "
        "gives plain rows), or "
        "options(load_only(Model.id, Model.name)) where entities are needed; leave joined relationships out.",
        database);
    hp__finding_text(finding, "statement", statement.text);
    hp__finding_number(finding, "rows", (double)rows);
    hp__finding_number(finding, "building_ms", (double)build_ns / 1e6);
    hp__finding_number(finding, "sql_ms", (double)database_ns / 1e6);
}

/* "a, b.c, max(d, e)" of SELECT … FROM: 3. */
static uint32_t count_columns(struct hp_str text)
{
    uint32_t depth = 0, columns = 1;
    for (size_t i = 0; i < text.n && !hp_str_starts(hp_str_make(text.p + i, text.n - i), HP_STR(" FROM "));
         i++) {
        depth += text.p[i] == '(';
        depth -= text.p[i] == ')' && depth != 0;
        columns += text.p[i] == ',' && depth == 0;
    }
    return columns;
}

/* Reads of attributes that the package's descriptors give. */
static uint64_t count_reads(const struct hp__view *view, struct hp_str package)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t reads = 0;
    for (uint32_t i = 1; i < tree->count; i++) {
        struct hp_symbol sym = hp_dict_symbol(view->facts->dict, tree->nodes[i].sym);
        bool get = !view->app[i] && hp_tree_live(tree, i) && hp_str_ends(sym.name, HP_STR(".__get__"));
        reads += get && hp_str_eq(hp__build_package(sym.file), package) ? tree->nodes[i].calls : 0;
    }
    return reads;
}

/* Columns that nobody reads are not carried when only those that are read are asked for. */
static double unread_ns(const struct hp__view *view, const struct candidate *cand, const struct sum *sum)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_stmt *first = &record->stmts[sum->stmt];
    struct hp_statement statement = hp_dict_statement(view->facts->dict, first->statement);
    struct hp_str package = hp__build_package(hp_dict_symbol(view->facts->dict, first->via_sym).file);
    double carried = (double)sum->build.rows * count_columns(statement.text), ns = 0;
    double reads = (double)count_reads(view, package);
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        uint32_t owner = stmt->node < view->sample->tree->count ? view->owner[stmt->node] : HP_NODE_NONE;
        if (stmt->statement == first->statement && owner != HP_NODE_NONE &&
            view->sample->tree->nodes[owner].sym == cand->sym) {
            uint64_t all = stmt->exec_ns + stmt->fetch_ns, waits = hp__build_database_ns(view, i);
            ns += (double)(waits < all ? all - waits : stmt->fetch_ns);
        }
    }
    return reads != 0 && reads < carried ? ns * (1 - reads / carried) : 0;
}

static hp_err price(struct hp__find *f, struct candidate *cand, uint32_t i, const struct sum *sum)
{
    const struct hp_stmt *stmt = &f->c->samples[i].record->stmts[sum->stmt];
    uint64_t fixed = sum->build.statements * FIXED_NS;
    double goes = sum->build.ns > fixed ? (double)(sum->build.ns - fixed) : 0;
    double unread = unread_ns(&f->views[i], cand, sum);
    hp__places_add(&cand->places, cand->sym, stmt->site_line, stmt->via_sym, sum->build.ns);
    hp__spread_add(&cand->build, sum->build.ns);
    hp__spread_add(&cand->database, sum->build.database_ns);
    hp__spread_add(&cand->rows, sum->build.rows);
    cand->statement = stmt->statement;
    cand->finding.seen++;
    return hp__bound_price(f, &cand->finding, i, (uint64_t)(goes * SAVES + unread),
                           (uint64_t)(goes * SAVES_LOW), (uint64_t)(goes + unread));
}

/* The statement that gives the rows is part of the cause: fewer rows and fewer columns are what both need. */
static void take_statement(struct hp__view *view, const struct candidate *cand)
{
    const struct hp_record *record = view->sample->record;
    const struct hp_tree *tree = view->sample->tree;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        uint32_t node = record->stmts[i].node;
        uint32_t owner = node < tree->count ? view->owner[node] : HP_NODE_NONE;
        if (record->stmts[i].statement == cand->statement && owner != HP_NODE_NONE &&
            tree->nodes[owner].sym == cand->sym) {
            view->stmt_taken[i] = 1;
        }
    }
}

/* Whether building is an overhead in at least half of the requests that build: then it is in the others,
 * which a collection less or a free processor made faster, too. */
static bool is_usual(const struct hp__find *f, uint32_t sym)
{
    uint32_t builds = 0, overheads = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        if (f->c->samples[i].tree != NULL) {
            struct sum sum = sum_of(f, &f->views[i], sym, false);
            builds += has_rows(&sum);
            overheads += has_rows(&sum) && is_overhead(&f->views[i], &sum.build);
        }
    }
    return overheads * 2 >= builds;
}

static hp_err try_function(struct hp__find *f, uint32_t sym)
{
    struct candidate cand = {.sym = sym};
    bool usual = is_usual(f, sym);
    bool kept = false;
    hp_err err = hp__finding_init(f, &cand.finding, HP_FIND_orm_overhead);
    err = err == HP_OK ? hp__spread_init(f, &cand.build) : err;
    err = err == HP_OK ? hp__spread_init(f, &cand.database) : err;
    err = err == HP_OK ? hp__spread_init(f, &cand.rows) : err;
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        if (f->c->samples[i].tree != NULL) {
            struct sum sum = sum_of(f, &f->views[i], sym, false);
            if (has_rows(&sum) && (usual || is_overhead(&f->views[i], &sum.build))) {
                err = price(f, &cand, i, &sum);
            }
        }
    }
    if (err != HP_OK || cand.finding.seen == 0) {
        return err;
    }
    hp__places_choose(&cand.places, &cand.finding);
    err = hp__finding_claim(f, &cand.finding, cand.statement);
    describe(f, &cand);
    err = err == HP_OK ? hp__find_offer(f, &cand.finding, true, &kept) : err;
    for (uint32_t i = 0; kept && i < f->c->sample_count; i++) {
        if (f->c->samples[i].tree != NULL) {
            (void)sum_of(f, &f->views[i], sym, true);
            take_statement(&f->views[i], &cand);
        }
    }
    return err;
}

hp_err hp__rule_orm_overhead(struct hp__find *f)
{
    uint32_t syms[MAX_FUNCTIONS], count = 0;
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_sample *sample = &f->c->samples[i];
        for (uint32_t k = 0; sample->tree != NULL && k < sample->record->stmt_count; k++) {
            const struct hp_stmt *stmt = &sample->record->stmts[k];
            if (stmt->rows == HP_ABSENT || stmt->rows == 0 || stmt->node >= sample->tree->count ||
                f->views[i].owner[stmt->node] == HP_NODE_NONE) {
                continue;
            }
            uint32_t sym = sample->tree->nodes[f->views[i].owner[stmt->node]].sym, at = 0;
            while (at < count && syms[at] != sym) {
                at++;
            }
            if (at == count && count < MAX_FUNCTIONS) {
                syms[count++] = sym;
            }
        }
    }
    for (uint32_t i = 0; i < count && err == HP_OK; i++) {
        err = try_function(f, syms[i]);
    }
    return err;
}
