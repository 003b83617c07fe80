/* mkstore.c -- a store with made-up requests, the same bytes of content every time: what the tests of the
 * command line read.
 *
 *     mkstore FILE [requests [routes [minutes [detailed]]]]        200, 3, 20, 1 unless said otherwise; 0 requests: an empty store
 *
 * Two halves of so many minutes together, from 2026-01-31T12:00:00Z, under the labels "before" (revision
 * rev-a) and "after" (rev-b):
 *
 *     GET /settings   before: 40 times one SELECT in a loop, then 10 threads of 90–120 ms; after: one SELECT, no thread
 *     GET /           3 ms, no SQL, the same in both
 *     POST /orders    8 ms, every 16th fails with an exception
 *
 * Of four requests two are for /settings, one each for the others; more routes are copies of these in turn
 * (/settings/1, /1, /orders/1, /settings/2...), each with as many requests. The first process reports one
 * request dropped and one lost. Both say each minute what they use: the first stays at 80 MB, the second
 * grows to 140; processor time goes up and down in two hours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/rng.h"
#include "model/record.h"
#include "store/store.h"

#define BASE_NS    (UINT64_C(1769860800) * 1000000000u)
#define MINUTE_NS  (UINT64_C(60) * 1000000000u)
#define MS         UINT64_C(1000000)
#define QUERIES    40u
#define THREADS    10u
#define BATCH      500u
#define TREE_NODES 64u

enum { SETTINGS, INDEX, ORDERS, KINDS };
#define ROUTES 600u

struct world {
    struct hp_store *store;
    struct hp_dict *dict;
    struct hp_tree *tree;
    struct hp_rng rng;
    struct hp_buf out, shape, values;
    uint32_t routes[ROUTES], views[ROUTES], route_count, revisions[2], error;
    uint64_t half_ns;
    uint32_t detailed;
    uint32_t wsgi, profiles, history, fetch, execute, page, thread, select_one, select_all, insert;
};

static void must(hp_err err, const struct hp_errinfo *info)
{
    if (err != HP_OK) {
        fprintf(stderr, "mkstore: %s %s\n", hp_err_name(err), info != NULL ? info->text : "");
        exit(1);
    }
}

/* ---- words ---- */

static uint32_t symbol(struct world *w, uint8_t kind, uint8_t flags, const char *file, const char *name,
                       uint32_t line)
{
    char path[200];
    uint32_t id;
    snprintf(path, sizeof path, "/srv/app/%s", file);
    struct hp_symbol made = {.file = hp_str_from0(file),
                             .name = hp_str_from0(name),
                             .path = hp_str_from0(kind == HP_SYM_PYTHON ? path : NULL),
                             .line = line,
                             .kind = kind,
                             .flags = flags};
    must(hp_dict_add_symbol(w->dict, &made, &id), NULL);
    return id;
}

static uint32_t statement(struct world *w, const char *text, uint8_t verb)
{
    uint32_t id;
    struct hp_statement made = {.text = hp_str_from0(text), .engine = HP_ENGINE_SQLITE, .verb = verb};
    must(hp_dict_add_statement(w->dict, &made, &id), NULL);
    return id;
}

/* "order" for the first, "order_7" for the eighth of its kind. */
static struct hp_str numbered(const char *name, char separator, uint32_t copy, char text[40])
{
    if (copy == 0) {
        snprintf(text, 40, "%s", name);
    } else {
        snprintf(text, 40, "%s%c%u", name, separator, copy);
    }
    return hp_str_from0(text);
}

static uint32_t route(struct world *w, uint32_t number)
{
    static const char *const names[KINDS][3] = {
        {"GET", "/settings", "shop.settings"}, {"GET", "/", "shop.index"}, {"POST", "/orders", "shop.order"}};
    const char *const *name = names[number % KINDS];
    uint32_t id, copy = number / KINDS;
    char rule[40], endpoint[40];
    const char *root = copy != 0 && number % KINDS == INDEX ? "" : name[1];
    struct hp_route made = {hp_str_from0(name[0]), numbered(root, '/', copy, rule),
                            numbered(name[2], '_', copy, endpoint)};
    must(hp_dict_add_route(w->dict, &made, &id), NULL);
    return id;
}

static uint32_t view(struct world *w, uint32_t number)
{
    static const char *const names[KINDS] = {"settings", "index", "order"};
    static const uint32_t lines[KINDS] = {4, 12, 16};
    char name[40];
    numbered(names[number % KINDS], '_', number / KINDS, name);
    return symbol(w, HP_SYM_PYTHON, HP_SYM_APP, "shop/views.py", name, lines[number % KINDS]);
}

