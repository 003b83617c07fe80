/* proc.c -- see proc.h. */
#include "remote/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)64 << 20)

static hp_err err_of(int number)
{
    return number == ENOENT || number == ESRCH   ? HP_ENOTFOUND
           : number == EACCES || number == EPERM ? HP_EPERM
           : number == ENOMEM                    ? HP_ENOMEM
                                                 : HP_EIO;
}

hp_err hp_proc_open(pid_t pid, int *dir)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%ld", (long)pid);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_of(errno);
    }
    *dir = fd;
    return HP_OK;
}

hp_err hp_proc_read(int dir, const char *name, struct hp_buf *out)
{
    hp_err err = HP_OK;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_of(errno);
    }
    while (err == HP_OK) {
        if (!hp_buf_reserve(out, 4096)) {
            err = out->err;
            break;
        }
        ssize_t n = read(fd, out->data + out->len, 4096);
        if (n < 0 && errno != EINTR) {
            err = err_of(errno);
        }
        if (n == 0) {
            break;
        }
        out->len += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    return err;
}

void hp_proc_command(int dir, size_t most, struct hp_buf *out)
{
    struct hp_buf text;
    hp_buf_init(&text, FILE_MAX_BYTES);
    if (hp_proc_read(dir, "cmdline", &text) == HP_OK && text.len != 0) {
        size_t n = text.len;
        while (n > 0 && text.data[n - 1] == '\0') {
            n--;
        }
        for (size_t i = 0; i < n; i++) {
            text.data[i] = text.data[i] == '\0' ? ' ' : text.data[i];
        }
        hp_buf_put_text(out, hp_utf8_cut(hp_str_make((const char *)text.data, n), most));
    } else if (hp_proc_read(dir, "comm", &text) == HP_OK && text.len > 1) {
        hp_buf_printf(out, "[%.*s]", (int)(text.len - 1), (const char *)text.data);
    }
    hp_buf_fini(&text);
}

bool hp_proc_owner(int dir, uid_t *uid)
{
    struct stat info;
    if (fstat(dir, &info) != 0) {
        return false;
    }
    *uid = info.st_uid;
    return true;
}

bool hp_proc_user(int dir, uid_t *uid)
{
    struct hp_buf text;
    char *end;
    hp_buf_init(&text, 1 << 16);
    bool read = hp_proc_read(dir, "status", &text) == HP_OK;
    hp_buf_put_u8(&text, '\0');
    const char *line = read && text.err == HP_OK ? strstr((const char *)text.data, "\nUid:") : NULL;
    if (line != NULL) {
        (void)strtoul(line + sizeof "\nUid:" - 1, &end, 10); /* the real one */
        *uid = (uid_t)strtoul(end, &end, 10);
    }
    hp_buf_fini(&text);
    return line != NULL;
}

uint64_t hp_proc_program(int dir)
{
    struct stat exe;
    return fstatat(dir, "exe", &exe, 0) == 0 ? exe.st_ino : 0;
}

bool hp_proc_shares(int dir, const char *folder)
{
    struct stat ours, its;
    int root = openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const char *below = folder + strspn(folder, "/");
    bool shares = root >= 0 && stat(folder, &ours) == 0 &&
                  fstatat(root, below[0] == '\0' ? "." : below, &its, 0) == 0 && ours.st_dev == its.st_dev &&
                  ours.st_ino == its.st_ino;
    if (root >= 0) {
        close(root);
    }
    return shares;
}

/* ---- children ---- */

static size_t add_children(const char *text, pid_t *children, size_t count, size_t max)
{
    char *end;
    for (long pid = strtol(text, &end, 10); end != text && count < max; pid = strtol(text, &end, 10)) {
        children[count++] = (pid_t)pid;
        text = end;
    }
    return count;
}

