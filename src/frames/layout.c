/* layout.c -- see layout.h.
 *
 * The published offsets are a row of 64-bit words whose places differ between versions: below, for each
 * version, which word says what.
 */
#include "frames/layout.h"

#include <string.h>

#include "frames/peek.h"

static const struct hp_layout tables[] = {
    {.version = 0x030B0000,
     .minor = 11,
     .by_cframe = true,
     .instr_previous = true,
     .owner_c = 3,
     .kind_shift = 2,
     .runtime_interpreters = 40,
     .runtime_gil = 360,
     .interp_next = 0,
     .interp_threads = 16,
     .gil_locked = 16,
     .gil_holder = 8,
     .thread_next = 8,
     .thread_frame = 56,
     .thread_native_id = 160,
     .thread_bytes = 168,
     .cframe_frame = 8,
     .frame_code = 32,
     .frame_previous = 48,
     .frame_instr = 56,
     .frame_owner = 69,
     .frame_bytes = 72,
     .code_filename = 112,
     .code_name = 120,
     .code_qualname = 128,
     .code_linetable = 136,
     .code_firstline = 72,
     .code_start = 184,
     .object_type = 8,
     .object_size = 16,
     .bytes_start = 32,
     .text_length = 16,
     .text_state = 32,
     .text_ascii = 48,
     .text_compact = 72},
    {.version = 0x030C0000,
     .minor = 12,
     .by_cframe = true,
     .instr_previous = true,
     .owner_c = 3,
     .kind_shift = 2,
     .runtime_interpreters = 40,
     .interp_next = 0,
     .interp_threads = 72,
     .interp_gil = 384,
     .gil_locked = 16,
     .gil_holder = 8,
     .thread_next = 8,
     .thread_frame = 56,
     .thread_native_id = 144,
     .thread_bytes = 152,
     .cframe_frame = 0,
     .frame_code = 0,
     .frame_previous = 8,
     .frame_instr = 56,
     .frame_owner = 70,
     .frame_bytes = 72,
     .code_filename = 112,
     .code_name = 120,
     .code_qualname = 128,
     .code_linetable = 136,
     .code_firstline = 68,
     .code_start = 192,
     .object_type = 8,
     .object_size = 16,
     .bytes_start = 32,
     .text_length = 16,
     .text_state = 32,
     .text_ascii = 40,
     .text_compact = 56},
};

/* Numbers of words. 0: not published. */
struct words {
    uint8_t minor, count;
    uint8_t runtime_interpreters;
    uint8_t interp_next, interp_threads, interp_gil, gil, gil_locked, gil_holder;
    uint8_t thread_size, thread_next, thread_frame, thread_native_id;
    uint8_t frame_size, frame_previous, frame_code, frame_instr, frame_owner, frame_tlbc;
    uint8_t code_size, code_filename, code_name, code_qualname, code_linetable, code_firstline, code_start,
        code_tlbc;
    uint8_t object_size, object_type, bytes_start, text_size, text_state, text_length, text_ascii;
    uint8_t interp_main, script_breaker, script_base, script_allowed, script_pending, script_path,
        script_path_bytes;
};

