/* inject.c -- see inject.h.
 *
 * The interpreter looks at the flag when its eval breaker has the stop bit, clears the flag, then copies the
 * path: so the path goes first and the bit last. The breaker is read, changed and written, as CPython's own
 * tool does it: an event that the target raises between the two is noticed with the next one. A process that
 * is just coming out of a fork loses the bit; whoever waits for the answer sets it again.
 */
#include "remote/inject.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "frames/peek.h"

#define STOP_BIT     ((uint64_t)1 << 5) /* _PY_EVAL_PLEASE_STOP_BIT of 3.14 and 3.15 */
#define INTERPRETERS 64
#define FIRST_MINOR  14

static hp_err put(const struct hp_target *target, uint64_t address, const void *from, size_t n)
{
    struct iovec local = {(void *)(uintptr_t)from, n}, remote = {(void *)(uintptr_t)address, n};
    ssize_t done = process_vm_writev(hp_target_pid(target), &local, 1, &remote, 1, 0);
    if (done == (ssize_t)n) {
        return HP_OK;
    }
    return done >= 0 || errno == EFAULT ? HP_ERANGE
           : errno == ESRCH             ? HP_ENOTFOUND
           : errno == EPERM             ? HP_EPERM
                                        : HP_EIO;
}

/* The main interpreter: the last of the list, because new ones are put in front. */
static hp_err find_interpreter(const struct hp_target *target, uint64_t *interpreter)
{
    const struct hp_layout *layout = hp_target_layout(target);
    uint64_t at = hp_target_runtime(target) + layout->runtime_interpreters, next = 0;
    for (int i = 0; i < INTERPRETERS; i++) {
        hp_err err = hp_peek_at(hp_target_peek(target), at, &next, sizeof next);
        if (err != HP_OK || next == 0) {
            return err != HP_OK ? err : i == 0 ? HP_ENOTFOUND : HP_OK;
        }
        *interpreter = next;
        at = next + layout->interp_next;
    }
    return HP_ECORRUPT;
}

/* The state of the main thread; `*allowed`: the interpreter takes scripts. */
static hp_err find_main(const struct hp_target *target, uint64_t *thread, int *allowed)
{
    const struct hp_layout_script *script = &hp_target_layout(target)->script;
    uint64_t interpreter = 0;
    hp_err err = find_interpreter(target, &interpreter);
    if (err == HP_OK) {
        err = hp_peek_at(hp_target_peek(target), interpreter + script->interp_allowed, allowed,
                         sizeof *allowed);
    }
    if (err == HP_OK) {
        err = hp_peek_at(hp_target_peek(target), interpreter + script->interp_main, thread, sizeof *thread);
    }
    return err == HP_OK && *thread == 0 ? HP_ENOTFOUND : err;
}

/* Have the loop look, where it is not about to. */
static hp_err set_breaker(const struct hp_target *target, uint64_t thread)
{
    uint64_t at = thread + hp_target_layout(target)->script.thread_breaker, breaker;
    hp_err err = hp_peek_at(hp_target_peek(target), at, &breaker, sizeof breaker);
    if (err != HP_OK || (breaker & STOP_BIT) != 0) {
        return err;
    }
    breaker |= STOP_BIT;
    return put(target, at, &breaker, sizeof breaker);
}

static hp_err ask_thread(const struct hp_target *target, uint64_t thread, const char *path)
{
    const struct hp_layout_script *script = &hp_target_layout(target)->script;
    int pending = 1;
    hp_err err = put(target, thread + script->thread_path, path, strlen(path) + 1);
    err = err == HP_OK ? put(target, thread + script->thread_pending, &pending, sizeof pending) : err;
    return err == HP_OK ? set_breaker(target, thread) : err;
}

/* The main thread, and whether a script waits for it. */
static hp_err find_pending(const struct hp_target *target, uint64_t *thread, bool *waits)
{
    int allowed, pending = 0;
    hp_err err = find_main(target, thread, &allowed);
    if (err == HP_OK) {
        err = hp_peek_at(hp_target_peek(target), *thread + hp_target_layout(target)->script.thread_pending,
                         &pending, sizeof pending);
    }
    *waits = pending != 0;
    return err;
}

hp_err hp_inject_ask(const struct hp_target *target, const char *path, struct hp_errinfo *info)
{
    const struct hp_layout *layout = hp_target_layout(target);
    long pid = (long)hp_target_pid(target);
    uint64_t thread = 0;
    int allowed = 0;
    bool waits = false;
    if (layout->script.path_bytes == 0) {
        return hp_err_set(
            info, HP_EUNSUPPORTED, 0,
            "process %ld runs CPython 3.%u: only 3.%d and newer can be asked to start Hotplate; "
            "start it with hotplate run",
            pid, (unsigned)layout->minor, FIRST_MINOR);
    }
    if (strlen(path) >= layout->script.path_bytes) {
        return hp_err_set(info, HP_EINVAL, 0, "the script's path is too long for process %ld", pid);
    }
    hp_err err = find_main(target, &thread, &allowed);
    if (err == HP_OK && allowed != 1) {
        return hp_err_set(
            info, HP_EFOREIGN, 0,
            "process %ld takes no scripts: its Python was started or built without remote debugging", pid);
    }
    err = err == HP_OK ? find_pending(target, &thread, &waits) : err;
    if (err == HP_OK && waits) {
        return hp_err_set(info, HP_EFULL, 0,
                          "process %ld has not begun with the script that it was asked to run before", pid);
    }
    err = err == HP_OK ? ask_thread(target, thread, path) : err;
    return err == HP_OK
               ? HP_OK
               : hp_err_set(info, err, 0, "process %ld could not be asked: %s", pid, hp_err_text(err));
}

hp_err hp_inject_remind(const struct hp_target *target)
{
    uint64_t thread = 0;
    bool waits;
    hp_err err = find_pending(target, &thread, &waits);
    return err == HP_OK && waits ? set_breaker(target, thread) : err;
}

hp_err hp_inject_withdraw(const struct hp_target *target, bool *taken)
{
    const int none = 0;
    uint64_t thread = 0;
    bool waits;
    hp_err err = find_pending(target, &thread, &waits);
    if (err == HP_OK) {
        *taken = !waits;
        err = waits
                  ? put(target, thread + hp_target_layout(target)->script.thread_pending, &none, sizeof none)
                  : HP_OK;
    }
    return err;
}
