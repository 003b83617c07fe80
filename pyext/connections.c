/* connections.c -- what database connections take beside statements: waiting for the pool, connecting, the
 * ping before use, commit, rollback.
 *
 *   SQLAlchemy   QueuePool._do_get (without the connecting inside of it), _ConnectionRecord.__connect (with
 * the listeners that set a connection up);
 *                do_ping, do_commit, do_rollback of every dialect
 *   psycopg_pool ConnectionPool.getconn, asynchronous ones, too; the pool's own threads connect, outside of
 * requests PyMySQL      Connection's initialisation (which reads certificates) and connect, ping, commit,
 * rollback, where there is no SQLAlchemy above it MySQLdb      Connection's initialisation, and what it
 * inherits from a type in C: ping, commit, rollback psycopg      Connection.connect (also under the name that
 * the package gives it), commit, rollback, and AsyncConnection's aiosqlite    Connection._connect, commit,
 * rollback psycopg2     connect of the package; commit and rollback of the type in C (drivers.c) sqlite3
 * Connection's initialisation, which opens the file (not of a class with an __init__ of its own: that calls
 * the type's descriptor)
 *
 * A step inside of one of its own kind is that one (sql.c of the core), so a driver's below a dialect's does
 * not count twice. Executions and fetches have the same connection number.
 */
#include "awaited.h"

static PyObject *str_dbapi_connection, *str_address; /* owned */

enum {
    OF_SELF = 0x10,
    OF_FIRST = 0x20,
    OF_ENTRY = 0x30,
    OF_RESULT = 0x40,
    OF_GIVEN = 0x50,
    OF_MADE = 0x60,
    OF = 0xf0
};

/* The connection that a call was about: itself, its first argument (or what that stands for), that of a
 * pool's entry, which is itself or its result, or its result, that was there before or is new. One that has
 * just connected has a number of its own. */
static uint32_t number_of(int tag, PyObject *self, PyObject *first, PyObject *result)
{
    int engine = HP_X_ENGINE_UNKNOWN;
    int of = tag & OF;
    if (of == OF_MADE || (of == OF_SELF && (tag & ~OF) == HP_X_DB_CONNECT)) {
        return result != NULL ? hp_sql_opened(of == OF_MADE ? result : self) : 0;
    }
    bool itself = of == OF_SELF || of == OF_GIVEN, entry = of == OF_ENTRY || of == OF_RESULT;
    PyObject *about = of == OF_FIRST ? first : of == OF_RESULT || of == OF_GIVEN ? result : self;
    PyObject *inner = about != NULL && !itself ? hp_attribute(about, str_dbapi_connection) : NULL;
    uint32_t number = hp_sql_connection(inner != NULL || entry ? inner : about, &engine);
    Py_XDECREF(inner);
    return number;
}

PyObject *hp_sql_connection_step(PyObject *original, struct hp_cap_lane *lane, int tag, PyObject *const *args,
                                 size_t nargsf, PyObject *names)
{
    Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    if (n < 1 && (tag & OF) != OF_MADE) {
        return PyObject_Vectorcall(original, args, nargsf, names);
    }
    uint64_t t0 = hp_cap_ticks();
    if (lane != NULL) {
        hp_cap_lane_ref(lane);
    }
    PyObject *result = PyObject_Vectorcall(original, args, nargsf, names);
    struct hp_pending pending = hp_pending_save();
    uint32_t conn = number_of(tag, n > 0 ? args[0] : NULL, n > 1 ? args[1] : NULL, result);
    if (lane != NULL) {
        hp_cap_sql_step(lane, tag & ~OF, conn, t0, hp_place_or_view());
        hp_cap_lane_unref(lane);
    }
    hp_pending_restore(pending);
    return result;
}

static PyObject *on_step(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args, size_t nargsf,
                         PyObject *names)
{
    return hp_sql_connection_step(wrap->original, lane, wrap->tag, args, nargsf, names);
}

/* ---- steps of asynchronous connections ---- */

static bool begin_awaited(struct hp_awaited *self)
{
    self->step.t0 = hp_cap_ticks();
    self->step.place = hp_place_or_view();
    return true;
}

static void end_awaited(struct hp_awaited *self, bool fine, PyObject *result)
{
    struct hp_pending pending = hp_pending_save();
    uint32_t conn = number_of(self->tag, self->held[0], NULL, fine ? result : NULL);
    hp_cap_sql_step(self->lane, self->tag & ~OF, conn, self->step.t0, self->step.place);
    hp_pending_restore(pending);
}

