/* wait.h -- a lane's waits while it runs: written by probes, read once at its end.
 *
 * Why so: a probe may run without the GIL and in a signal handler, so it takes memory only from a pool of
 * ready blocks and claims the lane by one word instead of a lock:
 *
 *     OFF ──begin──▶ ON ◀──▶ BUSY (a probe writes)      end: ON ──▶ OFF, then the book is nobody's but the owner's
 *
 *     lane ─▶ book: sums per kind, totals per (node, kind, peer, site) ─▶ more totals
 *                └▶ spans ─▶ spans ─▶ …        each block 4 KiB, at most HP_LANE_SPAN_CAP spans, HP_ALIKE_SPANS alike
 *
 * What does not fit is counted; the sums per kind are always complete.
 */
#ifndef HP_WAIT_H
#define HP_WAIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/capture_int.h"
#include "capture/holder.h"
#include "hotplate/ext/waits.h"

#define HP_LANE_SPAN_CAP 2000u
/* Of them of one node, kind, peer and place: thousands of small reads leave room for what follows. */
#define HP_ALIKE_SPANS  600u
#define HP_WAIT_LONG_NS 100000u /* a wait from which on the next of its kind is measured */

enum hp_wait_state { HP_WAIT_OFF = 0, HP_WAIT_ON = 1, HP_WAIT_BUSY = 2 };

/* What a thread's probes need. */
struct hp_wait_thread {
    struct hp_cap_lane *lane;          /* borrowed; NULL: waits belong to nobody */
    void *thread;                      /* for the site function */
    const void *chunk;                 /* greenlets: what runs when `lane` does */
    uint64_t inner_bytes;              /* of calls inside the one that is open */
    uint32_t depth;                    /* hooked calls that are open */
    uint32_t turn;                     /* counts calls, so that one in some is measured */
    uint64_t request;                  /* id of the lane's */
    const struct hp_holder_wait *held; /* of the wait that is being added; NULL: not of a lock */
    uint32_t serial;                   /* of this thread among those that were told of; 0: it was not */
    uint64_t open_ticks, open_until;   /* holder.h: waited for the GIL, and nobody gave it up yet */
    bool queue;                        /* measure the run queue, too */
    bool between;                      /* hp_waits_between */
    bool measure[HP_WAIT_KINDS];       /* the next call of this kind: the first, and those after a long one */
    int inner_fd;
    uint8_t encrypted;   /* protocol of what TLS wrote over memory last: the next bytes sent; 0: not known */
    const void *starter; /* native.h: who started this thread; NULL: not known */
};
extern __thread struct hp_wait_thread hp__wait_thread __attribute__((tls_model("initial-exec")));

struct hp_wait_event {
    uint64_t t0, t1; /* ticks */
    uint64_t bytes, busy_ns /* CPU and run queue inside; HP_ABSENT: not measured */;
    uint32_t peer, conn;
    int error;
    uint8_t kind, proto;
    bool is_long;
};

/* Add a wait to the lane that this thread runs; between parts of a body without its peer. Threads: any,
 * signal-safe. Hot: yes. */
void hp__wait_add(struct hp_wait_event *event);
/* Whether this thread runs its lane now: it has one, and no greenlet of another is in between. Threads: any,
 * signal-safe. */
bool hp__wait_lane_runs(void);
/* The application place of this thread, as hp_waits_site_fn; 0: none. Threads: any, signal-safe. */
uint32_t hp__wait_site(void *thread);

/* ---- with the GIL ---- */
/* Get ready blocks for what begins now. */
void hp__wait_refill(void);
/* The lane's waits are recorded from now on; does nothing while the probes are off. */
void hp__wait_begin(struct hp_cap_lane *lane);
/* Record no more, and move the lane's waits to its request (if that is alive). */
void hp__wait_end(struct hp_cap_lane *lane);
/* Another total of the request; false: no room, and the request says so. */
bool hp__wait_put(struct hp_cap_request *request, const struct hp_wait *wait);
/* Ticks → nanoseconds in the request's waits; sets the request's gil_ns. Called by freeze. */
void hp__wait_convert(struct hp_cap_request *request);
void hp__wait_fork_child(void);
/* calls.c: from connections (`group` of a span, as probes tell it) to outgoing calls, numbered from 1;
 * returns how many. Spans are in order per lane, or all of them in order of time. Called once, by
 * hp__wait_convert. */
uint32_t hp__calls_join(struct hp_cap_request *request);

/* Ready, but without a CPU: nanoseconds of this thread so far by the kernel's count; HP_ABSENT where it does
 * not tell. About 0.4 µs. */
uint64_t hp__runqueue_ns(void);

/* What the extension gives (hotplate/ext/waits.h). */
void hp__wait_configure(const struct hp_waits_config *config);

/* switch.c: the probes are in, as hp_waits_on. */
extern _Atomic bool hp__wait_probes;

#endif
