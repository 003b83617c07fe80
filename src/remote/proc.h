/* proc.h -- what /proc tells of a process: mappings, children, threads. Reads only.
 *
 * A process is named by a descriptor of its folder, /proc/PID: reads through it fail once the process is
 * gone, also when its number is used again.
 */
#ifndef HP_PROC_H
#define HP_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/buf.h"
#include "hotplate/err.h"

/* Open /proc/PID. Fails: HP_ENOTFOUND (no such process), HP_EPERM, HP_EIO. Owns: the caller, close(). */
HP_CHECK hp_err hp_proc_open(pid_t pid, int *dir);

/* Append the whole of a file below `dir`; NULs included. Fails: HP_ENOTFOUND (file or process gone),
 * HP_EPERM, HP_EIO, HP_EFULL, HP_ENOMEM. */
HP_CHECK hp_err hp_proc_read(int dir, const char *name, struct hp_buf *out);

/* The command line with spaces between the words, at most `most` bytes; the thread's name in brackets where
 * there is none. Appended. */
void hp_proc_command(int dir, size_t most, struct hp_buf *out);

/* Owner (effective user). False: gone. */
bool hp_proc_owner(int dir, uid_t *uid);

/* The effective user that it runs as, also where it changed users and /proc gives it to root. False: gone or
 * not told. */
bool hp_proc_user(int dir, uid_t *uid);

/* Inode of the program it runs; 0 unknown. */
uint64_t hp_proc_program(int dir);

/* Whether a folder (an absolute path) of ours is the same one to the process, which may have another root, or
 * other things mounted. False: also where that cannot be told. */
bool hp_proc_shares(int dir, const char *folder);

/* What the process `pid`, open as `dir`, has started, and what those have, up to `max`, parents first;
 * returns how many. Gone or unreadable: 0. */
size_t hp_proc_descendants(int dir, pid_t pid, pid_t *found, size_t max);

/* A file that is mapped from its beginning. */
struct hp_proc_module {
    uint64_t start, end;
    uint64_t inode;
    bool exe;
    char path[4096]; /* as the kernel shows it */
};

/* Call `each` for the executable and every mapped file whose name has "python" in it, until it returns false.
 * Fails: as hp_proc_read. */
HP_CHECK hp_err hp_proc_modules(int dir, bool (*each)(void *ctx, const struct hp_proc_module *module),
                                void *ctx);

/* Open a module's file in whatever mount namespace the process is. -1: cannot be had. */
int hp_proc_open_module(int dir, const struct hp_proc_module *module);

/* ---- threads ---- */

/* Kernel's number of the thread that calls itself `native_id`: another one in a pid namespace. 0: there is
 * none. */
pid_t hp_proc_task(int dir, bool namespaced, uint64_t native_id);

/* Whether the process lives in a pid namespace below ours. */
bool hp_proc_is_namespaced(int dir);

/* Open a file of a thread. -1: gone. */
int hp_proc_open_task(int dir, pid_t task, const char *file);

/* What the kernel counts of a thread: time on a CPU, time it waited for one, times it was put on one. */
struct hp_proc_sched {
    uint64_t cpu_ns, queue_ns, turns;
};

/* From an open "schedstat". False: gone, or the kernel has none. */
bool hp_proc_schedstat(int fd, struct hp_proc_sched *sched);

/* State letter (R runs or would, S sleeps, D waits for a device …) from an open "stat"; 0: gone. */
char hp_proc_state(int fd);

/* The thread's name into 16 bytes; empty if gone. */
void hp_proc_task_name(int dir, pid_t task, char name[16]);

#endif
