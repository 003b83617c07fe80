/* question.h -- one question while it is answered: what was asked, over which requests, and where the answer
 * goes. Private to src/serve.
 *
 * Each hp__answer_* writes members into an object that has been begun, with "schema" and "range" in it, and
 * fails as the store does; what it wrote is then thrown away. HP_EINVAL: 400, HP_ENOTFOUND: 404, HP_EBUSY and
 * HP_ETIMEOUT: 503. Lines in `info` are for people.
 */
#ifndef HP_QUESTION_H
#define HP_QUESTION_H

#include "base/json.h"
#include "answer/answer.h"
#include "serve/access.h"
#include "serve/params.h"
#include "store/store.h"

struct hp_question {
    struct hp_store *store;
    const struct hp_dict *dict; /* the store's */
    struct hp_arena *arena;
    struct hp_json *json;
    struct hp_params params;
    struct hp_scope scope;
    struct hp_str label; /* that gave the range; empty: none */
    bool newest;         /* the scope was narrowed to the newest revision, nobody asked for it */
    uint64_t now_ns;     /* wall clock */
    enum hp_api_role role;
    const struct hp_access *access;
    const char *path;       /* of the store */
    hp_api_explain explain; /* NULL: no database is asked */
    struct hp_errinfo *info;
};

typedef hp_err (*hp_question_fn)(struct hp_question *question);

/* Make the scope of the parameters (docs/formats/api.md). Fails as above. */
HP_CHECK hp_err hp_question_scope(struct hp_question *question);
/* The same for one side of a comparison: a label, label:L, a revision, FROM..TO. */
HP_CHECK hp_err hp_question_side(struct hp_question *question, struct hp_str word, struct hp_scope *scope);
/* Members of "range". */
void hp_question_put_range(struct hp_question *question, uint64_t first_ns, uint64_t last_ns);

/* The report over the scope, without keeping states. / One of its findings as an object. overview.c */
HP_CHECK hp_err hp_question_answer(struct hp_question *question, struct hp_answer *answer);
void hp_question_put_finding(struct hp_json *json, const struct hp_answer *answer,
                             const struct hp_answer_finding *finding);

/* Array `key` of what is kept about findings: those that are muted, or all. overview.c */
HP_CHECK hp_err hp_question_put_states(struct hp_question *question, const char *key, bool muted);

hp_err hp__answer_meta(struct hp_question *question);
hp_err hp__answer_overview(struct hp_question *question);
hp_err hp__answer_routes(struct hp_question *question);
hp_err hp__answer_findings(struct hp_question *question);
hp_err hp__answer_route(struct hp_question *question);
hp_err hp__answer_tree(struct hp_question *question);
hp_err hp__answer_diff(struct hp_question *question);
hp_err hp__answer_requests(struct hp_question *question);
hp_err hp__answer_request(struct hp_question *question);
hp_err hp__answer_sql(struct hp_question *question);
hp_err hp__answer_compare(struct hp_question *question);
hp_err hp__answer_process(struct hp_question *question);
hp_err hp__answer_source(struct hp_question *question);
hp_err hp__answer_settings(struct hp_question *question);
hp_err hp__answer_plan(struct hp_question *question);
hp_err hp__answer_export(struct hp_question *question);

/* Changes: `body` is JSON; the store is open for writing. */
hp_err hp__change_finding(struct hp_question *question, struct hp_str body);
hp_err hp__change_setting(struct hp_question *question, struct hp_str body);
hp_err hp__change_plan(struct hp_question *question, struct hp_str body);

/* Whether `text` has `part` in it, letters of any case alike (ASCII). */
bool hp_question_contains(struct hp_str text, struct hp_str part);

/* A line for memory that was not there. */
hp_err hp_question_no_memory(struct hp_question *question);

#endif
