/* plan_safe.c -- see plan_safe.h. */
#include "find/plan_safe.h"

#include <stdio.h>
#include <string.h>
#include "find/plan_int.h"
#include "model/sqllex.h"

struct judge {
    struct hp__sqllex lex;
    struct hp_plan_safe *out;
    struct hp_str before; /* the word, name or sign before the present token */
    bool started, cte;
};

struct banned {
    const char *word, *why;
};

/* Words that no harmless SELECT holds unquoted, wherever they stand. */
static const struct banned words[] = {{"INTO", "SELECT … INTO writes"},
                                      {"INSERT", "it inserts"},
                                      {"UPDATE", "it updates, or locks rows for that"},
                                      {"DELETE", "it deletes"},
                                      {"MERGE", "it merges"},
                                      {"UPSERT", "it writes"},
                                      {"CREATE", "it changes the schema"},
                                      {"ALTER", "it changes the schema"},
                                      {"DROP", "it changes the schema"},
                                      {"TRUNCATE", "it empties a table"},
                                      {"GRANT", "it changes rights"},
                                      {"REVOKE", "it changes rights"},
                                      {"CALL", "it calls a procedure"},
                                      {"EXECUTE", "it runs a prepared statement"},
                                      {"ATTACH", "it attaches a database"},
                                      {"DETACH", "it detaches a database"},
                                      {"PRAGMA", "it changes a setting"},
                                      {"VACUUM", "it rewrites the database"},
                                      {"COPY", "it copies data"},
                                      {"OUTFILE", "it writes a file"},
                                      {"DUMPFILE", "it writes a file"}};

/* Functions that change something, hold something or read files. More are found by the engine (volatile,
 * MODIFIES SQL DATA). */
static const struct banned functions[] = {{"NEXTVAL", "takes a number of a sequence"},
                                          {"SETVAL", "sets a sequence"},
                                          {"SET_CONFIG", "changes a setting"},
                                          {"GET_LOCK", "takes a lock"},
                                          {"RELEASE_LOCK", "gives a lock back"},
                                          {"RELEASE_ALL_LOCKS", "gives locks back"},
                                          {"IS_FREE_LOCK", "asks for a lock"},
                                          {"SLEEP", "waits"},
                                          {"BENCHMARK", "keeps the server busy"},
                                          {"LOAD_FILE", "reads a file of the server"},
                                          {"LOAD_EXTENSION", "loads code"},
                                          {"READFILE", "reads a file"},
                                          {"WRITEFILE", "writes a file"},
                                          {"EDIT", "starts a program"},
                                          {"FTS3_TOKENIZER", "loads code"},
                                          {"LAST_INSERT_ID", "may set the last number"},
                                          {"MASTER_POS_WAIT", "waits"},
                                          {"QUERY_TO_XML", "runs another statement"},
                                          {"TXID_CURRENT", "takes a transaction number"},
                                          {"UUID_SHORT", "takes a number"},
                                          {"SYS_EXEC", "starts a program"},
                                          {"SYS_EVAL", "starts a program"}};
static const struct banned prefixes[] = {
    {"PG_", "is one of the server's administration"}, {"LO_", "works on large objects"},
    {"DBLINK", "runs a statement elsewhere"},         {"WAIT_FOR_", "waits"},
    {"CURSOR_TO_XML", "runs another statement"},      {"DATABASE_TO_XML", "runs other statements"}};
/* What begins with pg_ and is harmless. */
static const char *const harmless[] = {
    "PG_TYPEOF",      "PG_CLIENT_ENCODING",  "PG_COLUMN_SIZE",       "PG_RELATION_SIZE",
    "PG_TABLE_SIZE",  "PG_INDEXES_SIZE",     "PG_DATABASE_SIZE",     "PG_TOTAL_RELATION_SIZE",
    "PG_SIZE_PRETTY", "PG_BACKEND_PID",      "PG_GET_EXPR",          "PG_GET_INDEXDEF",
    "PG_GET_VIEWDEF", "PG_TABLE_IS_VISIBLE", "PG_GET_CONSTRAINTDEF", "PG_GET_SERIAL_SEQUENCE"};

