/* plan.c -- the plan of one statement: the one that is kept, and, where the executable serves, a new one from
 * the database.
 *
 * Which statement: `id` as `sql` lists them, among those of the scope, or with `request` among those of one
 * request.
 */
#include <string.h>

#include "answer/explained.h"
#include "format/member.h"
#include "serve/statements.h"

struct search {
    const struct hp_dict *dict;
    struct hp_str id;
    uint32_t found; /* 0: none */
    uint64_t executions, rows;
};

static bool is_it(const struct search *search, uint32_t statement)
{
    char id[HP_MEMBER_STATEMENT_BYTES];
    hp_member_statement_id(id, hp_dict_statement(search->dict, statement).text);
    return hp_str_eq(hp_str_from0(id), search->id);
}

static void count(struct search *search, uint32_t statement, uint64_t executions, uint64_t rows)
{
    search->found = statement;
    if (rows != HP_ABSENT) {
        search->executions += executions;
        search->rows += rows;
    }
}

static bool match(void *ctx, const struct hp_statement_row *row)
{
    struct search *search = ctx;
    if (is_it(search, row->statement)) {
        count(search, row->statement, row->executions, row->rows);
    }
    return true;
}

static hp_err match_request(struct hp_question *question, uint64_t request, struct search *search)
{
    struct hp_record record;
    hp_err err = hp_store_request(question->store, request, question->arena, &record, question->info);
    for (uint32_t i = 0; err == HP_OK && i < record.group_count; i++) {
        if (is_it(search, record.groups[i].statement)) {
            count(search, record.groups[i].statement, record.groups[i].count, record.groups[i].rows);
        }
    }
    return err;
}

static hp_err find(struct hp_question *question, struct hp_statement *statement, double *returned)
{
    struct hp_str text = hp_params_text(&question->params, "request");
    struct search search = {.dict = hp_store_dict(question->store),
                            .id = hp_params_text(&question->params, "id")};
    uint64_t request = 0;
    hp_err err = HP_EINVAL;
    if (text.n == 0) {
        struct hp_portion portion = {.most = HP_STATEMENTS_READ}; /* the same that are listed */
        err = hp_store_some_statements(question->store, &question->scope, &portion, match, &search,
                                       question->info);
    } else if (hp_params_read_id(text, &request)) {
        err = match_request(question, request, &search);
    } else {
        err = hp_err_set(question->info, err, 0, "request: 16 hex digits");
    }
    if (err == HP_OK && search.found == 0) {
        err = hp_err_set(question->info, HP_ENOTFOUND, 0, "there is no such statement here");
    }
    if (err == HP_OK) {
        *statement = hp_dict_statement(search.dict, search.found);
        *returned = search.executions != 0 ? (double)search.rows / (double)search.executions : -1;
    }
    return err;
}

/* Why the database cannot be asked from here; NULL: it can. */
static const char *refusal(const struct hp_question *question)
{
    if (question->explain == NULL) {
        return "an application asks no database for the dashboard: hotplate serve does";
    }
    return question->role == HP_API_WRITER ? NULL : "here one can only read";
}

hp_err hp__answer_plan(struct hp_question *question)
{
    struct hp_statement statement;
    double returned = -1;
    const char *why = refusal(question);
    hp_err err = find(question, &statement, &returned);
    if (err != HP_OK) {
        return err;
    }
    hp_json_kv_str(question->json, "statement", statement.text);
    hp_json_kv_cstr(question->json, "engine", hp_member_engine(statement.engine));
    hp_json_kv_bool(question->json, "may_ask", why == NULL);
    if (why != NULL) {
        hp_json_kv_cstr(question->json, "hint", why);
    }
    return hp_explained_put_kept(question->json, question->store, &statement, returned, question->arena,
                                 question->info);
}

hp_err hp__change_plan(struct hp_question *question, struct hp_str body)
{
    struct hp_statement statement;
    double returned;
    const char *why = refusal(question);
    (void)body;
    if (why != NULL) {
        return hp_err_set(question->info, HP_EPERM, 0, "%s", why);
    }
    hp_err err = hp_question_scope(question);
    if (err == HP_OK) {
        err = find(question, &statement, &returned);
    }
    return err == HP_OK ? question->explain(question->path, &statement, question->info) : err;
}
