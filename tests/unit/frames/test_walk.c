/* test_walk.c -- threads and frames of a made-up interpreter, whole, torn and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "frames/walk.h"
#include "image.h"
#include "sweep_oom.h"

static struct image image;
static struct hp_walk walk;

static hp_err frames_of(uint64_t frame_or_thread, struct hp_walk_frame *frames, uint32_t max, uint32_t *count,
                        bool *cut)
{
    struct hp_thread thread = {.frame = image_get_u64(&image, frame_or_thread + image.layout.thread_frame)};
    return hp_walk_frames(&walk, &image.layout, &image.peek, &thread, frames, max, count, cut);
}

static void lists_threads_of_all_interpreters_and_who_holds_the_gil(void **state)
{
    (void)state;
    for (unsigned minor = 11; minor <= 12; minor++) {
        struct hp_sweep sweep;
        image_init(&image, minor);
        image_thread(&image, 11, 0);
        uint64_t holder = image_thread(&image, 12, 0);
        image_put_u32(&image, image.gil + image.layout.gil_locked, 1);
        image_put_u64(&image, image.gil + image.layout.gil_holder, holder);
        uint64_t first = image.interpreter;
        image.interpreter = image_room(&image, 8192);
        image_put_u64(&image, first + image.layout.interp_next, image.interpreter);
        image_thread(&image, 13, 0);
        hp_sweep_init(&sweep, 100);
        assert_int_equal(hp_sweep_take(&sweep, &image.layout, &image.peek, image.runtime), HP_OK);
        assert_int_equal(sweep.count, 3);
        assert_int_equal(sweep.threads[0].native_id, 12);
        assert_true(sweep.threads[0].has_gil);
        assert_false(sweep.threads[1].has_gil);
        assert_int_equal(sweep.threads[2].native_id, 13);
        assert_int_equal(sweep.threads[2].interpreter, 1);
        hp_sweep_fini(&sweep);
    }
}

static void a_second_sweep_reads_all_threads_at_once_and_sees_changes(void **state)
{
    (void)state;
    struct hp_sweep sweep;
    image_init(&image, 12);
    uint64_t last = 0;
    for (unsigned i = 0; i < 40; i++) {
        last = image_thread(&image, 100 + i, 0);
    }
    hp_sweep_init(&sweep, 100);
    assert_int_equal(hp_sweep_take(&sweep, &image.layout, &image.peek, image.runtime), HP_OK);
    uint32_t before = image.reads;
    assert_int_equal(hp_sweep_take(&sweep, &image.layout, &image.peek, image.runtime), HP_OK);
    assert_true(image.reads - before <= 4);
    image_put_u64(&image, image.interpreter + image.layout.interp_threads,
                  image_get_u64(&image, last + image.layout.thread_next)); /* the newest ended */
    assert_int_equal(hp_sweep_take(&sweep, &image.layout, &image.peek, image.runtime), HP_OK);
    assert_int_equal(sweep.count, 39);
    image_thread(&image, 999, 0);
    assert_int_equal(hp_sweep_take(&sweep, &image.layout, &image.peek, image.runtime), HP_OK);
    assert_int_equal(sweep.count, 40);
    assert_int_equal(sweep.threads[0].native_id, 999);
    hp_sweep_fini(&sweep);
}

static void a_list_of_threads_that_is_a_circle_ends_at_the_cap(void **state)
{
    (void)state;
    struct hp_sweep sweep;
    image_init(&image, 12);
    uint64_t thread = image_thread(&image, 1, 0);
    image_put_u64(&image, thread + image.layout.thread_next, thread);
    hp_sweep_init(&sweep, 50);
    assert_int_equal(hp_sweep_take(&sweep, &image.layout, &image.peek, image.runtime), HP_OK);
    assert_int_equal(sweep.count, 50);
    assert_int_equal(sweep.beyond, 1);
    hp_sweep_fini(&sweep);
}

static void a_thread_that_is_nowhere_is_torn(void **state)
{
    (void)state;
    struct hp_sweep sweep;
    const uint64_t bad[] = {0x1000000, 0x7f00dead0001, IMAGE_BASE + IMAGE_BYTES - 8,
                            UINT64_MAX & ~(uint64_t)7};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        image_init(&image, 12);
        image_put_u64(&image, image.interpreter + image.layout.interp_threads, bad[i]);
        hp_sweep_init(&sweep, 50);
        assert_int_equal(hp_sweep_take(&sweep, &image.layout, &image.peek, image.runtime), HP_ECORRUPT);
        assert_int_equal(sweep.count, 0);
        hp_sweep_fini(&sweep);
    }
}

static void frames_come_innermost_first_without_the_interpreters_own(void **state)
{
    (void)state;
    for (unsigned minor = 11; minor <= 12; minor++) {
        struct hp_walk_frame frames[8];
        uint32_t count;
        bool cut;
        image_init(&image, minor);
        uint64_t outer = image_code(&image, "outer", "a.py", 1, NULL),
                 inner = image_code(&image, "inner", "a.py", 9, NULL);
        uint64_t frame = image_frame(&image, outer, 5, 0);
        frame = image_frame(&image, outer, 0, frame);
        image_set_owner(&image, frame, 3);
        frame = image_frame(&image, inner, 7, frame);
        uint64_t thread = image_thread(&image, 1, frame);
        assert_int_equal(frames_of(thread, frames, 8, &count, &cut), HP_OK);
        assert_int_equal(count, 2);
        assert_int_equal(frames[0].code, inner);
        assert_int_equal(frames[0].instr, inner + image.layout.code_start + 14);
        assert_int_equal(frames[1].code, outer);
        assert_false(cut);
    }
}

