/* asks.c -- see asks.h. */
#include "find/asks.h"

#include "find/find_int.h"
#include "find/pytext.h"

struct reading {
    struct hp_str header; /* of the function */
    struct hp_str callee;
    uint32_t calls; /* of it, in the statement */
    unsigned asks;
};

static bool is_call_of(const struct hp__py *py, struct hp__py_token token, struct hp_str callee)
{
    if (token.kind != HP__PY_NAME || token.keyword || hp__py_peek(py) != '(') {
        return false;
    }
    if (callee.n == 0) {
        return !token.member;
    }
    return hp_str_ends(token.text, callee) &&
           (token.text.n == callee.n || token.text.p[token.text.n - callee.n - 1] == '.');
}

/* THIS_WAY, also below a module: settings.THIS_WAY. */
static bool is_constant(struct hp_str path)
{
    size_t from = path.n;
    while (from > 0 && path.p[from - 1] != '.') {
        from--;
    }
    bool upper = false;
    for (size_t i = from; i < path.n; i++) {
        upper = upper || (path.p[i] >= 'A' && path.p[i] <= 'Z');
        if (path.p[i] >= 'a' && path.p[i] <= 'z') {
            return false;
        }
    }
    return upper;
}

static bool is_parameter(struct hp_str header, struct hp_str path)
{
    struct hp_str name = hp_str_make(path.p, hp_str_find_char(path, '.'));
    struct hp__py py;
    if (hp_str_eq(name, HP_STR("self")) || hp_str_eq(name, HP_STR("cls"))) {
        return false; /* what is kept in it may be anything */
    }
    hp__py_init(&py, header, 1);
    for (struct hp__py_token token = hp__py_next(&py); token.kind != HP__PY_END; token = hp__py_next(&py)) {
        if (token.kind == HP__PY_NAME && py.depth == 1 && hp_str_eq(token.text, name)) {
            return true;
        }
    }
    return false;
}

/* What one call is given; the reading is at its bracket. */
static unsigned read_arguments(struct reading *reading, struct hp__py *py)
{
    unsigned given = HP__ASKS_SAME | HP__ASKS_GIVEN;
    uint32_t depth = py->depth;
    bool told = false; /* numbers alone do not say what is asked: recv(4096) */
    (void)hp__py_next(py);
    while (py->depth > depth) {
        struct hp__py_token token = hp__py_next(py);
        if (token.kind == HP__PY_END) {
            return 0;
        }
        reading->calls += is_call_of(py, token, reading->callee);
        told = told || token.kind == HP__PY_STRING || (token.kind == HP__PY_NAME && is_constant(token.text));
        if (token.kind != HP__PY_NAME || token.keyword || hp__py_names_parameter(py) ||
            is_constant(token.text)) {
            continue;
        }
        bool is_given = is_parameter(reading->header, token.text) && hp__py_peek(py) != '(';
        given = is_given ? given & HP__ASKS_GIVEN : 0;
    }
    return told ? given : given & HP__ASKS_GIVEN;
}

static void read_statement(struct reading *reading, struct hp_str text)
{
    struct hp__py py;
    unsigned given = HP__ASKS_SAME | HP__ASKS_GIVEN;
    bool first = true, whole = false;
    hp__py_init(&py, text, 1);
    struct hp__py_token token = hp__py_next(&py);
    for (; token.kind != HP__PY_END && token.kind != HP__PY_LINE; token = hp__py_next(&py)) {
        if (first && hp__py_is(token, "await")) {
            continue;
        }
        reading->asks |= first && hp__py_is(token, "return") ? HP__ASKS_RETURN : 0;
        whole = false;
        if (is_call_of(&py, token, reading->callee)) {
            given &= read_arguments(reading, &py);
            reading->calls++;
            whole = first && py.depth == 0;
        }
        first = false;
    }
    reading->asks |= whole && reading->calls == 1 ? HP__ASKS_UNUSED : 0;
    reading->asks |= given;
    bool named = hp_str_eq(reading->callee, HP_STR("head"));
    bool given_word = hp__words_holds(text, HP_STR("\"HEAD\"")) || hp__words_holds(text, HP_STR("'HEAD'"));
    reading->asks |= named || given_word ? HP__ASKS_HEAD : 0;
}

hp_err hp__asks_read(struct hp_str source, uint32_t first_line, uint32_t line, struct hp_str callee,
                     struct hp_arena *arena, unsigned *asks)
{
    struct reading reading = {.callee = callee};
    uint32_t n;
    struct hp__py_statement *list = hp__py_list(source, first_line, arena, &n);
    if (list == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t k = 1; k < n; k++) {
        if (list[k].first <= line && line <= list[k].last) {
            reading.header = list[0].text;
            read_statement(&reading, list[k].text);
            break;
        }
    }
    *asks = reading.calls != 0 ? reading.asks : 0;
    return HP_OK;
}

#define MOST_NAMES 8u

/* The names that the first loop of a text goes over its things by; none where those are numbers. */
static uint32_t read_loop(struct hp_str text, struct hp_str names[MOST_NAMES])
{
    struct hp__py py;
    uint32_t n = 0;
    hp__py_init(&py, text, 1);
    struct hp__py_token token = hp__py_next(&py);
    while (token.kind != HP__PY_END && !(token.keyword && hp__py_is(token, "for"))) {
        token = hp__py_next(&py);
    }
    while (token.kind != HP__PY_END && !(token.keyword && hp__py_is(token, "in"))) {
        if (token.kind == HP__PY_NAME && !token.keyword && n < MOST_NAMES) {
            names[n++] = token.text;
        }
        token = hp__py_next(&py);
    }
    token = hp__py_next(&py);
    return hp__py_is(token, "range") || token.kind == HP__PY_END ? 0 : n;
}

/* Whether one of the names stands in brackets of a text, beside the loop that gives it. */
static bool gives(struct hp_str text, const struct hp_str *names, uint32_t n)
{
    struct hp__py py;
    bool header = false;
    hp__py_init(&py, text, 1);
    for (struct hp__py_token token = hp__py_next(&py); token.kind != HP__PY_END; token = hp__py_next(&py)) {
        header = token.keyword ? hp__py_is(token, "for") : header;
        for (uint32_t i = 0; i < n && token.kind == HP__PY_NAME && !header && py.depth != 0; i++) {
            bool same = hp_str_starts(token.text, names[i]);
            if (same && (token.text.n == names[i].n || token.text.p[names[i].n] == '.')) {
                return true;
            }
        }
    }
    return false;
}

hp_err hp__asks_item(struct hp_str source, uint32_t first_line, uint32_t line, struct hp_arena *arena,
                     bool *item)
{
    struct hp_str names[MOST_NAMES];
    uint32_t n, loop = hp__py_loop(source, first_line, line);
    struct hp__py_statement *list = hp__py_list(source, first_line, arena, &n);
    *item = false;
    if (list == NULL) {
        return HP_ENOMEM;
    }
    const struct hp__py_statement *here = NULL, *around = NULL;
    for (uint32_t k = 1; k < n; k++) {
        here = list[k].first <= line && line <= list[k].last ? &list[k] : here;
        around = list[k].first == loop ? &list[k] : around;
    }
    *item = here != NULL && gives(here->text, names, read_loop(here->text, names));
    if (here != NULL && around != NULL && here != around && !*item) {
        *item = gives(here->text, names, read_loop(around->text, names));
    }
    return HP_OK;
}
