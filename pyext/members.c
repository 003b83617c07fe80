/* members.c -- see members.h; how dictionaries are laid out is in compat.h. */
#define HP_WANT_INTERPRETER
#include "members.h"

PyObject *hp_dict_ask(PyObject *dict, PyObject *name)
{
    struct hp_pending pending = hp_pending_save();
    PyObject *value = PyDict_GetItemWithError(dict, name);
    PyErr_Clear();
    hp_pending_restore(pending);
    return value;
}

PyObject *hp_own_ask(PyObject *object, PyObject *name)
{
    struct hp_pending pending = hp_pending_save();
    PyObject *members = PyObject_GenericGetDict(object, NULL);
    PyObject *value = members != NULL && PyDict_Check(members) ? hp_dict_ask(members, name) : NULL;
    Py_XDECREF(members); /* the object has it, too */
    PyErr_Clear();       /* a class of the application's own, without one */
    hp_pending_restore(pending);
    return value;
}

PyObject *hp_dict_find(PyObject *dict, PyObject *name)
{
    return hp_dict_look(dict, name);
}

PyObject *hp_own(PyObject *object, PyObject *name)
{
    return hp_own_look(object, name);
}
