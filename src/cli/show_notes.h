/* show_notes.h -- what one request did besides calls and SQL, for `hotplate show`: memory, GC, templates,
 * logs, exceptions, headers. */
#ifndef HP_SHOW_NOTES_H
#define HP_SHOW_NOTES_H

#include "base/buf.h"
#include "model/dict.h"
#include "model/record.h"

/* Append headings and tables; nothing for what the request has not. Fails: HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_show_notes_text(struct hp_buf *out, const struct hp_dict *dict,
                                   const struct hp_record *record);

#endif
