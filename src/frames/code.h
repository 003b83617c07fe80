/* code.h -- a code object: what tells whether it is still the same, its names, and the line of an
 * instruction.
 *
 * An address of a code object is reused once it is freed. So whoever keeps what was read by address compares
 * heads first; the head of each code on a stack is one span of one read.
 */
#ifndef HP_CODE_H
#define HP_CODE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "frames/layout.h"
#include "frames/peek.h"

/* The fixed part; two heads that are equal (hp_code_same) belong to the same code object for all we can
 * know. */
struct hp_code {
    uint64_t type, filename, name, qualname, linetable; /* addresses */
    uint32_t firstline;
    uint32_t unit_count; /* code units */
};

/* Parse layout->code_start bytes read at a code object. Fails: HP_ECORRUPT (not one). Threads: any. */
HP_CHECK hp_err hp_code_parse(const struct hp_layout *layout, const uint8_t *bytes, struct hp_code *code);

bool hp_code_same(const struct hp_code *a, const struct hp_code *b);

#define HP_CODE_STAMP_WORDS 3

/* A few words that tell whether another code object took the place of the one at `address`: spans that read
 * them (returns how many), and one number from what was read, never 0. With a version (3.12 and later) it is
 * that, else names, line table and first line, which is as good as the head for all that is told of a
 * code. */
uint32_t hp_code_stamp_spans(const struct hp_layout *layout, uint64_t address, uint64_t *words,
                             struct hp_peek_span *spans);
uint64_t hp_code_stamp(const struct hp_layout *layout, const uint64_t *words);

/* Whether it is the interpreter's own code, which it runs between a call and an inlined __init__ (3.13 and
 * later): nobody wrote it, so all its names are one object. Frames of it do not count. */
bool hp_code_is_internal(const struct hp_code *code);

/* The code unit that a frame is at, -1 before the first. `address`: of the code object. Fails: HP_ECORRUPT
 * (outside of the code). Reads memory only in free-threaded builds, whose threads run copies. */
HP_CHECK hp_err hp_code_unit(const struct hp_layout *layout, const struct hp_peek *peek,
                             const struct hp_code *code, uint64_t address, uint64_t instr, int32_t tlbc,
                             int64_t *unit);

/* Append the text of a str object as UTF-8, at most `max_chars` characters; surrogates become U+FFFD.
 * HP_ECORRUPT: not a compact str. HP_ENOMEM, HP_EFULL and as hp_peek.read but for HP_ERANGE. */
HP_CHECK hp_err hp_code_text(const struct hp_layout *layout, const struct hp_peek *peek, uint64_t address,
                             uint32_t max_chars, struct hp_buf *out);

/* Append the content of a bytes object, refusing more than `max_bytes` (HP_EFULL). Fails likewise. */
HP_CHECK hp_err hp_code_bytes(const struct hp_layout *layout, const struct hp_peek *peek, uint64_t address,
                              uint32_t max_bytes, struct hp_buf *out);

#endif
