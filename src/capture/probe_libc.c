/* probe_libc.c -- the probes of libc's blocking calls. Contract: probe.h; of hp_waits_gil:
 * hotplate/ext/waits.h.
 *
 * A poll for one socket is the first half of what follows (a timeout of Python's, libpq or OpenSSL): it
 * counts as connect, tls, recv or send; one while a thread of a C library looks a name up, as dns.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "capture/native.h"
#include "capture/probe.h"

/* Call the real function of this name. */
#define FILE_READ_BYTES (256u << 10)

#define REAL(name) ((__typeof__(&name))reals[AT_##name])

/* glibc declares addresses of sockets as unions. */
#define TO(address)   ((__CONST_SOCKADDR_ARG){.__sockaddr__ = (address)})
#define FROM(address) ((__SOCKADDR_ARG){.__sockaddr__ = (address)})

static uintptr_t gil_low, gil_bytes;

/* ---- the ends of a call ---- */

static void end_plain(const struct hp_probe_call *call, uint8_t kind, int error)
{
    if (call->how == HP_PROBE_OPEN) {
        int saved = errno;
        hp__probe_end(call, kind, hp__probe_nobody, 0, error);
        errno = saved;
    }
}

static void end_named(const struct hp_probe_call *call, uint8_t kind, uint32_t name, int error)
{
    if (call->how == HP_PROBE_OPEN) {
        int saved = errno;
        hp__probe_end(call, kind, (struct hp_peer_fd){.peer = name}, 0, error);
        errno = saved;
    }
}

/* After sending or receiving `n` bytes (-1: failed) on a socket. */
static void end_io(const struct hp_probe_call *call, uint8_t kind, int fd, ssize_t n)
{
    struct hp_wait_thread *self = &hp__wait_thread;
    int saved = errno;
    if (call->how == HP_PROBE_INNER) {
        self->inner_fd = fd;
        self->inner_bytes += n > 0 ? (uint64_t)n : 0;
    } else {
        struct hp_peer_fd peer = hp__peer_of(fd);
        if (peer.connecting && n > 0) { /* whoever waited for the connection did so with epoll */
            hp__peer_connected(fd);
        }
        hp__probe_end(call, kind, peer, n > 0 ? (uint64_t)n : 0, n < 0 ? saved : 0);
    }
    errno = saved;
}

/* What was sent first on a connection tells its protocol. Only the outermost call sees plain text, or TLS
 * over memory just before. */
static void note_sent(const struct hp_probe_call *call, int fd, const void *data, ssize_t n)
{
    struct hp_wait_thread *self = &hp__wait_thread;
    if (call->how != HP_PROBE_OPEN || n <= 0) {
        return;
    }
    if (self->encrypted != HP_PEER_UNKNOWN) {
        hp__peer_speaks(fd, self->encrypted);
        self->encrypted = HP_PEER_UNKNOWN;
    } else {
        hp__peer_sent(fd, data, (size_t)n);
    }
}

/* ---- sockets ---- */

enum {
    AT_getaddrinfo,
    AT_getnameinfo,
    AT_gethostbyname,
    AT_gethostbyname_r,
    AT_connect,
    AT_send,
    AT_sendto,
    AT_sendmsg,
    AT_write,
    AT_writev,
    AT_sendfile,
    AT_recv,
    AT___recv_chk,
    AT_recvfrom,
    AT___recvfrom_chk,
    AT_recvmsg,
    AT_read,
    AT___read_chk,
    AT_readv,
    AT_socket,
    AT_accept,
    AT_accept4,
    AT_dup2,
    AT_dup3,
    AT_close,
    AT_poll,
    AT___poll_chk,
    AT_ppoll,
    AT_select,
    AT_pselect,
    AT_epoll_wait,
    AT_epoll_pwait,
    AT_nanosleep,
    AT_clock_nanosleep,
    AT_usleep,
    AT_sleep,
    AT_fsync,
    AT_fdatasync,
    AT_pthread_cond_wait,
    AT_pthread_cond_timedwait,
    AT_pthread_cond_clockwait,
    AT_sem_wait,
    AT_sem_timedwait,
    AT_sem_clockwait,
    AT_pthread_cond_signal,
    AT_sem_post,
    AT_fork,
    AT_execve,
    AT_posix_spawn,
    AT_posix_spawnp,
    AT_waitpid,
    AT_wait4,
    AT_waitid,
    AT_wait,
    AT_system,
    AT_pthread_create,
    CALLS
};
static uintptr_t reals[CALLS];

