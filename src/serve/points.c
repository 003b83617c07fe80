/* points.c -- see points.h. */
#include "serve/points.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rank.h"
#include "format/member.h"

#define SECOND_NS  UINT64_C(1000000000)
#define HOUR_NS    (3600 * SECOND_NS)
#define HOURS_MOST (24u * 62u)
#define PER_DECADE 12
#define ROWS_MOST  160 /* buckets from a nanosecond to ten thousand seconds and more */
#define HEAT_MOST  120u

/* ---- reading ---- */

static bool make_room(struct hp_points *points)
{
    size_t capacity = points->capacity == 0 ? 1024 : points->capacity * 2;
    struct hp_point *list = hp_arena_alloc(points->arena, capacity * sizeof *list, _Alignof(struct hp_point));
    if (list == NULL) {
        points->err = HP_ENOMEM;
        return false;
    }
    if (points->count != 0) {
        memcpy(list, points->list, points->count * sizeof *list);
    }
    points->list = list;
    points->capacity = capacity;
    return true;
}

/* Leave out every second of those that are there. */
static void thin(struct hp_points *points)
{
    size_t kept = 0;
    points->skip = points->skip * 2 + 1;
    for (size_t i = 0; i < points->count; i++) {
        if ((points->list[i].row & points->skip) == 0) {
            points->list[kept++] = points->list[i];
        }
    }
    points->count = kept;
}

static bool keep(void *ctx, const struct hp_narrow_row *row)
{
    struct hp_points *points = ctx;
    points->first_ns =
        points->seen == 0 || row->start_ns < points->first_ns ? row->start_ns : points->first_ns;
    points->last_ns = row->start_ns > points->last_ns ? row->start_ns : points->last_ns;
    points->seen++;
    if ((row->row & points->skip) != 0) {
        return true;
    }
    if (points->count == HP_POINTS_MOST) {
        thin(points);
    }
    if (points->count == points->capacity && !make_room(points)) {
        return false;
    }
    points->list[points->count++] = (struct hp_point){.start_ns = row->start_ns,
                                                      .duration_ns = row->duration_ns,
                                                      .row = row->row,
                                                      .route = row->route,
                                                      .revision = row->revision,
                                                      .status = row->status,
                                                      .level = row->level,
                                                      .failed = hp_store_failed(row->status, row->flags)};
    return true;
}

hp_err hp_points_read(struct hp_points *points, struct hp_question *question, const struct hp_scope *scope)
{
    *points = (struct hp_points){.arena = question->arena, .each = 1};
    if (!make_room(points)) { /* so that there always is a list, if of nothing */
        return hp_question_no_memory(question);
    }
    hp_err err = hp_store_some_rows(question->store, scope, keep, points, &points->each, question->info);
    return err == HP_OK && points->err != HP_OK ? hp_question_no_memory(question) : err;
}

uint64_t hp_points_weight(const struct hp_points *points)
{
    return points->count == 0 ? 1 : (points->seen * points->each + points->count / 2) / points->count;
}

/* ---- order ---- */

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_start(const void *a, const void *b)
{
    const struct hp_point *x = a, *y = b;
    int order = compare(x->start_ns, y->start_ns);
    return order != 0 ? order : compare(x->row, y->row);
}

static int by_route(const void *a, const void *b)
{
    const struct hp_point *x = a, *y = b;
    int order = compare(x->route, y->route);
    return order != 0 ? order : by_start(a, b);
}

static int by_duration(const void *a, const void *b)
{
    const struct hp_point *x = a, *y = b;
    int order = compare(x->duration_ns, y->duration_ns);
    return order != 0 ? order : compare(x->row, y->row);
}

static void sort(struct hp_point *list, size_t count, int (*order)(const void *, const void *))
{
    if (count > 1) {
        qsort(list, count, sizeof *list, order);
    }
}

void hp_points_by_start(struct hp_point *list, size_t count)
{
    sort(list, count, by_start);
}

