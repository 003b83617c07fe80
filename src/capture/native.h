/* native.h -- look-ups of names that a C library makes on threads of its own (libcurl), for the thread that
 * started those.
 *
 *     request's thread    pthread_create ─────── poll ─────────────┐  most of it was that look-up: the wait is dns, its peer the host
 *     library's thread         └─▶ getaddrinfo(host) ─▶ ring ──────┘
 *
 * A thread that was started by one with a lane remembers that one. Its look-ups go into a ring of 64; what is
 * pushed out is forgotten, and the wait for it stays a poll. Nobody waits for a lock here.
 */
#ifndef HP_NATIVE_H
#define HP_NATIVE_H

#include <pthread.h>
#include <stdint.h>

typedef int (*hp_native_create)(pthread_t *thread, const pthread_attr_t *attr, void *(*function)(void *),
                                void *arg);

/* Start a thread by `real` that knows the calling thread for its starter; without memory one that does not.
 * As pthread_create. */
int hp__native_start(hp_native_create real, pthread_t *thread, const pthread_attr_t *attr,
                     void *(*function)(void *), void *arg);

/* Around a look-up on a thread without a lane: what to give to the second, 0 where nobody is known to have
 * started this thread. Keeps errno. Threads: any. */
uint64_t hp__native_look_up(const char *host);
void hp__native_found(uint64_t look_up);

/* The name (peer.h) that a thread started by this one looked up for at least half of the time between two
 * ticks; 0: none. Threads: any, signal-safe. Hot: yes. */
uint32_t hp__native_waited(uint64_t t0, uint64_t t1);

#endif
