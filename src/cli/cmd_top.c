/* cmd_top.c -- `hotplate top [INPUT]`: functions with self time, total time and calls, counted as cProfile counts. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/show.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/quantity.h"
#include "cli/table.h"
#include "format/framename.h"
#include "model/functions.h"

#define ARENA_BYTES ((size_t)1 << 30)

static const char help[] = "hotplate top [INPUT] [--sort self|total|calls] [--limit N] [--raw]\n"
                           "\n"
                           "Functions of all requests in INPUT, added up. Recursion counts its total once;\n"
                           "calls are starts and resumes, as cProfile counts. 25 unless --limit says more.\n"
                           "INPUT: req:ID, route:'GET /x', label:L, a store file, or the bare word.\n";

static const char *sort_by = "self"; /* for qsort; one thread */

static uint64_t sort_key(const struct hp_function *function)
{
    return sort_by[0] == 's'   ? function->self_ns
           : sort_by[0] == 't' ? function->total_ns
                               : function->calls + function->resumes;
}

static int compare_functions(const void *a, const void *b)
{
    uint64_t left = sort_key(a), right = sort_key(b);
    if (left != right) {
        return left > right ? -1 : 1;
    }
    uint32_t x = ((const struct hp_function *)a)->sym, y = ((const struct hp_function *)b)->sym;
    return x < y ? -1 : x > y;
}

static int put_json(const struct hp_dict *dict, const struct hp_functions *functions, uint64_t requests,
                    uint32_t limit, struct hp_buf *out)
{
    struct hp_json json;
    uint64_t calls = 0, primitive = 0, self_ns = 0;
    for (uint32_t i = 0; i < functions->count; i++) {
        calls += functions->list[i].calls + functions->list[i].resumes;
        primitive += functions->list[i].primitive;
        self_ns += functions->list[i].self_ns;
    }
    hp_json_init(&json, out, true);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_json_kv_u64(&json, "requests", requests);
    hp_json_kv_u64(&json, "total_calls", calls);
    hp_json_kv_u64(&json, "primitive_calls", primitive);
    hp_json_kv_double(&json, "total_time_s", (double)self_ns / 1e9);
    hp_json_key(&json, "functions");
    hp_json_array_begin(&json);
    for (uint32_t i = 0; i < functions->count && i < limit; i++) {
        const struct hp_function *function = &functions->list[i];
        struct hp_symbol symbol = hp_dict_symbol(dict, function->sym);
        hp_json_object_begin(&json);
        hp_json_kv_str(&json, "file", symbol.file.n == 0 ? HP_STR("~") : symbol.file);
        hp_json_kv_u64(&json, "line", symbol.line);
        hp_json_kv_str(&json, "function", hp_framename_shown(&symbol, false));
        hp_json_kv_u64(&json, "calls", function->calls + function->resumes);
        hp_json_kv_u64(&json, "primitive_calls", function->primitive);
        hp_json_kv_double(&json, "self_s", (double)function->self_ns / 1e9);
        hp_json_kv_double(&json, "total_s", (double)function->total_ns / 1e9);
        hp_json_object_end(&json);
    }
    hp_json_array_end(&json);
    hp_json_object_end(&json);
    return hp_output_json_end(&json, out);
}

