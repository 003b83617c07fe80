/* test_arena.c -- bump allocation: alignment, caps, reset, running out of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/rng.h"
#include "sweep_oom.h"

static void init_and_fini_do_not_allocate(void **state)
{
    (void)state;
    struct hp_arena arena;
    hp_mem_forbid(true);
    hp_arena_init(&arena, 1000);
    hp_arena_reset(&arena);
    hp_arena_fini(&arena);
    hp_mem_forbid(false);
}

static void pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    struct hp_arena arena;
    hp_arena_init(&arena, (size_t)1 << 24);
    struct hp_rng rng;
    hp_rng_seed(&rng, hp_test_seed("arena", 11));
    enum { N = 2000 };
    static uint8_t *pieces[N];
    static size_t sizes[N];
    size_t total = 0;
    for (size_t i = 0; i < N; i++) {
        size_t align = (size_t)1 << hp_rng_below(&rng, 8);
        sizes[i] = hp_rng_below(&rng, i % 100 == 0 ? 20000 : 300);
        pieces[i] = hp_arena_alloc(&arena, sizes[i], align);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] & (align - 1), 0);
        memset(pieces[i], (int)(i & 0xFF), sizes[i]);
        total += sizes[i];
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < sizes[i]; k++) {
            assert_int_equal(pieces[i][k], i & 0xFF);
        }
    }
    assert_true(hp_arena_used_bytes(&arena) >= total);
    hp_arena_fini(&arena);
}

static void cap_refuses_and_counts(void **state)
{
    (void)state;
    struct hp_arena arena;
    hp_arena_init(&arena, 1000);
    assert_non_null(hp_arena_alloc(&arena, 600, 1));
    assert_null(hp_arena_alloc(&arena, 600, 1));
    assert_null(hp_arena_alloc(&arena, SIZE_MAX, 1));
    assert_null(hp_arena_alloc(&arena, SIZE_MAX - 8, 64));
    assert_int_equal(arena.refused_count, 3);
    assert_non_null(hp_arena_alloc(&arena, 400, 1));
    assert_null(hp_arena_alloc(&arena, 1, 1));
    hp_arena_fini(&arena);
    hp_arena_init(&arena, 0);
    assert_null(hp_arena_alloc(&arena, 1, 1));
    hp_arena_fini(&arena);
}

static void reset_reuses_the_first_chunk(void **state)
{
    (void)state;
    struct hp_arena arena;
    hp_arena_init(&arena, (size_t)1 << 20);
    void *first = hp_arena_alloc(&arena, 100, 8);
    assert_non_null(hp_arena_alloc(&arena, 100000, 8));
    int64_t live = hp_mem_live_count();
    hp_arena_reset(&arena);
    assert_int_equal(hp_mem_live_count(), live - 1);
    assert_int_equal(hp_arena_used_bytes(&arena), 0);
    hp_mem_forbid(true);
    assert_ptr_equal(hp_arena_alloc(&arena, 100, 8), first);
    hp_mem_forbid(false);
    hp_arena_fini(&arena);
}

static void dup_copies(void **state)
{
    (void)state;
    struct hp_arena arena;
    hp_arena_init(&arena, 4096);
    assert_memory_equal(hp_arena_dup(&arena, "hello", 5), "hello", 5);
    assert_non_null(hp_arena_dup(&arena, NULL, 0));
    hp_arena_fini(&arena);
}

static void use_arena(void *arg)
{
    (void)arg;
    struct hp_arena arena;
    hp_arena_init(&arena, (size_t)1 << 20);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 50; i++) {
            uint8_t *p = hp_arena_alloc(&arena, 1000, 16);
            if (p != NULL) {
                memset(p, 1, 1000);
            }
        }
        hp_arena_reset(&arena);
    }
    hp_arena_fini(&arena);
}

static void survives_out_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_arena, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_and_fini_do_not_allocate),
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(cap_refuses_and_counts),
        cmocka_unit_test(reset_reuses_the_first_chunk),
        cmocka_unit_test(dup_copies),
        cmocka_unit_test(survives_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
