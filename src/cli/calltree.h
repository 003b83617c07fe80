/* calltree.h -- a call tree on a terminal.
 *
 * For people library frames are folded: of them only what application code calls directly, and what holds at
 * least 5 % itself, is shown; what is below the threshold is left out. Every line has its time, share and
 * calls. Below a lane the shares are of that lane, because it runs beside its parent.
 */
#ifndef HP_CALLTREE_H
#define HP_CALLTREE_H

#include <stdbool.h>
#include "base/buf.h"
#include "model/profile.h"

struct hp_calltree_options {
    double threshold;  /* share of its lane below which a node is left out */
    bool unfold;       /* show library frames */
    uint64_t requests; /* the tree adds up so many: figures are a request's average; 0 is 1 */
    enum hp_profile_unit unit;
    bool uncounted;   /* calls are not known */
    uint64_t samples; /* the tree is of so many: shares are shown with their error; 0: it is not */
    bool file;        /* of a file: the root is no request */
};

/* Append the lines. Totals must be computed. Fails: HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_calltree_text(const struct hp_tree *tree, const struct hp_dict *dict,
                                 const struct hp_calltree_options *options, struct hp_buf *out);

#endif
