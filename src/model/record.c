/* record.c -- a request record as bytes and back. The byte table is docs/formats/record.md; it comes first.
 *
 *     length u32 | magic | version | section (tag varint, length varint, bytes) …
 *
 * A section's length is written as one byte and the few sections that turn out longer than 127 bytes are moved up:
 * cheaper than measuring every one beforehand. Numbers that may be absent are stored plus one, so that HP_ABSENT (all
 * ones) becomes the byte 0; HP_NODE_NONE likewise.
 *
 * Decoding trusts nothing: counts are bounded by the bytes that are left, and indices of lanes that point nowhere become
 * 0 or HP_NODE_NONE, so that readers may use them unchecked.
 */
#include "model/record.h"

#include <string.h>

const char *hp_record_wait_name(uint8_t kind)
{
    static const char *const names[HP_WAIT_KINDS] = {"dns",  "connect",    "tls",   "send",  "recv",
                                                     "poll", "sleep",      "lock",  "gil",   "disk",
                                                     "db",   "subprocess", "queue", "await", "loop"};
    return kind < HP_WAIT_KINDS ? names[kind] : "unknown";
}

#define MAGIC       0xC8
#define VERSION     1
#define HEAD_BYTES  6   /* length, magic, version */
#define ELEMENT_MAX 160 /* bytes of one list element, or of the request, at most */

enum section {
    SECTION_REQUEST = 1,
    SECTION_EXTRA = 2,
    SECTION_LANES = 3,
    SECTION_EDGES = 4,
    SECTION_SPANS = 5,
    SECTION_WAITS = 6,
    SECTION_STMTS = 7,
    SECTION_GROUPS = 8,
    SECTION_SHAPE = 9,
    SECTION_VALUES = 10,
    SECTION_SPAN_MORE = 11, /* what later versions know of the elements of SPANS, WAITS, LANES */
    SECTION_WAIT_MORE = 12,
    SECTION_LANE_MORE = 13,
    SECTION_HOLDERS = 14,
    SECTION_NOTES = 16, /* one for each enum hp_note */
    SECTION_LAST = SECTION_NOTES + HP_NOTE_COUNT - 1
};
_Static_assert(SECTION_LAST < 32, "decoding keeps the tags seen in 32 bits");

enum extra { /* which groups of fields follow, in this order */
             EXTRA_FIRST_BYTE = 1,
             EXTRA_VIEW = 2,
             EXTRA_PHASES = 4,
             EXTRA_COST = 8,
             EXTRA_TIMES = 16,
             EXTRA_SIZES = 32,
             EXTRA_TRACE = 64,
             EXTRA_EXCEPTION = 128,
             EXTRA_DROPPED = 256,
             EXTRA_MEMORY = 512,
             EXTRA_DROPPED_NOTES = 1024
};

enum stmt_bits { /* which fields follow; those that do not are as in the statement before, or at their default */
                 STMT_STATEMENT = 1,
                 STMT_SITE = 2,
                 STMT_VIA = 4,
                 STMT_CONN = 8,
                 STMT_LANE = 16,
                 STMT_NODE = 32,
                 STMT_MANY = 64,
                 STMT_IN = 128,
                 STMT_ROWS = 256,
                 STMT_HASH = 512,
                 STMT_FLAGS = 1024,
                 STMT_FETCH = 2048,
                 STMT_ALL = 4095
};

/* ---- bytes ---- */

static uint8_t *put(uint8_t *p, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        *p++ = (uint8_t)(value | 0x80);
    }
    *p++ = (uint8_t)value;
    return p;
}

static uint8_t *put_opt(uint8_t *p, uint64_t value)
{
    return put(p, value + 1);
}

static uint8_t *put_node(uint8_t *p, uint32_t node)
{
    return put(p, (uint32_t)(node + 1));
}

/* The difference to a number that is usually near. */
static uint8_t *put_delta(uint8_t *p, uint64_t value, uint64_t from)
{
    uint64_t delta = value - from;
    return put(p, delta << 1 ^ (delta >> 63 != 0 ? UINT64_MAX : 0));
}

static uint8_t *put_le(uint8_t *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        *p++ = (uint8_t)(value >> (8 * i));
    }
    return p;
}

/* Where the next element goes; NULL after an error. */
static uint8_t *room(struct hp_buf *out)
{
    return hp_buf_reserve(out, ELEMENT_MAX) ? out->data + out->len : NULL;
}

static void wrote(struct hp_buf *out, const uint8_t *end)
{
    out->len = (size_t)(end - out->data);
}

static uint32_t get_u32(struct hp_reader *in)
{
    uint64_t value = hp_reader_varint(in);
    if (value > UINT32_MAX) {
        in->bad = true;
    }
    return (uint32_t)value;
}

static uint32_t get_node(struct hp_reader *in)
{
    return get_u32(in) - 1;
}

static uint64_t get_opt(struct hp_reader *in)
{
    return hp_reader_varint(in) - 1;
}

static uint64_t get_delta(struct hp_reader *in, uint64_t from)
{
    return from + (uint64_t)hp_reader_svarint(in);
}

/* ---- sections ---- */

/* Begin a section; returns where its content starts. */
static size_t section_begin(struct hp_buf *out, enum section tag)
{
    hp_buf_put_u8(out, (uint8_t)tag);
    hp_buf_put_u8(out, 0);
    return out->len;
}

