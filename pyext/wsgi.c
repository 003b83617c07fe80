/* wsgi.c -- a request begins when a Flask application is called and ends at the last byte of its body.
 *
 *   server ── Flask.__call__ (CallWrapper) ── the application
 *      │             │ start_response is a StartResponse: adds X-Hotplate-Id and, where allowed, Server-Timing
 *      └── iterates Body ── the application's iterable
 *
 * The wrappers sit on the class (Flask.__call__ and Flask.wsgi_app), so applications made before and after are caught, middleware
 * around wsgi_app is inside, and the outermost call wins. Bodies that servers look into go through unwrapped (trap 28): lists, tuples and
 * whatever has a length, wsgi.file_wrapper's, and file-like objects; such a request ends when the call returns, and says so.
 * On any failure of ours the application is called as if we were not there.
 */
#include "hotplate/ext/waits.h"
#include "notes.h"
#include "serve.h"

#include <endian.h>
#include <string.h>

/* ---- what the three objects of one request share ---- */

typedef struct {
    PyObject_HEAD struct hp_cap_request *request; /* NULL once finished */
    PyObject *env;                                /* owned */
    PyObject *app;                                /* owned; for the route */
    PyObject *done;                               /* owned or NULL: the drop-in middleware's callback */
    uint64_t started;                             /* ticks */
    bool want_c, timing, routed, deep;
} Call;

static PyObject *call_type, *start_response_type, *body_type, *wrapper_type; /* owned */

static struct {
    PyObject *scope;      /* owned or NULL: callable(method, path) -> bool, False = leave this request out */
    unsigned long sample; /* 1 in so many */
    unsigned long turn;
    int timing; /* 0 never, 1 debug or loopback, 2 always */
    int kind;
} options = {NULL, 1, 0, 1, 0};

static PyObject *str_forwarded[3], *str_config, *str_DEBUG, *str_id, *str_timing, *str_method, *str_path,
    *str_length, *str_file_wrapper, *str_read, *str_close, *str_debug, *str_remote, *str_left_out,
    *str_request;

/* Swallow an exception of our own making; counted. */
static void swallow(void)
{
    if (PyErr_Occurred()) {
        PyErr_Clear();
        hp_cap_error(hp_ext.cap);
    }
}

bool hp_raises_on_purpose(void)
{
    if (!hp_cap_callback_fails(hp_ext.cap)) {
        return false;
    }
    PyErr_SetString(PyExc_RuntimeError, "hotplate: a callback failed on purpose");
    return true;
}

static void take_route(Call *call)
{
    if (call->routed || call->request == NULL) {
        return;
    }
    call->routed = true;
    if (hp_raises_on_purpose() || hp_flask_route(call->env, call->app, call->request) != 0) {
        swallow();
    }
}

static void note_exception(struct hp_cap_request *request, const struct hp_pending *pending)
{
    if (pending->value != NULL && PyExceptionInstance_Check(pending->value)) {
        if (pending->traceback != NULL) { /* before 3.12 it is not on the exception yet */
            (void)PyException_SetTraceback(pending->value, pending->traceback);
        }
        hp_note_exception(request, pending->value);
        return;
    }
    const char *name = pending->type != NULL ? ((PyTypeObject *)pending->type)->tp_name : "";
    hp_cap_request_exception(request, hp_cap_string(hp_ext.cap, (struct hp_span8){name, strlen(name)}), 0);
    hp_cap_request_flag(request, HP_X_REQ_EXCEPTION);
}

/* The end of a request of the drop-in middleware, which is told. */
static void finish_profile(Call *call, struct hp_cap_request *request)
{
    double elapsed_s = (double)hp_cap_ns(hp_cap_ticks() - call->started) / 1e9;
    uint8_t *profile = NULL;
    size_t size = 0;
    if (hp_cap_request_pstats(request, false, &profile, &size) != HP_OK) {
        hp_cap_error(hp_ext.cap);
        profile = NULL;
    }
    hp_cap_request_finish(request);
    if (profile != NULL) {
        PyObject *result = PyObject_CallFunction(call->done, "Oy#d", call->env, (const char *)profile,
                                                 (Py_ssize_t)size, elapsed_s);
        Py_XDECREF(result);
        swallow();
    }
    hp_cap_bytes_free(profile);
}