static PyObject *on_step_async(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                               size_t nargsf, PyObject *names)
{
    static const struct hp_awaited_kind kind = {begin_awaited, end_awaited};
    PyObject *coroutine = hp_wrap_call(wrap, args, nargsf, names);
    if (coroutine == NULL || PyVectorcall_NARGS(nargsf) < 1) {
        return coroutine;
    }
    PyObject *const held[HP_AWAITED_HELD] = {args[0]};
    return hp_awaited_take(coroutine, lane, &kind, wrap->tag, held);
}

/* ---- classes in Python ---- */

static int wrap_all(PyObject *cls, hp_wrap_handler handler, const struct hp_sql_connection_method *methods,
                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (hp_wrap_own_method(cls, methods[i].name, handler, methods[i].tag, 0) != 0) {
            return -1;
        }
    }
    return 0;
}

int hp_connections_hook_dialect(PyObject *cls)
{
    static const struct hp_sql_connection_method methods[] = {{"do_ping", HP_X_DB_PING | OF_FIRST},
                                                              {"do_commit", HP_X_DB_COMMIT | OF_FIRST},
                                                              {"do_rollback", HP_X_DB_ROLLBACK | OF_FIRST}};
    return wrap_all(cls, on_step, methods, sizeof methods / sizeof methods[0]);
}

static int hook_class(PyObject *module, const char *name, hp_wrap_handler handler,
                      const struct hp_sql_connection_method *methods, size_t count)
{
    PyObject *cls = PyObject_GetAttrString(module, name);
    int failed = cls == NULL || wrap_all(cls, handler, methods, count) != 0;
    Py_XDECREF(cls);
    return failed ? -1 : 0;
}

static int hook_pool(PyObject *module)
{
    static const struct hp_sql_connection_method methods[] = {{"_do_get", HP_X_DB_POOL | OF_RESULT}};
    return hook_class(module, "QueuePool", on_step, methods, 1);
}

static int hook_records(PyObject *module)
{
    static const struct hp_sql_connection_method methods[] = {
        {"_ConnectionRecord__connect", HP_X_DB_CONNECT | OF_ENTRY}};
    return hook_class(module, "_ConnectionRecord", on_step, methods, 1);
}

/* With defer_connect nothing is connected yet: what calls connect() later is the step. */
static PyObject *on_pymysql_init(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                                 size_t nargsf, PyObject *names)
{
    PyObject *deferred = hp_keyword(args, nargsf, names, "defer_connect");
    int later = deferred != NULL ? PyObject_IsTrue(deferred) : 0;
    if (later < 0) {
        PyErr_Clear(); /* PyMySQL asks it, too, and raises */
    }
    return later > 0 ? hp_wrap_call(wrap, args, nargsf, names) : on_step(wrap, lane, args, nargsf, names);
}

static int hook_pymysql(PyObject *module)
{
    static const struct hp_sql_connection_method init[] = {{"__init__", HP_X_DB_CONNECT | OF_SELF}};
    static const struct hp_sql_connection_method methods[] = {{"connect", HP_X_DB_CONNECT | OF_SELF},
                                                              {"ping", HP_X_DB_PING | OF_SELF},
                                                              {"commit", HP_X_DB_COMMIT | OF_SELF},
                                                              {"rollback", HP_X_DB_ROLLBACK | OF_SELF}};
    return hook_class(module, "Connection", on_pymysql_init, init, 1) == 0
               ? hook_class(module, "Connection", on_step, methods, sizeof methods / sizeof methods[0])
               : -1;
}

/* PyMySQL's and psycopg's connections say how their database is reached, MySQLdb's do not. While plans are
 * asked for (_plans.py) they get it as an attribute, with which it goes; only what another connection to the
 * same place needs. */
static void keep_address(PyObject *connection, PyObject *const *args, size_t nargsf, PyObject *names)
{
    static const char *const wanted[] = {"host",        "user", "password", "database",         "port",
                                         "unix_socket", "db",   "passwd",   "read_default_file"};
    enum { POSITIONAL = 6 };
    Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    PyObject *address = PyDict_New();
    bool fine = address != NULL;
    for (Py_ssize_t i = 0; fine && i < (Py_ssize_t)(sizeof wanted / sizeof wanted[0]); i++) {
        PyObject *value =
            i < POSITIONAL && i + 1 < n ? args[i + 1] : hp_keyword(args, nargsf, names, wanted[i]);
        fine = value == NULL || PyDict_SetItemString(address, wanted[i], value) == 0;
    }
    if (fine) {
        hp_generic_set(connection, str_address, address);
    }
    Py_XDECREF(address);
    hp_swallow();
}

static PyObject *on_mysqldb_init(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                                 size_t nargsf, PyObject *names)
{
    PyObject *result = on_step(wrap, lane, args, nargsf, names);
    if (result != NULL && hp_sql_asks_plans()) {
        keep_address(args[0], args, nargsf, names);
    }
    return result;
}

