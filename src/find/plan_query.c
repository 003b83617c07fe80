/* plan_query.c -- see plan_query.h. */
#include "find/plan_query.h"

#include <stddef.h>
#include <string.h>
#include "find/plan_int.h"
#include "model/sqllex.h"

#define MAX_TOKENS  8192u
#define MAX_SCOPES  64u
#define MAX_SOURCES 128u
#define MAX_TERMS   256u
#define MAX_HOLES   1024u
#define MAX_RANGES  64u

struct token {
    enum hp__sql_kind kind;
    uint32_t depth; /* of parentheses around it; a parenthesis itself has that of what is around it */
    struct hp_str text;
};

struct range {
    uint32_t from, to;
};

struct reader {
    const char *text;
    struct token *tokens;
    uint32_t count;
    struct hp_query *q;
};

static bool is_word(const struct reader *r, uint32_t at, const char *word)
{
    return at < r->count && r->tokens[at].kind == HP__SQL_WORD && hp__sqllex_is(r->tokens[at].text, word);
}

static bool is_any(const struct reader *r, uint32_t at, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is_word(r, at, words[i])) {
            return true;
        }
    }
    return false;
}
#define IS_ANY(r, at, list) is_any(r, at, list, sizeof(list) / sizeof *(list))

static bool is_kind(const struct reader *r, uint32_t at, enum hp__sql_kind kind)
{
    return at < r->count && r->tokens[at].kind == kind;
}

static struct hp_str bare(struct hp_str name)
{
    if (name.n >= 2 && (name.p[0] == '"' || name.p[0] == '`' || name.p[0] == '[')) {
        return hp_str_make(name.p + 1, name.n - 2);
    }
    return name;
}

static bool is_name(const struct reader *r, uint32_t at)
{
    return is_kind(r, at, HP__SQL_WORD) || is_kind(r, at, HP__SQL_NAME) || is_kind(r, at, HP__SQL_MAYBE_NAME);
}

/* The closing parenthesis of the one at `at`; the end if there is none. */
static uint32_t closing(const struct reader *r, uint32_t at)
{
    uint32_t depth = r->tokens[at].depth;
    for (uint32_t i = at + 1; i < r->count; i++) {
        if (r->tokens[i].depth == depth && r->tokens[i].kind == HP__SQL_CLOSE) {
            return i;
        }
    }
    return r->count;
}

/* ---- conditions ---- */

struct side { /* of a comparison */
    struct hp_str alias, column;
    bool constant, number;
    uint32_t end; /* token behind it; 0: not understood */
};

/* ::type, ::type(n) */
static uint32_t pass_cast(const struct reader *r, uint32_t at, uint32_t to)
{
    if (at + 1 < to && r->tokens[at].kind == HP__SQL_CAST && is_kind(r, at + 1, HP__SQL_WORD)) {
        at += 2;
        if (at < to && r->tokens[at].kind == HP__SQL_OPEN) {
            at = closing(r, at) + 1;
        }
    }
    return at;
}

static struct side read_side(const struct reader *r, uint32_t at, uint32_t to)
{
    struct side side = {0};
    bool minus = at + 1 < to && r->tokens[at].kind == HP__SQL_OPERATOR && r->tokens[at].text.p[0] == '-';
    at += minus;
    if (at < to && (r->tokens[at].kind == HP__SQL_HOLE || r->tokens[at].kind == HP__SQL_LITERAL)) {
        char first = r->tokens[at].text.p[0];
        side.constant = true;
        side.number = r->tokens[at].kind == HP__SQL_LITERAL && first >= '0' && first <= '9';
        side.end = pass_cast(r, at + 1, to);
        return side;
    }
    if (minus || at >= to || !is_name(r, at)) {
        return side;
    }
    side.column = bare(r->tokens[at++].text);
    while (at + 1 < to && r->tokens[at].kind == HP__SQL_DOT && is_name(r, at + 1)) {
        side.alias = side.column;
        side.column = bare(r->tokens[at + 1].text);
        at += 2;
    }
    if (at < to && (r->tokens[at].kind == HP__SQL_OPEN || r->tokens[at].kind == HP__SQL_CAST)) {
        side.column = side.alias = (struct hp_str){NULL, 0}; /* a function's or a cast column's value */
        return side;
    }
    side.end = at;
    return side;
}

