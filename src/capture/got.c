/* got.c -- see got.h. Everything is done inside dl_iterate_phdr's callback, while no object can go away, and
 * nothing there calls the dynamic linker.
 *
 *     scan 1   instances of the family: base, soname, addresses of its functions (their own symbol tables)
 *     scan 2   every object: PT_DYNAMIC ─▶ JMPREL, RELA, SYMTAB, STRTAB ─▶ slots of our names ─▶ write
 *
 * Pages below PT_GNU_RELRO are made writable for the moment of writing and read-only again. A slot is one
 * aligned word: other threads see the old or the new function. Unhooking is the same scan the other way
 * round; slots that were still unbound are then bound.
 */
#include "capture/got.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAME_SLOTS 512u /* power of two, at most half full */
#define SEEN_CAP   2048u
#define NOTE_BYTES 2048u

#if defined(__x86_64__)
#define IS_SLOT(type) ((type) == R_X86_64_JUMP_SLOT || (type) == R_X86_64_GLOB_DAT)
#elif defined(__aarch64__)
#define IS_SLOT(type) ((type) == R_AARCH64_JUMP_SLOT || (type) == R_AARCH64_GLOB_DAT)
#else
#define IS_SLOT(type) ((void)(type), 0)
#endif

struct object {
    uintptr_t base, low, high;  /* load address; mapped range */
    uintptr_t relro, relro_end; /* whole pages that are read-only; equal: none */
    const ElfW(Sym) * symbols;
    const char *strings, *soname, *path; /* soname may be NULL; path "" for the executable */
    size_t string_bytes;
    const ElfW(Rela) * plt, *rela;
    size_t plt_count, rela_count;
    const ElfW(Dyn) * dynamic;
    const uint32_t *gnu_hash;
    bool connects; /* it opens connections itself */
};

struct instance {
    uintptr_t base;
    char soname[64];
};

struct name_slot {
    const char *name;
    uint32_t index; /* below FAMILY: of hooks; else of the family's names */
};
#define FAMILY 0x10000u

static struct {
    pthread_mutex_t lock; /* only ever tried */
    const struct hp_got_table *table;
    struct name_slot names[NAME_SLOTS];
    uint64_t starts[64]; /* which first bytes of two folded to 4,096 occur: most symbols end here */
    struct instance instances[HP_GOT_INSTANCES];
    size_t instance_count;
    uintptr_t seen[SEEN_CAP]; /* dynamic sections that are done */
    size_t seen_count;
    unsigned long long adds, subs;
    size_t page;
    struct hp_got_counts counts;
    char notes[NOTE_BYTES];
    size_t note_bytes;
    bool on, overflow;
} got = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- names ---- */

static uint32_t start_of(const char *name)
{
    return ((uint32_t)(unsigned char)name[0] * 61u + (uint32_t)(unsigned char)name[1]) & 4095u;
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name != '\0'; name++) {
        hash = (hash ^ (uint32_t)(unsigned char)*name) * 16777619u;
    }
    return hash;
}

static void add_name(const char *name, uint32_t index)
{
    uint32_t at = hash_of(name) & (NAME_SLOTS - 1);
    while (got.names[at].name != NULL) {
        at = (at + 1) & (NAME_SLOTS - 1);
    }
    got.names[at] = (struct name_slot){name, index};
    got.starts[start_of(name) / 64] |= (uint64_t)1 << (start_of(name) % 64);
}

static const struct name_slot *find_name(const char *name)
{
    if (name[0] == '\0' || (got.starts[start_of(name) / 64] >> (start_of(name) % 64) & 1) == 0) {
        return NULL;
    }
    for (uint32_t at = hash_of(name) & (NAME_SLOTS - 1); got.names[at].name != NULL;
         at = (at + 1) & (NAME_SLOTS - 1)) {
        if (strcmp(got.names[at].name, name) == 0) {
            return &got.names[at];
        }
    }
    return NULL;
}

/* The function that a call would reach without us. In an executable at a fixed address an entry of its PLT
 * may be the address of a libc function for everybody; it jumps through the slot that is to be hooked, so
 * libc's own is taken. Elsewhere an interposed function (a sanitizer's, a preloaded one) is right. */
