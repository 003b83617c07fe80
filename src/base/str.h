/* str.h -- borrowed text with a length, and UTF-8.
 *
 * Why: captured text is not NUL-terminated by faith and often a slice of something larger. A struct hp_str
 * never owns; it is passed by value. Bytes may be anything; functions named utf8 look at characters.
 */
#ifndef HP_STR_H
#define HP_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct hp_str {
    const char *p; /* may be NULL if n is 0 */
    size_t n;
};

/* Text of a string literal. */
#define HP_STR(lit) ((struct hp_str){"" lit, sizeof(lit) - 1})

static inline struct hp_str hp_str_make(const char *p, size_t n)
{
    return (struct hp_str){p, n};
}

/* Of a NUL-terminated string; NULL gives the empty text. */
static inline struct hp_str hp_str_from0(const char *text)
{
    return (struct hp_str){text, text != NULL ? strlen(text) : 0};
}

/* Same bytes. */
static inline bool hp_str_eq(struct hp_str a, struct hp_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Order by unsigned bytes, a prefix first: < 0, 0 or > 0. */
int hp_str_cmp(struct hp_str a, struct hp_str b);

/* Whether `text` begins or ends with the other. Everything begins and ends with the empty text. */
bool hp_str_starts(struct hp_str text, struct hp_str prefix);
bool hp_str_ends(struct hp_str text, struct hp_str suffix);

/* Index of the first byte `c` in `text`; text.n if there is none. */
size_t hp_str_find_char(struct hp_str text, char c);

/* Whether `c` may stand in a name of a programming language: letters, digits, "_", all beyond ASCII. */
bool hp_str_is_word(char c);
/* How many such characters `text` begins with. */
size_t hp_str_word_length(struct hp_str text);
/* Index of `word` in `text` from `at` on, where it is not part of a longer name; text.n: it is not there. */
size_t hp_str_find_word(struct hp_str text, size_t at, struct hp_str word);
/* What follows the first `at` bytes; "" if there is nothing. */
struct hp_str hp_str_from(struct hp_str text, size_t at);

/* Length in bytes (1–4) of the well-formed UTF-8 sequence at the start of `text`; 0 if there is none (empty,
 * overlong, surrogate, above U+10FFFF, cut short or a stray byte). Threads: any, like all of this file. */
size_t hp_utf8_len(struct hp_str text);

/* Whether all of `text` is well-formed UTF-8. */
bool hp_utf8_valid(struct hp_str text);

/* The longest beginning of `text` of at most `max_bytes` that does not end inside a character of well-formed
 * UTF-8. Bytes that are not UTF-8 are cut anywhere. Owns: borrows from `text`. */
struct hp_str hp_utf8_cut(struct hp_str text, size_t max_bytes);

#endif