static int put_text(const struct hp_dict *dict, const struct hp_functions *functions, uint32_t limit,
                    struct hp_buf *out)
{
    static const struct hp_table_column columns[] = {{"self", false},  {"share", false},
                                                     {"total", false}, {"per call", false},
                                                     {"calls", false}, {"function", true}};
    struct hp_table table;
    struct hp_buf name;
    double whole = 0;
    hp_buf_init(&name, 1 << 16);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < functions->count; i++) {
        whole += (double)functions->list[i].self_ns;
    }
    for (uint32_t i = 0; i < functions->count && i < limit; i++) {
        const struct hp_function *function = &functions->list[i];
        struct hp_symbol symbol = hp_dict_symbol(dict, function->sym);
        uint64_t calls = function->calls + function->resumes;
        char shown[HP_SHOW_BYTES];
        hp_table_ns(&table, function->self_ns);
        hp_table_share(&table, whole == 0 ? 0 : (double)function->self_ns / whole);
        hp_table_ns(&table, function->total_ns);
        hp_table_ns(&table, function->primitive == 0 ? HP_ABSENT : function->total_ns / function->primitive);
        hp_buf_reset(&name);
        hp_buf_put_text(&name, hp_str_from0(hp_show_count(shown, calls)));
        if (function->primitive != calls) {
            hp_buf_printf(&name, "/%s", hp_show_count(shown, function->primitive));
        }
        hp_table_cell(&table, hp_buf_str(&name));
        hp_buf_reset(&name);
        hp_framename_put(&name, &symbol, false);
        hp_table_cell(&table, hp_buf_str(&name));
    }
    hp_err err = hp_table_put(&table, out);
    if (functions->count > limit) {
        hp_buf_printf(out, "… and %u more (--limit)\n", functions->count - limit);
    }
    hp_table_fini(&table);
    hp_buf_fini(&name);
    return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
}

static int top(struct hp_reading *reading, bool raw, uint32_t limit, struct hp_buf *out)
{
    struct hp_errinfo info = {0};
    struct hp_input input;
    struct hp_tree *tree = NULL;
    struct hp_arena arena;
    struct hp_functions functions;
    char count[HP_SHOW_BYTES];
    uint64_t requests;
    int status;
    hp_arena_init(&arena, ARENA_BYTES);
    hp_err err = hp_input_find(reading, reading->word_count != 0 ? reading->words[0] : NULL, &input, &info);
    if (err == HP_EINVAL) {
        status = hp_output_usage("top", "%s", info.text);
        goto done;
    }
    err = err != HP_OK ? err : hp_input_tree(reading, &input, raw, &tree, &requests, &info);
    err = err != HP_OK ? err : hp_functions_fold(tree, &arena, &functions);
    if (err != HP_OK) {
        status = hp_output_error(err, &info);
        goto done;
    }
    if (functions.count != 0) {
        qsort(functions.list, functions.count, sizeof *functions.list, compare_functions);
    }
    if (reading->json) {
        status = put_json(hp_store_dict(reading->store), &functions, requests, limit, out);
    } else {
        hp_input_put_title(reading, &input, out);
        hp_buf_printf(out, ": %s %s\n", hp_show_count(count, requests),
                      requests == 1 ? "request" : "requests");
        status = put_text(hp_store_dict(reading->store), &functions, limit, out);
    }
done:
    hp_tree_free(tree);
    hp_arena_fini(&arena);
    return status;
}

int hp_cmd_top(int argc, char **argv, struct hp_buf *out)
{
    const char *limit_text = NULL;
    bool raw = false;
    uint64_t limit = UINT32_MAX;
    const struct hp_args_option options[] = {{"--sort", NULL, HP_ARGS_TEXT, &sort_by},
                                             {"--limit", NULL, HP_ARGS_TEXT, &limit_text},
                                             {"--raw", NULL, HP_ARGS_FLAG, &raw}};
    const struct hp_reading_command command = {
        .name = "top", .help = help, .options = options, .option_count = 3, .most = 1};
    struct hp_reading reading = {0};
    int status = hp_reading_parse(&reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (strcmp(sort_by, "self") != 0 && strcmp(sort_by, "total") != 0 && strcmp(sort_by, "calls") != 0) {
        status = hp_output_usage("top", "--sort %s: not one of self, total, calls", sort_by);
    } else if (limit_text != NULL && !hp_quantity_count(limit_text, UINT32_MAX, &limit)) {
        status = hp_output_usage("top", "--limit %s: not a number", limit_text);
    } else {
        limit = limit_text == NULL && !reading.json ? 25 : limit;
        status = hp_reading_begin(&reading);
    }
    if (status >= 0) {
        return status;
    }
    status = top(&reading, raw, (uint32_t)limit, out);
    hp_reading_end(&reading);
    return status;
}
