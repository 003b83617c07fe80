/* test_sketch.c -- the latency sketch: its error bound, merging, and its bytes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/sketch.h"
#include "sweep_oom.h"

#define STREAM_COUNT 20000
#define BOUND        0.01

static const double QUANTILES[] = {0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1};
#define QUANTILE_COUNT (sizeof QUANTILES / sizeof QUANTILES[0])

/* --- streams --- */

enum shape { LOG_NORMAL, PARETO, BIMODAL, CONSTANT, LOG_UNIFORM, SHAPE_COUNT };

static double normal(struct hp_rng *rng)
{
    double radius = sqrt(-2 * log(1 - hp_rng_double(rng)));
    return radius * cos(6.283185307179586 * hp_rng_double(rng));
}

static uint64_t draw(struct hp_rng *rng, enum shape shape)
{
    switch (shape) {
    case LOG_NORMAL:
        return (uint64_t)fmin(exp(16 + 1.5 * normal(rng)), 3.6e12);
    case PARETO:
        return (uint64_t)fmin(1e5 * pow(1 - hp_rng_double(rng), -1 / 0.7), 3.6e12);
    case BIMODAL:
        return hp_rng_below(rng, 20) == 0 ? 2000000000 + hp_rng_below(rng, 1000000000)
                                          : 900000 + hp_rng_below(rng, 200000);
    case CONSTANT:
        return 7654321;
    default:
        return (uint64_t)(100 * exp(hp_rng_double(rng) * log(3.6e12 / 100)));
    }
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t *stream(struct hp_rng *rng, enum shape shape)
{
    uint64_t *values = hp_calloc(STREAM_COUNT, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        values[i] = draw(rng, shape);
    }
    return values;
}

static void assert_within_bound(uint64_t got, uint64_t truth)
{
    double error = fabs((double)got - (double)truth) / (double)(truth != 0 ? truth : 1);
    if (error > BOUND) {
        fail_msg("%llu instead of %llu: off by %.3f %%", (unsigned long long)got, (unsigned long long)truth,
                 error * 100);
    }
}

static size_t nearest_rank(double q, size_t n)
{
    double above = ceil(q * (double)n * (1 - 1e-12));
    return above < 1 ? 0 : (size_t)above - 1;
}

static void assert_quantiles_hold(const struct hp_sketch *sketch, uint64_t *values, size_t n)
{
    qsort(values, n, sizeof *values, ascending);
    assert_int_equal(hp_sketch_count(sketch), n);
    for (size_t i = 0; i < QUANTILE_COUNT; i++) {
        assert_within_bound(hp_sketch_quantile(sketch, QUANTILES[i]), values[nearest_rank(QUANTILES[i], n)]);
    }
    assert_int_equal(hp_sketch_min_ns(sketch), values[0]);
    assert_int_equal(hp_sketch_max_ns(sketch), values[n - 1]);
}

static struct hp_sketch *sketch_of(const uint64_t *values, size_t n)
{
    struct hp_sketch *sketch = hp_sketch_new();
    assert_non_null(sketch);
    for (size_t i = 0; i < n; i++) {
        hp_sketch_add(sketch, values[i]);
    }
    return sketch;
}

static struct hp_sketch *sketch_of_shape(enum shape shape)
{
    struct hp_rng rng;
    hp_rng_seed(&rng, 11);
    uint64_t *values = stream(&rng, shape);
    struct hp_sketch *sketch = sketch_of(values, STREAM_COUNT);
    hp_free(values);
    return sketch;
}

static void assert_same(const struct hp_sketch *a, const struct hp_sketch *b)
{
    struct hp_buf one;
    struct hp_buf two;
    hp_buf_init(&one, 1u << 20);
    hp_buf_init(&two, 1u << 20);
    hp_sketch_encode(a, &one);
    hp_sketch_encode(b, &two);
    assert_int_equal(one.err, HP_OK);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.data, two.data, one.len);
    hp_buf_fini(&one);
    hp_buf_fini(&two);
}

/* --- the bound --- */

