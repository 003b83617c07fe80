/* pyinstrument.h -- pyinstrument's JSON: a saved session (frame_records) or its JSON renderer's tree
 * (root_frame); read only.
 *
 * A session has samples in time order, each a stack of "function\0file\0line" (what follows a byte 1 is of no
 * interest here) and its seconds; the other one a tree of inclusive seconds, whose own time is what its
 * children leave. Layout: docs/formats/pyinstrument.md.
 */
#ifndef HP_PYINSTRUMENT_H
#define HP_PYINSTRUMENT_H

#include "model/profile.h"

bool hp_pyinstrument_is(struct hp_str bytes);

/* Fails: HP_EFORMAT with position and reason, HP_EFULL, HP_ENOMEM. Owns: the caller, hp_profile_free. */
HP_CHECK hp_err hp_pyinstrument_read(const struct hp_profile_source *source, struct hp_profile **profile,
                                     struct hp_errinfo *info);

#endif
