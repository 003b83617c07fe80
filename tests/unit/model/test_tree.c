/* test_tree.c -- the call tree against a naive one, its encoding, its caps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/tree.h"
#include "sweep_oom.h"

#define TWIN_MAX 400

static uint32_t child(struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t site)
{
    bool fresh = false;
    uint32_t id = hp_tree_child(tree, parent, sym, site, HP_NODE_CALL, &fresh);
    if (fresh) {
        hp_tree_set_line(tree, id, site + 100);
    }
    return id;
}

static void count_call(struct hp_tree *tree, uint32_t id, uint64_t self)
{
    tree->nodes[id].calls++;
    tree->nodes[id].self += self;
}

static void check(const struct hp_tree *tree)
{
    const char *wrong = hp__tree_check(tree);
    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
}

static uint32_t live_count(const struct hp_tree *tree)
{
    uint32_t count = 0;
    for (uint32_t id = HP_NODE_ROOT; id != HP_NODE_NONE; id = hp_tree_next(tree, id)) {
        count++;
    }
    return count;
}

struct encoded {
    struct hp_buf shape, values;
};

static struct encoded encode(struct hp_tree *tree, uint32_t *number_of)
{
    struct encoded out;
    hp_buf_init(&out.shape, 1 << 26);
    hp_buf_init(&out.values, 1 << 26);
    assert_int_equal(hp_tree_encode(tree, NULL, &out.shape, &out.values, number_of), HP_OK);
    return out;
}

static void encoded_fini(struct encoded *encoded)
{
    hp_buf_fini(&encoded->shape);
    hp_buf_fini(&encoded->values);
}

static struct hp_reader reader_of(const struct hp_buf *buf, size_t n)
{
    struct hp_reader reader;
    hp_reader_init(&reader, buf->data, n);
    return reader;
}

static hp_err decode(struct hp_tree *tree, const struct encoded *encoded, uint32_t sym_count)
{
    return hp_tree_decode(tree, reader_of(&encoded->shape, encoded->shape.len),
                          reader_of(&encoded->values, encoded->values.len), NULL, sym_count);
}

static void same_path_is_the_same_node(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 1000);
    bool fresh = false;
    uint32_t a = hp_tree_child(tree, HP_NODE_ROOT, 5, 10, HP_NODE_CALL, &fresh);
    assert_true(fresh);
    uint32_t b = hp_tree_child(tree, a, 5, 10, HP_NODE_CALL, &fresh); /* recursion: a level of its own */
    assert_true(fresh && b != a);
    assert_int_equal(hp_tree_child(tree, HP_NODE_ROOT, 5, 10, HP_NODE_CALL, &fresh), a);
    assert_false(fresh);
    assert_int_not_equal(child(tree, HP_NODE_ROOT, 5, 11), a);
    assert_int_not_equal(child(tree, HP_NODE_ROOT, 6, 10), a);
    assert_int_not_equal(hp_tree_child(tree, HP_NODE_ROOT, 5, 10, HP_NODE_TEMPLATE, &fresh), a);
    assert_int_equal(live_count(tree), 6);
    check(tree);
    hp_tree_free(tree);
}

static void new_epoch_forgets_counts_and_keeps_nodes(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 1000);
    uint32_t a = child(tree, HP_NODE_ROOT, 1, 1);
    uint32_t b = child(tree, a, 2, 2);
    count_call(tree, a, 7);
    count_call(tree, b, 9);
    tree->nodes[HP_NODE_ROOT].self = 3;
    hp_tree_begin(tree);
    assert_int_equal(live_count(tree), 1);
    assert_int_equal(tree->nodes[HP_NODE_ROOT].self, 0);
    bool fresh = true;
    assert_int_equal(hp_tree_child(tree, HP_NODE_ROOT, 1, 1, HP_NODE_CALL, &fresh), a);
    assert_false(fresh);
    assert_int_equal(tree->nodes[a].calls, 0);
    assert_int_equal(tree->nodes[a].line, 101);
    assert_true(hp_tree_live(tree, a));
    assert_false(hp_tree_live(tree, b));
    tree->epoch = UINT32_MAX; /* the epoch after the last one */
    hp_tree_begin(tree);
    assert_int_equal(live_count(tree), 1);
    assert_int_equal(child(tree, HP_NODE_ROOT, 1, 1), a);
    check(tree);
    hp_tree_clear(tree);
    assert_int_equal(tree->count, 1);
    assert_int_equal(child(tree, HP_NODE_ROOT, 9, 9), 1);
    check(tree);
    hp_tree_free(tree);
}

/* ---- twin ---- */

