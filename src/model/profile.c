/* profile.c -- see profile.h. */
#include "model/profile.h"

#include "base/mem.h"

#define NODE_BYTES   ((size_t)144) /* with its slot of the index */
#define SAMPLE_SHARE 3             /* samples get a third of the budget */
#define OWN_NODES    (1u << 22)

struct hp_profile *hp_profile_new(enum hp_profile_shape shape, size_t budget)
{
    size_t nodes = (budget - budget / SAMPLE_SHARE) / NODE_BYTES;
    struct hp_profile *profile = hp_calloc(1, sizeof *profile);
    if (profile == NULL) {
        return NULL;
    }
    profile->shape = shape;
    profile->samples_max = budget / SAMPLE_SHARE / sizeof *profile->samples;
    hp_callgraph_init(&profile->graph, shape == HP_PROFILE_TREE ? 1e9 : 1);
    profile->dict = hp_dict_new();
    if (profile->dict != NULL && shape == HP_PROFILE_TREE) {
        profile->tree = hp_tree_new(profile->dict, nodes < UINT32_MAX / 2 ? (uint32_t)nodes : UINT32_MAX / 2);
    }
    if (profile->dict == NULL || (shape == HP_PROFILE_TREE && profile->tree == NULL)) {
        hp_profile_free(profile);
        return NULL;
    }
    return profile;
}

void hp_profile_free(struct hp_profile *profile)
{
    if (profile == NULL) {
        return;
    }
    hp_free(profile->samples);
    hp_callgraph_fini(&profile->graph);
    hp_tree_free(profile->tree);
    hp_dict_free(profile->dict);
    hp_free(profile);
}

/* ---- symbols ---- */

static bool is_python(struct hp_str folder)
{
    return hp_str_starts(folder, HP_STR("python"));
}

size_t hp_profile_installed(struct hp_str file)
{
    for (size_t dash = 0; dash < file.n; dash++) {
        dash += hp_str_find_char(hp_str_make(file.p + dash, file.n - dash), '-');
        struct hp_str before = hp_str_make(file.p, dash), rest = hp_str_make(file.p + dash, file.n - dash);
        if (hp_str_starts(rest, HP_STR("-packages/")) &&
            (hp_str_ends(before, HP_STR("site")) || hp_str_ends(before, HP_STR("dist")))) {
            return dash + HP_STR("-packages/").n;
        }
    }
    return 0;
}

/* What an interpreter installs is in a folder of a telling name; the rest is taken for the application. One
 * pass: the byte before a slash says whether it is worth a closer look. */
static bool is_library(struct hp_str file)
{
    if (hp_profile_installed(file) != 0) {
        return true;
    }
    for (size_t i = 1; i < file.n; i++) {
        if (file.p[i] != '/') {
            continue;
        }
        struct hp_str before = hp_str_make(file.p, i), behind = hp_str_make(file.p + i + 1, file.n - i - 1);
        if (file.p[i - 1] == 'b' && (hp_str_ends(before, HP_STR("/usr/lib")) ||
                                     (hp_str_ends(before, HP_STR("lib")) && is_python(behind)))) {
            return true;
        }
        if (file.p[i - 1] == '4' && hp_str_ends(before, HP_STR("lib64")) && is_python(behind)) {
            return true;
        }
    }
    return hp_str_starts(file, HP_STR("<frozen"));
}

hp_err hp_profile_symbol(struct hp_profile *profile, struct hp_str file, struct hp_str name, uint32_t line,
                         uint32_t *sym)
{
    bool c = hp_str_eq(file, HP_STR("~")) || hp_str_eq(file, HP_STR("<built-in>")); /* pstats, pyinstrument */
    struct hp_symbol symbol = {.file = file, .name = name, .line = line};
    symbol.kind = c ? HP_SYM_C : HP_SYM_PYTHON;
    symbol.flags = c || is_library(file) ? 0 : HP_SYM_APP;
    return hp_dict_add_symbol(profile->dict, &symbol, sym);
}

hp_err hp_profile_thread(struct hp_profile *profile, struct hp_str name, uint32_t *sym)
{
    struct hp_symbol symbol = {.name = name, .kind = HP_SYM_ROOT};
    return hp_dict_add_symbol(profile->dict, &symbol, sym);
}

/* ---- nodes ---- */

hp_err hp_profile_child(struct hp_profile *profile, uint32_t parent, uint32_t sym, uint32_t *node)
{
    struct hp_tree *tree = profile->tree;
    uint32_t child = hp_tree_child_at_line(tree, parent, sym, 0, HP_NODE_CALL);
    if (tree->overflow_count != 0) {
        return tree->max_nodes - tree->count < 4 ? HP_EFULL : HP_ENOMEM;
    }
    *node = child;
    return HP_OK;
}

