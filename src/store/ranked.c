/* ranked.c -- see ranked.h. From the lowest byte up, leaving out bytes that are the same in all keys. */
#include "store/ranked.h"

#include <string.h>

#include "base/mem.h"

/* Stable: from `list` to `out` in the order of one byte of the key. */
static void pass(const struct hp__ranked *list, size_t count, unsigned shift, struct hp__ranked *out)
{
    size_t starts[256] = {0};
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        starts[list[i].key >> shift & 255]++;
    }
    for (unsigned i = 0; i < 256; i++) {
        size_t n = starts[i];
        starts[i] = sum;
        sum += n;
    }
    for (size_t i = 0; i < count; i++) {
        out[starts[list[i].key >> shift & 255]++] = list[i];
    }
}

hp_err hp__ranked_sort(struct hp__ranked *list, size_t count)
{
    uint64_t differ = 0;
    for (size_t i = 1; i < count; i++) {
        differ |= list[i].key ^ list[0].key;
    }
    if (differ == 0) {
        return HP_OK;
    }
    struct hp__ranked *room = hp_malloc(count * sizeof *room);
    if (room == NULL) {
        return HP_ENOMEM;
    }
    struct hp__ranked *from = list, *to = room;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if ((differ >> shift & 255) != 0) {
            pass(from, count, shift, to);
            struct hp__ranked *sorted = to;
            to = from;
            from = sorted;
        }
    }
    if (from != list) {
        memcpy(list, room, count * sizeof *list);
    }
    hp_free(room);
    return HP_OK;
}
