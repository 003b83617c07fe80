/* connections.c -- what database connections take beside statements: waiting for the pool, connecting, the ping before use, commit, rollback.
 *
 *   SQLAlchemy   QueuePool._do_get (without the connecting inside of it), _ConnectionRecord.__connect (with the listeners that set a connection up);
 *                do_ping, do_commit, do_rollback of every dialect
 *   PyMySQL      Connection.connect, ping, commit, rollback, where there is no SQLAlchemy above it
 *   sqlite3      Connection's initialisation, which opens the file (not of a class with an __init__ of its own: that calls the type's descriptor)
 *   psycopg      Connection.connect (also under the name that the package gives it), commit, rollback, likewise
 *
 * A step inside of one of its own kind is that one (sql.c of the core), so a driver's below a dialect's does not count twice. Executions and fetches have the same
 * connection number.
 */
#include "sql.h"

static PyObject *str_dbapi_connection; /* owned */

enum { OF_SELF = 0x10, OF_FIRST = 0x20, OF_ENTRY = 0x30, OF_RESULT = 0x40, OF_MADE = 0x50, OF = 0xf0 };

/* The connection that a call was about: itself, its first argument (or what that stands for), that of a pool's entry, which is itself or its result, or
 * its result. */
static uint32_t number_of(int tag, PyObject *const *args, Py_ssize_t n, PyObject *result)
{
    int engine = HP_X_ENGINE_UNKNOWN;
    int of = tag & OF;
    if (of == OF_MADE) {
        return result != NULL ? hp_sql_opened(result) : 0;
    }
    bool itself = of == OF_SELF, entry = of == OF_ENTRY || of == OF_RESULT;
    PyObject *about = of == OF_FIRST ? (n > 1 ? args[1] : NULL) : of == OF_RESULT ? result : args[0];
    PyObject *inner = about != NULL && !itself ? hp_attribute(about, str_dbapi_connection) : NULL;
    uint32_t number = hp_sql_connection(inner != NULL || entry ? inner : about, &engine);
    Py_XDECREF(inner);
    return number;
}

static PyObject *on_step(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args, size_t nargsf,
                         PyObject *names)
{
    if (PyVectorcall_NARGS(nargsf) < 1 && (wrap->tag & OF) != OF_MADE) {
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    uint64_t t0 = hp_cap_ticks();
    hp_cap_lane_ref(lane);
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    struct hp_pending pending = hp_pending_save();
    uint32_t conn = number_of(wrap->tag, args, PyVectorcall_NARGS(nargsf), result);
    hp_cap_sql_step(lane, wrap->tag & ~OF, conn, t0, hp_place_or_view());
    hp_cap_lane_unref(lane);
    hp_pending_restore(pending);
    return result;
}

struct method {
    const char *name;
    int tag;
};

static int wrap_all(PyObject *cls, const struct method *methods, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (hp_wrap_own_method(cls, methods[i].name, on_step, methods[i].tag, 0) != 0) {
            return -1;
        }
    }
    return 0;
}

int hp_connections_hook_dialect(PyObject *cls)
{
    static const struct method methods[] = {{"do_ping", HP_X_DB_PING | OF_FIRST},
                                            {"do_commit", HP_X_DB_COMMIT | OF_FIRST},
                                            {"do_rollback", HP_X_DB_ROLLBACK | OF_FIRST}};
    return wrap_all(cls, methods, sizeof methods / sizeof methods[0]);
}

static int hook_class(PyObject *module, const char *name, const struct method *methods, size_t count)
{
    PyObject *cls = PyObject_GetAttrString(module, name);
    int failed = cls == NULL || wrap_all(cls, methods, count) != 0;
    Py_XDECREF(cls);
    return failed ? -1 : 0;
}

static int hook_pool(PyObject *module)
{
    static const struct method methods[] = {{"_do_get", HP_X_DB_POOL | OF_RESULT}};
    return hook_class(module, "QueuePool", methods, 1);
}

static int hook_records(PyObject *module)
{
    static const struct method methods[] = {{"_ConnectionRecord__connect", HP_X_DB_CONNECT | OF_ENTRY}};
    return hook_class(module, "_ConnectionRecord", methods, 1);
}

static int hook_pymysql(PyObject *module)
{
    static const struct method methods[] = {{"connect", HP_X_DB_CONNECT | OF_SELF},
                                            {"ping", HP_X_DB_PING | OF_SELF},
                                            {"commit", HP_X_DB_COMMIT | OF_SELF},
                                            {"rollback", HP_X_DB_ROLLBACK | OF_SELF}};
    return hook_class(module, "Connection", methods, sizeof methods / sizeof methods[0]);
}

static int hook_psycopg(PyObject *module)
{
    static const struct method methods[] = {{"commit", HP_X_DB_COMMIT | OF_SELF},
                                            {"rollback", HP_X_DB_ROLLBACK | OF_SELF}};
    PyObject *cls = PyObject_GetAttrString(module, "Connection");
    int failed = cls == NULL || wrap_all(cls, methods, sizeof methods / sizeof methods[0]) != 0 ||
                 hp_wrap_class_method(cls, "connect", on_step, HP_X_DB_CONNECT | OF_MADE, 0) != 0;
    Py_XDECREF(cls);
    return failed ? -1 : 0;
}

/* The package's own name for Connection.connect, which it took before we came if it was imported before. */
static int hook_psycopg_connect(PyObject *module)
{
    return hp_wrap_function(module, "connect", on_step, HP_X_DB_CONNECT | OF_MADE, 0);
}

/* ---- sqlite3: a type in C, whose initialisation goes by the slot ---- */

static initproc sqlite_init;

static int on_sqlite_init(PyObject *self, PyObject *args, PyObject *names)
{
    struct hp_cap_lane *lane = hp_lane_here();
    if (lane == NULL) {
        return sqlite_init(self, args, names);
    }
    uint64_t t0 = hp_cap_ticks();
    hp_cap_lane_ref(lane);
    int failed = sqlite_init(self, args, names);
    struct hp_pending pending = hp_pending_save();
    hp_cap_sql_step(lane, HP_X_DB_CONNECT, failed == 0 ? hp_sql_opened(self) : 0, t0, hp_place_or_view());
    hp_cap_lane_unref(lane);
    hp_pending_restore(pending);
    return failed;
}

void hp_connections_hook_sqlite(PyTypeObject *type)
{
    if (type->tp_init != NULL && sqlite_init == NULL) {
        sqlite_init = type->tp_init;
        type->tp_init = on_sqlite_init;
        PyType_Modified(type);
    }
}

int hp_connections_init(void)
{
    if (str_dbapi_connection == NULL &&
        (str_dbapi_connection = PyUnicode_InternFromString("dbapi_connection")) == NULL) {
        return -1;
    }
    hp_hook_add("sqlalchemy.pool.impl", hook_pool);
    hp_hook_add("sqlalchemy.pool.base", hook_records);
    hp_hook_add("pymysql.connections", hook_pymysql);
    hp_hook_add("psycopg.connection", hook_psycopg);
    hp_hook_add("psycopg", hook_psycopg_connect);
    return 0;
}
