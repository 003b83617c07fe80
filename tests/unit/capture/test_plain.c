/* test_plain.c -- a request that goes through the ring as it lies in memory reads as an encoded one does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "capture/plain.h"

#define MOST HP_PLAIN_LIST

struct given {
    struct hp_request req;
    struct hp_lane lane;
    struct hp_wait waits[MOST + 1];
    struct hp_span spans[MOST + 1];
    struct hp_fact facts[MOST + 1];
    struct hp_plain plain;
};

static uint64_t number(struct hp_rng *rng)
{
    return hp_rng_u64(rng) >> (hp_rng_u64(rng) % 64);
}

/* A request with something in every field that a record keeps, some of it absent. */
static void make(struct given *given, struct hp_rng *rng, uint32_t fact_count)
{
    *given = (struct given){.req = {.id = hp_rng_u64(rng), .start_wall_ns = number(rng)}};
    struct hp_request *req = &given->req;
    uint64_t *numbers[] = {&req->seq,         &req->wall_ns,     &req->own_ns,      &req->cpu_ns,
                           &req->queue_ns,    &req->gil_ns,      &req->gc_ns,       &req->bytes_in,
                           &req->phase_ns[0], &req->phase_ns[6], &req->alloc_bytes, &req->rss_growth_bytes};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        *numbers[i] = number(rng) % 3 == 0 ? HP_ABSENT : number(rng);
    }
    req->first_byte_ns = req->runqueue_ns = req->bytes_out = req->alloc_blocks = HP_ABSENT;
    req->kept_blocks = -5;
    req->route = (uint32_t)number(rng);
    req->status = 418;
    req->level = HP_LEVEL_MONITOR;
    req->exception_group = number(rng);
    req->trace_id[1] = number(rng);
    req->dropped_notes[2] = (uint32_t)number(rng);
    given->lane = (struct hp_lane){.end_ns = number(rng) >> 1, .cpu_ns = HP_ABSENT, .runqueue_ns = 7};
    for (uint32_t i = 0; i < MOST + 1; i++) {
        given->waits[i] = (struct hp_wait){.count = number(rng), .ns = number(rng), .kind = HP_WAIT_SEND};
        given->spans[i] = (struct hp_span){.t1_ns = number(rng) >> 1, .peer = (uint32_t)number(rng)};
        given->facts[i] = (struct hp_fact){(uint32_t)number(rng), (uint32_t)number(rng), HP_FACT_QUERY};
    }
    given->plain = (struct hp_plain){.req = &given->req,
                                     .lane = &given->lane,
                                     .waits = given->waits,
                                     .spans = given->spans,
                                     .facts = given->facts,
                                     .wait_count = (uint32_t)(hp_rng_below(rng, MOST + 1)),
                                     .span_count = (uint32_t)(hp_rng_below(rng, MOST + 1)),
                                     .fact_count = fact_count};
}

static struct hp_ring *make_ring(void)
{
    struct hp_ring *ring = NULL;
    assert_int_equal(hp_ring_open(NULL, 65536, &ring), HP_OK);
    return ring;
}

static bool put(struct hp_ring *ring, const struct given *given)
{
    struct hp_ring_slot slot;
    const void *image = hp_plain_reserve(ring, &given->plain, &slot);
    if (image != NULL) {
        hp_ring_commit(ring, &slot);
    }
    return image != NULL;
}

/* What the writer hands to the store for the first record of the ring, which is then taken out. */
static void take(struct hp_ring *ring, struct hp_buf *out)
{
    struct hp_ring_record record;
    uint64_t cursor = hp_ring_tail(ring);
    assert_true(hp_ring_peek(ring, &cursor, &record));
    assert_true(hp_plain_is(record.bytes));
    hp_buf_init(out, HP_PLAIN_ENCODED_BYTES);
    assert_true(hp_buf_reserve(out, HP_PLAIN_ENCODED_BYTES));
    const uint8_t *memory = out->data;
    assert_int_equal(hp_plain_encode(record.bytes, out), HP_OK);
    assert_ptr_equal(out->data, memory);
    hp_ring_consume(ring, cursor);
}

