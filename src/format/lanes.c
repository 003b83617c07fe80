/* lanes.c -- see lanes.h. */
#include "format/lanes.h"

#include <stdio.h>

#include "format/holders.h"

#define PID 1u

/* ---- JSON ---- */

static void kv_ms(struct hp_json *json, const char *key, uint64_t ns)
{
    if (ns != HP_ABSENT) {
        hp_json_kv_double(json, key, (double)ns / 1e6);
    }
}

static void kv_place(struct hp_json *json, const struct hp_dict *dict, uint32_t sym, uint32_t line,
                     uint32_t via)
{
    if (sym != 0) {
        struct hp_symbol symbol = hp_dict_symbol(dict, sym);
        hp_json_kv_str(json, "file", symbol.file);
        hp_json_kv_u64(json, "line", line);
        hp_json_kv_str(json, "function", symbol.name);
    }
    if (via != 0) {
        hp_json_kv_str(json, "via", hp_dict_symbol(dict, via).file);
    }
}

static struct hp_lane lane_of(const struct hp_record *record, uint32_t i)
{
    struct hp_lane lane = {.runqueue_ns = HP_ABSENT, .cpu_ns = HP_ABSENT};
    if (i < record->lane_count) {
        lane = record->lanes[i];
    }
    if (i == 0) { /* a record without lanes has still got the main one */
        lane.end_ns = record->req.wall_ns;
        lane.cpu_ns = record->req.cpu_ns;
    }
    return lane;
}

static void put_pieces(struct hp_json *json, const struct hp_timeline *timeline, uint32_t lane)
{
    const struct hp_timeline_lane *line = &timeline->lanes[lane];
    hp_json_key(json, "pieces");
    hp_json_array_begin(json);
    for (uint32_t i = line->first; i < line->first + line->count; i++) {
        const struct hp_timeline_piece *piece = &timeline->pieces[i];
        hp_json_object_begin(json);
        hp_json_kv_cstr(json, "state", hp_timeline_state_name(piece->state));
        kv_ms(json, "from_ms", piece->t0_ns);
        kv_ms(json, "to_ms", piece->t1_ns);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void put_lane(struct hp_json *json, const struct hp_timeline *timeline, const struct hp_record *record,
                     const struct hp_dict *dict, uint32_t i)
{
    const struct hp_lane lane = lane_of(record, i);
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "lane", i);
    hp_json_kv_cstr(json, "kind", hp_timeline_lane_kind(lane.kind));
    if (i != 0) {
        hp_json_kv_u64(json, "parent", lane.parent);
        kv_ms(json, "spawn_ms", lane.spawn_ns);
    }
    kv_ms(json, "start_ms", lane.start_ns);
    kv_ms(json, "end_ms", lane.end_ns);
    kv_ms(json, "cpu_ms", lane.cpu_ns);
    kv_ms(json, "runqueue_ms", lane.runqueue_ns);
    kv_ms(json, "critical_ms", timeline->lanes[i].critical_ns);
    kv_place(json, dict, lane.site_sym, lane.site_line, lane.via_sym);
    hp_json_key(json, "waits_ms");
    hp_json_object_begin(json);
    for (unsigned kind = 0; kind < HP_WAIT_KINDS; kind++) {
        if (timeline->lanes[i].wait_ns[kind] != 0) {
            kv_ms(json, hp_timeline_state_name(HP_TIMELINE_WAIT + kind), timeline->lanes[i].wait_ns[kind]);
        }
    }
    hp_json_object_end(json);
    hp_holders_json(json, dict, record, i);
    put_pieces(json, timeline, i);
    hp_json_object_end(json);
}

void hp_lanes_json(struct hp_json *json, const struct hp_timeline *timeline, const struct hp_record *record,
                   const struct hp_dict *dict)
{
    hp_json_key(json, "lanes");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < timeline->lane_count; i++) {
        put_lane(json, timeline, record, dict, i);
    }
    hp_json_array_end(json);
    hp_json_key(json, "critical");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < timeline->critical_count; i++) {
        const struct hp_critical *stretch = &timeline->critical[i];
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "lane", stretch->lane);
        kv_ms(json, "from_ms", stretch->t0_ns);
        kv_ms(json, "to_ms", stretch->t1_ns);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

