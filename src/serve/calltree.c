/* calltree.c -- merged call trees of a selection, of one request, and of two sides of a comparison. */
#include <inttypes.h>
#include <stdlib.h>

#include "answer/mergedtree.h"
#include "format/member.h"
#include "format/treejson.h"
#include "serve/question.h"

#define TREE_NODES   (1u << 18)
#define TREES_MERGED 500u /* of a brush: as many as can be read in the time of an answer */

struct merging {
    struct hp_mergedtree result; /* its tree is owned */
    enum hp_merged_of of;
    struct hp_tree *scratch; /* of a brush and of single requests */
    const struct hp_dict *dict;
    uint64_t matching, calls,
        samples; /* requests that were chosen; of these with an exact tree, and with one of samples */
    hp_err err;
};

static void merging_fini(struct merging *merging)
{
    hp_tree_free(merging->result.tree);
    hp_tree_free(merging->scratch);
}

/* For trees that are read one by one. */
static hp_err make_trees(struct merging *merging, struct hp_question *question)
{
    merging->result.tree = hp_tree_new(merging->dict, TREE_NODES);
    merging->scratch = hp_tree_new(merging->dict, TREE_NODES);
    return merging->result.tree != NULL && merging->scratch != NULL ? HP_OK : hp_question_no_memory(question);
}

static const char *const kinds[] = {"", "calls", "samples", "outside"};

static hp_err read_kind(struct hp_question *question, enum hp_merged_of *of)
{
    struct hp_str wanted = hp_params_text(&question->params, "of");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (hp_str_eq(wanted, hp_str_from0(kinds[i]))) {
            *of = (enum hp_merged_of)i;
            return HP_OK;
        }
    }
    return hp_err_set(question->info, HP_EINVAL, 0, "of: calls, samples or outside");
}

static bool merge(void *ctx, const struct hp_record *record)
{
    struct merging *merging = ctx;
    struct hp_reader shape, values;
    bool sampled = (record->req.flags & HP_REQ_SAMPLED) != 0;
    if (record->shape.n == 0 || (merging->of == HP_MERGED_SAMPLES) != sampled) {
        return true;
    }
    hp_reader_init(&shape, record->shape.p, record->shape.n);
    hp_reader_init(&values, record->values.p, record->values.n);
    merging->err = hp_tree_decode(merging->scratch, shape, values, NULL, hp_dict_symbol_count(merging->dict));
    if (merging->err == HP_OK) {
        (void)hp_tree_calibrate(merging->scratch, record->req.call_inner_ps / 1000.0,
                                record->req.call_outer_ps / 1000.0);
        merging->err = hp_tree_merge(merging->result.tree, merging->scratch, NULL);
        merging->result.requests++;
    }
    return merging->err == HP_OK;
}

static bool count_row(void *ctx, const struct hp_narrow_row *row)
{
    struct merging *merging = ctx;
    merging->matching++;
    merging->samples += (row->flags & HP_REQ_SAMPLED) != 0;
    merging->calls += row->level == HP_LEVEL_TRACE || (row->flags & HP_REQ_FLIGHT) != 0;
    return true;
}

/* Trees of requests that a brush chose: those of an even sample over their durations. */
static hp_err merge_sample(struct merging *merging, struct hp_question *question,
                           const struct hp_scope *scope)
{
    struct hp_arena arena;
    bool more = merging->samples > merging->calls;
    merging->of = merging->of != HP_MERGED_LARGER ? merging->of : more ? HP_MERGED_SAMPLES : HP_MERGED_EXACT;
    merging->result.sampled = merging->of == HP_MERGED_SAMPLES;
    hp_err err = make_trees(merging, question);
    if (err != HP_OK) {
        return err;
    }
    hp_arena_init(&arena, (size_t)512 << 20);
    err = hp_store_sample(question->store, scope, 0, TREES_MERGED, &arena, merge, merging, question->info);
    hp_arena_fini(&arena);
    hp_tree_total(merging->result.tree);
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
    hp_err err = hp_store_some_rows(question->store, scope, count_row, merging, &each, question->info);
    merging->matching *= each;
    merging->calls *= each;
    merging->samples *= each;
    if (err != HP_OK) {
        return err;
    }
    if (is_brushed(scope) && merging->of != HP_MERGED_OUTSIDE) {
        return merge_sample(merging, question, scope);
    }
    return hp_mergedtree_load(question->store, &all, merging->of, TREE_NODES, &merging->result,
                              question->info);
}

