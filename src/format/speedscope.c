/* speedscope.c -- writing; see speedscope.h. */
#include "format/speedscope.h"

#include "base/json.h"
#include "base/mem.h"
#include "format/framename.h"
#include "format/tracks.h"

static const char *unit_name(enum hp_profile_unit unit)
{
    return unit == HP_UNIT_TIME ? "nanoseconds" : unit == HP_UNIT_BYTES ? "bytes" : "none";
}

/* The table of frames: symbols in the order they are met; `index_of[sym]` is its place + 1. */
static void put_frames(const struct hp_profile *profile, struct hp_json *json, uint32_t *index_of)
{
    uint32_t count = 0;
    hp_json_key(json, "shared");
    hp_json_object_begin(json);
    hp_json_key(json, "frames");
    hp_json_array_begin(json);
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(profile->tree, i)) {
        uint32_t sym = profile->tree->nodes[i].sym;
        if (index_of[sym] != 0) {
            continue;
        }
        index_of[sym] = ++count;
        struct hp_symbol symbol = hp_dict_symbol(profile->dict, sym);
        hp_json_object_begin(json);
        hp_json_kv_str(json, "name", hp_framename_shown(&symbol, i == HP_NODE_ROOT));
        if (symbol.file.n != 0) {
            hp_json_kv_str(json, "file", profile->own_names ? hp_framename_path(&symbol) : symbol.file);
        }
        if (symbol.line != 0) {
            hp_json_kv_u64(json, "line", symbol.line);
        }
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    hp_json_object_end(json);
}

static void put_samples(const struct hp_tracks *tracks, uint32_t track, const uint32_t *index_of,
                        struct hp_json *json, uint64_t *sum)
{
    uint64_t cursor = 0, value;
    uint32_t node, count;
    hp_json_key(json, "samples");
    hp_json_array_begin(json);
    while (hp_tracks_next(tracks, track, &cursor, &node, &value)) {
        const uint32_t *path = hp_tracks_path(tracks, node, &count);
        hp_json_array_begin(json);
        for (uint32_t i = 0; i < count; i++) {
            hp_json_u64(json, index_of[tracks->profile->tree->nodes[path[i]].sym] - 1);
        }
        hp_json_array_end(json);
    }
    hp_json_array_end(json);
    hp_json_key(json, "weights");
    hp_json_array_begin(json);
    cursor = 0;
    while (hp_tracks_next(tracks, track, &cursor, &node, &value)) {
        hp_json_u64(json, value);
        *sum += value;
    }
    hp_json_array_end(json);
}

static void put_profile(const struct hp_tracks *tracks, uint32_t track, const uint32_t *index_of,
                        struct hp_json *json)
{
    uint64_t sum = 0;
    struct hp_buf name;
    hp_buf_init(&name, (size_t)1 << 20);
    hp_tracks_put_name(tracks, track, &name);
    hp_json_object_begin(json);
    hp_json_kv_cstr(json, "type", "sampled");
    hp_json_kv_str(json, "name", hp_buf_str(&name));
    hp_json_kv_cstr(json, "unit", unit_name(tracks->profile->unit));
    hp_json_kv_u64(json, "startValue", 0);
    put_samples(tracks, track, index_of, json, &sum);
    hp_json_kv_u64(json, "endValue", sum);
    hp_json_object_end(json);
    hp_buf_fini(&name);
}

hp_err hp_speedscope_write(const struct hp_profile *profile, struct hp_buf *out)
{
    struct hp_tracks tracks;
    struct hp_json json;
    uint32_t *index_of = hp_calloc(hp_dict_symbol_count(profile->dict), sizeof *index_of);
    hp_err err = hp_tracks_init(&tracks, profile);
    err = index_of == NULL ? HP_ENOMEM : err;
    if (err != HP_OK) {
        goto done;
    }
    hp_json_init(&json, out, false);
    hp_json_object_begin(&json);
    hp_json_kv_cstr(&json, "$schema", "https://www.speedscope.app/file-format-schema.json");
    put_frames(profile, &json, index_of);
    hp_json_key(&json, "profiles");
    hp_json_array_begin(&json);
    for (uint32_t i = 0; i < tracks.count; i++) {
        if (hp_tracks_has_values(&tracks, i)) {
            put_profile(&tracks, i, index_of, &json);
        }
    }
    hp_json_array_end(&json);
    hp_json_kv_cstr(&json, "exporter", "hotplate");
    hp_json_object_end(&json);
    err = hp_json_finish(&json);
done:
    hp_tracks_fini(&tracks);
    hp_free(index_of);
    return err;
}
