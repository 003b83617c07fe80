/* rule_connection_files.c -- connection_churn of a database in a file: opened again for each question.
 *
 * Principle: opening is cheap, but a fresh connection knows nothing: with its first statement it reads and
 * parses the whole schema, and it has no page of the file in its cache. Kept for the request it costs that
 * once. Nothing of it is a wait, so rule_connection_churn.c does not see it.
 *
 * Evidence: three or more connections to SQLite opened in a request by one function, each used by a statement
 * that no other finding explains.
 *
 * Where the opening, with what a connection is told before, costs more than the first statements on data
 * (aiosqlite starts a thread for each connection) it is found before the rules of statements look, and has
 * those statements: that they are the same again and again is the smaller part.
 *
 * Silent: a connection or two a request (a usual way to work); else the same statement again and again
 * (n_plus_one, duplicate_query: fixing those leaves one).
 *
 * Saving: of all connections but one, the opening, and what the cheapest of them takes up to the end of its
 * first statement on data, at most 1 ms: no fresh connection can cost more than that, as the statement itself
 * takes something too. low: half of it; high: with none of them.
 */
#include "base/show.h"
#include "find/find_int.h"

#define LEAST_OPENS   3u
#define LEAST_NS      1000000u
#define MOST_FRESH_NS 1000000u /* a schema of thousands of tables */
#define NONE          UINT32_MAX

struct opens { /* of one function, in one request */
    uint32_t count, first_lane;
    uint64_t open_ns, fresh_ns, at_ns; /* fresh: the cheapest first use */
    uint64_t told_ns, used_ns; /* all first uses: what was told before, and the first statements on data */
};

/* The statement by which a connection was first used for data, where no other finding explains that, else
 * NONE; `*ns`: all its statements up to it (what it is told to do before tells it nothing of the schema). */
static uint32_t first_use(const struct hp__find *f, const struct hp__view *view, const struct hp_step *step,
                          uint64_t *ns)
{
    const struct hp_record *record = view->sample->record;
    *ns = 0;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        struct hp_statement statement = hp_dict_statement(f->c->dict, stmt->statement);
        if (stmt->conn != step->conn || stmt->t0_ns < step->t0_ns) {
            continue;
        }
        *ns += stmt->exec_ns;
        if (hp__words_reads(&statement) || hp__words_writes(&statement)) {
            return statement.engine == HP_ENGINE_SQLITE && hp__view_free_stmt(view, i) ? i : NONE;
        }
    }
    return NONE;
}

static bool is_opening(const struct hp_step *step, uint32_t site)
{
    return step->kind == HP_DB_CONNECT && step->conn != 0 && step->site_sym == site;
}

static void count_opens(const struct hp__find *f, const struct hp__view *view, uint32_t site,
                        struct opens *opens, struct hp__places *places)
{
    const struct hp_record *record = view->sample->record;
    *opens = (struct opens){.fresh_ns = MOST_FRESH_NS};
    for (uint32_t i = 0; i < record->step_count; i++) {
        const struct hp_step *step = &record->steps[i];
        uint64_t ns;
        uint32_t use = is_opening(step, site) ? first_use(f, view, step, &ns) : NONE;
        if (use != NONE) {
            opens->first_lane = opens->count == 0 ? step->lane : opens->first_lane;
            opens->at_ns = opens->count == 0 ? step->t0_ns : opens->at_ns;
            opens->count++;
            opens->open_ns += step->ns;
            opens->used_ns += record->stmts[use].exec_ns;
            opens->told_ns += ns - record->stmts[use].exec_ns;
            opens->fresh_ns = ns < opens->fresh_ns ? ns : opens->fresh_ns;
            hp__places_add(places, step->site_sym, step->site_line, step->via_sym, step->ns + 1);
        }
    }
}

static hp_err price(struct hp__find *f, struct hp_finding *finding, uint32_t i, const struct opens *opens)
{
    struct hp__cut cut = {0}, low = {0}, high = {0};
    uint64_t each = opens->open_ns / opens->count + opens->fresh_ns, saved = each * (opens->count - 1);
    hp_err err = hp__cut_add(f->arena, &cut, opens->first_lane, opens->at_ns, saved);
    err = err == HP_OK ? hp__cut_add(f->arena, &low, opens->first_lane, opens->at_ns, saved / 2) : err;
    err = err == HP_OK ? hp__cut_add(f->arena, &high, opens->first_lane, opens->at_ns, saved + each) : err;
    return err == HP_OK ? hp__finding_price(f, finding, i, &cut, &low, &high) : err;
}

