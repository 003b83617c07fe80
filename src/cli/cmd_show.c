/* cmd_show.c -- `hotplate show ID`: one request with its phases, call tree, statements and lanes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer/builtjson.h"
#include "base/json.h"
#include "base/show.h"
#include "cli/calltree.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/outfile.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/quantity.h"
#include "cli/serving.h"
#include "cli/show_connections.h"
#include "cli/show_notes.h"
#include "cli/show_request.h"
#include "cli/show_timeline.h"
#include "cli/show_waits.h"
#include "cli/table.h"
#include "format/lanes.h"
#include "format/notesjson.h"
#include "format/requestjson.h"
#include "format/treejson.h"
#include "format/connections.h"
#include "format/waitsjson.h"
#include "serve/api.h"

#define ARENA_BYTES    ((size_t)1 << 30)
#define STATEMENT_CUT  160
#define LISTED_AT_MOST 50u
#define LANES_AT_MOST  100u

static const char help[] = "hotplate show ID [--timeline] [--threshold 1%] [--unfold] [--raw] [--sql]\n"
                           "hotplate show ID --html [-o FILE.html]\n"
                           "\n"
                           "One request: phases, call tree, SQL, threads. ID from hotplate requests.\n"
                           "  --timeline      what each thread, greenlet and task did when, instead\n"
                           "  --threshold P   leave out calls below this share (1%)\n"
                           "  --unfold        show library frames too\n"
                           "  --raw           as measured: our own cost not taken out\n"
                           "  --sql           every execution in order, one a line\n"
                           "  --html          the dashboard's page of it as one file that works offline\n"
                           "  -o, --output F  where to (stdout)\n";

struct show {
    struct hp_reading reading;
    const struct hp_dict *dict;
    struct hp_record record;
    struct hp_tree *tree; /* NULL: none recorded */
    const char *file;     /* of the page; NULL: stdout */
    bool raw, unfold, all_sql, over_time, page;
    double threshold;
};

/* ---- text ---- */

static int by_total(const void *a, const void *b)
{
    const struct hp_group *x = a, *y = b;
    uint64_t left = x->exec_ns + x->fetch_ns, right = y->exec_ns + y->fetch_ns;
    if (left != right) {
        return left > right ? -1 : 1;
    }
    return x->statement < y->statement ? -1 : x->statement > y->statement;
}

static void put_statement(const struct show *show, struct hp_buf *out, uint32_t statement)
{
    struct hp_str text = hp_dict_statement(show->dict, statement).text;
    struct hp_str cut = hp_utf8_cut(text, STATEMENT_CUT);
    hp_output_text(out, cut);
    hp_buf_put_text(out, cut.n < text.n ? HP_STR("…") : HP_STR(""));
}

static hp_err put_groups(const struct show *show, struct hp_buf *out)
{
    static const struct hp_table_column columns[] = {
        {"  total", false}, {"times", false}, {"slowest", false}, {"rows", false}, {"statement", true}};
    const struct hp_record *record = &show->record;
    struct hp_table table;
    struct hp_buf text;
    hp_buf_init(&text, 1 << 20);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    if (record->group_count != 0) {
        qsort(record->groups, record->group_count, sizeof *record->groups, by_total);
    }
    for (uint32_t i = 0; i < record->group_count; i++) {
        const struct hp_group *group = &record->groups[i];
        hp_table_ns(&table, group->exec_ns + group->fetch_ns);
        hp_table_count(&table, group->count);
        hp_table_ns(&table, group->max_ns);
        hp_table_count(&table, group->rows);
        hp_buf_reset(&text);
        put_statement(show, &text, group->statement);
        hp_buf_put_text(&text, HP_STR("  at "));
        hp_place_put(&text, show->dict, group->site_sym, group->site_line, group->via_sym);
        hp_table_cell(&table, hp_buf_str(&text));
    }
    hp_output_heading(out, "SQL, grouped", "");
    hp_err err = hp_table_put(&table, out);
    hp_table_fini(&table);
    hp_buf_fini(&text);
    return err;
}

/* How many executions from `at` on are the same statement on the same lane, one after the other. */
static uint32_t run_length(const struct hp_record *record, uint32_t at)
{
    uint32_t n = 1;
    while (at + n < record->stmt_count && record->stmts[at + n].statement == record->stmts[at].statement &&
           record->stmts[at + n].lane == record->stmts[at].lane) {
        n++;
    }
    return n;
}

