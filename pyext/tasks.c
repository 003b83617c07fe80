/* tasks.c -- asyncio: each task that a request starts is a lane; when it ran, when it waited, and when it was
 * ready but its loop was busy.
 *
 *     loop.create_task      a TASK lane of whoever runs now; else of whoever scheduled the running callback from another thread (a context variable)
 *     loop._call_soon(step) the task is ready, and the lane that runs now has woken it
 *     Handle._run(step)     its lane is current on this thread until the step ends; in between it awaits
 *
 * All of it is asyncio's Python code, which its C tasks call, too: the step and wakeup callables of both
 * kinds of task name their task (`__self__`). A loop of other make (uvloop) calls none of it: its tasks then
 * belong to the lane that runs the loop.
 *
 * Who woke whom goes through callbacks that are no task's (gather's, an executor's future): a handle
 * remembers the lane that scheduled it, in a small table of numbers, where a later one may push an earlier
 * one out. A timer's callback knows when it was due: the task was ready then.
 */
#include "wrap.h"

#include <string.h>
#include <time.h>

#include "hotplate/ext/share.h"
#include "ptrmap.h"

#define CAUSES      1024u /* power of two */
#define AWAIT_DEPTH 32

/* What is known of a task, from its creation to its end; called by the weak reference when the task goes
 * without ending. */
typedef struct {
    PyObject_HEAD struct hp_cap_lane *lane; /* one reference */
    PyObject *weak;   /* owned; it owns this box: a circle that leaving the table cuts */
    const void *task; /* identity */
    vectorcallfunc vectorcall;
    uint64_t ready;              /* ticks; 0: not known to be */
    struct hp_cap_lane_id waker; /* of `ready` */
    struct hp_cap_place place;   /* where it awaits */
    bool want_c;
} TaskBox;

typedef struct {                            /* value of the context variable */
    PyObject_HEAD struct hp_cap_lane *lane; /* one reference */
    bool want_c;
} LaneRef;

static PyObject *box_type, *ref_type, *variable; /* owned */
static PyTypeObject *timer_type;                 /* owned: asyncio.TimerHandle */
static PyObject *str_callback, *str_self, *str_done, *str_get_coro, *str_await, *str_when; /* owned */
static struct hp_ptrmap tasks; /* task to its TaskBox, which it owns */

static struct cause {
    const void *handle; /* identity; NULL: free */
    struct hp_cap_lane_id by;
} causes[CAUSES];

/* The callback that runs on this thread, if it is no task's step. */
static __thread struct {
    bool inside;
    struct hp_cap_lane_id cause;
    uint64_t late_ns;                   /* it is a timer's, and this late */
    struct hp_cap_lane_id last_created; /* the newest task of this thread */
} plain __attribute__((tls_model("initial-exec")));

/* ---- the table ---- */

static void box_dealloc(TaskBox *self)
{
    PyTypeObject *type = Py_TYPE(self);
    hp_cap_lane_unref(self->lane);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static void forget(TaskBox *box)
{
    struct hp_ptrmap_entry *entry = hp_ptrmap_find(&tasks, box->task);
    if (entry != NULL && entry->value == box) {
        hp_ptrmap_remove(&tasks, box->task);
        Py_CLEAR(box->weak);
        Py_DECREF(box);
    }
}

/* The task is gone. */
static PyObject *box_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    (void)args;
    (void)nargsf;
    (void)names;
    Py_INCREF(self);
    forget((TaskBox *)self);
    Py_DECREF(self);
    Py_RETURN_NONE;
}

static TaskBox *find(PyObject *task)
{
    struct hp_ptrmap_entry *entry = task != NULL ? hp_ptrmap_find(&tasks, task) : NULL;
    return entry != NULL ? entry->value : NULL;
}

