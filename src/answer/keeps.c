/* keeps.c -- see keeps.h.
 *
 *     @lru_cache(maxsize=None)     a caching decorator
 *     def page(number):
 *         seen.append(number)      a container that is neither an argument nor a local name, by a method that puts something in
 *         pages[number] = text     or by an item, or by +=
 *     def note(what, seen=[])      … or a default, which lives as long as the function
 *     page_of = cache(page)        a cache put around the function elsewhere in its file
 *
 * Lines are read one by one: a statement that is written over several is known by its first. Strings that
 * look like code deceive it; then a line of the function is told that is not the one, as the def would be.
 */
#include "answer/keeps.h"

#include <string.h>
#include "answer/routememory.h"

#define MOST_LINES 400u /* of a function */

struct line {
    struct hp_str text; /* without indentation */
    uint32_t indent, number;
};

/* The next line of `rest`, which is moved on; false: there is none. */
static bool next_line(struct hp_str *rest, struct line *line)
{
    if (rest->n == 0) {
        return false;
    }
    size_t n = hp_str_find_char(*rest, '\n'), indent = 0;
    while (indent < n && (rest->p[indent] == ' ' || rest->p[indent] == '\t')) {
        indent++;
    }
    line->text = hp_str_make(rest->p + indent, n - indent);
    line->indent = (uint32_t)indent;
    line->number++;
    size_t step = n < rest->n ? n + 1 : n;
    *rest = hp_str_make(rest->p + step, rest->n - step);
    return true;
}

static struct hp_str trimmed(struct hp_str text)
{
    size_t n = 0;
    while (n < text.n && text.p[n] == ' ') {
        n++;
    }
    return hp_str_from(text, n);
}

static bool is_assignment(struct hp_str text)
{
    text = trimmed(text);
    return text.n > 1 && text.p[0] == '=' && text.p[1] != '=';
}

/* "+= …" or "|= …": a container that goes on, if it is one. */
static bool is_addition(struct hp_str text)
{
    text = trimmed(text);
    return text.n > 1 && (text.p[0] == '+' || text.p[0] == '|') && text.p[1] == '=';
}

