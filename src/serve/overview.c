/* overview.c -- what is wrong first, then routes, then how it went over time; and the same with less: routes,
 * findings. */
#include <inttypes.h>
#include <stdlib.h>

#include "answer/sentence.h"
#include "base/show.h"
#include "format/member.h"
#include "serve/routelist.h"

#define KEPT_MOST 500u /* findings of the past in one answer */

hp_err hp_question_answer(struct hp_question *question, struct hp_answer *answer)
{
    struct hp_answer_options options = {
        .scope = question->scope, .label = question->label, .now_ns = question->now_ns};
    return hp_answer_load(question->store, &options, question->arena, answer, question->info);
}

/* "GET /settings 2.21 s: 40 threads, one per item, shop/history.py:25; fixing it saves about 1.50 s a
 * request" */
static void put_finding_sentence(struct hp_json *json, const struct hp_answer *answer,
                                 const struct hp_answer_finding *finding)
{
    struct hp_buf text;
    char figure[HP_SHOW_BYTES];
    hp_buf_init(&text, 1 << 16);
    hp_buf_put_text(&text, answer->routes[finding->route].name);
    hp_buf_printf(&text, " %s: ", hp_show_ns(figure, answer->routes[finding->route].now_ns));
    hp_buf_put_text(&text, finding->finding.title);
    hp_buf_put_text(&text, HP_STR(", "));
    hp_sentence_place(finding, &text);
    hp_buf_printf(&text, "; fixing it saves about %s a request",
                  hp_show_ns(figure, finding->finding.median_ns));
    hp_json_kv_str(json, "sentence", hp_buf_str(&text));
    hp_buf_fini(&text);
}

void hp_question_put_finding(struct hp_json *json, const struct hp_answer *answer,
                             const struct hp_answer_finding *finding)
{
    hp_json_object_begin(json);
    hp_answer_json_finding(json, answer, finding);
    hp_json_kv_double(json, "lost_ms", finding->weight_ns / 1e6);
    put_finding_sentence(json, answer, finding);
    hp_json_object_end(json);
}

static void put_findings(struct hp_json *json, const struct hp_answer *answer)
{
    hp_json_key(json, "findings");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < answer->finding_count; i++) {
        hp_question_put_finding(json, answer, &answer->findings[i]);
    }
    hp_json_array_end(json);
    hp_answer_json_not_checked(json, answer);
}

/* The route where most can be won says it; without findings the one that takes most. */
static void put_sentence(struct hp_json *json, const struct hp_answer *answer)
{
    struct hp_buf text;
    char figure[HP_SHOW_BYTES], share[HP_SHOW_BYTES];
    if (answer->route_count == 0) {
        return;
    }
    if (answer->finding_count != 0) {
        hp_json_kv_str(json, "sentence", answer->routes[answer->findings[0].route].sentence);
        return;
    }
    const struct hp_answer_route *route = &answer->routes[0];
    double of_all = answer->total_ns == 0 ? 0 : (double)route->row.total_ns / (double)answer->total_ns;
    hp_buf_init(&text, 1 << 16);
    hp_buf_put_text(&text, route->name);
    hp_buf_printf(&text, " takes %s of all time, %s a request; no cause of the kinds checked was found",
                  hp_show_percent(share, of_all), hp_show_ns(figure, route->row.p50_ns));
    hp_json_kv_str(json, "sentence", hp_buf_str(&text));
    hp_buf_fini(&text);
}

static void put_weight(struct hp_json *json, const struct hp_points *points)
{
    if (hp_points_weight(points) > 1) {
        hp_json_kv_u64(json, "weight", hp_points_weight(points));
    }
}

hp_err hp__answer_overview(struct hp_question *question)
{
    struct hp_json *json = question->json;
    struct hp_answer answer;
    struct hp_routelist list;
    hp_err err = hp_question_answer(question, &answer);
    if (err == HP_OK) {
        err = hp_routelist_read(&list, question);
    }
    if (err != HP_OK) {
        return err;
    }
    list.total_ns = answer.total_ns;
    hp_question_put_range(question, list.points.first_ns, list.points.last_ns);
    put_sentence(json, &answer);
    hp_answer_json_completeness(json, &answer);
    put_findings(json, &answer);
    hp_json_kv_u64(json, "muted", answer.muted_count);
    put_weight(json, &list.points);
    hp_json_key(json, "routes");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < answer.route_count; i++) {
        hp_routelist_put(&list, &answer.routes[i].row, &answer.routes[i]);
    }
    hp_json_array_end(json);
    hp_routelist_put_trend(&list);
    hp_points_by_start(list.points.list, list.points.count);
    hp_points_put_series(json, list.points.list, list.points.count);
    hp_points_by_start(list.points.list, list.points.count);
    hp_points_put_hours(json, list.points.list, list.points.count);
    return HP_OK;
}

