/* stack.c -- see stack.h. */
#include "frames/stack.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

#define FIRST_CAPACITY 32u
#define BATCH          8u /* frames compared by one read */
#define WORDS          3u /* of a frame: code, caller, instruction; then the stamp of its code */
#define EXPECTED_MOST  64u
#define NONE           UINT32_MAX
#define CHUNK_BYTES    16384u /* frames of one thread that lie in the same piece of so much are in order */
#define INNER          4u     /* frames whose nodes are looked at: the rest stands where it stood */
#define NEAR_LINES     16u
#define LINE_BYTES     64u
#define SEARCH_MOST                                                                                          \
    16384u /* addresses looked at in one read, so that a deep stack that is another one costs no square */

void hp_stack_fini(struct hp_stack *stack, struct hp_stack_work *work)
{
    work->room += stack->capacity;
    hp_free(stack->frames);
    *stack = (struct hp_stack){0};
}

hp_err hp_stack_reserve(struct hp_stack *stack, struct hp_stack_work *work, uint32_t count)
{
    uint32_t capacity = stack->capacity == 0 ? FIRST_CAPACITY : stack->capacity;
    while (capacity < count) {
        capacity *= 2;
    }
    if (capacity == stack->capacity) {
        return HP_OK;
    }
    if (capacity - stack->capacity > work->room) {
        return HP_EFULL;
    }
    struct hp_stack_frame *frames = hp_realloc(stack->frames, capacity * sizeof *frames);
    if (frames == NULL) {
        return HP_ENOMEM;
    }
    work->room -= capacity - stack->capacity;
    stack->frames = frames;
    stack->capacity = capacity;
    return HP_OK;
}

/* ---- what will be read soon ---- */

void hp_stack_expect(const struct hp_stack *stack, const struct hp_layout *layout, const void *nodes,
                     size_t node_bytes)
{
    uint32_t first = stack->count > EXPECTED_MOST ? stack->count - EXPECTED_MOST : 0;
    for (uint32_t i = stack->count; i-- > first;) {
        hp_peek_expect(stack->frames[i].address + layout->frame_code);
        hp_peek_expect(stack->frames[i].address + layout->frame_instr);
    }
    for (uint32_t i = stack->count, last = i > INNER ? i - INNER : 0; i-- > last;) {
        hp_peek_expect((uint64_t)(uintptr_t)nodes + stack->frames[i].node * node_bytes);
    }
}

/* ---- frames that were there before ---- */

/* Index of the frame at `address` below `*limit`, NONE: there is none or it was not found. In a chunk callers
 * lie below callees, so the frames above `address` have returned and are left behind, and none is looked for
 * among those below it. */
static uint32_t find(const struct hp_stack *stack, uint64_t address, uint32_t *limit, uint32_t *budget)
{
    for (uint32_t i = *limit; i-- > 0 && *budget != 0; --*budget) {
        uint64_t there = stack->frames[i].address;
        if (there == address) {
            return i;
        }
        if ((there ^ address) < CHUNK_BYTES && there < address) {
            return NONE;
        }
        if ((there ^ address) < CHUNK_BYTES && i + 1 == *limit) {
            *limit = i;
        }
    }
    return NONE;
}

static uint64_t code_of(const struct hp_layout *layout, const struct hp_stack_frame *frame)
{
    return frame->code & ~(uint64_t)layout->tag_mask;
}

