/* clock.c -- calibration of the TSC and the chain of pieces from ticks to monotonic time; see clock.h.
 *
 *     ns                      . piece 2: steers towards the true time
 *      │              . · ´
 *      │        . · ´·        start of piece 2: a millisecond after the measurement, so that no thread has
 *      │  . · ´  piece 1      converted a later moment by piece 1 when the new piece is published
 *      └────────────────────── ticks
 *
 * Pieces live in a ring of 32. A piece is written before `piece_count` is published (release); a reader that
 * was so slow that its slot may have been written again sees that in the count and starts over. Refinement
 * takes a flag, not a lock: who finds it taken leaves it to the other.
 *
 * Limits: a machine whose TSC runs on while CLOCK_MONOTONIC stands still (suspend) is steered back by at most
 * 1/1024.
 */
#include "base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#define PIECES             32u
#define CALIBRATE_NS       2000000u
#define FIRST_REFINE_NS    8000000u
#define LAST_REFINE_NS     60000000000u
#define LEAD_NS            1000000u
#define STEER_LIMIT_SHIFT  10
#define TICKS_WITHOUT_WORK UINT64_MAX

struct piece {
    _Atomic uint64_t start_ticks;
    _Atomic uint64_t start_ns;
    _Atomic uint64_t mult;
};

/* One reading of both clocks at about the same moment. */
struct sample {
    uint64_t ticks;
    uint64_t ns;
};

struct hp__clock hp__clock = {.mult = (uint64_t)1 << HP_CLOCK_SHIFT};

static struct piece pieces[PIECES];
static _Atomic uint32_t piece_count;
static _Atomic uint64_t next_refine_ticks = TICKS_WITHOUT_WORK;
static atomic_flag refining = ATOMIC_FLAG_INIT;
static struct sample baseline;      /* guarded by `refining`, as is the next */
static uint64_t refine_interval_ns; /* until the next refinement */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint64_t scale(uint64_t ticks, uint64_t mult)
{
    return (uint64_t)(((hp_u128)ticks * mult) >> HP_CLOCK_SHIFT);
}

static uint64_t ticks_of_ns(uint64_t ns, uint64_t mult)
{
    return (uint64_t)(((hp_u128)ns << HP_CLOCK_SHIFT) / mult);
}

static uint64_t mult_of(uint64_t ns, uint64_t ticks)
{
    return (uint64_t)(((hp_u128)ns << HP_CLOCK_SHIFT) / ticks);
}

/* Of some readings the one whose two TSC reads lie closest: no interrupt came in between. */
static struct sample take_sample(void)
{
    struct sample best = {0, 0};
    uint64_t best_width = UINT64_MAX;
    for (int i = 0; i < 8; i++) {
        uint64_t before = hp_clock_ticks();
        uint64_t ns = hp_clock_mono_ns();
        uint64_t width = hp_clock_ticks() - before;
        if (width < best_width) {
            best_width = width;
            best = (struct sample){before + width / 2, ns};
        }
    }
    return best;
}

/* `ticks` on a piece; also before its start. */
static uint64_t ns_on(uint64_t start_ticks, uint64_t start_ns, uint64_t mult, uint64_t ticks)
{
    if (ticks >= start_ticks) {
        return start_ns + scale(ticks - start_ticks, mult);
    }
    uint64_t back = scale(start_ticks - ticks, mult);
    return back < start_ns ? start_ns - back : 0;
}

/* Acquire and release on the fields stand in for fences, which thread sanitizers do not follow. */
static uint64_t ns_at(uint64_t ticks)
{
    for (;;) {
        uint32_t count = atomic_load_explicit(&piece_count, memory_order_acquire);
        uint32_t oldest = count > PIECES - 1 ? count - (PIECES - 1) : 0;
        uint32_t i = count - 1;
        uint64_t start, ns, mult;
        for (;; i--) {
            struct piece *piece = &pieces[i % PIECES];
            start = atomic_load_explicit(&piece->start_ticks, memory_order_acquire);
            ns = atomic_load_explicit(&piece->start_ns, memory_order_acquire);
            mult = atomic_load_explicit(&piece->mult, memory_order_acquire);
            if (start <= ticks || i == oldest) {
                break;
            }
        }
        if (atomic_load_explicit(&piece_count, memory_order_relaxed) - i < PIECES) {
            return ns_on(start, ns, mult, ticks);
        }
    }
}

static void publish(uint64_t start_ticks, uint64_t start_ns, uint64_t mult)
{
    uint32_t count = atomic_load_explicit(&piece_count, memory_order_relaxed);
    struct piece *piece = &pieces[count % PIECES];
    atomic_store_explicit(&piece->start_ticks, start_ticks, memory_order_release);
    atomic_store_explicit(&piece->start_ns, start_ns, memory_order_release);
    atomic_store_explicit(&piece->mult, mult, memory_order_release);
    atomic_store_explicit(&piece_count, count + 1, memory_order_release);
}

/* Append a piece that starts a moment after `now` and meets the true time after `interval_ns`, or as near to
 * that as the limit on steering allows. False: this thread was held up and the start is in the past
 * already. */
