/* fold.c -- see fold.h. One pass over the text, a word at a time:
 *
 *     quoted      '…' "…"                   <str>
 *     word        letters, digits and . - _ @ : / + = % and what is not ASCII, up to a blank or bracket
 *                 then what the word looks like decides (fold_word)
 *     anything    copied
 *
 * After a word that names a secret (password, token …) and "=" or ":" everything up to a blank or separator
 * is <redacted>; after "Authorization" to the end of the line, since its value has blanks in it.
 */
#include "model/fold.h"

#include <stdbool.h>
#include <string.h>

#define ID_LETTERS 20u /* a word this long without a blank, with digits or both cases, is a token */
#define ID_HEX     8u

struct fold {
    char *out;
    size_t n;
    bool full;
};

static void put(struct fold *fold, const char *p, size_t n)
{
    if (fold->full || fold->n + n > HP_FOLD_BYTES - sizeof "…") {
        fold->full = true;
        return;
    }
    memcpy(fold->out + fold->n, p, n);
    fold->n += n;
}

static void put_mark(struct fold *fold, const char *mark)
{
    put(fold, mark, strlen(mark));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool in_word(char c)
{
    return is_letter(c) || is_digit(c) || (c != '\0' && strchr("._-@:/+=%?&~#", c) != NULL);
}

static bool ends_value(char c)
{
    return (unsigned char)c <= ' ' || strchr(",;&)]}\"'", c) != NULL;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Whether `word` has `part` in it, in whatever case. */
static bool has(struct hp_str word, const char *part)
{
    size_t n = strlen(part);
    for (size_t i = 0; i + n <= word.n; i++) {
        size_t k = 0;
        while (k < n && lower(word.p[i + k]) == part[k]) {
            k++;
        }
        if (k == n) {
            return true;
        }
    }
    return false;
}

static bool names_secret(struct hp_str word)
{
    static const char *const names[] = {"passw",      "pwd",     "secret",   "token",
                                        "apikey",     "api_key", "cookie",   "session",
                                        "credential", "bearer",  "authoriz", "access_key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (has(word, names[i])) {
            return true;
        }
    }
    return false;
}

/* Up to the first of `stops` in the word; its length if there is none. */
static size_t until(struct hp_str word, const char *stops)
{
    size_t i = 0;
    while (i < word.n && strchr(stops, word.p[i]) == NULL) {
        i++;
    }
    return i;
}

static bool is_id(struct hp_str word)
{
    size_t digits = 0, hex = 0, letters = 0, other = 0;
    for (size_t i = 0; i < word.n; i++) {
        digits += is_digit(word.p[i]);
        hex += is_hex(word.p[i]);
        letters += is_letter(word.p[i]);
        other += !is_letter(word.p[i]) && !is_digit(word.p[i]) && strchr("-_+=%", word.p[i]) == NULL;
    }
    if (digits == 0 || other != 0) {
        return false;
    }
    return (word.n >= ID_HEX && hex + 4 >= word.n && hex >= ID_HEX && letters + digits == hex) ||
           word.n >= ID_LETTERS;
}

/* A run of digits is one number, with its sign, point and exponent left to the words around it. */
static void put_numbers(struct fold *fold, struct hp_str word)
{
    for (size_t i = 0; i < word.n;) {
        size_t n = 1;
        bool digits = is_digit(word.p[i]);
        while (i + n < word.n && is_digit(word.p[i + n]) == digits) {
            n++;
        }
        if (digits) {
            put_mark(fold, "<int>");
        } else {
            put(fold, word.p + i, n);
        }
        i += n;
    }
}

static void fold_plain(struct fold *fold, struct hp_str word, bool literal)
{
    if (memchr(word.p, '@', word.n) != NULL && word.p[0] != '@') {
        put_mark(fold, "<email>");
    } else if (is_id(word)) {
        put_mark(fold, "<id>");
    } else if (literal) {
        put(fold, word.p, word.n);
    } else {
        put_numbers(fold, word);
    }
}

/* "scheme://user:pass@host/path?query": ids in the path fold by themselves. */
static void fold_url(struct fold *fold, struct hp_str word, size_t scheme, bool literal)
{
    struct hp_str rest = {word.p + scheme, word.n - scheme};
    size_t host_end = until(rest, "/?#");
    const char *at = memchr(rest.p, '@', host_end);
    put(fold, word.p, scheme);
    if (at != NULL) {
        size_t user = (size_t)(at - rest.p);
        put_mark(fold, "<user>@");
        rest = hp_str_make(at + 1, rest.n - user - 1);
    }
    size_t query = until(rest, "?#");
    for (size_t i = 0; i < query;) {
        size_t n = until(hp_str_make(rest.p + i, query - i), "/");
        if (n != 0) {
            fold_plain(fold, hp_str_make(rest.p + i, n), literal);
        }
        i += n;
        if (i < query) {
            put(fold, "/", 1);
            i++;
        }
    }
    if (query < rest.n) {
        put_mark(fold, rest.p[query] == '?' ? "?<query>" : "#<query>");
    }
}

static size_t scheme_of(struct hp_str word)
{
    for (size_t i = 1; i + 3 <= word.n; i++) {
        if (memcmp(word.p + i, "://", 3) == 0) {
            return i + 3;
        }
        if (!is_letter(word.p[i]) && !is_digit(word.p[i]) && word.p[i] != '+') {
            return 0;
        }
    }
    return 0;
}

/* One word without a blank: a URL, a list joined by = : & and the like, or a plain one. */
static void fold_word(struct fold *fold, struct hp_str word, bool literal)
{
    size_t scheme = scheme_of(word);
    if (scheme != 0) {
        fold_url(fold, word, scheme, literal);
        return;
    }
    for (size_t i = 0; i < word.n;) {
        size_t n = until(hp_str_make(word.p + i, word.n - i), "=:/?&#~");
        if (n != 0) {
            fold_plain(fold, hp_str_make(word.p + i, n), literal);
        }
        bool secret = n != 0 && names_secret(hp_str_make(word.p + i, n));
        i += n;
        struct hp_str rest = {word.p + i, word.n - i};
        if (rest.n != 0 && rest.p[0] == '?' && memchr(rest.p, '=', rest.n) != NULL) {
            put_mark(fold, "?<query>");
            return;
        }
        if (rest.n > 1 && secret && (rest.p[0] == '=' || rest.p[0] == ':')) {
            put_mark(fold, "=<redacted>");
            i += until(rest, "&");
        } else if (rest.n != 0) {
            put(fold, rest.p, 1);
            i++;
        }
    }
}

static size_t word_length(struct hp_str text, size_t at)
{
    size_t n = 0;
    while (at + n < text.n && in_word(text.p[at + n])) {
        n++;
    }
    return n;
}

/* The value behind a secret's name, from its "=" or ":" (which may follow blanks or a quote); 0: none
 * follows. */
static size_t secret_length(struct hp_str text, size_t at, bool to_end)
{
    size_t i = at;
    while (i < text.n && (text.p[i] == ' ' || text.p[i] == '"' || text.p[i] == '\'')) {
        i++;
    }
    if (i == text.n || (text.p[i] != '=' && text.p[i] != ':')) {
        return 0;
    }
    i++;
    while (i < text.n && text.p[i] == ' ') {
        i++;
    }
    char quote = i < text.n && (text.p[i] == '"' || text.p[i] == '\'') ? text.p[i] : '\0';
    if (quote != '\0') {
        for (i++; i < text.n && text.p[i] != quote; i++) {
        }
        return (i < text.n ? i + 1 : i) - at;
    }
    while (i < text.n && (to_end ? text.p[i] != '\n' : !ends_value(text.p[i]))) {
        i++;
    }
    return i - at;
}

/* A word, and the secret that it announces. Returns how much of the text it took. */
static size_t take_word(struct fold *fold, struct hp_str text, size_t at, bool literal)
{
    size_t n = word_length(text, at);
    struct hp_str word = {text.p + at, n};
    size_t name = until(word, "=:?&/");
    if (scheme_of(word) == 0 && name < n && strchr("=:", word.p[name]) != NULL &&
        names_secret(hp_str_make(word.p, name))) {
        n = name;
        word.n = name;
    }
    if (!names_secret(word) || scheme_of(word) != 0) {
        fold_word(fold, word, literal);
        return n;
    }
    fold_word(fold, word, literal);
    if (has(word, "bearer") && at + n < text.n && text.p[at + n] == ' ') {
        put_mark(fold, " <redacted>");
        return n + 1 + word_length(text, at + n + 1);
    }
    size_t secret = secret_length(text, at + n, has(word, "authorization") || has(word, "cookie"));
    if (secret != 0) {
        put_mark(fold, "=<redacted>");
    }
    return n + secret;
}

/* Whether a quote opens here: not the apostrophe of "can't". The length of the quoted text, 0 if it does not
 * end. */
static size_t quoted_length(struct hp_str text, size_t at)
{
    char quote = text.p[at];
    if ((quote != '\'' && quote != '"') ||
        (at > 0 && (is_letter(text.p[at - 1]) || is_digit(text.p[at - 1])) && text.p[at - 1] != 'b')) {
        return 0;
    }
    for (size_t i = at + 1; i < text.n; i++) {
        if (text.p[i] == '\\') {
            i++;
        } else if (text.p[i] == quote) {
            return i + 1 - at;
        }
    }
    return 0;
}

size_t hp_fold(struct hp_str text, bool literal, char out[HP_FOLD_BYTES])
{
    struct fold fold = {out, 0, false};
    struct hp_str cut = hp_utf8_cut(text, HP_FOLD_READ_MAX);
    bool shortened = cut.n < text.n;
    for (size_t i = 0; i < cut.n && !fold.full;) {
        size_t quoted = literal ? 0 : quoted_length(cut, i);
        char c = cut.p[i];
        if (quoted != 0) {
            put_mark(&fold, "<str>");
            i += quoted;
        } else if (in_word(c)) {
            i += take_word(&fold, cut, i, literal);
        } else {
            put(&fold, (unsigned char)c < ' ' || c == 0x7f ? " " : &c, 1);
            i++;
        }
    }
    if (fold.full || shortened) {
        memcpy(out + fold.n, "…", sizeof "…" - 1);
        fold.n += sizeof "…" - 1;
    }
    return fold.n;
}
