/* planshow.h -- a plan for people and as JSON. */
#ifndef HP_PLANSHOW_H
#define HP_PLANSHOW_H

#include "base/buf.h"
#include "find/plan_advice.h"

struct hp_planshow {
    struct hp_str statement; /* folded or as it was typed */
    const struct hp_plan *plan;
    const struct hp_plan_advices *advices;
    uint64_t at_ns; /* when a kept plan was made; 0: now */
};

/* A line about the database, the tree as a table, then what is wrong and the index that helps. Fails:
 * HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_planshow_text(const struct hp_planshow *show, struct hp_buf *out);

/* `explain --json` (docs/formats/cli.md); returns an exit code. */
int hp_planshow_json(const struct hp_planshow *show, struct hp_buf *out);

#endif
