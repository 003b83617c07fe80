/* test_ticket.c -- tickets: good ones, and everything that only looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "hotplate/ext/ticket.h"

#define NOW 1795296320u

static struct hp_span8 span(const char *text)
{
    return (struct hp_span8){text, strlen(text)};
}

static void a_ticket_is_good_until_its_time_and_with_its_secret(void **state)
{
    (void)state;
    struct hp_ticket_key key, same, other;
    char ticket[HP_TICKET];
    hp_ticket_key(&key, span("open sesame"));
    hp_ticket_key(&same, span("open sesame"));
    hp_ticket_key(&other, span("open sesam"));
    hp_ticket_write(&key, NOW + 60, ticket);
    assert_true(hp_ticket_is_good(&key, span(ticket), NOW));
    assert_true(hp_ticket_is_good(&same, span(ticket), NOW + 59));
    assert_false(hp_ticket_is_good(&key, span(ticket), NOW + 60));
    assert_false(hp_ticket_is_good(&other, span(ticket), NOW));
}

static void one_that_is_good_for_too_long_is_none(void **state)
{
    (void)state;
    struct hp_ticket_key key;
    char ticket[HP_TICKET];
    hp_ticket_key(&key, span("s"));
    hp_ticket_write(&key, NOW + HP_TICKET_S, ticket);
    assert_true(hp_ticket_is_good(&key, span(ticket), NOW));
    assert_true(
        hp_ticket_is_good(&key, span(ticket), NOW - HP_TICKET_SKEW_S)); /* made by a clock that is ahead */
    assert_false(hp_ticket_is_good(&key, span(ticket), NOW - HP_TICKET_SKEW_S - 1));
    hp_ticket_write(&key, UINT64_MAX, ticket); /* fits, and is far away */
    assert_false(hp_ticket_is_good(&key, span(ticket), NOW));
}

static void every_changed_byte_is_noticed(void **state)
{
    (void)state;
    struct hp_ticket_key key;
    char ticket[HP_TICKET];
    hp_ticket_key(&key, span("s"));
    hp_ticket_write(&key, NOW + 60, ticket);
    for (size_t i = 0; i < strlen(ticket); i++) {
        char changed[HP_TICKET];
        memcpy(changed, ticket, sizeof changed);
        changed[i] = (char)(changed[i] ^ 1);
        assert_false(hp_ticket_is_good(&key, span(changed), NOW));
        assert_false(hp_ticket_is_good(&key, (struct hp_span8){ticket, i}, NOW));
    }
}

static void a_time_is_written_in_one_way(void **state)
{
    (void)state;
    struct hp_ticket_key key;
    char ticket[HP_TICKET + 1] = "0";
    hp_ticket_key(&key, span("s"));
    hp_ticket_write(&key, NOW + 60, ticket + 1);
    assert_true(hp_ticket_is_good(&key, span(ticket + 1), NOW));
    assert_false(hp_ticket_is_good(&key, span(ticket), NOW));
}

static void it_is_found_among_cookies(void **state)
{
    (void)state;
    static const struct {
        const char *cookies, *found;
    } cases[] = {
        {"hotplate-trace=abc", "abc"},
        {"a=b;  hotplate-trace=abc; c=d", "abc"},
        {"xhotplate-trace=abc", ""},
        {"hotplate-tracex=abc; hotplate-trace=", ""},
        {"hotplate=r.1.2; hotplate-trace", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hp_span8 found = hp_ticket_in_cookies(span(cases[i].cookies));
        assert_int_equal(found.n, strlen(cases[i].found));
        assert_memory_equal(found.n != 0 ? found.p : "", cases[i].found, found.n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_good_until_its_time_and_with_its_secret),
        cmocka_unit_test(one_that_is_good_for_too_long_is_none),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(a_time_is_written_in_one_way),
        cmocka_unit_test(it_is_found_among_cookies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
