/* requests.c -- a list of requests: filtered, sorted, a page of it.
 *
 * Filters and sorting work on what hp_narrow_row has, all of it in one pass; only the rows of the page are
 * read. The first OFFSET_MOST + limit of an order are kept in a heap, so memory is bounded whatever the store
 * holds.
 *
 * Of a range with more requests than memory keeps, the newest NEWEST_MOST are looked at. What a request was
 * asked with is in its detail: `input` looks at the first LOOK_MOST of the order. Both say at how many of how
 * many.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/member.h"
#include "format/requestjson.h"
#include "serve/question.h"

#define OFFSET_MOST 10000u
#define LOOK_MOST   1000u
#define NEWEST_MOST (UINT64_C(1) << 20)
#define LOOK_BYTES  ((size_t)64 << 20) /* of one request's detail */

struct entry {
    uint64_t key, row; /* the larger key comes first */
    uint32_t process;
};

struct filter {
    const struct hp_dict *dict;
    struct hp_str text, method;
    struct hp_str input, value; /* key of a fact, and its value if one is wanted */
    uint16_t status_low, status_high;
    bool errors, by_status, by_worker;
    uint32_t worker;
};

struct listing {
    struct filter filter;
    uint64_t (*key)(const struct hp_narrow_row *row);
    struct entry *heap; /* the arena's; root: the last of the kept */
    size_t count, capacity;
    uint64_t seen, total; /* rows in scope that were looked at; those that the filter lets through */
};

/* ---- order ---- */

static uint64_t newest(const struct hp_narrow_row *row)
{
    return row->start_ns;
}

static uint64_t oldest(const struct hp_narrow_row *row)
{
    return UINT64_MAX - row->start_ns;
}

static uint64_t slowest(const struct hp_narrow_row *row)
{
    return row->duration_ns;
}

static uint64_t fastest(const struct hp_narrow_row *row)
{
    return UINT64_MAX - row->duration_ns;
}

static uint64_t most_sql(const struct hp_narrow_row *row)
{
    return row->statements;
}

static uint64_t most_sql_time(const struct hp_narrow_row *row)
{
    return row->sql_ns;
}

static uint64_t most_cpu(const struct hp_narrow_row *row)
{
    return row->cpu_ns != HP_ABSENT ? row->cpu_ns + 1 : 0;
}

static uint64_t highest_status(const struct hp_narrow_row *row)
{
    return row->status;
}

static const struct {
    const char *name;
    uint64_t (*key)(const struct hp_narrow_row *row);
} sorts[] = {{"newest", newest},   {"oldest", oldest},        {"slowest", slowest},
             {"fastest", fastest}, {"sql", most_sql},         {"sql_time", most_sql_time},
             {"cpu", most_cpu},    {"status", highest_status}};

static bool comes_first(const struct entry *a, const struct entry *b)
{
    return a->key != b->key ? a->key > b->key : a->row > b->row;
}

static void swap(struct entry *a, struct entry *b)
{
    struct entry held = *a;
    *a = *b;
    *b = held;
}

static void sink(struct listing *listing, size_t at)
{
    for (;;) {
        size_t last = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < listing->count; child++) {
            if (comes_first(&listing->heap[last], &listing->heap[child])) {
                last = child;
            }
        }
        if (last == at) {
            return;
        }
        swap(&listing->heap[at], &listing->heap[last]);
        at = last;
    }
}

static void offer(struct listing *listing, struct entry entry)
{
    if (listing->count < listing->capacity) {
        size_t at = listing->count++;
        listing->heap[at] = entry;
        while (at != 0 && comes_first(&listing->heap[(at - 1) / 2], &listing->heap[at])) {
            swap(&listing->heap[at], &listing->heap[(at - 1) / 2]);
            at = (at - 1) / 2;
        }
    } else if (comes_first(&entry, &listing->heap[0])) {
        listing->heap[0] = entry;
        sink(listing, 0);
    }
}

static int by_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return comes_first(x, y) ? -1 : 1;
}

/* ---- filter ---- */

static bool has_status(const struct filter *filter, const struct hp_narrow_row *row)
{
    if (filter->errors) {
        return hp_store_failed(row->status, row->flags);
    }
    return !filter->by_status || (row->status >= filter->status_low && row->status <= filter->status_high);
}

