/* inspect.c -- words, and the last record as JSON. Contracts: hotplate/ext/inspect.h.
 *
 * The record is decoded from its bytes, as a reader would, so that a test of the extension sees what is
 * stored.
 */
#include "hotplate/ext/inspect.h"

#include "base/json.h"
#include "base/reader.h"
#include "capture/capture_int.h"
#include "capture/plain.h"

#define JSON_CAP  ((size_t)256 << 20)
#define ARENA_CAP ((size_t)64 << 20)

static struct hp_buf last;
static bool keeping;

static struct hp_span8 span_of(struct hp_str text)
{
    return (struct hp_span8){text.p, text.n};
}

struct hp_span8 hp_inspect_statement(struct hp_cap *cap, uint32_t id)
{
    return span_of(hp_dict_statement(cap->dict, id).text);
}

struct hp_inspect_symbol hp_inspect_symbol(struct hp_cap *cap, uint32_t id)
{
    struct hp_symbol symbol = hp_dict_symbol(cap->dict, id);
    return (struct hp_inspect_symbol){span_of(symbol.file), span_of(symbol.name), symbol.line};
}

void hp_inspect_keep(bool keep)
{
    hp_buf_fini(&last);
    hp_buf_init(&last, JSON_CAP);
    keeping = keep;
}

void hp__inspect_offer(struct hp_str bytes)
{
    if (keeping) {
        hp_buf_reset(&last);
        hp_err err = hp_plain_encode(bytes, &last);
        (void)err; /* then there is none */
    }
}

static void put_number(struct hp_json *json, const char *key, uint64_t value)
{
    if (value == HP_ABSENT) {
        hp_json_kv_null(json, key);
    } else {
        hp_json_kv_u64(json, key, value);
    }
}

static void put_site(struct hp_json *json, struct hp_cap *cap, uint32_t sym, uint32_t line, uint32_t via)
{
    struct hp_symbol symbol = hp_dict_symbol(cap->dict, sym), via_symbol = hp_dict_symbol(cap->dict, via);
    hp_json_kv_str(json, "file", symbol.file);
    hp_json_kv_str(json, "name", symbol.name);
    hp_json_kv_u64(json, "line", line);
    hp_json_kv_str(json, "via", via_symbol.file);
    hp_json_kv_str(json, "via_name", via_symbol.name);
}

static void put_request(struct hp_json *json, struct hp_cap *cap, const struct hp_request *request)
{
    struct hp_route route = hp_dict_route(cap->dict, request->route);
    struct hp_symbol view = hp_dict_symbol(cap->dict, request->view_sym);
    hp_json_kv_u64(json, "id", request->id);
    hp_json_kv_u64(json, "wall_ns", request->wall_ns);
    hp_json_kv_u64(json, "own_ns", request->own_ns);
    put_number(json, "cpu_ns", request->cpu_ns);
    put_number(json, "gil_ns", request->gil_ns);
    put_number(json, "runqueue_ns", request->runqueue_ns);
    hp_json_kv_u64(json, "status", request->status);
    hp_json_kv_u64(json, "flags", request->flags);
    hp_json_kv_u64(json, "level", request->level);
    hp_json_kv_u64(json, "level_asked", request->level_asked);
    hp_json_kv_u64(json, "level_reason", request->level_reason);
    hp_json_kv_str(json, "method", route.method);
    hp_json_kv_str(json, "rule", route.rule);
    hp_json_kv_str(json, "endpoint", route.endpoint);
    hp_json_kv_str(json, "view", view.name);
    hp_json_kv_str(json, "view_file", view.file);
    hp_json_kv_str(json, "exception", hp_dict_string(cap->dict, request->exception_type));
    hp_json_kv_u64(json, "exception_group", request->exception_group);
    hp_json_key(json, "phases");
    hp_json_array_begin(json);
    for (int i = 0; i < HP_PHASE_COUNT && request->phase_ns[0] != HP_ABSENT; i++) {
        hp_json_u64(json, request->phase_ns[i]);
    }
    hp_json_array_end(json);
}