static uintptr_t real_of(void *libc, const char *name)
{
    void *usual = dlsym(RTLD_DEFAULT, name);
    void *own = libc != NULL ? dlsym(libc, name) : NULL;
    struct link_map *map = NULL;
    Dl_info info;
    bool is_plt = usual != own && own != NULL && dladdr1(usual, &info, (void **)&map, RTLD_DL_LINKMAP) != 0 &&
                  map != NULL && (map->l_name == NULL || map->l_name[0] == '\0');
    return (uintptr_t)(is_plt ? own : usual);
}

/* Names and real functions. Outside of the scan: dlsym takes the linker's lock. */
static void take_table(const struct hp_got_table *table)
{
    memset(got.names, 0, sizeof got.names);
    memset(got.starts, 0, sizeof got.starts);
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    for (size_t i = 0; i < table->hook_count; i++) {
        uintptr_t real = real_of(libc, table->hooks[i].name);
        /* not the same again: a call that is still in a probe reads it */
        if (*table->hooks[i].real != real) {
            *table->hooks[i].real = real;
        }
        if (real != 0) {
            add_name(table->hooks[i].name, (uint32_t)i);
        }
    }
    for (size_t i = 0; table->family != NULL && i < table->family->name_count; i++) {
        add_name(table->family->names[i], FAMILY + (uint32_t)i);
    }
    if (libc != NULL) {
        dlclose(libc);
    }
}

/* ---- one object ---- */

/* The linker has made most d_ptr absolute; the vdso's and some others' are not. */
static uintptr_t address(const struct object *object, ElfW(Addr) value)
{
    return value < object->base ? object->base + value : value;
}

static void read_segments(const struct dl_phdr_info *info, struct object *object)
{
    object->low = UINTPTR_MAX;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = object->base + segment->p_vaddr, end = start + segment->p_memsz;
        if (segment->p_type == PT_LOAD) {
            object->low = start < object->low ? start : object->low;
            object->high = end > object->high ? end : object->high;
        } else if (segment->p_type == PT_DYNAMIC) {
            object->dynamic = (const ElfW(Dyn) *)start;
        } else if (segment->p_type == PT_GNU_RELRO) { /* rounded as the linker does */
            object->relro = start & ~(got.page - 1);
            object->relro_end = end & ~(got.page - 1);
        }
    }
}

/* False: nothing dynamic about it. */
static bool read_object(const struct dl_phdr_info *info, struct object *object)
{
    size_t plt_bytes = 0, rela_bytes = 0, soname = SIZE_MAX;
    bool rela_plt = true;
    *object =
        (struct object){.base = info->dlpi_addr, .path = info->dlpi_name != NULL ? info->dlpi_name : ""};
    read_segments(info, object);
    for (const ElfW(Dyn) *d = object->dynamic; d != NULL && d->d_tag != DT_NULL; d++) {
        switch (d->d_tag) {
        case DT_SYMTAB:
            object->symbols = (const ElfW(Sym) *)address(object, d->d_un.d_ptr);
            break;
        case DT_STRTAB:
            object->strings = (const char *)address(object, d->d_un.d_ptr);
            break;
        case DT_STRSZ:
            object->string_bytes = d->d_un.d_val;
            break;
        case DT_JMPREL:
            object->plt = (const ElfW(Rela) *)address(object, d->d_un.d_ptr);
            break;
        case DT_PLTRELSZ:
            plt_bytes = d->d_un.d_val;
            break;
        case DT_PLTREL:
            rela_plt = d->d_un.d_val == DT_RELA;
            break;
        case DT_RELA:
            object->rela = (const ElfW(Rela) *)address(object, d->d_un.d_ptr);
            break;
        case DT_RELASZ:
            rela_bytes = d->d_un.d_val;
            break;
        case DT_GNU_HASH:
            object->gnu_hash = (const uint32_t *)address(object, d->d_un.d_ptr);
            break;
        case DT_SONAME:
            soname = d->d_un.d_val;
            break;
        default:
            break;
        }
    }
    object->plt_count = object->plt != NULL && rela_plt ? plt_bytes / sizeof *object->plt : 0;
    object->rela_count = object->rela != NULL ? rela_bytes / sizeof *object->rela : 0;
    if (object->symbols == NULL || object->strings == NULL) {
        return false;
    }
    if (soname < object->string_bytes) {
        object->soname = object->strings + soname;
    }
    return true;
}

