/* namer.h -- what the code objects that the sampler reads are called: the extension's own symbol where it has
 * one, else by the rules of the application's places. Also has the text of application files kept once. For
 * hp_codes_place; ctx is the namer. */
#ifndef HP_NAMER_H
#define HP_NAMER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/map.h"
#include "frames/peek.h"
#include "hotplate/ext/sampler.h"
#include "model/dict.h"

#define HP_NAMER_BYTES 4096u

struct hp_namer {
    struct hp_cap *cap;                      /* borrowed, as the next two */
    const struct hp_sampling_config *config; /* may still change */
    const struct hp_peek *peek;
    struct hp_map sources; /* files whose text was asked for */
    char shown[HP_NAMER_BYTES], full[2 * HP_NAMER_BYTES];
};

/* Never allocates. Owns: hp__namer_fini; a zeroed one is fine there. */
void hp__namer_init(struct hp_namer *namer, struct hp_cap *cap, const struct hp_sampling_config *config,
                    const struct hp_peek *peek);
void hp__namer_fini(struct hp_namer *namer);

/* As hp_codes_place has them. Threads: the sampler's. */
bool hp__namer_place(void *ctx, struct hp_symbol *symbol);
bool hp__namer_known(void *ctx, uint64_t code, uint32_t *sym);

#endif
