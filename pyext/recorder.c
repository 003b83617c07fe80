/* recorder.c -- the flight recorder's hooks: application code and the Python functions it calls directly, for
 * every request.
 *
 * Why not the tracer: its events are interpreter-wide. Here only chosen code objects have events (PEP 669,
 * local events), all other code runs as if nobody watched. Chosen are the functions of application modules,
 * found by walking these modules when new ones have been imported, and what such a function calls, found at
 * the call (CALL), once a call site.
 *
 *   view (app) ─ events ─▶ Query.all (library, called from app code: events) ─▶ … (no events: self time of
 * Query.all) ─▶ app hook (events)
 *
 * Between two recorded frames there may be others, so the caller is looked for along the stack. What is
 * missed (code that was running when its events came on) has no entry on the shadow stack and is ignored.
 * Generator expressions and comprehensions are left to the function that they stand in: an event an item
 * would be dear.
 */
#include "ext.h"

#if HP_HAVE_MONITORING

enum { MOST_FRAMES = 256, MOST_DEPTH = 8 };

static Py_ssize_t modules_seen;
static PyObject *done_modules; /* owned set of module names that have been walked */

static bool is_inline(const PyCodeObject *code)
{
    return PyUnicode_READ_CHAR(code->co_name, 0) == '<' &&
           PyUnicode_CompareWithASCIIString(code->co_name, "<lambda>") != 0;
}

/* NOLINTBEGIN(misc-no-recursion): all of these end at MOST_DEPTH. */

/* Give events to application code, and to all code within it. */
static void note_app(PyCodeObject *code, int depth)
{
    if (depth > MOST_DEPTH || !(hp_code_flags(code) & HP_X_APP)) {
        return;
    }
    if (PyUnicode_GET_LENGTH(code->co_name) > 0 && !is_inline(code) && hp_code_mark(code)) {
        (void)hp_monitor_watch(code, true);
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(code->co_consts); i++) {
        PyObject *inner = PyTuple_GET_ITEM(code->co_consts, i);
        if (PyCode_Check(inner)) {
            note_app((PyCodeObject *)inner, depth + 1);
        }
    }
}

static void walk_value(PyObject *value, int depth);

/* A function, and what it wraps: decorated functions are only in the decorator's closure. */
static void walk_function(PyObject *function, int depth)
{
    note_app((PyCodeObject *)PyFunction_GET_CODE(function), 0);
    PyObject *closure = PyFunction_GET_CLOSURE(function);
    for (Py_ssize_t i = 0; closure != NULL && i < PyTuple_GET_SIZE(closure); i++) {
        PyObject *inner = PyCell_GET(PyTuple_GET_ITEM(closure, i));
        if (inner != NULL && PyFunction_Check(inner)) {
            walk_value(inner, depth + 1);
        }
    }
}

static void walk_dict(PyObject *dict, int depth)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(dict, &at, &key, &value)) {
        walk_value(value, depth);
    }
}

static void walk_value(PyObject *value, int depth)
{
    if (depth > MOST_DEPTH) {
        return;
    }
    if (PyFunction_Check(value)) {
        walk_function(value, depth);
    } else if (PyMethod_Check(value)) {
        walk_value(PyMethod_GET_FUNCTION(value), depth + 1);
    } else if (PyType_Check(value) && depth == 0) {
        PyTypeObject *type = (PyTypeObject *)value;
        if (type->tp_flags & Py_TPFLAGS_HEAPTYPE && type->tp_dict != NULL) {
            walk_dict(type->tp_dict, 1);
        }
    } else if (Py_IS_TYPE(value, &PyStaticMethod_Type) || Py_IS_TYPE(value, &PyClassMethod_Type)) {
        PyObject *function = PyObject_GetAttrString(value, "__func__");
        if (function != NULL) {
            walk_value(function, depth + 1);
        }
        Py_XDECREF(function);
    } else if (Py_IS_TYPE(value, &PyProperty_Type)) {
        PyObject *function = PyObject_GetAttrString(value, "fget");
        if (function != NULL) {
            walk_value(function, depth + 1);
        }
        Py_XDECREF(function);
    }
    PyErr_Clear();
}

/* NOLINTEND(misc-no-recursion) */

void hp_recorder_refresh(void)
{
    PyObject *modules = hp_ext.recording ? PyImport_GetModuleDict() : NULL; /* borrowed */
    if (modules == NULL || !PyDict_Check(modules) || PyDict_GET_SIZE(modules) == modules_seen) {
        return;
    }
    modules_seen = PyDict_GET_SIZE(modules);
    struct hp_pending pending = hp_pending_save();
    PyObject *list = PyDict_Items(modules); /* a copy: walking must not meet a change */
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++) {
        PyObject *name = PyTuple_GET_ITEM(PyList_GET_ITEM(list, i), 0);
        PyObject *module = PyTuple_GET_ITEM(PyList_GET_ITEM(list, i), 1);
        PyObject *dict = PyModule_Check(module) ? PyModule_GetDict(module) : NULL; /* borrowed */
        PyObject *file = dict == NULL ? NULL : PyDict_GetItemString(dict, "__file__");
        if (file != NULL && PyUnicode_Check(file) && PySet_Contains(done_modules, name) == 0 &&
            (hp_file_flags(file) & HP_X_APP)) {
            PyObject *copy = PyDict_Copy(dict);
            if (copy != NULL) {
                walk_dict(copy, 0);
                Py_DECREF(copy);
            }
            (void)!PySet_Add(done_modules, name);
        }
    }
    Py_XDECREF(list);
    PyErr_Clear();
    hp_pending_restore(pending);
}

