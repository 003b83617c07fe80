/* cpu.c -- see cpu.h.
 *
 * Each thread has an area for restartable sequences (rseq), which glibc registers. When a thread runs on
 * after it was switched out or migrated, or gets a signal, the kernel looks at the area's pointer to a
 * critical section, and clears it if the thread is not inside of that section. Ours points to one that no
 * instruction is in: as long as the pointer is there, the thread has kept its processor. A library with
 * critical sections of its own puts its own pointer there, which reads like a switch.
 *
 *     arm, read the clock, read the TSC … pointer still ours: clock + TSC since … cleared: read the clock again
 */
#include "base/cpu.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/clock.h"

#if defined(__x86_64__)
#define HAVE_AREA 1
#else
#define HAVE_AREA 0
#endif

#define SIGNATURE                                                                                            \
    0x53053053u /* what glibc registers on x86: the kernel wants it before where a section is left to */

struct area { /* the beginning of struct rseq: for ever as it is */
    uint32_t cpu_start, cpu;
    volatile uint64_t section;
};

static struct { /* struct rseq_cs */
    uint32_t version, flags;
    uint64_t start, bytes, leave;
} section __attribute__((aligned(32)));

static uint32_t leave_to[2] = {SIGNATURE, 0};
static ptrdiff_t area_offset; /* from the thread pointer */
static _Atomic bool usable;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static __thread struct {
    uint64_t ticks, cpu_ns; /* at the last reading */
    uint64_t told_ns;       /* last */
    uint64_t ahead_ns; /* told beyond the clock, in all: what a hypervisor took while the pointer stood */
} mark __attribute__((tls_model("initial-exec")));

static struct area *area_here(void)
{
    char *thread = NULL;
#if HAVE_AREA
    __asm__("mov %%fs:0, %0" : "=r"(thread));
#endif
    return (struct area *)(void *)(thread + area_offset);
}

/* What was told too much stays told: taken back here it would be missing in what is measured next. */
static __attribute__((noinline)) uint64_t read_and_arm(struct area *area)
{
    if ((int32_t)area->cpu >= 0) { /* registered in this thread, too */
        area->section = (uint64_t)(uintptr_t)&section;
    }
    uint64_t ns = hp_clock_thread_cpu_ns() + mark.ahead_ns;
    mark.ticks = hp_clock_ticks();
    if (ns < mark.told_ns) {
        mark.ahead_ns += mark.told_ns - ns;
        ns = mark.told_ns;
    }
    mark.cpu_ns = mark.told_ns = ns;
    return ns;
}

/* Whether the clock need not be read: then what it would say at `now`, which was read before the pointer is
 * looked at, so that this speaks for that moment. */
static inline bool is_known(const struct area *area, uint64_t now, uint64_t *cpu_ns)
{
    uint64_t ns = hp_clock_ns_of_ticks(now - mark.ticks);
    if (area->section != (uint64_t)(uintptr_t)&section || ns >= HP_CPU_STRETCH_NS) {
        return false;
    }
    ns += mark.cpu_ns;
    *cpu_ns = mark.told_ns = ns > mark.told_ns ? ns : mark.told_ns;
    return true;
}

uint64_t hp_cpu_ns_at(uint64_t now)
{
    uint64_t cpu_ns;
    if (!atomic_load_explicit(&usable, memory_order_relaxed)) {
        return hp_clock_thread_cpu_ns();
    }
    struct area *area = area_here();
    return is_known(area, now, &cpu_ns) ? cpu_ns : read_and_arm(area);
}

uint64_t hp_cpu_ns(uint64_t *now)
{
    uint64_t cpu_ns;
    *now = hp_clock_ticks();
    if (!atomic_load_explicit(&usable, memory_order_relaxed)) {
        cpu_ns = hp_clock_thread_cpu_ns();
        *now = hp_clock_ticks();
        return cpu_ns;
    }
    struct area *area = area_here();
    if (!is_known(area, *now, &cpu_ns)) {
        cpu_ns = read_and_arm(area);
        *now = mark.ticks;
    }
    return cpu_ns;
}

bool hp_cpu_is_cheap(void)
{
    return atomic_load(&usable);
}

/* The pointer is copied by fork, the clock begins at nothing. */
static void after_fork_in_child(void)
{
    area_here()->section = 0;
    mark.ticks = mark.cpu_ns = mark.told_ns = mark.ahead_ns = 0;
}

/* Whether the kernel clears the pointer of a thread that sleeps: what is only due for interrupted code would
 * do for critical sections. */
static bool is_cleared(void)
{
    struct area *area = area_here();
    if ((int32_t)area->cpu < 0) {
        return false;
    }
    area->section = (uint64_t)(uintptr_t)&section;
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    bool cleared = area->section == 0;
    area->section = 0;
    return cleared;
}

static void init(void)
{
    hp_clock_init();
    const ptrdiff_t *offset = dlsym(RTLD_DEFAULT, "__rseq_offset");
    const unsigned *size = dlsym(RTLD_DEFAULT, "__rseq_size");
    if (!HAVE_AREA || !hp_clock_is_tsc() || offset == NULL || size == NULL || *size < sizeof(struct area)) {
        return;
    }
    area_offset = *offset;
    section.start = (uint64_t)(uintptr_t)&section;
    section.bytes = 1;
    section.leave = (uint64_t)(uintptr_t)&leave_to[1];
    if (is_cleared() && pthread_atfork(NULL, NULL, after_fork_in_child) == 0) {
        atomic_store(&usable, true);
    }
}

void hp_cpu_init(void)
{
    pthread_once(&once, init);
}
