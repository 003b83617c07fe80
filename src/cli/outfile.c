/* outfile.c -- see outfile.h. */
#include "cli/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"

static bool is_special(const char *path)
{
    struct stat there;
    return stat(path, &there) == 0 && !S_ISREG(there.st_mode);
}

hp_err hp_outfile_open(struct hp_outfile *file, const char *path, struct hp_errinfo *info)
{
    *file = (struct hp_outfile){.path = path, .fd = STDOUT_FILENO, .standard = strcmp(path, "-") == 0};
    if (file->standard) {
        return HP_OK;
    }
    bool special = is_special(path);
    int n = special ? 0 : snprintf(file->beside, sizeof file->beside, "%s.%ld.part", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof file->beside) {
        return hp_err_set(info, HP_EINVAL, 0, "%.100s…: the name is too long", path);
    }
    file->fd =
        open(special ? path : file->beside, (special ? 0 : O_CREAT | O_TRUNC) | O_WRONLY | O_CLOEXEC, 0666);
    return file->fd >= 0 ? HP_OK : hp_err_set(info, HP_EIO, 0, "%.180s: %s", path, strerror(errno));
}

/* The first failure is the one to tell. */
static hp_err note(struct hp_outfile *file, hp_err err, bool failed)
{
    if (err != HP_OK || !failed) {
        return err;
    }
    file->why = errno;
    return HP_EIO;
}

hp_err hp_outfile_put(struct hp_outfile *file, struct hp_str bytes)
{
    hp_err err = hp_output_flush(file->fd, bytes);
    if (err != HP_OK) {
        file->why = errno;
    }
    return err;
}

hp_err hp_outfile_close(struct hp_outfile *file, hp_err err, struct hp_errinfo *info)
{
    if (!file->standard) {
        err = note(file, err, close(file->fd) != 0);
    }
    if (file->beside[0] != '\0') {
        err = note(file, err, err == HP_OK && rename(file->beside, file->path) != 0);
        if (err != HP_OK) {
            unlink(file->beside);
        }
    }
    if (err != HP_OK && file->why != 0) {
        return hp_err_set(info, err, 0, "%.180s: %s", file->standard ? "the output" : file->path,
                          strerror(file->why));
    }
    return err;
}

hp_err hp_outfile_write(const char *path, struct hp_str bytes, struct hp_errinfo *info)
{
    struct hp_outfile file;
    hp_err err = hp_outfile_open(&file, path, info);
    return err == HP_OK ? hp_outfile_close(&file, hp_outfile_put(&file, bytes), info) : err;
}
