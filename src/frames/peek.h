/* peek.h -- the one door through which frames/ sees an interpreter's memory.
 *
 * Why: the same walk serves another process (process_vm_readv), our own (guarded loads) and a recorded image
 * in tests. A read is a list of pieces, so that whoever pays a system call a read pays it once for many
 * pieces.
 */
#ifndef HP_PEEK_H
#define HP_PEEK_H

#include <stddef.h>
#include <stdint.h>
#include "hotplate/err.h"

/* Copy `n` bytes at `address` of the target to `to`. */
struct hp_peek_span {
    uint64_t address;
    void *to;
    size_t n;
};

struct hp_peek {
    /* Copy the spans in order up to the first that cannot be read. `*done` counts the whole ones, also on
     * failure; what is behind them is untouched or garbage. HP_ERANGE: there is no such memory; HP_EPERM;
     * HP_ENOTFOUND: the target is gone; HP_EIO. */
    hp_err (*read)(void *ctx, const struct hp_peek_span *spans, uint32_t count, uint32_t *done);
    void *ctx; /* borrowed */
};

/* One span. Fails: as read. */
static inline hp_err hp_peek_at(const struct hp_peek *peek, uint64_t address, void *to, size_t n)
{
    struct hp_peek_span span = {address, to, n};
    uint32_t done;
    return peek->read(peek->ctx, &span, 1, &done);
}

/* Have the processor fetch a line of this process. */
static inline void hp_peek_expect(uint64_t address)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): an address is what we have, and prefetching never faults */
    __builtin_prefetch((const void *)(uintptr_t)address);
}

/* Little-endian fields of copied bytes, whatever their alignment. */
static inline uint64_t hp_peek_u64(const uint8_t *bytes)
{
    uint64_t value;
    __builtin_memcpy(&value, bytes, sizeof value);
    return value;
}

static inline uint32_t hp_peek_u32(const uint8_t *bytes)
{
    uint32_t value;
    __builtin_memcpy(&value, bytes, sizeof value);
    return value;
}

#endif
