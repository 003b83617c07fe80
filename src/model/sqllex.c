/* sqllex.c -- the SQL lexer. See sqllex.h.
 *
 *                        SQLite      MySQL        PostgreSQL    any
 *     '…\'…'             plain       escape       unsure        unsure      (E'…' escapes in PostgreSQL and any)
 *     "x"                maybe name  string       name          maybe name
 *     [a b]              name        array        array         name if plain, else array or unsure
 *     $$…$$              -           string       string        string
 *     -- x               comment     if space     comment       comment
 *     # x                -           comment      operator      comment, but not before > or -
 *     nested comment     no          no           yes           unsure
 *     %s, %(x)s          -           hole         hole          hole
 */
#include "model/sqllex.h"

/* What a backslash before a quote means. */
enum backslash { PLAIN, ESCAPES, DOUBTFUL };

enum skipped { NOTHING, SKIPPED, UNCLEAR };

/* --- characters --- */

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_start(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool is_word(int c)
{
    return is_word_start(c) || is_digit(c) || c == '$';
}

static bool is_space(int c)
{
    return (c >= 0 && c <= ' ') || c == 0x7F;
}

/* The byte `ahead` of the present one, -1 behind the end. */
static int byte_at(const struct hp__sqllex *lex, size_t ahead)
{
    return ahead < lex->text.n - lex->at ? (unsigned char)lex->text.p[lex->at + ahead] : -1;
}

/* --- what is skipped --- */

static enum skipped skip_line(struct hp__sqllex *lex)
{
    while (lex->at < lex->text.n && lex->text.p[lex->at] != '\n' && lex->text.p[lex->at] != '\r') {
        lex->at++;
    }
    return SKIPPED;
}

static enum skipped skip_block(struct hp__sqllex *lex)
{
    size_t depth = 1;
    lex->at += 2;
    while (lex->at < lex->text.n) {
        int c = byte_at(lex, 0);
        int next = byte_at(lex, 1);
        if (c == '*' && next == '/') {
            lex->at += 2;
            if (--depth == 0) {
                return SKIPPED;
            }
        } else if (c == '/' && next == '*' && lex->dialect == HP_SQL_ANY) {
            return UNCLEAR;
        } else if (c == '/' && next == '*' && lex->dialect == HP_SQL_POSTGRESQL) {
            lex->at += 2;
            depth++;
        } else {
            lex->at++;
        }
    }
    return UNCLEAR;
}

static bool at_line_comment(const struct hp__sqllex *lex)
{
    int c = byte_at(lex, 0);
    int next = byte_at(lex, 1);
    if (c == '-' && next == '-') {
        int third = byte_at(lex, 2);
        return lex->dialect != HP_SQL_MYSQL || third < 0 || is_space(third);
    }
    if (c == '#') {
        return lex->dialect == HP_SQL_MYSQL || (lex->dialect == HP_SQL_ANY && next != '>' && next != '-');
    }
    return false;
}

static enum skipped skip_one(struct hp__sqllex *lex)
{
    int c = byte_at(lex, 0);
    if (is_space(c)) {
        lex->at++;
        return SKIPPED;
    }
    if (at_line_comment(lex)) {
        return skip_line(lex);
    }
    return c == '/' && byte_at(lex, 1) == '*' ? skip_block(lex) : NOTHING;
}

/* --- strings and names; each steps over its token and says whether it ended --- */

static enum backslash backslash_of(const struct hp__sqllex *lex)
{
    switch (lex->dialect) {
    case HP_SQL_SQLITE:
        return PLAIN;
    case HP_SQL_MYSQL:
        return ESCAPES;
    default:
        /* PostgreSQL too: standard_conforming_strings decides, and nobody tells us. */
        return DOUBTFUL;
    }
}

/* From the opening quote; a doubled quote is one of the content. */
static bool scan_quoted(struct hp__sqllex *lex, enum backslash backslash)
{
    int quote = byte_at(lex, 0);
    lex->at++;
    /* ESCAPE '\' is common and can only mean one thing. */
    if (backslash == DOUBTFUL && lex->after_escape && byte_at(lex, 0) == '\\' && byte_at(lex, 1) == quote) {
        lex->at += 2;
        return true;
    }
    while (lex->at < lex->text.n) {
        int c = byte_at(lex, 0);
        int next = byte_at(lex, 1);
        if (c == '\\' && backslash != PLAIN) {
            if (next < 0 || (next == quote && backslash == DOUBTFUL)) {
                return false;
            }
            lex->at += 2;
        } else if (c != quote) {
            lex->at++;
        } else if (next == quote) {
            lex->at += 2;
        } else {
            lex->at++;
            return true;
        }
    }
    return false;
}

/* Bytes of [a name] in which nothing can be an expression, 0 if it is none. */
static size_t plain_bracketed_bytes(const struct hp__sqllex *lex)
{
    size_t ahead = 1;
    if (!is_word_start(byte_at(lex, ahead))) {
        return 0;
    }
    while (is_word(byte_at(lex, ahead)) || byte_at(lex, ahead) == ' ') {
        ahead++;
    }
    return byte_at(lex, ahead) == ']' ? ahead + 1 : 0;
}

/* Bytes from [ up to ] or to what would be read in another way outside of a name: a quote, a comment, another
 * [. */
static size_t bracketed_bytes(const struct hp__sqllex *lex)
{
    size_t ahead = 1;
    for (;; ahead++) {
        int c = byte_at(lex, ahead);
        int next = byte_at(lex, ahead + 1);
        bool comment = c == '#' || (c == '-' && next == '-') || (c == '/' && next == '*');
        if (c < 0 || c == ']' || c == '[' || c == '\'' || c == '"' || c == '`' || comment) {
            return ahead;
        }
    }
}

/* $$…$$ or $tag$…$tag$, `tag_bytes` with both dollars. */
static bool scan_dollar_quoted(struct hp__sqllex *lex, size_t tag_bytes)
{
    const char *tag = lex->text.p + lex->at;
    lex->at += tag_bytes;
    const char *end = memmem(lex->text.p + lex->at, lex->text.n - lex->at, tag, tag_bytes);
    if (end == NULL) {
        return false;
    }
    lex->at = (size_t)(end - lex->text.p) + tag_bytes;
    return true;
}

/* --- tokens; each starts at its first byte, moves `at` behind the token and returns its kind --- */

static enum hp__sql_kind take(struct hp__sqllex *lex, size_t bytes, enum hp__sql_kind kind)
{
    lex->at += bytes;
    return kind;
}

static enum hp__sql_kind lex_string(struct hp__sqllex *lex, enum backslash backslash)
{
    return scan_quoted(lex, backslash) ? HP__SQL_LITERAL : HP__SQL_UNSURE;
}

/* Digits and all that touches them, so that nothing of 0xFF, 1e-5, 1_000 or 12ab is left over. */
static enum hp__sql_kind lex_number(struct hp__sqllex *lex)
{
    bool hex = byte_at(lex, 0) == '0' && (byte_at(lex, 1) == 'x' || byte_at(lex, 1) == 'X');
    while (is_word(byte_at(lex, 0)) || byte_at(lex, 0) == '.') {
        int c = byte_at(lex, 0);
        int next = byte_at(lex, 1);
        bool exponent = !hex && (c == 'e' || c == 'E') && (next == '+' || next == '-');
        lex->at += exponent && is_digit(byte_at(lex, 2)) ? 2 : 1;
    }
    return HP__SQL_LITERAL;
}

static enum hp__sql_kind lex_word(struct hp__sqllex *lex)
{
    int first = byte_at(lex, 0) | 0x20;
    if (byte_at(lex, 1) == '\'' && (first == 'n' || first == 'x' || first == 'b')) {
        lex->at++;
        return lex_string(lex, backslash_of(lex));
    }
    bool escapes = lex->dialect == HP_SQL_POSTGRESQL || lex->dialect == HP_SQL_ANY;
    if (byte_at(lex, 1) == '\'' && first == 'e' && escapes) {
        lex->at++;
        return lex_string(lex, ESCAPES);
    }
    while (is_word(byte_at(lex, 0))) {
        lex->at++;
    }
    return HP__SQL_WORD;
}

static enum hp__sql_kind lex_double_quoted(struct hp__sqllex *lex)
{
    switch (lex->dialect) {
    case HP_SQL_MYSQL:
        return lex_string(lex, ESCAPES);
    case HP_SQL_POSTGRESQL:
        return scan_quoted(lex, PLAIN) ? HP__SQL_NAME : HP__SQL_UNSURE;
    case HP_SQL_SQLITE:
        return scan_quoted(lex, PLAIN) ? HP__SQL_MAYBE_NAME : HP__SQL_UNSURE;
    default:
        return scan_quoted(lex, DOUBTFUL) ? HP__SQL_MAYBE_NAME : HP__SQL_UNSURE;
    }
}

/* SQLite knows names only, but [5] is hardly one and folded; where there may be names or arrays, [it's] could
 * be either and nothing after it is sure. */
static enum hp__sql_kind lex_bracket(struct hp__sqllex *lex)
{
    bool array = lex->dialect == HP_SQL_MYSQL || lex->dialect == HP_SQL_POSTGRESQL;
    if (array) {
        return take(lex, 1, HP__SQL_ARRAY_OPEN);
    }
    size_t plain = plain_bracketed_bytes(lex);
    if (plain != 0) {
        return take(lex, plain, HP__SQL_NAME);
    }
    size_t bytes = bracketed_bytes(lex);
    bool closed = byte_at(lex, bytes) == ']';
    bool element = !is_word_start(byte_at(lex, 1)); /* ARRAY['a', 1], x[1] */
    if (lex->dialect == HP_SQL_SQLITE) {
        return closed ? take(lex, bytes + 1, element ? HP__SQL_LITERAL : HP__SQL_NAME) : HP__SQL_UNSURE;
    }
    return closed || element || byte_at(lex, bytes) == '[' ? take(lex, 1, HP__SQL_ARRAY_OPEN)
                                                           : HP__SQL_UNSURE;
}

/* $1, $name, $$…$$, $tag$…$tag$ */
static enum hp__sql_kind lex_dollar(struct hp__sqllex *lex)
{
    size_t bytes = 1;
    while (is_word(byte_at(lex, bytes)) && byte_at(lex, bytes) != '$') {
        bytes++;
    }
    bool tag = byte_at(lex, bytes) == '$' && !is_digit(byte_at(lex, 1));
    if (tag && lex->dialect != HP_SQL_SQLITE) {
        return scan_dollar_quoted(lex, bytes + 1) ? HP__SQL_LITERAL : HP__SQL_UNSURE;
    }
    if (bytes == 1) {
        return take(lex, 1, HP__SQL_OPERATOR);
    }
    bool name = lex->dialect == HP_SQL_MYSQL && !is_digit(byte_at(lex, 1));
    return take(lex, bytes, name ? HP__SQL_WORD : HP__SQL_HOLE);
}

/* :name, :1, ::, := */
static enum hp__sql_kind lex_colon(struct hp__sqllex *lex)
{
    int next = byte_at(lex, 1);
    if (next == ':') {
        return take(lex, 2, HP__SQL_CAST);
    }
    if (next == '=') {
        return take(lex, 2, HP__SQL_OPERATOR);
    }
    /* In PostgreSQL a[1:2] is a slice. */
    bool number = is_digit(next) && lex->dialect != HP_SQL_POSTGRESQL;
    if (!is_word_start(next) && !number) {
        return take(lex, 1, HP__SQL_OPERATOR);
    }
    lex->at++;
    while (is_word(byte_at(lex, 0))) {
        lex->at++;
    }
    return HP__SQL_HOLE;
}

static bool is_conversion(int c)
{
    return c == 's' || c == 'd' || c == 'i' || c == 'f' || c == 'b' || c == 't';
}

/* %s, %(name)s, %%, modulo */
static enum hp__sql_kind lex_percent(struct hp__sqllex *lex)
{
    if (byte_at(lex, 1) == '%') {
        return take(lex, 2, HP__SQL_OPERATOR);
    }
    if (lex->dialect == HP_SQL_SQLITE) {
        return take(lex, 1, HP__SQL_OPERATOR);
    }
    size_t bytes = 1;
    if (byte_at(lex, 1) == '(') {
        bytes = 2;
        while (is_word(byte_at(lex, bytes)) || byte_at(lex, bytes) == ' ' || byte_at(lex, bytes) == '-') {
            bytes++;
        }
        bytes += byte_at(lex, bytes) == ')';
    }
    bool named = bytes > 1;
    bool closed = !named || lex->text.p[lex->at + bytes - 1] == ')';
    if (closed && is_conversion(byte_at(lex, bytes)) && !is_word(byte_at(lex, bytes + 1))) {
        return take(lex, bytes + 1, HP__SQL_HOLE);
    }
    return take(lex, 1, HP__SQL_OPERATOR);
}

/* ?, ?1, and in SQLite @name */
static enum hp__sql_kind lex_hole(struct hp__sqllex *lex)
{
    lex->at++;
    while (is_word(byte_at(lex, 0))) {
        lex->at++;
    }
    return HP__SQL_HOLE;
}

static enum hp__sql_kind lex_sign(struct hp__sqllex *lex)
{
    switch (byte_at(lex, 0)) {
    case '(':
        return take(lex, 1, HP__SQL_OPEN);
    case ')':
        return take(lex, 1, HP__SQL_CLOSE);
    case ']':
        return take(lex, 1, HP__SQL_ARRAY_CLOSE);
    case ',':
        return take(lex, 1, HP__SQL_COMMA);
    case ';':
        return take(lex, 1, HP__SQL_SEMICOLON);
    case '.':
        return is_digit(byte_at(lex, 1)) ? lex_number(lex) : take(lex, 1, HP__SQL_DOT);
    case '?':
        return is_digit(byte_at(lex, 1)) ? lex_hole(lex) : take(lex, 1, HP__SQL_HOLE);
    case '@':
        return lex->dialect == HP_SQL_SQLITE ? lex_hole(lex) : take(lex, 1, HP__SQL_OPERATOR);
    default:
        return take(lex, 1, HP__SQL_OPERATOR);
    }
}

static enum hp__sql_kind lex_token(struct hp__sqllex *lex)
{
    int c = byte_at(lex, 0);
    if (is_word_start(c)) {
        return lex_word(lex);
    }
    if (is_digit(c)) {
        return lex_number(lex);
    }
    switch (c) {
    case '\'':
        return lex_string(lex, backslash_of(lex));
    case '"':
        return lex_double_quoted(lex);
    case '`':
        return scan_quoted(lex, PLAIN) ? HP__SQL_NAME : HP__SQL_UNSURE;
    case '[':
        return lex_bracket(lex);
    case '$':
        return lex_dollar(lex);
    case ':':
        return lex_colon(lex);
    case '%':
        return lex_percent(lex);
    default:
        return lex_sign(lex);
    }
}

/* --- public --- */

void hp__sqllex_init(struct hp__sqllex *lex, struct hp_str text, enum hp_sql_dialect dialect)
{
    *lex = (struct hp__sqllex){.text = text.n != 0 ? text : HP_STR(""), .dialect = dialect};
}

struct hp__sql_token hp__sqllex_next(struct hp__sqllex *lex)
{
    struct hp__sql_token token = {.kind = HP__SQL_END};
    enum skipped skipped = NOTHING;
    while (lex->at < lex->text.n && (skipped = skip_one(lex)) == SKIPPED) {
        token.gap = true;
    }
    token.start = lex->at;
    if (skipped == UNCLEAR) {
        token.kind = HP__SQL_UNSURE;
        token.gap = true;
    } else if (lex->at < lex->text.n) {
        token.kind = lex_token(lex);
    }
    if (token.kind == HP__SQL_UNSURE) {
        lex->at = lex->text.n;
    }
    token.end = lex->at;
    lex->after_escape = token.kind == HP__SQL_WORD && hp__sqllex_is(hp__sqllex_text(lex, token), "ESCAPE");
    return token;
}

struct hp__sql_token hp__sqllex_peek(const struct hp__sqllex *lex)
{
    struct hp__sqllex copy = *lex;
    return hp__sqllex_next(&copy);
}

struct hp_str hp__sqllex_text(const struct hp__sqllex *lex, struct hp__sql_token token)
{
    return hp_str_make(lex->text.p + token.start, token.end - token.start);
}

bool hp__sqllex_is(struct hp_str word, const char *keyword)
{
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        char upper = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        if (upper != keyword[i]) { /* also at the keyword's end, which equals no byte but NUL */
            return false;
        }
        if (upper == '\0') {
            return false;
        }
    }
    return keyword[word.n] == '\0';
}
