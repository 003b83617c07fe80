/* plan_advice.c -- see plan_advice.h. */
#include "find/plan_advice.h"

#include <stdio.h>
#include <string.h>
#include "base/show.h"
#include "find/find_int.h"
#include "find/plan_int.h"

#define ENOUGH_ROWS 10.0 /* an index that leaves so few needs no further column */

/* A condition of this source's SELECT compares it with a table of the SELECT around it: it runs once a row of
 * that. */
static bool is_correlated(const struct hp_plan *plan, const struct hp_query *query, uint32_t source)
{
    uint32_t scope = query->sources[source].scope;
    for (uint32_t i = 0; i < query->term_count; i++) {
        const struct hp_query_term *term = &query->terms[i];
        if (term->scope != scope || term->other_column.n == 0) {
            continue;
        }
        uint32_t mine = hp_query_owner(query, plan, term, false);
        uint32_t other = hp_query_owner(query, plan, term, true);
        bool known = mine != HP_QUERY_NONE && other != HP_QUERY_NONE;
        if (known && (mine == source || other == source) &&
            query->sources[mine].scope != query->sources[other].scope) {
            return true;
        }
    }
    return false;
}

/* Whether a condition that has to hold compares this column of the source with a value. */
static bool is_given(const struct hp_plan *plan, const struct hp_query *query, uint32_t source,
                     struct hp_str column)
{
    for (uint32_t i = 0; i < query->term_count; i++) {
        const struct hp_query_term *term = &query->terms[i];
        bool value = term->op == HP_QUERY_EQUAL && term->other_column.n == 0;
        if (value && hp__plan_same(term->column, column) &&
            hp_query_owner(query, plan, term, false) == source) {
            return true;
        }
    }
    return false;
}

/* At most one row of this table: a key of it is compared as a whole. */
static bool gives_one(const struct hp_plan *plan, const struct hp_query *query,
                      const struct hp_plan_node *node)
{
    const struct hp_plan_table *table = hp_plan_table(plan, node->table);
    uint32_t source = hp_query_source(query, node->alias.n != 0 ? node->alias : node->table);
    if (node->access != HP_PLAN_INDEX || table == NULL || source == HP_QUERY_NONE) {
        return node->access == HP_PLAN_LOOKUP;
    }
    for (uint32_t i = 0; i < table->index_count; i++) {
        const struct hp_plan_index *index = &table->indexes[i];
        uint32_t given = 0;
        while (given < index->column_count && index->columns[given].n != 0 &&
               is_given(plan, query, source, index->columns[given])) {
            given++;
        }
        if (index->unique && !index->partial && given != 0 && given == index->column_count) {
            return true;
        }
    }
    return false;
}

/* A table of a join that is read once after all: those before it give one row. */
static void resolve_repeated(struct hp_plan *plan, const struct hp_query *query, uint32_t at)
{
    struct hp_plan_node *node = &plan->nodes[at];
    bool above = node->parent != HP_PLAN_NONE && (plan->nodes[node->parent].flags & HP_PLAN_REPEATED);
    bool joined = false, one = true;
    for (uint32_t i = 0; i < at && one; i++) {
        const struct hp_plan_node *before = &plan->nodes[i];
        bool beside = before->parent == node->parent && before->access != HP_PLAN_NO_TABLE;
        joined = joined || beside;
        one = !beside || gives_one(plan, query, before);
    }
    if (joined && one && !above) {
        node->flags &= (uint8_t)~HP_PLAN_REPEATED;
    }
}

void hp_plan_resolve(struct hp_plan *plan, const struct hp_query *query)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        struct hp_plan_node *node = &plan->nodes[i];
        if (node->access == HP_PLAN_NO_TABLE || (node->table.n == 0 && node->alias.n == 0)) {
            continue;
        }
        uint32_t source = hp_query_source(query, node->alias.n != 0 ? node->alias : node->table);
        if (node->table.n == 0) {
            node->table = source != HP_QUERY_NONE ? query->sources[source].table : node->alias;
        }
        if (source != HP_QUERY_NONE && is_correlated(plan, query, source)) {
            node->flags |= HP_PLAN_REPEATED;
        } else {
            resolve_repeated(plan, query, i);
        }
        const struct hp_plan_table *table = hp_plan_table(plan, node->table);
        bool whole = node->access == HP_PLAN_SCAN || node->access == HP_PLAN_INDEX_SCAN;
        if (node->scanned < 0 && whole && table != NULL) {
            node->scanned = table->rows;
        }
    }
}

