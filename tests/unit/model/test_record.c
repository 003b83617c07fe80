/* test_record.c -- the request record: what goes in comes out, in few bytes, and nothing but that comes
 * out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/record.h"
#include "sweep_oom.h"

#define LANES  3
#define STMTS  4
#define GROUPS 2

struct sample {
    struct hp_record record;
    struct hp_lane lanes[LANES];
    struct hp_edge edges[2];
    struct hp_span spans[2];
    struct hp_wait waits[1];
    struct hp_holder holders[1];
    struct hp_step steps[1];
    struct hp_stmt stmts[STMTS];
    struct hp_group groups[GROUPS];
};

/* A request with every field set to something that no other field has. */
static void fill_request(struct hp_request *req)
{
    *req = (struct hp_request){.id = 0x0123456789abcdef,
                               .seq = 4711,
                               .start_wall_ns = 1790000000123456789,
                               .wall_ns = 8000000,
                               .own_ns = 120000,
                               .cpu_ns = 3000000,
                               .first_byte_ns = 7000000,
                               .queue_ns = 11000,
                               .gil_ns = HP_ABSENT,
                               .runqueue_ns = 13000,
                               .gc_ns = 0,
                               .rss_growth_bytes = HP_ABSENT,
                               .bytes_in = 0,
                               .bytes_out = 20000,
                               .alloc_bytes = HP_ABSENT,
                               .alloc_blocks = 900,
                               .phase_ns = {1, 2, 3, 400000, 5, 6, UINT64_MAX - 1},
                               .exception_group = 0xfedcba9876543210,
                               .trace_id = {0x1111111122222222, 0x3333333344444444},
                               .parent_span = 0x5555555566666666,
                               .route = 7,
                               .revision = 8,
                               .exception_type = 9,
                               .view_sym = 1000,
                               .flags = HP_REQ_EXCEPTION | HP_REQ_STREAMED,
                               .weight = 10,
                               .dropped_nodes = 11,
                               .dropped_stmts = 12,
                               .dropped_lanes = 13,
                               .call_inner_ps = 45000,
                               .call_outer_ps = 30000,
                               .status = 500,
                               .kind = HP_KIND_TEST,
                               .level_asked = HP_LEVEL_TRACE,
                               .level = HP_LEVEL_SAMPLE,
                               .level_reason = HP_REASON_UNSUPPORTED};
}