/* IN (…) with constants only: how many; 0: something else. */
static uint32_t count_list(const struct reader *r, uint32_t open, uint32_t to)
{
    uint32_t n = 1, close = closing(r, open);
    if (close + 1 != to || close == open + 1) {
        return 0;
    }
    for (uint32_t i = open + 1; i < close; i++) {
        enum hp__sql_kind kind = r->tokens[i].kind;
        bool more = kind == HP__SQL_OPERATOR && r->tokens[i].text.p[0] == '+'; /* ?+ of folded text */
        bool minus = kind == HP__SQL_OPERATOR && r->tokens[i].text.p[0] == '-';
        if (kind == HP__SQL_COMMA) {
            n++;
        } else if (more) {
            n = n < 3 ? 3 : n;
        } else if (kind != HP__SQL_HOLE && kind != HP__SQL_LITERAL && kind != HP__SQL_CAST && !minus &&
                   !(kind == HP__SQL_WORD && r->tokens[i - 1].kind == HP__SQL_CAST)) {
            return 0;
        }
    }
    return n;
}

/* The comparison sign at `*at`, which is passed; HP_QUERY_OTHER: none that an index serves. */
static uint8_t read_sign(const struct reader *r, uint32_t *at, uint32_t to)
{
    char sign[4] = {0};
    size_t n = 0;
    while (*at < to && r->tokens[*at].kind == HP__SQL_OPERATOR && r->tokens[*at].text.p[0] != '-') {
        for (size_t i = 0; i < r->tokens[*at].text.n; i++) {
            if (n == sizeof sign - 1) {
                return HP_QUERY_OTHER;
            }
            sign[n++] = r->tokens[*at].text.p[i];
        }
        (*at)++;
    }
    if (strcmp(sign, "=") == 0 || strcmp(sign, "==") == 0) {
        return HP_QUERY_EQUAL;
    }
    bool range = strcmp(sign, "<") == 0 || strcmp(sign, ">") == 0 || strcmp(sign, "<=") == 0 ||
                 strcmp(sign, ">=") == 0;
    return range ? HP_QUERY_RANGE : HP_QUERY_OTHER;
}

static void read_right(const struct reader *r, uint32_t at, uint32_t to, struct side left,
                       struct hp_query_term *term)
{
    uint8_t op = read_sign(r, &at, to);
    bool any = op == HP_QUERY_EQUAL && is_word(r, at, "ANY") && is_kind(r, at + 1, HP__SQL_OPEN);
    if (op == HP_QUERY_OTHER) {
        return;
    }
    if (any) {
        term->values = count_list(r, at + 1, to);
        term->op = term->values != 0 ? HP_QUERY_IN : HP_QUERY_OTHER;
        term->values = 3; /* an array: nobody says how many */
        return;
    }
    struct side right = read_side(r, at, to);
    if (right.end != to) {
        return;
    }
    if (left.constant && !right.constant) {
        struct side swap = left;
        left = right;
        right = swap;
    }
    term->alias = left.alias;
    term->column = left.column;
    if (left.constant) {
        return;
    }
    term->number = right.number;
    if (right.constant) {
        term->op = op;
    } else if (op == HP_QUERY_EQUAL) {
        term->op = op;
        term->other_alias = right.alias;
        term->other_column = right.column;
    }
}

/* A constant, or a function of constants and one column at most, which is put into `within`. Returns the token
 * behind it; 0: something else. */
static uint32_t pass_value(const struct reader *r, uint32_t at, uint32_t to, struct hp_str *within)
{
    struct side side = read_side(r, at, to);
    if (side.constant || at + 1 >= to || !is_name(r, at) || !is_kind(r, at + 1, HP__SQL_OPEN)) {
        return side.constant ? side.end : 0;
    }
    uint32_t close = closing(r, at + 1);
    for (uint32_t i = at + 2; i < close; i++) {
        bool calls = is_kind(r, i + 1, HP__SQL_OPEN) || is_kind(r, i + 1, HP__SQL_DOT);
        bool types = r->tokens[i - 1].kind == HP__SQL_CAST || is_word(r, i - 1, "AS") || is_word(r, i, "AS");
        if (is_name(r, i) && !calls && !types) {
            if (within->n != 0) {
                return 0;
            }
            *within = bare(r->tokens[i].text);
        }
    }
    return close < to ? pass_cast(r, close + 1, to) : 0;
}

