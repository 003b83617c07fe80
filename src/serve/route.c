/* route.c -- one route: how long it takes and when, where its time goes, what its slow requests do more
 * of. */
#include "format/member.h"
#include "serve/routelist.h"
#include "serve/samples.h"
#include "serve/statements.h"

#define STATEMENTS_LISTED 50u
#define STATUSES          64u

/* ---- revisions ---- */

static int by_revision(const struct hp_point *a, const struct hp_point *b)
{
    return (a->revision > b->revision) - (a->revision < b->revision);
}

struct revision {
    uint32_t id;
    uint64_t first_ns, last_ns, requests, p50_ns;
};

#define REVISIONS_MOST 100u

/* One entry a revision, of points in any order; oldest first. */
static uint32_t collect_revisions(struct hp_points *points, struct revision list[REVISIONS_MOST])
{
    uint32_t count = 0;
    size_t kept = points->count;
    struct hp_point *rest = points->list;
    while (kept != 0 && count < REVISIONS_MOST) {
        struct revision *made = &list[count];
        size_t n = 0;
        hp_points_by_start(rest, kept);
        *made = (struct revision){.id = rest[0].revision, .first_ns = rest[0].start_ns};
        for (size_t i = 0; i < kept; i++) { /* its points to the front */
            if (by_revision(&rest[i], &(struct hp_point){.revision = made->id}) == 0) {
                struct hp_point held = rest[n];
                made->last_ns = rest[i].start_ns;
                rest[n++] = rest[i];
                rest[i] = held;
            }
        }
        hp_points_by_duration(rest, n);
        made->requests = n;
        made->p50_ns = hp_points_quantile(rest, n, 0.5);
        rest += n;
        kept -= n;
        count++;
    }
    return count;
}

static hp_err put_revisions(struct hp_question *question)
{
    struct hp_json *json = question->json;
    struct hp_scope scope = question->scope;
    struct hp_points points;
    struct revision list[REVISIONS_MOST];
    scope.revision = (struct hp_str){NULL, 0};
    hp_err err = hp_points_read(&points, question, &scope);
    if (err != HP_OK) {
        return err;
    }
    uint32_t count = collect_revisions(&points, list);
    hp_json_key(json, "revisions");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < count; i++) {
        hp_json_object_begin(json);
        hp_json_kv_str(json, "revision", hp_dict_string(question->dict, list[i].id));
        hp_member_moment(json, "first", list[i].first_ns);
        hp_member_moment(json, "last", list[i].last_ns);
        hp_json_kv_u64(json, "requests", list[i].requests);
        hp_member_ms(json, "p50_ms", list[i].p50_ns);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    return HP_OK;
}

/* ---- pictures of the points ---- */

static void put_statuses(struct hp_json *json, const struct hp_points *points)
{
    struct {
        uint16_t status;
        uint64_t requests;
    } list[STATUSES];
    uint32_t count = 0;
    for (size_t i = 0; i < points->count; i++) {
        uint32_t at = 0;
        while (at < count && list[at].status != points->list[i].status) {
            at++;
        }
        if (at == STATUSES) {
            continue;
        }
        if (at == count) {
            list[count].status = points->list[i].status;
            list[count++].requests = 0;
        }
        list[at].requests++;
    }
    hp_json_key(json, "status");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < count; i++) {
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "status", list[i].status);
        hp_json_kv_u64(json, "requests", list[i].requests);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