struct twin_node {
    uint32_t parent, sym, line;
    uint8_t kind;
    bool live;
    uint64_t calls, self;
};

struct twin {
    struct twin_node nodes[TWIN_MAX];
    uint32_t ids[TWIN_MAX]; /* of the tree under test */
    uint32_t count;
};

static uint32_t twin_child(struct twin *twin, uint32_t parent, uint32_t sym, uint32_t line, uint8_t kind)
{
    for (uint32_t i = 1; i < twin->count; i++) {
        const struct twin_node *node = &twin->nodes[i];
        if (node->parent == parent && node->sym == sym && node->line == line && node->kind == kind) {
            return i;
        }
    }
    twin->nodes[twin->count] = (struct twin_node){.parent = parent, .sym = sym, .line = line, .kind = kind};
    return twin->count++;
}

static uint64_t twin_total(const struct twin *twin, uint32_t id)
{
    uint64_t total = twin->nodes[id].self;
    for (uint32_t i = id + 1; i < twin->count; i++) {
        if (twin->nodes[i].live && twin->nodes[i].parent == id && twin->nodes[i].kind != HP_NODE_LANE) {
            total += twin_total(twin, i);
        }
    }
    return total;
}

static void twin_step(struct hp_rng *rng, struct hp_tree *tree, struct twin *twin)
{
    uint32_t at = 0;
    do {
        at = (uint32_t)hp_rng_below(rng, twin->count);
    } while (!twin->nodes[at].live);
    if (twin->count < TWIN_MAX) {
        uint32_t sym = 1 + (uint32_t)hp_rng_below(rng, 6);
        uint32_t line = (uint32_t)hp_rng_below(rng, 3);
        uint8_t kind = hp_rng_below(rng, 8) == 0 ? HP_NODE_LANE : HP_NODE_CALL;
        uint32_t id = hp_tree_child_at_line(tree, twin->ids[at], sym, line, kind);
        at = twin_child(twin, at, sym, line, kind);
        twin->ids[at] = id;
        if (!twin->nodes[at].live) {
            twin->nodes[at].calls = twin->nodes[at].self = 0;
            twin->nodes[at].live = true;
        }
    }
    uint64_t self = hp_rng_below(rng, 100000);
    count_call(tree, twin->ids[at], self);
    twin->nodes[at].calls++;
    twin->nodes[at].self += self;
}

static void twin_compare(struct hp_tree *tree, const struct twin *twin)
{
    hp_tree_total(tree);
    check(tree);
    uint32_t live = 0;
    for (uint32_t i = 0; i < twin->count; i++) {
        uint32_t id = twin->ids[i];
        assert_int_equal(hp_tree_live(tree, id), twin->nodes[i].live);
        if (twin->nodes[i].live) {
            live++;
            assert_int_equal(tree->nodes[id].calls, twin->nodes[i].calls);
            assert_int_equal(tree->nodes[id].self, twin->nodes[i].self);
            assert_int_equal(tree->nodes[id].total, twin_total(twin, i));
        }
    }
    assert_int_equal(live_count(tree), live);
}

/* What was encoded comes back with the same numbers at the positions that the encoder told. */
static void twin_round_trip(struct hp_tree *tree, const struct twin *twin)
{
    uint32_t number_of[TWIN_MAX];
    assert_true(tree->count <= TWIN_MAX);
    struct encoded first = encode(tree, number_of);
    check(tree);
    struct hp_tree *copy = hp_tree_new(NULL, 1000);
    assert_int_equal(decode(copy, &first, 100), HP_OK);
    check(copy);
    for (uint32_t i = 0; i < twin->count; i++) {
        uint32_t id = twin->ids[i];
        assert_int_equal(number_of[id] == HP_NODE_NONE, !twin->nodes[i].live);
        if (twin->nodes[i].live) {
            const struct hp_node *node = &copy->nodes[number_of[id]];
            assert_int_equal(node->sym, tree->nodes[id].sym);
            assert_int_equal(node->line, tree->nodes[id].line);
            assert_int_equal(node->kind, tree->nodes[id].kind);
            assert_int_equal(node->calls, tree->nodes[id].calls);
            assert_int_equal(node->total, tree->nodes[id].total);
        }
    }
    struct encoded second = encode(copy, NULL);
    assert_true(hp_str_eq(hp_buf_str(&first.shape), hp_buf_str(&second.shape)));
    assert_true(hp_str_eq(hp_buf_str(&first.values), hp_buf_str(&second.values)));
    /* Twice the same tree merged is twice its numbers. */
    assert_int_equal(hp_tree_merge(copy, tree, NULL), HP_OK);
    check(copy);
    assert_int_equal(live_count(copy), live_count(tree));
    for (uint32_t i = 0; i < twin->count; i++) {
        if (twin->nodes[i].live) {
            const struct hp_node *node = &copy->nodes[number_of[twin->ids[i]]];
            assert_int_equal(node->calls, 2 * twin->nodes[i].calls);
            assert_int_equal(node->total, 2 * tree->nodes[twin->ids[i]].total);
        }
    }
    hp_tree_free(copy);
    encoded_fini(&first);
    encoded_fini(&second);
}

