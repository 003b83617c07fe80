/* marshal.c -- see marshal.h. */
#include "format/marshal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

hp_err hp_marshal_fail(struct hp_marshal *m, hp_err err, size_t at, const char *why)
{
    if (m->err == HP_OK) {
        m->err = hp_err_set(m->info, err, at, "%s", why);
    }
    return m->err;
}

bool hp_marshal_need(struct hp_marshal *m, size_t n)
{
    if (m->err == HP_OK && m->size - m->at < n) {
        hp_marshal_fail(m, HP_EFORMAT, m->size, "the file ends too soon");
    }
    return m->err == HP_OK;
}

static uint32_t load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t hp_marshal_u32(struct hp_marshal *m)
{
    if (!hp_marshal_need(m, 4)) {
        return 0;
    }
    m->at += 4;
    return load_u32(m->data + m->at - 4);
}

static hp_err remember(struct hp_marshal *m, struct hp_marshal_places *places, size_t at)
{
    if (m->again || m->err != HP_OK) {
        return m->err;
    }
    if (places->count == places->capacity) {
        uint32_t wanted = places->capacity == 0 ? 256 : places->capacity * 2;
        uint32_t *bigger = hp_realloc(places->items, wanted * sizeof *bigger);
        if (bigger == NULL) {
            return hp_marshal_fail(m, HP_ENOMEM, at, "out of memory");
        }
        places->items = bigger;
        places->capacity = wanted;
    }
    places->items[places->count++] = (uint32_t)at;
    return HP_OK;
}

/* The typecode at the current place; a reference leads elsewhere: `*back` is then where to go on (0: no
 * reference). */
uint8_t hp_marshal_type(struct hp_marshal *m, size_t *back)
{
    *back = 0;
    if (!hp_marshal_need(m, 1)) {
        return 0;
    }
    size_t start = m->at;
    uint8_t type = m->data[m->at++];
    if ((type & ~HP_MARSHAL_REF) == 'r') {
        uint32_t index = hp_marshal_u32(m);
        if (m->err == HP_OK && index >= m->refs.count) {
            hp_marshal_fail(m, HP_EFORMAT, start, "a reference to an object that is not there");
        }
        if (m->err != HP_OK) {
            return 0;
        }
        *back = m->at;
        m->at = m->refs.items[index];
        type = m->data[m->at++];
        return (uint8_t)(type & ~HP_MARSHAL_REF);
    }
    if ((type & HP_MARSHAL_REF) != 0) {
        remember(m, &m->refs, start);
    }
    return (uint8_t)(type & ~HP_MARSHAL_REF);
}

bool hp_marshal_skip_reference(struct hp_marshal *m)
{
    if (m->err != HP_OK || m->size - m->at < 5 || (m->data[m->at] & ~HP_MARSHAL_REF) != 'r' ||
        load_u32(m->data + m->at + 1) >= m->refs.count) {
        return false;
    }
    m->at += 5;
    return true;
}

/* ---- scalars ---- */

static struct hp_str read_text(struct hp_marshal *m, size_t n)
{
    if (m->err == HP_OK && n > m->size - m->at) {
        hp_marshal_fail(m, HP_EFORMAT, m->at, "a text is longer than the file");
    }
    if (m->err != HP_OK) {
        return HP_STR("");
    }
    m->at += n;
    return hp_str_make((const char *)m->data + m->at - n, n);
}

size_t hp_marshal_u8(struct hp_marshal *m)
{
    return hp_marshal_need(m, 1) ? m->data[m->at++] : 0;
}

/* A long: digits of 15 bits, the sign in their number. */
static void read_long(struct hp_marshal *m, struct hp_marshal_scalar *out)
{
    size_t start = m->at;
    int32_t digits = (int32_t)hp_marshal_u32(m);
    out->negative = digits < 0;
    uint32_t count = digits < 0 ? 0u - (uint32_t)digits : (uint32_t)digits;
    if (!hp_marshal_need(m, (size_t)count * 2)) {
        return;
    }
    for (uint32_t i = 0; i < count; i++, m->at += 2) {
        uint64_t digit = (uint64_t)m->data[m->at] | (uint64_t)m->data[m->at + 1] << 8;
        if (digit > 0x7FFF || (digit != 0 && (i > 4 || (i == 4 && digit > 0xF)))) {
            hp_marshal_fail(m, HP_EFORMAT, start, "a number of more than 64 bits");
            return;
        }
        out->whole |= i > 4 ? 0 : digit << (15 * i);
    }
}

