/* treefile.c -- see treefile.h. */
#include "cli/treefile.h"

#include <string.h>

#include "cli/output.h"
#include "format/collapsed.h"
#include "format/flamesvg.h"
#include "format/pstats.h"

#define FILE_MAX_BYTES ((size_t)1 << 30)

enum hp_treefile_format hp_treefile_format_of(const char *to, const char *file)
{
    static const struct {
        const char *name;
        enum hp_treefile_format format;
    } names[] = {
        {"svg", HP_TREEFILE_SVG},     {"pstats", HP_TREEFILE_PSTATS},    {"collapsed", HP_TREEFILE_COLLAPSED},
        {"prof", HP_TREEFILE_PSTATS}, {"folded", HP_TREEFILE_COLLAPSED}, {"txt", HP_TREEFILE_COLLAPSED}};
    const char *dot = strrchr(file, '.');
    const char *name = to != NULL ? to : dot != NULL ? dot + 1 : "";
    size_t count = to != NULL ? 3 : sizeof names / sizeof names[0];
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i].name, name) == 0) {
            return names[i].format;
        }
    }
    return HP_TREEFILE_NONE;
}

/* A copy whose calls are samples, the callees' included. */
static struct hp_tree *with_calls(const struct hp_tree *tree, const struct hp_dict *dict)
{
    struct hp_tree *copy = hp_tree_new(dict, tree->count + 4);
    if (copy == NULL || hp_tree_merge(copy, tree, NULL) != HP_OK) {
        hp_tree_free(copy);
        return NULL;
    }
    for (uint32_t i = 0; i < copy->count; i++) {
        copy->nodes[i].calls = copy->nodes[i].samples;
    }
    for (uint32_t i = copy->count; i-- > 1;) { /* a parent's id is lower */
        copy->nodes[copy->nodes[i].parent].calls += copy->nodes[i].calls;
    }
    hp_tree_total(copy);
    return copy;
}

static hp_err put_pstats(const struct hp_tree *tree, const struct hp_dict *dict, struct hp_buf *bytes)
{
    struct hp_tree *copy = with_calls(tree, dict);
    hp_err err = copy == NULL ? HP_ENOMEM : hp_pstats_write(copy, dict, bytes);
    hp_tree_free(copy);
    return err;
}

hp_err hp_treefile_write(const char *file, enum hp_treefile_format format, struct hp_str title,
                         const struct hp_tree *tree, const struct hp_dict *dict, struct hp_buf *out,
                         struct hp_errinfo *info)
{
    struct hp_buf bytes;
    struct hp_flamesvg_options options = {.title = title};
    hp_buf_init(&bytes, FILE_MAX_BYTES);
    hp_err err = format == HP_TREEFILE_SVG         ? hp_flamesvg_write(tree, dict, &options, &bytes)
                 : format == HP_TREEFILE_COLLAPSED ? hp_collapsed_write(tree, dict, NULL, &bytes)
                                                   : put_pstats(tree, dict, &bytes);
    if (err == HP_OK && strcmp(file, "-") == 0) {
        hp_buf_put_text(out, hp_buf_str(&bytes));
    } else if (err == HP_OK) {
        err = hp_output_file(file, hp_buf_str(&bytes), info);
    }
    hp_buf_fini(&bytes);
    return err;
}