/* How many of the frames from index `at` outwards are as they were, up to the first that is not. */
static uint32_t count_standing(const struct hp_stack *stack, const struct hp_layout *layout,
                               const struct hp_peek *peek, const struct hp_codes *codes, uint32_t at)
{
    uint64_t words[BATCH][WORDS + HP_CODE_STAMP_WORDS];
    struct hp_peek_span spans[BATCH * (WORDS + HP_CODE_STAMP_WORDS)];
    uint32_t standing = 0, left = at + 1;
    while (left != 0) {
        uint32_t batch = left < BATCH ? left : BATCH, used = 0, ends[BATCH], done;
        for (uint32_t i = 0; i < batch; i++) {
            const struct hp_stack_frame *frame = &stack->frames[left - 1 - i];
            spans[used++] = (struct hp_peek_span){frame->address + layout->frame_code, &words[i][0], 8};
            spans[used++] = (struct hp_peek_span){frame->address + layout->frame_previous, &words[i][1], 8};
            spans[used++] = (struct hp_peek_span){frame->address + layout->frame_instr, &words[i][2], 8};
            if (frame->python) {
                used += hp_codes_stamp_spans(codes, layout, code_of(layout, frame), words[i] + WORDS,
                                             spans + used);
            }
            ends[i] = used;
        }
        (void)peek->read(peek->ctx, spans, used, &done); /* what is gone is not as it was */
        for (uint32_t i = 0; i < batch; i++, standing++) {
            const struct hp_stack_frame *frame = &stack->frames[left - 1 - i];
            if (ends[i] > done || words[i][0] != frame->code || words[i][1] != frame->previous ||
                words[i][2] != frame->instr ||
                (frame->python &&
                 hp_codes_stamp(codes, layout, code_of(layout, frame), words[i] + WORDS) != frame->stamp)) {
                return standing;
            }
        }
        left -= batch;
    }
    return standing;
}

/* ---- frames that are new ---- */

static hp_err read_frame(const struct hp_layout *layout, const struct hp_peek *peek, uint64_t address,
                         struct hp_stack_frame *frame)
{
    uint64_t owner;
    uint32_t at = layout->frame_owner & ~7u, done;
    struct hp_stack_frame out = {.address = address};
    const struct hp_peek_span spans[] = {{address + layout->frame_code, &out.code, 8},
                                         {address + layout->frame_previous, &out.previous, 8},
                                         {address + layout->frame_instr, &out.instr, 8},
                                         {address + at, &owner, 8}};
    hp_err err = peek->read(peek->ctx, spans, 4, &done);
    if (err == HP_OK) {
        out.python = (uint8_t)(owner >> 8 * (layout->frame_owner - at)) < layout->owner_c;
        err = out.python && !hp_walk_plausible(code_of(layout, &out)) ? HP_ECORRUPT : HP_OK;
        *frame = out;
    }
    return err == HP_ERANGE ? HP_ECORRUPT : err;
}

/* Stamps, symbols and lines of the frames that have none yet. */
static hp_err name_frames(struct hp_stack_work *work, const struct hp_layout *layout,
                          const struct hp_peek *peek, struct hp_codes *codes)
{
    uint64_t words[BATCH][HP_CODE_STAMP_WORDS];
    struct hp_peek_span spans[BATCH * HP_CODE_STAMP_WORDS];
    hp_err err = HP_OK;
    for (uint32_t from = 0; err == HP_OK && from < work->count; from += BATCH) {
        uint32_t batch = work->count - from < BATCH ? work->count - from : BATCH, used = 0, done;
        for (uint32_t i = 0; i < batch; i++) {
            const struct hp_stack_frame *frame = &work->fresh[from + i];
            if (frame->python && frame->stamp == 0) {
                used += hp_codes_stamp_spans(codes, layout, code_of(layout, frame), words[i], spans + used);
            }
        }
        err = used != 0 ? peek->read(peek->ctx, spans, used, &done) : HP_OK;
        for (uint32_t i = 0; err == HP_OK && i < batch; i++) {
            struct hp_stack_frame *frame = &work->fresh[from + i];
            if (!frame->python || frame->stamp != 0) {
                continue;
            }
            struct hp_codes_site site = {.code = code_of(layout, frame), .instr = frame->instr};
            site.stamp = hp_codes_stamp(codes, layout, site.code, words[i]);
            err = hp_codes_at(codes, layout, peek, &site);
            frame->stamp = site.stamp;
            frame->sym = site.sym;
            frame->line = site.line;
            frame->shown = !site.internal;
        }
    }
    return err == HP_ERANGE ? HP_ECORRUPT : err;
}

