/* pprof_read.c -- reading; see pprof.h.
 *
 * Three walks over the message: strings (by number, where they stand), then functions and locations (by id,
 * where they stand), then samples, whose locations are looked up as they come. Nothing is copied out of the
 * file.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/reader.h"
#include "format/pprof.h"

#define ENTRY_BYTES 64 /* what an entry of a map may cost of the budget */

enum { SAMPLE_TYPE = 1, SAMPLE = 2, LOCATION = 4, FUNCTION = 5, STRING = 6, DEFAULT_TYPE = 14 };

struct field {
    uint32_t number, wire;
    uint64_t value;          /* of varints */
    struct hp_reader inside; /* of length-delimited ones */
};

struct pprof {
    struct hp_str bytes;
    struct hp_profile *profile;
    struct hp_errinfo *info;
    hp_err err;
    size_t limit;      /* entries that a map may have */
    uint32_t *strings; /* where each string's length stands */
    uint32_t string_count, string_capacity;
    struct hp_map functions, locations; /* id to where its message's length stands */
    uint64_t *path;                     /* location ids of a sample, leaf first */
    size_t path_count, path_capacity;
    uint32_t types, chosen; /* of values; UINT32_MAX: none */
    uint64_t scale;         /* to nanoseconds */
    struct hp_buf label;
};

static void fail(struct pprof *p, hp_err err, const uint8_t *at, const char *why)
{
    if (p->err == HP_OK) {
        p->err = hp_err_set(p->info, err, (uint64_t)(at - (const uint8_t *)p->bytes.p), "%s", why);
    }
}

/* The next field of a message; false at its end, or when it is malformed (`reader->bad`). */
static bool next_field(struct hp_reader *reader, struct field *field)
{
    if (hp_reader_left(reader) == 0) {
        return false;
    }
    uint64_t tag = hp_reader_varint(reader);
    *field = (struct field){.number = (uint32_t)(tag >> 3), .wire = (uint32_t)(tag & 7)};
    switch (field->wire) {
    case 0:
        field->value = hp_reader_varint(reader);
        break;
    case 1:
        hp_reader_skip(reader, 8);
        break;
    case 2: {
        uint64_t n = hp_reader_varint(reader);
        if (n > hp_reader_left(reader)) {
            reader->bad = true;
        } else {
            hp_reader_sub(reader, (size_t)n, &field->inside);
        }
        break;
    }
    case 5:
        hp_reader_skip(reader, 4);
        break;
    default:
        reader->bad = true;
    }
    if (tag >> 3 == 0 || tag >> 3 > UINT32_MAX) {
        reader->bad = true;
    }
    return !reader->bad;
}

/* The message whose length stands at an offset. */
static struct hp_reader message_at(const struct pprof *p, uint32_t at)
{
    struct hp_reader whole, inside;
    hp_reader_init(&whole, p->bytes.p + at, p->bytes.n - at);
    uint64_t n = hp_reader_varint(&whole);
    hp_reader_sub(&whole, (size_t)n, &inside);
    return inside;
}

static struct hp_str string_at(const struct pprof *p, uint64_t index)
{
    if (index >= p->string_count) {
        return HP_STR("");
    }
    struct hp_reader text = message_at(p, p->strings[index]);
    return hp_str_make((const char *)text.p, hp_reader_left(&text));
}

/* ---- tables ---- */

static void add_string(struct pprof *p, const uint8_t *at)
{
    if (p->string_count == p->string_capacity) {
        uint32_t wanted = p->string_capacity == 0 ? 256 : p->string_capacity * 2;
        uint32_t *bigger = hp_realloc(p->strings, wanted * sizeof *bigger);
        if (bigger == NULL) {
            fail(p, HP_ENOMEM, at, "out of memory");
            return;
        }
        p->strings = bigger;
        p->string_capacity = wanted;
    }
    p->strings[p->string_count++] = (uint32_t)(at - (const uint8_t *)p->bytes.p);
}

