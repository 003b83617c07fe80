/* wrap.c -- the wrapper type, and the list of modules to hook. See wrap.h. */
#include "wrap.h"

#include <string.h>

static PyObject *wrap_type, *str_wrapped, *str_func; /* owned */

static struct {
    const char *name;
    hp_hook hook;
} hooks[64];
static size_t hook_count;

void hp_swallow(void)
{
    if (PyErr_Occurred()) {
        PyErr_Clear();
        if (hp_ext.cap != NULL) {
            hp_cap_error(hp_ext.cap);
        }
    }
}

/* ---- attributes ---- */

PyObject *hp_attribute(PyObject *object, PyObject *name)
{
    PyObject *value = NULL;
    if (hp_optional_attr(object, name, &value) < 0) {
        PyErr_Clear(); /* the application's own property failed: not there */
    }
    return value;
}

PyObject *hp_member(PyObject *object, PyObject *name)
{
    PyObject *value = hp_own(object, name);
    return value != NULL ? Py_NewRef(value) : hp_attribute(object, name);
}

PyObject *hp_generic_get(PyObject *object, PyObject *name)
{
    PyObject *value = PyObject_GenericGetAttr(object, name);
    if (value == NULL) {
        PyErr_Clear();
    }
    return value;
}

bool hp_generic_set(PyObject *object, PyObject *name, PyObject *value)
{
    if (PyObject_GenericSetAttr(object, name, value) == 0) {
        return true;
    }
    PyErr_Clear();
    return false;
}

PyObject *hp_keyword(PyObject *const *args, size_t nargsf, PyObject *names, const char *name)
{
    Py_ssize_t n = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    for (Py_ssize_t i = 0; i < n; i++) {
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, i), name) == 0) {
            return args[PyVectorcall_NARGS(nargsf) + i];
        }
    }
    return NULL;
}

/* ---- the type ---- */

static PyObject *wrap_vectorcall(PyObject *object, PyObject *const *args, size_t nargsf, PyObject *names)
{
    struct hp_wrap *wrap = (struct hp_wrap *)object;
    struct hp_cap_lane *lane = hp_lane_here();
    if (lane == NULL && !wrap->always) {
        return PyObject_Vectorcall(wrap->original, args, nargsf, names);
    }
    return wrap->handler(wrap, lane, args, nargsf, names);
}

