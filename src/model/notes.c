/* notes.c -- the lists of notes.h as bytes and back; the byte table is docs/formats/record.md. */
#include "model/notes.h"

#include <string.h>

#include "model/record.h"

/* ---- writing ---- */

static void put_times(struct hp_buf *out, uint64_t t0_ns, uint64_t t1_ns)
{
    hp_buf_put_varint(out, t0_ns);
    hp_buf_put_svarint(out, (int64_t)(t1_ns - t0_ns));
}

static void put_index(struct hp_buf *out, uint32_t index)
{
    hp_buf_put_varint(out, (uint32_t)(index + 1));
}

static void put_gc(struct hp_buf *out, const struct hp_gc *gc)
{
    put_times(out, gc->t0_ns, gc->t1_ns);
    hp_buf_put_varint(out, gc->collected);
    hp_buf_put_varint(out, gc->uncollectable);
    hp_buf_put_varint(out, gc->lane);
    put_index(out, gc->node);
    hp_buf_put_u8(out, gc->generation);
}

static void put_template(struct hp_buf *out, const struct hp_template *template)
{
    hp_buf_put_varint(out, template->t0_ns);
    hp_buf_put_varint(out, template->total_ns);
    hp_buf_put_varint(out, template->self_ns);
    hp_buf_put_varint(out, template->count);
    put_index(out, template->parent);
    hp_buf_put_varint(out, template->lane);
    hp_buf_put_varint(out, template->sym);
    hp_buf_put_varint(out, template->name);
    hp_buf_put_varint(out, template->site_sym);
    hp_buf_put_varint(out, template->site_line);
    hp_buf_put_u8(out, template->kind);
}

static void put_log(struct hp_buf *out, const struct hp_log *log)
{
    hp_buf_put_varint(out, log->t0_ns);
    hp_buf_put_varint(out, log->count);
    hp_buf_put_varint(out, log->total_ns);
    hp_buf_put_varint(out, log->lane);
    hp_buf_put_varint(out, log->logger);
    hp_buf_put_varint(out, log->message);
    hp_buf_put_varint(out, log->level);
    hp_buf_put_varint(out, log->site_sym);
    hp_buf_put_varint(out, log->site_line);
}

static void put_exception(struct hp_buf *out, const struct hp_exception *exception)
{
    hp_buf_put_varint(out, exception->t0_ns);
    hp_buf_put_u64le(out, exception->group);
    hp_buf_put_varint(out, exception->count);
    hp_buf_put_varint(out, exception->lane);
    hp_buf_put_varint(out, exception->type);
    hp_buf_put_varint(out, exception->text);
    hp_buf_put_u8(out, exception->end);
    hp_buf_put_varint(out, exception->frame_count);
    for (uint32_t i = 0; i < exception->frame_count; i++) {
        hp_buf_put_varint(out, exception->frames[i].sym);
        hp_buf_put_varint(out, exception->frames[i].line);
    }
}

static void put_fact(struct hp_buf *out, const struct hp_fact *fact)
{
    hp_buf_put_varint(out, fact->key);
    hp_buf_put_varint(out, fact->value);
    hp_buf_put_u8(out, fact->kind);
}

void hp_notes_put(const struct hp_notes *notes, enum hp_note which, struct hp_buf *out)
{
    hp_buf_put_varint(out, notes->count[which]);
    for (uint32_t i = 0; i < notes->count[which]; i++) {
        switch (which) {
        case HP_NOTE_GC:
            put_gc(out, &notes->gcs[i]);
            break;
        case HP_NOTE_TEMPLATE:
            put_template(out, &notes->templates[i]);
            break;
        case HP_NOTE_LOG:
            put_log(out, &notes->logs[i]);
            break;
        case HP_NOTE_EXCEPTION:
            put_exception(out, &notes->exceptions[i]);
            break;
        case HP_NOTE_FACT:
            put_fact(out, &notes->facts[i]);
            break;
        case HP_NOTE_COUNT:
            break;
        }
    }
}

/* ---- reading ---- */

static uint32_t get_u32(struct hp_reader *in)
{
    uint64_t value = hp_reader_varint(in);
    in->bad = in->bad || value > UINT32_MAX;
    return (uint32_t)value;
}