static void add_entry(struct pprof *p, struct hp_map *map, struct hp_reader message, const uint8_t *at)
{
    struct field field;
    uint64_t id = 0;
    while (next_field(&message, &field)) {
        id = field.number == 1 ? field.value : id;
    }
    if (message.bad) {
        fail(p, HP_EFORMAT, at, "a message that is cut");
        return;
    }
    hp_err err = hp_map_put(map, id, (uint32_t)(at - (const uint8_t *)p->bytes.p));
    if (err != HP_OK) {
        fail(p, err, at, err == HP_EFULL ? "more functions than fit" : "out of memory");
    }
}

/* A value type: its name and unit say what it is. The default one, or the last, is taken. */
struct type {
    uint64_t name, unit;
};

static struct type read_type(struct hp_reader message)
{
    struct field field;
    struct type type = {0, 0};
    while (next_field(&message, &field)) {
        type.name = field.number == 1 ? field.value : type.name;
        type.unit = field.number == 2 ? field.value : type.unit;
    }
    return type;
}

static void take_type(struct pprof *p, struct type type)
{
    static const struct {
        const char *unit;
        uint64_t scale;
        enum hp_profile_unit kind;
    } units[] = {{"nanoseconds", 1, HP_UNIT_TIME},
                 {"microseconds", 1000, HP_UNIT_TIME},
                 {"milliseconds", 1000000, HP_UNIT_TIME},
                 {"seconds", 1000000000, HP_UNIT_TIME},
                 {"bytes", 1, HP_UNIT_BYTES},
                 {"kilobytes", 1024, HP_UNIT_BYTES}};
    struct hp_str unit = string_at(p, type.unit);
    p->scale = 1;
    p->profile->unit =
        hp_str_eq(string_at(p, type.name), HP_STR("samples")) ? HP_UNIT_SAMPLES : HP_UNIT_COUNT;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (hp_str_eq(unit, hp_str_from0(units[i].unit))) {
            p->scale = units[i].scale;
            p->profile->unit = units[i].kind;
        }
    }
}

static struct hp_reader whole(const struct pprof *p)
{
    struct hp_reader reader;
    hp_reader_init(&reader, p->bytes.p, p->bytes.n);
    return reader;
}

/* The type of the wanted name; without one, the last. */
static void choose_type(struct pprof *p, uint64_t wanted)
{
    struct hp_reader reader = whole(p);
    struct field field;
    bool found = false;
    while (next_field(&reader, &field)) {
        if (field.wire != 2 || field.number != SAMPLE_TYPE) {
            continue;
        }
        struct type type = read_type(field.inside);
        if (!found) {
            take_type(p, type);
            p->chosen = p->types;
            found = wanted != 0 && hp_str_eq(string_at(p, type.name), string_at(p, wanted));
        }
        p->types++;
    }
}

/* First walk: strings, functions, locations, and which value type is wanted. */
static void read_tables(struct pprof *p)
{
    struct hp_reader reader = whole(p);
    struct field field;
    uint64_t wanted = 0;
    const uint8_t *at = reader.p;
    while (p->err == HP_OK && next_field(&reader, &field)) {
        const uint8_t *length = at + 1; /* numbers below 16 have a tag of one byte */
        if (field.wire == 2 && field.number == STRING) {
            add_string(p, length);
        } else if (field.wire == 2 && field.number == FUNCTION) {
            add_entry(p, &p->functions, field.inside, length);
        } else if (field.wire == 2 && field.number == LOCATION) {
            add_entry(p, &p->locations, field.inside, length);
        } else if (field.wire == 0 && field.number == DEFAULT_TYPE) {
            wanted = field.value;
        }
        at = reader.p;
    }
    if (reader.bad) {
        fail(p, HP_EFORMAT, at, "a field that is cut or none");
    }
    if (p->err == HP_OK) {
        choose_type(p, wanted);
    }
}

/* ---- samples ---- */

/* `*at_line`: in, the line that the location says; out, 0 where that is no other than the function's
 * first. */
