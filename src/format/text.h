/* text.h -- functions as lines of text, the layout of pstats' print_stats: for a mail, a log, a diff. */
#ifndef HP_TEXT_H
#define HP_TEXT_H

#include "base/buf.h"
#include "model/profile.h"

/* Append all listed functions, the most own time first. The profile's graph is made. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_text_write(const struct hp_profile *profile, struct hp_buf *out);

#endif
