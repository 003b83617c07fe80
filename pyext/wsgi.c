/* wsgi.c -- a request begins when a Flask application is called and ends at the last byte of its body.
 *
 *   server ── Flask.__call__ (CallWrapper) ── the application
 *      │             │ start_response is the Call itself: it adds X-Hotplate-Id and, where allowed, Server-Timing
 *      └── iterates Body ── the application's iterable
 *
 * The wrappers sit on the class (Flask.__call__ and Flask.wsgi_app), so applications made before and after
 * are caught, middleware around wsgi_app is inside, and the outermost call wins. Bodies that servers look
 * into go through unwrapped (trap 28): lists, tuples and whatever has a length, wsgi.file_wrapper's, and
 * file-like objects; such a request ends when the call returns, and says so. On any failure of ours the
 * application is called as if we were not there.
 */
#include "hotplate/ext/waits.h"
#include "call.h"
#include "notes.h"
#include "serve.h"

#include <string.h>

/* ---- what the objects of one request share ---- */

static PyObject *call_type, *body_type, *close_type, *wrapper_type; /* owned */
static PyObject *idle_call, *idle_body,
    *idle_close; /* memory of one each, kept for the next request; NULL: none */
static void *object_new(PyObject *type, PyObject **idle)
{
    PyObject *object = *idle;
    if (object == NULL) {
        return PyObject_New(PyObject, (PyTypeObject *)type);
    }
    *idle = NULL;
    _Py_NewReference(object); /* it has kept its type */
    return object;
}

static void object_free(PyObject *object, PyObject **idle)
{
    if (*idle == NULL) {
        *idle = object;
    } else {
        PyTypeObject *type = Py_TYPE(object);
        type->tp_free(object);
        Py_DECREF(type);
    }
}

static struct {
    PyObject *scope;      /* owned or NULL: callable(method, path) -> bool, False = leave this request out */
    unsigned long sample; /* 1 in so many */
    unsigned long turn;
    int timing; /* 0 never, 1 debug or loopback, 2 always */
    int kind;
} options = {NULL, 1, 0, 1, 0};

static PyObject *str_forwarded[3], *str_config, *str_DEBUG, *str_method, *str_path, *str_length,
    *str_file_wrapper, *str_read, *str_close, *str_debug, *str_remote, *str_left_out;

bool hp_raises_on_purpose(void)
{
    if (__builtin_expect(!hp_cap_callback_fails(hp_ext.cap), 1)) {
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
        hp_swallow();
    }
}

static __attribute__((cold)) void note_exception(struct hp_cap_request *request,
                                                 const struct hp_pending *pending)
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
static __attribute__((cold)) void finish_profile(Call *call, struct hp_cap_request *request)
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
        hp_swallow();
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
    hp_lane_between_end();
    if (call->routed && call->done == NULL && call->asked == NULL) { /* nothing of Python runs */
        call->request = NULL;
        hp_cap_request_finish(request);
        return;
    }
    struct hp_pending pending = hp_pending_save();
    take_route(call);
    if (call->asked != NULL) { /* its context was kept beyond the end */
        hp_inputs_note(request, call->asked);
        Py_CLEAR(call->asked);
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
    finish(self);
    if (self->deep) {
        hp_deep_end();
    }
    Py_CLEAR(self->env);
    Py_CLEAR(self->app);
    Py_CLEAR(self->done);
    Py_CLEAR(self->start_response);
    Py_CLEAR(self->asked); /* of a request that runs on in the process that forked this one */
    object_free((PyObject *)self, &idle_call);
}

/* ---- current lane around each stretch of the application ---- */

struct stretch {
    struct hp_lane_scope scope;
};

static void stretch_begin(struct stretch *stretch, Call *call)
{
    struct hp_cap_lane *lane = hp_cap_request_lane(call->request);
    uint64_t since = hp_cap_lane_away_since(lane);
    hp_lane_push(&stretch->scope, lane, call->want_c);
    if (since != 0) { /* other greenlets ran, too */
        uint64_t now = hp_cap_ticks();
        struct hp_cap_away away = {
            .t0 = since, .ready = now, .t1 = now, .kind = HP_X_WAIT_SEND, .span = true};
        hp_cap_lane_waited(lane, &away);
    }
    hp_cap_lane_root_frame(lane, hp_frame_current(hp_tls.tstate));
    hp_tracer_thread_begin();
}

static void stretch_end(struct stretch *stretch)
{
    hp_tracer_thread_end();
    hp_lane_pop(&stretch->scope);
}

