/* reader.h -- bounded reading of bytes written with buf.h.
 *
 * Why: input is never trusted. A read beyond the end, an overlong varint or a length larger than what is left
 * sets `bad`; from then on every read gives 0 or the empty text, so a decoder checks once at the end (and
 * must bound its loops by `bad`, not by a count it has read). Nothing is copied: texts are borrowed from the
 * input.
 */
#ifndef HP_READER_H
#define HP_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct hp_reader {
    const uint8_t *p, *end;
    bool bad;
};

/* Read `n` bytes at `data` (may be NULL if n is 0). Borrows `data` for the reader's life. Threads: owner
 * only. */
void hp_reader_init(struct hp_reader *reader, const void *data, size_t n);

/* Bytes not read yet; 0 once bad. */
static inline size_t hp_reader_left(const struct hp_reader *reader)
{
    return reader->bad ? 0 : (size_t)(reader->end - reader->p);
}

/* The path of hp_reader_varint for two bytes and more. */
uint64_t hp_reader_varint_slow(struct hp_reader *reader);

/* Unsigned LEB128; more than 64 bits is bad. */
static inline uint64_t hp_reader_varint(struct hp_reader *reader)
{
    if (!reader->bad && reader->p < reader->end && *reader->p < 0x80) {
        return *reader->p++;
    }
    return hp_reader_varint_slow(reader);
}

/* Zigzag LEB128. */
static inline int64_t hp_reader_svarint(struct hp_reader *reader)
{
    uint64_t value = hp_reader_varint(reader);
    return (int64_t)((value >> 1) ^ (0 - (value & 1)));
}

uint8_t hp_reader_u8(struct hp_reader *reader);
uint16_t hp_reader_u16le(struct hp_reader *reader);
uint32_t hp_reader_u32le(struct hp_reader *reader);
uint64_t hp_reader_u64le(struct hp_reader *reader);

/* Varint length and bytes; the text is borrowed from the input, empty once bad. Returns !bad. */
bool hp_reader_str(struct hp_reader *reader, struct hp_str *text);

/* Skip `n` bytes. */
void hp_reader_skip(struct hp_reader *reader, size_t n);

/* Take the next `n` bytes as a reader of their own and step over them: a record inside a file. If there are
 * fewer, both become bad. */
void hp_reader_sub(struct hp_reader *reader, size_t n, struct hp_reader *out);

#endif