static int wrap_traverse(struct hp_wrap *self, visitproc visit, void *arg)
{
    Py_VISIT(self->original);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static int wrap_clear(struct hp_wrap *self)
{
    Py_CLEAR(self->original);
    return 0;
}

static void wrap_dealloc(struct hp_wrap *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)wrap_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *wrap_get(PyObject *self, PyObject *object, PyObject *type)
{
    (void)type;
    return object == NULL || object == Py_None ? Py_NewRef(self) : PyMethod_New(self, object);
}

static PyObject *wrap_getattro(PyObject *self, PyObject *name)
{
    if (PyUnicode_Check(name) && PyUnicode_Compare(name, str_wrapped) == 0) {
        return Py_NewRef(((struct hp_wrap *)self)->original);
    }
    if (PyUnicode_Check(name) && (PyUnicode_CompareWithASCIIString(name, "__get__") == 0 ||
                                  PyUnicode_CompareWithASCIIString(name, "__reduce_ex__") == 0 ||
                                  PyUnicode_CompareWithASCIIString(name, "__call__") == 0)) {
        return PyObject_GenericGetAttr(self, name); /* binding and calling by name must not go round us */
    }
    return PyObject_GetAttr(((struct hp_wrap *)self)->original, name); /* __name__, __code__, __class__ … */
}

static int wrap_setattro(PyObject *self, PyObject *name, PyObject *value)
{
    return PyObject_SetAttr(((struct hp_wrap *)self)->original, name, value);
}

static PyObject *wrap_repr(PyObject *self)
{
    return PyObject_Repr(((struct hp_wrap *)self)->original);
}

/* Pickled as a function is: by its name, under which we are found again. */
static PyObject *wrap_reduce(PyObject *self, PyObject *protocol)
{
    (void)protocol;
    return PyObject_GetAttrString(((struct hp_wrap *)self)->original, "__qualname__");
}

static PyMethodDef wrap_methods[] = {
    {"__reduce_ex__", wrap_reduce, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static PyMemberDef wrap_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct hp_wrap, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyType_Slot wrap_slots[] = {{Py_tp_dealloc, (void *)wrap_dealloc},
                                   {Py_tp_call, (void *)PyVectorcall_Call},
                                   {Py_tp_descr_get, (void *)wrap_get},
                                   {Py_tp_getattro, (void *)wrap_getattro},
                                   {Py_tp_setattro, (void *)wrap_setattro},
                                   {Py_tp_traverse, (void *)wrap_traverse},
                                   {Py_tp_clear, (void *)wrap_clear},
                                   {Py_tp_repr, (void *)wrap_repr},
                                   {Py_tp_members, wrap_members},
                                   {Py_tp_methods, wrap_methods},
                                   {0, NULL}};
static PyType_Spec wrap_spec = {"_hotplate.Wrapper", sizeof(struct hp_wrap), 0,
                                Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                                    Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                wrap_slots};

static PyObject *wrap_new(PyObject *original, hp_wrap_handler handler, int tag, int flags)
{
    struct hp_wrap *wrap = PyObject_GC_New(struct hp_wrap, (PyTypeObject *)wrap_type);
    if (wrap == NULL) {
        return NULL;
    }
    wrap->original = Py_NewRef(original);
    wrap->vectorcall = wrap_vectorcall;
    wrap->handler = handler;
    wrap->tag = tag;
    wrap->always = (flags & HP_WRAP_ALWAYS) != 0;
    PyObject_GC_Track(wrap);
    return (PyObject *)wrap;
}

/* ---- putting wrappers in place ---- */

/* Whether a wrapper of this handler sits somewhere in the chain of __wrapped__. */
static bool is_wrapped(PyObject *function, hp_wrap_handler handler)
{
    PyObject *at = Py_NewRef(function);
    bool found = false;
    for (int i = 0; i < 16 && at != NULL && !found; i++) {
        found = Py_IS_TYPE(at, (PyTypeObject *)wrap_type) && ((struct hp_wrap *)at)->handler == handler;
        PyObject *inner = hp_attribute(at, str_wrapped);
        Py_SETREF(at, inner);
    }
    Py_XDECREF(at);
    return found;
}

static int wrap_in(PyObject *owner, const char *name, PyObject *original, hp_wrap_handler handler, int tag,
                   int flags)
{
    if (!PyCallable_Check(original) || is_wrapped(original, handler)) {
        return 0;
    }
    PyObject *wrap = wrap_new(original, handler, tag, flags);
    int failed = wrap == NULL || PyObject_SetAttrString(owner, name, wrap) != 0;
    Py_XDECREF(wrap);
    return failed ? -1 : 0;
}

int hp_wrap_own_method(PyObject *cls, const char *name, hp_wrap_handler handler, int tag, int flags)
{
    if (!PyType_Check(cls) || ((PyTypeObject *)cls)->tp_dict == NULL) {
        return 0;
    }
    PyObject *own = PyDict_GetItemString(((PyTypeObject *)cls)->tp_dict, name);
    return own == NULL ? 0 : wrap_in(cls, name, own, handler, tag, flags);
}

int hp_wrap_method(PyObject *cls, const char *name, hp_wrap_handler handler, int tag, int flags)
{
    PyObject *mro = PyType_Check(cls) ? ((PyTypeObject *)cls)->tp_mro : NULL;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *base = PyTuple_GET_ITEM(mro, i);
        PyObject *dict = ((PyTypeObject *)base)->tp_dict;
        if (base != (PyObject *)&PyBaseObject_Type && dict != NULL &&
            PyDict_GetItemString(dict, name) != NULL) {
            return hp_wrap_own_method(base, name, handler, tag, flags);
        }
    }
    return 0;
}

int hp_wrap_inherited(PyObject *cls, const char *name, hp_wrap_handler handler, int tag, int flags)
{
    PyObject *found = PyType_Check(cls) ? PyObject_GetAttrString(cls, name) : NULL;
    if (found == NULL) {
        PyErr_Clear(); /* not in this release */
        return 0;
    }
    int failed = wrap_in(cls, name, found, handler, tag, flags);
    Py_DECREF(found);
    return failed;
}

int hp_wrap_class_method(PyObject *cls, const char *name, hp_wrap_handler handler, int tag, int flags)
{
    PyObject *own = PyType_Check(cls) ? PyDict_GetItemString(((PyTypeObject *)cls)->tp_dict, name) : NULL;
    PyObject *function =
        own != NULL && Py_IS_TYPE(own, &PyClassMethod_Type) ? PyObject_GetAttrString(own, "__func__") : NULL;
    int failed = 0;
    if (function != NULL && !is_wrapped(function, handler)) {
        PyObject *wrap = wrap_new(function, handler, tag, flags);
        PyObject *method = wrap == NULL ? NULL : PyClassMethod_New(wrap);
        failed = method == NULL || PyObject_SetAttrString(cls, name, method) != 0;
        Py_XDECREF(method);
        Py_XDECREF(wrap);
    }
    Py_XDECREF(function);
    return failed || PyErr_Occurred() ? -1 : 0;
}

int hp_wrap_function(PyObject *module, const char *name, hp_wrap_handler handler, int tag, int flags)
{
    PyObject *dict = PyModule_Check(module) ? PyModule_GetDict(module) : NULL;
    PyObject *own = dict == NULL ? NULL : PyDict_GetItemString(dict, name);
    return own == NULL ? 0 : wrap_in(module, name, own, handler, tag, flags);
}

PyObject *hp_unwrap(PyObject *function)
{
    PyObject *at = Py_NewRef(function);
    for (int i = 0; i < 16; i++) {
        PyObject *inner = hp_attribute(at, str_wrapped);
        if (inner == NULL) {
            break;
        }
        Py_SETREF(at, inner);
    }
    return at;
}

PyCodeObject *hp_code_of(PyObject *callable)
{
    PyObject *at = Py_NewRef(callable);
    PyCodeObject *code = NULL;
    for (int i = 0; i < 16 && at != NULL; i++) {
        PyObject *inner;
        if (PyMethod_Check(at)) {
            inner = Py_NewRef(PyMethod_GET_FUNCTION(at));
        } else if ((inner = hp_attribute(at, str_wrapped)) == NULL) {
            if (PyFunction_Check(at)) {
                code = (PyCodeObject *)PyFunction_GET_CODE(
                    at); /* the function outlives this: the application holds it */
                break;
            }
            inner =
                strcmp(Py_TYPE(at)->tp_name, "functools.partial") == 0 ? hp_attribute(at, str_func) : NULL;
        }
        Py_SETREF(at, inner);
    }
    Py_XDECREF(at);
    return code;
}

/* ---- modules ---- */

void hp_hook_add(const char *module_name, hp_hook hook)
{
    if (hook_count < sizeof hooks / sizeof hooks[0]) {
        hooks[hook_count].name = module_name;
        hooks[hook_count++].hook = hook;
    }
}

PyDoc_STRVAR(hook_names_doc, "hook_names() -> list\n\nModules that want hook() when they are imported.");

static PyObject *hook_names(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    PyObject *names = PyList_New(0);
    for (size_t i = 0; names != NULL && i < hook_count; i++) {
        PyObject *name = PyUnicode_FromString(hooks[i].name);
        if (name == NULL || PyList_Append(names, name) != 0) {
            Py_CLEAR(names);
        }
        Py_XDECREF(name);
    }
    return names;
}

PyDoc_STRVAR(hook_doc, "hook(name, module) -> None\n\nPut our wrappers into an imported module. Idempotent. "
                       "What is not there is left out; never raises for it.");

static PyObject *hook(PyObject *self, PyObject *args)
{
    (void)self;
    const char *name;
    PyObject *module;
    if (!PyArg_ParseTuple(args, "sO", &name, &module)) {
        return NULL;
    }
    for (size_t i = 0; i < hook_count; i++) {
        if (strcmp(hooks[i].name, name) == 0 && hooks[i].hook(module) != 0) {
            hp_swallow();
        }
    }
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"hook_names", hook_names, METH_NOARGS, hook_names_doc},
    {"hook", hook, METH_VARARGS, hook_doc},
    {NULL, NULL, 0, NULL},
};

int hp_wrap_init(PyObject *module)
{
    if (wrap_type == NULL && ((str_wrapped = PyUnicode_InternFromString("__wrapped__")) == NULL ||
                              (str_func = PyUnicode_InternFromString("func")) == NULL ||
                              (wrap_type = PyType_FromSpec(&wrap_spec)) == NULL)) {
        return -1;
    }
    return hp_testdoor_init(module) != 0 ? -1 : PyModule_AddFunctions(module, functions);
}
