/* code.c -- see code.h. */
#include "frames/code.h"

#include "base/hash.h"
#include "base/mem.h"

#define UNITS_MOST          (1u << 26)
#define HEAD_BYTES          160
#define INTERNAL_UNITS_MOST 32

hp_err hp_code_parse(const struct hp_layout *layout, const uint8_t *bytes, struct hp_code *code)
{
    struct hp_code out = {.type = hp_peek_u64(bytes + layout->object_type),
                          .filename = hp_peek_u64(bytes + layout->code_filename),
                          .name = hp_peek_u64(bytes + layout->code_name),
                          .qualname = hp_peek_u64(bytes + layout->code_qualname),
                          .linetable = hp_peek_u64(bytes + layout->code_linetable),
                          .firstline = hp_peek_u32(bytes + layout->code_firstline)};
    uint64_t units = hp_peek_u64(bytes + layout->object_size);
    if (units == 0 || units > UNITS_MOST || out.firstline > INT32_MAX || out.filename == 0 || out.name == 0 ||
        out.qualname == 0 || out.linetable == 0 ||
        (layout->code_type != 0 && out.type != layout->code_type)) {
        return HP_ECORRUPT;
    }
    out.unit_count = (uint32_t)units;
    *code = out;
    return HP_OK;
}

bool hp_code_same(const struct hp_code *a, const struct hp_code *b)
{
    return a->type == b->type && a->filename == b->filename && a->name == b->name &&
           a->qualname == b->qualname && a->linetable == b->linetable && a->firstline == b->firstline &&
           a->unit_count == b->unit_count;
}

uint32_t hp_code_stamp_spans(const struct hp_layout *layout, uint64_t address, uint64_t *words,
                             struct hp_peek_span *spans)
{
    if (layout->code_version != 0) {
        spans[0] = (struct hp_peek_span){address + (layout->code_version & ~7u), &words[0], sizeof *words};
        return 1;
    }
    spans[0] = (struct hp_peek_span){address + layout->code_qualname, &words[0], sizeof *words};
    spans[1] = (struct hp_peek_span){address + layout->code_linetable, &words[1], sizeof *words};
    spans[2] = (struct hp_peek_span){address + (layout->code_firstline & ~7u), &words[2], sizeof *words};
    return 3;
}

uint64_t hp_code_stamp(const struct hp_layout *layout, const uint64_t *words)
{
    uint64_t stamp =
        layout->code_version != 0 ? words[0] : hp_hash_mix(hp_hash_mix(words[0], words[1]), words[2]);
    return stamp != 0 ? stamp : 1;
}

bool hp_code_is_internal(const struct hp_code *code)
{
    return code->name == code->filename && code->name == code->qualname &&
           code->unit_count <= INTERNAL_UNITS_MOST;
}

/* Where the instructions start that the frame runs: in the code object, or in the thread's copy, which an
 * array of them lists. */
static hp_err find_start(const struct hp_layout *layout, const struct hp_peek *peek, uint64_t address,
                         int32_t tlbc, uint64_t *start)
{
    uint64_t list, size;
    *start = address + layout->code_start;
    if (layout->code_tlbc == 0 || tlbc == 0) {
        return HP_OK;
    }
    hp_err err = hp_peek_at(peek, address + layout->code_tlbc, &list, sizeof list);
    err = err == HP_OK ? hp_peek_at(peek, list, &size, sizeof size) : err;
    if (err == HP_OK && (tlbc < 0 || (uint64_t)tlbc >= size)) {
        return HP_ECORRUPT;
    }
    err = err == HP_OK ? hp_peek_at(peek, list + 8 + 8 * (uint64_t)tlbc, start, sizeof *start) : err;
    return err == HP_ERANGE ? HP_ECORRUPT : err;
}

