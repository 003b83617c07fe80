/* profilejson.c -- see profilejson.h. */
#include "format/profilejson.h"

#include "base/json.h"
#include "format/framename.h"
#include "format/treejson.h"

static void put_values(struct hp_json *json, const struct hp_profile *profile, double self, double total)
{
    bool time = profile->unit == HP_UNIT_TIME;
    hp_json_kv_exact(json, time ? "self_s" : "self", self / profile->graph.per_unit);
    hp_json_kv_exact(json, time ? "total_s" : "total", total / profile->graph.per_unit);
}

static void put_function(struct hp_json *json, const struct hp_profile *profile, uint32_t i)
{
    const struct hp_callgraph_function *function = &profile->graph.functions[i];
    struct hp_symbol symbol = hp_dict_symbol(profile->dict, function->sym);
    hp_json_object_begin(json);
    hp_json_kv_str(json, "file", symbol.file);
    hp_json_kv_u64(json, "line", symbol.line);
    hp_json_kv_str(json, "function", hp_framename_shown(&symbol, false));
    hp_json_kv_bool(json, "application", symbol.flags & HP_SYM_APP);
    if (profile->counts_calls) {
        hp_json_kv_u64(json, "calls", function->calls);
        hp_json_kv_u64(json, "primitive_calls", function->primitive);
    }
    put_values(json, profile, function->self, function->total);
    hp_json_object_end(json);
}

static void put_pair(struct hp_json *json, const struct hp_profile *profile,
                     const struct hp_callgraph_edge *edge)
{
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "caller", edge->caller);
    hp_json_kv_u64(json, "callee", edge->callee);
    if (profile->counts_calls) {
        hp_json_kv_u64(json, "calls", edge->calls);
    }
    if (!edge->bare) {
        put_values(json, profile, edge->self, edge->total);
    }
    hp_json_object_end(json);
}

hp_err hp_profilejson_write(const struct hp_profile *profile, struct hp_buf *out)
{
    const struct hp_callgraph *graph = &profile->graph;
    bool stacks = profile->shape == HP_PROFILE_TREE;
    struct hp_json json;
    hp_json_init(&json, out, false);
    hp_json_object_begin(&json);
    hp_json_kv_u64(&json, "schema", 1);
    hp_json_kv_cstr(&json, "shape", stacks ? "tree" : "pairs");
    hp_json_kv_cstr(&json, "unit", hp_profile_unit_name(profile->unit));
    hp_json_kv_bool(&json, "sampled", profile->sampled);
    if (profile->requests != 0) {
        hp_json_kv_u64(&json, "requests", profile->requests);
    }
    hp_json_key(&json, "functions");
    hp_json_array_begin(&json);
    for (uint32_t i = 0; i < graph->count; i++) {
        put_function(&json, profile, i);
    }
    hp_json_array_end(&json);
    hp_json_key(&json, "pairs");
    hp_json_array_begin(&json);
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        put_pair(&json, profile, &graph->edges[i]);
    }
    hp_json_array_end(&json);
    if (stacks) {
        hp_json_key(&json, "nodes");
        hp_treejson_nodes(profile->tree, profile->dict, profile->unit, profile->counts_calls, &json);
    }
    hp_json_object_end(&json);
    hp_buf_put_u8(out, '\n');
    return hp_json_finish(&json);
}