static hp_err add_frame(struct pprof *p, uint64_t function, uint64_t address, uint64_t *at_line,
                        uint32_t *node)
{
    struct field field;
    struct hp_str name = HP_STR(""), file = HP_STR("");
    uint64_t line = 0;
    uint32_t at, sym = 0;
    char text[24];
    if (hp_map_get(&p->functions, function, &at)) {
        struct hp_reader message = message_at(p, at);
        while (next_field(&message, &field)) {
            if (field.number == 2 || (field.number == 3 && name.n == 0)) {
                name = string_at(p, field.value);
            } else if (field.number == 4) {
                file = string_at(p, field.value);
            } else if (field.number == 5) {
                line = field.value;
            }
        }
    }
    if (name.n == 0) {
        int n = snprintf(text, sizeof text, "0x%" PRIx64, address);
        name = hp_str_make(text, (size_t)n);
    }
    *at_line = *at_line == line || *at_line > UINT32_MAX ? 0 : *at_line;
    hp_err err = hp_profile_symbol(p->profile, file, name, line <= UINT32_MAX ? (uint32_t)line : 0, &sym);
    return err != HP_OK ? err : hp_profile_child(p->profile, *node, sym, node);
}

/* A location's frames, the outermost (its last line) first. `*at_line`: where in the innermost function it
 * is, 0 unknown. */
static hp_err add_location(struct pprof *p, uint64_t id, uint32_t *node, uint64_t *at_line)
{
    enum { INLINED_MAX = 256 };
    uint64_t functions[INLINED_MAX], lines[INLINED_MAX], address = 0;
    uint32_t count = 0, at;
    struct field field, line;
    hp_err err = HP_OK;
    if (!hp_map_get(&p->locations, id, &at)) {
        return HP_ENOTFOUND;
    }
    struct hp_reader message = message_at(p, at);
    while (next_field(&message, &field)) {
        if (field.number == 3 && field.wire == 0) {
            address = field.value;
        } else if (field.number == 4 && field.wire == 2 && count < INLINED_MAX) {
            functions[count] = lines[count] = 0;
            while (next_field(&field.inside, &line)) {
                functions[count] = line.number == 1 ? line.value : functions[count];
                lines[count] = line.number == 2 ? line.value : lines[count];
            }
            count++;
        }
    }
    *at_line = 0;
    if (count == 0) {
        return add_frame(p, 0, address, at_line, node);
    }
    while (count != 0 && err == HP_OK) {
        count--;
        *at_line = lines[count];
        err = add_frame(p, functions[count], address, at_line, node);
    }
    return err;
}

static void add_id(struct pprof *p, uint64_t id, const uint8_t *at)
{
    if (p->path_count == p->path_capacity) {
        size_t wanted = p->path_capacity == 0 ? 256 : p->path_capacity * 2;
        uint64_t *bigger = wanted > p->limit * 4 ? NULL : hp_realloc(p->path, wanted * sizeof *bigger);
        if (bigger == NULL) {
            fail(p, wanted > p->limit * 4 ? HP_EFULL : HP_ENOMEM, at, "a stack that is too deep");
            return;
        }
        p->path = bigger;
        p->path_capacity = wanted;
    }
    p->path[p->path_count++] = id;
}

/* "key\0stext\0" or "key\0n12 unit\0". */
static void add_label(struct pprof *p, struct hp_reader message)
{
    struct field field;
    uint64_t key = 0, text = 0, number = 0, unit = 0;
    while (next_field(&message, &field)) {
        key = field.number == 1 ? field.value : key;
        text = field.number == 2 ? field.value : text;
        number = field.number == 3 ? field.value : number;
        unit = field.number == 4 ? field.value : unit;
    }
    hp_buf_put_text(&p->label, string_at(p, key));
    hp_buf_put_u8(&p->label, '\0');
    if (text != 0) {
        hp_buf_put_u8(&p->label, 's');
        hp_buf_put_text(&p->label, string_at(p, text));
    } else {
        hp_buf_printf(&p->label, "n%" PRId64 " ", (int64_t)number);
        hp_buf_put_text(&p->label, string_at(p, unit));
    }
    hp_buf_put_u8(&p->label, '\0');
}

