/* searched.h -- a list that a function goes through for each of many things, as far as its source says.
 *
 *     WORDS = [f"{a}{b}" for a in STARTS for b in ENDS]
 *     def left(words): return sum(1 for word in words if word in WORDS)              WORDS, in this line
 *     def sums(items): return [sum(items[: at + 1]) for at in range(len(items))]     the beginning of items
 *     def near(items): return sum(a == b for a, b in combinations(items, 2))         items, each with each
 *
 * `x in WORDS`, in a loop or a comprehension, where all that the file assigns to WORDS are lists or tuples:
 * comprehensions, list(), sorted(), what begins empty, or displays of many items. A parameter, and what is
 * assigned elsewhere, may be a set. A beginning grows where the end of the slice names what the loop counts.
 * Each goes with each also where a loop over a name is in a loop over the same one.
 */
#ifndef HP_SEARCHED_H
#define HP_SEARCHED_H

#include <stdint.h>
#include "base/arena.h"
#include "base/str.h"
#include "hotplate/err.h"

enum hp__searched_how {
    HP__SEARCHED_FOR,   /* it is looked through */
    HP__SEARCHED_GROWS, /* its beginning, which is longer each time, is gone over */
    HP__SEARCHED_PAIRS  /* each of its things goes with each */
};
struct hp__searched {
    struct hp_str name; /* borrowed from the source */
    uint32_t line;      /* 0: there is none */
    enum hp__searched_how how;
};

/* The first such list of the function that begins at `first_line`. Memory from `arena`, of no use afterwards.
 * HP_ENOMEM. Threads: any. */
HP_CHECK hp_err hp__searched_read(struct hp_str source, uint32_t first_line, struct hp_arena *arena,
                                  struct hp__searched *searched);

#endif