static bool steer(struct sample now, uint64_t rate, uint64_t interval_ns)
{
    uint64_t start = now.ticks + ticks_of_ns(LEAD_NS, rate);
    uint64_t start_ns = ns_at(start);
    uint64_t span = ticks_of_ns(interval_ns, rate);
    uint64_t goal_ns = now.ns + scale(start + span - now.ticks, rate);
    uint64_t low = rate - (rate >> STEER_LIMIT_SHIFT), high = rate + (rate >> STEER_LIMIT_SHIFT);
    uint64_t mult = goal_ns > start_ns ? mult_of(goal_ns - start_ns, span) : low;
    mult = mult < low ? low : mult > high ? high : mult;
    if (hp_clock_ticks() >= start) {
        return false;
    }
    publish(start, start_ns, mult);
    return true;
}

/* The rate since the baseline, unless a clock stood still or jumped meanwhile: then the old one. */
static uint64_t measured_rate(struct sample now)
{
    uint64_t old = atomic_load_explicit(&hp__clock.mult, memory_order_relaxed);
    if (now.ticks <= baseline.ticks || now.ns <= baseline.ns) {
        return old;
    }
    uint64_t rate = mult_of(now.ns - baseline.ns, now.ticks - baseline.ticks);
    uint64_t limit = old >> STEER_LIMIT_SHIFT;
    return rate > old - limit && rate < old + limit ? rate : old;
}

void hp_clock_refine(void)
{
    if (hp_clock_ticks() < atomic_load_explicit(&next_refine_ticks, memory_order_relaxed) || !hp__clock.tsc ||
        atomic_flag_test_and_set_explicit(&refining, memory_order_acquire)) {
        return;
    }
    /* Somebody else may have done it between the look and the flag. */
    if (hp_clock_ticks() >= atomic_load_explicit(&next_refine_ticks, memory_order_relaxed)) {
        uint64_t interval = refine_interval_ns * 4 < LAST_REFINE_NS ? refine_interval_ns * 4 : LAST_REFINE_NS;
        struct sample now = take_sample();
        uint64_t rate = measured_rate(now);
        if (steer(now, rate, interval)) {
            atomic_store_explicit(&hp__clock.mult, rate, memory_order_relaxed);
            if (now.ns - baseline.ns >= LAST_REFINE_NS) {
                baseline = now;
            }
            refine_interval_ns = interval;
        }
        atomic_store_explicit(&next_refine_ticks, now.ticks + ticks_of_ns(refine_interval_ns, rate),
                              memory_order_relaxed);
    }
    atomic_flag_clear_explicit(&refining, memory_order_release);
}

uint64_t hp_clock_mono_ns_at(uint64_t ticks)
{
    if (!hp__clock.tsc) {
        return ticks;
    }
    if (ticks >= atomic_load_explicit(&next_refine_ticks, memory_order_relaxed)) {
        hp_clock_refine();
    }
    return ns_at(ticks);
}

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0) {
        return 0;
    }
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t hp__clock_without_tsc(void)
{
    return hp_clock_mono_ns();
}

uint64_t hp_clock_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

uint64_t hp_clock_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* Whether the kernel took a slow clock because it found the TSC unreliable (sockets out of step, say). A
 * clock of a hypervisor (kvm-clock, hyperv) is made from the TSC. */
static bool kernel_distrusts_tsc(void)
{
    char name[32] = "";
    int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t n = read(fd, name, sizeof name - 1);
    close(fd);
    return n > 0 && (strncmp(name, "hpet", 4) == 0 || strncmp(name, "acpi_pm", 7) == 0 ||
                     strncmp(name, "jiffies", 7) == 0);
}

static bool has_invariant_tsc(void)
{
#if defined(__x86_64__) || defined(__i386__)
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
#else
    return false;
#endif
}

/* Measure the first rate. False: the TSC does not move with the time. */
static bool calibrate(void)
{
    struct sample first = take_sample(), last;
    int tries = 0;
    do {
        nanosleep(&(struct timespec){.tv_nsec = CALIBRATE_NS}, NULL);
        last = take_sample();
    } while (last.ns - first.ns < CALIBRATE_NS && ++tries < 10);
    /* Slower than 10 MHz or faster than 100 GHz is no TSC. */
    uint64_t ns = last.ns - first.ns, ticks = last.ticks - first.ticks;
    if (last.ticks <= first.ticks || ns == 0 || ticks / ns > 100 || ticks < ns / 100) {
        return false;
    }
    uint64_t rate = mult_of(ns, ticks);
    atomic_store_explicit(&hp__clock.mult, rate, memory_order_relaxed);
    baseline = first;
    refine_interval_ns = FIRST_REFINE_NS / 4;
    publish(last.ticks, last.ns, rate);
    atomic_store_explicit(&next_refine_ticks, last.ticks + ticks_of_ns(FIRST_REFINE_NS, rate),
                          memory_order_relaxed);
    return true;
}

/* The thread that held the flag does not exist in the child. */
static void after_fork_in_child(void)
{
    atomic_flag_clear_explicit(&refining, memory_order_release);
}

static void init(void)
{
    const char *wish = getenv("HOTPLATE_CLOCK");
    bool forced = wish != NULL && strcmp(wish, "monotonic") == 0;
    if (forced || !has_invariant_tsc() || kernel_distrusts_tsc()) {
        return;
    }
    hp__clock.tsc = true;
    hp__clock.tsc = calibrate();
    if (hp__clock.tsc) {
        pthread_atfork(NULL, NULL, after_fork_in_child);
    }
}

void hp_clock_init(void)
{
    pthread_once(&once, init);
}
