/* threads.c -- threads and executor work that a request starts belong to it.
 *
 *   Thread.start      spawn ── THREAD lane ── Thread._bootstrap_inner begins and ends it ── Thread.join: JOIN
 * edge Executor.submit   spawn ── POOL lane ── the worker runs the item in it ── Future.result, wait,
 * as_completed, shutdown: RESULT edge Condition.notify  remembers its lane ── Condition.wait (Event.wait,
 * Queue.get …): WAKE edge
 *
 * A pool's own worker threads outlive the request: they get no lane, only the items do. The lane of a thread,
 * future or item hangs on it as a LaneBox in the private attribute `_hotplate_lane`, so it goes when they go.
 * Waits that the library does inside start(), join() and result() are not told apart as WAKE: their own edges
 * say it.
 */
#include "wrap.h"

#include <string.h>

/* ---- a lane held by a Python object ---- */

typedef struct {
    PyObject_HEAD struct hp_cap_lane *lane; /* one reference */
    bool want_c;
    bool done;
} LaneBox;

typedef struct {                      /* a submitted callable: runs in its lane */
    PyObject_HEAD PyObject *function; /* owned */
    LaneBox *box;                     /* owned */
    vectorcallfunc vectorcall;
} PoolItem;

typedef struct { /* on an executor made inside a request */
    PyObject_HEAD uint64_t request_id;
    PyObject *boxes; /* owned list of the items' LaneBoxes */
} PoolMark;

static PyObject *box_type, *item_type, *mark_type; /* owned */
static PyObject *str_lane, *str_mark, *str_waiter, *str_target, *str_run, *str_connection, *str_waiters,
    *str_event, *str_cond, *str_finished; /* owned */

enum { MARK_CAP = 2000, WORKER_CAP = 4, QUIET_CAP = 12 };

static PyCodeObject
    *worker_codes[WORKER_CAP]; /* owned: targets of threads that serve more than one request */
static PyCodeObject
    *quiet_codes[QUIET_CAP]; /* owned: library functions whose inner waiting has an edge of its own */
static PyCodeObject *event_wait_code, *futures_wait_code, *as_completed_code; /* owned */

