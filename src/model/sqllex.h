/* sqllex.h -- SQL text to tokens, for fingerprint.c alone.
 *
 * Why: one place knows how each dialect writes strings, names, comments and placeholders. The lexer looks at
 * each byte a bounded number of times, keeps no stack and never fails: text that could be read in two ways is
 * HP__SQL_UNSURE.
 */
#ifndef HP_SQLLEX_H
#define HP_SQLLEX_H

#include <stdbool.h>
#include <stddef.h>

#include "model/fingerprint.h"

enum hp__sql_kind {
    HP__SQL_END,
    HP__SQL_WORD,       /* keyword or bare name */
    HP__SQL_NAME,       /* quoted name, with its quotes */
    HP__SQL_MAYBE_NAME, /* "x" where it may be a name or a string */
    HP__SQL_LITERAL,
    HP__SQL_HOLE, /* placeholder */
    HP__SQL_OPERATOR,
    HP__SQL_CAST, /* :: */
    HP__SQL_DOT,
    HP__SQL_COMMA,
    HP__SQL_OPEN,
    HP__SQL_CLOSE,
    HP__SQL_ARRAY_OPEN, /* [ */
    HP__SQL_ARRAY_CLOSE,
    HP__SQL_SEMICOLON,
    HP__SQL_UNSURE, /* from here to the end of the text */
};

struct hp__sql_token {
    enum hp__sql_kind kind;
    bool gap; /* white space or a comment stands before it */
    size_t start;
    size_t end;
};

/* Copy it to look ahead. */
struct hp__sqllex {
    struct hp_str text; /* borrowed */
    size_t at;
    enum hp_sql_dialect dialect;
    bool after_escape; /* the last token was the word ESCAPE */
};

/* Start at the beginning of `text`, borrowed for the lexer's life. */
void hp__sqllex_init(struct hp__sqllex *lex, struct hp_str text, enum hp_sql_dialect dialect);

/* The next token; after the last one HP__SQL_END, again and again. Never allocates. */
struct hp__sql_token hp__sqllex_next(struct hp__sqllex *lex);

/* The token after the present one, not stepping over it. */
struct hp__sql_token hp__sqllex_peek(const struct hp__sqllex *lex);

/* The bytes of a token, borrowed from the text. */
struct hp_str hp__sqllex_text(const struct hp__sqllex *lex, struct hp__sql_token token);

/* Whether `word` is the upper-case ASCII `keyword` in any case. */
bool hp__sqllex_is(struct hp_str word, const char *keyword);

#endif
