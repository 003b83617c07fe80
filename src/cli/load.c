/* load.c -- see load.h. */
#include "cli/load.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/show.h"
#include "cli/command.h"
#include "cli/input.h"
#include "cli/outfile.h"
#include "cli/output.h"
#include "format/registry.h"

#define TITLE_MAX_BYTES  ((size_t)1 << 16)
#define STREAM_MAX_BYTES ((size_t)1 << 30)
#define CHUNK            ((size_t)1 << 16)
#define WINDOW           ((size_t)1 << 18)

/* ---- files ---- */

static bool is_store(struct hp_str bytes)
{
    return hp_str_starts(bytes, hp_str_make("SQLite format 3", 16));
}

static hp_err read_stream(int fd, struct hp_buf *bytes)
{
    for (;;) {
        if (!hp_buf_reserve(bytes, CHUNK)) {
            return bytes->err;
        }
        ssize_t n = read(fd, bytes->data + bytes->len, CHUNK);
        if (n <= 0) {
            return n == 0 ? HP_OK : HP_EIO;
        }
        bytes->len += (size_t)n;
    }
}

/* What was read of a mapping goes back to the system, a window at a time: otherwise all of a large file
 * counts as our memory. */
struct window {
    char *mapped;
    size_t given; /* bytes from its start */
};

static void give_back(void *ctx, size_t bytes)
{
    struct window *window = ctx;
    bytes &= ~(WINDOW - 1);
    if (bytes > window->given) {
        (void)madvise(window->mapped + window->given, bytes - window->given, MADV_DONTNEED);
        window->given = bytes;
    }
}

/* A profile's bytes: mapped, or read where that cannot be. `*store`: it is a store instead, and nothing was
 * read. */
static hp_err load_bytes(int fd, size_t size, bool regular, bool no_pairs, struct hp_loaded *loaded,
                         bool *store, struct hp_errinfo *info)
{
    const struct hp_registry_format *format = NULL;
    struct hp_buf stream;
    void *mapped = MAP_FAILED;
    hp_err err = HP_OK;
    hp_buf_init(&stream, STREAM_MAX_BYTES);
    if (regular && size != 0) {
        mapped = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    if (mapped != MAP_FAILED) {
        (void)madvise(mapped, size,
                      MADV_NOHUGEPAGE); /* a window is smaller than a huge page, which would count whole */
    }
    struct window window = {.mapped = mapped};
    struct hp_profile_source source = {
        .bytes = hp_str_make(mapped, size), .no_pairs = no_pairs, .passed = give_back, .ctx = &window};
    if (mapped == MAP_FAILED) {
        err = read_stream(fd, &stream);
        source.bytes = hp_buf_str(&stream);
        source.passed = NULL;
    }
    *store = err == HP_OK && is_store(source.bytes);
    if (err != HP_OK) {
        err = hp_err_set(info, err, 0, "cannot be read: %s", hp_err_text(err));
    } else if (!*store && loaded->into != NULL) {
        err = hp_registry_add(source.bytes, loaded->into, info);
    }
    if (err == HP_EUNSUPPORTED || (err == HP_OK && !*store && loaded->into == NULL)) {
        err = hp_registry_read(&source, &loaded->profile, &format, info);
        loaded->format = err == HP_OK ? format->name : NULL;
    }
    if (mapped != MAP_FAILED) {
        munmap(mapped, size);
    }
    hp_buf_fini(&stream);
    return err;
}

/* -1: loaded, or a store after all. */
static int load_file(const char *path, bool no_pairs, struct hp_loaded *loaded, bool *store)
{
    struct hp_errinfo info = {0};
    struct stat file;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &file) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return hp_output_fail("%s: cannot be opened", path);
    }
    hp_err err = load_bytes(fd, (size_t)file.st_size, S_ISREG(file.st_mode), no_pairs, loaded, store, &info);
    close(fd);
    if (err != HP_OK) {
        return hp_output_fail("%s: %s", path, info.text[0] != '\0' ? info.text : hp_err_text(err));
    }
    if (!*store) {
        const char *base = strrchr(path, '/');
        hp_output_text(&loaded->title, hp_str_from0(base != NULL ? base + 1 : path));
    }
    return -1;
}

/* ---- stores ---- */

static int load_store(struct hp_reading *reading, const char *command, const char *word, bool raw,
                      struct hp_loaded *loaded)
{
    struct hp_errinfo info = {0};
    struct hp_input input;
    struct hp_tree *tree = NULL;
    uint64_t requests = 0;
    bool sampled = false;
    hp_err err = hp_input_find(reading, word, &input, &info);
    if (err == HP_EINVAL) {
        return hp_output_usage(command, "%s", info.text);
    }
    err = err != HP_OK ? err : hp_input_tree(reading, &input, raw, &tree, &requests, &sampled, &info);
    err = err != HP_OK ? err : hp_profile_from_tree(tree, hp_store_dict(reading->store), &loaded->profile);
    hp_tree_free(tree);
    if (err != HP_OK) {
        return hp_output_error(err, &info);
    }
    loaded->profile->requests = requests;
    loaded->profile->sampled = sampled;
    loaded->profile->counts_calls = !sampled;
    hp_input_put_title(reading, &input, &loaded->title);
    return -1;
}

