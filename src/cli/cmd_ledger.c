/* cmd_ledger.c -- `hotplate ledger`: every finding that was ever reported, what became of it, and what its
 * repair saved; mute and unmute. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer/answer.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/show.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/reading.h"
#include "cli/table.h"
#include "format/member.h"

#define ARENA_BYTES ((size_t)64 << 20)

static const char help[] = "hotplate ledger [--state new|open|fixed|returned|muted]\n"
                           "hotplate ledger mute ID [--reason TEXT]\n"
                           "hotplate ledger unmute ID\n"
                           "\n"
                           "Findings as they were last seen, newest first: predicted saving a request, and\n"
                           "what `hotplate compare` measured once they were fixed. A muted finding is left\n"
                           "out of reports until it is unmuted.\n"
                           "  --state S      only these\n"
                           "  --reason TEXT  why it is muted; kept and shown\n";

struct rows {
    struct hp_finding_state *list;
    size_t count, capacity;
    const char *state; /* NULL: all */
    const char *route; /* NULL: all */
    struct hp_arena arena;
    hp_err err;
};

static const char *state_of(const struct hp_finding_state *finding)
{
    return finding->muted ? "muted" : hp_answer_state_name(finding->state);
}

static bool add(struct rows *rows, const struct hp_finding_state *finding)
{
    struct hp_finding_state copy = *finding;
    struct hp_str *texts[HP_FINDING_TEXTS];
    if (rows->count == rows->capacity) {
        size_t more = rows->capacity == 0 ? 64 : rows->capacity * 2;
        struct hp_finding_state *list =
            hp_arena_alloc(&rows->arena, more * sizeof *list, _Alignof(struct hp_finding_state));
        if (list == NULL) {
            return false;
        }
        if (rows->count != 0) {
            memcpy(list, rows->list, rows->count * sizeof *list);
        }
        rows->list = list;
        rows->capacity = more;
    }
    hp_finding_texts(&copy, texts);
    for (int i = 0; i < HP_FINDING_TEXTS; i++) {
        if (texts[i]->n != 0) {
            const char *text = hp_arena_dup(&rows->arena, texts[i]->p, texts[i]->n);
            if (text == NULL) {
                return false;
            }
            *texts[i] = hp_str_make(text, texts[i]->n);
        }
    }
    rows->list[rows->count++] = copy;
    return true;
}

/* As for the other commands: "GET /x", or the rule alone. */
static bool is_route(struct hp_str route, const char *wanted)
{
    size_t rule = hp_str_find_char(route, ' ') + 1;
    struct hp_str name = hp_str_from0(wanted);
    return hp_str_eq(route, name) ||
           (rule < route.n && hp_str_eq(hp_str_make(route.p + rule, route.n - rule), name));
}

static bool keep(void *ctx, const struct hp_finding_state *finding)
{
    struct rows *rows = ctx;
    if ((rows->state != NULL && strcmp(rows->state, state_of(finding)) != 0) ||
        (rows->route != NULL && !is_route(finding->route, rows->route))) {
        return true;
    }
    if (!add(rows, finding)) {
        rows->err = HP_ENOMEM;
        return false;
    }
    return true;
}

static int put_json(const struct rows *rows, struct hp_buf *out)
{
    struct hp_json json;
    hp_json_init(&json, out, true);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_json_key(&json, "findings");
    hp_json_array_begin(&json);
    for (size_t i = 0; i < rows->count; i++) {
        const struct hp_finding_state *finding = &rows->list[i];
        hp_json_object_begin(&json);
        hp_answer_json_kept(&json, finding);
        hp_json_object_end(&json);
    }
    hp_json_array_end(&json);
    hp_json_object_end(&json);
    return hp_output_json_end(&json, out);
}

static const char *show_day(uint64_t ns, char text[32])
{
    time_t seconds = (time_t)(ns / 1000000000u);
    struct tm day;
    if (localtime_r(&seconds, &day) == NULL || strftime(text, 32, "%Y-%m-%d %H:%M", &day) == 0) {
        text[0] = '\0';
    }
    return text;
}

static void put_measured(const struct hp_finding_state *finding, struct hp_table *table)
{
    char value[HP_SHOW_BYTES];
    if (!finding->has_measured) {
        hp_table_cell(table, HP_STR("-"));
    } else if (finding->measured_ns < 0) {
        hp_table_cell(table, HP_STR("none"));
    } else {
        hp_table_cell(table, hp_str_from0(hp_show_ns(value, (uint64_t)finding->measured_ns)));
    }
}