static void fill(struct sample *s)
{
    memset(s, 0, sizeof *s);
    fill_request(&s->record.req);
    s->lanes[0] = (struct hp_lane){.end_ns = 8000000, .cpu_ns = 3000000, .parent_node = HP_NODE_NONE};
    s->lanes[1] = (struct hp_lane){.start_ns = 1000,
                                   .end_ns = 900000,
                                   .cpu_ns = HP_ABSENT,
                                   .await_ns = 5,
                                   .spawn_ns = 900,
                                   .spawn_cost_ns = 120,
                                   .parent_node = 17,
                                   .site_sym = 21,
                                   .site_line = 31,
                                   .via_sym = 22,
                                   .kind = HP_LANE_THREAD,
                                   .flags = HP_LANE_OPEN};
    s->lanes[2] = (struct hp_lane){.start_ns = 2000,
                                   .end_ns = 1500,
                                   .spawn_ns = 2500,
                                   .parent = 1,
                                   .kind = HP_LANE_POOL,
                                   .flags = HP_LANE_NEW_EXECUTOR};
    for (int i = 0; i < LANES; i++) {
        s->lanes[i].runqueue_ns = s->lanes[i].wait_busy_ns = HP_ABSENT;
    }
    s->edges[0] = (struct hp_edge){950, 900100, 0, 1, 17, 21, 33, HP_EDGE_JOIN};
    s->edges[1] = (struct hp_edge){1, 2, 1, HP_NODE_NONE, HP_NODE_NONE, 0, 0, HP_EDGE_WAKE};
    s->spans[0] = (struct hp_span){5, 6, 7, 1, 8, 9, 10, 11, 1, 13, 0, 0, 0, 0};
    s->spans[1] = (struct hp_span){.t0_ns = 70, .t1_ns = 60, .node = HP_NODE_NONE};
    s->waits[0] = (struct hp_wait){3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0};
    s->holders[0] = (struct hp_holder){0x8877665544332211, 2, 3, 1, 7, 9, 21, 40, 5, HP_WAIT_GIL};
    s->steps[0] = (struct hp_step){70, 80, 1, 2, 21, 41, 5, HP_DB_PING};
    s->stmts[0] =
        (struct hp_stmt){100, 200, 300, 0, 0x1122334455667788, 1, 0, HP_NODE_NONE, 2, 21, 40, 5, 0, 6, 0};
    s->stmts[1] = (struct hp_stmt){5000, 201, 0, HP_ABSENT, 0, 1, 1, 0, 2, 21, 40, 5, 7, 0, HP_STMT_ORM};
    s->stmts[2] =
        (struct hp_stmt){4000, 202, 1, 70, 0xff00000000, 2, 2, 90, 3, 21, 41, 0, 0, 0, HP_STMT_MANY};
    s->stmts[3] = (struct hp_stmt){6000, 203, 0, 1, 5, 2, 2, 90, 3, 0, 0, 0, 0, 0, 0};
    s->groups[0] = (struct hp_group){1, 200, 300, 500, 0, 1, 1, 21, 40, 5};
    s->groups[1] = (struct hp_group){3, 600, 1, 203, 71, 0, 2, 21, 41, 0};
    s->record.lanes = s->lanes;
    s->record.lane_count = LANES;
    s->record.edges = s->edges;
    s->record.edge_count = 2;
    s->record.spans = s->spans;
    s->record.span_count = 2;
    s->record.waits = s->waits;
    s->record.wait_count = 1;
    s->record.holders = s->holders;
    s->record.holder_count = 1;
    s->record.steps = s->steps;
    s->record.step_count = 1;
    s->record.stmts = s->stmts;
    s->record.stmt_count = STMTS;
    s->record.groups = s->groups;
    s->record.group_count = GROUPS;
    static const char values[300] = "not looked at here";
    s->record.shape = HP_STR("\x01\x02\x03");
    s->record.values = hp_str_make(values, sizeof values);
}

static void assert_request_equal(const struct hp_request *a, const struct hp_request *b)
{
    assert_true(a->id == b->id && a->seq == b->seq && a->start_wall_ns == b->start_wall_ns &&
                a->wall_ns == b->wall_ns);
    assert_true(a->own_ns == b->own_ns && a->cpu_ns == b->cpu_ns && a->first_byte_ns == b->first_byte_ns);
    assert_true(a->queue_ns == b->queue_ns && a->gil_ns == b->gil_ns && a->runqueue_ns == b->runqueue_ns &&
                a->gc_ns == b->gc_ns);
    assert_true(a->bytes_in == b->bytes_in && a->bytes_out == b->bytes_out);
    assert_true(a->alloc_bytes == b->alloc_bytes && a->alloc_blocks == b->alloc_blocks);
    assert_memory_equal(a->phase_ns, b->phase_ns, sizeof a->phase_ns);
    assert_true(a->exception_group == b->exception_group && a->parent_span == b->parent_span);
    assert_memory_equal(a->trace_id, b->trace_id, sizeof a->trace_id);
    assert_true(a->route == b->route && a->revision == b->revision && a->exception_type == b->exception_type);
    assert_true(a->view_sym == b->view_sym && a->flags == b->flags && a->weight == b->weight &&
                a->status == b->status);
    assert_true(a->dropped_nodes == b->dropped_nodes && a->dropped_stmts == b->dropped_stmts &&
                a->dropped_lanes == b->dropped_lanes);
    assert_true(a->call_inner_ps == b->call_inner_ps && a->call_outer_ps == b->call_outer_ps);
    assert_true(a->kind == b->kind && a->level_asked == b->level_asked && a->level == b->level &&
                a->level_reason == b->level_reason);
}

static void assert_stmt_equal(const struct hp_stmt *a, const struct hp_stmt *b)
{
    uint64_t hash = a->param_hash & UINT32_MAX;
    hash = a->param_hash != 0 && hash == 0 ? 1 : hash;
    assert_true(b->param_hash == hash);
    assert_true(a->t0_ns == b->t0_ns && a->exec_ns == b->exec_ns && a->fetch_ns == b->fetch_ns &&
                a->rows == b->rows);
    assert_true(a->statement == b->statement && a->lane == b->lane && a->node == b->node &&
                a->conn == b->conn);
    assert_true(a->site_sym == b->site_sym && a->site_line == b->site_line && a->via_sym == b->via_sym);
    assert_true(a->many_count == b->many_count && a->in_count == b->in_count && a->flags == b->flags);
}

