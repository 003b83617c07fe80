/* statements.c -- see statements.h; and the answer to api/v1/sql. */
#include "serve/statements.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "format/member.h"

static bool keep(void *ctx, const struct hp_statement_row *row)
{
    struct hp_statements *all = ctx;
    if (all->count == all->capacity) {
        uint32_t capacity = all->capacity == 0 ? 128 : all->capacity * 2;
        struct hp_statement_row *list =
            hp_arena_alloc(all->arena, capacity * sizeof *list, _Alignof(struct hp_statement_row));
        if (list == NULL) {
            all->err = HP_ENOMEM;
            return false;
        }
        if (all->count != 0) {
            memcpy(list, all->list, all->count * sizeof *list);
        }
        all->list = list;
        all->capacity = capacity;
    }
    all->list[all->count++] = *row;
    all->total_ns += row->total_ns;
    return true;
}

static bool count_request(void *ctx, const struct hp_narrow_row *row)
{
    (void)row;
    ++*(uint64_t *)ctx;
    return true;
}

hp_err hp_statements_read(struct hp_statements *statements, struct hp_question *question)
{
    *statements = (struct hp_statements){.arena = question->arena, .portion = {.most = HP_STATEMENTS_READ}};
    hp_err err = hp_store_some_statements(question->store, &question->scope, &statements->portion, keep,
                                          statements, question->info);
    if (err == HP_OK && statements->err != HP_OK) {
        err = hp_question_no_memory(question);
    }
    if (err == HP_OK) {
        uint64_t each = 1;
        err = hp_store_some_rows(question->store, &question->scope, count_request, &statements->requests,
                                 &each, question->info);
        statements->requests *= each;
    }
    return err;
}

void hp_statements_put_portion(const struct hp_statements *statements, struct hp_json *json)
{
    const struct hp_portion *portion = &statements->portion;
    if (portion->read == portion->of) {
        return;
    }
    hp_json_key(json, "statements_portion");
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "read", portion->read);
    hp_json_kv_u64(json, "of", portion->of);
    hp_json_object_end(json);
}

void hp_statements_put(const struct hp_statements *statements, struct hp_question *question,
                       const struct hp_statement_row *row, const struct hp_executions *executions)
{
    struct hp_json *json = question->json;
    const struct hp_dict *dict = question->dict;
    struct hp_statement statement = hp_dict_statement(dict, row->statement);
    char id[HP_MEMBER_STATEMENT_BYTES];
    hp_json_object_begin(json);
    hp_json_kv_cstr(json, "id", hp_member_statement_id(id, statement.text));
    hp_json_kv_str(json, "statement", statement.text);
    hp_member_id(json, "fingerprint", hp_hash64(statement.text.p, statement.text.n, 0));
    hp_json_kv_cstr(json, "engine", hp_member_engine(statement.engine));
    hp_member_route(json, "route", dict, row->route);
    hp_json_kv_u64(json, "executions", row->executions);
    hp_json_kv_u64(json, "requests", row->requests);
    hp_member_ms(json, "total_ms", row->total_ns);
    hp_member_ms(json, "fetch_ms", row->fetch_ns);
    hp_member_ms(json, "max_ms", row->max_ns);
    if (executions != NULL && executions->sampled != 0) {
        hp_member_ms(json, "p95_ms", executions->p95_ns);
        hp_json_kv_u64(json, "p95_of", executions->sampled);
    }
    if (row->executions != 0) {
        hp_json_kv_double(json, "mean_ms", (double)row->total_ns / (double)row->executions / 1e6);
    }
    if (row->requests != 0) {
        hp_json_kv_double(json, "per_request", (double)row->executions / (double)row->requests);
    }
    if (statements->total_ns != 0) {
        hp_json_kv_double(json, "share", (double)row->total_ns / (double)statements->total_ns);
    }
    hp_member_count(json, "rows", row->rows);
    hp_json_kv_u64(json, "errors", row->errors);
    hp_member_place(json, dict, row->site_sym, row->site_line, 0);
    hp_json_object_end(json);
}

/* ---- api/v1/sql ---- */

#define LISTED_MOST 500u /* `limit` at most; by p95 these are the ones with the most time */

static uint64_t total_of(const struct hp_statement_row *row)
{
    return row->total_ns;
}

static uint64_t calls_of(const struct hp_statement_row *row)
{
    return row->executions;
}

static uint64_t max_of(const struct hp_statement_row *row)
{
    return row->max_ns;
}

static uint64_t mean_of(const struct hp_statement_row *row)
{
    return row->executions != 0 ? row->total_ns / row->executions : 0;
}

static uint64_t rows_of(const struct hp_statement_row *row)
{
    return row->rows != HP_ABSENT ? row->rows : 0;
}

static uint64_t errors_of(const struct hp_statement_row *row)
{
    return row->errors;
}

static const struct {
    const char *name;
    uint64_t (*of)(const struct hp_statement_row *row);
} sorts[] = {{"total", total_of}, {"calls", calls_of}, {"max", max_of},
             {"mean", mean_of},   {"rows", rows_of},   {"errors", errors_of}};
#define SORT_TOTAL 0u

