/* cmd_flame.c -- `hotplate flame [INPUT] -o X.svg`: a flame graph for a README or a ticket. */
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/quantity.h"
#include "format/flamesvg.h"

#define SVG_MAX_BYTES ((size_t)256 << 20)

static const char help[] = "hotplate flame [INPUT] -o FILE.svg [--width 1200] [--min 0.1%] [--raw]\n"
                           "\n"
                           "An SVG flame graph without script; numbers show on hover. Application code is\n"
                           "strong, library code pale; threads stand below, with a scale of their own.\n"
                           "  -o, --output FILE   - for stdout\n"
                           "  --min P             leave out boxes narrower than this (0.1%)\n"
                           "INPUT: req:ID, route:'GET /x', label:L, a store file, or the bare word.\n";

struct flame {
    struct hp_reading reading;
    struct hp_flamesvg_options options;
    const char *file;
    bool raw;
};

static int draw(struct flame *flame, struct hp_buf *out)
{
    struct hp_reading *reading = &flame->reading;
    struct hp_errinfo info = {0};
    struct hp_input input;
    struct hp_tree *tree = NULL;
    struct hp_buf title, svg;
    int status = HP_EXIT_OK;
    hp_buf_init(&title, 1 << 16);
    hp_buf_init(&svg, SVG_MAX_BYTES);
    hp_err err = hp_input_find(reading, reading->word_count != 0 ? reading->words[0] : NULL, &input, &info);
    if (err == HP_EINVAL) {
        status = hp_output_usage("flame", "%s", info.text);
        goto done;
    }
    err = err != HP_OK ? err
                       : hp_input_tree(reading, &input, flame->raw, &tree, &flame->options.requests, &info);
    if (err == HP_OK) {
        hp_input_put_title(reading, &input, &title);
        flame->options.title = hp_buf_str(&title);
        err = hp_flamesvg_write(tree, hp_store_dict(reading->store), &flame->options, &svg);
    }
    if (err == HP_OK && strcmp(flame->file, "-") == 0) {
        hp_buf_put_text(out, hp_buf_str(&svg));
    } else if (err == HP_OK) {
        err = hp_output_file(flame->file, hp_buf_str(&svg), &info);
    }
    status = err == HP_OK ? HP_EXIT_OK : hp_output_error(err, &info);
done:
    hp_tree_free(tree);
    hp_buf_fini(&svg);
    hp_buf_fini(&title);
    return status;
}

int hp_cmd_flame(int argc, char **argv, struct hp_buf *out)
{
    struct flame flame = {0};
    const char *width = "1200", *min = "0.1%";
    uint64_t pixels;
    const struct hp_args_option options[] = {{"--output", "-o", HP_ARGS_TEXT, &flame.file},
                                             {"--width", NULL, HP_ARGS_TEXT, &width},
                                             {"--min", NULL, HP_ARGS_TEXT, &min},
                                             {"--raw", NULL, HP_ARGS_FLAG, &flame.raw}};
    const struct hp_reading_command command = {
        .name = "flame", .help = help, .options = options, .option_count = 4, .most = 1};
    int status = hp_reading_parse(&flame.reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (flame.file == NULL || flame.file[0] == '\0') {
        status = hp_output_usage("flame", "where to? -o FILE.svg");
    } else if (!hp_quantity_count(width, 20000, &pixels) || pixels < 200) {
        status = hp_output_usage("flame", "--width %s: not 200 to 20000", width);
    } else if (!hp_quantity_share(min, &flame.options.min_share)) {
        status = hp_output_usage("flame", "--min %s: not a share like 0.1%%", min);
    } else {
        flame.options.width = (uint32_t)pixels;
        status = hp_reading_begin(&flame.reading);
    }
    if (status >= 0) {
        return status;
    }
    status = draw(&flame, out);
    hp_reading_end(&flame.reading);
    return status;
}