extern ssize_t __recv_chk(int fd, void *data, size_t n, size_t room, int flags);
extern ssize_t __recvfrom_chk(int fd, void *data, size_t n, size_t room, int flags, struct sockaddr *from,
                              socklen_t *from_n);
extern ssize_t __read_chk(int fd, void *data, size_t n, size_t room);
extern int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t room);

/* Send or receive: `call_it` is the real call, `note` what else is done after it. */
#define WATCHED_IO(is_off, kind, fd, call_it, note)                                                          \
    struct hp_probe_call call;                                                                               \
    if (is_off) {                                                                                            \
        return call_it;                                                                                      \
    }                                                                                                        \
    hp__probe_begin(&call, kind);                                                                            \
    ssize_t n_done = call_it;                                                                                \
    note;                                                                                                    \
    end_io(&call, kind, fd, n_done);                                                                         \
    return n_done

#define OFF_OR_NO_SOCKET(fd) (hp__probe_is_off() || !is_socket(fd))

/* On a socket; on a descriptor that may be something else; sending, where the first bytes are looked at. */
#define IO_PROBE(kind, fd, call_it)   WATCHED_IO(hp__probe_is_off(), kind, fd, call_it, (void)0)
#define FILE_PROBE(kind, fd, call_it) WATCHED_IO(OFF_OR_NO_SOCKET(fd), kind, fd, call_it, (void)0)
#define SEND_PROBE(fd, data, call_it)                                                                        \
    WATCHED_IO(OFF_OR_NO_SOCKET(fd), HP_WAIT_SEND, fd, call_it, note_sent(&call, fd, data, n_done))

static bool is_socket(int fd)
{
    int saved = errno;
    bool yes = hp__peer_is_socket(fd);
    errno = saved;
    return yes;
}

static ssize_t on_send(int fd, const void *data, size_t n, int flags)
{
    SEND_PROBE(fd, data, REAL(send)(fd, data, n, flags));
}

static ssize_t on_sendto(int fd, const void *data, size_t n, int flags, const struct sockaddr *to,
                         socklen_t to_n)
{
    SEND_PROBE(fd, data, REAL(sendto)(fd, data, n, flags, TO(to), to_n));
}

static ssize_t on_write(int fd, const void *data, size_t n)
{
    SEND_PROBE(fd, data, REAL(write)(fd, data, n));
}

/* The first piece of a scattered message, if what was sent covers it. */
static void note_pieces(const struct hp_probe_call *call, int fd, const struct iovec *pieces, size_t count,
                        ssize_t n)
{
    if (count > 0 && n > 0) {
        ssize_t first = (ssize_t)pieces[0].iov_len;
        note_sent(call, fd, pieces[0].iov_base, n < first ? n : first);
    }
}

static ssize_t on_sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct hp_probe_call call;
    if (hp__probe_is_off()) {
        return REAL(sendmsg)(fd, message, flags);
    }
    hp__probe_begin(&call, HP_WAIT_SEND);
    ssize_t n = REAL(sendmsg)(fd, message, flags);
    if (n > 0) {
        note_pieces(&call, fd, message->msg_iov, message->msg_iovlen, n);
    }
    end_io(&call, HP_WAIT_SEND, fd, n);
    return n;
}

static ssize_t on_writev(int fd, const struct iovec *pieces, int count)
{
    struct hp_probe_call call;
    if (hp__probe_is_off() || !is_socket(fd)) {
        return REAL(writev)(fd, pieces, count);
    }
    hp__probe_begin(&call, HP_WAIT_SEND);
    ssize_t n = REAL(writev)(fd, pieces, count);
    if (n > 0) {
        note_pieces(&call, fd, pieces, (size_t)count, n);
    }
    end_io(&call, HP_WAIT_SEND, fd, n);
    return n;
}

