/* show_waits.h -- where one request's time went: CPU, waits by kind, run queue, what is left; waits by place;
 * who had the locks; outgoing calls. */
#ifndef HP_SHOW_WAITS_H
#define HP_SHOW_WAITS_H

#include "base/buf.h"
#include "model/record.h"

/* "app.py:12 burn in thread worker-1": who had a lock that a request waited for. */
void hp_show_waits_holder(struct hp_buf *out, const struct hp_dict *dict, const struct hp_record *record,
                          const struct hp_holder *holder);

/* Tables for people; nothing when no waits were recorded. HP_ENOMEM. */
HP_CHECK hp_err hp_show_waits_text(struct hp_buf *out, const struct hp_dict *dict, struct hp_record *record);

#endif