static void section_end(struct hp_buf *out, size_t start)
{
    size_t n = out->len - start;
    uint8_t length[HP_VARINT_MAX_BYTES];
    size_t more = (size_t)(put(length, n) - length) - 1;
    if (out->err != HP_OK || !hp_buf_reserve(out, more)) {
        return;
    }
    if (more != 0) {
        memmove(out->data + start + more, out->data + start, n);
        out->len += more;
    }
    memcpy(out->data + start - 1, length, more + 1);
}

static void put_bytes_section(struct hp_buf *out, enum section tag, struct hp_str bytes)
{
    if (bytes.n != 0) {
        hp_buf_put_u8(out, (uint8_t)tag);
        hp_buf_put_str(out, bytes);
    }
}

/* ---- the request ---- */

static void put_request(struct hp_buf *out, const struct hp_request *req)
{
    size_t start = section_begin(out, SECTION_REQUEST);
    uint8_t *p = room(out);
    if (p == NULL) {
        return;
    }
    p = put_le(p, req->id, 8);
    p = put_le(p, req->start_wall_ns, 8);
    p = put(p, req->seq);
    p = put(p, req->wall_ns);
    p = put(p, req->own_ns);
    p = put_opt(p, req->cpu_ns);
    p = put_opt(p, req->bytes_out);
    p = put(p, req->route);
    p = put(p, req->revision);
    p = put(p, req->exception_type);
    p = put(p, req->flags);
    p = put(p, req->weight);
    p = put(p, req->status);
    p = put(p, req->level);
    wrote(out, p);
    section_end(out, start);
}

static void get_request(struct hp_reader *in, struct hp_request *req)
{
    req->id = hp_reader_u64le(in);
    req->start_wall_ns = hp_reader_u64le(in);
    req->seq = hp_reader_varint(in);
    req->wall_ns = hp_reader_varint(in);
    req->own_ns = hp_reader_varint(in);
    req->cpu_ns = get_opt(in);
    req->bytes_out = get_opt(in);
    req->route = get_u32(in);
    req->revision = get_u32(in);
    req->exception_type = get_u32(in);
    req->flags = get_u32(in);
    req->weight = get_u32(in);
    req->status = (uint16_t)get_u32(in);
    req->level = (uint8_t)get_u32(in);
}

static uint32_t extras_of(const struct hp_request *req)
{
    uint32_t has = 0;
    has |= req->first_byte_ns != HP_ABSENT ? EXTRA_FIRST_BYTE : 0u;
    has |= req->view_sym != 0 ? EXTRA_VIEW : 0u;
    has |= req->phase_ns[0] != HP_ABSENT ? EXTRA_PHASES : 0u;
    has |= (req->call_inner_ps | req->call_outer_ps) != 0 ? EXTRA_COST : 0u;
    has |= (req->queue_ns & req->gil_ns & req->runqueue_ns & req->gc_ns) != HP_ABSENT ? EXTRA_TIMES : 0u;
    has |= (req->bytes_in & req->alloc_bytes & req->alloc_blocks) != HP_ABSENT ? EXTRA_SIZES : 0u;
    has |= (req->trace_id[0] | req->trace_id[1] | req->parent_span) != 0 ? EXTRA_TRACE : 0u;
    has |= req->exception_group != 0 ? EXTRA_EXCEPTION : 0u;
    has |= (req->dropped_nodes | req->dropped_stmts | req->dropped_lanes) != 0 ? EXTRA_DROPPED : 0u;
    has |= req->kept_blocks != 0 || req->rss_growth_bytes != HP_ABSENT ? EXTRA_MEMORY : 0u;
    for (int i = 0; i < HP_NOTE_COUNT; i++) {
        has |= req->dropped_notes[i] != 0 ? EXTRA_DROPPED_NOTES : 0u;
    }
    return has;
}

static uint8_t *put_extra_numbers(uint8_t *p, const struct hp_request *req, uint32_t has)
{
    p = put(p, has);
    p = put(p, req->kind | (uint64_t)req->level_asked << 3 | (uint64_t)req->level_reason << 6);
    p = has & EXTRA_FIRST_BYTE ? put(p, req->first_byte_ns) : p;
    p = has & EXTRA_VIEW ? put(p, req->view_sym) : p;
    for (int i = 0; (has & EXTRA_PHASES) && i < HP_PHASE_COUNT; i++) {
        p = put(p, req->phase_ns[i]);
    }
    if (has & EXTRA_COST) {
        p = put(p, req->call_inner_ps);
        p = put(p, req->call_outer_ps);
    }
    return p;
}

/* What is rare. */
static uint8_t *put_extra_rest(uint8_t *p, const struct hp_request *req, uint32_t has)
{
    if (has & EXTRA_TIMES) {
        p = put_opt(p, req->queue_ns);
        p = put_opt(p, req->gil_ns);
        p = put_opt(p, req->runqueue_ns);
        p = put_opt(p, req->gc_ns);
    }
    if (has & EXTRA_SIZES) {
        p = put_opt(p, req->bytes_in);
        p = put_opt(p, req->alloc_bytes);
        p = put_opt(p, req->alloc_blocks);
    }
    if (has & EXTRA_TRACE) {
        p = put_le(p, req->trace_id[0], 8);
        p = put_le(p, req->trace_id[1], 8);
        p = put_le(p, req->parent_span, 8);
    }
    p = has & EXTRA_EXCEPTION ? put_le(p, req->exception_group, 8) : p;
    if (has & EXTRA_DROPPED) {
        p = put(p, req->dropped_nodes);
        p = put(p, req->dropped_stmts);
        p = put(p, req->dropped_lanes);
    }
    return p;
}

