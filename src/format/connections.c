/* connections.c -- see connections.h. */
#include "format/connections.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "format/member.h"

const char *hp_connections_step(unsigned kind)
{
    static const char *const names[HP_DB_STEPS] = {"pool", "connect", "ping", "commit", "rollback"};
    return kind < HP_DB_STEPS ? names[kind] : "unknown";
}

static struct hp_connection *row_of(struct hp_connection *rows, uint32_t *count, uint32_t number)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (rows[i].number == number) {
            return &rows[i];
        }
    }
    rows[*count].number = number;
    return &rows[(*count)++];
}

static int by_number(const void *a, const void *b)
{
    const struct hp_connection *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

struct hp_connection *hp_connections_of(const struct hp_record *record, uint32_t *count, hp_err *err)
{
    *count = 0;
    *err = HP_OK;
    if (record->step_count == 0) {
        return NULL;
    }
    struct hp_connection *rows = hp_calloc((size_t)record->step_count + record->stmt_count, sizeof *rows);
    if (rows == NULL) {
        *err = HP_ENOMEM;
        return NULL;
    }
    for (uint32_t i = 0; i < record->step_count; i++) {
        const struct hp_step *step = &record->steps[i];
        struct hp_connection *row = row_of(rows, count, step->conn);
        if (step->kind < HP_DB_STEPS) {
            row->steps[step->kind]++;
            row->steps_ns[step->kind] += step->ns;
        }
    }
    for (uint32_t i = 0; i < record->stmt_count; i++) {
        struct hp_connection *row = row_of(rows, count, record->stmts[i].conn);
        row->executions++;
        row->execute_ns += record->stmts[i].exec_ns;
        row->fetch_ns += record->stmts[i].fetch_ns;
    }
    qsort(rows, *count, sizeof *rows, by_number);
    return rows;
}

static void put_connection(struct hp_json *json, const struct hp_connection *row)
{
    hp_json_object_begin(json);
    hp_json_kv_u64(json, "connection", row->number);
    for (unsigned kind = 0; kind < HP_DB_STEPS; kind++) {
        if (row->steps[kind] != 0) {
            char key[32];
            (void)snprintf(key, sizeof key, "%ss", hp_connections_step(kind));
            hp_json_kv_u64(json, key, row->steps[kind]);
            (void)snprintf(key, sizeof key, "%s_ms", hp_connections_step(kind));
            hp_member_ms(json, key, row->steps_ns[kind]);
        }
    }
    hp_json_kv_u64(json, "executions", row->executions);
    hp_member_ms(json, "execute_ms", row->execute_ns);
    hp_member_ms(json, "fetch_ms", row->fetch_ns);
    hp_json_object_end(json);
}

void hp_connections_json(struct hp_json *json, const struct hp_record *record)
{
    uint32_t count;
    hp_err err;
    struct hp_connection *rows = hp_connections_of(record, &count, &err);
    if (rows == NULL) {
        return;
    }
    hp_json_key(json, "connections");
    hp_json_array_begin(json);
    for (uint32_t i = 0; i < count; i++) {
        put_connection(json, &rows[i]);
    }
    hp_json_array_end(json);
    hp_free(rows);
}
