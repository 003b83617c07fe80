/* routelist.c -- see routelist.h. */
#include "serve/routelist.h"

#include <string.h>

#include "format/member.h"

/* ---- sums by route ---- */

struct sums {
    struct hp_routelist *list;
    hp_err err;
};

static struct hp_routelist_extra *extra_of(struct hp_routelist *list, uint32_t route)
{
    if (route >= list->extra_count) {
        struct hp_arena *arena = list->question->arena;
        uint32_t count = hp_dict_route_count(list->question->dict);
        count = count > route ? count : route + 1;
        struct hp_routelist_extra *extra =
            hp_arena_alloc(arena, count * sizeof *extra, _Alignof(struct hp_routelist_extra));
        if (extra == NULL) {
            return NULL;
        }
        memset(extra, 0, count * sizeof *extra);
        if (list->extra_count != 0) {
            memcpy(extra, list->extra, list->extra_count * sizeof *extra);
        }
        list->extra = extra;
        list->extra_count = count;
    }
    return &list->extra[route];
}

static bool add_row(void *ctx, const struct hp_narrow_row *row)
{
    struct sums *sums = ctx;
    struct hp_routelist_extra *extra = extra_of(sums->list, row->route);
    if (extra == NULL) {
        sums->err = HP_ENOMEM;
        return false;
    }
    extra->rows++;
    extra->sql_ns += row->sql_ns;
    if (row->cpu_ns != HP_ABSENT) {
        extra->cpu_ns += row->cpu_ns;
        extra->cpu_requests++;
    }
    return true;
}

static hp_err sum_rows(struct hp_routelist *list)
{
    struct hp_question *question = list->question;
    struct sums sums = {.list = list};
    hp_err err =
        hp_store_some_rows(question->store, &question->scope, add_row, &sums, &list->each, question->info);
    return err == HP_OK && sums.err != HP_OK ? hp_question_no_memory(question) : err;
}

/* ---- the revision before ---- */

struct previous {
    uint32_t current, revision;
    uint64_t begins_ns, newest_ns; /* when the current one begins; newest request of `revision` */
};

static uint64_t begin_of(const struct hp_points *points)
{
    return points->count != 0 ? points->first_ns : UINT64_MAX;
}

/* The other revision whose last request is the newest before this one begins. */
static void find_previous(struct previous *previous, const struct hp_points *others)
{
    for (size_t i = 0; i < others->count; i++) {
        const struct hp_point *point = &others->list[i];
        if (point->revision != previous->current && point->start_ns < previous->begins_ns &&
            point->start_ns >= previous->newest_ns) {
            previous->newest_ns = point->start_ns;
            previous->revision = point->revision;
        }
    }
}

static hp_err note_medians(struct hp_routelist *list, struct hp_points *others, uint32_t revision)
{
    size_t kept = 0;
    for (size_t i = 0; i < others->count; i++) {
        if (others->list[i].revision == revision) {
            others->list[kept++] = others->list[i];
        }
    }
    hp_points_by_route(others->list, kept);
    for (size_t i = 0, n; i < kept; i += n) {
        struct hp_point *first = &others->list[i];
        uint32_t route = first->route;
        for (n = 1; i + n < kept && first[n].route == route; n++) {
        }
        struct hp_routelist_extra *extra = extra_of(list, route);
        if (extra == NULL) {
            return hp_question_no_memory(list->question);
        }
        hp_points_by_duration(first, n);
        extra->before_ns = hp_points_quantile(first, n, 0.5);
    }
    return HP_OK;
}

/* Medians of the revision before, where the scope is one revision. Within the last week before it began:
 * enough, and bounded. */
static hp_err read_before(struct hp_routelist *list)
{
    struct hp_question *question = list->question;
    struct hp_scope scope = question->scope;
    struct hp_points others;
    struct previous previous = {.begins_ns = begin_of(&list->points)};
    if (scope.revision.n == 0 || list->points.count == 0) {
        return HP_OK;
    }
    uint64_t week_ns = UINT64_C(604800) * 1000000000u;
    previous.current = list->points.list[0].revision;
    scope.revision = (struct hp_str){NULL, 0};
    scope.to_ns = previous.begins_ns;
    scope.from_ns = previous.begins_ns > week_ns ? previous.begins_ns - week_ns : 0;
    hp_err err = hp_points_read(&others, question, &scope);
    if (err != HP_OK) {
        return err;
    }
    find_previous(&previous, &others);
    return previous.revision != 0 ? note_medians(list, &others, previous.revision) : HP_OK;
}

/* ---- reading ---- */

hp_err hp_routelist_read(struct hp_routelist *list, struct hp_question *question)
{
    *list = (struct hp_routelist){.question = question};
    hp_err err = hp_points_read(&list->points, question, &question->scope);
    if (err == HP_OK) {
        err = sum_rows(list);
    }
    if (err == HP_OK) {
        err = read_before(list);
    }
    if (err != HP_OK || list->points.count == 0) {
        return err;
    }
    hp_points_by_route(list->points.list, list->points.count);
    list->step_ns = hp_points_step_ns(list->points.first_ns, list->points.last_ns, HP_POINTS_TREND);
    list->first_step = list->points.first_ns / list->step_ns;
    list->steps = (uint32_t)(list->points.last_ns / list->step_ns - list->first_step) + 1;
    return HP_OK;
}

