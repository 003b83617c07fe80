/* plan_sqlite.c -- SQLite's EXPLAIN QUERY PLAN, 3.24 and later: [[id, parent, "SEARCH s USING INDEX i
 * (a=?)"], …].
 *
 * The text is for people and its words have changed ("SCAN TABLE s AS x" before 3.36, "SCAN x" since); what
 * is not understood stays an operation without a table. There are no estimates.
 */
#include <string.h>
#include "find/plan_int.h"

#define MAX_ROWS HP_PLAN_MAX_NODES

/* Take the next word off `*rest`. */
static struct hp_str next_word(struct hp_str *rest)
{
    while (rest->n != 0 && rest->p[0] == ' ') {
        *rest = hp_str_make(rest->p + 1, rest->n - 1);
    }
    struct hp_str word = hp_str_make(rest->p, hp_str_find_char(*rest, ' '));
    *rest = hp_str_make(rest->p + word.n, rest->n - word.n);
    return word;
}

/* What follows `part` in `text`, up to the next blank or parenthesis. */
static struct hp_str word_after(struct hp_str text, const char *part)
{
    size_t at;
    if (!hp__plan_has(text, part, &at)) {
        return (struct hp_str){NULL, 0};
    }
    at += strlen(part);
    struct hp_str rest = hp_str_make(text.p + at, text.n - at);
    return next_word(&rest);
}

static void set_access(struct hp__plan_build *build, struct hp_plan_node *node, struct hp_str rest, bool scan)
{
    bool automatic = hp__plan_has(rest, "AUTOMATIC", NULL);
    bool primary = hp__plan_has(rest, "USING INTEGER PRIMARY KEY", NULL);
    struct hp_str index = word_after(rest, " INDEX ");
    node->index = automatic || index.n == 0 || index.p[0] == '(' ? (struct hp_str){NULL, 0}
                                                                 : hp__plan_text(build, index);
    if (automatic) {
        node->access = HP_PLAN_SCAN; /* the whole table is read to build it */
        node->flags |= HP_PLAN_AUTO_INDEX;
    } else if (scan) {
        node->access = node->index.n != 0 ? HP_PLAN_INDEX_SCAN : HP_PLAN_SCAN;
    } else {
        node->access = primary && hp__plan_has(rest, "(rowid=?)", NULL) ? HP_PLAN_LOOKUP : HP_PLAN_INDEX;
        node->index = primary ? hp__plan_text(build, HP_STR("primary key")) : node->index;
    }
}

static void read_detail(struct hp__plan_build *build, struct hp_plan_node *node, struct hp_str detail)
{
    struct hp_str rest = detail, verb = next_word(&rest);
    bool scan = hp__plan_is(verb, "SCAN"), search = hp__plan_is(verb, "SEARCH");
    node->operation = hp__plan_text(build, scan || search ? verb : detail);
    if (hp__plan_has(detail, "USE TEMP B-TREE", NULL)) {
        node->flags |= HP_PLAN_TEMPORARY | (hp__plan_has(detail, "ORDER BY", NULL) ? HP_PLAN_SORT : 0);
    }
    if (hp_str_starts(detail, HP_STR("CORRELATED"))) {
        node->flags |= HP_PLAN_REPEATED;
    }
    if (!scan && !search) {
        return;
    }
    struct hp_str name = next_word(&rest);
    if (hp__plan_is(name, "TABLE")) {
        name = next_word(&rest);
        node->table = hp__plan_text(build, name);
    } else if (hp__plan_is(name, "SUBQUERY") || hp__plan_is(name, "CONSTANT") || name.n == 0 ||
               name.p[0] == '(' || (name.p[0] >= '0' && name.p[0] <= '9')) {
        node->operation = hp__plan_text(build, detail);
        return;
    }
    struct hp_str after = rest;
    node->alias = hp__plan_text(build, hp__plan_is(next_word(&after), "AS") ? next_word(&after) : name);
    set_access(build, node, rest, scan);
}

/* One row: an id, its parent's, the text. False: not such a row. */
static bool read_row(struct hp_jsonread *json, double *id, double *parent, struct hp_str *detail)
{
    if (json->token != HP_JSON_ARRAY || !hp_jsonread_number(json, id) || !hp_jsonread_number(json, parent) ||
        !hp_jsonread_text(json, detail)) {
        hp_jsonread_fail(json, HP_EFORMAT, "not a row of EXPLAIN QUERY PLAN");
        return false;
    }
    return true;
}

/* Tables beside each other under one parent are a join: every one but the first is read once a row of those
 * before. */
static void mark_repeated(struct hp_plan *plan)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        struct hp_plan_node *node = &plan->nodes[i];
        bool above = node->parent != HP_PLAN_NONE && (plan->nodes[node->parent].flags & HP_PLAN_REPEATED);
        bool after = false;
        for (uint32_t k = 0; k < i && node->access != HP_PLAN_NO_TABLE; k++) {
            after =
                after || (plan->nodes[k].parent == node->parent && plan->nodes[k].access != HP_PLAN_NO_TABLE);
        }
        bool once = node->flags & HP_PLAN_AUTO_INDEX; /* it is built once */
        node->flags |= above || (after && !once) ? HP_PLAN_REPEATED : 0;
    }
}

void hp__plan_sqlite(struct hp__plan_build *build, struct hp_jsonread *json)
{
    double *ids = hp_arena_alloc(build->arena, MAX_ROWS * sizeof *ids, _Alignof(double));
    if (ids == NULL) {
        build->err = HP_ENOMEM;
        return;
    }
    if (json->token != HP_JSON_ARRAY) {
        hp_jsonread_fail(json, HP_EFORMAT, "not the rows of EXPLAIN QUERY PLAN");
        return;
    }
    while (hp_jsonread_element(json)) {
        double id, above;
        struct hp_str detail;
        if (!read_row(json, &id, &above, &detail)) {
            return;
        }
        uint32_t parent = HP_PLAN_NONE, count = build->plan->count;
        for (uint32_t i = 0; i < count; i++) {
            parent = ids[i] == above ? i : parent;
        }
        uint32_t at = hp__plan_node(build, parent);
        if (at == HP_PLAN_NONE) {
            return;
        }
        ids[at] = id;
        read_detail(build, &build->plan->nodes[at], detail);
        if (hp_jsonread_element(json)) {
            hp_jsonread_fail(json, HP_EFORMAT, "not a row of EXPLAIN QUERY PLAN");
        }
    }
    mark_repeated(build->plan);
}
