/* cmd_sql.c -- `hotplate sql`: statements with their place, over all requests in scope. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/quantity.h"
#include "cli/reading.h"
#include "cli/statement.h"
#include "cli/table.h"
#include "format/member.h"

#define STATEMENT_CUT 200

static const char help[] = "hotplate sql [--min 100ms] [--sort total|calls|max] [--limit N]\n"
                           "\n"
                           "Statements with literals folded, by route and place. Times: execute and fetch.\n"
                           "The id before a statement is for hotplate explain.\n"
                           "  --min T     only those whose slowest execution took at least this long\n"
                           "  --limit N   30 unless said otherwise\n";

struct rows {
    struct hp_statement_row *list;
    size_t count, capacity;
    uint64_t min_ns;
    hp_err err;
};

static bool keep(void *ctx, const struct hp_statement_row *row)
{
    struct rows *rows = ctx;
    if (row->max_ns < rows->min_ns) {
        return true;
    }
    if (rows->count == rows->capacity) {
        size_t more = rows->capacity == 0 ? 64 : rows->capacity * 2;
        struct hp_statement_row *list = hp_realloc(rows->list, more * sizeof *list);
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

static const char *sort_by = "total"; /* for qsort; one thread */

static uint64_t sort_key(const struct hp_statement_row *row)
{
    return sort_by[0] == 't' ? row->total_ns : sort_by[0] == 'c' ? row->executions : row->max_ns;
}

static int compare_rows(const void *a, const void *b)
{
    const struct hp_statement_row *x = a, *y = b;
    uint64_t left = sort_key(x), right = sort_key(y);
    if (left != right) {
        return left > right ? -1 : 1;
    }
    if (x->statement != y->statement) {
        return x->statement < y->statement ? -1 : 1;
    }
    return x->site_line < y->site_line ? -1 : x->site_line > y->site_line;
}

static int put_json(const struct hp_dict *dict, const struct rows *rows, struct hp_buf *out)
{
    struct hp_json json;
    char id[HP_STATEMENT_ID_BYTES];
    hp_json_init(&json, out, true);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_json_key(&json, "statements");
    hp_json_array_begin(&json);
    for (size_t i = 0; i < rows->count; i++) {
        const struct hp_statement_row *row = &rows->list[i];
        struct hp_statement statement = hp_dict_statement(dict, row->statement);
        hp_json_object_begin(&json);
        hp_json_kv_cstr(&json, "id", hp_statement_id(id, statement.text));
        hp_json_kv_str(&json, "statement", statement.text);
        hp_json_kv_cstr(&json, "engine", hp_member_engine(statement.engine));
        hp_member_route(&json, "route", dict, row->route);
        hp_json_kv_u64(&json, "executions", row->executions);
        hp_json_kv_u64(&json, "requests", row->requests);
        hp_member_ms(&json, "total_ms", row->total_ns);
        hp_member_ms(&json, "fetch_ms", row->fetch_ns);
        hp_member_ms(&json, "max_ms", row->max_ns);
        if (row->rows != HP_ABSENT) {
            hp_json_kv_u64(&json, "rows", row->rows);
        }
        hp_json_kv_u64(&json, "errors", row->errors);
        hp_member_place(&json, dict, row->site_sym, row->site_line, 0);
        hp_json_object_end(&json);
    }
    hp_json_array_end(&json);
    hp_json_object_end(&json);
    return hp_output_json_end(&json, out);
}

