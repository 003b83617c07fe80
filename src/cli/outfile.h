/* outfile.h -- a file that a command writes: a new one or one replaced, whole or not at all.
 *
 * Bytes go to a file beside it, which takes its name when all is written. What is no plain file (a device, a
 * pipe) is written to and stays what it is; "-" is stdout. A reader that has gone is no error.
 */
#ifndef HP_OUTFILE_H
#define HP_OUTFILE_H

#include <stdbool.h>
#include "base/str.h"
#include "hotplate/err.h"

struct hp_outfile {
    const char *path;  /* borrowed */
    char beside[4096]; /* empty: written to directly */
    int fd;
    int why;       /* errno of what failed first */
    bool standard; /* stdout */
};

/* Begin. `path` must live until the close. Owns: finish with hp_outfile_close. Fails with a line in `info`;
 * then there is nothing to close. */
HP_CHECK hp_err hp_outfile_open(struct hp_outfile *file, const char *path, struct hp_errinfo *info);

/* Write more. Fails: HP_EIO, HP_ENOSPC; the close has the line. */
HP_CHECK hp_err hp_outfile_put(struct hp_outfile *file, struct hp_str bytes);

/* End. `err`: what happened so far; unless it is HP_OK nothing is kept. Returns it, or what went wrong here.
 * A file that could not be written has its line in `info`, which is left alone otherwise. */
HP_CHECK hp_err hp_outfile_close(struct hp_outfile *file, hp_err err, struct hp_errinfo *info);

/* All of it at once. Fails with a line in `info`. */
HP_CHECK hp_err hp_outfile_write(const char *path, struct hp_str bytes, struct hp_errinfo *info);

#endif
