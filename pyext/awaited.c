/* awaited.c -- see awaited.h. The object that stands in the coroutine's place passes every resume on and
 * looks like it otherwise. */
#include "awaited.h"

#include <string.h>

static PyObject *type; /* owned */

static void start(struct hp_awaited *self)
{
    if (!self->started) {
        self->started = true;
        self->open = self->kind->begin(self);
    }
}

static void end(struct hp_awaited *self, bool fine, PyObject *result)
{
    if (self->open) {
        self->open = false;
        self->kind->end(self, fine, result);
    }
}

static int awaited_traverse(struct hp_awaited *self, visitproc visit, void *arg)
{
    Py_VISIT(self->coroutine);
    for (int i = 0; i < HP_AWAITED_HELD; i++) {
        Py_VISIT(self->held[i]);
    }
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void awaited_dealloc(struct hp_awaited *self)
{
    PyTypeObject *own = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    end(self, false, NULL);
    Py_CLEAR(self->coroutine);
    for (int i = 0; i < HP_AWAITED_HELD; i++) {
        Py_CLEAR(self->held[i]);
    }
    hp_cap_lane_unref(self->lane);
    own->tp_free((PyObject *)self);
    Py_DECREF(own);
}

static PySendResult awaited_send(PyObject *object, PyObject *value, PyObject **result)
{
    struct hp_awaited *self = (struct hp_awaited *)object;
    start(self);
    PySendResult state = PyIter_Send(self->coroutine, value, result);
    if (state != PYGEN_NEXT) {
        end(self, state == PYGEN_RETURN, *result);
    }
    return state;
}

/* A returned value as StopIteration; NULL. */
static PyObject *stop_iteration(PyObject *value)
{
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, value);
    if (stop != NULL) {
        PyErr_SetObject(PyExc_StopIteration, stop);
        Py_DECREF(stop);
    }
    return NULL;
}

static PyObject *awaited_resume(PyObject *self, PyObject *value)
{
    PyObject *result = NULL;
    PySendResult state = awaited_send(self, value, &result);
    if (state == PYGEN_RETURN) {
        (void)stop_iteration(result);
        Py_CLEAR(result);
    }
    return result;
}

static PyObject *awaited_next(PyObject *self)
{
    return awaited_resume(self, Py_None);
}

/* throw(…) and close() of the coroutine itself. */
static PyObject *awaited_forward(PyObject *object, const char *name, PyObject *args)
{
    struct hp_awaited *self = (struct hp_awaited *)object;
    PyObject *method = PyObject_GetAttrString(self->coroutine, name);
    PyObject *result = method == NULL ? NULL : PyObject_Call(method, args, NULL);
    Py_XDECREF(method);
    if (result == NULL || strcmp(name, "close") == 0) {
        end(self, result == NULL && PyErr_ExceptionMatches(PyExc_StopIteration), NULL);
    }
    return result;
}

static PyObject *awaited_throw(PyObject *self, PyObject *args)
{
    start((struct hp_awaited *)self);
    return awaited_forward(self, "throw", args);
}

static PyObject *awaited_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *none = PyTuple_New(0);
    PyObject *result = none == NULL ? NULL : awaited_forward(self, "close", none);
    Py_XDECREF(none);
    return result;
}

static PyObject *awaited_getattro(PyObject *self, PyObject *name)
{
    static const char *const own[] = {"send", "throw", "close", "__await__", "__next__", "__iter__"};
    for (size_t i = 0; PyUnicode_Check(name) && i < sizeof own / sizeof own[0]; i++) {
        if (PyUnicode_CompareWithASCIIString(name, own[i]) == 0) {
            return PyObject_GenericGetAttr(self, name);
        }
    }
    return PyObject_GetAttr(((struct hp_awaited *)self)->coroutine,
                            name); /* cr_frame, __class__, __name__ … */
}

static PyMethodDef awaited_methods[] = {
    {"send", awaited_resume, METH_O, "Resume with a value."},
    {"throw", awaited_throw, METH_VARARGS, "Raise an exception at the point of suspension."},
    {"close", awaited_close, METH_NOARGS, "End the coroutine."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot awaited_slots[] = {
    {Py_tp_dealloc, (void *)awaited_dealloc},   {Py_tp_traverse, (void *)awaited_traverse},
    {Py_tp_getattro, (void *)awaited_getattro}, {Py_tp_iternext, (void *)awaited_next},
    {Py_tp_methods, awaited_methods},           {Py_am_await, (void *)PyObject_SelfIter},
    {Py_am_send, (void *)awaited_send},         {0, NULL}};
static PyType_Spec awaited_spec = {
    "_hotplate.Awaited", sizeof(struct hp_awaited), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, awaited_slots};

PyObject *hp_awaited_take(PyObject *coroutine, struct hp_cap_lane *lane, const struct hp_awaited_kind *kind,
                          int tag, PyObject *const held[HP_AWAITED_HELD])
{
    if (!PyCoro_CheckExact(coroutine)) {
        return coroutine;
    }
    struct hp_awaited *self = PyObject_GC_New(struct hp_awaited, (PyTypeObject *)type);
    if (self == NULL) {
        hp_swallow();
        return coroutine;
    }
    self->coroutine = coroutine;
    self->kind = kind;
    self->tag = tag;
    for (int i = 0; i < HP_AWAITED_HELD; i++) {
        self->held[i] = Py_XNewRef(held[i]);
    }
    hp_cap_lane_ref(lane);
    self->lane = lane;
    self->started = self->open = false;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

int hp_awaited_init(void)
{
    return type != NULL || (type = PyType_FromSpec(&awaited_spec)) != NULL ? 0 : -1;
}
