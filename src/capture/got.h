/* got.h -- the call slots of loaded objects: point them at our functions, and back.
 *
 * A call from one object to a function of another goes through a slot of the caller (a word of its global
 * offset table, filled by the dynamic linker: relocations JUMP_SLOT and GLOB_DAT). Writing another address
 * there catches the call, whoever makes it, at no cost but our own function's. dl_iterate_phdr lists the
 * objects; all that is read (dynamic section, relocations, symbols) is mapped memory.
 *
 *     _socket.so ── slot "recv" ──▶ libc's recv          before
 *     _socket.so ── slot "recv" ──▶ hook ──▶ real         after; `real` comes from dlsym, never from a slot
 *
 * A library that may be there several times (OpenSSL: Python's own, and one in a driver's wheel) is a family:
 * each instance has hooks of its own, so that a hook calls the library that the caller meant.
 *
 * Limits: calls inside one object (a statically linked OpenSSL), libc's own, and system calls made directly
 * have no slot; hp_got_unseen says what is known of them. A slot that somebody else has redirected is left
 * alone.
 */
#ifndef HP_GOT_H
#define HP_GOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hotplate/err.h"

#define HP_GOT_INSTANCES 4u

struct hp_got_hook {
    const char *name;
    uintptr_t hook;
    uintptr_t *real; /* filled by hp_got_hook_all before any slot is written; 0: no such function here */
};

struct hp_got_family {
    const char *soname; /* how the library's DT_SONAME begins */
    const char *const *names;
    size_t name_count;
    const uintptr_t *hooks; /* [instance * name_count + name] */
    uintptr_t *reals;       /* the same order; filled as instances are found */
};

struct hp_got_table {
    struct hp_got_hook *hooks;
    size_t hook_count;
    struct hp_got_family *family; /* NULL: none */
    bool skip_own;                /* leave the slots of the object that holds this code alone */
};

struct hp_got_counts {
    uint32_t objects, slots, foreign /* somebody else's */,
        locked /* memory that could not be made writable */;
};

/* Redirect all slots of the table's names. A second call does what was loaded since. `table` is borrowed
 * until hp_got_unhook_all. Threads: any, one at a time (HP_EBUSY). Takes about a millisecond per 50 objects;
 * may allocate nothing. */
HP_CHECK hp_err hp_got_hook_all(const struct hp_got_table *table);
/* Hook again if objects were loaded or unloaded since; else about 100 ns. False: another thread is at it. */
bool hp_got_rescan(void);
/* Point every slot back. Calls that are inside a hook finish there. */
HP_CHECK hp_err hp_got_unhook_all(void);
struct hp_got_counts hp_got_counts(void);
/* What is not hooked, as text ("OBJECT: why; …"), empty if nothing is known. Copies at most n bytes with NUL.
 * False: another thread looks for it right now, `out` is untouched. Threads: any. */
bool hp_got_unseen(char *out, size_t n);

#endif
