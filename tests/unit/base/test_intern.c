/* test_intern.c -- strings to ids against a naive table; readers beside a writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "base/rng.h"
#include "sweep_oom.h"

static void same_text_same_id(void **state)
{
    (void)state;
    struct hp_intern *table = hp_intern_new(100, 1000);
    uint32_t a = 9, b = 9, c = 9;
    assert_int_equal(hp_intern_add(table, HP_STR("x"), &a), HP_OK);
    assert_int_equal(hp_intern_add(table, HP_STR(""), &b), HP_OK);
    assert_int_equal(hp_intern_add(table, hp_str_make("xy", 1), &c), HP_OK);
    assert_int_equal(a, 0);
    assert_int_equal(b, 1);
    assert_int_equal(c, 0);
    assert_int_equal(hp_intern_find(table, HP_STR(""), &c), HP_OK);
    assert_int_equal(c, 1);
    assert_int_equal(hp_intern_find(table, HP_STR("nowhere"), &c), HP_ENOTFOUND);
    assert_true(hp_str_eq(hp_intern_get(table, 0), HP_STR("x")));
    assert_int_equal(hp_intern_get(table, 1).n, 0);
    assert_int_equal(hp_intern_get(table, 12345).n, 0);
    assert_int_equal(hp_intern_count(table), 2);
    assert_int_equal(hp_intern_used_bytes(table), 1);
    hp_intern_free(table);
    hp_intern_free(NULL);
}

static void bytes_may_be_anything(void **state)
{
    (void)state;
    struct hp_intern *table = hp_intern_new(100, 1000);
    uint32_t a, b;
    assert_int_equal(hp_intern_add(table, hp_str_make("a\0b", 3), &a), HP_OK);
    assert_int_equal(hp_intern_add(table, hp_str_make("a\0c", 3), &b), HP_OK);
    assert_int_not_equal(a, b);
    assert_memory_equal(hp_intern_get(table, b).p, "a\0c", 4);
    hp_intern_free(table);
}

static void caps_refuse_new_texts_only(void **state)
{
    (void)state;
    struct hp_intern *table = hp_intern_new(2, 1000);
    uint32_t id = 55;
    assert_int_equal(hp_intern_add(table, HP_STR("a"), &id), HP_OK);
    assert_int_equal(hp_intern_add(table, HP_STR("b"), &id), HP_OK);
    assert_int_equal(hp_intern_add(table, HP_STR("c"), &id), HP_EFULL);
    assert_int_equal(id, 1);
    assert_int_equal(hp_intern_add(table, HP_STR("a"), &id), HP_OK);
    assert_int_equal(id, 0);
    assert_int_equal(hp_intern_refused_count(table), 1);
    hp_intern_free(table);

    table = hp_intern_new(100, 5);
    assert_int_equal(hp_intern_add(table, HP_STR("abc"), &id), HP_OK);
    assert_int_equal(hp_intern_add(table, HP_STR("def"), &id), HP_EFULL);
    assert_int_equal(hp_intern_add(table, HP_STR("de"), &id), HP_OK);
    hp_intern_free(table);
}

static struct hp_str text_of(uint64_t key, char out[32])
{
    int n = snprintf(out, 32, "%llx", (unsigned long long)(key * key * 2654435761u));
    return hp_str_make(out, (size_t)n);
}

static void agrees_with_its_naive_twin(void **state)
{
    (void)state;
    enum { KEYS = 20000, UNKNOWN = UINT32_MAX >> 1 };
    uint32_t *twin = malloc(KEYS * sizeof *twin);
    for (size_t i = 0; i < KEYS; i++) {
        twin[i] = UNKNOWN;
    }
    struct hp_rng rng;
    hp_rng_seed(&rng, hp_test_seed("intern", 8));
    struct hp_intern *table = hp_intern_new(KEYS, 1 << 20);
    uint32_t next = 0;
    for (int step = 0; step < 100000; step++) {
        char space[32];
        uint64_t key = hp_rng_below(&rng, KEYS);
        struct hp_str text = text_of(key, space);
        uint32_t id;
        assert_int_equal(hp_intern_add(table, text, &id), HP_OK);
        if (twin[key] == UNKNOWN) {
            twin[key] = next++;
        }
        assert_int_equal(id, twin[key]);
        assert_int_equal(hp_intern_count(table), next);
    }
    for (uint64_t key = 0; key < KEYS; key++) {
        char space[32];
        assert_true(twin[key] == UNKNOWN || hp_str_eq(hp_intern_get(table, twin[key]), text_of(key, space)));
    }
    hp_intern_free(table);
    free(twin);
}

/* Each text is its own id in decimal, so a reader can tell whether what it sees is whole. */
static void *read_all_the_time(void *arg)
{
    struct hp_intern *table = arg;
    uint64_t wrong = 0;
    uint32_t count;
    do {
        count = hp_intern_count(table);
        uint32_t from = count > 300 ? count - 300 : 0;
        for (uint32_t id = from; id < count; id++) {
            struct hp_str text = hp_intern_get(table, id);
            wrong += text.n == 0 || strtoul(text.p, NULL, 10) != id;
        }
    } while (count < 30000);
    return (void *)(uintptr_t)wrong;
}

static void readers_need_no_lock(void **state)
{
    (void)state;
    struct hp_intern *table = hp_intern_new(30000, 1 << 20);
    pthread_t readers[2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, read_all_the_time, table), 0);
    }
    for (uint32_t i = 0; i < 30000; i++) {
        char text[16];
        uint32_t id;
        int n = snprintf(text, sizeof text, "%u", i);
        assert_int_equal(hp_intern_add(table, hp_str_make(text, (size_t)n), &id), HP_OK);
        assert_int_equal(id, i);
    }
    for (size_t i = 0; i < 2; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(readers[i], &wrong), 0);
        assert_null(wrong);
    }
    hp_intern_free(table);
}

static void use_intern(void *arg)
{
    (void)arg;
    struct hp_intern *table = hp_intern_new(5000, 1 << 20);
    if (table == NULL) {
        return;
    }
    uint32_t count = 0;
    for (uint64_t key = 0; key < 1500; key++) {
        char space[32];
        uint32_t id = 0;
        struct hp_str text = text_of(key, space);
        if (hp_intern_add(table, text, &id) == HP_OK) {
            assert_int_equal(id, count);
            assert_true(hp_str_eq(hp_intern_get(table, id), text));
            count++;
        }
        assert_int_equal(hp_intern_count(table), count);
    }
    hp_intern_free(table);
}

static void survives_out_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_intern, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_text_same_id),          cmocka_unit_test(bytes_may_be_anything),
        cmocka_unit_test(caps_refuse_new_texts_only), cmocka_unit_test(agrees_with_its_naive_twin),
        cmocka_unit_test(readers_need_no_lock),       cmocka_unit_test(survives_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
