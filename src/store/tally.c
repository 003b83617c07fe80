/* tally.c -- see tally.h. */
#include "store/tally.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/store_int.h"

#define ROWS_VERSION  1
#define ROW_MIN_BYTES 10 /* ten numbers */

void hp__tallies_init(struct hp__tallies *all)
{
    *all = (struct hp__tallies){0};
}

static void free_tree(struct hp__tallies *all, struct hp__tally_tree *tree)
{
    all->tree_bytes -= hp_treesum_bytes(&tree->sum);
    hp_treesum_fini(&tree->sum);
    hp_free(tree);
}

static void free_tally(struct hp__tallies *all, struct hp__tally *tally)
{
    for (uint32_t i = 0; i < tally->tree_count; i++) {
        free_tree(all, tally->trees[i]);
    }
    hp_sketch_free(tally->sketch);
    hp_map_fini(&tally->row_index);
    hp_free(tally->rows);
    hp_free(tally);
}

void hp__tallies_drop(struct hp__tallies *all, uint32_t at)
{
    free_tally(all, all->list[at]);
    all->list[at] = all->list[--all->count];
    all->hashes[at] = all->hashes[all->count];
}

void hp__tallies_clear(struct hp__tallies *all)
{
    while (all->count != 0) {
        hp__tallies_drop(all, all->count - 1);
    }
}

void hp__tallies_fini(struct hp__tallies *all)
{
    hp__tallies_clear(all);
}

void hp__tallies_drop_shape(struct hp__tallies *all, uint32_t shape)
{
    for (uint32_t i = 0; i < all->count; i++) {
        struct hp__tally *tally = all->list[i];
        for (uint32_t t = 0; t < tally->tree_count; t++) {
            if (tally->trees[t]->shape == shape) {
                uint64_t requests = tally->trees[t]->requests;
                tally->covered -= requests < tally->covered ? requests : tally->covered;
                free_tree(all, tally->trees[t]);
                tally->trees[t--] = tally->trees[--tally->tree_count];
            }
        }
    }
}

static bool same_key(const struct hp__tally_key *a, const struct hp__tally_key *b)
{
    return a->minute == b->minute && a->route == b->route && a->revision == b->revision &&
           a->level == b->level;
}

hp_err hp__tallies_get(struct hp__tallies *all, const struct hp__tally_key *key, struct hp__tally **tally)
{
    uint64_t hash =
        hp_hash_mix(hp_hash_mix((uint64_t)key->route << 32 | key->revision, key->level), key->minute);
    all->asked++;
    for (uint32_t i = 0; i < all->count; i++) {
        if (all->hashes[i] == hash && same_key(&all->list[i]->key, key)) {
            *tally = all->list[i];
            (*tally)->used = all->asked;
            return HP_OK;
        }
    }
    if (all->count == HP_TALLY_KEYS) {
        return HP_EFULL;
    }
    struct hp__tally *made = hp_calloc(1, sizeof *made);
    struct hp_sketch *sketch = made != NULL ? hp_sketch_new() : NULL;
    if (sketch == NULL) {
        hp_free(made);
        return HP_ENOMEM;
    }
    made->key = *key;
    made->sketch = sketch;
    made->used = all->asked;
    hp_map_init(&made->row_index, HP_TALLY_STATEMENTS);
    all->hashes[all->count] = hash;
    all->list[all->count++] = made;
    *tally = made;
    return HP_OK;
}

uint32_t hp__tallies_oldest(const struct hp__tallies *all)
{
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < all->count; i++) {
        if (all->list[i]->used < all->list[oldest]->used) {
            oldest = i;
        }
    }
    return oldest;
}

/* The row of a statement at a place; NULL at the cap or without memory. */
static struct hp_statement_row *row_of(struct hp__tally *tally, const struct hp_group *group)
{
    uint64_t key = hp_hash_mix((uint64_t)group->statement << 32 | group->site_sym, group->site_line);
    uint32_t at;
    if (hp_map_get(&tally->row_index, key, &at)) {
        return &tally->rows[at];
    }
    if (tally->row_count == tally->row_capacity) {
        uint32_t capacity = tally->row_capacity == 0 ? 16 : tally->row_capacity * 2;
        struct hp_statement_row *rows = hp_realloc(tally->rows, capacity * sizeof *rows);
        if (rows == NULL) {
            return NULL;
        }
        tally->rows = rows;
        tally->row_capacity = capacity;
    }
    if (hp_map_put(&tally->row_index, key, tally->row_count) != HP_OK) {
        return NULL;
    }
    struct hp_statement_row *row = &tally->rows[tally->row_count++];
    *row = (struct hp_statement_row){
        .statement = group->statement, .site_sym = group->site_sym, .site_line = group->site_line};
    return row;
}

static bool add_group(struct hp__tally *tally, const struct hp_group *group)
{
    struct hp_statement_row *row = row_of(tally, group);
    if (row == NULL) {
        return false;
    }
    row->executions += group->count;
    row->requests++;
    row->total_ns += group->exec_ns + group->fetch_ns;
    row->fetch_ns += group->fetch_ns;
    row->max_ns = group->max_ns > row->max_ns ? group->max_ns : row->max_ns;
    row->rows += group->rows != HP_ABSENT ? group->rows : 0;
    row->errors += group->errors;
    return true;
}

