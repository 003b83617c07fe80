/* attached.c -- see attached.h. */
#include "cli/attached.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/show.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/quantity.h"
#include "remote/proc.h"

#define RATE_DEFAULT 100u
#define RATE_MOST    1000u
#define SECOND_NS    1000000000u

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
    (void)number;
    stopped = 1;
}

/* ---- options ---- */

static bool parse_mode(const char *text, enum hp_sampler_mode *mode)
{
    static const char *const names[] = {"wall", "cpu", "gil"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *mode = (enum hp_sampler_mode)i;
            return true;
        }
    }
    return false;
}

/* The texts of options to values. NULL: fine, else what is wrong, in `info`. */
static bool take_texts(struct hp_attached *attached, uint64_t default_for_ns, struct hp_errinfo *info)
{
    enum hp_sampler_mode mode;
    attached->rate_hz = RATE_DEFAULT;
    attached->for_ns = default_for_ns;
    if (attached->rate_text != NULL &&
        (!hp_quantity_count(attached->rate_text, RATE_MOST, &attached->rate_hz) || attached->rate_hz == 0)) {
        hp_err_set(info, HP_EINVAL, 0, "--rate %.60s: not 1 to %u samples a second", attached->rate_text,
                   RATE_MOST);
        return false;
    }
    if (attached->for_text != NULL &&
        (!hp_quantity_duration(attached->for_text, SECOND_NS, &attached->for_ns) || attached->for_ns == 0 ||
         attached->for_ns > 30 * 86400 * (uint64_t)SECOND_NS)) {
        hp_err_set(info, HP_EINVAL, 0, "--for %.60s: not a duration like 30s", attached->for_text);
        return false;
    }
    if (attached->mode_text != NULL && !parse_mode(attached->mode_text, &mode)) {
        hp_err_set(info, HP_EINVAL, 0, "--mode %.60s: not one of wall, cpu, gil", attached->mode_text);
        return false;
    }
    attached->period_ns = SECOND_NS / attached->rate_hz;
    return true;
}

int hp_attached_parse(struct hp_attached *attached, const char *command, const char *help,
                      const struct hp_args_option *options, size_t count, bool all, uint64_t default_for_ns,
                      int argc, char **argv, struct hp_buf *out)
{
    struct hp_errinfo info = {0};
    uint64_t pid;
    const struct hp_args_option common[] = {{"--json", NULL, HP_ARGS_FLAG, &attached->json},
                                            {"--no-children", NULL, HP_ARGS_FLAG, &attached->no_children},
                                            {"--rate", NULL, HP_ARGS_TEXT, &attached->rate_text},
                                            {"--for", NULL, HP_ARGS_TEXT, &attached->for_text},
                                            {"--mode", NULL, HP_ARGS_TEXT, &attached->mode_text}};
    struct hp_args args = {.options = {options, common}, .counts = {count, all ? 5 : 2}, .most = 1};
    if (hp_args_parse(&args, argc, argv, &info) != HP_OK) {
        return hp_output_usage(command, "%s", info.text);
    }
    if (args.help) {
        hp_buf_put_text(out, hp_str_from0(help));
        return HP_EXIT_OK;
    }
    if (args.rest_count == 0) {
        return hp_output_usage(command, "which process? a PID");
    }
    if (!hp_quantity_count(args.rest[0], INT_MAX, &pid) || pid == 0) {
        return hp_output_usage(command, "%.60s: not a PID", args.rest[0]);
    }
    attached->pid = (pid_t)pid;
    if (!take_texts(attached, default_for_ns, &info)) {
        return hp_output_usage(command, "%s", info.text);
    }
    return -1;
}

/* ---- places ---- */

/* The folder up to "pythonX.Y" in ".../lib/python3.11/json/decoder.py"; 0: none. */
static size_t library_folder(struct hp_str path)
{
    for (size_t i = 0; i + 12 < path.n; i++) {
        if (memcmp(path.p + i, "/lib/python3", 12) == 0) {
            size_t end = i + 12;
            while (end < path.n && path.p[end] != '/') {
                end++;
            }
            return end < path.n ? end : 0;
        }
    }
    return 0;
}

