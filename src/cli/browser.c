/* browser.c -- see browser.h.
 *
 * The delivery is a loop over one connection at a time: read a request's head (8 KiB and 5 s at most),
 * answer, close. The address holds 128 random bits, so that other users of the machine cannot fetch the page
 * first, and the Host must be a name of this machine, so that no web site can (DNS rebinding).
 */
#include "cli/browser.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define HEAD_MAX_BYTES 8192
#define PATIENCE_S     5

/* ---- a browser ---- */

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0';
}

bool hp_browser_possible(void)
{
    return is_set("BROWSER") || is_set("WAYLAND_DISPLAY") || is_set("DISPLAY");
}

/* In the grandchild: become a browser, or leave. `told` is closed by a successful exec. */
static void become_browser(const char *what, int told)
{
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    const char *chosen = getenv("BROWSER");
    if (nowhere >= 0) {
        dup2(nowhere, STDIN_FILENO);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
    }
    setsid();
    if (chosen != NULL && chosen[0] != '\0') {
        execlp(chosen, chosen, what, (char *)NULL);
    }
    execlp("xdg-open", "xdg-open", what, (char *)NULL);
    execlp("sensible-browser", "sensible-browser", what, (char *)NULL);
    execlp("x-www-browser", "x-www-browser", what, (char *)NULL);
    ssize_t written = write(told, "", 1);
    _exit(written == 1 ? 127 : 126);
}

/* Twice forked, so that nobody has to wait for it. */
bool hp_browser_start(const char *what)
{
    int told[2];
    char byte;
    if (pipe2(told, O_CLOEXEC) != 0) {
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) {
            become_browser(what, told[1]);
        }
        _exit(0);
    }
    close(told[1]);
    if (child > 0) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    bool started = child > 0 && read(told[0], &byte, 1) == 0;
    close(told[0]);
    return started;
}

/* ---- one delivery ---- */

static hp_err open_door(uint16_t port, int *fd, struct sockaddr_in *at, struct hp_errinfo *info)
{
    socklen_t size = sizeof *at;
    int yes = 1, door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *at = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (door < 0 || setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(door, (const struct sockaddr *)at, sizeof *at) != 0 || listen(door, 8) != 0 ||
        getsockname(door, (struct sockaddr *)at, &size) != 0) {
        hp_err err = hp_err_set(info, HP_EIO, 0, "cannot listen on 127.0.0.1:%u: %s", port, strerror(errno));
        if (door >= 0) {
            close(door);
        }
        return err;
    }
    *fd = door;
    return HP_OK;
}

/* The head of a request, up to its empty line. 0: none came. */
static size_t read_head(int fd, char head[HEAD_MAX_BYTES])
{
    size_t n = 0;
    uint64_t until = hp_clock_mono_ns() + PATIENCE_S * UINT64_C(1000000000);
    while (n < HEAD_MAX_BYTES && hp_clock_mono_ns() < until) {
        ssize_t got = recv(fd, head + n, HEAD_MAX_BYTES - n, 0);
        if (got <= 0) {
            return 0;
        }
        n += (size_t)got;
        if (memmem(head, n, "\r\n\r\n", 4) != NULL) {
            return n;
        }
    }
    return 0;
}

/* Whether the Host is this machine as a browser on it (or at the end of a tunnel) calls it. */
static bool is_local(struct hp_str head)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    struct hp_str line = head;
    for (size_t at; (at = hp_str_find_char(line, '\n')) < line.n;) {
        line = hp_str_make(line.p + at + 1, line.n - at - 1);
        if (line.n < 6 || strncasecmp(line.p, "host:", 5) != 0) {
            continue;
        }
        struct hp_str value = hp_str_make(line.p + 5, line.n - 5);
        while (value.n > 0 && *value.p == ' ') {
            value = hp_str_make(value.p + 1, value.n - 1);
        }
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            size_t n = strlen(names[i]);
            if (value.n > n && strncasecmp(value.p, names[i], n) == 0 &&
                strchr(":\r\n ", value.p[n]) != NULL) {
                return true;
            }
        }
        return false;
    }
    return false;
}

static bool send_all(int fd, struct hp_str bytes)
{
    while (bytes.n > 0) {
        ssize_t sent = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (sent <= 0 && !(sent < 0 && errno == EINTR)) {
            return false;
        }
        size_t n = sent > 0 ? (size_t)sent : 0;
        bytes = hp_str_make(bytes.p + n, bytes.n - n);
    }
    return true;
}

static bool send_head(int fd, const char *status, size_t length)
{
    char head[512];
    int n = snprintf(
        head, sizeof head,
        "HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\n"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n",
        status, length);
    return send_all(fd, hp_str_make(head, (size_t)n));
}

/* Wait until the other side has read all and closes, so that closing does not cut the page off. */
static void part(int fd)
{
    char rest[512];
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 64 && recv(fd, rest, sizeof rest, 0) > 0; i++) {
    }
}

/* True: the page is delivered. */
static bool answer(int fd, const char *path, struct hp_str page)
{
    char head[HEAD_MAX_BYTES], wanted[2][64];
    struct timeval patience = {.tv_sec = PATIENCE_S};
    bool done = false;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    struct hp_str request = hp_str_make(head, read_head(fd, head));
    if (request.n == 0) {
        return false;
    }
    snprintf(wanted[0], sizeof wanted[0], "GET %s HTTP/1.", path);
    snprintf(wanted[1], sizeof wanted[1], "HEAD %s HTTP/1.", path);
    if (!is_local(request)) {
        send_head(fd, "403 Forbidden", 0);
    } else if (hp_str_starts(request, hp_str_from0(wanted[0]))) {
        done = send_head(fd, "200 OK", page.n) && send_all(fd, page);
    } else if (hp_str_starts(request, hp_str_from0(wanted[1]))) {
        send_head(fd, "200 OK", page.n);
    } else {
        send_head(fd, "404 Not Found", 0);
    }
    part(fd);
    return done;
}

hp_err hp_browser_serve(struct hp_str page, uint16_t port, void (*announce)(const char *address),
                        struct hp_errinfo *info)
{
    unsigned char random[16];
    char path[40] = "/", address[80];
    struct sockaddr_in at;
    int door = -1;
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return hp_err_set(info, HP_EIO, 0, "no random numbers: %s", strerror(errno));
    }
    for (size_t i = 0; i < sizeof random; i++) {
        snprintf(path + 1 + 2 * i, 3, "%02x", random[i]);
    }
    hp_err err = open_door(port, &door, &at, info);
    if (err != HP_OK) {
        return err;
    }
    snprintf(address, sizeof address, "http://127.0.0.1:%u%s", ntohs(at.sin_port), path);
    announce(address);
    for (bool done = false; !done && err == HP_OK;) {
        int fd = accept(door, NULL, NULL);
        if (fd >= 0) {
            done = answer(fd, path, page);
            close(fd);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            err = hp_err_set(info, HP_EIO, 0, "cannot accept: %s", strerror(errno));
        }
    }
    close(door);
    return err;
}
