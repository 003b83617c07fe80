/* waits.h -- the extension's door to the wait probes: switch them on, tell them which lane a thread runs, and
 * where its code is.
 *
 * The probes (src/capture/probe.h) catch blocking calls of every loaded object by their call slots. They run
 * with or without the GIL, in any thread, and in signal handlers: what they do on a thread without a lane is
 * one thread-local look. See docs/internals/waits.md.
 */
#ifndef HP_EXT_WAITS_H
#define HP_EXT_WAITS_H

#include "hotplate/ext/capture.h"

/* The application place that the calling thread is at, as a number of the extension's own (0: none). `thread`
 * is what hp_waits_thread was given. Called without the GIL, maybe in a signal handler: no allocation, no
 * lock, no reference counts; the thread's own frames may be read. */
typedef uint32_t (*hp_waits_site_fn)(void *thread);
/* What such a number stands for. Called with the GIL. */
typedef struct hp_cap_place (*hp_waits_place_fn)(uint32_t site);

struct hp_waits_config {
    hp_waits_site_fn site;   /* NULL: waits have no place */
    hp_waits_place_fn place; /* NULL with site */
    /* What hp_waits_site_fn takes of the calling thread; NULL: it runs none of the interpreter's. Called as
     * that is. NULL: who had a lock has no place. */
    void *(*thread)(void);
    /* Name of the thread that has this pthread_self as the id of a string, 0: not known. Called with the GIL;
     * NULL: threads have no names. */
    uint32_t (*name)(uint64_t thread);
    bool skip_own; /* leave the calls of the object that holds the probes alone */
};

/* Hook the call slots; a second call only replaces the configuration and hooks what was loaded since. Call
 * with the GIL. Fails: HP_EBUSY (another thread is at it). */
HP_CHECK hp_err hp_waits_start(const struct hp_waits_config *config);
/* Put every slot back and record no more. Fails: HP_EBUSY. */
HP_CHECK hp_err hp_waits_stop(void);
bool hp_waits_on(void);
/* Hook what was loaded since the last time; about 100 ns if nothing was. _at: unless it was asked for less
 * than a millisecond before `now` (ticks); with the GIL. */
void hp_waits_rescan(void);
void hp_waits_rescan_at(uint64_t now);
/* Condition variables between low and low + bytes are the interpreter's lock: waiting for them is `gil`, not
 * `lock`. Who gives it up signals `released`, with the mutex held that is waited for it with (NULL: not
 * known, then nobody is told who had it); `locked` is not 0 while somebody has it. */
void hp_waits_gil(const void *low, size_t bytes, const void *released, const volatile int *locked);
/* From now on this thread's waits belong to `lane` (NULL: to nobody). `thread` is handed to the site
 * function. */
void hp_waits_thread(struct hp_cap_lane *lane, void *thread);
/* The same, at no place, for a lane that stands still while this thread's server sends what it has made:
 * until the next hp_waits_thread on this thread, or for the lane on any. Keep a reference to the lane until
 * hp_waits_thread was called here. */
void hp_waits_between(struct hp_cap_lane *lane);
/* Whether the calling thread had a lock that a request waited for, or has one now. If it ends then, others
 * may want its name later (the id of a string). With the GIL. */
bool hp_waits_told(void);
void hp_waits_leave(uint32_t name);
/* Whether greenlets switch on this thread below us: then waits count only while `chunk_of(thread)` is what it
 * was at hp_waits_thread. NULL: no. */
void hp_waits_greenlets(const void *(*chunk_of)(void *thread));
/* What is hooked and what cannot be, one line: "29 calls in 50 objects; not hooked: …". Copies at most n
 * bytes with NUL. */
void hp_waits_describe(char *out, size_t n);

#endif
