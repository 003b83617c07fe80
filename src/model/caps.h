/* caps.h -- how large and how old a store may get, as somebody wrote it at the dashboard: "500MB", "7d".
 *
 * Two settings of the store, which whoever writes it looks at once a second. They lower what a process was
 * started with and never raise it: who may change a page's settings does not get a server's whole disk.
 */
#ifndef HP_CAPS_H
#define HP_CAPS_H

#include "base/str.h"
#include "hotplate/err.h"

#define HP_CAPS_SIZE_KEY  "max_store"
#define HP_CAPS_AGE_KEY   "max_age"
#define HP_CAPS_FORCE_KEY "caps_in_force" /* told by who writes: bytes and seconds */

struct hp_caps {
    uint64_t max_bytes, max_age_ns;
};

/* "20MB", "2GB", "1TB" as bytes, 10 MB at least; "12h", "7d" as nanoseconds, an hour at least. An empty text
 * is UINT64_MAX. Owns: nothing. Threads: any. Fails: HP_EINVAL, with what it should be. */
HP_CHECK hp_err hp_caps_read_size(struct hp_str text, uint64_t *bytes, struct hp_errinfo *info);
HP_CHECK hp_err hp_caps_read_age(struct hp_str text, uint64_t *ns, struct hp_errinfo *info);

#endif
