/* load.h -- INPUT as a profile: a file of any known format, or what a store holds (input.h).
 *
 * A store is opened only when a word needs one. What is loaded owns all its memory, so that commands with two
 * inputs need not care.
 */
#ifndef HP_LOAD_H
#define HP_LOAD_H

#include "cli/reading.h"
#include "model/profile.h"

struct hp_loaded {
    struct hp_profile *profile; /* owned */
    struct hp_buf title;        /* "GET /settings, revision …", a file's name */
    const char *format;         /* of a file; NULL: from a store */
    struct hp_profile *into; /* borrowed: what hp_load_add adds to; then `profile` is NULL where the file went
                                straight into it */
};

/* Load `word` (NULL: all that the store holds). Returns -1 to go on, else the exit code; the error is
 * reported. Owns: hp_load_end, in any case. */
int hp_load_begin(struct hp_reading *reading, const char *command, const char *word, bool raw,
                  struct hp_loaded *loaded);
void hp_load_end(struct hp_loaded *loaded);

/* Load one more input and add it to `into`; hp_profile_finish when all are added. Returns -1 to go on, else
 * the exit code. */
int hp_load_add(struct hp_reading *reading, const char *command, const char *word, bool raw,
                struct hp_profile *into);

/* One line when the profile has no stacks, for commands that need them; -1 if it has. */
int hp_load_need_tree(const struct hp_loaded *loaded, const char *command);

/* Append a value of the profile's unit, for people: "4.31 ms", "1,234", "4.31 kB". `value` as a graph holds
 * it, ÷ per_unit. */
void hp_load_put_value(struct hp_buf *out, const struct hp_profile *profile, double value);

/* "3 requests", "1,204 samples", nothing for others. Appended. */
void hp_load_put_size(struct hp_buf *out, const struct hp_profile *profile);

/* Write bytes to a file, or to stdout for "-". Returns an exit code; an error is reported. */
int hp_load_deliver(const char *file, struct hp_str bytes, struct hp_buf *out);

#endif