void hp_points_by_route(struct hp_point *list, size_t count)
{
    sort(list, count, by_route);
}

void hp_points_by_duration(struct hp_point *list, size_t count)
{
    sort(list, count, by_duration);
}

uint64_t hp_points_quantile(const struct hp_point *list, size_t count, double q)
{
    return count == 0 ? 0 : list[hp_rank(q, count)].duration_ns;
}

/* ---- over time ---- */

uint64_t hp_points_step_ns(uint64_t first_ns, uint64_t last_ns, uint32_t most)
{
    static const uint32_t seconds[] = {1,    2,    5,    10,   20,    30,    60,    120,   300,    600,
                                       1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800};
    uint64_t span_ns = last_ns - first_ns;
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        if (span_ns / (seconds[i] * SECOND_NS) + 2 <= most) {
            return seconds[i] * SECOND_NS;
        }
    }
    return (span_ns / most / (604800 * SECOND_NS) + 1) * 604800 * SECOND_NS;
}

/* The points that begin in the same step as the first. */
static size_t run_of(const struct hp_point *list, size_t count, uint64_t step_ns)
{
    uint64_t step = list[0].start_ns / step_ns;
    size_t n = 1;
    while (n < count && list[n].start_ns / step_ns == step) {
        n++;
    }
    return n;
}

static uint64_t failures(const struct hp_point *list, size_t count)
{
    uint64_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        failed += list[i].failed;
    }
    return failed;
}

static void put_stretch(struct hp_json *json, struct hp_point *list, size_t count, uint64_t step_ns)
{
    uint64_t at_ns = list[0].start_ns / step_ns * step_ns;
    hp_points_by_duration(list, count);
    hp_json_object_begin(json);
    hp_member_moment(json, "at", at_ns);
    hp_json_kv_u64(json, "requests", count);
    hp_json_kv_u64(json, "errors", failures(list, count));
    hp_member_ms(json, "p50_ms", hp_points_quantile(list, count, 0.5));
    hp_member_ms(json, "p95_ms", hp_points_quantile(list, count, 0.95));
    hp_member_ms(json, "max_ms", list[count - 1].duration_ns);
    hp_json_object_end(json);
}

static void put_stretches(struct hp_json *json, struct hp_point *list, size_t count, uint64_t step_ns)
{
    hp_json_array_begin(json);
    for (size_t i = 0, n; i < count; i += n) {
        n = run_of(list + i, count - i, step_ns);
        put_stretch(json, list + i, n, step_ns);
    }
    hp_json_array_end(json);
}

void hp_points_put_series(struct hp_json *json, struct hp_point *list, size_t count)
{
    uint64_t step_ns = count == 0
                           ? SECOND_NS
                           : hp_points_step_ns(list[0].start_ns, list[count - 1].start_ns, HP_POINTS_SERIES);
    hp_json_key(json, "series");
    put_stretches(json, list, count, step_ns);
    hp_json_kv_u64(json, "series_step_s", step_ns / SECOND_NS);
}

void hp_points_put_hours(struct hp_json *json, struct hp_point *list, size_t count)
{
    size_t first = 0;
    while (first < count &&
           list[count - 1].start_ns / HOUR_NS - list[first].start_ns / HOUR_NS >= HOURS_MOST) {
        first++;
    }
    hp_json_key(json, "hours");
    put_stretches(json, list + first, count - first, HOUR_NS);
}

/* ---- over durations ---- */

void hp_points_put_box(struct hp_json *json, const struct hp_point *list, size_t count)
{
    static const double quantiles[] = {0.05, 0.25, 0.5, 0.75, 0.95};
    hp_json_key(json, "box_ms");
    hp_json_array_begin(json);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        hp_json_double(json, (double)hp_points_quantile(list, count, quantiles[i]) / 1e6);
    }
    hp_json_array_end(json);
}