static const struct words published[] = {
    {.minor = 13,
     .count = 73,
     .runtime_interpreters = 5,
     .interp_next = 8,
     .interp_threads = 9,
     .interp_gil = 14,
     .gil = 15,
     .gil_locked = 17,
     .gil_holder = 18,
     .thread_size = 19,
     .thread_next = 21,
     .thread_frame = 23,
     .thread_native_id = 25,
     .frame_size = 28,
     .frame_previous = 29,
     .frame_code = 30,
     .frame_instr = 31,
     .frame_owner = 33,
     .code_size = 34,
     .code_filename = 35,
     .code_name = 36,
     .code_qualname = 37,
     .code_linetable = 38,
     .code_firstline = 39,
     .code_start = 43,
     .object_size = 44,
     .object_type = 45,
     .bytes_start = 66,
     .text_size = 67,
     .text_state = 68,
     .text_length = 69,
     .text_ascii = 70},
    {.minor = 14,
     .count = 95,
     .runtime_interpreters = 5,
     .interp_next = 8,
     .interp_threads = 9,
     .interp_gil = 15,
     .gil = 16,
     .gil_locked = 18,
     .gil_holder = 19,
     .thread_size = 22,
     .thread_next = 24,
     .thread_frame = 26,
     .thread_native_id = 28,
     .frame_size = 31,
     .frame_previous = 32,
     .frame_code = 33,
     .frame_instr = 34,
     .frame_owner = 36,
     .frame_tlbc = 38,
     .code_size = 39,
     .code_filename = 40,
     .code_name = 41,
     .code_qualname = 42,
     .code_linetable = 43,
     .code_firstline = 44,
     .code_start = 48,
     .code_tlbc = 49,
     .object_size = 50,
     .object_type = 51,
     .bytes_start = 76,
     .text_size = 77,
     .text_state = 78,
     .text_length = 79,
     .text_ascii = 80,
     .interp_main = 10,
     .script_breaker = 89,
     .script_base = 90,
     .script_allowed = 91,
     .script_pending = 92,
     .script_path = 93,
     .script_path_bytes = 94},
    {.minor = 15,
     .count = 111,
     .runtime_interpreters = 5,
     .interp_next = 8,
     .interp_threads = 9,
     .interp_gil = 15,
     .gil = 16,
     .gil_locked = 18,
     .gil_holder = 19,
     .thread_size = 22,
     .thread_next = 24,
     .thread_frame = 26,
     .thread_native_id = 31,
     .frame_size = 39,
     .frame_previous = 40,
     .frame_code = 41,
     .frame_instr = 42,
     .frame_owner = 44,
     .frame_tlbc = 46,
     .code_size = 47,
     .code_filename = 48,
     .code_name = 49,
     .code_qualname = 50,
     .code_linetable = 51,
     .code_firstline = 52,
     .code_start = 56,
     .code_tlbc = 57,
     .object_size = 58,
     .object_type = 59,
     .bytes_start = 88,
     .text_size = 89,
     .text_state = 90,
     .text_length = 91,
     .text_ascii = 92,
     .interp_main = 10,
     .script_breaker = 105,
     .script_base = 106,
     .script_allowed = 107,
     .script_pending = 108,
     .script_path = 109,
     .script_path_bytes = 110},
};

#define STRUCT_MAX ((uint64_t)16 << 20) /* an interpreter state has some hundred kilobytes */

hp_err hp_layout_table(unsigned minor, struct hp_layout *layout)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (tables[i].minor == minor) {
            *layout = tables[i];
            return HP_OK;
        }
    }
    return HP_EUNSUPPORTED;
}

/* Reads words, remembers whether one was implausible. */
struct source {
    const uint8_t *bytes;
    bool bad;
};

static uint32_t word(struct source *source, uint8_t index, uint64_t below)
{
    uint64_t value = hp_peek_u64(source->bytes + (size_t)index * 8);
    if (value >= below) {
        source->bad = true;
        return 0;
    }
    return (uint32_t)value;
}

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void take_threads(struct source *in, const struct words *w, struct hp_layout *out)
{
    out->runtime_interpreters = word(in, w->runtime_interpreters, STRUCT_MAX);
    out->interp_next = word(in, w->interp_next, STRUCT_MAX);
    out->interp_threads = word(in, w->interp_threads, STRUCT_MAX);
    out->interp_gil = word(in, w->interp_gil, STRUCT_MAX);
    uint32_t gil = word(in, w->gil, STRUCT_MAX);
    uint32_t locked = word(in, w->gil_locked, STRUCT_MAX), holder = word(in, w->gil_holder, STRUCT_MAX);
    in->bad |= locked < gil || holder < gil || locked - gil > 4096 || holder - gil > 4096;
    out->gil_locked = locked - gil;
    out->gil_holder = holder - gil;
    out->thread_next = word(in, w->thread_next, HP_LAYOUT_THREAD_BYTES - 8);
    out->thread_frame = word(in, w->thread_frame, HP_LAYOUT_THREAD_BYTES - 8);
    out->thread_native_id = word(in, w->thread_native_id, HP_LAYOUT_THREAD_BYTES - 8);
    out->thread_bytes =
        most(most(out->thread_next, out->thread_frame), out->thread_native_id) + (uint32_t)sizeof(uint64_t);
}

