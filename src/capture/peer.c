/* peer.c -- see peer.h. */
#include "capture/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/hash.h"

#define FD_CAP    65536
#define PEER_CAP  4096u /* power of two */
#define PEER_FULL 3072u
#define TEXT_CAP  112u
#define TRIES     64

/* A descriptor's word. */
enum {
    KIND = 3u, /* 0 not known */
    IS_SOCKET = 1u,
    IS_OTHER = 2u,
    CONNECTING = 4u,
    HANDSHAKE = 8u,
    PROTO = 0x70u, /* enum hp_peer_proto, or that it was looked for in vain: once, and often enough */
    PROTO_SHIFT = 4,
    IN_VAIN = 6u,
    NOT_KNOWN = 7u,
    ASKED = 0x80u, /* for the peer's address */
    PEER_SHIFT = 8
};
#define PEER_MASK  ((uint64_t)0xffffffu << PEER_SHIFT)
#define CONN_SHIFT 32

struct peer {
    _Atomic uint64_t hash; /* 0: free; set last */
    uint32_t n;
    char text[TEXT_CAP];
};

static _Atomic uint64_t words[FD_CAP];
static struct peer peers[PEER_CAP];
static uint32_t peer_count;
static atomic_flag adding = ATOMIC_FLAG_INIT;
static _Atomic uint32_t serial;

/* ---- names ---- */

static uint32_t find_peer(uint64_t hash, const char *text, size_t n, uint32_t *free_at)
{
    for (uint32_t at = (uint32_t)hash & (PEER_CAP - 1);; at = (at + 1) & (PEER_CAP - 1)) {
        uint64_t there = atomic_load_explicit(&peers[at].hash, memory_order_acquire);
        if (there == 0) {
            *free_at = at;
            return 0;
        }
        if (there == hash && peers[at].n == n && memcmp(peers[at].text, text, n) == 0) {
            return at + 1;
        }
    }
}

uint32_t hp__peer_name(const char *text, size_t n)
{
    if (text == NULL || n == 0) {
        return 0;
    }
    n = hp_utf8_cut(hp_str_make(text, n), TEXT_CAP).n;
    uint64_t hash = hp_hash64(text, n, 1) | 1;
    uint32_t free_at = 0, found = find_peer(hash, text, n, &free_at);
    if (found != 0) {
        return found;
    }
    for (int i = 0; atomic_flag_test_and_set_explicit(&adding, memory_order_acquire); i++) {
        if (i == TRIES) {
            return 0;
        }
    }
    found = find_peer(hash, text, n, &free_at);
    if (found == 0 && peer_count < PEER_FULL) {
        peer_count++;
        memcpy(peers[free_at].text, text, n);
        peers[free_at].n = (uint32_t)n;
        atomic_store_explicit(&peers[free_at].hash, hash, memory_order_release);
        found = free_at + 1;
    }
    atomic_flag_clear_explicit(&adding, memory_order_release);
    return found;
}

void hp__peer_fork_child(void)
{
    atomic_flag_clear(&adding); /* a half-written entry has no hash yet */
}

struct hp_str hp__peer_text(uint32_t peer)
{
    if (peer == 0 || peer > PEER_CAP) {
        return (struct hp_str){NULL, 0};
    }
    return hp_str_make(peers[peer - 1].text, peers[peer - 1].n);
}

static uint32_t inet_name(int family, const void *host, uint16_t port)
{
    char text[INET6_ADDRSTRLEN + 16], number[INET6_ADDRSTRLEN];
    if (inet_ntop(family, host, number, sizeof number) == NULL) {
        return 0;
    }
    int n =
        snprintf(text, sizeof text, family == AF_INET6 ? "[%s]:%u" : "%s:%u", number, (unsigned)ntohs(port));
    return n > 0 ? hp__peer_name(text, (size_t)n) : 0;
}

