/* flight.c -- see flight.h. The threshold is worked out anew every few requests, not for each. */
#include "capture/flight.h"

#include "base/mem.h"
#include "model/sketch.h"

#define MOST_PROBES 16u
#define FIRST       10u /* requests of a route before any is called slow */
#define EVERY       32u

struct slot {
    uint32_t route;           /* 0: free */
    struct hp_sketch *sketch; /* owned */
    uint64_t slow_ns;         /* as of the last look */
    uint32_t since;           /* requests since then */
};

struct hp_flight {
    uint64_t slow_ns;
    struct slot slots[HP_FLIGHT_ROUTES];
};

struct hp_flight *hp_flight_new(uint64_t slow_ns)
{
    struct hp_flight *flight = hp_calloc(1, sizeof *flight);
    if (flight != NULL) {
        flight->slow_ns = slow_ns;
    }
    return flight;
}

void hp_flight_free(struct hp_flight *flight)
{
    for (uint32_t i = 0; flight != NULL && i < HP_FLIGHT_ROUTES; i++) {
        hp_sketch_free(flight->slots[i].sketch);
    }
    hp_free(flight);
}

static struct slot *slot_of(struct hp_flight *flight, uint32_t route)
{
    uint32_t at = route * 2654435761u % HP_FLIGHT_ROUTES;
    for (uint32_t i = 0; i < MOST_PROBES; i++) {
        struct slot *slot = &flight->slots[(at + i) % HP_FLIGHT_ROUTES];
        if (slot->sketch == NULL) {
            slot->sketch = hp_sketch_new();
            slot->route = route;
            return slot->sketch != NULL ? slot : NULL;
        }
        if (slot->route == route) {
            return slot;
        }
    }
    return NULL;
}

/* Whether the request is slow for its route, by those before it. */
static bool is_slow(struct slot *slot, uint64_t duration_ns)
{
    uint64_t count = hp_sketch_count(slot->sketch);
    if (count < FIRST) {
        return false;
    }
    if (count < HP_FLIGHT_ENOUGH) {
        return duration_ns > 2 * hp_sketch_quantile(slot->sketch, 0.5);
    }
    if (slot->slow_ns == 0 || ++slot->since >= EVERY) {
        slot->slow_ns = hp_sketch_quantile(slot->sketch, 0.99);
        slot->since = 0;
    }
    return duration_ns > slot->slow_ns;
}

__attribute__((noinline)) bool hp_flight_keep(struct hp_flight *flight, const struct hp_request *facts)
{
    uint64_t duration_ns = facts->wall_ns > facts->own_ns ? facts->wall_ns - facts->own_ns : 0;
    bool failed = facts->status >= 500 || (facts->flags & HP_REQ_EXCEPTION) != 0;
    if (flight->slow_ns != 0) {
        return failed || duration_ns >= flight->slow_ns;
    }
    struct slot *slot = slot_of(flight, facts->route);
    bool slow = slot != NULL && is_slow(slot, duration_ns);
    if (slot != NULL) {
        hp_sketch_add(slot->sketch, duration_ns);
    }
    return failed || slow;
}
