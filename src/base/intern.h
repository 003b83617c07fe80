/* intern.h -- byte strings to dense ids 0, 1, 2 … and back.
 *
 * Why: names, files and statements repeat without end; everything else stores a 32-bit id. Strings and the
 * entry table live in chunks that never move, so a reader on another thread (the writer thread) needs no
 * lock.
 *
 *     segment k: entries of ids base(k) … base(k + 1) - 1, 256 × 2^k of them; id → segment by its highest bit
 *
 * An entry is complete before `count` is published (release); whoever read the count (acquire) may read any
 * id below it. Cap: `cap_count` strings and `cap_bytes` of text in all; a new string beyond is refused with
 * HP_EFULL.
 */
#ifndef HP_INTERN_H
#define HP_INTERN_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "hotplate/err.h"

struct hp_intern; /* opaque */

/* An empty table. Owns: the caller, hp_intern_free. Fails: NULL, no memory. */
struct hp_intern *hp_intern_new(uint32_t cap_count, size_t cap_bytes) HP_CHECK;

/* Free the table and all its texts. NULL does nothing. No other thread may use it any more. */
void hp_intern_free(struct hp_intern *table);

/* The id of `text`, added if new (the bytes are copied; the empty text is a text like others).
 * Threads: any (writers take turns at an internal mutex).
 * Fails: HP_EFULL or HP_ENOMEM; the table stays as it was, known texts are still found. */
hp_err hp_intern_add(struct hp_intern *table, struct hp_str text, uint32_t *id) HP_CHECK;

/* The same where the caller knows a hash of the text (64 good bits). All additions to a table take hashes
 * that are made alike, and hp_intern_find is not for that table. */
hp_err hp_intern_add_hashed(struct hp_intern *table, struct hp_str text, uint64_t hash,
                            uint32_t *id) HP_CHECK;

/* The id of `text` if it is known. Threads: any (same mutex). Fails: HP_ENOTFOUND. */
hp_err hp_intern_find(struct hp_intern *table, struct hp_str text, uint32_t *id) HP_CHECK;

/* The text of `id`, valid as long as the table; a NUL follows it (beyond its length). Precondition: id is
 * below a count read on this thread, or came from hp_intern_add. An unknown id gives the empty text. Threads:
 * any. Hot: yes, no lock. */
struct hp_str hp_intern_get(const struct hp_intern *table, uint32_t id);

/* How many ids there are. Threads: any. Hot: yes, no lock. */
uint32_t hp_intern_count(const struct hp_intern *table);

/* Bytes of text stored, and how many new texts were refused. Threads: any. */
size_t hp_intern_used_bytes(struct hp_intern *table);
uint64_t hp_intern_refused_count(struct hp_intern *table);

/* For pthread_atfork: hold the mutex over a fork so that the child does not inherit it locked by a thread
 * that is gone. Hold before the fork, release afterwards in parent and child. */
void hp_intern_fork_hold(struct hp_intern *table);
void hp_intern_fork_release(struct hp_intern *table);

#endif
