/* serve.c -- the dashboard within the application: where it is mounted, and its answers, made without the
 * GIL.
 *
 * A mounted path is looked for before anything else is done with a request, so that requests for the
 * dashboard are neither recorded nor counted, and nothing of the application runs for them but the authoriser
 * (python/hotplate/_dashboard.py).
 */
#include "serve.h"

#include <string.h>

#include "hotplate/ext/serve.h"

#define MOUNTS       16
#define HEADERS_MOST 64
#define CAPSULE      "_hotplate.dashboard"

static struct hp_mount mounts[MOUNTS];
static size_t mount_count;
static PyObject *str_path; /* owned */

PyObject *hp_serve_mounted(PyObject *app, PyObject *wsgi_environ)
{
    if (mount_count == 0) {
        return NULL;
    }
    struct hp_span8 text = hp_utf8(hp_dict_find(wsgi_environ, str_path));
    for (size_t i = 0; i < mount_count && text.n != 0; i++) {
        const struct hp_mount *mount = &mounts[i];
        size_t n = mount->prefix_bytes;
        if (mount->app == app && text.n >= n && memcmp(text.p, mount->prefix, n) == 0 &&
            (text.n == n || text.p[n] == '/')) {
            return mount->answer;
        }
    }
    return NULL;
}

const struct hp_mount *hp_serve_mount(PyObject *app)
{
    for (size_t i = 0; i < mount_count; i++) {
        if (mounts[i].app == app) {
            return &mounts[i];
        }
    }
    return NULL;
}

PyDoc_STRVAR(mount_doc,
             "dashboard_mount(app, prefix, answer, shows=None, only_debug=True) -> None\n\nRequests of this "
             "application for prefix and below go to the WSGI callable\nanswer, unrecorded. At most 16. "
             "shows: callable(environ) -> bool, whether who asks may see\nthe toolbar, None for nobody; "
             "only_debug: only while app.debug.");

static PyObject *dashboard_mount(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *app, *answer, *shows = Py_None;
    const char *prefix;
    int only_debug = 1;
    if (!PyArg_ParseTuple(args, "OsO|Op", &app, &prefix, &answer, &shows, &only_debug)) {
        return NULL;
    }
    size_t n = strlen(prefix);
    if (mount_count == MOUNTS || n < 2 || n >= sizeof mounts[0].prefix || prefix[0] != '/' ||
        prefix[n - 1] == '/') {
        PyErr_SetString(PyExc_ValueError,
                        "hotplate: the dashboard's path is like /hotplate, on 16 applications");
        return NULL;
    }
    struct hp_mount *mount = &mounts[mount_count++];
    mount->app = Py_NewRef(app);
    mount->answer = Py_NewRef(answer);
    mount->shows = shows == Py_None ? NULL : Py_NewRef(shows);
    mount->only_debug = only_debug != 0;
    memcpy(mount->prefix, prefix, n + 1);
    mount->prefix_bytes = n;
    Py_RETURN_NONE;
}

/* ---- answers ---- */

static void free_capsule(PyObject *capsule)
{
    hp_serve_free(PyCapsule_GetPointer(capsule, CAPSULE));
}

PyDoc_STRVAR(
    open_doc,
    "dashboard_open(store, token, read_token, secret, hint) -> object\n\nWhat dashboard_answer needs; of "
    "this process, not of its children.");

static PyObject *dashboard_open(PyObject *self, PyObject *args)
{
    (void)self;
    const char *store, *token, *read_token, *secret, *hint;
    if (!PyArg_ParseTuple(args, "szzzs", &store, &token, &read_token, &secret, &hint)) {
        return NULL;
    }
    struct hp_serve *serve = hp_serve_new(store, token, read_token, secret, hint);
    if (serve == NULL) {
        return PyErr_NoMemory();
    }
    PyObject *capsule = PyCapsule_New(serve, CAPSULE, free_capsule);
    if (capsule == NULL) {
        hp_serve_free(serve);
    }
    return capsule;
}

/* Texts stay borrowed from the list. 0, or -1 with an exception. */
static int take_headers(PyObject *list, struct hp_serve_header headers[HEADERS_MOST], size_t *count)
{
    *count = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list) && *count < HEADERS_MOST; i++) {
        const char *name, *value;
        Py_ssize_t name_n, value_n;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(list, i), "s#s#", &name, &name_n, &value, &value_n)) {
            return -1;
        }
        headers[(*count)++] = (struct hp_serve_header){{name, (size_t)name_n}, {value, (size_t)value_n}};
    }
    return 0;
}