/* ---- writing ---- */

/* The points of a route stand together. */
static struct hp_point *points_of(const struct hp_routelist *list, uint32_t route, size_t *count)
{
    size_t low = 0, high = list->points.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->points.list[middle].route < route) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *count = 0;
    while (low + *count < list->points.count && list->points.list[low + *count].route == route) {
        (*count)++;
    }
    return list->points.list + low;
}

static void put_trend(const struct hp_routelist *list, struct hp_point *points, size_t count)
{
    struct hp_json *json = list->question->json;
    size_t at = 0;
    hp_json_key(json, "trend");
    hp_json_array_begin(json);
    for (uint32_t step = 0; step < list->steps; step++) {
        size_t n = 0;
        while (at + n < count && points[at + n].start_ns / list->step_ns == list->first_step + step) {
            n++;
        }
        hp_points_by_duration(points + at, n);
        if (n == 0) {
            hp_json_null(json);
        } else {
            hp_json_double(json, (double)hp_points_quantile(points + at, n, 0.5) / 1e6);
        }
        at += n;
    }
    hp_json_array_end(json);
}

void hp_routelist_put_trend(const struct hp_routelist *list)
{
    struct hp_json *json = list->question->json;
    hp_json_key(json, "trend_at");
    hp_json_array_begin(json);
    for (uint32_t step = 0; step < list->steps; step++) {
        hp_json_u64(json, (list->first_step + step) * list->step_ns / 1000000u);
    }
    hp_json_array_end(json);
    hp_json_kv_u64(json, "trend_step_s", list->step_ns / 1000000000u);
}

static void put_sums(struct hp_json *json, const struct hp_dict *dict, const struct hp_route_row *row)
{
    struct hp_route words = hp_dict_route(dict, row->route);
    hp_member_route(json, "route", dict, row->route);
    hp_json_kv_str(json, "method", words.method);
    hp_json_kv_str(json, "rule", words.rule);
    hp_json_kv_str(json, "endpoint", words.endpoint);
    hp_json_kv_u64(json, "requests", row->requests);
    hp_json_kv_u64(json, "errors", row->errors);
    hp_member_ms(json, "total_ms", row->total_ns);
    hp_member_ms(json, "p50_ms", row->p50_ns);
    hp_member_ms(json, "p90_ms", row->p90_ns);
    hp_member_ms(json, "p95_ms", row->p95_ns);
    hp_member_ms(json, "p99_ms", row->p99_ns);
    hp_member_ms(json, "own_ms", row->own_ns);
    if (row->requests != 0) {
        hp_json_kv_double(json, "sql_per_request", (double)row->statements / (double)row->requests);
    }
}

static void put_extra(struct hp_json *json, const struct hp_routelist_extra *extra,
                      const struct hp_route_row *row)
{
    if (extra->cpu_requests != 0) {
        hp_json_kv_double(json, "cpu_ms", (double)extra->cpu_ns / (double)extra->cpu_requests / 1e6);
    }
    if (extra->rows != 0) {
        hp_json_kv_double(json, "sql_ms", (double)extra->sql_ns / (double)extra->rows / 1e6);
    }
    if (extra->before_ns != 0) {
        hp_member_ms(json, "before_ms", extra->before_ns);
        hp_json_kv_double(json, "change_ms", ((double)row->p50_ns - (double)extra->before_ns) / 1e6);
    }
}

static void put_answer(struct hp_json *json, const struct hp_answer_route *route)
{
    hp_member_ms(json, "now_ms", route->now_ns);
    hp_member_ms(json, "after_all_ms", route->after_all_ns);
    hp_member_ms(json, "low_ms", route->low_ns);
    hp_member_ms(json, "high_ms", route->high_ns);
    if (route->lowered > 0) {
        hp_json_kv_double(json, "lowered", route->lowered);
        hp_json_kv_cstr(json, "lowest_level", hp_member_level(route->lowered_to));
    }
    if (route->sentence.n != 0) {
        hp_json_kv_str(json, "sentence", route->sentence);
    }
}

void hp_routelist_put(struct hp_routelist *list, const struct hp_route_row *row,
                      const struct hp_answer_route *answer)
{
    struct hp_json *json = list->question->json;
    size_t count = 0;
    struct hp_point *points = points_of(list, row->route, &count);
    hp_json_object_begin(json);
    put_sums(json, list->question->dict, row);
    if (list->total_ns != 0) {
        hp_json_kv_double(json, "share", (double)row->total_ns / (double)list->total_ns);
    }
    if (row->route < list->extra_count) {
        put_extra(json, &list->extra[row->route], row);
    }
    if (answer != NULL) {
        put_answer(json, answer);
    }
    put_trend(list, points, count);
    hp_points_by_duration(points, count);
    hp_points_put_box(json, points, count);
    hp_json_object_end(json);
}
