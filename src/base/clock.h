/* clock.h -- time: cheap ticks for the hot path, nanoseconds for everybody else.
 *
 * Why: a clock_gettime costs 20–40 ns, rdtsc 7–12 ns, and the exact tracer reads the clock twice a call.
 * Where the CPU has an invariant TSC (cpuid 0x80000007) ticks are TSC cycles, calibrated against
 * CLOCK_MONOTONIC; everywhere else, and with HOTPLATE_CLOCK=monotonic, a tick is a nanosecond of
 * CLOCK_MONOTONIC.
 *
 * The map ticks → monotonic ns is a chain of straight pieces. hp_clock_init measures the first for about 2
 * ms; later refinements (after 8 ms, then ever rarer, at last once a minute) append a piece that begins a
 * moment in the future where the last one leaves off and steers towards the true time. What was converted
 * before stays as it was, so time never runs backwards.
 *
 * Call hp_clock_init before anything else here; a thread that did not call it must have been started after
 * it.
 */
#ifndef HP_CLOCK_H
#define HP_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/hash.h"

#define HP_CLOCK_SHIFT 40

/* Private to clock.c and the inlines below. */
struct hp__clock {
    bool tsc;              /* set once by hp_clock_init */
    _Atomic uint64_t mult; /* nanoseconds a tick × 2^HP_CLOCK_SHIFT; 1 × without the TSC */
};
extern struct hp__clock hp__clock;

/* Choose and calibrate the clock. Idempotent; takes about 2 ms the first time. Threads: any. Fails: never (it
 * falls back to CLOCK_MONOTONIC). */
void hp_clock_init(void);

/* Whether ticks are TSC cycles. */
static inline bool hp_clock_is_tsc(void)
{
    return hp__clock.tsc;
}

/* Nanoseconds of CLOCK_MONOTONIC, of the wall clock (Unix), and of CPU this thread has used. Threads:
 * signal-safe. */
static inline uint64_t hp_clock_mono_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t hp_clock_wall_ns(void);
uint64_t hp_clock_thread_cpu_ns(void);

/* hp_clock_mono_ns, for hp_clock_ticks where there is a TSC: not inlined, so that it takes no room there. */
uint64_t hp__clock_without_tsc(void) __attribute__((cold));

/* The present in ticks. Not serialising: it may be read some cycles early or late. Threads: signal-safe. Hot:
 * yes. */
static inline uint64_t hp_clock_ticks(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_expect(hp__clock.tsc, 1) ? __builtin_ia32_rdtsc() : hp__clock_without_tsc();
#else
    return hp_clock_mono_ns();
#endif
}

/* A span of ticks in nanoseconds, by the best rate known. Threads: signal-safe. Hot: yes. */
static inline uint64_t hp_clock_ns_of_ticks(uint64_t delta_ticks)
{
    uint64_t mult = atomic_load_explicit(&hp__clock.mult, memory_order_relaxed);
    return (uint64_t)(((hp_u128)delta_ticks * mult) >> HP_CLOCK_SHIFT);
}

/* A moment in ticks as nanoseconds of CLOCK_MONOTONIC. Never decreases from a smaller `ticks` to a larger
 * one, also over refinements (for moments within the last half hour; older ones are within the drift of the
 * clock). Refines when that is due, which costs about a microsecond. Threads: any. Hot: yes (no allocation or
 * lock). */
uint64_t hp_clock_mono_ns_at(uint64_t ticks);

/* Measure again and steer, if that is due; else do nothing. hp_clock_mono_ns_at calls it. Threads: any. */
void hp_clock_refine(void);

#endif
