/* show_timeline.h -- `hotplate show ID --timeline`: what each lane did over time, a row a lane, as wide as
 * the terminal. */
#ifndef HP_SHOW_TIMELINE_H
#define HP_SHOW_TIMELINE_H

#include "base/buf.h"
#include "model/dict.h"
#include "model/timeline.h"

/* Append rows, a legend of the states that occur, and what each lane's time is made of. Fails: HP_ENOMEM,
 * HP_EFULL. */
HP_CHECK hp_err hp_show_timeline_text(struct hp_buf *out, const struct hp_timeline *timeline,
                                      const struct hp_record *record, const struct hp_dict *dict);

#endif
