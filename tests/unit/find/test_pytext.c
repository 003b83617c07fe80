/* test_pytext.c -- which loop a line of Python is in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "find/pytext.h"

static const char source[] = "\n\n@cached\n"                                /* 3 */
                             "def sum_up(content):\n"                       /* 4 */
                             "    found, low = [], 1\n"                     /* 5 */
                             "    for at, byte in enumerate(\n"             /* 6 */
                             "        content\n"                            /* 7 */
                             "    ):\n"                                     /* 8 */
                             "        low = (low + byte) % 65521\n"         /* 9 */
                             "        if at % 4096 == 4095:\n"              /* 10 */
                             "            found.append(low)\n"              /* 11 */
                             "            while low > 9: low = low // 10\n" /* 12 */
                             "    found.sort()\n"                           /* 13 */
                             "    return [high for high in found]\n"        /* 14 */
                             "def other():\n"                               /* 15 */
                             "    pass\n";

static uint32_t loop_at(uint32_t line)
{
    return hp__py_loop(hp_str_from0(source), 3, line);
}

static void the_innermost_loop_around_a_line_is_known_by_its_first_line(void **state)
{
    (void)state;
    assert_int_equal(loop_at(9), 6);
    assert_int_equal(loop_at(10), 6);
    assert_int_equal(loop_at(11), 6);
    assert_int_equal(loop_at(7), 6); /* its own header */
    assert_int_equal(loop_at(12), 12);
}

static void a_line_outside_of_loops_has_none(void **state)
{
    (void)state;
    assert_int_equal(loop_at(5), 0);
    assert_int_equal(loop_at(13), 0);
    assert_int_equal(loop_at(14), 0);
    assert_int_equal(loop_at(16), 0);
    assert_int_equal(hp__py_loop(HP_STR(""), 3, 9), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_innermost_loop_around_a_line_is_known_by_its_first_line),
        cmocka_unit_test(a_line_outside_of_loops_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
