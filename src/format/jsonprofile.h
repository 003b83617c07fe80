/* jsonprofile.h -- what the readers of profiles in JSON share: telling them apart, units, errors. */
#ifndef HP_JSONPROFILE_H
#define HP_JSONPROFILE_H

#include "base/jsonread.h"
#include "model/profile.h"

#define HP_JSONPROFILE_TEXT ((size_t)16 << 20) /* the longest escaped text */

/* Whether the text is a JSON object that has `key` at its top, among the first 64 KiB. */
bool hp_jsonprofile_has(struct hp_str bytes, const char *key);

/* Nanoseconds of a time, for differences of rounded values; clamped to 0 … 2^63. */
uint64_t hp_jsonprofile_ns(double value, double ns_per_unit);

/* The reader's error, with its place, into `info`; HP_OK if it has none. */
HP_CHECK hp_err hp_jsonprofile_error(const struct hp_jsonread *json, struct hp_errinfo *info);

#endif
