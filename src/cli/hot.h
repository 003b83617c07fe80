/* hot.h -- sampled functions by time, with how sure the shares are: what attach and live print. */
#ifndef HP_HOT_H
#define HP_HOT_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "hotplate/err.h"
#include "model/dict.h"
#include "model/tree.h"

struct hp_hot_options {
    bool by_total;
    uint32_t limit;
    uint32_t width; /* columns of the terminal; 0: any */
};

/* Append a table: own time, share of all ± twice its standard error, total, function. Fails: HP_ENOMEM,
 * HP_EFULL. */
HP_CHECK hp_err hp_hot_put(const struct hp_tree *tree, const struct hp_dict *dict,
                           const struct hp_hot_options *options, struct hp_buf *out);

#endif
