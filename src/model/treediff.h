/* treediff.h -- two call trees laid over each other: what each path of one was in the other. */
#ifndef HP_TREEDIFF_H
#define HP_TREEDIFF_H

#include <stdint.h>
#include "hotplate/err.h"
#include "model/profile.h"

/* For each node of `after` (an array of its tree's count) the total of the same path in `before`; 0 where
 * there is none. Paths are the same when files, functions and kinds are; lines play no part, for an edit
 * moves them. HP_ENOMEM. */
HP_CHECK hp_err hp_treediff_before(const struct hp_profile *after, const struct hp_profile *before,
                                   uint64_t *totals);

#endif