/* The server has what there is so far. */
static void between(const Call *call)
{
    if (call->request != NULL) {
        hp_lane_between(hp_cap_request_lane(call->request));
    }
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
    if (self->call != NULL && self->call->request != NULL && !self->ended) {
        hp_cap_request_flag(self->call->request, HP_X_REQ_ABORTED);
    }
    Py_CLEAR(self->iterator);
    Py_CLEAR(self->iterable);
    if (self->call != NULL) {
        finish(self->call);
    }
    Py_CLEAR(self->call);
    object_free((PyObject *)self, &idle_body);
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
    between(self->call);
    if (chunk != NULL) {
        count_chunk(self->call, chunk);
        return chunk;
    }
    self->ended = true;
    PyObject *error = PyErr_Occurred(); /* borrowed */
    if (error != NULL && error != PyExc_StopIteration &&
        !PyErr_GivenExceptionMatches(error, PyExc_StopIteration)) {
        struct hp_pending pending = hp_pending_save();
        note_exception(self->call->request, &pending);
        hp_pending_restore(pending);
    }
    return NULL;
}

/* What is asked of the class of each body: an application has hardly more than one. */
static struct {
    const PyTypeObject *type; /* identity, good for this version of it */
    unsigned version;
    bool is_generic;   /* attributes are found as usual */
    bool is_looked_in; /* a list, a file … (goes_unwrapped) */
    bool has_members;  /* an object may have attributes of its own */
    PyObject *close;   /* borrowed: its method of that name; NULL: none, or nothing usual */
} body_class;

static void learn_class(PyTypeObject *type)
{
    const PySequenceMethods *sequence = type->tp_as_sequence;
    bool is_known = PyType_HasFeature(type, Py_TPFLAGS_LIST_SUBCLASS | Py_TPFLAGS_TUPLE_SUBCLASS |
                                                Py_TPFLAGS_BYTES_SUBCLASS);
    PyObject *close = _PyType_Lookup(type, str_close);
    body_class.has_members = type->tp_dictoffset != 0;
    body_class.is_generic = type->tp_getattro == PyObject_GenericGetAttr;
    body_class.is_looked_in = is_known || (sequence != NULL && sequence->sq_length != NULL) ||
                              _PyType_Lookup(type, str_read) != NULL;
    body_class.close = close != NULL && body_class.is_generic &&
                               PyType_HasFeature(Py_TYPE(close), Py_TPFLAGS_METHOD_DESCRIPTOR)
                           ? close
                           : NULL;
    body_class.type = type;
    body_class.version = hp_type_version(type); /* looking in it has given it one */
}

static inline void look_at_class(PyTypeObject *type)
{
    if (body_class.type != type || body_class.version != hp_type_version(type) || body_class.version == 0) {
        learn_class(type);
    }
}

/* How to call close() of the application's iterable without binding it before: the method, a new reference;
 * NULL: it is to be looked for. */
static PyObject *plain_close(PyObject *iterable)
{
    look_at_class(Py_TYPE(iterable));
    if (body_class.close == NULL || (body_class.has_members && hp_own(iterable, str_close) != NULL)) {
        return NULL;
    }
    return Py_NewRef(body_class.close);
}

/* close() of the application's iterable, if it has one: its result, None, or NULL with an exception. */
static PyObject *close_iterable(Body *self)
{
    PyObject *close = plain_close(self->iterable);
    bool is_method = close != NULL;
    if (!is_method && hp_lookup_attr(self->iterable, str_close, &close) <= 0) {
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    }
    struct stretch stretch;
    bool watched = self->call->request != NULL;
    if (watched) {
        stretch_begin(&stretch, self->call);
    }
    PyObject *result = is_method ? PyObject_CallOneArg(close, self->iterable) : PyObject_CallNoArgs(close);
    if (watched) {
        stretch_end(&stretch);
    }
    Py_DECREF(close);
    return result;
}

/* Close what the application returned; then the request is over. */
static PyObject *body_close(Body *self)
{
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

/* The body's close, bound to it: every server asks for it, and a bound method of the interpreter's would cost
 * several times as much. */
typedef struct {
    PyObject_HEAD Body *body; /* owned */
    vectorcallfunc vectorcall;
} Close;

static PyObject *close_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    (void)args;
    if (PyVectorcall_NARGS(nargsf) != 0 || (names != NULL && PyTuple_GET_SIZE(names) != 0)) {
        PyErr_SetString(PyExc_TypeError, "close() takes no arguments");
        return NULL;
    }
    return body_close(((Close *)self)->body);
}