/* The end, once. The pending exception survives. */
static void finish(Call *call)
{
    struct hp_cap_request *request = call->request;
    if (request == NULL) {
        return;
    }
    if (call->routed && call->done == NULL && !hp_cap_request_goes_on(request)) { /* nothing of Python runs */
        call->request = NULL;
        hp_cap_request_finish(request);
        return;
    }
    struct hp_pending pending = hp_pending_save();
    take_route(call);
    PyObject *flask_request =
        PyDict_Check(call->env) ? PyDict_GetItem(call->env, str_request) : NULL; /* borrowed */
    if (hp_cap_request_ends(request, flask_request)) { /* its context was kept beyond the end */
        hp_inputs_note(request, flask_request);
    }
    call->request = NULL;
    if (call->done != NULL) {
        finish_profile(call, request);
    } else {
        hp_cap_request_finish(request);
    }
    hp_pending_restore(pending);
}

static void call_dealloc(Call *self)
{
    PyTypeObject *type = Py_TYPE(self);
    finish(self);
    if (self->deep) {
        hp_deep_end();
    }
    Py_CLEAR(self->env);
    Py_CLEAR(self->app);
    Py_CLEAR(self->done);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

/* ---- current lane around each stretch of the application ---- */

struct stretch {
    struct hp_lane_scope scope;
};

static void stretch_begin(struct stretch *stretch, Call *call)
{
    struct hp_cap_lane *lane = hp_cap_request_lane(call->request);
    hp_lane_push(&stretch->scope, lane, call->want_c);
    hp_cap_lane_root_frame(lane, hp_frame_current(hp_tls.tstate));
    hp_tracer_thread_begin();
}

static void stretch_end(struct stretch *stretch)
{
    hp_tracer_thread_end();
    hp_lane_pop(&stretch->scope);
}

/* ---- start_response ---- */

typedef struct {
    PyObject_HEAD PyObject *original; /* owned */
    Call *call;                       /* owned */
    vectorcallfunc vectorcall;
} StartResponse;

static void start_response_dealloc(StartResponse *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_CLEAR(self->original);
    Py_CLEAR(self->call);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static int status_of(PyObject *line)
{
    struct hp_span8 text = hp_utf8(line);
    if (text.n < 3 || text.p[0] < '1' || text.p[0] > '9' || text.p[1] < '0' || text.p[1] > '9' ||
        text.p[2] < '0' || text.p[2] > '9') {
        return 0;
    }
    return (text.p[0] - '0') * 100 + (text.p[1] - '0') * 10 + (text.p[2] - '0');
}

/* Eight hex digits of a number, the first one lowest in memory: a nibble to each byte, all at once. */
static uint64_t hex8(uint32_t number)
{
    uint64_t x = number;
    x = (x << 16 | x) & 0x0000FFFF0000FFFFu;
    x = (x << 8 | x) & 0x00FF00FF00FF00FFu;
    x = (x << 4 | x) & 0x0F0F0F0F0F0F0F0Fu;
    uint64_t is_letter = (x + 0x0606060606060606u) >> 4 & 0x0101010101010101u;
    return htobe64(x + 0x3030303030303030u + is_letter * ('a' - '0' - 10));
}

/* Sixteen hex digits, by hand: printf would take a good part of what a bare request costs. */
static void show_id(uint64_t id, char text[16])
{
    uint64_t halves[2] = {hex8((uint32_t)(id >> 32)), hex8((uint32_t)id)};
    memcpy(text, halves, sizeof halves);
}

static char *put_text(char *at, const char *text)
{
    size_t n = strlen(text);
    memcpy(at, text, n + 1);
    return at + n;
}

static char *put_number(char *at, uint64_t number, int least_digits)
{
    char digits[20];
    int n = 0;
    for (; number != 0 || n < least_digits; number /= 10) {
        digits[n++] = (char)('0' + number % 10);
    }
    while (n > 0) {
        *at++ = digits[--n];
    }
    return at;
}

/* Milliseconds to the microsecond, as "name;dur=12.345". */
static char *put_duration(char *at, const char *name, uint64_t ns)
{
    at = put_number(put_text(at, name), ns / 1000000, 1);
    *at++ = '.';
    return put_number(at, ns / 1000 % 1000, 3);
}

/* `total;dur, app;dur, db;dur;desc="41 queries", request;desc="ID"` as it stands when the headers go out. The id is there for pages, whose scripts cannot read
 * the headers of an image or of themselves. Not by printf: it would cost more than
 * all the rest of a bare request, and the process's locale must not turn the point into a comma. New reference or NULL. */
static PyObject *timing_text(const struct hp_cap_request *request)
{
    uint64_t wall_ns = 0, sql_ns = 0;
    uint32_t queries = 0;
    char text[240]; /* at most 198: five numbers of 20 digits, the id and our words */
    hp_cap_request_so_far(request, &wall_ns, &sql_ns, &queries);
    char *at = put_duration(text, "total;dur=", wall_ns);
    uint64_t queue_ns = hp_cap_request_queued(request);
    if (queue_ns != UINT64_MAX) {
        at = put_duration(at, ", queue;dur=", queue_ns);
    }
    at = put_duration(at, ", app;dur=", wall_ns > sql_ns ? wall_ns - sql_ns : 0);
    at = put_duration(at, ", db;dur=", sql_ns);
    at = put_number(put_text(at, ";desc=\""), queries, 1);
    at = put_text(at, queries == 1 ? " query\"" : " queries\"");
    at = put_text(at, ", request;desc=\"");
    show_id(hp_cap_request_id(request), at);
    at[16] = '"';
    return PyUnicode_FromStringAndSize(text, at + 17 - text);
}

/* New reference or NULL. */
static PyObject *id_text(const struct hp_cap_request *request)
{
    PyObject *text = PyUnicode_New(16, 127);
    if (text != NULL) {
        show_id(hp_cap_request_id(request), (char *)PyUnicode_1BYTE_DATA(text));
    }
    return text;
}

/* (name, value); takes the reference to the value, which may be NULL. New reference or NULL. */
static PyObject *header(PyObject *name, PyObject *value)
{
    PyObject *pair = value == NULL ? NULL : PyTuple_New(2);
    if (pair == NULL) {
        Py_XDECREF(value);
        return NULL;
    }
    PyTuple_SET_ITEM(pair, 0, Py_NewRef(name));
    PyTuple_SET_ITEM(pair, 1, value);
    return pair;
}

/* A copy of the headers with ours; NULL (no exception) when the application's go out untouched. */
static PyObject *headers_with_ours(Call *call, PyObject *headers)
{
    if (!PyList_CheckExact(headers)) {
        return NULL;
    }
    const struct hp_cap_request *request = call->request;
    PyObject *id = hp_raises_on_purpose() ? NULL : header(str_id, id_text(request));
    PyObject *timing = id != NULL && call->timing ? header(str_timing, timing_text(request)) : NULL;
    Py_ssize_t n = PyList_GET_SIZE(headers);
    PyObject *copy =
        id == NULL || (call->timing && timing == NULL) ? NULL : PyList_New(n + 1 + (timing != NULL));
    if (copy == NULL) {
        Py_XDECREF(id);
        Py_XDECREF(timing);
        swallow();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyList_SET_ITEM(copy, i, Py_NewRef(PyList_GET_ITEM(headers, i)));
    }
    PyList_SET_ITEM(copy, n, id);
    if (timing != NULL) {
        PyList_SET_ITEM(copy, n + 1, timing);
    }
    return copy;
}

static PyObject *start_response_call(PyObject *object, PyObject *const *args, size_t nargsf, PyObject *names)
{
    StartResponse *self = (StartResponse *)object;
    Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    PyObject *headers = NULL;
    if (self->call->request != NULL && self->call->done == NULL && names == NULL && n >= 2 && n <= 3) {
        hp_cap_request_status(self->call->request, status_of(args[0]));
        headers = headers_with_ours(self->call, args[1]);
    } else if (self->call->request != NULL && n >= 1) {
        hp_cap_request_status(self->call->request, status_of(args[0]));
    }
    if (headers == NULL) {
        return PyObject_Vectorcall(self->original, args, (size_t)n, names);
    }
    PyObject *ours[3] = {args[0], headers, n == 3 ? args[2] : NULL};
    PyObject *write = PyObject_Vectorcall(self->original, ours, (size_t)n, NULL);
    Py_DECREF(headers);
    return write;
}

/* ---- the body ---- */

typedef struct {
    PyObject_HEAD PyObject *iterable; /* owned: what the application returned */
    PyObject *iterator;               /* owned; NULL before the first next */
    Call *call;                       /* owned */
    bool ended;                       /* StopIteration or an exception was seen */
    bool closed;
} Body;

static void body_dealloc(Body *self)
{
    PyTypeObject *type = Py_TYPE(self);
    if (self->call != NULL && self->call->request != NULL && !self->ended) {
        hp_cap_request_flag(self->call->request, HP_X_REQ_ABORTED);
    }
    Py_CLEAR(self->iterator);
    Py_CLEAR(self->iterable);
    if (self->call != NULL) {
        finish(self->call);
    }
    Py_CLEAR(self->call);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static void count_chunk(Call *call, PyObject *chunk)
{
    if (PyBytes_Check(chunk) && PyBytes_GET_SIZE(chunk) > 0) {
        hp_cap_request_first_byte(call->request);
        hp_cap_request_bytes(call->request, -1, PyBytes_GET_SIZE(chunk));
    }
}

static PyObject *body_next(Body *self)
{
    struct stretch stretch;
    bool watched = self->call->request != NULL;
    if (watched) {
        stretch_begin(&stretch, self->call);
    }
    if (self->iterator == NULL) {
        self->iterator = PyObject_GetIter(self->iterable);
    }
    PyObject *chunk = self->iterator == NULL ? NULL : Py_TYPE(self->iterator)->tp_iternext(self->iterator);
    if (watched) {
        stretch_end(&stretch);
    }
    if (self->call->request == NULL) {
        return chunk;
    }
    if (chunk != NULL) {
        count_chunk(self->call, chunk);
        return chunk;
    }
    self->ended = true;
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_StopIteration)) {
        struct hp_pending pending = hp_pending_save();
        note_exception(self->call->request, &pending);
        hp_pending_restore(pending);
    }
    return NULL;
}

/* Whether it is certain that this attribute is a method of the object's class, or of the object itself: then it can be called without being bound before. */
static bool is_plain_method(PyObject *object, PyObject *name)
{
    PyObject *found = Py_TYPE(object)->tp_getattro == PyObject_GenericGetAttr
                          ? _PyType_Lookup(Py_TYPE(object), name)
                          : NULL;
    return found != NULL && PyType_HasFeature(Py_TYPE(found), Py_TPFLAGS_METHOD_DESCRIPTOR);
}

/* close() of the application's iterable, if it has one: its result, None, or NULL with an exception. */
static PyObject *close_iterable(Body *self)
{
    PyObject *close = NULL;
    bool is_method = is_plain_method(self->iterable, str_close);
    if (!is_method && hp_lookup_attr(self->iterable, str_close, &close) <= 0) {
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    }
    struct stretch stretch;
    bool watched = self->call->request != NULL;
    if (watched) {
        stretch_begin(&stretch, self->call);
    }
    PyObject *result =
        is_method ? PyObject_CallMethodNoArgs(self->iterable, str_close) : PyObject_CallNoArgs(close);
    if (watched) {
        stretch_end(&stretch);
    }
    Py_XDECREF(close);
    return result;
}

/* Close what the application returned; then the request is over. */
static PyObject *body_close(Body *self, PyObject *unused)
{
    (void)unused;
    if (self->closed) {
        Py_RETURN_NONE;
    }
    self->closed = true;
    PyObject *result = close_iterable(self);
    if (self->call->request != NULL && !self->ended) {
        hp_cap_request_flag(self->call->request, HP_X_REQ_ABORTED);
    }
    finish(self->call);
    return result;
}

static PyMethodDef body_methods[] = {
    {"close", (PyCFunction)(void (*)(void))body_close, METH_NOARGS,
     "Close the application's iterable and end the request."},
    {NULL, NULL, 0, NULL},
};

/* Whatever else a server asks of the body is answered by the application's object. Every server asks for close. */
static PyObject *body_getattro(PyObject *object, PyObject *name)
{
    if (name == str_close) {
        return PyCFunction_New(&body_methods[0], object);
    }
    PyObject *own = PyObject_GenericGetAttr(object, name);
    if (own != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return own;
    }
    PyErr_Clear();
    return PyObject_GetAttr(((Body *)object)->iterable, name);
}

/* Whether the server may look into this object, so that it must get it as it is. 1, 0, or -1 with an exception. */
static int goes_unwrapped(PyObject *body, PyObject *env)
{
    if (PyList_Check(body) || PyTuple_Check(body) || PyBytes_Check(body) ||
        (Py_TYPE(body)->tp_as_sequence != NULL && Py_TYPE(body)->tp_as_sequence->sq_length != NULL)) {
        return 1;
    }
    PyObject *wrapper = PyDict_GetItemWithError(env, str_file_wrapper); /* borrowed */
    if (wrapper != NULL && PyType_Check(wrapper) && PyObject_TypeCheck(body, (PyTypeObject *)wrapper)) {
        return 1;
    }
    PyObject *read = NULL;
    int found = PyErr_Occurred() ? -1 : hp_lookup_attr(body, str_read, &read);
    Py_XDECREF(read);
    return found;
}

static void count_list(Call *call, PyObject *body)
{
    if (!PyList_Check(body) && !PyTuple_Check(body)) {
        return;
    }
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(body); i++) {
        PyObject *chunk = PySequence_Fast_GET_ITEM(body, i);
        if (PyBytes_Check(chunk)) {
            hp_cap_request_bytes(call->request, -1, PyBytes_GET_SIZE(chunk));
        }
    }
}