/* Points are sorted by duration. */
static hp_err put_deciles(struct hp_question *question, const struct hp_points *points)
{
    struct hp_json *json = question->json;
    size_t before = SIZE_MAX;
    hp_json_key(json, "deciles");
    hp_json_array_begin(json);
    for (unsigned decile = 0; decile <= 10; decile++) {
        size_t at = decile * (points->count - 1) / 10;
        struct hp_request_row row;
        if (at == before) {
            continue;
        }
        before = at;
        hp_err err = hp_store_row(question->store, points->list[at].row, &row, question->info);
        if (err == HP_ENOTFOUND) {
            continue; /* evicted meanwhile */
        }
        if (err != HP_OK) {
            return err;
        }
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "decile", decile);
        hp_member_id(json, "id", row.req.id);
        hp_member_ms(json, "duration_ms", points->list[at].duration_ns);
        hp_member_moment(json, "at", row.req.start_wall_ns);
        if (row.req.status != 0) {
            hp_json_kv_u64(json, "status", row.req.status);
        }
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    return HP_OK;
}

static hp_err put_pictures(struct hp_question *question, struct hp_points *points)
{
    hp_points_by_start(points->list, points->count);
    hp_points_put_series(question->json, points->list, points->count);
    hp_err err = hp_points_put_heat(question->json, points->list, points->count, points->first_ns,
                                    points->last_ns, question->arena);
    if (err != HP_OK) {
        return hp_question_no_memory(question);
    }
    put_statuses(question->json, points);
    hp_points_by_duration(points->list, points->count);
    hp_points_put_histogram(question->json, points->list, points->count);
    return put_deciles(question, points);
}

/* ---- the rest ---- */

static hp_err put_statements(struct hp_question *question)
{
    struct hp_statements all;
    hp_err err = hp_statements_read(&all, question);
    hp_json_key(question->json, "statements");
    hp_json_array_begin(question->json);
    for (uint32_t i = 0; err == HP_OK && i < all.count && i < STATEMENTS_LISTED; i++) {
        hp_statements_put(&all, question, &all.list[i], NULL);
    }
    hp_json_array_end(question->json);
    hp_statements_put_portion(&all, question->json);
    return err;
}

static void put_answer(struct hp_question *question, struct hp_routelist *list,
                       const struct hp_answer *answer)
{
    struct hp_json *json = question->json;
    const struct hp_answer_route *route = &answer->routes[0];
    hp_json_key(json, "route");
    hp_routelist_put(list, &route->row, route);
    hp_routelist_put_trend(list);
    if (route->sentence.n != 0) {
        hp_json_kv_str(json, "sentence", route->sentence);
    }
    hp_json_key(json, "findings");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < answer->finding_count; i++) {
        hp_question_put_finding(json, answer, &answer->findings[i]);
    }
    hp_json_array_end(json);
    hp_answer_json_not_checked(json, answer);
    hp_answer_json_completeness(json, answer);
}

hp_err hp__answer_route(struct hp_question *question)
{
    struct hp_answer answer;
    struct hp_routelist list;
    struct hp_samples samples;
    if (question->scope.route.n == 0) {
        return hp_err_set(question->info, HP_EINVAL, 0, "route: which one?");
    }
    hp_err err = hp_question_answer(question, &answer);
    if (err == HP_OK && answer.route_count == 0) {
        err = hp_err_set(question->info, HP_ENOTFOUND, 0, "no request of this route in this range");
    }
    if (err == HP_OK) {
        err = hp_routelist_read(&list, question);
    }
    if (err != HP_OK) {
        return err;
    }
    if (list.points.count == 0) {
        return hp_err_set(question->info, HP_ENOTFOUND, 0, "the requests of this route are no longer there");
    }
    hp_question_put_range(question, list.points.first_ns, list.points.last_ns);
    if (hp_points_weight(&list.points) > 1) {
        hp_json_kv_u64(question->json, "weight", hp_points_weight(&list.points));
    }
    put_answer(question, &list, &answer);
    err = put_pictures(question, &list.points);
    if (err == HP_OK) {
        err = put_revisions(question);
    }
    if (err == HP_OK) {
        err = put_statements(question);
    }
    if (err == HP_OK) {
        err = hp_samples_load(&samples, question, &question->scope);
    }
    return err == HP_OK ? hp_samples_put(&samples, question) : err;
}
