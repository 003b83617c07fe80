/* buf.h -- growing byte buffer with a cap and a sticky error: what encoders write into.
 *
 * Why: an encoder is a long row of puts; checking each one hides the format. Here the first failure (cap:
 * HP_EFULL, memory: HP_ENOMEM) sticks in `err`, later puts do nothing, and the caller looks once at the end.
 * What was written before the failure stays readable; one put is written wholly or not at all.
 *
 * All numbers are little-endian whatever the machine. Varints are LEB128: seven bits a byte, least
 * significant first, the high bit says "more"; signed ones are zigzag-mapped first (0, -1, 1, -2 → 0, 1, 2,
 * 3). Read with reader.h.
 */
#ifndef HP_BUF_H
#define HP_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "hotplate/err.h"

#define HP_VARINT_MAX_BYTES 10

struct hp_buf {
    uint8_t *data; /* NULL until the first byte */
    size_t len;
    size_t capacity;
    size_t max;
    hp_err err;
};

/* Start an empty buffer of at most `max_bytes`. Never allocates, never fails. Owns: finish with hp_buf_fini
 * or hp_buf_detach. Threads: owner only, like all of this file. */
void hp_buf_init(struct hp_buf *buf, size_t max_bytes);

/* Free the bytes; the buffer is then empty, without error and with the same cap. A zeroed buffer is fine. */
void hp_buf_fini(struct hp_buf *buf);

/* Forget content and error, keep the memory. Never allocates. */
void hp_buf_reset(struct hp_buf *buf);

/* The path of hp_buf_reserve that grows; call hp_buf_reserve instead. */
bool hp_buf_grow(struct hp_buf *buf, size_t n);

/* Make room for `n` more bytes at data + len. False, with the error stuck, if that cannot be. Hot: yes while
 * there is room already. */
static inline bool hp_buf_reserve(struct hp_buf *buf, size_t n)
{
    if (buf->err == HP_OK && buf->capacity - buf->len >= n && buf->data != NULL) {
        return true;
    }
    return hp_buf_grow(buf, n);
}

/* Append `n` bytes at `p` (may be NULL if n is 0); `p` must not point into the buffer. */
static inline void hp_buf_put(struct hp_buf *buf, const void *p, size_t n)
{
    if (n != 0 && hp_buf_reserve(buf, n)) {
        memcpy(buf->data + buf->len, p, n);
        buf->len += n;
    }
}

static inline void hp_buf_put_u8(struct hp_buf *buf, uint8_t value)
{
    if (hp_buf_reserve(buf, 1)) {
        buf->data[buf->len++] = value;
    }
}

void hp_buf_put_u16le(struct hp_buf *buf, uint16_t value);
void hp_buf_put_u32le(struct hp_buf *buf, uint32_t value);
void hp_buf_put_u64le(struct hp_buf *buf, uint64_t value);

/* The path of hp_buf_put_varint for values of two bytes and more or a full buffer. */
void hp_buf_put_varint_slow(struct hp_buf *buf, uint64_t value);

/* Append an unsigned LEB128 number, 1–10 bytes. */
static inline void hp_buf_put_varint(struct hp_buf *buf, uint64_t value)
{
    if (value < 0x80 && buf->len < buf->capacity && buf->err == HP_OK) {
        buf->data[buf->len++] = (uint8_t)value;
        return;
    }
    hp_buf_put_varint_slow(buf, value);
}

/* Append a signed number, zigzag LEB128. */
static inline void hp_buf_put_svarint(struct hp_buf *buf, int64_t value)
{
    hp_buf_put_varint(buf, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

/* Append a varint length and the bytes. */
void hp_buf_put_str(struct hp_buf *buf, struct hp_str text);

/* Append the bytes of `text` without a length. */
static inline void hp_buf_put_text(struct hp_buf *buf, struct hp_str text)
{
    hp_buf_put(buf, text.p, text.n);
}

/* Append the digits of a number. */
void hp_buf_put_decimal(struct hp_buf *buf, uint64_t value);

/* Append formatted text, without a NUL. %f and kin follow the process's locale: not for file formats. */
void hp_buf_printf(struct hp_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void hp_buf_vprintf(struct hp_buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Overwrite the four bytes at offset `at` (a length that is known only afterwards). Does nothing after an
 * error. Precondition: at + 4 <= len. */
void hp_buf_patch_u32le(struct hp_buf *buf, size_t at, uint32_t value);

/* Hand the bytes to the caller, who frees them with hp_free, and empty the buffer. `*len` gets their number.
 * After an error, and when empty: NULL and 0, the buffer stays as it is. */
uint8_t *hp_buf_detach(struct hp_buf *buf, size_t *len) HP_CHECK;

/* What was written, borrowed until the next put, reset, fini or detach. */
static inline struct hp_str hp_buf_str(const struct hp_buf *buf)
{
    return (struct hp_str){(const char *)buf->data, buf->len};
}

#endif