/* The column that stands in a function on one side of an equality whose other side has none. */
static struct hp_str read_within(const struct reader *r, struct range range)
{
    struct hp_str left = {NULL, 0}, right = {NULL, 0};
    uint32_t at = pass_value(r, range.from, range.to, &left);
    bool equal = at != 0 && read_sign(r, &at, range.to) == HP_QUERY_EQUAL;
    bool whole = equal && pass_value(r, at, range.to, &right) == range.to;
    return whole && (left.n == 0 || right.n == 0) ? (left.n != 0 ? left : right) : (struct hp_str){NULL, 0};
}

static void read_term(struct reader *r, uint32_t scope, struct range range)
{
    struct hp_query *q = r->q;
    if (range.from >= range.to || q->term_count == MAX_TERMS) {
        return;
    }
    struct hp_query_term *term = &q->terms[q->term_count++];
    struct side left = read_side(r, range.from, range.to);
    *term = (struct hp_query_term){.scope = scope,
                                   .alias = left.alias,
                                   .column = left.column,
                                   .op = HP_QUERY_OTHER,
                                   .within = read_within(r, range),
                                   .first = range.from,
                                   .last = range.to};
    uint32_t at = left.end;
    if (at == 0) {
        return;
    }
    if (!left.constant && is_word(r, at, "IN") && is_kind(r, at + 1, HP__SQL_OPEN)) {
        term->values = count_list(r, at + 1, range.to);
        term->op = term->values != 0 ? HP_QUERY_IN : HP_QUERY_OTHER;
    } else if (!left.constant && is_word(r, at, "BETWEEN")) {
        struct side low = read_side(r, at + 1, range.to);
        struct side high = low.constant && is_word(r, low.end, "AND") ? read_side(r, low.end + 1, range.to)
                                                                      : (struct side){0};
        term->op = high.constant && high.end == range.to ? HP_QUERY_RANGE : HP_QUERY_OTHER;
    } else {
        read_right(r, at, range.to, left, term);
    }
}

/* Take redundant parentheses off. */
static struct range strip(const struct reader *r, struct range range)
{
    while (range.from + 1 < range.to && r->tokens[range.from].kind == HP__SQL_OPEN &&
           closing(r, range.from) + 1 == range.to) {
        range.from++;
        range.to--;
    }
    return range;
}

static bool has_or(const struct reader *r, struct range range)
{
    uint32_t depth = r->tokens[range.from].depth;
    for (uint32_t i = range.from; i < range.to; i++) {
        bool bars = r->tokens[i].kind == HP__SQL_OPERATOR && r->tokens[i].text.p[0] == '|';
        if (r->tokens[i].depth == depth && (is_word(r, i, "OR") || is_word(r, i, "XOR") || bars)) {
            return true;
        }
    }
    return false;
}

/* All conditions of a range, by a stack of ranges that are left to do. */
static void read_conditions(struct reader *r, uint32_t scope, struct range whole)
{
    struct range stack[MAX_RANGES];
    uint32_t left = 0;
    stack[left++] = whole;
    while (left != 0) {
        struct range range = strip(r, stack[--left]);
        if (range.from >= range.to) {
            continue;
        }
        if (has_or(r, range)) {
            r->q->scopes[scope].either = true;
            continue;
        }
        uint32_t depth = r->tokens[range.from].depth, from = range.from;
        bool between = false, split = false;
        for (uint32_t i = range.from; i < range.to; i++) {
            bool here = r->tokens[i].depth == depth;
            bool is_and = here && is_word(r, i, "AND");
            bool of_between = is_and && between;
            between = (here && is_word(r, i, "BETWEEN")) || (between && !is_and);
            if (is_and && !of_between && left < MAX_RANGES) {
                stack[left++] = (struct range){from, i};
                from = i + 1;
                split = true;
            }
        }
        if (split && left < MAX_RANGES) {
            stack[left++] = (struct range){from, range.to};
        } else if (!split) {
            read_term(r, scope, range);
        }
    }
}

