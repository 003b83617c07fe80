/* plan.c -- see plan.h: the frame around every engine's plan, the model as JSON, and the facts about
 * tables. */
#include "find/plan.h"

#include <stddef.h>
#include <string.h>
#include "base/json.h"
#include "find/plan_int.h"

static const char *const engine_names[] = {"unknown", "sqlite", "mysql", "mariadb", "postgresql", "other"};
static const char *const access_names[HP_PLAN_ACCESS_COUNT] = {"none", "scan", "index scan", "index",
                                                               "lookup"};
static const struct {
    const char *key;
    uint8_t flag;
} flags[] = {{"sort", HP_PLAN_SORT},
             {"temporary", HP_PLAN_TEMPORARY},
             {"repeated", HP_PLAN_REPEATED},
             {"auto_index", HP_PLAN_AUTO_INDEX}};

enum hp_engine hp_plan_engine(struct hp_str name)
{
    for (unsigned i = HP_ENGINE_SQLITE; i <= HP_ENGINE_POSTGRESQL; i++) {
        if (hp__plan_is(name, engine_names[i])) {
            return (enum hp_engine)i;
        }
    }
    return HP_ENGINE_UNKNOWN;
}

const char *hp_plan_engine_name(uint8_t engine)
{
    return engine < sizeof engine_names / sizeof *engine_names ? engine_names[engine] : "unknown";
}

const char *hp_plan_access_name(uint8_t access)
{
    return access < HP_PLAN_ACCESS_COUNT ? access_names[access] : "none";
}

const struct hp_plan_table *hp_plan_table(const struct hp_plan *plan, struct hp_str name)
{
    for (uint32_t i = 0; i < plan->table_count && name.n != 0; i++) {
        if (hp__plan_same(plan->tables[i].name, name)) {
            return &plan->tables[i];
        }
    }
    return NULL;
}

const struct hp_plan_column *hp_plan_column(const struct hp_plan_table *table, struct hp_str name)
{
    for (uint32_t i = 0; table != NULL && i < table->column_count; i++) {
        if (hp__plan_same(table->columns[i].name, name)) {
            return &table->columns[i];
        }
    }
    return NULL;
}

/* ---- reading: tables ---- */

static struct hp_str read_text(struct hp__plan_build *build, struct hp_jsonread *json)
{
    struct hp_str text;
    return hp_jsonread_text(json, &text) ? hp__plan_text(build, text) : (struct hp_str){NULL, 0};
}

static double read_number(struct hp_jsonread *json)
{
    double value;
    return hp_jsonread_number(json, &value) && value >= 0 && value < 1e18 ? value : -1;
}

static bool read_flag(struct hp_jsonread *json)
{
    return hp_jsonread_next(json) == HP_JSON_TRUE;
}

/* Begin the next element, an object, of a list with `count` of at most `most`; false: the end, or an
 * error. */
static bool next_object(struct hp__plan_build *build, struct hp_jsonread *json, uint32_t count, uint32_t most)
{
    if (build->err != HP_OK || !hp_jsonread_element(json)) {
        return false;
    }
    if (json->token != HP_JSON_OBJECT) {
        hp_jsonread_fail(json, HP_EFORMAT, "a list whose element is no object");
        return false;
    }
    if (count == most) {
        hp_jsonread_fail(json, HP_EFULL, "too many tables, columns or indexes");
        return false;
    }
    return true;
}

static bool begin_array(struct hp_jsonread *json)
{
    enum hp_json_token token = hp_jsonread_next(json);
    if (token != HP_JSON_ARRAY && token != HP_JSON_NULL) {
        hp_jsonread_fail(json, HP_EFORMAT, "not a list");
    }
    return token == HP_JSON_ARRAY;
}

static void *list_of(struct hp__plan_build *build, size_t count, size_t size)
{
    void *list = hp_arena_alloc(build->arena, count * size, _Alignof(max_align_t));
    if (list == NULL) {
        build->err = HP_ENOMEM;
    }
    return list;
}

