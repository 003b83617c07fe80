/* probe.c -- the functions that stand in for blocking calls, and the switch. Contract of the switch: hotplate/ext/waits.h.
 *
 * Every probe is the same: on a thread without a lane it is the real call; inside another probe (SSL_read calls recv) it is the real call and its bytes
 * are noted; else two ticks around the real call, and hp__wait_add. The outermost call gives the kind and owns the time, the innermost the peer.
 * errno is as the real call left it. Nothing here allocates, waits for a lock or touches the interpreter.
 *
 * A poll for one socket is the first half of what follows (a timeout of Python's, libpq or OpenSSL): it counts as connect, tls, recv or send.
 *
 * CPU and run-queue time inside the calls are in both sums, so they are measured: around the first call of a kind, those after a long one,
 * and one in SAMPLE of the others.
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
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "capture/got.h"
#include "capture/peer.h"
#include "capture/wait.h"

#define SAMPLE       64u /* power of two */
#define READ_LONG_NS 20000u
#define READ_TRIES   3

/* Call the real function of this name. */
#define REAL(name) ((__typeof__(&name))reals[AT_##name])

/* glibc declares addresses of sockets as unions. */
#define TO(address)   ((__CONST_SOCKADDR_ARG){.__sockaddr__ = (address)})
#define FROM(address) ((__SOCKADDR_ARG){.__sockaddr__ = (address)})

enum how { OFF, INNER, OPEN };

struct call {
    uint64_t t0, busy0_ns;
    enum how how;
    uint8_t kind;
};

static uintptr_t gil_low, gil_bytes;

/* ---- around a call ---- */

static inline __attribute__((always_inline)) bool is_off(void)
{
    return __builtin_expect(hp__wait_thread.lane == NULL, 1);
}

/* CPU and run-queue time of this thread so far. */
static uint64_t busy_ns(const struct hp_wait_thread *self)
{
    uint64_t queue_ns = self->queue ? hp__runqueue_ns() : 0;
    return hp_clock_thread_cpu_ns() + (queue_ns != HP_ABSENT ? queue_ns : 0);
}

static void begin(struct call *call, uint8_t kind)
{
    struct hp_wait_thread *self = &hp__wait_thread;
    if (self->depth != 0) {
        call->how = INNER;
        return;
    }
    self->depth = 1;
    self->inner_bytes = 0;
    self->inner_fd = -1;
    call->how = OPEN;
    bool measured = self->measure[kind] || (self->turn++ & (SAMPLE - 1)) == 0;
    call->kind = kind;
    call->busy0_ns = HP_ABSENT;
    for (int i = 0; measured && i < READ_TRIES; i++) {
        uint64_t before = hp_clock_ticks();
        call->busy0_ns = busy_ns(self);
        measured =
            hp_clock_ns_of_ticks(hp_clock_ticks() - before) > READ_LONG_NS; /* lost the CPU meanwhile */
    }
    call->t0 = hp_clock_ticks();
}

/* The end of a call that was OPEN. Keeps errno. */
static void end(const struct call *call, uint8_t kind, struct hp_peer_fd peer, uint64_t bytes, int error)
{
    struct hp_wait_thread *self = &hp__wait_thread;
    struct hp_wait_event event = {.t0 = call->t0,
                                  .t1 = hp_clock_ticks(),
                                  .bytes = bytes,
                                  .busy_ns = HP_ABSENT,
                                  .peer = peer.peer,
                                  .conn = peer.conn,
                                  .error = error,
                                  .kind = kind,
                                  .proto = peer.proto};
    event.is_long = hp_clock_ns_of_ticks(event.t1 - event.t0) >= HP_WAIT_LONG_NS;
    self->measure[call->kind] = event.is_long;
    if (call->busy0_ns != HP_ABSENT) {
        event.busy_ns = busy_ns(self) - call->busy0_ns;
        uint64_t read_ns = hp_clock_ns_of_ticks(hp_clock_ticks() - event.t1);
        if (read_ns > READ_LONG_NS) { /* lost the CPU after the call */
            event.busy_ns -= read_ns < event.busy_ns ? read_ns : event.busy_ns;
        }
    }
    if (self->lane != NULL) {
        hp__wait_add(&event);
    }
    self->depth = 0;
}

static const struct hp_peer_fd nobody = {0, 0, 0, false, false};

static void end_plain(const struct call *call, uint8_t kind, int error)
{
    if (call->how == OPEN) {
        int saved = errno;
        end(call, kind, nobody, 0, error);
        errno = saved;
    }
}

