/* test_notes.c -- what is noted beside calls and SQL comes back from its bytes, and damaged bytes do no
 * harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/record.h"
#include "sweep_oom.h"

struct sample {
    struct hp_record record;
    struct hp_gc gcs[2];
    struct hp_template templates[2];
    struct hp_log logs[1];
    struct hp_frame frames[2];
    struct hp_exception exceptions[2];
    struct hp_fact facts[2];
    struct hp_lane lanes[2];
};

static void fill(struct sample *s)
{
    memset(s, 0, sizeof *s);
    s->record.req =
        (struct hp_request){.id = 1, .wall_ns = 5000000, .kept_blocks = -7, .rss_growth_bytes = 8192};
    for (uint32_t i = 0; i < HP_NOTE_COUNT; i++) {
        s->record.req.dropped_notes[i] = i * 3;
    }
    s->gcs[0] = (struct hp_gc){100, 2000100, 40, 1, 1, 17, 2};
    s->gcs[1] = (struct hp_gc){.t0_ns = 300, .t1_ns = 400, .node = HP_NODE_NONE};
    s->templates[0] = (struct hp_template){10, 900, 300, 1, HP_NODE_NONE, 0, 5, 6, 4, 80, HP_TEMPLATE_WHOLE};
    s->templates[1] = (struct hp_template){50, 600, 600, 40, 0, 1, 7, 8, 5, 12, HP_TEMPLATE_MACRO};
    s->logs[0] = (struct hp_log){70, 3, 12345, 1, 9, 10, 30, 11, 44};
    s->frames[0] = (struct hp_frame){20, 100};
    s->frames[1] = (struct hp_frame){21, 7};
    s->exceptions[0] =
        (struct hp_exception){80, 0xfedcba9876543210, 2, 1, 12, 13, 2, s->frames, HP_EXCEPTION_HANDLED};
    s->exceptions[1] = (struct hp_exception){.group = 1, .count = 1, .type = 12};
    s->facts[0] = (struct hp_fact){30, 31, HP_FACT_HEADER};
    s->facts[1] = (struct hp_fact){32, 33, HP_FACT_CONFIG};
    s->record.lanes = s->lanes;
    s->record.lane_count = 2;
    s->record.notes =
        (struct hp_notes){s->gcs, s->templates, s->logs, s->exceptions, s->facts, {2, 2, 1, 2, 2}};
}

static void encode(const struct sample *s, struct hp_buf *buf)
{
    hp_buf_init(buf, 1 << 20);
    assert_int_equal(hp_record_encode(&s->record, buf), HP_OK);
}

static hp_err decode(struct hp_str bytes, struct hp_arena *arena, struct hp_record *out)
{
    struct hp_reader reader;
    hp_reader_init(&reader, bytes.p, bytes.n);
    return hp_record_decode(&reader, arena, out);
}

static void assert_notes_equal(const struct hp_notes *a, const struct hp_notes *b)
{
    assert_memory_equal(a->count, b->count, sizeof a->count);
    for (uint32_t i = 0; i < a->count[HP_NOTE_GC]; i++) {
        assert_memory_equal(&a->gcs[i], &b->gcs[i], offsetof(struct hp_gc, generation) + 1);
    }
    for (uint32_t i = 0; i < a->count[HP_NOTE_TEMPLATE]; i++) {
        assert_memory_equal(&a->templates[i], &b->templates[i], offsetof(struct hp_template, kind) + 1);
    }
    assert_memory_equal(a->logs, b->logs, a->count[HP_NOTE_LOG] * sizeof *a->logs);
    for (uint32_t i = 0; i < a->count[HP_NOTE_EXCEPTION]; i++) {
        const struct hp_exception *x = &a->exceptions[i], *y = &b->exceptions[i];
        assert_true(x->t0_ns == y->t0_ns && x->group == y->group && x->count == y->count);
        assert_true(x->lane == y->lane && x->type == y->type && x->text == y->text && x->end == y->end);
        assert_int_equal(x->frame_count, y->frame_count);
        assert_true(x->frame_count == 0 ||
                    memcmp(x->frames, y->frames, x->frame_count * sizeof *x->frames) == 0);
    }
    for (uint32_t i = 0; i < a->count[HP_NOTE_FACT]; i++) {
        assert_memory_equal(&a->facts[i], &b->facts[i], offsetof(struct hp_fact, kind) + 1);
    }
}

static void everything_comes_back(void **state)
{
    (void)state;
    struct sample s;
    struct hp_buf buf;
    struct hp_arena arena;
    struct hp_record out;
    fill(&s);
    encode(&s, &buf);
    hp_arena_init(&arena, 1 << 20);
    assert_int_equal(decode(hp_buf_str(&buf), &arena, &out), HP_OK);
    assert_notes_equal(&s.record.notes, &out.notes);
    assert_int_equal(out.req.kept_blocks, -7);
    assert_int_equal(out.req.rss_growth_bytes, 8192);
    assert_memory_equal(out.req.dropped_notes, s.record.req.dropped_notes, sizeof out.req.dropped_notes);
    hp_arena_fini(&arena);
    hp_buf_fini(&buf);
}

static void a_request_without_notes_has_none(void **state)
{
    (void)state;
    struct hp_record record = {.req = {.id = 1, .rss_growth_bytes = HP_ABSENT}}, out;
    struct hp_buf with, without;
    struct sample s;
    struct hp_arena arena;
    hp_buf_init(&without, 1 << 20);
    assert_int_equal(hp_record_encode(&record, &without), HP_OK);
    fill(&s);
    encode(&s, &with);
    assert_true(without.len + 100 < with.len);
    hp_arena_init(&arena, 1 << 20);
    assert_int_equal(decode(hp_buf_str(&without), &arena, &out), HP_OK);
    assert_int_equal(out.notes.count[0] + out.notes.count[1] + out.notes.count[2] + out.notes.count[3], 0);
    assert_true(out.req.rss_growth_bytes == HP_ABSENT && out.req.kept_blocks == 0);
    hp_arena_fini(&arena);
    hp_buf_fini(&with);
    hp_buf_fini(&without);
}

static void every_cut_and_every_flipped_byte_is_survived(void **state)
{
    (void)state;
    struct sample s;
    struct hp_buf buf;
    struct hp_arena arena;
    struct hp_record out;
    fill(&s);
    encode(&s, &buf);
    hp_arena_init(&arena, 1 << 20);
    for (size_t n = 0; n < buf.len; n++) {
        uint8_t *copy = hp_memdup(buf.data, buf.len);
        hp_arena_reset(&arena);
        assert_true(decode(hp_str_make((const char *)copy, n), &arena, &out) != HP_OK);
        copy[n] ^= 0xff;
        hp_arena_reset(&arena);
        if (decode(hp_str_make((const char *)copy, buf.len), &arena, &out) == HP_OK) {
            for (uint32_t i = 0; i < out.notes.count[HP_NOTE_TEMPLATE]; i++) {
                uint32_t parent = out.notes.templates[i].parent;
                assert_true(parent == HP_NODE_NONE || parent < i);
            }
        }
        hp_free(copy);
    }
    hp_arena_fini(&arena);
    hp_buf_fini(&buf);
}

static void indices_that_point_nowhere_become_harmless(void **state)
{
    (void)state;
    struct sample s;
    struct hp_buf buf;
    struct hp_arena arena;
    struct hp_record out;
    fill(&s);
    s.gcs[0].lane = s.templates[1].lane = s.logs[0].lane = s.exceptions[0].lane = 99;
    s.templates[0].parent = 0;
    encode(&s, &buf);
    hp_arena_init(&arena, 1 << 20);
    assert_int_equal(decode(hp_buf_str(&buf), &arena, &out), HP_OK);
    assert_int_equal(out.notes.gcs[0].lane + out.notes.templates[1].lane + out.notes.logs[0].lane +
                         out.notes.exceptions[0].lane,
                     0);
    assert_true(out.notes.templates[0].parent == HP_NODE_NONE);
    hp_arena_fini(&arena);
    hp_buf_fini(&buf);
}

static uint32_t plus(void *ctx, uint32_t id)
{
    return id + *(uint32_t *)ctx;
}

static void map_reaches_every_id(void **state)
{
    (void)state;
    struct sample s;
    uint32_t add = 1000;
    struct hp_id_maps maps = {&add, plus, plus, plus, plus};
    fill(&s);
    hp_record_map(&s.record, &maps);
    assert_true(s.templates[0].sym == 1005 && s.templates[1].name == 1008 && s.templates[1].site_sym == 1005);
    assert_true(s.logs[0].logger == 1009 && s.logs[0].message == 1010 && s.logs[0].site_sym == 1011);
    assert_true(s.exceptions[0].type == 1012 && s.exceptions[0].text == 1013 && s.exceptions[1].text == 0);
    assert_true(s.frames[0].sym == 1020 && s.frames[1].sym == 1021 && s.frames[1].line == 7);
    assert_true(s.facts[0].key == 1030 && s.facts[1].value == 1033);
    assert_int_equal(s.logs[0].level, 30);
}

static void use(void *arg)
{
    struct hp_str *bytes = arg;
    struct hp_arena arena;
    struct hp_record out;
    hp_arena_init(&arena, 1 << 20);
    hp_err err = decode(*bytes, &arena, &out);
    assert_true(err == HP_OK || err == HP_ENOMEM);
    hp_arena_fini(&arena);
}

static void survives_no_memory(void **state)
{
    (void)state;
    struct sample s;
    struct hp_buf buf;
    fill(&s);
    encode(&s, &buf);
    struct hp_str bytes = hp_buf_str(&buf);
    hp_sweep_oom(use, &bytes);
    hp_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(a_request_without_notes_has_none),
        cmocka_unit_test(every_cut_and_every_flipped_byte_is_survived),
        cmocka_unit_test(indices_that_point_nowhere_become_harmless),
        cmocka_unit_test(map_reaches_every_id),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