static void quantiles_of_heavy_tails_are_within_one_percent(void **state)
{
    (void)state;
    struct hp_rng rng;
    hp_rng_seed(&rng, hp_test_seed("quantiles_of_heavy_tails", 1));
    for (int shape = 0; shape < SHAPE_COUNT; shape++) {
        uint64_t *values = stream(&rng, (enum shape)shape);
        struct hp_sketch *sketch = sketch_of(values, STREAM_COUNT);
        assert_quantiles_hold(sketch, values, STREAM_COUNT);
        assert_int_equal(hp_sketch_clamped_count(sketch), 0);
        hp_sketch_free(sketch);
        hp_free(values);
    }
}

/* Between a 0 and the top, a lone value cannot be corrected by the exact minimum and maximum. */
static void assert_lone_value_is_within_bound(struct hp_sketch *sketch, uint64_t value)
{
    hp_sketch_clear(sketch);
    hp_sketch_add(sketch, 0);
    hp_sketch_add(sketch, value);
    hp_sketch_add(sketch, HP_SKETCH_TOP_NS);
    assert_within_bound(hp_sketch_quantile(sketch, 0.5), value);
}

static void both_ends_of_every_bucket_are_within_one_percent(void **state)
{
    (void)state;
    struct hp_sketch *sketch = hp_sketch_new();
    assert_non_null(sketch);
    for (uint64_t value = 0; value < 1024; value++) {
        assert_lone_value_is_within_bound(sketch, value);
    }
    for (unsigned octave = 10; octave < 42; octave++) {
        uint64_t width = (uint64_t)1 << (octave - 6);
        for (uint64_t low = (uint64_t)1 << octave; low < (uint64_t)2 << octave; low += width) {
            assert_lone_value_is_within_bound(sketch, low);
            assert_lone_value_is_within_bound(sketch, low + width - 1);
        }
    }
    hp_sketch_free(sketch);
}

static void merge_keeps_error_bound(void **state)
{
    (void)state;
    struct hp_rng rng;
    hp_rng_seed(&rng, hp_test_seed("merge_keeps_error_bound", 2));
    uint64_t *values = hp_calloc(SHAPE_COUNT * STREAM_COUNT, sizeof *values);
    struct hp_sketch *merged = hp_sketch_new();
    assert_true(values != NULL && merged != NULL);
    for (size_t shape = 0; shape < SHAPE_COUNT; shape++) {
        uint64_t *part = stream(&rng, (enum shape)shape);
        memcpy(values + shape * STREAM_COUNT, part, STREAM_COUNT * sizeof *part);
        struct hp_sketch *worker = sketch_of(part, STREAM_COUNT);
        hp_sketch_merge(merged, worker);
        hp_sketch_free(worker);
        hp_free(part);
    }
    struct hp_sketch *whole = sketch_of(values, SHAPE_COUNT * STREAM_COUNT);
    assert_same(merged, whole);
    assert_int_equal(hp_sketch_sum_ns(merged), hp_sketch_sum_ns(whole));
    assert_quantiles_hold(merged, values, SHAPE_COUNT * STREAM_COUNT);
    hp_sketch_free(whole);
    hp_sketch_free(merged);
    hp_free(values);
}

static void merge_with_an_empty_sketch_changes_nothing(void **state)
{
    (void)state;
    struct hp_sketch *sketch = sketch_of_shape(PARETO);
    struct hp_sketch *same = sketch_of_shape(PARETO);
    struct hp_sketch *empty = hp_sketch_new();
    assert_non_null(empty);
    hp_sketch_merge(sketch, empty);
    assert_same(sketch, same);
    hp_sketch_merge(empty, same);
    assert_same(empty, same);
    hp_sketch_free(empty);
    hp_sketch_free(same);
    hp_sketch_free(sketch);
}

/* --- edges --- */

static void empty_sketch_answers_zero(void **state)
{
    (void)state;
    struct hp_sketch *sketch = hp_sketch_new();
    assert_non_null(sketch);
    assert_int_equal(hp_sketch_quantile(sketch, 0.5), 0);
    assert_int_equal(hp_sketch_min_ns(sketch), 0);
    assert_int_equal(hp_sketch_max_ns(sketch), 0);
    assert_int_equal(hp_sketch_sum_ns(sketch), 0);
    hp_sketch_add_n(sketch, 5, 0);
    assert_int_equal(hp_sketch_count(sketch), 0);
    hp_sketch_free(sketch);
    hp_sketch_free(NULL);
}