/* ---- which columns ---- */

struct choice {
    const struct hp_plan *plan;
    const struct hp_query *query;
    const struct hp_plan_node *node;
    const struct hp_plan_table *table;
    uint32_t source;
    double rows;
    struct {
        struct hp_str name;
        double share; /* of the rows that one value leaves; negative: not known */
    } list[8];
    uint32_t count;
    struct hp_str range; /* a column that is compared by < or BETWEEN; empty: none */
    bool others;         /* conditions that the index does not decide */
};

/* A join whose other side has its values when this one is read. */
static bool is_joined_late(const struct choice *choice, const struct hp_query_term *term)
{
    return term->other_column.n != 0 && (choice->node->flags & (HP_PLAN_REPEATED | HP_PLAN_AUTO_INDEX));
}

static void add_column(struct choice *choice, struct hp_str name, uint32_t values)
{
    const struct hp_plan_column *column = hp_plan_column(choice->table, name);
    double share = -1;
    if (column != NULL && column->cast) {
        choice->others = true;
        return;
    }
    for (uint32_t i = 0; i < choice->count; i++) {
        if (hp__plan_same(choice->list[i].name, name)) {
            return;
        }
    }
    if (column != NULL && column->distinct >= 1) {
        share = values / column->distinct;
    }
    if (choice->count < sizeof choice->list / sizeof *choice->list) {
        choice->list[choice->count].name = name;
        choice->list[choice->count++].share = share > 1 ? 1 : share;
    }
}

/* PostgreSQL shows the cast that it puts around a column: "(amount)::double precision = ?". Between texts it
 * is nothing. */
static bool is_cast(const struct choice *choice, struct hp_str column)
{
    char pattern[100];
    size_t at;
    int n = snprintf(pattern, sizeof pattern, "(%.*s)::", (int)(column.n < 80 ? column.n : 80), column.p);
    if (n < 0 || !hp__plan_has(choice->node->filter, pattern, &at)) {
        return false;
    }
    at += (size_t)n;
    struct hp_str type = hp_str_make(choice->node->filter.p + at, choice->node->filter.n - at);
    return !hp_str_starts(type, HP_STR("text")) && !hp_str_starts(type, HP_STR("bpchar"));
}

static void take_term(struct choice *choice, const struct hp_query_term *term)
{
    bool mine = hp_query_owner(choice->query, choice->plan, term, false) == choice->source;
    bool other = hp_query_owner(choice->query, choice->plan, term, true) == choice->source;
    if (mine && other) {
        choice->others = true;
    } else if (mine && term->other_column.n == 0 && term->op <= HP_QUERY_IN &&
               !is_cast(choice, term->column)) {
        add_column(choice, term->column, term->op == HP_QUERY_IN ? term->values : 1);
    } else if ((mine || other) && term->other_column.n != 0) {
        if (is_joined_late(choice, term)) {
            add_column(choice, mine ? term->column : term->other_column, 1);
        } else {
            choice->others = true;
        }
    } else if (mine && term->op == HP_QUERY_RANGE && choice->range.n == 0 && !is_cast(choice, term->column)) {
        choice->range = term->column;
    } else if (mine || term->column.n == 0) {
        choice->others = true;
    }
}

static bool choose(struct choice *choice)
{
    const struct hp_query *query = choice->query;
    choice->source =
        hp_query_source(query, choice->node->alias.n != 0 ? choice->node->alias : choice->node->table);
    if (choice->source == HP_QUERY_NONE) {
        return false;
    }
    uint32_t scope = query->sources[choice->source].scope;
    if (query->scopes[scope].either) {
        return false;
    }
    for (uint32_t i = 0; i < query->term_count; i++) {
        if (query->terms[i].scope == scope) {
            take_term(choice, &query->terms[i]);
        }
    }
    for (uint32_t i = 1; i < choice->count; i++) { /* the most telling first */
        for (uint32_t k = i; k > 0; k--) {
            double a = choice->list[k - 1].share, b = choice->list[k].share;
            if (b >= 0 && (a < 0 || b < a)) {
                struct hp_str name = choice->list[k].name;
                choice->list[k] = choice->list[k - 1];
                choice->list[k - 1].name = name;
                choice->list[k - 1].share = b;
            }
        }
    }
    return choice->count != 0 || choice->range.n != 0;
}

