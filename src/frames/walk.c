/* walk.c -- see walk.h.
 *
 * Frames lie one after the other in chunks of 16 KiB, callers below callees; those of generators lie
 * elsewhere. The window is what lies before and in the frame asked for: up to the start of the page before,
 * then as much as is readable.
 */
#include "frames/walk.h"

#include <string.h>

#include "base/mem.h"

#define PAGE         4096u
#define FRAMES_MOST  (1u << 20) /* links followed, also of frames that are left out */
#define SPANS_A_READ 512u

/* ---- threads ---- */

void hp_sweep_init(struct hp_sweep *sweep, uint32_t max)
{
    *sweep = (struct hp_sweep){.max = max};
}

void hp_sweep_fini(struct hp_sweep *sweep)
{
    hp_free(sweep->threads);
    hp_free(sweep->bytes);
    hp_free(sweep->spans);
    *sweep = (struct hp_sweep){0};
}

static hp_err grow(struct hp_sweep *sweep, uint32_t wanted)
{
    if (wanted <= sweep->capacity) {
        return HP_OK;
    }
    uint32_t capacity = sweep->capacity == 0 ? 16 : sweep->capacity;
    while (capacity < wanted) {
        capacity *= 2;
    }
    struct hp_thread *threads = hp_realloc(sweep->threads, capacity * sizeof *threads);
    sweep->threads = threads != NULL ? threads : sweep->threads;
    uint8_t *bytes = hp_realloc(sweep->bytes, (size_t)capacity * HP_LAYOUT_THREAD_BYTES);
    sweep->bytes = bytes != NULL ? bytes : sweep->bytes;
    struct hp_peek_span *spans = hp_realloc(sweep->spans, capacity * sizeof *spans);
    sweep->spans = spans != NULL ? spans : sweep->spans;
    if (threads == NULL || bytes == NULL || spans == NULL) {
        return HP_ENOMEM;
    }
    sweep->capacity = capacity;
    return HP_OK;
}

static void parse_thread(const struct hp_layout *layout, const uint8_t *bytes, struct hp_thread *thread)
{
    thread->next = hp_peek_u64(bytes + layout->thread_next);
    thread->frame = hp_peek_u64(bytes + layout->thread_frame);
    thread->native_id = hp_peek_u64(bytes + layout->thread_native_id);
}

/* The interpreter's links and who holds its GIL. */
static hp_err read_interpreter(const struct hp_layout *layout, const struct hp_peek *peek, uint64_t runtime,
                               struct hp_interpreter *interp)
{
    uint64_t next, threads, gil = runtime + layout->runtime_gil, holder;
    uint32_t locked, done, count = layout->runtime_gil == 0 ? 3 : 2;
    const struct hp_peek_span links[] = {{interp->address + layout->interp_next, &next, sizeof next},
                                         {interp->address + layout->interp_threads, &threads, sizeof threads},
                                         {interp->address + layout->interp_gil, &gil, sizeof gil}};
    hp_err err = peek->read(peek->ctx, links, count, &done);
    if (err != HP_OK) {
        return err;
    }
    interp->next = next;
    interp->threads = threads;
    interp->gil = gil;
    interp->holder = 0;
    const struct hp_peek_span held[] = {{gil + layout->gil_locked, &locked, sizeof locked},
                                        {gil + layout->gil_holder, &holder, sizeof holder}};
    if (hp_walk_plausible(gil) && peek->read(peek->ctx, held, 2, &done) == HP_OK && locked == 1) {
        interp->holder = holder;
    }
    return HP_OK;
}

static hp_err copy_words(struct hp_sweep *sweep, const struct hp_layout *layout, const struct hp_peek *peek)
{
    hp_err err = HP_OK;
    for (uint32_t i = 0, done; err == HP_OK && i < sweep->count; i++) {
        struct hp_thread *thread = &sweep->threads[i];
        const struct hp_peek_span spans[] = {
            {thread->address + layout->thread_next, &thread->next, sizeof thread->next},
            {thread->address + layout->thread_frame, &thread->frame, sizeof thread->frame},
            {thread->address + layout->thread_native_id, &thread->native_id, sizeof thread->native_id}};
        err = peek->read(peek->ctx, spans, 3, &done);
    }
    return err == HP_ERANGE ? HP_ECORRUPT : err;
}

