/* show_waits.c -- see show_waits.h. */
#include "cli/show_waits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/show.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/table.h"

#define LISTED_AT_MOST 40u

static const char *const kinds[HP_WAIT_KINDS] = {"dns",  "connect",    "tls",   "send",  "recv",
                                                 "poll", "sleep",      "lock",  "gil",   "disk",
                                                 "db",   "subprocess", "queue", "await", "loop"};
static const char *const protocols[] = {"", "http", "redis", "postgresql", "mysql"};

const char *hp_show_waits_kind(uint8_t kind)
{
    return kind < HP_WAIT_KINDS ? kinds[kind] : "unknown";
}

/* Without waits at all gil_ns still says that they were watched. */
static bool were_watched(const struct hp_record *record)
{
    return record->wait_count != 0 || record->req.gil_ns != HP_ABSENT;
}

struct hp_show_time hp_show_waits_sum(const struct hp_record *record)
{
    struct hp_show_time time = {.busy_ns = HP_ABSENT};
    const struct hp_request *req = &record->req;
    for (uint32_t i = 0; i < record->wait_count; i++) {
        if (record->waits[i].lane == 0 && record->waits[i].kind < HP_WAIT_KINDS) {
            time.kinds_ns[record->waits[i].kind] += record->waits[i].ns;
            time.waits_ns += record->waits[i].ns;
        }
    }
    if (record->lane_count != 0) {
        time.busy_ns = record->lanes[0].wait_busy_ns;
    }
    time.known = were_watched(record) && req->cpu_ns != HP_ABSENT && req->runqueue_ns != HP_ABSENT &&
                 time.busy_ns != HP_ABSENT;
    if (time.known) {
        time.left_ns =
            (int64_t)(req->wall_ns + time.busy_ns - req->cpu_ns - req->runqueue_ns - time.waits_ns);
    }
    return time;
}

/* ---- outgoing calls ---- */

struct call {
    uint64_t from_ns, to_ns, dns_ns, connect_ns, tls_ns, send_ns, first_byte_ns, receive_ns, out_bytes,
        in_bytes;
    uint32_t lane, peer, name, group;
    uint32_t site_sym, site_line, via_sym;
    uint8_t protocol;
};

static void add_to_call(struct call *call, const struct hp_span *span)
{
    uint64_t ns = span->t1_ns - span->t0_ns;
    if (call->group == 0) {
        *call = (struct call){.from_ns = span->t0_ns,
                              .lane = span->lane,
                              .group = span->group,
                              .site_sym = span->site_sym,
                              .site_line = span->site_line,
                              .via_sym = span->via_sym,
                              .protocol = span->protocol};
    }
    call->to_ns = span->t1_ns;
    if (span->kind == HP_WAIT_DNS) {
        call->dns_ns += ns;
        call->name = span->peer;
        return;
    }
    call->peer = span->peer;
    if (span->kind == HP_WAIT_CONNECT) {
        call->connect_ns += ns;
    } else if (span->kind == HP_WAIT_TLS) {
        call->tls_ns += ns;
    } else if (span->kind == HP_WAIT_SEND) {
        call->send_ns += ns;
        call->out_bytes += span->bytes;
    } else if (call->in_bytes == 0) {
        call->first_byte_ns += ns;
        call->in_bytes += span->bytes;
    } else {
        call->receive_ns += ns;
        call->in_bytes += span->bytes;
    }
}

/* The calls in order of their first wait, in memory that the caller frees; NULL: none, or no memory (*err). */
static struct call *calls_of(const struct hp_record *record, uint32_t *count, hp_err *err)
{
    *count = 0;
    *err = HP_OK;
    for (uint32_t i = 0; i < record->span_count; i++) {
        uint32_t group = record->spans[i].group;
        *count = group > *count && group <= record->span_count ? group : *count;
    }
    struct call *calls = *count == 0 ? NULL : hp_calloc(*count, sizeof *calls);
    if (calls == NULL) {
        *err = *count == 0 ? HP_OK : HP_ENOMEM;
        *count = 0;
        return NULL;
    }
    for (uint32_t i = 0; i < record->span_count; i++) {
        uint32_t group = record->spans[i].group;
        if (group != 0 && group <= *count) {
            add_to_call(&calls[group - 1], &record->spans[i]);
        }
    }
    return calls;
}

/* Something was exchanged, or tried. */
static bool is_call(const struct call *call)
{
    return call->group != 0 &&
           (call->connect_ns != 0 || (call->out_bytes != 0 && call->in_bytes + call->first_byte_ns != 0));
}

static const char *protocol_of(const struct call *call)
{
    return call->protocol < sizeof protocols / sizeof protocols[0] ? protocols[call->protocol] : "";
}

/* ---- JSON ---- */

