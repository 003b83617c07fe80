/* record.c -- a request record as bytes and back. The byte table is docs/formats/record.md; it comes first.
 *
 *     length u32 | magic | version | section (tag varint, length varint, bytes) …
 *
 * A section's length is written as one byte and the few sections that turn out longer than 127 bytes are
 * moved up: cheaper than measuring every one beforehand. Numbers that may be absent are stored plus one, so
 * that HP_ABSENT (all ones) becomes the byte 0; HP_NODE_NONE likewise.
 *
 * Decoding trusts nothing: counts are bounded by the bytes that are left, and indices of lanes that point
 * nowhere become 0 or HP_NODE_NONE, so that readers may use them unchecked.
 */
#include "model/record.h"

#include <string.h>

#include "model/record_fields.h"

bool hp_record_kept_bytes(const struct hp_request *req, double *bytes)
{
    if (req->alloc_blocks == HP_ABSENT || req->alloc_bytes == HP_ABSENT || req->alloc_blocks == 0) {
        return false;
    }
    *bytes = (double)req->kept_blocks * (double)req->alloc_bytes / (double)req->alloc_blocks;
    return true;
}

const char *hp_record_wait_name(uint8_t kind)
{
    static const char *const names[HP_WAIT_KINDS] = {"dns",  "connect",    "tls",   "send",  "recv",
                                                     "poll", "sleep",      "lock",  "gil",   "disk",
                                                     "db",   "subprocess", "queue", "await", "loop"};
    return kind < HP_WAIT_KINDS ? names[kind] : "unknown";
}

uint8_t hp_record_call_kind(const struct hp_record *record, uint32_t span)
{
    const struct hp_span *own = &record->spans[span], *last = NULL;
    if (own->kind != HP_WAIT_AWAIT || own->group == 0) {
        return own->kind;
    }
    for (uint32_t i = 0; i < record->span_count; i++) {
        const struct hp_span *other = &record->spans[i];
        bool is_before =
            other->group == own->group && other->kind != HP_WAIT_AWAIT && other->t0_ns <= own->t1_ns;
        last = is_before && (last == NULL || other->t0_ns >= last->t0_ns) ? other : last;
    }
    /* What was sent is answered by somebody whom nobody saw reading: a loop of another thread. */
    return last == NULL ? own->kind : last->kind == HP_WAIT_SEND ? HP_WAIT_RECV : last->kind;
}

#define MAGIC   0xC8
#define VERSION 1

enum section {
    SECTION_REQUEST = 1,
    SECTION_EXTRA = 2,
    SECTION_LANES = 3,
    SECTION_EDGES = 4,
    SECTION_SPANS = 5,
    SECTION_WAITS = 6,
    SECTION_STMTS = 7,
    SECTION_GROUPS = 8,
    SECTION_SHAPE = 9,
    SECTION_VALUES = 10,
    SECTION_SPAN_MORE = 11, /* what later versions know of the elements of SPANS, WAITS, LANES */
    SECTION_WAIT_MORE = 12,
    SECTION_LANE_MORE = 13,
    SECTION_HOLDERS = 14,
    SECTION_STEPS = 15,
    SECTION_NOTES = 16, /* one for each enum hp_note */
    SECTION_LAST = SECTION_NOTES + HP_NOTE_COUNT - 1
};
_Static_assert(SECTION_LAST < 32, "decoding keeps the tags seen in 32 bits");

/* ---- sections ---- */

/* Begin a section; returns where its content starts. */
static size_t section_begin(struct hp_buf *out, enum section tag)
{
    if (hp_buf_reserve(out, 2)) {
        out->data[out->len] = (uint8_t)tag;
        out->data[out->len + 1] = 0;
        out->len += 2;
    }
    return out->len;
}

/* The few that are longer than a byte can say. */
static void long_section_end(struct hp_buf *out, size_t start, size_t n)
{
    uint8_t length[HP_VARINT_MAX_BYTES];
    size_t more = (size_t)(hp__put(length, n) - length) - 1;
    if (!hp_buf_reserve(out, more)) {
        return;
    }
    memmove(out->data + start + more, out->data + start, n);
    out->len += more;
    memcpy(out->data + start - 1, length, more + 1);
}

static inline void section_end(struct hp_buf *out, size_t start)
{
    size_t n = out->len - start;
    if (out->err != HP_OK || out->data == NULL) {
        return;
    }
    if (n < 0x80) {
        out->data[start - 1] = (uint8_t)n;
    } else {
        long_section_end(out, start, n);
    }
}

