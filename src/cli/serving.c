/* serving.c -- see serving.h. */
#include "cli/serving.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/explain_now.h"
#include "serve/http.h"

#define START_MS 3000 /* the command waits for the port so long */
#define STEP_MS  200  /* without process descriptors */

/* Hold nothing of the command's but the two descriptors; be no part of its terminal session. */
static void detach(int keep_a, int keep_b)
{
    setsid();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd < 3; fd++) {
        dup2(null, fd);
    }
    for (int fd = 3; fd < 1024; fd++) {
        if (fd != keep_a && fd != keep_b) {
            close(fd);
        }
    }
}

static void wait_for(int process, pid_t pid)
{
    struct pollfd poller = {.fd = process, .events = POLLIN};
    for (;;) {
        if (process >= 0 && poll(&poller, 1, -1) > 0) {
            return;
        }
        if (process < 0 && kill(pid, 0) != 0 && errno == ESRCH) {
            return;
        }
        if (process < 0) {
            poll(NULL, 0, STEP_MS);
        }
    }
}

_Noreturn static void serve(const char *store, const char *token, int process, pid_t pid, int pipe_end)
{
    const struct hp_api_config config = {.store = store,
                                         .token = token,
                                         .keep = true,
                                         .explain = hp_explain_now,
                                         .limit_ms = HP_SERVING_LIMIT_MS};
    struct hp_errinfo info = {0};
    struct hp_http *http = NULL;
    struct hp_api *api = hp_api_new(&config);
    hp_err err =
        api == NULL ? HP_ENOMEM : hp_http_start(api, "127.0.0.1", HP_SERVING_PORT, true, &http, &info);
    uint16_t port = err == HP_OK ? hp_http_port(http) : 0;
    ssize_t wrote = write(pipe_end, &port, sizeof port);
    close(pipe_end);
    if (err == HP_OK && wrote == sizeof port) {
        wait_for(process, pid);
    }
    _exit(0); /* answers that are being made are nobody's any more */
}

static uint16_t read_port(int pipe_end)
{
    struct pollfd poller = {.fd = pipe_end, .events = POLLIN};
    uint16_t port = 0;
    if (poll(&poller, 1, START_MS) <= 0 || read(pipe_end, &port, sizeof port) != sizeof port) {
        return 0;
    }
    return port;
}

uint16_t hp_serving_start(const char *store, const char *token)
{
    int ends[2];
    pid_t pid = getpid();
    int process = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself; -1 on old kernels */
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return 0;
    }
    pid_t middle = fork();
    if (middle == 0) {
        if (fork() == 0) {
            detach(process, ends[1]);
            serve(store, token, process, pid, ends[1]);
        }
        _exit(0);
    }
    close(ends[1]);
    if (process >= 0) {
        close(process);
    }
    while (middle > 0 && waitpid(middle, NULL, 0) < 0 && errno == EINTR) {
    }
    uint16_t port = middle > 0 ? read_port(ends[0]) : 0;
    close(ends[0]);
    return port;
}
