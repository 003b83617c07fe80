/* test_readers.c -- readers of all formats but pstats: files of the tools themselves, cut, flipped, hostile,
 * deep, without memory. */
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

static const char *const files[] = {"py-spy.folded",
                                    "py-spy.speedscope.json",
                                    "py-spy.trace.json",
                                    "sample.pb.gz",
                                    "sample.pb",
                                    "austin.mojo",
                                    "pyinstrument.tree.json",
                                    "valgrind.callgrind",
                                    "sample.collapsed",
                                    "austin-3.7.mojo",
                                    "austin-3.7.austin",
                                    "pyinstrument.session.json"};

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

/* "b", line 20, sampled at 22 and 24 and once nobody knows where, below "a". */
static struct hp_profile *sampled_at_lines(void)
{
    struct hp_profile *profile = NULL;
    struct hp_dict *dict = hp_dict_new();
    struct hp_tree *tree = hp_tree_new(dict, 100);
    uint32_t outer = 0, inner = 0;
    assert_non_null(tree);
    const struct hp_symbol a = {.file = HP_STR("shop/a.py"), .name = HP_STR("a"), .line = 10},
                           b = {.file = HP_STR("shop/b.py"), .name = HP_STR("b"), .line = 20};
    assert_int_equal(hp_dict_add_symbol(dict, &a, &outer), HP_OK);
    assert_int_equal(hp_dict_add_symbol(dict, &b, &inner), HP_OK);
    uint32_t node = hp_tree_child_at_line(tree, HP_NODE_ROOT, outer, 0, HP_NODE_CALL);
    node = hp_tree_child_at_line(tree, node, inner, 12, HP_NODE_CALL);
    hp_tree_add_sample(tree, node, 24, 1000, 0);
    hp_tree_add_sample(tree, node, 22, 3000, 0);
    hp_tree_add_sample(tree, node, 0, 500, 0);
    hp_tree_total(tree);
    assert_int_equal(hp_profile_from_tree(tree, dict, &profile), HP_OK);
    assert_int_equal(hp_profile_graph(profile), HP_OK);
    hp_tree_free(tree);
    hp_dict_free(dict);
    return profile;
}

static void lines_of_samples_come_back_from_pprof(void **state)
{
    (void)state;
    struct hp_profile *profile = sampled_at_lines();
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    assert_int_equal(hp_registry_named(HP_STR("pprof"))->write(profile, &out), HP_OK);
    struct hp_profile *again = read_bytes(hp_buf_str(&out), "pprof");
    struct hp_leaf_line *lines = NULL;
    size_t count = 0;
    assert_int_equal(hp_leaf_fold(again->tree, &lines, &count), HP_OK);
    assert_int_equal(count, 2);
    assert_int_equal(lines[0].line, 22);
    assert_int_equal(lines[0].self, 3000);
    assert_int_equal(lines[1].line, 24);
    assert_int_equal(lines[1].self, 1000);
    assert_string_equal(hp_dict_symbol(again->dict, lines[0].sym).name.p, "b");
    assert_int_equal(hp_dict_symbol(again->dict, lines[0].sym).line, 20);
    assert_int_equal(again->tree->nodes[HP_NODE_ROOT].total, 4500);
    hp_free(lines);
    hp_profile_free(again);
    hp_profile_free(profile);
    hp_buf_fini(&out);
}