static void add_n_is_n_times_add(void **state)
{
    (void)state;
    struct hp_sketch *once = hp_sketch_new();
    struct hp_sketch *often = hp_sketch_new();
    assert_true(once != NULL && often != NULL);
    hp_sketch_add_n(once, 123456, 50);
    for (int i = 0; i < 50; i++) {
        hp_sketch_add(often, 123456);
    }
    assert_same(once, often);
    assert_int_equal(hp_sketch_sum_ns(once), 50 * 123456);
    hp_sketch_free(often);
    hp_sketch_free(once);
}

static void clear_forgets_everything(void **state)
{
    (void)state;
    struct hp_sketch *sketch = sketch_of_shape(LOG_NORMAL);
    struct hp_sketch *fresh = hp_sketch_new();
    assert_non_null(fresh);
    hp_sketch_clear(sketch);
    assert_same(sketch, fresh);
    hp_sketch_free(fresh);
    hp_sketch_free(sketch);
}

static void values_above_the_range_are_counted_as_clamped(void **state)
{
    (void)state;
    struct hp_sketch *sketch = hp_sketch_new();
    assert_non_null(sketch);
    hp_sketch_add(sketch, HP_SKETCH_TOP_NS);
    assert_int_equal(hp_sketch_clamped_count(sketch), 0);
    hp_sketch_add(sketch, HP_SKETCH_TOP_NS + 1);
    hp_sketch_add(sketch, UINT64_MAX);
    assert_int_equal(hp_sketch_clamped_count(sketch), 2);
    assert_int_equal(hp_sketch_count(sketch), 3);
    assert_int_equal(hp_sketch_quantile(sketch, 0.5), HP_SKETCH_TOP_NS);
    assert_int_equal(hp_sketch_quantile(sketch, 1), UINT64_MAX);
    assert_int_equal(hp_sketch_sum_ns(sketch), UINT64_MAX);
    hp_sketch_free(sketch);
}

static void quantile_takes_any_double(void **state)
{
    (void)state;
    struct hp_sketch *sketch = sketch_of_shape(BIMODAL);
    assert_int_equal(hp_sketch_quantile(sketch, -1), hp_sketch_min_ns(sketch));
    assert_int_equal(hp_sketch_quantile(sketch, 2), hp_sketch_max_ns(sketch));
    assert_int_equal(hp_sketch_quantile(sketch, INFINITY), hp_sketch_max_ns(sketch));
    assert_int_equal(hp_sketch_quantile(sketch, (double)NAN), hp_sketch_min_ns(sketch));
    hp_sketch_free(sketch);
}

static void counts_stop_at_the_top_instead_of_wrapping(void **state)
{
    (void)state;
    struct hp_sketch *sketch = hp_sketch_new();
    assert_non_null(sketch);
    hp_sketch_add_n(sketch, 1000, UINT64_MAX);
    hp_sketch_add_n(sketch, 2000, UINT64_MAX);
    hp_sketch_merge(sketch, sketch);
    assert_int_equal(hp_sketch_count(sketch), UINT64_MAX);
    assert_within_bound(hp_sketch_quantile(sketch, 0.5), 1000);
    assert_within_bound(hp_sketch_quantile(sketch, 1), 2000);
    hp_sketch_free(sketch);
}

static void recording_merging_and_asking_never_allocate(void **state)
{
    (void)state;
    struct hp_sketch *a = hp_sketch_new();
    struct hp_sketch *b = hp_sketch_new();
    assert_true(a != NULL && b != NULL);
    uint64_t before = hp_mem_forbidden_count();
    hp_mem_forbid(true);
    for (uint64_t i = 0; i < 1000; i++) {
        hp_sketch_add(a, i * i * i);
    }
    hp_sketch_merge(b, a);
    uint64_t median = hp_sketch_quantile(b, 0.5);
    hp_sketch_clear(a);
    hp_mem_forbid(false);
    assert_int_equal(hp_mem_forbidden_count(), before);
    assert_true(median > 0);
    hp_sketch_free(b);
    hp_sketch_free(a);
}

/* --- bytes --- */

static struct hp_buf encoded(const struct hp_sketch *sketch)
{
    struct hp_buf buf;
    hp_buf_init(&buf, 1u << 20);
    hp_sketch_encode(sketch, &buf);
    assert_int_equal(buf.err, HP_OK);
    return buf;
}

