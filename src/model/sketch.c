/* sketch.c -- DDSketch with 64 equal buckets an octave. See sketch.h and docs/internals/sketch.md.
 *
 * The buckets, by value in nanoseconds:
 *
 *     0 1 2 … 127 | 128,129  130,131  … | 256–259  260–263 … | …        up to 2^42 - 1
 *     width 1     | width 2: 64 buckets | width 4: 64        | …
 *
 * A value v ≥ 64 with highest bit e has index 64 × (e - 6) + (v >> (e - 6)). A bucket of width w that begins
 * at lo ≥ 64 w is answered by the point whose relative distance to both ends is the same, so it is off by at
 * most w / (2 lo + w) ≤ 1/129 = 0.78 %, and by half a nanosecond for rounding (lo ≥ 128 where w > 1: below 1
 * % together).
 */
#include "model/sketch.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/rank.h"

#define SUB_BITS     6 /* 2^6 buckets an octave */
#define TOP_BITS     42
#define SUB_COUNT    (1u << SUB_BITS)
#define BUCKET_COUNT (SUB_COUNT * (TOP_BITS - SUB_BITS + 1))
#define LAST_BUCKET  (BUCKET_COUNT - 1)

#define FORMAT_VERSION 1

_Static_assert(HP_SKETCH_TOP_NS == ((uint64_t)1 << TOP_BITS) - 1, "the header promises this range");

struct hp_sketch {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t min_ns; /* UINT64_MAX when empty, so that add needs no test for the first */
    uint64_t max_ns;
    uint64_t clamped_count;
    uint64_t buckets[BUCKET_COUNT];
};

/* All of an encoded sketch but its buckets. */
struct totals {
    uint64_t clamped_count;
    uint64_t sum_ns;
    uint64_t min_ns;
    uint64_t max_ns;
    uint64_t used_count; /* buckets that follow */
};

/* --- arithmetic that stops at the top, since merged counts of months may come from untrusted files --- */