static bool has_words(const struct filter *filter, const struct hp_narrow_row *row)
{
    struct hp_route route = hp_dict_route(filter->dict, row->route);
    if (filter->method.n != 0 && !hp_str_eq(filter->method, route.method)) {
        return false;
    }
    return filter->text.n == 0 || hp_question_contains(route.rule, filter->text) ||
           hp_question_contains(route.endpoint, filter->text) ||
           hp_question_contains(hp_dict_string(filter->dict, row->revision), filter->text);
}

static bool consider(void *ctx, const struct hp_narrow_row *row)
{
    struct listing *listing = ctx;
    const struct filter *filter = &listing->filter;
    listing->seen++;
    if (has_status(filter, row) && (!filter->by_worker || filter->worker == row->process) &&
        has_words(filter, row)) {
        listing->total++;
        offer(listing, (struct entry){listing->key(row), row->row, row->process});
    }
    return true;
}

static hp_err read_status(struct hp_question *question, struct filter *filter)
{
    struct hp_str status = hp_params_text(&question->params, "status");
    if (status.n == 0) {
        return HP_OK;
    }
    if (hp_str_eq(status, HP_STR("errors"))) {
        filter->errors = true;
        return HP_OK;
    }
    bool good = status.n == 3 && status.p[0] >= '1' && status.p[0] <= '9';
    uint16_t hundreds = good ? (uint16_t)((status.p[0] - '0') * 100) : 0;
    if (good && (status.p[1] | 0x20) == 'x' && (status.p[2] | 0x20) == 'x') {
        filter->status_low = hundreds;
        filter->status_high = (uint16_t)(hundreds + 99);
    } else if (good && status.p[1] >= '0' && status.p[1] <= '9' && status.p[2] >= '0' && status.p[2] <= '9') {
        filter->status_low = filter->status_high =
            (uint16_t)(hundreds + (status.p[1] - '0') * 10 + (status.p[2] - '0'));
    } else {
        return hp_err_set(question->info, HP_EINVAL, 0, "status: a code like 500, 5xx, or errors");
    }
    filter->by_status = true;
    return HP_OK;
}

/* "page" or "page=3" */
static void read_input(struct hp_question *question, struct filter *filter)
{
    struct hp_str input = hp_params_text(&question->params, "input");
    size_t n = hp_str_find_char(input, '=');
    filter->input = hp_str_make(input.p, n);
    filter->value = n < input.n ? hp_str_make(input.p + n + 1, input.n - n - 1) : (struct hp_str){NULL, 0};
}

static hp_err read_filter(struct hp_question *question, struct filter *filter)
{
    uint64_t worker = 0;
    hp_err err = hp_params_number(&question->params, "worker", 1, UINT32_MAX, 0, &worker, question->info);
    *filter = (struct filter){.dict = question->dict,
                              .text = hp_params_text(&question->params, "text"),
                              .method = hp_params_text(&question->params, "method"),
                              .worker = (uint32_t)worker,
                              .by_worker = worker != 0};
    read_input(question, filter);
    return err == HP_OK ? read_status(question, filter) : err;
}

static hp_err read_sort(struct hp_question *question, struct listing *listing)
{
    struct hp_str wanted = hp_params_text(&question->params, "sort");
    listing->key = newest;
    for (size_t i = 0; i < sizeof sorts / sizeof sorts[0]; i++) {
        if (hp_str_eq(wanted, hp_str_from0(sorts[i].name))) {
            listing->key = sorts[i].key;
            return HP_OK;
        }
    }
    return wanted.n == 0
               ? HP_OK
               : hp_err_set(question->info, HP_EINVAL, 0,
                            "sort: not one of newest, oldest, slowest, fastest, sql, sql_time, cpu, "
                            "status");
}

/* ---- what they were asked with ---- */

static bool has_input(const struct hp_dict *dict, const struct hp_notes *notes, const struct filter *filter)
{
    for (uint32_t i = 0; i < notes->count[HP_NOTE_FACT]; i++) {
        const struct hp_fact *fact = &notes->facts[i];
        if (fact->kind != HP_FACT_CONFIG && hp_str_eq(hp_dict_string(dict, fact->key), filter->input) &&
            (filter->value.n == 0 || hp_str_eq(hp_dict_string(dict, fact->value), filter->value))) {
            return true;
        }
    }
    return false;
}

static void put_looked_at(struct hp_json *json, const char *key, uint64_t requests, uint64_t of)
{
    hp_json_key(json, key);
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "requests", requests);
    hp_json_kv_u64(json, "of", of);
    hp_json_object_end(json);
}