/* ---- how many rows stay ---- */

/* The statement is this table's one SELECT and gives every row that it finds. */
static bool is_plain(const struct choice *choice)
{
    const struct hp_query *query = choice->query;
    const struct hp_query_scope *scope = &query->scopes[0];
    return query->scope_count == 1 && query->source_count == 1 && !scope->limited && !scope->grouped;
}

static double wanted_rows(const struct choice *choice, double returned, double by_values)
{
    bool decided = !choice->others;
    if (decided && returned >= 0 && is_plain(choice)) {
        return returned;
    }
    if (decided && choice->plan->engine == HP_ENGINE_POSTGRESQL && choice->node->out >= 0) {
        return choice->node->out;
    }
    double least = is_plain(choice) && returned > 0 ? returned : 0;
    return by_values < 0 || by_values >= least ? by_values : least;
}

/* An index that begins with a column of ours is there, and the engine has not taken it: it knows why. */
static bool has_index(const struct choice *choice, const struct hp_plan_advice *advice)
{
    for (uint32_t i = 0; choice->table != NULL && i < choice->table->index_count; i++) {
        const struct hp_plan_index *index = &choice->table->indexes[i];
        for (uint32_t k = 0; k < advice->column_count && index->column_count != 0 && !index->partial; k++) {
            if (hp__plan_same(index->columns[0], advice->columns[k])) {
                return true;
            }
        }
    }
    return false;
}

struct hp_str hp_plan_unserved(const struct hp_plan *plan, const struct hp_query *query, double returned,
                               bool *within)
{
    const struct hp_query_scope *scope = &query->scopes[0];
    bool plain = query->scope_count == 1 && query->source_count == 1 && !scope->grouped && !scope->sums &&
                 !(scope->limited && scope->ordered);
    for (uint32_t i = 0; i < plan->count && plain; i++) {
        struct choice choice = {.plan = plan, .query = query, .node = &plan->nodes[i]};
        choice.table = hp_plan_table(plan, choice.node->table);
        bool much = choice.node->access == HP_PLAN_SCAN && choice.node->scanned >= HP_PLAN_MIN_ROWS &&
                    returned >= 0 && returned <= HP_PLAN_MAX_SHARE * choice.node->scanned;
        for (uint32_t k = 0; much && k < query->term_count; k++) {
            const struct hp_query_term *term = &query->terms[k];
            bool bare = term->op == HP_QUERY_EQUAL && term->column.n != 0 && term->other_column.n == 0;
            struct hp_str name = bare ? term->column : term->within;
            const struct hp_plan_column *column = hp_plan_column(choice.table, name);
            struct hp_plan_advice index = {.columns = {name}, .column_count = 1};
            bool telling = column != NULL && column->distinct * HP_PLAN_MAX_SHARE >= 1;
            if (name.n != 0 && telling && has_index(&choice, &index)) {
                *within = !bare;
                return column->name;
            }
        }
    }
    return (struct hp_str){NULL, 0};
}

/* The columns of the index, and what it leaves to read. False: it is not plain that one helps. */
static bool design(struct choice *choice, double returned, struct hp_plan_advice *advice)
{
    double by_values = choice->rows;
    for (uint32_t i = 0; i < choice->count && advice->column_count < HP_PLAN_INDEX_COLUMNS - 1; i++) {
        if (i > 0 && by_values >= 0 && by_values <= ENOUGH_ROWS) {
            choice->others = true;
            break;
        }
        by_values = by_values < 0 || choice->list[i].share < 0 ? -1 : by_values * choice->list[i].share;
        advice->columns[advice->column_count++] = choice->list[i].name;
    }
    bool few = by_values >= 0 && by_values <= ENOUGH_ROWS && choice->count != 0;
    if (choice->range.n != 0 && few) {
        choice->others = true;
    } else if (choice->range.n != 0) {
        by_values = choice->count == 0 ? -1 : by_values;
        advice->columns[advice->column_count++] = choice->range;
    }
    double wanted = wanted_rows(choice, returned, by_values);
    if (wanted < 0 || wanted > HP_PLAN_MAX_SHARE * choice->rows || has_index(choice, advice)) {
        return false;
    }
    advice->wanted = wanted < 1 ? 1 : wanted;
    return true;
}

