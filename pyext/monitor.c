/* monitor.c -- the exact tracer of CPython 3.12 and later: sys.monitoring with C callbacks (PEP 669).
 *
 *   PY_START, PY_RESUME, PY_THROW   enter (the last two are re-entries)
 *   PY_RETURN, PY_YIELD, PY_UNWIND  leave
 *   CALL, C_RETURN, C_RAISE         C functions, where they are asked for; else those that application code
 * names and that are told (encoders, decoders, open), by local events of that code
 *                                   (a pickle.dumps has no Python frame, and what it takes is not its caller's computing)
 *
 * The callbacks are interpreter-wide, so each starts with one thread-local look: no traced lane, nothing to
 * do. They never return DISABLE (traps 7, 8), never raise, and assume no symmetry of events: every enter and
 * leave names its activation by its frame, and an unexpected caller sends us to the slow path (another
 * greenlet, or missed events). Tool id 3, then 4; never 0, 1, 2 (debuggers, coverage, profilers), 5
 * (optimizers): with none free there is no tracer, and that is said.
 */
#include "ext.h"

#if HP_HAVE_MONITORING

/* Frame identities have their low bit set for a C function called from that frame. */
#define C_MARK ((uintptr_t)1)

static int tool_id = -1;
static PyObject *monitoring; /* owned: sys.monitoring */

static inline const void *unmark(const void *frame)
{
    return (const void *)((uintptr_t)frame & ~C_MARK);
}

/* The caller is not what the shadow stack expects: another greenlet runs, or events were missed. */
static void resync(hp_frame *caller)
{
    if (hp_lane_resync() && (!hp_tls.traced || unmark(hp_cap_top(hp_tls.lane)) == (const void *)caller)) {
        return;
    }
    for (int i = 0; caller != NULL && i < 64; i++, caller = hp_frame_caller(caller)) {
        if (hp_cap_unwind_to(hp_tls.lane, (const void *)((uintptr_t)caller | C_MARK)) ||
            hp_cap_unwind_to(hp_tls.lane, caller)) {
            return;
        }
    }
}

static PyObject *enter(PyObject *const *args, bool resume)
{
    if (!hp_tls.traced && !(hp_ext.greenlets && hp_lane_resync() && hp_tls.traced)) {
        if (hp_tls.flight) {
            hp_recorder_enter((PyCodeObject *)args[0], hp_frame_current(hp_tls.tstate), resume);
        }
        Py_RETURN_NONE;
    }
    hp_frame *frame = hp_frame_current(hp_tls.tstate);
    hp_frame *caller = hp_frame_caller(frame);
    if (__builtin_expect(unmark(hp_cap_top(hp_tls.lane)) != (const void *)caller, 0)) {
        resync(caller);
        if (!hp_tls.traced) {
            Py_RETURN_NONE;
        }
    }
    bool watch;
    uint32_t sym = hp_code_traced((PyCodeObject *)args[0], &watch);
    if (__builtin_expect(watch, 0)) {
        (void)hp_monitor_watch((PyCodeObject *)args[0], true);
    }
    uint32_t site = caller != NULL ? (uint32_t)hp_frame_lasti(caller) : 0;
    if (__builtin_expect(hp_cap_enter(hp_tls.lane, sym, site, frame, resume), 0)) {
        hp_cap_line(hp_tls.lane, caller != NULL ? hp_frame_line(caller) : 0);
    }
    Py_RETURN_NONE;
}

static PyObject *leave(PyObject *const *args, size_t n, bool raised)
{
    if (!hp_tls.traced && !(hp_ext.greenlets && hp_lane_resync() && hp_tls.traced)) {
        if (hp_tls.flight && PyVectorcall_NARGS(n) >= 1) {
            hp_recorder_leave((PyCodeObject *)args[0], hp_frame_current(hp_tls.tstate), raised);
        }
        Py_RETURN_NONE;
    }
    hp_frame *frame = hp_frame_current(hp_tls.tstate);
    if (__builtin_expect(hp_cap_top(hp_tls.lane) != (const void *)frame, 0) && hp_ext.greenlets) {
        (void)hp_lane_resync();
        if (!hp_tls.traced) {
            Py_RETURN_NONE;
        }
    }
    hp_cap_leave(hp_tls.lane, frame, raised);
    Py_RETURN_NONE;
}

static PyObject *on_start(PyObject *self, PyObject *const *args, size_t n, PyObject *names)
{
    (void)self;
    (void)names;
    return PyVectorcall_NARGS(n) < 1 ? Py_NewRef(Py_None) : enter(args, false);
}

static PyObject *on_resume(PyObject *self, PyObject *const *args, size_t n, PyObject *names)
{
    (void)self;
    (void)names;
    return PyVectorcall_NARGS(n) < 1 ? Py_NewRef(Py_None) : enter(args, true);
}

static PyObject *on_leave(PyObject *self, PyObject *const *args, size_t n, PyObject *names)
{
    (void)self;
    (void)names;
    return leave(args, n, false);
}

