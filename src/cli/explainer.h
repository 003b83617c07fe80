/* explainer.h -- one statement to its plan: decide whether it may be explained, ask a child process for it,
 * read what comes back.
 *
 * The child is `PYTHON -m hotplate.explain` with the application's interpreter, so that its drivers are
 * there; it gets the request on stdin and is killed with its whole group when it takes longer than it may. A
 * password in the DSN goes through that pipe only: it is on no command line, in no file, in no message.
 */
#ifndef HP_EXPLAINER_H
#define HP_EXPLAINER_H

#include "base/arena.h"
#include "base/buf.h"
#include "cli/storepath.h"
#include "find/plan.h"
#include "find/plan_query.h"

struct hp_explainer {   /* one question */
    const char *python; /* NULL: hp_explainer_python's */
    const char *dsn;
    struct hp_str text;   /* written or folded */
    struct hp_str params; /* JSON of what the application had bound; empty: the placeholders get `given` and
                             example values */
    const char *const *given;
    size_t given_count;
    uint8_t engine; /* enum hp_engine; UNKNOWN: what the DSN says */
    bool analyze;
    uint64_t timeout_ns;
};

/* The plan, resolved against `*query` (of the text); all from `arena`. A refusal or the server's complaint is
 * a plan with `why_not`. Fails: HP_EIO with a line (no such interpreter, a child that died), HP_EFORMAT,
 * HP_ENOMEM. */
HP_CHECK hp_err hp_explainer_ask(const struct hp_explainer *question, struct hp_arena *arena,
                                 struct hp_plan *plan, struct hp_query *query, struct hp_errinfo *info);

/* Keep the plan with its statement in the store at `path`. A reason does not take the place of a plan that is
 * there; a store that cannot be written is no reason to fail. */
void hp_explainer_keep(const char *path, uint64_t plan_id, const struct hp_plan *plan);

/* The engine of a DSN by its scheme, or SQLite for a path; HP_ENGINE_UNKNOWN. */
enum hp_engine hp_explainer_engine(const char *dsn);

/* The interpreter to use where none is named: the one beside this executable, else python3 of the PATH. */
void hp_explainer_python(char path[HP_STOREPATH_BYTES]);

#endif
