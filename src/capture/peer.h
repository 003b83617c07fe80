/* peer.h -- whom a wait was for: what is known of each file descriptor, and the names of peers.
 *
 *     descriptors[fd]   one word: socket or not, state, number of the peer, serial number of the connection
 *     peers[id]         "10.0.0.7:5432", "unix:/run/x.sock", "example.org" (a name looked up), "/var/lib/x.db" (a file synced)
 *
 * Everything here is called from probes: no allocation, no lock that waits, errno is kept by the caller. A
 * word is reset when its descriptor is closed or made anew through a slot. Names are never taken back: beyond
 * the cap the peer is 0, unknown.
 */
#ifndef HP_PEER_H
#define HP_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/str.h"

enum hp_peer_proto {
    HP_PEER_UNKNOWN = 0,
    HP_PEER_HTTP = 1,
    HP_PEER_REDIS = 2,
    HP_PEER_POSTGRESQL = 3,
    HP_PEER_MYSQL = 4
};

struct hp_peer_fd {
    uint32_t peer, conn; /* 0: unknown; conn is a serial number of the process */
    uint8_t proto;
    bool connecting, handshake;
};

/* Whether fd is a socket: one system call at first sight. Threads: any. */
bool hp__peer_is_socket(int fd);
/* What is known of a socket; asks for the peer's address once. */
struct hp_peer_fd hp__peer_of(int fd);
/* connect was called; `pending`: it goes on (EINPROGRESS). */
void hp__peer_connect(int fd, const struct sockaddr *address, socklen_t n, bool pending);
void hp__peer_connected(int fd);
/* A TLS handshake on it began (and wants more of the peer), or is over. */
void hp__peer_handshake(int fd, bool going_on);
/* The descriptor was closed, or is a new one. */
void hp__peer_forget(int fd);
/* The protocol of a client that sends this first. */
uint8_t hp__peer_protocol(const void *data, size_t n);
/* The first or second message sent on a connection tells its protocol; or it is known otherwise. What is
 * known stays. */
void hp__peer_sent(int fd, const void *data, size_t n);
void hp__peer_speaks(int fd, uint8_t protocol);
/* Number of a name; 0: none, or no room. */
uint32_t hp__peer_name(const char *text, size_t n);
uint32_t hp__peer_address(const struct sockaddr *address, socklen_t n);
/* The file behind a descriptor. */
uint32_t hp__peer_file(int fd);
/* Borrowed for the process's life; empty for 0. */
struct hp_str hp__peer_text(uint32_t peer);
/* In a fork's child: another thread may have been adding. */
void hp__peer_fork_child(void);

#endif
