/* test_hash.c -- XXH64 and SipHash against published vectors; mixing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "sweep_oom.h"

/* The buffer and the values of the reference implementation's own sanity check. */
static void xxh64_gives_the_published_values(void **state)
{
    (void)state;
    uint8_t buffer[101];
    uint32_t gen = 2654435761u;
    const uint64_t seed = 2654435761u;
    for (size_t i = 0; i < sizeof buffer; i++) {
        buffer[i] = (uint8_t)(gen >> 24);
        gen *= gen;
    }
    static const struct {
        size_t n;
        uint64_t plain, seeded;
    } cases[] = {
        {0, 0xEF46DB3751D8E999u, 0xAC75FDA2929B17EFu},
        {1, 0x4FCE394CC88952D8u, 0x739840CB819FA723u},
        {14, 0xCFFA8DB881BC3A3Du, 0x5B9611585EFCC9CBu},
        {101, 0x0EAB543384F878ADu, 0xCAA65939306F1E21u},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(hp_hash64(buffer, cases[i].n, 0) == cases[i].plain);
        assert_true(hp_hash64(buffer, cases[i].n, seed) == cases[i].seeded);
    }
    assert_true(hp_hash64(NULL, 0, 0) == 0xEF46DB3751D8E999u);
    assert_true(hp_hash64("a", 1, 0) == 0xD24EC4F1A98C6E5Bu);
    assert_true(hp_hash64("abc", 3, 0) == 0x44BC2CF5AD770999u);
    const char *text = "Nobody inspects the spammish repetition";
    assert_true(hp_hash64(text, strlen(text), 0) == 0xFBCEA83C8A378BF1u);
}

static void xxh64_does_not_care_about_alignment(void **state)
{
    (void)state;
    uint8_t bytes[80];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i % 8 == 0 ? 1 : i);
    }
    uint8_t moved[90];
    for (size_t n = 0; n <= 70; n++) {
        uint64_t want = hp_hash64(bytes, n, 7);
        for (size_t shift = 0; shift < 9; shift++) {
            memcpy(moved + shift, bytes, n);
            assert_true(hp_hash64(moved + shift, n, 7) == want);
        }
    }
}

/* Key 00 … 0f, message 00 01 02 …: the values of the paper (15 bytes) and its reference code. */
static void siphash_gives_the_published_values(void **state)
{
    (void)state;
    uint8_t key[16], message[64];
    for (size_t i = 0; i < 64; i++) {
        message[i] = (uint8_t)i;
        key[i % 16] = (uint8_t)(i % 16);
    }
    static const struct {
        size_t n;
        uint64_t want;
    } cases[] = {
        {0, 0x726FDB47DD0E0E31u}, {1, 0x74F839C593DC67FDu},  {2, 0x0D6C8009D9A94F5Au},
        {3, 0x85676696D7FB7E2Du}, {15, 0xA129CA6149BE45E5u}, {63, 0x958A324CEB064572u},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(hp_siphash24(key, message, cases[i].n) == cases[i].want);
    }
}

static void siphash_in_parts_is_the_same(void **state)
{
    (void)state;
    struct hp_rng rng;
    hp_rng_seed(&rng, hp_test_seed("siphash", 3));
    uint8_t key[16] = {1, 2, 3}, message[200];
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] = (uint8_t)hp_rng_u64(&rng);
    }
    for (int round = 0; round < 500; round++) {
        size_t n = hp_rng_below(&rng, sizeof message + 1);
        struct hp_sip sip;
        hp_sip_init(&sip, key);
        for (size_t at = 0; at < n;) {
            size_t part = hp_rng_below(&rng, n - at + 1);
            hp_sip_update(&sip, message + at, part);
            at += part;
        }
        assert_true(hp_sip_final(&sip) == hp_siphash24(key, message, n));
    }
}

/* One input bit changes about half of the output bits, on average over many inputs. */
static void mix_spreads_every_bit(void **state)
{
    (void)state;
    struct hp_rng rng;
    hp_rng_seed(&rng, hp_test_seed("mix", 4));
    for (unsigned bit = 0; bit < 128; bit++) {
        unsigned flips = 0;
        enum { ROUNDS = 400 };
        for (int round = 0; round < ROUNDS; round++) {
            uint64_t a = round == 0 ? 0 : hp_rng_u64(&rng), b = round == 0 ? 0 : hp_rng_u64(&rng);
            uint64_t a2 = bit < 64 ? a ^ ((uint64_t)1 << bit) : a;
            uint64_t b2 = bit < 64 ? b : b ^ ((uint64_t)1 << (bit - 64));
            flips += (unsigned)__builtin_popcountll(hp_hash_mix(a, b) ^ hp_hash_mix(a2, b2));
        }
        assert_in_range(flips, ROUNDS * 64 * 35 / 200, ROUNDS * 64 * 65 / 100);
    }
    assert_true(hp_hash_mix(1, 2) != hp_hash_mix(2, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xxh64_gives_the_published_values),
        cmocka_unit_test(xxh64_does_not_care_about_alignment),
        cmocka_unit_test(siphash_gives_the_published_values),
        cmocka_unit_test(siphash_in_parts_is_the_same),
        cmocka_unit_test(mix_spreads_every_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
