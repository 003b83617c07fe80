/* cmd_flame.c -- `hotplate flame`, `icicle`, `sunburst` and `sandwich`: a call tree as a picture for a README
 * or a ticket. */
#include "cli/command.h"
#include "cli/load.h"
#include "cli/outfile.h"
#include "cli/output.h"
#include "cli/quantity.h"
#include "cli/ranking.h"
#include "format/flamesvg.h"
#include "format/framename.h"
#include "model/sandwich.h"

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

static const char sunburst_help[] =
    "hotplate sunburst [INPUT] -o FILE.svg [--width 800] [--min 0.1%] [--raw]\n"
    "\n"
    "A flame graph as rings, the root in the middle (see hotplate flame --help).\n"
    "INPUT: a profile, a store, req:ID, route:'GET /x', label:L, or the bare word.\n";

static const char sandwich_help[] =
    "hotplate sandwich [INPUT] -o FILE.svg [--function RE] [--width 1200] [--min P]\n"
    "\n"
    "One function in the middle, its callers above, what it calls below: an SVG as\n"
    "hotplate flame makes it. Of profiles without stacks (.prof) one level each.\n"
    "  --function RE   a regular expression over file:line(name); of several the one\n"
    "                  with most own time (it is also the one if this is not given)\n"
    "INPUT: a profile, a store, req:ID, route:'GET /x', label:L, or the bare word.\n";

struct flame {
    struct hp_reading reading;
    struct hp_flamesvg_options options;
    const char *name, *file;
    const char *function;
    bool raw, sandwich;
};

/* The symbol of the function with most own time among those that were asked for. */
static hp_err choose_function(const struct flame *flame, struct hp_profile *profile, uint32_t *sym,
                              struct hp_errinfo *info)
{
    struct hp_ranking ranking;
    hp_err err = hp_profile_graph(profile);
    if (err != HP_OK) {
        return err;
    }
    err = hp_ranking_init(&ranking, &profile->graph, profile->dict, "self", false, UINT32_MAX, info);
    if (err == HP_OK && flame->function != NULL) {
        err = hp_ranking_restrict(&ranking, &profile->graph, profile->dict, flame->function, info);
    }
    if (err == HP_OK && ranking.count == 0) {
        err = hp_err_set(info, HP_ENOTFOUND, 0, "no function matches %.200s",
                         flame->function != NULL ? flame->function : "");
    }
    if (err == HP_OK) {
        *sym = profile->graph.functions[ranking.list[0]].sym;
    }
    hp_ranking_fini(&ranking);
    return err;
}

static hp_err draw_sandwich(const struct flame *flame, struct hp_loaded *loaded,
                            struct hp_flamesvg_options *options, struct hp_buf *svg, struct hp_errinfo *info)
{
    struct hp_sandwich sandwich = {0};
    uint32_t sym = 0;
    hp_err err = choose_function(flame, loaded->profile, &sym, info);
    if (err == HP_OK) {
        struct hp_symbol symbol = hp_dict_symbol(loaded->profile->dict, sym);
        hp_buf_put_text(&loaded->title, HP_STR(": "));
        hp_framename_put(&loaded->title, &symbol, false);
        options->title = hp_buf_str(&loaded->title);
        err = hp_sandwich_init(&sandwich, loaded->profile, sym);
    }
    err = err != HP_OK ? err : hp_flamesvg_write_sandwich(&sandwich, loaded->profile->dict, options, svg);
    hp_sandwich_fini(&sandwich);
    return err;
}

static hp_err put_piece(void *ctx, struct hp_str bytes)
{
    return hp_outfile_put(ctx, bytes);
}