static const char *hint_of(enum hp_merged_of of)
{
    return of == HP_MERGED_SAMPLES ? "no samples of requests here: level sample takes them"
           : of == HP_MERGED_OUTSIDE
               ? "nothing was sampled outside of requests here: level sample does"
               : "no call tree was recorded here: level trace records one (hotplate run "
                 "--level trace), level sample one of samples";
}

static void put_tree(struct hp_question *question, const struct merging *merging)
{
    struct hp_json *json = question->json;
    const struct hp_mergedtree *result = &merging->result;
    bool outside = merging->of == HP_MERGED_OUTSIDE;
    hp_json_kv_u64(json, "requests", result->requests);
    hp_json_kv_u64(json, "matching", merging->matching);
    hp_json_kv_cstr(json, "of",
                    kinds[outside           ? HP_MERGED_OUTSIDE
                          : result->sampled ? HP_MERGED_SAMPLES
                                            : HP_MERGED_EXACT]);
    hp_json_key(json, "with");
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "calls", merging->calls);
    hp_json_kv_u64(json, "samples", merging->samples);
    hp_json_object_end(json);
    if (result->sampled && result->tree != NULL) {
        hp_json_kv_u64(json, "samples", hp_tree_samples(result->tree));
    }
    hp_json_key(json, "nodes");
    if (result->tree != NULL && (outside || result->requests != 0)) {
        hp_treejson_nodes(result->tree, merging->dict, HP_UNIT_TIME, true, json);
        return;
    }
    hp_json_array_begin(json);
    hp_json_array_end(json);
    hp_json_kv_cstr(json, "hint", hint_of(merging->of));
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
        err = make_trees(merging, question);
    }
    if (err == HP_OK) {
        merging->matching = 1;
        merging->result.sampled = (record.req.flags & HP_REQ_SAMPLED) != 0;
        merging->of = merging->result.sampled ? HP_MERGED_SAMPLES : HP_MERGED_EXACT;
        (void)merge(merging, &record);
        err = merging->err;
        hp_tree_total(merging->result.tree);
    }
    return err;
}

hp_err hp__answer_tree(struct hp_question *question)
{
    struct merging merging = {.dict = question->dict};
    struct hp_str id = hp_params_text(&question->params, "id");
    hp_err err = read_kind(question, &merging.of);
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

/* `of`: what to merge; afterwards what was merged. */
static hp_err put_side(struct hp_question *question, const char *key, const char *parameter,
                       enum hp_merged_of *of)
{
    struct merging merging = {.dict = question->dict, .of = *of};
    struct hp_scope scope;
    hp_err err = hp_question_side(question, hp_params_text(&question->params, parameter), &scope);
    if (err == HP_OK) {
        err = merge_scope(&merging, question, &scope);
    }
    if (err == HP_OK) {
        hp_json_key(question->json, key);
        hp_json_object_begin(question->json);
        put_tree(question, &merging);
        hp_json_object_end(question->json);
        if (*of == HP_MERGED_LARGER && merging.result.requests != 0) { /* the other side is of the same */
            *of = merging.result.sampled ? HP_MERGED_SAMPLES : HP_MERGED_EXACT;
        }
    }
    merging_fini(&merging);
    return err;
}

hp_err hp__answer_diff(struct hp_question *question)
{
    enum hp_merged_of of = HP_MERGED_LARGER;
    hp_err err = read_kind(question, &of);
    if (err == HP_OK) {
        hp_question_put_range(question, 0, 0);
        err = put_side(question, "before", "a", &of);
    }
    return err == HP_OK ? put_side(question, "after", "b", &of) : err;
}
