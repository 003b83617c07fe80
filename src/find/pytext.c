/* pytext.c -- see pytext.h. */
#include "find/pytext.h"

#define MOST_BYTES    65536u /* of one function */
#define MOST_BITS     64u
#define TAB           8u
#define MOST_IN_LOOPS 256u /* statements */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char byte_at(const struct hp__py *py, size_t at)
{
    return at < py->text.n ? py->text.p[at] : '\0';
}

void hp__py_init(struct hp__py *py, struct hp_str text, uint32_t line)
{
    *py = (struct hp__py){.text = text, .line = line};
}

char hp__py_peek(const struct hp__py *py)
{
    size_t at = py->at;
    while (byte_at(py, at) == ' ' || byte_at(py, at) == '\t') {
        at++;
    }
    return byte_at(py, at);
}

/* ---- brackets ---- */

static void open_bracket(struct hp__py *py, char c)
{
    uint64_t bit = ++py->depth < MOST_BITS ? 1ULL << py->depth : 0;
    py->calls = c == '(' && py->callable ? py->calls | bit : py->calls & ~bit;
    py->indexes = c == '[' && py->callable ? py->indexes | bit : py->indexes & ~bit;
}

static void close_bracket(struct hp__py *py)
{
    uint64_t bit = py->depth < MOST_BITS ? 1ULL << py->depth : 0;
    py->calls &= ~bit;
    py->indexes &= ~bit;
    py->depth -= py->depth != 0;
}

/* ---- strings ---- */

static bool is_triple(const struct hp__py *py, char quote)
{
    return byte_at(py, py->at) == quote && byte_at(py, py->at + 1) == quote &&
           byte_at(py, py->at + 2) == quote;
}

/* Over a byte that a backslash protects, or any other. */
static void skip_byte(struct hp__py *py)
{
    py->at += byte_at(py, py->at) == '\\' && py->at + 1 < py->text.n;
    py->line += byte_at(py, py->at) == '\n';
    py->at++;
}

/* To the end of a string, behind its quotes, or (`braces`) behind the brace that begins an expression. True:
 * there is one. A string of one line ends with it. */
static bool skip_text(struct hp__py *py, char quote, bool triple, bool braces)
{
    while (py->at < py->text.n) {
        char c = py->text.p[py->at];
        if (c == quote && (!triple || is_triple(py, quote))) {
            py->at += triple ? 3 : 1;
            return false;
        }
        if (c == '\n' && !triple) {
            return false;
        }
        if (braces && c == '{' && byte_at(py, py->at + 1) != '{') {
            py->at++;
            return true;
        }
        py->at += braces && c == '{';
        skip_byte(py);
    }
    return false;
}

/* On in the innermost f-string: to its next expression, or to its end. */
static void go_on_in_text(struct hp__py *py)
{
    uint32_t top = py->text_count - 1;
    py->in_text = false;
    py->callable = false;
    if (skip_text(py, py->texts[top].quote, py->texts[top].triple, true)) {
        open_bracket(py, '{');
        py->texts[top].depth = py->depth;
    } else {
        py->text_count = top;
    }
}

static void begin_text(struct hp__py *py, bool has_braces)
{
    char quote = py->text.p[py->at];
    bool triple = is_triple(py, quote);
    py->at += triple ? 3 : 1;
    if (!has_braces || py->text_count == HP__PY_TEXTS) {
        (void)skip_text(py, quote, triple, false);
        return;
    }
    py->texts[py->text_count].quote = quote;
    py->texts[py->text_count++].triple = triple;
    py->in_text = true;
}

/* ---- words and marks ---- */

static bool is_keyword(struct hp_str word)
{
    static const char *const list[] = {
        "and",    "as",     "assert",  "async",    "await", "case",   "class",   "def",    "del",    "elif",
        "else",   "except", "finally", "for",      "from",  "global", "if",      "in",     "import", "is",
        "lambda", "match",  "not",     "nonlocal", "or",    "pass",   "raise",   "return", "try",    "while",
        "with",   "yield",  "None",    "True",     "False", "break",  "continue"};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (hp_str_eq(word, hp_str_from0(list[i]))) {
            return true;
        }
    }
    return false;
}