static void twin_agrees_with_naive_tree(void **state)
{
    (void)state;
    struct hp_rng rng;
    hp_rng_seed(&rng, hp_test_seed("tree", 42));
    static struct twin twin;
    for (int run = 0; run < 20; run++) {
        memset(&twin, 0, sizeof twin);
        twin.count = 1;
        twin.nodes[0].live = true;
        twin.nodes[0].kind = HP_NODE_LANE;
        struct hp_tree *tree = hp_tree_new(NULL, 10000);
        for (int epoch = 0; epoch < 5; epoch++) {
            uint64_t steps = hp_rng_below(&rng, 300);
            for (uint64_t i = 0; i < steps; i++) {
                twin_step(&rng, tree, &twin);
            }
            twin_compare(tree, &twin);
            twin_round_trip(tree, &twin);
            hp_tree_begin(tree);
            for (uint32_t i = 0; i < twin.count; i++) {
                twin.nodes[i].live = i == 0;
            }
            twin.nodes[0].calls = twin.nodes[0].self = 0;
        }
        hp_tree_free(tree);
    }
}

/* ---- order ---- */

static void shape_does_not_depend_on_the_order_of_calls(void **state)
{
    (void)state;
    struct hp_dict *dict = hp_dict_new();
    uint32_t syms[30];
    for (uint32_t i = 0; i < 30; i++) {
        struct hp_symbol symbol = {
            .file = HP_STR("a.py"), .name = HP_STR("f"), .path = HP_STR(""), .line = i * 7 + 1};
        assert_int_equal(hp_dict_add_symbol(dict, &symbol, &syms[i]), HP_OK);
    }
    struct encoded first = {0};
    for (uint32_t run = 0; run < 7; run++) {
        struct hp_tree *tree = hp_tree_new(dict, 10000);
        for (uint32_t i = 0; i < 900; i++) {
            uint32_t j =
                (i * (2 * run + 1) * 13 + run) % 900; /* 13 and most of the odd ones are prime to 900 */
            if ((2 * run + 1) % 3 == 0 || (2 * run + 1) % 5 == 0) {
                j = 899 - i;
            }
            uint32_t a = child(tree, HP_NODE_ROOT, syms[j % 30], j % 2);
            count_call(tree, child(tree, a, syms[j / 30], j % 5), 10);
        }
        struct encoded now = encode(tree, NULL);
        check(tree);
        if (run == 0) {
            first = now;
        } else {
            assert_true(hp_str_eq(hp_buf_str(&first.shape), hp_buf_str(&now.shape)));
            assert_true(hp_str_eq(hp_buf_str(&first.values), hp_buf_str(&now.values)));
            encoded_fini(&now);
        }
        hp_tree_free(tree);
    }
    encoded_fini(&first);
    hp_dict_free(dict);
}

static void calls_at_one_line_from_two_sites_stay_apart_until_merged(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 100);
    bool fresh = false;
    for (uint32_t site = 0; site < 2; site++) {
        uint32_t id = hp_tree_child(tree, HP_NODE_ROOT, 1, site, HP_NODE_CALL, &fresh);
        hp_tree_set_line(tree, id, 5);
        count_call(tree, id, 10 + site);
    }
    struct encoded bytes = encode(tree, NULL);
    struct hp_tree *copy = hp_tree_new(NULL, 100);
    assert_int_equal(decode(copy, &bytes, 2), HP_OK);
    assert_int_equal(live_count(copy), 3);
    assert_int_equal(copy->nodes[1].self, 10);
    assert_int_equal(copy->nodes[2].self, 11);
    struct hp_tree *merged = hp_tree_new(NULL, 100);
    assert_int_equal(hp_tree_merge(merged, copy, NULL), HP_OK);
    assert_int_equal(live_count(merged), 2);
    assert_int_equal(merged->nodes[1].self, 21);
    encoded_fini(&bytes);
    hp_tree_free(tree);
    hp_tree_free(copy);
    hp_tree_free(merged);
}