static void encode(const struct given *given, struct hp_buf *out)
{
    struct hp_record record = {.req = given->req};
    if (given->plain.lane != NULL) {
        record.lanes = (struct hp_lane *)&given->lane;
        record.lane_count = 1;
        record.waits = (struct hp_wait *)given->waits;
        record.wait_count = given->plain.wait_count;
        record.spans = (struct hp_span *)given->spans;
        record.span_count = given->plain.span_count;
        record.notes.facts = (struct hp_fact *)given->facts;
        record.notes.count[HP_NOTE_FACT] = given->plain.fact_count;
    }
    hp_buf_init(out, 65536);
    assert_int_equal(hp_record_encode(&record, out), HP_OK);
}

static void assert_same(struct hp_ring *ring, const struct given *given)
{
    struct hp_buf got, want;
    assert_true(put(ring, given));
    take(ring, &got);
    encode(given, &want);
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.data, want.data, want.len);
    hp_buf_fini(&got);
    hp_buf_fini(&want);
}

static void the_store_gets_the_bytes_of_an_encoded_request(void **state)
{
    (void)state;
    struct hp_ring *ring = make_ring();
    struct hp_rng rng;
    struct given given;
    hp_rng_seed(&rng, 11);
    for (uint32_t i = 0; i < 3000; i++) { /* many times round the ring */
        make(&given, &rng, i % (MOST + 1));
        assert_same(ring, &given);
    }
    hp_ring_close(ring);
}

static void without_detail_there_is_no_lane_and_no_fact(void **state)
{
    (void)state;
    struct hp_ring *ring = make_ring();
    struct hp_rng rng;
    struct given given;
    hp_rng_seed(&rng, 12);
    make(&given, &rng, 0);
    given.plain.lane = NULL;
    given.plain.wait_count = given.plain.span_count = 0;
    assert_same(ring, &given);
    hp_ring_close(ring);
}

static void longer_lists_than_it_has_room_for_are_encoded(void **state)
{
    (void)state;
    struct hp_ring *ring = make_ring();
    struct hp_rng rng;
    struct given given;
    hp_rng_seed(&rng, 13);
    make(&given, &rng, 0);
    uint32_t *counts[] = {&given.plain.wait_count, &given.plain.span_count, &given.plain.fact_count};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        *counts[i] = MOST + 1;
        assert_false(put(ring, &given));
        *counts[i] = MOST;
    }
    assert_int_equal(hp_ring_head(ring), hp_ring_tail(ring));
    assert_true(put(ring, &given));
    hp_ring_close(ring);
}

static void a_ring_that_fills_takes_no_more_of_them(void **state)
{
    (void)state;
    struct hp_ring *ring = make_ring();
    struct hp_rng rng;
    struct given given;
    uint64_t most = hp_ring_bytes(ring) / 8;
    hp_rng_seed(&rng, 14);
    make(&given, &rng, 0);
    given.plain.wait_count = given.plain.span_count = 0;
    while (put(ring, &given)) {
        assert_true(hp_ring_head(ring) - hp_ring_tail(ring) <= most + sizeof given);
    }
    assert_true(hp_ring_head(ring) - hp_ring_tail(ring) > most);
    struct hp_buf encoded;
    encode(&given, &encoded);
    assert_true(hp_ring_push(ring, given.req.id, encoded.data, encoded.len));
    hp_buf_fini(&encoded);
    struct hp_buf first;
    take(ring, &first);
    hp_buf_fini(&first);
    take(ring, &first);
    hp_buf_fini(&first);
    assert_true(put(ring, &given));
    hp_ring_close(ring);
}

static void an_encoded_record_stays_as_it_is(void **state)
{
    (void)state;
    struct hp_rng rng;
    struct given given;
    struct hp_buf encoded, copy;
    hp_rng_seed(&rng, 15);
    make(&given, &rng, MOST);
    encode(&given, &encoded);
    assert_false(hp_plain_is(hp_buf_str(&encoded)));
    hp_buf_init(&copy, HP_PLAIN_ENCODED_BYTES);
    assert_int_equal(hp_plain_encode(hp_buf_str(&encoded), &copy), HP_OK);
    assert_int_equal(copy.len, encoded.len);
    assert_memory_equal(copy.data, encoded.data, encoded.len);
    hp_buf_fini(&copy);
    hp_buf_fini(&encoded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_store_gets_the_bytes_of_an_encoded_request),
        cmocka_unit_test(without_detail_there_is_no_lane_and_no_fact),
        cmocka_unit_test(longer_lists_than_it_has_room_for_are_encoded),
        cmocka_unit_test(a_ring_that_fills_takes_no_more_of_them),
        cmocka_unit_test(an_encoded_record_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
