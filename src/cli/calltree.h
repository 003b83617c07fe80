/* calltree.h -- a call tree on a terminal and as JSON.
 *
 * For people library frames are folded: of them only what application code calls directly, and what holds at least 5 % itself, is shown;
 * what is below the threshold is left out. Every line has its time, share and calls. Below a lane the shares are of that lane, because it
 * runs beside its parent.
 */
#ifndef HP_CALLTREE_H
#define HP_CALLTREE_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/json.h"
#include "model/profile.h"

struct hp_calltree_options {
    double threshold;  /* share of its lane below which a node is left out */
    bool unfold;       /* show library frames */
    uint64_t requests; /* the tree adds up so many: figures are a request's average; 0 is 1 */
    enum hp_profile_unit unit;
    bool uncounted; /* calls are not known */
    bool file;      /* of a file: the root is no request */
};

/* Append the lines. Totals must be computed. Fails: HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_calltree_text(const struct hp_tree *tree, const struct hp_dict *dict,
                                 const struct hp_calltree_options *options, struct hp_buf *out);

/* The value of a key "nodes": an array of all nodes, parents before children, each with the "parent" it stands under (-1: none). Sums over all
 * requests; units that are no times have "self" and "total" instead of milliseconds. */
void hp_calltree_json(const struct hp_tree *tree, const struct hp_dict *dict, enum hp_profile_unit unit,
                      struct hp_json *json);

#endif
