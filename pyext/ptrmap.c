/* ptrmap.c -- see ptrmap.h. Open addressing, linear probing. */
#include "ptrmap.h"

#include <stdint.h>
#include <stdlib.h>

#define DELETED ((const void *)1)

static size_t slot_of(const struct hp_ptrmap *map, const void *key)
{
    uint64_t h = (uint64_t)(uintptr_t)key;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdULL;
    h ^= h >> 29;
    return (size_t)h & map->mask;
}

struct hp_ptrmap_entry *hp_ptrmap_find(const struct hp_ptrmap *map, const void *key)
{
    if (map->live == 0) {
        return NULL;
    }
    for (size_t i = slot_of(map, key);; i = (i + 1) & map->mask) {
        if (map->slots[i].key == key) {
            return &map->slots[i];
        }
        if (map->slots[i].key == NULL) {
            return NULL;
        }
    }
}

static bool grow(struct hp_ptrmap *map)
{
    struct hp_ptrmap old = *map;
    size_t size = 64;
    while (size < old.live * 4) {
        size *= 2;
    }
    struct hp_ptrmap_entry *fresh = calloc(size, sizeof *fresh);
    if (fresh == NULL) {
        return false;
    }
    *map = (struct hp_ptrmap){.slots = fresh, .mask = size - 1, .used = old.live, .live = old.live};
    for (size_t i = 0; old.slots != NULL && i <= old.mask; i++) {
        if (old.slots[i].key == NULL || old.slots[i].key == DELETED) {
            continue;
        }
        size_t at = slot_of(map, old.slots[i].key);
        while (fresh[at].key != NULL) {
            at = (at + 1) & map->mask;
        }
        fresh[at] = old.slots[i];
    }
    free(old.slots);
    return true;
}

bool hp_ptrmap_put(struct hp_ptrmap *map, const void *key, void *value, unsigned flags)
{
    struct hp_ptrmap_entry *entry = hp_ptrmap_find(map, key);
    if (entry == NULL) {
        if ((map->slots == NULL || (map->used + 1) * 2 > map->mask) && !grow(map)) {
            return false;
        }
        size_t at = slot_of(map, key);
        while (map->slots[at].key != NULL && map->slots[at].key != DELETED) {
            at = (at + 1) & map->mask;
        }
        entry = &map->slots[at];
        map->used += entry->key == NULL;
        map->live++;
        entry->key = key;
    }
    entry->value = value;
    entry->flags = flags;
    return true;
}

void hp_ptrmap_remove(struct hp_ptrmap *map, const void *key)
{
    struct hp_ptrmap_entry *entry = hp_ptrmap_find(map, key);
    if (entry != NULL) {
        entry->key = DELETED;
        map->live--;
    }
}
