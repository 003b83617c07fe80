/* machine.c -- see machine.h. A sketch of processor times for each route and stretch. */
#include "answer/machine.h"

#include <stdlib.h>
#include <string.h>
#include "find/compare.h"
#include "model/sketch.h"

struct measuring {
    struct {
        uint32_t route;
        struct hp_sketch *sides[2];
    } list[HP_MACHINE_ROUTES];
    uint32_t count;
    int side;
    hp_err err;
};

/* Room for another route; NULL: full, or no memory. */
static struct hp_sketch *add_route(struct measuring *m, uint32_t route)
{
    if (m->count == HP_MACHINE_ROUTES) {
        return NULL;
    }
    uint32_t i = m->count;
    m->list[i].route = route;
    m->list[i].sides[0] = hp_sketch_new();
    m->list[i].sides[1] = hp_sketch_new();
    if (m->list[i].sides[0] == NULL || m->list[i].sides[1] == NULL) {
        m->err = HP_ENOMEM;
    }
    m->count++;
    return m->err == HP_OK ? m->list[i].sides[m->side] : NULL;
}

static bool add_row(void *ctx, const struct hp_narrow_row *row)
{
    struct measuring *m = ctx;
    struct hp_sketch *sketch = NULL;
    uint32_t i = 0;
    if (row->cpu_ns == HP_ABSENT || row->cpu_ns <= row->own_ns) {
        return true;
    }
    while (i < m->count && m->list[i].route != row->route) {
        i++;
    }
    sketch = i < m->count ? m->list[i].sides[m->side] : add_route(m, row->route);
    if (sketch != NULL) {
        hp_sketch_add(sketch, row->cpu_ns - row->own_ns);
    }
    return m->err == HP_OK;
}

static hp_err measure(struct hp_store *store, const struct hp_scope *scope, struct measuring *m, int side,
                      struct hp_errinfo *info)
{
    struct hp_scope all_routes = *scope;
    uint64_t each;
    all_routes.route = (struct hp_str){NULL, 0};
    m->side = side;
    hp_err err = hp_store_some_rows(store, &all_routes, add_row, m, &each, info);
    if (err == HP_OK && m->err != HP_OK) {
        err = hp_err_set(info, m->err, 0, "out of memory while looking at how fast the machine was");
    }
    return err;
}

hp_err hp_machine_load(struct hp_store *store, const struct hp_scope *before, const struct hp_scope *now,
                       struct hp_machine *out, struct hp_errinfo *info)
{
    struct measuring m = {.count = 0};
    memset(out, 0, sizeof *out);
    hp_err err = measure(store, before, &m, 0, info);
    if (err == HP_OK) {
        err = measure(store, now, &m, 1, info);
    }
    for (uint32_t i = 0; i < m.count && err == HP_OK; i++) {
        const struct hp_sketch *old = m.list[i].sides[0], *new = m.list[i].sides[1];
        double was = (double)hp_sketch_quantile(old, 0.5);
        if (hp_sketch_count(old) >= HP_COMPARE_ENOUGH && hp_sketch_count(new) >= HP_COMPARE_ENOUGH) {
            out->list[out->count].route = m.list[i].route;
            out->list[out->count++].ratio = (double)hp_sketch_quantile(new, 0.5) / was;
        }
    }
    for (uint32_t i = 0; i < m.count; i++) {
        hp_sketch_free(m.list[i].sides[0]);
        hp_sketch_free(m.list[i].sides[1]);
    }
    return err;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double hp_machine_others(const struct hp_machine *machine, uint32_t route)
{
    double ratios[HP_MACHINE_ROUTES];
    uint32_t n = 0;
    for (uint32_t i = 0; i < machine->count; i++) {
        if (machine->list[i].route != route) {
            ratios[n++] = machine->list[i].ratio;
        }
    }
    if (n == 0) {
        return 0;
    }
    qsort(ratios, n, sizeof *ratios, by_value);
    return (ratios[(n - 1) / 2] + ratios[n / 2]) / 2;
}
