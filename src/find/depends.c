/* depends.c -- see depends.h.
 *
 * From each line's statement on, a set of names that hold what it gave: an assignment that uses one of them
 * adds its targets, another one takes its targets out. In a loop the walk goes on from its header to the
 * statement itself.
 */
#include "find/depends.h"

#include "find/pytext.h"

#define MOST_TARGETS 8u
#define MOST_NAMES   48u
#define NO_STATEMENT UINT32_MAX

enum word { WORD_PLAIN, WORD_FOR, WORD_WHILE, WORD_IF, WORD_BLOCK /* of another kind */ };

struct names {
    struct hp_str list[MOST_NAMES];
    uint32_t count;
};

struct statement {
    struct hp__py_statement py;
    enum word word;
    struct hp_str targets[MOST_TARGETS];
    uint32_t target_count;
    size_t value;        /* where what is assigned begins */
    bool updates;        /* a target keeps something of what it was */
    struct hp_str owner; /* what a method is called of, where nothing else is done */
    bool collects;       /* that method puts what it is given into a container */
};

struct reading {
    struct statement *list;
    uint32_t count;
    uint32_t at[HP__DEPENDS_LINES]; /* statement of each line */
    struct hp__depends *out;
};

/* ---- what a statement assigns ---- */

struct parse {
    struct statement *statement;
    struct hp__py py;
    struct hp_str seen[MOST_TARGETS]; /* names that may turn out to be targets */
    uint32_t seen_count;
    bool index, typed, first;
};

static void add_target(struct statement *statement, struct hp_str name)
{
    if (statement->target_count < MOST_TARGETS && name.n != 0) {
        statement->targets[statement->target_count++] = name;
    }
}

static void forget(struct parse *parse)
{
    parse->seen_count = 0;
    parse->index = parse->typed = false;
}

static void keep(struct parse *parse, bool updates)
{
    for (uint32_t i = 0; i < parse->seen_count; i++) {
        add_target(parse->statement, parse->seen[i]);
    }
    parse->statement->updates = parse->statement->updates || updates || parse->index;
    parse->statement->value = parse->py.at;
    forget(parse);
}

static enum word word_of(struct hp__py_token token)
{
    static const char *const blocks[] = {"with",  "try", "else",  "except", "finally",
                                         "class", "def", "match", "case"};
    if (!token.keyword) {
        return WORD_PLAIN;
    }
    if (hp__py_is(token, "if") || hp__py_is(token, "elif")) {
        return WORD_IF;
    }
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        if (hp__py_is(token, blocks[i])) {
            return WORD_BLOCK;
        }
    }
    return hp__py_is(token, "for") ? WORD_FOR : hp__py_is(token, "while") ? WORD_WHILE : WORD_PLAIN;
}

/* "session" of "session.headers.update", "self.cache" of "self.cache.put"; empty: no method. */
static struct hp_str owner_of(struct hp_str path)
{
    size_t dot = hp_str_find_char(path, '.');
    struct hp_str root = hp_str_make(path.p, dot);
    if (dot == path.n) {
        return HP_STR("");
    }
    if (!hp_str_eq(root, HP_STR("self")) && !hp_str_eq(root, HP_STR("cls"))) {
        return root;
    }
    size_t rest = hp_str_find_char(hp_str_make(path.p + dot + 1, path.n - dot - 1), '.');
    return dot + 1 + rest < path.n ? hp_str_make(path.p, dot + 1 + rest) : HP_STR("");
}

/* "found.append", "headers.update". */
static bool is_put(struct hp_str path)
{
    static const char *const methods[] = {".add",    ".append", ".appendleft", ".extend",
                                          ".insert", ".put",    ".setdefault", ".update"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (hp_str_ends(path, hp_str_from0(methods[i]))) {
            return true;
        }
    }
    return false;
}

