/* leaflines.h -- where in a function its samples were, for the tables and trees of sampled data. */
#ifndef HP_CLI_LEAFLINES_H
#define HP_CLI_LEAFLINES_H

#include "base/buf.h"
#include "base/json.h"
#include "model/leaf.h"
#include "model/profile.h"

#define HP_LEAFLINES_SHOWN 3u /* in text, at most */

/* "  at 33 (71 %), 35 (20 %)": lines with a tenth of `self` at least; nothing where there is none. `lines`:
 * most time first. */
void hp_leaflines_put(const struct hp_leaf_line *lines, size_t count, uint64_t self, struct hp_buf *out);

/* The key "lines" with an array of {line, self_s or self, samples}; nothing where there is none. */
void hp_leaflines_json(const struct hp_leaf_line *lines, size_t count, enum hp_profile_unit unit,
                       struct hp_json *json);

#endif