static void recursion_of_100000_levels_encodes_and_decodes(void **state)
{
    (void)state;
    const uint32_t depth = 100000;
    struct hp_tree *tree = hp_tree_new(NULL, depth + 10);
    uint32_t at = HP_NODE_ROOT;
    for (uint32_t i = 0; i < depth; i++) {
        at = child(tree, at, 1, 2);
        count_call(tree, at, 3);
    }
    uint32_t sibling = child(tree, HP_NODE_ROOT, 2, 0); /* all levels are popped at once */
    count_call(tree, sibling, 1);
    struct encoded bytes = encode(tree, NULL);
    struct hp_tree *copy = hp_tree_new(NULL, depth + 10);
    assert_int_equal(decode(copy, &bytes, 3), HP_OK);
    assert_int_equal(copy->count, depth + 2);
    assert_int_equal(copy->nodes[HP_NODE_ROOT].total, 3 * depth + 1);
    hp_tree_free(copy);
    copy = hp_tree_new(NULL, depth);
    assert_int_equal(decode(copy, &bytes, 3), HP_EFULL);
    assert_int_equal(copy->count, 1);
    hp_tree_free(copy);
    encoded_fini(&bytes);
    hp_tree_free(tree);
}

static void many_children_sort_quickly(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 1 << 18);
    for (uint32_t i = 0; i < 200000; i++) {
        count_call(tree, child(tree, HP_NODE_ROOT, 1 + i * 7919 % 200000, 0), 1);
    }
    struct encoded bytes = encode(tree, NULL);
    check(tree);
    uint32_t last = 0;
    for (uint32_t id = hp_tree_next(tree, HP_NODE_ROOT); id != HP_NODE_NONE; id = hp_tree_next(tree, id)) {
        assert_true(tree->nodes[id].sym > last);
        last = tree->nodes[id].sym;
    }
    encoded_fini(&bytes);
    hp_tree_free(tree);
}

/* ---- caps ---- */

static void beyond_the_cap_each_lane_keeps_its_time(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 40);
    bool fresh = false;
    uint32_t thread = hp_tree_child(tree, HP_NODE_ROOT, 1, 0, HP_NODE_LANE, &fresh);
    uint64_t calls = 0;
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t main_node = child(tree, child(tree, HP_NODE_ROOT, 2, i), 3, 0);
        count_call(tree, main_node, 10);
        uint32_t thread_node = child(tree, child(tree, thread, 4, i), 5, 0);
        count_call(tree, thread_node, 100);
        calls += 2;
        check(tree);
    }
    assert_true(tree->count <= 40);
    assert_true(tree->overflow_count > 0);
    hp_tree_total(tree);
    assert_int_equal(tree->nodes[HP_NODE_ROOT].total, 200 * 10);
    assert_int_equal(tree->nodes[thread].total, 200 * 100);
    uint64_t seen = 0;
    for (uint32_t id = HP_NODE_ROOT; id != HP_NODE_NONE; id = hp_tree_next(tree, id)) {
        seen += tree->nodes[id].calls;
    }
    assert_int_equal(seen, calls);
    struct encoded bytes = encode(tree, NULL);
    struct hp_tree *copy = hp_tree_new(NULL, 40);
    assert_int_equal(decode(copy, &bytes, 10), HP_OK);
    assert_int_equal(copy->nodes[HP_NODE_ROOT].total, 2000);
    /* Lanes beyond the cap share one that is a lane too. */
    uint32_t shared = hp_tree_child(tree, HP_NODE_ROOT, 77, 0, HP_NODE_LANE, &fresh);
    assert_int_equal(tree->nodes[shared].kind, HP_NODE_LANE);
    assert_int_equal(hp_tree_child(tree, thread, 78, 0, HP_NODE_LANE, &fresh), shared);
    uint32_t below = child(tree, shared, 79, 0);
    assert_int_equal(tree->nodes[below].kind, HP_NODE_OVERFLOW);
    count_call(tree, below, 1000);
    hp_tree_total(tree);
    assert_int_equal(tree->nodes[HP_NODE_ROOT].total, 2000);
    assert_int_equal(tree->nodes[shared].total, 1000);
    assert_true(tree->count <= 40);
    check(tree);
    hp_tree_begin(tree);
    assert_int_equal(tree->overflow_count, 0);
    encoded_fini(&bytes);
    hp_tree_free(tree);
    hp_tree_free(copy);
}

/* 0 root ── view ─┬─ library, at any number of lines ── parse
 *                 └─ helper ── library …
 */
