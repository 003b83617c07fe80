/* treejson.c -- see treejson.h. */
#include "format/treejson.h"

#include "format/framename.h"

void hp_treejson_lines(const struct hp_tree *tree, uint32_t id, enum hp_profile_unit unit,
                       struct hp_json *json)
{
    const struct hp_node *node = &tree->nodes[id];
    if (node->leaf == 0) {
        return;
    }
    hp_json_key(json, "lines");
    hp_json_array_begin(json);
    for (uint32_t at = node->leaf; at != 0; at = tree->leaves.list[at - 1].next) {
        const struct hp_leaf *leaf = &tree->leaves.list[at - 1];
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "line", leaf->line);
        if (unit == HP_UNIT_TIME) {
            hp_json_kv_double(json, "self_ms", (double)leaf->self / 1e6);
        } else {
            hp_json_kv_u64(json, "self", leaf->self);
        }
        hp_json_kv_u64(json, "samples", leaf->samples);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}

void hp_treejson_nodes(const struct hp_tree *tree, const struct hp_dict *dict, enum hp_profile_unit unit,
                       bool counted, struct hp_json *json)
{
    static const char *const kinds[HP_NODE_KIND_COUNT] = {"call", "lane", "overflow", "template", "gc"};
    uint64_t samples = hp_tree_samples(tree); /* of samples calls are not known, so they are absent */
    hp_json_array_begin(json);
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(tree, i)) {
        const struct hp_node *node = &tree->nodes[i];
        struct hp_symbol symbol = hp_dict_symbol(dict, node->sym);
        hp_json_object_begin(json);
        hp_json_kv_u64(json, "node", i);
        hp_json_kv_i64(json, "parent", i == HP_NODE_ROOT ? -1 : (int64_t)node->parent);
        hp_json_kv_cstr(json, "kind", node->kind < HP_NODE_KIND_COUNT ? kinds[node->kind] : "unknown");
        hp_json_kv_str(json, "function", hp_framename_shown(&symbol, i == HP_NODE_ROOT));
        hp_json_kv_str(json, "file", symbol.file);
        hp_json_kv_u64(json, "line", symbol.line);
        if (node->line != 0) {
            hp_json_kv_u64(json, "call_line", node->line);
        }
        hp_json_kv_bool(json, "application", symbol.flags & HP_SYM_APP);
        if (samples == 0 && counted) {
            hp_json_kv_u64(json, "calls", node->calls);
            hp_json_kv_u64(json, "resumes", node->resumes);
            hp_json_kv_u64(json, "exceptions", node->exceptions);
        } else if (samples != 0) {
            hp_json_kv_u64(json, "samples", node->samples);
        }
        if (unit == HP_UNIT_TIME) {
            hp_json_kv_double(json, "self_ms", (double)node->self / 1e6);
            hp_json_kv_double(json, "total_ms", (double)node->total / 1e6);
        } else {
            hp_json_kv_u64(json, "self", node->self);
            hp_json_kv_u64(json, "total", node->total);
        }
        hp_treejson_lines(tree, i, unit, json);
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
}