int hp_recorder_start(void)
{
    if (hp_ext.recording) {
        return 0;
    }
    if (done_modules == NULL && (done_modules = PySet_New(NULL)) == NULL) {
        PyErr_Clear();
        return HP_X_REASON_UNSUPPORTED;
    }
    bool was_tracing = hp_ext.tracing;
    int reason = hp_tracer_enable(false); /* takes the tool, and measures what an event costs */
    if (reason != 0) {
        return reason;
    }
    if (!was_tracing) {
        if (!hp_monitor_only_global()) {
            PyErr_Clear();
            hp_tracer_stop();
            return HP_X_REASON_UNSUPPORTED;
        }
        hp_ext.tracing = false;
    }
    hp_ext.recording = true;
    return 0;
}

void hp_tracer_rest(void)
{
    struct hp_pending pending = hp_pending_save();
    if (!hp_ext.recording || !hp_monitor_only_global()) {
        hp_tracer_stop();
    }
    hp_ext.tracing = hp_ext.tracing_c = false;
    hp_pending_restore(pending);
}

/* The nearest frame at or above `frame` that is on top of the shadow stack, after closing entries that were
 * missed; NULL: none is on it. */
static hp_frame *recorded_caller(hp_frame *frame)
{
    const void *top = hp_cap_top(hp_tls.lane);
    hp_frame *at = frame;
    for (int i = 0; at != NULL && i < MOST_FRAMES; i++, at = hp_frame_caller(at)) {
        if ((const void *)at == top) {
            return at;
        }
    }
    at = frame;
    for (int i = 0; at != NULL && i < MOST_FRAMES; i++, at = hp_frame_caller(at)) {
        if (hp_cap_unwind_to(hp_tls.lane, at)) {
            return at;
        }
    }
    return NULL;
}

void hp_recorder_enter(PyCodeObject *code, hp_frame *frame, bool resume)
{
    hp_frame *caller = hp_frame_caller(frame);
    if (!(hp_code_flags(code) & HP_X_APP) &&
        (caller == NULL || !(hp_code_flags(hp_frame_code(caller)) & HP_X_APP))) {
        return; /* called from elsewhere in the library */
    }
    hp_frame *from = recorded_caller(caller);
    uint32_t site = from != NULL ? (uint32_t)hp_frame_lasti(from) : 0;
    if (hp_cap_enter(hp_tls.lane, hp_code_symbol(code), site, frame, resume)) {
        hp_cap_line(hp_tls.lane, from != NULL ? hp_frame_line(from) : 0);
    }
}

void hp_recorder_leave(PyCodeObject *code, hp_frame *frame, bool raised)
{
    if (hp_cap_top(hp_tls.lane) == (const void *)frame || (hp_code_flags(code) & HP_X_APP)) {
        hp_cap_leave(hp_tls.lane, frame, raised);
    }
}

/* The Python function that a call of this would run; borrowed, NULL if none. */
static PyObject *function_of(PyObject *callable)
{
    if (PyMethod_Check(callable)) {
        callable = PyMethod_GET_FUNCTION(callable);
    } else if (PyType_Check(callable)) {
        PyObject *mro = ((PyTypeObject *)callable)->tp_mro;
        for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
            PyObject *dict = ((PyTypeObject *)PyTuple_GET_ITEM(mro, i))->tp_dict;
            PyObject *init = dict == NULL ? NULL : PyDict_GetItemString(dict, "__init__"); /* borrowed */
            if (init != NULL) {
                callable = init;
                break;
            }
        }
    }
    return PyFunction_Check(callable) ? callable : NULL;
}

PyObject *hp_recorder_call(PyObject *callable)
{
    PyObject *function = function_of(callable);
    if (function != NULL) {
        PyCodeObject *code = (PyCodeObject *)PyFunction_GET_CODE(function);
        if (hp_code_flags(code) & HP_X_APP) {
            note_app(code, 0);
        } else if (hp_code_mark(code)) {
            (void)hp_monitor_watch(code, false);
        }
    }
    PyObject *disable = hp_monitor_disable();
    if (disable == NULL) {
        PyErr_Clear();
        disable = Py_NewRef(Py_None);
    }
    return disable;
}

#else

void hp_tracer_rest(void)
{
    hp_tracer_stop();
}

int hp_recorder_start(void)
{
    return HP_X_REASON_UNSUPPORTED;
}

void hp_recorder_refresh(void)
{
}

#endif