/* Everything but the request and the tree. */
static void assert_lists_equal(const struct hp_record *a, const struct hp_record *b)
{
    assert_int_equal(a->lane_count, b->lane_count);
    assert_memory_equal(a->lanes, b->lanes, a->lane_count * sizeof *a->lanes);
    assert_int_equal(a->edge_count, b->edge_count);
    for (uint32_t i = 0; i < a->edge_count; i++) {
        assert_memory_equal(&a->edges[i], &b->edges[i], offsetof(struct hp_edge, kind) + 1);
    }
    assert_int_equal(a->span_count, b->span_count);
    for (uint32_t i = 0; i < a->span_count; i++) {
        assert_memory_equal(&a->spans[i], &b->spans[i], sizeof a->spans[i]);
    }
    assert_int_equal(a->wait_count, b->wait_count);
    for (uint32_t i = 0; i < a->wait_count; i++) {
        assert_memory_equal(&a->waits[i], &b->waits[i], offsetof(struct hp_wait, kind) + 1);
        assert_memory_equal(&a->waits[i].lane, &b->waits[i].lane,
                            sizeof a->waits[i] - offsetof(struct hp_wait, lane));
    }
    assert_int_equal(a->holder_count, b->holder_count);
    for (uint32_t i = 0; i < a->holder_count; i++) {
        assert_memory_equal(&a->holders[i], &b->holders[i], offsetof(struct hp_holder, kind) + 1);
    }
    assert_int_equal(a->step_count, b->step_count);
    for (uint32_t i = 0; i < a->step_count; i++) {
        assert_memory_equal(&a->steps[i], &b->steps[i], offsetof(struct hp_step, kind) + 1);
    }
    assert_int_equal(a->stmt_count, b->stmt_count);
    for (uint32_t i = 0; i < a->stmt_count; i++) {
        assert_stmt_equal(&a->stmts[i], &b->stmts[i]);
    }
    assert_int_equal(a->group_count, b->group_count);
    assert_memory_equal(a->groups, b->groups, a->group_count * sizeof *a->groups);
}

static struct hp_reader reader_of(const struct hp_buf *buf)
{
    struct hp_reader reader;
    hp_reader_init(&reader, buf->data, buf->len);
    return reader;
}

static void everything_comes_back(void **state)
{
    (void)state;
    struct sample s;
    fill(&s);
    struct hp_buf buf;
    hp_buf_init(&buf, 1 << 20);
    hp_buf_put_text(&buf, HP_STR("before"));
    assert_int_equal(hp_record_encode(&s.record, &buf), HP_OK);
    assert_int_equal(hp_record_encode(&s.record, &buf), HP_OK); /* one behind the other */
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    struct hp_reader reader = reader_of(&buf);
    hp_reader_skip(&reader, 6);
    for (int i = 0; i < 2; i++) {
        struct hp_record out;
        assert_int_equal(hp_record_decode(&reader, &arena, &out), HP_OK);
        assert_request_equal(&s.record.req, &out.req);
        assert_lists_equal(&s.record, &out);
        assert_true(hp_str_eq(s.record.shape, out.shape) && hp_str_eq(s.record.values, out.values));
    }
    assert_int_equal(hp_reader_left(&reader), 0);
    hp_arena_fini(&arena);
    hp_buf_fini(&buf);
}

