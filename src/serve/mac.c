/* mac.c -- see mac.h. */
#include "serve/mac.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

void hp_mac_derive(struct hp_mac_key *key, struct hp_str first, struct hp_str second)
{
    static const uint8_t salts[4][16] = {"hotplate cookie", "hotplate-cookie", "hotplate.cookie",
                                         "hotplate:cookie"};
    for (int i = 0; i < 4; i++) {
        struct hp_sip sip;
        hp_sip_init(&sip, salts[i]);
        hp_sip_update(&sip, first.p, first.n);
        hp_sip_update(&sip, "\0", 1);
        hp_sip_update(&sip, second.p, second.n);
        uint64_t word = hp_sip_final(&sip);
        memcpy(key->words[i / 2] + 8 * (size_t)(i % 2), &word, 8);
    }
}

void hp_mac_sign(const struct hp_mac_key *key, const char *text, char out[HP_MAC])
{
    size_t n = strlen(text);
    (void)snprintf(out, HP_MAC, "%016" PRIx64 "%016" PRIx64, hp_siphash24(key->words[0], text, n),
                   hp_siphash24(key->words[1], text, n));
}

bool hp_mac_same(struct hp_str a, struct hp_str b)
{
    unsigned difference = a.n != b.n;
    for (size_t i = 0; i < a.n; i++) {
        difference |= (unsigned)(a.p[i] ^ (b.n != 0 ? b.p[i % b.n] : 0));
    }
    return difference == 0;
}
