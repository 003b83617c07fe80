/* record_fields.h -- inside record.c: what the sections of a record are made of, field by field. The byte
 * table is docs/formats/record.md.
 *
 * A put_ function writes at `p` and returns where it ended; the caller has HP__RECORD_ROOM bytes there
 * (hp__record_room). A get_ function marks the reader bad where a number is out of range. Owns: nothing.
 * Threads: any (one writer of a buffer).
 */
#ifndef HP_RECORD_FIELDS_H
#define HP_RECORD_FIELDS_H

#include "model/record.h"

#define HP__RECORD_ROOM 288 /* bytes of one list element, or of a section of the request, at most */

/* Where the next element goes; NULL after an error. */
static inline uint8_t *hp__record_room(struct hp_buf *out)
{
    return hp_buf_reserve(out, HP__RECORD_ROOM) ? out->data + out->len : NULL;
}

static inline void hp__record_wrote(struct hp_buf *out, const uint8_t *end)
{
    out->len = (size_t)(end - out->data);
}

/* A varint (LEB128). */
static inline uint8_t *hp__put(uint8_t *p, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        *p++ = (uint8_t)(value | 0x80);
    }
    *p++ = (uint8_t)value;
    return p;
}

uint8_t *hp__put_request(uint8_t *p, const struct hp_request *req);
void hp__get_request(struct hp_reader *in, struct hp_request *req);

/* What else is known of the request, as groups of fields. clear: every field that they speak of, as if there
 * were none. */
uint8_t *hp__put_extra(uint8_t *p, const struct hp_request *req);
void hp__get_extra(struct hp_reader *in, struct hp_request *req);
void hp__clear_extra(struct hp_request *req);

/* Elements; _more: what later versions know of them. */
uint8_t *hp__put_lane(uint8_t *p, const struct hp_lane *lane);
void hp__get_lane(struct hp_reader *in, struct hp_lane *lane);
uint8_t *hp__put_lane_more(uint8_t *p, const struct hp_lane *lane);
void hp__get_lane_more(struct hp_reader *in, struct hp_lane *lane);
uint8_t *hp__put_edge(uint8_t *p, const struct hp_edge *edge);
void hp__get_edge(struct hp_reader *in, struct hp_edge *edge);
uint8_t *hp__put_span(uint8_t *p, const struct hp_span *span);
void hp__get_span(struct hp_reader *in, struct hp_span *span);
uint8_t *hp__put_span_more(uint8_t *p, const struct hp_span *span);
void hp__get_span_more(struct hp_reader *in, struct hp_span *span);
uint8_t *hp__put_wait_more(uint8_t *p, const struct hp_wait *wait);
void hp__get_wait_more(struct hp_reader *in, struct hp_wait *wait);
uint8_t *hp__put_wait(uint8_t *p, const struct hp_wait *wait);
void hp__get_wait(struct hp_reader *in, struct hp_wait *wait);
uint8_t *hp__put_holder(uint8_t *p, const struct hp_holder *holder);
void hp__get_holder(struct hp_reader *in, struct hp_holder *holder);
uint8_t *hp__put_step(uint8_t *p, const struct hp_step *step);
void hp__get_step(struct hp_reader *in, struct hp_step *step);
uint8_t *hp__put_group(uint8_t *p, const struct hp_group *group);
void hp__get_group(struct hp_reader *in, struct hp_group *group);

/* A statement is written as what differs from the one before. */
extern const struct hp_stmt hp__record_first_stmt; /* before the first */
uint8_t *hp__put_stmt(uint8_t *p, const struct hp_stmt *stmt, const struct hp_stmt *prev);
void hp__get_stmt(struct hp_reader *in, struct hp_stmt *stmt, const struct hp_stmt *prev);

#endif