static uint64_t get_end(struct hp_reader *in, uint64_t t0_ns)
{
    return t0_ns + (uint64_t)hp_reader_svarint(in);
}

static void get_gc(struct hp_reader *in, struct hp_gc *gc)
{
    gc->t0_ns = hp_reader_varint(in);
    gc->t1_ns = get_end(in, gc->t0_ns);
    gc->collected = hp_reader_varint(in);
    gc->uncollectable = hp_reader_varint(in);
    gc->lane = get_u32(in);
    gc->node = get_u32(in) - 1;
    gc->generation = hp_reader_u8(in);
}

static void get_template(struct hp_reader *in, struct hp_template *template)
{
    template->t0_ns = hp_reader_varint(in);
    template->total_ns = hp_reader_varint(in);
    template->self_ns = hp_reader_varint(in);
    template->count = hp_reader_varint(in);
    template->parent = get_u32(in) - 1;
    template->lane = get_u32(in);
    template->sym = get_u32(in);
    template->name = get_u32(in);
    template->site_sym = get_u32(in);
    template->site_line = get_u32(in);
    template->kind = hp_reader_u8(in);
}

static void get_log(struct hp_reader *in, struct hp_log *log)
{
    log->t0_ns = hp_reader_varint(in);
    log->count = hp_reader_varint(in);
    log->total_ns = hp_reader_varint(in);
    log->lane = get_u32(in);
    log->logger = get_u32(in);
    log->message = get_u32(in);
    log->level = get_u32(in);
    log->site_sym = get_u32(in);
    log->site_line = get_u32(in);
}

static hp_err get_exception(struct hp_reader *in, struct hp_arena *arena, struct hp_exception *exception)
{
    exception->t0_ns = hp_reader_varint(in);
    exception->group = hp_reader_u64le(in);
    exception->count = hp_reader_varint(in);
    exception->lane = get_u32(in);
    exception->type = get_u32(in);
    exception->text = get_u32(in);
    exception->end = hp_reader_u8(in);
    uint32_t count = get_u32(in);
    if (in->bad || count > hp_reader_left(in) / 2) {
        return HP_EFORMAT;
    }
    struct hp_frame *frames = hp_arena_alloc(arena, count * sizeof *frames, _Alignof(struct hp_frame));
    if (frames == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        frames[i].sym = get_u32(in);
        frames[i].line = get_u32(in);
    }
    exception->frames = frames;
    exception->frame_count = count;
    return HP_OK;
}

static void get_fact(struct hp_reader *in, struct hp_fact *fact)
{
    fact->key = get_u32(in);
    fact->value = get_u32(in);
    fact->kind = hp_reader_u8(in);
}

/* Size in memory, and the least that one takes as bytes. */
static const struct {
    size_t size, least;
} elements[HP_NOTE_COUNT] = {
    [HP_NOTE_GC] = {sizeof(struct hp_gc), 7},     [HP_NOTE_TEMPLATE] = {sizeof(struct hp_template), 11},
    [HP_NOTE_LOG] = {sizeof(struct hp_log), 9},   [HP_NOTE_EXCEPTION] = {sizeof(struct hp_exception), 15},
    [HP_NOTE_FACT] = {sizeof(struct hp_fact), 3},
};

static hp_err get_one(struct hp_notes *notes, enum hp_note which, uint32_t i, struct hp_reader *in,
                      struct hp_arena *arena)
{
    switch (which) {
    case HP_NOTE_GC:
        get_gc(in, &notes->gcs[i]);
        break;
    case HP_NOTE_TEMPLATE:
        get_template(in, &notes->templates[i]);
        break;
    case HP_NOTE_LOG:
        get_log(in, &notes->logs[i]);
        break;
    case HP_NOTE_EXCEPTION:
        return get_exception(in, arena, &notes->exceptions[i]);
    case HP_NOTE_FACT:
        get_fact(in, &notes->facts[i]);
        break;
    case HP_NOTE_COUNT:
        break;
    }
    return in->bad ? HP_EFORMAT : HP_OK;
}