/* ---- Chrome trace ---- */

static void event(struct hp_json *json, const char *phase, struct hp_str name, uint32_t tid)
{
    hp_json_object_begin(json);
    hp_json_kv_cstr(json, "ph", phase);
    hp_json_kv_str(json, "name", name);
    hp_json_kv_u64(json, "pid", PID);
    hp_json_kv_u64(json, "tid", tid);
}

static void kv_us(struct hp_json *json, const char *key, uint64_t ns)
{
    hp_json_kv_exact(json, key, (double)ns / 1e3);
}

static void slice(struct hp_json *json, struct hp_str name, const char *category, uint32_t tid, uint64_t t0,
                  uint64_t t1)
{
    event(json, "X", name, tid);
    hp_json_kv_cstr(json, "cat", category);
    kv_us(json, "ts", t0);
    kv_us(json, "dur", t1 - t0);
    hp_json_object_end(json);
}

static void named(struct hp_json *json, const char *what, uint32_t tid, struct hp_str name)
{
    event(json, "M", hp_str_from0(what), tid);
    hp_json_key(json, "args");
    hp_json_object_begin(json);
    hp_json_kv_str(json, "name", name);
    hp_json_object_end(json);
    hp_json_object_end(json);
    if (tid != 0 || what[0] == 't') {
        event(json, "M", HP_STR("thread_sort_index"), tid);
        hp_json_key(json, "args");
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "sort_index", tid);
        hp_json_object_end(json);
        hp_json_object_end(json);
    }
}

/* "thread 3  settings.py:31 fetch" */
static void put_track_name(struct hp_json *json, const struct hp_record *record, const struct hp_dict *dict,
                           uint32_t i)
{
    const struct hp_lane lane = lane_of(record, i);
    struct hp_symbol symbol = hp_dict_symbol(dict, lane.site_sym);
    struct hp_buf name;
    hp_buf_init(&name, 4096);
    hp_buf_put_text(&name, hp_str_from0(hp_timeline_lane_kind(lane.kind)));
    if (i != 0) {
        hp_buf_printf(&name, " %u", i);
    }
    if (lane.site_sym != 0) {
        hp_buf_put_text(&name, HP_STR("  "));
        hp_buf_put_text(&name, symbol.file);
        hp_buf_printf(&name, ":%u ", lane.site_line);
        hp_buf_put_text(&name, symbol.name);
    }
    named(json, "thread_name", i, hp_buf_str(&name));
    hp_buf_fini(&name);
}

/* The statement that a lane executes at a time. */
static struct hp_str statement_at(const struct hp_record *record, const struct hp_dict *dict, uint32_t lane,
                                  uint64_t t)
{
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        if (stmt->lane == lane && stmt->t0_ns <= t && t < stmt->t0_ns + stmt->exec_ns) {
            return hp_dict_statement(dict, stmt->statement).text;
        }
    }
    return HP_STR("sql");
}

/* "gil: app.py:12 burn": a wait for a lock, and who had it. */
static void put_lock_name(struct hp_buf *name, const struct hp_record *record, const struct hp_dict *dict,
                          const struct hp_timeline_piece *piece)
{
    hp_buf_reset(name);
    hp_buf_put_text(name, hp_str_from0(hp_timeline_state_name(piece->state)));
    for (uint32_t i = 0; i < record->span_count; i++) {
        const struct hp_span *span = &record->spans[i];
        if (span->lane == piece->lane && span->holder != 0 && span->t0_ns <= piece->t0_ns &&
            piece->t0_ns < span->t1_ns && span->kind == piece->state - HP_TIMELINE_WAIT) {
            const struct hp_holder *holder = &record->holders[span->holder - 1];
            struct hp_symbol symbol = hp_dict_symbol(dict, holder->site_sym);
            hp_buf_put_text(name, HP_STR(": "));
            if (holder->site_sym != 0) {
                hp_buf_put_text(name, symbol.file);
                hp_buf_printf(name, ":%u ", holder->site_line);
                hp_buf_put_text(name, symbol.name);
                hp_buf_put_text(name, HP_STR(", "));
            }
            hp_holders_put_who(name, dict, record, holder);
            return;
        }
    }
}

