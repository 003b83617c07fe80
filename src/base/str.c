/* str.c -- borrowed text and UTF-8; see str.h. Well-formedness follows the Unicode Standard, table 3-7. */
#include "base/str.h"

int hp_str_cmp(struct hp_str a, struct hp_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n != 0 ? memcmp(a.p, b.p, n) : 0;
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

bool hp_str_starts(struct hp_str text, struct hp_str prefix)
{
    return prefix.n == 0 || (text.n >= prefix.n && memcmp(text.p, prefix.p, prefix.n) == 0);
}

bool hp_str_ends(struct hp_str text, struct hp_str suffix)
{
    return suffix.n == 0 ||
           (text.n >= suffix.n && memcmp(text.p + (text.n - suffix.n), suffix.p, suffix.n) == 0);
}

size_t hp_str_find_char(struct hp_str text, char c)
{
    const char *hit = text.n != 0 ? memchr(text.p, c, text.n) : NULL;
    return hit != NULL ? (size_t)(hit - text.p) : text.n;
}

bool hp_str_is_word(char c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80;
}

size_t hp_str_word_length(struct hp_str text)
{
    size_t n = 0;
    while (n < text.n && hp_str_is_word(text.p[n])) {
        n++;
    }
    return n;
}

size_t hp_str_find_word(struct hp_str text, size_t at, struct hp_str word)
{
    for (; word.n != 0 && at + word.n <= text.n; at++) {
        size_t end = at + word.n;
        bool starts = at == 0 || !hp_str_is_word(text.p[at - 1]) || !hp_str_is_word(word.p[0]);
        bool ends = end == text.n || !hp_str_is_word(text.p[end]) || !hp_str_is_word(word.p[word.n - 1]);
        if (starts && ends && memcmp(text.p + at, word.p, word.n) == 0) {
            return at;
        }
    }
    return text.n;
}

struct hp_str hp_str_from(struct hp_str text, size_t at)
{
    return at < text.n ? hp_str_make(text.p + at, text.n - at) : HP_STR("");
}

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

size_t hp_utf8_len(struct hp_str text)
{
    if (text.n == 0) {
        return 0;
    }
    const unsigned char *p = (const unsigned char *)text.p;
    if (p[0] < 0x80) {
        return 1;
    }
    /* The second byte's range rules out overlong forms, surrogates and what is above U+10FFFF. */
    unsigned char low = 0x80, high = 0xBF;
    size_t need = 0;
    if (p[0] >= 0xC2 && p[0] <= 0xDF) {
        need = 2;
    } else if (p[0] >= 0xE0 && p[0] <= 0xEF) {
        need = 3;
        low = p[0] == 0xE0 ? 0xA0 : 0x80;
        high = p[0] == 0xED ? 0x9F : 0xBF;
    } else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
        need = 4;
        low = p[0] == 0xF0 ? 0x90 : 0x80;
        high = p[0] == 0xF4 ? 0x8F : 0xBF;
    }
    if (need == 0 || text.n < need || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < need; i++) {
        if (!is_continuation(p[i])) {
            return 0;
        }
    }
    return need;
}

bool hp_utf8_valid(struct hp_str text)
{
    for (size_t i = 0; i < text.n;) {
        size_t step = hp_utf8_len(hp_str_make(text.p + i, text.n - i));
        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

struct hp_str hp_utf8_cut(struct hp_str text, size_t max_bytes)
{
    if (text.n <= max_bytes) {
        return text;
    }
    /* Only a character that begins at most three bytes before the cut can reach over it. */
    for (size_t back = 1; back <= 3 && back <= max_bytes; back++) {
        size_t start = max_bytes - back;
        size_t length = hp_utf8_len(hp_str_make(text.p + start, text.n - start));
        if (length > back) {
            return hp_str_make(text.p, start);
        }
        if (length != 0 || !is_continuation((unsigned char)text.p[start])) {
            break;
        }
    }
    return hp_str_make(text.p, max_bytes);
}
