/* tracks.c -- see tracks.h. */
#include "format/tracks.h"

#include "base/mem.h"
#include "format/framename.h"

static bool is_track(const struct hp_tracks *tracks, uint32_t i)
{
    const struct hp_profile *profile = tracks->profile;
    const struct hp_node *node = &profile->tree->nodes[i];
    if (i == HP_NODE_ROOT || node->kind == HP_NODE_LANE) {
        return true;
    }
    bool below = tracks->nodes[tracks->track_of[node->parent]] == node->parent;
    return below && hp_dict_symbol(profile->dict, node->sym).kind == HP_SYM_ROOT;
}

/* The node and value of the i-th sample, or of the i-th node. */
static uint64_t value_at(const struct hp_tracks *tracks, uint32_t i, uint32_t *node)
{
    const struct hp_profile *profile = tracks->profile;
    *node = tracks->samples ? profile->samples[i].node : i;
    return tracks->samples ? profile->samples[i].value : profile->tree->nodes[i].self;
}

/* Step through samples in order, or live nodes in preorder; `i` starts with 0. */
static bool next_item(const struct hp_tracks *tracks, uint32_t *i, bool first)
{
    if (tracks->samples) {
        *i = first ? 0 : *i + 1;
        return *i < tracks->profile->sample_count;
    }
    *i = first ? HP_NODE_ROOT : hp_tree_next(tracks->profile->tree, *i);
    return *i != HP_NODE_NONE;
}

/* A counting sort by track keeps their order. */
static hp_err sort_items(struct hp_tracks *tracks)
{
    const struct hp_profile *profile = tracks->profile;
    uint32_t i = 0, node;
    tracks->samples = profile->ordered && profile->sample_count != 0 && profile->sample_count < UINT32_MAX;
    tracks->items =
        hp_malloc((tracks->samples ? profile->sample_count : profile->tree->count) * sizeof *tracks->items);
    tracks->starts = hp_calloc((size_t)tracks->count + 2, sizeof *tracks->starts);
    if (tracks->items == NULL || tracks->starts == NULL) {
        return HP_ENOMEM;
    }
    for (bool on = next_item(tracks, &i, true); on; on = next_item(tracks, &i, false)) {
        if (value_at(tracks, i, &node) != 0) {
            tracks->starts[tracks->track_of[node] + 2]++;
        }
    }
    for (uint32_t t = 1; t <= tracks->count; t++) {
        tracks->starts[t + 1] += tracks->starts[t];
    }
    for (bool on = next_item(tracks, &i, true); on; on = next_item(tracks, &i, false)) {
        if (value_at(tracks, i, &node) != 0) {
            tracks->items[tracks->starts[tracks->track_of[node] + 1]++] = i;
        }
    }
    return HP_OK;
}

hp_err hp_tracks_init(struct hp_tracks *tracks, const struct hp_profile *profile)
{
    const struct hp_tree *tree = profile->tree;
    *tracks = (struct hp_tracks){.profile = profile};
    tracks->track_of = hp_calloc(tree->count, sizeof *tracks->track_of);
    tracks->nodes = hp_calloc(tree->count, sizeof *tracks->nodes);
    tracks->path = hp_calloc(tree->count, sizeof *tracks->path);
    if (tracks->track_of == NULL || tracks->nodes == NULL || tracks->path == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = HP_NODE_ROOT; i != HP_NODE_NONE; i = hp_tree_next(tree, i)) {
        if (is_track(tracks, i)) {
            tracks->track_of[i] = tracks->count;
            tracks->nodes[tracks->count++] = i;
        } else {
            tracks->track_of[i] = tracks->track_of[tree->nodes[i].parent];
        }
    }
    return sort_items(tracks);
}

void hp_tracks_fini(struct hp_tracks *tracks)
{
    hp_free(tracks->track_of);
    hp_free(tracks->nodes);
    hp_free(tracks->path);
    hp_free(tracks->items);
    hp_free(tracks->starts);
    *tracks = (struct hp_tracks){0};
}

const uint32_t *hp_tracks_path(const struct hp_tracks *tracks, uint32_t node, uint32_t *count)
{
    const struct hp_tree *tree = tracks->profile->tree;
    uint32_t end = tracks->nodes[tracks->track_of[node]], at = tree->count;
    for (uint32_t i = node; i != end; i = tree->nodes[i].parent) {
        tracks->path[--at] = i;
    }
    *count = tree->count - at;
    return tracks->path + at;
}

bool hp_tracks_has_values(const struct hp_tracks *tracks, uint32_t track)
{
    return tracks->starts[track] != tracks->starts[track + 1];
}

void hp_tracks_put_name(const struct hp_tracks *tracks, uint32_t track, struct hp_buf *out)
{
    uint32_t node = tracks->nodes[track];
    struct hp_symbol symbol = hp_dict_symbol(tracks->profile->dict, tracks->profile->tree->nodes[node].sym);
    hp_buf_put_text(out, node == HP_NODE_ROOT ? HP_STR("main") : hp_framename_shown(&symbol, false));
}

bool hp_tracks_next(const struct hp_tracks *tracks, uint32_t track, uint64_t *cursor, uint32_t *node,
                    uint64_t *value)
{
    uint64_t at = tracks->starts[track] + *cursor;
    if (at >= tracks->starts[track + 1]) {
        return false;
    }
    *value = value_at(tracks, tracks->items[at], node);
    ++*cursor;
    return true;
}
