/* fuzz_walk.c -- libFuzzer over a hostile interpreter: whatever its memory holds, walks end, read nothing
 * outside of it and name nothing that was not read.
 *
 * The input is the target's memory, again and again from address 0x10000 up to 16 MiB: every pointer leads
 * somewhere. Its first byte picks a version, the table's or the one that the memory publishes at its start.
 */
#include <stdlib.h>
#include <string.h>

#include "frames/code.h"
#include "frames/linetable.h"
#include "frames/walk.h"

#define FIRST  0x10000u
#define END    0x1000000u
#define FRAMES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
    const uint8_t *data;
    size_t size;
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static hp_err read_memory(void *ctx, const struct hp_peek_span *spans, uint32_t count, uint32_t *done)
{
    const struct memory *memory = ctx;
    for (*done = 0; *done < count; ++*done) {
        const struct hp_peek_span *span = &spans[*done];
        if (span->address < FIRST || span->address > END || END - span->address < span->n) {
            return HP_ERANGE;
        }
        for (size_t i = 0; i < span->n; i++) {
            ((uint8_t *)span->to)[i] = memory->data[(span->address - FIRST + i) % memory->size];
        }
    }
    return HP_OK;
}

static void look_at(const struct hp_layout *layout, const struct hp_peek *peek,
                    const struct hp_walk_frame *frame)
{
    uint8_t head[HP_LAYOUT_CODE_BYTES];
    struct hp_code code;
    struct hp_buf text;
    int64_t unit = 0;
    require(layout->code_start <= sizeof head);
    if (hp_peek_at(peek, frame->code, head, layout->code_start) != HP_OK ||
        hp_code_parse(layout, head, &code) != HP_OK) {
        return;
    }
    hp_buf_init(&text, 1 << 16);
    if (hp_code_text(layout, peek, code.qualname, 100, &text) == HP_OK) {
        require(text.len <= 400 && hp_utf8_cut(hp_buf_str(&text), text.len).n == text.len);
    }
    hp_buf_reset(&text);
    if (hp_code_unit(layout, peek, &code, frame->code, frame->instr, frame->tlbc, &unit) == HP_OK) {
        require(unit >= -1 && unit < code.unit_count);
    }
    if (hp_code_bytes(layout, peek, code.linetable, 4096, &text) == HP_OK) {
        (void)hp_linetable_line(hp_buf_str(&text), code.firstline, unit);
    }
    hp_buf_fini(&text);
}

static void walk_all(const struct hp_layout *layout, const struct hp_peek *peek)
{
    static struct hp_walk walk;
    struct hp_sweep sweep;
    struct hp_walk_frame frames[FRAMES];
    hp_sweep_init(&sweep, 32);
    for (int round = 0; round < 2; round++) {
        if (hp_sweep_take(&sweep, layout, peek, FIRST) != HP_OK) {
            continue;
        }
        require(sweep.count <= 32);
        for (uint32_t i = 0; i < sweep.count; i++) {
            uint32_t count = 0;
            bool cut;
            if (hp_walk_frames(&walk, layout, peek, &sweep.threads[i], frames, FRAMES, &count, &cut) ==
                HP_OK) {
                require(count <= FRAMES);
                for (uint32_t f = 0; f < count && f < 4; f++) {
                    look_at(layout, peek, &frames[f]);
                }
            }
        }
    }
    hp_sweep_fini(&sweep);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hp_layout layout;
    if (size < 2) {
        return 0;
    }
    struct memory memory = {data + 1, size - 1};
    struct hp_peek peek = {read_memory, &memory};
    hp_err err = data[0] % 3 == 0 ? hp_layout_debug(memory.data, memory.size, &layout)
                                  : hp_layout_table(10 + data[0] % 3, &layout);
    if (err == HP_OK) {
        require(layout.thread_bytes <= HP_LAYOUT_THREAD_BYTES && layout.frame_bytes <= HP_LAYOUT_FRAME_BYTES);
        walk_all(&layout, &peek);
    }
    return 0;
}