/* What came later. */
static uint8_t *put_extra_more(uint8_t *p, const struct hp_request *req, uint32_t has)
{
    if (has & EXTRA_MEMORY) {
        p = put_delta(p, (uint64_t)req->kept_blocks, 0);
        p = put_opt(p, req->rss_growth_bytes);
    }
    for (int i = 0; (has & EXTRA_DROPPED_NOTES) && i < HP_NOTE_COUNT; i++) {
        p = put(p, req->dropped_notes[i]);
    }
    return p;
}

static void put_extra(struct hp_buf *out, const struct hp_request *req)
{
    uint32_t has = extras_of(req);
    size_t start = section_begin(out, SECTION_EXTRA);
    uint8_t *p = room(out);
    if (p != NULL) {
        wrote(out, put_extra_numbers(p, req, has));
        p = room(out);
    }
    if (p != NULL) {
        wrote(out, put_extra_rest(p, req, has));
        p = room(out);
    }
    if (p != NULL) {
        wrote(out, put_extra_more(p, req, has));
    }
    section_end(out, start);
}

/* Every field that SECTION_EXTRA speaks of, as if the section were absent. */
static void clear_extra(struct hp_request *req)
{
    req->first_byte_ns = HP_ABSENT;
    req->view_sym = 0;
    for (int i = 0; i < HP_PHASE_COUNT; i++) {
        req->phase_ns[i] = HP_ABSENT;
    }
    req->call_inner_ps = req->call_outer_ps = 0;
    req->queue_ns = req->gil_ns = req->runqueue_ns = req->gc_ns = HP_ABSENT;
    req->bytes_in = req->alloc_bytes = req->alloc_blocks = HP_ABSENT;
    req->trace_id[0] = req->trace_id[1] = req->parent_span = 0;
    req->exception_group = 0;
    req->dropped_nodes = req->dropped_stmts = req->dropped_lanes = 0;
    req->kept_blocks = 0;
    req->rss_growth_bytes = HP_ABSENT;
    memset(req->dropped_notes, 0, sizeof req->dropped_notes);
    req->kind = req->level_asked = req->level_reason = 0;
}

static void get_extra(struct hp_reader *in, struct hp_request *req)
{
    uint64_t has = hp_reader_varint(in);
    uint64_t small = hp_reader_varint(in);
    req->kind = small & 7;
    req->level_asked = small >> 3 & 7;
    req->level_reason = (uint8_t)(small >> 6);
    req->first_byte_ns = has & EXTRA_FIRST_BYTE ? hp_reader_varint(in) : HP_ABSENT;
    req->view_sym = has & EXTRA_VIEW ? get_u32(in) : 0;
    for (int i = 0; (has & EXTRA_PHASES) && i < HP_PHASE_COUNT; i++) {
        req->phase_ns[i] = hp_reader_varint(in);
    }
    if (has & EXTRA_COST) {
        req->call_inner_ps = get_u32(in);
        req->call_outer_ps = get_u32(in);
    }
    if (has & EXTRA_TIMES) {
        req->queue_ns = get_opt(in);
        req->gil_ns = get_opt(in);
        req->runqueue_ns = get_opt(in);
        req->gc_ns = get_opt(in);
    }
    if (has & EXTRA_SIZES) {
        req->bytes_in = get_opt(in);
        req->alloc_bytes = get_opt(in);
        req->alloc_blocks = get_opt(in);
    }
    if (has & EXTRA_TRACE) {
        req->trace_id[0] = hp_reader_u64le(in);
        req->trace_id[1] = hp_reader_u64le(in);
        req->parent_span = hp_reader_u64le(in);
    }
    req->exception_group = has & EXTRA_EXCEPTION ? hp_reader_u64le(in) : 0;
    if (has & EXTRA_DROPPED) {
        req->dropped_nodes = get_u32(in);
        req->dropped_stmts = get_u32(in);
        req->dropped_lanes = get_u32(in);
    }
    if (has & EXTRA_MEMORY) {
        req->kept_blocks = (int64_t)get_delta(in, 0);
        req->rss_growth_bytes = get_opt(in);
    }
    for (int i = 0; (has & EXTRA_DROPPED_NOTES) && i < HP_NOTE_COUNT; i++) {
        req->dropped_notes[i] = get_u32(in);
    }
}

/* ---- list elements ---- */

static uint8_t *put_lane(uint8_t *p, const struct hp_lane *lane)
{
    p = put(p, lane->start_ns);
    p = put_delta(p, lane->end_ns, lane->start_ns);
    p = put_opt(p, lane->cpu_ns);
    p = put(p, lane->await_ns);
    p = put_delta(p, lane->start_ns, lane->spawn_ns);
    p = put(p, lane->spawn_cost_ns);
    p = put(p, lane->parent);
    p = put_node(p, lane->parent_node);
    p = put(p, lane->site_sym);
    p = put(p, lane->site_line);
    p = put(p, lane->via_sym);
    *p++ = lane->kind;
    *p++ = lane->flags;
    return p;
}

