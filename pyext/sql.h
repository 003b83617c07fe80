/* sql.h -- one execution of SQL, as sql.c records it for the driver wrappers of drivers.c.
 *
 *   hp_sql_begin ── the original execute ── hp_sql_end        then, per fetch:  hp_sql_fetch_begin ──
 * original ── hp_sql_fetch_end
 *
 * An execution belongs to the layer that saw it first: under SQLAlchemy the driver's own hooks do nothing for
 * that cursor, so nothing counts twice, without asking anybody's thread or task.
 */
#ifndef HP_PYEXT_SQL_H
#define HP_PYEXT_SQL_H

#include "wrap.h"

enum hp_sql_layer { HP_SQL_DRIVER = 1, HP_SQL_ALCHEMY = 2 };
enum { HP_SQL_EXECUTE, HP_SQL_MANY, HP_SQL_SCRIPT, HP_SQL_FETCHONE, HP_SQL_FETCHMANY };

struct hp_sql_facts {
    PyObject *cursor, *statement; /* borrowed */
    PyObject *params;             /* borrowed or NULL */
    PyObject *connection;         /* borrowed; NULL: ask the cursor */
    int engine, method;
    uint32_t flags;
    enum hp_sql_layer layer;
    bool is_async; /* other executions of this lane may run in between */
};

struct hp_sql {
    struct hp_cap_lane *lane; /* one reference; NULL: nothing is recorded */
    const void *cursor;
    const void *below; /* the asynchronous driver's connection below SQLAlchemy, else NULL */
    uint64_t request_id, t0;
    uint32_t number, statement;
    int engine;
    enum hp_sql_layer layer;
    struct hp_cap_place place;
    PyObject *text, *params; /* borrowed from the call; NULL where no plan of it will be asked for */
};

/* Begin; false (and nothing to end) when this execution is not recorded: nested, dead request, level below
 * monitor. Never raises. */
bool hp_sql_begin(struct hp_sql *sql, struct hp_cap_lane *lane, const struct hp_sql_facts *facts);
/* End; `cursor` is where the rows will be fetched from (NULL: an error). Keeps the pending exception. */
void hp_sql_end(struct hp_sql *sql, PyObject *cursor);

struct hp_sql_fetch {
    const void *cursor;
    uint64_t t0;
};
/* False: not ours to count (another layer, nested, or not executed in this request). */
bool hp_sql_fetch_begin(struct hp_sql_fetch *fetch, struct hp_cap_lane *lane, PyObject *cursor,
                        enum hp_sql_layer layer);
/* `result` of fetchone (method HP_SQL_FETCHONE) or of fetchmany and fetchall; NULL: an exception, or the end
 * of an iteration. */
void hp_sql_fetch_end(struct hp_sql_fetch *fetch, struct hp_cap_lane *lane, PyObject *result, int method);

/* Whether slow statements are asked about (sql_plans). */
bool hp_sql_asks_plans(void);

/* The number of a connection in records, and what it talks to as far as it says (in: as far as the driver
 * does); 0 for NULL and None. */
uint32_t hp_sql_connection(PyObject *connection, int *engine);
/* A number of its own for a connection that was just opened, where one before it may have lain at the same
 * address. */
uint32_t hp_sql_opened(PyObject *connection);

/* connections.c: what connections take beside statements. Each 0, or -1 with an exception. */
int hp_connections_hook_dialect(PyObject *cls);
void hp_connections_hook_sqlite(PyTypeObject *type);
/* Call `original`, a step of a connection, and note it. `tag`: of hp_sql_connection_c_steps. */
PyObject *hp_sql_connection_step(PyObject *original, struct hp_cap_lane *lane, int tag, PyObject *const *args,
                                 size_t nargsf, PyObject *names);
/* Methods of psycopg2's connection, a type in C, and their tags; ends with a NULL name. */
struct hp_sql_connection_method {
    const char *name;
    int tag;
};
extern const struct hp_sql_connection_method hp_sql_connection_c_steps[];
int hp_connections_init(void);

/* drivers.c: adds the hooks of the drivers that we know; aiosqlite.c: that of aiosqlite. Each 0, or -1 with
 * an exception. */
int hp_drivers_init(void);
int hp_aiosqlite_init(void);

#endif
