/* drivers.c -- where SQL passes: SQLAlchemy's dialects, and the database drivers that are used without it.
 *
 *   SQLAlchemy   do_execute, do_executemany, do_execute_no_params of DefaultDialect and of every dialect
 * class that overrides them;
 *                the fetch strategies for rows and fetch time             (docs/decisions/0003-sql-hook.md)
 *   PyMySQL, MySQLdb, psycopg    methods of their Python cursor classes; coroutines are measured from first
 * resume to end aiosqlite                    in a file of its own sqlite3, psycopg2            C types: a
 * method descriptor of the same name in the type's own dictionary, so that types, factories and
 *                                `type(connection) is sqlite3.Connection` stay what they were
 *
 * We never open, query or import anything here.
 */
#include "awaited.h"

#include <string.h>

#define DIALECT_CAP 4096 /* classes that exist when SQLAlchemy is hooked */

static PyObject *str_name, *str_is_mariadb, *str_is_async, *str_execution_options,
    *orm_options[3]; /* owned */

/* ---- driver classes in Python ---- */

/* tag = engine << 8 | method */
static int tag_of(int engine, int method)
{
    return engine << 8 | method;
}

/* execute(self, query, params): positional or by any of the names in use. */
static bool facts_of_call(struct hp_sql_facts *facts, int tag, PyObject *const *args, size_t nargsf,
                          PyObject *names)
{
    static const char *const statement_names[] = {"query", "sql", "operation", "sql_script"};
    static const char *const params_names[] = {"params",     "args",      "parameters",       "vars",
                                               "params_seq", "vars_list", "seq_of_parameters"};
    Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    PyObject *statement = n > 1 ? args[1] : NULL, *params = n > 2 ? args[2] : NULL;
    for (size_t i = 0; statement == NULL && i < sizeof statement_names / sizeof statement_names[0]; i++) {
        statement = hp_keyword(args, nargsf, names, statement_names[i]);
    }
    for (size_t i = 0; params == NULL && names != NULL && i < sizeof params_names / sizeof params_names[0];
         i++) {
        params = hp_keyword(args, nargsf, names, params_names[i]);
    }
    if (n < 1 || statement == NULL) {
        return false;
    }
    *facts = (struct hp_sql_facts){.cursor = args[0],
                                   .statement = statement,
                                   .params = params,
                                   .engine = tag >> 8,
                                   .method = tag & 0xff,
                                   .layer = HP_SQL_DRIVER};
    return true;
}