/* ---- routes ---- */

struct route_rows {
    struct hp_route_row *list;
    uint32_t count, capacity;
    uint64_t total_ns;
    struct hp_arena *arena;
    hp_err err;
};

static bool keep_route(void *ctx, const struct hp_route_row *row)
{
    struct route_rows *rows = ctx;
    if (rows->count == rows->capacity) {
        uint32_t capacity = rows->capacity == 0 ? 64 : rows->capacity * 2;
        struct hp_route_row *list =
            hp_arena_alloc(rows->arena, capacity * sizeof *list, _Alignof(struct hp_route_row));
        if (list == NULL) {
            rows->err = HP_ENOMEM;
            return false;
        }
        for (uint32_t i = 0; i < rows->count; i++) {
            list[i] = rows->list[i];
        }
        rows->list = list;
        rows->capacity = capacity;
    }
    rows->list[rows->count++] = *row;
    rows->total_ns += row->total_ns;
    return true;
}

static int by_total(const void *a, const void *b)
{
    const struct hp_route_row *x = a, *y = b;
    if (x->total_ns != y->total_ns) {
        return x->total_ns > y->total_ns ? -1 : 1;
    }
    return (x->route > y->route) - (x->route < y->route);
}

hp_err hp__answer_routes(struct hp_question *question)
{
    struct hp_json *json = question->json;
    struct route_rows rows = {.arena = question->arena};
    struct hp_routelist list;
    hp_err err = hp_store_routes(question->store, &question->scope, keep_route, &rows, question->info);
    if (err == HP_OK && rows.err != HP_OK) {
        err = hp_question_no_memory(question);
    }
    if (err == HP_OK) {
        err = hp_routelist_read(&list, question);
    }
    if (err != HP_OK) {
        return err;
    }
    if (rows.count > 1) {
        qsort(rows.list, rows.count, sizeof *rows.list, by_total);
    }
    list.total_ns = rows.total_ns;
    hp_question_put_range(question, list.points.first_ns, list.points.last_ns);
    put_weight(json, &list.points);
    hp_json_key(json, "routes");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < rows.count; i++) {
        hp_routelist_put(&list, &rows.list[i], NULL);
    }
    hp_json_array_end(json);
    hp_routelist_put_trend(&list);
    return HP_OK;
}

/* ---- findings ---- */

struct kept {
    struct hp_json *json;
    bool muted; /* those that are muted, or all */
    uint32_t count;
};

static bool put_kept(void *ctx, const struct hp_finding_state *state)
{
    struct kept *kept = ctx;
    if (state->muted || !kept->muted) {
        hp_json_object_begin(kept->json);
        hp_answer_json_kept(kept->json, state);
        hp_json_object_end(kept->json);
        kept->count++;
    }
    return kept->count < KEPT_MOST;
}

hp_err hp_question_put_states(struct hp_question *question, const char *key, bool muted)
{
    struct kept kept = {.json = question->json, .muted = muted};
    hp_json_key(question->json, key);
    hp_json_array_begin(question->json);
    hp_err err = hp_store_findings(question->store, put_kept, &kept, question->info);
    hp_json_array_end(question->json);
    return err;
}

hp_err hp__answer_findings(struct hp_question *question)
{
    struct hp_json *json = question->json;
    struct hp_answer answer;
    hp_err err = hp_question_answer(question, &answer);
    if (err != HP_OK) {
        return err;
    }
    hp_question_put_range(question, 0, 0);
    put_sentence(json, &answer);
    put_findings(json, &answer);
    err = hp_question_put_states(question, "muted", true);
    return err == HP_OK ? hp_question_put_states(question, "ledger", false) : err;
}
