/* guard.h -- reads of this process's own memory that may go away at any moment, without stopping or crashing
 * anybody.
 *
 * Direct: plain loads in one small routine. If one faults, the handler of SIGSEGV and SIGBUS finds the
 * faulting instruction to be that routine's and goes on behind it. Any other fault is not ours: what handled
 * the signal before is put back, and the instruction runs again into it, so that a crash is reported and
 * dumped as without us. We never come back after that, nor over somebody who placed a handler after us
 * (faulthandler would loop): then, and where there is no such routine, reads go through process_vm_readv,
 * which the kernel checks, at some microseconds each.
 */
#ifndef HP_GUARD_H
#define HP_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include "frames/peek.h"

enum hp_guard_way { HP_GUARD_DIRECT, HP_GUARD_SYSCALL };

/* Place the handlers, once a process. Without success reads are HP_GUARD_SYSCALL. Threads: one at a time. */
void hp_guard_place(void);

/* How memory can be read now. Ask before each sweep: handlers come and go. Threads: any. */
enum hp_guard_way hp_guard_way(void);

/* As hp_peek.read; ctx is an enum hp_guard_way. Only for threads of ours: signals SIGSEGV and SIGBUS must not
 * be blocked. Fails: HP_ERANGE, HP_EPERM (the system call is forbidden). Never allocates. */
HP_CHECK hp_err hp_guard_read(void *ctx, const struct hp_peek_span *spans, uint32_t count, uint32_t *done);

/* Faults that were taken so far. */
uint64_t hp_guard_faults(void);

#endif