static const char *file_of(const struct object *object)
{
    const char *slash = strrchr(object->path, '/');
    return object->path[0] == '\0' ? "the executable" : slash != NULL ? slash + 1 : object->path;
}

static bool starts(const char *text, const char *with)
{
    return text != NULL && strncmp(text, with, strlen(with)) == 0;
}

static bool holds(const struct object *object, uintptr_t at)
{
    return at >= object->low && at < object->high;
}

/* The linker, libc, the vdso and sanitizers call the real functions. */
static bool is_left_out(const struct object *object)
{
    static const char *const out[] = {"ld-linux",   "ld.so",   "libc.so", "linux-vdso",
                                      "libpthread", "libasan", "libtsan", "libubsan"};
    const char *file = file_of(object);
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
        if (starts(file, out[i]) || starts(object->soname, out[i])) {
            return true;
        }
    }
    return got.table->skip_own && holds(object, (uintptr_t)&hp_got_hook_all);
}

/* ---- the family ---- */

static bool is_defined(const struct object *object, uint32_t at, const char *name)
{
    const ElfW(Sym) *symbol = &object->symbols[at];
    return symbol->st_shndx != SHN_UNDEF && symbol->st_value != 0 && symbol->st_name < object->string_bytes &&
           strcmp(object->strings + symbol->st_name, name) == 0;
}

/* Address of a function that the object defines, by its DT_GNU_HASH; 0: none. */
static uintptr_t own_function(const struct object *object, const char *name)
{
    const uint32_t *table = object->gnu_hash;
    if (table == NULL || table[0] == 0) {
        return 0;
    }
    uint32_t hash = 5381;
    for (const char *p = name; *p != '\0'; p++) {
        hash = hash * 33 + (uint32_t)(unsigned char)*p;
    }
    const uint32_t *buckets = table + 4 + table[2] * (sizeof(ElfW(Addr)) / sizeof *table);
    const uint32_t *chain = buckets + table[0];
    uint32_t at = buckets[hash % table[0]];
    if (at < table[1]) {
        return 0;
    }
    for (;; at++) {
        uint32_t found = chain[at - table[1]];
        if ((found | 1) == (hash | 1) && is_defined(object, at, name)) {
            return object->base + object->symbols[at].st_value;
        }
        if (found & 1) {
            return 0;
        }
    }
}

static struct instance *instance_at(uintptr_t base)
{
    for (size_t i = 0; i < got.instance_count; i++) {
        if (got.instances[i].base == base) {
            return &got.instances[i];
        }
    }
    return NULL;
}

static int scan_family(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    const struct hp_got_family *family = got.table->family;
    struct object object;
    if (!read_object(info, &object) || !starts(object.soname, family->soname)) {
        return 0;
    }
    struct instance *instance = instance_at(object.base);
    if (instance == NULL && got.instance_count < HP_GOT_INSTANCES) {
        instance = &got.instances[got.instance_count++];
    }
    if (instance == NULL) {
        got.overflow = true;
        return 0;
    }
    size_t first = (size_t)(instance - got.instances) * family->name_count;
    instance->base = object.base;
    snprintf(instance->soname, sizeof instance->soname, "%s", object.soname);
    for (size_t i = 0; i < family->name_count; i++) {
        family->reals[first + i] = own_function(&object, family->names[i]);
    }
    return 0;
}

static bool needs(const struct object *object, const char *soname)
{
    for (const ElfW(Dyn) *d = object->dynamic; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_NEEDED && d->d_un.d_val < object->string_bytes &&
            strcmp(object->strings + d->d_un.d_val, soname) == 0) {
            return true;
        }
    }
    return false;
}

/* Which instance a slot with this value calls: the bound one, else the one that the object names. SIZE_MAX:
 * unknown. */
static size_t instance_of(const struct object *object, size_t name, uintptr_t value)
{
    const struct hp_got_family *family = got.table->family;
    for (size_t i = 0; i < got.instance_count; i++) {
        size_t at = i * family->name_count + name;
        if (value == family->reals[at] || value == family->hooks[at]) {
            return i;
        }
    }
    for (size_t i = 0; i < got.instance_count && holds(object, value); i++) {
        if (needs(object, got.instances[i].soname)) {
            return i;
        }
    }
    return got.instance_count == 1 && holds(object, value) ? 0 : SIZE_MAX;
}

