/* jsonread.c -- see jsonread.h. */
#include "base/jsonread.h"

#include <stdlib.h>

#define NUMBER_MAX 63

void hp_jsonread_init(struct hp_jsonread *json, struct hp_str text, struct hp_buf *scratch)
{
    memset(json, 0, sizeof *json);
    json->text = text;
    json->scratch = scratch;
    json->first = true;
    if (hp_str_starts(text, HP_STR("\xEF\xBB\xBF"))) {
        json->at = 3;
    }
}

void hp_jsonread_fail(struct hp_jsonread *json, hp_err err, const char *why)
{
    if (json->err == HP_OK) {
        json->err = err;
        json->error_at = json->at < json->text.n ? json->at : json->text.n;
        json->why = why;
    }
}

static enum hp_json_token fail(struct hp_jsonread *json, const char *why)
{
    hp_jsonread_fail(json, HP_EFORMAT, json->at >= json->text.n ? "the file ends too soon" : why);
    return json->token = HP_JSON_END;
}

static bool in_object(const struct hp_jsonread *json)
{
    uint32_t d = json->depth - 1;
    return json->depth != 0 && (json->objects[d / 8] >> (d % 8) & 1) != 0;
}

/* The next byte that is no blank, not stepped over; -1 at the end. */
static int peek(struct hp_jsonread *json)
{
    const char *p = json->text.p;
    size_t at = json->at, n = json->text.n;
    while (at < n && (p[at] == ' ' || p[at] == '\n' || p[at] == '\t' || p[at] == '\r')) {
        at++;
    }
    json->at = at;
    return at < n ? (unsigned char)p[at] : -1;
}

/* ---- scalars ---- */

static int hex4(const char *p)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

static void put_char(struct hp_buf *out, uint32_t c)
{
    if (c < 0x80) {
        hp_buf_put_u8(out, (uint8_t)c);
    } else if (c < 0x800) {
        hp_buf_put_u8(out, (uint8_t)(0xC0 | c >> 6));
        hp_buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        hp_buf_put_u8(out, (uint8_t)(0xE0 | c >> 12));
        hp_buf_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
        hp_buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3F)));
    } else {
        hp_buf_put_u8(out, (uint8_t)(0xF0 | c >> 18));
        hp_buf_put_u8(out, (uint8_t)(0x80 | (c >> 12 & 0x3F)));
        hp_buf_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
        hp_buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3F)));
    }
}

/* One escape; `p` is behind the backslash. Bytes it took, 0: malformed. A half of a surrogate pair becomes
 * U+FFFD. */
static size_t put_escape(struct hp_buf *out, const char *p, size_t left)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at = left == 0 ? NULL : memchr(from, p[0], sizeof from - 1);
    if (at != NULL) {
        hp_buf_put_u8(out, (uint8_t)to[at - from]);
        return 1;
    }
    int high = left >= 5 && p[0] == 'u' ? hex4(p + 1) : -1;
    if (high < 0) {
        return 0;
    }
    if (high >= 0xD800 && high < 0xDC00 && left >= 11 && p[5] == '\\' && p[6] == 'u') {
        int low = hex4(p + 7);
        if (low >= 0xDC00 && low < 0xE000) {
            put_char(out, 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00));
            return 11;
        }
    }
    put_char(out, high >= 0xD800 && high < 0xE000 ? 0xFFFD : (uint32_t)high);
    return 5;
}

