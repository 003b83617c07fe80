/* storepath.h -- which store: --store, else HOTPLATE_STORE, else the nearest .hotplate/hotplate.db upward,
 * else (to write) one in the working directory.
 */
#ifndef HP_STOREPATH_H
#define HP_STOREPATH_H

#include <stdbool.h>
#include "hotplate/err.h"

#define HP_STOREPATH_BYTES 4096

/* The absolute path into `path`; `asked` is the option (NULL: not given). Without `write` HP_ENOTFOUND when
 * there is no such file, with a line that says what to type. HP_EINVAL: too long. */
HP_CHECK hp_err hp_storepath_find(const char *asked, bool write, char path[HP_STOREPATH_BYTES],
                                  struct hp_errinfo *info);

/* Its folder, into the caller's buffer. */
void hp_storepath_folder(const char *path, char folder[HP_STOREPATH_BYTES]);

/* Make the folder if it is missing: 0700, with a .gitignore. HP_EIO with a line. */
HP_CHECK hp_err hp_storepath_make_folder(const char *folder, struct hp_errinfo *info);

#endif
