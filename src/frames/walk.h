/* walk.h -- the threads of an interpreter and the frames of a thread, as they are at one moment.
 *
 * The target runs while we read. So a sweep copies all thread states at once (those of the sweep before serve
 * as the guess) and a walk copies the stretch of the frame stack that the innermost frame ends, then follows
 * the links inside the copy: a microsecond instead of a read a frame. What still does not fit together is
 * HP_ECORRUPT ("torn"): the caller tries again and counts it. Nothing read is believed: links may lead
 * anywhere or in circles.
 */
#ifndef HP_WALK_H
#define HP_WALK_H

#include <stdbool.h>
#include <stdint.h>
#include "frames/layout.h"
#include "frames/peek.h"

#define HP_WALK_INTERPRETERS 64
#define HP_WALK_WINDOW_BYTES 16384

struct hp_thread {
    uint64_t address;
    uint64_t frame;     /* innermost frame; 0: runs no Python code. With layout->by_cframe: the C frame */
    uint64_t native_id; /* of the kernel; 0 when it has not begun yet */
    uint64_t next;      /* as the thread has it */
    uint32_t interpreter;
    bool has_gil;
};

struct hp_interpreter {
    uint64_t address, next, threads, gil; /* gil: its address */
    uint64_t holder;                      /* thread that holds the GIL; 0 none */
};

/* All threads. Zeroed before the first sweep; finish with hp_sweep_fini. */
struct hp_sweep {
    bool words; /* a read of a word costs next to nothing: no more is read of a thread */
    struct hp_thread *threads;
    uint32_t count, capacity, max;
    struct hp_interpreter interpreters[HP_WALK_INTERPRETERS];
    uint32_t interpreter_count;
    uint64_t beyond; /* threads or interpreters above a cap, in the last sweep */
    uint8_t *bytes;  /* thread states, as copied */
    struct hp_peek_span *spans;
};

/* Start an empty sweep of at most `max` threads. Never allocates. Owns: hp_sweep_fini. */
void hp_sweep_init(struct hp_sweep *sweep, uint32_t max);
void hp_sweep_fini(struct hp_sweep *sweep);

/* Read the threads of the runtime at `runtime`. Hot: no allocation once the number of threads has been seen.
 * Fails: HP_ECORRUPT (torn), HP_ENOMEM, and as hp_peek.read; the sweep is then empty. */
HP_CHECK hp_err hp_sweep_take(struct hp_sweep *sweep, const struct hp_layout *layout,
                              const struct hp_peek *peek, uint64_t runtime);

/* Have the processor fetch what a sweep by words will read of a thread of this process. Hot: yes. */
static inline void hp_sweep_expect(const struct hp_thread *thread, const struct hp_layout *layout)
{
    hp_peek_expect(thread->address + layout->thread_next);
    hp_peek_expect(thread->address + layout->thread_frame);
    hp_peek_expect(thread->address + layout->thread_native_id);
}

struct hp_walk_frame {
    uint64_t address;
    uint64_t code;  /* address of the code object */
    uint64_t instr; /* address in its instructions; with layout->instr_previous one unit before the next */
    int32_t tlbc;   /* free-threaded 3.14: number of the copy that `instr` lies in; else 0 */
};

/* Whether something can lie there. */
static inline bool hp_walk_plausible(uint64_t address)
{
    return address >= 4096 && address < (uint64_t)1 << 47 && (address & 7) == 0;
}

/* Address of the innermost frame, 0: none. Fails: HP_ECORRUPT (torn), and as hp_peek.read but for
 * HP_ERANGE. */
HP_CHECK hp_err hp_walk_first(const struct hp_layout *layout, const struct hp_peek *peek,
                              const struct hp_thread *thread, uint64_t *address);

/* A walker: a window of the target's memory. Zeroed is fine; holds nothing beside itself. */
struct hp_walk {
    uint64_t window_address;
    size_t window_count;
    uint8_t window[HP_WALK_WINDOW_BYTES];
};

/* Frames of a thread, innermost first, interpreter's own ones left out. At most `max`; `*cut` tells that
 * there are more (outer ones). Hot: yes. Fails: HP_ECORRUPT (torn), and as hp_peek.read but for HP_ERANGE. */
HP_CHECK hp_err hp_walk_frames(struct hp_walk *walk, const struct hp_layout *layout,
                               const struct hp_peek *peek, const struct hp_thread *thread,
                               struct hp_walk_frame *frames, uint32_t max, uint32_t *count, bool *cut);

#endif
