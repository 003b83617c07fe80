/* ticket.c -- see hotplate/ext/ticket.h. */
#include "hotplate/ext/ticket.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "serve/access.h"
#include "serve/mac.h"

_Static_assert(sizeof(struct hp_ticket_key) == sizeof(struct hp_mac_key), "a key is handed over as bytes");

static void sign(const struct hp_ticket_key *key, uint64_t until_s, char out[HP_MAC])
{
    struct hp_mac_key mac;
    char text[40];
    memcpy(&mac, key->bytes, sizeof mac);
    (void)snprintf(text, sizeof text, "ticket %" PRIu64, until_s);
    hp_mac_sign(&mac, text, out);
}

void hp_ticket_key(struct hp_ticket_key *key, struct hp_span8 secret)
{
    struct hp_mac_key mac;
    hp_mac_derive(&mac, hp_str_make(secret.p, secret.n), HP_STR(""));
    memcpy(key->bytes, &mac, sizeof mac);
}

void hp_ticket_write(const struct hp_ticket_key *key, uint64_t until_s, char out[HP_TICKET])
{
    char mac[HP_MAC];
    sign(key, until_s, mac);
    (void)snprintf(out, HP_TICKET, "%" PRIu64 ".%s", until_s, mac);
}

bool hp_ticket_is_good(const struct hp_ticket_key *key, struct hp_span8 text, uint64_t now_s)
{
    char expected[HP_MAC];
    uint64_t until_s = 0;
    if (text.n < HP_MAC + 1 || text.n >= HP_TICKET || text.p[0] == '0') {
        return false;
    }
    size_t digits = text.n - HP_MAC;
    for (size_t i = 0; i < digits; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return false;
        }
        until_s = until_s * 10 + (uint64_t)(text.p[i] - '0');
    }
    if (text.p[digits] != '.' || until_s <= now_s || until_s - now_s > HP_TICKET_S + HP_TICKET_SKEW_S) {
        return false;
    }
    sign(key, until_s, expected);
    return hp_mac_same(hp_str_make(text.p + digits + 1, HP_MAC - 1), hp_str_make(expected, HP_MAC - 1));
}

struct hp_span8 hp_ticket_in_cookies(struct hp_span8 cookies)
{
    struct hp_str found = hp_access_cookie(hp_str_make(cookies.p, cookies.n), HP_TICKET_COOKIE);
    return (struct hp_span8){found.p, found.n};
}
