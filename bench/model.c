/* model.c -- what the model costs: a traced call's look-up, encoding and decoding of trees and records, a
 * replay.
 *
 * Build it against an optimised tree without assertions:
 *     cc -std=c11 -O2 -D_GNU_SOURCE -Isrc -Iinclude bench/model.c src/model/{dict,tree,record,functions,whatif}.c \
 *        src/base/{mem,buf,reader,str,hash,intern,arena,map}.c -lpthread -o bench_model
 * `bench_model` prints nanoseconds; `bench_model calls N` does N look-ups only, for callgrind (the difference
 * of two N).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/functions.h"
#include "model/record.h"
#include "model/tree.h"
#include "model/whatif.h"

#define FANOUT 5u
#define DEPTH  5u /* 5 + 25 + … + 3125 nodes */

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One request: every function calls FANOUT others in a row, the leaves three times each. */
static uint64_t call(struct hp_tree *tree, uint32_t parent, uint32_t depth)
{
    uint64_t calls = 0;
    for (uint32_t i = 0; i < FANOUT; i++) {
        for (uint32_t again = 0; again < (depth == 1 ? 3u : 1u); again++) {
            bool fresh = false;
            uint32_t id = hp_tree_child(tree, parent, depth * 10 + i + 1, i * 6, HP_NODE_CALL, &fresh);
            if (fresh) {
                hp_tree_set_line(tree, id, 100 + i);
            }
            tree->nodes[id].calls++;
            tree->nodes[id].self += 700 + i;
            calls += 1 + (depth > 1 ? call(tree, id, depth - 1) : 0);
        }
    }
    return calls;
}

static void line(const char *what, uint64_t start, double n)
{
    printf("%-44s %8.1f ns\n", what, (double)(now_ns() - start) / n);
}

static void bench_calls(struct hp_tree *tree)
{
    uint64_t calls = 0;
    uint64_t start = now_ns();
    for (int i = 0; i < 500; i++) {
        hp_tree_begin(tree);
        calls += call(tree, HP_NODE_ROOT, DEPTH);
    }
    line("a call in a warm request (look-up, count)", start, (double)calls);
}

static struct hp_reader reader_of(const struct hp_buf *buf)
{
    struct hp_reader reader;
    hp_reader_init(&reader, buf->data, buf->len);
    return reader;
}

static void bench_tree(struct hp_tree *tree, struct hp_dict *dict)
{
    struct hp_buf shape;
    struct hp_buf values;
    hp_buf_init(&shape, 1 << 24);
    hp_buf_init(&values, 1 << 24);
    uint64_t start = now_ns();
    for (int i = 0; i < 500; i++) {
        hp_buf_reset(&shape);
        hp_buf_reset(&values);
        (void)!hp_tree_encode(tree, NULL, &shape, &values, NULL);
    }
    line("encode, per node", start, 500.0 * tree->count);
    printf("%-44s %8.2f + %.2f bytes\n", "a node in shape + values", (double)shape.len / tree->count,
           (double)values.len / tree->count);
    struct hp_tree *copy = hp_tree_new(dict, 100000);
    start = now_ns();
    for (int i = 0; i < 500; i++) {
        (void)!hp_tree_decode(copy, reader_of(&shape), reader_of(&values), NULL, 1000);
    }
    line("decode with totals, per node", start, 500.0 * tree->count);
    struct hp_tree *merged = hp_tree_new(dict, 100000);
    start = now_ns();
    for (int i = 0; i < 500; i++) {
        (void)!hp_tree_merge(merged, copy, NULL);
    }
    line("merge, per node", start, 500.0 * tree->count);
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 24);
    struct hp_functions functions;
    start = now_ns();
    for (int i = 0; i < 500; i++) {
        hp_arena_reset(&arena);
        (void)!hp_functions_fold(copy, &arena, &functions);
    }
    line("fold per function, per node", start, 500.0 * tree->count);
    hp_arena_fini(&arena);
    hp_tree_free(copy);
    hp_tree_free(merged);
    hp_buf_fini(&shape);
    hp_buf_fini(&values);
}

