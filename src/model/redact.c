/* redact.c -- see redact.h. */
#include "model/redact.h"

#include <string.h>

static const char *const words[] = {"COOKIE", "AUTHORIZATION", "SECRET", "PASSW", "TOKEN",
                                    "KEY",    "CREDENTIAL",    "URI",    "DSN"};
#define WORDS (sizeof words / sizeof words[0])

bool hp_redact_hits(struct hp_str name)
{
    char upper[80];
    size_t n = name.n < sizeof upper - 1 ? name.n : sizeof upper - 1;
    for (size_t i = 0; i < n; i++) {
        upper[i] = (char)(name.p[i] >= 'a' && name.p[i] <= 'z' ? name.p[i] - 32 : name.p[i]);
    }
    upper[n] = '\0';
    for (size_t i = 0; i < WORDS; i++) {
        if (strstr(upper, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

const char *hp_redact_word(size_t i)
{
    return i < WORDS ? words[i] : NULL;
}
