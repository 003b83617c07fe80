/* sql.c -- executions of SQL: which statement, from which line, with which parameters, on which connection,
 * how many rows.
 *
 * Warm cost is what matters: the folded statement is found by the identity of the str object (SQLAlchemy
 * hands out the same one again and again), the place by walking frames with cached verdicts, the rest is
 * attribute reads. Tables are bounded and hold on to nothing but statement texts:
 *
 *   statements  2,048 slots by text      -> statement id, IN count          (text ≤ 32 kB, 8 MB in all, then
 * forgotten) cursors     1,024 slots by address   -> request, number of its execution, layer connections
 * 4,096 slots by address   -> small number, engine
 *
 * Parameters are never kept: a keyed hash over values of exact builtin types; anything else makes it 0, "not
 * comparable".
 */
#include "sql.h"

#include <datetime.h>
#include <string.h>
#include <unistd.h>

#include "hotplate/ext/inspect.h"

enum {
    STATEMENT_SLOTS = 2048,
    CURSOR_SLOTS = 1024,
    CONNECTION_SLOTS = 4096,
    TEXT_CAP = 32768,
    PARAM_CAP = 1000,
    PARAM_DEPTH = 4
};
#define STATEMENT_BYTES ((size_t)8 << 20)
#define SCRIPT_BYTES    ((size_t)4096)
#define NUMBER_NONE     UINT32_MAX

static struct statement {
    PyObject *text; /* owned; NULL: free */
    uint32_t id, in_count;
    int engine;
} statements[STATEMENT_SLOTS];
static size_t statement_bytes;

static struct cursor {
    const void *address; /* borrowed: only compared */
    uint64_t request_id;
    uint32_t number;
    uint8_t layer;
    bool executing, fetching, count_rows;
    uint32_t statement; /* while plans are asked for: whose rows it gives, and how long that took */
    uint64_t ns;
} cursors[CURSOR_SLOTS];

static struct connection {
    const void *address; /* borrowed: only compared */
    uint32_t number;
    int engine;
    uint64_t
        above; /* the request that executes on it through SQLAlchemy and an asynchronous driver; 0: none */
} connections[CONNECTION_SLOTS];
static uint32_t connection_count, connections_used;

static uint64_t log_threshold_ns = UINT64_MAX;
static uint64_t plan_threshold_ns = UINT64_MAX;
static PyObject *plan_callback; /* owned or NULL */
enum { PLAN_DUE = 3, PLAN_ASKED = 255 };
static uint8_t plan_asked[65536]; /* by statement id: how slow its executions were, as PLAN_DUE says;
                                     PLAN_ASKED: asked for */
static PyObject *log_callback;    /* owned or NULL */
static PyObject *str_rowcount, *str_connection, *str_inner_connection, *str_inner, *str_server_version,
    *str_int;                                  /* owned */
static PyTypeObject *decimal_type, *uuid_type; /* owned */

static size_t hash_pointer(const void *pointer)
{
    return (size_t)(((uint64_t)(uintptr_t)pointer * 0x9e3779b97f4a7c15ULL) >> 32);
}

/* ---- statements ---- */

static void forget_statements(void)
{
    for (size_t i = 0; i < STATEMENT_SLOTS; i++) {
        Py_CLEAR(statements[i].text);
    }
    statement_bytes = 0;
}

static uint32_t fold(PyObject *text, int engine, bool is_script, uint32_t *in_count)
{
    struct hp_span8 span = {"<composed>", 10};
    if (PyUnicode_Check(text)) {
        span = hp_utf8(text);
    } else if (PyBytes_Check(text)) {
        span = (struct hp_span8){PyBytes_AS_STRING(text), (size_t)PyBytes_GET_SIZE(text)};
    } else if (PyByteArray_Check(text)) {
        span = (struct hp_span8){PyByteArray_AS_STRING(text), (size_t)PyByteArray_GET_SIZE(text)};
    }
    if (is_script && span.n > SCRIPT_BYTES) {
        span.n = SCRIPT_BYTES;
    }
    return hp_cap_statement(hp_ext.cap, span, engine, in_count);
}

