/* lanes.h -- a request's lanes over time, as JSON for the dashboard and as a Chrome trace for Perfetto.
 *
 * The Chrome trace (chrome://tracing, ui.perfetto.dev: "Trace Event Format", JSON) has a track a lane, slices
 * that do not overlap, arrows from who started or woke a lane to it, and a track of its own for the critical
 * path. Time counts from the request's start, in microseconds.
 */
#ifndef HP_LANES_H
#define HP_LANES_H

#include "base/buf.h"
#include "base/json.h"
#include "model/dict.h"
#include "model/timeline.h"

/* Members `lanes` and `critical` of an object that the caller has begun. Layout: docs/formats/cli.md, "show
 * --timeline". */
void hp_lanes_json(struct hp_json *json, const struct hp_timeline *timeline, const struct hp_record *record,
                   const struct hp_dict *dict);

/* A whole Chrome trace; `title` names the process. Fails: HP_EFULL, HP_ENOMEM. */
HP_CHECK hp_err hp_lanes_chrome(const struct hp_timeline *timeline, const struct hp_record *record,
                                const struct hp_dict *dict, struct hp_str title, struct hp_buf *out);

#endif
