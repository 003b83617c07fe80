/* depends.h -- which lines of one function need what others of its lines gave, as far as its source says.
 *
 *     owner = ask("/claims/7")            owner
 *     path = f"/owners/{owner}"           carried on to path
 *     bank = ask(path)                    needs the first line
 *     page = ask(page.next)               in a loop: needs itself
 *
 * A statement gives the names that it assigns; assignments carry them on; a statement needs another where
 * such a name is an argument of a call, what is called, or what a condition around it looks at. What is kept
 * in objects by methods is followed where an argument shows it; nothing else is.
 */
#ifndef HP_DEPENDS_H
#define HP_DEPENDS_H

#include <stdint.h>
#include "base/arena.h"
#include "base/str.h"
#include "hotplate/err.h"

#define HP__DEPENDS_LINES 32u

struct hp__depends {
    uint32_t lines[HP__DEPENDS_LINES]; /* in: of calls, each once */
    uint32_t count;                    /* in */
    uint32_t needs[HP__DEPENDS_LINES]; /* out: bit i: line i's answer; its own bit: of the turn of the loop
                                          before */
    bool known;                        /* out: the source has all of the lines */
};

/* Fill `needs` from the file `source`, in which the function begins at `first_line`. Text that is not Python,
 * or another function, leaves them 0. Memory from `arena`, of no use afterwards. HP_ENOMEM. Threads: any. */
HP_CHECK hp_err hp__depends_read(struct hp_str source, uint32_t first_line, struct hp_arena *arena,
                                 struct hp__depends *depends);

#endif
