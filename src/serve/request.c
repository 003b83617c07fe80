/* request.c -- one request with everything that was recorded of it, and where it stands among its route's. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer/builtjson.h"
#include "base/hash.h"
#include "base/map.h"
#include "format/connections.h"
#include "format/lanes.h"
#include "format/member.h"
#include "format/notesjson.h"
#include "format/requestjson.h"
#include "format/treejson.h"
#include "format/waitsjson.h"
#include "model/sketch.h"
#include "serve/points.h"
#include "serve/sources.h"
#include "serve/wholerequest.h"

#define TREE_NODES (1u << 20)
#define SEEN_CAP   4096u

/* ---- statements ---- */

static int64_t group_of(const struct hp_record *record, const struct hp_stmt *stmt)
{
    for (uint32_t i = 0; i < record->group_count; i++) {
        const struct hp_group *group = &record->groups[i];
        if (group->statement == stmt->statement && group->site_sym == stmt->site_sym &&
            group->site_line == stmt->site_line) {
            return i;
        }
    }
    return -1;
}

static hp_err put_executions(struct hp_question *question, const struct hp_record *record)
{
    struct hp_json *json = question->json;
    struct hp_map seen; /* statement and parameters: how often so far */
    hp_err err = HP_OK;
    hp_map_init(&seen, SEEN_CAP);
    hp_json_key(json, "executions");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->stmt_count && err == HP_OK; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        uint64_t key = hp_hash_mix(stmt->statement, stmt->param_hash);
        uint32_t before = 0;
        int64_t group = group_of(record, stmt);
        hp_json_object_begin(json);
        hp_requestjson_execution(json, question->dict, stmt);
        if (group >= 0) {
            hp_json_kv_i64(json, "group", group);
        }
        if (stmt->param_hash != 0) {
            (void)hp_map_get(&seen, key, &before);
            err = hp_map_put(&seen, key, before + 1);
        }
        if (before != 0) {
            hp_json_kv_u64(json, "repeat", before);
        }
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    hp_map_fini(&seen);
    return err == HP_OK ? HP_OK : hp_question_no_memory(question);
}

/* ---- waits in order ---- */

