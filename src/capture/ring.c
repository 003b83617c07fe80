/* ring.c -- see ring.h for the layout of the ring and docs/formats/ring.md for the page. */
#include "capture/ring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"

#define PAGE_BYTES    4096u
#define MAGIC         "HPRING\r\n"
#define VERSION       1u
#define ORDER_MARK    0x01020304u
#define HEAD_BYTES    16u /* of a record: state and length, id */
#define DEFAULT_BYTES ((size_t)8 << 20)
#define LEAST_BYTES   ((size_t)64 << 10)
#define MOST_BYTES    ((size_t)1 << 30)
#define STALE_TMP_S   60

enum state { FREE = 0, RECORD = 1, PADDING = 2, DEAD = 3 };

/* A live page shared by a process with its successors on the same machine, so in host order, marked by
 * `byte_order`. */
struct page {
    char magic[8];
    uint32_t version, page_bytes;
    uint8_t boot_id[16];
    uint32_t pid, byte_order;
    uint64_t start_ticks, start_ns, ring_bytes;
    uint64_t reserved[8];
    _Atomic uint64_t count[16];
    _Atomic uint64_t told, commit_stored, commit_told, commit_id;
};
_Static_assert(sizeof(struct page) <= PAGE_BYTES, "a page");
_Static_assert(offsetof(struct page, count) == 128 && offsetof(struct page, told) == 256,
               "docs/formats/ring.md");
_Static_assert(HP_RING_COUNTER_COUNT <= 16, "the page has room for 16");

struct hp_ring {
    struct page *page;
    uint8_t *data;
    uint64_t mask;
    char *path; /* owned; NULL: the page is plain memory */
    struct hp_ring_identity owner;
    char apart[64]; /* producers move head, the consumer moves tail: a cache line each */
    _Atomic uint64_t head;
    char apart_too[64];
    _Atomic uint64_t tail;
};

/* --- who is who --- */

static size_t read_text(const char *path, char *out, size_t n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, out, n - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    out[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}

static void read_boot_id(uint8_t out[16])
{
    char text[64];
    size_t n = read_text("/proc/sys/kernel/random/boot_id", text, sizeof text);
    unsigned digits = 0;
    memset(out, 0, 16);
    for (size_t i = 0; i < n && digits < 32; i++) {
        char c = text[i];
        int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (value >= 0) {
            out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | value);
            digits++;
        }
    }
}

/* Start of a process in clock ticks since boot; 0: no such process, or dead and not yet reaped. */
static uint64_t read_start_ticks(uint32_t pid)
{
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    if (read_text(path, text, sizeof text) == 0) {
        return 0;
    }
    char *at = strrchr(text, ')'); /* the name may hold anything, blanks and brackets too */
    if (at == NULL || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X') {
        return 0;
    }
    at += 2;
    for (int field = 3; field < 22 && at != NULL; field++) {
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    return at != NULL ? strtoull(at, NULL, 10) : 0;
}

void hp_ring_identify(struct hp_ring_identity *out)
{
    memset(out, 0, sizeof *out);
    read_boot_id(out->boot_id);
    out->pid = (uint32_t)getpid();
    out->start_ticks = read_start_ticks(out->pid);
    long hz = sysconf(_SC_CLK_TCK);
    struct timespec boot;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    uint64_t up_ns = (uint64_t)boot.tv_sec * 1000000000u + (uint64_t)boot.tv_nsec;
    uint64_t start_up_ns = hz > 0 ? out->start_ticks * (1000000000u / (uint64_t)hz) : 0;
    uint64_t wall_ns = hp_clock_wall_ns();
    out->start_ns = out->start_ticks != 0 && start_up_ns <= up_ns ? wall_ns - (up_ns - start_up_ns) : wall_ns;
}

/* --- the page's file --- */

static void make_folder(const char *folder)
{
    if (mkdir(folder, 0700) != 0) {
        return;
    }
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/.gitignore", folder) >= (int)sizeof path) {
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        ssize_t put = write(fd, "*\n", 2);
        (void)put; /* without it only a version control would see the folder */
        close(fd);
    }
}

/* Map a locked page file in `folder`. The lock belongs to the mapping (flock lives as long as the open file,
 * and a mapping keeps that open), so the descriptor can go: an application that closes all descriptors cannot
 * hurt. It gets its name only once locked. */
