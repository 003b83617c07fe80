/* fingerprint.c -- folding SQL, one pass over the tokens of sqllex.c. See fingerprint.h.
 *
 * Lists of constants are recognised by looking ahead from IN (, VALUES ( and ARRAY[. The look stops at the
 * first token that may not stand in such a list, and every word that could begin another list is one: so
 * looks never overlap and the whole stays linear. Nothing here grows: what is in an open parenthesis is known
 * for MAX_DEPTH levels, deeper ones count as values.
 */
#include "model/fingerprint.h"

#include "base/hash.h"
#include "model/dict.h"
#include "model/sqllex.h"

#define MAX_DEPTH 64

/* --- words that matter --- */

enum keyword_flag {
    EXPR = 1,     /* an expression follows: a sign is unary, "(" groups */
    VALUE = 2,    /* "x" after it is a string */
    NAME = 4,     /* "x" after it is a name */
    SIDE = 8,     /* a condition follows: "x" before a comparison is likely a name */
    LIST = 16,    /* "(" after it lists names */
    CONST = 32,   /* a constant in a list */
    TYPE = 64,    /* DATE '2020-01-01' */
    COMPARE = 128 /* comes after the left side of a condition */
};

enum keyword_id {
    NO_ID,
    ID_IN,
    ID_VALUES,
    ID_VALUE,
    ID_ARRAY,
    ID_INTO,
    ID_SELECT,
    ID_SET,
    ID_FROM,
    ID_ON,
    ID_TO,
    ID_BY,
    ID_DISTINCT,
    ID_AS
};

struct keyword {
    const char *text;
    unsigned flags;
    enum keyword_id id;
};

static const struct keyword KEYWORDS[] = {
    {"IN", EXPR | VALUE | COMPARE, ID_IN},
    {"VALUES", EXPR | VALUE, ID_VALUES},
    {"VALUE", 0, ID_VALUE},
    {"ARRAY", 0, ID_ARRAY},
    {"INTO", EXPR | NAME, ID_INTO},
    {"SELECT", EXPR, ID_SELECT},
    {"SET", EXPR, ID_SET},
    {"FROM", EXPR | NAME, ID_FROM},
    {"ON", EXPR | SIDE, ID_ON},
    {"TO", NAME, ID_TO},
    {"BY", EXPR, ID_BY},
    {"DISTINCT", EXPR, ID_DISTINCT},
    {"ALL", EXPR, ID_DISTINCT},
    {"AS", EXPR | NAME, ID_AS},
    {"WHERE", EXPR | SIDE, NO_ID},
    {"AND", EXPR | SIDE, NO_ID},
    {"OR", EXPR | SIDE, NO_ID},
    {"HAVING", EXPR | SIDE, NO_ID},
    {"NOT", EXPR | SIDE | COMPARE, NO_ID},
    {"WHEN", EXPR | SIDE, NO_ID},
    {"CASE", EXPR | SIDE, NO_ID},
    {"LIKE", EXPR | VALUE | COMPARE, NO_ID},
    {"ILIKE", EXPR | VALUE | COMPARE, NO_ID},
    {"RLIKE", EXPR | VALUE | COMPARE, NO_ID},
    {"GLOB", EXPR | VALUE | COMPARE, NO_ID},
    {"REGEXP", EXPR | VALUE | COMPARE, NO_ID},
    {"MATCH", EXPR | VALUE | COMPARE, NO_ID},
    {"BETWEEN", EXPR | VALUE | COMPARE, NO_ID},
    {"IS", EXPR | VALUE | COMPARE, NO_ID},
    {"ESCAPE", EXPR | VALUE, NO_ID},
    {"THEN", EXPR | VALUE, NO_ID},
    {"ELSE", EXPR | VALUE, NO_ID},
    {"LIMIT", EXPR | VALUE, NO_ID},
    {"OFFSET", EXPR | VALUE, NO_ID},
    {"INTERVAL", EXPR | VALUE | TYPE, NO_ID},
    {"DEFAULT", EXPR | VALUE | CONST, NO_ID},
    {"RETURNING", EXPR, NO_ID},
    {"WITH", EXPR, NO_ID},
    {"UNION", EXPR, NO_ID},
    {"EXCEPT", EXPR, NO_ID},
    {"INTERSECT", EXPR, NO_ID},
    {"ANY", EXPR, NO_ID},
    {"SOME", EXPR, NO_ID},
    {"DIV", EXPR | VALUE, NO_ID},
    {"MOD", EXPR | VALUE, NO_ID},
    {"XOR", EXPR | SIDE, NO_ID},
    {"EXISTS", EXPR | NAME, NO_ID},
    {"JOIN", EXPR | NAME, NO_ID},
    {"UPDATE", EXPR | NAME, NO_ID},
    {"TABLE", NAME, NO_ID},
    {"INDEX", NAME, NO_ID},
    {"VIEW", NAME, NO_ID},
    {"TRIGGER", NAME, NO_ID},
    {"COLUMN", NAME, NO_ID},
    {"CONSTRAINT", NAME, NO_ID},
    {"ADD", NAME, NO_ID},
    {"COLLATE", NAME, NO_ID},
    {"SAVEPOINT", NAME, NO_ID},
    {"RELEASE", NAME, NO_ID},
    {"REFERENCES", NAME | LIST, NO_ID},
    {"USING", EXPR | LIST, NO_ID},
    {"KEY", LIST, NO_ID},
    {"UNIQUE", LIST, NO_ID},
    {"CONFLICT", LIST, NO_ID},
    {"NULL", CONST, NO_ID},
    {"TRUE", CONST, NO_ID},
    {"FALSE", CONST, NO_ID},
    {"CURRENT_TIMESTAMP", CONST, NO_ID},
    {"CURRENT_DATE", CONST, NO_ID},
    {"CURRENT_TIME", CONST, NO_ID},
    {"DATE", TYPE, NO_ID},
    {"TIME", TYPE, NO_ID},
    {"TIMESTAMP", TYPE, NO_ID},
    {"TIMESTAMPTZ", TYPE, NO_ID},
};

