/* calltree.c -- merged call trees of a selection, of one request, and of two sides of a comparison. */
#include <inttypes.h>
#include <stdlib.h>

#include "format/member.h"
#include "format/treejson.h"
#include "serve/question.h"

#define TREE_NODES   (1u << 18)
#define TREES_MERGED 500u /* of a brush: as many as can be read in the time of an answer */

struct merging {
    struct hp_tree *into, *scratch;
    const struct hp_dict *dict;
    uint64_t requests, matching;
    hp_err err;
};

static hp_err merging_init(struct merging *merging, struct hp_question *question)
{
    *merging = (struct merging){.dict = question->dict,
                                .into = hp_tree_new(question->dict, TREE_NODES),
                                .scratch = hp_tree_new(question->dict, TREE_NODES)};
    return merging->into != NULL && merging->scratch != NULL ? HP_OK : hp_question_no_memory(question);
}

static void merging_fini(struct merging *merging)
{
    hp_tree_free(merging->into);
    hp_tree_free(merging->scratch);
}

static bool merge(void *ctx, const struct hp_record *record)
{
    struct merging *merging = ctx;
    struct hp_reader shape, values;
    if (record->shape.n == 0) {
        return true;
    }
    hp_reader_init(&shape, record->shape.p, record->shape.n);
    hp_reader_init(&values, record->values.p, record->values.n);
    merging->err = hp_tree_decode(merging->scratch, shape, values, NULL, hp_dict_symbol_count(merging->dict));
    if (merging->err == HP_OK) {
        (void)hp_tree_calibrate(merging->scratch, record->req.call_inner_ps / 1000.0,
                                record->req.call_outer_ps / 1000.0);
        merging->err = hp_tree_merge(merging->into, merging->scratch, NULL);
        merging->requests++;
    }
    return merging->err == HP_OK;
}

static bool count_row(void *ctx, const struct hp_narrow_row *row)
{
    (void)row;
    ++*(uint64_t *)ctx;
    return true;
}

/* Trees of requests that a brush chose: those of an even sample over their durations. */
static hp_err merge_sample(struct merging *merging, struct hp_question *question,
                           const struct hp_scope *scope)
{
    struct hp_arena arena;
    hp_arena_init(&arena, (size_t)512 << 20);
    hp_err err =
        hp_store_sample(question->store, scope, 0, TREES_MERGED, &arena, merge, merging, question->info);
    hp_arena_fini(&arena);
    return err == HP_OK && merging->err != HP_OK
               ? hp_err_set(question->info, merging->err, 0, "a call tree could not be read")
               : err;
}

static bool is_brushed(const struct hp_scope *scope)
{
    return scope->min_ns != 0 || scope->max_ns != 0 || scope->levels != 0;
}

static hp_err merge_scope(struct merging *merging, struct hp_question *question, const struct hp_scope *scope)
{
    struct hp_scope all = *scope;
    all.calibrated = true;
    uint64_t each = 1;
    hp_err err =
        hp_store_some_rows(question->store, scope, count_row, &merging->matching, &each, question->info);
    merging->matching *= each;
    if (err != HP_OK) {
        return err;
    }
    if (is_brushed(scope)) {
        err = merge_sample(merging, question, scope);
    } else {
        err = hp_store_merged(question->store, &all, 0, merging->into, &merging->requests, question->info);
    }
    hp_tree_total(merging->into);
    return err;
}

static void put_tree(struct hp_question *question, const struct merging *merging)
{
    struct hp_json *json = question->json;
    hp_json_kv_u64(json, "requests", merging->requests);
    hp_json_kv_u64(json, "matching", merging->matching);
    hp_json_key(json, "nodes");
    if (merging->requests != 0) {
        hp_treejson_nodes(merging->into, merging->dict, HP_UNIT_TIME, json);
        return;
    }
    hp_json_array_begin(json);
    hp_json_array_end(json);
    hp_json_kv_cstr(json, "hint",
                    "no call tree was recorded here: level trace records one (hotplate run --level trace)");
}

static hp_err merge_one(struct merging *merging, struct hp_question *question, struct hp_str text)
{
    struct hp_record record;
    uint64_t id = 0;
    if (!hp_params_read_id(text, &id)) {
        return hp_err_set(question->info, HP_EINVAL, 0, "id: 16 lower-case hex digits");
    }
    hp_err err = hp_store_request(question->store, id, question->arena, &record, question->info);
    if (err == HP_OK) {
        merging->matching = 1;
        (void)merge(merging, &record);
        err = merging->err;
        hp_tree_total(merging->into);
    }
    return err;
}

hp_err hp__answer_tree(struct hp_question *question)
{
    struct merging merging;
    struct hp_str id = hp_params_text(&question->params, "id");
    hp_err err = merging_init(&merging, question);
    if (err == HP_OK) {
        err =
            id.n != 0 ? merge_one(&merging, question, id) : merge_scope(&merging, question, &question->scope);
    }
    if (err == HP_OK) {
        hp_question_put_range(question, 0, 0);
        hp_json_kv_bool(question->json, "truncated",
                        is_brushed(&question->scope) && merging.matching > TREES_MERGED);
        put_tree(question, &merging);
    }
    merging_fini(&merging);
    return err;
}

static hp_err put_side(struct hp_question *question, const char *key, const char *parameter)
{
    struct merging merging;
    struct hp_scope scope;
    hp_err err = hp_question_side(question, hp_params_text(&question->params, parameter), &scope);
    if (err != HP_OK) {
        return err;
    }
    err = merging_init(&merging, question);
    if (err == HP_OK) {
        err = merge_scope(&merging, question, &scope);
    }
    if (err == HP_OK) {
        hp_json_key(question->json, key);
        hp_json_object_begin(question->json);
        put_tree(question, &merging);
        hp_json_object_end(question->json);
    }
    merging_fini(&merging);
    return err;
}

hp_err hp__answer_diff(struct hp_question *question)
{
    hp_question_put_range(question, 0, 0);
    hp_err err = put_side(question, "before", "a");
    return err == HP_OK ? put_side(question, "after", "b") : err;
}
