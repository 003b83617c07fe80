/* collapsed_read.c -- reading collapsed stacks; see collapsed.h.
 *
 * Files are mostly sorted, so a line begins as the one before it: those frames are not looked up again, but
 * taken from the path that was walked then.
 *
 *     main;load;parse 3         path: main load parse
 *     main;load;check 2               ~~~~~~~~~ kept
 */
#include "format/collapsed.h"

#include <string.h>

#include "base/mem.h"
#include "format/frametext.h"

#define PASSED_STEP ((size_t)1 << 18)

/* A frame of the line before. */
struct step {
    size_t end; /* of its text in the stack */
    uint32_t node;
    bool thread;
};

struct lines {
    struct hp_str bytes;
    size_t at;     /* of the next line */
    size_t number; /* bytes before the line that was taken last */
    uint64_t scale;
    struct hp_profile *profile;
    struct hp_str before; /* the stack of the line before */
    size_t common;        /* bytes that the current line begins with as that does */
    struct step *path;    /* its frames */
    size_t depth, capacity;
};

/* How many bytes both begin with: by ever smaller blocks, as most lines have much in common. */
static size_t common_length(struct hp_str a, struct hp_str b)
{
    size_t n = a.n < b.n ? a.n : b.n, at = 0;
    while (n - at >= 512 && memcmp(a.p + at, b.p + at, 512) == 0) {
        at += 512;
    }
    while (n - at >= 64 && memcmp(a.p + at, b.p + at, 64) == 0) {
        at += 64;
    }
    while (n - at >= 8 && memcmp(a.p + at, b.p + at, 8) == 0) {
        at += 8;
    }
    while (at < n && a.p[at] == b.p[at]) {
        at++;
    }
    return at;
}

/* The next line without its end; false: none left. */
static bool next_line(struct lines *lines, struct hp_str *line)
{
    if (lines->at >= lines->bytes.n) {
        return false;
    }
    struct hp_str rest = hp_str_make(lines->bytes.p + lines->at, lines->bytes.n - lines->at);
    size_t common = common_length(lines->before, rest); /* no end of a line is in there */
    size_t n = common + hp_str_find_char(hp_str_make(rest.p + common, rest.n - common), '\n');
    lines->common = common;
    lines->number = lines->at;
    lines->at += n + 1;
    n -= n != 0 && rest.p[n - 1] == '\r';
    *line = hp_str_make(rest.p, n);
    return true;
}

/* Cut the number off the end: "a;b 12", "a;b 12,0,-3" (Austin's full mode: the first is the time), "a;b 12.5"
 * (rounded down). Negative values of memory are `*negative`. */
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

/* Keep what the new stack has in common with the one before, by whole frames. Returns where its other frames
 * begin. */
static size_t keep_common(struct lines *lines, struct hp_str stack)
{
    size_t common = lines->common < stack.n ? lines->common : stack.n;
    size_t end = 0;
    while (lines->depth != 0) {
        end = lines->path[lines->depth - 1].end;
        if (end <= common && (end == stack.n || stack.p[end] == ';')) {
            break;
        }
        lines->depth--;
    }
    lines->before = stack;
    return lines->depth == 0 ? 0 : end + (end < stack.n);
}

static hp_err add_step(struct lines *lines, struct step step)
{
    if (lines->depth == lines->capacity) {
        size_t wanted = lines->capacity == 0 ? 64 : lines->capacity * 2;
        struct step *bigger = hp_realloc(lines->path, wanted * sizeof *bigger);
        if (bigger == NULL) {
            return HP_ENOMEM;
        }
        lines->path = bigger;
        lines->capacity = wanted;
    }
    lines->path[lines->depth++] = step;
    return HP_OK;
}

/* Go from a node to the child for a frame's text, which ends at `end` of the stack. */
static hp_err enter(struct lines *lines, struct hp_str text, size_t end)
{
    const struct step *last = lines->depth == 0 ? NULL : &lines->path[lines->depth - 1];
    struct step step = {.end = end, .node = last == NULL ? HP_NODE_ROOT : last->node};
    struct hp_frametext frame = hp_frametext_parse(text, last == NULL || last->thread);
    uint32_t sym = 0;
    step.thread = frame.thread;
    hp_err err = frame.thread ? hp_profile_thread(lines->profile, frame.name, &sym)
                              : hp_profile_symbol(lines->profile, frame.file, frame.name, frame.line, &sym);
    err = err != HP_OK ? err : hp_profile_child(lines->profile, step.node, sym, &step.node);
    return err != HP_OK ? err : add_step(lines, step);
}

/* The node of a stack "a;b;c". */
static hp_err find_node(struct lines *lines, struct hp_str stack, uint32_t *node)
{
    hp_err err = HP_OK;
    size_t at = keep_common(lines, stack);
    while (err == HP_OK && at < stack.n) {
        size_t n = hp_str_find_char(hp_str_make(stack.p + at, stack.n - at), ';');
        if (n != 0) {
            err = enter(lines, hp_str_make(stack.p + at, n), at + n);
        }
        at += n + 1;
    }
    *node = lines->depth == 0 ? HP_NODE_ROOT : lines->path[lines->depth - 1].node;
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
    return hp_profile_add(lines->profile, node, value, false);
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
    size_t passed = 0;
    hp_err err = HP_OK;
    while (err == HP_OK && next_line(&lines, &line)) {
        err = read_line(&lines, line, info);
        if (source->passed != NULL && lines.number - passed >= PASSED_STEP) {
            passed = lines.number; /* `before` is the line that starts there */
            source->passed(source->ctx, passed);
        }
    }
    hp_free(lines.path);
    err = err != HP_OK ? err : hp_profile_finish(lines.profile);
    if (err != HP_OK) {
        hp_profile_free(lines.profile);
        return err;
    }
    *profile = lines.profile;
    return HP_OK;
}