static const struct keyword PLAIN_WORD = {"", 0, NO_ID};

struct verb_word {
    const char *text;
    enum hp_sql_verb verb;
};

static const struct verb_word VERBS[] = {
    {"SELECT", HP_SQL_VERB_SELECT},  {"VALUES", HP_SQL_VERB_SELECT},  {"TABLE", HP_SQL_VERB_SELECT},
    {"INSERT", HP_SQL_VERB_INSERT},  {"REPLACE", HP_SQL_VERB_INSERT}, {"UPDATE", HP_SQL_VERB_UPDATE},
    {"DELETE", HP_SQL_VERB_DELETE},  {"CREATE", HP_SQL_VERB_DDL},     {"ALTER", HP_SQL_VERB_DDL},
    {"DROP", HP_SQL_VERB_DDL},       {"TRUNCATE", HP_SQL_VERB_DDL},   {"RENAME", HP_SQL_VERB_DDL},
    {"REINDEX", HP_SQL_VERB_DDL},    {"BEGIN", HP_SQL_VERB_TX},       {"START", HP_SQL_VERB_TX},
    {"COMMIT", HP_SQL_VERB_TX},      {"ROLLBACK", HP_SQL_VERB_TX},    {"SAVEPOINT", HP_SQL_VERB_TX},
    {"RELEASE", HP_SQL_VERB_TX},     {"END", HP_SQL_VERB_TX},         {"ABORT", HP_SQL_VERB_TX},
    {"PRAGMA", HP_SQL_VERB_SETTING}, {"SET", HP_SQL_VERB_SETTING},    {"RESET", HP_SQL_VERB_SETTING},
    {"SHOW", HP_SQL_VERB_SETTING},
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const struct keyword *keyword_of(struct hp_str word)
{
    for (size_t i = 0; i < COUNT_OF(KEYWORDS); i++) {
        if (hp__sqllex_is(word, KEYWORDS[i].text)) {
            return &KEYWORDS[i];
        }
    }
    return &PLAIN_WORD;
}

/* --- state --- */

/* What an open parenthesis holds. */
enum inside { GROUP, VALUES_INSIDE, NAMES_INSIDE };

enum verb_state { VERB_WANTED, VERB_AFTER_WITH, VERB_KNOWN };

struct folder {
    struct hp__sqllex lex;
    struct hp_buf *out;
    size_t start; /* where our text begins in `out` */
    struct hp_sql_facts facts;
    enum verb_state verb_state;
    enum hp__sql_kind prev; /* HP__SQL_END at the start of a statement */
    unsigned prev_flags;    /* of a word */
    enum keyword_id prev_id;
    size_t depth;
    uint8_t inside[MAX_DEPTH]; /* enum inside, by depth; [0] is GROUP */
    size_t refused_at;         /* up to here no list begins, see fold_list */
    bool semicolon;            /* seen, written before the next token */
    bool into;                 /* between INTO and the values */
    bool set;                  /* in the assignments of SET */
    bool full;
};

static enum inside inside_of(const struct folder *folder)
{
    return folder->depth < MAX_DEPTH ? (enum inside)folder->inside[folder->depth] : VALUES_INSIDE;
}

static void emit(struct folder *folder, struct hp_str text, bool gap)
{
    size_t used = folder->out->len - folder->start;
    if (folder->full || text.n > HP_FINGERPRINT_MAX_BYTES || used + text.n + 2 > HP_FINGERPRINT_MAX_BYTES) {
        folder->full = true;
        folder->facts.truncated = true;
        return;
    }
    if (folder->semicolon) {
        hp_buf_put_u8(folder->out, ';');
        folder->semicolon = false;
    }
    if (gap && used != 0) {
        hp_buf_put_u8(folder->out, ' ');
    }
    hp_buf_put_text(folder->out, text);
}

static void set_prev(struct folder *folder, enum hp__sql_kind kind)
{
    folder->prev = kind;
    folder->prev_flags = 0;
    folder->prev_id = NO_ID;
}

static void bump(uint32_t *count, uint32_t by)
{
    *count = *count > UINT32_MAX - by ? UINT32_MAX : *count + by;
}

static void emit_literal(struct folder *folder, bool gap)
{
    emit(folder, HP_STR("?"), gap);
    bump(&folder->facts.literal_count, 1);
    set_prev(folder, HP__SQL_LITERAL);
}

/* --- lists of constants --- */

struct list {
    uint32_t elements; /* of the last group */
    uint32_t literals;
    size_t refused_at; /* behind the token that may not be in it */
    bool constant;     /* at least one element is a constant or a placeholder */
};

/* The state of a look into a list. */
struct look {
    struct hp__sqllex lex;
    size_t depth;
    bool type; /* words name a type, until the next sign */
};

static bool is_list_word(struct look *look, struct hp__sql_token token, struct list *list)
{
    struct hp_str word = hp__sqllex_text(&look->lex, token);
    const struct keyword *keyword = keyword_of(word);
    if (keyword->id == ID_AS && look->depth > 1) { /* CAST(? AS INTEGER) */
        look->type = true;
        return true;
    }
    if (keyword->flags & CONST) {
        list->constant = true;
        return true;
    }
    if (keyword->flags & TYPE) {
        return true;
    }
    if ((keyword->flags & EXPR) || keyword->id == ID_VALUE) {
        return false;
    }
    /* A bare word is a column, unless it is called, names a type or comes before an array. */
    enum hp__sql_kind next = hp__sqllex_peek(&look->lex).kind;
    return look->type || next == HP__SQL_OPEN || (keyword->id == ID_ARRAY && next == HP__SQL_ARRAY_OPEN);
}

/* Whether `token` may stand in a list of constants. */
static bool is_list_token(struct look *look, struct hp__sql_token token, struct list *list)
{
    char first = hp__sqllex_text(&look->lex, token).n != 0 ? look->lex.text.p[token.start] : '\0';
    switch (token.kind) {
    case HP__SQL_LITERAL:
    case HP__SQL_MAYBE_NAME:
        bump(&list->literals, 1);
        list->constant = true;
        return true;
    case HP__SQL_HOLE:
        list->constant = true;
        return true;
    case HP__SQL_WORD:
        return is_list_word(look, token, list);
    case HP__SQL_NAME:
        return look->type;
    case HP__SQL_OPERATOR:
        return first == '-' || first == '+';
    case HP__SQL_CAST:
        look->type = true;
        return true;
    case HP__SQL_COMMA:
        look->type = false;
        if (look->depth == 1) {
            bump(&list->elements, 1);
        }
        return true;
    default:
        return false;
    }
}

/* Look from an opening parenthesis or bracket to the end of its group. False: not a list of constants, and
 * `list` says where that was seen. */
static bool scan_group(struct hp__sqllex *lex, struct list *list)
{
    struct look look = {.lex = *lex};
    list->elements = 1;
    do {
        struct hp__sql_token token = hp__sqllex_next(&look.lex);
        if (token.kind == HP__SQL_OPEN || token.kind == HP__SQL_ARRAY_OPEN) {
            look.depth++;
        } else if (token.kind == HP__SQL_CLOSE || token.kind == HP__SQL_ARRAY_CLOSE) {
            look.depth--;
        } else if (!is_list_token(&look, token, list)) {
            list->refused_at = token.end;
            return false;
        }
    } while (look.depth != 0);
    *lex = look.lex;
    return list->constant;
}

/* Behind IN or ARRAY: fold one group. */
static void fold_list(struct folder *folder, enum hp__sql_kind open, struct hp_str text, bool gap)
{
    struct list list = {0};
    struct hp__sqllex lex = folder->lex;
    /* ARRAY[ARRAY[… x: each would look up to the same x again, which is quadratic. */
    if (lex.at < folder->refused_at || hp__sqllex_peek(&lex).kind != open) {
        return;
    }
    if (!scan_group(&lex, &list)) {
        folder->refused_at = list.refused_at;
        return;
    }
    folder->lex = lex;
    emit(folder, text, gap);
    set_prev(folder, HP__SQL_CLOSE);
    bump(&folder->facts.literal_count, list.literals);
    folder->facts.in_count = list.elements > folder->facts.in_count ? list.elements : folder->facts.in_count;
}

/* Behind VALUES: fold as many rows as are constant. */
static void fold_rows(struct folder *folder)
{
    uint32_t rows = 0;
    uint32_t literals = 0;
    struct hp__sqllex lex = folder->lex;
    while (hp__sqllex_peek(&lex).kind == HP__SQL_OPEN) {
        struct list list = {0};
        if (!scan_group(&lex, &list)) {
            break;
        }
        folder->lex = lex;
        bump(&rows, 1);
        bump(&literals, list.literals);
        if (hp__sqllex_next(&lex).kind != HP__SQL_COMMA) {
            break;
        }
    }
    if (rows == 0) {
        return;
    }
    emit(folder, HP_STR("(?+)"), true);
    set_prev(folder, HP__SQL_CLOSE);
    bump(&folder->facts.literal_count, literals);
    folder->facts.row_count = rows > folder->facts.row_count ? rows : folder->facts.row_count;
}

/* --- names in double quotes that SQLite (and who knows who) may take as strings --- */

static bool is_comparison(const struct folder *folder, struct hp__sql_token token)
{
    struct hp_str text = hp__sqllex_text(&folder->lex, token);
    if (token.kind == HP__SQL_WORD) {
        return (keyword_of(text)->flags & COMPARE) != 0;
    }
    return token.kind == HP__SQL_OPERATOR && memchr("=<>!", text.p[0], 4) != NULL;
}

static bool is_assignment(const struct folder *folder, struct hp__sql_token next)
{
    return folder->set && next.kind == HP__SQL_OPERATOR && folder->lex.text.p[next.start] == '=';
}

static bool is_name_after_word(const struct folder *folder, struct hp__sql_token next, bool likely)
{
    enum hp_sql_verb verb = folder->facts.verb;
    switch (folder->prev_id) {
    case ID_INTO: /* VACUUM INTO "file" */
        return verb != HP_SQL_VERB_OTHER;
    case ID_FROM: /* trim(leading from "x"), is distinct from "x" */
        return (folder->prev_flags & NAME) && inside_of(folder) != VALUES_INSIDE;
    case ID_TO:
        return verb == HP_SQL_VERB_DDL || verb == HP_SQL_VERB_TX;
    case ID_SET:
        return is_assignment(folder, next);
    case ID_SELECT:
    case ID_DISTINCT:
    case ID_BY:
        return likely && verb == HP_SQL_VERB_SELECT;
    case ID_ON:
        return verb == HP_SQL_VERB_DDL || (likely && is_comparison(folder, next));
    default:
        break;
    }
    if (folder->prev_flags & SIDE) {
        return likely && is_comparison(folder, next);
    }
    return (folder->prev_flags & NAME) != 0;
}

/* Whether the "x" just read stands where only a name can, or, in SQLite, most likely does. */
static bool is_name_here(const struct folder *folder)
{
    struct hp__sql_token next = hp__sqllex_peek(&folder->lex);
    bool likely = folder->lex.dialect == HP_SQL_SQLITE;
    if (folder->prev == HP__SQL_DOT || folder->prev == HP__SQL_CAST || next.kind == HP__SQL_DOT) {
        return true;
    }
    switch (folder->prev) {
    case HP__SQL_WORD:
        return is_name_after_word(folder, next, likely);
    case HP__SQL_OPEN:
        return inside_of(folder) == NAMES_INSIDE ||
               (inside_of(folder) == GROUP && likely && is_comparison(folder, next));
    case HP__SQL_COMMA:
        return inside_of(folder) == NAMES_INSIDE || is_assignment(folder, next) ||
               (inside_of(folder) == GROUP && likely && folder->facts.verb == HP_SQL_VERB_SELECT);
    default:
        return false;
    }
}

/* --- tokens --- */

static void note_verb(struct folder *folder, struct hp_str word)
{
    if (folder->verb_state == VERB_KNOWN || (folder->verb_state == VERB_AFTER_WITH && folder->depth != 0)) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(VERBS); i++) {
        if (hp__sqllex_is(word, VERBS[i].text)) {
            folder->facts.verb = VERBS[i].verb;
            folder->verb_state = VERB_KNOWN;
            return;
        }
    }
    if (folder->verb_state == VERB_WANTED) {
        folder->verb_state = hp__sqllex_is(word, "WITH") ? VERB_AFTER_WITH : VERB_KNOWN;
    }
}