static hp_err keep_sample(struct hp_profile *profile, struct hp_profile_sample sample)
{
    if (profile->sample_count == profile->samples_max) {
        profile->samples_dropped++;
        profile->ordered = false;
        return HP_OK;
    }
    if (profile->sample_count == profile->sample_capacity) {
        size_t wanted = profile->sample_capacity == 0 ? 256 : profile->sample_capacity * 2;
        wanted = wanted < profile->samples_max ? wanted : profile->samples_max;
        void *bigger = hp_realloc(profile->samples, wanted * sizeof sample);
        if (bigger == NULL) {
            return HP_ENOMEM;
        }
        profile->samples = bigger;
        profile->sample_capacity = wanted;
    }
    profile->samples[profile->sample_count++] = sample;
    return HP_OK;
}

/* Add a value, or what there is room for; that is returned. */
static uint64_t add_value(struct hp_profile *profile, uint32_t node, uint64_t value)
{
    uint64_t room = UINT64_MAX - profile->sum;
    if (value > room) {
        profile->clamped++;
        value = room;
    }
    profile->sum += value;
    profile->tree->nodes[node].self += value;
    return value;
}

hp_err hp_profile_add(struct hp_profile *profile, uint32_t node, uint64_t value, bool keep)
{
    value = add_value(profile, node, value);
    return keep ? keep_sample(profile, (struct hp_profile_sample){.node = node, .value = value}) : HP_OK;
}

hp_err hp_profile_add_sample(struct hp_profile *profile, const struct hp_profile_sample *sample)
{
    struct hp_profile_sample kept = *sample;
    struct hp_tree *tree = profile->tree;
    kept.value = add_value(profile, sample->node, sample->value);
    hp_leaves_add(&tree->leaves, &tree->nodes[sample->node].leaf, sample->line, kept.value, 0);
    return keep_sample(profile, kept);
}

hp_err hp_profile_finish(struct hp_profile *profile)
{
    profile->graph.per_unit = profile->unit == HP_UNIT_TIME && profile->shape == HP_PROFILE_TREE ? 1e9 : 1;
    if (profile->tree != NULL) {
        hp_tree_total(profile->tree);
        return HP_OK;
    }
    return hp_callgraph_finish(&profile->graph);
}

/* ---- copies and sums ---- */

/* For each symbol of `from` that some node or function uses, its id in `into`; the caller frees. */
static hp_err map_symbols(struct hp_dict *into, const struct hp_dict *from, uint32_t **map)
{
    uint32_t count = hp_dict_symbol_count(from);
    uint32_t *made = hp_calloc(count, sizeof *made);
    hp_err err = made == NULL ? HP_ENOMEM : HP_OK;
    for (uint32_t i = 1; i < count && err == HP_OK; i++) {
        struct hp_symbol symbol = hp_dict_symbol(from, i);
        err = hp_dict_add_symbol(into, &symbol, &made[i]);
    }
    if (err != HP_OK) {
        hp_free(made);
        return err;
    }
    *map = made;
    return HP_OK;
}

static hp_err map_used(struct hp_dict *into, const struct hp_dict *from, const struct hp_tree *tree,
                       uint32_t **map)
{
    uint32_t *made = hp_calloc(hp_dict_symbol_count(from), sizeof *made);
    hp_err err = made == NULL ? HP_ENOMEM : HP_OK;
    for (uint32_t i = HP_NODE_ROOT; err == HP_OK && i != HP_NODE_NONE; i = hp_tree_next(tree, i)) {
        uint32_t sym = tree->nodes[i].sym;
        if (sym != 0 && made[sym] == 0) {
            struct hp_symbol symbol = hp_dict_symbol(from, sym);
            err = hp_dict_add_symbol(into, &symbol, &made[sym]);
        }
    }
    if (err != HP_OK) {
        hp_free(made);
        return err;
    }
    *map = made;
    return HP_OK;
}

hp_err hp_profile_from_tree(const struct hp_tree *tree, const struct hp_dict *dict,
                            struct hp_profile **profile)
{
    uint32_t *map = NULL;
    struct hp_profile *made = hp_profile_new(HP_PROFILE_TREE, 0);
    if (made == NULL) {
        return HP_ENOMEM;
    }
    made->tree->max_nodes = made->tree->leaves.max = OWN_NODES;
    made->own_names = made->counts_calls = true;
    hp_err err = map_used(made->dict, dict, tree, &map);
    err = err != HP_OK ? err : hp_tree_merge(made->tree, tree, map);
    hp_free(map);
    err = err != HP_OK ? err : hp_profile_finish(made);
    if (err != HP_OK) {
        hp_profile_free(made);
        return err;
    }
    *profile = made;
    return HP_OK;
}

