/* holder.h -- who had the lock that a thread waits for.
 *
 * Whoever gives a lock up says who he is, on his own thread and from his own frames, and only while somebody
 * waits for such a lock: so nothing is read that may be gone, and a lock that nobody waits for costs one look
 * at a counter.
 *
 *     the GIL      its condition variable is signalled at each release, with its mutex held, while nobody has it. Releases go to a ring, and a
 *                  wait is cut at them: up to a release the lock was his who made it.
 *     semaphores   Python's own locks: the last post of each, in a table by address. All of the wait is his who ended it.
 *
 * The GIL is waited for in pieces of 5 ms. What nobody has given up when a piece ends is his who does so next
 * (`open_ticks`).
 */
#ifndef HP_HOLDER_CAPTURE_H
#define HP_HOLDER_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#define HP_HOLDER_PARTS 8u

struct hp_holder_by {
    uint64_t request; /* id; 0: it worked for none */
    uint64_t thread;  /* pthread_self, which is how Python identifies a thread */
    uint32_t serial;  /* of the thread: never used again, as `thread` is */
    uint32_t route;   /* of the request, as far as known */
    uint32_t site;    /* as hp_waits_site_fn tells; 0: none */
};

struct hp_holder_part { /* of one wait */
    struct hp_holder_by by;
    uint64_t ticks;
};

/* A wait for a lock that is under way, on the probe's stack. */
struct hp_holder_wait {
    const void *on; /* condition variable or semaphore */
    uint64_t turn;  /* releases of the GIL so far */
    bool goes_on;   /* after its end: the GIL is not free, and whoever gives it up next has it now */
    uint32_t part_count;
    struct hp_holder_part parts[HP_HOLDER_PARTS]; /* known after its end */
};

/* This condition variable is signalled when the GIL is given up, and `locked` is not 0 while somebody has it;
 * NULL: that cannot be seen. */
void hp__holder_gil(const void *condition, const volatile int *locked);
/* What gives the calling thread's state (hp_waits_config.thread). */
void hp__holder_configure(void *(*thread)(void));

/* A thread with a lane begins to wait for a condition variable of the GIL (`is_gil`), or for a semaphore.
 * Threads: any. Hot: yes. */
void hp__holder_begin(struct hp_holder_wait *wait, bool is_gil, const void *on);
/* It has waited from tick t0 until now; `timed_out`: nobody woke it. In the same circumstances. */
void hp__holder_end(struct hp_holder_wait *wait, bool is_gil, uint64_t t0, bool timed_out);

/* This thread is about to signal a condition variable, to post a semaphore. Keeps errno. Threads: any,
 * signal-safe. Hot: yes. */
void hp__holder_signals(const void *condition);
void hp__holder_posts(const void *semaphore);

/* The name that a thread left when it ended (hp_waits_leave); 0: it did not, or long ago. With the GIL. */
uint32_t hp__holder_left(uint32_t serial);

/* In a fork's child: nobody waits. */
void hp__holder_fork_child(void);

#endif