static uint32_t unix_name(const struct sockaddr_un *address, socklen_t size)
{
    char text[sizeof address->sun_path + 8] = "unix:"; /* zeros behind */
    size_t n =
        size > offsetof(struct sockaddr_un, sun_path) ? size - offsetof(struct sockaddr_un, sun_path) : 0;
    n = n < sizeof address->sun_path ? n : sizeof address->sun_path;
    memcpy(text + 5, address->sun_path, n);
    if (n > 1 && address->sun_path[0] == '\0') { /* an abstract name */
        text[5] = '@';
    }
    return n == 0 ? 0 : hp__peer_name(text, strnlen(text, n + 5));
}

uint32_t hp__peer_address(const struct sockaddr *address, socklen_t n)
{
    if (address == NULL || n < (socklen_t)sizeof address->sa_family) {
        return 0;
    }
    if (address->sa_family == AF_INET && n >= (socklen_t)sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return inet_name(AF_INET, &in.sin_addr, in.sin_port);
    }
    if (address->sa_family == AF_INET6 && n >= (socklen_t)sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        return inet_name(AF_INET6, &in.sin6_addr, in.sin6_port);
    }
    if (address->sa_family == AF_UNIX) {
        struct sockaddr_un un;
        memset(&un, 0, sizeof un);
        n = n < (socklen_t)sizeof un ? n : (socklen_t)sizeof un;
        memcpy(&un, address, n);
        return unix_name(&un, n);
    }
    return 0;
}

uint32_t hp__peer_file(int fd)
{
    char link[40], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path);
    if (n <= 0) {
        return 0;
    }
    /* The end of a long path says more than its start. */
    size_t cut = (size_t)n > TEXT_CAP ? (size_t)n - TEXT_CAP : 0;
    while (cut < (size_t)n && cut > 0 && ((unsigned char)path[cut] & 0xc0) == 0x80) {
        cut++;
    }
    return hp__peer_name(path + cut, (size_t)n - cut);
}

/* ---- descriptors ---- */

static inline bool in_range(int fd)
{
    return fd >= 0 && fd < FD_CAP;
}

static uint64_t load(int fd)
{
    return atomic_load_explicit(&words[fd], memory_order_relaxed);
}

static void store(int fd, uint64_t word)
{
    atomic_store_explicit(&words[fd], word, memory_order_relaxed);
}

bool hp__peer_is_socket(int fd)
{
    if (!in_range(fd)) {
        return false;
    }
    uint64_t word = load(fd);
    if (__builtin_expect((word & KIND) == 0, 0)) {
        int type;
        socklen_t n = sizeof type;
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0) {
            word |= IS_SOCKET;
        } else if (errno == ENOTSOCK) {
            word |= IS_OTHER;
        }
        store(fd, word);
    }
    return (word & KIND) == IS_SOCKET;
}

static uint64_t next_serial(void)
{
    return (uint64_t)(atomic_fetch_add_explicit(&serial, 1, memory_order_relaxed) + 1) << CONN_SHIFT;
}

static uint8_t known_of(uint64_t word)
{
    uint64_t protocol = (word & PROTO) >> PROTO_SHIFT;
    return protocol < IN_VAIN ? (uint8_t)protocol : HP_PEER_UNKNOWN;
}

struct hp_peer_fd hp__peer_of(int fd)
{
    if (!in_range(fd)) {
        return (struct hp_peer_fd){0, 0, 0, false, false};
    }
    uint64_t word = load(fd);
    if (__builtin_expect((word & (ASKED | PEER_MASK)) == 0 && hp__peer_is_socket(fd), 0)) {
        struct sockaddr_storage address = {0};
        socklen_t n = sizeof address;
        word = load(fd) | ASKED;
        if (getpeername(fd, (struct sockaddr *)&address, &n) == 0) {
            word |= (uint64_t)hp__peer_address((struct sockaddr *)&address, n) << PEER_SHIFT;
        }
        word |= word >> CONN_SHIFT == 0 ? next_serial() : 0;
        store(fd, word);
    }
    return (struct hp_peer_fd){.peer = (uint32_t)((word & PEER_MASK) >> PEER_SHIFT),
                               .conn = (uint32_t)(word >> CONN_SHIFT),
                               .proto = known_of(word),
                               .connecting = (word & CONNECTING) != 0,
                               .handshake = (word & HANDSHAKE) != 0};
}

