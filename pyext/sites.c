/* sites.c -- the application place of a thread that is inside a blocking call, found without the GIL.
 *
 * A probe (hotplate/ext/waits.h) asks where its own thread is. The thread's frames and their code objects
 * stay while it is in the call, and what is read of them never changes: so the walk needs no lock and no
 * reference. Nothing can be interned there; instead
 *
 *     files[]   co_filename ─▶ application, library, ours, how it is written          (at first sight, by hp_classify_unlocked)
 *     sites[]   (code, instruction) ─▶ file, name, first line, line                     numbers that waits keep
 *
 * and hp_site_place makes a symbol of a number later, with the GIL. Both are tables of fixed size in which
 * entries are only added, under a word that is tried and never waited for. Beyond their caps a wait has no
 * place.
 *
 * Keys are addresses: a string's with its hash, a code object's with its file and first line, so an address
 * that is used again is seen.
 */
#include "wrap.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define FILE_SLOTS 4096u /* powers of two, filled to three quarters */
#define SITE_SLOTS 4096u
#define TEXT_BYTES (512u << 10)
#define NAME_BYTES 104u
#define PATH_BYTES 1024u
#define VIA        INT32_MIN /* instead of an instruction: the code stands for a library that was passed */
#define DEPTH_CAP  400
#define RECENTS    2u

enum { IS_APP = 1, IS_FRAMEWORK = 2, IS_TEMPLATE = 4, IS_OWN = 8 }; /* as place.h's */

struct file {
    _Atomic(const PyObject *) name; /* borrowed identity; NULL: free; set last */
    Py_hash_t hash;
    uint32_t generation;
    uint32_t shown, path; /* offsets of NUL-terminated text */
    int flags;
};

struct site {
    _Atomic(const PyCodeObject *) code; /* borrowed identity; NULL: free; set last */
    const PyObject *filename;
    const struct hp_cap *cap; /* whose `sym` is known */
    uint32_t sym, line, first_line, file, generation;
    int32_t instruction;
    char name[NAME_BYTES];
};

static struct file files[FILE_SLOTS];
static struct site sites[SITE_SLOTS];
static char texts[TEXT_BYTES];
static uint32_t file_count, site_count, text_used = 1; /* text 0 is empty */
static atomic_flag adding = ATOMIC_FLAG_INIT;
static _Atomic uint32_t generation;

/* The places that this thread was at last: most calls come again and again from one, or sends and receives by
 * turns. */
struct recent {
    const hp_frame *top, *app;
    const PyCodeObject *top_code, *app_code;
    int top_instruction, app_instruction, depth;
    uint32_t site, generation;
};
static __thread struct recent recents[RECENTS] __attribute__((tls_model("initial-exec")));

void hp_sites_forget(void)
{
    atomic_fetch_add(&generation, 1);
}

void hp_sites_after_fork(void)
{
    atomic_flag_clear(&adding); /* of a thread that is not here; what it had not finished is not published */
}

static uint32_t now(void)
{
    return atomic_load_explicit(&generation, memory_order_relaxed);
}

static uint32_t spread(uint64_t key)
{
    key ^= key >> 33;
    key *= 0xff51afd7ed558ccdULL;
    return (uint32_t)(key >> 32);
}

static bool claim(void)
{
    return !atomic_flag_test_and_set_explicit(&adding, memory_order_acquire);
}

static void release(void)
{
    atomic_flag_clear_explicit(&adding, memory_order_release);
}

/* ---- text of strings, read in place ---- */

static size_t put_utf8(char *out, Py_UCS4 c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6) {
        out[i] = (char)(0x80 | (c & 0x3f));
    }
    out[0] = (char)(lead[n] | c);
    return n;
}

/* NUL-terminated; cut at a character. Bytes without the NUL. */
static size_t copy_text(const PyObject *text, char *out, size_t capacity)
{
    size_t n = 0;
    PyObject *string = (PyObject *)(uintptr_t)text;
    int kind = (int)PyUnicode_KIND(string);
    const void *data = PyUnicode_DATA(string);
    for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(string) && n + 5 < capacity; i++) {
        n += put_utf8(out + n, PyUnicode_READ(kind, data, i));
    }
    out[n] = '\0';
    return n;
}

/* ---- files ---- */

/* Offset of a copy; 0: no room. With the claim. */
static uint32_t keep_text(const char *text, size_t n)
{
    if (text_used + n + 1 > TEXT_BYTES) {
        return 0;
    }
    uint32_t at = text_used;
    memcpy(texts + at, text, n + 1);
    text_used += (uint32_t)n + 1;
    return at;
}