/* One row of the list: `n` executions from `at` on. */
static void add_run(const struct show *show, struct hp_table *table, struct hp_buf *text, uint32_t at,
                    uint32_t n)
{
    uint64_t exec_ns = 0, fetch_ns = 0, rows = 0;
    bool failed = false;
    for (uint32_t i = at; i < at + n; i++) {
        const struct hp_stmt *stmt = &show->record.stmts[i];
        exec_ns += stmt->exec_ns;
        fetch_ns += stmt->fetch_ns;
        rows = rows == HP_ABSENT || stmt->rows == HP_ABSENT ? HP_ABSENT : rows + stmt->rows;
        failed = failed || stmt->flags & HP_STMT_ERROR;
    }
    hp_table_ns(table, show->record.stmts[at].t0_ns);
    hp_table_count(table, n);
    hp_table_ns(table, exec_ns);
    hp_table_ns(table, fetch_ns);
    hp_table_count(table, rows);
    hp_table_count(table, show->record.stmts[at].lane);
    hp_buf_reset(text);
    put_statement(show, text, show->record.stmts[at].statement);
    hp_buf_put_text(text, failed ? HP_STR("  (failed)") : HP_STR(""));
    hp_table_cell(table, hp_buf_str(text));
}

static hp_err put_statements(const struct show *show, struct hp_buf *out)
{
    static const struct hp_table_column columns[] = {{"  at", false},    {"times", false}, {"execute", false},
                                                     {"fetch", false},   {"rows", false},  {"lane", false},
                                                     {"statement", true}};
    const struct hp_record *record = &show->record;
    struct hp_table table;
    struct hp_buf text;
    uint32_t at = 0;
    hp_buf_init(&text, 1 << 20);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t listed = 0; at < record->stmt_count && (show->all_sql || listed < LISTED_AT_MOST);
         listed++) {
        uint32_t n = show->all_sql ? 1 : run_length(record, at);
        add_run(show, &table, &text, at, n);
        at += n;
    }
    hp_output_heading(out, "SQL, in order",
                      show->all_sql ? "" : "the same one again and again is one row (--sql for all)");
    hp_err err = hp_table_put(&table, out);
    if (at < record->stmt_count) {
        hp_buf_printf(out, "  … and %" PRIu32 " more (--sql)\n", record->stmt_count - at);
    }
    hp_table_fini(&table);
    hp_buf_fini(&text);
    return err;
}

/* What a library made of the rows, beside the database. */
static hp_err put_built(const struct show *show, struct hp_arena *arena, struct hp_buf *out)
{
    static const struct hp_table_column columns[] = {
        {"  building", false}, {"database", false}, {"rows", false}, {"times", false}, {"at", true}};
    struct hp_built *list;
    uint32_t count;
    hp_err err = hp_built_of(&show->record, show->tree, show->dict, arena, &list, &count);
    if (err != HP_OK || count == 0) {
        return err;
    }
    struct hp_table table;
    struct hp_buf text;
    hp_buf_init(&text, 1 << 16);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < count; i++) {
        hp_table_ns(&table, list[i].ns);
        hp_table_ns(&table, list[i].database_ns);
        hp_table_count(&table, list[i].rows);
        hp_table_count(&table, list[i].statements);
        hp_buf_reset(&text);
        hp_place_put(&text, show->dict, list[i].site_sym, list[i].site_line, list[i].via_sym);
        hp_table_cell(&table, hp_buf_str(&text));
    }
    hp_output_heading(out, "Objects built from rows",
                      "the library's own time around the statements of a function");
    err = hp_table_put(&table, out);
    hp_table_fini(&table);
    hp_buf_fini(&text);
    return err;
}

static hp_err put_lanes(const struct show *show, struct hp_buf *out)
{
    static const struct hp_table_column columns[] = {{"  lane", false}, {"kind", true},      {"of", false},
                                                     {"from", false},   {"to", false},       {"took", false},
                                                     {"cpu", false},    {"started at", true}};
    const struct hp_record *record = &show->record;
    struct hp_table table;
    struct hp_buf text;
    hp_buf_init(&text, 1 << 16);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 1; i < record->lane_count && i <= LANES_AT_MOST; i++) {
        const struct hp_lane *lane = &record->lanes[i];
        hp_table_count(&table, i);
        hp_table_cell(&table, hp_str_from0(hp_timeline_lane_kind(lane->kind)));
        hp_table_count(&table, lane->parent);
        hp_table_ns(&table, lane->start_ns);
        hp_table_ns(&table, lane->end_ns);
        hp_table_ns(&table, lane->end_ns > lane->start_ns ? lane->end_ns - lane->start_ns : 0);
        hp_table_ns(&table, lane->cpu_ns);
        hp_buf_reset(&text);
        hp_place_put(&text, show->dict, lane->site_sym, lane->site_line, lane->via_sym);
        hp_buf_put_text(&text, lane->flags & HP_LANE_OPEN ? HP_STR("  (still ran at the end)") : HP_STR(""));
        hp_table_cell(&table, hp_buf_str(&text));
    }
    hp_output_heading(out, "Threads and tasks beside the request", "");
    hp_err err = hp_table_put(&table, out);
    if (record->lane_count > LANES_AT_MOST + 1) {
        hp_buf_printf(out, "  … and %" PRIu32 " more (--json)\n", record->lane_count - LANES_AT_MOST - 1);
    }
    hp_table_fini(&table);
    hp_buf_fini(&text);
    return err;
}