static void json_time(struct hp_json *json, const struct hp_record *record)
{
    struct hp_show_time time = hp_show_waits_sum(record);
    hp_json_key(json, "time");
    hp_json_object_begin(json);
    hp_output_json_ms(json, "wall_ms", record->req.wall_ns);
    hp_output_json_ms(json, "cpu_ms", record->req.cpu_ns);
    hp_output_json_ms(json, "waits_ms", time.waits_ns);
    hp_output_json_ms(json, "runqueue_ms", record->req.runqueue_ns);
    hp_output_json_ms(json, "busy_in_waits_ms", time.busy_ns);
    if (time.known) {
        hp_json_kv_double(json, "left_over_ms", (double)time.left_ns / 1e6);
    }
    hp_json_key(json, "kinds_ms");
    hp_json_object_begin(json);
    for (unsigned kind = 0; kind < HP_WAIT_KINDS; kind++) {
        if (time.kinds_ns[kind] != 0) {
            hp_output_json_ms(json, kinds[kind], time.kinds_ns[kind]);
        }
    }
    hp_json_object_end(json);
    hp_json_object_end(json);
}

static void json_peer(struct hp_json *json, const char *key, const struct hp_dict *dict, uint32_t peer)
{
    if (peer != 0) {
        hp_json_kv_str(json, key, hp_dict_string(dict, peer));
    }
}