/* A text; json->at is at its quote. Without escapes it stays where it is. */
static bool read_text(struct hp_jsonread *json)
{
    const char *p = json->text.p;
    size_t start = json->at + 1, at = start, n = json->text.n;
    while (at < n && p[at] != '"' && p[at] != '\\') {
        at++;
    }
    json->value = hp_str_make(p + start, at - start);
    if (at < n && p[at] == '\\') {
        hp_buf_reset(json->scratch);
        hp_buf_put(json->scratch, p + start, at - start);
        while (at < n && p[at] != '"') {
            size_t run = at;
            while (at < n && p[at] != '"' && p[at] != '\\') {
                at++;
            }
            hp_buf_put(json->scratch, p + run, at - run);
            if (at < n && p[at] == '\\') {
                size_t took = put_escape(json->scratch, p + at + 1, n - at - 1);
                if (took == 0) {
                    json->at = at;
                    fail(json, "an escape that is none");
                    return false;
                }
                at += 1 + took;
            }
        }
        if (json->scratch->err != HP_OK) {
            hp_jsonread_fail(json, json->scratch->err, "a text that is too long");
            return false;
        }
        json->value = hp_buf_str(json->scratch);
    }
    json->at = at;
    if (at >= n) {
        fail(json, "");
        return false;
    }
    json->at++;
    return true;
}

/* The digits that begin `text`, passed; false: there are none. */
static bool pass_digits(const char **text)
{
    size_t n = strspn(*text, "0123456789");
    *text += n;
    return n != 0;
}

/* As the RFC has it, which is less than strtod takes: no "+1", "01", "1." or ".5". */
static bool is_number(const char *text)
{
    text += *text == '-';
    if (text[0] == '0' && text[1] >= '0' && text[1] <= '9') {
        return false;
    }
    bool good = pass_digits(&text);
    if (good && *text == '.') {
        text++;
        good = pass_digits(&text);
    }
    if (good && (*text == 'e' || *text == 'E')) {
        text += text[1] == '+' || text[1] == '-' ? 2 : 1;
        good = pass_digits(&text);
    }
    return good && *text == '\0';
}

static enum hp_json_token read_number(struct hp_jsonread *json)
{
    size_t start = json->at, at = start;
    const char *p = json->text.p;
    while (at < json->text.n && ((p[at] >= '0' && p[at] <= '9') || p[at] == '-' || p[at] == '+' ||
                                 p[at] == '.' || p[at] == 'e' || p[at] == 'E')) {
        at++;
    }
    if (at == start || at - start > NUMBER_MAX) {
        return fail(json, "not JSON");
    }
    json->value = hp_str_make(p + start, at - start);
    char copy[NUMBER_MAX + 1];
    memcpy(copy, json->value.p, json->value.n);
    copy[json->value.n] = '\0';
    if (!is_number(copy)) {
        return fail(json, "a number that is none");
    }
    json->at = at;
    return json->token = HP_JSON_NUMBER;
}

static enum hp_json_token read_word(struct hp_jsonread *json, struct hp_str word, enum hp_json_token token)
{
    struct hp_str rest = hp_str_make(json->text.p + json->at, json->text.n - json->at);
    if (!hp_str_starts(rest, word)) {
        if (rest.n < word.n && hp_str_starts(word, rest)) {
            json->at = json->text.n;
        }
        return fail(json, "not JSON");
    }
    json->at += word.n;
    return json->token = token;
}

/* ---- structure ---- */

static enum hp_json_token open_container(struct hp_jsonread *json, enum hp_json_token token)
{
    uint32_t d = json->depth;
    if (d == HP_JSONREAD_DEPTH) {
        return fail(json, "nested too deep");
    }
    json->at++;
    json->depth++;
    json->objects[d / 8] =
        (uint8_t)((json->objects[d / 8] & ~(1u << (d % 8))) | (unsigned)(token == HP_JSON_OBJECT) << (d % 8));
    json->first = true;
    return json->token = token;
}

static enum hp_json_token close_container(struct hp_jsonread *json, enum hp_json_token token)
{
    json->at++;
    json->depth--;
    json->first = false;
    return json->token = token;
}

/* Pass the comma between two members; false: an error. */
static bool separate(struct hp_jsonread *json)
{
    if (!json->first && json->depth != 0) {
        if (peek(json) != ',') {
            fail(json, "a comma is missing");
            return false;
        }
        json->at++;
    }
    json->first = false;
    return true;
}