static void end_named(const struct call *call, uint8_t kind, uint32_t name, int error)
{
    if (call->how == OPEN) {
        int saved = errno;
        end(call, kind, (struct hp_peer_fd){.peer = name}, 0, error);
        errno = saved;
    }
}

/* After sending or receiving `n` bytes (-1: failed) on a socket. */
static void end_io(const struct call *call, uint8_t kind, int fd, ssize_t n)
{
    struct hp_wait_thread *self = &hp__wait_thread;
    int saved = errno;
    if (call->how == INNER) {
        self->inner_fd = fd;
        self->inner_bytes += n > 0 ? (uint64_t)n : 0;
    } else {
        end(call, kind, hp__peer_of(fd), n > 0 ? (uint64_t)n : 0, n < 0 ? saved : 0);
    }
    errno = saved;
}

/* What was sent first on a connection tells its protocol. Only the outermost call sees plain text. */
static void note_sent(const struct call *call, int fd, const void *data, ssize_t n)
{
    if (call->how == OPEN && n > 0) {
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
    AT_fork,
    AT_execve,
    AT_posix_spawn,
    AT_posix_spawnp,
    AT_waitpid,
    AT_wait4,
    AT_waitid,
    AT_wait,
    AT_system,
    CALLS
};
static uintptr_t reals[CALLS];

extern ssize_t __recv_chk(int fd, void *data, size_t n, size_t room, int flags);
extern ssize_t __recvfrom_chk(int fd, void *data, size_t n, size_t room, int flags, struct sockaddr *from,
                              socklen_t *from_n);
extern ssize_t __read_chk(int fd, void *data, size_t n, size_t room);
extern int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t room);

/* Send or receive on a socket: `call_it` is the real call. */
#define IO_PROBE(kind, fd, call_it)                                                                          \
    struct call call;                                                                                        \
    if (is_off()) {                                                                                          \
        return call_it;                                                                                      \
    }                                                                                                        \
    begin(&call, kind);                                                                                      \
    ssize_t n_done = call_it;                                                                                \
    end_io(&call, kind, fd, n_done);                                                                         \
    return n_done

/* The same for a descriptor that may be something else. */
#define FILE_PROBE(kind, fd, call_it)                                                                        \
    struct call call;                                                                                        \
    if (is_off() || !is_socket(fd)) {                                                                        \
        return call_it;                                                                                      \
    }                                                                                                        \
    begin(&call, kind);                                                                                      \
    ssize_t n_done = call_it;                                                                                \
    end_io(&call, kind, fd, n_done);                                                                         \
    return n_done

/* Sending: the first bytes are looked at. */
#define SEND_PROBE(fd, data, call_it)                                                                        \
    struct call call;                                                                                        \
    if (is_off() || !is_socket(fd)) {                                                                        \
        return call_it;                                                                                      \
    }                                                                                                        \
    begin(&call, HP_WAIT_SEND);                                                                              \
    ssize_t n_done = call_it;                                                                                \
    note_sent(&call, fd, data, n_done);                                                                      \
    end_io(&call, HP_WAIT_SEND, fd, n_done);                                                                 \
    return n_done

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
static void note_pieces(const struct call *call, int fd, const struct iovec *pieces, size_t count, ssize_t n)
{
    if (count > 0 && n > 0) {
        ssize_t first = (ssize_t)pieces[0].iov_len;
        note_sent(call, fd, pieces[0].iov_base, n < first ? n : first);
    }
}

static ssize_t on_sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct call call;
    if (is_off()) {
        return REAL(sendmsg)(fd, message, flags);
    }
    begin(&call, HP_WAIT_SEND);
    ssize_t n = REAL(sendmsg)(fd, message, flags);
    if (n > 0) {
        note_pieces(&call, fd, message->msg_iov, message->msg_iovlen, n);
    }
    end_io(&call, HP_WAIT_SEND, fd, n);
    return n;
}

