/* budget.c -- see budget.h. A table with open addressing; entries stay. */
#include "capture/budget.h"

#include <stdbool.h>
#include <string.h>

#define FITS        0.8 /* of the budget: going up must not bring it right back */
#define LONGEST_NS  640000000000u
#define MOST_PROBES 16u

static struct hp_budget_route *entry_of(struct hp_budget *budget, uint32_t route)
{
    uint32_t at = route * 2654435761u % HP_BUDGET_ROUTES;
    for (uint32_t i = 0; route != 0 && i < MOST_PROBES; i++) {
        struct hp_budget_route *entry = &budget->routes[(at + i) % HP_BUDGET_ROUTES];
        if (entry->route == route) {
            return entry;
        }
        if (entry->route == 0) {
            *entry = (struct hp_budget_route){
                .route = route, .level = HP_BUDGET_ANY, .wait_ns = HP_BUDGET_STAY_NS};
            return entry;
        }
    }
    if (budget->all.wait_ns == 0) {
        budget->all.level = HP_BUDGET_ANY;
        budget->all.wait_ns = HP_BUDGET_STAY_NS;
    }
    return &budget->all;
}

static void change(struct hp_budget_route *entry, int level, uint64_t now_ns)
{
    entry->level = (uint8_t)level;
    entry->changed_ns = now_ns;
    entry->requests = 0;
}

int hp_budget_level(struct hp_budget *budget, uint32_t route, int asked, uint64_t now_ns)
{
    if (budget->share <= 0) {
        return asked;
    }
    struct hp_budget_route *entry = entry_of(budget, route);
    if (entry->level < asked && now_ns - entry->changed_ns >= entry->wait_ns) {
        /* A trial, dear if it fails: the next one comes twice as late. */
        change(entry, entry->level + 1, now_ns);
        entry->wait_ns = entry->wait_ns < LONGEST_NS ? entry->wait_ns * 2 : LONGEST_NS;
    }
    return asked < entry->level ? asked : entry->level;
}

/* Whether the level above, as dear as it last was, fits into the budget at the size that requests have
 * now. */
static bool next_fits(const struct hp_budget *budget, const struct hp_budget_route *entry, double base_ns)
{
    double cost = entry->level < HP_BUDGET_ANY ? entry->mean_ns[entry->level + 1] : 0;
    return cost > 0 && cost <= FITS * budget->share * base_ns;
}

static void close_window(const struct hp_budget *budget, struct hp_budget_route *entry, uint64_t now_ns)
{
    double own_ns = entry->own_ns / entry->requests, base_ns = entry->base_ns / entry->requests;
    entry->mean_ns[entry->used] = own_ns;
    if (own_ns > budget->share * base_ns && entry->used > 0) {
        change(entry, entry->used - 1, now_ns);
    } else if (entry->used == entry->level && now_ns - entry->changed_ns >= HP_BUDGET_STAY_NS &&
               next_fits(budget, entry, base_ns)) {
        change(entry, entry->level + 1, now_ns);
    }
    entry->requests = 0;
}

void hp_budget_note(struct hp_budget *budget, uint32_t route, int level, uint64_t own_ns, uint64_t base_ns,
                    uint64_t now_ns)
{
    if (budget->share <= 0) {
        return;
    }
    struct hp_budget_route *entry = entry_of(budget, route);
    if (level > entry->level) {
        return; /* it began before the level went down */
    }
    if (entry->requests == 0 || entry->used != level) {
        entry->requests = 0;
        entry->used = (uint8_t)level;
        entry->window_ns = now_ns;
        entry->own_ns = entry->base_ns = 0;
    }
    entry->requests++;
    entry->own_ns += (double)own_ns;
    entry->base_ns += (double)base_ns;
    if (now_ns - entry->window_ns >= HP_BUDGET_WINDOW_NS) {
        close_window(budget, entry, now_ns);
    }
}
