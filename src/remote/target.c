/* target.c -- see target.h.
 *
 * Where the runtime is: the executable, then each mapped file with "python" in its name, is asked for
 * _PyRuntime; file address + where the file was mapped is the address in memory. Which version it is: the
 * offsets that 3.13 and later publish there, else Py_Version, else the file's name.
 */
#include "remote/target.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "frames/codes.h"
#include "remote/elf.h"
#include "remote/proc.h"

#define TRIES        3
#define SPANS_A_CALL 512u

struct hp_target {
    pid_t pid;
    int dir;
    bool namespaced;
    uint64_t runtime;
    struct hp_layout layout;
    struct hp_peek peek;
    struct hp_sweep sweep;
    struct hp_codes codes;
    struct hp_walk walk;
    uint64_t retried;
    struct hp_walk_frame frames[HP_TARGET_FRAMES];
    struct hp_codes_frame resolved[HP_TARGET_FRAMES];
};

/* ---- memory ---- */

static hp_err err_of_read(int number)
{
    return number == EFAULT || number == EIO ? HP_ERANGE
           : number == ESRCH                 ? HP_ENOTFOUND
           : number == EPERM                 ? HP_EPERM
                                             : HP_EIO;
}

/* One system call. The kernel stops at the first piece it cannot read and says how many bytes it copied. */
static hp_err read_some(pid_t pid, const struct hp_peek_span *spans, uint32_t count, uint32_t *done)
{
    struct iovec local[SPANS_A_CALL], remote[SPANS_A_CALL];
    for (uint32_t i = 0; i < count; i++) {
        local[i] = (struct iovec){spans[i].to, spans[i].n};
        remote[i] = (struct iovec){(void *)(uintptr_t)spans[i].address, spans[i].n};
    }
    ssize_t got = process_vm_readv(pid, local, count, remote, count, 0);
    *done = 0;
    if (got < 0) {
        return err_of_read(errno);
    }
    for (size_t left = (size_t)got; *done < count && left >= spans[*done].n; ++*done) {
        left -= spans[*done].n;
    }
    return *done == count ? HP_OK : HP_ERANGE;
}

static hp_err read_memory(void *ctx, const struct hp_peek_span *spans, uint32_t count, uint32_t *done)
{
    const struct hp_target *target = ctx;
    hp_err err = HP_OK;
    *done = 0;
    while (err == HP_OK && *done < count) {
        uint32_t left = count - *done, more;
        err = read_some(target->pid, spans + *done, left < SPANS_A_CALL ? left : SPANS_A_CALL, &more);
        *done += more;
    }
    return err;
}

/* ---- finding the runtime ---- */

struct search {
    struct hp_target *target;
    struct hp_errinfo *info;
    hp_err err;            /* HP_OK: found */
    unsigned major, minor; /* as some file's name says; 0 none */
};

/* The N of "python3.N" in a file's name, 3 in `*major`; both 0 where there is none. */
static unsigned minor_in_name(const char *path, unsigned *major)
{
    const char *name = strrchr(path, '/');
    const char *python = name == NULL ? NULL : strstr(name, "python");
    char *dot, *end;
    *major = 0;
    if (python == NULL) {
        return 0;
    }
    unsigned long first = strtoul(python + 6, &dot, 10);
    if (dot == python + 6 || *dot != '.' || first > 9) {
        return 0;
    }
    unsigned long second = strtoul(dot + 1, &end, 10);
    if (end == dot + 1 || second > 99) {
        return 0;
    }
    *major = (unsigned)first;
    return (unsigned)second;
}

static hp_err unknown_version(struct search *search, unsigned major, unsigned minor)
{
    return hp_err_set(search->info, HP_EUNSUPPORTED, 0,
                      "process %ld runs CPython %u.%u: Hotplate reads 3.%d to 3.%d",
                      (long)search->target->pid, major, minor, HP_LAYOUT_OLDEST, HP_LAYOUT_NEWEST);
}

/* Py_Version, else what the file is called. */
static hp_err layout_by_version(struct search *search, const struct hp_elf *elf, uint64_t base,
                                const struct hp_proc_module *module)
{
    struct hp_target *target = search->target;
    uint64_t version = 0;
    unsigned major = 0, minor = minor_in_name(module->path, &major);
    if (elf->version != 0 &&
        hp_peek_at(&target->peek, base + elf->version, &version, sizeof version) == HP_OK &&
        version >> 24 >= 3 && version >> 24 <= 9) {
        major = (unsigned)(version >> 24);
        minor = (unsigned)(version >> 16 & 0xFF);
    }
    if (major == 0) {
        return hp_err_set(
            search->info, HP_EUNSUPPORTED, 0,
            "process %ld runs a CPython that does not tell its version: Hotplate reads 3.%d to 3.%d",
            (long)target->pid, HP_LAYOUT_OLDEST, HP_LAYOUT_NEWEST);
    }
    return major == 3 && hp_layout_table(minor, &target->layout) == HP_OK
               ? HP_OK
               : unknown_version(search, major, minor);
}