static bool place(void *ctx, struct hp_symbol *symbol)
{
    struct hp_attached *attached = ctx;
    size_t library = library_folder(symbol->path);
    if (library != 0 && attached->library_count < 64 &&
        hp_places_add(attached->places, HP_PLACE_LIBRARY, symbol->path.p, library)) {
        attached->library_count++;
    }
    int flags = hp_places_classify(attached->places, symbol->path.p, symbol->path.n, attached->shown,
                                   sizeof attached->shown);
    symbol->file = hp_str_from0(attached->shown);
    symbol->flags = (uint8_t)((flags & HP_PLACE_IS_APP ? HP_SYM_APP : 0) |
                              (flags & HP_PLACE_IS_FRAMEWORK ? HP_SYM_FRAMEWORK : 0));
    symbol->kind = flags & HP_PLACE_IS_TEMPLATE ? HP_SYM_TEMPLATE : HP_SYM_PYTHON;
    return true;
}

/* The working directory and the folder of the script stand for the target's sys.path. */
static void add_roots(struct hp_attached *attached)
{
    char name[64], folder[4096], script[8200];
    struct hp_buf line;
    snprintf(name, sizeof name, "/proc/%ld/cwd", (long)attached->pid);
    ssize_t n = readlink(name, folder, sizeof folder - 1);
    if (n <= 0) {
        return;
    }
    folder[n] = '\0';
    (void)hp_places_add(attached->places, HP_PLACE_ROOT, folder, (size_t)n);
    int dir;
    if (hp_proc_open(attached->pid, &dir) != HP_OK) {
        return;
    }
    hp_buf_init(&line, 1 << 20);
    if (hp_proc_read(dir, "cmdline", &line) == HP_OK && line.len != 0) {
        hp_buf_put_u8(&line, '\0');
        size_t first = line.err == HP_OK ? strlen((char *)line.data) + 1 : line.len;
        const char *word = (const char *)line.data + first;
        const char *slash = first < line.len ? strrchr(word, '/') : NULL;
        if (slash != NULL && slash != word) {
            int absolute = word[0] == '/';
            n = snprintf(script, sizeof script, "%s%s%.*s", absolute ? "" : folder, absolute ? "" : "/",
                         (int)(slash - word), word);
            if (n > 0 && (size_t)n < sizeof script) {
                (void)hp_places_add(attached->places, HP_PLACE_ROOT, script, (size_t)n);
            }
        }
    }
    hp_buf_fini(&line);
    close(dir);
}

/* ---- attaching ---- */

int hp_attached_open(struct hp_attached *attached)
{
    struct hp_errinfo info = {0};
    struct hp_sampler_options options = {.children = !attached->no_children,
                                         .apart = attached->apart,
                                         .period_ns = attached->period_ns,
                                         .place = {.place = place, .ctx = attached}};
    if (attached->mode_text != NULL && !parse_mode(attached->mode_text, &options.mode)) {
        return hp_output_error(HP_EINVAL, NULL);
    }
    attached->places = hp_places_new();
    if (attached->places == NULL) {
        return hp_output_error(HP_ENOMEM, NULL);
    }
    add_roots(attached);
    hp_err err = hp_sampler_new(attached->pid, &options, &attached->sampler, &info);
    if (err != HP_OK) {
        hp_attached_close(attached);
        return hp_output_error(err, &info);
    }
    hp_attached_begin(attached);
    return -1;
}

void hp_attached_begin(struct hp_attached *attached)
{
    struct sigaction stop = {.sa_handler = on_stop};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGHUP, &stop, NULL);
    attached->begin_ns = attached->next_ns = hp_clock_mono_ns();
    hp_rng_seed(&attached->rng, attached->begin_ns);
}

void hp_attached_close(struct hp_attached *attached)
{
    hp_sampler_free(attached->sampler);
    hp_places_free(attached->places);
    attached->sampler = NULL;
    attached->places = NULL;
}