/* ---- slots ---- */

/* The hook and the real function of a slot; false: not to be touched. */
static bool pair_of(const struct object *object, uint32_t index, uintptr_t value, uintptr_t *hook,
                    uintptr_t *real)
{
    if (index < FAMILY) {
        *hook = got.table->hooks[index].hook;
        *real = *got.table->hooks[index].real;
        return true;
    }
    size_t instance = instance_of(object, index - FAMILY, value);
    if (instance == SIZE_MAX) {
        return false;
    }
    size_t at = instance * got.table->family->name_count + (index - FAMILY);
    *hook = got.table->family->hooks[at];
    *real = got.table->family->reals[at];
    return *real != 0;
}

static bool unlock(const struct object *object, bool *open)
{
    if (!*open && object->relro < object->relro_end) {
        *open =
            mprotect((void *)object->relro, object->relro_end - object->relro, PROT_READ | PROT_WRITE) == 0;
    }
    return *open;
}

static void set_slot(const struct object *object, uintptr_t at, uintptr_t to, bool *open)
{
    bool guarded = at >= object->relro && at < object->relro_end;
    if (guarded && !unlock(object, open)) {
        got.counts.locked++;
        return;
    }
    atomic_store_explicit((_Atomic uintptr_t *)at, to, memory_order_release);
}

static void do_slot(struct object *object, const ElfW(Rela) * entry, bool *open)
{
    if (!IS_SLOT(ELF64_R_TYPE(entry->r_info))) {
        return;
    }
    const ElfW(Sym) *symbol = &object->symbols[ELF64_R_SYM(entry->r_info)];
    if (symbol->st_shndx != SHN_UNDEF || symbol->st_name >= object->string_bytes) {
        return;
    }
    const struct name_slot *name = find_name(object->strings + symbol->st_name);
    uintptr_t at = object->base + entry->r_offset, hook, real;
    if (name == NULL || !holds(object, at)) {
        return;
    }
    object->connects |= strcmp(name->name, "connect") == 0;
    uintptr_t value = atomic_load_explicit((_Atomic uintptr_t *)at, memory_order_acquire);
    if (!pair_of(object, name->index, value, &hook, &real)) {
        got.counts.foreign++;
    } else if (got.on && value != hook && (value == real || holds(object, value))) {
        set_slot(object, at, hook, open);
        got.counts.slots++;
    } else if (got.on && value != hook) {
        got.counts.foreign += value != 0;
    } else if (!got.on && value == hook) {
        set_slot(object, at, real, open);
    }
}

static void do_object(struct object *object)
{
    bool open = false;
    for (size_t i = 0; i < object->plt_count; i++) {
        do_slot(object, &object->plt[i], &open);
    }
    for (size_t i = 0; i < object->rela_count; i++) {
        do_slot(object, &object->rela[i], &open);
    }
    if (open) {
        (void)mprotect((void *)object->relro, object->relro_end - object->relro, PROT_READ);
    }
}

/* ---- what has no slot ---- */

static void note(const char *what, const char *why)
{
    size_t room = sizeof got.notes - got.note_bytes;
    int n =
        snprintf(got.notes + got.note_bytes, room, "%s%s: %s", got.note_bytes != 0 ? "; " : "", what, why);
    got.note_bytes += n > 0 && (size_t)n < room ? (size_t)n : 0;
    got.notes[got.note_bytes] = '\0';
}

/* memmem for memory that is not ours: an instrumented object has guarded gaps between its constants. */
static __attribute__((no_sanitize("address"))) bool find_text(const char *at, size_t n, const char *text,
                                                              size_t length)
{
    for (size_t i = 0; i + length <= n; i++) {
        size_t same = 0;
        while (same < length && at[i + same] == text[same]) {
            same++;
        }
        if (same == length) {
            return true;
        }
    }
    return false;
}

/* Whether an object has this text among its constants. */
static bool carries(const struct dl_phdr_info *info, const char *text)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & (PF_R | PF_W)) == PF_R &&
            find_text((const char *)(info->dlpi_addr + segment->p_vaddr), segment->p_filesz, text,
                      strlen(text))) {
            return true;
        }
    }
    return false;
}

