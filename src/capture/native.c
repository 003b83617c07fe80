/* native.c -- see native.h. A thread is known by the address of its hp_wait_thread, which is its own while it
 * lives. */
#include "capture/native.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "capture/peer.h"
#include "capture/wait.h"

#define LOOK_UPS 64u /* power of two */

static struct look_up {
    _Atomic(const void *) starter;
    _Atomic uint64_t t0, t1; /* t1: 0 while it goes on */
    _Atomic uint32_t name;
} look_ups[LOOK_UPS];
static _Atomic uint64_t look_up_count;

struct start {
    void *(*function)(void *);
    void *arg;
    const void *starter;
};

static void *run(void *arg)
{
    struct start start = *(struct start *)arg;
    hp_free(arg);
    hp__wait_thread.starter = start.starter;
    return start.function(start.arg);
}

int hp__native_start(hp_native_create real, pthread_t *thread, const pthread_attr_t *attr,
                     void *(*function)(void *), void *arg)
{
    struct start *start = hp_malloc(sizeof *start);
    if (start == NULL) {
        return real(thread, attr, function, arg);
    }
    *start = (struct start){function, arg, &hp__wait_thread};
    int error = real(thread, attr, run, start);
    if (error != 0) {
        hp_free(start);
    }
    return error;
}

uint64_t hp__native_look_up(const char *host)
{
    if (hp__wait_thread.starter == NULL || host == NULL) {
        return 0;
    }
    int saved = errno;
    uint64_t number = atomic_fetch_add(&look_up_count, 1) + 1;
    struct look_up *entry = &look_ups[number & (LOOK_UPS - 1)];
    atomic_store(&entry->starter, NULL); /* nobody reads it meanwhile */
    atomic_store(&entry->name, hp__peer_name(host, strnlen(host, 256)));
    atomic_store(&entry->t1, 0);
    atomic_store(&entry->t0, hp_clock_ticks());
    atomic_store(&entry->starter, hp__wait_thread.starter);
    errno = saved;
    return number;
}

void hp__native_found(uint64_t look_up)
{
    if (look_up != 0 && atomic_load(&look_up_count) - look_up < LOOK_UPS) {
        atomic_store(&look_ups[look_up & (LOOK_UPS - 1)].t1, hp_clock_ticks());
    }
}

uint32_t hp__native_waited(uint64_t t0, uint64_t t1)
{
    uint32_t name = 0;
    uint64_t most = (t1 - t0) / 2;
    if (atomic_load_explicit(&look_up_count, memory_order_relaxed) == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < LOOK_UPS; i++) {
        const struct look_up *entry = &look_ups[i];
        if (atomic_load(&entry->starter) != &hp__wait_thread) {
            continue;
        }
        uint64_t from = atomic_load(&entry->t0), to = atomic_load(&entry->t1);
        from = from > t0 ? from : t0;
        to = to != 0 && to < t1 ? to : t1;
        if (to > from && to - from >= most) {
            most = to - from;
            name = atomic_load(&entry->name);
        }
    }
    return name;
}
