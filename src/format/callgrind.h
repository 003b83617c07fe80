/* callgrind.h -- valgrind's callgrind.out, as KCachegrind reads it.
 *
 * Pairs only: own cost and calls with their inclusive cost. Names may be compressed ("(3) name", then "(3)"),
 * positions relative. The first event counts; "ns" and "us" are times. A function's total is its own cost and
 * that of its calls, as callgrind_annotate adds it up; calls of itself are not in it. Layout:
 * docs/formats/callgrind.md.
 */
#ifndef HP_CALLGRIND_H
#define HP_CALLGRIND_H

#include "base/buf.h"
#include "model/profile.h"

bool hp_callgrind_is(struct hp_str bytes);

/* Fails: HP_EFORMAT with position and reason, HP_EFULL, HP_ENOMEM. Owns: the caller, hp_profile_free. */
HP_CHECK hp_err hp_callgrind_read(const struct hp_profile_source *source, struct hp_profile **profile,
                                  struct hp_errinfo *info);

/* Append the graph of a profile; times in nanoseconds. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_callgrind_write(const struct hp_profile *profile, struct hp_buf *out);

#endif
