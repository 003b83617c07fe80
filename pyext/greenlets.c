/* greenlets.c -- greenlet's switches, seen in C, and the greenlets that a request makes as lanes of it.
 *
 *     greenlet type's tp_new     a lane makes a greenlet: it carries the moment it was made at (`_hotplate_lane`)
 *     greenlet.settrace          one callable a thread: switched(origin, target) ─▶ lanes.c changes the clocks over
 *     first switch to it         its parents belong to no lane (gevent's is the hub): a GREENLET lane begins
 *
 * So nothing depends on the order in which gevent, the application and we patch anything. An application's
 * own trace function is called by ours: settrace and gettrace are wrapped, and speak of its function only.
 * Where they were imported before we came and replace ours, we put ourselves in front again at the next
 * request of that thread.
 *
 * What a greenlet waited for is read where it comes back: its frames are those that it left at. gevent.sleep
 * says how long it wanted to sleep, so what came on top was the hub being busy (`loop`). One that another
 * lane of the request woke was ready at the latest when that lane gave way. For sockets nobody knows when the
 * kernel had the answer: all of it is the wait.
 */
#include "hotplate/ext/share.h"
#include "wrap.h"

#include <string.h>

#define SUBCLASS_DEPTH 16
#define EARLY_NS       1000000u /* a timer is started a little before the switch */
#define ROUNDING_NS    50u      /* of ticks: a sleep is never shown shorter than was asked for */

/* ---- what a greenlet made by a lane carries ---- */

typedef struct {
    PyObject_HEAD struct hp_cap_moment moment; /* owns its reference */
    bool want_c, used;
} Made;

static PyObject *made_type, *tracer_type, *str_lane, *str_tracer; /* owned */
static PyTypeObject *hub_type;                                    /* owned; gevent's, NULL: not imported */
static PyTypeObject *greenlet_type;                               /* owned */
static newfunc greenlet_new;

