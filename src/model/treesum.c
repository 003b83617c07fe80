/* treesum.c -- see treesum.h; the layout of values is tree.c's (docs/formats/record.md):
 *
 *     calls << 1 | has extras, [bits of the extras, the extras, lines], self ns      all varints, one such row a node
 */
#include "model/treesum.h"

#include "base/mem.h"

#define FIRST_NODES 64u
#define HAS_LINES   (1u << HP_TREESUM_EXTRAS)

void hp_treesum_init(struct hp_treesum *sum, uint32_t max_nodes)
{
    *sum = (struct hp_treesum){.max_nodes = max_nodes};
    hp_leaves_init(&sum->leaves, max_nodes);
}

void hp_treesum_fini(struct hp_treesum *sum)
{
    hp_free(sum->nodes);
    hp_free(sum->extras);
    hp_leaves_fini(&sum->leaves);
    hp_treesum_init(sum, sum->max_nodes);
}

static hp_err grow(struct hp_treesum *sum)
{
    if (sum->capacity >= sum->max_nodes) {
        return HP_EFULL;
    }
    uint32_t capacity = sum->capacity == 0 ? FIRST_NODES : sum->capacity * 2;
    capacity = capacity < sum->max_nodes ? capacity : sum->max_nodes;
    void *nodes = hp_realloc(sum->nodes, capacity * sizeof *sum->nodes);
    if (nodes == NULL) {
        return HP_ENOMEM;
    }
    sum->nodes = nodes;
    if (sum->extras != NULL) {
        void *extras = hp_realloc(sum->extras, capacity * sizeof *sum->extras);
        if (extras == NULL) {
            return HP_ENOMEM;
        }
        sum->extras = extras;
        memset(sum->extras + sum->capacity, 0, (capacity - sum->capacity) * sizeof *sum->extras);
    }
    sum->capacity = capacity;
    return HP_OK;
}

static hp_err add_extras(struct hp_treesum *sum, uint32_t at, struct hp_reader *in)
{
    if (sum->extras == NULL) {
        sum->extras = hp_calloc(sum->capacity, sizeof *sum->extras);
        if (sum->extras == NULL) {
            return HP_ENOMEM;
        }
    }
    uint64_t has = hp_reader_varint(in);
    for (unsigned i = 0; i < HP_TREESUM_EXTRAS; i++) {
        if (has >> i & 1) {
            sum->extras[at].sums[i] += hp_reader_varint(in);
        }
    }
    if (in->bad || has >> (HP_TREESUM_EXTRAS + 1) != 0) {
        return HP_EFORMAT;
    }
    return has & HAS_LINES ? hp_leaves_get(&sum->leaves, &sum->extras[at].leaf, in) : HP_OK;
}

hp_err hp_treesum_add(struct hp_treesum *sum, struct hp_reader values)
{
    bool first = sum->count == 0;
    uint32_t at = 0;
    for (; hp_reader_left(&values) != 0; at++) {
        if (first && at == sum->capacity) {
            hp_err err = grow(sum);
            if (err != HP_OK) {
                return err;
            }
        }
        if (first) {
            sum->nodes[at][0] = sum->nodes[at][1] = 0;
        } else if (at == sum->count) {
            return HP_EFORMAT;
        }
        uint64_t calls = hp_reader_varint(&values);
        sum->nodes[at][0] += calls >> 1;
        if (calls & 1) {
            hp_err err = add_extras(sum, at, &values);
            if (err != HP_OK) {
                return err;
            }
        }
        sum->nodes[at][1] += hp_reader_varint(&values);
    }
    if (values.bad || at == 0 || (!first && at != sum->count)) {
        return HP_EFORMAT;
    }
    sum->count = at;
    return HP_OK;
}

static uint64_t extras_of(const struct hp_treesum_extra *extra)
{
    uint64_t has = extra->leaf != 0 ? HAS_LINES : 0;
    for (unsigned i = 0; i < HP_TREESUM_EXTRAS; i++) {
        has |= (uint64_t)(extra->sums[i] != 0) << i;
    }
    return has;
}

static void encode_extras(const struct hp_treesum *sum, const struct hp_treesum_extra *extra, uint64_t has,
                          struct hp_buf *out)
{
    hp_buf_put_varint(out, has);
    for (unsigned i = 0; i < HP_TREESUM_EXTRAS; i++) {
        if (has >> i & 1) {
            hp_buf_put_varint(out, extra->sums[i]);
        }
    }
    if (has & HAS_LINES) {
        hp_leaves_put(&sum->leaves, extra->leaf, out);
    }
}

void hp_treesum_encode(const struct hp_treesum *sum, struct hp_buf *out)
{
    for (uint32_t at = 0; at < sum->count; at++) {
        uint64_t has = sum->extras != NULL ? extras_of(&sum->extras[at]) : 0;
        hp_buf_put_varint(out, sum->nodes[at][0] << 1 | (has != 0));
        if (has != 0) {
            encode_extras(sum, &sum->extras[at], has, out);
        }
        hp_buf_put_varint(out, sum->nodes[at][1]);
    }
}

size_t hp_treesum_bytes(const struct hp_treesum *sum)
{
    return sum->capacity * (sizeof *sum->nodes + (sum->extras != NULL ? sizeof *sum->extras : 0)) +
           sum->leaves.capacity * sizeof *sum->leaves.list;
}
