/* test_asks.c -- what a line says of its calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "find/asks.h"
#include "sweep_oom.h"

static unsigned asks_by(const char *statement, const char *callee)
{
    char text[400] = "async def page(self, path, *, size=SIZE):\n";
    unsigned asks = 99;
    struct hp_arena arena;
    hp_arena_init(&arena, (size_t)1 << 20);
    strncat(text, statement, sizeof text - strlen(text) - 1);
    assert_int_equal(hp__asks_read(hp_str_from0(text), 1, 2, hp_str_from0(callee), &arena, &asks), HP_OK);
    hp_arena_fini(&arena);
    return asks;
}

static unsigned asks_of(const char *statement)
{
    return asks_by(statement, "ask");
}

static void a_call_alone_has_an_answer_that_is_not_used(void **state)
{
    (void)state;
    assert_int_equal(asks_of("    ask(x)  # tell\n"), HP__ASKS_UNUSED);
    assert_int_equal(asks_of("    await client.ask(\n        x)\n"), HP__ASKS_UNUSED);
    assert_int_equal(asks_of("    ask(x).raise_for_status()\n"), 0);
    assert_int_equal(asks_of("    log.info(ask(x))\n"), 0);
    assert_int_equal(asks_of("    y = ask(x)\n"), 0);
    assert_int_equal(asks_of("    ask(ask(x))\n"), 0);
    assert_int_equal(asks_of("    return ask(x)[:3]\n"), HP__ASKS_RETURN);
    assert_int_equal(asks_of("    ask(x), other(x)\n"), 0);
}

static void literals_and_constants_ask_the_same_each_time(void **state)
{
    (void)state;
    unsigned same = HP__ASKS_SAME | HP__ASKS_GIVEN;
    assert_int_equal(asks_of("    y = ask('/rates', timeout=5, retry=False)[x]\n"), same);
    assert_int_equal(asks_of("    return cut(x.ask(f'{HOST}/rates/{settings.DAY_1}'))\n"),
                     same | HP__ASKS_RETURN);
    assert_int_equal(asks_of("    y = ask(HOST + path, size=size)\n"), HP__ASKS_GIVEN);
    assert_int_equal(asks_of("    y = ask(f'/rates/{path}')\n"), HP__ASKS_GIVEN);
    assert_int_equal(asks_of("    y = ask('/rates', day)\n"), 0);
    assert_int_equal(asks_of("    y = ask('/rates', now())\n"), 0);
    assert_int_equal(asks_of("    y = ask('/rates', path())\n"), 0);
    assert_int_equal(asks_of("    y = ask(self.rates)\n"), 0);
    assert_int_equal(asks_of("    y = ask('/a') + ask(x)\n"), 0);
    assert_int_equal(asks_of("    y = ask()\n"), HP__ASKS_GIVEN); /* what it asks is elsewhere */
    assert_int_equal(asks_of("    y = ask(4096)\n"), HP__ASKS_GIVEN);
}

static void any_call_may_be_meant_but_of_the_answer(void **state)
{
    (void)state;
    assert_int_equal(asks_by("    y = s.get('/rates').json(x)\n", ""), HP__ASKS_SAME | HP__ASKS_GIVEN);
    assert_int_equal(asks_by("    y = s.get(HOST + path).json()\n", ""), HP__ASKS_GIVEN);
    assert_int_equal(asks_by("    y = len(s.get(x))\n", ""), 0);
    assert_int_equal(asks_by("    s.post(x)\n", ""), HP__ASKS_UNUSED);
    assert_int_equal(asks_by("    found.append(s.get(x))\n", ""), 0);
    assert_int_equal(asks_by("    y = x\n", ""), 0);
}

static void whether_there_is_an_answer_is_asked_by_its_head(void **state)
{
    (void)state;
    assert_int_equal(asks_by("    if s.head(url).ok:\n", "head"), HP__ASKS_HEAD);
    assert_int_equal(asks_by("    y = s.request('HEAD', url)\n", "request"), HP__ASKS_HEAD);
    assert_int_equal(asks_by("    y = s.request('GET', url)\n", "request"), 0);
    assert_int_equal(asks_by("    y = s.get(head)\n", "get"), 0);
}

static void other_lines_say_nothing(void **state)
{
    (void)state;
    assert_int_equal(asks_of("    task('/rates')\n"), 0);
    assert_int_equal(asks_of("    ask\n"), 0);
    assert_int_equal(asks_of("    ask('/rates'"), 0);
    assert_int_equal(asks_of("    f'{ask(\n"), 0);
    assert_int_equal(asks_of("x = 1\n"), 0);
    assert_int_equal(asks_of(""), 0);
}

static bool item_at(const char *body, uint32_t line)
{
    char text[400] = "def page(path):\n";
    bool item = false;
    struct hp_arena arena;
    hp_arena_init(&arena, (size_t)1 << 20);
    strncat(text, body, sizeof text - strlen(text) - 1);
    assert_int_equal(hp__asks_item(hp_str_from0(text), 1, line, &arena, &item), HP_OK);
    hp_arena_fini(&arena);
    return item;
}

static void a_thing_of_a_loop_is_asked_for_by_its_name(void **state)
{
    (void)state;
    assert_true(item_at("    return {each: ask(each, path) for each in PLACES}\n", 2));
    assert_true(
        item_at("    for name, place in places.items():\n        found[name] = ask(f'/x/{place.id}')\n", 3));
    assert_true(item_at("    for place in places:\n        if place.open:\n            ask(place)\n", 4));
    assert_false(item_at("    for wait in (1, 2, 4):\n        if ask(path).ok:\n            break\n", 3));
    assert_false(item_at("    for turn in range(5):\n        found = ask(path, turn)\n", 3));
    assert_false(item_at("    while not done:\n        done = ask(path)\n", 3));
    assert_false(item_at("    return [ask(path) for each in PLACES]\n", 2));
    assert_false(item_at("    return ask(path)\n", 2));
    assert_false(item_at("", 7));
}

static void read_one(void *arg)
{
    (void)arg;
    unsigned asks = 0;
    bool item = false;
    struct hp_arena arena;
    hp_arena_init(&arena, (size_t)1 << 20);
    hp_err err = hp__asks_read(HP_STR("def f():\n a()\n"), 1, 2, HP_STR("a"), &arena, &asks);
    assert_true(err == HP_ENOMEM || asks != 0);
    err = err == HP_OK ? hp__asks_item(HP_STR("def f():\n for x in y:\n  a(x)\n"), 1, 3, &arena, &item) : err;
    assert_true(err == HP_ENOMEM || item);
    hp_arena_fini(&arena);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    hp_sweep_oom(read_one, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_alone_has_an_answer_that_is_not_used),
        cmocka_unit_test(literals_and_constants_ask_the_same_each_time),
        cmocka_unit_test(any_call_may_be_meant_but_of_the_answer),
        cmocka_unit_test(whether_there_is_an_answer_is_asked_by_its_head),
        cmocka_unit_test(other_lines_say_nothing),
        cmocka_unit_test(a_thing_of_a_loop_is_asked_for_by_its_name),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
