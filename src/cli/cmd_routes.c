/* cmd_routes.c -- `hotplate routes`: routes by total time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer/routememory.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/show.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/quantity.h"
#include "cli/reading.h"
#include "cli/table.h"
#include "format/member.h"

#define ARENA_BYTES ((size_t)1 << 30)

static const char help[] = "hotplate routes [--sort total|p95|calls|errors|cpu] [--limit N] [--memory]\n"
                           "\n"
                           "Routes by total time (calls × mean), with quantiles within 1 %.\n"
                           "  --memory    what 1,000 requests keep; how much the process grows meanwhile\n";

struct rows {
    struct hp_route_row *list;
    struct hp_route_memory *memory; /* of each row, with --memory; else NULL */
    size_t count, capacity;
    hp_err err;
};

static bool keep(void *ctx, const struct hp_route_row *row)
{
    struct rows *rows = ctx;
    if (rows->count == rows->capacity) {
        size_t more = rows->capacity == 0 ? 64 : rows->capacity * 2;
        struct hp_route_row *list = hp_realloc(rows->list, more * sizeof *list);
        if (list == NULL) {
            rows->err = HP_ENOMEM;
            return false;
        }
        rows->list = list;
        rows->capacity = more;
    }
    rows->list[rows->count++] = *row;
    return true;
}

/* ---- order ---- */

static uint64_t total_of(const struct hp_route_row *row)
{
    return row->total_ns;
}

static uint64_t p95_of(const struct hp_route_row *row)
{
    return row->p95_ns;
}

static uint64_t calls_of(const struct hp_route_row *row)
{
    return row->requests;
}

static uint64_t errors_of(const struct hp_route_row *row)
{
    return row->errors;
}

static uint64_t cpu_of(const struct hp_route_row *row)
{
    return row->cpu_ns == HP_ABSENT ? 0 : row->cpu_ns;
}

static const struct {
    const char *name;
    uint64_t (*of)(const struct hp_route_row *row);
} sorts[] = {
    {"total", total_of}, {"p95", p95_of}, {"calls", calls_of}, {"errors", errors_of}, {"cpu", cpu_of}};

static uint64_t (*sort_by)(const struct hp_route_row *row); /* for qsort; one thread */

static int compare_rows(const void *a, const void *b)
{
    const struct hp_route_row *x = a, *y = b;
    uint64_t left = sort_by(x), right = sort_by(y);
    if (left != right) {
        return left > right ? -1 : 1;
    }
    return x->route < y->route ? -1 : x->route > y->route;
}

static bool choose_sort(const char *name)
{
    for (size_t i = 0; i < sizeof sorts / sizeof sorts[0]; i++) {
        if (strcmp(sorts[i].name, name) == 0) {
            sort_by = sorts[i].of;
            return true;
        }
    }
    return false;
}

/* ---- memory ---- */

static hp_err load_memory(struct hp_reading *reading, struct rows *rows, struct hp_errinfo *info)
{
    struct hp_arena scratch;
    hp_err err = HP_OK;
    rows->memory = hp_calloc(rows->count + 1, sizeof *rows->memory);
    if (rows->memory == NULL) {
        return HP_ENOMEM;
    }
    hp_arena_init(&scratch, ARENA_BYTES);
    for (size_t i = 0; i < rows->count && err == HP_OK; i++) {
        err = hp_route_memory_load(reading->store, &reading->scope, rows->list[i].route, &scratch,
                                   &rows->memory[i], info);
    }
    hp_arena_fini(&scratch);
    return err;
}

static void put_json_memory(struct hp_json *json, const struct hp_route_memory *memory)
{
    if (memory->kept_requests != 0) {
        hp_json_kv_double(json, "kept_bytes_per_1000", memory->kept_bytes);
    }
    if (memory->rss_requests != 0) {
        hp_json_kv_double(json, "rss_growth_bytes_per_1000", memory->rss_growth_bytes);
    }
}

static void put_bytes_cell(struct hp_table *table, double bytes, bool known)
{
    char text[HP_SHOW_BYTES], cell[HP_SHOW_BYTES + 1];
    hp_show_bytes(text, (uint64_t)fabs(bytes));
    snprintf(cell, sizeof cell, "%s%s", bytes < 0 ? "-" : "", text);
    hp_table_cell(table, known ? hp_str_from0(cell) : HP_STR("-"));
}

/* ---- output ---- */

static int put_json(const struct hp_dict *dict, const struct rows *rows, struct hp_buf *out)
{
    struct hp_json json;
    hp_json_init(&json, out, true);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_json_key(&json, "routes");
    hp_json_array_begin(&json);
    for (size_t i = 0; i < rows->count; i++) {
        const struct hp_route_row *row = &rows->list[i];
        struct hp_route words = hp_dict_route(dict, row->route);
        hp_json_object_begin(&json);
        hp_member_route(&json, "route", dict, row->route);
        hp_json_kv_str(&json, "method", words.method);
        hp_json_kv_str(&json, "rule", words.rule);
        hp_json_kv_str(&json, "endpoint", words.endpoint);
        hp_json_kv_u64(&json, "requests", row->requests);
        hp_json_kv_u64(&json, "errors", row->errors);
        hp_member_ms(&json, "total_ms", row->total_ns);
        hp_member_ms(&json, "p50_ms", row->p50_ns);
        hp_member_ms(&json, "p90_ms", row->p90_ns);
        hp_member_ms(&json, "p95_ms", row->p95_ns);
        hp_member_ms(&json, "p99_ms", row->p99_ns);
        hp_member_ms(&json, "cpu_ms", row->cpu_ns);
        hp_json_kv_double(&json, "sql_per_request",
                          row->requests == 0 ? 0 : (double)row->statements / (double)row->requests);
        if (rows->memory != NULL) {
            put_json_memory(&json, &rows->memory[i]);
        }
        hp_json_object_end(&json);
    }
    hp_json_array_end(&json);
    hp_json_object_end(&json);
    return hp_output_json_end(&json, out);
}