/* ---- FROM ---- */

static const char *const join_words[] = {"JOIN",  "LEFT", "RIGHT",   "INNER",
                                         "CROSS", "FULL", "NATURAL", "STRAIGHT_JOIN"};
static const char *const no_alias[] = {"JOIN",    "LEFT",      "RIGHT",         "INNER",       "CROSS",
                                       "FULL",    "ON",        "USING",         "WHERE",       "NATURAL",
                                       "FORCE",   "USE",       "IGNORE",        "NOT",         "FOR",
                                       "INDEXED", "PARTITION", "STRAIGHT_JOIN", "TABLESAMPLE", "OUTER"};

static uint32_t read_alias(const struct reader *r, uint32_t at, uint32_t to, struct hp_str *alias)
{
    bool as = is_word(r, at, "AS");
    at += as;
    if (at < to && is_name(r, at) && (as || !IS_ANY(r, at, no_alias))) {
        *alias = bare(r->tokens[at].text);
        at++;
    }
    return at;
}

/* A table or subquery at `at`; the token behind it. */
static uint32_t read_source(struct reader *r, uint32_t scope, uint32_t at, uint32_t to)
{
    struct hp_query *q = r->q;
    struct hp_query_source source = {.scope = scope};
    while (is_word(r, at, "LATERAL") || is_word(r, at, "ONLY")) {
        at++;
    }
    if (is_kind(r, at, HP__SQL_OPEN)) {
        at = closing(r, at) + 1;
    } else if (is_name(r, at)) {
        source.table = bare(r->tokens[at++].text);
        while (at + 1 < to && r->tokens[at].kind == HP__SQL_DOT && is_name(r, at + 1)) {
            source.table = bare(r->tokens[at + 1].text);
            at += 2;
        }
        if (is_kind(r, at, HP__SQL_OPEN)) { /* a function that gives rows */
            source.table = (struct hp_str){NULL, 0};
            at = closing(r, at) + 1;
        }
    } else {
        return at + 1;
    }
    source.alias = source.table;
    at = read_alias(r, at, to, &source.alias);
    if (q->source_count < MAX_SOURCES) {
        q->sources[q->source_count++] = source;
    }
    return at;
}

static uint32_t end_of_on(const struct reader *r, uint32_t at, struct range range)
{
    uint32_t depth = r->tokens[range.from].depth;
    for (; at < range.to; at++) {
        bool here = r->tokens[at].depth == depth;
        bool join = IS_ANY(r, at, join_words) && !is_kind(r, at + 1, HP__SQL_OPEN);
        if (here && (join || r->tokens[at].kind == HP__SQL_COMMA || is_word(r, at, "ON"))) {
            break;
        }
    }
    return at;
}

static void read_from(struct reader *r, uint32_t scope, struct range range)
{
    bool expected = true;
    for (uint32_t at = range.from; at < range.to;) {
        if (expected) {
            at = read_source(r, scope, at, range.to);
            expected = false;
        } else if (is_word(r, at, "ON")) {
            uint32_t end = end_of_on(r, at + 1, range);
            read_conditions(r, scope, (struct range){at + 1, end});
            at = end;
        } else {
            expected = is_word(r, at, "JOIN") || is_word(r, at, "STRAIGHT_JOIN") ||
                       r->tokens[at].kind == HP__SQL_COMMA;
            at++;
        }
    }
}

/* ---- SELECTs ---- */

static const char *const clauses[] = {"FROM",  "WHERE",  "GROUP", "HAVING", "ORDER",     "LIMIT",  "OFFSET",
                                      "FETCH", "WINDOW", "FOR",   "UNION",  "INTERSECT", "EXCEPT", "LOCK"};
static const char *const aggregates[] = {"COUNT", "SUM",        "AVG",       "MIN",         "MAX",
                                         "TOTAL", "STRING_AGG", "ARRAY_AGG", "GROUP_CONCAT"};
static const char *const sums[] = {"COUNT", "SUM", "AVG", "TOTAL"}; /* the least and the most are looked up */