/* Number of the bucket of a duration: its logarithm in twelfths of a factor of ten, from a nanosecond. */
static int bucket_of(uint64_t ns)
{
    int bucket = ns <= 1 ? 0 : (int)floor(log10((double)ns) * PER_DECADE + 1e-9);
    return bucket < ROWS_MOST ? bucket : ROWS_MOST - 1;
}

static double edge_ms(int bucket)
{
    return pow(10, (double)bucket / PER_DECADE) / 1e6;
}

void hp_points_put_histogram(struct hp_json *json, const struct hp_point *list, size_t count)
{
    size_t at = 0;
    hp_json_key(json, "histogram");
    hp_json_array_begin(json);
    for (int b = count == 0 ? 0 : bucket_of(list[0].duration_ns); at < count; b++) {
        uint64_t requests = 0;
        for (; at < count && bucket_of(list[at].duration_ns) <= b; at++) {
            requests++;
        }
        hp_json_object_begin(json);
        hp_json_kv_double(json, "low_ms", edge_ms(b));
        hp_json_kv_double(json, "high_ms", edge_ms(b + 1));
        hp_json_kv_u64(json, "requests", requests);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

struct heat {
    uint32_t *cells; /* the arena's: column by column */
    uint64_t step_ns, first_step;
    uint32_t columns;
    int low, high; /* buckets that occur */
};

static void count_cells(struct heat *heat, const struct hp_point *list, size_t count)
{
    heat->low = ROWS_MOST;
    heat->high = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t column = list[i].start_ns / heat->step_ns - heat->first_step;
        int bucket = bucket_of(list[i].duration_ns);
        if (column < heat->columns) {
            heat->cells[column * ROWS_MOST + (uint32_t)bucket]++;
            heat->low = bucket < heat->low ? bucket : heat->low;
            heat->high = bucket > heat->high ? bucket : heat->high;
        }
    }
}

static void put_cells(struct hp_json *json, const struct heat *heat)
{
    hp_json_key(json, "cells");
    hp_json_array_begin(json);
    for (uint32_t c = 0; c < heat->columns; c++) {
        for (int b = heat->low; b <= heat->high; b++) {
            uint32_t n = heat->cells[c * ROWS_MOST + (uint32_t)b];
            if (n != 0) {
                hp_json_array_begin(json);
                hp_json_u64(json, c);
                hp_json_u64(json, (uint64_t)(b - heat->low));
                hp_json_u64(json, n);
                hp_json_array_end(json);
            }
        }
    }
    hp_json_array_end(json);
}

hp_err hp_points_put_heat(struct hp_json *json, const struct hp_point *list, size_t count, uint64_t first_ns,
                          uint64_t last_ns, struct hp_arena *arena)
{
    struct heat heat = {.step_ns = hp_points_step_ns(first_ns, last_ns, HEAT_MOST)};
    heat.first_step = first_ns / heat.step_ns;
    heat.columns = (uint32_t)(last_ns / heat.step_ns - heat.first_step) + 1;
    size_t bytes = heat.columns * (size_t)ROWS_MOST * sizeof *heat.cells;
    heat.cells = hp_arena_alloc(arena, bytes, _Alignof(uint32_t));
    if (heat.cells == NULL) {
        return HP_ENOMEM;
    }
    memset(heat.cells, 0, bytes);
    count_cells(&heat, list, count);
    hp_json_key(json, "heat");
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "step_s", heat.step_ns / SECOND_NS);
    hp_json_key(json, "at");
    hp_json_array_begin(json);
    for (uint32_t c = 0; c < heat.columns; c++) {
        hp_json_u64(json, (heat.first_step + c) * heat.step_ns / 1000000u);
    }
    hp_json_array_end(json);
    hp_json_key(json, "low_ms");
    hp_json_array_begin(json);
    for (int b = heat.low; b <= heat.high; b++) {
        hp_json_double(json, edge_ms(b));
    }
    hp_json_array_end(json);
    put_cells(json, &heat);
    hp_json_object_end(json);
    return HP_OK;
}