static void note_clause(struct folder *folder, enum keyword_id id)
{
    switch (id) {
    case ID_INTO:
        folder->into = true;
        break;
    case ID_SET:
        folder->set = true;
        folder->into = false;
        break;
    case ID_SELECT:
        folder->set = false;
        folder->into = false;
        if (folder->depth < MAX_DEPTH) {
            folder->inside[folder->depth] = GROUP;
        }
        break;
    case ID_VALUES:
        folder->into = false;
        break;
    case ID_FROM:
        folder->set = false;
        break;
    default:
        break;
    }
}

static void fold_word(struct folder *folder, struct hp__sql_token token)
{
    struct hp_str word = hp__sqllex_text(&folder->lex, token);
    /* t.date, t.key: a column, whatever it is called. */
    const struct keyword *keyword = folder->prev == HP__SQL_DOT ? &PLAIN_WORD : keyword_of(word);
    enum keyword_id id = keyword->id == ID_VALUE && folder->into ? ID_VALUES : keyword->id;
    unsigned flags = keyword->flags;
    if (id == ID_FROM && folder->prev_id == ID_DISTINCT) {
        flags = EXPR | VALUE;
    }
    note_verb(folder, word);
    note_clause(folder, id);
    emit(folder, word, token.gap);
    folder->prev = HP__SQL_WORD;
    folder->prev_flags = flags;
    folder->prev_id = id;
    if (id == ID_IN) {
        fold_list(folder, HP__SQL_OPEN, HP_STR("(?+)"), true);
    } else if (id == ID_ARRAY) {
        fold_list(folder, HP__SQL_ARRAY_OPEN, HP_STR("[?+]"), false);
    } else if (id == ID_VALUES) {
        fold_rows(folder);
    }
}