static PyObject *build(const struct hp_serve_answer *answer)
{
    PyObject *headers = PyList_New(0);
    for (size_t i = 0; headers != NULL && i < answer->header_count; i++) {
        const struct hp_serve_header *header = &answer->headers[i];
        PyObject *pair = Py_BuildValue("(s#s#)", header->name.p, (Py_ssize_t)header->name.n, header->value.p,
                                       (Py_ssize_t)header->value.n);
        if (pair == NULL || PyList_Append(headers, pair) != 0) {
            Py_CLEAR(headers);
        }
        Py_XDECREF(pair);
    }
    return headers == NULL
               ? NULL
               : Py_BuildValue("(iNy#)", answer->status, headers,
                               answer->body.p != NULL ? answer->body.p : "", (Py_ssize_t)answer->body.n);
}

PyDoc_STRVAR(answer_doc,
             "dashboard_answer(dashboard, method, path, query, headers, body, peer, direct, granted)\n"
             "    -> (status, [(name, value)], bytes)\n\nheaders: a list of (name, value).");

static PyObject *dashboard_answer(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *capsule, *list;
    Py_ssize_t sizes[5];
    int direct, granted;
    struct hp_serve_header headers[HEADERS_MOST];
    struct hp_serve_request request = {.headers = headers};
    struct hp_serve_answer answer;
    if (!PyArg_ParseTuple(args, "Os#s#s#O!y#s#pp", &capsule, &request.method.p, &sizes[0], &request.path.p,
                          &sizes[1], &request.query.p, &sizes[2], &PyList_Type, &list, &request.body.p,
                          &sizes[3], &request.peer.p, &sizes[4], &direct, &granted)) {
        return NULL;
    }
    struct hp_serve *serve = PyCapsule_GetPointer(capsule, CAPSULE);
    if (serve == NULL || take_headers(list, headers, &request.header_count) != 0) {
        return NULL;
    }
    request.method.n = (size_t)sizes[0];
    request.path.n = (size_t)sizes[1];
    request.query.n = (size_t)sizes[2];
    request.body.n = (size_t)sizes[3];
    request.peer.n = (size_t)sizes[4];
    request.direct = direct != 0;
    request.granted = granted != 0;
    Py_BEGIN_ALLOW_THREADS;
    hp_serve_answer(serve, &request, &answer);
    Py_END_ALLOW_THREADS;
    PyObject *result = build(&answer);
    hp_serve_answer_free(&answer);
    return result;
}

PyDoc_STRVAR(admits_doc, "dashboard_admits(dashboard, headers, peer, direct) -> bool\n\nWhether it would "
                         "let in who asks with these headers.");

static PyObject *dashboard_admits(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *capsule, *list;
    Py_ssize_t peer_n;
    int direct;
    struct hp_serve_header headers[HEADERS_MOST];
    struct hp_serve_request request = {.headers = headers};
    if (!PyArg_ParseTuple(args, "OO!s#p", &capsule, &PyList_Type, &list, &request.peer.p, &peer_n, &direct)) {
        return NULL;
    }
    const struct hp_serve *serve = PyCapsule_GetPointer(capsule, CAPSULE);
    if (serve == NULL || take_headers(list, headers, &request.header_count) != 0) {
        return NULL;
    }
    request.peer.n = (size_t)peer_n;
    request.direct = direct != 0;
    return PyBool_FromLong(hp_serve_admits(serve, &request));
}

static PyMethodDef functions[] = {
    {"dashboard_mount", dashboard_mount, METH_VARARGS, mount_doc},
    {"dashboard_open", dashboard_open, METH_VARARGS, open_doc},
    {"dashboard_answer", dashboard_answer, METH_VARARGS, answer_doc},
    {"dashboard_admits", dashboard_admits, METH_VARARGS, admits_doc},
    {NULL, NULL, 0, NULL},
};

int hp_serve_init(PyObject *module)
{
    if (str_path == NULL && (str_path = PyUnicode_InternFromString("PATH_INFO")) == NULL) {
        return -1;
    }
    return hp_toolbar_init() != 0 ? -1 : PyModule_AddFunctions(module, functions);
}