static ssize_t on_writev(int fd, const struct iovec *pieces, int count)
{
    struct call call;
    if (is_off() || !is_socket(fd)) {
        return REAL(writev)(fd, pieces, count);
    }
    begin(&call, HP_WAIT_SEND);
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

static ssize_t on_read(int fd, void *data, size_t n)
{
    FILE_PROBE(HP_WAIT_RECV, fd, REAL(read)(fd, data, n));
}

static ssize_t on_read_chk(int fd, void *data, size_t n, size_t room)
{
    FILE_PROBE(HP_WAIT_RECV, fd, REAL(__read_chk)(fd, data, n, room));
}

static ssize_t on_readv(int fd, const struct iovec *pieces, int count)
{
    FILE_PROBE(HP_WAIT_RECV, fd, REAL(readv)(fd, pieces, count));
}

static int on_connect(int fd, const struct sockaddr *address, socklen_t n)
{
    struct call call;
    if (is_off()) {
        int result = REAL(connect)(fd, TO(address), n);
        int saved = errno;
        hp__peer_forget(fd); /* whoever uses it later asks for its peer */
        errno = saved;
        return result;
    }
    begin(&call, HP_WAIT_CONNECT);
    int result = REAL(connect)(fd, TO(address), n);
    int saved = errno;
    bool pending = result != 0 && (saved == EINPROGRESS || saved == EALREADY || saved == EINTR);
    hp__peer_connect(fd, address, n, pending);
    if (call.how == OPEN) {
        end(&call, HP_WAIT_CONNECT, hp__peer_of(fd), 0, result != 0 ? saved : 0);
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
    struct call call;
    if (is_off()) {
        return REAL(getaddrinfo)(host, service, hints, found);
    }
    begin(&call, HP_WAIT_DNS);
    int result = REAL(getaddrinfo)(host, service, hints, found);
    end_named(&call, HP_WAIT_DNS, call.how == OPEN ? host_name(host) : 0, result != 0 ? 1 : 0);
    return result;
}

static int on_getnameinfo(const struct sockaddr *address, socklen_t n, char *host, socklen_t host_n,
                          char *service, socklen_t service_n, int flags)
{
    struct call call;
    if (is_off()) {
        return REAL(getnameinfo)(address, n, host, host_n, service, service_n, flags);
    }
    begin(&call, HP_WAIT_DNS);
    int result = REAL(getnameinfo)(address, n, host, host_n, service, service_n, flags);
    end_named(&call, HP_WAIT_DNS, call.how == OPEN ? hp__peer_address(address, n) : 0, result != 0 ? 1 : 0);
    return result;
}

static struct hostent *on_gethostbyname(const char *host)
{
    struct call call;
    if (is_off()) {
        // cppcheck-suppress CastIntegerToAddressAtReturn; REAL gives it the function's type
        return REAL(gethostbyname)(host);
    }
    begin(&call, HP_WAIT_DNS);
    struct hostent *result = REAL(gethostbyname)(host);
    end_named(&call, HP_WAIT_DNS, call.how == OPEN ? host_name(host) : 0, result == NULL);
    return result;
}

static int on_gethostbyname_r(const char *host, struct hostent *into, char *text, size_t n,
                              struct hostent **result, int *error)
{
    struct call call;
    if (is_off()) {
        return REAL(gethostbyname_r)(host, into, text, n, result, error);
    }
    begin(&call, HP_WAIT_DNS);
    int failed = REAL(gethostbyname_r)(host, into, text, n, result, error);
    end_named(&call, HP_WAIT_DNS, call.how == OPEN ? host_name(host) : 0, failed);
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

static void end_poll(const struct call *call, const struct pollfd *fds, nfds_t n, int result)
{
    int saved = errno;
    if (call->how == OPEN) {
        uint8_t kind = HP_WAIT_POLL;
        struct hp_peer_fd peer = nobody;
        if (n == 1 && hp__peer_is_socket(fds[0].fd)) {
            peer = hp__peer_of(fds[0].fd);
            kind = kind_of_poll(&fds[0], peer);
            if (kind == HP_WAIT_CONNECT && result > 0) {
                hp__peer_connected(fds[0].fd);
            }
        } else if (n == 0) {
            kind = HP_WAIT_SLEEP;
        }
        end(call, kind, peer, 0, result < 0 ? saved : 0);
    }
    errno = saved;
}

static int on_poll(struct pollfd *fds, nfds_t n, int timeout)
{
    struct call call;
    if (is_off()) {
        return REAL(poll)(fds, n, timeout);
    }
    begin(&call, HP_WAIT_POLL);
    int result = REAL(poll)(fds, n, timeout);
    end_poll(&call, fds, n, result);
    return result;
}

static int on_poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t room)
{
    struct call call;
    if (is_off()) {
        return REAL(__poll_chk)(fds, n, timeout, room);
    }
    begin(&call, HP_WAIT_POLL);
    int result = REAL(__poll_chk)(fds, n, timeout, room);
    end_poll(&call, fds, n, result);
    return result;
}

static int on_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
    struct call call;
    if (is_off()) {
        return REAL(ppoll)(fds, n, timeout, mask);
    }
    begin(&call, HP_WAIT_POLL);
    int result = REAL(ppoll)(fds, n, timeout, mask);
    end_poll(&call, fds, n, result);
    return result;
}

/* A call with nothing to be told of it but its kind. */
#define PLAIN_PROBE(type, kind, failed, call_it)                                                             \
    struct call call;                                                                                        \
    if (is_off()) {                                                                                          \
        return call_it;                                                                                      \
    }                                                                                                        \
    begin(&call, kind);                                                                                      \
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

static int end_sync(const struct call *call, int fd, int result)
{
    int saved = errno;
    uint32_t file = call->how == OPEN ? hp__peer_file(fd) : 0;
    errno = saved;
    end_named(call, HP_WAIT_DISK, file, result != 0 ? saved : 0);
    return result;
}

static int on_fsync(int fd)
{
    struct call call;
    if (is_off()) {
        return REAL(fsync)(fd);
    }
    begin(&call, HP_WAIT_DISK);
    return end_sync(&call, fd, REAL(fsync)(fd));
}

static int on_fdatasync(int fd)
{
    struct call call;
    if (is_off()) {
        return REAL(fdatasync)(fd);
    }
    begin(&call, HP_WAIT_DISK);
    return end_sync(&call, fd, REAL(fdatasync)(fd));
}

/* ---- locks ---- */

static uint8_t kind_of_lock(const void *condition)
{
    return (uintptr_t)condition - gil_low < gil_bytes ? HP_WAIT_GIL : HP_WAIT_LOCK;
}

static int on_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    PLAIN_PROBE(int, kind_of_lock(condition), result, REAL(pthread_cond_wait)(condition, mutex));
}