static ssize_t on_sendfile(int to, int from, off_t *offset, size_t n)
{
    FILE_PROBE(HP_WAIT_SEND, to, REAL(sendfile)(to, from, offset, n));
}

static ssize_t on_recv(int fd, void *data, size_t n, int flags)
{
    IO_PROBE(HP_WAIT_RECV, fd, REAL(recv)(fd, data, n, flags));
}

static ssize_t on_recv_chk(int fd, void *data, size_t n, size_t room, int flags)
{
    IO_PROBE(HP_WAIT_RECV, fd, REAL(__recv_chk)(fd, data, n, room, flags));
}

static ssize_t on_recvfrom(int fd, void *data, size_t n, int flags, struct sockaddr *from, socklen_t *from_n)
{
    IO_PROBE(HP_WAIT_RECV, fd, REAL(recvfrom)(fd, data, n, flags, FROM(from), from_n));
}

static ssize_t on_recvfrom_chk(int fd, void *data, size_t n, size_t room, int flags, struct sockaddr *from,
                               socklen_t *from_n)
{
    IO_PROBE(HP_WAIT_RECV, fd, REAL(__recvfrom_chk)(fd, data, n, room, flags, from, from_n));
}

static ssize_t on_recvmsg(int fd, struct msghdr *message, int flags)
{
    IO_PROBE(HP_WAIT_RECV, fd, REAL(recvmsg)(fd, message, flags));
}

/* A read of so much is a file that is read whole; smaller ones are not worth being asked about. */
static bool is_file(int fd, size_t n)
{
    struct stat about;
    int saved = errno;
    bool is = n >= FILE_READ_BYTES && !hp__probe_is_off() && fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    errno = saved;
    return is;
}

static ssize_t read_file(int fd, void *data, size_t n)
{
    struct hp_probe_call call;
    hp__probe_begin(&call, HP_WAIT_DISK);
    ssize_t done = REAL(read)(fd, data, n);
    int saved = errno;
    if (call.how == HP_PROBE_OPEN) {
        struct hp_peer_fd file = {.peer = hp__peer_file(fd)};
        hp__probe_end(&call, HP_WAIT_DISK, file, done > 0 ? (uint64_t)done : 0, done < 0 ? saved : 0);
    }
    errno = saved;
    return done;
}

static ssize_t on_read(int fd, void *data, size_t n)
{
    if (is_file(fd, n)) {
        return read_file(fd, data, n);
    }
    FILE_PROBE(HP_WAIT_RECV, fd, REAL(read)(fd, data, n));
}

static ssize_t on_read_chk(int fd, void *data, size_t n, size_t room)
{
    if (n <= room && is_file(fd, n)) {
        return read_file(fd, data, n);
    }
    FILE_PROBE(HP_WAIT_RECV, fd, REAL(__read_chk)(fd, data, n, room));
}

static ssize_t on_readv(int fd, const struct iovec *pieces, int count)
{
    FILE_PROBE(HP_WAIT_RECV, fd, REAL(readv)(fd, pieces, count));
}

static int on_connect(int fd, const struct sockaddr *address, socklen_t n)
{
    struct hp_probe_call call;
    if (hp__probe_is_off()) {
        int result = REAL(connect)(fd, TO(address), n);
        int saved = errno;
        hp__peer_forget(fd); /* whoever uses it later asks for its peer */
        errno = saved;
        return result;
    }
    hp__probe_begin(&call, HP_WAIT_CONNECT);
    int result = REAL(connect)(fd, TO(address), n);
    int saved = errno;
    bool pending = result != 0 && (saved == EINPROGRESS || saved == EALREADY || saved == EINTR);
    hp__peer_connect(fd, address, n, pending);
    if (call.how == HP_PROBE_OPEN) {
        hp__probe_end(&call, HP_WAIT_CONNECT, hp__peer_of(fd), 0, result != 0 ? saved : 0);
    }
    errno = saved;
    return result;
}

