/* routelist.h -- what the pages say of a route in a line: sums, quantiles, share, box, trend, change since
 * the revision before. */
#ifndef HP_ROUTELIST_H
#define HP_ROUTELIST_H

#include "answer/answer.h"
#include "serve/points.h"

struct hp_routelist_extra {                                 /* sums that hp_store_routes has not */
    uint64_t rows, sql_ns, cpu_ns, cpu_requests, before_ns; /* before_ns: 0 not known */
};

struct hp_routelist {
    struct hp_question *question;
    struct hp_points points;          /* by route and start */
    struct hp_routelist_extra *extra; /* by route id; the arena's */
    uint32_t extra_count;
    uint64_t step_ns, first_step; /* of the trend */
    uint32_t steps;
    uint64_t total_ns; /* of all routes */
    uint64_t each;     /* for how many requests each row of `extra` stands */
};

/* Read what is needed for all routes of the question's scope. `total_ns`: of all of them. Memory from the
 * question's arena. */
HP_CHECK hp_err hp_routelist_read(struct hp_routelist *list, struct hp_question *question);

/* One route as an object. `answer`: with what the report says of it; NULL: without. Sorts its points anew. */
void hp_routelist_put(struct hp_routelist *list, const struct hp_route_row *row,
                      const struct hp_answer_route *answer);

/* Array "trend_at" and number "trend_step_s". */
void hp_routelist_put_trend(const struct hp_routelist *list);

#endif
