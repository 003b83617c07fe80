/* output.h -- how the command line speaks: one line on stderr for errors, colour only on a terminal, quiet on
 * a broken pipe.
 *
 * Commands write into a buffer; main.c hands it over once. Colour is used when stdout is a terminal and
 * NO_COLOR is unset or empty.
 */
#ifndef HP_OUTPUT_H
#define HP_OUTPUT_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "hotplate/err.h"

enum hp_paint {
    HP_PAINT_PLAIN,
    HP_PAINT_BOLD,
    HP_PAINT_DIM,
    HP_PAINT_RED,
    HP_PAINT_GREEN,
    HP_PAINT_YELLOW,
    HP_PAINT_CYAN
};

/* Whether stdout takes colour; asked once a process. */
bool hp_output_colour(void);

/* Append `text` in a colour, control characters shown as spaces. */
void hp_output_paint(struct hp_buf *out, enum hp_paint paint, struct hp_str text);

/* An empty line, then a bold heading on a line of its own, with a dim remark behind it (may be empty). */
void hp_output_heading(struct hp_buf *out, const char *heading, const char *remark);

/* Append `text` with control characters as spaces: what was captured must not steer a terminal. */
void hp_output_text(struct hp_buf *out, struct hp_str text);

/* "hotplate: …" on stderr, one line; returns HP_EXIT_FAILURE. The second is for a usage error: it names the
 * help; HP_EXIT_USAGE. The third says what `info` says, the error's own text if that is empty;
 * HP_EXIT_FAILURE. The fourth is a notice. */
int hp_output_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int hp_output_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
int hp_output_error(hp_err err, const struct hp_errinfo *info);
void hp_output_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A moment as local time, "2026-01-31 14:30:05", into the caller's 24 bytes. */
char *hp_output_moment(char text[24], uint64_t wall_ns);

/* End a JSON document: a line end, and the writer's error if it made one. Returns an exit code. */
int hp_output_json_end(struct hp_json *json, struct hp_buf *out);

/* Write everything to a descriptor; a reader that has gone is no error. */
HP_CHECK hp_err hp_output_flush(int fd, struct hp_str text);

#endif