/* ---- descriptors that come and go: on every thread, so that the table stays right ---- */

static int on_socket(int domain, int type, int protocol)
{
    int fd = REAL(socket)(domain, type, protocol);
    hp__peer_forget(fd);
    return fd;
}

static int on_accept(int fd, struct sockaddr *address, socklen_t *n)
{
    int made = REAL(accept)(fd, FROM(address), n);
    hp__peer_forget(made);
    return made;
}

static int on_accept4(int fd, struct sockaddr *address, socklen_t *n, int flags)
{
    int made = REAL(accept4)(fd, FROM(address), n, flags);
    hp__peer_forget(made);
    return made;
}

static int on_dup2(int from, int to)
{
    int made = REAL(dup2)(from, to);
    hp__peer_forget(made);
    return made;
}

static int on_dup3(int from, int to, int flags)
{
    int made = REAL(dup3)(from, to, flags);
    hp__peer_forget(made);
    return made;
}

static int on_close(int fd)
{
    hp__peer_forget(fd); /* before: afterwards the number may be another thread's */
    return REAL(close)(fd);
}

/* ---- names ---- */

static uint32_t host_name(const char *host)
{
    return host != NULL ? hp__peer_name(host, strnlen(host, 256)) : 0;
}

static int on_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                          struct addrinfo **found)
{
    struct hp_probe_call call;
    if (hp__probe_is_off()) {
        uint64_t look_up = hp__native_look_up(host);
        int result = REAL(getaddrinfo)(host, service, hints, found);
        hp__native_found(look_up);
        return result;
    }
    hp__probe_begin(&call, HP_WAIT_DNS);
    int result = REAL(getaddrinfo)(host, service, hints, found);
    end_named(&call, HP_WAIT_DNS, call.how == HP_PROBE_OPEN ? host_name(host) : 0, result != 0 ? 1 : 0);
    return result;
}

static int on_getnameinfo(const struct sockaddr *address, socklen_t n, char *host, socklen_t host_n,
                          char *service, socklen_t service_n, int flags)
{
    struct hp_probe_call call;
    if (hp__probe_is_off()) {
        return REAL(getnameinfo)(address, n, host, host_n, service, service_n, flags);
    }
    hp__probe_begin(&call, HP_WAIT_DNS);
    int result = REAL(getnameinfo)(address, n, host, host_n, service, service_n, flags);
    end_named(&call, HP_WAIT_DNS, call.how == HP_PROBE_OPEN ? hp__peer_address(address, n) : 0,
              result != 0 ? 1 : 0);
    return result;
}

static struct hostent *on_gethostbyname(const char *host)
{
    struct hp_probe_call call;
    if (hp__probe_is_off()) {
        // cppcheck-suppress CastIntegerToAddressAtReturn; REAL gives it the function's type
        return REAL(gethostbyname)(host);
    }
    hp__probe_begin(&call, HP_WAIT_DNS);
    struct hostent *result = REAL(gethostbyname)(host);
    end_named(&call, HP_WAIT_DNS, call.how == HP_PROBE_OPEN ? host_name(host) : 0, result == NULL);
    return result;
}

static int on_gethostbyname_r(const char *host, struct hostent *into, char *text, size_t n,
                              struct hostent **result, int *error)
{
    struct hp_probe_call call;
    if (hp__probe_is_off()) {
        return REAL(gethostbyname_r)(host, into, text, n, result, error);
    }
    hp__probe_begin(&call, HP_WAIT_DNS);
    int failed = REAL(gethostbyname_r)(host, into, text, n, result, error);
    end_named(&call, HP_WAIT_DNS, call.how == HP_PROBE_OPEN ? host_name(host) : 0, failed);
    return failed;
}

/* ---- waiting for descriptors ---- */

/* What a poll for this one descriptor is part of. */
static uint8_t kind_of_poll(const struct pollfd *one, struct hp_peer_fd peer)
{
    if (peer.connecting) {
        return HP_WAIT_CONNECT;
    }
    if (peer.handshake) {
        return HP_WAIT_TLS;
    }
    return one->events & POLLOUT && !(one->events & POLLIN) ? HP_WAIT_SEND : HP_WAIT_RECV;
}