/* Of the listed requests only those stay that have the wanted fact. */
static hp_err keep_inputs(struct hp_question *question, struct listing *listing)
{
    struct hp_arena arena;
    hp_err err = HP_OK;
    size_t kept = 0;
    hp_arena_init(&arena, LOOK_BYTES);
    for (size_t i = 0; i < listing->count && err == HP_OK; i++) {
        struct hp_record record;
        hp_arena_reset(&arena);
        err = hp_store_row_record(question->store, listing->heap[i].row, &arena, &record, question->info);
        if (err == HP_OK && has_input(question->dict, &record.notes, &listing->filter)) {
            listing->heap[kept++] = listing->heap[i];
        }
        err = err == HP_ENOTFOUND ? HP_OK : err; /* evicted meanwhile */
    }
    hp_arena_fini(&arena);
    put_looked_at(question->json, "looked_at", listing->count, listing->total);
    listing->count = kept;
    listing->total = kept;
    return err;
}

/* ---- the page ---- */

static hp_err put_row(struct hp_question *question, const struct entry *entry)
{
    struct hp_json *json = question->json;
    struct hp_request_row row;
    hp_err err = hp_store_row(question->store, entry->row, &row, question->info);
    if (err != HP_OK) {
        return err == HP_ENOTFOUND ? HP_OK : err; /* evicted meanwhile */
    }
    hp_json_object_begin(json);
    hp_requestjson_fields(json, question->dict, &row.req);
    hp_json_kv_str(json, "endpoint", hp_dict_route(question->dict, row.req.route).endpoint);
    if (row.req.level >= HP_LEVEL_MONITOR) {
        hp_json_kv_u64(json, "sql_count", row.statements);
        hp_member_ms(json, "sql_ms", row.sql_ns);
    }
    hp_json_kv_u64(json, "worker", entry->process);
    hp_json_object_end(json);
    return HP_OK;
}

/* A whole id as text finds that request, whatever the filters. */
static hp_err offer_id(struct hp_question *question, struct listing *listing)
{
    uint64_t id = 0, row = 0;
    if (!hp_params_read_id(listing->filter.text, &id)) {
        return HP_OK;
    }
    hp_err err = hp_store_find(question->store, id, &row, question->info);
    if (err == HP_OK) {
        listing->total++;
        offer(listing, (struct entry){UINT64_MAX, row, 0});
    }
    return err == HP_ENOTFOUND ? HP_OK : err;
}

hp_err hp__answer_requests(struct hp_question *question)
{
    struct hp_json *json = question->json;
    struct listing listing = {.count = 0};
    uint64_t limit = 0, offset = 0;
    hp_err err = read_filter(question, &listing.filter);
    if (err == HP_OK) {
        err = read_sort(question, &listing);
    }
    if (err == HP_OK) {
        err = hp_params_number(&question->params, "limit", 1, 500, 50, &limit, question->info);
    }
    if (err == HP_OK) {
        err = hp_params_number(&question->params, "offset", 0, OFFSET_MOST, 0, &offset, question->info);
    }
    if (err != HP_OK) {
        return err;
    }
    listing.capacity = listing.filter.input.n != 0 ? LOOK_MOST : (size_t)(offset + limit);
    listing.heap =
        hp_arena_alloc(question->arena, listing.capacity * sizeof *listing.heap, _Alignof(struct entry));
    if (listing.heap == NULL) {
        return hp_question_no_memory(question);
    }
    struct hp_complete complete = {0};
    err = hp_store_newest_rows(question->store, &question->scope, NEWEST_MOST, consider, &listing,
                               question->info);
    if (err == HP_OK) {
        err = hp_store_complete(question->store, &question->scope, &complete, question->info);
    }
    if (err == HP_OK) {
        err = offer_id(question, &listing);
    }
    if (err != HP_OK) {
        return err;
    }
    if (listing.count > 1) {
        qsort(listing.heap, listing.count, sizeof *listing.heap, by_order);
    }
    hp_question_put_range(question, 0, 0);
    if (complete.recorded > listing.seen) {
        put_looked_at(json, "newest", listing.seen, complete.recorded);
    }
    if (listing.filter.input.n != 0) {
        err = keep_inputs(question, &listing);
    }
    hp_json_kv_u64(json, "total", listing.total);
    hp_json_kv_u64(json, "offset", offset);
    hp_json_kv_u64(json, "limit", limit);
    hp_json_key(json, "requests");
    hp_json_array_begin(json);
    for (size_t i = (size_t)offset; err == HP_OK && i < listing.count && i < offset + limit; i++) {
        err = put_row(question, &listing.heap[i]);
    }
    hp_json_array_end(json);
    return err;
}