static void put_sample(struct pprof *p, int64_t value, const uint8_t *at)
{
    struct hp_profile_sample sample = {.node = HP_NODE_ROOT};
    uint64_t line = 0;
    hp_err err = HP_OK;
    for (size_t i = p->path_count; i-- > 0 && err == HP_OK;) {
        err = add_location(p, p->path[i], &sample.node, &line);
    }
    if (err == HP_OK && p->label.len != 0) {
        err = p->label.err != HP_OK
                  ? p->label.err
                  : hp_dict_add_string(p->profile->dict, hp_buf_str(&p->label), &sample.label);
    }
    p->profile->clamped += value < 0;
    uint64_t amount = value < 0 ? 0 : (uint64_t)value;
    amount = amount <= UINT64_MAX / p->scale ? amount * p->scale : UINT64_MAX;
    sample.line = (uint32_t)line;
    sample.value = amount;
    err = err != HP_OK ? err : hp_profile_add_sample(p->profile, &sample);
    if (err != HP_OK) {
        fail(p, err == HP_ENOTFOUND ? HP_EFORMAT : err, at,
             err == HP_ENOTFOUND ? "a sample of a location that is not there"
             : err == HP_EFULL   ? "more different stacks than fit"
                                 : "out of memory");
    }
}

/* Repeated numbers come packed or one by one. */
static void read_sample(struct pprof *p, struct hp_reader message, const uint8_t *at)
{
    struct field field;
    uint32_t values = 0;
    int64_t value = 0;
    p->path_count = 0;
    hp_buf_reset(&p->label);
    while (p->err == HP_OK && next_field(&message, &field)) {
        bool packed = field.wire == 2;
        if (field.number == 1 && !packed) {
            add_id(p, field.value, at);
        } else if (field.number == 2 && !packed) {
            value = values++ == p->chosen ? (int64_t)field.value : value;
        } else if (field.number == 1 || field.number == 2) {
            while (p->err == HP_OK && hp_reader_left(&field.inside) != 0) {
                uint64_t number = hp_reader_varint(&field.inside);
                if (field.number == 1) {
                    add_id(p, number, at);
                } else {
                    value = values++ == p->chosen ? (int64_t)number : value;
                }
            }
            message.bad = message.bad || field.inside.bad;
        } else if (field.number == 3 && packed) {
            add_label(p, field.inside);
        }
    }
    if (message.bad) {
        fail(p, HP_EFORMAT, at, "a sample that is cut");
    }
    if (p->err == HP_OK) {
        put_sample(p, value, at);
    }
}

bool hp_pprof_is(struct hp_str bytes)
{
    struct hp_reader reader;
    struct field field;
    hp_reader_init(&reader, bytes.p, bytes.n);
    bool known = false;
    for (int i = 0; i < 4 && next_field(&reader, &field); i++) {
        bool message = field.number <= 6 && field.wire == 2;
        bool number = field.number >= 7 && field.number <= 16 && (field.wire == 0 || field.wire == 2);
        if (!message && !number) {
            return false;
        }
        known = known || message;
    }
    return known;
}

hp_err hp_pprof_read(const struct hp_profile_source *source, struct hp_profile **profile,
                     struct hp_errinfo *info)
{
    struct pprof p = {.bytes = source->bytes, .info = info, .chosen = UINT32_MAX, .scale = 1};
    struct hp_reader reader;
    struct field field;
    if (source->bytes.n > UINT32_MAX) {
        return hp_err_set(info, HP_EFULL, 0, "larger than 4 GiB");
    }
    p.limit = source->budget_bytes / 4 / ENTRY_BYTES;
    hp_map_init(&p.functions, p.limit);
    hp_map_init(&p.locations, p.limit);
    hp_buf_init(&p.label, (size_t)1 << 20);
    p.profile = hp_profile_new(HP_PROFILE_TREE, source->budget_bytes / 2);
    if (p.profile == NULL) {
        p.err = hp_err_set(info, HP_ENOMEM, 0, "out of memory");
        goto done;
    }
    p.profile->sampled = true;
    read_tables(&p);
    reader = whole(&p);
    while (p.err == HP_OK && next_field(&reader, &field)) {
        if (field.number == SAMPLE && field.wire == 2) {
            read_sample(&p, field.inside, field.inside.p);
        }
    }
    if (p.err == HP_OK && hp_profile_finish(p.profile) != HP_OK) {
        fail(&p, HP_ENOMEM, (const uint8_t *)p.bytes.p, "out of memory");
    }
done:
    hp_buf_fini(&p.label);
    hp_map_fini(&p.functions);
    hp_map_fini(&p.locations);
    hp_free(p.strings);
    hp_free(p.path);
    if (p.err != HP_OK) {
        hp_profile_free(p.profile);
        return p.err;
    }
    *profile = p.profile;
    return HP_OK;
}
