/* show_connections.h -- what one request's database connections took: waiting for the pool, connecting,
 * pings, statements, commits. */
#ifndef HP_SHOW_CONNECTIONS_H
#define HP_SHOW_CONNECTIONS_H

#include "base/buf.h"
#include "model/record.h"

/* A table for people; nothing where no step was recorded. HP_ENOMEM. */
HP_CHECK hp_err hp_show_connections_text(struct hp_buf *out, const struct hp_record *record);

#endif
