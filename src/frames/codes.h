/* codes.h -- code objects of a target that were read before, by address, each good as long as its head is unchanged.
 *
 * Reading names and line table takes five reads; comparing the heads of a whole stack takes one. A code whose head differs from what was kept is read
 * anew. Capped; at the cap everything is forgotten and read again (counted).
 */
#ifndef HP_CODES_H
#define HP_CODES_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/map.h"
#include "frames/code.h"
#include "frames/walk.h"
#include "model/dict.h"

#define HP_CODES_MAX 65536u

/* How a file name is shown and whether it is application code: fills `symbol` (file, kind, flags), whose path is the name as the
 * interpreter has it. Texts stay valid until the next call. NULL: as it is. False: not now, the code counts as torn. `known`, asked
 * first: the symbol of the code object at an address where somebody knows it already; NULL: nobody does. */
struct hp_codes_place {
    bool (*place)(void *ctx, struct hp_symbol *symbol);
    bool (*known)(void *ctx, uint64_t code, uint32_t *sym);
    void *ctx;
};

struct hp_codes_frame {
    uint32_t sym, line; /* line: where it is now; 0 in a template, whose code has lines of its own */
};

struct hp_codes_entry {
    struct hp_code code;
    struct hp_str linetable; /* in the arena */
    uint32_t sym;
    uint32_t round;    /* its head was compared in this round */
    bool lined;        /* its lines are those of a file */
    int64_t last_unit; /* the last line asked for */
    uint32_t last_line;
};

struct hp_codes {
    struct hp_map by_address; /* → entry */
    struct hp_codes_entry *entries;
    uint32_t count, capacity, round;
    uint64_t forgotten;
    struct hp_arena arena; /* line tables */
    struct hp_dict *dict;
    struct hp_codes_place place;
    uint32_t wanted_count, wanted_capacity; /* heads to compare: room kept from call to call */
    uint8_t *heads;
    struct hp_peek_span *spans;
    uint64_t *wanted;
};

/* Never allocates. `dict` is borrowed. Owns: hp_codes_fini. */
void hp_codes_init(struct hp_codes *codes, struct hp_dict *dict, struct hp_codes_place place);
void hp_codes_fini(struct hp_codes *codes);

/* A new round: heads are compared again. */
void hp_codes_round(struct hp_codes *codes);

/* Symbols and lines of frames: at most `count` into `out`, `*out_count` of them (the interpreter's own are left out). Fails: HP_ECORRUPT (torn: not a code object, or an instruction outside of it), HP_ENOMEM, HP_EFULL
 * and as hp_peek.read. */
HP_CHECK hp_err hp_codes_resolve(struct hp_codes *codes, const struct hp_layout *layout,
                                 const struct hp_peek *peek, const struct hp_walk_frame *frames,
                                 uint32_t count, struct hp_codes_frame *out, uint32_t *out_count);

#endif