/* Have a task be a lane; takes the reference to the lane. */
static void note_task(PyObject *task, struct hp_cap_lane *lane, bool want_c)
{
    TaskBox *box = PyObject_New(TaskBox, (PyTypeObject *)box_type);
    if (box == NULL) {
        hp_cap_lane_unref(lane);
        hp_swallow();
        return;
    }
    *box = (TaskBox){.ob_base = box->ob_base,
                     .lane = lane,
                     .task = task,
                     .vectorcall = box_call,
                     .ready = hp_cap_ticks(),
                     .want_c = want_c};
    box->weak = PyWeakref_NewRef(task, (PyObject *)box);
    if (box->weak == NULL || !hp_ptrmap_put(&tasks, task, box, 0)) {
        Py_CLEAR(box->weak);
        Py_DECREF(box);
        hp_swallow();
    }
}

static bool is_done(PyObject *task)
{
    PyObject *done = PyObject_CallMethodNoArgs(task, str_done);
    bool yes = done == Py_True;
    Py_XDECREF(done);
    hp_swallow();
    return yes;
}

/* ---- who scheduled what ---- */

static struct cause *cause_of(const void *handle)
{
    return &causes[((uint64_t)(uintptr_t)handle * 0x9e3779b97f4a7c15ULL) >> 54];
}

/* The lane on whose account this thread acts now. */
static struct hp_cap_lane_id acting(struct hp_cap_lane *lane)
{
    return plain.inside ? plain.cause : lane != NULL ? hp_cap_lane_id(lane) : hp_tls.ended;
}

/* The object that a bound callable is bound to; borrowed as long as the callable lives, NULL: none. */
static PyObject *owner_of(PyObject *callable)
{
    if (PyCFunction_Check(callable)) {
        return PyCFunction_GET_SELF(callable);
    }
    if (PyMethod_Check(callable)) {
        return PyMethod_GET_SELF(callable);
    }
    if (PyFunction_Check(callable)) {
        return NULL;
    }
    PyObject *owner = hp_generic_get(callable, str_self); /* the step of a C task */
    Py_XDECREF(owner);
    return owner;
}

static uint64_t late_ns_of(PyObject *handle)
{
    PyObject *when = timer_type != NULL && PyObject_TypeCheck(handle, timer_type)
                         ? hp_generic_get(handle, str_when)
                         : NULL;
    double due_s = when != NULL && PyFloat_Check(when) ? PyFloat_AS_DOUBLE(when) : 0;
    Py_XDECREF(when);
    struct timespec now;
    if (due_s <= 0 || clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        return 0;
    }
    double late_s = (double)now.tv_sec - due_s + (double)now.tv_nsec / 1e9;
    return late_s > 0 && late_s < 1e6 ? (uint64_t)(late_s * 1e9) : 0;
}

/* ---- creating ---- */

