/* treefile.h -- a sampled call tree as a file of any format that is written (registry.h), by the file's
 * ending or a name. */
#ifndef HP_TREEFILE_H
#define HP_TREEFILE_H

#include <stdbool.h>
#include "base/buf.h"
#include "hotplate/err.h"
#include "model/dict.h"
#include "model/tree.h"

/* Whether there is a format for `to` (a name of registry.h) if not NULL, else for the ending of `file`. */
bool hp_treefile_knows(const char *file, const char *to);

/* Write `file`, "-" to `out`; hp_treefile_knows them. pstats has no word for samples: there the calls of a
 * function are the samples it was seen in. Fails with a line in `info`. */
HP_CHECK hp_err hp_treefile_write(const char *file, const char *to, struct hp_str title,
                                  const struct hp_tree *tree, const struct hp_dict *dict, struct hp_buf *out,
                                  struct hp_errinfo *info);

#endif