static uint32_t statement_of(PyObject *text, int engine, bool is_script, uint32_t *in_count)
{
    if (!PyUnicode_CheckExact(text)) {
        return fold(text, engine, is_script, in_count);
    }
    Py_hash_t hash = PyObject_Hash(text); /* kept by the str itself */
    struct statement *slot = &statements[(size_t)hash & (STATEMENT_SLOTS - 1)];
    if (slot->text != NULL && slot->engine == engine &&
        (slot->text == text || PyUnicode_Compare(slot->text, text) == 0)) {
        *in_count = slot->in_count;
        return slot->id;
    }
    uint32_t id = fold(text, engine, is_script, in_count);
    size_t size = (size_t)PyUnicode_GET_LENGTH(text);
    if (id != 0 && size <= TEXT_CAP) {
        if (statement_bytes + size > STATEMENT_BYTES) {
            forget_statements();
        }
        statement_bytes += size - (slot->text != NULL ? (size_t)PyUnicode_GET_LENGTH(slot->text) : 0);
        Py_XSETREF(slot->text, Py_NewRef(text));
        slot->id = id;
        slot->in_count = *in_count;
        slot->engine = engine;
    }
    return id;
}

/* ---- parameters ---- */

/* NOLINTBEGIN(misc-no-recursion): feed_value ends it at PARAM_DEPTH. */
static bool feed_value(struct hp_cap_hash *hash, PyObject *value, int depth);

static bool feed_number(struct hp_cap_hash *hash, PyObject *value)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow) {
        number = (long long)PyObject_Hash(value); /* an exact int: no code of anybody's */
    }
    hp_cap_hash_feed(hash, overflow ? "I" : "i", 1);
    hp_cap_hash_feed(hash, &number, sizeof number);
    return true;
}

static bool feed_sequence(struct hp_cap_hash *hash, PyObject *sequence, int depth)
{
    Py_ssize_t n = PySequence_Fast_GET_SIZE(sequence);
    hp_cap_hash_feed(hash, "(", 1);
    for (Py_ssize_t i = 0; i < n; i++) {
        if (i >= PARAM_CAP || !feed_value(hash, PySequence_Fast_GET_ITEM(sequence, i), depth + 1)) {
            return false;
        }
    }
    hp_cap_hash_feed(hash, ")", 1);
    return true;
}

/* The order of a dict says nothing: the sum of its items' own hashes does not depend on it. */
static bool feed_dict(struct hp_cap_hash *hash, PyObject *dict, int depth)
{
    PyObject *key, *value;
    Py_ssize_t at = 0, n = 0;
    uint64_t sum = 0;
    while (PyDict_Next(dict, &at, &key, &value)) {
        struct hp_cap_hash item;
        hp_cap_hash_begin(hp_ext.cap, &item);
        if (++n > PARAM_CAP || !PyUnicode_CheckExact(key) || !feed_value(&item, key, depth + 1) ||
            !feed_value(&item, value, depth + 1)) {
            return false;
        }
        sum += hp_cap_hash_end(&item);
    }
    hp_cap_hash_feed(hash, "{", 1);
    hp_cap_hash_feed(hash, &sum, sizeof sum);
    return true;
}

static bool feed_object(struct hp_cap_hash *hash, const char *tag, const void *data, size_t n)
{
    hp_cap_hash_feed(hash, tag, 1);
    hp_cap_hash_feed(hash, data, n);
    return true;
}

