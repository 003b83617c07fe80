/* mac.h -- what we sign and know again: 128 bits of SipHash under a key that is drawn at random or made of a
 * secret that all who must agree have. */
#ifndef HP_MAC_H
#define HP_MAC_H

#include <stdint.h>

#include "base/str.h"

#define HP_MAC 33u /* 32 hex digits and a NUL */

struct hp_mac_key {
    uint8_t words[2][16];
};

/* The key of two secrets, either of which may be empty. Threads: any, like all of this file. Fails: never. */
void hp_mac_derive(struct hp_mac_key *key, struct hp_str first, struct hp_str second);

void hp_mac_sign(const struct hp_mac_key *key, const char *text, char out[HP_MAC]);

/* The same bytes, in a time that depends on the length only. */
bool hp_mac_same(struct hp_str a, struct hp_str b);

#endif