/* Keep the first reason: `name`, `sign` and `why`. */
static void refuse_name(struct judge *judge, struct hp_str name, const char *sign, const char *why)
{
    if (judge->out->why[0] == '\0') {
        int n = name.n < 64 ? (int)name.n : 64;
        snprintf(judge->out->why, sizeof judge->out->why, "%.*s%s%s", n, n != 0 ? name.p : "", sign, why);
    }
}

static void refuse(struct judge *judge, const char *why)
{
    refuse_name(judge, (struct hp_str){NULL, 0}, "", why);
}

static void judge_word(struct judge *judge, struct hp_str word, struct hp_str next)
{
    bool locks =
        hp__sqllex_is(word, "FOR") && (hp__sqllex_is(next, "UPDATE") || hp__sqllex_is(next, "SHARE") ||
                                       hp__sqllex_is(next, "NO") || hp__sqllex_is(next, "KEY"));
    if (locks || (hp__sqllex_is(word, "LOCK") && hp__sqllex_is(next, "IN"))) {
        refuse(judge, "it locks rows");
        return;
    }
    if (hp__sqllex_is(word, "PROCEDURE") && !hp__sqllex_is(next, "(")) {
        refuse(judge, "it hands its rows to a procedure");
    }
    if (hp__sqllex_is(word, "NEXT") && hp__sqllex_is(next, "VALUE")) {
        refuse(judge, "it takes a number of a sequence");
    }
    if (hp__sqllex_is(word, "REPLACE") && hp__sqllex_is(next, "INTO")) {
        refuse(judge, "it replaces rows");
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        bool column = hp__sqllex_is(judge->before, ".") || hp__sqllex_is(next, "."); /* t.update */
        bool function =
            hp__sqllex_is(next, "(") && hp__sqllex_is(word, "INSERT"); /* INSERT('abc', 1, 1, '') */
        if (hp__sqllex_is(word, words[i].word) && !column && !function) {
            refuse_name(judge, word, ": ", words[i].why);
        }
    }
}

static bool begins(struct hp_str word, const char *prefix)
{
    size_t n = strlen(prefix);
    return word.n >= n && hp__sqllex_is(hp_str_make(word.p, n), prefix);
}

static bool is_harmless(struct hp_str name)
{
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        if (hp__sqllex_is(name, harmless[i])) {
            return true;
        }
    }
    return false;
}

static struct hp_str unquoted(struct hp_str name)
{
    if (name.n >= 2 && (name.p[0] == '"' || name.p[0] == '`' || name.p[0] == '[')) {
        return hp_str_make(name.p + 1, name.n - 2);
    }
    return name;
}

static void judge_call(struct judge *judge, struct hp_str name)
{
    struct hp_plan_safe *out = judge->out;
    name = unquoted(name);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (hp__sqllex_is(name, functions[i].word)) {
            refuse_name(judge, name, "() ", functions[i].why);
        }
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (begins(name, prefixes[i].word) && !is_harmless(name)) {
            refuse_name(judge, name, "() ", prefixes[i].why);
        }
    }
    for (uint32_t i = 0; i < out->function_count; i++) {
        if (hp__plan_same(out->functions[i], name)) {
            return;
        }
    }
    if (out->function_count == HP_PLAN_MAX_FUNCTIONS) {
        refuse(judge, "it calls too many functions");
    } else {
        out->functions[out->function_count++] = name;
    }
}

/* Words that stand before a parenthesis without being functions. */
static bool is_syntax(struct hp_str word)
{
    static const char *const list[] = {
        "SELECT",   "WHERE",     "AND",      "OR",      "NOT",       "IN",        "EXISTS",  "ANY",
        "ALL",      "SOME",      "AS",       "ON",      "USING",     "FROM",      "JOIN",    "VALUES",
        "UNION",    "EXCEPT",    "BY",       "THEN",    "WHEN",      "ELSE",      "CASE",    "OVER",
        "FILTER",   "HAVING",    "LIMIT",    "WITH",    "RETURNING", "INTERSECT", "OFFSET",  "MATERIALIZED",
        "DISTINCT", "ROW",       "ARRAY",    "BETWEEN", "LIKE",      "IS",        "LATERAL", "WITHIN",
        "GROUP",    "PARTITION", "INTERVAL", "ROLLUP",  "CUBE",      "SETS",      "MATCH",   "AGAINST"};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (hp__sqllex_is(word, list[i])) {
            return true;
        }
    }
    return false;
}

