/* flask.c -- what Flask knows about a request: its phases, its route and view, its exception, and who
 * registered what.
 *
 * Phases are class-level wrappers around the methods that Flask calls in turn; each switches the main lane's
 * phase and puts back the one before, so they nest (a template inside the view) and their sum is the
 * request's wall time:
 *
 *   __call__ OUTER ─ preprocess_request BEFORE ─ dispatch_request VIEW ─ templating._render TEMPLATE
 *                  ─ process_response AFTER ─ do_teardown_* TEARDOWN
 *
 * Setup methods (before_request, add_url_rule …) are wrapped to remember which application line registered a
 * library's function: that is the place to edit when such a function runs with no application code on the
 * stack.
 */
#include "call.h"
#include "notes.h"
#include "serve.h"

#include <string.h>

/* ---- small tables: rule -> route and view; code -> place ---- */

enum { METHOD_COUNT = 10, ROUTE_SLOTS = 1024, PLACE_SLOTS = 4096 };
static const char methods[METHOD_COUNT][8] = {"OTHER",  "GET",     "HEAD",  "POST",  "PUT",
                                              "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"};

static struct route_entry {
    PyObject *rule; /* owned; NULL: free */
    uint32_t method, route, view_sym, view_line;
    bool view_is_app;
    struct hp_cap_place view_place; /* the line that registered a library's view */
    PyCodeObject *view_code;        /* owned or NULL */
} routes[ROUTE_SLOTS];
static uint32_t unmatched[METHOD_COUNT];

static struct place_entry {
    PyObject *key;      /* owned: the code of a function, or a function that is a view; NULL: free */
    PyCodeObject *code; /* borrowed of it */
    struct hp_cap_place place;
    bool is_view;
} registered[PLACE_SLOTS];
static size_t registered_count;

static PyObject *context_var; /* owned: flask.globals' variable of the request's context */
static PyObject *str_request_key, *str_method_key, *str_url_rule, *str_endpoint, *str_rule,
    *str_view_functions, *str_view_class, *str_request, *str_app, *str_dispatch, *str_code, *str_greenlet,
    *str_getcurrent, *str_parent, *str_gr_frame, *str_method, *str_environ; /* owned */

static size_t hash_pointer(const void *pointer)
{
    uint64_t h = (uint64_t)(uintptr_t)pointer * 0x9e3779b97f4a7c15ULL;
    return (size_t)(h >> 32);
}

/* ---- which line registered a function ---- */

static struct place_entry *registered_slot(const void *key)
{
    size_t at = hash_pointer(key) & (PLACE_SLOTS - 1);
    while (registered[at].key != NULL && (const void *)registered[at].key != key) {
        at = (at + 1) & (PLACE_SLOTS - 1);
    }
    return &registered[at];
}

static void set_registered(struct place_entry *entry, void *key, PyCodeObject *code,
                           struct hp_cap_place place, bool is_view)
{
    registered_count += entry->key == NULL;
    if (entry->key == NULL) {
        entry->key = Py_NewRef((PyObject *)key);
    }
    entry->code = code;
    entry->place = place;
    entry->is_view = is_view;
}

/* What belongs to the application is known once it is there, and blueprints come before it: nothing is said
 * of the code yet. What as_view or a decorator of a library makes has one code for many views: then only the
 * function knows its line. */
static void note_registered(PyObject *function, struct hp_cap_place place, bool is_view)
{
    PyCodeObject *code = hp_code_of(function);
    if (code == NULL || (hp_file_flags(code->co_filename) & HP_X_APP) || registered_count > PLACE_SLOTS / 2) {
        return;
    }
    struct place_entry *own = is_view ? registered_slot(function) : NULL, *entry = registered_slot(code);
    if (own != NULL && own->key != NULL) {
        return; /* its blueprint is registered now */
    }
    bool many = is_view && entry->key != NULL &&
                (entry->place.site_sym != place.site_sym || entry->place.site_line != place.site_line);
    set_registered(entry, code, code, many ? (struct hp_cap_place){0, 0, 0} : place, is_view);
    if (is_view) {
        set_registered(registered_slot(function), function, code, place, true);
    }
}

/* The line that registered this entry's function; all zero: nobody did, or it is the application's own. */
static struct hp_cap_place place_of_registered(const struct place_entry *entry)
{
    struct hp_cap_place place = {0, 0, 0};
    if (entry->key != NULL && !(hp_code_flags(entry->code) & HP_X_APP)) {
        place = entry->place;
        place.via_sym = hp_code_symbol(entry->code);
    }
    return place;
}