/* Whether a word is what stands before the quotes of a string; `braces`: of one with expressions in it. */
static bool is_prefix(struct hp_str word, bool *braces)
{
    *braces = false;
    for (size_t i = 0; i < word.n; i++) {
        char c = (char)(word.p[i] | 0x20);
        if (word.n > 2 || (c != 'r' && c != 'b' && c != 'u' && c != 'f' && c != 't')) {
            return false;
        }
        *braces = *braces || c == 'f' || c == 't';
    }
    return true;
}

static size_t word_end(const struct hp__py *py, size_t at)
{
    while (hp_str_is_word(byte_at(py, at))) {
        at++;
    }
    return at;
}

static struct hp_str since(const struct hp__py *py, size_t from)
{
    return hp_str_make(py->text.p + from, py->at - from);
}

static struct hp__py_token word(struct hp__py *py)
{
    struct hp__py_token token = {.kind = HP__PY_NAME, .line = py->line, .member = py->dot};
    size_t from = py->at;
    bool braces;
    py->at = word_end(py, from);
    char next = byte_at(py, py->at);
    py->dot = false;
    if ((next == '"' || next == '\'') && is_prefix(since(py, from), &braces)) {
        begin_text(py, braces);
        token.kind = HP__PY_STRING;
        token.text = since(py, from);
        py->callable = false;
        return token;
    }
    token.keyword = is_keyword(since(py, from));
    while (!token.keyword && byte_at(py, py->at) == '.' && hp_str_is_word(byte_at(py, py->at + 1))) {
        py->at = word_end(py, py->at + 1);
    }
    token.text = since(py, from);
    py->callable = !token.keyword;
    if (py->depth != 0 && py->depth < MOST_BITS && hp_str_eq(token.text, HP_STR("for"))) {
        py->calls |= 1ULL << py->depth; /* what follows is used for each item */
    }
    return token;
}

/* An operator with its second half and its "=". */
static void pass_operator(struct hp__py *py, char c)
{
    static const struct hp_str doubled = {"*/<>", 4}, assigns = {"+-*/%&|^@<>!:=", 14};
    py->at++;
    if (hp_str_find_char(assigns, c) == assigns.n) {
        return;
    }
    py->at += hp_str_find_char(doubled, c) != doubled.n && byte_at(py, py->at) == c;
    py->at += byte_at(py, py->at) == '=';
}

static struct hp__py_token mark(struct hp__py *py)
{
    struct hp__py_token token = {.kind = HP__PY_MARK, .line = py->line};
    size_t from = py->at;
    char c = py->text.p[from];
    bool closes = c == ')' || c == ']' || c == '}';
    if (c == '(' || c == '[' || c == '{') {
        py->at++;
        open_bracket(py, c);
    } else if (closes) {
        py->at++;
        close_bracket(py);
    } else if (is_digit(c)) {
        while (hp_str_is_word(byte_at(py, py->at)) || byte_at(py, py->at) == '.') {
            py->at++;
        }
    } else {
        pass_operator(py, c);
    }
    py->callable = closes;
    py->dot = c == '.';
    token.text = since(py, from);
    return token;
}

/* Over what means nothing: blanks, comments, ends of lines in brackets. */
static void skip_blanks(struct hp__py *py)
{
    while (py->at < py->text.n) {
        char c = py->text.p[py->at], next = byte_at(py, py->at + 1);
        if (c == '#') {
            size_t left = py->text.n - py->at;
            py->at += hp_str_find_char(hp_str_make(py->text.p + py->at, left), '\n');
        } else if (c == '\\' && (next == '\n' || next == '\r')) {
            py->at++;
            py->at += next == '\r' && byte_at(py, py->at + 1) == '\n';
            py->at++;
            py->line++;
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || (c == '\n' && py->depth != 0)) {
            py->at++;
            py->line += c == '\n';
        } else {
            return;
        }
    }
}

struct hp__py_token hp__py_next(struct hp__py *py)
{
    for (;;) {
        if (py->in_text) {
            go_on_in_text(py);
        }
        skip_blanks(py);
        if (py->at >= py->text.n) {
            return (struct hp__py_token){.kind = HP__PY_END, .line = py->line};
        }
        char c = py->text.p[py->at];
        if (c != '}' || py->text_count == 0 || py->texts[py->text_count - 1].depth != py->depth) {
            break;
        }
        close_bracket(py);
        py->at++;
        py->in_text = true;
    }
    char c = py->text.p[py->at];
    if (c == '\n') {
        py->at++;
        py->callable = py->dot = false;
        return (struct hp__py_token){.kind = HP__PY_LINE, .line = py->line++};
    }
    if (c == '"' || c == '\'') {
        struct hp__py_token token = {.kind = HP__PY_STRING, .line = py->line};
        size_t from = py->at;
        begin_text(py, false);
        token.text = since(py, from);
        py->callable = py->dot = false;
        return token;
    }
    return hp_str_is_word(c) && !is_digit(c) ? word(py) : mark(py);
}