/* Connection is a Python class over a type in C, from which it has all but its initialisation. */
static int hook_mysqldb(PyObject *module)
{
    static const struct hp_sql_connection_method inherited[] = {{"ping", HP_X_DB_PING | OF_SELF},
                                                                {"commit", HP_X_DB_COMMIT | OF_SELF},
                                                                {"rollback", HP_X_DB_ROLLBACK | OF_SELF}};
    PyObject *cls = PyObject_GetAttrString(module, "Connection");
    int failed = cls == NULL || hp_wrap_own_method(cls, "__init__", on_mysqldb_init,
                                                   HP_X_DB_CONNECT | OF_SELF, HP_WRAP_ALWAYS) != 0;
    for (size_t i = 0; !failed && i < sizeof inherited / sizeof inherited[0]; i++) {
        failed = hp_wrap_inherited(cls, inherited[i].name, on_step, inherited[i].tag, 0) != 0;
    }
    Py_XDECREF(cls);
    return failed ? -1 : 0;
}

static int hook_psycopg(PyObject *module, const char *name, hp_wrap_handler handler, int flags)
{
    PyObject *cls = PyObject_GetAttrString(module, name);
    int failed = cls == NULL ||
                 hp_wrap_own_method(cls, "commit", handler, HP_X_DB_COMMIT | OF_SELF, 0) != 0 ||
                 hp_wrap_own_method(cls, "rollback", handler, HP_X_DB_ROLLBACK | OF_SELF, 0) != 0 ||
                 hp_wrap_class_method(cls, "connect", handler, HP_X_DB_CONNECT | OF_MADE, flags) != 0;
    Py_XDECREF(cls);
    return failed ? -1 : 0;
}

static int hook_psycopg_sync(PyObject *module)
{
    return hook_psycopg(module, "Connection", on_step, HP_WRAP_ALWAYS);
}

static int hook_psycopg_async(PyObject *module)
{
    return hook_psycopg(module, "AsyncConnection", on_step_async, 0);
}

static int hook_aiosqlite(PyObject *module)
{
    static const struct hp_sql_connection_method methods[] = {{"_connect", HP_X_DB_CONNECT | OF_SELF},
                                                              {"commit", HP_X_DB_COMMIT | OF_SELF},
                                                              {"rollback", HP_X_DB_ROLLBACK | OF_SELF}};
    return hook_class(module, "Connection", on_step_async, methods, sizeof methods / sizeof methods[0]);
}

/* The package's own name for Connection.connect, which it took before we came if it was imported before;
 * psycopg2's function. */
static int hook_connect(PyObject *module)
{
    return hp_wrap_function(module, "connect", on_step, HP_X_DB_CONNECT | OF_MADE, HP_WRAP_ALWAYS);
}

static int hook_psycopg_pool(PyObject *module)
{
    PyObject *cls = PyObject_GetAttrString(module, "ConnectionPool");
    int failed = cls == NULL || hp_wrap_own_method(cls, "getconn", on_step, HP_X_DB_POOL | OF_GIVEN, 0) != 0;
    Py_XDECREF(cls);
    return failed ? -1 : 0;
}

static int hook_psycopg_pool_async(PyObject *module)
{
    PyObject *cls = PyObject_GetAttrString(module, "AsyncConnectionPool");
    int failed =
        cls == NULL || hp_wrap_own_method(cls, "getconn", on_step_async, HP_X_DB_POOL | OF_GIVEN, 0) != 0;
    Py_XDECREF(cls);
    return failed ? -1 : 0;
}

const struct hp_sql_connection_method hp_sql_connection_c_steps[] = {
    {"commit", HP_X_DB_COMMIT | OF_SELF}, {"rollback", HP_X_DB_ROLLBACK | OF_SELF}, {NULL, 0}};

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
    if (str_address == NULL && (str_address = PyUnicode_InternFromString("_hotplate_address")) == NULL) {
        return -1;
    }
    hp_hook_add("sqlalchemy.pool.impl", hook_pool);
    hp_hook_add("sqlalchemy.pool.base", hook_records);
    hp_hook_add("pymysql.connections", hook_pymysql);
    hp_hook_add("MySQLdb.connections", hook_mysqldb);
    hp_hook_add("psycopg.connection", hook_psycopg_sync);
    hp_hook_add("psycopg.connection_async", hook_psycopg_async);
    hp_hook_add("psycopg", hook_connect);
    hp_hook_add("psycopg2", hook_connect);
    hp_hook_add("aiosqlite.core", hook_aiosqlite);
    hp_hook_add("psycopg_pool.pool", hook_psycopg_pool);
    hp_hook_add("psycopg_pool.pool_async", hook_psycopg_pool_async);
    return 0;
}
