/* hash.c -- XXH64 and SipHash-2-4; see hash.h for the sources.
 *
 * XXH64 reads 32 bytes a round into four accumulators that do not depend on each other, merges them, then
 * takes in the rest by 8, 4 and 1 bytes and scrambles ("avalanche"). SipHash keeps four words, runs two
 * rounds for every 8 bytes and four at the end. Words are read little-endian whatever the machine.
 */
#include "base/hash.h"

#include <string.h>

#define P1 0x9E3779B185EBCA87u
#define P2 0xC2B2AE3D27D4EB4Fu
#define P3 0x165667B19E3779F9u
#define P4 0x85EBCA77C2B2AE63u
#define P5 0x27D4EB2F165667C5u

static inline uint64_t rotl(uint64_t x, unsigned n)
{
    return (x << n) | (x >> (64 - n));
}

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t value;
    memcpy(&value, p, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static inline uint32_t load32(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

static inline uint64_t xx_round(uint64_t acc, uint64_t lane)
{
    return rotl(acc + lane * P2, 31) * P1;
}

static inline uint64_t xx_merge(uint64_t acc, uint64_t lane_acc)
{
    return (acc ^ xx_round(0, lane_acc)) * P1 + P4;
}

/* All whole 32-byte stripes of the input; `*p` moves behind them. */
static uint64_t xx_stripes(const uint8_t **p, const uint8_t *end, uint64_t seed)
{
    uint64_t a = seed + P1 + P2, b = seed + P2, c = seed, d = seed - P1;
    const uint8_t *at = *p;
    for (; end - at >= 32; at += 32) {
        a = xx_round(a, load64(at));
        b = xx_round(b, load64(at + 8));
        c = xx_round(c, load64(at + 16));
        d = xx_round(d, load64(at + 24));
    }
    *p = at;
    uint64_t acc = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18);
    acc = xx_merge(acc, a);
    acc = xx_merge(acc, b);
    acc = xx_merge(acc, c);
    return xx_merge(acc, d);
}

uint64_t hp_hash64(const void *data, size_t n, uint64_t seed)
{
    static const uint8_t nothing[1] = {0};
    const uint8_t *p = n != 0 ? data : nothing;
    const uint8_t *end = p + n;
    uint64_t acc = n >= 32 ? xx_stripes(&p, end, seed) : seed + P5;
    acc += n;
    for (; end - p >= 8; p += 8) {
        acc = rotl(acc ^ xx_round(0, load64(p)), 27) * P1 + P4;
    }
    if (end - p >= 4) {
        acc = rotl(acc ^ (load32(p) * P1), 23) * P2 + P3;
        p += 4;
    }
    for (; p < end; p++) {
        acc = rotl(acc ^ (*p * P5), 11) * P1;
    }
    acc = (acc ^ (acc >> 33)) * P2;
    acc = (acc ^ (acc >> 29)) * P3;
    return acc ^ (acc >> 32);
}

static inline void sip_round(struct hp_sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static inline void sip_absorb(struct hp_sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

void hp_sip_init(struct hp_sip *sip, const uint8_t key[16])
{
    uint64_t k0 = load64(key), k1 = load64(key + 8);
    /* "somepseudorandomlygeneratedbytes", as the paper has it. */
    *sip = (struct hp_sip){.v0 = k0 ^ 0x736f6d6570736575u,
                           .v1 = k1 ^ 0x646f72616e646f6du,
                           .v2 = k0 ^ 0x6c7967656e657261u,
                           .v3 = k1 ^ 0x7465646279746573u};
}

void hp_sip_update(struct hp_sip *sip, const void *data, size_t n)
{
    const uint8_t *p = data;
    size_t i = 0;
    while (i < n) {
        unsigned held = (unsigned)(sip->total_bytes & 7);
        if (held == 0 && n - i >= 8) {
            sip_absorb(sip, load64(p + i));
            sip->total_bytes += 8;
            i += 8;
            continue;
        }
        sip->tail |= (uint64_t)p[i++] << (8 * held);
        sip->total_bytes++;
        if (held == 7) {
            sip_absorb(sip, sip->tail);
            sip->tail = 0;
        }
    }
}

uint64_t hp_sip_final(struct hp_sip *sip)
{
    sip_absorb(sip, sip->tail | (sip->total_bytes << 56));
    sip->v2 ^= 0xFF;
    for (int i = 0; i < 4; i++) {
        sip_round(sip);
    }
    return sip->v0 ^ sip->v1 ^ sip->v2 ^ sip->v3;
}

uint64_t hp_siphash24(const uint8_t key[16], const void *p, size_t n)
{
    struct hp_sip sip;
    hp_sip_init(&sip, key);
    hp_sip_update(&sip, p, n);
    return hp_sip_final(&sip);
}
