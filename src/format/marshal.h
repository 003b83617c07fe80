/* marshal.h -- reading CPython's marshal, as far as profiles use it.
 *
 * Nothing is built: objects are read where they stand. One that carries the reference flag is remembered by
 * its place; a reference reads that place again, which marshal's order makes a few scalars at most: a
 * reference never leads to a reference. The first error sticks; every read after it gives 0 or nothing.
 */
#ifndef HP_MARSHAL_H
#define HP_MARSHAL_H

#include <stdbool.h>
#include <stdint.h>
#include "base/str.h"
#include "hotplate/err.h"

#define HP_MARSHAL_REF 0x80 /* of a typecode */

struct hp_marshal_places {
    uint32_t *items; /* offsets of typecodes; hp_free */
    uint32_t count, capacity;
};

struct hp_marshal {
    const uint8_t *data;
    size_t size, at;
    struct hp_marshal_places refs, strings; /* marshal 3 and later; interned strings of Python 2 */
    bool again;                             /* at the place of a reference: nothing is remembered twice */
    struct hp_errinfo *info;
    hp_err err;
};

enum hp_marshal_kind { HP_MARSHAL_NONE, HP_MARSHAL_TEXT, HP_MARSHAL_WHOLE, HP_MARSHAL_REAL };

struct hp_marshal_scalar {
    enum hp_marshal_kind kind;
    struct hp_str text; /* borrowed from the data */
    uint64_t whole;
    bool negative;
    bool shared; /* may be met again: the text then stands at the same address */
    double real;
};

/* Set the error if there is none yet. Returns it. */
hp_err hp_marshal_fail(struct hp_marshal *m, hp_err err, size_t at, const char *why);

/* Whether `n` more bytes are there. / Plain numbers. */
bool hp_marshal_need(struct hp_marshal *m, size_t n);
uint32_t hp_marshal_u32(struct hp_marshal *m);
size_t hp_marshal_u8(struct hp_marshal *m);

/* The typecode of the next object, without its flag. A reference leads to another place: `*back` is then
 * where to go on afterwards, else 0. While there, set `again`. */
uint8_t hp_marshal_type(struct hp_marshal *m, size_t *back);

/* The next object, which must be a text, number or boolean; a count (0 and up); a time (any finite
 * number). */
struct hp_marshal_scalar hp_marshal_scalar(struct hp_marshal *m);
uint64_t hp_marshal_count(struct hp_marshal *m);
double hp_marshal_time(struct hp_marshal *m);

/* Step over a reference to an object that was read before. False: it is none, or leads nowhere. */
bool hp_marshal_skip_reference(struct hp_marshal *m);

/* Step over a code object of any CPython from 2.7 on; its name. The pure-Python profiler puts one where a
 * function's name goes. */
struct hp_str hp_marshal_code(struct hp_marshal *m);

#endif
