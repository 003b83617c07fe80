/* registry.h -- all profile formats: which one some bytes are, and which one a name asks for.
 *
 * A format is told by its content, never by the file's name; only what to write is told by a name or an
 * ending. Compressed input (gzip) is unpacked first. Bounded: all that a reader makes stays below 64 MiB +
 * four times the input.
 */
#ifndef HP_REGISTRY_H
#define HP_REGISTRY_H

#include "base/buf.h"
#include "model/profile.h"

struct hp_registry_format {
    const char *name;   /* "pstats" */
    const char *ending; /* of files that are written: "prof pstats", separated by blanks; "" none */
    const char *about;  /* a few words for --help */
    bool (*is)(struct hp_str bytes); /* NULL: not read */
    hp_err (*read)(const struct hp_profile_source *source, struct hp_profile **profile,
                   struct hp_errinfo *info);
    hp_err (*write)(const struct hp_profile *profile,
                    struct hp_buf *out); /* NULL: not written. The graph is made */
    bool stacks;                         /* what is written needs a TREE */
};

/* The formats one by one; NULL beyond the last. */
const struct hp_registry_format *hp_registry_at(size_t index);

/* The writable format of a name, or of the ending of a file's name; NULL: none. */
const struct hp_registry_format *hp_registry_named(struct hp_str name);
const struct hp_registry_format *hp_registry_for_file(struct hp_str file);

/* Read a profile; the budget of the source is set here. `format` says which format it was. Fails: HP_EFORMAT
 * with "format: byte N: reason" in info; HP_ENOTFOUND where nothing was recorded; HP_EFULL, HP_ENOMEM. Owns:
 * the caller, hp_profile_free. */
HP_CHECK hp_err hp_registry_read(const struct hp_profile_source *source, struct hp_profile **profile,
                                 const struct hp_registry_format **format, struct hp_errinfo *info);

/* Add a file's bytes to a profile without making one of them; HP_EUNSUPPORTED where that cannot be (then read
 * and merge). Only `.prof` files can, into what came from such. Otherwise as hp_registry_read;
 * hp_profile_finish when all are added. */
HP_CHECK hp_err hp_registry_add(struct hp_str bytes, struct hp_profile *into, struct hp_errinfo *info);

#endif
