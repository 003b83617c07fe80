/* records.h -- build records and their trees in memory, for tests of rules and answers.
 *
 * A rec_set has one dictionary and up to REC_MAX requests of one route. A request is built top down: nodes
 * with own time, executions, lanes, joins. Times are milliseconds, as a test thinks of them. Nothing is
 * checked here beyond cmocka's assertions.
 */
#ifndef HP_TEST_RECORDS_H
#define HP_TEST_RECORDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "find/find.h"
#include "find/own.h"
#include "model/dict.h"
#include "model/fingerprint.h"
#include "model/record.h"
#include "model/tree.h"

#define REC_MAX       64u
#define REC_STMTS     512u
#define REC_LANES     128u
#define REC_APP       HP_SYM_APP
#define REC_LIB       0u
#define REC_FRAMEWORK HP_SYM_FRAMEWORK

struct rec {
    struct hp_record record;
    struct hp_tree *tree;
};

struct rec_set {
    struct hp_dict *dict;
    struct hp_arena arena;
    struct rec *requests;
    struct hp_sample *samples;
    uint32_t count, route, view, revision; /* revision "r1" */
};

static inline uint64_t rec_ns(double ms)
{
    return (uint64_t)(ms * 1e6 + 0.5);
}

static inline uint32_t rec_sym(struct rec_set *set, const char *file, const char *name, uint32_t line,
                               unsigned flags)
{
    struct hp_symbol symbol = {
        .file = hp_str_from0(file), .name = hp_str_from0(name), .line = line, .flags = (uint8_t)flags};
    uint32_t id;
    assert_int_equal(hp_dict_add_symbol(set->dict, &symbol, &id), HP_OK);
    return id;
}

static inline uint32_t rec_sql(struct rec_set *set, const char *text, enum hp_engine engine)
{
    struct hp_statement statement = {.text = hp_str_from0(text), .engine = (uint8_t)engine};
    uint32_t id;
    assert_int_equal(hp_dict_add_statement(set->dict, &statement, &id), HP_OK);
    return id;
}

static inline void rec_set_init(struct rec_set *set, const char *method, const char *rule)
{
    struct hp_route route = {hp_str_from0(method), hp_str_from0(rule), HP_STR("view")};
    memset(set, 0, sizeof *set);
    hp_arena_init(&set->arena, (size_t)512 << 20);
    set->dict = hp_dict_new();
    assert_non_null(set->dict);
    assert_int_equal(hp_dict_add_route(set->dict, &route, &set->route), HP_OK);
    assert_int_equal(hp_dict_add_string(set->dict, HP_STR("r1"), &set->revision), HP_OK);
    set->requests = hp_arena_alloc(&set->arena, REC_MAX * sizeof *set->requests, 16);
    set->samples = hp_arena_alloc(&set->arena, REC_MAX * sizeof *set->samples, 16);
    set->view = rec_sym(set, "app/views.py", "page", 10, REC_APP);
}

static inline void rec_set_fini(struct rec_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        hp_tree_free(set->requests[i].tree);
    }
    hp_dict_free(set->dict);
    hp_arena_fini(&set->arena);
}

static inline void *rec_zeroed(struct rec_set *set, size_t bytes)
{
    void *p = hp_arena_alloc(&set->arena, bytes, 16);
    assert_non_null(p);
    memset(p, 0, bytes);
    return p;
}