static void read_columns(struct hp__plan_build *build, struct hp_jsonread *json, struct hp_plan_table *table)
{
    struct hp_str key;
    if (!begin_array(json)) {
        return;
    }
    table->columns = list_of(build, HP_PLAN_MAX_NAMES, sizeof *table->columns);
    table->column_count = 0;
    while (next_object(build, json, table->column_count, HP_PLAN_MAX_NAMES)) {
        struct hp_plan_column *column = &table->columns[table->column_count++];
        *column = (struct hp_plan_column){.distinct = -1};
        while (hp_jsonread_member(json, &key)) {
            if (hp__plan_is(key, "name")) {
                column->name = read_text(build, json);
            } else if (hp__plan_is(key, "type")) {
                column->type = read_text(build, json);
            } else if (hp__plan_is(key, "distinct")) {
                column->distinct = read_number(json);
            } else if (hp__plan_is(key, "cast")) {
                column->cast = read_flag(json);
            } else {
                hp_jsonread_skip(json);
            }
        }
    }
}

static void read_index_columns(struct hp__plan_build *build, struct hp_jsonread *json,
                               struct hp_plan_index *index)
{
    index->column_count = 0;
    if (!begin_array(json)) {
        return;
    }
    while (build->err == HP_OK && hp_jsonread_element(json)) {
        struct hp_str name = json->token == HP_JSON_TEXT ? json->value : (struct hp_str){NULL, 0};
        if (json->token == HP_JSON_OBJECT || json->token == HP_JSON_ARRAY) {
            hp_jsonread_leave(json);
        }
        if (index->column_count < sizeof index->columns / sizeof *index->columns) {
            index->columns[index->column_count++] = hp__plan_text(build, name);
        }
    }
}

static void read_indexes(struct hp__plan_build *build, struct hp_jsonread *json, struct hp_plan_table *table)
{
    struct hp_str key;
    if (!begin_array(json)) {
        return;
    }
    table->indexes = list_of(build, HP_PLAN_MAX_NAMES, sizeof *table->indexes);
    table->index_count = 0;
    while (next_object(build, json, table->index_count, HP_PLAN_MAX_NAMES)) {
        struct hp_plan_index *index = &table->indexes[table->index_count++];
        memset(index, 0, sizeof *index);
        while (hp_jsonread_member(json, &key)) {
            if (hp__plan_is(key, "name")) {
                index->name = read_text(build, json);
            } else if (hp__plan_is(key, "columns")) {
                read_index_columns(build, json, index);
            } else if (hp__plan_is(key, "unique")) {
                index->unique = read_flag(json);
            } else if (hp__plan_is(key, "partial")) {
                index->partial = read_flag(json);
            } else {
                hp_jsonread_skip(json);
            }
        }
    }
}

static void read_tables(struct hp__plan_build *build, struct hp_jsonread *json)
{
    struct hp_plan *plan = build->plan;
    struct hp_str key;
    if (!begin_array(json)) {
        return;
    }
    plan->tables = list_of(build, HP_PLAN_MAX_TABLES, sizeof *plan->tables);
    plan->table_count = 0;
    while (next_object(build, json, plan->table_count, HP_PLAN_MAX_TABLES)) {
        struct hp_plan_table *table = &plan->tables[plan->table_count++];
        memset(table, 0, sizeof *table);
        table->rows = -1;
        while (hp_jsonread_member(json, &key)) {
            if (hp__plan_is(key, "name")) {
                table->name = read_text(build, json);
            } else if (hp__plan_is(key, "rows")) {
                table->rows = read_number(json);
            } else if (hp__plan_is(key, "columns")) {
                read_columns(build, json, table);
            } else if (hp__plan_is(key, "indexes")) {
                read_indexes(build, json, table);
            } else {
                hp_jsonread_skip(json);
            }
        }
    }
}

/* ---- reading: nodes of the model ---- */

static void read_access(struct hp_plan_node *node, struct hp_jsonread *json)
{
    struct hp_str text;
    if (!hp_jsonread_text(json, &text)) {
        return;
    }
    for (unsigned i = 0; i < HP_PLAN_ACCESS_COUNT; i++) {
        node->access = hp__plan_is(text, access_names[i]) ? (uint8_t)i : node->access;
    }
}