enum { OF_HOOKS, OF_VIEWS }; /* tags of on_setup */

/* before_request(f), teardown_appcontext(f), add_url_rule(rule, endpoint, view_func, …): every function among
 * the arguments. */
static PyObject *on_setup(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                          size_t nargsf, PyObject *names)
{
    (void)lane;
    if (hp_ext.cap != NULL && hp_ext.places != NULL) {
        struct hp_cap_place place = hp_place_now();
        Py_ssize_t n = PyVectorcall_NARGS(nargsf) + (names == NULL ? 0 : PyTuple_GET_SIZE(names));
        for (Py_ssize_t i = 1; place.site_sym != 0 && i < n; i++) {
            if (PyFunction_Check(args[i]) || PyMethod_Check(args[i])) {
                note_registered(args[i], place, wrap->tag == OF_VIEWS);
            }
        }
        hp_swallow();
    }
    return hp_wrap_call(wrap, args, nargsf, names);
}

struct hp_cap_place hp_place_registered(uint32_t via_sym)
{
    struct hp_cap_place place = {0, 0, via_sym};
    for (size_t i = 0; registered_count != 0 && via_sym != 0 && i < PLACE_SLOTS; i++) {
        struct hp_cap_place known = place_of_registered(&registered[i]);
        if (known.via_sym == via_sym && registered[i].key == (PyObject *)registered[i].code) {
            return known;
        }
    }
    return place;
}

/* ---- route and view ---- */

static uint32_t method_index(PyObject *method)
{
    bool plain = method != NULL && PyUnicode_Check(method) && PyUnicode_IS_COMPACT_ASCII(method);
    size_t n = plain ? (size_t)PyUnicode_GET_LENGTH(method) : 0;
    char padded[sizeof methods[0]] = "";
    if (n == 0 || n >= sizeof padded) {
        return 0;
    }
    memcpy(padded, PyUnicode_1BYTE_DATA(method), n);
    for (uint32_t i = 1; i < METHOD_COUNT; i++) {
        if (memcmp(methods[i], padded, sizeof padded) == 0) {
            return i;
        }
    }
    return 0;
}

static struct hp_span8 span_of(const char *text)
{
    return (struct hp_span8){text, strlen(text)};
}

/* The function that answers `method`: a MethodView's own method, else below decorators and partials. New
 * reference or NULL. */
static PyObject *view_function(PyObject *view, uint32_t method)
{
    PyObject *cls = hp_attribute(view, str_view_class);
    if (cls == NULL) {
        PyObject *inner = hp_unwrap(view); /* a decorator around as_view()'s function */
        cls = hp_attribute(inner, str_view_class);
        Py_DECREF(inner);
    }
    if (cls == NULL) {
        return Py_NewRef(view);
    }
    char name[16];
    size_t n = strlen(methods[method]);
    for (size_t i = 0; i <= n; i++) {
        name[i] = (char)(methods[method][i] >= 'A' && methods[method][i] <= 'Z' ? methods[method][i] + 32
                                                                                : methods[method][i]);
    }
    PyObject *found = PyObject_GetAttrString(cls, name);
    if (found == NULL && strcmp(name, "head") == 0) {
        PyErr_Clear();
        found = PyObject_GetAttrString(cls, "get");
    }
    if (found == NULL) {
        PyErr_Clear();
        found = hp_attribute(cls, str_dispatch);
    }
    Py_DECREF(cls);
    return found;
}

static void fill_view(struct route_entry *entry, PyObject *app, PyObject *endpoint)
{
    PyObject *views = hp_attribute(app, str_view_functions);
    PyObject *view = views != NULL && PyDict_Check(views) && endpoint != NULL
                         ? PyDict_GetItemWithError(views, endpoint)
                         : NULL;
    PyObject *function = view == NULL ? NULL : view_function(view, entry->method);
    PyCodeObject *code = function == NULL ? NULL : hp_code_of(function);
    if (code != NULL) {
        entry->view_code = (PyCodeObject *)Py_NewRef(code);
        entry->view_sym = hp_code_symbol(code);
        entry->view_is_app = (hp_code_flags(code) & HP_X_APP) != 0;
        entry->view_line = (uint32_t)code->co_firstlineno; /* of the first decorator, if there is one */
        if (!entry->view_is_app) {
            entry->view_place = place_of_registered(registered_slot(view));
        }
    }
    Py_XDECREF(function);
    Py_XDECREF(views);
}

