/* probe.c -- around a blocking call: the time, the CPU inside it, and whose it is. Contract: probe.h.
 *
 * CPU and run-queue time inside the calls are in both sums, so they are measured: around the first call of a
 * kind, those after a long one, and one in SAMPLE of the others.
 */
#include "capture/probe.h"

#define SAMPLE       256u /* power of two */
#define READ_LONG_NS 20000u
#define READ_TRIES   3

/* CPU and run-queue time of this thread so far. */
static uint64_t busy_ns(const struct hp_wait_thread *self)
{
    uint64_t queue_ns = self->queue ? hp__runqueue_ns() : 0;
    return hp_clock_thread_cpu_ns() + (queue_ns != HP_ABSENT ? queue_ns : 0);
}

void hp__probe_begin(struct hp_probe_call *call, uint8_t kind)
{
    struct hp_wait_thread *self = &hp__wait_thread;
    if (self->depth != 0) {
        call->how = HP_PROBE_INNER;
        return;
    }
    self->depth = 1;
    self->inner_bytes = 0;
    self->inner_fd = -1;
    call->how = HP_PROBE_OPEN;
    bool measured = self->measure[kind] || (self->turn++ & (SAMPLE - 1)) == 0;
    call->kind = kind;
    call->busy0_ns = HP_ABSENT;
    for (int i = 0; measured && i < READ_TRIES; i++) {
        uint64_t before = hp_clock_ticks();
        call->busy0_ns = busy_ns(self);
        measured =
            hp_clock_ns_of_ticks(hp_clock_ticks() - before) > READ_LONG_NS; /* lost the CPU meanwhile */
    }
    call->t0 = hp_clock_ticks();
}

void hp__probe_end(const struct hp_probe_call *call, uint8_t kind, struct hp_peer_fd peer, uint64_t bytes,
                   int error)
{
    struct hp_wait_thread *self = &hp__wait_thread;
    struct hp_wait_event event = {.t0 = call->t0,
                                  .t1 = hp_clock_ticks(),
                                  .bytes = bytes,
                                  .busy_ns = HP_ABSENT,
                                  .peer = peer.peer,
                                  .conn = peer.conn,
                                  .error = error,
                                  .kind = kind,
                                  .proto = peer.proto};
    event.is_long = hp_clock_ns_of_ticks(event.t1 - event.t0) >= HP_WAIT_LONG_NS;
    self->measure[call->kind] = event.is_long;
    if (call->busy0_ns != HP_ABSENT) {
        event.busy_ns = busy_ns(self) - call->busy0_ns;
        uint64_t read_ns = hp_clock_ns_of_ticks(hp_clock_ticks() - event.t1);
        if (read_ns > READ_LONG_NS) { /* lost the CPU after the call */
            event.busy_ns -= read_ns < event.busy_ns ? read_ns : event.busy_ns;
        }
    }
    if (self->lane != NULL) {
        hp__wait_add(&event);
    }
    self->depth = 0;
}