static bool feed_other(struct hp_cap_hash *hash, PyObject *value)
{
    if (PyDateTimeAPI != NULL && PyDateTime_CheckExact(value)) {
        const void *zone = PyDateTime_DATE_GET_TZINFO(value); /* the same zone is the same object */
        unsigned char fold_bit = (unsigned char)PyDateTime_DATE_GET_FOLD(value);
        return feed_object(hash, "d", ((PyDateTime_DateTime *)value)->data, _PyDateTime_DATETIME_DATASIZE) &&
               feed_object(hash, "z", &zone, sizeof zone) && feed_object(hash, "f", &fold_bit, 1);
    }
    if (PyDateTimeAPI != NULL && PyDate_CheckExact(value)) {
        return feed_object(hash, "D", ((PyDateTime_Date *)value)->data, _PyDateTime_DATE_DATASIZE);
    }
    if (PyDateTimeAPI != NULL && PyTime_CheckExact(value)) {
        const void *zone = PyDateTime_TIME_GET_TZINFO(value);
        return feed_object(hash, "t", ((PyDateTime_Time *)value)->data, _PyDateTime_TIME_DATASIZE) &&
               feed_object(hash, "z", &zone, sizeof zone);
    }
    if (PyDateTimeAPI != NULL && PyDelta_CheckExact(value)) {
        int parts[3] = {PyDateTime_DELTA_GET_DAYS(value), PyDateTime_DELTA_GET_SECONDS(value),
                        PyDateTime_DELTA_GET_MICROSECONDS(value)};
        return feed_object(hash, "l", parts, sizeof parts);
    }
    if (decimal_type != NULL && Py_IS_TYPE(value, decimal_type)) {
        Py_hash_t number = PyObject_Hash(value);
        if (number == -1 && PyErr_Occurred()) {
            PyErr_Clear(); /* a signalling NaN */
            return false;
        }
        return feed_object(hash, "c", &number, sizeof number);
    }
    if (uuid_type != NULL && Py_IS_TYPE(value, uuid_type)) {
        PyObject *number = hp_generic_get(value, str_int);
        bool fine = number != NULL && PyLong_CheckExact(number);
        hp_cap_hash_feed(hash, "u", 1);
        unsigned char bytes[16];
        fine = fine && hp_long_bytes(number, bytes, sizeof bytes) == 0;
        Py_XDECREF(number);
        PyErr_Clear();
        return fine && feed_object(hash, "=", bytes, sizeof bytes);
    }
    return false;
}

static bool feed_value(struct hp_cap_hash *hash, PyObject *value, int depth)
{
    if (depth > PARAM_DEPTH) {
        return false;
    }
    if (PyUnicode_CheckExact(value)) {
        int kind = (int)PyUnicode_KIND(value);
        size_t n = (size_t)PyUnicode_GET_LENGTH(value) * (size_t)kind;
        uint64_t head = (uint64_t)n << 3 | (uint64_t)kind;
        hp_cap_hash_feed(hash, "s", 1);
        hp_cap_hash_feed(hash, &head, sizeof head);
        hp_cap_hash_feed(hash, PyUnicode_DATA(value), n);
        return true;
    }
    if (PyLong_CheckExact(value)) {
        return feed_number(hash, value);
    }
    if (value == Py_None || value == Py_True || value == Py_False) {
        hp_cap_hash_feed(hash, value == Py_None ? "N" : value == Py_True ? "T" : "F", 1);
        return true;
    }
    if (PyFloat_CheckExact(value)) {
        double number = PyFloat_AS_DOUBLE(value);
        return feed_object(hash, "g", &number, sizeof number);
    }
    if (PyTuple_CheckExact(value) || PyList_CheckExact(value)) {
        return feed_sequence(hash, value, depth);
    }
    if (PyDict_CheckExact(value)) {
        return feed_dict(hash, value, depth);
    }
    if (PyBytes_CheckExact(value)) {
        uint64_t n = (uint64_t)PyBytes_GET_SIZE(value);
        return feed_object(hash, "b", &n, sizeof n) &&
               feed_object(hash, "=", PyBytes_AS_STRING(value), (size_t)n);
    }
    return feed_other(hash, value);
}
/* NOLINTEND(misc-no-recursion) */

/* Keyed hash of the parameters, with the text for the literals in it; 0 when they cannot be compared. */
static uint64_t hash_params(PyObject *text, PyObject *params)
{
    struct hp_cap_hash hash;
    if (!PyUnicode_CheckExact(text) && !PyBytes_CheckExact(text)) {
        return 0;
    }
    Py_hash_t text_hash = PyObject_Hash(text); /* kept by the str itself */
    hp_cap_hash_begin(hp_ext.cap, &hash);
    hp_cap_hash_feed(&hash, &text_hash, sizeof text_hash);
    if (params != NULL && params != Py_None && !feed_value(&hash, params, 0)) {
        return 0;
    }
    return hp_cap_hash_end(&hash);
}

/* ---- connections ---- */

static int engine_of(PyObject *connection, int engine)
{
    if (engine != HP_X_ENGINE_MYSQL) {
        return engine;
    }
    PyObject *version =
        hp_attribute(connection, str_server_version); /* PyMySQL keeps what the handshake said */
    struct hp_span8 text = hp_utf8(version);
    int found = text.n != 0 && strstr(text.p, "MariaDB") != NULL ? HP_X_ENGINE_MARIADB : engine;
    Py_XDECREF(version);
    return found;
}