/* The table's last cell: route and place on the figures' line, the text on a line of its own below it. */
static int put_text(const struct hp_reading *reading, const struct rows *rows, struct hp_buf *out)
{
    static const struct hp_table_column columns[] = {{"total", false},
                                                     {"times", false},
                                                     {"requests", false},
                                                     {"mean", false},
                                                     {"max", false},
                                                     {"rows", false},
                                                     {"route, place, statement", true}};
    const struct hp_dict *dict = hp_store_dict(reading->store);
    struct hp_table table;
    struct hp_buf cell;
    char id[HP_STATEMENT_ID_BYTES];
    hp_buf_init(&cell, 1 << 20);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < rows->count; i++) {
        const struct hp_statement_row *row = &rows->list[i];
        struct hp_str text = hp_dict_statement(dict, row->statement).text,
                      cut = hp_utf8_cut(text, STATEMENT_CUT);
        hp_table_ns(&table, row->total_ns);
        hp_table_count(&table, row->executions);
        hp_table_count(&table, row->requests);
        hp_table_ns(&table, row->executions == 0 ? HP_ABSENT : row->total_ns / row->executions);
        hp_table_ns(&table, row->max_ns);
        hp_table_count(&table, row->rows);
        hp_buf_reset(&cell);
        hp_reading_put_route(&cell, dict, row->route);
        hp_buf_put_text(&cell, HP_STR(" at "));
        hp_place_put(&cell, dict, row->site_sym, row->site_line, 0);
        hp_table_cell(&table, hp_buf_str(&cell));
        for (int column = 0; column < 6; column++) {
            hp_table_cell(&table, HP_STR(""));
        }
        hp_buf_reset(&cell);
        hp_buf_printf(&cell, "  %s  ", hp_statement_id(id, text));
        hp_output_text(&cell, cut);
        hp_buf_put_text(&cell, cut.n < text.n ? HP_STR("…") : HP_STR(""));
        hp_table_cell(&table, hp_buf_str(&cell));
    }
    hp_reading_put_scope(reading, out);
    hp_err err = hp_table_put(&table, out);
    hp_table_fini(&table);
    hp_buf_fini(&cell);
    return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
}

int hp_cmd_sql(int argc, char **argv, struct hp_buf *out)
{
    const char *min = NULL, *limit_text = "30";
    uint64_t limit;
    const struct hp_args_option options[] = {{"--min", NULL, HP_ARGS_TEXT, &min},
                                             {"--sort", NULL, HP_ARGS_TEXT, &sort_by},
                                             {"--limit", NULL, HP_ARGS_TEXT, &limit_text}};
    const struct hp_reading_command command = {
        .name = "sql", .help = help, .options = options, .option_count = 3};
    struct hp_reading reading = {0};
    struct hp_errinfo info = {0};
    struct rows rows = {0};
    int status = hp_reading_parse(&reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (strcmp(sort_by, "total") != 0 && strcmp(sort_by, "calls") != 0 && strcmp(sort_by, "max") != 0) {
        return hp_output_usage("sql", "--sort %s: not one of total, calls, max", sort_by);
    }
    if (min != NULL && !hp_quantity_duration(min, 0, &rows.min_ns)) {
        return hp_output_usage("sql", "--min %s: not a duration like 100ms", min);
    }
    if (!hp_quantity_count(limit_text, UINT32_MAX, &limit)) {
        return hp_output_usage("sql", "--limit %s: not a number", limit_text);
    }
    status = hp_reading_begin(&reading);
    if (status >= 0) {
        return status;
    }
    hp_err err = hp_store_statements(reading.store, &reading.scope, keep, &rows, &info);
    if (err != HP_OK || rows.err != HP_OK) {
        status = hp_output_error(err != HP_OK ? err : rows.err, &info);
        goto done;
    }
    if (rows.count != 0) {
        qsort(rows.list, rows.count, sizeof *rows.list, compare_rows);
    }
    rows.count = rows.count > limit ? (size_t)limit : rows.count;
    status = HP_EXIT_OK;
    if (reading.json) {
        status = put_json(hp_store_dict(reading.store), &rows, out);
    } else if (rows.count != 0) {
        status = put_text(&reading, &rows, out);
    } else {
        hp_buf_put_text(out, rows.min_ns != 0 ? HP_STR("no statement was that slow\n")
                                              : HP_STR("no statements recorded\n"));
    }
done:
    hp_free(rows.list);
    hp_reading_end(&reading);
    return status;
}
