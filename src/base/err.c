/* err.c -- names and texts of the one list of errors; see hotplate/err.h. */
#include "hotplate/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define HP_ERR_NAME(code, text) #code,
#define HP_ERR_TEXT(code, text) text,
static const char *const names[] = {HP_ERR_LIST(HP_ERR_NAME)};
static const char *const texts[] = {HP_ERR_LIST(HP_ERR_TEXT)};

const char *hp_err_name(hp_err code)
{
    return (unsigned)code < HP_ERR_COUNT ? names[code] : "HP_EUNKNOWN";
}

const char *hp_err_text(hp_err code)
{
    return (unsigned)code < HP_ERR_COUNT ? texts[code] : "unknown error";
}

hp_err hp_err_set(struct hp_errinfo *info, hp_err code, uint64_t position, const char *format, ...)
{
    if (info == NULL) {
        return code;
    }
    info->code = code;
    info->position = position;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(info->text, sizeof info->text, format, args);
    va_end(args);
    if (length < 0) {
        info->text[0] = '\0';
        return code;
    }
    /* vsnprintf cuts at a byte; take the text back to a whole character. */
    if ((size_t)length >= sizeof info->text) {
        struct hp_str whole = {info->text, sizeof info->text - 1};
        size_t i = 0;
        while (i < whole.n) {
            size_t step = hp_utf8_len(hp_str_make(whole.p + i, whole.n - i));
            bool begins_cut_char = step == 0 && (unsigned char)whole.p[i] >= 0xC2 && whole.n - i < 4;
            if (begins_cut_char) {
                break;
            }
            i += step != 0 ? step : 1;
        }
        info->text[i] = '\0';
    }
    /* One line: what came in from elsewhere may hold line ends. */
    for (char *p = info->text; *p != '\0'; p++) {
        if (*p == '\n' || *p == '\r') {
            *p = ' ';
        }
    }
    return code;
}
