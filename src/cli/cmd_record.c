/* cmd_record.c -- `hotplate record --label L -- COMMAND`: a name for what is recorded while a command (a load
 * generator) runs.
 *
 * The label covers requests that start between COMMAND's start and end, in all processes of the store.
 * Afterwards the writers get up to two seconds, until the number of stored requests has not moved for three
 * of their intervals.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/show.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/storepath.h"
#include "store/store.h"

#define MS          ((uint64_t)1000000)
#define WAIT_NS     (2000 * MS)
#define STEP_NS     (50 * MS)
#define QUIET_STEPS 7  /* 350 ms: the writer wakes every 100 ms */
#define QUIET_EMPTY 24 /* 1.2 s before "nothing" is said */

static const char help[] = "hotplate record --label NAME [--store FILE] -- COMMAND...\n"
                           "\n"
                           "Runs COMMAND (something that makes requests) and names what is recorded\n"
                           "meanwhile, in all processes of the store; the application runs elsewhere under\n"
                           "hotplate run. Exits as COMMAND did, with 1 if nothing was recorded. A name used\n"
                           "again means the newest stretch, NAME~1 the one before.\n"
                           "  then: hotplate report --label NAME, hotplate compare NAME OTHER\n";

static volatile sig_atomic_t child; /* whom signals are forwarded to */

static void forward(int number)
{
    int saved = errno;
    if (child > 0) {
        kill((pid_t)child, number);
    }
    errno = saved;
}

/* Ctrl-C reaches COMMAND from the terminal itself: we only stay. The others are passed on. */
static void handle_signals(void)
{
    struct sigaction action = {.sa_handler = forward, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&action.sa_mask);
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGQUIT, &ignore, NULL);
}

/* Start COMMAND. A pipe that exec closes tells whether it could be started. HP_EIO with a line. */
static hp_err spawn(char **command, struct hp_errinfo *info)
{
    int ends[2], failed = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return hp_err_set(info, HP_EIO, 0, "pipe: %s", strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        execvp(command[0], command);
        failed = errno;
        ssize_t n = write(ends[1], &failed, sizeof failed);
        (void)n;
        _exit(127);
    }
    failed = pid < 0 ? errno : 0;
    close(ends[1]);
    if (pid > 0) {
        child = (sig_atomic_t)pid;
        handle_signals();
        ssize_t n = read(ends[0], &failed, sizeof failed);
        failed = n == (ssize_t)sizeof failed ? failed : 0;
        if (failed != 0) {
            waitpid(pid, NULL, 0);
        }
    }
    close(ends[0]);
    return failed == 0 ? HP_OK : hp_err_set(info, HP_EIO, 0, "%.150s: %s", command[0], strerror(failed));
}

static int wait_for_child(void)
{
    int status = 0;
    while (waitpid((pid_t)child, &status, 0) < 0 && errno == EINTR) {
    }
    child = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Wait for the writers; `*requests` is what the stretch holds. */
static hp_err settle(struct hp_store *store, const struct hp_scope *scope, uint64_t *requests,
                     struct hp_errinfo *info)
{
    uint64_t end_ns = hp_clock_mono_ns() + WAIT_NS, last = 0;
    int quiet = 0;
    for (;;) {
        struct hp_complete complete;
        hp_err err = hp_store_complete(store, scope, &complete, info);
        if (err != HP_OK) {
            return err;
        }
        quiet = complete.recorded == last ? quiet + 1 : 0;
        last = complete.recorded;
        if (quiet >= (last == 0 ? QUIET_EMPTY : QUIET_STEPS) || hp_clock_mono_ns() >= end_ns) {
            *requests = last;
            return HP_OK;
        }
        nanosleep(&(struct timespec){.tv_nsec = (long)STEP_NS}, NULL);
    }
}

static int record(struct hp_store *store, const char *label, char **command)
{
    char count[HP_SHOW_BYTES];
    struct hp_errinfo info = {0};
    struct hp_str name = hp_str_from0(label);
    struct hp_scope scope = {.from_ns = hp_clock_wall_ns()};
    uint64_t requests = 0;
    hp_err err = hp_store_label_begin(store, name, scope.from_ns, &info);
    if (err != HP_OK) {
        return hp_output_error(err, &info);
    }
    hp_err started = spawn(command, &info);
    int status = started == HP_OK ? wait_for_child() : hp_output_error(started, &info);
    scope.to_ns = hp_clock_wall_ns();
    err = hp_store_label_end(store, name, scope.to_ns, &info);
    if (err == HP_OK && started == HP_OK) {
        err = settle(store, &scope, &requests, &info);
    }
    if (err != HP_OK) {
        return hp_output_error(err, &info);
    }
    if (started != HP_OK) {
        return status;
    }
    if (requests == 0) {
        return hp_output_fail(
            "nothing was recorded for %s; does the application run under hotplate run with this store?",
            label);
    }
    hp_output_note("%s: %s %s", label, hp_show_count(count, requests),
                   requests == 1 ? "request" : "requests");
    return status;
}

int hp_cmd_record(int argc, char **argv, struct hp_buf *out)
{
    const char *label = NULL, *store_name = NULL;
    char path[HP_STOREPATH_BYTES];
    struct hp_errinfo info = {0};
    struct hp_store *store = NULL;
    const struct hp_args_option options[] = {{"--label", NULL, HP_ARGS_TEXT, &label},
                                             {"--store", NULL, HP_ARGS_TEXT, &store_name}};
    struct hp_args args = {.options = {options, NULL}, .counts = {2, 0}, .command = true};
    hp_err err = hp_args_parse(&args, argc, argv, &info);
    if (err != HP_OK) {
        return hp_output_usage("record", "%s", info.text);
    }
    if (args.help) {
        hp_buf_put_text(out, hp_str_from0(help));
        return HP_EXIT_OK;
    }
    if (label == NULL || label[0] == '\0' || strchr(label, '~') != NULL) {
        return hp_output_usage("record", "%s",
                               label == NULL || label[0] == '\0' ? "--label NAME is missing"
                                                                 : "a label holds no ~");
    }
    if (args.rest_count == 0) {
        return hp_output_usage("record", "no COMMAND");
    }
    err = hp_storepath_find(store_name, true, path, &info);
    struct hp_store_config config = {.path = path, .mode = HP_STORE_WRITE};
    if (err == HP_OK) {
        err = hp_store_open(&config, &store, &info);
    }
    if (err != HP_OK) {
        return hp_output_error(err, &info);
    }
    char **command = args.rest;
    command[args.rest_count] = NULL;
    int status = record(store, label, command);
    err = hp_store_close(store);
    return err == HP_OK ? status : hp_output_error(err, NULL);
}