static void beyond_the_cap_calls_stay_with_the_application_function(void **state)
{
    (void)state;
    struct hp_dict *dict = hp_dict_new();
    uint32_t app[3], library, parse;
    struct hp_symbol symbol = {
        .file = HP_STR("a.py"), .path = HP_STR(""), .name = HP_STR("library"), .line = 1};
    assert_int_equal(hp_dict_add_symbol(dict, &symbol, &library), HP_OK);
    symbol.name = HP_STR("parse");
    assert_int_equal(hp_dict_add_symbol(dict, &symbol, &parse), HP_OK);
    symbol.flags = HP_SYM_APP;
    for (uint32_t i = 0; i < 3; i++) {
        symbol.line = i + 2;
        assert_int_equal(hp_dict_add_symbol(dict, &symbol, &app[i]), HP_OK);
    }
    struct hp_tree *tree = hp_tree_new(dict, 60);
    hp_tree_hold(tree, 2);
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        hp_tree_begin(tree);
        uint32_t nodes[3] = {child(tree, HP_NODE_ROOT, app[0], 0)};
        nodes[1] = child(tree, nodes[0], app[1], 1);
        nodes[2] = child(tree, nodes[0], app[2], 2);
        for (uint32_t i = 0; i < 300; i++) {
            uint32_t called = child(tree, nodes[i % 3], library, 3 + i);
            count_call(tree, child(tree, called, parse, 0), 10);
            check(tree);
        }
        hp_tree_total(tree);
        assert_true(tree->count <= 60);
        assert_int_equal(tree->held_nodes, 2);
        assert_int_equal(tree->nodes[HP_NODE_ROOT].total, 3000);
        uint32_t held = 0;
        for (uint32_t i = 1; i < tree->count; i++) {
            const struct hp_node *node = &tree->nodes[i];
            bool below = node->kind == HP_NODE_OVERFLOW && node->parent != HP_NODE_ROOT;
            assert_true(!below || node->self > 800); /* of 1,000; what is the third's goes to the lane */
            held += below;
        }
        assert_int_equal(held, 2);
    }
    hp_tree_free(tree);
    hp_dict_free(dict);
}

static void smallest_tree_holds_its_cap(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 0);
    bool fresh = false;
    for (uint32_t i = 1; i < 20; i++) {
        (void)child(tree, HP_NODE_ROOT, i, 0);
        (void)child(tree, hp_tree_child(tree, HP_NODE_ROOT, i, 0, HP_NODE_LANE, &fresh), i, 0);
        check(tree);
    }
    assert_int_equal(tree->count, 4);
    hp_tree_free(tree);
}

static void warm_request_allocates_nothing(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 10000);
    struct encoded bytes = {0};
    uint64_t before = hp_mem_forbidden_count();
    for (int run = 0; run < 3; run++) {
        hp_mem_forbid(run > 0);
        hp_tree_begin(tree);
        for (uint32_t i = 0; i < 2000; i++) {
            count_call(tree, child(tree, child(tree, HP_NODE_ROOT, i % 50, 0), i % 41, i % 3), i);
        }
        if (run == 0) {
            bytes = encode(tree, NULL);
        } else {
            hp_buf_reset(&bytes.shape);
            hp_buf_reset(&bytes.values);
            /* The encoder wants room for its longest node at the end. */
            assert_int_equal(hp_tree_encode(tree, NULL, &bytes.shape, &bytes.values, NULL), HP_OK);
        }
        hp_mem_forbid(false);
    }
    assert_int_equal(hp_mem_forbidden_count(), before);
    encoded_fini(&bytes);
    hp_tree_free(tree);
}

/* ---- numbers ---- */

static uint64_t third(uint64_t ticks)
{
    return ticks / 3;
}

static void converted_times_sum_up_exactly(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 10000);
    for (uint32_t i = 0; i < 3000; i++) {
        count_call(tree, child(tree, HP_NODE_ROOT, i + 1, 0), 100);
    }
    struct encoded bytes;
    hp_buf_init(&bytes.shape, 1 << 20);
    hp_buf_init(&bytes.values, 1 << 20);
    assert_int_equal(hp_tree_encode(tree, third, &bytes.shape, &bytes.values, NULL), HP_OK);
    struct hp_tree *copy = hp_tree_new(NULL, 10000);
    assert_int_equal(decode(copy, &bytes, 5000), HP_OK);
    assert_int_equal(copy->nodes[HP_NODE_ROOT].total, 100000);
    encoded_fini(&bytes);
    hp_tree_free(tree);
    hp_tree_free(copy);
}