/* The entry of a rule and method, made if there is none; never NULL. */
static struct route_entry *route_of(PyObject *app, PyObject *rule, uint32_t method)
{
    struct route_entry *entry = &routes[(hash_pointer(rule) + method * 97) & (ROUTE_SLOTS - 1)];
    if (entry->rule == rule && entry->method == method) {
        return entry;
    }
    PyObject *old_rule = entry->rule, *old_code = (PyObject *)entry->view_code;
    *entry = (struct route_entry){.rule = Py_NewRef(rule), .method = method};
    PyObject *text = hp_attribute(rule, str_rule), *endpoint = hp_attribute(rule, str_endpoint);
    entry->route = hp_cap_route(hp_ext.cap, span_of(methods[method]), hp_utf8(text), hp_utf8(endpoint));
    fill_view(entry, app, endpoint);
    Py_XDECREF(text);
    Py_XDECREF(endpoint);
    Py_XDECREF(old_rule);
    Py_XDECREF(old_code);
    hp_swallow();
    return entry;
}

static void set_unmatched(struct hp_cap_request *request, uint32_t method)
{
    if (unmatched[method] == 0) {
        unmatched[method] =
            hp_cap_route(hp_ext.cap, span_of(methods[method]), span_of("<unmatched>"), span_of(""));
    }
    hp_cap_request_route(request, unmatched[method], 0);
}

int hp_flask_route(PyObject *wsgi_environ, PyObject *app, struct hp_cap_request *request)
{
    if (!PyDict_Check(wsgi_environ) || hp_cap_request_routed(request)) {
        return 0; /* told when before_request was due: Flask forgets it at the end */
    }
    PyObject *flask_request = hp_dict_find(wsgi_environ, str_request_key);
    uint32_t method = method_index(hp_dict_find(wsgi_environ, str_method_key));
    PyObject *rule = flask_request == NULL ? NULL : hp_member(flask_request, str_url_rule);
    if (rule != NULL && rule != Py_None) {
        struct route_entry *entry = route_of(app, rule, method);
        hp_cap_request_route(request, entry->route, entry->view_sym);
    } else {
        set_unmatched(request, method);
    }
    Py_XDECREF(rule);
    return PyErr_Occurred() ? -1 : 0;
}

/* The route of a request object; NULL (no exception) when it has none. */
static struct route_entry *route_of_request(PyObject *app, PyObject *request)
{
    struct route_entry *entry = NULL;
    PyObject *rule = hp_member(request, str_url_rule);
    if (rule != NULL && rule != Py_None) {
        PyObject *method = hp_member(request, str_method);
        entry = route_of(app, rule, method_index(method));
        Py_XDECREF(method);
    }
    Py_XDECREF(rule);
    return entry;
}

/* The context that is current; new reference, or NULL without exception. */
static PyObject *current_context(void)
{
    PyObject *context = NULL;
    if (context_var == NULL || PyContextVar_Get(context_var, NULL, &context) != 0) {
        PyErr_Clear();
        return NULL;
    }
    return context;
}

/* An attribute of it; new reference, or NULL without exception. */
static PyObject *of_context(PyObject *name)
{
    PyObject *context = current_context();
    PyObject *found = context == NULL ? NULL : hp_member(context, name);
    Py_XDECREF(context);
    return found;
}

/* That of the context that is current. */
static struct route_entry *route_of_context(void)
{
    PyObject *request = of_context(str_request), *app = of_context(str_app);
    struct route_entry *entry = request != NULL && app != NULL ? route_of_request(app, request) : NULL;
    Py_XDECREF(app);
    Py_XDECREF(request);
    return entry;
}

/* The outermost registered function of a library on the stack; NULL: none. */
static const struct place_entry *running_registered(void)
{
    const struct place_entry *found = NULL;
    hp_frame *frame = registered_count == 0 ? NULL : hp_frame_current(PyThreadState_Get());
    for (; frame != NULL && !hp_place_ends(hp_frame_code(frame)); frame = hp_frame_caller(frame)) {
        const struct place_entry *entry = registered_slot(hp_frame_code(frame));
        found = entry->key != NULL && !(hp_code_flags(entry->code) & HP_X_APP) ? entry : found;
    }
    return found;
}

