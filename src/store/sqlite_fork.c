/* sqlite_fork.c -- what SQLite shares among all threads of a process, held across fork.
 *
 * Why: SQLite guards its memory statistics, page caches, random numbers and open files by mutexes of the
 * whole process. Closing our own connection before a fork is not enough: a thread of the application that is
 * inside its own sqlite3 (Python lets go of the GIL there) may hold one of them at that moment, and the
 * child's copy then stays locked for ever. So the forking thread takes them all and both sides let go. A
 * mutex that cannot be had in time is left: the child is then as it would be without us.
 *
 * The order is the one in which SQLite nests them: whoever holds any of the others may allocate, so the
 * allocator's comes last.
 */
#include <sqlite3.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "base/clock.h"
#include "store/store.h"

#define WAIT_NS UINT64_C(50000000)
#define NAP_NS  20000

static const int order[] = {SQLITE_MUTEX_STATIC_MAIN, SQLITE_MUTEX_STATIC_VFS1, SQLITE_MUTEX_STATIC_OPEN,
                            SQLITE_MUTEX_STATIC_LRU,  SQLITE_MUTEX_STATIC_PMEM, SQLITE_MUTEX_STATIC_PRNG,
                            SQLITE_MUTEX_STATIC_MEM};
#define COUNT (sizeof order / sizeof order[0])

/* Of the fork that is going on; the caller lets only one go on at a time. */
static sqlite3_mutex *held[COUNT];
static _Atomic uint64_t waited_ns;

static bool take_by(sqlite3_mutex *mutex, uint64_t deadline_ns)
{
    while (sqlite3_mutex_try(mutex) != SQLITE_OK) {
        if (hp_clock_mono_ns() >= deadline_ns) {
            return false;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
    }
    return true;
}

void hp_store_fork_waited(uint64_t ns)
{
    atomic_fetch_add(&waited_ns, ns);
}

uint64_t hp_store_fork_begin(void)
{
    uint64_t from_ns = hp_clock_mono_ns();
    bool waits = false;
    for (size_t i = 0; i < COUNT; i++) {
        sqlite3_mutex *mutex = sqlite3_mutex_alloc(order[i]); /* static: nothing is allocated */
        bool at_once = mutex == NULL || sqlite3_mutex_try(mutex) == SQLITE_OK;
        held[i] = at_once || take_by(mutex, from_ns + WAIT_NS) ? mutex : NULL;
        waits = waits || !at_once;
    }
    return atomic_exchange(&waited_ns, 0) + (waits ? hp_clock_mono_ns() - from_ns : 0);
}

void hp_store_fork_end(void)
{
    for (size_t i = COUNT; i-- > 0;) {
        if (held[i] != NULL) {
            sqlite3_mutex_leave(held[i]);
            held[i] = NULL;
        }
    }
}
