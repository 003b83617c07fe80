/* quantity.h -- reading what people type: durations, sizes, shares and moments. Threads: any (moments: not
 * beside setenv TZ). */
#ifndef HP_QUANTITY_H
#define HP_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

/* "500ms", "1.5s", "2m", "3h", "30d", "250us". A bare number is of unit `bare_ns` (0: a unit is needed). */
bool hp_quantity_duration(const char *text, uint64_t bare_ns, uint64_t *ns);

/* "1GB", "512MB", "64KiB", "1000". Decimal units unless with an i. */
bool hp_quantity_size(const char *text, uint64_t *bytes);

/* "3%", "0.03" as 0.03. At most 1. */
bool hp_quantity_share(const char *text, double *share);

/* A whole number. */
bool hp_quantity_count(const char *text, uint64_t most, uint64_t *count);

/* A moment as wall nanoseconds: "10m" (that long before `now_ns`), "14:30", "2026-01-31",
 * "2026-01-31T14:30[:05][Z]", "@1767225600". Local time unless Z. */
bool hp_quantity_moment(const char *text, uint64_t now_ns, uint64_t *ns);

#endif
