/* inputs.c -- what a request was asked with: arguments of its view, and the keys of its query, form and JSON
 * body.
 *
 *   werkzeug.Request.__dict__ ── view_args      told by the URL map
 *                             ├─ query_string   as it came, split here
 *                             ├─ form, files    there, both, only if the application had the body parsed
 *                             └─ _cached_json   likewise: (as get_json(), as get_json(silent=True))
 *
 * The body is never read and nothing is parsed that the application has not: what it left alone is not there.
 * Of values stays what they are, "<int>", "<str 12>"; those of keys that were named (note_options) as they
 * are; those that carry secrets by their name not even as that. No code of the application runs: dictionaries
 * are walked as they lie in memory, and only exact numbers are written out.
 *
 * Whoever asks chooses keys: at most MOST_KEYS of a part are looked at, and texts have room of their own
 * (HP_TEXT_GIVEN).
 */
#include "notes.h"

#include <string.h>

#define MOST_KEYS   32
#define MOST_VALUES 8  /* of one key of a form */
#define NAME_BYTES  80 /* of a type */
#define TEXT_BYTES  128

static PyObject *str_query, *str_view_args, *str_form, *str_files, *str_json; /* owned */

/* ---- values ---- */

/* "<str 12>": by hand, as printf would be half of what this file costs. From 100 on a length is told to two
 * digits, so that lengths cannot take up the room for texts either. */
static struct hp_span8 wrapped(char out[TEXT_BYTES], const char *type, Py_ssize_t n)
{
    char digits[24];
    size_t length = strlen(type), count = 0;
    char *at = out;
    length = length < NAME_BYTES ? length : NAME_BYTES;
    *at++ = '<';
    memcpy(at, type, length);
    at += length;
    for (Py_ssize_t rest = n; rest > 0 || (n == 0 && count == 0); rest /= 10) {
        digits[count++] = (char)('0' + rest % 10);
    }
    if (count != 0) {
        *at++ = ' ';
        *at = '~';
        at += count > 2;
    }
    for (size_t i = 0; i < count; i++) {
        *at++ = i < 2 ? digits[count - 1 - i] : '0';
    }
    *at++ = '>';
    return (struct hp_span8){out, (size_t)(at - out)};
}

/* What a value is, without what it says. */
static struct hp_span8 described(PyObject *value, char out[TEXT_BYTES])
{
    return PyUnicode_Check(value)     ? wrapped(out, "str", PyUnicode_GET_LENGTH(value))
           : PyList_CheckExact(value) ? wrapped(out, "list", PyList_GET_SIZE(value))
           : PyDict_CheckExact(value) ? wrapped(out, "dict", PyDict_GET_SIZE(value))
           : value == Py_None         ? wrapped(out, "None", -1)
                                      : wrapped(out, Py_TYPE(value)->tp_name, -1);
}

static uint32_t given(struct hp_span8 text)
{
    return hp_cap_text(hp_ext.cap, text, HP_TEXT_GIVEN);
}

static void note_value(struct hp_cap_request *request, int kind, struct hp_span8 key, PyObject *value)
{
    char room[TEXT_BYTES];
    if (key.n == 0) {
        return;
    }
    PyObject *text = hp_facts_allowed(key) ? hp_facts_text(value) : NULL;
    if (text == NULL) {
        PyErr_Clear(); /* a number too long to be written out */
    }
    struct hp_span8 shown = hp_cap_secret(hp_ext.cap, key) ? HP_FACTS_SECRET
                            : text != NULL                 ? hp_utf8(text)
                                                           : described(value, room);
    hp_cap_request_fact(request, kind, given(key), given(shown));
    Py_XDECREF(text);
}

/* ---- dictionaries ---- */

/* A form has a list of values under each key (werkzeug's MultiDict is a dict of lists). */
static void note_values(struct hp_cap_request *request, int kind, struct hp_span8 key, PyObject *value)
{
    if (kind != HP_X_FACT_FORM || !PyList_CheckExact(value)) {
        note_value(request, kind, key, value);
        return;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(value) && i < MOST_VALUES; i++) {
        note_value(request, kind, key, PyList_GET_ITEM(value, i));
    }
}

static __attribute__((noinline)) void note_keys(struct hp_cap_request *request, int kind, PyObject *mapping)
{
    PyObject *key, *value; /* borrowed */
    Py_ssize_t at = 0, n = 0;
    while (n < MOST_KEYS && PyDict_Next(mapping, &at, &key, &value)) {
        if (PyUnicode_Check(key)) {
            note_values(request, kind, hp_utf8(key), value);
        }
        n++;
    }
    hp_cap_request_left_out(request, (uint32_t)(PyDict_GET_SIZE(mapping) - n));
}