static struct connection *connection_slot(const void *connection)
{
    size_t at = hash_pointer(connection) & (CONNECTION_SLOTS - 1);
    while (connections[at].address != NULL && connections[at].address != connection) {
        at = (at + 1) & (CONNECTION_SLOTS - 1);
    }
    struct connection *slot = &connections[at];
    if (slot->address == NULL) {
        if (connections_used >= CONNECTION_SLOTS / 2) {
            memset(connections, 0, sizeof connections);
            connections_used = 0;
            slot = &connections[hash_pointer(connection) & (CONNECTION_SLOTS - 1)];
        }
        connections_used++;
        *slot = (struct connection){connection, ++connection_count, HP_X_ENGINE_UNKNOWN, 0};
    }
    return slot;
}

/* NULL for NULL and None. */
static struct connection *connection_known(PyObject *connection, int *engine)
{
    if (connection == NULL || connection == Py_None) {
        return NULL;
    }
    struct connection *slot = connection_slot(connection);
    if (*engine == HP_X_ENGINE_MYSQL) {
        slot->engine = slot->engine != HP_X_ENGINE_UNKNOWN ? slot->engine : engine_of(connection, *engine);
        *engine = slot->engine;
    }
    return slot;
}

uint32_t hp_sql_connection(PyObject *connection, int *engine)
{
    const struct connection *slot = connection_known(connection, engine);
    return slot == NULL ? 0 : slot->number;
}

uint32_t hp_sql_opened(PyObject *connection)
{
    struct connection *slot = connection_slot(connection);
    slot->number = ++connection_count;
    slot->engine = HP_X_ENGINE_UNKNOWN;
    return slot->number;
}

/* The connection of a cursor, or of the driver's cursor below it (SQLAlchemy's adapter of psycopg in 2.0);
 * new reference or NULL. */
static PyObject *connection_of_cursor(PyObject *cursor)
{
    PyObject *connection = hp_attribute(cursor, str_connection);
    if (connection == NULL || connection == Py_None) {
        Py_XSETREF(connection, hp_attribute(cursor, str_inner_connection));
    }
    PyObject *inner = connection == NULL ? hp_attribute(cursor, str_inner) : NULL;
    if (inner != NULL) {
        connection = hp_attribute(inner, str_connection);
        Py_DECREF(inner);
    }
    return connection;
}

/* Entry and engine of an execution's connection; NULL when the cursor does not say. */
static struct connection *connection_of(const struct hp_sql_facts *facts, int *engine)
{
    PyObject *connection =
        facts->connection != NULL ? Py_NewRef(facts->connection) : connection_of_cursor(facts->cursor);
    struct connection *slot = connection_known(connection, engine);
    Py_XDECREF(connection);
    return slot;
}

/* ---- executions ---- */

static struct cursor *cursor_slot(const void *address)
{
    return &cursors[hash_pointer(address) & (CURSOR_SLOTS - 1)];
}

static void mark_cursor(const void *address, const struct hp_sql *sql, enum hp_sql_layer layer)
{
    if (address != NULL) {
        *cursor_slot(address) = (struct cursor){.address = address,
                                                .request_id = sql->request_id,
                                                .number = sql->number,
                                                .layer = (uint8_t)layer,
                                                .executing = true};
    }
}

/* Whether this cursor executes already, as the outer call of this one (executemany over execute, SQLAlchemy
 * over its driver). */
static bool is_nested(PyObject *cursor, uint64_t request_id, struct hp_cap_lane *lane, bool is_async)
{
    const struct cursor *slot = cursor_slot(cursor);
    if (slot->address == (const void *)cursor && slot->request_id == request_id && slot->executing) {
        return true;
    }
    return !is_async && hp_cap_sql_inside(lane);
}

static uint32_t count_of(PyObject *params)
{
    if (params != NULL && (PyList_Check(params) || PyTuple_Check(params))) {
        return (uint32_t)PySequence_Fast_GET_SIZE(params);
    }
    return 0;
}

