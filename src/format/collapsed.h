/* collapsed.h -- collapsed stacks: one line a path, `a;b;c 123`, as flamegraph.pl, inferno and speedscope
 * read them.
 *
 * A frame is "name (file:line)". The number is the path's own (exclusive) time in microseconds; rounding
 * errors are carried from line to line, so that the numbers add up to the whole. Threads stand under the
 * frame that started them, below a frame of their own kind. Layout: docs/formats/collapsed.md.
 */
#ifndef HP_COLLAPSED_H
#define HP_COLLAPSED_H

#include <stdbool.h>
#include "base/buf.h"
#include "model/dict.h"
#include "model/profile.h"

struct hp_collapsed_options {
    bool calls;   /* numbers are starts of the path instead of its time */
    bool whole;   /* values are no nanoseconds: written as they are */
    bool no_root; /* leave the root's frame out */
};

/* Append all paths whose number is not 0. `options` may be NULL. Threads: any. Fails: HP_ENOMEM, HP_EFULL
 * (the cap of `out`, or a single path above 16 MiB). */
HP_CHECK hp_err hp_collapsed_write(const struct hp_tree *tree, const struct hp_dict *dict,
                                   const struct hp_collapsed_options *options, struct hp_buf *out);

/* Whether the first line that is no comment ends in a number. True of many texts: ask the other formats
 * first. */
bool hp_collapsed_is(struct hp_str bytes);

/* Read the stacks of Brendan Gregg's tools, py-spy, Austin and CPython 3.15. Values are samples; what
 * Austin's head calls times or memory is that. Fails: HP_EFORMAT with position and reason, HP_EFULL,
 * HP_ENOMEM. Owns: the caller, hp_profile_free. */
HP_CHECK hp_err hp_collapsed_read(const struct hp_profile_source *source, struct hp_profile **profile,
                                  struct hp_errinfo *info);

#endif