static int put_text(const struct hp_reading *reading, const struct rows *rows, struct hp_buf *out)
{
    static const struct hp_table_column columns[] = {{"total", false},  {"share", false}, {"requests", false},
                                                     {"mean", false},   {"p50", false},   {"p95", false},
                                                     {"p99", false},    {"cpu", false},   {"sql/req", false},
                                                     {"errors", false}, {"route", true}};
    const struct hp_dict *dict = hp_store_dict(reading->store);
    struct hp_table table;
    struct hp_buf name;
    double whole = 0;
    hp_buf_init(&name, 1 << 16);
    static const struct hp_table_column with_memory[] = {
        {"total", false},   {"share", false},  {"requests", false},  {"mean", false},
        {"p50", false},     {"p95", false},    {"p99", false},       {"cpu", false},
        {"sql/req", false}, {"errors", false}, {"kept/1000", false}, {"grown/1000", false},
        {"route", true}};
    bool memory = rows->memory != NULL;
    hp_table_init(&table, memory ? with_memory : columns,
                  memory ? sizeof with_memory / sizeof with_memory[0] : sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < rows->count; i++) {
        whole += (double)rows->list[i].total_ns;
    }
    for (size_t i = 0; i < rows->count; i++) {
        const struct hp_route_row *row = &rows->list[i];
        double sql = row->requests == 0 ? 0 : (double)row->statements / (double)row->requests;
        hp_table_ns(&table, row->total_ns);
        hp_table_share(&table, whole == 0 ? 0 : (double)row->total_ns / whole);
        hp_table_count(&table, row->requests);
        hp_table_ns(&table, row->requests == 0 ? HP_ABSENT : row->total_ns / row->requests);
        hp_table_ns(&table, row->p50_ns);
        hp_table_ns(&table, row->p95_ns);
        hp_table_ns(&table, row->p99_ns);
        hp_table_ns(&table, row->cpu_ns);
        hp_buf_reset(&name);
        hp_buf_printf(&name, sql == floor(sql) || sql >= 100 ? "%.0f" : "%.1f", sql);
        hp_table_cell(&table, hp_buf_str(&name));
        hp_table_count(&table, row->errors);
        if (memory) {
            const struct hp_route_memory *left = &rows->memory[i];
            put_bytes_cell(&table, left->kept_bytes, left->kept_requests != 0);
            put_bytes_cell(&table, left->rss_growth_bytes, left->rss_requests != 0);
        }
        hp_buf_reset(&name);
        hp_reading_put_route(&name, dict, row->route);
        if (hp_dict_route_needs_endpoint(dict, row->route)) {
            hp_buf_put_text(&name, HP_STR("  "));
            hp_output_text(&name, hp_dict_route(dict, row->route).endpoint);
        }
        hp_table_cell(&table, hp_buf_str(&name));
    }
    hp_reading_put_scope(reading, out);
    hp_err err = hp_table_put(&table, out);
    hp_table_fini(&table);
    hp_buf_fini(&name);
    return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
}

int hp_cmd_routes(int argc, char **argv, struct hp_buf *out)
{
    const char *sort = "total", *limit_text = NULL;
    uint64_t limit = UINT32_MAX;
    bool memory = false;
    const struct hp_args_option options[] = {{"--sort", NULL, HP_ARGS_TEXT, &sort},
                                             {"--limit", NULL, HP_ARGS_TEXT, &limit_text},
                                             {"--memory", NULL, HP_ARGS_FLAG, &memory}};
    const struct hp_reading_command command = {
        .name = "routes", .help = help, .options = options, .option_count = 3};
    struct hp_reading reading = {0};
    struct hp_errinfo info = {0};
    struct rows rows = {0};
    int status = hp_reading_parse(&reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (!choose_sort(sort)) {
        return hp_output_usage("routes", "--sort %s: not one of total, p95, calls, errors, cpu", sort);
    }
    if (limit_text != NULL && !hp_quantity_count(limit_text, UINT32_MAX, &limit)) {
        return hp_output_usage("routes", "--limit %s: not a number", limit_text);
    }
    status = hp_reading_begin(&reading);
    if (status >= 0) {
        return status;
    }
    hp_err err = hp_store_routes(reading.store, &reading.scope, keep, &rows, &info);
    if (err != HP_OK || rows.err != HP_OK) {
        status = hp_output_error(err != HP_OK ? err : rows.err, &info);
        goto done;
    }
    if (rows.count != 0) {
        qsort(rows.list, rows.count, sizeof *rows.list, compare_rows);
    }
    rows.count = rows.count > limit ? (size_t)limit : rows.count;
    err = memory ? load_memory(&reading, &rows, &info) : HP_OK;
    if (err != HP_OK) {
        status = hp_output_error(err, &info);
        goto done;
    }
    if (reading.json) {
        status = put_json(hp_store_dict(reading.store), &rows, out);
    } else if (rows.count == 0) {
        hp_reading_put_empty(&reading, out);
        status = HP_EXIT_OK;
    } else {
        status = put_text(&reading, &rows, out);
    }
done:
    hp_free(rows.memory);
    hp_free(rows.list);
    hp_reading_end(&reading);
    return status;
}