static void read_member(struct hp__plan_build *build, struct hp_jsonread *json, uint32_t at,
                        struct hp_str key)
{
    struct hp_plan_node *node = &build->plan->nodes[at];
    const struct {
        const char *key;
        struct hp_str *text;
        double *number;
    } fields[] = {{"operation", &node->operation, NULL},
                  {"table", &node->table, NULL},
                  {"alias", &node->alias, NULL},
                  {"index", &node->index, NULL},
                  {"filter", &node->filter, NULL},
                  {"scanned", NULL, &node->scanned},
                  {"out", NULL, &node->out},
                  {"cost", NULL, &node->cost},
                  {"loops", NULL, &node->loops},
                  {"scanned_actual", NULL, &node->scanned_actual},
                  {"out_actual", NULL, &node->out_actual}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (hp__plan_is(key, fields[i].key)) {
            if (fields[i].text != NULL) {
                *fields[i].text = read_text(build, json);
            } else if (fields[i].number != NULL) {
                *fields[i].number = read_number(json);
            }
            return;
        }
    }
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (hp__plan_is(key, flags[i].key)) {
            node->flags = (uint8_t)(node->flags | (read_flag(json) ? flags[i].flag : 0));
            return;
        }
    }
    if (hp__plan_is(key, "access")) {
        read_access(node, json);
    } else if (hp__plan_is(key, "parent")) {
        double parent = read_number(json);
        node->parent = parent >= 0 && parent < at ? (uint32_t)parent : HP_PLAN_NONE;
    } else {
        hp_jsonread_skip(json);
    }
}

static void read_nodes(struct hp__plan_build *build, struct hp_jsonread *json)
{
    struct hp_str key;
    if (!begin_array(json)) {
        return;
    }
    while (next_object(build, json, 0, 1)) {
        uint32_t at = hp__plan_node(build, HP_PLAN_NONE);
        while (at != HP_PLAN_NONE && hp_jsonread_member(json, &key)) {
            read_member(build, json, at, key);
        }
    }
}

/* ---- reading: the frame ---- */

static void read_plan(struct hp__plan_build *build, struct hp_jsonread *json)
{
    static void (*const readers[])(struct hp__plan_build *, struct hp_jsonread *) = {
        NULL, hp__plan_sqlite, hp__plan_mysql, hp__plan_mariadb, hp__plan_postgresql};
    enum hp_json_token token = hp_jsonread_next(json);
    uint8_t engine = build->plan->engine;
    if (token == HP_JSON_NULL || token == HP_JSON_END) {
        return;
    }
    if (engine == HP_ENGINE_UNKNOWN || engine > HP_ENGINE_POSTGRESQL || build->plan->count != 0) {
        hp_jsonread_fail(json, HP_EFORMAT, "a plan of an engine that is not known");
        return;
    }
    readers[engine](build, json);
}

static void read_frame(struct hp__plan_build *build, struct hp_jsonread *json)
{
    struct hp_plan *plan = build->plan;
    struct hp_str key;
    if (hp_jsonread_next(json) != HP_JSON_OBJECT) {
        hp_jsonread_fail(json, HP_EFORMAT, "not an object");
        return;
    }
    while (build->err == HP_OK && hp_jsonread_member(json, &key)) {
        if (hp__plan_is(key, "engine")) {
            struct hp_str name;
            plan->engine = hp_jsonread_text(json, &name) ? (uint8_t)hp_plan_engine(name) : HP_ENGINE_UNKNOWN;
        } else if (hp__plan_is(key, "version")) {
            plan->version = read_text(build, json);
        } else if (hp__plan_is(key, "why_not")) {
            plan->why_not = read_text(build, json);
        } else if (hp__plan_is(key, "examples")) {
            plan->examples = read_flag(json);
        } else if (hp__plan_is(key, "analyzed")) {
            plan->analyzed = read_flag(json);
        } else if (hp__plan_is(key, "actual_ms")) {
            plan->actual_ms = read_number(json);
        } else if (hp__plan_is(key, "plan")) {
            read_plan(build, json);
        } else if (hp__plan_is(key, "nodes")) {
            read_nodes(build, json);
        } else if (hp__plan_is(key, "tables")) {
            read_tables(build, json);
        } else {
            hp_jsonread_skip(json);
        }
    }
    if (json->err == HP_OK && build->err == HP_OK && hp_jsonread_next(json) != HP_JSON_END) {
        hp_jsonread_fail(json, HP_EFORMAT, "something after the plan");
    }
}

hp_err hp_plan_read(struct hp_str document, struct hp_arena *arena, struct hp_plan *out,
                    struct hp_errinfo *info)
{
    struct hp_plan plan = {.actual_ms = -1};
    struct hp__plan_build build = {.arena = arena, .plan = &plan};
    struct hp_jsonread json;
    struct hp_buf scratch;
    hp_err err = HP_OK;
    hp_buf_init(&scratch, (size_t)1 << 20);
    hp_buf_init(&build.fold, (size_t)1 << 20);
    if (document.n > HP_PLAN_MAX_BYTES) {
        err = hp_err_set(info, HP_EFULL, 0, "a plan of more than %zu bytes", HP_PLAN_MAX_BYTES);
        goto done;
    }
    hp_jsonread_init(&json, document, &scratch);
    read_frame(&build, &json);
    if (json.err != HP_OK) {
        err = hp_err_set(info, json.err, json.error_at, "a plan that cannot be read: %s",
                         json.why != NULL && json.why[0] != '\0' ? json.why : hp_err_text(json.err));
    } else if (build.err != HP_OK) {
        err = hp_err_set(info, build.err, json.at, "a plan that cannot be read: %s", hp_err_text(build.err));
    }
done:
    hp_buf_fini(&build.fold);
    hp_buf_fini(&scratch);
    if (err == HP_OK) {
        *out = plan;
    }
    return err;
}

