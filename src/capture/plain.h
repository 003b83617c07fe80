/* plain.h -- a request of little more than numbers goes through the ring as it lies in memory, and the writer
 * encodes it.
 *
 * Why: encoding is 1,200 instructions and a hundred lines of code, fetched anew in each request after the
 * application has had the caches; the writer has them at hand, and copying is a tenth of it. In the ring a
 * plain record takes four times the bytes, so none is put there any more once the ring holds an eighth of
 * what it can: what a stalled store costs stays as it was.
 *
 *     in the ring    encoded: its length, never 0 …      plain: 0 u32 | counts | request | main lane | waits … | spans … | facts …
 *
 * Both ends are one process (ring.h), so structures need no format.
 */
#ifndef HP_PLAIN_H
#define HP_PLAIN_H

#include "base/buf.h"
#include "capture/ring.h"
#include "model/record.h"

#define HP_PLAIN_LIST 16u /* waits, spans or facts: with more of one of them it is to be encoded */

/* What an encoding takes at most: a buffer with as much is never grown. */
#define HP_PLAIN_ENCODED_BYTES 8192u

struct hp_plain {
    const struct hp_request *req;
    const struct hp_lane *lane; /* NULL: no detail is kept, so the lists are empty, too */
    const struct hp_wait *waits;
    const struct hp_span *spans;
    const struct hp_fact *facts;
    uint32_t wait_count, span_count, fact_count;
};

/* Reserve room and copy a request in; hp_ring_commit is then due. NULL: it is to be encoded (long lists, or
 * the ring is not nearly empty). Borrowed until the commit. Threads: any. Hot: yes. */
const void *hp_plain_reserve(struct hp_ring *ring, const struct hp_plain *plain, struct hp_ring_slot *slot);

/* Append what a store is to get of a record of the ring to `out`: the encoding of a plain one, the bytes
 * themselves of others. Fails: as hp_record_encode. */
HP_CHECK hp_err hp_plain_encode(struct hp_str bytes, struct hp_buf *out);

/* Whether it is plain. */
bool hp_plain_is(struct hp_str bytes);

#endif