static void make_words(struct world *w)
{
    for (uint32_t i = 0; i < w->route_count; i++) {
        w->routes[i] = route(w, i);
    }
    must(hp_dict_add_string(w->dict, HP_STR("rev-a"), &w->revisions[0]), NULL);
    must(hp_dict_add_string(w->dict, HP_STR("rev-b"), &w->revisions[1]), NULL);
    must(hp_dict_add_string(w->dict, HP_STR("ValueError"), &w->error), NULL);
    for (uint32_t i = 0; i < w->route_count; i++) {
        w->views[i] = view(w, i);
    }
    w->wsgi = symbol(w, HP_SYM_PYTHON, HP_SYM_FRAMEWORK, "flask/app.py", "Flask.wsgi_app", 1480);
    w->profiles = symbol(w, HP_SYM_PYTHON, HP_SYM_APP, "shop/profiles.py", "load_profiles", 2);
    w->history = symbol(w, HP_SYM_PYTHON, HP_SYM_APP, "shop/history.py", "load_history", 4);
    w->fetch = symbol(w, HP_SYM_PYTHON, HP_SYM_APP, "shop/history.py", "fetch", 13);
    w->execute = symbol(w, HP_SYM_PYTHON, 0, "sqlalchemy/engine/base.py", "Connection.execute", 1370);
    w->page = symbol(w, HP_SYM_TEMPLATE, HP_SYM_APP, "templates/settings.html", "block content", 3);
    w->thread = symbol(w, HP_SYM_ROOT, 0, "", "thread", 0);
    w->select_one = statement(w, "SELECT id, name FROM profile WHERE id = ?", 1);
    w->select_all = statement(w, "SELECT id, name FROM profile WHERE id IN (?)", 1);
    w->insert = statement(w, "INSERT INTO orders (item) VALUES (?)", 2);
}

static void put_sources(struct world *w)
{
    static const char *const sources[][2] = {
        {"shop/views.py", "from shop import app\n\n\ndef settings():\n    rows = load_profiles(GROUPS)\n    "
                          "peaks = load_history(rows)\n    return "
                          "render_template('settings.html', rows=rows, peaks=peaks)\n"},
        {"shop/profiles.py", "\ndef load_profiles(groups):\n    rows = []\n    for group in groups:\n        "
                             "rows.append(session.get(Profile, "
                             "group))\n    return rows\n"},
        {"shop/history.py",
         "from threading import Thread\n\n\ndef load_history(rows):\n    threads = []\n    for row in "
         "rows:\n        thread = "
         "Thread(target=fetch, args=(row,))\n        thread.start()\n        threads.append(thread)\n"},
    };
    struct hp_errinfo info = {0};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        must(hp_store_put_source(w->store, hp_str_from0(sources[i][0]), hp_str_from0(sources[i][1]), &info),
             &info);
    }
}

/* ---- one request ---- */

static uint32_t node(struct world *w, uint32_t parent, uint32_t sym, uint32_t line, enum hp_node_kind kind,
                     uint64_t calls, uint64_t self_ns)
{
    uint32_t id = hp_tree_child_at_line(w->tree, parent, sym, line, kind);
    w->tree->nodes[id].calls += calls;
    w->tree->nodes[id].self += self_ns;
    return id;
}

static uint64_t about(struct world *w, uint64_t ns)
{
    return ns + hp_rng_below(&w->rng, ns / 20 + 1);
}

struct parts {
    struct hp_lane lanes[THREADS + 1];
    struct hp_edge edges[THREADS * 2];
    struct hp_stmt stmts[QUERIES];
    struct hp_group group;
    uint64_t now_ns; /* how far the main lane has come */
};

static void add_statement(struct world *w, struct hp_record *record, struct parts *parts,
                          uint32_t statement_id, uint32_t site, uint32_t line, uint64_t exec_ns,
                          uint32_t tree_node)
{
    uint32_t i = record->stmt_count++;
    parts->stmts[i] = (struct hp_stmt){.t0_ns = parts->now_ns,
                                       .exec_ns = exec_ns,
                                       .fetch_ns = 20000,
                                       .rows = 1,
                                       .param_hash = 77 + i,
                                       .statement = statement_id,
                                       .node = tree_node,
                                       .conn = 1,
                                       .site_sym = site,
                                       .site_line = line};
    parts->group.statement = statement_id;
    parts->group.site_sym = site;
    parts->group.site_line = line;
    parts->group.count++;
    parts->group.rows++;
    parts->group.exec_ns += exec_ns;
    parts->group.fetch_ns += 20000;
    parts->group.max_ns = exec_ns + 20000 > parts->group.max_ns ? exec_ns + 20000 : parts->group.max_ns;
    parts->now_ns += exec_ns + 20000;
    w->tree->nodes[tree_node].self += exec_ns + 20000;
    w->tree->nodes[tree_node].calls++;
    record->group_count = 1;
}