static int on_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
    PLAIN_PROBE(int, kind_of_lock(condition), result, REAL(pthread_cond_timedwait)(condition, mutex, until));
}

static int on_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                             const struct timespec *until)
{
    PLAIN_PROBE(int, kind_of_lock(condition), result,
                REAL(pthread_cond_clockwait)(condition, mutex, clock, until));
}

static int on_sem_wait(sem_t *semaphore)
{
    PLAIN_PROBE(int, HP_WAIT_LOCK, result != 0 ? errno : 0, REAL(sem_wait)(semaphore));
}

static int on_sem_timedwait(sem_t *semaphore, const struct timespec *until)
{
    PLAIN_PROBE(int, HP_WAIT_LOCK, result != 0 ? errno : 0, REAL(sem_timedwait)(semaphore, until));
}

static int on_sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until)
{
    PLAIN_PROBE(int, HP_WAIT_LOCK, result != 0 ? errno : 0, REAL(sem_clockwait)(semaphore, clock, until));
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
    struct call call;
    if (is_off()) {
        return REAL(fork)();
    }
    begin(&call, HP_WAIT_SUBPROCESS);
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
    struct call call;
    if (is_off()) {
        return REAL(posix_spawn)(child, path, actions, attributes, argv, env);
    }
    begin(&call, HP_WAIT_SUBPROCESS);
    int result = REAL(posix_spawn)(child, path, actions, attributes, argv, env);
    end_named(&call, HP_WAIT_SUBPROCESS, call.how == OPEN ? program_name(path) : 0, result);
    return result;
}

static int on_posix_spawnp(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                           const posix_spawnattr_t *attributes, char *const argv[], char *const env[])
{
    struct call call;
    if (is_off()) {
        return REAL(posix_spawnp)(child, path, actions, attributes, argv, env);
    }
    begin(&call, HP_WAIT_SUBPROCESS);
    int result = REAL(posix_spawnp)(child, path, actions, attributes, argv, env);
    end_named(&call, HP_WAIT_SUBPROCESS, call.how == OPEN ? program_name(path) : 0, result);
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

/* ---- OpenSSL: each library of the process has functions of its own here ---- */

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
    struct call call;
    int (*function)(void *) = (int (*)(void *))real;
    if (is_off()) {
        return function(ssl);
    }
    begin(&call, HP_WAIT_TLS);
    int result = function(ssl);
    if (call.how == OPEN) {
        int saved = errno, fd = hp__wait_thread.inner_fd;
        if (fd >= 0) {
            hp__peer_handshake(fd, starts && result <= 0);
        }
        end(&call, HP_WAIT_TLS, fd >= 0 ? hp__peer_of(fd) : nobody, hp__wait_thread.inner_bytes, 0);
        errno = saved;
    }
    return result;
}

