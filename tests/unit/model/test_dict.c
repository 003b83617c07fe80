/* test_dict.c -- the dictionary: content in, the same content out, one id each. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/dict.h"
#include "sweep_oom.h"

static void assert_str(struct hp_str text, const char *expected)
{
    assert_int_equal(text.n, strlen(expected));
    assert_memory_equal(text.p, expected, text.n);
}

static struct hp_symbol sample(void)
{
    return (struct hp_symbol){HP_STR("shop/views.py"),
                              HP_STR("Cart.total"),
                              HP_STR("/srv/shop/views.py"),
                              4711,
                              HP_SYM_PYTHON,
                              HP_SYM_APP};
}

static void symbol_comes_back_as_it_was(void **state)
{
    (void)state;
    struct hp_dict *dict = hp_dict_new();
    struct hp_symbol in = sample();
    uint32_t id = 0;
    uint32_t again = 0;
    assert_int_equal(hp_dict_add_symbol(dict, &in, &id), HP_OK);
    assert_int_equal(hp_dict_add_symbol(dict, &in, &again), HP_OK);
    assert_int_equal(id, 1);
    assert_int_equal(again, id);
    struct hp_symbol out = hp_dict_symbol(dict, id);
    assert_str(out.file, "shop/views.py");
    assert_str(out.name, "Cart.total");
    assert_str(out.path, "/srv/shop/views.py");
    assert_int_equal(out.line, 4711);
    assert_int_equal(out.kind, HP_SYM_PYTHON);
    assert_int_equal(out.flags, HP_SYM_APP);
    assert_int_equal(hp_dict_symbol_count(dict), 2);
    hp_dict_free(dict);
}

static void symbol_hash_ignores_path_and_flags_only(void **state)
{
    (void)state;
    struct hp_dict *dict = hp_dict_new();
    struct hp_symbol in = sample();
    uint32_t ids[7] = {0};
    assert_int_equal(hp_dict_add_symbol(dict, &in, &ids[0]), HP_OK);
    in.path = HP_STR("/elsewhere/views.py");
    in.flags = 0;
    assert_int_equal(hp_dict_add_symbol(dict, &in, &ids[1]), HP_OK);
    assert_int_not_equal(ids[0], ids[1]);
    assert_true(hp_dict_symbol_hash(dict, ids[0]) == hp_dict_symbol_hash(dict, ids[1]));
    in.line++;
    assert_int_equal(hp_dict_add_symbol(dict, &in, &ids[2]), HP_OK);
    in.kind = HP_SYM_C;
    assert_int_equal(hp_dict_add_symbol(dict, &in, &ids[3]), HP_OK);
    in.name = HP_STR("Cart.sum");
    assert_int_equal(hp_dict_add_symbol(dict, &in, &ids[4]), HP_OK);
    in.file = HP_STR("shop/view.py");
    assert_int_equal(hp_dict_add_symbol(dict, &in, &ids[5]), HP_OK);
    in.file = HP_STR("shop/view.p");
    in.name = HP_STR("yCart.sum"); /* the same bytes in a row */
    assert_int_equal(hp_dict_add_symbol(dict, &in, &ids[6]), HP_OK);
    for (int i = 1; i < 7; i++) {
        for (int j = i + 1; j < 7; j++) {
            assert_true(hp_dict_symbol_hash(dict, ids[i]) != hp_dict_symbol_hash(dict, ids[j]));
        }
    }
    assert_true(hp_dict_symbol_hash(dict, 0) == 0);
    assert_true(hp_dict_symbol_hash(dict, 99) == 0);
    hp_dict_free(dict);
}

static void statements_routes_and_strings_come_back(void **state)
{
    (void)state;
    struct hp_dict *dict = hp_dict_new();
    uint32_t id = 0;
    struct hp_statement statement = {HP_STR("SELECT ?"), HP_ENGINE_MARIADB, 3};
    assert_int_equal(hp_dict_add_statement(dict, &statement, &id), HP_OK);
    assert_int_equal(id, 1);
    statement = hp_dict_statement(dict, id);
    assert_str(statement.text, "SELECT ?");
    assert_int_equal(statement.engine, HP_ENGINE_MARIADB);
    assert_int_equal(statement.verb, 3);
    struct hp_route route = {HP_STR("GET"), HP_STR("/x/<int:id>"), HP_STR("shop.x")};
    assert_int_equal(hp_dict_add_route(dict, &route, &id), HP_OK);
    assert_int_equal(id, 1);
    route = hp_dict_route(dict, id);
    assert_str(route.method, "GET");
    assert_str(route.rule, "/x/<int:id>");
    assert_str(route.endpoint, "shop.x");
    assert_int_equal(hp_dict_add_string(dict, HP_STR("abc"), &id), HP_OK);
    assert_int_equal(id, 1);
    assert_str(hp_dict_string(dict, id), "abc");
    assert_int_equal(hp_dict_statement_count(dict), 2);
    assert_int_equal(hp_dict_route_count(dict), 2);
    assert_int_equal(hp_dict_string_count(dict), 2);
    hp_dict_free(dict);
}

