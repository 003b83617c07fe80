/* cmd_convert.c -- `hotplate convert` and `hotplate merge`: one profile, or several added up, as a file of
 * another format. */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/load.h"
#include "cli/output.h"
#include "format/collapsed.h"
#include "format/lanes.h"
#include "format/registry.h"

#define FILE_MAX_BYTES ((size_t)4 << 30)
#define WORDS_MAX      100000

#define FORMATS                                                                                              \
    "The format by --to or by the file's ending:\n"                                                          \
    "  pstats .prof, collapsed .folded, speedscope .speedscope.json, pprof .pb.gz,\n"                        \
    "  callgrind .callgrind, chrome .trace.json, gecko .gecko.json, dot .dot,\n"                             \
    "  svg .svg, html .html, csv .csv, json .profile.json, text .text\n"                                     \
    "  -o, --output FILE   - for stdout (needs --to)\n"

static const char convert_help[] =
    "hotplate convert [INPUT] -o FILE [--to FORMAT] [--calls] [--raw]\n"
    "\n"
    "A profile for other tools; chrome of req:ID is what its threads did when.\n" FORMATS
    "  --calls             collapsed stacks: calls instead of time\n"
    "INPUT: a profile, a store, req:ID, route:'GET /x', label:L, or the bare word.\n";

static const char merge_help[] =
    "hotplate merge INPUT... -o FILE [--to FORMAT] [--raw]\n"
    "\n"
    "Several profiles added up.\n" FORMATS
    "INPUT: a profile, a store, req:ID, route:'GET /x', label:L, or the bare word.\n";

struct convert {
    struct hp_reading reading;
    const struct hp_registry_format *format;
    const char *name, *file, *to;
    bool raw, calls;
};

static hp_err write_profile(const struct convert *conv, struct hp_profile *profile, struct hp_buf *bytes)
{
    if (strcmp(conv->format->name, "collapsed") == 0) {
        const struct hp_collapsed_options options = {
            .calls = conv->calls, .whole = profile->unit != HP_UNIT_TIME, .no_root = profile->requests == 0};
        return hp_collapsed_write(profile->tree, profile->dict, &options, bytes);
    }
    hp_err err = hp_profile_graph(profile);
    return err != HP_OK ? err : conv->format->write(profile, bytes);
}

static int deliver(const struct convert *conv, struct hp_loaded *loaded, struct hp_buf *out)
{
    struct hp_buf bytes;
    int status = conv->format->stacks ? hp_load_need_tree(loaded, conv->format->name) : -1;
    if (status >= 0) {
        return status;
    }
    hp_buf_init(&bytes, FILE_MAX_BYTES);
    hp_err err = write_profile(conv, loaded->profile, &bytes);
    status = err == HP_OK ? hp_load_deliver(conv->file, hp_buf_str(&bytes), out) : hp_output_error(err, NULL);
    hp_buf_fini(&bytes);
    return status;
}

/* Add the inputs behind the first one to it. */
static int add_others(struct convert *conv, struct hp_loaded *first)
{
    int status = -1;
    for (int i = 1; i < conv->reading.word_count && status < 0; i++) {
        status = hp_load_add(&conv->reading, conv->name, conv->reading.words[i], conv->raw, first->profile);
    }
    if (status < 0 && hp_profile_finish(first->profile) != HP_OK) {
        status = hp_output_error(HP_ENOMEM, NULL);
    }
    return status;
}

static int run(struct convert *conv, struct hp_buf *out)
{
    struct hp_loaded loaded;
    const char *word = conv->reading.word_count != 0 ? conv->reading.words[0] : NULL;
    int status = hp_load_begin(&conv->reading, conv->name, word, conv->raw, &loaded);
    if (status < 0 && conv->reading.word_count > 1) {
        status = add_others(conv, &loaded);
    }
    status = status < 0 ? deliver(conv, &loaded, out) : status;
    hp_load_end(&loaded);
    return status;
}

/* A trace of one request: its lanes over time, where a profile would have no times. */
static bool wants_lanes(const struct convert *conv, uint64_t *id)
{
    return strcmp(conv->format->name, "chrome") == 0 && conv->reading.word_count == 1 &&
           hp_input_request_id(hp_str_from0(conv->reading.words[0]), id);
}

static int convert_lanes(struct convert *conv, uint64_t id, struct hp_buf *out)
{
    struct hp_errinfo info = {0};
    struct hp_record record;
    struct hp_timeline timeline;
    struct hp_arena arena;
    struct hp_buf bytes, title;
    int status = hp_reading_begin(&conv->reading);
    if (status >= 0) {
        return status;
    }
    hp_arena_init(&arena, (size_t)1 << 30);
    hp_buf_init(&bytes, FILE_MAX_BYTES);
    hp_buf_init(&title, 1 << 16);
    const struct hp_dict *dict = hp_store_dict(conv->reading.store);
    hp_err err = hp_store_request(conv->reading.store, id, &arena, &record, &info);
    if (err == HP_OK) {
        err = hp_timeline_init(&timeline, &record, &arena);
    }
    if (err == HP_OK) {
        hp_reading_put_route(&title, dict, record.req.route);
        err = hp_lanes_chrome(&timeline, &record, dict, hp_buf_str(&title), &bytes);
    }
    status = err == HP_OK          ? hp_load_deliver(conv->file, hp_buf_str(&bytes), out)
             : err == HP_ENOTFOUND ? hp_output_fail("no request %016" PRIx64 " in the store", id)
                                   : hp_output_error(err, &info);
    hp_buf_fini(&title);
    hp_buf_fini(&bytes);
    hp_arena_fini(&arena);
    return status;
}

static int begin(struct convert *conv, const char *help, int least, int most, int argc, char **argv,
                 struct hp_buf *out)
{
    const struct hp_args_option options[] = {{"--output", "-o", HP_ARGS_TEXT, &conv->file},
                                             {"--to", NULL, HP_ARGS_TEXT, &conv->to},
                                             {"--calls", NULL, HP_ARGS_FLAG, &conv->calls},
                                             {"--raw", NULL, HP_ARGS_FLAG, &conv->raw}};
    const struct hp_reading_command command = {.name = conv->name,
                                               .help = help,
                                               .options = options,
                                               .option_count = 4,
                                               .least = least,
                                               .most = most};
    int status = hp_reading_parse(&conv->reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (conv->file == NULL || conv->file[0] == '\0') {
        return hp_output_usage(conv->name, "where to? -o FILE");
    }
    conv->format = conv->to != NULL ? hp_registry_named(hp_str_from0(conv->to))
                                    : hp_registry_for_file(hp_str_from0(conv->file));
    if (conv->format == NULL) {
        return hp_output_usage(conv->name, "%s: not a format that is written; --to pstats, --to speedscope …",
                               conv->to != NULL ? conv->to : conv->file);
    }
    uint64_t id = 0;
    status = wants_lanes(conv, &id) ? convert_lanes(conv, id, out) : run(conv, out);
    hp_reading_end(&conv->reading);
    return status;
}

int hp_cmd_convert(int argc, char **argv, struct hp_buf *out)
{
    struct convert conv = {.name = "convert"};
    return begin(&conv, convert_help, 0, 1, argc, argv, out);
}

int hp_cmd_merge(int argc, char **argv, struct hp_buf *out)
{
    struct convert conv = {.name = "merge"};
    return begin(&conv, merge_help, 1, WORDS_MAX, argc, argv, out);
}