static void detail_brings_what_columns_do_not_have(void **state)
{
    (void)state;
    struct sample s;
    fill(&s);
    struct hp_buf buf;
    hp_buf_init(&buf, 1 << 20);
    assert_int_equal(hp_record_encode_detail(&s.record, &buf), HP_OK);
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    struct hp_reader reader = reader_of(&buf);
    struct hp_record out;
    memset(&out, 0x55, sizeof out);
    const struct hp_request *req = &s.record.req;
    out.req.id = req->id;
    out.req.seq = req->seq;
    out.req.start_wall_ns = req->start_wall_ns;
    out.req.wall_ns = req->wall_ns;
    out.req.own_ns = req->own_ns;
    out.req.cpu_ns = req->cpu_ns;
    out.req.bytes_out = req->bytes_out;
    out.req.route = req->route;
    out.req.revision = req->revision;
    out.req.exception_type = req->exception_type;
    out.req.flags = req->flags;
    out.req.weight = req->weight;
    out.req.status = req->status;
    out.req.level = req->level;
    assert_int_equal(hp_record_decode_detail(&reader, &arena, &out), HP_OK);
    assert_request_equal(req, &out.req);
    assert_lists_equal(&s.record, &out);
    assert_int_equal(out.shape.n + out.values.n, 0);
    reader = reader_of(&buf);
    assert_int_equal(hp_record_decode(&reader, &arena, &out), HP_EFORMAT); /* a detail is no record */
    out.req.seq = 99;
    hp_reader_init(&reader, buf.data, buf.len - 1);
    assert_int_equal(hp_record_decode_detail(&reader, &arena, &out), HP_EFORMAT);
    assert_int_equal(out.req.seq, 99);
    assert_int_equal(out.lane_count, 0);
    hp_arena_fini(&arena);
    hp_buf_fini(&buf);
}

static struct hp_request bare_request(void)
{
    struct hp_request req;
    fill_request(&req);
    req.queue_ns = req.runqueue_ns = req.gc_ns = req.gil_ns = HP_ABSENT;
    req.bytes_in = req.alloc_bytes = req.alloc_blocks = HP_ABSENT;
    req.exception_group = req.parent_span = req.trace_id[0] = req.trace_id[1] = 0;
    req.dropped_nodes = req.dropped_stmts = req.dropped_lanes = 0;
    req.call_inner_ps = req.call_outer_ps = 0;
    for (int i = 0; i < HP_PHASE_COUNT; i++) {
        req.phase_ns[i] = 100000;
    }
    return req;
}

static void absent_stays_absent_and_costs_little(void **state)
{
    (void)state;
    struct hp_record record = {.req = bare_request()};
    record.req.phase_ns[0] = HP_ABSENT;
    record.req.first_byte_ns = record.req.cpu_ns = record.req.bytes_out = HP_ABSENT;
    for (int i = 1; i < HP_PHASE_COUNT; i++) {
        record.req.phase_ns[i] = HP_ABSENT;
    }
    struct hp_buf buf;
    hp_buf_init(&buf, 1 << 20);
    assert_int_equal(hp_record_encode(&record, &buf), HP_OK);
    assert_true(buf.len <= 60);
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    struct hp_reader reader = reader_of(&buf);
    struct hp_record out;
    assert_int_equal(hp_record_decode(&reader, &arena, &out), HP_OK);
    assert_request_equal(&record.req, &out.req);
    assert_int_equal(out.lane_count + out.stmt_count + out.group_count, 0);
    hp_arena_fini(&arena);
    hp_buf_fini(&buf);
}

static void detail_of_a_bare_request_is_below_60_bytes(void **state)
{
    (void)state;
    struct hp_lane lane = {.end_ns = 8000000,
                           .cpu_ns = 3000000,
                           .parent_node = HP_NODE_NONE,
                           .runqueue_ns = HP_ABSENT,
                           .wait_busy_ns = HP_ABSENT};
    struct hp_record record = {.req = bare_request(), .lanes = &lane, .lane_count = 1};
    struct hp_buf buf;
    hp_buf_init(&buf, 1 << 20);
    assert_int_equal(hp_record_encode_detail(&record, &buf), HP_OK);
    assert_in_range(buf.len, 1, 60);
    hp_buf_fini(&buf);
}

static void twenty_statements_take_less_than_500_bytes(void **state)
{
    (void)state;
    struct hp_stmt stmts[20];
    for (uint32_t i = 0; i < 20; i++) {
        stmts[i] = (struct hp_stmt){.t0_ns = 3000000 + i * 400000,
                                    .exec_ns = 350000 + i * 1000,
                                    .fetch_ns = 20000,
                                    .rows = 1,
                                    .param_hash = i * 0x9E3779B97F4A7C15 + 1,
                                    .statement = 300 + i / 19,
                                    .node = 900,
                                    .conn = 1,
                                    .site_sym = 400,
                                    .site_line = 120};
    }
    struct hp_record record = {.req = bare_request(), .stmts = stmts, .stmt_count = 20};
    struct hp_buf buf;
    hp_buf_init(&buf, 1 << 20);
    assert_int_equal(hp_record_encode(&record, &buf), HP_OK);
    size_t with = buf.len;
    hp_buf_reset(&buf);
    record.stmt_count = 0;
    assert_int_equal(hp_record_encode(&record, &buf), HP_OK);
    assert_in_range(with - buf.len, 100, 500);
    hp_buf_fini(&buf);
}

