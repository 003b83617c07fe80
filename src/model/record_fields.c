/* record_fields.c -- the fields of a request and of each list's elements as bytes and back. See
 * record_fields.h, docs/formats/record.md. */
#include "model/record_fields.h"

#include <string.h>

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

enum stmt_bits { /* which fields follow; those that do not are as in the statement before, or at their
                    default */
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

static uint8_t *put_opt(uint8_t *p, uint64_t value)
{
    return hp__put(p, value + 1);
}

static uint8_t *put_node(uint8_t *p, uint32_t node)
{
    return hp__put(p, (uint32_t)(node + 1));
}

/* The difference to a number that is usually near. */
static uint8_t *put_delta(uint8_t *p, uint64_t value, uint64_t from)
{
    uint64_t delta = value - from;
    return hp__put(p, delta << 1 ^ (delta >> 63 != 0 ? UINT64_MAX : 0));
}

static uint8_t *put_le(uint8_t *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        *p++ = (uint8_t)(value >> (8 * i));
    }
    return p;
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

/* ---- the request ---- */

uint8_t *hp__put_request(uint8_t *p, const struct hp_request *req)
{
    p = put_le(p, req->id, 8);
    p = put_le(p, req->start_wall_ns, 8);
    p = hp__put(p, req->seq);
    p = hp__put(p, req->wall_ns);
    p = hp__put(p, req->own_ns);
    p = put_opt(p, req->cpu_ns);
    p = put_opt(p, req->bytes_out);
    p = hp__put(p, req->route);
    p = hp__put(p, req->revision);
    p = hp__put(p, req->exception_type);
    p = hp__put(p, req->flags);
    p = hp__put(p, req->weight);
    p = hp__put(p, req->status);
    return hp__put(p, req->level);
}

void hp__get_request(struct hp_reader *in, struct hp_request *req)
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
    uint32_t dropped = 0;
    for (int i = 0; i < HP_NOTE_COUNT; i++) {
        dropped |= req->dropped_notes[i];
    }
    return has | (dropped != 0 ? EXTRA_DROPPED_NOTES : 0u);
}

static uint8_t *put_extra_numbers(uint8_t *p, const struct hp_request *req, uint32_t has)
{
    p = hp__put(p, has);
    p = hp__put(p, req->kind | (uint64_t)req->level_asked << 3 | (uint64_t)req->level_reason << 6);
    p = has & EXTRA_FIRST_BYTE ? hp__put(p, req->first_byte_ns) : p;
    p = has & EXTRA_VIEW ? hp__put(p, req->view_sym) : p;
    for (int i = 0; (has & EXTRA_PHASES) && i < HP_PHASE_COUNT; i++) {
        p = hp__put(p, req->phase_ns[i]);
    }
    if (has & EXTRA_COST) {
        p = hp__put(p, req->call_inner_ps);
        p = hp__put(p, req->call_outer_ps);
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
        p = hp__put(p, req->dropped_nodes);
        p = hp__put(p, req->dropped_stmts);
        p = hp__put(p, req->dropped_lanes);
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
        p = hp__put(p, req->dropped_notes[i]);
    }
    return p;
}

uint8_t *hp__put_extra(uint8_t *p, const struct hp_request *req)
{
    uint32_t has = extras_of(req);
    p = put_extra_numbers(p, req, has);
    p = put_extra_rest(p, req, has);
    return put_extra_more(p, req, has);
}

void hp__clear_extra(struct hp_request *req)
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

void hp__get_extra(struct hp_reader *in, struct hp_request *req)
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