static void a_deep_stack_takes_few_reads_and_is_cut_at_the_cap(void **state)
{
    (void)state;
    static struct hp_walk_frame frames[500];
    uint32_t count;
    bool cut;
    image_init(&image, 12);
    uint64_t code = image_code(&image, "f", "a.py", 1, NULL), frame = 0;
    for (unsigned i = 0; i < 400; i++) {
        frame = image_frame(&image, code, 1, frame);
    }
    uint64_t thread = image_thread(&image, 1, frame);
    assert_int_equal(frames_of(thread, frames, 500, &count, &cut), HP_OK);
    assert_int_equal(count, 400);
    assert_true(image.reads <= 12);
    assert_int_equal(frames_of(thread, frames, 399, &count, &cut), HP_OK);
    assert_int_equal(count, 399);
    assert_true(cut);
}

static void circles_of_frames_are_torn_wherever_they_close(void **state)
{
    (void)state;
    static struct hp_walk_frame frames[64];
    uint64_t made[20];
    uint32_t count;
    bool cut;
    for (unsigned back = 0; back < 20; back++) {
        image_init(&image, 12);
        uint64_t code = image_code(&image, "f", "a.py", 1, NULL);
        for (unsigned i = 0; i < 20; i++) {
            made[i] = image_frame(&image, code, 1, i == 0 ? 0 : made[i - 1]);
        }
        image_put_u64(&image, made[0] + image.layout.frame_previous, made[back]);
        uint64_t thread = image_thread(&image, 1, made[19]);
        hp_err err = frames_of(thread, frames, 64, &count, &cut);
        assert_true(err == HP_ECORRUPT || (err == HP_OK && cut));
    }
}

static void links_and_codes_that_lead_nowhere_are_torn(void **state)
{
    (void)state;
    struct hp_walk_frame frames[8];
    uint32_t count = 77;
    bool cut;
    const uint64_t bad[] = {8,         0x1001, IMAGE_BASE - 4096, IMAGE_BASE + IMAGE_BYTES, (uint64_t)1 << 47,
                            UINT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        image_init(&image, 12);
        uint64_t code = image_code(&image, "f", "a.py", 1, NULL);
        uint64_t frame = image_frame(&image, code, 1, bad[i]);
        assert_int_equal(frames_of(image_thread(&image, 1, frame), frames, 8, &count, &cut), HP_ECORRUPT);
        assert_int_equal(count, 77);
    }
    image_init(&image, 12);
    uint64_t frame = image_frame(&image, 8, 1, 0);
    assert_int_equal(frames_of(image_thread(&image, 1, frame), frames, 8, &count, &cut), HP_ECORRUPT);
}

static void a_target_that_is_gone_says_so(void **state)
{
    (void)state;
    struct hp_walk_frame frames[8];
    struct hp_sweep sweep;
    uint32_t count;
    bool cut;
    image_init(&image, 12);
    uint64_t frame = image_frame(&image, image_code(&image, "f", "a.py", 1, NULL), 1, 0);
    uint64_t thread = image_thread(&image, 1, frame);
    image.failure = HP_ENOTFOUND;
    for (uint32_t at = 1; at <= 5; at++) {
        hp_sweep_init(&sweep, 10);
        image.reads = 0;
        image.fail_at = at;
        hp_err err = hp_sweep_take(&sweep, &image.layout, &image.peek, image.runtime);
        assert_int_equal(err, at == 3  ? HP_OK
                              : at < 5 ? HP_ENOTFOUND
                                       : HP_OK); /* 3: who holds the GIL stays unknown */
        hp_sweep_fini(&sweep);
    }
    for (uint32_t at = 1; at <= 2; at++) {
        image.reads = 0;
        image.fail_at = at;
        assert_int_equal(frames_of(thread, frames, 8, &count, &cut), HP_ENOTFOUND);
    }
}

static void use_sweep(void *arg)
{
    (void)arg;
    struct hp_sweep sweep;
    image_init(&image, 12);
    for (unsigned i = 0; i < 40; i++) {
        image_thread(&image, i + 1, 0);
    }
    hp_sweep_init(&sweep, 100);
    hp_err err = hp_sweep_take(&sweep, &image.layout, &image.peek, image.runtime);
    assert_true(err == HP_OK ? sweep.count == 40 : err == HP_ENOMEM && sweep.count == 0);
    hp_sweep_fini(&sweep);
}

static void survives_out_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_sweep, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_threads_of_all_interpreters_and_who_holds_the_gil),
        cmocka_unit_test(a_second_sweep_reads_all_threads_at_once_and_sees_changes),
        cmocka_unit_test(a_list_of_threads_that_is_a_circle_ends_at_the_cap),
        cmocka_unit_test(a_thread_that_is_nowhere_is_torn),
        cmocka_unit_test(frames_come_innermost_first_without_the_interpreters_own),
        cmocka_unit_test(a_deep_stack_takes_few_reads_and_is_cut_at_the_cap),
        cmocka_unit_test(circles_of_frames_are_torn_wherever_they_close),
        cmocka_unit_test(links_and_codes_that_lead_nowhere_are_torn),
        cmocka_unit_test(a_target_that_is_gone_says_so),
        cmocka_unit_test(survives_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
