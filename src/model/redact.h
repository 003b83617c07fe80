/* redact.h -- names whose values are never kept: of headers, configuration, arguments and keys of queries,
 * forms and JSON bodies.
 *
 * A name says so by holding one of our words, or one of those that somebody added at the dashboard. Words are
 * added, never taken from ours.
 */
#ifndef HP_REDACT_H
#define HP_REDACT_H

#include "base/str.h"
#include "hotplate/err.h"

#define HP_REDACT_KEY        "redact" /* of the store's setting */
#define HP_REDACT_MOST       64u
#define HP_REDACT_WORD_BYTES 40u

struct hp_redact { /* words that were added, in capitals */
    char words[HP_REDACT_MOST][HP_REDACT_WORD_BYTES];
    uint32_t count;
};

/* Read words of letters, digits, "-", "_" and ".", with spaces, commas or line ends between, into `redact`,
 * which needs no initialisation. HP_EINVAL: what is wrong; `redact` then has the words before that. Owns:
 * nothing. Threads: any. */
HP_CHECK hp_err hp_redact_read(struct hp_redact *redact, struct hp_str text, struct hp_errinfo *info);

/* Whether a name holds one of our words or of `more` (NULL: none), in capitals or not; the first 79 bytes are
 * looked at. Threads: any. Hot: yes. */
bool hp_redact_hits(const struct hp_redact *more, struct hp_str name);

/* Our i-th word; NULL: there are no more. */
const char *hp_redact_word(size_t i);

#endif