/* SQLAlchemy's asyncio bridge runs in a greenlet of its own, whose frames end there: go on in the greenlet
 * that waits for it. */
static struct hp_cap_place place_in_parents(uint32_t via)
{
    struct hp_cap_place place = {0, 0, via};
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
    PyObject *module = modules == NULL ? NULL : PyDict_GetItem(modules, str_greenlet);
    PyObject *greenlet = module == NULL ? NULL : PyObject_CallMethodNoArgs(module, str_getcurrent);
    for (int i = 0; greenlet != NULL && place.site_sym == 0 && i < 4; i++) {
        Py_SETREF(greenlet, hp_attribute(greenlet, str_parent));
        PyObject *frame =
            greenlet == NULL || greenlet == Py_None ? NULL : hp_attribute(greenlet, str_gr_frame);
        while (frame != NULL && PyFrame_Check(frame)) {
            PyCodeObject *code = PyFrame_GetCode((PyFrameObject *)frame);
            int flags = hp_place_ends(code) ? HP_X_FRAMEWORK : hp_code_flags(code);
            if (flags & HP_X_APP) {
                place.site_sym = hp_code_symbol(code);
                int line = PyFrame_GetLineNumber((PyFrameObject *)frame);
                place.site_line = line > 0 ? (uint32_t)line : 0;
            } else if (!(flags & HP_X_FRAMEWORK)) {
                place.via_sym = hp_code_symbol(code);
            }
            bool stop = place.site_sym != 0 || hp_place_ends(code);
            Py_DECREF(code);
            Py_SETREF(frame, stop ? NULL : (PyObject *)PyFrame_GetBack((PyFrameObject *)frame));
        }
        Py_XDECREF(frame);
    }
    Py_XDECREF(greenlet);
    hp_swallow();
    return place;
}

struct hp_cap_place hp_place_or_view(void)
{
    struct hp_cap_place place = hp_place_now();
    if (place.site_sym == 0 && hp_ext.greenlets) {
        place = place_in_parents(place.via_sym);
    }
    if (place.site_sym != 0) {
        return place;
    }
    struct hp_cap_lane *lane = hp_lane_here();
    struct hp_cap_place spawned = lane != NULL ? hp_cap_lane_place(lane) : place;
    if (spawned.site_sym != 0) {
        spawned.via_sym = place.via_sym;
        return spawned;
    }
    const struct place_entry *running = running_registered();
    struct route_entry *route = running != NULL && !running->is_view ? NULL : route_of_context();
    bool known = route != NULL && route->view_sym != 0;
    struct hp_cap_place view = known ? route->view_place : (struct hp_cap_place){0, 0, 0};
    if (running != NULL && view.site_sym == 0 && !(known && route->view_is_app)) {
        view = place_of_registered(running);
    }
    if (view.site_sym != 0) {
        return view;
    }
    if (known) {
        place.site_sym = route->view_sym;
        place.site_line = route->view_line;
    }
    return place;
}

/* ---- phases ---- */

