/* test_map.c -- the open-addressing map against a naive one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "sweep_oom.h"

static void key_zero_works(void **state)
{
    (void)state;
    struct hp_map map;
    uint32_t value = 77;
    hp_map_init(&map, 10);
    assert_false(hp_map_get(&map, 0, &value));
    assert_int_equal(hp_map_put(&map, 1, 5), HP_OK);
    assert_false(hp_map_get(&map, 0, &value));
    assert_int_equal(value, 77);
    assert_int_equal(hp_map_put(&map, 0, 9), HP_OK);
    assert_int_equal(hp_map_put(&map, UINT64_MAX, 10), HP_OK);
    assert_true(hp_map_get(&map, 0, &value));
    assert_int_equal(value, 9);
    assert_int_equal(hp_map_count(&map), 3);
    hp_map_fini(&map);
}

static void cap_refuses_new_keys_only(void **state)
{
    (void)state;
    struct hp_map map;
    uint32_t value = 0;
    hp_map_init(&map, 3);
    for (uint64_t key = 0; key < 3; key++) {
        assert_int_equal(hp_map_put(&map, key, 1), HP_OK);
    }
    assert_int_equal(hp_map_put(&map, 3, 1), HP_EFULL);
    assert_int_equal(hp_map_put(&map, 2, 8), HP_OK);
    assert_true(hp_map_get(&map, 2, &value));
    assert_int_equal(value, 8);
    hp_map_clear(&map);
    assert_int_equal(hp_map_count(&map), 0);
    assert_false(hp_map_get(&map, 2, &value));
    assert_int_equal(hp_map_put(&map, 3, 1), HP_OK);
    hp_map_fini(&map);
}

static void agrees_with_its_naive_twin(void **state)
{
    (void)state;
    enum { KEYS = 5000 };
    static uint32_t twin[KEYS];
    static bool known[KEYS];
    struct hp_rng rng;
    hp_rng_seed(&rng, hp_test_seed("map", 21));
    struct hp_map map;
    hp_map_init(&map, KEYS);
    size_t count = 0;
    for (int step = 0; step < 200000; step++) {
        uint64_t index = hp_rng_below(&rng, KEYS);
        /* Keys as they come in practice: aligned addresses. */
        uint64_t key = index * 64;
        if (hp_rng_below(&rng, 3) == 0) {
            twin[index] = (uint32_t)hp_rng_u64(&rng);
            count += !known[index];
            known[index] = true;
            assert_int_equal(hp_map_put(&map, key, twin[index]), HP_OK);
        } else {
            uint32_t value = 0;
            assert_int_equal(hp_map_get(&map, key, &value), known[index]);
            assert_true(!known[index] || value == twin[index]);
        }
        assert_int_equal(hp_map_count(&map), count);
    }
    size_t cursor = 0, walked = 0;
    uint64_t key;
    uint32_t value;
    while (hp_map_next(&map, &cursor, &key, &value)) {
        assert_true(known[key / 64] && twin[key / 64] == value);
        walked++;
    }
    assert_int_equal(walked, count);
    hp_map_fini(&map);
}

static void use_map(void *arg)
{
    (void)arg;
    struct hp_map map;
    hp_map_init(&map, 1000);
    bool put[200] = {false};
    for (uint32_t i = 0; i < 200; i++) {
        put[i] = hp_map_put(&map, i, i) == HP_OK;
    }
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t value = 0;
        assert_int_equal(hp_map_get(&map, i, &value), put[i]);
        assert_true(!put[i] || value == i);
    }
    hp_map_fini(&map);
}

static void survives_out_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_map, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_zero_works),
        cmocka_unit_test(cap_refuses_new_keys_only),
        cmocka_unit_test(agrees_with_its_naive_twin),
        cmocka_unit_test(survives_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
