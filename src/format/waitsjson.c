/* waitsjson.c -- see waitsjson.h. */
#include "format/waitsjson.h"

#include <stdlib.h>

#include "base/mem.h"
#include "format/holders.h"
#include "format/member.h"

static const char *const protocols[] = {"", "http", "redis", "postgresql", "mysql"};

/* Without waits at all gil_ns still says that they were watched. */
bool hp_waitsjson_watched(const struct hp_record *record)
{
    return record->wait_count != 0 || record->req.gil_ns != HP_ABSENT;
}

struct hp_waitsjson_time hp_waitsjson_sum(const struct hp_record *record)
{
    struct hp_waitsjson_time time = {.busy_ns = HP_ABSENT};
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
    time.known = hp_waitsjson_watched(record) && req->cpu_ns != HP_ABSENT && req->runqueue_ns != HP_ABSENT &&
                 time.busy_ns != HP_ABSENT;
    if (time.known) {
        uint64_t known_ns = req->cpu_ns + req->runqueue_ns + time.waits_ns;
        uint64_t twice_ns = known_ns > req->wall_ns ? known_ns - req->wall_ns : 0;
        time.busy_ns = time.busy_ns > twice_ns ? time.busy_ns : twice_ns; /* measured in some calls only */
        time.left_ns = req->wall_ns + time.busy_ns - known_ns;
    }
    return time;
}

/* ---- outgoing calls ---- */

/* A span of a call, in order of time. */
struct part {
    uint32_t span;
    const struct hp_record *record;
};

static int by_time(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    const struct hp_span *one = &x->record->spans[x->span], *other = &y->record->spans[y->span];
    if (one->t0_ns != other->t0_ns) {
        return one->t0_ns < other->t0_ns ? -1 : 1;
    }
    return (x->span > y->span) - (x->span < y->span);
}

static void place(struct hp_waitsjson_call *call, const struct hp_span *span)
{
    call->lane = span->lane;
    call->site_sym = span->site_sym;
    call->site_line = span->site_line;
    call->via_sym = span->via_sym;
}

/* What an await and the brief waits beside it have in common counts once. A call is where it sends: another
 * lane may look up and connect for it. */