static double real_of_bits(const uint8_t *p)
{
    uint64_t bits = (uint64_t)load_u32(p + 4) << 32 | load_u32(p);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A double in text, of marshal versions 0 and 1. */
static double read_decimal(struct hp_marshal *m)
{
    char text[64], *end;
    size_t start = m->at;
    struct hp_str digits = read_text(m, hp_marshal_u8(m));
    if (m->err == HP_OK && (digits.n == 0 || digits.n >= sizeof text)) {
        hp_marshal_fail(m, HP_EFORMAT, start, "a number that is none");
    }
    if (m->err != HP_OK) {
        return 0;
    }
    memcpy(text, digits.p, digits.n);
    text[digits.n] = '\0';
    double value = strtod(text, &end);
    if (*end != '\0') {
        hp_marshal_fail(m, HP_EFORMAT, start, "a number that is none");
    }
    return value;
}

static void read_whole(struct hp_marshal *m, uint8_t type, struct hp_marshal_scalar *out)
{
    out->kind = HP_MARSHAL_WHOLE;
    if (type == 'i') {
        int32_t value = (int32_t)hp_marshal_u32(m);
        out->negative = value < 0;
        out->whole = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    } else if (type == 'I') {
        uint64_t low = hp_marshal_u32(m), value = low | (uint64_t)hp_marshal_u32(m) << 32;
        out->negative = value >> 63 != 0;
        out->whole = out->negative ? 0 - value : value;
    } else if (type == 'l') {
        read_long(m, out);
    } else {
        out->whole = type == 'T';
    }
}

static void read_scalar_at(struct hp_marshal *m, uint8_t type, size_t start, struct hp_marshal_scalar *out)
{
    switch (type) {
    case 'i':
    case 'I':
    case 'l':
    case 'T':
    case 'F':
        read_whole(m, type, out);
        return;
    case 'g':
        out->kind = HP_MARSHAL_REAL;
        if (hp_marshal_need(m, 8)) {
            out->real = real_of_bits(m->data + m->at);
            m->at += 8;
        }
        return;
    case 'f':
        out->kind = HP_MARSHAL_REAL;
        out->real = read_decimal(m);
        return;
    case 'z':
    case 'Z':
        out->kind = HP_MARSHAL_TEXT;
        out->text = read_text(m, hp_marshal_u8(m));
        return;
    case 't': /* interned; Python 2 numbers those, Python 3 uses references */
        remember(m, &m->strings, start);
        out->kind = HP_MARSHAL_TEXT;
        out->text = read_text(m, hp_marshal_u32(m));
        return;
    case 's':
    case 'u':
    case 'a':
    case 'A':
        out->kind = HP_MARSHAL_TEXT;
        out->text = read_text(m, hp_marshal_u32(m));
        return;
    default:
        hp_marshal_fail(m, HP_EFORMAT, start, "an object of another kind than a profile has there");
    }
}

/* A short text, which stands here or where a reference leads; steps over it. False: it is another object.
 * Nearly all names of a profile are such. */
static bool plain_text(struct hp_marshal *m, struct hp_marshal_scalar *out)
{
    size_t at = m->at, left = m->size - m->at;
    bool led = left >= 5 && m->data[at] == 'r';
    if (m->err != HP_OK || left < 2 || (led && load_u32(m->data + at + 1) >= m->refs.count)) {
        return false;
    }
    at = led ? m->refs.items[load_u32(m->data + at + 1)] : at;
    uint8_t type = m->data[at], plain = (uint8_t)(type & ~HP_MARSHAL_REF);
    if ((plain != 'z' && plain != 'Z') || m->size - at < 2 || m->size - at - 2 < m->data[at + 1]) {
        return false;
    }
    if (!led && type != plain && remember(m, &m->refs, at) != HP_OK) {
        return false;
    }
    out->kind = HP_MARSHAL_TEXT;
    out->text = hp_str_make((const char *)m->data + at + 2, m->data[at + 1]);
    out->shared = led || type != plain || m->again;
    m->at = led ? m->at + 5 : at + 2 + out->text.n;
    return true;
}

struct hp_marshal_scalar hp_marshal_scalar(struct hp_marshal *m)
{
    struct hp_marshal_scalar out = {HP_MARSHAL_NONE, HP_STR(""), 0, false, false, 0};
    if (plain_text(m, &out)) {
        return out;
    }
    size_t back, start = m->at;
    uint8_t type = hp_marshal_type(m, &back);
    bool again = m->again;
    if (m->err == HP_OK && type == 'R') { /* an interned string of Python 2 */
        uint32_t index = hp_marshal_u32(m);
        if (m->err == HP_OK && index >= m->strings.count) {
            hp_marshal_fail(m, HP_EFORMAT, start, "a reference to a string that is not there");
        }
        if (m->err != HP_OK) {
            return out;
        }
        back = m->at;
        m->at = (size_t)m->strings.items[index] + 1;
        type = 't';
    }
    m->again = again || back != 0;
    out.shared =
        again || back != 0 || type == 't' || (m->err == HP_OK && (m->data[start] & HP_MARSHAL_REF) != 0);
    if (m->err == HP_OK) {
        read_scalar_at(m, type, m->at - 1, &out);
    }
    m->again = again;
    if (back != 0) {
        m->at = back;
    }
    return out;
}

/* The bytes of a number of that type, which stands here or where a reference leads; steps over it. False: it
 * is another object, or one that has to be remembered. Nearly all numbers of a profile are plain, and they
 * are most of it. */
static bool plain_number(struct hp_marshal *m, uint8_t type, size_t size, const uint8_t **bytes)
{
    const uint8_t *p = m->data + m->at;
    size_t left = m->size - m->at;
    if (m->err == HP_OK && left > size && p[0] == type) {
        m->at += 1 + size;
        *bytes = p + 1;
        return true;
    }
    if (m->err == HP_OK && left >= 5 && p[0] == 'r' && load_u32(p + 1) < m->refs.count) {
        size_t at = m->refs.items[load_u32(p + 1)];
        if (m->size - at > size && (m->data[at] & ~HP_MARSHAL_REF) == type) {
            m->at += 5;
            *bytes = m->data + at + 1;
            return true;
        }
    }
    return false;
}

uint64_t hp_marshal_count(struct hp_marshal *m)
{
    size_t start = m->at;
    const uint8_t *plain;
    if (plain_number(m, 'i', 4, &plain) && plain[3] < 0x80) {
        return load_u32(plain);
    }
    m->at = start;
    struct hp_marshal_scalar value = hp_marshal_scalar(m);
    if (m->err == HP_OK && (value.kind != HP_MARSHAL_WHOLE || (value.negative && value.whole != 0))) {
        hp_marshal_fail(m, HP_EFORMAT, start, "not a count");
    }
    return value.whole;
}

double hp_marshal_time(struct hp_marshal *m)
{
    size_t start = m->at;
    const uint8_t *plain;
    if (plain_number(m, 'g', 8, &plain) && isfinite(real_of_bits(plain))) {
        return real_of_bits(plain);
    }
    m->at = start;
    struct hp_marshal_scalar value = hp_marshal_scalar(m);
    double time =
        value.kind == HP_MARSHAL_WHOLE ? (double)value.whole * (value.negative ? -1 : 1) : value.real;
    if (m->err == HP_OK && (value.kind == HP_MARSHAL_TEXT || !isfinite(time))) {
        hp_marshal_fail(m, HP_EFORMAT, start, "not a time");
    }
    return time;
}

/* ---- objects that are only stepped over ---- */

/* How code objects are laid out: numbers, objects, the first line, more objects; and which objects are file
 * and name. */
static const struct {
    uint32_t numbers, objects, more, file, name;
} layouts[] = {
    {5, 8, 2, 5, 6} /* 3.11 on */, {6, 8, 1, 6, 7} /* 3.8 on */, {5, 8, 1, 6, 7}, {4, 8, 1, 6, 7} /* 2.7 */};

#define DEPTH_MAX 64

enum open_kind { OPEN_ITEMS, OPEN_DICT, OPEN_CODE };

struct open {
    enum open_kind kind;
    uint32_t left;
};

struct skip {
    struct open stack[DEPTH_MAX];
    uint32_t depth, layout;
    size_t file, name; /* where the outermost code object has them */
};

static void push(struct hp_marshal *m, struct skip *skip, size_t at, enum open_kind kind, uint32_t left)
{
    if (skip->depth == DEPTH_MAX) {
        hp_marshal_fail(m, HP_EFORMAT, at, "nested too deep");
    } else if (m->err == HP_OK) {
        skip->stack[skip->depth].kind = kind;
        skip->stack[skip->depth++].left = left;
    }
}

static void step_over(struct hp_marshal *m, size_t n)
{
    if (hp_marshal_need(m, n)) {
        m->at += n;
    }
}

/* Step over one object's head; what it contains is pushed. */
static void skip_head(struct hp_marshal *m, struct skip *skip)
{
    size_t start = m->at, back;
    struct hp_marshal_scalar scalar = {HP_MARSHAL_NONE, HP_STR(""), 0, false, false, 0};
    uint8_t type = hp_marshal_type(m, &back);
    if (m->err != HP_OK || back != 0) {
        m->at = back != 0 ? back : m->at; /* a reference was read before */
        return;
    }
    switch (type) {
    case 'N':
    case '.':
    case 'S':
        return;
    case 'y':
        step_over(m, 16);
        return;
    case 'x':
        step_over(m, hp_marshal_u8(m));
        step_over(m, hp_marshal_u8(m));
        return;
    case 'l': /* longer than 64 bits is fine here */
        step_over(m, (size_t)llabs((long long)(int32_t)hp_marshal_u32(m)) * 2);
        return;
    case 'R':
        step_over(m, 4);
        return;
    case ')':
        push(m, skip, start, OPEN_ITEMS, (uint32_t)hp_marshal_u8(m));
        return;
    case '(':
    case '[':
    case '<':
    case '>':
        push(m, skip, start, OPEN_ITEMS, hp_marshal_u32(m));
        return;
    case ':':
        push(m, skip, start, OPEN_ITEMS, 3);
        return;
    case '{':
        push(m, skip, start, OPEN_DICT, 0);
        return;
    case 'c':
        step_over(m, (size_t)layouts[skip->layout].numbers * 4);
        push(m, skip, start, OPEN_CODE, layouts[skip->layout].objects);
        return;
    default:
        read_scalar_at(m, type, m->at - 1, &scalar);
    }
}

/* Whether the innermost open object wants another one; closes it if not. */
static bool wants_more(struct hp_marshal *m, struct skip *skip)
{
    struct open *top = &skip->stack[skip->depth - 1];
    if (top->kind == OPEN_DICT) {
        if (hp_marshal_need(m, 1) && m->data[m->at] == '0') {
            m->at++;
            skip->depth--;
            return false;
        }
        return m->err == HP_OK;
    }
    if (top->left != 0) {
        uint32_t done = layouts[skip->layout].objects - top->left;
        if (skip->depth == 1 && top->kind == OPEN_CODE) {
            skip->file = done == layouts[skip->layout].file ? m->at : skip->file;
            skip->name = done == layouts[skip->layout].name ? m->at : skip->name;
        }
        top->left--;
        return true;
    }
    if (top->kind == OPEN_CODE) {
        step_over(m, 4); /* the first line */
        top->kind = OPEN_ITEMS;
        top->left = layouts[skip->layout].more;
        return false;
    }
    skip->depth--;
    return false;
}

/* The name of a code object that was stepped over, its file behind it; both as texts, else it was read in the
 * wrong layout. */
static struct hp_str code_name(struct hp_marshal *m, const struct skip *skip)
{
    size_t end = m->at;
    bool again = m->again;
    m->again = true;
    m->at = skip->file;
    struct hp_marshal_scalar file = hp_marshal_scalar(m);
    m->at = skip->name;
    struct hp_marshal_scalar name = hp_marshal_scalar(m);
    m->again = again;
    m->at = end;
    if (m->err == HP_OK && (file.kind != HP_MARSHAL_TEXT || name.kind != HP_MARSHAL_TEXT)) {
        hp_marshal_fail(m, HP_EFORMAT, skip->name, "a code object without a name");
    }
    return name.text;
}

struct hp_str hp_marshal_code(struct hp_marshal *m)
{
    size_t start = m->at;
    uint32_t refs = m->refs.count, strings = m->strings.count;
    struct hp_str name = HP_STR("");
    for (uint32_t layout = 0; layout < sizeof layouts / sizeof layouts[0]; layout++) {
        struct skip skip = {.layout = layout};
        m->at = start;
        m->refs.count = refs;
        m->strings.count = strings;
        m->err = HP_OK;
        skip_head(m, &skip);
        while (m->err == HP_OK && skip.depth != 0) {
            if (wants_more(m, &skip)) {
                skip_head(m, &skip);
            }
        }
        if (m->err == HP_OK) {
            name = code_name(m, &skip);
        }
        if (m->err == HP_OK || m->err == HP_ENOMEM) {
            break;
        }
    }
    return name;
}
