/* plan_safe.h -- which statements may be explained: those that can change nothing and hold no lock.
 *
 * The first of three walls. The others are the connection's: a read-only transaction that is rolled back, and
 * a timeout (python/hotplate/explain.py). The text is read token by token as its engine would; what could be
 * read in two ways is refused. What the engine alone knows (whether a function of the user's is volatile) is
 * asked there: the functions that are called are listed here.
 */
#ifndef HP_PLAN_SAFE_H
#define HP_PLAN_SAFE_H

#include <stdbool.h>
#include "base/arena.h"
#include "base/str.h"
#include "hotplate/err.h"
#include "model/dict.h"

#define HP_PLAN_MAX_FUNCTIONS 64u

struct hp_plan_safe {
    bool safe;
    char why[160];            /* NUL-terminated; empty if safe */
    struct hp_str *functions; /* unquoted names that are called, each once; borrowed from the text */
    uint32_t function_count;
};

/* Judge `sql`, which may hold placeholders. What passes may also be run (--analyze): the same rules hold for
 * both. Memory from `arena`. Fails: HP_ENOMEM. Threads: any. */
HP_CHECK hp_err hp_plan_safe(struct hp_str sql, enum hp_engine engine, struct hp_arena *arena,
                             struct hp_plan_safe *out);

#endif
