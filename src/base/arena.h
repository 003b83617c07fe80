/* arena.h -- memory that dies together: bump allocation from chunks, one reset or fini frees all.
 *
 * Why: a request or a parse makes many small pieces of the same life time; freeing them one by one costs more
 * than making them. Chunks start at 4 KiB and double up to 256 KiB; a larger piece gets a chunk of its own.
 * Chunks never move, so pointers stay valid until reset or fini.
 *
 *     first ──▶ chunk ──▶ chunk (current: next … end is free) ──▶ NULL
 *
 * Cap: `cap_bytes` limits the bytes held in chunks (payload); beyond it allocation is refused and counted.
 */
#ifndef HP_ARENA_H
#define HP_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"

struct hp_arena_chunk;

/* Fields are for the inline path; read `refused_count`, leave the rest alone. */
struct hp_arena {
    uintptr_t next; /* first free byte of the current chunk, 0 before the first */
    uintptr_t end;
    struct hp_arena_chunk *first;
    struct hp_arena_chunk *current;
    size_t cap_bytes;
    size_t held_bytes;
    size_t used_bytes;
    uint64_t refused_count; /* allocations that returned NULL since init */
};

/* Start an empty arena. Never allocates, never fails. Owns: finish with hp_arena_fini. Threads: owner
 * only. */
void hp_arena_init(struct hp_arena *arena, size_t cap_bytes);

/* Free all chunks; the arena may be initialised again. A zeroed arena is fine. */
void hp_arena_fini(struct hp_arena *arena);

/* Forget every piece, keep the first chunk for reuse and free the others. Never allocates. */
void hp_arena_reset(struct hp_arena *arena);

/* The path of hp_arena_alloc that needs a new chunk; call hp_arena_alloc instead. */
void *hp_arena_alloc_slow(struct hp_arena *arena, size_t size, size_t align);

/* `size` bytes (uninitialised) at a multiple of `align`, a power of two.
 * Owns: the arena. Threads: owner only. Hot: yes as long as the current chunk has room, else one hp_malloc.
 * Fails: NULL when the cap is reached or there is no memory (counted); the arena stays usable. */
static inline void *hp_arena_alloc(struct hp_arena *arena, size_t size, size_t align)
{
    hp_assert(align != 0 && (align & (align - 1)) == 0);
    uintptr_t start = (arena->next + (align - 1)) & ~(uintptr_t)(align - 1);
    if (start < arena->next || start > arena->end || arena->end - start < size || arena->next == 0) {
        return hp_arena_alloc_slow(arena, size, align);
    }
    arena->used_bytes += start + size - arena->next;
    arena->next = start + size;
    return (void *)start;
}

/* Copy of `n` bytes at `p`, byte-aligned. Owns: the arena. Fails: NULL. */
void *hp_arena_dup(struct hp_arena *arena, const void *p, size_t n);

/* Bytes handed out since init or reset, alignment included. */
size_t hp_arena_used_bytes(const struct hp_arena *arena);

#endif
