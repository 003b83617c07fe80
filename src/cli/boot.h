/* boot.h -- the folder that `hotplate run` puts in front of PYTHONPATH, with the sitecustomize that starts
 * Hotplate in each Python of the command.
 *
 *     <store folder>/boot/<hash of the text>/sitecustomize.py
 *
 * The name holds a hash of the text, so that versions of Hotplate beside each other do not share it; the file
 * is made atomically.
 */
#ifndef HP_BOOT_H
#define HP_BOOT_H

#include "cli/storepath.h"

/* Make it if need be; the folder's path into `boot`. HP_EIO with a line, HP_EINVAL (too long). */
HP_CHECK hp_err hp_boot_make(const char *folder, char boot[HP_STOREPATH_BYTES], struct hp_errinfo *info);

#endif
