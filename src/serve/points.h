/* points.h -- the requests of a scope as points (when, how long), and what can be drawn of them: series,
 * boxes, histograms, heat maps.
 *
 * Why: every page needs several pictures of the same requests; they are read once. Quantiles are exact. At
 * most HP_POINTS_MOST points: beyond that an even selection by row number stands for all, and `weight` says
 * for how many each.
 */
#ifndef HP_POINTS_H
#define HP_POINTS_H

#include "serve/question.h"

#define HP_POINTS_MOST   (1u << 17)
#define HP_POINTS_SERIES 240u /* points of a series at most */
#define HP_POINTS_TREND  40u

struct hp_point {
    uint64_t start_ns, duration_ns, row;
    uint32_t route, revision; /* of the store's dictionary */
    uint16_t status;
    uint8_t level;
    bool failed;
};

struct hp_points {
    struct hp_point *list; /* the arena's */
    size_t count, capacity;
    uint64_t seen; /* rows that were offered */
    uint64_t each; /* for how many requests each of these stands */
    uint32_t skip; /* rows whose number has one of these bits are left out */
    uint64_t first_ns, last_ns;
    struct hp_arena *arena;
    hp_err err;
};

/* Read the points of a scope, in the order in which they were stored. Fails as the store does. */
HP_CHECK hp_err hp_points_read(struct hp_points *points, struct hp_question *question,
                               const struct hp_scope *scope);

/* For how many requests each point stands. */
uint64_t hp_points_weight(const struct hp_points *points);

/* Sort in place: by start; by route and then start; by duration. */
void hp_points_by_start(struct hp_point *list, size_t count);
void hp_points_by_route(struct hp_point *list, size_t count);
void hp_points_by_duration(struct hp_point *list, size_t count);

/* The quantile of points sorted by duration. */
uint64_t hp_points_quantile(const struct hp_point *list, size_t count, double q);

/* A step of time, from a second to a week, that makes at most `most` of the span. */
uint64_t hp_points_step_ns(uint64_t first_ns, uint64_t last_ns, uint32_t most);

/* Array "series" and number "series_step_s" of points sorted by start. Sorts them anew within steps. */
void hp_points_put_series(struct hp_json *json, struct hp_point *list, size_t count);

/* Array "hours": a member an hour that has requests, at most 24 × 62 of them, the newest. */
void hp_points_put_hours(struct hp_json *json, struct hp_point *list, size_t count);

/* Array "box_ms" of points sorted by duration. */
void hp_points_put_box(struct hp_json *json, const struct hp_point *list, size_t count);

/* Array "histogram" of points sorted by duration; object "heat" of points in any order. */
void hp_points_put_histogram(struct hp_json *json, const struct hp_point *list, size_t count);
HP_CHECK hp_err hp_points_put_heat(struct hp_json *json, const struct hp_point *list, size_t count,
                                   uint64_t first_ns, uint64_t last_ns, struct hp_arena *arena);

#endif
