/* input.c -- see input.h. */
#include "cli/input.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "answer/mergedtree.h"
#include "cli/output.h"

#define TREE_NODES  (1u << 22)
#define ARENA_BYTES ((size_t)1 << 30)

bool hp_input_request_id(struct hp_str word, uint64_t *id)
{
    uint64_t value = 0;
    if (hp_str_starts(word, HP_STR("req:"))) {
        word = hp_str_make(word.p + 4, word.n - 4);
    }
    if (word.n != 16) {
        return false;
    }
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
        value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *id = value;
    return true;
}

/* ---- what a word may mean ---- */

static bool stop_at_first(void *ctx, const struct hp_request_row *row)
{
    (void)row;
    *(bool *)ctx = true;
    return false;
}

static hp_err any_in(struct hp_store *store, const struct hp_scope *scope, bool *any, struct hp_errinfo *info)
{
    *any = false;
    return hp_store_requests(store, scope, HP_SORT_NEWEST, 1, stop_at_first, any, info);
}

/* Whether a scope that differs from the reading's in one word has a request. */
static hp_err has_route(struct hp_reading *reading, struct hp_str name, struct hp_scope *scope, bool *has,
                        struct hp_errinfo *info)
{
    *scope = reading->scope;
    scope->route = name;
    return any_in(reading->store, scope, has, info);
}

static hp_err has_revision(struct hp_reading *reading, struct hp_str name, struct hp_scope *scope, bool *has,
                           struct hp_errinfo *info)
{
    *scope = reading->scope;
    scope->revision = name;
    return any_in(reading->store, scope, has, info);
}

/* A label names a time, so the newest revision plays no part in it. */
static struct hp_scope label_scope(const struct hp_reading *reading)
{
    struct hp_scope scope = reading->scope;
    if (reading->newest.n != 0) {
        scope.revision = (struct hp_str){0};
    }
    return scope;
}

static hp_err find_prefixed(struct hp_reading *reading, struct hp_str word, struct hp_input *input,
                            struct hp_errinfo *info)
{
    bool has;
    if (hp_str_starts(word, HP_STR("req:"))) {
        input->kind = HP_INPUT_REQUEST;
        if (!hp_input_request_id(word, &input->request_id)) {
            return hp_err_set(info, HP_EINVAL, 0, "%.60s: a request id is 16 lower-case hex digits", word.p);
        }
        return HP_OK;
    }
    if (hp_str_eq(word, HP_STR("process:"))) {
        input->kind = HP_INPUT_PROCESS;
        return HP_OK;
    }
    if (hp_str_starts(word, HP_STR("label:"))) {
        input->kind = HP_INPUT_LABEL;
        input->name = hp_str_make(word.p + 6, word.n - 6);
        input->scope = label_scope(reading);
        return hp_reading_label(reading, input->name, &input->scope, info);
    }
    input->kind = HP_INPUT_ROUTE;
    input->name = hp_str_make(word.p + 6, word.n - 6);
    hp_err err = has_route(reading, input->name, &input->scope, &has, info);
    if (err == HP_OK && !has) {
        return hp_err_set(info, HP_ENOTFOUND, 0, "no request of the route %.120s", input->name.p);
    }
    return err;
}

/* All meanings of a word without prefix; the second one is an error that names both. */
static hp_err find_bare(struct hp_reading *reading, struct hp_str word, struct hp_input *input,
                        struct hp_errinfo *info)
{
    static const char *const kinds[] = {"", "req:", "route:", "label:", "the revision "};
    struct hp_input found[4];
    size_t count = 0;
    uint64_t id;
    bool has;
    struct hp_input one = {.name = word};
    if (hp_input_request_id(word, &id)) {
        one.kind = HP_INPUT_REQUEST;
        one.request_id = id;
        found[count++] = one;
    }
    one.kind = HP_INPUT_ROUTE;
    hp_err err = has_route(reading, word, &one.scope, &has, info);
    if (err == HP_OK && has) {
        found[count++] = one;
    }
    one.kind = HP_INPUT_LABEL;
    one.scope = label_scope(reading);
    if (hp_reading_label(reading, word, &one.scope, NULL) == HP_OK) {
        found[count++] = one;
    }
    one.kind = HP_INPUT_REVISION;
    if (err == HP_OK) {
        err = has_revision(reading, word, &one.scope, &has, info);
    }
    if (err == HP_OK && has) {
        found[count++] = one;
    }
    if (err != HP_OK) {
        return err;
    }
    if (count == 0) {
        return hp_err_set(info, HP_ENOTFOUND, 0, "%.100s: no such file, request, route, label or revision",
                          word.p);
    }
    if (count > 1) {
        return hp_err_set(info, HP_EINVAL, 0, "%.60s is ambiguous: %s%.60s or %s%.60s", word.p,
                          kinds[found[0].kind], word.p, kinds[found[1].kind], word.p);
    }
    *input = found[0];
    return HP_OK;
}

/* A file that exists: a store takes the place of the one that is open. */
static hp_err find_file(struct hp_reading *reading, const char *word, struct hp_input *input,
                        struct hp_errinfo *info)
{
    struct hp_store *store = NULL;
    hp_err err = hp_reading_open(word, false, &store, info);
    if (err != HP_OK) {
        return hp_err_set(info, err, 0, "%.120s: not a store of Hotplate, the only file that can be read",
                          word);
    }
    hp_reading_end(reading);
    reading->store = store;
    input->kind = HP_INPUT_ALL;
    input->scope = (struct hp_scope){.from_ns = reading->scope.from_ns,
                                     .to_ns = reading->scope.to_ns,
                                     .route = hp_str_from0(reading->route),
                                     .revision = hp_str_from0(reading->revision)};
    reading->newest = (struct hp_str){0};
    return HP_OK;
}

