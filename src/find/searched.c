/* searched.c -- see searched.h. */
#include "find/searched.h"

#include "find/pytext.h"

#define MANY_ITEMS   16u /* a display of fewer is as fast as a set */
#define MOST_COUNTED 16u

/* ---- what is assigned ---- */

/* Of a display whose bracket was just read: nothing in it, many items, or a comprehension. */
static bool is_long(struct hp__py *py)
{
    uint32_t depth = py->depth, commas = 0;
    bool empty = true;
    for (struct hp__py_token token = hp__py_next(py); token.kind != HP__PY_END && py->depth >= depth;
         token = hp__py_next(py)) {
        empty = false;
        commas += py->depth == depth && hp__py_is(token, ",");
        if (py->depth == depth && token.keyword && hp__py_is(token, "for")) {
            return true;
        }
    }
    return empty || commas + 1 >= MANY_ITEMS;
}

/* Whether what is assigned next is a list. */
static bool is_list(struct hp__py *py)
{
    struct hp__py_token token = hp__py_next(py);
    if (hp__py_is(token, "[")) {
        return is_long(py);
    }
    bool makes = hp__py_is(token, "list") || hp__py_is(token, "sorted") || hp__py_is(token, "tuple");
    return token.kind == HP__PY_NAME && makes && hp__py_peek(py) == '(';
}

/* Over an annotation, to the "=" of this statement. False: nothing is assigned. */
static bool reach_equals(struct hp__py *py)
{
    struct hp__py_token token = hp__py_next(py);
    bool noted = hp__py_is(token, ":");
    while (noted && token.kind != HP__PY_LINE && token.kind != HP__PY_END && !hp__py_is(token, "=")) {
        token = hp__py_next(py);
    }
    return token.kind == HP__PY_MARK && hp__py_is(token, "=");
}

/* Whether the file assigns lists to this name, and nothing else. */
static bool always_list(struct hp_str source, struct hp_str name)
{
    struct hp__py py;
    bool begins = true, known = false;
    hp__py_init(&py, source, 1);
    for (struct hp__py_token token = hp__py_next(&py); token.kind != HP__PY_END; token = hp__py_next(&py)) {
        struct hp__py ahead = py;
        if (begins && token.kind == HP__PY_NAME && hp_str_eq(token.text, name) && reach_equals(&ahead)) {
            if (!is_list(&ahead)) {
                return false;
            }
            known = true;
        }
        begins = token.kind == HP__PY_LINE;
    }
    return known;
}

/* ---- where it is looked through ---- */

static bool has_comprehension(struct hp_str text)
{
    struct hp__py py;
    hp__py_init(&py, text, 1);
    for (struct hp__py_token token = hp__py_next(&py); token.kind != HP__PY_END; token = hp__py_next(&py)) {
        if (token.kind == HP__PY_NAME && py.depth != 0 && hp__py_is(token, "for")) {
            return true;
        }
    }
    return false;
}

/* A parameter's name, which hides one outside. */
static bool is_parameter(struct hp_str header, struct hp_str name)
{
    struct hp__py py;
    hp__py_init(&py, header, 1);
    for (struct hp__py_token token = hp__py_next(&py); token.kind != HP__PY_END; token = hp__py_next(&py)) {
        if (token.kind == HP__PY_NAME && py.depth == 1 && hp_str_eq(token.text, name)) {
            return true;
        }
    }
    return false;
}

/* The next name that something is looked for in; kind END: there is none. The "in" of a "for" is no such. */
static struct hp__py_token next_searched(struct hp__py *py, uint32_t *loops)
{
    for (;;) {
        struct hp__py_token token = hp__py_next(py);
        *loops += token.keyword && hp__py_is(token, "for");
        if (token.kind == HP__PY_END) {
            return token;
        }
        if (!token.keyword || !hp__py_is(token, "in")) {
            continue;
        }
        if (*loops != 0) {
            --*loops;
            continue;
        }
        struct hp__py ahead = *py;
        token = hp__py_next(&ahead);
        char next = hp__py_peek(&ahead);
        if (token.kind == HP__PY_NAME && !token.keyword && next != '(' && next != '[' && next != '.') {
            return token;
        }
    }
}

/* ---- what grows ---- */

struct counted { /* names that a loop gives values to */
    struct hp_str list[MOST_COUNTED];
    uint32_t count;
};

/* The targets of each "for" in a text. */
static void add_counted(struct hp_str text, struct counted *counted)
{
    struct hp__py py;
    bool target = false;
    hp__py_init(&py, text, 1);
    for (struct hp__py_token token = hp__py_next(&py); token.kind != HP__PY_END; token = hp__py_next(&py)) {
        if (token.keyword) {
            target = hp__py_is(token, "for");
        } else if (target && token.kind == HP__PY_NAME && counted->count < MOST_COUNTED) {
            counted->list[counted->count++] = token.text;
        }
    }
}

/* Of the comprehensions in a statement, and of the loops around it. */
static void find_counted(const struct hp__py_statement *list, uint32_t k, struct counted *counted)
{
    uint32_t indent = list[k].indent;
    counted->count = 0;
    add_counted(list[k].text, counted);
    for (uint32_t i = k; i-- > 1;) {
        if (list[i].indent < indent) {
            indent = list[i].indent;
            add_counted(list[i].text, counted);
        }
    }
}