static void put_spans(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record)
{
    if (!hp_waitsjson_watched(record)) {
        return;
    }
    hp_json_key(json, "spans");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->span_count; i++) {
        const struct hp_span *span = &record->spans[i];
        hp_json_object_begin(json);
        hp_json_kv_cstr(json, "kind", hp_record_wait_name(span->kind));
        if (span->peer != 0) {
            hp_json_kv_str(json, "peer", hp_dict_string(dict, span->peer));
        }
        hp_json_kv_u64(json, "lane", span->lane);
        if (span->node != HP_NODE_NONE) {
            hp_json_kv_u64(json, "node", span->node);
        }
        hp_member_ms(json, "from_ms", span->t0_ns);
        hp_member_ms(json, "to_ms", span->t1_ns);
        hp_json_kv_u64(json, "bytes", span->bytes);
        if (span->group != 0) {
            hp_json_kv_u64(json, "group", span->group);
        }
        if (span->holder != 0) {
            hp_json_kv_u64(json, "holder", span->holder - 1);
        }
        hp_member_place(json, dict, span->site_sym, span->site_line, span->via_sym);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static hp_err put_timeline(struct hp_question *question, const struct hp_record *record)
{
    struct hp_timeline timeline;
    if (hp_timeline_init(&timeline, record, question->arena) != HP_OK) {
        return hp_question_no_memory(question);
    }
    hp_json_key(question->json, "timeline");
    hp_json_object_begin(question->json);
    hp_lanes_json(question->json, &timeline, record, question->dict);
    hp_json_object_end(question->json);
    return HP_OK;
}

/* ---- its tree ---- */

static hp_err read_tree(struct hp_question *question, const struct hp_record *record, struct hp_tree **tree)
{
    struct hp_reader shape, values;
    *tree = NULL;
    if (record->shape.n == 0) {
        return HP_OK;
    }
    struct hp_tree *made = hp_tree_new(question->dict, TREE_NODES);
    if (made == NULL) {
        return hp_question_no_memory(question);
    }
    hp_reader_init(&shape, record->shape.p, record->shape.n);
    hp_reader_init(&values, record->values.p, record->values.n);
    hp_err err = hp_tree_decode(made, shape, values, NULL, hp_dict_symbol_count(question->dict));
    if (err != HP_OK) {
        hp_tree_free(made);
        return hp_err_set(question->info, err, 0, "the call tree cannot be read");
    }
    (void)hp_tree_calibrate(made, record->req.call_inner_ps / 1000.0, record->req.call_outer_ps / 1000.0);
    *tree = made;
    return HP_OK;
}

/* ---- among its route's requests ---- */

/* So many stored before it and after it are looked at, and of a route that has few among them so many: enough
 * to say where it stands, and few enough for a page of a store of any size. */
#define AROUND      4096u
#define WIDE_AROUND 32768u
#define FEW         32u

struct neighbours {
    uint64_t row, start_ns, duration_ns;
    uint64_t before_row, before_ns, after_row, after_ns; /* row 0: none */
    uint64_t faster, total;                              /* without itself */
    uint64_t among;                                      /* how many were looked at, of any route; 0: all */
    struct hp_sketch *durations;                         /* owned; with its own */
};

static bool look_at(void *ctx, const struct hp_narrow_row *row)
{
    struct neighbours *n = ctx;
    hp_sketch_add(n->durations, row->duration_ns);
    if (row->row == n->row) {
        return true;
    }
    n->total++;
    n->faster += row->duration_ns < n->duration_ns;
    bool earlier = row->start_ns < n->start_ns || (row->start_ns == n->start_ns && row->row < n->row);
    if (earlier && (n->before_row == 0 || row->start_ns >= n->before_ns)) {
        n->before_row = row->row;
        n->before_ns = row->start_ns;
    } else if (!earlier && (n->after_row == 0 || row->start_ns < n->after_ns)) {
        n->after_row = row->row;
        n->after_ns = row->start_ns;
    }
    return true;
}

static hp_err look_around(struct neighbours *n, struct hp_question *question, uint64_t row, uint64_t most,
                          const struct hp_request *req)
{
    struct hp_sketch *durations = n->durations;
    hp_sketch_clear(durations);
    *n = (struct neighbours){.row = row,
                             .start_ns = req->start_wall_ns,
                             .duration_ns = hp_requestjson_duration(req),
                             .durations = durations};
    return hp_store_rows_alike(question->store, row, most, look_at, n, &n->among, question->info);
}

static hp_err put_neighbour(struct hp_question *question, const char *key, uint64_t number)
{
    struct hp_request_row row;
    hp_err err = number == 0 ? HP_ENOTFOUND : hp_store_row(question->store, number, &row, question->info);
    if (err == HP_OK) {
        hp_member_id(question->json, key, row.req.id);
    }
    return err == HP_ENOTFOUND ? HP_OK : err;
}

static void put_rank(struct hp_json *json, const struct neighbours *n)
{
    if (n->among != 0) {
        hp_json_kv_u64(json, "rank_of", n->total);
        hp_json_kv_u64(json, "rank_among", n->among);
    }
    if (n->total != 0) {
        hp_json_kv_double(json, "rank", (double)n->faster / (double)n->total);
        hp_member_ms(json, "route_p50_ms", hp_sketch_quantile(n->durations, 0.5));
        hp_member_ms(json, "route_p95_ms", hp_sketch_quantile(n->durations, 0.95));
    }
}

static hp_err put_standing(struct hp_question *question, const struct hp_record *record, uint64_t row)
{
    const struct hp_request *req = &record->req;
    struct neighbours n = {.durations = hp_sketch_new()};
    if (n.durations == NULL) {
        return hp_question_no_memory(question);
    }
    hp_err err = look_around(&n, question, row, AROUND, req);
    if (err == HP_OK && n.among != 0 && n.total < FEW) {
        err = look_around(&n, question, row, WIDE_AROUND, req);
    }
    if (err == HP_OK) {
        err = put_neighbour(question, "previous", n.before_row);
    }
    if (err == HP_OK) {
        err = put_neighbour(question, "next", n.after_row);
    }
    if (err == HP_OK && req->process != 0) {
        hp_json_kv_u64(question->json, "worker", req->process);
    }
    if (err == HP_OK) {
        put_rank(question->json, &n);
    }
    hp_sketch_free(n.durations);
    return err;
}

/* ---- all of it ---- */

static hp_err put_all(struct hp_question *question, const struct hp_record *record,
                      const struct hp_tree *tree, uint64_t row)
{
    struct hp_json *json = question->json;
    hp_requestjson_fields(json, question->dict, &record->req);
    hp_json_kv_str(json, "endpoint", hp_dict_route(question->dict, record->req.route).endpoint);
    hp_requestjson_parts(json, question->dict, record);
    hp_err err = put_executions(question, record);
    hp_waitsjson_members(json, question->dict, record);
    hp_connections_json(json, record);
    hp_notesjson_members(json, question->dict, record);
    put_spans(json, question->dict, record);
    if (err == HP_OK && hp_builtjson_put(json, record, tree, question->dict, question->arena) != HP_OK) {
        err = hp_question_no_memory(question);
    }
    if (err == HP_OK) {
        err = put_timeline(question, record);
    }
    hp_json_key(json, "nodes");
    if (tree != NULL) {
        hp_treejson_nodes(tree, question->dict, HP_UNIT_TIME, true, json);
    } else {
        hp_json_null(json);
    }
    if (err == HP_OK) {
        err = hp_sources_put_lines(question, record, tree);
    }
    return err == HP_OK ? put_standing(question, record, row) : err;
}

void hp_wholerequest_fini(struct hp_wholerequest *whole)
{
    hp_tree_free(whole->tree);
}

hp_err hp_wholerequest_init(struct hp_wholerequest *whole, struct hp_question *question)
{
    uint64_t id = 0;
    *whole = (struct hp_wholerequest){.tree = NULL};
    if (!hp_params_read_id(hp_params_text(&question->params, "id"), &id)) {
        return hp_err_set(question->info, HP_EINVAL, 0, "id: 16 lower-case hex digits");
    }
    hp_err err = hp_store_find(question->store, id, &whole->row, question->info);
    if (err == HP_OK) {
        err =
            hp_store_row_record(question->store, whole->row, question->arena, &whole->record, question->info);
    }
    return err == HP_OK ? read_tree(question, &whole->record, &whole->tree) : err;
}

hp_err hp__answer_request(struct hp_question *question)
{
    struct hp_wholerequest whole;
    hp_err err = hp_wholerequest_init(&whole, question);
    if (err == HP_OK) {
        err = put_all(question, &whole.record, whole.tree, whole.row);
        hp_wholerequest_fini(&whole);
    }
    return err;
}
