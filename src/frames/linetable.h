/* linetable.h -- co_linetable of CPython 3.11 and later: from an instruction to the line it was written on.
 *
 * An entry covers 1 to 8 code units: a byte 1kkkklll (kind, length − 1), then what the kind needs. Kinds 0–9:
 * same line, one byte of columns; 10–12: line + 0…2, two bytes; 13: signed varint of lines; 14: that and
 * three varints; 15: no line. Varints have six bits a byte, least significant first, bit 6 says "more"; the
 * sign is the lowest bit.
 */
#ifndef HP_LINETABLE_H
#define HP_LINETABLE_H

#include <stdint.h>
#include "base/str.h"

/* The line of the code unit `unit` (a code unit has two bytes); 0 where the table has none. Before the first
 * unit (-1: a call that has not begun) it is `firstline`. The table is untrusted. Threads: any. Fails:
 * never. */
uint32_t hp_linetable_line(struct hp_str table, uint32_t firstline, int64_t unit);

#endif