/* The next request: only the main lane, no tree time yet. Its wall time is set by rec_end. */
static inline struct rec *rec_begin(struct rec_set *set)
{
    assert_true(set->count < REC_MAX);
    struct rec *rec = &set->requests[set->count++];
    struct hp_record *r = &rec->record;
    memset(rec, 0, sizeof *rec);
    r->req.id = 0xabc0000000000000u + set->count;
    r->req.seq = set->count;
    r->req.start_wall_ns = 1700000000000000000u + set->count * (uint64_t)10000000000u;
    r->req.cpu_ns = r->req.first_byte_ns = r->req.queue_ns = r->req.gil_ns = r->req.runqueue_ns =
        r->req.gc_ns = HP_ABSENT;
    r->req.rss_growth_bytes = HP_ABSENT;
    r->req.bytes_in = r->req.bytes_out = r->req.alloc_bytes = r->req.alloc_blocks = HP_ABSENT;
    r->req.phase_ns[0] = HP_ABSENT;
    r->req.route = set->route;
    r->req.revision = set->revision;
    r->req.view_sym = set->view;
    r->req.weight = 1;
    r->req.status = 200;
    r->req.level = r->req.level_asked = HP_LEVEL_TRACE;
    r->lanes = rec_zeroed(set, REC_LANES * sizeof *r->lanes);
    r->edges = rec_zeroed(set, 2 * REC_LANES * sizeof *r->edges);
    r->stmts = rec_zeroed(set, REC_STMTS * sizeof *r->stmts);
    r->groups = rec_zeroed(set, REC_STMTS * sizeof *r->groups);
    r->lane_count = 1;
    r->lanes[0].cpu_ns = HP_ABSENT;
    rec->tree = hp_tree_new(set->dict, 100000);
    assert_non_null(rec->tree);
    hp_tree_begin(rec->tree);
    return rec;
}

/* A node below `parent` (HP_NODE_ROOT: the request) called from `line` of it; times add up over calls of this
 * function. */
static inline uint32_t rec_node(struct rec *rec, uint32_t parent, uint32_t sym, uint32_t line, uint64_t calls,
                                double self_ms)
{
    uint32_t node = hp_tree_child_at_line(rec->tree, parent, sym, line, HP_NODE_CALL);
    rec->tree->nodes[node].calls += calls;
    rec->tree->nodes[node].self += rec_ns(self_ms);
    return node;
}

static inline uint32_t rec_lane_node(struct rec *rec, uint32_t parent)
{
    return hp_tree_child_at_line(rec->tree, parent, 0, 0, HP_NODE_LANE);
}

struct rec_stmt {
    uint32_t statement, lane, node, site_sym, site_line;
    double t0, exec, fetch;
    uint64_t rows, params;
};

static inline void rec_add_stmt(struct rec *rec, struct rec_stmt s)
{
    struct hp_record *r = &rec->record;
    assert_true(r->stmt_count < REC_STMTS);
    struct hp_stmt *stmt = &r->stmts[r->stmt_count++];
    *stmt = (struct hp_stmt){.t0_ns = rec_ns(s.t0),
                             .exec_ns = rec_ns(s.exec),
                             .fetch_ns = rec_ns(s.fetch),
                             .rows = s.rows,
                             .param_hash = s.params,
                             .statement = s.statement,
                             .lane = s.lane,
                             .node = s.node,
                             .site_sym = s.site_sym,
                             .site_line = s.site_line};
    uint32_t g = 0;
    while (g < r->group_count &&
           !(r->groups[g].statement == s.statement && r->groups[g].site_sym == s.site_sym &&
             r->groups[g].site_line == s.site_line)) {
        g++;
    }
    struct hp_group *group = &r->groups[g];
    r->group_count += g == r->group_count;
    group->statement = s.statement;
    group->site_sym = s.site_sym;
    group->site_line = s.site_line;
    group->count++;
    group->exec_ns += stmt->exec_ns;
    group->fetch_ns += stmt->fetch_ns;
}

struct rec_lane {
    uint32_t kind, flags, node, site_sym, site_line;
    double spawn, spawn_cost, start, end;
};

/* A lane started by the main one. Returns its number. */
static inline uint32_t rec_add_lane(struct rec *rec, struct rec_lane l)
{
    struct hp_record *r = &rec->record;
    assert_true(r->lane_count < REC_LANES);
    r->lanes[r->lane_count] = (struct hp_lane){.runqueue_ns = HP_ABSENT,
                                               .wait_busy_ns = HP_ABSENT,
                                               .start_ns = rec_ns(l.start),
                                               .end_ns = rec_ns(l.end),
                                               .cpu_ns = HP_ABSENT,
                                               .spawn_ns = rec_ns(l.spawn),
                                               .spawn_cost_ns = rec_ns(l.spawn_cost),
                                               .parent_node = l.node,
                                               .site_sym = l.site_sym,
                                               .site_line = l.site_line,
                                               .kind = (uint8_t)l.kind,
                                               .flags = (uint8_t)l.flags};
    return r->lane_count++;
}

#define REC_SPANS 4000u

