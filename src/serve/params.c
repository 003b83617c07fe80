/* params.c -- see params.h. */
#include "serve/params.h"

#include <inttypes.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode into `out`, which has room for all of `text`. A percent sign that starts no escape stands for
 * itself. */
static size_t decode(struct hp_str text, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%' && i + 2 < text.n && hex_digit(text.p[i + 1]) >= 0 && hex_digit(text.p[i + 2]) >= 0) {
            c = (char)(hex_digit(text.p[i + 1]) * 16 + hex_digit(text.p[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[n++] = c;
    }
    return n;
}

static hp_err decoded(struct hp_str text, struct hp_arena *arena, struct hp_str *out)
{
    char *copy = hp_arena_alloc(arena, text.n + 1, 1);
    if (copy == NULL) {
        return HP_ENOMEM;
    }
    *out = hp_str_make(copy, decode(text, copy));
    return HP_OK;
}

hp_err hp_params_parse(struct hp_params *params, struct hp_str text, struct hp_arena *arena)
{
    params->count = 0;
    while (text.n != 0) {
        size_t end = hp_str_find_char(text, '&');
        struct hp_str pair = hp_str_make(text.p, end);
        size_t skip = end < text.n ? end + 1 : end;
        text = hp_str_make(text.p + skip, text.n - skip);
        if (pair.n == 0) {
            continue;
        }
        if (params->count == HP_PARAMS_MOST) {
            return HP_EINVAL;
        }
        size_t equals = hp_str_find_char(pair, '=');
        size_t value = equals < pair.n ? equals + 1 : equals;
        hp_err err = decoded(hp_str_make(pair.p, equals), arena, &params->names[params->count]);
        if (err == HP_OK) {
            err = decoded(hp_str_make(pair.p + value, pair.n - value), arena, &params->values[params->count]);
        }
        if (err != HP_OK) {
            return err;
        }
        params->count++;
    }
    return HP_OK;
}

struct hp_str hp_params_text(const struct hp_params *params, const char *name)
{
    for (uint32_t i = 0; i < params->count; i++) {
        if (hp_str_eq(params->names[i], hp_str_from0(name))) {
            return params->values[i];
        }
    }
    return (struct hp_str){NULL, 0};
}

hp_err hp_params_number(const struct hp_params *params, const char *name, uint64_t least, uint64_t most,
                        uint64_t otherwise, uint64_t *out, struct hp_errinfo *info)
{
    struct hp_str text = hp_params_text(params, name);
    uint64_t value = 0;
    bool good = text.n <= 15;
    for (size_t i = 0; i < text.n && good; i++) {
        good = text.p[i] >= '0' && text.p[i] <= '9';
        value = value * 10 + (uint64_t)(text.p[i] - '0');
    }
    value = text.n == 0 ? otherwise : value;
    if (!good || (text.n != 0 && (value < least || value > most))) {
        return hp_err_set(info, HP_EINVAL, 0, "%s: not a number from %" PRIu64 " to %" PRIu64, name, least,
                          most);
    }
    *out = value;
    return HP_OK;
}

bool hp_params_read_ms(struct hp_str text, uint64_t *ns)
{
    uint64_t whole = 0, part = 0, scale = 1000000;
    size_t i = 0;
    for (; i < text.n && i < 14 && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
        whole = whole * 10 + (uint64_t)(text.p[i] - '0');
    }
    bool digits = i != 0;
    if (i < text.n && text.p[i] == '.') {
        for (i++; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
            scale /= 10;
            part += (uint64_t)(text.p[i] - '0') * scale;
        }
    }
    if (!digits || i != text.n || whole > UINT64_MAX / 2000000u) {
        return false;
    }
    *ns = whole * 1000000u + part;
    return true;
}

hp_err hp_params_ms(const struct hp_params *params, const char *name, uint64_t *ns, struct hp_errinfo *info)
{
    struct hp_str text = hp_params_text(params, name);
    *ns = 0;
    if (text.n != 0 && !hp_params_read_ms(text, ns)) {
        return hp_err_set(info, HP_EINVAL, 0, "%s: not a number of milliseconds", name);
    }
    return HP_OK;
}

bool hp_params_read_id(struct hp_str text, uint64_t *id)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.n && text.n == 16; i++) {
        int digit = text.p[i] >= 'A' && text.p[i] <= 'F' ? -1 : hex_digit(text.p[i]);
        if (digit < 0) {
            return false;
        }
        value = value << 4 | (uint64_t)digit;
    }
    if (text.n != 16) {
        return false;
    }
    *id = value;
    return true;
}