static hp_err put_tree(const struct show *show, struct hp_buf *out)
{
    char share[HP_SHOW_BYTES];
    struct hp_calltree_options options = {
        .threshold = show->threshold, .unfold = show->unfold, .requests = 1};
    options.uncounted = (show->record.req.flags & HP_REQ_SAMPLED) != 0;
    options.samples = options.uncounted && show->tree != NULL ? hp_tree_samples(show->tree) : 0;
    if (show->tree == NULL) {
        hp_output_heading(out, "Call tree", "none was recorded at this level");
        return out->err;
    }
    struct hp_buf remark;
    hp_buf_init(&remark, 1024);
    hp_buf_printf(&remark, "calls below %s left out%s%s", hp_show_percent(share, show->threshold),
                  show->unfold ? "" : ", library frames folded (--unfold)", show->raw ? ", as measured" : "");
    if (options.uncounted) {
        hp_buf_printf(&remark, ", estimated from %s samples", hp_show_count(share, options.samples));
    }
    hp_buf_put_u8(&remark, '\0');
    hp_output_heading(out, "Call tree", remark.err == HP_OK ? (const char *)remark.data : "");
    hp_buf_fini(&remark);
    return hp_calltree_text(show->tree, show->dict, &options, out);
}

static int put_text(struct show *show, struct hp_arena *arena, struct hp_buf *out)
{
    hp_show_request_text(out, show->dict, &show->record.req, show->raw);
    hp_err err = hp_show_waits_text(out, show->dict, &show->record);
    if (err == HP_OK) {
        err = put_tree(show, out);
    }
    if (err == HP_OK && show->record.group_count != 0) {
        err = put_groups(show, out);
    }
    if (err == HP_OK) {
        err = put_built(show, arena, out);
    }
    if (err == HP_OK && show->record.stmt_count != 0) {
        err = put_statements(show, out);
    }
    if (err == HP_OK) {
        err = hp_show_connections_text(out, &show->record);
    }
    if (err == HP_OK && show->record.lane_count > 1) {
        err = put_lanes(show, out);
    }
    if (err == HP_OK) {
        err = hp_show_notes_text(out, show->dict, &show->record);
    }
    return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
}

/* ---- JSON ---- */

static int put_json(const struct show *show, struct hp_arena *arena, struct hp_buf *out)
{
    struct hp_json json;
    hp_json_init(&json, out, true);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_requestjson_fields(&json, show->dict, &show->record.req);
    hp_requestjson_detail(&json, show->dict, &show->record);
    hp_waitsjson_members(&json, show->dict, &show->record);
    hp_connections_json(&json, &show->record);
    hp_err err = hp_builtjson_put(&json, &show->record, show->tree, show->dict, arena);
    if (err != HP_OK) {
        return hp_output_error(err, NULL);
    }
    hp_notesjson_members(&json, show->dict, &show->record);
    hp_json_key(&json, "nodes");
    if (show->tree != NULL) {
        hp_treejson_nodes(show->tree, show->dict, HP_UNIT_TIME, true, &json);
    } else {
        hp_json_null(&json);
    }
    hp_json_object_end(&json);
    return hp_output_json_end(&json, out);
}

static int put_timeline(const struct show *show, struct hp_arena *arena, struct hp_buf *out)
{
    struct hp_timeline timeline;
    hp_err err = hp_timeline_init(&timeline, &show->record, arena);
    if (err == HP_OK && show->reading.json) {
        struct hp_json json;
        hp_json_init(&json, out, true);
        hp_json_object_begin(&json);
        hp_json_kv_u64(&json, "schema", 1);
        hp_requestjson_fields(&json, show->dict, &show->record.req);
        hp_lanes_json(&json, &timeline, &show->record, show->dict);
        hp_json_object_end(&json);
        return hp_output_json_end(&json, out);
    }
    if (err == HP_OK) {
        hp_show_request_text(out, show->dict, &show->record.req, show->raw);
        err = hp_show_timeline_text(out, &timeline, &show->record, show->dict);
    }
    return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
}

