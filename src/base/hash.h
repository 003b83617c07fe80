/* hash.h -- hashing: XXH64 for content, SipHash-2-4 where somebody could aim for collisions or guess the
 * input.
 *
 * Both give the same value on every machine, so they may go into files. XXH64 follows "xxHash fast digest
 * algorithm", XXH64 Algorithm Description (Collet, version 0.1.1); SipHash follows Aumasson and Bernstein,
 * "SipHash: a fast short-input PRF" (INDOCRYPT 2012). Threads: any. Fails: never.
 */
#ifndef HP_HASH_H
#define HP_HASH_H

#include <stddef.h>
#include <stdint.h>

/* XXH64 of `n` bytes at `p` (may be NULL if n is 0). Hot: yes. */
uint64_t hp_hash64(const void *p, size_t n, uint64_t seed);

__extension__ typedef unsigned __int128 hp_u128;

/* Mix two words into one: the folded 128-bit product after whitening, so that 0 is an input like any other.
 * hp_hash_mix(a, b) differs from hp_hash_mix(b, a). Hot: yes. */
static inline uint64_t hp_hash_mix(uint64_t a, uint64_t b)
{
    hp_u128 product = (hp_u128)(a ^ 0x9E3779B97F4A7C15u) * (b ^ 0xD6E8FEB86659FD93u);
    return (uint64_t)product ^ (uint64_t)(product >> 64) ^ (a + 0x2545F4914F6CDD1Du);
}

/* SipHash-2-4 of a message that comes in parts. */
struct hp_sip {
    uint64_t v0, v1, v2, v3;
    uint64_t tail; /* bytes not yet absorbed, little-endian */
    uint64_t total_bytes;
};

void hp_sip_init(struct hp_sip *sip, const uint8_t key[16]);
void hp_sip_update(struct hp_sip *sip, const void *p, size_t n);

/* The hash of all parts. The state is used up; init it again for another message. */
uint64_t hp_sip_final(struct hp_sip *sip);

/* SipHash-2-4 in one go. */
uint64_t hp_siphash24(const uint8_t key[16], const void *p, size_t n);

#endif