/* ---- the loop ---- */

static void sleep_until(uint64_t ns)
{
    struct timespec when = {.tv_sec = (time_t)(ns / SECOND_NS), .tv_nsec = (long)(ns % SECOND_NS)};
    while (!stopped && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR) {
    }
}

bool hp_attached_is_over(const struct hp_attached *attached)
{
    return stopped || hp_clock_mono_ns() - attached->begin_ns >= attached->for_ns;
}

/* Samples come a period apart on average, each up to a quarter early or late: work that repeats with the same
 * period must not hide from us. */
hp_err hp_attached_sample(struct hp_attached *attached, uint64_t until_ns)
{
    hp_err err = HP_OK;
    while (err == HP_OK && !hp_attached_is_over(attached) && hp_clock_mono_ns() < until_ns) {
        uint64_t jitter = hp_rng_below(&attached->rng, attached->period_ns / 2 + 1);
        uint64_t end_ns = attached->for_ns == UINT64_MAX ? UINT64_MAX : attached->begin_ns + attached->for_ns;
        uint64_t wake_ns = attached->next_ns + attached->period_ns / 4 + jitter;
        sleep_until(wake_ns < end_ns ? wake_ns : end_ns);
        err = hp_sampler_step(attached->sampler, hp_clock_mono_ns());
        attached->next_ns += attached->period_ns;
        uint64_t now_ns = hp_clock_mono_ns();
        if (attached->next_ns + 2 * attached->period_ns < now_ns) {
            attached->next_ns = now_ns; /* we were kept from running: do not catch up with a burst */
        }
    }
    return err;
}

/* ---- words ---- */

struct hp_str hp_attached_title(const struct hp_attached *attached)
{
    const struct hp_tree *tree = hp_sampler_tree(attached->sampler);
    return hp_dict_symbol(hp_sampler_dict(attached->sampler), tree->nodes[HP_NODE_ROOT].sym).name;
}

void hp_attached_put_counts(const struct hp_attached *attached, struct hp_buf *out)
{
    struct hp_sampler_counts counts = hp_sampler_counts(attached->sampler);
    char text[HP_SHOW_BYTES], span[HP_SHOW_BYTES];
    double wall = counts.wall_ns == 0 ? 1 : (double)counts.wall_ns;
    hp_output_text(out, hp_attached_title(attached));
    hp_buf_printf(out, ": %s samples in %s", hp_show_count(text, counts.samples),
                  hp_show_ns(span, hp_clock_mono_ns() - attached->begin_ns));
    hp_buf_printf(out, " (%u %s, %u %s)", counts.most_processes,
                  counts.most_processes == 1 ? "process" : "processes", counts.threads,
                  counts.threads == 1 ? "thread" : "threads");
    hp_buf_printf(out, ", on CPU %s", hp_show_percent(text, (double)counts.cpu_ns / wall));
    if (counts.queue_ns * 100 > counts.wall_ns) {
        hp_buf_printf(out, ", waiting for one %s", hp_show_percent(text, (double)counts.queue_ns / wall));
    }
    hp_buf_printf(out, ", holding the GIL %s", hp_show_percent(text, (double)counts.gil_ns / wall));
    if (counts.torn != 0) {
        double all = (double)(counts.samples + counts.torn);
        hp_buf_printf(out, ", torn %s", hp_show_percent(text, (double)counts.torn / all));
    }
    if (counts.late != 0) {
        hp_buf_printf(out, ", late %s", hp_show_percent(text, (double)counts.late / (double)counts.sweeps));
    }
    if (counts.cut != 0) {
        hp_buf_printf(out, ", %s cut off at %d frames", hp_show_count(text, counts.cut), HP_TARGET_FRAMES);
    }
    if (counts.skipped != 0) {
        hp_buf_printf(out, ", %s no CPython or not readable",
                      counts.skipped == 1 ? "one child" : hp_show_count(text, counts.skipped));
    }
    hp_buf_put_text(out, HP_STR("\n"));
}