/* ---- both ---- */

/* Follow the links from `address` on to `until`; what is new goes to `work`. `*kept`: as many outermost
 * frames close the stack as they are. */
static hp_err follow(const struct hp_stack *stack, struct hp_stack_work *work, const struct hp_layout *layout,
                     const struct hp_peek *peek, const struct hp_codes *codes, uint64_t address,
                     uint64_t until, uint32_t *kept, bool *cut)
{
    uint64_t mark = 0; /* Brent, as in walk.c */
    uint32_t limit = stack->count, budget = SEARCH_MOST, steps = 0, stride = 1;
    work->count = *kept = 0;
    for (uint32_t i = 0; i < NEAR_LINES; i++) { /* callers lie right below their callees */
        hp_peek_expect(address - (uint64_t)i * LINE_BYTES);
    }
    while (address != 0 && address != until) {
        struct hp_stack_frame frame;
        if (!hp_walk_plausible(address) || address == mark) {
            return HP_ECORRUPT;
        }
        if (++steps == stride) {
            mark = address;
            stride *= 2;
        }
        hp_err err = read_frame(layout, peek, address, &frame);
        if (err != HP_OK) {
            return err;
        }
        uint32_t at = find(stack, address, &limit, &budget), standing = 0;
        if (at < limit && frame.code == stack->frames[at].code &&
            frame.previous == stack->frames[at].previous && frame.instr == stack->frames[at].instr) {
            standing = count_standing(stack, layout, peek, codes, at);
        }
        uint32_t room = HP_STACK_MOST - work->count;
        if (at < limit && standing == at + 1 && standing <= room) {
            *kept = standing;
            return HP_OK;
        }
        if (room == 0) {
            *cut = true;
            return HP_OK;
        }
        if (standing == 0) {
            work->fresh[work->count++] = frame;
            hp_codes_expect(codes, code_of(layout, &frame), frame.instr);
        }
        for (uint32_t i = 0; i < standing && i < room; i++) {
            work->fresh[work->count++] = stack->frames[at - i];
        }
        limit = at < limit ? at + 1 - (standing != 0 ? standing : 1) : limit;
        address = work->fresh[work->count - 1].previous;
    }
    return HP_OK;
}

hp_err hp_stack_read(struct hp_stack *stack, struct hp_stack_work *work, const struct hp_layout *layout,
                     const struct hp_peek *peek, struct hp_codes *codes, const struct hp_thread *thread,
                     uint64_t until, bool *cut)
{
    uint64_t address, outermost = stack->count != 0 ? stack->frames[0].previous : 0;
    uint32_t kept = 0;
    hp_assert(layout->frame_tlbc == 0);
    *cut = false;
    if (stack->until != until || (outermost != 0 && outermost != until)) { /* ended elsewhere, or was cut */
        stack->count = 0;
    }
    hp_err err = hp_walk_first(layout, peek, thread, &address);
    err = err == HP_OK ? follow(stack, work, layout, peek, codes, address, until, &kept, cut) : err;
    err = err == HP_OK ? name_frames(work, layout, peek, codes) : err;
    err = err == HP_OK ? hp_stack_reserve(stack, work, kept + work->count) : err;
    stack->until = until;
    if (err != HP_OK) {
        stack->count = stack->kept = 0;
        return err;
    }
    stack->kept = stack->count = kept;
    for (uint32_t i = work->count; i-- > 0;) {
        stack->frames[stack->count++] = work->fresh[i];
    }
    return HP_OK;
}

hp_err hp_stack_set(struct hp_stack *stack, struct hp_stack_work *work, const struct hp_codes_frame *frames,
                    uint32_t count)
{
    stack->count = stack->kept = 0;
    hp_err err = hp_stack_reserve(stack, work, count);
    for (uint32_t i = count; err == HP_OK && i-- > 0;) {
        stack->frames[stack->count++] =
            (struct hp_stack_frame){.sym = frames[i].sym, .line = frames[i].line, .shown = true};
    }
    return err;
}
