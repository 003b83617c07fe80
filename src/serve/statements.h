/* statements.h -- statements of a scope, sorted, filtered and listed. */
#ifndef HP_STATEMENTS_H
#define HP_STATEMENTS_H

#include "serve/executions.h"
#include "serve/question.h"

#define HP_STATEMENTS_READ 2048u /* requests whose detail is read for one answer */

struct hp_statements {
    struct hp_statement_row *list; /* the arena's; by total time */
    uint32_t count, capacity;
    uint64_t total_ns, requests; /* of all SQL; requests in scope, for figures per request */
    struct hp_portion portion;   /* what they were estimated from */
    struct hp_arena *arena;
    hp_err err;
};

/* Read those of a scope; of a large one that no rollup knows, by an even selection of its requests. Fails as
 * the store does. */
HP_CHECK hp_err hp_statements_read(struct hp_statements *statements, struct hp_question *question);

/* Member "statements_portion", where they are estimates. */
void hp_statements_put_portion(const struct hp_statements *statements, struct hp_json *json);

/* One as an object; `executions` may be NULL. */
void hp_statements_put(const struct hp_statements *statements, struct hp_question *question,
                       const struct hp_statement_row *row, const struct hp_executions *executions);

#endif