static void rare_values_come_back(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 100);
    uint32_t id = child(tree, HP_NODE_ROOT, 1, 70000);
    struct hp_node *node = &tree->nodes[id];
    node->calls = UINT64_MAX >> 1;
    node->resumes = UINT64_MAX;
    node->exceptions = UINT32_MAX;
    node->cpu_ns = 5;
    node->alloc_bytes = 6;
    node->alloc_blocks = 7;
    node->samples = 8;
    node->self = 12345678901234;
    struct encoded bytes = encode(tree, NULL);
    struct hp_tree *copy = hp_tree_new(NULL, 100);
    assert_int_equal(decode(copy, &bytes, 2), HP_OK);
    const struct hp_node *back = &copy->nodes[1];
    assert_true(back->calls == node->calls && back->resumes == node->resumes &&
                back->exceptions == node->exceptions);
    assert_true(back->cpu_ns == 5 && back->alloc_bytes == 6 && back->alloc_blocks == 7 && back->samples == 8);
    assert_true(back->self == node->self && back->line == node->line);
    encoded_fini(&bytes);
    hp_tree_free(tree);
    hp_tree_free(copy);
}

static uint64_t line_self(const struct hp_tree *tree, uint32_t node, uint32_t line)
{
    for (uint32_t at = tree->nodes[node].leaf; at != 0; at = tree->leaves.list[at - 1].next) {
        if (tree->leaves.list[at - 1].line == line) {
            return tree->leaves.list[at - 1].self;
        }
    }
    return 0;
}

static void samples_keep_the_lines_they_were_at(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 100), *copy = hp_tree_new(NULL, 100);
    uint32_t id = child(tree, HP_NODE_ROOT, 1, 5), other = child(tree, id, 1, 6);
    const uint32_t lines[] = {30, 12, 31, 12, 0, 70000};
    for (uint32_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        hp_tree_add_sample(tree, id, lines[i], 1000 + i, i);
    }
    hp_tree_add_sample(tree, other, 12, 5000, 0);
    hp_tree_add_sample(tree, HP_NODE_ROOT, 9, 1, 0); /* no function's line */
    check(tree);
    struct encoded bytes = encode(tree, NULL);
    assert_int_equal(decode(copy, &bytes, 2), HP_OK);
    check(copy);
    assert_true(copy->nodes[1].samples == 6 && copy->nodes[1].self == 6015 && copy->nodes[1].cpu_ns == 15);
    assert_true(line_self(copy, 1, 12) == 2004 && line_self(copy, 1, 30) == 1000 &&
                line_self(copy, 1, 31) == 1002);
    assert_true(line_self(copy, 1, 70000) == 1005 && line_self(copy, 2, 12) == 5000);
    assert_int_equal(copy->nodes[HP_NODE_ROOT].leaf, 0);
    assert_int_equal(hp_tree_merge(copy, tree, NULL), HP_OK);
    check(copy);
    assert_true(line_self(copy, 1, 12) == 4008);
    hp_tree_scale(copy, 0.5);
    assert_true(line_self(copy, 1, 12) == 2004 && copy->nodes[1].self == 6015);
    struct hp_leaf_line top[2];
    assert_int_equal(hp_leaf_top(tree, id, top, 2), 2);
    assert_true(top[0].line == 12 && top[0].samples == 2 && top[1].line == 70000);
    hp_tree_begin(tree);
    assert_int_equal(tree->nodes[child(tree, HP_NODE_ROOT, 1, 5)].leaf, 0);
    check(tree);
    encoded_fini(&bytes);
    hp_tree_free(tree);
    hp_tree_free(copy);
}

static void lines_are_added_up_by_function_the_longest_first(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 100);
    uint32_t a = child(tree, HP_NODE_ROOT, 7, 1), b = child(tree, a, 8, 2), again = child(tree, b, 7, 3);
    hp_tree_add_sample(tree, a, 20, 10, 0);
    hp_tree_add_sample(tree, a, 21, 12, 0);
    hp_tree_add_sample(tree, b, 40, 99, 0);
    hp_tree_add_sample(tree, again, 20, 5, 0);
    struct hp_leaf_line *lines;
    size_t count, found;
    assert_int_equal(hp_leaf_fold(tree, &lines, &count), HP_OK);
    assert_int_equal(count, 3);
    const struct hp_leaf_line *first = hp_leaf_find(lines, count, 7, &found);
    assert_true(found == 2 && first[0].line == 20 && first[0].self == 15 && first[0].samples == 2);
    assert_true(first[1].line == 21 && first[1].self == 12);
    assert_null(hp_leaf_find(lines, count, 9, &found));
    hp_free(lines);
    hp_tree_free(tree);
}

