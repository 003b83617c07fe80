/* levels.h -- how deep which routes are recorded, as somebody wrote it at the dashboard: a rule a line, the
 * first that fits a route holds.
 *
 *     count GET /health
 *     monitor POST /orders/<int:id>
 *     monitor * over 500ms              requests that take less keep no detail
 *
 * LEVEL ROUTE [over TIME]: a level of enum hp_level by its name; a rule with its method or without, a star
 * stands for any text; ms or s. A rule lowers only: no request is recorded deeper than its process records.
 * What a route's rule is, is worked out once and remembered.
 */
#ifndef HP_LEVELS_H
#define HP_LEVELS_H

#include <stdbool.h>
#include "base/str.h"
#include "hotplate/err.h"
#include "model/dict.h"

#define HP_LEVELS_KEY   "levels" /* of the store's setting */
#define HP_LEVELS_MOST  64u
#define HP_LEVELS_BYTES 2000u
#define HP_LEVELS_KNOWN 1024u /* routes whose rule is remembered; of others it is looked for each time */

struct hp_level_rule {
    uint16_t method_at, method_n, rule_at, rule_n; /* in the text; no method: any */
    uint8_t level;
    uint64_t over_ns; /* 0: always */
};

struct hp_levels {
    struct hp_level_rule rules[HP_LEVELS_MOST];
    uint32_t count;
    uint8_t known[HP_LEVELS_KNOWN]; /* by route id: 0 not yet, 1 no rule, 2 + number of the rule */
    char text[HP_LEVELS_BYTES];
};

/* The level called `word`, of enum hp_level. False: there is none. Threads: any. */
bool hp_levels_name(struct hp_str word, uint8_t *level);

/* Read the rules of `text` into `levels`, which needs no initialisation. HP_EINVAL: the line that is wrong
 * and what it should be; `levels` then has no rule. Owns: nothing. Threads: any. */
HP_CHECK hp_err hp_levels_read(struct hp_levels *levels, struct hp_str text, struct hp_errinfo *info);

/* The rule of a route of `dict`, always the same dictionary; NULL: none. Threads: one at a time. Hot: yes. */
const struct hp_level_rule *hp_levels_find(struct hp_levels *levels, const struct hp_dict *dict,
                                           uint32_t route);

#endif
