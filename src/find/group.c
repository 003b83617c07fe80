/* group.c -- executions of one statement, collected over the sampled requests. */
#include <string.h>
#include "find/compare.h"
#include "find/find_int.h"

#define MAX_KEYS 1024u

static bool same_key(struct hp__key a, struct hp__key b)
{
    return a.statement == b.statement && a.site_sym == b.site_sym;
}

hp_err hp__group_keys(struct hp__find *f, bool by_site, struct hp__key **keys, uint32_t *count)
{
    struct hp__key *list = hp_arena_alloc(f->arena, MAX_KEYS * sizeof *list, _Alignof(struct hp__key));
    if (list == NULL) {
        return HP_ENOMEM;
    }
    uint32_t n = 0, last = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_record *record = f->c->samples[i].record;
        for (uint32_t k = 0; k < record->stmt_count; k++) {
            struct hp__key key = {record->stmts[k].statement,
                                  by_site ? record->stmts[k].site_sym : HP__ANY_SITE};
            if (!hp__view_free_stmt(&f->views[i], k) || (n > 0 && same_key(list[last], key))) {
                continue; /* runs of one statement are the usual case */
            }
            for (last = 0; last < n && !same_key(list[last], key);) {
                last++;
            }
            if (last == n && n < MAX_KEYS) {
                list[n++] = key;
            }
            last = last < n ? last : 0;
        }
    }
    *keys = list;
    *count = n;
    return HP_OK;
}

uint32_t hp__group_pick(const struct hp__view *view, struct hp__key key, uint32_t *at)
{
    const struct hp_record *record = view->sample->record;
    uint32_t n = 0;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        const struct hp_stmt *stmt = &record->stmts[i];
        bool here = key.site_sym == HP__ANY_SITE || stmt->site_sym == key.site_sym;
        if (stmt->statement == key.statement && here && hp__view_free_stmt(view, i)) {
            at[n++] = i;
        }
    }
    return n;
}

uint32_t hp__group_most(const struct hp__find *f)
{
    uint32_t most = 1;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        uint32_t n = f->c->samples[i].record->stmt_count;
        most = n > most ? n : most;
    }
    return most;
}

uint32_t *hp__group_room(struct hp__find *f)
{
    return hp_arena_alloc(f->arena, hp__group_most(f) * sizeof(uint32_t), _Alignof(uint32_t));
}

void hp__places_add(struct hp__places *places, uint32_t sym, uint32_t line, uint32_t via, uint64_t ns)
{
    for (uint32_t i = 0; i < places->count; i++) {
        if (places->list[i].sym == sym && places->list[i].line == line) {
            places->list[i].ns += ns;
            return;
        }
    }
    if (places->count < sizeof places->list / sizeof *places->list) {
        uint32_t i = places->count++;
        places->list[i].sym = sym;
        places->list[i].line = line;
        places->list[i].via = via;
        places->list[i].ns = ns;
    }
}

double hp__places_share(const struct hp__places *places)
{
    uint64_t most = 0, all = 0;
    for (uint32_t i = 0; i < places->count; i++) {
        most = places->list[i].ns > most ? places->list[i].ns : most;
        all += places->list[i].ns;
    }
    return all != 0 ? (double)most / (double)all : 1;
}

void hp__places_choose(const struct hp__places *places, struct hp_finding *finding)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < places->count; i++) {
        if (i == 0 || places->list[i].ns > most) {
            most = places->list[i].ns;
            finding->site_sym = places->list[i].sym;
            finding->site_line = places->list[i].line;
            finding->via_sym = places->list[i].via;
        }
    }
}

void hp__group_place(const struct hp__places *places, struct hp__key key, struct hp_finding *finding)
{
    hp__places_choose(places, finding);
    finding->subject_sym = key.site_sym != HP__ANY_SITE ? key.site_sym : 0;
}

const struct hp_plan *hp__group_plan(const struct hp__find *f, uint32_t statement)
{
    for (uint32_t i = 0; i < f->c->plan_count; i++) {
        if (f->c->plans[i].statement == statement) {
            return f->c->plans[i].plan;
        }
    }
    return NULL;
}

hp_err hp__group_offer(struct hp__find *f, struct hp_finding *finding, struct hp__key key, uint32_t *at)
{
    bool kept = false;
    hp_err err = hp__find_offer(f, finding, true, &kept);
    for (uint32_t i = 0; kept && i < f->c->sample_count; i++) {
        uint32_t n = hp__group_pick(&f->views[i], key, at);
        for (uint32_t k = 0; k < n; k++) {
            f->views[i].stmt_taken[at[k]] = 1;
        }
    }
    return err;
}

hp_err hp__spread_init(struct hp__find *f, struct hp__spread *spread)
{
    spread->count = 0;
    spread->list =
        hp_arena_alloc(f->arena, f->c->sample_count * sizeof *spread->list + 1, _Alignof(uint64_t));
    return spread->list != NULL ? HP_OK : HP_ENOMEM;
}

void hp__spread_add(struct hp__spread *spread, uint64_t value)
{
    spread->list[spread->count++] = value;
}

uint64_t hp__spread_median(struct hp__spread *spread)
{
    hp_compare_sort(spread->list, spread->count);
    return (uint64_t)hp_compare_quantile((struct hp_compare_side){spread->list, spread->count}, 0.5);
}

double hp__group_row_ns(const struct hp__find *f)
{
    double least = 0;
    for (uint32_t i = 0; i < f->c->sample_count; i++) {
        const struct hp_record *record = f->c->samples[i].record;
        for (uint32_t k = 0; k < record->stmt_count; k++) {
            const struct hp_stmt *stmt = &record->stmts[k];
            if (stmt->rows != HP_ABSENT && stmt->rows != 0 && stmt->fetch_ns != 0) {
                double per_row = (double)stmt->fetch_ns / (double)stmt->rows;
                least = least == 0 || per_row < least ? per_row : least;
            }
        }
    }
    return least;
}
