/* words.c -- the few words of a folded statement that titles, advice and comparisons need: verb, table, key
 * column.
 *
 * Why not a parser: the text is already folded (no literals, no comments), only the first table and the first
 * compared column are wanted, and an answer of "not found" is always allowed. Quotes of every dialect are
 * stripped.
 */
#include <string.h>
#include "find/find_int.h"
#include "model/fingerprint.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '"' || c == '`' || c == '[' || c == ']' || c == '$' || (unsigned char)c >= 0x80;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool same_word(struct hp_str word, const char *name)
{
    struct hp_str want = hp_str_from0(name);
    if (word.n != want.n) {
        return false;
    }
    for (size_t i = 0; i < word.n; i++) {
        if (upper(word.p[i]) != want.p[i]) {
            return false;
        }
    }
    return true;
}

/* The next word or single other character from `*at` on; empty at the end. */
static struct hp_str next_word(struct hp_str text, size_t *at)
{
    size_t i = *at;
    while (i < text.n && is_space(text.p[i])) {
        i++;
    }
    size_t start = i;
    while (i < text.n && is_word(text.p[i])) {
        i++;
    }
    if (i == start && i < text.n) {
        i++;
    }
    *at = i;
    return hp_str_make(text.p + start, i - start);
}

/* "schema"."table" → table */
static struct hp_str bare_name(struct hp_str word)
{
    for (size_t i = word.n; i > 0; i--) {
        if (word.p[i - 1] == '.') {
            word = hp_str_make(word.p + i, word.n - i);
            break;
        }
    }
    while (word.n > 0 && (word.p[0] == '"' || word.p[0] == '`' || word.p[0] == '[')) {
        word = hp_str_make(word.p + 1, word.n - 1);
    }
    while (word.n > 0 &&
           (word.p[word.n - 1] == '"' || word.p[word.n - 1] == '`' || word.p[word.n - 1] == ']')) {
        word.n--;
    }
    return word;
}

struct hp_str hp__words_verb(struct hp_str text)
{
    size_t at = 0;
    struct hp_str word = next_word(text, &at);
    while (word.n == 1 && word.p[0] == '(') {
        word = next_word(text, &at);
    }
    return word;
}

/* What the first selected column is a column of ("SELECT person.id" gives person); empty where that is not
 * written. */
static struct hp_str first_selected(struct hp_str text)
{
    size_t at = 0, end = 0;
    struct hp_str word = next_word(text, &at);
    word = same_word(word, "SELECT") ? next_word(text, &at) : (struct hp_str){NULL, 0};
    word = same_word(word, "DISTINCT") ? next_word(text, &at) : word;
    for (size_t i = 0; i < word.n; i++) {
        end = word.p[i] == '.' ? i : end;
    }
    return bare_name(hp_str_make(word.p, end));
}

/* The table that is joined to the SELECT in parentheses which begins at `at`, if it is `wanted` by name or
 * alias; else empty. */
static struct hp_str joined_table(struct hp_str text, size_t at, struct hp_str wanted)
{
    int depth = 1;
    for (struct hp_str word = next_word(text, &at); word.n != 0; word = next_word(text, &at)) {
        depth += word.p[0] == '(' ? 1 : word.p[0] == ')' ? -1 : 0;
        if (depth != 0 || !same_word(word, "JOIN")) {
            continue;
        }
        struct hp_str table = bare_name(next_word(text, &at));
        size_t after = at;
        struct hp_str alias = next_word(text, &after);
        alias = same_word(alias, "AS") ? next_word(text, &after) : alias;
        if (hp_str_eq(table, wanted) || hp_str_eq(bare_name(alias), wanted)) {
            return table;
        }
    }
    return (struct hp_str){NULL, 0};
}

struct hp_str hp__words_table(struct hp_str text)
{
    size_t at = 0;
    struct hp_str wanted = first_selected(text);
    for (struct hp_str word = next_word(text, &at); word.n != 0; word = next_word(text, &at)) {
        if (same_word(word, "FROM") || same_word(word, "INTO") || same_word(word, "UPDATE")) {
            struct hp_str table = next_word(text, &at);
            bool nested = wanted.n != 0 && table.n == 1 && table.p[0] == '(';
            struct hp_str joined = nested ? joined_table(text, at, wanted) : (struct hp_str){NULL, 0};
            if (joined.n != 0) {
                return joined;
            }
            if (table.n != 0 && is_word(table.p[0]) && !same_word(table, "SELECT")) {
                return bare_name(table);
            }
        }
    }
    return (struct hp_str){NULL, 0};
}

/* Whether more is compared with values from `at` on: it is not known then which of them differ. */
static bool compares_more(struct hp_str text, size_t at)
{
    for (struct hp_str word = next_word(text, &at); word.n != 0; word = next_word(text, &at)) {
        if (same_word(word, "LIMIT") || same_word(word, "OFFSET") || same_word(word, "FETCH")) {
            return false;
        }
        if (word.p[0] == '?') {
            return true;
        }
    }
    return false;
}