static uint64_t plus(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* --- buckets --- */

static uint32_t bucket_of(uint64_t ns)
{
    if (ns < SUB_COUNT) {
        return (uint32_t)ns;
    }
    if (ns > HP_SKETCH_TOP_NS) {
        return LAST_BUCKET;
    }
    uint32_t shift = 63u - (uint32_t)__builtin_clzll(ns) - SUB_BITS;
    return (shift << SUB_BITS) + (uint32_t)(ns >> shift);
}

/* The value that stands for a bucket: the harmonic mean of its ends, from where both are equally far in
 * proportion. */
static uint64_t bucket_value(uint32_t bucket)
{
    if (bucket < 2 * SUB_COUNT) {
        return bucket;
    }
    uint32_t shift = (bucket >> SUB_BITS) - 1;
    uint64_t low = (uint64_t)(bucket - (shift << SUB_BITS)) << shift;
    uint64_t width = (uint64_t)1 << shift;
    double lo = (double)low;
    double hi = (double)(low + width - 1);
    return (uint64_t)(2.0 * lo * hi / (lo + hi) + 0.5);
}

/* --- recording --- */

struct hp_sketch *hp_sketch_new(void)
{
    struct hp_sketch *sketch = hp_calloc(1, sizeof *sketch);
    if (sketch != NULL) {
        sketch->min_ns = UINT64_MAX;
    }
    return sketch;
}

void hp_sketch_free(struct hp_sketch *sketch)
{
    hp_free(sketch);
}

void hp_sketch_clear(struct hp_sketch *sketch)
{
    memset(sketch, 0, sizeof *sketch);
    sketch->min_ns = UINT64_MAX;
}

void hp_sketch_add(struct hp_sketch *sketch, uint64_t latency_ns)
{
    hp_sketch_add_n(sketch, latency_ns, 1);
}

void hp_sketch_add_n(struct hp_sketch *sketch, uint64_t latency_ns, uint64_t count)
{
    if (count == 0) {
        return;
    }
    uint32_t bucket = bucket_of(latency_ns);
    sketch->buckets[bucket] = plus(sketch->buckets[bucket], count);
    sketch->count = plus(sketch->count, count);
    sketch->sum_ns = plus(sketch->sum_ns, times(latency_ns, count));
    sketch->min_ns = latency_ns < sketch->min_ns ? latency_ns : sketch->min_ns;
    sketch->max_ns = latency_ns > sketch->max_ns ? latency_ns : sketch->max_ns;
    if (latency_ns > HP_SKETCH_TOP_NS) {
        sketch->clamped_count = plus(sketch->clamped_count, count);
    }
}

void hp_sketch_merge(struct hp_sketch *dst, const struct hp_sketch *src)
{
    dst->count = plus(dst->count, src->count);
    dst->sum_ns = plus(dst->sum_ns, src->sum_ns);
    dst->min_ns = src->min_ns < dst->min_ns ? src->min_ns : dst->min_ns;
    dst->max_ns = src->max_ns > dst->max_ns ? src->max_ns : dst->max_ns;
    dst->clamped_count = plus(dst->clamped_count, src->clamped_count);
    for (uint32_t i = 0; i < BUCKET_COUNT; i++) {
        dst->buckets[i] = plus(dst->buckets[i], src->buckets[i]);
    }
}

/* --- asking --- */

uint64_t hp_sketch_count(const struct hp_sketch *sketch)
{
    return sketch->count;
}

uint64_t hp_sketch_sum_ns(const struct hp_sketch *sketch)
{
    return sketch->sum_ns;
}

uint64_t hp_sketch_min_ns(const struct hp_sketch *sketch)
{
    return sketch->count != 0 ? sketch->min_ns : 0;
}

uint64_t hp_sketch_max_ns(const struct hp_sketch *sketch)
{
    return sketch->max_ns;
}

uint64_t hp_sketch_clamped_count(const struct hp_sketch *sketch)
{
    return sketch->clamped_count;
}

/* The bucket that holds the value of `rank`. */
static uint32_t bucket_of_rank(const struct hp_sketch *sketch, uint64_t rank)
{
    uint64_t below = 0;
    for (uint32_t i = 0; i < LAST_BUCKET; i++) {
        below = plus(below, sketch->buckets[i]);
        if (below > rank) {
            return i;
        }
    }
    return LAST_BUCKET;
}

uint64_t hp_sketch_quantile(const struct hp_sketch *sketch, double q)
{
    if (sketch->count == 0) {
        return 0;
    }
    uint64_t last = sketch->count - 1;
    uint64_t rank = hp_rank(q, sketch->count);
    if (rank == 0) {
        return sketch->min_ns;
    }
    if (rank == last) {
        return sketch->max_ns;
    }
    /* Clamped values are the largest, so they are the last ranks. */
    bool clamped = last - rank < sketch->clamped_count;
    uint64_t value = clamped ? HP_SKETCH_TOP_NS : bucket_value(bucket_of_rank(sketch, rank));
    if (value < sketch->min_ns) {
        return sketch->min_ns;
    }
    return value > sketch->max_ns ? sketch->max_ns : value;
}

/* --- bytes --- */

static uint64_t used_count(const struct hp_sketch *sketch)
{
    uint64_t used = 0;
    for (uint32_t i = 0; i < BUCKET_COUNT; i++) {
        used += sketch->buckets[i] != 0;
    }
    return used;
}

static uint64_t varint_bytes(uint64_t value)
{
    uint64_t bytes = 1;
    for (; value >= 0x80; value >>= 7) {
        bytes++;
    }
    return bytes;
}

/* Write what follows the length into `buf`, or only count its bytes where `buf` is NULL. */
static uint64_t put_body(const struct hp_sketch *sketch, struct hp_buf *buf)
{
    const uint64_t head[] = {sketch->clamped_count, sketch->sum_ns, hp_sketch_min_ns(sketch), sketch->max_ns,
                             used_count(sketch)};
    uint64_t bytes = 0;
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) {
        bytes += varint_bytes(head[i]);
        if (buf != NULL) {
            hp_buf_put_varint(buf, head[i]);
        }
    }
    uint32_t next = 0; /* the smallest index that may follow */
    for (uint32_t i = 0; i < BUCKET_COUNT; i++) {
        if (sketch->buckets[i] == 0) {
            continue;
        }
        bytes += varint_bytes(i - next) + varint_bytes(sketch->buckets[i]);
        if (buf != NULL) {
            hp_buf_put_varint(buf, i - next);
            hp_buf_put_varint(buf, sketch->buckets[i]);
        }
        next = i + 1;
    }
    return bytes;
}

