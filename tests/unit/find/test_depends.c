/* test_depends.c -- which lines need what others gave, from source alone; and text that is no Python. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "find/depends.h"
#include "sweep_oom.h"

static struct hp__depends read_lines(struct hp_str source, const uint32_t *lines, uint32_t count)
{
    struct hp__depends depends = {.count = count};
    struct hp_arena arena;
    hp_arena_init(&arena, (size_t)1 << 20);
    memcpy(depends.lines, lines, count * sizeof *lines);
    assert_int_equal(hp__depends_read(source, 1, &arena, &depends), HP_OK);
    hp_arena_fini(&arena);
    return depends;
}

/* Lines that hold "ask(" are the calls, in order; `want`: "10" in the second place says that the second needs
 * the first. */
static void expect(const char *source, const char *const *want)
{
    uint32_t lines[HP__DEPENDS_LINES] = {0}, count = 0, line = 1;
    for (const char *p = source; *p != '\0'; p++) {
        line += *p == '\n';
        if (strncmp(p, "ask(", 4) == 0 && (count == 0 || lines[count - 1] != line)) {
            lines[count++] = line;
        }
    }
    struct hp__depends got = read_lines(hp_str_from0(source), lines, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_non_null(want[i]);
        for (uint32_t j = 0; j < count; j++) {
            if ((got.needs[i] >> j & 1u) != (want[i][j] == '1')) {
                fail_msg("call %u and call %u of:\n%s", i + 1, j + 1, source);
            }
        }
    }
    assert_true(got.known);
}
#define EXPECT(source, ...) expect(source, (const char *const[]){__VA_ARGS__, NULL})

static void an_answer_is_needed_where_its_name_is_an_argument(void **state)
{
    (void)state;
    EXPECT("@app.get('/')\n"
           "def page():\n"
           "    owner = ask('/claims/7')[:5]\n"
           "    bank = ask(f'/owners/{owner}')[:6]\n"
           "    return {'owner': owner, 'bank': ask(f\"/banks/{bank['id']}\")}\n",
           "000", "100", "110");
    EXPECT("async def page(self):\n"
           "    self.key = await ask('/token')\n"
           "    a = await ask('/a', key=self.key)\n"
           "    b = await ask('/b?key=' + self.key[:4])\n"
           "    c = await ask('/c', other.key)\n",
           "0000", "1000", "1000", "0000");
    EXPECT("def page():\n"
           "    user, (name, *rest) = ask('/user')\n"
           "    mine = user.find(ask('/x'))\n"
           "    more = ask('/y', rest)\n",
           "000", "100", "100");
}

static void a_name_elsewhere_is_no_need(void **state)
{
    (void)state;
    EXPECT("def page():\n"
           "    price = ask('/price')\n"
           "    stock = ask('/price/stock', price=3)  # price\n"
           "    due = price + ask(f'/price/{{price}}/due')\n"
           "    prices = ask(prices_of.price, 'price', \"it's price\")\n"
           "    found['price'] = ask('/p')\n"
           "    return {'price': price, 'late': ask('/late')}\n",
           "000000", "000000", "000000", "000000", "000000", "000000");
}

static void assignments_carry_an_answer_on_and_off(void **state)
{
    (void)state;
    EXPECT("def page():\n"
           "    answer = ask('/a')\n"
           "    path: str = base + answer.text\n"
           "    if path == '/':\n"
           "        path = '/none'\n"
           "    b = ask(path)\n"
           "    path = '/c'\n"
           "    c = ask(path)\n"
           "    with ask('/d') as d:\n"
           "        e = ask(d)\n",
           "00000", "10000", "00000", "00000", "00010");
    EXPECT("def page():\n"
           "    session.headers.update(key=ask('/token'))\n"
           "    key = ask('/key')\n"
           "    session.headers.update({'key': key})\n"
           "    return session.get(ask('/c'))\n",
           "000", "000", "110");
    EXPECT("def page():\n"
           "    if (found := ask('/a')):\n"
           "        return ask('/b', found)\n"
           "    for each in ask('/list'):\n"
           "        ask(each)\n"
           "    return [ask(x) for x in found]\n",
           "00000", "10000", "00000", "00100", "10000");
}

static void a_condition_on_an_answer_is_a_need(void **state)
{
    (void)state;
    EXPECT("def page():\n"
           "    stock = ask('/stock')\n"
           "    if stock > 3:\n"
           "        try:\n"
           "            ask('/price')\n"
           "        except OSError:\n"
           "            pass\n"
           "    ask('/other')\n",
           "000", "100", "000");
    EXPECT("def page():\n"
           "    while not done:\n"
           "        done = ask('/done')\n",
           "1");
}

static void an_answer_is_kept_in_what_it_is_put_into(void **state)
{
    (void)state;
    EXPECT("def page():\n"
           "    coupons = []\n"
           "    for coupon in range(4):\n"
           "        before = coupons[-1] if coupons else 'first'\n"
           "        coupons.append(ask(coupon, before))\n",
           "1");
    EXPECT("def page():\n"
           "    found.append(ask('/a'))\n"
           "    found.append(ask('/b'))\n"
           "    return ask('/c', found)\n",
           "000", "000", "110");
    EXPECT("def page():\n"
           "    for each in things:\n"
           "        found.append(ask(each))\n"
           "    return found\n",
           "0");
}