/* ON CONFLICT (a), PRIMARY KEY (a), USING (a); but not PRAGMA key("x") or ATTACH … KEY "x". */
static bool lists_names(enum hp_sql_verb verb)
{
    return verb != HP_SQL_VERB_SETTING && verb != HP_SQL_VERB_OTHER;
}

static enum inside opens(const struct folder *folder)
{
    bool table = folder->into || (folder->facts.verb == HP_SQL_VERB_DDL && folder->depth == 0);
    switch (folder->prev) {
    case HP__SQL_WORD:
        if (folder->prev_flags & VALUE) {
            return VALUES_INSIDE;
        }
        if (((folder->prev_flags & LIST) && lists_names(folder->facts.verb)) ||
            (table && !(folder->prev_flags & EXPR))) {
            return NAMES_INSIDE;
        }
        return (folder->prev_flags & EXPR) ? GROUP : VALUES_INSIDE;
    case HP__SQL_NAME:
        return table ? NAMES_INSIDE : VALUES_INSIDE;
    case HP__SQL_OPEN:
    case HP__SQL_COMMA:
    case HP__SQL_END:
        return inside_of(folder);
    default:
        return VALUES_INSIDE;
    }
}

static void fold_open(struct folder *folder, struct hp__sql_token token)
{
    enum inside inside = opens(folder);
    folder->depth++;
    if (folder->depth < MAX_DEPTH) {
        folder->inside[folder->depth] = (uint8_t)inside;
    }
    emit(folder, HP_STR("("), token.gap);
    set_prev(folder, HP__SQL_OPEN);
}