static void describe(struct hp__find *f, struct hp_finding *finding, uint64_t count, uint64_t each_ns)
{
    char n[HP_SHOW_BYTES], each[HP_SHOW_BYTES];
    hp_show_count(n, count);
    hp_show_ns(each, each_ns);
    finding->title = hp__textf(f->arena, "the database's file is opened %s times in a request", n);
    finding->advice = hp__textf(
        f->arena,
        "Do it once: open one connection for the request (keep it in flask.g, close it in "
        "teardown_appcontext) and hand it to what asks; or one for each thread of the process. A fresh "
        "connection reads the schema again with its first statement: that and the opening cost %s "
        "here.",
        each);
    hp__finding_number(finding, "connections", (double)count);
    hp__finding_number(finding, "each_ms", (double)each_ns / 1e6);
}

/* The first statements of the connections that this function opened are explained. */
static void take_first_uses(struct hp__find *f, struct hp__view *view, uint32_t site)
{
    const struct hp_record *record = view->sample->record;
    for (uint32_t i = 0; i < record->step_count; i++) {
        const struct hp_step *step = &record->steps[i];
        uint64_t ns;
        uint32_t stmt = is_opening(step, site) ? first_use(f, view, step, &ns) : NONE;
        if (stmt != NONE) {
            hp__view_take_stmt(view, stmt);
        }
    }
}

static hp_err try_site(struct hp__find *f, uint32_t site, bool dominant)
{
    struct hp_finding finding;
    struct hp__spread count, each, saved;
    struct hp__places places = {.count = 0};
    bool kept;
    hp_err err = hp__finding_init(f, &finding, HP_FIND_connection_churn);
    err = err == HP_OK ? hp__spread_init(f, &count) : err;
    err = err == HP_OK ? hp__spread_init(f, &each) : err;
    err = err == HP_OK ? hp__spread_init(f, &saved) : err;
    for (uint32_t i = 0; i < f->c->sample_count && err == HP_OK; i++) {
        struct opens opens;
        count_opens(f, &f->views[i], site, &opens, &places);
        if (opens.count < LEAST_OPENS || (dominant && opens.open_ns + opens.told_ns < opens.used_ns)) {
            continue;
        }
        uint64_t each_ns = opens.open_ns / opens.count + opens.fresh_ns;
        hp__spread_add(&count, opens.count);
        hp__spread_add(&each, each_ns);
        hp__spread_add(&saved, each_ns * (opens.count - 1));
        finding.seen++;
        err = price(f, &finding, i, &opens);
    }
    if (err != HP_OK || finding.seen == 0 || hp__spread_median(&saved) < LEAST_NS) {
        return err;
    }
    hp__places_choose(&places, &finding);
    describe(f, &finding, hp__spread_median(&count), hp__spread_median(&each));
    err = hp__find_offer(f, &finding, false, &kept);
    for (uint32_t i = 0; err == HP_OK && kept && dominant && i < f->c->sample_count; i++) {
        take_first_uses(f, &f->views[i], site);
    }
    return err;
}

#define MOST_SITES 64u

/* Functions that open connections, each once. */
static uint32_t collect_sites(const struct hp__find *f, uint32_t *sites)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_record *record = f->c->samples[i].record;
        for (uint32_t s = 0; s < record->step_count && n < MOST_SITES; s++) {
            uint32_t k = 0, site = record->steps[s].site_sym;
            while (k < n && sites[k] != site) {
                k++;
            }
            if (k == n && record->steps[s].kind == HP_DB_CONNECT && site != 0) {
                sites[n++] = site;
            }
        }
    }
    return n;
}

static hp_err try_sites(struct hp__find *f, bool dominant)
{
    uint32_t sites[MOST_SITES], n = collect_sites(f, sites);
    hp_err err = HP_OK;
    for (uint32_t k = 0; k < n && err == HP_OK; k++) {
        err = try_site(f, sites[k], dominant);
    }
    return err;
}

hp_err hp__rule_connection_opens(struct hp__find *f)
{
    return try_sites(f, true);
}

hp_err hp__rule_connection_files(struct hp__find *f)
{
    return try_sites(f, false);
}
