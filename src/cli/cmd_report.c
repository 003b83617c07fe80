/* cmd_report.c -- `hotplate report`: what is slow, why, and what fixing it would save (answer/ has all of
 * it). */
#include <sys/ioctl.h>
#include <unistd.h>

#include "answer/answer.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/explain_serve.h"
#include "cli/output.h"
#include "cli/reading.h"

#define ARENA_BYTES ((size_t)2 << 30)

static const char help[] =
    "hotplate report\n"
    "\n"
    "A sentence per slow route, then its causes in rank order: the line to edit, the\n"
    "evidence, what a fix would save, what to do; then what is left, and all routes.\n";

/* Columns to break our own text at: the terminal's, within reason. */
static uint32_t text_width(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return 100;
    }
    return size.ws_col < 60 ? 60 : size.ws_col > 120 ? 120 : size.ws_col;
}

static int report(struct hp_reading *reading, struct hp_arena *arena, struct hp_buf *out)
{
    struct hp_errinfo info = {0};
    struct hp_answer answer;
    struct hp_answer_options options = {.scope = reading->scope,
                                        .label = hp_str_from0(reading->label),
                                        .keep_states = true,
                                        .now_ns = hp_clock_wall_ns()};
    hp_err err = hp_answer_load(reading->store, &options, arena, &answer, &info);
    if (err != HP_OK) {
        return hp_output_error(err, &info);
    }
    if (reading->json) {
        err = hp_answer_json(&answer, true, out);
        hp_buf_put_text(out, HP_STR("\n"));
    } else if (answer.route_count == 0) {
        hp_reading_put_empty(reading, out);
    } else {
        hp_answer_text(&answer, text_width(), out);
    }
    err = err == HP_OK ? out->err : err;
    return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
}

int hp_cmd_report(int argc, char **argv, struct hp_buf *out)
{
    const struct hp_reading_command command = {.name = "report", .help = help};
    struct hp_reading reading = {.writable = true};
    struct hp_arena arena;
    int status = hp_reading_parse(&reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    status = hp_reading_begin(&reading);
    if (status >= 0) {
        return status;
    }
    hp_explain_serve_wait(reading.path);
    hp_arena_init(&arena, ARENA_BYTES);
    status = report(&reading, &arena, out);
    hp_reading_end(&reading);
    hp_arena_fini(&arena);
    return status;
}
