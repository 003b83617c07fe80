/* holders.h -- who had the locks that a request waited for, as JSON and as text. */
#ifndef HP_HOLDERS_H
#define HP_HOLDERS_H

#include "base/buf.h"
#include "base/json.h"
#include "model/dict.h"
#include "model/record.h"

#define HP_HOLDERS_ALL UINT32_MAX

/* Member "holders" of an object that the caller has begun: of one lane, or HP_HOLDERS_ALL in the record's
 * order. Layout: docs/formats/cli.md. */
void hp_holders_json(struct hp_json *json, const struct hp_dict *dict, const struct hp_record *record,
                     uint32_t lane);

/* Append who it was: "this request", "GET /burn", "thread worker-1", "another thread". */
void hp_holders_put_who(struct hp_buf *out, const struct hp_dict *dict, const struct hp_record *record,
                        const struct hp_holder *holder);

/* Of those that a lane waited for in waits of this kind, the one it waited longest for. Borrowed of `record`;
 * NULL: none is known. */
const struct hp_holder *hp_holders_longest(const struct hp_record *record, uint32_t lane, uint8_t kind);

#endif