static void zero_and_unknown_ids_are_empty(void **state)
{
    (void)state;
    struct hp_dict *dict = hp_dict_new();
    uint32_t id = 7;
    assert_int_equal(hp_dict_add_string(dict, HP_STR(""), &id), HP_OK);
    assert_int_equal(id, 0);
    struct hp_symbol nothing = {0};
    assert_int_equal(hp_dict_add_symbol(dict, &nothing, &id), HP_OK);
    assert_int_equal(id, 1); /* an empty symbol is not "none" */
    uint32_t unknown[] = {0, 5, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hp_dict_symbol(dict, unknown[i]).name.n, 0);
        assert_int_equal(hp_dict_statement(dict, unknown[i]).text.n, 0);
        assert_int_equal(hp_dict_route(dict, unknown[i]).rule.n, 0);
        assert_int_equal(hp_dict_string(dict, unknown[i]).n, 0);
    }
    hp_dict_free(dict);
}

static void long_texts_and_odd_bytes_are_kept(void **state)
{
    (void)state;
    struct hp_dict *dict = hp_dict_new();
    static char text[100000];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)(i * 31);
    }
    struct hp_symbol in = {
        hp_str_make(text, 70000), hp_str_make(text + 1, 90000), hp_str_make(NULL, 0), UINT32_MAX, 1, 2};
    uint32_t id = 0;
    assert_int_equal(hp_dict_add_symbol(dict, &in, &id), HP_OK);
    struct hp_symbol out = hp_dict_symbol(dict, id);
    assert_true(hp_str_eq(in.file, out.file) && hp_str_eq(in.name, out.name) && out.path.n == 0);
    assert_true(out.line == UINT32_MAX);
    hp_dict_free(dict);
}

static void too_large_text_is_refused(void **state)
{
    (void)state;
    struct hp_dict *dict = hp_dict_new();
    struct hp_statement statement = {hp_str_make("x", SIZE_MAX / 4), 0, 0};
    uint32_t id = 9;
    assert_int_equal(hp_dict_add_statement(dict, &statement, &id), HP_EFULL);
    assert_int_equal(id, 9);
    hp_dict_free(dict);
}

static void *add_many(void *arg)
{
    struct hp_dict *dict = arg;
    for (uint32_t i = 0; i < 5000; i++) {
        char name[16];
        struct hp_symbol in = sample();
        in.name = hp_str_make(name, (size_t)snprintf(name, sizeof name, "f%u", i));
        uint32_t id = 0;
        if (hp_dict_add_symbol(dict, &in, &id) != HP_OK ||
            !hp_str_eq(hp_dict_symbol(dict, id).name, in.name)) {
            return dict;
        }
    }
    return NULL;
}

static void threads_agree_on_ids(void **state)
{
    (void)state;
    struct hp_dict *dict = hp_dict_new();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, dict), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(hp_dict_symbol_count(dict), 5001);
    hp_dict_fork_hold(dict);
    hp_dict_fork_release(dict);
    hp_dict_free(dict);
}

static void use_dict(void *arg)
{
    (void)arg;
    static const char text[2000];
    struct hp_dict *dict = hp_dict_new();
    if (dict == NULL) {
        return;
    }
    struct hp_symbol in = sample();
    struct hp_symbol big = {.file = hp_str_make(text, sizeof text)};
    struct hp_route route = {HP_STR("GET"), HP_STR("/"), HP_STR("x")};
    uint32_t id = 0;
    if (hp_dict_add_symbol(dict, &in, &id) == HP_OK) {
        assert_str(hp_dict_symbol(dict, id).name, "Cart.total");
    }
    (void)!hp_dict_add_symbol(dict, &big, &id);
    (void)!hp_dict_add_route(dict, &route, &id);
    hp_dict_free(dict);
}

static void survives_no_memory(void **state)
{
    (void)state;
    hp_sweep_oom(use_dict, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symbol_comes_back_as_it_was),
        cmocka_unit_test(symbol_hash_ignores_path_and_flags_only),
        cmocka_unit_test(statements_routes_and_strings_come_back),
        cmocka_unit_test(zero_and_unknown_ids_are_empty),
        cmocka_unit_test(long_texts_and_odd_bytes_are_kept),
        cmocka_unit_test(too_large_text_is_refused),
        cmocka_unit_test(threads_agree_on_ids),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
