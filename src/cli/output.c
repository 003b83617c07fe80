/* output.c -- see output.h. */
#include "cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "model/record.h"

bool hp_output_colour(void)
{
    static int known = -1;
    if (known < 0) {
        const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
        known = isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') &&
                (terminal == NULL || strcmp(terminal, "dumb") != 0);
    }
    return known;
}

void hp_output_text(struct hp_buf *out, struct hp_str text)
{
    size_t start = out->len;
    hp_buf_put_text(out, text);
    for (size_t i = start; i < out->len; i++) {
        if (out->data[i] < 0x20 || out->data[i] == 0x7F) {
            out->data[i] = ' ';
        }
    }
}

void hp_output_paint(struct hp_buf *out, enum hp_paint paint, struct hp_str text)
{
    static const char *const codes[] = {"",         "\x1b[1m",  "\x1b[2m", "\x1b[31m",
                                        "\x1b[32m", "\x1b[33m", "\x1b[36m"};
    bool colour = paint != HP_PAINT_PLAIN && hp_output_colour();
    if (colour) {
        hp_buf_put_text(out, hp_str_from0(codes[paint]));
    }
    hp_output_text(out, text);
    if (colour) {
        hp_buf_put_text(out, HP_STR("\x1b[0m"));
    }
}

void hp_output_heading(struct hp_buf *out, const char *heading, const char *remark)
{
    hp_buf_put_text(out, HP_STR("\n"));
    hp_output_paint(out, HP_PAINT_BOLD, hp_str_from0(heading));
    if (remark[0] != '\0') {
        hp_buf_put_text(out, HP_STR("  "));
        hp_output_paint(out, HP_PAINT_DIM, hp_str_from0(remark));
    }
    hp_buf_put_text(out, HP_STR("\n"));
}

/* One line, whatever the arguments hold, by one write. */
static void say(const char *format, va_list args, const char *command)
{
    struct hp_buf text, line;
    hp_buf_init(&text, 4096);
    hp_buf_init(&line, 8192);
    hp_buf_vprintf(&text, format, args);
    hp_buf_put_text(&line, HP_STR("hotplate"));
    if (command != NULL) {
        hp_buf_printf(&line, " %s", command);
    }
    hp_buf_put_text(&line, HP_STR(": "));
    hp_output_text(&line, hp_buf_str(&text));
    if (command != NULL) {
        hp_buf_printf(&line, " (see hotplate %s --help)", command);
    }
    hp_buf_put_text(&line, HP_STR("\n"));
    hp_err lost = hp_output_flush(STDERR_FILENO, hp_buf_str(&line));
    (void)lost; /* nobody left to tell */
    hp_buf_fini(&text);
    hp_buf_fini(&line);
}

int hp_output_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args, NULL);
    va_end(args);
    return HP_EXIT_FAILURE;
}

int hp_output_usage(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args, command);
    va_end(args);
    return HP_EXIT_USAGE;
}

int hp_output_error(hp_err err, const struct hp_errinfo *info)
{
    return hp_output_fail("%s", info != NULL && info->text[0] != '\0' ? info->text : hp_err_text(err));
}

void hp_output_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args, NULL);
    va_end(args);
}

char *hp_output_moment(char text[24], uint64_t wall_ns)
{
    time_t moment = (time_t)(wall_ns / 1000000000u);
    struct tm when;
    if (localtime_r(&moment, &when) == NULL || strftime(text, 24, "%Y-%m-%d %H:%M:%S", &when) == 0) {
        text[0] = '\0';
    }
    return text;
}

int hp_output_json_end(struct hp_json *json, struct hp_buf *out)
{
    hp_err err = hp_json_finish(json);
    if (err != HP_OK) {
        hp_buf_reset(out);
        return hp_output_error(err, NULL);
    }
    hp_buf_put_text(out, HP_STR("\n"));
    return HP_EXIT_OK;
}

hp_err hp_output_flush(int fd, struct hp_str text)
{
    while (text.n != 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno == EPIPE ? HP_OK : errno == ENOSPC ? HP_ENOSPC : HP_EIO;
        }
        text = hp_str_make(text.p + n, text.n - (size_t)n);
    }
    return HP_OK;
}
