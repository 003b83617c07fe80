/* given.c -- see given.h. */
#include "find/given.h"

#include "find/pytext.h"

#define MOST_NAMES      48u
#define MOST_DEPTH      16u
#define MOST_STATEMENTS 128u /* a longer function does more than one thing */

struct names {
    struct hp_str list[MOST_NAMES];
    uint32_t count;
    bool full;
};

static struct hp_str first_word(struct hp_str path)
{
    return hp_str_make(path.p, hp_str_find_char(path, '.'));
}

static bool has(const struct names *names, struct hp_str name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (hp_str_eq(names->list[i], name)) {
            return true;
        }
    }
    return false;
}

static void add(struct names *names, struct hp_str name)
{
    names->full = names->full || names->count == MOST_NAMES;
    if (!names->full && !has(names, name)) {
        names->list[names->count++] = name;
    }
}

static bool is_object(struct hp_str name)
{
    return hp_str_eq(name, HP_STR("self")) || hp_str_eq(name, HP_STR("cls"));
}

/* Parameters: the names that begin what stands between commas. */
static void read_parameters(struct hp_str header, struct names *names)
{
    struct hp__py py;
    bool begins = false;
    hp__py_init(&py, header, 1);
    for (struct hp__py_token token = hp__py_next(&py); token.kind != HP__PY_END; token = hp__py_next(&py)) {
        if (begins && py.depth == 1 && token.kind == HP__PY_NAME) {
            add(names, token.text);
        }
        bool goes_on = begins && (hp__py_is(token, "*") || hp__py_is(token, "**"));
        begins = py.depth == 1 && (hp__py_is(token, "(") || hp__py_is(token, ",") || goes_on);
    }
}

/* Whether a token is something that the function was given: not a keyword's name, not a method of its own. */
static bool is_given(const struct hp__py *py, struct hp__py_token token, const struct names *names)
{
    if (token.kind != HP__PY_NAME || token.keyword || token.member ||
        (py->depth != 0 && hp__py_names_parameter(py))) {
        return false;
    }
    struct hp_str name = first_word(token.text);
    bool method = is_object(name) && name.n < token.text.n && hp__py_peek(py) == '(';
    return !method && has(names, name);
}

/* Whether the statement uses what was given, outside of [from, to). */
static bool uses(struct hp_str text, const struct names *names, const char *from, const char *to)
{
    struct hp__py py;
    hp__py_init(&py, text, 1);
    for (struct hp__py_token token = hp__py_next(&py); token.kind != HP__PY_END; token = hp__py_next(&py)) {
        bool inside = token.kind == HP__PY_NAME && from != NULL && token.text.p >= from && token.text.p < to;
        if (!inside && is_given(&py, token, names)) {
            return true;
        }
    }
    return false;
}

/* ---- before the call ---- */

/* The names that a statement assigns are given like those that it uses. False: it does something else with
 * them. */
static bool carry_on(struct hp_str text, struct names *names)
{
    struct names targets = {.count = 0};
    struct hp__py py;
    if (hp_str_starts(text, HP_STR("if ")) || hp_str_starts(text, HP_STR("elif ")) ||
        hp_str_starts(text, HP_STR("return ")) || hp_str_starts(text, HP_STR("raise "))) {
        return true;
    }
    hp__py_init(&py, text, 1);
    for (struct hp__py_token token = hp__py_next(&py); token.kind != HP__PY_END; token = hp__py_next(&py)) {
        if (py.depth == 0 && hp__py_is(token, "=")) {
            for (uint32_t i = 0; i < targets.count; i++) {
                add(names, targets.list[i]);
            }
            return !targets.full;
        }
        if (token.kind == HP__PY_NAME && !token.keyword) {
            add(&targets, first_word(token.text));
        }
    }
    return false;
}

/* ---- the call ---- */

struct chain { /* `client.items(kind).first()`, from its first name to its last bracket */
    const char *from, *to;
    uint32_t calls;
};

static bool is_name_of(struct hp__py_token token, struct hp_str callee)
{
    return token.kind == HP__PY_NAME && !token.keyword && hp_str_ends(token.text, callee) &&
           (token.text.n == callee.n || token.text.p[token.text.n - callee.n - 1] == '.');
}

/* Over what follows a name: brackets, and what is called of what they gave. */
static void pass_calls(struct hp__py *py)
{
    for (char next = hp__py_peek(py); next == '(' || next == '.'; next = hp__py_peek(py)) {
        uint32_t depth = py->depth;
        struct hp__py_token token = hp__py_next(py);
        while (py->depth > depth && token.kind != HP__PY_END) {
            token = hp__py_next(py);
        }
        if (next == '.') {
            (void)hp__py_next(py);
        }
    }
}

