/* toolbar.c -- the toolbar's element in an HTML page: which responses get it, and how they keep their form.
 *
 * A finished response of Flask's is looked at, the cheap things first: one bytes object that is a whole
 * document (hotplate/ext/toolbar.h), text/html, and nothing about it that says its bytes matter to somebody
 * else (an encoding, a tag or digest made of them, a range, a cache that is shared). Only then it is asked
 * whether who wants it may see a toolbar. Streams, files, fragments and everything of other types never
 * change.
 */
#include "hotplate/ext/toolbar.h"
#include "serve.h"
#include "wrap.h"

#include <stdlib.h>
#include <string.h>

#define ROOM 4096

static PyObject *str_response, *str_headers, *str_status_code, *str_passthrough, *str_content_length,
    *str_script_name, *str_method, *str_with, *str_htmx, *str_dest; /* owned */

static struct hp_span8 spanned(PyObject *bytes)
{
    return (struct hp_span8){PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes)};
}

/* ---- the response ---- */

/* The one bytes object that the whole body is, and where the element goes in it. New reference; NULL (no
 * exception): it is no such body. */
static PyObject *document_of(PyObject *response, size_t *at)
{
    PyObject *list = hp_attribute(response, str_response);
    PyObject *body = list != NULL && PyList_CheckExact(list) && PyList_GET_SIZE(list) == 1
                         ? Py_NewRef(PyList_GET_ITEM(list, 0))
                         : NULL;
    if (body != NULL && (!PyBytes_CheckExact(body) || !hp_toolbar_place(spanned(body), at))) {
        Py_CLEAR(body);
    }
    Py_XDECREF(list);
    return body;
}

static bool has_plain_status(PyObject *response)
{
    PyObject *code = hp_attribute(response, str_status_code);
    long status = code != NULL && PyLong_Check(code) ? PyLong_AsLong(code) : 0;
    Py_XDECREF(code);
    return status == 200 ||
           (status > 200 && status < 300 && status != 204 && status != 205 && status != 206) ||
           (status >= 400 && status < 600);
}

static bool is_passed_through(PyObject *response)
{
    PyObject *passed = hp_attribute(response, str_passthrough);
    bool yes = passed != Py_False;
    Py_XDECREF(passed);
    return yes;
}

/* ---- its headers ---- */

struct header_facts {
    bool html, refused, counted; /* counted: there is a Content-Length, and it is right */
    size_t body_bytes;
    struct hp_toolbar_policy policy;
};

static bool is_named(struct hp_span8 name, const char *wanted)
{
    size_t n = strlen(wanted);
    return name.n == n && PyOS_mystrnicmp(name.p, wanted, (Py_ssize_t)n) == 0;
}

static bool holds(struct hp_span8 text, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= text.n; i++) {
        if (PyOS_mystrnicmp(text.p + i, word, (Py_ssize_t)n) == 0) {
            return true;
        }
    }
    return false;
}

/* A length, or a number that is no length of a body in memory. */
static size_t number_of(struct hp_span8 text)
{
    size_t number = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || i > 17) {
            return SIZE_MAX;
        }
        number = number * 10 + (size_t)(text.p[i] - '0');
    }
    return text.n == 0 ? SIZE_MAX : number;
}

static bool is_html(struct hp_span8 type)
{
    return type.n >= 9 && PyOS_mystrnicmp(type.p, "text/html", 9) == 0 &&
           (type.n == 9 || type.p[9] == ';' || type.p[9] == ' ') && !holds(type, "utf-16") &&
           !holds(type, "utf-32");
}

