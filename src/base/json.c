/* json.c -- JSON writer; see json.h. State is two bit sets and a depth: no allocation, no recursion. */
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/show.h"

void hp_json_init(struct hp_json *json, struct hp_buf *buf, bool pretty)
{
    *json = (struct hp_json){.buf = buf, .pretty = pretty};
}

hp_err hp_json_finish(const struct hp_json *json)
{
    if (json->err != HP_OK) {
        return json->err;
    }
    if (json->buf->err != HP_OK) {
        return json->buf->err;
    }
    return json->done ? HP_OK : HP_ESTATE;
}

static bool fail(struct hp_json *json, hp_err err)
{
    if (json->err == HP_OK) {
        json->err = err;
    }
    return false;
}

static uint64_t level_bit(const struct hp_json *json)
{
    return (uint64_t)1 << (json->depth - 1);
}

static bool in_object(const struct hp_json *json)
{
    return json->depth != 0 && (json->objects & level_bit(json)) != 0;
}

static void put_line(struct hp_json *json)
{
    if (json->pretty) {
        hp_buf_put_u8(json->buf, '\n');
        for (uint32_t i = 0; i < json->depth; i++) {
            hp_buf_put(json->buf, "  ", 2);
        }
    }
}

/* The comma and line end before a member of the open container. */
static void put_separator(struct hp_json *json)
{
    if ((json->nonempty & level_bit(json)) != 0) {
        hp_buf_put_u8(json->buf, ',');
    }
    json->nonempty |= level_bit(json);
    put_line(json);
}

/* Before every value: whether one may stand here, and what separates it from the last. */
static bool begin_value(struct hp_json *json)
{
    if (json->err != HP_OK) {
        return false;
    }
    if (json->done || (in_object(json) && !json->after_key)) {
        return fail(json, HP_ESTATE);
    }
    if (json->depth != 0 && !json->after_key) {
        put_separator(json);
    }
    json->after_key = false;
    return true;
}

static void end_value(struct hp_json *json)
{
    json->done = json->depth == 0;
}

static void put_scalar(struct hp_json *json, struct hp_str text)
{
    if (begin_value(json)) {
        hp_buf_put_text(json->buf, text);
        end_value(json);
    }
}

static void open_container(struct hp_json *json, bool object)
{
    if (json->err == HP_OK && json->depth == HP_JSON_MAX_DEPTH) {
        fail(json, HP_EFULL);
    }
    if (!begin_value(json)) {
        return;
    }
    json->depth++;
    json->nonempty &= ~level_bit(json);
    if (object) {
        json->objects |= level_bit(json);
    } else {
        json->objects &= ~level_bit(json);
    }
    hp_buf_put_u8(json->buf, object ? '{' : '[');
}

static void close_container(struct hp_json *json, bool object)
{
    if (json->err != HP_OK) {
        return;
    }
    if (json->depth == 0 || in_object(json) != object || json->after_key) {
        fail(json, HP_ESTATE);
        return;
    }
    bool had_members = (json->nonempty & level_bit(json)) != 0;
    json->depth--;
    if (had_members) {
        put_line(json);
    }
    hp_buf_put_u8(json->buf, object ? '}' : ']');
    end_value(json);
}

void hp_json_object_begin(struct hp_json *json)
{
    open_container(json, true);
}

void hp_json_object_end(struct hp_json *json)
{
    close_container(json, true);
}

void hp_json_array_begin(struct hp_json *json)
{
    open_container(json, false);
}

void hp_json_array_end(struct hp_json *json)
{
    close_container(json, false);
}

