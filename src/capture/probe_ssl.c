/* probe_ssl.c -- the probes of OpenSSL's calls: each library of the process has functions of its own here.
 * Contract: probe.h. */
#include <errno.h>
#include <string.h>

#include "capture/probe.h"

enum {
    SSL_DO_HANDSHAKE,
    SSL_CONNECT,
    SSL_ACCEPT,
    SSL_SHUTDOWN,
    SSL_READ,
    SSL_READ_EX,
    SSL_WRITE,
    SSL_WRITE_EX,
    SSL_CALLS
};

static const char *const ssl_names[SSL_CALLS] = {"SSL_do_handshake", "SSL_connect", "SSL_accept",
                                                 "SSL_shutdown",     "SSL_read",    "SSL_read_ex",
                                                 "SSL_write",        "SSL_write_ex"};
static uintptr_t ssl_reals[HP_GOT_INSTANCES * SSL_CALLS];

/* After a handshake, whole or in part: what is polled for next on that socket still belongs to it. */
static int ssl_handshake(uintptr_t real, void *ssl, bool starts)
{
    struct hp_probe_call call;
    int (*function)(void *) = (int (*)(void *))real;
    if (hp__probe_is_off()) {
        return function(ssl);
    }
    hp__probe_begin(&call, HP_WAIT_TLS);
    int result = function(ssl);
    if (call.how == HP_PROBE_OPEN) {
        int saved = errno, fd = hp__wait_thread.inner_fd;
        if (fd >= 0) {
            hp__peer_handshake(fd, starts && result <= 0);
        }
        hp__probe_end(&call, HP_WAIT_TLS, fd >= 0 ? hp__peer_of(fd) : hp__probe_nobody,
                      hp__wait_thread.inner_bytes, 0);
        errno = saved;
    }
    return result;
}

/* After reading or writing `n` bytes of plain text. */
static void ssl_end(const struct hp_probe_call *call, uint8_t kind, const void *data, size_t n)
{
    if (call->how != HP_PROBE_OPEN) {
        return;
    }
    int saved = errno, fd = hp__wait_thread.inner_fd;
    if (fd >= 0 && kind == HP_WAIT_SEND && n > 0) {
        hp__peer_sent(fd, data, n);
    } else if (kind == HP_WAIT_SEND && n > 0) { /* over memory: whoever called sends it next */
        hp__wait_thread.encrypted = hp__peer_protocol(data, n);
    }
    hp__probe_end(call, kind, fd >= 0 ? hp__peer_of(fd) : hp__probe_nobody, n, 0);
    errno = saved;
}

static int ssl_io(uintptr_t real, uint8_t kind, void *ssl, void *data, int n)
{
    struct hp_probe_call call;
    int (*function)(void *, void *, int) = (int (*)(void *, void *, int))real;
    if (hp__probe_is_off()) {
        return function(ssl, data, n);
    }
    hp__probe_begin(&call, kind);
    int result = function(ssl, data, n);
    ssl_end(&call, kind, data, result > 0 ? (size_t)result : 0);
    return result;
}

static int ssl_io_ex(uintptr_t real, uint8_t kind, void *ssl, void *data, size_t n, size_t *done)
{
    struct hp_probe_call call;
    int (*function)(void *, void *, size_t, size_t *) = (int (*)(void *, void *, size_t, size_t *))real;
    if (hp__probe_is_off()) {
        return function(ssl, data, n, done);
    }
    hp__probe_begin(&call, kind);
    int result = function(ssl, data, n, done);
    ssl_end(&call, kind, data, result > 0 && done != NULL ? *done : 0);
    return result;
}

#define SSL_REAL(i, call) ssl_reals[(i)*SSL_CALLS + (call)]
#define SSL_SET(i)                                                                                           \
    static int on_ssl_do_handshake_##i(void *ssl)                                                            \
    {                                                                                                        \
        return ssl_handshake(SSL_REAL(i, SSL_DO_HANDSHAKE), ssl, true);                                      \
    }                                                                                                        \
    static int on_ssl_connect_##i(void *ssl)                                                                 \
    {                                                                                                        \
        return ssl_handshake(SSL_REAL(i, SSL_CONNECT), ssl, true);                                           \
    }                                                                                                        \
    static int on_ssl_accept_##i(void *ssl)                                                                  \
    {                                                                                                        \
        return ssl_handshake(SSL_REAL(i, SSL_ACCEPT), ssl, true);                                            \
    }                                                                                                        \
    static int on_ssl_shutdown_##i(void *ssl)                                                                \
    {                                                                                                        \
        return ssl_handshake(SSL_REAL(i, SSL_SHUTDOWN), ssl, false);                                         \
    }                                                                                                        \
    static int on_ssl_read_##i(void *ssl, void *data, int n)                                                 \
    {                                                                                                        \
        return ssl_io(SSL_REAL(i, SSL_READ), HP_WAIT_RECV, ssl, data, n);                                    \
    }                                                                                                        \
    static int on_ssl_read_ex_##i(void *ssl, void *data, size_t n, size_t *done)                             \
    {                                                                                                        \
        return ssl_io_ex(SSL_REAL(i, SSL_READ_EX), HP_WAIT_RECV, ssl, data, n, done);                        \
    }                                                                                                        \
    static int on_ssl_write_##i(void *ssl, void *data, int n)                                                \
    {                                                                                                        \
        return ssl_io(SSL_REAL(i, SSL_WRITE), HP_WAIT_SEND, ssl, data, n);                                   \
    }                                                                                                        \
    static int on_ssl_write_ex_##i(void *ssl, void *data, size_t n, size_t *done)                            \
    {                                                                                                        \
        return ssl_io_ex(SSL_REAL(i, SSL_WRITE_EX), HP_WAIT_SEND, ssl, data, n, done);                       \
    }
SSL_SET(0)
SSL_SET(1)
SSL_SET(2)
SSL_SET(3)
_Static_assert(HP_GOT_INSTANCES == 4, "as many sets");

static uintptr_t ssl_hooks[HP_GOT_INSTANCES * SSL_CALLS];

/* Function addresses are no constants for a static table of integers. */
struct hp_got_family *hp__probe_ssl(void)
{
    static struct hp_got_family family = {.soname = "libssl",
                                          .names = ssl_names,
                                          .name_count = SSL_CALLS,
                                          .hooks = ssl_hooks,
                                          .reals = ssl_reals};
#define SSL_ROW(i)                                                                                           \
    (uintptr_t) on_ssl_do_handshake_##i, (uintptr_t)on_ssl_connect_##i, (uintptr_t)on_ssl_accept_##i,        \
        (uintptr_t)on_ssl_shutdown_##i, (uintptr_t)on_ssl_read_##i, (uintptr_t)on_ssl_read_ex_##i,           \
        (uintptr_t)on_ssl_write_##i, (uintptr_t)on_ssl_write_ex_##i
    const uintptr_t ssl[HP_GOT_INSTANCES * SSL_CALLS] = {SSL_ROW(0), SSL_ROW(1), SSL_ROW(2), SSL_ROW(3)};
    memcpy(ssl_hooks, ssl, sizeof ssl_hooks);
    return &family;
}