static void lines_of_samples_stand_in_callgrind(void **state)
{
    (void)state;
    struct hp_profile *profile = sampled_at_lines();
    struct hp_buf out;
    hp_buf_init(&out, 1 << 20);
    assert_int_equal(hp_registry_named(HP_STR("callgrind"))->write(profile, &out), HP_OK);
    static const char own[] = ")\n22 3000\n24 1000\n20 500\n";
    assert_non_null(memmem(out.data, out.len, own, sizeof own - 1));
    struct hp_profile *again = read_bytes(hp_buf_str(&out), "callgrind");
    assert_float_equal(mangle_function(again, "b")->self, 4500e-9, 1e-15);
    hp_profile_free(again);
    hp_profile_free(profile);
    hp_buf_fini(&out);
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

/* A million levels: JSON is refused, a stack is refused once it is more than fits, or read. Nothing
 * recurses. */
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

/* Begun and never ended, or one stack of as many frames: read, or refused for its size. */
static void takes_or_refuses_a_million_frames(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        size_t head_bytes;
        const char *each;
        const char *tail;
        size_t each_bytes;
    } stacks[] = {
#define STACK(head, each, tail) {head, sizeof(head) - 1, each, tail, sizeof(each) - 1}
        STACK("[", "{\"ph\":\"B\",\"name\":\"f\",\"ts\":1,\"pid\":1,\"tid\":1},", "{\"ph\":\"E\",\"ts\":2}]"),
        STACK("MOJ\x03\x02\x2a\0a\0\x0b\x02w.py\0\x0b\x04spin\0\x03\x02\x02\x04\x05\0\0\0", "\x05\x02",
              "\x09\x03"),
        STACK(
            "{\"$schema\":\"https://www.speedscope.app/"
            "file-format-schema.json\",\"shared\":{\"frames\":[{\"name\":"
            "\"f\"}]},\"profiles\":[{\"type\":\"sampled\",\"unit\":\"none\",\"weights\":[1],\"samples\":[[0",
            ",0", "]]}]}"),
        STACK("\x0a\x04\x08\x01\x10\x02\x32\0\x32\x01s\x32\x01n\x2a\x04\x08\x01\x10\x01\x22\x06\x08\x01\x22"
              "\x02\x08"
              "\x01\x12\xc7\x84\x3d\x0a\xc0\x84\x3d",
              "\x01", "\x12\x01\x01"),
#undef STACK
    };
    struct hp_buf bytes;
    hp_buf_init(&bytes, 1 << 26);
    for (size_t i = 0; i < sizeof stacks / sizeof stacks[0]; i++) {
        hp_buf_reset(&bytes);
        hp_buf_put(&bytes, stacks[i].head, stacks[i].head_bytes);
        for (int n = 0; n < 1000000; n++) {
            hp_buf_put(&bytes, stacks[i].each, stacks[i].each_bytes);
        }
        put_times(&bytes, stacks[i].tail, 1);
        hp_err err = mangle_read(hp_buf_str(&bytes), NULL);
        if (err != HP_OK && err != HP_EFULL) {
            fail_msg("stack %zu: %s", i, hp_err_text(err));
        }
    }
    hp_buf_fini(&bytes);
}

/* Of a MOJO of version 4: frame `2` is spin, which both threads run; then the second sample of a thread says
 * "as before". */
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

/* Of a MOJO of version 3: spin, then a frame that could not be read; then a sample of which no frame could
 * be. */
static void leaves_out_frames_that_austin_could_not_read(void **state)
{
    static const char text[] =
        "MOJ\x03\x02\x2a\0a\0\x0b\x02w.py\0\x0b\x04spin\0\x03\x02\x02\x04\x05\0\0\0\x05\x02"
        "\x04\x09\x03\x02\x2a\0a\0\x04\x09\x05";
    (void)state;
    struct hp_profile *profile = read_bytes(hp_str_make(text, sizeof text - 1), "mojo");
    assert_int_equal(profile->tree->nodes[HP_NODE_ROOT].total, 8000);
    assert_int_equal((uint64_t)mangle_function(profile, "spin")->self, 3000);
    assert_int_equal(profile->tree->count, 3); /* the root, the thread, spin */
    hp_profile_free(profile);
}

/* Of a MOJO of version 4 with native frames: `3` is read of libc, `4` is poll. A repeated stack ends at
 * spin. */
static void repeats_a_stack_without_its_native_end(void **state)
{
    static const char text[] =
        "MOJ\x04\x02\x2a\0a\0\x0b\x02w.py\0\x0b\x04spin\0\x0b\x06libc\0\x0b\x08read\0\x0b\x0apoll\0"
        "\x03\x02\x02\x04\x05\0\0\0\x03\x03\x06\x08\0\0\0\0\x03\x04\x06\x0a\0\0\0\0"
        "\x05\x02\x05\x03\x09\x03\x02\x2a\0a\0\x0d\x05\x04\x09\x05\x02\x2a\0a\0\x0d\x09\x01";
    (void)state;
    struct hp_profile *profile = read_bytes(hp_str_make(text, sizeof text - 1), "mojo");
    assert_int_equal((uint64_t)mangle_function(profile, "spin")->total, 9000);
    assert_int_equal((uint64_t)mangle_function(profile, "spin")->self, 1000);
    assert_int_equal((uint64_t)mangle_function(profile, "read")->total, 3000);
    assert_int_equal((uint64_t)mangle_function(profile, "poll")->total, 5000);
    hp_profile_free(profile);
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
        cmocka_unit_test(lines_of_samples_come_back_from_pprof),
        cmocka_unit_test(lines_of_samples_stand_in_callgrind),
        cmocka_unit_test(writers_survive_lack_of_memory),
        cmocka_unit_test(takes_or_refuses_a_million_levels),
        cmocka_unit_test(takes_or_refuses_a_million_frames),
        cmocka_unit_test(reads_stacks_that_repeat),
        cmocka_unit_test(leaves_out_frames_that_austin_could_not_read),
        cmocka_unit_test(repeats_a_stack_without_its_native_end),
        cmocka_unit_test(nothing_is_read_again_of_what_was_passed),
        cmocka_unit_test(refuses_what_unpacks_to_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
