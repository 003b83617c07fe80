/* drawn.c -- see drawn.h. */
#include "find/drawn.h"

#include <string.h>

#define MOST_BOUND 32u /* blocks that are open, and names set in them */

struct tag {
    struct hp_str text;   /* without the marks */
    char kind;            /* '%', '{' or '#' */
    uint32_t first, last; /* lines */
};

struct reading {
    struct hp_str rest;
    uint32_t line;
    struct hp_str
        bound[MOST_BOUND];         /* by open blocks, outermost first; of a block that binds nothing empty */
    struct hp_str set[MOST_BOUND]; /* in any of them */
    uint32_t depth, set_count;
    bool lost; /* more than there is room for */
};

/* The next word, which `*rest` is moved beyond; `*before`: the character before it, blanks left out. Strings
 * are passed. Empty: there is none. */
static struct hp_str next_word(struct hp_str *rest, char *before)
{
    *before = ' ';
    while (rest->n != 0 && !hp_str_is_word(rest->p[0])) {
        char c = rest->p[0];
        *rest = hp_str_from(*rest, 1);
        if (c == '"' || c == '\'') {
            *rest = hp_str_from(*rest, hp_str_find_char(*rest, c) + 1);
        }
        *before = strchr(" \t\n", c) == NULL ? c : *before;
    }
    struct hp_str word = hp_str_make(rest->p, hp_str_word_length(*rest));
    *rest = hp_str_from(*rest, word.n);
    return word;
}

/* What follows, blanks left out. */
static char peek(struct hp_str rest)
{
    size_t n = 0;
    while (n < rest.n && strchr(" \t\n", rest.p[n]) != NULL) {
        n++;
    }
    return n < rest.n ? rest.p[n] : ' ';
}

static bool has_word(struct hp_str text, struct hp_str wanted)
{
    char before;
    for (struct hp_str word = next_word(&text, &before); word.n != 0; word = next_word(&text, &before)) {
        if (hp_str_eq(word, wanted)) {
            return true;
        }
    }
    return false;
}

/* Move on by so many characters, and count their lines. */
static void move(struct reading *reading, size_t n)
{
    for (size_t i = 0; i < n && i < reading->rest.n; i++) {
        reading->line += reading->rest.p[i] == '\n';
    }
    reading->rest = hp_str_from(reading->rest, n);
}

static bool next_tag(struct reading *reading, struct tag *tag)
{
    struct hp_str rest = reading->rest;
    size_t at = 0;
    while (at + 1 < rest.n && (rest.p[at] != '{' || strchr("%{#", rest.p[at + 1]) == NULL)) {
        at++;
    }
    if (at + 1 >= rest.n) {
        return false;
    }
    move(reading, at);
    tag->kind = reading->rest.p[1];
    tag->first = reading->line;
    char end = tag->kind == '{' ? '}' : tag->kind;
    size_t n = 2;
    while (n + 1 < reading->rest.n && (reading->rest.p[n] != end || reading->rest.p[n + 1] != '}')) {
        n++;
    }
    if (n + 1 >= reading->rest.n) {
        return false;
    }
    tag->text = hp_str_make(reading->rest.p + 2, n - 2);
    move(reading, n + 2);
    tag->last = reading->line;
    return true;
}

static void open_block(struct reading *reading, struct hp_str bound)
{
    reading->lost = reading->lost || reading->depth == MOST_BOUND;
    if (!reading->lost) {
        reading->bound[reading->depth++] = bound;
    }
}

/* Of "for a, b in list" and "set a = b" what stands before the word or mark. */
static struct hp_str up_to(struct hp_str text, struct hp_str end)
{
    return hp_str_make(text.p, hp_str_find_word(text, 0, end));
}

