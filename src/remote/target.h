/* target.h -- one process that runs CPython: finds its runtime, lists its threads, reads their stacks.
 * Nothing is written, stopped or signalled.
 *
 *     hp_target_open(pid, dict, place, …)      find _PyRuntime in the executable or libpython, take the layout
 *     hp_target_sweep(target)                  the threads as they are now
 *     hp_target_stack(target, i, &stack)       frames of one of them
 */
#ifndef HP_TARGET_H
#define HP_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/str.h"
#include "frames/codes.h"
#include "frames/walk.h"
#include "hotplate/err.h"
#include "model/dict.h"

#define HP_TARGET_FRAMES  4096 /* of one stack; outer ones beyond are cut off */
#define HP_TARGET_THREADS 4096

struct hp_target_stack {
    struct hp_codes_frame *frames; /* innermost first; borrowed until the next call */
    uint32_t count;
    bool cut;
};

struct hp_target; /* opaque */

/* Find the interpreter of `pid`. `dict` and `place` are borrowed for the target's life. On failure `info` has
 * a line for people. Fails: HP_ENOTFOUND (no such process), HP_EPERM (may not read it; the line names the
 * right), HP_EFOREIGN (not CPython), HP_EUNSUPPORTED (a version not known), HP_EIO, HP_ENOMEM. */
HP_CHECK hp_err hp_target_open(pid_t pid, struct hp_dict *dict, struct hp_codes_place place,
                               struct hp_target **target, struct hp_errinfo *info);
void hp_target_close(struct hp_target *target);

/* List the threads now. Fails: HP_ENOTFOUND (the process is gone), HP_ECORRUPT (torn three times), HP_EPERM,
 * HP_ENOMEM. */
HP_CHECK hp_err hp_target_sweep(struct hp_target *target);

/* What the last sweep found; borrowed until the next. */
const struct hp_sweep *hp_target_threads(const struct hp_target *target);

/* The stack of thread `i` of the last sweep, tried three times. A retry looks the thread up again. Fails:
 * HP_ECORRUPT (torn), HP_ENOTFOUND, HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_target_stack(struct hp_target *target, uint32_t i, struct hp_target_stack *stack);

/* Facts. */
pid_t hp_target_pid(const struct hp_target *target);
int hp_target_dir(const struct hp_target *target); /* /proc/PID, borrowed */
bool hp_target_is_namespaced(const struct hp_target *target);
const struct hp_layout *hp_target_layout(const struct hp_target *target);
const struct hp_peek *hp_target_peek(const struct hp_target *target);
uint64_t hp_target_runtime(const struct hp_target *target); /* address of _PyRuntime */

/* Counts since the open: walks that were repeated, and code objects that could not be kept (a cap). */
uint64_t hp_target_retried(const struct hp_target *target);

#endif
