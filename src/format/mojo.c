/* mojo.c -- see mojo.h. */
#include "format/mojo.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

#define NEWEST 4

enum event {
    EVENT_METADATA = 1,
    EVENT_STACK,
    EVENT_FRAME,
    EVENT_FRAME_INVALID,
    EVENT_FRAME_REF,
    EVENT_FRAME_KERNEL,
    EVENT_GC,
    EVENT_IDLE,
    EVENT_TIME,
    EVENT_MEMORY,
    EVENT_STRING,
    EVENT_STRING_REF,
    EVENT_STACK_REPEAT, /* from version 4 on */
    EVENT_TASK_STACK,
    EVENT_TASK_WAITER,
    EVENT_TASK_RUNNING
};

struct mojo {
    struct hp_str bytes;
    size_t at, event_at;
    uint64_t version;
    struct hp_profile *profile;
    struct hp_errinfo *info;
    hp_err err;
    struct hp_map strings, frames; /* hash of (pid, key) to string of the dictionary, to symbol */
    struct hp_map stacks;          /* a thread's symbol to the node of its stack in the sample before */
    uint64_t pid;
    bool open, by_memory;         /* a sample is being read; memory is what counts */
    uint32_t node, thread, stack; /* stack: the innermost node that is a frame of Python */
    uint64_t value;
};

static void fail(struct mojo *m, hp_err err, const char *why)
{
    if (m->err == HP_OK) {
        m->err = hp_err_set(m->info, err, err == HP_EFORMAT ? m->at : m->event_at, "%s", why);
    }
}

static void note(struct mojo *m, hp_err err)
{
    if (err != HP_OK) {
        fail(m, err, err == HP_EFULL ? "more frames or stacks than fit" : "out of memory");
    }
}

/* Six bits and the sign in the first byte, then seven a byte, the least first. Austin writes keys of frames
 * as 64 bits without a sign: they wrap. */
static int64_t read_int(struct mojo *m)
{
    uint64_t value = 0;
    bool negative = false, more = true;
    for (unsigned shift = 0; more && m->err == HP_OK; shift += shift == 0 ? 6 : 7) {
        if (m->at >= m->bytes.n) {
            fail(m, HP_EFORMAT, "the file ends too soon");
            return 0;
        }
        unsigned byte = (unsigned char)m->bytes.p[m->at++];
        more = (byte & 0x80) != 0;
        negative = shift == 0 ? (byte & 0x40) != 0 : negative;
        uint64_t bits = shift == 0 ? byte & 0x3F : byte & 0x7F;
        if (shift > 57 && (shift > 62 || bits >> (64 - shift) != 0)) {
            fail(m, HP_EFORMAT, "a number of more than 64 bits");
            return 0;
        }
        value |= bits << shift;
    }
    return (int64_t)(negative ? 0 - value : value);
}

static struct hp_str read_text(struct mojo *m)
{
    struct hp_str rest = hp_str_make(m->bytes.p + m->at, m->bytes.n - m->at);
    size_t n = m->err != HP_OK ? rest.n : hp_str_find_char(rest, '\0');
    if (n == rest.n) {
        m->at = m->err == HP_OK ? m->bytes.n : m->at;
        fail(m, HP_EFORMAT, "the file ends too soon");
        return HP_STR("");
    }
    m->at += n + 1;
    return hp_str_make(rest.p, n);
}

static uint64_t key_of(const struct mojo *m, int64_t key)
{
    return hp_hash_mix(m->pid, (uint64_t)key);
}

static struct hp_str string_of(struct mojo *m, int64_t key)
{
    uint32_t id = 0;
    if (key == 1) {
        return HP_STR("<unknown>");
    }
    if (m->err == HP_OK && !hp_map_get(&m->strings, key_of(m, key), &id)) {
        fail(m, HP_EFORMAT, "a string that was not defined");
    }
    return m->err != HP_OK ? HP_STR("") : hp_dict_string(m->profile->dict, id);
}

/* ---- samples ---- */

