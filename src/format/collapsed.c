/* collapsed.c -- see collapsed.h. */
#include "format/collapsed.h"

#include <inttypes.h>

#include "base/mem.h"
#include "format/framename.h"

#define PATH_MAX_BYTES ((size_t)16 << 20)

/* The format knows no escape: what would end a frame or a line becomes a look-alike or a space. */
static void make_safe(struct hp_buf *path, size_t from)
{
    for (size_t i = from; i < path->len; i++) {
        if (path->data[i] == ';') {
            path->data[i] = ':';
        } else if (path->data[i] < 0x20) {
            path->data[i] = ' ';
        }
    }
}

/* Make `path` the path of `node`: cut back to its parent's, then its own frame. */
static void step_to(struct hp_buf *path, size_t *ends, const struct hp_tree *tree, const struct hp_dict *dict,
                    uint32_t node, bool no_root)
{
    struct hp_symbol symbol = hp_dict_symbol(dict, tree->nodes[node].sym);
    bool root = node == HP_NODE_ROOT;
    path->len = root ? 0 : ends[tree->nodes[node].parent];
    if (path->len != 0) {
        hp_buf_put_u8(path, ';');
    }
    size_t from = path->len;
    if (!root || !no_root) {
        hp_framename_put(path, &symbol, root);
    }
    make_safe(path, from);
    ends[node] = path->len;
}

hp_err hp_collapsed_write(const struct hp_tree *tree, const struct hp_dict *dict,
                          const struct hp_collapsed_options *options, struct hp_buf *out)
{
    bool calls = options != NULL && options->calls, whole = options != NULL && options->whole;
    bool no_root = options != NULL && options->no_root;
    uint64_t sum_ns = 0, written_us = 0;
    struct hp_buf path;
    hp_buf_init(&path, PATH_MAX_BYTES);
    size_t *ends = hp_calloc(tree->count, sizeof *ends);
    hp_err err = ends == NULL ? HP_ENOMEM : HP_OK;
    for (uint32_t i = HP_NODE_ROOT; err == HP_OK && i != HP_NODE_NONE; i = hp_tree_next(tree, i)) {
        const struct hp_node *node = &tree->nodes[i];
        step_to(&path, ends, tree, dict, i, no_root);
        err = path.err;
        sum_ns += node->self;
        uint64_t value = calls ? node->calls : whole ? node->self : (sum_ns + 500) / 1000 - written_us;
        written_us += calls || whole ? 0 : value;
        if (value != 0 && err == HP_OK &&
            path.len != 0) { /* what no frame was on the stack for has no line */
            hp_buf_put_text(out, hp_buf_str(&path));
            hp_buf_printf(out, " %" PRIu64 "\n", value);
        }
    }
    hp_free(ends);
    hp_buf_fini(&path);
    return err != HP_OK ? err : out->err;
}