static void end_poll(const struct hp_probe_call *call, const struct pollfd *fds, nfds_t n, int result)
{
    int saved = errno, error = result < 0 ? saved : 0;
    if (call->how == HP_PROBE_OPEN) {
        uint8_t kind = HP_WAIT_POLL;
        struct hp_peer_fd peer = {.peer = hp__native_waited(call->t0, hp_clock_ticks())};
        if (peer.peer != 0) {
            kind = HP_WAIT_DNS;
        } else if (n == 1 && hp__peer_is_socket(fds[0].fd)) {
            peer = hp__peer_of(fds[0].fd);
            kind = kind_of_poll(&fds[0], peer);
            if (kind == HP_WAIT_CONNECT && result > 0) {
                hp__peer_connected(fds[0].fd);
                /* What went wrong is for the application to ask, once (SO_ERROR). */
                error = fds[0].revents & (POLLERR | POLLHUP) ? ENOTCONN : 0;
            }
        } else if (n == 0) {
            kind = HP_WAIT_SLEEP;
        }
        hp__probe_end(call, kind, peer, 0, error);
    }
    errno = saved;
}

static int on_poll(struct pollfd *fds, nfds_t n, int timeout)
{
    struct hp_probe_call call;
    if (hp__probe_is_off()) {
        return REAL(poll)(fds, n, timeout);
    }
    hp__probe_begin(&call, HP_WAIT_POLL);
    int result = REAL(poll)(fds, n, timeout);
    end_poll(&call, fds, n, result);
    return result;
}

static int on_poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t room)
{
    struct hp_probe_call call;
    if (hp__probe_is_off()) {
        return REAL(__poll_chk)(fds, n, timeout, room);
    }
    hp__probe_begin(&call, HP_WAIT_POLL);
    int result = REAL(__poll_chk)(fds, n, timeout, room);
    end_poll(&call, fds, n, result);
    return result;
}

static int on_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
    struct hp_probe_call call;
    if (hp__probe_is_off()) {
        return REAL(ppoll)(fds, n, timeout, mask);
    }
    hp__probe_begin(&call, HP_WAIT_POLL);
    int result = REAL(ppoll)(fds, n, timeout, mask);
    end_poll(&call, fds, n, result);
    return result;
}

/* A call with nothing to be told of it but its kind. */
#define PLAIN_PROBE(type, kind, failed, call_it)                                                             \
    struct hp_probe_call call;                                                                               \
    if (hp__probe_is_off()) {                                                                                \
        return call_it;                                                                                      \
    }                                                                                                        \
    hp__probe_begin(&call, kind);                                                                            \
    type result = call_it;                                                                                   \
    end_plain(&call, kind, failed);                                                                          \
    return result

static int on_select(int n, fd_set *in, fd_set *out, fd_set *bad, struct timeval *timeout)
{
    PLAIN_PROBE(int, n == 0 ? HP_WAIT_SLEEP : HP_WAIT_POLL, result < 0 ? errno : 0,
                REAL(select)(n, in, out, bad, timeout));
}

static int on_pselect(int n, fd_set *in, fd_set *out, fd_set *bad, const struct timespec *timeout,
                      const sigset_t *mask)
{
    PLAIN_PROBE(int, n == 0 ? HP_WAIT_SLEEP : HP_WAIT_POLL, result < 0 ? errno : 0,
                REAL(pselect)(n, in, out, bad, timeout, mask));
}

static int on_epoll_wait(int fd, struct epoll_event *events, int room, int timeout)
{
    PLAIN_PROBE(int, HP_WAIT_POLL, result < 0 ? errno : 0, REAL(epoll_wait)(fd, events, room, timeout));
}

static int on_epoll_pwait(int fd, struct epoll_event *events, int room, int timeout, const sigset_t *mask)
{
    PLAIN_PROBE(int, HP_WAIT_POLL, result < 0 ? errno : 0,
                REAL(epoll_pwait)(fd, events, room, timeout, mask));
}

/* ---- sleeping, disk ---- */