static PyObject *on_unwind(PyObject *self, PyObject *const *args, size_t n, PyObject *names)
{
    (void)self;
    (void)names;
    return leave(args, n, true);
}

static bool is_watched(PyObject *callable, bool function)
{
    const PyMethodDef *def =
        function ? ((PyCFunctionObject *)callable)->m_ml : ((PyMethodDescrObject *)callable)->d_method;
    return hp_is_watched(def->ml_name);
}

/* CALL(code, offset, callable, arg0 or MISSING): only what cProfile counts as a C function (_lsprof.c,
 * get_cfunc_from_callable). */
static PyObject *on_call(PyObject *self, PyObject *const *args, size_t n, PyObject *names)
{
    (void)self;
    (void)names;
    if (!hp_tls.traced || PyVectorcall_NARGS(n) < 4) {
        return hp_tls.flight && PyVectorcall_NARGS(n) >= 3 ? hp_recorder_call(args[2]) : Py_NewRef(Py_None);
    }
    bool function = PyCFunction_Check(args[2]);
    if ((!function && Py_TYPE(args[2]) != &PyMethodDescr_Type) ||
        (!hp_tls.want_c && !is_watched(args[2], function))) {
        Py_RETURN_NONE;
    }
    hp_frame *frame = hp_frame_current(hp_tls.tstate);
    if (unmark(hp_cap_top(hp_tls.lane)) != (const void *)frame) {
        resync(frame);
        if (!hp_tls.traced) {
            Py_RETURN_NONE;
        }
    }
    uint32_t sym = hp_cfunction_symbol(args[2], function ? NULL : args[3]);
    uint32_t site = (uint32_t)hp_frame_lasti(frame);
    if (sym != 0 && hp_cap_enter(hp_tls.lane, sym, site, (const void *)((uintptr_t)frame | C_MARK), false)) {
        hp_cap_line(hp_tls.lane, hp_frame_line(frame));
    }
    Py_RETURN_NONE;
}

static PyObject *leave_c(PyObject *const *args, size_t n, bool raised)
{
    if (!hp_tls.traced || PyVectorcall_NARGS(n) < 3 ||
        (!PyCFunction_Check(args[2]) && Py_TYPE(args[2]) != &PyMethodDescr_Type)) {
        Py_RETURN_NONE;
    }
    const void *marked = (const void *)((uintptr_t)hp_frame_current(hp_tls.tstate) | C_MARK);
    if (hp_cap_top(hp_tls.lane) != marked && hp_ext.greenlets) {
        (void)hp_lane_resync();
    }
    if (hp_tls.traced && hp_cap_top(hp_tls.lane) == marked) {
        hp_cap_leave(hp_tls.lane, marked, raised);
    }
    Py_RETURN_NONE;
}

static PyObject *on_c_return(PyObject *self, PyObject *const *args, size_t n, PyObject *names)
{
    (void)self;
    (void)names;
    return leave_c(args, n, false);
}

static PyObject *on_c_raise(PyObject *self, PyObject *const *args, size_t n, PyObject *names)
{
    (void)self;
    (void)names;
    return leave_c(args, n, true);
}

/* A callable that is nothing but its vectorcall: a PyCFunction would add a recursion check and an argument
 * check to every event. */
typedef struct {
    PyObject_HEAD vectorcallfunc vectorcall;
} Callback;

static void callback_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef callback_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Callback, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyType_Slot callback_slots[] = {{Py_tp_dealloc, (void *)callback_dealloc},
                                       {Py_tp_call, (void *)PyVectorcall_Call},
                                       {Py_tp_members, callback_members},
                                       {0, NULL}};
static PyType_Spec callback_spec = {
    "_hotplate.Callback", sizeof(Callback), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION, callback_slots};
static PyObject *callback_type; /* owned */

static PyObject *new_callback(vectorcallfunc function)
{
    if (callback_type == NULL && (callback_type = PyType_FromSpec(&callback_spec)) == NULL) {
        return NULL;
    }
    Callback *callback = PyObject_New(Callback, (PyTypeObject *)callback_type);
    if (callback != NULL) {
        callback->vectorcall = function;
    }
    return (PyObject *)callback;
}

/* sys.monitoring.events bit numbers are taken by name, so that a new release may renumber them. */
static const struct hook {
    const char *event;
    vectorcallfunc function;
    bool c_only;
} hooks[] = {
    {"PY_START", on_start, false},  {"PY_RESUME", on_resume, false}, {"PY_THROW", on_resume, false},
    {"PY_RETURN", on_leave, false}, {"PY_YIELD", on_leave, false},   {"PY_UNWIND", on_unwind, false},
    {"CALL", on_call, true},        {"C_RETURN", on_c_return, true}, {"C_RAISE", on_c_raise, true},
};
#define HOOK_COUNT (sizeof hooks / sizeof hooks[0])