static void take_frame(struct source *in, const struct words *w, struct hp_layout *out)
{
    out->frame_previous = word(in, w->frame_previous, HP_LAYOUT_FRAME_BYTES - 8);
    out->frame_code = word(in, w->frame_code, HP_LAYOUT_FRAME_BYTES - 8);
    out->frame_instr = word(in, w->frame_instr, HP_LAYOUT_FRAME_BYTES - 8);
    out->frame_owner = word(in, w->frame_owner, HP_LAYOUT_FRAME_BYTES - 8);
    out->frame_tlbc =
        out->free_threaded && w->frame_tlbc != 0 ? word(in, w->frame_tlbc, HP_LAYOUT_FRAME_BYTES - 8) : 0;
    uint32_t end =
        most(most(out->frame_previous, out->frame_code), most(out->frame_instr, out->frame_tlbc)) + 8;
    out->frame_bytes = most(end, out->frame_owner + 1);
}

static void take_code(struct source *in, const struct words *w, struct hp_layout *out)
{
    out->code_filename = word(in, w->code_filename, HP_LAYOUT_CODE_BYTES - 8);
    out->code_name = word(in, w->code_name, HP_LAYOUT_CODE_BYTES - 8);
    out->code_qualname = word(in, w->code_qualname, HP_LAYOUT_CODE_BYTES - 8);
    out->code_linetable = word(in, w->code_linetable, HP_LAYOUT_CODE_BYTES - 8);
    out->code_firstline = word(in, w->code_firstline, HP_LAYOUT_CODE_BYTES - 4);
    out->code_start = word(in, w->code_start, HP_LAYOUT_CODE_BYTES + 1);
    out->code_tlbc =
        out->free_threaded && w->code_tlbc != 0 ? word(in, w->code_tlbc, HP_LAYOUT_CODE_BYTES - 8) : 0;
    uint32_t end =
        most(most(out->code_filename, out->code_name), most(out->code_qualname, out->code_linetable));
    out->object_size = word(in, w->object_size, 64);
    out->object_type = word(in, w->object_type, 64);
    end = most(most(end, out->code_tlbc), most(out->object_size, out->object_type)) + 8;
    in->bad |= out->code_start < most(end, out->code_firstline + 4);
    out->bytes_start = word(in, w->bytes_start, 128);
    out->text_state = word(in, w->text_state, 120);
    out->text_length = word(in, w->text_length, 120);
    out->text_ascii = word(in, w->text_ascii, 128);
    out->text_compact = out->text_ascii + 16; /* + utf8_length and utf8 */
}

static void take_script(struct source *in, const struct words *w, struct hp_layout *out)
{
    if (w->script_path_bytes == 0) {
        return;
    }
    uint32_t base = word(in, w->script_base, STRUCT_MAX);
    out->script = (struct hp_layout_script){.interp_main = word(in, w->interp_main, STRUCT_MAX),
                                            .interp_allowed = word(in, w->script_allowed, STRUCT_MAX),
                                            .thread_breaker = word(in, w->script_breaker, STRUCT_MAX),
                                            .thread_pending = base + word(in, w->script_pending, STRUCT_MAX),
                                            .thread_path = base + word(in, w->script_path, STRUCT_MAX),
                                            .path_bytes = word(in, w->script_path_bytes, 1 << 16)};
}

hp_err hp_layout_debug(const uint8_t *bytes, size_t n, struct hp_layout *layout)
{
    if (n < 24 || memcmp(bytes, "xdebugpy", 8) != 0) {
        return HP_ENOTFOUND;
    }
    uint64_t version = hp_peek_u64(bytes + 8);
    struct hp_layout out = {.version = (uint32_t)version,
                            .minor = (uint8_t)(version >> 16),
                            .free_threaded = hp_peek_u64(bytes + 16) != 0};
    const struct words *w = NULL;
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        w = published[i].minor == out.minor && version >> 24 == 3 ? &published[i] : w;
    }
    if (w == NULL) {
        layout->version = out.version;
        layout->minor = out.minor;
        return version >> 24 == 3 ? HP_EUNSUPPORTED : HP_ECORRUPT;
    }
    if (n < (size_t)w->count * 8) {
        return HP_ECORRUPT;
    }
    struct source in = {.bytes = bytes};
    out.owner_c = 3;
    out.tag_mask = out.minor >= 14 ? 3 : 0;
    out.kind_shift = out.free_threaded && out.minor >= 14 ? 8 : 2;
    take_threads(&in, w, &out);
    take_frame(&in, w, &out);
    take_code(&in, w, &out);
    take_script(&in, w, &out);
    if (in.bad) {
        return HP_ECORRUPT;
    }
    *layout = out;
    return HP_OK;
}
