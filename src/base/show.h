/* show.h -- values for people: times, counts, sizes and shares.
 *
 * Why: one way to write a figure everywhere it is read by a person. The process's locale plays no part. Each
 * function but hp_show_digits writes a NUL-terminated text into the caller's 24 bytes and returns it.
 * Threads: any. Fails: never.
 */
#ifndef HP_SHOW_H
#define HP_SHOW_H

#include <stdint.h>

#define HP_SHOW_BYTES 24

#define HP_SHOW_DIGITS 20

/* The digits of a number, without a NUL. Returns how many. */
unsigned hp_show_digits(char out[HP_SHOW_DIGITS], uint64_t value);

/* Three significant digits and a unit by size: "812 ns", "4.31 µs", "95.2 ms", "2.21 s"; from a minute on one
 * decimal: "3.4 min", "1.5 h", "2.0 d" (and whole days from 100 on). "0 ns" for 0. */
char *hp_show_ns(char out[HP_SHOW_BYTES], uint64_t ns);

/* Signed: "-95.2 ms", for differences. */
char *hp_show_ns_signed(char out[HP_SHOW_BYTES], int64_t ns);

/* Thousands set apart from four digits on: "1,234,567". The largest value takes 20 digits, so from 10^18 on
 * the separators are left out to fit. */
char *hp_show_count(char out[HP_SHOW_BYTES], uint64_t count);

/* Decimal units, three significant digits: "812 B", "4.31 kB", "1.00 GB". */
char *hp_show_bytes(char out[HP_SHOW_BYTES], uint64_t bytes);

/* A share of 1 in per cent, two significant digits below 10: "61 %", "4.3 %", "0.52 %", "<0.01 %", "0 %",
 * "100 %". Below 0 with a minus; NaN and infinities are "?". */
char *hp_show_percent(char out[HP_SHOW_BYTES], double share);

#endif