static void put_escape(struct hp_buf *buf, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    switch (byte) {
    case '"':
        hp_buf_put(buf, "\\\"", 2);
        break;
    case '\\':
        hp_buf_put(buf, "\\\\", 2);
        break;
    case '\n':
        hp_buf_put(buf, "\\n", 2);
        break;
    case '\r':
        hp_buf_put(buf, "\\r", 2);
        break;
    case '\t':
        hp_buf_put(buf, "\\t", 2);
        break;
    default: {
        char text[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
        hp_buf_put(buf, text, sizeof text);
        break;
    }
    }
}

/* The text between quotes; runs of plain bytes go out in one put. DEL is escaped too: it upsets terminals. */
static void put_quoted(struct hp_buf *buf, struct hp_str text)
{
    hp_buf_put_u8(buf, '"');
    size_t run = 0, i = 0;
    while (i < text.n) {
        unsigned char byte = (unsigned char)text.p[i];
        size_t step = 1;
        if (byte >= 0x80) {
            step = hp_utf8_len(hp_str_make(text.p + i, text.n - i));
        }
        if (step != 0 && byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7F) {
            i += step;
            continue;
        }
        hp_buf_put(buf, text.p + run, i - run);
        if (step == 0) {
            hp_buf_put(buf, "\xEF\xBF\xBD", 3);
        } else {
            put_escape(buf, byte);
        }
        run = ++i;
    }
    if (text.n != run) {
        hp_buf_put(buf, text.p + run, text.n - run);
    }
    hp_buf_put_u8(buf, '"');
}

void hp_json_key_str(struct hp_json *json, struct hp_str key)
{
    if (json->err != HP_OK) {
        return;
    }
    if (!in_object(json) || json->after_key) {
        fail(json, HP_ESTATE);
        return;
    }
    put_separator(json);
    put_quoted(json->buf, key);
    hp_buf_put_u8(json->buf, ':');
    if (json->pretty) {
        hp_buf_put_u8(json->buf, ' ');
    }
    json->after_key = true;
}

void hp_json_key(struct hp_json *json, const char *key)
{
    hp_json_key_str(json, hp_str_from0(key));
}

void hp_json_str(struct hp_json *json, struct hp_str text)
{
    if (begin_value(json)) {
        put_quoted(json->buf, text);
        end_value(json);
    }
}

void hp_json_cstr(struct hp_json *json, const char *text)
{
    if (text == NULL) {
        hp_json_null(json);
    } else {
        hp_json_str(json, hp_str_from0(text));
    }
}

void hp_json_u64(struct hp_json *json, uint64_t value)
{
    char text[HP_SHOW_DIGITS];
    put_scalar(json, hp_str_make(text, hp_show_digits(text, value)));
}

void hp_json_i64(struct hp_json *json, int64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRId64, value);
    put_scalar(json, hp_str_make(text, (size_t)n));
}

/* printf writes the locale's decimal point, of one byte or more, and the locale is the user's process's:
 * whatever is no digit, sign or exponent becomes one '.'. Returns the new length. */
static size_t with_decimal_point(char *text)
{
    size_t to = 0;
    bool in_point = false;
    for (const char *p = text; *p != '\0'; p++) {
        bool plain = (*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == 'e';
        if (plain) {
            text[to++] = *p;
        } else if (!in_point) {
            text[to++] = '.';
        }
        in_point = !plain;
    }
    text[to] = '\0';
    return to;
}

void hp_json_double(struct hp_json *json, double value)
{
    if (!isfinite(value)) {
        hp_json_null(json);
        return;
    }
    char text[40];
    snprintf(text, sizeof text, "%.6g", value);
    put_scalar(json, hp_str_make(text, with_decimal_point(text)));
}

void hp_json_exact(struct hp_json *json, double value)
{
    if (!isfinite(value)) {
        hp_json_null(json);
        return;
    }
    char text[40];
    for (int digits = 6; digits <= 17; digits += digits == 6 ? 9 : 1) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    put_scalar(json, hp_str_make(text, with_decimal_point(text)));
}

void hp_json_bool(struct hp_json *json, bool value)
{
    put_scalar(json, value ? HP_STR("true") : HP_STR("false"));
}

void hp_json_null(struct hp_json *json)
{
    put_scalar(json, HP_STR("null"));
}

void hp_json_raw(struct hp_json *json, struct hp_str text)
{
    put_scalar(json, text);
}

void hp_json_kv_str(struct hp_json *json, const char *key, struct hp_str text)
{
    hp_json_key(json, key);
    hp_json_str(json, text);
}

void hp_json_kv_cstr(struct hp_json *json, const char *key, const char *text)
{
    hp_json_key(json, key);
    hp_json_cstr(json, text);
}

void hp_json_kv_u64(struct hp_json *json, const char *key, uint64_t value)
{
    hp_json_key(json, key);
    hp_json_u64(json, value);
}

void hp_json_kv_i64(struct hp_json *json, const char *key, int64_t value)
{
    hp_json_key(json, key);
    hp_json_i64(json, value);
}

void hp_json_kv_double(struct hp_json *json, const char *key, double value)
{
    hp_json_key(json, key);
    hp_json_double(json, value);
}

void hp_json_kv_exact(struct hp_json *json, const char *key, double value)
{
    hp_json_key(json, key);
    hp_json_exact(json, value);
}

void hp_json_kv_bool(struct hp_json *json, const char *key, bool value)
{
    hp_json_key(json, key);
    hp_json_bool(json, value);
}

void hp_json_kv_null(struct hp_json *json, const char *key)
{
    hp_json_key(json, key);
    hp_json_null(json);
}