/* ---- words ---- */

static bool is_plain_name(struct hp_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool fine = (c >= 'a' && c <= 'z') || c == '_' || (i > 0 && c >= '0' && c <= '9');
        if (!fine) {
            return false;
        }
    }
    return name.n != 0;
}

/* A name as the engine wants it written: quoted unless it is plain. Words that are reserved are quoted too
 * where they are common as columns. */
static void put_name(struct hp_buf *out, uint8_t engine, struct hp_str name)
{
    static const char *const reserved[] = {
        "order",   "group",  "key",   "user",       "index",    "from",  "to",     "desc",
        "table",   "select", "rank",  "references", "primary",  "check", "column", "end",
        "default", "values", "limit", "condition",  "interval", "read",  "range"};
    bool quoted = !is_plain_name(name);
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        quoted = quoted || hp__plan_is(name, reserved[i]);
    }
    bool mine = engine == HP_ENGINE_MYSQL || engine == HP_ENGINE_MARIADB;
    if (quoted) {
        hp_buf_put_u8(out, mine ? '`' : '"');
    }
    for (size_t i = 0; i < name.n; i++) {
        if (quoted && name.p[i] == (mine ? '`' : '"')) {
            hp_buf_put_u8(out, (uint8_t)name.p[i]);
        }
        hp_buf_put_u8(out, (uint8_t)name.p[i]);
    }
    if (quoted) {
        hp_buf_put_u8(out, mine ? '`' : '"');
    }
}

/* MySQL's family needs a length for texts without one. */
static bool needs_length(const struct choice *choice, struct hp_str column)
{
    const struct hp_plan_column *fact = hp_plan_column(choice->table, column);
    bool mine = choice->plan->engine == HP_ENGINE_MYSQL || choice->plan->engine == HP_ENGINE_MARIADB;
    return mine && fact != NULL &&
           (hp_str_ends(fact->type, HP_STR("text")) || hp_str_ends(fact->type, HP_STR("blob")));
}

static struct hp_str index_text(const struct choice *choice, const struct hp_plan_advice *advice,
                                struct hp_arena *arena)
{
    struct hp_buf out, name;
    uint8_t engine = choice->plan->engine;
    hp_buf_init(&out, 4096);
    hp_buf_init(&name, 1024);
    hp_buf_put_text(&name, choice->node->table);
    for (uint32_t i = 0; i < advice->column_count; i++) {
        hp_buf_put_u8(&name, '_');
        hp_buf_put_text(&name, advice->columns[i]);
    }
    hp_buf_put_text(&out, HP_STR("CREATE INDEX "));
    put_name(&out, engine, hp_utf8_cut(hp_buf_str(&name), 60));
    hp_buf_put_text(&out, HP_STR(" ON "));
    put_name(&out, engine, choice->node->table);
    for (uint32_t i = 0; i < advice->column_count; i++) {
        hp_buf_put_text(&out, i == 0 ? HP_STR(" (") : HP_STR(", "));
        put_name(&out, engine, advice->columns[i]);
        hp_buf_put_text(&out, needs_length(choice, advice->columns[i]) ? HP_STR("(64)") : HP_STR(""));
    }
    hp_buf_put_text(&out, HP_STR(")"));
    char *copy = out.err != HP_OK || name.err != HP_OK ? NULL : hp_arena_dup(arena, out.data, out.len);
    struct hp_str text = copy == NULL ? (struct hp_str){NULL, 0} : hp_str_make(copy, out.len);
    hp_buf_fini(&name);
    hp_buf_fini(&out);
    return text;
}

