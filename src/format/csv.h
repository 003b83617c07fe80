/* csv.h -- functions as a table (RFC 4180): file,line,function,calls,primitive_calls,self,total; times in
 * seconds. */
#ifndef HP_CSV_H
#define HP_CSV_H

#include "base/buf.h"
#include "model/profile.h"

/* Append all functions of the profile's graph, in its order. HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_csv_write(const struct hp_profile *profile, struct hp_buf *out);

#endif
