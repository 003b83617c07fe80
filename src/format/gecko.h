/* gecko.h -- writing for the Firefox Profiler (profiler.firefox.com): its processed format, version 47.
 *
 * Tables are columns of one length; a thread or lane of ours is a thread, a path is a stack, samples carry
 * their time as weight. Layout: docs/formats/gecko.md. Newer versions of the viewer bring older files up to
 * date by themselves.
 */
#ifndef HP_GECKO_H
#define HP_GECKO_H

#include "base/buf.h"
#include "model/profile.h"

/* Append a TREE. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_gecko_write(const struct hp_profile *profile, struct hp_buf *out);

#endif
