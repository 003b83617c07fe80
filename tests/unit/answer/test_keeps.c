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

static void a_cache_put_around_it_elsewhere_is_the_line(void **state)
{
    (void)state;
    struct hp_str source = HP_STR("def card(n):\n"
                                  "    return n\n"
                                  "\n"
                                  "cached = load(card)\n"
                                  "card_of = lru_cache(\n"
                                  "    maxsize=None\n"
                                  ")(page)\n");
    assert_int_equal(hp_keeps_wrapped_line(source, HP_STR("page")), 5);
    assert_int_equal(hp_keeps_wrapped_line(source, HP_STR("card")), 4);
    assert_int_equal(hp_keeps_wrapped_line(source, HP_STR("load")), 0);
    assert_int_equal(hp_keeps_wrapped_line(source, HP_STR("n")), 0);
    assert_int_equal(hp_keeps_wrapped_line(source, HP_STR("")), 0);
    assert_int_equal(line_in("@caches.get('/')\ndef card(n):\n    return n\n", 1), 0);
    assert_int_equal(line_in("@store.memoize(60)\ndef card(n):\n    return n\n", 1), 1);
}

static void other_ways_to_keep_are_lines_too(void **state)
{
    (void)state;
    static const char *const keep[] = {
        "def f(n, seen=[]):\n    seen.append(n)\n",
        "def f(n, seen: dict[str, int] = {}):\n    seen[n] = 1\n",
        "def f(n, seen=deque()):\n    seen.appendleft(n)\n",
        "def f(n):\n    f.seen[n] = 1\n",
        "def f(n):\n    return pages.setdefault(n, [])\n",
        "def f(n):\n    page = pages.setdefault(n, [])\n",
        "def f(n):\n    atexit.register(close, n)\n",
        "def f(n):\n    pages[n].append(n)\n",
        "def f(n):\n    log.lines += [n]\n",
        "def f(n):\n    news.connect(n)\n    with news.held() as kept:\n        pass\n",
    };
    for (size_t i = 0; i < sizeof keep / sizeof *keep; i++) {
        assert_int_equal(line_in(keep[i], 1), 2);
    }
    assert_int_equal(line_in("def f(n):\n    global pages\n    pages = pages + [n]\n    pages += [n]\n", 1),
                     4);
    assert_int_equal(line_in("last: deque[int] = deque(maxlen=9)\n\ndef f(n):\n    last.append(n)\n", 3), 0);
    assert_int_equal(line_in("last = deque(maxlen=9)\n\ndef f(n):\n    lasting.append(n)\n", 3), 4);
    assert_int_equal(line_in("def f(n, seen=None):\n    seen.append(n)\n", 1), 0);
    assert_int_equal(line_in("def f(n):\n    total = 0\n    total += n\n", 1), 0);
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
        cmocka_unit_test(a_cache_put_around_it_elsewhere_is_the_line),
        cmocka_unit_test(other_ways_to_keep_are_lines_too),
        cmocka_unit_test(what_dies_with_the_function_is_not),
        cmocka_unit_test(an_object_of_its_own_comes_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
