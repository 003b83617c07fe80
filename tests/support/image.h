/* image.h -- an interpreter's memory made by hand: one region, in which a test lays out what a walk will
 * read.
 *
 *     struct image image;  image_init(&image, 12);      as CPython 3.12 lays it out
 *     uint64_t code = image_code(&image, "f", "f.py", 10, table);
 *     uint64_t frame = image_frame(&image, code, unit, previous);
 *     image_thread(&image, 4711, frame);                into the first interpreter, in front
 */
#ifndef HP_TEST_IMAGE_H
#define HP_TEST_IMAGE_H

#include <string.h>

#include "frames/code.h"
#include "frames/layout.h"
#include "frames/peek.h"

#define IMAGE_BASE  0x7f0000400000u
#define IMAGE_BYTES ((size_t)1 << 20)

struct image {
    struct hp_layout layout;
    struct hp_peek peek;
    uint64_t next, runtime, interpreter, gil;
    uint32_t reads, fail_at; /* fail_at: number of the read that fails with `failure`; 0 none */
    hp_err failure;
    void (*before_read)(struct image *image); /* the target runs on meanwhile */
    uint8_t bytes[IMAGE_BYTES];
};

static inline hp_err image_read(void *ctx, const struct hp_peek_span *spans, uint32_t count, uint32_t *done)
{
    struct image *image = ctx;
    image->reads++;
    if (image->before_read != NULL) {
        image->before_read(image);
    }
    *done = 0;
    if (image->reads == image->fail_at) {
        return image->failure;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t at = spans[i].address - IMAGE_BASE;
        if (spans[i].address < IMAGE_BASE || at > IMAGE_BYTES || IMAGE_BYTES - at < spans[i].n) {
            return HP_ERANGE;
        }
        memcpy(spans[i].to, image->bytes + at, spans[i].n);
        *done = i + 1;
    }
    return HP_OK;
}

static inline void image_put(struct image *image, uint64_t address, const void *from, size_t n)
{
    memcpy(image->bytes + (address - IMAGE_BASE), from, n);
}

static inline void image_put_u64(struct image *image, uint64_t address, uint64_t value)
{
    image_put(image, address, &value, sizeof value);
}

static inline void image_put_u32(struct image *image, uint64_t address, uint32_t value)
{
    image_put(image, address, &value, sizeof value);
}

static inline uint64_t image_get_u64(const struct image *image, uint64_t address)
{
    return hp_peek_u64(image->bytes + (address - IMAGE_BASE));
}

static inline uint64_t image_room(struct image *image, size_t n)
{
    uint64_t address = image->next;
    image->next += (n + 31) & ~(size_t)15;
    return address;
}

static inline void image_init(struct image *image, unsigned minor)
{
    memset(image, 0, sizeof *image);
    image->peek = (struct hp_peek){image_read, image};
    image->next = IMAGE_BASE + 8192;
    hp_err err = hp_layout_table(minor, &image->layout);
    (void)err;
    image->runtime = image_room(image, 4096);
    image->interpreter = image_room(image, 8192);
    image_put_u64(image, image->runtime + image->layout.runtime_interpreters, image->interpreter);
    image->gil = image->runtime + image->layout.runtime_gil;
    if (image->layout.runtime_gil == 0) {
        image->gil = image_room(image, 64);
        image_put_u64(image, image->interpreter + image->layout.interp_gil, image->gil);
    }
}

/* A str of `count` characters of `kind` bytes. */
static inline uint64_t image_text(struct image *image, const void *chars, uint64_t count, unsigned kind,
                                  bool ascii)
{
    const struct hp_layout *l = &image->layout;
    uint64_t address = image_room(image, l->text_compact + (size_t)count * kind);
    image_put_u64(image, address + l->text_length, count);
    image_put_u32(image, address + l->text_state, (kind | 8u | (ascii ? 16u : 0u)) << l->kind_shift);
    image_put(image, address + (ascii ? l->text_ascii : l->text_compact), chars, (size_t)count * kind);
    return address;
}

static inline uint64_t image_ascii(struct image *image, const char *text)
{
    return image_text(image, text, strlen(text), 1, true);
}

static inline uint64_t image_bytes_object(struct image *image, const void *bytes, size_t n)
{
    uint64_t address = image_room(image, image->layout.bytes_start + n);
    image_put_u64(image, address + image->layout.object_size, n);
    image_put(image, address + image->layout.bytes_start, bytes, n);
    return address;
}

/* Code of 100 units; `table` may be NULL. */
static inline uint64_t image_code(struct image *image, const char *name, const char *file, uint32_t line,
                                  const char *table)
{
    const struct hp_layout *l = &image->layout;
    uint64_t address = image_room(image, l->code_start + 200);
    uint64_t text = image_ascii(image, name);
    image_put_u64(image, address + l->object_type, IMAGE_BASE);
    image_put_u64(image, address + l->object_size, 100);
    image_put_u64(image, address + l->code_name, text);
    image_put_u64(image, address + l->code_qualname, text);
    image_put_u64(image, address + l->code_filename, image_ascii(image, file));
    image_put_u64(image, address + l->code_linetable,
                  image_bytes_object(image, table != NULL ? table : "", table != NULL ? strlen(table) : 0));
    image_put_u32(image, address + l->code_firstline, line);
    return address;
}

static inline uint64_t image_frame(struct image *image, uint64_t code, int64_t unit, uint64_t previous)
{
    const struct hp_layout *l = &image->layout;
    uint64_t address = image_room(image, l->frame_bytes + 16);
    image_put_u64(image, address + l->frame_code, code);
    image_put_u64(image, address + l->frame_previous, previous);
    image_put_u64(image, address + l->frame_instr, code + l->code_start + (uint64_t)(unit * 2));
    return address;
}

static inline void image_set_owner(struct image *image, uint64_t frame, uint8_t owner)
{
    image_put(image, frame + image->layout.frame_owner, &owner, 1);
}

static inline uint64_t image_thread(struct image *image, uint64_t native_id, uint64_t frame)
{
    const struct hp_layout *l = &image->layout;
    uint64_t address = image_room(image, l->thread_bytes), link = frame;
    if (l->by_cframe) {
        link = image_room(image, 32);
        image_put_u64(image, link + l->cframe_frame, frame);
    }
    image_put_u64(image, address + l->thread_next,
                  image_get_u64(image, image->interpreter + l->interp_threads));
    image_put_u64(image, address + l->thread_frame, link);
    image_put_u64(image, address + l->thread_native_id, native_id);
    image_put_u64(image, image->interpreter + l->interp_threads, address);
    return address;
}

#endif
