/* test_unseen.c -- what processes cannot see: told once for workers that say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "answer/unseen.h"
#include "sweep_oom.h"

static void put(struct hp_store *store, uint32_t pid, const char *text)
{
    struct hp_errinfo info;
    const struct hp_process process = {.pid = pid, .start_ns = 1000, .unseen = hp_str_from0(text)};
    assert_int_equal(hp_store_begin(store, &info), HP_OK);
    assert_int_equal(hp_store_put_process(store, &process, &info), HP_OK);
    assert_int_equal(hp_store_commit(store, &info), HP_OK);
}

static struct hp_store *open_store(void)
{
    struct hp_store *store = NULL;
    const struct hp_store_config config = {.mode = HP_STORE_WRITE};
    assert_int_equal(hp_store_open(&config, &store, NULL), HP_OK);
    return store;
}

static void workers_that_say_the_same_are_counted(void **state)
{
    (void)state;
    struct hp_store *store = open_store();
    struct hp_unseen all;
    struct hp_arena arena;
    struct hp_buf out;
    struct hp_json json;
    hp_arena_init(&arena, 1 << 20);
    hp_buf_init(&out, 4096);
    put(store, 1, "");
    assert_int_equal(hp_unseen_load(&all, store, 0, 0, &arena, NULL), HP_OK);
    hp_unseen_text(&all, &out);
    hp_json_init(&json, &out, false);
    hp_unseen_json(&all, &json);
    assert_int_equal(out.len, 0);
    put(store, 2, "a.so: why");
    put(store, 3, "a.so: why");
    put(store, 4, "b.so: \"other\"");
    assert_int_equal(hp_unseen_load(&all, store, 0, 0, &arena, NULL), HP_OK);
    assert_int_equal(all.count, 2);
    hp_unseen_text(&all, &out);
    assert_true(
        hp_str_eq(hp_buf_str(&out), HP_STR("waits that cannot be seen in 2 processes: a.so: why\n"
                                           "waits that cannot be seen in 1 process: b.so: \"other\"\n")));
    hp_buf_reset(&out);
    hp_json_init(&json, &out, false);
    hp_json_object_begin(&json);
    hp_unseen_json(&all, &json);
    hp_json_object_end(&json);
    assert_true(hp_str_eq(hp_buf_str(&out), HP_STR("{\"unseen\":[{\"text\":\"a.so: why\",\"processes\":2},"
                                                   "{\"text\":\"b.so: \\\"other\\\"\",\"processes\":1}]}")));
    hp_buf_fini(&out);
    hp_arena_fini(&arena);
    assert_int_equal(hp_store_close(store), HP_OK);
}

static void beyond_the_cap_texts_are_left_out(void **state)
{
    (void)state;
    struct hp_store *store = open_store();
    struct hp_unseen all;
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    for (uint32_t i = 0; i < 2 * HP_UNSEEN_MOST; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u.so", i);
        put(store, 1 + i, text);
    }
    put(store, 100, "0.so");
    assert_int_equal(hp_unseen_load(&all, store, 0, 0, &arena, NULL), HP_OK);
    assert_int_equal(all.count, HP_UNSEEN_MOST);
    uint64_t processes = 0;
    for (uint32_t i = 0; i < all.count; i++) {
        processes += all.list[i].processes;
    }
    assert_int_equal(processes, HP_UNSEEN_MOST + 1);
    hp_arena_fini(&arena);
    assert_int_equal(hp_store_close(store), HP_OK);
}

static void use_unseen(void *arg)
{
    struct hp_unseen all;
    struct hp_arena arena;
    hp_arena_init(&arena, 1 << 20);
    hp_err err = hp_unseen_load(&all, arg, 0, 0, &arena, NULL);
    assert_true(err == HP_ENOMEM || (err == HP_OK && all.count == 1));
    hp_arena_fini(&arena);
}

static void survives_out_of_memory(void **state)
{
    (void)state;
    struct hp_store *store = open_store();
    put(store, 1, "a.so: why");
    hp_sweep_oom(use_unseen, store);
    assert_int_equal(hp_store_close(store), HP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_that_say_the_same_are_counted),
        cmocka_unit_test(beyond_the_cap_texts_are_left_out),
        cmocka_unit_test(survives_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
