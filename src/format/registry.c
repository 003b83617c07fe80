/* registry.c -- see registry.h. */
#include "format/registry.h"

#include "format/callgrind.h"
#include "format/chrome.h"
#include "format/collapsed.h"
#include "format/csv.h"
#include "format/dot.h"
#include "format/flamesvg.h"
#include "format/gecko.h"
#include "format/gunzip.h"
#include "format/html.h"
#include "format/mojo.h"
#include "format/pprof.h"
#include "format/profilejson.h"
#include "format/pstats.h"
#include "format/pyinstrument.h"
#include "format/speedscope.h"
#include "format/text.h"

#define PLAIN_BASE    ((size_t)40 << 20) /* budgets: what the profile may take of 64 MiB + 4 × size */
#define UNPACKED_BASE ((size_t)26 << 20)
#define PACKED_BASE   ((size_t)20 << 20)
#define SIZE_LIMIT    ((size_t)1 << 50)

static hp_err write_collapsed(const struct hp_profile *profile, struct hp_buf *out)
{
    const struct hp_collapsed_options options = {.whole = profile->unit != HP_UNIT_TIME,
                                                 .no_root = profile->requests == 0};
    return hp_collapsed_write(profile->tree, profile->dict, &options, out);
}

static hp_err write_html(const struct hp_profile *profile, struct hp_buf *out)
{
    return hp_html_write(profile, NULL, out);
}

static hp_err write_svg(const struct hp_profile *profile, struct hp_buf *out)
{
    const struct hp_flamesvg_options options = {
        .requests = profile->requests, .unit = profile->unit, .file = profile->requests == 0};
    return hp_flamesvg_write(profile->tree, profile->dict, &options, out);
}

/* clang-format off */
static const struct hp_registry_format formats[] = {
    {"pstats", "prof pstats", "what cProfile writes (pstats, snakeviz, gprof2dot)",
     hp_pstats_is, hp_pstats_read, hp_pstats_write_profile, false},
    {"speedscope", "speedscope.json", "speedscope.app",
     hp_speedscope_is, hp_speedscope_read, hp_speedscope_write, true},
    {"gecko", "gecko.json", "profiler.firefox.com",
     NULL, NULL, hp_gecko_write, true},
    {"json", "profile.json", "functions, pairs and call tree for scripts",
     NULL, NULL, hp_profilejson_write, false},
    {"chrome", "trace.json json", "trace events (Perfetto, chrome://tracing)",
     hp_chrome_is, hp_chrome_read, hp_chrome_write, true},
    {"pyinstrument", "", "",
     hp_pyinstrument_is, hp_pyinstrument_read, NULL, false},
    {"mojo", "", "",
     hp_mojo_is, hp_mojo_read, NULL, false},
    {"callgrind", "callgrind out", "KCachegrind, callgrind_annotate",
     hp_callgrind_is, hp_callgrind_read, hp_callgrind_write, false},
    {"pprof", "pprof pb.gz pb", "go tool pprof",
     hp_pprof_is, hp_pprof_read, hp_pprof_write, true},
    {"csv", "csv", "functions as a table",
     NULL, NULL, hp_csv_write, false},
    {"collapsed", "collapsed folded txt", "a line a stack (flamegraph.pl, inferno)",
     hp_collapsed_is, hp_collapsed_read, write_collapsed, true},
    {"dot", "dot gv", "the call graph (graphviz)",
     NULL, NULL, hp_dot_write_profile, false},
    {"text", "text", "functions as lines, as print_stats has them",
     NULL, NULL, hp_text_write, false},
    {"svg", "svg", "a flame graph, as hotplate flame draws it",
     NULL, NULL, write_svg, true},
    {"html", "html htm", "one page with all views, as hotplate open writes it",
     NULL, NULL, write_html, false},
};
/* clang-format on */

#define COUNT (sizeof formats / sizeof formats[0])

const struct hp_registry_format *hp_registry_at(size_t index)
{
    return index < COUNT ? &formats[index] : NULL;
}

const struct hp_registry_format *hp_registry_named(struct hp_str name)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (formats[i].write != NULL && hp_str_eq(hp_str_from0(formats[i].name), name)) {
            return &formats[i];
        }
    }
    return NULL;
}

