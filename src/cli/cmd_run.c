/* cmd_run.c -- `hotplate run [options] -- COMMAND…`: puts Hotplate into every Python that COMMAND starts,
 * then becomes COMMAND.
 *
 * Same pid, signals, terminal, stdin and exit status, because COMMAND is exec'ed. What it needs travels in
 * the environment (docs/formats/cli.md, "Environment"): PYTHONPATH with a folder of ours in front (boot.h)
 * and HOTPLATE_*. Where the store's folder cannot be had, COMMAND runs all the same, unrecorded, after one
 * line.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/boot.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/quantity.h"
#include "cli/serving.h"
#include "cli/storepath.h"
#include "cli/watch.h"
#include "model/levels.h"

static const char help[] = "hotplate run [options] -- COMMAND...\n"
                           "\n"
                           "Runs COMMAND and records the requests of every Flask application in it.\n"
                           "  --level L           count, monitor, sample or trace (trace)\n"
                           "  --rate 100          samples a second at level sample, at most 1000\n"
                           "  --mode M            what they weigh: wall, cpu or gil (wall)\n"
                           "  --c-functions       C functions in the call tree too (dearer)\n"
                           "  --route RE          only paths or 'METHOD path' that match; repeatable\n"
                           "  --ignore RE         not these; repeatable\n"
                           "  --sample 1/N        one request in N\n"
                           "  --slow 500ms        detail only of requests that took longer\n"
                           "  --budget 3%         lower the level when recording costs more\n"
                           "  --app-code GLOB     files that are application code too; repeatable\n"
                           "  --log-sql 100ms     print statements that took longer\n"
                           "  --params            store the values of SQL parameters\n"
                           "  --store FILE        else HOTPLATE_STORE, else .hotplate/hotplate.db above\n"
                           "  --max-store 1GB     the oldest detail goes first\n"
                           "  --max-age 30d\n"
                           "  --no-serve          no dashboard beside it\n";

#define MOST_RATE 1000u /* samples a second */

struct run {
    const char *level, *sample, *slow, *budget, *store, *log_sql, *max_store, *max_age, *rate, *mode;
    struct hp_args_list routes, ignored, app_code;
    bool c_functions, params, no_serve;
    char path[HP_STOREPATH_BYTES], folder[HP_STOREPATH_BYTES], boot[HP_STOREPATH_BYTES],
        marker[HP_STOREPATH_BYTES + 32];
};

/* ---- the environment ---- */

static bool put(const char *name, const char *value)
{
    return setenv(name, value, 1) == 0;
}

static bool put_number(const char *name, double value)
{
    char text[48];
    snprintf(text, sizeof text, value == floor(value) && value < 1e15 ? "%.0f" : "%.6g", value);
    return put(name, text);
}

static bool put_list(const char *name, const struct hp_args_list *list)
{
    struct hp_buf text;
    bool done = true;
    hp_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < list->count; i++) {
        hp_buf_put_text(&text, i == 0 ? HP_STR("") : HP_STR("\n"));
        hp_buf_put_text(&text, hp_str_from0(list->items[i]));
    }
    hp_buf_put_u8(&text, '\0');
    if (list->count != 0) {
        done = text.err == HP_OK && put(name, (const char *)text.data);
    }
    hp_buf_fini(&text);
    return done;
}

static bool put_milliseconds(const char *option, const char *name, const char *text, struct hp_errinfo *info)
{
    uint64_t ns;
    if (text == NULL) {
        return true;
    }
    if (!hp_quantity_duration(text, 0, &ns)) {
        hp_err_set(info, HP_EINVAL, 0, "%s %.60s: not a duration like 100ms", option, text);
        return false;
    }
    return put_number(name, (double)ns / 1e6);
}