static void read_header(struct header_facts *facts, struct hp_span8 name, struct hp_span8 value)
{
    /* Made of the bytes as they are, or about a part of them. */
    static const char *const bound[] = {
        "Content-Encoding", "Content-Range", "Transfer-Encoding", "ETag",     "Digest",
        "Content-Digest",   "Repr-Digest",   "Content-MD5",       "Signature"};
    for (size_t i = 0; i < sizeof bound / sizeof bound[0]; i++) {
        facts->refused |= is_named(name, bound[i]);
    }
    if (is_named(name, "Content-Type")) {
        facts->html = is_html(value);
    } else if (is_named(name, "Content-Length")) {
        facts->counted = true;
        facts->refused |= number_of(value) != facts->body_bytes;
    } else if (is_named(name, "Cache-Control")) { /* one person's toolbar must not be everybody's */
        facts->refused |= holds(value, "public") || holds(value, "s-maxage") || holds(value, "no-transform");
    } else if (is_named(name, "Content-Disposition")) {
        facts->refused |= holds(value, "attachment");
    } else if (is_named(name, "Content-Security-Policy")) {
        hp_toolbar_policy(&facts->policy, value);
    }
}

/* False with an exception, or when these are not headers as werkzeug has them. */
static bool read_headers(PyObject *headers, struct header_facts *facts)
{
    PyObject *iterator = PyObject_GetIter(headers);
    bool fine = iterator != NULL;
    PyObject *pair = NULL;
    while (fine && (pair = PyIter_Next(iterator)) != NULL) {
        fine = PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2;
        if (fine) {
            read_header(facts, hp_utf8(PyTuple_GET_ITEM(pair, 0)), hp_utf8(PyTuple_GET_ITEM(pair, 1)));
        }
        Py_DECREF(pair);
    }
    Py_XDECREF(iterator);
    return fine && !PyErr_Occurred();
}

/* ---- who asks ---- */

/* A page that a person looks at: not a script's request for a part of one, not a frame within. */
static bool asks_for_page(PyObject *wsgi_environ)
{
    struct hp_span8 method = hp_utf8(PyDict_GetItem(wsgi_environ, str_method));
    struct hp_span8 dest = hp_utf8(PyDict_GetItem(wsgi_environ, str_dest));
    return !is_named(method, "HEAD") && PyDict_GetItem(wsgi_environ, str_htmx) == NULL &&
           !is_named(hp_utf8(PyDict_GetItem(wsgi_environ, str_with)), "XMLHttpRequest") &&
           (dest.n == 0 || is_named(dest, "document"));
}

/* What auth= does, statements and all, is for us and not the request's: its lane is out meanwhile. */
static bool may_see(const struct hp_mount *mount, PyObject *wsgi_environ)
{
    struct hp_lane_scope scope;
    struct hp_cap_clock clock;
    struct hp_cap_lane *lane = hp_lane_current();
    hp_cap_clock_read(lane, NULL, &clock);
    hp_cap_lane_out(lane, &clock);
    hp_lane_push(&scope, NULL, false);
    PyObject *verdict = PyObject_CallOneArg(mount->shows, wsgi_environ);
    hp_lane_pop(&scope);
    hp_cap_clock_read(NULL, lane, &clock);
    hp_cap_lane_in(lane, &clock);
    bool yes = verdict == Py_True;
    Py_XDECREF(verdict);
    return yes && !PyErr_Occurred();
}

/* ---- putting it in ---- */

/* The element for this application and request, as long as `room`; 0, perhaps with an exception: there is
 * none. */
static size_t element_of(const struct hp_mount *mount, PyObject *wsgi_environ, const char *nonce, uint64_t id,
                         char *out, size_t room)
{
    PyObject *script_name = PyDict_GetItem(wsgi_environ, str_script_name);
    PyObject *outer = script_name == NULL ? PyBytes_FromString("") : PyUnicode_AsLatin1String(script_name);
    PyObject *root =
        outer == NULL ? NULL : PyBytes_FromFormat("%s%s/", PyBytes_AS_STRING(outer), mount->prefix);
    size_t n = root == NULL ? 0 : hp_toolbar_element(spanned(root), id, nonce, out, room);
    Py_XDECREF(root);
    Py_XDECREF(outer);
    return n;
}