static int on_nanosleep(const struct timespec *time, struct timespec *left)
{
    PLAIN_PROBE(int, HP_WAIT_SLEEP, result != 0 ? errno : 0, REAL(nanosleep)(time, left));
}

static int on_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
    PLAIN_PROBE(int, HP_WAIT_SLEEP, result, REAL(clock_nanosleep)(clock, flags, time, left));
}

static int on_usleep(useconds_t time)
{
    PLAIN_PROBE(int, HP_WAIT_SLEEP, result != 0 ? errno : 0, REAL(usleep)(time));
}

static unsigned on_sleep(unsigned seconds)
{
    PLAIN_PROBE(unsigned, HP_WAIT_SLEEP, 0, REAL(sleep)(seconds));
}

static int end_sync(const struct hp_probe_call *call, int fd, int result)
{
    int saved = errno;
    uint32_t file = call->how == HP_PROBE_OPEN ? hp__peer_file(fd) : 0;
    errno = saved;
    end_named(call, HP_WAIT_DISK, file, result != 0 ? saved : 0);
    return result;
}

static int on_fsync(int fd)
{
    struct hp_probe_call call;
    if (hp__probe_is_off()) {
        return REAL(fsync)(fd);
    }
    hp__probe_begin(&call, HP_WAIT_DISK);
    return end_sync(&call, fd, REAL(fsync)(fd));
}

static int on_fdatasync(int fd)
{
    struct hp_probe_call call;
    if (hp__probe_is_off()) {
        return REAL(fdatasync)(fd);
    }
    hp__probe_begin(&call, HP_WAIT_DISK);
    return end_sync(&call, fd, REAL(fdatasync)(fd));
}

/* ---- locks ---- */

static uint8_t kind_of_lock(const void *condition)
{
    return (uintptr_t)condition - gil_low < gil_bytes ? HP_WAIT_GIL : HP_WAIT_LOCK;
}

/* Before and after waiting for a lock of which we can tell who had it. */
static void begin_lock(struct hp_probe_call *call, struct hp_holder_wait *wait, uint8_t kind, const void *on)
{
    hp__probe_begin(call, kind);
    if (call->how == HP_PROBE_OPEN) {
        hp__holder_begin(wait, kind == HP_WAIT_GIL, on);
        hp__slot_wait(true);
    }
}

static void end_lock(const struct hp_probe_call *call, struct hp_holder_wait *wait, uint8_t kind, int error)
{
    if (call->how == HP_PROBE_OPEN) {
        int saved = errno;
        hp__slot_wait(false);
        hp__holder_end(wait, kind == HP_WAIT_GIL, call->t0, error == ETIMEDOUT);
        hp__wait_thread.held = wait;
        hp__probe_end(call, kind, hp__probe_nobody, 0, error);
        hp__wait_thread.held = NULL;
        errno = saved;
    }
}

/* A wait for a semaphore, or for a condition variable of the GIL. */
#define LOCK_PROBE(kind, on, failed, call_it)                                                                \
    struct hp_probe_call call;                                                                               \
    struct hp_holder_wait wait;                                                                              \
    if (hp__probe_is_off()) {                                                                                \
        return call_it;                                                                                      \
    }                                                                                                        \
    begin_lock(&call, &wait, kind, on);                                                                      \
    int result = call_it;                                                                                    \
    end_lock(&call, &wait, kind, failed);                                                                    \
    return result

static int wait_for_gil(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    LOCK_PROBE(HP_WAIT_GIL, condition, result, REAL(pthread_cond_wait)(condition, mutex));
}

static int on_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    if (kind_of_lock(condition) == HP_WAIT_GIL) {
        return wait_for_gil(condition, mutex);
    }
    PLAIN_PROBE(int, HP_WAIT_LOCK, result, REAL(pthread_cond_wait)(condition, mutex));
}

static int wait_some_for_gil(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
    LOCK_PROBE(HP_WAIT_GIL, condition, result, REAL(pthread_cond_timedwait)(condition, mutex, until));
}