/* Whether something that is a value stands before the present token, so that a sign is an operator. */
static bool is_operand_before(const struct folder *folder)
{
    switch (folder->prev) {
    case HP__SQL_WORD:
        return (folder->prev_flags & EXPR) == 0;
    case HP__SQL_NAME:
    case HP__SQL_LITERAL:
    case HP__SQL_HOLE:
    case HP__SQL_CLOSE:
    case HP__SQL_ARRAY_CLOSE:
        return true;
    default:
        return false;
    }
}

/* The sign of a number is part of it. */
static void fold_operator(struct folder *folder, struct hp__sql_token token)
{
    struct hp_str text = hp__sqllex_text(&folder->lex, token);
    if ((text.p[0] == '-' || text.p[0] == '+') && !is_operand_before(folder)) {
        struct hp__sql_token next = hp__sqllex_peek(&folder->lex);
        if (next.kind == HP__SQL_LITERAL &&
            memchr("0123456789.", folder->lex.text.p[next.start], 11) != NULL) {
            (void)hp__sqllex_next(&folder->lex);
            emit_literal(folder, token.gap);
            return;
        }
    }
    emit(folder, text, token.gap);
    set_prev(folder, HP__SQL_OPERATOR);
}

static void fold_semicolon(struct folder *folder)
{
    folder->semicolon = folder->out->len > folder->start;
    folder->into = false;
    folder->set = false;
    folder->depth = 0;
    set_prev(folder, HP__SQL_END);
}

