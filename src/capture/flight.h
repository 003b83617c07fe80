/* flight.h -- the flight recorder's choice: of which requests the tree is kept.
 *
 * Every request records a tree of the application's own code and its direct callees, which costs little; only
 * of one that ends slow or failed is it worth its bytes. Slow is a fixed time, or more than 99 % of the
 * route's requests took so far (a sketch a route); until a route has HP_FLIGHT_ENOUGH requests, twice its
 * median.
 *
 * Threads: the caller serialises (the GIL). Beyond HP_FLIGHT_ROUTES routes, or without memory for a sketch,
 * only failed requests are kept.
 */
#ifndef HP_FLIGHT_H
#define HP_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>
#include "model/record.h"

#define HP_FLIGHT_ROUTES 1024u
#define HP_FLIGHT_ENOUGH 100u

struct hp_flight;

/* slow_ns: the fixed time, 0: the route's own 99th percentile. NULL: no memory. Owns: hp_flight_free. */
struct hp_flight *hp_flight_new(uint64_t slow_ns);
void hp_flight_free(struct hp_flight *flight);

/* Whether to keep the tree of a request that has ended (wall, own cost, status, flags and route are known);
 * its route learns from it. */
bool hp_flight_keep(struct hp_flight *flight, const struct hp_request *facts);

#endif
