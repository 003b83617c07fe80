/* treefile.h -- a sampled call tree as a file: SVG, pstats or collapsed stacks, by the file's ending or a name. */
#ifndef HP_TREEFILE_H
#define HP_TREEFILE_H

#include "base/buf.h"
#include "hotplate/err.h"
#include "model/dict.h"
#include "model/tree.h"

enum hp_treefile_format { HP_TREEFILE_NONE, HP_TREEFILE_SVG, HP_TREEFILE_PSTATS, HP_TREEFILE_COLLAPSED };

/* By `to` ("svg", "pstats", "collapsed") if not NULL, else by the ending of `file`. NONE: neither says. */
enum hp_treefile_format hp_treefile_format_of(const char *to, const char *file);

/* Write `file`, "-" to `out`. pstats has no word for samples: there the calls of a function are the samples it was seen in. Fails with a line in
 * `info`. */
HP_CHECK hp_err hp_treefile_write(const char *file, enum hp_treefile_format format, struct hp_str title,
                                  const struct hp_tree *tree, const struct hp_dict *dict, struct hp_buf *out,
                                  struct hp_errinfo *info);

#endif