static void encoding_with_room_allocates_nothing(void **state)
{
    (void)state;
    struct sample s;
    fill(&s);
    struct hp_buf buf;
    hp_buf_init(&buf, 1 << 20);
    assert_true(hp_buf_reserve(&buf, 4096));
    uint64_t before = hp_mem_forbidden_count();
    hp_mem_forbid(true);
    hp_err err = hp_record_encode(&s.record, &buf);
    hp_mem_forbid(false);
    assert_int_equal(err, HP_OK);
    assert_int_equal(hp_mem_forbidden_count(), before);
    hp_buf_fini(&buf);
}

static void full_buffer_holds_no_half_record(void **state)
{
    (void)state;
    struct sample s;
    fill(&s);
    for (size_t max = 0; max < 900; max += 7) {
        struct hp_buf buf;
        hp_buf_init(&buf, max);
        hp_err err = hp_record_encode(&s.record, &buf);
        assert_true(err == HP_EFULL ? buf.len == 0 : err == HP_OK && buf.len > 500);
        hp_buf_fini(&buf);
    }
}

static void every_cut_fails_cleanly(void **state)
{
    (void)state;
    struct sample s;
    fill(&s);
    struct hp_buf buf;
    hp_buf_init(&buf, 1 << 20);
    assert_int_equal(hp_record_encode(&s.record, &buf), HP_OK);
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    struct hp_record out;
    static const struct hp_record zero;
    for (size_t n = 0; n < buf.len; n++) {
        /* Cut off, and cut off with a length that says so. */
        for (int fix = 0; fix < 2; fix++) {
            uint8_t *copy = hp_memdup(buf.data, n);
            if (fix && n >= 4) {
                copy[0] = (uint8_t)(n - 4);
                copy[1] = (uint8_t)((n - 4) >> 8);
            }
            struct hp_reader reader;
            hp_reader_init(&reader, copy, n);
            memset(&out, 0x55, sizeof out);
            hp_err err = hp_record_decode(&reader, &arena, &out);
            assert_true(err == HP_EFORMAT || (fix && err == HP_OK)); /* between two sections it is a record */
            if (err != HP_OK) {
                assert_memory_equal(&out, &zero, sizeof out);
            }
            hp_free(copy);
            hp_arena_reset(&arena);
        }
    }
    hp_arena_fini(&arena);
    hp_buf_fini(&buf);
}

static hp_err decode_bytes(const void *p, size_t n, struct hp_record *out)
{
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 16);
    struct hp_reader reader;
    hp_reader_init(&reader, p, n);
    hp_err err = hp_record_decode(&reader, &arena, out);
    hp_arena_fini(&arena);
    return err;
}

static void newer_and_foreign_bytes_are_told_apart(void **state)
{
    (void)state;
    struct hp_record record = {.req = bare_request()};
    struct hp_record out;
    struct hp_buf buf;
    hp_buf_init(&buf, 1 << 20);
    assert_int_equal(hp_record_encode(&record, &buf), HP_OK);
    buf.data[5] = 2;
    assert_int_equal(decode_bytes(buf.data, buf.len, &out), HP_EVERSION);
    buf.data[5] = 1;
    buf.data[4] ^= 1;
    assert_int_equal(decode_bytes(buf.data, buf.len, &out), HP_EFORMAT);
    buf.data[4] ^= 1;
    /* A section of a later version is skipped. */
    const uint8_t later[] = {0xd2, 0x09, 3, 1, 2, 3};
    hp_buf_put(&buf, later, sizeof later);
    hp_buf_patch_u32le(&buf, 0, (uint32_t)(buf.len - 4));
    assert_int_equal(decode_bytes(buf.data, buf.len, &out), HP_OK);
    assert_request_equal(&record.req, &out.req);
    /* The same section twice is not a record. */
    const uint8_t twice[] = {2, 2, 0, 0};
    hp_buf_put(&buf, twice, sizeof twice);
    hp_buf_patch_u32le(&buf, 0, (uint32_t)(buf.len - 4));
    assert_int_equal(decode_bytes(buf.data, buf.len, &out), HP_EFORMAT);
    hp_buf_fini(&buf);
}

