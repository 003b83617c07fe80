/* test_given.c -- whether a function follows from one call in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "find/given.h"

static bool only_by(const char *body, uint32_t line, const char *callee)
{
    char text[400] = "@property\ndef active(self, day: int, *, kind=None, **more):\n";
    strncat(text, body, sizeof text - strlen(text) - 1);
    return hp__given_only(hp_str_from0(text), 1, line, hp_str_from0(callee));
}

/* The call of rows() is in the first line of the body. */
static bool only_of(const char *body)
{
    return only_by(body, 3, "rows");
}

static void what_is_given_goes_into_the_call(void **state)
{
    (void)state;
    assert_true(
        only_of("    rows = self.store.rows(SQL, day, kind=kind)\n    return [Row(*row) for row in rows]\n"));
    assert_true(only_of("    return dict(store.rows(SQL, day))\n"));
    assert_true(only_of(
        "    found = session.rows(select(Row).where(Row.day == day)).all()\n    return set(found)\n"));
    assert_true(only_of("    return query.where(day).rows().all()\n"));
    assert_true(only_of("    for row in self.rows(\n            day):\n        yield Row(row, kind=2)\n"));
    assert_true(only_of("    return store.rows\n"));
}

static void what_is_given_is_not_used_beside_it(void **state)
{
    (void)state;
    assert_false(only_of("    rows = store.rows(SQL)\n    return [Row(*row, day) for row in rows]\n"));
    assert_false(only_of("    return max((r.x for r in store.rows(SQL) if r.day == day), default=0)\n"));
    assert_false(only_of("    return f'{day} {store.rows(SQL)}'\n"));
    assert_false(only_of("    rows = store.rows(SQL)\n    return price(more, rows)\n"));
    assert_false(only_of("    rows = store.rows(SQL)\n    return self.factor * len(rows)\n"));
    assert_false(only_of("    return store.rows(SQL) + store.rows(day)\n"));
    assert_false(only_of("    if day:\n        return 3\n")); /* no such call */
}

static void methods_of_the_object_may_be_called(void **state)
{
    (void)state;
    assert_true(only_of("    rows = store.rows(SQL)\n    return [self.made(row) for row in rows]\n"));
    assert_true(only_of("    rows = store.rows(SQL)\n    return self.cut.all(rows)\n"));
}

static void what_is_made_of_it_before_is_like_it(void **state)
{
    (void)state;
    assert_true(only_by("    wanted = select(Row).where(Row.day == day)\n    rows = store.rows(wanted)\n    "
                        "return list(rows)\n",
                        4, "rows"));
    assert_false(only_by(
        "    base = heavy(day)\n    rows = store.rows(SQL)\n    return [base * row for row in rows]\n", 4,
        "rows"));
    assert_false(only_by("    heavy(day)\n    rows = store.rows(SQL)\n    return list(rows)\n", 4, "rows"));
    assert_false(only_by("    for each in kind:\n        store.rows(SQL)\n", 4, "rows"));
    assert_true(
        only_by("    if not kind:\n        return []\n    return list(store.rows(kind))\n", 5, "rows"));
}

static void a_call_without_a_name_is_the_whole_line(void **state)
{
    (void)state;
    assert_true(only_by(
        "    rows = db.execute(SQL, (day,)).fetchall()\n    return [Row(*row) for row in rows]\n", 3, ""));
    assert_false(only_by("    return [Row(row, day) for row in db.execute(SQL)]\n", 3, ""));
    assert_true(only_by("    return [Row(row) for row in db.execute(SQL)]\n", 3, "__iter__"));
}

static void what_is_not_understood_says_nothing(void **state)
{
    (void)state;
    assert_false(only_of(""));
    assert_false(only_by("    rows = store.rows(SQL)\n", 9, "rows"));
    assert_false(only_by("    rows = store.rows(SQL)\n", 3, "other"));
}

static bool brings(const char *body, uint32_t line)
{
    char text[400] = "@bp.get('/x/<day>')\ndef page(self, day):\n";
    strncat(text, body, sizeof text - strlen(text) - 1);
    return hp__given_request(hp_str_from0(text), 1, line, HP_STR("key"));
}

static void what_a_request_brings_is_followed_to_a_call(void **state)
{
    (void)state;
    assert_true(brings("    return key(request.args['card'])\n", 3));
    assert_true(brings("    return jsonify(a=1, b=shop.key(day)[:3])\n", 3));
    assert_true(
        brings("    form = Form(request.form)\n    word = form.word\n    return user.key(word)\n", 5));
    assert_false(brings("    return key('card')\n", 3));
    assert_false(brings("    return key(document()), day\n", 3));
    assert_false(brings("    return self.key(self.day)\n", 3));
    assert_false(brings("    return key(1) + key(day)\n", 3));
    assert_false(brings("    return other(day)\n", 3));
    assert_false(brings("", 3));
}

static void loops_and_what_is_like_them_are_not_plain(void **state)
{
    (void)state;
    assert_true(hp__given_plain(HP_STR("def f(a):\n    if a:\n        return scrypt(a)\n"), 1));
    assert_false(hp__given_plain(HP_STR("def f(a):\n    for b in a:\n        scrypt(b)\n"), 1));
    assert_false(hp__given_plain(HP_STR("def f(a):\n    while a:\n        a = scrypt(a)\n"), 1));
    assert_false(hp__given_plain(HP_STR("def f(a):\n    return [scrypt(b) for b in a]\n"), 1));
    assert_false(hp__given_plain(HP_STR("def f(a):\n    return sorted(a, key=lambda b: -b)\n"), 1));
    assert_false(hp__given_plain(HP_STR(""), 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_given_goes_into_the_call),
        cmocka_unit_test(what_is_given_is_not_used_beside_it),
        cmocka_unit_test(methods_of_the_object_may_be_called),
        cmocka_unit_test(what_is_made_of_it_before_is_like_it),
        cmocka_unit_test(a_call_without_a_name_is_the_whole_line),
        cmocka_unit_test(what_is_not_understood_says_nothing),
        cmocka_unit_test(what_a_request_brings_is_followed_to_a_call),
        cmocka_unit_test(loops_and_what_is_like_them_are_not_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