static struct page *map_file(const char *folder, const struct hp_ring_identity *owner, char **path)
{
    char name[PATH_MAX], temp[PATH_MAX];
    struct page *page = MAP_FAILED;
    int fd = -1;
    bool made = false;
    if (snprintf(name, sizeof name, "%s/ring-%u-%llu.hpr", folder, owner->pid,
                 (unsigned long long)owner->start_ns) >= (int)sizeof name ||
        snprintf(temp, sizeof temp, "%s/ring-%u-%llu.tmp", folder, owner->pid,
                 (unsigned long long)owner->start_ns) >= (int)sizeof temp) {
        return NULL;
    }
    fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == ENOENT) {
        make_folder(folder);
        fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    }
    if (fd < 0) {
        goto done;
    }
    made = true;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || posix_fallocate(fd, 0, PAGE_BYTES) != 0) {
        goto done;
    }
    *path = hp_str0_dup(name, strlen(name));
    page = *path != NULL ? mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (page == MAP_FAILED || rename(temp, name) != 0) {
        goto done;
    }
    close(fd);
    return page;
done:
    if (page != MAP_FAILED) {
        munmap(page, PAGE_BYTES);
    }
    hp_free(*path);
    *path = NULL;
    if (made) {
        unlink(temp);
    }
    if (fd >= 0) {
        close(fd);
    }
    return NULL;
}

static void *map_memory(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    return p;
}

static size_t round_up(size_t bytes)
{
    size_t size = LEAST_BYTES;
    size_t want = bytes != 0 ? bytes : DEFAULT_BYTES;
    while (size < want && size < MOST_BYTES) {
        size *= 2;
    }
    return size;
}

hp_err hp_ring_open(const char *folder, size_t bytes, struct hp_ring **out)
{
    hp_err err = HP_ENOMEM;
    size_t size = round_up(bytes);
    struct hp_ring *ring = hp_calloc(1, sizeof *ring);
    if (ring == NULL) {
        return HP_ENOMEM;
    }
    hp_ring_identify(&ring->owner);
    ring->mask = size - 1;
    ring->data = map_memory(size);
    if (ring->data == NULL) {
        goto done;
    }
    ring->page = folder != NULL ? map_file(folder, &ring->owner, &ring->path) : NULL;
    if (ring->page == NULL) {
        ring->page = map_memory(PAGE_BYTES);
    }
    if (ring->page == NULL) {
        goto done;
    }
    struct page *page = ring->page;
    memcpy(page->boot_id, ring->owner.boot_id, sizeof page->boot_id);
    page->pid = ring->owner.pid;
    page->start_ticks = ring->owner.start_ticks;
    page->start_ns = ring->owner.start_ns;
    page->ring_bytes = size;
    page->version = VERSION;
    page->page_bytes = PAGE_BYTES;
    page->byte_order = ORDER_MARK;
    memcpy(page->magic, MAGIC, sizeof page->magic);
    *out = ring;
    ring = NULL;
    err = HP_OK;
done:
    hp_ring_close(ring); /* here it has no file: that is the last thing it gets */
    return err;
}

void hp_ring_close(struct hp_ring *ring)
{
    if (ring == NULL) {
        return;
    }
    if (ring->page != NULL) {
        munmap(ring->page, PAGE_BYTES);
    }
    if (ring->data != NULL) {
        munmap(ring->data, ring->mask + 1);
    }
    hp_free(ring->path);
    hp_free(ring);
}

void hp_ring_unlink(struct hp_ring *ring)
{
    if (ring->path != NULL) {
        unlink(ring->path);
    }
}

const char *hp_ring_path(const struct hp_ring *ring)
{
    return ring->path;
}

const struct hp_ring_identity *hp_ring_owner(const struct hp_ring *ring)
{
    return &ring->owner;
}

/* --- counters --- */

_Atomic uint64_t *hp_ring_counters(const struct hp_ring *ring)
{
    return ring->page->count;
}

void hp_ring_committing(struct hp_ring *ring, uint64_t stored, uint64_t told, uint64_t id)
{
    atomic_store_explicit(&ring->page->commit_stored, stored, memory_order_relaxed);
    atomic_store_explicit(&ring->page->commit_told, told, memory_order_relaxed);
    atomic_store_explicit(&ring->page->commit_id, id, memory_order_release);
}

void hp_ring_committed(struct hp_ring *ring, uint64_t stored, uint64_t told)
{
    /* Absolute figures, so that it does not matter between which of these stores a kill falls. */
    atomic_store_explicit(&ring->page->count[HP_RING_STORED], stored, memory_order_relaxed);
    atomic_store_explicit(&ring->page->told, told, memory_order_relaxed);
    atomic_store_explicit(&ring->page->commit_id, 0, memory_order_release);
}