static struct hp__tally_tree *tree_of(struct hp__tallies *all, struct hp__tally *tally, uint32_t shape)
{
    for (uint32_t i = 0; i < tally->tree_count; i++) {
        if (tally->trees[i]->shape == shape) {
            return tally->trees[i];
        }
    }
    if (tally->tree_count == HP_TALLY_SHAPES || all->tree_bytes >= HP_TALLY_BYTES) {
        return NULL;
    }
    struct hp__tally_tree *tree = hp_calloc(1, sizeof *tree);
    if (tree == NULL) {
        return NULL;
    }
    tree->shape = shape;
    hp_treesum_init(&tree->sum, HP_TALLY_NODES);
    tally->trees[tally->tree_count++] = tree;
    return tree;
}

static bool add_tree(struct hp__tallies *all, struct hp__tally *tally, const struct hp_record *record,
                     uint32_t shape)
{
    struct hp__tally_tree *tree = tree_of(all, tally, shape);
    if (tree == NULL) {
        return false;
    }
    struct hp_reader values;
    hp_reader_init(&values, record->values.p, record->values.n);
    size_t before = hp_treesum_bytes(&tree->sum);
    hp_err err = hp_treesum_add(&tree->sum, values);
    all->tree_bytes += hp_treesum_bytes(&tree->sum) - before;
    if (err != HP_OK) {
        /* Half done and of no use: the shape's requests are no longer covered. */
        hp__tallies_drop_shape(all, shape);
        return false;
    }
    tree->requests++;
    tree->inner_ps = record->req.call_inner_ps;
    tree->outer_ps = record->req.call_outer_ps;
    tree->dirty = true;
    return true;
}

void hp__tally_add(struct hp__tallies *all, struct hp__tally *tally, const struct hp_record *record,
                   uint32_t shape)
{
    const struct hp_request *req = &record->req;
    uint64_t statements;
    uint64_t sql_ns;
    bool covered = true;
    hp__record_sql(record, &statements, &sql_ns);
    tally->requests++;
    tally->errors += hp_store_failed(req->status, req->flags);
    tally->total_ns += hp__duration_ns(req);
    tally->own_ns += req->own_ns;
    if (req->cpu_ns != HP_ABSENT) {
        tally->cpu_ns += req->cpu_ns;
        tally->cpu_requests++;
    }
    tally->statements += statements;
    tally->sql_ns += sql_ns;
    hp_sketch_add(tally->sketch, hp__duration_ns(req));
    for (uint32_t i = 0; i < record->group_count; i++) {
        covered = add_group(tally, &record->groups[i]) && covered;
    }
    if (shape != 0) {
        covered = add_tree(all, tally, record, shape) && covered;
    }
    tally->covered += covered;
    tally->dirty = tally->big_dirty = true;
}

void hp__tally_encode_rows(const struct hp__tally *tally, struct hp_buf *out)
{
    hp_buf_put_u8(out, ROWS_VERSION);
    hp_buf_put_varint(out, tally->row_count);
    for (uint32_t i = 0; i < tally->row_count; i++) {
        const struct hp_statement_row *row = &tally->rows[i];
        hp_buf_put_varint(out, row->statement);
        hp_buf_put_varint(out, row->site_sym);
        hp_buf_put_varint(out, row->site_line);
        hp_buf_put_varint(out, row->executions);
        hp_buf_put_varint(out, row->requests);
        hp_buf_put_varint(out, row->total_ns);
        hp_buf_put_varint(out, row->fetch_ns);
        hp_buf_put_varint(out, row->max_ns);
        hp_buf_put_varint(out, row->rows);
        hp_buf_put_varint(out, row->errors);
    }
}

static uint32_t read_id(struct hp_reader *in)
{
    uint64_t id = hp_reader_varint(in);
    in->bad = in->bad || id > UINT32_MAX;
    return (uint32_t)id;
}

hp_err hp__tally_decode_rows(struct hp_str bytes, struct hp_statement_row **rows, size_t *count)
{
    struct hp_reader in;
    hp_reader_init(&in, bytes.p, bytes.n);
    uint8_t version = hp_reader_u8(&in);
    uint64_t n = hp_reader_varint(&in);
    if (in.bad || version != ROWS_VERSION || n > hp_reader_left(&in) / ROW_MIN_BYTES) {
        return HP_EFORMAT;
    }
    struct hp_statement_row *list = hp_calloc((size_t)n, sizeof *list);
    if (list == NULL) {
        return HP_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        list[i].statement = read_id(&in);
        list[i].site_sym = read_id(&in);
        list[i].site_line = read_id(&in);
        list[i].executions = hp_reader_varint(&in);
        list[i].requests = hp_reader_varint(&in);
        list[i].total_ns = hp_reader_varint(&in);
        list[i].fetch_ns = hp_reader_varint(&in);
        list[i].max_ns = hp_reader_varint(&in);
        list[i].rows = hp_reader_varint(&in);
        list[i].errors = hp_reader_varint(&in);
    }
    if (in.bad || hp_reader_left(&in) != 0) {
        hp_free(list);
        return HP_EFORMAT;
    }
    *rows = list;
    *count = (size_t)n;
    return HP_OK;
}