bool hp_sql_begin(struct hp_sql *sql, struct hp_cap_lane *lane, const struct hp_sql_facts *facts)
{
    struct hp_cap_request *request = hp_cap_lane_request(lane);
    if (request == NULL || hp_cap_request_level(request) < HP_X_LEVEL_MONITOR) {
        return false;
    }
    uint64_t request_id = hp_cap_request_id(request);
    if (is_nested(facts->cursor, request_id, lane, facts->is_async)) {
        if (facts->flags & HP_X_STMT_EACH) {
            hp_cap_sql_mark(lane, HP_X_STMT_EACH);
        }
        return false;
    }
    int engine = facts->engine;
    struct connection *conn = connection_of(facts, &engine);
    bool adapted = facts->is_async && conn != NULL;
    if (adapted && facts->layer == HP_SQL_DRIVER && conn->above == request_id) {
        return false;
    }
    bool many = facts->method == HP_SQL_MANY;
    uint32_t in_count = 0;
    uint32_t statement = statement_of(facts->statement, engine, facts->method == HP_SQL_SCRIPT, &in_count);
    uint64_t params =
        many || facts->method == HP_SQL_SCRIPT ? 0 : hash_params(facts->statement, facts->params);
    *sql = (struct hp_sql){.lane = lane,
                           .cursor = facts->cursor,
                           .request_id = request_id,
                           .statement = statement,
                           .engine = engine,
                           .layer = facts->layer,
                           .place = hp_place_or_view()};
    hp_swallow();
    uint32_t flags = facts->flags | (many ? HP_X_STMT_MANY : 0) | (facts->is_async ? HP_X_STMT_OVERLAP : 0);
    if (plan_threshold_ns != UINT64_MAX && !many && !facts->is_async &&
        plan_asked[(uint16_t)statement] != PLAN_ASKED && PyUnicode_CheckExact(facts->statement)) {
        sql->text = facts->statement;
        sql->params = facts->params;
    }
    if (log_threshold_ns != UINT64_MAX || sql->text != NULL) {
        sql->t0 = hp_cap_ticks();
    }
    sql->number = hp_cap_sql_begin(lane, statement, sql->place, conn == NULL ? 0 : conn->number, params,
                                   many ? count_of(facts->params) : 0, in_count, flags);
    if (sql->number == NUMBER_NONE - 1) {
        return false;
    }
    hp_cap_lane_ref(lane);
    mark_cursor(sql->cursor, sql, sql->layer);
    if (adapted && facts->layer == HP_SQL_ALCHEMY) {
        conn->above = request_id;
        sql->below = conn->address;
    }
    return true;
}

/* ---- the live log ---- */

static size_t put(char *line, size_t at, size_t cap, const char *text, size_t n)
{
    for (size_t i = 0; i < n && at < cap; i++) {
        char c = text[i];
        line[at++] = (char)((unsigned char)c < ' ' ? ' ' : c);
    }
    return at;
}

/* One line to the file descriptor of stderr: `sql 123 ms  SELECT …  shop/pages.py:31`. */
static void write_log(const struct hp_sql *sql, uint64_t ns)
{
    char line[512], number[32];
    struct hp_span8 text = hp_inspect_statement(hp_ext.cap, sql->statement);
    struct hp_inspect_symbol place = hp_inspect_symbol(hp_ext.cap, sql->place.site_sym);
    size_t at = put(line, 0, sizeof line - 1, "sql ", 4);
    PyOS_snprintf(number, sizeof number, "%llu.%llu ms  ", (unsigned long long)(ns / 1000000),
                  (unsigned long long)(ns / 100000 % 10));
    at = put(line, at, sizeof line - 1, number, strlen(number));
    at = put(line, at, sizeof line - 1, text.p, text.n > 200 ? 200 : text.n);
    if (place.file.n != 0) {
        PyOS_snprintf(number, sizeof number, ":%u", (unsigned)sql->place.site_line);
        at = put(line, at, sizeof line - 1, "  ", 2);
        at = put(line, at, sizeof line - 1, place.file.p, place.file.n > 200 ? 200 : place.file.n);
        at = put(line, at, sizeof line - 1, number, strlen(number));
    }
    line[at++] = '\n';
    if (log_callback != NULL) {
        PyObject *text_object = PyUnicode_DecodeUTF8(line, (Py_ssize_t)at - 1, "replace");
        PyObject *result = text_object == NULL ? NULL : PyObject_CallOneArg(log_callback, text_object);
        Py_XDECREF(result);
        Py_XDECREF(text_object);
        hp_swallow();
    } else if (write(STDERR_FILENO, line, at) < 0) {
        hp_cap_error(hp_ext.cap);
    }
}

/* ---- plans, while developing ---- */