/* --- records --- */

static _Atomic uint64_t *word_at(const struct hp_ring *ring, uint64_t position)
{
    return (_Atomic uint64_t *)(void *)(ring->data + (position & ring->mask));
}

static uint64_t pack(enum state state, uint64_t bytes)
{
    return (uint64_t)state << 56 | bytes;
}

static uint64_t room_of(uint64_t bytes)
{
    return HEAD_BYTES + ((bytes + 7) & ~(uint64_t)7);
}

void *hp_ring_reserve(struct hp_ring *ring, uint64_t id, size_t n, struct hp_ring_slot *slot)
{
    uint64_t size = ring->mask + 1;
    if (n > size / 2 - HEAD_BYTES) {
        return NULL;
    }
    uint64_t need = room_of(n), padding;
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    do {
        uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
        uint64_t left = size - (head & ring->mask);
        padding = left < need ? left : 0;
        /* Signed: a head read long ago may lie behind the tail, then the exchange below fails and reads it
         * anew. */
        if ((int64_t)(head + padding + need - tail) > (int64_t)size) {
            return NULL;
        }
        /* Sequentially consistent, because the writer decides by head whether it may sleep (writer.c). */
    } while (!atomic_compare_exchange_weak(&ring->head, &head, head + padding + need));
    if (padding != 0) {
        atomic_store_explicit(word_at(ring, head), pack(PADDING, padding), memory_order_release);
        head += padding;
    }
    uint8_t *record = ring->data + (head & ring->mask);
    memcpy(record + 8, &id, sizeof id);
    *slot = (struct hp_ring_slot){head, n};
    return record + HEAD_BYTES;
}

void hp_ring_commit(struct hp_ring *ring, const struct hp_ring_slot *slot)
{
    atomic_store_explicit(word_at(ring, slot->at), pack(RECORD, slot->bytes), memory_order_release);
}

bool hp_ring_push(struct hp_ring *ring, uint64_t id, const void *p, size_t n)
{
    struct hp_ring_slot slot;
    void *room = hp_ring_reserve(ring, id, n, &slot);
    if (room == NULL) {
        return false;
    }
    memcpy(room, p, n);
    hp_ring_commit(ring, &slot);
    return true;
}

uint64_t hp_ring_head(const struct hp_ring *ring)
{
    return atomic_load(&ring->head);
}

uint64_t hp_ring_tail(const struct hp_ring *ring)
{
    return atomic_load_explicit(&ring->tail, memory_order_acquire);
}

size_t hp_ring_bytes(const struct hp_ring *ring)
{
    return (size_t)ring->mask + 1;
}

bool hp_ring_peek(const struct hp_ring *ring, uint64_t *cursor, struct hp_ring_record *record)
{
    while (*cursor != hp_ring_head(ring)) {
        uint64_t at = *cursor;
        uint64_t word = atomic_load_explicit(word_at(ring, at), memory_order_acquire);
        enum state state = (enum state)(word >> 56);
        uint64_t bytes = word & (((uint64_t)1 << 56) - 1);
        if (state == FREE) {
            return false;
        }
        *cursor += state == PADDING ? bytes : room_of(bytes);
        if (state == RECORD) {
            const uint8_t *p = ring->data + (at & ring->mask);
            memcpy(&record->id, p + 8, sizeof record->id);
            record->bytes = hp_str_make((const char *)p + HEAD_BYTES, (size_t)bytes);
            record->at = at;
            return true;
        }
    }
    return false;
}

void hp_ring_discard(struct hp_ring *ring, const struct hp_ring_record *record)
{
    atomic_store_explicit(word_at(ring, record->at), pack(DEAD, record->bytes.n), memory_order_relaxed);
}

void hp_ring_consume(struct hp_ring *ring, uint64_t cursor)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    hp_assert(cursor - tail <= ring->mask + 1);
    /* Any word may be the first of a later record: all of them must read FREE until that one is committed. */
    uint64_t bytes = cursor - tail, from = tail & ring->mask;
    uint64_t first = bytes < ring->mask + 1 - from ? bytes : ring->mask + 1 - from;
    memset(ring->data + from, 0, first);
    memset(ring->data, 0, bytes - first);
    atomic_store_explicit(&ring->tail, cursor, memory_order_release);
}