static int load(struct hp_reading *reading, const char *command, const char *word, bool raw,
                struct hp_loaded *loaded)
{
    struct stat file;
    bool store = true;
    int status = -1;
    hp_buf_init(&loaded->title, TITLE_MAX_BYTES);
    if (word != NULL && word[0] != '\0' && stat(word, &file) == 0 && !S_ISDIR(file.st_mode)) {
        status = load_file(word, reading->no_pairs, loaded, &store);
        if (status < 0 && store && reading->store == NULL) {
            reading->store_name = word; /* stands for the one that would be looked for */
        }
    }
    if (status < 0 && store && reading->store == NULL) {
        status = hp_reading_begin(reading);
    }
    return status >= 0 || !store ? status : load_store(reading, command, word, raw, loaded);
}

int hp_load_begin(struct hp_reading *reading, const char *command, const char *word, bool raw,
                  struct hp_loaded *loaded)
{
    *loaded = (struct hp_loaded){0};
    return load(reading, command, word, raw, loaded);
}

int hp_load_add(struct hp_reading *reading, const char *command, const char *word, bool raw,
                struct hp_profile *into)
{
    struct hp_loaded next = {.into = into};
    int status = load(reading, command, word, raw, &next);
    if (status < 0 && next.profile != NULL) {
        hp_err err = hp_profile_merge(into, next.profile);
        status = err == HP_OK       ? -1
                 : err == HP_EINVAL ? hp_output_fail("%s: its values are %s, those before it are %s", word,
                                                     hp_profile_unit_name(next.profile->unit),
                                                     hp_profile_unit_name(into->unit))
                                    : hp_output_error(err, NULL);
    }
    hp_load_end(&next);
    return status;
}

void hp_load_end(struct hp_loaded *loaded)
{
    hp_profile_free(loaded->profile);
    hp_buf_fini(&loaded->title);
    *loaded = (struct hp_loaded){0};
}

int hp_load_need_tree(const struct hp_loaded *loaded, const char *command)
{
    if (loaded->profile->shape == HP_PROFILE_TREE) {
        return -1;
    }
    struct hp_str title = hp_buf_str(&loaded->title);
    return hp_output_fail("%.*s: %s holds pairs of caller and callee, no stacks, so there is no %s of it "
                          "(top, graph and sandwich show it)",
                          (int)(title.n < 100 ? title.n : 100), title.p,
                          loaded->format != NULL ? loaded->format : "it", command);
}

/* ---- for people ---- */

void hp_load_put_value(struct hp_buf *out, const struct hp_profile *profile, double value)
{
    char text[HP_SHOW_BYTES];
    bool negative = value < 0;
    double size = negative ? -value : value;
    if (profile->unit == HP_UNIT_TIME) {
        size *= 1e9;
    }
    uint64_t whole = size < 1.8e19 ? (uint64_t)(size + 0.5) : UINT64_MAX;
    const char *shown = hp_profile_show(text, profile->unit, whole);
    hp_buf_printf(out, "%s%s", negative ? "-" : "", shown);
}

void hp_load_put_size(struct hp_buf *out, const struct hp_profile *profile)
{
    char count[HP_SHOW_BYTES];
    if (profile->requests != 0) {
        hp_buf_printf(out, ": %s %s", hp_show_count(count, profile->requests),
                      profile->requests == 1 ? "request" : "requests");
    }
    uint64_t samples = profile->sampled && profile->tree != NULL ? hp_tree_samples(profile->tree) : 0;
    if (samples != 0 && profile->unit == HP_UNIT_TIME) {
        hp_buf_printf(out, "%s%s %s", profile->requests != 0 ? ", from " : ": ",
                      hp_show_count(count, samples), samples == 1 ? "sample" : "samples");
    }
}

int hp_load_deliver(const char *file, struct hp_str bytes, struct hp_buf *out)
{
    struct hp_errinfo info = {0};
    if (strcmp(file, "-") != 0) {
        hp_err err = hp_outfile_write(file, bytes, &info);
        return err == HP_OK ? HP_EXIT_OK : hp_output_error(err, &info);
    }
    hp_err err = hp_output_flush(STDOUT_FILENO,
                                 hp_buf_str(out)); /* what was said before, then all this without a copy */
    hp_buf_reset(out);
    err = err != HP_OK ? err : hp_output_flush(STDOUT_FILENO, bytes);
    return err == HP_OK ? HP_EXIT_OK : hp_output_fail("the output: %s", hp_err_text(err));
}