struct rec_span {
    uint32_t kind, lane, node, peer, group, protocol, site_sym, site_line, via_sym, holder, error;
    double t0, t1;
    uint64_t bytes;
};

/* A wait, after those that its lane has already; with its total. */
static inline void rec_add_span(struct rec_set *set, struct rec *rec, struct rec_span s)
{
    struct hp_record *r = &rec->record;
    if (r->spans == NULL) {
        r->spans = rec_zeroed(set, REC_SPANS * sizeof *r->spans);
        r->waits = rec_zeroed(set, REC_SPANS * sizeof *r->waits);
    }
    assert_true(r->span_count < REC_SPANS);
    struct hp_span span = {.t0_ns = rec_ns(s.t0),
                           .t1_ns = rec_ns(s.t1),
                           .bytes = s.bytes,
                           .lane = s.lane,
                           .node = s.node,
                           .peer = s.peer,
                           .group = s.group,
                           .holder = s.holder,
                           .error = s.error,
                           .kind = (uint8_t)s.kind,
                           .protocol = (uint8_t)s.protocol,
                           .site_sym = s.site_sym,
                           .site_line = s.site_line,
                           .via_sym = s.via_sym};
    r->spans[r->span_count++] = span;
    uint32_t w = 0;
    while (w < r->wait_count &&
           !(r->waits[w].lane == s.lane && r->waits[w].kind == s.kind && r->waits[w].peer == s.peer &&
             r->waits[w].site_sym == s.site_sym && r->waits[w].site_line == s.site_line)) {
        w++;
    }
    struct hp_wait *wait = &r->waits[w];
    r->wait_count += w == r->wait_count;
    *wait = (struct hp_wait){.count = wait->count + 1,
                             .ns = wait->ns + span.t1_ns - span.t0_ns,
                             .bytes = wait->bytes + s.bytes,
                             .node = s.node,
                             .peer = s.peer,
                             .kind = (uint8_t)s.kind,
                             .lane = s.lane,
                             .site_sym = s.site_sym,
                             .site_line = s.site_line,
                             .via_sym = s.via_sym};
}

/* Who had the locks that spans were waited for (`holder` of a span is what this returns). */
static inline uint32_t rec_add_holder(struct rec_set *set, struct rec *rec, struct hp_holder holder)
{
    struct hp_record *r = &rec->record;
    if (r->holders == NULL) {
        r->holders = rec_zeroed(set, HP_HOLDER_CAP * sizeof *r->holders);
    }
    r->holders[r->holder_count++] = holder;
    return r->holder_count;
}

/* A lane waits from t0 to t1 for `other`. */
static inline void rec_add_edge(struct rec *rec, enum hp_edge_kind kind, uint32_t lane, uint32_t other,
                                double t0, double t1)
{
    struct hp_record *r = &rec->record;
    r->edges[r->edge_count++] = (struct hp_edge){
        .t0_ns = rec_ns(t0), .t1_ns = rec_ns(t1), .lane = lane, .other = other, .kind = (uint8_t)kind};
}

/* The main lane joins `other`. */
static inline void rec_add_join(struct rec *rec, uint32_t other, uint32_t node, double t0, double t1)
{
    rec_add_edge(rec, HP_EDGE_JOIN, 0, other, t0, t1);
    rec->record.edges[rec->record.edge_count - 1].node = node;
}

/* Wall time and CPU time (negative: not known); the tree's totals are made. */
static inline void rec_end(struct rec_set *set, struct rec *rec, double wall_ms, double cpu_ms)
{
    struct hp_record *r = &rec->record;
    r->req.wall_ns = rec_ns(wall_ms);
    r->req.cpu_ns = cpu_ms < 0 ? HP_ABSENT : rec_ns(cpu_ms);
    r->lanes[0].end_ns = r->req.wall_ns;
    hp_tree_total(rec->tree);
    set->samples[set->count - 1] =
        (struct hp_sample){.record = r, .tree = rec->tree, .duration_ns = r->req.wall_ns};
}

/* The case of all requests built; `recorded_ns` of all routes is what they took. */
static inline struct hp_case rec_case(const struct rec_set *set)
{
    struct hp_case c = {.dict = set->dict,
                        .route = set->route,
                        .requests = set->count,
                        .samples = set->samples,
                        .sample_count = set->count};
    for (uint32_t i = 0; i < set->count; i++) {
        c.total_ns += set->samples[i].duration_ns;
    }
    c.recorded_ns = c.total_ns;
    return c;
}