/* --- adopting --- */

void hp_ring_settle(struct hp_ring_orphan *orphan)
{
    orphan->count[HP_RING_STORED] = orphan->commit_stored;
    orphan->told = orphan->commit_told;
}

uint64_t hp_ring_lost(const struct hp_ring_orphan *orphan)
{
    uint64_t known = orphan->count[HP_RING_STORED] + orphan->told;
    return orphan->count[HP_RING_STARTED] > known ? orphan->count[HP_RING_STARTED] - known : 0;
}

static bool read_page(int fd, struct hp_ring_orphan *orphan)
{
    struct page page;
    if (pread(fd, &page, sizeof page, 0) != (ssize_t)sizeof page) {
        return false;
    }
    if (memcmp(page.magic, MAGIC, sizeof page.magic) != 0 || page.byte_order != ORDER_MARK ||
        page.version != VERSION) {
        return false;
    }
    memset(orphan, 0, sizeof *orphan);
    memcpy(orphan->owner.boot_id, page.boot_id, sizeof page.boot_id);
    orphan->owner.pid = page.pid;
    orphan->owner.start_ticks = page.start_ticks;
    orphan->owner.start_ns = page.start_ns;
    for (size_t i = 0; i < HP_RING_COUNTER_COUNT; i++) {
        orphan->count[i] = atomic_load_explicit(&page.count[i], memory_order_relaxed);
    }
    orphan->told = atomic_load_explicit(&page.told, memory_order_relaxed);
    orphan->commit_stored = atomic_load_explicit(&page.commit_stored, memory_order_relaxed);
    orphan->commit_told = atomic_load_explicit(&page.commit_told, memory_order_relaxed);
    orphan->commit_id = atomic_load_explicit(&page.commit_id, memory_order_relaxed);
    return true;
}

/* A second opinion beside the lock: the process of that id is the one that wrote the page. */
static bool owner_runs(const struct hp_ring_identity *owner, const uint8_t boot_id[16])
{
    return memcmp(owner->boot_id, boot_id, 16) == 0 && owner->start_ticks != 0 &&
           read_start_ticks(owner->pid) == owner->start_ticks;
}

/* Whether `fd`, on which we have the lock by now, is still what `name` says: another adopter may have been
 * faster. */
static bool still_named(int folder_fd, const char *name, int fd, struct stat *held)
{
    struct stat named;
    return fstat(fd, held) == 0 && fstatat(folder_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           held->st_ino == named.st_ino && held->st_dev == named.st_dev;
}

static hp_err adopt_one(int folder_fd, const char *name, const uint8_t boot_id[16], hp_ring_adopt_fn fn,
                        void *ctx, uint32_t *adopted)
{
    hp_err err = HP_OK;
    struct hp_ring_orphan orphan;
    struct stat held;
    int fd = openat(folder_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || !still_named(folder_fd, name, fd, &held)) {
        goto done;
    }
    if (strstr(name, ".tmp") != NULL) { /* killed between making and naming it: it never counted anything */
        if (time(NULL) - held.st_mtime > STALE_TMP_S) {
            unlinkat(folder_fd, name, 0);
        }
        goto done;
    }
    if (!read_page(fd, &orphan) || owner_runs(&orphan.owner, boot_id)) {
        goto done;
    }
    err = fn(ctx, &orphan);
    if (err == HP_OK) {
        unlinkat(folder_fd, name, 0);
        ++*adopted;
    }
done:
    if (fd >= 0) {
        close(fd);
    }
    return err;
}

hp_err hp_ring_adopt(const char *folder, hp_ring_adopt_fn fn, void *ctx, uint32_t *adopted)
{
    uint32_t count = 0;
    uint8_t boot_id[16];
    hp_err err = HP_OK;
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return errno == ENOENT ? HP_OK : HP_EIO;
    }
    read_boot_id(boot_id);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        size_t n = strlen(entry->d_name);
        if (strncmp(entry->d_name, "ring-", 5) == 0 && n > 4 &&
            (strcmp(entry->d_name + n - 4, ".hpr") == 0 || strcmp(entry->d_name + n - 4, ".tmp") == 0)) {
            hp_err one = adopt_one(dirfd(dir), entry->d_name, boot_id, fn, ctx, &count);
            err = one != HP_OK ? one : err;
        }
    }
    closedir(dir);
    if (adopted != NULL) {
        *adopted = count;
    }
    return err;
}
