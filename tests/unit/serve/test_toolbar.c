/* test_toolbar.c -- where the toolbar's element goes, which policies let it work, and what it looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "hotplate/ext/toolbar.h"

static struct hp_span8 span(const char *text)
{
    return (struct hp_span8){text, strlen(text)};
}

/* ---- the page ---- */

static void a_whole_document_has_a_place(void **state)
{
    (void)state;
    static const char *const pages[] = {
        "<p>x</body>",
        "<p>x</body></html>",
        "<p>x</BODY>\n</HTML>\n",
        "<p>x</body> \t\r\n</html>\f",
        "<p>x</body></html><!-- rendered in 3 ms -->\n",
        "<p>x</body><!-- a --> <!-- b -->\n</html><!----><!-- c -->",
    };
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        size_t at = 99;
        assert_true(hp_toolbar_place(span(pages[i]), &at));
        assert_int_equal(at, 4);
    }
}

static void what_is_no_whole_document_has_none(void **state)
{
    (void)state;
    static const char *const pages[] = {
        "",
        "-->",
        "<!-->",
        "<p>a fragment</p>",
        "<p>x</html>",
        "<p>x</body></html></div>",
        "<p>x</body></html><script></script>",
        "<!-- </body></html> -->",
        "<p><!-- x --> </body> -->",
        "<script>\"</body>\"</script>",
        "/body>",
        "<p>x</body></html></html>",
        "<p>x</body><!--> not in the comment -->",
    };
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        size_t at = 99;
        assert_false(hp_toolbar_place(span(pages[i]), &at));
        assert_int_equal(at, 99);
    }
}

/* ---- the policy ---- */

static struct hp_toolbar_policy of(const char *first, const char *second)
{
    struct hp_toolbar_policy policy = {0};
    hp_toolbar_policy(&policy, span(first));
    hp_toolbar_policy(&policy, span(second));
    return policy;
}

static void a_policy_that_lets_us_work(void **state)
{
    (void)state;
    static const char *const values[] = {
        "",
        ";",
        "img-src 'none'",
        "default-src 'self'",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'",
        "DEFAULT-SRC 'none';Script-Src https://cdn.example 'SELF' ;connect-src *",
        "script-src 'none'; script-src-elem 'self'",
        "default-src 'self', script-src 'self'",
        "script-src 'self'; script-src 'none'",
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct hp_toolbar_policy policy = of(values[i], "");
        assert_false(policy.closed);
        assert_string_equal(policy.nonce, "");
    }
}

static void a_policy_that_would_stop_us(void **state)
{
    (void)state;
    static const char *const values[] = {
        "default-src 'none'",
        "script-src 'none'",
        "script-src https://cdn.example",
        "script-src 'self'; connect-src https://api.example",
        "script-src 'self'; default-src 'none'",
        "script-src 'self' 'strict-dynamic'",
        "script-src 'self'; script-src-elem 'sha256-AAAA'",
        "default-src 'self', script-src 'none'",
        "sandbox allow-scripts",
        "script-src 'nonce-a\"b'",
        "script-src 'nonce-'",
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_true(of(values[i], "").closed);
        assert_true(of("default-src 'self'", values[i]).closed);
    }
}

static void the_nonce_is_the_pages_own(void **state)
{
    (void)state;
    struct hp_toolbar_policy policy =
        of("default-src 'none'; script-src 'nonce-r4nd+m/_-=' 'strict-dynamic'; connect-src 'self'", "");
    assert_false(policy.closed);
    assert_string_equal(policy.nonce, "r4nd+m/_-=");
    policy = of("script-src 'nonce-Aa'; connect-src 'self'", "script-src 'self', script-src 'nonce-Aa'");
    assert_false(policy.closed);
    assert_string_equal(policy.nonce, "Aa");
    assert_true(of("script-src 'nonce-Aa'", "script-src 'nonce-aa'").closed);
    assert_true(of("script-src 'nonce-aa'", "script-src 'nonce-bb'").closed); /* one element has one */
    char longest[HP_TOOLBAR_NONCE + 40] = "script-src 'nonce-";
    memset(longest + strlen(longest), 'a', HP_TOOLBAR_NONCE);
    longest[18 + HP_TOOLBAR_NONCE] = '\'';
    assert_true(of(longest, "").closed);
}

/* ---- the element ---- */

static void the_element_names_script_and_request(void **state)
{
    (void)state;
    char out[512];
    size_t n = hp_toolbar_element(span("/shop/hotplate/"), 0x2a, "", out, sizeof out);
    assert_string_equal(
        out, "<script src=\"/shop/hotplate/toolbar.js\" defer data-request=\"000000000000002a\"></script>");
    assert_int_equal(n, strlen(out));
    n = hp_toolbar_element(span("/h/"), UINT64_MAX, "ab", out, sizeof out);
    assert_string_equal(
        out, "<script src=\"/h/toolbar.js\" defer data-request=\"ffffffffffffffff\" nonce=\"ab\"></script>");
    assert_int_equal(n, strlen(out));
}

static void a_path_cannot_end_its_attribute(void **state)
{
    (void)state;
    char out[512];
    (void)hp_toolbar_element(span("/a\"><b>&\xe9/"), 1, "", out, sizeof out);
    assert_non_null(strstr(out, "src=\"/a%22%3E%3Cb%3E%26%E9/toolbar.js\" "));
    assert_int_equal(hp_toolbar_element(span("/hotplate/"), 1, "", out, 200), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_document_has_a_place),
        cmocka_unit_test(what_is_no_whole_document_has_none),
        cmocka_unit_test(a_policy_that_lets_us_work),
        cmocka_unit_test(a_policy_that_would_stop_us),
        cmocka_unit_test(the_nonce_is_the_pages_own),
        cmocka_unit_test(the_element_names_script_and_request),
        cmocka_unit_test(a_path_cannot_end_its_attribute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