/* A list of the body with the element in it. New reference, or NULL with an exception. */
static PyObject *joined(PyObject *body, size_t at, const char *element, size_t n)
{
    struct hp_span8 old = spanned(body);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(old.n + n));
    if (bytes == NULL) {
        return NULL;
    }
    char *out = PyBytes_AS_STRING(bytes);
    memcpy(out, old.p, at);
    memcpy(out + at, element, n);
    memcpy(out + at + n, old.p + at, old.n - at);
    PyObject *list = PyList_New(1);
    if (list == NULL) {
        Py_DECREF(bytes);
        return NULL;
    }
    PyList_SET_ITEM(list, 0, bytes);
    return list;
}

/* Give the response the new body and, if it tells one, its length; both or neither. False with an
 * exception. */
static bool replace(PyObject *response, PyObject *headers, PyObject *list, bool counted)
{
    PyObject *old = PyObject_GetAttr(response, str_response);
    if (old == NULL || PyObject_SetAttr(response, str_response, list) != 0) {
        Py_XDECREF(old);
        return false;
    }
    PyObject *length = counted ? PyUnicode_FromFormat("%zd", PyBytes_GET_SIZE(PyList_GET_ITEM(list, 0)))
                               : Py_NewRef(Py_None);
    bool fine = length != NULL && !hp_raises_on_purpose() &&
                (!counted || PyObject_SetItem(headers, str_content_length, length) == 0);
    if (!fine) {
        struct hp_pending pending = hp_pending_save();
        if (PyObject_SetAttr(response, str_response, old) != 0) {
            PyErr_Clear();
        }
        hp_pending_restore(pending);
    }
    Py_XDECREF(length);
    Py_DECREF(old);
    return fine;
}

static void add(const struct hp_mount *mount, PyObject *wsgi_environ, PyObject *response, PyObject *body,
                size_t at, uint64_t id)
{
    char element[ROOM];
    struct header_facts facts = {.body_bytes = (size_t)PyBytes_GET_SIZE(body)};
    PyObject *headers = hp_raises_on_purpose() ? NULL : PyObject_GetAttr(response, str_headers);
    PyObject *list = NULL;
    if (headers != NULL && read_headers(headers, &facts) && facts.html && !facts.refused &&
        !facts.policy.closed && may_see(mount, wsgi_environ)) {
        size_t n = element_of(mount, wsgi_environ, facts.policy.nonce, id, element, sizeof element);
        list = n == 0 ? NULL : joined(body, at, element, n);
    }
    if (list != NULL) {
        (void)replace(response, headers, list, facts.counted);
    }
    Py_XDECREF(list);
    Py_XDECREF(headers);
}

int hp_toolbar_add(PyObject *app, PyObject *wsgi_environ, PyObject *response,
                   const struct hp_cap_request *request)
{
    const struct hp_mount *mount = hp_serve_mount(app);
    size_t at = 0;
    if (mount == NULL || mount->shows == NULL || (mount->only_debug && !hp_app_debug(app)) ||
        !PyDict_Check(wsgi_environ)) {
        return 0;
    }
    struct hp_pending pending = hp_pending_save();
    PyObject *body = document_of(response, &at);
    if (body != NULL && has_plain_status(response) && !is_passed_through(response) &&
        asks_for_page(wsgi_environ)) {
        add(mount, wsgi_environ, response, body, at, hp_cap_request_id(request));
    }
    Py_XDECREF(body);
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception)) {
        return -1; /* nothing was pending: there is a response */
    }
    hp_swallow();
    hp_pending_restore(pending);
    return 0;
}

int hp_toolbar_init(void)
{
    static const struct {
        PyObject **where;
        const char *text;
    } names[] = {{&str_response, "response"},
                 {&str_headers, "headers"},
                 {&str_status_code, "status_code"},
                 {&str_passthrough, "direct_passthrough"},
                 {&str_content_length, "Content-Length"},
                 {&str_script_name, "SCRIPT_NAME"},
                 {&str_method, "REQUEST_METHOD"},
                 {&str_with, "HTTP_X_REQUESTED_WITH"},
                 {&str_htmx, "HTTP_HX_REQUEST"},
                 {&str_dest, "HTTP_SEC_FETCH_DEST"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (*names[i].where == NULL &&
            (*names[i].where = PyUnicode_InternFromString(names[i].text)) == NULL) {
            return -1;
        }
    }
    return 0;
}