/* The body to hand to the server; takes the reference to `body`. */
static PyObject *wrap_body(Call *call, PyObject *body)
{
    int unwrapped = hp_raises_on_purpose() ? -1 : goes_unwrapped(body, call->env);
    if (unwrapped < 0) {
        swallow();
        unwrapped = 1;
    }
    Body *wrapped = unwrapped == 0 ? PyObject_New(Body, (PyTypeObject *)body_type) : NULL;
    if (wrapped == NULL) {
        swallow();
        hp_cap_request_flag(call->request, HP_X_REQ_HANDED_OVER);
        count_list(call, body);
        finish(call);
        return body;
    }
    wrapped->iterable = body;
    wrapped->iterator = NULL;
    wrapped->call = (Call *)Py_NewRef(call);
    wrapped->ended = wrapped->closed = false;
    return (PyObject *)wrapped;
}

/* ---- the call ---- */

static bool is_loopback(PyObject *env)
{
    struct hp_span8 address = hp_utf8(PyDict_GetItemWithError(env, str_remote));
    if (!((address.n >= 4 && memcmp(address.p, "127.", 4) == 0) ||
          (address.n == 3 && memcmp(address.p, "::1", 3) == 0))) {
        return false;
    }
    for (size_t i = 0; i < sizeof str_forwarded / sizeof str_forwarded[0]; i++) {
        if (PyDict_GetItemWithError(env, str_forwarded[i]) != NULL) {
            return false; /* a proxy on this host: the client may be anybody */
        }
    }
    return true;
}

