/* show_connections.c -- see show_connections.h. */
#include "cli/show_connections.h"

#include "base/mem.h"
#include "cli/output.h"
#include "cli/table.h"
#include "format/connections.h"

hp_err hp_show_connections_text(struct hp_buf *out, const struct hp_record *record)
{
    static const struct hp_table_column columns[] = {
        {"  connection", false}, {"pool", false},  {"connect", false}, {"ping", false}, {"commit", false},
        {"rollback", false},     {"times", false}, {"execute", false}, {"fetch", false}};
    uint32_t count;
    hp_err err;
    struct hp_connection *rows = hp_connections_of(record, &count, &err);
    if (rows == NULL) {
        return err;
    }
    struct hp_table table;
    hp_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < count; i++) {
        hp_table_count(&table, rows[i].number);
        for (unsigned kind = 0; kind < HP_DB_STEPS; kind++) {
            hp_table_ns(&table, rows[i].steps_ns[kind]);
        }
        hp_table_count(&table, rows[i].executions);
        hp_table_ns(&table, rows[i].execute_ns);
        hp_table_ns(&table, rows[i].fetch_ns);
    }
    hp_output_heading(out, "Database connections", "");
    err = hp_table_put(&table, out);
    hp_table_fini(&table);
    hp_free(rows);
    return err;
}
