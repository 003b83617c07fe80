/* wholerequest.h -- the request that a question's `id` names, with its call tree. Private to src/serve;
 * request.c. */
#ifndef HP_WHOLEREQUEST_H
#define HP_WHOLEREQUEST_H

#include "model/tree.h"
#include "serve/question.h"

struct hp_wholerequest {
    struct hp_record record; /* in the question's arena */
    struct hp_tree *tree;    /* owned; NULL: none was recorded */
    uint64_t row;            /* of the store */
};

/* Read it. Fails: HP_EINVAL (no id), HP_ENOTFOUND, as the store does; nothing is owed then. */
HP_CHECK hp_err hp_wholerequest_init(struct hp_wholerequest *whole, struct hp_question *question);
void hp_wholerequest_fini(struct hp_wholerequest *whole);

#endif
