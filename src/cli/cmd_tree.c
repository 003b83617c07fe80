/* cmd_tree.c -- `hotplate tree [INPUT]`: the merged call tree on a terminal. */
#include "base/show.h"
#include "cli/calltree.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/output.h"
#include "cli/quantity.h"
#include "format/treejson.h"

static const char help[] = "hotplate tree [INPUT] [--threshold 1%] [--unfold] [--raw]\n"
                           "\n"
                           "The call tree of INPUT, a request's average where it is more than one.\n"
                           "  --threshold P   leave out calls below this share (1%)\n"
                           "  --unfold        show library frames too\n"
                           "  --raw           as measured: our own cost not taken out\n"
                           "INPUT: a profile, a store, req:ID, route:'GET /x', label:L, or the bare word.\n";

static int put_json(const struct hp_profile *profile, struct hp_buf *out)
{
    struct hp_json json;
    hp_json_init(&json, out, true);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    if (profile->requests != 0) {
        hp_json_kv_u64(&json, "requests", profile->requests);
    }
    hp_json_kv_cstr(&json, "unit", hp_profile_unit_name(profile->unit));
    hp_json_key(&json, "nodes");
    hp_treejson_nodes(profile->tree, profile->dict, profile->unit, profile->counts_calls, &json);
    hp_json_object_end(&json);
    return hp_output_json_end(&json, out);
}

static int show_tree(struct hp_reading *reading, struct hp_calltree_options *options, bool raw,
                     struct hp_buf *out)
{
    struct hp_loaded loaded;
    const char *word = reading->word_count != 0 ? reading->words[0] : NULL;
    int status = hp_load_begin(reading, "tree", word, raw, &loaded);
    status = status >= 0 ? status : hp_load_need_tree(&loaded, "tree");
    if (status >= 0) {
        goto done;
    }
    const struct hp_profile *profile = loaded.profile;
    if (reading->json) {
        status = put_json(profile, out);
        goto done;
    }
    options->requests = profile->requests;
    options->unit = profile->unit;
    options->file = loaded.format != NULL;
    options->uncounted = !profile->counts_calls;
    options->samples = profile->sampled ? hp_tree_samples(profile->tree) : 0;
    hp_buf_put_text(out, hp_buf_str(&loaded.title));
    hp_load_put_size(out, profile);
    hp_buf_put_text(out, profile->requests > 1 ? HP_STR(", on average\n") : HP_STR("\n"));
    hp_err err = hp_calltree_text(profile->tree, profile->dict, options, out);
    status = err == HP_OK ? HP_EXIT_OK : hp_output_error(err, NULL);
done:
    hp_load_end(&loaded);
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
        return hp_output_usage("tree", "--threshold %s: not a share like 1%%", threshold);
    }
    status = show_tree(&reading, &show, raw, out);
    hp_reading_end(&reading);
    return status;
}