bool hp_sql_asks_plans(void)
{
    return plan_callback != NULL;
}

/* One slow execution is enough, or three of two fifths of that: the first of a process often waits for
 * something else. */
static uint8_t plan_due(uint64_t ns)
{
    return ns >= plan_threshold_ns ? PLAN_DUE : ns / 2 >= plan_threshold_ns / 5 ? 1 : 0;
}

/* Hand a slow statement over, once: callback(text, params, engine, cursor) puts it into a datagram; False:
 * nobody was there to take it, the next slow execution tries again. */
static void ask_plan(const struct hp_sql *sql, PyObject *cursor, uint64_t ns)
{
    uint8_t *asked = &plan_asked[(uint16_t)sql->statement];
    if (cursor == NULL || plan_callback == NULL || *asked == PLAN_ASKED) {
        return;
    }
    *asked = (uint8_t)(*asked + plan_due(ns));
    if (*asked < PLAN_DUE) {
        return;
    }
    *asked = PLAN_ASKED;
    PyObject *result = PyObject_CallFunction(
        plan_callback, "OOiO", sql->text, sql->params != NULL ? sql->params : Py_None, sql->engine, cursor);
    *asked = result == Py_False ? 0 : PLAN_ASKED;
    Py_XDECREF(result);
    hp_swallow();
}

/* A fetch of a statement took long (SQLite looks for rows there): a next execution is asked about. */
static void note_slow_fetch(struct cursor *slot, uint64_t ns)
{
    uint8_t before = plan_due(slot->ns), *asked = &plan_asked[(uint16_t)slot->statement];
    slot->ns += ns;
    if (slot->statement != 0 && *asked < PLAN_DUE) {
        *asked = (uint8_t)(*asked + plan_due(slot->ns) - before);
    }
}

void hp_sql_end(struct hp_sql *sql, PyObject *cursor)
{
    struct hp_cap_lane *lane = sql->lane;
    int64_t rows = -1;
    uint64_t ns = sql->t0 != 0 ? hp_cap_ns(hp_cap_ticks() - sql->t0) : 0;
    struct hp_pending pending = hp_pending_save();
    if (cursor != NULL) {
        PyObject *count = hp_attribute(cursor, str_rowcount);
        int overflow = 0;
        rows =
            count != NULL && PyLong_CheckExact(count) ? PyLong_AsLongLongAndOverflow(count, &overflow) : -1;
        rows = overflow || rows > INT32_MAX * (int64_t)1000
                   ? -1
                   : rows; /* MySQL's streaming cursors say 2^64 - 1 */
        Py_XDECREF(count);
        PyErr_Clear();
    }
    hp_cap_sql_end(lane, sql->number, rows, cursor == NULL);
    struct cursor *slot = cursor_slot(sql->cursor);
    if (slot->address == sql->cursor) {
        slot->executing = false;
        slot->count_rows = rows <= 0; /* else the driver has said how many */
    }
    if (sql->below != NULL) {
        connection_slot(sql->below)->above = 0;
    }
    if (cursor != NULL && (const void *)cursor != sql->cursor) { /* sqlite3's Connection.execute() made it */
        mark_cursor(cursor, sql, sql->layer);
        cursor_slot(cursor)->executing = false;
        cursor_slot(cursor)->count_rows = rows <= 0;
    }
    if (ns >= log_threshold_ns) {
        write_log(sql, ns);
    }
    if (sql->text != NULL) {
        if (cursor != NULL && cursor_slot(cursor)->address == (const void *)cursor) {
            cursor_slot(cursor)->statement = sql->statement;
            cursor_slot(cursor)->ns = ns;
        }
        ask_plan(sql, cursor, ns);
    }
    hp_pending_restore(pending);
    hp_cap_lane_unref(lane);
    sql->lane = NULL;
}

bool hp_sql_fetch_begin(struct hp_sql_fetch *fetch, struct hp_cap_lane *lane, PyObject *cursor,
                        enum hp_sql_layer layer)
{
    struct cursor *slot = cursor_slot(cursor);
    if (slot->address != (const void *)cursor || slot->layer != layer || slot->fetching || slot->executing) {
        return false;
    }
    struct hp_cap_request *request = hp_cap_lane_request(lane);
    if (request == NULL || hp_cap_request_id(request) != slot->request_id) {
        return false;
    }
    slot->fetching = true;
    fetch->cursor = cursor;
    fetch->t0 = hp_cap_ticks();
    return true;
}

