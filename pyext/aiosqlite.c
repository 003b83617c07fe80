/* aiosqlite.c -- statements of aiosqlite's connections, measured in the task that awaits them.
 *
 *   Connection._execute(function, …)   every call to sqlite3 goes through this coroutine, which hands it to
 * the connection's thread (threads.c keeps that out)
 *
 * Measured from the coroutine's first resume to its end: the waiting for the connection's thread is the
 * statement's, as the awaiting task sees it. Which call it is, the function's name tells: a bound method of
 * sqlite3's or of aiosqlite's own. What SQLAlchemy executes through it is SQLAlchemy's (sql.c knows by the
 * connection). Connecting, commit and rollback are in connections.c.
 */
#include "awaited.h"

enum {
    OF_OWNER,
    OF_STATEMENT,
    OF_PARAMS
}; /* what is held; the owner: a fetch's cursor, a statement's connection */
enum {
    ALL_ROWS = HP_SQL_FETCHMANY + 1,
    LAST_INSERT
}; /* statements of which the rows come back, not a cursor */

static PyObject *str_dunder_name, *str_dunder_self; /* owned */

static int method_named(PyObject *name)
{
    static const struct {
        const char *name;
        int method;
    } known[] = {{"execute", HP_SQL_EXECUTE},      {"executemany", HP_SQL_MANY},
                 {"executescript", HP_SQL_SCRIPT}, {"fetchone", HP_SQL_FETCHONE},
                 {"fetchmany", HP_SQL_FETCHMANY},  {"fetchall", HP_SQL_FETCHMANY},
                 {"_execute_fetchall", ALL_ROWS},  {"_execute_insert", LAST_INSERT}};
    for (size_t i = 0; name != NULL && PyUnicode_Check(name) && i < sizeof known / sizeof known[0]; i++) {
        if (PyUnicode_CompareWithASCIIString(name, known[i].name) == 0) {
            return known[i].method;
        }
    }
    return -1;
}

/* The object itself stands for the cursor, which there is only in the end: two statements of one connection
 * may be open at once. */
static bool begin_statement(struct hp_awaited *self)
{
    bool plain = self->tag == ALL_ROWS || self->tag == LAST_INSERT;
    struct hp_sql_facts facts = {.cursor = (PyObject *)self,
                                 .statement = self->held[OF_STATEMENT],
                                 .params = self->held[OF_PARAMS],
                                 .connection = self->held[OF_OWNER],
                                 .engine = HP_X_ENGINE_SQLITE,
                                 .method = plain ? HP_SQL_EXECUTE : self->tag,
                                 .layer = HP_SQL_DRIVER,
                                 .is_async = true};
    return hp_sql_begin(&self->sql, self->lane, &facts);
}

static void end_statement(struct hp_awaited *self, bool fine, PyObject *result)
{
    struct hp_sql_fetch rows;
    hp_sql_end(&self->sql, fine ? result : NULL);
    if (fine && self->tag == ALL_ROWS && hp_sql_fetch_begin(&rows, self->lane, result, HP_SQL_DRIVER)) {
        hp_sql_fetch_end(&rows, self->lane, result, HP_SQL_FETCHMANY);
    }
}

static bool begin_fetch(struct hp_awaited *self)
{
    return hp_sql_fetch_begin(&self->fetch, self->lane, self->held[OF_OWNER], HP_SQL_DRIVER);
}

static void end_fetch(struct hp_awaited *self, bool fine, PyObject *result)
{
    hp_sql_fetch_end(&self->fetch, self->lane, fine ? result : NULL, self->tag);
}

/* Connection._execute(self, function, statement, parameters): aiosqlite gives all by position. */
static PyObject *on_queued(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                           size_t nargsf, PyObject *names)
{
    static const struct hp_awaited_kind statement = {begin_statement, end_statement},
                                        fetch = {begin_fetch, end_fetch};
    Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    PyObject *coroutine = hp_wrap_call(wrap, args, nargsf, names);
    PyObject *name = coroutine == NULL || n < 2 ? NULL : hp_attribute(args[1], str_dunder_name);
    int method = method_named(name);
    Py_XDECREF(name);
    if (method == HP_SQL_FETCHONE || method == HP_SQL_FETCHMANY) {
        PyObject *cursor = hp_attribute(args[1], str_dunder_self);
        PyObject *const held[HP_AWAITED_HELD] = {cursor};
        coroutine = cursor == NULL ? coroutine : hp_awaited_take(coroutine, lane, &fetch, method, held);
        Py_XDECREF(cursor);
    } else if (method >= 0 && n > 2) {
        PyObject *const held[HP_AWAITED_HELD] = {args[0], args[2], n > 3 ? args[3] : NULL};
        coroutine = hp_awaited_take(coroutine, lane, &statement, method, held);
    }
    return coroutine;
}

/* A release without it is said as an error of ours: its statements would not be seen. */
static int hook_connection(PyObject *module)
{
    PyObject *cls = PyObject_GetAttrString(module, "Connection");
    PyObject *method = cls == NULL ? NULL : PyObject_GetAttrString(cls, "_execute");
    int failed = method == NULL || hp_wrap_own_method(cls, "_execute", on_queued, 0, 0) != 0;
    Py_XDECREF(method);
    Py_XDECREF(cls);
    return failed ? -1 : 0;
}

int hp_aiosqlite_init(void)
{
    if ((str_dunder_name == NULL && (str_dunder_name = PyUnicode_InternFromString("__name__")) == NULL) ||
        (str_dunder_self == NULL && (str_dunder_self = PyUnicode_InternFromString("__self__")) == NULL)) {
        return -1;
    }
    hp_hook_add("aiosqlite.core", hook_connection);
    return 0;
}