static void lanes_that_do_not_exist_become_harmless(void **state)
{
    (void)state;
    struct sample s;
    fill(&s);
    s.lanes[1].parent = 2;
    s.lanes[2].parent = 900;
    s.edges[0].other = 3;
    s.edges[1].lane = 3;
    s.stmts[2].lane = 70;
    s.spans[0].lane = UINT32_MAX;
    s.spans[1].holder = 2;
    s.holders[0].lane = 3;
    s.steps[0].lane = 3;
    struct hp_buf buf;
    hp_buf_init(&buf, 1 << 20);
    assert_int_equal(hp_record_encode(&s.record, &buf), HP_OK);
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    struct hp_reader reader = reader_of(&buf);
    struct hp_record out;
    assert_int_equal(hp_record_decode(&reader, &arena, &out), HP_OK);
    assert_int_equal(out.lanes[1].parent, 0);
    assert_int_equal(out.lanes[2].parent, 0);
    assert_int_equal(out.edges[0].other, HP_NODE_NONE);
    assert_int_equal(out.edges[1].lane, 0);
    assert_int_equal(out.stmts[2].lane, 0);
    assert_int_equal(out.spans[0].lane, 0);
    assert_int_equal(out.spans[0].holder, 1);
    assert_int_equal(out.spans[1].holder, 0);
    assert_int_equal(out.holders[0].lane, 0);
    assert_int_equal(out.steps[0].lane, 0);
    hp_arena_fini(&arena);
    hp_buf_fini(&buf);
}

static uint32_t plus(void *ctx, uint32_t id)
{
    return id + *(const uint32_t *)ctx;
}

static void map_reaches_every_id_and_leaves_none_alone(void **state)
{
    (void)state;
    struct sample s;
    fill(&s);
    uint32_t add = 1000;
    struct hp_id_maps maps = {&add, plus, plus, plus, plus};
    hp_record_map(&s.record, &maps);
    assert_int_equal(s.record.req.route, 1007);
    assert_int_equal(s.record.req.revision, 1008);
    assert_int_equal(s.record.req.exception_type, 1009);
    assert_int_equal(s.record.req.view_sym, 2000);
    assert_int_equal(s.lanes[0].site_sym, 0);
    assert_int_equal(s.lanes[1].site_sym, 1021);
    assert_int_equal(s.lanes[1].via_sym, 1022);
    assert_int_equal(s.edges[0].site_sym, 1021);
    assert_int_equal(s.spans[0].peer, 1009);
    assert_int_equal(s.waits[0].peer, 1007);
    assert_int_equal(s.holders[0].route, 1007);
    assert_int_equal(s.holders[0].thread, 1009);
    assert_int_equal(s.holders[0].site_sym, 1021);
    assert_int_equal(s.holders[0].via_sym, 1005);
    assert_int_equal(s.steps[0].site_sym, 1021);
    assert_int_equal(s.steps[0].via_sym, 1005);
    assert_int_equal(s.stmts[0].statement, 1001);
    assert_int_equal(s.stmts[0].via_sym, 1005);
    assert_int_equal(s.stmts[3].site_sym, 0);
    assert_int_equal(s.groups[1].statement, 1002);
    assert_int_equal(s.groups[1].site_sym, 1021);
    assert_int_equal(s.groups[1].via_sym, 0);
    struct hp_id_maps none = {0};
    hp_record_map(&s.record, &none);
    assert_int_equal(s.record.req.route, 1007);
}

