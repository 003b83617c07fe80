/* intern.c -- strings to ids; see intern.h for the layout that readers see.
 *
 * Writers also keep an index (open addressing, XXH64 of the text with a seed of this table, 3/4 full at most)
 * that only they touch, under the mutex. A slot is the upper half of the hash and id + 1; 0 is free.
 */
#include "base/intern.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"

#define SEGMENT_SHIFT 8
#define FIRST_SEGMENT ((uint32_t)1 << SEGMENT_SHIFT)
#define MAX_SEGMENTS  (32 - SEGMENT_SHIFT + 1)
#define FIRST_SLOTS   ((size_t)512)

struct entry {
    const char *p;
    size_t n;
};

struct slot {
    uint32_t hash;
    uint32_t id_plus_1;
};

struct hp_intern {
    /* read without the lock */
    _Atomic uint32_t count;
    struct entry *segments[MAX_SEGMENTS]; /* each written once, before the count that reaches into it */
    /* under the mutex */
    pthread_mutex_t mutex;
    struct hp_arena texts;
    struct slot *slots;
    size_t mask;
    uint32_t cap_count;
    size_t cap_bytes;
    size_t used_bytes;
    uint64_t refused_count;
};

/* Segment k begins at id 256 × (2^k - 1). */
static inline unsigned segment_of(uint32_t id, uint32_t *offset)
{
    uint64_t shifted = (uint64_t)id + FIRST_SEGMENT;
    unsigned high_bit = 63u - (unsigned)__builtin_clzll(shifted);
    *offset = (uint32_t)(shifted - ((uint64_t)1 << high_bit));
    return high_bit - SEGMENT_SHIFT;
}

struct hp_intern *hp_intern_new(uint32_t cap_count, size_t cap_bytes)
{
    struct hp_intern *table = hp_calloc(1, sizeof *table);
    if (table == NULL) {
        return NULL;
    }
    table->slots = hp_calloc(FIRST_SLOTS, sizeof *table->slots);
    if (table->slots == NULL || pthread_mutex_init(&table->mutex, NULL) != 0) {
        hp_free(table->slots);
        hp_free(table);
        return NULL;
    }
    table->mask = FIRST_SLOTS - 1;
    table->cap_count = cap_count < UINT32_MAX ? cap_count : UINT32_MAX - 1;
    table->cap_bytes = cap_bytes;
    /* The cap is on text; the arena may also hold the NULs and what is lost at the ends of chunks. */
    hp_arena_init(&table->texts, SIZE_MAX / 2);
    return table;
}

void hp_intern_free(struct hp_intern *table)
{
    if (table == NULL) {
        return;
    }
    pthread_mutex_destroy(&table->mutex);
    hp_arena_fini(&table->texts);
    for (size_t i = 0; i < MAX_SEGMENTS; i++) {
        hp_free(table->segments[i]);
    }
    hp_free(table->slots);
    hp_free(table);
}

static struct hp_str entry_text(const struct hp_intern *table, uint32_t id)
{
    uint32_t offset;
    unsigned segment = segment_of(id, &offset);
    const struct entry *entry = &table->segments[segment][offset];
    return hp_str_make(entry->p, entry->n);
}

/* The slot that holds `text`, or the free one where it belongs. */
static struct slot *find_slot(struct hp_intern *table, struct hp_str text, uint64_t hash)
{
    for (size_t i = (size_t)(hash >> 32) & table->mask;; i = (i + 1) & table->mask) {
        struct slot *slot = &table->slots[i];
        if (slot->id_plus_1 == 0) {
            return slot;
        }
        if (slot->hash == (uint32_t)(hash >> 32) && hp_str_eq(entry_text(table, slot->id_plus_1 - 1), text)) {
            return slot;
        }
    }
}

static uint64_t hash_of(struct hp_str text)
{
    return hp_hash64(text.p, text.n, 0);
}

