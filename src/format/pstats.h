/* pstats.h -- `.prof` files: what CPython's Profile.dump_stats writes and pstats reads.
 *
 * A marshalled dictionary {(file, line, name): (primitive, calls, self, total, {caller: (calls, primitive,
 * self, total)})}; mind that the first two change places between the two tuples, as in cProfile. Calls are
 * starts and resumes, times are seconds. Only marshal types of version 2 are written, so every CPython
 * from 2.7 on reads it, and text as unicode. Functions that have the same key (two lambdas on one line) are
 * added up. Marshal versions 0 to 6 are read, with references, interned strings of Python 2, big integers and
 * the bare counts that the pure-Python profiler has for callers. Layout: docs/formats/pstats.md.
 */
#ifndef HP_PSTATS_H
#define HP_PSTATS_H

#include "base/buf.h"
#include "model/dict.h"
#include "model/profile.h"
#include "model/tree.h"

/* Append the bytes. Totals of the tree, in nanoseconds, must be up to date. Threads: any while nobody writes
 * the tree. Fails: HP_ENOMEM, HP_EFULL (the cap of `out`). */
HP_CHECK hp_err hp_pstats_write(const struct hp_tree *tree, const struct hp_dict *dict, struct hp_buf *out);

/* The same of a profile whose graph is made (hp_profile_graph). Samples, bytes and counts stand where seconds
 * do. */
HP_CHECK hp_err hp_pstats_write_profile(const struct hp_profile *profile, struct hp_buf *out);

/* Whether bytes begin like a `.prof`. */
bool hp_pstats_is(struct hp_str bytes);

/* Read; `profile` is of shape PAIRS. Bytes behind the dictionary are ignored, as marshal does. Fails:
 * HP_EFORMAT with position and reason, HP_EFULL, HP_ENOMEM. Owns: the caller, hp_profile_free. */
HP_CHECK hp_err hp_pstats_read(const struct hp_profile_source *source, struct hp_profile **profile,
                               struct hp_errinfo *info);

/* Add one more file to a profile of such files, as Stats.add does, without a profile in between;
 * hp_profile_finish when all are added. After a failure what was read of the file is in it. Fails as
 * above. */
HP_CHECK hp_err hp_pstats_add(struct hp_str bytes, struct hp_profile *profile, struct hp_errinfo *info);

#endif
