/* test_readers.c -- readers of all formats but pstats: files of the tools themselves, cut, flipped, hostile, deep, without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/gunzip.h"
#include "mangle.h"

static const struct {
    const char *file, *format;
    uint64_t total; /* of the whole, in the tree's unit */
    const char *function;
    uint64_t self;
    enum hp_profile_unit unit;
} golden[] = {
    {"py-spy.folded", "collapsed", 47, "spin", 46, HP_UNIT_SAMPLES},
    {"sample.pb.gz", "pprof", 47, "spin", 46, HP_UNIT_SAMPLES},
    {"sample.pb", "pprof", 47, "spin", 46, HP_UNIT_SAMPLES},
    {"austin.mojo", "mojo", 1864000, "spin", 1500000, HP_UNIT_TIME},
    {"austin-3.7.mojo", "mojo", 275917000, "spin", 273642000, HP_UNIT_TIME},
    {"austin-3.7.austin", "collapsed", 275917000, "spin", 273642000, HP_UNIT_TIME},
    {"austin-4.0.mojo", "mojo", 706040000, "spin", 605767000, HP_UNIT_TIME},
    {"austin-4.0.austin", "collapsed", 706040000, "spin", 605767000, HP_UNIT_TIME},
};

#define GOLDEN_COUNT (sizeof golden / sizeof golden[0])

static struct hp_profile *read_bytes(struct hp_str bytes, const char *format)
{
    const struct hp_registry_format *found = NULL;
    struct hp_profile *profile = NULL;
    struct hp_errinfo info = {0};
    const struct hp_profile_source source = {.bytes = bytes};
    hp_err err = hp_registry_read(&source, &profile, &found, &info);
    if (err != HP_OK) {
        fail_msg("%s: %s", format, info.text);
    }
    assert_string_equal(found->name, format);
    return profile;
}

static struct hp_profile *load(const char *name, const char *format)
{
    struct hp_buf bytes;
    mangle_load(name, &bytes);
    struct hp_profile *profile = read_bytes(hp_buf_str(&bytes), format);
    hp_buf_fini(&bytes);
    return profile;
}

static void reads_what_the_tools_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct hp_profile *profile = load(golden[i].file, golden[i].format);
        assert_int_equal(profile->unit, golden[i].unit);
        assert_int_equal(profile->tree->nodes[HP_NODE_ROOT].total, golden[i].total);
        assert_int_equal((uint64_t)mangle_function(profile, golden[i].function)->self, golden[i].self);
        assert_null(hp__tree_check(profile->tree));
        hp_profile_free(profile);
    }
}

static void reads_valgrinds_compressed_names_and_positions(void **state)
{
    (void)state;
    struct hp_profile *profile = load("valgrind.callgrind", "callgrind");
    assert_int_equal(profile->shape, HP_PROFILE_PAIRS);
    assert_true(mangle_function(profile, "main")->self == 410);
    assert_true(mangle_function(profile, "main")->total == 700);
    assert_true(mangle_function(profile, "leaf")->calls == 3);
    assert_true(mangle_function(profile, "helper")->self == 120);
    assert_true(mangle_function(profile, "helper")->total == 200);
    hp_profile_free(profile);
}

static void keeps_time_order_of_traces(void **state)
{
    (void)state;
    static const char trace[] = "[{\"ph\":\"X\",\"name\":\"a\",\"ts\":10,\"dur\":100,\"pid\":1,\"tid\":1},"
                                "{\"ph\":\"X\",\"name\":\"b\",\"ts\":30,\"dur\":20,\"pid\":1,\"tid\":1},"
                                "{\"ph\":\"B\",\"name\":\"c\",\"ts\":60,\"pid\":1,\"tid\":1},"
                                "{\"ph\":\"E\",\"ts\":70,\"pid\":1,\"tid\":1},"
                                "{\"ph\":\"C\",\"name\":\"counter\",\"ts\":65,\"pid\":1}";
    struct hp_profile *profile = read_bytes(hp_str_make(trace, sizeof trace - 1), "chrome");
    static const uint64_t slices[] = {20000, 20000, 10000, 10000, 40000};
    assert_true(profile->ordered);
    assert_int_equal(profile->sample_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(profile->samples[i].value, slices[i]);
    }
    assert_true(mangle_function(profile, "a")->self == 70000);
    assert_true(mangle_function(profile, "a")->total == 100000);
    assert_int_equal(mangle_function(profile, "c")->calls, 1);
    hp_profile_free(profile);
}

