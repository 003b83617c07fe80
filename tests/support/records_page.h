/* records_page.h -- a request of the settings page of the founding texts, in any shape a test of rules wants.
 *
 * A thread per group, a query per group through an ORM, a function that computes; see the drawing below.
 */
#ifndef HP_TEST_RECORDS_PAGE_H
#define HP_TEST_RECORDS_PAGE_H

#include "records.h"

#include <stdio.h>

#define REC_SETTING "SELECT settings.id, settings.name FROM settings WHERE settings.name = ? LIMIT ?"

struct rec_page {                       /* one request of the settings page of the texts */
    unsigned threads, queries, repeats; /* repeats: executions with the same parameters */
    double thread_ms, query_ms, around_ms, hot_ms, view_ms;
    uint32_t pool, pool_flags; /* lanes of an executor instead of threads */
    unsigned targets;          /* different functions in the threads */
    bool query_inside;         /* a query in each thread instead of in the loop */
    bool no_tree, same_place;
    double cpu_share; /* of the computing time; < 0: not known */
};

/* root ── wsgi ── page ─┬─ fetch_all ─┬─ Thread.start (LANE fetch)      times in sequence on the main lane:
 *                       │             └─ Thread.join                   view_ms, starts, joins, queries, hot
 *                       ├─ load_each ── Query.first ── do_execute
 *                       └─ convert
 */
static inline void rec_add_page(struct rec_set *set, struct rec_page p)
{
    struct rec *rec = rec_begin(set);
    uint32_t wsgi =
        rec_node(rec, HP_NODE_ROOT, rec_sym(set, "flask/app.py", "wsgi_app", 1, REC_FRAMEWORK), 0, 1, 0.5);
    uint32_t page = rec_node(rec, wsgi, set->view, 5, 1, p.view_ms);
    uint32_t fetch_all_sym = rec_sym(set, "app/history.py", "fetch_all", 20, REC_APP);
    uint32_t load_sym = rec_sym(set, "app/profiles.py", "load_each", 12, REC_APP);
    uint32_t fetch_all = rec_node(rec, page, fetch_all_sym, 31, 1, 0.1);
    uint32_t load = rec_node(rec, page, load_sym, 32, 1, 0.1);
    uint32_t sql = rec_sql(set, REC_SETTING, HP_ENGINE_SQLITE);
    double t = 0.7 + p.view_ms, last_end = 0;
    uint32_t start = 0, lane_node = 0, join = 0;
    if (p.threads != 0) {
        start = rec_node(rec, fetch_all, rec_sym(set, "threading.py", "Thread.start", 900, REC_LIB), 25,
                         p.threads, 0.2 * p.threads);
        join = rec_node(rec, fetch_all, rec_sym(set, "threading.py", "Thread.join", 1000, REC_LIB), 28,
                        p.threads, 0);
        lane_node = rec_lane_node(rec, start);
    }
    for (unsigned i = 0; i < p.threads; i++) {
        char name[32];
        snprintf(name, sizeof name, "fetch_%u", p.targets > 1 ? i % p.targets : 0);
        uint32_t fetch =
            rec_node(rec, lane_node, rec_sym(set, "app/history.py", name, 40, REC_APP), 0, 1, p.thread_ms);
        double begin = t + 0.2;
        uint32_t lane = rec_add_lane(rec, (struct rec_lane){.kind = p.pool ? p.pool : HP_LANE_THREAD,
                                                            .flags = p.pool_flags,
                                                            .node = start,
                                                            .site_sym = fetch_all_sym,
                                                            .site_line = 25,
                                                            .spawn = t,
                                                            .spawn_cost = 0.2,
                                                            .start = begin,
                                                            .end = begin + p.thread_ms});
        if (p.query_inside) {
            rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                                .lane = lane,
                                                .node = fetch,
                                                .site_sym = load_sym,
                                                .site_line = 15,
                                                .t0 = begin,
                                                .exec = p.thread_ms * 0.9,
                                                .rows = 1,
                                                .params = i + 1});
        }
        last_end = begin + p.thread_ms;
        t += 0.2;
    }
    if (p.threads != 0 && last_end > t) {
        rec->tree->nodes[join].self += rec_ns(last_end - t);
        rec_add_join(rec, p.threads, join, t, last_end);
        t = last_end;
    }
    uint32_t first =
        rec_node(rec, load, rec_sym(set, "sqlalchemy/orm/query.py", "Query.first", 2700, REC_LIB), 15,
                 p.queries + p.repeats, 0);
    uint32_t exec =
        rec_node(rec, first, rec_sym(set, "sqlalchemy/engine/default.py", "do_execute", 900, REC_LIB), 9,
                 p.queries + p.repeats, 0);
    for (unsigned i = 0; i < p.queries + p.repeats; i++) {
        rec->tree->nodes[first].self += rec_ns(p.around_ms);
        rec->tree->nodes[exec].self += rec_ns(p.query_ms);
        rec_add_stmt(rec, (struct rec_stmt){.statement = sql,
                                            .node = exec,
                                            .site_sym = load_sym,
                                            .site_line = 15,
                                            .t0 = t,
                                            .exec = p.query_ms,
                                            .rows = 1,
                                            .params = i < p.queries ? 100 + i : 7});
        t += p.query_ms + p.around_ms;
    }
    uint32_t convert =
        rec_node(rec, page, rec_sym(set, "app/convert.py", "convert", 3, REC_APP), 40, 50, p.hot_ms);
    (void)convert;
    t += p.hot_ms;
    rec_end(set, rec, t,
            p.cpu_share < 0 ? -1
                            : p.cpu_share * (p.view_ms + p.hot_ms + 0.7) +
                                  p.queries * (p.query_ms + p.around_ms) + 0.2 * p.threads);
    if (p.no_tree) {
        set->samples[set->count - 1].tree = NULL;
    }
}

#endif
