/* export.c -- one request as a page of its own (docs/formats/api.md): with every answer that the page of a
 * request asks for, so that it asks nobody.
 *
 * Written are the questions as the page puts them (ui/dash/saved.tsx looks them up by their words) and the
 * answers, by the same functions that answer the dashboard: what is redacted there is redacted here.
 */
#include "answer/sampled.h"
#include "format/member.h"
#include "serve/sources.h"
#include "serve/wholerequest.h"

#define PLANS_MOST      100u
#define PLAN_BYTES_MOST ((size_t)128 << 20)

/* `question` again with other words: to be answered by itself. */
static struct hp_question with_words(const struct hp_question *question, uint32_t count,
                                     const struct hp_str names[], const struct hp_str values[])
{
    struct hp_question other = *question;
    other.params.count = count;
    for (uint32_t i = 0; i < count; i++) {
        other.params.names[i] = names[i];
        other.params.values[i] = values[i];
    }
    other.explain = NULL; /* a file asks no database */
    return other;
}

/* {"ask", "words", "answer": {}} around what `answer` writes. */
static hp_err put_answer(struct hp_question *other, const char *ask, hp_question_fn answer)
{
    struct hp_json *json = other->json;
    hp_json_object_begin(json);
    hp_json_kv_cstr(json, "ask", ask);
    hp_json_key(json, "words");
    hp_json_object_begin(json);
    for (uint32_t i = 0; i < other->params.count; i++) {
        hp_json_key_str(json, other->params.names[i]);
        hp_json_str(json, other->params.values[i]);
    }
    hp_json_object_end(json);
    hp_json_key(json, "answer");
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "schema", 1);
    hp_err err = answer(other);
    hp_json_object_end(json);
    hp_json_object_end(json);
    return err;
}

static hp_err put_findings(const struct hp_question *question, const struct hp_record *record)
{
    const struct hp_str names[] = {HP_STR("route"), HP_STR("revision")};
    const struct hp_str values[] = {hp_sampled_route_name(question->dict, record->req.route, question->arena),
                                    hp_dict_string(question->dict, record->req.revision)};
    struct hp_question other = with_words(question, 2, names, values);
    hp_err err = hp_question_scope(&other);
    return err == HP_OK ? put_answer(&other, "findings", hp__answer_findings) : err;
}

static hp_err put_plan(const struct hp_question *question, uint32_t statement)
{
    const struct hp_str names[] = {HP_STR("id"), HP_STR("request")};
    struct hp_arena arena;
    char id[HP_MEMBER_STATEMENT_BYTES];
    hp_member_statement_id(id, hp_dict_statement(question->dict, statement).text);
    const struct hp_str values[] = {hp_str_from0(id), hp_params_text(&question->params, "id")};
    struct hp_question other = with_words(question, 2, names, values);
    hp_arena_init(&arena, PLAN_BYTES_MOST);
    other.arena = &arena;
    hp_err err = put_answer(&other, "plan", hp__answer_plan);
    hp_arena_fini(&arena);
    return err;
}

struct files {
    const struct hp_question *question;
    struct hp_scope scope; /* of the request alone */
};

static hp_err put_file(void *ctx, struct hp_str name)
{
    const struct files *files = ctx;
    const struct hp_str names[] = {HP_STR("file")};
    struct hp_question other = with_words(files->question, 1, names, &name);
    other.scope = files->scope;
    return put_answer(&other, "source", hp__answer_source);
}

static hp_err put_answers(struct hp_question *question, const struct hp_wholerequest *whole)
{
    const struct hp_record *record = &whole->record;
    const struct hp_str names[] = {HP_STR("id")};
    const struct hp_str id = hp_params_text(&question->params, "id");
    struct files files = {question,
                          {.from_ns = record->req.start_wall_ns, .to_ns = record->req.start_wall_ns + 1}};
    struct hp_question other = with_words(question, 1, names, &id);
    hp_err err = put_answer(&other, "request", hp__answer_request);
    if (err == HP_OK) {
        err = put_findings(question, record);
    }
    for (uint32_t i = 0; err == HP_OK && i < record->group_count && i < PLANS_MOST; i++) {
        err = put_plan(question, record->groups[i].statement);
    }
    return err == HP_OK ? hp_sources_each_file(question, record, whole->tree, put_file, &files) : err;
}

hp_err hp__answer_export(struct hp_question *question)
{
    struct hp_wholerequest whole;
    hp_err err = hp_wholerequest_init(&whole, question);
    if (err != HP_OK) {
        return err;
    }
    hp_json_kv_str(question->json, "id", hp_params_text(&question->params, "id"));
    hp_member_moment(question->json, "at", question->now_ns);
    hp_json_key(question->json, "answers");
    hp_json_array_begin(question->json);
    err = put_answers(question, &whole);
    hp_json_array_end(question->json);
    hp_wholerequest_fini(&whole);
    return err;
}
