/* test_ranked.c -- the radix sort against a naive one, and without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "store/ranked.h"
#include "sweep_oom.h"

#define MOST 3000

static int by_key_then_row(const void *a, const void *b)
{
    const struct hp__ranked *x = a, *y = b;
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return x->row < y->row ? -1 : x->row > y->row;
}

static void fill(struct hp__ranked *list, size_t count, struct hp_rng *rng)
{
    unsigned shift = (unsigned)hp_rng_below(rng, 64);
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct hp__ranked){hp_rng_u64(rng) >> shift << hp_rng_below(rng, 2) * 8, i};
    }
}

static void it_sorts_as_a_stable_sort_by_comparison_does(void **state)
{
    (void)state;
    static struct hp__ranked ours[MOST], theirs[MOST];
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct hp_rng rng;
        hp_rng_seed(&rng, seed);
        size_t count = hp_rng_below(&rng, seed % 2 != 0 ? 20 : MOST);
        fill(ours, count, &rng);
        memcpy(theirs, ours, sizeof ours);
        qsort(theirs, count, sizeof *theirs, by_key_then_row);
        assert_int_equal(hp__ranked_sort(ours, count), HP_OK);
        if (memcmp(ours, theirs, count * sizeof *ours) != 0) {
            fail_msg("seed %llu", (unsigned long long)seed);
        }
    }
}

static void sort_some(void *ctx)
{
    (void)ctx;
    struct hp__ranked list[] = {{3, 0}, {1, 1}, {2, 2}};
    hp_err err = hp__ranked_sort(list, 3);
    assert_int_equal(list[0].key, err == HP_OK ? 1 : 3);
}

static void without_memory_the_list_stays(void **state)
{
    (void)state;
    hp_sweep_oom(sort_some, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_sorts_as_a_stable_sort_by_comparison_does),
        cmocka_unit_test(without_memory_the_list_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
