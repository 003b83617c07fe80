/* namer.c -- see namer.h. */
#include "capture/namer.h"

#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "capture/capture_int.h"
#include "frames/codes.h"
#include "hotplate/ext/place.h"

void hp__namer_init(struct hp_namer *namer, struct hp_cap *cap, const struct hp_sampling_config *config,
                    const struct hp_peek *peek)
{
    namer->cap = cap;
    namer->config = config;
    namer->peek = peek;
    hp_map_init(&namer->sources, HP_CODES_MAX);
}

void hp__namer_fini(struct hp_namer *namer)
{
    hp_map_fini(&namer->sources);
}

bool hp__namer_place(void *ctx, struct hp_symbol *symbol)
{
    struct hp_namer *namer = ctx;
    struct hp_str name = symbol->path;
    if (name.n != 0 && name.p[0] != '/' && name.p[0] != '<' && name.n < HP_NAMER_BYTES &&
        getcwd(namer->full, HP_NAMER_BYTES) != NULL) { /* a script given by a relative name */
        size_t n = strlen(namer->full);
        namer->full[n] = '/';
        memcpy(namer->full + n + 1, name.p, name.n);
        name = hp_str_make(namer->full, n + 1 + name.n);
    }
    int flags = namer->config->classify(name.p, name.n, namer->shown, sizeof namer->shown);
    if (flags < 0) {
        return false;
    }
    symbol->file = hp_str_from0(namer->shown);
    symbol->flags = (uint8_t)((flags & HP_PLACE_IS_APP ? HP_SYM_APP : 0) |
                              (flags & HP_PLACE_IS_FRAMEWORK ? HP_SYM_FRAMEWORK : 0));
    symbol->kind = flags & HP_PLACE_IS_TEMPLATE ? HP_SYM_TEMPLATE : HP_SYM_PYTHON;
    uint64_t key = hp_hash64(symbol->file.p, symbol->file.n, 1);
    uint32_t seen;
    if ((flags & HP_PLACE_IS_APP) && name.n != 0 && name.p[0] == '/' &&
        !hp_map_get(&namer->sources, key, &seen) && hp_map_put(&namer->sources, key, 1) == HP_OK) {
        hp_cap_source(namer->cap, (struct hp_span8){symbol->file.p, symbol->file.n},
                      (struct hp_span8){name.p, name.n});
    }
    return true;
}

/* Extras: struct {Py_ssize_t size; void *extras[];} behind co_extra. */
bool hp__namer_known(void *ctx, uint64_t code, uint32_t *sym)
{
    struct hp_namer *namer = ctx;
    uint64_t list = 0, size = 0, value = 0;
    if (namer->config->extra_offset == 0 ||
        hp_peek_at(namer->peek, code + namer->config->extra_offset, &list, sizeof list) != HP_OK ||
        list == 0 || hp_peek_at(namer->peek, list, &size, sizeof size) != HP_OK ||
        size <= namer->config->extra_index ||
        hp_peek_at(namer->peek, list + 8 + 8 * (uint64_t)namer->config->extra_index, &value, sizeof value) !=
            HP_OK ||
        (value >> 8) == 0 || (value >> 8) > hp_dict_symbol_count(namer->cap->dict)) {
        return false;
    }
    *sym = (uint32_t)(value >> 8) - 1;
    return true;
}
