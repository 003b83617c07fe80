/* chrome.h -- trace events, as Chrome, VizTracer and many others write them and Perfetto opens them.
 *
 * Read: X events (begin and duration) and pairs of B and E, of all processes and threads; other kinds are
 * passed, names of threads taken. The array may stand alone or be cut at its end, as the format allows.
 * Written: B and E events of calls where the data has time order, else X events of the tree laid out one call
 * behind the other (the metadata says which). Layout: docs/formats/chrome.md.
 */
#ifndef HP_CHROME_H
#define HP_CHROME_H

#include "base/buf.h"
#include "model/profile.h"

bool hp_chrome_is(struct hp_str bytes);

/* Fails: HP_EFORMAT with position and reason, HP_EFULL, HP_ENOMEM. Owns: the caller, hp_profile_free. */
HP_CHECK hp_err hp_chrome_read(const struct hp_profile_source *source, struct hp_profile **profile,
                               struct hp_errinfo *info);

/* Append a TREE. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_chrome_write(const struct hp_profile *profile, struct hp_buf *out);

#endif
