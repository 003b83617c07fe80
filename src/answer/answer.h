/* answer.h -- the report: load → find → rank → keep states → JSON and text. What the command line, the
 * dashboard and alerts all say.
 *
 *     routes in scope, by total time ──▶ the first 30: up to 60 sampled requests each ──▶ rules ──▶ one ranking over all routes
 *
 * The ranking is by saving × the route's requests: what a fix gives back in all. States (new, open, fixed,
 * returned) live in the store; a report moves new to open the next time, and fixed to returned when the
 * finding is there again. Only a comparison calls one fixed (change.h).
 */
#ifndef HP_ANSWER_H
#define HP_ANSWER_H

#include "answer/unseen.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "find/find.h"
#include "store/store.h"

struct hp_answer_options {
    struct hp_scope scope; /* newest_revision as the caller decides */
    struct hp_str label;   /* name of the label that gave the range; empty if none */
    bool keep_states; /* write states to the store; a store that cannot be written is fine, they are then not
                         kept */
    uint64_t now_ns;  /* wall clock, for states */
    uint32_t most_routes;   /* routes to look into; 0: 30 */
    uint32_t most_requests; /* requests sampled a route; 0: 60 */
};

struct hp_answer_finding {
    struct hp_finding finding; /* its per-request arrays must not be used any more */
    uint32_t rank;             /* from 1 */
    uint32_t route;            /* index in routes */
    uint8_t state;             /* enum hp_state */
    uint32_t same; /* rank of the first finding that the same edit mends: of its kind, at its line, on another
                      route; 0: none */
    uint64_t requests; /* of the route's requests, how many show it (estimated from the sample) */
    uint64_t examples[5];
    uint32_t example_count, line;
    struct hp_str file, function, via, source; /* empty: not known */
    double share;                              /* of the route's median, or of its p95 for a tail cause */
    double weight_ns;                          /* saving × requests */
};

struct hp_answer_route {
    struct hp_route_row row;
    struct hp_str name; /* "GET /settings" */
    uint64_t now_ns, after_all_ns, low_ns, high_ns;
    uint32_t first, count; /* its findings: routes' order of rank, as indices in hp_answer.by_route */
    struct hp_mostly mostly;
    struct hp_str sentence; /* without findings where most of its time goes, empty if nobody knows */
    double lowered;         /* share of its requests whose level the budget lowered */
    uint8_t lowered_to;     /* the lowest that it was lowered to */
    uint8_t lowest_level;   /* of its sampled requests */
    bool looked_into;
};

struct hp_answer {
    struct hp_answer_options options;
    const struct hp_dict *dict; /* the store's */
    struct hp_str revision;     /* the one revision that the answer is about; empty: all in scope */
    struct hp_complete complete;
    uint64_t from_ns, to_ns;            /* the range asked for; 0 open */
    struct hp_answer_route *routes;     /* by total time */
    struct hp_answer_finding *findings; /* by rank */
    uint32_t *by_route;                 /* indices of findings, those of one route together */
    uint32_t route_count, finding_count, muted_count;
    uint64_t requests, total_ns, own_ns;
    uint64_t recorded_ns; /* of all routes, also where the scope is one route or some of its durations */
    struct hp_sampled_row
        sampler; /* all samplers in range added up, from and to as far as they ran together; sweeps 0: none */
    uint64_t sampler_ns; /* that they ran, added up */
    struct hp_unseen unseen;
};

/* Make the answer. Everything in it comes from `arena` or is borrowed from the store handle. A store without
 * requests gives an empty answer. Fails: as the store says (one line in `info`), HP_ENOMEM. Threads: owner of
 * the handle. */
HP_CHECK hp_err hp_answer_load(struct hp_store *store, const struct hp_answer_options *options,
                               struct hp_arena *arena, struct hp_answer *answer, struct hp_errinfo *info);

/* `report --json` (CONTRACTS, JSON) at the end of `out`. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_answer_json(const struct hp_answer *answer, bool pretty, struct hp_buf *out);

/* Parts of it, as members of an object that the caller has begun: "completeness" alone and with "own_cost";
 * those of one finding; "not_checked". */
void hp_answer_json_complete(struct hp_json *json, const struct hp_complete *complete,
                             const struct hp_unseen *unseen);
void hp_answer_json_completeness(struct hp_json *json, const struct hp_answer *answer);
void hp_answer_json_finding(struct hp_json *json, const struct hp_answer *answer,
                            const struct hp_answer_finding *finding);
void hp_answer_json_not_checked(struct hp_json *json, const struct hp_answer *answer);
/* One finding of `ledger --json`, likewise. */
void hp_answer_json_kept(struct hp_json *json, const struct hp_finding_state *finding);

/* The report for people, without colour, lines of at most `width` columns where text is ours to break (0:
 * 100). Errors stick in `out`. */
void hp_answer_text(const struct hp_answer *answer, uint32_t width, struct hp_buf *out);

/* "count", "monitor", "sample", "trace" */
const char *hp_answer_level(uint8_t level);
/* "new", "open", "fixed", "returned" */
const char *hp_answer_state_name(uint8_t state);

#endif
