/* arena.c -- chunks behind the bump pointer; see arena.h. */
#include "base/arena.h"

#include <string.h>

#include "base/mem.h"

#define FIRST_CHUNK_BYTES ((size_t)4096)
#define LAST_CHUNK_BYTES  ((size_t)256 * 1024)

/* Header of a chunk; the payload follows. 32 bytes on 64-bit machines, so the payload is aligned as malloc's
 * is. */
struct hp_arena_chunk {
    struct hp_arena_chunk *next;
    size_t payload_bytes;
    uint64_t unused[2];
};

static void use_chunk(struct hp_arena *arena, struct hp_arena_chunk *chunk)
{
    arena->current = chunk;
    arena->next = (uintptr_t)(chunk + 1);
    arena->end = arena->next + chunk->payload_bytes;
}

static void free_chunks(struct hp_arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct hp_arena_chunk *next = chunk->next;
        hp_free(chunk);
        chunk = next;
    }
}

void hp_arena_init(struct hp_arena *arena, size_t cap_bytes)
{
    *arena = (struct hp_arena){.cap_bytes = cap_bytes};
}

void hp_arena_fini(struct hp_arena *arena)
{
    free_chunks(arena->first);
    hp_arena_init(arena, arena->cap_bytes);
}

void hp_arena_reset(struct hp_arena *arena)
{
    if (arena->first != NULL) {
        free_chunks(arena->first->next);
        arena->first->next = NULL;
        arena->held_bytes = arena->first->payload_bytes;
        use_chunk(arena, arena->first);
    }
    arena->used_bytes = 0;
}

/* Payload of the chunk to make for a piece of `need` bytes, 0 if the cap does not allow it. */
static size_t next_chunk_bytes(const struct hp_arena *arena, size_t need)
{
    size_t left = arena->cap_bytes - arena->held_bytes;
    if (need > left) {
        return 0;
    }
    size_t wish = arena->held_bytes > FIRST_CHUNK_BYTES ? arena->held_bytes : FIRST_CHUNK_BYTES;
    wish = wish < LAST_CHUNK_BYTES ? wish : LAST_CHUNK_BYTES;
    wish = wish > need ? wish : need;
    return wish < left ? wish : left;
}

void *hp_arena_alloc_slow(struct hp_arena *arena, size_t size, size_t align)
{
    /* A chunk is 16-aligned; a stricter wish needs room to move up. */
    size_t slack = align > 16 ? align - 16 : 0;
    size_t payload = size <= SIZE_MAX - slack ? next_chunk_bytes(arena, size + slack) : 0;
    struct hp_arena_chunk *chunk = NULL;
    if (payload != 0 && payload <= SIZE_MAX - sizeof *chunk) {
        chunk = hp_malloc(sizeof *chunk + payload);
    }
    if (chunk == NULL) {
        arena->refused_count++;
        return NULL;
    }
    chunk->payload_bytes = payload;
    chunk->next = NULL;
    if (arena->current != NULL) {
        arena->current->next = chunk;
    } else {
        arena->first = chunk;
    }
    arena->held_bytes += payload;
    use_chunk(arena, chunk);
    uintptr_t start = (arena->next + (align - 1)) & ~(uintptr_t)(align - 1);
    arena->used_bytes += start + size - arena->next;
    arena->next = start + size;
    return (void *)start;
}

void *hp_arena_dup(struct hp_arena *arena, const void *p, size_t n)
{
    void *copy = hp_arena_alloc(arena, n, 1);
    if (copy != NULL && n != 0) {
        memcpy(copy, p, n);
    }
    return copy;
}

size_t hp_arena_used_bytes(const struct hp_arena *arena)
{
    return arena->used_bytes;
}
