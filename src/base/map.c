/* map.c -- growth of the open-addressing map; see map.h. The table doubles before it is more than 3/4
 * full. */
#include "base/map.h"

#include <string.h>

#include "base/mem.h"

#define FIRST_SLOTS ((size_t)16)

void hp_map_init(struct hp_map *map, size_t cap_count)
{
    *map = (struct hp_map){.cap_count = cap_count};
}

void hp_map_fini(struct hp_map *map)
{
    hp_free(map->slots);
    hp_map_init(map, map->cap_count);
}

void hp_map_clear(struct hp_map *map)
{
    if (map->slots != NULL) {
        memset(map->slots, 0, (map->mask + 1) * sizeof *map->slots);
    }
    map->count = 0;
}

/* The slot of `key`, or the free one where it belongs. */
static struct hp_map_slot *find_slot(struct hp_map_slot *slots, size_t mask, uint64_t key)
{
    size_t i = (size_t)hp_hash_mix(key, 0) & mask;
    while (slots[i].used && slots[i].key != key) {
        i = (i + 1) & mask;
    }
    return &slots[i];
}

static hp_err grow(struct hp_map *map)
{
    size_t size = map->slots != NULL ? (map->mask + 1) * 2 : FIRST_SLOTS;
    struct hp_map_slot *slots = hp_calloc(size, sizeof *slots);
    if (slots == NULL) {
        return HP_ENOMEM;
    }
    for (size_t i = 0; map->slots != NULL && i <= map->mask; i++) {
        if (map->slots[i].used) {
            *find_slot(slots, size - 1, map->slots[i].key) = map->slots[i];
        }
    }
    hp_free(map->slots);
    map->slots = slots;
    map->mask = size - 1;
    return HP_OK;
}

hp_err hp_map_put(struct hp_map *map, uint64_t key, uint32_t value)
{
    struct hp_map_slot *slot = map->slots != NULL ? find_slot(map->slots, map->mask, key) : NULL;
    if (slot != NULL && slot->used) {
        slot->value = value;
        return HP_OK;
    }
    if (map->count >= map->cap_count) {
        return HP_EFULL;
    }
    if (slot == NULL || (map->count + 1) * 4 > (map->mask + 1) * 3) {
        hp_err err = grow(map);
        if (err != HP_OK) {
            return err;
        }
        slot = find_slot(map->slots, map->mask, key);
    }
    *slot = (struct hp_map_slot){key, value, 1};
    map->count++;
    return HP_OK;
}

bool hp_map_next(const struct hp_map *map, size_t *cursor, uint64_t *key, uint32_t *value)
{
    while (map->slots != NULL && *cursor <= map->mask) {
        const struct hp_map_slot *slot = &map->slots[(*cursor)++];
        if (slot->used) {
            *key = slot->key;
            *value = slot->value;
            return true;
        }
    }
    return false;
}
