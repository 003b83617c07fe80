/* given.h -- whether all that a function does follows from one call in it, as far as its source says.
 *
 *     def active(self, day):
 *         rows = self.store.rows(PROMOTIONS, day)         what it is given goes into the call, and nothing of
 *         return [Promotion(*row) for row in rows]        it into the rest: the same call, the same result
 *
 *     def cents(self, line):
 *         share = max(each.share for each in self.active)
 *         return line.cents * share                       needs line beside the call
 *
 * What the object of a method has is given, too; its methods may be called. Names that were assigned from
 * what is given are like it.
 */
#ifndef HP_GIVEN_H
#define HP_GIVEN_H

#include <stdbool.h>
#include <stdint.h>
#include "base/str.h"

/* Whether what the function that begins at `first_line` is given is used for the call of `callee` (last word
 * of its name; empty: not known) at `line`, and for nothing else. False also where that is not known. Pure.
 * Threads: any. */
bool hp__given_only(struct hp_str source, uint32_t first_line, uint32_t line, struct hp_str callee);

/* Whether the call of `callee` at `line` of a view is given something that the request brings: of `request`,
 * of the view's parameters, or assigned from such. Pure. Threads: any. */
bool hp__given_request(struct hp_str source, uint32_t first_line, uint32_t line, struct hp_str callee);

/* Whether nothing in a function is done for each of many things: no loop, no comprehension, no lambda. False
 * also where that is not known. Pure. Threads: any. */
bool hp__given_plain(struct hp_str source, uint32_t first_line);

#endif