static void box_dealloc(LaneBox *self)
{
    PyTypeObject *type = Py_TYPE(self);
    hp_cap_lane_unref(self->lane);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

/* A child lane in a box; NULL without exception when it cannot be had. */
static LaneBox *spawn(struct hp_cap_lane *parent, int kind, struct hp_cap_place place)
{
    bool want_c = hp_tls.want_c;
    LaneBox *box = PyObject_New(LaneBox, (PyTypeObject *)box_type);
    if (box == NULL) {
        hp_swallow();
        return NULL;
    }
    box->lane = hp_cap_lane_spawn(parent, kind, place);
    box->want_c = want_c;
    box->done = false;
    if (box->lane == NULL) {
        PyTypeObject *type = Py_TYPE(box);
        type->tp_free((PyObject *)box);
        Py_DECREF(type);
        return NULL;
    }
    return box;
}

/* The box that hangs on an object; new reference, or NULL without exception. */
static LaneBox *box_of(PyObject *object)
{
    PyObject *box = hp_generic_get(object, str_lane);
    if (box != NULL && !Py_IS_TYPE(box, (PyTypeObject *)box_type)) {
        Py_CLEAR(box);
    }
    return (LaneBox *)box;
}

/* asgiref runs async views in a thread of its own: such a lane has no place to edit, only the library (trap
 * 18). */
static struct hp_cap_place spawn_place(void)
{
    hp_frame *frame = hp_frame_current(PyThreadState_Get());
    for (int i = 0; frame != NULL && i < 4; i++, frame = hp_frame_caller(frame)) {
        PyCodeObject *code = hp_frame_code(frame);
        struct hp_span8 file = hp_utf8(code->co_filename);
        if (file.n != 0 && strstr(file.p, "/asgiref/") != NULL) {
            return (struct hp_cap_place){0, 0, hp_code_symbol(code)};
        }
        if (hp_code_flags(code) & HP_X_APP) {
            break;
        }
    }
    return hp_place_or_view();
}

struct running {
    struct hp_lane_scope scope;
};

static void lane_begin(struct running *running, LaneBox *box)
{
    hp_tls.ended.request = 0;
    hp_lane_push(&running->scope, box->lane, box->want_c);
    hp_cap_lane_begin(box->lane, hp_frame_id_now());
    hp_tracer_thread_begin();
}

static void lane_end(struct running *running, LaneBox *box)
{
    hp_tracer_thread_end();
    hp_cap_lane_end(box->lane);
    hp_lane_pop(&running->scope);
    hp_tls.ended = hp_cap_lane_id(box->lane);
    box->done = true;
}

/* ---- threads ---- */

static bool is_worker(PyObject *thread)
{
    PyObject *target = hp_generic_get(thread, str_target);
    if (target == NULL || target == Py_None) {
        Py_XSETREF(target, hp_attribute((PyObject *)Py_TYPE(thread), str_run));
    }
    PyCodeObject *code = target == NULL ? NULL : hp_code_of(target);
    bool found = false;
    for (int i = 0; code != NULL && i < WORKER_CAP && !found; i++) {
        found = worker_codes[i] == code;
    }
    Py_XDECREF(target);
    return found;
}

static PyObject *on_start(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                          size_t nargsf, PyObject *names)
{
    PyObject *thread = PyVectorcall_NARGS(nargsf) > 0 ? args[0] : NULL;
    LaneBox *box = NULL;
    if (thread != NULL && !is_worker(thread)) {
        box = spawn(lane, HP_X_LANE_THREAD, spawn_place());
        if (box != NULL && !hp_generic_set(thread, str_lane, (PyObject *)box)) {
            Py_CLEAR(box);
        }
    }
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    if (box != NULL && result != NULL) {
        hp_cap_lane_spawned(box->lane);
    }
    Py_XDECREF(box);
    return result;
}

/* Run a thread in its lane, if it has one that lives. */
static PyObject *run_thread(struct hp_wrap *wrap, PyObject *const *args, size_t nargsf, PyObject *names)
{
    LaneBox *box = hp_ext.cap != NULL && PyVectorcall_NARGS(nargsf) > 0 ? box_of(args[0]) : NULL;
    if (box == NULL || !hp_cap_lane_alive(box->lane)) {
        Py_XDECREF(box);
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    struct running running;
    lane_begin(&running, box);
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    lane_end(&running, box);
    Py_DECREF(box);
    return result;
}

/* Thread._bootstrap_inner: the first thing on the new thread that is ours, and the last. */
static PyObject *on_bootstrap(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                              size_t nargsf, PyObject *names)
{
    (void)lane;
    PyObject *result = run_thread(wrap, args, nargsf, names);
    if (PyVectorcall_NARGS(nargsf) > 0) {
        hp_waits_thread_ends(args[0]);
    }
    return result;
}

static bool same_request(struct hp_cap_lane *one, struct hp_cap_lane *other)
{
    struct hp_cap_request *request = hp_cap_lane_request(one);
    return request != NULL && hp_cap_lane_request(other) == request;
}

/* Thread.join, Future.result, Future.exception; tag is the edge's kind. */
static PyObject *on_wait_for(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                             size_t nargsf, PyObject *names)
{
    LaneBox *box = PyVectorcall_NARGS(nargsf) > 0 ? box_of(args[0]) : NULL;
    if (box == NULL || box->lane == lane || !same_request(lane, box->lane)) {
        Py_XDECREF(box);
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    struct hp_cap_place place = hp_place_or_view();
    hp_cap_lane_ref(lane);
    uint64_t t0 = hp_cap_ticks();
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    hp_cap_edge(lane, wrap->tag, box->lane, t0, place);
    hp_cap_lane_unref(lane);
    Py_DECREF(box);
    return result;
}

/* ---- executors ---- */

static PyObject *item_call(PyObject *object, PyObject *const *args, size_t nargsf, PyObject *names)
{
    PoolItem *self = (PoolItem *)object;
    LaneBox *box = self->box;
    if (!hp_cap_lane_alive(box->lane) || box->done) {
        return PyObject_Vectorcall(self->function, args, nargsf, names);
    }
    struct running running;
    Py_INCREF(box);
    lane_begin(&running, box);
    PyObject *result = PyObject_Vectorcall(self->function, args, nargsf, names);
    lane_end(&running, box);
    Py_DECREF(box);
    return result;
}

static int item_traverse(PoolItem *self, visitproc visit, void *arg)
{
    Py_VISIT(self->function);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static int item_clear(PoolItem *self)
{
    Py_CLEAR(self->function);
    return 0;
}

static void item_dealloc(PoolItem *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->function);
    Py_CLEAR(self->box);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *item_getattro(PyObject *self, PyObject *name)
{
    if (PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "__call__") == 0) {
        return PyObject_GenericGetAttr(self, name);
    }
    if (PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "__wrapped__") == 0) {
        return Py_NewRef(((PoolItem *)self)->function);
    }
    return PyObject_GetAttr(((PoolItem *)self)->function, name);
}

static PyObject *item_repr(PyObject *self)
{
    return PyObject_Repr(((PoolItem *)self)->function);
}

static PyObject *item_new(PyObject *function, LaneBox *box)
{
    PoolItem *item = PyObject_GC_New(PoolItem, (PyTypeObject *)item_type);
    if (item == NULL) {
        hp_swallow();
        return NULL;
    }
    item->function = Py_NewRef(function);
    item->box = (LaneBox *)Py_NewRef(box);
    item->vectorcall = item_call;
    PyObject_GC_Track(item);
    return (PyObject *)item;
}

static void mark_dealloc(PoolMark *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_CLEAR(self->boxes);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

/* The mark of an executor that this request made; new reference, or NULL without exception. */
static PoolMark *mark_of(PyObject *executor, struct hp_cap_lane *lane)
{
    struct hp_cap_request *request = hp_cap_lane_request(lane);
    PyObject *mark = request == NULL ? NULL : hp_generic_get(executor, str_mark);
    if (mark != NULL && (!Py_IS_TYPE(mark, (PyTypeObject *)mark_type) ||
                         ((PoolMark *)mark)->request_id != hp_cap_request_id(request))) {
        Py_CLEAR(mark);
    }
    return (PoolMark *)mark;
}

static PyObject *on_executor_init(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                                  size_t nargsf, PyObject *names)
{
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    struct hp_cap_request *request = hp_cap_lane_request(lane);
    if (result == NULL || request == NULL || PyVectorcall_NARGS(nargsf) < 1) {
        return result;
    }
    PoolMark *mark = PyObject_New(PoolMark, (PyTypeObject *)mark_type);
    if (mark != NULL) {
        mark->request_id = hp_cap_request_id(request);
        mark->boxes = PyList_New(0);
        if (mark->boxes != NULL) {
            (void)hp_generic_set(args[0], str_mark, (PyObject *)mark);
        }
        Py_DECREF(mark);
    }
    hp_swallow();
    return result;
}

/* Call submit with the item in the function's place. */
static PyObject *submit_item(struct hp_wrap *wrap, PyObject *item, PyObject *const *args, size_t nargsf,
                             PyObject *names)
{
    PyObject *few[12];
    size_t n = (size_t)PyVectorcall_NARGS(nargsf) + (names == NULL ? 0 : (size_t)PyTuple_GET_SIZE(names));
    PyObject **all = n <= 12 ? few : PyMem_Malloc(n * sizeof *all);
    if (all == NULL) {
        hp_swallow();
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    memcpy(all, args, n * sizeof *all);
    all[1] = item;
    PyObject *future = PyObject_Vectorcall(wrap->original, all, (size_t)PyVectorcall_NARGS(nargsf), names);
    if (all != few) {
        PyMem_Free(all);
    }
    return future;
}

static PyObject *on_submit(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                           size_t nargsf, PyObject *names)
{
    LaneBox *box = PyVectorcall_NARGS(nargsf) < 2 ? NULL : spawn(lane, HP_X_LANE_POOL, spawn_place());
    PyObject *item = box == NULL ? NULL : item_new(args[1], box);
    if (item == NULL) {
        Py_XDECREF(box);
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    PoolMark *mark = mark_of(args[0], lane);
    if (mark != NULL) {
        hp_cap_lane_flag(box->lane, HP_X_LANE_NEW_EXECUTOR);
    }
    PyObject *future = submit_item(wrap, item, args, nargsf, names);
    Py_DECREF(item);
    if (future != NULL) {
        hp_cap_lane_spawned(box->lane);
        (void)hp_generic_set(future, str_lane, (PyObject *)box);
        if (mark != NULL && PyList_GET_SIZE(mark->boxes) < MARK_CAP) {
            (void)PyList_Append(mark->boxes, (PyObject *)box);
            hp_swallow();
        }
    }
    Py_XDECREF(mark);
    Py_DECREF(box);
    return future;
}

/* Items of the list that have not ended; new list or NULL. */
static PyObject *unfinished(PyObject *boxes)
{
    PyObject *open = PyList_New(0);
    for (Py_ssize_t i = 0; open != NULL && i < PyList_GET_SIZE(boxes); i++) {
        LaneBox *box = (LaneBox *)PyList_GET_ITEM(boxes, i);
        if (!box->done && PyList_Append(open, (PyObject *)box) != 0) {
            Py_CLEAR(open);
        }
    }
    hp_swallow();
    return open;
}

/* shutdown(wait=True), also by `with`: waits for the items that have not ended. */
static PyObject *on_shutdown(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                             size_t nargsf, PyObject *names)
{
    PyObject *wait = PyVectorcall_NARGS(nargsf) > 1 ? args[1] : hp_keyword(args, nargsf, names, "wait");
    PoolMark *mark = PyVectorcall_NARGS(nargsf) < 1 || wait == Py_False ? NULL : mark_of(args[0], lane);
    PyObject *open = mark == NULL ? NULL : unfinished(mark->boxes);
    Py_XDECREF(mark);
    if (open == NULL || PyList_GET_SIZE(open) == 0) {
        Py_XDECREF(open);
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    struct hp_cap_place place = hp_place_or_view();
    hp_cap_lane_ref(lane);
    uint64_t t0 = hp_cap_ticks();
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(open); i++) {
        hp_cap_edge(lane, HP_X_EDGE_RESULT, ((LaneBox *)PyList_GET_ITEM(open, i))->lane, t0, place);
    }
    hp_cap_lane_unref(lane);
    Py_DECREF(open);
    return result;
}

/* ---- conditions ---- */

static struct notifier {
    const void *condition;
    struct hp_cap_lane_id by;
} notifiers[64];

static struct notifier *notifier_of(const void *condition)
{
    return &notifiers[((uint64_t)(uintptr_t)condition * 0x9e3779b97f4a7c15ULL) >> 58];
}

/* Also called by workers whose item has ended: a future's callbacks run then. */
static PyObject *on_notify(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                           size_t nargsf, PyObject *names)
{
    struct hp_cap_lane_id by = lane != NULL ? hp_cap_lane_id(lane) : hp_tls.ended;
    if (by.request == 0 || PyVectorcall_NARGS(nargsf) < 1) {
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    PyObject *waiters = hp_generic_get(args[0], str_waiters);
    if (waiters != NULL && PyObject_Size(waiters) > 0 &&
        (lane == NULL || hp_cap_lane_level(lane) >= HP_X_LEVEL_MONITOR)) {
        *notifier_of(args[0]) = (struct notifier){args[0], by};
    }
    Py_XDECREF(waiters);
    PyErr_Clear();
    return hp_wrap_call(wrap, args, nargsf, names);
}

/* RESULT edges for the futures that finished while we waited on this waiter. */
static void futures_edges(struct hp_cap_lane *lane, PyObject *condition, uint64_t t0,
                          struct hp_cap_place place)
{
    PyObject *weak = hp_generic_get(condition, str_waiter);
    PyObject *waiter = weak == NULL || !PyWeakref_CheckRef(weak) ? NULL : PyObject_CallNoArgs(weak);
    PyObject *finished = waiter == NULL ? NULL : hp_attribute(waiter, str_finished);
    if (finished != NULL && PyList_Check(finished)) {
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(finished); i++) {
            LaneBox *box = box_of(PyList_GET_ITEM(finished, i));
            if (box != NULL && same_request(lane, box->lane)) {
                hp_cap_edge(lane, HP_X_EDGE_RESULT, box->lane, t0, place);
            }
            Py_XDECREF(box);
        }
    }
    Py_XDECREF(finished);
    Py_XDECREF(waiter);
    Py_XDECREF(weak);
}

/* Which library function waits here: the caller, below Event.wait. */
static PyCodeObject *waiting_code(void)
{
    hp_frame *frame = hp_frame_current(PyThreadState_Get());
    if (frame != NULL && hp_frame_code(frame) == event_wait_code) {
        frame = hp_frame_caller(frame);
    }
    return frame == NULL ? NULL : hp_frame_code(frame);
}

static bool is_quiet(const PyCodeObject *code)
{
    for (int i = 0; i < QUIET_CAP && quiet_codes[i] != NULL; i++) {
        if (quiet_codes[i] == code) {
            return true;
        }
    }
    return false;
}

static PyObject *on_condition_wait(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                                   size_t nargsf, PyObject *names)
{
    PyCodeObject *code = waiting_code();
    PyObject *timeout = PyVectorcall_NARGS(nargsf) > 1 ? args[1] : hp_keyword(args, nargsf, names, "timeout");
    if (timeout != NULL && PyLong_CheckExact(timeout) && PyObject_Not(timeout) == 1) {
        return hp_wrap_call(wrap, args, nargsf,
                            names); /* only looks: a pool asking its semaphore for an idle thread */
    }
    if (PyVectorcall_NARGS(nargsf) < 1 || is_quiet(code) || hp_cap_lane_level(lane) < HP_X_LEVEL_MONITOR) {
        return hp_wrap_call(wrap, args, nargsf, names);
    }
    bool for_futures = code != NULL && (code == futures_wait_code || code == as_completed_code);
    struct hp_cap_place place = hp_place_or_view();
    hp_cap_lane_ref(lane);
    uint64_t t0 = hp_cap_ticks();
    PyObject *result = hp_wrap_call(wrap, args, nargsf, names);
    struct hp_pending pending = hp_pending_save();
    if (for_futures) {
        futures_edges(lane, args[0], t0, place);
    } else {
        struct notifier *entry = notifier_of(args[0]);
        struct hp_cap_lane_id by = {0, 0, false};
        if (entry->condition == args[0]) {
            by = result != Py_False ? entry->by : by; /* False: the time ran out */
            entry->condition = NULL;
        }
        hp_cap_edge_from(lane, HP_X_EDGE_WAKE, &by, t0, place);
    }
    hp_pending_restore(pending);
    hp_cap_lane_unref(lane);
    return result;
}

/* _create_and_install_waiters(fs, return_when): remember the waiter on its condition, weakly. */
static PyObject *on_waiters(struct hp_wrap *wrap, struct hp_cap_lane *lane, PyObject *const *args,
                            size_t nargsf, PyObject *names)
{
    (void)lane;
    PyObject *waiter = hp_wrap_call(wrap, args, nargsf, names);
    PyObject *event = waiter == NULL ? NULL : hp_attribute(waiter, str_event);
    PyObject *condition = event == NULL ? NULL : hp_attribute(event, str_cond);
    PyObject *weak = condition == NULL ? NULL : PyWeakref_NewRef(waiter, NULL);
    if (weak != NULL) {
        (void)hp_generic_set(condition, str_waiter, weak);
    }
    Py_XDECREF(weak);
    Py_XDECREF(condition);
    Py_XDECREF(event);
    if (waiter != NULL) {
        hp_swallow();
    }
    return waiter;
}

/* ---- hooks ---- */

/* Code of `owner.name`, as an owned reference; NULL without exception. */
static PyCodeObject *code_named(PyObject *owner, const char *name)
{
    PyObject *function = owner == NULL ? NULL : PyObject_GetAttrString(owner, name);
    PyCodeObject *code =
        function == NULL ? NULL : (PyCodeObject *)Py_XNewRef((PyObject *)hp_code_of(function));
    Py_XDECREF(function);
    PyErr_Clear();
    return code;
}

static void add_code(PyCodeObject **list, int cap, PyCodeObject *code)
{
    for (int i = 0; code != NULL && i < cap; i++) {
        if (list[i] == NULL || list[i] == code) {
            Py_XSETREF(list[i], code);
            return;
        }
    }
    Py_XDECREF(code);
}

static int hook_threading(PyObject *module)
{
    PyObject *thread = PyObject_GetAttrString(module, "Thread");
    PyObject *condition = PyObject_GetAttrString(module, "Condition"),
             *event = PyObject_GetAttrString(module, "Event");
    PyErr_Clear();
    int failed = thread == NULL || hp_wrap_own_method(thread, "start", on_start, 0, 0) != 0 ||
                 hp_wrap_own_method(thread, "_bootstrap_inner", on_bootstrap, 0, HP_WRAP_ALWAYS) != 0 ||
                 hp_wrap_own_method(thread, "join", on_wait_for, HP_X_EDGE_JOIN, 0) != 0;
    if (!failed && condition != NULL) {
        failed = hp_wrap_own_method(condition, "wait", on_condition_wait, 0, 0) != 0 ||
                 hp_wrap_own_method(condition, "notify", on_notify, 0, HP_WRAP_ALWAYS) != 0;
    }
    add_code(quiet_codes, QUIET_CAP, code_named(thread, "start"));
    add_code(quiet_codes, QUIET_CAP, code_named(thread, "join"));
    Py_XSETREF(event_wait_code, code_named(event, "wait"));
    Py_XDECREF(event);
    Py_XDECREF(condition);
    Py_XDECREF(thread);
    return failed ? -1 : 0;
}

static int hook_futures(PyObject *module)
{
    PyObject *future = PyObject_GetAttrString(module, "Future");
    if (future == NULL) {
        return -1;
    }
    int failed = hp_wrap_own_method(future, "result", on_wait_for, HP_X_EDGE_RESULT, 0) != 0 ||
                 hp_wrap_own_method(future, "exception", on_wait_for, HP_X_EDGE_RESULT, 0) != 0 ||
                 hp_wrap_function(module, "_create_and_install_waiters", on_waiters, 0, 0) != 0;
    add_code(quiet_codes, QUIET_CAP, code_named(future, "result"));
    add_code(quiet_codes, QUIET_CAP, code_named(future, "exception"));
    Py_XSETREF(futures_wait_code, code_named(module, "wait"));
    Py_XSETREF(as_completed_code, code_named(module, "as_completed"));
    Py_DECREF(future);
    return failed ? -1 : 0;
}

/* concurrent.futures.thread, and gevent.threadpool, whose class overrides submit and shutdown. */
static int hook_pool(PyObject *module)
{
    PyObject *executor = PyObject_GetAttrString(module, "ThreadPoolExecutor");
    if (executor == NULL) {
        return -1;
    }
    int failed = hp_wrap_own_method(executor, "__init__", on_executor_init, 0, 0) != 0 ||
                 hp_wrap_own_method(executor, "submit", on_submit, 0, 0) != 0 ||
                 hp_wrap_own_method(executor, "shutdown", on_shutdown, 0, 0) != 0;
    add_code(worker_codes, WORKER_CAP, code_named(module, "_worker"));
    Py_DECREF(executor);
    return failed ? -1 : 0;
}

/* aiosqlite runs a connection's statements on a thread that lives as long as the connection, which was that
 * thread itself before 0.22. */
static int hook_aiosqlite(PyObject *module)
{
    PyObject *connection = hp_attribute(module, str_connection);
    add_code(worker_codes, WORKER_CAP, code_named(module, "_connection_worker_thread"));
    add_code(worker_codes, WORKER_CAP, code_named(connection, "run"));
    Py_XDECREF(connection);
    return 0;
}

static PyMemberDef item_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(PoolItem, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyType_Slot box_slots[] = {{Py_tp_dealloc, (void *)box_dealloc}, {0, NULL}};
static PyType_Slot mark_slots[] = {{Py_tp_dealloc, (void *)mark_dealloc}, {0, NULL}};
static PyType_Slot item_slots[] = {
    {Py_tp_dealloc, (void *)item_dealloc},   {Py_tp_call, (void *)PyVectorcall_Call},
    {Py_tp_getattro, (void *)item_getattro}, {Py_tp_repr, (void *)item_repr},
    {Py_tp_traverse, (void *)item_traverse}, {Py_tp_clear, (void *)item_clear},
    {Py_tp_members, item_members},           {0, NULL}};
#define PLAIN (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION)
static PyType_Spec box_spec = {"_hotplate.LaneBox", sizeof(LaneBox), 0, PLAIN, box_slots};
static PyType_Spec mark_spec = {"_hotplate.PoolMark", sizeof(PoolMark), 0, PLAIN, mark_slots};
static PyType_Spec item_spec = {"_hotplate.PoolItem", sizeof(PoolItem), 0,
                                PLAIN | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, item_slots};

int hp_threads_init(PyObject *module)
{
    (void)module;
    static const struct {
        PyObject **where;
        const char *text;
    } names[] = {{&str_lane, "_hotplate_lane"},
                 {&str_mark, "_hotplate_mark"},
                 {&str_waiter, "_hotplate_waiter"},
                 {&str_target, "_target"},
                 {&str_waiters, "_waiters"},
                 {&str_event, "event"},
                 {&str_cond, "_cond"},
                 {&str_run, "run"},
                 {&str_connection, "Connection"},
                 {&str_finished, "finished_futures"}};
    static const struct {
        PyObject **where;
        PyType_Spec *spec;
    } types[] = {{&box_type, &box_spec}, {&mark_type, &mark_spec}, {&item_type, &item_spec}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (*names[i].where == NULL &&
            (*names[i].where = PyUnicode_InternFromString(names[i].text)) == NULL) {
            return -1;
        }
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (*types[i].where == NULL && (*types[i].where = PyType_FromSpec(types[i].spec)) == NULL) {
            return -1;
        }
    }
    hp_hook_add("threading", hook_threading);
    hp_hook_add("concurrent.futures._base", hook_futures);
    hp_hook_add("concurrent.futures.thread", hook_pool);
    hp_hook_add("gevent.threadpool", hook_pool);
    hp_hook_add("aiosqlite.core", hook_aiosqlite);
    return 0;
}
