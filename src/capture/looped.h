/* looped.h -- outgoing calls of tasks, joined across their lanes and that of their event loop. */
#ifndef HP_LOOPED_H
#define HP_LOOPED_H

#include "capture/wait.h"

bool hp__looped_has_tasks(const struct hp_cap_request *request);
/* As hp__calls_join, for a request with tasks: spans may change lane, place and kind, totals with them, and
 * are in order per lane afterwards; an await within a call gets its number. Without memory fewer are joined.
 * With the GIL. */
void hp__looped_join(struct hp_cap_request *request);

#endif
