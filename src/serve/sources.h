/* sources.h -- the application's source that a request's record speaks of, as it was when the request began.
 * Private to src/serve.
 *
 * Places are those of statements, waits, lanes and nodes of the tree. At most 500 lines and 64 files; what is
 * beyond is left out.
 */
#ifndef HP_SOURCES_H
#define HP_SOURCES_H

#include "model/tree.h"
#include "serve/question.h"

/* Member "sources": {"file:line": "text of the line"}. `tree` may be NULL. Owns: nothing. Fails: as the store
 * does. */
HP_CHECK hp_err hp_sources_put_lines(struct hp_question *question, const struct hp_record *record,
                                     const struct hp_tree *tree);

/* A file's name; borrowed for the call. */
typedef hp_err (*hp_sources_fn)(void *ctx, struct hp_str name);

/* Each of their files whose text was recorded, once. Fails: as the store or `fn` does. */
HP_CHECK hp_err hp_sources_each_file(struct hp_question *question, const struct hp_record *record,
                                     const struct hp_tree *tree, hp_sources_fn fn, void *ctx);

#endif
