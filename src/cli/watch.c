/* watch.c -- see watch.h. */
#include "cli/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/output.h"

#define LIMIT_NS  ((uint64_t)10000000000u)
#define STEP_MS   200
#define CONTENT   65536
#define LINE_SIZE 700

/* Copy the words of a marker's line: "python EXECUTABLE VERSION" and what follows. */
static void split(const char *line, char executable[256], char version[32], char rest[256])
{
    executable[0] = version[0] = rest[0] = '\0';
    sscanf(line, "%*s %255s %31s %255[^\n]", executable, version, rest);
}

/* The start of the last line that begins with `word`, NULL if there is none. */
static const char *last_line(const char *content, const char *word)
{
    const char *found = NULL;
    size_t n = strlen(word);
    for (const char *line = content; line != NULL && *line != '\0';) {
        if (strncmp(line, word, n) == 0 && line[n] == ' ') {
            found = line;
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return found;
}

void hp_watch_verdict(const char *content, const char *command, int ended, char *line, unsigned long n)
{
    char executable[256], version[32], rest[256];
    const char *when = ended ? "it has ended" : "10 s have passed";
    const char *python = last_line(content, "python"), *failed = last_line(content, "import-error");
    line[0] = '\0';
    if (last_line(content, "flask") != NULL || last_line(content, "app") != NULL) {
        return;
    }
    if (python != NULL && (failed == NULL || failed < python)) {
        split(python, executable, version, rest);
        snprintf(line, n,
                 "nothing is recorded: %s ran %s (Python %s), but no Flask application was seen in it (%s)",
                 command, executable, version, when);
    } else if (failed != NULL) {
        split(failed, executable, version, rest);
        bool missing = strstr(rest, "No module named") != NULL && strstr(rest, "_hotplate") == NULL &&
                       strstr(rest, "hotplate") != NULL;
        snprintf(
            line, n,
            "nothing is recorded: %s (Python %s) cannot load hotplate: %s; try: %s -m pip install %shotplate",
            executable, version, rest, executable, missing ? "" : "--force-reinstall ");
    } else {
        snprintf(line, n,
                 "nothing is recorded: no Python that %s started has loaded hotplate (%s); is it another "
                 "interpreter, or one with -I, -E or -S?",
                 command, when);
    }
}

static void read_marker(const char *marker, char content[CONTENT])
{
    size_t used = 0;
    int fd = open(marker, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && used < CONTENT - 1) {
        ssize_t n = read(fd, content + used, CONTENT - 1 - used);
        if (n <= 0) {
            break;
        }
        used += (size_t)n;
    }
    content[used] = '\0';
    if (fd >= 0) {
        close(fd);
    }
}

/* Keep stderr, the pipe and the process descriptor; be no part of the command's terminal session. */
static void detach(int keep_a, int keep_b)
{
    setsid();
    signal(SIGHUP, SIG_IGN);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        close(null);
    }
    for (int fd = 3; fd < 1024; fd++) {
        if (fd != keep_a && fd != keep_b) {
            close(fd);
        }
    }
}

/* Wait a step; true: the command has ended. */
static bool has_ended(int process, pid_t pid)
{
    struct pollfd poller = {.fd = process, .events = POLLIN};
    if (process >= 0) {
        return poll(&poller, 1, STEP_MS) > 0;
    }
    poll(NULL, 0, STEP_MS);
    return kill(pid, 0) != 0 && errno == ESRCH;
}

_Noreturn static void watch(const char *marker, const char *command, int process, pid_t pid, int pipe_end)
{
    static char content[CONTENT];
    char line[LINE_SIZE];
    uint64_t limit_ns = hp_clock_mono_ns() + LIMIT_NS;
    char byte;
    if (read(pipe_end, &byte, 1) == 1) { /* exec failed, and its line is out */
        unlink(marker);
        _exit(0);
    }
    for (;;) {
        bool ended = has_ended(process, pid);
        read_marker(marker, content);
        hp_watch_verdict(content, command, ended, line, sizeof line);
        if (line[0] == '\0') {
            break;
        }
        if (ended || hp_clock_mono_ns() >= limit_ns) {
            hp_output_note("%s", line);
            break;
        }
    }
    unlink(marker);
    _exit(0);
}

int hp_watch_start(const char *marker, const char *command)
{
    int ends[2];
    pid_t pid = getpid();
    int process = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself; -1 on old kernels */
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    pid_t middle = fork();
    if (middle == 0) {
        if (fork() == 0) {
            close(ends[1]);
            detach(process, ends[0]);
            watch(marker, command, process, pid, ends[0]);
        }
        _exit(0);
    }
    close(ends[0]);
    if (process >= 0) {
        close(process);
    }
    if (middle < 0) {
        close(ends[1]);
        return -1;
    }
    while (waitpid(middle, NULL, 0) < 0 && errno == EINTR) {
    }
    return ends[1];
}
