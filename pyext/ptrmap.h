/* ptrmap.h -- a table from an object's identity to what we know of it: greenlet to lane, task to lane.
 *
 * Nothing is owned. An identity must be taken out before its object dies. Grows as it fills; a deleted slot
 * is used again, so an object that comes and goes for ever leaves no trail. Threads: with the GIL.
 */
#ifndef HP_PYEXT_PTRMAP_H
#define HP_PYEXT_PTRMAP_H

#include <stdbool.h>
#include <stddef.h>

struct hp_ptrmap_entry {
    const void *key;
    void *value;
    unsigned flags;
};

struct hp_ptrmap { /* zeroed: empty */
    struct hp_ptrmap_entry *slots;
    size_t mask, used, live; /* used: with deleted ones */
};

/* The entry of an identity; NULL: none. Valid until the next put. */
struct hp_ptrmap_entry *hp_ptrmap_find(const struct hp_ptrmap *map, const void *key);
/* Set or replace. False: no memory, nothing changed. */
bool hp_ptrmap_put(struct hp_ptrmap *map, const void *key, void *value, unsigned flags);
void hp_ptrmap_remove(struct hp_ptrmap *map, const void *key);

#endif
