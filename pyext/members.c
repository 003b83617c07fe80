/* members.c -- see members.h; how dictionaries are laid out is in compat.h. Not inlined, however often a
 * request asks: its code is fetched once then, after the application has had the caches, and that counts for
 * more than calls. */
#define HP_WANT_INTERPRETER
#include "members.h"

__attribute__((cold)) PyObject *hp_dict_ask(PyObject *dict, PyObject *name)
{
    struct hp_pending pending = hp_pending_save();
    PyObject *value = PyDict_GetItemWithError(dict, name);
    PyErr_Clear();
    hp_pending_restore(pending);
    return value;
}

__attribute__((cold)) PyObject *hp_own_ask(PyObject *object, PyObject *name)
{
    struct hp_pending pending = hp_pending_save();
    PyObject *members = PyObject_GenericGetDict(object, NULL);
    PyObject *value = members != NULL && PyDict_Check(members) ? hp_dict_ask(members, name) : NULL;
    Py_XDECREF(members); /* the object has it, too */
    PyErr_Clear();       /* a class of the application's own, without one */
    hp_pending_restore(pending);
    return value;
}

__attribute__((noinline)) PyObject *hp_dict_find(PyObject *dict, PyObject *name)
{
    return hp_dict_look(dict, name);
}

__attribute__((noinline)) PyObject *hp_own(PyObject *object, PyObject *name)
{
    return hp_own_look(object, name);
}
