/* codes.h -- code objects of a target that were read before, by address, each good as long as its head is
 * unchanged.
 *
 * Reading names and line table takes five reads; comparing the heads of a whole stack takes one. A code whose
 * head differs from what was kept is read anew. Capped; at the cap everything is forgotten and read again
 * (counted).
 */
#ifndef HP_CODES_H
#define HP_CODES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "frames/code.h"
#include "frames/walk.h"
#include "model/dict.h"

#define HP_CODES_MAX 65536u

/* How a file name is shown and whether it is application code: fills `symbol` (file, kind, flags), whose path
 * is the name as the interpreter has it. Texts stay valid until the next call. NULL: as it is. False: not
 * now, the code counts as torn. `known`, asked first: the symbol of the code object at an address where
 * somebody knows it already; NULL: nobody does. */
struct hp_codes_place {
    bool (*place)(void *ctx, struct hp_symbol *symbol);
    bool (*known)(void *ctx, uint64_t code, uint32_t *sym);
    void *ctx;
};

struct hp_codes_frame {
    uint32_t sym, line; /* line: where it is now; 0 in a template, whose code has lines of its own */
};

/* Code objects that were freed so far, counted by hash of their addresses, as far as somebody tells: then
 * stamps come from here and the code objects themselves, each in a page of its own, are not looked at. */
#define HP_CODES_GONE 4096u /* power of two */
struct hp_codes_gone {
    _Atomic uint32_t counts[HP_CODES_GONE];
};

static inline uint32_t hp_codes_gone_slot(uint64_t code)
{
    return (uint32_t)(hp_hash_mix(code, 0x90e) % HP_CODES_GONE);
}

struct hp_codes_entry {
    struct hp_code code;
    struct hp_str linetable; /* in the arena */
    uint64_t stamp;          /* of this head (code.h); 0: not asked for yet */
    uint32_t sym;
    uint32_t round;    /* its head was compared in this round */
    bool lined;        /* its lines are those of a file */
    int64_t last_unit; /* the last line asked for */
    uint32_t last_line;
};

/* One instruction of a code object that was asked for before. */
struct hp_codes_site {
    uint64_t code, instr, stamp; /* the key; stamp: see code.h */
    uint32_t sym;
    uint32_t line : 31, internal : 1; /* internal: of hp_code_is_internal, which does not count */
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
    const struct hp_codes_gone *gone; /* borrowed; NULL: stamps are read from code objects */
    struct hp_codes_site *sites;      /* by hash, the last one that came by; NULL: none yet */
};

/* Never allocates. `dict` is borrowed. Owns: hp_codes_fini. */
void hp_codes_init(struct hp_codes *codes, struct hp_dict *dict, struct hp_codes_place place);
void hp_codes_fini(struct hp_codes *codes);

/* From now on stamps come from `gone`, NULL: from code objects. What was stamped in the other way is not
 * known any more, stacks neither. */
void hp_codes_watch(struct hp_codes *codes, const struct hp_codes_gone *gone);

/* Spans that read what the stamp of the code object at `address` is made of, and the stamp. Returns how many
 * spans, 0: none is needed. */
static inline uint32_t hp_codes_stamp_spans(const struct hp_codes *codes, const struct hp_layout *layout,
                                            uint64_t address, uint64_t *words, struct hp_peek_span *spans)
{
    return codes->gone != NULL ? 0 : hp_code_stamp_spans(layout, address, words, spans);
}

static inline uint64_t hp_codes_stamp(const struct hp_codes *codes, const struct hp_layout *layout,
                                      uint64_t address, const uint64_t *words)
{
    return codes->gone == NULL
               ? hp_code_stamp(layout, words)
               : 1 + (uint64_t)atomic_load_explicit(&((struct hp_codes_gone *)(uintptr_t)codes->gone)
                                                         ->counts[hp_codes_gone_slot(address)],
                                                    memory_order_acquire);
}

/* A new round: heads are compared again. */
void hp_codes_round(struct hp_codes *codes);

/* Symbols and lines of frames: at most `count` into `out`, `*out_count` of them (the interpreter's own are
 * left out). Fails: HP_ECORRUPT (torn: not a code object, or an instruction outside of it), HP_ENOMEM,
 * HP_EFULL and as hp_peek.read. */
HP_CHECK hp_err hp_codes_resolve(struct hp_codes *codes, const struct hp_layout *layout,
                                 const struct hp_peek *peek, const struct hp_walk_frame *frames,
                                 uint32_t count, struct hp_codes_frame *out, uint32_t *out_count);

/* Have the processor fetch what hp_codes_at will look at, while something else is done. Hot: yes. */
void hp_codes_expect(const struct hp_codes *codes, uint64_t code, uint64_t instr);

/* The same of one frame whose code's stamp was read with it: fills what is not the key. Hot: yes at a place
 * met before. Fails likewise. */
HP_CHECK hp_err hp_codes_at(struct hp_codes *codes, const struct hp_layout *layout,
                            const struct hp_peek *peek, struct hp_codes_site *site);

#endif