bool hp__py_names_parameter(const struct hp__py *py)
{
    struct hp__py ahead = *py;
    return hp__py_peek(py) == '=' && hp__py_is(hp__py_next(&ahead), "=");
}

/* ---- statements ---- */

/* Column of the first byte of a statement. */
static uint32_t indent_of(struct hp_str source, size_t at)
{
    size_t from = at;
    uint32_t column = 0;
    while (from > 0 && (source.p[from - 1] == ' ' || source.p[from - 1] == '\t')) {
        from--;
    }
    for (; from < at; from++) {
        column = source.p[from] == '\t' ? (column / TAB + 1) * TAB : column + 1;
    }
    return column;
}

static struct hp_str from_line(struct hp_str source, uint32_t line)
{
    for (uint32_t i = 1; i < line && source.n != 0; i++) {
        size_t end = hp_str_find_char(source, '\n');
        end += end < source.n;
        source = hp_str_make(source.p + end, source.n - end);
    }
    return hp_str_make(source.p, source.n < MOST_BYTES ? source.n : MOST_BYTES);
}

/* The next statement; false: there is none. */
static bool next_statement(struct hp__py *py, struct hp__py_statement *statement, bool *defines)
{
    struct hp__py_token token = hp__py_next(py);
    while (token.kind == HP__PY_LINE) {
        token = hp__py_next(py);
    }
    if (token.kind == HP__PY_END) {
        return false;
    }
    size_t from = (size_t)(token.text.p - py->text.p), to = from;
    *defines = hp_str_eq(token.text, HP_STR("def")) || hp_str_eq(token.text, HP_STR("async"));
    *statement = (struct hp__py_statement){.first = token.line, .indent = indent_of(py->text, from)};
    while (token.kind != HP__PY_LINE && token.kind != HP__PY_END) {
        to = py->at;
        statement->last = py->line;
        token = hp__py_next(py);
    }
    if (token.kind == HP__PY_LINE) {
        to = py->at;
        statement->last = token.line;
    }
    statement->text = hp_str_make(py->text.p + from, to - from);
    return true;
}

uint32_t hp__py_split(struct hp_str source, uint32_t line, struct hp__py_statement *list, uint32_t most)
{
    struct hp__py py;
    struct hp__py_statement one;
    uint32_t n = 0, indent = 0;
    bool inside = false, defines;
    hp__py_init(&py, from_line(source, line), line);
    while (n < most && next_statement(&py, &one, &defines)) {
        if (inside && one.indent <= indent) {
            break;
        }
        if (inside) {
            list[n++] = one;
        } else if (defines) {
            inside = true;
            indent = one.indent;
            list[n++] = one;
        } else if (one.text.p[0] != '@') {
            break;
        }
    }
    return n;
}

struct hp__py_statement *hp__py_list(struct hp_str source, uint32_t line, struct hp_arena *arena,
                                     uint32_t *count)
{
    struct hp__py_statement *list =
        hp_arena_alloc(arena, HP__PY_STATEMENTS * sizeof *list, _Alignof(struct hp__py_statement));
    *count = list == NULL ? 0 : hp__py_split(source, line, list, HP__PY_STATEMENTS);
    return list;
}

static bool begins_loop(struct hp_str text)
{
    return hp_str_starts(text, HP_STR("for ")) || hp_str_starts(text, HP_STR("while ")) ||
           hp_str_starts(text, HP_STR("async for "));
}

uint32_t hp__py_loop(struct hp_str source, uint32_t first_line, uint32_t line)
{
    struct hp__py_statement list[MOST_IN_LOOPS];
    uint32_t n = hp__py_split(source, first_line, list, MOST_IN_LOOPS), at = n;
    for (uint32_t i = 1; i < n; i++) {
        at = list[i].first <= line && line <= list[i].last ? i : at;
    }
    for (uint32_t i = at, indent = UINT32_MAX; at != n && i > 0; i--) {
        bool around = list[i].indent < indent;
        indent = around ? list[i].indent : indent;
        if (around && begins_loop(list[i].text)) {
            return list[i].first;
        }
    }
    return 0;
}