static void counts_calls_of_evented_speedscope(void **state)
{
    (void)state;
    static const char text[] =
        "{\"$schema\":\"https://www.speedscope.app/"
        "file-format-schema.json\",\"profiles\":[{\"type\":\"evented\","
        "\"events\":[{\"type\":\"O\",\"at\":1,\"frame\":0},{\"type\":\"O\",\"at\":1.5,\"frame\":1},"
        "{\"type\":\"C\",\"at\":2.25,\"frame\":1},{\"type\":\"C\",\"at\":4,\"frame\":0}],\"name\":\"x\","
        "\"unit\":\"milliseconds\",\"startValue\":1,\"endValue\":4}],"
        "\"shared\":{\"frames\":[{\"name\":\"\\u00e9\\ud83d\\ude00\",\"file\":\"f.py\",\"line\":3},{\"name\":"
        "\"b\"}]}}";
    struct hp_profile *profile = read_bytes(hp_str_make(text, sizeof text - 1), "speedscope");
    assert_true(profile->counts_calls);
    assert_true(mangle_function(profile, "\xC3\xA9\xF0\x9F\x98\x80")->self == 2250000);
    assert_true(mangle_function(profile, "b")->total == 750000);
    hp_profile_free(profile);
}

static const char *const files[] = {
    "py-spy.folded",    "py-spy.speedscope.json", "py-spy.trace.json",  "sample.pb.gz",     "sample.pb",
    "austin.mojo",      "pyinstrument.tree.json", "valgrind.callgrind", "sample.collapsed", "austin-3.7.mojo",
    "austin-3.7.austin"};

static void survives_cut_and_flipped_input(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct hp_buf bytes;
        mangle_load(files[i], &bytes);
        mangle_all(hp_buf_str(&bytes));
        hp_buf_fini(&bytes);
    }
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct hp_buf bytes;
        mangle_load(files[i], &bytes);
        mangle_oom(hp_buf_str(&bytes));
        hp_buf_fini(&bytes);
    }
}

/* Written and read again: the same whole and the same functions. */
static void round_trips_keep_totals(void **state)
{
    (void)state;
    static const char *const formats[] = {"speedscope", "pprof", "collapsed", "chrome", "callgrind"};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const struct hp_registry_format *format = hp_registry_named(hp_str_from0(formats[i]));
        struct hp_profile *profile = load("py-spy.speedscope.json", "speedscope");
        struct hp_buf out;
        hp_buf_init(&out, 1 << 24);
        assert_int_equal(hp_profile_graph(profile), HP_OK);
        assert_int_equal(format->write(profile, &out), HP_OK);
        struct hp_profile *again = read_bytes(hp_buf_str(&out), formats[i]);
        const struct hp_callgraph_function *before = mangle_function(profile, "spin");
        const struct hp_callgraph_function *after = mangle_function(again, "spin");
        double scale = i == 2 ? 1e6 : 1e9; /* collapsed stacks are written in microseconds */
        double seconds =
            again->unit == HP_UNIT_TIME ? after->self / again->graph.per_unit : after->self / scale;
        assert_true(seconds == before->self / 1e9);
        hp_profile_free(again);
        hp_profile_free(profile);
        hp_buf_fini(&out);
    }
}

static void write_all(void *arg)
{
    const struct hp_registry_format *format = arg;
    struct hp_profile *profile = NULL;
    struct hp_buf out;
    hp_buf_init(&out, 1 << 24);
    if (mangle_read(HP_STR("a;b 1\na;c 2\ntid:3;d 4\n"), &profile) == HP_OK &&
        hp_profile_graph(profile) == HP_OK && format->write(profile, &out) == HP_OK) {
        assert_int_not_equal(out.len, 0);
    }
    hp_profile_free(profile);
    hp_buf_fini(&out);
}

static void writers_survive_lack_of_memory(void **state)
{
    (void)state;
    const struct hp_registry_format *format;
    for (size_t i = 0; (format = hp_registry_at(i)) != NULL; i++) {
        if (format->write != NULL) {
            hp_sweep_oom(write_all, (void *)(uintptr_t)format);
        }
    }
}

static void put_times(struct hp_buf *bytes, const char *text, int times)
{
    for (int i = 0; i < times; i++) {
        hp_buf_put_text(bytes, hp_str_from0(text));
    }
}

/* A million levels: JSON is refused, a stack is refused once it is more than fits, or read. Nothing recurses. */
static void takes_or_refuses_a_million_levels(void **state)
{
    (void)state;
    static const char *const heads[] = {"{\"root_frame\":", "{\"traceEvents\":", "{\"shared\":", "[{\"ph\":"};
    struct hp_buf bytes;
    hp_buf_init(&bytes, 1 << 25);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        hp_buf_reset(&bytes);
        put_times(&bytes, heads[i], 1);
        put_times(&bytes, "[", 1000000);
        assert_int_equal(mangle_read(hp_buf_str(&bytes), NULL), HP_EFORMAT);
    }
    hp_buf_reset(&bytes);
    put_times(&bytes, "{\"root_frame\":", 1);
    put_times(&bytes, "{\"function\":\"f\",\"children\":[", 1000000);
    assert_int_equal(mangle_read(hp_buf_str(&bytes), NULL), HP_EFORMAT);
    hp_buf_reset(&bytes);
    put_times(&bytes, "f;", 1000000);
    put_times(&bytes, "f 1\n", 1);
    assert_int_equal(mangle_read(hp_buf_str(&bytes), NULL), HP_EFULL);
    hp_buf_reset(&bytes);
    put_times(&bytes, "f;", 100000);
    put_times(&bytes, "f 1\n", 1);
    assert_int_equal(mangle_read(hp_buf_str(&bytes), NULL), HP_OK);
    hp_buf_fini(&bytes);
}

