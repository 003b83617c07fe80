/* mostly.h -- where most of a route's time goes, whether or not it can be helped.
 *
 * Why: a slow route without a finding is still slow, and whoever looks at it asks for the line.
 */
#ifndef HP_MOSTLY_H
#define HP_MOSTLY_H

#include "find/find.h"

/* Set `mostly` to the line of the application, the furthest down, at which at least half of the requests'
 * time goes; share 0: there is none, or no trees. HP_ENOMEM. Threads: any. */
HP_CHECK hp_err hp__mostly_find(const struct hp_case *c, struct hp_arena *arena, struct hp_mostly *mostly);

#endif