static void add_threads(struct world *w, struct hp_record *record, struct parts *parts, uint32_t history)
{
    uint32_t lane_node = node(w, history, w->thread, 8, HP_NODE_LANE, THREADS, 0),
             fetch = node(w, lane_node, w->fetch, 0, HP_NODE_CALL, 0, 0);
    uint64_t start = parts->now_ns;
    for (uint32_t i = 1; i <= THREADS; i++) {
        uint64_t spawn = parts->now_ns, took = 90 * MS + hp_rng_below(&w->rng, 30 * MS);
        parts->now_ns += MS / 5;
        parts->lanes[i] = (struct hp_lane){.runqueue_ns = HP_ABSENT,
                                           .wait_busy_ns = HP_ABSENT,
                                           .start_ns = parts->now_ns,
                                           .end_ns = parts->now_ns + took,
                                           .cpu_ns = MS,
                                           .spawn_ns = spawn,
                                           .spawn_cost_ns = MS / 5,
                                           .parent_node = history,
                                           .site_sym = w->history,
                                           .site_line = 8,
                                           .kind = HP_LANE_THREAD};
        parts->edges[record->edge_count++] = (struct hp_edge){.t0_ns = spawn,
                                                              .t1_ns = parts->now_ns,
                                                              .other = i,
                                                              .node = history,
                                                              .site_sym = w->history,
                                                              .site_line = 8,
                                                              .kind = HP_EDGE_SPAWN};
        w->tree->nodes[fetch].calls++;
        w->tree->nodes[fetch].self += took;
    }
    for (uint32_t i = 1; i <= THREADS; i++) {
        uint64_t from = parts->now_ns;
        parts->now_ns = parts->lanes[i].end_ns > from ? parts->lanes[i].end_ns : from;
        parts->edges[record->edge_count++] = (struct hp_edge){.t0_ns = from,
                                                              .t1_ns = parts->now_ns,
                                                              .other = i,
                                                              .node = history,
                                                              .site_sym = w->history,
                                                              .site_line = 10,
                                                              .kind = HP_EDGE_JOIN};
    }
    record->lane_count = THREADS + 1;
    w->tree->nodes[history].self += parts->now_ns - start;
}

static void fill_settings(struct world *w, struct hp_record *record, struct parts *parts, uint32_t view,
                          bool repaired)
{
    uint32_t profiles = node(w, view, w->profiles, 5, HP_NODE_CALL, 1, 100000);
    uint32_t execute = node(w, profiles, w->execute, 5, HP_NODE_CALL, 0, 0);
    for (uint32_t i = 0; i < (repaired ? 1 : QUERIES); i++) {
        add_statement(w, record, parts, repaired ? w->select_all : w->select_one, w->profiles, 5,
                      about(w, 2 * MS), execute);
    }
    parts->now_ns += 100000;
    uint32_t history = node(w, view, w->history, 6, HP_NODE_CALL, 1, 0);
    if (!repaired) {
        add_threads(w, record, parts, history);
    }
    uint64_t page_ns = about(w, 10 * MS);
    node(w, view, w->page, 7, HP_NODE_TEMPLATE, 1, page_ns);
    parts->now_ns += page_ns;
}

/* Encoding puts siblings in order: what the record says of nodes is numbered anew. */
static void put_tree(struct world *w, struct hp_record *record, struct parts *parts)
{
    uint32_t numbers[TREE_NODES];
    hp_buf_reset(&w->shape);
    hp_buf_reset(&w->values);
    must(hp_tree_encode(w->tree, NULL, &w->shape, &w->values, numbers), NULL);
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        parts->stmts[i].node = numbers[parts->stmts[i].node];
    }
    for (uint32_t i = 0; i < record->lane_count; i++) {
        parts->lanes[i].parent_node = numbers[parts->lanes[i].parent_node];
    }
    for (uint32_t i = 0; i < record->edge_count; i++) {
        parts->edges[i].node = numbers[parts->edges[i].node];
    }
    record->shape = hp_buf_str(&w->shape);
    record->values = hp_buf_str(&w->values);
}