static hp_err write_file(const struct flame *flame, struct hp_loaded *loaded, struct hp_errinfo *info)
{
    struct hp_outfile file;
    struct hp_flamesvg_options options = flame->options;
    struct hp_buf svg;
    hp_err err = hp_outfile_open(&file, flame->file, info);
    if (err != HP_OK) {
        return err;
    }
    hp_buf_init(&svg, SVG_MAX_BYTES);
    options.pass = put_piece;
    options.ctx = &file;
    err = flame->sandwich ? draw_sandwich(flame, loaded, &options, &svg, info)
                          : hp_flamesvg_write(loaded->profile->tree, loaded->profile->dict, &options, &svg);
    err = err == HP_OK ? hp_outfile_put(&file, hp_buf_str(&svg)) : err;
    hp_buf_fini(&svg);
    return hp_outfile_close(&file, err, info);
}

static int draw(struct flame *flame)
{
    struct hp_errinfo info = {0};
    struct hp_loaded loaded;
    const char *word = flame->reading.word_count != 0 ? flame->reading.words[0] : NULL;
    int status = hp_load_begin(&flame->reading, flame->name, word, flame->raw, &loaded);
    status = status >= 0 || flame->sandwich ? status : hp_load_need_tree(&loaded, flame->name);
    if (status >= 0) {
        goto done;
    }
    flame->options.title = hp_buf_str(&loaded.title);
    flame->options.requests = loaded.profile->requests;
    flame->options.unit = loaded.profile->unit;
    flame->options.file = loaded.format != NULL;
    hp_err err = write_file(flame, &loaded, &info);
    status = err == HP_OK ? HP_EXIT_OK : hp_output_error(err, &info);
done:
    hp_load_end(&loaded);
    return status;
}

static int run(struct flame *flame, const char *help, const char *width, int argc, char **argv,
               struct hp_buf *out)
{
    const char *min = "0.1%";
    uint64_t pixels;
    struct hp_errinfo info = {0};
    const struct hp_args_option options[] = {{"--output", "-o", HP_ARGS_TEXT, &flame->file},
                                             {"--width", NULL, HP_ARGS_TEXT, &width},
                                             {"--min", NULL, HP_ARGS_TEXT, &min},
                                             {"--raw", NULL, HP_ARGS_FLAG, &flame->raw},
                                             {"--function", NULL, HP_ARGS_TEXT, &flame->function}};
    const struct hp_reading_command command = {.name = flame->name,
                                               .help = help,
                                               .options = options,
                                               .option_count = flame->sandwich ? 5 : 4,
                                               .most = 1};
    int status = hp_reading_parse(&flame->reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (flame->file == NULL || flame->file[0] == '\0') {
        return hp_output_usage(flame->name, "where to? -o FILE.svg");
    }
    if (!hp_quantity_count(width, 20000, &pixels) || pixels < 200) {
        return hp_output_usage(flame->name, "--width %s: not 200 to 20000", width);
    }
    if (!hp_quantity_share(min, &flame->options.min_share)) {
        return hp_output_usage(flame->name, "--min %s: not a share like 0.1%%", min);
    }
    char *const function[] = {(char *)flame->function};
    if (hp_ranking_check("self", function, flame->function != NULL, &info) != HP_OK) {
        return hp_output_usage(flame->name, "--function %s", info.text);
    }
    flame->options.width = (uint32_t)pixels;
    status = draw(flame);
    hp_reading_end(&flame->reading);
    return status;
}

int hp_cmd_flame(int argc, char **argv, struct hp_buf *out)
{
    struct flame flame = {.name = "flame"};
    return run(&flame, flame_help, "1200", argc, argv, out);
}

int hp_cmd_icicle(int argc, char **argv, struct hp_buf *out)
{
    struct flame flame = {.name = "icicle", .options.layout = HP_FLAMESVG_ICICLE};
    return run(&flame, icicle_help, "1200", argc, argv, out);
}

int hp_cmd_sunburst(int argc, char **argv, struct hp_buf *out)
{
    struct flame flame = {.name = "sunburst", .options.layout = HP_FLAMESVG_SUNBURST};
    return run(&flame, sunburst_help, "800", argc, argv, out);
}

int hp_cmd_sandwich(int argc, char **argv, struct hp_buf *out)
{
    struct flame flame = {.name = "sandwich", .sandwich = true};
    return run(&flame, sandwich_help, "1200", argc, argv, out);
}