/* Whether the index that begins next is a slice from the beginning to something counted. */
static bool is_growing(struct hp__py *py, const struct counted *counted)
{
    uint32_t depth = py->depth;
    bool found = false;
    (void)hp__py_next(py);
    struct hp__py_token token = hp__py_next(py);
    if (!hp__py_is(token, ":")) {
        return false;
    }
    while (py->depth > depth && token.kind != HP__PY_END) {
        for (uint32_t i = 0; i < counted->count; i++) {
            found = found || (token.kind == HP__PY_NAME && hp_str_eq(token.text, counted->list[i]));
        }
        token = hp__py_next(py);
    }
    return found;
}

static bool find_growing(const struct hp__py_statement *list, uint32_t k, struct hp__searched *searched)
{
    struct counted counted;
    struct hp__py py;
    find_counted(list, k, &counted);
    hp__py_init(&py, list[k].text, list[k].first);
    for (struct hp__py_token token = hp__py_next(&py); counted.count != 0 && token.kind != HP__PY_END;
         token = hp__py_next(&py)) {
        struct hp__py ahead = py;
        if (token.kind == HP__PY_NAME && !token.keyword && hp__py_peek(&py) == '[' &&
            is_growing(&ahead, &counted)) {
            *searched = (struct hp__searched){token.text, token.line, HP__SEARCHED_GROWS};
            return true;
        }
    }
    return false;
}

/* ---- what goes with itself ---- */

/* What a "for" that has been read up to its "in" goes over: a name alone (NAME), or what combinations() of it
 * gives (MARK); else END. */
static struct hp__py_token read_things(struct hp__py *py)
{
    struct hp__py_token none = {.kind = HP__PY_END}, token = hp__py_next(py);
    char next = hp__py_peek(py);
    if (token.kind != HP__PY_NAME || token.keyword || next == '[' || next == '.') {
        return none;
    }
    if (next != '(') {
        return token;
    }
    bool pairs =
        hp_str_ends(token.text, HP_STR("combinations")) || hp_str_ends(token.text, HP_STR("permutations"));
    (void)hp__py_next(py);
    token = hp__py_next(py);
    if (!pairs || token.kind != HP__PY_NAME || hp__py_peek(py) == '(') {
        return none;
    }
    token.kind = HP__PY_MARK;
    return token;
}

struct things { /* that the loops around a place go over */
    struct hp_str list[MOST_COUNTED];
    uint32_t depth[MOST_COUNTED]; /* of brackets */
    uint32_t count;
};

/* Add what the loops of a statement go over, as far as one is in another one. `pair`: that which goes with
 * itself; kind END: none. */
static void add_things(struct hp__py_statement statement, struct things *things, struct hp__py_token *pair)
{
    struct hp__py py;
    bool loop = false, header = hp_str_starts(statement.text, HP_STR("for "));
    hp__py_init(&py, statement.text, statement.first);
    pair->kind = HP__PY_END;
    for (struct hp__py_token token = hp__py_next(&py); token.kind != HP__PY_END; token = hp__py_next(&py)) {
        while (things->count != 0 && things->depth[things->count - 1] > py.depth) {
            things->count--;
        }
        bool begins = loop && token.keyword && hp__py_is(token, "in");
        loop = token.keyword ? hp__py_is(token, "for") : loop;
        if (!begins || (header && py.depth != 0)) {
            continue;
        }
        uint32_t depth = py.depth;
        struct hp__py_token thing = read_things(&py);
        bool again = thing.kind == HP__PY_MARK;
        for (uint32_t i = 0; i < things->count; i++) {
            again = again || (thing.kind == HP__PY_NAME && hp_str_eq(things->list[i], thing.text));
        }
        if (again) {
            *pair = thing;
            return;
        }
        if (thing.kind == HP__PY_NAME && things->count < MOST_COUNTED) {
            things->list[things->count] = thing.text;
            things->depth[things->count++] = depth;
        }
    }
}

/* The loops around first, from outside. */
static bool find_pairs(const struct hp__py_statement *list, uint32_t k, struct hp__searched *searched)
{
    struct things things = {.count = 0};
    struct hp__py_token pair;
    uint32_t around[MOST_COUNTED], n = 0, indent = list[k].indent;
    for (uint32_t i = k; i-- > 1 && n < MOST_COUNTED;) {
        if (list[i].indent < indent) {
            indent = list[i].indent;
            around[n] = i;
            n += hp_str_starts(list[i].text, HP_STR("for "));
        }
    }
    while (n-- > 0) {
        add_things(list[around[n]], &things, &pair);
    }
    add_things(list[k], &things, &pair);
    if (pair.kind != HP__PY_END) {
        *searched = (struct hp__searched){pair.text, pair.line, HP__SEARCHED_PAIRS};
    }
    return pair.kind != HP__PY_END;
}

hp_err hp__searched_read(struct hp_str source, uint32_t first_line, struct hp_arena *arena,
                         struct hp__searched *searched)
{
    *searched = (struct hp__searched){.line = 0};
    uint32_t n;
    struct hp__py_statement *list = hp__py_list(source, first_line, arena, &n);
    if (list == NULL) {
        return HP_ENOMEM;
    }
    for (uint32_t k = 1; k < n; k++) {
        struct hp__py py;
        uint32_t loops = 0;
        if (find_growing(list, k, searched) || find_pairs(list, k, searched)) {
            return HP_OK;
        }
        hp__py_init(&py, list[k].text, list[k].first);
        for (struct hp__py_token token = next_searched(&py, &loops); token.kind != HP__PY_END;
             token = next_searched(&py, &loops)) {
            bool many =
                has_comprehension(list[k].text) || hp__py_loop(source, first_line, list[k].first) != 0;
            if (many && !is_parameter(list[0].text, token.text) && always_list(source, token.text)) {
                *searched = (struct hp__searched){token.text, token.line, HP__SEARCHED_FOR};
                return HP_OK;
            }
        }
    }
    return HP_OK;
}