/* Code of libssl within an object that opens connections itself: calls of it go through no slot. libssl (and
 * BoringSSL) tells of errors by the names of its source files; nothing that calls it has them. */
static void look_for_static_tls(const struct dl_phdr_info *info, const struct object *object)
{
    if (object->connects && carries(info, "ssl/ssl_lib.c")) {
        note(file_of(object), "OpenSSL is linked into it, so TLS shows as send and recv");
    }
}

/* ---- scans ---- */

static bool was_seen(const struct object *object)
{
    for (size_t i = 0; i < got.seen_count; i++) {
        if (got.seen[i] == (uintptr_t)object->dynamic) {
            return true;
        }
    }
    if (got.seen_count < SEEN_CAP) {
        got.seen[got.seen_count++] = (uintptr_t)object->dynamic;
    }
    return false;
}

static int scan_object(struct dl_phdr_info *info, size_t size, void *unused)
{
    struct object object;
    (void)size;
    (void)unused;
    got.adds = info->dlpi_adds;
    got.subs = info->dlpi_subs;
    if (!read_object(info, &object)) {
        if (info->dlpi_name == NULL || info->dlpi_name[0] == '\0') {
            note("the executable", "it has no dynamic symbols");
        }
        return 0;
    }
    if ((got.on && was_seen(&object)) || is_left_out(&object)) {
        return 0;
    }
    got.counts.objects += got.on;
    do_object(&object);
    if (got.on) {
        look_for_static_tls(info, &object);
    }
    return 0;
}

static void scan(void)
{
    if (got.on && got.table->family != NULL) {
        (void)dl_iterate_phdr(scan_family, NULL);
    }
    (void)dl_iterate_phdr(scan_object, NULL);
}

hp_err hp_got_hook_all(const struct hp_got_table *table)
{
    if (pthread_mutex_trylock(&got.lock) != 0) {
        return HP_EBUSY;
    }
    if (!got.on) {
        long page = sysconf(_SC_PAGESIZE);
        got.page = page > 0 ? (size_t)page : 4096;
        got.table = table;
        got.counts = (struct hp_got_counts){0};
        got.seen_count = got.instance_count = got.note_bytes = 0;
        got.notes[0] = '\0';
        got.overflow = false;
        take_table(table);
        got.on = true;
    }
    scan();
    pthread_mutex_unlock(&got.lock);
    return HP_OK;
}

static int read_adds(struct dl_phdr_info *info, size_t size, void *adds_and_subs)
{
    unsigned long long *out = adds_and_subs;
    (void)size;
    out[0] = info->dlpi_adds;
    out[1] = info->dlpi_subs;
    return 1;
}

bool hp_got_rescan(void)
{
    unsigned long long now[2] = {0, 0};
    if (pthread_mutex_trylock(&got.lock) != 0) {
        return false;
    }
    if (got.on) {
        (void)dl_iterate_phdr(read_adds, now);
        if (now[1] != got.subs) { /* another object may lie where one was */
            got.seen_count = got.note_bytes = 0;
            got.notes[0] = '\0';
        }
        if (now[0] != got.adds || now[1] != got.subs) {
            scan();
        }
    }
    pthread_mutex_unlock(&got.lock);
    return true;
}

hp_err hp_got_unhook_all(void)
{
    if (pthread_mutex_trylock(&got.lock) != 0) {
        return HP_EBUSY;
    }
    if (got.on) {
        got.on = false;
        scan();
    }
    pthread_mutex_unlock(&got.lock);
    return HP_OK;
}

struct hp_got_counts hp_got_counts(void)
{
    return got.counts;
}

bool hp_got_unseen(char *out, size_t n)
{
    if (n == 0 || pthread_mutex_trylock(&got.lock) != 0) {
        return false;
    }
    int used = snprintf(out, n, "%s", got.notes);
    if (got.counts.locked != 0 && (size_t)used < n) {
        used += snprintf(out + used, n - (size_t)used, "%s%u slots in memory that stays read-only",
                         used != 0 ? "; " : "", got.counts.locked);
    }
    if (got.overflow && (size_t)used < n) {
        snprintf(out + used, n - (size_t)used, "%smore than %u OpenSSL libraries", used != 0 ? "; " : "",
                 HP_GOT_INSTANCES);
    }
    pthread_mutex_unlock(&got.lock);
    return true;
}
