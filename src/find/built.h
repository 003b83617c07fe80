/* built.h -- what a library makes of the rows of one request's statements, beside what the database takes for
 * them.
 *
 * Why: fetching rows and building objects from them happen in the same calls of an ORM, and only the first is
 * the database's. With a call tree the library's own time around the statements of a function is known;
 * without one it cannot be told from what else the function does.
 */
#ifndef HP_BUILT_H
#define HP_BUILT_H

#include "base/arena.h"
#include "model/record.h"
#include "model/tree.h"

/* Of one application function, over all of its calls. */
struct hp_built {
    uint64_t
        ns; /* the library's own time: compiling the statement, building objects, collections meanwhile */
    uint64_t
        database_ns; /* waiting for the database; all of execute and fetch where the driver waits for none */
    uint64_t rows, statements;
    uint32_t site_sym, site_line, via_sym; /* of the statement that gave most */
};

/* Whether it can be told: there is an exact tree. */
bool hp_built_known(const struct hp_record *record, const struct hp_tree *tree);
/* The functions whose statements gave rows through a library, the costliest first; from `arena`. The tree is
 * calibrated; none where it is not known. HP_ENOMEM. Threads: any. */
HP_CHECK hp_err hp_built_of(const struct hp_record *record, const struct hp_tree *tree,
                            const struct hp_dict *dict, struct hp_arena *arena, struct hp_built **list,
                            uint32_t *count);

#endif
