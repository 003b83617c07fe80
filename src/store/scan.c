/* scan.c -- see scan.h. */
#include "store/scan.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define FIRST_ROWS 1024u

bool hp__scan_keeps(uint32_t mask, uint64_t row)
{
    return mask == 0 || ((uint32_t)hp_hash_mix(row / (HP_SCAN_RUN + 1), 0) & mask) == 0;
}

/* Halve what is kept, until there is room. */
static void thin(struct hp__scan *scan)
{
    for (size_t i = 0; scan->keep_mask == 0 && i < scan->count; i++) { /* all there were so far */
        hp__totals_add(&scan->totals, &scan->rows[i]);
    }
    while (scan->count >= scan->cap && scan->keep_mask != UINT32_MAX) {
        scan->keep_mask = scan->keep_mask * 2 + 1;
        size_t kept = 0;
        for (size_t i = 0; i < scan->count; i++) {
            if (hp__scan_keeps(scan->keep_mask, scan->rows[i].row)) {
                scan->rows[kept++] = scan->rows[i];
            }
        }
        scan->count = kept;
    }
}

static bool grow(struct hp__scan *scan)
{
    size_t capacity = scan->capacity == 0 ? FIRST_ROWS : scan->capacity * 2;
    if (capacity > scan->cap) {
        capacity = scan->cap;
    }
    struct hp_narrow_row *rows = hp_realloc(scan->rows, capacity * sizeof *rows);
    if (rows == NULL) {
        scan->err = HP_ENOMEM;
        return false;
    }
    scan->rows = rows;
    scan->capacity = capacity;
    return true;
}

void hp__scan_init(struct hp__scan *scan, size_t cap)
{
    *scan = (struct hp__scan){.cap = cap};
    hp__totals_init(&scan->totals);
}

void hp__scan_fini(struct hp__scan *scan)
{
    hp_free(scan->rows);
    hp_free(scan->order);
    hp_free(scan->starts);
    hp__totals_fini(&scan->totals);
    hp__scan_init(scan, scan->cap);
}

void hp__scan_clear(struct hp__scan *scan)
{
    scan->count = 0;
    scan->keep_mask = 0;
    scan->loaded = false;
    scan->last_row = 0;
    scan->ordered = false;
    scan->err = HP_OK;
    hp__totals_clear(&scan->totals);
}

bool hp__scan_add(void *ctx, const struct hp_narrow_row *row)
{
    struct hp__scan *scan = ctx;
    if (scan->count >= scan->cap) {
        thin(scan);
    }
    if (scan->keep_mask != 0) {
        hp__totals_add(&scan->totals, row);
    }
    return hp__scan_select(scan, row);
}

bool hp__scan_select(void *ctx, const struct hp_narrow_row *row)
{
    struct hp__scan *scan = ctx;
    if (scan->count >= scan->cap) {
        thin(scan);
    }
    if (!hp__scan_keeps(scan->keep_mask, row->row)) {
        return true;
    }
    if (scan->count == scan->capacity && !grow(scan)) {
        return false;
    }
    scan->rows[scan->count++] = *row;
    scan->ordered = false;
    return true;
}

/* Counting sort by route. */
static hp_err order(struct hp__scan *scan)
{
    uint32_t routes = 0;
    for (size_t i = 0; i < scan->count; i++) {
        routes = scan->rows[i].route >= routes ? scan->rows[i].route + 1 : routes;
    }
    uint32_t *places = hp_realloc(scan->order, scan->count * sizeof *places + 1);
    if (places == NULL) {
        return HP_ENOMEM;
    }
    scan->order = places;
    uint32_t *starts = hp_realloc(scan->starts, ((size_t)routes + 2) * sizeof *starts);
    if (starts == NULL) {
        return HP_ENOMEM;
    }
    scan->starts = starts;
    memset(starts, 0, ((size_t)routes + 2) * sizeof *starts);
    for (size_t i = 0; i < scan->count; i++) {
        starts[scan->rows[i].route + 2]++;
    }
    for (uint32_t r = 2; r < routes + 2; r++) {
        starts[r] += starts[r - 1];
    }
    for (size_t i = 0; i < scan->count;
         i++) { /* moves the start of each route to its end: that of the next */
        places[starts[scan->rows[i].route + 1]++] = (uint32_t)i;
    }
    scan->route_count = routes;
    scan->ordered = true;
    return HP_OK;
}

hp_err hp__scan_route(struct hp__scan *scan, uint32_t route, const uint32_t **places, size_t *count)
{
    hp_err err = scan->ordered ? HP_OK : order(scan);
    bool known = err == HP_OK && route < scan->route_count;
    *places = known ? scan->order + scan->starts[route] : NULL;
    *count = known ? scan->starts[route + 1] - scan->starts[route] : 0;
    return err;
}
