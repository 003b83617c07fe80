/* question.c -- see question.h. */
#include "serve/question.h"

#include "format/member.h"

#define DAY_S 86400u

hp_err hp_question_no_memory(struct hp_question *question)
{
    return hp_err_set(question->info, HP_ENOMEM, 0, "out of memory while answering");
}

static hp_err read_label(struct hp_question *question, struct hp_str name, struct hp_scope *scope)
{
    struct hp_label label;
    hp_err err = hp_store_label(question->store, name, &label, question->info);
    if (err == HP_OK) {
        scope->from_ns = label.from_ns > scope->from_ns ? label.from_ns : scope->from_ns;
        if (label.to_ns != 0 && (scope->to_ns == 0 || label.to_ns < scope->to_ns)) {
            scope->to_ns = label.to_ns;
        }
    }
    return err;
}

static hp_err read_times(struct hp_question *question, struct hp_scope *scope)
{
    const struct hp_params *params = &question->params;
    uint64_t last_s = 0;
    hp_err err = hp_params_ms(params, "from", &scope->from_ns, question->info);
    if (err == HP_OK) {
        err = hp_params_ms(params, "to", &scope->to_ns, question->info);
    }
    if (err == HP_OK) {
        err = hp_params_number(params, "last", 1, 4000u * DAY_S, 0, &last_s, question->info);
    }
    if (err == HP_OK) {
        err = hp_params_ms(params, "min_ms", &scope->min_ns, question->info);
    }
    if (err == HP_OK) {
        err = hp_params_ms(params, "max_ms", &scope->max_ns, question->info);
    }
    if (err == HP_OK && last_s != 0 && question->now_ns / 1000000000u > last_s) {
        scope->from_ns = question->now_ns - last_s * 1000000000u;
    }
    if (err == HP_OK && scope->to_ns != 0 && scope->to_ns <= scope->from_ns) {
        err = hp_err_set(question->info, HP_EINVAL, 0, "to is not after from");
    }
    return err;
}

static hp_err read_level(struct hp_question *question, struct hp_scope *scope)
{
    struct hp_str level = hp_params_text(&question->params, "level");
    for (unsigned i = 0; level.n != 0 && i <= HP_LEVEL_TRACE; i++) {
        if (hp_str_eq(level, hp_str_from0(hp_member_level((uint8_t)i)))) {
            scope->levels = (uint8_t)(1u << i);
            return HP_OK;
        }
    }
    return level.n == 0
               ? HP_OK
               : hp_err_set(question->info, HP_EINVAL, 0, "level: not one of count, monitor, sample, trace");
}

hp_err hp_question_scope(struct hp_question *question)
{
    const struct hp_params *params = &question->params;
    struct hp_scope scope = {.route = hp_params_text(params, "route"),
                             .revision = hp_params_text(params, "revision")};
    hp_err err = read_times(question, &scope);
    if (err == HP_OK) {
        err = read_level(question, &scope);
    }
    question->label = hp_params_text(params, "label");
    if (err == HP_OK && question->label.n != 0) {
        err = read_label(question, question->label, &scope);
    }
    if (hp_str_eq(scope.revision, HP_STR("*"))) {
        scope.revision = (struct hp_str){NULL, 0};
    } else if (err == HP_OK && scope.revision.n == 0 && question->label.n == 0) {
        struct hp_str newest = {NULL, 0};
        err = hp_store_newest_revision(question->store, &scope, &newest, question->info);
        char *copy = err == HP_OK ? hp_arena_dup(question->arena, newest.p, newest.n) : NULL;
        scope.revision = hp_str_make(copy, copy != NULL ? newest.n : 0);
        question->newest = scope.revision.n != 0;
    }
    question->scope = scope;
    return err;
}

static hp_err find_revision(struct hp_question *question, struct hp_str word, struct hp_scope *scope)
{
    struct hp_complete complete = {0};
    scope->revision = word;
    hp_err err = hp_store_complete(question->store, scope, &complete, question->info);
    if (err == HP_OK && complete.recorded == 0) {
        err = hp_err_set(question->info, HP_ENOTFOUND, 0, "no label or revision %.*s",
                         (int)(word.n < 80 ? word.n : 80), word.p);
    }
    return err;
}

static size_t find_dots(struct hp_str word)
{
    for (size_t i = 0; i + 2 <= word.n; i++) {
        if (word.p[i] == '.' && word.p[i + 1] == '.') {
            return i;
        }
    }
    return word.n;
}

hp_err hp_question_side(struct hp_question *question, struct hp_str word, struct hp_scope *scope)
{
    struct hp_str prefix = HP_STR("label:");
    struct hp_label label;
    size_t dots = find_dots(word);
    *scope = (struct hp_scope){.route = hp_params_text(&question->params, "route")};
    if (word.n == 0) {
        return hp_err_set(question->info, HP_EINVAL, 0, "a and b: a label, a revision, or FROM..TO");
    }
    if (hp_str_starts(word, prefix)) {
        return read_label(question, hp_str_make(word.p + prefix.n, word.n - prefix.n), scope);
    }
    if (dots < word.n) {
        struct hp_str from = hp_str_make(word.p, dots),
                      to = hp_str_make(word.p + dots + 2, word.n - dots - 2);
        bool good = (from.n == 0 || hp_params_read_ms(from, &scope->from_ns)) &&
                    (to.n == 0 || hp_params_read_ms(to, &scope->to_ns)) &&
                    (scope->to_ns == 0 || scope->to_ns > scope->from_ns);
        return good ? HP_OK : hp_err_set(question->info, HP_EINVAL, 0, "a and b: FROM..TO in ms since 1970");
    }
    hp_err err = hp_store_label(question->store, word, &label, question->info);
    if (err == HP_ENOTFOUND) {
        return find_revision(question, word, scope);
    }
    scope->from_ns = err == HP_OK ? label.from_ns : 0;
    scope->to_ns = err == HP_OK ? label.to_ns : 0;
    return err;
}

static void put_text_or_null(struct hp_json *json, const char *key, struct hp_str text)
{
    if (text.n == 0) {
        hp_json_kv_null(json, key);
    } else {
        hp_json_kv_str(json, key, text);
    }
}

void hp_question_put_range(struct hp_question *question, uint64_t first_ns, uint64_t last_ns)
{
    struct hp_json *json = question->json;
    hp_json_key(json, "range");
    hp_json_object_begin(json);
    hp_member_moment(json, "from", question->scope.from_ns);
    hp_member_moment(json, "to", question->scope.to_ns);
    put_text_or_null(json, "revision", question->scope.revision);
    put_text_or_null(json, "label", question->label);
    put_text_or_null(json, "route", question->scope.route);
    if (first_ns != 0) {
        hp_member_moment(json, "first", first_ns);
        hp_member_moment(json, "last", last_ns);
    }
    hp_json_object_end(json);
}