static int put_text(const struct rows *rows, struct hp_buf *out)
{
    static const struct hp_table_column columns[] = {{"state", true},     {"predicted", false},
                                                     {"measured", false}, {"last seen", true},
                                                     {"id", true},        {"finding", true}};
    struct hp_table table;
    struct hp_buf cell;
    char text[32], id[17];
    hp_buf_init(&cell, 1 << 20);
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < rows->count; i++) {
        const struct hp_finding_state *finding = &rows->list[i];
        hp_table_cell(&table, hp_str_from0(state_of(finding)));
        hp_table_ns(&table, finding->predicted_ns);
        put_measured(finding, &table);
        hp_table_cell(&table, hp_str_from0(show_day(finding->last_ns, text)));
        snprintf(id, sizeof id, "%016" PRIx64, finding->id);
        hp_table_cell(&table, hp_str_from0(id));
        hp_buf_reset(&cell);
        hp_output_text(&cell, finding->route);
        hp_buf_printf(&cell, "  %.*s  ", (int)finding->kind.n, finding->kind.p);
        hp_output_text(&cell, finding->file);
        hp_buf_printf(&cell, ":%u", finding->line);
        if (finding->muted && finding->reason.n != 0) {
            hp_buf_put_text(&cell, HP_STR("  ("));
            hp_output_text(&cell, finding->reason);
            hp_buf_put_text(&cell, HP_STR(")"));
        }
        hp_table_cell(&table, hp_buf_str(&cell));
    }
    hp_err err = hp_table_put(&table, out);
    hp_table_fini(&table);
    hp_buf_fini(&cell);
    return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
}

static int list(struct hp_reading *reading, const char *state, struct hp_buf *out)
{
    struct rows rows = {.state = state, .route = reading->route};
    struct hp_errinfo info = {0};
    int status;
    hp_arena_init(&rows.arena, ARENA_BYTES);
    hp_err err = hp_store_findings(reading->store, keep, &rows, &info);
    if (err != HP_OK || rows.err != HP_OK) {
        status = hp_output_error(err != HP_OK ? err : rows.err, &info);
    } else if (reading->json) {
        status = put_json(&rows, out);
    } else if (rows.count != 0) {
        status = put_text(&rows, out);
    } else {
        status = HP_EXIT_OK;
        hp_buf_put_text(out, state != NULL || reading->route != NULL
                                 ? HP_STR("no such finding\n")
                                 : HP_STR("no findings yet: hotplate report looks for them\n"));
    }
    hp_arena_fini(&rows.arena);
    return status;
}

static int mute(struct hp_reading *reading, uint64_t id, bool muted, const char *reason, struct hp_buf *out)
{
    struct hp_finding_state state;
    struct hp_errinfo info = {0};
    hp_err err = hp_store_get_finding(reading->store, id, &state, &info);
    if (err == HP_ENOTFOUND) {
        return hp_output_fail("no finding %016" PRIx64 " in %s (hotplate ledger lists them)", id,
                              reading->path);
    }
    if (err == HP_OK) {
        state.muted = muted;
        state.reason = muted ? hp_str_from0(reason) : HP_STR("");
        err = hp_store_set_finding(reading->store, &state, &info);
    }
    if (err != HP_OK) {
        return hp_output_error(err, &info);
    }
    hp_buf_printf(out, "%s %016" PRIx64 "\n", muted ? "muted" : "unmuted", id);
    return HP_EXIT_OK;
}

static bool is_state(const char *name)
{
    static const char *const all[] = {"new", "open", "fixed", "returned", "muted"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(name, all[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool read_id(const char *text, uint64_t *id)
{
    char *end;
    if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16) {
        return false;
    }
    *id = strtoull(text, &end, 16);
    return *end == '\0';
}

int hp_cmd_ledger(int argc, char **argv, struct hp_buf *out)
{
    const char *state = NULL, *reason = "";
    const struct hp_args_option options[] = {{"--state", NULL, HP_ARGS_TEXT, &state},
                                             {"--reason", NULL, HP_ARGS_TEXT, &reason}};
    const struct hp_reading_command command = {
        .name = "ledger", .help = help, .options = options, .option_count = 2, .most = 2};
    struct hp_reading reading = {.all = true};
    uint64_t id = 0;
    int status = hp_reading_parse(&reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    const char *verb = reading.word_count > 0 ? reading.words[0] : NULL;
    bool is_mute = verb != NULL && strcmp(verb, "mute") == 0;
    if (state != NULL && !is_state(state)) {
        return hp_output_usage("ledger", "--state %s: not one of new, open, fixed, returned, muted", state);
    }
    if (verb != NULL && !is_mute && strcmp(verb, "unmute") != 0) {
        return hp_output_usage("ledger", "%s: not one of mute, unmute", verb);
    }
    if (verb != NULL && (reading.word_count != 2 || !read_id(reading.words[1], &id))) {
        return hp_output_usage("ledger", "%s needs the finding's id, 16 hex digits", verb);
    }
    reading.writable = verb != NULL;
    status = hp_reading_begin(&reading);
    if (status >= 0) {
        return status;
    }
    status = verb == NULL ? list(&reading, state, out) : mute(&reading, id, is_mute, reason, out);
    hp_reading_end(&reading);
    return status;
}
