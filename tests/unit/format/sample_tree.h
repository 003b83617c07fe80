/* sample_tree.h -- the one tree that the tests of all writers write: recursion, a lambda, a C function, a
 * template, a lane. */
#ifndef SAMPLE_TREE_H
#define SAMPLE_TREE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "model/dict.h"
#include "model/tree.h"

struct sample {
    struct hp_dict *dict;
    struct hp_tree *tree;
};

static uint32_t sample_sym(struct hp_dict *dict, uint8_t kind, uint8_t flags, const char *file,
                           const char *name, uint32_t line)
{
    char path[200];
    uint32_t id = 0;
    snprintf(path, sizeof path, "/srv/%s", file);
    struct hp_symbol symbol = {.file = hp_str_from0(file),
                               .name = hp_str_from0(name),
                               .path = kind == HP_SYM_PYTHON ? hp_str_from0(path) : hp_str_from0(NULL),
                               .line = line,
                               .kind = kind,
                               .flags = flags};
    return hp_dict_add_symbol(dict, &symbol, &id) == HP_OK ? id : 0;
}

static uint32_t sample_node(struct hp_tree *tree, uint32_t parent, uint32_t sym, uint32_t line,
                            enum hp_node_kind kind, uint64_t calls, uint64_t self_us)
{
    uint32_t id = hp_tree_child_at_line(tree, parent, sym, line, kind);
    tree->nodes[id].calls += calls;
    tree->nodes[id].self += self_us * 1000;
    return id;
}

/* Build it; false: no memory. sample_fini in either case. */
static inline bool sample_init(struct sample *sample)
{
    struct hp_dict *dict = sample->dict = hp_dict_new();
    struct hp_tree *tree = sample->tree = dict == NULL ? NULL : hp_tree_new(dict, 100);
    if (tree == NULL) {
        return false;
    }
    uint32_t wsgi = sample_sym(dict, HP_SYM_PYTHON, HP_SYM_FRAMEWORK, "flask/app.py", "Flask.wsgi_app", 1500);
    uint32_t view = sample_sym(dict, HP_SYM_PYTHON, HP_SYM_APP, "shop/views.py", "settings", 20);
    uint32_t lambda =
        sample_sym(dict, HP_SYM_PYTHON, HP_SYM_APP, "shop/views.py", "settings.<locals>.<lambda>", 24);
    uint32_t twin =
        sample_sym(dict, HP_SYM_PYTHON, HP_SYM_APP, "shop/views.py", "other.<locals>.<lambda>", 24);
    uint32_t walk = sample_sym(dict, HP_SYM_PYTHON, HP_SYM_APP, "shop/tree;walk.py", "Walk\xC3\xA9r.walk", 7);
    uint32_t len = sample_sym(dict, HP_SYM_C, 0, "~", "<built-in method builtins.len>", 0);
    uint32_t page =
        sample_sym(dict, HP_SYM_TEMPLATE, HP_SYM_APP, "templates/a&b.html", "block_\"content\"", 3);
    uint32_t thread = sample_sym(dict, HP_SYM_ROOT, 0, "", "thread", 0);
    uint32_t fetch = sample_sym(dict, HP_SYM_PYTHON, HP_SYM_APP, "shop/history.py", "fetch", 31);
    if (fetch == 0) {
        return false;
    }
    tree->nodes[HP_NODE_ROOT].calls = 2;
    tree->nodes[HP_NODE_ROOT].self = 500400;
    uint32_t n = sample_node(tree, HP_NODE_ROOT, wsgi, 0, HP_NODE_CALL, 2, 1000);
    uint32_t v = sample_node(tree, n, view, 1511, HP_NODE_CALL, 2, 3000);
    sample_node(tree, v, lambda, 25, HP_NODE_CALL, 10, 200);
    sample_node(tree, v, twin, 26, HP_NODE_CALL, 4, 300);
    uint32_t w1 = sample_node(tree, v, walk, 27, HP_NODE_CALL, 1, 100);
    uint32_t w2 = sample_node(tree, w1, walk, 9, HP_NODE_CALL, 3, 400);
    sample_node(tree, w2, len, 8, HP_NODE_CALL, 3, 50);
    tree->nodes[w2].resumes = 5;
    sample_node(tree, v, page, 30, HP_NODE_TEMPLATE, 1, 700);
    uint32_t lane = sample_node(tree, v, thread, 28, HP_NODE_LANE, 40, 20);
    sample_node(tree, lane, fetch, 0, HP_NODE_CALL, 40, 4000000);
    hp_tree_total(tree);
    return true;
}

static inline void sample_fini(struct sample *sample)
{
    hp_tree_free(sample->tree);
    hp_dict_free(sample->dict);
}

/* Compare with tests/golden/format/<name>, or rewrite that if HP_GOLDEN_UPDATE is set. False: it differs. */
static inline bool sample_is_golden(const char *name, struct hp_str bytes)
{
    char path[500];
    const char *data = getenv("HP_TEST_DATA"), *update = getenv("HP_GOLDEN_UPDATE");
    snprintf(path, sizeof path, "%s/golden/format/%s", data != NULL ? data : "tests", name);
    bool write = update != NULL && update[0] != '\0', same = false;
    FILE *file = fopen(path, write ? "wb" : "rb");
    if (file == NULL) {
        return false;
    }
    if (write) {
        same = fwrite(bytes.p, 1, bytes.n, file) == bytes.n;
    } else {
        struct hp_buf golden;
        hp_buf_init(&golden, 1 << 24);
        for (int c = getc(file); c != EOF; c = getc(file)) {
            hp_buf_put_u8(&golden, (uint8_t)c);
        }
        same = hp_str_eq(hp_buf_str(&golden), bytes);
        hp_buf_fini(&golden);
    }
    return fclose(file) == 0 && same;
}

#endif
