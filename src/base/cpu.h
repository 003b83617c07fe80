/* cpu.h -- processor time of the thread that asks, without a system call where that is possible.
 *
 * Why: CLOCK_THREAD_CPUTIME_ID is a system call, 0.2 to 0.7 us, and a request reads it twice. While a thread
 * keeps its processor its processor time is the time that passes, so what the kernel said last and the TSC
 * tell the rest. That holds for HP_CPU_STRETCH_NS at most: what a hypervisor takes in between counts as the
 * thread's, as on kernels that do not know of it, and goes on counting: it is not missing in what is measured
 * next.
 *
 * Where it cannot be known that the thread kept its processor (no x86-64, no TSC, glibc before 2.35, a kernel
 * without rseq or one that does not clear its pointer after every switch) the clock is read each time.
 */
#ifndef HP_CPU_H
#define HP_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define HP_CPU_STRETCH_NS 1000000u

/* Find out what this machine can do; until then the clock is read each time. Idempotent; sleeps for about 0.1
 * ms the first time. Threads: any. */
void hp_cpu_init(void);

/* Whether readings are saved on this machine. */
bool hp_cpu_is_cheap(void);

/* Nanoseconds of CPU this thread has used, never less than a moment ago: at `now`, ticks that were just read,
 * or after, if the clock has to be read; the other one says when. Threads: any, not from signal handlers.
 * Hot: yes, but for the system call. */
uint64_t hp_cpu_ns_at(uint64_t now);
uint64_t hp_cpu_ns(uint64_t *now);

#endif