/* From the lists that each thread has of what it started. False: this kernel has no such lists. */
static bool listed_children(int dir, pid_t *children, size_t max, size_t *count)
{
    bool any = false;
    int fd = openat(dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *tasks = fd < 0 ? NULL : fdopendir(fd);
    if (tasks == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        struct hp_buf text;
        char name[300];
        hp_buf_init(&text, FILE_MAX_BYTES);
        snprintf(name, sizeof name, "%s/children", entry->d_name);
        if (entry->d_name[0] != '.' && hp_proc_read(fd, name, &text) == HP_OK) {
            any = true;
            hp_buf_put_u8(&text, '\0');
            *count =
                text.err == HP_OK ? add_children((const char *)text.data, children, *count, max) : *count;
        }
        hp_buf_fini(&text);
    }
    closedir(tasks);
    return any;
}

/* Parent in the text of a "stat": the second word behind the name, which may hold anything. */
static long parent_in(const char *text)
{
    const char *end = strrchr(text, ')');
    return end == NULL || strlen(end) < 4 ? -1 : strtol(end + 3, NULL, 10);
}

static size_t searched_children(pid_t pid, pid_t *children, size_t max)
{
    size_t count = 0;
    DIR *all = opendir("/proc");
    if (all == NULL) {
        return 0;
    }
    for (struct dirent *entry = readdir(all); entry != NULL && count < max; entry = readdir(all)) {
        struct hp_buf text;
        char name[300];
        long child = strtol(entry->d_name, NULL, 10);
        hp_buf_init(&text, FILE_MAX_BYTES);
        snprintf(name, sizeof name, "%s/stat", entry->d_name);
        if (child > 0 && hp_proc_read(dirfd(all), name, &text) == HP_OK) {
            hp_buf_put_u8(&text, '\0');
            if (text.err == HP_OK && parent_in((const char *)text.data) == (long)pid) {
                children[count++] = (pid_t)child;
            }
        }
        hp_buf_fini(&text);
    }
    closedir(all);
    return count;
}

static size_t direct_children(int dir, pid_t pid, pid_t *children, size_t max)
{
    size_t count = 0;
    return listed_children(dir, children, max, &count) ? count : searched_children(pid, children, max);
}

size_t hp_proc_descendants(int dir, pid_t pid, pid_t *found, size_t max)
{
    size_t used = direct_children(dir, pid, found, max);
    for (size_t at = 0; at < used; at++) {
        int child = -1;
        if (hp_proc_open(found[at], &child) == HP_OK) {
            used += direct_children(child, found[at], found + used, max - used);
            close(child);
        }
    }
    return used;
}

/* ---- modules ---- */

/* One line of maps, "start-end rights offset device inode   path". False: not a file's first mapping. */
static bool parse_mapping(const char *line, struct hp_proc_module *module)
{
    char *at;
    module->start = strtoull(line, &at, 16);
    if (*at != '-') {
        return false;
    }
    module->end = strtoull(at + 1, &at, 16);
    if (strlen(at) < 8 || at[0] != ' ' || at[5] != ' ') {
        return false;
    }
    uint64_t offset = strtoull(at + 6, &at, 16);
    const char *inode = *at == ' ' ? strchr(at + 1, ' ') : NULL;
    if (inode == NULL || offset != 0) {
        return false;
    }
    module->inode = strtoull(inode, &at, 10);
    at += strspn(at, " ");
    if (module->inode == 0 || *at != '/') {
        return false;
    }
    snprintf(module->path, sizeof module->path, "%s", at);
    return true;
}

static bool names_python(const char *path)
{
    const char *name = strrchr(path, '/');
    return name != NULL && strstr(name, "python") != NULL;
}

hp_err hp_proc_modules(int dir, bool (*each)(void *ctx, const struct hp_proc_module *module), void *ctx)
{
    struct hp_buf text;
    struct stat exe;
    hp_buf_init(&text, FILE_MAX_BYTES);
    bool known = fstatat(dir, "exe", &exe, 0) == 0;
    hp_err err = hp_proc_read(dir, "maps", &text);
    hp_buf_put_u8(&text, '\0');
    err = err == HP_OK ? text.err : err;
    for (char *line = (char *)text.data, *end; err == HP_OK && *line != '\0'; line = end + 1) {
        struct hp_proc_module module;
        end = strchr(line, '\n');
        if (end == NULL) {
            break;
        }
        *end = '\0';
        if (!parse_mapping(line, &module)) {
            continue;
        }
        module.exe = known && module.inode == exe.st_ino;
        if ((module.exe || names_python(module.path)) && !each(ctx, &module)) {
            break;
        }
    }
    hp_buf_fini(&text);
    return err;
}

static bool is_inode(int fd, uint64_t inode)
{
    struct stat info;
    return fstat(fd, &info) == 0 && info.st_ino == inode;
}

int hp_proc_open_module(int dir, const struct hp_proc_module *module)
{
    char name[4200];
    const char *const prefixes[] = {"exe", "map_files", "root", ""};
    for (size_t i = module->exe ? 0 : 1; i < 4; i++) {
        if (i == 0) {
            snprintf(name, sizeof name, "exe");
        } else if (i == 1) {
            snprintf(name, sizeof name, "map_files/%" PRIx64 "-%" PRIx64, module->start, module->end);
        } else {
            snprintf(name, sizeof name, "%s%s", prefixes[i], module->path);
        }
        int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && is_inode(fd, module->inode)) {
            return fd;
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    return -1;
}

/* ---- threads ---- */

/* The last number of a line "NSpid: 812 7", how many there are in `*count`. */
static uint64_t innermost_pid(int dir, const char *name, unsigned *count)
{
    struct hp_buf text;
    uint64_t last = 0;
    *count = 0;
    hp_buf_init(&text, FILE_MAX_BYTES);
    hp_err err = hp_proc_read(dir, name, &text);
    hp_buf_put_u8(&text, '\0');
    char *line = err == HP_OK && text.err == HP_OK ? strstr((char *)text.data, "\nNSpid:") : NULL;
    if (line != NULL) {
        char *end, *at = line + 7;
        line[1 + strcspn(line + 1, "\n")] = '\0';
        for (uint64_t n = strtoull(at, &end, 10); end != at; n = strtoull(at, &end, 10)) {
            last = n;
            at = end;
            ++*count;
        }
    }
    hp_buf_fini(&text);
    return last;
}

bool hp_proc_is_namespaced(int dir)
{
    unsigned count;
    (void)innermost_pid(dir, "status", &count);
    return count > 1;
}

pid_t hp_proc_task(int dir, bool namespaced, uint64_t native_id)
{
    char name[300];
    pid_t found = 0;
    unsigned count;
    if (!namespaced) {
        return native_id > 0 && native_id <= INT32_MAX ? (pid_t)native_id : 0;
    }
    int fd = openat(dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *tasks = fd < 0 ? NULL : fdopendir(fd);
    if (tasks == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return 0;
    }
    for (struct dirent *entry = readdir(tasks); entry != NULL && found == 0; entry = readdir(tasks)) {
        snprintf(name, sizeof name, "%s/status", entry->d_name);
        if (entry->d_name[0] != '.' && innermost_pid(fd, name, &count) == native_id) {
            found = (pid_t)strtol(entry->d_name, NULL, 10);
        }
    }
    closedir(tasks);
    return found;
}

int hp_proc_open_task(int dir, pid_t task, const char *file)
{
    char name[64];
    snprintf(name, sizeof name, "task/%ld/%s", (long)task, file);
    return openat(dir, name, O_RDONLY | O_CLOEXEC);
}

bool hp_proc_schedstat(int fd, struct hp_proc_sched *sched)
{
    char text[96], *end;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0) {
        return false;
    }
    text[n] = '\0';
    sched->cpu_ns = strtoull(text, &end, 10);
    sched->queue_ns = strtoull(end, &end, 10);
    sched->turns = strtoull(end, &end, 10);
    return true;
}

char hp_proc_state(int fd)
{
    char text[64];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0) {
        return 0;
    }
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    return end == NULL || end[1] != ' ' ? 0 : end[2];
}

void hp_proc_task_name(int dir, pid_t task, char name[16])
{
    int fd = hp_proc_open_task(dir, task, "comm");
    ssize_t n = fd < 0 ? 0 : read(fd, name, 15);
    name[n > 0 ? n : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
    if (fd >= 0) {
        close(fd);
    }
}