/* ---- the dashboard's page ---- */

static int deliver_page(const struct show *show, struct hp_str page, struct hp_buf *out)
{
    struct hp_errinfo info = {0};
    if (show->file == NULL || strcmp(show->file, "-") == 0) {
        hp_buf_put_text(out, page);
        return HP_EXIT_OK;
    }
    hp_err err = hp_outfile_write(show->file, page, &info);
    return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, &info);
}

/* As the dashboard exports it: the same question, asked without a server. */
static int put_page(const struct show *show, struct hp_buf *out)
{
    const struct hp_api_config config = {.store = show->reading.path, .limit_ms = HP_SERVING_LIMIT_MS};
    char query[32];
    struct hp_api_response response;
    int status;
    struct hp_api *api = hp_api_new(&config);
    if (api == NULL) {
        return hp_output_error(HP_ENOMEM, NULL);
    }
    (void)snprintf(query, sizeof query, "id=%016" PRIx64, show->record.req.id);
    const struct hp_api_request request = {.method = HP_STR("GET"),
                                           .path = HP_STR("api/v1/export"),
                                           .query = hp_str_from0(query),
                                           .loopback = true,
                                           .granted = HP_API_READER};
    hp_api_answer(api, &request, &response);
    struct hp_str body = hp_buf_str(&response.body);
    if (response.status == 200) {
        status = deliver_page(show, body, out);
    } else {
        status = hp_output_fail("the page could not be made: %.*s", (int)body.n, body.p);
    }
    hp_api_response_fini(&response);
    hp_api_free(api);
    return status;
}

static int show_it(struct show *show, uint64_t id, struct hp_buf *out)
{
    struct hp_arena arena;
    struct hp_errinfo info = {0};
    int status;
    hp_arena_init(&arena, ARENA_BYTES);
    show->dict = hp_store_dict(show->reading.store);
    hp_err err = hp_store_request(show->reading.store, id, &arena, &show->record, &info);
    if (err == HP_ENOTFOUND) {
        status = hp_output_fail("no request %016" PRIx64 " in the store", id);
        goto done;
    }
    if (err == HP_OK) {
        err = hp_input_record_tree(show->reading.store, &show->record, show->raw, &show->tree);
    }
    if (err != HP_OK) {
        status = hp_output_error(err, &info);
        goto done;
    }
    if (show->over_time || show->page) {
        status = show->page ? put_page(show, out) : put_timeline(show, &arena, out);
        goto done;
    }
    status = show->reading.json ? put_json(show, &arena, out) : put_text(show, &arena, out);
done:
    hp_tree_free(show->tree);
    hp_arena_fini(&arena);
    return status;
}

int hp_cmd_show(int argc, char **argv, struct hp_buf *out)
{
    struct show show = {0};
    const char *threshold = "1%";
    uint64_t id = 0;
    const struct hp_args_option options[] = {{"--threshold", NULL, HP_ARGS_TEXT, &threshold},
                                             {"--unfold", NULL, HP_ARGS_FLAG, &show.unfold},
                                             {"--raw", NULL, HP_ARGS_FLAG, &show.raw},
                                             {"--sql", NULL, HP_ARGS_FLAG, &show.all_sql},
                                             {"--timeline", NULL, HP_ARGS_FLAG, &show.over_time},
                                             {"--html", NULL, HP_ARGS_FLAG, &show.page},
                                             {"--output", "-o", HP_ARGS_TEXT, &show.file}};
    const struct hp_reading_command command = {
        .name = "show", .help = help, .options = options, .option_count = 7, .least = 1, .most = 1};
    int status = hp_reading_parse(&show.reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (show.file != NULL && !show.page) {
        status = hp_output_usage("show", "-o %s without --html", show.file);
    } else if (!hp_quantity_share(threshold, &show.threshold)) {
        status = hp_output_usage("show", "--threshold %s: not a share like 1%%", threshold);
    } else if (!hp_input_request_id(hp_str_from0(show.reading.words[0]), &id)) {
        status =
            hp_output_usage("show", "%s: a request id is 16 lower-case hex digits", show.reading.words[0]);
    } else {
        status = hp_reading_begin(&show.reading);
    }
    if (status >= 0) {
        return status;
    }
    status = show_it(&show, id, out);
    hp_reading_end(&show.reading);
    return status;
}
