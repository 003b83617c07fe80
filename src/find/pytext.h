/* pytext.h -- words and marks of Python source, and a function's statements.
 *
 * Why: what a statement assigns and what it uses cannot be seen in a recording. This reads just enough of the
 * language for that: brackets, strings (in f-strings what stands in braces is read, the rest is not),
 * comments, lines that go on. It never fails: text that is no Python gives words that mean nothing.
 *
 * All functions: Threads: any.
 */
#ifndef HP_PYTEXT_H
#define HP_PYTEXT_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/str.h"

#define HP__PY_TEXTS 8u /* f-strings in f-strings; deeper ones are not read */

enum hp__py_kind {
    HP__PY_END,
    HP__PY_LINE,   /* the end of a statement */
    HP__PY_NAME,   /* with what is looked up in it: "self.client.get" */
    HP__PY_STRING, /* its beginning; of an f-string the words in braces follow */
    HP__PY_MARK    /* an operator with its "=", a bracket, a number */
};

struct hp__py_token {
    enum hp__py_kind kind;
    struct hp_str text; /* borrowed from the source */
    uint32_t line;
    bool member;  /* a name that is looked up in what a call or an index gave */
    bool keyword; /* of the language */
};

struct hp__py { /* where the reading is */
    struct hp_str text;
    size_t at;
    uint32_t line, depth;
    uint64_t calls,
        indexes; /* bit d: the bracket at depth d holds arguments, or a comprehension; or it holds an index */
    bool callable, in_text, dot;
    uint32_t text_count;
    struct {
        uint32_t depth;
        char quote;
        bool triple;
    } texts[HP__PY_TEXTS];
};

/* Read from the beginning of `text`, which is line `line` of its file. */
void hp__py_init(struct hp__py *py, struct hp_str text, uint32_t line);
struct hp__py_token hp__py_next(struct hp__py *py);
/* The next byte that is no blank; 0 at the end of the text. */
char hp__py_peek(const struct hp__py *py);
/* Whether a "=" comes next, and no "==": in a call's brackets the name before it is a parameter's. */
bool hp__py_names_parameter(const struct hp__py *py);
static inline bool hp__py_is(struct hp__py_token token, const char *text)
{
    return hp_str_eq(token.text, hp_str_from0(text));
}

struct hp__py_statement {
    struct hp_str text; /* borrowed from the source */
    uint32_t first, last, indent;
};

/* The header of the function whose first line, decorators included, is `line`, then the statements in its
 * body, at most `most` together. Returns how many; 0: no function begins there. Headers of blocks are
 * statements of their own. */
uint32_t hp__py_split(struct hp_str source, uint32_t line, struct hp__py_statement *list, uint32_t most);

#define HP__PY_STATEMENTS 256u

/* The same into a list of HP__PY_STATEMENTS of `arena`, NULL without memory. */
struct hp__py_statement *hp__py_list(struct hp_str source, uint32_t line, struct hp_arena *arena,
                                     uint32_t *count);
/* Where the innermost loop around `line` begins, in the function that begins at `first_line`; 0: there is
 * none, or it is not known. */
uint32_t hp__py_loop(struct hp_str source, uint32_t first_line, uint32_t line);

#endif