static void set_list(struct hp_notes *notes, enum hp_note which, void *list)
{
    switch (which) {
    case HP_NOTE_GC:
        notes->gcs = list;
        break;
    case HP_NOTE_TEMPLATE:
        notes->templates = list;
        break;
    case HP_NOTE_LOG:
        notes->logs = list;
        break;
    case HP_NOTE_EXCEPTION:
        notes->exceptions = list;
        break;
    case HP_NOTE_FACT:
        notes->facts = list;
        break;
    case HP_NOTE_COUNT:
        break;
    }
}

hp_err hp_notes_get(struct hp_notes *notes, enum hp_note which, struct hp_reader *in, struct hp_arena *arena)
{
    uint64_t n = hp_reader_varint(in);
    if (in->bad || n > hp_reader_left(in) / elements[which].least) {
        return HP_EFORMAT;
    }
    void *list = hp_arena_alloc(arena, (size_t)n * elements[which].size, _Alignof(uint64_t));
    if (list == NULL) {
        return HP_ENOMEM;
    }
    memset(list, 0, (size_t)n * elements[which].size);
    set_list(notes, which, list);
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < n && err == HP_OK; i++) {
        err = get_one(notes, which, i, in, arena);
    }
    notes->count[which] = err == HP_OK ? (uint32_t)n : 0;
    return err;
}

void hp_notes_sanitise(struct hp_notes *notes, uint32_t lane_count)
{
    for (uint32_t i = 0; i < notes->count[HP_NOTE_GC]; i++) {
        notes->gcs[i].lane = notes->gcs[i].lane < lane_count ? notes->gcs[i].lane : 0;
    }
    for (uint32_t i = 0; i < notes->count[HP_NOTE_TEMPLATE]; i++) {
        struct hp_template *template = &notes->templates[i];
        template->lane = template->lane < lane_count ? template->lane : 0;
        template->parent = template->parent < i ? template->parent : HP_NODE_NONE;
    }
    for (uint32_t i = 0; i < notes->count[HP_NOTE_LOG]; i++) {
        notes->logs[i].lane = notes->logs[i].lane < lane_count ? notes->logs[i].lane : 0;
    }
    for (uint32_t i = 0; i < notes->count[HP_NOTE_EXCEPTION]; i++) {
        struct hp_exception *exception = &notes->exceptions[i];
        exception->lane = exception->lane < lane_count ? exception->lane : 0;
    }
}

/* ---- ids ---- */

static void map_id(uint32_t (*map)(void *, uint32_t), void *ctx, uint32_t *id)
{
    if (map != NULL && *id != 0) {
        *id = map(ctx, *id);
    }
}

static void map_frames(const struct hp_exception *exception, const struct hp_id_maps *maps)
{
    for (uint32_t i = 0; i < exception->frame_count; i++) {
        map_id(maps->symbol, maps->ctx, &exception->frames[i].sym);
    }
}

void hp_notes_map(struct hp_notes *notes, const struct hp_id_maps *maps)
{
    for (uint32_t i = 0; i < notes->count[HP_NOTE_TEMPLATE]; i++) {
        map_id(maps->symbol, maps->ctx, &notes->templates[i].sym);
        map_id(maps->string, maps->ctx, &notes->templates[i].name);
        map_id(maps->symbol, maps->ctx, &notes->templates[i].site_sym);
    }
    for (uint32_t i = 0; i < notes->count[HP_NOTE_LOG]; i++) {
        map_id(maps->string, maps->ctx, &notes->logs[i].logger);
        map_id(maps->string, maps->ctx, &notes->logs[i].message);
        map_id(maps->symbol, maps->ctx, &notes->logs[i].site_sym);
    }
    for (uint32_t i = 0; i < notes->count[HP_NOTE_EXCEPTION]; i++) {
        map_id(maps->string, maps->ctx, &notes->exceptions[i].type);
        map_id(maps->string, maps->ctx, &notes->exceptions[i].text);
        map_frames(&notes->exceptions[i], maps);
    }
    for (uint32_t i = 0; i < notes->count[HP_NOTE_FACT]; i++) {
        map_id(maps->string, maps->ctx, &notes->facts[i].key);
        map_id(maps->string, maps->ctx, &notes->facts[i].value);
    }
}