void hp_sql_fetch_end(struct hp_sql_fetch *fetch, struct hp_cap_lane *lane, PyObject *result, int method)
{
    uint64_t ns = hp_cap_ns(hp_cap_ticks() - fetch->t0);
    struct cursor *slot = cursor_slot(fetch->cursor);
    if (slot->address != fetch->cursor) {
        return;
    }
    slot->fetching = false;
    if (plan_threshold_ns != UINT64_MAX) {
        note_slow_fetch(slot, ns);
    }
    int64_t rows = -1;
    if (slot->count_rows && method == HP_SQL_FETCHONE) {
        rows = result != NULL && result != Py_None;
    } else if (slot->count_rows && result != NULL && (PyList_Check(result) || PyTuple_Check(result))) {
        rows = (int64_t)PySequence_Fast_GET_SIZE(result);
    }
    hp_cap_sql_fetch(lane, slot->number, ns, rows);
}

/* ---- module ---- */

PyDoc_STRVAR(sql_log_doc, "sql_log(threshold_ns, callback=None) -> None\n\n"
                          "Print each execution that took at least threshold_ns (negative: none) as one line "
                          "on stderr, or give the\n"
                          "line to callback.");

static PyObject *sql_log(PyObject *self, PyObject *args)
{
    (void)self;
    long long threshold;
    PyObject *callback = Py_None;
    if (!PyArg_ParseTuple(args, "L|O", &threshold, &callback)) {
        return NULL;
    }
    log_threshold_ns = threshold < 0 ? UINT64_MAX : (uint64_t)threshold;
    Py_XSETREF(log_callback, callback == Py_None ? NULL : Py_NewRef(callback));
    Py_RETURN_NONE;
}

PyDoc_STRVAR(sql_plans_doc,
             "sql_plans(threshold_ns, callback) -> None\n\n"
             "Call callback(text, params, engine, cursor) once for each statement of which an execution took "
             "threshold_ns or more, or three took two fifths of it; again if it returns False.");

static PyObject *sql_plans(PyObject *self, PyObject *args)
{
    (void)self;
    long long threshold;
    PyObject *callback;
    if (!PyArg_ParseTuple(args, "LO", &threshold, &callback)) {
        return NULL;
    }
    plan_threshold_ns = threshold < 0 ? UINT64_MAX : (uint64_t)threshold;
    Py_XSETREF(plan_callback, Py_NewRef(callback));
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"sql_plans", sql_plans, METH_VARARGS, sql_plans_doc},
    {"sql_log", sql_log, METH_VARARGS, sql_log_doc},
    {NULL, NULL, 0, NULL},
};

static int keep_type(PyTypeObject **where, PyObject *module, const char *name)
{
    PyObject *type = PyObject_GetAttrString(module, name);
    if (type != NULL && PyType_Check(type)) {
        Py_XSETREF(*where, (PyTypeObject *)type);
        return 0;
    }
    Py_XDECREF(type);
    return -1;
}

static int hook_datetime(PyObject *module)
{
    (void)module;
    if (PyDateTimeAPI == NULL) {
        PyDateTime_IMPORT;
    }
    return PyDateTimeAPI == NULL ? -1 : 0;
}

/* Only the C decimal: the pure Python one would run code of its own. */
static int hook_decimal(PyObject *module)
{
    return keep_type(&decimal_type, module, "Decimal");
}

static int hook_uuid(PyObject *module)
{
    return keep_type(&uuid_type, module, "UUID");
}

int hp_sql_init(PyObject *module)
{
    static const struct {
        PyObject **where;
        const char *text;
    } names[] = {{&str_rowcount, "rowcount"},
                 {&str_connection, "connection"},
                 {&str_inner_connection, "_connection"},
                 {&str_inner, "_cursor"},
                 {&str_server_version, "server_version"},
                 {&str_int, "int"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (*names[i].where == NULL &&
            (*names[i].where = PyUnicode_InternFromString(names[i].text)) == NULL) {
            return -1;
        }
    }
    hp_hook_add("_datetime", hook_datetime);
    hp_hook_add("_decimal", hook_decimal);
    hp_hook_add("uuid", hook_uuid);
    if (hp_drivers_init() != 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, functions);
}
