/* cmd_convert.c -- `hotplate convert [INPUT] -o OUT`: a call tree as a file for other tools. */
#include <string.h>

#include "cli/command.h"
#include "cli/input.h"
#include "cli/output.h"
#include "format/collapsed.h"
#include "format/pstats.h"

#define FILE_MAX_BYTES ((size_t)1 << 30)

static const char help[] = "hotplate convert [INPUT] -o FILE [--to pstats|collapsed] [--calls] [--raw]\n"
                           "\n"
                           "A call tree for other tools: .prof or .pstats is what cProfile writes (pstats,\n"
                           "snakeviz, gprof2dot); .collapsed, .folded or .txt is a line a stack, in\n"
                           "microseconds (flamegraph.pl, speedscope), with --calls in calls.\n"
                           "  -o, --output FILE   - for stdout (needs --to)\n"
                           "INPUT: req:ID, route:'GET /x', label:L, a store file, or the bare word.\n";

enum format { FORMAT_NONE, FORMAT_PSTATS, FORMAT_COLLAPSED };

struct convert {
    struct hp_reading reading;
    const char *file, *to;
    enum format format;
    bool raw, calls;
};

/* By --to, else by the file's ending. */
static enum format format_of(const char *to, const char *file)
{
    static const struct {
        const char *name;
        enum format format;
    } names[] = {{"pstats", FORMAT_PSTATS},
                 {"prof", FORMAT_PSTATS},
                 {"collapsed", FORMAT_COLLAPSED},
                 {"folded", FORMAT_COLLAPSED},
                 {"txt", FORMAT_COLLAPSED}};
    const char *dot = strrchr(file, '.');
    const char *name = to != NULL ? to : dot != NULL ? dot + 1 : "";
    size_t count = to != NULL ? 3 : 5;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i].name, name) == 0) {
            return names[i].format;
        }
    }
    return FORMAT_NONE;
}

static int convert(struct convert *conv, struct hp_buf *out)
{
    struct hp_reading *reading = &conv->reading;
    struct hp_errinfo info = {0};
    struct hp_input input;
    struct hp_tree *tree = NULL;
    struct hp_buf bytes;
    uint64_t requests;
    int status;
    hp_buf_init(&bytes, FILE_MAX_BYTES);
    hp_err err = hp_input_find(reading, reading->word_count != 0 ? reading->words[0] : NULL, &input, &info);
    if (err == HP_EINVAL) {
        status = hp_output_usage("convert", "%s", info.text);
        goto done;
    }
    err = err != HP_OK ? err : hp_input_tree(reading, &input, conv->raw, &tree, &requests, &info);
    if (err == HP_OK) {
        const struct hp_dict *dict = hp_store_dict(reading->store);
        struct hp_collapsed_options options = {.calls = conv->calls};
        err = conv->format == FORMAT_PSTATS ? hp_pstats_write(tree, dict, &bytes)
                                            : hp_collapsed_write(tree, dict, &options, &bytes);
    }
    if (err == HP_OK && strcmp(conv->file, "-") == 0) {
        hp_buf_put_text(out, hp_buf_str(&bytes));
    } else if (err == HP_OK) {
        err = hp_output_file(conv->file, hp_buf_str(&bytes), &info);
    }
    status = err == HP_OK ? HP_EXIT_OK : hp_output_error(err, &info);
done:
    hp_tree_free(tree);
    hp_buf_fini(&bytes);
    return status;
}

int hp_cmd_convert(int argc, char **argv, struct hp_buf *out)
{
    struct convert conv = {0};
    const struct hp_args_option options[] = {{"--output", "-o", HP_ARGS_TEXT, &conv.file},
                                             {"--to", NULL, HP_ARGS_TEXT, &conv.to},
                                             {"--calls", NULL, HP_ARGS_FLAG, &conv.calls},
                                             {"--raw", NULL, HP_ARGS_FLAG, &conv.raw}};
    const struct hp_reading_command command = {
        .name = "convert", .help = help, .options = options, .option_count = 4, .most = 1};
    int status = hp_reading_parse(&conv.reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    conv.format = conv.file == NULL ? FORMAT_NONE : format_of(conv.to, conv.file);
    if (conv.file == NULL || conv.file[0] == '\0') {
        status = hp_output_usage("convert", "where to? -o FILE");
    } else if (conv.format == FORMAT_NONE) {
        status = hp_output_usage("convert", "%s: unknown format; --to pstats or --to collapsed",
                                 conv.to != NULL ? conv.to : conv.file);
    } else {
        status = hp_reading_begin(&conv.reading);
    }
    if (status >= 0) {
        return status;
    }
    status = convert(&conv, out);
    hp_reading_end(&conv.reading);
    return status;
}
