/* testdoor.c -- for tests and benchmarks: the last finished request, decoded from its record; probes out and
 * in; look-ups as members.h makes them. Not promised to anybody. */
#include "hotplate/ext/inspect.h"
#include "hotplate/ext/waits.h"
#include "wrap.h"

PyDoc_STRVAR(keep_last_doc,
             "keep_last(keep) -> None\n\nFor tests: keep a copy of each record, for last_request().");

static PyObject *keep_last(PyObject *self, PyObject *keep)
{
    (void)self;
    hp_inspect_keep(keep == Py_True);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    last_request_doc,
    "last_request() -> dict | None\n\nFor tests: the last request that was recorded; None if there is none.");

static PyObject *last_request(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    uint8_t *text = NULL;
    size_t n = 0;
    hp_err err = hp_ext.cap == NULL ? HP_ESTATE : hp_inspect_last(hp_ext.cap, &text, &n);
    if (err == HP_ESTATE) {
        Py_RETURN_NONE;
    }
    if (err != HP_OK) {
        PyErr_Format(PyExc_RuntimeError, "hotplate: the last record cannot be read: %s", hp_err_text(err));
        return NULL;
    }
    PyObject *json = PyImport_ImportModule("json");
    PyObject *result =
        json == NULL ? NULL : PyObject_CallMethod(json, "loads", "s#", (const char *)text, (Py_ssize_t)n);
    Py_XDECREF(json);
    hp_cap_bytes_free(text);
    return result;
}

PyDoc_STRVAR(
    probe_waits_doc,
    "probe_waits(on) -> bool\n\nFor tests: the probes of blocking calls into the call slots, or out of "
    "them, for the requests that begin from now on; whether that was possible.");

static PyObject *probe_waits(PyObject *self, PyObject *on)
{
    (void)self;
    if (on == Py_True) {
        hp_waits_enable();
    } else if (hp_waits_on() && hp_waits_stop() != HP_OK) {
        Py_RETURN_FALSE;
    }
    return PyBool_FromLong(hp_waits_on() == (on == Py_True));
}

PyDoc_STRVAR(look_doc,
             "look(name, dict_or_object) -> value | None\n\nFor tests: what a dictionary holds under a name, "
             "or what an object has for itself.");

static PyObject *look(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *name, *object;
    if (!PyArg_ParseTuple(args, "UO", &name, &object)) {
        return NULL;
    }
    Py_INCREF(name);
    PyUnicode_InternInPlace(&name);
    PyObject *found = PyDict_Check(object) ? hp_dict_find(object, name) : hp_own(object, name);
    Py_DECREF(name);
    return Py_NewRef(found != NULL ? found : Py_None);
}

static PyMethodDef functions[] = {
    {"look", look, METH_VARARGS, look_doc},
    {"probe_waits", probe_waits, METH_O, probe_waits_doc},
    {"keep_last", keep_last, METH_O, keep_last_doc},
    {"last_request", last_request, METH_NOARGS, last_request_doc},
    {NULL, NULL, 0, NULL},
};

int hp_testdoor_init(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