static void put_lanes(struct hp_json *json, struct hp_cap *cap, const struct hp_record *record)
{
    hp_json_key(json, "lanes");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->lane_count; i++) {
        const struct hp_lane *lane = &record->lanes[i];
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "kind", lane->kind);
        hp_json_kv_u64(json, "flags", lane->flags);
        hp_json_kv_u64(json, "parent", lane->parent);
        hp_json_kv_u64(json, "start_ns", lane->start_ns);
        hp_json_kv_u64(json, "end_ns", lane->end_ns);
        hp_json_kv_u64(json, "spawn_ns", lane->spawn_ns);
        put_number(json, "cpu_ns", lane->cpu_ns);
        put_number(json, "runqueue_ns", lane->runqueue_ns);
        put_number(json, "wait_busy_ns", lane->wait_busy_ns);
        put_site(json, cap, lane->site_sym, lane->site_line, lane->via_sym);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    hp_json_key(json, "edges");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->edge_count; i++) {
        const struct hp_edge *edge = &record->edges[i];
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "kind", edge->kind);
        hp_json_kv_u64(json, "lane", edge->lane);
        hp_json_kv_i64(json, "other", edge->other == HP_NODE_NONE ? -1 : (int64_t)edge->other);
        hp_json_kv_u64(json, "t0_ns", edge->t0_ns);
        hp_json_kv_u64(json, "t1_ns", edge->t1_ns);
        put_site(json, cap, edge->site_sym, edge->site_line, 0);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void put_waits(struct hp_json *json, struct hp_cap *cap, const struct hp_record *record)
{
    hp_json_key(json, "waits");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->wait_count; i++) {
        const struct hp_wait *wait = &record->waits[i];
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "kind", wait->kind);
        hp_json_kv_u64(json, "lane", wait->lane);
        hp_json_kv_str(json, "peer", hp_dict_string(cap->dict, wait->peer));
        hp_json_kv_u64(json, "count", wait->count);
        hp_json_kv_u64(json, "ns", wait->ns);
        hp_json_kv_u64(json, "bytes", wait->bytes);
        put_site(json, cap, wait->site_sym, wait->site_line, wait->via_sym);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    hp_json_key(json, "spans");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->span_count; i++) {
        const struct hp_span *span = &record->spans[i];
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "kind", span->kind);
        hp_json_kv_u64(json, "lane", span->lane);
        hp_json_kv_str(json, "peer", hp_dict_string(cap->dict, span->peer));
        hp_json_kv_u64(json, "t0_ns", span->t0_ns);
        hp_json_kv_u64(json, "t1_ns", span->t1_ns);
        hp_json_kv_u64(json, "bytes", span->bytes);
        hp_json_kv_u64(json, "group", span->group);
        hp_json_kv_u64(json, "protocol", span->protocol);
        hp_json_kv_u64(json, "error", span->error);
        hp_json_kv_u64(json, "holder", span->holder);
        put_site(json, cap, span->site_sym, span->site_line, span->via_sym);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void put_holders(struct hp_json *json, struct hp_cap *cap, const struct hp_record *record)
{
    hp_json_key(json, "holders");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->holder_count; i++) {
        const struct hp_holder *holder = &record->holders[i];
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "request", holder->request);
        hp_json_kv_u64(json, "kind", holder->kind);
        hp_json_kv_u64(json, "lane", holder->lane);
        hp_json_kv_u64(json, "count", holder->count);
        hp_json_kv_u64(json, "ns", holder->ns);
        hp_json_kv_str(json, "rule", hp_dict_route(cap->dict, holder->route).rule);
        hp_json_kv_str(json, "thread", hp_dict_string(cap->dict, holder->thread));
        put_site(json, cap, holder->site_sym, holder->site_line, holder->via_sym);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void put_steps(struct hp_json *json, struct hp_cap *cap, const struct hp_record *record)
{
    hp_json_key(json, "steps");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->step_count; i++) {
        const struct hp_step *step = &record->steps[i];
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "kind", step->kind);
        hp_json_kv_u64(json, "lane", step->lane);
        hp_json_kv_u64(json, "conn", step->conn);
        hp_json_kv_u64(json, "ns", step->ns);
        put_site(json, cap, step->site_sym, step->site_line, step->via_sym);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void put_statements(struct hp_json *json, struct hp_cap *cap, const struct hp_record *record)
{
    hp_json_key(json, "statements");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        struct hp_statement statement = hp_dict_statement(cap->dict, stmt->statement);
        hp_json_object_begin(json);
        hp_json_kv_str(json, "text", statement.text);
        hp_json_kv_u64(json, "engine", statement.engine);
        hp_json_kv_u64(json, "lane", stmt->lane);
        hp_json_kv_u64(json, "conn", stmt->conn);
        hp_json_kv_u64(json, "t0_ns", stmt->t0_ns);
        hp_json_kv_u64(json, "exec_ns", stmt->exec_ns);
        hp_json_kv_u64(json, "fetch_ns", stmt->fetch_ns);
        put_number(json, "rows", stmt->rows);
        hp_json_kv_u64(json, "params", stmt->param_hash);
        hp_json_kv_u64(json, "many", stmt->many_count);
        hp_json_kv_u64(json, "in", stmt->in_count);
        hp_json_kv_u64(json, "flags", stmt->flags);
        put_site(json, cap, stmt->site_sym, stmt->site_line, stmt->via_sym);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    hp_json_key(json, "groups");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->group_count; i++) {
        const struct hp_group *group = &record->groups[i];
        hp_json_object_begin(json);
        hp_json_kv_str(json, "text", hp_dict_statement(cap->dict, group->statement).text);
        hp_json_kv_u64(json, "count", group->count);
        hp_json_kv_u64(json, "rows", group->rows);
        hp_json_kv_u64(json, "errors", group->errors);
        put_site(json, cap, group->site_sym, group->site_line, group->via_sym);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void put_templates(struct hp_json *json, struct hp_cap *cap, const struct hp_notes *notes)
{
    hp_json_key(json, "templates");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < notes->count[HP_NOTE_TEMPLATE]; i++) {
        const struct hp_template *row = &notes->templates[i];
        hp_json_object_begin(json);
        hp_json_kv_str(json, "template", hp_dict_string(cap->dict, row->name));
        hp_json_kv_u64(json, "kind", row->kind);
        hp_json_kv_i64(json, "parent", row->parent == HP_NODE_NONE ? -1 : (int64_t)row->parent);
        hp_json_kv_u64(json, "count", row->count);
        hp_json_kv_u64(json, "total_ns", row->total_ns);
        hp_json_kv_u64(json, "self_ns", row->self_ns);
        hp_json_kv_str(json, "code", hp_dict_symbol(cap->dict, row->sym).file);
        hp_json_kv_u64(json, "code_line", hp_dict_symbol(cap->dict, row->sym).line);
        put_site(json, cap, row->site_sym, row->site_line, 0);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void put_exceptions(struct hp_json *json, struct hp_cap *cap, const struct hp_notes *notes)
{
    hp_json_key(json, "exceptions");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < notes->count[HP_NOTE_EXCEPTION]; i++) {
        const struct hp_exception *exception = &notes->exceptions[i];
        hp_json_object_begin(json);
        hp_json_kv_str(json, "type", hp_dict_string(cap->dict, exception->type));
        hp_json_kv_str(json, "text", hp_dict_string(cap->dict, exception->text));
        hp_json_kv_u64(json, "group", exception->group);
        hp_json_kv_u64(json, "count", exception->count);
        hp_json_kv_u64(json, "end", exception->end);
        hp_json_key(json, "frames");
        hp_json_array_begin(json);
        for (uint32_t k = 0; k < exception->frame_count; k++) {
            hp_json_object_begin(json);
            put_site(json, cap, exception->frames[k].sym, exception->frames[k].line, 0);
            hp_json_object_end(json);
        }
        hp_json_array_end(json);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void put_notes(struct hp_json *json, struct hp_cap *cap, const struct hp_record *record)
{
    const struct hp_notes *notes = &record->notes;
    put_number(json, "gc_ns", record->req.gc_ns);
    put_number(json, "queue_ns", record->req.queue_ns);
    put_number(json, "alloc_bytes", record->req.alloc_bytes);
    put_number(json, "alloc_blocks", record->req.alloc_blocks);
    hp_json_kv_i64(json, "kept_blocks", record->req.kept_blocks);
    put_number(json, "rss_growth_bytes", record->req.rss_growth_bytes);
    hp_json_key(json, "dropped_notes");
    hp_json_array_begin(json);
    for (int i = 0; i < HP_NOTE_COUNT; i++) {
        hp_json_u64(json, record->req.dropped_notes[i]);
    }
    hp_json_array_end(json);
    hp_json_key(json, "gc");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < notes->count[HP_NOTE_GC]; i++) {
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "generation", notes->gcs[i].generation);
        hp_json_kv_u64(json, "t0_ns", notes->gcs[i].t0_ns);
        hp_json_kv_u64(json, "t1_ns", notes->gcs[i].t1_ns);
        hp_json_kv_u64(json, "collected", notes->gcs[i].collected);
        hp_json_kv_u64(json, "lane", notes->gcs[i].lane);
        hp_json_kv_u64(json, "node", notes->gcs[i].node);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    put_templates(json, cap, notes);
    hp_json_key(json, "logs");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < notes->count[HP_NOTE_LOG]; i++) {
        const struct hp_log *log = &notes->logs[i];
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "level", log->level);
        hp_json_kv_str(json, "logger", hp_dict_string(cap->dict, log->logger));
        hp_json_kv_str(json, "message", hp_dict_string(cap->dict, log->message));
        hp_json_kv_u64(json, "count", log->count);
        hp_json_kv_u64(json, "total_ns", log->total_ns);
        put_site(json, cap, log->site_sym, log->site_line, 0);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    put_exceptions(json, cap, notes);
    hp_json_key(json, "facts");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < notes->count[HP_NOTE_FACT]; i++) {
        hp_json_array_begin(json);
        hp_json_u64(json, notes->facts[i].kind);
        hp_json_str(json, hp_dict_string(cap->dict, notes->facts[i].key));
        hp_json_str(json, hp_dict_string(cap->dict, notes->facts[i].value));
        hp_json_array_end(json);
    }
    hp_json_array_end(json);
}