static bool put_amounts(const struct run *run, struct hp_errinfo *info)
{
    uint64_t value;
    double share;
    if (run->sample != NULL) {
        const char *n = strncmp(run->sample, "1/", 2) == 0 ? run->sample + 2 : "";
        if (!hp_quantity_count(n, 1000000000u, &value) || value == 0) {
            hp_err_set(info, HP_EINVAL, 0, "--sample %.60s: not of the form 1/N", run->sample);
            return false;
        }
        put_number("HOTPLATE_SAMPLE", (double)value);
    }
    if (run->budget != NULL) {
        if (!hp_quantity_share(run->budget, &share)) {
            hp_err_set(info, HP_EINVAL, 0, "--budget %.60s: not a share like 3%%", run->budget);
            return false;
        }
        put_number("HOTPLATE_BUDGET", share);
    }
    if (run->max_store != NULL) {
        if (!hp_quantity_size(run->max_store, &value) || value == 0) {
            hp_err_set(info, HP_EINVAL, 0, "--max-store %.60s: not a size like 1GB", run->max_store);
            return false;
        }
        put_number("HOTPLATE_MAX_STORE", (double)value);
    }
    if (run->max_age != NULL) {
        if (!hp_quantity_duration(run->max_age, 0, &value) || value == 0) {
            hp_err_set(info, HP_EINVAL, 0, "--max-age %.60s: not a duration like 30d", run->max_age);
            return false;
        }
        put_number("HOTPLATE_MAX_AGE", (double)value / 1e9);
    }
    return true;
}

static bool put_sampling(const struct run *run, struct hp_errinfo *info)
{
    uint64_t value;
    if (run->rate != NULL) {
        if (!hp_quantity_count(run->rate, MOST_RATE, &value) || value == 0) {
            hp_err_set(info, HP_EINVAL, 0, "--rate %.60s: not a number from 1 to %u", run->rate, MOST_RATE);
            return false;
        }
        put_number("HOTPLATE_RATE", (double)value);
    }
    bool known = run->mode == NULL || strcmp(run->mode, "wall") == 0 || strcmp(run->mode, "cpu") == 0 ||
                 strcmp(run->mode, "gil") == 0;
    if (!known) {
        hp_err_set(info, HP_EINVAL, 0, "--mode %.60s: not one of wall, cpu, gil", run->mode);
        return false;
    }
    return run->mode == NULL || put("HOTPLATE_MODE", run->mode);
}

/* Options to variables. What is not given is taken from the environment as it is, but for the level. False:
 * `info` says what is wrong. */
static bool put_options(const struct run *run, struct hp_errinfo *info)
{
    uint8_t known;
    const char *level = run->level != NULL ? run->level : getenv("HOTPLATE_LEVEL");
    if (level != NULL && level[0] != '\0' && !hp_levels_name(hp_str_from0(level), &known)) {
        hp_err_set(info, HP_EINVAL, 0, "--level %.60s: not one of count, monitor, sample, trace", level);
        return false;
    }
    info->text[0] = '\0';
    if (!put_amounts(run, info) || !put_sampling(run, info) ||
        !put_milliseconds("--slow", "HOTPLATE_SLOW_MS", run->slow, info) ||
        !put_milliseconds("--log-sql", "HOTPLATE_LOG_SQL_MS", run->log_sql, info)) {
        return false;
    }
    return put("HOTPLATE_LEVEL", level == NULL || level[0] == '\0' ? "trace" : level) &&
           put_list("HOTPLATE_ROUTE", &run->routes) && put_list("HOTPLATE_IGNORE", &run->ignored) &&
           put_list("HOTPLATE_APP_CODE", &run->app_code) &&
           (!run->c_functions || put("HOTPLATE_C_FUNCTIONS", "1")) &&
           (!run->params || put("HOTPLATE_PARAMS", "1"));
}

/* Our folder in front of PYTHONPATH, once. */
static bool put_python_path(const char *boot)
{
    const char *before = getenv("PYTHONPATH");
    struct hp_buf text;
    hp_buf_init(&text, 1 << 20);
    hp_buf_put_text(&text, hp_str_from0(boot));
    if (before != NULL && before[0] != '\0') {
        hp_buf_put_u8(&text, ':');
        hp_buf_put_text(&text, hp_str_from0(before));
    }
    hp_buf_put_u8(&text, '\0');
    bool done = text.err == HP_OK && put("PYTHONPATH", (const char *)text.data);
    hp_buf_fini(&text);
    return done;
}

/* ---- the store's folder ---- */

/* The process in the name of a marker, run-PID.seen; 0 for any other name. */
static pid_t marker_pid(const char *name)
{
    if (strncmp(name, "run-", 4) != 0) {
        return 0;
    }
    char *end;
    errno = 0;
    long pid = strtol(name + 4, &end, 10);
    return errno == 0 && pid > 0 && pid <= INT_MAX && strcmp(end, ".seen") == 0 ? (pid_t)pid : 0;
}

/* Markers of runs that are gone: an interpreter may have written one after its watcher went away. */
static void sweep_markers(const char *folder)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        pid_t pid = marker_pid(entry->d_name);
        if (pid != 0 && kill(pid, 0) != 0 && errno == ESRCH) {
            unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    closedir(dir);
}