/* Double the index. Places are told by the half of the hash that is kept, so no text is looked at. */
static hp_err grow_index(struct hp_intern *table)
{
    size_t size = (table->mask + 1) * 2;
    struct slot *slots = hp_calloc(size, sizeof *slots);
    if (slots == NULL) {
        return HP_ENOMEM;
    }
    for (size_t old = 0; old <= table->mask; old++) {
        size_t i = table->slots[old].hash & (size - 1);
        while (table->slots[old].id_plus_1 != 0 && slots[i].id_plus_1 != 0) {
            i = (i + 1) & (size - 1);
        }
        if (table->slots[old].id_plus_1 != 0) {
            slots[i] = table->slots[old];
        }
    }
    hp_free(table->slots);
    table->slots = slots;
    table->mask = size - 1;
    return HP_OK;
}

/* Store a new text as id `id` and make it findable. */
static hp_err store(struct hp_intern *table, struct hp_str text, uint64_t hash, uint32_t id)
{
    if (id >= table->cap_count || text.n > table->cap_bytes - table->used_bytes) {
        table->refused_count++;
        return HP_EFULL;
    }
    if (((size_t)id + 1) * 4 > (table->mask + 1) * 3) {
        hp_err err = grow_index(table);
        if (err != HP_OK) {
            return err;
        }
    }
    uint32_t offset;
    unsigned segment = segment_of(id, &offset);
    if (table->segments[segment] == NULL) {
        size_t size = (size_t)FIRST_SEGMENT << segment;
        table->segments[segment] = hp_malloc(size * sizeof(struct entry));
    }
    char *copy = text.n < SIZE_MAX ? hp_arena_alloc(&table->texts, text.n + 1, 1) : NULL;
    if (table->segments[segment] == NULL || copy == NULL) {
        return HP_ENOMEM;
    }
    if (text.n != 0) {
        memcpy(copy, text.p, text.n);
    }
    copy[text.n] = '\0';
    table->segments[segment][offset] = (struct entry){copy, text.n};
    table->used_bytes += text.n;
    *find_slot(table, text, hash) = (struct slot){(uint32_t)(hash >> 32), id + 1};
    atomic_store_explicit(&table->count, id + 1, memory_order_release);
    return HP_OK;
}

hp_err hp_intern_add(struct hp_intern *table, struct hp_str text, uint32_t *id)
{
    return hp_intern_add_hashed(table, text, hash_of(text), id);
}

hp_err hp_intern_add_hashed(struct hp_intern *table, struct hp_str text, uint64_t hash, uint32_t *id)
{
    hp_err err = HP_OK;
    pthread_mutex_lock(&table->mutex);
    uint32_t known = find_slot(table, text, hash)->id_plus_1;
    uint32_t result = known - 1;
    if (known == 0) {
        result = atomic_load_explicit(&table->count, memory_order_relaxed);
        err = store(table, text, hash, result);
    }
    pthread_mutex_unlock(&table->mutex);
    if (err == HP_OK) {
        *id = result;
    }
    return err;
}

hp_err hp_intern_find(struct hp_intern *table, struct hp_str text, uint32_t *id)
{
    uint64_t hash = hash_of(text);
    pthread_mutex_lock(&table->mutex);
    uint32_t known = find_slot(table, text, hash)->id_plus_1;
    pthread_mutex_unlock(&table->mutex);
    if (known == 0) {
        return HP_ENOTFOUND;
    }
    *id = known - 1;
    return HP_OK;
}

struct hp_str hp_intern_get(const struct hp_intern *table, uint32_t id)
{
    if (id >= hp_intern_count(table)) {
        return hp_str_make("", 0);
    }
    return entry_text(table, id);
}

uint32_t hp_intern_count(const struct hp_intern *table)
{
    return atomic_load_explicit(&table->count, memory_order_acquire);
}

size_t hp_intern_used_bytes(struct hp_intern *table)
{
    pthread_mutex_lock(&table->mutex);
    size_t used = table->used_bytes;
    pthread_mutex_unlock(&table->mutex);
    return used;
}

uint64_t hp_intern_refused_count(struct hp_intern *table)
{
    pthread_mutex_lock(&table->mutex);
    uint64_t refused = table->refused_count;
    pthread_mutex_unlock(&table->mutex);
    return refused;
}

void hp_intern_fork_hold(struct hp_intern *table)
{
    pthread_mutex_lock(&table->mutex);
}

void hp_intern_fork_release(struct hp_intern *table)
{
    pthread_mutex_unlock(&table->mutex);
}