static void put_tree(struct hp_json *json, struct hp_cap *cap, const struct hp_tree *tree)
{
    hp_json_key(json, "tree"); /* [[parent, kind, file, name, line of the call, calls, resumes, self, total,
                                  bytes, blocks], …] by number */
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < tree->count; i++) {
        const struct hp_node *node = &tree->nodes[i];
        struct hp_symbol symbol = hp_dict_symbol(cap->dict, node->sym);
        hp_json_array_begin(json);
        hp_json_i64(json, node->parent == HP_NODE_NONE ? -1 : (int64_t)node->parent);
        hp_json_u64(json, node->kind);
        hp_json_str(json, symbol.file);
        hp_json_str(json, symbol.name);
        hp_json_u64(json, node->line);
        hp_json_u64(json, node->calls);
        hp_json_u64(json, node->resumes);
        hp_json_u64(json, node->self);
        hp_json_u64(json, node->total);
        hp_json_u64(json, node->alloc_bytes);
        hp_json_u64(json, node->alloc_blocks);
        hp_json_array_end(json);
    }
    hp_json_array_end(json);
}

static hp_err put_decoded_tree(struct hp_json *json, struct hp_cap *cap, const struct hp_record *record)
{
    struct hp_tree *tree = hp_tree_new(cap->dict, HP_TREE_CAP);
    struct hp_reader shape, values;
    hp_err err = tree == NULL ? HP_ENOMEM : HP_OK;
    hp_reader_init(&shape, record->shape.p, record->shape.n);
    hp_reader_init(&values, record->values.p, record->values.n);
    if (err == HP_OK) {
        err = hp_tree_decode(tree, shape, values, NULL, hp_dict_symbol_count(cap->dict));
    }
    if (err == HP_OK) {
        hp_tree_total(tree);
        put_tree(json, cap, tree);
    }
    hp_tree_free(tree);
    return err;
}

