/* leaf.c -- see leaf.h. A function has few lines that samples meet, so a chain is searched from its start. */
#include "model/leaf.h"

#include <stdlib.h>

#include "base/mem.h"
#include "model/tree.h"

#define FIRST_ENTRIES 32u

void hp_leaves_init(struct hp_leaves *leaves, uint32_t max)
{
    *leaves = (struct hp_leaves){.max = max};
}

void hp_leaves_fini(struct hp_leaves *leaves)
{
    hp_free(leaves->list);
    *leaves = (struct hp_leaves){.max = leaves->max};
}

/* Index + 1 of a new entry; 0: none more fits. */
static uint32_t append(struct hp_leaves *leaves)
{
    if (leaves->count == leaves->capacity) {
        uint32_t capacity = leaves->capacity == 0                ? FIRST_ENTRIES
                            : leaves->capacity < leaves->max / 2 ? leaves->capacity * 2
                                                                 : leaves->max;
        capacity = capacity < leaves->max ? capacity : leaves->max;
        struct hp_leaf *list =
            leaves->count < leaves->max ? hp_realloc(leaves->list, capacity * sizeof *list) : NULL;
        if (list == NULL) {
            return 0;
        }
        leaves->list = list;
        leaves->capacity = capacity;
    }
    return ++leaves->count;
}

void hp_leaves_add(struct hp_leaves *leaves, uint32_t *head, uint32_t line, uint64_t self, uint64_t samples)
{
    uint32_t before = 0, at = *head, lines = 0;
    while (at != 0 && leaves->list[at - 1].line < line) {
        before = at;
        at = leaves->list[at - 1].next;
        lines++;
    }
    if (at == 0 || leaves->list[at - 1].line != line) {
        uint32_t made = line != 0 && lines < HP_LEAF_LINES ? append(leaves) : 0;
        if (made == 0) {
            return;
        }
        leaves->list[made - 1] = (struct hp_leaf){.line = line, .next = at};
        *(before != 0 ? &leaves->list[before - 1].next : head) = made;
        at = made;
    }
    leaves->list[at - 1].self += self;
    leaves->list[at - 1].samples += samples;
}

void hp_leaves_put(const struct hp_leaves *leaves, uint32_t head, struct hp_buf *out)
{
    uint32_t lines = 0, last = 0;
    for (uint32_t at = head; at != 0; at = leaves->list[at - 1].next) {
        lines++;
    }
    hp_buf_put_varint(out, lines);
    for (uint32_t at = head; at != 0; at = leaves->list[at - 1].next) {
        const struct hp_leaf *leaf = &leaves->list[at - 1];
        hp_buf_put_varint(out, leaf->line - last);
        hp_buf_put_varint(out, leaf->self);
        hp_buf_put_varint(out, leaf->samples);
        last = leaf->line;
    }
}

hp_err hp_leaves_get(struct hp_leaves *leaves, uint32_t *head, struct hp_reader *in)
{
    uint64_t lines = hp_reader_varint(in), line = 0;
    for (; lines != 0 && !in->bad; lines--) {
        uint64_t more = hp_reader_varint(in), self = hp_reader_varint(in), samples = hp_reader_varint(in);
        line += more;
        if (more == 0 || more > UINT32_MAX || line > UINT32_MAX) {
            return HP_EFORMAT;
        }
        hp_leaves_add(leaves, head, (uint32_t)line, self, samples);
    }
    return in->bad ? HP_EFORMAT : HP_OK;
}

bool hp_leaves_next(const struct hp_leaves *leaves, uint32_t *at, uint64_t *rest, uint32_t *line,
                    uint64_t *value)
{
    *line = 0;
    *value = *rest;
    while (*at != 0 && *rest != 0) {
        const struct hp_leaf *leaf = &leaves->list[*at - 1];
        *at = leaf->next;
        if (leaf->self != 0) {
            *line = leaf->line;
            *value = leaf->self < *rest ? leaf->self : *rest;
            break;
        }
    }
    *rest -= *value;
    return *value != 0;
}

/* ---- of a tree, function by function ---- */

static int compare_places(const void *a, const void *b)
{
    const struct hp_leaf_line *x = a, *y = b;
    if (x->sym != y->sym) {
        return x->sym < y->sym ? -1 : 1;
    }
    return (x->line > y->line) - (x->line < y->line);
}

static int compare_times(const void *a, const void *b)
{
    const struct hp_leaf_line *x = a, *y = b;
    if (x->sym == y->sym && x->self != y->self) {
        return x->self > y->self ? -1 : 1;
    }
    return compare_places(a, b);
}

/* Make one of entries of one place that stand together. */
static size_t join(struct hp_leaf_line *lines, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept != 0 && compare_places(&lines[kept - 1], &lines[i]) == 0) {
            lines[kept - 1].self += lines[i].self;
            lines[kept - 1].samples += lines[i].samples;
        } else {
            lines[kept++] = lines[i];
        }
    }
    return kept;
}

hp_err hp_leaf_fold(const struct hp_tree *tree, struct hp_leaf_line **lines, size_t *count)
{
    struct hp_leaf_line *list = hp_malloc((tree->leaves.count + (size_t)1) * sizeof *list);
    size_t n = 0;
    if (list == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(tree, i)) {
        for (uint32_t at = tree->nodes[i].leaf; at != 0; at = tree->leaves.list[at - 1].next) {
            const struct hp_leaf *leaf = &tree->leaves.list[at - 1];
            list[n++] = (struct hp_leaf_line){tree->nodes[i].sym, leaf->line, leaf->self, leaf->samples};
        }
    }
    qsort(list, n, sizeof *list, compare_places);
    n = join(list, n);
    qsort(list, n, sizeof *list, compare_times);
    *lines = list;
    *count = n;
    return HP_OK;
}

size_t hp_leaf_top(const struct hp_tree *tree, uint32_t node, struct hp_leaf_line *out, size_t most)
{
    size_t count = 0;
    for (uint32_t at = tree->nodes[node].leaf; at != 0 && most != 0; at = tree->leaves.list[at - 1].next) {
        const struct hp_leaf *leaf = &tree->leaves.list[at - 1];
        size_t i = count < most ? count++ : most;
        for (; i != 0 && out[i - 1].self < leaf->self; i--) {
            if (i < most) {
                out[i] = out[i - 1];
            }
        }
        if (i < most) {
            out[i] = (struct hp_leaf_line){tree->nodes[node].sym, leaf->line, leaf->self, leaf->samples};
        }
    }
    return count;
}

const struct hp_leaf_line *hp_leaf_find(const struct hp_leaf_line *lines, size_t count, uint32_t sym,
                                        size_t *found)
{
    size_t from = 0, to = count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (lines[middle].sym < sym) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    for (to = from; to < count && lines[to].sym == sym; to++) {
    }
    *found = to - from;
    return to != from ? &lines[from] : NULL;
}