/* Length of "[...]" at the beginning of the text; 0: it does not begin so, or does not end on its line. */
static size_t item_length(struct hp_str text)
{
    uint32_t depth = 0;
    for (size_t i = 0; i < text.n && (i == 0 ? text.p[0] == '[' : true); i++) {
        depth += text.p[i] == '[';
        depth -= text.p[i] == ']';
        if (depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

static bool puts_in(struct hp_str method)
{
    static const char *const names[] = {"append",     "appendleft", "add",        "extend",    "extendleft",
                                        "insert",     "push",       "setdefault", "put",       "update",
                                        "put_nowait", "register",   "listen",     "subscribe", "connect",
                                        "addHandler", "insort",     "heappush"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (hp_str_eq(method, hp_str_from0(names[i]))) {
            return true;
        }
    }
    return false;
}

/* flask.g, flask.session and the session of an ORM end with the request. */
static bool ends_with_request(struct hp_str name, bool first)
{
    return hp_str_eq(name, HP_STR("session")) || (first && hp_str_eq(name, HP_STR("g")));
}

/* What the statement does after "return " and its kin, or after "name = " if that puts something in as
 * well. */
static struct hp_str expression_of(struct hp_str text)
{
    static const char *const words[] = {"return ", "yield ", "await "};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (hp_str_starts(text, hp_str_from0(words[i]))) {
            return hp_str_from(text, strlen(words[i]));
        }
    }
    struct hp_str after = trimmed(hp_str_from(text, hp_str_word_length(text)));
    struct hp_str value = is_assignment(after) ? trimmed(hp_str_from(after, 1)) : text;
    return hp_str_find_word(value, 0, HP_STR("setdefault")) < value.n ? value : text;
}

/* The first name of "name.attribute[key] = …", "name += …" or "name.attribute.append(…"; empty: the statement
 * is of another shape. */
static struct hp_str container_of(struct hp_str text)
{
    const struct hp_str none = {NULL, 0};
    struct hp_str root = hp_str_make(text.p, hp_str_word_length(text)), rest = hp_str_from(text, root.n);
    while (root.n != 0 && rest.n != 0 && !ends_with_request(root, true)) {
        size_t item = item_length(rest);
        if (item != 0) {
            rest = hp_str_from(rest, item);
            if (is_assignment(rest)) {
                return root;
            }
            continue;
        }
        if (is_addition(rest)) {
            return root;
        }
        if (rest.p[0] != '.') {
            return none;
        }
        struct hp_str name = hp_str_from(rest, 1);
        name.n = hp_str_word_length(name);
        rest = hp_str_from(rest, 1 + name.n);
        if (ends_with_request(name, false)) {
            return none;
        }
        if (name.n == 0 || (rest.n != 0 && rest.p[0] == '(')) {
            return name.n != 0 && puts_in(name) ? root : none;
        }
    }
    return none;
}

struct function {
    struct hp_str source; /* of the file */
    struct hp_str header; /* from the first argument on, to the colon that ends it */
    struct hp_str body;
    uint32_t indent, first_number; /* of the def; the number of the line before the body */
};

/* Whether what follows an argument's name gives it a container that is made once, with the function. */
static bool has_kept_default(struct hp_str rest)
{
    int depth = 0;
    for (size_t i = 0; i < rest.n && depth >= 0; i++) {
        char c = rest.p[i];
        depth += (c == '[' || c == '(' || c == '{') - (c == ']' || c == ')' || c == '}');
        if (depth == 0 && c == ',') {
            return false;
        }
        if (depth == 0 && c == '=') {
            struct hp_str value = trimmed(hp_str_from(rest, i + 1));
            struct hp_str word = hp_str_make(value.p, hp_str_word_length(value));
            bool called = word.n < value.n && value.p[word.n] == '(';
            return value.n != 0 && (value.p[0] == '[' || value.p[0] == '{' || (word.n != 0 && called));
        }
    }
    return false;
}

/* Whether the word at `at` is what "as" names. */
static bool follows_as(struct hp_str text, size_t at)
{
    struct hp_str before = hp_str_make(text.p, at < text.n ? at : 0);
    size_t as = hp_str_find_word(before, 0, HP_STR("as"));
    return as < before.n && trimmed(hp_str_from(before, as + 2)).n == 0;
}

static bool is_global(const struct function *function, struct line line, struct hp_str name)
{
    return hp_str_starts(line.text, HP_STR("global ")) &&
           hp_str_find_word(line.text, 7, name) < line.text.n && line.indent > function->indent;
}

/* Whether a name is an argument of the function, or bound in it. */
static bool is_local(const struct function *function, struct hp_str name)
{
    struct hp_str rest = function->body;
    struct line line = {.number = 0};
    size_t argument = hp_str_find_word(function->header, 0, name);
    if (argument < function->header.n) {
        return !has_kept_default(hp_str_from(function->header, argument + name.n));
    }
    while (next_line(&rest, &line) && line.number <= MOST_LINES) {
        size_t at = hp_str_find_word(line.text, 0, name);
        struct hp_str after = trimmed(hp_str_from(line.text, at + name.n));
        bool annotated = at == 0 && after.n != 0 && after.p[0] == ':';
        bool bound = (hp_str_starts(line.text, HP_STR("for ")) && after.n > 2 &&
                      hp_str_find_word(after, 0, HP_STR("in")) < after.n) ||
                     (hp_str_starts(line.text, HP_STR("with ")) && follows_as(line.text, at));
        if (is_global(function, line, name)) {
            return false;
        }
        if (at < line.text.n && ((at == 0 && is_assignment(after)) || annotated || bound)) {
            return true;
        }
    }
    return false;
}

/* Whether the file makes it with a bound: "name = deque(maxlen=100)". */
static bool is_bounded(const struct function *function, struct hp_str name)
{
    struct hp_str rest = function->source;
    struct line line = {.number = 0};
    while (next_line(&rest, &line)) {
        if (hp_str_starts(line.text, name) && hp_str_word_length(line.text) == name.n &&
            hp_str_find_word(line.text, name.n, HP_STR("maxlen")) < line.text.n) {
            return true;
        }
    }
    return false;
}

static bool is_object(struct hp_str name)
{
    return hp_str_eq(name, HP_STR("self")) || hp_str_eq(name, HP_STR("cls"));
}

/* The first line of the body that puts something into what outlives the function. */
static uint32_t putting_line(const struct function *function)
{
    struct hp_str rest = function->body;
    struct line line = {.number = function->first_number};
    uint32_t of_object = 0;
    while (next_line(&rest, &line) && line.number - function->first_number <= MOST_LINES) {
        bool blank = line.text.n == 0 || line.text.p[0] == '#';
        if (!blank && line.indent <= function->indent) {
            break;
        }
        struct hp_str name = blank ? (struct hp_str){NULL, 0} : container_of(expression_of(line.text));
        if (name.n != 0 && is_object(name)) {
            of_object = of_object != 0 ? of_object : line.number;
        } else if (name.n != 0 && !is_local(function, name) && !is_bounded(function, name)) {
            return line.number;
        }
    }
    return of_object;
}

static bool is_def(struct hp_str text)
{
    return hp_str_starts(text, HP_STR("def ")) || hp_str_starts(text, HP_STR("async def "));
}

static bool names_cache(struct hp_str word)
{
    for (size_t i = 0; i + 4 <= word.n; i++) {
        if (memcmp(word.p + i, "cach", 4) == 0 || memcmp(word.p + i, "memo", 4) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the decorator's own name is one ("caches.get" is a route of a blueprint). */
static bool is_cache(struct hp_str decorator)
{
    struct hp_str rest = hp_str_from(decorator, 1), word = {"", 0};
    while (rest.n != 0 && (hp_str_is_word(rest.p[0]) || rest.p[0] == '.')) {
        rest = hp_str_from(rest, rest.p[0] == '.');
        word = hp_str_make(rest.p, hp_str_word_length(rest));
        rest = hp_str_from(rest, word.n);
    }
    return names_cache(word);
}

uint32_t hp_keeps_line(struct hp_str source, uint32_t first_line)
{
    struct hp_str rest = source;
    struct line line = {.number = 0};
    struct function function = {.source = source};
    while (line.number + 1 < first_line && next_line(&rest, &line)) {
    }
    while (next_line(&rest, &line) && line.text.n != 0 && line.text.p[0] == '@') {
        if (is_cache(line.text)) {
            return line.number;
        }
    }
    if (first_line == 0 || !is_def(line.text)) {
        return 0;
    }
    function.indent = line.indent;
    function.header = line.text;
    while (line.text.n == 0 || line.text.p[line.text.n - 1] != ':') {
        if (!next_line(&rest, &line)) {
            return 0;
        }
    }
    function.header.n = (size_t)(line.text.p + line.text.n - function.header.p);
    function.header = hp_str_from(function.header, hp_str_find_char(function.header, '('));
    function.first_number = line.number;
    function.body = rest;
    return putting_line(&function);
}

/* Whether the text calls something with this name as its only argument. */
static bool wraps(struct hp_str text, struct hp_str name)
{
    for (size_t at = hp_str_find_word(text, 0, name); at < text.n;
         at = hp_str_find_word(text, at + 1, name)) {
        size_t before = at, after = at + name.n;
        while (before > 0 && strchr(" \t\n", text.p[before - 1]) != NULL) {
            before--;
        }
        while (after < text.n && strchr(" \t\n", text.p[after]) != NULL) {
            after++;
        }
        if (before > 0 && text.p[before - 1] == '(' && after < text.n && text.p[after] == ')') {
            return true;
        }
    }
    return false;
}

/* Length of a statement: to the end of the line in which its brackets are closed. */
static size_t statement_length(struct hp_str text)
{
    int depth = 0;
    size_t i = 0;
    for (; i < text.n && (depth > 0 || text.p[i] != '\n'); i++) {
        char c = text.p[i];
        depth += (c == '[' || c == '(' || c == '{') - (c == ']' || c == ')' || c == '}');
    }
    return i;
}

uint32_t hp_keeps_wrapped_line(struct hp_str source, struct hp_str name)
{
    struct hp_str rest = source;
    struct line line = {.number = 0};
    while (name.n != 0 && next_line(&rest, &line)) {
        if (line.indent != 0 || line.text.n == 0 || strchr("@#", line.text.p[0]) != NULL ||
            !names_cache(line.text)) {
            continue;
        }
        struct hp_str whole = {line.text.p, (size_t)(source.p + source.n - line.text.p)};
        whole.n = statement_length(whole);
        if (wraps(whole, name)) {
            return line.number;
        }
    }
    return 0;
}

/* ---- of what a route's requests ran ---- */

#define MOST_FUNCTIONS 64u

struct candidates {
    struct {
        uint32_t sym;
        uint64_t total_ns;
    } list[MOST_FUNCTIONS];
    uint32_t count;
};

static void add_candidate(struct candidates *candidates, uint32_t sym, uint64_t total_ns)
{
    uint32_t k = 0;
    while (k < candidates->count && candidates->list[k].sym != sym) {
        k++;
    }
    if (k == MOST_FUNCTIONS) {
        return;
    }
    if (k == candidates->count) {
        candidates->list[candidates->count++].sym = sym;
        candidates->list[k].total_ns = 0;
    }
    candidates->list[k].total_ns += total_ns;
}

static void collect(const struct hp_case *c, struct candidates *candidates)
{
    for (uint32_t r = 0; r < c->sample_count; r++) {
        const struct hp_tree *tree = c->samples[r].tree;
        for (uint32_t i = 1; tree != NULL && i < tree->count; i++) {
            uint32_t sym = tree->nodes[i].sym;
            if (hp_tree_live(tree, i) && sym != 0 && (hp_dict_symbol(c->dict, sym).flags & HP_SYM_APP) != 0) {
                add_candidate(candidates, sym, tree->nodes[i].total);
            }
        }
    }
}

static hp_err find_place(struct hp_store *store, const struct hp_scope *scope, const struct hp_case *c,
                         struct hp_finding *finding, bool *found, struct hp_errinfo *info)
{
    struct candidates candidates = {.count = 0};
    uint64_t most = 0;
    *found = false;
    collect(c, &candidates);
    for (uint32_t k = 0; k < candidates.count; k++) {
        struct hp_symbol sym = hp_dict_symbol(c->dict, candidates.list[k].sym);
        struct hp_str source;
        if (candidates.list[k].total_ns <= most) {
            continue;
        }
        hp_err err = hp_store_source(store, scope, sym.file, &source, info);
        if (err != HP_OK) {
            return err;
        }
        uint32_t line = hp_keeps_wrapped_line(source, sym.name);
        line = line != 0 ? line : hp_keeps_line(source, sym.line);
        if (line != 0) {
            most = candidates.list[k].total_ns;
            finding->site_sym = candidates.list[k].sym;
            finding->site_line = line;
            *found = true;
        }
    }
    return HP_OK;
}

/* Whether more is kept than other requests give back. */
static hp_err is_lost(struct hp_store *store, const struct hp_scope *scope, const struct hp_case *c,
                      const struct hp_finding *finding, bool *lost, struct hp_errinfo *info)
{
    double given_back;
    hp_err err = hp_route_memory_given_back(store, scope, c->route, &given_back, info);
    *lost = err == HP_OK && (double)finding->saving_bytes * (double)c->requests > given_back;
    return err;
}

hp_err hp_keeps_settle(struct hp_store *store, const struct hp_scope *scope, const struct hp_case *c,
                       struct hp_findings *findings, struct hp_errinfo *info)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < findings->count; i++) {
        struct hp_finding finding = findings->list[i];
        bool found = true, lost = true, growth = finding.kind == HP_FIND_memory_growth;
        hp_err err = growth ? is_lost(store, scope, c, &finding, &lost, info) : HP_OK;
        err = err == HP_OK && growth && lost ? find_place(store, scope, c, &finding, &found, info) : err;
        if (err != HP_OK) {
            return err;
        }
        if (lost && (found || !finding.unsure)) {
            findings->list[kept++] = finding;
        }
    }
    findings->count = kept;
    return HP_OK;
}
