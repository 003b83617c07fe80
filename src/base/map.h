/* map.h -- map from a 64-bit key to a 32-bit value: open addressing, linear probing, power-of-two table.
 *
 * Why: the inner indexes (code address → symbol, hash → node) need one probe in the common case and no
 * pointer chasing. A slot is 16 bytes: key, value, used. Every key works, 0 too. Load stays at or below 3/4.
 * There is no removal. Cap: at most `cap_count` keys; a further key is refused with HP_EFULL, known keys can
 * still be changed.
 */
#ifndef HP_MAP_H
#define HP_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "hotplate/err.h"

struct hp_map_slot {
    uint64_t key;
    uint32_t value;
    uint32_t used;
};

struct hp_map {
    struct hp_map_slot *slots; /* NULL until the first put */
    size_t mask;               /* table size - 1; 0 while slots is NULL */
    size_t count;
    size_t cap_count;
};

/* Start an empty map. Never allocates, never fails. Owns: finish with hp_map_fini. Threads: owner only. */
void hp_map_init(struct hp_map *map, size_t cap_count);

/* Free the table; the map is then empty with the same cap. A zeroed map is fine. */
void hp_map_fini(struct hp_map *map);

/* Forget every key, keep the table. Never allocates. */
void hp_map_clear(struct hp_map *map);

/* Find `key`. False: not there, `*value` untouched. Hot: yes. */
static inline bool hp_map_get(const struct hp_map *map, uint64_t key, uint32_t *value)
{
    if (map->slots == NULL) {
        return false;
    }
    for (size_t i = (size_t)hp_hash_mix(key, 0) & map->mask;; i = (i + 1) & map->mask) {
        const struct hp_map_slot *slot = &map->slots[i];
        if (!slot->used) {
            return false;
        }
        if (slot->key == key) {
            *value = slot->value;
            return true;
        }
    }
}

/* Set the value of `key`, new or known. Hot: no (a new key may grow the table).
 * Fails: HP_EFULL for a new key at the cap, HP_ENOMEM; the map stays as it was. */
hp_err hp_map_put(struct hp_map *map, uint64_t key, uint32_t value) HP_CHECK;

static inline size_t hp_map_count(const struct hp_map *map)
{
    return map->count;
}

/* Walk all keys in no particular order: start with `*cursor` 0, call until false. No put in between. */
bool hp_map_next(const struct hp_map *map, size_t *cursor, uint64_t *key, uint32_t *value);

#endif
