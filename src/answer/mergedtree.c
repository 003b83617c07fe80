/* mergedtree.c -- see mergedtree.h. */
#include "answer/mergedtree.h"

/* ---- of requests ---- */

static hp_err of_requests(struct hp_store *store, const struct hp_scope *wanted, bool sampled, uint32_t most,
                          struct hp_mergedtree *out, struct hp_errinfo *info)
{
    struct hp_scope scope = *wanted;
    uint64_t requests = 0;
    struct hp_tree *made = hp_tree_new(hp_store_dict(store), most);
    if (made == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory");
    }
    scope.sampled = sampled;
    hp_err err = hp_store_merged(store, &scope, 0, made, &requests, info);
    if (err != HP_OK || requests == 0) {
        hp_tree_free(made);
        made = NULL;
    }
    if (err == HP_OK) {
        *out = (struct hp_mergedtree){made, requests, sampled};
    }
    return err;
}

static hp_err larger(struct hp_store *store, const struct hp_scope *scope, uint32_t most,
                     struct hp_mergedtree *out, struct hp_errinfo *info)
{
    struct hp_mergedtree exact = {0}, estimate = {0};
    hp_err err = of_requests(store, scope, false, most, &exact, info);
    if (err == HP_OK) {
        err = of_requests(store, scope, true, most, &estimate, info);
    }
    if (err == HP_OK) {
        bool sampled = estimate.requests > exact.requests;
        *out = sampled ? estimate : exact;
        *(sampled ? &estimate : &exact) = (struct hp_mergedtree){0}; /* it is the caller's */
    }
    hp_tree_free(exact.tree);
    hp_tree_free(estimate.tree);
    return err;
}

/* ---- outside of them ---- */

struct outside {
    struct hp_tree *into, *scratch;
    const struct hp_dict *dict;
    hp_err err;
};

static bool add_stretch(void *ctx, const struct hp_sampled_row *row)
{
    struct outside *outside = ctx;
    struct hp_reader shape, values;
    hp_reader_init(&shape, row->shape.p, row->shape.n);
    hp_reader_init(&values, row->values.p, row->values.n);
    outside->err = hp_tree_decode(outside->scratch, shape, values, NULL, hp_dict_symbol_count(outside->dict));
    if (outside->err == HP_OK) {
        outside->err = hp_tree_merge(outside->into, outside->scratch, NULL);
    }
    return outside->err == HP_OK;
}

static hp_err of_processes(struct hp_store *store, const struct hp_scope *scope, uint32_t most,
                           struct hp_mergedtree *out, struct hp_errinfo *info)
{
    const struct hp_dict *dict = hp_store_dict(store);
    struct outside outside = {hp_tree_new(dict, most), hp_tree_new(dict, most), dict, HP_OK};
    hp_err err = outside.into != NULL && outside.scratch != NULL
                     ? HP_OK
                     : hp_err_set(info, HP_ENOMEM, 0, "out of memory");
    if (err == HP_OK) {
        err = hp_store_sampled(store, scope->from_ns, scope->to_ns, add_stretch, &outside, info);
    }
    if (err == HP_OK && outside.err != HP_OK) {
        err = hp_err_set(info, outside.err, 0, "samples of a process: %s", hp_err_text(outside.err));
    }
    if (err == HP_OK && hp_tree_samples(outside.into) != 0) {
        hp_tree_total(outside.into);
        *out = (struct hp_mergedtree){outside.into, 0, true};
        outside.into = NULL;
    } else if (err == HP_OK) {
        *out = (struct hp_mergedtree){NULL, 0, true};
    }
    hp_tree_free(outside.scratch);
    hp_tree_free(outside.into);
    return err;
}

hp_err hp_mergedtree_load(struct hp_store *store, const struct hp_scope *scope, enum hp_merged_of of,
                          uint32_t most_nodes, struct hp_mergedtree *out, struct hp_errinfo *info)
{
    return of == HP_MERGED_LARGER ? larger(store, scope, most_nodes, out, info)
           : of == HP_MERGED_OUTSIDE
               ? of_processes(store, scope, most_nodes, out, info)
               : of_requests(store, scope, of == HP_MERGED_SAMPLES, most_nodes, out, info);
}