/* An arrow between two lanes; times must lie on slices, which lanes have from start to end. */
static void arrow(struct hp_json *json, const char *what, uint64_t number, uint32_t from, uint64_t from_ns,
                  uint32_t to, uint64_t to_ns)
{
    for (int end = 0; end < 2; end++) {
        event(json, end == 0 ? "s" : "f", hp_str_from0(what), end == 0 ? from : to);
        hp_json_kv_cstr(json, "cat", what);
        hp_json_kv_u64(json, "id", number);
        kv_us(json, "ts", end == 0 ? from_ns : to_ns);
        if (end == 1) {
            hp_json_kv_cstr(json, "bp", "e");
        }
        hp_json_object_end(json);
    }
}

static void put_arrows(struct hp_json *json, const struct hp_record *record)
{
    uint64_t number = 1;
    for (uint32_t i = 1; i < record->lane_count; i++) {
        const struct hp_lane *lane = &record->lanes[i];
        arrow(json, "start", number++, lane->parent, lane->spawn_ns, i, lane->start_ns);
    }
    for (uint32_t i = 0; i < record->edge_count; i++) {
        const struct hp_edge *edge = &record->edges[i];
        bool waited =
            edge->kind == HP_EDGE_JOIN || edge->kind == HP_EDGE_RESULT || edge->kind == HP_EDGE_WAKE;
        if (waited && edge->other != HP_NODE_NONE && edge->other < record->lane_count) {
            uint64_t end = lane_of(record, edge->other).end_ns;
            arrow(json, "wake", number++, edge->other, end < edge->t1_ns ? end : edge->t1_ns, edge->lane,
                  edge->t1_ns);
        }
    }
}

hp_err hp_lanes_chrome(const struct hp_timeline *timeline, const struct hp_record *record,
                       const struct hp_dict *dict, struct hp_str title, struct hp_buf *out)
{
    struct hp_json json;
    struct hp_buf lock;
    hp_buf_init(&lock, 4096);
    hp_json_init(&json, out, false);
    hp_json_object_begin(&json);
    hp_json_kv_cstr(&json, "displayTimeUnit", "ms");
    hp_json_key(&json, "traceEvents");
    hp_json_array_begin(&json);
    named(&json, "process_name", 0, title);
    for (uint32_t i = 0; i < timeline->lane_count; i++) {
        put_track_name(&json, record, dict, i);
    }
    for (uint32_t i = 0; i < timeline->piece_count; i++) {
        const struct hp_timeline_piece *piece = &timeline->pieces[i];
        const char *state = hp_timeline_state_name(piece->state);
        struct hp_str name = piece->state == HP_TIMELINE_SQL
                                 ? statement_at(record, dict, piece->lane, piece->t0_ns)
                                 : hp_str_from0(state);
        if (piece->state == HP_TIMELINE_WAIT + HP_WAIT_GIL ||
            piece->state == HP_TIMELINE_WAIT + HP_WAIT_LOCK) {
            put_lock_name(&lock, record, dict, piece);
            name = hp_buf_str(&lock);
        }
        slice(&json, name, state, piece->lane, piece->t0_ns, piece->t1_ns);
    }
    put_arrows(&json, record);
    named(&json, "thread_name", timeline->lane_count, HP_STR("critical path"));
    for (uint32_t i = 0; i < timeline->critical_count; i++) {
        const struct hp_critical *stretch = &timeline->critical[i];
        struct hp_lane lane = lane_of(record, stretch->lane);
        char name[32];
        (void)snprintf(name, sizeof name, stretch->lane == 0 ? "%s" : "%s %u",
                       hp_timeline_lane_kind(lane.kind), stretch->lane);
        slice(&json, hp_str_from0(name), "critical", timeline->lane_count, stretch->t0_ns, stretch->t1_ns);
    }
    hp_json_array_end(&json);
    hp_json_object_end(&json);
    hp_buf_fini(&lock);
    return hp_json_finish(&json);
}