struct hp_str hp__words_key(struct hp_str text)
{
    size_t at = 0;
    for (struct hp_str word = next_word(text, &at); word.n != 0; word = next_word(text, &at)) {
        if (same_word(word, "WHERE")) {
            struct hp_str column = next_word(text, &at);
            struct hp_str sign = next_word(text, &at);
            struct hp_str value = next_word(text, &at);
            bool plain = column.n != 0 && is_word(column.p[0]) && sign.n == 1 && sign.p[0] == '=';
            if (plain && value.n != 0 && value.p[0] == '?' && !compares_more(text, at)) {
                return bare_name(column);
            }
            return (struct hp_str){NULL, 0};
        }
    }
    return (struct hp_str){NULL, 0};
}

static bool is_any(struct hp_str word, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (same_word(word, names[i])) {
            return true;
        }
    }
    return false;
}

struct hp_str hp__words_where(struct hp_str text)
{
    static const char *const ends[] = {"GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FETCH", "UNION"};
    size_t at = 0, from = 0, to = 0;
    int depth = 0;
    struct hp_str word = next_word(text, &at);
    while (word.n != 0 && !same_word(word, "WHERE")) {
        word = next_word(text, &at);
    }
    for (from = to = at; word.n != 0; to = at) {
        word = next_word(text, &at);
        depth += word.n == 0 ? 0 : word.p[0] == '(' ? 1 : word.p[0] == ')' ? -1 : 0;
        if (depth < 0 || (depth == 0 && is_any(word, ends, sizeof ends / sizeof *ends))) {
            break;
        }
    }
    while (from < to && is_space(text.p[from])) {
        from++;
    }
    return hp_str_make(text.p + from, to - from);
}

static bool has_word(struct hp_str text, const char *name)
{
    size_t at = 0;
    for (struct hp_str word = next_word(text, &at); word.n != 0; word = next_word(text, &at)) {
        if (same_word(word, name)) {
            return true;
        }
    }
    return false;
}

bool hp__words_reads(const struct hp_statement *statement)
{
    if (statement->verb != HP_SQL_VERB_OTHER) {
        return statement->verb == HP_SQL_VERB_SELECT && !has_word(statement->text, "INTO");
    }
    return same_word(hp__words_verb(statement->text), "SELECT") && !has_word(statement->text, "INTO");
}

bool hp__words_writes(const struct hp_statement *statement)
{
    switch (statement->verb) {
    case HP_SQL_VERB_INSERT:
    case HP_SQL_VERB_UPDATE:
    case HP_SQL_VERB_DELETE:
    case HP_SQL_VERB_DDL:
        return true;
    case HP_SQL_VERB_OTHER:
        return has_word(statement->text, "INSERT") || has_word(statement->text, "UPDATE") ||
               has_word(statement->text, "DELETE") || has_word(statement->text, "REPLACE");
    default:
        return false;
    }
}

bool hp__words_gives(const struct hp_statement *statement)
{
    return !hp__words_writes(statement) || has_word(statement->text, "RETURNING");
}

bool hp__words_distinct(struct hp_str text)
{
    size_t at = 0;
    bool selects = same_word(next_word(text, &at), "SELECT");
    return same_word(next_word(text, &at), "DISTINCT") && selects;
}

bool hp__words_counts(struct hp_str text)
{
    size_t at = 0;
    bool selects = same_word(next_word(text, &at), "SELECT");
    bool counts = same_word(next_word(text, &at), "COUNT");
    return selects && counts && !has_word(text, "GROUP");
}

bool hp__words_pages(struct hp_str text)
{
    return has_word(text, "LIMIT") || has_word(text, "OFFSET") || has_word(text, "FETCH");
}

bool hp__words_shuffles(struct hp_str text)
{
    size_t at = 0;
    struct hp_str first = {NULL, 0}, second = {NULL, 0};
    for (struct hp_str word = next_word(text, &at); word.n != 0; word = next_word(text, &at)) {
        bool ordered = same_word(first, "ORDER") && same_word(second, "BY");
        if (ordered && (same_word(word, "RAND") || same_word(word, "RANDOM"))) {
            return hp__words_pages(text);
        }
        first = second;
        second = word;
    }
    return false;
}

bool hp__words_skips(struct hp_str text)
{
    static const char *const others[] = {"WHERE", "GROUP", "HAVING", "DISTINCT", "JOIN", "UNION", "OVER"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (has_word(text, others[i])) {
            return false;
        }
    }
    size_t at = 0;
    struct hp_str word = next_word(text, &at);
    while (word.n != 0 && !same_word(word, "LIMIT")) {
        word = next_word(text, &at);
    }
    (void)next_word(text, &at);
    struct hp_str comma = next_word(text, &at);
    return has_word(text, "OFFSET") || (comma.n == 1 && comma.p[0] == ',');
}

bool hp__words_holds(struct hp_str text, struct hp_str part)
{
    for (size_t i = 0; i + part.n <= text.n; i++) {
        if (memcmp(text.p + i, part.p, part.n) == 0) {
            return true;
        }
    }
    return false;
}

struct hp_str hp__words_last(struct hp_str name)
{
    size_t at = name.n;
    while (at > 0 && name.p[at - 1] != '.') {
        at--;
    }
    return hp_str_make(name.p + at, name.n - at);
}
