/* process.c -- what the recording processes used, minute by minute, and what was not recorded. */
#include "answer/answer.h"
#include "answer/workers.h"
#include "serve/question.h"

#define POINTS_MOST 240u

hp_err hp__answer_process(struct hp_question *question)
{
    struct hp_workers *gauges = hp_arena_alloc(question->arena, sizeof *gauges, _Alignof(struct hp_workers));
    if (gauges == NULL) {
        return hp_question_no_memory(question);
    }
    hp_err err = hp_workers_load(gauges, question->store, question->scope.from_ns, question->scope.to_ns,
                                 question->arena, question->info);
    struct hp_complete complete;
    struct hp_unseen unseen;
    if (err == HP_OK) {
        err = hp_store_complete(question->store, &question->scope, &complete, question->info);
    }
    if (err == HP_OK) {
        err = hp_unseen_load(&unseen, question->store, question->scope.from_ns, question->scope.to_ns,
                             question->arena, question->info);
    }
    if (err == HP_OK) {
        hp_question_put_range(question, 0, 0);
        hp_answer_json_complete(question->json, &complete, &unseen);
        hp_workers_json(gauges, POINTS_MOST, question->json);
    }
    return err;
}