static PyObject *on_execute(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                            size_t nargsf, PyObject *names)
{
    struct hp_sql_facts facts;
    struct hp_sql sql;
    if (!facts_of_call(&facts, wrap->tag, args, nargsf, names) || !hp_sql_begin(&sql, lane, &facts)) {
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    hp_sql_end(&sql, result != NULL ? args[0] : NULL);
    return result;
}

static PyObject *on_fetch(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                          size_t nargsf, PyObject *names)
{
    struct hp_sql_fetch fetch;
    if (PyVectorcall_NARGS(nargsf) < 1 || !hp_sql_fetch_begin(&fetch, lane, args[0], HP_SQL_DRIVER)) {
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    hp_sql_fetch_end(&fetch, lane, result, wrap->tag & 0xff);
    return result;
}

/* ---- coroutines of asynchronous cursors ---- */

enum { OF_CURSOR, OF_STATEMENT, OF_PARAMS };

static bool begin_awaited(struct hp_awaited *self)
{
    struct hp_sql_facts facts = {.cursor = self->held[OF_CURSOR],
                                 .statement = self->held[OF_STATEMENT],
                                 .params = self->held[OF_PARAMS],
                                 .engine = self->tag >> 8,
                                 .method = self->tag & 0xff,
                                 .layer = HP_SQL_DRIVER,
                                 .is_async = true};
    return hp_sql_begin(&self->sql, self->lane, &facts);
}

static void end_awaited(struct hp_awaited *self, bool fine, PyObject *result)
{
    (void)result;
    hp_sql_end(&self->sql, fine ? self->held[OF_CURSOR] : NULL);
}

static PyObject *on_execute_async(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                                  size_t nargsf, PyObject *names)
{
    static const struct hp_awaited_kind kind = {begin_awaited, end_awaited};
    struct hp_sql_facts facts;
    PyObject *coroutine = hp_wrap_call(wrap, args, nargsf, names);
    if (coroutine == NULL || !facts_of_call(&facts, wrap->tag, args, nargsf, names)) {
        return coroutine;
    }
    PyObject *const held[HP_AWAITED_HELD] = {facts.cursor, facts.statement, facts.params};
    return hp_awaited_take(coroutine, lane, &kind, wrap->tag, held);
}

/* ---- driver types in C ---- */

enum { C_METHODS = 16 };
enum c_of { C_CURSOR, C_SHORTCUT, C_STEP }; /* whose method; a connection's shortcut returns a cursor */

static struct c_method {
    PyMethodDef def;
    PyObject *original; /* owned */
    int tag;
    enum c_of of;
} c_methods[C_METHODS];
static int c_method_count;

static bool begin_c(struct hp_sql *sql, struct hp_cap_lane *lane, const struct c_method *method,
                    struct hp_sql_facts *facts)
{
    /* psycopg2's executemany is a loop; the other type in C has no server. */
    bool each = facts->engine == HP_X_ENGINE_POSTGRESQL && facts->method == HP_SQL_MANY;
    facts->flags = each ? HP_X_STMT_EACH : 0;
    facts->connection = method->of == C_SHORTCUT ? facts->cursor : NULL;
    return hp_sql_begin(sql, lane, facts);
}

static PyObject *call_c(struct c_method *method, PyObject *self, PyObject *const *args, Py_ssize_t n,
                        PyObject *names)
{
    PyObject *few[8];
    Py_ssize_t total = n + 1 + (names == NULL ? 0 : PyTuple_GET_SIZE(names));
    PyObject **all = total <= 8 ? few : PyMem_Malloc((size_t)total * sizeof *all);
    if (all == NULL) {
        return PyErr_NoMemory();
    }
    all[0] = self;
    memcpy(all + 1, args, (size_t)(total - 1) * sizeof *all);
    struct hp_cap_lane *lane = hp_lane_here();
    int kind = method->tag & 0xff;
    struct hp_sql_facts facts;
    struct hp_sql sql;
    struct hp_sql_fetch fetch;
    PyObject *result;
    if (lane != NULL && method->of == C_STEP) {
        result = hp_sql_connection_step(method->original, lane, method->tag, all, (size_t)(n + 1), names);
    } else if (lane != NULL && kind >= HP_SQL_FETCHONE &&
               hp_sql_fetch_begin(&fetch, lane, self, HP_SQL_DRIVER)) {
        result = PyObject_Vectorcall(method->original, all, (size_t)(n + 1), names);
        hp_sql_fetch_end(&fetch, lane, result, kind);
    } else if (lane != NULL && kind < HP_SQL_FETCHONE &&
               facts_of_call(&facts, method->tag, all, (size_t)(n + 1), names) &&
               begin_c(&sql, lane, method, &facts)) {
        result = PyObject_Vectorcall(method->original, all, (size_t)(n + 1), names);
        hp_sql_end(&sql, result == NULL ? NULL : method->of == C_SHORTCUT ? result : self);
    } else {
        result = PyObject_Vectorcall(method->original, all, (size_t)(n + 1), names);
    }
    if (all != few) {
        PyMem_Free(all);
    }
    return result;
}

#define TRAMPOLINE(i)                                                                                        \
    static PyObject *trampoline_##i(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names)    \
    {                                                                                                        \
        return call_c(&c_methods[i], self, args, n, names);                                                  \
    }
TRAMPOLINE(0)
TRAMPOLINE(1)
TRAMPOLINE(2)
TRAMPOLINE(3)
TRAMPOLINE(4)
TRAMPOLINE(5)
TRAMPOLINE(6)
TRAMPOLINE(7)
TRAMPOLINE(8)
TRAMPOLINE(9)
TRAMPOLINE(10)
TRAMPOLINE(11)
TRAMPOLINE(12)
TRAMPOLINE(13)
TRAMPOLINE(14)
TRAMPOLINE(15)
typedef PyObject *(*fast_with_names)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
static const fast_with_names trampolines[C_METHODS] = {
    trampoline_0,  trampoline_1,  trampoline_2,  trampoline_3, trampoline_4,  trampoline_5,
    trampoline_6,  trampoline_7,  trampoline_8,  trampoline_9, trampoline_10, trampoline_11,
    trampoline_12, trampoline_13, trampoline_14, trampoline_15};

/* Put a method descriptor of ours in the place of a C type's. The type may be immutable for Python; its
 * dictionary is not for C. */
static int patch_c_method(PyTypeObject *type, const char *name, int tag, enum c_of of)
{
    PyObject *original = type->tp_dict == NULL ? NULL : PyDict_GetItemString(type->tp_dict, name);
    if (original == NULL || !Py_IS_TYPE(original, &PyMethodDescr_Type) || c_method_count == C_METHODS) {
        return 0;
    }
    const PyMethodDef *old = ((PyMethodDescrObject *)original)->d_method;
    for (int i = 0; i < c_method_count; i++) {
        if (old == &c_methods[i].def) {
            return 0;
        }
    }
    struct c_method *method = &c_methods[c_method_count];
    method->def = (PyMethodDef){old->ml_name, (PyCFunction)(void (*)(void))trampolines[c_method_count],
                                METH_FASTCALL | METH_KEYWORDS, old->ml_doc};
    method->original = Py_NewRef(original);
    method->tag = tag;
    method->of = of;
    PyObject *ours = PyDescr_NewMethod(type, &method->def);
    int failed = ours == NULL || PyDict_SetItemString(type->tp_dict, name, ours) != 0;
    Py_XDECREF(ours);
    if (failed) {
        Py_CLEAR(method->original);
        return -1;
    }
    c_method_count++;
    PyType_Modified(type);
    return 0;
}

static struct c_iterator {
    PyTypeObject *type; /* owned */
    iternextfunc next;
} c_iterators[2];

static PyObject *next_counted(const struct c_iterator *iterator, PyObject *self)
{
    struct hp_cap_lane *lane = hp_lane_here();
    struct hp_sql_fetch fetch;
    if (lane == NULL || !hp_sql_fetch_begin(&fetch, lane, self, HP_SQL_DRIVER)) {
        return iterator->next(self);
    }
    PyObject *row = iterator->next(self);
    hp_sql_fetch_end(&fetch, lane, row, HP_SQL_FETCHONE);
    return row;
}

static PyObject *next_0(PyObject *self)
{
    return next_counted(&c_iterators[0], self);
}

static PyObject *next_1(PyObject *self)
{
    return next_counted(&c_iterators[1], self);
}

/* Iteration goes by the slot, not by the dictionary. */
static void patch_c_next(PyTypeObject *type, int slot)
{
    iternextfunc ours = slot == 0 ? next_0 : next_1;
    if (type->tp_iternext == NULL || type->tp_iternext == ours || c_iterators[slot].type != NULL) {
        return;
    }
    c_iterators[slot].type = (PyTypeObject *)Py_NewRef(type);
    c_iterators[slot].next = type->tp_iternext;
    type->tp_iternext = ours;
    PyType_Modified(type);
}

static int patch_c_cursor(PyObject *cls, int engine, int slot)
{
    static const struct {
        const char *name;
        int method;
    } all[] = {{"execute", HP_SQL_EXECUTE},      {"executemany", HP_SQL_MANY},
               {"executescript", HP_SQL_SCRIPT}, {"fetchone", HP_SQL_FETCHONE},
               {"fetchmany", HP_SQL_FETCHMANY},  {"fetchall", HP_SQL_FETCHMANY}};
    if (!PyType_Check(cls)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (patch_c_method((PyTypeObject *)cls, all[i].name, tag_of(engine, all[i].method), C_CURSOR) != 0) {
            return -1;
        }
    }
    patch_c_next((PyTypeObject *)cls, slot);
    return 0;
}

/* Connection.execute() and its siblings do not go through Cursor.execute's name: they make a cursor and
 * return it. */
static int hook_sqlite(PyObject *module)
{
    static const struct {
        const char *name;
        int method;
    } shortcuts[] = {
        {"execute", HP_SQL_EXECUTE}, {"executemany", HP_SQL_MANY}, {"executescript", HP_SQL_SCRIPT}};
    PyObject *cursor = PyObject_GetAttrString(module, "Cursor"), *connection = NULL;
    int failed = cursor == NULL || (connection = PyObject_GetAttrString(module, "Connection")) == NULL ||
                 patch_c_cursor(cursor, HP_X_ENGINE_SQLITE, 0) != 0;
    for (size_t i = 0; !failed && PyType_Check(connection) && i < sizeof shortcuts / sizeof shortcuts[0];
         i++) {
        failed = patch_c_method((PyTypeObject *)connection, shortcuts[i].name,
                                tag_of(HP_X_ENGINE_SQLITE, shortcuts[i].method), C_SHORTCUT);
    }
    if (!failed && PyType_Check(connection)) {
        hp_connections_hook_sqlite((PyTypeObject *)connection);
    }
    Py_XDECREF(connection);
    Py_XDECREF(cursor);
    return failed ? -1 : 0;
}

static int hook_psycopg2(PyObject *module)
{
    PyObject *cursor = PyObject_GetAttrString(module, "cursor"), *connection = NULL;
    int failed = cursor == NULL || (connection = PyObject_GetAttrString(module, "connection")) == NULL ||
                 patch_c_cursor(cursor, HP_X_ENGINE_POSTGRESQL, 1) != 0;
    for (int i = 0; !failed && PyType_Check(connection) && hp_sql_connection_c_steps[i].name != NULL; i++) {
        failed = patch_c_method((PyTypeObject *)connection, hp_sql_connection_c_steps[i].name,
                                hp_sql_connection_c_steps[i].tag, C_STEP);
    }
    Py_XDECREF(connection);
    Py_XDECREF(cursor);
    return failed ? -1 : 0;
}

/* ---- Python drivers ---- */

static int wrap_cursor(PyObject *module, const char *name, int engine)
{
    static const struct {
        const char *name;
        int method;
    } fetches[] = {
        {"fetchone", HP_SQL_FETCHONE}, {"fetchmany", HP_SQL_FETCHMANY}, {"fetchall", HP_SQL_FETCHMANY}};
    PyObject *cls = PyObject_GetAttrString(module, name);
    if (cls == NULL) {
        PyErr_Clear(); /* not in this release */
        return 0;
    }
    int failed = hp_wrap_own_method(cls, "execute", on_execute, tag_of(engine, HP_SQL_EXECUTE), 0) != 0 ||
                 hp_wrap_own_method(cls, "executemany", on_execute, tag_of(engine, HP_SQL_MANY), 0) != 0;
    for (size_t i = 0; !failed && i < sizeof fetches / sizeof fetches[0]; i++) {
        failed = hp_wrap_own_method(cls, fetches[i].name, on_fetch, tag_of(engine, fetches[i].method), 0);
    }
    if (!failed && strcmp(name, "ServerCursor") == 0) {
        failed = hp_wrap_own_method(cls, "__next__", on_fetch, tag_of(engine, HP_SQL_FETCHONE), 0);
    }
    Py_DECREF(cls);
    return failed ? -1 : 0;
}

static int wrap_async_cursor(PyObject *module, const char *name, int engine)
{
    PyObject *cls = PyObject_GetAttrString(module, name);
    if (cls == NULL) {
        PyErr_Clear();
        return 0;
    }
    int failed =
        hp_wrap_own_method(cls, "execute", on_execute_async, tag_of(engine, HP_SQL_EXECUTE), 0) != 0 ||
        hp_wrap_own_method(cls, "executemany", on_execute_async, tag_of(engine, HP_SQL_MANY), 0) != 0;
    Py_DECREF(cls);
    return failed ? -1 : 0;
}

static int hook_mysql(PyObject *module) /* PyMySQL's and MySQLdb's cursors have the same names */
{
    static const char *const names[] = {"BaseCursor", "Cursor", "SSCursor", "CursorStoreResultMixIn",
                                        "CursorUseResultMixIn"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (wrap_cursor(module, names[i], HP_X_ENGINE_MYSQL) != 0) {
            return -1;
        }
    }
    return 0;
}

static int hook_psycopg(PyObject *module)
{
    static const char *const names[] = {"Cursor", "ServerCursor"}, *const async_names[] = {
                                                                       "AsyncCursor", "AsyncServerCursor"};
    for (size_t i = 0; i < 2; i++) {
        if (wrap_cursor(module, names[i], HP_X_ENGINE_POSTGRESQL) != 0 ||
            wrap_async_cursor(module, async_names[i], HP_X_ENGINE_POSTGRESQL) != 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- SQLAlchemy ---- */

enum { ALCHEMY_EXECUTE, ALCHEMY_MANY, ALCHEMY_NO_PARAMS };

static struct dialect {
    PyObject *dialect; /* owned; NULL: free */
    int engine;
    bool is_async;
} dialects[16];
static unsigned dialect_turn;

static int engine_named(PyObject *dialect)
{
    static const struct {
        const char *name;
        int engine;
    } known[] = {{"sqlite", HP_X_ENGINE_SQLITE},
                 {"mysql", HP_X_ENGINE_MYSQL},
                 {"mariadb", HP_X_ENGINE_MARIADB},
                 {"postgresql", HP_X_ENGINE_POSTGRESQL}};
    PyObject *name = hp_attribute(dialect, str_name);
    int engine = HP_X_ENGINE_OTHER;
    for (size_t i = 0; name != NULL && PyUnicode_Check(name) && i < sizeof known / sizeof known[0]; i++) {
        engine = PyUnicode_CompareWithASCIIString(name, known[i].name) == 0 ? known[i].engine : engine;
    }
    Py_XDECREF(name);
    return engine;
}

static bool is_true(PyObject *object, PyObject *name)
{
    PyObject *value = hp_attribute(object, name);
    Py_XDECREF(value);
    return value == Py_True;
}

/* What a dialect talks to. MySQL's learns on its first connection whether it is MariaDB, so that is asked
 * every time. */
static const struct dialect *dialect_of(PyObject *dialect)
{
    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++) {
        if (dialects[i].dialect == dialect) {
            return &dialects[i];
        }
    }
    struct dialect *slot = &dialects[dialect_turn++ % (sizeof dialects / sizeof dialects[0])];
    Py_XSETREF(slot->dialect, Py_NewRef(dialect));
    slot->engine = engine_named(dialect);
    slot->is_async = is_true(dialect, str_is_async);
    return slot;
}

/* The ORM leaves marks among the execution's options: on what it loads, updates in bulk, and flushes. */
static bool is_orm(PyObject *context)
{
    PyObject *options = context == NULL ? NULL : hp_attribute(context, str_execution_options);
    bool found = false;
    Py_ssize_t size =
        options == NULL ? 0 : PyObject_Size(options); /* an immutabledict; a type of its own in 1.4 */
    for (size_t i = 0; size > 0 && i < sizeof orm_options / sizeof orm_options[0] && !found; i++) {
        found = PySequence_Contains(options, orm_options[i]) == 1;
    }
    Py_XDECREF(options);
    PyErr_Clear();
    return found;
}

/* do_execute(self, cursor, statement, parameters, context=None); do_execute_no_params has no parameters. */
static PyObject *on_alchemy(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                            size_t nargsf, PyObject *names)
{
    Py_ssize_t n = PyVectorcall_NARGS(nargsf), at = wrap->tag == ALCHEMY_NO_PARAMS ? 3 : 4;
    struct hp_sql sql;
    if (n < at) {
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    const struct dialect *dialect = dialect_of(args[0]);
    PyObject *context = n > at ? args[at] : names != NULL ? hp_keyword(args, nargsf, names, "context") : NULL;
    struct hp_sql_facts facts = {.cursor = args[1],
                                 .statement = args[2],
                                 .params = at == 4 ? args[3] : NULL,
                                 .engine = dialect->engine,
                                 .method = wrap->tag == ALCHEMY_MANY ? HP_SQL_MANY : HP_SQL_EXECUTE,
                                 .flags = is_orm(context) ? HP_X_STMT_ORM : 0,
                                 .layer = HP_SQL_ALCHEMY,
                                 .is_async = dialect->is_async};
    if (facts.engine == HP_X_ENGINE_MYSQL && is_true(args[0], str_is_mariadb)) {
        facts.engine = HP_X_ENGINE_MARIADB;
    }
    bool begun = hp_sql_begin(&sql, lane, &facts);
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    if (begun) {
        hp_sql_end(&sql, result != NULL ? args[1] : NULL);
    }
    return result;
}

static int wrap_dialect(PyObject *cls)
{
    return hp_wrap_own_method(cls, "do_execute", on_alchemy, ALCHEMY_EXECUTE, 0) != 0 ||
                   hp_wrap_own_method(cls, "do_executemany", on_alchemy, ALCHEMY_MANY, 0) != 0 ||
                   hp_wrap_own_method(cls, "do_execute_no_params", on_alchemy, ALCHEMY_NO_PARAMS, 0) != 0 ||
                   hp_connections_hook_dialect(cls) != 0
               ? -1
               : 0;
}

/* A dialect is made: see to it that its class and the bases that override something are wrapped. */
static PyObject *on_dialect_init(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                                 size_t nargsf, PyObject *names)
{
    (void)lane;
    PyObject *mro = PyVectorcall_NARGS(nargsf) < 1 ? NULL : Py_TYPE(args[0])->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        if (PyTuple_GET_ITEM(mro, i) != (PyObject *)&PyBaseObject_Type &&
            wrap_dialect(PyTuple_GET_ITEM(mro, i)) != 0) {
            hp_swallow();
        }
    }
    return hp_wrap_call(wrap, args, nargsf, names);
}

/* `cls` and all classes below it that exist already; one beyond the cap is wrapped when a dialect is made of
 * it. */
static int wrap_dialects(PyObject *cls)
{
    PyObject *found = PyList_New(0);
    int failed = found == NULL || PyList_Append(found, cls) != 0;
    for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(found) && i < DIALECT_CAP; i++) {
        PyObject *each = PyList_GET_ITEM(found, i);
        PyObject *below = PyObject_CallMethod(each, "__subclasses__", NULL);
        Py_ssize_t end = PyList_GET_SIZE(found);
        failed = wrap_dialect(each) != 0 || below == NULL ||
                 (PyList_Check(below) && PyList_SetSlice(found, end, end, below) != 0);
        Py_XDECREF(below);
    }
    Py_XDECREF(found);
    return failed ? -1 : 0;
}

static int hook_dialects(PyObject *module)
{
    PyObject *cls = PyObject_GetAttrString(module, "DefaultDialect");
    int failed = cls == NULL || wrap_dialects(cls) != 0 ||
                 hp_wrap_own_method(cls, "__init__", on_dialect_init, 0, HP_WRAP_ALWAYS) != 0;
    Py_XDECREF(cls);
    return failed ? -1 : 0;
}

/* fetchone(self, result, dbapi_cursor, …) and its siblings. */
static PyObject *on_strategy(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                             size_t nargsf, PyObject *names)
{
    struct hp_sql_fetch fetch;
    if (PyVectorcall_NARGS(nargsf) < 3 || !hp_sql_fetch_begin(&fetch, lane, args[2], HP_SQL_ALCHEMY)) {
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    hp_sql_fetch_end(&fetch, lane, result, wrap->tag);
    return result;
}

static int hook_strategies(PyObject *module)
{
    static const char *const classes[] = {"CursorFetchStrategy", "BufferedRowCursorFetchStrategy",
                                          "FullyBufferedCursorFetchStrategy"};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        PyObject *cls = PyObject_GetAttrString(module, classes[i]);
        if (cls == NULL) {
            PyErr_Clear();
            continue;
        }
        int failed = hp_wrap_own_method(cls, "fetchone", on_strategy, HP_SQL_FETCHONE, 0) != 0 ||
                     hp_wrap_own_method(cls, "fetchmany", on_strategy, HP_SQL_FETCHMANY, 0) != 0 ||
                     hp_wrap_own_method(cls, "fetchall", on_strategy, HP_SQL_FETCHMANY, 0) != 0;
        Py_DECREF(cls);
        if (failed) {
            return -1;
        }
    }
    return 0;
}

int hp_drivers_init(void)
{
    static const struct {
        PyObject **where;
        const char *text;
    } names[] = {{&str_name, "name"},
                 {&str_is_mariadb, "is_mariadb"},
                 {&str_is_async, "is_async"},
                 {&str_execution_options, "execution_options"},
                 {&orm_options[0], "_result_disable_adapt_to_context"},
                 {&orm_options[1], "compiled_cache"},
                 {&orm_options[2], "_sa_orm_update_options"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (*names[i].where == NULL &&
            (*names[i].where = PyUnicode_InternFromString(names[i].text)) == NULL) {
            return -1;
        }
    }
    if (hp_awaited_init() != 0 || hp_aiosqlite_init() != 0) {
        return -1;
    }
    hp_hook_add("sqlalchemy.engine.default", hook_dialects);
    hp_hook_add("sqlalchemy.engine.cursor", hook_strategies);
    hp_hook_add("_sqlite3", hook_sqlite);
    hp_hook_add("psycopg2._psycopg", hook_psycopg2);
    hp_hook_add("pymysql.cursors", hook_mysql);
    hp_hook_add("MySQLdb.cursors", hook_mysql);
    hp_hook_add("psycopg", hook_psycopg);
    return hp_connections_init();
}