void hp_sketch_encode(const struct hp_sketch *sketch, struct hp_buf *buf)
{
    hp_buf_put_u8(buf, FORMAT_VERSION);
    hp_buf_put_varint(buf, put_body(sketch, NULL));
    put_body(sketch, buf);
}

/* Step over one (gap, count) pair; false at a pair that no encoder writes. `*next` moves behind its
 * bucket. */
static bool read_bucket(struct hp_reader *body, uint32_t *next, uint32_t *bucket, uint64_t *count)
{
    uint64_t gap = hp_reader_varint(body);
    *count = hp_reader_varint(body);
    if (body->bad || gap >= BUCKET_COUNT - *next || *count == 0) {
        return false;
    }
    *bucket = *next + (uint32_t)gap;
    *next = *bucket + 1;
    return true;
}

static bool read_totals(struct hp_reader *body, struct totals *totals)
{
    totals->clamped_count = hp_reader_varint(body);
    totals->sum_ns = hp_reader_varint(body);
    totals->min_ns = hp_reader_varint(body);
    totals->max_ns = hp_reader_varint(body);
    totals->used_count = hp_reader_varint(body);
    return !body->bad && totals->used_count <= BUCKET_COUNT;
}

/* Whether totals and buckets can come from one stream. `body` is a copy: the caller reads the buckets again,
 * to add them only when all is well. */
static bool is_consistent(const struct totals *totals, struct hp_reader body)
{
    if (totals->used_count == 0) {
        return (totals->clamped_count | totals->sum_ns | totals->min_ns | totals->max_ns) == 0;
    }
    uint32_t next = 0;
    uint32_t bucket = 0;
    uint64_t count = 0;
    for (uint64_t i = 0; i < totals->used_count; i++) {
        if (!read_bucket(&body, &next, &bucket, &count)) {
            return false;
        }
        if (i == 0 && bucket != bucket_of(totals->min_ns)) {
            return false;
        }
    }
    uint64_t clampable = bucket == LAST_BUCKET ? count : 0;
    return bucket == bucket_of(totals->max_ns) && totals->min_ns <= totals->max_ns &&
           totals->sum_ns >= totals->max_ns && totals->clamped_count <= clampable &&
           (totals->clamped_count != 0) == (totals->max_ns > HP_SKETCH_TOP_NS);
}

static void add_body(struct hp_sketch *into, const struct totals *totals, struct hp_reader *body)
{
    uint32_t next = 0;
    for (uint64_t i = 0; i < totals->used_count; i++) {
        uint32_t bucket = 0;
        uint64_t count = 0;
        bool whole = read_bucket(body, &next, &bucket, &count);
        hp_assert(whole);
        if (!whole) {
            return;
        }
        into->buckets[bucket] = plus(into->buckets[bucket], count);
        into->count = plus(into->count, count);
    }
    into->sum_ns = plus(into->sum_ns, totals->sum_ns);
    into->clamped_count = plus(into->clamped_count, totals->clamped_count);
    if (totals->used_count != 0) {
        into->min_ns = totals->min_ns < into->min_ns ? totals->min_ns : into->min_ns;
        into->max_ns = totals->max_ns > into->max_ns ? totals->max_ns : into->max_ns;
    }
}

hp_err hp_sketch_decode(struct hp_reader *reader, struct hp_sketch *into)
{
    uint8_t version = hp_reader_u8(reader);
    uint64_t bytes = hp_reader_varint(reader);
    if (reader->bad || version == 0 || bytes > hp_reader_left(reader)) {
        return HP_ECORRUPT;
    }
    struct hp_reader body;
    hp_reader_sub(reader, (size_t)bytes, &body);
    if (version > FORMAT_VERSION) {
        return HP_EVERSION;
    }
    /* What a later writer of this version appends to the body is skipped. */
    struct totals totals;
    if (!read_totals(&body, &totals) || !is_consistent(&totals, body)) {
        return HP_ECORRUPT;
    }
    add_body(into, &totals, &body);
    return HP_OK;
}
