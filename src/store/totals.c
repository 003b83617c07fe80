/* totals.c -- see totals.h. */
#include "store/totals.h"

#include "base/mem.h"
#include "store/store_int.h"

void hp__totals_init(struct hp__totals *totals)
{
    *totals = (struct hp__totals){.count = 0};
    hp_map_init(&totals->index, HP_TOTALS_MOST);
}

void hp__totals_clear(struct hp__totals *totals)
{
    for (uint32_t i = 0; i < totals->count; i++) {
        hp_sketch_free(totals->list[i].sketch);
    }
    totals->count = 0;
    totals->partial = false;
    hp_map_clear(&totals->index);
}

void hp__totals_fini(struct hp__totals *totals)
{
    hp__totals_clear(totals);
    hp_free(totals->list);
    hp_map_fini(&totals->index);
    hp__totals_init(totals);
}

static bool grow(struct hp__totals *totals)
{
    uint32_t capacity = totals->capacity == 0 ? 16 : totals->capacity * 2;
    struct hp__total *list = hp_realloc(totals->list, capacity * sizeof *list);
    if (list != NULL) {
        totals->list = list;
        totals->capacity = capacity;
    }
    return list != NULL;
}

/* The total of a pair, made if new; NULL at the cap or without memory. */
static struct hp__total *total_of(struct hp__totals *totals, uint32_t route, uint32_t revision)
{
    uint64_t key = (uint64_t)route << 32 | revision;
    uint32_t at;
    if (hp_map_get(&totals->index, key, &at)) {
        return &totals->list[at];
    }
    if (totals->count == totals->capacity && !grow(totals)) {
        return NULL;
    }
    struct hp_sketch *sketch = hp_sketch_new();
    if (sketch == NULL || hp_map_put(&totals->index, key, totals->count) != HP_OK) {
        hp_sketch_free(sketch);
        return NULL;
    }
    struct hp__total *total = &totals->list[totals->count++];
    *total = (struct hp__total){.route = route, .revision = revision, .sketch = sketch};
    return total;
}

void hp__totals_add(struct hp__totals *totals, const struct hp_narrow_row *row)
{
    struct hp__total *total = totals->partial ? NULL : total_of(totals, row->route, row->revision);
    if (total == NULL) {
        totals->partial = true;
        return;
    }
    total->requests++;
    total->errors += hp_store_failed(row->status, row->flags);
    total->total_ns += row->duration_ns;
    total->own_ns += row->own_ns;
    total->statements += row->statements;
    if (row->cpu_ns != HP_ABSENT) {
        total->cpu_ns += row->cpu_ns;
        total->cpu_requests++;
    }
    hp_sketch_add(total->sketch, row->duration_ns);
}

void hp__totals_add_rollup(struct hp__totals *totals, const struct hp__rollup *rollup)
{
    struct hp__total *total = totals->partial ? NULL : total_of(totals, rollup->route, rollup->revision);
    uint64_t known = total != NULL ? hp_sketch_count(total->sketch) : 0;
    struct hp_reader sketch;
    hp_reader_init(&sketch, rollup->sketch.p, rollup->sketch.n);
    if (total == NULL || (rollup->sketch.n != 0 && hp_sketch_decode(&sketch, total->sketch) != HP_OK)) {
        totals->partial = true;
        return;
    }
    total->requests += rollup->requests;
    total->errors += rollup->errors;
    total->total_ns += rollup->total_ns;
    total->own_ns += rollup->own_ns;
    total->cpu_ns += rollup->cpu_ns;
    total->cpu_requests += rollup->cpu_requests;
    total->statements += rollup->statements;
    known = hp_sketch_count(total->sketch) - known;
    if (rollup->requests > known) {
        hp_sketch_add_n(total->sketch, rollup->total_ns / rollup->requests, rollup->requests - known);
    }
}
