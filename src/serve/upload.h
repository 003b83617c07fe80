/* upload.h -- a profile that somebody opens at the dashboard: a file of any readable format in, what the
 * views draw out. Nothing is kept. */
#ifndef HP_UPLOAD_H
#define HP_UPLOAD_H

#include "base/buf.h"
#include "base/str.h"
#include "hotplate/err.h"

#define HP_UPLOAD_MOST ((size_t)32 << 20) /* bytes of a file */

/* Read `bytes` and append the payload of a page (docs/formats/page.md) with `name` as its title. HP_EINVAL:
 * no profile, with the reason; HP_EFULL: more than `out` takes; HP_ENOMEM. Threads: any. */
HP_CHECK hp_err hp_upload_read(struct hp_str bytes, struct hp_str name, struct hp_buf *out,
                               struct hp_errinfo *info);

#endif