hp_err hp_code_unit(const struct hp_layout *layout, const struct hp_peek *peek, const struct hp_code *code,
                    uint64_t address, uint64_t instr, int32_t tlbc, int64_t *unit)
{
    uint64_t start;
    hp_err err = find_start(layout, peek, address, tlbc, &start);
    if (err != HP_OK) {
        return err;
    }
    int64_t bytes = (int64_t)(instr - start);
    int64_t least = layout->instr_previous ? -2 : 0;
    if ((bytes & 1) != 0 || bytes < least || bytes >= (int64_t)code->unit_count * 2) {
        return HP_ECORRUPT;
    }
    *unit = bytes / 2;
    return HP_OK;
}

static void put_char(struct hp_buf *out, uint32_t c)
{
    uint8_t bytes[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if ((c >= 0xD800 && c < 0xE000) || c > 0x10FFFF) {
        c = 0xFFFD;
        n = 3;
    }
    static const uint8_t marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--) {
        bytes[i] = (uint8_t)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    bytes[0] = (uint8_t)(marks[n] | c);
    hp_buf_put(out, bytes, n);
}

static bool is_ascii(const uint8_t *bytes, uint64_t count)
{
    uint8_t all = 0;
    for (uint64_t i = 0; i < count; i++) {
        all |= bytes[i];
    }
    return all < 0x80;
}

static void put_chars(struct hp_buf *out, const uint8_t *bytes, uint64_t count, unsigned kind)
{
    if (kind == 1 && is_ascii(bytes, count)) { /* nearly all are */
        hp_buf_put(out, bytes, (size_t)count);
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *at = bytes + i * kind;
        put_char(out, kind == 1 ? at[0] : kind == 2 ? (uint32_t)(at[0] | at[1] << 8) : hp_peek_u32(at));
    }
}

hp_err hp_code_text(const struct hp_layout *layout, const struct hp_peek *peek, uint64_t address,
                    uint32_t max_chars, struct hp_buf *out)
{
    uint8_t head[HEAD_BYTES];
    hp_err err = hp_peek_at(peek, address, head, layout->text_ascii);
    if (err != HP_OK) {
        return err == HP_ERANGE ? HP_ECORRUPT : err;
    }
    uint64_t length = hp_peek_u64(head + layout->text_length);
    uint32_t state = hp_peek_u32(head + layout->text_state) >> layout->kind_shift;
    unsigned kind = state & 7;
    bool compact = state & 8, ascii = state & 16;
    if (!compact || (kind != 1 && kind != 2 && kind != 4) || length > (uint64_t)1 << 32) {
        return HP_ECORRUPT;
    }
    length = length < max_chars ? length : max_chars;
    uint8_t *bytes = hp_malloc((size_t)length * kind);
    if (bytes == NULL) {
        return HP_ENOMEM;
    }
    err = length == 0 ? HP_OK
                      : hp_peek_at(peek, address + (ascii ? layout->text_ascii : layout->text_compact), bytes,
                                   (size_t)length * kind);
    if (err == HP_OK) {
        put_chars(out, bytes, length, kind);
        err = out->err;
    }
    hp_free(bytes);
    return err == HP_ERANGE ? HP_ECORRUPT : err;
}

hp_err hp_code_bytes(const struct hp_layout *layout, const struct hp_peek *peek, uint64_t address,
                     uint32_t max_bytes, struct hp_buf *out)
{
    uint64_t size;
    hp_err err = hp_peek_at(peek, address + layout->object_size, &size, sizeof size);
    if (err != HP_OK) {
        return err == HP_ERANGE ? HP_ECORRUPT : err;
    }
    if (size > max_bytes) {
        return size > UINT32_MAX ? HP_ECORRUPT : HP_EFULL;
    }
    if (!hp_buf_reserve(out, (size_t)size)) {
        return out->err;
    }
    err = size == 0 ? HP_OK
                    : hp_peek_at(peek, address + layout->bytes_start, out->data + out->len, (size_t)size);
    if (err == HP_OK) {
        out->len += (size_t)size;
    }
    return err == HP_ERANGE ? HP_ECORRUPT : err;
}
