/* reader.c -- bounded reading of bytes; see reader.h. */
#include "base/reader.h"

void hp_reader_init(struct hp_reader *reader, const void *data, size_t n)
{
    static const uint8_t nothing[1] = {0};
    const uint8_t *p = n != 0 ? data : nothing;
    *reader = (struct hp_reader){p, p + n, false};
}

static void set_bad(struct hp_reader *reader)
{
    reader->bad = true;
    reader->p = reader->end;
}

uint64_t hp_reader_varint_slow(struct hp_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && hp_reader_left(reader) != 0; shift += 7) {
        uint8_t byte = *reader->p++;
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    set_bad(reader);
    return 0;
}

/* `n` bytes, least significant first. */
static uint64_t read_le(struct hp_reader *reader, size_t n)
{
    if (hp_reader_left(reader) < n) {
        set_bad(reader);
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        value |= (uint64_t)reader->p[i] << (8 * i);
    }
    reader->p += n;
    return value;
}

uint8_t hp_reader_u8(struct hp_reader *reader)
{
    return (uint8_t)read_le(reader, 1);
}

uint16_t hp_reader_u16le(struct hp_reader *reader)
{
    return (uint16_t)read_le(reader, 2);
}

uint32_t hp_reader_u32le(struct hp_reader *reader)
{
    return (uint32_t)read_le(reader, 4);
}

uint64_t hp_reader_u64le(struct hp_reader *reader)
{
    return read_le(reader, 8);
}

bool hp_reader_str(struct hp_reader *reader, struct hp_str *text)
{
    uint64_t n = hp_reader_varint(reader);
    *text = hp_str_make("", 0);
    if (reader->bad || n > hp_reader_left(reader)) {
        set_bad(reader);
        return false;
    }
    *text = hp_str_make((const char *)reader->p, (size_t)n);
    reader->p += n;
    return true;
}

void hp_reader_skip(struct hp_reader *reader, size_t n)
{
    if (reader->bad || n > hp_reader_left(reader)) {
        set_bad(reader);
        return;
    }
    reader->p += n;
}

void hp_reader_sub(struct hp_reader *reader, size_t n, struct hp_reader *out)
{
    if (reader->bad || n > hp_reader_left(reader)) {
        set_bad(reader);
        hp_reader_init(out, NULL, 0);
        out->bad = true;
        return;
    }
    hp_reader_init(out, reader->p, n);
    reader->p += n;
}
