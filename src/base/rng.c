/* rng.c -- xoshiro256** seeded by splitmix64; see rng.h for the sources. */
#include "base/rng.h"

#include "base/hash.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static inline uint64_t rotl(uint64_t x, unsigned n)
{
    return (x << n) | (x >> (64 - n));
}

void hp_rng_seed(struct hp_rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        rng->s[i] = splitmix64(&seed);
    }
}

uint64_t hp_rng_u64(struct hp_rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t hp_rng_below(struct hp_rng *rng, uint64_t n)
{
    if (n == 0) {
        return 0;
    }
    /* Lemire, "Fast random integer generation in an interval" (2019): the high half of the product is the
     * number; the few low halves that would favour some numbers are drawn again. */
    hp_u128 product = (hp_u128)hp_rng_u64(rng) * n;
    if ((uint64_t)product < n) {
        uint64_t threshold = (0 - n) % n;
        while ((uint64_t)product < threshold) {
            product = (hp_u128)hp_rng_u64(rng) * n;
        }
    }
    return (uint64_t)(product >> 64);
}

double hp_rng_double(struct hp_rng *rng)
{
    return (double)(hp_rng_u64(rng) >> 11) * 0x1.0p-53;
}
