/* test_keeps.c -- the line that keeps what outlives a request, read off a function's source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "answer/keeps.h"

static uint32_t line_in(const char *source, uint32_t first_line)
{
    return hp_keeps_line(hp_str_from0(source), first_line);
}

static void an_item_put_into_a_name_of_the_module_is_the_line(void **state)
{
    (void)state;
    assert_int_equal(line_in("visits = {}\n"
                             "\n"
                             "@app.get(\"/visits\")\n"
                             "def visited():\n"
                             "    details = [str(n) for n in range(4)]\n"
                             "    visits[number(1, [2])] = details\n"
                             "    return details\n",
                             3),
                     6);
    assert_int_equal(line_in("def note(what: str) -> None:\n    log.entries.append(what)\n", 1), 2);
    assert_int_equal(line_in("async def note(\n    what,\n):\n    # seen.add(0)\n    seen.add(what)\n", 1),
                     5);
}

static void a_cache_around_the_function_is_the_line(void **state)
{
    (void)state;
    assert_int_equal(line_in("@app.get('/')\n@lru_cache(maxsize=None)\ndef curve(n):\n    return n\n", 1), 2);
}

static void what_dies_with_the_function_is_not(void **state)
{
    (void)state;
    static const char *const none[] = {
        "def f():\n    found = []\n    found.append(1)\n",
        "def f(found):\n    found.append(1)\n",
        "def f():\n    found: dict[str, int] = {}\n    found['a'] = 1\n",
        "def f():\n    for each in all:\n        each['a'] = 1\n",
        "def f():\n    with made() as out:\n        out.add(1)\n",
        "def f():\n    if pages[1] == 2:\n        pages.clear()\n    return pages[1]\n",
        "def f():\n    return 1\n\ndef g():\n    seen.append(1)\n",
        "def f():\n    g.found['a'] = 1\n    session['n'] = 2\n    db.session.add(row)\n",
        "x = 1\n",
        "",
        "def f(",
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(line_in(none[i], 1), 0);
    }
    assert_int_equal(line_in("seen.append(1)\n", 0), 0);
    assert_int_equal(line_in("seen.append(1)\n", 90), 0);
}

static void an_object_of_its_own_comes_last(void **state)
{
    (void)state;
    assert_int_equal(line_in("    def get(self):\n        self.items.append(1)\n", 1), 2);
    assert_int_equal(
        line_in("    def get(self):\n        self.items.append(1)\n        SEEN[1] = 2\n    x = 1\n", 1), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_put_into_a_name_of_the_module_is_the_line),
        cmocka_unit_test(a_cache_around_the_function_is_the_line),
        cmocka_unit_test(what_dies_with_the_function_is_not),
        cmocka_unit_test(an_object_of_its_own_comes_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
