/* requestjson.c -- see requestjson.h. */
#include "format/requestjson.h"

#include "format/member.h"
#include "model/timeline.h"

static const char *const phases[HP_PHASE_COUNT] = {"outer", "before",   "view", "template",
                                                   "after", "teardown", "body"};
static const char *const flags[] = {"streamed",  "aborted",   "handed over",
                                    "truncated", "exception", "shared cpu"};

const char *hp_requestjson_phase(unsigned phase)
{
    return phases[phase];
}

const char *hp_requestjson_flag(unsigned bit)
{
    return flags[bit];
}

uint64_t hp_requestjson_duration(const struct hp_request *req)
{
    return req->wall_ns > req->own_ns ? req->wall_ns - req->own_ns : 0;
}

static void json_phases(struct hp_json *json, const struct hp_request *req)
{
    if (req->phase_ns[0] == HP_ABSENT) {
        return;
    }
    hp_json_key(json, "phases_ms");
    hp_json_object_begin(json);
    for (int i = 0; i < HP_PHASE_COUNT; i++) {
        hp_json_kv_double(json, phases[i], (double)req->phase_ns[i] / 1e6);
    }
    hp_json_object_end(json);
}

void hp_requestjson_fields(struct hp_json *json, const struct hp_dict *dict, const struct hp_request *req)
{
    hp_member_id(json, "id", req->id);
    hp_member_route(json, "route", dict, req->route);
    hp_json_kv_u64(json, "start_s", req->start_wall_ns / 1000000000u);
    hp_json_kv_u64(json, "start_ns", req->start_wall_ns);
    if (req->status != 0) {
        hp_json_kv_u64(json, "status", req->status);
    }
    hp_member_ms(json, "duration_ms", hp_requestjson_duration(req));
    hp_member_ms(json, "wall_ms", req->wall_ns);
    hp_member_ms(json, "own_ms", req->own_ns);
    hp_member_ms(json, "cpu_ms", req->cpu_ns);
    hp_member_ms(json, "first_byte_ms", req->first_byte_ns);
    hp_member_ms(json, "queue_ms", req->queue_ns);
    hp_member_count(json, "bytes_in", req->bytes_in);
    hp_member_count(json, "bytes_out", req->bytes_out);
    hp_json_kv_str(json, "revision", hp_dict_string(dict, req->revision));
    hp_json_kv_cstr(json, "level", hp_member_level(req->level));
    if (req->exception_type != 0) {
        hp_json_kv_str(json, "exception", hp_dict_string(dict, req->exception_type));
    }
    json_phases(json, req);
    hp_json_key(json, "flags");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (req->flags & (1u << i)) {
            hp_json_cstr(json, flags[i]);
        }
    }
    hp_json_array_end(json);
}

/* ---- statements, lanes, edges ---- */

void hp_requestjson_group(struct hp_json *json, const struct hp_dict *dict, const struct hp_group *group)
{
    struct hp_str text = hp_dict_statement(dict, group->statement).text;
    char id[HP_MEMBER_STATEMENT_BYTES];
    hp_json_kv_cstr(json, "id", hp_member_statement_id(id, text));
    hp_json_kv_str(json, "statement", text);
    hp_json_kv_u64(json, "count", group->count);
    hp_member_ms(json, "total_ms", group->exec_ns + group->fetch_ns);
    hp_member_ms(json, "fetch_ms", group->fetch_ns);
    hp_member_ms(json, "max_ms", group->max_ns);
    hp_member_count(json, "rows", group->rows);
    hp_json_kv_u64(json, "errors", group->errors);
    hp_member_place(json, dict, group->site_sym, group->site_line, group->via_sym);
}

void hp_requestjson_execution(struct hp_json *json, const struct hp_dict *dict, const struct hp_stmt *stmt)
{
    hp_json_kv_str(json, "statement", hp_dict_statement(dict, stmt->statement).text);
    hp_member_ms(json, "at_ms", stmt->t0_ns);
    hp_member_ms(json, "execute_ms", stmt->exec_ns);
    hp_member_ms(json, "fetch_ms", stmt->fetch_ns);
    hp_member_count(json, "rows", stmt->rows);
    hp_json_kv_u64(json, "lane", stmt->lane);
    if (stmt->node != HP_NODE_NONE) {
        hp_json_kv_u64(json, "node", stmt->node);
    }
    hp_json_kv_bool(json, "error", stmt->flags & HP_STMT_ERROR);
    hp_member_place(json, dict, stmt->site_sym, stmt->site_line, stmt->via_sym);
}

static void json_groups(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record)
{
    hp_json_key(json, "statements");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->group_count; i++) {
        hp_json_object_begin(json);
        hp_requestjson_group(json, dict, &record->groups[i]);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void json_executions(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record)
{
    hp_json_key(json, "executions");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        hp_json_object_begin(json);
        hp_requestjson_execution(json, dict, &record->stmts[i]);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void json_lanes(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record)
{
    hp_json_key(json, "lanes");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->lane_count; i++) {
        const struct hp_lane *lane = &record->lanes[i];
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "lane", i);
        hp_json_kv_cstr(json, "kind", hp_timeline_lane_kind(lane->kind));
        if (i != 0) {
            hp_json_kv_u64(json, "parent", lane->parent);
        }
        hp_member_ms(json, "start_ms", lane->start_ns);
        hp_member_ms(json, "end_ms", lane->end_ns);
        hp_member_ms(json, "cpu_ms", lane->cpu_ns);
        hp_member_ms(json, "runqueue_ms", lane->runqueue_ns);
        hp_member_place(json, dict, lane->site_sym, lane->site_line, lane->via_sym);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void json_edges(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record)
{
    static const char *const kinds[] = {"spawn", "join", "wake", "submit", "result"};
    hp_json_key(json, "edges");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->edge_count; i++) {
        const struct hp_edge *edge = &record->edges[i];
        hp_json_object_begin(json);
        hp_json_kv_cstr(json, "kind",
                        edge->kind < sizeof kinds / sizeof kinds[0] ? kinds[edge->kind] : "unknown");
        hp_json_kv_u64(json, "lane", edge->lane);
        if (edge->other != HP_NODE_NONE) {
            hp_json_kv_u64(json, "other", edge->other);
        }
        hp_member_ms(json, "from_ms", edge->t0_ns);
        hp_member_ms(json, "to_ms", edge->t1_ns);
        hp_member_place(json, dict, edge->site_sym, edge->site_line, 0);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

void hp_requestjson_parts(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record)
{
    json_groups(json, dict, record);
    json_lanes(json, dict, record);
    json_edges(json, dict, record);
}

void hp_requestjson_detail(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record)
{
    json_executions(json, dict, record);
    hp_requestjson_parts(json, dict, record);
}