static hp_err decode(const uint8_t *data, size_t n, struct hp_sketch *into)
{
    struct hp_reader reader;
    hp_reader_init(&reader, data, n);
    return hp_sketch_decode(&reader, into);
}

static void encoding_round_trips_and_adds_on_decode(void **state)
{
    (void)state;
    for (int shape = 0; shape < SHAPE_COUNT; shape++) {
        struct hp_sketch *sketch = sketch_of_shape((enum shape)shape);
        struct hp_sketch *back = hp_sketch_new();
        assert_non_null(back);
        struct hp_buf buf = encoded(sketch);
        assert_int_equal(decode(buf.data, buf.len, back), HP_OK);
        assert_same(back, sketch);
        assert_int_equal(hp_sketch_count(back), hp_sketch_count(sketch));
        assert_int_equal(decode(buf.data, buf.len, back), HP_OK);
        hp_sketch_merge(sketch, sketch);
        assert_same(back, sketch);
        hp_buf_fini(&buf);
        hp_sketch_free(back);
        hp_sketch_free(sketch);
    }
}

static void encoding_is_as_documented(void **state)
{
    (void)state;
    static const uint8_t empty[] = {1, 5, 0, 0, 0, 0, 0};
    /* 3, 3, 200: index of 200 is 64 × 1 + (200 >> 1) = 164, gap 164 - 3 - 1 = 160; 200 and 206 take two
     * bytes. */
    static const uint8_t three[] = {1, 12, 0, 0xCE, 1, 3, 0xC8, 1, 2, 3, 2, 0xA0, 1, 1};
    struct hp_sketch *sketch = hp_sketch_new();
    assert_non_null(sketch);
    struct hp_buf buf = encoded(sketch);
    assert_int_equal(buf.len, sizeof empty);
    assert_memory_equal(buf.data, empty, sizeof empty);
    hp_buf_fini(&buf);
    hp_sketch_add_n(sketch, 3, 2);
    hp_sketch_add(sketch, 200);
    buf = encoded(sketch);
    assert_int_equal(buf.len, sizeof three);
    assert_memory_equal(buf.data, three, sizeof three);
    hp_buf_fini(&buf);
    hp_sketch_free(sketch);
}

static void typical_route_takes_a_few_hundred_bytes(void **state)
{
    (void)state;
    struct hp_rng rng;
    hp_rng_seed(&rng, 3);
    struct hp_sketch *sketch = hp_sketch_new();
    assert_non_null(sketch);
    for (int i = 0; i < 1000; i++) {
        hp_sketch_add(sketch, (uint64_t)(8e6 * exp(0.4 * normal(&rng))));
    }
    struct hp_buf buf = encoded(sketch);
    assert_in_range(buf.len, 50, 500);
    hp_buf_fini(&buf);
    hp_sketch_free(sketch);
}

static void every_truncation_is_refused_and_adds_nothing(void **state)
{
    (void)state;
    struct hp_sketch *sketch = sketch_of_shape(BIMODAL);
    struct hp_sketch *into = hp_sketch_new();
    struct hp_sketch *empty = hp_sketch_new();
    assert_true(into != NULL && empty != NULL);
    struct hp_buf buf = encoded(sketch);
    for (size_t n = 0; n < buf.len; n++) {
        uint8_t *cut = hp_memdup(buf.data, n); /* of exact size, for the address sanitizer */
        assert_non_null(cut);
        assert_int_equal(decode(cut, n, into), HP_ECORRUPT);
        hp_free(cut);
    }
    assert_same(into, empty);
    hp_buf_fini(&buf);
    hp_sketch_free(empty);
    hp_sketch_free(into);
    hp_sketch_free(sketch);
}

