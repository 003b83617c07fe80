/* ring.h -- the way from application threads to the writer: a bounded, lock-free byte ring, and the page that
 * outlives us.
 *
 * Many producers, one consumer. A producer reserves room by one compare-and-swap on `head`, copies, then
 * commits by storing the record's first word; the consumer reads in order, stops at the first uncommitted
 * record, zeroes what it has used up and moves `tail`. A record that does not fit before the end is preceded
 * by padding in the same reservation.
 *
 *     data    | rec | rec | pad → | rec | (reserved, not yet committed) |  free …
 *               ▲ tail                                                   ▲ head
 *     record    word0 = state << 56 | bytes      word1 = request id      bytes, padded to 8
 *
 * The page is 4 KiB of a file `ring-<pid>-<start ns>.hpr` beside the store, mapped shared: identity of the
 * process and its counters. After a kill, started − stored − what the store was told of drops and sampling is
 * what was lost (docs/formats/ring.md). Only the page is in the file. The records are not: they speak in ids
 * of a dictionary that dies with the process, and a sparse file mapped for writing turns a full disk into
 * SIGBUS in the application. The file is locked (flock) for as long as it is mapped, so whoever gets the lock
 * knows that the owner is gone.
 *
 * Caps: the ring's bytes; a record may take half of them.
 */
#ifndef HP_RING_H
#define HP_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "hotplate/err.h"

enum hp_ring_counter { /* stored in files: only add, at most 16 */
                       HP_RING_STARTED,
                       HP_RING_FINISHED,
                       HP_RING_PUSHED,
                       HP_RING_STORED,
                       HP_RING_SAMPLED_OUT,
                       HP_RING_DROPPED_RING,
                       HP_RING_DROPPED_TREE,
                       HP_RING_DROPPED_STORE,
                       HP_RING_DROPPED_MEMORY,
                       HP_RING_ERRORS,
                       HP_RING_OWN_NS,
                       HP_RING_WRITER_CPU_NS,
                       HP_RING_WAITS,
                       HP_RING_WAIT_NS,
                       HP_RING_COUNTER_COUNT
};

/* Who a process is, on this host and since its boot. */
struct hp_ring_identity {
    uint8_t boot_id[16];
    uint64_t start_ticks; /* as /proc/<pid>/stat has it; 0 unknown */
    uint64_t start_ns;    /* the same as wall time */
    uint32_t pid;
};

struct hp_ring; /* opaque */

/* Identity of this process, read from /proc. */
void hp_ring_identify(struct hp_ring_identity *out);

/* Open a ring of about `bytes` (rounded up to a power of two, 64 KiB to 1 GiB). With a folder its page is a
 * file there (the folder is made, 0700 with a .gitignore, if only its last part is missing); where that
 * cannot be had, and with NULL, it is plain memory. Owns: the caller, hp_ring_close. Fails: HP_ENOMEM. */
HP_CHECK hp_err hp_ring_open(const char *folder, size_t bytes, struct hp_ring **ring);

/* Unmap and free; the file stays, for whoever adopts it (the child of a fork leaves its parent's alone this
 * way). NULL does nothing. */
void hp_ring_close(struct hp_ring *ring);
/* Everything is accounted for (clean exit): remove the file. The ring stays usable. */
void hp_ring_unlink(struct hp_ring *ring);

/* Path of the page's file; NULL when it is plain memory. Borrowed. */
const char *hp_ring_path(const struct hp_ring *ring);
const struct hp_ring_identity *hp_ring_owner(const struct hp_ring *ring);

/* The counters, by enum hp_ring_counter; borrowed for the ring's life. Threads: any. */
_Atomic uint64_t *hp_ring_counters(const struct hp_ring *ring);

/* The consumer is about to commit: `stored` records in all, the last being `id` (0: none in this commit), and
 * a process row that names `told` requests as sampled out or dropped. Then: it did; both are facts. Read by
 * adopters. */
void hp_ring_committing(struct hp_ring *ring, uint64_t stored, uint64_t told, uint64_t id);
void hp_ring_committed(struct hp_ring *ring, uint64_t stored, uint64_t told);

/* ---- producers: any thread ---- */

/* Room that is reserved for a record. */
struct hp_ring_slot {
    uint64_t at, bytes;
};

/* Room for a record of `n` bytes, aligned to 8, read by nobody before hp_ring_commit, which has to follow:
 * the consumer waits there. It reads as zeroes. NULL: no room (nothing changed). Hot: yes. */
void *hp_ring_reserve(struct hp_ring *ring, uint64_t id, size_t n, struct hp_ring_slot *slot);
void hp_ring_commit(struct hp_ring *ring, const struct hp_ring_slot *slot);

/* Copy a record in. False: no room (nothing changed). Hot: yes. */
bool hp_ring_push(struct hp_ring *ring, uint64_t id, const void *p, size_t n);

/* ---- consumer: one thread at a time ---- */

struct hp_ring_record {
    uint64_t id;
    struct hp_str bytes; /* borrowed until hp_ring_consume has passed it */
    uint64_t at;         /* position, for hp_ring_discard */
};

/* Positions only grow. Empty when equal. Threads: any. */
uint64_t hp_ring_head(const struct hp_ring *ring);
uint64_t hp_ring_tail(const struct hp_ring *ring);
size_t hp_ring_bytes(const struct hp_ring *ring);

/* The record at `*cursor` (start with hp_ring_tail), which then points behind it. False: none committed there
 * yet. */
bool hp_ring_peek(const struct hp_ring *ring, uint64_t *cursor, struct hp_ring_record *record);
/* Let later peeks skip a record that no store takes. */
void hp_ring_discard(struct hp_ring *ring, const struct hp_ring_record *record);
/* Give back everything before `cursor`. */
void hp_ring_consume(struct hp_ring *ring, uint64_t cursor);

/* ---- what the dead left ---- */

struct hp_ring_orphan {
    struct hp_ring_identity owner;
    uint64_t count[HP_RING_COUNTER_COUNT];
    uint64_t told; /* sampled out and dropped ones that its row in the store names */
    uint64_t commit_stored, commit_told;
    uint64_t commit_id; /* not 0: it died while committing, see hp_ring_settle */
};

/* The commit that it died in has happened, since the store has commit_id. */
void hp_ring_settle(struct hp_ring_orphan *orphan);

/* Requests that the store does not know of: started − stored − told; never below 0. (Drops that it was not
 * told of are among them.) */
uint64_t hp_ring_lost(const struct hp_ring_orphan *orphan);

/* Call `fn` for the page of every process in `folder` that is gone, and unlink it if fn returns HP_OK (else
 * it is left for the next time). Exactly once, whoever else does the same at the same moment (flock).
 * `*adopted` (may be NULL) counts. Threads: any. Fails: HP_EIO if the folder cannot be read, or fn's last
 * failure. A missing folder has none. */
typedef hp_err (*hp_ring_adopt_fn)(void *ctx, const struct hp_ring_orphan *orphan);
HP_CHECK hp_err hp_ring_adopt(const char *folder, hp_ring_adopt_fn fn, void *ctx, uint32_t *adopted);

#endif
