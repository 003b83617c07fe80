/* tracks.h -- a tree cut into what other formats call threads, and the path of frames to a node within its
 * own.
 *
 * A track is the root, a LANE node, or a thread of a file (a node below the root or another thread whose
 * symbol is HP_SYM_ROOT). A node belongs to the nearest one above it; a track's own node is no frame.
 */
#ifndef HP_TRACKS_H
#define HP_TRACKS_H

#include "base/buf.h"
#include "model/profile.h"

struct hp_tracks {
    const struct hp_profile *profile;
    uint32_t *track_of; /* by node: index into nodes */
    uint32_t *nodes;    /* of the tracks */
    uint32_t *path;     /* room for one path */
    uint32_t *items; /* samples or nodes with a value, by track: items[starts[t]] … items[starts[t + 1]] */
    uint32_t *starts;
    uint32_t count;
    bool samples; /* what items are */
};

/* HP_ENOMEM. Owns: hp_tracks_fini, also after a failure. */
HP_CHECK hp_err hp_tracks_init(struct hp_tracks *tracks, const struct hp_profile *profile);
void hp_tracks_fini(struct hp_tracks *tracks);

/* The nodes from the track (not included) to `node` (included), outermost first; borrowed until the next
 * call. */
const uint32_t *hp_tracks_path(const struct hp_tracks *tracks, uint32_t node, uint32_t *count);

/* Whether a track has a value of its own or below it. */
bool hp_tracks_has_values(const struct hp_tracks *tracks, uint32_t track);

/* Append a track's name: the thread's, or "main". */
void hp_tracks_put_name(const struct hp_tracks *tracks, uint32_t track, struct hp_buf *out);

/* Walk the values of a track: samples in time order where the profile has them, else nodes. Start with
 * *cursor 0; false at the end. */
bool hp_tracks_next(const struct hp_tracks *tracks, uint32_t track, uint64_t *cursor, uint32_t *node,
                    uint64_t *value);

#endif