static void get_lane(struct hp_reader *in, struct hp_lane *lane)
{
    lane->start_ns = hp_reader_varint(in);
    lane->end_ns = get_delta(in, lane->start_ns);
    lane->cpu_ns = get_opt(in);
    lane->await_ns = hp_reader_varint(in);
    lane->spawn_ns = lane->start_ns - (uint64_t)hp_reader_svarint(in);
    lane->spawn_cost_ns = hp_reader_varint(in);
    lane->parent = get_u32(in);
    lane->parent_node = get_node(in);
    lane->site_sym = get_u32(in);
    lane->site_line = get_u32(in);
    lane->via_sym = get_u32(in);
    lane->kind = hp_reader_u8(in);
    lane->flags = hp_reader_u8(in);
    lane->runqueue_ns = lane->wait_busy_ns = HP_ABSENT;
}

static uint8_t *put_lane_more(uint8_t *p, const struct hp_lane *lane)
{
    p = put_opt(p, lane->runqueue_ns);
    p = put_opt(p, lane->wait_busy_ns);
    return put(p, lane->lost_spans);
}

static void get_lane_more(struct hp_reader *in, struct hp_lane *lane)
{
    lane->runqueue_ns = get_opt(in);
    lane->wait_busy_ns = get_opt(in);
    lane->lost_spans = get_u32(in);
}

static uint8_t *put_edge(uint8_t *p, const struct hp_edge *edge)
{
    p = put(p, edge->t0_ns);
    p = put_delta(p, edge->t1_ns, edge->t0_ns);
    p = put(p, edge->lane);
    p = put_node(p, edge->other);
    p = put_node(p, edge->node);
    p = put(p, edge->site_sym);
    p = put(p, edge->site_line);
    *p++ = edge->kind;
    return p;
}

static void get_edge(struct hp_reader *in, struct hp_edge *edge)
{
    edge->t0_ns = hp_reader_varint(in);
    edge->t1_ns = get_delta(in, edge->t0_ns);
    edge->lane = get_u32(in);
    edge->other = get_node(in);
    edge->node = get_node(in);
    edge->site_sym = get_u32(in);
    edge->site_line = get_u32(in);
    edge->kind = hp_reader_u8(in);
}

static uint8_t *put_span(uint8_t *p, const struct hp_span *span)
{
    p = put(p, span->t0_ns);
    p = put_delta(p, span->t1_ns, span->t0_ns);
    p = put(p, span->bytes);
    p = put(p, span->lane);
    p = put_node(p, span->node);
    p = put(p, span->peer);
    p = put(p, span->group);
    p = put(p, span->error);
    p = put(p, span->holder);
    *p++ = span->kind;
    return p;
}

static void get_span(struct hp_reader *in, struct hp_span *span)
{
    span->t0_ns = hp_reader_varint(in);
    span->t1_ns = get_delta(in, span->t0_ns);
    span->bytes = hp_reader_varint(in);
    span->lane = get_u32(in);
    span->node = get_node(in);
    span->peer = get_u32(in);
    span->group = get_u32(in);
    span->error = get_u32(in);
    span->holder = get_u32(in);
    span->kind = hp_reader_u8(in);
}

static uint8_t *put_span_more(uint8_t *p, const struct hp_span *span)
{
    p = put(p, span->site_sym);
    p = put(p, span->site_line);
    p = put(p, span->via_sym);
    *p++ = span->protocol;
    return p;
}

static void get_span_more(struct hp_reader *in, struct hp_span *span)
{
    span->site_sym = get_u32(in);
    span->site_line = get_u32(in);
    span->via_sym = get_u32(in);
    span->protocol = hp_reader_u8(in);
}

static uint8_t *put_wait_more(uint8_t *p, const struct hp_wait *wait)
{
    p = put(p, wait->lane);
    p = put(p, wait->max_ns);
    p = put(p, wait->site_sym);
    p = put(p, wait->site_line);
    return put(p, wait->via_sym);
}

static void get_wait_more(struct hp_reader *in, struct hp_wait *wait)
{
    wait->lane = get_u32(in);
    wait->max_ns = hp_reader_varint(in);
    wait->site_sym = get_u32(in);
    wait->site_line = get_u32(in);
    wait->via_sym = get_u32(in);
}

static uint8_t *put_wait(uint8_t *p, const struct hp_wait *wait)
{
    p = put(p, wait->count);
    p = put(p, wait->ns);
    p = put(p, wait->bytes);
    p = put_node(p, wait->node);
    p = put(p, wait->peer);
    *p++ = wait->kind;
    return p;
}

static void get_wait(struct hp_reader *in, struct hp_wait *wait)
{
    wait->count = hp_reader_varint(in);
    wait->ns = hp_reader_varint(in);
    wait->bytes = hp_reader_varint(in);
    wait->node = get_node(in);
    wait->peer = get_u32(in);
    wait->kind = hp_reader_u8(in);
}

static uint8_t *put_holder(uint8_t *p, const struct hp_holder *holder)
{
    p = put_le(p, holder->request, 8);
    p = put(p, holder->count);
    p = put(p, holder->ns);
    p = put(p, holder->lane);
    p = put(p, holder->route);
    p = put(p, holder->thread);
    p = put(p, holder->site_sym);
    p = put(p, holder->site_line);
    p = put(p, holder->via_sym);
    *p++ = holder->kind;
    return p;
}

