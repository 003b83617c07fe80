/* params.h -- the parameters of a URL or a form: name=value&…, decoded, bounded.
 *
 * Untrusted input. At most HP_PARAMS_MOST of them; more, or a text too long for the arena, are refused.
 * Values may hold any byte.
 */
#ifndef HP_PARAMS_H
#define HP_PARAMS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "hotplate/err.h"

#define HP_PARAMS_MOST 32u

struct hp_params {
    struct hp_str names[HP_PARAMS_MOST], values[HP_PARAMS_MOST];
    uint32_t count;
};

/* Decode `text` (percent and plus) into memory of `arena`. Fails: HP_EINVAL (too many), HP_ENOMEM. */
HP_CHECK hp_err hp_params_parse(struct hp_params *params, struct hp_str text, struct hp_arena *arena);

/* The first value of that name; empty if there is none. */
struct hp_str hp_params_text(const struct hp_params *params, const char *name);

/* A whole number in [least, most]; `otherwise` where there is none. Fails: HP_EINVAL with a line. */
HP_CHECK hp_err hp_params_number(const struct hp_params *params, const char *name, uint64_t least,
                                 uint64_t most, uint64_t otherwise, uint64_t *out, struct hp_errinfo *info);

/* Milliseconds with up to six decimals, as nanoseconds; 0 where there are none. Fails: HP_EINVAL with a
 * line. */
HP_CHECK hp_err hp_params_ms(const struct hp_params *params, const char *name, uint64_t *ns,
                             struct hp_errinfo *info);

/* The same of a text: false if it is none, or is too large. */
bool hp_params_read_ms(struct hp_str text, uint64_t *ns);

/* 16 lower-case hex digits. False if it is something else. */
bool hp_params_read_id(struct hp_str text, uint64_t *id);

#endif
