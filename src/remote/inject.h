/* inject.h -- asks a running CPython 3.14 or newer to run a script: what its own sys.remote_exec does (PEP
 * 768).
 *
 * The one thing here that writes into another process, and only what the interpreter publishes for it: the
 * script's path, a flag, and the bit that makes the evaluation loop look. Nothing is stopped or signalled, no
 * code is placed; the interpreter opens and runs the script by itself, on its main thread, at the next point
 * where it would run a signal handler. Why not call its sys.remote_exec: docs/internals/frames.md.
 */
#ifndef HP_INJECT_H
#define HP_INJECT_H

#include "remote/target.h"

/* Ask for the script at `path`, absolute, as the target sees it. Fails, with a line: HP_EUNSUPPORTED
 * (before 3.14), HP_EFOREIGN (its remote debugging is switched off), HP_EFULL (another script is waiting),
 * HP_EINVAL (the path is too long), HP_EPERM, HP_ENOTFOUND (gone), HP_EIO. */
HP_CHECK hp_err hp_inject_ask(const struct hp_target *target, const char *path, struct hp_errinfo *info);

/* Have the target look again, if it has not begun and is not about to look: the bit can get lost. Fails: as
 * hp_inject_withdraw. */
HP_CHECK hp_err hp_inject_remind(const struct hp_target *target);

/* Take the request back. `*taken`: too late, the target has begun with it. Fails: HP_ENOTFOUND (gone),
 * HP_EPERM, HP_EIO, HP_ERANGE. */
HP_CHECK hp_err hp_inject_withdraw(const struct hp_target *target, bool *taken);

#endif