static void get_holder(struct hp_reader *in, struct hp_holder *holder)
{
    holder->request = hp_reader_u64le(in);
    holder->count = hp_reader_varint(in);
    holder->ns = hp_reader_varint(in);
    holder->lane = get_u32(in);
    holder->route = get_u32(in);
    holder->thread = get_u32(in);
    holder->site_sym = get_u32(in);
    holder->site_line = get_u32(in);
    holder->via_sym = get_u32(in);
    holder->kind = hp_reader_u8(in);
}

static uint8_t *put_group(uint8_t *p, const struct hp_group *group)
{
    p = put(p, group->statement);
    p = put(p, group->site_sym);
    p = put(p, group->site_line);
    p = put(p, group->via_sym);
    p = put(p, group->count);
    p = put(p, group->exec_ns);
    p = put(p, group->fetch_ns);
    p = put(p, group->max_ns);
    p = put(p, group->rows);
    p = put(p, group->errors);
    return p;
}

static void get_group(struct hp_reader *in, struct hp_group *group)
{
    group->statement = get_u32(in);
    group->site_sym = get_u32(in);
    group->site_line = get_u32(in);
    group->via_sym = get_u32(in);
    group->count = hp_reader_varint(in);
    group->exec_ns = hp_reader_varint(in);
    group->fetch_ns = hp_reader_varint(in);
    group->max_ns = hp_reader_varint(in);
    group->rows = hp_reader_varint(in);
    group->errors = hp_reader_varint(in);
}

/* The statement before the first. */
static const struct hp_stmt first_stmt = {.node = HP_NODE_NONE};

/* 32 bits of the key'd hash tell parameters apart as well as 64 do among 1,000 statements. */
static uint32_t short_hash(uint64_t hash)
{
    return (uint32_t)hash != 0 || hash == 0 ? (uint32_t)hash : 1;
}

static uint32_t stmt_bits(const struct hp_stmt *stmt, const struct hp_stmt *prev)
{
    uint32_t bits = 0;
    bits |= stmt->statement != prev->statement ? STMT_STATEMENT : 0u;
    bits |= stmt->site_sym != prev->site_sym || stmt->site_line != prev->site_line ? STMT_SITE : 0u;
    bits |= stmt->via_sym != prev->via_sym ? STMT_VIA : 0u;
    bits |= stmt->conn != prev->conn ? STMT_CONN : 0u;
    bits |= stmt->lane != prev->lane ? STMT_LANE : 0u;
    bits |= stmt->node != prev->node ? STMT_NODE : 0u;
    bits |= stmt->many_count != 0 ? STMT_MANY : 0u;
    bits |= stmt->in_count != 0 ? STMT_IN : 0u;
    bits |= stmt->rows != HP_ABSENT ? STMT_ROWS : 0u;
    bits |= stmt->param_hash != 0 ? STMT_HASH : 0u;
    bits |= stmt->flags != 0 ? STMT_FLAGS : 0u;
    bits |= stmt->fetch_ns != 0 ? STMT_FETCH : 0u;
    return bits;
}

static uint8_t *put_stmt(uint8_t *p, const struct hp_stmt *stmt, const struct hp_stmt *prev)
{
    uint32_t bits = stmt_bits(stmt, prev);
    p = put_le(p, bits, 2);
    p = put_delta(p, stmt->t0_ns, prev->t0_ns);
    p = put(p, stmt->exec_ns);
    p = bits & STMT_STATEMENT ? put(p, stmt->statement) : p;
    if (bits & STMT_SITE) {
        p = put(p, stmt->site_sym);
        p = put(p, stmt->site_line);
    }
    p = bits & STMT_VIA ? put(p, stmt->via_sym) : p;
    p = bits & STMT_CONN ? put(p, stmt->conn) : p;
    p = bits & STMT_LANE ? put(p, stmt->lane) : p;
    p = bits & STMT_NODE ? put_node(p, stmt->node) : p;
    p = bits & STMT_MANY ? put(p, stmt->many_count) : p;
    p = bits & STMT_IN ? put(p, stmt->in_count) : p;
    p = bits & STMT_ROWS ? put(p, stmt->rows) : p;
    p = bits & STMT_HASH ? put_le(p, short_hash(stmt->param_hash), 4) : p;
    if (bits & STMT_FLAGS) {
        *p++ = stmt->flags;
    }
    return bits & STMT_FETCH ? put(p, stmt->fetch_ns) : p;
}

static void get_stmt(struct hp_reader *in, struct hp_stmt *stmt, const struct hp_stmt *prev)
{
    uint32_t bits = hp_reader_u16le(in);
    if (bits > STMT_ALL) {
        in->bad = true;
    }
    stmt->t0_ns = get_delta(in, prev->t0_ns);
    stmt->exec_ns = hp_reader_varint(in);
    stmt->statement = bits & STMT_STATEMENT ? get_u32(in) : prev->statement;
    stmt->site_sym = bits & STMT_SITE ? get_u32(in) : prev->site_sym;
    stmt->site_line = bits & STMT_SITE ? get_u32(in) : prev->site_line;
    stmt->via_sym = bits & STMT_VIA ? get_u32(in) : prev->via_sym;
    stmt->conn = bits & STMT_CONN ? get_u32(in) : prev->conn;
    stmt->lane = bits & STMT_LANE ? get_u32(in) : prev->lane;
    stmt->node = bits & STMT_NODE ? get_node(in) : prev->node;
    stmt->many_count = bits & STMT_MANY ? get_u32(in) : 0;
    stmt->in_count = bits & STMT_IN ? get_u32(in) : 0;
    stmt->rows = bits & STMT_ROWS ? hp_reader_varint(in) : HP_ABSENT;
    stmt->param_hash = bits & STMT_HASH ? hp_reader_u32le(in) : 0;
    stmt->flags = bits & STMT_FLAGS ? hp_reader_u8(in) : 0;
    stmt->fetch_ns = bits & STMT_FETCH ? hp_reader_varint(in) : 0;
}

