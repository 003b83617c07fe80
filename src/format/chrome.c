/* chrome.c -- writing; see chrome.h.
 *
 * With time order: a call lasts from the sample that first has its node on the path, at its depth, to the
 * first one that has not, as a B and an E event: X events of the same begin and length would not say which is
 * inside. Without: one preorder walk, each call beginning where its elder sibling ends.
 */
#include "format/chrome.h"

#include <inttypes.h>

#include "base/json.h"
#include "base/mem.h"
#include "format/framename.h"
#include "format/tracks.h"

struct writing {
    struct hp_tracks tracks;
    struct hp_json json;
    struct hp_buf name;
    uint32_t *open;   /* nodes, with time order */
    uint64_t *starts; /* by node, without time order */
    uint32_t depth;
};

static void put_us(struct hp_json *json, const char *key, uint64_t ns)
{
    char text[32];
    struct hp_buf number = {.data = (uint8_t *)text, .capacity = sizeof text, .max = sizeof text};
    hp_buf_printf(&number, "%" PRIu64 ".%03u", ns / 1000, (unsigned)(ns % 1000));
    hp_json_key(json, key);
    hp_json_raw(json, hp_buf_str(&number));
}

/* Begin the event of a node, which is named. */
static struct hp_symbol begin_event(struct writing *w, uint32_t node)
{
    const struct hp_profile *profile = w->tracks.profile;
    struct hp_symbol symbol = hp_dict_symbol(profile->dict, profile->tree->nodes[node].sym);
    hp_buf_reset(&w->name);
    hp_framename_put(&w->name, &symbol, node == HP_NODE_ROOT);
    hp_json_object_begin(&w->json);
    hp_json_kv_str(&w->json, "name", hp_buf_str(&w->name));
    return symbol;
}

/* `length` 0: a B event, whose end is yet to come. */
static void put_call(struct writing *w, uint32_t track, uint32_t node, uint64_t start, uint64_t length)
{
    struct hp_symbol symbol = begin_event(w, node);
    hp_json_kv_cstr(&w->json, "cat", symbol.flags & HP_SYM_APP ? "application" : "library");
    hp_json_kv_cstr(&w->json, "ph", length != 0 ? "X" : "B");
    put_us(&w->json, "ts", start);
    if (length != 0) {
        put_us(&w->json, "dur", length);
    }
    hp_json_kv_u64(&w->json, "pid", 1);
    hp_json_kv_u64(&w->json, "tid", track + 1);
    hp_json_object_end(&w->json);
}

/* An end needs no name to Perfetto; speedscope takes one without for the end of something else. */
static void close_to(struct writing *w, uint32_t track, uint32_t depth, uint64_t now)
{
    for (; w->depth > depth; w->depth--) {
        (void)begin_event(w, w->open[w->depth - 1]);
        hp_json_kv_cstr(&w->json, "ph", "E");
        put_us(&w->json, "ts", now);
        hp_json_kv_u64(&w->json, "pid", 1);
        hp_json_kv_u64(&w->json, "tid", track + 1);
        hp_json_object_end(&w->json);
    }
}

static void put_ordered(struct writing *w, uint32_t track)
{
    uint64_t cursor = 0, value, now = 0;
    uint32_t node, count;
    while (hp_tracks_next(&w->tracks, track, &cursor, &node, &value)) {
        const uint32_t *path = hp_tracks_path(&w->tracks, node, &count);
        uint32_t same = 0;
        while (same < count && same < w->depth && w->open[same] == path[same]) {
            same++;
        }
        close_to(w, track, same, now);
        for (; w->depth < count; w->depth++) {
            w->open[w->depth] = path[w->depth];
            put_call(w, track, path[w->depth], now, 0);
        }
        now += value;
    }
    close_to(w, track, 0, now);
}

/* All tracks in one walk: a LANE begins where its starter begins. */
static void put_laid_out(struct writing *w)
{
    const struct hp_tree *tree = w->tracks.profile->tree;
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(tree, i)) {
        const struct hp_node *node = &tree->nodes[i];
        uint32_t track = w->tracks.track_of[i];
        uint64_t start = i == HP_NODE_ROOT ? 0 : w->starts[node->parent];
        w->starts[i] = start;
        if (i != HP_NODE_ROOT && node->kind != HP_NODE_LANE) {
            w->starts[node->parent] += node->total; /* where the next sibling begins */
        }
        bool thread = w->tracks.nodes[track] == i && (i != HP_NODE_ROOT || w->tracks.profile->requests == 0);
        if (!thread && node->total != 0) {
            put_call(w, track, i, start, node->total);
        }
    }
}

static void put_thread_name(struct writing *w, uint32_t track)
{
    hp_buf_reset(&w->name);
    hp_tracks_put_name(&w->tracks, track, &w->name);
    hp_json_object_begin(&w->json);
    hp_json_kv_cstr(&w->json, "name", "thread_name");
    hp_json_kv_cstr(&w->json, "ph", "M");
    hp_json_kv_u64(&w->json, "pid", 1);
    hp_json_kv_u64(&w->json, "tid", track + 1);
    hp_json_key(&w->json, "args");
    hp_json_object_begin(&w->json);
    hp_json_kv_str(&w->json, "name", hp_buf_str(&w->name));
    hp_json_object_end(&w->json);
    hp_json_object_end(&w->json);
}

static hp_err put_document(struct writing *w, struct hp_buf *out)
{
    hp_json_init(&w->json, out, false);
    hp_json_object_begin(&w->json);
    hp_json_kv_cstr(&w->json, "displayTimeUnit", "ms");
    hp_json_key(&w->json, "otherData");
    hp_json_object_begin(&w->json);
    hp_json_kv_cstr(&w->json, "exporter", "hotplate");
    hp_json_kv_cstr(&w->json, "order", w->tracks.samples ? "time" : "laid out, not in time order");
    hp_json_kv_cstr(&w->json, "unit", hp_profile_unit_name(w->tracks.profile->unit));
    hp_json_object_end(&w->json);
    hp_json_key(&w->json, "traceEvents");
    hp_json_array_begin(&w->json);
    for (uint32_t i = 0; i < w->tracks.count; i++) {
        if (hp_tracks_has_values(&w->tracks, i)) {
            put_thread_name(w, i);
            if (w->tracks.samples) {
                put_ordered(w, i);
            }
        }
    }
    if (!w->tracks.samples) {
        put_laid_out(w);
    }
    hp_json_array_end(&w->json);
    hp_json_object_end(&w->json);
    return hp_json_finish(&w->json);
}

hp_err hp_chrome_write(const struct hp_profile *profile, struct hp_buf *out)
{
    struct writing w = {0};
    hp_buf_init(&w.name, (size_t)1 << 20);
    hp_err err = hp_tracks_init(&w.tracks, profile);
    w.open = hp_malloc((size_t)profile->tree->count * sizeof *w.open);
    w.starts = hp_calloc(profile->tree->count, sizeof *w.starts);
    err = err == HP_OK && (w.open == NULL || w.starts == NULL) ? HP_ENOMEM : err;
    err = err != HP_OK ? err : put_document(&w, out);
    hp_free(w.starts);
    hp_free(w.open);
    hp_tracks_fini(&w.tracks);
    hp_buf_fini(&w.name);
    return err;
}