static void parse_name(struct parse *parse, struct hp__py_token token)
{
    struct statement *statement = parse->statement;
    if (token.keyword) {
        if (hp__py_is(token, "in") && statement->word == WORD_FOR && parse->py.depth == 0 &&
            statement->value == 0) {
            keep(parse, false);
        }
        if (hp__py_is(token, "as") && statement->word == WORD_BLOCK) {
            token = hp__py_next(&parse->py);
            add_target(statement, token.kind == HP__PY_NAME ? token.text : HP_STR(""));
        }
        return;
    }
    bool plain = parse->py.calls == 0 && parse->py.indexes == 0 && !token.member && !parse->typed;
    if (parse->first && hp__py_peek(&parse->py) == '(') {
        statement->owner = owner_of(token.text);
        statement->collects = is_put(token.text);
    }
    if (hp__py_peek(&parse->py) == ':' && parse->py.depth != 0) { /* before := */
        struct hp__py ahead = parse->py;
        if (hp__py_is(hp__py_next(&ahead), ":=")) {
            add_target(statement, token.text);
        }
    }
    if (plain && parse->seen_count < MOST_TARGETS) {
        parse->seen[parse->seen_count++] = token.text;
    }
}

static void parse_mark(struct parse *parse, struct hp__py_token token)
{
    char last = token.text.p[token.text.n - 1];
    bool compares =
        hp__py_is(token, "==") || hp__py_is(token, "!=") || hp__py_is(token, "<=") || hp__py_is(token, ">=");
    parse->index = parse->index || parse->py.indexes != 0;
    if (parse->py.depth != 0) {
        return;
    }
    if (hp__py_is(token, ":")) {
        parse->typed = parse->statement->word == WORD_PLAIN;
        if (!parse->typed) {
            forget(parse);
        }
    } else if (hp__py_is(token, ";")) {
        forget(parse);
    } else if (last == '=' && !compares && token.text.p[0] != ':') {
        keep(parse, token.text.n > 1);
    }
}

static void parse_statement(struct statement *statement)
{
    struct parse parse = {.statement = statement, .first = true};
    hp__py_init(&parse.py, statement->py.text, statement->py.first);
    for (struct hp__py_token token = hp__py_next(&parse.py);
         token.kind != HP__PY_END && token.kind != HP__PY_LINE; token = hp__py_next(&parse.py)) {
        if (parse.first && hp__py_is(token, "async")) {
            continue;
        }
        statement->word = parse.first ? word_of(token) : statement->word;
        if (token.kind == HP__PY_NAME) {
            parse_name(&parse, token);
        } else if (token.kind == HP__PY_MARK) {
            parse_mark(&parse, token);
        }
        parse.first = parse.first && hp__py_is(token, "await");
    }
}

/* ---- what a statement uses ---- */

static bool holds(const struct names *names, struct hp_str path)
{
    for (uint32_t i = 0; i < names->count; i++) {
        struct hp_str name = names->list[i];
        if (hp_str_starts(path, name) && (path.n == name.n || path.p[name.n] == '.')) {
            return true;
        }
    }
    return false;
}

/* Whether one of the names is in what the statement assigns or does; `asks`: where a call depends on it. */
static bool uses(const struct statement *statement, const struct names *names, bool asks)
{
    struct hp__py py;
    struct hp_str value = statement->py.text;
    value = hp_str_make(value.p + statement->value, value.n - statement->value);
    hp__py_init(&py, value, statement->py.first);
    bool container = statement->collects; /* comes first, and is not asked for anything */
    for (struct hp__py_token token = hp__py_next(&py); token.kind != HP__PY_END; token = hp__py_next(&py)) {
        if (container && token.kind == HP__PY_NAME && !token.keyword) {
            container = false;
            continue;
        }
        if (token.kind != HP__PY_NAME || token.member || (py.calls != 0 && hp__py_names_parameter(&py)) ||
            !holds(names, token.text)) {
            continue;
        }
        if (!asks || py.calls != 0 || hp__py_peek(&py) == '(') {
            return true;
        }
    }
    return false;
}

static void add_name(struct names *names, struct hp_str name)
{
    if (name.n != 0 && names->count < MOST_NAMES && !holds(names, name)) {
        names->list[names->count++] = name;
    }
}

static void remove_name(struct names *names, struct hp_str name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (hp_str_eq(names->list[i], name)) {
            names->list[i--] = names->list[--names->count];
        }
    }
}

/* ---- from one statement to others ---- */

/* Names after a statement that is not the one they come from. `indent`: of that one; what is assigned further
 * in may be assigned or not. */
static void carry(const struct statement *statement, uint32_t indent, struct names *names)
{
    bool used = uses(statement, names, false);
    bool replaces = !used && !statement->updates && statement->py.indent <= indent;
    for (uint32_t i = 0; i < statement->target_count; i++) {
        if (used) {
            add_name(names, statement->targets[i]);
        } else if (replaces) {
            remove_name(names, statement->targets[i]);
        }
    }
    if (used && statement->target_count == 0) {
        add_name(names, statement->owner);
    }
}

