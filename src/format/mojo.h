/* mojo.h -- Austin's binary samples (MOJO, versions 1 to 4): read only.
 *
 * A stream of events: strings and frames are defined once a process and referred to by number; a stack begins
 * a sample, frames (outermost first) and metrics follow. Time is microseconds, memory bytes. Layout:
 * docs/formats/mojo.md.
 */
#ifndef HP_MOJO_H
#define HP_MOJO_H

#include "model/profile.h"

bool hp_mojo_is(struct hp_str bytes);

/* Fails: HP_EFORMAT with position and reason, HP_EVERSION, HP_EFULL, HP_ENOMEM. Owns: the caller,
 * hp_profile_free. */
HP_CHECK hp_err hp_mojo_read(const struct hp_profile_source *source, struct hp_profile **profile,
                             struct hp_errinfo *info);

#endif