/* Take a tool id; -1 (no exception) when neither is free. */
static int claim(void)
{
    for (int id = 3; id <= 4; id++) {
        PyObject *done = PyObject_CallMethod(monitoring, "use_tool_id", "is", id, "hotplate");
        if (done != NULL) {
            Py_DECREF(done);
            return id;
        }
        PyErr_Clear();
    }
    return -1;
}

/* The bits of these events. -1 with an exception. */
static long mask_of(const char *const *names, size_t n)
{
    PyObject *events = PyObject_GetAttrString(monitoring, "events");
    long mask = 0;
    for (size_t i = 0; i < n && mask >= 0; i++) {
        PyObject *event = events == NULL ? NULL : PyObject_GetAttrString(events, names[i]);
        mask = event == NULL ? -1 : mask | PyLong_AsLong(event);
        Py_XDECREF(event);
    }
    Py_XDECREF(events);
    return mask;
}

bool hp_monitor_watch(PyCodeObject *code, bool calls)
{
    static const char *const names[] = {"PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "CALL"};
    static long plain = 0, with_calls = 0;
    struct hp_pending pending = hp_pending_save();
    if (plain <= 0) {
        plain = mask_of(names, 4);
        with_calls = mask_of(names, 5);
    }
    PyObject *done = plain > 0 && tool_id >= 0
                         ? PyObject_CallMethod(monitoring, "set_local_events", "iOl", tool_id, code,
                                               calls ? with_calls : plain)
                         : NULL;
    if (done == NULL) {
        hp_cap_error(hp_ext.cap);
    }
    Py_XDECREF(done);
    hp_pending_restore(pending);
    return done != NULL;
}

bool hp_monitor_only_global(void)
{
    static const char *const names[] = {"PY_UNWIND", "PY_THROW"};
    long mask = mask_of(names, 2);
    PyObject *set = mask < 0 ? NULL : PyObject_CallMethod(monitoring, "set_events", "il", tool_id, mask);
    Py_XDECREF(set);
    return set != NULL;
}

PyObject *hp_monitor_disable(void)
{
    return PyObject_GetAttrString(monitoring, "DISABLE");
}

/* Register all callbacks and switch the events on; false with an exception. */
static bool switch_on(bool c_functions)
{
    PyObject *events = PyObject_GetAttrString(monitoring, "events");
    long mask = 0;
    bool fine = events != NULL;
    for (size_t i = 0; fine && i < HOOK_COUNT; i++) {
        PyObject *event = PyObject_GetAttrString(events, hooks[i].event);
        PyObject *callback = new_callback(hooks[i].function);
        PyObject *old =
            event == NULL || callback == NULL
                ? NULL
                : PyObject_CallMethod(monitoring, "register_callback", "iOO", tool_id, event, callback);
        fine = old != NULL;
        /* C_RETURN and C_RAISE come with CALL and must not be named themselves (PEP 669). */
        if (fine && (!hooks[i].c_only || (c_functions && i == 6))) {
            mask |= PyLong_AsLong(event);
        }
        Py_XDECREF(old);
        Py_XDECREF(callback);
        Py_XDECREF(event);
    }
    Py_XDECREF(events);
    PyObject *set = fine ? PyObject_CallMethod(monitoring, "set_events", "il", tool_id, mask) : NULL;
    Py_XDECREF(set);
    return set != NULL;
}

int hp_tracer_start(bool c_functions)
{
    if (hp_ext.tracing && (hp_ext.tracing_c || !c_functions)) {
        return 0;
    }
    if (monitoring == NULL) {
        PyObject *sys_monitoring = PySys_GetObject("monitoring"); /* borrowed */
        if (sys_monitoring == NULL) {
            return HP_X_REASON_UNSUPPORTED;
        }
        monitoring = Py_NewRef(sys_monitoring);
    }
    if (tool_id < 0) {
        tool_id = claim();
        if (tool_id < 0) {
            return HP_X_REASON_NO_TOOL_ID;
        }
    }
    if (c_functions && hp_ext.recording) { /* the recorder is done with call sites that we are to see now */
        PyObject *again = PyObject_CallMethod(monitoring, "restart_events", NULL);
        Py_XDECREF(again);
        PyErr_Clear();
    }
    if (!switch_on(c_functions)) {
        PyErr_Clear();
        hp_tracer_stop();
        return HP_X_REASON_UNSUPPORTED;
    }
    hp_ext.tracing = true;
    hp_ext.tracing_c = hp_ext.tracing_c || c_functions;
    return 0;
}

void hp_tracer_stop(void)
{
    if (tool_id >= 0) {
        struct hp_pending pending = hp_pending_save();
        PyObject *off = PyObject_CallMethod(monitoring, "set_events", "ii", tool_id, 0);
        PyObject *freed = PyObject_CallMethod(monitoring, "free_tool_id", "i", tool_id);
        Py_XDECREF(off);
        Py_XDECREF(freed);
        hp_pending_restore(pending);
        tool_id = -1;
    }
    hp_ext.tracing = hp_ext.tracing_c = hp_ext.recording = false;
}

void hp_tracer_thread_begin(void)
{
}

void hp_tracer_thread_end(void)
{
}

#endif