/* Copy the states of threads whose addresses are known. HP_ECORRUPT when one of them is gone. */
static hp_err copy_threads(struct hp_sweep *sweep, const struct hp_layout *layout, const struct hp_peek *peek)
{
    if (sweep->words) {
        return copy_words(sweep, layout, peek);
    }
    for (uint32_t i = 0; i < sweep->count; i++) {
        sweep->spans[i] =
            (struct hp_peek_span){sweep->threads[i].address,
                                  sweep->bytes + (size_t)i * HP_LAYOUT_THREAD_BYTES, layout->thread_bytes};
    }
    for (uint32_t from = 0; from < sweep->count; from += SPANS_A_READ) {
        uint32_t left = sweep->count - from, done;
        hp_err err =
            peek->read(peek->ctx, sweep->spans + from, left < SPANS_A_READ ? left : SPANS_A_READ, &done);
        if (err != HP_OK) {
            return err == HP_ERANGE ? HP_ECORRUPT : err;
        }
    }
    for (uint32_t i = 0; i < sweep->count; i++) {
        parse_thread(layout, sweep->bytes + (size_t)i * HP_LAYOUT_THREAD_BYTES, &sweep->threads[i]);
    }
    return HP_OK;
}

/* Whether the links of what was copied are those of the sweep before. */
static bool links_hold(const struct hp_sweep *sweep)
{
    uint32_t t = 0;
    for (uint32_t i = 0; i < sweep->interpreter_count; i++) {
        uint64_t expected = sweep->interpreters[i].threads;
        while (t < sweep->count && sweep->threads[t].interpreter == i) {
            if (sweep->threads[t].address != expected) {
                return false;
            }
            expected = sweep->threads[t++].next;
        }
        if (expected != 0) {
            return false;
        }
    }
    return t == sweep->count;
}

/* Follow the list of one interpreter, a read a thread. */
static hp_err follow_threads(struct hp_sweep *sweep, const struct hp_layout *layout,
                             const struct hp_peek *peek, uint32_t interpreter)
{
    uint8_t bytes[HP_LAYOUT_THREAD_BYTES];
    uint64_t address = sweep->interpreters[interpreter].threads;
    while (address != 0) {
        if (!hp_walk_plausible(address)) {
            return HP_ECORRUPT;
        }
        if (sweep->count == sweep->max) {
            sweep->beyond++;
            return HP_OK;
        }
        hp_err err = hp_peek_at(peek, address, bytes, layout->thread_bytes);
        err = err == HP_OK ? grow(sweep, sweep->count + 1) : err;
        if (err != HP_OK) {
            return err == HP_ERANGE ? HP_ECORRUPT : err;
        }
        struct hp_thread *thread = &sweep->threads[sweep->count++];
        *thread = (struct hp_thread){.address = address, .interpreter = interpreter};
        parse_thread(layout, bytes, thread);
        address = thread->next;
    }
    return HP_OK;
}

static hp_err follow_all(struct hp_sweep *sweep, const struct hp_layout *layout, const struct hp_peek *peek,
                         uint64_t runtime, uint64_t head)
{
    hp_err err = HP_OK;
    sweep->count = sweep->interpreter_count = 0;
    for (uint64_t address = head; err == HP_OK && address != 0;) {
        if (!hp_walk_plausible(address)) {
            return HP_ECORRUPT;
        }
        if (sweep->interpreter_count == HP_WALK_INTERPRETERS) {
            sweep->beyond++;
            break;
        }
        struct hp_interpreter *interp = &sweep->interpreters[sweep->interpreter_count];
        *interp = (struct hp_interpreter){.address = address};
        err = read_interpreter(layout, peek, runtime, interp);
        err = err == HP_OK ? follow_threads(sweep, layout, peek, sweep->interpreter_count++) : err;
        address = interp->next;
    }
    return err == HP_ERANGE ? HP_ECORRUPT : err;
}

/* As follow_all, but with the addresses of the sweep before. HP_ECORRUPT: they do not hold any more. */
static hp_err repeat(struct hp_sweep *sweep, const struct hp_layout *layout, const struct hp_peek *peek,
                     uint64_t runtime, uint64_t head)
{
    uint64_t expected = head;
    if (sweep->count == 0) {
        return HP_ECORRUPT;
    }
    for (uint32_t i = 0; i < sweep->interpreter_count; i++) {
        if (sweep->interpreters[i].address != expected) {
            return HP_ECORRUPT;
        }
        hp_err err = read_interpreter(layout, peek, runtime, &sweep->interpreters[i]);
        if (err != HP_OK) {
            return err == HP_ERANGE ? HP_ECORRUPT : err;
        }
        expected = sweep->interpreters[i].next;
    }
    hp_err err = expected == 0 ? copy_threads(sweep, layout, peek) : HP_ECORRUPT;
    return err == HP_OK && !links_hold(sweep) ? HP_ECORRUPT : err;
}