/* Of a MOJO of version 4: frame `2` is spin, which both threads run; then the second sample of a thread says "as before". */
static void reads_stacks_that_repeat(void **state)
{
    static const char defined[] =
        "MOJ\x04\x02\x2a\0a\0\x0b\x02w.py\0\x0b\x04spin\0\x03\x02\x02\x04\x05\0\0\0\x05\x02";
    static const char first[] = "\x07\x09\x03", other[] = "\x02\x2a\0b\0\x09\x08";
    static const char again[] = "\x02\x2a\0a\0\x0d\x09\x05", never[] = "\x02\x2a\0c\0\x0d\x09\x01";
    static const char task[] = "\x0e\x03\x04";
    struct hp_buf bytes;
    (void)state;
    hp_buf_init(&bytes, 1 << 10);
    hp_buf_put(&bytes, defined, sizeof defined - 1);
    hp_buf_put(&bytes, first, sizeof first - 1);
    hp_buf_put(&bytes, other, sizeof other - 1);
    hp_buf_put(&bytes, again, sizeof again - 1);
    struct hp_profile *profile = read_bytes(hp_buf_str(&bytes), "mojo");
    assert_int_equal(profile->tree->nodes[HP_NODE_ROOT].total, 16000);
    assert_int_equal((uint64_t)mangle_function(profile, "spin")->total, 8000);
    assert_int_equal((uint64_t)mangle_function(profile, "spin")->self, 5000); /* 3 were the collector's */
    hp_profile_free(profile);
    mangle_all(hp_buf_str(&bytes));
    size_t end = bytes.len;
    hp_buf_put(&bytes, never, sizeof never - 1);
    assert_int_equal(mangle_read(hp_buf_str(&bytes), NULL), HP_EFORMAT);
    bytes.len = end;
    hp_buf_put(&bytes, task, sizeof task - 1);
    assert_int_equal(mangle_read(hp_buf_str(&bytes), NULL), HP_EUNSUPPORTED);
    hp_buf_fini(&bytes);
}

/* What a reader says it passed may be gone: here it is overwritten. */
struct passing {
    char *bytes;
    size_t passed;
};

static void overwrite(void *ctx, size_t bytes)
{
    struct passing *passing = ctx;
    assert_true(bytes >= passing->passed);
    memset(passing->bytes, '?', bytes);
    passing->passed = bytes;
}

static void nothing_is_read_again_of_what_was_passed(void **state)
{
    struct hp_buf bytes;
    char line[64];
    uint64_t total = 0;
    (void)state;
    hp_buf_init(&bytes, (size_t)1 << 26);
    for (int i = 0; i < 100000; i++) {
        int n = snprintf(line, sizeof line, "main;step_%d;part_%d %d\n", i % 1000, i % 7, i % 5);
        hp_buf_put(&bytes, line, (size_t)n);
        total += (uint64_t)(i % 5);
    }
    struct passing passing = {.bytes = (char *)bytes.data};
    const struct hp_profile_source source = {
        .bytes = hp_buf_str(&bytes), .passed = overwrite, .ctx = &passing};
    const struct hp_registry_format *format = NULL;
    struct hp_profile *profile = NULL;
    assert_int_equal(hp_registry_read(&source, &profile, &format, NULL), HP_OK);
    assert_true(passing.passed > bytes.len / 2);
    assert_int_equal(profile->tree->nodes[HP_NODE_ROOT].total, total);
    assert_int_equal(profile->graph.count, 0);
    assert_int_equal(hp_profile_graph(profile), HP_OK);
    assert_int_equal(profile->graph.count, 1 + 1000 + 7);
    hp_profile_free(profile);
    hp_buf_fini(&bytes);
}

static void refuses_what_unpacks_to_too_much(void **state)
{
    (void)state;
    struct hp_buf plain, packed;
    hp_buf_init(&plain, (size_t)1 << 28);
    hp_buf_init(&packed, (size_t)1 << 28);
    put_times(&plain, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 1 << 20);
    assert_int_equal(hp_gunzip_pack(hp_buf_str(&plain), &packed), HP_OK);
    assert_int_equal(mangle_read(hp_buf_str(&packed), NULL), HP_EFULL);
    hp_buf_fini(&packed);
    hp_buf_fini(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_tools_write),
        cmocka_unit_test(reads_valgrinds_compressed_names_and_positions),
        cmocka_unit_test(keeps_time_order_of_traces),
        cmocka_unit_test(counts_calls_of_evented_speedscope),
        cmocka_unit_test(survives_cut_and_flipped_input),
        cmocka_unit_test(survives_lack_of_memory),
        cmocka_unit_test(round_trips_keep_totals),
        cmocka_unit_test(writers_survive_lack_of_memory),
        cmocka_unit_test(takes_or_refuses_a_million_levels),
        cmocka_unit_test(reads_stacks_that_repeat),
        cmocka_unit_test(nothing_is_read_again_of_what_was_passed),
        cmocka_unit_test(refuses_what_unpacks_to_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
