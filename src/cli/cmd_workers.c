/* cmd_workers.c -- `hotplate workers`: what each recording process used, minute by minute. */
#include <inttypes.h>
#include <stdio.h>

#include "answer/unseen.h"
#include "answer/workers.h"
#include "base/mem.h"
#include "base/show.h"
#include "cli/command.h"
#include "cli/reading.h"
#include "cli/table.h"

#define ARENA_BYTES ((size_t)1 << 28)
#define POINTS_MOST 1440u /* a day */

static const char help[] = "hotplate workers\n"
                           "\n"
                           "The processes that recorded: memory, processor time, threads and open files\n"
                           "when they were looked at last, restarts, and which waits cannot be seen in\n"
                           "them. --json has a point a minute.\n";

static int put_json(const struct hp_workers *gauges, const struct hp_unseen *unseen, struct hp_buf *out)
{
    struct hp_json json;
    hp_json_init(&json, out, true);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_workers_json(gauges, POINTS_MOST, &json);
    hp_unseen_json(unseen, &json);
    hp_json_object_end(&json);
    return hp_output_json_end(&json, out);
}

static void put_moment_cell(struct hp_table *table, uint64_t wall_ns)
{
    char text[24];
    hp_table_cell(table, hp_str_from0(hp_output_moment(text, wall_ns)));
}

static void put_worker(struct hp_table *table, const struct hp_worker *worker)
{
    char text[HP_SHOW_BYTES];
    const struct hp_gauge *last = &worker->last;
    double share = hp_workers_cpu_share(&worker->first, last);
    snprintf(text, sizeof text, "%" PRIu32, last->pid);
    hp_table_cell(table, hp_str_from0(text));
    put_moment_cell(table, last->start_ns);
    put_moment_cell(table, last->at_ns);
    hp_table_cell(table, hp_str_from0(hp_show_bytes(text, last->rss_bytes)));
    hp_table_cell(table, hp_str_from0(hp_show_bytes(text, last->peak_rss_bytes)));
    hp_table_ns(table, last->cpu_ns);
    hp_table_cell(table, share >= 0 ? hp_str_from0(hp_show_percent(text, share)) : HP_STR("-"));
    hp_table_count(table, last->threads);
    hp_table_count(table, last->fds);
}

static int put_text(const struct hp_workers *gauges, const struct hp_unseen *unseen, struct hp_buf *out)
{
    static const struct hp_table_column columns[] = {
        {"pid", false}, {"started", true}, {"last seen", true}, {"memory", false},    {"peak", false},
        {"cpu", false}, {"a core", false}, {"threads", false},  {"open files", false}};
    struct hp_table table;
    uint32_t restarts = hp_workers_restarts(gauges);
    if (gauges->worker_count == 0) {
        hp_buf_put_text(out, HP_STR("no process was looked at in this range\n"));
        hp_unseen_text(unseen, out);
        return HP_EXIT_OK;
    }
    hp_buf_printf(out, "%" PRIu32 " process%s, %" PRIu32 " restart%s\n", gauges->worker_count,
                  gauges->worker_count == 1 ? "" : "es", restarts, restarts == 1 ? "" : "s");
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < gauges->worker_count; i++) {
        put_worker(&table, &gauges->workers[i]);
    }
    hp_err err = hp_table_put(&table, out);
    hp_table_fini(&table);
    hp_unseen_text(unseen, out);
    return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
}

int hp_cmd_workers(int argc, char **argv, struct hp_buf *out)
{
    const struct hp_reading_command command = {.name = "workers", .help = help};
    struct hp_reading reading = {0};
    struct hp_errinfo info = {0};
    struct hp_arena arena;
    int status = hp_reading_parse(&reading, &command, argc, argv, out);
    status = status < 0 ? hp_reading_begin(&reading) : status;
    if (status >= 0) {
        return status;
    }
    hp_arena_init(&arena, ARENA_BYTES);
    struct hp_unseen unseen = {0};
    struct hp_workers *gauges = hp_calloc(1, sizeof *gauges);
    hp_err err = gauges == NULL ? HP_ENOMEM
                                : hp_workers_load(gauges, reading.store, reading.scope.from_ns,
                                                  reading.scope.to_ns, &arena, &info);
    err = err == HP_OK ? hp_unseen_load(&unseen, reading.store, reading.scope.from_ns, reading.scope.to_ns,
                                        &arena, &info)
                       : err;
    status = err != HP_OK   ? hp_output_error(err, &info)
             : reading.json ? put_json(gauges, &unseen, out)
                            : put_text(gauges, &unseen, out);
    hp_free(gauges);
    hp_arena_fini(&arena);
    hp_reading_end(&reading);
    return status;
}