hp_err hp_inspect_last(struct hp_cap *cap, uint8_t **out, size_t *n)
{
    struct hp_arena arena;
    struct hp_buf text;
    struct hp_json json;
    struct hp_record record;
    struct hp_reader in;
    if (!keeping || last.len == 0) {
        return HP_ESTATE;
    }
    hp_arena_init(&arena, ARENA_CAP);
    hp_buf_init(&text, JSON_CAP);
    hp_reader_init(&in, last.data, last.len);
    hp_err err = hp_record_decode(&in, &arena, &record);
    if (err != HP_OK) {
        goto done;
    }
    hp_json_init(&json, &text, false);
    hp_json_object_begin(&json);
    put_request(&json, cap, &record.req);
    put_lanes(&json, cap, &record);
    put_waits(&json, cap, &record);
    put_holders(&json, cap, &record);
    put_steps(&json, cap, &record);
    put_statements(&json, cap, &record);
    put_notes(&json, cap, &record);
    if (record.shape.n != 0) {
        err = put_decoded_tree(&json, cap, &record);
    }
    hp_json_object_end(&json);
    err = err != HP_OK ? err : hp_json_finish(&json);
    uint8_t *copy = err == HP_OK ? hp_memdup(text.data, text.len) : NULL;
    if (err == HP_OK && copy == NULL) {
        err = HP_ENOMEM;
    }
    if (err == HP_OK) {
        *out = copy;
        *n = text.len;
    }
done:
    hp_buf_fini(&text);
    hp_arena_fini(&arena);
    return err;
}