void hp__peer_connect(int fd, const struct sockaddr *address, socklen_t n, bool pending)
{
    if (!in_range(fd)) {
        return;
    }
    uint64_t before = load(fd);
    bool again = (before & CONNECTING) != 0; /* a call after EINPROGRESS asks for the result */
    uint64_t word = IS_SOCKET | (pending ? CONNECTING : 0u);
    word |= again ? before & (PEER_MASK | ~(uint64_t)0 << CONN_SHIFT)
                  : next_serial() | (uint64_t)hp__peer_address(address, n) << PEER_SHIFT;
    store(fd, word);
}

void hp__peer_connected(int fd)
{
    if (in_range(fd)) {
        store(fd, load(fd) & ~(uint64_t)CONNECTING);
    }
}

void hp__peer_handshake(int fd, bool going_on)
{
    if (in_range(fd)) {
        uint64_t word = load(fd) & ~(uint64_t)HANDSHAKE;
        store(fd, word | (going_on ? HANDSHAKE : 0u));
    }
}

void hp__peer_forget(int fd)
{
    if (in_range(fd) && load(fd) != 0) {
        store(fd, 0);
    }
}

/* The first message of a client: a request line, a RESP array, a start-up packet; MySQL's server speaks
 * first, in a packet of its own. */
uint8_t hp__peer_protocol(const void *data, size_t n)
{
    const unsigned char *p = data;
    static const char *const verbs[] = {"GET ",    "POST ",  "PUT ",     "HEAD ",
                                        "DELETE ", "PATCH ", "OPTIONS ", "PRI * HTTP/2"};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        size_t length = strlen(verbs[i]);
        if (n >= length && memcmp(p, verbs[i], length) == 0) {
            return HP_PEER_HTTP;
        }
    }
    if (n >= 4 && p[0] == '*' && p[1] >= '1' && p[1] <= '9' && memchr(p, '\r', n < 6 ? n : 6) != NULL) {
        return HP_PEER_REDIS;
    }
    if (n >= 8 && p[0] == 0 && p[1] == 0 &&
        ((p[4] == 0 && p[5] == 3 && p[6] == 0) || (p[4] == 4 && p[5] == 0xd2))) {
        return HP_PEER_POSTGRESQL;
    }
    if (n > 36 && p[2] == 0 && p[3] == 1 && (p[5] & 0x82) == 0x82) {
        return HP_PEER_MYSQL;
    }
    return HP_PEER_UNKNOWN;
}

static void set_protocol(int fd, uint64_t protocol)
{
    store(fd, (load(fd) & ~(uint64_t)PROTO) | protocol << PROTO_SHIFT);
}

void hp__peer_speaks(int fd, uint8_t protocol)
{
    if (in_range(fd) && known_of(load(fd)) == HP_PEER_UNKNOWN) {
        set_protocol(fd, protocol);
    }
}

/* A proxy is spoken to first, or a database asked for TLS. */
void hp__peer_sent(int fd, const void *data, size_t n)
{
    if (!in_range(fd)) {
        return;
    }
    uint64_t before = (load(fd) & PROTO) >> PROTO_SHIFT;
    if (before == HP_PEER_UNKNOWN || before == IN_VAIN) {
        uint64_t protocol = hp__peer_protocol(data, n);
        set_protocol(fd, protocol != HP_PEER_UNKNOWN ? protocol : before == IN_VAIN ? NOT_KNOWN : IN_VAIN);
    }
}