/* A relative name (python app.py) with the working folder before it. */
static size_t make_absolute(char *path, size_t n)
{
    char folder[PATH_BYTES];
    if (n == 0 || path[0] == '/' || path[0] == '<' || getcwd(folder, sizeof folder) == NULL) {
        return n;
    }
    size_t before = strlen(folder);
    if (before + 1 + n + 1 > PATH_BYTES) {
        return n;
    }
    memmove(path + before + 1, path, n + 1);
    memcpy(path, folder, before);
    path[before] = '/';
    return before + 1 + n;
}

static Py_hash_t hash_of(const PyObject *text)
{
    return ((const PyASCIIObject *)text)->hash;
}

static struct file *find_file(const PyObject *name, uint32_t *free_at)
{
    Py_hash_t hash = hash_of(name);
    for (uint32_t at = spread((uintptr_t)name) & (FILE_SLOTS - 1);; at = (at + 1) & (FILE_SLOTS - 1)) {
        const PyObject *there = atomic_load_explicit(&files[at].name, memory_order_acquire);
        if (there == NULL) {
            *free_at = at;
            return NULL;
        }
        if (there == name && files[at].hash == hash && files[at].generation == now()) {
            return &files[at];
        }
    }
}

/* What a file is; NULL: it cannot be told now. */
static struct file *file_of(const PyObject *name)
{
    uint32_t free_at = 0;
    struct file *file = find_file(name, &free_at);
    if (file != NULL) {
        return file;
    }
    char path[PATH_BYTES], shown[PATH_BYTES];
    size_t raw = copy_text(name, path, sizeof path), n = make_absolute(path, raw);
    int flags = hp_classify_unlocked(path, n, shown, sizeof shown);
    if (flags < 0 || !claim()) {
        return NULL;
    }
    file = find_file(name, &free_at);
    if (file == NULL && file_count < FILE_SLOTS / 4 * 3) {
        struct file fresh = {.hash = hash_of(name), .generation = now(), .flags = flags};
        fresh.shown = keep_text(shown, strlen(shown));
        fresh.path = keep_text(path, n);
        if (fresh.shown != 0 && fresh.path != 0) {
            file = &files[free_at];
            file->hash = fresh.hash;
            file->generation = fresh.generation;
            file->shown = fresh.shown;
            file->path = fresh.path;
            file->flags = flags;
            file_count++;
            atomic_store_explicit(&file->name, name, memory_order_release);
        }
    }
    release();
    return file;
}

/* ---- sites ---- */

static bool is_site(const struct site *site, const PyCodeObject *code, int32_t instruction)
{
    return site->instruction == instruction && site->filename == code->co_filename &&
           site->first_line == (uint32_t)code->co_firstlineno && site->generation == now();
}

static uint32_t find_site(const PyCodeObject *code, int32_t instruction, uint32_t *free_at)
{
    uint64_t key = (uintptr_t)code ^ (uint64_t)(uint32_t)instruction << 40;
    for (uint32_t at = spread(key) & (SITE_SLOTS - 1);; at = (at + 1) & (SITE_SLOTS - 1)) {
        const PyCodeObject *there = atomic_load_explicit(&sites[at].code, memory_order_acquire);
        if (there == NULL) {
            *free_at = at;
            return 0;
        }
        if (there == code && is_site(&sites[at], code, instruction)) {
            return at + 1;
        }
    }
}

/* Number of a place; 0: no room now. */
static uint32_t site_of(PyCodeObject *code, int32_t instruction, const struct file *file)
{
    uint32_t free_at = 0, found = find_site(code, instruction, &free_at);
    if (found != 0 || !claim()) {
        return found;
    }
    found = find_site(code, instruction, &free_at);
    if (found == 0 && site_count < SITE_SLOTS / 4 * 3) {
        struct site *site = &sites[free_at];
        site->filename = code->co_filename;
        site->cap = NULL;
        site->line = instruction == VIA ? 0 : hp_code_line(code, instruction);
        site->first_line = (uint32_t)code->co_firstlineno;
        site->file = (uint32_t)(file - files);
        site->generation = now();
        site->instruction = instruction;
        (void)copy_text(code->co_qualname, site->name, sizeof site->name);
        site_count++;
        atomic_store_explicit(&site->code, code, memory_order_release);
        found = free_at + 1;
    }
    release();
    return found;
}