static void made_dealloc(Made *self)
{
    PyTypeObject *type = Py_TYPE(self);
    hp_cap_moment_drop(&self->moment);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static void mark_made(PyObject *greenlet, struct hp_cap_lane *lane)
{
    struct hp_pending pending = hp_pending_save();
    Made *made = PyObject_New(Made, (PyTypeObject *)made_type);
    if (made != NULL) {
        made->moment = hp_cap_moment_of(lane, hp_place_or_view());
        made->want_c = hp_tls.want_c;
        made->used = false;
        (void)hp_generic_set(greenlet, str_lane, (PyObject *)made);
        Py_DECREF(made);
    }
    hp_swallow();
    hp_pending_restore(pending);
}

static PyObject *new_greenlet(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *greenlet = greenlet_new(type, args, kwargs);
    struct hp_cap_lane *lane = greenlet != NULL && hp_ext.started ? hp_lane_here() : NULL;
    if (lane != NULL && hp_cap_lane_level(lane) >= HP_X_LEVEL_MONITOR &&
        !(hub_type != NULL && PyType_IsSubtype(type, hub_type))) {
        mark_made(greenlet, lane);
    }
    return greenlet;
}

bool hp_greenlet_is_hub(PyObject *greenlet)
{
    return hub_type != NULL && PyObject_TypeCheck(greenlet, hub_type);
}

struct hp_cap_lane *hp_greenlet_adopt(PyObject *greenlet, bool *want_c)
{
    PyObject *object = str_lane == NULL ? NULL : hp_generic_get(greenlet, str_lane);
    struct hp_cap_lane *lane = NULL;
    if (object != NULL && Py_IS_TYPE(object, (PyTypeObject *)made_type)) {
        Made *made = (Made *)object;
        if (!made->used && hp_cap_lane_alive(made->moment.lane)) {
            made->used = true;
            lane = hp_cap_lane_spawn_from(&made->moment, HP_X_LANE_GREENLET);
            *want_c = made->want_c;
        }
    }
    Py_XDECREF(object);
    if (lane != NULL) {
        hp_cap_lane_begin(lane, hp_frame_id_now());
    }
    return lane;
}

/* ---- what it waited for ---- */

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Kind of a wait inside gevent's Python function `name` of `file` (behind "gevent/"); -1: it does not say. */
static int kind_in_gevent(const char *file, const char *name)
{
    static const struct {
        const char *file, *name; /* beginnings */
        int kind;
    } table[] = {
        {"hub.py", "sleep", HP_X_WAIT_SLEEP},
        {"_socket", "recv", HP_X_WAIT_RECV},
        {"_socket", "send", HP_X_WAIT_SEND},
        {"_socket", "connect", HP_X_WAIT_CONNECT},
        {"_socketcommon", "get", HP_X_WAIT_DNS},
        {"_ssl", "do_handshake", HP_X_WAIT_TLS},
        {"_ssl", "unwrap", HP_X_WAIT_TLS},
        {"_ssl", "recv", HP_X_WAIT_RECV},
        {"_ssl", "read", HP_X_WAIT_RECV},
        {"_ssl", "send", HP_X_WAIT_SEND},
        {"_ssl", "write", HP_X_WAIT_SEND},
        {"ssl", "do_handshake", HP_X_WAIT_TLS},
        {"ssl", "unwrap", HP_X_WAIT_TLS},
        {"ssl", "recv", HP_X_WAIT_RECV},
        {"ssl", "read", HP_X_WAIT_RECV},
        {"ssl", "send", HP_X_WAIT_SEND},
        {"ssl", "write", HP_X_WAIT_SEND},
        {"resolver", "", HP_X_WAIT_DNS},
        {"select", "", HP_X_WAIT_POLL},
        {"subprocess", "", HP_X_WAIT_SUBPROCESS},
        {"os.py", "waitpid", HP_X_WAIT_SUBPROCESS},
        {"lock.py", "", HP_X_WAIT_LOCK},
        {"thread.py", "", HP_X_WAIT_LOCK},
        {"threading.py", "", HP_X_WAIT_LOCK},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (starts(file, table[i].file) && starts(name, table[i].name)) {
            return table[i].kind;
        }
    }
    return -1;
}

/* Nanoseconds that a sleep was asked for; 0: not known. */
static uint64_t asked_ns(hp_frame *frame)
{
    PyObject *seconds = hp_frame_first_argument(frame);
    double s = seconds == NULL              ? 0
               : PyFloat_Check(seconds)     ? PyFloat_AS_DOUBLE(seconds)
               : PyLong_CheckExact(seconds) ? PyLong_AsDouble(seconds)
                                            : 0;
    PyErr_Clear();
    return s > 0 && s < 1e9 ? (uint64_t)(s * 1e9) : 0;
}

/* The innermost of gevent's functions that says what is waited for. */
static int kind_here(uint64_t *wanted_ns)
{
    hp_frame *frame = hp_frame_current(PyThreadState_Get());
    for (int i = 0; frame != NULL && i < 8; i++, frame = hp_frame_caller(frame)) {
        PyCodeObject *code = hp_frame_code(frame);
        struct hp_span8 path = hp_utf8(code->co_filename), name = hp_utf8(code->co_name);
        const char *file = path.n == 0 ? NULL : strstr(path.p, "/gevent/");
        if (file == NULL || name.n == 0) {
            break;
        }
        int kind = kind_in_gevent(file + strlen("/gevent/"), name.p);
        if (kind == HP_X_WAIT_SLEEP) {
            *wanted_ns = asked_ns(frame);
        }
        if (kind >= 0) {
            return kind;
        }
    }
    return HP_X_WAIT_AWAIT;
}

static bool is_of_network(int kind)
{
    return kind == HP_X_WAIT_AWAIT || kind == HP_X_WAIT_RECV || kind == HP_X_WAIT_SEND ||
           kind == HP_X_WAIT_POLL;
}

/* When a sleep was over: as late as it was asked for, if it went on that long. */
static void judge_sleep(struct hp_cap_away *away, uint64_t wanted_ns)
{
    uint64_t took_ns = hp_cap_ns(away->t1 - away->t0);
    if (wanted_ns != 0 && took_ns > wanted_ns + ROUNDING_NS) {
        away->ready = hp_cap_ticks_before(away->t1, took_ns - wanted_ns - ROUNDING_NS);
    } else if (wanted_ns != 0 && took_ns < wanted_ns && wanted_ns - took_ns < EARLY_NS) {
        away->t0 = hp_cap_ticks_before(away->t0, wanted_ns - took_ns + ROUNDING_NS);
    }
}

void hp_greenlet_resume(struct hp_cap_lane *lane, const struct hp_cap_clock *clock)
{
    uint64_t wanted_ns = 0, ran_until = 0;
    struct hp_cap_away away = {
        .t0 = hp_cap_lane_away_since(lane), .ready = clock->ticks, .t1 = clock->ticks, .span = true};
    struct hp_cap_lane_id waker = hp_cap_lane_ran_last(lane, &ran_until);
    if (away.t0 == 0) {
        return; /* it is new, or there was no switch */
    }
    away.kind = kind_here(&wanted_ns);
    away.place = hp_place_or_view();
    if (away.kind == HP_X_WAIT_SLEEP) {
        judge_sleep(&away, wanted_ns);
    } else if (is_of_network(away.kind) && hp_cap_sql_inside(lane)) {
        away.kind = HP_X_WAIT_DB;
    }
    bool woken = waker.request != 0 && (away.kind == HP_X_WAIT_AWAIT || away.kind == HP_X_WAIT_LOCK);
    if (woken) {
        away.ready = ran_until;
    }
    hp_cap_lane_in(lane, clock);
    hp_cap_lane_waited(lane, &away);
    if (woken) {
        hp_cap_lane_woken(lane, &waker, away.t0, away.place);
    }
}

/* ---- the trace function ---- */

typedef struct {
    PyObject_HEAD PyObject *next; /* owned or NULL: the application's own function */
    vectorcallfunc vectorcall;
    bool inside;
} Tracer;

static __thread Tracer *tracer
    __attribute__((tls_model("initial-exec"))); /* borrowed from the thread's dictionary */
static PyObject *settrace, *gettrace;           /* owned: greenlet's own */

/* (event, (origin, target)) */
static PyObject *traced(PyObject *object, PyObject *const *args, size_t nargsf, PyObject *names)
{
    Tracer *self = (Tracer *)object;
    (void)names;
    if (self->inside) { /* a function that we call calls us: it had found us and kept us */
        Py_RETURN_NONE;
    }
    if (hp_ext.cap != NULL && self == tracer && PyVectorcall_NARGS(nargsf) == 2 && PyTuple_Check(args[1]) &&
        PyTuple_GET_SIZE(args[1]) == 2) {
        struct hp_pending pending = hp_pending_save();
        (void)hp_lane_switched(PyTuple_GET_ITEM(args[1], 0), PyTuple_GET_ITEM(args[1], 1));
        hp_pending_restore(pending);
    }
    if (self->next == NULL) {
        Py_RETURN_NONE;
    }
    PyObject *next = Py_NewRef(self->next);
    self->inside = true;
    PyObject *result = PyObject_Vectorcall(next, args, nargsf & ~PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    self->inside = false;
    Py_DECREF(next);
    if (result == NULL) { /* greenlet removes a trace function that raises: theirs goes, and us with it until
                             the next request */
        Py_CLEAR(self->next);
        hp_tls.hooked = false;
    }
    return result;
}

static int tracer_traverse(Tracer *self, visitproc visit, void *arg)
{
    Py_VISIT(self->next);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static int tracer_clear(Tracer *self)
{
    Py_CLEAR(self->next);
    return 0;
}

static void tracer_dealloc(Tracer *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)tracer_clear(self);
    if (tracer == self) {
        tracer = NULL;
    }
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

/* This thread's tracer; NULL without exception when it cannot be had. */
static Tracer *own_tracer(void)
{
    PyObject *dict = PyThreadState_GetDict(); /* borrowed */
    if (tracer != NULL || dict == NULL) {
        return tracer;
    }
    Tracer *fresh = PyObject_GC_New(Tracer, (PyTypeObject *)tracer_type);
    if (fresh == NULL) {
        hp_swallow();
        return NULL;
    }
    fresh->next = NULL;
    fresh->vectorcall = traced;
    fresh->inside = false;
    PyObject_GC_Track(fresh);
    if (PyDict_SetItem(dict, str_tracer, (PyObject *)fresh) == 0) {
        tracer = fresh;
    }
    hp_swallow();
    Py_DECREF(fresh);
    return tracer;
}

void hp_greenlet_watch(void)
{
    if (settrace == NULL || gettrace == NULL) {
        return;
    }
    struct hp_pending pending = hp_pending_save();
    PyObject *there = PyObject_CallNoArgs(gettrace);
    Tracer *ours = there == NULL || (hp_tls.hooked && there == (PyObject *)tracer) ? NULL : own_tracer();
    if (ours != NULL && there != (PyObject *)ours) {
        Py_XSETREF(ours->next, there == Py_None ? NULL : Py_NewRef(there));
        PyObject *before = PyObject_CallOneArg(settrace, (PyObject *)ours);
        hp_tls.hooked = before != NULL;
        Py_XDECREF(before);
    }
    Py_XDECREF(there);
    hp_swallow();
    hp_pending_restore(pending);
}

/* greenlet.settrace as the application calls it: behind ours, where ours is. */
static PyObject *on_settrace(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                             size_t nargsf, PyObject *names)
{
    (void)lane;
    PyObject *there = gettrace == NULL ? NULL : PyObject_CallNoArgs(gettrace);
    bool ours = there != NULL && there == (PyObject *)tracer;
    Py_XDECREF(there);
    if (!ours || names != NULL || PyVectorcall_NARGS(nargsf) != 1) {
        PyErr_Clear();
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    PyObject *before = tracer->next == NULL ? Py_NewRef(Py_None) : tracer->next;
    tracer->next = args[0] == Py_None || args[0] == (PyObject *)tracer ? NULL : Py_NewRef(args[0]);
    return before;
}

static PyObject *on_gettrace(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                             size_t nargsf, PyObject *names)
{
    (void)lane;
    PyObject *there = hp_wrap_call(wrap, args, nargsf, names);
    if (there != NULL && there == (PyObject *)tracer) {
        Py_SETREF(there, Py_NewRef(tracer->next == NULL ? Py_None : tracer->next));
    }
    return there;
}

/* ---- hooks ---- */

/* Replace tp_new in the type and in those of its subclasses that inherited it: object.__new__'s safety check
 * compares them. */
/* NOLINTNEXTLINE(misc-no-recursion): it ends at SUBCLASS_DEPTH */
static void take_new(PyTypeObject *type, int depth)
{
    if (type->tp_new != greenlet_new || depth > SUBCLASS_DEPTH) {
        return;
    }
    type->tp_new = new_greenlet;
    PyType_Modified(type);
    PyObject *below = PyObject_CallMethod((PyObject *)type, "__subclasses__", NULL);
    for (Py_ssize_t i = 0; below != NULL && i < PyList_GET_SIZE(below); i++) {
        take_new((PyTypeObject *)PyList_GET_ITEM(below, i), depth + 1);
    }
    Py_XDECREF(below);
    PyErr_Clear();
}

static int hook_greenlet(PyObject *module)
{
    PyObject *type = PyObject_GetAttrString(module, "greenlet");
    PyObject *set = PyObject_GetAttrString(module, "settrace"),
             *get = PyObject_GetAttrString(module, "gettrace");
    int failed = type == NULL || set == NULL || get == NULL || !PyType_Check(type) ? -1 : 0;
    if (!failed && greenlet_type == NULL) {
        settrace = hp_unwrap(set);
        gettrace = hp_unwrap(get);
        greenlet_type = (PyTypeObject *)Py_NewRef(type);
        greenlet_new = greenlet_type->tp_new;
        take_new(greenlet_type, 0);
    }
    if (!failed) {
        failed = hp_wrap_function(module, "settrace", on_settrace, 0, HP_WRAP_ALWAYS) != 0 ||
                         hp_wrap_function(module, "gettrace", on_gettrace, 0, HP_WRAP_ALWAYS) != 0
                     ? -1
                     : 0;
    }
    Py_XDECREF(type);
    Py_XDECREF(set);
    Py_XDECREF(get);
    return failed;
}

static int hook_hub(PyObject *module)
{
    PyObject *type = PyObject_GetAttrString(module, "Hub");
    if (type == NULL || !PyType_Check(type)) {
        Py_XDECREF(type);
        return -1;
    }
    Py_XSETREF(hub_type, (PyTypeObject *)type);
    return 0;
}

static PyMemberDef tracer_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Tracer, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyType_Slot made_slots[] = {{Py_tp_dealloc, (void *)made_dealloc}, {0, NULL}};
static PyType_Slot tracer_slots[] = {
    {Py_tp_dealloc, (void *)tracer_dealloc},   {Py_tp_call, (void *)PyVectorcall_Call},
    {Py_tp_traverse, (void *)tracer_traverse}, {Py_tp_clear, (void *)tracer_clear},
    {Py_tp_members, tracer_members},           {0, NULL}};
#define PLAIN (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION)
static PyType_Spec made_spec = {"_hotplate.Made", sizeof(Made), 0, PLAIN, made_slots};
static PyType_Spec tracer_spec = {"_hotplate.Tracer", sizeof(Tracer), 0,
                                  PLAIN | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, tracer_slots};

int hp_greenlets_init(PyObject *module)
{
    (void)module;
    if (made_type == NULL && ((str_lane = PyUnicode_InternFromString("_hotplate_lane")) == NULL ||
                              (str_tracer = PyUnicode_InternFromString("_hotplate_tracer")) == NULL ||
                              (tracer_type = PyType_FromSpec(&tracer_spec)) == NULL ||
                              (made_type = PyType_FromSpec(&made_spec)) == NULL)) {
        return -1;
    }
    hp_hook_add("greenlet._greenlet", hook_greenlet);
    hp_hook_add("greenlet", hook_greenlet);
    hp_hook_add("gevent.hub", hook_hub);
    return 0;
}