/* The file was written once by version 1 and stays: HP_GOLDEN_NEW=1 writes it only where there is none. */
static void places_of_waits_and_run_queues_come_back(void **state)
{
    (void)state;
    struct sample s;
    struct hp_buf out;
    struct hp_arena arena;
    struct hp_reader in;
    struct hp_record record;
    fill(&s);
    s.lanes[1].runqueue_ns = 0;
    s.lanes[1].wait_busy_ns = 77;
    s.lanes[2].lost_spans = 5;
    s.spans[1].protocol = HP_PROTOCOL_REDIS;
    s.spans[1].site_sym = 14;
    s.spans[1].site_line = 15;
    s.spans[1].via_sym = 16;
    s.waits[0].lane = 2;
    s.waits[0].max_ns = 4;
    s.waits[0].site_sym = 10;
    s.waits[0].site_line = 11;
    s.waits[0].via_sym = 12;
    hp_buf_init(&out, 1 << 20);
    hp_arena_init(&arena, 1 << 20);
    assert_int_equal(hp_record_encode(&s.record, &out), HP_OK);
    hp_reader_init(&in, out.data, out.len);
    assert_int_equal(hp_record_decode(&in, &arena, &record), HP_OK);
    assert_lists_equal(&s.record, &record);
    hp_arena_fini(&arena);
    hp_buf_fini(&out);
}

static void golden_file_of_version_1_is_read(void **state)
{
    (void)state;
    const char *folder = getenv("HP_TEST_DATA");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/golden/record-v1.bin", folder != NULL ? folder : "tests");
    struct sample s;
    fill(&s);
    FILE *file = fopen(path, "rb");
    if (file == NULL && getenv("HP_GOLDEN_NEW") != NULL) {
        struct hp_buf buf;
        hp_buf_init(&buf, 1 << 20);
        assert_int_equal(hp_record_encode(&s.record, &buf), HP_OK);
        file = fopen(path, "wbx");
        assert_non_null(file);
        assert_int_equal(fwrite(buf.data, 1, buf.len, file), buf.len);
        assert_int_equal(fclose(file), 0);
        hp_buf_fini(&buf);
        file = fopen(path, "rb");
    }
    if (file == NULL && folder == NULL) {
        skip();
    }
    assert_non_null(file);
    uint8_t bytes[4096];
    size_t n = fread(bytes, 1, sizeof bytes, file);
    assert_int_equal(fclose(file), 0);
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    struct hp_reader reader;
    hp_reader_init(&reader, bytes, n);
    struct hp_record out;
    assert_int_equal(hp_record_decode(&reader, &arena, &out), HP_OK);
    assert_request_equal(&s.record.req, &out.req);
    s.record.holder_count = s.record.step_count = 0; /* version 1 began without */
    s.spans[0].holder = 0;
    assert_lists_equal(&s.record, &out);
    assert_true(hp_str_eq(s.record.shape, out.shape) && hp_str_eq(s.record.values, out.values));
    hp_arena_fini(&arena);
}

static void use_record(void *arg)
{
    (void)arg;
    struct sample s;
    fill(&s);
    struct hp_buf buf;
    hp_buf_init(&buf, 1 << 20);
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    hp_err err = hp_record_encode(&s.record, &buf);
    assert_true(err == HP_OK || err == HP_ENOMEM);
    if (err == HP_OK) {
        struct hp_reader reader = reader_of(&buf);
        struct hp_record out;
        err = hp_record_decode(&reader, &arena, &out);
        assert_true(err == HP_OK || err == HP_ENOMEM);
        assert_int_equal(out.lane_count, err == HP_OK ? LANES : 0);
    }
    hp_arena_fini(&arena);
    hp_buf_fini(&buf);
}

static void survives_no_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_record, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(detail_brings_what_columns_do_not_have),
        cmocka_unit_test(absent_stays_absent_and_costs_little),
        cmocka_unit_test(detail_of_a_bare_request_is_below_60_bytes),
        cmocka_unit_test(twenty_statements_take_less_than_500_bytes),
        cmocka_unit_test(encoding_with_room_allocates_nothing),
        cmocka_unit_test(full_buffer_holds_no_half_record),
        cmocka_unit_test(every_cut_fails_cleanly),
        cmocka_unit_test(newer_and_foreign_bytes_are_told_apart),
        cmocka_unit_test(lanes_that_do_not_exist_become_harmless),
        cmocka_unit_test(map_reaches_every_id_and_leaves_none_alone),
        cmocka_unit_test(places_of_waits_and_run_queues_come_back),
        cmocka_unit_test(golden_file_of_version_1_is_read),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
