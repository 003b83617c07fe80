/* test_pstats_read.c -- reading .prof files of every marshal version; tests/py compares figures with each
 * CPython's pstats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/pstats.h"
#include "mangle.h"

static const char *const golden[] = {
    "cprofile-2.7.prof", "cprofile-3.6.prof", "cprofile-3.12.prof", "cprofile-3.15.prof", "profile-2.7.prof",
    "profile-3.10.prof", "marshal-0.prof",    "marshal-1.prof",     "marshal-2.prof",     "sample.prof"};

#define GOLDEN_COUNT (sizeof golden / sizeof golden[0])

static struct hp_profile *load(const char *name)
{
    struct hp_buf bytes;
    struct hp_profile *profile = NULL;
    mangle_load(name, &bytes);
    assert_int_equal(mangle_read(hp_buf_str(&bytes), &profile), HP_OK);
    hp_buf_fini(&bytes);
    return profile;
}

static void reads_calls_of_every_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT - 1; i++) {
        struct hp_profile *profile = load(golden[i]);
        assert_int_equal(profile->shape, HP_PROFILE_PAIRS);
        assert_int_equal(mangle_function(profile, "fib")->calls, 109);
        assert_int_equal(mangle_function(profile, "fib")->primitive, 1);
        assert_int_equal(mangle_function(profile, "leaf")->calls, 7);
        hp_profile_free(profile);
    }
}

/* Who asks for no pairs gets the same functions: those of the file's keys. */
static void functions_are_the_same_without_their_callers(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct hp_buf bytes;
        struct hp_profile *bare = NULL, *whole = load(golden[i]);
        mangle_load(golden[i], &bytes);
        const struct hp_profile_source source = {.bytes = hp_buf_str(&bytes), .no_pairs = true};
        assert_int_equal(hp_pstats_read(&source, &bare, NULL), HP_OK);
        assert_int_equal(bare->graph.edge_count, 0);
        assert_int_not_equal(whole->graph.edge_count, 0);
        assert_int_equal(bare->graph.count, bare->graph.listed_count);
        assert_int_equal(bare->graph.listed_count, whole->graph.listed_count);
        for (uint32_t f = 0; f < bare->graph.listed_count; f++) {
            const struct hp_callgraph_function *a = &bare->graph.functions[f],
                                               *b = &whole->graph.functions[f];
            struct hp_symbol x = hp_dict_symbol(bare->dict, a->sym), y = hp_dict_symbol(whole->dict, b->sym);
            assert_true(hp_str_eq(x.name, y.name) && hp_str_eq(x.file, y.file) && x.line == y.line);
            assert_true(a->calls == b->calls && a->primitive == b->primitive);
            assert_true(a->self == b->self && a->total == b->total);
        }
        hp_buf_fini(&bytes);
        hp_profile_free(bare);
        hp_profile_free(whole);
    }
}

static void tells_bare_counts_of_the_pure_profiler(void **state)
{
    (void)state;
    struct hp_profile *profile = load("profile-3.10.prof");
    for (uint32_t i = 0; i < profile->graph.edge_count; i++) {
        assert_true(profile->graph.edges[i].bare);
    }
    hp_profile_free(profile);
    profile = load("cprofile-3.12.prof");
    for (uint32_t i = 0; i < profile->graph.edge_count; i++) {
        assert_false(profile->graph.edges[i].bare);
    }
    hp_profile_free(profile);
}

/* What is read and written again is the same, byte for byte, once it is in our version of marshal. */
static void writes_what_it_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct hp_profile *profile = load(golden[i]), *again = NULL;
        struct hp_buf once, twice;
        hp_buf_init(&once, 1 << 20);
        hp_buf_init(&twice, 1 << 20);
        assert_int_equal(hp_pstats_write_profile(profile, &once), HP_OK);
        assert_int_equal(mangle_read(hp_buf_str(&once), &again), HP_OK);
        assert_int_equal(hp_pstats_write_profile(again, &twice), HP_OK);
        assert_true(hp_str_eq(hp_buf_str(&once), hp_buf_str(&twice)));
        hp_buf_fini(&once);
        hp_buf_fini(&twice);
        hp_profile_free(again);
        hp_profile_free(profile);
    }
    struct hp_buf sample, out;
    struct hp_profile *profile = load("sample.prof");
    mangle_load("sample.prof", &sample);
    hp_buf_init(&out, 1 << 20);
    assert_int_equal(hp_pstats_write_profile(profile, &out), HP_OK);
    assert_true(hp_str_eq(hp_buf_str(&out), hp_buf_str(&sample)));
    hp_buf_fini(&out);
    hp_buf_fini(&sample);
    hp_profile_free(profile);
}

