/* gate.h -- `compare --fail-on 'p95>10%,sql>0,new-finding'`: when a comparison fails a build.
 *
 *     terms    metric > threshold, or a word; joined by commas; any that holds fails
 *     metric   p50 (median), p90, p95, p99, mean: growth of a route's duration, in % or as a time (ms, s, us)
 *              sql: growth of statements a request; errors: growth of the share of failed requests, in % points
 *     word     new-finding (new or returned)
 *
 * A duration counts only if its growth is a change: enough requests on both sides and an interval without 0.
 * Pure functions; the numbers come from change.h. Threads: any.
 */
#ifndef HP_GATE_H
#define HP_GATE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/str.h"
#include "hotplate/err.h"

enum hp_gate_metric {
    HP_GATE_P50,
    HP_GATE_P90,
    HP_GATE_P95,
    HP_GATE_P99,
    HP_GATE_MEAN,
    HP_GATE_SQL,
    HP_GATE_ERRORS,
    HP_GATE_NEW_FINDING,
    HP_GATE_METRICS
};
enum hp_gate_unit { HP_GATE_PLAIN, HP_GATE_PERCENT, HP_GATE_NS };

struct hp_gate_term {
    enum hp_gate_metric metric;
    enum hp_gate_unit unit;
    double threshold; /* %, ns or plain */
};
#define HP_GATE_TERMS 16
struct hp_gate {
    struct hp_gate_term terms[HP_GATE_TERMS];
    uint32_t count;
};

/* Parse. Fails: HP_EINVAL with one line that names the term; HP_EFULL. */
HP_CHECK hp_err hp_gate_parse(struct hp_str text, struct hp_gate *gate, struct hp_errinfo *info);

struct hp_gate_value {
    double before, after;
    bool changed; /* its growth is no noise */
};
struct hp_gate_route {
    struct hp_str name;
    struct hp_gate_value values[HP_GATE_METRICS];
};

/* Whether this route fails; a line for each term that does is appended to `why` (may be NULL). */
bool hp_gate_route_fails(const struct hp_gate *gate, const struct hp_gate_route *route, struct hp_buf *why);
/* Whether new or returned findings fail. */
bool hp_gate_findings_fail(const struct hp_gate *gate, uint32_t new_count, struct hp_buf *why);

#endif
