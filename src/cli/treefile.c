/* treefile.c -- see treefile.h. */
#include "cli/treefile.h"

#include <string.h>

#include "cli/outfile.h"
#include "cli/output.h"
#include "format/flamesvg.h"
#include "format/registry.h"

#define FILE_MAX_BYTES ((size_t)1 << 30)

static const struct hp_registry_format *format_of(const char *file, const char *to)
{
    return to != NULL ? hp_registry_named(hp_str_from0(to)) : hp_registry_for_file(hp_str_from0(file));
}

bool hp_treefile_knows(const char *file, const char *to)
{
    return format_of(file, to) != NULL;
}

/* Calls become samples, the callees' included. */
static void count_samples(struct hp_tree *tree)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        tree->nodes[i].calls = tree->nodes[i].samples;
    }
    for (uint32_t i = tree->count; i-- > 1;) { /* a parent's id is lower */
        tree->nodes[tree->nodes[i].parent].calls += tree->nodes[i].calls;
    }
}

static hp_err write_profile(const struct hp_registry_format *format, const struct hp_tree *tree,
                            const struct hp_dict *dict, struct hp_buf *bytes)
{
    struct hp_profile *profile = NULL;
    hp_err err = hp_profile_from_tree(tree, dict, &profile);
    if (err != HP_OK) {
        return err;
    }
    profile->sampled = true;
    profile->requests = 0;
    profile->counts_calls = strcmp(format->name, "pstats") == 0;
    if (profile->counts_calls) {
        count_samples(profile->tree);
    }
    err = hp_profile_finish(profile);
    err = err == HP_OK ? hp_profile_graph(profile) : err;
    err = err == HP_OK ? format->write(profile, bytes) : err;
    hp_profile_free(profile);
    return err;
}

hp_err hp_treefile_write(const char *file, const char *to, struct hp_str title, const struct hp_tree *tree,
                         const struct hp_dict *dict, struct hp_buf *out, struct hp_errinfo *info)
{
    struct hp_buf bytes;
    const struct hp_flamesvg_options options = {.title = title, .file = true};
    hp_buf_init(&bytes, FILE_MAX_BYTES);
    const struct hp_registry_format *format = format_of(file, to);
    hp_err err = strcmp(format->name, "svg") == 0 ? hp_flamesvg_write(tree, dict, &options, &bytes)
                                                  : write_profile(format, tree, dict, &bytes);
    if (err == HP_OK && strcmp(file, "-") == 0) {
        hp_buf_put_text(out, hp_buf_str(&bytes));
    } else if (err == HP_OK) {
        err = hp_outfile_write(file, hp_buf_str(&bytes), info);
    }
    hp_buf_fini(&bytes);
    return err;
}