static void add_to_call(struct hp_waitsjson_call *call, const struct hp_record *record, uint32_t at)
{
    const struct hp_span *span = &record->spans[at];
    uint8_t kind = hp_record_call_kind(record, at);
    if (call->group == 0) {
        *call = (struct hp_waitsjson_call){
            .from_ns = span->t0_ns, .to_ns = span->t0_ns, .group = span->group, .protocol = span->protocol};
        place(call, span);
    }
    uint64_t from = span->t0_ns > call->to_ns ? span->t0_ns : call->to_ns;
    uint64_t ns = span->t1_ns > from ? span->t1_ns - from : 0;
    call->to_ns = span->t1_ns > call->to_ns ? span->t1_ns : call->to_ns;
    if (kind == HP_WAIT_DNS) {
        call->dns_ns += ns;
        call->name = span->kind == HP_WAIT_DNS ? span->peer : call->name;
        return;
    }
    call->peer = span->peer != 0 ? span->peer : call->peer;
    if (kind == HP_WAIT_CONNECT) {
        call->connect_ns += ns;
    } else if (kind == HP_WAIT_TLS) {
        call->tls_ns += ns;
    } else if (kind == HP_WAIT_SEND) {
        if (call->send_ns == 0 && call->out_bytes == 0) {
            place(call, span);
        }
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

static struct part *parts_of(const struct hp_record *record, uint32_t *count)
{
    struct part *parts = hp_calloc(record->span_count + 1u, sizeof *parts);
    *count = 0;
    for (uint32_t i = 0; parts != NULL && i < record->span_count; i++) {
        if (record->spans[i].group != 0) {
            parts[(*count)++] = (struct part){i, record};
        }
    }
    if (*count != 0) {
        qsort(parts, *count, sizeof *parts, by_time);
    }
    return parts;
}

struct hp_waitsjson_call *hp_waitsjson_calls(const struct hp_record *record, uint32_t *count, hp_err *err)
{
    *count = 0;
    *err = HP_OK;
    for (uint32_t i = 0; i < record->span_count; i++) {
        uint32_t group = record->spans[i].group;
        *count = group > *count && group <= record->span_count ? group : *count;
    }
    if (*count == 0) {
        return NULL;
    }
    uint32_t part_count = 0;
    struct hp_waitsjson_call *calls = hp_calloc(*count, sizeof *calls);
    struct part *parts = parts_of(record, &part_count);
    if (calls == NULL || parts == NULL) {
        hp_free(calls);
        calls = NULL;
        *err = HP_ENOMEM;
        *count = 0;
    }
    for (uint32_t i = 0; calls != NULL && i < part_count; i++) {
        uint32_t group = record->spans[parts[i].span].group;
        if (group <= *count) {
            add_to_call(&calls[group - 1], record, parts[i].span);
        }
    }
    hp_free(parts);
    return calls;
}

/* Something was exchanged, or tried. */
bool hp_waitsjson_is_call(const struct hp_waitsjson_call *call)
{
    return call->group != 0 &&
           (call->connect_ns != 0 || (call->out_bytes != 0 && call->in_bytes + call->first_byte_ns != 0));
}

const char *hp_waitsjson_protocol(const struct hp_waitsjson_call *call)
{
    return call->protocol < sizeof protocols / sizeof protocols[0] ? protocols[call->protocol] : "";
}

/* ---- JSON ---- */

static void json_time(struct hp_json *json, const struct hp_record *record)
{
    struct hp_waitsjson_time time = hp_waitsjson_sum(record);
    hp_json_key(json, "time");
    hp_json_object_begin(json);
    hp_member_ms(json, "wall_ms", record->req.wall_ns);
    hp_member_ms(json, "cpu_ms", record->req.cpu_ns);
    hp_member_ms(json, "waits_ms", time.waits_ns);
    hp_member_ms(json, "runqueue_ms", record->req.runqueue_ns);
    hp_member_ms(json, "busy_in_waits_ms", time.busy_ns);
    if (time.known) {
        hp_json_kv_double(json, "left_over_ms", (double)time.left_ns / 1e6);
    }
    hp_json_key(json, "kinds_ms");
    hp_json_object_begin(json);
    for (unsigned kind = 0; kind < HP_WAIT_KINDS; kind++) {
        if (time.kinds_ns[kind] != 0) {
            hp_member_ms(json, hp_record_wait_name((uint8_t)kind), time.kinds_ns[kind]);
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
        hp_json_kv_cstr(json, "kind", hp_record_wait_name(wait->kind));
        json_peer(json, "peer", dict, wait->peer);
        hp_json_kv_u64(json, "lane", wait->lane);
        hp_json_kv_u64(json, "node", wait->node);
        hp_json_kv_u64(json, "count", wait->count);
        hp_member_ms(json, "total_ms", wait->ns);
        hp_member_ms(json, "max_ms", wait->max_ns);
        hp_json_kv_u64(json, "bytes", wait->bytes);
        hp_member_place(json, dict, wait->site_sym, wait->site_line, wait->via_sym);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

static void json_calls(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record)
{
    uint32_t count;
    hp_err err;
    struct hp_waitsjson_call *calls = hp_waitsjson_calls(record, &count, &err);
    hp_json_key(json, "calls");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < count; i++) {
        const struct hp_waitsjson_call *call = &calls[i];
        if (!hp_waitsjson_is_call(call)) {
            continue;
        }
        hp_json_object_begin(json);
        if (hp_waitsjson_protocol(call)[0] != '\0') {
            hp_json_kv_cstr(json, "protocol", hp_waitsjson_protocol(call));
        }
        json_peer(json, "peer", dict, call->peer);
        json_peer(json, "name", dict, call->name);
        hp_json_kv_u64(json, "lane", call->lane);
        hp_member_ms(json, "at_ms", call->from_ns);
        hp_member_ms(json, "total_ms", call->to_ns - call->from_ns);
        hp_member_ms(json, "dns_ms", call->dns_ns);
        hp_member_ms(json, "connect_ms", call->connect_ns);
        hp_member_ms(json, "tls_ms", call->tls_ns);
        hp_member_ms(json, "send_ms", call->send_ns);
        hp_member_ms(json, "first_byte_ms", call->first_byte_ns);
        hp_member_ms(json, "receive_ms", call->receive_ns);
        hp_json_kv_u64(json, "bytes_out", call->out_bytes);
        hp_json_kv_u64(json, "bytes_in", call->in_bytes);
        hp_member_place(json, dict, call->site_sym, call->site_line, call->via_sym);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    hp_free(calls);
}

void hp_waitsjson_members(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record)
{
    if (hp_waitsjson_watched(record)) {
        json_time(json, record);
        json_waits(json, dict, record);
        json_calls(json, dict, record);
        hp_holders_json(json, dict, record, HP_HOLDERS_ALL);
    }
}
