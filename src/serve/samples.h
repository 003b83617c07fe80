/* samples.h -- single requests of a route with all their detail, spread evenly over its durations, added up:
 * where the time goes, what slow ones do more of, waits, exceptions.
 *
 * Sums are of a request's own lane, as docs/guide/times.md has them; a figure that not all of the requests
 * have is left out.
 */
#ifndef HP_SAMPLES_H
#define HP_SAMPLES_H

#include "serve/question.h"

#define HP_SAMPLES_MOST 120u

struct hp_samples {
    struct hp_record *list; /* by duration; the arena's */
    uint32_t count;
    hp_err err;
};

/* Load at most HP_SAMPLES_MOST requests of a scope. Fails as the store does. */
HP_CHECK hp_err hp_samples_load(struct hp_samples *samples, struct hp_question *question,
                                const struct hp_scope *scope);

/* Members time, phases_ms, slow, typical, differences, waits, exceptions. HP_ENOMEM. */
HP_CHECK hp_err hp_samples_put(const struct hp_samples *samples, struct hp_question *question);

#endif