hp_err hp_profile_graph(struct hp_profile *profile)
{
    if (profile->shape == HP_PROFILE_PAIRS || profile->graph.count != 0) {
        return HP_OK;
    }
    return hp_callgraph_fold(&profile->graph, profile->tree, profile->dict);
}

/* The same symbol of a file without its folders. */
static hp_err add_bare(struct hp_dict *dict, uint32_t from, uint32_t *sym)
{
    struct hp_symbol symbol = hp_dict_symbol(dict, from);
    for (size_t i = symbol.file.n; i > 0; i--) {
        if (symbol.file.p[i - 1] == '/') {
            symbol.file = hp_str_make(symbol.file.p + i, symbol.file.n - i);
            break;
        }
    }
    symbol.path = HP_STR("");
    return hp_dict_add_symbol(dict, &symbol, sym);
}

hp_err hp_profile_strip_dirs(struct hp_profile *profile)
{
    struct hp_callgraph *graph = &profile->graph, bare;
    uint32_t most = 0;
    for (uint32_t i = 0; i < graph->count; i++) {
        most = graph->functions[i].sym > most ? graph->functions[i].sym : most;
    }
    hp_callgraph_init(&bare, graph->per_unit);
    uint32_t *map = hp_calloc((size_t)most + 1, sizeof *map);
    hp_err err = map == NULL ? HP_ENOMEM : HP_OK;
    for (uint32_t i = 0; i < graph->count && err == HP_OK; i++) {
        err = add_bare(profile->dict, graph->functions[i].sym, &map[graph->functions[i].sym]);
    }
    err = err != HP_OK ? err : hp_callgraph_merge(&bare, graph, map);
    err = err != HP_OK ? err : hp_callgraph_finish(&bare);
    if (err == HP_OK) {
        struct hp_callgraph whole = *graph;
        *graph = bare;
        bare = whole;
    }
    hp_callgraph_fini(&bare);
    hp_free(map);
    return err;
}

/* Forget the paths: what is left is what pairs can say. */
static hp_err make_pairs(struct hp_profile *profile)
{
    hp_err err = hp_profile_graph(profile);
    if (err != HP_OK || profile->shape == HP_PROFILE_PAIRS) {
        return err;
    }
    hp_tree_free(profile->tree);
    profile->tree = NULL;
    profile->shape = HP_PROFILE_PAIRS;
    return HP_OK;
}

hp_err hp_profile_merge(struct hp_profile *into, struct hp_profile *from)
{
    uint32_t *map = NULL;
    if (into->unit != from->unit) {
        return HP_EINVAL;
    }
    bool pairs = into->shape == HP_PROFILE_PAIRS || from->shape == HP_PROFILE_PAIRS;
    hp_err err = pairs ? make_pairs(into) : HP_OK;
    err = err != HP_OK || !pairs ? err : hp_profile_graph(from);
    err = err != HP_OK ? err : map_symbols(into->dict, from->dict, &map);
    if (err == HP_OK && pairs) {
        err = hp_callgraph_merge(&into->graph, &from->graph, map);
    } else if (err == HP_OK) {
        hp_callgraph_fini(&into->graph);
        hp_callgraph_init(&into->graph, 1e9);
        err = hp_tree_merge(into->tree, from->tree, map);
        err = err == HP_OK && into->tree->overflow_count != 0 ? HP_EFULL : err;
    }
    hp_free(map);
    hp_free(into->samples);
    into->samples = NULL;
    into->sample_count = into->sample_capacity = 0;
    into->ordered = false;
    into->requests += from->requests;
    into->counts_calls = into->counts_calls && from->counts_calls;
    into->own_names = into->own_names && from->own_names;
    return err;
}

bool hp_profile_is_empty(const struct hp_profile *profile)
{
    if (profile->shape == HP_PROFILE_PAIRS) {
        return profile->graph.count == 0;
    }
    return profile->tree->nodes[HP_NODE_ROOT].total == 0 &&
           profile->tree->nodes[HP_NODE_ROOT].first_child == HP_NODE_NONE;
}

const char *hp_profile_unit_name(enum hp_profile_unit unit)
{
    static const char *const names[] = {"s", "samples", "bytes", "counts"};
    return names[unit];
}

char *hp_profile_show(char out[HP_SHOW_BYTES], enum hp_profile_unit unit, uint64_t value)
{
    return unit == HP_UNIT_TIME    ? hp_show_ns(out, value)
           : unit == HP_UNIT_BYTES ? hp_show_bytes(out, value)
                                   : hp_show_count(out, value);
}