enum hp_json_token hp_jsonread_next(struct hp_jsonread *json)
{
    if (json->err != HP_OK) {
        return json->token = HP_JSON_END;
    }
    int c = peek(json);
    if (json->depth != 0 && !json->after_key && (c == ']' || c == '}')) {
        bool object = in_object(json);
        if ((c == '}') != object) {
            return fail(json, "a bracket that does not match");
        }
        return close_container(json, object ? HP_JSON_OBJECT_END : HP_JSON_ARRAY_END);
    }
    if (c < 0 && json->depth == 0 && !json->first) {
        return json->token = HP_JSON_END;
    }
    if (!json->after_key && !separate(json)) {
        return HP_JSON_END;
    }
    json->after_key = false;
    switch (peek(json)) {
    case '{':
        return open_container(json, HP_JSON_OBJECT);
    case '[':
        return open_container(json, HP_JSON_ARRAY);
    case '"':
        return json->token = read_text(json) ? HP_JSON_TEXT : HP_JSON_END;
    case 't':
        return read_word(json, HP_STR("true"), HP_JSON_TRUE);
    case 'f':
        return read_word(json, HP_STR("false"), HP_JSON_FALSE);
    case 'n':
        return read_word(json, HP_STR("null"), HP_JSON_NULL);
    default:
        return read_number(json);
    }
}

bool hp_jsonread_member(struct hp_jsonread *json, struct hp_str *key)
{
    if (json->err != HP_OK) {
        return false;
    }
    if (peek(json) == '}') {
        close_container(json, HP_JSON_OBJECT_END);
        return false;
    }
    if (!separate(json)) {
        return false;
    }
    if (peek(json) != '"') {
        fail(json, "not JSON: a key was expected");
        return false;
    }
    if (!read_text(json)) {
        return false;
    }
    *key = json->value;
    if (peek(json) != ':') {
        fail(json, "a colon is missing");
        return false;
    }
    json->at++;
    json->after_key = true;
    return true;
}

bool hp_jsonread_element(struct hp_jsonread *json)
{
    enum hp_json_token token = hp_jsonread_next(json);
    return json->err == HP_OK && token != HP_JSON_ARRAY_END && token != HP_JSON_OBJECT_END &&
           token != HP_JSON_END;
}

void hp_jsonread_leave(struct hp_jsonread *json)
{
    if (json->token != HP_JSON_OBJECT && json->token != HP_JSON_ARRAY) {
        return;
    }
    uint32_t depth = json->depth;
    struct hp_str key;
    while (json->err == HP_OK && json->depth >= depth) {
        if (in_object(json)) {
            if (!hp_jsonread_member(json, &key)) {
                continue;
            }
        }
        (void)hp_jsonread_next(json);
    }
}

void hp_jsonread_skip(struct hp_jsonread *json)
{
    (void)hp_jsonread_next(json);
    hp_jsonread_leave(json);
}

/* ---- conveniences ---- */

double hp_jsonread_double(const struct hp_jsonread *json)
{
    char copy[NUMBER_MAX + 1];
    memcpy(copy, json->value.p, json->value.n);
    copy[json->value.n] = '\0';
    return strtod(copy, NULL);
}

bool hp_jsonread_number(struct hp_jsonread *json, double *value)
{
    enum hp_json_token token = hp_jsonread_next(json);
    if (token == HP_JSON_NUMBER) {
        *value = hp_jsonread_double(json);
        return true;
    }
    if (token != HP_JSON_NULL) {
        hp_jsonread_fail(json, HP_EFORMAT, "a number was expected");
    }
    return false;
}

bool hp_jsonread_text(struct hp_jsonread *json, struct hp_str *value)
{
    enum hp_json_token token = hp_jsonread_next(json);
    if (token == HP_JSON_TEXT) {
        *value = json->value;
        return true;
    }
    if (token != HP_JSON_NULL) {
        hp_jsonread_fail(json, HP_EFORMAT, "a text was expected");
    }
    return false;
}
