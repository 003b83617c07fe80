/* flamesvg.h -- a call tree as one SVG file without script: for a README, a ticket, a mail.
 *
 * A flame graph has its root at the bottom, an icicle on top, a sunburst in the middle, calls in rings around
 * it. Time runs to the right (clockwise), siblings stand as the tree has them. A sandwich has one function in
 * the middle, callers above, what it calls below. Every box shows its numbers on hover
 * (<title>). Application frames are strong, library frames pale, one hue a module. Threads, greenlets and
 * pool items run beside what started them, so each LANE node is a flame of its own, with a scale of its own,
 * below the one of the request, and says what it is. The same input gives the same bytes.
 */
#ifndef HP_FLAMESVG_H
#define HP_FLAMESVG_H

#include <stdint.h>
#include "base/buf.h"
#include "model/dict.h"
#include "model/profile.h"
#include "model/sandwich.h"

enum hp_flamesvg_layout { HP_FLAMESVG_FLAME, HP_FLAMESVG_ICICLE, HP_FLAMESVG_SUNBURST };

struct hp_flamesvg_options {
    struct hp_str title; /* what it is of: "GET /settings"; may be empty */
    uint64_t requests;   /* how many the tree adds up; times are shown a request. 0 is taken as 1 */
    uint32_t width;      /* pixels; 0: 1200 */
    double min_share;    /* of its flame; smaller boxes are left out; 0: 0.001 */
    uint32_t max_lanes;  /* flames beside the main one, the longest first; 0: 6 */
    enum hp_profile_unit unit;
    enum hp_flamesvg_layout layout;
    bool file;                                      /* of a file, not of requests: no word of these */
    hp_err (*pass)(void *ctx, struct hp_str bytes); /* NULL, or takes what is written, piece by piece; `out`
                                                       has the rest at the end */
    void *ctx;
    const uint64_t *before; /* differential: what each node's total was before (by node); colours say the
                               change. NULL: none */
};

/* Append the document. Totals of the tree must be computed. Threads: any. Fails: HP_ENOMEM, HP_EFULL (the cap
 * of `out`), as `pass` did. */
HP_CHECK hp_err hp_flamesvg_write(const struct hp_tree *tree, const struct hp_dict *dict,
                                  const struct hp_flamesvg_options *options, struct hp_buf *out);

/* The same of a sandwich, whose symbols are of `dict`; the layout of the options plays no part. */
HP_CHECK hp_err hp_flamesvg_write_sandwich(const struct hp_sandwich *sandwich, const struct hp_dict *dict,
                                           const struct hp_flamesvg_options *options, struct hp_buf *out);

#endif
