/* test_fold.c -- free text loses values and secrets and keeps its sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/fold.h"

static const char *fold(const char *text, bool literal)
{
    static char out[HP_FOLD_BYTES + 1];
    size_t n = hp_fold(hp_str_from0(text), literal, out);
    assert_true(n <= HP_FOLD_BYTES);
    out[n] = '\0';
    return out;
}

static void values_become_marks(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"user anna@example.org not found (id 4711)", "user <email> not found (id <int>)"},
        {"no such column: 'colour'", "no such column: <str>"},
        {"can't open \"/home/anna/x y.txt\"", "can't open <str>"},
        {"took 12.5 ms", "took <int>.<int> ms"},
        {"session 3f2504e0-4f89-11d3-9a0c-0305e82c3301 ended", "session <id> ended"},
        {"commit 9fceb02d0ae598e9", "commit <id>"},
        {"KeyError in /app/views.py", "KeyError in /app/views.py"},
        {"line one\nline\ttwo", "line one line two"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_string_equal(fold(pairs[i][0], false), pairs[i][1]);
    }
}

static void no_secret_is_left(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "login failed, password=hunter",
        "password: hunter",
        "{\"password\": \"hunter\"}",
        "PASSWD = 'hunter'",
        "GET /x?token=hunter",
        "Authorization: Basic hunter hunter",
        "sent Bearer hunter",
        "postgresql://app:hunter@db.example/shop",
        "https://example.org/login?user=hunter",
        "api_key=hunter&x=1",
        "Cookie: a=b; sid=hunter",
        "client_secret:hunter",
        "form x=1&token=hunter",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (int literal = 0; literal < 2; literal++) {
            const char *folded = fold(texts[i], literal != 0);
            if (strstr(folded, "hunter") != NULL) {
                fail_msg("%s → %s", texts[i], folded);
            }
        }
    }
}

static void a_format_string_stays_readable(void **state)
{
    (void)state;
    assert_string_equal(fold("step 2 of 'import': %s rows in %.1f s", true),
                        "step 2 of 'import': %s rows in %.1f s");
    assert_string_equal(fold("connected to postgresql://shop:secret@db/x", true),
                        "connected to postgresql://<user>@db/x");
}

static void long_text_is_cut_at_a_character(void **state)
{
    (void)state;
    char text[4000];
    for (size_t i = 0; i < sizeof text - 1; i++) {
        text[i] = i % 3 == 2 ? ' ' : (i % 3 == 0 ? (char)0xc3 : (char)0xa9); /* é and a blank */
    }
    text[sizeof text - 1] = '\0';
    const char *folded = fold(text, false);
    assert_true(strlen(folded) > 200);
    assert_true(hp_utf8_valid(hp_str_from0(folded)));
    assert_string_equal(folded + strlen(folded) - 3, "…");
}

static void any_bytes_are_survived(void **state)
{
    (void)state;
    struct hp_rng rng;
    char text[300], out[HP_FOLD_BYTES];
    hp_rng_seed(&rng, 7);
    for (int round = 0; round < 20000; round++) {
        size_t n = (size_t)(hp_rng_u64(&rng) % sizeof text);
        static const char some[] = "'\"=:@/?&#%~ .-_+aZ09\\\n\0[]{}passwordbearertokencookie";
        for (size_t i = 0; i < n; i++) {
            uint64_t r = hp_rng_u64(&rng);
            text[i] = (r & 7) == 0 ? (char)(r >> 8) : some[(r >> 8) % (sizeof some - 1)];
        }
        assert_true(hp_fold(hp_str_make(text, n), (round & 1) != 0, out) <= HP_FOLD_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_become_marks),
        cmocka_unit_test(no_secret_is_left),
        cmocka_unit_test(a_format_string_stays_readable),
        cmocka_unit_test(long_text_is_cut_at_a_character),
        cmocka_unit_test(any_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