static bool is_app_of(const struct recent *recent, const hp_frame *frame, PyCodeObject *code, int depth)
{
    return frame == recent->app && depth == recent->depth && code == recent->app_code &&
           hp_frame_lasti((hp_frame *)(uintptr_t)frame) == recent->app_instruction;
}

static bool is_top_of(const struct recent *recent, const hp_frame *top, const PyCodeObject *code,
                      int instruction)
{
    return top == recent->top && code == recent->top_code && instruction == recent->top_instruction &&
           recent->app != NULL && recent->generation == now();
}

/* Walk outwards to the nearest application frame; without one the outermost library stands for it. */
/* NOLINTNEXTLINE(misc-no-recursion): once, without same_top */
static uint32_t walk(struct recent *recent, hp_frame *top, bool same_top)
{
    PyCodeObject *via = NULL;
    const struct file *via_file = NULL;
    int depth = 0;
    for (hp_frame *frame = top; frame != NULL && depth < DEPTH_CAP; frame = hp_frame_caller(frame), depth++) {
        PyCodeObject *code = hp_frame_code(frame);
        if (same_top && is_app_of(recent, frame, code, depth)) {
            return recent->site;
        }
        if (hp_place_ends(code)) {
            break;
        }
        if (same_top && depth < recent->depth) {
            continue; /* as last time, if it turns out so */
        }
        if (same_top) {
            return walk(recent, top, false);
        }
        const struct file *file = file_of(code->co_filename);
        if (file == NULL) {
            continue;
        }
        if (file->flags & IS_APP) {
            recent->app = frame;
            recent->app_code = code;
            recent->app_instruction = hp_frame_lasti(frame);
            recent->depth = depth;
            return site_of(code, recent->app_instruction, file);
        }
        if (!(file->flags & (IS_OWN | IS_FRAMEWORK))) {
            via = code;
            via_file = file;
        }
    }
    if (same_top) {
        return walk(recent, top, false);
    }
    recent->app = NULL;
    return via != NULL ? site_of(via, VIA, via_file) : 0;
}

uint32_t hp_site_now(void *thread)
{
    hp_frame *top = hp_frame_current(thread);
    if (top == NULL) {
        return 0;
    }
    PyCodeObject *code = hp_frame_code(top);
    int instruction = hp_frame_lasti(top);
    struct recent *recent = &recents[0];
    bool same_top = is_top_of(recent, top, code, instruction);
    if (!same_top) {
        recent = &recents[1];
        same_top = is_top_of(recent, top, code, instruction);
    }
    if (!same_top) {
        recents[1] = recents[0];
        recent = &recents[0];
    }
    if (same_top && recent->depth == 0) {
        return recent->site; /* the top is the application's own frame */
    }
    recent->site = walk(recent, top, same_top);
    recent->top = top;
    recent->top_code = code;
    recent->top_instruction = instruction;
    recent->generation = now();
    return recent->site;
}

/* ---- with the GIL ---- */

static struct hp_span8 text_at(uint32_t offset)
{
    return (struct hp_span8){texts + offset, strlen(texts + offset)};
}

static uint32_t symbol_of(struct site *site)
{
    if (site->cap == hp_ext.cap) {
        return site->sym;
    }
    const struct file *file = &files[site->file];
    struct hp_span8 name = {site->name, strlen(site->name)};
    int flags = ((file->flags & IS_APP) ? HP_X_APP : 0) | ((file->flags & IS_FRAMEWORK) ? HP_X_FRAMEWORK : 0);
    int kind = (file->flags & IS_TEMPLATE) ? HP_X_SYM_TEMPLATE : HP_X_SYM_PYTHON;
    struct hp_span8 path = text_at(file->path);
    site->sym = hp_cap_symbol(hp_ext.cap, kind, flags, text_at(file->shown), name, path, site->first_line);
    site->cap = hp_ext.cap;
    if ((file->flags & IS_APP) && path.n != 0 && path.p[0] == '/') {
        hp_cap_source(hp_ext.cap, text_at(file->shown), path);
    }
    return site->sym;
}

struct hp_cap_place hp_site_place(uint32_t number)
{
    struct hp_cap_place place = {0, 0, 0};
    if (number == 0 || number > SITE_SLOTS) {
        return place;
    }
    struct site *site = &sites[number - 1];
    if (site->instruction == VIA) {
        place.via_sym = symbol_of(site);
        return hp_place_registered(place.via_sym);
    }
    place.site_sym = symbol_of(site);
    place.site_line = site->line;
    return place;
}
