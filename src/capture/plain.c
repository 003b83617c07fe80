/* plain.c -- see plain.h. */
#include "capture/plain.h"

#include <string.h>

struct image {
    uint32_t no_length; /* 0, which no encoded record begins with */
    uint32_t lane_count, wait_count, span_count, fact_count;
    struct hp_request req;
    struct hp_lane lane;
}; /* then waits, spans and facts */

_Static_assert(_Alignof(struct image) <= 8, "records of the ring are aligned to 8");
_Static_assert(sizeof(struct image) % _Alignof(struct hp_wait) == 0 &&
                   sizeof(struct hp_wait) % _Alignof(struct hp_span) == 0 &&
                   sizeof(struct hp_span) % _Alignof(struct hp_fact) == 0,
               "lists follow one another without gaps");

static void *put_list(void *at, const void *list, uint32_t count, size_t size)
{
    if (count != 0) {
        memcpy(at, list, count * size);
    }
    return (char *)at + count * size;
}

const void *hp_plain_reserve(struct hp_ring *ring, const struct hp_plain *plain, struct hp_ring_slot *slot)
{
    if (plain->wait_count > HP_PLAIN_LIST || plain->span_count > HP_PLAIN_LIST ||
        plain->fact_count > HP_PLAIN_LIST ||
        hp_ring_head(ring) - hp_ring_tail(ring) > hp_ring_bytes(ring) / 8) {
        return NULL;
    }
    size_t n = sizeof(struct image) + plain->wait_count * sizeof(struct hp_wait) +
               plain->span_count * sizeof(struct hp_span) + plain->fact_count * sizeof(struct hp_fact);
    struct image *image = hp_ring_reserve(ring, plain->req->id, n, slot);
    if (image == NULL) {
        return NULL;
    }
    image->lane_count = plain->lane != NULL;
    image->wait_count = plain->wait_count;
    image->span_count = plain->span_count;
    image->fact_count = plain->fact_count;
    image->req = *plain->req;
    if (plain->lane != NULL) {
        image->lane = *plain->lane;
    }
    void *at = put_list(image + 1, plain->waits, plain->wait_count, sizeof(struct hp_wait));
    at = put_list(at, plain->spans, plain->span_count, sizeof(struct hp_span));
    (void)put_list(at, plain->facts, plain->fact_count, sizeof(struct hp_fact));
    return image;
}

bool hp_plain_is(struct hp_str bytes)
{
    uint32_t length = 1;
    if (bytes.n >= sizeof(struct image)) {
        memcpy(&length, bytes.p, sizeof length);
    }
    return length == 0;
}

hp_err hp_plain_encode(struct hp_str bytes, struct hp_buf *out)
{
    if (!hp_plain_is(bytes)) {
        hp_buf_put(out, bytes.p, bytes.n);
        return out->err;
    }
    /* The lists of a record are not const; nothing is written. */
    struct image *image = (struct image *)(uintptr_t)bytes.p;
    struct hp_record record = {.req = image->req,
                               .lanes = &image->lane,
                               .waits = (struct hp_wait *)(void *)(image + 1),
                               .lane_count = image->lane_count,
                               .wait_count = image->wait_count,
                               .span_count = image->span_count};
    record.spans = (struct hp_span *)(void *)(record.waits + image->wait_count);
    record.notes.facts = (struct hp_fact *)(void *)(record.spans + image->span_count);
    record.notes.count[HP_NOTE_FACT] = image->fact_count;
    return hp_record_encode(&record, out);
}