static void fold_token(struct folder *folder, struct hp__sql_token token)
{
    switch (token.kind) {
    case HP__SQL_WORD:
        fold_word(folder, token);
        return;
    case HP__SQL_LITERAL:
        emit_literal(folder, token.gap);
        return;
    case HP__SQL_MAYBE_NAME:
        if (!is_name_here(folder)) {
            emit_literal(folder, token.gap);
            return;
        }
        token.kind = HP__SQL_NAME;
        break;
    case HP__SQL_OPERATOR:
        fold_operator(folder, token);
        return;
    case HP__SQL_OPEN:
        fold_open(folder, token);
        return;
    case HP__SQL_CLOSE:
        folder->depth -= folder->depth != 0;
        break;
    case HP__SQL_SEMICOLON:
        fold_semicolon(folder);
        return;
    default:
        break;
    }
    emit(folder, token.kind == HP__SQL_HOLE ? HP_STR("?") : hp__sqllex_text(&folder->lex, token), token.gap);
    set_prev(folder, token.kind);
}

static void fold_text(struct folder *folder)
{
    while (!folder->full && folder->out->err == HP_OK) {
        struct hp__sql_token token = hp__sqllex_next(&folder->lex);
        if (token.kind == HP__SQL_END) {
            return;
        }
        if (token.kind == HP__SQL_UNSURE) {
            emit_literal(folder, token.gap);
            folder->facts.truncated = true;
            return;
        }
        fold_token(folder, token);
    }
}

hp_err hp_fingerprint(struct hp_str sql, enum hp_sql_dialect dialect, struct hp_buf *out,
                      struct hp_sql_facts *facts)
{
    struct folder folder = {.out = out, .start = out->len};
    hp__sqllex_init(&folder.lex, sql, dialect);
    fold_text(&folder);
    if (out->err != HP_OK) {
        out->len = folder.start;
        return out->err;
    }
    if (facts != NULL) {
        size_t n = out->len - folder.start;
        folder.facts.hash = hp_hash64(n != 0 ? out->data + folder.start : NULL, n, 0);
        *facts = folder.facts;
    }
    return HP_OK;
}

