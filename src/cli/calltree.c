/* calltree.c -- see calltree.h.
 *
 * One walk decides for each node whether it is shown and under which shown node; the shown ones are then
 * sorted by (parent, time) and written depth first with an explicit stack.
 */
#include "cli/calltree.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/show.h"
#include "cli/leaflines.h"
#include "cli/output.h"
#include "format/framename.h"

#define HOT_SHARE   0.05
#define INDENT_MOST 40u

struct entry {
    uint32_t node, parent; /* shown parent */
    uint64_t total;
};

struct view {
    const struct hp_tree *tree;
    const struct hp_dict *dict;
    struct hp_calltree_options options;
    uint32_t *above;  /* nearest shown node, itself included */
    uint32_t *folded; /* frames hidden between a node and the shown one above it */
    uint32_t *first, *depth;
    struct entry *entries;
    uint32_t entry_count;
    struct hp_buf *out;
};

static bool is_app(const struct view *view, uint32_t node)
{
    return hp_dict_symbol(view->dict, view->tree->nodes[node].sym).flags & HP_SYM_APP;
}

/* What the shares of a node refer to: the total of its lane. */
static double whole_of(const struct view *view, uint32_t node)
{
    return (double)view->tree->nodes[view->tree->nodes[node].lane].total;
}

static bool is_shown(const struct view *view, uint32_t i)
{
    const struct hp_node *node = &view->tree->nodes[i];
    if (i == HP_NODE_ROOT) {
        return true;
    }
    if (node->kind == HP_NODE_LANE) {
        return node->total != 0 &&
               (double)node->total >= view->options.threshold * (double)view->tree->nodes[HP_NODE_ROOT].total;
    }
    double whole = whole_of(view, i);
    if (node->total == 0 || (double)node->total < view->options.threshold * whole) {
        return false;
    }
    return view->options.unfold || is_app(view, i) || is_app(view, node->parent) ||
           (double)node->self >= HOT_SHARE * whole;
}

static void choose(struct view *view)
{
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(view->tree, i)) {
        uint32_t parent = view->tree->nodes[i].parent;
        uint32_t above = i == HP_NODE_ROOT ? HP_NODE_NONE : view->above[parent];
        bool direct = i == HP_NODE_ROOT || above == parent;
        view->folded[i] = direct ? 0 : view->folded[parent] + 1;
        view->above[i] = above;
        if (is_shown(view, i)) {
            view->above[i] = i;
            view->depth[i] = i == HP_NODE_ROOT ? 0 : view->depth[above] + 1;
            view->entries[view->entry_count++] = (struct entry){i, above, view->tree->nodes[i].total};
        }
    }
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->parent != y->parent) {
        return x->parent < y->parent ? -1 : 1;
    }
    if (x->total != y->total) {
        return x->total > y->total ? -1 : 1;
    }
    return x->node < y->node ? -1 : 1;
}

/* Calls a request: whole where they are, else three digits. */
static void put_calls(struct hp_buf *out, uint64_t calls, uint64_t requests)
{
    char count[HP_SHOW_BYTES];
    if (calls % requests == 0 || calls / requests >= 1000) {
        hp_buf_printf(out, "%9s", hp_show_count(count, calls / requests));
    } else {
        hp_buf_printf(out, calls / requests < 10 ? "%9.2f" : "%9.1f", (double)calls / (double)requests);
    }
}

static void put_padded(struct hp_buf *out, int width, const char *text)
{
    int columns = 0;
    for (const char *p = text; *p != '\0'; p++) {
        columns += ((unsigned char)*p & 0xC0) != 0x80;
    }
    hp_buf_printf(out, "%*s%s", width > columns ? width - columns : 0, "", text);
}

