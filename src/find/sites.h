/* sites.h -- lines that run whatever statement they are given: a helper like rows(sql), whose caller is the
 * line to edit.
 *
 * One route may give its helper one statement alone, so these are learnt over all routes.
 */
#ifndef HP_SITES_H
#define HP_SITES_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "model/dict.h"
#include "model/record.h"

struct hp_site {
    uint32_t sym, line;
    uint32_t statements[2], count; /* different ones that read and ran there, at most two */
};

struct hp_sites { /* zeroed: empty */
    struct hp_site *list;
    uint32_t count, capacity;
};

/* Add what a request ran. The list grows in `arena`; beyond 1024 places nothing is learnt. HP_ENOMEM. */
HP_CHECK hp_err hp_sites_add(struct hp_sites *sites, const struct hp_dict *dict,
                             const struct hp_record *record, struct hp_arena *arena);

/* Whether another statement than this one reads at the same line. */
bool hp_sites_shared(const struct hp_sites *sites, uint32_t sym, uint32_t line, uint32_t statement);

#endif