/* Whether it is there. */
static bool note_part(struct hp_cap_request *request, int kind, PyObject *flask_request, PyObject *name)
{
    PyObject *mapping = hp_own(flask_request, name); /* borrowed */
    if (mapping != NULL && PyDict_Check(mapping) && PyDict_GET_SIZE(mapping) != 0) {
        note_keys(request, kind, mapping);
    }
    return mapping != NULL;
}

static __attribute__((noinline)) void note_body(struct hp_cap_request *request, PyObject *cached)
{
    if (!PyTuple_Check(cached) || PyTuple_GET_SIZE(cached) != 2) {
        return;
    }
    PyObject *body = PyTuple_GET_ITEM(cached, 0);
    body = body == Py_Ellipsis ? PyTuple_GET_ITEM(cached, 1) : body;
    if (PyDict_Check(body)) {
        note_keys(request, HP_X_FACT_JSON, body);
    } else if (body != Py_Ellipsis && body != Py_None) {
        note_value(request, HP_X_FACT_JSON, (struct hp_span8){"<body>", 6}, body);
    }
}

/* ---- query ---- */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* What a piece of a query stands for. New reference, or NULL with an exception. */
static PyObject *decoded(struct hp_span8 piece)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)piece.n); /* it never gets longer */
    if (bytes == NULL) {
        return NULL;
    }
    char *out = PyBytes_AS_STRING(bytes);
    size_t n = 0;
    for (size_t i = 0; i < piece.n; i++) {
        bool escaped =
            piece.p[i] == '%' && i + 2 < piece.n && hex(piece.p[i + 1]) >= 0 && hex(piece.p[i + 2]) >= 0;
        if (escaped) {
            out[n++] = (char)(hex(piece.p[i + 1]) * 16 + hex(piece.p[i + 2]));
            i += 2;
        } else {
            out[n++] = piece.p[i] == '+' ? ' ' : piece.p[i];
        }
    }
    PyObject *text = PyUnicode_DecodeUTF8(out, (Py_ssize_t)n, "replace");
    Py_DECREF(bytes);
    return text;
}

static struct hp_span8 until(struct hp_span8 *rest, char end)
{
    const char *found = rest->n != 0 ? memchr(rest->p, end, rest->n) : NULL;
    struct hp_span8 piece = {rest->p, found != NULL ? (size_t)(found - rest->p) : rest->n};
    size_t skip = piece.n + (found != NULL);
    *rest = (struct hp_span8){rest->p + skip, rest->n - skip};
    return piece;
}

static __attribute__((noinline)) void note_pieces(struct hp_cap_request *request, struct hp_span8 query)
{
    uint32_t n = 0, more = 0;
    while (query.n != 0) {
        struct hp_span8 value = until(&query, '&');
        struct hp_span8 key = until(&value, '=');
        if (n == MOST_KEYS) {
            more++;
            continue;
        }
        PyObject *name = decoded(key), *text = decoded(value);
        if (name != NULL && text != NULL && PyUnicode_GET_LENGTH(name) != 0) {
            note_value(request, HP_X_FACT_QUERY, hp_utf8(name), text);
            n++;
        } else {
            hp_swallow();
        }
        Py_XDECREF(name);
        Py_XDECREF(text);
    }
    hp_cap_request_left_out(request, more);
}

static void note_query(struct hp_cap_request *request, PyObject *flask_request)
{
    PyObject *bytes = hp_own(flask_request, str_query); /* borrowed */
    if (bytes != NULL && PyBytes_Check(bytes) && PyBytes_GET_SIZE(bytes) != 0) {
        note_pieces(request, (struct hp_span8){PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes)});
    }
}

/* ---- a request ---- */

void hp_inputs_note(struct hp_cap_request *request, PyObject *flask_request)
{
    if (!hp_cap_request_detailed(request)) {
        return;
    }
    if (hp_raises_on_purpose()) {
        hp_swallow();
        return;
    }
    (void)note_part(request, HP_X_FACT_ARGUMENT, flask_request, str_view_args);
    note_query(request, flask_request);
    if (note_part(request, HP_X_FACT_FORM, flask_request, str_form)) {
        (void)note_part(request, HP_X_FACT_FORM, flask_request, str_files);
    }
    PyObject *cached = hp_own(flask_request, str_json); /* borrowed */
    if (cached != NULL) {
        note_body(request, cached);
    }
}

int hp_inputs_init(void)
{
    static const struct {
        PyObject **where;
        const char *text;
    } names[] = {{&str_query, "query_string"},
                 {&str_view_args, "view_args"},
                 {&str_form, "form"},
                 {&str_files, "files"},
                 {&str_json, "_cached_json"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (*names[i].where == NULL &&
            (*names[i].where = PyUnicode_InternFromString(names[i].text)) == NULL) {
            return -1;
        }
    }
    return 0;
}