static void end_sample(struct mojo *m)
{
    if (m->open && m->err == HP_OK) {
        note(m, hp_profile_add(m->profile, m->node, m->value, true));
        note(m, m->err != HP_OK ? m->err : hp_map_put(&m->stacks, m->thread, m->stack));
    }
    m->open = false;
}

static void push(struct mojo *m, uint32_t sym)
{
    if (!m->open) {
        fail(m, HP_EFORMAT, "a frame of no sample");
    } else if (m->err == HP_OK) {
        note(m, hp_profile_child(m->profile, m->node, sym, &m->node));
    }
}

static void push_name(struct mojo *m, struct hp_str file, struct hp_str name)
{
    uint32_t sym = 0;
    if (m->err == HP_OK) {
        note(m, hp_profile_symbol(m->profile, file, name, 0, &sym));
        push(m, sym);
    }
}

static void read_stack(struct mojo *m)
{
    char name[160];
    uint32_t sym = 0;
    end_sample(m);
    m->pid = (uint64_t)read_int(m);
    int64_t interpreter = m->version >= 3 ? read_int(m) : 0;
    struct hp_str thread = read_text(m);
    int n = snprintf(name, sizeof name, "P%" PRIu64 " T%" PRId64 ":%.*s", m->pid,
                     interpreter < 0 ? 0 : interpreter, (int)(thread.n < 100 ? thread.n : 100), thread.p);
    if (m->err == HP_OK) {
        m->open = true;
        m->node = HP_NODE_ROOT;
        m->value = 0;
        note(m, hp_profile_thread(m->profile, hp_str_make(name, (size_t)n), &sym));
        push(m, sym);
        m->thread = sym;
        m->stack = m->node;
    }
}

/* The thread's stack is that of its sample before; what no Python is comes behind it. */
static void repeat_stack(struct mojo *m)
{
    if (!m->open || !hp_map_get(&m->stacks, m->thread, &m->stack)) {
        fail(m, HP_EFORMAT, "a repeated stack of a thread that had none");
        return;
    }
    m->node = m->stack;
}

static void read_frame(struct mojo *m)
{
    uint32_t sym = 0;
    int64_t key = read_int(m);
    struct hp_str file = string_of(m, read_int(m));
    struct hp_str name = string_of(m, read_int(m));
    int64_t line = read_int(m);
    for (int i = 0; m->version >= 2 && i < 3; i++) {
        (void)read_int(m); /* end of line, columns */
    }
    if (m->err == HP_OK) {
        note(m, hp_profile_symbol(m->profile, file, name, line > 0 && line <= UINT32_MAX ? (uint32_t)line : 0,
                                  &sym));
        note(m, m->err != HP_OK ? m->err : hp_map_put(&m->frames, key_of(m, key), sym));
    }
}

static void read_metric(struct mojo *m, bool memory)
{
    int64_t value = read_int(m);
    if (memory != m->by_memory) {
        return;
    }
    m->profile->clamped += value < 0;
    uint64_t scale = memory ? 1 : 1000, amount = value < 0 ? 0 : (uint64_t)value;
    m->value = amount <= UINT64_MAX / scale ? amount * scale : UINT64_MAX;
}

static void read_metadata(struct mojo *m)
{
    struct hp_str key = read_text(m);
    struct hp_str value = read_text(m);
    if (m->err == HP_OK && hp_str_eq(key, HP_STR("mode")) && hp_str_eq(value, HP_STR("memory"))) {
        m->by_memory = true;
        m->profile->unit = HP_UNIT_BYTES;
    }
}

static void read_string(struct mojo *m)
{
    uint32_t id = 0;
    int64_t key = read_int(m);
    struct hp_str text = read_text(m);
    if (m->err == HP_OK) {
        note(m, hp_dict_add_string(m->profile->dict, text, &id));
        note(m, m->err != HP_OK ? m->err : hp_map_put(&m->strings, key_of(m, key), id));
    }
}

