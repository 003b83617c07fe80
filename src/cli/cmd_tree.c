/* cmd_tree.c -- `hotplate tree [INPUT]`: the merged call tree on a terminal. */
#include "base/show.h"
#include "cli/calltree.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/quantity.h"

static const char help[] = "hotplate tree [INPUT] [--threshold 1%] [--unfold] [--raw]\n"
                           "\n"
                           "The call tree of INPUT, a request's average where it is more than one.\n"
                           "  --threshold P   leave out calls below this share (1%)\n"
                           "  --unfold        show library frames too\n"
                           "  --raw           as measured: our own cost not taken out\n"
                           "INPUT: req:ID, route:'GET /x', label:L, a store file, or the bare word.\n";

static int put_json(const struct hp_tree *tree, const struct hp_dict *dict, uint64_t requests,
                    struct hp_buf *out)
{
    struct hp_json json;
    hp_json_init(&json, out, true);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_json_kv_u64(&json, "requests", requests);
    hp_json_key(&json, "nodes");
    hp_calltree_json(tree, dict, &json);
    hp_json_object_end(&json);
    return hp_output_json_end(&json, out);
}

static int show_tree(struct hp_reading *reading, struct hp_calltree_options *options, bool raw,
                     struct hp_buf *out)
{
    struct hp_errinfo info = {0};
    struct hp_input input;
    struct hp_tree *tree = NULL;
    char count[HP_SHOW_BYTES];
    hp_err err = hp_input_find(reading, reading->word_count != 0 ? reading->words[0] : NULL, &input, &info);
    if (err == HP_EINVAL) {
        return hp_output_usage("tree", "%s", info.text);
    }
    err = err != HP_OK ? err : hp_input_tree(reading, &input, raw, &tree, &options->requests, &info);
    if (err != HP_OK) {
        return hp_output_error(err, &info);
    }
    int status = HP_EXIT_OK;
    if (reading->json) {
        status = put_json(tree, hp_store_dict(reading->store), options->requests, out);
    } else {
        hp_input_put_title(reading, &input, out);
        hp_buf_printf(out, ": %s %s\n", hp_show_count(count, options->requests),
                      options->requests == 1 ? "request" : "requests, on average");
        err = hp_calltree_text(tree, hp_store_dict(reading->store), options, out);
        status = err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
    }
    hp_tree_free(tree);
    return status;
}

int hp_cmd_tree(int argc, char **argv, struct hp_buf *out)
{
    const char *threshold = "1%";
    bool raw = false;
    struct hp_calltree_options show = {0};
    const struct hp_args_option options[] = {{"--threshold", NULL, HP_ARGS_TEXT, &threshold},
                                             {"--unfold", NULL, HP_ARGS_FLAG, &show.unfold},
                                             {"--raw", NULL, HP_ARGS_FLAG, &raw}};
    const struct hp_reading_command command = {
        .name = "tree", .help = help, .options = options, .option_count = 3, .most = 1};
    struct hp_reading reading = {0};
    int status = hp_reading_parse(&reading, &command, argc, argv, out);
    if (status >= 0) {
        return status;
    }
    if (!hp_quantity_share(threshold, &show.threshold)) {
        status = hp_output_usage("tree", "--threshold %s: not a share like 1%%", threshold);
    } else {
        status = hp_reading_begin(&reading);
    }
    if (status >= 0) {
        return status;
    }
    status = show_tree(&reading, &show, raw, out);
    hp_reading_end(&reading);
    return status;
}
