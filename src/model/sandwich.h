/* sandwich.h -- one function of a profile between its callers and what it calls, added up over all places
 * where it runs.
 *
 *     callers            a tree turned upside down: below the root who called the function, below these who called them
 *     [ function ]       the root of both, with all of its time
 *     callees            what it calls, and so on
 *
 * Of a profile with stacks the halves are exact, as deep as the stacks are. A recursive function counts where
 * it is entered first, so that its time is in it once. Of pairs only the next caller and callee are known,
 * and no more is made up: each half is one level.
 */
#ifndef HP_SANDWICH_H
#define HP_SANDWICH_H

#include "hotplate/err.h"
#include "model/profile.h"
#include "model/tree.h"

struct hp_sandwich {
    struct hp_tree *callers,
        *callees; /* owned; totals computed; symbols are those of the profile's dictionary */
};

/* Of a symbol of the profile, whose graph is made where its shape is PAIRS. Fails: HP_ENOTFOUND (the function
 * is nowhere in it), HP_ENOMEM, HP_EFULL. Owns: hp_sandwich_fini, in any case. */
HP_CHECK hp_err hp_sandwich_init(struct hp_sandwich *sandwich, const struct hp_profile *profile,
                                 uint32_t sym);
void hp_sandwich_fini(struct hp_sandwich *sandwich);

#endif