static int compare(const void *a, const void *b, void *ctx)
{
    const struct hp_statement_row *x = a, *y = b;
    uint64_t (*of)(const struct hp_statement_row *row) = sorts[*(size_t *)ctx].of;
    uint64_t left = of(x), right = of(y);
    if (left != right) {
        return left > right ? -1 : 1;
    }
    return total_of(x) != total_of(y) ? (total_of(x) > total_of(y) ? -1 : 1)
                                      : (x->statement > y->statement) - (x->statement < y->statement);
}

/* By p95 is by total time first. */
static hp_err choose_sort(struct hp_question *question, size_t *sort, bool *by_p95)
{
    struct hp_str wanted = hp_params_text(&question->params, "sort");
    *sort = SORT_TOTAL;
    *by_p95 = hp_str_eq(wanted, HP_STR("p95"));
    if (*by_p95) {
        return HP_OK;
    }
    for (size_t i = 0; i < sizeof sorts / sizeof sorts[0]; i++) {
        if (hp_str_eq(wanted, hp_str_from0(sorts[i].name))) {
            *sort = i;
            return HP_OK;
        }
    }
    return wanted.n == 0 ? HP_OK
                         : hp_err_set(question->info, HP_EINVAL, 0,
                                      "sort: not one of total, calls, p95, max, mean, rows, errors");
}

bool hp_question_contains(struct hp_str text, struct hp_str part)
{
    for (size_t i = 0; i + part.n <= text.n; i++) {
        size_t k = 0;
        while (k < part.n) {
            char a = text.p[i + k], b = part.p[k];
            a = a >= 'A' && a <= 'Z' ? (char)(a | 0x20) : a;
            b = b >= 'A' && b <= 'Z' ? (char)(b | 0x20) : b;
            if (a != b) {
                break;
            }
            k++;
        }
        if (k == part.n) {
            return true;
        }
    }
    return false;
}

/* Keep those that were asked for, in place. */
static void filter(struct hp_statements *all, const struct hp_dict *dict, struct hp_str text,
                   uint64_t least_ns)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        const struct hp_statement_row *row = &all->list[i];
        if (row->max_ns >= least_ns &&
            (text.n == 0 || hp_question_contains(hp_dict_statement(dict, row->statement).text, text))) {
            all->list[kept++] = all->list[i];
        }
    }
    all->count = kept;
}

struct listed {
    const struct hp_statement_row *row;
    struct hp_executions executions;
};

static int compare_p95(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    if (x->executions.p95_ns != y->executions.p95_ns) {
        return x->executions.p95_ns > y->executions.p95_ns ? -1 : 1;
    }
    return (x->row > y->row) - (x->row < y->row); /* as they were */
}

/* `count` rows from `first`, in order; by p95 the slowest first. */
static hp_err put_listed(struct hp_question *question, const struct hp_statements *all, uint64_t first,
                         uint64_t count, bool by_p95)
{
    uint32_t from = by_p95 ? 0 : (uint32_t)(first < all->count ? first : all->count);
    uint32_t n = all->count - from;
    n = n < (by_p95 ? LISTED_MOST : count) ? n : (uint32_t)(by_p95 ? LISTED_MOST : count);
    struct listed *list = hp_arena_alloc(question->arena, n * sizeof *list + 1, _Alignof(struct listed));
    struct hp_executions *executions =
        hp_arena_alloc(question->arena, n * sizeof *executions + 1, _Alignof(struct hp_executions));
    if (list == NULL || executions == NULL) {
        return hp_question_no_memory(question);
    }
    hp_err err = n == 0 ? HP_OK : hp_executions_read(question, all->list + from, n, executions);
    if (err != HP_OK) {
        return err;
    }
    for (uint32_t i = 0; i < n; i++) {
        list[i] = (struct listed){&all->list[from + i], executions[i]};
    }
    if (by_p95 && n > 1) {
        qsort(list, n, sizeof *list, compare_p95);
    }
    for (uint64_t i = first - from; i < n && i < first - from + count; i++) {
        hp_statements_put(all, question, list[i].row, &list[i].executions);
    }
    return HP_OK;
}

hp_err hp__answer_sql(struct hp_question *question)
{
    struct hp_json *json = question->json;
    struct hp_statements all;
    size_t sort = SORT_TOTAL;
    bool by_p95 = false;
    uint64_t limit = 0, offset = 0, least_ns = 0;
    hp_err err = choose_sort(question, &sort, &by_p95);
    if (err == HP_OK) {
        err = hp_params_number(&question->params, "limit", 1, LISTED_MOST, 100, &limit, question->info);
    }
    if (err == HP_OK) {
        err = hp_params_number(&question->params, "offset", 0, 100000, 0, &offset, question->info);
    }
    if (err == HP_OK) {
        err = hp_params_ms(&question->params, "min_ms_each", &least_ns, question->info);
    }
    if (err == HP_OK) {
        err = hp_statements_read(&all, question);
    }
    if (err != HP_OK) {
        return err;
    }
    filter(&all, question->dict, hp_params_text(&question->params, "text"), least_ns);
    if (all.count > 1) {
        qsort_r(all.list, all.count, sizeof *all.list, compare, &sort);
    }
    hp_question_put_range(question, 0, 0);
    hp_json_kv_u64(json, "total", all.count);
    hp_member_ms(json, "total_ms", all.total_ns);
    hp_json_kv_u64(json, "requests", all.requests);
    hp_statements_put_portion(&all, json);
    hp_json_key(json, "statements");
    hp_json_array_begin(json);
    err = put_listed(question, &all, offset, limit, by_p95);
    hp_json_array_end(json);
    return err;
}