/* The next clause of the SELECT at `depth` from `at` on; the end of the SELECT if there is none. */
static uint32_t next_clause(const struct reader *r, uint32_t at, uint32_t depth)
{
    for (; at < r->count && r->tokens[at].depth >= depth; at++) {
        if (r->tokens[at].depth == depth &&
            (IS_ANY(r, at, clauses) || r->tokens[at].kind == HP__SQL_SEMICOLON)) {
            break;
        }
    }
    return at;
}

static void note_list(const struct reader *r, struct hp_query_scope *scope, struct range list)
{
    for (uint32_t i = list.from; i < list.to; i++) {
        if ((IS_ANY(r, i, aggregates) && is_kind(r, i + 1, HP__SQL_OPEN)) || is_word(r, i, "DISTINCT")) {
            scope->grouped = true;
        }
    }
}

static void read_scope(struct reader *r, uint32_t number, uint32_t select)
{
    struct hp_query_scope *scope = &r->q->scopes[number];
    uint32_t depth = r->tokens[select].depth, at = next_clause(r, select + 1, depth);
    note_list(r, scope, (struct range){select + 1, at});
    scope->sums = IS_ANY(r, select + 1, sums) && is_kind(r, select + 2, HP__SQL_OPEN);
    while (at < r->count && r->tokens[at].depth == depth && IS_ANY(r, at, clauses)) {
        uint32_t end = next_clause(r, at + 1, depth);
        struct range body = {at + 1, end};
        if (is_word(r, at, "FROM")) {
            read_from(r, number, body);
        } else if (is_word(r, at, "WHERE")) {
            read_conditions(r, number, body);
        } else if (is_word(r, at, "UNION") || is_word(r, at, "INTERSECT") || is_word(r, at, "EXCEPT")) {
            scope->grouped = true; /* what it returns is not what it read */
            return;
        }
        scope->limited |= is_word(r, at, "LIMIT") || is_word(r, at, "FETCH");
        scope->ordered |= is_word(r, at, "ORDER");
        scope->grouped |= is_word(r, at, "GROUP") || is_word(r, at, "HAVING");
        scope->sums |= is_word(r, at, "GROUP");
        at = end;
    }
}

static void find_scopes(struct reader *r)
{
    uint32_t open[MAX_SCOPES], depths[MAX_SCOPES], count = 0;
    for (uint32_t i = 0; i < r->count && r->q->scope_count < MAX_SCOPES; i++) {
        while (count != 0 && r->tokens[i].depth < depths[count - 1]) {
            count--;
        }
        if (!is_word(r, i, "SELECT")) {
            continue;
        }
        if (count != 0 && depths[count - 1] == r->tokens[i].depth) {
            count--; /* after UNION */
        }
        uint32_t number = r->q->scope_count++;
        r->q->scopes[number] =
            (struct hp_query_scope){.parent = count != 0 ? open[count - 1] : HP_QUERY_NONE};
        open[count] = number;
        depths[count++] = r->tokens[i].depth;
        read_scope(r, number, i);
    }
}

/* ---- placeholders ---- */

static void note_hole(struct reader *r, uint32_t at)
{
    struct hp_query *q = r->q;
    struct hp_query_hole hole = {.term = HP_QUERY_NONE};
    hole.start = (size_t)(r->tokens[at].text.p - r->text);
    hole.end = hole.start + r->tokens[at].text.n;
    if (is_kind(r, at + 1, HP__SQL_OPERATOR) && r->tokens[at + 1].text.p == r->text + hole.end &&
        r->tokens[at + 1].text.p[0] == '+' && is_kind(r, at + 2, HP__SQL_CLOSE)) {
        hole.end++; /* IN (?+) */
    }
    for (uint32_t i = 0; i < q->term_count; i++) {
        if (q->terms[i].first <= at && at < q->terms[i].last) {
            hole.term = i;
        }
    }
    if (at > 0 && (is_word(r, at - 1, "LIMIT") || is_word(r, at - 1, "OFFSET"))) {
        hole.kind = HP_QUERY_HOLE_LIMIT;
    } else if (at > 0 && (is_word(r, at - 1, "LIKE") || is_word(r, at - 1, "ILIKE"))) {
        hole.kind = HP_QUERY_HOLE_PATTERN;
    }
    if (q->hole_count < MAX_HOLES) {
        q->holes[q->hole_count++] = hole;
    }
}

