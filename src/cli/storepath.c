/* storepath.c -- see storepath.h. */
#include "cli/storepath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_NAME ".hotplate/hotplate.db"

static hp_err join(char path[HP_STOREPATH_BYTES], const char *folder, const char *name,
                   struct hp_errinfo *info)
{
    const char *slash = folder[0] != '\0' && folder[strlen(folder) - 1] == '/' ? "" : "/";
    int n = snprintf(path, HP_STOREPATH_BYTES, "%s%s%s", folder, slash, name);
    if (n < 0 || n >= HP_STOREPATH_BYTES) {
        return hp_err_set(info, HP_EINVAL, 0, "the store's path is too long");
    }
    return HP_OK;
}

/* `name` as an absolute path. */
static hp_err absolute(char path[HP_STOREPATH_BYTES], const char *name, const char *here,
                       struct hp_errinfo *info)
{
    return name[0] == '/' ? join(path, "/", name + 1, info) : join(path, here, name, info);
}

/* Look in `here` and upward; false: nothing there. */
static bool find_upward(char path[HP_STOREPATH_BYTES], const char *here)
{
    char folder[HP_STOREPATH_BYTES];
    snprintf(folder, sizeof folder, "%s", here);
    for (;;) {
        if (join(path, folder, DEFAULT_NAME, NULL) == HP_OK && access(path, F_OK) == 0) {
            return true;
        }
        char *slash = strrchr(folder, '/');
        if (slash == NULL || folder[1] == '\0') {
            return false;
        }
        slash[slash == folder] = '\0'; /* "/a" becomes "/" */
    }
}

hp_err hp_storepath_find(const char *asked, bool write, char path[HP_STOREPATH_BYTES],
                         struct hp_errinfo *info)
{
    char here[HP_STOREPATH_BYTES];
    const char *variable = getenv("HOTPLATE_STORE");
    const char *name = asked != NULL ? asked : variable != NULL && variable[0] != '\0' ? variable : NULL;
    if (asked != NULL && asked[0] == '\0') {
        return hp_err_set(info, HP_EINVAL, 0, "--store needs a file name");
    }
    if (getcwd(here, sizeof here) == NULL) {
        return hp_err_set(info, HP_EIO, 0, "the working directory: %s", strerror(errno));
    }
    if (name == NULL && find_upward(path, here)) {
        return HP_OK;
    }
    hp_err err = absolute(path, name != NULL ? name : DEFAULT_NAME, here, info);
    if (err != HP_OK || write || access(path, F_OK) == 0) {
        return err;
    }
    if (name == NULL) {
        return hp_err_set(
            info, HP_ENOTFOUND, 0,
            "no .hotplate/hotplate.db here or above; record one: hotplate run -- flask --app APP run");
    }
    return hp_err_set(info, HP_ENOTFOUND, 0,
                      "%.130s: no such store; record one: hotplate run --store FILE -- COMMAND", name);
}

void hp_storepath_folder(const char *path, char folder[HP_STOREPATH_BYTES])
{
    snprintf(folder, HP_STOREPATH_BYTES, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL) {
        slash[slash == folder] = '\0';
    }
}

hp_err hp_storepath_make_folder(const char *folder, struct hp_errinfo *info)
{
    char ignore[HP_STOREPATH_BYTES];
    if (mkdir(folder, 0700) != 0) {
        if (errno == EEXIST) {
            return HP_OK;
        }
        return hp_err_set(info, HP_EIO, 0, "%.180s: %s", folder, strerror(errno));
    }
    hp_err err = join(ignore, folder, ".gitignore", info);
    int fd = err == HP_OK ? open(ignore, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (fd >= 0) {
        ssize_t written = write(fd, "*\n", 2);
        (void)written; /* a missing .gitignore is no reason not to record */
        close(fd);
    }
    return err;
}
