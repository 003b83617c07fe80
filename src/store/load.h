/* load.h -- brings the rows of a question's range into memory; private to src/store. */
#ifndef HP_LOAD_H
#define HP_LOAD_H

#include "store/store_int.h"

/* Point store->scan at the rows of a scope's range: those that are there, with what was committed since, else
 * read. A question has begun. Fills `stamp`. Fails as reading does; then no rows are there. */
HP_CHECK hp_err hp__load_rows(struct hp_store *store, const struct hp_scope *scope, struct hp__stamp *stamp,
                              struct hp_errinfo *info);

/* Whether memory holds every row of the store, but for those that were committed since. */
bool hp__load_has_all(const struct hp_store *store, const struct hp__stamp *stamp);

/* End of a scope's range; the minutes [from, to) that lie wholly within [from_ns, to_ns). */
uint64_t hp__scope_to(const struct hp_scope *scope);
void hp__whole_minutes(uint64_t from_ns, uint64_t to_ns, uint64_t *from, uint64_t *to);

hp_err hp__read_no_memory(struct hp_errinfo *info);

#endif