/* --- titles --- */

/* What may stand between FROM, INTO or UPDATE and the table. */
static bool is_modifier(struct hp_str word)
{
    static const char *const MODIFIERS[] = {"ONLY", "LATERAL",  "TABLE", "LOW_PRIORITY", "IGNORE",
                                            "OR",   "ROLLBACK", "ABORT", "REPLACE",      "FAIL"};
    for (size_t i = 0; i < COUNT_OF(MODIFIERS); i++) {
        if (hp__sqllex_is(word, MODIFIERS[i])) {
            return true;
        }
    }
    return false;
}

static bool is_named(enum hp__sql_kind kind)
{
    return kind == HP__SQL_WORD || kind == HP__SQL_NAME || kind == HP__SQL_MAYBE_NAME;
}

/* Read a table's name; `callable` where name( is a function. `lex` is a copy. */
static bool read_table(struct hp__sqllex lex, bool callable, struct hp_str *table)
{
    struct hp__sql_token token = hp__sqllex_next(&lex);
    while (token.kind == HP__SQL_WORD && is_modifier(hp__sqllex_text(&lex, token))) {
        token = hp__sqllex_next(&lex);
    }
    if (!is_named(token.kind)) {
        return false;
    }
    while (hp__sqllex_peek(&lex).kind == HP__SQL_DOT) {
        (void)hp__sqllex_next(&lex);
        if (!is_named(hp__sqllex_peek(&lex).kind)) {
            break;
        }
        token.end = hp__sqllex_next(&lex).end;
    }
    if (callable && hp__sqllex_peek(&lex).kind == HP__SQL_OPEN) {
        return false;
    }
    *table = hp__sqllex_text(&lex, token);
    return true;
}

enum hp_sql_dialect hp_fingerprint_dialect(unsigned engine)
{
    switch (engine) {
    case HP_ENGINE_SQLITE:
        return HP_SQL_SQLITE;
    case HP_ENGINE_MYSQL:
    case HP_ENGINE_MARIADB:
        return HP_SQL_MYSQL;
    case HP_ENGINE_POSTGRESQL:
        return HP_SQL_POSTGRESQL;
    default:
        return HP_SQL_ANY;
    }
}

hp_err hp_fingerprint_table(struct hp_str folded, struct hp_str *table)
{
    /* Bit d: a SELECT or DELETE was seen in the parenthesis at depth d, so that a FROM there is its clause
     * and not a part of extract(year from x). SQLite's rules fit a folded text of any dialect: [x], no #
     * comments. */
    uint64_t selects = 0;
    uint64_t depth = 0;
    struct hp__sqllex lex;
    hp__sqllex_init(&lex, folded, HP_SQL_SQLITE);
    enum hp__sql_kind prev = HP__SQL_END;
    for (;;) {
        struct hp__sql_token token = hp__sqllex_next(&lex);
        uint64_t bit = depth < 64 ? (uint64_t)1 << depth : 0;
        struct hp_str word = hp__sqllex_text(&lex, token);
        if (token.kind == HP__SQL_END || token.kind == HP__SQL_UNSURE) {
            return HP_ENOTFOUND;
        } else if (token.kind == HP__SQL_OPEN) {
            depth++;
            selects &= depth < 64 ? ~((uint64_t)1 << depth) : UINT64_MAX;
        } else if (token.kind == HP__SQL_CLOSE) {
            depth -= depth != 0;
        } else if (token.kind != HP__SQL_WORD || prev == HP__SQL_DOT) {
            prev = token.kind;
            continue;
        } else if (hp__sqllex_is(word, "SELECT") || hp__sqllex_is(word, "DELETE")) {
            selects |= bit;
        } else if ((hp__sqllex_is(word, "FROM") && (depth == 0 || (selects & bit))) ||
                   hp__sqllex_is(word, "INTO") ||
                   (hp__sqllex_is(word, "UPDATE") && (prev == HP__SQL_END || prev == HP__SQL_CLOSE))) {
            bool callable = hp__sqllex_is(word, "FROM");
            if (read_table(lex, callable, table)) {
                return HP_OK;
            }
        }
        prev = token.kind;
    }
}