/* Whether one of the endings, separated by blanks, ends the name behind a dot. */
static bool has_ending(struct hp_str file, struct hp_str endings)
{
    while (endings.n != 0) {
        size_t n = hp_str_find_char(endings, ' ');
        struct hp_str ending = hp_str_make(endings.p, n);
        if (file.n > n + 1 && file.p[file.n - n - 1] == '.' && hp_str_ends(file, ending)) {
            return true;
        }
        n += n < endings.n;
        endings = hp_str_make(endings.p + n, endings.n - n);
    }
    return false;
}

const struct hp_registry_format *hp_registry_for_file(struct hp_str file)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (formats[i].write != NULL && has_ending(file, hp_str_from0(formats[i].ending))) {
            return &formats[i];
        }
    }
    return NULL;
}

/* ---- reading ---- */

static hp_err read_plain(const struct hp_profile_source *source, struct hp_profile **profile,
                         const struct hp_registry_format **format, struct hp_errinfo *info)
{
    struct hp_errinfo why = {0};
    struct hp_profile *made = NULL;
    const struct hp_registry_format *is = NULL;
    if (source->bytes.n == 0) {
        return hp_err_set(info, HP_EFORMAT, 0, "byte 0: the file is empty");
    }
    for (size_t i = 0; i < COUNT && is == NULL; i++) {
        is = formats[i].is != NULL && formats[i].is(source->bytes) ? &formats[i] : NULL;
    }
    if (is == NULL) {
        return hp_err_set(info, HP_EFORMAT, 0, "byte 0: not a profile of a known format");
    }
    hp_err err = is->read(source, &made, &why);
    if (err != HP_OK) {
        return hp_err_set(info, err, why.position, "%s: byte %llu: %s", is->name,
                          (unsigned long long)why.position,
                          why.text[0] != '\0' ? why.text : hp_err_text(err));
    }
    if (hp_profile_is_empty(made)) {
        hp_profile_free(made);
        return hp_err_set(info, HP_ENOTFOUND, source->bytes.n, "%s: byte %zu: nothing was recorded", is->name,
                          source->bytes.n);
    }
    *profile = made;
    *format = is;
    return HP_OK;
}

hp_err hp_registry_read(const struct hp_profile_source *source, struct hp_profile **profile,
                        const struct hp_registry_format **format, struct hp_errinfo *info)
{
    struct hp_str bytes = source->bytes;
    size_t size = bytes.n < SIZE_LIMIT ? bytes.n : SIZE_LIMIT;
    struct hp_profile_source bounded = *source;
    bounded.budget_bytes = PLAIN_BASE + 2 * size;
    if (!hp_gunzip_is(bytes)) {
        return read_plain(&bounded, profile, format, info);
    }
    struct hp_errinfo why = {0};
    struct hp_buf plain;
    hp_buf_init(&plain, UNPACKED_BASE + 2 * size);
    hp_err err = hp_gunzip_append(bytes, &plain, &why);
    if (err != HP_OK) {
        err = hp_err_set(info, err, why.position, "gzip: byte %llu: %s", (unsigned long long)why.position,
                         why.text);
    } else {
        bounded = (struct hp_profile_source){
            .bytes = hp_buf_str(&plain), .budget_bytes = PACKED_BASE + size, .no_pairs = source->no_pairs};
        err = read_plain(&bounded, profile, format, info);
    }
    hp_buf_fini(&plain);
    return err;
}

hp_err hp_registry_add(struct hp_str bytes, struct hp_profile *into, struct hp_errinfo *info)
{
    struct hp_errinfo why = {0};
    if (into->shape != HP_PROFILE_PAIRS || into->unit != HP_UNIT_TIME || !into->counts_calls ||
        into->own_names || !hp_pstats_is(bytes)) {
        return HP_EUNSUPPORTED;
    }
    hp_err err = hp_pstats_add(bytes, into, &why);
    return err == HP_OK ? HP_OK
                        : hp_err_set(info, err, why.position, "pstats: byte %llu: %s",
                                     (unsigned long long)why.position, why.text);
}