static PyObject *close_new(PyObject *body)
{
    Close *self = object_new(close_type, &idle_close);
    if (self != NULL) {
        self->body = (Body *)Py_NewRef(body);
        self->vectorcall = close_call;
    }
    return (PyObject *)self;
}

static void close_dealloc(Close *self)
{
    Py_CLEAR(self->body);
    object_free((PyObject *)self, &idle_close);
}

/* Whatever else a server asks of the body is answered by the application's object. Every server asks for
 * close. */
static PyObject *body_getattro(PyObject *object, PyObject *name)
{
    if (name == str_close) {
        return close_new(object);
    }
    PyObject *own = PyObject_GenericGetAttr(object, name);
    if (own != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return own;
    }
    PyErr_Clear();
    return PyObject_GetAttr(((Body *)object)->iterable, name);
}

/* Whether the server may look into this object, so that it must get it as it is: a sequence, a file by its
 * class or by its own way to find attributes, or the server's own wrapper of files. 1, 0, or -1 with an
 * exception. */
static int goes_unwrapped(PyObject *body, PyObject *env)
{
    look_at_class(Py_TYPE(body));
    if (body_class.is_looked_in) {
        return 1;
    }
    bool is_generic = body_class.is_generic;
    PyObject *wrapper = hp_dict_find(env, str_file_wrapper); /* borrowed */
    if (wrapper != NULL && PyType_Check(wrapper) && PyObject_TypeCheck(body, (PyTypeObject *)wrapper)) {
        return 1;
    }
    PyObject *read = NULL;
    int found = is_generic ? 0 : hp_lookup_attr(body, str_read, &read);
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
        hp_swallow();
        unwrapped = 1;
    }
    Body *wrapped = unwrapped == 0 ? object_new(body_type, &idle_body) : NULL;
    if (wrapped == NULL) {
        hp_swallow();
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

/* By a proxy on this host: then the client may be anybody. */
static __attribute__((noinline)) bool is_forwarded(PyObject *env)
{
    for (size_t i = 0; i < sizeof str_forwarded / sizeof str_forwarded[0]; i++) {
        if (hp_dict_find(env, str_forwarded[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_loopback(PyObject *env)
{
    struct hp_span8 address = hp_utf8(hp_dict_find(env, str_remote));
    bool is_local = (address.n >= 4 && memcmp(address.p, "127.", 4) == 0) ||
                    (address.n == 3 && memcmp(address.p, "::1", 3) == 0);
    return is_local && !is_forwarded(env);
}

/* Flask's property of that name reads its config, so we do, without a call into Python in each request. */
bool hp_app_debug(PyObject *app)
{
    PyObject *config = hp_own(app, str_config);
    PyObject *debug = config != NULL && PyDict_Check(config) ? hp_dict_find(config, str_DEBUG) : NULL;
    if (debug != NULL) {
        return debug == Py_True;
    }
    debug = hp_attribute(app, str_debug);
    Py_XDECREF(debug);
    return debug == Py_True;
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
        PyObject *method = hp_dict_find(env, str_method);
        PyObject *path = hp_dict_find(env, str_path);
        PyObject *verdict = method == NULL || path == NULL
                                ? NULL
                                : PyObject_CallFunctionObjArgs(options.scope, method, path, NULL);
        keep = verdict != Py_False;
        Py_XDECREF(verdict);
        hp_swallow();
    }
    if (!keep) {
        hp_cap_sampled_out(hp_ext.cap);
    }
    return keep;
}

static int64_t content_length(PyObject *env)
{
    struct hp_span8 text = hp_utf8(hp_dict_find(env, str_length));
    int64_t length = 0;
    for (size_t i = 0; i < text.n && i < 18; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return -1;
        }
        length = length * 10 + (text.p[i] - '0');
    }
    return text.n != 0 ? length : -1;
}

/* Everything that a request needs (stretch_begin tells its lane the frame), or NULL without exception (the
 * application then runs unwatched). */
static Call *call_begin(PyObject *app, PyObject *env, PyObject *done, int level, bool want_c)
{
    uint64_t started = hp_cap_ticks();
    hp_lane_find_greenlets();
    hp_recorder_refresh();
    hp_waits_rescan_at(started);
    Call *call = object_new(call_type, &idle_call);
    if (call == NULL) {
        hp_swallow();
        return NULL;
    }
    call->env = Py_NewRef(env);
    call->app = Py_NewRef(app);
    call->done = Py_XNewRef(done);
    call->start_response = call->asked = NULL;
    call->context = NULL;
    call->vectorcall = hp_start_response_call;
    call->want_c = want_c;
    call->deep = false;
    call->timing = done == NULL && allows_timing(app, env);
    call->routed = done != NULL;
    call->started = started;
    int effective = level;
    if (level == HP_X_LEVEL_TRACE && !hp_ext.tracing) {
        effective = hp_ext.sampling && done == NULL ? HP_X_LEVEL_SAMPLE : HP_X_LEVEL_MONITOR;
    }
    call->request = hp_cap_request_begin(hp_ext.cap, effective, options.kind, done != NULL, NULL, started);
    if (call->request == NULL) {
        Py_DECREF(call);
        return NULL;
    }
    hp_cap_request_set_owner(call->request, call);
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
    return call;
}

/* Call `target` (with `self` first unless NULL) as the application of one request. */
static PyObject *run_request(Call *call, PyObject *target, PyObject *self, PyObject *env,
                             PyObject *start_response)
{
    struct stretch stretch;
    PyObject *args[4] = {NULL, self, env, (PyObject *)call};
    call->start_response = Py_NewRef(start_response);
    if (hp_raises_on_purpose()) {
        hp_swallow();
        args[3] = start_response;
    }
    stretch_begin(&stretch, call);
    PyObject *body = self != NULL
                         ? PyObject_Vectorcall(target, args + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
                         : PyObject_Vectorcall(target, args + 2, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    stretch_end(&stretch);
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
    body = wrap_body(call, body);
    between(call);
    return body;
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
    return left_out != 0 && hp_dict_find(wsgi_environ, str_left_out) != NULL;
}

static __attribute__((cold)) PyObject *call_left_out(PyObject *original, PyObject *const *args)
{
    bool marked = PyDict_SetItem(args[1], str_left_out, Py_True) == 0;
    if (!marked) {
        hp_swallow();
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

static PyMemberDef wrapper_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(CallWrapper, vectorcall), READONLY, NULL},
    {"__wrapped__", T_OBJECT_EX, offsetof(CallWrapper, original), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMemberDef call_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Call, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot call_slots[] = {{Py_tp_dealloc, (void *)call_dealloc},
                                   {Py_tp_call, (void *)PyVectorcall_Call},
                                   {Py_tp_members, call_members},
                                   {0, NULL}};
static PyType_Slot body_slots[] = {{Py_tp_dealloc, (void *)body_dealloc},
                                   {Py_tp_iter, (void *)PyObject_SelfIter},
                                   {Py_tp_iternext, (void *)body_next},
                                   {Py_tp_getattro, (void *)body_getattro},
                                   {0, NULL}};
static PyMemberDef close_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Close, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyType_Slot close_slots[] = {{Py_tp_dealloc, (void *)close_dealloc},
                                    {Py_tp_call, (void *)PyVectorcall_Call},
                                    {Py_tp_members, close_members},
                                    {0, NULL}};
static PyType_Slot wrapper_slots[] = {
    {Py_tp_dealloc, (void *)wrapper_dealloc}, {Py_tp_call, (void *)PyVectorcall_Call},
    {Py_tp_descr_get, (void *)wrapper_get},   {Py_tp_getattro, (void *)wrapper_getattro},
    {Py_tp_members, wrapper_members},         {0, NULL}};

#define PLAIN (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION)
static PyType_Spec call_spec = {"_hotplate.Call", sizeof(Call), 0, PLAIN | Py_TPFLAGS_HAVE_VECTORCALL,
                                call_slots};
static PyType_Spec body_spec = {"_hotplate.Body", sizeof(Body), 0, PLAIN, body_slots};
static PyType_Spec close_spec = {"_hotplate.Close", sizeof(Close), 0, PLAIN | Py_TPFLAGS_HAVE_VECTORCALL,
                                 close_slots};
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
        {&str_debug, "debug"},
        {&str_config, "config"},
        {&str_DEBUG, "DEBUG"},
        {&str_forwarded[0], "HTTP_X_FORWARDED_FOR"},
        {&str_forwarded[1], "HTTP_FORWARDED"},
        {&str_forwarded[2], "HTTP_X_REAL_IP"},
        {&str_remote, "REMOTE_ADDR"},
        {&str_left_out, "hotplate.left_out"},
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
    if (intern_names() != 0 || hp_start_response_init() != 0) {
        return -1;
    }
    static const struct {
        PyObject **where;
        PyType_Spec *spec;
    } types[] = {{&call_type, &call_spec},
                 {&body_type, &body_spec},
                 {&close_type, &close_spec},
                 {&wrapper_type, &wrapper_spec}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (*types[i].where == NULL && (*types[i].where = PyType_FromSpec(types[i].spec)) == NULL) {
            return -1;
        }
    }
    return PyModule_AddFunctions(module, functions);
}