/* Whether a condition around statement `k`, at `from` or after it, looks at one of the names or is statement
 * `source` itself. */
static bool is_governed(const struct reading *reading, uint32_t k, uint32_t from, uint32_t source,
                        const struct names *names)
{
    uint32_t indent = reading->list[k].py.indent;
    for (uint32_t m = k; m-- > from;) {
        const struct statement *above = &reading->list[m];
        if (above->py.indent >= indent) {
            continue;
        }
        indent = above->py.indent;
        bool decides = above->word == WORD_IF || above->word == WORD_WHILE;
        if (decides && (m == source || uses(above, names, false))) {
            return true;
        }
    }
    return false;
}

static void note_need(struct reading *reading, uint32_t k, uint32_t from, uint32_t i,
                      const struct names *names)
{
    for (uint32_t j = 0; j < reading->out->count; j++) {
        if (reading->at[j] == k &&
            (uses(&reading->list[k], names, true) || is_governed(reading, k, from, reading->at[i], names))) {
            reading->out->needs[j] |= 1u << i;
        }
    }
}

static bool is_loop(const struct statement *statement)
{
    return statement->word == WORD_FOR || statement->word == WORD_WHILE;
}

/* The innermost loop that runs a statement again and again; a "while" runs its own. */
static uint32_t loop_of(const struct reading *reading, uint32_t k)
{
    uint32_t indent = reading->list[k].py.indent;
    if (reading->list[k].word == WORD_WHILE) {
        return k;
    }
    for (uint32_t m = k; m-- > 0;) {
        if (reading->list[m].py.indent < indent) {
            indent = reading->list[m].py.indent;
            if (is_loop(&reading->list[m])) {
                return m;
            }
        }
    }
    return NO_STATEMENT;
}

static void follow(struct reading *reading, uint32_t i)
{
    uint32_t source = reading->at[i], k = source + 1, loop = loop_of(reading, source);
    const struct statement *from = &reading->list[source];
    struct names names = {.count = 0};
    bool inside = loop != NO_STATEMENT;
    for (uint32_t t = 0; t < from->target_count; t++) {
        add_name(&names, from->targets[t]);
    }
    if (from->target_count == 0 && from->collects) {
        add_name(&names, from->owner);
    }
    struct names next_turn = names;
    for (; k < reading->count; k++) {
        note_need(reading, k, source, i, &names);
        carry(&reading->list[k], from->py.indent, &names);
        inside = inside && reading->list[k].py.indent > reading->list[loop].py.indent;
        next_turn = inside ? names : next_turn;
    }
    for (k = loop; k <= source && loop != NO_STATEMENT; k++) {
        note_need(reading, k, loop, i, &next_turn);
        carry(&reading->list[k], from->py.indent, &next_turn);
    }
}

static uint32_t statement_at(const struct reading *reading, uint32_t line)
{
    for (uint32_t k = 0; k < reading->count; k++) {
        if (reading->list[k].py.first <= line && line <= reading->list[k].py.last) {
            return k;
        }
    }
    return NO_STATEMENT;
}

hp_err hp__depends_read(struct hp_str source, uint32_t first_line, struct hp_arena *arena,
                        struct hp__depends *depends)
{
    struct reading reading = {.out = depends};
    struct hp__py_statement *split = hp__py_list(source, first_line, arena, &reading.count);
    reading.list =
        hp_arena_alloc(arena, HP__PY_STATEMENTS * sizeof *reading.list, _Alignof(struct statement));
    if (split == NULL || reading.list == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t k = 0; k < reading.count; k++) {
        reading.list[k] = (struct statement){.py = split[k]};
        parse_statement(&reading.list[k]);
    }
    depends->known = true;
    for (uint32_t i = 0; i < depends->count; i++) {
        depends->needs[i] = 0;
        reading.at[i] = statement_at(&reading, depends->lines[i]);
        depends->known = depends->known && reading.at[i] != NO_STATEMENT;
    }
    for (uint32_t i = 0; i < depends->count; i++) {
        if (reading.at[i] != NO_STATEMENT) {
            follow(&reading, i);
        }
    }
    return HP_OK;
}