/* Request `number`, which starts at `start_ns`. */
static void put_request(struct world *w, uint64_t number, uint64_t start_ns, bool repaired)
{
    static struct parts parts;
    struct hp_errinfo info = {0};
    uint32_t kind = number % 4 < 2 ? SETTINGS : number % 4 == 2 ? INDEX : ORDERS;
    uint32_t copies = 1 + (w->route_count - 1 - kind) / KINDS; /* of this kind */
    uint32_t which = (uint32_t)(number / 4 % copies) * KINDS + kind;
    bool failed = kind == ORDERS && number % 64 == 3;
    memset(&parts, 0, sizeof parts);
    struct hp_record record = {.lanes = parts.lanes,
                               .lane_count = 1,
                               .edges = parts.edges,
                               .stmts = parts.stmts,
                               .groups = &parts.group};
    hp_tree_clear(w->tree);
    hp_tree_begin(w->tree);
    w->tree->nodes[HP_NODE_ROOT].calls = 1;
    w->tree->nodes[HP_NODE_ROOT].self = 200000;
    uint64_t outer_ns = 500000;
    uint32_t wsgi = node(w, HP_NODE_ROOT, w->wsgi, 0, HP_NODE_CALL, 1, 300000);
    uint32_t view = node(w, wsgi, w->views[which], 1511, HP_NODE_CALL, 1, 0);
    parts.now_ns = outer_ns;
    if (kind == SETTINGS) {
        fill_settings(w, &record, &parts, view, repaired);
    } else {
        uint64_t own_ns = about(w, kind == INDEX ? 3 * MS : 6 * MS);
        parts.now_ns += own_ns;
        w->tree->nodes[view].self += own_ns;
    }
    if (kind == ORDERS) {
        add_statement(w, &record, &parts, w->insert, w->views[which], 18, about(w, 2 * MS),
                      node(w, view, w->execute, 18, HP_NODE_CALL, 0, 0));
    }
    parts.lanes[0].end_ns = parts.now_ns;
    parts.lanes[0].cpu_ns = parts.now_ns / 4;
    parts.lanes[0].runqueue_ns = parts.lanes[0].wait_busy_ns = HP_ABSENT; /* no waits are recorded here */
    record.req = (struct hp_request){.id = hp_rng_u64(&w->rng) | 1,
                                     .seq = number + 1,
                                     .start_wall_ns = start_ns,
                                     .wall_ns = parts.now_ns,
                                     .cpu_ns = parts.now_ns / 4,
                                     .first_byte_ns = parts.now_ns - 100000,
                                     .queue_ns = HP_ABSENT,
                                     .gil_ns = HP_ABSENT,
                                     .runqueue_ns = HP_ABSENT,
                                     .gc_ns = HP_ABSENT,
                                     .rss_growth_bytes = HP_ABSENT,
                                     .bytes_in = HP_ABSENT,
                                     .bytes_out = (kind == SETTINGS ? 200000 : 4000) + number % 100,
                                     .alloc_bytes = HP_ABSENT,
                                     .alloc_blocks = HP_ABSENT,
                                     .phase_ns = {outer_ns, 0, parts.now_ns - outer_ns},
                                     .exception_group = failed ? 99 : 0,
                                     .exception_type = failed ? w->error : 0,
                                     .flags = failed ? HP_REQ_EXCEPTION : 0,
                                     .route = w->routes[which],
                                     .revision = w->revisions[repaired],
                                     .view_sym = w->views[which],
                                     .weight = 1,
                                     .status = failed ? 500 : 200,
                                     .level_asked = HP_LEVEL_TRACE,
                                     .level = HP_LEVEL_TRACE};
    hp_buf_reset(&w->out);
    if (number / 4 % w->detailed == 0) {
        put_tree(w, &record, &parts);
    } else {
        record.req.level_asked = record.req.level = HP_LEVEL_COUNT;
        record.lane_count = record.edge_count = record.stmt_count = record.group_count = 0;
    }
    must(hp_record_encode(&record, &w->out), NULL);
    must(hp_store_put(w->store, hp_buf_str(&w->out), w->dict, &info), &info);
}

/* ---- all of them ---- */

/* What the process used, a minute after the other. */
static void put_gauges(struct world *w, bool repaired)
{
    struct hp_errinfo info = {0};
    uint64_t minutes = w->half_ns / MINUTE_NS, cpu_ns = 0;
    must(hp_store_begin(w->store, &info), &info);
    for (uint64_t i = 0; i < minutes; i++) {
        uint64_t wave = i % 120 < 60 ? i % 120 : 120 - i % 120;
        struct hp_gauge gauge = {.at_ns = BASE_NS + (repaired ? w->half_ns : 0) + i * MINUTE_NS,
                                 .rss_bytes = 80000000 + (repaired ? i * 60000000 / minutes : wave * 10000),
                                 .peak_rss_bytes = 145000000,
                                 .cpu_ns = cpu_ns,
                                 .threads = 4 + (uint32_t)wave / 12,
                                 .fds = 21 + (uint32_t)wave / 20};
        must(hp_store_put_gauge(w->store, &gauge, &info), &info);
        cpu_ns += MINUTE_NS / 200 * (10 + wave);
    }
    must(hp_store_commit(w->store, &info), &info);
}

