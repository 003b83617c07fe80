/* profilejson.h -- a whole profile as one JSON document for scripts: functions, who called whom, and the call
 * tree where there are stacks.
 *
 * Fields are named as in `top --json` and `tree --json` (docs/formats/cli.md).
 */
#ifndef HP_PROFILEJSON_H
#define HP_PROFILEJSON_H

#include "base/buf.h"
#include "model/profile.h"

/* Append the document. The profile's graph is made. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_profilejson_write(const struct hp_profile *profile, struct hp_buf *out);

#endif