static hp_err take_layout(struct search *search, const struct hp_elf *elf, uint64_t base,
                          const struct hp_proc_module *module)
{
    struct hp_target *target = search->target;
    uint8_t bytes[HP_LAYOUT_DEBUG_BYTES];
    hp_err err = hp_peek_at(&target->peek, target->runtime, bytes, sizeof bytes);
    if (err != HP_OK) {
        return err;
    }
    err = hp_layout_debug(bytes, sizeof bytes, &target->layout);
    if (err == HP_ENOTFOUND) {
        return layout_by_version(search, elf, base, module);
    }
    if (err == HP_EUNSUPPORTED) {
        return unknown_version(search, 3, target->layout.minor);
    }
    return err == HP_OK ? HP_OK
                        : hp_err_set(search->info, HP_EUNSUPPORTED, 0,
                                     "process %ld: what its CPython tells about itself makes no sense",
                                     (long)target->pid);
}

/* A module: is the runtime in it? */
static bool try_module(void *ctx, const struct hp_proc_module *module)
{
    struct search *search = ctx;
    struct hp_elf elf;
    unsigned major, minor = minor_in_name(module->path, &major);
    if (major != 0) {
        search->major = major;
        search->minor = minor;
    }
    int fd = hp_proc_open_module(search->target->dir, module);
    if (fd < 0) {
        return true;
    }
    hp_err err = hp_elf_look(fd, &elf);
    close(fd);
    if (err != HP_OK || elf.runtime == 0) {
        search->err = err == HP_ENOMEM ? err : search->err;
        return err != HP_ENOMEM;
    }
    uint64_t base = module->start - elf.first;
    search->target->runtime = base + elf.runtime;
    search->err = take_layout(search, &elf, base, module);
    search->target->layout.code_type = elf.code_type == 0 ? 0 : base + elf.code_type;
    return false;
}

/* One line that names the right that is missing. */
static hp_err no_right(const struct hp_target *target, struct hp_errinfo *info)
{
    uid_t owner;
    char level = '0';
    FILE *yama = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    if (yama != NULL) {
        level = (char)fgetc(yama);
        fclose(yama);
    }
    if (hp_proc_owner(target->dir, &owner) && owner != geteuid()) {
        // cppcheck-suppress getpwuidCalled; the executable asks on one thread only
        struct passwd *user = getpwuid(owner);
        return hp_err_set(
            info, HP_EPERM, 0,
            "may not read process %ld of %.40s: be that user or have CAP_SYS_PTRACE (sudo), or start it with "
            "hotplate run",
            (long)target->pid, user != NULL ? user->pw_name : "another user");
    }
    if (level != '0') {
        return hp_err_set(
            info, HP_EPERM, 0,
            "may not read process %ld: kernel.yama.ptrace_scope is %c; needs CAP_SYS_PTRACE (sudo) or 0 "
            "there, or start it with hotplate run",
            (long)target->pid, level);
    }
    return hp_err_set(
        info, HP_EPERM, 0,
        "may not read process %ld: needs CAP_SYS_PTRACE (in a container --cap-add SYS_PTRACE), or start it "
        "with hotplate run",
        (long)target->pid);
}

static hp_err gone(pid_t pid, struct hp_errinfo *info)
{
    return hp_err_set(info, HP_ENOTFOUND, 0, "no process %ld", (long)pid);
}

static hp_err find_runtime(struct hp_target *target, struct hp_errinfo *info)
{
    struct search search = {.target = target, .info = info, .err = HP_ENOTFOUND};
    hp_err err = hp_proc_modules(target->dir, try_module, &search);
    err = err == HP_OK ? search.err : err;
    if (err == HP_EPERM) {
        return no_right(target, info);
    }
    if (err != HP_ENOTFOUND) {
        return err;
    }
    if (search.major != 0 && (search.major != 3 || search.minor < HP_LAYOUT_OLDEST)) {
        return unknown_version(&search, search.major, search.minor); /* before 3.7 there is no _PyRuntime */
    }
    struct hp_buf text;
    hp_buf_init(&text, 4096);
    hp_proc_command(target->dir, 60, &text);
    err = text.len == 0
              ? gone(target->pid, info)
              : hp_err_set(info, HP_EFOREIGN, 0, "process %ld (%.*s) runs no CPython that Hotplate knows",
                           (long)target->pid, (int)text.len, (const char *)text.data);
    hp_buf_fini(&text);
    return err;
}