static void flipped_bits_are_refused_or_give_a_sound_sketch(void **state)
{
    (void)state;
    struct hp_sketch *sketch = sketch_of_shape(CONSTANT);
    hp_sketch_add(sketch, UINT64_MAX);
    struct hp_sketch *into = hp_sketch_new();
    assert_non_null(into);
    struct hp_buf buf = encoded(sketch);
    for (size_t bit = 0; bit < buf.len * 8; bit++) {
        buf.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        hp_sketch_clear(into);
        if (decode(buf.data, buf.len, into) != HP_OK) {
            assert_int_equal(hp_sketch_count(into), 0);
        } else {
            assert_in_range(hp_sketch_quantile(into, 0.5), hp_sketch_min_ns(into), hp_sketch_max_ns(into));
        }
        buf.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    hp_buf_fini(&buf);
    hp_sketch_free(into);
    hp_sketch_free(sketch);
}

static void newer_version_is_named_and_skipped(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {2, 3, 9, 9, 9, 1, 5, 0, 0, 0, 0, 0};
    struct hp_sketch *into = hp_sketch_new();
    assert_non_null(into);
    struct hp_reader reader;
    hp_reader_init(&reader, bytes, sizeof bytes);
    assert_int_equal(hp_sketch_decode(&reader, into), HP_EVERSION);
    assert_int_equal(hp_sketch_decode(&reader, into), HP_OK);
    assert_int_equal(hp_reader_left(&reader), 0);
    hp_sketch_free(into);
}

static void inconsistent_bodies_are_refused(void **state)
{
    (void)state;
    static const uint8_t bodies[][12] = {
        {1, 7, 0, 5, 5, 5, 1, 5, 0},        /* a count of 0 */
        {1, 7, 0, 5, 4, 5, 1, 5, 1},        /* min outside the first bucket */
        {1, 7, 0, 5, 5, 6, 1, 5, 1},        /* max outside the last bucket */
        {1, 7, 0, 4, 5, 5, 1, 5, 1},        /* sum < max */
        {1, 7, 1, 5, 5, 5, 1, 5, 1},        /* clamped without a value above the range */
        {1, 5, 0, 1, 0, 0, 0},              /* empty with a sum */
        {1, 8, 0, 5, 5, 5, 1, 0xC0, 18, 1}, /* index 2368 */
        {0, 5, 0, 0, 0, 0, 0},              /* version 0 */
    };
    struct hp_sketch *into = hp_sketch_new();
    assert_non_null(into);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_int_equal(decode(bodies[i], sizeof bodies[i], into), HP_ECORRUPT);
        assert_int_equal(hp_sketch_count(into), 0);
    }
    hp_sketch_free(into);
}

static void build_and_round_trip(void *arg)
{
    (void)arg;
    struct hp_buf buf;
    hp_buf_init(&buf, 1u << 20);
    struct hp_sketch *sketch = hp_sketch_new();
    struct hp_sketch *back = hp_sketch_new();
    if (sketch != NULL && back != NULL) {
        for (uint64_t i = 1; i < 2000; i++) {
            hp_sketch_add(sketch, i * 1000);
        }
        hp_sketch_encode(sketch, &buf);
        if (buf.err == HP_OK) {
            assert_int_equal(decode(buf.data, buf.len, back), HP_OK);
        } else {
            assert_int_equal(buf.err, HP_ENOMEM);
        }
    }
    hp_sketch_free(back);
    hp_sketch_free(sketch);
    hp_buf_fini(&buf);
}

static void survives_running_out_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(build_and_round_trip, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_of_heavy_tails_are_within_one_percent),
        cmocka_unit_test(both_ends_of_every_bucket_are_within_one_percent),
        cmocka_unit_test(merge_keeps_error_bound),
        cmocka_unit_test(merge_with_an_empty_sketch_changes_nothing),
        cmocka_unit_test(empty_sketch_answers_zero),
        cmocka_unit_test(add_n_is_n_times_add),
        cmocka_unit_test(clear_forgets_everything),
        cmocka_unit_test(values_above_the_range_are_counted_as_clamped),
        cmocka_unit_test(quantile_takes_any_double),
        cmocka_unit_test(counts_stop_at_the_top_instead_of_wrapping),
        cmocka_unit_test(recording_merging_and_asking_never_allocate),
        cmocka_unit_test(encoding_round_trips_and_adds_on_decode),
        cmocka_unit_test(encoding_is_as_documented),
        cmocka_unit_test(typical_route_takes_a_few_hundred_bytes),
        cmocka_unit_test(every_truncation_is_refused_and_adds_nothing),
        cmocka_unit_test(flipped_bits_are_refused_or_give_a_sound_sketch),
        cmocka_unit_test(newer_version_is_named_and_skipped),
        cmocka_unit_test(inconsistent_bodies_are_refused),
        cmocka_unit_test(survives_running_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