static PyObject *on_phase(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                          size_t nargsf, PyObject *names)
{
    struct hp_cap_request *request = hp_cap_lane_request(lane);
    if (request == NULL || hp_cap_request_lane(request) != lane) {
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    hp_cap_lane_ref(lane);
    int before = hp_cap_request_phase(request, wrap->tag);
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    if (hp_cap_lane_request(lane) == request) {
        (void)hp_cap_request_phase(request, before);
    }
    hp_cap_lane_unref(lane);
    return result;
}

/* The framework's object of a request, when it is first seen: held until it is noted. (Others come and go
 * meanwhile: the application may enter contexts of its own.) New reference, or NULL without exception. */
static PyObject *meet_request(Call *call)
{
    PyObject *context = current_context();
    PyObject *flask_request = context == NULL ? NULL : hp_member(context, str_request);
    if (call != NULL && call->context == NULL && flask_request != NULL) {
        call->asked = Py_NewRef(flask_request);
        call->context = context;
    }
    Py_XDECREF(context);
    return flask_request;
}

/* preprocess_request: the first moment at which the route is known. */
static PyObject *on_before(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                           size_t nargsf, PyObject *names)
{
    struct hp_cap_request *request = hp_cap_lane_request(lane);
    if (request != NULL && hp_cap_request_lane(request) == lane && !hp_cap_request_routed(request)) {
        PyObject *flask_request = meet_request(hp_cap_request_owner(request));
        struct route_entry *entry = flask_request != NULL && PyVectorcall_NARGS(nargsf) > 0
                                        ? route_of_request(args[0], flask_request)
                                        : NULL;
        Py_XDECREF(flask_request);
        if (entry != NULL) {
            hp_cap_request_route(request, entry->route, entry->view_sym);
            if (hp_cap_request_allow(request) != HP_X_LEVEL_TRACE) {
                hp_tls.traced = hp_tls.want_c = false;
            }
        }
    }
    return on_phase(wrap, lane, args, nargsf, names);
}

/* do_teardown_request: the last moment at which what the application's request object holds is there. */
static PyObject *on_teardown(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                             size_t nargsf, PyObject *names)
{
    struct hp_cap_request *request = hp_cap_lane_request(lane);
    Call *call = request != NULL ? hp_cap_request_owner(request) : NULL;
    PyObject *context = call != NULL && call->asked != NULL ? current_context() : NULL;
    if (context != NULL && context == call->context) {
        PyObject *asked = call->asked;
        call->asked = NULL;
        hp_inputs_note(request, asked);
        Py_DECREF(asked);
    }
    Py_XDECREF(context);
    return on_phase(wrap, lane, args, nargsf, names);
}

/* process_response: after it nothing of Flask changes the response any more. */
static PyObject *on_response(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                             size_t nargsf, PyObject *names)
{
    hp_cap_lane_ref(lane);
    PyObject *response = on_phase(wrap, lane, args, nargsf, names);
    struct hp_cap_request *request = hp_cap_lane_request(lane);
    if (response != NULL && request != NULL && PyVectorcall_NARGS(nargsf) > 0 &&
        hp_serve_mount(args[0]) != NULL && !hp_cap_request_kept(request)) {
        PyObject *flask_request = of_context(str_request);
        PyObject *wsgi_environ = flask_request == NULL ? NULL : hp_member(flask_request, str_environ);
        if (wsgi_environ != NULL) {
            if (hp_toolbar_add(args[0], wsgi_environ, response, request) != 0) {
                Py_CLEAR(response);
            }
            Py_DECREF(wsgi_environ);
        }
        Py_XDECREF(flask_request);
    }
    hp_cap_lane_unref(lane);
    return response;
}

/* ---- exceptions ---- */

/* Flask.handle_exception(self, e) or (self, context, e): called for what no error handler took. */
static PyObject *on_exception(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                              size_t nargsf, PyObject *names)
{
    struct hp_cap_request *request = hp_cap_lane_request(lane);
    for (Py_ssize_t i = 1; request != NULL && i < PyVectorcall_NARGS(nargsf); i++) {
        if (PyExceptionInstance_Check(args[i])) {
            hp_note_exception(request, args[i]);
            break;
        }
    }
    return hp_wrap_call(wrap, args, nargsf, names);
}

/* Flask.handle_user_exception: an error handler answers, or it raises again. HTTP exceptions are answers, not
 * failures, unless their code says so. */
static PyObject *on_user_exception(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                                   size_t nargsf, PyObject *names)
{
    PyObject *exception = NULL;
    for (Py_ssize_t i = 1; exception == NULL && i < PyVectorcall_NARGS(nargsf); i++) {
        exception = PyExceptionInstance_Check(args[i]) ? Py_NewRef(args[i]) : NULL;
    }
    hp_cap_lane_ref(lane);
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    if (result != NULL && exception != NULL) {
        PyObject *code = hp_attribute(exception, str_code);
        long number = code != NULL && PyLong_Check(code) ? PyLong_AsLong(code) : 0;
        if (number < 100 || number >= 500) {
            hp_exception_note(lane, exception, HP_X_EXCEPTION_HANDLED);
        }
        Py_XDECREF(code);
        hp_swallow();
    }
    hp_cap_lane_unref(lane);
    Py_XDECREF(exception);
    return result;
}

/* ---- hooks ---- */

static int hook_app(PyObject *module)
{
    static const struct {
        const char *name;
        int phase;
        hp_wrap_handler handler;
    } phases[] = {{"preprocess_request", HP_X_PHASE_BEFORE, on_before},
                  {"dispatch_request", HP_X_PHASE_VIEW, on_phase},
                  {"process_response", HP_X_PHASE_AFTER, on_response},
                  {"do_teardown_request", HP_X_PHASE_TEARDOWN, on_teardown},
                  {"do_teardown_appcontext", HP_X_PHASE_TEARDOWN, on_phase}};
    static const char *const setups[] = {"before_request", "after_request", "teardown_request",
                                         "teardown_appcontext", "add_url_rule"};
    PyObject *cls = PyObject_GetAttrString(module, "Flask");
    int failed = cls == NULL;
    for (size_t i = 0; !failed && i < sizeof phases / sizeof phases[0]; i++) {
        failed = hp_wrap_method(cls, phases[i].name, phases[i].handler, phases[i].phase, 0);
    }
    for (size_t i = 0; !failed && i < sizeof setups / sizeof setups[0]; i++) {
        failed = hp_wrap_method(cls, setups[i], on_setup,
                                strcmp(setups[i], "add_url_rule") == 0 ? OF_VIEWS : OF_HOOKS, HP_WRAP_ALWAYS);
    }
    failed = failed || hp_wrap_method(cls, "handle_exception", on_exception, 0, 0) != 0 ||
             hp_wrap_method(cls, "handle_user_exception", on_user_exception, 0, 0) != 0;
    static const char *const ends[] = {"__call__", "wsgi_app"};
    for (size_t i = 0; !failed && i < sizeof ends / sizeof ends[0]; i++) {
        PyObject *method = PyObject_GetAttrString(cls, ends[i]);
        PyCodeObject *code = method == NULL ? NULL : hp_code_of(method);
        if (code != NULL) {
            Py_XSETREF(hp_place_stops[i], (PyCodeObject *)Py_NewRef(code));
        }
        Py_XDECREF(method);
    }
    Py_XDECREF(cls);
    return PyErr_Occurred() ? -1 : 0;
}

static int hook_blueprints(PyObject *module)
{
    static const char *const setups[] = {"before_request",      "after_request",      "teardown_request",
                                         "add_url_rule",        "before_app_request", "after_app_request",
                                         "teardown_app_request"};
    PyObject *cls = PyObject_GetAttrString(module, "Blueprint");
    int failed = cls == NULL;
    for (size_t i = 0; !failed && i < sizeof setups / sizeof setups[0]; i++) {
        failed = hp_wrap_method(cls, setups[i], on_setup,
                                strcmp(setups[i], "add_url_rule") == 0 ? OF_VIEWS : OF_HOOKS, HP_WRAP_ALWAYS);
    }
    Py_XDECREF(cls);
    return failed ? -1 : 0;
}

static int hook_templating(PyObject *module)
{
    return hp_wrap_function(module, "_render", on_phase, HP_X_PHASE_TEMPLATE, 0);
}

static int hook_globals(PyObject *module)
{
    static const char *const names[] = {"_cv_request", "_cv_app"}; /* one context from Flask 3.2 on */
    PyObject *dict = PyModule_Check(module) ? PyModule_GetDict(module) : NULL;
    for (size_t i = 0; dict != NULL && i < 2; i++) {
        PyObject *variable = PyDict_GetItemString(dict, names[i]);
        if (variable != NULL && PyContextVar_CheckExact(variable)) {
            Py_XSETREF(context_var, Py_NewRef(variable));
            return 0;
        }
    }
    return 0;
}

int hp_flask_init(PyObject *module)
{
    static const struct {
        PyObject **where;
        const char *text;
    } names[] = {{&str_request_key, "werkzeug.request"},
                 {&str_method_key, "REQUEST_METHOD"},
                 {&str_url_rule, "url_rule"},
                 {&str_endpoint, "endpoint"},
                 {&str_rule, "rule"},
                 {&str_view_functions, "view_functions"},
                 {&str_view_class, "view_class"},
                 {&str_request, "request"},
                 {&str_app, "app"},
                 {&str_dispatch, "dispatch_request"},
                 {&str_code, "code"},
                 {&str_greenlet, "greenlet"},
                 {&str_getcurrent, "getcurrent"},
                 {&str_parent, "parent"},
                 {&str_gr_frame, "gr_frame"},
                 {&str_method, "method"},
                 {&str_environ, "environ"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (*names[i].where == NULL &&
            (*names[i].where = PyUnicode_InternFromString(names[i].text)) == NULL) {
            return -1;
        }
    }
    hp_hook_add("flask.app", hook_app);
    hp_hook_add("flask.blueprints", hook_blueprints);
    hp_hook_add("flask.templating", hook_templating);
    hp_hook_add("flask.globals", hook_globals);
    return hp_wrap_init(module);
}
