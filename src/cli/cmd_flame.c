/* cmd_flame.c -- `hotplate flame` and `hotplate icicle`: a flame graph for a README or a ticket, the root below or on top. */
#include "cli/command.h"
#include "cli/load.h"
#include "cli/output.h"
#include "cli/quantity.h"
#include "format/flamesvg.h"

#define SVG_MAX_BYTES ((size_t)256 << 20)

static const char flame_help[] =
    "hotplate flame [INPUT] -o FILE.svg [--width 1200] [--min 0.1%] [--raw]\n"
    "\n"
    "An SVG flame graph without script; numbers show on hover. Application code is\n"
    "strong, library code pale; threads stand below, with a scale of their own.\n"
    "  -o, --output FILE   - for stdout\n"
    "  --min P             leave out boxes narrower than this (0.1%)\n"
    "INPUT: a profile, a store, req:ID, route:'GET /x', label:L, or the bare word.\n";

static const char icicle_help[] =
    "hotplate icicle [INPUT] -o FILE.svg [--width 1200] [--min 0.1%] [--raw]\n"
    "\n"
    "A flame graph with the root on top (see hotplate flame --help).\n"
    "INPUT: a profile, a store, req:ID, route:'GET /x', label:L, or the bare word.\n";

struct flame {
    struct hp_reading reading;
    struct hp_flamesvg_options options;
    const char *name, *file;
    bool raw;
};

static int draw(struct flame *flame, struct hp_buf *out)
{
    struct hp_loaded loaded;
    struct hp_buf svg;
    const char *word = flame->reading.word_count != 0 ? flame->reading.words[0] : NULL;
    hp_buf_init(&svg, SVG_MAX_BYTES);
    int status = hp_load_begin(&flame->reading, flame->name, word, flame->raw, &loaded);
    status = status >= 0 ? status : hp_load_need_tree(&loaded, flame->name);
    if (status >= 0) {
        goto done;
    }
    flame->options.title = hp_buf_str(&loaded.title);
    flame->options.requests = loaded.profile->requests;
    flame->options.unit = loaded.profile->unit;
    flame->options.file = loaded.format != NULL;
    hp_err err = hp_flamesvg_write(loaded.profile->tree, loaded.profile->dict, &flame->options, &svg);
    status = err == HP_OK ? hp_load_deliver(flame->file, hp_buf_str(&svg), out) : hp_output_error(err, NULL);
done:
    hp_load_end(&loaded);
    hp_buf_fini(&svg);
    return status;
}

static int run(const char *name, const char *help, bool icicle, int argc, char **argv, struct hp_buf *out)
{
    struct flame flame = {.name = name, .options.icicle = icicle};
    const char *width = "1200", *min = "0.1%";
    uint64_t pixels;
    const struct hp_args_option options[] = {{"--output", "-o", HP_ARGS_TEXT, &flame.file},
                                             {"--width", NULL, HP_ARGS_TEXT, &width},
                                             {"--min", NULL, HP_ARGS_TEXT, &min},
                                             {"--raw", NULL, HP_ARGS_FLAG, &flame.raw}};
    const struct hp_reading_command command = {
        .name = name, .help = help, .options = options, .option_count = 4, .most = 1};
    int status = hp_reading_parse(&flame.reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (flame.file == NULL || flame.file[0] == '\0') {
        return hp_output_usage(name, "where to? -o FILE.svg");
    }
    if (!hp_quantity_count(width, 20000, &pixels) || pixels < 200) {
        return hp_output_usage(name, "--width %s: not 200 to 20000", width);
    }
    if (!hp_quantity_share(min, &flame.options.min_share)) {
        return hp_output_usage(name, "--min %s: not a share like 0.1%%", min);
    }
    flame.options.width = (uint32_t)pixels;
    status = draw(&flame, out);
    hp_reading_end(&flame.reading);
    return status;
}

int hp_cmd_flame(int argc, char **argv, struct hp_buf *out)
{
    return run("flame", flame_help, false, argc, argv, out);
}

int hp_cmd_icicle(int argc, char **argv, struct hp_buf *out)
{
    return run("icicle", icicle_help, true, argc, argv, out);
}