static void json_waits(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record)
{
    hp_json_key(json, "waits");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < record->wait_count; i++) {
        const struct hp_wait *wait = &record->waits[i];
        hp_json_object_begin(json);
        hp_json_kv_cstr(json, "kind", hp_show_waits_kind(wait->kind));
        json_peer(json, "peer", dict, wait->peer);
        hp_json_kv_u64(json, "lane", wait->lane);
        hp_json_kv_u64(json, "node", wait->node);
        hp_json_kv_u64(json, "count", wait->count);
        hp_output_json_ms(json, "total_ms", wait->ns);
        hp_output_json_ms(json, "max_ms", wait->max_ns);
        hp_json_kv_u64(json, "bytes", wait->bytes);
        hp_place_json(json, dict, wait->site_sym, wait->site_line, wait->via_sym);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void json_calls(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record)
{
    uint32_t count;
    hp_err err;
    struct call *calls = calls_of(record, &count, &err);
    hp_json_key(json, "calls");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < count; i++) {
        const struct call *call = &calls[i];
        if (!is_call(call)) {
            continue;
        }
        hp_json_object_begin(json);
        if (protocol_of(call)[0] != '\0') {
            hp_json_kv_cstr(json, "protocol", protocol_of(call));
        }
        json_peer(json, "peer", dict, call->peer);
        json_peer(json, "name", dict, call->name);
        hp_json_kv_u64(json, "lane", call->lane);
        hp_output_json_ms(json, "at_ms", call->from_ns);
        hp_output_json_ms(json, "total_ms", call->to_ns - call->from_ns);
        hp_output_json_ms(json, "dns_ms", call->dns_ns);
        hp_output_json_ms(json, "connect_ms", call->connect_ns);
        hp_output_json_ms(json, "tls_ms", call->tls_ns);
        hp_output_json_ms(json, "send_ms", call->send_ns);
        hp_output_json_ms(json, "first_byte_ms", call->first_byte_ns);
        hp_output_json_ms(json, "receive_ms", call->receive_ns);
        hp_json_kv_u64(json, "bytes_out", call->out_bytes);
        hp_json_kv_u64(json, "bytes_in", call->in_bytes);
        hp_place_json(json, dict, call->site_sym, call->site_line, call->via_sym);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    hp_free(calls);
}

void hp_show_waits_json(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record)
{
    if (were_watched(record)) {
        json_time(json, record);
        json_waits(json, dict, record);
        json_calls(json, dict, record);
    }
}

/* ---- text ---- */

static void put_share(struct hp_buf *out, const char *name, uint64_t ns, uint64_t wall_ns, const char *sign)
{
    char time[HP_SHOW_BYTES], share[HP_SHOW_BYTES], signed_time[HP_SHOW_BYTES + 1];
    snprintf(signed_time, sizeof signed_time, "%s%s", sign, hp_show_ns(time, ns));
    hp_buf_printf(out, "  %-18s%10s%9s\n", name, signed_time,
                  hp_show_percent(share, wall_ns == 0 ? 0 : (double)ns / (double)wall_ns));
}

static void put_time(struct hp_buf *out, const struct hp_record *record)
{
    struct hp_show_time time = hp_show_waits_sum(record);
    const struct hp_request *req = &record->req;
    hp_output_heading(out, "Where the time went",
                      time.known ? "the request's own lane; adds up to wall" : "the request's own lane");
    if (req->cpu_ns != HP_ABSENT) {
        put_share(out, "cpu", req->cpu_ns, req->wall_ns, "");
    }
    for (unsigned kind = 0; kind < HP_WAIT_KINDS; kind++) {
        if (time.kinds_ns[kind] != 0) {
            put_share(out, kinds[kind], time.kinds_ns[kind], req->wall_ns, "");
        }
    }
    if (req->runqueue_ns != HP_ABSENT) {
        put_share(out, "run queue", req->runqueue_ns, req->wall_ns, "");
    }
    if (time.busy_ns != HP_ABSENT && time.busy_ns != 0) {
        put_share(out, "in two of these", time.busy_ns, req->wall_ns, "-");
    }
    if (time.known) {
        uint64_t left = (uint64_t)(time.left_ns < 0 ? -time.left_ns : time.left_ns);
        put_share(out, "left over", left, req->wall_ns, time.left_ns < 0 ? "-" : "");
    }
}

static int by_total(const void *a, const void *b)
{
    const struct hp_wait *x = a, *y = b;
    return x->ns != y->ns ? (x->ns > y->ns ? -1 : 1) : (x->kind > y->kind) - (x->kind < y->kind);
}

static hp_err put_waits(struct hp_buf *out, const struct hp_dict *dict, struct hp_record *record)
{
    static const struct hp_table_column columns[] = {{"  total", false}, {"times", false}, {"longest", false},
                                                     {"bytes", false},   {"lane", false},  {"wait", true}};
    struct hp_table table;
    struct hp_buf text;
    hp_buf_init(&text, 1 << 16);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    qsort(record->waits, record->wait_count, sizeof *record->waits, by_total);
    for (uint32_t i = 0; i < record->wait_count && i < LISTED_AT_MOST; i++) {
        const struct hp_wait *wait = &record->waits[i];
        hp_table_ns(&table, wait->ns);
        hp_table_count(&table, wait->count);
        hp_table_ns(&table, wait->max_ns);
        hp_table_count(&table, wait->bytes);
        hp_table_count(&table, wait->lane);
        hp_buf_reset(&text);
        hp_buf_printf(&text, "%s ", hp_show_waits_kind(wait->kind));
        hp_output_text(&text, hp_dict_string(dict, wait->peer));
        hp_buf_put_text(&text, HP_STR("  at "));
        hp_place_put(&text, dict, wait->site_sym, wait->site_line, wait->via_sym);
        hp_table_cell(&table, hp_buf_str(&text));
    }
    hp_output_heading(out, "Waits", "");
    hp_err err = hp_table_put(&table, out);
    if (record->wait_count > LISTED_AT_MOST) {
        hp_buf_printf(out, "  … and %" PRIu32 " more (--json)\n", record->wait_count - LISTED_AT_MOST);
    }
    hp_table_fini(&table);
    hp_buf_fini(&text);
    return err;
}

static void add_call_row(struct hp_table *table, struct hp_buf *text, const struct hp_dict *dict,
                         const struct call *call)
{
    hp_table_ns(table, call->from_ns);
    hp_table_ns(table, call->to_ns - call->from_ns);
    hp_table_ns(table, call->dns_ns);
    hp_table_ns(table, call->connect_ns);
    hp_table_ns(table, call->tls_ns);
    hp_table_ns(table, call->send_ns);
    hp_table_ns(table, call->first_byte_ns);
    hp_table_ns(table, call->receive_ns);
    hp_buf_reset(text);
    hp_buf_printf(text, "%s%s", protocol_of(call), protocol_of(call)[0] != '\0' ? " " : "");
    if (call->name != 0) {
        hp_output_text(text, hp_dict_string(dict, call->name));
        hp_buf_put_text(text, HP_STR(" "));
    }
    hp_output_text(text, hp_dict_string(dict, call->peer));
    hp_buf_put_text(text, HP_STR("  at "));
    hp_place_put(text, dict, call->site_sym, call->site_line, call->via_sym);
    hp_table_cell(table, hp_buf_str(text));
}

static hp_err put_calls(struct hp_buf *out, const struct hp_dict *dict, const struct hp_record *record)
{
    static const struct hp_table_column columns[] = {
        {"  at", false}, {"took", false},       {"dns", false},     {"connect", false}, {"tls", false},
        {"send", false}, {"first byte", false}, {"receive", false}, {"call", true}};
    uint32_t count, listed = 0, left_out = 0;
    hp_err err;
    struct call *calls = calls_of(record, &count, &err);
    struct hp_table table;
    struct hp_buf text;
    hp_buf_init(&text, 1 << 16);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < count; i++) {
        if (is_call(&calls[i]) && listed < LISTED_AT_MOST) {
            add_call_row(&table, &text, dict, &calls[i]);
            listed++;
        } else {
            left_out += is_call(&calls[i]);
        }
    }
    if (err == HP_OK && listed != 0) {
        hp_output_heading(out, "Outgoing calls", "");
        err = hp_table_put(&table, out);
    }
    if (left_out != 0) {
        hp_buf_printf(out, "  … and %" PRIu32 " more (--json)\n", left_out);
    }
    hp_table_fini(&table);
    hp_buf_fini(&text);
    hp_free(calls);
    return err;
}

hp_err hp_show_waits_text(struct hp_buf *out, const struct hp_dict *dict, struct hp_record *record)
{
    if (!were_watched(record)) {
        return HP_OK;
    }
    put_time(out, record);
    hp_err err = record->wait_count == 0 ? HP_OK : put_waits(out, dict, record);
    return err == HP_OK ? put_calls(out, dict, record) : err;
}