/* The column with an index that stands in a function; empty: none. */
static struct hp_str indexed_within(const struct choice *choice)
{
    const struct hp_query *query = choice->query;
    for (uint32_t i = 0; i < query->term_count && query->source_count == 1; i++) {
        struct hp_plan_advice index = {.columns = {query->terms[i].within}, .column_count = 1};
        if (query->terms[i].within.n != 0 && has_index(choice, &index)) {
            return query->terms[i].within;
        }
    }
    return (struct hp_str){NULL, 0};
}

static void say_scan(const struct choice *choice, struct hp_plan_advice *advice, struct hp_arena *arena)
{
    const struct hp_plan_node *node = choice->node;
    char rows[HP_SHOW_BYTES], wanted[HP_SHOW_BYTES];
    int n = (int)node->table.n;
    hp_show_count(rows, choice->rows > 0 ? (uint64_t)(choice->rows + 0.5) : 0);
    const char *again = node->flags & HP_PLAN_REPEATED ? ", once for each row before it" : "";
    const char *build = node->flags & HP_PLAN_AUTO_INDEX ? " and indexed for this one execution" : "";
    if (choice->rows < 0) {
        advice->text = hp__textf(arena, "all rows of %.*s are read%s%s", n, node->table.p, build, again);
    } else if (advice->index.n != 0) {
        hp_show_count(wanted, (uint64_t)(advice->wanted + 0.5));
        advice->text = hp__textf(arena, "all %s rows of %.*s are read%s%s, for about %s of them", rows, n,
                                 node->table.p, build, again, wanted);
    } else {
        struct hp_str within = indexed_within(choice);
        advice->text = hp__textf(arena, "all %s rows of %.*s are read%s%s%s%.*s%s", rows, n, node->table.p,
                                 build, again, within.n != 0 ? ": there is an index on " : "", (int)within.n,
                                 within.p, within.n != 0 ? ", but the column stands in a function" : "");
    }
}

static void advise_scan(const struct hp_plan *plan, const struct hp_query *query, uint32_t at,
                        double returned, struct hp_arena *arena, struct hp_plan_advice *advice)
{
    struct choice choice = {.plan = plan, .query = query, .node = &plan->nodes[at]};
    choice.table = hp_plan_table(plan, choice.node->table);
    choice.rows = choice.table != NULL && choice.table->rows >= 0 ? choice.table->rows : choice.node->scanned;
    *advice = (struct hp_plan_advice){
        .node = at, .table = choice.node->table, .scanned = choice.rows, .wanted = -1};
    if (choice.rows >= HP_PLAN_MIN_ROWS && choose(&choice) && design(&choice, returned, advice)) {
        advice->index = index_text(&choice, advice, arena);
    }
    say_scan(&choice, advice, arena);
}

/* The whole table is read: as it lies, or in the order of an index that does not decide the condition, unless
 * a LIMIT may end that early. */
static bool reads_all(const struct hp_query *query, const struct hp_plan_node *node)
{
    if (node->access != HP_PLAN_INDEX_SCAN || node->filter.n == 0) {
        return node->access == HP_PLAN_SCAN;
    }
    uint32_t source = hp_query_source(query, node->alias.n != 0 ? node->alias : node->table);
    return source != HP_QUERY_NONE && !query->scopes[query->sources[source].scope].limited;
}

hp_err hp_plan_advise(const struct hp_plan *plan, const struct hp_query *query, double returned,
                      struct hp_arena *arena, struct hp_plan_advices *out)
{
    uint64_t refused = arena->refused_count;
    out->count = 0;
    for (uint32_t i = 0; i < plan->count && out->count < HP_PLAN_MAX_ADVICE; i++) {
        const struct hp_plan_node *node = &plan->nodes[i];
        struct hp_plan_advice *advice = &out->list[out->count];
        if (node->table.n != 0 && hp_plan_table(plan, node->table) != NULL && reads_all(query, node)) {
            advise_scan(plan, query, i, returned, arena, advice);
            out->count += advice->scanned < 0 || advice->scanned >= HP_PLAN_MIN_ROWS;
        } else if (node->flags & HP_PLAN_SORT) {
            *advice = (struct hp_plan_advice){
                .node = i,
                .text = hp__textf(arena, "the result is sorted, no index gives it in this order"),
                .scanned = -1,
                .wanted = -1};
            out->count++;
        }
    }
    return arena->refused_count == refused ? HP_OK : HP_ENOMEM;
}