/* Flask's property of that name reads its config, so we do, without a call into Python in each request. */
bool hp_app_debug(PyObject *app)
{
    PyObject *config = NULL, *debug = NULL;
    if (hp_lookup_attr(app, str_config, &config) > 0 && PyDict_Check(config)) {
        debug = Py_XNewRef(PyDict_GetItemWithError(config, str_DEBUG));
    }
    if (debug == NULL && !PyErr_Occurred()) {
        debug = PyObject_GetAttr(app, str_debug);
    }
    bool is_on = debug == Py_True;
    Py_XDECREF(config);
    if (debug == NULL) {
        PyErr_Clear();
    }
    Py_XDECREF(debug);
    return is_on;
}

static bool allows_timing(PyObject *app, PyObject *env)
{
    if (options.timing != 1) {
        return options.timing == 2;
    }
    return is_loopback(env) || hp_app_debug(app);
}

/* Whether this request is recorded: scope and sampling. What is left out is counted. */
static bool is_in_scope(PyObject *env)
{
    bool keep = options.sample <= 1 || options.turn++ % options.sample == 0;
    if (keep && options.scope != NULL) {
        PyObject *method = PyDict_GetItemWithError(env, str_method);
        PyObject *path = PyDict_GetItemWithError(env, str_path);
        PyObject *verdict = method == NULL || path == NULL
                                ? NULL
                                : PyObject_CallFunctionObjArgs(options.scope, method, path, NULL);
        keep = verdict != Py_False;
        Py_XDECREF(verdict);
        swallow();
    }
    if (!keep) {
        hp_cap_sampled_out(hp_ext.cap);
    }
    return keep;
}

