/* sketch.h -- latency sketch: quantiles of a stream in bounded memory.
 *
 * Why: a dashboard needs p50..p999 per route without keeping every latency, and sketches of two workers must
 * merge without losing the error bound. This is DDSketch (Masson, Rim, Lee: "DDSketch: A fast and
 * fully-mergeable quantile sketch with relative-error guarantees", PVLDB 12(12), 2019) with its linearly
 * interpolated logarithm: each power of two is cut into 64 buckets of equal width, so that the index of a
 * value is a shift and an add. See docs/internals/sketch.md.
 *
 * Bound: a quantile is within 1 % of the value of that rank, for values from 0 to HP_SKETCH_TOP_NS (73
 * minutes). Cap: a fixed 19 KB a sketch; a larger value counts in the last bucket and as clamped. Sums and
 * counts stop at UINT64_MAX.
 */
#ifndef HP_SKETCH_H
#define HP_SKETCH_H

#include <stdint.h>

#include "base/buf.h"
#include "base/reader.h"
#include "hotplate/err.h"

struct hp_sketch; /* opaque */

/* The largest latency inside the error bound, 4,398 s. */
#define HP_SKETCH_TOP_NS (((uint64_t)1 << 42) - 1)

/* An empty sketch. Owns: the caller, hp_sketch_free. Fails: NULL, no memory. */
struct hp_sketch *hp_sketch_new(void) HP_CHECK;

/* Free the sketch; NULL does nothing. */
void hp_sketch_free(struct hp_sketch *sketch);

/* Forget everything recorded. Never allocates. Threads: one writer. */
void hp_sketch_clear(struct hp_sketch *sketch);

/* Record one latency. Values above the range count in the last bucket.
 * Owns: nothing. Threads: one writer. Hot: yes (no allocation, lock, syscall or Python).
 * Fails: never; clamped values are counted, see hp_sketch_clamped_count. */
void hp_sketch_add(struct hp_sketch *sketch, uint64_t latency_ns);

/* Record `count` latencies of the same value; 0 does nothing. Otherwise as hp_sketch_add. */
void hp_sketch_add_n(struct hp_sketch *sketch, uint64_t latency_ns, uint64_t count);

/* Add all that `src` has recorded to `dst`: the result is the sketch of both streams, exactly. `src` may be
 * `dst`. Never allocates. Threads: one writer of `dst`, none of `src`. Fails: never. */
void hp_sketch_merge(struct hp_sketch *dst, const struct hp_sketch *src);

/* The value of the nearest rank, ceil(q × count) - 1, in ascending order, within 1 %; q 0 and 1 give the
 * exact minimum and maximum. q outside 0..1 is taken as the nearer end, NaN as 0. 0 when empty. Of clamped
 * values only the largest is known: other ranks among them give a lower bound, HP_SKETCH_TOP_NS or the
 * minimum. Threads: any while nobody writes. */
uint64_t hp_sketch_quantile(const struct hp_sketch *sketch, double q);

/* Latencies recorded, their sum, the exact smallest and largest (0 when empty), and how many were above
 * HP_SKETCH_TOP_NS. Threads: any while nobody writes. */
uint64_t hp_sketch_count(const struct hp_sketch *sketch);
uint64_t hp_sketch_sum_ns(const struct hp_sketch *sketch);
uint64_t hp_sketch_min_ns(const struct hp_sketch *sketch);
uint64_t hp_sketch_max_ns(const struct hp_sketch *sketch);
uint64_t hp_sketch_clamped_count(const struct hp_sketch *sketch);

/* Append the sketch as bytes (docs/formats/sketch.md): 2–3 bytes a bucket in use, nothing for the others.
 * Fails: as buf.h, by the error that sticks in `buf`. */
void hp_sketch_encode(const struct hp_sketch *sketch, struct hp_buf *buf);

/* Read one encoded sketch and add it to `into`, as hp_sketch_merge does. On success the reader stands behind
 * it. Fails: HP_ECORRUPT, HP_EVERSION (written by a newer program; the reader stands behind it where its
 * length was whole); `into` stays as it was. The input is not trusted. */
hp_err hp_sketch_decode(struct hp_reader *reader, struct hp_sketch *into) HP_CHECK;

#endif