static void judge_start(struct judge *judge, struct hp__sql_token token, struct hp_str text)
{
    if (token.kind == HP__SQL_OPEN) {
        return; /* (SELECT …) UNION … */
    }
    judge->started = true;
    if (!hp__sqllex_is(text, "SELECT") && !hp__sqllex_is(text, "WITH")) {
        refuse_name(judge, text, ": ", "only a SELECT is explained");
    }
}

static void judge_token(struct judge *judge, struct hp__sql_token token)
{
    struct hp_str text = hp__sqllex_text(&judge->lex, token);
    struct hp__sql_token ahead = hp__sqllex_peek(&judge->lex);
    struct hp_str next = hp__sqllex_text(&judge->lex, ahead);
    if (!judge->started) {
        judge_start(judge, token, text);
    }
    switch (token.kind) {
    case HP__SQL_UNSURE:
        refuse(judge, "its text cannot be read with certainty");
        break;
    case HP__SQL_SEMICOLON:
        if (ahead.kind != HP__SQL_END) {
            refuse(judge, "it is more than one statement");
        }
        break;
    case HP__SQL_OPERATOR:
        if (hp__sqllex_is(text, ":=")) {
            refuse(judge, "it assigns to a variable (:=)");
        }
        break;
    case HP__SQL_WORD:
        judge_word(judge, text, next);
        if (ahead.kind == HP__SQL_OPEN && !is_syntax(text)) {
            judge_call(judge, text);
        }
        break;
    case HP__SQL_NAME:
    case HP__SQL_MAYBE_NAME:
        if (ahead.kind == HP__SQL_OPEN) {
            judge_call(judge, text);
        }
        break;
    default:
        break;
    }
    judge->before = text;
}

static bool is_operator_assignment(const struct hp__sqllex *lex, struct hp__sql_token token)
{
    return token.kind == HP__SQL_OPERATOR && token.end < lex->text.n && lex->text.p[token.start] == ':' &&
           lex->text.p[token.end] == '=';
}

hp_err hp_plan_safe(struct hp_str sql, enum hp_engine engine, struct hp_arena *arena,
                    struct hp_plan_safe *out)
{
    struct hp_plan_safe found = {0};
    struct judge judge = {.out = &found};
    found.functions =
        hp_arena_alloc(arena, HP_PLAN_MAX_FUNCTIONS * sizeof *found.functions, _Alignof(struct hp_str));
    if (found.functions == NULL) {
        return HP_ENOMEM;
    }
    bool mine = engine != HP_ENGINE_SQLITE && engine != HP_ENGINE_POSTGRESQL;
    if (mine && (hp__plan_has(sql, "/*!", NULL) || hp__plan_has(sql, "/*M!", NULL))) {
        refuse(&judge, "it holds a comment that the server runs (/*! … */)");
    }
    if (mine && (hp__plan_has(sql, "\\'", NULL) || hp__plan_has(sql, "\\\"", NULL))) {
        refuse(&judge, "its text cannot be read with certainty: a backslash before a quote");
    }
    if (memchr(sql.n != 0 ? sql.p : "", '\0', sql.n) != NULL) {
        refuse(&judge, "its text holds a NUL");
    }
    hp__sqllex_init(&judge.lex, sql, hp_fingerprint_dialect(engine));
    for (;;) {
        struct hp__sql_token token = hp__sqllex_next(&judge.lex);
        if (token.kind == HP__SQL_END || found.why[0] != '\0') {
            break;
        }
        if (is_operator_assignment(&judge.lex, token)) {
            refuse(&judge, "it assigns to a variable (:=)");
        }
        judge_token(&judge, token);
        if (token.kind == HP__SQL_UNSURE) {
            break;
        }
    }
    if (!judge.started) {
        refuse(&judge, "there is no statement");
    }
    found.safe = found.why[0] == '\0';
    *out = found;
    return HP_OK;
}
