/* executions.h -- how long single executions of statements take: sums by the minute do not know, so it is of
 * a sample of requests. */
#ifndef HP_EXECUTIONS_H
#define HP_EXECUTIONS_H

#include "serve/question.h"

struct hp_executions {
    uint64_t p95_ns;
    uint32_t sampled; /* executions that were looked at; 0: none, and nothing is known */
};

/* Of each row: `out` has room for `count`. From at most 24 requests of each of the first 40 routes that
 * occur, spread over their durations, 262,144 executions in all. Fails as the store does, HP_ENOMEM. */
HP_CHECK hp_err hp_executions_read(struct hp_question *question, const struct hp_statement_row *rows,
                                   uint32_t count, struct hp_executions *out);

#endif