static int64_t content_length(PyObject *env)
{
    struct hp_span8 text = hp_utf8(PyDict_GetItemWithError(env, str_length));
    int64_t length = 0;
    for (size_t i = 0; i < text.n && i < 18; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return -1;
        }
        length = length * 10 + (text.p[i] - '0');
    }
    return text.n != 0 ? length : -1;
}

/* Everything that a request needs (stretch_begin tells its lane the frame), or NULL without exception (the application then runs unwatched). */
static Call *call_begin(PyObject *app, PyObject *env, PyObject *done, int level, bool want_c)
{
    uint64_t started = hp_cap_ticks();
    hp_lane_find_greenlets();
    hp_recorder_refresh();
    hp_waits_rescan_at(started);
    Call *call = PyObject_New(Call, (PyTypeObject *)call_type);
    if (call == NULL) {
        swallow();
        return NULL;
    }
    call->env = Py_NewRef(env);
    call->app = Py_NewRef(app);
    call->done = Py_XNewRef(done);
    call->want_c = want_c;
    call->deep = false;
    call->timing = done == NULL && allows_timing(app, env);
    call->routed = done != NULL;
    call->started = started;
    int effective = level;
    if (level == HP_X_LEVEL_TRACE && !hp_ext.tracing) {
        effective = hp_ext.sampling && done == NULL ? HP_X_LEVEL_SAMPLE : HP_X_LEVEL_MONITOR;
    }
    call->request = hp_cap_request_begin(hp_ext.cap, effective, options.kind, done != NULL, NULL);
    if (call->request == NULL) {
        Py_DECREF(call);
        return NULL;
    }
    if (effective != level) {
        hp_cap_request_level_reason(call->request, level, hp_ext.trace_reason);
    }
    hp_cap_request_bytes(call->request, content_length(env), 0);
    if (effective >= HP_X_LEVEL_MONITOR && done == NULL) {
        hp_gc_watch();
        hp_cap_gc_watched(call->request);
    }
    if (done == NULL) {
        hp_facts_note(call->request, env, app);
    }
    swallow(); /* of the look-ups in environ */
    return call;
}