static hp_err prepare(struct run *run, struct hp_errinfo *info)
{
    hp_err err = hp_storepath_find(run->store, true, run->path, info);
    if (err != HP_OK) {
        return err;
    }
    hp_storepath_folder(run->path, run->folder);
    err = hp_storepath_make_folder(run->folder, info);
    if (err == HP_OK) {
        err = hp_boot_make(run->folder, run->boot, info);
    }
    if (err != HP_OK) {
        return err;
    }
    sweep_markers(run->folder);
    snprintf(run->marker, sizeof run->marker, "%s/run-%ld.seen", run->folder, (long)getpid());
    int fd = open(run->marker, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return hp_err_set(info, HP_EIO, 0, "%.180s: %s", run->marker, strerror(errno));
    }
    close(fd);
    if (!put("HOTPLATE_STORE", run->path) || !put("HOTPLATE_RUN", run->marker) ||
        !put_python_path(run->boot)) {
        return HP_ENOMEM;
    }
    return HP_OK;
}

static void say_where(const struct run *run, uint16_t port)
{
    if (port != 0) {
        hp_output_note("recording to %s; http://127.0.0.1:%u/ shows it, hotplate report says what is slow",
                       run->path, port);
    } else {
        hp_output_note("recording to %s; hotplate report says what is slow", run->path);
    }
}

int hp_cmd_run(int argc, char **argv, struct hp_buf *out)
{
    static struct run run;
    struct hp_errinfo info = {0};
    const struct hp_args_option options[] = {
        {"--level", NULL, HP_ARGS_TEXT, &run.level},
        {"--rate", NULL, HP_ARGS_TEXT, &run.rate},
        {"--mode", NULL, HP_ARGS_TEXT, &run.mode},
        {"--route", NULL, HP_ARGS_LIST, &run.routes},
        {"--ignore", NULL, HP_ARGS_LIST, &run.ignored},
        {"--sample", NULL, HP_ARGS_TEXT, &run.sample},
        {"--slow", NULL, HP_ARGS_TEXT, &run.slow},
        {"--budget", NULL, HP_ARGS_TEXT, &run.budget},
        {"--store", NULL, HP_ARGS_TEXT, &run.store},
        {"--app-code", NULL, HP_ARGS_LIST, &run.app_code},
        {"--c-functions", NULL, HP_ARGS_FLAG, &run.c_functions},
        {"--log-sql", NULL, HP_ARGS_TEXT, &run.log_sql},
        {"--max-store", NULL, HP_ARGS_TEXT, &run.max_store},
        {"--max-age", NULL, HP_ARGS_TEXT, &run.max_age},
        {"--params", NULL, HP_ARGS_FLAG, &run.params},
        {"--no-serve", NULL, HP_ARGS_FLAG, &run.no_serve},
    };
    struct hp_args args = {
        .options = {options, NULL}, .counts = {sizeof options / sizeof options[0], 0}, .command = true};
    if (hp_args_parse(&args, argc, argv, &info) != HP_OK) {
        return hp_output_usage("run", "%s", info.text);
    }
    if (args.help) {
        hp_buf_put_text(out, hp_str_from0(help));
        return HP_EXIT_OK;
    }
    if (args.rest_count == 0) {
        return hp_output_usage("run", "no COMMAND");
    }
    if (!put_options(&run, &info)) {
        return info.text[0] != '\0' ? hp_output_usage("run", "%s", info.text)
                                    : hp_output_error(HP_ENOMEM, NULL);
    }
    char **command = args.rest;
    command[args.rest_count] = NULL;
    hp_err err = prepare(&run, &info);
    int watcher = -1;
    if (err == HP_OK) {
        uint16_t port = run.no_serve ? 0 : hp_serving_start(run.path, getenv("HOTPLATE_TOKEN"));
        say_where(&run, port);
        watcher = hp_watch_start(run.marker, command[0]);
    } else {
        hp_output_note("%s; the command runs without recording",
                       info.text[0] != '\0' ? info.text : hp_err_text(err));
    }
    execvp(command[0], command);
    int failed = errno;
    if (watcher >= 0) {
        ssize_t n = write(watcher, "x", 1);
        (void)n;
    }
    return hp_output_fail("%s: %s", command[0], failed == ENOENT ? "command not found" : strerror(failed));
}