/* After reading or writing `n` bytes of plain text. */
static void ssl_end(const struct call *call, uint8_t kind, const void *data, size_t n)
{
    if (call->how != OPEN) {
        return;
    }
    int saved = errno, fd = hp__wait_thread.inner_fd;
    if (fd >= 0 && kind == HP_WAIT_SEND && n > 0) {
        hp__peer_sent(fd, data, n);
    }
    end(call, kind, fd >= 0 ? hp__peer_of(fd) : nobody, n, 0);
    errno = saved;
}

static int ssl_io(uintptr_t real, uint8_t kind, void *ssl, void *data, int n)
{
    struct call call;
    int (*function)(void *, void *, int) = (int (*)(void *, void *, int))real;
    if (is_off()) {
        return function(ssl, data, n);
    }
    begin(&call, kind);
    int result = function(ssl, data, n);
    ssl_end(&call, kind, data, result > 0 ? (size_t)result : 0);
    return result;
}

static int ssl_io_ex(uintptr_t real, uint8_t kind, void *ssl, void *data, size_t n, size_t *done)
{
    struct call call;
    int (*function)(void *, void *, size_t, size_t *) = (int (*)(void *, void *, size_t, size_t *))real;
    if (is_off()) {
        return function(ssl, data, n, done);
    }
    begin(&call, kind);
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

/* ---- the switch ---- */

#define CALL(name, function)                                                                                 \
    {                                                                                                        \
#name, (uintptr_t)(function), &reals[AT_##name]                                                      \
    }
static struct hp_got_hook hooks[CALLS];
static uintptr_t ssl_hooks[HP_GOT_INSTANCES * SSL_CALLS];

/* Function addresses are no constants for a static table of integers. */
static void fill_hooks(void)
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
        CALL(fork, on_fork),
        CALL(execve, on_execve),
        CALL(posix_spawn, on_posix_spawn),
        CALL(posix_spawnp, on_posix_spawnp),
        CALL(waitpid, on_waitpid),
        CALL(wait4, on_wait4),
        CALL(waitid, on_waitid),
        CALL(wait, on_wait),
        CALL(system, on_system),
    };
#define SSL_ROW(i)                                                                                           \
    (uintptr_t) on_ssl_do_handshake_##i, (uintptr_t)on_ssl_connect_##i, (uintptr_t)on_ssl_accept_##i,        \
        (uintptr_t)on_ssl_shutdown_##i, (uintptr_t)on_ssl_read_##i, (uintptr_t)on_ssl_read_ex_##i,           \
        (uintptr_t)on_ssl_write_##i, (uintptr_t)on_ssl_write_ex_##i
    const uintptr_t ssl[HP_GOT_INSTANCES * SSL_CALLS] = {SSL_ROW(0), SSL_ROW(1), SSL_ROW(2), SSL_ROW(3)};
    memcpy(hooks, all, sizeof hooks);
    memcpy(ssl_hooks, ssl, sizeof ssl_hooks);
}

hp_err hp_waits_start(const struct hp_waits_config *config)
{
    static struct hp_got_family ssl = {.soname = "libssl",
                                       .names = ssl_names,
                                       .name_count = SSL_CALLS,
                                       .hooks = ssl_hooks,
                                       .reals = ssl_reals};
    static struct hp_got_table table = {.hooks = hooks, .hook_count = CALLS, .family = &ssl};
    if (!hp_waits_on()) {
        fill_hooks();
        table.skip_own = config->skip_own;
    }
    hp__wait_configure(config->site, config->place);
    hp_err err = hp_got_hook_all(&table);
    if (err == HP_OK) {
        atomic_store(&hp__wait_probes, true);
    }
    return err;
}

hp_err hp_waits_stop(void)
{
    atomic_store(&hp__wait_probes, false);
    return hp_got_unhook_all();
}

void hp_waits_rescan(void)
{
    if (hp_waits_on()) {
        (void)hp_got_rescan(); /* another thread is at it: then it is being done */
    }
}

void hp_waits_gil(const void *low, size_t bytes)
{
    gil_bytes = 0;
    gil_low = (uintptr_t)low;
    gil_bytes = bytes;
}

void hp_waits_describe(char *out, size_t n)
{
    struct hp_got_counts counts = hp_got_counts();
    char left_out[1024];
    hp_got_describe(left_out, sizeof left_out);
    snprintf(out, n, "%u calls in %u objects%s%s", counts.slots, counts.objects,
             left_out[0] != '\0' ? "; " : "", left_out);
}