static void follow(struct reading *reading, struct hp_str text)
{
    static const char *const plain[] = {"if", "block", "filter", "autoescape", "trans", "raw"};
    char before;
    struct hp_str word = next_word(&text, &before);
    if (hp_str_starts(word, HP_STR("end"))) {
        reading->depth -= reading->depth != 0;
    } else if (hp_str_eq(word, HP_STR("for"))) {
        open_block(reading, up_to(text, HP_STR("in")));
    } else if (hp_str_eq(word, HP_STR("macro")) || hp_str_eq(word, HP_STR("with")) ||
               hp_str_eq(word, HP_STR("call"))) {
        open_block(reading, text);
    } else if (hp_str_eq(word, HP_STR("set"))) {
        struct hp_str names = up_to(text, HP_STR("="));
        bool inside = reading->depth != 0;
        if (names.n == text.n) {
            open_block(reading, (struct hp_str){"", 0});
        }
        reading->lost = reading->lost || (inside && reading->set_count == MOST_BOUND);
        if (inside && !reading->lost) {
            reading->set[reading->set_count++] = names;
        }
    }
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (hp_str_eq(word, hp_str_from0(plain[i]))) {
            open_block(reading, (struct hp_str){"", 0});
        }
    }
}

static bool is_bound(const struct reading *reading, struct hp_str name)
{
    bool bound = hp_str_eq(name, HP_STR("loop")) || hp_str_eq(name, HP_STR("caller")) ||
                 hp_str_eq(name, HP_STR("varargs")) || hp_str_eq(name, HP_STR("kwargs"));
    for (uint32_t i = 0; i < reading->depth; i++) {
        bound = bound || has_word(reading->bound[i], name);
    }
    for (uint32_t i = 0; i < reading->set_count; i++) {
        bound = bound || has_word(reading->set[i], name);
    }
    return bound;
}

/* Whether a call is given nothing that changes; `rest` begins with its bracket. */
static bool gives_same(const struct reading *reading, struct hp_str rest)
{
    size_t n = 0;
    int depth = 0;
    do {
        depth += (rest.p[n] == '(') - (rest.p[n] == ')');
        n++;
    } while (n < rest.n && depth > 0);
    struct hp_str given = hp_str_make(rest.p, n);
    char before;
    for (struct hp_str word = next_word(&given, &before); word.n != 0; word = next_word(&given, &before)) {
        char after = peek(given);
        bool names = after == '=' && given.n > 1 && given.p[1] != '=';
        if (before == '.' || before == '|' || names) {
            continue;
        }
        if (after == '(' || is_bound(reading, word)) {
            return false;
        }
    }
    return true;
}

struct hp_str hp__drawn_macro(struct hp_str source, uint32_t line)
{
    struct reading reading = {.rest = source, .line = 1};
    struct tag tag;
    char before;
    while (next_tag(&reading, &tag) && tag.first <= line) {
        struct hp_str text = tag.text;
        bool here = tag.kind == '%' && tag.last >= line;
        if (here && hp_str_eq(next_word(&text, &before), HP_STR("macro"))) {
            return next_word(&text, &before);
        }
    }
    return (struct hp_str){NULL, 0};
}

bool hp__drawn_same(struct hp_str source, uint32_t line, struct hp_str name)
{
    struct reading reading = {.rest = source, .line = 1};
    struct tag tag;
    bool found = false;
    char before;
    while (name.n != 0 && next_tag(&reading, &tag) && tag.first <= line && !reading.lost) {
        struct hp_str rest = tag.text, first = rest;
        bool begins_call = tag.kind == '%' && hp_str_eq(next_word(&first, &before), HP_STR("call"));
        bool here = tag.kind != '#' && tag.last >= line;
        for (struct hp_str word = next_word(&rest, &before); here && word.n != 0;
             word = next_word(&rest, &before)) {
            if (!hp_str_eq(word, name) || rest.n == 0 || rest.p[0] != '(') {
                continue;
            }
            if (begins_call || !gives_same(&reading, rest)) {
                return false;
            }
            found = true;
        }
        if (tag.kind == '%') {
            follow(&reading, tag.text);
        }
    }
    return found && !reading.lost;
}