hp_err hp_target_open(pid_t pid, struct hp_dict *dict, struct hp_codes_place place, struct hp_target **out,
                      struct hp_errinfo *info)
{
    struct hp_target *target = hp_calloc(1, sizeof *target);
    if (target == NULL) {
        return HP_ENOMEM;
    }
    target->pid = pid;
    target->dir = -1;
    target->peek = (struct hp_peek){read_memory, target};
    hp_sweep_init(&target->sweep, HP_TARGET_THREADS);
    hp_codes_init(&target->codes, dict, place);
    hp_err err = hp_proc_open(pid, &target->dir);
    if (err == HP_ENOTFOUND) {
        err = gone(pid, info);
    }
    err = err == HP_OK ? find_runtime(target, info) : err;
    if (err != HP_OK) {
        hp_target_close(target);
        return err;
    }
    target->namespaced = hp_proc_is_namespaced(target->dir);
    *out = target;
    return HP_OK;
}

void hp_target_close(struct hp_target *target)
{
    if (target == NULL) {
        return;
    }
    hp_sweep_fini(&target->sweep);
    hp_codes_fini(&target->codes);
    if (target->dir >= 0) {
        close(target->dir);
    }
    hp_free(target);
}

/* ---- threads and stacks ---- */

hp_err hp_target_sweep(struct hp_target *target)
{
    hp_err err = HP_ECORRUPT;
    for (int i = 0; i < TRIES && err == HP_ECORRUPT; i++) {
        target->retried += i != 0;
        err = hp_sweep_take(&target->sweep, &target->layout, &target->peek, target->runtime);
        err = err == HP_ERANGE ? HP_ENOTFOUND
                               : err; /* the runtime itself is gone: another program was exec'ed */
    }
    hp_codes_round(&target->codes);
    return err;
}

static hp_err read_stack(struct hp_target *target, const struct hp_thread *thread,
                         struct hp_target_stack *stack)
{
    uint32_t count;
    bool cut;
    hp_err err = hp_walk_frames(&target->walk, &target->layout, &target->peek, thread, target->frames,
                                HP_TARGET_FRAMES, &count, &cut);
    if (err == HP_OK) {
        err = hp_codes_resolve(&target->codes, &target->layout, &target->peek, target->frames, count,
                               target->resolved, &count);
    }
    if (err == HP_OK) {
        *stack = (struct hp_target_stack){target->resolved, count, cut};
    }
    return err;
}

/* The thread as it is now. */
static hp_err look_again(const struct hp_target *target, struct hp_thread *thread)
{
    hp_err err = hp_peek_at(&target->peek, thread->address + target->layout.thread_frame, &thread->frame,
                            sizeof thread->frame);
    return err == HP_ERANGE ? HP_ECORRUPT : err;
}

hp_err hp_target_stack(struct hp_target *target, uint32_t i, struct hp_target_stack *stack)
{
    struct hp_thread thread = target->sweep.threads[i];
    hp_err err = read_stack(target, &thread, stack);
    for (int retry = 1; retry < TRIES && err == HP_ECORRUPT; retry++) {
        target->retried++;
        err = look_again(target, &thread);
        err = err == HP_OK ? read_stack(target, &thread, stack) : err;
    }
    return err;
}

const struct hp_sweep *hp_target_threads(const struct hp_target *target)
{
    return &target->sweep;
}

pid_t hp_target_pid(const struct hp_target *target)
{
    return target->pid;
}

int hp_target_dir(const struct hp_target *target)
{
    return target->dir;
}

bool hp_target_is_namespaced(const struct hp_target *target)
{
    return target->namespaced;
}

const struct hp_layout *hp_target_layout(const struct hp_target *target)
{
    return &target->layout;
}

const struct hp_peek *hp_target_peek(const struct hp_target *target)
{
    return &target->peek;
}

uint64_t hp_target_runtime(const struct hp_target *target)
{
    return target->runtime;
}

uint64_t hp_target_retried(const struct hp_target *target)
{
    return target->retried;
}
