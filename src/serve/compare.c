/* compare.c -- two stretches with statistics, finding by finding: answer/change.h asked over HTTP. */
#include "answer/change.h"
#include "format/member.h"
#include "serve/question.h"

static void put_side(struct hp_json *json, const char *key, struct hp_str name, const struct hp_scope *scope)
{
    hp_json_key(json, key);
    hp_json_object_begin(json);
    hp_json_kv_str(json, "name", name);
    hp_member_moment(json, "from", scope->from_ns);
    hp_member_moment(json, "to", scope->to_ns);
    if (scope->revision.n != 0) {
        hp_json_kv_str(json, "revision", scope->revision);
    }
    hp_json_object_end(json);
}

hp_err hp__answer_compare(struct hp_question *question)
{
    struct hp_change change;
    struct hp_change_options options = {.before_name = hp_params_text(&question->params, "a"),
                                        .after_name = hp_params_text(&question->params, "b"),
                                        .now_ns = question->now_ns};
    hp_err err = hp_question_side(question, options.before_name, &options.before);
    if (err == HP_OK) {
        err = hp_question_side(question, options.after_name, &options.after);
    }
    if (err == HP_OK) {
        err = hp_change_load(question->store, &options, question->arena, &change, question->info);
    }
    if (err != HP_OK) {
        return err;
    }
    hp_question_put_range(question, 0, 0);
    hp_json_key(question->json, "sides");
    hp_json_object_begin(question->json);
    put_side(question->json, "before", options.before_name, &options.before);
    put_side(question->json, "after", options.after_name, &options.after);
    hp_json_object_end(question->json);
    hp_change_json_members(question->json, &change);
    return HP_OK;
}