static void a_loop_that_asks_by_the_last_answer_needs_itself(void **state)
{
    (void)state;
    EXPECT("def page():\n"
           "    for _ in range(3):\n"
           "        last = client(last, ask(last))[:4]\n"
           "        made.append(last)\n",
           "1");
    EXPECT("def page():\n"
           "    while url:\n"
           "        answer = ask(url)\n"
           "        rows.extend(answer['rows'])\n"
           "        url = answer.get('next')\n",
           "1");
    EXPECT("def page():\n"
           "    for item in items:\n"
           "        item = ask(item)\n"
           "        total = total + ask(item.id)\n"
           "        found.append(ask('/a'))\n"
           "    return [ask(x) for x in xs]\n",
           "0000", "1000", "0000", "0000");
}

static void statements_of_several_lines_are_one(void **state)
{
    (void)state;
    EXPECT("def page(a,\n"
           "         b=\")\"):\n"
           "    '''Doc ( of\n"
           "    several lines'''\n"
           "    owner = (\n"
           "        ask('/a')  # ( not one\n"
           "    )\n"
           "    text = \\\n"
           "        owner\n"
           "    return dict(\n"
           "        x=ask(f'''/b/\n"
           "          {text}'''),\n"
           "    )\n"
           "def other():\n"
           "    pass\n",
           "00", "10");
}

static void other_functions_and_other_texts_say_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n\n", "{% for x in y %}{{ ask(x) }}\n{% endfor %}\n",
                                        "x = ask(1)\ny = ask(x)\n", "def f(): pass\nx = 1\ny = g(x)\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct hp__depends got = read_lines(hp_str_from0(texts[i]), (const uint32_t[]){2, 3}, 2);
        assert_false(got.known);
        assert_int_equal(got.needs[0] | got.needs[1], 0);
    }
}

/* Every cut of awkward text, in memory of its own so that a read beyond it is seen. */
static void text_that_ends_anywhere_is_read_to_its_end(void **state)
{
    (void)state;
    static const char text[] =
        "def f():\n\tx = f'{a[\"b\"]!r:>{w}} {{ {rf\"{x}\"}'\n\ty = '''q\n\\\n\tz = (\"u\\\n\tfor \\\r\n"
        " x in g(x)[1:{2}]:\n\tx.y..z <<= \"\"\"{f'''{f\"{f'{1}'}\"}'''}\n)}]\n\tq := 1 ;r=\xff\xc3";
    for (size_t n = 0; n <= sizeof text - 1; n++) {
        char *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, text, n);
        for (size_t from = 0; from < n; from += 7) {
            char *part = malloc(n - from);
            assert_non_null(part);
            memcpy(part, copy + from, n - from);
            (void)read_lines(hp_str_make(part, n - from), (const uint32_t[]){1, 2, 3, 5, 900}, 5);
            free(part);
        }
        free(copy);
    }
}

static void a_very_long_function_is_read_as_far_as_the_bound(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    char *text = malloc(BYTES);
    assert_non_null(text);
    static const char fill[] = "((((f'{[{";
    for (size_t i = 0; i < BYTES; i++) {
        text[i] = fill[i % (sizeof fill - 1)];
    }
    memcpy(text, "def f():\n\tx = ", 14);
    struct hp__depends got = read_lines(hp_str_make(text, BYTES), (const uint32_t[]){2, 3000}, 2);
    assert_false(got.known);
    for (size_t i = 9; i + 8 <= BYTES; i += 8) {
        memcpy(text + i, "\tx=g(x)\n", 8);
    }
    got = read_lines(hp_str_make(text, BYTES), (const uint32_t[]){2, 200, 3000}, 3);
    assert_int_equal(got.needs[1], 1);
    assert_int_equal(got.needs[2], 0);
    free(text);
}

static void read_one(void *arg)
{
    (void)arg;
    struct hp_arena arena;
    struct hp__depends depends = {.lines = {2}, .count = 1};
    hp_arena_init(&arena, (size_t)1 << 20);
    hp_err err = hp__depends_read(HP_STR("def f():\n x = g()\n"), 1, &arena, &depends);
    assert_true(err == HP_ENOMEM || depends.known);
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
        cmocka_unit_test(an_answer_is_needed_where_its_name_is_an_argument),
        cmocka_unit_test(a_name_elsewhere_is_no_need),
        cmocka_unit_test(assignments_carry_an_answer_on_and_off),
        cmocka_unit_test(a_condition_on_an_answer_is_a_need),
        cmocka_unit_test(an_answer_is_kept_in_what_it_is_put_into),
        cmocka_unit_test(a_loop_that_asks_by_the_last_answer_needs_itself),
        cmocka_unit_test(statements_of_several_lines_are_one),
        cmocka_unit_test(other_functions_and_other_texts_say_nothing),
        cmocka_unit_test(text_that_ends_anywhere_is_read_to_its_end),
        cmocka_unit_test(a_very_long_function_is_read_as_far_as_the_bound),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
