/* builtjson.c -- see builtjson.h. */
#include "answer/builtjson.h"

static void put(struct hp_json *json, const struct hp_dict *dict, const struct hp_built *built)
{
    struct hp_symbol symbol = hp_dict_symbol(dict, built->site_sym);
    hp_json_object_begin(json);
    hp_json_kv_str(json, "file", symbol.file);
    hp_json_kv_u64(json, "line", built->site_line);
    hp_json_kv_str(json, "function", symbol.name);
    if (built->via_sym != 0) {
        hp_json_kv_str(json, "via", hp_dict_symbol(dict, built->via_sym).name);
    }
    hp_json_kv_double(json, "building_ms", (double)built->ns / 1e6);
    hp_json_kv_double(json, "database_ms", (double)built->database_ns / 1e6);
    hp_json_kv_u64(json, "rows", built->rows);
    hp_json_kv_u64(json, "statements", built->statements);
    hp_json_object_end(json);
}

hp_err hp_builtjson_put(struct hp_json *json, const struct hp_record *record, const struct hp_tree *tree,
                        const struct hp_dict *dict, struct hp_arena *arena)
{
    struct hp_built *list;
    uint32_t count;
    hp_err err = hp_built_of(record, tree, dict, arena, &list, &count);
    if (err != HP_OK) {
        return err;
    }
    hp_json_key(json, "built");
    if (!hp_built_known(record, tree)) {
        hp_json_null(json);
        return HP_OK;
    }
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < count; i++) {
        put(json, dict, &list[i]);
    }
    hp_json_array_end(json);
    return HP_OK;
}
