/* pprof.h -- pprof's protobuf, as Go, py-spy's kin and many services write it; packed with gzip when written.
 *
 * Read: the value type that the file calls its default, else the last one; times become nanoseconds. Labels
 * of samples are kept, lines within functions are not. Written: one value type, functions with file and first
 * line, labels. Layout: docs/formats/pprof.md.
 */
#ifndef HP_PPROF_H
#define HP_PPROF_H

#include "base/buf.h"
#include "model/profile.h"

/* Whether bytes (unpacked) look like one: fields of a Profile, well formed, to the end of the first of
 * them. */
bool hp_pprof_is(struct hp_str bytes);

/* Fails: HP_EFORMAT with position and reason, HP_EFULL, HP_ENOMEM. Owns: the caller, hp_profile_free. */
HP_CHECK hp_err hp_pprof_read(const struct hp_profile_source *source, struct hp_profile **profile,
                              struct hp_errinfo *info);

/* Append a TREE, packed. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_pprof_write(const struct hp_profile *profile, struct hp_buf *out);

#endif