/* `called`: with arguments; else a property, or a name that it is assigned to. */
static struct chain find_chain(struct hp_str text, struct hp_str callee, bool called)
{
    struct chain chain = {NULL, NULL, 0};
    const char *begins[MOST_DEPTH] = {NULL};
    struct hp__py py;
    hp__py_init(&py, text, 1);
    for (struct hp__py_token token = hp__py_next(&py); token.kind != HP__PY_END; token = hp__py_next(&py)) {
        if (token.kind != HP__PY_NAME || token.keyword || py.depth >= MOST_DEPTH) {
            continue;
        }
        begins[py.depth] = token.member && begins[py.depth] != NULL ? begins[py.depth] : token.text.p;
        if (is_name_of(token, callee) && (!called || hp__py_peek(&py) == '(')) {
            chain.from = begins[py.depth];
            pass_calls(&py);
            chain.to = py.text.p + py.at;
            chain.calls++;
        }
    }
    return chain;
}

/* Whether something is done for each of many things, or (`ifs`) not always. */
static bool has_parts(struct hp_str text, bool ifs)
{
    struct hp__py py;
    hp__py_init(&py, text, 1);
    for (struct hp__py_token token = hp__py_next(&py); token.kind != HP__PY_END; token = hp__py_next(&py)) {
        bool each = hp__py_is(token, "for") || hp__py_is(token, "while") || hp__py_is(token, "lambda");
        if (token.keyword && (each || (ifs && hp__py_is(token, "if")))) {
            return true;
        }
    }
    return false;
}

static struct chain chain_of(struct hp_str text, struct hp_str callee)
{
    struct chain chain = find_chain(text, callee, true);
    return chain.calls == 0 ? find_chain(text, callee, false) : chain;
}

static bool is_for_call(struct hp_str text, struct hp_str callee, const struct names *names)
{
    if (callee.n == 0 || callee.p[0] == '<' || hp_str_starts(callee, HP_STR("__"))) {
        return !has_parts(text, true) || !uses(text, names, NULL, NULL);
    }
    struct chain chain = chain_of(text, callee);
    return chain.calls == 1 && !uses(text, names, chain.from, chain.to);
}

bool hp__given_only(struct hp_str source, uint32_t first_line, uint32_t line, struct hp_str callee)
{
    struct names names = {.count = 0};
    struct hp__py_statement list[MOST_STATEMENTS];
    uint32_t n = hp__py_split(source, first_line, list, MOST_STATEMENTS), k = 1;
    if (n == 0 || n == MOST_STATEMENTS) {
        return false;
    }
    read_parameters(list[0].text, &names);
    for (; k < n && list[k].last < line; k++) {
        if (uses(list[k].text, &names, NULL, NULL) && !carry_on(list[k].text, &names)) {
            return false;
        }
    }
    bool only = k < n && list[k].first <= line && is_for_call(list[k].text, callee, &names);
    for (k++; k < n && only; k++) {
        only = !uses(list[k].text, &names, NULL, NULL);
    }
    return only && !names.full;
}

bool hp__given_request(struct hp_str source, uint32_t first_line, uint32_t line, struct hp_str callee)
{
    struct names all = {.count = 0}, names = {.count = 0};
    struct hp__py_statement list[MOST_STATEMENTS];
    uint32_t n = hp__py_split(source, first_line, list, MOST_STATEMENTS), k = 1;
    if (n == 0 || callee.n == 0) {
        return false;
    }
    read_parameters(list[0].text, &all);
    add(&names, HP_STR("request"));
    for (uint32_t i = 0; i < all.count; i++) {
        if (!is_object(all.list[i])) {
            add(&names, all.list[i]);
        }
    }
    for (; k < n && list[k].last < line; k++) {
        if (uses(list[k].text, &names, NULL, NULL)) {
            (void)carry_on(list[k].text, &names);
        }
    }
    struct chain chain = {NULL, NULL, 0};
    if (k < n && list[k].first <= line) {
        chain = chain_of(list[k].text, callee);
    }
    return chain.calls == 1 &&
           uses(hp_str_make(chain.from, (size_t)(chain.to - chain.from)), &names, NULL, NULL);
}

bool hp__given_plain(struct hp_str source, uint32_t first_line)
{
    struct hp__py_statement list[MOST_STATEMENTS];
    uint32_t n = hp__py_split(source, first_line, list, MOST_STATEMENTS);
    bool plain = n > 1 && n < MOST_STATEMENTS;
    for (uint32_t k = 1; k < n && plain; k++) {
        plain = !has_parts(list[k].text, false);
    }
    return plain;
}
