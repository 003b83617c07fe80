/* speedscope.h -- speedscope's own JSON: sampled and evented profiles over one table of frames.
 *
 * Read: all profiles of the file, each below a thread of its name where there are several; evented ones count
 * calls. Written: a sampled profile a thread or lane, in time order where the data has it. Layout:
 * docs/formats/speedscope.md.
 */
#ifndef HP_SPEEDSCOPE_H
#define HP_SPEEDSCOPE_H

#include "base/buf.h"
#include "model/profile.h"

bool hp_speedscope_is(struct hp_str bytes);

/* Fails: HP_EFORMAT with position and reason, HP_EFULL, HP_ENOMEM. Owns: the caller, hp_profile_free. */
HP_CHECK hp_err hp_speedscope_read(const struct hp_profile_source *source, struct hp_profile **profile,
                                   struct hp_errinfo *info);

/* Append a TREE. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_speedscope_write(const struct hp_profile *profile, struct hp_buf *out);

#endif