static void fill(struct hp_record *record, struct hp_lane *lane, struct hp_stmt *stmts)
{
    memset(record, 0, sizeof *record);
    record->req = (struct hp_request){.id = 0x123456789abcdef0,
                                      .seq = 5000,
                                      .start_wall_ns = 1790000000000000000,
                                      .wall_ns = 8000000,
                                      .own_ns = 3000,
                                      .cpu_ns = 4000000,
                                      .first_byte_ns = 7000000,
                                      .queue_ns = HP_ABSENT,
                                      .gil_ns = HP_ABSENT,
                                      .runqueue_ns = HP_ABSENT,
                                      .gc_ns = HP_ABSENT,
                                      .bytes_in = HP_ABSENT,
                                      .bytes_out = 20000,
                                      .alloc_bytes = HP_ABSENT,
                                      .alloc_blocks = HP_ABSENT,
                                      .phase_ns = {100000, 20000, 4000000, 300000, 1, 1, 1},
                                      .route = 3,
                                      .revision = 1,
                                      .view_sym = 300,
                                      .weight = 1,
                                      .status = 200,
                                      .level = 1,
                                      .level_asked = 1};
    *lane = (struct hp_lane){.end_ns = 8000000, .cpu_ns = 4000000, .parent_node = HP_NODE_NONE};
    record->lanes = lane;
    record->lane_count = 1;
    record->stmts = stmts;
    for (uint32_t i = 0; i < 20; i++) {
        stmts[i] = (struct hp_stmt){.t0_ns = 300000 * (i + 1),
                                    .exec_ns = 200000,
                                    .fetch_ns = 20000,
                                    .rows = 1,
                                    .param_hash = i * 0x9E3779B97F4A7C15 + 1,
                                    .statement = 40,
                                    .node = 900,
                                    .conn = 1,
                                    .site_sym = 400,
                                    .site_line = 120};
    }
}

static void bench_record(void)
{
    struct hp_record record;
    struct hp_lane lane;
    struct hp_stmt stmts[20];
    fill(&record, &lane, stmts);
    struct hp_buf buf;
    hp_buf_init(&buf, 1 << 24);
    for (uint32_t count = 0; count <= 20; count += 20) {
        record.stmt_count = count;
        uint64_t start = now_ns();
        for (int i = 0; i < 200000; i++) {
            hp_buf_reset(&buf);
            (void)!hp_record_encode(&record, &buf);
        }
        line(count == 0 ? "encode a bare record" : "encode a record with 20 statements", start, 200000.0);
        struct hp_arena arena;
        hp_arena_init(&arena, 1 << 20);
        start = now_ns();
        for (int i = 0; i < 200000; i++) {
            hp_arena_reset(&arena);
            struct hp_reader reader = reader_of(&buf);
            struct hp_record out;
            (void)!hp_record_decode(&reader, &arena, &out);
        }
        line("decode it", start, 200000.0);
        printf("%-44s %8zu bytes\n", "size", buf.len);
        hp_arena_fini(&arena);
    }
    hp_buf_fini(&buf);
}

static void bench_whatif(void)
{
    struct hp_lane lanes[41] = {{.end_ns = 120000000}};
    struct hp_edge edges[40];
    for (uint32_t i = 0; i < 40; i++) {
        lanes[i + 1] = (struct hp_lane){
            .spawn_ns = 10000000, .start_ns = 10000000, .end_ns = 110000000, .kind = HP_LANE_THREAD};
        edges[i] = (struct hp_edge){
            .t0_ns = i == 0 ? 10000000 : 110000000, .t1_ns = 110000000, .other = i + 1, .kind = HP_EDGE_JOIN};
    }
    struct hp_record record = {.lanes = lanes, .lane_count = 41, .edges = edges, .edge_count = 40};
    record.req.wall_ns = 120000000;
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 24);
    uint64_t sum = 0;
    uint64_t start = now_ns();
    for (int i = 0; i < 5000; i++) {
        hp_arena_reset(&arena);
        struct hp_whatif what;
        if (hp_whatif_init(&what, &record, &arena) == HP_OK) {
            (void)!hp_whatif_remove(&what, 5, 20000000, 1000000);
            sum += hp_whatif_duration_ns(&what);
        }
    }
    line("prepare and replay 41 lanes, 40 joins", start, 5000.0);
    printf("%-44s %8.1f ms\n", "(duration)", (double)sum / 5000 / 1e6);
    hp_arena_fini(&arena);
}

int main(int argc, char **argv)
{
    struct hp_dict *dict = hp_dict_new();
    for (uint32_t i = 1; i < 100; i++) {
        struct hp_symbol symbol = {
            .file = HP_STR("shop/views.py"), .name = HP_STR("view"), .path = HP_STR(""), .line = i};
        uint32_t id = 0;
        (void)!hp_dict_add_symbol(dict, &symbol, &id);
    }
    struct hp_tree *tree = hp_tree_new(dict, 100000);
    (void)call(tree, HP_NODE_ROOT, DEPTH);
    if (argc == 3) { /* calls N: N warm look-ups, five callees in turn */
        uint64_t sum = 0;
        bool fresh = false;
        for (long i = 0, n = atol(argv[2]); i < n; i++) {
            uint32_t j = (uint32_t)(i % 5);
            sum += hp_tree_child(tree, HP_NODE_ROOT, DEPTH * 10 + j + 1, j * 6, HP_NODE_CALL, &fresh);
        }
        return sum == 1;
    }
    printf("%-44s %8u\n", "nodes", tree->count);
    bench_calls(tree);
    bench_tree(tree, dict);
    bench_record();
    bench_whatif();
    hp_tree_free(tree);
    hp_dict_free(dict);
    return 0;
}
