/* stack.h -- the frames of one thread, kept from one look to the next, so that only what changed is read,
 * named and looked up again.
 *
 *     kept     main ─ wsgi_app ─ view ─ query ─ execute          outermost first
 *     now      main ─ wsgi_app ─ view ─ query ─ fetch ─ row      links are followed from `row` until a frame is met that was there before;
 *              └──────── as they were ────────┘                  all further out are compared at once
 *
 * A frame is as it was if its code, its place in it and its caller are the same and the code object has the
 * same stamp (codes.h): memory of frames and of code objects is used again. (The interpreter's own frames
 * have a code of their own, so the same code means the same kind of frame.) Comparing costs a few words of
 * each frame, whose addresses are known beforehand, so the reads do not wait for each other. For readers to
 * whom a read costs next to nothing; others copy stretches (walk.h).
 */
#ifndef HP_STACK_H
#define HP_STACK_H

#include <stdbool.h>
#include <stdint.h>
#include "frames/codes.h"
#include "frames/layout.h"
#include "frames/peek.h"
#include "frames/walk.h"

#define HP_STACK_MOST 2048u /* frames */

struct hp_stack_frame {
    uint64_t address, code, instr, previous; /* code: as the frame has it, with its tag */
    uint64_t stamp;
    uint32_t sym, line; /* of a frame that is shown */
    uint32_t node;      /* the owner's */
    bool python;        /* else the interpreter's own, which stands for no code */
    bool shown;         /* of code that somebody wrote */
};

struct hp_stack {
    struct hp_stack_frame *frames; /* outermost first */
    uint32_t count, capacity;
    uint64_t until; /* the frame that the last read ended at; 0: there was none */
    uint32_t kept;  /* of the last read: so many outermost frames are as they were, `node` included */
};

/* What a read needs for itself: one serves all stacks of a thread of ours. */
struct hp_stack_work {
    struct hp_stack_frame fresh[HP_STACK_MOST]; /* innermost first */
    uint32_t count;
    uint32_t room; /* frames that all stacks together may still take memory for */
};

/* Take room for so many frames. Fails: HP_EFULL (none left in `work`), HP_ENOMEM. */
HP_CHECK hp_err hp_stack_reserve(struct hp_stack *stack, struct hp_stack_work *work, uint32_t count);
/* Free the frames, which makes room in `work`. An empty stack is all 0. */
void hp_stack_fini(struct hp_stack *stack, struct hp_stack_work *work);

/* Have the processor fetch what hp_stack_read will compare in a stack of this process, and the owner's nodes,
 * an array that may be gone meanwhile, while something else is done. Hot: yes. */
void hp_stack_expect(const struct hp_stack *stack, const struct hp_layout *layout, const void *nodes,
                     size_t node_bytes);

/* Read the stack of `thread`, without the frame at `until` (0: none) and those further out. `*cut`: it is
 * deeper than HP_STACK_MOST, the outermost frames are missing. Hot: no allocation at depths seen before.
 * Fails: HP_ECORRUPT (torn), HP_EFULL (no room left in `work`), HP_ENOMEM and as hp_peek.read but for
 * HP_ERANGE; the stack is then empty. Precondition: not a free-threaded build. */
HP_CHECK hp_err hp_stack_read(struct hp_stack *stack, struct hp_stack_work *work,
                              const struct hp_layout *layout, const struct hp_peek *peek,
                              struct hp_codes *codes, const struct hp_thread *thread, uint64_t until,
                              bool *cut);

/* Make it the frames that were read in another way, innermost first; nothing is kept. Fails: HP_EFULL,
 * HP_ENOMEM. */
HP_CHECK hp_err hp_stack_set(struct hp_stack *stack, struct hp_stack_work *work,
                             const struct hp_codes_frame *frames, uint32_t count);

#endif
