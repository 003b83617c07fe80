/* frametext.c -- see frametext.h. */
#include "format/frametext.h"

/* All digits, at least one, below 2^32. */
static bool is_number(struct hp_str text, uint32_t *value)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || sum > UINT32_MAX) {
            return false;
        }
        sum = sum * 10 + (uint64_t)(text.p[i] - '0');
    }
    *value = (uint32_t)sum;
    return text.n != 0 && sum <= UINT32_MAX;
}

/* Index of the last `c`; text.n if there is none. */
static size_t find_last(struct hp_str text, char c)
{
    const char *at = text.n == 0 ? NULL : memrchr(text.p, c, text.n);
    return at == NULL ? text.n : (size_t)(at - text.p);
}

static bool is_thread(struct hp_str text)
{
    uint32_t number;
    struct hp_str rest = hp_str_make(text.p + 1, text.n == 0 ? 0 : text.n - 1);
    if (hp_str_starts(text, HP_STR("tid:")) || hp_str_starts(text, HP_STR("thread (")) ||
        hp_str_starts(text, HP_STR("process "))) {
        return true;
    }
    if (text.n < 2 || (text.p[0] != 'P' && text.p[0] != 'T')) {
        return false;
    }
    if (hp_str_starts(rest, HP_STR("0x")) && rest.n > 2) {
        return true;
    }
    size_t colon = hp_str_find_char(rest, ':');
    return is_number(hp_str_make(rest.p, colon), &number);
}

/* "name (file:line)", "name (file.py)". */
static bool parse_brackets(struct hp_str text, struct hp_frametext *frame)
{
    if (text.p[text.n - 1] != ')') {
        return false;
    }
    size_t open = find_last(text, '(');
    while (open != 0 && open != text.n && text.p[open - 1] != ' ') {
        size_t before = find_last(hp_str_make(text.p, open), '(');
        open = before == open ? text.n : before;
    }
    if (open == text.n || open < 2) {
        return false;
    }
    struct hp_str inner = hp_str_make(text.p + open + 1, text.n - open - 2);
    size_t colon = find_last(inner, ':');
    struct hp_str file = hp_str_make(inner.p, colon);
    bool numbered =
        colon < inner.n && is_number(hp_str_make(inner.p + colon + 1, inner.n - colon - 1), &frame->line);
    if (!numbered) {
        file = inner;
        frame->line = 0;
    }
    if (file.n == 0 || (!numbered && find_last(file, '.') == file.n && file.p[0] != '<')) {
        return false;
    }
    frame->name = hp_str_make(text.p, open - 1);
    frame->file = file;
    return true;
}

/* "file:name:line": the file has a dot or is "<…>", so that a C++ name is not taken for one. */
static bool parse_colons(struct hp_str text, struct hp_frametext *frame)
{
    size_t second = find_last(text, ':');
    struct hp_str left = hp_str_make(text.p, second);
    size_t first = second == text.n ? text.n : find_last(left, ':');
    if (second == text.n || first >= left.n || first == 0 || first + 1 == second ||
        !is_number(hp_str_make(text.p + second + 1, text.n - second - 1), &frame->line)) {
        return false;
    }
    struct hp_str file = hp_str_make(text.p, first);
    if (find_last(file, '.') == file.n && file.p[0] != '<' && find_last(file, '/') == file.n) {
        return false;
    }
    frame->file = file;
    frame->name = hp_str_make(text.p + first + 1, second - first - 1);
    return true;
}

struct hp_frametext hp_frametext_parse(struct hp_str text, bool first)
{
    struct hp_frametext frame = {.file = HP_STR(""), .name = text};
    if (text.n != 0 && first && is_thread(text)) {
        frame.thread = true;
    } else if (text.n != 0 && !parse_brackets(text, &frame) && !parse_colons(text, &frame)) {
        frame = (struct hp_frametext){.file = HP_STR(""), .name = text};
    }
    return frame;
}
