/* test_place.c -- what is application code, and how a place is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hotplate/ext/place.h"
#include "sweep_oom.h"

static struct hp_places *typical(void)
{
    static const struct {
        enum hp_place_list list;
        const char *text;
    } entries[] = {
        {HP_PLACE_LIBRARY, "/usr/lib/python3.12"},
        {HP_PLACE_OWN, "/venv/lib/python3.12/site-packages/hotplate"},
        {HP_PLACE_APP, "/venv/lib/python3.12/site-packages/shopapp"},
        {HP_PLACE_GLOB, "*/vendored/*"},
        {HP_PLACE_ROOT, "/srv/shop"},
        {HP_PLACE_ROOT, "/srv"},
        {HP_PLACE_ROOT, "/venv/lib/python3.12/site-packages"},
    };
    struct hp_places *places = hp_places_new();
    assert_non_null(places);
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        assert_true(hp_places_add(places, entries[i].list, entries[i].text, strlen(entries[i].text)));
    }
    return places;
}

static void places_are_classified_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *name, *shown;
        int flags;
    } cases[] = {
        {"/srv/shop/app/views.py", "app/views.py", HP_PLACE_IS_APP},
        {"/srv/other/x.py", "other/x.py", HP_PLACE_IS_APP},
        {"/home/me/alone.py", "/home/me/alone.py", HP_PLACE_IS_APP},
        {"/usr/lib/python3.12/json/decoder.py", "json/decoder.py", 0},
        {"/usr/lib/python3.12/threading.py", "threading.py", HP_PLACE_IS_FRAMEWORK},
        {"/venv/lib/python3.12/site-packages/flask/app.py", "flask/app.py", HP_PLACE_IS_FRAMEWORK},
        {"/venv/lib/python3.12/site-packages/sqlalchemy/orm/query.py", "sqlalchemy/orm/query.py", 0},
        {"/venv/lib/python3.12/site-packages/shopapp/models.py", "shopapp/models.py", HP_PLACE_IS_APP},
        {"/venv/lib/python3.12/site-packages/hotplate/flask.py", "hotplate/flask.py",
         HP_PLACE_IS_OWN | HP_PLACE_IS_FRAMEWORK},
        {"/venv/lib/python3.12/site-packages/vendored/y.py", "vendored/y.py", HP_PLACE_IS_APP},
        {"/srv/shop/app/templates/a/page.html", "templates/a/page.html",
         HP_PLACE_IS_APP | HP_PLACE_IS_TEMPLATE},
        {"/srv/shop/pages/page.html", "pages/page.html", HP_PLACE_IS_APP | HP_PLACE_IS_TEMPLATE},
        {"<template>", "<template>", HP_PLACE_IS_APP | HP_PLACE_IS_TEMPLATE},
        {"<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>", 0},
        {"<string>", "<string>", 0},
        {"", "", 0},
    };
    struct hp_places *places = typical();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[256];
        int flags = hp_places_classify(places, cases[i].name, strlen(cases[i].name), out, sizeof out);
        assert_string_equal(out, cases[i].shown);
        assert_int_equal(flags, cases[i].flags);
    }
    hp_places_free(places);
}

static void a_sibling_folder_with_the_same_start_is_not_below(void **state)
{
    (void)state;
    struct hp_places *places = typical();
    char out[256];
    const char *name = "/usr/lib/python3.12-extra/x.py";
    assert_int_equal(hp_places_classify(places, name, strlen(name), out, sizeof out), HP_PLACE_IS_APP);
    hp_places_free(places);
}

static void a_long_name_is_cut_at_a_character(void **state)
{
    (void)state;
    struct hp_places *places = typical();
    char out[8];
    const char *name = "/srv/shop/\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4.py";
    (void)hp_places_classify(places, name, strlen(name), out, sizeof out);
    assert_string_equal(out, "\xc3\xa4\xc3\xa4\xc3\xa4");
    hp_places_free(places);
}

static void build_and_free(void *arg)
{
    (void)arg;
    struct hp_places *places = hp_places_new();
    if (places == NULL) {
        return;
    }
    (void)hp_places_add(places, HP_PLACE_ROOT, "/a", 2);
    (void)hp_places_add(places, HP_PLACE_GLOB, "*", 1);
    hp_places_free(places);
}

static void survives_out_of_memory(void **state)
{
    (void)state;
    hp_sweep_oom(build_and_free, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_classified_and_written),
        cmocka_unit_test(a_sibling_folder_with_the_same_start_is_not_below),
        cmocka_unit_test(a_long_name_is_cut_at_a_character),
        cmocka_unit_test(survives_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