static void read_tokens(struct reader *r, struct hp_str text, enum hp_engine engine)
{
    struct hp__sqllex lex;
    uint32_t depth = 0;
    hp__sqllex_init(&lex, text, hp_fingerprint_dialect(engine));
    while (r->count < MAX_TOKENS) {
        struct hp__sql_token token = hp__sqllex_next(&lex);
        if (token.kind == HP__SQL_END || token.kind == HP__SQL_UNSURE) {
            break;
        }
        depth -= token.kind == HP__SQL_CLOSE && depth != 0;
        r->tokens[r->count++] = (struct token){token.kind, depth, hp__sqllex_text(&lex, token)};
        depth += token.kind == HP__SQL_OPEN;
    }
}

static void *room(struct hp_arena *arena, size_t count, size_t size)
{
    return hp_arena_alloc(arena, count * size, _Alignof(max_align_t));
}

hp_err hp_query_read(struct hp_str text, enum hp_engine engine, struct hp_arena *arena, struct hp_query *out)
{
    struct hp_query query = {0};
    struct reader r = {.text = text.p, .q = &query};
    r.tokens = room(arena, MAX_TOKENS, sizeof *r.tokens);
    query.scopes = room(arena, MAX_SCOPES, sizeof *query.scopes);
    query.sources = room(arena, MAX_SOURCES, sizeof *query.sources);
    query.terms = room(arena, MAX_TERMS, sizeof *query.terms);
    query.holes = room(arena, MAX_HOLES, sizeof *query.holes);
    if (r.tokens == NULL || query.scopes == NULL || query.sources == NULL || query.terms == NULL ||
        query.holes == NULL) {
        return HP_ENOMEM;
    }
    read_tokens(&r, text, engine);
    find_scopes(&r);
    for (uint32_t i = 0; i < r.count; i++) {
        if (r.tokens[i].kind == HP__SQL_HOLE) {
            note_hole(&r, i);
        }
    }
    *out = query;
    return HP_OK;
}

/* ---- whose column ---- */

uint32_t hp_query_source(const struct hp_query *query, struct hp_str alias)
{
    uint32_t found = HP_QUERY_NONE;
    for (uint32_t i = 0; i < query->source_count; i++) {
        if (query->sources[i].table.n != 0 && hp__plan_same(query->sources[i].alias, alias)) {
            if (found != HP_QUERY_NONE) {
                return HP_QUERY_NONE;
            }
            found = i;
        }
    }
    return found;
}

static bool may_own(const struct hp_plan *plan, const struct hp_query_source *source, struct hp_str alias,
                    struct hp_str column, bool only)
{
    if (alias.n != 0) {
        return hp__plan_same(source->alias, alias);
    }
    const struct hp_plan_table *table = plan != NULL ? hp_plan_table(plan, source->table) : NULL;
    return table != NULL ? hp_plan_column(table, column) != NULL : only;
}

uint32_t hp_query_owner(const struct hp_query *query, const struct hp_plan *plan,
                        const struct hp_query_term *term, bool other)
{
    struct hp_str alias = other ? term->other_alias : term->alias;
    struct hp_str column = other ? term->other_column : term->column;
    for (uint32_t scope = term->scope; scope != HP_QUERY_NONE && column.n != 0;
         scope = query->scopes[scope].parent) {
        uint32_t found = HP_QUERY_NONE, in_scope = 0;
        for (uint32_t i = 0; i < query->source_count; i++) {
            in_scope += query->sources[i].scope == scope;
        }
        for (uint32_t i = 0; i < query->source_count; i++) {
            if (query->sources[i].scope == scope &&
                may_own(plan, &query->sources[i], alias, column, in_scope == 1)) {
                found = found == HP_QUERY_NONE ? i : HP_QUERY_NONE - 1;
            }
        }
        if (found != HP_QUERY_NONE) {
            return found == HP_QUERY_NONE - 1 ? HP_QUERY_NONE : found;
        }
    }
    return HP_QUERY_NONE;
}
