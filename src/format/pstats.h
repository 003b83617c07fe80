/* pstats.h -- a call tree as the bytes of a `.prof` file: what CPython's Profile.dump_stats writes and pstats reads.
 *
 * A marshalled dictionary {(file, line, name): (primitive, calls, self, total, {caller: (calls, primitive, self, total)})}; mind that the
 * first two change places between the two tuples, as in cProfile. Calls are starts and resumes, times are seconds. Only marshal
 * types of version 2 are used, so every CPython from 2.7 on reads it, and text as unicode. Functions that have the same key (two lambdas on
 * one line) are added up. Layout: docs/formats/pstats.md.
 */
#ifndef HP_PSTATS_H
#define HP_PSTATS_H

#include "base/buf.h"
#include "model/dict.h"
#include "model/tree.h"

/* Append the bytes. Totals of the tree, in nanoseconds, must be up to date. Threads: any while nobody writes the tree.
 * Fails: HP_ENOMEM, HP_EFULL (the cap of `out`). */
HP_CHECK hp_err hp_pstats_write(const struct hp_tree *tree, const struct hp_dict *dict, struct hp_buf *out);

#endif