static PyObject *new_start_response(Call *call, PyObject *original)
{
    StartResponse *self =
        hp_raises_on_purpose() ? NULL : PyObject_New(StartResponse, (PyTypeObject *)start_response_type);
    if (self == NULL) {
        swallow();
        return Py_NewRef(original);
    }
    self->original = Py_NewRef(original);
    self->call = (Call *)Py_NewRef(call);
    self->vectorcall = start_response_call;
    return (PyObject *)self;
}

/* Call `target` (with `self` first unless NULL) as the application of one request. */
static PyObject *run_request(Call *call, PyObject *target, PyObject *self, PyObject *env,
                             PyObject *start_response)
{
    struct stretch stretch;
    PyObject *ours = new_start_response(call, start_response);
    PyObject *args[4] = {NULL, self, env, ours};
    stretch_begin(&stretch, call);
    PyObject *body = self != NULL
                         ? PyObject_Vectorcall(target, args + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
                         : PyObject_Vectorcall(target, args + 2, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    stretch_end(&stretch);
    Py_DECREF(ours);
    if (call->request == NULL) {
        return body; /* a fork in the middle, or the end of the process */
    }
    if (body == NULL) {
        struct hp_pending pending = hp_pending_save();
        note_exception(call->request, &pending);
        hp_pending_restore(pending);
        finish(call);
        return NULL;
    }
    take_route(call);
    hp_cap_request_phase(call->request, HP_X_PHASE_BODY);
    return wrap_body(call, body);
}

/* ---- the wrapper on the class ---- */

typedef struct {
    PyObject_HEAD PyObject *original; /* owned: the function that was there */
    vectorcallfunc vectorcall;
} CallWrapper;

static void wrapper_dealloc(CallWrapper *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_CLEAR(self->original);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static unsigned long left_out; /* requests on all threads that run left out just now */

/* __call__ has decided for wsgi_app, which it calls: a request is judged, and counted, once. */
static bool is_left_out(PyObject *wsgi_environ)
{
    return left_out != 0 && PyDict_GetItem(wsgi_environ, str_left_out) != NULL;
}

static PyObject *call_left_out(PyObject *original, PyObject *const *args)
{
    bool marked = PyDict_SetItem(args[1], str_left_out, Py_True) == 0;
    if (!marked) {
        swallow();
    }
    left_out++;
    PyObject *body = PyObject_Vectorcall(original, args, 3, NULL);
    left_out--;
    if (marked) {
        struct hp_pending pending = hp_pending_save();
        if (PyDict_DelItem(args[1], str_left_out) != 0) {
            PyErr_Clear(); /* the application took it out */
        }
        hp_pending_restore(pending);
    }
    return body;
}

static PyObject *wrapper_call(PyObject *object, PyObject *const *args, size_t nargsf, PyObject *names)
{
    PyObject *original = ((CallWrapper *)object)->original;
    bool plain = names == NULL && PyVectorcall_NARGS(nargsf) == 3 && PyDict_Check(args[1]);
    PyObject *mounted = plain ? hp_serve_mounted(args[0], args[1]) : NULL;
    if (mounted != NULL) {
        return PyObject_CallFunctionObjArgs(mounted, args[1], args[2], NULL);
    }
    if (!plain || !hp_ext.started || hp_lane_current() != NULL || is_left_out(args[1])) {
        return PyObject_Vectorcall(original, args, nargsf, names);
    }
    bool deep = hp_deep_begin(args[0], args[1]);
    if (!deep && !is_in_scope(args[1])) {
        return call_left_out(original, args);
    }
    Call *call = call_begin(args[0], args[1], NULL, deep ? HP_X_LEVEL_TRACE : hp_ext.level, hp_ext.tracing_c);
    if (call == NULL) {
        if (deep) {
            hp_deep_end();
        }
        return call_left_out(original, args); /* wsgi_app must not try, and count, again */
    }
    if (deep) {
        call->deep = true;
        hp_cap_request_insist(call->request);
    }
    PyObject *body = run_request(call, original, args[0], args[1], args[2]);
    Py_DECREF(call);
    return body;
}

static PyObject *wrapper_get(PyObject *self, PyObject *object, PyObject *type)
{
    (void)type;
    return object == NULL || object == Py_None ? Py_NewRef(self) : PyMethod_New(self, object);
}

static PyObject *wrapper_getattro(PyObject *self, PyObject *name)
{
    PyObject *own = PyObject_GenericGetAttr(self, name);
    if (own != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return own;
    }
    PyErr_Clear();
    return PyObject_GetAttr(((CallWrapper *)self)->original, name); /* __name__, __doc__, __code__ … */
}

/* ---- module functions ---- */

/* Put a wrapper on cls.name unless there is one. 0, or -1 with an exception. */
static int wrap_attribute(PyObject *cls, const char *name)
{
    PyObject *original = PyObject_GetAttrString(cls, name);
    if (original == NULL) {
        return -1;
    }
    int failed = 0;
    if (!Py_IS_TYPE(original, (PyTypeObject *)wrapper_type)) {
        CallWrapper *wrapper = PyObject_New(CallWrapper, (PyTypeObject *)wrapper_type);
        failed = wrapper == NULL;
        if (!failed) {
            wrapper->original = Py_NewRef(original);
            wrapper->vectorcall = wrapper_call;
            failed = PyObject_SetAttrString(cls, name, (PyObject *)wrapper);
            Py_DECREF(wrapper);
        }
    }
    Py_DECREF(original);
    return failed ? -1 : 0;
}

PyDoc_STRVAR(wrap_doc, "wrap_flask(cls) -> None\n\nRecord the requests of all instances of this application "
                       "class: wraps __call__ and wsgi_app. Idempotent.");

static PyObject *wrap_flask(PyObject *self, PyObject *cls)
{
    (void)self;
    if (!PyType_Check(cls)) {
        PyErr_SetString(PyExc_TypeError, "hotplate: wrap_flask() takes a class");
        return NULL;
    }
    if (wrap_attribute(cls, "__call__") != 0 || wrap_attribute(cls, "wsgi_app") != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    options_doc,
    "request_options(*, scope=None, sample=1, timing=1, kind=0) -> None\n\n"
    "scope: callable(method, path) -> bool, False leaves the request out. sample: record one in so many.\n"
    "timing: Server-Timing 0 never, 1 in debug and on loopback, 2 always. kind: 0 request, 1 command, 2 "
    "test.");

static PyObject *request_options(PyObject *self, PyObject *args, PyObject *kwargs)
{
    (void)self;
    static char *names[] = {"scope", "sample", "timing", "kind", NULL};
    PyObject *scope = Py_None;
    unsigned long sample = 1;
    int timing = 1, kind = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$Okii", names, &scope, &sample, &timing, &kind)) {
        return NULL;
    }
    Py_XSETREF(options.scope, scope == Py_None ? NULL : Py_NewRef(scope));
    options.sample = sample > 0 ? sample : 1;
    options.timing = timing;
    options.kind = kind;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(profile_doc,
             "profile_call(app, environ, start_response, done) -> iterable\n\n"
             "Call a WSGI application under the exact tracer, C functions included, on a tree of its own; "
             "nothing is stored. At the last\n"
             "byte done(environ, profile_bytes, elapsed_seconds) is called; the bytes are a .prof file.");

static PyObject *profile_call(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    if (n != 4) {
        PyErr_SetString(PyExc_TypeError, "hotplate: profile_call() takes four arguments");
        return NULL;
    }
    if (!PyDict_Check(args[1]) || hp_ext.cap == NULL || hp_tracer_enable(true) != 0) {
        return PyObject_Vectorcall(args[0], args + 1, 2, NULL);
    }
    Call *call = call_begin(args[0], args[1], args[3], HP_X_LEVEL_TRACE, true);
    if (call == NULL) {
        return PyObject_Vectorcall(args[0], args + 1, 2, NULL);
    }
    PyObject *body = run_request(call, args[0], NULL, args[1], args[2]);
    Py_DECREF(call);
    return body;
}

static PyMethodDef functions[] = {
    {"wrap_flask", wrap_flask, METH_O, wrap_doc},
    {"request_options", (PyCFunction)(void (*)(void))request_options, METH_VARARGS | METH_KEYWORDS,
     options_doc},
    {"profile_call", (PyCFunction)(void (*)(void))profile_call, METH_FASTCALL, profile_doc},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef start_response_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(StartResponse, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMemberDef wrapper_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(CallWrapper, vectorcall), READONLY, NULL},
    {"__wrapped__", T_OBJECT_EX, offsetof(CallWrapper, original), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot call_slots[] = {{Py_tp_dealloc, (void *)call_dealloc}, {0, NULL}};
static PyType_Slot start_response_slots[] = {{Py_tp_dealloc, (void *)start_response_dealloc},
                                             {Py_tp_call, (void *)PyVectorcall_Call},
                                             {Py_tp_members, start_response_members},
                                             {0, NULL}};
static PyType_Slot body_slots[] = {
    {Py_tp_dealloc, (void *)body_dealloc},   {Py_tp_iter, (void *)PyObject_SelfIter},
    {Py_tp_iternext, (void *)body_next},     {Py_tp_methods, body_methods},
    {Py_tp_getattro, (void *)body_getattro}, {0, NULL}};
static PyType_Slot wrapper_slots[] = {
    {Py_tp_dealloc, (void *)wrapper_dealloc}, {Py_tp_call, (void *)PyVectorcall_Call},
    {Py_tp_descr_get, (void *)wrapper_get},   {Py_tp_getattro, (void *)wrapper_getattro},
    {Py_tp_members, wrapper_members},         {0, NULL}};

#define PLAIN (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION)
static PyType_Spec call_spec = {"_hotplate.Call", sizeof(Call), 0, PLAIN, call_slots};
static PyType_Spec start_response_spec = {"_hotplate.StartResponse", sizeof(StartResponse), 0,
                                          PLAIN | Py_TPFLAGS_HAVE_VECTORCALL, start_response_slots};
static PyType_Spec body_spec = {"_hotplate.Body", sizeof(Body), 0, PLAIN, body_slots};
static PyType_Spec wrapper_spec = {"_hotplate.CallWrapper", sizeof(CallWrapper), 0,
                                   PLAIN | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
                                   wrapper_slots};

static int intern_names(void)
{
    static const struct {
        PyObject **where;
        const char *text;
    } all[] = {
        {&str_method, "REQUEST_METHOD"},
        {&str_path, "PATH_INFO"},
        {&str_length, "CONTENT_LENGTH"},
        {&str_file_wrapper, "wsgi.file_wrapper"},
        {&str_read, "read"},
        {&str_close, "close"},
        {&str_id, "X-Hotplate-Id"},
        {&str_timing, "Server-Timing"},
        {&str_debug, "debug"},
        {&str_config, "config"},
        {&str_DEBUG, "DEBUG"},
        {&str_forwarded[0], "HTTP_X_FORWARDED_FOR"},
        {&str_forwarded[1], "HTTP_FORWARDED"},
        {&str_forwarded[2], "HTTP_X_REAL_IP"},
        {&str_remote, "REMOTE_ADDR"},
        {&str_left_out, "hotplate.left_out"},
        {&str_request, "werkzeug.request"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (*all[i].where == NULL && (*all[i].where = PyUnicode_InternFromString(all[i].text)) == NULL) {
            return -1;
        }
    }
    return 0;
}

int hp_wsgi_init(PyObject *module)
{
    if (intern_names() != 0) {
        return -1;
    }
    static const struct {
        PyObject **where;
        PyType_Spec *spec;
    } types[] = {{&call_type, &call_spec},
                 {&start_response_type, &start_response_spec},
                 {&body_type, &body_spec},
                 {&wrapper_type, &wrapper_spec}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (*types[i].where == NULL && (*types[i].where = PyType_FromSpec(types[i].spec)) == NULL) {
            return -1;
        }
    }
    return PyModule_AddFunctions(module, functions);
}
