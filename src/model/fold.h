/* fold.h -- free text (log messages, exception texts) without what may be a secret or differs each time.
 *
 * Why: `user anna@example.org not found (id 4711)` is personal, and a thousand of them are one message. So
 * what looks like a value is replaced: quoted text <str>, numbers <int>, ids, hashes and tokens <id>, mail
 * addresses <email>, the query and user part of URLs <query> and <user>, and whatever follows a word like
 * "password" <redacted>. What is left is the sentence.
 *
 * Not SQL (fingerprint.h has its grammar) and no proof of privacy: plain words stay.
 */
#ifndef HP_FOLD_H
#define HP_FOLD_H

#include <stddef.h>
#include "base/str.h"

#define HP_FOLD_BYTES    240u  /* result at most */
#define HP_FOLD_READ_MAX 2000u /* of the text, the rest is not looked at */

/* Write the folded text to `out` (HP_FOLD_BYTES at least), cut at a character with "…" where it was longer.
 * Control characters become spaces. `literal`: the text is a format string of the source, so that numbers and
 * quoted words are kept; what follows a secret's name is not. Returns the length. Threads: any. Hot: yes.
 * Fails: never. */
size_t hp_fold(struct hp_str text, bool literal, char out[HP_FOLD_BYTES]);

#endif
