/* drop.c -- see drop.h. */
#include "remote/drop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remote/proc.h"

static const char *const names[] = {"start.py", "answer", "answer.part"};

static hp_err trouble(const struct hp_target *target, struct hp_errinfo *info)
{
    int number = errno;
    hp_err err = number == ENOENT || number == ESRCH   ? HP_ENOTFOUND
                 : number == EACCES || number == EPERM ? HP_EPERM
                                                       : HP_EIO;
    return hp_err_set(info, err, 0, "/tmp of process %ld: %s", (long)hp_target_pid(target), strerror(number));
}

/* Hand what we made to the target's user. */
static bool give(int fd, const struct hp_target *target)
{
    uid_t owner;
    return !hp_proc_user(hp_target_dir(target), &owner) || owner == geteuid() ||
           fchown(fd, owner, (gid_t)-1) == 0;
}

hp_err hp_drop_open(struct hp_drop *drop, const struct hp_target *target, struct hp_errinfo *info)
{
    uint64_t number;
    *drop = (struct hp_drop){.above = -1, .folder = -1};
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) {
        return hp_err_set(info, HP_EIO, 0, "no random number can be had");
    }
    snprintf(drop->path, sizeof drop->path, "/tmp/hotplate-%016" PRIx64, number);
    const char *name = drop->path + sizeof "/tmp/" - 1;
    drop->above = openat(hp_target_dir(target), "root/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (drop->above < 0 || mkdirat(drop->above, name, 0700) != 0) {
        hp_err err = trouble(target, info);
        if (drop->above >= 0) {
            close(drop->above);
        }
        drop->above = -1;
        return err;
    }
    drop->folder = openat(drop->above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (drop->folder < 0 || !give(drop->folder, target)) {
        hp_err err = trouble(target, info);
        hp_drop_close(drop);
        return err;
    }
    return HP_OK;
}

void hp_drop_close(struct hp_drop *drop)
{
    if (drop->folder >= 0) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            unlinkat(drop->folder, names[i], 0);
        }
        close(drop->folder);
    }
    if (drop->above >= 0) {
        unlinkat(drop->above, drop->path + sizeof "/tmp/" - 1, AT_REMOVEDIR);
        close(drop->above);
    }
    drop->above = drop->folder = -1;
}

hp_err hp_drop_put(struct hp_drop *drop, const struct hp_target *target, struct hp_str script,
                   struct hp_errinfo *info)
{
    int fd = openat(drop->folder, names[0], O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return trouble(target, info);
    }
    bool done = write(fd, script.p, script.n) == (ssize_t)script.n && give(fd, target);
    hp_err err = done ? HP_OK : trouble(target, info);
    close(fd);
    return err;
}

hp_err hp_drop_answer(const struct hp_drop *drop, struct hp_buf *out)
{
    char text[HP_DROP_ANSWER_BYTES];
    int fd = openat(drop->folder, names[1], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? HP_ENOTFOUND : HP_EIO;
    }
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    if (n < 0) {
        return HP_EIO;
    }
    hp_buf_put(out, text, (size_t)n);
    return out->err;
}