static void put_bytes_section(struct hp_buf *out, enum section tag, struct hp_str bytes)
{
    if (bytes.n != 0) {
        hp_buf_put_u8(out, (uint8_t)tag);
        hp_buf_put_str(out, bytes);
    }
}

/* ---- lists ---- */

/* Begin a list's section with its count. */
static size_t list_begin(struct hp_buf *out, enum section tag, uint32_t count)
{
    uint8_t *p = hp__record_room(out);
    if (p == NULL) {
        return out->len;
    }
    *p++ = (uint8_t)tag;
    *p++ = 0;
    hp__record_wrote(out, hp__put(p, count));
    return (size_t)(p - out->data);
}

/* One list of the record: the section, each element in its own room. */
#define PUT_LIST(out, tag, record, name, how)                                                                \
    do {                                                                                                     \
        if ((record)->name##_count != 0) {                                                                   \
            size_t start_ = list_begin((out), (tag), (record)->name##_count);                                \
            for (uint32_t i_ = 0; i_ < (record)->name##_count; i_++) {                                       \
                uint8_t *p_ = hp__record_room(out);                                                          \
                if (p_ == NULL) {                                                                            \
                    break;                                                                                   \
                }                                                                                            \
                hp__record_wrote((out), hp__put_##how(p_, &(record)->name##s[i_]));                          \
            }                                                                                                \
            section_end((out), start_);                                                                      \
        }                                                                                                    \
    } while (0)

static void put_stmts(struct hp_buf *out, const struct hp_record *record)
{
    if (record->stmt_count == 0) {
        return;
    }
    size_t start = list_begin(out, SECTION_STMTS, record->stmt_count);
    const struct hp_stmt *prev = &hp__record_first_stmt;
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        uint8_t *p = hp__record_room(out);
        if (p == NULL) {
            break;
        }
        hp__record_wrote(out, hp__put_stmt(p, &record->stmts[i], prev));
        prev = &record->stmts[i];
    }
    section_end(out, start);
}

static bool has_span_more(const struct hp_record *record)
{
    for (uint32_t i = 0; i < record->span_count; i++) {
        const struct hp_span *span = &record->spans[i];
        if ((span->site_sym | span->site_line | span->via_sym | span->protocol) != 0) {
            return true;
        }
    }
    return false;
}

static bool has_wait_more(const struct hp_record *record)
{
    for (uint32_t i = 0; i < record->wait_count; i++) {
        const struct hp_wait *wait = &record->waits[i];
        if ((wait->lane | wait->site_sym | wait->site_line | wait->via_sym | wait->max_ns) != 0) {
            return true;
        }
    }
    return false;
}

static bool has_lane_more(const struct hp_record *record)
{
    for (uint32_t i = 0; i < record->lane_count; i++) {
        const struct hp_lane *lane = &record->lanes[i];
        if (lane->runqueue_ns != HP_ABSENT || lane->wait_busy_ns != HP_ABSENT || lane->lost_spans != 0) {
            return true;
        }
    }
    return false;
}

static size_t record_begin(struct hp_buf *out)
{
    static const uint8_t head[] = {0, 0, 0, 0, MAGIC, VERSION}; /* the length comes last */
    size_t start = out->len;
    hp_buf_put(out, head, sizeof head);
    return start;
}

static void put_notes(struct hp_buf *out, const struct hp_notes *notes)
{
    for (int i = 0; i < HP_NOTE_COUNT; i++) {
        if (notes->count[i] != 0) {
            size_t start = section_begin(out, (enum section)(SECTION_NOTES + i));
            hp_notes_put(notes, (enum hp_note)i, out);
            section_end(out, start);
        }
    }
}

static void put_request(struct hp_buf *out, const struct hp_request *req)
{
    size_t start = section_begin(out, SECTION_REQUEST);
    uint8_t *p = hp__record_room(out);
    if (p != NULL) {
        hp__record_wrote(out, hp__put_request(p, req));
        section_end(out, start);
    }
}

static void put_detail(struct hp_buf *out, const struct hp_record *record)
{
    size_t start = section_begin(out, SECTION_EXTRA);
    uint8_t *p = hp__record_room(out);
    if (p != NULL) {
        hp__record_wrote(out, hp__put_extra(p, &record->req));
        section_end(out, start);
    }
    PUT_LIST(out, SECTION_LANES, record, lane, lane);
    PUT_LIST(out, SECTION_EDGES, record, edge, edge);
    PUT_LIST(out, SECTION_SPANS, record, span, span);
    PUT_LIST(out, SECTION_WAITS, record, wait, wait);
    put_stmts(out, record);
    PUT_LIST(out, SECTION_GROUPS, record, group, group);
    if (has_span_more(record)) {
        PUT_LIST(out, SECTION_SPAN_MORE, record, span, span_more);
    }
    if (has_wait_more(record)) {
        PUT_LIST(out, SECTION_WAIT_MORE, record, wait, wait_more);
    }
    if (has_lane_more(record)) {
        PUT_LIST(out, SECTION_LANE_MORE, record, lane, lane_more);
    }
    PUT_LIST(out, SECTION_HOLDERS, record, holder, holder);
    PUT_LIST(out, SECTION_STEPS, record, step, step);
    put_notes(out, &record->notes);
}

static hp_err record_end(struct hp_buf *out, size_t start)
{
    if (out->err == HP_OK && out->len - start - 4 > UINT32_MAX) {
        out->err = HP_EFULL;
    }
    if (out->err != HP_OK) {
        /* Half a record is none. */
        out->len = start;
        return out->err;
    }
    hp_buf_patch_u32le(out, start, (uint32_t)(out->len - start - 4));
    return HP_OK;
}

hp_err hp_record_encode(const struct hp_record *record, struct hp_buf *out)
{
    size_t start = record_begin(out);
    put_request(out, &record->req);
    put_detail(out, record);
    put_bytes_section(out, SECTION_SHAPE, record->shape);
    put_bytes_section(out, SECTION_VALUES, record->values);
    return record_end(out, start);
}

hp_err hp_record_encode_detail(const struct hp_record *record, struct hp_buf *out)
{
    size_t start = record_begin(out);
    put_detail(out, record);
    return record_end(out, start);
}

/* ---- decoding ---- */

/* Memory for the elements of a list, each of `least` bytes at least. NULL: bad count (the reader is bad) or
 * no memory. */
static void *get_list(struct hp_reader *in, struct hp_arena *arena, size_t size, size_t least,
                      uint32_t *count)
{
    uint64_t n = hp_reader_varint(in);
    if (n > hp_reader_left(in) / least) {
        in->bad = true;
        return NULL;
    }
    *count = (uint32_t)n;
    return hp_arena_alloc(arena, (size_t)n * size, _Alignof(uint64_t));
}

#define GET_LIST(in, arena, record, name, least)                                                             \
    do {                                                                                                     \
        uint32_t count_ = 0;                                                                                 \
        (record)->name##s = get_list((in), (arena), sizeof *(record)->name##s, (least), &count_);            \
        if ((record)->name##s == NULL) {                                                                     \
            return (in)->bad ? HP_EFORMAT : HP_ENOMEM;                                                       \
        }                                                                                                    \
        memset((record)->name##s, 0, count_ * sizeof *(record)->name##s);                                    \
        for (uint32_t i_ = 0; i_ < count_ && !(in)->bad; i_++) {                                             \
            hp__get_##name((in), &(record)->name##s[i_]);                                                    \
        }                                                                                                    \
        (record)->name##_count = count_;                                                                     \
    } while (0)

/* A section that goes on where the elements of another ended; elements without a counterpart stay as they
 * are. */
#define GET_MORE(in, record, name)                                                                           \
    do {                                                                                                     \
        uint64_t count_ = hp_reader_varint(in);                                                              \
        for (uint64_t i_ = 0; i_ < count_ && i_ < (record)->name##_count && !(in)->bad; i_++) {              \
            hp__get_##name##_more((in), &(record)->name##s[i_]);                                             \
        }                                                                                                    \
    } while (0)

static hp_err get_stmts(struct hp_reader *in, struct hp_arena *arena, struct hp_record *record)
{
    uint32_t count = 0;
    record->stmts = get_list(in, arena, sizeof *record->stmts, 4, &count);
    if (record->stmts == NULL) {
        return in->bad ? HP_EFORMAT : HP_ENOMEM;
    }
    memset(record->stmts, 0, count * sizeof *record->stmts);
    const struct hp_stmt *prev = &hp__record_first_stmt;
    for (uint32_t i = 0; i < count && !in->bad; i++) {
        hp__get_stmt(in, &record->stmts[i], prev);
        prev = &record->stmts[i];
    }
    record->stmt_count = count;
    return HP_OK;
}

static struct hp_str rest_of(const struct hp_reader *in)
{
    return hp_str_make((const char *)in->p, hp_reader_left(in));
}

static hp_err get_section(uint64_t tag, struct hp_reader *in, struct hp_arena *arena,
                          struct hp_record *record, bool detail)
{
    switch (tag) {
    case SECTION_REQUEST:
        if (!detail) {
            hp__get_request(in, &record->req);
        }
        break;
    case SECTION_EXTRA:
        hp__get_extra(in, &record->req);
        break;
    case SECTION_LANES:
        GET_LIST(in, arena, record, lane, 13);
        break;
    case SECTION_EDGES:
        GET_LIST(in, arena, record, edge, 8);
        break;
    case SECTION_SPANS:
        GET_LIST(in, arena, record, span, 10);
        break;
    case SECTION_WAITS:
        GET_LIST(in, arena, record, wait, 6);
        break;
    case SECTION_HOLDERS:
        GET_LIST(in, arena, record, holder, 17);
        break;
    case SECTION_STEPS:
        GET_LIST(in, arena, record, step, 8);
        break;
    case SECTION_SPAN_MORE:
        GET_MORE(in, record, span);
        break;
    case SECTION_WAIT_MORE:
        GET_MORE(in, record, wait);
        break;
    case SECTION_LANE_MORE:
        GET_MORE(in, record, lane);
        break;
    case SECTION_STMTS:
        return get_stmts(in, arena, record);
    case SECTION_GROUPS:
        GET_LIST(in, arena, record, group, 10);
        break;
    case SECTION_SHAPE:
        record->shape = rest_of(in);
        break;
    case SECTION_VALUES:
        record->values = rest_of(in);
        break;
    default:
        if (tag >= SECTION_NOTES && tag < SECTION_NOTES + HP_NOTE_COUNT) {
            return hp_notes_get(&record->notes, (enum hp_note)(tag - SECTION_NOTES), in, arena);
        }
        break; /* of a newer version */
    }
    return HP_OK;
}

/* Indices of lanes that readers may trust: a lane that was dropped while capturing shows up as none or as the
 * main one. */
static void sanitise(struct hp_record *record)
{
    uint32_t count = record->lane_count;
    for (uint32_t i = 0; i < count; i++) {
        record->lanes[i].parent = record->lanes[i].parent < i ? record->lanes[i].parent : 0;
    }
    for (uint32_t i = 0; i < record->edge_count; i++) {
        struct hp_edge *edge = &record->edges[i];
        edge->lane = edge->lane < count ? edge->lane : 0;
        edge->other = edge->other < count ? edge->other : HP_NODE_NONE;
    }
    for (uint32_t i = 0; i < record->span_count; i++) {
        struct hp_span *span = &record->spans[i];
        span->lane = span->lane < count ? span->lane : 0;
        span->holder = span->holder <= record->holder_count ? span->holder : 0;
    }
    for (uint32_t i = 0; i < record->holder_count; i++) {
        record->holders[i].lane = record->holders[i].lane < count ? record->holders[i].lane : 0;
    }
    for (uint32_t i = 0; i < record->wait_count; i++) {
        record->waits[i].lane = record->waits[i].lane < count ? record->waits[i].lane : 0;
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        record->stmts[i].lane = record->stmts[i].lane < count ? record->stmts[i].lane : 0;
    }
    for (uint32_t i = 0; i < record->step_count; i++) {
        record->steps[i].lane = record->steps[i].lane < count ? record->steps[i].lane : 0;
    }
    hp_notes_sanitise(&record->notes, count);
}

static hp_err decode_sections(struct hp_reader *in, struct hp_arena *arena, struct hp_record *record,
                              bool detail)
{
    uint32_t seen = 0;
    while (hp_reader_left(in) != 0) {
        uint64_t tag = hp_reader_varint(in);
        struct hp_reader section;
        hp_reader_sub(in, hp_reader_varint(in), &section);
        if (in->bad || (tag <= SECTION_LAST && (seen >> tag & 1))) {
            return HP_EFORMAT;
        }
        seen |= tag <= SECTION_LAST ? 1u << tag : 0;
        hp_err err = get_section(tag, &section, arena, record, detail);
        if (err != HP_OK || section.bad) {
            return err != HP_OK ? err : HP_EFORMAT;
        }
    }
    return in->bad || (!detail && !(seen >> SECTION_REQUEST & 1)) ? HP_EFORMAT : HP_OK;
}

static hp_err decode(struct hp_reader *in, struct hp_arena *arena, struct hp_record *record, bool detail)
{
    struct hp_reader body;
    hp_reader_sub(in, hp_reader_u32le(in), &body);
    uint8_t magic = hp_reader_u8(&body);
    uint8_t version = hp_reader_u8(&body);
    if (body.bad || magic != MAGIC || version == 0) {
        return HP_EFORMAT;
    }
    if (version > VERSION) {
        return HP_EVERSION;
    }
    hp__clear_extra(&record->req);
    hp_err err = decode_sections(&body, arena, record, detail);
    if (err == HP_OK) {
        sanitise(record);
    }
    return err;
}

hp_err hp_record_decode(struct hp_reader *in, struct hp_arena *arena, struct hp_record *record)
{
    memset(record, 0, sizeof *record);
    hp_err err = decode(in, arena, record, false);
    if (err != HP_OK) {
        memset(record, 0, sizeof *record);
    }
    return err;
}

hp_err hp_record_decode_detail(struct hp_reader *in, struct hp_arena *arena, struct hp_record *record)
{
    struct hp_request req = record->req;
    memset(record, 0, sizeof *record);
    record->req = req;
    hp_err err = decode(in, arena, record, true);
    if (err != HP_OK) {
        memset(record, 0, sizeof *record);
        record->req = req;
    }
    return err;
}

/* ---- ids ---- */

static void map_id(uint32_t (*map)(void *, uint32_t), void *ctx, uint32_t *id)
{
    if (map != NULL && *id != 0) {
        *id = map(ctx, *id);
    }
}

void hp_record_map(struct hp_record *record, const struct hp_id_maps *maps)
{
    map_id(maps->route, maps->ctx, &record->req.route);
    map_id(maps->string, maps->ctx, &record->req.revision);
    map_id(maps->string, maps->ctx, &record->req.exception_type);
    map_id(maps->symbol, maps->ctx, &record->req.view_sym);
    for (uint32_t i = 0; i < record->lane_count; i++) {
        map_id(maps->symbol, maps->ctx, &record->lanes[i].site_sym);
        map_id(maps->symbol, maps->ctx, &record->lanes[i].via_sym);
    }
    for (uint32_t i = 0; i < record->edge_count; i++) {
        map_id(maps->symbol, maps->ctx, &record->edges[i].site_sym);
    }
    for (uint32_t i = 0; i < record->span_count; i++) {
        map_id(maps->string, maps->ctx, &record->spans[i].peer);
        map_id(maps->symbol, maps->ctx, &record->spans[i].site_sym);
        map_id(maps->symbol, maps->ctx, &record->spans[i].via_sym);
    }
    for (uint32_t i = 0; i < record->wait_count; i++) {
        map_id(maps->string, maps->ctx, &record->waits[i].peer);
        map_id(maps->symbol, maps->ctx, &record->waits[i].site_sym);
        map_id(maps->symbol, maps->ctx, &record->waits[i].via_sym);
    }
    for (uint32_t i = 0; i < record->holder_count; i++) {
        map_id(maps->route, maps->ctx, &record->holders[i].route);
        map_id(maps->string, maps->ctx, &record->holders[i].thread);
        map_id(maps->symbol, maps->ctx, &record->holders[i].site_sym);
        map_id(maps->symbol, maps->ctx, &record->holders[i].via_sym);
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        map_id(maps->statement, maps->ctx, &record->stmts[i].statement);
        map_id(maps->symbol, maps->ctx, &record->stmts[i].site_sym);
        map_id(maps->symbol, maps->ctx, &record->stmts[i].via_sym);
    }
    for (uint32_t i = 0; i < record->group_count; i++) {
        map_id(maps->statement, maps->ctx, &record->groups[i].statement);
        map_id(maps->symbol, maps->ctx, &record->groups[i].site_sym);
        map_id(maps->symbol, maps->ctx, &record->groups[i].via_sym);
    }
    for (uint32_t i = 0; i < record->step_count; i++) {
        map_id(maps->symbol, maps->ctx, &record->steps[i].site_sym);
        map_id(maps->symbol, maps->ctx, &record->steps[i].via_sym);
    }
    hp_notes_map(&record->notes, maps);
}
