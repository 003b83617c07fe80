/* rng.h -- seeded random numbers: xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", ACM TOMS 2021), its state filled by splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
 *
 * Why: sampling, bootstrap intervals and twin tests need the same numbers from the same seed on every
 * machine. Not for secrets.
 */
#ifndef HP_RNG_H
#define HP_RNG_H

#include <stdint.h>

struct hp_rng {
    uint64_t s[4];
};

/* Start the sequence of `seed`; every seed is good, 0 too. Threads: owner only. Fails: never. */
void hp_rng_seed(struct hp_rng *rng, uint64_t seed);

/* The next 64 bits. Hot: yes. */
uint64_t hp_rng_u64(struct hp_rng *rng);

/* A number in 0 … n - 1, without bias; 0 if n is 0. */
uint64_t hp_rng_below(struct hp_rng *rng, uint64_t n);

/* A number in [0, 1), a multiple of 2^-53. */
double hp_rng_double(struct hp_rng *rng);

#endif