static void put_half(struct world *w, uint64_t from, uint64_t to, bool repaired)
{
    struct hp_errinfo info = {0};
    struct hp_process process = {.pid = repaired ? 102 : 101,
                                 .start_ns = BASE_NS,
                                 .interpreter = HP_STR("/usr/bin/python3 3.12.1"),
                                 .command = HP_STR("flask run"),
                                 .revision = repaired ? HP_STR("rev-b") : HP_STR("rev-a"),
                                 .host = HP_STR("host"),
                                 .started = to - from + (repaired ? 0 : 2),
                                 .finished = to - from + (repaired ? 0 : 2),
                                 .pushed = to - from,
                                 .stored = to - from,
                                 .dropped_ring = repaired ? 0 : 1,
                                 .lost = repaired ? 0 : 1};
    for (uint64_t i = from; i < to || i == from; i += BATCH) {
        must(hp_store_begin(w->store, &info), &info);
        must(hp_store_put_process(w->store, &process, &info), &info);
        if (i == from) {
            put_sources(w);
        }
        for (uint64_t k = i; k < i + BATCH && k < to; k++) {
            put_request(w, k, BASE_NS + (repaired ? w->half_ns : 0) + (k - from) * (w->half_ns / (to - from)),
                        repaired);
        }
        must(hp_store_commit(w->store, &info), &info);
    }
    put_gauges(w, repaired);
}

static void put_labels(struct world *w)
{
    struct hp_errinfo info = {0};
    must(hp_store_label_begin(w->store, HP_STR("before"), BASE_NS, &info), &info);
    must(hp_store_label_end(w->store, HP_STR("before"), BASE_NS + w->half_ns, &info), &info);
    must(hp_store_label_begin(w->store, HP_STR("after"), BASE_NS + w->half_ns, &info), &info);
    must(hp_store_label_end(w->store, HP_STR("after"), BASE_NS + 2 * w->half_ns, &info), &info);
}

/* Argument `at`, within bounds; without one `otherwise`. */
static uint64_t number(int argc, char **argv, int at, uint64_t low, uint64_t high, uint64_t otherwise)
{
    static const char *const names[] = {"", "", "requests", "routes", "minutes", "detailed"};
    uint64_t value = argc > at ? strtoull(argv[at], NULL, 10) : otherwise;
    if (value < low || value > high) {
        fprintf(stderr, "mkstore: %s: %llu to %llu\n", names[at], (unsigned long long)low,
                (unsigned long long)high);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: mkstore FILE [requests [routes [minutes [detailed]]]]\n");
        return 2;
    }
    uint64_t requests = number(argc, argv, 2, 0, UINT32_MAX, 200);
    struct world w = {.dict = hp_dict_new(),
                      .route_count = (uint32_t)number(argc, argv, 3, KINDS, ROUTES, KINDS),
                      .half_ns = number(argc, argv, 4, 2, 60 * 24 * 30, 20) * MINUTE_NS / 2,
                      .detailed = (uint32_t)number(argc, argv, 5, 1, UINT32_MAX, 1)};
    struct hp_errinfo info = {0};
    struct hp_store_config config = {.path = argv[1], .mode = HP_STORE_WRITE, .max_age_ns = UINT64_MAX / 2};
    w.tree = hp_tree_new(w.dict, TREE_NODES);
    hp_rng_seed(&w.rng, 20260131);
    hp_buf_init(&w.out, 1 << 20);
    hp_buf_init(&w.shape, 1 << 20);
    hp_buf_init(&w.values, 1 << 20);
    must(hp_store_open(&config, &w.store, &info), &info);
    if (requests != 0) {
        make_words(&w);
        put_half(&w, 0, requests / 2, false);
        put_half(&w, requests / 2, requests, true);
        put_labels(&w);
    }
    must(hp_store_close(w.store), NULL);
    hp_buf_fini(&w.values);
    hp_buf_fini(&w.shape);
    hp_buf_fini(&w.out);
    hp_tree_free(w.tree);
    hp_dict_free(w.dict);
    return 0;
}