/* What all rules find in it; memory from the set's arena. */
static inline struct hp_find_result rec_find(struct rec_set *set)
{
    struct hp_case c = rec_case(set);
    struct hp_find_result result;
    assert_int_equal(hp_find_run(&c, &set->arena, &result), HP_OK);
    return result;
}

/* Nothing is found; ends the set. */
static inline void rec_silent(struct rec_set *set)
{
    struct hp_find_result r = rec_find(set);
    if (r.findings.count != 0) {
        fail_msg("%s: %.*s", hp_find_kind_name(r.findings.list[0].kind), (int)r.findings.list[0].title.n,
                 r.findings.list[0].title.p);
    }
    rec_set_fini(set);
}

/* The one finding there is; the caller ends the set. */
static inline const struct hp_finding *rec_only(struct rec_set *set, enum hp_finding_kind kind)
{
    struct hp_find_result r = rec_find(set);
    assert_int_equal(r.findings.count, 1);
    assert_string_equal(hp_find_kind_name(r.findings.list[0].kind), hp_find_kind_name(kind));
    return &r.findings.list[0];
}

static inline double rec_ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static inline void assert_near(double got, double want, double tolerance)
{
    if (got < want * (1 - tolerance) || got > want * (1 + tolerance)) {
        fail_msg("got %g, want %g within %g", got, want, tolerance);
    }
}

/* What a sweep of failing allocations runs: every rule over a rec_set, and what each finding costs. */
static inline void rec_find_all(void *arg)
{
    const struct rec_set *set = arg;
    struct hp_case c = rec_case(set);
    struct hp_arena arena;
    struct hp_find_result result;
    struct hp_own_key key;
    uint64_t ns[REC_MAX];
    hp_arena_init(&arena, (size_t)64 << 20);
    hp_err err = hp_find_run(&c, &arena, &result);
    for (uint32_t i = 0; err == HP_OK && i < result.findings.count; i++) {
        err = hp_own_describe(&c, &result.findings.list[i], &arena, &key);
        err = err == HP_OK ? hp_own_measure(&c, &key, false, ns) : err;
    }
    assert_true(err == HP_OK || err == HP_ENOMEM);
    hp_arena_fini(&arena);
}

/* The encoded record of one request, as capture would push it; appended to `out` without the length in front
 * of hp_record_encode's own. */
static inline void rec_encode(struct rec_set *set, uint32_t i, struct hp_buf *out)
{
    struct rec *rec = &set->requests[i];
    struct hp_record copy = rec->record;
    struct hp_buf shape, values;
    uint32_t *number = rec_zeroed(set, rec->tree->count * sizeof *number);
    hp_buf_init(&shape, (size_t)1 << 20);
    hp_buf_init(&values, (size_t)1 << 20);
    assert_int_equal(hp_tree_encode(rec->tree, NULL, &shape, &values, number), HP_OK);
    copy.shape = hp_buf_str(&shape);
    copy.values = hp_buf_str(&values);
    copy.stmts = rec_zeroed(set, copy.stmt_count * sizeof *copy.stmts + 1);
    copy.lanes = rec_zeroed(set, copy.lane_count * sizeof *copy.lanes + 1);
    copy.edges = rec_zeroed(set, copy.edge_count * sizeof *copy.edges + 1);
    for (uint32_t k = 0; k < copy.stmt_count; k++) {
        copy.stmts[k] = rec->record.stmts[k];
        copy.stmts[k].node = number[copy.stmts[k].node];
    }
    for (uint32_t k = 0; k < copy.lane_count; k++) {
        copy.lanes[k] = rec->record.lanes[k];
        copy.lanes[k].parent_node = number[copy.lanes[k].parent_node];
    }
    for (uint32_t k = 0; k < copy.edge_count; k++) {
        copy.edges[k] = rec->record.edges[k];
        copy.edges[k].node = number[copy.edges[k].node];
    }
    assert_int_equal(hp_record_encode(&copy, out), HP_OK);
    hp_buf_fini(&shape);
    hp_buf_fini(&values);
}

#endif