uint8_t *hp__put_lane(uint8_t *p, const struct hp_lane *lane)
{
    p = hp__put(p, lane->start_ns);
    p = put_delta(p, lane->end_ns, lane->start_ns);
    p = put_opt(p, lane->cpu_ns);
    p = hp__put(p, lane->await_ns);
    p = put_delta(p, lane->start_ns, lane->spawn_ns);
    p = hp__put(p, lane->spawn_cost_ns);
    p = hp__put(p, lane->parent);
    p = put_node(p, lane->parent_node);
    p = hp__put(p, lane->site_sym);
    p = hp__put(p, lane->site_line);
    p = hp__put(p, lane->via_sym);
    *p++ = lane->kind;
    *p++ = lane->flags;
    return p;
}

void hp__get_lane(struct hp_reader *in, struct hp_lane *lane)
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

uint8_t *hp__put_lane_more(uint8_t *p, const struct hp_lane *lane)
{
    p = put_opt(p, lane->runqueue_ns);
    p = put_opt(p, lane->wait_busy_ns);
    return hp__put(p, lane->lost_spans);
}

void hp__get_lane_more(struct hp_reader *in, struct hp_lane *lane)
{
    lane->runqueue_ns = get_opt(in);
    lane->wait_busy_ns = get_opt(in);
    lane->lost_spans = get_u32(in);
}

uint8_t *hp__put_edge(uint8_t *p, const struct hp_edge *edge)
{
    p = hp__put(p, edge->t0_ns);
    p = put_delta(p, edge->t1_ns, edge->t0_ns);
    p = hp__put(p, edge->lane);
    p = put_node(p, edge->other);
    p = put_node(p, edge->node);
    p = hp__put(p, edge->site_sym);
    p = hp__put(p, edge->site_line);
    *p++ = edge->kind;
    return p;
}

void hp__get_edge(struct hp_reader *in, struct hp_edge *edge)
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

uint8_t *hp__put_span(uint8_t *p, const struct hp_span *span)
{
    p = hp__put(p, span->t0_ns);
    p = put_delta(p, span->t1_ns, span->t0_ns);
    p = hp__put(p, span->bytes);
    p = hp__put(p, span->lane);
    p = put_node(p, span->node);
    p = hp__put(p, span->peer);
    p = hp__put(p, span->group);
    p = hp__put(p, span->error);
    p = hp__put(p, span->holder);
    *p++ = span->kind;
    return p;
}

void hp__get_span(struct hp_reader *in, struct hp_span *span)
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

uint8_t *hp__put_span_more(uint8_t *p, const struct hp_span *span)
{
    p = hp__put(p, span->site_sym);
    p = hp__put(p, span->site_line);
    p = hp__put(p, span->via_sym);
    *p++ = span->protocol;
    return p;
}

void hp__get_span_more(struct hp_reader *in, struct hp_span *span)
{
    span->site_sym = get_u32(in);
    span->site_line = get_u32(in);
    span->via_sym = get_u32(in);
    span->protocol = hp_reader_u8(in);
}

uint8_t *hp__put_wait_more(uint8_t *p, const struct hp_wait *wait)
{
    p = hp__put(p, wait->lane);
    p = hp__put(p, wait->max_ns);
    p = hp__put(p, wait->site_sym);
    p = hp__put(p, wait->site_line);
    return hp__put(p, wait->via_sym);
}

void hp__get_wait_more(struct hp_reader *in, struct hp_wait *wait)
{
    wait->lane = get_u32(in);
    wait->max_ns = hp_reader_varint(in);
    wait->site_sym = get_u32(in);
    wait->site_line = get_u32(in);
    wait->via_sym = get_u32(in);
}

uint8_t *hp__put_wait(uint8_t *p, const struct hp_wait *wait)
{
    p = hp__put(p, wait->count);
    p = hp__put(p, wait->ns);
    p = hp__put(p, wait->bytes);
    p = put_node(p, wait->node);
    p = hp__put(p, wait->peer);
    *p++ = wait->kind;
    return p;
}

void hp__get_wait(struct hp_reader *in, struct hp_wait *wait)
{
    wait->count = hp_reader_varint(in);
    wait->ns = hp_reader_varint(in);
    wait->bytes = hp_reader_varint(in);
    wait->node = get_node(in);
    wait->peer = get_u32(in);
    wait->kind = hp_reader_u8(in);
}

