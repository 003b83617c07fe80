/* gunzip.h -- unpacking gzip into memory, bounded. */
#ifndef HP_GUNZIP_H
#define HP_GUNZIP_H

#include "base/buf.h"

bool hp_gunzip_is(struct hp_str bytes);

/* Append what is packed to `out`; all members of the file. Fails: HP_EFORMAT with the position, HP_EFULL (the
 * cap of `out`), HP_ENOMEM. */
HP_CHECK hp_err hp_gunzip_append(struct hp_str bytes, struct hp_buf *out, struct hp_errinfo *info);

/* Append `bytes` packed. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_gunzip_pack(struct hp_str bytes, struct hp_buf *out);

#endif
