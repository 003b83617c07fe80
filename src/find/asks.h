/* asks.h -- what the source of a line says of a call in it: what it is given, and what becomes of its answer.
 *
 *     tell_supplier(letters)                   its answer is not used
 *     return ask("/rates/today")               it asks the same each time; its answer is handed up
 *     return client.get(HOST + path)           it asks what the function is given
 *     if client.head(url).ok:                  it asks whether there is an answer
 */
#ifndef HP_ASKS_H
#define HP_ASKS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/str.h"
#include "hotplate/err.h"

enum hp__asks {
    HP__ASKS_UNUSED = 1, /* the call is the whole statement */
    HP__ASKS_SAME = 2,   /* its arguments are literals and constants (THIS_WAY) */
    HP__ASKS_GIVEN = 4,  /* … and parameters of the function */
    HP__ASKS_RETURN = 8, /* the statement returns */
    HP__ASKS_HEAD = 16   /* HTTP's HEAD: whether there is an answer, not the answer */
};

/* What is known of the calls of `callee` (last word of its name; empty: any but of an answer's methods) at a
 * line of the function that begins at `first_line`; 0: nothing, there is none, or it is no Python. Scratch
 * memory from `arena`. HP_ENOMEM. Threads: any. */
HP_CHECK hp_err hp__asks_read(struct hp_str source, uint32_t first_line, uint32_t line, struct hp_str callee,
                              struct hp_arena *arena, unsigned *asks);

/* Whether a line of the function that begins at `first_line` asks for a thing of the loop that it is in: one
 * that the loop goes over is given to a call, and it is no number of a try (range). Scratch memory from
 * `arena`. HP_ENOMEM. Threads: any. */
HP_CHECK hp_err hp__asks_item(struct hp_str source, uint32_t first_line, uint32_t line,
                              struct hp_arena *arena, bool *item);

#endif
