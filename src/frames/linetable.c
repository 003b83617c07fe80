/* linetable.c -- see linetable.h. */
#include "frames/linetable.h"

#include <stdbool.h>

struct cursor {
    const uint8_t *p, *end;
    bool bad;
};

static uint8_t next_byte(struct cursor *in)
{
    if (in->p == in->end) {
        in->bad = true;
        return 0;
    }
    return *in->p++;
}

static uint32_t next_varint(struct cursor *in)
{
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 32; shift += 6) {
        uint8_t byte = next_byte(in);
        value |= (uint32_t)(byte & 63) << shift;
        if ((byte & 64) == 0) {
            return value;
        }
    }
    in->bad = true;
    return 0;
}

static int64_t next_svarint(struct cursor *in)
{
    uint32_t value = next_varint(in);
    return value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
}

/* Step over what follows the first byte; returns by how much the line changes. */
static int64_t next_delta(struct cursor *in, unsigned kind)
{
    int64_t delta = 0;
    if (kind <= 9) {
        (void)next_byte(in);
    } else if (kind <= 12) {
        delta = (int64_t)kind - 10;
        (void)next_byte(in);
        (void)next_byte(in);
    } else if (kind <= 14) {
        delta = next_svarint(in);
        for (int i = 0; kind == 14 && i < 3; i++) {
            (void)next_varint(in);
        }
    }
    return delta;
}

uint32_t hp_linetable_line(struct hp_str table, uint32_t firstline, int64_t unit)
{
    int64_t line = firstline, at = 0;
    if (unit < 0 || table.n == 0) {
        return unit < 0 ? firstline : 0;
    }
    struct cursor in = {.p = (const uint8_t *)table.p, .end = (const uint8_t *)table.p + table.n};
    while (in.p < in.end) {
        uint8_t first = next_byte(&in);
        unsigned kind = first >> 3 & 15;
        line += next_delta(&in, kind);
        at += (first & 7) + 1;
        if (in.bad || (first & 0x80) == 0) {
            return 0;
        }
        if (unit < at) {
            return kind == 15 || line < 1 || line > INT32_MAX ? 0 : (uint32_t)line;
        }
    }
    return 0;
}