/* ---- lists ---- */

/* Begin a list's section with its count. */
static size_t list_begin(struct hp_buf *out, enum section tag, uint32_t count)
{
    size_t start = section_begin(out, tag);
    hp_buf_put_varint(out, count);
    return start;
}

/* One list of the record: the section, each element in its own room. */
#define PUT_LIST(out, tag, record, name, how)                                                                \
    do {                                                                                                     \
        if ((record)->name##_count != 0) {                                                                   \
            size_t start_ = list_begin((out), (tag), (record)->name##_count);                                \
            for (uint32_t i_ = 0; i_ < (record)->name##_count; i_++) {                                       \
                uint8_t *p_ = room(out);                                                                     \
                if (p_ == NULL) {                                                                            \
                    break;                                                                                   \
                }                                                                                            \
                wrote((out), put_##how(p_, &(record)->name##s[i_]));                                         \
            }                                                                                                \
            section_end((out), start_);                                                                      \
        }                                                                                                    \
    } while (0)

static void put_stmts(struct hp_buf *out, const struct hp_record *record)
{
    if (record->stmt_count == 0) {
        return;
    }
    size_t start = list_begin(out, SECTION_STMTS, record->stmt_count);
    const struct hp_stmt *prev = &first_stmt;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        uint8_t *p = room(out);
        if (p == NULL) {
            break;
        }
        wrote(out, put_stmt(p, &record->stmts[i], prev));
        prev = &record->stmts[i];
    }
    section_end(out, start);
}

static bool has_span_more(const struct hp_record *record)
{
    for (uint32_t i = 0; i < record->span_count; i++) {
        const struct hp_span *span = &record->spans[i];
        if ((span->site_sym | span->site_line | span->via_sym | span->protocol) != 0) {
            return true;
        }
    }
    return false;
}

static bool has_wait_more(const struct hp_record *record)
{
    for (uint32_t i = 0; i < record->wait_count; i++) {
        const struct hp_wait *wait = &record->waits[i];
        if ((wait->lane | wait->site_sym | wait->site_line | wait->via_sym | wait->max_ns) != 0) {
            return true;
        }
    }
    return false;
}

static bool has_lane_more(const struct hp_record *record)
{
    for (uint32_t i = 0; i < record->lane_count; i++) {
        const struct hp_lane *lane = &record->lanes[i];
        if (lane->runqueue_ns != HP_ABSENT || lane->wait_busy_ns != HP_ABSENT || lane->lost_spans != 0) {
            return true;
        }
    }
    return false;
}

static size_t record_begin(struct hp_buf *out)
{
    size_t start = out->len;
    hp_buf_put_u32le(out, 0);
    hp_buf_put_u8(out, MAGIC);
    hp_buf_put_u8(out, VERSION);
    return start;
}

static void put_notes(struct hp_buf *out, const struct hp_notes *notes)
{
    for (int i = 0; i < HP_NOTE_COUNT; i++) {
        if (notes->count[i] != 0) {
            size_t start = section_begin(out, (enum section)(SECTION_NOTES + i));
            hp_notes_put(notes, (enum hp_note)i, out);
            section_end(out, start);
        }
    }
}

static void put_detail(struct hp_buf *out, const struct hp_record *record)
{
    put_extra(out, &record->req);
    PUT_LIST(out, SECTION_LANES, record, lane, lane);
    PUT_LIST(out, SECTION_EDGES, record, edge, edge);
    PUT_LIST(out, SECTION_SPANS, record, span, span);
    PUT_LIST(out, SECTION_WAITS, record, wait, wait);
    put_stmts(out, record);
    PUT_LIST(out, SECTION_GROUPS, record, group, group);
    if (has_span_more(record)) {
        PUT_LIST(out, SECTION_SPAN_MORE, record, span, span_more);
    }
    if (has_wait_more(record)) {
        PUT_LIST(out, SECTION_WAIT_MORE, record, wait, wait_more);
    }
    if (has_lane_more(record)) {
        PUT_LIST(out, SECTION_LANE_MORE, record, lane, lane_more);
    }
    PUT_LIST(out, SECTION_HOLDERS, record, holder, holder);
    put_notes(out, &record->notes);
}

static hp_err record_end(struct hp_buf *out, size_t start)
{
    if (out->err == HP_OK && out->len - start - 4 > UINT32_MAX) {
        out->err = HP_EFULL;
    }
    if (out->err != HP_OK) {
        /* Half a record is none. */
        out->len = start;
        return out->err;
    }
    hp_buf_patch_u32le(out, start, (uint32_t)(out->len - start - 4));
    return HP_OK;
}

hp_err hp_record_encode(const struct hp_record *record, struct hp_buf *out)
{
    size_t start = record_begin(out);
    put_request(out, &record->req);
    put_detail(out, record);
    put_bytes_section(out, SECTION_SHAPE, record->shape);
    put_bytes_section(out, SECTION_VALUES, record->values);
    return record_end(out, start);
}

hp_err hp_record_encode_detail(const struct hp_record *record, struct hp_buf *out)
{
    size_t start = record_begin(out);
    put_detail(out, record);
    return record_end(out, start);
}

/* ---- decoding ---- */

/* Memory for the elements of a list, each of `least` bytes at least. NULL: bad count (the reader is bad) or no memory. */
static void *get_list(struct hp_reader *in, struct hp_arena *arena, size_t size, size_t least,
                      uint32_t *count)
{
    uint64_t n = hp_reader_varint(in);
    if (n > hp_reader_left(in) / least) {
        in->bad = true;
        return NULL;
    }
    *count = (uint32_t)n;
    return hp_arena_alloc(arena, (size_t)n * size, _Alignof(uint64_t));
}

#define GET_LIST(in, arena, record, name, least)                                                             \
    do {                                                                                                     \
        uint32_t count_ = 0;                                                                                 \
        (record)->name##s = get_list((in), (arena), sizeof *(record)->name##s, (least), &count_);            \
        if ((record)->name##s == NULL) {                                                                     \
            return (in)->bad ? HP_EFORMAT : HP_ENOMEM;                                                       \
        }                                                                                                    \
        memset((record)->name##s, 0, count_ * sizeof *(record)->name##s);                                    \
        for (uint32_t i_ = 0; i_ < count_ && !(in)->bad; i_++) {                                             \
            get_##name((in), &(record)->name##s[i_]);                                                        \
        }                                                                                                    \
        (record)->name##_count = count_;                                                                     \
    } while (0)

/* A section that goes on where the elements of another ended; elements without a counterpart stay as they are. */
#define GET_MORE(in, record, name)                                                                           \
    do {                                                                                                     \
        uint64_t count_ = hp_reader_varint(in);                                                              \
        for (uint64_t i_ = 0; i_ < count_ && i_ < (record)->name##_count && !(in)->bad; i_++) {              \
            get_##name##_more((in), &(record)->name##s[i_]);                                                 \
        }                                                                                                    \
    } while (0)

static hp_err get_stmts(struct hp_reader *in, struct hp_arena *arena, struct hp_record *record)
{
    uint32_t count = 0;
    record->stmts = get_list(in, arena, sizeof *record->stmts, 4, &count);
    if (record->stmts == NULL) {
        return in->bad ? HP_EFORMAT : HP_ENOMEM;
    }
    memset(record->stmts, 0, count * sizeof *record->stmts);
    const struct hp_stmt *prev = &first_stmt;
    for (uint32_t i = 0; i < count && !in->bad; i++) {
        get_stmt(in, &record->stmts[i], prev);
        prev = &record->stmts[i];
    }
    record->stmt_count = count;
    return HP_OK;
}

static struct hp_str rest_of(const struct hp_reader *in)
{
    return hp_str_make((const char *)in->p, hp_reader_left(in));
}

static hp_err get_section(uint64_t tag, struct hp_reader *in, struct hp_arena *arena,
                          struct hp_record *record, bool detail)
{
    switch (tag) {
    case SECTION_REQUEST:
        if (!detail) {
            get_request(in, &record->req);
        }
        break;
    case SECTION_EXTRA:
        get_extra(in, &record->req);
        break;
    case SECTION_LANES:
        GET_LIST(in, arena, record, lane, 13);
        break;
    case SECTION_EDGES:
        GET_LIST(in, arena, record, edge, 8);
        break;
    case SECTION_SPANS:
        GET_LIST(in, arena, record, span, 10);
        break;
    case SECTION_WAITS:
        GET_LIST(in, arena, record, wait, 6);
        break;
    case SECTION_HOLDERS:
        GET_LIST(in, arena, record, holder, 17);
        break;
    case SECTION_SPAN_MORE:
        GET_MORE(in, record, span);
        break;
    case SECTION_WAIT_MORE:
        GET_MORE(in, record, wait);
        break;
    case SECTION_LANE_MORE:
        GET_MORE(in, record, lane);
        break;
    case SECTION_STMTS:
        return get_stmts(in, arena, record);
    case SECTION_GROUPS:
        GET_LIST(in, arena, record, group, 10);
        break;
    case SECTION_SHAPE:
        record->shape = rest_of(in);
        break;
    case SECTION_VALUES:
        record->values = rest_of(in);
        break;
    default:
        if (tag >= SECTION_NOTES && tag < SECTION_NOTES + HP_NOTE_COUNT) {
            return hp_notes_get(&record->notes, (enum hp_note)(tag - SECTION_NOTES), in, arena);
        }
        break; /* of a newer version */
    }
    return HP_OK;
}

/* Indices of lanes that readers may trust: a lane that was dropped while capturing shows up as none or as the main one. */
static void sanitise(struct hp_record *record)
{
    uint32_t count = record->lane_count;
    for (uint32_t i = 0; i < count; i++) {
        record->lanes[i].parent = record->lanes[i].parent < i ? record->lanes[i].parent : 0;
    }
    for (uint32_t i = 0; i < record->edge_count; i++) {
        struct hp_edge *edge = &record->edges[i];
        edge->lane = edge->lane < count ? edge->lane : 0;
        edge->other = edge->other < count ? edge->other : HP_NODE_NONE;
    }
    for (uint32_t i = 0; i < record->span_count; i++) {
        struct hp_span *span = &record->spans[i];
        span->lane = span->lane < count ? span->lane : 0;
        span->holder = span->holder <= record->holder_count ? span->holder : 0;
    }
    for (uint32_t i = 0; i < record->holder_count; i++) {
        record->holders[i].lane = record->holders[i].lane < count ? record->holders[i].lane : 0;
    }
    for (uint32_t i = 0; i < record->wait_count; i++) {
        record->waits[i].lane = record->waits[i].lane < count ? record->waits[i].lane : 0;
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        record->stmts[i].lane = record->stmts[i].lane < count ? record->stmts[i].lane : 0;
    }
    hp_notes_sanitise(&record->notes, count);
}

static hp_err decode_sections(struct hp_reader *in, struct hp_arena *arena, struct hp_record *record,
                              bool detail)
{
    uint32_t seen = 0;
    while (hp_reader_left(in) != 0) {
        uint64_t tag = hp_reader_varint(in);
        struct hp_reader section;
        hp_reader_sub(in, hp_reader_varint(in), &section);
        if (in->bad || (tag <= SECTION_LAST && (seen >> tag & 1))) {
            return HP_EFORMAT;
        }
        seen |= tag <= SECTION_LAST ? 1u << tag : 0;
        hp_err err = get_section(tag, &section, arena, record, detail);
        if (err != HP_OK || section.bad) {
            return err != HP_OK ? err : HP_EFORMAT;
        }
    }
    return in->bad || (!detail && !(seen >> SECTION_REQUEST & 1)) ? HP_EFORMAT : HP_OK;
}

static hp_err decode(struct hp_reader *in, struct hp_arena *arena, struct hp_record *record, bool detail)
{
    struct hp_reader body;
    hp_reader_sub(in, hp_reader_u32le(in), &body);
    uint8_t magic = hp_reader_u8(&body);
    uint8_t version = hp_reader_u8(&body);
    if (body.bad || magic != MAGIC || version == 0) {
        return HP_EFORMAT;
    }
    if (version > VERSION) {
        return HP_EVERSION;
    }
    clear_extra(&record->req);
    hp_err err = decode_sections(&body, arena, record, detail);
    if (err == HP_OK) {
        sanitise(record);
    }
    return err;
}

hp_err hp_record_decode(struct hp_reader *in, struct hp_arena *arena, struct hp_record *record)
{
    memset(record, 0, sizeof *record);
    hp_err err = decode(in, arena, record, false);
    if (err != HP_OK) {
        memset(record, 0, sizeof *record);
    }
    return err;
}

hp_err hp_record_decode_detail(struct hp_reader *in, struct hp_arena *arena, struct hp_record *record)
{
    struct hp_request req = record->req;
    memset(record, 0, sizeof *record);
    record->req = req;
    hp_err err = decode(in, arena, record, true);
    if (err != HP_OK) {
        memset(record, 0, sizeof *record);
        record->req = req;
    }
    return err;
}

/* ---- ids ---- */

static void map_id(uint32_t (*map)(void *, uint32_t), void *ctx, uint32_t *id)
{
    if (map != NULL && *id != 0) {
        *id = map(ctx, *id);
    }
}

void hp_record_map(struct hp_record *record, const struct hp_id_maps *maps)
{
    map_id(maps->route, maps->ctx, &record->req.route);
    map_id(maps->string, maps->ctx, &record->req.revision);
    map_id(maps->string, maps->ctx, &record->req.exception_type);
    map_id(maps->symbol, maps->ctx, &record->req.view_sym);
    for (uint32_t i = 0; i < record->lane_count; i++) {
        map_id(maps->symbol, maps->ctx, &record->lanes[i].site_sym);
        map_id(maps->symbol, maps->ctx, &record->lanes[i].via_sym);
    }
    for (uint32_t i = 0; i < record->edge_count; i++) {
        map_id(maps->symbol, maps->ctx, &record->edges[i].site_sym);
    }
    for (uint32_t i = 0; i < record->span_count; i++) {
        map_id(maps->string, maps->ctx, &record->spans[i].peer);
        map_id(maps->symbol, maps->ctx, &record->spans[i].site_sym);
        map_id(maps->symbol, maps->ctx, &record->spans[i].via_sym);
    }
    for (uint32_t i = 0; i < record->wait_count; i++) {
        map_id(maps->string, maps->ctx, &record->waits[i].peer);
        map_id(maps->symbol, maps->ctx, &record->waits[i].site_sym);
        map_id(maps->symbol, maps->ctx, &record->waits[i].via_sym);
    }
    for (uint32_t i = 0; i < record->holder_count; i++) {
        map_id(maps->route, maps->ctx, &record->holders[i].route);
        map_id(maps->string, maps->ctx, &record->holders[i].thread);
        map_id(maps->symbol, maps->ctx, &record->holders[i].site_sym);
        map_id(maps->symbol, maps->ctx, &record->holders[i].via_sym);
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        map_id(maps->statement, maps->ctx, &record->stmts[i].statement);
        map_id(maps->symbol, maps->ctx, &record->stmts[i].site_sym);
        map_id(maps->symbol, maps->ctx, &record->stmts[i].via_sym);
    }
    for (uint32_t i = 0; i < record->group_count; i++) {
        map_id(maps->statement, maps->ctx, &record->groups[i].statement);
        map_id(maps->symbol, maps->ctx, &record->groups[i].site_sym);
        map_id(maps->symbol, maps->ctx, &record->groups[i].via_sym);
    }
    hp_notes_map(&record->notes, maps);
}