static void put_line(const struct view *view, uint32_t i)
{
    char text[HP_SHOW_BYTES];
    struct hp_buf *out = view->out;
    const struct hp_node *node = &view->tree->nodes[i];
    struct hp_symbol symbol = hp_dict_symbol(view->dict, node->sym);
    uint64_t requests = view->options.requests;
    double whole = whole_of(view, i);
    bool lane = node->kind == HP_NODE_LANE, app = symbol.flags & HP_SYM_APP;
    uint32_t depth = view->depth[i] < INDENT_MOST ? view->depth[i] : INDENT_MOST;
    put_padded(out, 9, hp_profile_show(text, view->options.unit, node->total / requests));
    put_padded(out, 8, hp_show_percent(text, whole == 0 ? 0 : (double)node->total / whole));
    put_padded(out, 10, hp_profile_show(text, view->options.unit, node->self / requests));
    if (view->options.samples != 0) {
        double share = whole == 0 ? 0 : (double)node->total / whole;
        hp_buf_printf(out, "   ± %4.1f", 100 * hp_tree_share_error(share, view->options.samples));
    } else if (view->options.uncounted) {
        hp_buf_printf(out, "%9s", "-");
    } else {
        put_calls(out, node->calls, requests);
    }
    hp_buf_printf(out, "  %*s", (int)(2 * depth), "");
    if (lane && i != HP_NODE_ROOT) {
        hp_output_paint(out, HP_PAINT_CYAN, HP_STR("in parallel: "));
    }
    hp_output_paint(out, app ? HP_PAINT_BOLD : HP_PAINT_PLAIN,
                    i == HP_NODE_ROOT && view->options.file ? HP_STR("all")
                    : node->kind == HP_NODE_OVERFLOW        ? HP_STR("(beyond the limit of nodes)")
                                                            : hp_framename_shown(&symbol, i == HP_NODE_ROOT));
    if (symbol.file.n != 0 && symbol.kind != HP_SYM_C) {
        hp_buf_put_text(out, HP_STR("  "));
        hp_output_paint(out, HP_PAINT_DIM, symbol.file);
        hp_buf_printf(out, ":%" PRIu32, symbol.line);
    }
    if (node->line != 0 && view->folded[i] == 0 && i != HP_NODE_ROOT && is_app(view, node->parent)) {
        hp_buf_printf(out, "  (from line %" PRIu32 ")", node->line);
    }
    if (view->folded[i] != 0) {
        hp_buf_printf(out, "  (through %" PRIu32 " folded)", view->folded[i]);
    }
    if ((double)node->self >= HOT_SHARE * whole) {
        struct hp_leaf_line lines[HP_LEAFLINES_SHOWN];
        hp_leaflines_put(lines, hp_leaf_top(view->tree, i, lines, HP_LEAFLINES_SHOWN), node->self, out);
    }
    hp_buf_put_text(out, HP_STR("\n"));
}

/* Depth first: the children of a node stand together in `entries`, the longest first. */
static void put_lines(struct view *view, uint32_t *stack)
{
    uint32_t used = 0;
    for (uint32_t e = view->entry_count; e-- > 0;) {
        if (view->entries[e].parent != HP_NODE_NONE) {
            view->first[view->entries[e].parent] = e + 1; /* 0: no children */
        } else {
            stack[used++] = view->entries[e].node;
        }
    }
    while (used != 0) {
        uint32_t node = stack[--used], from = view->first[node], to = from;
        put_line(view, node);
        while (from != 0 && to <= view->entry_count && view->entries[to - 1].parent == node) {
            to++;
        }
        while (to > from) {
            stack[used++] = view->entries[--to - 1].node;
        }
    }
}

hp_err hp_calltree_text(const struct hp_tree *tree, const struct hp_dict *dict,
                        const struct hp_calltree_options *options, struct hp_buf *out)
{
    struct view view = {.tree = tree, .dict = dict, .options = *options, .out = out};
    uint32_t *numbers = hp_calloc((size_t)tree->count * 5, sizeof *numbers);
    view.entries = hp_calloc(tree->count, sizeof *view.entries);
    hp_err err = HP_ENOMEM;
    if (numbers == NULL || view.entries == NULL) {
        goto done;
    }
    view.options.requests = options->requests == 0 ? 1 : options->requests;
    view.above = numbers;
    view.folded = numbers + tree->count;
    view.first = numbers + 2 * (size_t)tree->count;
    view.depth = numbers + 3 * (size_t)tree->count;
    choose(&view);
    qsort(view.entries, view.entry_count, sizeof *view.entries, compare_entries);
    hp_output_paint(out, HP_PAINT_DIM,
                    options->samples != 0 ? HP_STR("    total   share      self  ± share  function")
                                          : HP_STR("    total   share      self    calls  function"));
    hp_buf_put_text(out, HP_STR("\n"));
    put_lines(&view, numbers + 4 * (size_t)tree->count);
    err = out->err;
done:
    hp_free(view.entries);
    hp_free(numbers);
    return err;
}
