/* buf.c -- growing byte buffer; see buf.h. Doubles, from 64 bytes, up to the cap. */
#include "base/buf.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/show.h"

#define FIRST_BYTES ((size_t)64)

void hp_buf_init(struct hp_buf *buf, size_t max_bytes)
{
    *buf = (struct hp_buf){.max = max_bytes};
}

void hp_buf_fini(struct hp_buf *buf)
{
    hp_free(buf->data);
    hp_buf_init(buf, buf->max);
}

void hp_buf_reset(struct hp_buf *buf)
{
    buf->len = 0;
    buf->err = HP_OK;
}

bool hp_buf_grow(struct hp_buf *buf, size_t n)
{
    if (buf->err != HP_OK) {
        return false;
    }
    if (n > buf->max - buf->len) {
        buf->err = HP_EFULL;
        return false;
    }
    size_t need = buf->len + n;
    size_t capacity = buf->capacity > buf->max / 2 ? buf->max : buf->capacity * 2;
    capacity = capacity > FIRST_BYTES ? capacity : FIRST_BYTES;
    capacity = capacity > need ? capacity : need;
    capacity = capacity < buf->max ? capacity : buf->max;
    uint8_t *data = hp_realloc(buf->data, capacity);
    if (data == NULL) {
        buf->err = HP_ENOMEM;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

/* Append the lowest `n` bytes of `value`, least significant first. */
static void put_le(struct hp_buf *buf, uint64_t value, size_t n)
{
    if (!hp_buf_reserve(buf, n)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        buf->data[buf->len + i] = (uint8_t)(value >> (8 * i));
    }
    buf->len += n;
}

void hp_buf_put_u16le(struct hp_buf *buf, uint16_t value)
{
    put_le(buf, value, 2);
}

void hp_buf_put_u32le(struct hp_buf *buf, uint32_t value)
{
    put_le(buf, value, 4);
}

void hp_buf_put_u64le(struct hp_buf *buf, uint64_t value)
{
    put_le(buf, value, 8);
}

static size_t encode_varint(uint8_t out[HP_VARINT_MAX_BYTES], uint64_t value)
{
    size_t n = 0;
    while (value >= 0x80) {
        out[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[n++] = (uint8_t)value;
    return n;
}

void hp_buf_put_varint_slow(struct hp_buf *buf, uint64_t value)
{
    if (buf->err == HP_OK && buf->capacity - buf->len >= HP_VARINT_MAX_BYTES) {
        buf->len += encode_varint(buf->data + buf->len, value);
        return;
    }
    /* Near the end, so that the cap holds to the byte. */
    uint8_t bytes[HP_VARINT_MAX_BYTES];
    hp_buf_put(buf, bytes, encode_varint(bytes, value));
}

void hp_buf_put_str(struct hp_buf *buf, struct hp_str text)
{
    uint8_t bytes[HP_VARINT_MAX_BYTES];
    size_t n = encode_varint(bytes, text.n);
    /* Both or neither: room for all of it first. */
    if (text.n > SIZE_MAX - n) {
        buf->err = buf->err != HP_OK ? buf->err : HP_EFULL;
        return;
    }
    if (hp_buf_reserve(buf, n + text.n)) {
        hp_buf_put(buf, bytes, n);
        hp_buf_put(buf, text.p, text.n);
    }
}

void hp_buf_put_decimal(struct hp_buf *buf, uint64_t value)
{
    char digits[HP_SHOW_DIGITS];
    hp_buf_put(buf, digits, hp_show_digits(digits, value));
}

void hp_buf_vprintf(struct hp_buf *buf, const char *format, va_list args)
{
    if (buf->err != HP_OK) {
        return;
    }
    va_list again;
    va_copy(again, args);
    char small[128];
    int length = vsnprintf(small, sizeof small, format, args);
    if (length < 0) {
        buf->err = HP_EINVAL;
    } else if ((size_t)length < sizeof small) {
        hp_buf_put(buf, small, (size_t)length);
    } else {
        /* vsnprintf writes a NUL: it needs a byte that does not stay, so it goes through a block of its
         * own. */
        char *large = hp_malloc((size_t)length + 1);
        if (large == NULL) {
            buf->err = HP_ENOMEM;
        } else {
            vsnprintf(large, (size_t)length + 1, format, again);
            hp_buf_put(buf, large, (size_t)length);
            hp_free(large);
        }
    }
    va_end(again);
}

void hp_buf_printf(struct hp_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    hp_buf_vprintf(buf, format, args);
    va_end(args);
}

void hp_buf_patch_u32le(struct hp_buf *buf, size_t at, uint32_t value)
{
    if (buf->err != HP_OK) {
        return;
    }
    hp_assert(at <= buf->len && buf->len - at >= 4);
    for (size_t i = 0; i < 4; i++) {
        buf->data[at + i] = (uint8_t)(value >> (8 * i));
    }
}

uint8_t *hp_buf_detach(struct hp_buf *buf, size_t *len)
{
    *len = 0;
    if (buf->err != HP_OK || buf->len == 0) {
        return NULL;
    }
    uint8_t *data = buf->data;
    *len = buf->len;
    hp_buf_init(buf, buf->max);
    return data;
}