/* ---- writing ---- */

static void put_text(struct hp_json *json, const char *key, struct hp_str text)
{
    if (text.n != 0) {
        hp_json_kv_str(json, key, text);
    }
}

static void put_number(struct hp_json *json, const char *key, double value)
{
    if (value >= 0) {
        hp_json_kv_double(json, key, value);
    }
}

static void put_node(struct hp_json *json, const struct hp_plan_node *node)
{
    hp_json_object_begin(json);
    hp_json_kv_i64(json, "parent", node->parent == HP_PLAN_NONE ? -1 : (int64_t)node->parent);
    put_text(json, "operation", node->operation);
    put_text(json, "table", node->table);
    put_text(json, "alias", node->alias);
    if (node->access != HP_PLAN_NO_TABLE) {
        hp_json_kv_cstr(json, "access", hp_plan_access_name(node->access));
    }
    put_text(json, "index", node->index);
    put_text(json, "filter", node->filter);
    put_number(json, "scanned", node->scanned);
    put_number(json, "out", node->out);
    put_number(json, "cost", node->cost);
    put_number(json, "loops", node->loops);
    put_number(json, "scanned_actual", node->scanned_actual);
    put_number(json, "out_actual", node->out_actual);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (node->flags & flags[i].flag) {
            hp_json_kv_bool(json, flags[i].key, true);
        }
    }
    hp_json_object_end(json);
}

static void put_index(struct hp_json *json, const struct hp_plan_index *index)
{
    hp_json_object_begin(json);
    put_text(json, "name", index->name);
    hp_json_kv_bool(json, "unique", index->unique);
    hp_json_kv_bool(json, "partial", index->partial);
    hp_json_key(json, "columns");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < index->column_count; i++) {
        hp_json_str(json, index->columns[i]);
    }
    hp_json_array_end(json);
    hp_json_object_end(json);
}

static void put_table(struct hp_json *json, const struct hp_plan_table *table)
{
    hp_json_object_begin(json);
    put_text(json, "name", table->name);
    put_number(json, "rows", table->rows);
    hp_json_key(json, "columns");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < table->column_count; i++) {
        hp_json_object_begin(json);
        put_text(json, "name", table->columns[i].name);
        put_text(json, "type", table->columns[i].type);
        put_number(json, "distinct", table->columns[i].distinct);
        if (table->columns[i].cast) {
            hp_json_kv_bool(json, "cast", true);
        }
        hp_json_object_end(json);
    }
    hp_json_array_end(json);
    hp_json_key(json, "indexes");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < table->index_count; i++) {
        put_index(json, &table->indexes[i]);
    }
    hp_json_array_end(json);
    hp_json_object_end(json);
}

hp_err hp_plan_put(const struct hp_plan *plan, struct hp_buf *out)
{
    struct hp_json json;
    hp_json_init(&json, out, false);
    hp_json_object_begin(&json);
    hp_json_kv_cstr(&json, "engine", hp_plan_engine_name(plan->engine));
    put_text(&json, "version", plan->version);
    put_text(&json, "why_not", plan->why_not);
    hp_json_kv_bool(&json, "examples", plan->examples);
    hp_json_kv_bool(&json, "analyzed", plan->analyzed);
    put_number(&json, "actual_ms", plan->actual_ms);
    hp_json_key(&json, "nodes");
    hp_json_array_begin(&json);
    for (uint32_t i = 0; i < plan->count; i++) {
        put_node(&json, &plan->nodes[i]);
    }
    hp_json_array_end(&json);
    hp_json_key(&json, "tables");
    hp_json_array_begin(&json);
    for (uint32_t i = 0; i < plan->table_count; i++) {
        put_table(&json, &plan->tables[i]);
    }
    hp_json_array_end(&json);
    hp_json_object_end(&json);
    return hp_json_finish(&json);
}