/* Of the frames at the end of a stack, those of no Python are written again for a repeated one. */
static bool is_python(const struct mojo *m, uint32_t sym)
{
    struct hp_str file = hp_dict_symbol(m->profile->dict, sym).file;
    return hp_str_ends(file, HP_STR(".py")) ||
           (hp_str_starts(file, HP_STR("<")) && hp_str_ends(file, HP_STR(">")));
}

static void read_reference(struct mojo *m)
{
    uint32_t sym = 0;
    int64_t key = read_int(m);
    if (m->err == HP_OK && !hp_map_get(&m->frames, key_of(m, key), &sym)) {
        fail(m, HP_EFORMAT, "a frame that was not defined");
    }
    push(m, sym);
    if (m->err == HP_OK && is_python(m, sym)) {
        m->stack = m->node;
    }
}

static void read_event(struct mojo *m)
{
    m->event_at = m->at;
    switch ((enum event)(unsigned char)m->bytes.p[m->at++]) {
    case EVENT_METADATA:
        read_metadata(m);
        return;
    case EVENT_STACK:
        read_stack(m);
        return;
    case EVENT_FRAME:
        read_frame(m);
        return;
    case EVENT_FRAME_INVALID: /* one that could not be read: its time is that of the frames that could */
        return;
    case EVENT_FRAME_REF:
        read_reference(m);
        return;
    case EVENT_FRAME_KERNEL:
        push_name(m, HP_STR("kernel"), read_text(m));
        return;
    case EVENT_GC:
        push_name(m, HP_STR(""), HP_STR(":GC:"));
        return;
    case EVENT_IDLE:
        return;
    case EVENT_TIME:
    case EVENT_MEMORY:
        read_metric(m, m->bytes.p[m->event_at] == EVENT_MEMORY);
        return;
    case EVENT_STRING:
        read_string(m);
        return;
    case EVENT_STRING_REF:
        (void)read_int(m);
        return;
    case EVENT_STACK_REPEAT:
        repeat_stack(m);
        return;
    case EVENT_TASK_STACK: /* part of a thread's time is told by tasks only: without them figures would
                              mislead */
    case EVENT_TASK_WAITER:
    case EVENT_TASK_RUNNING:
        fail(m, HP_EUNSUPPORTED, "tasks of asyncio are not read");
        return;
    }
    m->at--;
    fail(m, HP_EFORMAT, "an event of an unknown kind");
}

bool hp_mojo_is(struct hp_str bytes)
{
    return hp_str_starts(bytes, HP_STR("MOJ"));
}

hp_err hp_mojo_read(const struct hp_profile_source *source, struct hp_profile **profile,
                    struct hp_errinfo *info)
{
    struct mojo m = {.bytes = source->bytes, .info = info, .at = source->bytes.n < 3 ? source->bytes.n : 3};
    m.profile = hp_profile_new(HP_PROFILE_TREE, source->budget_bytes);
    if (m.profile == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory");
    }
    hp_map_init(&m.strings, source->budget_bytes / 4 / 64);
    hp_map_init(&m.frames, source->budget_bytes / 4 / 64);
    hp_map_init(&m.stacks, source->budget_bytes / 4 / 64);
    m.version = (uint64_t)read_int(&m);
    if (m.err == HP_OK && (m.version == 0 || m.version > NEWEST)) {
        fail(&m, HP_EVERSION, "a version of MOJO that is not known");
    }
    while (m.err == HP_OK && m.at < m.bytes.n) {
        read_event(&m);
    }
    end_sample(&m);
    note(&m, m.err != HP_OK ? m.err : hp_profile_finish(m.profile));
    m.profile->ordered = m.profile->samples_dropped == 0;
    m.profile->sampled = true;
    hp_map_fini(&m.strings);
    hp_map_fini(&m.frames);
    hp_map_fini(&m.stacks);
    if (m.err != HP_OK) {
        hp_profile_free(m.profile);
        return m.err;
    }
    *profile = m.profile;
    return HP_OK;
}
