/* keeps.h -- the line that puts something where it outlives its request, read off the source of what the
 * request ran.
 *
 * Why: that a route's requests leave memory behind is measured, but a block does not say which line keeps it.
 * The functions that ran are few, and what outlives them has few shapes: a cache around the function, an item
 * put into a container that is neither an argument nor a local name.
 */
#ifndef HP_KEEPS_H
#define HP_KEEPS_H

#include "find/find.h"
#include "store/store.h"

/* The line (from 1) in the function that begins at `first_line` of `source` (its first decorator's, else the
 * def's): its caching decorator, else the first statement that puts something into such a container, else
 * into one of its object (self, cls). 0: none. Pure. Threads: any. */
uint32_t hp_keeps_line(struct hp_str source, uint32_t first_line);

/* The line at which a cache is put around the function of this name by a statement of its module ("page_of =
 * lru_cache(None)(page)"). 0: none. Pure. Threads: any. */
uint32_t hp_keeps_wrapped_line(struct hp_str source, struct hp_str name);

/* Give each memory_growth among a route's findings the place of such a line, of the costliest of the
 * application's functions that has one; without one it stays as it is, or goes if it is unsure. One that
 * keeps no more than the requests of other routes give back goes, too. Fails: as the store says. Threads:
 * owner of the handle. */
HP_CHECK hp_err hp_keeps_settle(struct hp_store *store, const struct hp_scope *scope, const struct hp_case *c,
                                struct hp_findings *findings, struct hp_errinfo *info);

#endif
