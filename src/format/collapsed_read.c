/* collapsed_read.c -- reading collapsed stacks; see collapsed.h. */
#include "format/collapsed.h"

#include "base/mem.h"
#include "format/frametext.h"

struct lines {
    struct hp_str bytes;
    size_t at;     /* of the next line */
    size_t number; /* bytes before the line that was taken last */
    uint64_t scale;
    struct hp_profile *profile;
};

/* The next line without its end; false: none left. */
static bool next_line(struct lines *lines, struct hp_str *line)
{
    if (lines->at >= lines->bytes.n) {
        return false;
    }
    struct hp_str rest = hp_str_make(lines->bytes.p + lines->at, lines->bytes.n - lines->at);
    size_t n = hp_str_find_char(rest, '\n');
    lines->number = lines->at;
    lines->at += n + 1;
    n -= n != 0 && rest.p[n - 1] == '\r';
    *line = hp_str_make(rest.p, n);
    return true;
}

/* Cut the number off the end: "a;b 12", "a;b 12,0,-3" (Austin's full mode: the first is the time), "a;b 12.5" (rounded down). Negative values
 * of memory are `*negative`. */
static bool cut_value(struct hp_str *line, uint64_t *value, bool *negative)
{
    size_t space = line->n;
    while (space > 0 && line->p[space - 1] != ' ' && line->p[space - 1] != '\t') {
        space--;
    }
    size_t i = space;
    uint64_t sum = 0;
    *negative = i < line->n && line->p[i] == '-';
    i += *negative;
    size_t digits = i;
    for (; i < line->n && line->p[i] >= '0' && line->p[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(line->p[i] - '0');
        if (sum > (UINT64_MAX - digit) / 10) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    if (space < 1 || i == digits || (i < line->n && line->p[i] != ',' && line->p[i] != '.')) {
        return false;
    }
    for (; i < line->n; i++) {
        char c = line->p[i];
        if ((c < '0' || c > '9') && c != ',' && c != '.' && c != '-') {
            return false;
        }
    }
    *value = sum;
    line->n = space - 1; /* py-spy writes an empty stack too */
    return true;
}

/* "# mode: memory": what Austin says of its numbers. */
static void read_comment(struct lines *lines, struct hp_str line)
{
    if (hp_str_starts(line, HP_STR("# austin:")) && lines->profile->unit == HP_UNIT_SAMPLES) {
        lines->profile->unit = HP_UNIT_TIME;
        lines->scale = 1000;
    }
    if (hp_str_starts(line, HP_STR("# mode: memory"))) {
        lines->profile->unit = HP_UNIT_BYTES;
        lines->scale = 1;
    }
}

/* The node of a stack "a;b;c". */
static hp_err find_node(struct lines *lines, struct hp_str stack, uint32_t *node)
{
    hp_err err = HP_OK;
    bool first = true;
    *node = HP_NODE_ROOT;
    while (err == HP_OK && stack.n != 0) {
        size_t n = hp_str_find_char(stack, ';');
        uint32_t sym = 0;
        struct hp_frametext frame = hp_frametext_parse(hp_str_make(stack.p, n), first);
        if (n != 0) {
            err = frame.thread ? hp_profile_thread(lines->profile, frame.name, &sym)
                               : hp_profile_symbol(lines->profile, frame.file, frame.name, frame.line, &sym);
            err = err != HP_OK ? err : hp_profile_child(lines->profile, *node, sym, node);
            first = frame.thread;
        }
        n += n < stack.n;
        stack = hp_str_make(stack.p + n, stack.n - n);
    }
    return err;
}

static hp_err read_line(struct lines *lines, struct hp_str line, struct hp_errinfo *info)
{
    uint64_t value;
    uint32_t node;
    bool negative;
    if (line.n == 0) {
        return HP_OK;
    }
    if (line.p[0] == '#') {
        read_comment(lines, line);
        return HP_OK;
    }
    if (!cut_value(&line, &value, &negative)) {
        return hp_err_set(info, HP_EFORMAT, lines->number, "a line without a number at its end");
    }
    hp_err err = find_node(lines, line, &node);
    if (err != HP_OK) {
        return hp_err_set(info, err, lines->number, "%s",
                          err == HP_EFULL ? "more different stacks than fit" : "out of memory");
    }
    if (negative) {
        lines->profile->clamped++;
        value = 0;
    }
    value = value <= UINT64_MAX / lines->scale ? value * lines->scale : UINT64_MAX;
    return hp_profile_add(lines->profile, node, 0, value, false);
}

bool hp_collapsed_is(struct hp_str bytes)
{
    struct lines lines = {.bytes = bytes};
    struct hp_str line = {0};
    uint64_t value;
    bool negative, found = false;
    while (!found && next_line(&lines, &line)) {
        found = line.n != 0 && line.p[0] != '#';
    }
    return found && hp_str_find_char(line, '\0') == line.n && cut_value(&line, &value, &negative);
}

hp_err hp_collapsed_read(const struct hp_profile_source *source, struct hp_profile **profile,
                         struct hp_errinfo *info)
{
    struct lines lines = {.bytes = source->bytes, .scale = 1};
    struct hp_str line;
    lines.profile = hp_profile_new(HP_PROFILE_TREE, source->budget_bytes);
    if (lines.profile == NULL) {
        return hp_err_set(info, HP_ENOMEM, 0, "out of memory");
    }
    lines.profile->unit = HP_UNIT_SAMPLES;
    lines.profile->sampled = true;
    hp_err err = HP_OK;
    while (err == HP_OK && next_line(&lines, &line)) {
        err = read_line(&lines, line, info);
    }
    err = err != HP_OK ? err : hp_profile_finish(lines.profile);
    if (err != HP_OK) {
        hp_profile_free(lines.profile);
        return err;
    }
    *profile = lines.profile;
    return HP_OK;
}