static void survives_cut_and_flipped_input(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct hp_buf bytes;
        mangle_load(golden[i], &bytes);
        mangle_all(hp_buf_str(&bytes));
        hp_buf_fini(&bytes);
    }
}

static void says_that_nothing_was_recorded(void **state)
{
    (void)state;
    assert_int_equal(mangle_read(HP_STR("{0"), NULL), HP_ENOTFOUND);
}

/* key (file, line, name) and value (1, 1, 0.0, 0.0, {}) in version 2, with the count of the caller's
 * choosing. */
static void put_profile(struct hp_buf *out, const char *count, size_t n)
{
    static const char key[] = "{(\3\0\0\0u\1\0\0\0fi\1\0\0\0u\1\0\0\0n";
    static const char rest[] = "g\0\0\0\0\0\0\0\0g\0\0\0\0\0\0\0\0{00";
    hp_buf_init(out, 1 << 20);
    hp_buf_put(out, key, sizeof key - 1);
    hp_buf_put(out, "(\5\0\0\0", 5);
    hp_buf_put(out, count, n);
    hp_buf_put(out, count, n);
    hp_buf_put(out, rest, sizeof rest - 1);
}

static void reads_big_integers_up_to_64_bits(void **state)
{
    (void)state;
    static const char most[] = "l\5\0\0\0\xFF\x7F\xFF\x7F\xFF\x7F\xFF\x7F\x0F\0";
    static const char more[] = "l\5\0\0\0\xFF\x7F\xFF\x7F\xFF\x7F\xFF\x7F\x10\0";
    static const char below[] = "i\xFF\xFF\xFF\xFF";
    struct hp_buf bytes;
    struct hp_profile *profile = NULL;
    put_profile(&bytes, most, sizeof most - 1);
    assert_int_equal(mangle_read(hp_buf_str(&bytes), &profile), HP_OK);
    assert_true(mangle_function(profile, "n")->calls == UINT64_MAX);
    hp_profile_free(profile);
    hp_buf_fini(&bytes);
    put_profile(&bytes, more, sizeof more - 1);
    assert_int_equal(mangle_read(hp_buf_str(&bytes), NULL), HP_EFORMAT);
    hp_buf_fini(&bytes);
    put_profile(&bytes, below, sizeof below - 1);
    assert_int_equal(mangle_read(hp_buf_str(&bytes), NULL), HP_EFORMAT);
    hp_buf_fini(&bytes);
}

static void refuses_hostile_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *p;
        size_t n;
    } inputs[] = {
        {"{(\xFF\xFF\xFF\x7F", 6},                        /* a tuple of 2^31 - 1 items */
        {"{(\3\0\0\0u\xFF\xFF\xFF\xFF", 11},              /* a text of 4 GiB */
        {"{(\3\0\0\0u\1\0\0\0fl\0\0\0\x80", 17},          /* -2^31 digits */
        {"{r\0\0\0\0", 6},                                /* a reference to nothing */
        {"\xFBr\0\0\0\0", 6},                             /* to the dictionary itself */
        {"{\xA9\3\xDA\1fi\1\0\0\0r\1\0\0\0r\0\0\0\0", 22} /* a value that is its own key */
    };
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        assert_int_equal(mangle_read(hp_str_make(inputs[i].p, inputs[i].n), NULL), HP_EFORMAT);
    }
}

/* A code object whose constants nest a million tuples. */
static void refuses_deep_nesting(void **state)
{
    (void)state;
    struct hp_buf bytes;
    hp_buf_init(&bytes, 1 << 23);
    hp_buf_put(&bytes, "{(\3\0\0\0u\1\0\0\0fi\1\0\0\0c", 18);
    for (int i = 0; i < 20; i++) {
        hp_buf_put_u8(&bytes, 0);
    }
    for (int i = 0; i < 1000000; i++) {
        hp_buf_put(&bytes, "(\1\0\0\0", 5);
    }
    assert_int_equal(mangle_read(hp_buf_str(&bytes), NULL), HP_EFORMAT);
    hp_buf_fini(&bytes);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    struct hp_buf bytes;
    mangle_load("profile-3.10.prof", &bytes);
    mangle_oom(hp_buf_str(&bytes));
    hp_buf_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_calls_of_every_version),
        cmocka_unit_test(functions_are_the_same_without_their_callers),
        cmocka_unit_test(tells_bare_counts_of_the_pure_profiler),
        cmocka_unit_test(writes_what_it_read),
        cmocka_unit_test(survives_cut_and_flipped_input),
        cmocka_unit_test(says_that_nothing_was_recorded),
        cmocka_unit_test(reads_big_integers_up_to_64_bits),
        cmocka_unit_test(refuses_hostile_sizes),
        cmocka_unit_test(refuses_deep_nesting),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