static int on_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
    if (kind_of_lock(condition) == HP_WAIT_GIL) {
        return wait_some_for_gil(condition, mutex, until);
    }
    PLAIN_PROBE(int, HP_WAIT_LOCK, result, REAL(pthread_cond_timedwait)(condition, mutex, until));
}

static int on_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                             const struct timespec *until)
{
    PLAIN_PROBE(int, kind_of_lock(condition), result,
                REAL(pthread_cond_clockwait)(condition, mutex, clock, until));
}

static int on_cond_signal(pthread_cond_t *condition)
{
    hp__holder_signals(condition);
    return REAL(pthread_cond_signal)(condition);
}

static int on_sem_wait(sem_t *semaphore)
{
    LOCK_PROBE(HP_WAIT_LOCK, semaphore, result != 0 ? errno : 0, REAL(sem_wait)(semaphore));
}

static int on_sem_timedwait(sem_t *semaphore, const struct timespec *until)
{
    LOCK_PROBE(HP_WAIT_LOCK, semaphore, result != 0 ? errno : 0, REAL(sem_timedwait)(semaphore, until));
}

static int on_sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until)
{
    LOCK_PROBE(HP_WAIT_LOCK, semaphore, result != 0 ? errno : 0,
               REAL(sem_clockwait)(semaphore, clock, until));
}

static int on_sem_post(sem_t *semaphore)
{
    hp__holder_posts(semaphore);
    return REAL(sem_post)(semaphore);
}

/* ---- processes ---- */

static uint32_t program_name(const char *path)
{
    const char *slash = path == NULL ? NULL : strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    return name != NULL ? hp__peer_name(name, strnlen(name, 256)) : 0;
}

static pid_t on_fork(void)
{
    struct hp_probe_call call;
    if (hp__probe_is_off()) {
        return REAL(fork)();
    }
    hp__probe_begin(&call, HP_WAIT_SUBPROCESS);
    pid_t child = REAL(fork)();
    if (child == 0) { /* what runs here belongs to no request */
        hp__wait_thread.lane = NULL;
        hp__wait_thread.depth = 0;
        return 0;
    }
    end_plain(&call, HP_WAIT_SUBPROCESS, child < 0 ? errno : 0);
    return child;
}

/* Returns only when it fails. A child of vfork shares our memory, so the lane stays. */
static int on_execve(const char *path, char *const argv[], char *const env[])
{
    return REAL(execve)(path, argv, env);
}

static int on_posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                          const posix_spawnattr_t *attributes, char *const argv[], char *const env[])
{
    struct hp_probe_call call;
    if (hp__probe_is_off()) {
        return REAL(posix_spawn)(child, path, actions, attributes, argv, env);
    }
    hp__probe_begin(&call, HP_WAIT_SUBPROCESS);
    int result = REAL(posix_spawn)(child, path, actions, attributes, argv, env);
    end_named(&call, HP_WAIT_SUBPROCESS, call.how == HP_PROBE_OPEN ? program_name(path) : 0, result);
    return result;
}

static int on_posix_spawnp(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                           const posix_spawnattr_t *attributes, char *const argv[], char *const env[])
{
    struct hp_probe_call call;
    if (hp__probe_is_off()) {
        return REAL(posix_spawnp)(child, path, actions, attributes, argv, env);
    }
    hp__probe_begin(&call, HP_WAIT_SUBPROCESS);
    int result = REAL(posix_spawnp)(child, path, actions, attributes, argv, env);
    end_named(&call, HP_WAIT_SUBPROCESS, call.how == HP_PROBE_OPEN ? program_name(path) : 0, result);
    return result;
}

static pid_t on_waitpid(pid_t pid, int *status, int options)
{
    PLAIN_PROBE(pid_t, HP_WAIT_SUBPROCESS, result < 0 ? errno : 0, REAL(waitpid)(pid, status, options));
}

static pid_t on_wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
    PLAIN_PROBE(pid_t, HP_WAIT_SUBPROCESS, result < 0 ? errno : 0, REAL(wait4)(pid, status, options, usage));
}

static int on_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    PLAIN_PROBE(int, HP_WAIT_SUBPROCESS, result < 0 ? errno : 0, REAL(waitid)(type, id, info, options));
}

