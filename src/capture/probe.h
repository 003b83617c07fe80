/* probe.h -- a probe: a function that stands in for a blocking call. What each does around the real call, and
 * where they are.
 *
 * Every probe is the same: on a thread without a lane it is the real call; inside another probe (SSL_read
 * calls recv) it is the real call and its bytes are noted; else two ticks around the real call, and
 * hp__wait_add. The outermost call gives the kind and owns the time, the innermost the peer. errno is as the
 * real call left it. Nothing here allocates, waits for a lock or touches the interpreter.
 *
 *     switch.c ──▶ probe_libc.c, probe_ssl.c: the functions ──▶ probe.c: around a call ──▶ wait.h
 */
#ifndef HP_PROBE_H
#define HP_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/got.h"
#include "capture/peer.h"
#include "capture/wait.h"

enum hp_probe_how { HP_PROBE_INNER, HP_PROBE_OPEN };

/* A call that is under way, on the probe's stack. */
struct hp_probe_call {
    uint64_t t0, busy0_ns; /* busy0_ns: HP_ABSENT, not measured */
    enum hp_probe_how how; /* inside another probe's call, or the outermost */
    uint8_t kind;
};

/* Whether this thread works for no lane: then a probe is the real call and nothing else. */
static inline __attribute__((always_inline)) bool hp__probe_is_off(void)
{
    return __builtin_expect(hp__wait_thread.lane == NULL, 1);
}

/* Before the real call. Threads: any, signal-safe. Hot: yes. */
void hp__probe_begin(struct hp_probe_call *call, uint8_t kind);
/* After one that is HP_PROBE_OPEN, which ends it. `kind` may be another one than at its beginning; `error`: 0
 * or an errno. Changes errno. Threads: any, signal-safe. Hot: yes. */
void hp__probe_end(const struct hp_probe_call *call, uint8_t kind, struct hp_peer_fd peer, uint64_t bytes,
                   int error);

/* The peer of a call that has none. */
static const struct hp_peer_fd hp__probe_nobody = {0, 0, 0, false, false};

/* The probes of libc's calls and of OpenSSL's, as got.h takes them. Borrowed, of static storage. Threads: one
 * at a time. */
struct hp_got_hook *hp__probe_libc(size_t *count);
struct hp_got_family *hp__probe_ssl(void);

#endif
