/* members.h -- what dictionaries and objects hold, looked up as it lies in memory.
 *
 * Why: a request asks a dozen times (its environ, the framework's objects), and asking the interpreter takes
 * 110 instructions each, this 20 to 30.
 */
#ifndef HP_PYEXT_MEMBERS_H
#define HP_PYEXT_MEMBERS_H

#include "compat.h"

/* The value of an interned name in a dictionary. Borrowed; NULL: not there. Keeps the pending exception,
 * never raises. Hot: yes. */
PyObject *hp_dict_find(PyObject *dict, PyObject *name);

/* What an object has for itself under an interned name; its class is not asked. No dictionary is made for an
 * object that has none so far. Borrowed; NULL: nothing. Keeps the pending exception, never raises. Hot:
 * yes. */
PyObject *hp_own(PyObject *object, PyObject *name);

#endif
