/* test_layout.c -- offsets from tables and from what an interpreter publishes about itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "frames/layout.h"

static uint8_t words[HP_LAYOUT_DEBUG_BYTES];

static void put(size_t word, uint64_t value)
{
    memcpy(words + word * 8, &value, sizeof value);
}

/* What CPython 3.13.0 publishes, as far as it is used. */
static void publish(uint32_t version)
{
    static const struct {
        uint8_t word;
        uint32_t value;
    } values[] = {{5, 632},  {8, 7264}, {9, 7336}, {14, 7232}, {15, 7472}, {17, 7488}, {18, 7480},
                  {21, 8},   {23, 72},  {25, 152}, {29, 8},    {30, 0},    {31, 56},   {33, 70},
                  {35, 112}, {36, 120}, {37, 128}, {38, 136},  {39, 68},   {43, 200},  {44, 16},
                  {45, 8},   {66, 32},  {68, 32},  {69, 16},   {70, 40}};
    memset(words, 0, sizeof words);
    memcpy(words, "xdebugpy", 8);
    put(1, version);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        put(values[i].word, values[i].value);
    }
}

static void tables_are_there_for_the_versions_that_publish_nothing(void **state)
{
    (void)state;
    struct hp_layout layout;
    for (unsigned minor = 0; minor < 20; minor++) {
        hp_err err = hp_layout_table(minor, &layout);
        assert_int_equal(err, minor == 11 || minor == 12 ? HP_OK : HP_EUNSUPPORTED);
        assert_true(err != HP_OK || layout.minor == minor);
    }
}

static void published_offsets_are_taken(void **state)
{
    (void)state;
    struct hp_layout layout;
    publish(0x030D00F0);
    assert_int_equal(hp_layout_debug(words, sizeof words, &layout), HP_OK);
    assert_int_equal(layout.minor, 13);
    assert_int_equal(layout.runtime_interpreters, 632);
    assert_int_equal(layout.gil_locked, 16);
    assert_int_equal(layout.gil_holder, 8);
    assert_int_equal(layout.thread_bytes, 160);
    assert_int_equal(layout.frame_bytes, 71);
    assert_int_equal(layout.code_start, 200);
    assert_false(layout.by_cframe || layout.instr_previous || layout.free_threaded);
}

/* What CPython 3.14.0 publishes, as far as it is used. */
static void publish_scripts(void)
{
    static const uint32_t same[][2] = {{5, 824},   {8, 7344},  {9, 7352}, {10, 7368}, {15, 7264}, {16, 7760},
                                       {18, 7776}, {19, 7768}, {24, 8},   {26, 72},   {28, 152},  {32, 8},
                                       {33, 0},    {34, 56},   {36, 74},  {40, 112},  {41, 120},  {42, 128},
                                       {43, 136},  {44, 68},   {48, 208}, {50, 16},   {51, 8},    {76, 32},
                                       {78, 32},   {79, 16},   {80, 40},  {89, 24},   {90, 640},  {91, 8000},
                                       {92, 0},    {93, 4},    {94, 512}};
    memset(words, 0, sizeof words);
    memcpy(words, "xdebugpy", 8);
    put(1, 0x030E00F0);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        put(same[i][0], same[i][1]);
    }
}

static void a_version_that_takes_scripts_says_where(void **state)
{
    (void)state;
    struct hp_layout layout;
    publish_scripts();
    assert_int_equal(hp_layout_debug(words, sizeof words, &layout), HP_OK);
    assert_int_equal(layout.script.interp_main, 7368);
    assert_int_equal(layout.script.interp_allowed, 8000);
    assert_int_equal(layout.script.thread_breaker, 24);
    assert_int_equal(layout.script.thread_pending, 640);
    assert_int_equal(layout.script.thread_path, 644);
    assert_int_equal(layout.script.path_bytes, 512);
    for (size_t i = 89; i <= 94; i++) {
        publish_scripts();
        put(i, UINT64_MAX);
        assert_int_equal(hp_layout_debug(words, sizeof words, &layout), HP_ECORRUPT);
    }
    publish(0x030D00F0);
    assert_int_equal(hp_layout_debug(words, sizeof words, &layout), HP_OK);
    assert_int_equal(layout.script.path_bytes, 0);
}

static void other_versions_are_named_not_guessed(void **state)
{
    (void)state;
    struct hp_layout layout = {0};
    publish(0x031000A1);
    assert_int_equal(hp_layout_debug(words, sizeof words, &layout), HP_EUNSUPPORTED);
    assert_int_equal(layout.minor, 16);
    memcpy(words, "xdebugpx", 8);
    assert_int_equal(hp_layout_debug(words, sizeof words, &layout), HP_ENOTFOUND);
    assert_int_equal(hp_layout_debug(words, 23, &layout), HP_ENOTFOUND);
}

static void implausible_offsets_are_refused(void **state)
{
    (void)state;
    struct hp_layout layout;
    static const uint8_t used[] = {5,  8,  9,  14, 15, 17, 18, 21, 23, 25, 29, 30, 31,
                                   33, 35, 36, 37, 38, 39, 43, 45, 66, 68, 69, 70};
    for (size_t i = 0; i < sizeof used; i++) {
        publish(0x030D00F0);
        put(used[i], UINT64_MAX);
        assert_int_equal(hp_layout_debug(words, sizeof words, &layout), HP_ECORRUPT);
        put(used[i], (uint64_t)1 << 31);
        assert_int_equal(hp_layout_debug(words, sizeof words, &layout), HP_ECORRUPT);
    }
    publish(0x030D00F0);
    put(43, 100); /* instructions that start before the names */
    assert_int_equal(hp_layout_debug(words, sizeof words, &layout), HP_ECORRUPT);
    publish(0x030D00F0);
    assert_int_equal(hp_layout_debug(words, 72 * 8, &layout), HP_ECORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_there_for_the_versions_that_publish_nothing),
        cmocka_unit_test(published_offsets_are_taken),
        cmocka_unit_test(a_version_that_takes_scripts_says_where),
        cmocka_unit_test(other_versions_are_named_not_guessed),
        cmocka_unit_test(implausible_offsets_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