static void lines_beyond_the_cap_are_not_told_and_time_stays(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 1000);
    uint32_t id = child(tree, HP_NODE_ROOT, 1, 5);
    for (uint32_t line = 1; line <= 2 * HP_LEAF_LINES; line++) {
        hp_tree_add_sample(tree, id, line, 1, 0);
    }
    check(tree);
    assert_true(tree->leaves.count == HP_LEAF_LINES && tree->nodes[id].self == 2ull * HP_LEAF_LINES);
    hp_tree_free(tree);
    tree = hp_tree_new(NULL, 6);
    id = child(tree, HP_NODE_ROOT, 1, 5);
    for (uint32_t line = 1; line <= 20; line++) {
        hp_tree_add_sample(tree, id, line, 1, 0);
    }
    check(tree);
    assert_true(tree->leaves.count == 6 && tree->nodes[id].samples == 20);
    hp_tree_free(tree);
}

static void calibration_takes_call_costs_out_of_callee_and_caller(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 100);
    uint32_t a = child(tree, HP_NODE_ROOT, 1, 0);
    uint32_t b = child(tree, a, 2, 0);
    bool fresh = false;
    uint32_t thread = hp_tree_child(tree, a, 3, 0, HP_NODE_LANE, &fresh);
    uint32_t c = child(tree, thread, 4, 0);
    tree->nodes[a].calls = 1;
    tree->nodes[a].self = 1000;
    tree->nodes[b].calls = 8;
    tree->nodes[b].resumes = 2;
    tree->nodes[b].self = 150;
    tree->nodes[thread].calls = 5;
    tree->nodes[thread].self = 100;
    tree->nodes[c].calls = 1;
    tree->nodes[c].self = 5; /* less than its cost */
    tree->nodes[HP_NODE_ROOT].self = 50;
    uint64_t taken = hp_tree_calibrate(tree, 10.0, 4.0);
    assert_int_equal(tree->nodes[HP_NODE_ROOT].self, 50 - 4);
    assert_int_equal(tree->nodes[a].self, 1000 - 10 - 40);
    assert_int_equal(tree->nodes[b].self, 150 - 100);
    assert_int_equal(tree->nodes[thread].self, 100 - 4);
    assert_int_equal(tree->nodes[c].self, 0);
    assert_int_equal(taken, 4 + 50 + 100);
    assert_int_equal(tree->nodes[HP_NODE_ROOT].total, 46 + 950 + 50);
    assert_int_equal(tree->nodes[thread].total, 96);
    hp_tree_free(tree);
}

static uint32_t plus_ten(void *ctx, uint32_t sym)
{
    (void)ctx;
    return sym + 10;
}

static void symbols_are_mapped(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 100);
    uint32_t a = child(tree, HP_NODE_ROOT, 1, 0);
    count_call(tree, child(tree, a, 2, 5), 7);
    struct encoded bytes = encode(tree, NULL);
    const uint32_t map[] = {0, 11, 12};
    struct hp_tree *copy = hp_tree_new(NULL, 100);
    struct hp_reader shape = reader_of(&bytes.shape, bytes.shape.len);
    struct hp_reader values = reader_of(&bytes.values, bytes.values.len);
    assert_int_equal(hp_tree_decode(copy, shape, values, map, 3), HP_OK);
    assert_int_equal(copy->nodes[1].sym, 11);
    assert_int_equal(copy->nodes[2].sym, 12);
    assert_int_equal(hp_tree_decode(copy, shape, values, map, 2), HP_EFORMAT);
    assert_int_equal(copy->count, 1);
    struct encoded mapped = {0};
    hp_buf_init(&mapped.shape, 1000);
    hp_buf_init(&mapped.values, 1000);
    hp_buf_put_text(&mapped.values, hp_buf_str(&bytes.values));
    assert_int_equal(hp_tree_map_shape(shape, plus_ten, NULL, &mapped.shape), HP_OK);
    assert_int_equal(decode(copy, &mapped, 13), HP_OK);
    assert_int_equal(copy->nodes[0].sym, 0);
    assert_int_equal(copy->nodes[2].sym, 12);
    assert_int_equal(copy->nodes[2].line, 105);
    struct hp_tree *merged = hp_tree_new(NULL, 100);
    assert_int_equal(hp_tree_merge(merged, tree, map), HP_OK);
    assert_int_equal(merged->nodes[1].sym, 11);
    hp_tree_free(merged);
    hp_tree_free(tree);
    hp_tree_free(copy);
    encoded_fini(&bytes);
    encoded_fini(&mapped);
}