static void ref_dealloc(LaneRef *self)
{
    PyTypeObject *type = Py_TYPE(self);
    hp_cap_lane_unref(self->lane);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

/* The lane that the running context carries; new reference to its holder, NULL: none that is alive. */
static LaneRef *carried(void)
{
    PyObject *value = NULL;
    if (PyContextVar_Get(variable, NULL, &value) != 0) {
        hp_swallow();
    }
    if (value != NULL && !hp_cap_lane_alive(((LaneRef *)value)->lane)) {
        Py_CLEAR(value);
    }
    return (LaneRef *)value;
}

static PyObject *on_create_task(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                                size_t nargsf, PyObject *names)
{
    LaneRef *ref = lane != NULL || hp_ext.cap == NULL ? NULL : carried();
    struct hp_cap_lane *parent = ref != NULL ? ref->lane : lane;
    bool want_c = ref != NULL ? ref->want_c : hp_tls.want_c;
    PyObject *task = hp_wrap_call(wrap, args, nargsf, names);
    if (parent != NULL && task != NULL && hp_cap_lane_level(parent) >= HP_X_LEVEL_MONITOR &&
        find(task) == NULL && !is_done(task)) {
        struct hp_cap_lane *child = hp_cap_lane_spawn(parent, HP_X_LANE_TASK, hp_place_or_view());
        if (child != NULL) {
            plain.last_created = hp_cap_lane_id(child);
            note_task(task, child, want_c);
        }
    }
    Py_XDECREF(ref);
    return task;
}

/* ---- scheduling ---- */

/* A copy of the running context that carries the lane; NULL without exception. */
static PyObject *carrying_context(struct hp_cap_lane *lane)
{
    LaneRef *ref = PyObject_New(LaneRef, (PyTypeObject *)ref_type);
    PyObject *context = NULL, *token = NULL;
    if (ref != NULL) {
        hp_cap_lane_ref(lane);
        ref->lane = lane;
        ref->want_c = hp_tls.want_c;
        context = PyContext_CopyCurrent();
    }
    if (context != NULL && PyContext_Enter(context) == 0) {
        token = PyContextVar_Set(variable, (PyObject *)ref);
        if (PyContext_Exit(context) != 0) {
            Py_CLEAR(token);
        }
    }
    if (token == NULL) {
        Py_CLEAR(context);
        hp_swallow();
    }
    Py_XDECREF(token);
    Py_XDECREF(ref);
    return context;
}

/* call_soon_threadsafe from a lane: what it starts over there is the lane's. The handle would have copied the
 * context anyway. */
static PyObject *call_with_context(struct hp_wrap *wrap, PyObject *context, PyObject *const *args,
                                   size_t nargsf)
{
    PyObject *few[12];
    Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    PyObject *names = n < 12 ? Py_BuildValue("(s)", "context") : NULL;
    if (names == NULL) {
        PyErr_Clear();
        return hp_wrap_call(wrap, args, nargsf, NULL);
    }
    memcpy(few, args, (size_t)n * sizeof *few);
    few[n] = context;
    PyObject *handle = PyObject_Vectorcall(wrap->original, few, (size_t)n, names);
    Py_DECREF(names);
    return handle;
}

/* loop.call_soon_threadsafe: from a lane the callback's context carries it. */
static PyObject *on_threadsafe(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                               size_t nargsf, PyObject *names)
{
    PyObject *context = PyVectorcall_NARGS(nargsf) < 2 || names != NULL ? NULL : carrying_context(lane);
    PyObject *handle = context != NULL ? call_with_context(wrap, context, args, nargsf)
                                       : hp_wrap_call(wrap, args, nargsf, names);
    Py_XDECREF(context);
    return handle;
}

/* loop._call_soon, below call_soon and call_soon_threadsafe. The latter then wakes the loop, which may run
 * the handle at once: so not there. */
static PyObject *on_call_soon(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                              size_t nargsf, PyObject *names)
{
    if (PyVectorcall_NARGS(nargsf) < 2 || hp_ext.cap == NULL) {
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    struct hp_cap_lane_id by = acting(lane);
    TaskBox *box = tasks.live != 0 ? find(owner_of(args[1])) : NULL;
    if (box != NULL) {
        box->ready = hp_cap_ticks_before(hp_cap_ticks(), plain.inside ? plain.late_ns : 0);
        box->waker = by;
    }
    PyObject *handle = hp_wrap_call(wrap, args, nargsf, names);
    if (handle != NULL && box == NULL) {
        struct cause *cause = cause_of(handle);
        if (by.request != 0) {
            *cause = (struct cause){handle, by};
        } else if (cause->handle == handle) {
            cause->handle = NULL;
        }
    }
    return handle;
}

/* ---- running ---- */

/* The innermost application line that a suspended task awaits at. */
static struct hp_cap_place await_place(PyObject *task)
{
    struct hp_cap_place place = {0, 0, 0};
    PyObject *at = PyObject_CallMethodNoArgs(task, str_get_coro);
    for (int i = 0; i < AWAIT_DEPTH && at != NULL && PyCoro_CheckExact(at); i++) {
        hp_frame *frame = hp_coroutine_frame(at);
        PyCodeObject *code = frame != NULL ? hp_frame_code(frame) : NULL;
        if (code != NULL && (hp_code_flags(code) & HP_X_APP)) {
            place.site_sym = hp_code_symbol(code);
            place.site_line = hp_code_line(code, hp_frame_lasti(frame));
        }
        Py_SETREF(at, hp_attribute(at, str_await));
    }
    Py_XDECREF(at);
    hp_swallow();
    return place;
}

/* The task goes on: tell what it waited for since `t0`. */
static void resume(TaskBox *box, uint64_t t0, uint64_t now)
{
    struct hp_cap_away away = {.t0 = t0,
                               .ready = box->ready != 0 ? box->ready : now,
                               .t1 = now,
                               .kind = HP_X_WAIT_AWAIT,
                               .span = true,
                               .place = box->place};
    hp_cap_lane_waited(box->lane, &away);
    if (hp_cap_lane_is_sibling(box->lane, &box->waker)) {
        hp_cap_edge_from(box->lane, HP_X_EDGE_WAKE, &box->waker, t0, box->place);
    }
}

static PyObject *run_step(struct hp_wrap *wrap, TaskBox *box, PyObject *task, PyObject *const *args,
                          size_t nargsf, PyObject *names)
{
    struct hp_lane_scope scope;
    uint64_t t0 = hp_cap_lane_away_since(box->lane), now = hp_cap_ticks();
    bool was_inside = plain.inside;
    Py_INCREF(box);
    Py_INCREF(task);
    plain.inside = false;
    hp_lane_push(&scope, box->lane, box->want_c);
    if (t0 != 0) {
        hp_cap_lane_root_frame(box->lane, hp_frame_id_now());
        resume(box, t0, now);
    } else {
        hp_cap_lane_begin(box->lane, hp_frame_id_now());
    }
    box->ready = 0;
    box->waker.request = 0;
    hp_tracer_thread_begin();
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    hp_tracer_thread_end();
    struct hp_pending pending = hp_pending_save();
    bool done = is_done(task);
    if (done) {
        hp_cap_lane_end(box->lane);
    } else {
        box->place = await_place(task);
    }
    hp_lane_pop_out(&scope);
    if (done) {
        forget(box);
    }
    hp_pending_restore(pending);
    plain.inside = was_inside;
    Py_DECREF(task);
    Py_DECREF(box);
    return result;
}

static PyObject *run_plain(struct hp_wrap *wrap, PyObject *const *args, size_t nargsf, PyObject *names)
{
    struct cause *cause = cause_of(args[0]);
    bool was_inside = plain.inside;
    struct hp_cap_lane_id before = plain.cause;
    uint64_t before_ns = plain.late_ns;
    plain.inside = true;
    plain.late_ns = late_ns_of(args[0]);
    plain.cause.request = 0;
    if (cause->handle == args[0]) {
        plain.cause = cause->by;
        cause->handle = NULL;
    }
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    plain.inside = was_inside;
    plain.cause = before;
    plain.late_ns = before_ns;
    return result;
}

static PyObject *on_run(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args, size_t nargsf,
                        PyObject *names)
{
    (void)lane;
    if (tasks.live == 0 || PyVectorcall_NARGS(nargsf) < 1) {
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    PyObject *callback = hp_generic_get(args[0], str_callback);
    PyObject *task = callback != NULL ? owner_of(callback) : NULL; /* lives while `callback` does */
    TaskBox *box = find(task);
    if (box != NULL && !hp_cap_lane_alive(box->lane)) {
        forget(box);
        box = NULL;
    }
    PyObject *result =
        box != NULL ? run_step(wrap, box, task, args, nargsf, names) : run_plain(wrap, args, nargsf, names);
    Py_XDECREF(callback);
    return result;
}

/* loop.run_until_complete: the lane that runs the loop waits for its task. */
static PyObject *on_run_until_complete(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                                       size_t nargsf, PyObject *names)
{
    TaskBox *box = PyVectorcall_NARGS(nargsf) > 1 ? find(args[1]) : NULL;
    struct hp_cap_lane_id task = {0, 0, false}, created = plain.last_created;
    struct hp_cap_place place = hp_place_or_view();
    bool was_inside = plain.inside; /* a loop inside a loop, by those who patch asyncio for it */
    if (box != NULL) {
        task = hp_cap_lane_id(box->lane);
    }
    hp_cap_lane_ref(lane);
    uint64_t t0 = hp_cap_ticks();
    plain.inside = false;
    plain.last_created.request = 0;
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    if (box == NULL && PyVectorcall_NARGS(nargsf) > 1 && PyCoro_CheckExact(args[1])) {
        task = plain.last_created; /* the newest, if the coroutine made no other */
    }
    plain.last_created = created;
    plain.inside = was_inside;
    if (hp_cap_lane_is_sibling(lane, &task)) {
        hp_cap_edge_from(lane, HP_X_EDGE_RESULT, &task, t0, place);
    }
    hp_cap_lane_unref(lane);
    return result;
}

/* ---- hooks ---- */

static int hook_loops(PyObject *module)
{
    PyObject *loop = PyObject_GetAttrString(module, "BaseEventLoop");
    int failed = loop == NULL ||
                 hp_wrap_own_method(loop, "create_task", on_create_task, 0, HP_WRAP_ALWAYS) != 0 ||
                 hp_wrap_own_method(loop, "_call_soon", on_call_soon, 0, HP_WRAP_ALWAYS) != 0 ||
                 hp_wrap_own_method(loop, "call_soon_threadsafe", on_threadsafe, 0, 0) != 0 ||
                 hp_wrap_own_method(loop, "run_until_complete", on_run_until_complete, 0, 0) != 0;
    Py_XDECREF(loop);
    return failed ? -1 : 0;
}

static int hook_events(PyObject *module)
{
    PyObject *handle = PyObject_GetAttrString(module, "Handle"),
             *timer = PyObject_GetAttrString(module, "TimerHandle");
    int failed = handle == NULL || timer == NULL || !PyType_Check(timer) ||
                 hp_wrap_own_method(handle, "_run", on_run, 0, HP_WRAP_ALWAYS) != 0;
    if (!failed) {
        Py_XSETREF(timer_type, (PyTypeObject *)Py_NewRef(timer));
    }
    Py_XDECREF(handle);
    Py_XDECREF(timer);
    return failed ? -1 : 0;
}

static PyMemberDef box_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(TaskBox, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyType_Slot box_slots[] = {{Py_tp_dealloc, (void *)box_dealloc},
                                  {Py_tp_call, (void *)PyVectorcall_Call},
                                  {Py_tp_members, box_members},
                                  {0, NULL}};
static PyType_Slot ref_slots[] = {{Py_tp_dealloc, (void *)ref_dealloc}, {0, NULL}};
#define PLAIN (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION)
static PyType_Spec box_spec = {"_hotplate.TaskBox", sizeof(TaskBox), 0, PLAIN | Py_TPFLAGS_HAVE_VECTORCALL,
                               box_slots};
static PyType_Spec ref_spec = {"_hotplate.LaneRef", sizeof(LaneRef), 0, PLAIN, ref_slots};

int hp_tasks_init(PyObject *module)
{
    (void)module;
    static const struct {
        PyObject **where;
        const char *text;
    } names[] = {{&str_callback, "_callback"}, {&str_self, "__self__"},  {&str_done, "done"},
                 {&str_get_coro, "get_coro"},  {&str_await, "cr_await"}, {&str_when, "_when"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (*names[i].where == NULL &&
            (*names[i].where = PyUnicode_InternFromString(names[i].text)) == NULL) {
            return -1;
        }
    }
    if (variable == NULL &&
        ((box_type = PyType_FromSpec(&box_spec)) == NULL || (ref_type = PyType_FromSpec(&ref_spec)) == NULL ||
         (variable = PyContextVar_New("_hotplate_lane", NULL)) == NULL)) {
        return -1;
    }
    hp_hook_add("asyncio.base_events", hook_loops);
    hp_hook_add("asyncio.events", hook_events);
    return 0;
}
