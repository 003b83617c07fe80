/* redact.c -- see redact.h. */
#include "model/redact.h"

#include <string.h>

static const char *const words[] = {"COOKIE", "AUTHORIZATION", "SECRET", "PASSW", "TOKEN",
                                    "KEY",    "CREDENTIAL",    "URI",    "DSN"};
#define WORDS (sizeof words / sizeof words[0])

static char upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
}

static bool is_between(char c)
{
    return c == ' ' || c == ',' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_of_word(char c)
{
    c = upper(c);
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* One word of `n` bytes. A word of one letter would redact nearly everything. */
static hp_err add(struct hp_redact *redact, const char *word, size_t n, struct hp_errinfo *info)
{
    bool good = n >= 2 && n < HP_REDACT_WORD_BYTES;
    for (size_t i = 0; i < n; i++) {
        good = good && is_of_word(word[i]);
    }
    if (!good) {
        return hp_err_set(
            info, HP_EINVAL, 0, "redact: \"%.*s\" is no word of 2 to %u letters, digits, -, _ or .",
            (int)(n < HP_REDACT_WORD_BYTES ? n : HP_REDACT_WORD_BYTES), word, HP_REDACT_WORD_BYTES - 1);
    }
    if (redact->count == HP_REDACT_MOST) {
        return hp_err_set(info, HP_EINVAL, 0, "redact: more than %u words", HP_REDACT_MOST);
    }
    char *to = redact->words[redact->count++];
    for (size_t i = 0; i < n; i++) {
        to[i] = upper(word[i]);
    }
    to[n] = '\0';
    return HP_OK;
}

hp_err hp_redact_read(struct hp_redact *redact, struct hp_str text, struct hp_errinfo *info)
{
    hp_err err = HP_OK;
    redact->count = 0;
    for (size_t i = 0, n; i < text.n && err == HP_OK; i += n + 1) {
        for (n = 0; i + n < text.n && !is_between(text.p[i + n]); n++) {
        }
        err = n != 0 ? add(redact, text.p + i, n, info) : HP_OK;
    }
    return err;
}

bool hp_redact_hits(const struct hp_redact *more, struct hp_str name)
{
    char capitals[80];
    size_t n = name.n < sizeof capitals - 1 ? name.n : sizeof capitals - 1;
    bool hit = false;
    for (size_t i = 0; i < n; i++) {
        capitals[i] = upper(name.p[i]);
    }
    capitals[n] = '\0';
    for (size_t i = 0; i < WORDS && !hit; i++) {
        hit = strstr(capitals, words[i]) != NULL;
    }
    for (uint32_t i = 0; more != NULL && i < more->count && !hit; i++) {
        hit = strstr(capitals, more->words[i]) != NULL;
    }
    return hit;
}

const char *hp_redact_word(size_t i)
{
    return i < WORDS ? words[i] : NULL;
}