hp_err hp_input_find(struct hp_reading *reading, const char *word, struct hp_input *input,
                     struct hp_errinfo *info)
{
    struct stat file;
    struct hp_str text = hp_str_from0(word);
    *input = (struct hp_input){.kind = HP_INPUT_ALL, .scope = reading->scope, .name = text};
    if (word == NULL) {
        return HP_OK;
    }
    if (word[0] == '\0') {
        return hp_err_set(info, HP_EINVAL, 0, "an empty INPUT");
    }
    if (stat(word, &file) == 0 && S_ISREG(file.st_mode)) {
        return find_file(reading, word, input, info);
    }
    if (hp_str_starts(text, HP_STR("req:")) || hp_str_starts(text, HP_STR("label:")) ||
        hp_str_starts(text, HP_STR("route:")) || hp_str_eq(text, HP_STR("process:"))) {
        return find_prefixed(reading, text, input, info);
    }
    return find_bare(reading, text, input, info);
}

/* ---- its tree ---- */

hp_err hp_input_record_tree(const struct hp_store *store, const struct hp_record *record, bool raw,
                            struct hp_tree **tree)
{
    const struct hp_dict *dict = hp_store_dict(store);
    if (record->shape.n == 0) {
        *tree = NULL;
        return HP_OK;
    }
    struct hp_tree *made = hp_tree_new(dict, TREE_NODES);
    if (made == NULL) {
        return HP_ENOMEM;
    }
    struct hp_reader shape, values;
    hp_reader_init(&shape, record->shape.p, record->shape.n);
    hp_reader_init(&values, record->values.p, record->values.n);
    hp_err err = hp_tree_decode(made, shape, values, NULL, hp_dict_symbol_count(dict));
    if (err != HP_OK) {
        hp_tree_free(made);
        return err;
    }
    if (!raw) {
        (void)hp_tree_calibrate(made, record->req.call_inner_ps / 1000.0, record->req.call_outer_ps / 1000.0);
    }
    *tree = made;
    return HP_OK;
}

static hp_err request_tree(struct hp_reading *reading, uint64_t id, bool raw, struct hp_tree **tree,
                           bool *sampled, struct hp_errinfo *info)
{
    struct hp_arena arena;
    struct hp_record record;
    hp_arena_init(&arena, ARENA_BYTES);
    hp_err err = hp_store_request(reading->store, id, &arena, &record, info);
    if (err == HP_ENOTFOUND) {
        err = hp_err_set(info, err, 0, "no request %016" PRIx64 " in the store", id);
    }
    if (err == HP_OK) {
        *sampled = (record.req.flags & HP_REQ_SAMPLED) != 0;
        err = hp_input_record_tree(reading->store, &record, raw, tree);
        if (err != HP_OK) {
            hp_err_set(info, err, 0, "the call tree of %016" PRIx64 ": %s", id, hp_err_text(err));
        }
    }
    hp_arena_fini(&arena);
    return err;
}

hp_err hp_input_tree(struct hp_reading *reading, const struct hp_input *input, bool raw,
                     struct hp_tree **tree, uint64_t *requests, bool *sampled, struct hp_errinfo *info)
{
    struct hp_mergedtree made = {.requests = 1};
    hp_err err;
    if (input->kind == HP_INPUT_REQUEST) {
        err = request_tree(reading, input->request_id, raw, &made.tree, &made.sampled, info);
    } else {
        struct hp_scope scope = input->scope;
        scope.calibrated = !raw;
        err = hp_mergedtree_load(reading->store, &scope,
                                 input->kind == HP_INPUT_PROCESS ? HP_MERGED_OUTSIDE : HP_MERGED_LARGER,
                                 TREE_NODES, &made, info);
    }
    if (err != HP_OK) {
        return err;
    }
    if (made.tree == NULL && input->kind == HP_INPUT_PROCESS) {
        return hp_err_set(info, HP_ENOTFOUND, 0,
                          "nothing was sampled outside of requests (level sample does)");
    }
    if (made.tree == NULL) {
        return hp_err_set(
            info, HP_ENOTFOUND, 0,
            "no call tree was recorded there (level trace records one: hotplate run --level trace)");
    }
    *sampled = made.sampled;
    *tree = made.tree;
    *requests = made.requests;
    return HP_OK;
}

void hp_input_put_title(struct hp_reading *reading, const struct hp_input *input, struct hp_buf *out)
{
    struct hp_scope scope = input->scope;
    switch (input->kind) {
    case HP_INPUT_REQUEST:
        hp_buf_printf(out, "request %016" PRIx64, input->request_id);
        return;
    case HP_INPUT_LABEL:
        hp_buf_put_text(out, HP_STR("label "));
        hp_output_text(out, input->name);
        break;
    case HP_INPUT_PROCESS:
        hp_buf_put_text(out, HP_STR("outside of requests"));
        return;
    case HP_INPUT_REVISION:
        hp_buf_put_text(out, HP_STR("revision "));
        hp_output_text(out, input->name);
        break;
    case HP_INPUT_ALL:
    case HP_INPUT_ROUTE:
        break;
    }
    if (scope.route.n != 0) {
        hp_buf_put_text(out, input->kind == HP_INPUT_LABEL || input->kind == HP_INPUT_REVISION ? HP_STR(", ")
                                                                                               : HP_STR(""));
        hp_output_text(out, scope.route);
    } else if (input->kind == HP_INPUT_ALL) {
        hp_buf_put_text(out, HP_STR("all routes"));
    }
    if (input->kind != HP_INPUT_LABEL && input->kind != HP_INPUT_REVISION && reading->newest.n != 0) {
        hp_buf_put_text(out, HP_STR(", revision "));
        hp_output_text(out, reading->newest);
    }
}