hp_err hp_sweep_take(struct hp_sweep *sweep, const struct hp_layout *layout, const struct hp_peek *peek,
                     uint64_t runtime)
{
    uint64_t head;
    sweep->beyond = 0;
    hp_err err = hp_peek_at(peek, runtime + layout->runtime_interpreters, &head, sizeof head);
    if (err == HP_OK) {
        err = repeat(sweep, layout, peek, runtime, head);
        err = err == HP_ECORRUPT ? follow_all(sweep, layout, peek, runtime, head) : err;
    }
    for (uint32_t i = 0; err == HP_OK && i < sweep->count; i++) {
        struct hp_thread *thread = &sweep->threads[i];
        thread->has_gil =
            !layout->free_threaded && thread->address == sweep->interpreters[thread->interpreter].holder;
    }
    if (err != HP_OK) {
        sweep->count = 0;
    }
    return err;
}

/* ---- frames ---- */

/* Read the window that holds [address, address + n). */
static hp_err move_window(struct hp_walk *walk, const struct hp_peek *peek, uint64_t address, size_t n)
{
    uint64_t page = address & ~(uint64_t)(PAGE - 1);
    const uint64_t starts[] = {page >= 2 * PAGE ? page - PAGE : page, page, address};
    hp_err err = HP_ERANGE;
    for (int i = 0; i < 3 && err == HP_ERANGE; i++) {
        size_t size = (size_t)(address - starts[i]) + n;
        walk->window_count = 0;
        err = hp_peek_at(peek, starts[i], walk->window, size);
        if (err == HP_OK) {
            walk->window_address = starts[i];
            walk->window_count = size;
        }
    }
    return err;
}

/* Bytes of the target, borrowed until the next call. */
static hp_err look(struct hp_walk *walk, const struct hp_peek *peek, uint64_t address, size_t n,
                   const uint8_t **bytes)
{
    uint64_t offset = address - walk->window_address;
    if (address < walk->window_address || offset > walk->window_count || walk->window_count - offset < n) {
        hp_err err = move_window(walk, peek, address, n);
        if (err != HP_OK) {
            return err == HP_ERANGE ? HP_ECORRUPT : err;
        }
        offset = address - walk->window_address;
    }
    *bytes = walk->window + offset;
    return HP_OK;
}

hp_err hp_walk_first(const struct hp_layout *layout, const struct hp_peek *peek,
                     const struct hp_thread *thread, uint64_t *address)
{
    *address = thread->frame;
    if (!layout->by_cframe || thread->frame == 0) {
        return HP_OK;
    }
    if (!hp_walk_plausible(thread->frame)) {
        return HP_ECORRUPT;
    }
    hp_err err = hp_peek_at(peek, thread->frame + layout->cframe_frame, address, sizeof *address);
    return err == HP_ERANGE ? HP_ECORRUPT : err;
}

hp_err hp_walk_frames(struct hp_walk *walk, const struct hp_layout *layout, const struct hp_peek *peek,
                      const struct hp_thread *thread, struct hp_walk_frame *frames, uint32_t max,
                      uint32_t *count, bool *cut)
{
    uint64_t address,
        mark = 0; /* Brent: a circle comes back to the mark, which moves ahead in growing steps */
    uint32_t found = 0, steps = 0, stride = 1;
    const uint8_t *bytes;
    walk->window_count = 0;
    *cut = false;
    hp_err err = hp_walk_first(layout, peek, thread, &address);
    while (err == HP_OK && address != 0) {
        if (!hp_walk_plausible(address) || address == mark || steps == FRAMES_MOST) {
            return HP_ECORRUPT;
        }
        if (++steps == stride) {
            mark = address;
            stride *= 2;
        }
        err = look(walk, peek, address, layout->frame_bytes, &bytes);
        if (err != HP_OK) {
            break;
        }
        if (bytes[layout->frame_owner] < layout->owner_c) {
            struct hp_walk_frame frame = {.address = address,
                                          .code = hp_peek_u64(bytes + layout->frame_code) &
                                                  ~(uint64_t)layout->tag_mask,
                                          .instr = hp_peek_u64(bytes + layout->frame_instr)};
            if (layout->frame_tlbc != 0) {
                frame.tlbc = (int32_t)hp_peek_u32(bytes + layout->frame_tlbc);
            }
            if (found == max) {
                *cut = true;
                break;
            }
            if (!hp_walk_plausible(frame.code)) {
                return HP_ECORRUPT;
            }
            frames[found++] = frame;
        }
        address = hp_peek_u64(bytes + layout->frame_previous);
    }
    if (err == HP_OK) {
        *count = found;
    }
    return err;
}
