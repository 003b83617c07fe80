/* find.h -- rules over one route's recordings, and what they return.
 *
 * A rule is a pure function: it looks at a case (one route: a sample of its requests, spread evenly over
 * their durations) and adds findings. It prices them per request by whatif.h, so that a finding carries one
 * saving per sampled request; ranking, intervals, overlaps, titles and states come after the rules (find.c,
 * answer/). One file per rule: rule_<kind>.c.
 */
#ifndef HP_FIND_H
#define HP_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "model/record.h"
#include "model/tree.h"
#include "model/whatif.h"

#define HP_FINDING_KINDS(X)                                                                                  \
    X(n_plus_one)                                                                                            \
    X(duplicate_query)                                                                                       \
    X(missing_index)                                                                                         \
    X(slow_query)                                                                                            \
    X(unbounded_result)                                                                                      \
    X(orm_overhead)                                                                                          \
    X(thread_churn)                                                                                          \
    X(connection_churn)                                                                                      \
    X(tls_churn)                                                                                             \
    X(dns_repeat)                                                                                            \
    X(chatty_reads)                                                                                          \
    X(sequential_io)                                                                                         \
    X(slow_external)                                                                                         \
    X(blocking_in_async)                                                                                     \
    X(lock_contention)                                                                                       \
    X(gil_contention)                                                                                        \
    X(template_hot)                                                                                          \
    X(serialization_hot)                                                                                     \
    X(import_in_request)                                                                                     \
    X(regex_compile)                                                                                         \
    X(gc_pressure)                                                                                           \
    X(hot_function)                                                                                          \
    X(attribute_lookup_hot)                                                                                  \
    X(sleep)                                                                                                 \
    X(subprocess)                                                                                            \
    X(disk_io)                                                                                               \
    X(log_io)                                                                                                \
    X(memory_growth)                                                                                         \
    X(cold_start)                                                                                            \
    X(tail_latency)                                                                                          \
    X(regression)
#define HP_FINDING_ENUM(kind) HP_FIND_##kind,
enum hp_finding_kind { HP_FINDING_KINDS(HP_FINDING_ENUM) HP_FIND_KIND_COUNT };
#undef HP_FINDING_ENUM
const char *hp_find_kind_name(enum hp_finding_kind kind); /* "n_plus_one" */

struct hp_sample { /* one request of the case, decoded */
    const struct hp_record *record;
    const struct hp_tree
        *tree; /* calibrated, ns; NULL when the level has none. Node ids are those of the record. */
    uint64_t duration_ns; /* wall − own */
    const struct hp_tree
        *estimate; /* of a request whose tree is of samples (`tree` is then NULL): what all of the route's
                    * say of one as long; times only, there are no calls. NULL: none */
};

struct hp_plan;  /* plan.h */
struct hp_sites; /* sites.h */

struct hp_case_plan { /* what is kept of a statement's plan */
    uint32_t statement;
    const struct hp_plan *plan;
};

/* Text of a file of the application as it was when the requests ran; empty: not known. Borrowed until the
 * next call. */
typedef struct hp_str (*hp_case_source_fn)(void *ctx, struct hp_str file);

struct hp_case { /* one route */
    const struct hp_dict *dict;
    uint32_t route;
    uint64_t requests, total_ns, median_ns, p95_ns; /* over all requests in range, not the sample alone */
    uint64_t estimate_samples;                      /* that the estimates are made of; 0: there are none */
    uint64_t recorded_ns;                           /* of all routes: for "under 1 % of all recorded time" */
    const struct hp_sample *samples;
    uint32_t sample_count;
    const struct hp_case_plan *plans; /* of statements in the samples, as far as there are any */
    uint32_t plan_count;
    const struct hp_sites *sites; /* lines that run statements, over all routes; NULL: of the samples alone */
    hp_case_source_fn source;     /* NULL: no sources */
    void *source_ctx;
    const struct hp_case
        *before;               /* the same route in the revision before, same dictionary; NULL: not known */
    struct hp_str before_name; /* "revision 1a2b3c4", "label before" */
    double others_drift; /* now ÷ before of what the other routes of both stretches compute; 0: not known. Of
                            the newer side of a comparison */
};

struct hp_evidence {
    const char *key;
    double number;
    struct hp_str text;
    bool is_text;
}; /* key: static */

struct hp_finding {
    enum hp_finding_kind kind;
    uint64_t id; /* hash of kind, route, function, folded statement or peer; never of a line number */
    uint32_t route, site_sym, site_line, via_sym, statement;
    uint32_t subject_sym; /* the function that the cause is in, where the line to edit is not in it; else 0 */
    bool tail;            /* priced at p95 instead of the median */
    uint64_t *saving_ns;  /* [sample_count] if fixed alone; 0 where the request does not show it */
    uint64_t *low_ns,
        *high_ns; /* [sample_count] bounds per request where the fix is uncertain; NULL: the saving itself */
    struct hp_removal **removals; /* [sample_count] what was taken out, for after_all; with removal_count */
    uint32_t *removal_count;
    bool **lanes_gone; /* [sample_count] or NULL */
    uint32_t seen;     /* sampled requests that show it */
    struct hp_evidence evidence[12];
    uint32_t evidence_count;
    struct hp_str title, advice; /* from the arena */
    const uint32_t *statements;  /* statement ids that this finding claims (a later rule leaves them alone) */
    uint32_t statement_count;
    uint64_t median_ns, low90_ns,
        high90_ns;      /* filled by hp_find_run: over the route's requests (of its p95 for a tail cause) */
    uint64_t mean_ns;   /* saving per request on average: what ranks it */
    bool fixed_figures; /* the rule has set the figures above itself: not of the median request (memory, first
                           requests) */
    bool unsure;        /* of memory: only with the line of the source that keeps it is it a finding
                    (answer/keeps.h) */
    uint64_t saving_bytes; /* memory that a request keeps; 0: not about that */
};

struct hp_findings {
    struct hp_finding *list;
    uint32_t count, capacity;
    struct hp_arena *arena;
    hp_err err;
};

/* Run all rules in their order (a thread per item claims the queries inside it before n_plus_one looks),
 * price, drop what is under 2 % of the route, or under 1 ms and under 1 % of all recorded time, take overlaps
 * apart, and sort by saving × requests. `after_all_ns`, low and high: the route's median with all findings
 * fixed, by no more below it than the findings' savings together. Memory from `arena`. HP_ENOMEM. */
struct hp_mostly { /* the application's line at which most of a route's time goes (mostly.h) */
    uint32_t sym, line;
    uint32_t
        callee; /* what it calls there; 0: nothing, the function itself computes, and the line is its first */
    double share; /* of the requests' time; 0: there is no such line */
};

struct hp_find_result {
    struct hp_mostly mostly;
    struct hp_findings findings;
    uint64_t now_ns, after_all_ns, after_low_ns, after_high_ns;
};
HP_CHECK hp_err hp_find_run(const struct hp_case *c, struct hp_arena *arena, struct hp_find_result *out);

#endif
