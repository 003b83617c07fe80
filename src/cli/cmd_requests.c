/* cmd_requests.c -- `hotplate requests`: single requests, the newest or the slowest. */
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/quantity.h"
#include "cli/reading.h"
#include "cli/show_request.h"
#include "cli/table.h"
#include "format/member.h"
#include "format/requestjson.h"

static const char help[] = "hotplate requests [--sort newest|slowest] [--limit N]\n"
                           "\n"
                           "Single requests; hotplate show ID says all about one. 20 without --limit.\n";

struct listing {
    const struct hp_reading *reading;
    struct hp_table table;
    struct hp_json json;
    struct hp_buf text; /* scratch */
    uint64_t count;
};

static const struct hp_table_column columns[] = {{"id", true},      {"started", true}, {"duration", false},
                                                 {"cpu", false},    {"sql", false},    {"sql time", false},
                                                 {"status", false}, {"route", true}};

static bool add_row(void *ctx, const struct hp_request_row *row)
{
    struct listing *listing = ctx;
    const struct hp_request *req = &row->req;
    char moment[24];
    listing->count++;
    if (listing->reading->json) {
        hp_json_object_begin(&listing->json);
        hp_requestjson_fields(&listing->json, hp_store_dict(listing->reading->store), req);
        hp_json_kv_u64(&listing->json, "sql_count", row->statements);
        hp_member_ms(&listing->json, "sql_ms", row->sql_ns);
        hp_json_object_end(&listing->json);
        return true;
    }
    hp_buf_reset(&listing->text);
    hp_buf_printf(&listing->text, "%016" PRIx64, req->id);
    hp_table_cell(&listing->table, hp_buf_str(&listing->text));
    hp_table_cell(&listing->table, hp_str_from0(hp_output_moment(moment, req->start_wall_ns)));
    hp_table_ns(&listing->table, hp_requestjson_duration(req));
    hp_table_ns(&listing->table, req->cpu_ns);
    hp_table_count(&listing->table, row->statements);
    hp_table_ns(&listing->table, row->sql_ns);
    hp_buf_reset(&listing->text);
    hp_buf_printf(&listing->text, req->status == 0 ? "-" : "%u", req->status);
    hp_table_cell(&listing->table, hp_buf_str(&listing->text));
    hp_buf_reset(&listing->text);
    hp_reading_put_route(&listing->text, hp_store_dict(listing->reading->store), req->route);
    hp_table_cell(&listing->table, hp_buf_str(&listing->text));
    return true;
}

static int list(struct hp_reading *reading, enum hp_request_sort sort, uint32_t limit, struct hp_buf *out)
{
    struct listing listing = {.reading = reading};
    struct hp_errinfo info = {0};
    int status = HP_EXIT_OK;
    hp_table_init(&listing.table, columns, sizeof columns / sizeof columns[0]);
    hp_buf_init(&listing.text, 1 << 16);
    hp_json_init(&listing.json, out, true);
    if (reading->json) {
        hp_json_object_begin(&listing.json);
        hp_json_kv_u64(&listing.json, "schema", 1);
        hp_json_key(&listing.json, "requests");
        hp_json_array_begin(&listing.json);
    }
    hp_err err = hp_store_requests(reading->store, &reading->scope, sort, limit, add_row, &listing, &info);
    if (err != HP_OK) {
        hp_buf_reset(out);
        status = hp_output_error(err, &info);
    } else if (reading->json) {
        hp_json_array_end(&listing.json);
        hp_json_object_end(&listing.json);
        status = hp_output_json_end(&listing.json, out);
    } else if (listing.count == 0) {
        hp_reading_put_empty(reading, out);
    } else {
        hp_reading_put_scope(reading, out);
        err = hp_table_put(&listing.table, out);
        status = err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
    }
    hp_buf_fini(&listing.text);
    hp_table_fini(&listing.table);
    return status;
}

int hp_cmd_requests(int argc, char **argv, struct hp_buf *out)
{
    const char *sort = "newest", *limit_text = "20";
    uint64_t limit = 0;
    const struct hp_args_option options[] = {{"--sort", NULL, HP_ARGS_TEXT, &sort},
                                             {"--limit", NULL, HP_ARGS_TEXT, &limit_text}};
    const struct hp_reading_command command = {
        .name = "requests", .help = help, .options = options, .option_count = 2};
    struct hp_reading reading = {0};
    int status = hp_reading_parse(&reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (strcmp(sort, "newest") != 0 && strcmp(sort, "slowest") != 0) {
        status = hp_output_usage("requests", "--sort %s: not one of newest, slowest", sort);
    } else if (!hp_quantity_count(limit_text, UINT32_MAX, &limit) || limit == 0) {
        status = hp_output_usage("requests", "--limit %s: not a number from 1", limit_text);
    } else {
        status = hp_reading_begin(&reading);
    }
    if (status >= 0) {
        return status;
    }
    status =
        list(&reading, strcmp(sort, "newest") == 0 ? HP_SORT_NEWEST : HP_SORT_SLOWEST, (uint32_t)limit, out);
    hp_reading_end(&reading);
    return status;
}