static void damaged_bytes_are_refused(void **state)
{
    (void)state;
    struct hp_tree *tree = hp_tree_new(NULL, 1000);
    bool fresh = false;
    for (uint32_t i = 0; i < 40; i++) {
        uint32_t a = child(tree, HP_NODE_ROOT, 1 + i % 7, i);
        a = hp_tree_child(tree, a, 300, i * 1000, i % 3 == 0 ? HP_NODE_LANE : HP_NODE_CALL, &fresh);
        tree->nodes[a].resumes = i % 2;
        count_call(tree, a, i * 1000);
    }
    struct encoded bytes = encode(tree, NULL);
    struct hp_tree *copy = hp_tree_new(NULL, 1000);
    struct hp_reader shape = reader_of(&bytes.shape, bytes.shape.len);
    struct hp_reader values = reader_of(&bytes.values, bytes.values.len);
    for (size_t n = 0; n < bytes.shape.len; n++) {
        assert_int_not_equal(hp_tree_decode(copy, reader_of(&bytes.shape, n), values, NULL, 1000), HP_OK);
        assert_int_equal(copy->count, 1);
    }
    for (size_t n = 0; n < bytes.values.len; n++) {
        assert_int_equal(hp_tree_decode(copy, shape, reader_of(&bytes.values, n), NULL, 1000), HP_EFORMAT);
    }
    assert_int_equal(hp_tree_decode(copy, shape, values, NULL, 1000), HP_OK);
    bytes.shape.data[0]++;
    assert_int_equal(hp_tree_decode(copy, shape, values, NULL, 1000), HP_EVERSION);
    const uint8_t too_many_pops[] = {1, 0, 0, 1, 0, 2, 1, 0};
    const uint8_t zeros[16] = {0};
    hp_reader_init(&shape, too_many_pops, sizeof too_many_pops);
    hp_reader_init(&values, zeros, 6);
    assert_int_equal(hp_tree_decode(copy, shape, values, NULL, 1000), HP_EFORMAT);
    encoded_fini(&bytes);
    hp_tree_free(tree);
    hp_tree_free(copy);
}

static void use_tree(void *arg)
{
    (void)arg;
    struct hp_tree *tree = hp_tree_new(NULL, 1000);
    struct hp_tree *copy = hp_tree_new(NULL, 1000);
    struct encoded bytes;
    hp_buf_init(&bytes.shape, 1 << 20);
    hp_buf_init(&bytes.values, 1 << 20);
    if (tree != NULL && copy != NULL) {
        for (uint32_t i = 0; i < 600; i++) {
            count_call(tree, child(tree, child(tree, HP_NODE_ROOT, 1 + i % 20, 0), i, 1), 1);
            hp_tree_add_sample(tree, child(tree, HP_NODE_ROOT, 1 + i % 20, 0), 1 + i % 90, 0, 0);
        }
        check(tree);
        hp_tree_total(tree);
        assert_int_equal(tree->nodes[HP_NODE_ROOT].total, 600); /* what had no room is in an overflow node */
        if (hp_tree_encode(tree, NULL, &bytes.shape, &bytes.values, NULL) == HP_OK) {
            hp_err err = decode(copy, &bytes, 1000);
            assert_true(err == HP_OK || err == HP_ENOMEM);
            check(copy);
            if (err == HP_OK && hp_tree_merge(copy, tree, NULL) == HP_OK) {
                hp_tree_total(copy);
                assert_int_equal(copy->nodes[HP_NODE_ROOT].total, 1200);
            }
        }
    }
    encoded_fini(&bytes);
    hp_tree_free(tree);
    hp_tree_free(copy);
}

static void survives_no_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_tree, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_path_is_the_same_node),
        cmocka_unit_test(new_epoch_forgets_counts_and_keeps_nodes),
        cmocka_unit_test(twin_agrees_with_naive_tree),
        cmocka_unit_test(shape_does_not_depend_on_the_order_of_calls),
        cmocka_unit_test(calls_at_one_line_from_two_sites_stay_apart_until_merged),
        cmocka_unit_test(recursion_of_100000_levels_encodes_and_decodes),
        cmocka_unit_test(many_children_sort_quickly),
        cmocka_unit_test(beyond_the_cap_each_lane_keeps_its_time),
        cmocka_unit_test(beyond_the_cap_calls_stay_with_the_application_function),
        cmocka_unit_test(smallest_tree_holds_its_cap),
        cmocka_unit_test(warm_request_allocates_nothing),
        cmocka_unit_test(converted_times_sum_up_exactly),
        cmocka_unit_test(rare_values_come_back),
        cmocka_unit_test(samples_keep_the_lines_they_were_at),
        cmocka_unit_test(lines_are_added_up_by_function_the_longest_first),
        cmocka_unit_test(lines_beyond_the_cap_are_not_told_and_time_stays),
        cmocka_unit_test(calibration_takes_call_costs_out_of_callee_and_caller),
        cmocka_unit_test(symbols_are_mapped),
        cmocka_unit_test(damaged_bytes_are_refused),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