static pid_t on_wait(int *status)
{
    PLAIN_PROBE(pid_t, HP_WAIT_SUBPROCESS, result < 0 ? errno : 0, REAL(wait)(status));
}

static int on_system(const char *command)
{
    PLAIN_PROBE(int, HP_WAIT_SUBPROCESS, result < 0 ? errno : 0, REAL(system)(command));
}

/* ---- threads ---- */

static int on_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*function)(void *),
                             void *arg)
{
    return hp__probe_is_off() ? REAL(pthread_create)(thread, attr, function, arg)
                              : hp__native_start(REAL(pthread_create), thread, attr, function, arg);
}

/* ---- the table ---- */

#define CALL(name, function)                                                                                 \
    {                                                                                                        \
#name, (uintptr_t)(function), &reals[AT_##name]                                                      \
    }
static struct hp_got_hook hooks[CALLS];

/* Function addresses are no constants for a static table of integers. */
struct hp_got_hook *hp__probe_libc(size_t *count)
{
    const struct hp_got_hook all[CALLS] = {
        CALL(getaddrinfo, on_getaddrinfo),
        CALL(getnameinfo, on_getnameinfo),
        CALL(gethostbyname, on_gethostbyname),
        CALL(gethostbyname_r, on_gethostbyname_r),
        CALL(connect, on_connect),
        CALL(send, on_send),
        CALL(sendto, on_sendto),
        CALL(sendmsg, on_sendmsg),
        CALL(write, on_write),
        CALL(writev, on_writev),
        CALL(sendfile, on_sendfile),
        CALL(recv, on_recv),
        CALL(__recv_chk, on_recv_chk),
        CALL(recvfrom, on_recvfrom),
        CALL(__recvfrom_chk, on_recvfrom_chk),
        CALL(recvmsg, on_recvmsg),
        CALL(read, on_read),
        CALL(__read_chk, on_read_chk),
        CALL(readv, on_readv),
        CALL(socket, on_socket),
        CALL(accept, on_accept),
        CALL(accept4, on_accept4),
        CALL(dup2, on_dup2),
        CALL(dup3, on_dup3),
        CALL(close, on_close),
        CALL(poll, on_poll),
        CALL(__poll_chk, on_poll_chk),
        CALL(ppoll, on_ppoll),
        CALL(select, on_select),
        CALL(pselect, on_pselect),
        CALL(epoll_wait, on_epoll_wait),
        CALL(epoll_pwait, on_epoll_pwait),
        CALL(nanosleep, on_nanosleep),
        CALL(clock_nanosleep, on_clock_nanosleep),
        CALL(usleep, on_usleep),
        CALL(sleep, on_sleep),
        CALL(fsync, on_fsync),
        CALL(fdatasync, on_fdatasync),
        CALL(pthread_cond_wait, on_cond_wait),
        CALL(pthread_cond_timedwait, on_cond_timedwait),
        CALL(pthread_cond_clockwait, on_cond_clockwait),
        CALL(sem_wait, on_sem_wait),
        CALL(sem_timedwait, on_sem_timedwait),
        CALL(sem_clockwait, on_sem_clockwait),
        CALL(pthread_cond_signal, on_cond_signal),
        CALL(sem_post, on_sem_post),
        CALL(fork, on_fork),
        CALL(execve, on_execve),
        CALL(posix_spawn, on_posix_spawn),
        CALL(posix_spawnp, on_posix_spawnp),
        CALL(waitpid, on_waitpid),
        CALL(wait4, on_wait4),
        CALL(waitid, on_waitid),
        CALL(wait, on_wait),
        CALL(system, on_system),
        CALL(pthread_create, on_pthread_create),
    };
    memcpy(hooks, all, sizeof hooks);
    *count = CALLS;
    return hooks;
}

void hp_waits_gil(const void *low, size_t bytes, const void *released, const volatile int *locked)
{
    hp__holder_gil(released, locked);
    gil_bytes = 0;
    gil_low = (uintptr_t)low;
    gil_bytes = bytes;
}