uint8_t *hp__put_holder(uint8_t *p, const struct hp_holder *holder)
{
    p = put_le(p, holder->request, 8);
    p = hp__put(p, holder->count);
    p = hp__put(p, holder->ns);
    p = hp__put(p, holder->lane);
    p = hp__put(p, holder->route);
    p = hp__put(p, holder->thread);
    p = hp__put(p, holder->site_sym);
    p = hp__put(p, holder->site_line);
    p = hp__put(p, holder->via_sym);
    *p++ = holder->kind;
    return p;
}

void hp__get_holder(struct hp_reader *in, struct hp_holder *holder)
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

uint8_t *hp__put_step(uint8_t *p, const struct hp_step *step)
{
    p = hp__put(p, step->t0_ns);
    p = hp__put(p, step->ns);
    p = hp__put(p, step->lane);
    p = hp__put(p, step->conn);
    p = hp__put(p, step->site_sym);
    p = hp__put(p, step->site_line);
    p = hp__put(p, step->via_sym);
    *p++ = step->kind;
    return p;
}

void hp__get_step(struct hp_reader *in, struct hp_step *step)
{
    step->t0_ns = hp_reader_varint(in);
    step->ns = hp_reader_varint(in);
    step->lane = get_u32(in);
    step->conn = get_u32(in);
    step->site_sym = get_u32(in);
    step->site_line = get_u32(in);
    step->via_sym = get_u32(in);
    step->kind = hp_reader_u8(in);
}

uint8_t *hp__put_group(uint8_t *p, const struct hp_group *group)
{
    p = hp__put(p, group->statement);
    p = hp__put(p, group->site_sym);
    p = hp__put(p, group->site_line);
    p = hp__put(p, group->via_sym);
    p = hp__put(p, group->count);
    p = hp__put(p, group->exec_ns);
    p = hp__put(p, group->fetch_ns);
    p = hp__put(p, group->max_ns);
    p = hp__put(p, group->rows);
    p = hp__put(p, group->errors);
    return p;
}

void hp__get_group(struct hp_reader *in, struct hp_group *group)
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

const struct hp_stmt hp__record_first_stmt = {.node = HP_NODE_NONE};

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

uint8_t *hp__put_stmt(uint8_t *p, const struct hp_stmt *stmt, const struct hp_stmt *prev)
{
    uint32_t bits = stmt_bits(stmt, prev);
    p = put_le(p, bits, 2);
    p = put_delta(p, stmt->t0_ns, prev->t0_ns);
    p = hp__put(p, stmt->exec_ns);
    p = bits & STMT_STATEMENT ? hp__put(p, stmt->statement) : p;
    if (bits & STMT_SITE) {
        p = hp__put(p, stmt->site_sym);
        p = hp__put(p, stmt->site_line);
    }
    p = bits & STMT_VIA ? hp__put(p, stmt->via_sym) : p;
    p = bits & STMT_CONN ? hp__put(p, stmt->conn) : p;
    p = bits & STMT_LANE ? hp__put(p, stmt->lane) : p;
    p = bits & STMT_NODE ? put_node(p, stmt->node) : p;
    p = bits & STMT_MANY ? hp__put(p, stmt->many_count) : p;
    p = bits & STMT_IN ? hp__put(p, stmt->in_count) : p;
    p = bits & STMT_ROWS ? hp__put(p, stmt->rows) : p;
    p = bits & STMT_HASH ? put_le(p, short_hash(stmt->param_hash), 4) : p;
    if (bits & STMT_FLAGS) {
        *p++ = stmt->flags;
    }
    return bits & STMT_FETCH ? hp__put(p, stmt->fetch_ns) : p;
}

void hp__get_stmt(struct hp_reader *in, struct hp_stmt *stmt, const struct hp_stmt *prev)
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
