/* drop.h -- a folder in a process's /tmp, its owner's alone: a script for it, and what the script answers.
 *
 *     /tmp/hotplate-<16 hex digits>/start.py       ours, 0600
 *     /tmp/hotplate-<16 hex digits>/answer         the script's
 *
 * /tmp is the target's: in a container that is another one than ours, so it is reached through
 * /proc/PID/root. Everything goes through descriptors, because once the folder is given to the target's user,
 * that user may put anything in its place.
 */
#ifndef HP_DROP_H
#define HP_DROP_H

#include "base/buf.h"
#include "remote/target.h"

#define HP_DROP_ANSWER_BYTES 4096 /* of an answer; what is longer is cut off */

struct hp_drop {
    int above, folder; /* descriptors; -1: none */
    char path[64];     /* of the folder, as the target sees it */
};

/* Make the folder. Fails with a line: HP_EIO, HP_EPERM, HP_ENOTFOUND (the process is gone). On failure there
 * is nothing to close. */
HP_CHECK hp_err hp_drop_open(struct hp_drop *drop, const struct hp_target *target, struct hp_errinfo *info);

/* Remove it with all that is in it. */
void hp_drop_close(struct hp_drop *drop);

/* Write the script. Fails: HP_EIO, with a line. */
HP_CHECK hp_err hp_drop_put(struct hp_drop *drop, const struct hp_target *target, struct hp_str script,
                            struct hp_errinfo *info);

/* Append the answer. Fails: HP_ENOTFOUND (none yet), HP_EIO. */
HP_CHECK hp_err hp_drop_answer(const struct hp_drop *drop, struct hp_buf *out);

#endif
